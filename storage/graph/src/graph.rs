//! A graph: its state machine, its sequencer, and the door to its views.

use std::sync::Arc;

use crate::clock::Clock;
use crate::commit::CommitHeader;
use crate::error::{ApplyError, GraphError};
use crate::ids::{ElementId, SystemTime, Version};
use crate::kv::OrderedStore;
use crate::read::GraphRead;
use crate::replicate::{Replicate, ReplicationError};
use crate::transaction::{Isolation, Transaction};

/// How a graph is opened.
#[derive(Clone)]
pub struct GraphOptions {
    /// Where the leader gets the time from.
    pub clock: Arc<dyn Clock>,
}

impl Default for GraphOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(crate::clock::MachineClock),
        }
    }
}

/// How far the log has been applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The index of the last entry applied; 0 before any.
    pub index: u64,
    /// The latest version.
    pub version: Version,
    /// The time of the last entry.
    pub time: SystemTime,
}

/// One commit as the feed gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitRecord {
    /// What is recorded about it.
    pub header: CommitHeader,
    /// The elements it created, changed or deleted: nodes, then relationships, each ascending.
    pub touched: Vec<ElementId>,
}

/// A graph on this member.
pub struct Graph {}

#[allow(unused_variables, missing_docs)]
impl Graph {
    pub fn open(store: Arc<dyn OrderedStore>, options: GraphOptions) -> Result<Self, GraphError> {
        unimplemented!()
    }
    /// A throw-away graph in memory that leads itself, for tests and scratch work.
    pub fn in_memory() -> Result<Arc<Self>, GraphError> {
        unimplemented!()
    }
    pub fn applied(&self) -> Applied {
        unimplemented!()
    }
    pub fn apply(&self, index: u64, payload: &[u8]) -> Result<(), ApplyError> {
        unimplemented!()
    }
    pub fn lead(&self, replication: Arc<dyn Replicate>) -> Result<(), ReplicationError> {
        unimplemented!()
    }
    pub fn read_latest(self: &Arc<Self>) -> GraphRead {
        unimplemented!()
    }
    pub fn read_at(self: &Arc<Self>, version: Version) -> Result<GraphRead, GraphError> {
        unimplemented!()
    }
    pub fn resolve(&self, time: SystemTime) -> Result<Version, GraphError> {
        unimplemented!()
    }
    pub fn version_time(&self, version: Version) -> Result<SystemTime, GraphError> {
        unimplemented!()
    }
    pub fn commit_header(&self, version: Version) -> Result<Option<CommitHeader>, GraphError> {
        unimplemented!()
    }
    pub fn commits(
        &self,
        from: Version,
    ) -> impl Iterator<Item = Result<CommitRecord, GraphError>> + '_ {
        std::iter::empty()
    }
    pub fn begin(self: &Arc<Self>, isolation: Isolation) -> Transaction {
        unimplemented!()
    }
    pub fn flush(&self) -> Result<(), GraphError> {
        unimplemented!()
    }
    pub fn schema_epoch(&self) -> u64 {
        unimplemented!()
    }
}
