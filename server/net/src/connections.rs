//! How many connections there are, and what becomes of further ones.
//!
//! A connection for which there is no place is told so in the words of its protocol, as long as there are not
//! too many of these either; then it is closed at once. So whoever has reached a limit can read that in an error, and
//! a flood of connections costs little.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::warn;

/// How many connections are told at the same time that there is no place for them.
const REFUSALS_MAX: usize = 64;

/// How often it is logged that connections were refused.
const TELL_PERIOD: Duration = Duration::from_secs(10);

/// Connections of a kind, counted.
pub(crate) struct Connections {
    open: AtomicUsize,
    max: usize,
    refusing: AtomicUsize,
    refused: AtomicU64,
    /// When it was last logged that some were refused, and how many had been by then.
    told: Mutex<Option<(Instant, u64)>>,
}

/// Why a connection is not served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    /// How many there may be.
    max: usize,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { max } = self;
        write!(
            f,
            "the server has as many connections as it may have ({max}); try again later, close connections that \
             are not needed, or raise server.connections_max"
        )
    }
}

/// A connection that is counted. Dropping it makes place for another one.
pub(crate) struct OpenConnection {
    connections: Arc<Connections>,
    /// Whether it is only told that there is no place for it, and why.
    pub(crate) refusal: Option<Refusal>,
}

impl Connections {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            open: AtomicUsize::new(0),
            max,
            refusing: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            told: Mutex::default(),
        })
    }

    /// Counts a new connection, which is served or refused; none if it is to be closed at once.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<OpenConnection> {
        let entered = |refusal| OpenConnection {
            connections: Arc::clone(self),
            refusal,
        };
        // Dropping takes back what was counted.
        let place = entered(None);
        if self.open.fetch_add(1, Ordering::AcqRel) < self.max {
            return Some(place);
        }
        drop(place);
        let refused = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        self.tell(refused);
        let place = entered(Some(Refusal { max: self.max }));
        (self.refusing.fetch_add(1, Ordering::AcqRel) < REFUSALS_MAX).then_some(place)
    }

    /// How many are open, and how many there may be.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.open.load(Ordering::Relaxed), self.max)
    }

    pub(crate) fn are_open(&self) -> bool {
        self.open.load(Ordering::Acquire) > 0
    }

    /// Logs that connections were refused, not for each one.
    fn tell(&self, refused: u64) {
        let now = Instant::now();
        let mut told = self.told.lock();
        let before = match *told {
            Some((at, _)) if now - at < TELL_PERIOD => return,
            Some((_, before)) => before,
            None => 0,
        };
        *told = Some((now, refused));
        drop(told);
        warn!(
            connections = self.max,
            refused = refused - before,
            "connections were refused, as there are as many as there may be"
        );
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let counter = match self.refusal {
            None => &self.connections.open,
            Some(_) => &self.connections.refusing,
        };
        counter.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_ones_are_refused_and_of_many_most_are_closed() {
        let connections = Connections::new(2);
        let enter = || connections.enter();
        let served: Vec<_> = (0..2).map(|_| enter().expect("a place")).collect();
        assert!(served.iter().all(|place| place.refusal.is_none()));
        let refused: Vec<_> = (0..100).filter_map(|_| enter()).collect();
        assert_eq!(refused.len(), REFUSALS_MAX);
        assert!(refused.iter().all(|place| place.refusal.is_some()));
        assert_eq!(connections.count(), (2, 2));
        drop(refused);
        drop(served);
        assert!(!connections.are_open());
        assert!(enter().expect("a place again").refusal.is_none());
    }
}
