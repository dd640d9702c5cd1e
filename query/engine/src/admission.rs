//! Whether a statement may run.
//!
//! The engine does not know users; it asks whoever does. It asks once a statement is compiled, so that the
//! answer rests on what the plan does and not on what the text looks like, and before anything of it runs.

use std::fmt::Debug;

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
    /// It cannot be decided now.
    #[error("{0}")]
    Undecided(String),
}

/// Decides for one caller on one graph.
pub trait Admission: Debug + Send + Sync {
    /// Whether a statement may run.
    ///
    /// # Errors
    /// If not, and why.
    fn admit(&self, demand: &Demand<'_>) -> Result<(), Refusal>;

    /// Whether the caller may see and end what others run.
    fn may_manage_others(&self) -> bool;
}
