//! The pure operators on values: arithmetic, comparison, membership, tests on strings, index and
//! slice, and the connectives of three-valued logic.
//!
//! Null in gives null out, except where the result is certain without it. Integers never wrap: a
//! result that does not fit is an error. Floats follow IEEE 754.

use std::cell::RefCell;
use std::sync::Arc;

use hashbrown::HashMap;
use regex::Regex;
use retrograph_graph::value::Value;
use retrograph_graph::value::temporal::Duration;

use super::{list, overflow, temporal, text};
use crate::error::{QueryError, RuntimeError, RuntimeKind};
use crate::plan::expression::{Arithmetic, Comparison, StringTest};

type Outcome = Result<Value, QueryError>;

/// `left operator right`.
#[inline]
pub fn arithmetic(operator: Arithmetic, left: &Value, right: &Value) -> Outcome {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Int(left), Value::Int(right)) => integers(operator, *left, *right),
        (Value::Float(left), Value::Float(right)) => Ok(floats(operator, *left, *right)),
        #[allow(clippy::cast_precision_loss)]
        (Value::Int(left), Value::Float(right)) => Ok(floats(operator, *left as f64, *right)),
        #[allow(clippy::cast_precision_loss)]
        (Value::Float(left), Value::Int(right)) => Ok(floats(operator, *left, *right as f64)),
        _ => match operator {
            Arithmetic::Add => add(left, right),
            Arithmetic::Subtract => subtract(left, right),
            Arithmetic::Multiply => match (left, right) {
                (Value::Duration(duration), Value::Int(_) | Value::Float(_)) => {
                    temporal::multiply(duration, right)
                }
                (Value::Int(_) | Value::Float(_), Value::Duration(duration)) => {
                    temporal::multiply(duration, left)
                }
                _ => Err(no_operator("*", left, right)),
            },
            Arithmetic::Divide => match (left, right) {
                (Value::Duration(duration), Value::Int(_) | Value::Float(_)) => {
                    temporal::divide(duration, right)
                }
                _ => Err(no_operator("/", left, right)),
            },
            Arithmetic::Modulo => Err(no_operator("%", left, right)),
            Arithmetic::Power => Err(no_operator("^", left, right)),
        },
    }
}

fn integers(operator: Arithmetic, left: i64, right: i64) -> Outcome {
    let (symbol, result) = match operator {
        Arithmetic::Add => ("+", left.checked_add(right)),
        Arithmetic::Subtract => ("-", left.checked_sub(right)),
        Arithmetic::Multiply => ("*", left.checked_mul(right)),
        Arithmetic::Divide | Arithmetic::Modulo if right == 0 => {
            return Err(RuntimeError::new(
                RuntimeKind::ArithmeticError,
                "DivideByZero",
                format!("cannot divide the integer {left} by zero"),
            )
            .into());
        }
        Arithmetic::Divide => ("/", left.checked_div(right)),
        // The remainder of the least integer by -1 is 0, although the quotient does not fit.
        Arithmetic::Modulo => ("%", Some(left.wrapping_rem(right))),
        #[allow(clippy::cast_precision_loss)]
        Arithmetic::Power => return Ok(Value::Float((left as f64).powf(right as f64))),
    };
    result
        .map(Value::Int)
        .ok_or_else(|| overflow(format!("{left} {symbol} {right}")))
}

fn floats(operator: Arithmetic, left: f64, right: f64) -> Value {
    Value::Float(match operator {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
        Arithmetic::Modulo => left % right,
        Arithmetic::Power => left.powf(right),
    })
}

fn add(left: &Value, right: &Value) -> Outcome {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Ok(join(left, right)),
        (Value::List(left), Value::List(right)) => {
            Ok(list(left.iter().chain(right.iter()).cloned()))
        }
        (Value::List(items), item) => Ok(list(
            items.iter().cloned().chain(std::iter::once(item.clone())),
        )),
        (item, Value::List(items)) => Ok(list(
            std::iter::once(item.clone()).chain(items.iter().cloned()),
        )),
        (Value::String(left), Value::Int(_) | Value::Float(_) | Value::Bool(_)) => {
            Ok(join(left, &right.to_string()))
        }
        (Value::Int(_) | Value::Float(_) | Value::Bool(_), Value::String(right)) => {
            Ok(join(&left.to_string(), right))
        }
        (Value::Duration(left), Value::Duration(right)) => temporal::add_durations(left, right),
        (instant, Value::Duration(duration)) if temporal::is_instant(instant) => {
            temporal::add(instant, duration)
        }
        (Value::Duration(duration), instant) if temporal::is_instant(instant) => {
            temporal::add(instant, duration)
        }
        _ => Err(no_operator("+", left, right)),
    }
}

fn subtract(left: &Value, right: &Value) -> Outcome {
    match (left, right) {
        (Value::Duration(left), Value::Duration(right)) => {
            temporal::subtract_durations(left, right)
        }
        (instant, Value::Duration(duration)) if temporal::is_instant(instant) => {
            temporal::subtract(instant, duration)
        }
        _ => Err(no_operator("-", left, right)),
    }
}

fn join(left: &str, right: &str) -> Value {
    let mut joined = String::with_capacity(left.len() + right.len());
    joined.push_str(left);
    joined.push_str(right);
    text(joined)
}

fn no_operator(symbol: &str, left: &Value, right: &Value) -> QueryError {
    RuntimeError::type_error(format!(
        "there is no {} {symbol} {}",
        left.type_name(),
        right.type_name()
    ))
    .into()
}

/// `-value`.
pub fn negate(value: &Value) -> Outcome {
    match value {
        Value::Null => Ok(Value::Null),
        Value::Int(number) => number
            .checked_neg()
            .map(Value::Int)
            .ok_or_else(|| overflow(format!("-({number})"))),
        Value::Float(number) => Ok(Value::Float(-number)),
        Value::Duration(duration) => temporal::subtract_durations(&Duration::default(), duration),
        other => Err(RuntimeError::type_error(format!(
            "unary minus takes a number or a duration, but was given {}",
            other.type_name()
        ))
        .into()),
    }
}

/// `+value`.
pub fn plus(value: &Value) -> Outcome {
    match value {
        Value::Null | Value::Int(_) | Value::Float(_) | Value::Duration(_) => Ok(value.clone()),
        other => Err(RuntimeError::type_error(format!(
            "unary plus takes a number or a duration, but was given {}",
            other.type_name()
        ))
        .into()),
    }
}

/// A truth value as a value; none is null.
#[must_use]
#[inline]
fn truth_value(truth: Option<bool>) -> Value {
    truth.map_or(Value::Null, Value::Bool)
}

/// The truth value of an operand of a connective; null is none.
#[inline]
pub fn truth(value: &Value) -> Result<Option<bool>, QueryError> {
    match value {
        Value::Bool(truth) => Ok(Some(*truth)),
        Value::Null => Ok(None),
        other => Err(RuntimeError::type_error(format!(
            "a logical operator takes booleans, but was given {}",
            other.type_name()
        ))
        .into()),
    }
}

/// `left operator right` on values of any types.
#[must_use]
#[inline]
pub fn compare(operator: Comparison, left: &Value, right: &Value) -> Value {
    truth_value(match operator {
        Comparison::Equal => left.equals(right),
        Comparison::NotEqual => left.equals(right).map(|equal| !equal),
        Comparison::Less => left.compare(right).is_lt(),
        Comparison::LessOrEqual => left.compare(right).is_le(),
        Comparison::Greater => left.compare(right).is_gt(),
        Comparison::GreaterOrEqual => left.compare(right).is_ge(),
    })
}

/// `NOT value`.
pub fn not(value: &Value) -> Outcome {
    Ok(truth_value(truth(value)?.map(|truth| !truth)))
}

/// `left AND right`, both evaluated.
pub fn and(left: &Value, right: &Value) -> Outcome {
    Ok(truth_value(match (truth(left)?, truth(right)?) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }))
}

/// `left OR right`, both evaluated.
pub fn or(left: &Value, right: &Value) -> Outcome {
    Ok(truth_value(match (truth(left)?, truth(right)?) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }))
}

/// `left XOR right`.
pub fn xor(left: &Value, right: &Value) -> Outcome {
    let (left, right) = (truth(left)?, truth(right)?);
    Ok(truth_value(
        left.zip(right).map(|(left, right)| left != right),
    ))
}

/// `item IN list`: true if an item is surely equal, else null if one may be.
pub fn is_in(item: &Value, items: &Value) -> Outcome {
    match items {
        Value::Null => Ok(Value::Null),
        Value::List(items) => {
            let mut certain = true;
            for candidate in items.iter() {
                match item.equals(candidate) {
                    Some(true) => return Ok(Value::Bool(true)),
                    Some(false) => {}
                    None => certain = false,
                }
            }
            Ok(if certain {
                Value::Bool(false)
            } else {
                Value::Null
            })
        }
        other => Err(RuntimeError::type_error(format!(
            "IN takes a list, but was given {}",
            other.type_name()
        ))
        .into()),
    }
}

/// Patterns that come from data may be many: at this number a thread's cache starts anew.
const PATTERNS_MAX: usize = 64;

thread_local! {
    /// Compiled regular expressions by their text.
    static REGEXES: RefCell<HashMap<Arc<str>, Regex>> = RefCell::default();
}

/// Whether a pattern matches the whole of a string.
fn is_match(subject: &str, pattern: &Arc<str>) -> Result<bool, QueryError> {
    REGEXES.with_borrow_mut(|regexes| {
        if let Some(regex) = regexes.get(pattern) {
            return Ok(regex.is_match(subject));
        }
        // The pattern is compiled by itself as well, lest an unbalanced parenthesis in it closes the
        // group around it.
        let regex = Regex::new(pattern)
            .and_then(|_| Regex::new(&format!(r"\A(?:{pattern})\z")))
            .map_err(|error| {
                RuntimeError::argument(format!("'{pattern}' is no regular expression: {error}"))
            })?;
        if regexes.len() >= PATTERNS_MAX {
            regexes.clear();
        }
        let is_match = regex.is_match(subject);
        regexes.insert(pattern.clone(), regex);
        Ok(is_match)
    })
}

/// A test on strings; null if either operand is no string. Regular expressions match the whole
/// string; their compiled forms are kept for each thread.
pub fn string_test(test: StringTest, subject: &Value, other: &Value) -> Outcome {
    let (Value::String(subject), Value::String(other)) = (subject, other) else {
        return Ok(Value::Null);
    };
    Ok(Value::Bool(match test {
        StringTest::StartsWith => subject.starts_with(&**other),
        StringTest::EndsWith => subject.ends_with(&**other),
        StringTest::Contains => subject.contains(&**other),
        StringTest::Matches => is_match(subject, other)?,
    }))
}

/// `of[index]` on a list or map; elements of the graph are [`super::property::index`]'s.
pub fn index(of: &Value, index: &Value) -> Outcome {
    match (of, index) {
        (Value::Null, _) => Ok(Value::Null),
        (Value::List(_) | Value::Map(_), Value::Null) => Ok(Value::Null),
        (Value::List(items), Value::Int(place)) => Ok(place_from(*place, items.len())
            .and_then(|place| items.get(place))
            .cloned()
            .unwrap_or_default()),
        (Value::Map(map), Value::String(key)) => Ok(map.get(key).cloned().unwrap_or_default()),
        (Value::List(_), other) => Err(RuntimeError::new(
            RuntimeKind::TypeError,
            "ListElementAccessByNonInteger",
            format!(
                "a list is indexed by an integer, not by {}",
                other.type_name()
            ),
        )
        .into()),
        (Value::Map(_), other) => Err(RuntimeError::new(
            RuntimeKind::TypeError,
            "MapElementAccessByNonString",
            format!("a map is indexed by a string, not by {}", other.type_name()),
        )
        .into()),
        (other, _) => Err(RuntimeError::type_error(format!(
            "cannot index {}; only lists, maps, nodes and relationships are indexed",
            other.type_name()
        ))
        .into()),
    }
}

/// A place counted from the start, or if negative from the end; none before the start.
fn place_from(place: i64, length: usize) -> Option<usize> {
    if place >= 0 {
        return usize::try_from(place).ok();
    }
    length.checked_sub(usize::try_from(place.unsigned_abs()).ok()?)
}

/// `of[from..to]`; a bound that is given and null makes the result null.
pub fn slice(of: &Value, from: Option<&Value>, to: Option<&Value>) -> Outcome {
    let items = match of {
        Value::Null => return Ok(Value::Null),
        Value::List(items) => items,
        other => {
            return Err(RuntimeError::type_error(format!(
                "cannot slice {}; only lists are sliced",
                other.type_name()
            ))
            .into());
        }
    };
    let bound = |bound: Option<&Value>, absent: usize| match bound {
        None => Ok(Some(absent)),
        Some(Value::Null) => Ok(None),
        Some(Value::Int(place)) => {
            let place = if *place < 0 {
                place_from(*place, items.len()).unwrap_or(0)
            } else {
                usize::try_from(*place).unwrap_or(usize::MAX)
            };
            Ok(Some(place.min(items.len())))
        }
        Some(other) => Err(QueryError::from(RuntimeError::new(
            RuntimeKind::TypeError,
            "ListElementAccessByNonInteger",
            format!("a list is sliced by integers, not by {}", other.type_name()),
        ))),
    };
    let (from, to) = (bound(from, 0)?, bound(to, items.len())?);
    let (Some(from), Some(to)) = (from, to) else {
        return Ok(Value::Null);
    };
    Ok(list(
        items.get(from..to).unwrap_or_default().iter().cloned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_same, kind_of};
    use super::*;
    use Arithmetic::{Add, Divide, Modulo, Multiply, Power, Subtract};
    use Value::{Bool, Float, Int, Null};

    fn ints(items: &[i64]) -> Value {
        list(items.iter().copied().map(Int))
    }

    #[test]
    fn arithmetic_follows_the_table() {
        let cases = [
            (Add, Int(1), Int(2), Int(3)),
            (Add, Int(1), Float(0.5), Float(1.5)),
            (Add, Null, Int(1), Null),
            (Add, text("a"), Null, Null),
            (Add, text("a"), text("b"), text("ab")),
            (Add, text("a"), Int(1), text("a1")),
            (Add, Float(1.5), text("a"), text("1.5a")),
            (Add, ints(&[1, 10]), ints(&[4]), ints(&[1, 10, 4])),
            (Add, ints(&[1]), Int(2), ints(&[1, 2])),
            (Add, Int(0), ints(&[1]), ints(&[0, 1])),
            (Add, ints(&[1]), Null, Null),
            (Subtract, Int(1), Int(2), Int(-1)),
            (Subtract, Float(1.0), Int(2), Float(-1.0)),
            (Multiply, Int(3), Int(-4), Int(-12)),
            (Divide, Int(7), Int(2), Int(3)),
            (Divide, Int(-7), Int(2), Int(-3)),
            (Divide, Float(7.0), Int(2), Float(3.5)),
            (Divide, Float(1.0), Int(0), Float(f64::INFINITY)),
            (Divide, Float(0.0), Float(0.0), Float(f64::NAN)),
            (Modulo, Int(7), Int(-3), Int(1)),
            (Modulo, Int(-7), Int(3), Int(-1)),
            (Modulo, Int(i64::MIN), Int(-1), Int(0)),
            (Modulo, Float(7.5), Int(2), Float(1.5)),
            (Power, Int(2), Int(3), Float(8.0)),
            (Power, Int(2), Float(-1.0), Float(0.5)),
        ];
        for (operator, left, right, wanted) in cases {
            let got = arithmetic(operator, &left, &right).expect("no error");
            assert!(
                is_same(&got, &wanted),
                "{left:?} {operator:?} {right:?} = {got:?}"
            );
        }
    }

    #[test]
    fn arithmetic_errors_name_their_kind() {
        let overflow = ("ArithmeticError", "IntegerOverflow");
        let zero = ("ArithmeticError", "DivideByZero");
        let kind = ("TypeError", "InvalidArgumentType");
        let cases = [
            (Add, Int(i64::MAX), Int(1), overflow),
            (Subtract, Int(i64::MIN), Int(1), overflow),
            (Multiply, Int(i64::MAX), Int(2), overflow),
            (Divide, Int(i64::MIN), Int(-1), overflow),
            (Divide, Int(1), Int(0), zero),
            (Modulo, Int(1), Int(0), zero),
            (Add, Bool(true), Int(1), kind),
            (Subtract, text("a"), text("b"), kind),
            (Multiply, text("a"), Int(2), kind),
            (Divide, Int(2), text("a"), kind),
            (Modulo, ints(&[1]), Int(2), kind),
            (Power, Bool(true), Int(2), kind),
        ];
        for (operator, left, right, wanted) in cases {
            let error = arithmetic(operator, &left, &right).expect_err("an error");
            assert_eq!(kind_of(&error), wanted, "{left:?} {operator:?} {right:?}");
        }
        assert_eq!(
            kind_of(&negate(&Int(i64::MIN)).expect_err("overflow")),
            overflow
        );
        assert_eq!(kind_of(&negate(&text("a")).expect_err("type")), kind);
        assert_eq!(kind_of(&plus(&text("a")).expect_err("type")), kind);
        assert!(is_same(&negate(&Float(0.0)).expect("float"), &Float(-0.0)));
        assert!(is_same(&negate(&Null).expect("null"), &Null));
    }

    #[test]
    fn connectives_are_three_valued() {
        let (t, f, n) = (Bool(true), Bool(false), Null);
        let table = [
            (&t, &t, &t, &t, &f),
            (&t, &f, &f, &t, &t),
            (&t, &n, &n, &t, &n),
            (&f, &t, &f, &t, &t),
            (&f, &f, &f, &f, &f),
            (&f, &n, &f, &n, &n),
            (&n, &t, &n, &t, &n),
            (&n, &f, &f, &n, &n),
            (&n, &n, &n, &n, &n),
        ];
        for (left, right, both, either, one) in table {
            assert!(
                is_same(&and(left, right).expect("bool"), both),
                "{left:?} AND {right:?}"
            );
            assert!(
                is_same(&or(left, right).expect("bool"), either),
                "{left:?} OR {right:?}"
            );
            assert!(
                is_same(&xor(left, right).expect("bool"), one),
                "{left:?} XOR {right:?}"
            );
        }
        assert!(is_same(&not(&t).expect("bool"), &f));
        assert!(is_same(&not(&n).expect("bool"), &n));
        let error = and(&Bool(false), &Int(1)).expect_err("no boolean");
        assert_eq!(kind_of(&error), ("TypeError", "InvalidArgumentType"));
    }

    #[test]
    fn comparison_is_three_valued() {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let nan = Float(f64::NAN);
        let cases = [
            (Equal, Int(1), Float(1.0), Bool(true)),
            (NotEqual, nan.clone(), nan.clone(), Bool(true)),
            (Less, nan.clone(), Int(1), Bool(false)),
            (Less, nan, text("a"), Null),
            (GreaterOrEqual, Int(1), Null, Null),
            (LessOrEqual, Int(1), Float(1.0), Bool(true)),
            (Greater, text("b"), text("a"), Bool(true)),
        ];
        for (operator, left, right, wanted) in cases {
            let got = compare(operator, &left, &right);
            assert!(
                is_same(&got, &wanted),
                "{left:?} {operator:?} {right:?} = {got:?}"
            );
        }
    }

    #[test]
    fn membership_is_three_valued() {
        let with_null = list([Int(1), Null]);
        let cases = [
            (Int(1), ints(&[1, 2]), Bool(true)),
            (Int(3), ints(&[1, 2]), Bool(false)),
            (Int(1), with_null.clone(), Bool(true)),
            (Int(2), with_null, Null),
            (Null, list([]), Bool(false)),
            (Null, ints(&[1]), Null),
            (Int(1), Null, Null),
            (list([]), list([list([])]), Bool(true)),
        ];
        for (item, items, wanted) in cases {
            let got = is_in(&item, &items).expect("a list");
            assert!(is_same(&got, &wanted), "{item:?} IN {items:?} = {got:?}");
        }
        let error = is_in(&Int(1), &Int(1)).expect_err("no list");
        assert_eq!(kind_of(&error), ("TypeError", "InvalidArgumentType"));
    }

    #[test]
    fn string_tests_follow_the_table() {
        use StringTest::{Contains, EndsWith, Matches, StartsWith};
        let cases = [
            (StartsWith, text("ABCDEF"), text("AB"), Bool(true)),
            (StartsWith, text("ABCDEF"), text("ab"), Bool(false)),
            (EndsWith, text("AB"), text(""), Bool(true)),
            (Contains, text("a b"), text(" "), Bool(true)),
            (Contains, text("a"), Null, Null),
            (Contains, Int(1), text("1"), Null),
            (Matches, text("abc"), text("a.*"), Bool(true)),
            (Matches, text("abc"), text("b"), Bool(false)),
            (Matches, text("ab"), text("a|ab"), Bool(true)),
            (Matches, text("xb"), text("a|b"), Bool(false)),
            (Matches, text("ABC"), text("(?i)abc"), Bool(true)),
            (Matches, Null, text("a"), Null),
        ];
        for (test, subject, other, wanted) in cases {
            let got = string_test(test, &subject, &other).expect("no error");
            assert!(
                is_same(&got, &wanted),
                "{subject:?} {test:?} {other:?} = {got:?}"
            );
        }
        for bad in ["(", "a)|(?:b"] {
            let error = string_test(Matches, &text("a"), &text(bad)).expect_err("bad");
            assert_eq!(kind_of(&error), ("ArgumentError", "InvalidArgumentValue"));
        }
        for number in 0..200 {
            let pattern = text(format!("a{number}"));
            let got = string_test(Matches, &pattern, &pattern).expect("no error");
            assert!(is_same(&got, &Bool(true)));
        }
        assert!(REGEXES.with_borrow(HashMap::len) <= PATTERNS_MAX);
    }

    #[test]
    fn index_follows_the_table() {
        let map = Value::map([("name", text("Mats")), ("null", Int(1))]);
        let cases = [
            (ints(&[1, 2, 3]), Int(0), Int(1)),
            (ints(&[1, 2, 3]), Int(-1), Int(3)),
            (ints(&[1, 2, 3]), Int(3), Null),
            (ints(&[1, 2, 3]), Int(-4), Null),
            (ints(&[1]), Int(i64::MIN), Null),
            (ints(&[1]), Null, Null),
            (Null, Int(0), Null),
            (map.clone(), text("name"), text("Mats")),
            (map.clone(), text("nAme"), Null),
            (map.clone(), Null, Null),
        ];
        for (of, at, wanted) in cases {
            let got = index(&of, &at).expect("no error");
            assert!(is_same(&got, &wanted), "{of:?}[{at:?}] = {got:?}");
        }
        let errors = [
            (ints(&[1]), Float(4.7), "ListElementAccessByNonInteger"),
            (map, Int(0), "MapElementAccessByNonString"),
            (text("1"), Int(0), "InvalidArgumentType"),
            (Int(123), Int(0), "InvalidArgumentType"),
        ];
        for (of, at, detail) in errors {
            assert_eq!(
                kind_of(&index(&of, &at).expect_err("type")),
                ("TypeError", detail)
            );
        }
    }

    #[test]
    fn slice_follows_the_table() {
        let items = ints(&[1, 2, 3]);
        let (one, three, minus, null) = (Int(1), Int(3), Int(-5), Null);
        let cases = [
            (Some(&one), Some(&three), ints(&[2, 3])),
            (Some(&one), None, ints(&[2, 3])),
            (None, Some(&one), ints(&[1])),
            (Some(&three), Some(&one), ints(&[])),
            (Some(&minus), Some(&Int(5)), ints(&[1, 2, 3])),
            (Some(&Int(-3)), Some(&Int(-1)), ints(&[1, 2])),
            (Some(&null), None, Null),
            (Some(&one), Some(&null), Null),
        ];
        for (from, to, wanted) in cases {
            let got = slice(&items, from, to).expect("no error");
            assert!(is_same(&got, &wanted), "[{from:?}..{to:?}] = {got:?}");
        }
        assert!(is_same(
            &slice(&Null, Some(&one), None).expect("null"),
            &Null
        ));
        assert!(slice(&Int(1), None, None).is_err());
        assert!(slice(&items, Some(&Float(1.0)), None).is_err());
    }
}
