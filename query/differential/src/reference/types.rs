//! Types of values, and the parts of durations and points.

use retrograph_cypher::ast::{SimpleType, TypeKind, TypeName};
use retrograph_graph::value::temporal::Duration;
use retrograph_graph::value::{Point, Value};

/// `value IS :: type`.
#[must_use]
pub fn is_of(value: &Value, ty: &TypeName) -> bool {
    if value.is_null() {
        return !ty.not_null
            && match &ty.kind {
                TypeKind::Simple(simple) => *simple != SimpleType::Nothing,
                TypeKind::List(_) => true,
                TypeKind::Union(types) => types.iter().any(|ty| is_of(value, ty)),
            };
    }
    match &ty.kind {
        TypeKind::List(item) => match value {
            Value::List(items) => items.iter().all(|value| is_of(value, item)),
            _ => false,
        },
        TypeKind::Union(types) => types.iter().any(|ty| is_of(value, ty)),
        TypeKind::Simple(simple) => match simple {
            SimpleType::Nothing | SimpleType::Null => false,
            SimpleType::Any => true,
            SimpleType::PropertyValue => value.is_storable(),
            SimpleType::Boolean => matches!(value, Value::Bool(_)),
            SimpleType::String => matches!(value, Value::String(_)),
            SimpleType::Integer => matches!(value, Value::Int(_)),
            SimpleType::Float => matches!(value, Value::Float(_)),
            SimpleType::Date => matches!(value, Value::Date(_)),
            SimpleType::LocalTime => matches!(value, Value::LocalTime(_)),
            SimpleType::ZonedTime => matches!(value, Value::Time(_)),
            SimpleType::LocalDateTime => matches!(value, Value::LocalDateTime(_)),
            SimpleType::ZonedDateTime => matches!(value, Value::DateTime(_)),
            SimpleType::Duration => matches!(value, Value::Duration(_)),
            SimpleType::Point => matches!(value, Value::Point(_)),
            SimpleType::Vector => matches!(value, Value::Vector(_)),
            SimpleType::Node => matches!(value, Value::Node(_)),
            SimpleType::Relationship => matches!(value, Value::Relationship(_)),
            SimpleType::Path => matches!(value, Value::Path(_)),
            SimpleType::Map => matches!(value, Value::Map(_)),
        },
    }
}

/// A part of a duration by name; null if there is none of the name.
#[must_use]
pub fn part_of_duration(of: &Duration, name: &str) -> Value {
    let (months, days, seconds) = (of.months, of.days, of.seconds);
    let nanoseconds = i64::from(of.nanoseconds);
    Value::Int(match name {
        "years" => months / 12,
        "quarters" => months / 3,
        "months" => months,
        "weeks" => days / 7,
        "days" => days,
        "hours" => seconds / 3600,
        "minutes" => seconds / 60,
        "seconds" => seconds,
        "milliseconds" => seconds * 1_000 + nanoseconds / 1_000_000,
        "microseconds" => seconds * 1_000_000 + nanoseconds / 1_000,
        "nanoseconds" => seconds * 1_000_000_000 + nanoseconds,
        "quartersOfYear" => months / 3 % 4,
        "monthsOfQuarter" => months % 3,
        "monthsOfYear" => months % 12,
        "daysOfWeek" => days % 7,
        "minutesOfHour" => seconds / 60 % 60,
        "secondsOfMinute" => seconds % 60,
        "millisecondsOfSecond" => nanoseconds / 1_000_000,
        "microsecondsOfSecond" => nanoseconds / 1_000,
        "nanosecondsOfSecond" => nanoseconds,
        _ => return Value::Null,
    })
}

/// A part of a point by name; null if there is none of the name.
#[must_use]
pub fn part_of_point(of: &Point, name: &str) -> Value {
    let [x, y, z] = of.coordinates;
    let has_height = of.dimensions == 3;
    let is_geographic = matches!(of.srid, 4326 | 4979);
    match name {
        "x" => Value::Float(x),
        "y" => Value::Float(y),
        "z" if has_height => Value::Float(z),
        "longitude" if is_geographic => Value::Float(x),
        "latitude" if is_geographic => Value::Float(y),
        "height" if is_geographic && has_height => Value::Float(z),
        "srid" => Value::Int(i64::from(of.srid)),
        "crs" => Value::string(match of.srid {
            4326 => "wgs-84",
            4979 => "wgs-84-3d",
            7203 => "cartesian",
            9157 => "cartesian-3d",
            _ => return Value::Null,
        }),
        _ => Value::Null,
    }
}
