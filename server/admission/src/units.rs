//! Request units: one measure for what queries cost.
//!
//! A query costs one unit, one more for every 100 rows it scans, for every 100 rows it returns, for every 10
//! changes it makes, and for every millisecond in which it runs. Time in which it waits for its turn, for
//! its client or for the disk to acknowledge its commit is not counted.

use std::ops::Add;
use std::time::Duration;

use crate::moment::micros;

/// Thousandths of a request unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Units(pub u64);

/// Thousandths in a unit.
const UNIT: u64 = 1_000;

impl Units {
    /// So many whole units.
    #[must_use]
    pub const fn whole(units: u64) -> Self {
        Self(units.saturating_mul(UNIT))
    }

    /// As a number of units.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        reason = "a number for people: from 2^53 thousandths on the last digits do not matter"
    )]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / UNIT as f64
    }

    pub(crate) fn signed(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

impl Add for Units {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// What a query has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Rows that its operators found in the graph or passed on.
    pub scanned: u64,
    /// Rows of its result.
    pub returned: u64,
    /// Changes: elements made or deleted, properties and labels set or removed.
    pub written: u64,
    /// How long it ran.
    pub time: Duration,
}

impl Usage {
    /// What it costs.
    #[must_use]
    pub fn units(&self) -> Units {
        let parts = [
            (self.scanned, UNIT / 100),
            (self.returned, UNIT / 100),
            (self.written, UNIT / 10),
            (micros(self.time), UNIT / 1_000),
        ];
        let cost =
            |sum: u64, (count, each): (u64, u64)| sum.saturating_add(count.saturating_mul(each));
        Units(parts.into_iter().fold(UNIT, cost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_follow_the_documented_formula() {
        assert_eq!(Usage::default().units(), Units::whole(1));
        let usage = Usage {
            scanned: 1_000,
            returned: 200,
            written: 30,
            time: Duration::from_micros(4_500),
        };
        assert_eq!(usage.units(), Units(1_000 + 10_000 + 2_000 + 3_000 + 4_500));
        let endless = Usage {
            scanned: u64::MAX,
            ..usage
        };
        assert_eq!(endless.units(), Units(u64::MAX));
    }
}
