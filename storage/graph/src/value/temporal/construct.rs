//! Making temporal values from maps of components, and from other temporal values.
//!
//! A map may start from a base: `date`, `time` or `datetime` holding another temporal value, or
//! `epochSeconds` / `epochMillis`. Components then override the base, the coarser first. Without a
//! base every component needs the coarser ones of its family: a day needs its month, a second its
//! minute.
//!
//! `timezone` converts the instant if the base has a zone of its own, and else only names the zone
//! in which the local time is meant.

use super::decimal::{Amounts, Decimal};
use super::{
    Date, DateTime, Duration, LocalDateTime, LocalTime, TemporalError, TemporalType, Time, Zone,
};
use crate::value::{Map, Value};

/// Makes a temporal value of a type from a string, a map of components, or another temporal value
/// that has what the type needs. What has no zone is taken to be in UTC.
pub fn construct(kind: TemporalType, from: &Value) -> Result<Value, TemporalError> {
    match from {
        Value::String(text) => Ok(match kind {
            TemporalType::Date => Date::parse(text)?.into(),
            TemporalType::LocalTime => LocalTime::parse(text)?.into(),
            TemporalType::Time => Time::parse(text)?.into(),
            TemporalType::LocalDateTime => LocalDateTime::parse(text)?.into(),
            TemporalType::DateTime => DateTime::parse(text)?.into(),
        }),
        Value::Map(map) => from_map(kind, map),
        _ => select(kind, from),
    }
}

/// Makes a temporal value of a type from a map of components.
pub(super) fn from_map(kind: TemporalType, map: &Map) -> Result<Value, TemporalError> {
    let fields = Fields::read(kind, map)?;
    Ok(match kind {
        TemporalType::Date => fields.date(fields.date.map(date_of).transpose()?)?.into(),
        TemporalType::LocalTime => fields.local_time()?.into(),
        TemporalType::Time => fields.time()?.into(),
        TemporalType::LocalDateTime => fields.local_date_time()?.into(),
        TemporalType::DateTime => fields.date_time()?.into(),
    })
}

/// The moment of a clock as a value of a type, as seen in a zone.
#[must_use]
pub fn at_instant(kind: TemporalType, epoch_second: i64, nanosecond: u32, zone: &Zone) -> Value {
    let value = DateTime::from_instant(epoch_second, nanosecond, zone);
    match kind {
        TemporalType::Date => value.local().date().into(),
        TemporalType::LocalTime => value.local().time().into(),
        TemporalType::Time => value.time().into(),
        TemporalType::LocalDateTime => value.local().into(),
        TemporalType::DateTime => value.into(),
    }
}

/// Takes from a temporal value what a type needs.
fn select(kind: TemporalType, from: &Value) -> Result<Value, TemporalError> {
    Ok(match kind {
        TemporalType::Date => date_of(from)?.into(),
        TemporalType::LocalTime => time_of(from)?.into(),
        TemporalType::Time => {
            let offset_seconds = match zone_of(from) {
                Some(_) => offset_of(from),
                None => 0,
            };
            Time {
                nanosecond_of_day: time_of(from)?.nanosecond_of_day,
                offset_seconds,
            }
            .into()
        }
        TemporalType::LocalDateTime => local_date_time_of(from)?.into(),
        TemporalType::DateTime => match from {
            Value::DateTime(_) => from.clone(),
            _ => DateTime::from_local(local_date_time_of(from)?, &Zone::UTC, None)?.into(),
        },
    })
}

pub(super) fn date_of(value: &Value) -> Result<Date, TemporalError> {
    match value {
        Value::Date(d) => Ok(*d),
        Value::LocalDateTime(t) => Ok(t.date()),
        Value::DateTime(t) => Ok(t.local().date()),
        _ => Err(TemporalError::Type {
            expected: "a temporal value with a date",
            found: value.type_name(),
        }),
    }
}

pub(super) fn time_of(value: &Value) -> Result<LocalTime, TemporalError> {
    match value {
        Value::LocalTime(t) => Ok(*t),
        Value::Time(t) => Ok(LocalTime {
            nanosecond_of_day: t.nanosecond_of_day,
        }),
        Value::LocalDateTime(t) => Ok(t.time()),
        Value::DateTime(t) => Ok(t.local().time()),
        _ => Err(TemporalError::Type {
            expected: "a temporal value with a time",
            found: value.type_name(),
        }),
    }
}

fn local_date_time_of(value: &Value) -> Result<LocalDateTime, TemporalError> {
    match value {
        Value::LocalDateTime(t) => Ok(*t),
        Value::DateTime(t) => Ok(t.local()),
        _ => Err(TemporalError::Type {
            expected: "a temporal value with a date and a time",
            found: value.type_name(),
        }),
    }
}

/// The zone of a value that has one.
pub(super) fn zone_of(value: &Value) -> Option<Result<Zone, TemporalError>> {
    match value {
        Value::Time(t) => Some(Ok(Zone::Offset(t.offset_seconds))),
        Value::DateTime(t) => Some(t.zone()),
        _ => None,
    }
}

fn offset_of(value: &Value) -> i32 {
    match value {
        Value::Time(t) => t.offset_seconds,
        Value::DateTime(t) => t.offset_seconds,
        _ => 0,
    }
}

/// The components of a map. Names are those of the language.
#[derive(Default)]
struct Fields<'a> {
    year: Option<i64>,
    quarter: Option<i64>,
    month: Option<i64>,
    week: Option<i64>,
    ordinal_day: Option<i64>,
    day_of_quarter: Option<i64>,
    day_of_week: Option<i64>,
    day: Option<i64>,
    hour: Option<i64>,
    minute: Option<i64>,
    second: Option<i64>,
    millisecond: Option<i64>,
    microsecond: Option<i64>,
    nanosecond: Option<i64>,
    epoch_seconds: Option<i64>,
    epoch_millis: Option<i64>,
    zone: Option<Zone>,
    date: Option<&'a Value>,
    time: Option<&'a Value>,
    date_time: Option<&'a Value>,
}

impl<'a> Fields<'a> {
    fn read(kind: TemporalType, map: &'a Map) -> Result<Self, TemporalError> {
        let mut fields = Self::default();
        for (name, value) in map {
            let (date, time) = (kind.has_date(), kind.has_time());
            let (field, allowed) = match &**name {
                "year" => (&mut fields.year, date),
                "quarter" => (&mut fields.quarter, date),
                "month" => (&mut fields.month, date),
                "week" => (&mut fields.week, date),
                "ordinalDay" => (&mut fields.ordinal_day, date),
                "dayOfQuarter" | "quarterDay" => (&mut fields.day_of_quarter, date),
                "dayOfWeek" | "weekDay" => (&mut fields.day_of_week, date),
                "day" => (&mut fields.day, date),
                "hour" => (&mut fields.hour, time),
                "minute" => (&mut fields.minute, time),
                "second" => (&mut fields.second, time),
                "millisecond" => (&mut fields.millisecond, time),
                "microsecond" => (&mut fields.microsecond, time),
                "nanosecond" => (&mut fields.nanosecond, time),
                "epochSeconds" => (&mut fields.epoch_seconds, kind == TemporalType::DateTime),
                "epochMillis" => (&mut fields.epoch_millis, kind == TemporalType::DateTime),
                "timezone" if kind.has_zone() => {
                    fields.zone = Some(zone_field(value)?);
                    continue;
                }
                "date" if date => {
                    fields.date = Some(value);
                    continue;
                }
                "time" if time => {
                    fields.time = Some(value);
                    continue;
                }
                "datetime" if date && time => {
                    fields.date_time = Some(value);
                    continue;
                }
                _ => return Err(unknown(kind.name(), name)),
            };
            if !allowed {
                return Err(unknown(kind.name(), name));
            }
            *field = Some(int(value)?);
        }
        fields.check_conflicts()?;
        Ok(fields)
    }

    /// Bases and families of components exclude each other.
    fn check_conflicts(&self) -> Result<(), TemporalError> {
        let families = [
            ("month", self.month.is_some()),
            ("week", self.week.is_some()),
            ("quarter", self.quarter.is_some()),
            ("ordinalDay", self.ordinal_day.is_some()),
        ];
        let bases = [
            ("datetime", self.date_time.is_some()),
            ("epochSeconds", self.epoch_seconds.is_some()),
            ("epochMillis", self.epoch_millis.is_some()),
            ("date", self.date.is_some()),
        ];
        let times = [
            ("datetime", self.date_time.is_some()),
            ("epochSeconds", self.epoch_seconds.is_some()),
            ("epochMillis", self.epoch_millis.is_some()),
            ("time", self.time.is_some()),
        ];
        for group in [families, bases, times] {
            let mut given = group
                .iter()
                .filter(|(_, given)| *given)
                .map(|(name, _)| *name);
            if let (Some(first), Some(second)) = (given.next(), given.next()) {
                return Err(TemporalError::Conflict { first, second });
            }
        }
        Ok(())
    }

    /// The date that the components make of a base, or from nothing.
    fn date(&self, base: Option<Date>) -> Result<Date, TemporalError> {
        let mut date = match base {
            Some(date) => match (self.year, self.week) {
                (Some(year), Some(_)) => date.with_week_year(year)?,
                (Some(year), None) => date.with_year(year)?,
                (None, _) => date,
            },
            None => {
                let year = self.year.ok_or(missing("year", None))?;
                need(self.day, "day", self.month, "month")?;
                need(self.day_of_week, "dayOfWeek", self.week, "week")?;
                need(self.day_of_quarter, "dayOfQuarter", self.quarter, "quarter")?;
                let first = Date::from_ymd(year, 1, 1)?;
                if self.week.is_some() {
                    Date::start_of_week_year(year)
                } else {
                    first
                }
            }
        };
        if let Some(quarter) = self.quarter {
            date = date.with_quarter(quarter)?;
        }
        if let Some(month) = self.month {
            date = date.with_month(month)?;
        }
        if let Some(week) = self.week {
            date = date.with_week(week)?;
        }
        if let Some(day) = self.ordinal_day {
            date = date.with_ordinal_day(day)?;
        }
        if let Some(day) = self.day_of_quarter {
            date = date.with_day_of_quarter(day)?;
        }
        if let Some(day) = self.day_of_week {
            date = date.with_day_of_week(day)?;
        }
        if let Some(day) = self.day {
            date = date.with_day(day)?;
        }
        // Weeks and days of quarters move without looking at the calendar's end.
        Date::from_epoch_day(date.epoch_day)
    }

    /// The time of day that the components make of a base, or from midnight.
    fn clock(&self, base: Option<LocalTime>) -> Result<LocalTime, TemporalError> {
        let sub_second = self.sub_second()?;
        if base.is_none() {
            need(self.minute, "minute", self.hour, "hour")?;
            need(self.second, "second", self.minute, "minute")?;
            for (field, name) in [
                (self.millisecond, "millisecond"),
                (self.microsecond, "microsecond"),
                (self.nanosecond, "nanosecond"),
            ] {
                need(field, name, self.second, "second")?;
            }
        }
        let base = base.unwrap_or(LocalTime::MIDNIGHT);
        LocalTime::from_hms(
            self.hour.unwrap_or(base.hour()),
            self.minute.unwrap_or(base.minute()),
            self.second.unwrap_or(base.second()),
            sub_second.unwrap_or(base.nanosecond()),
        )
    }

    /// Milli-, micro- and nanoseconds add up; each must stay below the next coarser one given.
    fn sub_second(&self) -> Result<Option<i64>, TemporalError> {
        let mut below = 1_000_000_000;
        let mut total = None;
        for (component, value, unit) in [
            ("millisecond", self.millisecond, 1_000_000),
            ("microsecond", self.microsecond, 1_000),
            ("nanosecond", self.nanosecond, 1),
        ] {
            if let Some(value) = value {
                if !(0..below / unit).contains(&value) {
                    return Err(TemporalError::Range { component, value });
                }
                total = Some(total.unwrap_or(0) + value * unit);
                below = unit;
            }
        }
        Ok(total)
    }

    fn local_time(&self) -> Result<LocalTime, TemporalError> {
        let base = self.time.map(time_of).transpose()?;
        if base.is_none() && self.hour.is_none() {
            return Err(missing("hour", None));
        }
        self.clock(base)
    }

    fn time(&self) -> Result<Time, TemporalError> {
        let time = self.local_time()?;
        let own = match self.time {
            Some(base) if zone_of(base).is_some() => Some(offset_of(base)),
            _ => None,
        };
        let given = self.zone.as_ref().map(Zone::fixed_offset).transpose()?;
        let shown = match (own, given) {
            // The base names an instant: show it where it is asked for.
            (Some(own), Some(given)) => {
                time.plus_nanoseconds(i128::from(given - own) * 1_000_000_000)
            }
            _ => time,
        };
        let offset_seconds = given.or(own).unwrap_or(0);
        Ok(Time {
            nanosecond_of_day: shown.nanosecond_of_day,
            offset_seconds,
        })
    }

    fn local_date_time(&self) -> Result<LocalDateTime, TemporalError> {
        let base = self.date_time.map(local_date_time_of).transpose()?;
        let date = match (self.date, base) {
            (Some(date), _) => Some(date_of(date)?),
            (None, base) => base.map(LocalDateTime::date),
        };
        let time = match (self.time, base) {
            (Some(time), _) => Some(time_of(time)?),
            (None, base) => base.map(LocalDateTime::time),
        };
        Ok(self.date(date)?.at(self.clock(time)?))
    }

    fn date_time(&self) -> Result<DateTime, TemporalError> {
        if let Some(instant) = self.epoch()? {
            return self.refine(&instant);
        }
        let local = self.local_date_time()?;
        let base = self.date_time.or(self.time);
        let own = base.and_then(zone_of).transpose()?;
        match (own, &self.zone) {
            (Some(own), given) => {
                let preferred = match base {
                    Some(Value::DateTime(t)) => Some(t.offset_seconds),
                    _ => None,
                };
                let value = DateTime::from_local(local, &own, preferred)?;
                Ok(match given {
                    Some(zone) => {
                        DateTime::from_instant(value.epoch_second, value.nanosecond, zone)
                    }
                    None => value,
                })
            }
            (None, given) => {
                DateTime::from_local(local, given.as_ref().unwrap_or(&Zone::UTC), None)
            }
        }
    }

    fn epoch(&self) -> Result<Option<DateTime>, TemporalError> {
        match (self.epoch_seconds, self.epoch_millis) {
            (Some(seconds), _) => DateTime::from_epoch(seconds, 0).map(Some),
            (None, Some(millis)) => DateTime::from_epoch_millis(millis).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Components refine an instant given in seconds or milliseconds.
    fn refine(&self, instant: &DateTime) -> Result<DateTime, TemporalError> {
        let zone = self.zone.as_ref().unwrap_or(&Zone::UTC);
        let shown = DateTime::from_instant(instant.epoch_second, instant.nanosecond, zone);
        let local = shown.local();
        let mut nanosecond = local.time().nanosecond();
        if let Some(sub_second) = self.sub_second()? {
            // Milliseconds are already part of an instant given in them.
            nanosecond += sub_second;
        }
        let fields = Self {
            millisecond: None,
            microsecond: None,
            nanosecond: Some(nanosecond),
            zone: None,
            date: None,
            time: None,
            date_time: None,
            ..*self
        };
        let date = fields.date(Some(local.date()))?;
        let time = fields.clock(Some(local.time()))?;
        DateTime::from_local(date.at(time), zone, Some(shown.offset_seconds))
    }
}

const fn missing(missing: &'static str, given: Option<&'static str>) -> TemporalError {
    TemporalError::Missing { missing, given }
}

/// A component without a base needs the coarser one.
fn need(
    fine: Option<i64>,
    fine_name: &'static str,
    coarse: Option<i64>,
    coarse_name: &'static str,
) -> Result<(), TemporalError> {
    if fine.is_some() && coarse.is_none() {
        return Err(missing(coarse_name, Some(fine_name)));
    }
    Ok(())
}

fn unknown(type_name: &'static str, name: &str) -> TemporalError {
    TemporalError::UnknownComponent {
        type_name,
        name: name.to_owned(),
    }
}

fn int(value: &Value) -> Result<i64, TemporalError> {
    match value {
        Value::Int(i) => Ok(*i),
        _ => Err(TemporalError::Type {
            expected: "an integer",
            found: value.type_name(),
        }),
    }
}

/// Reads a `timezone` component.
pub(super) fn zone_field(value: &Value) -> Result<Zone, TemporalError> {
    match value {
        Value::String(text) => Zone::parse(text),
        _ => Err(TemporalError::Type {
            expected: "a time zone as a string",
            found: value.type_name(),
        }),
    }
}

macro_rules! from_map {
    ($($type:ident => $variant:ident),+ $(,)?) => {
        $(impl $type {
            /// Makes the value from a map of components; see [`construct`].
            pub fn from_map(map: &Map) -> Result<Self, TemporalError> {
                match from_map(TemporalType::$type, map)? {
                    Value::$variant(value) => Ok(value),
                    other => Err(TemporalError::Type {
                        expected: TemporalType::$type.name(),
                        found: other.type_name(),
                    }),
                }
            }
        })+
    };
}

from_map! {
    Date => Date,
    LocalTime => LocalTime,
    Time => Time,
    LocalDateTime => LocalDateTime,
}

impl DateTime {
    /// Makes the value from a map of components; see [`construct`].
    pub fn from_map(map: &Map) -> Result<Self, TemporalError> {
        Fields::read(TemporalType::DateTime, map)?.date_time()
    }
}

impl Duration {
    /// Makes a duration from a map of amounts: `years`, `quarters`, `months`, `weeks`, `days`,
    /// `hours`, `minutes`, `seconds`, `milliseconds`, `microseconds`, `nanoseconds`. Fractions carry
    /// into finer parts: half a month is 15 days and some hours.
    pub fn from_map(map: &Map) -> Result<Self, TemporalError> {
        let mut amounts = Amounts::ZERO;
        if map.is_empty() {
            return Err(missing("days", None));
        }
        for (name, value) in map {
            let amount = match value {
                Value::Int(n) => Decimal::from_int(*n),
                Value::Float(n) => Decimal::from_float(*n)?,
                _ => {
                    return Err(TemporalError::Type {
                        expected: "a number",
                        found: value.type_name(),
                    });
                }
            };
            let (part, factor) = match &**name {
                "years" => (&mut amounts.months, 12),
                "quarters" => (&mut amounts.months, 3),
                "months" => (&mut amounts.months, 1),
                "weeks" => (&mut amounts.days, 7),
                "days" => (&mut amounts.days, 1),
                "hours" => (&mut amounts.seconds, 3_600),
                "minutes" => (&mut amounts.seconds, 60),
                "seconds" => (&mut amounts.seconds, 1),
                "milliseconds" => (&mut amounts.nanoseconds, 1_000_000),
                "microseconds" => (&mut amounts.nanoseconds, 1_000),
                "nanoseconds" => (&mut amounts.nanoseconds, 1),
                _ => return Err(unknown("a duration", name)),
            };
            *part = part.plus(amount.times(factor)?)?;
        }
        amounts.carry()
    }
}
