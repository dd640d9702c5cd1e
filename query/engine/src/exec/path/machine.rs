//! Runs the segments of a path program from a node: the edges of its *product graph*.
//!
//! A state says how far a match has come: which segment is next and how often it has been repeated.
//! A state at a node is a node of the product graph; one repetition of a segment is an edge, and so is
//! moving on to the next segment, which takes no relationship. Tests within a repetition and at
//! junctures are decided here, so every walk through the product graph from the first state to the last
//! meets them.

use retrograph_graph::ids::{Direction, NodeId, TypeId};
use retrograph_graph::value::{NodeRef, Value};
use smallvec::SmallVec;

use crate::error::QueryError;
use crate::exec::batch::Batch;
use crate::exec::context::Context;
use crate::exec::expand::Exclusions;
use crate::exec::expression::{eval, used};
use crate::exec::kernels::{self, Selected};
use crate::exec::trail::Step;
use crate::exec::vector::Vector;
use crate::plan::operator::Walk;
use crate::plan::path::{PathProgram, Restriction, Segment};
use crate::plan::{Expression, Slot};

/// The relationships of one repetition with the nodes they lead to.
pub(super) type Iteration = SmallVec<[Step; 1]>;

/// How far a match has come, in the direction of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct State {
    /// The segment that is next; the number of segments if all are done.
    pub(super) segment: u16,
    /// How often it has been repeated, as far as that matters.
    pub(super) count: u32,
}

/// An edge of the product graph.
pub(super) struct Edge {
    /// The node it leads to.
    pub(super) node: NodeId,
    /// The state there.
    pub(super) state: State,
    /// What it passes; nothing where it only moves on to the next segment.
    pub(super) steps: Iteration,
}

/// Takes a repetition.
type Emit<'e> = dyn FnMut(&[Step], &mut Context<'_>) -> Result<(), QueryError> + 'e;

/// How many edges are gathered between two looks at the memory.
const EDGES_BETWEEN_LOOKS: usize = 4096;

struct Hop<'q> {
    relationship: Slot,
    direction: Option<Direction>,
    /// None if no type of these names exists.
    types: Option<Vec<TypeId>>,
    /// The tests that can be decided here and no earlier, with what they read of the row.
    tests: Vec<&'q Expression>,
    reads: Vec<Slot>,
}

struct Line<'q> {
    min: u32,
    max: u32,
    nodes: Vec<Slot>,
    hops: Vec<Hop<'q>>,
}

struct Gate<'q> {
    slot: Slot,
    tests: &'q [Expression],
    reads: Vec<Slot>,
}

/// A program made ready for a batch of rows.
pub(super) struct Machine<'q> {
    lines: Vec<Line<'q>>,
    /// By juncture, in the direction of the walk.
    gates: Vec<Gate<'q>>,
    exclusions: Exclusions<'q>,
    batch: &'q Batch,
    may_repeat: bool,
}

impl<'q> Machine<'q> {
    /// A machine that walks a program from its first node, or from its last if `is_reversed`.
    pub(super) fn new(
        program: &'q PathProgram,
        walk: &Walk,
        is_reversed: bool,
        batch: &'q Batch,
        context: &Context<'_>,
    ) -> Self {
        let mut lines: Vec<Line<'q>> = program
            .segments
            .iter()
            .map(|segment| line(segment, is_reversed, context))
            .collect();
        let mut gates: Vec<Gate<'q>> = program
            .junctures
            .iter()
            .map(|juncture| Gate {
                slot: juncture.slot,
                tests: &juncture.tests,
                reads: reads(juncture.tests.iter()),
            })
            .collect();
        if is_reversed {
            lines.reverse();
            gates.reverse();
        }
        Self {
            lines,
            gates,
            exclusions: Exclusions::new(walk, batch),
            batch,
            may_repeat: program.restriction == Restriction::Walk,
        }
    }

    /// Where a match begins.
    pub(super) fn first(&self) -> State {
        State {
            segment: 0,
            count: 0,
        }
    }

    /// Where a match ends.
    pub(super) fn last(&self) -> State {
        State {
            segment: u16::try_from(self.lines.len()).unwrap_or(u16::MAX),
            count: 0,
        }
    }

    /// Appends the edges that leave a state at a node.
    pub(super) fn edges(
        &self,
        node: NodeId,
        state: State,
        row: usize,
        edges: &mut Vec<Edge>,
        context: &mut Context<'_>,
    ) -> Result<(), QueryError> {
        let at = usize::from(state.segment);
        let Some(line) = self.lines.get(at) else {
            return Ok(());
        };
        context.tick(1)?;
        if state.count >= line.min && self.passes(at + 1, node, row, context)? {
            edges.push(Edge {
                node,
                state: State {
                    segment: state.segment + 1,
                    count: 0,
                },
                steps: Iteration::new(),
            });
        }
        if state.count >= line.max {
            return Ok(());
        }
        // Without an upper bound only the way to the least number of repetitions is counted.
        let count = if line.max == u32::MAX {
            (state.count + 1).min(line.min)
        } else {
            state.count + 1
        };
        let next = State { count, ..state };
        let mut emit = |steps: &[Step], context: &mut Context<'_>| {
            if let Some((end, _)) = steps.last() {
                edges.push(Edge {
                    node: *end,
                    state: next,
                    steps: steps.into(),
                });
            }
            if !edges.len().is_multiple_of(EDGES_BETWEEN_LOOKS) {
                return Ok(());
            }
            let bytes = size_of::<Edge>() + size_of_val(steps);
            context.charge_at_least("ExpandPath", edges.len() * bytes)
        };
        self.hop(line, node, row, &mut Iteration::new(), &mut emit, context)
    }

    /// One hop of a repetition from where its steps so far have led, and those behind it.
    fn hop(
        &self,
        line: &Line<'q>,
        start: NodeId,
        row: usize,
        done: &mut Iteration,
        emit: &mut Emit<'_>,
        context: &mut Context<'_>,
    ) -> Result<(), QueryError> {
        let at = done.len();
        let Some(hop) = line.hops.get(at) else {
            return emit(done, context);
        };
        let mut found: SmallVec<[Step; 16]> = SmallVec::new();
        self.neighbours(line, start, row, done, &mut found, context)?;
        debug_assert!(hop.types.is_some() || found.is_empty());
        // What is left of a neighbourhood is held while the hops behind it are walked.
        let bytes = found.len() * size_of::<Step>();
        context.charge("ExpandPath", bytes)?;
        for step in found {
            done.push(step);
            self.hop(line, start, row, done, emit, context)?;
            done.pop();
        }
        context.release(bytes);
        Ok(())
    }

    fn neighbours(
        &self,
        line: &Line<'q>,
        start: NodeId,
        row: usize,
        done: &Iteration,
        found: &mut SmallVec<[Step; 16]>,
        context: &mut Context<'_>,
    ) -> Result<(), QueryError> {
        let Some(hop) = line.hops.get(done.len()) else {
            return Ok(());
        };
        let Some(types) = &hop.types else {
            return Ok(());
        };
        let node = done.last().map_or(start, |(node, _)| *node);
        let excluded = self.exclusions.of(row);
        // A neighbourhood that has no room is not taken in to its end.
        let steps_max = context.memory_left() / size_of::<Step>();
        context
            .read()
            .expand(node, hop.direction, types, |neighbour, id, _| {
                let is_used = !self.may_repeat && done.iter().any(|(_, used)| *used == id);
                if !is_used && !excluded.contains(&id) && found.len() <= steps_max {
                    found.push((neighbour, id));
                }
            })?;
        context.charge_at_least("ExpandPath", found.len() * size_of::<Step>())?;
        context.tick(1 + found.len())?;
        if hop.tests.is_empty() || found.is_empty() {
            return Ok(());
        }
        let view = context.view;
        let mut inner = self.batch.row(row, &hop.reads);
        let node_value = |id: NodeId| Vector::Constant(Value::Node(NodeRef { id, view }));
        inner.set(line.nodes[0], node_value(start));
        for (place, (node, id)) in done.iter().enumerate() {
            inner.set(line.nodes[place + 1], node_value(*node));
            let slot = line.hops[place].relationship;
            inner.set(slot, crate::exec::fan::relationship_vector(vec![*id], view));
        }
        for test in &hop.tests {
            if found.is_empty() {
                break;
            }
            inner.rows = found.len();
            let nodes = found.iter().map(|(node, _)| *node).collect();
            let ids = found.iter().map(|(_, id)| *id).collect();
            inner.set(
                line.nodes[done.len() + 1],
                Vector::Nodes { ids: nodes, view },
            );
            inner.set(hop.relationship, Vector::Relationships { ids, view });
            let keep = eval(test, &inner, context)?;
            if let Selected::Some(kept) = kernels::selected(&keep, inner.rows)? {
                for (to, from) in kept.iter().enumerate() {
                    found[to] = found[*from as usize];
                }
                found.truncate(kept.len());
            }
        }
        Ok(())
    }

    /// Whether a node may be the juncture at this place.
    fn passes(
        &self,
        place: usize,
        node: NodeId,
        row: usize,
        context: &mut Context<'_>,
    ) -> Result<bool, QueryError> {
        let Some(gate) = self.gates.get(place) else {
            return Ok(true);
        };
        if gate.tests.is_empty() {
            return Ok(true);
        }
        let mut inner = self.batch.row(row, &gate.reads);
        let view = context.view;
        let node = Value::Node(NodeRef { id: node, view });
        inner.set(gate.slot, Vector::Constant(node));
        for test in gate.tests {
            let keep = eval(test, &inner, context)?;
            if matches!(kernels::selected(&keep, 1)?, Selected::Some(kept) if kept.is_empty()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The steps of one hop, for a program that is nothing but repetitions of one relationship.
    pub(super) fn steps(
        &self,
        node: NodeId,
        row: usize,
        steps: &mut Vec<Step>,
        context: &mut Context<'_>,
    ) -> Result<(), QueryError> {
        let Some(line) = self.lines.first() else {
            return Ok(());
        };
        let mut found = SmallVec::new();
        self.neighbours(line, node, row, &Iteration::new(), &mut found, context)?;
        steps.extend(found);
        Ok(())
    }
}

fn line<'q>(segment: &'q Segment, is_reversed: bool, context: &Context<'_>) -> Line<'q> {
    let (min, max) = segment.repeat.unwrap_or((1, Some(1)));
    let mut nodes = segment.nodes.clone();
    let mut hops: Vec<Hop<'q>> = segment
        .hops
        .iter()
        .map(|hop| Hop {
            relationship: hop.relationship,
            direction: hop.direction,
            types: context.types(&hop.types),
            tests: Vec::new(),
            reads: Vec::new(),
        })
        .collect();
    if is_reversed {
        nodes.reverse();
        hops.reverse();
        for hop in &mut hops {
            hop.direction = hop.direction.map(Direction::reverse);
        }
    }
    for test in &segment.tests {
        let reads = used(test);
        let place = (0..hops.len())
            .rev()
            .find(|at| reads.contains(&hops[*at].relationship) || reads.contains(&nodes[at + 1]))
            .unwrap_or(0);
        if let Some(hop) = hops.get_mut(place) {
            hop.tests.push(test);
        }
    }
    for hop in &mut hops {
        hop.reads = reads(hop.tests.iter().copied());
    }
    Line {
        min,
        max: max.unwrap_or(u32::MAX),
        nodes,
        hops,
    }
}

fn reads<'q>(tests: impl Iterator<Item = &'q Expression>) -> Vec<Slot> {
    let mut slots: Vec<Slot> = tests.flat_map(used).collect();
    slots.sort_unstable();
    slots.dedup();
    slots
}
