//! Relationships of a node.

use std::ops::ControlFlow;

use super::{GraphRead, Result};
use crate::blocks::BLOCK_IDS;
use crate::error::GraphError;
use crate::footprint::fact;
use crate::ids::{Direction, NodeId, RelationshipId, TypeId};
use crate::kv::Family;
use crate::overlay::Seen;
use crate::rows::closed::SetRange;
use crate::rows::{
    AdjacencyKey, Key, adjacency_prefix, adjacency_type_prefix, prefix_end, read_from,
};
use crate::stored::closed_types;

impl GraphRead {
    /// Calls `f` with neighbour, relationship and type for each relationship of a node, in order
    /// of type, neighbour and relationship. Without a direction both count, and a relationship of
    /// the node with itself once. Without types all count.
    pub fn expand(
        &self,
        node: NodeId,
        direction: Option<Direction>,
        types: &[TypeId],
        f: impl FnMut(NodeId, RelationshipId, TypeId),
    ) -> Result<()> {
        self.expand_with(node, direction, types, None, f)
    }

    /// As [`expand`](GraphRead::expand), for relationships with one other node only.
    pub fn expand_into(
        &self,
        node: NodeId,
        direction: Option<Direction>,
        types: &[TypeId],
        other: NodeId,
        f: impl FnMut(NodeId, RelationshipId, TypeId),
    ) -> Result<()> {
        self.expand_with(node, direction, types, Some(other), f)
    }

    fn expand_with(
        &self,
        node: NodeId,
        direction: Option<Direction>,
        types: &[TypeId],
        other: Option<NodeId>,
        mut f: impl FnMut(NodeId, RelationshipId, TypeId),
    ) -> Result<()> {
        // A page gives one direction in order, so nothing need be collected and sorted.
        if let Some(direction) = direction
            && self.written().is_none()
            && let Some(page) = self.graph.images.adjacency(node, self.version)
        {
            self.note_adjacency(node, direction, types, other);
            let (local, version) = (node.0 % BLOCK_IDS, self.version.0);
            page.page.visit(
                local,
                direction,
                types,
                other,
                version,
                |type_id, neighbour, id| {
                    f(neighbour, id, type_id);
                },
            );
            return Ok(());
        }
        let mut found: smallvec::SmallVec<[(TypeId, NodeId, RelationshipId); 32]> =
            smallvec::SmallVec::new();
        let directions: &[Direction] = match &direction {
            Some(direction) => std::slice::from_ref(direction),
            None => &[Direction::Outgoing, Direction::Incoming],
        };
        for direction in directions {
            self.adjacency(
                node,
                *direction,
                types,
                other,
                &mut |type_id, neighbour, id| {
                    found.push((type_id, neighbour, id));
                },
            )?;
        }
        // Each direction comes in order as a rule, and this sort merges such runs.
        found.sort();
        found.dedup();
        for (type_id, neighbour, id) in found {
            f(neighbour, id, type_id);
        }
        Ok(())
    }

    /// The number of relationships of a node, counted as [`expand`](GraphRead::expand) would.
    pub fn degree(
        &self,
        node: NodeId,
        direction: Option<Direction>,
        types: &[TypeId],
    ) -> Result<u64> {
        if let Some(direction) = direction
            && self.written().is_none()
            && let Some(page) = self.graph.images.adjacency(node, self.version)
        {
            self.note_adjacency(node, direction, types, None);
            return Ok(page
                .page
                .count(node.0 % BLOCK_IDS, direction, types, self.version.0));
        }
        let mut count = 0;
        let mut add = |_: TypeId, _: NodeId, _: RelationshipId| count += 1;
        match direction {
            Some(direction) => self.adjacency(node, direction, types, None, &mut add)?,
            None => {
                self.adjacency(node, Direction::Outgoing, types, None, &mut add)?;
                // Loops have been counted with the outgoing ones.
                self.adjacency(
                    node,
                    Direction::Incoming,
                    types,
                    None,
                    &mut |t, other, id| {
                        if other != node {
                            add(t, other, id);
                        }
                    },
                )?;
            }
        }
        Ok(count)
    }

    /// Notes that the adjacency of a node was read.
    pub(crate) fn note_adjacency(
        &self,
        node: NodeId,
        direction: Direction,
        types: &[TypeId],
        other: Option<NodeId>,
    ) {
        if self.own.is_none() {
            return;
        }
        if types.is_empty() {
            let all = adjacency_prefix(node, direction);
            self.note_range(|| fact::starting_with(fact::adjacency(&all)));
        }
        for type_id in types {
            self.note_range(|| {
                let prefix = adjacency_type_prefix(node, direction, *type_id);
                let mut start = fact::adjacency(&prefix);
                if let Some(other) = other {
                    start.extend_from_slice(&other.0.to_be_bytes());
                }
                fact::starting_with(start)
            });
        }
    }

    /// Visits the adjacency of a node in one direction, in no particular order.
    fn adjacency(
        &self,
        node: NodeId,
        direction: Direction,
        types: &[TypeId],
        other: Option<NodeId>,
        f: &mut dyn FnMut(TypeId, NodeId, RelationshipId),
    ) -> Result<()> {
        let page = self.graph.images.adjacency(node, self.version);
        self.note_adjacency(node, direction, types, other);
        let own = self.written();
        let mut visit = |type_id: TypeId, neighbour: NodeId, id: RelationshipId| {
            let is_deleted = own.is_some_and(|own| matches!(own.see(id.into()), Seen::Own(None)));
            if !is_deleted && other.is_none_or(|other| other == neighbour) {
                f(type_id, neighbour, id);
            }
        };
        if let Some(found) = page {
            let local = node.0 % BLOCK_IDS;
            found
                .page
                .visit(local, direction, types, other, self.version.0, visit);
        } else if types.is_empty() {
            let all = adjacency_prefix(node, direction);
            self.adjacency_of_all_types(&all, other, &mut visit)?;
        } else {
            for (at, type_id) in types.iter().enumerate() {
                if !types[..at].contains(type_id) {
                    let prefix = adjacency_type_prefix(node, direction, *type_id);
                    self.adjacency_of_type(*type_id, prefix, other, &mut visit)?;
                }
            }
        }
        if let Some(own) = own {
            own.with(|overlay, below| {
                let key = |type_id: u32, end: u64| AdjacencyKey {
                    node,
                    direction,
                    type_id: TypeId(type_id),
                    neighbour: NodeId(end),
                    relationship: RelationshipId(end),
                };
                for row in overlay.adjacency.range(key(0, 0)..=key(u32::MAX, u64::MAX)) {
                    let counts = (types.is_empty() || types.contains(&row.type_id))
                        && other.is_none_or(|other| other == row.neighbour);
                    let element = row.relationship.into();
                    if counts && matches!(overlay.see(element, below), Seen::Own(Some(_))) {
                        f(row.type_id, row.neighbour, row.relationship);
                    }
                }
            });
        }
        Ok(())
    }

    fn adjacency_of_type(
        &self,
        type_id: TypeId,
        prefix: Key,
        other: Option<NodeId>,
        visit: &mut impl FnMut(TypeId, NodeId, RelationshipId),
    ) -> Result<()> {
        let set = SetRange::new(Family::Adjacency, prefix);
        let lower = other.map(|other| other.0.to_be_bytes());
        let upper = lower.map(|lower| prefix_end(&lower));
        self.stored().scan_set(
            &set,
            lower.as_ref().map_or(&[], <[u8; 8]>::as_slice),
            upper.as_deref(),
            &mut |rest| {
                let (neighbour, id) = read_neighbour(rest)?;
                visit(type_id, neighbour, id);
                Ok(ControlFlow::Continue(()))
            },
        )
    }

    fn adjacency_of_all_types(
        &self,
        prefix: &Key,
        other: Option<NodeId>,
        visit: &mut impl FnMut(TypeId, NodeId, RelationshipId),
    ) -> Result<()> {
        let stored = self.stored();
        let end = prefix_end(prefix);
        let mut current = stored.store.scan(Family::Adjacency, prefix, &end, false)?;
        // Types of which something has ended are read with their closed rows.
        let mut ended = Vec::new();
        if stored.is_past() {
            closed_types(&stored, prefix, |type_id| {
                ended.push(TypeId(type_id));
                Ok(())
            })?;
        }
        while current.valid() {
            let row = AdjacencyKey::read(current.key())?;
            if !ended.contains(&row.type_id) && read_from(current.value())? <= self.version {
                visit(row.type_id, row.neighbour, row.relationship);
            }
            current.next();
        }
        current.status()?;
        drop(current);
        for type_id in ended {
            let mut prefix = prefix.clone();
            prefix.extend_from_slice(&type_id.0.to_be_bytes());
            self.adjacency_of_type(type_id, prefix, other, visit)?;
        }
        Ok(())
    }
}

fn read_neighbour(rest: &[u8]) -> Result<(NodeId, RelationshipId)> {
    match (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
        (Some(neighbour), Some(id)) if rest.len() == 16 => Ok((
            NodeId(u64::from_be_bytes(*neighbour)),
            RelationshipId(u64::from_be_bytes(*id)),
        )),
        _ => Err(GraphError::corrupt(
            "adjacency row",
            "its key has a wrong length",
        )),
    }
}
