//! The syntax tree of a statement.
//!
//! The tree says what was written, not what it means: names are unresolved, `exists(…)` is a
//! function call like any other, and whether a variable is bound is the binder's question. Four
//! conventions hold throughout:
//!
//! * every node carries the [`Span`] it was read from, and equality ignores spans (see [`Span`]);
//! * parentheses leave no node, but widen the span of what they enclose, so that the text of a
//!   span is what the user wrote; the printer adds the ones precedence asks for;
//! * a minus sign before a number is part of the literal, a chain `a < b <= c` is one
//!   [`Comparison`], and `a AND b AND c` is one [`Logical`](ExpressionKind::Logical) node;
//! * the height of a tree is bounded by [`HEIGHT_MAX`](crate::HEIGHT_MAX), so recursion
//!   over it is safe.

mod administration;
mod clause;
mod expression;
mod pattern;
mod schema;
mod types;

use std::fmt;
use std::sync::Arc;

pub use administration::*;
pub use clause::*;
pub use expression::*;
pub use pattern::*;
pub use schema::*;
pub use types::*;

pub use crate::span::Span;

/// A name as written, without its backticks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identifier {
    /// The name; escapes are resolved.
    pub name: Arc<str>,
    /// Where it stands, backticks included.
    pub span: Span,
}

impl Identifier {
    /// A name at a position.
    pub fn new(name: impl Into<Arc<str>>, span: Span) -> Self {
        Self {
            name: name.into(),
            span,
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A possibly namespaced name of a function or procedure: `db.labels`, `toUpper`.
///
/// `Display` writes it with dots and without backticks, which is the form registries look up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QualifiedName {
    /// The parts before the last dot; usually empty for functions.
    pub namespace: Vec<Identifier>,
    /// The last part.
    pub name: Identifier,
    /// The whole name.
    pub span: Span,
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.namespace {
            write!(f, "{part}.")?;
        }
        write!(f, "{}", self.name)
    }
}

/// One complete statement.
#[derive(Clone, PartialEq, Debug)]
pub struct Statement {
    /// `EXPLAIN` or `PROFILE`, if present.
    pub mode: Option<StatementMode>,
    /// What to do.
    pub body: StatementBody,
    /// The whole text without surrounding blanks.
    pub span: Span,
}

/// The prefix that asks for a plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StatementMode {
    /// `EXPLAIN`: plan, do not run.
    Explain,
    /// `PROFILE`: run and report what each operator did.
    Profile,
}

/// What a statement does.
#[derive(Clone, PartialEq, Debug)]
pub enum StatementBody {
    /// Reads or writes the graph.
    Query(Query),
    /// Changes or lists indexes and constraints.
    Schema(SchemaCommand),
    /// Changes users, roles and what roles allow.
    Administration(Administration),
}

/// A regular query: single queries joined by `UNION`, all read at the same time.
#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    /// `AS OF …`, `FOR SYSTEM_TIME …`, `FOR VALID_TIME …`; applies to every part of the union.
    pub time: Option<TimeClause>,
    /// The first single query.
    pub first: SingleQuery,
    /// What follows, each with its own `UNION`. The parser lets `UNION` and `UNION ALL` mix; the
    /// binder does not.
    pub unions: Vec<Union>,
    /// The query behind `NEXT`, which takes up the rows of this one. It has no time clause.
    pub next: Option<Box<Query>>,
    /// The whole query.
    pub span: Span,
}

/// `UNION [ALL]` and the query behind it.
#[derive(Clone, PartialEq, Debug)]
pub struct Union {
    /// `UNION ALL` keeps duplicates.
    pub all: bool,
    /// The right-hand side.
    pub query: SingleQuery,
    /// From `UNION` on.
    pub span: Span,
}

/// A sequence of clauses; never empty.
#[derive(Clone, PartialEq, Debug)]
pub struct SingleQuery {
    /// In the order written.
    pub clauses: Vec<Clause>,
    /// From the first clause to the end of the last.
    pub span: Span,
}

/// Which state of the graph a query reads. At least one of the two parts is present.
#[derive(Clone, PartialEq, Debug)]
pub struct TimeClause {
    /// What the database knew.
    pub system: Option<SystemTime>,
    /// `FOR VALID_TIME AS OF instant`: what held in the world.
    pub valid: Option<Expression>,
    /// All time clauses of the query together.
    pub span: Span,
}

/// The recorded state or states a query reads.
#[derive(Clone, PartialEq, Debug)]
pub enum SystemTime {
    /// `AS OF instant` or `FOR SYSTEM_TIME AS OF instant`.
    AsOf(Expression),
    /// `AS OF VERSION number`.
    Version(Expression),
    /// `FOR SYSTEM_TIME FROM from TO to`: every version of an element recorded between the two.
    Range {
        /// Inclusive start.
        from: Expression,
        /// Exclusive end.
        to: Expression,
    },
}
