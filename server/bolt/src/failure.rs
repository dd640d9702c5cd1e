//! Failures as clients are told of them.
//!
//! Clients act on the code (`Neo.<classification>.<category>.<title>`): they retry what is transient.
//! From 5.7 on a GQL status goes with it.

use std::borrow::Cow;

use crate::pack::Encoder;
use crate::version::Version;

/// A failure of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What clients act on.
    pub code: Cow<'static, str>,
    /// What people read.
    pub message: String,
}

/// Codes of failures.
#[allow(missing_docs, reason = "the codes say it")]
pub mod code {
    pub const REQUEST_INVALID: &str = "Neo.ClientError.Request.Invalid";
    pub const UNAUTHORIZED: &str = "Neo.ClientError.Security.Unauthorized";
    pub const FORBIDDEN: &str = "Neo.ClientError.Security.Forbidden";
    pub const TOKEN_EXPIRED: &str = "Neo.ClientError.Security.TokenExpired";
    pub const CREDENTIALS_EXPIRED: &str = "Neo.ClientError.Security.CredentialsExpired";
    pub const AUTHENTICATION_RATE_LIMIT: &str = "Neo.ClientError.Security.AuthenticationRateLimit";
    pub const SYNTAX_ERROR: &str = "Neo.ClientError.Statement.SyntaxError";
    pub const SEMANTIC_ERROR: &str = "Neo.ClientError.Statement.SemanticError";
    pub const TYPE_ERROR: &str = "Neo.ClientError.Statement.TypeError";
    pub const ARGUMENT_ERROR: &str = "Neo.ClientError.Statement.ArgumentError";
    pub const ARITHMETIC_ERROR: &str = "Neo.ClientError.Statement.ArithmeticError";
    pub const ENTITY_NOT_FOUND: &str = "Neo.ClientError.Statement.EntityNotFound";
    pub const PROPERTY_NOT_FOUND: &str = "Neo.ClientError.Statement.PropertyNotFound";
    pub const LABEL_NOT_FOUND: &str = "Neo.ClientError.Statement.LabelNotFound";
    pub const PARAMETER_MISSING: &str = "Neo.ClientError.Statement.ParameterMissing";
    pub const ACCESS_MODE: &str = "Neo.ClientError.Statement.AccessMode";
    pub const PROCEDURE_NOT_FOUND: &str = "Neo.ClientError.Procedure.ProcedureNotFound";
    pub const PROCEDURE_CALL_FAILED: &str = "Neo.ClientError.Procedure.ProcedureCallFailed";
    pub const CONSTRAINT_VALIDATION: &str = "Neo.ClientError.Schema.ConstraintValidationFailed";
    pub const SCHEMA_EXISTS: &str = "Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists";
    pub const SCHEMA_NOT_FOUND: &str = "Neo.ClientError.Schema.ConstraintDropFailed";
    pub const DATABASE_NOT_FOUND: &str = "Neo.ClientError.Database.DatabaseNotFound";
    pub const INVALID_BOOKMARK: &str = "Neo.ClientError.Transaction.InvalidBookmark";
    pub const TRANSACTION_TIMED_OUT: &str =
        "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration";
    /// More than the statement or transaction may ever have.
    pub const OUT_OF_MEMORY: &str = "Neo.ClientError.General.TransactionOutOfMemoryError";
    pub const NOT_A_LEADER: &str = "Neo.ClientError.Cluster.NotALeader";
    pub const OUTDATED: &str = "Neo.TransientError.Transaction.Outdated";
    pub const TERMINATED: &str = "Neo.TransientError.Transaction.Terminated";
    pub const BOOKMARK_TIMEOUT: &str = "Neo.TransientError.Transaction.BookmarkTimeout";
    /// More than is left while others have theirs.
    pub const MEMORY_SHORT: &str = "Neo.TransientError.General.MemoryPoolOutOfMemoryError";
    pub const DATABASE_UNAVAILABLE: &str = "Neo.TransientError.General.DatabaseUnavailable";
    pub const OVERLOADED: &str = "Neo.TransientError.Request.NoThreadsAvailable";
    pub const TOO_MANY_ROWS: &str = "Neo.ClientError.Statement.ResultTooLarge";
    pub const COMMIT_OUTCOME_UNKNOWN: &str =
        "Neo.DatabaseError.Transaction.TransactionCommitFailed";
    pub const UNKNOWN_ERROR: &str = "Neo.DatabaseError.General.UnknownError";
}

/// What a GQL status says of itself.
struct GqlStatus {
    status: &'static str,
    condition: &'static str,
}

impl Failure {
    /// A failure.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }

    /// A request that breaks the protocol.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(code::REQUEST_INVALID, message)
    }

    /// Whether trying again may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.code.starts_with("Neo.TransientError.")
    }

    fn gql(&self) -> GqlStatus {
        let (status, condition) = match &*self.code {
            code::SYNTAX_ERROR | code::SEMANTIC_ERROR => (
                "42001",
                "syntax error or access rule violation - invalid syntax",
            ),
            code::DATABASE_NOT_FOUND
            | code::PROCEDURE_NOT_FOUND
            | code::PARAMETER_MISSING
            | code::SCHEMA_NOT_FOUND => (
                "42002",
                "syntax error or access rule violation - invalid reference",
            ),
            code::FORBIDDEN => ("42000", "syntax error or access rule violation"),
            code::UNAUTHORIZED
            | code::TOKEN_EXPIRED
            | code::CREDENTIALS_EXPIRED
            | code::AUTHENTICATION_RATE_LIMIT => ("28000", "invalid authorization specification"),
            code::REQUEST_INVALID => ("08N06", "connection exception - protocol error"),
            code::ACCESS_MODE => ("25000", "invalid transaction state"),
            code::OUTDATED | code::TERMINATED | code::NOT_A_LEADER => {
                ("40000", "transaction rollback")
            }
            code if code.starts_with("Neo.ClientError.Statement.")
                || code.starts_with("Neo.ClientError.Schema.") =>
            {
                ("22000", "data exception")
            }
            _ => ("50N42", "general processing exception - unexpected error"),
        };
        GqlStatus { status, condition }
    }

    fn classification(&self) -> &'static str {
        match self.code.split('.').nth(1) {
            Some("ClientError") => "CLIENT_ERROR",
            Some("TransientError") => "TRANSIENT_ERROR",
            _ => "DATABASE_ERROR",
        }
    }

    /// Writes the map of a FAILURE message.
    pub(crate) fn encode(&self, encoder: &mut Encoder<'_>, version: Version) {
        if !version.has_gql_failures() {
            encoder.map(2);
            for (key, text) in [("code", &*self.code), ("message", &*self.message)] {
                encoder.string(key);
                encoder.string(text);
            }
            return;
        }
        let GqlStatus { status, condition } = self.gql();
        let description = format!("error: {condition}. {}", self.message);
        encoder.map(5);
        for (key, text) in [
            ("neo4j_code", &*self.code),
            ("message", &*self.message),
            ("gql_status", status),
            ("description", &*description),
        ] {
            encoder.string(key);
            encoder.string(text);
        }
        encoder.string("diagnostic_record");
        encoder.map(4);
        for (key, text) in [
            ("_classification", self.classification()),
            ("OPERATION", ""),
            ("OPERATION_CODE", "0"),
            ("CURRENT_SCHEMA", "/"),
        ] {
            encoder.string(key);
            encoder.string(text);
        }
    }
}
