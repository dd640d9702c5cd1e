//! Typed loops over flat vectors, each equal to the operator applied row by row.

use retrograph_graph::NULL_CODE;
use retrograph_graph::value::Value;

use super::expression::{map_pairs, not_a_boolean, per_row};
use super::vector::{NULL_ID, Nulls, Vector};
use crate::error::QueryError;
use crate::functions::operators;
use crate::plan::expression::{Arithmetic, Comparison};

/// The truth of a row; fails if it is no boolean.
#[inline]
pub(crate) fn ternary(vector: &Vector, row: usize) -> Result<Option<bool>, QueryError> {
    vector
        .ternary_at(row)
        .ok_or_else(|| not_a_boolean(&vector.get(row)))
}

/// NOT.
pub(crate) fn not(of: &Vector, rows: usize) -> Result<Vector, QueryError> {
    if let Vector::Bool { values, nulls } = of {
        let values = values.iter().map(|value| !value).collect();
        return Ok(Vector::Bool {
            values,
            nulls: nulls.clone(),
        });
    }
    per_row(
        if matches!(of, Vector::Constant(_)) {
            1
        } else {
            rows
        },
        |row| Ok(ternary(of, row)?.map_or(Value::Null, |truth| Value::Bool(!truth))),
    )
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
        (Some(left), Some(right)) => Some(
            left.iter()
                .zip(right)
                .map(|(left, right)| *left || *right)
                .collect(),
        ),
    }
}

/// Compares slices or a slice with a constant; the operator is chosen outside of the loop.
fn compare_slices<T: PartialOrd + Copy>(
    comparison: Comparison,
    left: &[T],
    right: impl Fn(usize) -> T,
) -> Vec<bool> {
    fn run<T: Copy>(
        left: &[T],
        right: impl Fn(usize) -> T,
        test: impl Fn(&T, &T) -> bool,
    ) -> Vec<bool> {
        left.iter()
            .enumerate()
            .map(|(row, value)| test(value, &right(row)))
            .collect()
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

fn ids_equal(wanted: bool, left: &[u64], right: impl Fn(usize) -> u64) -> Vector {
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
            return Vector::Bool {
                values,
                nulls: nulls.clone(),
            };
        }
        (Vector::Float { values, nulls }, Vector::Constant(Value::Float(right))) => {
            let values = compare_slices(comparison, values, |_| *right);
            return Vector::Bool {
                values,
                nulls: nulls.clone(),
            };
        }
        (
            Vector::Int { values, nulls },
            Vector::Int {
                values: others,
                nulls: other_nulls,
            },
        ) => {
            let values = compare_slices(comparison, values, |row| others[row]);
            return Vector::Bool {
                values,
                nulls: merge_nulls(nulls, other_nulls),
            };
        }
        (
            Vector::Float { values, nulls },
            Vector::Float {
                values: others,
                nulls: other_nulls,
            },
        ) => {
            let values = compare_slices(comparison, values, |row| others[row]);
            return Vector::Bool {
                values,
                nulls: merge_nulls(nulls, other_nulls),
            };
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
        (Vector::Dictionary { codes, values }, Vector::Constant(right)) => {
            // A comparison never fails, so it does no harm to compare a value that no row has.
            let of_null = truth(&Value::Null, right);
            let truths: Vec<Option<bool>> = values.iter().map(|left| truth(left, right)).collect();
            Vector::ternary(codes.iter().map(|code| match *code {
                NULL_CODE => of_null,
                code => truths[code as usize],
            }))
        }
        (Vector::Any(left), Vector::Any(right)) => Vector::ternary(
            left.iter()
                .zip(right)
                .map(|(left, right)| truth(left, right)),
        ),
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
    Some(
        left.iter()
            .enumerate()
            .map(|(row, &left)| operate(left, right(row)))
            .collect(),
    )
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
            int_arithmetic(operator, values, |_| *right, nulls).map(|values| Vector::Int {
                values,
                nulls: nulls.clone(),
            })
        }
        (
            Vector::Int { values, nulls },
            Vector::Int {
                values: others,
                nulls: other_nulls,
            },
        ) => {
            let nulls = merge_nulls(nulls, other_nulls);
            int_arithmetic(operator, values, |row| others[row], &nulls)
                .map(|values| Vector::Int { values, nulls })
        }
        (Vector::Float { values, nulls }, Vector::Constant(Value::Float(right))) => {
            float_arithmetic(operator, values, |_| *right).map(|values| Vector::Float {
                values,
                nulls: nulls.clone(),
            })
        }
        (
            Vector::Float { values, nulls },
            Vector::Float {
                values: others,
                nulls: other_nulls,
            },
        ) => float_arithmetic(operator, values, |row| others[row]).map(|values| Vector::Float {
            values,
            nulls: merge_nulls(nulls, other_nulls),
        }),
        _ => None,
    };
    match flat {
        Some(vector) => Ok(vector),
        None => map_pairs(left, right, rows, |left, right| {
            operators::arithmetic(operator, left, right)
        }),
    }
}

/// The rows that a predicate keeps.
pub(crate) enum Selected {
    /// Every row.
    All,
    /// So many, and these.
    Some(Vec<u32>),
}

/// The rows for which a predicate is true.
pub(crate) fn selected(predicate: &Vector, rows: usize) -> Result<Selected, QueryError> {
    let flags;
    let keep: &[bool] = match predicate {
        Vector::Constant(_) | Vector::Absent => {
            let keep = ternary(predicate, 0)? == Some(true);
            return Ok(if keep {
                Selected::All
            } else {
                Selected::Some(Vec::new())
            });
        }
        Vector::Bool {
            values,
            nulls: None,
        } => values,
        Vector::Bool {
            values,
            nulls: Some(nulls),
        } => {
            flags = values
                .iter()
                .zip(nulls)
                .map(|(keep, null)| keep & !null)
                .collect::<Vec<_>>();
            &flags
        }
        predicate => {
            let truths = (0..rows).map(|row| Ok(ternary(predicate, row)? == Some(true)));
            flags = truths.collect::<Result<Vec<_>, QueryError>>()?;
            &flags
        }
    };
    let count = keep.iter().filter(|keep| **keep).count();
    if count == keep.len() {
        return Ok(Selected::All);
    }
    // Every row is written and only those that are kept move the place on: no branch to mispredict.
    let mut kept = vec![0u32; if count == 0 { 0 } else { keep.len() }];
    let mut place = 0;
    if count > 0 {
        for (row, keep) in (0u32..).zip(keep) {
            kept[place] = row;
            place += usize::from(*keep);
            if place == count {
                break;
            }
        }
    }
    kept.truncate(count);
    Ok(Selected::Some(kept))
}

/// How many rows a flat predicate keeps, where which ones does not matter.
pub(crate) fn count_selected(predicate: &Vector) -> Option<usize> {
    match predicate {
        Vector::Bool {
            values,
            nulls: None,
        } => Some(values.iter().filter(|keep| **keep).count()),
        Vector::Bool {
            values,
            nulls: Some(nulls),
        } => Some(
            values
                .iter()
                .zip(nulls)
                .filter(|(keep, null)| **keep & !**null)
                .count(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use retrograph_graph::ids::NodeId;
    use retrograph_graph::value::NodeRef;

    use super::*;

    /// Values of one kind with nulls, so that flat vectors come about.
    fn values(rows: usize) -> impl Strategy<Value = Vec<Value>> {
        let int = prop_oneof![any::<i64>(), -3..4i64].prop_map(Value::Int);
        let float = prop_oneof![any::<f64>(), (-3..4i32).prop_map(f64::from), Just(f64::NAN)]
            .prop_map(Value::Float);
        let node = (0..4u64).prop_map(|id| {
            Value::Node(NodeRef {
                id: NodeId(id),
                view: 0,
            })
        });
        let bool = any::<bool>().prop_map(Value::Bool);
        let text = "[ab]{0,2}".prop_map(|text| Value::String(text.into()));
        let kinds = prop_oneof![
            int.boxed(),
            float.boxed(),
            node.boxed(),
            bool.boxed(),
            text.boxed()
        ]
        .boxed();
        prop_oneof![
            kinds.clone().prop_flat_map(move |sample| {
                let item = of_kind(&sample);
                prop::collection::vec(prop_oneof![4 => item, 1 => Just(Value::Null)], rows)
            }),
            prop::collection::vec(kinds, rows),
        ]
    }

    /// A dictionary with nulls both as values and as codes, and with a value that no row has.
    fn dictionary(values: &[Value]) -> Vector {
        let codes = (0u32..).zip(values).map(|(row, value)| match value {
            Value::Null if row % 2 == 0 => NULL_CODE,
            _ => row,
        });
        let unused = [Value::String("unused".into())];
        Vector::Dictionary {
            codes: codes.collect(),
            values: values.iter().chain(&unused).cloned().collect(),
        }
    }

    fn of_kind(sample: &Value) -> BoxedStrategy<Value> {
        match sample {
            Value::Int(_) => prop_oneof![any::<i64>(), -3..4i64]
                .prop_map(Value::Int)
                .boxed(),
            Value::Float(_) => any::<f64>().prop_map(Value::Float).boxed(),
            Value::Node(_) => (0..4u64)
                .prop_map(|id| {
                    Value::Node(NodeRef {
                        id: NodeId(id),
                        view: 0,
                    })
                })
                .boxed(),
            Value::Bool(_) => any::<bool>().prop_map(Value::Bool).boxed(),
            _ => "[ab]{0,2}"
                .prop_map(|text| Value::String(text.into()))
                .boxed(),
        }
    }

    fn same(vector: &Vector, row: usize, expected: &Value) -> bool {
        vector.get(row).equivalent(expected)
            && std::mem::discriminant(&vector.get(row)) == std::mem::discriminant(expected)
    }

    const ROWS: usize = 6;

    proptest! {
        #[test]
        fn kernels_equal_operators_row_by_row(
            left in values(ROWS),
            right in values(ROWS),
            shapes in (0..3, 0..3),
        ) {
            let vector = |values: &[Value], shape: i32| match shape {
                0 => Vector::from_values(values.to_vec()),
                1 => Vector::Constant(values[0].clone()),
                _ => dictionary(values),
            };
            let (left, right) = (vector(&left, shapes.0), vector(&right, shapes.1));
            for comparison in [
                Comparison::Equal,
                Comparison::NotEqual,
                Comparison::Less,
                Comparison::LessOrEqual,
                Comparison::Greater,
                Comparison::GreaterOrEqual,
            ] {
                let found = compare(comparison, &left, &right, ROWS);
                for row in 0..ROWS {
                    let expected = operators::compare(comparison, &left.get(row), &right.get(row));
                    prop_assert!(same(&found, row, &expected), "{comparison:?} {row}");
                }
            }
            for operator in [
                Arithmetic::Add,
                Arithmetic::Subtract,
                Arithmetic::Multiply,
                Arithmetic::Divide,
                Arithmetic::Modulo,
                Arithmetic::Power,
            ] {
                let expected: Result<Vec<Value>, QueryError> = (0..ROWS)
                    .map(|row| operators::arithmetic(operator, &left.get(row), &right.get(row)))
                    .collect();
                match (arithmetic(operator, &left, &right, ROWS), expected) {
                    (Ok(found), Ok(expected)) => {
                        for (row, expected) in expected.iter().enumerate() {
                            prop_assert!(same(&found, row, expected), "{operator:?} {row}");
                        }
                    }
                    (Err(_), Err(_)) => {}
                    (found, _) => prop_assert!(false, "{operator:?} {found:?}"),
                }
            }
        }

        #[test]
        fn filters_keep_what_is_true(truths in prop::collection::vec(any::<Option<bool>>(), ROWS)) {
            let value = |truth: &Option<bool>| truth.map_or(Value::Null, Value::Bool);
            let vector = Vector::from_values(truths.iter().map(value).collect());
            let kept = match selected(&vector, ROWS).unwrap() {
                Selected::All => (0..ROWS as u32).collect(),
                Selected::Some(kept) => kept,
            };
            let expected: Vec<u32> = (0u32..)
                .zip(&truths)
                .filter(|(_, truth)| **truth == Some(true))
                .map(|(row, _)| row)
                .collect();
            if let Some(count) = count_selected(&vector) {
                prop_assert_eq!(count, expected.len());
            }
            prop_assert_eq!(kept, expected);
            let negated = not(&vector, ROWS).unwrap();
            for (row, truth) in truths.iter().enumerate() {
                prop_assert_eq!(ternary(&negated, row).unwrap(), truth.map(|truth| !truth));
            }
        }
    }
}
