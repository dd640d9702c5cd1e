//! Static types: what the binder knows about an expression before it runs.

use std::fmt;

use retrograph_graph::value::Value;

/// The type of an expression as far as it is known before running.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Type {
    /// Nothing is known, or more than one type is possible.
    Any,
    /// The literal null.
    Null,
    Boolean,
    Integer,
    Float,
    /// An integer or a float.
    Number,
    String,
    Bytes,
    List(Box<Type>),
    Map,
    Node,
    Relationship,
    Path,
    Date,
    LocalTime,
    Time,
    LocalDateTime,
    DateTime,
    Duration,
    Point,
    Vector,
}

impl Type {
    /// A list of anything.
    #[must_use]
    pub fn list() -> Self {
        Self::List(Box::new(Self::Any))
    }

    /// Whether a value of this type might be accepted where `wanted` is: false only if it surely is
    /// not. Null fits everywhere.
    #[must_use]
    pub fn may_be(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Any | Self::Null, _) | (_, Self::Any) => true,
            (Self::Number, Self::Integer | Self::Float)
            | (Self::Integer | Self::Float, Self::Number) => true,
            (Self::Integer, Self::Float) => true,
            (Self::List(a), Self::List(b)) => a.may_be(b),
            (a, b) => a == b,
        }
    }

    /// Whether a value is of this type; null is of every type, and integers are where floats are
    /// wanted.
    #[must_use]
    pub fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Any, _) | (_, Value::Null) => true,
            (Self::List(item), Value::List(items)) => items.iter().all(|value| item.holds(value)),
            (Self::Boolean, Value::Bool(_))
            | (Self::Integer | Self::Float | Self::Number, Value::Int(_))
            | (Self::Float | Self::Number, Value::Float(_))
            | (Self::String, Value::String(_))
            | (Self::Bytes, Value::Bytes(_))
            | (Self::Map, Value::Map(_))
            | (Self::Node, Value::Node(_))
            | (Self::Relationship, Value::Relationship(_))
            | (Self::Path, Value::Path(_))
            | (Self::Date, Value::Date(_))
            | (Self::LocalTime, Value::LocalTime(_))
            | (Self::Time, Value::Time(_))
            | (Self::LocalDateTime, Value::LocalDateTime(_))
            | (Self::DateTime, Value::DateTime(_))
            | (Self::Duration, Value::Duration(_))
            | (Self::Point, Value::Point(_))
            | (Self::Vector, Value::Vector(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Any => "ANY",
            Self::Null => "NULL",
            Self::Boolean => "BOOLEAN",
            Self::Integer => "INTEGER",
            Self::Float => "FLOAT",
            Self::Number => "NUMBER",
            Self::String => "STRING",
            Self::Bytes => "BYTES",
            Self::List(item) => return write!(f, "LIST<{item}>"),
            Self::Map => "MAP",
            Self::Node => "NODE",
            Self::Relationship => "RELATIONSHIP",
            Self::Path => "PATH",
            Self::Date => "DATE",
            Self::LocalTime => "LOCAL TIME",
            Self::Time => "ZONED TIME",
            Self::LocalDateTime => "LOCAL DATETIME",
            Self::DateTime => "ZONED DATETIME",
            Self::Duration => "DURATION",
            Self::Point => "POINT",
            Self::Vector => "VECTOR",
        };
        f.write_str(name)
    }
}
