//! A property graph as two maps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use retrograph_graph::ids::{NodeId, RelationshipId};
use retrograph_graph::value::Value;
use retrograph_graph::{GraphError, GraphRead, ScanCursor};

/// The properties of an element.
pub type Properties = BTreeMap<Arc<str>, Value>;

/// A node.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Its labels.
    pub labels: BTreeSet<Arc<str>>,
    /// Its properties; none is null.
    pub properties: Properties,
}

/// A relationship.
#[derive(Clone, Debug)]
pub struct Relationship {
    /// Its type.
    pub type_name: Arc<str>,
    /// Where it starts.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// Its properties; none is null.
    pub properties: Properties,
}

/// One state of a graph.
#[derive(Clone, Debug, Default)]
pub struct MemoryGraph {
    /// The nodes by id.
    pub nodes: BTreeMap<u64, Node>,
    /// The relationships by id.
    pub relationships: BTreeMap<u64, Relationship>,
    /// Ids of new elements, counted down from the greatest, so that they never meet the engine's.
    created: u64,
}

impl MemoryGraph {
    /// Copies a state of the engine's graph. Only for states that were compared, or are compared
    /// next.
    ///
    /// # Errors
    /// The store failed.
    pub fn copy_of(read: &GraphRead) -> Result<Self, GraphError> {
        let catalog = read.catalog();
        let named = |properties: Vec<(retrograph_graph::ids::KeyId, Value)>| {
            let named = properties.into_iter();
            named
                .filter_map(|(key, value)| Some((catalog.key_name(key)?, value)))
                .collect::<Properties>()
        };
        let mut graph = Self::default();
        let mut ids: Vec<NodeId> = Vec::new();
        let mut cursor = ScanCursor::default();
        while !cursor.is_done() {
            read.scan_nodes(&mut cursor, 1024, &mut ids)?;
        }
        for id in ids {
            let Some(node) = read.node(id)? else { continue };
            let labels = node.labels().into_iter();
            let node = Node {
                labels: labels.filter_map(|l| catalog.label_name(l)).collect(),
                properties: named(node.properties()?),
            };
            graph.nodes.insert(id.0, node);
        }
        let mut found = Vec::new();
        let mut cursor = ScanCursor::default();
        while !cursor.is_done() {
            read.scan_relationships(&[], &mut cursor, 1024, &mut found)?;
        }
        for (id, ..) in found {
            let id: RelationshipId = id;
            let Some(data) = read.relationship(id)? else {
                continue;
            };
            let relationship = Relationship {
                type_name: catalog.type_name(data.type_id()).unwrap_or_default(),
                start: data.start().0,
                end: data.end().0,
                properties: named(data.properties()?),
            };
            graph.relationships.insert(id.0, relationship);
        }
        Ok(graph)
    }

    /// Adds a node.
    pub fn create_node(&mut self, node: Node) -> u64 {
        let id = self.next_id();
        self.nodes.insert(id, node);
        id
    }

    /// Adds a relationship.
    pub fn create_relationship(&mut self, relationship: Relationship) -> u64 {
        let id = self.next_id();
        self.relationships.insert(id, relationship);
        id
    }

    fn next_id(&mut self) -> u64 {
        self.created += 1;
        (1 << 48) - self.created
    }

    /// The relationships at a node, each once.
    pub fn at(&self, node: u64) -> Vec<u64> {
        self.relationships
            .iter()
            .filter(|(_, r)| r.start == node || r.end == node)
            .map(|(id, _)| *id)
            .collect()
    }

    /// The relationships whose ends are not both there.
    pub fn has_dangling_relationship(&self) -> bool {
        self.relationships
            .values()
            .any(|r| !self.nodes.contains_key(&r.start) || !self.nodes.contains_key(&r.end))
    }
}
