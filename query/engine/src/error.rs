//! Errors of a query.

use retrograph_cypher::Diagnostic;
use retrograph_graph::{CommitError, GraphError};

use crate::admission::Refusal;

/// What kind of mistake a value made while the query ran; the names are openCypher's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum RuntimeKind {
    TypeError,
    ArgumentError,
    ArithmeticError,
    EntityNotFound,
    PropertyNotFound,
    LabelNotFound,
    SemanticError,
    SyntaxError,
    ConstraintValidationFailed,
    ConstraintVerificationFailed,
    ParameterMissing,
    ProcedureError,
}

/// An error raised by a value while the query ran. `detail` is openCypher's word for it, for example
/// `InvalidArgumentValue`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct RuntimeError {
    /// The kind.
    pub kind: RuntimeKind,
    /// openCypher's detail.
    pub detail: &'static str,
    /// What was wrong, with the value, and what would be right.
    pub message: String,
    /// How many transactions the query had committed before, which stay, if it is one that commits as it goes. The
    /// message says so too.
    pub committed: Option<u64>,
}

impl RuntimeError {
    /// A runtime error.
    pub fn new(kind: RuntimeKind, detail: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            detail,
            message: message.into(),
            committed: None,
        }
    }

    /// A value of the wrong type.
    pub fn type_error(message: impl Into<String>) -> Self {
        Self::new(RuntimeKind::TypeError, "InvalidArgumentType", message)
    }

    /// A value of the right type that is not allowed here.
    pub fn argument(message: impl Into<String>) -> Self {
        Self::new(RuntimeKind::ArgumentError, "InvalidArgumentValue", message)
    }
}

/// Why a query failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The text is wrong, or its time clause names a state that there is not; nothing ran.
    #[error("{0}")]
    Compile(Box<Diagnostic>),
    /// A value was wrong while the query ran; its effects are undone.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The store refused or failed.
    #[error(transparent)]
    Graph(GraphError),
    /// The commit failed, or its outcome is unknown.
    #[error(transparent)]
    Commit(CommitError),
    /// The caller may not run the query; nothing of it ran.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The query was cancelled.
    #[error("the query was cancelled")]
    Cancelled,
    /// The transaction was ended by TERMINATE TRANSACTIONS.
    #[error("the transaction was ended by TERMINATE TRANSACTIONS")]
    Terminated,
    /// The query ran longer than it may.
    #[error("the query exceeded its time limit of {limit_ms} ms")]
    TimedOut {
        /// The limit.
        limit_ms: u64,
    },
    /// The query needs more memory than it may use.
    #[error(
        "{operator} needs more than the query's memory limit of {limit_bytes} bytes; let it hold fewer rows at \
         a time, or raise engine.memory_bytes_max"
    )]
    OutOfMemory {
        /// The operator that asked for more.
        operator: &'static str,
        /// The limit.
        limit_bytes: usize,
    },
    /// A budget of memory that the query shares with others is used up.
    #[error(
        "{operator} needs more memory than {whose} has left of {bytes_max} bytes; {}",
        match is_shared {
            true => "try again when other queries have ended, let it hold fewer rows at a time, or raise the limit",
            false => "let it hold fewer rows at a time, or raise the limit",
        }
    )]
    OverBudget {
        /// The operator that asked for more.
        operator: &'static str,
        /// Whose budget it is.
        whose: String,
        /// How much all of them may hold together.
        bytes_max: usize,
        /// Whether others hold a part of it, so that trying again later may help.
        is_shared: bool,
    },
    /// The result has more rows than it may.
    #[error("the result has more than the {limit} rows that it may have; ask for fewer with LIMIT")]
    TooManyRows {
        /// The limit.
        limit: u64,
    },
    /// The query cannot run now, as too much else runs. Nothing of it ran.
    #[error("{reason}")]
    Overloaded {
        /// What there is too much of, and when to try again.
        reason: String,
        /// When trying again makes sense, in milliseconds.
        retry_after_ms: u64,
    },
    /// A query that commits as it goes failed, and what it has committed stays. An error of a value
    /// says so in its message instead.
    #[error("{error} (transactions committed before: {count})")]
    AfterCommits {
        /// What it failed of.
        #[source]
        error: Box<QueryError>,
        /// How many transactions it has committed.
        count: u64,
    },
}

impl QueryError {
    /// The kind of error, without anything that a text, a value or a graph has said.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Compile(_) => "Compile",
            Self::Runtime(_) => "Runtime",
            Self::Graph(_) => "Graph",
            Self::Commit(_) => "Commit",
            Self::Refused(_) => "Refused",
            Self::Cancelled => "Cancelled",
            Self::Terminated => "Terminated",
            Self::TimedOut { .. } => "TimedOut",
            Self::OutOfMemory { .. } => "OutOfMemory",
            Self::OverBudget { .. } => "OverBudget",
            Self::TooManyRows { .. } => "TooManyRows",
            Self::Overloaded { .. } => "Overloaded",
            Self::AfterCommits { error, .. } => error.kind(),
        }
    }

    /// How many transactions the query had committed before it failed, if it is one that commits as it goes; these
    /// stay.
    #[must_use]
    pub const fn transactions_committed(&self) -> Option<u64> {
        match self {
            Self::Runtime(error) => error.committed,
            Self::AfterCommits { count, .. } => Some(*count),
            _ => None,
        }
    }

    /// When trying again makes sense, in milliseconds, if the query was turned away for now.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::Overloaded { retry_after_ms, .. } => Some(*retry_after_ms),
            Self::AfterCommits { error, .. } => error.retry_after_ms(),
            _ => None,
        }
    }

    /// The error of a query that commits as it goes, with the number of transactions that stay committed.
    pub(crate) fn after_commits(self, count: u64) -> Self {
        match self {
            Self::Runtime(error) => RuntimeError {
                message: format!("{} (transactions committed before: {count})", error.message),
                committed: Some(count),
                ..error
            }
            .into(),
            error @ Self::Compile(_) => error,
            error => Self::AfterCommits {
                error: Box::new(error),
                count,
            },
        }
    }
}

impl From<Diagnostic> for QueryError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Compile(Box::new(diagnostic))
    }
}

impl From<CommitError> for QueryError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Graph(error) => error.into(),
            other => Self::Commit(other),
        }
    }
}

/// Errors of the store that are the query's own fault are told in openCypher's words.
impl From<GraphError> for QueryError {
    fn from(error: GraphError) -> Self {
        let (kind, detail) = match &error {
            GraphError::NodeStillConnected { .. } => (
                RuntimeKind::ConstraintVerificationFailed,
                "DeleteConnectedNode",
            ),
            GraphError::NotUnique { .. } => (
                RuntimeKind::ConstraintValidationFailed,
                "UniquenessViolation",
            ),
            GraphError::NotUniqueTogether { .. } => (
                RuntimeKind::ConstraintValidationFailed,
                "UniquenessViolation",
            ),
            GraphError::PropertyMissing { .. } => (
                RuntimeKind::ConstraintValidationFailed,
                "PropertyExistenceViolation",
            ),
            GraphError::PropertyOfWrongType { .. } => (
                RuntimeKind::ConstraintValidationFailed,
                "PropertyTypeViolation",
            ),
            GraphError::Search(_) => (RuntimeKind::ArgumentError, "InvalidArgumentValue"),
            GraphError::NoSuchElement(_) | GraphError::NoSuchEnd(_) => {
                (RuntimeKind::EntityNotFound, "DeletedEntityAccess")
            }
            _ => return Self::Graph(error),
        };
        RuntimeError::new(kind, detail, error.to_string()).into()
    }
}
