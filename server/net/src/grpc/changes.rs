//! The change feed: commits in their order, those there are and those to come.
//!
//! A feed that waits for a commit takes no thread: applying a commit wakes it. It has read so many elements
//! of so many commits; the next messages are made from there by a worker, a bounded number at a time, and
//! handed over while no worker waits. Whether its reader may still read is asked each time, and each portion takes a
//! turn like a statement.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prost::Message as _;
use retrograph_engine::output::element_id;
use retrograph_engine::{CancelToken, RunOptions};
use retrograph_graph::Graph;
use retrograph_graph::apply::{ApplyObserver, Change};
use retrograph_graph::ids::Version;
use retrograph_proto::v1;
use tokio::sync::watch;
use tonic::{Response, Status};

use super::api::Api;
use super::caller::Call;
use super::elements::{change, commit, refused};
use super::outlet::{Inlet, Outlet, pair};
use super::time::{admit, ended};
use crate::errand::Ends;
use crate::target::Target;

/// How much is made at a time.
const BATCH_BYTES: usize = 128 << 10;

/// How many elements a message tells of.
const ELEMENTS_MAX: usize = 1_000;

/// How long it takes until a commit that was announced can be read.
const PUBLISHING: Duration = Duration::from_millis(1);

/// What wakes the feeds of a graph, for each graph that has had any.
#[derive(Default)]
pub struct Feeds(Mutex<HashMap<usize, Announced>>);

/// A graph and what its versions are announced by.
type Announced = (Arc<Graph>, watch::Sender<u64>);

struct Bell(watch::Sender<u64>);

impl ApplyObserver for Bell {
    fn committed(&self, version: Version, _changes: &[Change<'_>]) {
        self.0.send_replace(version.0);
    }

    fn ingested(&self, version: Version) {
        self.0.send_replace(version.0);
    }
}

impl Feeds {
    /// Tells of versions of a graph, shortly before they can be read.
    fn of(&self, graph: &Arc<Graph>) -> watch::Receiver<u64> {
        let mut all = self.0.lock();
        // The graph is kept, so that no other one has its address.
        let (_, bell) = all.entry(Arc::as_ptr(graph).addr()).or_insert_with(|| {
            let bell = watch::channel(0).0;
            graph.observe(Arc::new(Bell(bell.clone())));
            (Arc::clone(graph), bell)
        });
        bell.subscribe()
    }
}

/// A feed and how far it is.
#[derive(Clone)]
struct Feed {
    /// Who reads it.
    call: Call,
    target: Target,
    options: Arc<RunOptions>,
    has_states: bool,
    /// The last version that was told of as a whole.
    version: Version,
    /// How many elements of the next one were told of.
    elements: usize,
}

impl Feed {
    /// The next messages, and the feed behind them; none if there is nothing to tell.
    fn next(mut self, api: &Api, ends: Ends) -> Result<(Vec<v1::ChangesResponse>, Self), Status> {
        admit(&self.options)?;
        let graph = Arc::clone(&self.target.graph);
        let (mut messages, mut bytes) = (Vec::new(), 0);
        if self.version >= graph.latest() {
            return Ok((messages, self));
        }
        let errand = api.errand(&self.call, &self.target, "Time.Changes", ends.clone())?;
        while bytes < BATCH_BYTES && self.version < graph.latest() {
            let version = self.version.next();
            let Some(record) = graph.commit_record(version).map_err(refused)? else {
                self.version = version;
                continue;
            };
            let rest = record.touched.get(self.elements..).unwrap_or_default();
            let told = &rest[..rest.len().min(ELEMENTS_MAX)];
            let before = graph.read_at(self.version).map_err(refused)?;
            let after = graph.read_at(version).map_err(refused)?;
            let mut changes = Vec::with_capacity(told.len());
            let mut size = 0;
            for element in told {
                let told = match self.has_states {
                    true => change(*element, &before, &after)?,
                    false => v1::ElementChange {
                        element_id: element_id(*element),
                        ..v1::ElementChange::default()
                    },
                };
                size += told.encoded_len();
                changes.push(told);
                if size >= BATCH_BYTES {
                    break;
                }
            }
            let count = changes.len() as u64;
            errand.tell(1 + count);
            let counted = errand.read(1 + 2 * count);
            counted.map_err(|error| ended(error, &ends))?;
            let is_complete = changes.len() == rest.len();
            if is_complete {
                (self.version, self.elements) = (version, 0);
            } else {
                self.elements += changes.len();
            }
            let message = v1::ChangesResponse {
                commit: Some(commit(&graph, &record.header)),
                changes,
                complete: is_complete,
            };
            bytes += message.encoded_len();
            messages.push(message);
        }
        Ok((messages, self))
    }
}

impl Api {
    /// Tells of the commits after a version.
    pub fn feed(
        self: Arc<Self>,
        call: &Call,
        (target, options): (Target, RunOptions),
        after: Version,
        follows: bool,
        has_states: bool,
    ) -> Response<Inlet<v1::ChangesResponse>> {
        let deadline = call.deadline.map(|(at, _)| at);
        let (outlet, inlet) = pair(
            &call.session.caller.connection,
            CancelToken::new(),
            deadline,
            self.options.stall,
        );
        let feed = Feed {
            call: call.clone(),
            target,
            options: Arc::new(options),
            has_states,
            version: after,
            elements: 0,
        };
        tokio::spawn(async move {
            let result = self.tell(feed, follows, &outlet).await;
            outlet.end(result);
        });
        Response::new(inlet)
    }

    async fn tell(
        self: &Arc<Self>,
        mut feed: Feed,
        follows: bool,
        outlet: &Outlet<v1::ChangesResponse>,
    ) -> Result<(), Status> {
        let mut announced = self.feeds.of(&feed.target.graph);
        loop {
            announced.borrow_and_update();
            loop {
                outlet.check()?;
                let ends = outlet.ends();
                let (messages, behind) = self.work(move |api| feed.next(api, ends)).await?;
                feed = behind;
                if messages.is_empty() {
                    break;
                }
                for message in messages {
                    outlet.deliver(message).await?;
                }
            }
            if !follows {
                return Ok(());
            }
            tokio::select! {
                status = outlet.abandoned() => return Err(status),
                // Its sender lives as long as the table, which lives as long as this.
                _ = announced.wait_for(|version| *version > feed.version.0) => {}
            }
            while feed.target.graph.latest() <= feed.version {
                outlet.check()?;
                tokio::time::sleep(PUBLISHING).await;
            }
        }
    }
}
