//! Values as Bolt knows them.
//!
//! The types mirror the wire: an executor converts them from and to its own. For results, which are
//! many, it need not make them: [`crate::Encoder`] writes each kind of value without.

use std::collections::BTreeMap;

/// A dictionary. Of keys sent twice, the last one counts.
pub type Map = BTreeMap<String, Value>;

/// A value.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// The absence of a value.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A 64-bit floating-point number.
    Float(f64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// Text.
    String(String),
    /// A list.
    List(Vec<Value>),
    /// A dictionary.
    Map(Map),
    /// Everything that PackStream calls a structure.
    Structure(Box<Structure>),
}

/// A value with a signature.
#[derive(Clone, Debug, PartialEq)]
pub enum Structure {
    /// A node.
    Node(Node),
    /// A relationship with its ends.
    Relationship(Relationship),
    /// A relationship of a path, where the nodes are known.
    UnboundRelationship(UnboundRelationship),
    /// A path.
    Path(Path),
    /// A date.
    Date {
        /// Days since 1970-01-01.
        days: i64,
    },
    /// A time of day with an offset.
    Time {
        /// Since local midnight.
        nanoseconds: i64,
        /// From UTC.
        offset_seconds: i64,
    },
    /// A time of day.
    LocalTime {
        /// Since midnight.
        nanoseconds: i64,
    },
    /// An instant with an offset.
    DateTime {
        /// Seconds since 1970 in UTC.
        seconds: i64,
        /// The rest.
        nanoseconds: i64,
        /// From UTC.
        offset_seconds: i64,
    },
    /// An instant with a named zone.
    DateTimeZoneId {
        /// Seconds since 1970 in UTC.
        seconds: i64,
        /// The rest.
        nanoseconds: i64,
        /// The name of the zone.
        zone: String,
    },
    /// An instant with an offset, the way it was before 5.0.
    LegacyDateTime {
        /// Seconds since 1970, as a clock with that offset shows them.
        local_seconds: i64,
        /// The rest.
        nanoseconds: i64,
        /// From UTC.
        offset_seconds: i64,
    },
    /// An instant with a named zone, the way it was before 5.0.
    LegacyDateTimeZoneId {
        /// Seconds since 1970, as a clock in that zone shows them.
        local_seconds: i64,
        /// The rest.
        nanoseconds: i64,
        /// The name of the zone.
        zone: String,
    },
    /// A date and time without zone.
    LocalDateTime {
        /// Seconds since 1970.
        seconds: i64,
        /// The rest.
        nanoseconds: i64,
    },
    /// A duration.
    Duration {
        /// Months.
        months: i64,
        /// Days.
        days: i64,
        /// Seconds.
        seconds: i64,
        /// Nanoseconds.
        nanoseconds: i64,
    },
    /// A point in the plane.
    Point2D {
        /// The reference system.
        srid: i64,
        /// x or longitude.
        x: f64,
        /// y or latitude.
        y: f64,
    },
    /// A point in space.
    Point3D {
        /// The reference system.
        srid: i64,
        /// x or longitude.
        x: f64,
        /// y or latitude.
        y: f64,
        /// z or height.
        z: f64,
    },
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// The number that clients before 5.0 know it by.
    pub id: i64,
    /// Its labels.
    pub labels: Vec<String>,
    /// Its properties.
    pub properties: Map,
    /// Its element id; empty before 5.0.
    pub element_id: String,
}

/// A relationship.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Relationship {
    /// The number that clients before 5.0 know it by.
    pub id: i64,
    /// The number of the node where it starts.
    pub start: i64,
    /// The number of the node where it ends.
    pub end: i64,
    /// Its type.
    pub kind: String,
    /// Its properties.
    pub properties: Map,
    /// Its element id; this and the next two are empty before 5.0.
    pub element_id: String,
    /// The element id of the node where it starts.
    pub start_element_id: String,
    /// The element id of the node where it ends.
    pub end_element_id: String,
}

/// A relationship without its ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnboundRelationship {
    /// The number that clients before 5.0 know it by.
    pub id: i64,
    /// Its type.
    pub kind: String,
    /// Its properties.
    pub properties: Map,
    /// Its element id; empty before 5.0.
    pub element_id: String,
}

/// A path. `indices` walks it from the first node on, in pairs: a relationship, counted from 1 and
/// negative if it is walked against its direction, and the node it leads to, counted from 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Path {
    /// The nodes, each once; the path begins at the first.
    pub nodes: Vec<Node>,
    /// The relationships, each once.
    pub relationships: Vec<UnboundRelationship>,
    /// The walk.
    pub indices: Vec<i64>,
}

impl Value {
    /// A structure as a value.
    #[must_use]
    pub fn structure(structure: Structure) -> Self {
        Self::Structure(Box::new(structure))
    }

    /// The name of the type, for messages.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Bytes(_) => "bytes",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Structure(_) => "a structure",
        }
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<f64> for Value {
    fn from(float: f64) -> Self {
        Self::Float(float)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::List(items)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

/// A map of pairs.
#[must_use]
pub fn map<K: Into<String>, V: Into<Value>, const N: usize>(entries: [(K, V); N]) -> Map {
    entries
        .into_iter()
        .map(|(key, value)| (key.into(), value.into()))
        .collect()
}
