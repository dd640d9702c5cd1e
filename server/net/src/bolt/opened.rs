//! What RUN is answered, between the worker, which knows it, and the session, which sends it.
//!
//! Drivers mostly ask for the rows together with the query, and most queries are over at once. The answer to RUN
//! then goes with the first rows: one task woken and one packet, in place of two. It waits for them no longer
//! than [`PATIENCE`], after which the session sends it by itself, so that a client is soon told that its query
//! runs.

use std::mem::replace;
use std::time::Duration;

use parking_lot::Mutex;
use retrograph_bolt::value::Map;

/// How long the answer waits for rows, from when the query was handed to the worker.
pub const PATIENCE: Duration = Duration::from_millis(2);

/// See the module.
#[derive(Default)]
pub struct Opened(Mutex<Answer>);

#[derive(Default)]
enum Answer {
    #[default]
    Unknown,
    Waits(Map),
    /// Sent, or to be sent as soon as it is known.
    Due,
}

impl Opened {
    /// The worker leaves the answer here; gets it back if it is not to wait.
    pub fn leave(&self, answer: Map) -> Option<Map> {
        let mut state = self.0.lock();
        if matches!(*state, Answer::Due) {
            return Some(answer);
        }
        *state = Answer::Waits(answer);
        None
    }

    /// Takes the answer, if it waits here. From now on none waits.
    pub fn take(&self) -> Option<Map> {
        match replace(&mut *self.0.lock(), Answer::Due) {
            Answer::Waits(answer) => Some(answer),
            Answer::Unknown | Answer::Due => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retrograph_bolt::value::map;

    #[test]
    fn the_answer_is_sent_once_whoever_comes_first() {
        let answer = map([("fields", "x")]);
        let early = Opened::default();
        assert_eq!(early.leave(answer.clone()), None);
        assert_eq!(early.take(), Some(answer.clone()));
        assert_eq!(early.take(), None);
        let late = Opened::default();
        assert_eq!(late.take(), None);
        assert_eq!(late.leave(answer.clone()), Some(answer));
        assert_eq!(late.take(), None);
    }
}
