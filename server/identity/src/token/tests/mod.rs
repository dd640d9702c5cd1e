//! Tokens that are accepted, and all the others.

mod issuer;
mod rsa;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use retrograph_graph::ids::SystemTime;
use serde_json::{Value, json};

use super::fetch::{Source, Unavailable};
use super::*;
use issuer::{Signer, base64, message};

const ISSUER: &str = "https://id.example.org/";
/// Seconds since 1970, at which the tests take place.
const NOW: i64 = 1_800_000_000;

/// Making keys takes a second; each is for tests only.
static RSA: LazyLock<Signer> = LazyLock::new(Signer::rsa);

/// What is published, which a test changes.
#[derive(Clone, Default)]
struct Published {
    keys: Arc<Mutex<Option<Value>>>,
    fetched: Arc<AtomicUsize>,
}

impl Published {
    fn set(&self, keys: &[Value]) {
        *self.keys.lock() = Some(json!({ "keys": keys }));
    }

    fn fetched(&self) -> usize {
        self.fetched.load(Ordering::Relaxed)
    }
}

impl Source for Published {
    fn fetch(&self) -> Result<Vec<u8>, Unavailable> {
        self.fetched.fetch_add(1, Ordering::Relaxed);
        let keys = self.keys.lock();
        keys.as_ref()
            .map(|keys| keys.to_string().into_bytes())
            .ok_or(Unavailable)
    }
}

fn settings() -> IssuerSettings {
    IssuerSettings {
        issuer: ISSUER.to_owned(),
        audiences: vec!["retrograph".to_owned()],
        keys: KeySource::File(PathBuf::from("/none")),
        certificate_authorities: None,
        algorithms: Algorithm::ALL.to_vec(),
        user_claim: "sub".to_owned(),
        roles_claim: None,
        roles: std::collections::BTreeMap::new(),
        tenant_claim: None,
        tenant: None,
    }
}

/// One issuer whose keys are those published.
fn tokens(settings: IssuerSettings, published: &Published) -> Tokens {
    settings.check().expect("good settings");
    Tokens {
        issuers: vec![Issuer {
            settings,
            keys: KeyStore::new(Box::new(published.clone())),
        }],
    }
}

fn at(seconds: i64) -> SystemTime {
    SystemTime((NOW + seconds) * 1_000_000)
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "ana", "aud": "retrograph", "exp": NOW + 600, "iat": NOW, "nbf": NOW,
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn header(algorithm: &str, key: &str) -> Value {
    json!({ "alg": algorithm, "kid": key, "typ": "JWT" })
}

/// An issuer with one P-256 key, `one`.
struct Case {
    tokens: Tokens,
    published: Published,
    signer: Signer,
}

fn case() -> Case {
    let (published, signer) = (Published::default(), Signer::p256());
    published.set(&[signer.published("one")]);
    Case {
        tokens: tokens(settings(), &published),
        published,
        signer,
    }
}

impl Case {
    fn verify_at(&self, claims: &Value, seconds: i64) -> Result<Vouched, TokenError> {
        let token = self.signer.token(&header("ES256", "one"), claims);
        self.tokens.verify(&token.into(), at(seconds))
    }

    fn verify(&self, claims: &Value) -> Result<Vouched, TokenError> {
        self.verify_at(claims, 0)
    }

    fn shown(&self, token: &str) -> Result<Vouched, TokenError> {
        self.tokens.verify(&token.into(), at(0))
    }
}

#[test]
fn tokens_of_every_kind_of_key_are_accepted() {
    for (algorithm, made) in [
        ("ES256", Some(Signer::p256())),
        ("EdDSA", Some(Signer::ed25519())),
        ("RS256", None),
        ("RS512", None),
        ("PS256", None),
    ] {
        let signer = made.as_ref().unwrap_or(&RSA);
        let published = Published::default();
        published.set(&[signer.published("one")]);
        let tokens = tokens(settings(), &published);
        let token = signer.token(&header(algorithm, "one"), &claims());
        let vouched = tokens
            .verify(&token.clone().into(), at(0))
            .expect(algorithm);
        assert_eq!((&*vouched.user, &*vouched.issuer), ("ana", ISSUER));
        assert_eq!((vouched.roles, vouched.expires), (None, at(660)));
        // Any change of what is signed, or of the signature, is seen.
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let other = signer.token(&header(algorithm, "one"), &with("sub", json!("eve")));
        let (other_signed, other_signature) = other.rsplit_once('.').expect("three parts");
        for changed in [
            format!("{other_signed}.{signature}"),
            format!("{signed}.{other_signature}"),
            format!("{signed}."),
        ] {
            let refused = tokens.verify(&changed.into(), at(0));
            assert_eq!(refused, Err(TokenError::Signature), "{algorithm}");
        }
        // Without a name of the key all of its kind are tried.
        let token = signer.token(&json!({ "alg": algorithm }), &claims());
        tokens.verify(&token.into(), at(0)).expect(algorithm);
    }
}

#[test]
fn what_is_for_others_or_not_for_now_is_refused() {
    let case = case();
    case.verify(&claims()).expect("accepted");
    case.verify(&with("aud", json!(["other", "retrograph"])))
        .expect("accepted");
    for audience in [json!("other"), json!([]), json!(7), Value::Null] {
        let refused = case.verify(&with("aud", audience.clone()));
        assert_eq!(refused, Err(TokenError::Audience), "{audience}");
    }
    for issuer in [
        json!("https://id.example.org"),
        json!("https://evil.example.org/"),
        json!([ISSUER]),
        Value::Null,
    ] {
        let refused = case.verify(&with("iss", issuer.clone()));
        assert_eq!(refused, Err(TokenError::Issuer), "{issuer}");
    }
    // A minute is forgiven, for clocks differ.
    case.verify_at(&claims(), 659).expect("just not expired");
    assert_eq!(case.verify_at(&claims(), 660), Err(TokenError::Expired));
    for name in ["nbf", "iat"] {
        case.verify(&with(name, json!(NOW + 60)))
            .expect("just begun");
        let refused = case.verify(&with(name, json!(NOW + 61)));
        assert_eq!(refused, Err(TokenError::NotYet), "{name}");
    }
    for (name, value) in [
        ("exp", Value::Null),
        ("exp", json!("tomorrow")),
        ("nbf", json!("now")),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("sub", json!("two words")),
        ("sub", json!("x".repeat(256))),
    ] {
        let refused = case.verify(&with(name, value.clone()));
        assert_eq!(refused, Err(TokenError::Claim(name.to_owned())), "{value}");
    }
    // A claim that is not there at all.
    let mut endless = claims();
    endless.as_object_mut().expect("an object").remove("exp");
    assert_eq!(case.verify(&endless), Err(TokenError::Claim("exp".into())));
}

#[test]
fn tokens_that_are_not_signed_are_refused() {
    let case = case();
    for algorithm in ["none", "None", "NONE", ""] {
        let message = message(&header(algorithm, "one"), &claims());
        for token in [format!("{message}."), format!("{message}.AAAA")] {
            assert_eq!(
                case.shown(&token),
                Err(TokenError::Algorithm),
                "{algorithm}"
            );
        }
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let published = Published::default();
    let Signer::Rsa { modulus, .. } = &*RSA else {
        panic!("an RSA key");
    };
    let key = RSA.published("one");
    published.set(std::slice::from_ref(&key));
    let tokens = tokens(settings(), &published);
    // What everybody knows, used as the secret of an HMAC, in all the forms that have been taken for one.
    let secrets = [
        key.to_string().into_bytes(),
        modulus.clone(),
        base64(modulus).into_bytes(),
        Vec::new(),
    ];
    for algorithm in ["HS256", "HS384", "HS512"] {
        let message = message(&header(algorithm, "one"), &claims());
        for secret in &secrets {
            let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
            let tag = ring::hmac::sign(&secret, message.as_bytes());
            let token = format!("{message}.{}", base64(tag)).into();
            assert_eq!(tokens.verify(&token, at(0)), Err(TokenError::Algorithm));
        }
    }
    // Nor can a settings file allow them.
    let allowed: Result<Algorithm, _> = serde_json::from_str("\"HS256\"");
    assert!(allowed.is_err() && serde_json::from_str::<Algorithm>("\"none\"").is_err());
    // A symmetric key that is published by mistake is not used.
    published.set(&[json!({ "kty": "oct", "kid": "two", "k": base64("secret") })]);
    let token = RSA.token(&header("RS256", "two"), &claims());
    let refused = tokens.verify(&token.into(), at(40));
    assert_eq!(refused, Err(TokenError::UnknownKey));
}

#[test]
fn a_key_serves_the_algorithms_of_its_kind_and_issuer_only() {
    let published = Published::default();
    let curve = Signer::p256();
    published.set(&[RSA.published("rsa"), curve.published("curve")]);
    let narrow = IssuerSettings {
        algorithms: vec![Algorithm::ES256],
        ..settings()
    };
    let tokens_of = |settings| tokens(settings, &published);
    let token = RSA.token(&header("RS256", "rsa"), &claims());
    assert_eq!(
        tokens_of(narrow).verify(&token.into(), at(0)),
        Err(TokenError::Algorithm)
    );
    for (algorithm, key) in [("RS256", "curve"), ("ES256", "rsa"), ("EdDSA", "curve")] {
        let token = curve.token(&header(algorithm, key), &claims());
        let refused = tokens_of(settings()).verify(&token.into(), at(0));
        assert_eq!(refused, Err(TokenError::UnknownKey), "{algorithm} {key}");
    }
    // A key that says what it is for.
    for (name, value) in [
        ("alg", json!("RS512")),
        ("use", json!("enc")),
        ("key_ops", json!(["encrypt"])),
    ] {
        let mut key = RSA.published("rsa");
        key[name] = value;
        published.set(&[key]);
        let token = RSA.token(&header("RS256", "rsa"), &claims());
        let refused = tokens_of(settings()).verify(&token.into(), at(0));
        assert_eq!(refused, Err(TokenError::UnknownKey), "{name}");
    }
}

#[test]
fn keys_of_others_are_not_those_of_the_issuer() {
    let case = case();
    let foreign = Signer::p256();
    let token = foreign.token(&header("ES256", "one"), &claims());
    assert_eq!(case.shown(&token), Err(TokenError::Signature));
    // A header that brings its own key, or says where it is, is not listened to.
    let mut own = header("ES256", "one");
    own["jwk"] = foreign.published("one");
    own["jku"] = json!("https://evil.example.org/keys");
    assert_eq!(
        case.shown(&foreign.token(&own, &claims())),
        Err(TokenError::Signature)
    );
    // The issuers are told apart, though each has a key of the same name.
    let (mine, theirs) = (Published::default(), Published::default());
    mine.set(&[case.signer.published("one")]);
    theirs.set(&[foreign.published("one")]);
    let mut both = tokens(settings(), &mine);
    let other = IssuerSettings {
        issuer: "https://other.example.org/".to_owned(),
        ..settings()
    };
    both.issuers.extend(tokens(other, &theirs).issuers);
    let claims_of_other = with("iss", json!("https://other.example.org/"));
    let verify = |token: String| both.verify(&token.into(), at(0));
    let ours = verify(case.signer.token(&header("ES256", "one"), &claims()));
    let others = verify(foreign.token(&header("ES256", "one"), &claims_of_other));
    assert_ne!(ours.expect("ours").id, others.expect("theirs").id);
    let refused = verify(foreign.token(&header("ES256", "one"), &claims()));
    assert_eq!(refused, Err(TokenError::Signature));
}

#[test]
fn malformed_and_oversized_tokens_are_refused_before_keys_are_asked_for() {
    let case = case();
    let long = case.signer.token(
        &header("ES256", "one"),
        &with("padding", json!("x".repeat(TOKEN_BYTES_MAX))),
    );
    let mut critical = header("ES256", "one");
    critical["crit"] = json!(["exp"]);
    let mut logout = header("ES256", "one");
    logout["typ"] = json!("logout+jwt");
    for token in [
        "".to_owned(),
        "..".to_owned(),
        "a.b".to_owned(),
        "a.b.c.d".to_owned(),
        format!("{}.e30.AAAA", base64("[]")),
        format!("{}.!!.AAAA", base64(r#"{"alg":"ES256"}"#)),
        format!("{}.{}.AAAA", base64(r#"{"alg":"ES256"}"#), base64("[]")),
        format!("{}.e30.AAAA", base64(r#"{"alg":"ES256","alg":"none"}"#)),
        case.signer.token(&critical, &claims()),
        case.signer.token(&logout, &claims()),
        long,
    ] {
        let refused = case.shown(&token);
        assert!(
            matches!(refused, Err(TokenError::Malformed(_))),
            "{refused:?}"
        );
    }
    assert_eq!(case.published.fetched(), 0);
}

#[test]
fn keys_are_fetched_when_they_are_wanted_and_never_in_a_hurry() {
    let case = case();
    let next = Signer::p256();
    let show = |signer: &Signer, key: &str, seconds| {
        let claims = with("exp", json!(NOW + 1_000_000));
        let token = signer.token(&header("ES256", key), &claims);
        case.tokens.verify(&token.into(), at(seconds)).map(|_| ())
    };
    assert_eq!(case.published.fetched(), 0, "not before they are wanted");
    for seconds in 0..20 {
        assert_eq!(show(&case.signer, "one", seconds), Ok(()));
    }
    assert_eq!(case.published.fetched(), 1);
    // Made-up names of keys make nobody fetch more than once in half a minute.
    for seconds in 20..140 {
        let refused = show(&next, &format!("made up {seconds}"), seconds);
        assert_eq!(refused, Err(TokenError::UnknownKey));
    }
    assert_eq!(case.published.fetched(), 5);
    // A new key is found by the first token that it signed; the old one goes.
    case.published.set(&[next.published("two")]);
    assert_eq!(show(&next, "two", 160), Ok(()));
    assert_eq!(case.published.fetched(), 6);
    assert_eq!(show(&case.signer, "one", 200), Err(TokenError::UnknownKey));
    // A key that was taken back without a new one in use is gone within the hour.
    case.published.set(&[]);
    assert_eq!(show(&next, "two", 3_700), Ok(()));
    assert_eq!(show(&next, "two", 3_801), Err(TokenError::UnknownKey));
}

#[test]
fn keys_that_cannot_be_fetched_anew_count_for_a_day() {
    let case = case();
    let show = |seconds| {
        let claims = with("exp", json!(NOW + 1_000_000));
        let token = case.signer.token(&header("ES256", "one"), &claims);
        case.tokens.verify(&token.into(), at(seconds)).map(|_| ())
    };
    let keys = case.published.keys.lock().take();
    assert_eq!(show(-40), Err(TokenError::KeysUnavailable));
    *case.published.keys.lock() = keys;
    assert_eq!(show(-20), Err(TokenError::KeysUnavailable), "too early");
    assert_eq!(show(0), Ok(()));
    case.published.keys.lock().take();
    assert_eq!(show(7_200), Ok(()));
    let before = case.published.fetched();
    assert_eq!(show(7_201), Ok(()));
    assert_eq!(
        case.published.fetched(),
        before,
        "it waits before it tries again"
    );
    assert_eq!(show(86_399), Ok(()));
    assert_eq!(show(86_401), Err(TokenError::KeysUnavailable));
}

#[test]
fn roles_are_those_that_are_mapped() {
    let published = Published::default();
    let signer = Signer::ed25519();
    published.set(&[signer.published("one")]);
    let settings = IssuerSettings {
        user_claim: "email".to_owned(),
        roles_claim: Some("realm_access.roles".to_owned()),
        roles: [
            ("staff".to_owned(), vec!["reader".to_owned()]),
            (
                "dba".to_owned(),
                vec!["admin".to_owned(), "reader".to_owned()],
            ),
        ]
        .into(),
        ..settings()
    };
    let tokens = tokens(settings, &published);
    let shown = |access: Value| {
        let mut claims = with("email", json!("ana@example.org"));
        claims["realm_access"] = access;
        let token = signer.token(&header("EdDSA", "one"), &claims);
        tokens.verify(&token.into(), at(0))
    };
    let roles = |access| {
        let vouched = shown(access).expect("accepted");
        assert_eq!(&*vouched.user, "ana@example.org");
        vouched.roles.expect("roles").join(" ")
    };
    assert_eq!(roles(json!({ "roles": ["staff", "admin"] })), "reader");
    assert_eq!(roles(json!({ "roles": ["staff", "dba"] })), "admin reader");
    assert_eq!(roles(json!({ "roles": "openid dba" })), "admin reader");
    for nothing in [
        json!({ "roles": ["admin"] }),
        json!({ "roles": [] }),
        json!({}),
        Value::Null,
    ] {
        assert_eq!(shown(nothing), Err(TokenError::NoRole));
    }
}

#[test]
fn a_tenant_is_that_of_the_claim_or_of_the_setting() {
    let published = Published::default();
    let signer = Signer::ed25519();
    published.set(&[signer.published("one")]);
    let shown = |claim: Option<&str>, otherwise: Option<&str>, org: Value| {
        let settings = IssuerSettings {
            roles_claim: Some("groups".to_owned()),
            roles: [("staff".to_owned(), vec!["reader".to_owned()])].into(),
            tenant_claim: claim.map(str::to_owned),
            tenant: otherwise.map(str::to_owned),
            ..settings()
        };
        let mut claims = with("groups", json!(["staff"]));
        claims["org"] = org;
        let token = signer.token(&header("EdDSA", "one"), &claims);
        let vouched = tokens(settings, &published).verify(&token.into(), at(0));
        vouched.map(|vouched| vouched.tenant.to_string())
    };
    let named = || json!({ "name": "acme" });
    let claim = Some("org.name");
    assert_eq!(shown(None, None, named()).as_deref(), Ok("main"));
    assert_eq!(
        shown(None, Some("globex"), named()).as_deref(),
        Ok("globex")
    );
    assert_eq!(shown(claim, None, named()).as_deref(), Ok("acme"));
    assert_eq!(shown(claim, Some("globex"), named()).as_deref(), Ok("acme"));
    assert_eq!(
        shown(claim, Some("globex"), json!({})).as_deref(),
        Ok("globex")
    );
    let refused = Err(TokenError::Claim("org.name".to_owned()));
    assert_eq!(shown(claim, None, json!({})), refused);
    for unusable in [json!({ "name": 7 }), json!({ "name": "" })] {
        assert_eq!(shown(claim, Some("globex"), unusable), refused);
    }
}

#[test]
fn settings_that_cannot_work_are_told() {
    let told = |change: &dyn Fn(&mut IssuerSettings)| {
        let mut settings = settings();
        change(&mut settings);
        settings.check().expect_err("refused").to_string()
    };
    assert!(told(&|it| it.audiences.clear()).contains("audiences"));
    assert!(told(&|it| it.algorithms.clear()).contains("algorithms"));
    assert!(told(&|it| it.roles_claim = Some("groups".to_owned())).contains("roles"));
    assert!(told(&|it| it.tenant_claim = Some("org".to_owned())).contains("roles-claim"));
    assert!(told(&|it| it.tenant = Some("acme".to_owned())).contains("roles-claim"));
    let url = "http://id.example.org/keys".to_owned();
    assert!(told(&|it| it.keys = KeySource::Url(url.clone())).contains("https://"));
    let twice = Tokens::new(vec![settings(), settings()]);
    assert!(matches!(twice, Err(IssuerError::Twice(_))));
    let place = tempfile::tempdir().expect("a place");
    let path = place.path().join("issuers.json");
    let file = json!({ "issuers": [{
        "issuer": ISSUER, "audiences": ["retrograph"], "keys": { "file": "/keys.json" },
    }] });
    std::fs::write(&path, file.to_string()).expect("written");
    let read = read_issuers(&path).expect("read");
    assert_eq!(
        read[0].algorithms,
        [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
    );
    std::fs::write(&path, file.to_string().replace("audiences", "audience")).expect("written");
    let error = read_issuers(&path).expect_err("a setting that is not known");
    assert!(matches!(error, IssuerError::Malformed { .. }));
}

/// Answers requests one after the other with what stands there.
fn serving(answers: Vec<String>) -> (String, std::thread::JoinHandle<usize>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let serving = std::thread::spawn(move || {
        let mut served = 0;
        for answer in answers {
            let (mut socket, _) = listener.accept().expect("a client");
            let mut request = [0; 4096];
            let read = socket.read(&mut request).expect("a request");
            assert!(request[..read].starts_with(b"GET /keys "));
            // The client may have heard enough.
            let _ = socket.write_all(answer.as_bytes());
            served += 1;
        }
        served
    });
    (format!("http://{address}/keys"), serving)
}

#[test]
fn keys_are_fetched_from_the_address_that_is_configured_and_no_other() {
    let signer = Signer::ed25519();
    let keys = json!({ "keys": [signer.published("one")] }).to_string();
    let ok = |body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    // Where a redirection leads to nobody is asked.
    let trap = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    trap.set_nonblocking(true).expect("set");
    let elsewhere = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/keys\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        trap.local_addr().expect("bound")
    );
    let failed = "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned();
    let large = ok(&format!("{keys}{}", " ".repeat(2 << 20)));
    let (url, serving) = serving(vec![elsewhere, failed, large, ok(&keys)]);
    let settings = IssuerSettings {
        keys: KeySource::Url(url),
        ..settings()
    };
    let tokens = Tokens::new(vec![settings]).expect("good settings");
    let token = Secret::from(signer.token(&header("EdDSA", "one"), &claims()));
    for try_at in [0, 40, 80] {
        let refused = tokens.verify(&token, at(try_at));
        assert_eq!(refused, Err(TokenError::KeysUnavailable), "{try_at}");
    }
    tokens.verify(&token, at(120)).expect("accepted");
    assert_eq!(serving.join().expect("served"), 4);
    assert!(trap.accept().is_err(), "nobody came");
}
