//! Why a command failed: what the user is told, and the exit code.

use std::error::Error;
use std::fmt;

use retrograph_engine::QueryError;
use retrograph_graph::GraphError;
use retrograph_server::DatabaseError;

use crate::moment::format_instant;

/// A kind of failure, as the exit code tells it. Wrong usage (2) of the command line is reported by
/// its parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A query or another request failed.
    Request = 1,
    /// The configuration is wrong.
    Usage = 2,
    /// The data directory, or the server, cannot be used.
    Data = 3,
    /// An import was stopped by its rejects.
    Rejects = 4,
    /// The user interrupted it.
    Interrupted = 130,
}

/// A failure.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    message: String,
}

impl Failure {
    /// A failed request with a message: lower case, no full stop.
    pub fn new(message: impl Into<String>) -> Self {
        Self::of(Kind::Request, message)
    }

    /// A failure of a kind.
    pub fn of(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: format!("error: {}", message.into()),
        }
    }

    /// The user interrupted the command.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Interrupted,
            message: message.into(),
        }
    }

    /// A failed request whose message is shown as it is.
    pub const fn shown(message: String) -> Self {
        Self {
            kind: Kind::Request,
            message,
        }
    }

    /// A failed query: what is wrong is shown in its text, which has a name, such as a file.
    pub fn query(error: &QueryError, text: &str, name: &str) -> Self {
        match error {
            QueryError::Compile(diagnostic) => {
                Self::shown(diagnostic.render_named(text, name).trim_end().to_owned())
            }
            QueryError::Cancelled => Self::interrupted("the query was cancelled"),
            QueryError::Runtime(error) => {
                Self::new(format!("{} ({})", error.message, error.detail))
            }
            QueryError::Graph(error) => Self::new(explain_graph_error(error)),
            QueryError::Commit(error) => Self::new(chain(error)),
            QueryError::AfterCommits { error, count } => {
                let Self { kind, message } = Self::query(error, text, name);
                Self {
                    kind,
                    message: format!("{message} (transactions committed before: {count})"),
                }
            }
            error => Self::new(chain(error)),
        }
    }

    /// The exit code.
    pub const fn code(&self) -> u8 {
        self.kind as u8
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        let kind = match error {
            DatabaseError::NoSuchGraph { .. }
            | DatabaseError::GraphExists { .. }
            | DatabaseError::BadName { .. } => Kind::Request,
            _ => Kind::Data,
        };
        Self::of(kind, chain(&error))
    }
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Self {
        Self::new(explain_graph_error(&error))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(format!("cannot write the output: {error}"))
    }
}

/// Errors about instants, with the instants as people write them.
fn explain_graph_error(error: &GraphError) -> String {
    match error {
        GraphError::FutureInstant { time, closed } => format!(
            "{} lies in the future: the latest readable moment is {}",
            format_instant(*time),
            format_instant(*closed)
        ),
        GraphError::BeforeGraph { time, oldest } => format!(
            "{} lies before the graph existed: the oldest readable moment is {}",
            format_instant(*time),
            format_instant(*oldest)
        ),
        error => chain(error),
    }
}

/// An error with its causes in one line, each said once.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}
