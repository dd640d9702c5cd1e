//! Access to the components of values: properties of elements, entries of maps, and the parts of
//! temporal values, durations and points.

use std::sync::Arc;

use retrograph_graph::ids::{ElementId, KeyId};
use retrograph_graph::value::{Map, Value};

use super::{CallContext, operators, spatial, temporal};
use crate::error::{QueryError, RuntimeError, RuntimeKind};
use crate::plan::expression::KeyToken;

type Outcome = Result<Value, QueryError>;

/// `of.key`: null on null and where the element, map or value has no such component; an error on a
/// value without components.
pub fn property_of(context: &CallContext<'_>, of: &Value, key: &KeyToken) -> Outcome {
    match of {
        Value::Node(node) => element_property(context, node.id.into(), node.view, key),
        Value::Relationship(relationship) => {
            element_property(context, relationship.id.into(), relationship.view, key)
        }
        other => component(other, &key.name),
    }
}

/// `of[index]`: an item of a list, an entry of a map, or a property of an element by its name.
pub fn index(context: &CallContext<'_>, of: &Value, index: &Value) -> Outcome {
    let (element, view): (ElementId, u8) = match of {
        Value::Node(node) => (node.id.into(), node.view),
        Value::Relationship(relationship) => (relationship.id.into(), relationship.view),
        _ => return operators::index(of, index),
    };
    match index {
        Value::Null => Ok(Value::Null),
        Value::String(name) => {
            let key = KeyToken {
                name: name.clone(),
                id: None,
            };
            element_property(context, element, view, &key)
        }
        other => Err(RuntimeError::new(
            RuntimeKind::TypeError,
            "MapElementAccessByNonString",
            format!(
                "an element is indexed by the name of a property, not by {}",
                other.type_name()
            ),
        )
        .into()),
    }
}

/// The properties of an element or the entries of a map; an error for other values, null too.
pub fn properties_of(context: &CallContext<'_>, of: &Value) -> Result<Map, QueryError> {
    let (properties, view) = match of {
        Value::Map(map) => return Ok((**map).clone()),
        Value::Node(node) => {
            let data = context.view(node.view).node(node.id)?;
            (
                data.ok_or_else(|| deleted(node.id.into()))?.properties()?,
                node.view,
            )
        }
        Value::Relationship(relationship) => {
            let data = context
                .view(relationship.view)
                .relationship(relationship.id)?;
            let data = data.ok_or_else(|| deleted(relationship.id.into()))?;
            (data.properties()?, relationship.view)
        }
        other => {
            return Err(RuntimeError::type_error(format!(
                "only nodes, relationships and maps have properties, not {}",
                other.type_name()
            ))
            .into());
        }
    };
    let catalog = context.view(view).catalog();
    Ok(properties
        .into_iter()
        .filter_map(|(key, value)| Some((catalog.key_name(key)?, value)))
        .collect())
}

/// The error for an element that is not there any more.
pub(super) fn deleted(element: ElementId) -> QueryError {
    let (kind, id) = match element {
        ElementId::Node(id) => ("node", id.0),
        ElementId::Relationship(id) => ("relationship", id.0),
    };
    RuntimeError::new(
        RuntimeKind::EntityNotFound,
        "DeletedEntityAccess",
        format!("{kind} {id} has been deleted, so it cannot be read"),
    )
    .into()
}

fn element_property(
    context: &CallContext<'_>,
    element: ElementId,
    view: u8,
    key: &KeyToken,
) -> Outcome {
    let read = context.view(view);
    // In a graph that was made for the answer names have other numbers.
    let known = key
        .id
        .filter(|_| Arc::ptr_eq(read.graph(), context.read.graph()));
    let id: Option<KeyId> = known.or_else(|| read.catalog().key(&key.name));
    match id {
        Some(id) => Ok(read.property(element, id)?),
        None => Ok(Value::Null),
    }
}

fn component(of: &Value, name: &Arc<str>) -> Outcome {
    match of {
        Value::Null => Ok(Value::Null),
        Value::Map(map) => Ok(map.get(name).cloned().unwrap_or_default()),
        Value::Point(point) => Ok(spatial::component(point, name)),
        Value::Date(_)
        | Value::LocalTime(_)
        | Value::Time(_)
        | Value::LocalDateTime(_)
        | Value::DateTime(_)
        | Value::Duration(_) => temporal::component(of, name),
        other => Err(RuntimeError::type_error(format!(
            "{} has no properties, so it has no '{name}'",
            other.type_name()
        ))
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{empty_view, is_same, kind_of, with_context};
    use super::super::{list, text};
    use super::*;

    fn get(of: &Value, name: &str) -> Outcome {
        let key = KeyToken {
            name: name.into(),
            id: None,
        };
        with_context(&empty_view(), |context| property_of(context, of, &key))
    }

    #[test]
    fn maps_give_their_entries() {
        let map = Value::map([("name", text("Mats")), ("Name", text("Pontus"))]);
        assert!(is_same(&get(&map, "name").expect("entry"), &text("Mats")));
        assert!(is_same(&get(&map, "nAme").expect("none"), &Value::Null));
        assert!(is_same(
            &get(&Value::Null, "name").expect("null"),
            &Value::Null
        ));
        let by_index = with_context(&empty_view(), |context| index(context, &map, &text("Name")));
        assert!(is_same(&by_index.expect("entry"), &text("Pontus")));
    }

    #[test]
    fn values_without_components_are_errors() {
        for of in [
            Value::Int(1),
            Value::Bool(true),
            text("a"),
            list([]),
            Value::Float(1.0),
        ] {
            let error = get(&of, "num").expect_err("no component");
            assert_eq!(kind_of(&error), ("TypeError", "InvalidArgumentType"));
            let error = with_context(&empty_view(), |context| properties_of(context, &of));
            assert_eq!(
                kind_of(&error.expect_err("none")),
                ("TypeError", "InvalidArgumentType")
            );
        }
    }
}
