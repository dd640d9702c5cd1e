//! What is recorded of failed logins: so much that it tells what happened, and never so much that guessing
//! fills the database.
//!
//! Failures are counted by user and network: of an IPv4 address the first 24 bits, of an IPv6 address the first
//! 48, which is what one site has. Every few seconds what was counted is written as one record for each. A flood
//! from many networks, or at many names, is bounded twice: so many records are written at once, the kinds that
//! failed most often by themselves and the rest together; and records are paid for out of a budget that fills
//! slowly. While it is empty counting goes on in memory, so that nothing is lost but detail.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use retrograph_graph::ids::SystemTime;

/// Users and networks that are counted by themselves; beyond, they are counted together.
const KINDS_MAX: usize = 1_000;
/// Addresses of a network that are told apart.
const ADDRESSES_MAX: usize = 64;
/// Records that are written at once.
const RECORDS_MAX: usize = 50;
/// Records that may be written in a hurry.
const BUDGET_MAX: usize = 1_000;
/// After this long one more may be written: 8,640 a day.
const REFILL: Duration = Duration::from_secs(10);
/// Stands for whatever is not told apart.
const VARIOUS: &str = "(various)";

const V4_BITS: u32 = 24;
const V6_BITS: u32 = 48;

/// Attempts to log in that failed, as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FailedLogins {
    pub(crate) user: Arc<str>,
    /// The address if there was one only, else the network.
    pub(crate) peer: String,
    /// From how many addresses, as far as they were told apart.
    pub(crate) addresses: i64,
    pub(crate) count: i64,
    pub(crate) first: SystemTime,
    pub(crate) last: SystemTime,
}

/// From where, as far as it is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Network {
    /// Not from a network.
    Local,
    /// The network of these first bits.
    Of(IpAddr, u32),
    /// From several.
    Various,
}

impl Network {
    fn of(address: Option<IpAddr>) -> Self {
        match address {
            None => Self::Local,
            Some(IpAddr::V4(address)) => {
                let bits = u32::from(address) & (u32::MAX << (32 - V4_BITS));
                Self::Of(Ipv4Addr::from(bits).into(), V4_BITS)
            }
            Some(IpAddr::V6(address)) => {
                let bits = u128::from(address) & (u128::MAX << (128 - V6_BITS));
                Self::Of(Ipv6Addr::from(bits).into(), V6_BITS)
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("(local)"),
            Self::Of(first, bits) => write!(f, "{first}/{bits}"),
            Self::Various => f.write_str(VARIOUS),
        }
    }
}

type Kind = (Arc<str>, Network);

#[derive(Clone, Debug)]
struct Counted {
    count: i64,
    first: SystemTime,
    last: SystemTime,
    addresses: BTreeSet<IpAddr>,
}

impl Counted {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        for address in other.addresses {
            if self.addresses.len() < ADDRESSES_MAX {
                self.addresses.insert(address);
            }
        }
    }

    fn record(&self, (user, network): &Kind) -> FailedLogins {
        let mut addresses = self.addresses.iter();
        let peer = match (addresses.next(), addresses.next()) {
            (Some(only), None) => only.to_string(),
            _ => network.to_string(),
        };
        FailedLogins {
            user: Arc::clone(user),
            peer,
            addresses: i64::try_from(self.addresses.len()).unwrap_or(i64::MAX),
            count: self.count,
            first: self.first,
            last: self.last,
        }
    }
}

/// See the module.
pub(crate) struct FailureLog(Mutex<State>);

struct State {
    kinds: HashMap<Kind, Counted>,
    /// How many records may be written.
    budget: usize,
    /// Up to when it was filled.
    filled: Instant,
}

/// What is to be recorded.
pub(crate) struct Taken {
    pub(crate) records: Vec<FailedLogins>,
    kinds: HashMap<Kind, Counted>,
}

impl State {
    fn add(&mut self, kind: Kind, counted: Counted) {
        let is_full = self.kinds.len() >= KINDS_MAX && !self.kinds.contains_key(&kind);
        let kind = if is_full { various() } else { kind };
        match self.kinds.get_mut(&kind) {
            Some(known) => known.add(counted),
            None => {
                self.kinds.insert(kind, counted);
            }
        }
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_secs() / REFILL.as_secs();
        let more = usize::try_from(passed).unwrap_or(BUDGET_MAX);
        self.budget = self.budget.saturating_add(more).min(BUDGET_MAX);
        self.filled += Duration::from_secs(passed * REFILL.as_secs());
    }
}

fn various() -> Kind {
    (VARIOUS.into(), Network::Various)
}

impl FailureLog {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Mutex::new(State {
            kinds: HashMap::new(),
            budget: BUDGET_MAX,
            filled: now,
        }))
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, user: Arc<str>, address: Option<IpAddr>, now: SystemTime) {
        let address = address.map(|address| address.to_canonical());
        let counted = Counted {
            count: 1,
            first: now,
            last: now,
            addresses: address.into_iter().collect(),
        };
        self.0.lock().add((user, Network::of(address)), counted);
    }

    /// What may be recorded now, if anything is to be.
    pub(crate) fn take(&self, now: Instant) -> Option<Taken> {
        let mut state = self.0.lock();
        state.fill(now);
        let room = state.budget.min(RECORDS_MAX);
        if state.kinds.is_empty() || room == 0 {
            return None;
        }
        let kinds = std::mem::take(&mut state.kinds);
        let mut by_count: Vec<(&Kind, &Counted)> = kinds.iter().collect();
        by_count.sort_unstable_by(|(kind, one), (other_kind, other)| {
            (other.count, *kind).cmp(&(one.count, *other_kind))
        });
        let told = match by_count.len() <= room {
            true => by_count.len(),
            false => room - 1,
        };
        let mut records: Vec<FailedLogins> = by_count[..told]
            .iter()
            .map(|(kind, counted)| counted.record(kind))
            .collect();
        let mut rest = by_count[told..].iter().map(|(_, counted)| *counted);
        if let Some(first) = rest.next() {
            let mut together = first.clone();
            rest.for_each(|counted| together.add(counted.clone()));
            records.push(together.record(&various()));
        }
        state.budget -= records.len();
        Some(Taken { records, kinds })
    }

    /// What could not be recorded waits for the next time.
    pub(crate) fn give_back(&self, taken: Taken) {
        let mut state = self.0.lock();
        state.budget = (state.budget + taken.records.len()).min(BUDGET_MAX);
        for (kind, counted) in taken.kinds {
            state.add(kind, counted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: [u8; 4]) -> Option<IpAddr> {
        Some(Ipv4Addr::from(address).into())
    }

    fn records(log: &FailureLog, now: Instant) -> Vec<FailedLogins> {
        log.take(now).map(|taken| taken.records).unwrap_or_default()
    }

    #[test]
    fn the_addresses_of_one_network_are_one_record() {
        let start = Instant::now();
        let log = FailureLog::new(start);
        for host in 0..200 {
            log.failed("ana".into(), at([192, 0, 2, host]), SystemTime(host.into()));
        }
        log.failed("ana".into(), at([198, 51, 100, 7]), SystemTime(7));
        log.failed("ana".into(), None, SystemTime(8));
        for host in 0..3_u16 {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 1, host, 0, 0, 0, 1);
            log.failed("ben".into(), Some(address.into()), SystemTime(9));
        }
        let told: Vec<_> = records(&log, start)
            .into_iter()
            .map(|it| {
                (
                    it.user.to_string(),
                    it.peer,
                    it.addresses,
                    it.count,
                    it.first.0,
                    it.last.0,
                )
            })
            .collect();
        let row = |user: &str, peer: &str, numbers: [i64; 4]| {
            let [addresses, count, first, last] = numbers;
            (
                user.to_owned(),
                peer.to_owned(),
                addresses,
                count,
                first,
                last,
            )
        };
        assert_eq!(
            told,
            [
                row("ana", "192.0.2.0/24", [64, 200, 0, 199]),
                row("ben", "2001:db8:1::/48", [3, 3, 9, 9]),
                row("ana", "(local)", [0, 1, 8, 8]),
                row("ana", "198.51.100.7", [1, 1, 7, 7]),
            ]
        );
        assert!(records(&log, start).is_empty());
    }

    #[test]
    fn a_flood_costs_a_bounded_number_of_records_and_every_failure_is_counted() {
        let start = Instant::now();
        let log = FailureLog::new(start);
        let (mut written, mut counted, mut failed) = (0, 0, 0);
        let mut now = start;
        // A day of failures from ever new networks, and one that stands out.
        for round in 0..17_280_u32 {
            now += Duration::from_secs(5);
            for _ in 0..5 {
                log.failed("ana".into(), at([203, 0, 113, 5]), SystemTime(round.into()));
            }
            for host in 0..60_u32 {
                let address = Ipv4Addr::from((round * 60 + host) << 8);
                log.failed("ben".into(), Some(address.into()), SystemTime(round.into()));
            }
            failed += 65;
            let round = records(&log, now);
            assert!(round.len() <= RECORDS_MAX);
            if let Some(most) = round.first().filter(|_| round.len() > 1) {
                assert_eq!(&*most.user, "ana");
            }
            written += round.len();
            counted += round.iter().map(|it| it.count).sum::<i64>();
            assert!(log.0.lock().kinds.len() <= KINDS_MAX + 1);
        }
        let left: i64 = log.0.lock().kinds.values().map(|it| it.count).sum();
        assert_eq!(counted + left, failed);
        assert!(written <= BUDGET_MAX + 8_640, "{written}");
    }

    #[test]
    fn what_was_given_back_is_recorded_next_time() {
        let start = Instant::now();
        let log = FailureLog::new(start);
        log.failed("ana".into(), at([192, 0, 2, 1]), SystemTime(1));
        let taken = log.take(start).expect("one");
        log.failed("ana".into(), at([192, 0, 2, 2]), SystemTime(2));
        log.give_back(taken);
        let [record] = &records(&log, start)[..] else {
            panic!("one record");
        };
        assert_eq!((record.addresses, record.count), (2, 2));
        assert_eq!((record.first, record.last), (SystemTime(1), SystemTime(2)));
        assert_eq!(log.0.lock().budget, BUDGET_MAX - 1);
    }
}
