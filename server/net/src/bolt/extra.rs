//! What a client says about a transaction in its metadata:
//!
//! | key | value |
//! | --- | --- |
//! | `as_of` | an instant as text or datetime, or a version as integer |
//! | `isolation` | `serializable` (as ever) or `snapshot` |
//! | `source`, `activity`, `purpose` | text that is recorded with the commit |
//! | `traceparent`, `tracestate` | the client's span of which it is part, as W3C Trace Context writes it |
//!
//! `valid_at` and `receipt` are refused, as nothing answers to them yet. Other keys are the client's own.

use std::sync::Arc;

use opentelemetry::trace::SpanContext;
use retrograph_bolt::Failure;
use retrograph_bolt::failure::code;
use retrograph_bolt::message::request::{Extra, Mode};
use retrograph_bolt::value::Map;
use retrograph_engine::AsOf;
use retrograph_graph::Isolation;
use retrograph_graph::ids::Version;
use retrograph_graph::value::Value;

use super::parameters;
use crate::target::{Terms, instant_of, read_instant};
use crate::traces;

/// The terms of a transaction.
pub fn terms(extra: &Extra) -> Result<Terms, Failure> {
    let metadata = &extra.metadata;
    for refused in ["valid_at", "receipt"] {
        if metadata.contains_key(refused) {
            return Err(bad(refused, "is not supported yet"));
        }
    }
    let as_of = metadata.get("as_of");
    let isolation = match text(metadata, "isolation")?.as_deref() {
        None => Isolation::default(),
        Some("serializable") => Isolation::Serializable,
        Some("snapshot") => Isolation::Snapshot,
        Some(other) => {
            let problem = format!("`{other}` is neither `serializable` nor `snapshot`");
            return Err(bad("isolation", &problem));
        }
    };
    let attached = metadata.iter().map(|(key, value)| {
        let value = parameters::read(value.clone()).map_err(|problem| bad(key, &problem))?;
        Ok((key.as_str().into(), value))
    });
    let attached = attached.collect::<Result<_, Failure>>()?;
    Ok(Terms {
        as_of: as_of.cloned().map(read_moment).transpose()?,
        is_read_only: extra.mode == Mode::Read,
        timeout: extra.timeout,
        isolation,
        bookmarks: extra.bookmarks.clone(),
        source: text(metadata, "source")?,
        activity: text(metadata, "activity")?,
        purpose: text(metadata, "purpose")?,
        impersonated: extra.impersonated.clone(),
        metadata: (!metadata.is_empty()).then(|| Arc::new(attached)),
    })
}

/// The client's span of which the transaction is part, if it names one.
pub fn parent(extra: &Extra) -> Option<SpanContext> {
    let text = |key| match extra.metadata.get(key) {
        Some(retrograph_bolt::Value::String(text)) => Some(text.as_str()),
        _ => None,
    };
    traces::parent(text("traceparent")?, text("tracestate"))
}

fn bad(key: &str, problem: &str) -> Failure {
    Failure::new(
        code::ARGUMENT_ERROR,
        format!("transaction metadata `{key}`: {problem}"),
    )
}

fn text(metadata: &Map, key: &str) -> Result<Option<Arc<str>>, Failure> {
    match metadata.get(key) {
        None | Some(retrograph_bolt::Value::Null) => Ok(None),
        Some(retrograph_bolt::Value::String(text)) => Ok(Some(text.as_str().into())),
        Some(_) => Err(bad(key, "expected text")),
    }
}

fn read_moment(sent: retrograph_bolt::Value) -> Result<AsOf, Failure> {
    let wrong = |problem: String| bad("as_of", &problem);
    match parameters::read(sent).map_err(wrong)? {
        Value::Int(version) => match u64::try_from(version) {
            Ok(version) => Ok(AsOf::Version(Version(version))),
            Err(_) => Err(bad("as_of", "a version is not negative")),
        },
        Value::String(text) => read_instant(&text).map(AsOf::Time).map_err(wrong),
        Value::DateTime(time) => instant_of(&time).map(AsOf::Time).map_err(wrong),
        _ => Err(bad(
            "as_of",
            "expected an instant as text or datetime, or a version as integer",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retrograph_bolt::Value as Sent;
    use retrograph_bolt::value::{Structure, map};
    use retrograph_graph::ids::SystemTime;

    fn of(metadata: Map) -> Result<Terms, Failure> {
        let extra = Extra {
            metadata,
            ..Extra::default()
        };
        terms(&extra)
    }

    #[test]
    fn moments_are_instants_or_versions() {
        let noon = AsOf::Time(SystemTime(1_768_046_400_000_000));
        for (sent, moment) in [
            (Sent::from("2026-01-10T12:00:00Z"), noon),
            (Sent::from("2026-01-10T13:00:00+01:00"), noon),
            (
                Sent::structure(Structure::DateTime {
                    seconds: 1_768_046_400,
                    nanoseconds: 0,
                    offset_seconds: 3_600,
                }),
                noon,
            ),
            (Sent::Int(7), AsOf::Version(Version(7))),
        ] {
            let read = of(map([("as_of", sent)])).expect("a moment");
            assert_eq!(read.as_of, Some(moment));
        }
        for bad in [Sent::from("then"), Sent::Int(-1), Sent::Bool(true)] {
            let failure = of(map([("as_of", bad)])).expect_err("no moment");
            assert_eq!(failure.code, code::ARGUMENT_ERROR);
        }
    }

    #[test]
    fn metadata_that_ask_for_what_is_not_there_are_refused_and_others_recorded() {
        for key in ["valid_at", "receipt"] {
            assert!(of(map([(key, Sent::Bool(true))])).is_err());
        }
        assert!(of(map([("isolation", "none")])).is_err());
        let read = of(map([
            ("isolation", "snapshot"),
            ("purpose", "audit"),
            ("app", "x"),
        ]))
        .expect("good");
        assert_eq!(read.isolation, Isolation::Snapshot);
        assert_eq!(read.purpose.as_deref(), Some("audit"));
        assert_eq!(read.source, None);
    }
}
