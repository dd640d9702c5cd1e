//! One statement as it runs: by itself or in an open transaction, reading a view or writing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use retrograph_cypher::ast::StatementMode;
use retrograph_graph::ids::{SystemTime, Version};
use retrograph_graph::value::Value;
use retrograph_graph::{Committed, Graph, GraphRead, Transaction};

use super::{Engine, Inner, OpenTransaction, view_of};
use crate::error::{QueryError, RuntimeError};
use crate::exec::batch::Batch;
use crate::exec::context::{Commits, Context, Limits, Times, read_only};
use crate::exec::pipeline::{Flow, Sink, run_nested};
use crate::exec::transactions::{check_commit, within_transaction};
use crate::exec::vector::value_bytes;
use crate::exec::{count_steps, resolve_view};
use crate::options::RunOptions;
use crate::output::{Control, RowSink, Views};
use crate::plan::{Access, explain};
use crate::prepared::Prepared;
use crate::summary::{Counters, StepProfile, Summary};
use crate::surroundings::Caller;
use crate::timeline::{Stage, Timeline, measure};
use crate::turn::Loan;

/// Parameters that are no larger are not counted.
const PARAMETER_BYTES_FREE: usize = 64 << 10;

/// Takes a result row with the views in which its elements are read.
type RowConsumer<'s> = dyn FnMut(&[Value], &Views) -> Result<Control, QueryError> + 's;

/// Hands rows to a sink as they come.
fn deliver(sink: &mut dyn RowSink) -> impl FnMut(&[Value], &Views) -> Result<Control, QueryError> {
    move |row, views| sink.row(row, views)
}

/// One run of a compiled statement.
pub(super) struct Run<'r> {
    pub engine: &'r Engine,
    pub prepared: &'r Prepared,
    pub parameters: &'r [Value],
    pub limits: &'r Limits,
    /// For a plan that commits as it goes.
    pub commits: Option<&'r RunOptions>,
    pub caller: &'r Caller,
    pub is_plan_cached: bool,
    /// When it was taken up, and when it was compiled.
    pub times: [Instant; 2],
    /// Where it is noted what it did.
    pub timeline: Option<&'r Timeline>,
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

impl Run<'_> {
    /// Runs the statement by itself.
    pub fn alone(
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
    pub fn within(
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
