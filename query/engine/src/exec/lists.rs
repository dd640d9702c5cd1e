//! Expressions that bind a variable to each item of a list.
//!
//! The items of the lists of all rows form one inner batch, beside which the columns that the body
//! needs are repeated; so the body runs over flat vectors, too.

use std::sync::Arc;

use retrograph_graph::value::Value;

use super::batch::Batch;
use super::context::Context;
use super::expression::{eval, per_row, used};
use super::kernels::{self, Selected};
use super::vector::Vector;
use crate::error::{QueryError, RuntimeError};
use crate::functions::out_of_range;
use crate::plan::expression::Quantifier;
use crate::plan::{Expression, Slot};

/// The items of the lists of a batch.
struct Items {
    /// The batch with one row for each item.
    batch: Batch,
    /// For each row of the outer batch the number of its items; `None` for a null list.
    counts: Vec<Option<usize>>,
}

fn not_a_list(value: &Value) -> QueryError {
    RuntimeError::type_error(format!("a list is needed here, not {}", value.type_name())).into()
}

fn unfold(
    list: &Expression,
    item: Slot,
    bodies: &[&Expression],
    batch: &Batch,
    context: &mut Context<'_>,
) -> Result<Items, QueryError> {
    let lists = eval(list, batch, context)?;
    let mut counts = Vec::with_capacity(batch.rows);
    let mut origins: Vec<u32> = Vec::new();
    let mut items: Vec<Value> = Vec::new();
    for (row, number) in (0..batch.rows).zip(0u32..) {
        match lists.get(row) {
            Value::Null => counts.push(None),
            Value::List(list) => {
                counts.push(Some(list.len()));
                origins.resize(origins.len() + list.len(), number);
                items.extend(list.iter().cloned());
            }
            other => return Err(not_a_list(&other)),
        }
    }
    context.tick(items.len())?;
    let mut slots: Vec<Slot> = bodies.iter().flat_map(|body| used(body)).collect();
    slots.retain(|slot| *slot != item);
    let mut inner = if batch.rows == 1 {
        // One row: its values are constants for all items.
        let mut inner = batch.row(0, &slots);
        inner.rows = items.len();
        inner
    } else {
        batch.gather(&origins, &slots)
    };
    inner.tags = None;
    inner.set(item, Vector::from_values(items));
    Ok(Items {
        batch: inner,
        counts,
    })
}

/// `[item IN list WHERE filter | map]`.
pub(crate) fn comprehension(
    item: Slot,
    list: &Expression,
    filter: Option<&Expression>,
    map: Option<&Expression>,
    batch: &Batch,
    context: &mut Context<'_>,
) -> Result<Vector, QueryError> {
    let bodies: Vec<&Expression> = filter.iter().chain(&map).copied().collect();
    let mut items = unfold(list, item, &bodies, batch, context)?;
    if let Some(filter) = filter
        && items.batch.rows > 0
    {
        let keep = eval(filter, &items.batch, context)?.into_owned();
        if let Selected::Some(kept) = kernels::selected(&keep, items.batch.rows)? {
            let mut kept_before = 0;
            let mut end = 0;
            for count in items.counts.iter_mut().flatten() {
                end += *count;
                let kept_so_far = kept.partition_point(|&row| (row as usize) < end);
                *count = kept_so_far - kept_before;
                kept_before = kept_so_far;
            }
            items.batch = items.batch.gather_all(&kept);
        }
    }
    let values = match map {
        Some(map) if items.batch.rows > 0 => eval(map, &items.batch, context)?.into_owned(),
        _ => items.batch.column(item).clone(),
    };
    let mut at = 0;
    per_row(batch.rows, |row| {
        let Some(count) = items.counts[row] else {
            return Ok(Value::Null);
        };
        let list: Arc<[Value]> = (at..at + count).map(|at| values.get(at)).collect();
        at += count;
        Ok(Value::List(list))
    })
}

/// `all(item IN list WHERE predicate)` and its kin.
pub(crate) fn quantified(
    quantifier: Quantifier,
    item: Slot,
    list: &Expression,
    predicate: &Expression,
    batch: &Batch,
    context: &mut Context<'_>,
) -> Result<Vector, QueryError> {
    let items = unfold(list, item, &[predicate], batch, context)?;
    let truths = if items.batch.rows > 0 {
        eval(predicate, &items.batch, context)?.into_owned()
    } else {
        Vector::Absent
    };
    let mut at = 0;
    per_row(batch.rows, |row| {
        let Some(count) = items.counts[row] else {
            return Ok(Value::Null);
        };
        let (mut holds, mut fails, mut unknown) = (0, 0, 0);
        for at in at..at + count {
            match kernels::ternary(&truths, at)? {
                Some(true) => holds += 1,
                Some(false) => fails += 1,
                None => unknown += 1,
            }
        }
        at += count;
        let truth = match quantifier {
            Quantifier::All if fails > 0 => Some(false),
            Quantifier::Any if holds > 0 => Some(true),
            Quantifier::None if holds > 0 => Some(false),
            Quantifier::Single if holds > 1 => Some(false),
            _ if unknown > 0 => None,
            Quantifier::All | Quantifier::None => Some(true),
            Quantifier::Any => Some(false),
            Quantifier::Single => Some(holds == 1),
        };
        Ok(truth.map_or(Value::Null, Value::Bool))
    })
}

/// How deep lists and maps may be nested in a value that a query computes. Whatever looks at a value
/// goes down into it on the stack.
const VALUE_DEPTH_MAX: usize = 1_000;

/// How many steps of a `reduce()` are made between two looks at how deep its value has become.
const STEPS_BETWEEN_LOOKS: usize = 512;

fn check_depth(value: &Value) -> Result<(), QueryError> {
    let mut open = vec![(value, 0)];
    while let Some((value, depth)) = open.pop() {
        if depth > VALUE_DEPTH_MAX {
            return Err(out_of_range(format!(
                "the value of reduce() nests lists or maps more than {VALUE_DEPTH_MAX} deep"
            )));
        }
        match value {
            Value::List(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Map(map) => open.extend(map.values().map(|item| (item, depth + 1))),
            _ => {}
        }
    }
    Ok(())
}

/// What `reduce` and `allReduce` compute.
pub(crate) struct Reduction<'p> {
    pub(crate) accumulator: Slot,
    pub(crate) initial: &'p Expression,
    pub(crate) item: Slot,
    pub(crate) list: &'p Expression,
    pub(crate) body: &'p Expression,
    /// What `allReduce` demands of each value of the accumulator.
    pub(crate) predicate: Option<&'p Expression>,
}

/// `reduce(accumulator = initial, item IN list | body)`: the last value of the accumulator. With a
/// predicate, whether each value meets it: false as soon as one does not, null if it is unknown of one.
pub(crate) fn reduce(
    of: &Reduction<'_>,
    batch: &Batch,
    context: &mut Context<'_>,
) -> Result<Vector, QueryError> {
    let initial = eval(of.initial, batch, context)?.into_owned();
    let lists = eval(of.list, batch, context)?.into_owned();
    let mut slots = used(of.body);
    slots.extend(of.predicate.iter().flat_map(|predicate| used(predicate)));
    per_row(batch.rows, |row| {
        let items = match lists.get(row) {
            Value::Null => return Ok(Value::Null),
            Value::List(items) => items,
            other => return Err(not_a_list(&other)),
        };
        let mut inner = batch.row(row, &slots);
        let mut value = initial.get(row);
        let mut holds = Value::Bool(true);
        for (next, number) in items.iter().zip(1_usize..) {
            context.tick(1)?;
            inner.set(of.accumulator, Vector::Constant(value));
            inner.set(of.item, Vector::Constant(next.clone()));
            value = eval(of.body, &inner, context)?.get(0);
            if number % STEPS_BETWEEN_LOOKS == 0 || number == items.len() {
                check_depth(&value)?;
            }
            let Some(predicate) = of.predicate else {
                continue;
            };
            inner.set(of.accumulator, Vector::Constant(value.clone()));
            match eval(predicate, &inner, context)?.get(0) {
                Value::Bool(true) => {}
                Value::Bool(false) => return Ok(Value::Bool(false)),
                Value::Null => holds = Value::Null,
                other => {
                    return Err(RuntimeError::type_error(format!(
                        "the predicate of allReduce() is a boolean, not {}",
                        other.type_name()
                    ))
                    .into());
                }
            }
        }
        Ok(match of.predicate {
            None => value,
            Some(_) => holds,
        })
    })
}
