//! Path programs: patterns that are found as a whole.
//!
//! A program is a line of *segments* between *junctures*. A juncture is a node that every match passes
//! once; a segment leads from one juncture to the next by a fixed line of hops, or by repetitions of
//! one. A quantified path pattern is a program of one segment; a path with a search (`SHORTEST 2 …`) or a
//! mode (`ACYCLIC …`) is a program from its first node to its last.
//!
//! Tests sit where they can be decided with no knowledge of the rest of the path: at a juncture if they
//! read that node only, in a segment if they read the elements of one repetition only. What remains is
//! tested on whole paths.

use retrograph_graph::ids::Direction;

use super::cost;
use super::expression::{Expression, Slot, TypeToken};
use super::schema::Schema;
use super::slots::{SlotSet, expression_reads};

/// Repetitions beyond the least number that an estimate counts.
const REPETITIONS_ESTIMATED_MAX: u32 = 6;

/// What is to be found between two nodes.
#[derive(Clone, Debug)]
pub struct PathProgram {
    /// The nodes between the segments, the first and the last included: one more than segments.
    pub junctures: Vec<Juncture>,
    /// What leads from one juncture to the next.
    pub segments: Vec<Segment>,
    /// What whole paths must meet.
    pub whole: Vec<Expression>,
    /// Which of the matches between two nodes count.
    pub select: Select,
    /// What may repeat on a path.
    pub restriction: Restriction,
}

/// A node that every match passes once.
#[derive(Clone, Debug)]
pub struct Juncture {
    /// The node. The program fills all but the first and the last.
    pub slot: Slot,
    /// What it must meet; nothing for the first and the last.
    pub tests: Vec<Expression>,
}

/// A line of hops, possibly repeated.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The nodes of one repetition, one more than hops. Those of a segment that is not repeated are
    /// its junctures and nodes between.
    pub nodes: Vec<Slot>,
    /// The hops of one repetition.
    pub hops: Vec<Hop>,
    /// What each repetition must meet.
    pub tests: Vec<Expression>,
    /// The least and the greatest number of repetitions; none if it is not a repetition.
    pub repeat: Option<(u32, Option<u32>)>,
    /// Lists of the elements that have names, over all repetitions.
    pub groups: Vec<(Slot, Place)>,
}

/// One relationship of a segment.
#[derive(Clone, Debug)]
pub struct Hop {
    /// The relationship of one repetition; in a segment that is not repeated, the variable itself.
    pub relationship: Slot,
    /// From left to right, against, or either way.
    pub direction: Option<Direction>,
    /// Admitted types; empty for all.
    pub types: Vec<TypeToken>,
}

/// An element of a repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Which node.
    Node(usize),
    /// Which relationship.
    Relationship(usize),
}

/// Which of the matches between two nodes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// All.
    All,
    /// So many of the shortest.
    Paths(u64),
    /// All that have one of so many least lengths.
    Groups(u64),
}

/// What may repeat on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restriction {
    /// Anything.
    Walk,
    /// No relationship.
    Trail,
    /// No node.
    Acyclic,
    /// No node and no relationship, but that the last node may be the first.
    Simple,
}

impl PathProgram {
    /// The expressions of all tests.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let junctures = self.junctures.iter().flat_map(|juncture| &juncture.tests);
        let segments = self.segments.iter().flat_map(|segment| &segment.tests);
        junctures.chain(segments).chain(&self.whole)
    }

    /// The same to be changed.
    pub fn expressions_mut(&mut self) -> impl Iterator<Item = &mut Expression> {
        let junctures = self
            .junctures
            .iter_mut()
            .flat_map(|juncture| &mut juncture.tests);
        let segments = self
            .segments
            .iter_mut()
            .flat_map(|segment| &mut segment.tests);
        junctures.chain(segments).chain(&mut self.whole)
    }

    /// The nodes between the first and the last.
    pub fn inner_junctures(&self) -> &[Juncture] {
        match &self.junctures[..] {
            [_, inner @ .., _] => inner,
            _ => &[],
        }
    }

    /// The variables that the program fills: nodes and relationships passed once, and groups.
    pub fn outputs(&self) -> Vec<Slot> {
        let mut outputs = self.singles();
        for segment in &self.segments {
            outputs.extend(segment.groups.iter().map(|(slot, _)| *slot));
        }
        outputs
    }

    /// Those of them that hold one node or relationship.
    pub fn singles(&self) -> Vec<Slot> {
        let nodes = self.inner_junctures().iter().map(|juncture| juncture.slot);
        let segments = self
            .segments
            .iter()
            .filter(|segment| segment.repeat.is_none());
        let hops = segments.flat_map(|segment| &segment.hops);
        nodes.chain(hops.map(|hop| hop.relationship)).collect()
    }

    /// Everything that is filled while the program runs.
    pub fn fills(&self) -> SlotSet {
        let mut fills: SlotSet = self.outputs().into_iter().collect();
        let ends = self.ends();
        for segment in &self.segments {
            fills.extend(
                segment
                    .nodes
                    .iter()
                    .filter(|slot| !ends.contains(&Some(**slot))),
            );
            fills.extend(segment.hops.iter().map(|hop| hop.relationship));
        }
        fills
    }

    fn ends(&self) -> [Option<Slot>; 2] {
        let slot = |juncture: Option<&Juncture>| juncture.map(|juncture| juncture.slot);
        [slot(self.junctures.first()), slot(self.junctures.last())]
    }

    /// What the tests must know before the search begins.
    pub fn needs(&self) -> SlotSet {
        let mut fills = self.fills();
        let mut needs = SlotSet::new();
        for segment in &self.segments {
            let mut own = fills.clone();
            own.extend(&segment.nodes);
            for test in &segment.tests {
                needs.extend(expression_reads(test).difference(&own));
            }
        }
        for test in self.junctures.iter().flat_map(|juncture| &juncture.tests) {
            needs.extend(expression_reads(test).difference(&fills));
        }
        // Both ends are known once a path is whole.
        fills.extend(self.ends().into_iter().flatten());
        for test in &self.whole {
            needs.extend(expression_reads(test).difference(&fills));
        }
        needs
    }

    /// Whether each match is a matter of its own, so that it may be handed on as it is found.
    pub fn takes_all(&self) -> bool {
        self.select == Select::All
    }

    /// All types that its relationships may have; empty for any.
    pub fn types(&self) -> Vec<TypeToken> {
        let hops = || self.segments.iter().flat_map(|segment| &segment.hops);
        if hops().any(|hop| hop.types.is_empty()) {
            return Vec::new();
        }
        hops().flat_map(|hop| hop.types.clone()).collect()
    }

    /// How many matches one row is estimated to find.
    pub fn fan_out(&self, schema: &dyn Schema) -> f64 {
        let mut found = 1.0;
        for segment in &self.segments {
            let degree = |hop: &Hop| {
                let ways = if hop.direction.is_some() { 1.0 } else { 2.0 };
                ways * cost::relationships(schema, &hop.types) / cost::nodes(schema)
            };
            let once: f64 = segment.hops.iter().map(degree).product();
            let keeps: f64 = segment.tests.iter().map(cost::keeps).product();
            let (min, max) = segment.repeat.unwrap_or((1, Some(1)));
            let max = max
                .unwrap_or(u32::MAX)
                .min(min.saturating_add(REPETITIONS_ESTIMATED_MAX));
            let sum: f64 = (min..=max)
                .map(|times| (once * keeps).powi(times.min(12) as i32))
                .sum();
            found *= sum.min(1e12);
        }
        match self.select {
            Select::All => found.min(1e12),
            Select::Paths(count) | Select::Groups(count) => {
                found.min(cost::nodes(schema) * count as f64)
            }
        }
    }
}
