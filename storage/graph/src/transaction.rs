//! Transactions: own writes over a view, certified and committed as one version.

use std::sync::Arc;

use crate::commit::{CommitInfo, Committed};
use crate::error::{CommitError, GraphError};
use crate::graph::Graph;
use crate::ids::{ElementId, IndexId, KeyId, LabelId, NodeId, RelationshipId, TypeId};
use crate::read::GraphRead;
use crate::value::Value;

type Result<T> = std::result::Result<T, GraphError>;

/// Where in a transaction a write was made: statement and clause. A read bound by
/// [`GraphRead::below`] sees writes of smaller sequences only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u32);

impl Sequence {
    /// The sequence of a clause of a statement.
    #[must_use]
    pub const fn new(statement: u16, clause: u16) -> Self {
        Self((statement as u32) << 16 | clause as u32)
    }
}

/// What a commit is certified against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Everything that was read: transactions behave as if run one after the other.
    #[default]
    Serializable,
    /// Only what was written, and what constraints need: write skew is possible.
    Snapshot,
}

/// A point within a transaction to which its writes can be rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(pub(crate) usize);

/// A transaction.
pub struct Transaction {
    graph: Arc<Graph>,
}

#[allow(unused_variables, missing_docs)]
impl Transaction {
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }
    pub fn read(&self) -> GraphRead {
        unimplemented!()
    }
    pub fn label_id(&self, name: &str) -> Result<LabelId> {
        unimplemented!()
    }
    pub fn type_id(&self, name: &str) -> Result<TypeId> {
        unimplemented!()
    }
    pub fn key_id(&self, name: &str) -> Result<KeyId> {
        unimplemented!()
    }
    pub fn create_node(
        &self,
        seq: Sequence,
        labels: &[LabelId],
        properties: Vec<(KeyId, Value)>,
    ) -> Result<NodeId> {
        unimplemented!()
    }
    pub fn create_relationship(
        &self,
        seq: Sequence,
        type_id: TypeId,
        start: NodeId,
        end: NodeId,
        properties: Vec<(KeyId, Value)>,
    ) -> Result<RelationshipId> {
        unimplemented!()
    }
    pub fn set_property(
        &self,
        seq: Sequence,
        element: ElementId,
        key: KeyId,
        value: Value,
    ) -> Result<()> {
        unimplemented!()
    }
    pub fn replace_properties(
        &self,
        seq: Sequence,
        element: ElementId,
        properties: Vec<(KeyId, Value)>,
    ) -> Result<()> {
        unimplemented!()
    }
    pub fn add_labels(&self, seq: Sequence, node: NodeId, labels: &[LabelId]) -> Result<()> {
        unimplemented!()
    }
    pub fn remove_labels(&self, seq: Sequence, node: NodeId, labels: &[LabelId]) -> Result<()> {
        unimplemented!()
    }
    pub fn delete_relationship(&self, seq: Sequence, id: RelationshipId) -> Result<()> {
        unimplemented!()
    }
    pub fn delete_node(&self, seq: Sequence, id: NodeId) -> Result<()> {
        unimplemented!()
    }
    pub fn check_statement(&self) -> Result<()> {
        unimplemented!()
    }
    pub fn mark(&self) -> Mark {
        unimplemented!()
    }
    pub fn rollback_to(&self, mark: Mark) {
        unimplemented!()
    }
    pub fn create_index(&self, name: &str, label: LabelId, key: KeyId) -> Result<IndexId> {
        unimplemented!()
    }
    pub fn drop_index(&self, name: &str) -> Result<()> {
        unimplemented!()
    }
    pub fn create_unique_constraint(
        &self,
        name: &str,
        label: LabelId,
        key: KeyId,
    ) -> Result<IndexId> {
        unimplemented!()
    }
    pub fn drop_constraint(&self, name: &str) -> Result<()> {
        unimplemented!()
    }
    pub fn commit(self, info: CommitInfo) -> std::result::Result<Committed, CommitError> {
        unimplemented!()
    }
    pub fn rollback(self) {}
}
