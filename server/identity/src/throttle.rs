//! Slows down those who guess.
//!
//! Failed logins are counted by user and address together, and by address alone: so nobody can lock
//! somebody else out by failing in their name, and trying many names from one place does not help. After a
//! few failures each further attempt has to wait, twice as long as the one before; attempts that come too
//! early are refused without looking at the password.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// So many failures are free: people mistype.
const FREE_FOR_USER: u32 = 3;
/// An address may be that of many people.
const FREE_FOR_ADDRESS: u32 = 20;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Failures this old are forgotten.
const MEMORY: Duration = Duration::from_secs(900);
/// How many are remembered; beyond, those whose last failure is oldest are forgotten.
const REMEMBERED_MAX: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    User(Box<str>, Option<IpAddr>),
    Address(Option<IpAddr>),
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    fn wait(&self, free: u32) -> Duration {
        match self.count.checked_sub(free) {
            None => Duration::ZERO,
            Some(beyond) => (FIRST_WAIT * 2_u32.saturating_pow(beyond.min(16))).min(LONGEST_WAIT),
        }
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Throttle {
    failures: Mutex<HashMap<Who, Failures>>,
}

impl Throttle {
    /// How long an attempt must still wait; none if it may be made.
    pub(crate) fn wait(
        &self,
        user: &str,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Option<Duration> {
        let failures = self.failures.lock();
        let longest = subjects(user, address)
            .into_iter()
            .filter_map(|(who, free)| {
                let failures = failures.get(&who)?;
                (failures.last + failures.wait(free)).checked_duration_since(now)
            })
            .max()?;
        (!longest.is_zero()).then_some(longest)
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, user: &str, address: Option<IpAddr>, now: Instant) {
        let mut failures = self.failures.lock();
        for (who, _) in subjects(user, address) {
            let known = failures.entry(who).or_insert(Failures {
                count: 0,
                last: now,
            });
            if now.duration_since(known.last) > MEMORY {
                known.count = 0;
            }
            known.count = known.count.saturating_add(1);
            known.last = now;
        }
        if failures.len() > REMEMBERED_MAX {
            failures.retain(|_, known| now.duration_since(known.last) <= MEMORY);
        }
        if failures.len() > REMEMBERED_MAX {
            let mut times: Vec<Instant> = failures.values().map(|known| known.last).collect();
            // A quarter at once, so that a full memory is not searched at every failure.
            let (_, &mut oldest_kept, _) = times.select_nth_unstable(REMEMBERED_MAX / 4);
            failures.retain(|_, known| known.last > oldest_kept);
        }
    }

    /// Forgets the failures of a user who has logged in.
    pub(crate) fn succeeded(&self, user: &str, address: Option<IpAddr>) {
        let who = Who::User(user.into(), address);
        self.failures.lock().remove(&who);
    }
}

fn subjects(user: &str, address: Option<IpAddr>) -> [(Who, u32); 2] {
    [
        (Who::User(user.into(), address), FREE_FOR_USER),
        (Who::Address(address), FREE_FOR_ADDRESS),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
    const THERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::BROADCAST));

    #[test]
    fn waits_double_and_end() {
        let throttle = Throttle::default();
        let mut now = Instant::now();
        for _ in 0..2 {
            throttle.failed("ana", HERE, now);
            assert_eq!(throttle.wait("ana", HERE, now), None);
        }
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            throttle.failed("ana", HERE, now);
            let wait = Duration::from_secs(seconds);
            assert_eq!(throttle.wait("ana", HERE, now), Some(wait));
            assert_eq!(
                throttle.wait("ana", THERE, now),
                None,
                "not locked out elsewhere"
            );
            assert_eq!(throttle.wait("ben", HERE, now), None);
            now += wait;
            assert_eq!(throttle.wait("ana", HERE, now), None);
        }
        throttle.succeeded("ana", HERE);
        throttle.failed("ana", HERE, now);
        assert_eq!(throttle.wait("ana", HERE, now), None);
    }

    #[test]
    fn an_address_that_tries_many_names_waits_too() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for user in 0..20 {
            throttle.failed(&user.to_string(), HERE, now);
        }
        assert!(throttle.wait("new", HERE, now).is_some());
        assert_eq!(throttle.wait("new", THERE, now), None);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten_in_time() {
        let throttle = Throttle::default();
        let start = Instant::now();
        for user in 0..30_000_u32 {
            throttle.failed(
                &user.to_string(),
                None,
                start + Duration::from_micros(user.into()),
            );
        }
        assert!(throttle.failures.lock().len() <= REMEMBERED_MAX + 1);
        for _ in 0..3 {
            throttle.failed("ana", HERE, start);
        }
        let later = start + MEMORY + Duration::from_secs(1);
        throttle.failed("ana", HERE, later);
        assert_eq!(throttle.wait("ana", HERE, later), None);
    }
}
