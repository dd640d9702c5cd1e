//! A naive evaluator of the language: straight from the syntax tree, clause by clause, row by row.
//!
//! A row is a map from names to values, a table a list of rows. Every clause takes the whole table of
//! the one before; there is no plan, no index and no shortcut, so that what it answers can be checked
//! against the text of the reference by reading it. It shares with the engine the parser, the value
//! type, the calendar, and those scalar functions that look at nothing but their arguments.
//!
//! **Errors.** An operation that fails gives *poison*, a value that spoils whatever needs it, and its
//! kind is noted. A whole query thus answers with rows and with the set of errors that an evaluation
//! in *some* order may meet. The engine may report any of these; or avoid them all, if no poison
//! reached the result. Only [`Eagerness::Partial`] knows more errors: those of predicates that are
//! tested before a pattern is matched as a whole.
//!
//! **Order.** Where the language leaves the order of rows open, the evaluator takes one that a seed
//! decides. A query that answers differently for different seeds has no one answer.

pub mod aggregate;
pub mod clause;
pub mod expression;
pub mod function;
pub mod graph;
pub mod path;
pub mod pattern;
pub mod projection;
pub mod regex;
pub mod types;
pub mod value;
pub mod write;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use retrograph_cypher::ast::{self, StatementBody};
use retrograph_engine::Parameters;
use retrograph_graph::GraphRead;
use retrograph_graph::value::{Value, temporal};

use graph::MemoryGraph;

/// A row of a table in the making.
pub type Row = BTreeMap<Arc<str>, Value>;

/// Why the evaluator gives up on a query; neither says that the engine is wrong.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Stop {
    /// The evaluator does not know this part of the language.
    #[error("the reference does not know {0}")]
    Unsupported(String),
    /// The query would take too long to evaluate naively.
    #[error("too much work for a naive evaluation")]
    TooMuch,
}

/// On what the predicates of a MATCH are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eagerness {
    /// On whole matches.
    Whole,
    /// Also on elements that are no match yet, for the errors they raise.
    Partial,
}

/// Shorthand.
pub type Evaluated<T> = Result<T, Stop>;

/// The states of a graph by version.
pub type Versions = BTreeMap<u64, Arc<MemoryGraph>>;

/// The states of a graph by the instant of their commit, in microseconds since 1970.
pub type Instants = BTreeMap<i64, Arc<MemoryGraph>>;

/// What a query is evaluated on.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The states that a time clause may name.
    pub versions: &'a Versions,
    /// The same states by instant.
    pub instants: &'a Instants,
    /// The state that the query sees and changes.
    pub graph: &'a MemoryGraph,
    /// The parameters.
    pub parameters: &'a Parameters,
    /// For calls of scalar functions, which take a view even where they do not use it.
    pub read: &'a GraphRead,
}

/// What a query answers.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The rows, in the order of the columns.
    pub rows: Vec<Vec<Value>>,
    /// For each row, a number that equal rows in the sense of the final ORDER BY share, ascending;
    /// none if there is no final ORDER BY.
    pub places: Option<Vec<usize>>,
    /// The kinds of all errors that an evaluation may meet.
    pub errors: BTreeSet<String>,
    /// Whether a row could not be sorted, told apart or written, so that an answer without an error
    /// says nothing.
    pub is_tainted: bool,
    /// The state after the query.
    pub graph: MemoryGraph,
    /// The states in which elements of the rows are read, by the number of their view.
    pub views: Vec<Arc<MemoryGraph>>,
}

/// A table and, if it is a result, the names and order of its columns.
struct Table {
    columns: Option<Vec<Arc<str>>>,
    rows: Vec<Row>,
    places: Option<Vec<usize>>,
}

/// The evaluation of one query.
pub struct Evaluator<'a> {
    versions: &'a Versions,
    instants: &'a Instants,
    parameters: &'a Parameters,
    read: &'a GraphRead,
    graph: Cow<'a, MemoryGraph>,
    /// The state before a CREATE, which its expressions read.
    before: Option<MemoryGraph>,
    /// The views beyond the first, by number less one.
    views: Vec<Arc<MemoryGraph>>,
    /// The view of the query part at hand.
    view: u8,
    errors: BTreeSet<String>,
    is_tainted: bool,
    /// Steps that may still be made.
    budget: u64,
    /// The state of the generator that decides open orders; 0 leaves them as they come.
    order: u64,
    eagerness: Eagerness,
    /// What subqueries see of the rows outside, kept through their WITH.
    imported: Row,
}

/// Steps of one evaluation.
const BUDGET: u64 = 15_000;

/// Evaluates a statement; `order` decides what the language leaves open.
///
/// # Errors
/// The evaluator gives up.
pub fn evaluate(
    statement: &ast::Statement,
    surroundings: Surroundings<'_>,
    order: u64,
    eagerness: Eagerness,
) -> Evaluated<Answer> {
    let StatementBody::Query(query) = &statement.body else {
        return Err(Stop::Unsupported("schema commands".to_owned()));
    };
    let mut evaluator = Evaluator {
        versions: surroundings.versions,
        instants: surroundings.instants,
        parameters: surroundings.parameters,
        read: surroundings.read,
        graph: Cow::Borrowed(surroundings.graph),
        before: None,
        views: Vec::new(),
        view: 0,
        errors: BTreeSet::new(),
        is_tainted: false,
        budget: BUDGET,
        order,
        eagerness,
        imported: Row::new(),
    };
    if let Some(time) = &query.time
        && let Some(state) = evaluator.state_of(time)?
    {
        evaluator.graph = Cow::Owned((*state).clone());
    }
    let table = evaluator.parts(query, vec![Row::new()])?;
    if evaluator.graph.has_dangling_relationship() {
        evaluator.fail("ConstraintVerificationFailed");
        // What is left hanging may have been met on the way.
        evaluator.fail("EntityNotFound");
    }
    let columns = table.columns.unwrap_or_default();
    let rows = table.rows.iter().map(|row| {
        let cells = columns.iter();
        cells
            .map(|name| row.get(name).cloned().unwrap_or_default())
            .collect()
    });
    Ok(Answer {
        rows: if columns.is_empty() {
            Vec::new()
        } else {
            rows.collect()
        },
        places: table.places,
        errors: evaluator.errors,
        is_tainted: evaluator.is_tainted,
        graph: evaluator.graph.into_owned(),
        views: evaluator.views,
    })
}

impl Evaluator<'_> {
    /// Counts a step.
    fn step(&mut self) -> Evaluated<()> {
        self.budget = self.budget.checked_sub(1).ok_or(Stop::TooMuch)?;
        Ok(())
    }

    /// Notes an error; its place is taken by poison.
    fn fail(&mut self, kind: &str) -> Value {
        self.errors.insert(kind.to_owned());
        value::poison()
    }

    /// The state that a view number stands for.
    fn state(&self, view: u8) -> &MemoryGraph {
        match usize::from(view).checked_sub(1) {
            None => &self.graph,
            Some(place) => &self.views[place],
        }
    }

    /// The state that the query part at hand reads.
    fn current(&self) -> &MemoryGraph {
        self.state(self.view)
    }

    /// Brings things into an order that the seed decides: one of all, or one that a plan is more likely to
    /// give, with the loops over parts of a pattern the other way round.
    fn arranged<T>(&mut self, mut things: Vec<T>) -> Vec<T> {
        if self.order == 0 {
            return things;
        }
        if self.draw(2) == 0 {
            for place in (1..things.len()).rev() {
                let other = self.draw(place + 1);
                things.swap(place, other);
            }
            return things;
        }
        let divisors: Vec<usize> = (1..=things.len())
            .filter(|rows| things.len().is_multiple_of(*rows))
            .collect();
        if !divisors.is_empty() {
            let inner = divisors[self.draw(divisors.len())];
            let mut placed: Vec<_> = things.into_iter().enumerate().collect();
            placed.sort_by_key(|(place, _)| place % inner);
            things = placed.into_iter().map(|(_, thing)| thing).collect();
        }
        if self.draw(2) == 0 {
            things.reverse();
        }
        things
    }

    /// A number below `below`, which is not 0, that the seed decides.
    fn draw(&mut self, below: usize) -> usize {
        // A linear congruential generator; its upper bits are good enough.
        self.order = self
            .order
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        #[allow(clippy::cast_possible_truncation)]
        let drawn = (self.order >> 33) as usize % below;
        drawn
    }

    /// The state that a time clause names; none if an error took its place.
    fn state_of(&mut self, time: &ast::TimeClause) -> Evaluated<Option<Arc<MemoryGraph>>> {
        let version = match &time.system {
            Some(ast::SystemTime::Version(version)) => version,
            Some(ast::SystemTime::AsOf(instant)) => return self.state_at(instant),
            _ => return Err(Stop::Unsupported("this time clause".to_owned())),
        };
        match self.eval(version, &Row::new())? {
            Value::Int(version) => {
                let known = u64::try_from(version).ok();
                match known.and_then(|version| self.versions.get(&version)) {
                    Some(state) => Ok(Some(Arc::clone(state))),
                    None => Err(Stop::Unsupported(format!("version {version}"))),
                }
            }
            _ => Err(Stop::Unsupported("a version that is no integer".to_owned())),
        }
    }

    /// The state left by the last commit at or before an instant.
    fn state_at(&mut self, instant: &ast::Expression) -> Evaluated<Option<Arc<MemoryGraph>>> {
        let instant = match self.eval(instant, &Row::new())? {
            Value::String(text) => temporal::DateTime::parse(&text).ok(),
            Value::DateTime(instant) => Some((*instant).clone()),
            _ => None,
        };
        let Some(instant) = instant else {
            return Err(Stop::Unsupported("an instant that is none".to_owned()));
        };
        let micros = instant.epoch_second * 1_000_000 + i64::from(instant.nanosecond / 1_000);
        match self.instants.range(..=micros).next_back() {
            Some((_, state)) => Ok(Some(Arc::clone(state))),
            None => Err(Stop::Unsupported("an instant before the graph".to_owned())),
        }
    }
}
