//! `Tenants`: tenants with their users, graphs and limits, by the procedures that every protocol has for them.

use std::sync::Arc;
use std::time::Duration;

use retrograph_engine::{Output, Parameters};
use retrograph_graph::value::Value;
use retrograph_proto::v1;
use retrograph_proto::v1::tenants_server::Tenants;
use tonic::{Request, Response, Status};

use super::admin::parameters;
use super::api::Api;
use super::caller::Call;
use super::schema::{text, texts};
use super::{page, status, terms};

/// Limits as `setLimits` takes them: all of them, so that none of before remains.
fn limits(sent: Option<v1::Limits>) -> Result<Value, Status> {
    let Some(sent) = sent else {
        return Err(status::invalid("limits", "say what the limits are to be"));
    };
    let milliseconds = match terms::duration("limits.time", sent.time)? {
        Some(time) if time.subsec_nanos() % 1_000_000 != 0 => {
            return Err(status::invalid("limits.time", "give whole milliseconds"));
        }
        time => time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
    };
    let named = [
        ("weight", sent.weight.map(u64::from)),
        ("concurrent", sent.concurrent.map(u64::from)),
        ("queued", sent.queued.map(u64::from)),
        ("timeMs", milliseconds),
        ("memoryBytes", sent.memory_bytes),
        ("rows", sent.rows),
        ("unitsPerSecond", sent.units_per_second),
        ("unitsBurst", sent.units_burst),
    ];
    let value = |number: Option<u64>| match number {
        // Refused by its range, with its name.
        Some(number) => Value::Int(i64::try_from(number).unwrap_or(-1)),
        None => Value::Null,
    };
    let entries = named.map(|(name, number)| (name.into(), value(number)));
    Ok(Value::Map(Arc::new(entries.into_iter().collect())))
}

/// Limits as the procedures tell them.
pub fn told(limits: Option<&Output>) -> Option<v1::Limits> {
    let Some(Output::Map(limits)) = limits else {
        return None;
    };
    let large = |name: &str| match limits.get(name) {
        Some(Output::Value(Value::Int(number))) => u64::try_from(*number).ok(),
        _ => None,
    };
    let small = |name: &str| large(name).and_then(|number| u32::try_from(number).ok());
    Some(v1::Limits {
        weight: small("weight"),
        concurrent: small("concurrent"),
        queued: small("queued"),
        time: large("timeMs").map(|ms| terms::told(Duration::from_millis(ms))),
        memory_bytes: large("memoryBytes"),
        rows: large("rows"),
        units_per_second: large("unitsPerSecond"),
        units_burst: large("unitsBurst"),
    })
}

fn shared(grant: &Output) -> v1::SharedGraph {
    let Output::Map(grant) = grant else {
        return v1::SharedGraph::default();
    };
    let of = |name: &str| grant.get(name).map_or(&[][..], std::slice::from_ref);
    v1::SharedGraph {
        graph: text(of("graph"), 0),
        actions: texts(of("actions"), 0),
    }
}

#[tonic::async_trait]
impl Tenants for Api {
    async fn list_tenants(
        self: Arc<Self>,
        request: Request<v1::ListTenantsRequest>,
    ) -> Result<Response<v1::ListTenantsResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let statement = "CALL tenant.list() YIELD name, limits, users, graphs, grants";
        let rows = self.call(call, statement, Parameters::new()).await?;
        let tenant = |row: &Vec<Output>| v1::Tenant {
            name: text(row, 0),
            limits: told(row.get(1)),
            users: texts(row, 2),
            graphs: texts(row, 3),
            shared_graphs: match row.get(4) {
                Some(Output::List(grants)) => grants.iter().map(shared).collect(),
                _ => Vec::new(),
            },
        };
        let mut tenants: Vec<v1::Tenant> = rows.iter().map(tenant).collect();
        tenants.sort_by(|left, right| left.name.cmp(&right.name));
        let size = page::long(request.page_size);
        let (tenants, next_page_token) =
            page::of(tenants, &request.page_token, size, |tenant| &tenant.name)?;
        Ok(Response::new(v1::ListTenantsResponse {
            tenants,
            next_page_token,
        }))
    }

    async fn create_tenant(
        self: Arc<Self>,
        request: Request<v1::CreateTenantRequest>,
    ) -> Result<Response<v1::CreateTenantResponse>, Status> {
        let call = Call::of(&request)?;
        let given = parameters([("name", Value::string(request.into_inner().name))]);
        self.call(call, "CALL tenant.create($name)", given).await?;
        Ok(Response::new(v1::CreateTenantResponse {}))
    }

    async fn drop_tenant(
        self: Arc<Self>,
        request: Request<v1::DropTenantRequest>,
    ) -> Result<Response<v1::DropTenantResponse>, Status> {
        let call = Call::of(&request)?;
        let given = parameters([("name", Value::string(request.into_inner().name))]);
        self.call(call, "CALL tenant.drop($name)", given).await?;
        Ok(Response::new(v1::DropTenantResponse {}))
    }

    async fn limit_tenant(
        self: Arc<Self>,
        request: Request<v1::LimitTenantRequest>,
    ) -> Result<Response<v1::LimitTenantResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let given = parameters([
            ("name", Value::string(request.tenant)),
            ("limits", limits(request.limits)?),
        ]);
        let statement = "CALL tenant.setLimits($name, $limits)";
        self.call(call, statement, given).await?;
        Ok(Response::new(v1::LimitTenantResponse {}))
    }

    async fn limit_user(
        self: Arc<Self>,
        request: Request<v1::LimitUserRequest>,
    ) -> Result<Response<v1::LimitUserResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let given = parameters([
            ("name", Value::string(request.user)),
            ("limits", limits(request.limits)?),
        ]);
        let statement = "CALL user.setLimits($name, $limits)";
        self.call(call, statement, given).await?;
        Ok(Response::new(v1::LimitUserResponse {}))
    }

    async fn assign_user(
        self: Arc<Self>,
        request: Request<v1::AssignUserRequest>,
    ) -> Result<Response<v1::AssignUserResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let given = parameters([
            ("tenant", Value::string(request.tenant)),
            ("user", Value::string(request.user)),
        ]);
        let statement = "CALL tenant.assignUser($tenant, $user)";
        self.call(call, statement, given).await?;
        Ok(Response::new(v1::AssignUserResponse {}))
    }

    async fn assign_graph(
        self: Arc<Self>,
        request: Request<v1::AssignGraphRequest>,
    ) -> Result<Response<v1::AssignGraphResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let given = parameters([
            ("tenant", Value::string(request.tenant)),
            ("graph", Value::string(request.graph)),
        ]);
        let statement = "CALL tenant.assignGraph($tenant, $graph)";
        self.call(call, statement, given).await?;
        Ok(Response::new(v1::AssignGraphResponse {}))
    }

    async fn share_graph(
        self: Arc<Self>,
        request: Request<v1::ShareGraphRequest>,
    ) -> Result<Response<v1::ShareGraphResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let Some(shared) = request.shared_graph else {
            return Err(status::invalid(
                "shared_graph",
                "say which graph, and what may be done with it",
            ));
        };
        let actions: Vec<Value> = shared.actions.into_iter().map(Value::string).collect();
        let given = parameters([
            ("tenant", Value::string(request.tenant)),
            ("graph", Value::string(shared.graph)),
            ("actions", Value::list(actions)),
        ]);
        let statement = "CALL tenant.grant($tenant, $graph, $actions)";
        self.call(call, statement, given).await?;
        Ok(Response::new(v1::ShareGraphResponse {}))
    }
}
