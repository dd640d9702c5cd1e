//! One procedure: whom it is for, what it takes, yields and does.

use std::sync::Arc;

use retrograph_engine::functions::{CallContext, Procedure};
use retrograph_engine::surroundings::Caller;
use retrograph_engine::types::Type;
use retrograph_engine::{QueryError, Refusal};
use retrograph_graph::value::Value;

use super::arguments::Arguments;
use crate::{Action, Authenticator, Author, Directory};

/// Rows of results.
pub(super) type Rows = Vec<Vec<Value>>;

type Body = dyn Fn(&Call<'_, '_>) -> Result<Rows, QueryError> + Send + Sync;

/// Whom a procedure is for: the action that is missing if not for a caller.
type Allows = fn(&Caller) -> Result<(), &'static str>;

/// A call that is allowed.
pub(super) struct Call<'a, 'c> {
    pub(super) authenticator: &'a Authenticator,
    pub(super) directory: &'a Directory,
    pub(super) context: &'a CallContext<'c>,
    pub(super) arguments: Arguments<'a>,
}

impl Call<'_, '_> {
    /// Who is recorded with what is changed.
    pub(super) fn actor(&self) -> Author {
        self.context.caller.into()
    }
}

/// See the module.
pub(super) struct Entry {
    name: &'static str,
    description: &'static str,
    allows: Allows,
    parameters: Vec<(String, Type)>,
    required: usize,
    results: Vec<(String, Type)>,
    body: Box<Body>,
}

impl Entry {
    fn new(name: &'static str, description: &'static str, allows: Allows) -> Self {
        Self {
            name,
            description,
            allows,
            parameters: Vec::new(),
            required: 0,
            results: Vec::new(),
            body: Box::new(|_| Ok(Rows::new())),
        }
    }

    /// One for those who administer.
    pub(super) fn administrators(name: &'static str, description: &'static str) -> Self {
        Self::new(name, description, administrators)
    }

    /// One for those who audit.
    pub(super) fn auditors(name: &'static str, description: &'static str) -> Self {
        Self::new(name, description, auditors)
    }

    /// One for everybody.
    pub(super) fn everybody(name: &'static str, description: &'static str) -> Self {
        Self::new(name, description, |_| Ok(()))
    }

    /// With one more parameter.
    pub(super) fn takes(mut self, name: &str, ty: Type) -> Self {
        self = self.may_take(name, ty);
        self.required = self.parameters.len();
        self
    }

    /// With one more parameter that may be left out.
    pub(super) fn may_take(mut self, name: &str, ty: Type) -> Self {
        self.parameters.push((name.to_owned(), ty));
        self
    }

    /// With one more result column.
    pub(super) fn gives(mut self, name: &str, ty: Type) -> Self {
        self.results.push((name.to_owned(), ty));
        self
    }

    /// Finds the rows.
    pub(super) fn rows(
        mut self,
        body: impl Fn(&Call<'_, '_>) -> Result<Rows, QueryError> + Send + Sync + 'static,
    ) -> Self {
        self.body = Box::new(body);
        self
    }

    /// Does something and yields nothing.
    pub(super) fn does(
        self,
        body: impl Fn(&Call<'_, '_>) -> Result<(), QueryError> + Send + Sync + 'static,
    ) -> Self {
        self.rows(move |call| body(call).map(|()| Rows::new()))
    }

    /// As the engine takes it.
    pub(super) fn procedure(self, authenticator: &Arc<Authenticator>) -> Procedure {
        let authenticator = Arc::clone(authenticator);
        let Self {
            name, allows, body, ..
        } = self;
        Procedure {
            name: name.to_owned(),
            description: self.description.to_owned(),
            parameters: self.parameters,
            required: self.required,
            results: self.results,
            body: Arc::new(move |context, values, sink| {
                if let Err(missing) = allows(context.caller) {
                    let reason = format!("`{name}` needs the action `{missing}` on every graph");
                    return Err(Refusal::Forbidden(reason).into());
                }
                let call = Call {
                    authenticator: &authenticator,
                    directory: authenticator.directory(),
                    context,
                    arguments: Arguments { name, values },
                };
                body(&call)?.into_iter().try_for_each(sink)
            }),
        }
    }
}

/// A list of strings.
pub(super) fn texts() -> Type {
    Type::List(Box::new(Type::String))
}

fn auditors(caller: &Caller) -> Result<(), &'static str> {
    match caller.is_auditor {
        true => Ok(()),
        false => Err(Action::Audit.name()),
    }
}

/// Whether somebody administers; if not, what is missing.
pub(super) fn administrators(caller: &Caller) -> Result<(), &'static str> {
    match caller.is_confined {
        true => Err(Action::Admin.name()),
        false => Ok(()),
    }
}
