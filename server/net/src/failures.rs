//! Errors of the engine and the database as clients are told of them.
//!
//! What matters is the class: drivers run a transaction again if its failure is transient, so a lost
//! certification is, and a commit whose outcome is unknown is not.

use std::error::Error;

use retrograph_bolt::Failure;
use retrograph_bolt::failure::code;
use retrograph_cypher::{Concealed, Diagnostic, ErrorKind};
use retrograph_engine::{QueryError, RuntimeError, RuntimeKind};
use retrograph_graph::{CommitError, GraphError};
use retrograph_server::DatabaseError;

use crate::identity;

/// What a query was compiled from.
#[derive(Clone, Copy)]
pub struct Source<'t> {
    /// The text as the client knows it.
    pub text: &'t str,
    /// How many bytes were put before it.
    pub shift: usize,
}

impl<'t> From<&'t str> for Source<'t> {
    fn from(text: &'t str) -> Self {
        Self { text, shift: 0 }
    }
}

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The characters before it.
    pub offset: usize,
    /// The characters in it.
    pub length: usize,
}

impl Place {
    /// The place of a mistake, and the bytes of the text before it.
    fn of(diagnostic: &Diagnostic, source: Source<'_>) -> (Self, usize) {
        let text = source.text;
        let at = |at: u32| text.floor_char_boundary((at as usize).saturating_sub(source.shift));
        let span = diagnostic.primary.span;
        let (start, end) = (at(span.start), at(span.end));
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let place = Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            offset: before.chars().count(),
            length: text
                .get(start..end)
                .map_or(0, |piece| piece.chars().count()),
        };
        (place, start)
    }
}

/// Where in its text a query is wrong, if it is its text that is.
pub fn place_of(error: &QueryError, source: Source<'_>) -> Option<Place> {
    match error {
        QueryError::Compile(diagnostic) => Some(Place::of(diagnostic, source).0),
        QueryError::AfterCommits { error, .. } => place_of(error, source),
        _ => None,
    }
}

/// A failed query, and what it was compiled from.
pub fn of_query<'t>(error: &QueryError, source: impl Into<Source<'t>>) -> Failure {
    let source = source.into();
    match error {
        QueryError::Compile(diagnostic) => of_diagnostic(diagnostic, source),
        QueryError::Runtime(error) => Failure::new(code_of(error), error.message.clone()),
        QueryError::Graph(error) => of_graph(error),
        QueryError::Commit(error) => of_commit(error),
        QueryError::Refused(refusal) => identity::of_refusal(refusal),
        QueryError::Cancelled | QueryError::Terminated => {
            Failure::new(code::TERMINATED, error.to_string())
        }
        QueryError::TimedOut { .. } => Failure::new(code::TRANSACTION_TIMED_OUT, error.to_string()),
        QueryError::Overloaded { .. } => Failure::new(code::OVERLOADED, error.to_string()),
        QueryError::TooManyRows { .. } => Failure::new(code::TOO_MANY_ROWS, error.to_string()),
        // Others give back what they hold; what is too much for its own limit always will be.
        QueryError::OverBudget {
            is_shared: true, ..
        } => Failure::new(code::MEMORY_SHORT, error.to_string()),
        QueryError::OverBudget { .. } | QueryError::OutOfMemory { .. } => {
            Failure::new(code::OUT_OF_MEMORY, error.to_string())
        }
        QueryError::AfterCommits { error: of, count } => {
            let Failure { code, message } = of_query(of, source);
            Failure::new(
                code,
                format!("{message} (transactions committed before: {count})"),
            )
        }
        other => Failure::new(code::UNKNOWN_ERROR, chain(other)),
    }
}

/// A database that cannot be used.
pub fn of_database(error: &DatabaseError) -> Failure {
    let code = match error {
        DatabaseError::NoSuchGraph { .. } | DatabaseError::BadName { .. } => {
            code::DATABASE_NOT_FOUND
        }
        _ => code::DATABASE_UNAVAILABLE,
    };
    Failure::new(code, chain(error))
}

/// A mistake in the text, with its place the way users of drivers know it.
fn of_diagnostic(diagnostic: &Diagnostic, source: Source<'_>) -> Failure {
    let code = match diagnostic.kind {
        ErrorKind::SemanticError | ErrorKind::SyntaxError => code::SYNTAX_ERROR,
        ErrorKind::TypeError => code::TYPE_ERROR,
        ErrorKind::ArgumentError => code::ARGUMENT_ERROR,
        ErrorKind::ArithmeticError => code::ARITHMETIC_ERROR,
        ErrorKind::EntityNotFound => code::ENTITY_NOT_FOUND,
        ErrorKind::ParameterMissing => code::PARAMETER_MISSING,
        ErrorKind::ProcedureError => code::PROCEDURE_NOT_FOUND,
        _ => code::SYNTAX_ERROR,
    };
    let (place, start) = Place::of(diagnostic, source);
    // The line is shown without passwords, and the mark where its place then is.
    let concealed = Concealed::of(source.text);
    let shown = concealed.text();
    let shown_before = &shown[..shown.floor_char_boundary(concealed.offset(start))];
    let shown_start = shown_before.rfind('\n').map_or(0, |at| at + 1);
    let line = shown[shown_start..].lines().next().unwrap_or_default();
    let mark = shown_before[shown_start..].chars().count();
    let help = match &diagnostic.help {
        Some(help) => format!(" ({help})"),
        None => String::new(),
    };
    let message = format!(
        "{}{help} (line {}, column {} (offset: {}))\n\"{line}\"\n {:mark$}^",
        diagnostic.message, place.line, place.column, place.offset, "",
    );
    Failure::new(code, message)
}

fn code_of(error: &RuntimeError) -> &'static str {
    match error.kind {
        RuntimeKind::SemanticError if error.detail == "ReadOnly" => code::ACCESS_MODE,
        RuntimeKind::SemanticError => code::SEMANTIC_ERROR,
        RuntimeKind::TypeError => code::TYPE_ERROR,
        RuntimeKind::ArgumentError => code::ARGUMENT_ERROR,
        RuntimeKind::ArithmeticError => code::ARITHMETIC_ERROR,
        RuntimeKind::EntityNotFound => code::ENTITY_NOT_FOUND,
        RuntimeKind::PropertyNotFound => code::PROPERTY_NOT_FOUND,
        RuntimeKind::LabelNotFound => code::LABEL_NOT_FOUND,
        RuntimeKind::SyntaxError => code::SYNTAX_ERROR,
        RuntimeKind::ConstraintValidationFailed | RuntimeKind::ConstraintVerificationFailed => {
            code::CONSTRAINT_VALIDATION
        }
        RuntimeKind::ParameterMissing => code::PARAMETER_MISSING,
        RuntimeKind::ProcedureError => code::PROCEDURE_CALL_FAILED,
    }
}

/// A refusal or failure of the store.
pub fn of_graph(error: &GraphError) -> Failure {
    let code = match error {
        GraphError::FutureVersion { .. }
        | GraphError::BeforeHorizon { .. }
        | GraphError::FutureInstant { .. }
        | GraphError::BeforeGraph { .. }
        | GraphError::IndexedValueTooLong { .. }
        | GraphError::TooManyProperties { .. } => code::ARGUMENT_ERROR,
        GraphError::TransactionTooLarge { .. } | GraphError::TooManyTerms { .. } => {
            code::OUT_OF_MEMORY
        }
        GraphError::SchemaExists { .. } => code::SCHEMA_EXISTS,
        GraphError::NoSuchSchema { .. } => code::SCHEMA_NOT_FOUND,
        GraphError::SchemaAndData => code::FORBIDDEN,
        GraphError::Encode(_) => code::TYPE_ERROR,
        GraphError::NotLeading => code::NOT_A_LEADER,
        _ => code::UNKNOWN_ERROR,
    };
    Failure::new(code, chain(error))
}

fn of_commit(error: &CommitError) -> Failure {
    let code = match error {
        CommitError::Conflict { .. } | CommitError::ViewTooOld { .. } => code::OUTDATED,
        CommitError::NotLeading => code::NOT_A_LEADER,
        CommitError::Clock { .. } | CommitError::Refused { .. } => code::DATABASE_UNAVAILABLE,
        CommitError::OutcomeUnknown { .. } => code::COMMIT_OUTCOME_UNKNOWN,
        CommitError::Graph(error) => return of_graph(error),
        _ => code::UNKNOWN_ERROR,
    };
    Failure::new(code, chain(error))
}

/// An error with its causes in one line.
pub fn chain(error: &dyn Error) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_retried_is_transient_and_nothing_else() {
        let conflict = CommitError::Conflict {
            version: retrograph_graph::ids::Version(1),
            what: "n".to_owned(),
        };
        assert!(of_commit(&conflict).is_transient());
        let unknown = CommitError::OutcomeUnknown {
            reason: "fsync".to_owned(),
        };
        assert!(!of_commit(&unknown).is_transient());
        assert_eq!(of_commit(&CommitError::NotLeading).code, code::NOT_A_LEADER);
        let overloaded = QueryError::Overloaded {
            reason: "too much".to_owned(),
            retry_after_ms: 5,
        };
        assert!(of_query(&overloaded, "").is_transient());
        assert!(!of_query(&QueryError::TooManyRows { limit: 1 }, "").is_transient());
        let own = QueryError::OutOfMemory {
            operator: "Sort",
            limit_bytes: 1,
        };
        assert!(!of_query(&own, "").is_transient());
        for is_shared in [true, false] {
            let short = QueryError::OverBudget {
                operator: "Sort",
                whose: "the server".to_owned(),
                bytes_max: 1,
                is_shared,
            };
            assert_eq!(of_query(&short, "").is_transient(), is_shared);
        }
        assert!(!of_query(&QueryError::TimedOut { limit_ms: 1 }, "").is_transient());
        for ended in [QueryError::Cancelled, QueryError::Terminated] {
            assert_eq!(of_query(&ended, "").code, code::TERMINATED);
        }
    }

    #[test]
    fn mistakes_are_shown_where_they_are() {
        let text = "MATCH (n)\nRETURN ö, n.x AND";
        let error = retrograph_cypher::parse(text).expect_err("unfinished");
        let failure = of_query(&QueryError::from(error), text);
        assert_eq!(failure.code, code::SYNTAX_ERROR);
        assert!(
            failure.message.contains("(line 2, column 18 (offset: 27))")
                && failure.message.contains("\"RETURN ö, n.x AND\""),
            "{}",
            failure.message
        );
        let text = "RETURN ö, missing";
        let error = |text: &str| {
            let error = Diagnostic::error(
                retrograph_cypher::Detail::UnexpectedSyntax,
                retrograph_cypher::Span::new(
                    u32::try_from(text.find("missing").expect("it is there")).expect("short"),
                    u32::try_from(text.len()).expect("short"),
                ),
                "not defined",
            );
            QueryError::from(error)
        };
        let expected = Some(Place {
            line: 1,
            column: 11,
            offset: 10,
            length: 7,
        });
        assert_eq!(place_of(&error(text), text.into()), expected);
        // What the server puts before a text is nothing to its author.
        let source = Source { text, shift: 8 };
        let explained = error(&format!("EXPLAIN {text}"));
        assert_eq!(place_of(&explained, source), expected);
        let told = of_query(&explained, source).message;
        assert!(told.contains("(line 1, column 11 (offset: 10))"), "{told}");
    }
}
