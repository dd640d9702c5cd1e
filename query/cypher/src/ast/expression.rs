//! Expressions.

use std::sync::Arc;

use super::{Identifier, LabelExpression, PathPattern, QualifiedName, Query, Span, TypeName};

/// An expression and where it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Expression {
    /// What it is.
    pub kind: ExpressionKind,
    /// Where it stands, with the parentheses around it.
    pub span: Span,
}

impl Expression {
    /// An expression at a position.
    pub fn new(kind: ExpressionKind, span: Span) -> Self {
        Self { kind, span }
    }
}

/// The forms of expression.
#[derive(Clone, PartialEq, Debug)]
pub enum ExpressionKind {
    /// `1`, `-0x1F`, `.5`, `'text'`, `true`, `null`.
    Literal(Literal),
    /// `[a, b]`.
    List(Vec<Expression>),
    /// `{key: value}`, in the order written; the parser lets keys repeat.
    Map(Vec<MapEntry>),
    /// `$name`, `$1`; the name is without the dollar sign.
    Parameter(Identifier),
    /// `name`.
    Variable(Identifier),
    /// `subject.key`.
    Property {
        /// Of what.
        subject: Box<Expression>,
        /// Which property.
        key: Identifier,
    },
    /// `subject[index]`: a list element, or a property by a computed name.
    Index {
        /// Of what.
        subject: Box<Expression>,
        /// Which element.
        index: Box<Expression>,
    },
    /// `subject[from..to]`.
    Slice {
        /// Of what.
        subject: Box<Expression>,
        /// Inclusive; from the start if absent.
        from: Option<Box<Expression>>,
        /// Exclusive; to the end if absent.
        to: Option<Box<Expression>>,
    },
    /// `name(argument, …)`, aggregates and `exists(…)` included.
    Function(FunctionCall),
    /// `count(*)`.
    CountStar,
    /// `NOT a`, `-a`, `+a`. A signed number is a literal.
    Unary {
        /// What is done.
        operator: UnaryOperator,
        /// With what.
        operand: Box<Expression>,
    },
    /// `a + b`, `a IN b`, `a STARTS WITH b` …
    Binary {
        /// What is done.
        operator: BinaryOperator,
        /// Left operand.
        left: Box<Expression>,
        /// Right operand.
        right: Box<Expression>,
    },
    /// `a OR b OR c`: two or more operands of one operator, in order.
    Logical {
        /// `OR`, `XOR` or `AND`.
        operator: LogicalOperator,
        /// At least two.
        operands: Vec<Expression>,
    },
    /// `a < b`, `a < b <= c`.
    Comparison(Comparison),
    /// `a IS NULL`, `a IS NOT NULL`.
    IsNull {
        /// What is tested.
        operand: Box<Expression>,
        /// `IS NOT NULL`.
        negated: bool,
    },
    /// `a IS :: INTEGER`, `a IS NOT :: STRING NOT NULL`.
    IsTyped {
        /// What is tested.
        operand: Box<Expression>,
        /// The type.
        ty: TypeName,
        /// `IS NOT ::`.
        negated: bool,
    },
    /// `a IS NORMALIZED`, `a IS NOT NFKC NORMALIZED`.
    IsNormalized {
        /// What is tested.
        operand: Box<Expression>,
        /// The normal form; NFC unless written.
        form: NormalForm,
        /// `IS NOT … NORMALIZED`.
        negated: bool,
    },
    /// `n:A:B`, `n IS A&B`.
    HasLabels {
        /// What is tested; a relationship may be tested for its type.
        subject: Box<Expression>,
        /// For what.
        labels: LabelExpression,
    },
    /// `CASE … END`.
    Case(Case),
    /// What is left out in a test such as `> 5` behind `WHEN`: the subject of the `CASE`. Nothing is
    /// written for it.
    CaseSubject,
    /// `[x IN list WHERE predicate | projection]`.
    ListComprehension(ListComprehension),
    /// `[(a)-->(b) WHERE predicate | projection]`.
    PatternComprehension(PatternComprehension),
    /// `all(x IN list WHERE predicate)` and its kin.
    Quantified(Quantified),
    /// `reduce(total = 0, x IN list | total + x)`.
    Reduce(Reduce),
    /// A pattern as a predicate, `(a)-->(b)`, or `shortestPath(…)` as a value. It has no name.
    Pattern(Box<PathPattern>),
    /// `EXISTS { … }`, `COUNT { … }`, `COLLECT { … }`.
    Subquery {
        /// What is made of its rows.
        kind: SubqueryKind,
        /// What it matches.
        body: SubqueryBody,
    },
    /// `n {.name, .*, other, key: value}`.
    MapProjection {
        /// What is projected.
        variable: Identifier,
        /// In the order written.
        items: Vec<MapProjectionItem>,
    },
}

/// A constant as written. Equal are constants that give the same value in every expression: `0.0` and
/// `-0.0` are not.
#[derive(Clone, Debug)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true`, `false`.
    Boolean(bool),
    /// Decimal, `0x` or `0o`, with its sign.
    Integer(i64),
    /// Finite, with its sign.
    Float(f64),
    /// Escapes are resolved.
    String(Arc<str>),
}

impl PartialEq for Literal {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Boolean(one), Self::Boolean(other)) => one == other,
            (Self::Integer(one), Self::Integer(other)) => one == other,
            (Self::Float(one), Self::Float(other)) => one.to_bits() == other.to_bits(),
            (Self::String(one), Self::String(other)) => one == other,
            _ => false,
        }
    }
}

/// `key: value`.
#[derive(Clone, PartialEq, Debug)]
pub struct MapEntry {
    /// The key.
    pub key: Identifier,
    /// Its value.
    pub value: Expression,
}

/// A call of a function.
#[derive(Clone, PartialEq, Debug)]
pub struct FunctionCall {
    /// Which function; functions are looked up without regard to case.
    pub name: QualifiedName,
    /// `DISTINCT` before the arguments.
    pub distinct: bool,
    /// In order.
    pub arguments: Vec<Expression>,
}

/// Operators with one operand before which they stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnaryOperator {
    /// `NOT`.
    Not,
    /// `+`.
    Plus,
    /// `-`.
    Minus,
}

/// Operators with two operands; all associate to the left, `^` too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BinaryOperator {
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%`.
    Modulo,
    /// `^`.
    Power,
    /// `IN`.
    In,
    /// `STARTS WITH`.
    StartsWith,
    /// `ENDS WITH`.
    EndsWith,
    /// `CONTAINS`.
    Contains,
    /// `=~`.
    RegexMatch,
    /// `||`.
    Concatenate,
}

impl BinaryOperator {
    /// The operator as written.
    pub fn as_str(self) -> &'static str {
        match self {
            BinaryOperator::Add => "+",
            BinaryOperator::Subtract => "-",
            BinaryOperator::Multiply => "*",
            BinaryOperator::Divide => "/",
            BinaryOperator::Modulo => "%",
            BinaryOperator::Power => "^",
            BinaryOperator::In => "IN",
            BinaryOperator::StartsWith => "STARTS WITH",
            BinaryOperator::EndsWith => "ENDS WITH",
            BinaryOperator::Contains => "CONTAINS",
            BinaryOperator::RegexMatch => "=~",
            BinaryOperator::Concatenate => "||",
        }
    }
}

/// Operators of ternary logic with two or more operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogicalOperator {
    /// `OR`.
    Or,
    /// `XOR`.
    Xor,
    /// `AND`.
    And,
}

impl LogicalOperator {
    /// The operator as written.
    pub fn as_str(self) -> &'static str {
        match self {
            LogicalOperator::Or => "OR",
            LogicalOperator::Xor => "XOR",
            LogicalOperator::And => "AND",
        }
    }
}

/// `first < operand <= operand …`, which means `first < operand AND operand <= operand …`, each
/// operand evaluated once.
#[derive(Clone, PartialEq, Debug)]
pub struct Comparison {
    /// The leftmost operand.
    pub first: Box<Expression>,
    /// At least one.
    pub links: Vec<ComparisonLink>,
}

/// One operator of a chain and the operand to its right.
#[derive(Clone, PartialEq, Debug)]
pub struct ComparisonLink {
    /// How the operand compares with the one before.
    pub operator: ComparisonOperator,
    /// The right-hand side.
    pub operand: Expression,
}

/// Comparison operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ComparisonOperator {
    /// `=`.
    Equal,
    /// `<>`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
}

impl ComparisonOperator {
    /// The operator as written.
    pub fn as_str(self) -> &'static str {
        match self {
            ComparisonOperator::Equal => "=",
            ComparisonOperator::NotEqual => "<>",
            ComparisonOperator::Less => "<",
            ComparisonOperator::LessOrEqual => "<=",
            ComparisonOperator::Greater => ">",
            ComparisonOperator::GreaterOrEqual => ">=",
        }
    }
}

/// `CASE [subject] WHEN … THEN … [ELSE …] END`.
#[derive(Clone, PartialEq, Debug)]
pub struct Case {
    /// Present in the simple form, where each `WHEN` is compared with it.
    pub subject: Option<Box<Expression>>,
    /// At least one.
    pub branches: Vec<CaseBranch>,
    /// `ELSE`; null if absent.
    pub otherwise: Option<Box<Expression>>,
}

/// `WHEN …, … THEN …`.
#[derive(Clone, PartialEq, Debug)]
pub struct CaseBranch {
    /// A value to compare with, or a test whose left operand is left out ([`ExpressionKind::CaseSubject`]);
    /// a predicate in the searched form.
    pub when: Expression,
    /// Further values or tests, of which one has to hold; none in the searched form.
    pub others: Vec<Expression>,
    /// The result.
    pub then: Expression,
}

impl Expression {
    /// Whether it is a test of the subject of a `CASE`, as in `WHEN > 5`.
    #[must_use]
    pub fn is_case_test(&self) -> bool {
        let operand = match &self.kind {
            ExpressionKind::Comparison(comparison) => &comparison.first,
            ExpressionKind::Binary { left, .. } => left,
            ExpressionKind::IsNull { operand, .. }
            | ExpressionKind::IsTyped { operand, .. }
            | ExpressionKind::IsNormalized { operand, .. } => operand,
            _ => return false,
        };
        operand.kind == ExpressionKind::CaseSubject
    }
}

/// `[variable IN list [WHERE predicate] [| projection]]`.
#[derive(Clone, PartialEq, Debug)]
pub struct ListComprehension {
    /// Bound to each element in turn.
    pub variable: Identifier,
    /// The list.
    pub list: Box<Expression>,
    /// Which elements are kept.
    pub predicate: Option<Box<Expression>>,
    /// What is made of each; the element itself if absent.
    pub projection: Option<Box<Expression>>,
}

/// `[pattern [WHERE predicate] | projection]`.
#[derive(Clone, PartialEq, Debug)]
pub struct PatternComprehension {
    /// Has at least one relationship, and may be named.
    pub pattern: Box<PathPattern>,
    /// Which matches are kept.
    pub predicate: Option<Box<Expression>>,
    /// What is made of each.
    pub projection: Box<Expression>,
}

/// `all(variable IN list WHERE predicate)`.
#[derive(Clone, PartialEq, Debug)]
pub struct Quantified {
    /// How many elements must satisfy the predicate.
    pub quantifier: Quantifier,
    /// Bound to each element in turn.
    pub variable: Identifier,
    /// The list.
    pub list: Box<Expression>,
    /// What is asked of each element.
    pub predicate: Box<Expression>,
}

/// How many elements of a list must satisfy a predicate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quantifier {
    /// `all`.
    All,
    /// `any`.
    Any,
    /// `none`.
    None,
    /// `single`.
    Single,
}

impl Quantifier {
    /// The quantifier as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Quantifier::All => "all",
            Quantifier::Any => "any",
            Quantifier::None => "none",
            Quantifier::Single => "single",
        }
    }
}

/// `reduce(accumulator = initial, variable IN list | step)`.
#[derive(Clone, PartialEq, Debug)]
pub struct Reduce {
    /// Carries the result.
    pub accumulator: Identifier,
    /// Its first value.
    pub initial: Box<Expression>,
    /// Bound to each element in turn.
    pub variable: Identifier,
    /// The list.
    pub list: Box<Expression>,
    /// The accumulator's next value.
    pub step: Box<Expression>,
    /// `allReduce(accumulator = initial, variable IN list | step, predicate)`: what every value of the
    /// accumulator must meet, and the result is whether all do.
    pub predicate: Option<Box<Expression>>,
}

/// What an expression makes of the rows of a subquery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubqueryKind {
    /// Whether there is any.
    Exists,
    /// How many there are.
    Count,
    /// The list of their only column; its body is always a full query.
    Collect,
}

/// A Unicode normal form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum NormalForm {
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
}

impl NormalForm {
    /// All forms.
    pub const ALL: [NormalForm; 4] = [
        NormalForm::Nfc,
        NormalForm::Nfd,
        NormalForm::Nfkc,
        NormalForm::Nfkd,
    ];

    /// The form as written.
    pub fn as_str(self) -> &'static str {
        match self {
            NormalForm::Nfc => "NFC",
            NormalForm::Nfd => "NFD",
            NormalForm::Nfkc => "NFKC",
            NormalForm::Nfkd => "NFKD",
        }
    }
}

/// What stands between the braces of `EXISTS { … }`.
#[derive(Clone, PartialEq, Debug)]
pub enum SubqueryBody {
    /// `pattern, … [WHERE predicate]`.
    Patterns {
        /// At least one.
        patterns: Vec<PathPattern>,
        /// `WHERE`.
        predicate: Option<Box<Expression>>,
    },
    /// A full query, whose final `RETURN` may be left out.
    Query(Box<Query>),
}

/// One item of a map projection.
#[derive(Clone, PartialEq, Debug)]
pub enum MapProjectionItem {
    /// `.key`: a property under its own name.
    Property(Identifier),
    /// `.*`: all properties.
    AllProperties(Span),
    /// `variable`: a variable under its own name.
    Variable(Identifier),
    /// `key: value`.
    Entry(MapEntry),
}
