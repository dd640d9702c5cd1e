//! What clients say about transactions, read from their messages.

use std::sync::Arc;
use std::time::Duration;

use prost_types::Timestamp;
use retrograph_engine::AsOf;
use retrograph_graph::Isolation;
use retrograph_graph::ids::{SystemTime, Version};
use retrograph_proto::v1;
use tonic::{Code, Status};

use super::{status, values};
use crate::target::Terms;

/// The graph and the terms of a transaction.
pub fn read(options: Option<v1::TransactionOptions>) -> Result<(String, Terms), Status> {
    let options = options.unwrap_or_default();
    if options.valid_at.is_some() {
        return Err(status::with_reason(
            Code::Unimplemented,
            "NOT_SUPPORTED",
            false,
            "`options.valid_at`: this server does not know valid time yet",
        ));
    }
    let isolation = match v1::Isolation::try_from(options.isolation) {
        Ok(v1::Isolation::Unspecified) => Isolation::default(),
        Ok(v1::Isolation::Serializable) => Isolation::Serializable,
        Ok(v1::Isolation::Snapshot) => Isolation::Snapshot,
        Err(_) => {
            return Err(status::invalid(
                "options.isolation",
                "not one that is known",
            ));
        }
    };
    let metadata = match options.metadata.is_empty() {
        true => None,
        false => Some(Arc::new(values::metadata(options.metadata)?)),
    };
    let text = |text: String| (!text.is_empty()).then(|| Arc::from(text));
    let terms = Terms {
        as_of: as_of("options.as_of", options.as_of)?,
        is_read_only: options.read_only,
        timeout: duration("options.timeout", options.timeout)?,
        isolation,
        bookmarks: options.bookmarks,
        source: text(options.source),
        activity: text(options.activity),
        purpose: text(options.purpose),
        impersonated: (!options.impersonate.is_empty()).then_some(options.impersonate),
        metadata,
    };
    Ok((options.graph, terms))
}

/// A state of a graph; the latest if there is none.
pub fn as_of(field: &str, sent: Option<v1::AsOf>) -> Result<Option<AsOf>, Status> {
    let Some(sent) = sent else { return Ok(None) };
    match sent.moment {
        None => Err(status::invalid(field, "names neither a version nor a time")),
        Some(v1::as_of::Moment::Version(version)) => Ok(Some(AsOf::Version(Version(version)))),
        Some(v1::as_of::Moment::Time(time)) => Ok(Some(AsOf::Time(instant(field, &time)?))),
    }
}

/// An instant, in whole microseconds.
pub fn instant(field: &str, sent: &Timestamp) -> Result<SystemTime, Status> {
    let nanos = u32::try_from(sent.nanos).ok();
    nanos
        .filter(|nanos| *nanos < 1_000_000_000)
        .and_then(|nanos| {
            let micros = sent.seconds.checked_mul(1_000_000)?;
            micros.checked_add(i64::from(nanos / 1_000))
        })
        .map(SystemTime)
        .ok_or_else(|| status::invalid(field, "an instant that is out of range"))
}

/// A length of time that is positive.
pub fn duration(
    field: &str,
    sent: Option<prost_types::Duration>,
) -> Result<Option<Duration>, Status> {
    let Some(sent) = sent else { return Ok(None) };
    match Duration::try_from(sent) {
        Ok(duration) if !duration.is_zero() => Ok(Some(duration)),
        _ => Err(status::invalid(field, "a duration is to be positive")),
    }
}

/// An instant as it is told.
pub fn timestamp(time: SystemTime) -> Timestamp {
    let nanos = time.0.rem_euclid(1_000_000) * 1_000;
    Timestamp {
        seconds: time.0.div_euclid(1_000_000),
        nanos: i32::try_from(nanos).unwrap_or_default(),
    }
}

/// A length of time as it is told.
pub fn told(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_told_as_they_are_read() {
        for micros in [0, 1, -1, -1_000_001, 1_750_000_000_123_456] {
            let told = timestamp(SystemTime(micros));
            let read = instant("t", &told).expect("an instant");
            assert_eq!(read, SystemTime(micros));
        }
        for (seconds, nanos) in [(i64::MAX, 0), (0, -1), (0, 1_000_000_000)] {
            assert!(instant("t", &Timestamp { seconds, nanos }).is_err());
        }
    }

    #[test]
    fn what_cannot_be_answered_is_refused() {
        let of = |options| {
            read(Some(options))
                .map(|_| ())
                .map_err(|status| status.code())
        };
        let valid_at = v1::TransactionOptions {
            valid_at: Some(Timestamp::default()),
            ..v1::TransactionOptions::default()
        };
        assert_eq!(of(valid_at), Err(Code::Unimplemented));
        let isolation = v1::TransactionOptions {
            isolation: 99,
            ..v1::TransactionOptions::default()
        };
        assert_eq!(of(isolation), Err(Code::InvalidArgument));
        let as_of = v1::TransactionOptions {
            as_of: Some(v1::AsOf { moment: None }),
            ..v1::TransactionOptions::default()
        };
        assert_eq!(of(as_of), Err(Code::InvalidArgument));
        let timeout = v1::TransactionOptions {
            timeout: Some(prost_types::Duration {
                seconds: -1,
                nanos: 0,
            }),
            ..v1::TransactionOptions::default()
        };
        assert_eq!(of(timeout), Err(Code::InvalidArgument));
    }
}
