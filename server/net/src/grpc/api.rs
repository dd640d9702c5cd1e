//! What the services share: the database, what is open and running, and threads to work on.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use retrograph_bolt::Failure;
use retrograph_engine::{CancelToken, Collected, Output, Parameters, RunOptions};
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tonic::{Code, Response, Status};

use super::caller::Call;
use super::changes::Feeds;
use super::outlet::{Inlet, Outlet, lost, pair};
use super::service::Options;
use super::status;
use super::transactions::Open;
use crate::identity::Identity;
use crate::server::Shared;
use crate::target::{Target, Terms};
use crate::traces::{self, About};
use crate::workers::{Place, WAIT};

/// The services.
pub struct Api {
    pub shared: Arc<Shared>,
    pub options: Options,
    /// Queries that can be cancelled, by id: whose they are, and what ends them.
    pub running: Mutex<HashMap<String, (Arc<str>, CancelToken)>>,
    /// How many queries there have been.
    queries: AtomicU64,
    pub transactions: Open,
    pub feeds: Feeds,
}

/// A query that can be cancelled while this lives.
pub struct Running {
    api: Arc<Api>,
    /// Its id.
    pub id: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.api.running.lock().remove(&self.id);
    }
}

impl Api {
    /// The services on the graphs of a server.
    pub fn new(shared: Arc<Shared>, options: Options) -> Self {
        Self {
            shared,
            options,
            running: Mutex::default(),
            queries: AtomicU64::new(0),
            transactions: Open::default(),
            feeds: Feeds::default(),
        }
    }

    /// Lets a query be cancelled by its id.
    pub fn register(self: &Arc<Self>, call: &Call, cancel: &CancelToken) -> Running {
        let number = self.queries.fetch_add(1, Ordering::Relaxed) + 1;
        let id = format!("{}-query-{number}", call.session.caller.connection);
        let entry = (call.session.caller.identity.actor(), cancel.clone());
        self.running.lock().insert(id.clone(), entry);
        Running {
            api: Arc::clone(self),
            id,
        }
    }

    /// A place to work, once there is one, if that is before the deadline of the call.
    async fn place(&self, deadline: Option<std::time::Instant>) -> Result<Place, Status> {
        let patience = Instant::now() + WAIT;
        let until = deadline.map_or(patience, |at| patience.min(at.into()));
        self.shared.workers.place_until(until).await.ok_or_else(|| {
            status::with_reason(
                Code::Unavailable,
                "BUSY",
                true,
                "too many calls run queries at the same time; try again",
            )
        })
    }

    /// Works where a thread may block.
    pub async fn work<R: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Arc<Self>) -> Result<R, Status> + Send + 'static,
    ) -> Result<R, Status> {
        let (place, api) = (self.place(None).await?, Arc::clone(self));
        let done = spawn_blocking(move || {
            let _place = place;
            work(&api)
        });
        done.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Works where a thread may block, and sends messages meanwhile.
    pub async fn stream<T: Send + 'static>(
        self: &Arc<Self>,
        call: &Call,
        cancel: CancelToken,
        work: impl FnOnce(&Arc<Self>, &Outlet<T>) -> Result<(), Status> + Send + 'static,
    ) -> Result<Response<Inlet<T>>, Status> {
        let deadline = call.deadline.map(|(at, _)| at);
        let (place, api) = (self.place(deadline).await?, Arc::clone(self));
        let (outlet, inlet) = pair(
            &call.session.caller.connection,
            cancel,
            deadline,
            self.options.stall,
        );
        spawn_blocking(move || {
            let _place = place;
            let result = work(&api, &outlet);
            outlet.end(result);
        });
        Ok(Response::new(inlet))
    }

    /// The graph that a call names, and how it is read and written there.
    pub fn target(
        &self,
        call: &Call,
        graph: &str,
        terms: Terms,
    ) -> Result<(Target, RunOptions), Status> {
        let (target, options, _) = self.target_of(call, graph, terms)?;
        Ok((target, options))
    }

    /// The same, and whose rights count.
    pub fn target_of(
        &self,
        call: &Call,
        graph: &str,
        terms: Terms,
    ) -> Result<(Target, RunOptions, Identity), Status> {
        let named = (!graph.is_empty()).then_some(graph);
        let refused = |failure: Failure| status::of(&failure);
        let caller = &call.session.caller;
        let identity = caller
            .acting_as(terms.impersonated.as_deref())
            .map_err(refused)?;
        let found = call.session.targets.lock().find(named, &identity);
        let target = found.map_err(refused)?;
        let mut options = target.options(terms, caller).map_err(refused)?;
        options.timeout = call.shorten(options.timeout);
        Ok((target, options, identity))
    }

    /// Begins the span of a query in that of its call, if the trace is kept.
    pub fn span(
        &self,
        call: &Call,
        target: &Target,
        identity: &Identity,
    ) -> Option<traces::Statement> {
        let about = About {
            target,
            caller: &call.session.caller,
            identity,
        };
        let parent = || call.session.span.clone();
        self.shared.traces.statement(parent, false, &about)
    }

    /// The rows of a statement, all at once.
    pub fn rows(
        &self,
        target: &Target,
        options: &RunOptions,
        text: &str,
        parameters: &Parameters,
    ) -> Result<Vec<Vec<Output>>, Status> {
        let mut rows = Collected::default();
        let engine = self.shared.database.engine();
        engine
            .run(&target.graph, text, parameters, options, &mut rows)
            .map_err(|error| status::of_query(&error, text))?;
        Ok(rows.rows)
    }
}
