//! When a statement runs, and what it may take.
//!
//! The engine runs what it is handed at once, on the caller's thread. Who serves many callers says by
//! [`Turns`] for whom it runs: once a statement is compiled and allowed, the engine asks for a [`Turn`] and begins
//! it, takes memory through it, pauses it while the commit waits for the disk, and ends it exactly once with
//! what was used. Whoever takes the rows ([`RowSink::begun`](crate::RowSink::begun)) pauses it while the client
//! does not want any.

use std::cell::Cell;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::QueryError;
use crate::exec::CancelToken;
use crate::exec::context::Limits;
use crate::plan::{Operator, Plan, explain};
use crate::prepared::Prepared;

/// Memory is taken in pieces of at least, and normally at most, so many bytes.
const PIECE_BYTES_MIN: usize = 64 << 10;
const PIECE_BYTES_MAX: usize = 1 << 20;

/// A statement that is about to run.
pub struct Arrival<'a> {
    /// The procedure or listing that it calls, if it does nothing but call it and choose among its rows.
    pub only_call: Option<&'a str>,
    /// Set when nobody wants it any more.
    pub cancel: [Option<&'a CancelToken>; 2],
    /// When it has to be done.
    pub deadline: Option<Instant>,
}

/// What a statement may take beside the limits that its caller names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// How long it may run from now on.
    pub time: Option<Duration>,
    /// How many rows its result may have.
    pub rows_max: Option<u64>,
}

/// Why there is no more memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// Whose budget is used up.
    pub whose: String,
    /// How much it is.
    pub bytes_max: usize,
    /// Whether others hold a part of it.
    pub is_shared: bool,
}

/// A statement that has run, or failed.
pub struct Finished<'a> {
    prepared: &'a Prepared,
    /// Rows that operators found or passed on.
    pub scanned: u64,
    /// Rows of the result.
    pub returned: u64,
    /// Changes: elements made or deleted, properties and labels set or removed.
    pub written: u64,
    /// The most memory that was taken for it, in whole pieces.
    pub memory_bytes: usize,
    /// Why it failed, if it did.
    pub error: Option<&'a QueryError>,
}

impl Finished<'_> {
    /// The text without its literals.
    #[must_use]
    pub fn redacted(&self) -> String {
        retrograph_cypher::redact(&self.prepared.text)
    }

    /// Tells plans apart; equal for plans that differ in literals only.
    #[must_use]
    pub fn plan_hash(&self) -> u64 {
        let shape = retrograph_cypher::redact(&explain::render(&self.prepared.plan, None));
        let mut hasher = DefaultHasher::new();
        shape.hash(&mut hasher);
        hasher.finish()
    }
}

/// Gives turns to the statements of one caller.
pub trait Turns: Debug + Send + Sync {
    /// A turn for a statement, to be begun.
    ///
    /// # Errors
    /// It is not known what the caller may take.
    fn arrive(&self) -> Result<Arc<dyn Turn>, QueryError>;
}

/// The turn of one statement.
pub trait Turn: Debug + Send + Sync {
    /// Waits until the statement may run.
    ///
    /// # Errors
    /// It may not, or not soon enough; then the turn is not ended.
    fn begin(&self, arrival: &Arrival<'_>) -> Result<Allowance, QueryError>;

    /// The statement has nothing to do for a while. Nothing happens if it paused already.
    fn pause(&self);

    /// Waits until it may go on. Nothing happens if it has not paused.
    ///
    /// # Errors
    /// It was cancelled, or its time was over.
    fn resume(&self) -> Result<(), QueryError>;

    /// All is done but handing out rows: from now on there is nothing to pause or resume.
    fn leave(&self);

    /// Takes memory.
    ///
    /// # Errors
    /// There is none left.
    fn take(&self, bytes: usize) -> Result<(), Shortage>;

    /// Gives memory back.
    fn give_back(&self, bytes: usize);

    /// The statement is over.
    fn end(&self, finished: &Finished<'_>);
}

/// What one execution has taken and used.
#[derive(Debug, Default)]
pub(crate) struct Account {
    turn: Option<Arc<dyn Turn>>,
    used: Used,
}

#[derive(Debug, Default)]
struct Used {
    /// How many bytes were taken from the turn.
    taken: Cell<usize>,
    /// The most that was taken at a time.
    most: Cell<usize>,
    /// How much is in use: by operators, and by rows that are held until a commit.
    by_operators: Cell<usize>,
    by_rows: Cell<usize>,
    scanned: Cell<u64>,
    returned: Cell<u64>,
    written: Cell<u64>,
}

impl Account {
    pub(crate) fn new(turn: Arc<dyn Turn>) -> Self {
        Self {
            turn: Some(turn),
            used: Used::default(),
        }
    }

    /// Operators use so much.
    #[inline]
    pub(crate) fn operators(&self, operator: &'static str, bytes: usize) -> Result<(), QueryError> {
        self.used.by_operators.set(bytes);
        self.cover(operator, bytes.saturating_add(self.used.by_rows.get()))
    }

    /// Rows that are held use so much.
    pub(crate) fn rows(&self, bytes: usize) -> Result<(), QueryError> {
        self.used.by_rows.set(bytes);
        self.cover("Result", bytes.saturating_add(self.used.by_operators.get()))
    }

    /// Sees to it that what is taken covers what operators are about to use for a moment.
    #[inline]
    pub(crate) fn cover(&self, operator: &'static str, bytes: usize) -> Result<(), QueryError> {
        if bytes <= self.used.taken.get() {
            return Ok(());
        }
        self.take(operator, bytes)
    }

    #[cold]
    fn take(&self, operator: &'static str, bytes: usize) -> Result<(), QueryError> {
        let taken = self.used.taken.get();
        let piece = (taken / 4).clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX);
        let missing = (bytes - taken).max(piece);
        if let Some(turn) = &self.turn {
            turn.take(missing).map_err(|short| QueryError::OverBudget {
                operator,
                whose: short.whose,
                bytes_max: short.bytes_max,
                is_shared: short.is_shared,
            })?;
        }
        self.used.taken.set(taken + missing);
        self.used
            .most
            .set(self.used.most.get().max(taken + missing));
        Ok(())
    }

    /// Operators use less than before; what is not needed is given back once it is much.
    pub(crate) fn released(&self, bytes: usize) {
        self.used.by_operators.set(bytes);
        let used = bytes.saturating_add(self.used.by_rows.get());
        let spare = self.used.taken.get().saturating_sub(used);
        if spare > 4 * PIECE_BYTES_MAX {
            let given = spare - PIECE_BYTES_MAX;
            if let Some(turn) = &self.turn {
                turn.give_back(given);
            }
            self.used.taken.set(self.used.taken.get() - given);
        }
    }

    /// Counts rows that operators found or passed on.
    pub(crate) fn scanned(&self, rows: u64) {
        self.used
            .scanned
            .set(self.used.scanned.get().saturating_add(rows));
    }

    /// Counts rows of the result and changes.
    pub(crate) fn produced(&self, rows: u64, changes: u64) {
        self.used
            .returned
            .set(self.used.returned.get().saturating_add(rows));
        self.used
            .written
            .set(self.used.written.get().saturating_add(changes));
    }

    /// The turn, for those who know when to pause.
    pub(crate) const fn turn(&self) -> Option<&Arc<dyn Turn>> {
        self.turn.as_ref()
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if let Some(turn) = &self.turn {
            turn.give_back(self.used.taken.get());
        }
    }
}

/// Waits for the turn of a statement; the limits are then those of the turn as well.
pub(crate) fn begin(
    turn: &Arc<dyn Turn>,
    limits: &mut Limits,
    plan: &Plan,
) -> Result<(), QueryError> {
    let arrival = Arrival {
        only_call: only_call(plan),
        cancel: [limits.cancel.as_ref(), limits.terminated.as_ref()],
        deadline: limits.deadline.map(|(at, _)| at),
    };
    let allowance = turn.begin(&arrival).map_err(|error| {
        // The limits know better why it did not wait any longer.
        limits.check().err().unwrap_or(error)
    })?;
    limits.rows_max = allowance.rows_max;
    let ends = allowance
        .time
        .and_then(|time| Some((Instant::now().checked_add(time)?, time)));
    limits.deadline = match (limits.deadline, ends) {
        (Some(one), Some(other)) => Some(if one.0 <= other.0 { one } else { other }),
        (one, other) => one.or(other),
    };
    Ok(())
}

/// Ends the turn of a statement.
pub(crate) fn end(limits: &Limits, prepared: &Prepared, error: Option<&QueryError>) {
    let account = &limits.account;
    if let Some(turn) = &account.turn {
        turn.end(&Finished {
            prepared,
            scanned: account.used.scanned.get(),
            returned: account.used.returned.get(),
            written: account.used.written.get(),
            memory_bytes: account.used.most.get(),
            error,
        });
    }
}

/// The procedure that a plan calls if it does nothing but call it and choose among its rows.
fn only_call(plan: &Plan) -> Option<&str> {
    let [unit, call, rest @ ..] = plan.pipeline.steps.as_slice() else {
        return None;
    };
    let is_choosing = |operator: &Operator| {
        matches!(
            operator,
            Operator::Filter(_)
                | Operator::Project(_)
                | Operator::Sort { .. }
                | Operator::Skip(_)
                | Operator::Limit(_)
                | Operator::Distinct(_)
        )
    };
    // Expressions hold no pipelines if all steps there are stand here.
    let is_flat = usize::from(plan.step_count) == plan.pipeline.steps.len();
    match (&unit.operator, &call.operator) {
        (Operator::Unit, Operator::CallProcedure { procedure, .. })
            if is_flat && rest.iter().all(|step| is_choosing(&step.operator)) =>
        {
            Some(&procedure.name)
        }
        _ => None,
    }
}
