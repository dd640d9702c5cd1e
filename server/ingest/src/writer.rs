//! Where a batch goes: into a transaction, into sorted files, or, while an import resumes, nowhere.

use std::collections::HashMap;
use std::sync::Arc;

use retrograph_graph::bulk::BulkLoader;
use retrograph_graph::commit::{CommitInfo, Committed};
use retrograph_graph::ids::{Direction, ElementId, KeyId, LabelId, NodeId, RelationshipId};
use retrograph_graph::value::Value;
use retrograph_graph::{
    CommitAhead, CommitError, Graph, GraphError, Isolation, Sequence, Transaction,
};

use crate::change::Properties;
use crate::watermark::Runs;

/// Why one event of a batch was not loaded.
pub(crate) enum BatchError {
    /// It is at fault; the rest of the batch goes on.
    Rejected(String),
    /// The graph failed.
    Graph(GraphError),
}

impl From<GraphError> for BatchError {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::NotUnique { .. }
            | GraphError::IndexedValueTooLong { .. }
            | GraphError::NoSuchElement(_)
            | GraphError::NoSuchEnd(_)
            | GraphError::Encode(_) => Self::Rejected(error.to_string()),
            error => Self::Graph(error),
        }
    }
}

/// Takes the writes of a batch.
pub(crate) enum Writer<'a> {
    /// Gives the nodes that an earlier run made, and writes nothing.
    Replay(&'a mut dyn Iterator<Item = Option<NodeId>>),
    /// Writes in a transaction.
    Transaction(Box<Transaction>),
    /// Creates in bulk.
    Bulk(&'a mut BulkLoader),
}

/// A batch: its writer, and the nodes made in it.
pub(crate) struct Batch<'a> {
    pub(crate) writer: Writer<'a>,
    pub(crate) nodes: Runs,
    keys: HashMap<Arc<str>, KeyId>,
    labels: HashMap<Arc<str>, LabelId>,
}

impl Writer<'_> {
    pub(crate) fn begin(graph: &Arc<Graph>) -> Self {
        // A load that runs beside other writers must not overwrite them, but need not be certified
        // against everything it read.
        Self::Transaction(Box::new(graph.begin(Isolation::Snapshot)))
    }

    /// Commits the batch without waiting, and returns the transaction to go on in.
    pub(crate) fn commit_ahead(
        self,
        info: CommitInfo,
    ) -> Result<Option<(Box<Transaction>, CommitAhead)>, CommitError> {
        let Self::Transaction(mut transaction) = self else {
            return Ok(None);
        };
        let ahead = transaction.commit_ahead(info)?;
        Ok(ahead.map(|ahead| (transaction, ahead)))
    }

    /// Commits the batch; an empty one too, for the watermark that its commit carries.
    pub(crate) fn commit(
        self,
        graph: &Arc<Graph>,
        info: CommitInfo,
    ) -> Result<Option<Committed>, CommitError> {
        match self {
            Self::Replay(_) => Ok(None),
            Self::Transaction(transaction) => transaction.commit(info).map(Some),
            Self::Bulk(loader) if loader.is_empty() => {
                graph.begin(Isolation::Snapshot).commit(info).map(Some)
            }
            Self::Bulk(loader) => loader.commit(info).map(Some),
        }
    }
}

impl<'a> Batch<'a> {
    pub(crate) fn new(writer: Writer<'a>) -> Self {
        Self {
            writer,
            nodes: Runs::default(),
            keys: HashMap::new(),
            labels: HashMap::new(),
        }
    }

    pub(crate) fn is_replay(&self) -> bool {
        matches!(self.writer, Writer::Replay(_))
    }

    /// Makes a node, and remembers which, or that it was rejected.
    pub(crate) fn create_node(
        &mut self,
        labels: &[Arc<str>],
        properties: Properties,
    ) -> Result<NodeId, BatchError> {
        let node = match &mut self.writer {
            Writer::Replay(nodes) => nodes
                .next()
                .flatten()
                .ok_or_else(|| BatchError::Rejected("rejected by an earlier run".to_owned())),
            Writer::Transaction(transaction) => {
                let labels =
                    label_ids(&mut self.labels, labels, |name| transaction.label_id(name))?;
                let properties =
                    key_ids(&mut self.keys, properties, |name| transaction.key_id(name))?;
                let node = transaction.create_node(Sequence::default(), &labels, properties);
                node.map_err(BatchError::from)
            }
            Writer::Bulk(loader) => {
                let labels = label_ids(&mut self.labels, labels, |name| Ok(loader.label_id(name)))?;
                let properties =
                    key_ids(&mut self.keys, properties, |name| Ok(loader.key_id(name)))?;
                loader
                    .create_node(&labels, properties)
                    .map_err(BatchError::from)
            }
        };
        match &node {
            Ok(node) => self.nodes.push(Some(*node)),
            Err(BatchError::Rejected(_)) => self.nodes.push(None),
            Err(BatchError::Graph(_)) => {}
        }
        node
    }

    pub(crate) fn update_node(
        &mut self,
        node: NodeId,
        labels: &[Arc<str>],
        properties: Properties,
    ) -> Result<(), BatchError> {
        let Writer::Transaction(transaction) = &self.writer else {
            return Ok(());
        };
        let labels = label_ids(&mut self.labels, labels, |name| transaction.label_id(name))?;
        transaction.add_labels(Sequence::default(), node, &labels)?;
        set_properties(transaction, &mut self.keys, node.into(), properties)
    }

    pub(crate) fn delete_node(&mut self, node: NodeId) -> Result<(), BatchError> {
        let Writer::Transaction(transaction) = &self.writer else {
            return Ok(());
        };
        let mut relationships = Vec::new();
        transaction
            .read()
            .expand(node, None, &[], |_, id, _| relationships.push(id))?;
        for id in relationships {
            transaction.delete_relationship(Sequence::default(), id)?;
        }
        Ok(transaction.delete_node(Sequence::default(), node)?)
    }

    pub(crate) fn create_relationship(
        &mut self,
        type_name: &Arc<str>,
        start: NodeId,
        end: NodeId,
        properties: Properties,
    ) -> Result<(), BatchError> {
        match &mut self.writer {
            Writer::Replay(_) => {}
            Writer::Transaction(transaction) => {
                let properties =
                    key_ids(&mut self.keys, properties, |name| transaction.key_id(name))?;
                let type_id = transaction.type_id(type_name)?;
                let sequence = Sequence::default();
                transaction.create_relationship(sequence, type_id, start, end, properties)?;
            }
            Writer::Bulk(loader) => {
                let properties =
                    key_ids(&mut self.keys, properties, |name| Ok(loader.key_id(name)))?;
                let type_id = loader.type_id(type_name);
                loader.create_relationship(type_id, start, end, properties)?;
            }
        }
        Ok(())
    }

    /// The relationships of a type from one node to another.
    pub(crate) fn relationships(
        &mut self,
        type_name: &Arc<str>,
        start: NodeId,
        end: NodeId,
    ) -> Result<Vec<RelationshipId>, BatchError> {
        let Writer::Transaction(transaction) = &self.writer else {
            return Ok(Vec::new());
        };
        let types = [transaction.type_id(type_name)?];
        let mut found = Vec::new();
        let direction = Some(Direction::Outgoing);
        transaction
            .read()
            .expand_into(start, direction, &types, end, |_, id, _| found.push(id))?;
        Ok(found)
    }

    pub(crate) fn update_relationship(
        &mut self,
        id: RelationshipId,
        properties: Properties,
    ) -> Result<(), BatchError> {
        let Writer::Transaction(transaction) = &self.writer else {
            return Ok(());
        };
        set_properties(transaction, &mut self.keys, id.into(), properties)
    }

    pub(crate) fn delete_relationship(&mut self, id: RelationshipId) -> Result<(), BatchError> {
        let Writer::Transaction(transaction) = &self.writer else {
            return Ok(());
        };
        Ok(transaction.delete_relationship(Sequence::default(), id)?)
    }
}

fn label_ids(
    known: &mut HashMap<Arc<str>, LabelId>,
    names: &[Arc<str>],
    mut id_of: impl FnMut(&str) -> Result<LabelId, GraphError>,
) -> Result<Vec<LabelId>, GraphError> {
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        ids.push(token(known, name, &mut id_of)?);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn key_ids(
    known: &mut HashMap<Arc<str>, KeyId>,
    properties: Properties,
    mut id_of: impl FnMut(&str) -> Result<KeyId, GraphError>,
) -> Result<Vec<(KeyId, Value)>, GraphError> {
    let mut ids = Vec::with_capacity(properties.len());
    for (name, value) in properties {
        if !matches!(value, Value::Null) {
            ids.push((token(known, &name, &mut id_of)?, value));
        }
    }
    ids.sort_by_key(|&(id, _)| id);
    Ok(ids)
}

/// The token of a name, asked for once in a batch.
fn token<T: Copy>(
    known: &mut HashMap<Arc<str>, T>,
    name: &Arc<str>,
    id_of: &mut impl FnMut(&str) -> Result<T, GraphError>,
) -> Result<T, GraphError> {
    if let Some(&id) = known.get(name) {
        return Ok(id);
    }
    let id = id_of(name)?;
    known.insert(name.clone(), id);
    Ok(id)
}

fn set_properties(
    transaction: &Transaction,
    known: &mut HashMap<Arc<str>, KeyId>,
    element: ElementId,
    properties: Properties,
) -> Result<(), BatchError> {
    for (name, value) in properties {
        let id = token(known, &name, &mut |name| transaction.key_id(name))?;
        transaction.set_property(Sequence::default(), element, id, value)?;
    }
    Ok(())
}
