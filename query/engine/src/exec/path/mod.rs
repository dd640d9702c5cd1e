//! Path programs: quantified path patterns and searches for paths.
//!
//! [`machine`] runs the segments of a program from one node. Where all matches count, they are
//! enumerated here depth first and handed on as they are found; [`search`] finds the shortest ones.
//! Repetitions of a single relationship between two known nodes are searched from both sides, as
//! shortestPath() is.

mod machine;
mod search;

use retrograph_graph::ids::{NodeId, RelationshipId};
use retrograph_graph::value::{NodeRef, RelationshipRef, Value};

use self::machine::{Edge, Iteration, Machine};
use self::search::{Judge, Task, Verdict};
use super::batch::Batch;
use super::context::Context;
use super::expand::node_of;
use super::expression::{eval, used};
use super::fan::{Added, Fan};
use super::kernels::{self, Selected};
use super::pipeline::{Flow, Rest};
use super::shortest::{Adjacent, Meeting};
use super::trail::Step;
use super::vector::Vector;
use crate::error::QueryError;
use crate::plan::Slot;
use crate::plan::operator::Walk;
use crate::plan::path::{PathProgram, Place, Restriction, Select};

/// What to find.
pub(crate) struct Paths<'p> {
    pub(crate) walk: &'p Walk,
    pub(crate) program: &'p PathProgram,
    pub(crate) relationships: Option<Slot>,
    pub(crate) is_reversed: bool,
}

/// An edge of the product graph that a match passes.
#[derive(Clone, Copy)]
struct Passed<'p> {
    /// The segment in the direction of the walk.
    segment: u16,
    steps: &'p [Step],
}

/// A match in the direction of the walk.
struct Found<'p> {
    start: NodeId,
    end: NodeId,
    passed: &'p [Passed<'p>],
}

/// Whether steps may follow a path that begins at `start`.
fn may_follow(restriction: Restriction, start: NodeId, path: &[Step], steps: &[Step]) -> bool {
    let earlier = |at: usize| path.iter().chain(&steps[..at]);
    match restriction {
        Restriction::Walk => true,
        Restriction::Trail => steps
            .iter()
            .enumerate()
            .all(|(at, (_, id))| earlier(at).all(|(_, used)| used != id)),
        Restriction::Acyclic => steps
            .iter()
            .enumerate()
            .all(|(at, (node, _))| *node != start && earlier(at).all(|(passed, _)| passed != node)),
        // Who is back at the start has ended; there and back by one relationship is no ring.
        Restriction::Simple => steps.iter().enumerate().all(|(at, (node, id))| {
            earlier(at).all(|(passed, used)| passed != node && *passed != start && used != id)
        }),
    }
}

/// Finds what a program matches for each row.
pub(crate) fn expand(
    paths: &Paths<'_>,
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let Paths { walk, program, .. } = paths;
    let machine = Machine::new(program, walk, paths.is_reversed, batch, context);
    let backward = paths
        .meets_in_the_middle()
        .then(|| Machine::new(program, walk, !paths.is_reversed, batch, context));
    let outputs = paths.outputs(live);
    let mut fan = Fan::new(batch, live, context.view, Vec::new());
    if !walk.into {
        fan.added.push(Added::Nodes(walk.to, Vec::new()));
    }
    fan.added.extend(
        outputs
            .iter()
            .map(|(slot, _)| Added::Values(*slot, Vec::new())),
    );
    let mut meeting = Meeting::default();
    for (row, number) in (0..batch.rows).zip(0u32..) {
        let Some(start) = node_of(batch.column(walk.from), row)? else {
            continue;
        };
        let end = if walk.into {
            match node_of(batch.column(walk.to), row)? {
                Some(end) => Some(end),
                None => continue,
            }
        } else {
            None
        };
        let mut judge = |found: Found<'_>, context: &mut Context<'_>| {
            if end.is_some_and(|end| end != found.end)
                || !paths.is_whole(&found, batch, row, context)?
            {
                return Ok(Verdict::Fails);
            }
            fan.origins.push(number);
            for added in &mut fan.added {
                match added {
                    Added::Nodes(_, ids) => ids.push(found.end),
                    Added::Values(slot, values) => {
                        let output = outputs.iter().find(|(known, _)| known == slot);
                        values.push(match output {
                            Some((_, output)) => paths.value(*output, &found, context.view),
                            None => Value::Null,
                        });
                    }
                    Added::Relationships(..) => {}
                }
            }
            Ok(if fan.flush_full(context, rest)? == Flow::Stop {
                Verdict::Stop
            } else {
                Verdict::Counts
            })
        };
        let stopped = match (&backward, end) {
            _ if program.takes_all() => every(
                &machine,
                program.restriction,
                start,
                row,
                context,
                &mut judge,
            )?,
            (Some(backward), Some(end)) if start != end => {
                let sides = Sides {
                    forward: &machine,
                    backward,
                    row,
                };
                both_sides(paths, &sides, start, end, &mut meeting, context, &mut judge)?
            }
            _ => {
                let task = Task {
                    machine: &machine,
                    row,
                    start,
                    end,
                    select: program.select,
                    restriction: program.restriction,
                    counts_every_path: program.whole.is_empty(),
                };
                search::search(&task, context, &mut judge)?
            }
        };
        if stopped {
            return Ok(Flow::Stop);
        }
    }
    fan.flush(context, rest)
}

/// Enumerates all matches from a node depth first; gives whether no more rows are wanted.
fn every(
    machine: &Machine<'_>,
    restriction: Restriction,
    start: NodeId,
    row: usize,
    context: &mut Context<'_>,
    judge: &mut Judge<'_>,
) -> Result<bool, QueryError> {
    let last = machine.last();
    // The edges still to be followed, those of each node passed behind a mark of where they begin.
    let mut open: Vec<Edge> = Vec::new();
    let mut begins: Vec<usize> = vec![0];
    let mut way: Vec<(u16, Iteration)> = Vec::new();
    let mut path: Vec<Step> = Vec::new();
    let mut segments: Vec<u16> = vec![machine.first().segment];
    machine.edges(start, machine.first(), row, &mut open, context)?;
    open.reverse();
    while let Some(&begin) = begins.last() {
        if open.len() == begin {
            begins.pop();
            segments.pop();
            if let Some((_, steps)) = way.pop() {
                path.truncate(path.len() - steps.len());
            }
            continue;
        }
        let Some(edge) = open.pop() else {
            break;
        };
        if !may_follow(restriction, start, &path, &edge.steps) {
            context.tick(1)?;
            continue;
        }
        path.extend_from_slice(&edge.steps);
        let segment = segments.last().copied().unwrap_or_default();
        way.push((segment, edge.steps));
        segments.push(edge.state.segment);
        begins.push(open.len());
        if edge.state == last {
            let passed: Vec<Passed<'_>> = way
                .iter()
                .map(|(segment, steps)| Passed {
                    segment: *segment,
                    steps,
                })
                .collect();
            let found = Found {
                start,
                end: edge.node,
                passed: &passed,
            };
            if judge(found, context)? == Verdict::Stop {
                return Ok(true);
            }
            continue;
        }
        let begin = open.len();
        machine.edges(edge.node, edge.state, row, &mut open, context)?;
        open[begin..].reverse();
        let bytes = open.len() * size_of::<Edge>() + path.len() * 2 * size_of::<Step>();
        context.charge_at_least("ExpandPath", bytes)?;
    }
    Ok(false)
}

/// A program of one repeated relationship, from both of its ends.
struct Sides<'s, 'q> {
    forward: &'s Machine<'q>,
    backward: &'s Machine<'q>,
    row: usize,
}

impl Adjacent for Sides<'_, '_> {
    fn of(
        &self,
        node: NodeId,
        is_backward: bool,
        steps: &mut Vec<Step>,
        context: &mut Context<'_>,
    ) -> Result<(), QueryError> {
        let machine = if is_backward {
            self.backward
        } else {
            self.forward
        };
        machine.steps(node, self.row, steps, context)
    }
}

fn both_sides(
    paths: &Paths<'_>,
    sides: &Sides<'_, '_>,
    start: NodeId,
    end: NodeId,
    meeting: &mut Meeting,
    context: &mut Context<'_>,
    judge: &mut Judge<'_>,
) -> Result<bool, QueryError> {
    let max = paths
        .program
        .segments
        .first()
        .and_then(|segment| segment.repeat);
    let max = max.and_then(|(_, max)| max).unwrap_or(u32::MAX);
    let wants_all = paths.program.select == Select::Groups(1);
    for ids in meeting.search((start, end), max, wants_all, sides, context)? {
        let steps = steps_along(start, &ids, context)?;
        let passed: Vec<Passed<'_>> = steps
            .iter()
            .map(|step| Passed {
                segment: 0,
                steps: std::slice::from_ref(step),
            })
            .collect();
        let found = Found {
            start,
            end,
            passed: &passed,
        };
        if judge(found, context)? == Verdict::Stop {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The nodes that a line of relationships leads to.
fn steps_along(
    start: NodeId,
    ids: &[RelationshipId],
    context: &Context<'_>,
) -> Result<Vec<Step>, QueryError> {
    let mut node = start;
    let mut steps = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some((_, from, to)) = context.read().ends(*id)? {
            node = if from == node { to } else { from };
        }
        steps.push((node, *id));
    }
    Ok(steps)
}

/// A variable that a program fills.
#[derive(Clone, Copy)]
enum Output {
    /// All relationships.
    Relationships,
    /// The node at a juncture.
    Juncture(usize),
    /// The relationship of a segment that is not repeated.
    Single(usize),
    /// A list over the repetitions of a segment.
    Group(usize, Place),
}

impl Paths<'_> {
    /// Whether shortest paths can be sought from both sides: repetitions of one relationship, of which
    /// any number from the least will do, so that no shortest path passes a node twice.
    fn meets_in_the_middle(&self) -> bool {
        let program = self.program;
        let is_plain = match &program.segments[..] {
            [segment] => segment.hops.len() == 1 && matches!(segment.repeat, Some((0 | 1, _))),
            _ => false,
        };
        self.walk.into
            && is_plain
            && program.whole.is_empty()
            && matches!(program.select, Select::Paths(1) | Select::Groups(1))
    }

    /// The variables to fill.
    fn outputs(&self, live: &[Slot]) -> Vec<(Slot, Output)> {
        let mut outputs = self.all_outputs();
        outputs.retain(|(slot, _)| live.contains(slot));
        outputs
    }

    fn all_outputs(&self) -> Vec<(Slot, Output)> {
        let program = self.program;
        let mut outputs: Vec<(Slot, Output)> = Vec::new();
        outputs.extend(self.relationships.map(|slot| (slot, Output::Relationships)));
        let inner = program.inner_junctures().iter().enumerate();
        outputs.extend(inner.map(|(at, juncture)| (juncture.slot, Output::Juncture(at + 1))));
        for (at, segment) in program.segments.iter().enumerate() {
            match (segment.repeat, &segment.hops[..]) {
                (None, [hop]) => outputs.push((hop.relationship, Output::Single(at))),
                _ => outputs.extend(
                    segment
                        .groups
                        .iter()
                        .map(|(slot, place)| (*slot, Output::Group(at, *place))),
                ),
            }
        }
        outputs
    }

    /// Whether a match meets what whole paths must.
    fn is_whole(
        &self,
        found: &Found<'_>,
        batch: &Batch,
        row: usize,
        context: &mut Context<'_>,
    ) -> Result<bool, QueryError> {
        if self.program.whole.is_empty() {
            return Ok(true);
        }
        let mut reads: Vec<Slot> = self.program.whole.iter().flat_map(used).collect();
        reads.sort_unstable();
        reads.dedup();
        let mut inner = batch.row(row, &reads);
        for (slot, output) in self.outputs(&reads) {
            let value = self.value(output, found, context.view);
            inner.set(slot, Vector::Constant(value));
        }
        let view = context.view;
        for (slot, id) in [(self.walk.from, found.start), (self.walk.to, found.end)] {
            let node = Value::Node(NodeRef { id, view });
            inner.set(slot, Vector::Constant(node));
        }
        for test in &self.program.whole {
            let keep = eval(test, &inner, context)?;
            if matches!(kernels::selected(&keep, 1)?, Selected::Some(kept) if kept.is_empty()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a variable holds in a match.
    fn value(&self, output: Output, found: &Found<'_>, view: u8) -> Value {
        let relationship = |id: RelationshipId| Value::Relationship(RelationshipRef { id, view });
        let node = |id: NodeId| Value::Node(NodeRef { id, view });
        let steps = || found.passed.iter().flat_map(|passed| passed.steps);
        // Where the walk goes against the pattern, so does everything that it found.
        let in_order = |mut items: Vec<Value>| {
            if self.is_reversed {
                items.reverse();
            }
            Value::List(items.into())
        };
        let segments = self.program.segments.len();
        let along = |at: usize| {
            if self.is_reversed {
                segments - 1 - at
            } else {
                at
            }
        };
        match output {
            Output::Relationships => in_order(steps().map(|(_, id)| relationship(*id)).collect()),
            Output::Juncture(at) => {
                let at = if self.is_reversed { segments - at } else { at };
                let before = found
                    .passed
                    .iter()
                    .filter(|passed| usize::from(passed.segment) < at);
                let last = before.flat_map(|passed| passed.steps).last();
                node(last.map_or(found.start, |(node, _)| *node))
            }
            Output::Single(at) => {
                let at = along(at);
                let mut own = found
                    .passed
                    .iter()
                    .filter(|passed| usize::from(passed.segment) == at);
                let first = own.find_map(|passed| passed.steps.first());
                first.map_or(Value::Null, |(_, id)| relationship(*id))
            }
            Output::Group(at, place) => {
                let hops = self.program.segments[at].hops.len();
                let at = along(at);
                let place = match place {
                    Place::Node(place) if self.is_reversed => Place::Node(hops - place),
                    Place::Relationship(place) if self.is_reversed => {
                        Place::Relationship(hops - 1 - place)
                    }
                    place => place,
                };
                let mut items = Vec::new();
                let mut before = found.start;
                for passed in found.passed {
                    if usize::from(passed.segment) == at && !passed.steps.is_empty() {
                        items.push(match place {
                            Place::Node(0) => node(before),
                            Place::Node(place) => node(passed.steps[place - 1].0),
                            Place::Relationship(place) => relationship(passed.steps[place].1),
                        });
                    }
                    before = passed.steps.last().map_or(before, |(node, _)| *node);
                }
                in_order(items)
            }
        }
    }
}
