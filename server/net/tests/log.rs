//! What a server says of itself holds nothing that users wrote or showed, whatever the level.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod fixture;

use std::io::Write;
use std::sync::{Arc, Mutex};

use fixture::{Client, Fixture, basic, run, shown};
use retrograph_bolt::Version;
use retrograph_identity::{Authenticator, Directory};
use retrograph_net::Access;

const PASSWORD: &str = "hunter2-correct-horse";
const WRONG: &str = "hunter2-wrong-horse";

/// A log in memory.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn log_in(fixture: &Fixture, password: &str) -> Client {
    shown(fixture, Version::new(5, 8), basic("admin", password))
}

#[test]
fn no_secret_and_no_statement_is_logged() {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let fixture = Fixture::with_database(|database, options| {
        let directory = Arc::new(Directory::open(Arc::clone(database)).unwrap());
        let password = PASSWORD.into();
        directory
            .create_user("test", "admin", Some(&password), false)
            .unwrap();
        directory.assign("test", "admin", "admin").unwrap();
        let authenticator = Authenticator::new(directory).unwrap();
        options.access = Access::Users(Arc::new(authenticator));
    });
    log_in(&fixture, WRONG).failure();
    let mut client = log_in(&fixture, PASSWORD);
    client.success();
    client.query("CREATE (:Person {passport: 'hunter2-literal'})");
    client.send(&[run("CREATE (:Person {passport: 'hunter2-broken'} RETURN")]);
    client.failure();
    client.reset();
    drop(client);
    drop(fixture);

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("a login failed") && log.contains("connected"),
        "{log}"
    );
    for secret in ["hunter2", "passport", "CREATE"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
