//! Visits the parts of a plan, mostly in order to change them.

use std::ops::Bound;

use super::expression::{Expression, Projection, SubqueryResult};
use super::operator::{CreateRelationship, Creation, Operator, Pipeline, Seek, Update};

/// Calls `f` for each pipeline that stands directly within an operator, those of expressions left out.
pub fn nested(operator: &mut Operator, f: &mut dyn FnMut(&mut Pipeline)) {
    match operator {
        Operator::Optional { inner, .. } | Operator::Apply { inner, .. } => f(inner),
        Operator::InTransactions(call) => f(&mut call.inner),
        Operator::Union(branches) | Operator::Fork(branches) => branches.iter_mut().for_each(f),
        Operator::Merge { find, .. } => f(find),
        Operator::Foreach { body, .. } => f(body),
        _ => {}
    }
}

/// Calls `f` for every expression of an operator and every part of one, parts first. The steps of
/// subqueries are left out.
pub fn expressions(operator: &mut Operator, f: &mut dyn FnMut(&mut Expression)) {
    roots(operator, &mut |expression| parts_first(expression, f));
}

/// Calls `f` for every expression anywhere in a pipeline, parts first.
pub fn all_expressions(pipeline: &mut Pipeline, f: &mut dyn FnMut(&mut Expression)) {
    for step in &mut pipeline.steps {
        nested(&mut step.operator, &mut |inner| all_expressions(inner, f));
        expressions(&mut step.operator, &mut |expression| {
            if let Expression::Subquery(inner, _) = expression {
                all_expressions(inner, f);
            }
            f(expression);
        });
    }
}

fn parts_first(expression: &mut Expression, f: &mut dyn FnMut(&mut Expression)) {
    children_mut(expression, &mut |part| parts_first(part, f));
    f(expression);
}

fn roots(operator: &mut Operator, f: &mut dyn FnMut(&mut Expression)) {
    match operator {
        Operator::SeekNodes { seek, .. } => match seek {
            Seek::Equal(value) | Seek::In(value) | Seek::Prefix(value) => f(value),
            Seek::Range(lower, upper) => {
                for bound in [lower, upper] {
                    if let Bound::Included(value) | Bound::Excluded(value) = bound {
                        f(value);
                    }
                }
            }
        },
        Operator::SeekRows(seek) => seek.seek.expressions_mut(f),
        Operator::InTransactions(call) => call.expressions_mut().for_each(f),
        Operator::LoadCsv(load) => f(&mut load.url),
        Operator::SeekNodeIds { ids, .. }
        | Operator::ScanLabels { names: ids, .. }
        | Operator::SeekRelationshipIds { ids, .. } => f(ids),
        Operator::ExpandVariable {
            each: Some((_, predicate)),
            ..
        }
        | Operator::ShortestPath {
            each: Some((_, predicate)),
            ..
        } => f(predicate),
        Operator::ExpandPath { program, .. } => program.expressions_mut().for_each(f),
        Operator::Filter(predicate) => f(predicate),
        Operator::Project(items) => items.iter_mut().for_each(|(_, value)| f(value)),
        Operator::Unwind { list, .. } | Operator::Foreach { list, .. } => f(list),
        Operator::Aggregate { keys, aggregates } => {
            keys.iter_mut().for_each(|(_, key)| f(key));
            let arguments = aggregates.iter_mut().flat_map(|call| &mut call.arguments);
            arguments.for_each(f);
        }
        Operator::Sort { keys, limit, .. } => {
            keys.iter_mut().for_each(|key| f(&mut key.expression));
            limit.iter_mut().for_each(f);
        }
        Operator::Skip(count) | Operator::Limit(count) => f(count),
        Operator::Apply {
            view: Some(view), ..
        } => {
            view.system_time.iter_mut().for_each(&mut *f);
            view.version.iter_mut().for_each(f);
        }
        Operator::CallProcedure { arguments, .. } => arguments.iter_mut().for_each(f),
        Operator::Create(creation) => created(creation, f),
        Operator::Merge {
            create,
            on_match,
            on_create,
            ..
        } => {
            created(create, f);
            on_match
                .iter_mut()
                .chain(on_create)
                .for_each(|update| updated_mut(update, f));
        }
        Operator::Update(updates) => updates.iter_mut().for_each(|update| updated_mut(update, f)),
        Operator::Delete { expressions, .. } => expressions.iter_mut().for_each(f),
        _ => {}
    }
}

fn created(creation: &mut Creation, f: &mut dyn FnMut(&mut Expression)) {
    let nodes = creation
        .nodes
        .iter_mut()
        .filter_map(|node| node.properties.as_mut());
    nodes.for_each(&mut *f);
    let relationships = creation.relationships.iter_mut();
    relationships
        .flat_map(CreateRelationship::expressions_mut)
        .for_each(f);
}

/// Calls `$f` for each direct part of an expression, by `iter` or, to change it, by `iter_mut`.
macro_rules! each_part {
    ($expression:expr, $f:expr, $iter:ident) => {{
        let f = $f;
        match $expression {
            Expression::Literal(_)
            | Expression::Parameter(_)
            | Expression::Slot(_)
            | Expression::Path(_) => {}
            Expression::Property(of, _)
            | Expression::HasLabels(of, _)
            | Expression::Not(of)
            | Expression::Negate(of)
            | Expression::Plus(of)
            | Expression::IsTyped(of, _)
            | Expression::IsNull(of)
            | Expression::IsNotNull(of) => f(of),
            Expression::And(parts)
            | Expression::Or(parts)
            | Expression::List(parts)
            | Expression::Coalesce(parts)
            | Expression::Call(_, parts) => parts.$iter().for_each(f),
            Expression::Xor(a, b)
            | Expression::Compare(_, a, b)
            | Expression::Arithmetic(_, a, b)
            | Expression::In(a, b)
            | Expression::StringTest(_, a, b)
            | Expression::Index(a, b) => {
                f(a);
                f(b);
            }
            Expression::Slice(of, from, to) => {
                f(of);
                from.$iter().for_each(|from| f(from));
                to.$iter().for_each(|to| f(to));
            }
            Expression::Map(entries) => entries.$iter().for_each(|(_, value)| f(value)),
            Expression::MapProjection(of, items) => {
                f(of);
                for item in items {
                    if let Projection::Entry(_, value) = item {
                        f(value);
                    }
                }
            }
            Expression::Case {
                operand,
                arms,
                otherwise,
            } => {
                operand.$iter().for_each(|operand| f(operand));
                for (when, then) in arms {
                    f(when);
                    f(then);
                }
                otherwise.$iter().for_each(|otherwise| f(otherwise));
            }
            Expression::ListComprehension {
                list, filter, map, ..
            } => {
                f(list);
                filter.$iter().for_each(|filter| f(filter));
                map.$iter().for_each(|map| f(map));
            }
            Expression::Quantified {
                list, predicate, ..
            } => {
                f(list);
                f(predicate);
            }
            Expression::Reduce {
                initial,
                list,
                body,
                predicate,
                ..
            } => {
                f(initial);
                f(list);
                f(body);
                predicate.$iter().for_each(|predicate| f(predicate));
            }
            Expression::Subquery(_, result) => {
                if let SubqueryResult::Collect(item) = result {
                    f(item);
                }
            }
        }
    }};
}

/// Calls `$f` for each expression of an update.
macro_rules! each_updated {
    ($update:expr, $f:expr) => {{
        let f = $f;
        match $update {
            Update::Property(target, _, value) => {
                f(target);
                f(value);
            }
            Update::Dynamic(target, key, value) => {
                f(target);
                f(key);
                f(value);
            }
            Update::AddDynamicLabels(_, value)
            | Update::RemoveDynamicLabels(_, value)
            | Update::Replace(_, value)
            | Update::Extend(_, value) => f(value),
            Update::AddLabels(..) | Update::RemoveLabels(..) => {}
        }
    }};
}

/// Calls `f` for each direct part of an expression. The pipeline of a subquery is no such part; the
/// expression that it collects is.
pub fn children<'e>(expression: &'e Expression, f: &mut dyn FnMut(&'e Expression)) {
    each_part!(expression, f, iter);
}

/// The same, to change the parts.
fn children_mut(expression: &mut Expression, f: &mut dyn FnMut(&mut Expression)) {
    each_part!(expression, f, iter_mut);
}

/// Calls `f` for each expression of an update.
pub fn updated<'o>(update: &'o Update, f: &mut dyn FnMut(&'o Expression)) {
    each_updated!(update, f);
}

/// The same, to change them.
fn updated_mut(update: &mut Update, f: &mut dyn FnMut(&mut Expression)) {
    each_updated!(update, f);
}
