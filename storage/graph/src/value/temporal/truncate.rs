//! Truncation to a calendar or clock unit, with components that override the result.

use super::calendar::NANOSECONDS_PER_SECOND;
use super::construct::{date_of, from_map, time_of, zone_field, zone_of};
use super::{Date, DateTime, LocalTime, TemporalError, TemporalType, Time, Zone};
use crate::value::{Map, Value};

/// A unit of truncation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Millennium,
    Century,
    Decade,
    Year,
    WeekYear,
    Quarter,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
}

impl Unit {
    const ALL: [(&'static str, Self); 14] = [
        ("millennium", Self::Millennium),
        ("century", Self::Century),
        ("decade", Self::Decade),
        ("year", Self::Year),
        ("weekYear", Self::WeekYear),
        ("quarter", Self::Quarter),
        ("month", Self::Month),
        ("week", Self::Week),
        ("day", Self::Day),
        ("hour", Self::Hour),
        ("minute", Self::Minute),
        ("second", Self::Second),
        ("millisecond", Self::Millisecond),
        ("microsecond", Self::Microsecond),
    ];

    fn parse(text: &str) -> Result<(&'static str, Self), TemporalError> {
        let found = Self::ALL
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        found.copied().ok_or_else(|| TemporalError::UnknownUnit {
            unit: text.to_owned(),
        })
    }

    /// The length of a unit of the clock in nanoseconds; `None` for units of the calendar.
    const fn nanoseconds(self) -> Option<i64> {
        Some(match self {
            Self::Hour => 3_600 * NANOSECONDS_PER_SECOND,
            Self::Minute => 60 * NANOSECONDS_PER_SECOND,
            Self::Second => NANOSECONDS_PER_SECOND,
            Self::Millisecond => 1_000_000,
            Self::Microsecond => 1_000,
            _ => return None,
        })
    }
}

/// Truncates `value` to a unit and returns it as `kind`; then lets `fields` override components of
/// the result. A zone among the fields replaces the zone and keeps the local time.
pub fn truncate(
    kind: TemporalType,
    unit: &str,
    value: &Value,
    fields: &Map,
) -> Result<Value, TemporalError> {
    let (unit_name, unit) = Unit::parse(unit)?;
    let mismatch = || TemporalError::Unit {
        from: value.type_name(),
        type_name: kind.name(),
        unit: unit_name,
    };
    let (date, time) = if let Some(step) = unit.nanoseconds() {
        if !kind.has_time() || matches!(value, Value::Date(_)) {
            return Err(mismatch());
        }
        let nanoseconds = time_of(value)?.nanosecond_of_day.cast_signed();
        let time = LocalTime {
            nanosecond_of_day: (nanoseconds - nanoseconds % step).cast_unsigned(),
        };
        (kind.has_date().then(|| date_of(value)).transpose()?, time)
    } else if kind.has_date() {
        (
            Some(truncate_date(date_of(value)?, unit)?),
            LocalTime::MIDNIGHT,
        )
    } else if unit == Unit::Day {
        // Only a value with a time of day can become one.
        time_of(value)?;
        (None, LocalTime::MIDNIGHT)
    } else {
        return Err(mismatch());
    };
    let mut fields = fields.clone();
    let zone = match fields.remove("timezone") {
        Some(zone) if kind.has_zone() => zone_field(&zone)?,
        Some(_) => {
            let name = "timezone".to_owned();
            return Err(TemporalError::UnknownComponent {
                type_name: kind.name(),
                name,
            });
        }
        None => zone_of(value).transpose()?.unwrap_or(Zone::UTC),
    };
    let nanosecond_of_day = time.nanosecond_of_day;
    let (base, truncated): (_, Value) = match (kind, date) {
        (TemporalType::Date, Some(date)) => ("date", date.into()),
        (TemporalType::LocalDateTime, Some(date)) => ("datetime", date.at(time).into()),
        (TemporalType::DateTime, Some(date)) => (
            "datetime",
            DateTime::from_local(date.at(time), &zone, None)?.into(),
        ),
        (TemporalType::Time, _) => {
            let offset_seconds = match (&zone, value) {
                // A named zone has an offset only at the instant it came with.
                (Zone::Named(..), Value::DateTime(t)) if t.zone.as_ref() == zone.name() => {
                    t.offset_seconds
                }
                _ => zone.fixed_offset()?,
            };
            (
                "time",
                Time {
                    nanosecond_of_day,
                    offset_seconds,
                }
                .into(),
            )
        }
        _ => ("time", time.into()),
    };
    if fields.is_empty() {
        return Ok(truncated);
    }
    keep_sub_second(&mut fields, unit, time);
    fields.insert(base.into(), truncated);
    from_map(kind, &fields)
}

/// Components below the unit add to what truncation left of the second, rather than replace it.
fn keep_sub_second(fields: &mut Map, unit: Unit, time: LocalTime) {
    let has = |name: &str| fields.contains_key(name);
    let nanosecond = time.nanosecond();
    match unit {
        Unit::Millisecond if !has("millisecond") && (has("microsecond") || has("nanosecond")) => {
            fields.insert("millisecond".into(), Value::Int(nanosecond / 1_000_000));
        }
        Unit::Microsecond if !has("microsecond") && has("nanosecond") => {
            let microsecond = nanosecond / 1_000;
            let rest = if has("millisecond") {
                microsecond % 1_000
            } else {
                microsecond
            };
            fields.insert("microsecond".into(), Value::Int(rest));
        }
        _ => {}
    }
}

fn truncate_date(date: Date, unit: Unit) -> Result<Date, TemporalError> {
    let year = date.year();
    let first_of = |years: i64| Date::from_ymd(year - year.rem_euclid(years), 1, 1);
    match unit {
        Unit::Millennium => first_of(1_000),
        Unit::Century => first_of(100),
        Unit::Decade => first_of(10),
        Unit::Year => first_of(1),
        Unit::WeekYear => {
            Date::from_epoch_day(Date::start_of_week_year(date.week_year()).epoch_day)
        }
        Unit::Quarter => Date::from_ymd(year, (date.quarter() - 1) * 3 + 1, 1),
        Unit::Month => date.with_day(1),
        Unit::Week => date.with_day_of_week(1),
        _ => Ok(date),
    }
}
