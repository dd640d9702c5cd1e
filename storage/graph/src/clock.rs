//! Where a graph gets the time from.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::ids::SystemTime;

/// The clock of a leader. Replaced by simulated clocks in tests; nothing else reads the time.
pub trait Clock: Send + Sync {
    /// The time now. It may jump either way; the sequencer copes.
    fn now(&self) -> SystemTime;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> SystemTime {
        let micros = match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        };
        SystemTime(micros)
    }
}

/// A clock that is set by hand.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows this time.
    #[must_use]
    pub const fn new(time: SystemTime) -> Self {
        Self(AtomicI64::new(time.0))
    }

    /// Sets the clock.
    pub fn set(&self, time: SystemTime) {
        self.0.store(time.0, Ordering::SeqCst);
    }

    /// Moves the clock on.
    pub fn advance(&self, microseconds: i64) {
        self.0.fetch_add(microseconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        SystemTime(self.0.load(Ordering::SeqCst))
    }
}
