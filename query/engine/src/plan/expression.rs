//! Bound expressions: names resolved to slots, tokens and functions.

use std::sync::Arc;

use retrograph_graph::ids::{KeyId, LabelId, TypeId};
use retrograph_graph::value::Value;

use super::operator::Pipeline;
use crate::functions::Function;

/// The place of a variable in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u16);

/// A name of the schema with its token, if one existed when the plan was made. Tokens are never
/// reused, so a known one holds for ever; an unknown one is looked up again when the plan runs, since
/// the query itself may create it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<T> {
    /// The name as written.
    pub name: Arc<str>,
    /// Its token.
    pub id: Option<T>,
}

/// A property key.
pub type KeyToken = Token<KeyId>;
/// A label.
pub type LabelToken = Token<LabelId>;
/// A relationship type.
pub type TypeToken = Token<TypeId>;

/// Binary arithmetic; `Add` is also concatenation of strings and lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

/// Comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Tests on strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum StringTest {
    StartsWith,
    EndsWith,
    Contains,
    Matches,
}

/// Quantifiers over lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Quantifier {
    All,
    Any,
    None,
    Single,
}

/// What a subquery expression makes of the rows of its pipeline.
#[derive(Clone, Debug)]
pub enum SubqueryResult {
    /// Whether there is a row.
    Exists,
    /// How many rows there are.
    Count,
    /// The list of this expression's values over the rows (pattern comprehension, COLLECT).
    Collect(Box<Expression>),
}

/// One element of a path expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathPart {
    /// A node.
    Node(Slot),
    /// A single relationship.
    Relationship(Slot),
    /// The list of relationships of a variable-length pattern; the nodes between them follow from
    /// the relationships.
    Relationships(Slot),
}

/// A selector of a map projection, `n {.a, .*, b: 1}`.
#[derive(Clone, Debug)]
pub enum Projection {
    /// `.key`
    Property(KeyToken),
    /// `.*`
    All,
    /// `name: expression`, also for `variable`
    Entry(Arc<str>, Expression),
}

/// A bound expression.
#[derive(Clone, Debug)]
pub enum Expression {
    /// A constant.
    Literal(Value),
    /// A parameter: its place in [`super::Plan::parameters`].
    Parameter(u16),
    /// A variable.
    Slot(Slot),
    /// `of.key` on a node, relationship, map, temporal value, duration or point; null on null.
    Property(Box<Expression>, KeyToken),
    /// `of:A:B`; for a relationship, its type.
    HasLabels(Box<Expression>, Vec<LabelToken>),
    /// Negation in three-valued logic.
    Not(Box<Expression>),
    /// Conjunction, left to right; a later part runs only where no earlier one is false.
    And(Vec<Expression>),
    /// Disjunction, left to right; a later part runs only where no earlier one is true.
    Or(Vec<Expression>),
    /// Exclusive disjunction.
    Xor(Box<Expression>, Box<Expression>),
    /// Comparison.
    Compare(Comparison, Box<Expression>, Box<Expression>),
    /// Arithmetic.
    Arithmetic(Arithmetic, Box<Expression>, Box<Expression>),
    /// Unary minus.
    Negate(Box<Expression>),
    /// Unary plus: a number, unchanged.
    Plus(Box<Expression>),
    /// `item IN list`.
    In(Box<Expression>, Box<Expression>),
    /// A test on strings.
    StringTest(StringTest, Box<Expression>, Box<Expression>),
    /// `IS ::`.
    IsTyped(Box<Expression>, Arc<retrograph_cypher::ast::TypeName>),
    /// `IS NULL`.
    IsNull(Box<Expression>),
    /// `IS NOT NULL`.
    IsNotNull(Box<Expression>),
    /// `of[index]` on a list, map, node or relationship.
    Index(Box<Expression>, Box<Expression>),
    /// `of[from..to]`.
    Slice(
        Box<Expression>,
        Option<Box<Expression>>,
        Option<Box<Expression>>,
    ),
    /// A list.
    List(Vec<Expression>),
    /// A map.
    Map(Vec<(Arc<str>, Expression)>),
    /// A map projection.
    MapProjection(Box<Expression>, Vec<Projection>),
    /// CASE. With an operand, each arm's first expression is compared with it by `=`.
    Case {
        /// The operand of the simple form.
        operand: Option<Box<Expression>>,
        /// WHEN … THEN …
        arms: Vec<(Expression, Expression)>,
        /// ELSE …; null if absent.
        otherwise: Option<Box<Expression>>,
    },
    /// `coalesce(…)`: later arguments run only while the earlier are null.
    Coalesce(Vec<Expression>),
    /// A scalar function.
    Call(&'static Function, Vec<Expression>),
    /// `[item IN list WHERE filter | map]`.
    ListComprehension {
        /// The item.
        item: Slot,
        /// The list.
        list: Box<Expression>,
        /// Which items to keep.
        filter: Option<Box<Expression>>,
        /// What to make of each.
        map: Option<Box<Expression>>,
    },
    /// `all(item IN list WHERE predicate)` and its kin.
    Quantified {
        /// Which quantifier.
        quantifier: Quantifier,
        /// The item.
        item: Slot,
        /// The list.
        list: Box<Expression>,
        /// The predicate.
        predicate: Box<Expression>,
    },
    /// `reduce(accumulator = initial, item IN list | body)`.
    Reduce {
        /// The accumulator.
        accumulator: Slot,
        /// Its first value.
        initial: Box<Expression>,
        /// The item.
        item: Slot,
        /// The list.
        list: Box<Expression>,
        /// The next value of the accumulator.
        body: Box<Expression>,
        /// `allReduce`: what each value of it must meet; the result is whether all do.
        predicate: Option<Box<Expression>>,
    },
    /// A pipeline run for the current row, beginning with [`super::Operator::Argument`].
    Subquery(Box<Pipeline>, SubqueryResult),
    /// A path made of the elements of a pattern; null if any of them is null.
    Path(Vec<PathPart>),
}
