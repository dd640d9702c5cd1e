//! Graph patterns.

use super::{Expression, Identifier, Span};

/// A chain of node and relationship patterns, possibly named.
#[derive(Clone, PartialEq, Debug)]
pub struct PathPattern {
    /// `variable =`.
    pub variable: Option<Identifier>,
    /// `shortestPath(…)` or `allShortestPaths(…)` around the chain.
    pub selector: Option<PathSelector>,
    /// The first node.
    pub start: NodePattern,
    /// The rest of the chain.
    pub steps: Vec<PathStep>,
    /// The whole pattern with its name.
    pub span: Span,
}

/// Which of the matching paths count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathSelector {
    /// `shortestPath(…)`: one of the shortest.
    Shortest,
    /// `allShortestPaths(…)`: all of the shortest.
    AllShortest,
}

/// A relationship and the node it leads to.
#[derive(Clone, PartialEq, Debug)]
pub struct PathStep {
    /// The relationship.
    pub relationship: RelationshipPattern,
    /// The node behind it.
    pub node: NodePattern,
}

/// `(variable:Label {…} WHERE …)`; everything is optional.
#[derive(Clone, PartialEq, Debug)]
pub struct NodePattern {
    /// Its name.
    pub variable: Option<Identifier>,
    /// Its labels.
    pub labels: Option<LabelExpression>,
    /// A [`Map`](super::ExpressionKind::Map) or [`Parameter`](super::ExpressionKind::Parameter).
    pub properties: Option<Box<Expression>>,
    /// `WHERE` inside the parentheses.
    pub predicate: Option<Box<Expression>>,
    /// From `(` to `)`.
    pub span: Span,
}

/// `-[variable:TYPE*1..3 {…} WHERE …]->`; everything but the dashes is optional.
#[derive(Clone, PartialEq, Debug)]
pub struct RelationshipPattern {
    /// Where the arrow points.
    pub direction: Direction,
    /// Its name.
    pub variable: Option<Identifier>,
    /// Admitted types; any type if empty.
    pub types: Vec<Identifier>,
    /// `*…`: a variable-length relationship.
    pub length: Option<LengthRange>,
    /// A [`Map`](super::ExpressionKind::Map) or [`Parameter`](super::ExpressionKind::Parameter).
    pub properties: Option<Box<Expression>>,
    /// `WHERE` inside the brackets.
    pub predicate: Option<Box<Expression>>,
    /// From the first dash or arrow head to the last.
    pub span: Span,
}

/// The direction of a relationship pattern, read from left to right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// `-->`.
    Outgoing,
    /// `<--`.
    Incoming,
    /// `--` or `<-->`.
    Either,
}

/// `*`, `*2`, `*1..`, `*..3`, `*1..3`. A bound left out is `None`, so `*2` has both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LengthRange {
    /// Fewest relationships; 1 if absent.
    pub min: Option<u64>,
    /// Most relationships; unbounded if absent.
    pub max: Option<u64>,
    /// From the star on.
    pub span: Span,
}

/// What is asked of the labels of a node.
#[derive(Clone, PartialEq, Debug)]
pub enum LabelExpression {
    /// `:A:B` (or `:A&B`): all of these; never empty.
    All(Vec<Identifier>),
    /// Anything with `|`, `!` or `%`; never a plain conjunction of labels.
    Formula(LabelFormula),
}

impl LabelExpression {
    /// The labels of a plain conjunction; `None` for a formula.
    pub fn as_labels(&self) -> Option<&[Identifier]> {
        match self {
            LabelExpression::All(labels) => Some(labels),
            LabelExpression::Formula(_) => None,
        }
    }
}

/// A boolean formula over labels, as in `:(A|B)&!C`.
#[derive(Clone, PartialEq, Debug)]
pub enum LabelFormula {
    /// Has this label.
    Label(Identifier),
    /// `%`: has at least one label.
    Any(Span),
    /// `$(expression)`, `$any(expression)`: a label by its computed name, or all or any of a list.
    Dynamic {
        /// Any of the labels rather than all.
        any: bool,
        /// The name or names.
        expression: Box<Expression>,
        /// From `$` on.
        span: Span,
    },
    /// `!formula`.
    Not(Box<LabelFormula>),
    /// `formula & formula …`; at least two.
    And(Vec<LabelFormula>),
    /// `formula | formula …`; at least two.
    Or(Vec<LabelFormula>),
}
