//! Values and times as the protocol writes them.

use prost_types::Timestamp as ProtoTimestamp;
use retrograph_proto::v1::{self, value::Kind};

use crate::error::Error;
use crate::moment::Moment;
use crate::temporal::{Date, DateTime, Duration, LocalDateTime, LocalTime, Time, Timestamp};
use crate::value::{Map, Node, Path, Point, Relationship, Step, Value, Vector};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// The server said something that the protocol does not allow, or that a newer one means.
pub fn not_understood(what: impl Into<String>) -> Error {
    Error::NotUnderstood { what: what.into() }
}

/// A value to be sent.
pub fn to_value(value: Value) -> v1::Value {
    let kind = match value {
        Value::Null => Kind::Null(0),
        Value::Bool(bool) => Kind::Boolean(bool),
        Value::Int(int) => Kind::Integer(int),
        Value::Float(float) => Kind::Float(float),
        Value::String(text) => Kind::String(text),
        Value::Bytes(bytes) => Kind::Bytes(bytes),
        Value::List(items) => Kind::List(v1::List {
            items: items.into_iter().map(to_value).collect(),
        }),
        Value::Map(map) => Kind::Map(v1::Map {
            entries: to_map(map),
        }),
        Value::Date(date) => Kind::Date(v1::Date {
            epoch_day: date.epoch_day,
        }),
        Value::LocalTime(time) => Kind::LocalTime(v1::LocalTime {
            nanosecond_of_day: time.nanosecond_of_day,
        }),
        Value::Time(time) => Kind::OffsetTime(v1::OffsetTime {
            nanosecond_of_day: time.nanosecond_of_day,
            offset_seconds: time.offset_seconds,
        }),
        Value::LocalDateTime(time) => Kind::LocalDateTime(v1::LocalDateTime {
            epoch_second: time.epoch_second,
            nanosecond: time.nanosecond,
        }),
        Value::DateTime(time) => Kind::DateTime(v1::DateTime {
            epoch_second: time.epoch_second,
            nanosecond: time.nanosecond,
            offset_seconds: time.offset_seconds,
            zone: time.zone.unwrap_or_default(),
        }),
        Value::Duration(duration) => Kind::Duration(v1::Duration {
            months: duration.months,
            days: duration.days,
            seconds: duration.seconds,
            nanoseconds: duration.nanoseconds,
        }),
        Value::Point(point) => Kind::Point(v1::Point {
            srid: point.srid,
            coordinates: [point.x, point.y].into_iter().chain(point.z).collect(),
        }),
        Value::Vector(Vector::F32(values)) => Kind::Vector(v1::Vector {
            items: Some(v1::vector::Items::Float32(v1::Float32Items { values })),
        }),
        Value::Vector(Vector::F64(values)) => Kind::Vector(v1::Vector {
            items: Some(v1::vector::Items::Float64(v1::Float64Items { values })),
        }),
        Value::Node(node) => Kind::Node(to_node(node)),
        Value::Relationship(relationship) => Kind::Relationship(to_relationship(relationship)),
        Value::Path(path) => Kind::Path(v1::Path {
            nodes: path.nodes.into_iter().map(to_node).collect(),
            relationships: path
                .steps
                .into_iter()
                .map(|step| to_relationship(step.relationship))
                .collect(),
        }),
    };
    v1::Value { kind: Some(kind) }
}

/// A map to be sent.
pub fn to_map(map: Map) -> std::collections::BTreeMap<String, v1::Value> {
    map.into_iter()
        .map(|(key, value)| (key, to_value(value)))
        .collect()
}

/// The server refuses elements as parameters and says so better than this client could.
fn to_node(node: Node) -> v1::Node {
    v1::Node {
        element_id: node.element_id,
        labels: node.labels,
        properties: to_map(node.properties),
    }
}

fn to_relationship(relationship: Relationship) -> v1::Relationship {
    v1::Relationship {
        element_id: relationship.element_id,
        r#type: relationship.type_name,
        start_element_id: relationship.start,
        end_element_id: relationship.end,
        properties: to_map(relationship.properties),
    }
}

/// A value that was received.
pub fn from_value(value: v1::Value) -> Result<Value, Error> {
    let kind = value
        .kind
        .ok_or_else(|| not_understood("a value of a type that this client does not know"))?;
    Ok(match kind {
        Kind::Null(_) => Value::Null,
        Kind::Boolean(bool) => Value::Bool(bool),
        Kind::Integer(int) => Value::Int(int),
        Kind::Float(float) => Value::Float(float),
        Kind::String(text) => Value::String(text),
        Kind::Bytes(bytes) => Value::Bytes(bytes),
        Kind::List(list) => Value::List(from_values(list.items)?),
        Kind::Map(map) => Value::Map(from_map(map.entries)?),
        Kind::Node(node) => Value::Node(from_node(node)?),
        Kind::Relationship(relationship) => Value::Relationship(from_relationship(relationship)?),
        Kind::Path(path) => Value::Path(from_path(path)?),
        Kind::Date(date) => Value::Date(Date {
            epoch_day: date.epoch_day,
        }),
        Kind::LocalTime(time) => Value::LocalTime(LocalTime {
            nanosecond_of_day: time.nanosecond_of_day,
        }),
        Kind::OffsetTime(time) => Value::Time(Time {
            nanosecond_of_day: time.nanosecond_of_day,
            offset_seconds: time.offset_seconds,
        }),
        Kind::LocalDateTime(time) => Value::LocalDateTime(LocalDateTime {
            epoch_second: time.epoch_second,
            nanosecond: time.nanosecond,
        }),
        Kind::DateTime(time) => Value::DateTime(DateTime {
            epoch_second: time.epoch_second,
            nanosecond: time.nanosecond,
            offset_seconds: time.offset_seconds,
            zone: Some(time.zone).filter(|zone| !zone.is_empty()),
        }),
        Kind::Duration(duration) => Value::Duration(Duration {
            months: duration.months,
            days: duration.days,
            seconds: duration.seconds,
            nanoseconds: duration.nanoseconds,
        }),
        Kind::Point(point) => Value::Point(from_point(&point)?),
        Kind::Vector(vector) => Value::Vector(match vector.items {
            Some(v1::vector::Items::Float32(items)) => Vector::F32(items.values),
            Some(v1::vector::Items::Float64(items)) => Vector::F64(items.values),
            None => return Err(not_understood("a vector of unknown items")),
        }),
    })
}

/// Values that were received.
pub fn from_values(values: Vec<v1::Value>) -> Result<Vec<Value>, Error> {
    values.into_iter().map(from_value).collect()
}

/// A map that was received.
pub fn from_map(map: std::collections::BTreeMap<String, v1::Value>) -> Result<Map, Error> {
    map.into_iter()
        .map(|(key, value)| Ok((key, from_value(value)?)))
        .collect()
}

/// A node that was received.
pub fn from_node(node: v1::Node) -> Result<Node, Error> {
    Ok(Node {
        element_id: node.element_id,
        labels: node.labels,
        properties: from_map(node.properties)?,
    })
}

/// A relationship that was received.
pub fn from_relationship(relationship: v1::Relationship) -> Result<Relationship, Error> {
    Ok(Relationship {
        element_id: relationship.element_id,
        type_name: relationship.r#type,
        start: relationship.start_element_id,
        end: relationship.end_element_id,
        properties: from_map(relationship.properties)?,
    })
}

fn from_path(path: v1::Path) -> Result<Path, Error> {
    let nodes: Vec<Node> = path
        .nodes
        .into_iter()
        .map(from_node)
        .collect::<Result<_, _>>()?;
    if nodes.len() != path.relationships.len() + 1 {
        return Err(not_understood(format!(
            "a path of {} nodes and {} relationships",
            nodes.len(),
            path.relationships.len()
        )));
    }
    let steps = nodes.iter().zip(path.relationships);
    let steps = steps.map(|(from, relationship)| {
        let relationship = from_relationship(relationship)?;
        Ok(Step {
            is_along: relationship.start == from.element_id,
            relationship,
        })
    });
    let steps = steps.collect::<Result<_, Error>>()?;
    Ok(Path { nodes, steps })
}

fn from_point(point: &v1::Point) -> Result<Point, Error> {
    let (x, y, z) = match *point.coordinates.as_slice() {
        [x, y] => (x, y, None),
        [x, y, z] => (x, y, Some(z)),
        _ => {
            let count = point.coordinates.len();
            return Err(not_understood(format!("a point of {count} coordinates")));
        }
    };
    let srid = point.srid;
    Ok(Point { srid, x, y, z })
}

/// An instant to be sent.
pub fn to_timestamp(instant: Timestamp) -> ProtoTimestamp {
    let micros = instant.micros.rem_euclid(MICROS_PER_SECOND);
    ProtoTimestamp {
        seconds: instant.micros.div_euclid(MICROS_PER_SECOND),
        nanos: i32::try_from(micros * 1_000).unwrap_or_default(),
    }
}

/// An instant that was received.
pub fn from_timestamp(instant: ProtoTimestamp) -> Timestamp {
    let micros = instant.seconds.saturating_mul(MICROS_PER_SECOND);
    Timestamp::from_micros(micros.saturating_add(i64::from(instant.nanos / 1_000)))
}

/// A span of time to be sent.
pub fn to_duration(duration: std::time::Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

/// A span of time that was received; none is no time at all.
pub fn from_duration(duration: Option<prost_types::Duration>) -> std::time::Duration {
    duration
        .and_then(|duration| duration.try_into().ok())
        .unwrap_or_default()
}

/// A moment to be sent.
pub fn to_as_of(moment: Moment) -> Option<v1::AsOf> {
    let moment = match moment {
        Moment::Latest => return None,
        Moment::Version(version) => v1::as_of::Moment::Version(version),
        Moment::Time(instant) => v1::as_of::Moment::Time(to_timestamp(instant)),
    };
    Some(v1::AsOf {
        moment: Some(moment),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_went() {
        let node = |id: &str| Node {
            element_id: id.to_owned(),
            labels: vec!["A".to_owned()],
            properties: Map::from([("x".to_owned(), Value::Int(1))]),
        };
        let relationship = Relationship {
            element_id: "r:1".to_owned(),
            type_name: "R".to_owned(),
            start: "n:2".to_owned(),
            end: "n:1".to_owned(),
            properties: Map::new(),
        };
        let path = Path {
            nodes: vec![node("n:1"), node("n:2")],
            steps: vec![Step {
                relationship: relationship.clone(),
                is_along: false,
            }],
        };
        let zoned = DateTime {
            epoch_second: -1,
            nanosecond: 5,
            offset_seconds: 3_600,
            zone: Some("Europe/Oslo".to_owned()),
        };
        let point = |z| Point {
            srid: 7203,
            x: 1.0,
            y: -2.0,
            z,
        };
        for value in [
            Value::Null,
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::Float(-0.5),
            Value::String("ö".to_owned()),
            Value::Bytes(vec![0, 255]),
            Value::List(vec![Value::Null, Value::List(Vec::new())]),
            Value::Map(Map::from([("k".to_owned(), Value::Null)])),
            Value::Date(Date { epoch_day: -1 }),
            Value::LocalTime(LocalTime {
                nanosecond_of_day: 1,
            }),
            Value::Time(Time {
                nanosecond_of_day: 1,
                offset_seconds: -60,
            }),
            Value::LocalDateTime(LocalDateTime {
                epoch_second: -1,
                nanosecond: 2,
            }),
            Value::DateTime(zoned),
            Value::Duration(Duration {
                months: -1,
                days: 2,
                seconds: -3,
                nanoseconds: 4,
            }),
            Value::Point(point(None)),
            Value::Point(point(Some(3.0))),
            Value::Vector(Vector::F32(vec![0.5])),
            Value::Vector(Vector::F64(vec![0.25])),
            Value::Relationship(relationship),
            Value::Path(path),
        ] {
            let back = from_value(to_value(value.clone())).expect("it is understood");
            assert_eq!(back, value);
        }
    }

    #[test]
    fn what_is_not_understood_is_no_null() {
        assert!(from_value(v1::Value { kind: None }).is_err());
        let broken = v1::Value {
            kind: Some(Kind::Path(v1::Path::default())),
        };
        assert!(from_value(broken).is_err());
        let flat = v1::Point {
            srid: 7203,
            coordinates: vec![1.0],
        };
        assert!(from_point(&flat).is_err());
    }

    #[test]
    fn instants_before_the_epoch_survive() {
        for micros in [-1_500_000, -1, 0, 1, 1_768_046_400_000_001] {
            let instant = Timestamp::from_micros(micros);
            assert_eq!(from_timestamp(to_timestamp(instant)), instant);
        }
    }
}
