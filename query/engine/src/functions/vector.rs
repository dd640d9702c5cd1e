//! Vectors: how similar and how far apart they are.
//!
//! A vector is a VECTOR or a list of numbers. Similarities are those of vector indexes, to the last bit: over
//! components of 32 bits. Distances and norms are taken over components of 64 bits.

use std::sync::{Arc, LazyLock};

use retrograph_graph::value::{Value, Vector};
use retrograph_graph::vector::{Similarity, components};

use super::procedures::with_arguments;
use super::registry::{function, parameter};
use super::{CallContext, Function, Parameter, Procedure, list, out_of_range, wrong_type};
use crate::error::{QueryError, RuntimeError};
use crate::types::Type;

type Outcome = Result<Value, QueryError>;

/// The most components of a vector.
const DIMENSIONS_MAX: usize = 4_096;

/// Words that stand for themselves as an argument of a function, unless a variable of the name is there.
#[must_use]
pub(crate) fn words(function: &str, place: usize) -> &'static [&'static str] {
    match (function, place) {
        ("vector", 2) => &["FLOAT", "FLOAT32", "FLOAT64"],
        ("vector_distance", 2) => &[
            "EUCLIDEAN",
            "EUCLIDEAN_SQUARED",
            "MANHATTAN",
            "COSINE",
            "DOT",
            "HAMMING",
        ],
        ("vector_norm", 1) => &["EUCLIDEAN", "MANHATTAN"],
        _ => &[],
    }
}

pub(super) fn functions() -> Vec<Function> {
    let vector = |name| -> Parameter { parameter(name, [Type::Vector, Type::list()]) };
    vec![
        function(
            "vector.similarity.cosine",
            "The similarity of two vectors by the angle between them, from 0 to 1: (1 + cos) / 2.",
            [vector("a"), vector("b")],
            Type::Float,
            |_, arguments| similarity("vector.similarity.cosine", Similarity::Cosine, arguments),
        ),
        function(
            "vector.similarity.euclidean",
            "The similarity of two vectors by their distance, from 0 to 1: 1 / (1 + distance²).",
            [vector("a"), vector("b")],
            Type::Float,
            |_, arguments| {
                similarity(
                    "vector.similarity.euclidean",
                    Similarity::Euclidean,
                    arguments,
                )
            },
        ),
        function(
            "vector",
            "A VECTOR of so many numbers, from a list or from text such as '[1, 2.5]'; the components are FLOAT32 \
             or FLOAT64 (or FLOAT).",
            [
                parameter("value", [Type::list(), Type::Vector, Type::String]),
                parameter("dimension", [Type::Integer]),
                parameter("coordinateType", [Type::String]),
            ],
            Type::Vector,
            make,
        ),
        function(
            "vector_distance",
            "The distance of two vectors: EUCLIDEAN, EUCLIDEAN_SQUARED, MANHATTAN, COSINE (1 - cos), DOT (the \
             negated product) or HAMMING (the number of components that differ).",
            [
                vector("a"),
                vector("b"),
                parameter("metric", [Type::String]),
            ],
            Type::Float,
            distance,
        ),
        function(
            "vector_norm",
            "The length of a vector: EUCLIDEAN or MANHATTAN.",
            [vector("vector"), parameter("metric", [Type::String])],
            Type::Float,
            norm,
        ),
        function(
            "vector_dimension_count",
            "The number of components of a vector.",
            [vector("vector")],
            Type::Integer,
            |_, arguments| {
                let numbers = numbers("vector_dimension_count", &arguments[0])?;
                Ok(Value::Int(i64::try_from(numbers.len()).unwrap_or(i64::MAX)))
            },
        ),
    ]
}

const SET_OF_NODE: &str = "db.create.setNodeVectorProperty";
const SET_OF_RELATIONSHIP: &str = "db.create.setRelationshipVectorProperty";

/// Whether a procedure sets a property to a vector. Such a call is planned as a SET.
pub(crate) fn writes_property(procedure: &str) -> bool {
    [SET_OF_NODE, SET_OF_RELATIONSHIP]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(procedure))
}

/// The procedures that set a property to a vector.
pub(super) fn procedures() -> Vec<Procedure> {
    let procedure = |name: &'static str, of: (&str, Type), description| {
        let parameters = [of, ("key", Type::String), ("vector", Type::Any)];
        with_arguments(name, description, &parameters, 3, &[], move |_, _, _| {
            Err(RuntimeError::argument(format!("{name}() is a clause of its own")).into())
        })
    };
    vec![
        procedure(
            SET_OF_NODE,
            ("node", Type::Node),
            "Sets a property of a node to a vector: a list of finite numbers.",
        ),
        procedure(
            SET_OF_RELATIONSHIP,
            ("relationship", Type::Relationship),
            "Sets a property of a relationship to a vector: a list of finite numbers.",
        ),
    ]
}

/// A list of finite numbers as a list of floats; an error for anything else.
pub(crate) static CHECKED: LazyLock<Function> = LazyLock::new(|| {
    let checked = function(
        "vector property",
        "A vector as it is stored.",
        [parameter("vector", [Type::Any])],
        Type::Any,
        |_, arguments| {
            let value = &arguments[0];
            let vector = numbers("db.create.setVectorProperty", value)?;
            let is_finite = admitted("db.create.setVectorProperty", Similarity::Euclidean, value);
            is_finite.map(|_| match value {
                Value::Vector(_) => value.clone(),
                _ => list(vector.into_iter().map(Value::Float)),
            })
        },
    );
    checked.sees_null()
});

/// The error for a vector with something other than numbers in it.
pub(super) fn no_vector(function: &str, value: &Value) -> QueryError {
    let odd = match value {
        Value::List(items) => items
            .iter()
            .position(|item| !matches!(item, Value::Int(_) | Value::Float(_))),
        _ => None,
    };
    match (odd, value) {
        (Some(place), Value::List(items)) => RuntimeError::type_error(format!(
            "{function}() takes a list of numbers, but item {place} is {}",
            items[place].type_name()
        ))
        .into(),
        _ => wrong_type(function, "a vector or a list of numbers", value),
    }
}

/// Two lengths that should be the same.
fn lengths_differ(function: &str, left: usize, right: usize) -> QueryError {
    RuntimeError::argument(format!(
        "{function}() compares vectors of the same number of dimensions, not of {left} and {right}"
    ))
    .into()
}

/// The 32-bit components of a vector that a similarity admits.
pub(super) fn admitted(
    function: &str,
    similarity: Similarity,
    value: &Value,
) -> Result<Vec<f32>, QueryError> {
    let vector = components(value).ok_or_else(|| no_vector(function, value))?;
    if similarity.admits(&vector) {
        return Ok(vector);
    }
    let problem = match vector.iter().position(|component| !component.is_finite()) {
        _ if vector.is_empty() => "it has none".to_owned(),
        Some(place) => format!("component {place} is not finite or too great for 32 bits"),
        None => "a vector of zeros has no direction".to_owned(),
    };
    Err(RuntimeError::argument(format!(
        "{function}() takes vectors of finite numbers, for cosines not all zero: {problem}"
    ))
    .into())
}

fn similarity(function: &str, similarity: Similarity, arguments: &[Value]) -> Outcome {
    let [left, right] = [&arguments[0], &arguments[1]];
    let (left, right) = (
        admitted(function, similarity, left)?,
        admitted(function, similarity, right)?,
    );
    if left.len() != right.len() {
        return Err(lengths_differ(function, left.len(), right.len()));
    }
    Ok(Value::Float(similarity.score(&left, &right)))
}

/// The components of a vector.
fn numbers(function: &str, value: &Value) -> Result<Vec<f64>, QueryError> {
    #[allow(clippy::cast_precision_loss)]
    let numbers = match value {
        Value::List(items) => items
            .iter()
            .map(|item| match item {
                Value::Float(number) => Some(*number),
                Value::Int(number) => Some(*number as f64),
                _ => None,
            })
            .collect(),
        Value::Vector(vector) => Some(match &**vector {
            Vector::F32(items) => items.iter().copied().map(f64::from).collect(),
            Vector::F64(items) => items.clone(),
        }),
        _ => None,
    };
    numbers.ok_or_else(|| no_vector(function, value))
}

/// One of the words that a function takes as an argument, in upper case.
fn word(function: &str, place: usize, value: &Value) -> Result<&'static str, QueryError> {
    let Value::String(name) = value else {
        return Err(wrong_type(function, "a word", value));
    };
    let known = words(function, place);
    let found = known.iter().find(|word| word.eq_ignore_ascii_case(name));
    found.copied().ok_or_else(|| {
        RuntimeError::argument(format!(
            "{function}() takes {}, not '{name}'",
            known.join(", ")
        ))
        .into()
    })
}

fn make(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    let numbers = match &arguments[0] {
        Value::String(text) => parse(text)?,
        value => numbers("vector", value)?,
    };
    let Value::Int(dimension) = arguments[1] else {
        return Err(wrong_type(
            "vector",
            "an integer as dimension",
            &arguments[1],
        ));
    };
    let kind = word("vector", 2, &arguments[2])?;
    let wanted = usize::try_from(dimension)
        .ok()
        .filter(|wanted| (1..=DIMENSIONS_MAX).contains(wanted))
        .ok_or_else(|| {
            out_of_range(format!(
                "vector() takes a dimension from 1 to {DIMENSIONS_MAX}, not {dimension}"
            ))
        })?;
    if numbers.len() != wanted {
        return Err(RuntimeError::argument(format!(
            "vector() was to make a vector of {wanted} dimensions, but was given {} numbers",
            numbers.len()
        ))
        .into());
    }
    #[allow(clippy::cast_possible_truncation)]
    let vector = match kind {
        "FLOAT32" => Vector::F32(numbers.iter().map(|number| *number as f32).collect()),
        _ => Vector::F64(numbers),
    };
    let is_finite = match &vector {
        Vector::F32(items) => items.iter().all(|item| item.is_finite()),
        Vector::F64(items) => items.iter().all(|item| item.is_finite()),
    };
    if !is_finite {
        return Err(out_of_range(format!(
            "vector() takes finite numbers that fit {kind}"
        )));
    }
    Ok(Value::Vector(Arc::new(vector)))
}

/// The numbers of a text such as `[1, 2.5e3]`.
fn parse(text: &str) -> Result<Vec<f64>, QueryError> {
    let wrong = |what: &str| -> QueryError {
        RuntimeError::argument(format!("vector() takes text such as '[1, 2.5]': {what}")).into()
    };
    let inner = text.trim().strip_prefix('[');
    let inner = inner.and_then(|inner| inner.strip_suffix(']'));
    let inner = inner.ok_or_else(|| wrong("it must stand in square brackets"))?;
    inner
        .split(',')
        .map(|number| {
            let number = number.trim();
            // Names of what is not finite would be read as numbers.
            let is_plain = number
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
            number
                .parse()
                .ok()
                .filter(|_| is_plain)
                .ok_or_else(|| wrong(&format!("'{number}' is no number")))
        })
        .collect()
}

fn distance(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    let function = "vector_distance";
    let (left, right) = (
        numbers(function, &arguments[0])?,
        numbers(function, &arguments[1])?,
    );
    let metric = word(function, 2, &arguments[2])?;
    if left.len() != right.len() {
        return Err(lengths_differ(function, left.len(), right.len()));
    }
    let sum = |term: fn(f64, f64) -> f64| -> f64 {
        let pairs = left.iter().zip(&right);
        pairs.map(|(left, right)| term(*left, *right)).sum()
    };
    let squared = || sum(|left, right| (left - right) * (left - right));
    let dot = || sum(|left, right| left * right);
    Ok(Value::Float(match metric {
        "EUCLIDEAN" => squared().sqrt(),
        "EUCLIDEAN_SQUARED" => squared(),
        "MANHATTAN" => sum(|left, right| (left - right).abs()),
        "DOT" => -dot(),
        "HAMMING" => sum(|left, right| f64::from(u8::from(left != right))),
        _ => {
            let norms = length(&left) * length(&right);
            if norms == 0.0 {
                return Err(RuntimeError::argument(format!(
                    "{function}() takes vectors with a direction for COSINE, not one of zeros"
                ))
                .into());
            }
            1.0 - (dot() / norms).clamp(-1.0, 1.0)
        }
    }))
}

fn length(vector: &[f64]) -> f64 {
    vector.iter().map(|item| item * item).sum::<f64>().sqrt()
}

fn norm(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    let vector = numbers("vector_norm", &arguments[0])?;
    Ok(Value::Float(match word("vector_norm", 1, &arguments[1])? {
        "MANHATTAN" => vector.iter().map(|item| item.abs()).sum(),
        _ => length(&vector),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{error_of, evaluates};
    use super::super::{list, text};
    use super::*;

    fn ints(items: &[i64]) -> Value {
        list(items.iter().copied().map(Value::Int))
    }

    fn vector(items: &[f32]) -> Value {
        Value::Vector(Arc::new(Vector::F32(items.to_vec())))
    }

    #[test]
    fn similarities_are_those_of_indexes() {
        let cosine = "vector.similarity.cosine";
        let euclidean = "vector.similarity.euclidean";
        evaluates(&[
            (
                cosine,
                vec![ints(&[1, 0]), ints(&[5, 0])],
                Value::Float(1.0),
            ),
            (
                cosine,
                vec![ints(&[1, 0]), vector(&[0.0, 2.0])],
                Value::Float(0.5),
            ),
            (cosine, vec![Value::Null, ints(&[0])], Value::Null),
            (
                euclidean,
                vec![ints(&[4, 5, 6]), ints(&[2, 8, 3])],
                Value::Float(1.0 / 23.0),
            ),
            (euclidean, vec![ints(&[0]), ints(&[0])], Value::Float(1.0)),
        ]);
        for (left, right, detail) in [
            (ints(&[1]), ints(&[1, 2]), "InvalidArgumentValue"),
            (ints(&[0, 0]), ints(&[1, 2]), "InvalidArgumentValue"),
            (ints(&[]), ints(&[]), "InvalidArgumentValue"),
            (
                list([Value::Float(1e300)]),
                ints(&[1]),
                "InvalidArgumentValue",
            ),
            (list([text("a")]), ints(&[1]), "InvalidArgumentType"),
        ] {
            assert_eq!(error_of(cosine, &[left, right]).1, detail);
        }
        assert_eq!(
            error_of(cosine, &[list([Value::Null]), ints(&[1])]).0,
            "TypeError"
        );
    }

    #[test]
    fn vectors_are_made_of_lists_and_text() {
        let float = |items: &[f64]| Value::Vector(Arc::new(Vector::F64(items.to_vec())));
        evaluates(&[
            (
                "vector",
                vec![ints(&[1, 2]), Value::Int(2), text("FLOAT32")],
                vector(&[1.0, 2.0]),
            ),
            (
                "vector",
                vec![vector(&[0.5]), Value::Int(1), text("float64")],
                float(&[0.5]),
            ),
            (
                "vector",
                vec![text(" [1.05e0, -0.123,5] "), Value::Int(3), text("FLOAT")],
                float(&[1.05, -0.123, 5.0]),
            ),
            (
                "vector",
                vec![Value::Null, Value::Int(3), text("FLOAT")],
                Value::Null,
            ),
        ]);
        for arguments in [
            [ints(&[1]), Value::Int(2), text("FLOAT")],
            [ints(&[]), Value::Int(0), text("FLOAT")],
            [text("1, 2"), Value::Int(2), text("FLOAT")],
            [text("[1, NaN]"), Value::Int(2), text("FLOAT")],
            [text("[]"), Value::Int(1), text("FLOAT")],
            [list([Value::Float(1e300)]), Value::Int(1), text("FLOAT32")],
            [ints(&[1]), Value::Int(1), text("INTEGER8")],
        ] {
            assert_eq!(
                error_of("vector", &arguments).0,
                "ArgumentError",
                "{arguments:?}"
            );
        }
    }

    #[test]
    fn distances_are_those_of_their_definitions() {
        let (left, right) = (ints(&[1, 2, 2]), vector(&[1.0, 0.0, 0.0]));
        let of = |metric: &str, value: f64| {
            (
                "vector_distance",
                vec![left.clone(), right.clone(), text(metric)],
                Value::Float(value),
            )
        };
        evaluates(&[
            of("EUCLIDEAN", 8.0_f64.sqrt()),
            of("euclidean_squared", 8.0),
            of("MANHATTAN", 4.0),
            of("COSINE", 1.0 - 1.0 / 3.0),
            of("DOT", -1.0),
            of("HAMMING", 2.0),
            (
                "vector_norm",
                vec![left.clone(), text("EUCLIDEAN")],
                Value::Float(3.0),
            ),
            (
                "vector_norm",
                vec![left.clone(), text("MANHATTAN")],
                Value::Float(5.0),
            ),
            ("vector_dimension_count", vec![right.clone()], Value::Int(3)),
        ]);
        let zero = ints(&[0, 0, 0]);
        for arguments in [
            [left.clone(), zero, text("COSINE")],
            [left.clone(), ints(&[1]), text("DOT")],
            [left.clone(), left.clone(), text("CHEBYSHEV")],
        ] {
            assert_eq!(error_of("vector_distance", &arguments).0, "ArgumentError");
        }
    }
}
