//! What the generator of the case yields: commits made of changes, in the case's own keys.

use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;

/// A node of the case; keys count from 0 in the order in which nodes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeKey(pub u32);

/// A relationship of the case; keys count from 0 in the order in which relationships are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelationshipKey(pub u32);

/// Properties by name; null removes one.
pub type Properties = Vec<(&'static str, Value)>;

/// One change of the graph.
#[derive(Clone, Debug)]
pub enum Change {
    /// Makes a property unique among the nodes of a label. Stands alone in its commit.
    Unique {
        name: &'static str,
        label: &'static str,
        property: &'static str,
    },
    /// Makes a node.
    CreateNode {
        node: NodeKey,
        label: &'static str,
        properties: Properties,
    },
    /// Sets properties of a node.
    SetNode {
        node: NodeKey,
        properties: Properties,
    },
    /// Deletes a node whose relationships are gone.
    DeleteNode { node: NodeKey },
    /// Makes a relationship.
    CreateRelationship {
        relationship: RelationshipKey,
        type_name: &'static str,
        start: NodeKey,
        end: NodeKey,
        properties: Properties,
    },
    /// Sets properties of a relationship.
    SetRelationship {
        relationship: RelationshipKey,
        properties: Properties,
    },
    /// Deletes a relationship.
    DeleteRelationship { relationship: RelationshipKey },
}

/// Changes that are recorded together, and what is said about them.
#[derive(Clone, Debug)]
pub struct CaseCommit {
    /// When the system that recorded the case first did so.
    pub time: SystemTime,
    /// Who recorded it.
    pub actor: &'static str,
    /// Where it comes from.
    pub source: String,
    /// What was done.
    pub activity: &'static str,
    /// The changes, in order.
    pub changes: Vec<Change>,
}

impl CaseCommit {
    /// A commit without changes as yet.
    pub fn new(
        time: SystemTime,
        actor: &'static str,
        source: impl Into<String>,
        activity: &'static str,
    ) -> Self {
        Self {
            time,
            actor,
            source: source.into(),
            activity,
            changes: Vec::new(),
        }
    }

    /// Sets properties of a node.
    pub fn set_node(&mut self, node: NodeKey, properties: Properties) {
        self.changes.push(Change::SetNode { node, properties });
    }

    /// Sets properties of a relationship.
    pub fn set_relationship(&mut self, relationship: RelationshipKey, properties: Properties) {
        self.changes.push(Change::SetRelationship {
            relationship,
            properties,
        });
    }

    /// Deletes a relationship.
    pub fn delete_relationship(&mut self, relationship: RelationshipKey) {
        self.changes
            .push(Change::DeleteRelationship { relationship });
    }
}

/// Hands out keys.
#[derive(Debug, Default)]
pub struct Keys {
    nodes: u32,
    relationships: u32,
}

impl Keys {
    /// Adds the making of a node to a commit.
    pub fn node(
        &mut self,
        commit: &mut CaseCommit,
        label: &'static str,
        properties: Properties,
    ) -> NodeKey {
        let node = NodeKey(self.nodes);
        self.nodes += 1;
        commit.changes.push(Change::CreateNode {
            node,
            label,
            properties,
        });
        node
    }

    /// Adds the making of a relationship to a commit.
    pub fn relationship(
        &mut self,
        commit: &mut CaseCommit,
        type_name: &'static str,
        (start, end): (NodeKey, NodeKey),
        properties: Properties,
    ) -> RelationshipKey {
        let relationship = RelationshipKey(self.relationships);
        self.relationships += 1;
        commit.changes.push(Change::CreateRelationship {
            relationship,
            type_name,
            start,
            end,
            properties,
        });
        relationship
    }
}
