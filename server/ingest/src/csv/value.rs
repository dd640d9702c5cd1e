//! Values and times from the text of a field.

use std::sync::Arc;

use retrograph_engine::functions::point_of;
use retrograph_graph::value::temporal::{Date, DateTime, Duration, LocalDateTime, LocalTime, Time};
use retrograph_graph::value::{Map, Value};

use super::header::{ColumnType, TimeUnit};

/// The value of a field.
pub(crate) fn parse(column_type: ColumnType, text: &str) -> Result<Value, String> {
    let trimmed = text.trim();
    let value = match column_type {
        ColumnType::String => Some(Value::String(text.into())),
        ColumnType::Integer => trimmed.parse().ok().map(Value::Int),
        ColumnType::Float => trimmed.parse().ok().map(Value::Float),
        ColumnType::Boolean => match trimmed {
            _ if trimmed.eq_ignore_ascii_case("true") => Some(Value::Bool(true)),
            _ if trimmed.eq_ignore_ascii_case("false") => Some(Value::Bool(false)),
            _ => None,
        },
        ColumnType::Date => Date::parse(trimmed).ok().map(Value::Date),
        ColumnType::LocalTime => LocalTime::parse(trimmed).ok().map(Value::LocalTime),
        ColumnType::Time => Time::parse(trimmed).ok().map(Value::Time),
        ColumnType::LocalDateTime => LocalDateTime::parse(trimmed).ok().map(Value::LocalDateTime),
        ColumnType::DateTime => DateTime::parse(trimmed)
            .ok()
            .map(|value| Value::DateTime(Arc::new(value))),
        ColumnType::Duration => Duration::parse(trimmed)
            .ok()
            .map(|value| Value::Duration(Arc::new(value))),
        ColumnType::Point => point(trimmed),
    };
    value.ok_or_else(|| format!("`{text}` is not {}", column_type.example()))
}

/// `{x: 1.0, y: 2.0}`, `{longitude: 12.9, latitude: 55.6, height: 3}` and so on.
fn point(text: &str) -> Option<Value> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut map = Map::new();
    for entry in inner.split(',') {
        let (name, number) = entry.split_once(':')?;
        let name = name.trim();
        let number = number.trim();
        let value = match number.parse::<f64>() {
            Ok(number) => Value::Float(number),
            Err(_) => Value::String(number.trim_matches(['\'', '"']).into()),
        };
        map.insert(name.into(), value);
    }
    point_of(&map)
        .ok()
        .filter(|value| matches!(value, Value::Point(_)))
}

/// A system time in microseconds since the Unix epoch.
pub(crate) fn parse_time(unit: TimeUnit, text: &str) -> Result<i64, String> {
    let text = text.trim();
    let factor = match unit {
        TimeUnit::Text => {
            let time = DateTime::parse(text)
                .map_err(|_| format!("`{text}` is not {}", ColumnType::DateTime.example()))?;
            return time
                .epoch_second
                .checked_mul(1_000_000)
                .and_then(|us| us.checked_add(i64::from(time.nanosecond / 1_000)))
                .ok_or_else(|| format!("`{text}` lies outside the times that can be recorded"));
        }
        TimeUnit::Seconds => 1_000_000,
        TimeUnit::Milliseconds => 1_000,
        TimeUnit::Microseconds => 1,
    };
    text.parse::<i64>()
        .ok()
        .and_then(|count| count.checked_mul(factor))
        .ok_or_else(|| format!("`{text}` is not a whole number of seconds, ms or us since 1970"))
}
