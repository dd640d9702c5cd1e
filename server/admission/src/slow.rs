//! The queries that took long, the latest ones.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::Units;
use crate::moment::micros;

/// A query that took long.
#[derive(Clone, Debug, PartialEq)]
pub struct SlowQuery {
    /// When it ended: microseconds since the Unix epoch.
    pub ended_us: i64,
    /// What it said, without its literals.
    pub text: Arc<str>,
    /// Tells plans apart.
    pub plan: u64,
    /// From its arrival to its end.
    pub time: Duration,
    /// How long of that it waited for its turn.
    pub waited: Duration,
    /// Rows of its result.
    pub rows: u64,
    /// Rows that its operators found or passed on.
    pub scanned: u64,
    /// The most memory that it held.
    pub memory_bytes: usize,
    /// What it cost.
    pub units: Units,
    /// The id of the user.
    pub user: Arc<str>,
    /// The name of the user.
    pub user_name: Arc<str>,
    /// The tenant of the user.
    pub tenant: Arc<str>,
    /// What it ran on.
    pub database: Arc<str>,
    /// Why it failed, if it did: no texts, only the kind.
    pub failure: Option<&'static str>,
}

/// See the module.
#[derive(Debug)]
pub struct SlowLog {
    threshold_us: AtomicU64,
    records_max: usize,
    records: Mutex<VecDeque<SlowQuery>>,
}

impl SlowLog {
    /// A log of so many queries that take at least so long; of none if there is no threshold.
    #[must_use]
    pub fn new(threshold: Option<Duration>, records_max: usize) -> Self {
        Self {
            threshold_us: AtomicU64::new(threshold.map_or(u64::MAX, micros)),
            records_max,
            records: Mutex::default(),
        }
    }

    /// Changes the threshold.
    pub fn set_threshold(&self, threshold: Option<Duration>) {
        let threshold = threshold.map_or(u64::MAX, micros);
        self.threshold_us.store(threshold, Ordering::Relaxed);
    }

    /// Whether a query that took so long is recorded.
    #[must_use]
    pub fn wants(&self, time: Duration) -> bool {
        micros(time) >= self.threshold_us.load(Ordering::Relaxed)
    }

    /// Records a query; the oldest record goes if there are too many.
    pub fn record(&self, query: SlowQuery) {
        let mut records = self.records.lock();
        if records.len() >= self.records_max {
            records.pop_front();
        }
        if self.records_max > 0 {
            records.push_back(query);
        }
    }

    /// The records that `is_wanted`, latest first.
    #[must_use]
    pub fn latest(&self, is_wanted: impl Fn(&SlowQuery) -> bool) -> Vec<SlowQuery> {
        let records = self.records.lock();
        let wanted = records.iter().rev().filter(|query| is_wanted(query));
        wanted.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept() {
        let log = SlowLog::new(Some(Duration::from_millis(5)), 2);
        assert!(log.wants(Duration::from_millis(5)) && !log.wants(Duration::from_millis(4)));
        log.set_threshold(None);
        assert!(!log.wants(Duration::from_secs(1_000_000)));
        for ended_us in 1..=3 {
            log.record(SlowQuery {
                ended_us,
                text: "RETURN ?".into(),
                plan: 1,
                time: Duration::from_secs(1),
                waited: Duration::ZERO,
                rows: 1,
                scanned: 1,
                memory_bytes: 0,
                units: Units::whole(1),
                user: "1".into(),
                user_name: "ana".into(),
                tenant: "main".into(),
                database: "g".into(),
                failure: None,
            });
        }
        let ended: Vec<i64> = log
            .latest(|_| true)
            .iter()
            .map(|query| query.ended_us)
            .collect();
        assert_eq!(ended, [3, 2]);
        assert!(log.latest(|query| &*query.tenant == "other").is_empty());
    }
}
