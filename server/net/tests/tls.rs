//! A Bolt server that speaks TLS.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod fixture;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fixture::{Client, Fixture, open, options};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use retrograph_bolt::Version;
use retrograph_bolt::message::request::{AuthToken, NotificationFilter, Request};
use retrograph_net::tls::{TlsError, TlsFiles};
use retrograph_net::{ListenError, Server, grpc};
use retrograph_server::{Database, OpenOptions};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A new certificate of `localhost` with its key, in the files; returns it.
fn certify(files: &TlsFiles) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&files.certificate, cert.pem()).unwrap();
    std::fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles {
        certificate: folder.join("server.pem"),
        key: folder.join("server.key"),
    }
}

/// A client that trusts one certificate; what goes wrong while they agree.
fn connect(
    fixture: &Fixture,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(fixture.address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

fn rows<S: Read + Write>(socket: S, text: &str) -> usize {
    let mut client = Client::over(socket, Version::new(5, 8));
    client.greet(NotificationFilter::default(), &AuthToken::default());
    client.success();
    client.send(&[Request::Logon(AuthToken {
        scheme: "none".to_owned(),
        ..AuthToken::default()
    })]);
    client.success();
    client.query(text).0.len()
}

#[test]
fn queries_and_long_results_cross_an_encrypted_connection() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let trusted = certify(&files);
    let fixture = Fixture::with(|options| options.tls = Some(files));
    let socket = connect(&fixture, &trusted).unwrap();
    let text = "UNWIND range(1, 200000) AS x RETURN x, 'some text that makes rows longer' AS text";
    assert_eq!(rows(socket, text), 200_000);
}

#[test]
fn nothing_is_served_without_tls_where_there_is_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    certify(&files);
    let fixture = Fixture::with(|options| options.tls = Some(files));
    let mut socket = TcpStream::connect(fixture.address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    socket
        .write_all(&[
            0x60, 0x60, 0xB0, 0x17, 0, 0, 8, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ])
        .unwrap();
    let mut answer = Vec::new();
    // The end may come as a reset, since what was sent is not read.
    let _ = socket.read_to_end(&mut answer);
    assert!(!answer.starts_with(&[0, 0, 8, 5]), "{answer:?}");
}

#[test]
fn who_does_not_agree_on_tls_in_time_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let trusted = certify(&files);
    let time = Duration::from_millis(500);
    let fixture = Fixture::with(|options| {
        options.tls = Some(files);
        let bolt = options.bolt.as_mut().unwrap();
        bolt.limits.authentication_time = time;
        let mut grpc = grpc::Options::new("127.0.0.1:0".parse().unwrap());
        grpc.first_call_time = time;
        options.grpc = Some(grpc);
    });
    // The head of a record that promises a long greeting of TLS, as much of it as comes in time.
    let greeting = [&[22, 3, 1, 0x3F, 0xFF, 1, 0, 0x3F, 0xFB][..], &[0; 20_000]].concat();
    std::thread::scope(|scope| {
        for address in [fixture.address, fixture.grpc.unwrap()] {
            let greeting = &greeting;
            scope.spawn(move || assert_eq!(trickled(address, &[]), 0));
            scope.spawn(move || {
                let sent = trickled(address, greeting);
                assert!(sent > 0 && sent < greeting.len(), "{sent}");
            });
        }
        assert_eq!(rows(connect(&fixture, &trusted).unwrap(), "RETURN 1"), 1);
    });
    assert_eq!(rows(connect(&fixture, &trusted).unwrap(), "RETURN 1"), 1);
}

/// Sends byte by byte until the server closes the connection; how many it could.
fn trickled(address: SocketAddr, bytes: &[u8]) -> usize {
    let mut socket = TcpStream::connect(address).unwrap();
    for (sent, byte) in bytes.iter().enumerate() {
        if socket.write_all(&[*byte]).is_err() {
            return sent;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let patience = Duration::from_secs(60);
    socket.set_read_timeout(Some(patience)).unwrap();
    let end = socket.read_to_end(&mut Vec::new());
    // A reset will do; only a server that waits on does not.
    let waits = end.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!waits, "the server waits on");
    bytes.len()
}

#[test]
fn a_new_certificate_is_used_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let first = certify(&files);
    let fixture = Fixture::with(|options| options.tls = Some(files.clone()));
    let before = connect(&fixture, &first).unwrap();

    // Half of an exchange changes nothing.
    let key = std::fs::read(&files.key).unwrap();
    let second = certify(&files);
    let new_key = std::fs::read(&files.key).unwrap();
    std::fs::write(&files.key, key).unwrap();
    std::thread::sleep(Duration::from_secs(6));
    connect(&fixture, &first).unwrap();

    std::fs::write(&files.key, new_key).unwrap();
    let mut tries = 0;
    let after = loop {
        match connect(&fixture, &second) {
            Ok(stream) => break stream,
            Err(error) => assert!(tries < 60, "{error}"),
        }
        tries += 1;
        std::thread::sleep(Duration::from_millis(500));
    };
    connect(&fixture, &first).expect_err("the old one is not shown any more");
    assert_eq!(rows(after, "RETURN 1"), 1);
    assert_eq!(rows(before, "RETURN 1"), 1, "those who are connected stay");
}

#[test]
fn what_is_no_certificate_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (files(folder.path()), tempfile::tempdir().unwrap());
    certify(&one);
    let other = files(other.path());
    let listen = |tls: TlsFiles| {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("data");
        let database = Database::open(&path, OpenOptions::creating()).unwrap();
        let mut options = options("127.0.0.1:0", open());
        options.tls = Some(tls);
        match Server::listen(database, options) {
            Err(ListenError::Tls(error)) => error,
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("it listens"),
        }
    };
    assert!(matches!(listen(other.clone()), TlsError::File { .. }));
    let mixed = TlsFiles {
        certificate: one.certificate.clone(),
        key: one.certificate.clone(),
    };
    assert!(matches!(listen(mixed), TlsError::File { .. }));
    let empty = TlsFiles {
        certificate: one.key.clone(),
        key: one.key.clone(),
    };
    assert!(matches!(listen(empty), TlsError::NoCertificate { .. }));
    let stranger = tempfile::tempdir().unwrap();
    let stranger = files(stranger.path());
    certify(&stranger);
    let mismatch = TlsFiles {
        certificate: one.certificate,
        key: stranger.key,
    };
    assert!(matches!(listen(mismatch), TlsError::Mismatch { .. }));
}
