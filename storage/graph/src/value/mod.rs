//! Values: their types, and (in the submodules) the one definition of equality, equivalence,
//! orderability, hashing, text and bytes.
//!
//! One type serves storage and queries. Those variants that a property may hold are *storable*
//! ([`Value::is_storable`]); the others (map, node, relationship, path) live in queries only.

pub mod curve;
#[cfg(test)]
pub(crate) mod generate;
pub mod key;
pub mod order;
pub mod temporal;
pub mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::{NodeId, RelationshipId};
use temporal::{Date, DateTime, Duration, LocalDateTime, LocalTime, Time};

/// A map value; ordered by key so that everything derived from it is deterministic.
pub type Map = BTreeMap<Arc<str>, Value>;

/// A value of the query language. 24 bytes, cheap to clone.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// The absence of a value.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// A 64-bit signed integer.
    Int(i64),
    /// A 64-bit IEEE 754 number.
    Float(f64),
    /// A string of Unicode scalar values.
    String(Arc<str>),
    /// A byte string.
    Bytes(Arc<[u8]>),
    /// A list; storable if its items are, not null, and no lists.
    List(Arc<[Value]>),
    /// A map. Not storable.
    Map(Arc<Map>),
    /// A calendar date.
    Date(Date),
    /// A time of day without offset.
    LocalTime(LocalTime),
    /// A time of day with offset.
    Time(Time),
    /// A date and time without zone.
    LocalDateTime(LocalDateTime),
    /// An instant with a zone.
    DateTime(Arc<DateTime>),
    /// A duration: months, days, seconds and nanoseconds apart.
    Duration(Arc<Duration>),
    /// A point of a coordinate reference system.
    Point(Arc<Point>),
    /// A vector of floats for similarity search.
    Vector(Arc<Vector>),
    /// A ciphertext with the id of its key.
    Sealed(Arc<Sealed>),
    /// A node as seen in a view of the query. Not storable.
    Node(NodeRef),
    /// A relationship as seen in a view of the query. Not storable.
    Relationship(RelationshipRef),
    /// A path. Not storable.
    Path(Arc<Path>),
}

/// A node value: the id, and the view of the query in which its labels and properties are read.
/// Equality, grouping and hashing use the id alone.
#[derive(Clone, Copy, Debug)]
pub struct NodeRef {
    /// The node.
    pub id: NodeId,
    /// The number of the view within the query that produced it; 0 is the query's own view.
    pub view: u8,
}

/// A relationship value; see [`NodeRef`].
#[derive(Clone, Copy, Debug)]
pub struct RelationshipRef {
    /// The relationship.
    pub id: RelationshipId,
    /// The number of the view within the query that produced it.
    pub view: u8,
}

/// A path: `nodes.len() == relationships.len() + 1`. A step goes along its relationship if the
/// relationship starts at the node before it, else against it.
#[derive(Clone, Debug)]
pub struct Path {
    /// The nodes in order.
    pub nodes: Vec<NodeId>,
    /// The relationships in order, each with whether it is walked from its start to its end.
    pub relationships: Vec<(RelationshipId, bool)>,
    /// The view in which the elements are read.
    pub view: u8,
}

/// A point: coordinates in a reference system given by its SRID (EPSG 4326, 4979; 7203, 9157 for
/// Cartesian ones).
#[derive(Clone, Debug)]
pub struct Point {
    /// The spatial reference identifier.
    pub srid: u32,
    /// x (longitude), y (latitude), and z (height in metres) in three dimensions.
    pub coordinates: [f64; 3],
    /// 2 or 3.
    pub dimensions: u8,
}

/// A vector of floating-point numbers.
#[derive(Clone, Debug)]
pub enum Vector {
    /// 32-bit items.
    F32(Vec<f32>),
    /// 64-bit items.
    F64(Vec<f64>),
}

/// A property value encrypted before it reached the log.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The key that opens it.
    pub key_id: u64,
    /// The ciphertext with its nonce and tag.
    pub ciphertext: Vec<u8>,
}

impl Value {
    /// A string value.
    #[must_use]
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    /// A list value.
    #[must_use]
    pub fn list(items: impl Into<Arc<[Self]>>) -> Self {
        Self::List(items.into())
    }

    /// A map value.
    #[must_use]
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(Arc::new(
            entries.into_iter().map(|(k, v)| (k.into(), v)).collect(),
        ))
    }

    /// Whether the value is null.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether the value is a date, time or datetime; durations are not.
    #[must_use]
    pub const fn is_temporal_point(&self) -> bool {
        matches!(
            self,
            Self::Date(_)
                | Self::LocalTime(_)
                | Self::Time(_)
                | Self::LocalDateTime(_)
                | Self::DateTime(_)
        )
    }

    /// Whether the parts of a temporal value, duration or point keep their bounds. Constructors see
    /// to it; what comes as plain fields, from a client or from disk, is checked with this.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let nanosecond = |n: u32| n < 1_000_000_000;
        let clock = |n: u64| n < temporal::NANOSECONDS_PER_DAY;
        let offset = |n: i32| n.unsigned_abs() <= temporal::OFFSET_SECONDS_MAX.unsigned_abs();
        match self {
            Self::Date(d) => d.is_in_range(),
            Self::LocalTime(t) => clock(t.nanosecond_of_day),
            Self::Time(t) => clock(t.nanosecond_of_day) && offset(t.offset_seconds),
            Self::LocalDateTime(t) => t.is_in_range() && nanosecond(t.nanosecond),
            Self::DateTime(t) => {
                t.local().is_in_range() && nanosecond(t.nanosecond) && offset(t.offset_seconds)
            }
            Self::Duration(d) => nanosecond(d.nanoseconds.cast_unsigned()),
            Self::Point(p) => matches!(p.dimensions, 2 | 3),
            _ => true,
        }
    }

    /// Whether a property may hold the value. Null is not storable: setting it removes a property.
    #[must_use]
    pub fn is_storable(&self) -> bool {
        match self {
            Self::Null | Self::Map(_) | Self::Node(_) | Self::Relationship(_) | Self::Path(_) => {
                false
            }
            Self::List(items) => items
                .iter()
                .all(|item| !matches!(item, Self::List(_)) && item.is_storable()),
            _ => true,
        }
    }

    /// The name of the type, as messages and `valueType` say it.
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
            Self::Sealed(_) => "SEALED",
            Self::Node(_) => "NODE",
            Self::Relationship(_) => "RELATIONSHIP",
            Self::Path(_) => "PATH",
        }
    }
}

macro_rules! value_from {
    ($($source:ty => |$name:ident| $make:expr),+ $(,)?) => {
        $(impl From<$source> for Value {
            fn from($name: $source) -> Self {
                $make
            }
        })+
    };
}

value_from! {
    bool => |b| Self::Bool(b),
    i64 => |i| Self::Int(i),
    f64 => |f| Self::Float(f),
    &str => |s| Self::String(s.into()),
    String => |s| Self::String(s.into()),
    Date => |d| Self::Date(d),
    LocalTime => |t| Self::LocalTime(t),
    Time => |t| Self::Time(t),
    LocalDateTime => |t| Self::LocalDateTime(t),
    DateTime => |t| Self::DateTime(Arc::new(t)),
    Duration => |d| Self::Duration(Arc::new(d)),
    Vec<Value> => |items| Self::List(items.into()),
}
