//! The only door for reads.
//!
//! A [`GraphRead`] is a view: one version of the graph, and within a transaction the transaction's
//! own writes up to a sequence. It is cheap to make and to clone, holds no lock and pins no rows.
//! Within a serializable transaction each method notes in the footprint what it read, also what it
//! found to be absent; callers need not think of it.
//!
//! Scans fill a caller's buffer in batches and remember where they stand as plain data in a
//! [`ScanCursor`], so nothing is held between batches.

mod columns;
mod counts;
mod elements;
mod expands;
mod fulltext;
mod history;
mod nearest;
mod rules;
mod scans;
mod seeks;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::blocks::Space;
use crate::catalog::ReadCatalog;
use crate::encoding::record::ElementState;
use crate::error::GraphError;
use crate::graph::Graph;
use crate::ids::{ElementId, IndexId, NodeId, RelationshipId, SystemTime, TypeId, Version};
use crate::overlay::Seen;
use crate::rows::Key;
use crate::rows::meta::Statistic;
use crate::statistics::Estimates;
use crate::stored::Stored;
use crate::transaction::{OwnWrites, Sequence};

pub use elements::{NodeData, RelationshipData};
pub use fulltext::{TextIndex, TextSearch};
pub use nearest::{Found, Sought};
pub use rules::{NextProperty, RowsSought};
pub use scans::{RelationshipRow, ScanCursor};

type Result<T> = std::result::Result<T, GraphError>;

/// A view of the graph: one version, and within a transaction its own writes.
#[derive(Clone)]
pub struct GraphRead {
    graph: Arc<Graph>,
    version: Version,
    own: Option<OwnWrites>,
    /// Whether it was asked for by its version, and so must answer the same for ever.
    is_dated: bool,
}

impl GraphRead {
    pub(crate) fn new(graph: Arc<Graph>, version: Version, own: Option<OwnWrites>) -> Self {
        Self {
            graph,
            version,
            own,
            is_dated: false,
        }
    }

    /// The same view, asked for by its version: every answer is the same for ever.
    pub(crate) fn dated(self) -> Self {
        Self {
            is_dated: true,
            ..self
        }
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The graph.
    #[must_use]
    pub const fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The time of the version.
    pub fn time(&self) -> Result<SystemTime> {
        self.graph.version_time(self.version)
    }

    /// The same view, seeing own writes of smaller sequences only.
    #[must_use]
    pub fn below(&self, sequence: Sequence) -> Self {
        Self {
            graph: Arc::clone(&self.graph),
            version: self.version,
            own: self.own.as_ref().map(|own| own.below(sequence)),
            is_dated: self.is_dated,
        }
    }

    /// Names and schema as of the view.
    #[must_use]
    pub fn catalog(&self) -> ReadCatalog {
        ReadCatalog {
            own: self.own.clone(),
            ..self.graph.catalog_at(self.version)
        }
    }

    fn stored(&self) -> Stored<'_> {
        self.graph.stored(self.version)
    }

    /// Own writes, if there are any.
    pub(crate) fn written(&self) -> Option<&OwnWrites> {
        self.own.as_ref().filter(|own| own.exist())
    }

    fn note_point(&self, key: impl FnOnce() -> Key) {
        if let Some(own) = &self.own {
            own.note_point(key);
        }
    }

    fn note_range(&self, range: impl FnOnce() -> (Key, Key)) {
        if let Some(own) = &self.own {
            own.note_range(range);
        }
    }

    fn see(&self, element: ElementId) -> Seen {
        self.written()
            .map_or(Seen::AsStored, |own| own.see(element))
    }

    /// Sizes for the planner. Those of the latest version, whatever the view: cheap, and near
    /// enough.
    #[must_use]
    pub fn estimates(&self) -> Estimates {
        let mut estimates = Estimates::default();
        for (statistic, count) in self.graph.counts.read().iter() {
            match statistic {
                Statistic::Nodes => estimates.nodes = *count,
                Statistic::Relationships => estimates.relationships = *count,
                Statistic::Label(label) => {
                    estimates.nodes_by_label.insert(*label, *count);
                }
                Statistic::Type(type_id) => {
                    estimates.relationships_by_type.insert(*type_id, *count);
                }
                Statistic::Index(_) | Statistic::Texts(..) | Statistic::TextLength(..) => {}
            }
        }
        estimates.indexes = self.graph.index_estimates();
        estimates.rules = self.graph.rule_estimates();
        estimates
    }
}

impl Graph {
    fn index_estimates(&self) -> BTreeMap<IndexId, crate::statistics::IndexEstimate> {
        let catalog = self.catalog.load();
        let current = catalog.all_indexes().filter(|index| index.is_online());
        current
            .map(|index| (index.id, self.index_estimate(index)))
            .collect()
    }

    fn rule_estimates(&self) -> BTreeMap<IndexId, crate::statistics::RuleEstimate> {
        let catalog = self.catalog.load();
        let current = catalog
            .all_rules()
            .filter(|rule| rule.is_online() && rule.kind.has_rows())
            // Texts are searched by procedures, not by plans.
            .filter(|rule| !rule.kind.is_fulltext());
        current
            .map(|rule| (rule.id, self.rule_estimate(rule)))
            .collect()
    }
}

const fn place(element: ElementId) -> (Space, u64) {
    match element {
        ElementId::Node(id) => (Space::Nodes, id.0),
        ElementId::Relationship(id) => (Space::Relationships, id.0),
    }
}

fn ends_of(state: &ElementState) -> Option<(TypeId, NodeId, NodeId)> {
    match state {
        ElementState::Relationship {
            type_id,
            start,
            end,
            ..
        } => Some((*type_id, *start, *end)),
        ElementState::Node { .. } => None,
    }
}

fn not_a_relationship(id: RelationshipId) -> GraphError {
    GraphError::corrupt(format!("relationship {id}"), "it has the record of a node")
}

const fn proceed(go_on: bool) -> ControlFlow<()> {
    if go_on {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(())
    }
}
