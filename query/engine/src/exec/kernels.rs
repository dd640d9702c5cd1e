//! Typed loops over flat vectors, each equal to the operator applied row by row.

use retrograph_graph::value::Value;

use super::expression::{map_pairs, not_a_boolean, per_row};
use super::vector::{NULL_ID, Nulls, Vector};
use crate::error::QueryError;
use crate::functions::operators;
use crate::plan::expression::{Arithmetic, Comparison};

/// The truth of a row; fails if it is no boolean.
#[inline]
pub(crate) fn ternary(vector: &Vector, row: usize) -> Result<Option<bool>, QueryError> {
    vector.ternary_at(row).ok_or_else(|| not_a_boolean(&vector.get(row)))
}

/// NOT.
pub(crate) fn not(of: &Vector, rows: usize) -> Result<Vector, QueryError> {
    if let Vector::Bool { values, nulls } = of {
        let values = values.iter().map(|value| !value).collect();
        return Ok(Vector::Bool { values, nulls: nulls.clone() });
    }
    per_row(if matches!(of, Vector::Constant(_)) { 1 } else { rows }, |row| {
        Ok(ternary(of, row)?.map_or(Value::Null, |truth| Value::Bool(!truth)))
    })
}

/// XOR.
pub(crate) fn xor(left: &Vector, right: &Vector, rows: usize) -> Result<Vector, QueryError> {
    per_row(rows, |row| {
        Ok(match (ternary(left, row)?, ternary(right, row)?) {
            (Some(left), Some(right)) => Value::Bool(left != right),
            _ => Value::Null,
        })
    })
}

/// IS NULL (`wanted` true) and IS NOT NULL.
pub(crate) fn is_null(of: &Vector, rows: usize, wanted: bool) -> Vector {
    match of {
        Vector::Absent => Vector::Constant(Value::Bool(wanted)),
        Vector::Constant(value) => Vector::Constant(Value::Bool(value.is_null() == wanted)),
        of => Vector::bools((0..rows).map(|row| of.is_null(row) == wanted).collect()),
    }
}

/// The union of two null masks.
fn merge_nulls(left: &Nulls, right: &Nulls) -> Nulls {
    match (left, right) {
        (None, None) => None,
        (Some(mask), None) | (None, Some(mask)) => Some(mask.clone()),
        (Some(left), Some(right)) => {
            Some(left.iter().zip(right).map(|(left, right)| *left || *right).collect())
        }
    }
}

/// Compares slices or a slice with a constant; the operator is chosen outside of the loop.
fn compare_slices<T: PartialOrd + Copy>(
    comparison: Comparison,
    left: &[T],
    right: impl Fn(usize) -> T,
) -> Vec<bool> {
    fn run<T: Copy>(left: &[T], right: impl Fn(usize) -> T, test: impl Fn(&T, &T) -> bool) -> Vec<bool> {
        left.iter().enumerate().map(|(row, value)| test(value, &right(row))).collect()
    }
    match comparison {
        Comparison::Equal => run(left, right, T::eq),
        Comparison::NotEqual => run(left, right, T::ne),
        Comparison::Less => run(left, right, T::lt),
        Comparison::LessOrEqual => run(left, right, T::le),
        Comparison::Greater => run(left, right, T::gt),
        Comparison::GreaterOrEqual => run(left, right, T::ge),
    }
}

/// The comparison with its sides exchanged.
fn mirrored(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}

fn ids_equal(
    wanted: bool,
    left: &[u64],
    right: impl Fn(usize) -> u64,
) -> Vector {
    Vector::ternary(left.iter().enumerate().map(|(row, &left)| {
        let right = right(row);
        (left != NULL_ID && right != NULL_ID).then_some((left == right) == wanted)
    }))
}

/// A comparison.
pub(crate) fn compare(
    comparison: Comparison,
    left: &Vector,
    right: &Vector,
    rows: usize,
) -> Vector {
    let equality = match comparison {
        Comparison::Equal => Some(true),
        Comparison::NotEqual => Some(false),
        _ => None,
    };
    match (left, right) {
        (Vector::Constant(left), Vector::Constant(right)) => {
            return Vector::Constant(operators::compare(comparison, left, right));
        }
        (Vector::Constant(_), right) if !matches!(right, Vector::Absent) => {
            return compare(mirrored(comparison), right, left, rows);
        }
        (Vector::Int { values, nulls }, Vector::Constant(Value::Int(right))) => {
            let values = compare_slices(comparison, values, |_| *right);
            return Vector::Bool { values, nulls: nulls.clone() };
        }
        (Vector::Float { values, nulls }, Vector::Constant(Value::Float(right))) => {
            let values = compare_slices(comparison, values, |_| *right);
            return Vector::Bool { values, nulls: nulls.clone() };
        }
        (
            Vector::Int { values, nulls },
            Vector::Int { values: others, nulls: other_nulls },
        ) => {
            let values = compare_slices(comparison, values, |row| others[row]);
            return Vector::Bool { values, nulls: merge_nulls(nulls, other_nulls) };
        }
        (
            Vector::Float { values, nulls },
            Vector::Float { values: others, nulls: other_nulls },
        ) => {
            let values = compare_slices(comparison, values, |row| others[row]);
            return Vector::Bool { values, nulls: merge_nulls(nulls, other_nulls) };
        }
        _ => {}
    }
    if let Some(wanted) = equality {
        match (left, right) {
            (Vector::Nodes { ids, .. }, Vector::Nodes { ids: others, .. }) => {
                let ids: Vec<u64> = ids.iter().map(|id| id.0).collect();
                return ids_equal(wanted, &ids, |row| others[row].0);
            }
            (Vector::Nodes { ids, .. }, Vector::Constant(Value::Node(other))) => {
                let ids: Vec<u64> = ids.iter().map(|id| id.0).collect();
                return ids_equal(wanted, &ids, |_| other.id.0);
            }
            (Vector::Relationships { ids, .. }, Vector::Relationships { ids: others, .. }) => {
                let ids: Vec<u64> = ids.iter().map(|id| id.0).collect();
                return ids_equal(wanted, &ids, |row| others[row].0);
            }
            _ => {}
        }
    }
    let truth = |left: &Value, right: &Value| match operators::compare(comparison, left, right) {
        Value::Bool(truth) => Some(truth),
        _ => None,
    };
    match (left, right) {
        (Vector::Any(left), Vector::Constant(right)) => {
            Vector::ternary(left.iter().map(|left| truth(left, right)))
        }
        (Vector::Any(left), Vector::Any(right)) => {
            Vector::ternary(left.iter().zip(right).map(|(left, right)| truth(left, right)))
        }
        _ => Vector::ternary((0..rows).map(|row| truth(&left.get(row), &right.get(row)))),
    }
}

/// Integer arithmetic that is checked; `None` where it overflows or is not total, so that the
/// operator itself says what is wrong.
fn int_loop(
    left: &[i64],
    right: impl Fn(usize) -> i64,
    nulls: &Nulls,
    operate: impl Fn(i64, i64) -> (i64, bool),
) -> Option<Vec<i64>> {
    let mut overflowed = false;
    let values = left
        .iter()
        .enumerate()
        .map(|(row, &left)| {
            let (value, overflow) = operate(left, right(row));
            // A null row holds an arbitrary number, which may overflow without harm.
            overflowed |= overflow && !nulls.as_ref().is_some_and(|nulls| nulls[row]);
            value
        })
        .collect();
    (!overflowed).then_some(values)
}

fn int_arithmetic(
    operator: Arithmetic,
    left: &[i64],
    right: impl Fn(usize) -> i64,
    nulls: &Nulls,
) -> Option<Vec<i64>> {
    match operator {
        Arithmetic::Add => int_loop(left, right, nulls, i64::overflowing_add),
        Arithmetic::Subtract => int_loop(left, right, nulls, i64::overflowing_sub),
        Arithmetic::Multiply => int_loop(left, right, nulls, i64::overflowing_mul),
        Arithmetic::Divide | Arithmetic::Modulo | Arithmetic::Power => None,
    }
}

fn float_arithmetic(
    operator: Arithmetic,
    left: &[f64],
    right: impl Fn(usize) -> f64,
) -> Option<Vec<f64>> {
    let operate: fn(f64, f64) -> f64 = match operator {
        Arithmetic::Add => |left, right| left + right,
        Arithmetic::Subtract => |left, right| left - right,
        Arithmetic::Multiply => |left, right| left * right,
        Arithmetic::Divide | Arithmetic::Modulo | Arithmetic::Power => return None,
    };
    Some(left.iter().enumerate().map(|(row, &left)| operate(left, right(row))).collect())
}

/// Arithmetic.
pub(crate) fn arithmetic(
    operator: Arithmetic,
    left: &Vector,
    right: &Vector,
    rows: usize,
) -> Result<Vector, QueryError> {
    let flat = match (left, right) {
        (Vector::Int { values, nulls }, Vector::Constant(Value::Int(right))) => {
            int_arithmetic(operator, values, |_| *right, nulls)
                .map(|values| Vector::Int { values, nulls: nulls.clone() })
        }
        (Vector::Int { values, nulls }, Vector::Int { values: others, nulls: other_nulls }) => {
            let nulls = merge_nulls(nulls, other_nulls);
            int_arithmetic(operator, values, |row| others[row], &nulls)
                .map(|values| Vector::Int { values, nulls })
        }
        (Vector::Float { values, nulls }, Vector::Constant(Value::Float(right))) => {
            float_arithmetic(operator, values, |_| *right)
                .map(|values| Vector::Float { values, nulls: nulls.clone() })
        }
        (
            Vector::Float { values, nulls },
            Vector::Float { values: others, nulls: other_nulls },
        ) => float_arithmetic(operator, values, |row| others[row])
            .map(|values| Vector::Float { values, nulls: merge_nulls(nulls, other_nulls) }),
        _ => None,
    };
    match flat {
        Some(vector) => Ok(vector),
        None => map_pairs(left, right, rows, |left, right| {
            operators::arithmetic(operator, left, right)
        }),
    }
}

/// The rows for which a predicate is true; `None` if all are.
pub(crate) fn selected(predicate: &Vector, rows: usize) -> Result<Option<Vec<u32>>, QueryError> {
    match predicate {
        Vector::Constant(_) | Vector::Absent => {
            let keep = ternary(predicate, 0)? == Some(true);
            Ok(if keep { None } else { Some(Vec::new()) })
        }
        Vector::Bool { values, nulls: None } => {
            let kept: Vec<u32> =
                (0u32..).zip(values).filter_map(|(row, keep)| keep.then_some(row)).collect();
            Ok((kept.len() < rows).then_some(kept))
        }
        predicate => {
            let mut kept = Vec::with_capacity(rows);
            for (row, number) in (0..rows).zip(0u32..) {
                if ternary(predicate, row)? == Some(true) {
                    kept.push(number);
                }
            }
            Ok((kept.len() < rows).then_some(kept))
        }
    }
}
