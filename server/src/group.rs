//! One group on this member: a graph, and the replication of its log.
//!
//! `graph` and `raft` know nothing of each other; here the graph becomes the group's state machine,
//! and the group's replication the log that the graph's sequencer proposes to.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use retrograph_graph::ids::SystemTime;
use retrograph_graph::replicate::{Pending, Replicate, ReplicationError};
use retrograph_graph::{Graph, GraphError};
use retrograph_raft::{
    ApplyError, EntryPayload, LogIndex, Proposal, PurgeError, Replication, SingleMember,
    StateMachine, Term,
};

/// The graph of a group as its state machine.
pub(crate) struct GraphMachine {
    graph: Arc<Graph>,
    /// Bytes of entries applied since the last flush of the graph.
    unflushed_bytes: Arc<AtomicU64>,
}

impl StateMachine for GraphMachine {
    fn applied_index(&self) -> LogIndex {
        LogIndex(self.graph.applied().index)
    }

    fn apply(
        &self,
        index: LogIndex,
        _term: Term,
        payload: EntryPayload<'_>,
    ) -> Result<(), ApplyError> {
        // A blank entry says that a term began. It is nothing to the graph: its applied index stays
        // behind, and a restart passes the blank entry once more.
        let EntryPayload::Data(payload) = payload else {
            return Ok(());
        };
        self.unflushed_bytes
            .fetch_add(payload.len() as u64, Ordering::Relaxed);
        self.graph.apply(index.0, payload).map_err(ApplyError::new)
    }
}

/// A group of this member.
pub(crate) struct Group {
    graph: Arc<Graph>,
    driver: Arc<SingleMember<GraphMachine>>,
    unflushed_bytes: Arc<AtomicU64>,
}

impl Group {
    /// Connects an open graph with its log: `open` starts the driver on the state machine.
    pub(crate) fn connect<E>(
        graph: Arc<Graph>,
        open: impl FnOnce(GraphMachine) -> Result<SingleMember<GraphMachine>, E>,
    ) -> Result<Self, E>
    where
        E: From<ReplicationError>,
    {
        let unflushed_bytes = Arc::new(AtomicU64::new(0));
        let machine = GraphMachine {
            graph: graph.clone(),
            unflushed_bytes: unflushed_bytes.clone(),
        };
        let driver = Arc::new(open(machine)?);
        graph.lead(Arc::new(Proposer(Arc::downgrade(&driver))))?;
        Ok(Self {
            graph,
            driver,
            unflushed_bytes,
        })
    }

    pub(crate) fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// Entries of the log that are not applied yet.
    pub(crate) fn unapplied_entries(&self) -> u64 {
        self.driver.unapplied_entries()
    }

    pub(crate) fn unflushed_bytes(&self) -> u64 {
        self.unflushed_bytes.load(Ordering::Relaxed)
    }

    /// Makes the state durable and removes the part of the log that it contains.
    pub(crate) fn flush(&self) -> Result<(), FlushError> {
        // What is applied from here on is either in the flush too, or stays in the log.
        let flushed = LogIndex(self.graph.applied().index);
        self.unflushed_bytes.store(0, Ordering::Relaxed);
        self.graph.flush()?;
        self.driver.purge_to(flushed)?;
        Ok(())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // While the driver is there to save up to when history is final.
        self.graph.resign();
    }
}

/// The state of a group was not made durable, or its log not shortened.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// The graph's store failed.
    #[error("the graph cannot be flushed")]
    Graph(#[from] GraphError),
    /// The log could not be shortened.
    #[error(transparent)]
    Purge(#[from] PurgeError),
}

/// The group's replication as the log of the graph. The driver holds the graph; if this held the
/// driver, neither would ever be closed.
struct Proposer(Weak<SingleMember<GraphMachine>>);

impl Proposer {
    fn driver(&self) -> Result<Arc<SingleMember<GraphMachine>>, ReplicationError> {
        let driver = self.0.upgrade();
        driver.ok_or_else(|| ReplicationError::Refused("the database is closed".to_owned()))
    }
}

impl Replicate for Proposer {
    fn propose(&self, payload: Vec<u8>) -> Result<Box<dyn Pending>, ReplicationError> {
        let driver = self.driver()?;
        // Whoever writes faster than the disk waits here; a graph that is behind takes no more.
        if let Err(cause) = driver.wait_for_room() {
            return Err(ReplicationError::Refused(chain(&*cause)));
        }
        match driver.propose(payload) {
            Ok(proposal) => Ok(Box::new(PendingProposal(proposal))),
            Err(error) => Err(ReplicationError::Refused(chain(&error))),
        }
    }

    fn save_closed(&self, closed: SystemTime) -> Result<(), ReplicationError> {
        let saved = self.driver()?.save_closed(closed.0);
        saved.map_err(|error| ReplicationError::Refused(chain(&error)))
    }

    fn closed(&self) -> Result<Option<SystemTime>, ReplicationError> {
        let closed = self.driver()?.read_closed();
        let closed = closed.map_err(|error| ReplicationError::Refused(chain(&error)))?;
        Ok(closed.map(SystemTime))
    }
}

struct PendingProposal(Proposal);

impl Pending for PendingProposal {
    fn wait(self: Box<Self>) -> Result<(), ReplicationError> {
        self.0
            .wait()
            .map(|_| ())
            .map_err(|error| ReplicationError::Unknown(chain(&error)))
    }
}

/// An error with its causes in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use retrograph_graph::clock::ManualClock;
    use retrograph_graph::ids::Version;
    use retrograph_graph::kv::MemoryStore;
    use retrograph_graph::{CommitInfo, GraphOptions, Isolation, Sequence};
    use retrograph_raft::{DriverOptions, GroupId, LogOptions, LogStore, MemberId};

    #[derive(Debug, thiserror::Error)]
    enum ConnectError {
        #[error(transparent)]
        Open(#[from] retrograph_raft::OpenError),
        #[error(transparent)]
        Lead(#[from] ReplicationError),
    }

    #[test]
    fn a_clock_set_back_across_a_restart_puts_no_commit_where_an_instant_was_answered() {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(SystemTime(1_000_000)));
        let store = Arc::new(MemoryStore::new());
        let open = || {
            let log = LogStore::open(directory.path(), LogOptions::default()).unwrap();
            let options = GraphOptions {
                clock: Arc::clone(&clock) as Arc<_>,
                ..GraphOptions::default()
            };
            let graph = Graph::open(store.clone(), options).unwrap();
            Group::connect::<ConnectError>(Arc::new(graph), |machine| {
                let options = DriverOptions::default();
                Ok(SingleMember::open(
                    Arc::new(log),
                    GroupId(1),
                    MemberId(1),
                    machine,
                    options,
                )?)
            })
            .unwrap()
        };
        let commit = |group: &Group| {
            let transaction = group.graph().begin(Isolation::Serializable);
            transaction
                .create_node(Sequence::default(), &[], vec![])
                .unwrap();
            transaction.commit(CommitInfo::default()).unwrap().time
        };
        let group = open();
        commit(&group);
        clock.set(SystemTime(3_000_000));
        let instant = SystemTime(2_999_000);
        assert_eq!(group.graph().resolve(instant).unwrap(), Version(1));
        drop(group);

        clock.set(SystemTime(2_800_000));
        let group = open();
        assert_eq!(commit(&group), SystemTime(2_999_001));
        assert_eq!(group.graph().resolve(instant).unwrap(), Version(1));
    }
}
