//! The query graph: what a MATCH asks for, before it is decided in which order to look.

use retrograph_graph::ids::Direction;

use super::expression::{Expression, LabelToken, PathPart, Quantifier, Slot, TypeToken};
use super::path::PathProgram;
use super::slots::{SlotSet, expression_reads, may_raise};

/// A node of a pattern. Each slot occurs once, however often the pattern names it.
#[derive(Clone, Debug)]
pub struct PatternNode {
    /// Where it goes, or is.
    pub slot: Slot,
    /// The labels it must have.
    pub labels: Vec<LabelToken>,
}

/// How many relationships a part of a pattern stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// One.
    One,
    /// A trail of so many.
    Variable {
        /// At least.
        min: u32,
        /// At most.
        max: Option<u32>,
    },
    /// A shortest path.
    Shortest {
        /// At least: 0 or 1.
        min: u32,
        /// At most.
        max: Option<u32>,
        /// All that are as short, rather than one.
        all: bool,
    },
    /// What a path program finds.
    Program,
}

/// A relationship of a pattern.
#[derive(Clone, Debug)]
pub struct PatternRelationship {
    /// Where it goes, or is: one relationship or a list.
    pub slot: Slot,
    /// The node to the left.
    pub left: Slot,
    /// The node to the right.
    pub right: Slot,
    /// From left to right, against, or either way.
    pub direction: Option<Direction>,
    /// Admitted types; empty for all.
    pub types: Vec<TypeToken>,
    /// How many.
    pub length: Length,
    /// What each relationship of a list must meet.
    pub each: Option<(Slot, Expression)>,
    /// What finds it, for [`Length::Program`].
    pub program: Option<Box<PathProgram>>,
    /// Whether it is bound before this MATCH.
    pub is_bound: bool,
}

/// A named path.
#[derive(Clone, Debug)]
pub struct PathBinding {
    /// Where it goes.
    pub slot: Slot,
    /// Its elements.
    pub parts: Vec<PathPart>,
}

/// A conjunct of what a MATCH demands.
#[derive(Clone, Debug)]
pub struct Predicate {
    /// What must be true.
    pub expression: Expression,
    /// The slots it reads.
    pub reads: SlotSet,
    /// Whether it may raise an error.
    pub may_raise: bool,
    /// Whether it stands in WHERE, where the order of conjuncts guards, rather than in the pattern.
    pub in_where: bool,
}

/// What a MATCH asks for.
#[derive(Clone, Debug, Default)]
pub struct QueryGraph {
    /// The nodes.
    pub nodes: Vec<PatternNode>,
    /// The relationships.
    pub relationships: Vec<PatternRelationship>,
    /// The named paths.
    pub paths: Vec<PathBinding>,
    /// The predicates, in the order written.
    pub predicates: Vec<Predicate>,
    /// Whether relationships may occur more than once.
    pub is_repeatable: bool,
}

impl QueryGraph {
    /// The node in this slot, added if it is new.
    pub fn node(&mut self, slot: Slot) -> &mut PatternNode {
        let place = match self.nodes.iter().position(|node| node.slot == slot) {
            Some(place) => place,
            None => {
                self.nodes.push(PatternNode {
                    slot,
                    labels: Vec::new(),
                });
                self.nodes.len() - 1
            }
        };
        &mut self.nodes[place]
    }

    /// Demands a predicate: its conjuncts one by one, labels of pattern nodes as labels.
    pub fn demand(&mut self, expression: Expression, in_where: bool) {
        match expression {
            Expression::And(parts) => {
                parts
                    .into_iter()
                    .for_each(|part| self.demand(part, in_where));
            }
            Expression::HasLabels(of, labels) => match *of {
                Expression::Slot(slot) if self.nodes.iter().any(|node| node.slot == slot) => {
                    let node = self.node(slot);
                    for label in labels {
                        if !node.labels.contains(&label) {
                            node.labels.push(label);
                        }
                    }
                }
                of => self.add(Expression::HasLabels(Box::new(of), labels), in_where),
            },
            expression => self.add(expression, in_where),
        }
    }

    fn add(&mut self, expression: Expression, in_where: bool) {
        let may_raise = may_raise(&expression, &self.elements());
        let reads = expression_reads(&expression);
        self.predicates.push(Predicate {
            expression,
            reads,
            may_raise,
            in_where,
        });
    }

    /// Lets a walk check what `all(r IN relationships(p) WHERE …)` or `none(…)` demands of each of its
    /// relationships: it then stops early, and a shortest path is the shortest that meets it.
    pub fn absorb_quantifiers(&mut self) {
        let predicates = std::mem::take(&mut self.predicates);
        for predicate in predicates {
            match self.each_demanded(&predicate.expression) {
                Some((place, item, test)) => self.relationships[place].each = Some((item, test)),
                None => self.predicates.push(predicate),
            }
        }
    }

    /// Reads a predicate as a demand on each relationship of a walk: the walk's place, the variable
    /// for the relationship, and the test.
    fn each_demanded(&self, predicate: &Expression) -> Option<(usize, Slot, Expression)> {
        let Expression::Quantified {
            quantifier,
            item,
            list,
            predicate,
        } = predicate
        else {
            return None;
        };
        let slot = match &**list {
            Expression::Slot(slot) => *slot,
            Expression::Call(function, arguments) if function.name == "relationships" => {
                match &arguments[..] {
                    [Expression::Slot(path)] => self.only_walk(*path)?,
                    _ => return None,
                }
            }
            _ => return None,
        };
        let place = self
            .relationships
            .iter()
            .position(|part| part.slot == slot)?;
        let part = &self.relationships[place];
        // What reads other elements of this pattern cannot be tested while it is being found.
        let mut reads = expression_reads(predicate);
        reads.remove(item);
        let own: SlotSet = self.introduces(&SlotSet::new()).into_iter().collect();
        let is_open = !matches!(part.length, Length::One | Length::Program)
            && !part.is_bound
            && part.each.is_none();
        if !is_open || !reads.is_disjoint(&own) {
            return None;
        }
        match quantifier {
            Quantifier::All => Some((place, *item, (**predicate).clone())),
            Quantifier::None => Some((place, *item, Expression::Not(predicate.clone()))),
            Quantifier::Any | Quantifier::Single => None,
        }
    }

    /// The walk that a path consists of, if it is the only one.
    fn only_walk(&self, path: Slot) -> Option<Slot> {
        let path = self.paths.iter().find(|known| known.slot == path)?;
        match path.parts[..] {
            [_, PathPart::Relationships(slot), _] => Some(slot),
            _ => None,
        }
    }

    /// The slots that surely hold nodes or relationships.
    fn elements(&self) -> SlotSet {
        let nodes = self.nodes.iter().map(|node| node.slot);
        let single = self
            .relationships
            .iter()
            .filter(|part| part.length == Length::One);
        let within = self.programs().flat_map(PathProgram::singles);
        nodes
            .chain(single.map(|part| part.slot))
            .chain(within)
            .collect()
    }

    /// The path programs.
    pub fn programs(&self) -> impl Iterator<Item = &PathProgram> {
        self.relationships
            .iter()
            .filter_map(|part| part.program.as_deref())
    }

    /// Every slot that matching fills: all but those in `bound`.
    pub fn introduces(&self, bound: &SlotSet) -> Vec<Slot> {
        let nodes = self.nodes.iter().map(|node| node.slot);
        let relationships = self.relationships.iter().map(|part| part.slot);
        let paths = self.paths.iter().map(|path| path.slot);
        let within = self.programs().flat_map(PathProgram::outputs);
        let all: SlotSet = nodes
            .chain(relationships)
            .chain(paths)
            .chain(within)
            .collect();
        all.difference(bound).copied().collect()
    }
}
