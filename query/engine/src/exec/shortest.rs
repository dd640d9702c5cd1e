//! Shortest paths between two bound nodes, by breadth-first search from both sides.
//!
//! The side with the smaller frontier goes one level further until a node is known to both. The
//! levels are complete, so the first level on which the sides meet gives the length, and every
//! shortest path passes exactly one of the nodes met there. Each node keeps the steps by which it was
//! first reached (all of them for allShortestPaths). A path from a node to itself is the empty one;
//! if the pattern demands a relationship, there is none.

use hashbrown::HashMap;
use retrograph_graph::ids::{Direction, NodeId, RelationshipId};
use smallvec::SmallVec;

use super::batch::Batch;
use super::context::Context;
use super::expand::node_of;
use super::fan::{Added, Fan};
use super::pipeline::{Flow, Rest};
use super::trail::{Neighbours, Range, Step, path_list};
use crate::error::QueryError;
use crate::plan::operator::Walk;
use crate::plan::{Expression, Slot};

/// What is searched for.
pub(crate) struct Search<'p> {
    pub(crate) walk: &'p Walk,
    pub(crate) relationships: Slot,
    pub(crate) range: Range,
    pub(crate) wants_all: bool,
    pub(crate) each: Option<(Slot, &'p Expression)>,
}

/// Finds the steps from a node, along the path or against it.
pub(crate) trait Adjacent {
    /// Appends them to `steps`.
    fn of(
        &self,
        node: NodeId,
        is_backward: bool,
        steps: &mut Vec<Step>,
        context: &mut Context<'_>,
    ) -> Result<(), QueryError>;
}

/// The neighbours of a row.
struct RowNeighbours<'n, 'q> {
    neighbours: &'n Neighbours<'q>,
    direction: Option<Direction>,
    row: usize,
}

impl Adjacent for RowNeighbours<'_, '_> {
    fn of(
        &self,
        node: NodeId,
        is_backward: bool,
        steps: &mut Vec<Step>,
        context: &mut Context<'_>,
    ) -> Result<(), QueryError> {
        let direction = if is_backward {
            self.direction.map(Direction::reverse)
        } else {
            self.direction
        };
        self.neighbours
            .of(node, self.row, direction, steps, context)
    }
}

/// How a node was reached from one side.
struct Reached {
    depth: u32,
    /// The nodes before it and the relationships from there.
    parents: SmallVec<[Step; 1]>,
}

/// The search from one side.
#[derive(Default)]
struct Side {
    reached: HashMap<NodeId, Reached, foldhash::fast::RandomState>,
    frontier: Vec<NodeId>,
    depth: u32,
}

impl Side {
    fn begin(&mut self, node: NodeId) {
        self.reached.clear();
        self.frontier.clear();
        self.frontier.push(node);
        self.depth = 0;
        self.reached.insert(
            node,
            Reached {
                depth: 0,
                parents: SmallVec::new(),
            },
        );
    }

    /// Goes one level further; the new frontier is what was reached.
    fn advance(
        &mut self,
        is_backward: bool,
        wants_all: bool,
        adjacent: &dyn Adjacent,
        context: &mut Context<'_>,
    ) -> Result<(), QueryError> {
        let frontier = std::mem::take(&mut self.frontier);
        self.depth += 1;
        let depth = self.depth;
        let mut steps = Vec::new();
        for node in frontier {
            steps.clear();
            adjacent.of(node, is_backward, &mut steps, context)?;
            for &(neighbour, id) in &steps {
                match self.reached.get_mut(&neighbour) {
                    None => {
                        let parents = SmallVec::from_buf([(node, id)]);
                        self.reached.insert(neighbour, Reached { depth, parents });
                        self.frontier.push(neighbour);
                    }
                    Some(known) if wants_all && known.depth == depth => {
                        known.parents.push((node, id));
                    }
                    Some(_) => {}
                }
            }
        }
        let bytes = self.reached.len() * (size_of::<Reached>() + size_of::<NodeId>());
        context.charge_at_least("ShortestPath", bytes)
    }

    /// The relationships of all (or one of the) ways from the origin of this side to a node, from
    /// the node backwards.
    fn ways(&self, node: NodeId, wants_all: bool) -> Vec<Vec<RelationshipId>> {
        let mut done = Vec::new();
        let mut open = vec![(node, Vec::new())];
        while let Some((node, way)) = open.pop() {
            let Some(reached) = self.reached.get(&node) else {
                continue;
            };
            if reached.depth == 0 {
                done.push(way);
                continue;
            }
            let count = if wants_all { reached.parents.len() } else { 1 };
            for &(parent, id) in reached.parents.iter().take(count).rev() {
                let mut way = way.clone();
                way.push(id);
                open.push((parent, way));
            }
        }
        done
    }
}

/// Shortest paths for each row.
pub(crate) fn search(
    search: &Search<'_>,
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let walk = search.walk;
    let neighbours = Neighbours::new(walk, search.each, batch, context);
    let added = vec![Added::Values(search.relationships, Vec::new())];
    let mut fan = Fan::new(batch, live, context.view, added);
    let mut meeting = Meeting::default();
    for (row, number) in (0..batch.rows).zip(0u32..) {
        let (Some(from), Some(to)) = (
            node_of(batch.column(walk.from), row)?,
            node_of(batch.column(walk.to), row)?,
        ) else {
            continue;
        };
        let mut paths: Vec<Vec<RelationshipId>> = Vec::new();
        if from == to {
            if search.range.min == 0 {
                paths.push(Vec::new());
            }
        } else if let Some(neighbours) = &neighbours {
            let adjacent = RowNeighbours {
                neighbours,
                direction: walk.direction,
                row,
            };
            paths = meeting.search(
                (from, to),
                search.range.max,
                search.wants_all,
                &adjacent,
                context,
            )?;
        }
        for path in paths {
            fan.origins.push(number);
            if let Some(Added::Values(_, lists)) = fan.added.first_mut() {
                lists.push(path_list(&path, false, context.view));
            }
            if fan.flush_full(context, rest)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
    }
    fan.flush(context, rest)
}

/// A search from both sides; it keeps its memory from one pair of nodes to the next.
#[derive(Default)]
pub(crate) struct Meeting {
    forward: Side,
    backward: Side,
}

impl Meeting {
    /// One of the shortest paths between two different nodes, or all of them, of at most `max`
    /// relationships.
    pub(crate) fn search(
        &mut self,
        (from, to): (NodeId, NodeId),
        max: u32,
        wants_all: bool,
        adjacent: &dyn Adjacent,
        context: &mut Context<'_>,
    ) -> Result<Vec<Vec<RelationshipId>>, QueryError> {
        self.forward.begin(from);
        self.backward.begin(to);
        meet(
            max,
            wants_all,
            adjacent,
            &mut self.forward,
            &mut self.backward,
            context,
        )
    }
}

fn meet(
    max: u32,
    all: bool,
    adjacent: &dyn Adjacent,
    forward: &mut Side,
    backward: &mut Side,
    context: &mut Context<'_>,
) -> Result<Vec<Vec<RelationshipId>>, QueryError> {
    while forward.depth + backward.depth < max
        && !forward.frontier.is_empty()
        && !backward.frontier.is_empty()
    {
        let (ahead, behind) = if forward.frontier.len() <= backward.frontier.len() {
            forward.advance(false, all, adjacent, context)?;
            (&*forward, &*backward)
        } else {
            backward.advance(true, all, adjacent, context)?;
            (&*backward, &*forward)
        };
        let mut met = ahead
            .frontier
            .iter()
            .copied()
            .filter(|node| behind.reached.contains_key(node));
        let count = if all { usize::MAX } else { 1 };
        let met: Vec<NodeId> = met.by_ref().take(count).collect();
        if met.is_empty() {
            continue;
        }
        let mut paths = Vec::new();
        for node in met {
            let ends = backward.ways(node, all);
            for mut begin in forward.ways(node, all) {
                begin.reverse();
                for end in &ends {
                    context.tick(1)?;
                    paths.push(begin.iter().chain(end).copied().collect());
                }
            }
        }
        return Ok(paths);
    }
    Ok(Vec::new())
}
