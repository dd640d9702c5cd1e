//! What `query` and `shell` need of a graph, wherever it is; in a data directory of this process it is a
//! [`Session`](crate::session::Session).
//!
//! In any case rows go to a [`Printer`] and what is worth saying about a run is a [`Ran`], so results look the
//! same from both.

use std::time::Duration;

use retrograph_engine::{Parameters, Summary};
use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;

use crate::failure::Failure;
use crate::moment::Moment;
use crate::output::Printer;
use crate::terminal;

/// A conversation with one graph at a time.
pub trait Conversation {
    /// The name of the graph in use.
    fn graph_name(&self) -> Option<&str>;

    /// The graphs there are.
    fn graphs(&self) -> Result<Vec<ListedGraph>, Failure>;

    /// Uses another graph from now on.
    fn use_graph(&mut self, name: &str) -> Result<(), Failure>;

    /// The state that queries read, unless they name one themselves.
    fn moment(&self) -> Moment;

    /// Reads another moment from now on. A moment that cannot be read is refused here.
    fn travel(&mut self, moment: Moment) -> Result<(), Failure>;

    /// The parameters of every query.
    fn parameters(&self) -> &Parameters;

    /// The same, to be changed.
    fn parameters_mut(&mut self) -> &mut Parameters;

    /// How long a query may run.
    fn set_timeout(&mut self, timeout: Option<Duration>);

    /// Runs one statement and prints its rows. Ctrl-C cancels it.
    fn run(
        &self,
        statement: &str,
        origin: Origin<'_>,
        printer: &mut Printer<'_>,
    ) -> Result<Ran, Failure>;

    /// The value of an expression. It must not hold elements, which belong to one moment.
    fn evaluate(&self, expression: &str) -> Result<Value, Failure>;

    /// Whether a transaction is open.
    fn is_in_transaction(&self) -> bool;

    /// Opens a transaction.
    fn begin(&mut self) -> Result<(), Failure>;

    /// Commits the open transaction; returns the version it made or saw.
    fn commit(&mut self) -> Result<u64, Failure>;

    /// Gives the open transaction up.
    fn rollback(&mut self) -> Result<(), Failure>;

    /// The names in the graph that can be completed. What cannot be read is not completed; the next
    /// statement will say why.
    fn names(&self) -> Names;

    /// Waits until the indexes are built that were created here, where that is this process's business.
    fn finish_builds(&self) -> Result<(), Failure>;
}

/// What a statement is taken from, for messages.
#[derive(Clone, Copy)]
pub struct Origin<'s> {
    /// The whole text.
    pub script: &'s str,
    /// Its name.
    pub name: &'s str,
}

impl Origin<'_> {
    /// Where the statement begins in the script it is a part of.
    pub fn start_of(&self, statement: &str) -> Option<usize> {
        let start = (statement.as_ptr() as usize).wrapping_sub(self.script.as_ptr() as usize);
        let is_part = start
            .checked_add(statement.len())
            .is_some_and(|end| end <= self.script.len());
        is_part.then_some(start)
    }
}

/// A graph of a list.
pub struct ListedGraph {
    pub name: String,
    pub created: Option<SystemTime>,
}

/// The names in a graph.
#[derive(Default)]
pub struct Names {
    pub labels: Vec<String>,
    pub types: Vec<String>,
    pub keys: Vec<String>,
    pub graphs: Vec<String>,
}

/// What is worth saying about a statement that has run, besides its rows.
#[derive(Debug, Default)]
pub struct Ran {
    /// Whether it returns something.
    pub has_columns: bool,
    /// The number of rows.
    pub rows: u64,
    /// What it changed: counts by name.
    pub changes: Vec<(String, u64)>,
    /// The version read or made; nothing while the transaction that wrote is open.
    pub version: Option<u64>,
    /// The plan as text, for EXPLAIN and PROFILE.
    pub plan: Option<String>,
    /// Remarks on the text.
    pub notifications: Vec<String>,
    /// How long it took.
    pub time: Duration,
}

impl From<Summary> for Ran {
    fn from(summary: Summary) -> Self {
        let changes = summary.counters.named().into_iter();
        Self {
            has_columns: !summary.columns.is_empty(),
            rows: summary.rows,
            changes: changes
                .map(|(name, count)| (name.replace('-', " "), count))
                .collect(),
            version: summary.version.map(|version| version.0),
            time: summary.compile_time + summary.run_time,
            plan: summary.plan,
            notifications: summary.notifications,
        }
    }
}

impl Ran {
    /// Rows, changes, version and time in one line.
    pub fn describe(&self, with_time: bool) -> String {
        let mut parts = Vec::new();
        if self.has_columns && self.plan.is_none() {
            parts.push(terminal::count(self.rows, "row"));
        }
        for (name, count) in &self.changes {
            parts.push(format!("{name} {}", terminal::number(*count)));
        }
        if !self.changes.is_empty() {
            match self.version {
                Some(version) => parts.push(format!("version {version}")),
                None => parts.push("not committed yet".to_owned()),
            }
        }
        if with_time {
            parts.push(terminal::duration(self.time));
        }
        parts.join(", ")
    }
}

/// A parameter is a value of its own, no element of a graph.
pub fn parameter(value: Option<Value>) -> Result<Value, Failure> {
    match value {
        Some(Value::Node(_) | Value::Relationship(_) | Value::Path(_)) => Err(Failure::new(
            "a parameter cannot be a node, a relationship or a path",
        )),
        Some(value) => Ok(value),
        None => Err(Failure::new("the expression has no value")),
    }
}
