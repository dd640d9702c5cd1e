//! Time zones: fixed offsets, and named zones with the rules of the IANA database.
//!
//! A local time that a zone skips moves forward by the length of the gap; one that occurs twice
//! means the earlier, unless the caller prefers the other offset. `jiff` knows the years ±9999;
//! beyond them the rules repeat with the calendar's cycle of 400 years.

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use super::calendar::SECONDS_PER_DAY;
use super::{Date, DateTime, LocalDateTime, OFFSET_SECONDS_MAX, TemporalError, Time};

/// The database compiled into the program, never the machine's: members must agree.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

const SECONDS_PER_ERA: i64 = 146_097 * SECONDS_PER_DAY;

/// A time zone.
#[derive(Clone, Debug)]
pub enum Zone {
    /// Seconds east of UTC.
    Offset(i32),
    /// A zone of the IANA database and its canonical spelling.
    Named(Arc<str>, TimeZone),
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self::Offset(0);

    /// Reads an offset (`Z`, `+01:00`, `-0230`) or the name of a zone.
    pub fn parse(text: &str) -> Result<Self, TemporalError> {
        if let Some(offset) = super::parse::offset(text) {
            return Ok(Self::Offset(offset));
        }
        Self::named(text)
    }

    /// The zone of a name.
    pub fn named(name: &str) -> Result<Self, TemporalError> {
        let unknown = || TemporalError::UnknownZone {
            name: name.to_owned(),
        };
        let zone = DATABASE.get(name).map_err(|_| unknown())?;
        let canonical = Arc::from(zone.iana_name().unwrap_or(name));
        Ok(Self::Named(canonical, zone))
    }

    /// The name, if the zone has one.
    #[must_use]
    pub fn name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Offset(_) => None,
            Self::Named(name, _) => Some(name),
        }
    }

    /// The offset of a zone that does not depend on a date.
    pub(super) fn fixed_offset(&self) -> Result<i32, TemporalError> {
        match self {
            Self::Offset(offset) => Ok(*offset),
            Self::Named(name, _) => Err(TemporalError::ZoneNeedsDate {
                name: name.to_string(),
            }),
        }
    }

    /// The offset at an instant.
    pub(super) fn offset_at(&self, epoch_second: i64) -> i32 {
        match self {
            Self::Offset(offset) => *offset,
            Self::Named(_, zone) => {
                let instant = Timestamp::from_second(within(epoch_second));
                // `within` keeps inside the years that jiff knows.
                instant.map_or(0, |instant| zone.to_offset(instant).seconds())
            }
        }
    }

    /// The offset of a local time, and the seconds by which a gap moves it.
    fn offset_of(&self, local: LocalDateTime, preferred: Option<i32>) -> (i32, i64) {
        let zone = match self {
            Self::Offset(offset) => return (*offset, 0),
            Self::Named(_, zone) => zone,
        };
        let second = within(local.epoch_second);
        let days = Date {
            epoch_day: second.div_euclid(SECONDS_PER_DAY),
        };
        let clock = second.rem_euclid(SECONDS_PER_DAY);
        let ymd = days.ymd();
        let Ok(civil) = civil::DateTime::new(
            ymd.year as i16,
            ymd.month as i8,
            ymd.day as i8,
            (clock / 3_600) as i8,
            (clock / 60 % 60) as i8,
            (clock % 60) as i8,
            0,
        ) else {
            return (0, 0);
        };
        match zone.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => (offset.seconds(), 0),
            AmbiguousOffset::Gap { before, after } => (
                after.seconds(),
                i64::from(after.seconds()) - i64::from(before.seconds()),
            ),
            AmbiguousOffset::Fold { before, after } => {
                let later = preferred == Some(after.seconds());
                (
                    if later {
                        after.seconds()
                    } else {
                        before.seconds()
                    },
                    0,
                )
            }
        }
    }
}

/// A second with the same place in the 400-year cycle, within the years 0 to 9600 and so within
/// what jiff represents whatever the offset; seconds inside those years stay.
const fn within(epoch_second: i64) -> i64 {
    // The start of the year 0 in seconds since 1970, and of the year 9600.
    const FIRST: i64 = -719_528 * SECONDS_PER_DAY;
    const LAST: i64 = FIRST + 24 * SECONDS_PER_ERA;
    if epoch_second < FIRST {
        // Before any transition the offset is constant.
        FIRST
    } else if epoch_second >= LAST {
        LAST - SECONDS_PER_ERA + (epoch_second - LAST) % SECONDS_PER_ERA
    } else {
        epoch_second
    }
}

impl DateTime {
    /// The instant at which a clock in `zone` shows `local`. Where the clock shows it twice, the
    /// `preferred` offset decides, else the earlier one; where it skips it, the clock's reading
    /// moves forward.
    pub fn from_local(
        local: LocalDateTime,
        zone: &Zone,
        preferred: Option<i32>,
    ) -> Result<Self, TemporalError> {
        let (offset_seconds, gap) = zone.offset_of(local, preferred);
        let epoch_second = local
            .epoch_second
            .checked_add(gap - i64::from(offset_seconds))
            .ok_or(TemporalError::Overflow { what: "datetime" })?;
        let zone = zone.name().cloned();
        Ok(Self {
            epoch_second,
            nanosecond: local.nanosecond,
            offset_seconds,
            zone,
        })
    }

    /// An instant as shown in a zone.
    #[must_use]
    pub fn from_instant(epoch_second: i64, nanosecond: u32, zone: &Zone) -> Self {
        let offset_seconds = zone.offset_at(epoch_second);
        Self {
            epoch_second,
            nanosecond,
            offset_seconds,
            zone: zone.name().cloned(),
        }
    }

    /// Seconds and nanoseconds since the epoch, shown in UTC.
    pub fn from_epoch(seconds: i64, nanoseconds: i64) -> Result<Self, TemporalError> {
        let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
        let local = LocalDateTime::from_nanoseconds(total)?;
        Ok(Self::from_instant(
            local.epoch_second,
            local.nanosecond,
            &Zone::UTC,
        ))
    }

    /// Milliseconds since the epoch, shown in UTC.
    pub fn from_epoch_millis(milliseconds: i64) -> Result<Self, TemporalError> {
        Self::from_epoch(
            milliseconds.div_euclid(1_000),
            milliseconds.rem_euclid(1_000) * 1_000_000,
        )
    }

    /// What a clock in the zone shows.
    #[must_use]
    pub const fn local(&self) -> LocalDateTime {
        LocalDateTime {
            epoch_second: self.epoch_second.saturating_add(self.offset_seconds as i64),
            nanosecond: self.nanosecond,
        }
    }

    /// The zone; a name that the database does not have is an error.
    pub fn zone(&self) -> Result<Zone, TemporalError> {
        match &self.zone {
            Some(name) => Zone::named(name),
            None => Ok(Zone::Offset(self.offset_seconds)),
        }
    }

    /// The time of day with the offset of this instant.
    #[must_use]
    pub const fn time(&self) -> Time {
        Time {
            nanosecond_of_day: self.local().time().nanosecond_of_day,
            offset_seconds: self.offset_seconds,
        }
    }

    pub(super) fn instant_nanoseconds(&self) -> i128 {
        i128::from(self.epoch_second) * 1_000_000_000 + i128::from(self.nanosecond)
    }
}

/// Fails for offsets beyond 18 hours.
pub(super) fn check_offset(seconds: i64) -> Option<i32> {
    let seconds = i32::try_from(seconds).ok()?;
    (seconds.unsigned_abs() <= OFFSET_SECONDS_MAX.unsigned_abs()).then_some(seconds)
}
