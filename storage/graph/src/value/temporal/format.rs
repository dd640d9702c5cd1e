//! Canonical text of temporal values: ISO 8601, extended form, no more parts than needed.
//!
//! Seconds are left out if they and the fraction are zero; fractions have no trailing zeros. Years
//! have four digits at least, and a sign beyond that. What is printed here parses to an equal value.

use std::fmt::{Display, Formatter, Result};

use super::calendar::NANOSECONDS_PER_SECOND;
use super::{Date, DateTime, Duration, LocalDateTime, LocalTime, Time};

impl Display for Date {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let ymd = self.ymd();
        match ymd.year {
            0..=9999 => write!(f, "{:04}", ymd.year)?,
            10_000.. => write!(f, "+{}", ymd.year)?,
            _ => write!(f, "-{:04}", ymd.year.unsigned_abs())?,
        }
        write!(f, "-{:02}-{:02}", ymd.month, ymd.day)
    }
}

impl Display for LocalTime {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{:02}:{:02}", self.hour(), self.minute())?;
        if self.second() != 0 || self.nanosecond() != 0 {
            write!(f, ":{:02}", self.second())?;
        }
        fraction(self.nanosecond(), f)
    }
}

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        LocalTime {
            nanosecond_of_day: self.nanosecond_of_day,
        }
        .fmt(f)?;
        Offset(self.offset_seconds).fmt(f)
    }
}

impl Display for LocalDateTime {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}T{}", self.date(), self.time())
    }
}

impl Display for DateTime {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}{}", self.local(), Offset(self.offset_seconds))?;
        match &self.zone {
            Some(zone) => write!(f, "[{zone}]"),
            None => Ok(()),
        }
    }
}

impl Display for Duration {
    /// `PnYnMnDTnHnMnS`; every part has its own sign, parts that are zero are left out.
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("P")?;
        let part = |n: i64, unit: char, f: &mut Formatter<'_>| match n {
            0 => Ok(()),
            n => write!(f, "{n}{unit}"),
        };
        part(self.months / 12, 'Y', f)?;
        part(self.months % 12, 'M', f)?;
        part(self.days, 'D', f)?;
        let total = self.second_nanoseconds();
        if total == 0 {
            return if self.months == 0 && self.days == 0 {
                f.write_str("T0S")
            } else {
                Ok(())
            };
        }
        f.write_str("T")?;
        // The sign of seconds and fraction is one: -0.4 s is stored as -1 s + 0.6 s.
        let sign = if total < 0 { "-" } else { "" };
        let total = total.unsigned_abs();
        let second = u128::from(NANOSECONDS_PER_SECOND.cast_unsigned());
        let (seconds, nanoseconds) = (total / second, (total % second) as i64);
        let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        if hours != 0 {
            write!(f, "{sign}{hours}H")?;
        }
        if minutes != 0 {
            write!(f, "{sign}{minutes}M")?;
        }
        if seconds != 0 || nanoseconds != 0 {
            write!(f, "{sign}{seconds}")?;
            fraction(nanoseconds, f)?;
            f.write_str("S")?;
        }
        Ok(())
    }
}

/// An offset from UTC: `Z`, `+01:00`, `-02:05:07`.
pub(super) struct Offset(pub i32);

impl Display for Offset {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.0 == 0 {
            return f.write_str("Z");
        }
        let sign = if self.0 < 0 { '-' } else { '+' };
        let seconds = self.0.unsigned_abs();
        write!(f, "{sign}{:02}:{:02}", seconds / 3_600, seconds / 60 % 60)?;
        match seconds % 60 {
            0 => Ok(()),
            rest => write!(f, ":{rest:02}"),
        }
    }
}

fn fraction(nanoseconds: i64, f: &mut Formatter<'_>) -> Result {
    if nanoseconds == 0 {
        return Ok(());
    }
    let (mut digits, mut width) = (nanoseconds, 9);
    while digits % 10 == 0 {
        digits /= 10;
        width -= 1;
    }
    write!(f, ".{digits:0width$}")
}
