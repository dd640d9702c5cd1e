//! The proleptic Gregorian calendar in integers: years, months, ISO weeks, quarters.
//!
//! Setters follow one rule throughout: changing a year, month or quarter keeps the day of the month
//! if the new month has it, else takes the month's last day; weeks and days of a week move by whole
//! weeks and days. `with_*` refuse values outside the component's range.

use super::{Date, LocalDateTime, LocalTime, NANOSECONDS_PER_DAY, TemporalError};

/// The largest year either way.
pub(super) const YEAR_MAX: i64 = 999_999_999;
pub(super) const SECONDS_PER_DAY: i64 = 86_400;
pub(super) const NANOSECONDS_PER_SECOND: i64 = 1_000_000_000;
const DAYS_PER_ERA: i64 = 146_097;
const EPOCH_DAY_MIN: i64 = -365_243_219_162;
const EPOCH_DAY_MAX: i64 = 365_241_780_471;

/// A year, month (1–12) and day (1–31).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ymd {
    pub year: i64,
    pub month: i64,
    pub day: i64,
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(super) const fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date, which need not be in the supported range.
/// Years are counted from March, so that the leap day is a year's last.
const fn epoch_day(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_ERA + day_of_era - 719_468
}

fn range(component: &'static str, value: i64, max: i64) -> Result<(), TemporalError> {
    if (1..=max).contains(&value) {
        Ok(())
    } else {
        Err(TemporalError::Range { component, value })
    }
}

impl Date {
    /// The date of a year, month and day; fails if there is none.
    pub fn from_ymd(year: i64, month: i64, day: i64) -> Result<Self, TemporalError> {
        check_year(year)?;
        range("month", month, 12)?;
        range("day", day, days_of_month(year, month))?;
        Ok(Self {
            epoch_day: epoch_day(year, month, day),
        })
    }

    /// The date a number of days after 1970-01-01; fails beyond the years ±999,999,999.
    pub fn from_epoch_day(epoch_day: i64) -> Result<Self, TemporalError> {
        if (EPOCH_DAY_MIN..=EPOCH_DAY_MAX).contains(&epoch_day) {
            Ok(Self { epoch_day })
        } else {
            Err(TemporalError::Overflow { what: "date" })
        }
    }

    /// See [`LocalDateTime::is_in_range`].
    pub(crate) const fn is_in_range(self) -> bool {
        EPOCH_DAY_MIN - 1 <= self.epoch_day && self.epoch_day <= EPOCH_DAY_MAX + 1
    }

    pub(super) const fn ymd(self) -> Ymd {
        // A stored day may lie anywhere in 64 bits; the calendar of the eras does not care, but
        // the shift must not overflow.
        let shifted = self.epoch_day.saturating_add(719_468);
        let era = shifted.div_euclid(DAYS_PER_ERA);
        let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        Ymd { year, month, day }
    }

    /// The year.
    #[must_use]
    pub const fn year(self) -> i64 {
        self.ymd().year
    }

    /// The month, 1–12.
    #[must_use]
    pub const fn month(self) -> i64 {
        self.ymd().month
    }

    /// The day of the month, 1–31.
    #[must_use]
    pub const fn day(self) -> i64 {
        self.ymd().day
    }

    /// The quarter, 1–4.
    #[must_use]
    pub const fn quarter(self) -> i64 {
        (self.month() - 1) / 3 + 1
    }

    /// The day of the year, 1–366.
    #[must_use]
    pub const fn ordinal_day(self) -> i64 {
        self.epoch_day - epoch_day(self.year(), 1, 1) + 1
    }

    /// The day of the quarter, 1–92.
    #[must_use]
    pub const fn day_of_quarter(self) -> i64 {
        let first = epoch_day(self.year(), (self.quarter() - 1) * 3 + 1, 1);
        self.epoch_day - first + 1
    }

    /// The day of the week, Monday = 1 to Sunday = 7.
    #[must_use]
    pub const fn day_of_week(self) -> i64 {
        // 1970-01-01 was a Thursday.
        (self.epoch_day.rem_euclid(7) + 3) % 7 + 1
    }

    /// The year to which the ISO week belongs.
    #[must_use]
    pub const fn week_year(self) -> i64 {
        // A week belongs to the year that has its Thursday.
        let thursday = Self {
            epoch_day: self.epoch_day + 4 - self.day_of_week(),
        };
        thursday.year()
    }

    /// The ISO week, 1–53.
    #[must_use]
    pub const fn week(self) -> i64 {
        let thursday = Self {
            epoch_day: self.epoch_day + 4 - self.day_of_week(),
        };
        (thursday.ordinal_day() - 1) / 7 + 1
    }

    /// Monday of the first week of a week-based year, which is the week of 4 January.
    pub(super) const fn start_of_week_year(year: i64) -> Self {
        let fourth = Self {
            epoch_day: epoch_day(year, 1, 4),
        };
        Self {
            epoch_day: fourth.epoch_day - fourth.day_of_week() + 1,
        }
    }

    pub(super) fn plus_days(self, days: i64) -> Result<Self, TemporalError> {
        let day = self.epoch_day.checked_add(days);
        Self::from_epoch_day(day.ok_or(TemporalError::Overflow { what: "date" })?)
    }

    pub(super) fn plus_months(self, months: i64) -> Result<Self, TemporalError> {
        if months == 0 {
            return Ok(self);
        }
        let Ymd { year, month, day } = self.ymd();
        let months = (year * 12 + month - 1)
            .checked_add(months)
            .ok_or(TemporalError::Overflow { what: "date" })?;
        Self::clamped(months.div_euclid(12), months.rem_euclid(12) + 1, day)
    }

    /// The date, or the last of the month if the month has no such day.
    fn clamped(year: i64, month: i64, day: i64) -> Result<Self, TemporalError> {
        if year.abs() > YEAR_MAX {
            return Err(TemporalError::Overflow { what: "date" });
        }
        Self::from_ymd(year, month, day.min(days_of_month(year, month)))
    }

    pub(super) fn with_year(self, year: i64) -> Result<Self, TemporalError> {
        check_year(year)?;
        let Ymd { month, day, .. } = self.ymd();
        Self::clamped(year, month, day)
    }

    pub(super) fn with_week_year(self, year: i64) -> Result<Self, TemporalError> {
        check_year(year)?;
        let start = Self::start_of_week_year(year);
        let weeks = (Self::start_of_week_year(year + 1).epoch_day - start.epoch_day) / 7;
        start.plus_days((self.week().min(weeks) - 1) * 7 + self.day_of_week() - 1)
    }

    pub(super) fn with_quarter(self, quarter: i64) -> Result<Self, TemporalError> {
        range("quarter", quarter, 4)?;
        self.plus_months((quarter - self.quarter()) * 3)
    }

    pub(super) fn with_month(self, month: i64) -> Result<Self, TemporalError> {
        range("month", month, 12)?;
        let Ymd { year, day, .. } = self.ymd();
        Self::clamped(year, month, day)
    }

    pub(super) fn with_week(self, week: i64) -> Result<Self, TemporalError> {
        range("week", week, 53)?;
        self.plus_days((week - self.week()) * 7)
    }

    pub(super) fn with_ordinal_day(self, day: i64) -> Result<Self, TemporalError> {
        let year = self.year();
        range("ordinalDay", day, if is_leap(year) { 366 } else { 365 })?;
        Self::from_epoch_day(epoch_day(year, 1, 1) + day - 1)
    }

    pub(super) fn with_day_of_quarter(self, day: i64) -> Result<Self, TemporalError> {
        range("dayOfQuarter", day, 92)?;
        self.plus_days(day - self.day_of_quarter())
    }

    pub(super) fn with_day_of_week(self, day: i64) -> Result<Self, TemporalError> {
        range("dayOfWeek", day, 7)?;
        self.plus_days(day - self.day_of_week())
    }

    pub(super) fn with_day(self, day: i64) -> Result<Self, TemporalError> {
        let Ymd { year, month, .. } = self.ymd();
        Self::from_ymd(year, month, day)
    }

    /// Midnight at the start of the date.
    #[must_use]
    pub const fn at_midnight(self) -> LocalDateTime {
        LocalDateTime {
            epoch_second: self.epoch_day.saturating_mul(SECONDS_PER_DAY),
            nanosecond: 0,
        }
    }

    /// The date with a time of day.
    #[must_use]
    pub const fn at(self, time: LocalTime) -> LocalDateTime {
        let nanoseconds = time.nanosecond_of_day.cast_signed();
        LocalDateTime {
            epoch_second: self
                .at_midnight()
                .epoch_second
                .saturating_add(nanoseconds / NANOSECONDS_PER_SECOND),
            nanosecond: (nanoseconds % NANOSECONDS_PER_SECOND) as u32,
        }
    }
}

fn check_year(year: i64) -> Result<(), TemporalError> {
    if (-YEAR_MAX..=YEAR_MAX).contains(&year) {
        Ok(())
    } else {
        Err(TemporalError::Range {
            component: "year",
            value: year,
        })
    }
}

impl LocalTime {
    /// Midnight.
    pub const MIDNIGHT: Self = Self {
        nanosecond_of_day: 0,
    };

    /// The time of an hour, minute, second and nanosecond; fails if there is none.
    pub fn from_hms(
        hour: i64,
        minute: i64,
        second: i64,
        nanosecond: i64,
    ) -> Result<Self, TemporalError> {
        for (component, value, end) in [
            ("hour", hour, 24),
            ("minute", minute, 60),
            ("second", second, 60),
            ("nanosecond", nanosecond, NANOSECONDS_PER_SECOND),
        ] {
            if !(0..end).contains(&value) {
                return Err(TemporalError::Range { component, value });
            }
        }
        let seconds = hour * 3_600 + minute * 60 + second;
        let nanoseconds = seconds * NANOSECONDS_PER_SECOND + nanosecond;
        Ok(Self {
            nanosecond_of_day: nanoseconds.cast_unsigned(),
        })
    }

    const fn second_of_day(self) -> i64 {
        self.nanosecond_of_day.cast_signed() / NANOSECONDS_PER_SECOND
    }

    /// The hour, 0–23.
    #[must_use]
    pub const fn hour(self) -> i64 {
        self.second_of_day() / 3_600
    }

    /// The minute, 0–59.
    #[must_use]
    pub const fn minute(self) -> i64 {
        self.second_of_day() / 60 % 60
    }

    /// The second, 0–59.
    #[must_use]
    pub const fn second(self) -> i64 {
        self.second_of_day() % 60
    }

    /// The nanosecond of the second.
    #[must_use]
    pub const fn nanosecond(self) -> i64 {
        self.nanosecond_of_day.cast_signed() % NANOSECONDS_PER_SECOND
    }

    /// Moves around the clock by a number of nanoseconds.
    pub(super) fn plus_nanoseconds(self, nanoseconds: i128) -> Self {
        let day = i128::from(NANOSECONDS_PER_DAY);
        let moved = (i128::from(self.nanosecond_of_day) + nanoseconds % day).rem_euclid(day);
        // Below a day's nanoseconds by the modulus.
        Self {
            nanosecond_of_day: moved as u64,
        }
    }
}

impl LocalDateTime {
    /// The date.
    #[must_use]
    pub const fn date(self) -> Date {
        Date {
            epoch_day: self.epoch_second.div_euclid(SECONDS_PER_DAY),
        }
    }

    /// The time of day.
    #[must_use]
    pub const fn time(self) -> LocalTime {
        let seconds = self.epoch_second.rem_euclid(SECONDS_PER_DAY);
        let nanoseconds = seconds * NANOSECONDS_PER_SECOND + self.nanosecond as i64;
        LocalTime {
            nanosecond_of_day: nanoseconds.cast_unsigned(),
        }
    }

    /// Whether the date is in the supported years, or at most a day beyond, where an instant of
    /// the last day may lie as seen in another zone.
    pub(crate) const fn is_in_range(self) -> bool {
        self.date().is_in_range()
    }

    /// Nanoseconds since 1970-01-01T00:00.
    pub(super) fn nanoseconds(self) -> i128 {
        i128::from(self.epoch_second) * i128::from(NANOSECONDS_PER_SECOND)
            + i128::from(self.nanosecond)
    }

    pub(super) fn from_nanoseconds(nanoseconds: i128) -> Result<Self, TemporalError> {
        let second = i128::from(NANOSECONDS_PER_SECOND);
        let overflow = TemporalError::Overflow { what: "datetime" };
        let epoch_second = i64::try_from(nanoseconds.div_euclid(second)).map_err(|_| overflow)?;
        Date::from_epoch_day(epoch_second.div_euclid(SECONDS_PER_DAY))
            .map_err(|_| TemporalError::Overflow { what: "datetime" })?;
        // Below 10⁹ by the modulus.
        Ok(Self {
            epoch_second,
            nanosecond: nanoseconds.rem_euclid(second) as u32,
        })
    }
}
