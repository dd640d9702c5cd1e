//! The executor: one push-based, vectorised, synchronous interpreter of plans.
//!
//! | module | subject |
//! | --- | --- |
//! | `vector`, `batch`, `fan` | columns of values, rows in columns, rows that multiply |
//! | `context` | views, limits, counters and the transaction of an execution |
//! | `pipeline` | pushing batches through steps; the dispatch over operators |
//! | `scan`, `seek_rows`, `expand`, `trail`, `shortest`, `path` | reading the graph |
//! | `aggregate`, `distinct`, `sort`, `held` | operators that hold rows back |
//! | `nested`, `fork` | OPTIONAL MATCH, subqueries, UNION, procedures |
//! | `csv` | LOAD CSV |
//! | `transactions` | CALL { … } IN TRANSACTIONS |
//! | `write` | CREATE, MERGE, SET, DELETE, FOREACH, schema |
//! | `expression`, `kernels`, `elements`, `lists`, `subquery` | expressions over batches |
//! | `liveness` | which slots a step still needs |
//!
//! Invariants: the plan is never changed by running it; a step sees the graph through the view that
//! [`context::Context::enter`] sets; a batch that is pushed on has at least one row; whoever loops over
//! the graph's data ticks.

mod aggregate;
pub(crate) mod batch;
pub(crate) mod context;
mod csv;
mod distinct;
mod elements;
mod expand;
mod expression;
mod fan;
mod fork;
mod held;
mod id_set;
mod kernels;
mod key_table;
mod lists;
mod liveness;
mod moment;
mod nested;
mod path;
pub(crate) mod pipeline;
mod scan;
mod schema;
mod seek_rows;
mod shortest;
mod sort;
mod subquery;
mod trail;
pub(crate) mod transactions;
mod unwind;
pub(crate) mod vector;
pub(crate) mod vector_index;
mod write;

pub use context::CancelToken;
pub(crate) use moment::resolve as resolve_view;

use crate::plan::{Operator, Pipeline};

/// One more than the greatest number of a step of a plan.
pub(crate) fn count_steps(pipeline: &Pipeline) -> usize {
    let of_step = |operator: &Operator| match operator {
        Operator::Optional { inner, .. } | Operator::Apply { inner, .. } => count_steps(inner),
        Operator::InTransactions(call) => count_steps(&call.inner),
        Operator::Union(branches) | Operator::Fork(branches) => {
            branches.iter().map(count_steps).max().unwrap_or(0)
        }
        Operator::Merge { find, .. } => count_steps(find),
        Operator::Foreach { body, .. } => count_steps(body),
        _ => 0,
    };
    pipeline
        .steps
        .iter()
        .map(|step| of_step(&step.operator).max(usize::from(step.id) + 1))
        .max()
        .unwrap_or(0)
}
