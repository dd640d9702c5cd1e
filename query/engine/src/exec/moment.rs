//! From a time clause to the version it names, or to an error that points at its operand.

use std::sync::Arc;

use retrograph_cypher::{Detail, Diagnostic};
use retrograph_graph::GraphError;
use retrograph_graph::ids::{SystemTime, Version};
use retrograph_graph::value::Value;
use retrograph_graph::value::temporal::DateTime;

use super::context::Context;
use super::expression::eval_single;
use crate::error::{QueryError, RuntimeError};
use crate::functions::temporal::instant_utc;
use crate::plan::ViewClause;

/// The version that a time clause names; none if it names none.
pub(crate) fn resolve(
    clause: &ViewClause,
    context: &mut Context<'_>,
) -> Result<Option<Version>, QueryError> {
    if let Some(version) = &clause.version {
        let version = eval_single(version, context)?;
        return numbered(&version, clause, context).map(Some);
    }
    let Some(time) = &clause.system_time else {
        return Ok(None);
    };
    let time = instant(&eval_single(time, context)?)?;
    match context.views.get(0).graph().resolve(time) {
        Ok(version) => Ok(Some(version)),
        Err(GraphError::BeforeGraph { oldest, .. }) => Err(Diagnostic::error(
            Detail::TimeBeforeHistory,
            clause.span,
            "`AS OF` lies before the graph existed",
        )
        .label(format!("the oldest readable moment is {}", text_of(oldest)))
        .into()),
        Err(GraphError::FutureInstant { closed, .. }) => Err(Diagnostic::error(
            Detail::TimeInFuture,
            clause.span,
            "`AS OF` lies in the future",
        )
        .label(format!("the latest readable moment is {}", text_of(closed)))
        .into()),
        Err(error) => Err(error.into()),
    }
}

fn numbered(
    version: &Value,
    clause: &ViewClause,
    context: &Context<'_>,
) -> Result<Version, QueryError> {
    let Value::Int(number) = *version else {
        return Err(RuntimeError::type_error(format!(
            "AS OF VERSION takes an integer, not {}",
            version.type_name()
        ))
        .into());
    };
    let Ok(number) = u64::try_from(number) else {
        return Err(RuntimeError::argument(format!(
            "AS OF VERSION takes the number of a version, which cannot be {number}"
        ))
        .into());
    };
    let latest = context.views.get(0).graph().latest();
    if Version(number) > latest {
        return Err(Diagnostic::error(
            Detail::TimeInFuture,
            clause.span,
            format!("version {number} does not exist yet"),
        )
        .label(format!("the latest version is {latest}"))
        .into());
    }
    Ok(Version(number))
}

/// An instant as a literal of the language shows it.
fn text_of(time: SystemTime) -> String {
    instant_utc(time.0).to_string()
}

/// The system time that a value names: a date-time with a zone.
fn instant(value: &Value) -> Result<SystemTime, QueryError> {
    match value {
        Value::DateTime(time) => {
            let micros = time
                .epoch_second
                .checked_mul(1_000_000)
                .and_then(|micros| micros.checked_add(i64::from(time.nanosecond / 1000)));
            micros.map(SystemTime).ok_or_else(|| {
                RuntimeError::argument("AS OF takes an instant within 292,000 years of 1970").into()
            })
        }
        Value::String(text) => match DateTime::parse(text) {
            Ok(time) => instant(&Value::DateTime(Arc::new(time))),
            Err(_) => Err(RuntimeError::argument(format!(
                "AS OF takes a date-time such as '2026-01-10T12:00:00Z', which '{text}' is not"
            ))
            .into()),
        },
        other => Err(RuntimeError::type_error(format!(
            "AS OF takes a date-time with a zone, not {}",
            other.type_name()
        ))
        .into()),
    }
}
