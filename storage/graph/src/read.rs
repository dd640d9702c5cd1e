//! The only door for reads.

use std::ops::Bound;
use std::sync::Arc;

use crate::catalog::ReadCatalog;
use crate::column::Column;
use crate::error::GraphError;
use crate::graph::Graph;
use crate::ids::{
    Direction, ElementId, IndexId, KeyId, LabelId, NodeId, RelationshipId, SystemTime, TypeId,
    Version,
};
use crate::statistics::Estimates;
use crate::transaction::Sequence;
use crate::value::Value;

type Result<T> = std::result::Result<T, GraphError>;

/// A relationship as a scan gives it: id, type, start, end.
pub type RelationshipRow = (RelationshipId, TypeId, NodeId, NodeId);

/// Where a scan stands. Plain data: holds no lock and no borrow. Starts with `default()`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanCursor {
    after: Option<Vec<u8>>,
    done: bool,
}

impl ScanCursor {
    /// Whether the scan has come to its end.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done
    }
}

/// One version of a node.
#[derive(Clone, Debug)]
pub struct NodeData {}

impl NodeData {
    /// Its labels, ascending.
    #[must_use]
    pub fn labels(&self) -> Vec<LabelId> {
        unimplemented!()
    }
    /// Whether it has a label.
    #[must_use]
    pub fn has_label(&self, _label: LabelId) -> bool {
        unimplemented!()
    }
    /// One property, null if absent.
    pub fn property(&self, _key: KeyId) -> Result<Value> {
        unimplemented!()
    }
    /// All properties, ascending by key.
    pub fn properties(&self) -> Result<Vec<(KeyId, Value)>> {
        unimplemented!()
    }
}

/// One version of a relationship.
#[derive(Clone, Debug)]
pub struct RelationshipData {}

impl RelationshipData {
    /// Its type.
    #[must_use]
    pub fn type_id(&self) -> TypeId {
        unimplemented!()
    }
    /// Where it starts.
    #[must_use]
    pub fn start(&self) -> NodeId {
        unimplemented!()
    }
    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> NodeId {
        unimplemented!()
    }
    /// One property, null if absent.
    pub fn property(&self, _key: KeyId) -> Result<Value> {
        unimplemented!()
    }
    /// All properties, ascending by key.
    pub fn properties(&self) -> Result<Vec<(KeyId, Value)>> {
        unimplemented!()
    }
}

/// A view of the graph: one version, and within a transaction its own writes.
#[derive(Clone)]
pub struct GraphRead {
    graph: Arc<Graph>,
    version: Version,
}

#[allow(unused_variables, missing_docs)]
impl GraphRead {
    pub fn version(&self) -> Version {
        self.version
    }
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }
    pub fn time(&self) -> Result<SystemTime> {
        unimplemented!()
    }
    pub fn below(&self, seq: Sequence) -> GraphRead {
        unimplemented!()
    }
    pub fn catalog(&self) -> ReadCatalog {
        unimplemented!()
    }
    pub fn node(&self, id: NodeId) -> Result<Option<NodeData>> {
        unimplemented!()
    }
    pub fn relationship(&self, id: RelationshipId) -> Result<Option<RelationshipData>> {
        unimplemented!()
    }
    pub fn node_exists(&self, id: NodeId) -> Result<bool> {
        unimplemented!()
    }
    pub fn property(&self, element: ElementId, key: KeyId) -> Result<Value> {
        unimplemented!()
    }
    pub fn labels_of(&self, id: NodeId) -> Result<Option<Vec<LabelId>>> {
        unimplemented!()
    }
    pub fn has_label(&self, id: NodeId, label: LabelId) -> Result<bool> {
        unimplemented!()
    }
    pub fn ends(&self, id: RelationshipId) -> Result<Option<(TypeId, NodeId, NodeId)>> {
        unimplemented!()
    }
    pub fn interval(&self, element: ElementId) -> Result<Option<(Version, Option<Version>)>> {
        unimplemented!()
    }
    pub fn scan_nodes(
        &self,
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<NodeId>,
    ) -> Result<()> {
        unimplemented!()
    }
    pub fn scan_label(
        &self,
        label: LabelId,
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<NodeId>,
    ) -> Result<()> {
        unimplemented!()
    }
    pub fn scan_relationships(
        &self,
        types: &[TypeId],
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<RelationshipRow>,
    ) -> Result<()> {
        unimplemented!()
    }
    pub fn expand(
        &self,
        node: NodeId,
        direction: Option<Direction>,
        types: &[TypeId],
        f: impl FnMut(NodeId, RelationshipId, TypeId),
    ) -> Result<()> {
        unimplemented!()
    }
    pub fn expand_into(
        &self,
        node: NodeId,
        direction: Option<Direction>,
        types: &[TypeId],
        other: NodeId,
        f: impl FnMut(NodeId, RelationshipId, TypeId),
    ) -> Result<()> {
        unimplemented!()
    }
    pub fn degree(
        &self,
        node: NodeId,
        direction: Option<Direction>,
        types: &[TypeId],
    ) -> Result<u64> {
        unimplemented!()
    }
    pub fn seek_equal(
        &self,
        index: IndexId,
        value: &Value,
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<NodeId>,
    ) -> Result<()> {
        unimplemented!()
    }
    pub fn seek_range(
        &self,
        index: IndexId,
        lower: Bound<&Value>,
        upper: Bound<&Value>,
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<NodeId>,
    ) -> Result<()> {
        unimplemented!()
    }
    pub fn seek_prefix(
        &self,
        index: IndexId,
        prefix: &str,
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<NodeId>,
    ) -> Result<()> {
        unimplemented!()
    }
    pub fn node_properties(&self, ids: &[NodeId], key: KeyId, out: &mut Column) -> Result<()> {
        unimplemented!()
    }
    pub fn relationship_properties(
        &self,
        ids: &[RelationshipId],
        key: KeyId,
        out: &mut Column,
    ) -> Result<()> {
        unimplemented!()
    }
    pub fn count_nodes(&self, label: Option<LabelId>) -> Result<u64> {
        unimplemented!()
    }
    pub fn count_relationships(&self, type_id: Option<TypeId>) -> Result<u64> {
        unimplemented!()
    }
    pub fn estimates(&self) -> Estimates {
        unimplemented!()
    }
}
