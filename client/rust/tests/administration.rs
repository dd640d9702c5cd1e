//! Users, roles, keys, tenants and jobs of a real server.

use std::time::Duration;

use retrograph_client::{Client, JobKind, JobState, Limits, NewPassword, RetryPolicy};
use retrograph_client_harness::{Failure, Running};

async fn administrator(running: &Running, user: &str, password: &str) -> Result<Client, Failure> {
    let builder = Client::builder().endpoint(running.url());
    Ok(builder.user(user, password).connect().await?)
}

#[tokio::test]
async fn users_roles_and_keys_are_made_listed_and_taken_away() -> Result<(), Failure> {
    let (running, user, password) = Running::with_users(|_| {})?;
    let client = administrator(&running, &user, &password).await?;
    let admin = client.admin();
    admin.create_role("clerk").await?;
    admin.grant("clerk", "harbor", ["read", "write"]).await?;
    admin
        .create_user("ana", NewPassword::kept("correct horse"))
        .await?;
    admin.create_user("robot", None).await?;
    admin.assign_role("clerk", "ana").await?;
    admin.assign_role("reader", "robot").await?;

    let users = admin.users().await?;
    let names: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
    assert_eq!(names, ["admin", "ana", "robot"]);
    let ana = &users[1];
    assert_eq!(
        (&*ana.tenant, &*ana.roles),
        ("main", &["clerk".to_owned()][..])
    );
    assert!(ana.has_password && !ana.must_change_password && !ana.is_suspended);
    assert!(!users[2].has_password);
    let roles = admin.roles().await?;
    let clerk = roles
        .iter()
        .find(|role| role.name == "clerk")
        .ok_or("it was made")?;
    assert!(!clerk.is_built_in && roles.iter().any(|role| role.is_built_in));
    assert_eq!(clerk.grants[0].graph, "harbor");
    assert_eq!(clerk.grants[0].actions, ["read", "write"]);

    let ana = administrator(&running, "ana", "correct horse").await?;
    ana.graph("harbor").query("CREATE (:N)").run().await?;
    let error = ana
        .admin()
        .users()
        .await
        .expect_err("ana is no administrator");
    assert_eq!(error.code(), Some("FORBIDDEN"), "{error}");
    admin.suspend_user("ana").await?;
    let error = ana.graph("harbor").query("RETURN 1").run().await;
    assert_eq!(error.expect_err("suspended").code(), Some("FORBIDDEN"));
    admin.resume_user("ana").await?;
    admin.unassign_role("clerk", "ana").await?;
    let error = ana.graph("harbor").query("RETURN 1").run().await;
    assert!(error.is_err(), "nothing is granted any more");
    admin
        .set_password("ana", NewPassword::to_be_changed("battery staple"))
        .await?;
    let fresh = Client::builder()
        .endpoint(running.url())
        .user("ana", "battery staple");
    let fresh = fresh.connect_lazily()?;
    let error = fresh.graph("harbor").query("RETURN 1").run().await;
    assert_eq!(
        error.expect_err("to be changed").code(),
        Some("PASSWORD_MUST_CHANGE")
    );

    let made = admin.create_api_key("robot", "nightly job", 90).await?;
    assert!(!format!("{made:?}").contains(&made.key));
    let by_key = || Client::builder().endpoint(running.url()).api_key(&made.key);
    by_key()
        .connect()
        .await?
        .graph("harbor")
        .query("RETURN 1")
        .run()
        .await?;
    let keys = admin.api_keys().await?;
    assert_eq!(
        (keys.len(), &keys[0].id, &*keys[0].user),
        (1, &made.id, "robot")
    );
    assert!(keys[0].expires.is_some());
    admin.drop_api_key(&made.id).await?;
    let refused = by_key().retry(RetryPolicy::never()).connect().await;
    assert_eq!(
        refused.expect_err("it is gone").code(),
        Some("UNAUTHENTICATED")
    );
    admin.drop_user("ana").await?;
    admin.drop_role("clerk").await?;
    assert_eq!(admin.users().await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn tenants_are_made_limited_and_taken_away() -> Result<(), Failure> {
    let (running, user, password) = Running::with_users(|_| {})?;
    let client = administrator(&running, &user, &password).await?;
    let (admin, tenants) = (client.admin(), client.tenants());
    admin
        .create_user("ana", NewPassword::kept("correct horse"))
        .await?;
    admin.assign_role("editor", "ana").await?;
    tenants.create("acme").await?;
    let again = tenants.create("acme").await.expect_err("there is one");
    assert!(again.to_string().contains("acme"), "{again}");
    client.create_graph("yard").await?;
    tenants.assign_graph("acme", "yard").await?;
    tenants.assign_user("acme", "ana").await?;
    tenants.share_graph("acme", "harbor", ["read"]).await?;
    let limits = Limits {
        weight: Some(3),
        concurrent: Some(2),
        queued: Some(0),
        time: Some(Duration::from_millis(2_500)),
        memory_bytes: Some(1 << 40),
        rows: Some(10),
        units_per_second: Some(1_000_000),
        units_burst: Some(2_000_000),
    };
    tenants.limit("acme", &limits).await?;
    let of_ana = Limits {
        // Told also where it was not said.
        weight: Some(1),
        rows: Some(3),
        ..Limits::default()
    };
    tenants.limit_user("ana", &of_ana).await?;

    let listed = tenants.list().await?;
    let names: Vec<&str> = listed.iter().map(|tenant| &*tenant.name).collect();
    assert_eq!(names, ["acme", "main"]);
    let acme = &listed[0];
    assert_eq!(acme.limits, limits);
    assert_eq!(
        (&*acme.users, &*acme.graphs),
        (&["ana".to_owned()][..], &["yard".to_owned()][..])
    );
    assert_eq!(acme.shared_graphs[0].graph, "harbor");
    assert_eq!(acme.shared_graphs[0].actions, ["read"]);
    let users = admin.users().await?;
    assert_eq!((&*users[1].tenant, &users[1].limits), ("acme", &of_ana));

    let ana = administrator(&running, "ana", "correct horse").await?;
    ana.graph("harbor")
        .query("UNWIND [1, 2, 3] AS n RETURN n")
        .run()
        .await?;
    let refused = ana.graph("harbor").query("CREATE (:N)").run().await;
    assert_eq!(refused.expect_err("only read").code(), Some("FORBIDDEN"));
    let many = ana
        .graph("harbor")
        .query("UNWIND range(1, 4) AS n RETURN n")
        .run()
        .await;
    assert!(many.is_err(), "more rows than ana may have");
    let refused = ana.tenants().list().await;
    assert_eq!(
        refused.expect_err("for administrators").code(),
        Some("FORBIDDEN")
    );

    // What is not said again is not limited any more.
    tenants.limit_user("ana", &Limits::default()).await?;
    ana.graph("harbor")
        .query("UNWIND range(1, 4) AS n RETURN n")
        .run()
        .await?;
    for wrong in [
        Limits {
            weight: Some(0),
            ..Limits::default()
        },
        Limits {
            rows: Some(u64::MAX),
            ..Limits::default()
        },
        Limits {
            time: Some(Duration::from_micros(1_500)),
            ..Limits::default()
        },
    ] {
        let refused = tenants.limit("acme", &wrong).await;
        assert!(refused.is_err(), "{wrong:?}");
    }
    assert_eq!(tenants.list().await?[0].limits, limits);
    let full = tenants.drop("acme").await.expect_err("it has users");
    assert!(full.to_string().contains("acme"), "{full}");
    tenants.assign_user("main", "ana").await?;
    tenants.assign_graph("main", "yard").await?;
    tenants.drop("acme").await?;
    assert_eq!(tenants.list().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn jobs_are_listed_told_of_and_ended() -> Result<(), Failure> {
    let running = Running::open()?;
    let client = Client::connect(running.url()).await?;
    let harbor = client.graph("harbor");
    let open = harbor.transaction().begin().await?;
    open.query("CREATE (:N)").run().await?;
    let transactions = client.jobs().of_graph("harbor").kind(JobKind::Transaction);
    let listed = transactions.clone().fetch().await?;
    // The list is made by a statement, which is a transaction as well.
    let job = listed
        .iter()
        .find(|job| !job.subject.contains("SHOW TRANSACTIONS"))
        .ok_or("it runs")?;
    assert_eq!(
        (job.kind, job.state),
        (JobKind::Transaction, JobState::Running)
    );
    assert_eq!(job.user.as_deref(), Some("tester"));
    assert_eq!(client.job(&job.id).await?.started, job.started);
    client.cancel_job(&job.id).await?;
    assert!(open.commit().await.is_err(), "it was ended");
    let gone = client
        .job("transaction:nothing")
        .await
        .expect_err("there is none");
    assert_eq!(gone.code(), Some("JOB_NOT_FOUND"), "{gone}");
    let gone = client.cancel_job("index:harbor:nothing").await;
    assert_eq!(
        gone.expect_err("there is none").code(),
        Some("JOB_NOT_FOUND")
    );
    Ok(())
}
