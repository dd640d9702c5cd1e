//! Who may run queries at the same time.
//!
//! Connections keep their worker for a while after a query, for the next one comes soon as a rule. Where workers are
//! scarce, whoever needs one asks the idle for theirs and waits a moment: more connections than workers can take
//! turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// A worker's stack: queries may be nested deeply.
pub const STACK_BYTES: usize = 8 << 20;

/// How long it is waited for a place.
pub const WAIT: Duration = Duration::from_secs(3);

/// The workers of a server, whatever the protocol they work for.
pub struct Workers {
    busy: AtomicUsize,
    max: usize,
    /// Tells those that wait of a place.
    freed: Notify,
    /// Tells the idle that somebody waits.
    wanted: Notify,
}

impl Workers {
    /// So many at the same time.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            busy: AtomicUsize::new(0),
            max,
            freed: Notify::new(),
            wanted: Notify::new(),
        })
    }

    /// A place for one more, if there is one.
    pub fn place(self: &Arc<Self>) -> Option<Place> {
        let one_more = |busy| (busy < self.max).then_some(busy + 1);
        let taken = self
            .busy
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more);
        taken.ok().map(|_| Place(Arc::clone(self)))
    }

    /// A place for one more; waits for it up to a moment, and asks the idle to make it.
    pub async fn place_until(self: &Arc<Self>, until: Instant) -> Option<Place> {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // From here on no place that becomes free is missed.
            freed.as_mut().enable();
            if let Some(place) = self.place() {
                return Some(place);
            }
            self.wanted.notify_one();
            if timeout_at(until, freed).await.is_err() {
                return self.place();
            }
        }
    }

    /// Ends when somebody waits for a place, as far as places are scarce by now.
    pub async fn wanted(&self) {
        if self.busy.load(Ordering::Relaxed) < self.max - self.max / 4 {
            return std::future::pending().await;
        }
        self.wanted.notified().await;
    }

    /// How many work, and how many there may be.
    pub fn count(&self) -> (usize, usize) {
        (self.busy.load(Ordering::Relaxed), self.max)
    }

    /// Whether any works.
    pub fn are_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire) > 0
    }
}

/// One of the workers that there may be.
pub struct Place(Arc<Workers>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::AcqRel);
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_idle_make_place_for_those_who_wait() {
        let workers = Workers::new(2);
        let (first, second) = (workers.place(), workers.place());
        assert!(first.is_some() && second.is_some() && workers.place().is_none());
        let idle = {
            let workers = Arc::clone(&workers);
            tokio::spawn(async move {
                workers.wanted().await;
                drop(first);
            })
        };
        let until = Instant::now() + Duration::from_secs(600);
        let third = workers.place_until(until).await;
        idle.await.expect("no panic");
        assert!(third.is_some());
        assert_eq!(workers.count(), (2, 2));
        assert!(workers.place_until(Instant::now()).await.is_none());
        drop((second, third));
        assert!(!workers.are_busy());
    }
}
