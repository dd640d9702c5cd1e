//! When a statement did what, for callers that keep traces.
//!
//! Who hands a [`Timeline`] to a run ([`RunOptions::timeline`](crate::RunOptions::timeline)) finds in it
//! afterwards how long the statement was compiled, waited for its turn, executed and committed, also if it
//! failed. Without one nothing is noted and no clock is read.

use std::sync::OnceLock;
use std::time::Instant;

use parking_lot::Mutex;

use crate::plan::Access;
use crate::prepared::Prepared;
use crate::turn;

/// What a statement does for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From text to plan, where the plan was not known.
    Planning,
    /// It waits for its turn.
    Waiting,
    /// The plan runs, and rows are handed to whoever takes them.
    Executing,
    /// The commit, up to its acknowledgement.
    Committing,
}

/// A while in which a statement did one thing. One that lost certification has executed and committed
/// several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lap {
    /// What it did.
    pub stage: Stage,
    /// From when on.
    pub began: Instant,
    /// Until when.
    pub ended: Instant,
}

/// What was compiled from a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanUsed {
    /// How the statement touches the graph.
    pub access: Access,
    /// Tells plans apart; equal for plans that differ in literals only.
    pub plan_hash: u64,
    /// Whether the plan was known.
    pub is_plan_cached: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Timeline {
    laps: Mutex<Vec<Lap>>,
    plan: OnceLock<PlanUsed>,
}

impl Timeline {
    /// What was noted, in order.
    #[must_use]
    pub fn laps(&self) -> Vec<Lap> {
        self.laps.lock().clone()
    }

    /// What the text was compiled to; nothing if it was not.
    #[must_use]
    pub fn plan(&self) -> Option<PlanUsed> {
        self.plan.get().copied()
    }

    /// A text has been compiled, or found.
    pub(crate) fn planned(&self, prepared: &Prepared, is_plan_cached: bool, began: Instant) {
        if !is_plan_cached {
            self.note(Stage::Planning, began);
        }
        let _ = self.plan.set(PlanUsed {
            access: prepared.plan.access,
            plan_hash: turn::plan_hash(prepared),
            is_plan_cached,
        });
    }

    fn note(&self, stage: Stage, began: Instant) {
        let ended = Instant::now();
        self.laps.lock().push(Lap {
            stage,
            began,
            ended,
        });
    }
}

/// Notes how long something takes, where somebody wants to know.
pub(crate) fn measure<T>(timeline: Option<&Timeline>, stage: Stage, body: impl FnOnce() -> T) -> T {
    let Some(timeline) = timeline else {
        return body();
    };
    let began = Instant::now();
    let result = body();
    timeline.note(stage, began);
    result
}
