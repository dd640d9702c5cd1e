//! Questions about the syntax tree that binding asks before it binds.

use retrograph_cypher::ast::{
    Clause, Expression, ExpressionKind, LabelExpression, LabelFormula, MapProjectionItem,
    NodePattern, PathLink, PathPattern, PathStep, Query,
};

use crate::functions;
use crate::functions::{merging, vector};

/// Whether an expression contains an aggregate that belongs to it; those of a full subquery do not.
pub fn contains_aggregate(expression: &Expression) -> bool {
    let mut found = false;
    walk(expression, &mut |part| {
        found |= is_aggregate(part);
        !found
    });
    found
}

/// Whether an expression is itself an aggregate.
pub fn is_aggregate(expression: &Expression) -> bool {
    match &expression.kind {
        ExpressionKind::CountStar => true,
        ExpressionKind::Function(call) => functions::aggregate(&call.name.to_string()).is_some(),
        _ => false,
    }
}

/// Whether a variable of this name occurs in an expression.
pub fn mentions(expression: &Expression, name: &str) -> bool {
    occurs(expression, name, |_| true)
}

/// Whether a variable of this name occurs in an expression outside its aggregates.
pub fn mentions_beside_aggregate(expression: &Expression, name: &str) -> bool {
    occurs(expression, name, |part| !is_aggregate(part))
}

fn occurs(expression: &Expression, name: &str, enter: impl Fn(&Expression) -> bool) -> bool {
    let mut found = false;
    walk(expression, &mut |part| {
        if !enter(part) {
            return false;
        }
        match &part.kind {
            ExpressionKind::Variable(variable) => found |= &*variable.name == name,
            ExpressionKind::MapProjection { variable, .. } => found |= &*variable.name == name,
            _ => {}
        }
        !found
    });
    found
}

/// Whether an expression is a variable or a property of one: what may stand beside an aggregate if it
/// is grouped by.
pub fn is_simple(expression: &Expression) -> bool {
    match &expression.kind {
        ExpressionKind::Variable(_) => true,
        ExpressionKind::Property { subject, .. } => {
            matches!(subject.kind, ExpressionKind::Variable(_))
        }
        _ => false,
    }
}

/// Whether a query writes.
pub fn is_updating(query: &Query) -> bool {
    let parts = std::iter::once(&query.first).chain(query.unions.iter().map(|union| &union.query));
    parts.flat_map(|part| &part.clauses).any(clause_is_updating)
        || query.next.as_deref().is_some_and(is_updating)
}

/// Whether a clause writes, or a subquery in it does.
pub fn clause_is_updating(clause: &Clause) -> bool {
    match clause {
        Clause::Subquery(call) => is_updating(&call.query),
        Clause::Call(call) => {
            let name = call.name.to_string();
            vector::writes_property(&name) || merging::merges(&name).is_some()
        }
        Clause::Braced(query) => is_updating(query),
        Clause::Conditional(clause) => {
            clause
                .branches
                .iter()
                .any(|branch| is_updating(&branch.query))
                || clause.otherwise.as_deref().is_some_and(is_updating)
        }
        clause => clause.is_updating(),
    }
}

/// Calls `f` for an expression and, where it returns true, for the parts of it.
fn walk<'e>(expression: &'e Expression, f: &mut dyn FnMut(&'e Expression) -> bool) {
    if !f(expression) {
        return;
    }
    match &expression.kind {
        ExpressionKind::Literal(_)
        | ExpressionKind::Parameter(_)
        | ExpressionKind::Variable(_)
        | ExpressionKind::CountStar
        | ExpressionKind::CaseSubject
        | ExpressionKind::Subquery { .. } => {}
        ExpressionKind::List(items) => items.iter().for_each(|item| walk(item, f)),
        ExpressionKind::Map(entries) => entries.iter().for_each(|entry| walk(&entry.value, f)),
        ExpressionKind::Property { subject, .. } => walk(subject, f),
        ExpressionKind::HasLabels { subject, labels } => {
            walk(subject, f);
            if let LabelExpression::Formula(formula) = labels {
                walk_labels(formula, f);
            }
        }
        ExpressionKind::Index { subject, index } => {
            walk(subject, f);
            walk(index, f);
        }
        ExpressionKind::Slice { subject, from, to } => {
            walk(subject, f);
            from.iter().for_each(|from| walk(from, f));
            to.iter().for_each(|to| walk(to, f));
        }
        ExpressionKind::Function(call) => call.arguments.iter().for_each(|part| walk(part, f)),
        ExpressionKind::Unary { operand, .. }
        | ExpressionKind::IsNull { operand, .. }
        | ExpressionKind::IsTyped { operand, .. }
        | ExpressionKind::IsNormalized { operand, .. } => {
            walk(operand, f);
        }
        ExpressionKind::Binary { left, right, .. } => {
            walk(left, f);
            walk(right, f);
        }
        ExpressionKind::Logical { operands, .. } => operands.iter().for_each(|part| walk(part, f)),
        ExpressionKind::Comparison(comparison) => {
            walk(&comparison.first, f);
            comparison
                .links
                .iter()
                .for_each(|link| walk(&link.operand, f));
        }
        ExpressionKind::Case(case) => {
            case.subject.iter().for_each(|subject| walk(subject, f));
            for branch in &case.branches {
                walk(&branch.when, f);
                branch.others.iter().for_each(|other| walk(other, f));
                walk(&branch.then, f);
            }
            case.otherwise
                .iter()
                .for_each(|otherwise| walk(otherwise, f));
        }
        ExpressionKind::ListComprehension(comprehension) => {
            walk(&comprehension.list, f);
            comprehension
                .predicate
                .iter()
                .for_each(|predicate| walk(predicate, f));
            comprehension
                .projection
                .iter()
                .for_each(|projection| walk(projection, f));
        }
        ExpressionKind::PatternComprehension(comprehension) => {
            walk_pattern(&comprehension.pattern, f);
            comprehension
                .predicate
                .iter()
                .for_each(|predicate| walk(predicate, f));
            walk(&comprehension.projection, f);
        }
        ExpressionKind::Quantified(quantified) => {
            walk(&quantified.list, f);
            walk(&quantified.predicate, f);
        }
        ExpressionKind::Reduce(reduce) => {
            walk(&reduce.initial, f);
            walk(&reduce.list, f);
            walk(&reduce.step, f);
            reduce
                .predicate
                .iter()
                .for_each(|predicate| walk(predicate, f));
        }
        ExpressionKind::Pattern(pattern) => walk_pattern(pattern, f),
        ExpressionKind::MapProjection { items, .. } => {
            for item in items {
                if let MapProjectionItem::Entry(entry) = item {
                    walk(&entry.value, f);
                }
            }
        }
    }
}

fn walk_labels<'e>(formula: &'e LabelFormula, f: &mut dyn FnMut(&'e Expression) -> bool) {
    match formula {
        LabelFormula::Label(_) | LabelFormula::Any(_) => {}
        LabelFormula::Dynamic { expression, .. } => walk(expression, f),
        LabelFormula::Not(part) => walk_labels(part, f),
        LabelFormula::And(parts) | LabelFormula::Or(parts) => {
            parts.iter().for_each(|part| walk_labels(part, f));
        }
    }
}

fn walk_pattern<'e>(pattern: &'e PathPattern, f: &mut dyn FnMut(&'e Expression) -> bool) {
    walk_chain(&pattern.start, &pattern.steps, f);
    pattern.predicate.iter().for_each(|part| walk(part, f));
}

fn walk_chain<'e>(
    start: &'e NodePattern,
    steps: &'e [PathStep],
    f: &mut dyn FnMut(&'e Expression) -> bool,
) {
    for node in std::iter::once(start).chain(steps.iter().map(|step| &step.node)) {
        node.properties
            .iter()
            .chain(&node.predicate)
            .for_each(|part| walk(part, f));
    }
    for step in steps {
        match &step.link {
            PathLink::Relationship(relationship) => {
                relationship
                    .properties
                    .iter()
                    .chain(&relationship.predicate)
                    .for_each(|part| walk(part, f));
            }
            PathLink::Group(group) => {
                walk_chain(&group.start, &group.steps, f);
                group.predicate.iter().for_each(|part| walk(part, f));
            }
        }
    }
}
