//! When the statements of clients run, and what they may take, whatever the protocol.
//!
//! One [`Turnstile`] for a server. Each transaction is handed [`Turns`] for its user, and the engine asks
//! for a turn for each statement: it waits at the door of `retrograph-admission`, takes memory from the
//! budgets of user, tenant and server, and is charged for what it used. Between two statements a
//! transaction holds nothing. Statements that took long are recorded.
//!
//! What is no statement takes its turns by `errand`.
//!
//! Statements by which people find out what is wrong and end it (SHOW and TERMINATE TRANSACTIONS,
//! procedures for administrators) do not wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use retrograph_admission::{
    Admission, Permit, Pool, Rejected, Requester, Settings, SlowLog, SlowQuery, Units, Usage, Wait,
};
use retrograph_engine::{
    Allowance, Arrival, Budget, CancelToken, Finished, QueryError, Shortage, Turn, Turns as Giver,
};
use retrograph_graph::clock::{Clock, MachineClock};
use tracing::warn;

use crate::identity::Identity;
use crate::metrics::Tenants;

/// How many slow queries are kept.
const SLOW_QUERIES_MAX: usize = 1_000;

/// What does not wait, if a statement does nothing else.
const EXPRESS: [&str; 3] = [
    "SHOW TRANSACTIONS",
    "TERMINATE TRANSACTIONS",
    "SHOW CURRENT USER",
];
const EXPRESS_PREFIXES: [&str; 5] = ["tenant.", "user.", "role.", "apiKey.", "server."];

/// How the statements of clients are admitted.
#[derive(Clone, Debug)]
pub struct TurnOptions {
    /// How many run and wait, and how much memory they take.
    pub admission: Settings,
    /// How long a statement takes that is recorded as slow; none is if absent.
    pub slow_query: Option<Duration>,
}

impl Default for TurnOptions {
    fn default() -> Self {
        Self {
            admission: Settings::default(),
            slow_query: Some(Duration::from_secs(1)),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Turnstile {
    pub(crate) admission: Arc<Admission>,
    pub(crate) slow: SlowLog,
    /// What is counted of each tenant.
    pub(crate) tenants: Tenants,
    /// How many queries have failed as there was no memory left for them.
    pub(crate) starved: AtomicU64,
}

impl Turnstile {
    pub(crate) fn new(options: &TurnOptions) -> Arc<Self> {
        Arc::new(Self {
            admission: Admission::new(&options.admission),
            slow: SlowLog::new(options.slow_query, SLOW_QUERIES_MAX),
            tenants: Tenants::default(),
            starved: AtomicU64::new(0),
        })
    }

    /// Turns for the statements of somebody on a database.
    pub(crate) fn turns_of(
        self: &Arc<Self>,
        identity: &Identity,
        database: &Arc<str>,
    ) -> Arc<dyn Giver> {
        Arc::new(Turns {
            turnstile: Arc::clone(self),
            identity: identity.clone(),
            database: Arc::clone(database),
        })
    }
}

struct Turns {
    turnstile: Arc<Turnstile>,
    identity: Identity,
    database: Arc<str>,
}

impl std::fmt::Debug for Turns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turns")
            .field("user", &self.identity.name())
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

impl Giver for Turns {
    fn arrive(&self) -> Result<Arc<dyn Turn>, QueryError> {
        let requester = self.identity.requester()?;
        Ok(Arc::new(Statement {
            pool: OnceLock::new(),
            turnstile: Arc::clone(&self.turnstile),
            requester,
            user_name: self.identity.name(),
            database: Arc::clone(&self.database),
            progress: Mutex::new(Progress {
                arrived: Instant::now(),
                begun: None,
                paused: None,
                left: None,
                idle: Duration::ZERO,
                stage: Stage::New,
                deadline: None,
                cancel: [None, None],
            }),
        }))
    }

    fn budget(&self) -> Result<Arc<dyn Budget>, QueryError> {
        let requester = self.identity.requester()?;
        Ok(Arc::new(Purse(
            self.turnstile.admission.pool_of(&requester),
        )))
    }
}

/// The budget of a user.
#[derive(Debug)]
struct Purse(Arc<Pool>);

impl Budget for Purse {
    fn take(&self, bytes: usize) -> Result<(), Shortage> {
        self.0.take(bytes).map_err(|over| Shortage {
            whose: over.whose,
            bytes_max: over.bytes_max,
            is_shared: over.is_shared,
        })
    }

    fn give_back(&self, bytes: usize) {
        self.0.give_back(bytes);
    }
}

/// The turn of one statement.
#[derive(Debug)]
struct Statement {
    turnstile: Arc<Turnstile>,
    requester: Requester,
    /// Found when memory is taken first; most statements need none.
    pool: OnceLock<Purse>,
    user_name: Arc<str>,
    database: Arc<str>,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    arrived: Instant,
    begun: Option<Instant>,
    paused: Option<Instant>,
    /// When it needed nothing but a client that takes its rows.
    left: Option<Instant>,
    /// How long it paused for its client.
    idle: Duration,
    stage: Stage,
    deadline: Option<Instant>,
    cancel: [Option<CancelToken>; 2],
}

#[derive(Debug)]
enum Stage {
    /// It has not begun, is over, or needs no slot.
    New,
    Running(Permit),
    Paused(Permit),
    /// It needs its slot no more, but has not been charged yet.
    Left(Permit),
}

impl Progress {
    fn wait<T>(
        &self,
        body: impl FnOnce(&Wait<'_>) -> Result<T, Rejected>,
    ) -> Result<T, QueryError> {
        wait(&self.cancel, self.deadline, body)
    }
}

/// Waits at the door, until a deadline or until one of the tokens is set.
pub(crate) fn wait<T>(
    cancel: &[Option<CancelToken>; 2],
    deadline: Option<Instant>,
    body: impl FnOnce(&Wait<'_>) -> Result<T, Rejected>,
) -> Result<T, QueryError> {
    let tokens = || cancel.iter().flatten();
    // Cancelling wakes the thread.
    let _watches: Vec<_> = tokens().map(CancelToken::watch).collect();
    let wait = Wait {
        deadline,
        is_cancelled: &|| tokens().any(CancelToken::is_cancelled),
    };
    body(&wait).map_err(|rejected| of_rejected(&rejected))
}

/// What a client is told whose statement does not run.
fn of_rejected(rejected: &Rejected) -> QueryError {
    match rejected.retry_after() {
        Some(retry_after) => QueryError::Overloaded {
            reason: rejected.to_string(),
            // Whoever comes a moment too early is turned away again.
            retry_after_ms: u64::try_from(retry_after.as_micros().div_ceil(1_000))
                .unwrap_or(u64::MAX),
        },
        // The engine knows why, and says so.
        None => QueryError::Cancelled,
    }
}

fn does_not_wait(procedure: &str) -> bool {
    EXPRESS.contains(&procedure)
        || EXPRESS_PREFIXES
            .iter()
            .any(|prefix| procedure.starts_with(prefix))
}

/// The lesser of two limits.
pub(crate) fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

impl Budget for Statement {
    fn take(&self, bytes: usize) -> Result<(), Shortage> {
        let admission = &self.turnstile.admission;
        let pool = || Purse(admission.pool_of(&self.requester));
        self.pool.get_or_init(pool).take(bytes)
    }

    fn give_back(&self, bytes: usize) {
        if let Some(pool) = self.pool.get() {
            pool.give_back(bytes);
        }
    }
}

impl Turn for Statement {
    fn begin(&self, arrival: &Arrival<'_>) -> Result<Allowance, QueryError> {
        let mut progress = self.progress.lock();
        progress.deadline = arrival.deadline;
        progress.cancel = arrival.cancel.map(Option::<&CancelToken>::cloned);
        if !arrival.only_call.is_some_and(does_not_wait) {
            let admission = &self.turnstile.admission;
            let entered = progress.wait(|wait| admission.enter(&self.requester, wait));
            let permit = entered.inspect_err(|error| {
                let counts = self.turnstile.tenants.of(&self.requester.tenant);
                let count = match error {
                    QueryError::Overloaded { .. } => &counts.rejected,
                    _ => &counts.failed,
                };
                count.fetch_add(1, Ordering::Relaxed);
            })?;
            progress.stage = Stage::Running(permit);
        }
        progress.begun = Some(Instant::now());
        let (tenant, user) = (&self.requester.tenant_limits, &self.requester.user_limits);
        Ok(Allowance {
            time: least(tenant.time_max, user.time_max),
            rows_max: least(tenant.rows_max, user.rows_max),
        })
    }

    fn pause(&self) {
        let mut progress = self.progress.lock();
        progress.stage = match std::mem::replace(&mut progress.stage, Stage::New) {
            Stage::Running(permit) => {
                permit.pause();
                progress.paused = Some(Instant::now());
                Stage::Paused(permit)
            }
            other => other,
        };
    }

    fn pause_for_commit(&self) {
        self.pause();
        self.progress.lock().paused = None;
    }

    fn resume(&self) -> Result<(), QueryError> {
        let mut progress = self.progress.lock();
        let permit = match std::mem::replace(&mut progress.stage, Stage::New) {
            Stage::Paused(permit) => permit,
            other => {
                progress.stage = other;
                return Ok(());
            }
        };
        let paused = progress.paused.take();
        progress.idle += paused.map_or(Duration::ZERO, |since| since.elapsed());
        let resumed = progress.wait(|wait| permit.resume(wait));
        progress.stage = Stage::Running(permit);
        resumed
    }

    fn leave(&self) {
        self.pause();
        let mut progress = self.progress.lock();
        progress.left = Some(Instant::now());
        progress.stage = match std::mem::replace(&mut progress.stage, Stage::New) {
            Stage::Paused(permit) => Stage::Left(permit),
            other => other,
        };
    }

    fn end(&self, finished: &Finished<'_>) {
        let mut progress = self.progress.lock();
        let stage = std::mem::replace(&mut progress.stage, Stage::New);
        let units = match stage {
            Stage::New => Units::default(),
            Stage::Running(permit) | Stage::Paused(permit) | Stage::Left(permit) => {
                permit.finish(Usage {
                    scanned: finished.scanned,
                    returned: finished.returned,
                    written: finished.written,
                    time: Duration::ZERO,
                })
            }
        };
        self.count(units, finished.error);
        // What its client took is the client's.
        let ended = progress.left.unwrap_or_else(Instant::now);
        let time = (ended - progress.arrived).saturating_sub(progress.idle);
        let slow = &self.turnstile.slow;
        if !slow.wants(time) {
            return;
        }
        let begun = progress.begun.unwrap_or(progress.arrived);
        let record = SlowQuery {
            ended_us: MachineClock.now().0,
            text: finished.redacted().into(),
            plan: finished.plan_hash(),
            time,
            waited: begun - progress.arrived,
            rows: finished.returned,
            scanned: finished.scanned,
            memory_bytes: finished.memory_bytes,
            units,
            user: Arc::clone(&self.requester.user),
            user_name: Arc::clone(&self.user_name),
            tenant: Arc::clone(&self.requester.tenant),
            database: Arc::clone(&self.database),
            failure: finished.error.map(QueryError::kind),
        };
        drop(progress);
        tell(&record);
        slow.record(record);
    }
}

impl Statement {
    /// Counts it, now that it is over.
    fn count(&self, units: Units, error: Option<&QueryError>) {
        let counts = self.turnstile.tenants.of(&self.requester.tenant);
        counts.charge(units);
        let count = match error {
            None => &counts.done,
            Some(_) => &counts.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
        if error.is_some_and(is_starved) {
            self.turnstile.starved.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whether a query failed for want of memory.
fn is_starved(error: &QueryError) -> bool {
    match error {
        QueryError::OutOfMemory { .. } | QueryError::OverBudget { .. } => true,
        QueryError::AfterCommits { error, .. } => is_starved(error),
        _ => false,
    }
}

/// A line in the log, where nothing stands that users wrote: the text is told by `server.slowQueries`.
pub(crate) fn tell(query: &SlowQuery) {
    warn!(
        time_ms = %query.time.as_millis(),
        waited_ms = %query.waited.as_millis(),
        rows = query.rows,
        scanned = query.scanned,
        memory_bytes = query.memory_bytes,
        units = query.units.as_f64(),
        user = %query.user,
        tenant = %query.tenant,
        database = %query.database,
        plan = %format_args!("{:016x}", query.plan),
        failure = query.failure,
        "slow query"
    );
}
