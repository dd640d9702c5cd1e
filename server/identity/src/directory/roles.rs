//! Roles: what they allow, and who has them.

use std::sync::Arc;

use retrograph_graph::value::Value;

use super::users::check_admin_remains;
use super::{Directory, DirectoryError, Result, check_name, known_user};
use crate::role::built_in;
use crate::snapshot::Snapshot;
use crate::{Action, Author, EVERY_GRAPH, Grant, ROLES};

/// What a role allows on a graph, as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleGrant {
    /// The name of the role.
    pub role: Arc<str>,
    /// What it allows where; none if it allows nothing yet.
    pub grant: Option<Grant>,
    /// Whether it is always there and cannot be changed.
    pub is_built_in: bool,
}

impl Directory {
    /// All roles by name, built in ones first, one item for each grant; one without for a role that grants
    /// nothing.
    ///
    /// # Errors
    /// If the system graph cannot be read.
    pub fn roles(&self) -> Result<Vec<RoleGrant>> {
        let built_in = ROLES.iter().map(|role| {
            let grant = Grant {
                graph: EVERY_GRAPH.into(),
                actions: role.actions,
            };
            RoleGrant {
                role: role.name.into(),
                grant: Some(grant),
                is_built_in: true,
            }
        });
        let mut roles: Vec<_> = built_in.collect();
        let snapshot = self.snapshot()?;
        for (name, grants) in snapshot.roles() {
            let of_role = |grant: Option<Grant>| RoleGrant {
                role: Arc::clone(name),
                grant,
                is_built_in: false,
            };
            roles.extend(grants.iter().map(|grant| of_role(Some(grant.clone()))));
            if grants.is_empty() {
                roles.push(of_role(None));
            }
        }
        Ok(roles)
    }

    /// Gives a user a role; nothing happens if they have it.
    ///
    /// # Errors
    /// There is no such user or role.
    pub fn assign(&self, actor: impl Into<Author>, user: &str, role: &str) -> Result<()> {
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        known_user(&snapshot, user)?;
        known_role(&snapshot, role)?;
        let text =
            "MATCH (u:User {name: $user}) MERGE (r:Role {name: $role}) MERGE (u)-[:HAS_ROLE]->(r)";
        let parameters = [("user", user.into()), ("role", role.into())];
        self.change(
            actor,
            &format!("assign role `{role}` to user `{user}`"),
            text,
            parameters,
        )
    }

    /// Takes a role from a user; nothing happens if they do not have it.
    ///
    /// # Errors
    /// There is no such user or role, or nobody else can administer.
    pub fn unassign(&self, actor: impl Into<Author>, user: &str, role: &str) -> Result<()> {
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        known_user(&snapshot, user)?;
        known_role(&snapshot, role)?;
        if built_in(role).is_some_and(|role| role.is_operator) {
            check_admin_remains(&snapshot, user)?;
        }
        let text = "MATCH (:User {name: $user})-[has:HAS_ROLE]->(:Role {name: $role}) DELETE has";
        let parameters = [("user", user.into()), ("role", role.into())];
        self.change(
            actor,
            &format!("take role `{role}` from user `{user}`"),
            text,
            parameters,
        )
    }

    /// Makes a role that grants nothing yet.
    ///
    /// # Errors
    /// The name cannot be used or is taken.
    pub fn create_role(&self, actor: impl Into<Author>, name: &str) -> Result<()> {
        check_name(name)?;
        let _changing = self.changing.lock();
        if self.snapshot()?.has_role(name) {
            return Err(DirectoryError::Exists {
                what: "role",
                name: name.to_owned(),
            });
        }
        self.change(
            actor,
            &format!("create role `{name}`"),
            "CREATE (:Role {name: $name})",
            [("name", name.into())],
        )
    }

    /// Removes a role, from those who have it too.
    ///
    /// # Errors
    /// There is none of the name, or it is built in.
    pub fn drop_role(&self, actor: impl Into<Author>, name: &str) -> Result<()> {
        let _changing = self.changing.lock();
        own_role(&*self.snapshot()?, name)?;
        let text = "MATCH (r:Role {name: $name}) OPTIONAL MATCH (r)-[:GRANTS]->(g:Grant) \
                    DETACH DELETE g, r";
        self.change(
            actor,
            &format!("drop role `{name}`"),
            text,
            [("name", name.into())],
        )
    }

    /// Says what a role allows on a graph, in place of what it allowed there. The graph need not be there
    /// yet.
    ///
    /// # Errors
    /// There is no role of the name, or it is built in.
    pub fn grant(&self, actor: impl Into<Author>, role: &str, grant: &Grant) -> Result<()> {
        let _changing = self.changing.lock();
        own_role(&*self.snapshot()?, role)?;
        let text = "MATCH (r:Role {name: $role}) MERGE (r)-[:GRANTS]->(g:Grant {graph: $graph}) \
                    SET g.actions = $actions";
        let actions: Vec<Value> = grant
            .actions
            .iter()
            .map(|action| action.name().into())
            .collect();
        let parameters = [
            ("role", role.into()),
            ("graph", Value::String(Arc::clone(&grant.graph))),
            ("actions", Value::List(actions.into())),
        ];
        let allowed: Vec<&str> = grant.actions.iter().map(Action::name).collect();
        let activity = match allowed.is_empty() {
            true => format!("let role `{role}` do nothing on graph `{}`", grant.graph),
            false => format!(
                "let role `{role}` do on graph `{}`: {}",
                grant.graph,
                allowed.join(", ")
            ),
        };
        self.change(actor, &activity, text, parameters)
    }
}

fn known_role(snapshot: &Snapshot, name: &str) -> Result<()> {
    match snapshot.has_role(name) {
        true => Ok(()),
        false => Err(DirectoryError::Missing {
            what: "role",
            name: name.to_owned(),
        }),
    }
}

/// A role that can be changed.
fn own_role(snapshot: &Snapshot, name: &str) -> Result<()> {
    match built_in(name) {
        Some(_) => Err(DirectoryError::BuiltIn(name.to_owned())),
        None => known_role(snapshot, name),
    }
}
