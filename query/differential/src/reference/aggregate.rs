//! Aggregates over the rows of a group.

use retrograph_cypher::ast::{Expression, ExpressionKind};
use retrograph_graph::value::Value;
use retrograph_graph::value::temporal::Duration;

use super::value::{equivalent, float_of, holds_new_element, is_poison, order};
use super::{Evaluated, Evaluator, Row, Stop};
use crate::tree;

/// A call of an aggregating function.
#[derive(Clone, Debug)]
pub struct Call {
    name: String,
    distinct: bool,
    arguments: Vec<Expression>,
}

impl Call {
    /// The call that an expression is.
    #[must_use]
    pub fn of(expression: &Expression) -> Option<Self> {
        match &expression.kind {
            ExpressionKind::CountStar => Some(Self {
                name: "count".to_owned(),
                distinct: false,
                arguments: Vec::new(),
            }),
            ExpressionKind::Function(call) => {
                let name = call.name.to_string().to_ascii_lowercase();
                let known = [
                    "count",
                    "sum",
                    "avg",
                    "min",
                    "max",
                    "collect",
                    "stdev",
                    "stdevp",
                    "percentilecont",
                    "percentiledisc",
                ];
                known.contains(&&*name).then(|| Self {
                    name,
                    distinct: call.distinct,
                    arguments: call.arguments.clone(),
                })
            }
            _ => None,
        }
    }
}

/// Whether an expression holds an aggregate.
#[must_use]
pub fn is_in(expression: &Expression) -> bool {
    if Call::of(expression).is_some() {
        return true;
    }
    let mut found = false;
    tree::children(expression, &mut |child| found |= is_in(child));
    found
}

impl Evaluator<'_> {
    /// The value of an aggregate.
    pub(super) fn aggregate(&mut self, call: &Call, rows: &[Row]) -> Evaluated<Value> {
        let Some(argument) = call.arguments.first() else {
            return Ok(count(rows.len()));
        };
        let mut values: Vec<Value> = Vec::new();
        let mut is_poisoned = false;
        for row in rows {
            self.step()?;
            let value = self.eval(argument, row)?;
            is_poisoned |= is_poison(&value);
            let is_repeated = call.distinct && values.iter().any(|known| equivalent(known, &value));
            if !value.is_null() && !is_repeated {
                values.push(value);
            }
        }
        let fraction = match call.arguments.get(1) {
            Some(fraction) => {
                let row = rows.first().cloned().unwrap_or_default();
                self.eval(fraction, &row)?
            }
            None => Value::Null,
        };
        if is_poisoned {
            return Ok(super::value::poison());
        }
        let sorts = matches!(&*call.name, "min" | "max");
        self.is_tainted |= sorts && values.iter().any(holds_new_element);
        Ok(match &*call.name {
            "count" => count(values.len()),
            "collect" => Value::list(values),
            "min" => extreme(&values, std::cmp::Ordering::Less),
            "max" => extreme(&values, std::cmp::Ordering::Greater),
            "sum" => self.sum(&values, false)?,
            "avg" => self.sum(&values, true)?,
            name => {
                let numbers: Option<Vec<f64>> = values.iter().map(float_of).collect();
                let Some(mut numbers) = numbers else {
                    return Ok(self.fail("TypeError"));
                };
                match (name, float_of(&fraction)) {
                    ("stdev", _) => Value::Float(deviation(&numbers, 1)),
                    ("stdevp", _) => Value::Float(deviation(&numbers, 0)),
                    (_, Some(p)) if !(0.0..=1.0).contains(&p) => self.fail("ArgumentError"),
                    (_, Some(_)) if numbers.is_empty() => Value::Null,
                    ("percentilecont", Some(p)) => {
                        numbers.sort_by(f64::total_cmp);
                        Value::Float(interpolated(&numbers, p))
                    }
                    ("percentiledisc", Some(p)) => {
                        let mut sorted = self.arranged(values);
                        sorted.sort_by(order);
                        let place = ceiling(p, sorted.len());
                        sorted
                            .get(place.saturating_sub(1))
                            .cloned()
                            .unwrap_or_default()
                    }
                    _ => return Err(Stop::Unsupported(format!("{name}() like this"))),
                }
            }
        })
    }

    fn sum(&mut self, values: &[Value], is_mean: bool) -> Evaluated<Value> {
        if values.is_empty() {
            return Ok(if is_mean { Value::Null } else { Value::Int(0) });
        }
        let durations = values.iter().filter(|v| matches!(v, Value::Duration(_)));
        if durations.count() == values.len() {
            if is_mean {
                return Err(Stop::Unsupported("the mean of durations".to_owned()));
            }
            let mut total = Duration::default();
            for value in values {
                if let Value::Duration(duration) = value {
                    match total.plus(duration) {
                        Ok(sum) => total = sum,
                        Err(_) => return Ok(self.fail("ArgumentError")),
                    }
                }
            }
            return Ok(Value::from(total));
        }
        let mut integers: i128 = 0;
        let mut has_integers = false;
        let mut floats: Option<f64> = None;
        for value in values {
            match value {
                Value::Int(integer) => {
                    integers += i128::from(*integer);
                    has_integers |= *integer != 0;
                }
                // Nothing but zeros with a minus sign adds up to one.
                Value::Float(float) => floats = Some(floats.unwrap_or(-0.0) + float),
                _ => return Ok(self.fail("TypeError")),
            }
        }
        #[allow(clippy::cast_precision_loss)]
        Ok(match (floats, is_mean) {
            (None, false) => match i64::try_from(integers) {
                Ok(sum) => Value::Int(sum),
                Err(_) => self.fail("ArithmeticError"),
            },
            (Some(floats), false) if !has_integers => Value::Float(floats),
            (Some(floats), false) => Value::Float(floats + integers as f64),
            (floats, true) => {
                // An integer zero has no sign; beside floats it leaves theirs.
                let integers = match floats {
                    Some(_) if !has_integers => -0.0,
                    _ => integers as f64,
                };
                let sum = floats.unwrap_or(-0.0) + integers;
                Value::Float(sum / values.len() as f64)
            }
        })
    }
}

fn count(of: usize) -> Value {
    Value::Int(i64::try_from(of).unwrap_or(i64::MAX))
}

/// The least or greatest value; of equal numbers an integer, so that the order of rows is no matter.
fn extreme(values: &[Value], wanted: std::cmp::Ordering) -> Value {
    let mut best: Option<&Value> = None;
    for value in values {
        let is_better = best.is_none_or(|best| {
            let ordering = order(value, best);
            let is_integer = matches!((value, best), (Value::Int(_), Value::Float(_)));
            ordering == wanted || ordering.is_eq() && is_integer
        });
        if is_better {
            best = Some(value);
        }
    }
    best.cloned().unwrap_or_default()
}

#[allow(clippy::cast_precision_loss)]
fn deviation(numbers: &[f64], lost: usize) -> f64 {
    if numbers.len() < 2 {
        return 0.0;
    }
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    let squares = numbers.iter().map(|x| (x - mean) * (x - mean));
    (squares.sum::<f64>() / (numbers.len() - lost) as f64).sqrt()
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
fn ceiling(p: f64, length: usize) -> usize {
    (p * length as f64).ceil() as usize
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
fn interpolated(sorted: &[f64], p: f64) -> f64 {
    let place = p * (sorted.len() - 1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    if low == high {
        return sorted[low];
    }
    sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64)
}
