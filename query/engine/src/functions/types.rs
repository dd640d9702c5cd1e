//! Types of values: `IS ::` and `valueType()`.

use std::collections::BTreeMap;

use retrograph_cypher::ast::{SimpleType, TypeKind, TypeName};
use retrograph_graph::value::Value;

/// Whether a value is of a type. Null is of every type without NOT NULL.
#[must_use]
pub fn is_of_type(value: &Value, ty: &TypeName) -> bool {
    if value.is_null() {
        return !ty.not_null
            && match &ty.kind {
                TypeKind::Simple(SimpleType::Nothing) => false,
                TypeKind::Simple(_) | TypeKind::List(_) => true,
                TypeKind::Union(types) => types.iter().any(|part| is_of_type(value, part)),
            };
    }
    match &ty.kind {
        TypeKind::Simple(simple) => is_simple(value, *simple),
        TypeKind::List(item) => match value {
            Value::List(items) => items.iter().all(|value| is_of_type(value, item)),
            _ => false,
        },
        TypeKind::Union(types) => types.iter().any(|part| is_of_type(value, part)),
    }
}

fn is_simple(value: &Value, ty: SimpleType) -> bool {
    match ty {
        SimpleType::Nothing | SimpleType::Null => false,
        SimpleType::Any => true,
        SimpleType::PropertyValue => value.is_storable(),
        SimpleType::Boolean => matches!(value, Value::Bool(_)),
        SimpleType::String => matches!(value, Value::String(_)),
        SimpleType::Integer => matches!(value, Value::Int(_)),
        SimpleType::Float => matches!(value, Value::Float(_)),
        SimpleType::Date => matches!(value, Value::Date(_)),
        SimpleType::LocalTime => matches!(value, Value::LocalTime(_)),
        SimpleType::ZonedTime => matches!(value, Value::Time(_)),
        SimpleType::LocalDateTime => matches!(value, Value::LocalDateTime(_)),
        SimpleType::ZonedDateTime => matches!(value, Value::DateTime(_)),
        SimpleType::Duration => matches!(value, Value::Duration(_)),
        SimpleType::Point => matches!(value, Value::Point(_)),
        SimpleType::Vector => matches!(value, Value::Vector(_)),
        SimpleType::Node => matches!(value, Value::Node(_)),
        SimpleType::Relationship => matches!(value, Value::Relationship(_)),
        SimpleType::Path => matches!(value, Value::Path(_)),
        SimpleType::Map => matches!(value, Value::Map(_)),
    }
}

/// The order in which the types of a list's items are named.
fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::String(_) => 2,
        Value::Int(_) => 3,
        Value::Float(_) => 4,
        Value::Date(_) => 5,
        Value::LocalTime(_) => 6,
        Value::Time(_) => 7,
        Value::LocalDateTime(_) => 8,
        Value::DateTime(_) => 9,
        Value::Duration(_) => 10,
        Value::Point(_) => 11,
        Value::Vector(_) => 12,
        Value::Node(_) => 13,
        Value::Relationship(_) => 14,
        Value::Map(_) => 15,
        Value::List(_) => 16,
        Value::Path(_) => 17,
        Value::Bytes(_) | Value::Sealed(_) => 18,
    }
}

/// The name of a value's type, as `valueType()` shows it.
#[must_use]
pub fn type_text(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        other => format!("{} NOT NULL", bare(other)),
    }
}

/// The type of a value that is not null, without the NOT NULL that is true of it.
fn bare(value: &Value) -> String {
    let Value::List(items) = value else {
        return value.type_name().to_owned();
    };
    let has_null = items.iter().any(Value::is_null);
    let types: BTreeMap<(u8, String), ()> = items
        .iter()
        .filter(|item| !item.is_null())
        .map(|item| ((rank(item), bare(item)), ()))
        .collect();
    let suffix = if has_null { "" } else { " NOT NULL" };
    let names: Vec<String> = types
        .keys()
        .map(|(_, name)| format!("{name}{suffix}"))
        .collect();
    match (names.is_empty(), has_null) {
        (true, false) => "LIST<NOTHING>".to_owned(),
        (true, true) => "LIST<NULL>".to_owned(),
        _ => format!("LIST<{}>", names.join(" | ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::list;

    #[test]
    fn types_of_lists_say_whether_an_item_is_null() {
        let int = Value::Int(1);
        let text = Value::String("a".into());
        for (items, expected) in [
            (vec![], "LIST<NOTHING> NOT NULL"),
            (vec![Value::Null], "LIST<NULL> NOT NULL"),
            (
                vec![int.clone(), text.clone()],
                "LIST<STRING NOT NULL | INTEGER NOT NULL> NOT NULL",
            ),
            (
                vec![int, Value::Null, text],
                "LIST<STRING | INTEGER> NOT NULL",
            ),
            (
                vec![list([Value::Float(0.5)])],
                "LIST<LIST<FLOAT NOT NULL> NOT NULL> NOT NULL",
            ),
        ] {
            assert_eq!(type_text(&list(items)), expected);
        }
    }
}
