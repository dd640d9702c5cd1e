//! Passes over a finished plan: each makes it cheaper and leaves its rows as they are.
//!
//! A pass can be switched off, so that tests can compare the rows with and without it. What is not a
//! matter of choice, the numbering of steps and the slots that blocking steps must keep, is done here
//! as well.

use std::sync::Arc;

use super::expression::{Expression, Slot, SubqueryResult};
use super::liveness;
use super::operator::{AggregateCall, Operator, Pipeline, Step, StoredCount};
use super::slots::expression_reads;
use super::{Plan, fold, visit};
use crate::functions::Aggregator;

/// Which rewrites are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrites {
    /// Weigh ways to find a pattern by estimates; else it is looked for in the order written.
    pub choose_order: bool,
    /// Compute what is constant once.
    pub fold_constants: bool,
    /// Drop relationships that nothing reads.
    pub drop_unused: bool,
    /// Follow a variable-length pattern to its distinct ends where duplicates are dropped later.
    pub ends_only: bool,
    /// Answer plain counts from what the store keeps.
    pub stored_counts: bool,
    /// Add up degrees where relationships are only counted.
    pub degrees: bool,
    /// Let ORDER BY know the LIMIT behind it.
    pub top_n: bool,
}

impl Default for Rewrites {
    fn default() -> Self {
        Self {
            choose_order: true,
            fold_constants: true,
            drop_unused: true,
            ends_only: true,
            stored_counts: true,
            degrees: true,
            top_n: true,
        }
    }
}

impl Rewrites {
    /// No rewrite at all: the plan that tests compare others with.
    #[must_use]
    pub fn none() -> Self {
        Self {
            choose_order: false,
            fold_constants: false,
            drop_unused: false,
            ends_only: false,
            stored_counts: false,
            degrees: false,
            top_n: false,
        }
    }
}

/// Completes a plan: makes the rewrites, finds what blocking steps keep, numbers the steps.
pub fn finish(plan: &mut Plan, rewrites: Rewrites) {
    plan.width = plan.slot_names.len();
    if rewrites.fold_constants {
        each_pipeline(&mut plan.pipeline, &mut |pipeline| fold::pipeline(pipeline));
    }
    if rewrites.stored_counts {
        each_pipeline(&mut plan.pipeline, &mut stored_count);
    }
    if rewrites.degrees {
        let names = &mut plan.slot_names;
        each_pipeline(&mut plan.pipeline, &mut |pipeline| degrees(pipeline, names));
        plan.width = plan.slot_names.len();
    }
    let columns = plan.columns.iter().map(|(_, slot)| *slot).collect();
    liveness::mark(&mut plan.pipeline, columns, rewrites.drop_unused);
    if rewrites.ends_only {
        each_pipeline(&mut plan.pipeline, &mut |pipeline| ends_only(pipeline));
        exists_ends_only(&mut plan.pipeline);
    }
    let mut next = 0;
    number(&mut plan.pipeline, &mut next);
    plan.step_count = next;
}

/// `MATCH (n:L) RETURN count(*)` and `MATCH ()-[r:T]->() RETURN count(r)`: nothing but a scan and a
/// count of its rows.
fn stored_count(pipeline: &mut Pipeline) {
    let [unit, scan, aggregate, ..] = &pipeline.steps[..] else {
        return;
    };
    let Operator::Aggregate { keys, aggregates } = &aggregate.operator else {
        return;
    };
    let ([], [call]) = (&keys[..], &aggregates[..]) else {
        return;
    };
    let (found, count) = match &scan.operator {
        Operator::ScanNodes { node, label } => (vec![*node], StoredCount::Nodes(label.clone())),
        Operator::ScanRelationships {
            relationship,
            types,
            directed: true,
            ..
        } => (
            vec![*relationship],
            StoredCount::Relationships(types.clone()),
        ),
        _ => return,
    };
    let is_entry = matches!(unit.operator, Operator::Unit | Operator::Argument);
    if !is_entry || !counts_rows(call, &found) {
        return;
    }
    let step = Step {
        operator: Operator::CountStore {
            slot: call.slot,
            count,
        },
        clause: scan.clause,
        id: 0,
        rows_estimated: 1.0,
    };
    pipeline.steps.splice(1..3, [step]);
}

/// An expand right before an aggregation that only counts what it finds: each row then comes once,
/// with the number of relationships, and the numbers are added up.
fn degrees(pipeline: &mut Pipeline, names: &mut Vec<Arc<str>>) {
    for at in 1..pipeline.steps.len() {
        let entering = at
            .checked_sub(2)
            .map(|at| pipeline.steps[at].rows_estimated);
        let (before, from_here) = pipeline.steps.split_at_mut(at);
        let (Some(expand), Some(aggregate)) = (before.last_mut(), from_here.first_mut()) else {
            continue;
        };
        let (Operator::Expand { walk, relationship }, Operator::Aggregate { keys, aggregates }) =
            (&expand.operator, &mut aggregate.operator)
        else {
            continue;
        };
        let mut found = vec![walk.to];
        found.extend(relationship);
        let is_read = |key: &Expression| {
            found
                .iter()
                .any(|slot| expression_reads(key).contains(slot))
        };
        let are_counts = aggregates
            .iter()
            .all(|call| !call.distinct && counts_rows(call, &found));
        let is_plain = !walk.into && walk.distinct_from.is_empty();
        if !is_plain || !are_counts || keys.iter().any(|(_, key)| is_read(key)) {
            continue;
        }
        let Ok(slot) = u16::try_from(names.len()) else {
            return;
        };
        names.push("degree".into());
        for call in aggregates {
            call.aggregator = Aggregator::Sum;
            call.arguments = vec![Expression::Slot(Slot(slot))];
        }
        if let Some(rows) = entering {
            expand.rows_estimated = expand.rows_estimated.min(rows);
        }
        expand.operator = Operator::Degree {
            walk: walk.clone(),
            slot: Slot(slot),
        };
    }
}

/// Whether an aggregate counts the rows of a scan that finds one element of each, never null.
fn counts_rows(call: &AggregateCall, found: &[Slot]) -> bool {
    match (call.aggregator, &call.arguments[..]) {
        (Aggregator::CountRows, []) => true,
        (Aggregator::Count, [Expression::Slot(slot)]) => found.contains(slot),
        _ => false,
    }
}

/// Marks the variable-length walks whose duplicates a later step drops: between the two stand only
/// steps that treat equal rows alike, and nothing reads the relationships.
fn ends_only(pipeline: &mut Pipeline) {
    let mut drops_duplicates = false;
    for step in pipeline.steps.iter_mut().rev() {
        mark_ends_only(&mut step.operator, drops_duplicates);
        drops_duplicates = match &step.operator {
            Operator::Distinct(_) => true,
            Operator::Aggregate { aggregates, .. } => aggregates.iter().all(ignores_duplicates),
            operator => drops_duplicates && treats_rows_alike(operator),
        };
    }
}

/// The pipeline of an EXISTS needs each end only once.
fn exists_ends_only(pipeline: &mut Pipeline) {
    visit::all_expressions(pipeline, &mut |expression| {
        if let Expression::Subquery(inner, SubqueryResult::Exists) = expression {
            let mut drops_duplicates = true;
            for step in inner.steps.iter_mut().rev() {
                mark_ends_only(&mut step.operator, drops_duplicates);
                drops_duplicates = match &step.operator {
                    Operator::Distinct(_) => true,
                    operator => drops_duplicates && treats_rows_alike(operator),
                };
            }
        }
    });
}

fn mark_ends_only(operator: &mut Operator, drops_duplicates: bool) {
    if let Operator::ExpandVariable {
        relationships: None,
        ends_only,
        ..
    } = operator
    {
        *ends_only |= drops_duplicates;
    }
}

fn ignores_duplicates(call: &AggregateCall) -> bool {
    call.distinct || matches!(call.aggregator, Aggregator::Min | Aggregator::Max)
}

/// Whether a step makes the same rows of equal rows, however many, so that dropping duplicates before
/// it or after it comes to the same.
fn treats_rows_alike(operator: &Operator) -> bool {
    matches!(
        operator,
        Operator::Filter(_)
            | Operator::Project(_)
            | Operator::ScanNodes { .. }
            | Operator::SeekNodes { .. }
            | Operator::SeekRows(_)
            | Operator::SeekNodeIds { .. }
            | Operator::ScanLabels { .. }
            | Operator::ScanRelationships { .. }
            | Operator::SeekRelationshipIds { .. }
            | Operator::Expand { .. }
            | Operator::ExpandVariable { .. }
            | Operator::ExpandPath { .. }
            | Operator::BindEnds { .. }
            | Operator::BindWalk { .. }
            | Operator::Optional { .. }
            | Operator::Unwind { .. }
            | Operator::Sort { limit: None, .. }
    )
}

/// Runs a pass over a pipeline and every pipeline within it, inner ones first.
pub fn each_pipeline(pipeline: &mut Pipeline, pass: &mut dyn FnMut(&mut Pipeline)) {
    for step in &mut pipeline.steps {
        visit::nested(&mut step.operator, &mut |inner| each_pipeline(inner, pass));
        visit::expressions(&mut step.operator, &mut |expression| {
            if let Expression::Subquery(inner, _) = expression {
                each_pipeline(inner, pass);
            }
        });
    }
    pass(pipeline);
}

fn number(pipeline: &mut Pipeline, next: &mut u16) {
    for step in &mut pipeline.steps {
        step.id = *next;
        *next = next.saturating_add(1);
        visit::nested(&mut step.operator, &mut |inner| number(inner, next));
        visit::expressions(&mut step.operator, &mut |expression| {
            if let Expression::Subquery(inner, _) = expression {
                number(inner, next);
            }
        });
    }
}
