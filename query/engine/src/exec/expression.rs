//! Evaluates expressions over batches.
//!
//! [`eval`] gives the vector of an expression's values over the rows of a batch. Constants stay
//! constants, so a batch of one row is computed without allocating; flat vectors go through the
//! kernels of [`super::kernels`]; everything else goes row by row through the operators of
//! [`crate::functions`]. Parts that must not run on every row (later arms of AND, OR, CASE,
//! `coalesce`) run on a batch gathered from the rows still undecided.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use retrograph_graph::NULL_CODE;
use retrograph_graph::value::{Map, Value};
use smallvec::SmallVec;

use super::batch::{Batch, all_rows};
use super::context::Context;
use super::liveness::expression_slots;
use super::vector::Vector;
use super::{elements, kernels, lists, subquery};
use crate::error::{QueryError, RuntimeError};
use crate::functions::types::is_of_type;
use crate::functions::{Function, operators, property};
use crate::plan::expression::{Arithmetic, Projection};
use crate::plan::{Expression, Slot};

/// Shorthand for the result of evaluating over a batch.
pub(crate) type Evaluated<'b> = Result<Cow<'b, Vector>, QueryError>;

fn constant<'b>(value: Value) -> Cow<'b, Vector> {
    Cow::Owned(Vector::Constant(value))
}

/// The values of `expression` over the rows of `batch`.
pub(crate) fn eval<'b>(
    expression: &Expression,
    batch: &'b Batch,
    context: &mut Context<'_>,
) -> Evaluated<'b> {
    Ok(match expression {
        Expression::Literal(value) => constant(value.clone()),
        Expression::Parameter(at) => constant(context.parameters[usize::from(*at)].clone()),
        Expression::Slot(slot) => Cow::Borrowed(batch.column(*slot)),
        Expression::Property(of, key) => {
            let of = eval(of, batch, context)?;
            Cow::Owned(elements::property(&of, key, batch.rows, context)?)
        }
        Expression::HasLabels(of, labels) => {
            let of = eval(of, batch, context)?;
            Cow::Owned(elements::has_labels(&of, labels, batch.rows, context)?)
        }
        Expression::Not(inner) => {
            let inner = eval(inner, batch, context)?;
            Cow::Owned(kernels::not(&inner, batch.rows)?)
        }
        Expression::And(parts) => Cow::Owned(junction(parts, false, batch, context)?),
        Expression::Or(parts) => Cow::Owned(junction(parts, true, batch, context)?),
        Expression::Xor(left, right) => {
            let left = eval(left, batch, context)?;
            let right = eval(right, batch, context)?;
            Cow::Owned(kernels::xor(&left, &right, batch.rows)?)
        }
        Expression::Compare(comparison, left, right) => {
            let left = eval(left, batch, context)?;
            let right = eval(right, batch, context)?;
            Cow::Owned(kernels::compare(*comparison, &left, &right, batch.rows))
        }
        Expression::Arithmetic(operator, left, right) => {
            let left = eval(left, batch, context)?;
            let right = eval(right, batch, context)?;
            if *operator == Arithmetic::Add {
                check_joined(&left, &right, batch.rows, context)?;
            }
            Cow::Owned(kernels::arithmetic(*operator, &left, &right, batch.rows)?)
        }
        Expression::Negate(inner) => {
            let inner = eval(inner, batch, context)?;
            Cow::Owned(map_rows(&inner, batch.rows, operators::negate)?)
        }
        Expression::Plus(inner) => {
            let inner = eval(inner, batch, context)?;
            Cow::Owned(map_rows(&inner, batch.rows, operators::plus)?)
        }
        Expression::In(item, list) => {
            let item = eval(item, batch, context)?;
            let list = eval(list, batch, context)?;
            Cow::Owned(map_pairs(&item, &list, batch.rows, operators::is_in)?)
        }
        Expression::StringTest(test, left, right) => {
            let left = eval(left, batch, context)?;
            let right = eval(right, batch, context)?;
            Cow::Owned(map_pairs(&left, &right, batch.rows, |left, right| {
                operators::string_test(*test, left, right)
            })?)
        }
        Expression::IsTyped(inner, ty) => {
            let inner = eval(inner, batch, context)?;
            Cow::Owned(map_rows(&inner, batch.rows, |value| {
                Ok(Value::Bool(is_of_type(value, ty)))
            })?)
        }
        Expression::IsNull(inner) => {
            let inner = eval(inner, batch, context)?;
            Cow::Owned(kernels::is_null(&inner, batch.rows, true))
        }
        Expression::IsNotNull(inner) => {
            let inner = eval(inner, batch, context)?;
            Cow::Owned(kernels::is_null(&inner, batch.rows, false))
        }
        Expression::Index(of, index) => {
            let of = eval(of, batch, context)?;
            let index = eval(index, batch, context)?;
            elements::check_vector(&of, batch.rows, context)?;
            Cow::Owned(context.call(|call| {
                map_pairs(&of, &index, batch.rows, |of, index| {
                    property::index(call, of, index)
                })
            })?)
        }
        Expression::Slice(of, from, to) => {
            let of = eval(of, batch, context)?;
            let from = from
                .as_ref()
                .map(|from| eval(from, batch, context))
                .transpose()?;
            let to = to.as_ref().map(|to| eval(to, batch, context)).transpose()?;
            Cow::Owned(per_row(batch.rows, |row| {
                let bound = |v: &Option<Cow<'_, Vector>>| v.as_ref().map(|v| v.get(row));
                operators::slice(&of.get(row), bound(&from).as_ref(), bound(&to).as_ref())
            })?)
        }
        Expression::List(items) => Cow::Owned(list(items, batch, context)?),
        Expression::Map(entries) => Cow::Owned(map(entries, batch, context)?),
        Expression::MapProjection(of, selectors) => {
            Cow::Owned(map_projection(of, selectors, batch, context)?)
        }
        Expression::Case {
            operand,
            arms,
            otherwise,
        } => Cow::Owned(case(
            operand.as_deref(),
            arms,
            otherwise.as_deref(),
            batch,
            context,
        )?),
        Expression::Coalesce(parts) => Cow::Owned(coalesce(parts, batch, context)?),
        Expression::Call(function, arguments) => {
            Cow::Owned(call(function, arguments, batch, context)?)
        }
        Expression::ListComprehension {
            item,
            list,
            filter,
            map,
        } => Cow::Owned(lists::comprehension(
            *item,
            list,
            filter.as_deref(),
            map.as_deref(),
            batch,
            context,
        )?),
        Expression::Quantified {
            quantifier,
            item,
            list,
            predicate,
        } => Cow::Owned(lists::quantified(
            *quantifier,
            *item,
            list,
            predicate,
            batch,
            context,
        )?),
        Expression::Reduce {
            accumulator,
            initial,
            item,
            list,
            body,
            predicate,
        } => {
            let reduction = lists::Reduction {
                accumulator: *accumulator,
                initial,
                item: *item,
                list,
                body,
                predicate: predicate.as_deref(),
            };
            Cow::Owned(lists::reduce(&reduction, batch, context)?)
        }
        Expression::Subquery(pipeline, result) => {
            Cow::Owned(subquery::eval(pipeline, result, batch, context)?)
        }
        Expression::Path(parts) => Cow::Owned(elements::paths(parts, batch, context)?),
    })
}

/// The value of an expression that has the same value for every row, such as a LIMIT.
pub(crate) fn eval_single(
    expression: &Expression,
    context: &mut Context<'_>,
) -> Result<Value, QueryError> {
    let batch = Batch {
        columns: Vec::new(),
        rows: 1,
        tags: None,
    };
    Ok(eval(expression, &batch, context)?.get(0))
}

/// A vector from a function of the row; constant if there is one row.
pub(crate) fn per_row(
    rows: usize,
    mut value: impl FnMut(usize) -> Result<Value, QueryError>,
) -> Result<Vector, QueryError> {
    if rows == 1 {
        return Ok(Vector::Constant(value(0)?));
    }
    let values = (0..rows).map(&mut value).collect::<Result<Vec<_>, _>>()?;
    Ok(Vector::from_values(values))
}

/// Joined strings and lists that are no longer than this together need no look at the limits.
const JOINED_BYTES_FREE: usize = 64 << 10;

/// Fails if there is no room for what strings and lists are to be joined to: doubled time and again, the
/// shortest one outgrows every machine.
fn check_joined(
    left: &Vector,
    right: &Vector,
    rows: usize,
    context: &Context<'_>,
) -> Result<(), QueryError> {
    let bytes = joinable_bytes(left, rows).saturating_add(joinable_bytes(right, rows));
    if bytes <= JOINED_BYTES_FREE {
        return Ok(());
    }
    context.charge_at_least("Joining strings or lists", bytes)
}

/// What the strings and lists of a vector add to what they are joined to.
fn joinable_bytes(vector: &Vector, rows: usize) -> usize {
    let of = |value: &Value| match value {
        Value::String(text) => text.len(),
        Value::List(items) => size_of_val(&items[..]),
        _ => 0,
    };
    match vector {
        Vector::Constant(value) => rows.saturating_mul(of(value)),
        Vector::Any(values) => values.iter().map(of).sum(),
        Vector::Dictionary { codes, values } => {
            let longest = values.iter().map(of).max().unwrap_or(0);
            codes.len().saturating_mul(longest)
        }
        _ => 0,
    }
}

/// A vector from a function of the values of a dictionary, which is asked once for each value that
/// some row has.
fn map_codes(
    codes: &[u32],
    values: &[Value],
    mut value: impl FnMut(&Value) -> Result<Value, QueryError>,
) -> Result<Vector, QueryError> {
    let mut known: Vec<Option<Value>> = vec![None; values.len()];
    let mut of_null = None;
    per_row(codes.len(), |row| {
        let (of, known) = match codes[row] {
            NULL_CODE => (&Value::Null, &mut of_null),
            code => (&values[code as usize], &mut known[code as usize]),
        };
        match known {
            Some(known) => Ok(known.clone()),
            None => Ok(known.insert(value(of)?).clone()),
        }
    })
}

/// A vector from a function of one value.
pub(crate) fn map_rows(
    of: &Vector,
    rows: usize,
    mut value: impl FnMut(&Value) -> Result<Value, QueryError>,
) -> Result<Vector, QueryError> {
    match of {
        Vector::Constant(of) => Ok(Vector::Constant(value(of)?)),
        Vector::Any(values) => per_row(rows, |row| value(&values[row])),
        Vector::Dictionary { codes, values } => map_codes(codes, values, value),
        of => per_row(rows, |row| value(&of.get(row))),
    }
}

/// A vector from a function of two values.
pub(crate) fn map_pairs(
    left: &Vector,
    right: &Vector,
    rows: usize,
    mut value: impl FnMut(&Value, &Value) -> Result<Value, QueryError>,
) -> Result<Vector, QueryError> {
    match (left, right) {
        (Vector::Constant(left), Vector::Constant(right)) => {
            Ok(Vector::Constant(value(left, right)?))
        }
        (Vector::Any(left), Vector::Constant(right)) => {
            per_row(rows, |row| value(&left[row], right))
        }
        (Vector::Dictionary { codes, values }, Vector::Constant(right)) => {
            map_codes(codes, values, |left| value(left, right))
        }
        (left, Vector::Constant(right)) => per_row(rows, |row| value(&left.get(row), right)),
        (Vector::Constant(left), right) => per_row(rows, |row| value(left, &right.get(row))),
        (Vector::Any(left), Vector::Any(right)) => {
            per_row(rows, |row| value(&left[row], &right[row]))
        }
        (left, right) => per_row(rows, |row| value(&left.get(row), &right.get(row))),
    }
}

/// Evaluates on some rows of a batch only; the result has one row for each of `rows`.
pub(crate) fn eval_on(
    expression: &Expression,
    batch: &Batch,
    rows: &[u32],
    context: &mut Context<'_>,
) -> Result<Vector, QueryError> {
    if rows.len() == batch.rows {
        return Ok(eval(expression, batch, context)?.into_owned());
    }
    let slots = used(expression);
    let part = batch.gather(rows, &slots);
    Ok(eval(expression, &part, context)?.into_owned())
}

/// The slots that an expression reads.
pub(crate) fn used(expression: &Expression) -> Vec<Slot> {
    let mut slots = BTreeSet::new();
    expression_slots(expression, &mut slots);
    slots.into_iter().collect()
}

/// AND (`decisive` false) and OR (`decisive` true).
fn junction(
    parts: &[Expression],
    decisive: bool,
    batch: &Batch,
    context: &mut Context<'_>,
) -> Result<Vector, QueryError> {
    if batch.rows == 1 {
        let mut result = Some(!decisive);
        for part in parts {
            let value = eval(part, batch, context)?;
            match kernels::ternary(&value, 0)? {
                Some(truth) if truth == decisive => {
                    return Ok(Vector::Constant(Value::Bool(decisive)));
                }
                Some(_) => {}
                None => result = None,
            }
        }
        return Ok(Vector::Constant(result.map_or(Value::Null, Value::Bool)));
    }
    let mut result = vec![Some(!decisive); batch.rows];
    let mut open = all_rows(batch.rows);
    for part in parts {
        let values = eval_on(part, batch, &open, context)?;
        let mut still_open = Vec::with_capacity(open.len());
        for (at, &row) in open.iter().enumerate() {
            match kernels::ternary(&values, at)? {
                Some(truth) if truth == decisive => result[row as usize] = Some(decisive),
                Some(_) => still_open.push(row),
                None => {
                    result[row as usize] = None;
                    still_open.push(row);
                }
            }
        }
        open = still_open;
        if open.is_empty() {
            break;
        }
    }
    Ok(Vector::ternary(result.into_iter()))
}

fn list(
    items: &[Expression],
    batch: &Batch,
    context: &mut Context<'_>,
) -> Result<Vector, QueryError> {
    let items = items
        .iter()
        .map(|item| eval(item, batch, context))
        .collect::<Result<SmallVec<[_; 4]>, _>>()?;
    let rows = if items
        .iter()
        .all(|item| matches!(**item, Vector::Constant(_)))
    {
        1
    } else {
        batch.rows
    };
    per_row(rows, |row| {
        Ok(Value::List(
            items.iter().map(|item| item.get(row)).collect(),
        ))
    })
}

fn map(
    entries: &[(Arc<str>, Expression)],
    batch: &Batch,
    context: &mut Context<'_>,
) -> Result<Vector, QueryError> {
    let values = entries
        .iter()
        .map(|(_, value)| eval(value, batch, context))
        .collect::<Result<SmallVec<[_; 4]>, _>>()?;
    let rows = if values
        .iter()
        .all(|value| matches!(**value, Vector::Constant(_)))
    {
        1
    } else {
        batch.rows
    };
    per_row(rows, |row| {
        let pairs = entries.iter().zip(&values);
        let map: Map = pairs
            .map(|((key, _), value)| (Arc::clone(key), value.get(row)))
            .collect();
        Ok(Value::Map(Arc::new(map)))
    })
}

fn map_projection(
    of: &Expression,
    selectors: &[Projection],
    batch: &Batch,
    context: &mut Context<'_>,
) -> Result<Vector, QueryError> {
    /// Values stand by row, those of entries by place in `present`.
    enum Part {
        All,
        Property(Arc<str>, Vector),
        Entry(Arc<str>, Vector),
    }
    let of = eval(of, batch, context)?;
    elements::check_vector(&of, batch.rows, context)?;
    // Of null, there is nothing to evaluate.
    let present: Vec<u32> = all_rows(batch.rows)
        .into_iter()
        .filter(|row| !of.get(*row as usize).is_null())
        .collect();
    let mut parts = Vec::with_capacity(selectors.len());
    for selector in selectors {
        parts.push(match selector {
            Projection::All => Part::All,
            Projection::Property(key) => Part::Property(
                Arc::clone(&key.name),
                elements::property(&of, key, batch.rows, context)?,
            ),
            Projection::Entry(_, _) if present.is_empty() => continue,
            Projection::Entry(name, value) => {
                Part::Entry(Arc::clone(name), eval_on(value, batch, &present, context)?)
            }
        });
    }
    let mut projected = vec![Value::Null; batch.rows];
    context.call(|call| {
        for (place, &row) in present.iter().enumerate() {
            let row = row as usize;
            let mut map = Map::new();
            for part in &parts {
                let (name, value) = match part {
                    Part::All => {
                        map.extend(property::properties_of(call, &of.get(row))?);
                        continue;
                    }
                    Part::Property(name, values) => (name, values.get(row)),
                    Part::Entry(name, values) => (name, values.get(place)),
                };
                map.insert(Arc::clone(name), value);
            }
            projected[row] = Value::Map(Arc::new(map));
        }
        Ok::<(), QueryError>(())
    })?;
    Ok(Vector::Any(projected))
}

fn case(
    operand: Option<&Expression>,
    arms: &[(Expression, Expression)],
    otherwise: Option<&Expression>,
    batch: &Batch,
    context: &mut Context<'_>,
) -> Result<Vector, QueryError> {
    let operand = operand
        .map(|operand| eval(operand, batch, context))
        .transpose()?;
    let mut result = vec![Value::Null; batch.rows];
    let mut open = all_rows(batch.rows);
    for (when, then) in arms {
        let tests = eval_on(when, batch, &open, context)?;
        let (mut taken, mut still_open) = (Vec::new(), Vec::new());
        for (at, &row) in open.iter().enumerate() {
            let holds = match &operand {
                Some(operand) => operand.get(row as usize).equals(&tests.get(at)) == Some(true),
                None => kernels::ternary(&tests, at)? == Some(true),
            };
            if holds {
                taken.push(row)
            } else {
                still_open.push(row)
            }
        }
        if !taken.is_empty() {
            let values = eval_on(then, batch, &taken, context)?;
            for (at, &row) in taken.iter().enumerate() {
                result[row as usize] = values.get(at);
            }
        }
        open = still_open;
        if open.is_empty() {
            break;
        }
    }
    if let Some(otherwise) = otherwise
        && !open.is_empty()
    {
        let values = eval_on(otherwise, batch, &open, context)?;
        for (at, &row) in open.iter().enumerate() {
            result[row as usize] = values.get(at);
        }
    }
    Ok(collected(result))
}

fn coalesce(
    parts: &[Expression],
    batch: &Batch,
    context: &mut Context<'_>,
) -> Result<Vector, QueryError> {
    let mut result = vec![Value::Null; batch.rows];
    let mut open = all_rows(batch.rows);
    for part in parts {
        let values = eval_on(part, batch, &open, context)?;
        let mut still_open = Vec::new();
        for (at, &row) in open.iter().enumerate() {
            if values.is_null(at) {
                still_open.push(row);
            } else {
                result[row as usize] = values.get(at);
            }
        }
        open = still_open;
        if open.is_empty() {
            break;
        }
    }
    Ok(collected(result))
}

fn collected(mut values: Vec<Value>) -> Vector {
    if values.len() == 1
        && let Some(value) = values.pop()
    {
        return Vector::Constant(value);
    }
    Vector::from_values(values)
}

fn call(
    function: &'static Function,
    arguments: &[Expression],
    batch: &Batch,
    context: &mut Context<'_>,
) -> Result<Vector, QueryError> {
    let arguments = arguments
        .iter()
        .map(|argument| eval(argument, batch, context))
        .collect::<Result<SmallVec<[_; 4]>, _>>()?;
    let rows = if function.is_deterministic
        && arguments
            .iter()
            .all(|argument| matches!(**argument, Vector::Constant(_)))
    {
        1
    } else {
        batch.rows
    };
    let deleted = context.deleted.is_some();
    per_row(rows, |row| {
        let values: SmallVec<[Value; 4]> =
            arguments.iter().map(|argument| argument.get(row)).collect();
        if function.null_propagates && values.iter().any(Value::is_null) {
            return Ok(Value::Null);
        }
        if deleted && let Some(known) = elements::of_deleted(function.name, &values, context)? {
            return Ok(known);
        }
        context.call(|call| (function.body)(call, &values))
    })
}

/// The error for a value that should be a boolean.
pub(crate) fn not_a_boolean(value: &Value) -> QueryError {
    RuntimeError::type_error(format!(
        "a predicate must be a boolean, but this one is {}",
        value.type_name()
    ))
    .into()
}
