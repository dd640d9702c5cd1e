//! Temporal values: dates, times, instants with a zone, durations.
//!
//! Calendar arithmetic is proleptic Gregorian over the years ±999,999,999; rules of time zones come
//! from `jiff`.

use std::sync::Arc;

/// Nanoseconds of a day of 24 hours.
pub const NANOSECONDS_PER_DAY: u64 = 86_400_000_000_000;

/// The largest offset from UTC, in seconds: 18 hours either way.
pub const OFFSET_SECONDS_MAX: i32 = 18 * 3600;

/// A calendar date: days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Days since 1970-01-01, negative before it.
    pub epoch_day: i64,
}

/// A time of day without offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTime {
    /// Nanoseconds since midnight, below 86,400 × 10⁹.
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
    pub zone: Option<Arc<str>>,
}

/// A duration. Its four parts do not convert into each other: a month is no number of days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Duration {
    /// Whole months.
    pub months: i64,
    /// Whole days.
    pub days: i64,
    /// Whole seconds.
    pub seconds: i64,
    /// Nanoseconds of the second, 0 ≤ n < 10⁹.
    pub nanoseconds: i32,
}
