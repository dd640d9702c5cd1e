//! Tenants: whom users and graphs belong to, what they may take, and what they share.

use std::sync::Arc;

use retrograph_admission::Limits;
use retrograph_graph::value::Value;

use super::{Directory, DirectoryError, Result, check_name, known_user};
use crate::snapshot::Snapshot;
use crate::{Action, Author, DEFAULT_TENANT, EVERY_GRAPH, Grant, Principal};

/// A tenant as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantInfo {
    /// The name.
    pub name: Arc<str>,
    /// What its users may take together.
    pub limits: Arc<Limits>,
    /// The names of its users, sorted.
    pub users: Vec<Arc<str>>,
    /// The names of the graphs that it owns, sorted.
    pub graphs: Vec<Arc<str>>,
    /// What others let it do with theirs.
    pub grants: Arc<[Grant]>,
}

impl Directory {
    /// All tenants, by name.
    ///
    /// # Errors
    /// If the system graph cannot be read.
    pub fn tenants(&self) -> Result<Vec<TenantInfo>> {
        let snapshot = self.snapshot()?;
        let info = |name: &Arc<str>| {
            let users = snapshot.users.values();
            let users = users.filter(|user| user.tenant == *name);
            TenantInfo {
                name: Arc::clone(name),
                limits: snapshot.limits_of_tenant(name),
                users: users.map(|user| Arc::clone(&user.name)).collect(),
                graphs: snapshot.graphs_of(name),
                grants: snapshot.grants_of_tenant(name),
            }
        };
        Ok(snapshot.tenants().iter().map(info).collect())
    }

    /// The tenant of somebody as of now, what it may take, and what they may take of that.
    ///
    /// # Errors
    /// If the system graph cannot be read.
    pub fn limits(&self, principal: &Principal) -> Result<(Arc<str>, Arc<Limits>, Arc<Limits>)> {
        let snapshot = self.snapshot()?;
        let user = snapshot.users.get(&principal.name);
        let tenant = Arc::clone(user.map_or(&principal.tenant, |user| &user.tenant));
        let of_tenant = snapshot.limits_of_tenant(&tenant);
        Ok((tenant, of_tenant, snapshot.limits_of_user(&principal.name)))
    }

    /// Makes a tenant without users and graphs.
    ///
    /// # Errors
    /// The name cannot be used or is taken.
    pub fn create_tenant(&self, actor: impl Into<Author>, name: &str) -> Result<()> {
        check_name(name)?;
        let _changing = self.changing.lock();
        if self.snapshot()?.has_tenant(name) {
            return Err(DirectoryError::Exists {
                what: "tenant",
                name: name.to_owned(),
            });
        }
        self.change(
            actor,
            &format!("create tenant `{name}`"),
            "CREATE (:Tenant {name: $name})",
            [("name", name.into())],
        )
    }

    /// Removes a tenant that has no users and graphs.
    ///
    /// # Errors
    /// There is none of the name, it has some, or it is the one of those who have no other.
    pub fn drop_tenant(&self, actor: impl Into<Author>, name: &str) -> Result<()> {
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        known_tenant(&snapshot, name)?;
        let mut users = snapshot.users.values();
        let user = users.find(|user| *user.tenant == *name);
        let user = user.map(|user| format!("the user `{}`", user.name));
        let graphs = snapshot.graphs_of(name);
        let graph = graphs.first().map(|graph| format!("the graph `{graph}`"));
        if name == DEFAULT_TENANT {
            return Err(DirectoryError::DefaultTenant(name.to_owned()));
        }
        if let Some(of) = user.or(graph) {
            return Err(DirectoryError::InUse {
                tenant: name.to_owned(),
                of,
            });
        }
        let text = "MATCH (t:Tenant {name: $name}) OPTIONAL MATCH (t)-[:HOLDS]->(g:Grant) \
                    DETACH DELETE g, t";
        let activity = format!("drop tenant `{name}`");
        self.change(actor, &activity, text, [("name", name.into())])
    }

    /// Says what all users of a tenant may take together.
    ///
    /// # Errors
    /// There is none of the name.
    pub fn limit_tenant(
        &self,
        actor: impl Into<Author>,
        name: &str,
        limits: &Limits,
    ) -> Result<()> {
        let _changing = self.changing.lock();
        known_tenant(&*self.snapshot()?, name)?;
        let text = "MERGE (t:Tenant {name: $name}) SET t += $limits";
        let parameters = [("name", name.into()), ("limits", as_map(limits))];
        let activity = format!("limit tenant `{name}`");
        self.change(actor, &activity, text, parameters)
    }

    /// Says what a user may take of what the tenant may.
    ///
    /// # Errors
    /// There is none of the name.
    pub fn limit_user(&self, actor: impl Into<Author>, name: &str, limits: &Limits) -> Result<()> {
        let _changing = self.changing.lock();
        known_user(&*self.snapshot()?, name)?;
        let text = "MATCH (u:User {name: $name}) SET u += $limits";
        let parameters = [("name", name.into()), ("limits", as_map(limits))];
        let activity = format!("limit user `{name}`");
        self.change(actor, &activity, text, parameters)
    }

    /// What a tenant may take, to be changed.
    ///
    /// # Errors
    /// There is none of the name.
    pub fn tenant_limits(&self, name: &str) -> Result<Limits> {
        let snapshot = self.snapshot()?;
        known_tenant(&snapshot, name)?;
        Ok(Limits::clone(&snapshot.limits_of_tenant(name)))
    }

    /// What a user may take, to be changed.
    ///
    /// # Errors
    /// There is none of the name.
    pub fn user_limits(&self, name: &str) -> Result<Limits> {
        let snapshot = self.snapshot()?;
        known_user(&snapshot, name)?;
        Ok(Limits::clone(&snapshot.limits_of_user(name)))
    }

    /// Moves a user to a tenant.
    ///
    /// # Errors
    /// There is no such user or tenant.
    pub fn assign_user(&self, actor: impl Into<Author>, tenant: &str, user: &str) -> Result<()> {
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        known_tenant(&snapshot, tenant)?;
        known_user(&snapshot, user)?;
        let text = "MATCH (u:User {name: $user}) SET u.tenant = $tenant";
        let parameters = [("user", user.into()), ("tenant", tenant.into())];
        let activity = format!("assign user `{user}` to tenant `{tenant}`");
        self.change(actor, &activity, text, parameters)
    }

    /// Gives a graph to a tenant.
    ///
    /// # Errors
    /// There is no such graph or tenant.
    pub fn assign_graph(&self, actor: impl Into<Author>, tenant: &str, graph: &str) -> Result<()> {
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        known_tenant(&snapshot, tenant)?;
        known_graph(&snapshot, graph)?;
        let text = "MATCH (g:Graph {name: $graph}) SET g.tenant = $tenant";
        let parameters = [("graph", graph.into()), ("tenant", tenant.into())];
        let activity = format!("assign graph `{graph}` to tenant `{tenant}`");
        self.change(actor, &activity, text, parameters)
    }

    /// Says what the users of a tenant may do with a graph that another one owns, as far as their roles allow
    /// it, in place of what was said before; nothing if there are no actions.
    ///
    /// # Errors
    /// There is no such graph or tenant.
    pub fn share(&self, actor: impl Into<Author>, tenant: &str, grant: &Grant) -> Result<()> {
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        known_tenant(&snapshot, tenant)?;
        known_graph(&snapshot, &grant.graph)?;
        let actions: Vec<&str> = grant.actions.iter().map(Action::name).collect();
        let activity = format!(
            "let tenant `{tenant}` do on graph `{}`: {}",
            grant.graph,
            match actions.is_empty() {
                true => "nothing".to_owned(),
                false => actions.join(", "),
            }
        );
        let parameters = [
            ("tenant", tenant.into()),
            ("graph", Value::String(Arc::clone(&grant.graph))),
            (
                "actions",
                Value::List(actions.iter().map(|action| Value::from(*action)).collect()),
            ),
        ];
        let text = match actions.is_empty() {
            true => {
                "MATCH (:Tenant {name: $tenant})-[:HOLDS]->(g:Grant {graph: $graph}) DETACH DELETE g"
            }
            false => {
                "MERGE (t:Tenant {name: $tenant}) MERGE (t)-[:HOLDS]->(g:Grant {graph: $graph}) \
                 SET g.actions = $actions"
            }
        };
        self.change(actor, &activity, text, parameters)
    }
}

fn as_map(limits: &Limits) -> Value {
    let values = limits
        .values()
        .map(|value| value.map_or(Value::Null, Value::Int));
    let entries = Limits::NAMES.into_iter().map(Arc::from).zip(values);
    Value::Map(Arc::new(entries.collect()))
}

pub(super) fn known_tenant(snapshot: &Snapshot, name: &str) -> Result<()> {
    match snapshot.has_tenant(name) {
        true => Ok(()),
        false => Err(DirectoryError::Missing {
            what: "tenant",
            name: name.to_owned(),
        }),
    }
}

fn known_graph(snapshot: &Snapshot, name: &str) -> Result<()> {
    match name != EVERY_GRAPH && snapshot.has_graph(name) {
        true => Ok(()),
        false => Err(DirectoryError::Missing {
            what: "graph",
            name: name.to_owned(),
        }),
    }
}
