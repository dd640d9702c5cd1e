//! Rules of types: what operators accept and give, as far as it is known before running.
//!
//! The rules only refuse what fails for every value of a type; everything else is left to the values.

use retrograph_cypher::{Detail, Diagnostic, Span};

use crate::plan::expression::Arithmetic;
use crate::types::Type;

/// The type that covers both.
pub fn join(a: &Type, b: &Type) -> Type {
    match (a, b) {
        (Type::Null, other) | (other, Type::Null) => other.clone(),
        (a, b) if a == b => a.clone(),
        (
            Type::Integer | Type::Float | Type::Number,
            Type::Integer | Type::Float | Type::Number,
        ) => Type::Number,
        (Type::List(a), Type::List(b)) => Type::List(Box::new(join(a, b))),
        _ => Type::Any,
    }
}

/// The type of the items of a value that is used as a list.
pub fn item_of(list: &Type) -> Type {
    match list {
        Type::List(item) => (**item).clone(),
        _ => Type::Any,
    }
}

/// Whether values of this type may be truth values.
pub fn check_boolean(ty: &Type, span: Span, place: &str) -> Result<(), Diagnostic> {
    check(ty, &[Type::Boolean], span, place)
}

/// Refuses a type that is none of those wanted.
pub fn check(ty: &Type, wanted: &[Type], span: Span, place: &str) -> Result<(), Diagnostic> {
    if wanted.iter().any(|wanted| ty.may_be(wanted)) {
        return Ok(());
    }
    Err(wrong_type(ty, wanted, span, place))
}

/// The error for an expression of the wrong type.
pub fn wrong_type(ty: &Type, wanted: &[Type], span: Span, place: &str) -> Diagnostic {
    let names: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    Diagnostic::error(
        Detail::InvalidArgumentType,
        span,
        format!("{place} takes {}, not {ty}", names.join(" or ")),
    )
    .label(format!("this is {ty}"))
}

/// Whether arithmetic could ever accept an operand of this type.
fn is_arithmetic(operator: Arithmetic, ty: &Type) -> bool {
    match ty {
        Type::Boolean | Type::Map | Type::Node | Type::Relationship | Type::Path | Type::Bytes => {
            false
        }
        Type::String | Type::List(_) => operator == Arithmetic::Add,
        _ => true,
    }
}

/// The type of `left operator right`.
pub fn arithmetic(
    operator: Arithmetic,
    symbol: &str,
    (left, left_span): (&Type, Span),
    (right, right_span): (&Type, Span),
) -> Result<Type, Diagnostic> {
    let is_list = |ty: &Type| matches!(ty, Type::List(_));
    if operator == Arithmetic::Add && (is_list(left) || is_list(right)) {
        return Ok(match (left, right) {
            (Type::List(a), Type::List(b)) => Type::List(Box::new(join(a, b))),
            _ => Type::list(),
        });
    }
    let is_open = |ty: &Type| matches!(ty, Type::Any | Type::Null);
    for (ty, other, span) in [(left, right, left_span), (right, left, right_span)] {
        // Beside an operand of unknown type, which may be a list, `+` accepts anything.
        let may_append = operator == Arithmetic::Add && is_open(other);
        if !is_arithmetic(operator, ty) && !may_append {
            return Err(Diagnostic::error(
                Detail::InvalidArgumentType,
                span,
                format!("`{symbol}` cannot be applied to {left} and {right}"),
            )
            .label(format!("this is {ty}")));
        }
    }
    Ok(match (operator, left, right) {
        (Arithmetic::Power, Type::Integer | Type::Float, Type::Integer | Type::Float) => {
            Type::Float
        }
        (_, Type::Integer, Type::Integer) => Type::Integer,
        (_, Type::Float, Type::Integer | Type::Float | Type::Number)
        | (_, Type::Integer | Type::Number, Type::Float) => Type::Float,
        (_, Type::Integer | Type::Number, Type::Integer | Type::Number) => Type::Number,
        (Arithmetic::Add, Type::String, Type::String | Type::Integer | Type::Float)
        | (Arithmetic::Add, Type::Integer | Type::Float, Type::String) => Type::String,
        _ => Type::Any,
    })
}
