//! Lets a few at a time do what is costly.

use parking_lot::{Condvar, Mutex};

/// Passwords that are looked at side by side: each takes a core and 19 MiB meanwhile.
const HASHING_MAX: usize = 2;
/// Those that may wait for that; at some tens of milliseconds each, about two seconds.
const WAITING_MAX: usize = 64;

/// Lets a few through at a time and a few more wait.
#[derive(Default)]
pub(crate) struct Turns {
    /// How many are through, and how many wait.
    counts: Mutex<(usize, usize)>,
    freed: Condvar,
}

impl Turns {
    /// Waits for a turn; none if too many wait already.
    pub(crate) fn take(&self) -> Option<Turn<'_>> {
        let mut counts = self.counts.lock();
        if counts.0 >= HASHING_MAX {
            if counts.1 >= WAITING_MAX {
                return None;
            }
            counts.1 += 1;
            while counts.0 >= HASHING_MAX {
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
        let turns = Turns::default();
        let first = turns.take().expect("free");
        let _second = turns.take().expect("free");
        turns.counts.lock().1 = WAITING_MAX;
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
