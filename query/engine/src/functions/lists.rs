//! Functions on lists, and those that lists share with strings and maps.

use super::registry::{function, parameter};
use super::strings::char_count;
use super::{CallContext, Function, list, out_of_range, text, wrong_type};
use crate::error::{QueryError, RuntimeError, RuntimeKind};
use crate::types::Type;
use retrograph_graph::value::Value;

type Outcome = Result<Value, QueryError>;

pub(super) fn functions() -> Vec<Function> {
    let items = || parameter("list", [Type::list()]);
    // Wrong types of range() are errors of the run, so anything is accepted here.
    let bound = |name| parameter(name, [Type::Any]);
    vec![
        function(
            "size",
            "The number of items of a list or of characters of a string.",
            [parameter("input", [Type::list(), Type::String])],
            Type::Integer,
            size,
        ),
        function(
            "head",
            "The first item of a list; null if it is empty.",
            [items()],
            Type::Any,
            |_, arguments| {
                Ok(items_of("head", &arguments[0])?
                    .first()
                    .cloned()
                    .unwrap_or_default())
            },
        ),
        function(
            "last",
            "The last item of a list; null if it is empty.",
            [items()],
            Type::Any,
            |_, arguments| {
                Ok(items_of("last", &arguments[0])?
                    .last()
                    .cloned()
                    .unwrap_or_default())
            },
        ),
        function(
            "tail",
            "All items of a list but the first.",
            [items()],
            Type::list(),
            |_, arguments| {
                let items = items_of("tail", &arguments[0])?;
                Ok(list(items.get(1..).unwrap_or_default().iter().cloned()))
            },
        ),
        function(
            "reverse",
            "The items of a list or the characters of a string in reverse order.",
            [parameter("input", [Type::list(), Type::String])],
            Type::Any,
            reverse,
        ),
        function(
            "range",
            "The integers from a first to at most a last, one step apart.",
            [bound("start"), bound("end"), bound("step")],
            Type::List(Box::new(Type::Integer)),
            range,
        )
        .optional(1),
        function(
            "isEmpty",
            "Whether a list or map has no items or a string no characters.",
            [parameter("input", [Type::list(), Type::Map, Type::String])],
            Type::Boolean,
            is_empty,
        ),
    ]
}

fn items_of<'a>(name: &str, argument: &'a Value) -> Result<&'a [Value], QueryError> {
    match argument {
        Value::List(items) => Ok(items),
        other => Err(wrong_type(name, "a list", other)),
    }
}

fn size(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    match &arguments[0] {
        Value::List(items) => Ok(Value::Int(i64::try_from(items.len()).unwrap_or(i64::MAX))),
        Value::String(value) => Ok(char_count(value)),
        other => Err(wrong_type("size", "a list or a string", other)),
    }
}

fn reverse(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    match &arguments[0] {
        Value::List(items) => Ok(list(items.iter().rev().cloned())),
        Value::String(value) => Ok(text(value.chars().rev().collect::<String>())),
        other => Err(wrong_type("reverse", "a list or a string", other)),
    }
}

fn is_empty(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    Ok(Value::Bool(match &arguments[0] {
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::String(value) => value.is_empty(),
        other => return Err(wrong_type("isEmpty", "a list, a map or a string", other)),
    }))
}

/// So many items of a list are made between two looks at the limits of the query.
const ITEMS_BETWEEN_CHECKS: usize = 1 << 16;

fn range(context: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    let mut items = range_items(arguments)?;
    let count = usize::try_from(items.count_left()).unwrap_or(usize::MAX);
    // Twice: the items are collected before they are shared.
    (context.check)(count.saturating_mul(2 * size_of::<Value>()))?;
    let mut values = Vec::with_capacity(count);
    while items.count_left() > 0 {
        values.extend(items.by_ref().take(ITEMS_BETWEEN_CHECKS).map(Value::Int));
        (context.check)(0)?;
    }
    Ok(Value::List(values.into()))
}

/// The integers of a `range()`, one at a time, so that UNWIND need not hold them all.
#[derive(Clone, Debug)]
pub struct RangeItems {
    next: i64,
    step: i64,
    left: u64,
}

impl Iterator for RangeItems {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        self.left = self.left.checked_sub(1)?;
        let item = self.next;
        // The step after the last item may leave the integers; that item is never used.
        self.next = self.next.wrapping_add(self.step);
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left);
        (left.unwrap_or(usize::MAX), left.ok())
    }
}

impl RangeItems {
    /// How many integers are left.
    #[must_use]
    pub fn count_left(&self) -> u64 {
        self.left
    }
}

/// The largest list that `range()` makes. Longer ranges are an error rather than a member out of
/// memory; UNWIND does not make a list.
const RANGE_ITEMS_MAX: u64 = 1 << 27;

/// The integers of `range(start, end[, step])`; none of the arguments may be null.
pub fn range_items_unbounded(arguments: &[Value]) -> Result<RangeItems, QueryError> {
    let integer = |argument: &Value| match argument {
        Value::Int(value) => Ok(*value),
        other => Err(QueryError::from(RuntimeError::new(
            RuntimeKind::ArgumentError,
            "InvalidArgumentType",
            format!(
                "range() takes integers, but was given {}",
                other.type_name()
            ),
        ))),
    };
    let start = integer(arguments.first().unwrap_or(&Value::Null))?;
    let end = integer(arguments.get(1).unwrap_or(&Value::Null))?;
    let step = arguments.get(2).map_or(Ok(1), integer)?;
    if step == 0 {
        return Err(out_of_range("the step of range() must not be 0"));
    }
    let runs_away = if step > 0 { start > end } else { start < end };
    let left = if runs_away {
        0
    } else {
        (end.abs_diff(start) / step.unsigned_abs()).saturating_add(1)
    };
    Ok(RangeItems {
        next: start,
        step,
        left,
    })
}

fn range_items(arguments: &[Value]) -> Result<RangeItems, QueryError> {
    let items = range_items_unbounded(arguments)?;
    if items.left > RANGE_ITEMS_MAX {
        return Err(out_of_range(format!(
            "range() makes lists of at most {RANGE_ITEMS_MAX} items, not {}",
            items.left
        )));
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{error_of, evaluates};
    use super::*;

    fn ints(items: &[i64]) -> Value {
        list(items.iter().copied().map(Value::Int))
    }

    #[test]
    fn results_follow_the_table() {
        let int = Value::Int;
        let nested = list([list([]), list([])]);
        evaluates(&[
            ("size", vec![ints(&[1, 2, 3])], int(3)),
            ("size", vec![nested], int(2)),
            ("size", vec![text("äöü")], int(3)),
            ("size", vec![Value::Null], Value::Null),
            ("head", vec![ints(&[1, 2])], int(1)),
            ("head", vec![list([])], Value::Null),
            ("last", vec![ints(&[1, 2])], int(2)),
            ("last", vec![Value::Null], Value::Null),
            ("tail", vec![ints(&[1, 2, 3])], ints(&[2, 3])),
            ("tail", vec![list([])], list([])),
            ("reverse", vec![ints(&[1, 2])], ints(&[2, 1])),
            ("reverse", vec![text("raksO")], text("Oskar")),
            ("reverse", vec![Value::Null], Value::Null),
            ("isEmpty", vec![list([])], Value::Bool(true)),
            ("isEmpty", vec![text("a")], Value::Bool(false)),
            (
                "isEmpty",
                vec![Value::Map(Default::default())],
                Value::Bool(true),
            ),
            ("range", vec![int(0), int(3)], ints(&[0, 1, 2, 3])),
            (
                "range",
                vec![int(1381), int(-3412), int(-1298)],
                ints(&[1381, 83, -1215, -2513]),
            ),
            ("range", vec![int(0), int(1), int(-1)], list([])),
            ("range", vec![int(0), int(-123), int(1)], list([])),
            ("range", vec![int(0), int(0), int(-1)], ints(&[0])),
            (
                "range",
                vec![int(-10), int(10), int(3)],
                ints(&[-10, -7, -4, -1, 2, 5, 8]),
            ),
            (
                "range",
                vec![int(i64::MAX - 1), int(i64::MAX)],
                ints(&[i64::MAX - 1, i64::MAX]),
            ),
            (
                "range",
                vec![int(i64::MIN), int(i64::MAX), int(i64::MAX)],
                ints(&[i64::MIN, -1, i64::MAX - 1]),
            ),
            ("range", vec![int(0), Value::Null], Value::Null),
        ]);
    }

    #[test]
    fn wrong_arguments_are_errors() {
        let kind = ("TypeError", "InvalidArgumentValue");
        assert_eq!(error_of("size", &[Value::Int(1)]), kind);
        assert_eq!(error_of("head", &[Value::Int(1)]), kind);
        assert_eq!(error_of("tail", &[text("a")]), kind);
        assert_eq!(error_of("reverse", &[Value::Int(1)]), kind);
        assert_eq!(error_of("isEmpty", &[Value::Int(1)]), kind);
        let out = ("ArgumentError", "NumberOutOfRange");
        let (zero, eight) = (Value::Int(0), Value::Int(8));
        assert_eq!(
            error_of("range", &[Value::Int(2), eight, zero.clone()]),
            out
        );
        assert_eq!(
            error_of("range", &[zero.clone(), Value::Int(i64::MAX)]),
            out
        );
        for wrong in [
            Value::Bool(true),
            Value::Float(-0.0),
            text("xyz"),
            ints(&[0]),
        ] {
            let got = error_of("range", &[zero.clone(), wrong]);
            assert_eq!(got, ("ArgumentError", "InvalidArgumentType"));
        }
    }

    #[test]
    fn a_range_counts_without_a_list() {
        let items =
            range_items_unbounded(&[Value::Int(0), Value::Int(i64::MAX)]).expect("integers");
        assert_eq!(items.count_left(), 1 << 63);
    }
}
