//! Which slots are still needed where.
//!
//! Goes through a pipeline from its end: a slot is live before a step if the step reads it, or if it
//! is live behind the step and the step does not fill it. Steps that hold rows back keep the live
//! slots only, and a walk does not hand out relationships that nobody reads.

use super::expression::{Expression, SubqueryResult};
use super::operator::{Operator, Pipeline};
use super::slots::{SlotSet, Uses, expression_reads};
use super::visit;

/// Marks a pipeline, given the slots that are live behind it; gives those live before it.
pub fn mark(pipeline: &mut Pipeline, live: SlotSet, drop_unused: bool) -> SlotSet {
    let mut live = live;
    for step in pipeline.steps.iter_mut().rev() {
        visit::expressions(&mut step.operator, &mut |expression| {
            if let Expression::Subquery(inner, result) = expression {
                let wanted = match result {
                    SubqueryResult::Collect(item) => expression_reads(item),
                    SubqueryResult::Exists | SubqueryResult::Count => SlotSet::new(),
                };
                mark(inner, wanted, drop_unused);
            }
        });
        live = mark_operator(&mut step.operator, live, drop_unused);
    }
    live
}

fn mark_operator(operator: &mut Operator, live: SlotSet, drop_unused: bool) -> SlotSet {
    match operator {
        Operator::Barrier { live: kept } | Operator::Sort { live: kept, .. } => {
            *kept = live.iter().copied().collect();
        }
        Operator::Expand { relationship, .. } if drop_unused => {
            *relationship = relationship.filter(|slot| live.contains(slot));
        }
        Operator::ExpandVariable { relationships, .. }
        | Operator::ExpandPath { relationships, .. }
            if drop_unused =>
        {
            *relationships = relationships.filter(|slot| live.contains(slot));
        }
        _ => {}
    }
    // What nested pipelines take from outside depends on what is live behind them.
    let mut inside = SlotSet::new();
    let behind = match operator {
        Operator::Foreach { .. } => SlotSet::new(),
        Operator::InTransactions(call) if !call.returns => SlotSet::new(),
        Operator::Merge { .. } => {
            let mut uses = Uses::default();
            uses.operator(operator);
            live.union(&uses.reads).copied().collect()
        }
        _ => live.clone(),
    };
    visit::nested(operator, &mut |inner| {
        inside.extend(mark(inner, behind.clone(), drop_unused));
    });
    let mut uses = Uses::default();
    uses.operator(operator);
    let mut before: SlotSet = live.difference(&uses.fills).copied().collect();
    before.extend(uses.outside());
    before.extend(inside.difference(&uses.fills));
    before
}
