//! Who may run queries at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A worker's stack: queries may be nested deeply.
pub const STACK_BYTES: usize = 8 << 20;

/// The workers of a server, whatever the protocol they work for.
pub struct Workers {
    busy: AtomicUsize,
    max: usize,
}

impl Workers {
    /// So many at the same time.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            busy: AtomicUsize::new(0),
            max,
        })
    }

    /// A place for one more, if there is one.
    pub fn place(self: &Arc<Self>) -> Option<Place> {
        let place = Place(Arc::clone(self));
        let before = self.busy.fetch_add(1, Ordering::Relaxed);
        // Dropping gives it back.
        (before < self.max).then_some(place)
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
        self.0.busy.fetch_sub(1, Ordering::Release);
    }
}
