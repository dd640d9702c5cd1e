//! `CALL { … } IN TRANSACTIONS`: a number of rows at a time run the subquery in a transaction of their
//! own, which is committed before the next begins.
//!
//! The query around it holds no transaction. What comes before the call reads the version at which the
//! query began, whatever is committed meanwhile, so a subquery cannot feed its own input. What comes
//! behind it reads the version that the last transaction left, where everything the subquery returned
//! exists. A transaction that loses certification is run again with the same rows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use retrograph_cypher::ast::OnError;
use retrograph_graph::value::{Map, Value};
use retrograph_graph::{CommitInfo, Committed, GraphError};

use super::batch::Batch;
use super::context::Context;
use super::expression::eval_single;
use super::held::Held;
use super::liveness::{Slots, pipeline_slots};
use super::nested::{attach, entry};
use super::pipeline::{Flow, Rest, State, run_nested, states_of};
use super::vector::Vector;
use crate::admission::Demand;
use crate::error::{QueryError, RuntimeError, RuntimeKind};
use crate::plan::operator::InTransactions;
use crate::plan::{Access, Slot};
use crate::summary::Counters;
use crate::turn::Loan;

/// How many rows go into one transaction if the query does not say.
const ROWS_DEFAULT: usize = 1000;

/// How long a transaction is run again with ON ERROR RETRY if the query does not say.
const RETRY_DEFAULT: Duration = Duration::from_secs(30);

/// The longest pause before a transaction is run again.
const PAUSE_MAX: Duration = Duration::from_millis(64);

/// What the query says about its transactions.
#[derive(Clone, Copy)]
struct Terms {
    /// How many rows go into one.
    rows: usize,
    /// For how long one that lost certification is run again, beyond what every query is granted.
    retry: Option<Duration>,
}

/// What the step keeps between batches.
pub(crate) struct TransactionsState {
    /// Rows for the next transaction.
    buffer: Held,
    /// The slots they keep.
    keep: Vec<Slot>,
    inner: Vec<State>,
    /// What the query says, once known.
    terms: Option<Terms>,
    /// Whether a transaction failed and no other is to begin.
    is_broken: bool,
}

impl TransactionsState {
    pub(crate) fn new(call: &InTransactions, live: &[Slot]) -> Self {
        let mut keep: Slots = pipeline_slots(&call.inner);
        keep.extend(live);
        let end = if call.returns { live } else { &[] };
        Self {
            buffer: Held::default(),
            keep: keep.into_iter().collect(),
            inner: states_of(&call.inner, end),
            terms: None,
            is_broken: false,
        }
    }

    pub(crate) fn begin(&mut self) {
        self.buffer = Held::default();
        self.terms = None;
        self.is_broken = false;
    }

    /// Takes rows and runs the transactions that are full.
    pub(crate) fn push(
        &mut self,
        call: &InTransactions,
        batch: &Batch,
        live: &[Slot],
        context: &mut Context<'_>,
        rest: &mut Rest<'_>,
    ) -> Result<Flow, QueryError> {
        let rows_max = self.terms(call, context)?.rows;
        let mut from = 0;
        while from < batch.rows {
            let to = batch.rows.min(from + (rows_max - self.buffer.rows.rows));
            let rows: Vec<u32> = (from..to)
                .map(|row| u32::try_from(row).unwrap_or(u32::MAX))
                .collect();
            let part = batch.gather(&rows, &self.keep);
            self.buffer
                .push("InTransactions", &part, &self.keep, context)?;
            from = to;
            if self.buffer.rows.rows == rows_max
                && self.run(call, live, context, rest)? == Flow::Stop
            {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::More)
    }

    /// Runs the last transaction. From here on the query reads the version it left.
    pub(crate) fn finish(
        &mut self,
        call: &InTransactions,
        live: &[Slot],
        context: &mut Context<'_>,
        rest: &mut Rest<'_>,
    ) -> Result<(), QueryError> {
        // Even if no row came, what the query says may be wrong.
        self.terms(call, context)?;
        if self.buffer.rows.rows > 0 {
            self.run(call, live, context, rest)?;
        }
        if let Some(last) = context.commits.and_then(|commits| commits.last) {
            let graph = context.views.reads[0].graph().clone();
            context.views.reads[0] = graph.read_at(last.version)?;
        }
        Ok(())
    }

    /// Runs the buffered rows in a transaction and passes on what came of them.
    fn run(
        &mut self,
        call: &InTransactions,
        live: &[Slot],
        context: &mut Context<'_>,
        rest: &mut Rest<'_>,
    ) -> Result<Flow, QueryError> {
        let Held { rows, charged } = std::mem::take(&mut self.buffer);
        context.check_limits()?;
        let outcome = if self.is_broken {
            None
        } else {
            Some(self.commit(call, &rows, live, context))
        };
        let before = context.views.reads[0].clone();
        let (mut found, status) = match outcome {
            Some(Ok((found, committed))) => {
                context.views.reads[0] = before.graph().read_at(committed.version)?;
                (found, status(Some(committed), true, None))
            }
            Some(Err(error)) if call.on_error == OnError::Fail || !is_recoverable(&error) => {
                return Err(error);
            }
            Some(Err(error)) => {
                self.is_broken = call.on_error == OnError::Break;
                let message = error.to_string();
                (failed(&rows, call, live), status(None, true, Some(message)))
            }
            None => (failed(&rows, call, live), status(None, false, None)),
        };
        context.release(charged);
        // What was found is held until it is passed on.
        let bytes = found.iter().map(Batch::bytes).sum();
        context.charge("InTransactions", bytes)?;
        let mut flow = Flow::More;
        for mut part in found.drain(..) {
            if let Some(slot) = call.status {
                part.set(slot, Vector::Constant(status.clone()));
            }
            flow = rest.push(context, part)?;
            if flow == Flow::Stop {
                break;
            }
        }
        context.release(bytes);
        // The steps before go on reading the version at which the query began.
        context.views.reads[0] = before;
        Ok(flow)
    }

    /// Runs rows in a transaction, again if it loses certification.
    fn commit(
        &mut self,
        call: &InTransactions,
        rows: &Batch,
        live: &[Slot],
        context: &mut Context<'_>,
    ) -> Result<(Vec<Batch>, Committed), QueryError> {
        let Some(commits) = context.commits else {
            return Err(within_transaction());
        };
        let graph = context.views.reads[0].graph().clone();
        // What an attempt deleted that is not committed is not deleted.
        let deleted = Arc::clone(&context.views.deleted);
        let mut attempt: u32 = 0;
        let retry = self.terms(call, context)?.retry;
        let deadline = retry.and_then(|retry| Instant::now().checked_add(retry));
        loop {
            context.views.deleted = Arc::clone(&deleted);
            let transaction = graph.begin(commits.options.isolation);
            let loan = Loan::new(commits.options.turns.clone());
            let mut inner = context.for_transaction(&transaction, &loan);
            let run = self
                .rows_in(call, rows, live, &mut inner)
                .and_then(|found| {
                    transaction.check_statement()?;
                    Ok(found)
                });
            let counters = context.end_transaction(inner);
            let found = match run {
                Ok(found) => found,
                Err(error) => {
                    transaction.rollback();
                    context.views.deleted = deleted;
                    return Err(error);
                }
            };
            if let Some(admission) = &commits.options.admission
                && let Err(refusal) = admission.admit(&Demand::only(Access::Write))
            {
                transaction.rollback();
                context.views.deleted = deleted;
                return Err(refusal.into());
            }
            // While it waits for the disk, others run.
            let info = commits.options.commit.clone();
            let (done, resumed) = context.wait(|| transaction.commit(info));
            match done.map_err(QueryError::from) {
                Ok(committed) => {
                    note(context, committed, &counters);
                    resumed?;
                    return Ok((found, committed));
                }
                Err(QueryError::Commit(error))
                    if error.is_lost_certification() && attempt < commits.retries_max =>
                {
                    attempt += 1;
                    context.check_limits()?;
                }
                Err(QueryError::Commit(error))
                    if error.is_lost_certification()
                        && deadline.is_some_and(|deadline| Instant::now() < deadline) =>
                {
                    // Somebody else is busy with the same elements: longer and longer pauses let them end.
                    let doublings = (attempt - commits.retries_max).min(6);
                    let pause = PAUSE_MAX.min(Duration::from_millis(1 << doublings));
                    context.wait(|| std::thread::sleep(pause)).1?;
                    attempt = attempt.saturating_add(1);
                    context.check_limits()?;
                }
                Err(error) => {
                    context.views.deleted = deleted;
                    return Err(error);
                }
            }
        }
    }

    /// What the query says about its transactions.
    fn terms(
        &mut self,
        call: &InTransactions,
        context: &mut Context<'_>,
    ) -> Result<Terms, QueryError> {
        if let Some(terms) = self.terms {
            return Ok(terms);
        }
        if let Some(count) = &call.concurrency {
            let count = eval_single(count, context)?;
            if !matches!(count, Value::Int(_)) {
                let message = format!(
                    "CONCURRENT takes a number of transactions, not {}",
                    count.type_name()
                );
                return Err(RuntimeError::argument(message).into());
            }
        }
        let terms = Terms {
            rows: rows_of(call, context)?,
            retry: retry_of(call, context)?,
        };
        Ok(*self.terms.insert(terms))
    }

    fn rows_in(
        &mut self,
        call: &InTransactions,
        rows: &Batch,
        live: &[Slot],
        context: &mut Context<'_>,
    ) -> Result<Vec<Batch>, QueryError> {
        let mut results: Vec<Batch> = Vec::new();
        let mut turns = context.begin_turns();
        for (row, number) in (0..rows.rows).zip(0u32..) {
            context.next_turn(&mut turns);
            run_nested(
                &call.inner.steps,
                &mut self.inner,
                context,
                entry(rows, number),
                &mut |context, mut found: Batch| {
                    if call.returns {
                        attach(&mut found, rows, row, live);
                        context.charge("InTransactions", found.bytes())?;
                        results.push(found);
                    }
                    Ok(Flow::More)
                },
            )?;
        }
        if !call.returns {
            let mut passed = rows.clone();
            passed.retain(live);
            results.push(passed);
        }
        Ok(results)
    }
}

fn rows_of(call: &InTransactions, context: &mut Context<'_>) -> Result<usize, QueryError> {
    let Some(rows) = &call.rows else {
        return Ok(ROWS_DEFAULT);
    };
    let wrong = |text: String| {
        let message = format!("IN TRANSACTIONS takes a positive number of rows, not {text}");
        RuntimeError::argument(message).into()
    };
    match eval_single(rows, context)? {
        Value::Int(rows) => match usize::try_from(rows) {
            Ok(count) if count > 0 => Ok(count),
            _ => Err(wrong(rows.to_string())),
        },
        other => Err(wrong(other.type_name().to_owned())),
    }
}

fn retry_of(
    call: &InTransactions,
    context: &mut Context<'_>,
) -> Result<Option<Duration>, QueryError> {
    let Some(retry) = &call.retry else {
        return Ok(None);
    };
    let Some(seconds) = &retry.seconds else {
        return Ok(Some(RETRY_DEFAULT));
    };
    let value = eval_single(seconds, context)?;
    let seconds = match &value {
        #[allow(clippy::cast_precision_loss, reason = "nobody waits so long")]
        Value::Int(seconds) => Some(*seconds as f64),
        Value::Float(seconds) => Some(*seconds),
        _ => None,
    };
    match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        Some(retry) => Ok(Some(retry)),
        None => {
            let message = format!(
                "ON ERROR RETRY FOR takes a number of seconds that is not negative, not {}",
                retrograph_graph::value::text::to_text(&value)
            );
            Err(RuntimeError::argument(message).into())
        }
    }
}

/// The rows of a transaction that failed or never began: nulls for what the subquery would return.
fn failed(rows: &Batch, call: &InTransactions, live: &[Slot]) -> Vec<Batch> {
    let mut rows = rows.clone();
    rows.retain(live);
    for slot in &call.introduced {
        rows.set(*slot, Vector::Constant(Value::Null));
    }
    vec![rows]
}

fn status(committed: Option<Committed>, started: bool, error: Option<String>) -> Value {
    let text = |text: Option<String>| text.map_or(Value::Null, |text| Value::String(text.into()));
    let id = committed.map(|committed| committed.version.0.to_string());
    let entries: Map = [
        ("started", Value::Bool(started)),
        ("committed", Value::Bool(committed.is_some())),
        ("transactionId", text(id)),
        ("errorMessage", text(error)),
    ]
    .into_iter()
    .map(|(key, value)| (key.into(), value))
    .collect();
    Value::Map(entries.into())
}

/// Remembers a commit.
fn note(context: &mut Context<'_>, committed: Committed, counters: &Counters) {
    context.counters.add(counters);
    context.counters.transactions_committed += 1;
    if let Some(commits) = &mut context.commits {
        commits.last = Some(committed);
        commits.count += 1;
    }
}

/// Whether the query may go on behind an error: a wrong value, too long a value, too large a transaction
/// or a lost certification, but not a limit of the query, a failing store, a member that does not lead
/// any more or a commit of unknown outcome.
fn is_recoverable(error: &QueryError) -> bool {
    match error {
        QueryError::Runtime(_) => true,
        QueryError::Commit(error) => error.is_lost_certification(),
        QueryError::Graph(error) => matches!(
            error,
            GraphError::IndexedValueTooLong { .. }
                | GraphError::ConstrainedValueTooLong { .. }
                | GraphError::Encode(_)
                | GraphError::TransactionTooLarge { .. }
                | GraphError::TooManyTerms { .. }
        ),
        _ => false,
    }
}

/// The error for a query that commits as it goes within a transaction.
pub(crate) fn within_transaction() -> QueryError {
    RuntimeError::new(
        RuntimeKind::SemanticError,
        "ExplicitTransaction",
        "CALL { … } IN TRANSACTIONS in an open transaction is not possible, as it commits as it goes; \
         run it by itself",
    )
    .into()
}

/// Refuses what can hold for one commit only.
pub(crate) fn check_commit(commit: &CommitInfo) -> Result<(), QueryError> {
    if commit.token.is_none() && commit.job.is_none() {
        return Ok(());
    }
    Err(RuntimeError::argument(
        "an idempotency token or a job's step names one commit, but CALL { … } IN TRANSACTIONS makes \
         several",
    )
    .into())
}
