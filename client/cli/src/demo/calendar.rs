//! The calendar of the case: days are counted from its first day of activity, 2025-10-20, a Monday.

use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;
use retrograph_graph::value::temporal::{Date, DateTime};

/// 2025-10-20 in days since 1970-01-01.
const FIRST_EPOCH_DAY: i64 = 20_381;

/// The days on which feeds and analysts are active: 2025-10-20 to 2026-01-17.
pub const DAYS: i64 = 90;

/// The day on which the case is opened with extracts of registers: 2025-10-12.
pub const OPENING: i64 = -8;

/// The number of a day between October 2025 and January 2026.
pub const fn day(month: u8, day_of_month: i64) -> i64 {
    day_of_month
        + match month {
            10 => -20,
            11 => 11,
            12 => 41,
            _ => 72,
        }
}

/// Whether banks rest on the day.
pub const fn is_weekend(day: i64) -> bool {
    day.rem_euclid(7) >= 5
}

const fn epoch_second(day: i64, (hour, minute, second): (i64, i64, i64)) -> i64 {
    (FIRST_EPOCH_DAY + day) * 86_400 + hour * 3_600 + minute * 60 + second
}

/// An instant, for a commit.
pub const fn instant(day: i64, time: (i64, i64, i64)) -> SystemTime {
    SystemTime(epoch_second(day, time) * 1_000_000)
}

/// An instant, for a property.
pub fn at(day: i64, time: (i64, i64, i64)) -> Value {
    Value::from(DateTime {
        epoch_second: epoch_second(day, time),
        nanosecond: 0,
        offset_seconds: 0,
        zone: None,
    })
}

/// A date, for a property. May lie long before the case.
pub const fn date(day: i64) -> Value {
    Value::Date(Date {
        epoch_day: FIRST_EPOCH_DAY + day,
    })
}

/// A date given as year, month and day.
pub fn calendar_date(year: i64, month: i64, day: i64) -> Value {
    Value::Date(Date::from_ymd(year, month, day).expect("the dates of the story exist"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        let text = |value: Value| match value {
            Value::Date(date) => date.to_string(),
            Value::DateTime(instant) => instant.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(text(date(0)), "2025-10-20");
        assert_eq!(text(date(OPENING)), "2025-10-12");
        assert_eq!(text(date(day(11, 30))), "2025-11-30");
        assert_eq!(text(date(day(12, 2))), "2025-12-02");
        assert_eq!(text(date(day(1, 14))), "2026-01-14");
        assert_eq!(text(date(DAYS - 1)), "2026-01-17");
        assert_eq!(text(at(OPENING, (8, 14, 3))), "2025-10-12T08:14:03Z");
        assert!(is_weekend(day(10, 25)) && is_weekend(day(10, 26)) && !is_weekend(day(10, 27)));
    }
}
