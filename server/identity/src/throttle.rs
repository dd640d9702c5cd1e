//! Slows down those who guess passwords.
//!
//! Failed logins are counted by user and address together: so nobody can lock somebody else out from another
//! place by failing in their name. After a few failures each further attempt has to wait, twice as long as the
//! one before; attempts that come too early are refused without looking at the password. An address that tries
//! many names is slowed to one attempt a second, and no more than that, since it may be that of many people.
//!
//! Of an IPv6 address the first 64 bits count, which is what one customer is given. Of a name a hash is kept,
//! under a key that nobody knows: a name may be as long as a message before the login.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// So many failures are free: people mistype.
const FREE_FOR_USER: u32 = 3;
const FREE_FOR_ADDRESS: u32 = 20;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const ADDRESS_WAIT: Duration = Duration::from_secs(1);
/// Failures this old are forgotten.
const MEMORY: Duration = Duration::from_secs(900);
/// How many are remembered; beyond, those whose last failure is oldest are forgotten.
const REMEMBERED_MAX: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    /// By the hash of the name.
    User(u64, Option<IpAddr>),
    Address(Option<IpAddr>),
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    /// How long the next attempt has to wait, counted from the last failure.
    fn wait(&self, who: &Who) -> Duration {
        match who {
            Who::User(..) => match self.count.checked_sub(FREE_FOR_USER) {
                None => Duration::ZERO,
                Some(beyond) => {
                    (FIRST_WAIT * 2_u32.saturating_pow(beyond.min(16))).min(LONGEST_WAIT)
                }
            },
            Who::Address(_) if self.count < FREE_FOR_ADDRESS => Duration::ZERO,
            Who::Address(_) => ADDRESS_WAIT,
        }
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Throttle {
    failures: Mutex<HashMap<Who, Failures>>,
    names: RandomState,
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
        let longest = self
            .subjects(user, address)
            .into_iter()
            .filter_map(|who| {
                let failures = failures.get(&who)?;
                (failures.last + failures.wait(&who)).checked_duration_since(now)
            })
            .max()?;
        (!longest.is_zero()).then_some(longest)
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, user: &str, address: Option<IpAddr>, now: Instant) {
        let mut failures = self.failures.lock();
        for who in self.subjects(user, address) {
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
        let [who, _] = self.subjects(user, address);
        self.failures.lock().remove(&who);
    }

    fn subjects(&self, user: &str, address: Option<IpAddr>) -> [Who; 2] {
        let address = address.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from(network))
            }
            v4 => v4,
        });
        [
            Who::User(self.names.hash_one(user), address),
            Who::Address(address),
        ]
    }
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
        assert_eq!(throttle.wait("new", HERE, now), Some(ADDRESS_WAIT));
        assert_eq!(throttle.wait("new", THERE, now), None);
        assert_eq!(throttle.wait("new", HERE, now + ADDRESS_WAIT), None);
    }

    #[test]
    fn the_addresses_of_one_network_count_together() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let at = |host: u16| {
            Some(IpAddr::V6(Ipv6Addr::new(
                0x2001, 0xdb8, 0, 1, 0, 0, 0, host,
            )))
        };
        for host in 0..3 {
            throttle.failed("ana", at(host), now);
        }
        assert!(throttle.wait("ana", at(9), now).is_some());
        // As a socket of both versions tells them.
        let mapped = |host| {
            Some(IpAddr::V6(
                std::net::Ipv4Addr::new(192, 0, 2, host).to_ipv6_mapped(),
            ))
        };
        for _ in 0..3 {
            throttle.failed("ben", mapped(1), now);
        }
        assert!(throttle.wait("ben", mapped(1), now).is_some());
        assert_eq!(throttle.wait("ben", mapped(2), now), None);
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

    #[test]
    fn long_names_are_told_apart_and_take_no_more_memory_than_short_ones() {
        // What can be copied owns nothing.
        const fn is_flat<T: Copy>() {}
        const { is_flat::<(Who, Failures)>() };
        let throttle = Throttle::default();
        let now = Instant::now();
        let (long, other) = ("x".repeat(64 << 10), "x".repeat((64 << 10) - 1));
        for _ in 0..3 {
            throttle.failed(&long, HERE, now);
        }
        assert!(throttle.wait(&long, HERE, now).is_some());
        assert_eq!(throttle.wait(&other, HERE, now), None);
    }
}
