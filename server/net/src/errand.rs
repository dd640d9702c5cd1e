//! Turns of work that is no statement: comparing two versions, telling the history of an element, a portion of a
//! change feed.
//!
//! It waits at the same door as statements, by the same limits, and is charged by the same formula: what it reads in
//! the graph counts as scanned, what it tells as returned. Unlike a statement it lets others in every now and then,
//! since it may read for long without telling anything; and it holds no slot while its client does not read.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use retrograph_admission::{Permit, Pool, Requester, SlowQuery, Usage};
use retrograph_engine::{CancelToken, QueryError};
use retrograph_graph::clock::{Clock, MachineClock};

use crate::identity::Identity;
use crate::turns::{Turnstile, least, tell, wait};

/// After how much was read others are let in.
const READ_MAX: u64 = 4_096;

/// Memory is taken in pieces of so many bytes.
const PIECE_BYTES: usize = 1 << 20;

/// When work ends though it is not done.
#[derive(Clone)]
pub(crate) struct Ends {
    /// Set when nobody wants it any more.
    pub(crate) cancel: CancelToken,
    /// When its client stops waiting.
    pub(crate) deadline: Option<Instant>,
}

/// See the module. Dropping it ends the turn.
#[derive(Debug)]
pub(crate) struct Errand {
    what: &'static str,
    turnstile: Arc<Turnstile>,
    requester: Requester,
    user_name: Arc<str>,
    database: Arc<str>,
    permit: Option<Permit>,
    cancel: CancelToken,
    deadline: Option<Instant>,
    /// How long it may run, and until when that is.
    time_max: Option<(Duration, Instant)>,
    rows_max: Option<u64>,
    pool: Arc<Pool>,
    taken: Cell<usize>,
    arrived: Instant,
    begun: Instant,
    /// How long it paused for its client.
    idle: Cell<Duration>,
    scanned: Cell<u64>,
    returned: Cell<u64>,
    /// What it has read since others were let in.
    unshared: Cell<u64>,
    failure: Cell<Option<&'static str>>,
}

impl Errand {
    /// Waits until the work may begin; `what` names it in the record of what was slow.
    pub(crate) fn begin(
        turnstile: &Arc<Turnstile>,
        of: &Identity,
        database: &Arc<str>,
        what: &'static str,
        ends: Ends,
    ) -> Result<Self, QueryError> {
        let requester = of.requester()?;
        let arrived = Instant::now();
        let Ends { cancel, deadline } = ends;
        let admission = &turnstile.admission;
        let permit = wait(&[Some(cancel.clone()), None], deadline, |wait| {
            admission.enter(&requester, wait)
        })?;
        let begun = Instant::now();
        let (tenant, user) = (&requester.tenant_limits, &requester.user_limits);
        let time_max = least(tenant.time_max, user.time_max);
        Ok(Self {
            what,
            time_max: time_max.and_then(|time| Some((time, begun.checked_add(time)?))),
            rows_max: least(tenant.rows_max, user.rows_max),
            pool: admission.pool_of(&requester),
            turnstile: Arc::clone(turnstile),
            requester,
            user_name: of.name(),
            database: Arc::clone(database),
            permit: Some(permit),
            cancel,
            deadline,
            taken: Cell::new(0),
            arrived,
            begun,
            idle: Cell::new(Duration::ZERO),
            scanned: Cell::new(0),
            returned: Cell::new(0),
            unshared: Cell::new(0),
            failure: Cell::new(None),
        })
    }

    /// So much was read in the graph. Lets others in when it was much.
    pub(crate) fn read(&self, count: u64) -> Result<(), QueryError> {
        self.scanned.set(self.scanned.get().saturating_add(count));
        let unshared = self.unshared.get().saturating_add(count);
        self.unshared.set(unshared);
        if unshared < READ_MAX {
            return Ok(());
        }
        self.pause();
        self.resume()?;
        if self.cancel.is_cancelled() {
            return self.failed(QueryError::Cancelled);
        }
        match self.time_max {
            Some((limit, until)) if Instant::now() >= until => self.failed(QueryError::TimedOut {
                limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            }),
            _ => Ok(()),
        }
    }

    /// So much is told to the client.
    pub(crate) fn tell(&self, count: u64) {
        self.returned.set(self.returned.get().saturating_add(count));
    }

    /// Whether what is told is still as much as a result may have, for work whose answer is one.
    pub(crate) fn check_rows(&self) -> Result<(), QueryError> {
        match self.rows_max {
            Some(limit) if self.returned.get() > limit => {
                self.failed(QueryError::TooManyRows { limit })
            }
            _ => Ok(()),
        }
    }

    /// It holds so many bytes from now on.
    pub(crate) fn hold(&self, bytes: usize) -> Result<(), QueryError> {
        let taken = self.taken.get();
        if bytes <= taken {
            return Ok(());
        }
        let missing = (bytes - taken).max(PIECE_BYTES);
        if let Err(over) = self.pool.take(missing) {
            return self.failed(QueryError::OverBudget {
                operator: self.what,
                whose: over.whose,
                bytes_max: over.bytes_max,
                is_shared: over.is_shared,
            });
        }
        self.taken.set(taken + missing);
        Ok(())
    }

    /// Gives the slot back while there is nothing to do.
    pub(crate) fn pause(&self) {
        self.unshared.set(0);
        if let Some(permit) = &self.permit {
            permit.pause();
        }
    }

    /// Waits for a slot again.
    pub(crate) fn resume(&self) -> Result<(), QueryError> {
        let Some(permit) = &self.permit else {
            return Ok(());
        };
        let resumed = wait(&[Some(self.cancel.clone()), None], self.deadline, |wait| {
            permit.resume(wait)
        });
        resumed.or_else(|error| self.failed(error))
    }

    /// Holds no slot while `work` waits for the client.
    pub(crate) fn idle<T>(&self, work: impl FnOnce() -> T) -> Result<T, QueryError> {
        self.pause();
        let since = Instant::now();
        let done = work();
        self.idle.set(self.idle.get() + since.elapsed());
        self.resume()?;
        Ok(done)
    }

    fn failed<T>(&self, error: QueryError) -> Result<T, QueryError> {
        self.failure.set(Some(error.kind()));
        Err(error)
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        self.pool.give_back(self.taken.get());
        let Some(permit) = self.permit.take() else {
            return;
        };
        let (scanned, rows) = (self.scanned.get(), self.returned.get());
        let units = permit.finish(Usage {
            scanned,
            returned: rows,
            written: 0,
            time: Duration::ZERO,
        });
        let time = self.arrived.elapsed().saturating_sub(self.idle.get());
        let slow = &self.turnstile.slow;
        if !slow.wants(time) {
            return;
        }
        let record = SlowQuery {
            ended_us: MachineClock.now().0,
            text: self.what.into(),
            plan: 0,
            time,
            waited: self.begun - self.arrived,
            rows,
            scanned,
            memory_bytes: self.taken.get(),
            units,
            user: Arc::clone(&self.requester.user),
            user_name: Arc::clone(&self.user_name),
            tenant: Arc::clone(&self.requester.tenant),
            database: Arc::clone(&self.database),
            failure: self.failure.get(),
        };
        tell(&record);
        slow.record(record);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use retrograph_admission::{Settings, Wait};

    use super::*;
    use crate::turns::TurnOptions;

    fn narrow(memory_bytes_max: usize) -> Arc<Turnstile> {
        Turnstile::new(&TurnOptions {
            admission: Settings {
                slots: 1,
                wait_max: Duration::from_secs(600),
                memory_bytes_max,
                ..Settings::default()
            },
            slow_query: Some(Duration::ZERO),
        })
    }

    fn begin(turnstile: &Arc<Turnstile>, ends: Ends) -> Result<Errand, QueryError> {
        let owner = Identity::Owner("ana".into());
        Errand::begin(turnstile, &owner, &"g".into(), "Time.Diff", ends)
    }

    fn endless() -> Ends {
        Ends {
            cancel: CancelToken::new(),
            deadline: None,
        }
    }

    #[test]
    fn long_work_lets_others_in_and_is_charged_and_recorded() {
        let turnstile = narrow(64 << 20);
        let errand = begin(&turnstile, endless()).expect("a turn");
        let was_let_in = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let other = Identity::Owner("ben".into());
                let of = other.requester().expect("somebody");
                let permit = turnstile.admission.enter(&of, &Wait::default());
                let permit = permit.expect("a turn");
                was_let_in.store(true, Ordering::SeqCst);
                drop(permit);
            });
            while turnstile.admission.load() != (1, 1) {
                std::thread::yield_now();
            }
            errand.read(READ_MAX - 1).expect("it goes on");
            assert!(!was_let_in.load(Ordering::SeqCst), "not for little");
            errand.read(1).expect("it goes on");
            assert!(was_let_in.load(Ordering::SeqCst));
        });
        errand.tell(200);
        errand.check_rows().expect("no limit");
        drop(errand);
        assert_eq!(turnstile.admission.load(), (0, 0));
        let records = turnstile.slow.latest(|_| true);
        let record = records.first().expect("it is recorded");
        assert_eq!((&*record.text, record.rows), ("Time.Diff", 200));
        assert_eq!(record.scanned, READ_MAX);
        assert!(record.units.as_f64() >= 1.0 + 40.96 + 2.0, "{record:?}");
    }

    #[test]
    fn nobody_holds_a_slot_while_a_client_does_not_read() {
        let turnstile = narrow(64 << 20);
        let errand = begin(&turnstile, endless()).expect("a turn");
        let load = errand.idle(|| turnstile.admission.load());
        assert_eq!(load.expect("it goes on"), (0, 0));
        assert_eq!(turnstile.admission.load(), (1, 0));
    }

    #[test]
    fn who_waits_in_vain_and_who_holds_too_much_is_told() {
        let turnstile = narrow(4 << 20);
        let first = begin(&turnstile, endless()).expect("a turn");
        let cancelled = endless();
        cancelled.cancel.cancel();
        let late = Ends {
            deadline: Some(Instant::now()),
            ..endless()
        };
        for ends in [cancelled, late] {
            let refused = begin(&turnstile, ends).map(drop);
            assert!(matches!(refused, Err(QueryError::Cancelled)), "{refused:?}");
        }
        first.hold(1 << 20).expect("room");
        let refused = first.hold(64 << 20);
        assert!(
            matches!(refused, Err(QueryError::OverBudget { .. })),
            "{refused:?}"
        );
        drop(first);
        assert_eq!(turnstile.admission.memory().bytes(), 0);
    }
}
