//! Statements about users, roles and what roles allow: each is a call of a procedure.

use std::sync::Arc;

use retrograph_cypher::ast::{
    self, Administration, AdministrationCommand, NameOrParameter, OnExisting, PrivilegeGrant,
    RoleAssignment, UserSettings,
};
use retrograph_graph::value::Value;

use super::query::Statement;
use super::{Binder, Bound, Steps};
use crate::administration::{actions, nobody_keeps_users, procedure};
use crate::plan::{Access, Expression, Operator};

impl Binder<'_> {
    pub(super) fn administration(&mut self, statement: &Administration) -> Bound<Statement> {
        let command = &statement.command;
        let Some(procedure) = self.procedures.get(procedure(command)).cloned() else {
            return Err(nobody_keeps_users(statement.span));
        };
        self.next_clause();
        let arguments = self.administration_arguments(command)?;
        let mut steps = Steps::new(Operator::Unit, 1.0);
        self.run_procedure(&procedure, arguments, None, false, &mut steps)?;
        Ok((steps.finish(), Vec::new(), None, Access::Read))
    }

    fn administration_arguments(
        &mut self,
        command: &AdministrationCommand,
    ) -> Bound<Vec<Expression>> {
        use AdministrationCommand as Command;
        Ok(match command {
            Command::CreateUser(create) => {
                let mut arguments = vec![self.given_name(&create.name)];
                arguments.extend(self.user_settings(&create.settings)?);
                arguments.push(text(existing(create.existing)));
                arguments
            }
            Command::AlterUser(alter) => {
                let mut arguments = vec![self.given_name(&alter.name)];
                arguments.extend(self.user_settings(&alter.settings)?);
                arguments.push(flag(Some(alter.if_exists)));
                arguments
            }
            Command::ChangePassword { old, new } => {
                vec![
                    self.expression(old)?.expression,
                    self.expression(new)?.expression,
                ]
            }
            Command::CreateRole(create) => {
                let copy_of = create.copy_of.as_ref();
                vec![
                    self.given_name(&create.name),
                    copy_of.map_or(Expression::Literal(Value::Null), |name| {
                        self.given_name(name)
                    }),
                    text(existing(create.existing)),
                ]
            }
            Command::Rename {
                name,
                to,
                if_exists,
                ..
            } => vec![
                self.given_name(name),
                self.given_name(to),
                flag(Some(*if_exists)),
            ],
            Command::Drop {
                name, if_exists, ..
            } => vec![self.given_name(name), flag(Some(*if_exists))],
            Command::AssignRoles(assignment) | Command::UnassignRoles(assignment) => {
                let RoleAssignment { roles, users } = assignment;
                vec![self.given_names(roles), self.given_names(users)]
            }
            Command::Grant(grant) | Command::Revoke(grant) => {
                let PrivilegeGrant {
                    privilege,
                    graphs,
                    roles,
                } = grant;
                let actions = actions(*privilege).iter().copied().map(text);
                vec![
                    self.given_names(roles),
                    match graphs.is_empty() {
                        true => text("*"),
                        false => self.given_names(graphs),
                    },
                    Expression::List(actions.collect()),
                ]
            }
        })
    }

    /// Password, whether it is to be changed, whether the user is suspended; null for what is not said.
    fn user_settings(&mut self, settings: &UserSettings) -> Bound<[Expression; 3]> {
        let password = match &settings.password {
            Some(password) => self.expression(password)?.expression,
            None => Expression::Literal(Value::Null),
        };
        Ok([
            password,
            flag(settings.must_change),
            flag(settings.is_suspended),
        ])
    }

    pub(super) fn given_name(&mut self, name: &NameOrParameter) -> Expression {
        match name {
            NameOrParameter::Name(name) => {
                Expression::Literal(Value::String(Arc::clone(&name.name)))
            }
            NameOrParameter::Parameter(ast::Identifier { name, .. }) => self.parameter(name),
        }
    }

    fn given_names(&mut self, names: &[NameOrParameter]) -> Expression {
        Expression::List(names.iter().map(|name| self.given_name(name)).collect())
    }
}

fn text(text: &str) -> Expression {
    Expression::Literal(text.into())
}

fn flag(flag: Option<bool>) -> Expression {
    Expression::Literal(flag.map_or(Value::Null, Value::Bool))
}

const fn existing(existing: OnExisting) -> &'static str {
    match existing {
        OnExisting::Fail => "fail",
        OnExisting::Keep => "keep",
        OnExisting::Replace => "replace",
    }
}
