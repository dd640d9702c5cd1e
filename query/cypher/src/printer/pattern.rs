//! Patterns.

use std::fmt::{self, Display, Formatter, Write};

use super::name::{Key, Name};
use super::{optional, separated};
use crate::ast::{
    Direction, Expression, LabelExpression, LabelFormula, LengthRange, MatchMode, NodePattern,
    PathGroup, PathLink, PathMode, PathPattern, PathQuantifier, PathSearch, PathSearchKind,
    PathSelector, PathStep, RelationshipPattern,
};

/// What may repeat, where it is written.
pub(super) fn match_mode(f: &mut Formatter<'_>, mode: Option<MatchMode>) -> fmt::Result {
    match mode {
        None => Ok(()),
        Some(MatchMode::DifferentRelationships) => f.write_str("DIFFERENT RELATIONSHIPS "),
        Some(MatchMode::RepeatableElements) => f.write_str("REPEATABLE ELEMENTS "),
    }
}

pub(super) fn path(f: &mut Formatter<'_>, pattern: &PathPattern) -> fmt::Result {
    if let Some(variable) = &pattern.variable {
        write!(f, "{} = ", Name(variable))?;
    }
    if let Some(search) = &pattern.search {
        path_search(f, search)?;
    }
    let opening = match (pattern.selector, &pattern.predicate) {
        (Some(PathSelector::Shortest), _) => "shortestPath(",
        (Some(PathSelector::AllShortest), _) => "allShortestPaths(",
        (None, Some(_)) => "(",
        (None, None) => "",
    };
    f.write_str(opening)?;
    chain(f, &pattern.start, &pattern.steps)?;
    optional(f, " WHERE ", pattern.predicate.as_ref())?;
    if opening.is_empty() {
        Ok(())
    } else {
        f.write_char(')')
    }
}

fn path_search(f: &mut Formatter<'_>, search: &PathSearch) -> fmt::Result {
    match search.kind {
        PathSearchKind::All if search.mode.is_some() => {}
        PathSearchKind::All => f.write_str("ALL ")?,
        PathSearchKind::Any(1) => f.write_str("ANY ")?,
        PathSearchKind::Any(count) => write!(f, "ANY {count} ")?,
        PathSearchKind::AllShortest => f.write_str("ALL SHORTEST ")?,
        PathSearchKind::Shortest(count) | PathSearchKind::ShortestGroups(count) => {
            write!(f, "SHORTEST {count} ")?;
        }
    }
    f.write_str(match search.mode {
        None => "",
        Some(PathMode::Walk) => "WALK ",
        Some(PathMode::Trail) => "TRAIL ",
        Some(PathMode::Acyclic) => "ACYCLIC ",
        Some(PathMode::Simple) => "SIMPLE ",
    })?;
    if matches!(search.kind, PathSearchKind::ShortestGroups(_)) {
        f.write_str("GROUPS ")?;
    }
    Ok(())
}

fn chain(f: &mut Formatter<'_>, start: &NodePattern, steps: &[PathStep]) -> fmt::Result {
    node(f, start)?;
    for step in steps {
        match &step.link {
            PathLink::Relationship(of) => relationship(f, of)?,
            PathLink::Group(of) => group(f, of)?,
        }
        node(f, &step.node)?;
    }
    Ok(())
}

fn group(f: &mut Formatter<'_>, group: &PathGroup) -> fmt::Result {
    f.write_char('(')?;
    chain(f, &group.start, &group.steps)?;
    optional(f, " WHERE ", group.predicate.as_ref())?;
    f.write_char(')')?;
    quantifier(f, &group.quantifier)
}

fn quantifier(f: &mut Formatter<'_>, quantifier: &PathQuantifier) -> fmt::Result {
    match (quantifier.min, quantifier.max) {
        (0, None) => f.write_char('*'),
        (1, None) => f.write_char('+'),
        (min, None) => write!(f, "{{{min},}}"),
        (min, Some(max)) if min == max => write!(f, "{{{min}}}"),
        (min, Some(max)) => write!(f, "{{{min},{max}}}"),
    }
}

fn node(f: &mut Formatter<'_>, node: &NodePattern) -> fmt::Result {
    f.write_char('(')?;
    optional(f, "", node.variable.as_ref().map(Name).as_ref())?;
    let mut is_empty = node.variable.is_none();
    if let Some(labels) = &node.labels {
        f.write_char(':')?;
        label_expression(f, labels, false)?;
        is_empty = false;
    }
    details(
        f,
        is_empty,
        node.properties.as_deref(),
        node.predicate.as_deref(),
    )?;
    f.write_char(')')
}

/// Properties and predicate, set off by blanks from what stands before.
fn details(
    f: &mut Formatter<'_>,
    is_first: bool,
    properties: Option<&Expression>,
    predicate: Option<&Expression>,
) -> fmt::Result {
    optional(f, if is_first { "" } else { " " }, properties)?;
    let is_first = is_first && properties.is_none();
    optional(f, if is_first { "WHERE " } else { " WHERE " }, predicate)
}

fn relationship(f: &mut Formatter<'_>, relationship: &RelationshipPattern) -> fmt::Result {
    let RelationshipPattern {
        direction,
        variable,
        types,
        formula,
        length,
        quantifier: repeated,
        properties,
        predicate,
        ..
    } = relationship;
    f.write_str(if *direction == Direction::Incoming {
        "<-"
    } else {
        "-"
    })?;
    let is_bare = variable.is_none()
        && types.is_empty()
        && formula.is_none()
        && length.is_none()
        && properties.is_none()
        && predicate.is_none();
    if !is_bare {
        f.write_char('[')?;
        optional(f, "", variable.as_ref().map(Name).as_ref())?;
        if !types.is_empty() {
            f.write_char(':')?;
            separated(f, "|", types, |f, name| Key(name).fmt(f))?;
        }
        if let Some(formula) = formula {
            f.write_char(':')?;
            label_formula(f, formula, 0)?;
        }
        if let Some(range) = length {
            length_range(f, range)?;
        }
        let is_first =
            variable.is_none() && types.is_empty() && formula.is_none() && length.is_none();
        details(f, is_first, properties.as_deref(), predicate.as_deref())?;
        f.write_char(']')?;
    }
    f.write_str(if *direction == Direction::Outgoing {
        "->"
    } else {
        "-"
    })?;
    match repeated {
        Some(repeated) => quantifier(f, repeated),
        None => Ok(()),
    }
}

fn length_range(f: &mut Formatter<'_>, range: &LengthRange) -> fmt::Result {
    f.write_char('*')?;
    match (range.min, range.max) {
        (None, None) => Ok(()),
        (Some(min), Some(max)) if min == max => write!(f, "{min}"),
        (min, max) => {
            optional(f, "", min.as_ref())?;
            f.write_str("..")?;
            optional(f, "", max.as_ref())
        }
    }
}

/// `in_expression`: alternatives are put in parentheses, since a bare `|` may end the expression.
pub(super) fn label_expression(
    f: &mut Formatter<'_>,
    labels: &LabelExpression,
    in_expression: bool,
) -> fmt::Result {
    match labels {
        LabelExpression::All(labels) => separated(f, ":", labels, |f, label| Key(label).fmt(f)),
        LabelExpression::Formula(formula @ LabelFormula::Or(_)) if in_expression => {
            f.write_char('(')?;
            label_formula(f, formula, 0)?;
            f.write_char(')')
        }
        LabelExpression::Formula(formula) => label_formula(f, formula, 0),
    }
}

/// `least`: 0 within a disjunction, 1 within a conjunction, 2 within a negation.
fn label_formula(f: &mut Formatter<'_>, formula: &LabelFormula, least: u8) -> fmt::Result {
    let precedence = match formula {
        LabelFormula::Or(_) => 0,
        LabelFormula::And(_) => 1,
        _ => 2,
    };
    if precedence < least {
        f.write_char('(')?;
    }
    match formula {
        LabelFormula::Label(label) => Key(label).fmt(f)?,
        LabelFormula::Any(_) => f.write_char('%')?,
        LabelFormula::Dynamic {
            any, expression, ..
        } => write!(f, "${}({expression})", if *any { "any" } else { "" })?,
        LabelFormula::Not(inner) => {
            f.write_char('!')?;
            label_formula(f, inner, 2)?;
        }
        LabelFormula::And(parts) => {
            separated(f, "&", parts, |f, part| label_formula(f, part, 2))?;
        }
        LabelFormula::Or(parts) => separated(f, "|", parts, |f, part| label_formula(f, part, 1))?,
    }
    if precedence < least {
        f.write_char(')')
    } else {
        Ok(())
    }
}
