//! What the tests of this module share: calling a function by name, over a small graph.

use std::sync::Arc;

use retrograph_graph::value::Value;
use retrograph_graph::{Graph, GraphRead};

use super::{CallContext, registry};
use crate::error::{QueryError, RuntimeKind};

/// The start of the statement: 2026-01-02T03:04:05.678901Z.
pub(crate) const STATEMENT_TIME_US: i64 = 1_767_323_045_678_901;
/// The start of the transaction, an hour earlier.
pub(crate) const TRANSACTION_TIME_US: i64 = STATEMENT_TIME_US - 3_600_000_000;
/// What the clock shows, a minute later.
pub(crate) const NOW_US: i64 = STATEMENT_TIME_US + 60_000_000;

/// An empty graph's latest view.
pub(crate) fn empty_view() -> GraphRead {
    let graph: Arc<Graph> = Graph::in_memory().expect("a graph in memory");
    graph.read_latest()
}

/// Runs `body` with a context that reads `read`.
pub(crate) fn with_context<T>(read: &GraphRead, body: impl FnOnce(&mut CallContext<'_>) -> T) -> T {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    body(&mut CallContext {
        read,
        views: std::slice::from_ref(read),
        statement_time_us: STATEMENT_TIME_US,
        transaction_time_us: TRANSACTION_TIME_US,
        now_us: &|| NOW_US,
        random: &mut random,
        number: 0,
        check: &|_| Ok(()),
        later: None,
        caller: &crate::surroundings::Caller::default(),
        made: Vec::new(),
    })
}

/// Calls a function as the executor does, null propagation included.
pub(crate) fn eval_in(
    read: &GraphRead,
    name: &str,
    arguments: &[Value],
) -> Result<Value, QueryError> {
    let function = registry::scalar(name).expect("a registered function");
    assert!(
        arguments.len() >= function.required,
        "{name}: too few arguments"
    );
    assert!(
        function.variadic || arguments.len() <= function.parameters.len(),
        "{name}: too many arguments"
    );
    if function.null_propagates && arguments.iter().any(|value| matches!(value, Value::Null)) {
        return Ok(Value::Null);
    }
    with_context(read, |context| (function.body)(context, arguments))
}

/// Calls a function over an empty graph.
pub(crate) fn eval(name: &str, arguments: &[Value]) -> Result<Value, QueryError> {
    eval_in(&empty_view(), name, arguments)
}

/// Whether two values are the same; all NaN are.
pub(crate) fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Float(left), Value::Float(right)) if left.is_nan() => right.is_nan(),
        _ => left.same(right),
    }
}

/// Checks a table of calls and results.
pub(crate) fn evaluates(cases: &[(&str, Vec<Value>, Value)]) {
    for (name, arguments, wanted) in cases {
        match eval(name, arguments) {
            Ok(got) => assert!(
                is_same(&got, wanted),
                "{name}({arguments:?}) = {got:?}, not {wanted:?}"
            ),
            Err(error) => panic!("{name}({arguments:?}) failed: {error}"),
        }
    }
}

/// The kind and detail of a runtime error.
pub(crate) fn kind_of(error: &QueryError) -> (&'static str, &'static str) {
    let QueryError::Runtime(error) = error else {
        panic!("no runtime error: {error}")
    };
    let kind = match error.kind {
        RuntimeKind::TypeError => "TypeError",
        RuntimeKind::ArgumentError => "ArgumentError",
        RuntimeKind::ArithmeticError => "ArithmeticError",
        RuntimeKind::EntityNotFound => "EntityNotFound",
        _ => "other",
    };
    (kind, error.detail)
}

/// The kind and detail of the error that a call raises.
pub(crate) fn error_of(name: &str, arguments: &[Value]) -> (&'static str, &'static str) {
    match eval(name, arguments) {
        Ok(value) => panic!("{name}({arguments:?}) = {value:?}, not an error"),
        Err(error) => kind_of(&error),
    }
}
