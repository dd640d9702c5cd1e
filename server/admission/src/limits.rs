//! What a tenant or a user may take.

use std::time::Duration;

/// The largest share.
const WEIGHT_MAX: i64 = 1_000;

/// What a tenant or a user may take. What is absent is not limited here; both limits of a tenant and of its
/// user hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The share of the server while others wait too: one of weight 2 gets twice what one of weight 1 gets.
    pub weight: u32,
    /// How many queries may run at the same time.
    pub concurrent_max: Option<u32>,
    /// How many queries may wait to run.
    pub queued_max: Option<u32>,
    /// How long a query may take.
    pub time_max: Option<Duration>,
    /// How much memory all queries may take together.
    pub memory_bytes_max: Option<usize>,
    /// How many rows a result may have.
    pub rows_max: Option<u64>,
    /// How many request units may be used each second, in the long run.
    pub units_per_second: Option<u64>,
    /// How many request units may be saved up and used at once; ten seconds' worth if absent.
    pub units_burst: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            weight: 1,
            concurrent_max: None,
            queued_max: None,
            time_max: None,
            memory_bytes_max: None,
            rows_max: None,
            units_per_second: None,
            units_burst: None,
        }
    }
}

/// A limit that cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadLimit {
    /// There is no limit of the name.
    #[error("there is no limit `{name}`; there are {}", Limits::NAMES.join(", "))]
    Unknown {
        /// The name.
        name: String,
    },
    /// It cannot be that.
    #[error(
        "the limit `{name}` cannot be {value}: it is a number from {min} to {max}, or null for none"
    )]
    OutOfRange {
        /// The limit.
        name: &'static str,
        /// What was given.
        value: i64,
        /// The least it can be.
        min: i64,
        /// The most it can be.
        max: i64,
    },
}

impl Limits {
    /// The names of the limits, by which they are kept and set.
    pub const NAMES: [&'static str; 8] = [
        "weight",
        "concurrent",
        "queued",
        "timeMs",
        "memoryBytes",
        "rows",
        "unitsPerSecond",
        "unitsBurst",
    ];

    /// The limits as numbers, in the order of [`Self::NAMES`].
    #[must_use]
    pub fn values(&self) -> [Option<i64>; 8] {
        let large = |value: Option<u64>| value.map(|it| i64::try_from(it).unwrap_or(i64::MAX));
        [
            Some(i64::from(self.weight)),
            self.concurrent_max.map(i64::from),
            self.queued_max.map(i64::from),
            large(
                self.time_max
                    .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            ),
            large(self.memory_bytes_max.map(|bytes| bytes as u64)),
            large(self.rows_max),
            large(self.units_per_second),
            large(self.units_burst),
        ]
    }

    /// Sets a limit by its name; none takes it away.
    ///
    /// # Errors
    /// There is no limit of the name, or it cannot be that.
    pub fn set(&mut self, name: &str, value: Option<i64>) -> Result<(), BadLimit> {
        let Some(known) = Self::NAMES.into_iter().find(|known| *known == name) else {
            return Err(BadLimit::Unknown {
                name: name.to_owned(),
            });
        };
        let (min, max) = match known {
            "weight" => (1, WEIGHT_MAX),
            // A queue of none: whoever cannot run at once is rejected.
            "queued" => (0, i64::from(u32::MAX)),
            "concurrent" => (1, i64::from(u32::MAX)),
            // Leaves room for arithmetic in thousandths.
            "unitsPerSecond" | "unitsBurst" => (1, 1_000_000_000_000),
            _ => (1, i64::MAX),
        };
        if let Some(value) = value.filter(|value| !(min..=max).contains(value)) {
            return Err(BadLimit::OutOfRange {
                name: known,
                value,
                min,
                max,
            });
        }
        let large = value.map(i64::cast_unsigned);
        let small = large.map(|value| u32::try_from(value).unwrap_or(u32::MAX));
        match known {
            "weight" => self.weight = small.unwrap_or(1),
            "concurrent" => self.concurrent_max = small,
            "queued" => self.queued_max = small,
            "timeMs" => self.time_max = large.map(Duration::from_millis),
            "memoryBytes" => {
                self.memory_bytes_max = large.map(|it| usize::try_from(it).unwrap_or(usize::MAX));
            }
            "rows" => self.rows_max = large,
            "unitsPerSecond" => self.units_per_second = large,
            _ => self.units_burst = large,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_as_they_were_set() {
        let mut limits = Limits::default();
        for (number, name) in (10..).zip(Limits::NAMES) {
            limits.set(name, Some(number)).expect("a limit");
        }
        let told: Vec<_> = limits.values().into_iter().flatten().collect();
        assert_eq!(told, (10..18).collect::<Vec<i64>>());
        for name in Limits::NAMES {
            limits.set(name, None).expect("taken away");
        }
        assert_eq!(limits, Limits::default());
    }

    #[test]
    fn what_cannot_be_a_limit_is_refused_by_name() {
        let mut limits = Limits::default();
        let told = |result: Result<(), BadLimit>| result.expect_err("refused").to_string();
        assert!(told(limits.set("speed", Some(1))).contains("there is no limit `speed`"));
        for (name, value) in [
            ("weight", 0),
            ("weight", 1_001),
            ("concurrent", 0),
            ("rows", -1),
        ] {
            assert!(
                told(limits.set(name, Some(value)))
                    .contains(&format!("`{name}` cannot be {value}"))
            );
        }
        limits.set("queued", Some(0)).expect("no queue");
        assert_eq!(limits.queued_max, Some(0));
    }
}
