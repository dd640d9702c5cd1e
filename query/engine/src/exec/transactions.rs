//! `CALL { … } IN TRANSACTIONS`: a number of rows at a time run the subquery in a transaction of their
//! own, which is committed before the next begins.
//!
//! The query around it holds no transaction. What comes before the call reads the version at which the
//! query began, whatever is committed meanwhile, so a subquery cannot feed its own input. What comes
//! behind it reads the version that the last transaction left, where everything the subquery returned
//! exists. A transaction that loses certification is run again with the same rows.

use std::sync::Arc;

use retrograph_cypher::ast::OnError;
use retrograph_graph::value::{Map, Value};
use retrograph_graph::{CommitInfo, Committed};

use super::batch::Batch;
use super::context::Context;
use super::expression::eval_single;
use super::liveness::{Slots, pipeline_slots};
use super::nested::{attach, entry};
use super::pipeline::{Flow, Rest, State, run_nested, states_of};
use super::vector::Vector;
use crate::error::{QueryError, RuntimeError, RuntimeKind};
use crate::plan::Slot;
use crate::plan::operator::InTransactions;
use crate::summary::Counters;

/// How many rows go into one transaction if the query does not say.
const ROWS_DEFAULT: usize = 1000;

/// What the step keeps between batches.
pub(crate) struct TransactionsState {
    /// Rows for the next transaction.
    buffer: Batch,
    /// The slots they keep.
    keep: Vec<Slot>,
    inner: Vec<State>,
    /// The size of a transaction, once known.
    rows: Option<usize>,
    /// Whether a transaction failed and no other is to begin.
    is_broken: bool,
}

impl TransactionsState {
    pub(crate) fn new(call: &InTransactions, live: &[Slot]) -> Self {
        let mut keep: Slots = pipeline_slots(&call.inner);
        keep.extend(live);
        let end = if call.returns { live } else { &[] };
        Self {
            buffer: Batch::default(),
            keep: keep.into_iter().collect(),
            inner: states_of(&call.inner, end),
            rows: None,
            is_broken: false,
        }
    }

    pub(crate) fn begin(&mut self) {
        self.buffer = Batch::default();
        self.rows = None;
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
        let rows_max = match self.rows {
            Some(rows) => rows,
            None => *self.rows.insert(rows_of(call, context)?),
        };
        let mut from = 0;
        while from < batch.rows {
            let to = batch.rows.min(from + rows_max - self.buffer.rows);
            let rows: Vec<u32> = (from..to)
                .map(|row| u32::try_from(row).unwrap_or(u32::MAX))
                .collect();
            let part = batch.gather(&rows, &self.keep);
            context.charge("InTransactions", part.bytes())?;
            self.buffer.append(&part, &self.keep);
            from = to;
            if self.buffer.rows == rows_max && self.run(call, live, context, rest)? == Flow::Stop {
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
        if self.rows.is_none() {
            // No row came, so the number has not been looked at; it may be wrong nevertheless.
            rows_of(call, context)?;
        }
        if self.buffer.rows > 0 {
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
        let rows = std::mem::take(&mut self.buffer);
        let bytes = rows.bytes();
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
                return Err(told(error, context));
            }
            Some(Err(error)) => {
                self.is_broken = call.on_error == OnError::Break;
                let message = error.to_string();
                (failed(&rows, call, live), status(None, true, Some(message)))
            }
            None => (failed(&rows, call, live), status(None, false, None)),
        };
        context.release(bytes);
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
        let mut attempt = 0;
        loop {
            context.views.deleted = Arc::clone(&deleted);
            let transaction = graph.begin(commits.options.isolation);
            let mut inner = context.for_transaction(&transaction);
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
            match transaction
                .commit(commits.options.commit.clone())
                .map_err(QueryError::from)
            {
                Ok(committed) => {
                    note(context, committed, &counters);
                    return Ok((found, committed));
                }
                Err(QueryError::Commit(error))
                    if error.is_transient() && attempt < commits.retries_max =>
                {
                    attempt += 1;
                    context.check_limits()?;
                }
                Err(error) => {
                    context.views.deleted = deleted;
                    return Err(error);
                }
            }
        }
    }

    fn rows_in(
        &mut self,
        call: &InTransactions,
        rows: &Batch,
        live: &[Slot],
        context: &mut Context<'_>,
    ) -> Result<Vec<Batch>, QueryError> {
        let mut results: Vec<Batch> = Vec::new();
        for (row, number) in (0..rows.rows).zip(0u32..) {
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

/// Whether the query may go on behind an error: a wrong value or a lost certification, but not a limit
/// of the query, a failing store or a commit of unknown outcome.
fn is_recoverable(error: &QueryError) -> bool {
    match error {
        QueryError::Runtime(_) => true,
        QueryError::Commit(error) => error.is_transient(),
        _ => false,
    }
}

/// An error of a value, with the number of transactions that stay committed.
fn told(error: QueryError, context: &Context<'_>) -> QueryError {
    let count = context.commits.map_or(0, |commits| commits.count);
    match error {
        QueryError::Runtime(error) => RuntimeError {
            message: format!("{} (transactions committed before: {count})", error.message),
            ..error
        }
        .into(),
        other => other,
    }
}

/// The error for a query that commits as it goes within a transaction.
pub(crate) fn within_transaction() -> QueryError {
    RuntimeError::new(
        RuntimeKind::SemanticError,
        "ExplicitTransaction",
        "CALL { … } IN TRANSACTIONS commits as it goes, so it cannot run in a transaction that is open; \
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
