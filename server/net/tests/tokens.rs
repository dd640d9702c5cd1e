//! Tokens of identity providers, over Bolt.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod fixture;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use fixture::{Client, Fixture, run};
use retrograph_bolt::message::request::{AuthToken, NotificationFilter, Portion, Request};
use retrograph_bolt::{Value, Version};
use retrograph_identity::{Authenticator, Directory, read_issuers};
use retrograph_net::Access;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value as Json, json};

const UNAUTHORIZED: &str = "Neo.ClientError.Security.Unauthorized";
const EXPIRED: &str = "Neo.ClientError.Security.TokenExpired";

/// A server that knows the user `ana`, and two issuers with one key: `known` for users that are known, `staff`
/// for others.
struct Case {
    fixture: Fixture,
    directory: Arc<Directory>,
    key: Ed25519KeyPair,
    _folder: tempfile::TempDir,
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn case() -> Case {
    let folder = tempfile::tempdir().unwrap();
    let document = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let keys = folder.path().join("keys.json");
    let published = json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "kid": "one", "x": base64(key.public_key()) },
    ] });
    std::fs::write(&keys, published.to_string()).unwrap();
    let issuers = folder.path().join("issuers.json");
    let described = json!({ "issuers": [
        { "issuer": "known", "audiences": ["retrograph"], "keys": { "file": &keys } },
        {
            "issuer": "staff", "audiences": ["retrograph"], "keys": { "file": &keys },
            "roles-claim": "groups", "roles": { "readers": ["reader"], "writers": ["editor"] },
        },
        {
            "issuer": "partners", "audiences": ["retrograph"], "keys": { "file": &keys },
            "roles-claim": "groups", "roles": { "readers": ["reader"], "writers": ["editor"] },
            "tenant-claim": "org",
        },
    ] });
    std::fs::write(&issuers, described.to_string()).unwrap();
    let mut known = None;
    let fixture = Fixture::with_database(|database, options| {
        let directory = Arc::new(Directory::open(Arc::clone(database)).unwrap());
        directory.create_user("test", "ana", None, false).unwrap();
        directory.assign("test", "ana", "reader").unwrap();
        let authenticator = Authenticator::new(Arc::clone(&directory)).unwrap();
        let authenticator = authenticator.with_issuers(read_issuers(&issuers).unwrap());
        options.access = Access::Users(Arc::new(authenticator.unwrap()));
        known = Some(directory);
    });
    Case {
        fixture,
        directory: known.unwrap(),
        key,
        _folder: folder,
    }
}

impl Case {
    /// A token that ends in so many seconds.
    fn token(&self, issuer: &str, user: &str, groups: &[&str], seconds: i64) -> AuthToken {
        self.token_of(issuer, user, groups, seconds, Json::Null)
    }

    /// A token that names an organisation as well.
    fn token_of(
        &self,
        issuer: &str,
        user: &str,
        groups: &[&str],
        seconds: i64,
        organisation: Json,
    ) -> AuthToken {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let ends = i64::try_from(now.as_secs()).unwrap() + seconds;
        let claims: Json = json!({
            "iss": issuer, "sub": user, "aud": "retrograph", "exp": ends, "groups": groups,
            "org": organisation,
        });
        let header = json!({ "alg": "EdDSA", "kid": "one" });
        let message = format!(
            "{}.{}",
            base64(header.to_string()),
            base64(claims.to_string())
        );
        let signed = self.key.sign(message.as_bytes());
        AuthToken {
            scheme: "bearer".to_owned(),
            credentials: Some(format!("{message}.{}", base64(signed))),
            ..AuthToken::default()
        }
    }

    /// A client that has shown a token; the answer is not read yet.
    fn shown(&self, token: AuthToken) -> Client {
        let mut client = Client::connect(self.fixture.address, Version::new(5, 8));
        client.greet(NotificationFilter::default(), &token);
        client.success();
        client.send(&[Request::Logon(token)]);
        client
    }
}

/// The code of the failure of a query; the connection is reset then.
fn failure(client: &mut Client, text: &str) -> Option<String> {
    client.send(&[run(text), Request::Pull(Portion::ALL)]);
    let failed = match client.answer() {
        Ok(_) => client.try_rows().err(),
        Err(code) => {
            client.ignored();
            Some(code)
        }
    };
    if failed.is_some() {
        client.reset();
    }
    failed
}

#[test]
fn a_token_is_a_login_for_whom_it_names() {
    let case = case();
    let mut ana = case.shown(case.token("known", "ana", &[], 600));
    ana.success();
    let (rows, _) = ana.query("SHOW CURRENT USER YIELD user");
    assert_eq!(rows, [[Value::from("ana")]]);
    assert!(failure(&mut ana, "CREATE (:N)").is_some(), "a reader");
    for (issuer, user) in [("known", "nobody"), ("others", "ana")] {
        let mut refused = case.shown(case.token(issuer, user, &[], 600));
        assert_eq!(refused.failure(), UNAUTHORIZED, "{issuer} {user}");
    }
    let mut changed = case.token("known", "ana", &[], 600);
    changed.credentials = changed.credentials.map(|token| format!("{token}AAAA"));
    assert_eq!(case.shown(changed).failure(), UNAUTHORIZED);
    case.directory.suspend("test", "ana", true).unwrap();
    assert!(failure(&mut ana, "RETURN 1").is_some(), "suspended since");
    let again = case.token("known", "ana", &[], 600);
    assert_eq!(case.shown(again).failure(), UNAUTHORIZED);
}

#[test]
fn a_token_with_roles_needs_no_user_and_takes_nobodys_name() {
    let case = case();
    let mut writer = case.shown(case.token("staff", "zoe", &["writers"], 600));
    writer.success();
    assert_eq!(failure(&mut writer, "CREATE (:N)"), None);
    let graph = case.fixture.database.graph("g").unwrap();
    let header = graph.commit_header(graph.latest()).unwrap().unwrap();
    assert!(header.actor.starts_with("token-"), "{}", header.actor);
    let mut reader = case.shown(case.token("staff", "zoe", &["readers"], 600));
    reader.success();
    assert!(failure(&mut reader, "CREATE (:N)").is_some());
    for (user, groups) in [("zoe", &["admin"][..]), ("zoe", &[]), ("ana", &["writers"])] {
        let mut refused = case.shown(case.token("staff", user, groups, 600));
        assert_eq!(refused.failure(), UNAUTHORIZED, "{user} {groups:?}");
    }
    // Whoever is made a user has the name from then on.
    case.directory
        .create_user("test", "zoe", None, false)
        .unwrap();
    assert!(failure(&mut writer, "CREATE (:N)").is_some());
}

#[test]
fn a_session_ends_with_its_token_and_goes_on_with_the_next() {
    let case = case();
    // A minute is forgiven at the login, and so in the session.
    let mut ana = case.shown(case.token("known", "ana", &[], -58));
    ana.success();
    let told = loop {
        if let Some(code) = failure(&mut ana, "RETURN 1") {
            break code;
        }
    };
    assert_eq!(told, EXPIRED);
    let ended = case.token("known", "ana", &[], -61);
    assert_eq!(case.shown(ended).failure(), EXPIRED);
    ana.send(&[Request::Logoff]);
    ana.success();
    ana.send(&[Request::Logon(case.token("known", "ana", &[], 600))]);
    ana.success();
    assert_eq!(failure(&mut ana, "RETURN 1"), None);
}

#[test]
fn a_token_names_the_tenant_whose_graphs_its_user_reaches() {
    let case = case();
    let directory = &case.directory;
    for tenant in ["acme", "globex"] {
        directory.create_tenant("test", tenant).unwrap();
    }
    directory.assign_graph("test", "acme", "g").unwrap();
    let of = |organisation: &str| {
        let organisation = Json::from(organisation);
        case.token_of("partners", "zoe", &["writers"], 600, organisation)
    };
    let mut writer = case.shown(of("acme"));
    writer.success();
    assert_eq!(failure(&mut writer, "CREATE (:N)"), None);
    let mut other = case.shown(of("globex"));
    other.success();
    assert!(failure(&mut other, "RETURN 1").is_some(), "another's graph");
    // A tenant that is not there is told by its name; no other one is taken for it.
    let mut unknown = case.shown(of("initech"));
    let told = unknown.failure_message();
    assert!(told.contains("no tenant `initech`"), "{told}");
    let mut nowhere = case.shown(case.token("partners", "zoe", &["writers"], 600));
    let told = nowhere.failure_message();
    assert!(told.contains("claim `org`"), "{told}");
    // Whoever's tenant is dropped may do nothing any more.
    directory.assign_graph("test", "main", "g").unwrap();
    directory.drop_tenant("test", "acme").unwrap();
    assert!(failure(&mut writer, "RETURN 1").is_some());
}
