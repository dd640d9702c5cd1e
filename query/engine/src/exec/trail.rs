//! Variable-length expand.
//!
//! Cypher's variable-length patterns match *trails*: walks that use no relationship twice. In
//! general they are enumerated depth first. Where only the distinct end nodes matter
//! (`count(DISTINCT b)`), a breadth-first search gives them at a cost linear in the graph instead: a
//! shortest walk is a trail, so every node within `max` steps is the end of one. The start itself is
//! an end only if a closed trail leads back to it, which for undirected patterns is a question of
//! cycles: see [`Reach`]. With a least length above 1 this argument fails and the trails are
//! enumerated.

use hashbrown::HashMap;
use retrograph_graph::ids::{NodeId, RelationshipId, TypeId};
use retrograph_graph::value::{RelationshipRef, Value};

use super::batch::Batch;
use super::context::Context;
use super::expand::{Exclusions, node_of};
use super::expression::{eval, used};
use super::fan::{Added, Fan};
use super::id_set::IdSet;
use super::kernels::{self, Selected};
use super::pipeline::{Flow, Rest};
use super::vector::Vector;
use crate::error::QueryError;
use crate::plan::operator::Walk;
use crate::plan::{Expression, Slot};

/// How many relationships a variable-length pattern may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub(crate) min: u32,
    pub(crate) max: u32,
}

impl Range {
    /// Whether a length lies within.
    pub(crate) fn contains(&self, length: usize) -> bool {
        length >= self.min as usize && length <= self.max as usize
    }
}

/// A variable-length pattern.
pub(crate) struct Trails<'p> {
    pub(crate) walk: &'p Walk,
    pub(crate) relationships: Option<Slot>,
    pub(crate) is_reversed: bool,
    pub(crate) range: Range,
    pub(crate) each: Option<(Slot, &'p Expression)>,
    pub(crate) only_ends: bool,
}

/// Finds the relationships of nodes that a pattern allows.
pub(crate) struct Neighbours<'q> {
    types: Vec<TypeId>,
    each: Option<(Slot, &'q Expression, Vec<Slot>)>,
    exclusions: Exclusions<'q>,
    batch: &'q Batch,
}

/// A step: the node reached and the relationship that leads there.
pub(crate) type Step = (NodeId, RelationshipId);

impl<'q> Neighbours<'q> {
    /// `None` if no relationship can match because none of the types exists.
    pub(crate) fn new(
        walk: &Walk,
        each: Option<(Slot, &'q Expression)>,
        batch: &'q Batch,
        context: &Context<'_>,
    ) -> Option<Self> {
        let types = context.types(&walk.types)?;
        let each = each.map(|(slot, predicate)| {
            let mut slots = used(predicate);
            slots.retain(|used| *used != slot);
            (slot, predicate, slots)
        });
        Some(Self {
            types,
            each,
            exclusions: Exclusions::new(walk, batch),
            batch,
        })
    }

    /// Appends the steps from a node to `steps`.
    pub(crate) fn of(
        &self,
        node: NodeId,
        row: usize,
        direction: Option<retrograph_graph::ids::Direction>,
        steps: &mut Vec<Step>,
        context: &mut Context<'_>,
    ) -> Result<(), QueryError> {
        let before = steps.len();
        let excluded = self.exclusions.of(row);
        let excluded = excluded.as_slice();
        context
            .read()
            .expand(node, direction, &self.types, |neighbour, id, _| {
                if !excluded.contains(&id) {
                    steps.push((neighbour, id));
                }
            })?;
        context.tick(1 + steps.len() - before)?;
        if let Some((slot, predicate, slots)) = &self.each
            && steps.len() > before
        {
            let mut inner = self.batch.row(row, slots);
            inner.rows = steps.len() - before;
            let ids = steps[before..].iter().map(|(_, id)| *id).collect();
            inner.set(
                *slot,
                Vector::Relationships {
                    ids,
                    view: context.view,
                },
            );
            let keep = eval(predicate, &inner, context)?;
            if let Selected::Some(kept) = kernels::selected(&keep, inner.rows)? {
                for (to, from) in kept.iter().enumerate() {
                    steps[before + to] = steps[before + *from as usize];
                }
                steps.truncate(before + kept.len());
            }
        }
        Ok(())
    }
}

/// Variable-length expand.
pub(crate) fn expand(
    trails: &Trails<'_>,
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let walk = trails.walk;
    let neighbours = Neighbours::new(walk, trails.each, batch, context);
    let relationships = trails.relationships.filter(|slot| live.contains(slot));
    let by_reach = trails.only_ends && relationships.is_none() && trails.range.min <= 1;
    let mut fan = Fan::new(batch, live, context.view, Vec::new());
    if !walk.into {
        fan.added.push(Added::Nodes(walk.to, Vec::new()));
    }
    if let Some(slot) = relationships {
        fan.added.push(Added::Values(slot, Vec::new()));
    }
    let mut reach = Reach::default();
    let mut search = DepthFirst::default();
    for (row, number) in (0..batch.rows).zip(0u32..) {
        let Some(start) = node_of(batch.column(walk.from), row)? else {
            continue;
        };
        let target = if walk.into {
            match node_of(batch.column(walk.to), row)? {
                Some(target) => Some(target),
                None => continue,
            }
        } else {
            None
        };
        let mut emit = |node: NodeId,
                        path: &[RelationshipId],
                        context: &mut Context<'_>|
         -> Result<Flow, QueryError> {
            if target.is_some_and(|target| target != node) {
                return Ok(Flow::More);
            }
            fan.origins.push(number);
            for added in &mut fan.added {
                match added {
                    Added::Nodes(_, ids) => ids.push(node),
                    Added::Values(_, lists) => {
                        lists.push(path_list(path, trails.is_reversed, context.view));
                    }
                    Added::Relationships(..) => {}
                }
            }
            fan.flush_full(context, rest)
        };
        let flow = match &neighbours {
            None if trails.range.min == 0 => emit(start, &[], context)?,
            None => Flow::More,
            Some(neighbours) if by_reach => {
                reach.run(start, row, trails, neighbours, context, &mut emit)?
            }
            Some(neighbours) => search.run(start, row, trails, neighbours, context, &mut emit)?,
        };
        if flow == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    fan.flush(context, rest)
}

/// The list value of a trail.
pub(crate) fn path_list(path: &[RelationshipId], is_reversed: bool, view: u8) -> Value {
    let value = |id: &RelationshipId| Value::Relationship(RelationshipRef { id: *id, view });
    if is_reversed {
        Value::List(path.iter().rev().map(value).collect())
    } else {
        Value::List(path.iter().map(value).collect())
    }
}

/// Receives the end of a trail with its relationships.
type Emit<'e> =
    dyn FnMut(NodeId, &[RelationshipId], &mut Context<'_>) -> Result<Flow, QueryError> + 'e;

/// Enumerates trails depth first. The steps still to be tried at each depth lie one after the other
/// in one vector.
#[derive(Default)]
struct DepthFirst {
    steps: Vec<Step>,
    /// For each depth the place in `steps` of the next step to try.
    frames: Vec<usize>,
    path: Vec<RelationshipId>,
}

impl DepthFirst {
    fn run(
        &mut self,
        start: NodeId,
        row: usize,
        trails: &Trails<'_>,
        neighbours: &Neighbours<'_>,
        context: &mut Context<'_>,
        emit: &mut Emit<'_>,
    ) -> Result<Flow, QueryError> {
        let Range { min, max } = trails.range;
        self.steps.clear();
        self.frames.clear();
        self.path.clear();
        if min == 0 && emit(start, &[], context)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
        if max == 0 {
            return Ok(Flow::More);
        }
        // A frame ends where the next one begins; popping truncates, so steps are taken from the
        // end and the list of a frame is reversed to keep the store's order.
        self.open(start, row, trails, neighbours, context)?;
        while let Some(&begin) = self.frames.last() {
            if self.steps.len() == begin {
                self.frames.pop();
                self.path.pop();
                continue;
            }
            let Some((node, id)) = self.steps.pop() else {
                break;
            };
            if self.path.contains(&id) {
                continue;
            }
            self.path.push(id);
            let depth = self.path.len();
            if depth >= min as usize && emit(node, &self.path, context)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
            if depth < max as usize {
                self.open(node, row, trails, neighbours, context)?;
            } else {
                self.path.pop();
            }
        }
        Ok(Flow::More)
    }

    fn open(
        &mut self,
        node: NodeId,
        row: usize,
        trails: &Trails<'_>,
        neighbours: &Neighbours<'_>,
        context: &mut Context<'_>,
    ) -> Result<(), QueryError> {
        let begin = self.steps.len();
        self.frames.push(begin);
        neighbours.of(node, row, trails.walk.direction, &mut self.steps, context)?;
        self.steps[begin..].reverse();
        context.charge_at_least("ExpandVariable", self.steps.len() * size_of::<Step>())
    }
}

/// Finds the nodes within reach breadth first.
///
/// Whether the start is reached again by a trail: directed walks that return have used no
/// relationship twice if they are shortest. Undirected ones might go there and back over the same
/// relationship. So each node remembers the *branch* it was reached by, the first relationship of
/// its path; a relationship between nodes of two branches closes a cycle through the start, and the
/// shortest cycle through it is found that way.
#[derive(Default)]
struct Reach {
    visited: IdSet,
    frontier: Vec<NodeId>,
    next: Vec<NodeId>,
    steps: Vec<Step>,
    /// For undirected walks: depth and branch by node.
    branches: HashMap<NodeId, (u32, RelationshipId), foldhash::fast::RandomState>,
}

impl Reach {
    fn run(
        &mut self,
        start: NodeId,
        row: usize,
        trails: &Trails<'_>,
        neighbours: &Neighbours<'_>,
        context: &mut Context<'_>,
        emit: &mut Emit<'_>,
    ) -> Result<Flow, QueryError> {
        let Range { min, max } = trails.range;
        let direction = trails.walk.direction;
        self.visited.clear();
        self.frontier.clear();
        self.branches.clear();
        self.frontier.push(start);
        self.visited.insert(start.0);
        // Whether the start has been emitted or need not be.
        let mut returned = min == 0;
        if min == 0 && emit(start, &[], context)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
        let mut depth = 0;
        while depth < max && !self.frontier.is_empty() {
            depth += 1;
            self.next.clear();
            for at in 0..self.frontier.len() {
                let node = self.frontier[at];
                self.steps.clear();
                neighbours.of(node, row, direction, &mut self.steps, context)?;
                for step in 0..self.steps.len() {
                    let (neighbour, id) = self.steps[step];
                    if !returned && self.closes_cycle(start, node, depth, (neighbour, id), trails) {
                        returned = true;
                        if emit(start, &[], context)? == Flow::Stop {
                            return Ok(Flow::Stop);
                        }
                    }
                    if self.visited.insert(neighbour.0) {
                        if direction.is_none() && min == 1 {
                            let branch = self.branches.get(&node).map_or(id, |(_, branch)| *branch);
                            self.branches.insert(neighbour, (depth, branch));
                        }
                        self.next.push(neighbour);
                        if emit(neighbour, &[], context)? == Flow::Stop {
                            return Ok(Flow::Stop);
                        }
                    }
                }
            }
            std::mem::swap(&mut self.frontier, &mut self.next);
        }
        Ok(Flow::More)
    }

    /// Whether a step from a node of depth `depth - 1` closes a trail through the start that is not
    /// longer than allowed.
    fn closes_cycle(
        &self,
        start: NodeId,
        node: NodeId,
        depth: u32,
        (neighbour, id): Step,
        trails: &Trails<'_>,
    ) -> bool {
        if trails.walk.direction.is_some() || node == neighbour {
            // A self-loop elsewhere closes nothing.
            return neighbour == start;
        }
        if neighbour == start || node == start {
            // A second relationship between the start and a neighbour of it.
            let other = if node == start { neighbour } else { node };
            return self
                .branches
                .get(&other)
                .is_some_and(|(other_depth, branch)| {
                    *branch != id && *other_depth < trails.range.max
                });
        }
        match (self.branches.get(&node), self.branches.get(&neighbour)) {
            (Some((_, branch)), Some((other_depth, other_branch))) => {
                branch != other_branch && depth + other_depth <= trails.range.max
            }
            _ => false,
        }
    }
}
