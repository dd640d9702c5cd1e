//! Functions that operators of the language stand for. No query can call them by name.

use std::sync::{Arc, LazyLock};

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

/// `element:$(names)`, `element:$any(names)`: whether an element has all or any of these labels, or a
/// relationship this type.
pub static HAS_LABELS: LazyLock<Function> = LazyLock::new(|| {
    let element = parameter("element", [Type::Node, Type::Relationship]);
    let names = parameter("names", [Type::String, Type::list()]);
    let any = parameter("any", [Type::Boolean]);
    function(
        "has labels",
        "Whether an element has labels given by name.",
        [element, names, any],
        Type::Boolean,
        |context, arguments| {
            let names = names_of(&arguments[1])?;
            let own: Vec<Arc<str>> = match &arguments[0] {
                Value::Node(_) => names_of(&super::graph::labels(context, arguments)?)?,
                _ => names_of(&super::graph::relationship_type(context, arguments)?)?,
            };
            let has = |name: &Arc<str>| own.contains(name);
            Ok(Value::Bool(if arguments[2] == Value::Bool(true) {
                names.iter().any(has)
            } else {
                names.iter().all(has)
            }))
        },
    )
});

/// The names that a string or a list of strings gives.
pub(crate) fn names_of(value: &Value) -> Result<Vec<Arc<str>>, QueryError> {
    let name = |value: &Value| match value {
        Value::String(name) if !name.is_empty() => Ok(Arc::clone(name)),
        Value::String(_) => {
            Err(RuntimeError::argument("a label or type has a name, not ''").into())
        }
        other => Err(RuntimeError::type_error(format!(
            "labels and types are named by strings, not by {}",
            other.type_name()
        ))
        .into()),
    };
    match value {
        Value::List(names) => names.iter().map(name).collect(),
        one => Ok(vec![name(one)?]),
    }
}

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
