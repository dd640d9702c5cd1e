//! Searches for some of the paths between two nodes: the shortest ones.
//!
//! First the product graph is explored breadth first from the start, as far as need be. The way by
//! which an end was first reached is a shortest walk to it; if it is the only one wanted and breaks no
//! restriction, that is all. Otherwise paths are enumerated by length, best first: for each state the
//! exact distance to the end within the explored graph is known, so a partial path is followed only as
//! long as it can still reach the end, and in the order of the least length it can come to. The price of
//! a restriction such as TRAIL is paid only where shortest walks break it.

use std::collections::VecDeque;

use hashbrown::HashMap;
use retrograph_graph::ids::NodeId;

use super::machine::{Edge, Iteration, Machine, State};
use super::{Found, Passed, may_follow};
use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::trail::Step;
use crate::plan::path::{Restriction, Select};

const NONE: u32 = u32::MAX;

/// What is searched for in one row.
pub(super) struct Task<'t, 'q> {
    pub(super) machine: &'t Machine<'q>,
    pub(super) row: usize,
    pub(super) start: NodeId,
    /// The end, if it is known.
    pub(super) end: Option<NodeId>,
    pub(super) select: Select,
    pub(super) restriction: Restriction,
    /// Whether no condition is on whole paths: what leads on from a place then does not depend on the
    /// way to it.
    pub(super) counts_every_path: bool,
}

/// Judges a whole path and hands it on; says whether it counts.
pub(super) type Judge<'j> =
    dyn FnMut(Found<'_>, &mut Context<'_>) -> Result<Verdict, QueryError> + 'j;

/// What became of a whole path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts.
    Counts,
    /// It does not meet what whole paths must.
    Fails,
    /// No more rows are wanted.
    Stop,
}

/// An edge of the explored graph.
struct Explored {
    from: u32,
    to: u32,
    steps: Iteration,
}

/// The explored part of the product graph.
#[derive(Default)]
struct Product {
    numbers: HashMap<(NodeId, State), u32, foldhash::fast::RandomState>,
    states: Vec<(NodeId, State)>,
    distance: Vec<u32>,
    /// The edge by which a state was reached first.
    parent: Vec<u32>,
    edges: Vec<Explored>,
    /// The edges that leave a state, once it is settled.
    out: Vec<(u32, u32)>,
    /// The bytes of steps that do not lie within an edge.
    spilled_bytes: usize,
}

impl Product {
    fn number(&mut self, node: NodeId, state: State) -> u32 {
        let next = self.states.len() as u32;
        let number = *self.numbers.entry((node, state)).or_insert(next);
        if number == next {
            self.states.push((node, state));
            self.distance.push(NONE);
            self.parent.push(NONE);
            self.out.push((NONE, NONE));
        }
        number
    }

    fn bytes(&self) -> usize {
        self.states.len() * (2 * size_of::<(NodeId, State)>() + 20)
            + self.edges.len() * size_of::<Explored>()
            + self.spilled_bytes
    }

    /// The edges of the way by which a state was reached first.
    fn way(&self, mut number: u32) -> Vec<u32> {
        let mut way = Vec::new();
        while let Some(&edge) = self.parent.get(number as usize)
            && edge != NONE
        {
            way.push(edge);
            number = self.edges[edge as usize].from;
        }
        way.reverse();
        way
    }

    fn passed<'p>(&'p self, way: &'p [u32]) -> impl Iterator<Item = Passed<'p>> {
        way.iter().map(|edge| {
            let edge = &self.edges[*edge as usize];
            Passed {
                segment: self.states[edge.from as usize].1.segment,
                steps: &edge.steps,
            }
        })
    }
}

/// Searches for the paths of one row.
pub(super) fn search(
    task: &Task<'_, '_>,
    context: &mut Context<'_>,
    judge: &mut Judge<'_>,
) -> Result<bool, QueryError> {
    let mut product = Product::default();
    let last = task.machine.last();
    let mut judged_first = None;
    if let Some(end) = task.end {
        // The first way may already be what is wanted; else the rest is explored as well.
        let is_single = task.select == Select::Paths(1);
        let mut explorer = Explorer::begin(task, &mut product);
        while let Some(depth) = explorer.level(task, &mut product, context)? {
            let Some(&number) = product.numbers.get(&(end, last)) else {
                continue;
            };
            if product.distance[number as usize] > depth {
                continue;
            }
            if is_single && judged_first.is_none() {
                let verdict = first_way(task, &product, number, context, judge)?;
                if verdict != Verdict::Fails {
                    return Ok(verdict == Verdict::Stop);
                }
                judged_first = Some(verdict);
            }
            if task.select == Select::Groups(1) && judged_first.is_none() {
                // All ways of this length are explored.
                judged_first = Some(Verdict::Fails);
                let mut any = false;
                let stopped =
                    best_first(task, &product, number, context, &mut |found, context| {
                        let verdict = judge(found, context)?;
                        any |= verdict == Verdict::Counts;
                        Ok(verdict)
                    })?;
                if any || stopped {
                    return Ok(stopped);
                }
            }
        }
        let Some(&number) = product.numbers.get(&(end, last)) else {
            return Ok(false);
        };
        return best_first(task, &product, number, context, judge);
    }
    let mut explorer = Explorer::begin(task, &mut product);
    while explorer.level(task, &mut product, context)?.is_some() {}
    let mut ends: Vec<u32> = (0..product.states.len() as u32)
        .filter(|number| product.states[*number as usize].1 == last)
        .collect();
    ends.sort_unstable_by_key(|number| {
        let number = *number as usize;
        (product.distance[number], product.states[number].0)
    });
    for number in ends {
        if task.select == Select::Paths(1) {
            match first_way(task, &product, number, context, judge)? {
                Verdict::Counts => continue,
                Verdict::Stop => return Ok(true),
                Verdict::Fails => {}
            }
        }
        if best_first(task, &product, number, context, judge)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Judges the way by which an end was first reached.
fn first_way(
    task: &Task<'_, '_>,
    product: &Product,
    number: u32,
    context: &mut Context<'_>,
    judge: &mut Judge<'_>,
) -> Result<Verdict, QueryError> {
    let way = product.way(number);
    let mut path: Vec<Step> = Vec::new();
    for passed in product.passed(&way) {
        if !may_follow(task.restriction, task.start, &path, passed.steps) {
            return Ok(Verdict::Fails);
        }
        path.extend_from_slice(passed.steps);
    }
    let passed: Vec<Passed<'_>> = product.passed(&way).collect();
    let end = product.states[number as usize].0;
    judge(
        Found {
            start: task.start,
            end,
            passed: &passed,
        },
        context,
    )
}

/// Explores the product graph by distance.
struct Explorer {
    /// States by distance from `depth` on.
    open: VecDeque<Vec<u32>>,
    depth: u32,
    edges: Vec<Edge>,
}

impl Explorer {
    fn begin(task: &Task<'_, '_>, product: &mut Product) -> Self {
        let number = product.number(task.start, task.machine.first());
        product.distance[number as usize] = 0;
        Self {
            open: VecDeque::from([vec![number]]),
            depth: 0,
            edges: Vec::new(),
        }
    }

    /// Settles all states of the next distance, which it gives.
    fn level(
        &mut self,
        task: &Task<'_, '_>,
        product: &mut Product,
        context: &mut Context<'_>,
    ) -> Result<Option<u32>, QueryError> {
        if self.open.is_empty() {
            return Ok(None);
        }
        let depth = self.depth;
        // Moving on to the next segment takes no relationship, so the level grows while it is done.
        let mut at = 0;
        while let Some(&number) = self.open.front().and_then(|level| level.get(at)) {
            at += 1;
            let place = number as usize;
            if product.out[place].0 != NONE || product.distance[place] != depth {
                continue;
            }
            let (node, state) = product.states[place];
            self.edges.clear();
            let (machine, row) = (task.machine, task.row);
            machine.edges(node, state, row, &mut self.edges, context)?;
            let begin = product.edges.len() as u32;
            for edge in self.edges.drain(..) {
                let to = product.number(edge.node, edge.state);
                let length = edge.steps.len();
                let reached = depth.saturating_add(length as u32);
                if reached < product.distance[to as usize] {
                    product.distance[to as usize] = reached;
                    product.parent[to as usize] = product.edges.len() as u32;
                    while self.open.len() <= length {
                        self.open.push_back(Vec::new());
                    }
                    self.open[length].push(to);
                }
                if edge.steps.spilled() {
                    product.spilled_bytes += edge.steps.capacity() * size_of::<Step>();
                }
                product.edges.push(Explored {
                    from: number,
                    to,
                    steps: edge.steps,
                });
            }
            product.out[place] = (begin, product.edges.len() as u32);
            context.charge_at_least("SearchPath", product.bytes())?;
        }
        self.open.pop_front();
        self.depth += 1;
        Ok(Some(depth))
    }
}

/// A partial path: the one before it and the edge that was added.
struct Partial {
    before: u32,
    edge: u32,
    at: u32,
    length: u32,
}

/// Enumerates the paths to an end by length, and in no particular but always the same order among those
/// of one length. Gives whether no more rows are wanted.
fn best_first(
    task: &Task<'_, '_>,
    product: &Product,
    end: u32,
    context: &mut Context<'_>,
    judge: &mut Judge<'_>,
) -> Result<bool, QueryError> {
    let left = distances_to(product, end, context)?;
    let base = left[0];
    if base == NONE {
        return Ok(false);
    }
    let mut partials = vec![Partial {
        before: NONE,
        edge: NONE,
        at: 0,
        length: 0,
    }];
    // By the least length that a whole path can come to, above `base`.
    let mut open: VecDeque<Vec<u32>> = VecDeque::from([vec![0]]);
    let mut total = base;
    let (mut counted, mut groups, mut group) = (0u64, 0u64, NONE);
    // Where everything may repeat, a state need not be left more often, or by more lengths, than
    // paths, or lengths of paths, are wanted.
    let bound = match task.select {
        Select::Paths(count) | Select::Groups(count) => count,
        Select::All => u64::MAX,
    };
    let mut left_by: HashMap<u32, (u64, u32), foldhash::fast::RandomState> = HashMap::default();
    let mut way = Vec::new();
    let mut path: Vec<Step> = Vec::new();
    while let Some(level) = open.front_mut() {
        let Some(number) = level.pop() else {
            open.pop_front();
            total = total.saturating_add(1);
            continue;
        };
        if matches!(task.select, Select::Groups(_)) && group != total && groups == bound {
            return Ok(false);
        }
        let Partial { at, length, .. } = partials[number as usize];
        context.tick(1)?;
        way.clear();
        let mut up = number;
        while partials[up as usize].edge != NONE {
            way.push(partials[up as usize].edge);
            up = partials[up as usize].before;
        }
        way.reverse();
        context.tick(way.len())?;
        if at == end {
            let passed: Vec<Passed<'_>> = product.passed(&way).collect();
            let found = Found {
                start: task.start,
                end: product.states[end as usize].0,
                passed: &passed,
            };
            match judge(found, context)? {
                Verdict::Stop => return Ok(true),
                Verdict::Fails => {}
                Verdict::Counts => {
                    counted += 1;
                    if group != total {
                        group = total;
                        groups += 1;
                    }
                }
            }
            if matches!(task.select, Select::Paths(_)) && counted == bound {
                return Ok(false);
            }
            continue;
        }
        if task.counts_every_path && task.restriction == Restriction::Walk {
            let (times, longest) = left_by.entry(at).or_insert((0, NONE));
            match task.select {
                Select::Groups(_) if *longest == length => {}
                _ if *times >= bound => continue,
                _ => {
                    *times += 1;
                    *longest = length;
                }
            }
        }
        path.clear();
        for passed in product.passed(&way) {
            path.extend_from_slice(passed.steps);
        }
        let (begin, behind) = product.out[at as usize];
        if begin == NONE {
            continue;
        }
        for edge in (begin..behind).rev() {
            let explored = &product.edges[edge as usize];
            let rest = left[explored.to as usize];
            if rest == NONE || !may_follow(task.restriction, task.start, &path, &explored.steps) {
                continue;
            }
            let length = length + explored.steps.len() as u32;
            let place = length.saturating_add(rest).saturating_sub(total) as usize;
            while open.len() <= place {
                open.push_back(Vec::new());
            }
            open[place].push(partials.len() as u32);
            partials.push(Partial {
                before: number,
                edge,
                at: explored.to,
                length,
            });
        }
        context.charge_at_least(
            "SearchPath",
            product.bytes() + partials.len() * (size_of::<Partial>() + size_of::<u32>()),
        )?;
    }
    Ok(false)
}

/// The least number of relationships from each state to an end; [`NONE`] where there is no way.
fn distances_to(
    product: &Product,
    end: u32,
    context: &mut Context<'_>,
) -> Result<Vec<u32>, QueryError> {
    // The edges into each state, side by side.
    let mut first = vec![0u32; product.states.len() + 1];
    for edge in &product.edges {
        first[edge.to as usize + 1] += 1;
    }
    for at in 1..first.len() {
        first[at] += first[at - 1];
    }
    let mut into = vec![0u32; product.edges.len()];
    let mut next = first.clone();
    for (number, edge) in (0u32..).zip(&product.edges) {
        let place = &mut next[edge.to as usize];
        into[*place as usize] = number;
        *place += 1;
    }
    context.tick(product.edges.len())?;
    let mut distance = vec![NONE; product.states.len()];
    let mut settled = vec![false; product.states.len()];
    distance[end as usize] = 0;
    let mut open: VecDeque<Vec<u32>> = VecDeque::from([vec![end]]);
    let mut depth = 0u32;
    while let Some(level) = open.front_mut() {
        let Some(number) = level.pop() else {
            open.pop_front();
            depth += 1;
            continue;
        };
        let place = number as usize;
        if settled[place] || distance[place] != depth {
            continue;
        }
        settled[place] = true;
        let edges = first[place] as usize..first[place + 1] as usize;
        context.tick(1 + edges.len())?;
        for edge in &into[edges] {
            let edge = &product.edges[*edge as usize];
            let length = edge.steps.len();
            let reached = depth.saturating_add(length as u32);
            if reached < distance[edge.from as usize] {
                distance[edge.from as usize] = reached;
                while open.len() <= length {
                    open.push_back(Vec::new());
                }
                open[length].push(edge.from);
            }
        }
    }
    Ok(distance)
}
