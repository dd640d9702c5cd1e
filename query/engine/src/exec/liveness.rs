//! Which slots a part of a plan reads, so that steps carry along no others.

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::plan::expression::{PathPart, Projection, SubqueryResult};
use crate::plan::operator::{Creation, Seek, Update, Walk};
use crate::plan::{Expression, Operator, Pipeline, Slot, Step};

/// A set of slots.
pub(crate) type Slots = BTreeSet<Slot>;

/// Adds the slots that an expression reads; those it binds itself may be among them.
pub(crate) fn expression_slots(expression: &Expression, slots: &mut Slots) {
    let mut all = |parts: &[&Expression]| {
        parts.iter().for_each(|part| expression_slots(part, slots));
    };
    match expression {
        Expression::Literal(_) | Expression::Parameter(_) => {}
        Expression::Slot(slot) => {
            slots.insert(*slot);
        }
        Expression::Property(of, _)
        | Expression::HasLabels(of, _)
        | Expression::Not(of)
        | Expression::Negate(of)
        | Expression::Plus(of)
        | Expression::IsTyped(of, _)
        | Expression::IsNull(of)
        | Expression::IsNotNull(of) => all(&[of]),
        Expression::And(parts)
        | Expression::Or(parts)
        | Expression::List(parts)
        | Expression::Coalesce(parts)
        | Expression::Call(_, parts) => all(&parts.iter().collect::<Vec<_>>()),
        Expression::Xor(left, right)
        | Expression::Compare(_, left, right)
        | Expression::Arithmetic(_, left, right)
        | Expression::In(left, right)
        | Expression::StringTest(_, left, right)
        | Expression::Index(left, right) => all(&[left, right]),
        Expression::Slice(of, from, to) => {
            all(&[of]);
            from.iter().chain(to).for_each(|part| all(&[part]));
        }
        Expression::Map(entries) => entries.iter().for_each(|(_, value)| all(&[value])),
        Expression::MapProjection(of, selectors) => {
            all(&[of]);
            for selector in selectors {
                if let Projection::Entry(_, value) = selector {
                    all(&[value]);
                }
            }
        }
        Expression::Case {
            operand,
            arms,
            otherwise,
        } => {
            operand
                .iter()
                .chain(otherwise)
                .for_each(|part| all(&[part]));
            arms.iter().for_each(|(when, then)| all(&[when, then]));
        }
        Expression::ListComprehension {
            list, filter, map, ..
        } => {
            all(&[list]);
            filter.iter().chain(map).for_each(|part| all(&[part]));
        }
        Expression::Quantified {
            list, predicate, ..
        } => all(&[list, predicate]),
        Expression::Reduce {
            initial,
            list,
            body,
            predicate,
            ..
        } => {
            all(&[initial, list, body]);
            predicate.iter().for_each(|predicate| all(&[predicate]));
        }
        Expression::Subquery(pipeline, result) => {
            slots.extend(pipeline_slots(pipeline));
            if let SubqueryResult::Collect(of) = result {
                expression_slots(of, slots);
            }
        }
        Expression::Path(parts) => slots.extend(parts.iter().map(|part| match part {
            PathPart::Node(slot) | PathPart::Relationship(slot) | PathPart::Relationships(slot) => {
                *slot
            }
        })),
    }
}

/// The slots that the steps of a pipeline read anywhere.
pub(crate) fn pipeline_slots(pipeline: &Pipeline) -> Slots {
    let mut slots = Slots::new();
    pipeline
        .steps
        .iter()
        .for_each(|step| operator_slots(&step.operator, &mut slots));
    slots
}

/// For each step the slots that are needed behind it, given those needed at the end.
pub(crate) fn live_after(steps: &[Step], end: &[Slot]) -> Vec<Vec<Slot>> {
    let mut live: Slots = end.iter().copied().collect();
    let mut result = vec![Vec::new(); steps.len()];
    for (at, step) in steps.iter().enumerate().rev() {
        result[at] = live.iter().copied().collect();
        if matches!(step.operator, Operator::Aggregate { .. }) {
            // What is neither key nor aggregate comes from the row that entered the pipeline.
            live.clear();
        }
        operator_slots(&step.operator, &mut live);
    }
    result
}

fn walk_slots(walk: &Walk, slots: &mut Slots) {
    slots.insert(walk.from);
    if walk.into {
        slots.insert(walk.to);
    }
    slots.extend(&walk.distinct_from);
}

fn creation_slots(creation: &Creation, slots: &mut Slots) {
    for node in &creation.nodes {
        node.properties
            .iter()
            .for_each(|part| expression_slots(part, slots));
    }
    for relationship in &creation.relationships {
        slots.extend([relationship.start, relationship.end]);
        relationship
            .expressions()
            .for_each(|part| expression_slots(part, slots));
    }
}

fn update_slots(updates: &[Update], slots: &mut Slots) {
    for update in updates {
        match update {
            Update::Property(target, _, value) => {
                expression_slots(target, slots);
                expression_slots(value, slots);
            }
            Update::Dynamic(target, key, value) => {
                expression_slots(target, slots);
                expression_slots(key, slots);
                expression_slots(value, slots);
            }
            Update::AddDynamicLabels(target, value)
            | Update::RemoveDynamicLabels(target, value)
            | Update::Replace(target, value)
            | Update::Extend(target, value) => {
                slots.insert(*target);
                expression_slots(value, slots);
            }
            Update::AddLabels(target, _) | Update::RemoveLabels(target, _) => {
                slots.insert(*target);
            }
        }
    }
}

/// Adds the slots that an operator reads.
fn operator_slots(operator: &Operator, slots: &mut Slots) {
    match operator {
        Operator::Unit
        | Operator::Argument
        | Operator::ScanNodes { .. }
        | Operator::ScanRelationships { .. }
        | Operator::CountStore { .. }
        | Operator::Barrier { .. }
        | Operator::Schema(_) => {}
        Operator::SeekNodes { seek, .. } => match seek {
            Seek::Equal(of) | Seek::In(of) | Seek::Prefix(of) => expression_slots(of, slots),
            Seek::Range(lower, upper) => {
                for bound in [lower, upper] {
                    if let Bound::Included(of) | Bound::Excluded(of) = bound {
                        expression_slots(of, slots);
                    }
                }
            }
        },
        Operator::SeekRows(seek) => {
            seek.seek.expressions(&mut |of| expression_slots(of, slots));
        }
        Operator::SeekNodeIds { ids: of, .. }
        | Operator::ScanLabels { names: of, .. }
        | Operator::SeekRelationshipIds { ids: of, .. }
        | Operator::Filter(of)
        | Operator::Skip(of)
        | Operator::Limit(of)
        | Operator::Unwind { list: of, .. } => expression_slots(of, slots),
        Operator::Expand { walk, .. } => walk_slots(walk, slots),
        Operator::Degree { walk, .. } => {
            slots.insert(walk.from);
        }
        Operator::ExpandVariable { walk, each, .. } | Operator::ShortestPath { walk, each, .. } => {
            walk_slots(walk, slots);
            slots.insert(walk.from);
            if let Some((_, each)) = each {
                expression_slots(each, slots);
            }
            if matches!(operator, Operator::ShortestPath { .. }) {
                slots.insert(walk.to);
            }
        }
        Operator::ExpandPath { walk, program, .. } => {
            walk_slots(walk, slots);
            program
                .expressions()
                .for_each(|test| expression_slots(test, slots));
        }
        Operator::BindEnds {
            relationship,
            walk,
            from_bound,
        } => {
            slots.insert(*relationship);
            walk_slots(walk, slots);
            if *from_bound {
                slots.insert(walk.from);
            }
        }
        Operator::BindWalk {
            relationships,
            walk,
            ..
        } => {
            slots.insert(*relationships);
            walk_slots(walk, slots);
        }
        Operator::Project(parts) => {
            parts
                .iter()
                .for_each(|(_, part)| expression_slots(part, slots));
        }
        Operator::Aggregate { keys, aggregates } => {
            keys.iter()
                .for_each(|(_, key)| expression_slots(key, slots));
            let arguments = aggregates.iter().flat_map(|aggregate| &aggregate.arguments);
            arguments.for_each(|argument| expression_slots(argument, slots));
        }
        Operator::Distinct(of) => slots.extend(of),
        Operator::Sort { keys, limit, .. } => {
            keys.iter()
                .for_each(|key| expression_slots(&key.expression, slots));
            limit
                .iter()
                .for_each(|limit| expression_slots(limit, slots));
        }
        Operator::Optional { inner, .. } | Operator::Apply { inner, .. } => {
            slots.extend(pipeline_slots(inner));
        }
        Operator::LoadCsv(load) => expression_slots(&load.url, slots),
        Operator::InTransactions(call) => {
            slots.extend(pipeline_slots(&call.inner));
            call.expressions()
                .for_each(|part| expression_slots(part, slots));
        }
        Operator::Union(branches) | Operator::Fork(branches) => {
            branches
                .iter()
                .for_each(|branch| slots.extend(pipeline_slots(branch)));
        }
        Operator::CallProcedure { arguments, .. } => {
            arguments
                .iter()
                .for_each(|argument| expression_slots(argument, slots));
        }
        Operator::Create(creation) => creation_slots(creation, slots),
        Operator::Merge {
            find,
            create,
            on_match,
            on_create,
        } => {
            slots.extend(pipeline_slots(find));
            creation_slots(create, slots);
            update_slots(on_match, slots);
            update_slots(on_create, slots);
        }
        Operator::Update(updates) => update_slots(updates, slots),
        Operator::Delete { expressions, .. } => {
            expressions
                .iter()
                .for_each(|part| expression_slots(part, slots));
        }
        Operator::Foreach { list, body, .. } => {
            expression_slots(list, slots);
            slots.extend(pipeline_slots(body));
        }
    }
}
