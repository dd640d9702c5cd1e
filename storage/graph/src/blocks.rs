//! Blocks of ids: each of 4,096 ids belongs to one label set or one relationship type, so that
//! pages of the store and of images stay nearly pure.
//!
//! The leader hands ids out in memory; that a block was given to an owner is said in the entry
//! that first uses it, so every member knows the owners and a new leader goes on behind the last
//! id that was ever used.

use std::collections::{BTreeMap, HashMap};

use smallvec::SmallVec;

use crate::encoding::varint::Reader;
use crate::entry::Grant;
use crate::error::GraphError;
use crate::ids::{ElementId, NodeId, RelationshipId, TypeId, Version};
use crate::kv::{Family, OrderedStore};
use crate::rows::closed::closed_element_key;
use crate::rows::meta::{block_prefix, read_block_key, read_owner};
use crate::rows::{element_key, prefix_end, read_element_key};

/// The number of ids in a block.
pub const BLOCK_IDS: u64 = 4_096;

/// The label set or the type that owns a block.
pub(crate) type Owner = SmallVec<[u32; 4]>;

/// One of the two id spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Space {
    Nodes = 0,
    Relationships = 1,
}

impl Space {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Nodes, Self::Relationships];

    fn element(self, id: u64) -> ElementId {
        match self {
            Self::Nodes => ElementId::Node(NodeId(id)),
            Self::Relationships => ElementId::Relationship(RelationshipId(id)),
        }
    }
}

/// The owners of all granted blocks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks {
    owners: [BTreeMap<u64, Owner>; 2],
}

impl Blocks {
    /// Reads the owners from their rows.
    pub fn load(store: &dyn OrderedStore) -> Result<Self, GraphError> {
        let mut blocks = Self::default();
        let prefix = block_prefix();
        let mut cursor = store.scan(Family::Meta, &prefix, &prefix_end(&prefix), false)?;
        while cursor.valid() {
            let (space, block) = read_block_key(cursor.key())?;
            let owner = read_owner(&mut Reader::new(cursor.value()))?;
            blocks.add(&Grant {
                space,
                block,
                owner,
            });
            cursor.next();
        }
        cursor.status()?;
        Ok(blocks)
    }

    /// Takes over a grant.
    pub fn add(&mut self, grant: &Grant) {
        let space = usize::from(grant.space != 0);
        self.owners[space].insert(grant.block, Owner::from_slice(&grant.owner));
    }

    /// The granted blocks of nodes and of relationships, ascending.
    pub fn granted(&self) -> [Vec<u64>; 2] {
        std::array::from_fn(|space| self.owners[space].keys().copied().collect())
    }

    /// Takes over some grants.
    pub fn extend(&mut self, grants: &[Grant]) {
        for grant in grants {
            self.add(grant);
        }
    }

    /// The first granted block of nodes from a block on.
    pub fn nodes_from(&self, block: u64) -> Option<u64> {
        let mut blocks = self.owners[Space::Nodes as usize].range(block..);
        blocks.next().map(|(block, _)| *block)
    }

    /// The first block from a block on that was granted to relationships of one of some types, or
    /// of any type if none is given. A block holds one type.
    pub fn relationships_from(&self, block: u64, types: &[TypeId]) -> Option<u64> {
        let mut blocks = self.owners[Space::Relationships as usize].range(block..);
        let is_wanted = |owner: &Owner| {
            types.is_empty()
                || owner
                    .first()
                    .is_none_or(|owner| types.contains(&TypeId(*owner)))
        };
        blocks
            .find(|(_, owner)| is_wanted(owner))
            .map(|(block, _)| *block)
    }
}

/// Hands out ids on the leader.
#[derive(Default)]
pub(crate) struct Allocator {
    spaces: [Allocation; 2],
    /// Blocks handed out and not yet in an entry.
    ungranted: Vec<Grant>,
}

#[derive(Default)]
struct Allocation {
    next_block: u64,
    open: HashMap<Owner, Ids>,
}

#[derive(Clone, Copy)]
enum Ids {
    /// The next free id and the end of the block.
    Known { next: u64, end: u64 },
    /// The last block of the owner, whose free ids have not been looked for yet.
    Unknown { block: u64 },
}

impl Allocator {
    /// An allocator that goes on behind the granted blocks.
    pub fn new(blocks: &Blocks) -> Self {
        let mut allocator = Self::default();
        for space in Space::ALL {
            let allocation = &mut allocator.spaces[space as usize];
            for (&block, owner) in &blocks.owners[space as usize] {
                allocation
                    .open
                    .insert(owner.clone(), Ids::Unknown { block });
                allocation.next_block = block + 1;
            }
        }
        allocator
    }

    /// The next id of an owner.
    pub fn allocate(
        &mut self,
        store: &dyn OrderedStore,
        space: Space,
        owner: &[u32],
    ) -> Result<u64, GraphError> {
        let allocation = &mut self.spaces[space as usize];
        let (mut next, mut end) = match allocation.open.get(owner) {
            Some(&Ids::Known { next, end }) => (next, end),
            Some(&Ids::Unknown { block }) => {
                let end = (block + 1) * BLOCK_IDS;
                (first_unused(store, space, block * BLOCK_IDS, end)?, end)
            }
            None => (0, 0),
        };
        if next == end {
            let block = allocation.next_block;
            allocation.next_block += 1;
            self.ungranted.push(Grant {
                space: space as u8,
                block,
                owner: owner.to_vec(),
            });
            (next, end) = (block * BLOCK_IDS, (block + 1) * BLOCK_IDS);
        }
        let ids = Ids::Known {
            next: next + 1,
            end,
        };
        match allocation.open.get_mut(owner) {
            Some(open) => *open = ids,
            None => {
                allocation.open.insert(Owner::from_slice(owner), ids);
            }
        }
        Ok(next)
    }

    /// The blocks that the next entry has to bring into use.
    pub fn take_ungranted(&mut self) -> Vec<Grant> {
        std::mem::take(&mut self.ungranted)
    }

    /// Gives back blocks whose entry was refused.
    pub fn put_back(&mut self, grants: Vec<Grant>) {
        self.ungranted.splice(0..0, grants);
    }
}

/// The first id of a block behind all that were ever used.
fn first_unused(
    store: &dyn OrderedStore,
    space: Space,
    start: u64,
    end: u64,
) -> Result<u64, GraphError> {
    let (first, last) = (space.element(start), space.element(end));
    let mut unused = start;
    let current = store.scan(
        Family::Element,
        &element_key(first),
        &element_key(last),
        true,
    )?;
    if current.valid() {
        unused = unused.max(id_of(read_element_key(current.key())?) + 1);
    }
    current.status()?;
    let closed = store.scan(
        Family::Closed,
        &closed_element_key(first, Version(0)),
        &closed_element_key(last, Version(0)),
        true,
    )?;
    if closed.valid() {
        unused = unused.max(id_of(read_element_key(&closed.key()[1..])?) + 1);
    }
    closed.status()?;
    Ok(unused)
}

const fn id_of(element: ElementId) -> u64 {
    match element {
        ElementId::Node(id) => id.0,
        ElementId::Relationship(id) => id.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::MemoryStore;

    #[test]
    fn owners_get_blocks_of_their_own() {
        let store = MemoryStore::new();
        let mut allocator = Allocator::default();
        let mut next = |space, owner: &[u32]| allocator.allocate(&store, space, owner).unwrap();
        assert_eq!(next(Space::Nodes, &[1]), 0);
        assert_eq!(next(Space::Nodes, &[1, 2]), 4_096);
        assert_eq!(next(Space::Nodes, &[1]), 1);
        assert_eq!(next(Space::Relationships, &[1]), 0);
        for _ in 2..4_096 {
            next(Space::Nodes, &[1]);
        }
        assert_eq!(next(Space::Nodes, &[1]), 8_192);
        assert_eq!(allocator.take_ungranted().len(), 4);
        assert!(allocator.take_ungranted().is_empty());
    }

    #[test]
    fn a_new_leader_goes_on_behind_the_last_id_used() {
        let store = MemoryStore::new();
        let mut blocks = Blocks::default();
        for (space, block, owner) in [(0, 0, 1), (0, 1, 2), (1, 0, 7)] {
            blocks.add(&Grant {
                space,
                block,
                owner: vec![owner],
            });
        }
        let mut batch = crate::kv::WriteBatch::new();
        batch.put(Family::Element, &element_key(NodeId(5).into()), &[]);
        batch.put(
            Family::Closed,
            &closed_element_key(NodeId(9).into(), Version(3)),
            &[],
        );
        store.write(batch).unwrap();
        let mut allocator = Allocator::new(&blocks);
        assert_eq!(allocator.allocate(&store, Space::Nodes, &[1]).unwrap(), 10);
        assert_eq!(
            allocator.allocate(&store, Space::Nodes, &[2]).unwrap(),
            4_096
        );
        assert_eq!(
            allocator.allocate(&store, Space::Nodes, &[3]).unwrap(),
            8_192
        );
        assert_eq!(blocks.relationships_from(0, &[TypeId(7)]), Some(0));
        assert_eq!(blocks.relationships_from(0, &[]), Some(0));
        assert_eq!(blocks.relationships_from(0, &[TypeId(8)]), None);
        assert_eq!(blocks.relationships_from(1, &[]), None);
        assert_eq!(blocks.nodes_from(1), Some(1));
        assert_eq!(blocks.nodes_from(2), None);
    }
}
