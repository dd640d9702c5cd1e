//! Clients that show certificates of their own.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod fixture;

use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fixture::{Client, Fixture};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType, generate_simple_self_signed,
};
use retrograph_bolt::message::request::{AuthToken, NotificationFilter, Request};
use retrograph_bolt::{Value, Version};
use retrograph_identity::{Authenticator, Directory};
use retrograph_net::client_certificate::{ClientCertificates, UserName};
use retrograph_net::tls::TlsFiles;
use retrograph_net::{Access, ListenError, Server};
use retrograph_server::{Database, OpenOptions};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

type Authority = CertifiedIssuer<'static, KeyPair>;
type Shown = (CertificateDer<'static>, PrivateKeyDer<'static>);

const UNAUTHORIZED: &str = "Neo.ClientError.Security.Unauthorized";

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A client's certificate with a common name and mail addresses.
fn certified(by: &Authority, name: &str, mails: &[&str]) -> Shown {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names = mails
        .iter()
        .map(|mail| SanType::Rfc822Name((*mail).try_into().unwrap()))
        .collect();
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, by).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    (certificate.der().clone(), key)
}

/// A server whose user is `ana`, and what its clients trust.
struct Case {
    fixture: Fixture,
    directory: Arc<Directory>,
    trusted: CertificateDer<'static>,
    authorities: PathBuf,
    _folder: tempfile::TempDir,
}

fn case(authority: &Authority, is_required: bool, user: UserName) -> Case {
    let folder = tempfile::tempdir().unwrap();
    let own = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        certificate: folder.path().join("server.pem"),
        key: folder.path().join("server.key"),
    };
    std::fs::write(&files.certificate, own.cert.pem()).unwrap();
    std::fs::write(&files.key, own.signing_key.serialize_pem()).unwrap();
    let authorities = folder.path().join("clients.pem");
    std::fs::write(&authorities, authority.as_ref().pem()).unwrap();
    let mut known = None;
    let fixture = Fixture::with_database(|database, options| {
        let directory = Arc::new(Directory::open(Arc::clone(database)).unwrap());
        directory.create_user("test", "ana", None, false).unwrap();
        directory.assign("test", "ana", "reader").unwrap();
        let authenticator = Authenticator::new(Arc::clone(&directory)).unwrap();
        options.access = Access::Users(Arc::new(authenticator));
        options.tls = Some(files);
        options.client_certificates = Some(ClientCertificates {
            authorities: authorities.clone(),
            revocations: None,
            is_required,
            user,
        });
        known = Some(directory);
    });
    Case {
        fixture,
        directory: known.unwrap(),
        trusted: own.cert.der().clone(),
        authorities,
        _folder: folder,
    }
}

impl Case {
    /// A connection on which something was heard of the server after TLS was agreed on.
    fn connect(
        &self,
        shown: Option<&Shown>,
    ) -> io::Result<Client<StreamOwned<ClientConnection, TcpStream>>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusted.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match shown {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => config
                .with_client_auth_cert(vec![certificate.clone()], key.clone_key())
                .unwrap(),
        };
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let socket = TcpStream::connect(self.fixture.address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let mut stream = StreamOwned::new(connection, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        // In TLS 1.3 a client learns with the first answer that its certificate was refused.
        Client::try_over(stream, Version::new(5, 8))
    }

    /// Who somebody is who shows a certificate and nothing else, or why not.
    fn user(&self, shown: Option<&Shown>) -> Result<String, String> {
        let mut client = self.connect(shown).map_err(|error| error.to_string())?;
        client.greet(NotificationFilter::default(), &AuthToken::default());
        client.success();
        client.send(&[Request::Logon(AuthToken {
            scheme: "none".to_owned(),
            ..AuthToken::default()
        })]);
        client.answer()?;
        match &client.query("SHOW CURRENT USER YIELD user").0[0][0] {
            Value::String(user) => Ok(user.clone()),
            other => panic!("no name: {other:?}"),
        }
    }
}

#[test]
fn a_certificate_that_names_a_user_is_a_login() {
    let (ours, theirs) = (authority(), authority());
    let case = case(&ours, false, UserName::CommonName);
    let ana = certified(&ours, "ana", &[]);
    assert_eq!(case.user(Some(&ana)).unwrap(), "ana");
    for refused in [None, Some(&certified(&ours, "ben", &[]))] {
        assert_eq!(case.user(refused).unwrap_err(), UNAUTHORIZED);
    }
    // Whoever is certified by somebody else does not get as far.
    let foreign = case
        .user(Some(&certified(&theirs, "ana", &[])))
        .unwrap_err();
    assert_ne!(foreign, UNAUTHORIZED);
    case.directory.suspend("test", "ana", true).unwrap();
    assert_eq!(case.user(Some(&ana)).unwrap_err(), UNAUTHORIZED);
}

#[test]
fn where_certificates_are_required_nobody_connects_without() {
    let ours = authority();
    let case = case(&ours, true, UserName::CommonName);
    assert_eq!(
        case.user(Some(&certified(&ours, "ana", &[]))).unwrap(),
        "ana"
    );
    assert_ne!(case.user(None).unwrap_err(), UNAUTHORIZED);
}

#[test]
fn the_user_is_what_the_certificate_says_once_in_the_chosen_place() {
    let ours = authority();
    let case = case(&ours, false, UserName::Email);
    case.directory
        .create_user("test", "ben@example.org", None, false)
        .unwrap();
    case.directory
        .assign("test", "ben@example.org", "reader")
        .unwrap();
    let user = |mails: &[&str]| case.user(Some(&certified(&ours, "ana", mails)));
    assert_eq!(user(&["ben@example.org"]).unwrap(), "ben@example.org");
    for mails in [&[][..], &["ben@example.org", "ana@example.org"]] {
        assert_eq!(user(mails).unwrap_err(), UNAUTHORIZED, "{mails:?}");
    }
}

#[test]
fn authorities_are_exchanged_without_a_restart() {
    let (first, second) = (authority(), authority());
    let case = case(&first, false, UserName::CommonName);
    let (before, after) = (
        certified(&first, "ana", &[]),
        certified(&second, "ana", &[]),
    );
    assert_eq!(case.user(Some(&before)).unwrap(), "ana");
    case.user(Some(&after)).unwrap_err();
    std::fs::write(&case.authorities, second.as_ref().pem()).unwrap();
    let mut tries = 0;
    while case.user(Some(&after)).is_err() {
        assert!(tries < 120, "the new file is not used");
        tries += 1;
        std::thread::sleep(Duration::from_millis(500));
    }
    case.user(Some(&before)).unwrap_err();
}

#[test]
fn certificates_of_clients_need_one_of_the_server_and_authorities_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let listen = |tls: Option<TlsFiles>| {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("data");
        let database = Database::open(&path, OpenOptions::creating()).unwrap();
        let mut options = fixture::options("127.0.0.1:0", fixture::open());
        options.tls = tls;
        options.client_certificates = Some(ClientCertificates {
            authorities: folder.path().join("clients.pem"),
            revocations: None,
            is_required: true,
            user: UserName::CommonName,
        });
        match Server::listen(database, options) {
            Err(error) => error,
            Ok(_) => panic!("it listens"),
        }
    };
    assert!(matches!(listen(None), ListenError::ClientsWithoutTls));
    let own = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        certificate: folder.path().join("server.pem"),
        key: folder.path().join("server.key"),
    };
    std::fs::write(&files.certificate, own.cert.pem()).unwrap();
    std::fs::write(&files.key, own.signing_key.serialize_pem()).unwrap();
    assert!(matches!(listen(Some(files)), ListenError::Tls(_)));
}
