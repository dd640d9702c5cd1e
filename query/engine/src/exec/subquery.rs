//! Subquery expressions: EXISTS, COUNT, COLLECT and pattern comprehensions.
//!
//! The pipeline runs once for each row, with the row's values as constants. EXISTS stops it at its
//! first row.

use std::ptr;

use retrograph_graph::value::Value;

use super::batch::Batch;
use super::context::Context;
use super::expression::{eval as eval_expression, per_row, used};
use super::liveness::pipeline_slots;
use super::pipeline::{Flow, State, run_nested, states_of};
use super::vector::Vector;
use crate::error::QueryError;
use crate::plan::expression::SubqueryResult;
use crate::plan::{Pipeline, Slot};

/// The values of a subquery expression over a batch.
pub(crate) fn eval(
    pipeline: &Pipeline,
    result: &SubqueryResult,
    batch: &Batch,
    context: &mut Context<'_>,
) -> Result<Vector, QueryError> {
    let live: Vec<Slot> = match result {
        SubqueryResult::Exists | SubqueryResult::Count => Vec::new(),
        SubqueryResult::Collect(of) => used(of),
    };
    let mut slots = pipeline_slots(pipeline);
    slots.extend(&live);
    let slots: Vec<Slot> = slots.into_iter().collect();
    // The plan outlives the execution, so the address names the pipeline.
    let key = ptr::from_ref(pipeline).addr();
    let mut states = context
        .subqueries
        .remove(&key)
        .unwrap_or_else(|| states_of(pipeline, &live));
    let values = per_row(batch.rows, |row| {
        let entry = batch.row(row, &slots);
        run(pipeline, &mut states, entry, result, context)
    });
    context.subqueries.insert(key, states);
    values
}

fn run(
    pipeline: &Pipeline,
    states: &mut [State],
    entry: Batch,
    result: &SubqueryResult,
    context: &mut Context<'_>,
) -> Result<Value, QueryError> {
    match result {
        SubqueryResult::Exists => {
            let mut found = false;
            run_nested(
                &pipeline.steps,
                states,
                context,
                entry,
                &mut |_, batch: Batch| {
                    found |= batch.rows > 0;
                    Ok(if found { Flow::Stop } else { Flow::More })
                },
            )?;
            Ok(Value::Bool(found))
        }
        SubqueryResult::Count => {
            let mut count = 0i64;
            run_nested(
                &pipeline.steps,
                states,
                context,
                entry,
                &mut |_, batch: Batch| {
                    count += i64::try_from(batch.rows).unwrap_or(i64::MAX);
                    Ok(Flow::More)
                },
            )?;
            Ok(Value::Int(count))
        }
        SubqueryResult::Collect(of) => {
            let mut items: Vec<Value> = Vec::new();
            run_nested(
                &pipeline.steps,
                states,
                context,
                entry,
                &mut |context, batch: Batch| {
                    let values = eval_expression(of, &batch, context)?;
                    items.extend((0..batch.rows).map(|row| values.get(row)));
                    Ok(Flow::More)
                },
            )?;
            Ok(Value::List(items.into()))
        }
    }
}
