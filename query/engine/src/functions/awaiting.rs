//! Procedures that wait for indexes to be built.

use std::time::{Duration, Instant};

use retrograph_graph::value::Value;

use super::procedures::with_arguments;
use super::{CallContext, Procedure, wrong_type};
use crate::error::{QueryError, RuntimeError, RuntimeKind};
use crate::schema_items::LOOKUPS;
use crate::types::Type;

/// How long is waited unless the call says.
const PATIENCE_SECONDS: i64 = 300;

/// How often the query is asked whether it was cancelled.
const SLICE: Duration = Duration::from_millis(50);

pub(super) fn procedures() -> Vec<Procedure> {
    vec![
        with_arguments(
            "db.awaitIndexes",
            "Waits until all indexes are built, by default for at most 300 seconds.",
            &[("timeOutSeconds", Type::Integer)],
            0,
            &[],
            |context, arguments, _| wait(context, None, patience(arguments.first())?),
        ),
        with_arguments(
            "db.awaitIndex",
            "Waits until an index is built, by default for at most 300 seconds.",
            &[
                ("indexName", Type::String),
                ("timeOutSeconds", Type::Integer),
            ],
            1,
            &[],
            |context, arguments, _| match arguments.first() {
                Some(Value::String(name)) if LOOKUPS.contains(&&**name) => Ok(()),
                Some(Value::String(name)) => wait(context, Some(name), patience(arguments.get(1))?),
                other => Err(wrong_type(
                    "db.awaitIndex",
                    "the name of an index",
                    other.unwrap_or(&Value::Null),
                )),
            },
        ),
    ]
}

/// The time that an argument allows.
fn patience(argument: Option<&Value>) -> Result<Duration, QueryError> {
    match argument {
        None => Ok(Duration::from_secs(PATIENCE_SECONDS.unsigned_abs())),
        Some(Value::Int(seconds)) if *seconds >= 0 => {
            Ok(Duration::from_secs(seconds.unsigned_abs()))
        }
        Some(other) => Err(wrong_type(
            "db.awaitIndexes",
            "a number of seconds from 0 on as its time limit",
            other,
        )),
    }
}

fn wait(
    context: &CallContext<'_>,
    name: Option<&str>,
    patience: Duration,
) -> Result<(), QueryError> {
    let graph = context.read.graph();
    let started = Instant::now();
    loop {
        (context.check)(0)?;
        let left = patience.saturating_sub(started.elapsed());
        let answers = graph
            .await_index(name, left.min(SLICE))
            .map_err(|error| failed(error.to_string()))?;
        if answers {
            return Ok(());
        }
        if left.is_zero() {
            break;
        }
    }
    let builds = graph.index_builds();
    let waited_for = builds
        .iter()
        .filter(|index| index.failure.is_none())
        .filter(|index| name.is_none_or(|name| *index.name == *name))
        .map(|index| format!("{} is built to {:.0} %", index.name, index.done * 100.0));
    let waited_for: Vec<String> = waited_for.collect();
    Err(failed(format!(
        "waited {} s for indexes in vain: {}; their building goes on, SHOW INDEXES tells how far it \
         is: wait longer",
        patience.as_secs(),
        waited_for.join(", ")
    )))
}

fn failed(message: String) -> QueryError {
    RuntimeError::new(RuntimeKind::ProcedureError, "ProcedureCallFailed", message).into()
}
