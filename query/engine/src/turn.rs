//! When a statement runs, and what it may take.
//!
//! The engine runs what it is handed at once, on the caller's thread. Who serves many callers says by
//! [`Turns`] for whom it runs: once a statement is compiled and allowed, the engine asks for a [`Turn`] and begins
//! it, takes memory through it, pauses it while the commit waits for the disk, and ends it exactly once with
//! what was used. What outlives a statement, such as the changes of an open transaction, is a [`Loan`]. Whoever takes the rows ([`RowSink::begun`](crate::RowSink::begun)) pauses it while the client
//! does not want any.

use std::cell::Cell;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::error::QueryError;
use crate::exec::CancelToken;
use crate::exec::context::Limits;
use crate::plan::{Operator, Plan, explain};
use crate::prepared::Prepared;

/// Memory is taken in pieces of at least, and normally at most, so many bytes.
const PIECE_BYTES_MIN: usize = 64 << 10;
const PIECE_BYTES_MAX: usize = 1 << 20;

/// Loans that are no larger are not worth counting: there is at most one for each worker.
const LOAN_BYTES_FREE: usize = 16 << 10;

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
        plan_hash(self.prepared)
    }
}

/// Tells plans apart; equal for plans that differ in literals only.
pub(crate) fn plan_hash(prepared: &Prepared) -> u64 {
    let shape = retrograph_cypher::redact(&explain::render(&prepared.plan, None));
    let mut hasher = DefaultHasher::new();
    shape.hash(&mut hasher);
    hasher.finish()
}

/// Gives turns to the statements of one caller.
pub trait Turns: Debug + Send + Sync {
    /// A turn for a statement, to be begun.
    ///
    /// # Errors
    /// It is not known what the caller may take.
    fn arrive(&self) -> Result<Arc<dyn Turn>, QueryError>;

    /// The caller's budget, for what outlives a statement.
    ///
    /// # Errors
    /// It is not known what the caller may take.
    fn budget(&self) -> Result<Arc<dyn Budget>, QueryError>;
}

/// A budget of memory.
pub trait Budget: Debug + Send + Sync {
    /// Takes memory.
    ///
    /// # Errors
    /// There is none left.
    fn take(&self, bytes: usize) -> Result<(), Shortage>;

    /// Gives memory back.
    fn give_back(&self, bytes: usize);
}

/// The turn of one statement, with the budget that it takes memory from.
pub trait Turn: Budget {
    /// Waits until the statement may run.
    ///
    /// # Errors
    /// It may not, or not soon enough; then the turn is not ended.
    fn begin(&self, arrival: &Arrival<'_>) -> Result<Allowance, QueryError>;

    /// The statement has nothing to do while its client does not want any rows. Nothing happens if it paused
    /// already.
    fn pause(&self);

    /// The same while it waits for its own commit, which is time that it takes.
    fn pause_for_commit(&self);

    /// Waits until it may go on. Nothing happens if it has not paused.
    ///
    /// # Errors
    /// It was cancelled, or its time was over.
    fn resume(&self) -> Result<(), QueryError>;

    /// All is done but handing out rows: from now on there is nothing to pause or resume.
    fn leave(&self);

    /// The statement is over.
    fn end(&self, finished: &Finished<'_>);
}

/// Memory that outlives statements: the changes of a transaction, rows that a client has not taken. Given back
/// when this is dropped.
#[derive(Debug, Default)]
pub struct Loan {
    turns: Option<Arc<dyn Turns>>,
    /// Asked for when it is needed first; what is small never needs it.
    budget: OnceLock<Arc<dyn Budget>>,
    taken: AtomicUsize,
}

impl Loan {
    /// Nothing yet, of the budget of a caller; without one memory is not counted.
    #[must_use]
    pub fn new(turns: Option<Arc<dyn Turns>>) -> Self {
        Self {
            turns,
            budget: OnceLock::new(),
            taken: AtomicUsize::new(0),
        }
    }

    /// Nothing yet, of a budget.
    #[must_use]
    pub fn of(budget: Arc<dyn Budget>) -> Self {
        Self {
            turns: None,
            budget: budget.into(),
            taken: AtomicUsize::new(0),
        }
    }

    /// Sees to it that so many bytes are taken, all in all.
    ///
    /// # Errors
    /// There is no memory left; the error names what needs it.
    pub fn cover(&self, operator: &'static str, bytes: usize) -> Result<(), QueryError> {
        self.cover_beside(operator, bytes, 0)
    }

    /// The same for one who has taken so much of the budget elsewhere.
    pub(crate) fn cover_beside(
        &self,
        operator: &'static str,
        bytes: usize,
        beside: usize,
    ) -> Result<(), QueryError> {
        let taken = self.taken.load(Ordering::Relaxed);
        if bytes <= taken.max(LOAN_BYTES_FREE) {
            return Ok(());
        }
        let budget = match (self.budget.get(), &self.turns) {
            (Some(budget), _) => budget,
            (None, Some(turns)) => {
                let budget = turns.budget()?;
                self.budget.get_or_init(|| budget)
            }
            (None, None) => return Ok(()),
        };
        let more = take_more(&**budget, operator, bytes, [taken, beside])?;
        self.taken.fetch_add(more, Ordering::Relaxed);
        Ok(())
    }

    /// Gives back what so many bytes do not need.
    pub fn settle(&self, bytes: usize) {
        let taken = self.taken.load(Ordering::Relaxed);
        if let Some(budget) = self.budget.get()
            && taken > bytes
        {
            budget.give_back(taken - bytes);
            self.taken.store(bytes, Ordering::Relaxed);
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.settle(0);
    }
}

/// How much is taken at once by one that has so much.
fn piece(taken: usize) -> usize {
    (taken / 4).clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX)
}

/// Takes memory for an operator that needs so many bytes, all in all, and has taken fewer; a piece if there is
/// one, else what it needs. Gives how much was taken. Where it would not get what it needs if it were alone with
/// what it has elsewhere, there is no sense in trying again.
fn take_more<B: Budget + ?Sized>(
    budget: &B,
    operator: &'static str,
    bytes: usize,
    [taken, elsewhere]: [usize; 2],
) -> Result<usize, QueryError> {
    let missing = bytes - taken;
    let piece = missing.max(piece(taken));
    if budget.take(piece).is_ok() {
        return Ok(piece);
    }
    match budget.take(missing) {
        Ok(()) => Ok(missing),
        Err(short) => Err(QueryError::OverBudget {
            operator,
            is_shared: short.is_shared && bytes.saturating_add(elsewhere) <= short.bytes_max,
            whose: short.whose,
            bytes_max: short.bytes_max,
        }),
    }
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
    /// How much changes use, which is taken elsewhere.
    by_changes: Cell<usize>,
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
        let more = match &self.turn {
            Some(turn) => take_more(
                &**turn,
                operator,
                bytes,
                [taken, self.used.by_changes.get()],
            )?,
            None => bytes - taken,
        };
        self.used.taken.set(taken + more);
        self.used.most.set(self.used.most.get().max(taken + more));
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

    /// Changes take so much, which is taken elsewhere.
    pub(crate) fn changes(&self, bytes: usize) {
        self.used.by_changes.set(bytes);
        let most = self.used.taken.get().saturating_add(bytes);
        self.used.most.set(self.used.most.get().max(most));
    }

    /// How much is taken of the turn's budget.
    pub(crate) fn taken(&self) -> usize {
        self.used.taken.get()
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
