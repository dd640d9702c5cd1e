//! Functions by the names that clients know them by from the APOC library.

use std::sync::Arc;

use retrograph_graph::value::{Map, Value};

use super::registry::{function, parameter};
use super::{CallContext, Function, property, text};
use crate::error::QueryError;
use crate::types::Type;

/// The functions.
pub(super) fn functions() -> Vec<Function> {
    let thing = |name| parameter(name, [Type::Node, Type::Relationship, Type::Map]);
    vec![
        function(
            "apoc.any.property",
            "A property of a node or relationship, or an entry of a map; null if there is none.",
            [thing("thing"), parameter("key", [Type::String])],
            Type::Any,
            |context, arguments| property::index(context, &arguments[0], &arguments[1]),
        ),
        function(
            "apoc.meta.cypher.types",
            "The names of the types of the properties of a node or relationship, or of the entries of a map.",
            [thing("props")],
            Type::Map,
            types,
        ),
    ]
}

fn types(context: &mut CallContext<'_>, arguments: &[Value]) -> Result<Value, QueryError> {
    let named = |(key, value): (&Arc<str>, &Value)| (Arc::clone(key), text(type_text(value)));
    let properties = property::properties_of(context, &arguments[0])?;
    let types: Map = properties.iter().map(named).collect();
    Ok(Value::Map(Arc::new(types)))
}

/// The name of a type with underscores: `DATE_TIME`, `LIST OF INTEGER`.
fn type_text(value: &Value) -> String {
    match value {
        Value::List(items) => {
            let mut names = items.iter().map(type_text);
            match names.next() {
                Some(first) if names.all(|name| name == first) => format!("LIST OF {first}"),
                _ => "LIST OF ANY".to_owned(),
            }
        }
        Value::Time(_) => "TIME".to_owned(),
        Value::LocalTime(_) => "LOCAL_TIME".to_owned(),
        Value::DateTime(_) => "DATE_TIME".to_owned(),
        Value::LocalDateTime(_) => "LOCAL_DATE_TIME".to_owned(),
        other => other.type_name().replace(' ', "_"),
    }
}
