//! Certificates of servers and of clients, as clients of gRPC meet them.

use std::path::PathBuf;
use std::time::Duration;

use retrograph_client::{Client, ClientBuilder, Error, RetryPolicy};
use retrograph_client_harness::certificates::{Authority, Certified};
use retrograph_client_harness::{Failure, Running};
use retrograph_net::client_certificate::{ClientCertificates, UserName};
use retrograph_net::tls::TlsFiles;
use tempfile::TempDir;

/// A server that asks for certificates, with the users `admin` and `ana`.
struct Case {
    running: Running,
    /// Who vouches for the server, and who for its clients.
    servers: Authority,
    clients: Authority,
    authorities: PathBuf,
    revocations: Option<PathBuf>,
    administrator: (String, String),
    files: TempDir,
}

impl Case {
    async fn start(is_required: bool, has_revocations: bool) -> Result<Self, Failure> {
        let files = tempfile::tempdir()?;
        let (servers, clients) = (Authority::new("servers")?, Authority::new("clients")?);
        let (certificate, key) = servers.server()?.write(files.path(), "server")?;
        let authorities = files.path().join("clients.pem");
        std::fs::write(&authorities, clients.pem())?;
        let revocations = has_revocations.then(|| files.path().join("revoked.pem"));
        if let Some(path) = &revocations {
            std::fs::write(path, clients.revocations(&[])?)?;
        }
        let (running, user, password) = Running::with_users(|options| {
            options.tls = Some(TlsFiles { certificate, key });
            options.client_certificates = Some(ClientCertificates {
                authorities: authorities.clone(),
                revocations: revocations.clone(),
                is_required,
                user: UserName::CommonName,
            });
        })?;
        let case = Self {
            running,
            servers,
            clients,
            authorities,
            revocations,
            administrator: (user, password),
            files,
        };
        let own = case.clients.client("admin")?;
        let admin = case.log_in(&own).connect().await?;
        for text in [
            "CALL user.create('ana', null)",
            "CALL role.assign('reader', 'ana')",
        ] {
            admin.graph("harbor").query(text).run().await?;
        }
        Ok(case)
    }

    fn nobody(&self) -> ClientBuilder {
        let builder = Client::builder().endpoint(self.running.url());
        let builder = builder.ca_certificate(self.servers.pem());
        builder.retry(RetryPolicy::never())
    }

    fn log_in(&self, own: &Certified) -> ClientBuilder {
        let (certificate, key) = (own.certificate.as_str(), own.key.as_str());
        self.nobody().client_certificate(certificate, key)
    }
}

async fn user_of(client: &Client) -> Result<String, Error> {
    let query = client.graph("harbor").query("SHOW CURRENT USER YIELD user");
    let (user,) = query.fetch_one().await?;
    Ok(user)
}

/// Tries for a while to be let in, as new files are noticed within seconds.
async fn until_let_in(builder: impl Fn() -> ClientBuilder) -> Result<Client, Failure> {
    for _ in 0..120 {
        if let Ok(client) = builder().connect().await {
            return Ok(client);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err("the new file is not used".into())
}

/// A failure before anybody was asked who they are. What the server says of a certificate that it refuses may be
/// lost with the connection.
fn is_turned_away(refused: &Result<Client, Error>) -> bool {
    matches!(
        refused,
        Err(Error::Untrusted { .. } | Error::Broken { .. } | Error::Unreachable { .. })
    )
}

#[tokio::test]
async fn a_server_is_trusted_for_its_authority_and_its_name() -> Result<(), Failure> {
    let case = Case::start(false, false).await?;
    let (user, password) = &case.administrator;
    let with = || case.nobody().user(user, password);
    with().connect().await?;
    let strange = Authority::new("strange")?;
    for (builder, problem) in [
        (with().ca_certificate(strange.pem()), "UnknownIssuer"),
        (with().server_name("elsewhere.example"), "elsewhere.example"),
    ] {
        let Err(error) = builder.connect().await else {
            return Err(format!("it was trusted despite {problem}").into());
        };
        assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
        assert!(error.to_string().contains(problem), "{error}");
    }
    let plain = case.running.url().replace("https", "http");
    let plain = Client::builder().endpoint(plain).user(user, password);
    let refused = plain.retry(RetryPolicy::never()).connect().await;
    assert!(is_turned_away(&refused), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_names_a_user_is_a_login() -> Result<(), Failure> {
    let case = Case::start(false, false).await?;
    let own = case.clients.client("ana")?;
    let ana = case.log_in(&own).connect().await?;
    assert_eq!(user_of(&ana).await?, "ana");
    let error = ana.graph("harbor").query("CREATE ()").run().await;
    let error = error.expect_err("ana is a reader");
    assert_eq!(error.code(), Some("FORBIDDEN"), "{error}");

    let stranger = case.clients.client("ben")?;
    for refused in [case.nobody(), case.log_in(&stranger)] {
        let error = refused.connect().await.expect_err("it names no user");
        assert_eq!(error.code(), Some("UNAUTHENTICATED"), "{error}");
    }
    let foreign = Authority::new("strange")?.client("ana")?;
    let refused = case.log_in(&foreign).connect().await;
    assert!(is_turned_away(&refused), "{refused:?}");

    // What is sent beside it counts.
    let (user, password) = &case.administrator;
    let both = case.log_in(&own).user(user, password).connect().await?;
    assert_eq!(user_of(&both).await?, *user);
    both.graph("harbor")
        .query("CALL user.suspend('ana')")
        .run()
        .await?;
    let error = user_of(&ana).await.expect_err("ana is suspended");
    assert_eq!(error.code(), Some("FORBIDDEN"), "{error}");
    Ok(())
}

#[tokio::test]
async fn where_certificates_are_required_a_password_is_not_enough() -> Result<(), Failure> {
    let case = Case::start(true, false).await?;
    let (user, password) = &case.administrator;
    let refused = case.nobody().user(user, password).connect().await;
    assert!(is_turned_away(&refused), "{refused:?}");
    let stranger = case.clients.client("nobody")?;
    let named = case
        .log_in(&stranger)
        .user(user, password)
        .connect()
        .await?;
    assert_eq!(user_of(&named).await?, *user);
    Ok(())
}

#[tokio::test]
async fn certificates_of_both_ends_are_exchanged_without_a_restart() -> Result<(), Failure> {
    let case = Case::start(true, false).await?;
    let own = case.clients.client("ana")?;
    let before = case.log_in(&own).connect().await?;
    let (servers, clients) = (
        Authority::new("more servers")?,
        Authority::new("more clients")?,
    );
    servers.server()?.write(case.files.path(), "server")?;
    std::fs::write(&case.authorities, clients.pem())?;
    let next = clients.client("ana")?;
    let after = || case.log_in(&next).ca_certificate(servers.pem());
    let after = until_let_in(after).await?;
    for client in [&before, &after] {
        assert_eq!(user_of(client).await?, "ana", "who is connected stays");
    }
    let refused = case.log_in(&next).connect().await;
    assert!(
        matches!(refused, Err(Error::Untrusted { .. })),
        "{refused:?}"
    );
    let refused = case
        .log_in(&own)
        .ca_certificate(servers.pem())
        .connect()
        .await;
    assert!(is_turned_away(&refused), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn certificates_that_were_revoked_are_refused_from_then_on() -> Result<(), Failure> {
    let case = Case::start(false, true).await?;
    let path = case.revocations.as_ref().ok_or("there is a list")?;
    let (kept, lost) = (case.clients.client("ana")?, case.clients.client("ana")?);
    let before = case.log_in(&lost).connect().await?;
    std::fs::write(path, case.clients.revocations(&[&lost])?)?;
    let mut tries = 0;
    let refused = loop {
        match case.log_in(&lost).connect().await {
            Ok(_) if tries < 120 => tokio::time::sleep(Duration::from_millis(500)).await,
            result => break result,
        }
        tries += 1;
    };
    assert!(is_turned_away(&refused), "{refused:?}");
    let ana = case.log_in(&kept).connect().await?;
    assert_eq!(user_of(&ana).await?, "ana");
    assert_eq!(user_of(&before).await?, "ana", "who is connected stays");

    // What is no list changes nothing; one of another authority says nothing of this one.
    std::fs::write(path, "nothing")?;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(case.log_in(&lost).connect().await.is_err());
    case.log_in(&kept).connect().await?;
    std::fs::write(path, Authority::new("strange")?.revocations(&[])?)?;
    let mut tries = 0;
    while case.log_in(&kept).connect().await.is_ok() {
        assert!(tries < 120, "the new list is not used");
        tries += 1;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}
