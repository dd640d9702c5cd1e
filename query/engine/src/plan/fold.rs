//! Computes what is constant once, when the plan is made.
//!
//! Only what cannot fail: an expression that would raise an error keeps raising it where it stands.

use std::sync::Arc;

use retrograph_graph::value::{Map, Value};

use super::expression::{Arithmetic, Expression};
use super::operator::{Operator, Pipeline};
use super::visit;

/// Folds the expressions of the steps of a pipeline and drops filters that keep everything.
pub fn pipeline(pipeline: &mut Pipeline) {
    for step in &mut pipeline.steps {
        visit::expressions(&mut step.operator, &mut expression);
    }
    pipeline.steps.retain(|step| {
        !matches!(
            &step.operator,
            Operator::Filter(Expression::Literal(Value::Bool(true)))
        )
    });
}

/// Folds an expression whose parts are folded.
fn expression(expression: &mut Expression) {
    if let Some(folded) = folded(expression) {
        *expression = folded;
    }
}

fn folded(expression: &mut Expression) -> Option<Expression> {
    let value = match expression {
        Expression::List(items) => {
            let items: Option<Vec<Value>> = items.iter().map(literal).collect();
            Value::List(items?.into())
        }
        Expression::Map(entries) => {
            let entries: Option<Map> = entries
                .iter()
                .map(|(key, value)| Some((key.clone(), literal(value)?)))
                .collect();
            Value::Map(Arc::new(entries?))
        }
        Expression::Negate(of) => match literal(of)? {
            Value::Int(number) => Value::Int(number.checked_neg()?),
            Value::Float(number) => Value::Float(-number),
            _ => return None,
        },
        Expression::Not(of) => match literal(of)? {
            Value::Bool(truth) => Value::Bool(!truth),
            Value::Null => Value::Null,
            _ => return None,
        },
        Expression::Arithmetic(operator, left, right) => {
            let (Value::Int(a), Value::Int(b)) = (literal(left)?, literal(right)?) else {
                return None;
            };
            Value::Int(match operator {
                Arithmetic::Add => a.checked_add(b)?,
                Arithmetic::Subtract => a.checked_sub(b)?,
                Arithmetic::Multiply => a.checked_mul(b)?,
                Arithmetic::Divide | Arithmetic::Modulo | Arithmetic::Power => return None,
            })
        }
        Expression::And(parts) => {
            flatten(parts, |part| match part {
                Expression::And(inner) => Ok(inner),
                part => Err(part),
            });
            return None;
        }
        Expression::Or(parts) => {
            flatten(parts, |part| match part {
                Expression::Or(inner) => Ok(inner),
                part => Err(part),
            });
            return None;
        }
        _ => return None,
    };
    Some(Expression::Literal(value))
}

fn literal(expression: &Expression) -> Option<Value> {
    match expression {
        Expression::Literal(value) => Some(value.clone()),
        _ => None,
    }
}

/// `a AND (b AND c)` is `a AND b AND c`, in the same order.
fn flatten(
    parts: &mut Vec<Expression>,
    inner: impl Fn(Expression) -> Result<Vec<Expression>, Expression>,
) {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts.drain(..) {
        match inner(part) {
            Ok(nested) => flat.extend(nested),
            Err(part) => flat.push(part),
        }
    }
    *parts = flat;
}
