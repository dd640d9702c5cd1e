//! The identifiers and times of a graph, each a type of its own so that they cannot be mixed up.

use std::fmt;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

identifier!(
    /// A node of the graph. The top 16 bits are reserved for a partition and are 0.
    NodeId(u64)
);
identifier!(
    /// A relationship of the graph, in an id space of its own.
    RelationshipId(u64)
);
identifier!(
    /// The token of a label. Never reused.
    LabelId(u32)
);
identifier!(
    /// The token of a relationship type. Never reused.
    TypeId(u32)
);
identifier!(
    /// The token of a property key. Never reused.
    KeyId(u32)
);
identifier!(
    /// An index of the graph's schema. Never reused.
    IndexId(u32)
);
identifier!(
    /// The dense number of a commit within a graph: 1, 2, 3 …; 0 is the empty graph before any.
    Version(u64)
);
identifier!(
    /// System time: microseconds since the Unix epoch, strictly increasing in log order.
    SystemTime(i64)
);

impl Version {
    /// The greatest version that a key can hold (48 bits); as an end it means "still in force".
    pub const MAX: Self = Self((1 << 48) - 1);

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A node or a relationship.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ElementId {
    /// A node.
    Node(NodeId),
    /// A relationship.
    Relationship(RelationshipId),
}

impl From<NodeId> for ElementId {
    fn from(id: NodeId) -> Self {
        Self::Node(id)
    }
}

impl From<RelationshipId> for ElementId {
    fn from(id: RelationshipId) -> Self {
        Self::Relationship(id)
    }
}

/// The direction of a relationship as seen from one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Direction {
    /// The node is the start of the relationship.
    Outgoing = 0,
    /// The node is the end of the relationship.
    Incoming = 1,
}

impl Direction {
    /// The same relationship seen from its other end.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::Outgoing => Self::Incoming,
            Self::Incoming => Self::Outgoing,
        }
    }
}
