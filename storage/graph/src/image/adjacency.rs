//! Adjacency pages: the relationships of a block of nodes, by type and direction, in arrays.
//!
//! One page holds every type and both directions, because one pass over the rows of the block
//! gives them all. For each there are the starts of the lists of all nodes, and the lists
//! themselves one after another, sorted by neighbour and relationship.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::delta::Delta;
use super::directory::Page;
use super::ids::{Ids, Life};
use crate::blocks::BLOCK_IDS;
use crate::ids::{Direction, NodeId, RelationshipId, TypeId};

/// A relationship that came or went, as seen from one of its ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdjacencyChange {
    pub type_id: TypeId,
    pub direction: Direction,
    pub neighbour: NodeId,
    pub relationship: RelationshipId,
    pub is_there: bool,
}

/// The relationships of the nodes of a block.
#[derive(Default)]
pub(crate) struct AdjacencyPage {
    /// Ascending by type and direction.
    lists: Vec<Lists>,
    delta: Arc<Delta<AdjacencyChange>>,
}

/// The relationships of one type and direction.
struct Lists {
    type_id: TypeId,
    direction: Direction,
    /// Where the list of each node starts; one more than there are nodes.
    starts: Box<[u32]>,
    neighbours: Ids,
    relationships: Ids,
    /// In a page of an interval.
    lives: Option<Box<[Life]>>,
}

impl Page for AdjacencyPage {
    type Change = AdjacencyChange;

    fn delta(&self) -> &Arc<Delta<AdjacencyChange>> {
        &self.delta
    }

    fn bytes(&self) -> usize {
        let of = |lists: &Lists| {
            lists.starts.len() * 4
                + lists.neighbours.bytes()
                + lists.relationships.bytes()
                + lists
                    .lives
                    .as_ref()
                    .map_or(0, |lives| size_of_val::<[Life]>(lives))
                + size_of::<Lists>()
        };
        self.lists.iter().map(of).sum()
    }

    fn rows(&self) -> usize {
        self.lists.iter().map(|lists| lists.neighbours.len()).sum()
    }
}

type Row = (TypeId, NodeId, RelationshipId);

impl Lists {
    fn range(&self, local: usize) -> Range<usize> {
        match self.starts.get(local..local + 2) {
            Some(&[start, end]) => start as usize..end as usize,
            _ => 0..0,
        }
    }

    /// The part of a list that leads to one neighbour.
    fn narrow(&self, range: Range<usize>, other: NodeId) -> Range<usize> {
        let bound = |is_before: &dyn Fn(u64) -> bool| {
            let (mut low, mut high) = (range.start, range.end);
            while low < high {
                let middle = usize::midpoint(low, high);
                if is_before(self.neighbours.get(middle)) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            low
        };
        bound(&|id| id < other.0)..bound(&|id| id <= other.0)
    }

    #[inline]
    fn each(&self, range: Range<usize>, version: u64, mut f: impl FnMut(NodeId, RelationshipId)) {
        if let Some(lives) = &self.lives {
            for at in range {
                if lives[at].holds(version) {
                    f(
                        NodeId(self.neighbours.get(at)),
                        RelationshipId(self.relationships.get(at)),
                    );
                }
            }
            return;
        }
        if let (
            Ids::Narrow {
                base: nodes,
                values: neighbours,
            },
            Ids::Narrow {
                base: first,
                values: relationships,
            },
        ) = (&self.neighbours, &self.relationships)
        {
            let both = neighbours[range.clone()].iter().zip(&relationships[range]);
            for (neighbour, id) in both {
                f(
                    NodeId(nodes + u64::from(*neighbour)),
                    RelationshipId(first + u64::from(*id)),
                );
            }
            return;
        }
        for at in range {
            f(
                NodeId(self.neighbours.get(at)),
                RelationshipId(self.relationships.get(at)),
            );
        }
    }
}

impl AdjacencyPage {
    fn of<'a>(
        &'a self,
        direction: Direction,
        types: &'a [TypeId],
    ) -> impl Iterator<Item = &'a Lists> {
        let wanted = move |lists: &&Lists| {
            lists.direction == direction && (types.is_empty() || types.contains(&lists.type_id))
        };
        self.lists.iter().filter(wanted)
    }

    /// Visits the relationships of a node in one direction, in order of type, neighbour and
    /// relationship; those to `other` only, if given.
    #[inline]
    pub fn visit(
        &self,
        local: u64,
        direction: Direction,
        types: &[TypeId],
        other: Option<NodeId>,
        version: u64,
        mut f: impl FnMut(TypeId, NodeId, RelationshipId),
    ) {
        if self.delta.touches(local) {
            return self.visit_changed(local, direction, types, other, version, &mut f);
        }
        for lists in self.of(direction, types) {
            let mut range = lists.range(local as usize);
            if let Some(other) = other {
                range = lists.narrow(range, other);
            }
            lists.each(range, version, |neighbour, id| {
                f(lists.type_id, neighbour, id)
            });
        }
    }

    fn visit_changed(
        &self,
        local: u64,
        direction: Direction,
        types: &[TypeId],
        other: Option<NodeId>,
        version: u64,
        f: &mut impl FnMut(TypeId, NodeId, RelationshipId),
    ) {
        // The newest change of a relationship counts; a stable sort keeps it before older ones.
        let mut changed: SmallVec<[(Row, bool); 16]> = self
            .delta
            .changes(local, version)
            .filter(|change| {
                change.direction == direction
                    && (types.is_empty() || types.contains(&change.type_id))
                    && other.is_none_or(|other| other == change.neighbour)
            })
            .map(|change| {
                (
                    (change.type_id, change.neighbour, change.relationship),
                    change.is_there,
                )
            })
            .collect();
        changed.sort_by_key(|(row, _)| *row);
        changed.dedup_by_key(|(row, _)| *row);
        let mut changed = changed.into_iter().peekable();
        for lists in self.of(direction, types) {
            let mut range = lists.range(local as usize);
            if let Some(other) = other {
                range = lists.narrow(range, other);
            }
            lists.each(range, version, |neighbour, id| {
                let row = (lists.type_id, neighbour, id);
                while let Some(((type_id, neighbour, id), is_there)) =
                    changed.next_if(|(before, _)| *before < row)
                {
                    if is_there {
                        f(type_id, neighbour, id);
                    }
                }
                let now = changed.next_if(|(same, _)| *same == row);
                if now.is_none_or(|(_, is_there)| is_there) {
                    f(row.0, row.1, row.2);
                }
            });
        }
        for ((type_id, neighbour, id), is_there) in changed {
            if is_there {
                f(type_id, neighbour, id);
            }
        }
    }

    /// Appends the neighbours of a node in one direction, and the relationships if there is a place
    /// for them. Returns how many.
    #[inline]
    pub fn append(
        &self,
        local: u64,
        direction: Direction,
        types: &[TypeId],
        version: u64,
        neighbours: &mut Vec<NodeId>,
        mut relationships: Option<&mut Vec<RelationshipId>>,
    ) -> usize {
        let before = neighbours.len();
        if self.delta.touches(local) {
            let mut push = |_, neighbour, id| {
                neighbours.push(neighbour);
                if let Some(relationships) = &mut relationships {
                    relationships.push(id);
                }
            };
            self.visit_changed(local, direction, types, None, version, &mut push);
            return neighbours.len() - before;
        }
        for lists in self.of(direction, types) {
            let range = lists.range(local as usize);
            match (&lists.lives, &mut relationships) {
                (None, Some(relationships)) => {
                    lists.neighbours.extend(range.clone(), NodeId, neighbours);
                    lists
                        .relationships
                        .extend(range, RelationshipId, relationships);
                }
                (None, None) => lists.neighbours.extend(range, NodeId, neighbours),
                (Some(_), relationships) => lists.each(range, version, |neighbour, id| {
                    neighbours.push(neighbour);
                    if let Some(relationships) = relationships {
                        relationships.push(id);
                    }
                }),
            }
        }
        neighbours.len() - before
    }

    /// The number of relationships that [`visit`](Self::visit) would visit.
    pub fn count(&self, local: u64, direction: Direction, types: &[TypeId], version: u64) -> u64 {
        let mut count = 0;
        if self.delta.touches(local) || self.lists.iter().any(|lists| lists.lives.is_some()) {
            self.visit(local, direction, types, None, version, |_, _, _| count += 1);
            return count;
        }
        self.of(direction, types)
            .map(|lists| lists.range(local as usize).len() as u64)
            .sum()
    }

    /// All lives, for finding where nothing happens.
    pub(super) fn lives(&self) -> impl Iterator<Item = &[Life]> {
        self.lists.iter().filter_map(|lists| lists.lives.as_deref())
    }

    /// The page of one moment.
    pub fn at(&self, version: u64) -> Self {
        let mut rows = AdjacencyRows::new(false);
        let life = Life { from: 0, to: 0 };
        for direction in [Direction::Outgoing, Direction::Incoming] {
            for local in 0..BLOCK_IDS {
                self.visit(
                    local,
                    direction,
                    &[],
                    None,
                    version,
                    |type_id, neighbour, id| {
                        rows.push(local as usize, direction, type_id, neighbour, id, life);
                    },
                );
            }
        }
        rows.finish(Arc::default())
    }
}

/// The rows of a page to be.
pub(super) struct AdjacencyRows {
    lists: BTreeMap<(TypeId, Direction), Rows>,
    is_interval: bool,
}

#[derive(Default)]
struct Rows {
    locals: Vec<u16>,
    neighbours: Vec<u64>,
    relationships: Vec<u64>,
    lives: Vec<Life>,
}

impl AdjacencyRows {
    pub fn new(is_interval: bool) -> Self {
        Self {
            lists: BTreeMap::new(),
            is_interval,
        }
    }

    /// Takes a row in. Without intervals they come in order.
    pub fn push(
        &mut self,
        local: usize,
        direction: Direction,
        type_id: TypeId,
        neighbour: NodeId,
        relationship: RelationshipId,
        life: Life,
    ) {
        let rows = self.lists.entry((type_id, direction)).or_default();
        rows.locals.push(local as u16);
        rows.neighbours.push(neighbour.0);
        rows.relationships.push(relationship.0);
        if self.is_interval {
            rows.lives.push(life);
        }
    }

    pub fn finish(self, delta: Arc<Delta<AdjacencyChange>>) -> AdjacencyPage {
        let is_interval = self.is_interval;
        let lists = self
            .lists
            .into_iter()
            .map(|((type_id, direction), mut rows)| {
                if is_interval {
                    rows.sort();
                }
                Lists {
                    type_id,
                    direction,
                    starts: starts(&rows.locals),
                    neighbours: Ids::new(&rows.neighbours),
                    relationships: Ids::new(&rows.relationships),
                    lives: is_interval.then(|| rows.lives.into_boxed_slice()),
                }
            });
        AdjacencyPage {
            lists: lists.collect(),
            delta,
        }
    }
}

impl Rows {
    fn pick(&mut self, kept: &[usize]) {
        self.locals = kept.iter().map(|at| self.locals[*at]).collect();
        self.neighbours = kept.iter().map(|at| self.neighbours[*at]).collect();
        self.relationships = kept.iter().map(|at| self.relationships[*at]).collect();
        self.lives = kept.iter().map(|at| self.lives[*at]).collect();
    }

    /// Puts rows in order; one that was found among the current rows and again among those that
    /// ended, because it ended in between, is kept once.
    fn sort(&mut self) {
        let key = |rows: &Self, at: usize| {
            (
                rows.locals[at],
                rows.neighbours[at],
                rows.relationships[at],
                rows.lives[at],
            )
        };
        let mut order: Vec<usize> = (0..self.locals.len()).collect();
        order.sort_unstable_by_key(|at| key(self, *at));
        order.dedup_by_key(|at| {
            let (local, neighbour, id, life) = key(self, *at);
            (local, neighbour, id, life.from)
        });
        self.pick(&order);
    }
}

/// Where the entries of each number start.
pub(super) fn starts(locals: &[u16]) -> Box<[u32]> {
    let mut starts = vec![0_u32; BLOCK_IDS as usize + 1];
    for local in locals {
        starts[usize::from(*local) + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    starts.into_boxed_slice()
}
