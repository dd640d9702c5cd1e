//! `Admin`: graphs, users, roles and keys. What concerns users goes through the procedures that every
//! protocol has for them, so that one place decides and records.

use std::sync::Arc;

use retrograph_engine::{Output, Parameters};
use retrograph_graph::value::Value;
use retrograph_proto::v1;
use retrograph_proto::v1::admin_server::Admin;
use retrograph_server::{DatabaseError, GraphInfo};
use tonic::{Code, Request, Response, Status};

use super::api::Api;
use super::caller::Call;
use super::query::may_manage_others;
use super::schema::{flag, text, texts};
use super::{page, status, tenants, terms};
use crate::failures;
use crate::identity::Identity;
use crate::target::Terms;

/// The graph that tells about users.
const SYSTEM: &str = "system";

fn database(error: &DatabaseError) -> Status {
    match error {
        DatabaseError::GraphExists { .. } => status::with_reason(
            Code::AlreadyExists,
            "GRAPH_EXISTS",
            false,
            failures::chain(error),
        ),
        DatabaseError::BadName { .. } => status::invalid("name", failures::chain(error)),
        other => status::of(&failures::of_database(other)),
    }
}

/// Parameters of a procedure.
pub fn parameters<const N: usize>(named: [(&str, Value); N]) -> Parameters {
    named
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

impl Api {
    /// The rows of a procedure.
    pub async fn call(
        self: &Arc<Self>,
        call: Call,
        statement: &'static str,
        parameters: Parameters,
    ) -> Result<Vec<Vec<Output>>, Status> {
        self.work(move |api| {
            let graph = api.reachable(&call)?;
            let (target, options) = api.target(&call, &graph, Terms::default())?;
            api.rows(&target, &options, statement, &parameters)
        })
        .await
    }

    /// A graph from which procedures can be called: that of users, or for those who may not look into it
    /// any that they may use.
    fn reachable(&self, call: &Call) -> Result<Arc<str>, Status> {
        let system: Arc<str> = SYSTEM.into();
        if call.session.caller.identity.may_use(&system).is_ok() {
            return Ok(system);
        }
        let graphs = self.graphs_of(call)?;
        Ok(graphs.into_iter().next().unwrap_or(system))
    }

    fn described(&self, info: &GraphInfo) -> Result<v1::Graph, Status> {
        let graph = self.shared.database.graph(&info.name);
        let graph = graph.map_err(|error| database(&error))?;
        Ok(v1::Graph {
            name: info.name.to_string(),
            created: Some(terms::timestamp(info.created)),
            version: graph.latest().0,
        })
    }
}

fn administers(identity: &Identity) -> Result<(), Status> {
    match may_manage_others(identity) {
        true => Ok(()),
        false => Err(status::with_reason(
            Code::PermissionDenied,
            "FORBIDDEN",
            false,
            "making graphs is for administrators: the action `admin` is missing",
        )),
    }
}

#[tonic::async_trait]
impl Admin for Api {
    async fn list_graphs(
        self: Arc<Self>,
        request: Request<v1::ListGraphsRequest>,
    ) -> Result<Response<v1::ListGraphsResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let listed = self.work(move |api| {
            let graphs = api.shared.database.graphs();
            let graphs = graphs.map_err(|error| database(&error))?.into_iter();
            let identity = &call.session.caller.identity;
            let seen = graphs.filter(|graph| identity.may_use(&graph.name).is_ok());
            let size = page::long(request.page_size);
            let (page, next) = page::of(seen.collect(), &request.page_token, size, |graph| {
                &*graph.name
            })?;
            let graphs = page.iter().map(|info| api.described(info));
            Ok(v1::ListGraphsResponse {
                graphs: graphs.collect::<Result<_, _>>()?,
                next_page_token: next,
            })
        });
        Ok(Response::new(listed.await?))
    }

    async fn create_graph(
        self: Arc<Self>,
        request: Request<v1::CreateGraphRequest>,
    ) -> Result<Response<v1::CreateGraphResponse>, Status> {
        let call = Call::of(&request)?;
        let name = request.into_inner().name;
        let created = self.work(move |api| {
            administers(&call.session.caller.identity)?;
            let base = &api.shared.database;
            base.create_graph(&name).map_err(|error| database(&error))?;
            let graphs = base.graphs().map_err(|error| database(&error))?;
            let info = graphs.iter().find(|graph| *graph.name == *name);
            info.map(|info| api.described(info)).transpose()
        });
        Ok(Response::new(v1::CreateGraphResponse {
            graph: created.await?,
        }))
    }

    async fn list_users(
        self: Arc<Self>,
        request: Request<v1::ListUsersRequest>,
    ) -> Result<Response<v1::ListUsersResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let statement = "CALL user.list() YIELD id, name, tenant, roles, hasPassword, \
                         mustChangePassword, suspended, limits";
        let rows = self.call(call, statement, Parameters::new()).await?;
        let user = |row: &Vec<Output>| v1::User {
            user_id: text(row, 0),
            name: text(row, 1),
            tenant: text(row, 2),
            roles: texts(row, 3),
            has_password: flag(row, 4),
            must_change_password: flag(row, 5),
            suspended: flag(row, 6),
            limits: tenants::told(row.get(7)),
        };
        let size = page::long(request.page_size);
        let users = rows.iter().map(user).collect();
        let (users, next_page_token) =
            page::of(users, &request.page_token, size, |user| &user.name)?;
        Ok(Response::new(v1::ListUsersResponse {
            users,
            next_page_token,
        }))
    }

    async fn create_user(
        self: Arc<Self>,
        request: Request<v1::CreateUserRequest>,
    ) -> Result<Response<v1::CreateUserResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let password = request.password.map_or(Value::Null, Value::string);
        let given = parameters([
            ("name", Value::string(request.name)),
            ("password", password),
            ("mustChange", Value::Bool(!request.keep_password)),
        ]);
        let statement = "CALL user.create($name, $password, $mustChange)";
        self.call(call, statement, given).await?;
        Ok(Response::new(v1::CreateUserResponse {}))
    }

    async fn drop_user(
        self: Arc<Self>,
        request: Request<v1::DropUserRequest>,
    ) -> Result<Response<v1::DropUserResponse>, Status> {
        let call = Call::of(&request)?;
        let given = parameters([("name", Value::string(request.into_inner().name))]);
        self.call(call, "CALL user.drop($name)", given).await?;
        Ok(Response::new(v1::DropUserResponse {}))
    }

    async fn suspend_user(
        self: Arc<Self>,
        request: Request<v1::SuspendUserRequest>,
    ) -> Result<Response<v1::SuspendUserResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let given = parameters([
            ("name", Value::string(request.name)),
            ("suspended", Value::Bool(!request.resume)),
        ]);
        let statement = "CALL user.suspend($name, $suspended)";
        self.call(call, statement, given).await?;
        Ok(Response::new(v1::SuspendUserResponse {}))
    }

    async fn set_password(
        self: Arc<Self>,
        request: Request<v1::SetPasswordRequest>,
    ) -> Result<Response<v1::SetPasswordResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let given = parameters([
            ("name", Value::string(request.name)),
            ("password", Value::string(request.password)),
            ("mustChange", Value::Bool(!request.keep_password)),
        ]);
        let statement = "CALL user.setPassword($name, $password, $mustChange)";
        self.call(call, statement, given).await?;
        Ok(Response::new(v1::SetPasswordResponse {}))
    }

    async fn change_password(
        self: Arc<Self>,
        request: Request<v1::ChangePasswordRequest>,
    ) -> Result<Response<v1::ChangePasswordResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let given = parameters([
            ("old", Value::string(request.old_password)),
            ("new", Value::string(request.new_password)),
        ]);
        let statement = "CALL user.changePassword($old, $new)";
        self.call(call, statement, given).await?;
        Ok(Response::new(v1::ChangePasswordResponse {}))
    }

    async fn list_roles(
        self: Arc<Self>,
        request: Request<v1::ListRolesRequest>,
    ) -> Result<Response<v1::ListRolesResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let statement = "CALL role.list() YIELD role, graph, actions, builtIn";
        let mut rows = self.call(call, statement, Parameters::new()).await?;
        rows.sort_by_key(|row| (text(row, 0), text(row, 1)));
        let mut roles: Vec<v1::Role> = Vec::new();
        for row in &rows {
            let name = text(row, 0);
            if roles.last().is_none_or(|role| role.name != name) {
                roles.push(v1::Role {
                    name,
                    grants: Vec::new(),
                    built_in: flag(row, 3),
                });
            }
            let graph = text(row, 1);
            if let Some(role) = roles.last_mut()
                && !graph.is_empty()
            {
                role.grants.push(v1::RoleGrant {
                    graph,
                    actions: texts(row, 2),
                });
            }
        }
        let size = page::long(request.page_size);
        let (roles, next_page_token) =
            page::of(roles, &request.page_token, size, |role| &role.name)?;
        Ok(Response::new(v1::ListRolesResponse {
            roles,
            next_page_token,
        }))
    }

    async fn create_role(
        self: Arc<Self>,
        request: Request<v1::CreateRoleRequest>,
    ) -> Result<Response<v1::CreateRoleResponse>, Status> {
        let call = Call::of(&request)?;
        let given = parameters([("name", Value::string(request.into_inner().name))]);
        self.call(call, "CALL role.create($name)", given).await?;
        Ok(Response::new(v1::CreateRoleResponse {}))
    }

    async fn drop_role(
        self: Arc<Self>,
        request: Request<v1::DropRoleRequest>,
    ) -> Result<Response<v1::DropRoleResponse>, Status> {
        let call = Call::of(&request)?;
        let given = parameters([("name", Value::string(request.into_inner().name))]);
        self.call(call, "CALL role.drop($name)", given).await?;
        Ok(Response::new(v1::DropRoleResponse {}))
    }

    async fn grant(
        self: Arc<Self>,
        request: Request<v1::GrantRequest>,
    ) -> Result<Response<v1::GrantResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let Some(grant) = request.grant else {
            return Err(status::invalid("grant", "say what the role is to allow"));
        };
        let actions: Vec<Value> = grant.actions.into_iter().map(Value::string).collect();
        let given = parameters([
            ("role", Value::string(request.role)),
            ("graph", Value::string(grant.graph)),
            ("actions", Value::list(actions)),
        ]);
        let statement = "CALL role.grant($role, $graph, $actions)";
        self.call(call, statement, given).await?;
        Ok(Response::new(v1::GrantResponse {}))
    }

    async fn assign_role(
        self: Arc<Self>,
        request: Request<v1::AssignRoleRequest>,
    ) -> Result<Response<v1::AssignRoleResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let given = parameters([
            ("role", Value::string(request.role)),
            ("user", Value::string(request.user)),
        ]);
        self.call(call, "CALL role.assign($role, $user)", given)
            .await?;
        Ok(Response::new(v1::AssignRoleResponse {}))
    }

    async fn unassign_role(
        self: Arc<Self>,
        request: Request<v1::UnassignRoleRequest>,
    ) -> Result<Response<v1::UnassignRoleResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let given = parameters([
            ("role", Value::string(request.role)),
            ("user", Value::string(request.user)),
        ]);
        self.call(call, "CALL role.unassign($role, $user)", given)
            .await?;
        Ok(Response::new(v1::UnassignRoleResponse {}))
    }

    async fn list_api_keys(
        self: Arc<Self>,
        request: Request<v1::ListApiKeysRequest>,
    ) -> Result<Response<v1::ListApiKeysResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let statement = "CALL apiKey.list() YIELD id, user, label, expires";
        let rows = self.call(call, statement, Parameters::new()).await?;
        let key = |row: &Vec<Output>| v1::ApiKey {
            key_id: text(row, 0),
            user: text(row, 1),
            label: text(row, 2),
            expires: match row.get(3) {
                Some(Output::Value(Value::Int(end))) => {
                    Some(terms::timestamp(retrograph_graph::ids::SystemTime(*end)))
                }
                _ => None,
            },
        };
        let size = page::long(request.page_size);
        let keys = rows.iter().map(key).collect();
        let (api_keys, next_page_token) =
            page::of(keys, &request.page_token, size, |key| &key.key_id)?;
        Ok(Response::new(v1::ListApiKeysResponse {
            api_keys,
            next_page_token,
        }))
    }

    async fn create_api_key(
        self: Arc<Self>,
        request: Request<v1::CreateApiKeyRequest>,
    ) -> Result<Response<v1::CreateApiKeyResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let days = match request.days {
            0 => Value::Null,
            days => Value::Int(days.into()),
        };
        let given = parameters([
            ("user", Value::string(request.user)),
            ("label", Value::string(request.label)),
            ("days", days),
        ]);
        let statement = "CALL apiKey.create($user, $label, $days) YIELD id, key";
        let rows = self.call(call, statement, given).await?;
        let row = rows.first().ok_or_else(super::outlet::lost)?;
        Ok(Response::new(v1::CreateApiKeyResponse {
            key_id: text(row, 0),
            key: text(row, 1),
        }))
    }

    async fn drop_api_key(
        self: Arc<Self>,
        request: Request<v1::DropApiKeyRequest>,
    ) -> Result<Response<v1::DropApiKeyResponse>, Status> {
        let call = Call::of(&request)?;
        let given = parameters([("id", Value::string(request.into_inner().key_id))]);
        self.call(call, "CALL apiKey.drop($id)", given).await?;
        Ok(Response::new(v1::DropApiKeyResponse {}))
    }
}
