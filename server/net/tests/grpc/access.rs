//! Who gets in, what administrators do, and what anybody is told.

use retrograph_proto::v1;
use retrograph_proto::v1::admin_client::AdminClient;
use retrograph_proto::v1::query_client::QueryClient;
use retrograph_proto::v1::run_response::Part;
use retrograph_proto::v1::transactions_client::TransactionsClient;
use tonic::service::interceptor::InterceptedService;
use tonic::{Code, Status};

use crate::call::{
    Line, Shown, all_of, answer, basic, channel, integers, line_of, on, reason, run, with_users,
};
use crate::transactions::{begin, rollback, run_in};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_who_does_not_belong() {
    let fixture = with_users();
    for (shown, reason_wanted) in [
        (None, "UNAUTHENTICATED"),
        (Some(basic("root", "wrong")), "UNAUTHENTICATED"),
        (Some("Bearer rg_no_such_key".to_owned()), "UNAUTHENTICATED"),
        (Some("Digest x".to_owned()), "UNAUTHENTICATED"),
    ] {
        let line = InterceptedService::new(channel(&fixture).await, Shown(shown));
        let status = answer(&line, run("RETURN 1")).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
        assert_eq!(reason(&status), reason_wanted);
        let status = begin_status(&line).await;
        assert_eq!(status.code(), Code::Unauthenticated);
    }
    let eve = line_of(&fixture, &basic("eve", "correct horse")).await;
    assert_eq!(integers(&eve, run("RETURN 1")).await, [1]);
    let status = answer(&eve, run("CREATE (:A)")).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status)),
        (Code::PermissionDenied, "FORBIDDEN".into())
    );
    let system = v1::RunRequest {
        options: Some(on("system")),
        ..run("MATCH (n) RETURN count(n)")
    };
    let status = answer(&eve, system).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let mut admin = AdminClient::new(eve.clone());
    let status = admin
        .create_graph(v1::CreateGraphRequest {
            name: "mine".into(),
        })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let status = admin
        .list_users(v1::ListUsersRequest::default())
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);

    // Transactions and queries are those of who began them.
    let root = line_of(&fixture, &basic("root", "correct horse")).await;
    let id = begin(&root, None).await.transaction_id;
    let status = run_in(&eve, &id, "RETURN 1").await.unwrap_err();
    assert_eq!(reason(&status), "TRANSACTION_NOT_FOUND");
    rollback(&eve, &id).await;
    run_in(&root, &id, "RETURN 1").await.unwrap();
    let stream = QueryClient::new(root.clone())
        .run(run("UNWIND range(1, 100000000) AS n RETURN n"))
        .await
        .unwrap();
    let mut stream = stream.into_inner();
    let Some(Part::Header(header)) = stream.message().await.unwrap().unwrap().part else {
        panic!("no header");
    };
    let cancel = || v1::CancelRequest {
        query_id: header.query_id.clone(),
    };
    let status = QueryClient::new(eve).cancel(cancel()).await.unwrap_err();
    assert_eq!(reason(&status), "QUERY_NOT_FOUND");
    QueryClient::new(root).cancel(cancel()).await.unwrap();
    let ended = all_of(&mut stream).await.unwrap_err();
    assert_eq!(
        (ended.code(), reason(&ended)),
        (Code::Cancelled, "CANCELLED".into())
    );
}

async fn begin_status(line: &Line) -> Status {
    let request = v1::BeginRequest::default();
    let begun = TransactionsClient::new(line.clone()).begin(request).await;
    begun.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_make_graphs_users_roles_and_keys() {
    let fixture = with_users();
    let root = line_of(&fixture, &basic("root", "correct horse")).await;
    let mut admin = AdminClient::new(root.clone());
    let made = admin
        .create_graph(v1::CreateGraphRequest { name: "h".into() })
        .await;
    assert_eq!(made.unwrap().into_inner().graph.unwrap().name, "h");
    let create = |name: &str| v1::CreateGraphRequest { name: name.into() };
    let status = admin.create_graph(create("h")).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status)),
        (Code::AlreadyExists, "GRAPH_EXISTS".into())
    );
    let status = admin.create_graph(create("No Name")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let graphs = admin
        .list_graphs(v1::ListGraphsRequest::default())
        .await
        .unwrap();
    let names: Vec<String> = graphs
        .into_inner()
        .graphs
        .into_iter()
        .map(|graph| graph.name)
        .collect();
    assert_eq!(names, ["g", "h"]);

    let user = v1::CreateUserRequest {
        name: "ana".into(),
        password: Some("a long password".into()),
        keep_password: false,
    };
    admin.create_user(user).await.unwrap();
    admin
        .create_role(v1::CreateRoleRequest {
            name: "crew".into(),
        })
        .await
        .unwrap();
    let grant = v1::GrantRequest {
        role: "crew".into(),
        grant: Some(v1::RoleGrant {
            graph: "h".into(),
            actions: vec!["read".into(), "write".into()],
        }),
    };
    admin.grant(grant).await.unwrap();
    let assign = v1::AssignRoleRequest {
        role: "crew".into(),
        user: "ana".into(),
    };
    admin.assign_role(assign).await.unwrap();
    let roles = admin
        .list_roles(v1::ListRolesRequest::default())
        .await
        .unwrap();
    let roles = roles.into_inner().roles;
    let crew = roles.iter().find(|role| role.name == "crew").unwrap();
    assert_eq!((&*crew.grants[0].graph, crew.built_in), ("h", false));
    assert_eq!(crew.grants[0].actions, ["read", "write"]);
    let users = admin
        .list_users(v1::ListUsersRequest::default())
        .await
        .unwrap();
    let users = users.into_inner().users;
    let ana = users.iter().find(|user| user.name == "ana").unwrap();
    assert!(ana.must_change_password && ana.has_password && !ana.suspended);
    assert_eq!(ana.roles, ["crew"]);

    // Whoever has to change their password can do that and nothing else.
    let line = line_of(&fixture, &basic("ana", "a long password")).await;
    let on_h = |query| v1::RunRequest {
        options: Some(on("h")),
        ..run(query)
    };
    let status = answer(&line, on_h("RETURN 1")).await.unwrap_err();
    assert_eq!(reason(&status), "PASSWORD_MUST_CHANGE");
    let change = v1::ChangePasswordRequest {
        old_password: "a long password".into(),
        new_password: "another password".into(),
    };
    AdminClient::new(line)
        .change_password(change)
        .await
        .unwrap();
    let line = line_of(&fixture, &basic("ana", "another password")).await;
    assert_eq!(integers(&line, on_h("RETURN 1")).await, [1]);

    let key = v1::CreateApiKeyRequest {
        user: "ana".into(),
        label: "robot".into(),
        days: 1,
    };
    let key = admin.create_api_key(key).await.unwrap().into_inner();
    let robot = line_of(&fixture, &format!("Bearer {}", key.key)).await;
    assert_eq!(integers(&robot, on_h("RETURN 1")).await, [1]);
    let keys = admin
        .list_api_keys(v1::ListApiKeysRequest::default())
        .await
        .unwrap();
    let keys = keys.into_inner().api_keys;
    assert_eq!((&*keys[0].user, &*keys[0].label), ("ana", "robot"));
    assert!(keys[0].expires.is_some());
    // A key that is gone ends at once, also where it was recognised before.
    let drop = v1::DropApiKeyRequest { key_id: key.key_id };
    admin.drop_api_key(drop).await.unwrap();
    assert!(answer(&robot, on_h("RETURN 1")).await.is_err());

    let suspend = v1::SuspendUserRequest {
        name: "ana".into(),
        resume: false,
    };
    admin.suspend_user(suspend).await.unwrap();
    let status = answer(&line, on_h("RETURN 1")).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let unassign = v1::UnassignRoleRequest {
        role: "crew".into(),
        user: "ana".into(),
    };
    admin.unassign_role(unassign).await.unwrap();
    admin
        .drop_role(v1::DropRoleRequest {
            name: "crew".into(),
        })
        .await
        .unwrap();
    let set = v1::SetPasswordRequest {
        name: "ana".into(),
        password: "yet another one".into(),
        keep_password: true,
    };
    admin.set_password(set).await.unwrap();
    admin
        .drop_user(v1::DropUserRequest { name: "ana".into() })
        .await
        .unwrap();
    let status = admin
        .drop_user(v1::DropUserRequest { name: "ana".into() })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_to_anybody_and_reflection_to_those_who_log_in() {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let fixture = with_users();
    let nobody = InterceptedService::new(channel(&fixture).await, Shown(None));
    for service in ["", "retrograph.v1.Query", "retrograph.v1.Time"] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let health = HealthClient::new(nobody.clone())
            .check(request)
            .await
            .unwrap();
        assert_eq!(health.into_inner().status, 1, "{service}");
    }
    let request = HealthCheckRequest {
        service: "retrograph.v1.Receipts".to_owned(),
    };
    let status = HealthClient::new(nobody.clone())
        .check(request)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::NotFound);

    let list = || ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let asked = ServerReflectionClient::new(nobody)
        .server_reflection_info(tokio_stream::iter([list()]))
        .await;
    assert_eq!(asked.unwrap_err().code(), Code::Unauthenticated);
    let eve = line_of(&fixture, &basic("eve", "correct horse")).await;
    let told = ServerReflectionClient::new(eve)
        .server_reflection_info(tokio_stream::iter([list()]))
        .await
        .unwrap();
    let told = told.into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(told)) = told.message_response else {
        panic!("{told:?}");
    };
    let mut names: Vec<String> = told
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    names.sort();
    for name in ["Admin", "Jobs", "Query", "Schema", "Time", "Transactions"] {
        assert!(
            names.contains(&format!("retrograph.v1.{name}")),
            "{names:?}"
        );
    }
    assert!(names.contains(&"grpc.health.v1.Health".to_owned()));
}
