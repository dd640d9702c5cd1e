//! How often, and after which waits, something is tried again.

use std::time::Duration;

use rand::RngExt;

/// When to try again, and when to give up.
///
/// What is tried again is decided by the error ([`Error::retry`](crate::Error::retry)): only what surely had
/// no effect. The policy says how often. Waits grow twofold, and each is drawn between nothing and its
/// length, so that clients that failed together do not come back together; a server that says how long to
/// wait is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often something is tried at most, the first time included.
    pub attempts_max: u32,
    /// When the next wait would end later than this after the first attempt, there is none.
    pub time_max: Duration,
    /// The longest first wait.
    pub first_wait: Duration,
    /// The longest wait.
    pub wait_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 10,
            time_max: Duration::from_secs(30),
            first_wait: Duration::from_millis(20),
            wait_max: Duration::from_secs(2),
        }
    }
}

impl RetryPolicy {
    /// Never tries again.
    #[must_use]
    pub fn never() -> Self {
        Self {
            attempts_max: 1,
            ..Self::default()
        }
    }
}

/// The attempts made so far.
#[derive(Debug)]
pub struct Attempts {
    policy: RetryPolicy,
    failed: u32,
    started: tokio::time::Instant,
}

impl Attempts {
    pub(crate) fn new(policy: RetryPolicy) -> Self {
        Self {
            policy,
            failed: 0,
            started: tokio::time::Instant::now(),
        }
    }

    /// Starts to count anew, after something went well.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.policy);
    }

    /// How long to wait after another failure; nothing if it was the last one. `hint` is what the server
    /// asks for.
    pub(crate) fn next_wait(&mut self, hint: Option<Duration>) -> Option<Duration> {
        self.failed += 1;
        if self.failed >= self.policy.attempts_max {
            return None;
        }
        let doubled = self
            .policy
            .first_wait
            .saturating_mul(1 << (self.failed - 1).min(20));
        let longest = doubled.min(self.policy.wait_max);
        let drawn = longest.mul_f64(rand::rng().random_range(0.0..=1.0));
        let wait = hint.unwrap_or_default().saturating_add(drawn);
        (self.started.elapsed() + wait <= self.policy.time_max).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        attempts_max: 6,
        time_max: Duration::from_secs(3_600),
        first_wait: Duration::from_millis(100),
        wait_max: Duration::from_millis(400),
    };

    #[test]
    fn waits_grow_to_a_bound_and_end() {
        let mut attempts = Attempts::new(POLICY);
        for longest in [100, 200, 400, 400, 400] {
            let wait = attempts.next_wait(None).expect("there is another attempt");
            assert!(wait <= Duration::from_millis(longest), "{wait:?}");
        }
        assert_eq!(attempts.next_wait(None), None);
        attempts.reset();
        assert!(attempts.next_wait(None).is_some());
        assert_eq!(Attempts::new(RetryPolicy::never()).next_wait(None), None);
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it_or_is_given_up() {
        let hint = Some(Duration::from_secs(1));
        let wait = Attempts::new(POLICY)
            .next_wait(hint)
            .expect("there is time");
        assert!(wait >= Duration::from_secs(1), "{wait:?}");
        let hint = Some(Duration::from_secs(3_601));
        assert_eq!(Attempts::new(POLICY).next_wait(hint), None);
    }
}
