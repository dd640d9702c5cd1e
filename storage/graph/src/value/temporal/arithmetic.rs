//! Sums of temporal values and durations, and multiples of durations.
//!
//! The parts of a duration apply in order: months and days move along the local calendar (and end
//! on the last day of a shorter month), seconds along the line of instants. Parts finer or coarser
//! than a type count only as far as it goes: a date takes the whole days that are in the seconds, a
//! time of day turns around the clock.

use super::calendar::SECONDS_PER_DAY;
use super::decimal::{Amounts, Decimal};
use super::{DateTime, Duration, LocalDateTime, LocalTime, TemporalError, Time};
use crate::value::Value;

const OVERFLOW: TemporalError = TemporalError::Overflow { what: "duration" };

/// Adds a duration to a temporal value or to another duration.
pub fn add(value: &Value, duration: &Duration) -> Result<Value, TemporalError> {
    Ok(match value {
        Value::Date(d) => {
            let date = d.plus_months(duration.months)?.plus_days(duration.days)?;
            date.plus_days(duration.seconds / SECONDS_PER_DAY)?.into()
        }
        Value::LocalTime(t) => t.plus_nanoseconds(duration.second_nanoseconds()).into(),
        Value::Time(t) => {
            let local = LocalTime {
                nanosecond_of_day: t.nanosecond_of_day,
            };
            let moved = local.plus_nanoseconds(duration.second_nanoseconds());
            Time {
                nanosecond_of_day: moved.nanosecond_of_day,
                ..*t
            }
            .into()
        }
        Value::LocalDateTime(t) => {
            let moved = move_date(*t, duration)?;
            let total = moved.nanoseconds() + duration.second_nanoseconds();
            LocalDateTime::from_nanoseconds(total)?.into()
        }
        Value::DateTime(t) => add_to_date_time(t, duration)?.into(),
        Value::Duration(d) => d.plus(duration)?.into(),
        _ => {
            let expected = "a temporal value or a duration";
            return Err(TemporalError::Type {
                expected,
                found: value.type_name(),
            });
        }
    })
}

/// Subtracts a duration from a temporal value or from another duration.
pub fn subtract(value: &Value, duration: &Duration) -> Result<Value, TemporalError> {
    add(value, &duration.negated()?)
}

fn move_date(t: LocalDateTime, duration: &Duration) -> Result<LocalDateTime, TemporalError> {
    let date = t
        .date()
        .plus_months(duration.months)?
        .plus_days(duration.days)?;
    Ok(date.at(t.time()))
}

fn add_to_date_time(t: &DateTime, duration: &Duration) -> Result<DateTime, TemporalError> {
    let zone = t.zone()?;
    let moved = if duration.months == 0 && duration.days == 0 {
        t.clone()
    } else {
        DateTime::from_local(
            move_date(t.local(), duration)?,
            &zone,
            Some(t.offset_seconds),
        )?
    };
    let total = moved.instant_nanoseconds() + duration.second_nanoseconds();
    let instant = LocalDateTime::from_nanoseconds(total)?;
    Ok(DateTime::from_instant(
        instant.epoch_second,
        instant.nanosecond,
        &zone,
    ))
}

impl Duration {
    /// The sum, part by part.
    pub fn plus(&self, other: &Self) -> Result<Self, TemporalError> {
        Self::from_parts(
            i128::from(self.months) + i128::from(other.months),
            i128::from(self.days) + i128::from(other.days),
            self.second_nanoseconds() + other.second_nanoseconds(),
        )
    }

    /// The difference, part by part.
    pub fn minus(&self, other: &Self) -> Result<Self, TemporalError> {
        Self::from_parts(
            i128::from(self.months) - i128::from(other.months),
            i128::from(self.days) - i128::from(other.days),
            self.second_nanoseconds() - other.second_nanoseconds(),
        )
    }

    /// The same duration backwards.
    pub fn negated(&self) -> Result<Self, TemporalError> {
        Self::default().minus(self)
    }

    /// The multiple by an integer or float; fractions carry into finer parts.
    pub fn times(&self, factor: &Value) -> Result<Self, TemporalError> {
        let factor = match factor {
            Value::Int(n) => Decimal::from_int(*n),
            Value::Float(n) => Decimal::from_float(*n)?,
            _ => return Err(not_a_number(factor)),
        };
        self.scale(|part| factor.times(part))
    }

    /// The part by an integer or float; fractions carry into finer parts. Division by zero is out
    /// of range.
    pub fn divided_by(&self, divisor: &Value) -> Result<Self, TemporalError> {
        match divisor {
            Value::Int(n) => self.scale(|part| Decimal::from_int(part).divided_by(*n)),
            Value::Float(n) => self.scale(|part| Decimal::from_float(part as f64 / n)),
            _ => Err(not_a_number(divisor)),
        }
    }

    fn scale(
        &self,
        scale: impl Fn(i64) -> Result<Decimal, TemporalError>,
    ) -> Result<Self, TemporalError> {
        Amounts {
            months: scale(self.months)?,
            days: scale(self.days)?,
            seconds: scale(self.seconds)?,
            nanoseconds: scale(i64::from(self.nanoseconds))?,
        }
        .carry()
        .map_err(|_| OVERFLOW)
    }
}

fn not_a_number(value: &Value) -> TemporalError {
    TemporalError::Type {
        expected: "a number",
        found: value.type_name(),
    }
}
