//! Roles by procedure: what they allow, and who has them.

use std::sync::Arc;

use retrograph_engine::types::Type;
use retrograph_graph::value::Value;

use super::entry::{Entry, texts};
use super::if_there;
use crate::{Actions, Grant, RoleGrant};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::administrators(
            "role.create",
            "Makes a role that grants nothing yet, or what another one grants. Of a role of the name it says what \
             happens: 'fail', 'keep' or 'replace'.",
        )
        .takes("name", Type::String)
        .may_take("copyOf", Type::String)
        .may_take("existing", Type::String)
        .does(|call| {
            let (name, copy_of) = (call.arguments.text(0)?, call.arguments.optional_text(1)?);
            let existing = call.arguments.existing(2)?;
            Ok(call
                .directory
                .make_role(call.actor(), &name, copy_of.as_deref(), existing)?)
        }),
        Entry::administrators("role.drop", "Removes a role, from those who have it too.")
            .takes("name", Type::String)
            .may_take("ifExists", Type::Boolean)
            .does(|call| {
                let name = call.arguments.text(0)?;
                let dropped = call.directory.drop_role(call.actor(), &name);
                if_there(dropped, call.arguments.flag(1, false)?)
            }),
        Entry::administrators("role.rename", "Gives a role another name.")
            .takes("name", Type::String)
            .takes("to", Type::String)
            .may_take("ifExists", Type::Boolean)
            .does(|call| {
                let (name, to) = (call.arguments.text(0)?, call.arguments.text(1)?);
                let renamed = call.directory.rename_role(call.actor(), &name, &to);
                if_there(renamed, call.arguments.flag(2, false)?)
            }),
        Entry::administrators(
            "role.grant",
            "Says what a role allows on a graph (`*`: every graph of the tenant), in place of what it allowed \
             there: read, read-past, write, schema, admin, audit.",
        )
        .takes("role", Type::String)
        .takes("graph", Type::String)
        .takes("actions", texts())
        .does(|call| {
            let grant = Grant {
                graph: call.arguments.text(1)?.into(),
                actions: call.arguments.actions(2)?,
            };
            let role = call.arguments.text(0)?;
            Ok(call.directory.grant(call.actor(), &role, &grant)?)
        }),
        change(
            "role.allow",
            "Adds actions to what roles allow on graphs.",
            Actions::with,
        ),
        change(
            "role.disallow",
            "Takes actions from what roles allow on graphs.",
            Actions::without,
        ),
        Entry::administrators("role.assign", "Gives users roles.")
            .takes("role", Type::Any)
            .takes("user", Type::Any)
            .does(|call| {
                let (roles, users) = (call.arguments.names(0)?, call.arguments.names(1)?);
                Ok(call.directory.assign_all(call.actor(), &users, &roles)?)
            }),
        Entry::administrators("role.unassign", "Takes roles from users.")
            .takes("role", Type::Any)
            .takes("user", Type::Any)
            .does(|call| {
                let (roles, users) = (call.arguments.names(0)?, call.arguments.names(1)?);
                Ok(call.directory.unassign_all(call.actor(), &users, &roles)?)
            }),
        Entry::administrators("role.list", "The roles and what each allows on a graph.")
            .gives("role", Type::String)
            .gives("graph", Type::String)
            .gives("actions", texts())
            .gives("builtIn", Type::Boolean)
            .rows(|call| {
                let roles = call.directory.roles()?;
                Ok(roles.into_iter().map(row).collect())
            }),
        Entry::administrators(
            "role.members",
            "The roles and who has them, one row for each; one without a member for a role that nobody has.",
        )
        .gives("role", Type::String)
        .gives("builtIn", Type::Boolean)
        .gives("member", Type::String)
        .rows(|call| {
            let users = call.directory.users()?;
            let mut roles = call.directory.roles()?;
            // There is one for each grant.
            roles.dedup_by(|role, before| role.role == before.role);
            let mut rows = Vec::new();
            for role in roles {
                let row = |member: Value| {
                    let name = Value::String(Arc::clone(&role.role));
                    vec![name, Value::Bool(role.is_built_in), member]
                };
                let members = users.iter().filter(|user| user.roles.contains(&role.role));
                let before = rows.len();
                rows.extend(members.map(|user| row(Value::String(Arc::clone(&user.name)))));
                if rows.len() == before {
                    rows.push(row(Value::Null));
                }
            }
            Ok(rows)
        }),
    ]
}

/// A procedure that changes what roles allow on graphs.
fn change(
    name: &'static str,
    description: &'static str,
    how: fn(Actions, Actions) -> Actions,
) -> Entry {
    Entry::administrators(name, description)
        .takes("role", Type::Any)
        .takes("graph", Type::Any)
        .takes("actions", texts())
        .does(move |call| {
            let (roles, graphs) = (call.arguments.names(0)?, call.arguments.names(1)?);
            let actions = call.arguments.actions(2)?;
            let changed = |before: Actions| how(before, actions);
            Ok(call
                .directory
                .change_grants(call.actor(), &roles, &graphs, changed)?)
        })
}

fn row(listed: RoleGrant) -> Vec<Value> {
    let (graph, actions) = match listed.grant {
        None => (Value::Null, Actions::default()),
        Some(grant) => (Value::String(grant.graph), grant.actions),
    };
    let actions = actions.iter().map(|action| action.name().into());
    vec![
        Value::String(listed.role),
        graph,
        Value::List(actions.collect()),
        Value::Bool(listed.is_built_in),
    ]
}
