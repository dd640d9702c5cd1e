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

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use retrograph_cypher::ast::StatementMode;
use retrograph_graph::clock::{Clock, MachineClock};
use retrograph_graph::ids::{SystemTime, Version};
use retrograph_graph::value::Value;
use retrograph_graph::{Committed, Graph, GraphRead, Transaction};

use crate::activity::Registration;
use crate::admission::Demand;
use crate::cache::{PlanCache, PlanStatistics};
use crate::csv::CsvSource;
use crate::error::{QueryError, RuntimeError};
use crate::exec::batch::Batch;
use crate::exec::context::{Commits, Context, Limits, Times, read_only};
use crate::exec::pipeline::{Flow, Sink, run_nested};
use crate::exec::transactions::{check_commit, within_transaction};
use crate::exec::vector::value_bytes;
use crate::exec::{count_steps, resolve_view};
use crate::functions::{Procedure, Procedures};
use crate::options::{AsOf, Parameters, RunOptions};
use crate::output::{Control, RowSink, Views};
use crate::plan::{Access, Rewrites, explain};
use crate::prepared::Prepared;
use crate::show::Host;
use crate::summary::{Counters, StepProfile, Summary};
use crate::surroundings::{Caller, Setting, Surroundings};
use crate::timeline::{Stage, Timeline, measure};
use crate::turn::{self, Account, Loan};

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

/// What one execution of a plan leaves behind.
struct Outcome {
    rows: u64,
    counters: Counters,
    /// The last of the commits on the way.
    committed: Option<Committed>,
    profile: Option<Vec<StepProfile>>,
    views: Views,
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

/// Takes a result row with the views in which its elements are read.
type RowConsumer<'s> = dyn FnMut(&[Value], &Views) -> Result<Control, QueryError> + 's;

/// Hands rows to a sink as they come.
fn deliver(sink: &mut dyn RowSink) -> impl FnMut(&[Value], &Views) -> Result<Control, QueryError> {
    move |row, views| sink.row(row, views)
}

/// One run of a compiled statement.
struct Run<'r> {
    engine: &'r Engine,
    prepared: &'r Prepared,
    parameters: &'r [Value],
    limits: &'r Limits,
    /// For a plan that commits as it goes.
    commits: Option<&'r RunOptions>,
    caller: &'r Caller,
    is_plan_cached: bool,
    /// When it was taken up, and when it was compiled.
    times: [Instant; 2],
    /// Where it is noted what it did.
    timeline: Option<&'r Timeline>,
}

/// Parameters that are no larger are not counted.
const PARAMETER_BYTES_FREE: usize = 64 << 10;

/// Takes the statement of an open transaction off the list of what runs.
struct Ended<'t>(&'t Registration);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.end_statement();
    }
}

impl Run<'_> {
    /// Runs the statement by itself.
    fn alone(
        &self,
        graph: &Arc<Graph>,
        options: &RunOptions,
        now: i64,
        sink: &mut dyn RowSink,
    ) -> Result<Summary, QueryError> {
        let prepared = self.prepared;
        if prepared.mode == Some(StatementMode::Explain) {
            sink.columns(&[])?;
            return Ok(self.summary(None, None));
        }
        sink.columns(&prepared.columns)?;
        if prepared.plan.commits {
            if options.as_of.is_some() || options.is_read_only {
                return Err(read_only());
            }
            check_commit(&options.commit)?;
            let read = graph.read_latest();
            let read_at = prepared.moment(&read)?;
            let outcome = self.execute(read, None, [now, now], &mut deliver(sink))?;
            let at = outcome.committed.map(|last| (last.version, last.time));
            let at = Some(at.unwrap_or(read_at));
            return Ok(self.summary(Some(outcome), at));
        }
        if prepared.plan.access == Access::Read {
            let read = view_of(graph, options.as_of)?;
            let read = self.resolve(read, now)?;
            let read_at = Some(prepared.moment(&read)?);
            let outcome = self.execute(read, None, [now, now], &mut deliver(sink))?;
            return Ok(self.summary(Some(outcome), read_at));
        }
        if options.as_of.is_some() || options.is_read_only || prepared.plan.view.is_some() {
            return Err(read_only());
        }
        let mut attempt = 0;
        loop {
            match self.attempt(graph, options, now, sink) {
                Err(QueryError::Commit(error))
                    if error.is_lost_certification()
                        && attempt < self.engine.settings.retries_max =>
                {
                    attempt += 1;
                    self.limits.check()?;
                    if let Some(turn) = self.limits.account.turn() {
                        turn.resume()?;
                    }
                }
                Err(error) => return Err(error),
                Ok((outcome, committed)) => {
                    let at = Some((committed.version, committed.time));
                    return Ok(self.summary(Some(outcome), at));
                }
            }
        }
    }

    /// Runs the statement in an open transaction.
    fn within(
        &self,
        transaction: &OpenTransaction,
        graph: &Arc<Graph>,
        now: i64,
        sink: &mut dyn RowSink,
    ) -> Result<Summary, QueryError> {
        let prepared = self.prepared;
        if prepared.mode == Some(StatementMode::Explain) {
            sink.columns(&[])?;
            return Ok(self.summary(None, None));
        }
        if prepared.plan.commits {
            return Err(within_transaction());
        }
        let times = [now, transaction.started_us];
        let is_reading = prepared.plan.access == Access::Read;
        if !is_reading && prepared.plan.view.is_some() {
            return Err(read_only());
        }
        match &transaction.inner {
            Inner::Read(_) if !is_reading => Err(read_only()),
            Inner::Read(read) => {
                sink.columns(&prepared.columns)?;
                let read = self.resolve(read.clone(), now)?;
                let at = Some(prepared.moment(&read)?);
                let outcome = self.execute(read, None, times, &mut deliver(sink))?;
                Ok(self.summary(Some(outcome), at))
            }
            Inner::Write(_) if is_reading && prepared.plan.view.is_some() => {
                // A past view is the same for all and needs no certification.
                sink.columns(&prepared.columns)?;
                let read = self.resolve(graph.read_latest(), now)?;
                let at = Some(prepared.moment(&read)?);
                let outcome = self.execute(read, None, times, &mut deliver(sink))?;
                Ok(self.summary(Some(outcome), at))
            }
            Inner::Write(inner) => {
                let statement = transaction.statements.fetch_add(1, Ordering::Relaxed);
                if statement == u16::MAX {
                    return Err(RuntimeError::argument(
                        "a transaction takes at most 65,535 statements; commit and begin another",
                    )
                    .into());
                }
                sink.columns(&prepared.columns)?;
                let writes = (&**inner, &transaction.loan);
                let outcome = self.statement(writes, statement, times, &mut deliver(sink))?;
                Ok(self.summary(Some(outcome), None))
            }
        }
    }

    /// The view that the text names, or the given one.
    fn resolve(&self, read: GraphRead, now: i64) -> Result<GraphRead, QueryError> {
        let Some(clause) = &self.prepared.plan.view else {
            return Ok(read);
        };
        // What was acknowledged has happened: `AS OF` now includes a commit whose time is ahead of the
        // clock.
        let now = now.max(read.graph().applied().time.0);
        let clock = || self.engine.settings.clock.now().0;
        let times = Times {
            statement_us: now,
            transaction_us: now,
            clock: &clock,
        };
        let graph = Arc::clone(read.graph());
        let mut context = Context::new(read.clone(), self.parameters, self.limits, &times, 0);
        match resolve_view(clause, &mut context)? {
            Some(version) => Ok(graph.read_at(version)?),
            None => Ok(read),
        }
    }

    /// Runs the plan over a view, or in a transaction as the statement with this number.
    fn execute(
        &self,
        read: GraphRead,
        writer: Option<(&Transaction, u16, &Loan)>,
        [statement_us, transaction_us]: [i64; 2],
        consume: &mut RowConsumer<'_>,
    ) -> Result<Outcome, QueryError> {
        let prepared = self.prepared;
        let plan = &prepared.plan;
        let clock = || self.engine.settings.clock.now().0;
        let times = Times {
            statement_us,
            transaction_us,
            clock: &clock,
        };
        let mut context = Context::new(read, self.parameters, self.limits, &times, plan.width);
        context.caller = Some(self.caller);
        if let Some((transaction, statement, loan)) = writer {
            context.write_to(transaction, statement, loan);
        }
        if prepared.mode == Some(StatementMode::Profile) {
            context.profile(count_steps(&plan.pipeline));
        }
        context.commits = self.commits.map(|options| Commits {
            options,
            retries_max: self.engine.settings.retries_max,
            last: None,
            count: 0,
        });
        let given: usize = self.parameters.iter().map(value_bytes).sum();
        if given > PARAMETER_BYTES_FREE {
            context.charge("Parameters", given)?;
        }
        if plan.reads_csv {
            context.csv.clone_from(&self.engine.csv.read());
        }
        self.limits.check()?;
        let mut working = prepared.working();
        context.subqueries = std::mem::take(&mut working.subqueries);
        let rows_max = self.limits.rows_max;
        let mut rows = 0u64;
        let mut wants_more = true;
        let mut row: Vec<Value> = Vec::with_capacity(prepared.slots.len());
        let mut out = |context: &mut Context<'_>, batch: Batch| {
            if prepared.slots.is_empty() || !wants_more {
                return Ok(if wants_more { Flow::More } else { Flow::Stop });
            }
            let seen = context.see_all();
            let mut flow = Flow::More;
            for at in 0..batch.rows {
                row.clear();
                row.extend(prepared.slots.iter().map(|slot| batch.get(*slot, at)));
                rows += 1;
                if let Some(limit) = rows_max.filter(|limit| rows > *limit) {
                    return Err(QueryError::TooManyRows { limit });
                }
                if consume(&row, &context.views)? == Control::Stop {
                    wants_more = false;
                    flow = Flow::Stop;
                    break;
                }
            }
            context.see(seen);
            Ok(flow)
        };
        let out: &mut Sink<'_> = &mut out;
        let entry = Batch::unit(plan.width);
        let ran = measure(self.timeline, Stage::Executing, || {
            run_nested(
                &plan.pipeline.steps,
                &mut working.states,
                &mut context,
                entry,
                out,
            )
        });
        context.note_work();
        let account = &self.limits.account;
        account.produced(rows, context.counters.changes());
        if let Err(error) = ran {
            return Err(match context.commits {
                Some(commits) => error.after_commits(commits.count),
                None => error,
            });
        }
        working.subqueries = std::mem::take(&mut context.subqueries);
        prepared.keep(working);
        Ok(Outcome {
            rows,
            counters: context.counters,
            committed: context.commits.and_then(|commits| commits.last),
            profile: context.take_profile(),
            views: context.views,
        })
    }

    /// Runs the plan as a statement of a transaction; undoes its writes if it fails.
    fn statement(
        &self,
        (transaction, loan): (&Transaction, &Loan),
        statement: u16,
        times: [i64; 2],
        consume: &mut RowConsumer<'_>,
    ) -> Result<Outcome, QueryError> {
        let mark = transaction.mark();
        let result = self
            .execute(
                transaction.read(),
                Some((transaction, statement, loan)),
                times,
                consume,
            )
            .and_then(|outcome| {
                transaction.check_statement()?;
                Ok(outcome)
            });
        if result.is_err() {
            transaction.rollback_to(mark);
            loan.settle(transaction.memory_bytes());
        }
        result
    }

    /// Runs the plan in a transaction of its own; shows the rows once it is committed.
    fn attempt(
        &self,
        graph: &Arc<Graph>,
        options: &RunOptions,
        now: i64,
        sink: &mut dyn RowSink,
    ) -> Result<(Outcome, Committed), QueryError> {
        let width = self.prepared.slots.len();
        let transaction = graph.begin(options.isolation);
        let loan = Loan::new(options.turns.clone());
        let mut held: Vec<Value> = Vec::new();
        let mut bytes = 0;
        let limit_bytes = self.limits.memory_bytes_max;
        let result = self.statement((&transaction, &loan), 0, [now, now], &mut |row, _| {
            bytes += row.iter().map(value_bytes).sum::<usize>();
            if bytes > limit_bytes {
                return Err(QueryError::OutOfMemory {
                    operator: "Result",
                    limit_bytes,
                });
            }
            self.limits.account.rows(bytes)?;
            held.extend_from_slice(row);
            Ok(Control::Continue)
        });
        let mut outcome = match result {
            Ok(outcome) => outcome,
            Err(error) => {
                transaction.rollback();
                return Err(error);
            }
        };
        self.limits.check()?;
        let turn = self.limits.account.turn();
        if let Some(turn) = turn {
            turn.pause_for_commit();
        }
        let committed = measure(self.timeline, Stage::Committing, || {
            transaction.commit(options.commit.clone())
        })?;
        if let Some(turn) = turn {
            turn.leave();
        }
        if !held.is_empty() {
            outcome.views.reads[0] = graph.read_at(committed.version)?;
            for row in held.chunks(width) {
                if sink.row(row, &outcome.views)? == Control::Stop {
                    break;
                }
            }
        }
        Ok((outcome, committed))
    }

    fn summary(&self, outcome: Option<Outcome>, at: Option<(Version, SystemTime)>) -> Summary {
        let prepared = self.prepared;
        let [started, compiled] = self.times;
        let (rows, counters, profile) = match outcome {
            Some(outcome) => (outcome.rows, outcome.counters, outcome.profile),
            None => (0, Counters::default(), None),
        };
        let plan = prepared
            .mode
            .map(|_| explain::render(&prepared.plan, profile.as_deref()));
        Summary {
            columns: Arc::clone(&prepared.columns),
            rows,
            access: prepared.plan.access,
            version: at.map(|(version, _)| version),
            time: at.map(|(_, time)| time),
            counters,
            plan,
            profile,
            notifications: prepared.notifications.clone(),
            is_plan_cached: self.is_plan_cached,
            compile_time: compiled - started,
            run_time: compiled.elapsed(),
        }
    }
}
