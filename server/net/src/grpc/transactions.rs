//! `Transactions`: transactions of several queries.
//!
//! An open transaction waits in a table, under a name that cannot be guessed, and takes no thread. A query
//! takes it out of the table while it runs. One that waits too long for its next call is rolled back.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use retrograph_engine::{CancelToken, OpenTransaction, Origin, RunOptions};
use retrograph_proto::v1;
use retrograph_proto::v1::run_response::Part;
use retrograph_proto::v1::transactions_server::Transactions;
use tonic::{Code, Request, Response, Status};

use super::api::Api;
use super::caller::Call;
use super::outlet::Inlet;
use super::query::{Rows, Text, part, summary_of};
use super::{status, terms, values};
use crate::bookmark;
use crate::identity::Identity;
use crate::target::Target;
use crate::traces::Statement;

/// How long a call waits for a query of the transaction to end that was cancelled.
const ENDING_TIME: Duration = Duration::from_secs(10);

/// How often it looks.
const LOOK: Duration = Duration::from_millis(2);

/// The open transactions by name.
#[derive(Default)]
pub struct Open(Mutex<HashMap<String, Arc<Entry>>>);

struct Entry {
    /// Who began it.
    owner: Arc<str>,
    target: Target,
    /// Whose rights count.
    identity: Identity,
    origin: Origin,
    /// How long it may wait for its next call.
    idle: Duration,
    /// When it ends at the latest.
    deadline: Option<Instant>,
    state: Mutex<State>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "the large one is what a transaction is in most of the time"
)]
enum State {
    /// It waits for its next call.
    Waiting {
        open: OpenTransaction,
        since: Instant,
    },
    /// A query runs in it.
    Busy {
        cancel: CancelToken,
        /// It is to be rolled back then.
        is_doomed: bool,
    },
    Over,
}

/// A transaction taken out of the table. Dropped, it is over.
struct Taken<'a> {
    table: &'a Open,
    id: &'a str,
    entry: Arc<Entry>,
    open: Option<OpenTransaction>,
}

impl Taken<'_> {
    /// Puts it back; it waits for its next call.
    fn give_back(mut self) {
        let mut state = self.entry.state.lock();
        if let State::Busy {
            is_doomed: false, ..
        } = *state
            && let Some(open) = self.open.take()
        {
            *state = State::Waiting {
                open,
                since: Instant::now(),
            };
        }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut state = self.entry.state.lock();
        if !matches!(*state, State::Waiting { .. }) {
            *state = State::Over;
            drop(state);
            self.table.0.lock().remove(self.id);
        }
    }
}

impl Open {
    fn find(&self, id: &str, call: &Call) -> Result<Arc<Entry>, Status> {
        let found = self.0.lock().get(id).cloned();
        let actor = call.session.caller.identity.actor();
        found
            .filter(|entry| entry.owner == actor)
            .ok_or_else(|| over(id))
    }

    /// Takes a transaction for a query, or for its end.
    fn take<'a>(
        &'a self,
        id: &'a str,
        call: &Call,
        cancel: &CancelToken,
    ) -> Result<Taken<'a>, Status> {
        let entry = self.find(id, call)?;
        let until = Instant::now() + ENDING_TIME;
        loop {
            let mut state = entry.state.lock();
            match std::mem::replace(&mut *state, State::Over) {
                State::Waiting { open, .. } => {
                    *state = State::Busy {
                        cancel: cancel.clone(),
                        is_doomed: false,
                    };
                    drop(state);
                    return Ok(Taken {
                        table: self,
                        id,
                        entry,
                        open: Some(open),
                    });
                }
                State::Busy {
                    cancel: running,
                    is_doomed,
                } => {
                    let is_ending = running.is_cancelled();
                    *state = State::Busy {
                        cancel: running,
                        is_doomed,
                    };
                    drop(state);
                    if !is_ending || Instant::now() > until {
                        return Err(busy(id));
                    }
                }
                State::Over => return Err(over(id)),
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Ends a transaction that has waited for too long; when to look again, unless it is over.
    fn expire(&self, id: &str) -> Option<Instant> {
        let entry = self.0.lock().get(id).cloned()?;
        let mut state = entry.state.lock();
        let now = Instant::now();
        match &*state {
            State::Over => None,
            State::Busy { .. } => Some(now + entry.idle),
            State::Waiting { since, .. } => {
                let ends = *since + entry.idle;
                let ends = entry.deadline.map_or(ends, |at| at.min(ends));
                if now < ends {
                    return Some(ends);
                }
                let ended = std::mem::replace(&mut *state, State::Over);
                drop(state);
                self.0.lock().remove(id);
                drop(ended);
                None
            }
        }
    }
}

/// Ends a transaction when it has waited for too long.
async fn watch(api: Weak<Api>, id: String) {
    loop {
        let next = api.upgrade().and_then(|api| api.transactions.expire(&id));
        match next {
            Some(at) => tokio::time::sleep_until(at.into()).await,
            None => return,
        }
    }
}

fn over(id: &str) -> Status {
    let message = format!(
        "there is no open transaction `{id}` of yours: it has ended, or waited too long for its next call"
    );
    status::with_reason(Code::NotFound, "TRANSACTION_NOT_FOUND", false, message)
}

fn busy(id: &str) -> Status {
    let message = format!(
        "a query runs in the transaction `{id}`: read its answer to the end, or drop its call"
    );
    status::with_reason(Code::FailedPrecondition, "TRANSACTION_BUSY", false, message)
}

#[tonic::async_trait]
impl Transactions for Api {
    type RunStream = Inlet<v1::RunResponse>;

    async fn begin(
        self: Arc<Self>,
        request: Request<v1::BeginRequest>,
    ) -> Result<Response<v1::BeginResponse>, Status> {
        let call = Call {
            // The deadline is that of the call, not of the transaction.
            deadline: None,
            ..Call::of(&request)?
        };
        let request = request.into_inner();
        let wanted = terms::duration("idle_timeout", request.idle_timeout)?;
        let (graph, terms) = terms::read(request.options)?;
        let longest = self.options.transaction_idle;
        let idle = wanted.map_or(longest, |wanted| wanted.min(longest));
        let begun = self.work(move |api| {
            let (target, options, identity) = api.target_of(&call, &graph, terms)?;
            let now = Instant::now();
            let deadline = options.timeout.and_then(|limit| now.checked_add(limit));
            let origin = options.origin.clone();
            let engine = api.shared.database.engine();
            let open = engine
                .begin(&target.graph, options)
                .map_err(|error| status::of_query(&error, ""))?;
            let mut bytes = [0; 16];
            rand::fill(&mut bytes);
            let id = format!("{:032x}", u128::from_be_bytes(bytes));
            let response = v1::BeginResponse {
                transaction_id: id.clone(),
                graph: target.name.to_string(),
                version: open.version().0,
                idle_timeout: Some(terms::told(idle)),
            };
            let entry = Arc::new(Entry {
                owner: call.session.caller.identity.actor(),
                target,
                identity,
                origin,
                idle,
                deadline,
                state: Mutex::new(State::Waiting { open, since: now }),
            });
            let mut all = api.transactions.0.lock();
            if all.len() >= api.options.transactions_max {
                return Err(status::with_reason(
                    Code::ResourceExhausted,
                    "TOO_MANY_TRANSACTIONS",
                    true,
                    format!("{} transactions are open already", all.len()),
                ));
            }
            all.insert(id, entry);
            Ok(response)
        });
        let response = begun.await?;
        let id = response.transaction_id.clone();
        tokio::spawn(watch(Arc::downgrade(&self), id));
        Ok(Response::new(response))
    }

    async fn run(
        self: Arc<Self>,
        request: Request<v1::TransactionRunRequest>,
    ) -> Result<Response<<Self as Transactions>::RunStream>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let id = request.transaction_id;
        let text = Text::of(request.query, request.mode)?;
        let parameters = values::parameters(request.parameters)?;
        let called = call.clone();
        self.stream(&called, CancelToken::new(), move |api, outlet| {
            let taken = api.transactions.take(&id, &call, outlet.cancel())?;
            let Some(open) = &taken.open else {
                return Err(over(&id));
            };
            let entry = &taken.entry;
            let span = api.span(&call, &entry.target, &entry.identity);
            let rest = entry
                .deadline
                .map(|at| at.saturating_duration_since(Instant::now()));
            let options = RunOptions {
                cancel: Some(outlet.cancel().clone()),
                timeout: call.shorten(rest),
                origin: entry.origin.clone(),
                timeline: span.as_ref().map(Statement::timeline),
                ..RunOptions::default()
            };
            let running = api.register(&call, outlet.cancel());
            let mut rows = Rows::new(outlet, running.id.clone(), &entry.target);
            let engine = api.shared.database.engine();
            let ran = engine.run_in(open, text.full(), &parameters, &options, &mut rows);
            if let Some(span) = span {
                span.end(text.full(), ran.as_ref());
            }
            let ended = rows.end(ran, &text);
            // Before the client is told, so that it can go on at once.
            taken.give_back();
            outlet.send(part(Part::Summary(summary_of(&ended?))))
        })
        .await
    }

    async fn commit(
        self: Arc<Self>,
        request: Request<v1::CommitRequest>,
    ) -> Result<Response<v1::CommitResponse>, Status> {
        let call = Call::of(&request)?;
        let id = request.into_inner().transaction_id;
        let committed = self.work(move |api| {
            let mut taken = api.transactions.take(&id, &call, &CancelToken::new())?;
            let Some(open) = taken.open.take() else {
                return Err(over(&id));
            };
            let committed = open
                .commit()
                .map_err(|error| status::of_query(&error, ""))?;
            let graph = &taken.entry.target.graph;
            Ok(v1::CommitResponse {
                version: committed.version.0,
                time: Some(terms::timestamp(committed.time)),
                bookmark: bookmark::of(graph, committed.version).unwrap_or_default(),
            })
        });
        Ok(Response::new(committed.await?))
    }

    async fn rollback(
        self: Arc<Self>,
        request: Request<v1::RollbackRequest>,
    ) -> Result<Response<v1::RollbackResponse>, Status> {
        let call = Call::of(&request)?;
        let id = request.into_inner().transaction_id;
        let rolled_back = self.work(move |api| {
            let Ok(entry) = api.transactions.find(&id, &call) else {
                return Ok(());
            };
            let mut state = entry.state.lock();
            if let State::Busy { cancel, is_doomed } = &mut *state {
                cancel.cancel();
                *is_doomed = true;
                return Ok(());
            }
            let ended = std::mem::replace(&mut *state, State::Over);
            drop(state);
            api.transactions.0.lock().remove(&id);
            if let State::Waiting { open, .. } = ended {
                open.rollback();
            }
            Ok(())
        });
        rolled_back.await?;
        Ok(Response::new(v1::RollbackResponse {}))
    }
}
