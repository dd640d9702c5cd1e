//! Plans: what the planner produces and the executor runs.
//!
//! A plan is a [`Pipeline`]: steps in a line, each extending, filtering or consuming the rows that
//! the one before pushes into it. A row is a set of slots, one per variable of the query; nesting
//! (OPTIONAL MATCH, subqueries, UNION, MERGE) is a step that holds pipelines of its own, run for the
//! rows that reach it. Plans are immutable and know no version: the same plan runs now and in the
//! past.

mod access;
pub(crate) mod cost;
pub mod explain;
pub mod expression;
mod fold;
pub(crate) mod graph;
mod liveness;
pub mod operator;
pub(crate) mod path;
pub mod rewrite;
pub mod rows;
pub mod schema;
pub(crate) mod slots;
pub(crate) mod solve;
mod text;
mod visit;

use std::sync::Arc;

use retrograph_cypher::Span;

pub use expression::{Expression, Slot, Token};
pub use operator::{Operator, Pipeline, Step};
pub use rewrite::Rewrites;
pub use schema::{IndexInfo, NameKind, RowsInfo, Schema};

/// Whether a plan may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads only; may run at any version.
    Read,
    /// Reads and writes; runs on the latest version in a transaction.
    Write,
    /// Changes the schema.
    Schema,
}

/// A compiled query.
#[derive(Debug)]
pub struct Plan {
    /// The steps; the first is [`Operator::Unit`].
    pub pipeline: Pipeline,
    /// The number of slots of a row.
    pub width: usize,
    /// The columns of the result in order; empty for a query that returns nothing.
    pub columns: Vec<(Arc<str>, Slot)>,
    /// Whether the plan may write.
    pub access: Access,
    /// Whether it reads CSV files.
    pub reads_csv: bool,
    /// Whether a subquery commits as it goes, so that the plan cannot run in a transaction.
    pub commits: bool,
    /// Whether a part of it names the state to read.
    pub reads_past: bool,
    /// Whether its literals may be passwords, which nobody is to be shown.
    pub is_secret: bool,
    /// The view of the whole query where the text names one.
    pub view: Option<ViewClause>,
    /// The number of clauses: own writes of clause `k` have sequence `k`.
    pub clauses: u16,
    /// The names of the parameters that the query uses.
    pub parameters: Vec<Arc<str>>,
    /// The number of steps in all pipelines, those of subqueries in expressions included: one more
    /// than the greatest [`Step::id`].
    pub step_count: u16,
    /// A name for each slot, for EXPLAIN: the variable's own, or one that stands for a nameless
    /// element or an intermediate result.
    pub slot_names: Vec<Arc<str>>,
}

/// The time clauses of a query or subquery. The expressions use parameters and literals only.
#[derive(Clone, Debug, Default)]
pub struct ViewClause {
    /// `AS OF` / `FOR SYSTEM_TIME AS OF` an instant.
    pub system_time: Option<Expression>,
    /// `AS OF VERSION`.
    pub version: Option<Expression>,
    /// The text of either operand.
    pub span: Span,
}
