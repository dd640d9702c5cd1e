//! Graph patterns.

use super::{Expression, Identifier, Span};

/// A chain of node and relationship patterns, possibly named.
#[derive(Clone, PartialEq, Debug)]
pub struct PathPattern {
    /// `variable =`.
    pub variable: Option<Identifier>,
    /// `ANY`, `SHORTEST 2 GROUPS`, `ACYCLIC` and the like before the pattern.
    pub search: Option<Box<PathSearch>>,
    /// `shortestPath(…)` or `allShortestPaths(…)` around the chain.
    pub selector: Option<PathSelector>,
    /// The first node.
    pub start: NodePattern,
    /// The rest of the chain.
    pub steps: Vec<PathStep>,
    /// `WHERE` at the end of parentheses around the whole chain.
    pub predicate: Option<Box<Expression>>,
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

/// What leads to a node, and that node.
#[derive(Clone, PartialEq, Debug)]
pub struct PathStep {
    /// What leads there.
    pub link: PathLink,
    /// The node behind it; without any detail if none is written behind a quantified pattern.
    pub node: NodePattern,
}

impl PathStep {
    /// The relationship, unless a quantified path pattern leads to the node.
    #[must_use]
    pub fn relationship(&self) -> Option<&RelationshipPattern> {
        match &self.link {
            PathLink::Relationship(relationship) => Some(relationship),
            PathLink::Group(_) => None,
        }
    }
}

/// What leads from one node of a chain to the next.
#[derive(Clone, PartialEq, Debug)]
pub enum PathLink {
    /// A relationship.
    Relationship(RelationshipPattern),
    /// A quantified path pattern.
    Group(Box<PathGroup>),
}

/// A quantified path pattern: `((a)-[r:T]->(b) WHERE a.x < b.x){1,5}`.
#[derive(Clone, PartialEq, Debug)]
pub struct PathGroup {
    /// The first node of each repetition.
    pub start: NodePattern,
    /// The rest of it.
    pub steps: Vec<PathStep>,
    /// `WHERE` inside the parentheses.
    pub predicate: Option<Box<Expression>>,
    /// How often it is repeated.
    pub quantifier: PathQuantifier,
    /// From `(` to the end of the quantifier.
    pub span: Span,
}

/// `+`, `*`, `{2}`, `{1,3}`, `{1,}` or `{,3}` behind a relationship or a parenthesised path pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathQuantifier {
    /// Fewest repetitions.
    pub min: u64,
    /// Most repetitions; unbounded if absent.
    pub max: Option<u64>,
    /// From its first to its last character.
    pub span: Span,
}

/// Which of the matching paths between two nodes count, and what may repeat on them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathSearch {
    /// Which of them count.
    pub kind: PathSearchKind,
    /// What may repeat.
    pub mode: Option<PathMode>,
    /// The words before the pattern.
    pub span: Span,
}

/// Which of the paths between two nodes count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathSearchKind {
    /// `ALL`: every one.
    All,
    /// `ANY k`: so many, whichever.
    Any(u64),
    /// `SHORTEST k`: so many of the shortest.
    Shortest(u64),
    /// `ALL SHORTEST`: all that are as short as the shortest.
    AllShortest,
    /// `SHORTEST k GROUPS`: all that have one of the k least lengths.
    ShortestGroups(u64),
}

/// What may repeat on a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathMode {
    /// Everything.
    Walk,
    /// Nodes, but no relationship.
    Trail,
    /// No node.
    Acyclic,
    /// No node and no relationship, but that the last node may be the first.
    Simple,
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
    /// What else is asked of the type, in place of a list of types.
    pub formula: Option<Box<LabelFormula>>,
    /// `*…`: a variable-length relationship.
    pub length: Option<LengthRange>,
    /// What stands behind the arrow of a quantified relationship; never beside `length`.
    pub quantifier: Option<PathQuantifier>,
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

/// A boolean formula over labels, as in `:(A|B)&!C`, or over the one type of a relationship.
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
