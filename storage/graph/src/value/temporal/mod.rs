//! Temporal values: dates, times, instants with a zone, durations.
//!
//! Calendar arithmetic is proleptic Gregorian over the years ±999,999,999 and done here, in plain
//! integers; only the rules of time zones come from `jiff`, from the database compiled into it, so
//! that every member reads the same rules.
//!
//! What the query language calls is:
//!
//! | task | function |
//! | --- | --- |
//! | `date(x)`, `time(x)` … from a string, map or temporal value | [`construct`] |
//! | `date()`, `datetime.transaction()` … from a clock | [`at_instant`] |
//! | `datetime.fromepoch`, `datetime.fromepochmillis` | [`DateTime::from_epoch`], [`DateTime::from_epoch_millis`] |
//! | `duration(x)` | [`Duration::parse`], [`Duration::from_map`] |
//! | `date.truncate(unit, x, map)` … | [`truncate`] |
//! | `x.year`, `d.hours` … | [`component`] |
//! | `duration.between`, `.inMonths`, `.inDays`, `.inSeconds` | [`Duration::between`], [`Duration::in_months`], [`Duration::in_days`], [`Duration::in_seconds`] |
//! | temporal ± duration | [`add`], [`subtract`] |
//! | duration ± duration, × ÷ number | [`Duration::plus`], [`Duration::minus`], [`Duration::times`], [`Duration::divided_by`] |
//! | `toString(x)` | `Display` of every type |
//! | `date('…')` alone | [`Date::parse`], [`LocalTime::parse`], [`Time::parse`], [`LocalDateTime::parse`], [`DateTime::parse`] |
//!
//! Equality and order are defined in [`crate::value::order`].

mod arithmetic;
mod between;
mod calendar;
mod component;
mod construct;
mod decimal;
mod format;
mod parse;
mod truncate;
mod zone;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use thiserror::Error;

pub use arithmetic::{add, subtract};
pub use component::component;
pub use construct::{at_instant, construct};
pub use truncate::truncate;
pub use zone::Zone;

/// Why a temporal value could not be made. Always the caller's input.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TemporalError {
    /// Text in none of the accepted forms.
    #[error("cannot read '{text}' as {type_name}, for example {example}")]
    Text {
        /// The type that was asked for.
        type_name: &'static str,
        /// The text.
        text: String,
        /// Text that would do.
        example: &'static str,
    },
    /// A component that does not exist for the type.
    #[error("{type_name} has no component '{name}'")]
    UnknownComponent {
        /// The type that was asked for.
        type_name: &'static str,
        /// The name given.
        name: String,
    },
    /// A component without which the others mean nothing.
    #[error("component '{missing}' is needed{}", context(.given))]
    Missing {
        /// The component.
        missing: &'static str,
        /// The component that needs it, if it was another one.
        given: Option<&'static str>,
    },
    /// Components that say the same thing twice.
    #[error("components '{first}' and '{second}' cannot be combined")]
    Conflict {
        /// One of them.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A component outside its range, or a date that does not exist.
    #[error("{value} is no valid {component}")]
    Range {
        /// The component.
        component: &'static str,
        /// What was given.
        value: i64,
    },
    /// A component or argument of the wrong type.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What would do.
        expected: &'static str,
        /// The type given.
        found: &'static str,
    },
    /// A zone that is neither an offset nor a name in the time zone database.
    #[error(
        "unknown time zone '{name}': give an offset like '+01:00' or a name like 'Europe/Stockholm'"
    )]
    UnknownZone {
        /// The text given.
        name: String,
    },
    /// A named zone for a time of day: its offset depends on the date.
    #[error("time zone '{name}' has no offset without a date: give an offset like '+01:00'")]
    ZoneNeedsDate {
        /// The name of the zone.
        name: String,
    },
    /// An offset that the zone given with it does not have at that time.
    #[error("time zone '{zone}' does not have offset {offset} at this time")]
    OffsetMismatch {
        /// The name of the zone.
        zone: String,
        /// The offset given.
        offset: String,
    },
    /// No unit of truncation.
    #[error(
        "unknown unit '{unit}', expected one of millennium, century, decade, year, weekYear, quarter, month, week, day, hour, minute, second, millisecond, microsecond"
    )]
    UnknownUnit {
        /// The text given.
        unit: String,
    },
    /// A unit finer or coarser than the type has.
    #[error("cannot truncate {from} to {type_name} with the unit {unit}")]
    Unit {
        /// The type of the value.
        from: &'static str,
        /// The type that was asked for.
        type_name: &'static str,
        /// The unit.
        unit: &'static str,
    },
    /// Beyond the years ±999,999,999, or an amount beyond 64 bits.
    #[error("{what} is out of range")]
    Overflow {
        /// What was computed.
        what: &'static str,
    },
}

fn context(given: &Option<&'static str>) -> String {
    given.map_or_else(String::new, |given| format!(" for '{given}'"))
}

/// The five types of points in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemporalType {
    /// [`Date`].
    Date,
    /// [`LocalTime`].
    LocalTime,
    /// [`Time`].
    Time,
    /// [`LocalDateTime`].
    LocalDateTime,
    /// [`DateTime`].
    DateTime,
}

impl TemporalType {
    /// The name of the type in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Date => "a date",
            Self::LocalTime => "a local time",
            Self::Time => "a time",
            Self::LocalDateTime => "a local datetime",
            Self::DateTime => "a datetime",
        }
    }

    const fn has_date(self) -> bool {
        matches!(self, Self::Date | Self::LocalDateTime | Self::DateTime)
    }

    const fn has_time(self) -> bool {
        !matches!(self, Self::Date)
    }

    const fn has_zone(self) -> bool {
        matches!(self, Self::Time | Self::DateTime)
    }
}

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
