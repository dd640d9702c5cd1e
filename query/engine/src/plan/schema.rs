//! What the binder and the planner know about a graph: names, indexes and counts.
//!
//! A trait, so that plans can be made and tested without a store. Counts may be dated: they decide
//! how fast a plan is, never what it returns.

use std::sync::Arc;

use retrograph_graph::ids::{IndexId, KeyId, LabelId, TypeId};
use retrograph_graph::{IndexSort, Target};

/// Which kind of name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// Labels of nodes.
    Label,
    /// Types of relationships.
    RelationshipType,
    /// Property keys.
    Key,
}

/// An index as the planner sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndexInfo {
    /// The index.
    pub id: IndexId,
    /// Whether no two nodes of the label have the same value.
    pub is_unique: bool,
    /// How many different values it holds.
    pub distinct_values: u64,
}

/// The rows of an index or constraint beyond one property of nodes, as the planner sees them.
#[derive(Clone, Debug, PartialEq)]
pub struct RowsInfo {
    /// The index or constraint.
    pub id: IndexId,
    /// How they are kept.
    pub sort: IndexSort,
    /// The properties, in order.
    pub keys: Vec<KeyId>,
    /// Whether no two elements have the same values of all properties.
    pub is_unique: bool,
    /// How many rows there are.
    pub entries: u64,
    /// How many different values the first property has, the first two together, and so on.
    pub distinct: Vec<u64>,
}

/// Names, indexes and counts of a graph.
pub trait Schema {
    /// The token of a label.
    fn label(&self, name: &str) -> Option<LabelId>;
    /// The token of a relationship type.
    fn relationship_type(&self, name: &str) -> Option<TypeId>;
    /// The token of a property key.
    fn key(&self, name: &str) -> Option<KeyId>;
    /// All names of a kind; asked only to suggest one for a name that does not exist.
    fn names(&self, kind: NameKind) -> Vec<Arc<str>>;
    /// The index on a property of the nodes with a label that the query may use.
    fn index(&self, label: LabelId, key: KeyId) -> Option<IndexInfo>;
    /// The rows about a label or type that the query may use, beside [`Schema::index`].
    fn rows(&self, target: Target) -> Vec<RowsInfo>;
    /// About how many nodes there are, in all or with a label.
    fn nodes(&self, label: Option<LabelId>) -> u64;
    /// About how many relationships there are, in all or of a type.
    fn relationships(&self, type_id: Option<TypeId>) -> u64;
}
