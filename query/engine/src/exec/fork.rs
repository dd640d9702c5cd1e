//! UNION behind NEXT: each part takes up all rows.
//!
//! The rows are held back until the last has arrived; then they go through one part after the other.

use super::batch::{BATCH_ROWS_MAX, Batch, all_rows};
use super::context::Context;
use super::held::Held;
use super::liveness::{Slots, pipeline_slots};
use super::pipeline::{Flow, Rest, State, begin, finish, push, states_of};
use crate::error::QueryError;
use crate::plan::{Pipeline, Slot};

/// What the step keeps between batches.
pub(crate) struct ForkState {
    held: Held,
    /// The slots that the rows keep.
    keep: Vec<Slot>,
    /// The row with which the run of the pipeline began.
    entry: Batch,
    branches: Vec<Vec<State>>,
}

impl ForkState {
    pub(crate) fn new(branches: &[Pipeline], live: &[Slot]) -> Self {
        let mut keep: Slots = branches.iter().flat_map(pipeline_slots).collect();
        keep.extend(live);
        Self {
            held: Held::default(),
            keep: keep.into_iter().collect(),
            entry: Batch::default(),
            branches: branches
                .iter()
                .map(|branch| states_of(branch, live))
                .collect(),
        }
    }

    pub(crate) fn begin(&mut self, entry: &Batch) {
        self.held = Held::default();
        self.entry = entry.clone();
    }

    /// Takes rows.
    pub(crate) fn push(
        &mut self,
        mut batch: Batch,
        context: &mut Context<'_>,
    ) -> Result<(), QueryError> {
        batch.retain(&self.keep);
        self.held.push("Fork", &batch, &self.keep, context)
    }

    /// Runs the branches.
    pub(crate) fn finish(
        &mut self,
        branches: &[Pipeline],
        context: &mut Context<'_>,
        rest: &mut Rest<'_>,
    ) -> Result<(), QueryError> {
        let Held { rows, charged } = std::mem::take(&mut self.held);
        let numbers = all_rows(rows.rows);
        let mut wants_more = true;
        for (branch, states) in branches.iter().zip(&mut self.branches) {
            begin(states, &self.entry);
            let mut out = |context: &mut Context<'_>, found: Batch| {
                let flow = rest.push(context, found)?;
                wants_more = flow == Flow::More;
                Ok(flow)
            };
            for part in numbers.chunks(BATCH_ROWS_MAX) {
                let part = rows.gather(part, &self.keep);
                if push(&branch.steps, states, context, part, &mut out)? == Flow::Stop {
                    break;
                }
            }
            finish(&branch.steps, states, context, &mut out)?;
            if !wants_more {
                break;
            }
        }
        context.release(charged);
        Ok(())
    }
}
