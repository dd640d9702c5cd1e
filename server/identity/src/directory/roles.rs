//! Roles: what they allow, and who has them.

use std::collections::BTreeSet;
use std::sync::Arc;

use retrograph_graph::value::Value;

use super::users::check_admin_remains;
use super::{
    Directory, DirectoryError, Existing, Result, check_name, is_to_be_made, known_user, quoted,
    texts,
};
use crate::role::built_in;
use crate::snapshot::Snapshot;
use crate::{Action, Actions, Author, EVERY_GRAPH, Grant, ROLES};

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
        self.assign_all(actor, &[user], &[role])
    }

    /// Gives users roles, all or none of them.
    ///
    /// # Errors
    /// There is no such user or role.
    pub fn assign_all<S: AsRef<str>>(
        &self,
        actor: impl Into<Author>,
        users: &[S],
        roles: &[S],
    ) -> Result<()> {
        let _changing = self.changing.lock();
        known(&*self.snapshot()?, users, roles)?;
        let text = "UNWIND $users AS user UNWIND $roles AS role MATCH (u:User {name: user}) \
                    MERGE (r:Role {name: role}) MERGE (u)-[:HAS_ROLE]->(r)";
        let activity = format!("assign role {} to user {}", quoted(roles), quoted(users));
        let parameters = [("users", texts(users)), ("roles", texts(roles))];
        self.change(actor, &activity, text, parameters)
    }

    /// Takes a role from a user; nothing happens if they do not have it.
    ///
    /// # Errors
    /// There is no such user or role, or nobody else can administer.
    pub fn unassign(&self, actor: impl Into<Author>, user: &str, role: &str) -> Result<()> {
        self.unassign_all(actor, &[user], &[role])
    }

    /// Takes roles from users, all or none of them.
    ///
    /// # Errors
    /// There is no such user or role, or nobody else can administer.
    pub fn unassign_all<S: AsRef<str>>(
        &self,
        actor: impl Into<Author>,
        users: &[S],
        roles: &[S],
    ) -> Result<()> {
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        known(&snapshot, users, roles)?;
        let is_operator = |role: &S| built_in(role.as_ref()).is_some_and(|role| role.is_operator);
        if roles.iter().any(is_operator) {
            check_admin_remains(&snapshot, users)?;
        }
        let text = "MATCH (u:User)-[has:HAS_ROLE]->(r:Role) \
                    WHERE u.name IN $users AND r.name IN $roles DELETE has";
        let activity = format!("take role {} from user {}", quoted(roles), quoted(users));
        let parameters = [("users", texts(users)), ("roles", texts(roles))];
        self.change(actor, &activity, text, parameters)
    }

    /// Makes a role that grants nothing yet.
    ///
    /// # Errors
    /// The name cannot be used or is taken.
    pub fn create_role(&self, actor: impl Into<Author>, name: &str) -> Result<()> {
        self.make_role(actor, name, None, Existing::Fail)
    }

    /// Makes a role that grants nothing yet, or what another one grants now. Nobody has it, even if it replaces one.
    ///
    /// # Errors
    /// The name cannot be used, or is taken and that matters, or there is no role to copy.
    pub fn make_role(
        &self,
        actor: impl Into<Author>,
        name: &str,
        copy_of: Option<&str>,
        existing: Existing,
    ) -> Result<()> {
        check_name(name)?;
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        let is_taken = snapshot.has_role(name);
        if !is_to_be_made(existing, is_taken, "role", name)? {
            return Ok(());
        }
        if is_taken {
            own_role(&snapshot, name)?;
        }
        let mut activity = match is_taken {
            true => format!("replace role `{name}`"),
            false => format!("create role `{name}`"),
        };
        let mut grants = Vec::new();
        if let Some(other) = copy_of {
            known_role(&snapshot, other)?;
            // What reaches beyond the tenant is not a grant, and is not copied.
            (grants, _) = snapshot.granted(&[other.into()]);
            activity.push_str(&format!(" as copy of `{other}`"));
        }
        let text = "OPTIONAL MATCH (old:Role {name: $name}) OPTIONAL MATCH (old)-[:GRANTS]->(g:Grant) \
                    DETACH DELETE g, old \
                    WITH count(*) AS dropped \
                    CREATE (r:Role {name: $name}) \
                    FOREACH (grant IN $grants | \
                    CREATE (r)-[:GRANTS]->(:Grant {graph: grant.graph, actions: grant.actions}))";
        let grants: Vec<Value> = grants.iter().map(|grant| described(name, grant)).collect();
        let parameters = [
            ("name", name.into()),
            ("grants", Value::List(grants.into())),
        ];
        self.change(actor, &activity, text, parameters)
    }

    /// Gives a role another name; those who have it keep it.
    ///
    /// # Errors
    /// There is none of the name, it is built in, or the new name cannot be used or is taken.
    pub fn rename_role(&self, actor: impl Into<Author>, name: &str, to: &str) -> Result<()> {
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        own_role(&snapshot, name)?;
        check_name(to)?;
        is_to_be_made(Existing::Fail, snapshot.has_role(to), "role", to)?;
        self.change(
            actor,
            &format!("rename role `{name}` to `{to}`"),
            "MATCH (r:Role {name: $name}) SET r.name = $to",
            [("name", name.into()), ("to", to.into())],
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
        self.change_grants(actor, &[role], &[&*grant.graph], |_| grant.actions)
    }

    /// Changes what roles allow on graphs, all or none of it: `changed` says what from now on, given what was
    /// allowed so far. The graphs need not be there yet.
    ///
    /// # Errors
    /// There is no role of a name, or it is built in.
    pub fn change_grants<S: AsRef<str>>(
        &self,
        actor: impl Into<Author>,
        roles: &[S],
        graphs: &[S],
        changed: impl Fn(Actions) -> Actions,
    ) -> Result<()> {
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        let (mut rows, mut activities) = (Vec::new(), Vec::new());
        let sorted = |names: &[S]| -> BTreeSet<String> {
            names.iter().map(|name| name.as_ref().to_owned()).collect()
        };
        let graphs = sorted(graphs);
        for role in &sorted(roles) {
            own_role(&snapshot, role)?;
            let (grants, _) = snapshot.granted(&[role.as_str().into()]);
            for graph in &graphs {
                let mut grants = grants.iter();
                let before = grants.find(|grant| *grant.graph == **graph);
                let before = before.map_or_else(Actions::default, |grant| grant.actions);
                let grant = Grant {
                    graph: graph.as_str().into(),
                    actions: changed(before),
                };
                let allowed: Vec<&str> = grant.actions.iter().map(Action::name).collect();
                activities.push(match allowed.is_empty() {
                    true => format!("let role `{role}` do nothing on graph `{graph}`"),
                    false => {
                        let allowed = allowed.join(", ");
                        format!("let role `{role}` do on graph `{graph}`: {allowed}")
                    }
                });
                rows.push(described(role, &grant));
            }
        }
        let text = "UNWIND $grants AS grant MATCH (r:Role {name: grant.role}) \
                    OPTIONAL MATCH (r)-[:GRANTS]->(old:Grant {graph: grant.graph}) \
                    DETACH DELETE old \
                    WITH DISTINCT r, grant WHERE size(grant.actions) > 0 \
                    CREATE (r)-[:GRANTS]->(:Grant {graph: grant.graph, actions: grant.actions})";
        let parameters = [("grants", Value::List(rows.into()))];
        self.change(actor, &activities.join("; "), text, parameters)
    }
}

/// A grant of a role as the statements here take it.
fn described(role: &str, grant: &Grant) -> Value {
    let actions = grant.actions.iter().map(|action| action.name().into());
    let entries = [
        ("role", Value::from(role)),
        ("graph", Value::String(Arc::clone(&grant.graph))),
        ("actions", Value::List(actions.collect())),
    ];
    let entries = entries.into_iter();
    Value::Map(Arc::new(
        entries
            .map(|(key, value)| (Arc::from(key), value))
            .collect(),
    ))
}

/// All these users and roles are there.
fn known<S: AsRef<str>>(snapshot: &Snapshot, users: &[S], roles: &[S]) -> Result<()> {
    for user in users {
        known_user(snapshot, user.as_ref())?;
    }
    for role in roles {
        known_role(snapshot, role.as_ref())?;
    }
    Ok(())
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
