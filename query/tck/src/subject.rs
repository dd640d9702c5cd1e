//! The database under test, as the runner sees it.
//!
//! An implementation is a thin adapter: it opens one fresh, empty database per scenario, turns the
//! engine's values into [`Value`]s, names its errors in the TCK's words, and lists the graph's
//! content so that side effects can be counted.

use crate::effects::GraphState;
use crate::signature::MockProcedure;
use crate::value::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Parameters of a query by name, without the dollar sign.
pub type Parameters = BTreeMap<String, Value>;

/// One fresh database, used by one scenario on one thread.
pub trait Subject {
    /// Runs one query in a transaction of its own and returns all its rows.
    ///
    /// # Errors
    /// The error the database raised, in the TCK's words; the graph is then unchanged.
    fn execute(
        &mut self,
        query: &str,
        parameters: &Parameters,
    ) -> Result<ResultTable, SubjectError>;

    /// Makes a procedure callable that answers from a table.
    ///
    /// # Errors
    /// A description, when the database cannot take it.
    fn register_procedure(&mut self, procedure: MockProcedure) -> Result<(), String>;

    /// The content of the whole graph as committed.
    ///
    /// # Errors
    /// A description, when the graph cannot be read.
    fn snapshot(&mut self) -> Result<GraphState, String>;
}

/// Opens fresh databases; called on the thread that will use the database.
pub type SubjectFactory = Arc<dyn Fn() -> Result<Box<dyn Subject>, String> + Send + Sync>;

/// Columns and rows of a query's result; no columns for a query that returns nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResultTable {
    /// Column names in order.
    pub columns: Vec<String>,
    /// Rows, each as wide as `columns`.
    pub rows: Vec<Vec<Value>>,
}

/// When an error is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before the first row is computed, without looking at data.
    CompileTime,
    /// While the query runs.
    Runtime,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::CompileTime => "compile time",
            Phase::Runtime => "runtime",
        })
    }
}

/// An error raised by a query, in the TCK's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectError {
    /// Type such as `SyntaxError`.
    pub kind: String,
    /// When it was raised.
    pub phase: Phase,
    /// Detail such as `UndefinedVariable`.
    pub detail: String,
    /// The database's own message.
    pub message: String,
}

impl fmt::Display for SubjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at {}: {} ({})",
            self.kind, self.phase, self.detail, self.message
        )
    }
}
