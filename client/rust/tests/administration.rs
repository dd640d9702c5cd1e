//! Users, roles, keys and jobs of a real server.

use retrograph_client::{Client, JobKind, JobState, NewPassword, RetryPolicy};
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
