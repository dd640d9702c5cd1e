//! The components of temporal values and durations that queries read like properties.

use super::calendar::NANOSECONDS_PER_SECOND;
use super::format::Offset;
use super::{Date, DateTime, Duration, LocalTime, TemporalError};
use crate::value::Value;

/// The component `name` of a temporal value or duration; `None` if the type has none of that name
/// (null in a query). Fails only for totals of a duration beyond 64 bits.
pub fn component(value: &Value, name: &str) -> Result<Option<Value>, TemporalError> {
    Ok(match value {
        Value::Date(d) => date_component(*d, name).map(Value::Int),
        Value::LocalTime(t) => time_component(*t, name).map(Value::Int),
        Value::Time(t) => {
            let local = LocalTime {
                nanosecond_of_day: t.nanosecond_of_day,
            };
            match name {
                "timezone" => Some(Offset(t.offset_seconds).to_string().into()),
                _ => time_component(local, name)
                    .map(Value::Int)
                    .or_else(|| offset_component(t.offset_seconds, name)),
            }
        }
        Value::LocalDateTime(t) => date_component(t.date(), name)
            .or_else(|| time_component(t.time(), name))
            .map(Value::Int),
        Value::DateTime(t) => date_time_component(t, name),
        Value::Duration(d) => duration_component(d, name)?.map(Value::Int),
        _ => None,
    })
}

fn date_component(date: Date, name: &str) -> Option<i64> {
    Some(match name {
        "year" => date.year(),
        "quarter" => date.quarter(),
        "month" => date.month(),
        "week" => date.week(),
        "weekYear" => date.week_year(),
        "dayOfQuarter" | "quarterDay" => date.day_of_quarter(),
        "day" => date.day(),
        "ordinalDay" => date.ordinal_day(),
        "dayOfWeek" | "weekDay" => date.day_of_week(),
        _ => return None,
    })
}

fn time_component(time: LocalTime, name: &str) -> Option<i64> {
    Some(match name {
        "hour" => time.hour(),
        "minute" => time.minute(),
        "second" => time.second(),
        "millisecond" => time.nanosecond() / 1_000_000,
        "microsecond" => time.nanosecond() / 1_000,
        "nanosecond" => time.nanosecond(),
        _ => return None,
    })
}

fn offset_component(seconds: i32, name: &str) -> Option<Value> {
    Some(match name {
        "offset" => Offset(seconds).to_string().into(),
        "offsetMinutes" => Value::Int(i64::from(seconds) / 60),
        "offsetSeconds" => Value::Int(i64::from(seconds)),
        _ => return None,
    })
}

fn date_time_component(t: &DateTime, name: &str) -> Option<Value> {
    let local = t.local();
    Some(match name {
        "timezone" => match &t.zone {
            Some(zone) => Value::String(zone.clone()),
            None => Offset(t.offset_seconds).to_string().into(),
        },
        "epochSeconds" => Value::Int(t.epoch_second),
        "epochMillis" => Value::Int(
            t.epoch_second
                .saturating_mul(1_000)
                .saturating_add(i64::from(t.nanosecond) / 1_000_000),
        ),
        _ => {
            let number = date_component(local.date(), name)
                .or_else(|| time_component(local.time(), name))
                .map(Value::Int);
            return number.or_else(|| offset_component(t.offset_seconds, name));
        }
    })
}

/// Totals (`hours`, `months`) count all of the part they come from; the others (`minutesOfHour`)
/// what the next greater unit leaves.
fn duration_component(d: &Duration, name: &str) -> Result<Option<i64>, TemporalError> {
    let nanoseconds = i64::from(d.nanoseconds);
    let total = |per_second: i64| {
        let part = nanoseconds / (NANOSECONDS_PER_SECOND / per_second);
        d.seconds
            .checked_mul(per_second)
            .and_then(|n| n.checked_add(part))
            .ok_or(TemporalError::Overflow {
                what: "component of a duration",
            })
    };
    Ok(Some(match name {
        "years" => d.months / 12,
        "quarters" => d.months / 3,
        "months" => d.months,
        "weeks" => d.days / 7,
        "days" => d.days,
        "hours" => d.seconds / 3_600,
        "minutes" => d.seconds / 60,
        "seconds" => d.seconds,
        "milliseconds" => total(1_000)?,
        "microseconds" => total(1_000_000)?,
        "nanoseconds" => total(NANOSECONDS_PER_SECOND)?,
        "quartersOfYear" => d.months / 3 % 4,
        "monthsOfQuarter" => d.months % 3,
        "monthsOfYear" => d.months % 12,
        "daysOfWeek" => d.days % 7,
        "minutesOfHour" => d.seconds / 60 % 60,
        "secondsOfMinute" => d.seconds % 60,
        "millisecondsOfSecond" => nanoseconds / 1_000_000,
        "microsecondsOfSecond" => nanoseconds / 1_000,
        "nanosecondsOfSecond" => nanoseconds,
        _ => return Ok(None),
    }))
}
