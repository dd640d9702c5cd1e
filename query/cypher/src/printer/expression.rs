//! Expressions, with parentheses where precedence asks for them.

use std::fmt::{self, Display, Formatter, Write};

use super::name::{Key, Name, ParameterName, Qualified};
use super::{commas, optional, pattern, separated};
use crate::ast::{
    Case, Comparison, Expression, ExpressionKind, Literal, MapEntry, MapProjectionItem, SimpleType,
    SubqueryBody, SubqueryKind, TypeKind, TypeName, UnaryOperator,
};
use crate::parser::precedence;

pub(super) fn expression(f: &mut Formatter<'_>, expression: &Expression) -> fmt::Result {
    match &expression.kind {
        ExpressionKind::Literal(value) => literal(f, value),
        ExpressionKind::List(items) => {
            f.write_char('[')?;
            // Without parentheses, `[x IN y]` is a comprehension.
            match items.as_slice() {
                [first, rest @ ..] if starts_with_variable_in(first) => {
                    write!(f, "({first})")?;
                    rest.iter().try_for_each(|item| write!(f, ", {item}"))?;
                }
                items => commas(f, items)?,
            }
            f.write_char(']')
        }
        ExpressionKind::Map(entries) => {
            f.write_char('{')?;
            separated(f, ", ", entries, map_entry)?;
            f.write_char('}')
        }
        ExpressionKind::Parameter(name) => write!(f, "${}", ParameterName(name)),
        ExpressionKind::Variable(name) => Name(name).fmt(f),
        ExpressionKind::Property { subject, key } => {
            operand(f, subject, precedence::POSTFIX)?;
            write!(f, ".{}", Key(key))
        }
        ExpressionKind::Index { subject, index } => {
            operand(f, subject, precedence::POSTFIX)?;
            write!(f, "[{index}]")
        }
        ExpressionKind::Slice { subject, from, to } => {
            operand(f, subject, precedence::POSTFIX)?;
            f.write_char('[')?;
            optional(f, "", from.as_ref())?;
            f.write_str("..")?;
            optional(f, "", to.as_ref())?;
            f.write_char(']')
        }
        ExpressionKind::Function(call) => {
            write!(f, "{}(", Qualified(&call.name))?;
            if call.distinct {
                f.write_str("DISTINCT ")?;
            }
            commas(f, &call.arguments)?;
            f.write_char(')')
        }
        ExpressionKind::CountStar => f.write_str("count(*)"),
        ExpressionKind::Unary {
            operator,
            operand: inner,
        } => unary(f, *operator, inner),
        ExpressionKind::Binary {
            operator,
            left,
            right,
        } => {
            let precedence = precedence::of_binary(*operator);
            operand(f, left, precedence)?;
            write!(f, " {} ", operator.as_str())?;
            operand(f, right, precedence + 1)
        }
        ExpressionKind::Logical { operator, operands } => {
            let separator = format!(" {} ", operator.as_str());
            let precedence = precedence::of_logical(*operator) + 1;
            separated(f, &separator, operands, |f, item| {
                operand(f, item, precedence)
            })
        }
        ExpressionKind::Comparison(comparison) => self::comparison(f, comparison),
        ExpressionKind::IsNull {
            operand: inner,
            negated,
        } => {
            operand(f, inner, precedence::PREDICATE)?;
            f.write_str(if *negated { " IS NOT NULL" } else { " IS NULL" })
        }
        ExpressionKind::IsTyped {
            operand: inner,
            ty,
            negated,
        } => {
            operand(f, inner, precedence::PREDICATE)?;
            f.write_str(if *negated { " IS NOT :: " } else { " IS :: " })?;
            type_name(f, ty)
        }
        ExpressionKind::IsNormalized {
            operand: inner,
            form,
            negated,
        } => {
            operand(f, inner, precedence::PREDICATE)?;
            f.write_str(if *negated { " IS NOT " } else { " IS " })?;
            write!(f, "{} NORMALIZED", form.as_str())
        }
        ExpressionKind::HasLabels { subject, labels } => {
            operand(f, subject, precedence::POSTFIX)?;
            f.write_char(':')?;
            pattern::label_expression(f, labels, true)
        }
        ExpressionKind::Case(case) => self::case(f, case),
        ExpressionKind::ListComprehension(comprehension) => {
            write!(
                f,
                "[{} IN {}",
                Name(&comprehension.variable),
                comprehension.list
            )?;
            optional(f, " WHERE ", comprehension.predicate.as_ref())?;
            optional(f, " | ", comprehension.projection.as_ref())?;
            f.write_char(']')
        }
        ExpressionKind::PatternComprehension(comprehension) => {
            write!(f, "[{}", comprehension.pattern)?;
            optional(f, " WHERE ", comprehension.predicate.as_ref())?;
            write!(f, " | {}]", comprehension.projection)
        }
        ExpressionKind::Quantified(quantified) => write!(
            f,
            "{}({} IN {} WHERE {})",
            quantified.quantifier.as_str(),
            Name(&quantified.variable),
            quantified.list,
            quantified.predicate
        ),
        ExpressionKind::CaseSubject => Ok(()),
        ExpressionKind::Reduce(reduce) => {
            let name = match reduce.predicate {
                Some(_) => "allReduce",
                None => "reduce",
            };
            write!(
                f,
                "{name}({} = {}, {} IN {} | {}",
                Name(&reduce.accumulator),
                reduce.initial,
                Name(&reduce.variable),
                reduce.list,
                reduce.step
            )?;
            optional(f, ", ", reduce.predicate.as_ref())?;
            f.write_char(')')
        }
        ExpressionKind::Pattern(path) => path.fmt(f),
        ExpressionKind::Subquery { kind, body } => subquery(f, *kind, body),
        ExpressionKind::MapProjection { variable, items } => {
            write!(f, "{} {{", Name(variable))?;
            separated(f, ", ", items, map_projection_item)?;
            f.write_char('}')
        }
    }
}

/// How tightly the outermost operator binds.
fn precedence_of(expression: &Expression) -> u8 {
    match &expression.kind {
        ExpressionKind::Logical { operator, .. } => precedence::of_logical(*operator),
        ExpressionKind::Unary {
            operator: UnaryOperator::Not,
            ..
        } => precedence::NOT,
        ExpressionKind::Comparison(_) => precedence::COMPARISON,
        ExpressionKind::Binary { operator, .. } => precedence::of_binary(*operator),
        ExpressionKind::IsNull { .. }
        | ExpressionKind::IsTyped { .. }
        | ExpressionKind::IsNormalized { .. } => precedence::PREDICATE,
        ExpressionKind::Unary { .. } => precedence::SIGN,
        ExpressionKind::Literal(literal) if is_signed(literal) => precedence::SIGN,
        // Nothing may follow the labels, so they bind less tightly than property access.
        ExpressionKind::HasLabels { .. } => precedence::SIGN,
        ExpressionKind::Property { .. }
        | ExpressionKind::Index { .. }
        | ExpressionKind::Slice { .. } => precedence::POSTFIX,
        _ => precedence::ATOM,
    }
}

fn is_signed(literal: &Literal) -> bool {
    match literal {
        Literal::Integer(value) => *value < 0,
        Literal::Float(value) => value.is_sign_negative(),
        _ => false,
    }
}

/// Whether an operand ends with the type `ANY`, which would take a `<` behind it for a bracket.
fn ends_with_any(operand: &Expression) -> bool {
    match &operand.kind {
        ExpressionKind::IsTyped { ty, .. } => {
            !ty.not_null && ty.kind == TypeKind::Simple(SimpleType::Any)
        }
        _ => false,
    }
}

/// Writes an operand, in parentheses if it binds less tightly than `least`.
fn operand(f: &mut Formatter<'_>, operand: &Expression, least: u8) -> fmt::Result {
    if precedence_of(operand) < least || ends_with_any(operand) {
        write!(f, "({operand})")
    } else {
        operand.fmt(f)
    }
}

fn unary(f: &mut Formatter<'_>, operator: UnaryOperator, inner: &Expression) -> fmt::Result {
    let (mark, least) = match operator {
        UnaryOperator::Not => ("NOT ", precedence::NOT),
        UnaryOperator::Plus => ("+", precedence::SIGN),
        UnaryOperator::Minus => ("-", precedence::SIGN),
    };
    f.write_str(mark)?;
    // Without parentheses, the minus sign would become part of the number.
    let is_number = matches!(
        &inner.kind,
        ExpressionKind::Literal(Literal::Integer(_) | Literal::Float(_))
    );
    if operator == UnaryOperator::Minus && is_number {
        write!(f, "({inner})")
    } else {
        operand(f, inner, least)
    }
}

fn comparison(f: &mut Formatter<'_>, comparison: &Comparison) -> fmt::Result {
    let tighter = precedence::COMPARISON + 1;
    operand(f, &comparison.first, tighter)?;
    for link in &comparison.links {
        write!(f, " {} ", link.operator.as_str())?;
        operand(f, &link.operand, tighter)?;
    }
    Ok(())
}

fn case(f: &mut Formatter<'_>, case: &Case) -> fmt::Result {
    f.write_str("CASE")?;
    optional(f, " ", case.subject.as_ref())?;
    for branch in &case.branches {
        f.write_str(" WHEN")?;
        case_test(f, &branch.when)?;
        for other in &branch.others {
            f.write_char(',')?;
            case_test(f, other)?;
        }
        write!(f, " THEN {}", branch.then)?;
    }
    optional(f, " ELSE ", case.otherwise.as_ref())?;
    f.write_str(" END")
}

/// An operator that lacks its left operand has a blank before it already.
fn case_test(f: &mut Formatter<'_>, test: &Expression) -> fmt::Result {
    if !test.is_case_test() {
        f.write_char(' ')?;
    }
    test.fmt(f)
}

fn subquery(f: &mut Formatter<'_>, kind: SubqueryKind, body: &SubqueryBody) -> fmt::Result {
    f.write_str(match kind {
        SubqueryKind::Exists => "EXISTS { ",
        SubqueryKind::Count => "COUNT { ",
        SubqueryKind::Collect => "COLLECT { ",
    })?;
    match body {
        SubqueryBody::Patterns {
            patterns,
            predicate,
        } => {
            commas(f, patterns)?;
            optional(f, " WHERE ", predicate.as_ref())?;
        }
        SubqueryBody::Query(query) => query.fmt(f)?,
    }
    f.write_str(" }")
}

/// Unions are put into brackets, since a bare `|` may end the expression.
pub(super) fn type_name(f: &mut Formatter<'_>, ty: &TypeName) -> fmt::Result {
    match &ty.kind {
        TypeKind::Simple(simple) => f.write_str(simple.as_str())?,
        TypeKind::List(item) => {
            f.write_str("LIST<")?;
            type_name(f, item)?;
            f.write_char('>')?;
        }
        TypeKind::Union(types) => {
            f.write_str("ANY<")?;
            separated(f, " | ", types, type_name)?;
            f.write_char('>')?;
        }
    }
    f.write_str(if ty.not_null { " NOT NULL" } else { "" })
}

fn map_entry(f: &mut Formatter<'_>, entry: &MapEntry) -> fmt::Result {
    write!(f, "{}: {}", Key(&entry.key), entry.value)
}

fn map_projection_item(f: &mut Formatter<'_>, item: &MapProjectionItem) -> fmt::Result {
    match item {
        MapProjectionItem::Property(key) => write!(f, ".{}", Key(key)),
        MapProjectionItem::AllProperties(_) => f.write_str(".*"),
        MapProjectionItem::Variable(name) => Name(name).fmt(f),
        MapProjectionItem::Entry(entry) => map_entry(f, entry),
    }
}

fn literal(f: &mut Formatter<'_>, literal: &Literal) -> fmt::Result {
    match literal {
        Literal::Null => f.write_str("null"),
        Literal::Boolean(value) => value.fmt(f),
        Literal::Integer(value) => value.fmt(f),
        // Always with a fraction or an exponent, and the shortest that reads back the same.
        Literal::Float(value) => write!(f, "{value:?}"),
        Literal::String(text) => string(f, text),
    }
}

pub(super) fn string(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('\'')?;
    for character in text.chars() {
        match character {
            '\'' => f.write_str("\\'")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\u{8}' => f.write_str("\\b")?,
            '\u{c}' => f.write_str("\\f")?,
            control if control.is_control() => write!(f, "\\u{:04X}", u32::from(control))?,
            other => f.write_char(other)?,
        }
    }
    f.write_char('\'')
}

/// Whether the text of an expression starts with `variable IN`.
fn starts_with_variable_in(expression: &Expression) -> bool {
    use crate::ast::BinaryOperator;
    match &expression.kind {
        ExpressionKind::Binary { operator, left, .. } => match &left.kind {
            ExpressionKind::Variable(_) => *operator == BinaryOperator::In,
            _ => is_unwrapped_predicate(left) && starts_with_variable_in(left),
        },
        ExpressionKind::IsNull { operand, .. }
        | ExpressionKind::IsTyped { operand, .. }
        | ExpressionKind::IsNormalized { operand, .. } => starts_with_variable_in(operand),
        ExpressionKind::Comparison(comparison) => starts_with_variable_in(&comparison.first),
        ExpressionKind::Logical { operands, .. } => {
            operands.first().is_some_and(starts_with_variable_in)
        }
        _ => false,
    }
}

/// Whether a left operand of a predicate stands there without parentheses.
fn is_unwrapped_predicate(expression: &Expression) -> bool {
    precedence_of(expression) >= precedence::PREDICATE
}

/// Whether `expression` is a variable or a property of a property … of a variable.
pub(super) fn is_property_chain(expression: &Expression) -> bool {
    match &expression.kind {
        ExpressionKind::Variable(_) => true,
        ExpressionKind::Property { subject, .. } => is_property_chain(subject),
        _ => false,
    }
}
