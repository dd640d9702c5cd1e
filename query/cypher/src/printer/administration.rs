//! Statements about users, roles and what roles allow.

use std::fmt::{self, Display, Formatter};

use super::name::{Name, ParameterName};
use super::{optional, separated};
use crate::ast::{
    AdministrationCommand, NameOrParameter, OnExisting, PrivilegeGrant, PrivilegesAs, PrivilegesOf,
    RoleAssignment, UserSettings,
};

/// Words that mean something between SHOW and the end of what is shown.
const SHOWN: [&str; 3] = ["PRIVILEGES", "PRIVILEGE", "DEFINED"];

impl Display for NameOrParameter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => Name(name).fmt(f),
            Self::Parameter(name) => write!(f, "${}", ParameterName(name)),
        }
    }
}

pub(super) fn command(f: &mut Formatter<'_>, command: &AdministrationCommand) -> fmt::Result {
    match command {
        AdministrationCommand::CreateUser(create) => {
            created(f, "USER", &create.name, create.existing)?;
            settings(f, &create.settings)
        }
        AdministrationCommand::AlterUser(alter) => {
            write!(f, "ALTER USER {}", alter.name)?;
            if_exists(f, alter.if_exists)?;
            settings(f, &alter.settings)
        }
        AdministrationCommand::ChangePassword { old, new } => {
            write!(f, "ALTER CURRENT USER SET PASSWORD FROM {old} TO {new}")
        }
        AdministrationCommand::CreateRole(create) => {
            created(f, "ROLE", &create.name, create.existing)?;
            optional(f, " AS COPY OF ", create.copy_of.as_ref())
        }
        AdministrationCommand::Rename {
            what,
            name,
            to,
            if_exists: condition,
        } => {
            write!(f, "RENAME {} {name}", what.word())?;
            if_exists(f, *condition)?;
            write!(f, " TO {to}")
        }
        AdministrationCommand::Drop {
            what,
            name,
            if_exists: condition,
        } => {
            write!(f, "DROP {} {name}", what.word())?;
            if_exists(f, *condition)
        }
        AdministrationCommand::AssignRoles(assignment) => {
            f.write_str("GRANT")?;
            roles(f, assignment, "TO")
        }
        AdministrationCommand::UnassignRoles(assignment) => {
            f.write_str("REVOKE")?;
            roles(f, assignment, "FROM")
        }
        AdministrationCommand::Grant(grant) => {
            f.write_str("GRANT")?;
            privilege(f, grant, "TO")
        }
        AdministrationCommand::Revoke(grant) => {
            f.write_str("REVOKE")?;
            privilege(f, grant, "FROM")
        }
    }
}

fn created(
    f: &mut Formatter<'_>,
    what: &str,
    name: &NameOrParameter,
    existing: OnExisting,
) -> fmt::Result {
    match existing {
        OnExisting::Fail => write!(f, "CREATE {what} {name}"),
        OnExisting::Keep => write!(f, "CREATE {what} {name} IF NOT EXISTS"),
        OnExisting::Replace => write!(f, "CREATE OR REPLACE {what} {name}"),
    }
}

fn if_exists(f: &mut Formatter<'_>, condition: bool) -> fmt::Result {
    f.write_str(if condition { " IF EXISTS" } else { "" })
}

fn settings(f: &mut Formatter<'_>, settings: &UserSettings) -> fmt::Result {
    optional(f, " SET PASSWORD ", settings.password.as_ref())?;
    if let Some(must_change) = settings.must_change {
        f.write_str(match settings.password {
            Some(_) => " CHANGE ",
            None => " SET PASSWORD CHANGE ",
        })?;
        f.write_str(if must_change {
            "REQUIRED"
        } else {
            "NOT REQUIRED"
        })?;
    }
    match settings.is_suspended {
        Some(true) => f.write_str(" SET STATUS SUSPENDED"),
        Some(false) => f.write_str(" SET STATUS ACTIVE"),
        None => Ok(()),
    }
}

fn names(f: &mut Formatter<'_>, names: &[NameOrParameter]) -> fmt::Result {
    separated(f, ", ", names, |f, name| name.fmt(f))
}

fn roles(f: &mut Formatter<'_>, assignment: &RoleAssignment, direction: &str) -> fmt::Result {
    f.write_str(" ROLE ")?;
    names(f, &assignment.roles)?;
    write!(f, " {direction} ")?;
    names(f, &assignment.users)
}

fn privilege(f: &mut Formatter<'_>, grant: &PrivilegeGrant, direction: &str) -> fmt::Result {
    write!(f, " {} ON GRAPH ", grant.privilege.words())?;
    match grant.graphs.is_empty() {
        true => f.write_str("*")?,
        false => names(f, &grant.graphs)?,
    }
    write!(f, " {direction} ")?;
    names(f, &grant.roles)
}

/// `SHOW … PRIVILEGES …`.
pub(super) fn privileges(
    f: &mut Formatter<'_>,
    of: &PrivilegesOf,
    shown: PrivilegesAs,
) -> fmt::Result {
    f.write_str("SHOW ")?;
    match of {
        PrivilegesOf::Everybody => {}
        PrivilegesOf::Roles(roles) => {
            f.write_str("ROLE ")?;
            shown_names(f, roles)?;
        }
        PrivilegesOf::Users(users) => {
            f.write_str("USER ")?;
            shown_names(f, users)?;
        }
    }
    f.write_str("PRIVILEGES")?;
    f.write_str(match shown {
        PrivilegesAs::Columns => "",
        PrivilegesAs::Grants => " AS COMMANDS",
        PrivilegesAs::Revocations => " AS REVOKE COMMANDS",
    })
}

fn shown_names(f: &mut Formatter<'_>, names: &[NameOrParameter]) -> fmt::Result {
    separated(f, ", ", names, |f, name| match name {
        NameOrParameter::Name(name)
            if SHOWN
                .iter()
                .any(|word| word.eq_ignore_ascii_case(&name.name)) =>
        {
            write!(f, "`{name}`")
        }
        name => name.fmt(f),
    })?;
    f.write_str(if names.is_empty() { "" } else { " " })
}
