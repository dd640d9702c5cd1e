//! What a source yields: one change of the graph, in the source's own names.

use std::fmt;
use std::sync::Arc;

use retrograph_graph::value::Value;

/// The name of a node within a source: an id in an id space. Spaces keep the ids of people and of
/// documents apart where both count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExternalId {
    /// The id space; empty for the default one.
    pub space: Arc<str>,
    /// The id.
    pub id: Arc<str>,
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.space.is_empty() {
            write!(f, "'{}'", self.id)
        } else {
            write!(f, "'{}' of {}", self.id, self.space)
        }
    }
}

/// What a change does with its element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Makes it; a node whose id exists already is rejected.
    #[default]
    Create,
    /// Makes it, or updates it where it exists.
    Merge,
    /// Sets the properties given (null removes) and adds the labels given; rejected where it does
    /// not exist.
    Update,
    /// Deletes it, a node with its relationships; rejected where it does not exist.
    Delete,
}

/// Properties by name. Names do not repeat.
pub type Properties = Vec<(Arc<str>, Value)>;

/// A change of one element.
#[derive(Clone, Debug)]
pub enum Change {
    /// A node.
    Node {
        /// Its id, if relationships or later changes refer to it.
        key: Option<ExternalId>,
        /// Its labels.
        labels: Vec<Arc<str>>,
        /// Its properties.
        properties: Properties,
        /// What to do.
        mode: Mode,
    },
    /// A relationship. Merge, update and delete find it by its type and ends.
    Relationship {
        /// Its type.
        type_name: Arc<str>,
        /// Where it starts.
        start: ExternalId,
        /// Where it ends.
        end: ExternalId,
        /// Its properties.
        properties: Properties,
        /// What to do.
        mode: Mode,
    },
}

impl Change {
    /// What it does with its element.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match self {
            Self::Node { mode, .. } | Self::Relationship { mode, .. } => *mode,
        }
    }
}
