//! Moments of a graph as the command line writes and reads them.

use retrograph_graph::ids::{SystemTime, Version};
use retrograph_graph::value::temporal::{Date, DateTime};

/// Which state of a graph is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moment {
    /// The latest.
    #[default]
    Now,
    /// The one in force at an instant.
    Instant(SystemTime),
    /// The one that a commit made.
    Version(Version),
}

impl Moment {
    /// What the prompt says about it; nothing for now.
    pub fn describe(self) -> Option<String> {
        match self {
            Self::Now => None,
            Self::Instant(instant) => Some(format!("as of {}", format_instant(instant))),
            Self::Version(version) => Some(format!("as of version {version}")),
        }
    }
}

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Reads an instant: ISO 8601 with `T` or a blank between date and time; without an offset in UTC.
pub fn parse_instant(text: &str) -> Result<SystemTime, String> {
    let text = text.trim();
    let iso = match text.split_once(' ') {
        Some((date, time)) => format!("{date}T{}", time.trim_start()),
        None => text.to_owned(),
    };
    let instant = DateTime::parse(&iso)
        .map_err(|error| format!("{error}; write an instant like 2026-01-10T12:00:00Z"))?;
    instant
        .epoch_second
        .checked_mul(MICROS_PER_SECOND)
        .and_then(|micros| micros.checked_add(i64::from(instant.nanosecond / 1_000)))
        .map(SystemTime)
        .ok_or_else(|| format!("{text} is out of range"))
}

/// An instant with seconds, and a fraction where there is one: `2026-01-10 12:00:00Z`.
pub fn format_instant(instant: SystemTime) -> String {
    let (second, micro) = (
        instant.0.div_euclid(MICROS_PER_SECOND),
        instant.0.rem_euclid(MICROS_PER_SECOND),
    );
    let date = Date {
        epoch_day: second.div_euclid(SECONDS_PER_DAY),
    };
    let of_day = second.rem_euclid(SECONDS_PER_DAY);
    let fraction = match micro {
        0 => String::new(),
        micro if micro % 1_000 == 0 => format!(".{:03}", micro / 1_000),
        micro => format!(".{micro:06}"),
    };
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{date} {hour:02}:{minute:02}:{second:02}{fraction}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_the_usual_forms() {
        let noon = SystemTime(1_768_046_400_000_000);
        for text in [
            "2026-01-10T12:00:00Z",
            "2026-01-10T12:00Z",
            "2026-01-10 12:00:00Z",
            " 2026-01-10 12:00 ",
            "2026-01-10T13:00:00+01:00",
        ] {
            assert_eq!(parse_instant(text), Ok(noon), "{text}");
        }
        let midnight = SystemTime(noon.0 - 12 * 3_600_000_000);
        assert_eq!(parse_instant("2026-01-10"), Ok(midnight));
        assert!(parse_instant("yesterday").is_err_and(|error| error.contains("2026-01-10T12:00")));
        assert!(parse_instant("999999999-01-01").is_err());
    }

    #[test]
    fn instants_are_written_so_that_they_can_be_read() {
        for (micros, text) in [
            (0, "1970-01-01 00:00:00Z"),
            (-1, "1969-12-31 23:59:59.999999Z"),
            (1_768_046_400_000_000, "2026-01-10 12:00:00Z"),
            (1_768_046_400_250_000, "2026-01-10 12:00:00.250Z"),
        ] {
            assert_eq!(format_instant(SystemTime(micros)), text);
            assert_eq!(parse_instant(text), Ok(SystemTime(micros)));
        }
    }
}
