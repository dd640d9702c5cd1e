//! All users, roles and keys of one version of the `system` graph, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use retrograph_engine::Output;
use retrograph_graph::ids::{SystemTime, Version};
use retrograph_graph::value::Value;

use crate::role::built_in;
use crate::{Action, Actions, DEFAULT_TENANT, EVERY_GRAPH, Grant, Principal, Proof};

/// A user as the graph says.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) tenant: Arc<str>,
    /// As a PHC string; without one, nobody can log in by a password.
    pub(crate) password: Option<Arc<str>>,
    pub(crate) must_change_password: bool,
    pub(crate) is_suspended: bool,
    pub(crate) roles: Vec<Arc<str>>,
}

/// A key as the graph says.
#[derive(Clone, Debug)]
pub(crate) struct ApiKey {
    pub(crate) hash: Arc<str>,
    pub(crate) expires: Option<SystemTime>,
    pub(crate) user: Arc<str>,
    pub(crate) label: Arc<str>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Snapshot {
    pub(crate) version: Version,
    pub(crate) users: BTreeMap<Arc<str>, User>,
    pub(crate) keys: HashMap<Arc<str>, ApiKey>,
    tenants: HashMap<Arc<str>, Arc<str>>,
    roles: BTreeMap<Arc<str>, Vec<Grant>>,
}

/// A row of the graph is not what this program writes.
#[derive(Debug, thiserror::Error)]
#[error("the system graph describes {0} in a way this program does not understand")]
pub struct Malformed(pub(crate) &'static str);

/// What is read of users, one row for each.
pub(crate) const USERS: &str = "MATCH (u:User) OPTIONAL MATCH (u)-[:HAS_ROLE]->(r:Role) \
     RETURN u.id, u.name, u.tenant, u.password, u.mustChangePassword, u.suspended, collect(r.name)";
/// What is read of roles, one row for each grant.
pub(crate) const ROLES: &str =
    "MATCH (r:Role) OPTIONAL MATCH (r)-[:GRANTS]->(g:Grant) RETURN r.name, g.graph, g.actions";
/// What is read of keys, one row for each.
pub(crate) const KEYS: &str =
    "MATCH (k:ApiKey)-[:OF]->(u:User) RETURN k.id, k.hash, k.expires, u.name, k.label";

/// What is read of graphs, one row for each.
pub(crate) const GRAPHS: &str = "MATCH (g:Graph) RETURN g.name, g.tenant";

impl Snapshot {
    pub(crate) fn read(
        version: Version,
        users: &[Vec<Output>],
        roles: &[Vec<Output>],
        keys: &[Vec<Output>],
        graphs: &[Vec<Output>],
    ) -> Result<Self, Malformed> {
        let mut snapshot = Self {
            version,
            ..Self::default()
        };
        for row in users {
            let user = user(row).ok_or(Malformed("a user"))?;
            snapshot.users.insert(Arc::clone(&user.name), user);
        }
        for row in roles {
            let (name, grant) = grant(row).ok_or(Malformed("a role"))?;
            snapshot.roles.entry(name).or_default().extend(grant);
        }
        for row in keys {
            let (id, key) = key(row).ok_or(Malformed("an API key"))?;
            snapshot.keys.insert(id, key);
        }
        for row in graphs {
            let (name, tenant) = owned(row).ok_or(Malformed("a graph"))?;
            snapshot.tenants.extend(tenant.map(|tenant| (name, tenant)));
        }
        Ok(snapshot)
    }

    /// The names of the users by their ids.
    pub(crate) fn names_by_id(&self) -> HashMap<Arc<str>, Arc<str>> {
        let users = self.users.values();
        users
            .map(|user| (Arc::clone(&user.id), Arc::clone(&user.name)))
            .collect()
    }

    /// Who owns a graph; also one that is not there yet.
    pub(crate) fn tenant_of(&self, graph: &str) -> Arc<str> {
        let known = self.tenants.get(graph).cloned();
        known.unwrap_or_else(|| DEFAULT_TENANT.into())
    }

    /// The roles that were made, by name. Those of the built-in ones that somebody has are in the graph
    /// as well, without grants.
    pub(crate) fn roles(&self) -> impl Iterator<Item = (&Arc<str>, &Vec<Grant>)> {
        self.roles
            .iter()
            .filter(|(name, _)| built_in(name).is_none())
    }

    /// Whether there is a role of this name, built in or not.
    pub(crate) fn has_role(&self, name: &str) -> bool {
        built_in(name).is_some() || self.roles.contains_key(name)
    }

    /// What roles allow together, and whether beyond the tenant. Roles that are not there allow nothing.
    pub(crate) fn granted(&self, roles: &[Arc<str>]) -> (Vec<Grant>, bool) {
        let mut grants = Vec::new();
        let mut is_operator = false;
        for role in roles {
            if let Some(role) = built_in(role) {
                is_operator |= role.is_operator;
                grants.push(Grant {
                    graph: EVERY_GRAPH.into(),
                    actions: role.actions,
                });
            }
            grants.extend(self.roles.get(role).into_iter().flatten().cloned());
        }
        (grants, is_operator)
    }

    /// The user as one who was recognised.
    pub(crate) fn principal(&self, user: &User, expires: Option<SystemTime>) -> Principal {
        let (grants, is_operator) = self.granted(&user.roles);
        Principal {
            id: Arc::clone(&user.id),
            name: Arc::clone(&user.name),
            tenant: Arc::clone(&user.tenant),
            grants: grants.into(),
            is_operator,
            proof: Proof::Password,
            must_change_password: user.must_change_password,
            expires,
        }
    }
}

fn value(output: &Output) -> Option<&Value> {
    match output {
        Output::Value(value) => Some(value),
        _ => None,
    }
}

fn text(output: &Output) -> Option<Arc<str>> {
    match value(output)? {
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn texts(output: &Output) -> Option<Vec<Arc<str>>> {
    match output {
        Output::List(items) => items.iter().map(text).collect(),
        Output::Value(Value::List(items)) => items
            .iter()
            .map(|item| match item {
                Value::String(text) => Some(text.clone()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

fn flag(output: &Output) -> Option<bool> {
    match value(output)? {
        Value::Bool(flag) => Some(*flag),
        Value::Null => Some(false),
        _ => None,
    }
}

/// A value that may be missing.
fn optional<T>(output: &Output, read: impl FnOnce(&Output) -> Option<T>) -> Option<Option<T>> {
    match output {
        Output::Value(Value::Null) => Some(None),
        there => read(there).map(Some),
    }
}

fn instant(output: &Output) -> Option<SystemTime> {
    match value(output)? {
        Value::Int(micros) => Some(SystemTime(*micros)),
        _ => None,
    }
}

fn user(row: &[Output]) -> Option<User> {
    let [id, name, tenant, password, must_change, suspended, roles] = row else {
        return None;
    };
    let mut roles = texts(roles)?;
    roles.sort_unstable();
    Some(User {
        id: text(id)?,
        name: text(name)?,
        tenant: text(tenant)?,
        password: optional(password, text)?,
        must_change_password: flag(must_change)?,
        is_suspended: flag(suspended)?,
        roles,
    })
}

fn grant(row: &[Output]) -> Option<(Arc<str>, Option<Grant>)> {
    let [role, graph, actions] = row else {
        return None;
    };
    let grant = match optional(graph, text)? {
        None => None,
        Some(graph) => {
            let actions = texts(actions)?;
            let actions: Option<Actions> =
                actions.iter().map(|name| Action::from_name(name)).collect();
            Some(Grant {
                graph,
                actions: actions?,
            })
        }
    };
    Some((text(role)?, grant))
}

fn key(row: &[Output]) -> Option<(Arc<str>, ApiKey)> {
    let [id, hash, expires, user, label] = row else {
        return None;
    };
    let key = ApiKey {
        hash: text(hash)?,
        expires: optional(expires, instant)?,
        user: text(user)?,
        label: text(label)?,
    };
    Some((text(id)?, key))
}

fn owned(row: &[Output]) -> Option<(Arc<str>, Option<Arc<str>>)> {
    let [name, tenant] = row else {
        return None;
    };
    Some((text(name)?, optional(tenant, text)?))
}
