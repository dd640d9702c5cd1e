//! Values of the query language, as a client holds them.
//!
//! The types mirror the protocol. An element (a node, a relationship) is a picture: labels, type and
//! properties as they were at the version that the query read. It stays what it is.

use std::collections::BTreeMap;
use std::fmt;

use crate::temporal::{Date, DateTime, Duration, LocalDateTime, LocalTime, Time};

/// A map, ordered by key.
pub type Map = BTreeMap<String, Value>;

/// A value.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// The absence of a value.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// A 64-bit signed integer.
    Int(i64),
    /// A 64-bit floating-point number.
    Float(f64),
    /// Text.
    String(String),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A map.
    Map(Map),
    /// A calendar date.
    Date(Date),
    /// A time of day without offset.
    LocalTime(LocalTime),
    /// A time of day with offset.
    Time(Time),
    /// A date and time without zone.
    LocalDateTime(LocalDateTime),
    /// An instant with a zone.
    DateTime(DateTime),
    /// A duration.
    Duration(Duration),
    /// A point.
    Point(Point),
    /// A vector of numbers for similarity search.
    Vector(Vector),
    /// A node.
    Node(Node),
    /// A relationship.
    Relationship(Relationship),
    /// A path.
    Path(Path),
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its opaque, stable id, such as `n:7`.
    pub element_id: String,
    /// The names of its labels, sorted.
    pub labels: Vec<String>,
    /// Its properties.
    pub properties: Map,
}

/// A relationship.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Relationship {
    /// Its opaque, stable id, such as `r:7`.
    pub element_id: String,
    /// Its type.
    pub type_name: String,
    /// The element id of the node where it starts.
    pub start: String,
    /// The element id of the node where it ends.
    pub end: String,
    /// Its properties.
    pub properties: Map,
}

/// A path: one more node than steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Path {
    /// The nodes in the order they are visited.
    pub nodes: Vec<Node>,
    /// The steps between them.
    pub steps: Vec<Step>,
}

/// A step of a path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// The relationship that is walked.
    pub relationship: Relationship,
    /// Whether it is walked from its start to its end.
    pub is_along: bool,
}

/// A point of a coordinate reference system.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The reference system: 4326 and 4979 for WGS 84, 7203 and 9157 for Cartesian coordinates, in two and
    /// three dimensions.
    pub srid: u32,
    /// x or longitude.
    pub x: f64,
    /// y or latitude.
    pub y: f64,
    /// z or height, in three dimensions.
    pub z: Option<f64>,
}

/// A vector of numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Vector {
    /// 32-bit items.
    F32(Vec<f32>),
    /// 64-bit items.
    F64(Vec<f64>),
}

impl Value {
    /// Whether it is null.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The name of its type, as the query language writes it.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Bool(_) => "BOOLEAN",
            Self::Int(_) => "INTEGER",
            Self::Float(_) => "FLOAT",
            Self::String(_) => "STRING",
            Self::Bytes(_) => "BYTES",
            Self::List(_) => "LIST",
            Self::Map(_) => "MAP",
            Self::Date(_) => "DATE",
            Self::LocalTime(_) => "LOCAL TIME",
            Self::Time(_) => "ZONED TIME",
            Self::LocalDateTime(_) => "LOCAL DATETIME",
            Self::DateTime(_) => "ZONED DATETIME",
            Self::Duration(_) => "DURATION",
            Self::Point(_) => "POINT",
            Self::Vector(_) => "VECTOR",
            Self::Node(_) => "NODE",
            Self::Relationship(_) => "RELATIONSHIP",
            Self::Path(_) => "PATH",
        }
    }
}

/// As it would be written in a query, where it can be; elements as patterns.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(bool) => write!(f, "{bool}"),
            Self::Int(int) => write!(f, "{int}"),
            Self::Float(float) => write!(f, "{float:?}"),
            Self::String(text) => quoted(f, text),
            Self::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::List(items) => {
                f.write_str("[")?;
                separated(f, items, |f, item| write!(f, "{item}"))?;
                f.write_str("]")
            }
            Self::Map(map) => braced(f, map),
            Self::Date(date) => date.fmt(f),
            Self::LocalTime(time) => time.fmt(f),
            Self::Time(time) => time.fmt(f),
            Self::LocalDateTime(time) => time.fmt(f),
            Self::DateTime(time) => time.fmt(f),
            Self::Duration(duration) => duration.fmt(f),
            Self::Point(point) => point.fmt(f),
            Self::Vector(Vector::F32(items)) => write!(f, "{items:?}"),
            Self::Vector(Vector::F64(items)) => write!(f, "{items:?}"),
            Self::Node(node) => node.fmt(f),
            Self::Relationship(relationship) => relationship.fmt(f),
            Self::Path(path) => path.fmt(f),
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for label in &self.labels {
            f.write_str(":")?;
            name(f, label)?;
        }
        properties(f, &self.properties, !self.labels.is_empty())?;
        f.write_str(")")
    }
}

impl fmt::Display for Relationship {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[:")?;
        name(f, &self.type_name)?;
        properties(f, &self.properties, true)?;
        f.write_str("]")
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, node) in self.nodes.iter().enumerate() {
            node.fmt(f)?;
            if let Some(step) = self.steps.get(place) {
                f.write_str(if step.is_along { "-" } else { "<-" })?;
                step.relationship.fmt(f)?;
                f.write_str(if step.is_along { "->" } else { "-" })?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { srid, x, y, z } = self;
        write!(f, "point({{x: {x:?}, y: {y:?}")?;
        if let Some(z) = z {
            write!(f, ", z: {z:?}")?;
        }
        write!(f, ", srid: {srid}}})")
    }
}

fn properties(f: &mut fmt::Formatter<'_>, map: &Map, is_after_name: bool) -> fmt::Result {
    if map.is_empty() {
        return Ok(());
    }
    if is_after_name {
        f.write_str(" ")?;
    }
    braced(f, map)
}

fn braced(f: &mut fmt::Formatter<'_>, map: &Map) -> fmt::Result {
    f.write_str("{")?;
    separated(f, map, |f, (key, value)| {
        name(f, key)?;
        write!(f, ": {value}")
    })?;
    f.write_str("}")
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    each: impl Fn(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            f.write_str(", ")?;
        }
        each(f, item)?;
    }
    Ok(())
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A name, in backticks where it needs them.
fn name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let is_plain = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_plain {
        f.write_str(name)
    } else {
        write!(f, "`{}`", name.replace('`', "``"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_in_a_query() {
        let node = |labels: &[&str], x: i64| Node {
            element_id: format!("n:{x}"),
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
            properties: Map::from([("x".to_owned(), Value::Int(x))]),
        };
        let relationship = Relationship {
            type_name: "odd type".to_owned(),
            ..Relationship::default()
        };
        let path = Path {
            nodes: vec![node(&["A"], 1), node(&[], 2)],
            steps: vec![Step {
                relationship,
                is_along: false,
            }],
        };
        assert_eq!(
            Value::Path(path).to_string(),
            "(:A {x: 1})<-[:`odd type`]-({x: 2})"
        );
        let list = Value::List(vec![Value::Null, Value::Float(1.0), "it's".into()]);
        assert_eq!(list.to_string(), "[null, 1.0, 'it\\'s']");
        let point = Point {
            srid: 7203,
            x: 1.0,
            y: 2.5,
            z: None,
        };
        assert_eq!(point.to_string(), "point({x: 1.0, y: 2.5, srid: 7203})");
    }
}
