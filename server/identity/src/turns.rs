//! Lets a few at a time do what is costly.

use parking_lot::{Condvar, Mutex};

/// Lets a few through at a time and a few more wait.
pub(crate) struct Turns {
    at_once: usize,
    waiting_max: usize,
    /// How many are through, and how many wait.
    counts: Mutex<(usize, usize)>,
    freed: Condvar,
}

impl Turns {
    pub(crate) fn new(at_once: usize, waiting_max: usize) -> Self {
        Self {
            at_once,
            waiting_max,
            counts: Mutex::default(),
            freed: Condvar::new(),
        }
    }

    /// Waits for a turn; none if too many wait already.
    pub(crate) fn take(&self) -> Option<Turn<'_>> {
        let mut counts = self.counts.lock();
        if counts.0 >= self.at_once {
            if counts.1 >= self.waiting_max {
                return None;
            }
            counts.1 += 1;
            while counts.0 >= self.at_once {
                self.freed.wait(&mut counts);
            }
            counts.1 -= 1;
        }
        counts.0 += 1;
        Some(Turn(self))
    }

    /// How many are through, and how many wait.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> (usize, usize) {
        *self.counts.lock()
    }
}

/// A turn; it ends when it is dropped.
pub(crate) struct Turn<'t>(&'t Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.counts.lock().0 -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_wait_for_their_turn() {
        let turns = Turns::new(2, 3);
        let first = turns.take().expect("free");
        let _second = turns.take().expect("free");
        turns.counts.lock().1 = 3;
        assert!(turns.take().is_none());
        turns.counts.lock().1 = 0;
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| turns.take().is_some());
            while turns.counts().1 == 0 {
                std::thread::yield_now();
            }
            drop(first);
            assert!(waiting.join().expect("ended"));
        });
    }
}
