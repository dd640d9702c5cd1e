//! Administration: tenants, and what they and their users may take. For administrators.

use std::time::Duration;

use retrograph_proto::v1;
use retrograph_proto::v1::tenants_client::TenantsClient;

use crate::client::{Client, change, pages};
use crate::error::Error;
use crate::wire;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// What its users may take together.
    pub limits: Limits,
    /// The names of its users.
    pub users: Vec<String>,
    /// Its graphs.
    pub graphs: Vec<String>,
    /// What others let its users do with their graphs.
    pub shared_graphs: Vec<SharedGraph>,
}

/// What the users of a tenant may do with a graph of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedGraph {
    /// The graph.
    pub graph: String,
    /// The actions: `read`, `read-past`, `write`, `schema`, `admin`, `audit`.
    pub actions: Vec<String>,
}

/// What a tenant or a user may take. What is absent is not limited here; the limits of a user and those of the
/// tenant both hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The share of the server while others wait too, 1 to 1,000; 1 if absent.
    pub weight: Option<u32>,
    /// Queries that run at the same time.
    pub concurrent: Option<u32>,
    /// Queries that wait.
    pub queued: Option<u32>,
    /// How long a query runs, without waiting for its turn; whole milliseconds.
    pub time: Option<Duration>,
    /// Memory of all queries together.
    pub memory_bytes: Option<u64>,
    /// Rows of a result.
    pub rows: Option<u64>,
    /// Request units each second, in the long run.
    pub units_per_second: Option<u64>,
    /// Request units that may be saved up; ten seconds' worth if absent.
    pub units_burst: Option<u64>,
}

impl Limits {
    pub(crate) fn received(limits: Option<v1::Limits>) -> Self {
        let limits = limits.unwrap_or_default();
        Self {
            weight: limits.weight,
            concurrent: limits.concurrent,
            queued: limits.queued,
            time: limits
                .time
                .is_some()
                .then(|| wire::from_duration(limits.time)),
            memory_bytes: limits.memory_bytes,
            rows: limits.rows,
            units_per_second: limits.units_per_second,
            units_burst: limits.units_burst,
        }
    }

    fn sent(&self) -> Option<v1::Limits> {
        Some(v1::Limits {
            weight: self.weight,
            concurrent: self.concurrent,
            queued: self.queued,
            time: self.time.map(wire::to_duration),
            memory_bytes: self.memory_bytes,
            rows: self.rows,
            units_per_second: self.units_per_second,
            units_burst: self.units_burst,
        })
    }
}

/// Tenants of a server. What is changed counts from the next statement on, also for those who are logged in.
///
/// ```
/// # retrograph_client_harness::with_administrator(async |url, password| {
/// use retrograph_client::{Client, Limits};
///
/// let client = Client::builder().endpoint(url).user("admin", password).connect().await?;
/// let tenants = client.tenants();
///
/// tenants.create("acme").await?;
/// tenants.limit("acme", &Limits { concurrent: Some(8), ..Limits::default() }).await?;
/// tenants.share_graph("acme", "harbor", ["read"]).await?;
/// for tenant in tenants.list().await? {
///     println!("{}: {} users, {:?}", tenant.name, tenant.users.len(), tenant.limits);
/// }
/// # assert_eq!(tenants.list().await?.len(), 2);
/// # Ok(()) });
/// ```
#[derive(Clone, Debug)]
pub struct Tenants(Client);

impl Client {
    /// Tenants, and what they and their users may take.
    #[must_use]
    pub fn tenants(&self) -> Tenants {
        Tenants(self.clone())
    }
}

impl Tenants {
    /// The tenants, by name.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses.
    pub async fn list(&self) -> Result<Vec<Tenant>, Error> {
        let message = v1::ListTenantsRequest::default();
        let tenants = pages!(&self.0, TenantsClient, list_tenants, message, tenants)?;
        let shared = |shared: v1::SharedGraph| SharedGraph {
            graph: shared.graph,
            actions: shared.actions,
        };
        let tenant = |tenant: v1::Tenant| Tenant {
            name: tenant.name,
            limits: Limits::received(tenant.limits),
            users: tenant.users,
            graphs: tenant.graphs,
            shared_graphs: tenant.shared_graphs.into_iter().map(shared).collect(),
        };
        Ok(tenants.into_iter().map(tenant).collect())
    }

    /// Makes a tenant without users and graphs.
    ///
    /// # Errors
    /// If there is one of the name, or it cannot be one.
    pub async fn create(&self, name: impl Into<String>) -> Result<(), Error> {
        let message = v1::CreateTenantRequest { name: name.into() };
        change!(&self.0, TenantsClient, create_tenant, message)
    }

    /// Removes a tenant that has no users and graphs.
    ///
    /// # Errors
    /// If there is none of the name, it has some, or it is `main`.
    pub async fn drop(&self, name: impl Into<String>) -> Result<(), Error> {
        let message = v1::DropTenantRequest { name: name.into() };
        change!(&self.0, TenantsClient, drop_tenant, message)
    }

    /// Says what the users of a tenant may take together, in place of what was said before.
    ///
    /// # Errors
    /// If there is none of the name, or a limit is out of its range.
    pub async fn limit(&self, tenant: impl Into<String>, limits: &Limits) -> Result<(), Error> {
        let message = v1::LimitTenantRequest {
            tenant: tenant.into(),
            limits: limits.sent(),
        };
        change!(&self.0, TenantsClient, limit_tenant, message)
    }

    /// Says what a user may take of what the tenant may, in place of what was said before.
    ///
    /// # Errors
    /// If there is none of the name, or a limit is out of its range.
    pub async fn limit_user(&self, user: impl Into<String>, limits: &Limits) -> Result<(), Error> {
        let message = v1::LimitUserRequest {
            user: user.into(),
            limits: limits.sent(),
        };
        change!(&self.0, TenantsClient, limit_user, message)
    }

    /// Moves a user to a tenant.
    ///
    /// # Errors
    /// If there is no such user or tenant.
    pub async fn assign_user(
        &self,
        tenant: impl Into<String>,
        user: impl Into<String>,
    ) -> Result<(), Error> {
        let message = v1::AssignUserRequest {
            tenant: tenant.into(),
            user: user.into(),
        };
        change!(&self.0, TenantsClient, assign_user, message)
    }

    /// Gives a graph to a tenant.
    ///
    /// # Errors
    /// If there is no such graph or tenant.
    pub async fn assign_graph(
        &self,
        tenant: impl Into<String>,
        graph: impl Into<String>,
    ) -> Result<(), Error> {
        let message = v1::AssignGraphRequest {
            tenant: tenant.into(),
            graph: graph.into(),
        };
        change!(&self.0, TenantsClient, assign_graph, message)
    }

    /// Says what the users of a tenant may do with a graph of another one, as far as their roles allow it, in
    /// place of what was said before; no actions allow nothing.
    ///
    /// # Errors
    /// If there is no such tenant, graph or action.
    pub async fn share_graph<A: Into<String>>(
        &self,
        tenant: impl Into<String>,
        graph: impl Into<String>,
        actions: impl IntoIterator<Item = A>,
    ) -> Result<(), Error> {
        let shared = v1::SharedGraph {
            graph: graph.into(),
            actions: actions.into_iter().map(Into::into).collect(),
        };
        let message = v1::ShareGraphRequest {
            tenant: tenant.into(),
            shared_graph: Some(shared),
        };
        change!(&self.0, TenantsClient, share_graph, message)
    }
}
