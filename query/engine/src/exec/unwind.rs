//! UNWIND: one row for each item of a list.
//!
//! `UNWIND range(…)` makes no list: the integers come one batch at a time, so that a long range takes no
//! memory, and stops soon when the query is cancelled or wants no more.

use std::sync::Arc;

use retrograph_graph::value::Value;

use super::batch::{BATCH_ROWS_MAX, Batch};
use super::context::Context;
use super::expression::eval;
use super::fan::{Added, Fan};
use super::pipeline::{Flow, Rest};
use crate::error::QueryError;
use crate::functions::lists::range_items_unbounded;
use crate::plan::{Expression, Slot};

/// UNWIND.
pub(crate) fn unwind(
    list: &Expression,
    item: Slot,
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let fan = Fan::new(
        batch,
        live,
        context.view,
        vec![Added::Values(item, Vec::new())],
    );
    match list {
        Expression::Call(function, arguments) if function.name == "range" => {
            ranges(arguments, batch, fan, context, rest)
        }
        list => lists(list, batch, fan, context, rest),
    }
}

fn lists(
    list: &Expression,
    batch: &Batch,
    mut fan: Fan<'_>,
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let lists = eval(list, batch, context)?.into_owned();
    for (row, number) in (0..batch.rows).zip(0u32..) {
        let items: Arc<[Value]> = match lists.get(row) {
            Value::Null => continue,
            Value::List(items) => items,
            other => Arc::from([other]),
        };
        for part in items.chunks(BATCH_ROWS_MAX) {
            context.tick(part.len())?;
            if push(&mut fan, number, part.iter().cloned(), context, rest)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
    }
    fan.flush(context, rest)
}

fn ranges(
    arguments: &[Expression],
    batch: &Batch,
    mut fan: Fan<'_>,
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let mut bounds = Vec::with_capacity(arguments.len());
    for argument in arguments {
        bounds.push(eval(argument, batch, context)?.into_owned());
    }
    for (row, number) in (0..batch.rows).zip(0u32..) {
        let values: Vec<Value> = bounds.iter().map(|bound| bound.get(row)).collect();
        // The range is null then, and null has no items.
        if values.iter().any(Value::is_null) {
            continue;
        }
        let mut items = range_items_unbounded(&values)?;
        while items.count_left() > 0 {
            let part = items.by_ref().take(BATCH_ROWS_MAX).map(Value::Int);
            context.tick(BATCH_ROWS_MAX)?;
            if push(&mut fan, number, part, context, rest)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
    }
    fan.flush(context, rest)
}

/// Adds items of one row, and hands on what fills a batch.
fn push(
    fan: &mut Fan<'_>,
    row: u32,
    part: impl Iterator<Item = Value>,
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    if let Some(Added::Values(_, values)) = fan.added.first_mut() {
        values.extend(part);
        let rows = values.len();
        fan.origins.resize(rows, row);
    }
    fan.flush_full(context, rest)
}
