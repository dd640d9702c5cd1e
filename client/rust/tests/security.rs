//! Logging in to a real server, in the clear on this machine and over TLS.

use retrograph_client::{Client, Error, RetryPolicy};
use retrograph_client_harness::{Failure, Running};
use retrograph_net::tls::TlsFiles;

#[tokio::test]
async fn users_log_in_with_passwords_and_keys() -> Result<(), Failure> {
    let (running, user, password) = Running::with_users(|_| {})?;
    let with = || Client::builder().endpoint(running.url());
    let client = with().user(&user, &password).connect().await?;
    let graph = client.graph("harbor");
    graph.query("CREATE (:Account)").run().await?;
    let (key,): (String,) = graph
        .query("CALL apiKey.create($user, 'test') YIELD key RETURN key")
        .param("user", user.as_str())
        .fetch_one()
        .await?;
    let by_key = with().api_key(key).connect().await?;
    let (count,): (i64,) = by_key
        .graph("harbor")
        .query("MATCH (a:Account) RETURN count(a)")
        .fetch_one()
        .await?;
    assert_eq!(count, 1);

    for refused in [
        with(),
        with().user(&user, "guess-4711"),
        with().api_key("rgk_guess-4711"),
    ] {
        let error = refused
            .connect()
            .await
            .expect_err("it is let in by nothing");
        assert_eq!(error.code(), Some("UNAUTHENTICATED"), "{error}");
        assert!(!error.to_string().contains("guess-4711"), "{error}");
    }

    client
        .change_password(&password, "correct horse battery")
        .await?;
    let renewed = with()
        .user(&user, "correct horse battery")
        .connect()
        .await?;
    assert_eq!(renewed.graphs().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn rights_are_asked_for() -> Result<(), Failure> {
    let (running, user, password) = Running::with_users(|_| {})?;
    let admin = Client::builder()
        .endpoint(running.url())
        .user(user, password)
        .connect()
        .await?;
    let graph = admin.graph("harbor");
    for text in [
        "CALL user.create('ana', 'a good password', false)",
        "CALL role.create('clerk')",
        "CALL role.grant('clerk', 'harbor', ['read'])",
        "CALL role.assign('clerk', 'ana')",
    ] {
        graph.query(text).run().await?;
    }
    let ana = Client::builder()
        .endpoint(running.url())
        .user("ana", "a good password")
        .connect()
        .await?;
    let graph = ana.graph("harbor");
    graph.query("MATCH (n) RETURN n").run().await?;
    for refused in [
        graph.query("CREATE ()"),
        graph.query("RETURN 1").at_version(0),
    ] {
        let error = refused.run().await.expect_err("it is not granted");
        assert_eq!(error.code(), Some("FORBIDDEN"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn tls_trusts_the_given_authority_and_no_other() -> Result<(), Failure> {
    let files = tempfile::tempdir()?;
    let made =
        rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let (certificate, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem())?;
    std::fs::write(&key, made.signing_key.serialize_pem())?;
    let (running, user, password) = Running::with_users(|options| {
        options.tls = Some(TlsFiles { certificate, key });
    })?;
    let url = running.url();
    assert!(url.starts_with("https://"), "{url}");
    let with = || {
        let builder = Client::builder().endpoint(&url).retry(RetryPolicy::never());
        builder.user(&user, &password)
    };
    let client = with().ca_certificate(made.cert.pem()).connect().await?;
    client.graph("harbor").query("RETURN 1").run().await?;
    let strange = with().connect().await;
    assert!(
        matches!(strange, Err(Error::Untrusted { .. })),
        "{strange:?}"
    );
    let named = with()
        .ca_certificate(made.cert.pem())
        .server_name("elsewhere.example")
        .connect()
        .await;
    assert!(matches!(named, Err(Error::Untrusted { .. })), "{named:?}");
    let named = with()
        .ca_certificate(made.cert.pem())
        .server_name("localhost");
    named.connect().await?;
    Ok(())
}
