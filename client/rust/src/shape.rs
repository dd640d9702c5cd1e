//! Rows and values as serde reads them, for types that derive `Deserialize`.
//!
//! A row is a map from its columns, a map, a node and a relationship are maps (of elements, the properties), a
//! list is a sequence, null is `None`. Temporal values and points are their text.

use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::error::{Error, RowError};
use crate::row::Row;
use crate::value::{Value, Vector};

/// Turns a row into a type.
pub fn of_row<T: DeserializeOwned>(row: Row) -> Result<T, Error> {
    let columns = row.columns().to_vec();
    let members = columns.into_iter().zip(row.into_values());
    let members = members.map(|(column, value)| (column, Shape(value)));
    T::deserialize(MapDeserializer::<_, ShapeError>::new(members))
        .map_err(|ShapeError(message)| RowError::Shape { message }.into())
}

/// A value that serde reads.
struct Shape(Value);

/// What serde says.
#[derive(Debug)]
struct ShapeError(String);

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ShapeError {}

impl de::Error for ShapeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl IntoDeserializer<'_, ShapeError> for Shape {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Shape {
    type Error = ShapeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(bool) => visitor.visit_bool(bool),
            Value::Int(int) => visitor.visit_i64(int),
            Value::Float(float) => visitor.visit_f64(float),
            Value::String(text) => visitor.visit_string(text),
            Value::Bytes(bytes) => visitor.visit_byte_buf(bytes),
            Value::List(items) => sequence(items.into_iter().map(Shape), visitor),
            Value::Vector(Vector::F32(items)) => sequence(items.into_iter(), visitor),
            Value::Vector(Vector::F64(items)) => sequence(items.into_iter(), visitor),
            Value::Map(map) => members(map, visitor),
            Value::Node(node) => members(node.properties, visitor),
            Value::Relationship(relationship) => members(relationship.properties, visitor),
            other => visitor.visit_string(other.to_string()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        visitor.visit_newtype_struct(self)
    }

    /// A variant without content is its name.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        match self.0 {
            Value::String(text) => text
                .into_deserializer()
                .deserialize_enum(name, variants, visitor),
            other => Err(de::Error::custom(format!(
                "expected the name of a variant of {name}, found {}",
                other.type_name()
            ))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

fn sequence<'de, V: Visitor<'de>, I>(items: I, visitor: V) -> Result<V::Value, ShapeError>
where
    I: Iterator<Item: IntoDeserializer<'de, ShapeError>>,
{
    let mut items = SeqDeserializer::new(items);
    let value = visitor.visit_seq(&mut items)?;
    items.end()?;
    Ok(value)
}

fn members<'de, V: Visitor<'de>>(
    map: crate::value::Map,
    visitor: V,
) -> Result<V::Value, ShapeError> {
    let members = map.into_iter().map(|(key, value)| (key, Shape(value)));
    visitor.visit_map(MapDeserializer::new(members))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::temporal::Date;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Status {
        Open,
        Frozen,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Account {
        id: String,
        balance: Option<f64>,
        status: Status,
        #[serde(default)]
        tags: Vec<String>,
        opened: Option<String>,
    }

    fn row(values: Vec<(&str, Value)>) -> Row {
        let (columns, values): (Vec<_>, Vec<_>) = values
            .into_iter()
            .map(|(column, value)| (column.to_owned(), value))
            .unzip();
        Row::new(columns.into(), values)
    }

    #[test]
    fn columns_become_fields() {
        let full = row(vec![
            ("id", "A-1177".into()),
            ("balance", Value::Float(1.5)),
            ("status", "frozen".into()),
            ("tags", vec!["x"].into()),
            ("opened", Value::Date(Date { epoch_day: 0 })),
        ]);
        let account: Account = of_row(full).expect("it fits");
        let expected = Account {
            id: "A-1177".to_owned(),
            balance: Some(1.5),
            status: Status::Frozen,
            tags: vec!["x".to_owned()],
            opened: Some("1970-01-01".to_owned()),
        };
        assert_eq!(account, expected);
        let sparse = row(vec![
            ("id", "A".into()),
            ("balance", Value::Null),
            ("status", "open".into()),
        ]);
        let account: Account = of_row(sparse).expect("it fits");
        assert_eq!((account.balance, account.status), (None, Status::Open));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let message = |values| {
            of_row::<Account>(row(values))
                .expect_err("it does not fit")
                .to_string()
        };
        assert!(message(vec![("id", "A".into())]).contains("status"));
        let text = message(vec![("id", Value::Int(1)), ("status", "open".into())]);
        assert!(text.contains("integer `1`"), "{text}");
        let text = message(vec![("id", "A".into()), ("status", "lost".into())]);
        assert!(text.contains("lost"), "{text}");
    }
}
