//! Whether a statement may run.
//!
//! The engine does not know users; it asks whoever does. It asks twice: before a text is compiled, since what is
//! wrong with it is told with the names that the graph has; and once it is compiled, so that the answer rests on
//! what the plan does and not on what the text looks like, before anything of it runs.

use std::fmt::Debug;

use retrograph_cypher::ast::{
    Clause, ExpressionKind, ProcedureCall, Query, SchemaCommand, StatementBody,
};

use crate::administration::procedure;
use crate::plan::{Access, Expression, Operator, Plan};

/// What a statement is about to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand<'p> {
    /// Whether it reads, writes or changes the schema.
    pub access: Access,
    /// Whether it reads a state other than the latest one.
    pub reads_past: bool,
    /// Whether it reads files.
    pub reads_files: bool,
    /// The procedure it calls, if it does nothing else: its arguments are constants and parameters.
    pub only_call: Option<&'p str>,
}

impl<'p> Demand<'p> {
    pub(crate) const fn only(access: Access) -> Self {
        Self {
            access,
            reads_past: false,
            reads_files: false,
            only_call: None,
        }
    }

    pub(crate) fn of(plan: &'p Plan, is_as_of: bool) -> Self {
        Self {
            access: plan.access,
            reads_past: is_as_of || plan.reads_past,
            reads_files: plan.reads_csv,
            only_call: only_call(plan),
        }
    }
}

/// The procedure that a plan calls if it is one call and nothing else.
fn only_call(plan: &Plan) -> Option<&str> {
    let [unit, call] = plan.pipeline.steps.as_slice() else {
        return None;
    };
    let is_given = |argument: &Expression| {
        matches!(argument, Expression::Literal(_) | Expression::Parameter(_))
    };
    match (&unit.operator, &call.operator) {
        (
            Operator::Unit,
            Operator::CallProcedure {
                procedure,
                arguments,
                ..
            },
        ) if arguments.iter().all(is_given) => Some(&procedure.name),
        _ => None,
    }
}

/// What a text looks like before anything of the graph is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// It makes or removes indexes or constraints.
    Schema,
    /// It calls the procedure of this name with constants and parameters, and does nothing else.
    Call(String),
    /// It cannot be read, so that it tells what is wrong before the graph is looked at.
    Unreadable,
    /// Anything else.
    Other,
}

impl Shape {
    /// The shape of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let Ok(statement) = retrograph_cypher::parse(text) else {
            return Self::Unreadable;
        };
        match &statement.body {
            StatementBody::Schema(SchemaCommand::Show(_)) => Self::Other,
            StatementBody::Schema(_) => Self::Schema,
            // Their arguments are given, but for lists of them.
            StatementBody::Administration(statement) => {
                Self::Call(procedure(&statement.command).to_owned())
            }
            StatementBody::Query(query) => match only_clause(query) {
                Some(Clause::Call(call)) if has_given_arguments(call) => {
                    Self::Call(call.name.to_string())
                }
                _ => Self::Other,
            },
        }
    }
}

fn only_clause(query: &Query) -> Option<&Clause> {
    match query.first.clauses.as_slice() {
        [only] if query.time.is_none() && query.unions.is_empty() && query.next.is_none() => {
            Some(only)
        }
        _ => None,
    }
}

fn has_given_arguments(call: &ProcedureCall) -> bool {
    call.arguments.iter().flatten().all(|argument| {
        matches!(
            argument.kind,
            ExpressionKind::Literal(_) | ExpressionKind::Parameter(_)
        )
    })
}

/// A statement may not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is not allowed; the text says what is missing.
    #[error("{0}")]
    Forbidden(String),
    /// What the caller was recognised by has ended.
    #[error("{0}")]
    Expired(String),
    /// The caller has to change their credentials first.
    #[error("{0}")]
    ChangeCredentials(String),
    /// Secrets were guessed too often.
    #[error("{0}")]
    TooOften(String),
    /// It cannot be decided now.
    #[error("{0}")]
    Undecided(String),
}

/// What a caller may do beside running statements on a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Whether they see and end what others run, and administer.
    pub administers: bool,
    /// Whether they read who did what.
    pub audits: bool,
}

/// Decides for one caller on one graph.
pub trait Admission: Debug + Send + Sync {
    /// Whether a text may be compiled: errors in it are told with names that the graph has.
    ///
    /// # Errors
    /// If not, and why.
    fn admit_text(&self, text: &str) -> Result<(), Refusal>;

    /// Whether a statement may run.
    ///
    /// # Errors
    /// If not, and why.
    fn admit(&self, demand: &Demand<'_>) -> Result<(), Refusal>;

    /// Whether the caller is told that there is a database.
    fn may_see(&self, database: &str) -> bool;

    /// What the caller may do beside.
    fn rights(&self) -> Rights;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_told_from_the_text_alone() {
        for text in [
            "CREATE INDEX FOR (n:N) ON (n.x)",
            "DROP CONSTRAINT c IF EXISTS",
        ] {
            assert_eq!(Shape::of(text), Shape::Schema, "{text}");
        }
        for text in ["CALL a.b('x', $y)", "CALL a.b", "CALL a.b() YIELD x"] {
            assert_eq!(Shape::of(text), Shape::Call("a.b".to_owned()), "{text}");
        }
        for (text, name) in [
            (
                "ALTER CURRENT USER SET PASSWORD FROM 'a' TO $b",
                "user.changePassword",
            ),
            ("DROP USER ana", "user.drop"),
        ] {
            assert_eq!(Shape::of(text), Shape::Call(name.to_owned()), "{text}");
        }
        for text in [
            "RETURN 1",
            "SHOW INDEXES",
            "CALL a.b('x', COUNT { MATCH (n) RETURN n })",
            "CALL a.b('x') CALL a.b('y')",
            "AS OF VERSION 1 CALL a.b('x')",
        ] {
            assert_eq!(Shape::of(text), Shape::Other, "{text}");
        }
        assert_eq!(Shape::of("CREATE INDEX FOR"), Shape::Unreadable);
    }
}
