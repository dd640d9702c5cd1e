//! A token bucket with debt.
//!
//! Credits come at a steady rate and are saved up to a burst. What a query costs is known when it ends: it may
//! start while there is any credit, and what it costs beyond is owed, and paid back before the next one starts.

use std::time::Duration;

use crate::moment::Moment;
use crate::{Limits, Units};

/// Seconds whose credits are saved if no burst is set.
const BURST_SECONDS: u64 = 10;

/// See the module. Balances are in thousandths of a unit.
#[derive(Clone, Debug)]
pub struct Bucket {
    per_second: u64,
    burst: i64,
    balance: i64,
    /// Up to when credits have been counted.
    at: Moment,
}

impl Bucket {
    /// A full bucket, if the limits want one.
    pub fn new(limits: &Limits, now: Moment) -> Option<Self> {
        let (per_second, burst) = Self::terms(limits)?;
        Some(Self {
            per_second,
            burst,
            balance: burst,
            at: now,
        })
    }

    fn terms(limits: &Limits) -> Option<(u64, i64)> {
        let per_second = limits.units_per_second?.max(1);
        let burst = limits.units_burst;
        let burst = burst.unwrap_or_else(|| per_second.saturating_mul(BURST_SECONDS));
        Some((per_second, Units::whole(burst.max(1)).signed()))
    }

    /// Takes over limits that may have changed; what was used stays used.
    pub fn follow(bucket: &mut Option<Self>, limits: &Limits, now: Moment) {
        match (bucket.as_mut(), Self::terms(limits)) {
            (Some(there), Some((per_second, burst))) => {
                there.refill(now);
                there.per_second = per_second;
                there.balance = there.balance.saturating_add(burst - there.burst).min(burst);
                there.burst = burst;
            }
            (Some(_), None) => *bucket = None,
            (None, Some(_)) => *bucket = Self::new(limits, now),
            (None, None) => {}
        }
    }

    fn refill(&mut self, now: Moment) {
        let elapsed = u128::from(now.0.saturating_sub(self.at.0));
        // So many thousandths a second are as many a thousandth of that in a microsecond.
        let added = elapsed * u128::from(self.per_second) / 1_000;
        let missing = self.burst.saturating_sub(self.balance);
        match i64::try_from(added) {
            Ok(added) if added < missing => {
                self.balance += added;
                // What does not make a thousandth yet is counted the next time.
                let counted =
                    u128::from(added.unsigned_abs()) * 1_000 / u128::from(self.per_second);
                let exact =
                    u128::from(added.unsigned_abs()) * 1_000 % u128::from(self.per_second) == 0;
                let counted = if exact { counted } else { counted + 1 };
                self.at.0 += u64::try_from(counted.min(elapsed)).unwrap_or(u64::MAX);
            }
            _ => {
                self.balance = self.burst;
                self.at = self.at.max(now);
            }
        }
    }

    /// Whether something may start.
    pub fn has_credit(&mut self, now: Moment) -> bool {
        self.refill(now);
        self.balance > 0
    }

    /// Whether something might have started when it was last looked at.
    pub const fn had_credit(&self) -> bool {
        self.balance > 0
    }

    /// Whether nothing is missing.
    pub fn is_full(&mut self, now: Moment) -> bool {
        self.refill(now);
        self.balance == self.burst
    }

    /// Takes what something cost.
    pub fn charge(&mut self, cost: Units, now: Moment) {
        self.refill(now);
        self.balance = self.balance.saturating_sub(cost.signed());
    }

    /// How long until something may start.
    pub fn wait(&mut self, now: Moment) -> Duration {
        if self.has_credit(now) {
            return Duration::ZERO;
        }
        let missing = u128::from(self.balance.unsigned_abs()) + 1;
        let micros = (missing * 1_000).div_ceil(u128::from(self.per_second));
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limits(per_second: u64, burst: u64) -> Limits {
        Limits {
            units_per_second: Some(per_second),
            units_burst: Some(burst),
            ..Limits::default()
        }
    }

    #[test]
    fn a_burst_is_used_at_once_and_comes_back_at_the_rate() {
        let start = Moment(5);
        let mut bucket = Bucket::new(&limits(10, 100), start).expect("a bucket");
        bucket.charge(Units::whole(100), start);
        assert!(!bucket.has_credit(start));
        bucket.charge(Units::whole(20), start);
        let wait = bucket.wait(start);
        assert!(wait > Duration::from_secs(2) && wait < Duration::from_millis(2_001));
        assert!(!bucket.has_credit(start.after(Duration::from_secs(2))));
        assert!(bucket.has_credit(start.after(wait)));
        assert!(bucket.is_full(start.after(Duration::from_secs(12))));
        assert!(Bucket::new(&Limits::default(), start).is_none());
    }

    #[test]
    fn changed_limits_keep_what_was_used() {
        let now = Moment(0);
        let mut bucket = Bucket::new(&limits(10, 100), now);
        bucket
            .as_mut()
            .expect("there")
            .charge(Units::whole(90), now);
        Bucket::follow(&mut bucket, &limits(10, 50), now);
        assert!(
            !bucket.as_mut().expect("there").has_credit(now),
            "40 are owed"
        );
        Bucket::follow(&mut bucket, &limits(10, 200), now);
        assert!(bucket.as_mut().expect("there").has_credit(now));
        Bucket::follow(&mut bucket, &Limits::default(), now);
        assert!(bucket.is_none());
    }

    proptest! {
        /// However often it is looked at, no more than burst and rate allow is ever started.
        #[test]
        fn no_more_is_used_than_burst_and_rate_allow(
            per_second in 1_u64..5_000,
            burst in 1_u64..1_000,
            steps in prop::collection::vec((0_u64..200_000, 1_u64..20_000), 1..200),
        ) {
            let mut bucket = Bucket::new(&limits(per_second, burst), Moment(0)).expect("a bucket");
            let mut now = Moment(0);
            let (mut used, mut largest) = (0_u128, 0_u128);
            for (pause, cost) in steps {
                now.0 += pause;
                if bucket.has_credit(now) {
                    bucket.charge(Units(cost), now);
                    used += u128::from(cost);
                    largest = largest.max(u128::from(cost));
                }
                let allowed = u128::from(burst) * 1_000 + u128::from(now.0) * u128::from(per_second) / 1_000;
                prop_assert!(used <= allowed + largest, "{used} of {allowed}");
                let mut later = bucket.clone();
                let at = now.after(bucket.wait(now));
                prop_assert!(later.has_credit(at));
            }
        }
    }
}
