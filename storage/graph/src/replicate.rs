//! The seam between a graph and the log that replicates it.
//!
//! The sequencer proposes entries in the order of their versions; the log makes them durable and
//! has them applied in that order, by calling [`Graph::apply`]; waiting is done outside of the
//! sequencer's lock, so that one sync serves all waiting commits. [`Loopback`] is the log of tests
//! and throw-away graphs: a list in memory, applied by whoever waits.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::error::ApplyError;
use crate::graph::Graph;
use crate::ids::SystemTime;

/// A log that replicates the entries of one graph.
pub trait Replicate: Send + Sync {
    /// Appends an entry to the log, in the order of the calls, without waiting for it to become
    /// durable. An error means that the entry is not and will never be in the log.
    fn propose(&self, payload: Vec<u8>) -> Result<Box<dyn Pending>, ReplicationError>;

    /// Makes a closed time durable, apart from the entries: whoever leads after a restart gives no
    /// entry a time at or below it.
    fn save_closed(&self, closed: SystemTime) -> Result<(), ReplicationError>;

    /// The closed time last saved, by any leader with this log.
    fn closed(&self) -> Result<Option<SystemTime>, ReplicationError>;
}

/// An entry on its way.
pub trait Pending: Send {
    /// Waits until the entry is durable and has been applied to this member's graph.
    fn wait(self: Box<Self>) -> Result<(), ReplicationError>;
}

/// The log refused or lost an entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicationError {
    /// The entry was refused and is not in the log.
    #[error("the log does not accept entries: {0}")]
    Refused(String),
    /// The entry may or may not have become part of the log.
    #[error("the fate of a log entry is unknown: {0}")]
    Unknown(String),
    /// The entry is in the log but could not be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

/// A log in memory for one graph.
#[derive(Clone, Default)]
pub struct Loopback {
    inner: Arc<Mutex<LoopbackLog>>,
    applying: Arc<Mutex<()>>,
}

#[derive(Default)]
struct LoopbackLog {
    graph: Weak<Graph>,
    entries: Vec<Arc<[u8]>>,
    closed: Option<SystemTime>,
}

impl Loopback {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies to `graph` the entries it has not seen, then makes it lead with this log.
    pub fn attach(&self, graph: &Arc<Graph>) -> Result<(), ReplicationError> {
        self.inner.lock().graph = Arc::downgrade(graph);
        self.apply_up_to(u64::MAX)?;
        graph.lead(Arc::new(self.clone()))
    }

    /// The entries so far; the first has the index 1.
    #[must_use]
    pub fn entries(&self) -> Vec<Arc<[u8]>> {
        self.inner.lock().entries.clone()
    }

    fn apply_up_to(&self, index: u64) -> Result<(), ReplicationError> {
        let _one_at_a_time = self.applying.lock();
        loop {
            let (graph, next, payload) = {
                let log = self.inner.lock();
                let Some(graph) = log.graph.upgrade() else {
                    return Err(ReplicationError::Unknown("the graph was closed".to_owned()));
                };
                let next = graph.applied().index + 1;
                match log.entries.get(next as usize - 1) {
                    Some(payload) if next <= index => (graph, next, Arc::clone(payload)),
                    _ => return Ok(()),
                }
            };
            graph.apply(next, &payload)?;
        }
    }
}

impl Replicate for Loopback {
    fn propose(&self, payload: Vec<u8>) -> Result<Box<dyn Pending>, ReplicationError> {
        let mut log = self.inner.lock();
        log.entries.push(payload.into());
        let index = log.entries.len() as u64;
        Ok(Box::new(LoopbackPending {
            log: self.clone(),
            index,
        }))
    }

    fn save_closed(&self, closed: SystemTime) -> Result<(), ReplicationError> {
        self.inner.lock().closed = Some(closed);
        Ok(())
    }

    fn closed(&self) -> Result<Option<SystemTime>, ReplicationError> {
        Ok(self.inner.lock().closed)
    }
}

struct LoopbackPending {
    log: Loopback,
    index: u64,
}

impl Pending for LoopbackPending {
    fn wait(self: Box<Self>) -> Result<(), ReplicationError> {
        self.log.apply_up_to(self.index)
    }
}
