//! Loads the case: one transaction for each commit, with the time at which the case's systems
//! recorded it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use retrograph_graph::commit::CommitInfo;
use retrograph_graph::ids::{KeyId, NodeId, RelationshipId, Version};
use retrograph_graph::value::Value;
use retrograph_graph::{CommitError, Graph, GraphError, Isolation, Sequence, Transaction};
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

/// Loads the case of a size, unless it is there already.
///
/// # Errors
/// There is something else in the graph, or loading fails.
pub fn load(database: &Database, size: Size) -> Result<Loaded, Failure> {
    let (commits, last) = Case::new(size).fold((0, None), |(count, _), commit| {
        (count + 1, Some((commit.time, commit.activity)))
    });
    let version = Version(commits);
    match database.graph(NAME) {
        Err(DatabaseError::NoSuchGraph { .. }) => {}
        Err(error) => return Err(error.into()),
        Ok(graph) => {
            let header = match graph.applied().version {
                latest if latest < version => None,
                _ => graph.commit_header(version)?,
            };
            let found = header
                .filter(|header| header.asserted)
                .map(|header| header.time);
            if found == last.map(|(time, _)| time) && is_of_size(&graph, size)? {
                return Ok(Loaded {
                    graph,
                    version,
                    took: None,
                });
            }
            return Err(Failure::new(format!(
                "{} has a graph `{NAME}` that is not the whole case of size {}; remove the \
                 directory, or name another one with --data",
                database.path().display(),
                size.name()
            )));
        }
    }
    let started = Instant::now();
    let graph = database.create_graph(NAME)?;
    load_into(&graph, size)?;
    database.flush()?;
    Ok(Loaded {
        graph,
        version,
        took: Some(started.elapsed()),
    })
}

/// Whether the graph's first commits are those of the case of this size.
fn is_of_size(graph: &Graph, size: Size) -> Result<bool, Failure> {
    const COMPARED: usize = 16;
    for (version, commit) in (1..).zip(Case::new(size).take(COMPARED)) {
        let header = graph.commit_header(Version(version))?;
        let is_same = header.is_some_and(|header| {
            header.time == commit.time && header.source.as_deref() == Some(&commit.source)
        });
        if !is_same {
            return Ok(false);
        }
    }
    Ok(true)
}

fn load_into(graph: &Arc<Graph>, size: Size) -> Result<(), Failure> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let stop = cancelled.clone();
    let _interruptible = interruptible(move || stop.store(true, Ordering::Relaxed));
    let mut progress = Progress::new("loading the case");
    let mut loader = Loader {
        graph,
        nodes: Vec::new(),
        relationships: Vec::new(),
    };
    let mut case = Case::new(size);
    let mut commits = 0;
    while let Some(commit) = case.next() {
        if cancelled.load(Ordering::Relaxed) {
            return Err(Failure::interrupted(
                "the demo was stopped; remove the data directory to begin again",
            ));
        }
        loader
            .commit(&commit)
            .map_err(|error| Failure::new(format!("cannot load the case: {}", chain(&error))))?;
        commits += 1;
        let (done, total) = case.progress();
        progress.set(done, total, || terminal::count(commits, "commit"));
    }
    progress.finish();
    Ok(())
}

/// Keys of the case as ids of the graph.
struct Loader<'g> {
    graph: &'g Arc<Graph>,
    nodes: Vec<NodeId>,
    relationships: Vec<RelationshipId>,
}

impl Loader<'_> {
    fn commit(&mut self, commit: &CaseCommit) -> Result<(), CommitError> {
        let transaction = self.graph.begin(Isolation::Snapshot);
        for change in &commit.changes {
            self.apply(&transaction, change)?;
        }
        transaction.commit(CommitInfo {
            actor: commit.actor.into(),
            source: Some(commit.source.as_str().into()),
            activity: Some(commit.activity.into()),
            purpose: Some(NAME.into()),
            asserted_time: Some(commit.time),
            ..CommitInfo::default()
        })?;
        Ok(())
    }

    fn apply(&mut self, transaction: &Transaction, change: &Change) -> Result<(), GraphError> {
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
        Ok(())
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
