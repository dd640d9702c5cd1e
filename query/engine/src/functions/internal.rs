//! Functions that operators of the language stand for. No query can call them by name.

use std::sync::LazyLock;

use retrograph_graph::value::Value;

use super::registry::{function, parameter};
use super::strings::{is_normalized, string};
use super::{Function, list, text};
use crate::error::{QueryError, RuntimeError};
use crate::types::Type;

/// `left || right`.
pub static CONCATENATE: LazyLock<Function> = LazyLock::new(|| {
    let operand = |name| parameter(name, [Type::String, Type::list()]);
    function(
        "||",
        "Two strings or two lists joined.",
        [operand("left"), operand("right")],
        Type::Any,
        |_, arguments| concatenate(&arguments[0], &arguments[1]),
    )
});

/// `text IS NFC NORMALIZED`, the form given as a string; null for what is no string.
pub static IS_NORMALIZED: LazyLock<Function> = LazyLock::new(|| {
    let input = parameter("input", [Type::Any]);
    let form = parameter("form", [Type::String]);
    function(
        "IS NORMALIZED",
        "Whether a string is in a normal form.",
        [input, form],
        Type::Boolean,
        |_, arguments| {
            let Value::String(input) = &arguments[0] else {
                return Ok(Value::Null);
            };
            is_normalized(input, string("IS NORMALIZED", &arguments[1])?).map(Value::Bool)
        },
    )
});

fn concatenate(left: &Value, right: &Value) -> Result<Value, QueryError> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Ok(text(format!("{left}{right}"))),
        (Value::List(left), Value::List(right)) => {
            Ok(list(left.iter().chain(right.iter()).cloned()))
        }
        _ => Err(RuntimeError::type_error(format!(
            "`||` joins two strings or two lists, not {} and {}",
            left.type_name(),
            right.type_name()
        ))
        .into()),
    }
}
