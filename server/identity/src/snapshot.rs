//! All users, roles and keys of one version of the `system` graph, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use retrograph_admission::Limits;
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

/// A tenant as the graph says.
#[derive(Clone, Debug, Default)]
struct Tenant {
    limits: Arc<Limits>,
    grants: Arc<[Grant]>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Snapshot {
    pub(crate) version: Version,
    pub(crate) users: BTreeMap<Arc<str>, User>,
    pub(crate) keys: HashMap<Arc<str>, ApiKey>,
    /// Who owns each graph there is; none if that was never said.
    owners: BTreeMap<Arc<str>, Option<Arc<str>>>,
    tenants: BTreeMap<Arc<str>, Tenant>,
    user_limits: HashMap<Arc<str>, Arc<Limits>>,
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

/// What is read of the grants of tenants, one row for each.
pub(crate) const TENANT_GRANTS: &str =
    "MATCH (t:Tenant)-[:HOLDS]->(g:Grant) RETURN t.name, g.graph, g.actions";

/// What is read of tenants, one row for each.
pub(crate) fn tenants() -> String {
    limits_of("Tenant")
}

/// What is read of the limits of users, one row for each.
pub(crate) fn user_limits() -> String {
    limits_of("User")
}

fn limits_of(label: &str) -> String {
    let limits = Limits::NAMES.map(|name| format!("n.{name}"));
    format!("MATCH (n:{label}) RETURN n.name, {}", limits.join(", "))
}

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
            snapshot.owners.insert(name, tenant);
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

    /// Takes over what is said of tenants, their grants and the limits of users.
    pub(crate) fn read_tenants(
        &mut self,
        tenants: &[Vec<Output>],
        grants: &[Vec<Output>],
        users: &[Vec<Output>],
    ) -> Result<(), Malformed> {
        let mut held: HashMap<Arc<str>, Vec<Grant>> = HashMap::new();
        for row in grants {
            let (name, grant) = grant(row).ok_or(Malformed("a grant of a tenant"))?;
            held.entry(name).or_default().extend(grant);
        }
        self.tenants
            .insert(DEFAULT_TENANT.into(), Tenant::default());
        for row in tenants {
            let (name, limits) = limits(row).ok_or(Malformed("a tenant"))?;
            let mut grants = held.remove(&name).unwrap_or_default();
            grants.sort_by(|one, other| one.graph.cmp(&other.graph));
            let tenant = Tenant {
                limits: Arc::new(limits),
                grants: grants.into(),
            };
            self.tenants.insert(name, tenant);
        }
        for row in users {
            let (name, limits) = limits(row).ok_or(Malformed("the limits of a user"))?;
            if limits != Limits::default() {
                self.user_limits.insert(name, Arc::new(limits));
            }
        }
        Ok(())
    }

    /// The names of the tenants, in order.
    pub(crate) fn tenants(&self) -> Vec<Arc<str>> {
        self.tenants.keys().cloned().collect()
    }

    /// Whether there is a tenant of this name.
    pub(crate) fn has_tenant(&self, name: &str) -> bool {
        self.tenants.contains_key(name)
    }

    /// Whether there is a graph of this name.
    pub(crate) fn has_graph(&self, name: &str) -> bool {
        self.owners.contains_key(name)
    }

    /// The graphs that a tenant owns, in order.
    pub(crate) fn graphs_of(&self, tenant: &str) -> Vec<Arc<str>> {
        let graphs = self.owners.iter();
        graphs
            .filter(|(_, owner)| owner.as_deref().unwrap_or(DEFAULT_TENANT) == tenant)
            .map(|(graph, _)| Arc::clone(graph))
            .collect()
    }

    /// What a tenant may take.
    pub(crate) fn limits_of_tenant(&self, name: &str) -> Arc<Limits> {
        let tenant = self.tenants.get(name);
        tenant.map_or_else(Arc::default, |tenant| Arc::clone(&tenant.limits))
    }

    /// What others let a tenant do with their graphs.
    pub(crate) fn grants_of_tenant(&self, name: &str) -> Arc<[Grant]> {
        let tenant = self.tenants.get(name);
        tenant.map_or_else(Arc::default, |tenant| Arc::clone(&tenant.grants))
    }

    /// What a user may take of what the tenant may.
    pub(crate) fn limits_of_user(&self, name: &str) -> Arc<Limits> {
        self.user_limits.get(name).cloned().unwrap_or_default()
    }

    /// Who owns a graph; also one that is not there yet.
    pub(crate) fn tenant_of(&self, graph: &str) -> Arc<str> {
        let known = self.owners.get(graph).cloned();
        known.flatten().unwrap_or_else(|| DEFAULT_TENANT.into())
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
            tenant_grants: self.grants_of_tenant(&user.tenant),
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

fn limits(row: &[Output]) -> Option<(Arc<str>, Limits)> {
    let (name, values) = row.split_first()?;
    let mut limits = Limits::default();
    for (limit, output) in Limits::NAMES.into_iter().zip(values) {
        match value(output)? {
            Value::Null => {}
            Value::Int(number) => limits.set(limit, Some(*number)).ok()?,
            _ => return None,
        }
    }
    Some((text(name)?, limits))
}
