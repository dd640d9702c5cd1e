//! What can go wrong, and whether trying again helps.

use std::collections::HashMap;
use std::time::Duration;

use retrograph_proto::ERROR_DOMAIN;
use tonic::{Code, ConnectError, Status};
use tonic_types::StatusExt;

use crate::convert::ConversionError;

/// Whether trying again helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It would fail again.
    Never,
    /// Nothing of it took effect, and it may well go better the next time. The client tries these again by
    /// itself, as its [`RetryPolicy`](crate::RetryPolicy) says.
    Safe,
    /// Whether it took effect is not known. Reads can be tried again, and are; after a write, look first.
    Unknown,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refused it, or could not do it.
    #[error(transparent)]
    Server(Box<ServerError>),
    /// No connection could be made, so nothing was sent.
    #[error("cannot reach {endpoint}")]
    Unreachable {
        /// What was tried last.
        endpoint: String,
        /// Why not.
        #[source]
        source: Box<Status>,
    },
    /// The connection broke while the request was under way.
    #[error("the connection to {endpoint} broke")]
    Broken {
        /// The other end.
        endpoint: String,
        /// How.
        #[source]
        source: Box<Status>,
    },
    /// One end does not trust the certificate of the other. Nothing of the request took effect.
    #[error("{endpoint} and this client do not trust each other: {reason}")]
    Untrusted {
        /// The other end.
        endpoint: String,
        /// Which certificate, and what is wrong with it.
        reason: String,
        /// What failed.
        #[source]
        source: Box<Status>,
    },
    /// The server did not answer within the time the client gave it.
    #[error("no answer within {} ms", limit.as_millis())]
    NoAnswer {
        /// The time.
        limit: Duration,
    },
    /// The server said something that this client does not understand.
    #[error("cannot understand the server: {what}")]
    NotUnderstood {
        /// What.
        what: String,
    },
    /// A row is not what it was taken for.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The client cannot be used as it is set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The transaction has been committed or rolled back.
    #[error("the transaction is over")]
    TransactionOver,
}

/// What a server says of a failure.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct ServerError {
    /// The stable name of the kind of failure, such as `CONFLICT`; `docs/reference/grpc.md` lists them.
    pub code: String,
    /// What is wrong and, where that is known, what would be right.
    pub message: String,
    /// Where in the text of the query it is wrong.
    pub place: Option<Place>,
    /// How many transactions a query had committed before it failed, if it is one that commits as it goes
    /// (`IN TRANSACTIONS`). These stay.
    pub transactions_committed: Option<u64>,
    /// Whether trying again helps.
    pub retry: Retry,
    /// How long to wait before, if the server says so.
    pub retry_after: Option<Duration>,
    /// More about it, by name.
    pub details: HashMap<String, String>,
    /// The status of gRPC.
    pub status: Code,
}

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// The characters before it.
    pub offset: u32,
    /// The characters in it.
    pub length: u32,
}

/// A row is not what it was taken for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// No column has this name.
    #[error("there is no column `{name}`; there are {}", columns.join(", "))]
    NoSuchColumn {
        /// The name.
        name: String,
        /// Those that there are.
        columns: Vec<String>,
    },
    /// There are not so many columns.
    #[error("there is no column {} in a row of {count}", at + 1)]
    NoSuchPlace {
        /// The place, counted from 0.
        at: usize,
        /// How many there are.
        count: usize,
    },
    /// There are more columns than fit, or fewer.
    #[error("expected a row of {expected}, found {}", columns.join(", "))]
    Columns {
        /// How many are wanted.
        expected: usize,
        /// Those that there are.
        columns: Vec<String>,
    },
    /// A value is of another type.
    #[error("column `{column}`: {source}")]
    Value {
        /// The column.
        column: String,
        /// What is wrong.
        source: ConversionError,
    },
    /// The row does not fit into the type that was to be made of it.
    #[error("{message}")]
    Shape {
        /// What is wrong, as serde says it.
        message: String,
    },
    /// One row was wanted.
    #[error("the query returned no row")]
    NoRow,
}

/// The client cannot be used as it is set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// No server was named.
    #[error("no endpoint is given; name a server, such as http://127.0.0.1:7688")]
    NoEndpoint,
    /// The address is none.
    #[error("`{endpoint}` is no address of a server; write http://host:port or https://host:port")]
    BadEndpoint {
        /// The text.
        endpoint: String,
    },
    /// Credentials would cross a network as they are.
    #[error(
        "credentials would be sent to {endpoint} unencrypted; use https://, or allow_plaintext() if \
         whoever can see the network may have them"
    )]
    Plaintext {
        /// The server.
        endpoint: String,
    },
    /// The credentials hold what cannot be sent.
    #[error("the credentials hold characters that cannot be sent")]
    BadCredentials,
    /// A certificate would be shown to nobody.
    #[error(
        "a client's certificate is given, but the connection to {endpoint} is not encrypted, so that it is not \
         shown; use https://"
    )]
    CertificateWithoutTls {
        /// The server.
        endpoint: String,
    },
    /// What is to be PEM is none.
    #[error("{what}: this is not PEM of the kind that is needed")]
    NotPem {
        /// What it is to be.
        what: &'static str,
    },
    /// The certificates cannot be used.
    #[error("cannot set up TLS")]
    Tls(#[source] tonic::transport::Error),
}

impl From<ServerError> for Error {
    fn from(error: ServerError) -> Self {
        Self::Server(Box::new(error))
    }
}

impl Error {
    /// Whether trying again helps.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Server(error) => error.retry,
            Self::Unreachable { .. } => Retry::Safe,
            Self::Broken { .. } | Self::NoAnswer { .. } => Retry::Unknown,
            _ => Retry::Never,
        }
    }

    /// What the server said, if it said anything.
    #[must_use]
    pub fn as_server(&self) -> Option<&ServerError> {
        match self {
            Self::Server(error) => Some(error),
            _ => None,
        }
    }

    /// The server's name of the kind of failure, such as `SYNTAX_ERROR`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.as_server().map(|error| error.code.as_str())
    }

    /// How long the server asks to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.as_server().and_then(|error| error.retry_after)
    }

    /// Reads a status that came from `endpoint`, or from the connection to it.
    pub(crate) fn from_status(status: Status, endpoint: &str) -> Self {
        let endpoint = || endpoint.to_owned();
        if let Some(reason) = mistrust(&status) {
            return Self::Untrusted {
                endpoint: endpoint(),
                reason,
                source: Box::new(status),
            };
        }
        if has_cause::<ConnectError>(&status) {
            return Self::Unreachable {
                endpoint: endpoint(),
                source: Box::new(status),
            };
        }
        let details = status.get_error_details();
        let info = details.error_info();
        let Some(info) = info.filter(|info| info.domain == ERROR_DOMAIN) else {
            // Without details it is no answer of a server of ours.
            if std::error::Error::source(&status).is_some() {
                return Self::Broken {
                    endpoint: endpoint(),
                    source: Box::new(status),
                };
            }
            return ServerError::foreign(&status).into();
        };
        ServerError {
            code: info.reason.clone(),
            message: status.message().to_owned(),
            place: Place::told(&info.metadata),
            transactions_committed: number(&info.metadata, "transactionsCommitted"),
            retry: retry_of(&info.reason, &info.metadata),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
            details: info.metadata.clone(),
            status: status.code(),
        }
        .into()
    }
}

/// What a failure of a server means for trying again.
fn retry_of(reason: &str, metadata: &HashMap<String, String>) -> Retry {
    match reason {
        "COMMIT_OUTCOME_UNKNOWN" => Retry::Unknown,
        // The server rolled it back, as it does when it starts again.
        "TRANSACTION_NOT_FOUND" => Retry::Safe,
        // Somebody wanted it to end, or it needs more than there will ever be.
        "CANCELLED" | "TERMINATED" | "OUT_OF_MEMORY" => Retry::Never,
        // The server knows whether something took effect.
        _ if metadata.get("retryable").is_some_and(|text| text == "true") => Retry::Safe,
        _ => Retry::Never,
    }
}

fn has_cause<E: std::error::Error + 'static>(status: &Status) -> bool {
    cause(status, |error| error.is::<E>().then_some(())).is_some()
}

/// The first cause of a status about which `find` has something to say.
fn cause<T>(
    status: &Status,
    find: impl Fn(&(dyn std::error::Error + 'static)) -> Option<T>,
) -> Option<T> {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        // What an error of a socket is made of stands in it, not behind it.
        let inside = error.downcast_ref::<std::io::Error>();
        let inside = inside.and_then(std::io::Error::get_ref);
        let found = find(error).or_else(|| inside.and_then(|inside| find(inside)));
        if found.is_some() {
            return found;
        }
        cause = error.source();
    }
    None
}

/// Which certificate was refused, if that is why there is no connection.
fn mistrust(status: &Status) -> Option<String> {
    cause(status, |error| {
        if let Some(rustls::Error::InvalidCertificate(reason)) = error.downcast_ref() {
            return Some(format!(
                "the server's certificate is not accepted: {reason}"
            ));
        }
        // HTTP/2 keeps the words of what broke its connection, and nothing else.
        let words = error.to_string();
        let (_, alert) = words.rsplit_once("received fatal alert: ")?;
        let why = match alert {
            "CertificateRequired" | "NoCertificate" => "it asks for a certificate of the client",
            "CertificateRevoked" => "it refuses the client's certificate, which was revoked",
            "CertificateExpired" => "it refuses the client's certificate, which is not valid now",
            "UnknownCA"
            | "BadCertificate"
            | "CertificateUnknown"
            | "UnsupportedCertificate"
            | "AccessDenied"
            | "DecryptError" => "it refuses the client's certificate",
            _ => return None,
        };
        Some(format!("the server says that {why}"))
    })
}

impl ServerError {
    /// The answer of something between this client and a server, or of a server without that service.
    fn foreign(status: &Status) -> Self {
        let message = match status.code() {
            Code::Unimplemented => "the server does not have this service".to_owned(),
            code if status.message().is_empty() => code.description().to_owned(),
            _ => status.message().to_owned(),
        };
        Self {
            code: name_of(status.code()).to_owned(),
            message,
            place: None,
            transactions_committed: None,
            retry: match status.code() {
                Code::Unavailable => Retry::Unknown,
                _ => Retry::Never,
            },
            retry_after: None,
            details: HashMap::new(),
            status: status.code(),
        }
    }
}

/// How gRPC writes its codes.
const fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

impl Place {
    /// The place that a server names, if it names one.
    fn told(metadata: &HashMap<String, String>) -> Option<Self> {
        Some(Self {
            line: number(metadata, "line")?,
            column: number(metadata, "column")?,
            offset: number(metadata, "offset")?,
            length: number(metadata, "length")?,
        })
    }
}

/// A number among what a server tells.
fn number<T: std::str::FromStr>(metadata: &HashMap<String, String>, name: &str) -> Option<T> {
    metadata.get(name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    fn from_server(reason: &str, is_retryable: bool, message: &str) -> ServerError {
        from_server_with(reason, is_retryable, message, &[])
    }

    fn from_server_with(
        reason: &str,
        is_retryable: bool,
        message: &str,
        more: &[(&str, &str)],
    ) -> ServerError {
        let mut metadata = HashMap::from([("retryable".to_owned(), is_retryable.to_string())]);
        let more = more.iter();
        metadata.extend(more.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
        let mut details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, metadata);
        details.set_retry_info(Some(Duration::from_secs(1)));
        let status = Status::with_error_details(Code::Aborted, message, details);
        match Error::from_status(status, "http://db") {
            Error::Server(error) => *error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_had_no_effect_is_safe_to_repeat() {
        let retry =
            |reason, is_retryable, message| from_server(reason, is_retryable, message).retry;
        assert_eq!(retry("CONFLICT", true, "lost"), Retry::Safe);
        assert_eq!(retry("SYNTAX_ERROR", false, "wrong"), Retry::Never);
        assert_eq!(
            retry("COMMIT_OUTCOME_UNKNOWN", false, "fsync"),
            Retry::Unknown
        );
        assert_eq!(
            retry("TERMINATED", true, "the query was cancelled"),
            Retry::Never
        );
        assert_eq!(
            retry("TRANSACTION_NOT_FOUND", false, "it is over"),
            Retry::Safe
        );
        let partly = [("transactionsCommitted", "3")];
        let error = from_server_with("CONFLICT", false, "lost", &partly);
        assert_eq!(
            (error.retry, error.transactions_committed),
            (Retry::Never, Some(3))
        );
        let error = from_server("CONFLICT", true, "lost");
        assert_eq!(error.retry_after, Some(Duration::from_secs(1)));
        assert_eq!(
            (error.code.as_str(), error.to_string().as_str()),
            ("CONFLICT", "lost")
        );
    }

    #[test]
    fn the_place_of_a_mistake_is_told() {
        let told = [
            ("line", "2"),
            ("column", "18"),
            ("offset", "27"),
            ("length", "3"),
        ];
        let place = |told| from_server_with("SYNTAX_ERROR", false, "wrong", told).place;
        let expected = Place {
            line: 2,
            column: 18,
            offset: 27,
            length: 3,
        };
        assert_eq!(place(&told), Some(expected));
        for incomplete in [&told[..3], &[]] {
            assert_eq!(place(incomplete), None);
        }
    }

    #[test]
    fn certificates_that_are_refused_are_told_from_connections_that_break() {
        let refused = |words: &str| {
            let broken = std::io::Error::other(words.to_owned());
            Error::from_status(Status::from_error(Box::new(broken)), "https://db")
        };
        let error = refused("received fatal alert: CertificateRequired");
        assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
        assert_eq!(error.retry(), Retry::Never);
        assert!(
            error.to_string().contains("asks for a certificate"),
            "{error}"
        );
        let error = refused("received fatal alert: InternalError");
        assert!(matches!(error, Error::Broken { .. }), "{error:?}");
        let invalid = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let broken = std::io::Error::new(std::io::ErrorKind::InvalidData, invalid);
        let unreachable = ConnectError(Box::new(broken));
        let error = Error::from_status(Status::from_error(Box::new(unreachable)), "https://db");
        assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
    }

    #[test]
    fn what_is_no_server_of_ours_is_told_apart() {
        let error = Error::from_status(Status::unimplemented(""), "http://db");
        assert_eq!(
            (error.code(), error.retry()),
            (Some("UNIMPLEMENTED"), Retry::Never)
        );
        let error = Error::from_status(Status::unavailable("no healthy upstream"), "http://db");
        assert_eq!(error.retry(), Retry::Unknown);
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let error = Error::from_status(Status::from_error(Box::new(broken)), "http://db");
        assert!(matches!(error, Error::Broken { .. }), "{error:?}");
        let refused = ConnectError(Box::new(std::io::Error::from(
            std::io::ErrorKind::ConnectionRefused,
        )));
        let error = Error::from_status(Status::from_error(Box::new(refused)), "http://db");
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        assert_eq!(error.retry(), Retry::Safe);
    }
}
