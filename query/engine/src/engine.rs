//! The public face: text in, rows out.
//!
//! [`Engine::run`] runs one statement by itself. A statement that reads sees the latest version, or
//! the one that its time clause or the caller names, and its rows go to the sink as they are found. A
//! statement that writes runs in a transaction of its own; its rows are held until the commit is
//! acknowledged, so that a lost certification can be retried unseen. [`Engine::begin`] opens a
//! transaction of several statements; there rows are shown at once, a failed statement is undone
//! alone, and retrying is the caller's business.
//!
//! All of it happens on the caller's thread.

mod run;

use std::sync::Arc;
use std::sync::atomic::AtomicU16;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use retrograph_graph::clock::{Clock, MachineClock};
use retrograph_graph::ids::Version;
use retrograph_graph::{Committed, Graph, GraphRead, Transaction};

use crate::activity::Registration;
use crate::admission::Demand;
use crate::cache::{PlanCache, PlanStatistics};
use crate::csv::CsvSource;
use crate::error::QueryError;
use crate::exec::context::Limits;
use crate::functions::{Procedure, Procedures};
use crate::options::{AsOf, Parameters, RunOptions};
use crate::output::RowSink;
use crate::plan::{Access, Rewrites};
use crate::prepared::Prepared;
use crate::show::Host;
use crate::summary::Summary;
use crate::surroundings::{Caller, Setting, Surroundings};
use crate::timeline::{Stage, measure};
use crate::turn::{self, Account, Loan};
use run::Run;

/// The limits and surroundings of an engine.
#[derive(Clone)]
pub struct EngineSettings {
    /// How much memory cached plans may take.
    pub plan_cache_bytes_max: usize,
    /// How much memory the blocking operators of one query may take, unless its caller says.
    pub memory_bytes_max: usize,
    /// How long a query may run, unless its caller says.
    pub timeout: Option<Duration>,
    /// How often a statement that lost certification is run again.
    pub retries_max: u32,
    /// The source of `datetime()` and its kin.
    pub clock: Arc<dyn Clock>,
    /// Which rewrites the planner makes. The rows are the same with any of them: leaving some out is
    /// for tests and for finding out which one makes a plan what it is.
    pub rewrites: Rewrites,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            plan_cache_bytes_max: 64 << 20,
            memory_bytes_max: 1 << 30,
            timeout: None,
            retries_max: 16,
            clock: Arc::new(MachineClock),
            rewrites: Rewrites::default(),
        }
    }
}

impl EngineSettings {
    /// The settings for SHOW SETTINGS.
    fn described(&self) -> Vec<Setting> {
        let default = Self::default();
        let setting = |name: &str, describe: fn(&Self) -> String, description: &str| Setting {
            name: name.into(),
            value: describe(self),
            default: describe(&default),
            description: description.to_owned(),
        };
        vec![
            setting(
                "engine.plan_cache_bytes_max",
                |settings| settings.plan_cache_bytes_max.to_string(),
                "How much memory cached plans may take.",
            ),
            setting(
                "engine.memory_bytes_max",
                |settings| settings.memory_bytes_max.to_string(),
                "How much memory the blocking operators of one query may take, unless its caller says.",
            ),
            setting(
                "engine.timeout_ms",
                |settings| match settings.timeout {
                    Some(timeout) => timeout.as_millis().to_string(),
                    None => "none".to_owned(),
                },
                "How long a query may run, unless its caller says.",
            ),
            setting(
                "engine.retries_max",
                |settings| settings.retries_max.to_string(),
                "How often a statement that lost certification is run again.",
            ),
        ]
    }
}

/// Runs queries over graphs.
pub struct Engine {
    settings: EngineSettings,
    cache: PlanCache,
    procedures: RwLock<Arc<Procedures>>,
    csv: RwLock<Option<Arc<dyn CsvSource>>>,
    host: Arc<Host>,
}

/// A transaction of several statements. Dropping it rolls it back.
pub struct OpenTransaction {
    inner: Inner,
    statements: AtomicU16,
    started_us: i64,
    options: RunOptions,
    registration: Registration,
    /// How its statements changed the graph.
    accesses: Mutex<Vec<Access>>,
    /// What its changes take.
    loan: Loan,
}

enum Inner {
    /// Reads and writes the latest version.
    Write(Box<Transaction>),
    /// Reads one version.
    Read(GraphRead),
}

impl OpenTransaction {
    /// The version that the transaction reads.
    #[must_use]
    pub fn version(&self) -> Version {
        match &self.inner {
            Inner::Write(transaction) => transaction.read().version(),
            Inner::Read(read) => read.version(),
        }
    }

    /// Commits.
    ///
    /// # Errors
    /// The commit lost certification, failed, or has an unknown outcome.
    pub fn commit(self) -> Result<Committed, QueryError> {
        if self.registration.token().is_cancelled() {
            return Err(QueryError::Terminated);
        }
        // What was allowed when the statements ran may have been taken away since.
        if let Some(admission) = &self.options.admission {
            for access in self.accesses.into_inner() {
                admission.admit(&Demand::only(access))?;
            }
        }
        match self.inner {
            Inner::Write(transaction) => Ok(transaction.commit(self.options.commit)?),
            Inner::Read(read) => Ok(Committed {
                version: read.version(),
                time: read.time()?,
            }),
        }
    }

    /// Gives up all writes.
    pub fn rollback(self) {
        if let Inner::Write(transaction) = self.inner {
            transaction.rollback();
        }
    }
}

impl Engine {
    /// An engine with the built-in procedures.
    #[must_use]
    pub fn new(settings: EngineSettings) -> Self {
        let cache = PlanCache::new(settings.plan_cache_bytes_max);
        let host = Arc::new(Host {
            settings: settings.described(),
            ..Host::default()
        });
        Self {
            settings,
            cache,
            procedures: RwLock::new(Arc::new(Procedures::new(Arc::clone(&host)))),
            csv: RwLock::default(),
            host,
        }
    }

    /// What the plan cache has done.
    #[must_use]
    pub fn plan_statistics(&self) -> PlanStatistics {
        self.cache.statistics()
    }

    /// How many transactions are open or running.
    #[must_use]
    pub fn open_transactions(&self) -> usize {
        self.host.activity.count()
    }

    /// Lets LOAD CSV read the files of a source; none before.
    pub fn read_csv_from(&self, source: Arc<dyn CsvSource>) {
        *self.csv.write() = Some(source);
    }

    /// Says which program runs the engine, for statements that ask.
    pub fn set_surroundings(&self, surroundings: Arc<dyn Surroundings>) {
        *self.host.surroundings.write() = surroundings;
    }

    /// Makes a procedure callable, in place of one of the same name.
    pub fn register_procedure(&self, procedure: Procedure) {
        let mut procedures = self.procedures.write();
        let mut changed = Procedures::clone(&procedures);
        changed.register(procedure);
        *procedures = Arc::new(changed);
        self.cache.clear();
    }

    /// Runs one statement by itself.
    ///
    /// # Errors
    /// The text is wrong, a value was wrong, a limit was reached, the sink or the store failed, or
    /// the commit did not succeed. The graph is then unchanged, but for a commit whose outcome is
    /// unknown, and for what a subquery IN TRANSACTIONS has committed before: the error says how
    /// many transactions these were.
    pub fn run(
        &self,
        graph: &Arc<Graph>,
        text: &str,
        parameters: &Parameters,
        options: &RunOptions,
        sink: &mut dyn RowSink,
    ) -> Result<Summary, QueryError> {
        let started = Instant::now();
        admit_text(options, text)?;
        let (prepared, is_plan_cached) = self.prepare(graph, text)?;
        let compiled = Instant::now();
        let timeline = options.timeline.as_deref();
        if let Some(timeline) = timeline {
            timeline.planned(&prepared, is_plan_cached, started);
        }
        admit(options, &prepared)?;
        let parameters = prepared.parameters(parameters)?;
        let caller = caller_of(options);
        let now = self.settings.clock.now().0;
        let registration = self.host.activity.enter(&caller, now);
        registration.begin_statement(&prepared.text, now);
        let mut limits = self.limits(options, &registration, compiled);
        measure(timeline, Stage::Waiting, || {
            begin_turn(options, &mut limits, &prepared, &registration, sink)
        })?;
        let run = Run {
            engine: self,
            prepared: &prepared,
            parameters: &parameters,
            limits: &limits,
            commits: prepared.plan.commits.then_some(options),
            caller: &caller,
            is_plan_cached,
            times: [started, compiled],
            timeline,
        };
        let result = run.alone(graph, options, now, sink);
        turn::end(&limits, &prepared, result.as_ref().err());
        result
    }

    /// Opens a transaction of several statements. With a state to read, or read-only, it cannot write.
    ///
    /// # Errors
    /// The state to read does not exist.
    pub fn begin(
        &self,
        graph: &Arc<Graph>,
        options: RunOptions,
    ) -> Result<OpenTransaction, QueryError> {
        let inner = if options.as_of.is_some() || options.is_read_only {
            Inner::Read(view_of(graph, options.as_of)?)
        } else {
            Inner::Write(Box::new(graph.begin(options.isolation)))
        };
        let started_us = self.settings.clock.now().0;
        let caller = caller_of(&options);
        let registration = self.host.activity.enter(&caller, started_us);
        Ok(OpenTransaction {
            loan: Loan::new(options.turns.clone()),
            inner,
            statements: AtomicU16::new(0),
            started_us,
            options,
            registration,
            accesses: Mutex::default(),
        })
    }

    /// Runs a statement of an open transaction. Of the options, those that concern a statement count:
    /// timeout, memory and cancellation. One statement at a time.
    ///
    /// # Errors
    /// As for [`Self::run`]; the statement's own writes are undone, those of earlier ones remain.
    pub fn run_in(
        &self,
        transaction: &OpenTransaction,
        text: &str,
        parameters: &Parameters,
        options: &RunOptions,
        sink: &mut dyn RowSink,
    ) -> Result<Summary, QueryError> {
        let started = Instant::now();
        let graph = match &transaction.inner {
            Inner::Write(transaction) => Arc::clone(transaction.graph()),
            Inner::Read(read) => Arc::clone(read.graph()),
        };
        admit_text(&transaction.options, text)?;
        let (prepared, is_plan_cached) = self.prepare(&graph, text)?;
        let compiled = Instant::now();
        let timeline = options.timeline.as_deref();
        if let Some(timeline) = timeline {
            timeline.planned(&prepared, is_plan_cached, started);
        }
        admit(&transaction.options, &prepared)?;
        let access = prepared.plan.access;
        let mut accesses = transaction.accesses.lock();
        if access != Access::Read && !accesses.contains(&access) {
            accesses.push(access);
        }
        drop(accesses);
        let parameters = prepared.parameters(parameters)?;
        // What the caller may is asked anew for each statement.
        let caller = caller_of(&transaction.options);
        let mut limits = self.limits(options, &transaction.registration, compiled);
        let now = self.settings.clock.now().0;
        let registration = &transaction.registration;
        registration.begin_statement(&prepared.text, now);
        let _ended = Ended(registration);
        measure(timeline, Stage::Waiting, || {
            let options = &transaction.options;
            begin_turn(options, &mut limits, &prepared, registration, sink)
        })?;
        let run = Run {
            engine: self,
            prepared: &prepared,
            parameters: &parameters,
            limits: &limits,
            commits: None,
            caller: &caller,
            is_plan_cached,
            times: [started, compiled],
            timeline,
        };
        let result = run.within(transaction, &graph, now, sink);
        turn::end(&limits, &prepared, result.as_ref().err());
        result
    }

    /// The plan of a text.
    fn prepare(&self, graph: &Arc<Graph>, text: &str) -> Result<(Arc<Prepared>, bool), QueryError> {
        let epoch = graph.schema_epoch();
        self.cache.get(graph, text, epoch, || {
            let procedures = Arc::clone(&self.procedures.read());
            let read = graph.read_latest();
            Prepared::new(text, &read, epoch, &procedures, self.settings.rewrites)
        })
    }

    fn limits(&self, options: &RunOptions, registration: &Registration, now: Instant) -> Limits {
        let timeout = options.timeout.or(self.settings.timeout);
        Limits {
            cancel: options.cancel.clone(),
            terminated: Some(registration.token().clone()),
            deadline: timeout.map(|timeout| (now + timeout, timeout)),
            memory_bytes_max: options
                .memory_bytes_max
                .unwrap_or(self.settings.memory_bytes_max),
            rows_max: None,
            account: Account::default(),
        }
    }
}

/// Waits for the turn of a statement.
fn begin_turn(
    options: &RunOptions,
    limits: &mut Limits,
    prepared: &Prepared,
    registration: &Registration,
    sink: &mut dyn RowSink,
) -> Result<(), QueryError> {
    let Some(turns) = &options.turns else {
        return Ok(());
    };
    let turn = turns.arrive()?;
    registration.set_waiting(true);
    let begun = turn::begin(&turn, limits, &prepared.plan);
    registration.set_waiting(false);
    begun?;
    sink.begun(&turn);
    limits.account = Account::new(turn);
    Ok(())
}

fn caller_of(options: &RunOptions) -> Caller {
    let rights = options
        .admission
        .as_ref()
        .map(|admission| admission.rights());
    Caller {
        actor: Arc::clone(&options.commit.actor),
        on_behalf_of: options.commit.on_behalf_of.clone(),
        user: Arc::clone(
            options
                .origin
                .user
                .as_ref()
                .unwrap_or(&options.commit.actor),
        ),
        is_confined: rights.is_some_and(|rights| !rights.administers),
        is_auditor: rights.is_none_or(|rights| rights.audits),
        admission: options.admission.clone(),
        origin: options.origin.clone(),
    }
}

/// Asks whether the caller may learn what is wrong with a text.
fn admit_text(options: &RunOptions, text: &str) -> Result<(), QueryError> {
    if let Some(admission) = &options.admission {
        admission.admit_text(text)?;
    }
    Ok(())
}

/// Asks whether the caller may run a statement.
fn admit(options: &RunOptions, prepared: &Prepared) -> Result<(), QueryError> {
    if let Some(admission) = &options.admission {
        admission.admit(&Demand::of(&prepared.plan, options.as_of.is_some()))?;
    }
    Ok(())
}

fn view_of(graph: &Arc<Graph>, as_of: Option<AsOf>) -> Result<GraphRead, QueryError> {
    Ok(match as_of {
        None => graph.read_latest(),
        Some(AsOf::Version(version)) => graph.read_at(version)?,
        Some(AsOf::Time(time)) => graph.read_at(graph.resolve(time)?)?,
    })
}

/// Takes the statement of an open transaction off the list of what runs.
struct Ended<'t>(&'t Registration);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.end_statement();
    }
}
