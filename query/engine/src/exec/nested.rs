//! Steps with pipelines inside: OPTIONAL MATCH, CALL { … }, UNION; and procedures.
//!
//! A rowwise pipeline takes the whole batch: each row is tagged with its number, and what leaves the
//! pipeline says by its tag which row it came from. Any other pipeline runs once for each row, and
//! the outer row's values are put back beside what leaves it.

use std::sync::Arc;

use retrograph_graph::value::Value;

use super::batch::{BATCH_ROWS_FIRST, BATCH_ROWS_MAX, Batch, all_rows};
use super::context::Context;
use super::expression::eval;
use super::pipeline::{Flow, Rest, State, push, run_nested};
use super::vector::Vector;
use crate::error::{QueryError, RuntimeError};
use crate::functions::Procedure;
use crate::plan::{Expression, Pipeline, Slot, ViewClause};

/// The tags of a batch mapped to those of the batch around it.
fn outer_tags(tags: &[u32], outer: &Batch) -> Option<Vec<u32>> {
    outer
        .tags
        .as_ref()
        .map(|outer| tags.iter().map(|&tag| outer[tag as usize]).collect())
}

/// Puts the values of an outer row beside rows that came from it.
pub(crate) fn attach(inner: &mut Batch, outer: &Batch, row: usize, live: &[Slot]) {
    for &slot in live {
        if inner.column(slot).is_absent() {
            let column = outer.column(slot);
            if !column.is_absent() {
                inner.set(slot, Vector::Constant(column.get(row)));
            }
        }
    }
    inner.tags = outer.tags.as_ref().map(|tags| vec![tags[row]; inner.rows]);
}

/// The rows of a batch from `from` to before `to`, with nulls in some slots.
fn unmatched(batch: &Batch, from: u32, to: u32, introduced: &[Slot], live: &[Slot]) -> Batch {
    let rows: Vec<u32> = (from..to).collect();
    let mut part = batch.gather(&rows, live);
    for slot in introduced.iter().filter(|slot| live.contains(slot)) {
        part.set(*slot, Vector::Constant(Value::Null));
    }
    part
}

/// OPTIONAL MATCH.
#[allow(clippy::too_many_arguments)]
pub(crate) fn optional(
    inner: &Pipeline,
    states: &mut [State],
    mode: Mode,
    introduced: &[Slot],
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let rows = u32::try_from(batch.rows).unwrap_or(u32::MAX);
    if mode != Mode::Batches {
        for row in 0..rows {
            let mut flow = Flow::More;
            let mut any = false;
            run_nested(
                &inner.steps,
                states,
                context,
                entry(batch, row),
                &mut |context, mut found: Batch| {
                    any |= found.rows > 0;
                    attach(&mut found, batch, row as usize, live);
                    flow = rest.push(context, found)?;
                    Ok(flow)
                },
            )?;
            if flow == Flow::More && !any {
                let part = unmatched(batch, row, row + 1, introduced, live);
                flow = rest.push(context, part)?;
            }
            if flow == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        return Ok(Flow::More);
    }
    // The first row that has not been seen among the results.
    let mut next = 0u32;
    let mut tagged = batch.clone();
    tagged.tags = Some(all_rows(batch.rows));
    let flow = push(
        &inner.steps,
        states,
        context,
        tagged,
        &mut |context, mut found: Batch| {
            let tags = found.tags.take().unwrap_or_default();
            let mut expected = next;
            let has_gap = tags.iter().any(|&tag| {
                let is_gap = tag > expected;
                expected = tag + 1;
                is_gap
            });
            if !has_gap {
                next = tags.last().map_or(next, |tag| tag + 1);
                found.tags = outer_tags(&tags, batch);
                return rest.push(context, found);
            }
            // Rows without a match come in their place among the others.
            let mut merged = Batch {
                columns: Vec::new(),
                rows: 0,
                tags: None,
            };
            let mut begin = 0;
            while begin < tags.len() {
                if tags[begin] > next {
                    merged.append(&unmatched(batch, next, tags[begin], introduced, live), live);
                }
                let mut end = begin;
                next = tags[begin];
                while end < tags.len() && tags[end] <= next {
                    next = tags[end] + 1;
                    end += 1;
                    while end < tags.len() && tags[end] == next - 1 {
                        end += 1;
                    }
                }
                let rows: Vec<u32> = (begin as u32..end as u32).collect();
                let mut part = found.gather(&rows, live);
                part.tags = outer_tags(&tags[begin..end], batch);
                merged.append(&part, live);
                begin = end;
            }
            rest.push(context, merged)
        },
    )?;
    if flow == Flow::Stop {
        return Ok(Flow::Stop);
    }
    if next < rows {
        return rest.push(context, unmatched(batch, next, rows, introduced, live));
    }
    Ok(Flow::More)
}

/// One row of a batch as the entry of a pipeline.
pub(crate) fn entry(batch: &Batch, row: u32) -> Batch {
    let all: Vec<Slot> = (0..batch.columns.len()).map(|at| Slot(at as u16)).collect();
    batch.row(row as usize, &all)
}

/// How the inner pipeline of a step is run for the rows that reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// For all together.
    Batches,
    /// For one after the other.
    Rows,
    /// For one after the other, each seeing what was written for those before it.
    Turns,
}

/// CALL { … }.
#[allow(clippy::too_many_arguments)]
pub(crate) fn apply(
    inner: &Pipeline,
    states: &mut [State],
    mode: Mode,
    view: Option<&ViewClause>,
    batch: Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let outer_view = context.view;
    let inner_view = match view {
        None => outer_view,
        Some(clause) => match super::moment::resolve(clause, context)? {
            Some(version) => context.view_at(version)?,
            None => outer_view,
        },
    };
    let mut flow = Flow::More;
    context.view = inner_view;
    if mode == Mode::Batches {
        push(
            &inner.steps,
            states,
            context,
            batch,
            &mut |context, found: Batch| {
                context.view = outer_view;
                flow = rest.push(context, found)?;
                context.view = inner_view;
                Ok(flow)
            },
        )?;
    } else {
        let rows = u32::try_from(batch.rows).unwrap_or(u32::MAX);
        let mut turns = context.begin_turns();
        for row in 0..rows {
            let entry = entry(&batch, row);
            if mode == Mode::Turns {
                context.next_turn(&mut turns);
            }
            run_nested(
                &inner.steps,
                states,
                context,
                entry,
                &mut |context, mut found: Batch| {
                    attach(&mut found, &batch, row as usize, live);
                    context.view = outer_view;
                    flow = rest.push(context, found)?;
                    context.view = inner_view;
                    Ok(flow)
                },
            )?;
            if flow == Flow::Stop {
                break;
            }
        }
        context.end_turns(&turns);
    }
    context.view = outer_view;
    Ok(flow)
}

/// UNION and UNION ALL.
pub(crate) fn union(
    branches: &[Pipeline],
    states: &mut [Vec<State>],
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let rows = u32::try_from(batch.rows).unwrap_or(u32::MAX);
    for row in 0..rows {
        for (branch, states) in branches.iter().zip(states.iter_mut()) {
            let mut flow = Flow::More;
            let entry = entry(batch, row);
            run_nested(
                &branch.steps,
                states,
                context,
                entry,
                &mut |context, mut found: Batch| {
                    attach(&mut found, batch, row as usize, live);
                    flow = rest.push(context, found)?;
                    Ok(flow)
                },
            )?;
            if flow == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
    }
    Ok(Flow::More)
}

/// A call of a procedure.
pub(crate) struct ProcedureCall<'p> {
    pub(crate) procedure: &'p Arc<Procedure>,
    pub(crate) arguments: &'p [Expression],
    pub(crate) yields: &'p [(u16, Slot)],
    pub(crate) is_void: bool,
}

/// CALL procedure(…).
pub(crate) fn call_procedure(
    call: &ProcedureCall<'_>,
    batch: Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let arguments = call
        .arguments
        .iter()
        .map(|argument| Ok(eval(argument, &batch, context)?.into_owned()))
        .collect::<Result<Vec<_>, QueryError>>()?;
    for (row, number) in (0..batch.rows).zip(0u32..) {
        let values: Vec<Value> = arguments.iter().map(|argument| argument.get(row)).collect();
        check_arguments(call.procedure, &values)?;
        let mut found: Vec<Vec<Value>> = Vec::new();
        let (made, later) = context.call(|functions| {
            (call.procedure.body)(functions, &values, &mut |result| {
                found.push(result);
                Ok(())
            })?;
            let made = std::mem::take(&mut functions.made);
            Ok::<_, QueryError>((made, functions.later.take()))
        })?;
        context.views.reads.extend(made);
        if call.is_void {
            continue;
        }
        let mut flow = push_results(call, &found, number, &batch, live, context, rest)?;
        if let Some(mut later) = later {
            // What the rows are made of is held as long as they are drawn.
            context.charge("CallProcedure", later.bytes)?;
            let mut size = BATCH_ROWS_FIRST;
            while flow == Flow::More {
                found.clear();
                found.extend(std::iter::from_fn(&mut later.next).take(size));
                if found.is_empty() {
                    break;
                }
                flow = push_results(call, &found, number, &batch, live, context, rest)?;
                size = (4 * size).min(BATCH_ROWS_MAX);
            }
            context.release(later.bytes);
        }
        if flow == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    if call.is_void {
        rest.push(context, batch)
    } else {
        Ok(Flow::More)
    }
}

/// Refuses arguments whose types were not known before running and are wrong.
fn check_arguments(procedure: &Procedure, values: &[Value]) -> Result<(), QueryError> {
    for (value, (name, wanted)) in values.iter().zip(&procedure.parameters) {
        if !wanted.holds(value) {
            return Err(RuntimeError::type_error(format!(
                "parameter `{name}` of {}() takes {wanted}, but was given {}",
                procedure.name,
                value.type_name()
            ))
            .into());
        }
    }
    Ok(())
}

/// Pushes results of a procedure beside the row that they were found for.
fn push_results(
    call: &ProcedureCall<'_>,
    found: &[Vec<Value>],
    row: u32,
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    if found.is_empty() {
        return Ok(Flow::More);
    }
    context.tick(found.len())?;
    let mut part = batch.gather(&vec![row; found.len()], live);
    for (column, slot) in call.yields {
        let column = usize::from(*column);
        let values = found
            .iter()
            .map(|result| result.get(column).cloned().unwrap_or_default())
            .collect();
        part.set(*slot, Vector::from_values(values));
    }
    rest.push(context, part)
}
