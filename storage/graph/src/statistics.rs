//! Counts and estimates.

use std::collections::BTreeMap;

use crate::ids::{IndexId, LabelId, TypeId};

/// What the planner needs to know about sizes. May be dated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimates {
    /// All nodes.
    pub nodes: u64,
    /// All relationships.
    pub relationships: u64,
    /// Nodes per label.
    pub nodes_by_label: BTreeMap<LabelId, u64>,
    /// Relationships per type.
    pub relationships_by_type: BTreeMap<TypeId, u64>,
    /// Entries and distinct values per index.
    pub indexes: BTreeMap<IndexId, IndexEstimate>,
}

/// The size of an index.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct IndexEstimate {
    /// How many nodes it holds.
    pub entries: u64,
    /// How many distinct values they have, roughly.
    pub distinct: u64,
}
