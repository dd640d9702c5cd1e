//! Durations between two temporal values of any types.
//!
//! Both sides are brought to one kind first: a missing time of day is midnight; if only one side
//! has a date, the other is on the same date; if only one has a zone, the other is in it. Two times
//! without dates differ by the clock alone.
//!
//! Months and days are counted on the local calendar of the first value's zone; what is left is
//! counted on the line of instants, so a day on which clocks change has 23 or 25 hours.

use super::construct::{date_of, time_of, zone_of};
use super::{Date, DateTime, Duration, LocalDateTime, LocalTime, TemporalError, Zone};
use crate::value::Value;

/// One side of the difference, on a date and perhaps in a zone.
enum Side {
    Local(LocalDateTime),
    Zoned(DateTime, Zone),
}

impl Side {
    fn local(&self) -> LocalDateTime {
        match self {
            Self::Local(t) => *t,
            Self::Zoned(t, _) => t.local(),
        }
    }

    fn nanoseconds(&self) -> i128 {
        match self {
            Self::Local(t) => t.nanoseconds(),
            Self::Zoned(t, _) => t.instant_nanoseconds(),
        }
    }

    /// What a clock in this side's zone shows at the instant of the other side.
    fn local_of(&self, other: &Self) -> LocalDateTime {
        match (self, other) {
            (Self::Zoned(_, zone), Self::Zoned(t, _)) => {
                DateTime::from_instant(t.epoch_second, t.nanosecond, zone).local()
            }
            _ => other.local(),
        }
    }

    fn moved_to(&self, date: Date) -> Result<Self, TemporalError> {
        let local = date.at(self.local().time());
        Ok(match self {
            Self::Local(_) => Self::Local(local),
            Self::Zoned(t, zone) => {
                let moved = DateTime::from_local(local, zone, Some(t.offset_seconds))?;
                Self::Zoned(moved, zone.clone())
            }
        })
    }
}

/// Two sides of one kind, and whether both came with a date.
struct Pair {
    from: Side,
    to: Side,
    has_dates: bool,
}

impl Pair {
    fn align(from: &Value, to: &Value) -> Result<Self, TemporalError> {
        for value in [from, to] {
            if !value.is_temporal_point() {
                let expected = "a date, time or datetime";
                return Err(TemporalError::Type {
                    expected,
                    found: value.type_name(),
                });
            }
        }
        let (from_date, to_date) = (date_of(from).ok(), date_of(to).ok());
        let has_dates = from_date.is_some() && to_date.is_some();
        let anchor = from_date.or(to_date).unwrap_or(Date { epoch_day: 0 });
        let (from_zone, to_zone) = (zone_of(from).transpose()?, zone_of(to).transpose()?);
        let side = |value: &Value, date: Option<Date>, own: &Option<Zone>, other: &Option<Zone>| {
            let time = time_of(value).unwrap_or(LocalTime::MIDNIGHT);
            let local = date.unwrap_or(anchor).at(time);
            Ok(match (value, own.as_ref().or(other.as_ref())) {
                (Value::DateTime(t), Some(zone)) => Side::Zoned((**t).clone(), zone.clone()),
                (_, Some(zone)) => {
                    Side::Zoned(DateTime::from_local(local, zone, None)?, zone.clone())
                }
                (_, None) => Side::Local(local),
            })
        };
        Ok(Self {
            from: side(from, from_date, &from_zone, &to_zone)?,
            to: side(to, to_date, &to_zone, &from_zone)?,
            has_dates,
        })
    }

    /// Whole days on the calendar, and the last date up to which they count.
    fn end_date(&self) -> (Date, Date) {
        let from = self.from.local();
        let to = self.from.local_of(&self.to);
        let (start, end) = (from.date(), to.date());
        let step = if end > start && to.time() < from.time() {
            -1
        } else if end < start && to.time() > from.time() {
            1
        } else {
            0
        };
        (
            start,
            Date {
                epoch_day: end.epoch_day + step,
            },
        )
    }

    fn months(&self) -> i64 {
        if !self.has_dates {
            return 0;
        }
        let (start, end) = self.end_date();
        // Days below 32 make months comparable as one number; division cuts towards zero.
        let packed = |date: Date| {
            let ymd = date.ymd();
            (ymd.year * 12 + ymd.month) * 32 + ymd.day
        };
        (packed(end) - packed(start)) / 32
    }

    fn days(&self) -> i64 {
        if !self.has_dates {
            return 0;
        }
        let (start, end) = self.end_date();
        end.epoch_day - start.epoch_day
    }

    fn nanoseconds(&self) -> i128 {
        self.to.nanoseconds() - self.from.nanoseconds()
    }
}

impl Duration {
    /// The duration from one temporal value to another in months, then days, then seconds.
    pub fn between(from: &Value, to: &Value) -> Result<Self, TemporalError> {
        let mut pair = Pair::align(from, to)?;
        let months = pair.months();
        if months != 0 {
            pair.from = pair
                .from
                .moved_to(pair.from.local().date().plus_months(months)?)?;
        }
        let days = pair.days();
        if days != 0 {
            pair.from = pair
                .from
                .moved_to(pair.from.local().date().plus_days(days)?)?;
        }
        Self::from_parts(i128::from(months), i128::from(days), pair.nanoseconds())
    }

    /// The whole months from one temporal value to another.
    pub fn in_months(from: &Value, to: &Value) -> Result<Self, TemporalError> {
        Ok(Self {
            months: Pair::align(from, to)?.months(),
            ..Self::default()
        })
    }

    /// The whole days from one temporal value to another.
    pub fn in_days(from: &Value, to: &Value) -> Result<Self, TemporalError> {
        Ok(Self {
            days: Pair::align(from, to)?.days(),
            ..Self::default()
        })
    }

    /// The seconds from one temporal value to another.
    pub fn in_seconds(from: &Value, to: &Value) -> Result<Self, TemporalError> {
        Self::from_parts(0, 0, Pair::align(from, to)?.nanoseconds())
    }
}
