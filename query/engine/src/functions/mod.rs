//! The typed registry of functions, aggregates and procedures.
//!
//! The binder looks a name up here and checks arguments against the signature; the executor calls
//! what it found. A scalar function gets evaluated arguments. Forms that do not evaluate all their
//! arguments (`coalesce`, CASE, quantifiers) are expressions of their own and not listed here.

use std::sync::Arc;

use retrograph_graph::GraphRead;
use retrograph_graph::value::Value;

use crate::error::{QueryError, RuntimeError};
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
    /// Whether equal arguments give equal results in one view: false for `rand()` and the clocks.
    pub is_deterministic: bool,
    /// The body.
    pub body: ScalarBody,
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
    /// The body.
    pub body: ProcedureBody,
}

impl std::fmt::Debug for Procedure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Procedure").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The error for an argument of the wrong type.
pub(crate) fn wrong_type(function: &str, wanted: &str, got: &Value) -> QueryError {
    RuntimeError::type_error(format!(
        "{function}() takes {wanted}, but was given {}",
        got.type_name()
    ))
    .into()
}
