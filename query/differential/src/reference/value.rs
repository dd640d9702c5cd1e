//! Equality, equivalence, comparison and order of values, and arithmetic: from the reference pages
//! `values.md` and `language.md`, without a look at the engine's own.
//!
//! Only temporal values, points and the like are left to the engine's library: what makes them hard
//! is their calendar, which has tests of its own.

use std::cmp::Ordering;
use std::sync::Arc;

use retrograph_cypher::ast::BinaryOperator;
use retrograph_graph::value::temporal;
use retrograph_graph::value::{Sealed, Value};

/// Marks the place of a value whose computation failed. Sealed values have no literal, so no query of
/// the generator makes one.
#[must_use]
pub fn poison() -> Value {
    Value::Sealed(Arc::new(Sealed {
        key_id: u64::MAX,
        ciphertext: Vec::new(),
    }))
}

/// Whether the computation of a value, or of a part of it, failed.
#[must_use]
pub fn is_poison(value: &Value) -> bool {
    match value {
        Value::Sealed(sealed) => sealed.key_id == u64::MAX,
        Value::List(items) => items.iter().any(is_poison),
        Value::Map(map) => map.values().any(is_poison),
        _ => false,
    }
}

/// How an integer compares with a float on the one number line; none with NaN.
fn integer_and_float(integer: i64, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    // Beyond ±2^63 no integer reaches; within, the whole part is an exact integer.
    if float >= 9_223_372_036_854_775_808.0 {
        return Some(Ordering::Less);
    }
    if float < -9_223_372_036_854_775_808.0 {
        return Some(Ordering::Greater);
    }
    let whole = float.floor();
    #[allow(clippy::cast_possible_truncation)]
    let ordering = integer.cmp(&(whole as i64));
    Some(match ordering {
        Ordering::Equal if float > whole => Ordering::Less,
        other => other,
    })
}

fn numbers(left: &Value, right: &Value) -> Option<Option<Ordering>> {
    Some(match (left, right) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Int(a), Value::Float(b)) => integer_and_float(*a, *b),
        (Value::Float(a), Value::Int(b)) => integer_and_float(*b, *a).map(Ordering::reverse),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        _ => return None,
    })
}

/// `left = right`; none is null.
#[must_use]
pub fn equals(left: &Value, right: &Value) -> Option<bool> {
    if left.is_null() || right.is_null() {
        return None;
    }
    if let Some(ordering) = numbers(left, right) {
        return Some(ordering == Some(Ordering::Equal));
    }
    match (left, right) {
        (Value::Bool(a), Value::Bool(b)) => Some(a == b),
        (Value::String(a), Value::String(b)) => Some(a == b),
        (Value::Node(a), Value::Node(b)) => Some(a.id == b.id),
        (Value::Relationship(a), Value::Relationship(b)) => Some(a.id == b.id),
        (Value::Path(a), Value::Path(b)) => Some(
            a.nodes == b.nodes
                && a.relationships.len() == b.relationships.len()
                && a.relationships
                    .iter()
                    .zip(&b.relationships)
                    .all(|(a, b)| a.0 == b.0),
        ),
        (Value::List(a), Value::List(b)) => {
            if a.len() != b.len() {
                return Some(false);
            }
            let mut all = Some(true);
            for (a, b) in a.iter().zip(b.iter()) {
                match equals(a, b) {
                    Some(false) => return Some(false),
                    None => all = None,
                    Some(true) => {}
                }
            }
            all
        }
        (Value::Map(a), Value::Map(b)) => {
            if a.len() != b.len() || a.keys().any(|key| !b.contains_key(key)) {
                return Some(false);
            }
            let mut all = Some(true);
            for (key, a) in a.iter() {
                match equals(a, &b[key]) {
                    Some(false) => return Some(false),
                    None => all = None,
                    Some(true) => {}
                }
            }
            all
        }
        (a, b) if rank(a) == rank(b) => Some(a.cmp_order(b).is_eq()),
        _ => Some(false),
    }
}

/// What `<` and its kin see: none is null, `Some(None)` two numbers of which one is NaN.
#[must_use]
pub fn compare(left: &Value, right: &Value) -> Option<Option<Ordering>> {
    if let Some(ordering) = numbers(left, right) {
        return Some(ordering);
    }
    match (left, right) {
        (Value::Bool(a), Value::Bool(b)) => Some(Some(a.cmp(b))),
        (Value::String(a), Value::String(b)) => Some(Some(a.as_bytes().cmp(b.as_bytes()))),
        (Value::List(a), Value::List(b)) => {
            for (a, b) in a.iter().zip(b.iter()) {
                let ordering = compare(a, b)?;
                if ordering != Some(Ordering::Equal) {
                    return Some(ordering);
                }
            }
            Some(Some(a.len().cmp(&b.len())))
        }
        (Value::Date(a), Value::Date(b)) => Some(Some(a.epoch_day.cmp(&b.epoch_day))),
        (
            Value::LocalTime(_) | Value::Time(_) | Value::LocalDateTime(_) | Value::DateTime(_),
            _,
        ) if rank(left) == rank(right) => Some(Some(left.cmp_order(right))),
        _ => None,
    }
}

/// The place of a type in ORDER BY.
fn rank(value: &Value) -> u8 {
    match value {
        Value::Map(_) => 0,
        Value::Node(_) => 1,
        Value::Relationship(_) => 2,
        Value::List(_) => 3,
        Value::Path(_) => 4,
        Value::Vector(_) => 5,
        Value::Sealed(_) => 6,
        Value::Bytes(_) => 7,
        Value::Point(_) => 8,
        Value::DateTime(_) => 9,
        Value::LocalDateTime(_) => 10,
        Value::Date(_) => 11,
        Value::Time(_) => 12,
        Value::LocalTime(_) => 13,
        Value::Duration(_) => 14,
        Value::String(_) => 15,
        Value::Bool(_) => 16,
        Value::Int(_) => 17,
        Value::Float(float) if float.is_nan() => 18,
        Value::Float(_) => 17,
        Value::Null => 19,
    }
}

/// The order of ORDER BY, ascending.
#[must_use]
pub fn order(left: &Value, right: &Value) -> Ordering {
    let by_rank = rank(left).cmp(&rank(right));
    if by_rank.is_ne() {
        return by_rank;
    }
    if let Some(ordering) = numbers(left, right) {
        return ordering.unwrap_or(Ordering::Equal);
    }
    match (left, right) {
        (Value::String(a), Value::String(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Node(a), Value::Node(b)) => a.id.cmp(&b.id),
        (Value::Relationship(a), Value::Relationship(b)) => a.id.cmp(&b.id),
        (Value::List(a), Value::List(b)) => {
            for (a, b) in a.iter().zip(b.iter()) {
                let ordering = order(a, b);
                if ordering.is_ne() {
                    return ordering;
                }
            }
            a.len().cmp(&b.len())
        }
        (Value::Map(a), Value::Map(b)) => {
            let by_keys = a.len().cmp(&b.len()).then_with(|| a.keys().cmp(b.keys()));
            if by_keys.is_ne() {
                return by_keys;
            }
            for (a, b) in a.values().zip(b.values()) {
                let ordering = order(a, b);
                if ordering.is_ne() {
                    return ordering;
                }
            }
            Ordering::Equal
        }
        _ => left.cmp_order(right),
    }
}

/// Whether a value holds an element that the statement or transaction made: its place among other
/// elements is open.
#[must_use]
pub fn holds_new_element(value: &Value) -> bool {
    let is_new = |id: u64| id >= 1 << 47;
    match value {
        Value::Node(of) => is_new(of.id.0),
        Value::Relationship(of) => is_new(of.id.0),
        Value::Path(of) => {
            of.nodes.iter().any(|id| is_new(id.0))
                || of.relationships.iter().any(|(id, _)| is_new(id.0))
        }
        Value::List(items) => items.iter().any(holds_new_element),
        Value::Map(map) => map.values().any(holds_new_element),
        _ => false,
    }
}

/// Whether DISTINCT and grouping treat two values as one.
#[must_use]
pub fn equivalent(left: &Value, right: &Value) -> bool {
    order(left, right).is_eq()
}

/// Why an operator gives no value: the kind of the error.
pub type Failure = &'static str;

/// Arithmetic. The operands are no poison.
///
/// # Errors
/// Types that do not go together, integers that overflow, division of an integer by zero.
pub fn arithmetic(operator: BinaryOperator, left: &Value, right: &Value) -> Result<Value, Failure> {
    use BinaryOperator::{Add, Divide, Modulo, Multiply, Power, Subtract};
    const OVERFLOW: Failure = "ArithmeticError";
    if left.is_null() || right.is_null() {
        return Ok(Value::Null);
    }
    if let (Value::Int(a), Value::Int(b)) = (left, right) {
        let (a, b) = (i128::from(*a), i128::from(*b));
        let exact = match operator {
            Add => a + b,
            Subtract => a - b,
            Multiply => a * b,
            Divide | Modulo if b == 0 => return Err(OVERFLOW),
            Divide => a / b,
            Modulo => a % b,
            #[allow(clippy::cast_precision_loss)]
            _ => return Ok(Value::Float((a as f64).powf(b as f64))),
        };
        return i64::try_from(exact).map(Value::Int).map_err(|_| OVERFLOW);
    }
    if let (Some(a), Some(b)) = (float_of(left), float_of(right)) {
        return Ok(Value::Float(match operator {
            Add => a + b,
            Subtract => a - b,
            Multiply => a * b,
            Divide => a / b,
            Modulo => a % b,
            Power => a.powf(b),
            _ => return Err("TypeError"),
        }));
    }
    let (library, temporal_error) = (
        |result: Result<Value, temporal::TemporalError>| result.map_err(|_| "ArgumentError"),
        |_: temporal::TemporalError| "ArgumentError",
    );
    match (operator, left, right) {
        (Add, Value::List(a), Value::List(b)) => {
            Ok(Value::List(a.iter().chain(b.iter()).cloned().collect()))
        }
        (Add, Value::List(a), b) => {
            let item = std::iter::once(b);
            Ok(Value::List(a.iter().chain(item).cloned().collect()))
        }
        (Add, a, Value::List(b)) => {
            let item = std::iter::once(a);
            Ok(Value::List(item.chain(b.iter()).cloned().collect()))
        }
        (Add, Value::String(a), Value::String(b)) => Ok(Value::string(format!("{a}{b}"))),
        (Add, Value::String(a), Value::Int(_) | Value::Float(_) | Value::Bool(_)) => {
            Ok(Value::string(format!("{a}{right}")))
        }
        (Add, Value::Int(_) | Value::Float(_) | Value::Bool(_), Value::String(b)) => {
            Ok(Value::string(format!("{left}{b}")))
        }
        (Add, Value::Duration(a), Value::Duration(b)) => {
            a.plus(b).map(Value::from).map_err(temporal_error)
        }
        (Add, instant, Value::Duration(d)) if instant.is_temporal_point() => {
            library(temporal::add(instant, d))
        }
        (Add, Value::Duration(d), instant) if instant.is_temporal_point() => {
            library(temporal::add(instant, d))
        }
        (Subtract, Value::Duration(a), Value::Duration(b)) => {
            a.minus(b).map(Value::from).map_err(temporal_error)
        }
        (Subtract, instant, Value::Duration(d)) if instant.is_temporal_point() => {
            library(temporal::subtract(instant, d))
        }
        (Multiply, Value::Duration(d), factor) | (Multiply, factor, Value::Duration(d))
            if float_of(factor).is_some() =>
        {
            d.times(factor).map(Value::from).map_err(temporal_error)
        }
        (Divide, Value::Duration(d), divisor) if float_of(divisor).is_some() => d
            .divided_by(divisor)
            .map(Value::from)
            .map_err(temporal_error),
        _ => Err("TypeError"),
    }
}

/// A number as a float.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn float_of(value: &Value) -> Option<f64> {
    match value {
        Value::Int(i) => Some(*i as f64),
        Value::Float(f) => Some(*f),
        _ => None,
    }
}

/// A truth value as a value.
#[must_use]
pub fn truth(of: Option<bool>) -> Value {
    of.map_or(Value::Null, Value::Bool)
}
