//! The typed registry of functions, aggregates and procedures.
//!
//! The binder looks a name up here and checks arguments against the signature; the executor calls
//! what it found. A scalar function gets evaluated arguments. Forms that do not evaluate all their
//! arguments (`coalesce`, CASE, quantifiers) are expressions of their own and not listed here.
//!
//! [`registry`] finds functions and aggregates by name, [`procedures`] holds procedures. The bodies
//! stand in one module per subject. [`operators`] has the pure operators on values, [`property`] the
//! access to components, [`aggregate`] the accumulators over [`exact_sum`].

pub mod aggregate;
mod algorithms;
mod apoc;
mod awaiting;
pub(crate) mod boxes;
mod conversion;
pub mod exact_sum;
mod fulltext;
pub mod graph;
pub mod internal;
mod listing;
pub mod lists;
mod math;
pub(crate) mod merging;
mod meta;
mod nearest;
pub mod operators;
pub mod procedures;
pub mod property;
pub mod registry;
pub mod spatial;
mod strings;
pub(crate) mod temporal;
#[cfg(test)]
mod testing;
pub mod types;
pub(crate) mod vector;

use std::sync::Arc;

pub use aggregate::Accumulator;
pub use procedures::Procedures;
pub use registry::{AggregateFunction, aggregate, aggregates, all, scalar};
pub use spatial::point_of;

use retrograph_graph::GraphRead;
use retrograph_graph::value::Value;

use crate::error::{QueryError, RuntimeError, RuntimeKind};
use crate::surroundings::Caller;
use crate::types::Type;

/// What a function may use besides its arguments.
pub struct CallContext<'a> {
    /// The view of the query, for functions of elements.
    pub read: &'a GraphRead,
    /// Reads a view by the number that an element value carries.
    pub views: &'a [GraphRead],
    /// The start of the statement and of the transaction: microseconds since the Unix epoch.
    pub statement_time_us: i64,
    /// See `statement_time_us`.
    pub transaction_time_us: i64,
    /// The clock, for `datetime.realtime()` and its kin.
    pub now_us: &'a dyn Fn() -> i64,
    /// The source of `rand()` and `randomUUID()`.
    pub random: &'a mut dyn FnMut() -> u64,
    /// The number of `read`, by which new element values refer to it.
    pub number: u8,
    /// Fails if the query was cancelled or has run too long, or may not hold so many bytes more. For
    /// whatever loops over data.
    pub check: &'a dyn Fn(usize) -> Result<(), QueryError>,
    /// The rows of a procedure behind those that it handed to the sink.
    pub later: Option<Rows>,
    /// Who runs the statement.
    pub caller: &'a Caller,
    /// Views of graphs that were made for the answer; see [`CallContext::show_elements_of`].
    pub made: Vec<GraphRead>,
}

/// Rows that a procedure yields one by one, as they are wanted.
pub struct Rows {
    /// The bytes that are held until the last of them is drawn.
    pub bytes: usize,
    /// Gives the next.
    pub next: Box<dyn FnMut() -> Option<Vec<Value>>>,
}

impl CallContext<'_> {
    /// The number by which element values can refer to a view of a graph that the body made for its
    /// answer; none if there are too many.
    pub fn show_elements_of(&mut self, read: GraphRead) -> Option<u8> {
        let number = u8::try_from(self.views.len() + self.made.len()).ok()?;
        self.made.push(read);
        Some(number)
    }

    /// The read view in which an element value of this view number is read.
    #[must_use]
    pub fn view(&self, number: u8) -> &GraphRead {
        if number == 0 {
            return self.read;
        }
        self.views.get(usize::from(number)).unwrap_or(self.read)
    }
}

/// The body of a scalar function.
pub type ScalarBody = fn(&mut CallContext<'_>, &[Value]) -> Result<Value, QueryError>;

/// A parameter of a function or procedure.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name, for messages and SHOW FUNCTIONS.
    pub name: &'static str,
    /// What it accepts; a value whose static type surely is none of these is a compile-time error.
    pub accepts: &'static [Type],
}

/// A scalar function.
#[derive(Debug)]
pub struct Function {
    /// The name as documented; looked up without regard to case.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub description: &'static str,
    /// The parameters.
    pub parameters: &'static [Parameter],
    /// How many of the parameters must be given.
    pub required: usize,
    /// Whether the last parameter may repeat.
    pub variadic: bool,
    /// The type of the result.
    pub returns: Type,
    /// Whether the result is null as soon as an argument is; the body is not called then.
    pub null_propagates: bool,
    /// Whether equal arguments give equal results within one execution: false for `rand()` and the
    /// clocks that run on. Not so across executions, `date()` being one that reads the statement's
    /// clock: a plan must not hold results.
    pub is_deterministic: bool,
    /// The body.
    pub body: ScalarBody,
}

impl Function {
    /// Whether every call draws anew, as `rand()` does.
    #[must_use]
    pub fn is_random(&self) -> bool {
        matches!(self.name, "rand" | "randomUUID")
    }
}

/// An aggregating function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Aggregator {
    CountRows,
    Count,
    Sum,
    Avg,
    Min,
    Max,
    Collect,
    StDev,
    StDevP,
    PercentileCont,
    PercentileDisc,
}

/// Runs a procedure: calls the sink once for each row of results.
pub type ProcedureBody = Arc<
    dyn Fn(
            &mut CallContext<'_>,
            &[Value],
            &mut dyn FnMut(Vec<Value>) -> Result<(), QueryError>,
        ) -> Result<(), QueryError>
        + Send
        + Sync,
>;

/// A procedure, built in or registered.
pub struct Procedure {
    /// The full name, such as `db.labels`.
    pub name: String,
    /// What it does, in one sentence.
    pub description: String,
    /// The parameters with their types.
    pub parameters: Vec<(String, Type)>,
    /// The columns with their types; none for a void procedure.
    pub results: Vec<(String, Type)>,
    /// How many of the parameters must be given; the body sees only the arguments that are.
    pub required: usize,
    /// The body.
    pub body: ProcedureBody,
}

impl std::fmt::Debug for Procedure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Procedure")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The error for an argument whose value has a type that the function does not take.
pub(crate) fn wrong_type(function: &str, wanted: &str, got: &Value) -> QueryError {
    RuntimeError::new(
        RuntimeKind::TypeError,
        "InvalidArgumentValue",
        format!(
            "{function}() takes {wanted}, but was given {}",
            got.type_name()
        ),
    )
    .into()
}

/// The error for a number outside the range that a function or operator allows.
pub(crate) fn out_of_range(message: impl Into<String>) -> QueryError {
    RuntimeError::new(RuntimeKind::ArgumentError, "NumberOutOfRange", message).into()
}

/// The error for an integer result that does not fit 64 bits.
pub(crate) fn overflow(what: impl std::fmt::Display) -> QueryError {
    RuntimeError::new(
        RuntimeKind::ArithmeticError,
        "IntegerOverflow",
        format!("the result of {what} does not fit a 64-bit integer"),
    )
    .into()
}

/// A string value.
pub(crate) fn text(value: impl AsRef<str>) -> Value {
    Value::String(Arc::from(value.as_ref()))
}

/// A list value.
pub(crate) fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::List(items.into_iter().collect())
}
