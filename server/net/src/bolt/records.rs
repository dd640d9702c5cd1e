//! Rows of results, encoded from the engine's values without another copy.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use retrograph_bolt::structure::signature;
use retrograph_bolt::{Dialect, Encoder};
use retrograph_engine::output::{NodeOutput, PathOutput, RelationshipOutput, element_id};
use retrograph_engine::{Output, QueryError, Views};
use retrograph_graph::ids::ElementId;
use retrograph_graph::value::temporal::DateTime;
use retrograph_graph::value::{Value, Vector};

/// Rows need no room of their own while they have no more bytes than this.
pub const FREE_BYTES: usize = 256 << 10;

/// Asked whether there is room for rows of so many bytes.
pub type Room<'r> = dyn Fn(usize) -> Result<(), QueryError> + 'r;

/// Writes a value of a row. A value may be much longer than what it takes in memory: a list may name one string
/// many times over, and elements have properties.
pub fn write(
    encoder: &mut Encoder<'_>,
    value: &Value,
    views: &Views,
    dialect: Dialect,
    room: &Room<'_>,
) -> Result<(), QueryError> {
    let more = match value {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    };
    let bytes = encoder.len().saturating_add(more);
    if bytes > FREE_BYTES {
        room(bytes)?;
    }
    match value {
        Value::List(items) => {
            encoder.list(items.len());
            for item in items.iter() {
                write(encoder, item, views, dialect, room)?;
            }
        }
        Value::Map(map) => {
            encoder.map(map.len());
            for (key, value) in map.iter() {
                encoder.string(key);
                write(encoder, value, views, dialect, room)?;
            }
        }
        Value::Node(_) | Value::Relationship(_) | Value::Path(_) => {
            match Output::of(value, views)? {
                Output::Node(node) => write_node(encoder, &node, dialect),
                Output::Relationship(of) => write_relationship(encoder, &of, dialect),
                Output::Path(path) => write_path(encoder, &path, dialect),
                Output::Value(_) | Output::List(_) | Output::Map(_) => encoder.null(),
            }
        }
        plain => write_plain(encoder, plain, dialect),
    }
    Ok(())
}

/// Writes a value that holds no element: a property.
fn write_plain(encoder: &mut Encoder<'_>, value: &Value, dialect: Dialect) {
    match value {
        Value::Bool(bool) => encoder.bool(*bool),
        Value::Int(int) => encoder.int(*int),
        Value::Float(float) => encoder.float(*float),
        Value::String(text) => encoder.string(text),
        Value::Bytes(bytes) => encoder.bytes(bytes),
        Value::List(items) => {
            encoder.list(items.len());
            for item in items.iter() {
                write_plain(encoder, item, dialect);
            }
        }
        Value::Map(map) => {
            encoder.map(map.len());
            for (key, value) in map.iter() {
                encoder.string(key);
                write_plain(encoder, value, dialect);
            }
        }
        Value::Date(date) => encoder.integers(signature::DATE, [date.epoch_day]),
        Value::LocalTime(time) => {
            let nanoseconds = time.nanosecond_of_day.cast_signed();
            encoder.integers(signature::LOCAL_TIME, [nanoseconds]);
        }
        Value::Time(time) => encoder.integers(
            signature::TIME,
            [
                time.nanosecond_of_day.cast_signed(),
                i64::from(time.offset_seconds),
            ],
        ),
        Value::LocalDateTime(time) => encoder.integers(
            signature::LOCAL_DATE_TIME,
            [time.epoch_second, i64::from(time.nanosecond)],
        ),
        Value::DateTime(time) => write_datetime(encoder, time, dialect),
        Value::Duration(duration) => encoder.integers(
            signature::DURATION,
            [
                duration.months,
                duration.days,
                duration.seconds,
                i64::from(duration.nanoseconds),
            ],
        ),
        Value::Point(point) => {
            let dimensions = usize::from(point.dimensions.min(3));
            encoder.point(i64::from(point.srid), &point.coordinates[..dimensions]);
        }
        // Vectors come with Bolt 6; until then they are lists of numbers.
        Value::Vector(vector) => match &**vector {
            Vector::F32(items) => {
                encoder.list(items.len());
                items.iter().for_each(|item| encoder.float((*item).into()));
            }
            Vector::F64(items) => {
                encoder.list(items.len());
                items.iter().for_each(|item| encoder.float(*item));
            }
        },
        Value::Sealed(_) => encoder.string(&value.to_string()),
        // Elements are no properties.
        Value::Null | Value::Node(_) | Value::Relationship(_) | Value::Path(_) => encoder.null(),
    }
}

fn write_datetime(encoder: &mut Encoder<'_>, time: &DateTime, dialect: Dialect) {
    let nanoseconds = i64::from(time.nanosecond);
    let (seconds, with_offset, with_zone) = if dialect.utc {
        (
            time.epoch_second,
            signature::DATE_TIME,
            signature::DATE_TIME_ZONE_ID,
        )
    } else {
        (
            time.local().epoch_second,
            signature::LEGACY_DATE_TIME,
            signature::LEGACY_DATE_TIME_ZONE_ID,
        )
    };
    match &time.zone {
        Some(zone) => encoder.zoned(with_zone, seconds, nanoseconds, zone),
        None => encoder.integers(
            with_offset,
            [seconds, nanoseconds, i64::from(time.offset_seconds)],
        ),
    }
}

fn write_properties(
    encoder: &mut Encoder<'_>,
    properties: &BTreeMap<Arc<str>, Value>,
    dialect: Dialect,
) {
    encoder.map(properties.len());
    for (key, value) in properties {
        encoder.string(key);
        write_plain(encoder, value, dialect);
    }
}

fn write_node(encoder: &mut Encoder<'_>, node: &NodeOutput, dialect: Dialect) {
    encoder.node(dialect);
    encoder.int(node.id.0.cast_signed());
    encoder.list(node.labels.len());
    for label in &node.labels {
        encoder.string(label);
    }
    write_properties(encoder, &node.properties, dialect);
    if dialect.element_ids {
        encoder.string(&node.element_id());
    }
}

fn write_relationship(encoder: &mut Encoder<'_>, of: &RelationshipOutput, dialect: Dialect) {
    encoder.relationship(dialect);
    encoder.int(of.id.0.cast_signed());
    encoder.int(of.start.0.cast_signed());
    encoder.int(of.end.0.cast_signed());
    encoder.string(&of.type_name);
    write_properties(encoder, &of.properties, dialect);
    if dialect.element_ids {
        encoder.string(&of.element_id());
        encoder.string(&element_id(ElementId::Node(of.start)));
        encoder.string(&element_id(ElementId::Node(of.end)));
    }
}

/// A path lists each node and relationship once, and then how they are walked.
fn write_path(encoder: &mut Encoder<'_>, path: &PathOutput, dialect: Dialect) {
    let mut nodes: Vec<&NodeOutput> = Vec::new();
    let mut places = HashMap::new();
    let order: Vec<i64> = path
        .nodes
        .iter()
        .map(|node| {
            *places.entry(node.id).or_insert_with(|| {
                nodes.push(node);
                nodes.len() as i64 - 1
            })
        })
        .collect();
    let mut relationships: Vec<&RelationshipOutput> = Vec::new();
    let mut numbers = HashMap::new();
    let mut indices: Vec<i64> = Vec::with_capacity(2 * path.relationships.len());
    // The walk begins at the first node, which is not named again.
    for ((of, along), node) in path.relationships.iter().zip(order.iter().skip(1)) {
        let number = *numbers.entry(of.id).or_insert_with(|| {
            relationships.push(of);
            relationships.len() as i64
        });
        indices.push(if *along { number } else { -number });
        indices.push(*node);
    }
    encoder.structure(signature::PATH, 3);
    encoder.list(nodes.len());
    for node in nodes {
        write_node(encoder, node, dialect);
    }
    encoder.list(relationships.len());
    for of in relationships {
        encoder.unbound_relationship(dialect);
        encoder.int(of.id.0.cast_signed());
        encoder.string(&of.type_name);
        write_properties(encoder, &of.properties, dialect);
        if dialect.element_ids {
            encoder.string(&of.element_id());
        }
    }
    encoder.list(indices.len());
    for index in indices {
        encoder.int(index);
    }
}
