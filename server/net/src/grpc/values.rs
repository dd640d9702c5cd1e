//! Values between the engine and messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message as _;
use retrograph_engine::output::{NodeOutput, PathOutput, RelationshipOutput, element_id};
use retrograph_engine::{Output, Parameters, QueryError, Views};
use retrograph_graph::value::temporal::{
    Date, DateTime, Duration, LocalDateTime, LocalTime, Time, Zone,
};
use retrograph_graph::value::{Point, Value, Vector};
use retrograph_proto::v1;
use retrograph_proto::v1::value::Kind;
use tonic::Status;

use super::status;

/// How deep lists and maps of a parameter may be nested.
const DEPTH_MAX: usize = 64;

/// The parameters of a query.
pub fn parameters(sent: BTreeMap<String, v1::Value>) -> Result<Parameters, Status> {
    sent.into_iter()
        .map(|(name, value)| match read(value, DEPTH_MAX) {
            Ok(value) => Ok((name, value)),
            Err(problem) => Err(status::invalid(&format!("parameters.{name}"), problem)),
        })
        .collect()
}

/// What a client attached to a transaction.
pub fn metadata(sent: BTreeMap<String, v1::Value>) -> Result<BTreeMap<Arc<str>, Value>, Status> {
    let parameters = parameters(sent)?.into_iter();
    Ok(parameters
        .map(|(name, value)| (name.into(), value))
        .collect())
}

/// A value that a client sent.
fn read(sent: v1::Value, depth: usize) -> Result<Value, String> {
    let Some(kind) = sent.kind else {
        return Err("a value without a kind; a null is said as `null`".to_owned());
    };
    let deeper = || {
        depth
            .checked_sub(1)
            .ok_or_else(|| format!("nested deeper than {DEPTH_MAX}"))
    };
    let value = match kind {
        Kind::Null(_) => Value::Null,
        Kind::Boolean(bool) => Value::Bool(bool),
        Kind::Integer(int) => Value::Int(int),
        Kind::Float(float) => Value::Float(float),
        Kind::String(text) => Value::String(text.into()),
        Kind::Bytes(bytes) => Value::Bytes(bytes.into()),
        Kind::List(list) => {
            let depth = deeper()?;
            let items = list.items.into_iter().map(|item| read(item, depth));
            Value::List(items.collect::<Result<Vec<_>, _>>()?.into())
        }
        Kind::Map(map) => {
            let depth = deeper()?;
            let entries = map.entries.into_iter();
            let entries = entries.map(|(key, value)| Ok((key.into(), read(value, depth)?)));
            Value::Map(Arc::new(entries.collect::<Result<_, String>>()?))
        }
        Kind::Node(_) | Kind::Relationship(_) | Kind::Path(_) => {
            return Err("elements cannot be parameters; give their element ids".to_owned());
        }
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
        Kind::DateTime(time) => Value::DateTime(Arc::new(read_date_time(time)?)),
        Kind::Duration(duration) => Value::Duration(Arc::new(Duration {
            months: duration.months,
            days: duration.days,
            seconds: duration.seconds,
            nanoseconds: duration.nanoseconds,
        })),
        Kind::Point(point) => Value::Point(Arc::new(read_point(&point)?)),
        Kind::Vector(vector) => Value::Vector(Arc::new(match vector.items {
            Some(v1::vector::Items::Float32(items)) => Vector::F32(items.values),
            Some(v1::vector::Items::Float64(items)) => Vector::F64(items.values),
            None => return Err("a vector without items".to_owned()),
        })),
    };
    if !value.is_well_formed() {
        let name = value.type_name().to_lowercase();
        return Err(format!("{name} with parts out of range"));
    }
    Ok(value)
}

fn read_date_time(time: v1::DateTime) -> Result<DateTime, String> {
    let within = Value::LocalDateTime(LocalDateTime {
        epoch_second: time.epoch_second,
        nanosecond: time.nanosecond,
    });
    // The rules of a zone are asked for instants that exist only.
    if !within.is_well_formed() {
        return Err("datetime out of range".to_owned());
    }
    if time.zone.is_empty() {
        return Ok(DateTime {
            epoch_second: time.epoch_second,
            nanosecond: time.nanosecond,
            offset_seconds: time.offset_seconds,
            zone: None,
        });
    }
    let zone = Zone::named(&time.zone).map_err(|error| error.to_string())?;
    Ok(DateTime::from_instant(
        time.epoch_second,
        time.nanosecond,
        &zone,
    ))
}

fn read_point(point: &v1::Point) -> Result<Point, String> {
    let (coordinates, dimensions) = match (point.srid, point.coordinates.as_slice()) {
        (4326 | 7203, &[x, y]) => ([x, y, 0.0], 2),
        (4979 | 9157, &[x, y, z]) => ([x, y, z], 3),
        (srid, coordinates) => {
            return Err(format!(
                "a point of {} dimensions cannot have the SRID {srid}; use 4326 or 7203 for two, 4979 or 9157 \
                 for three",
                coordinates.len()
            ));
        }
    };
    Ok(Point {
        srid: point.srid,
        coordinates,
        dimensions,
    })
}

/// Rows need no room of their own while they take no more bytes than this.
const FREE_BYTES: usize = 256 << 10;

/// What a row takes as a message, and whether there is room for it. A value may be much longer than what it takes
/// in memory: a list may name one string many times over, and elements have properties.
pub struct Weight<'w> {
    /// How much it is by now.
    pub bytes: usize,
    /// Asked for so many bytes.
    pub room: &'w dyn Fn(usize) -> Result<(), QueryError>,
}

impl Weight<'_> {
    fn add(&mut self, bytes: usize) -> Result<(), QueryError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > FREE_BYTES {
            (self.room)(self.bytes)?;
        }
        Ok(())
    }
}

/// A value of a row.
pub fn write(
    value: &Value,
    views: &Views,
    weight: &mut Weight<'_>,
) -> Result<v1::Value, QueryError> {
    weight.add(
        size_of::<v1::Value>()
            + match value {
                Value::String(text) => text.len(),
                Value::Bytes(bytes) => bytes.len(),
                _ => 0,
            },
    )?;
    let kind = match value {
        Value::List(items) => Kind::List(v1::List {
            items: items
                .iter()
                .map(|item| write(item, views, weight))
                .collect::<Result<_, _>>()?,
        }),
        Value::Map(map) => Kind::Map(v1::Map {
            entries: map
                .iter()
                .map(|(key, value)| Ok((key.to_string(), write(value, views, weight)?)))
                .collect::<Result<_, QueryError>>()?,
        }),
        Value::Node(_) | Value::Relationship(_) | Value::Path(_) => {
            let element = match Output::of(value, views)? {
                Output::Node(node) => of_kind(Kind::Node(of_node(node))),
                Output::Relationship(of) => of_kind(Kind::Relationship(of_relationship(of))),
                Output::Path(path) => of_kind(Kind::Path(of_path(path))),
                Output::Value(_) | Output::List(_) | Output::Map(_) => null(),
            };
            weight.add(element.encoded_len())?;
            return Ok(element);
        }
        plain => return Ok(property(plain)),
    };
    Ok(of_kind(kind))
}

const fn of_kind(kind: Kind) -> v1::Value {
    v1::Value { kind: Some(kind) }
}

const fn null() -> v1::Value {
    of_kind(Kind::Null(0))
}

/// A value that holds no element: a property.
pub fn property(value: &Value) -> v1::Value {
    of_kind(match value {
        Value::Bool(bool) => Kind::Boolean(*bool),
        Value::Int(int) => Kind::Integer(*int),
        Value::Float(float) => Kind::Float(*float),
        Value::String(text) => Kind::String(text.to_string()),
        Value::Bytes(bytes) => Kind::Bytes(bytes.to_vec()),
        Value::List(items) => Kind::List(v1::List {
            items: items.iter().map(property).collect(),
        }),
        Value::Map(map) => Kind::Map(v1::Map {
            entries: map
                .iter()
                .map(|(key, value)| (key.to_string(), property(value)))
                .collect(),
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
            zone: time.zone.as_deref().unwrap_or_default().to_owned(),
        }),
        Value::Duration(duration) => Kind::Duration(v1::Duration {
            months: duration.months,
            days: duration.days,
            seconds: duration.seconds,
            nanoseconds: duration.nanoseconds,
        }),
        Value::Point(point) => {
            let dimensions = usize::from(point.dimensions.min(3));
            Kind::Point(v1::Point {
                srid: point.srid,
                coordinates: point.coordinates[..dimensions].to_vec(),
            })
        }
        Value::Vector(vector) => Kind::Vector(v1::Vector {
            items: Some(match &**vector {
                Vector::F32(values) => v1::vector::Items::Float32(v1::Float32Items {
                    values: values.clone(),
                }),
                Vector::F64(values) => v1::vector::Items::Float64(v1::Float64Items {
                    values: values.clone(),
                }),
            }),
        }),
        Value::Sealed(_) => Kind::String(value.to_string()),
        // Elements are no properties.
        Value::Null | Value::Node(_) | Value::Relationship(_) | Value::Path(_) => Kind::Null(0),
    })
}

fn properties(of: &BTreeMap<Arc<str>, Value>) -> BTreeMap<String, v1::Value> {
    of.iter()
        .map(|(key, value)| (key.to_string(), property(value)))
        .collect()
}

/// A node.
pub fn of_node(node: NodeOutput) -> v1::Node {
    v1::Node {
        element_id: node.element_id(),
        labels: node.labels.iter().map(|label| label.to_string()).collect(),
        properties: properties(&node.properties),
    }
}

/// A relationship.
pub fn of_relationship(of: RelationshipOutput) -> v1::Relationship {
    v1::Relationship {
        element_id: of.element_id(),
        r#type: of.type_name.to_string(),
        start_element_id: element_id(of.start.into()),
        end_element_id: element_id(of.end.into()),
        properties: properties(&of.properties),
    }
}

fn of_path(path: PathOutput) -> v1::Path {
    v1::Path {
        nodes: path.nodes.into_iter().map(of_node).collect(),
        relationships: path
            .relationships
            .into_iter()
            .map(|(of, _)| of_relationship(of))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(value: &Value) -> Value {
        read(property(value), DEPTH_MAX).expect("a value")
    }

    #[test]
    fn values_are_read_as_they_are_written() {
        let zone = Zone::named("Europe/Lisbon").expect("a zone");
        for value in [
            Value::Null,
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::Float(0.5),
            Value::string("ö"),
            Value::Bytes(vec![0, 255].into()),
            Value::list([Value::Int(1), Value::Null]),
            Value::Date(Date { epoch_day: -1 }),
            Value::LocalTime(LocalTime {
                nanosecond_of_day: 86_399_999_999_999,
            }),
            Value::Time(Time {
                nanosecond_of_day: 1,
                offset_seconds: -3_600,
            }),
            Value::LocalDateTime(LocalDateTime {
                epoch_second: -5,
                nanosecond: 7,
            }),
            Value::DateTime(Arc::new(DateTime::from_instant(1_750_000_000, 9, &zone))),
            Value::Duration(Arc::new(Duration {
                months: 1,
                days: -2,
                seconds: -3,
                nanoseconds: 4,
            })),
            Value::Point(Arc::new(Point {
                srid: 4979,
                coordinates: [1.0, 2.0, 3.0],
                dimensions: 3,
            })),
            Value::Vector(Arc::new(Vector::F32(vec![1.5]))),
        ] {
            assert_eq!(there_and_back(&value).to_string(), value.to_string());
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        let mut deep = null();
        for _ in 0..=DEPTH_MAX {
            deep = of_kind(Kind::List(v1::List { items: vec![deep] }));
        }
        for bad in [
            v1::Value { kind: None },
            deep,
            of_kind(Kind::Node(v1::Node::default())),
            of_kind(Kind::Point(v1::Point {
                srid: 4326,
                coordinates: vec![1.0],
            })),
            of_kind(Kind::LocalTime(v1::LocalTime {
                nanosecond_of_day: u64::MAX,
            })),
            of_kind(Kind::DateTime(v1::DateTime {
                epoch_second: i64::MAX,
                zone: "Europe/Lisbon".to_owned(),
                ..v1::DateTime::default()
            })),
            of_kind(Kind::Duration(v1::Duration {
                nanoseconds: -1,
                ..v1::Duration::default()
            })),
        ] {
            assert!(read(bad.clone(), DEPTH_MAX).is_err(), "{bad:?}");
        }
    }
}
