//! Commands on indexes and constraints, SHOW and TERMINATE.

use std::fmt::{self, Display, Formatter, Write};

use super::name::{Key, Name};
use super::{administration, commas, optional, projection, separated};
use crate::ast::{
    ConstraintFilter, ConstraintRule, ConstraintSort, CreateConstraint, CreateIndex, DropSchema,
    Executable, Identifier, IndexKind, NameOrParameter, PropertyType, SchemaCommand, SchemaTarget,
    Show, ShowSubject,
};

pub(super) fn command(f: &mut Formatter<'_>, command: &SchemaCommand) -> fmt::Result {
    match command {
        SchemaCommand::CreateIndex(index) => create_index(f, index),
        SchemaCommand::CreateConstraint(constraint) => create_constraint(f, constraint),
        SchemaCommand::DropIndex(command) => drop_command(f, "INDEX", command),
        SchemaCommand::DropConstraint(command) => drop_command(f, "CONSTRAINT", command),
        SchemaCommand::Show(command) => show(f, command),
    }
}

fn create_index(f: &mut Formatter<'_>, index: &CreateIndex) -> fmt::Result {
    f.write_str("CREATE ")?;
    if index.kind != IndexKind::Range {
        write!(f, "{} ", index.kind.word())?;
    }
    f.write_str("INDEX")?;
    schema_name(f, index.name.as_ref(), index.if_not_exists)?;
    schema_target(f, &index.target)?;
    let variable = &index.target.variable;
    match index.kind {
        IndexKind::Lookup => {
            let function = match index.target.is_relationship {
                true => "type",
                false => "labels",
            };
            write!(f, " ON EACH {function}({})", Name(variable))?;
        }
        IndexKind::Fulltext => {
            f.write_str(" ON EACH [")?;
            schema_properties(f, variable, &index.properties)?;
            f.write_char(']')?;
        }
        _ => {
            f.write_str(" ON (")?;
            schema_properties(f, variable, &index.properties)?;
            f.write_char(')')?;
        }
    }
    optional(f, " OPTIONS ", index.options.as_ref())
}

fn create_constraint(f: &mut Formatter<'_>, constraint: &CreateConstraint) -> fmt::Result {
    f.write_str("CREATE CONSTRAINT")?;
    schema_name(f, constraint.name.as_ref(), constraint.if_not_exists)?;
    schema_target(f, &constraint.target)?;
    f.write_str(" REQUIRE (")?;
    schema_properties(f, &constraint.target.variable, &constraint.properties)?;
    f.write_str(") IS ")?;
    match &constraint.rule {
        ConstraintRule::Unique => f.write_str("UNIQUE")?,
        ConstraintRule::Key if constraint.target.is_relationship => {
            f.write_str("RELATIONSHIP KEY")?;
        }
        ConstraintRule::Key => f.write_str("NODE KEY")?,
        ConstraintRule::Exists => f.write_str("NOT NULL")?,
        ConstraintRule::Typed(types) => {
            f.write_str(":: ")?;
            separated(f, " | ", types, |f, property_type| property_type.fmt(f))?;
        }
    }
    optional(f, " OPTIONS ", constraint.options.as_ref())
}

impl Display for PropertyType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.scalar.name();
        match self.is_list {
            true => write!(f, "LIST<{name} NOT NULL>"),
            false => f.write_str(name),
        }
    }
}

fn schema_name(
    f: &mut Formatter<'_>,
    name: Option<&NameOrParameter>,
    if_not_exists: bool,
) -> fmt::Result {
    optional(f, " ", name)?;
    match if_not_exists {
        true => f.write_str(" IF NOT EXISTS"),
        false => Ok(()),
    }
}

fn schema_target(f: &mut Formatter<'_>, target: &SchemaTarget) -> fmt::Result {
    let (open, close) = match target.is_relationship {
        true => ("()-[", "]-()"),
        false => ("(", ")"),
    };
    write!(f, " FOR {open}{}", Name(&target.variable))?;
    if !target.names.is_empty() {
        f.write_char(':')?;
        separated(f, "|", &target.names, |f, name| Key(name).fmt(f))?;
    }
    f.write_str(close)
}

fn schema_properties(
    f: &mut Formatter<'_>,
    variable: &Identifier,
    properties: &[Identifier],
) -> fmt::Result {
    separated(f, ", ", properties, |f, property| {
        write!(f, "{}.{}", Name(variable), Key(property))
    })
}

fn drop_command(f: &mut Formatter<'_>, what: &str, command: &DropSchema) -> fmt::Result {
    write!(f, "DROP {what} {}", command.name)?;
    match command.if_exists {
        true => f.write_str(" IF EXISTS"),
        false => Ok(()),
    }
}

fn show(f: &mut Formatter<'_>, show: &Show) -> fmt::Result {
    subject(f, &show.subject)?;
    if !show.arguments.is_empty() {
        f.write_char(' ')?;
        commas(f, &show.arguments)?;
    }
    if let Some(yields) = &show.yields {
        f.write_str(" YIELD ")?;
        projection(f, yields)?;
    }
    optional(f, " WHERE ", show.predicate.as_ref())?;
    if let Some(returns) = &show.returns {
        f.write_str(" RETURN ")?;
        projection(f, returns)?;
    }
    match &show.next {
        Some(next) => {
            f.write_char(' ')?;
            self::show(f, next)
        }
        None => Ok(()),
    }
}

fn subject(f: &mut Formatter<'_>, subject: &ShowSubject) -> fmt::Result {
    match subject {
        ShowSubject::Indexes(None) => f.write_str("SHOW INDEXES"),
        ShowSubject::Indexes(Some(kind)) => write!(f, "SHOW {} INDEXES", kind.word()),
        ShowSubject::Constraints(filter) => constraints(f, *filter),
        ShowSubject::Functions {
            is_built_in,
            executable,
        } => {
            f.write_str(match is_built_in {
                None => "SHOW FUNCTIONS",
                Some(true) => "SHOW BUILT IN FUNCTIONS",
                Some(false) => "SHOW USER DEFINED FUNCTIONS",
            })?;
            executable_by(f, executable.as_ref())
        }
        ShowSubject::Procedures { executable } => {
            f.write_str("SHOW PROCEDURES")?;
            executable_by(f, executable.as_ref())
        }
        ShowSubject::Transactions => f.write_str("SHOW TRANSACTIONS"),
        ShowSubject::TerminateTransactions => f.write_str("TERMINATE TRANSACTIONS"),
        ShowSubject::Databases => f.write_str("SHOW DATABASES"),
        ShowSubject::Database(name) => write!(f, "SHOW DATABASE {}", Name(name)),
        ShowSubject::DefaultDatabase => f.write_str("SHOW DEFAULT DATABASE"),
        ShowSubject::HomeDatabase => f.write_str("SHOW HOME DATABASE"),
        ShowSubject::Settings => f.write_str("SHOW SETTINGS"),
        ShowSubject::CurrentUser => f.write_str("SHOW CURRENT USER"),
        ShowSubject::Users => f.write_str("SHOW USERS"),
        ShowSubject::Roles {
            is_populated,
            with_users,
        } => {
            f.write_str(match is_populated {
                true => "SHOW POPULATED ROLES",
                false => "SHOW ROLES",
            })?;
            f.write_str(if *with_users { " WITH USERS" } else { "" })
        }
        ShowSubject::Privileges(of, shown) => administration::privileges(f, of, *shown),
    }
}

fn constraints(f: &mut Formatter<'_>, filter: ConstraintFilter) -> fmt::Result {
    f.write_str("SHOW ")?;
    f.write_str(match filter.is_relationship {
        None => "",
        Some(false) => "NODE ",
        Some(true) => "RELATIONSHIP ",
    })?;
    f.write_str(match filter.sort {
        None => "",
        Some(ConstraintSort::Unique) => "UNIQUENESS ",
        Some(ConstraintSort::Key) => "KEY ",
        Some(ConstraintSort::Exists) => "EXISTENCE ",
        Some(ConstraintSort::Typed) => "PROPERTY TYPE ",
    })?;
    f.write_str("CONSTRAINTS")
}

fn executable_by(f: &mut Formatter<'_>, executable: Option<&Executable>) -> fmt::Result {
    match executable {
        None => Ok(()),
        Some(Executable::CurrentUser) => f.write_str(" EXECUTABLE"),
        Some(Executable::User(user)) => write!(f, " EXECUTABLE BY {}", Name(user)),
    }
}
