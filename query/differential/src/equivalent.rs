//! Ways to ask the same thing: the engine must give the same rows for all of them.
//!
//! * a predicate, its negation and its being null part the rows without it;
//! * a path pattern can be written from its other end;
//! * the patterns of a MATCH can be written in another order;
//! * `AS OF VERSION` of the latest version reads what is read without it.

use retrograph_cypher::ast::{
    Clause, Direction, Expression, ExpressionKind, Match, PathLink, PathPattern, PathStep, Query,
    SingleQuery, Statement, StatementBody, SystemTime, TimeClause, UnaryOperator,
};
use retrograph_cypher::{Span, parse};

use crate::reference::aggregate;
use crate::verdict::{Kind, Verdict, different};
use crate::world::World;

/// Asks a query in the other ways and compares the engine's rows. None if it has no other way, or no
/// one answer.
///
/// # Errors
/// A text of ours cannot be read.
pub fn check(world: &mut World, text: &str) -> anyhow::Result<Option<Verdict>> {
    let Ok(statement) = parse(text) else {
        return Ok(None);
    };
    let Some(rows) = world.settled_rows(text)? else {
        return Ok(None);
    };
    for other in [
        reversed(&statement),
        shuffled(&statement),
        latest(&statement, world),
    ] {
        let Some(other) = other else { continue };
        let other = other.to_string();
        let Some(others) = world.settled_rows(&other)? else {
            continue;
        };
        if rows != others {
            return Ok(Some(unequal(text, &rows, &other, &others)));
        }
    }
    if let Some((whole, parts)) = partitioned(&statement) {
        let Some(all) = world.settled_rows(&whole)? else {
            return Ok(Some(Verdict::Same));
        };
        let mut together = Vec::new();
        for part in &parts {
            let Some(rows) = world.settled_rows(part)? else {
                return Ok(Some(Verdict::Same));
            };
            together.extend(rows);
        }
        together.sort();
        if all != together {
            return Ok(Some(unequal(&whole, &all, &parts.join("\n"), &together)));
        }
    }
    Ok(Some(Verdict::Same))
}

fn unequal(one: &str, rows: &[String], other: &str, others: &[String]) -> Verdict {
    different(
        Kind::Equivalence,
        format!("{one}\n{}", rows.join("\n")),
        format!("{other}\n{}", others.join("\n")),
    )
}

fn single(statement: &mut Statement) -> Option<&mut SingleQuery> {
    match &mut statement.body {
        StatementBody::Query(query) if query.unions.is_empty() && query.next.is_none() => {
            Some(&mut query.first)
        }
        _ => None,
    }
}

fn matches(query: &mut SingleQuery) -> impl Iterator<Item = &mut Match> {
    query.clauses.iter_mut().filter_map(|clause| match clause {
        Clause::Match(of) => Some(of),
        _ => None,
    })
}

/// Whether a pattern has expressions that may name what stands to the left of them.
fn has_expressions(pattern: &PathPattern) -> bool {
    let nodes = std::iter::once(&pattern.start).chain(pattern.steps.iter().map(|step| &step.node));
    let mut nodes = nodes.map(|node| (&node.properties, &node.predicate));
    let relationships = pattern.steps.iter().filter_map(PathStep::relationship);
    let mut relationships = relationships.map(|of| (&of.properties, &of.predicate));
    nodes.any(|of| of.0.is_some() || of.1.is_some())
        || relationships.any(|of| of.0.is_some() || of.1.is_some())
}

fn reverse(pattern: &mut PathPattern) -> bool {
    let is_fixed = pattern.variable.is_some()
        || pattern.selector.is_some()
        || pattern.search.is_some()
        || pattern.predicate.is_some()
        || pattern.steps.is_empty()
        || has_expressions(pattern)
        || pattern.steps.iter().any(|step| match &step.link {
            PathLink::Relationship(of) => {
                of.quantifier.is_some() || (of.length.is_some() && of.variable.is_some())
            }
            PathLink::Group(_) => true,
        });
    if is_fixed {
        return false;
    }
    let mut nodes = vec![pattern.start.clone()];
    let mut relationships = Vec::new();
    for step in &pattern.steps {
        nodes.push(step.node.clone());
        relationships.extend(step.relationship().cloned());
    }
    nodes.reverse();
    relationships.reverse();
    for relationship in &mut relationships {
        relationship.direction = match relationship.direction {
            Direction::Outgoing => Direction::Incoming,
            Direction::Incoming => Direction::Outgoing,
            Direction::Either => Direction::Either,
        };
    }
    let mut nodes = nodes.into_iter();
    if let Some(start) = nodes.next() {
        pattern.start = start;
    }
    pattern.steps = relationships
        .into_iter()
        .zip(nodes)
        .map(|(relationship, node)| PathStep {
            link: PathLink::Relationship(relationship),
            node,
        })
        .collect();
    true
}

fn reversed(statement: &Statement) -> Option<Statement> {
    let mut other = statement.clone();
    let mut is_changed = false;
    for of in matches(single(&mut other)?) {
        for pattern in &mut of.patterns {
            is_changed |= reverse(pattern);
        }
    }
    is_changed.then_some(other)
}

fn shuffled(statement: &Statement) -> Option<Statement> {
    let mut other = statement.clone();
    let mut is_changed = false;
    for of in matches(single(&mut other)?) {
        if of.patterns.len() > 1 && !of.patterns.iter().any(has_expressions) {
            of.patterns.reverse();
            is_changed = true;
        }
    }
    is_changed.then_some(other)
}

fn latest(statement: &Statement, world: &World) -> Option<Statement> {
    let mut other = statement.clone();
    let StatementBody::Query(Query { time, .. }) = &mut other.body else {
        return None;
    };
    let version = i64::try_from(*world.versions().last()?).ok()?;
    let literal = retrograph_cypher::ast::Literal::Integer(version);
    let version = Expression::new(ExpressionKind::Literal(literal), Span::default());
    if time.is_some() {
        return None;
    }
    *time = Some(TimeClause {
        system: Some(SystemTime::Version(version)),
        valid: None,
        span: Span::default(),
    });
    Some(other)
}

/// The query without the predicate of its last MATCH, and with it in three parts.
fn partitioned(statement: &Statement) -> Option<(String, Vec<String>)> {
    let mut whole = statement.clone();
    let query = single(&mut whole)?;
    let [.., Clause::Match(of), Clause::Return(result)] = &mut query.clauses[..] else {
        return None;
    };
    let of_rows = &result.projection;
    let is_plain = !of_rows.distinct
        && of_rows.order_by.is_empty()
        && of_rows.skip.is_none()
        && of_rows.limit.is_none()
        && !of_rows
            .items
            .iter()
            .any(|item| aggregate::is_in(&item.expression));
    if of.optional || !is_plain {
        return None;
    }
    let predicate = of.predicate.take()?;
    // Parentheses are the printer's business.
    let parts = [
        predicate.clone(),
        Expression::new(
            ExpressionKind::Unary {
                operator: UnaryOperator::Not,
                operand: Box::new(predicate.clone()),
            },
            Span::default(),
        ),
        Expression::new(
            ExpressionKind::IsNull {
                operand: Box::new(predicate),
                negated: false,
            },
            Span::default(),
        ),
    ];
    let texts = parts.map(|part| {
        let mut other = whole.clone();
        if let Some(query) = single(&mut other)
            && let Some(of) = matches(query).last()
        {
            of.predicate = Some(part);
        }
        other.to_string()
    });
    Some((whole.to_string(), texts.to_vec()))
}
