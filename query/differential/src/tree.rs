//! Walks over the syntax tree.

use retrograph_cypher::ast::{Expression, ExpressionKind, MapProjectionItem};

/// Calls back for every direct part of an expression that is an expression, but for those inside
/// patterns and subqueries, which have scopes of their own.
pub fn children_mut(of: &mut Expression, found: &mut dyn FnMut(&mut Expression)) {
    match &mut of.kind {
        ExpressionKind::List(items) => items.iter_mut().for_each(found),
        ExpressionKind::Map(entries) => {
            entries.iter_mut().for_each(|entry| found(&mut entry.value));
        }
        ExpressionKind::Property { subject, .. } | ExpressionKind::HasLabels { subject, .. } => {
            found(subject);
        }
        ExpressionKind::Index { subject, index } => {
            found(subject);
            found(index);
        }
        ExpressionKind::Slice { subject, from, to } => {
            found(subject);
            [from, to]
                .into_iter()
                .flatten()
                .for_each(|bound| found(bound));
        }
        ExpressionKind::Function(call) => call.arguments.iter_mut().for_each(found),
        ExpressionKind::Unary { operand, .. }
        | ExpressionKind::IsNull { operand, .. }
        | ExpressionKind::IsTyped { operand, .. }
        | ExpressionKind::IsNormalized { operand, .. } => found(operand),
        ExpressionKind::Binary { left, right, .. } => {
            found(left);
            found(right);
        }
        ExpressionKind::Logical { operands, .. } => operands.iter_mut().for_each(found),
        ExpressionKind::Comparison(chain) => {
            found(&mut chain.first);
            let links = chain.links.iter_mut();
            links.for_each(|link| found(&mut link.operand));
        }
        ExpressionKind::Case(case) => {
            if let Some(subject) = &mut case.subject {
                found(subject);
            }
            for branch in &mut case.branches {
                found(&mut branch.when);
                found(&mut branch.then);
            }
            if let Some(otherwise) = &mut case.otherwise {
                found(otherwise);
            }
        }
        ExpressionKind::ListComprehension(of) => {
            found(&mut of.list);
            let rest = [&mut of.predicate, &mut of.projection];
            rest.into_iter().flatten().for_each(|part| found(part));
        }
        ExpressionKind::PatternComprehension(of) => {
            if let Some(predicate) = &mut of.predicate {
                found(predicate);
            }
            found(&mut of.projection);
        }
        ExpressionKind::Quantified(of) => {
            found(&mut of.list);
            found(&mut of.predicate);
        }
        ExpressionKind::Reduce(of) => {
            found(&mut of.initial);
            found(&mut of.list);
            found(&mut of.step);
        }
        ExpressionKind::MapProjection { items, .. } => {
            for item in items {
                if let MapProjectionItem::Entry(entry) = item {
                    found(&mut entry.value);
                }
            }
        }
        _ => {}
    }
}

/// Like [`children_mut`], for looking only.
pub fn children(of: &Expression, found: &mut dyn FnMut(&Expression)) {
    let mut copy = of.clone();
    children_mut(&mut copy, &mut |child| found(child));
}
