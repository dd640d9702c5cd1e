//! Failures as gRPC tells them: a status with its details.
//!
//! Each has a `google.rpc.ErrorInfo` of the domain `retrograph`: a `reason` that programs act on, and in its
//! metadata `code`, what Bolt calls the same failure, and `retryable`, whether running the transaction again
//! may help. Of queries it says more there: where in the text the mistake is, and how much was committed before.

use std::collections::HashMap;
use std::time::Duration;

use retrograph_bolt::Failure;
use retrograph_bolt::failure::code;
use retrograph_engine::QueryError;
use retrograph_proto::ERROR_DOMAIN;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::failures::{self, Source};

/// After how long a client that was turned away may try again.
const RETRY: Duration = Duration::from_secs(1);

/// The status of a failure.
pub fn of(failure: &Failure) -> Status {
    let (status, reason) = kind(&failure.code);
    let mut details = details(reason, &failure.code, failure.is_transient());
    if is_turned_away(status) && (failure.is_transient() || reason == "TOO_MANY_LOGINS") {
        details.set_retry_info(Some(RETRY));
    }
    Status::with_error_details(status, failure.message.clone(), details)
}

/// The status of a query that failed.
pub fn of_query<'t>(error: &QueryError, source: impl Into<Source<'t>>) -> Status {
    let source = source.into();
    let failure = failures::of_query(error, source);
    let (status, reason) = kind(&failure.code);
    let committed = error.transactions_committed();
    // What has committed a part cannot be run again as a whole.
    let is_retryable = failure.is_transient() && committed.unwrap_or_default() == 0;
    let mut metadata = metadata(&failure.code, is_retryable);
    let mut tell = |name: &str, number: String| metadata.insert(name.to_owned(), number);
    if let Some(place) = failures::place_of(error, source) {
        tell("line", place.line.to_string());
        tell("column", place.column.to_string());
        tell("offset", place.offset.to_string());
        tell("length", place.length.to_string());
    }
    if let Some(committed) = committed {
        tell("transactionsCommitted", committed.to_string());
    }
    let mut details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, metadata);
    if is_retryable && is_turned_away(status) {
        let told = error.retry_after_ms().map(Duration::from_millis);
        details.set_retry_info(Some(told.unwrap_or(RETRY)));
    }
    Status::with_error_details(status, failure.message, details)
}

/// A request whose field cannot be what it is.
pub fn invalid(field: &str, problem: impl Into<String>) -> Status {
    let problem = problem.into();
    let mut details = details("INVALID_REQUEST", code::REQUEST_INVALID, false);
    details.add_bad_request_violation(field, problem.clone());
    Status::with_error_details(
        Code::InvalidArgument,
        format!("`{field}`: {problem}"),
        details,
    )
}

/// A status that no failure of the database stands for.
pub fn with_reason(
    status: Code,
    reason: &str,
    is_retryable: bool,
    message: impl Into<String>,
) -> Status {
    let bolt = if is_retryable {
        code::DATABASE_UNAVAILABLE
    } else {
        code::REQUEST_INVALID
    };
    let mut details = details(reason, bolt, is_retryable);
    if is_retryable {
        details.set_retry_info(Some(RETRY));
    }
    Status::with_error_details(status, message, details)
}

fn details(reason: &str, bolt: &str, is_retryable: bool) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, ERROR_DOMAIN, metadata(bolt, is_retryable))
}

fn metadata(bolt: &str, is_retryable: bool) -> HashMap<String, String> {
    HashMap::from([
        ("code".to_owned(), bolt.to_owned()),
        ("retryable".to_owned(), is_retryable.to_string()),
    ])
}

/// Whether nothing is wrong with a request but that there is no room for it now.
const fn is_turned_away(status: Code) -> bool {
    matches!(status, Code::ResourceExhausted | Code::Unavailable)
}

/// What a code is to gRPC.
fn kind(bolt: &str) -> (Code, &'static str) {
    match bolt {
        code::REQUEST_INVALID => (Code::InvalidArgument, "INVALID_REQUEST"),
        code::UNAUTHORIZED => (Code::Unauthenticated, "UNAUTHENTICATED"),
        code::TOKEN_EXPIRED => (Code::Unauthenticated, "TOKEN_EXPIRED"),
        code::AUTHENTICATION_RATE_LIMIT => (Code::ResourceExhausted, "TOO_MANY_LOGINS"),
        code::FORBIDDEN => (Code::PermissionDenied, "FORBIDDEN"),
        code::CREDENTIALS_EXPIRED => (Code::PermissionDenied, "PASSWORD_MUST_CHANGE"),
        code::SYNTAX_ERROR => (Code::InvalidArgument, "SYNTAX_ERROR"),
        code::SEMANTIC_ERROR => (Code::InvalidArgument, "SEMANTIC_ERROR"),
        code::TYPE_ERROR => (Code::InvalidArgument, "TYPE_ERROR"),
        code::ARGUMENT_ERROR => (Code::InvalidArgument, "ARGUMENT_ERROR"),
        code::ARITHMETIC_ERROR => (Code::InvalidArgument, "ARITHMETIC_ERROR"),
        code::PARAMETER_MISSING => (Code::InvalidArgument, "PARAMETER_MISSING"),
        code::PROCEDURE_NOT_FOUND => (Code::InvalidArgument, "PROCEDURE_NOT_FOUND"),
        code::PROCEDURE_CALL_FAILED => (Code::InvalidArgument, "PROCEDURE_CALL_FAILED"),
        code::INVALID_BOOKMARK => (Code::InvalidArgument, "INVALID_BOOKMARK"),
        code::ENTITY_NOT_FOUND => (Code::NotFound, "ELEMENT_NOT_FOUND"),
        code::PROPERTY_NOT_FOUND => (Code::NotFound, "PROPERTY_NOT_FOUND"),
        code::LABEL_NOT_FOUND => (Code::NotFound, "LABEL_NOT_FOUND"),
        code::DATABASE_NOT_FOUND => (Code::NotFound, "GRAPH_NOT_FOUND"),
        code::SCHEMA_NOT_FOUND => (Code::NotFound, "SCHEMA_NOT_FOUND"),
        code::SCHEMA_EXISTS => (Code::AlreadyExists, "SCHEMA_EXISTS"),
        code::ACCESS_MODE => (Code::FailedPrecondition, "READ_ONLY"),
        code::CONSTRAINT_VALIDATION => (Code::FailedPrecondition, "CONSTRAINT_VIOLATED"),
        code::TRANSACTION_TIMED_OUT => (Code::DeadlineExceeded, "TIMED_OUT"),
        code::TOO_MANY_ROWS => (Code::ResourceExhausted, "TOO_MANY_ROWS"),
        code::OVERLOADED => (Code::Unavailable, "OVERLOADED"),
        code::OUT_OF_MEMORY => (Code::ResourceExhausted, "OUT_OF_MEMORY"),
        code::MEMORY_SHORT => (Code::Unavailable, "MEMORY_SHORT"),
        code::OUTDATED => (Code::Aborted, "CONFLICT"),
        code::TERMINATED => (Code::Cancelled, "TERMINATED"),
        code::BOOKMARK_TIMEOUT => (Code::Unavailable, "BOOKMARK_AHEAD"),
        code::NOT_A_LEADER => (Code::Unavailable, "NOT_LEADING"),
        code::DATABASE_UNAVAILABLE => (Code::Unavailable, "UNAVAILABLE"),
        code::COMMIT_OUTCOME_UNKNOWN => (Code::Unknown, "COMMIT_OUTCOME_UNKNOWN"),
        other if other.starts_with("Neo.ClientError.") => (Code::InvalidArgument, "REFUSED"),
        other if other.starts_with("Neo.TransientError.") => (Code::Unavailable, "UNAVAILABLE"),
        _ => (Code::Internal, "INTERNAL"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_programs_act_on() {
        let status = of(&Failure::new(code::OUTDATED, "lost"));
        assert_eq!(status.code(), Code::Aborted);
        let info = status.get_details_error_info().expect("details");
        assert_eq!((&*info.reason, &*info.domain), ("CONFLICT", "retrograph"));
        assert_eq!(info.metadata["retryable"], "true");
        assert_eq!(info.metadata["code"], code::OUTDATED);

        let status = of(&Failure::new(code::COMMIT_OUTCOME_UNKNOWN, "fsync"));
        assert_eq!(status.code(), Code::Unknown);
        let info = status.get_details_error_info().expect("details");
        assert_eq!(info.metadata["retryable"], "false");

        let overloaded = || QueryError::Overloaded {
            reason: "used up".to_owned(),
            retry_after_ms: 12_500,
        };
        let status = of_query(&overloaded(), "");
        assert_eq!(status.code(), Code::Unavailable);
        let hint = status.get_details_retry_info().expect("a hint");
        assert_eq!(hint.retry_delay, Some(Duration::from_millis(12_500)));
        // What has committed a part is not to be tried again, and says how much it was.
        for (count, wanted) in [(0, "true"), (3, "false")] {
            let partly = QueryError::AfterCommits {
                error: Box::new(overloaded()),
                count,
            };
            let status = of_query(&partly, "");
            let info = status.get_details_error_info().expect("details");
            assert_eq!(info.metadata["retryable"], wanted);
            assert_eq!(info.metadata["transactionsCommitted"], count.to_string());
            assert_eq!(status.get_details_retry_info().is_some(), count == 0);
        }

        let status = invalid("as_of", "is needed");
        assert_eq!(status.message(), "`as_of`: is needed");
        let violations = status.get_details_bad_request().expect("a field");
        assert_eq!(violations.field_violations[0].field, "as_of");
    }
}
