//! Conversions between types, and what type a value has.
//!
//! A string that does not read as the wanted type gives null; a value of a type that never converts
//! is an error, or null for the forms that end in `OrNull`.

use super::registry::{function, parameter};
use super::{CallContext, Function, list, overflow, text, wrong_type};
use crate::error::QueryError;
use crate::types::Type;
use retrograph_graph::value::Value;

type Outcome = Result<Value, QueryError>;

/// Whether a value of this type converts at all, and to what.
type Conversion = fn(&Value) -> Result<Option<Value>, QueryError>;

/// The three functions of one conversion: strict, `OrNull`, and over a list.
macro_rules! conversions {
    ($out:ident, $to:literal, $article:literal, $description:literal, $accepts:expr, $returns:expr, $convert:ident) => {
        $out.push(function(
            $to,
            $description,
            [parameter("input", $accepts)],
            $returns,
            |_, arguments| {
                $convert(&arguments[0])?.ok_or_else(|| {
                    wrong_type($to, concat!("what converts to ", $article), &arguments[0])
                })
            },
        ));
        $out.push(function(
            concat!($to, "OrNull"),
            concat!(
                "The value as ",
                $article,
                "; null if it does not convert to one."
            ),
            [parameter("input", [Type::Any])],
            $returns,
            |_, arguments| Ok($convert(&arguments[0])?.unwrap_or_default()),
        ));
        $out.push(function(
            concat!($to, "List"),
            concat!(
                "The items of a list, each as ",
                $article,
                " or null if it does not convert."
            ),
            [parameter("input", [Type::list()])],
            Type::List(Box::new($returns)),
            |_, arguments| convert_items(concat!($to, "List"), &arguments[0], $convert),
        ));
    };
}

pub(super) fn functions() -> Vec<Function> {
    let mut out = Vec::new();
    conversions!(
        out,
        "toBoolean",
        "a boolean",
        "The value as a boolean; null for a string other than true and false.",
        [Type::Boolean, Type::Integer, Type::String],
        Type::Boolean,
        to_boolean
    );
    conversions!(
        out,
        "toInteger",
        "an integer",
        "The value as an integer, without its fraction; null for a string that is no number.",
        [Type::Number, Type::Boolean, Type::String],
        Type::Integer,
        to_integer
    );
    conversions!(
        out,
        "toFloat",
        "a float",
        "The value as a float; null for a string that is no number.",
        [Type::Number, Type::String],
        Type::Float,
        to_float
    );
    conversions!(
        out,
        "toString",
        "a string",
        "The value as a string.",
        [
            Type::String,
            Type::Number,
            Type::Boolean,
            Type::Date,
            Type::LocalTime,
            Type::Time,
            Type::LocalDateTime,
            Type::DateTime,
            Type::Duration,
            Type::Point,
        ],
        Type::String,
        to_text
    );
    out.extend([
        function(
            "nullIf",
            "Null if the two are equal, else the first.",
            [
                parameter("value", [Type::Any]),
                parameter("other", [Type::Any]),
            ],
            Type::Any,
            |_, arguments| {
                let is_equal = arguments[0].equals(&arguments[1]) == Some(true);
                Ok(if is_equal {
                    Value::Null
                } else {
                    arguments[0].clone()
                })
            },
        )
        .sees_null(),
        function(
            "valueType",
            "The most precise name of a value's type.",
            [parameter("input", [Type::Any])],
            Type::String,
            |_, arguments| Ok(text(super::types::type_text(&arguments[0]))),
        )
        .sees_null(),
        function(
            "randomUUID",
            "A random UUID of version 4.",
            [],
            Type::String,
            random_uuid,
        )
        .volatile(),
    ]);
    out
}

fn to_boolean(value: &Value) -> Result<Option<Value>, QueryError> {
    Ok(Some(match value {
        Value::Bool(_) => value.clone(),
        Value::Int(number) => Value::Bool(*number != 0),
        Value::String(written) => {
            let written = written.trim();
            if written.eq_ignore_ascii_case("true") {
                Value::Bool(true)
            } else if written.eq_ignore_ascii_case("false") {
                Value::Bool(false)
            } else {
                Value::Null
            }
        }
        _ => return Ok(None),
    }))
}

fn to_integer(value: &Value) -> Result<Option<Value>, QueryError> {
    Ok(Some(match value {
        Value::Int(_) => value.clone(),
        Value::Bool(truth) => Value::Int(i64::from(*truth)),
        Value::Float(number) => {
            Value::Int(truncated(*number).ok_or_else(|| overflow(format!("toInteger({number})")))?)
        }
        Value::String(written) => {
            let written = written.trim();
            match written.parse() {
                Ok(number) => Value::Int(number),
                Err(_) => float_from(written)
                    .and_then(truncated)
                    .map_or(Value::Null, Value::Int),
            }
        }
        _ => return Ok(None),
    }))
}

/// A float without its fraction, if it fits.
fn truncated(number: f64) -> Option<i64> {
    // 2⁶³ is the first float above the integers, -2⁶³ is the least of them.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    #[allow(clippy::cast_possible_truncation)]
    (-LIMIT..LIMIT).contains(&number).then_some(number as i64)
}

fn to_float(value: &Value) -> Result<Option<Value>, QueryError> {
    Ok(Some(match value {
        Value::Float(_) => value.clone(),
        #[allow(clippy::cast_precision_loss)]
        Value::Int(number) => Value::Float(*number as f64),
        Value::String(written) => float_from(written.trim()).map_or(Value::Null, Value::Float),
        _ => return Ok(None),
    }))
}

/// A float written in decimal, or one of the names of the special numbers.
fn float_from(written: &str) -> Option<f64> {
    match written {
        "NaN" => Some(f64::NAN),
        "Infinity" | "+Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        // Rust reads more names than Cypher writes.
        _ if written
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) =>
        {
            written.parse().ok()
        }
        _ => None,
    }
}

fn to_text(value: &Value) -> Result<Option<Value>, QueryError> {
    Ok(match value {
        Value::String(_) => Some(value.clone()),
        Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Date(_)
        | Value::LocalTime(_)
        | Value::Time(_)
        | Value::LocalDateTime(_)
        | Value::DateTime(_)
        | Value::Duration(_)
        | Value::Point(_) => Some(text(value.to_string())),
        _ => None,
    })
}

fn convert_items(name: &str, argument: &Value, convert: Conversion) -> Outcome {
    let Value::List(items) = argument else {
        return Err(wrong_type(name, "a list", argument));
    };
    let converted: Result<Vec<Value>, QueryError> = items
        .iter()
        .map(|item| Ok(convert(item)?.unwrap_or_default()))
        .collect();
    Ok(list(converted?))
}

fn random_uuid(context: &mut CallContext<'_>, _: &[Value]) -> Outcome {
    let mut bytes = [0; 16];
    for half in bytes.chunks_exact_mut(8) {
        half.copy_from_slice(&(context.random)().to_le_bytes());
    }
    Ok(text(
        uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .to_string(),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::strings::string;
    use super::super::testing::{error_of, eval, evaluates};
    use super::*;
    use Value::{Bool, Float, Int, Null};

    #[test]
    fn results_follow_the_table() {
        evaluates(&[
            ("toBoolean", vec![Bool(true)], Bool(true)),
            ("toBoolean", vec![text(" TRUE ")], Bool(true)),
            ("toBoolean", vec![text("false")], Bool(false)),
            ("toBoolean", vec![text("yes")], Null),
            ("toBoolean", vec![Int(0)], Bool(false)),
            ("toBoolean", vec![Null], Null),
            ("toBooleanOrNull", vec![Float(1.0)], Null),
            ("toBooleanOrNull", vec![text("true")], Bool(true)),
            (
                "toBooleanList",
                vec![list([text("true"), Float(1.0), Null])],
                list([Bool(true), Null, Null]),
            ),
            ("toInteger", vec![Float(82.9)], Int(82)),
            ("toInteger", vec![Float(-2.9)], Int(-2)),
            ("toInteger", vec![text("2.9")], Int(2)),
            ("toInteger", vec![text(" 42 ")], Int(42)),
            ("toInteger", vec![text("1e3")], Int(1000)),
            ("toInteger", vec![text("foo")], Null),
            ("toInteger", vec![text("")], Null),
            ("toInteger", vec![text("9223372036854775808")], Null),
            (
                "toInteger",
                vec![text("-9223372036854775808")],
                Int(i64::MIN),
            ),
            ("toInteger", vec![Bool(true)], Int(1)),
            ("toInteger", vec![Null], Null),
            ("toIntegerOrNull", vec![list([])], Null),
            (
                "toIntegerList",
                vec![list([text("2"), text("x"), Float(2.5)])],
                list([Int(2), Null, Int(2)]),
            ),
            ("toFloat", vec![Int(3)], Float(3.0)),
            ("toFloat", vec![Float(3.4)], Float(3.4)),
            ("toFloat", vec![text("5")], Float(5.0)),
            ("toFloat", vec![text(" -1.5e2 ")], Float(-150.0)),
            ("toFloat", vec![text("foo")], Null),
            ("toFloat", vec![text("inf")], Null),
            ("toFloat", vec![text("")], Null),
            ("toFloat", vec![text("NaN")], Float(f64::NAN)),
            ("toFloat", vec![Null], Null),
            ("toFloatOrNull", vec![Bool(true)], Null),
            (
                "toFloatList",
                vec![list([Int(1), text("x")])],
                list([Float(1.0), Null]),
            ),
            ("toString", vec![Bool(true)], text("true")),
            ("toString", vec![Int(-4)], text("-4")),
            ("toString", vec![Float(2.3)], text("2.3")),
            ("toString", vec![Float(1.0)], text("1.0")),
            ("toString", vec![text("it's")], text("it's")),
            ("toString", vec![Null], Null),
            ("toStringOrNull", vec![list([])], Null),
            (
                "toStringList",
                vec![list([Int(1), list([])])],
                list([text("1"), Null]),
            ),
            ("nullIf", vec![Int(1), Float(1.0)], Null),
            ("nullIf", vec![Int(1), Int(2)], Int(1)),
            ("nullIf", vec![Int(1), Null], Int(1)),
            ("nullIf", vec![Null, Null], Null),
            ("valueType", vec![Null], text("NULL")),
            ("valueType", vec![Int(1)], text("INTEGER NOT NULL")),
            ("valueType", vec![list([])], text("LIST<NOTHING> NOT NULL")),
            (
                "valueType",
                vec![list([text("a"), Int(1), Int(2)])],
                text("LIST<STRING NOT NULL | INTEGER NOT NULL> NOT NULL"),
            ),
        ]);
    }

    #[test]
    fn wrong_arguments_are_errors() {
        let kind = ("TypeError", "InvalidArgumentValue");
        let map = Value::Map(Default::default());
        for (name, wrong) in [
            ("toBoolean", Float(1.0)),
            ("toBoolean", list([])),
            ("toInteger", list([])),
            ("toInteger", map.clone()),
            ("toFloat", Bool(true)),
            ("toFloat", list([])),
            ("toString", list([])),
            ("toString", map),
            ("toStringList", Int(1)),
        ] {
            assert_eq!(error_of(name, &[wrong]), kind, "{name}");
        }
        for beyond in [1e300, f64::NAN, f64::INFINITY, 9_223_372_036_854_775_808.0] {
            let got = error_of("toInteger", &[Float(beyond)]);
            assert_eq!(got, ("ArithmeticError", "IntegerOverflow"));
        }
    }

    #[test]
    fn a_random_uuid_has_version_four() {
        let uuid = eval("randomUUID", &[]).expect("a string");
        let written = string("test", &uuid).expect("a string").to_owned();
        let parsed = uuid::Uuid::parse_str(&written).expect("a UUID");
        assert_eq!(parsed.get_version_num(), 4);
    }
}
