//! Dates, times and durations, and the instants at which a graph is read.
//!
//! The fields are those of the protocol, so nothing is lost on the way; the text forms are ISO 8601. For
//! arithmetic on calendars, convert to the library of your choice, or let the query do it.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: i64 = 86_400;
const NANOS_PER_SECOND: u64 = 1_000_000_000;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// A calendar date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Days since 1970-01-01, negative before it.
    pub epoch_day: i64,
}

/// A time of day without offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTime {
    /// Nanoseconds since midnight.
    pub nanosecond_of_day: u64,
}

/// A time of day with its offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Time {
    /// Nanoseconds since local midnight.
    pub nanosecond_of_day: u64,
    /// Seconds east of UTC.
    pub offset_seconds: i32,
}

/// A date and time of day without zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalDateTime {
    /// Seconds since 1970-01-01T00:00:00 of the local calendar.
    pub epoch_second: i64,
    /// Nanoseconds of the second.
    pub nanosecond: u32,
}

/// An instant with the zone in which it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub epoch_second: i64,
    /// Nanoseconds of the second.
    pub nanosecond: u32,
    /// Seconds east of UTC at this instant.
    pub offset_seconds: i32,
    /// The IANA name of the zone, if it was given by name.
    pub zone: Option<String>,
}

/// A duration. Its parts do not convert into each other: a month is no number of days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Duration {
    /// Whole months.
    pub months: i64,
    /// Whole days.
    pub days: i64,
    /// Whole seconds.
    pub seconds: i64,
    /// Nanoseconds of the second, not negative.
    pub nanoseconds: i32,
}

/// An instant as the database counts it: microseconds since the Unix epoch. The system time of a version
/// is one, and so is the moment that a query travels to.
///
/// ```
/// use retrograph_client::Timestamp;
///
/// let noon: Timestamp = "2026-01-10T13:00:00+01:00".parse()?;
/// assert_eq!(noon.to_string(), "2026-01-10T12:00:00Z");
/// assert!(noon < Timestamp::now());
/// # Ok::<(), retrograph_client::TimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub micros: i64,
}

/// A text that is no instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no instant; write one like 2026-01-10T12:00:00Z")]
pub struct TimestampError {
    /// The text.
    pub text: String,
}

impl Timestamp {
    /// The instant so many microseconds after the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self { micros }
    }

    /// What the clock of this machine says, which need not be that of the server.
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let micros = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(error) => {
                // Down to the microsecond before, as for instants after the epoch.
                let nanos = error.duration().as_nanos();
                i64::try_from(nanos.div_ceil(1_000)).map_or(i64::MIN, |micros| -micros)
            }
        };
        Self { micros }
    }
}

impl From<&DateTime> for Timestamp {
    fn from(time: &DateTime) -> Self {
        let micros = time.epoch_second.saturating_mul(MICROS_PER_SECOND);
        Self {
            micros: micros.saturating_add(i64::from(time.nanosecond / 1_000)),
        }
    }
}

impl From<DateTime> for Timestamp {
    fn from(time: DateTime) -> Self {
        Self::from(&time)
    }
}

impl From<Timestamp> for DateTime {
    fn from(timestamp: Timestamp) -> Self {
        let micros = timestamp.micros.rem_euclid(MICROS_PER_SECOND);
        Self {
            epoch_second: timestamp.micros.div_euclid(MICROS_PER_SECOND),
            nanosecond: u32::try_from(micros * 1_000).unwrap_or_default(),
            offset_seconds: 0,
            zone: None,
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        DateTime::from(*self).fmt(f)
    }
}

/// Reads ISO 8601 with `T` or a blank between date and time, and `Z` or an offset; without one in UTC,
/// without a time at midnight.
impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        parse(text.trim()).ok_or_else(|| TimestampError {
            text: text.to_owned(),
        })
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let (date, rest) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], text[at + 1..].trim_start()),
        None => (text, ""),
    };
    let mut parts = date.splitn(3, '-');
    let year = digits(parts.next()?, 4)?;
    let month = digits(parts.next()?, 2).filter(|month| (1..=12).contains(month))?;
    let day = digits(parts.next()?, 2).filter(|day| *day >= 1)?;
    let epoch_day = days_from_civil(year, month, day);
    if civil_from_days(epoch_day) != (year, month, day) {
        return None;
    }
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(zone_at);
    let offset = match zone {
        "" | "Z" | "z" => 0,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let (hour, minute) = match zone[1..].split_once(':') {
                Some((hour, minute)) => (digits(hour, 2)?, digits(minute, 2)?),
                None => (digits(&zone[1..], 2)?, 0),
            };
            (hour <= 18 && minute < 60).then_some(sign * (hour * 3_600 + minute * 60))?
        }
    };
    let micros_of_day = match time {
        "" if rest.is_empty() && !text.ends_with(['T', 't']) => 0,
        time => micros_of_day(time)?,
    };
    let seconds = epoch_day * SECONDS_PER_DAY - offset;
    let micros = seconds.checked_mul(MICROS_PER_SECOND)?;
    Some(Timestamp {
        micros: micros.checked_add(micros_of_day)?,
    })
}

fn micros_of_day(time: &str) -> Option<i64> {
    let mut parts = time.splitn(3, ':');
    let hour = digits(parts.next()?, 2).filter(|hour| *hour < 24)?;
    let minute = digits(parts.next()?, 2).filter(|minute| *minute < 60)?;
    let (second, fraction) = match parts.next() {
        None => ("00", ""),
        Some(second) => second.split_once(['.', ',']).unwrap_or((second, "0")),
    };
    let second = digits(second, 2).filter(|second| *second < 60)?;
    let micros = match fraction {
        "" => (time.len() == 5).then_some(0)?,
        fraction => {
            let is_number = fraction.bytes().all(|byte| byte.is_ascii_digit());
            let cut = is_number.then(|| &fraction[..fraction.len().min(6)])?;
            format!("{cut:0<6}").parse().ok()?
        }
    };
    Some((hour * 3_600 + minute * 60 + second) * MICROS_PER_SECOND + micros)
}

/// A number of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<i64> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar; years are counted from March, so
/// that the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day; the inverse of [`days_from_civil`].
fn civil_from_days(epoch_day: i64) -> (i64, i64, i64) {
    let day = epoch_day.saturating_add(719_468);
    let era = day.div_euclid(146_097);
    let day_of_era = day.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.epoch_day);
        match year {
            0..=9_999 => write!(f, "{year:04}-{month:02}-{day:02}"),
            year => write!(f, "{year:+05}-{month:02}-{day:02}"),
        }
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.nanosecond_of_day / NANOS_PER_SECOND;
        let (hour, minute) = (second / 3_600, second / 60 % 60);
        write!(f, "{hour:02}:{minute:02}:{:02}", second % 60)?;
        match self.nanosecond_of_day % NANOS_PER_SECOND {
            0 => Ok(()),
            nanos => {
                let digits = format!("{nanos:09}");
                write!(f, ".{}", digits.trim_end_matches('0'))
            }
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = LocalTime {
            nanosecond_of_day: self.nanosecond_of_day,
        };
        time.fmt(f)?;
        offset(f, self.offset_seconds)
    }
}

impl fmt::Display for LocalDateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = Date {
            epoch_day: self.epoch_second.div_euclid(SECONDS_PER_DAY),
        };
        let of_day = self.epoch_second.rem_euclid(SECONDS_PER_DAY).unsigned_abs();
        let time = LocalTime {
            nanosecond_of_day: of_day * NANOS_PER_SECOND + u64::from(self.nanosecond),
        };
        write!(f, "{date}T{time}")
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset_seconds = i64::from(self.offset_seconds);
        let local = LocalDateTime {
            epoch_second: self.epoch_second.saturating_add(offset_seconds),
            nanosecond: self.nanosecond,
        };
        local.fmt(f)?;
        offset(f, self.offset_seconds)?;
        match &self.zone {
            Some(zone) => write!(f, "[{zone}]"),
            None => Ok(()),
        }
    }
}

fn offset(f: &mut fmt::Formatter<'_>, seconds: i32) -> fmt::Result {
    if seconds == 0 {
        return f.write_str("Z");
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    write!(f, "{sign}{:02}:{:02}", seconds / 3_600, seconds / 60 % 60)?;
    match seconds % 60 {
        0 => Ok(()),
        second => write!(f, ":{second:02}"),
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("PT0S");
        }
        f.write_str("P")?;
        for (number, unit) in [
            (self.months / 12, 'Y'),
            (self.months % 12, 'M'),
            (self.days, 'D'),
        ] {
            if number != 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        if self.seconds == 0 && self.nanoseconds == 0 {
            return Ok(());
        }
        f.write_str("T")?;
        // The nanoseconds count upwards, also those of negative seconds.
        let nanos =
            i128::from(self.seconds) * i128::from(NANOS_PER_SECOND) + i128::from(self.nanoseconds);
        let (sign, nanos) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
        let second = nanos / u128::from(NANOS_PER_SECOND);
        write!(f, "{sign}{second}")?;
        match nanos % u128::from(NANOS_PER_SECOND) {
            0 => {}
            nanos => write!(f, ".{}", format!("{nanos:09}").trim_end_matches('0'))?,
        }
        f.write_str("S")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_and_written() {
        let noon = Timestamp::from_micros(1_768_046_400_000_000);
        for text in [
            "2026-01-10T12:00:00Z",
            "2026-01-10T12:00Z",
            "2026-01-10 12:00",
            " 2026-01-10T12:00:00.000 ",
            "2026-01-10T13:30:00+01:30",
            "2026-01-10T10:00-02",
        ] {
            assert_eq!(text.parse(), Ok(noon), "{text}");
        }
        for (text, micros) in [
            ("1970-01-01", 0),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("2000-02-29T00:00:00.25Z", 951_782_400_250_000),
        ] {
            let instant: Timestamp = text.parse().expect("it is one");
            assert_eq!(instant.micros, micros, "{text}");
            assert_eq!(instant.to_string().parse(), Ok(instant), "{text}");
        }
        for wrong in [
            "",
            "soon",
            "2026-01-10T",
            "2026-13-01",
            "2026-02-29",
            "2026-01-10T25:00",
            "2026-01-10T12:00:61Z",
            "2026-01-10T12:00:00.Z",
            "2026-01-10T12:00:00+1",
            "2026-01-10T12:00:00.1x",
            "2026-1-10",
            "２０２６-01-10",
        ] {
            assert!(wrong.parse::<Timestamp>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn calendar_and_day_numbers_agree() {
        for day in (-1_000_000..1_000_000).step_by(97) {
            let (year, month, date) = civil_from_days(day);
            assert_eq!(days_from_civil(year, month, date), day);
        }
        assert_eq!(Date { epoch_day: 20_463 }.to_string(), "2026-01-10");
        assert_eq!(
            Date {
                epoch_day: -719_529
            }
            .to_string(),
            "-0001-12-31"
        );
        let far = Date {
            epoch_day: 365_242_134_266,
        };
        assert!(far.to_string().starts_with('+'), "{far}");
    }

    #[test]
    fn times_and_durations_are_iso() {
        let quarter = DateTime {
            epoch_second: 1_768_046_400,
            nanosecond: 500_000_000,
            offset_seconds: 3_600,
            zone: Some("Europe/Oslo".to_owned()),
        };
        assert_eq!(
            quarter.to_string(),
            "2026-01-10T13:00:00.5+01:00[Europe/Oslo]"
        );
        let duration = |months, days, seconds, nanoseconds| Duration {
            months,
            days,
            seconds,
            nanoseconds,
        };
        assert_eq!(duration(14, 3, 4_000, 0).to_string(), "P1Y2M3DT4000S");
        assert_eq!(duration(0, 0, -1, 500_000_000).to_string(), "PT-0.5S");
        assert_eq!(duration(0, 0, 0, 0).to_string(), "PT0S");
    }

    #[test]
    fn instants_before_the_epoch_round_down() {
        let half = UNIX_EPOCH - std::time::Duration::from_nanos(1_500);
        assert_eq!(Timestamp::from(half).micros, -2);
    }
}
