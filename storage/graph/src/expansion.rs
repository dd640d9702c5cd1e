//! The neighbours of many nodes at once.
//!
//! Looking up a page costs more than copying a list from it, so a batch looks a page up once for
//! each run of nodes of its block. Where there is a page, no row is read and nothing is allocated
//! but for the vectors of the answer, which keep their memory from batch to batch.

use crate::blocks::BLOCK_IDS;
use crate::error::GraphError;
use crate::ids::{Direction, NodeId, RelationshipId, TypeId};
use crate::read::GraphRead;

/// What [`GraphRead::expand_batch`] finds: one entry for each relationship.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expansion {
    /// The place of the node in the batch it came from.
    pub rows: Vec<u32>,
    /// The node at the other end.
    pub neighbours: Vec<NodeId>,
    /// The relationships; stays empty if they were not asked for.
    pub relationships: Vec<RelationshipId>,
}

impl Expansion {
    /// Forgets the entries and keeps the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.neighbours.clear();
        self.relationships.clear();
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl GraphRead {
    /// Appends the number of relationships of each node, counted as
    /// [`degree`](GraphRead::degree) does.
    pub fn degrees(
        &self,
        nodes: &[NodeId],
        direction: Option<Direction>,
        types: &[TypeId],
        out: &mut Vec<u64>,
    ) -> Result<(), GraphError> {
        let mut page = None;
        let mut page_block = None;
        for &node in nodes {
            let block = node.0 / BLOCK_IDS;
            if page_block != Some(block) {
                page_block = Some(block);
                page = match self.written() {
                    None => self.graph().images.adjacency(node, self.version()),
                    Some(_) => None,
                };
            }
            out.push(match (&page, direction) {
                (Some(found), Some(direction)) => {
                    self.note_adjacency(node, direction, types, None);
                    let (local, version) = (node.0 % BLOCK_IDS, self.version().0);
                    found.page.count(local, direction, types, version)
                }
                _ => self.degree(node, direction, types)?,
            });
        }
        Ok(())
    }

    /// Appends the relationships of some nodes, node after node, each node's in the order of
    /// [`expand`](GraphRead::expand). Stops after the node with which `out` has `limit` entries or
    /// more; returns how many nodes were done. At least one is.
    pub fn expand_batch(
        &self,
        nodes: &[NodeId],
        direction: Option<Direction>,
        types: &[TypeId],
        with_relationships: bool,
        limit: usize,
        out: &mut Expansion,
    ) -> Result<usize, GraphError> {
        let images = &self.graph().images;
        let mut page = None;
        let mut page_block = None;
        for (row, &node) in nodes.iter().enumerate() {
            let block = node.0 / BLOCK_IDS;
            if page_block != Some(block) {
                page_block = Some(block);
                page = match self.written() {
                    None => images.adjacency(node, self.version()),
                    Some(_) => None,
                };
            }
            match (&page, direction) {
                (Some(found), Some(direction)) => {
                    self.note_adjacency(node, direction, types, None);
                    let relationships = with_relationships.then_some(&mut out.relationships);
                    let local = node.0 % BLOCK_IDS;
                    let version = self.version().0;
                    found.page.append(
                        local,
                        direction,
                        types,
                        version,
                        &mut out.neighbours,
                        relationships,
                    );
                }
                _ => self.expand(node, direction, types, |neighbour, id, _| {
                    out.neighbours.push(neighbour);
                    if with_relationships {
                        out.relationships.push(id);
                    }
                })?,
            }
            out.rows.resize(out.neighbours.len(), row as u32);
            if out.neighbours.len() >= limit {
                return Ok(row + 1);
            }
        }
        Ok(nodes.len())
    }
}
