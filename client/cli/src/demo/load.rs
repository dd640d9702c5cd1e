//! Loads the case: one transaction for each commit, with the time at which the case's systems
//! recorded it.
//!
//! Each commit is a step of a job and remembers which ids its new elements got. So a load that was
//! stopped, however, goes on where it ended: the steps that are there are told over, the others made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use retrograph_graph::commit::{CommitInfo, JobStep};
use retrograph_graph::encoding::varint::{Reader, put_u64};
use retrograph_graph::ids::{KeyId, NodeId, RelationshipId, Version};
use retrograph_graph::value::Value;
use retrograph_graph::{
    CommitError, CommitHeader, Graph, GraphError, Isolation, Sequence, Transaction,
};
use retrograph_server::{Database, DatabaseError};

use super::case::{Case, NAME, Size};
use super::change::{CaseCommit, Change, NodeKey, Properties, RelationshipKey};
use crate::failure::{Failure, chain};
use crate::interrupt::interruptible;
use crate::progress::Progress;
use crate::terminal;

/// The case is in the database.
pub struct Loaded {
    /// Its graph.
    pub graph: Arc<Graph>,
    /// The version that its last commit made.
    pub version: Version,
    /// How long the loading took, unless it was there already.
    pub took: Option<Duration>,
}

/// Loads the case of a size, or what is missing of it.
///
/// # Errors
/// There is something else in the graph, or loading fails.
pub fn load(database: &Database, size: Size) -> Result<Loaded, Failure> {
    let started = Instant::now();
    let version = Version(Case::new(size).fold(0, |count, _| count + 1));
    let graph = match database.graph(NAME) {
        Err(DatabaseError::NoSuchGraph { .. }) => database.create_graph(NAME)?,
        found => found?,
    };
    let mut loader = Loader {
        graph: &graph,
        job: format!("demo {NAME} {}", size.name()).into(),
        nodes: Vec::new(),
        relationships: Vec::new(),
    };
    let present = graph.applied().version;
    // What was added to the whole case is no business of ours.
    if !loader.recall(Case::new(size), present.min(version))? {
        return Err(Failure::new(format!(
            "{} has a graph `{NAME}` that is not the case of size {}; remove the directory, or name \
             another one with --data",
            database.path().display(),
            size.name()
        )));
    }
    if present >= version {
        return Ok(Loaded {
            graph,
            version,
            took: None,
        });
    }
    loader.load(Case::new(size), present)?;
    database.flush()?;
    Ok(Loaded {
        graph,
        version,
        took: Some(started.elapsed()),
    })
}

/// Keys of the case as ids of the graph.
struct Loader<'g> {
    graph: &'g Arc<Graph>,
    /// The id of the job whose steps the commits are.
    job: Arc<str>,
    nodes: Vec<NodeId>,
    relationships: Vec<RelationshipId>,
}

impl Loader<'_> {
    /// Learns the ids of what the commits up to a version made. Returns whether they are those of the
    /// case.
    fn recall(&mut self, case: Case, to: Version) -> Result<bool, GraphError> {
        for (number, commit) in (1..=to.0).zip(case) {
            let header = self.graph.commit_header(Version(number))?;
            let ids = header.and_then(|header| self.ids_of(number, &commit, &header));
            let Some(ids) = ids else {
                return Ok(false);
            };
            let mut ids = ids.into_iter();
            for change in &commit.changes {
                match change {
                    Change::CreateNode { node, .. } => {
                        let id = NodeId(ids.next().unwrap_or_default());
                        keep(&mut self.nodes, node.0, id);
                    }
                    Change::CreateRelationship { relationship, .. } => {
                        let id = RelationshipId(ids.next().unwrap_or_default());
                        keep(&mut self.relationships, relationship.0, id);
                    }
                    _ => {}
                }
            }
        }
        Ok(true)
    }

    /// The ids of the elements that a commit of the graph made, in the order of its changes; none if it
    /// is not that commit of the case.
    fn ids_of(&self, number: u64, commit: &CaseCommit, header: &CommitHeader) -> Option<Vec<u64>> {
        let step = header.job.as_ref()?;
        let is_same = step.id == self.job
            && step.sequence == number
            && header.time == commit.time
            && header.source.as_deref() == Some(&*commit.source);
        if !is_same {
            return None;
        }
        let mut reader = Reader::new(&step.watermark);
        let made = commit.changes.iter().filter(|change| {
            matches!(
                change,
                Change::CreateNode { .. } | Change::CreateRelationship { .. }
            )
        });
        made.map(|_| reader.varint("id").ok()).collect()
    }

    /// Makes the commits after a version.
    fn load(&mut self, mut case: Case, from: Version) -> Result<(), Failure> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let stop = cancelled.clone();
        let _interruptible = interruptible(move || stop.store(true, Ordering::Relaxed));
        let mut progress = Progress::new("loading the case");
        let mut number = 0;
        while let Some(commit) = case.next() {
            number += 1;
            if number <= from.0 {
                continue;
            }
            if cancelled.load(Ordering::Relaxed) {
                return Err(Failure::interrupted(
                    "the demo was stopped; the same command goes on with it",
                ));
            }
            self.commit(number, &commit).map_err(|error| {
                Failure::new(format!("cannot load the case: {}", chain(&error)))
            })?;
            let (done, total) = case.progress();
            progress.set(done, total, || terminal::count(number, "commit"));
        }
        progress.finish();
        Ok(())
    }

    fn commit(&mut self, number: u64, commit: &CaseCommit) -> Result<(), CommitError> {
        let transaction = self.graph.begin(Isolation::Snapshot);
        let mut made = Vec::new();
        for change in &commit.changes {
            if let Some(id) = self.apply(&transaction, change)? {
                put_u64(id, &mut made);
            }
        }
        transaction.commit(CommitInfo {
            actor: commit.actor.into(),
            source: Some(commit.source.as_str().into()),
            activity: Some(commit.activity.into()),
            purpose: Some(NAME.into()),
            job: Some(JobStep {
                id: self.job.clone(),
                sequence: number,
                watermark: made.into(),
            }),
            asserted_time: Some(commit.time),
            ..CommitInfo::default()
        })?;
        Ok(())
    }

    /// Makes a change. Returns the id of the element that it made, if it made one.
    fn apply(
        &mut self,
        transaction: &Transaction,
        change: &Change,
    ) -> Result<Option<u64>, GraphError> {
        let sequence = Sequence::default();
        match change {
            Change::Unique {
                name,
                label,
                property,
            } => {
                let (label, key) = (transaction.label_id(label)?, transaction.key_id(property)?);
                transaction.create_unique_constraint(name, label, key)?;
            }
            Change::CreateNode {
                node,
                label,
                properties,
            } => {
                let label = transaction.label_id(label)?;
                let properties = stored(transaction, properties)?;
                let id = transaction.create_node(sequence, &[label], properties)?;
                keep(&mut self.nodes, node.0, id);
                return Ok(Some(id.0));
            }
            Change::SetNode { node, properties } => {
                for (key, value) in stored(transaction, properties)? {
                    transaction.set_property(sequence, self.node(*node).into(), key, value)?;
                }
            }
            Change::DeleteNode { node } => {
                transaction.delete_node(sequence, self.node(*node))?;
            }
            Change::CreateRelationship {
                relationship,
                type_name,
                start,
                end,
                properties,
            } => {
                let type_id = transaction.type_id(type_name)?;
                let (start, end) = (self.node(*start), self.node(*end));
                let properties = stored(transaction, properties)?;
                let id =
                    transaction.create_relationship(sequence, type_id, start, end, properties)?;
                keep(&mut self.relationships, relationship.0, id);
                return Ok(Some(id.0));
            }
            Change::SetRelationship {
                relationship,
                properties,
            } => {
                let id = self.relationship(*relationship);
                for (key, value) in stored(transaction, properties)? {
                    transaction.set_property(sequence, id.into(), key, value)?;
                }
            }
            Change::DeleteRelationship { relationship } => {
                transaction.delete_relationship(sequence, self.relationship(*relationship))?;
            }
        }
        Ok(None)
    }

    fn node(&self, key: NodeKey) -> NodeId {
        self.nodes[key.0 as usize]
    }

    fn relationship(&self, key: RelationshipKey) -> RelationshipId {
        self.relationships[key.0 as usize]
    }
}

/// Keys are dense, but commits are ordered by time, so keys do not come in their order.
fn keep<Id: Default + Clone>(ids: &mut Vec<Id>, key: u32, id: Id) {
    let place = key as usize;
    if ids.len() <= place {
        ids.resize(place + 1, Id::default());
    }
    ids[place] = id;
}

fn stored(
    transaction: &Transaction,
    properties: &Properties,
) -> Result<Vec<(KeyId, Value)>, GraphError> {
    properties
        .iter()
        .map(|(name, value)| Ok((transaction.key_id(name)?, value.clone())))
        .collect()
}
