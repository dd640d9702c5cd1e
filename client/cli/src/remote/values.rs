//! Values between the client and the types that the command prints and reads.

use std::sync::Arc;

use retrograph_client as client;
use retrograph_client::Error;
use retrograph_engine::output::{NodeOutput, Output, PathOutput, RelationshipOutput};
use retrograph_graph::ids::{NodeId, RelationshipId};
use retrograph_graph::value::temporal::{Date, DateTime, Duration, LocalDateTime, LocalTime, Time};
use retrograph_graph::value::{Point, Value, Vector};

use crate::conversation::Ran;
use crate::failure::Failure;

/// What a run reports.
pub fn ran(summary: &client::Summary) -> Ran {
    let changes = summary.counters.named().into_iter();
    Ran {
        changes: changes
            .map(|(name, count)| (name.to_owned(), count))
            .collect(),
        version: summary.version,
        plan: summary.plan.clone(),
        notifications: summary.notifications.clone(),
        ..Ran::default()
    }
}

/// A value of a result as it is printed.
pub fn shown(value: client::Value) -> Result<Output, Error> {
    Ok(match value {
        client::Value::List(items) => {
            let items = items.into_iter().map(shown);
            Output::List(items.collect::<Result<_, _>>()?)
        }
        client::Value::Map(map) => {
            let entries = map.into_iter();
            let entries = entries.map(|(key, value)| Ok((key.into(), shown(value)?)));
            Output::Map(entries.collect::<Result<_, Error>>()?)
        }
        client::Value::Node(of) => Output::Node(node(of)?),
        client::Value::Relationship(of) => Output::Relationship(relationship(of)?),
        client::Value::Path(path) => {
            let steps = path.steps.into_iter();
            let steps = steps.map(|step| Ok((relationship(step.relationship)?, step.is_along)));
            Output::Path(PathOutput {
                nodes: path.nodes.into_iter().map(node).collect::<Result<_, _>>()?,
                relationships: steps.collect::<Result<_, Error>>()?,
            })
        }
        plain => Output::Value(received(plain)?),
    })
}

fn node(node: client::Node) -> Result<NodeOutput, Error> {
    Ok(NodeOutput {
        id: NodeId(id(&node.element_id, "n:")?),
        labels: node.labels.into_iter().map(Arc::from).collect(),
        properties: properties(node.properties)?,
    })
}

fn relationship(of: client::Relationship) -> Result<RelationshipOutput, Error> {
    Ok(RelationshipOutput {
        id: RelationshipId(id(&of.element_id, "r:")?),
        type_name: of.type_name.into(),
        start: NodeId(id(&of.start, "n:")?),
        end: NodeId(id(&of.end, "n:")?),
        properties: properties(of.properties)?,
    })
}

fn properties(map: client::Map) -> Result<std::collections::BTreeMap<Arc<str>, Value>, Error> {
    map.into_iter()
        .map(|(key, value)| Ok((key.into(), received(value)?)))
        .collect()
}

/// The number in an element id, which this command prints in one form wherever the element comes from.
fn id(element_id: &str, prefix: &str) -> Result<u64, Error> {
    let number = element_id.strip_prefix(prefix);
    let number = number.and_then(|number| number.parse().ok());
    number.ok_or_else(|| not_understood(format!("`{element_id}` as the id of an element")))
}

fn not_understood(what: String) -> Error {
    Error::NotUnderstood { what }
}

/// A value that holds no elements.
pub fn received(value: client::Value) -> Result<Value, Error> {
    Ok(match value {
        client::Value::Null => Value::Null,
        client::Value::Bool(bool) => Value::Bool(bool),
        client::Value::Int(int) => Value::Int(int),
        client::Value::Float(float) => Value::Float(float),
        client::Value::String(text) => Value::String(text.into()),
        client::Value::Bytes(bytes) => Value::Bytes(bytes.into()),
        client::Value::List(items) => {
            let items = items.into_iter().map(received);
            Value::from(items.collect::<Result<Vec<_>, _>>()?)
        }
        client::Value::Map(map) => {
            let entries = map.into_iter();
            let entries = entries.map(|(key, value)| Ok((key, received(value)?)));
            Value::map(entries.collect::<Result<Vec<_>, Error>>()?)
        }
        client::Value::Date(date) => Value::Date(Date {
            epoch_day: date.epoch_day,
        }),
        client::Value::LocalTime(time) => Value::LocalTime(LocalTime {
            nanosecond_of_day: time.nanosecond_of_day,
        }),
        client::Value::Time(time) => Value::Time(Time {
            nanosecond_of_day: time.nanosecond_of_day,
            offset_seconds: time.offset_seconds,
        }),
        client::Value::LocalDateTime(time) => Value::LocalDateTime(LocalDateTime {
            epoch_second: time.epoch_second,
            nanosecond: time.nanosecond,
        }),
        client::Value::DateTime(time) => Value::DateTime(Arc::new(DateTime {
            epoch_second: time.epoch_second,
            nanosecond: time.nanosecond,
            offset_seconds: time.offset_seconds,
            zone: time.zone.map(Arc::from),
        })),
        client::Value::Duration(duration) => Value::Duration(Arc::new(Duration {
            months: duration.months,
            days: duration.days,
            seconds: duration.seconds,
            nanoseconds: duration.nanoseconds,
        })),
        client::Value::Point(point) => Value::Point(Arc::new(Point {
            srid: point.srid,
            coordinates: [point.x, point.y, point.z.unwrap_or_default()],
            dimensions: if point.z.is_some() { 3 } else { 2 },
        })),
        client::Value::Vector(client::Vector::F32(items)) => {
            Value::Vector(Arc::new(Vector::F32(items)))
        }
        client::Value::Vector(client::Vector::F64(items)) => {
            Value::Vector(Arc::new(Vector::F64(items)))
        }
        other => {
            return Err(not_understood(format!(
                "a value of type {}",
                other.type_name()
            )));
        }
    })
}

/// A value as a parameter.
pub fn sent(value: &Value) -> Result<client::Value, Failure> {
    Ok(match value {
        Value::Null => client::Value::Null,
        Value::Bool(bool) => client::Value::Bool(*bool),
        Value::Int(int) => client::Value::Int(*int),
        Value::Float(float) => client::Value::Float(*float),
        Value::String(text) => client::Value::String(text.to_string()),
        Value::Bytes(bytes) => client::Value::Bytes(bytes.to_vec()),
        Value::List(items) => {
            let items = items.iter().map(sent);
            client::Value::List(items.collect::<Result<_, _>>()?)
        }
        Value::Map(map) => {
            let entries = map.iter();
            let entries = entries.map(|(key, value)| Ok((key.to_string(), sent(value)?)));
            client::Value::Map(entries.collect::<Result<_, Failure>>()?)
        }
        Value::Date(date) => client::Value::Date(client::Date {
            epoch_day: date.epoch_day,
        }),
        Value::LocalTime(time) => client::Value::LocalTime(client::LocalTime {
            nanosecond_of_day: time.nanosecond_of_day,
        }),
        Value::Time(time) => client::Value::Time(client::Time {
            nanosecond_of_day: time.nanosecond_of_day,
            offset_seconds: time.offset_seconds,
        }),
        Value::LocalDateTime(time) => client::Value::LocalDateTime(client::LocalDateTime {
            epoch_second: time.epoch_second,
            nanosecond: time.nanosecond,
        }),
        Value::DateTime(time) => client::Value::DateTime(client::DateTime {
            epoch_second: time.epoch_second,
            nanosecond: time.nanosecond,
            offset_seconds: time.offset_seconds,
            zone: time.zone.as_ref().map(ToString::to_string),
        }),
        Value::Duration(duration) => client::Value::Duration(client::Duration {
            months: duration.months,
            days: duration.days,
            seconds: duration.seconds,
            nanoseconds: duration.nanoseconds,
        }),
        Value::Point(point) => {
            let [x, y, z] = point.coordinates;
            client::Value::Point(client::Point {
                srid: point.srid,
                x,
                y,
                z: (point.dimensions == 3).then_some(z),
            })
        }
        Value::Vector(vector) => client::Value::Vector(match &**vector {
            Vector::F32(items) => client::Vector::F32(items.clone()),
            Vector::F64(items) => client::Vector::F64(items.clone()),
        }),
        other => {
            let kind = other.type_name();
            return Err(Failure::new(format!(
                "a parameter cannot be of type {kind}"
            )));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_went() {
        let values = [
            Value::Null,
            Value::Bool(true),
            Value::Int(-1),
            Value::Float(0.5),
            Value::from("ö"),
            Value::Bytes(vec![0, 255].into()),
            Value::from(vec![Value::Int(1), Value::Null]),
            Value::map([("k", Value::Int(1))]),
            Value::Date(Date { epoch_day: -1 }),
            Value::LocalTime(LocalTime {
                nanosecond_of_day: 1,
            }),
            Value::Time(Time {
                nanosecond_of_day: 1,
                offset_seconds: 60,
            }),
            Value::LocalDateTime(LocalDateTime {
                epoch_second: 1,
                nanosecond: 2,
            }),
            Value::DateTime(Arc::new(DateTime {
                epoch_second: 1,
                nanosecond: 2,
                offset_seconds: 3_600,
                zone: Some("Europe/Oslo".into()),
            })),
            Value::Duration(Arc::new(Duration {
                months: 1,
                days: 2,
                seconds: 3,
                nanoseconds: 4,
            })),
            Value::Point(Arc::new(Point {
                srid: 9157,
                coordinates: [1.0, 2.0, 3.0],
                dimensions: 3,
            })),
            Value::Vector(Arc::new(Vector::F32(vec![0.5]))),
        ];
        for value in values {
            let there = sent(&value).expect("it can be sent");
            let back = received(there).expect("it is understood");
            assert_eq!(format!("{back:?}"), format!("{value:?}"));
        }
    }

    #[test]
    fn an_element_of_a_strange_id_is_refused() {
        let node = client::Node {
            element_id: "4:abc:7".to_owned(),
            ..client::Node::default()
        };
        assert!(shown(client::Value::Node(node)).is_err());
    }
}
