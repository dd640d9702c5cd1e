//! Static types: what the binder knows about an expression before it runs.

use std::fmt;

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
