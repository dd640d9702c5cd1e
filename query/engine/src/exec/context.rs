//! What one execution of a plan carries along: views, limits, counters, the transaction.
//!
//! The context knows the step that is running. On entering a step ([`Context::enter`]) the view of
//! the query (number 0) is set to what the step's clause may see: in a transaction, the own writes of
//! earlier clauses, or of its own clause too for steps that update. Element values say by number in
//! which view they are read.
//!
//! A subquery that writes runs once for each row, and each run is a *turn*: it sees all that earlier
//! turns wrote, by later clauses too. The rows that leave the turns wait at a barrier, behind which a
//! turn of its own begins that sees them all ([`Context::catch_up`]).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::Mutex;
use retrograph_graph::ids::{ElementId, KeyId, LabelId, NodeId, RelationshipId, TypeId, Version};
use retrograph_graph::value::Value;
use retrograph_graph::{Committed, GraphRead, Sequence, Transaction};

use super::pipeline::State;
use crate::csv::CsvSource;
use crate::error::{QueryError, RuntimeError, RuntimeKind};
use crate::functions::CallContext;
use crate::options::RunOptions;
use crate::output::{Ends, Views};
use crate::plan::Step;
use crate::plan::expression::{KeyToken, LabelToken, TypeToken};
use crate::summary::{Counters, StepProfile};
use crate::surroundings::Caller;
use crate::turn::{Account, Loan};

/// Stops a running query from another thread.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<Signal>);

#[derive(Debug, Default)]
struct Signal {
    is_set: AtomicBool,
    /// Sleeps until it is set, or something else happens.
    sleeper: Mutex<Option<Thread>>,
}

/// While it is there, cancelling wakes the thread that asked for it.
pub struct Watch<'t>(&'t Signal);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        *self.0.sleeper.lock() = None;
    }
}

impl CancelToken {
    /// A token that has not been used.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the query to end; it fails with [`QueryError::Cancelled`] soon.
    pub fn cancel(&self) {
        self.0.is_set.store(true, Ordering::Relaxed);
        if let Some(sleeper) = &*self.0.sleeper.lock() {
            sleeper.unpark();
        }
    }

    /// Has this thread woken ([`Thread::unpark`]) when the query is asked to end. The last thread that asked is.
    #[must_use]
    pub fn watch(&self) -> Watch<'_> {
        *self.0.sleeper.lock() = Some(std::thread::current());
        Watch(&self.0)
    }

    /// Whether the query was asked to end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_set.load(Ordering::Relaxed)
    }
}

/// How long and how large an execution may become.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// Asked now and then.
    pub(crate) cancel: Option<CancelToken>,
    /// Set when the transaction has been asked to end.
    pub(crate) terminated: Option<CancelToken>,
    /// When it has to be done, and the limit that says so.
    pub(crate) deadline: Option<(Instant, Duration)>,
    /// How many bytes blocking operators may hold together.
    pub(crate) memory_bytes_max: usize,
    /// How many rows the result may have.
    pub(crate) rows_max: Option<u64>,
    /// What was taken and used.
    pub(crate) account: Account,
}

/// The writing side of an execution.
pub(crate) struct Writer<'a> {
    /// The transaction.
    pub(crate) transaction: &'a Transaction,
    /// The number of the statement within it.
    pub(crate) statement: u16,
    /// Its view with all own writes.
    latest: GraphRead,
    /// The sequence below which view 0 sees own writes now.
    seen: Sequence,
    /// The turn that is running.
    turn: u32,
    /// The last turn that began.
    turns: u32,
    /// What the transaction's changes are charged to.
    loan: &'a Loan,
    /// What they took when the execution began, and what they took when it was last looked.
    memory: [usize; 2],
}

impl Writer<'_> {
    /// The sequence of a clause in the running turn.
    fn sequence(&self, clause: u16) -> Sequence {
        Sequence::in_turn(self.statement, self.turn, clause)
    }

    /// Begins the next turn. Should a statement ever come to the last, it stays there.
    fn next_turn(&mut self) {
        self.turns = self.turns.saturating_add(1);
        self.turn = self.turns;
    }
}

/// The turns of one subquery, for the rows that reach it together.
pub(crate) struct Turns {
    /// The turn around it.
    outer: u32,
    /// The first of its own.
    first: Option<Sequence>,
}

/// The elements that the statement has deleted.
#[derive(Default)]
pub(crate) struct Deleted {
    /// Nodes; the relationships are in [`Views::deleted`], with their types and ends.
    pub(crate) nodes: hashbrown::HashSet<NodeId>,
}

/// Row counts and times of steps.
struct Profiler {
    steps: Vec<StepProfile>,
    current: usize,
    since: Instant,
}

/// The states of the pipelines of subquery expressions by the address of the pipeline, which the plan
/// keeps in its place.
pub(crate) type Subqueries = HashMap<usize, Vec<State>, foldhash::fast::RandomState>;

/// What one execution carries along.
pub(crate) struct Context<'a> {
    /// The views by number; 0 is the query's own.
    pub(crate) views: Views,
    /// The number of the view that the running pipeline reads.
    pub(crate) view: u8,
    /// The transaction, for plans that write or run within one.
    pub(crate) writer: Option<Writer<'a>>,
    /// Whether a clause works row by row, as MERGE and SET do: what it reads sees its own writes.
    pub(crate) sees_own_clause: bool,
    /// The values of the plan's parameters.
    pub(crate) parameters: &'a [Value],
    /// What changed so far.
    pub(crate) counters: Counters,
    /// What the statement deleted; none as long as it deleted nothing.
    pub(crate) deleted: Option<Box<Deleted>>,
    /// States that are not in use.
    pub(crate) subqueries: Subqueries,
    /// The number of slots of a row.
    pub(crate) width: usize,
    /// The files that LOAD CSV may read.
    pub(crate) csv: Option<Arc<dyn CsvSource>>,
    /// How subqueries in transactions of their own commit; `None` within a transaction.
    pub(crate) commits: Option<Commits<'a>>,
    limits: &'a Limits,
    memory_bytes: usize,
    /// What the execution's own changes take.
    changes_bytes: usize,
    ticks: u32,
    statement_time_us: i64,
    transaction_time_us: i64,
    clock: &'a dyn Fn() -> i64,
    /// Who runs the statement, if that is known.
    pub(crate) caller: Option<&'a Caller>,
    profiler: Option<Box<Profiler>>,
}

/// How the transactions of a subquery commit, and what they have committed.
#[derive(Clone, Copy)]
pub(crate) struct Commits<'a> {
    /// What commits are certified against and carry.
    pub(crate) options: &'a RunOptions,
    /// How often a transaction that lost certification is run again.
    pub(crate) retries_max: u32,
    /// The last commit.
    pub(crate) last: Option<Committed>,
    /// How many there were.
    pub(crate) count: u64,
}

/// The times an execution is told.
pub(crate) struct Times<'a> {
    /// The start of the statement, in microseconds since 1970.
    pub(crate) statement_us: i64,
    /// The start of the transaction.
    pub(crate) transaction_us: i64,
    /// The clock.
    pub(crate) clock: &'a dyn Fn() -> i64,
}

/// What [`Context::leave`] restores.
pub(crate) struct Saved {
    seen: Sequence,
    profiled: usize,
}

/// Who runs a statement whose caller is not known.
static NOBODY: LazyLock<Caller> = LazyLock::new(Caller::default);

/// How many units of work pass between two looks at the clock and the cancel token.
const TICKS: u32 = 4096;

impl Limits {
    /// Fails if the query was cancelled or has run too long.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        if self.cancel.as_ref().is_some_and(CancelToken::is_cancelled) {
            return Err(QueryError::Cancelled);
        }
        if self
            .terminated
            .as_ref()
            .is_some_and(CancelToken::is_cancelled)
        {
            return Err(QueryError::Terminated);
        }
        if let Some((deadline, limit)) = self.deadline
            && Instant::now() >= deadline
        {
            let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
            return Err(QueryError::TimedOut { limit_ms });
        }
        Ok(())
    }
}

impl<'a> Context<'a> {
    /// A context over a view; `width` is the number of slots of a row.
    pub(crate) fn new(
        read: GraphRead,
        parameters: &'a [Value],
        limits: &'a Limits,
        times: &Times<'a>,
        width: usize,
    ) -> Self {
        let mut views = Vec::with_capacity(2);
        views.push(read);
        Self {
            views: Views {
                reads: views,
                deleted: Arc::default(),
            },
            view: 0,
            writer: None,
            sees_own_clause: false,
            parameters,
            counters: Counters::default(),
            deleted: None,
            subqueries: Subqueries::default(),
            width,
            csv: None,
            commits: None,
            limits,
            memory_bytes: 0,
            changes_bytes: 0,
            ticks: 0,
            statement_time_us: times.statement_us,
            transaction_time_us: times.transaction_us,
            clock: times.clock,
            caller: None,
            profiler: None,
        }
    }

    /// Lets the execution write to a transaction, whose changes are charged to a loan.
    pub(crate) fn write_to(
        &mut self,
        transaction: &'a Transaction,
        statement: u16,
        loan: &'a Loan,
    ) {
        let latest = transaction.read();
        let seen = Sequence::new(statement, 0);
        self.views.reads[0] = latest.below(seen);
        self.writer = Some(Writer {
            transaction,
            statement,
            latest,
            seen,
            turn: 0,
            turns: 0,
            loan,
            memory: [transaction.memory_bytes(); 2],
        });
    }

    /// A context that writes to a transaction of its own, with the limits and views of this one.
    pub(crate) fn for_transaction<'b>(
        &mut self,
        transaction: &'b Transaction,
        loan: &'b Loan,
    ) -> Context<'b>
    where
        'a: 'b,
    {
        let mut inner = Context {
            views: self.views.clone(),
            view: 0,
            writer: None,
            sees_own_clause: false,
            parameters: self.parameters,
            counters: Counters::default(),
            deleted: None,
            subqueries: std::mem::take(&mut self.subqueries),
            width: self.width,
            csv: self.csv.clone(),
            commits: None,
            caller: self.caller,
            limits: self.limits,
            memory_bytes: self.memory_bytes,
            changes_bytes: 0,
            ticks: self.ticks,
            statement_time_us: self.statement_time_us,
            transaction_time_us: self.transaction_time_us,
            clock: self.clock,
            profiler: self.profiler.take(),
        };
        inner.write_to(transaction, 0, loan);
        inner
    }

    /// Takes back what [`Self::for_transaction`] lent. The counters are those of the transaction, which
    /// count only once it is committed.
    pub(crate) fn end_transaction(&mut self, inner: Context<'_>) -> Counters {
        self.subqueries = inner.subqueries;
        self.ticks = inner.ticks;
        self.profiler = inner.profiler;
        // Views of the past that the transaction opened are named by the values it returned.
        let mut views = inner.views;
        views.reads[0] = self.views.reads[0].clone();
        self.views = views;
        inner.counters
    }

    /// Fails if the query was cancelled or has run too long.
    pub(crate) fn check_limits(&self) -> Result<(), QueryError> {
        self.limits.check()
    }

    /// Counts rows and time by step; `steps` is how many there are.
    pub(crate) fn profile(&mut self, steps: usize) {
        self.profiler = Some(Box::new(Profiler {
            steps: vec![StepProfile::default(); steps + 1],
            current: steps,
            since: Instant::now(),
        }));
    }

    /// What was counted.
    pub(crate) fn take_profile(&mut self) -> Option<Vec<StepProfile>> {
        self.profiler.take().map(|mut profiler| {
            profiler.steps.pop();
            profiler.steps
        })
    }

    /// The view that the running pipeline reads.
    #[inline]
    pub(crate) fn read(&self) -> &GraphRead {
        &self.views.reads[usize::from(self.view)]
    }

    /// The view with this number.
    #[inline]
    pub(crate) fn read_in(&self, view: u8) -> &GraphRead {
        &self.views.reads[usize::from(view)]
    }

    /// Sets the views to what a step may see. `updates` for steps that see their own clause.
    #[inline]
    pub(crate) fn enter(&mut self, step: &Step, updates: bool) -> Saved {
        let mut saved = Saved {
            seen: Sequence::default(),
            profiled: 0,
        };
        if let Some(writer) = &self.writer {
            let Sequence(own) = writer.sequence(step.clause);
            let below = own + u64::from(self.sees_own_clause || updates);
            saved.seen = self.see(Sequence(below));
        }
        if let Some(profiler) = &mut self.profiler {
            saved.profiled = profiler.switch(usize::from(step.id));
        }
        saved
    }

    /// Undoes [`Self::enter`].
    #[inline]
    pub(crate) fn leave(&mut self, saved: &Saved) {
        self.see(saved.seen);
        if let Some(profiler) = &mut self.profiler {
            profiler.switch(saved.profiled);
        }
    }

    /// Counts rows that leave the running step.
    #[inline]
    pub(crate) fn count_rows(&mut self, rows: usize) {
        if let Some(profiler) = &mut self.profiler {
            let current = profiler.current;
            if let Some(step) = profiler.steps.get_mut(current) {
                step.rows += rows as u64;
            }
        }
    }

    /// Sees own writes of all clauses, as elements that leave the query are shown; returns what was seen.
    pub(crate) fn see_all(&mut self) -> Sequence {
        self.see(Sequence(u64::MAX))
    }

    /// Sees own writes below a sequence; returns what was seen.
    pub(crate) fn see(&mut self, sequence: Sequence) -> Sequence {
        let Some(writer) = &mut self.writer else {
            return sequence;
        };
        let before = writer.seen;
        if before != sequence {
            self.views.reads[0] = writer.latest.below(sequence);
            writer.seen = sequence;
        }
        before
    }

    /// Begins to run a subquery that writes, once for each row.
    pub(crate) fn begin_turns(&self) -> Turns {
        Turns {
            outer: self.turn(),
            first: None,
        }
    }

    /// Begins the next run of a subquery. The runs before are over: what they saw on the way nobody
    /// asks for any more.
    pub(crate) fn next_turn(&mut self, turns: &mut Turns) {
        let Some(writer) = &mut self.writer else {
            return;
        };
        writer.next_turn();
        let begin = writer.sequence(0);
        match turns.first {
            None => turns.first = Some(begin),
            Some(first) => writer.transaction.settle(first, begin),
        }
    }

    /// Returns to the turn around a subquery.
    pub(crate) fn end_turns(&mut self, turns: &Turns) {
        self.set_turn(turns.outer);
    }

    /// The running turn.
    pub(crate) fn turn(&self) -> u32 {
        self.writer.as_ref().map_or(0, |writer| writer.turn)
    }

    /// Returns to a turn.
    pub(crate) fn set_turn(&mut self, turn: u32) {
        if let Some(writer) = &mut self.writer {
            writer.turn = turn;
        }
    }

    /// Begins a turn that sees the writes of all before it, unless this one does.
    pub(crate) fn catch_up(&mut self) {
        if let Some(writer) = &mut self.writer
            && writer.turns > writer.turn
        {
            writer.next_turn();
        }
    }

    /// The number of the view at a version, which the query may already have.
    pub(crate) fn view_at(&mut self, version: Version) -> Result<u8, QueryError> {
        for (number, view) in self.views.reads.iter().enumerate().skip(1) {
            let is_of_query = Arc::ptr_eq(view.graph(), self.views.reads[0].graph());
            if is_of_query && view.version() == version {
                return Ok(number as u8);
            }
        }
        let number = u8::try_from(self.views.reads.len()).map_err(|_| {
            RuntimeError::argument("a query can read at most 255 versions besides its own")
        })?;
        let view = self.views.reads[0].graph().read_at(version)?;
        self.views.reads.push(view);
        Ok(number)
    }

    /// Counts work done; looks at the clock and the cancel token once in a while.
    #[inline]
    pub(crate) fn tick(&mut self, work: usize) -> Result<(), QueryError> {
        self.ticks = self
            .ticks
            .saturating_add(u32::try_from(work).unwrap_or(u32::MAX));
        if self.ticks < TICKS {
            Ok(())
        } else {
            self.check()
        }
    }

    #[cold]
    fn check(&mut self) -> Result<(), QueryError> {
        self.note_work();
        self.limits.check()
    }

    /// Notes the work since the last time.
    pub(crate) fn note_work(&mut self) {
        let ticks = std::mem::take(&mut self.ticks);
        self.limits.account.scanned(u64::from(ticks));
    }

    /// Takes memory for an operator.
    pub(crate) fn charge(
        &mut self,
        operator: &'static str,
        bytes: usize,
    ) -> Result<(), QueryError> {
        self.memory_bytes = self.memory_bytes.saturating_add(bytes);
        self.check_memory(operator, self.memory_bytes)?;
        self.limits.account.operators(operator, self.memory_bytes)
    }

    /// Fails if operators that hold so much are, with the execution's changes, above its limit.
    fn check_memory(&self, operator: &'static str, bytes: usize) -> Result<(), QueryError> {
        let limit_bytes = self.limits.memory_bytes_max;
        if bytes.saturating_add(self.changes_bytes) > limit_bytes {
            return Err(QueryError::OutOfMemory {
                operator,
                limit_bytes,
            });
        }
        Ok(())
    }

    /// Takes memory for what an operator has changed by now.
    pub(crate) fn charge_changes(&mut self, operator: &'static str) -> Result<(), QueryError> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let bytes = writer.transaction.memory_bytes();
        let [before, last] = &mut writer.memory;
        if bytes <= *last {
            return Ok(());
        }
        *last = bytes;
        self.changes_bytes = bytes.saturating_sub(*before);
        let beside = self.limits.account.taken();
        writer.loan.cover_beside(operator, bytes, beside)?;
        self.limits.account.changes(self.changes_bytes);
        self.check_memory(operator, self.memory_bytes)
    }

    /// Fails if an operator's own memory alone is above the limit; for memory that grows and shrinks
    /// within one call.
    pub(crate) fn charge_at_least(
        &self,
        operator: &'static str,
        bytes: usize,
    ) -> Result<(), QueryError> {
        let bytes = self.memory_bytes.saturating_add(bytes);
        self.check_memory(operator, bytes)?;
        self.limits.account.cover(operator, bytes)
    }

    /// How many more bytes the query may take.
    pub(crate) fn memory_left(&self) -> usize {
        self.limits
            .memory_bytes_max
            .saturating_sub(self.memory_bytes)
            .saturating_sub(self.changes_bytes)
    }

    /// Gives memory back.
    pub(crate) fn release(&mut self, bytes: usize) {
        self.memory_bytes = self.memory_bytes.saturating_sub(bytes);
        self.limits.account.released(self.memory_bytes);
    }

    /// Waits for something that needs no slot: a commit, or others' commits.
    pub(crate) fn wait<T>(&self, wait: impl FnOnce() -> T) -> (T, Result<(), QueryError>) {
        let Some(turn) = self.limits.account.turn() else {
            return (wait(), Ok(()));
        };
        turn.pause_for_commit();
        let waited = wait();
        (waited, turn.resume())
    }

    /// Runs `body` with what functions may use.
    pub(crate) fn call<T>(&self, body: impl FnOnce(&mut CallContext<'_>) -> T) -> T {
        let mut random = rand::random::<u64>;
        body(&mut CallContext {
            read: self.read(),
            views: &self.views.reads,
            statement_time_us: self.statement_time_us,
            transaction_time_us: self.transaction_time_us,
            now_us: self.clock,
            random: &mut random,
            number: self.view,
            check: &|bytes| {
                self.limits.check()?;
                self.charge_at_least("A function or procedure", bytes)
            },
            later: None,
            caller: self.caller.unwrap_or(&NOBODY),
            made: Vec::new(),
        })
    }

    /// The transaction and the sequence of writes of a step.
    pub(crate) fn writer(&self, clause: u16) -> Result<(&'a Transaction, Sequence), QueryError> {
        match &self.writer {
            Some(writer) => Ok((writer.transaction, writer.sequence(clause))),
            None => Err(read_only()),
        }
    }

    /// What the statement deleted, to be added to.
    pub(crate) fn deleted_mut(&mut self) -> &mut Deleted {
        self.deleted.get_or_insert_default()
    }

    /// Notes that a relationship with this type and these ends is deleted.
    pub(crate) fn note_deleted(&mut self, id: RelationshipId, ends: Ends) {
        self.deleted_mut();
        Arc::make_mut(&mut self.views.deleted).insert(id, ends);
    }

    /// Whether the statement deleted an element of this view, as far as the running step can see it: a
    /// DELETE is at work on its first rows while the clauses before it still find others.
    fn is_deleted(&self, element: ElementId, view: u8) -> Result<bool, QueryError> {
        let Some(deleted) = self.deleted.as_ref().filter(|_| view == 0) else {
            return Ok(false);
        };
        Ok(match element {
            ElementId::Node(id) => {
                deleted.nodes.contains(&id) && !self.views.reads[0].node_exists(id)?
            }
            ElementId::Relationship(id) => {
                self.views.deleted.contains_key(&id) && self.views.reads[0].ends(id)?.is_none()
            }
        })
    }

    /// Fails for an element that the statement deleted.
    pub(crate) fn check_access(&self, element: ElementId, view: u8) -> Result<(), QueryError> {
        if self.is_deleted(element, view)? {
            Err(deleted_access(element))
        } else {
            Ok(())
        }
    }

    /// The key of a name, if anything ever had it.
    pub(crate) fn key(&self, token: &KeyToken) -> Option<KeyId> {
        token.id.or_else(|| self.read().catalog().key(&token.name))
    }

    /// The same in a view, which may be one of a graph that was made for the answer: names have other numbers there.
    pub(crate) fn key_in(&self, view: u8, token: &KeyToken) -> Option<KeyId> {
        match self.is_of_another_graph(view) {
            true => self.read_in(view).catalog().key(&token.name),
            false => self.key(token),
        }
    }

    /// The label of a name in a view.
    pub(crate) fn label_in(&self, view: u8, token: &LabelToken) -> Option<LabelId> {
        match self.is_of_another_graph(view) {
            true => self.read_in(view).catalog().label(&token.name),
            false => self.label(token),
        }
    }

    /// Whether the elements of a view are not those of the graph that is asked.
    pub(crate) fn is_of_another_graph(&self, view: u8) -> bool {
        view != 0 && !Arc::ptr_eq(self.read_in(view).graph(), self.read().graph())
    }

    /// The label of a name, if anything ever had it.
    pub(crate) fn label(&self, token: &LabelToken) -> Option<LabelId> {
        token
            .id
            .or_else(|| self.read().catalog().label(&token.name))
    }

    /// The types of these names: `None` if there are names and none of them is known.
    pub(crate) fn types(&self, tokens: &[TypeToken]) -> Option<Vec<TypeId>> {
        let known: Vec<TypeId> = tokens
            .iter()
            .filter_map(|token| {
                token
                    .id
                    .or_else(|| self.read().catalog().relationship_type(&token.name))
            })
            .collect();
        (tokens.is_empty() || !known.is_empty()).then_some(known)
    }
}

impl Profiler {
    fn switch(&mut self, to: usize) -> usize {
        let now = Instant::now();
        if let Some(step) = self.steps.get_mut(self.current) {
            step.time += now - self.since;
        }
        self.since = now;
        std::mem::replace(&mut self.current, to)
    }
}

/// The error for access to an element that the statement deleted.
pub(crate) fn deleted_access(element: ElementId) -> QueryError {
    let what = match element {
        ElementId::Node(id) => format!("node {id}"),
        ElementId::Relationship(id) => format!("relationship {id}"),
    };
    RuntimeError::new(
        RuntimeKind::EntityNotFound,
        "DeletedEntityAccess",
        format!("{what} was deleted by this query, so it has no properties or labels any more"),
    )
    .into()
}

/// The error for a write where none is possible.
pub(crate) fn read_only() -> QueryError {
    RuntimeError::new(
        RuntimeKind::SemanticError,
        "ReadOnly",
        "this query may only read: it runs at a past version or in a read-only transaction",
    )
    .into()
}
