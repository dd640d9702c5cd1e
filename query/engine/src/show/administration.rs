//! SHOW USERS, CURRENT USER, ROLES and PRIVILEGES: what procedures of whoever keeps users tell, in the columns that
//! clients expect.

use std::sync::Arc;

use retrograph_cypher::Span;
use retrograph_cypher::ast::{
    Administration, AdministrationCommand, Identifier, NameOrParameter, Privilege, PrivilegeGrant,
    PrivilegesAs, PrivilegesOf, Statement, StatementBody,
};
use retrograph_graph::value::Value;

use super::{Listing, Row, listing_of, named, strings};
use crate::administration::privilege;
use crate::error::QueryError;
use crate::functions::{CallContext, Procedure, Procedures, text};
use crate::types::Type;

/// The rows of a procedure, with some of its columns in an order of ours.
struct Source {
    procedure: Arc<Procedure>,
    places: Vec<usize>,
}

impl Source {
    /// None if there is no such procedure, or it has other columns.
    fn new(procedures: &Procedures, name: &str, columns: &[&str]) -> Option<Self> {
        let procedure = Arc::clone(procedures.get(name)?);
        let place = |column: &&str| {
            let mut results = procedure.results.iter();
            results.position(|(name, _)| name == column)
        };
        let places = columns.iter().map(place).collect::<Option<_>>()?;
        Some(Self { procedure, places })
    }

    fn rows(
        &self,
        context: &mut CallContext<'_>,
        arguments: &[Value],
    ) -> Result<Vec<Row>, QueryError> {
        let mut rows = Vec::new();
        (self.procedure.body)(context, arguments, &mut |row| {
            let cell = |place: &usize| row.get(*place).cloned().unwrap_or(Value::Null);
            rows.push(self.places.iter().map(cell).collect());
            Ok(())
        })?;
        Ok(rows)
    }
}

const USER: [&str; 7] = [
    "name",
    "roles",
    "mustChangePassword",
    "suspended",
    "id",
    "tenant",
    "hasPassword",
];

/// `SHOW USERS`.
pub(super) fn users(procedures: &Procedures) -> Option<Listing> {
    let source = Source::new(procedures, "user.list", &USER)?;
    Some(users_of("SHOW USERS", source))
}

/// `SHOW CURRENT USER`, where there are users.
pub(super) fn current_user(procedures: &Procedures) -> Option<Listing> {
    let source = Source::new(procedures, "user.current", &USER)?;
    Some(users_of("SHOW CURRENT USER", source))
}

fn users_of(name: &str, source: Source) -> Listing {
    let columns = [
        ("user", Type::String),
        ("roles", strings()),
        ("passwordChangeRequired", Type::Boolean),
        ("suspended", Type::Boolean),
        ("home", Type::String),
        ("id", Type::String),
        ("tenant", Type::String),
        ("hasPassword", Type::Boolean),
    ];
    listing_of(name, &columns, 5, move |context, _| {
        let mut rows = source.rows(context, &[])?;
        for row in &mut rows {
            // Users have no home database.
            row.insert(4, Value::Null);
        }
        Ok(rows)
    })
}

/// `SHOW [POPULATED] ROLES [WITH USERS]`.
pub(super) fn roles(
    procedures: &Procedures,
    is_populated: bool,
    with_users: bool,
) -> Option<Listing> {
    let columns = match with_users {
        true => vec![
            ("role", Type::String),
            ("member", Type::String),
            ("immutable", Type::Boolean),
        ],
        false => vec![("role", Type::String), ("immutable", Type::Boolean)],
    };
    let names: Vec<&str> = match with_users {
        true => vec!["role", "member", "builtIn"],
        false => vec!["role", "builtIn", "member"],
    };
    let source = Source::new(procedures, "role.members", &names)?;
    let (shown, member) = match with_users {
        true => (2, 1),
        false => (1, 2),
    };
    Some(listing_of(
        "SHOW ROLES",
        &columns,
        shown,
        move |context, _| {
            let mut rows = source.rows(context, &[])?;
            rows.retain(|row| !is_populated || row.get(member) != Some(&Value::Null));
            if !with_users {
                // The rows of a role stand together.
                rows.dedup_by(|row, before| row[0] == before[0]);
                rows.iter_mut().for_each(|row| row.truncate(member));
            }
            Ok(rows)
        },
    ))
}

/// `SHOW … PRIVILEGES`; its arguments are the names.
pub(super) fn privileges(
    procedures: &Procedures,
    of: &PrivilegesOf,
    shown_as: PrivilegesAs,
) -> Option<Listing> {
    let is_of_users = matches!(of, PrivilegesOf::Users(_));
    let source = match is_of_users {
        true => {
            let columns = ["role", "graph", "actions", "builtIn", "user"];
            Source::new(procedures, "user.grants", &columns)?
        }
        false => {
            let columns = ["role", "graph", "actions", "builtIn"];
            Source::new(procedures, "role.list", &columns)?
        }
    };
    let mut columns = match shown_as {
        PrivilegesAs::Columns => vec![
            ("access", Type::String),
            ("action", Type::String),
            ("resource", Type::String),
            ("graph", Type::String),
            ("segment", Type::String),
            ("role", Type::String),
            ("immutable", Type::Boolean),
        ],
        _ => vec![
            ("command", Type::String),
            ("immutable", Type::Boolean),
            ("role", Type::String),
        ],
    };
    if is_of_users {
        columns.push(("user", Type::String));
    }
    let shown = match shown_as {
        PrivilegesAs::Columns => columns.len(),
        _ => 1,
    };
    let body = move |context: &mut CallContext<'_>, arguments: &[Value]| {
        let names: Vec<Value> = named(arguments, "a name")?
            .into_iter()
            .map(Value::String)
            .collect();
        let grants = match (is_of_users, names.is_empty()) {
            (true, false) => source.rows(context, &[Value::List(names.into())])?,
            (true, true) => source.rows(context, &[])?,
            (false, is_all) => {
                let mut rows = source.rows(context, &[])?;
                rows.retain(|row| is_all || names.contains(&row[0]));
                rows
            }
        };
        Ok(grants
            .iter()
            .flat_map(|grant| granted(grant, shown_as))
            .collect())
    };
    Some(listing_of("SHOW PRIVILEGES", &columns, shown, body))
}

/// The rows of a grant, one for each of its actions.
fn granted(grant: &[Value], shown_as: PrivilegesAs) -> Vec<Row> {
    let [role, graph, actions, is_built_in, user @ ..] = grant else {
        return Vec::new();
    };
    let (Value::String(role), Value::String(graph), Value::List(actions)) = (role, graph, actions)
    else {
        return Vec::new();
    };
    let privileges = actions.iter().filter_map(|action| match action {
        Value::String(action) => privilege(action),
        _ => None,
    });
    let row = |privilege: Privilege| {
        let mut row = match shown_as {
            PrivilegesAs::Columns => {
                let (action, resource, segment) = described(privilege);
                vec![
                    text("GRANTED"),
                    text(action),
                    text(resource),
                    Value::String(Arc::clone(graph)),
                    text(segment),
                    Value::String(Arc::clone(role)),
                    is_built_in.clone(),
                ]
            }
            _ => vec![
                text(statement(privilege, graph, role, shown_as)),
                is_built_in.clone(),
                Value::String(Arc::clone(role)),
            ],
        };
        row.extend(user.iter().cloned());
        row
    };
    privileges.map(row).collect()
}

/// What a privilege is called, what it is about, and which part of that.
const fn described(privilege: Privilege) -> (&'static str, &'static str, &'static str) {
    match privilege {
        Privilege::Read => ("match", "all_properties", "ELEMENT(*)"),
        Privilege::ReadPast => ("read_past", "all_properties", "ELEMENT(*)"),
        Privilege::Write => ("write", "graph", "ELEMENT(*)"),
        Privilege::ReadAndWrite => ("graph_actions", "graph", "ELEMENT(*)"),
        Privilege::Schema => ("schema", "database", "database"),
        Privilege::Admin => ("admin", "database", "database"),
        Privilege::Audit => ("audit", "database", "database"),
    }
}

/// The statement that grants a privilege or takes it away.
fn statement(privilege: Privilege, graph: &str, role: &str, shown_as: PrivilegesAs) -> String {
    let name = |name: &str| NameOrParameter::Name(Identifier::new(name, Span::default()));
    let grant = PrivilegeGrant {
        privilege,
        graphs: match graph {
            "*" => Vec::new(),
            graph => vec![name(graph)],
        },
        roles: vec![name(role)],
    };
    let command = match shown_as {
        PrivilegesAs::Revocations => AdministrationCommand::Revoke(grant),
        _ => AdministrationCommand::Grant(grant),
    };
    let statement = Statement {
        mode: None,
        body: StatementBody::Administration(Administration {
            command,
            span: Span::default(),
        }),
        span: Span::default(),
    };
    statement.to_string()
}
