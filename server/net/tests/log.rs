//! What a server says of itself holds nothing that users wrote or showed, whatever the level.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod fixture;
#[path = "fixture/lines.rs"]
mod lines;

use fixture::{Client, Fixture, ask_users, basic, run, shown};
use lines::Lines;
use retrograph_bolt::Version;

const PASSWORD: &str = "hunter2-correct-horse";
const WRONG: &str = "hunter2-wrong-horse";

fn log_in(fixture: &Fixture, password: &str) -> Client {
    shown(fixture, Version::new(5, 8), basic("admin", password))
}

#[test]
fn no_secret_and_no_statement_is_logged() {
    let lines = Lines::of_everything();
    let fixture = Fixture::with_database(|database, options| {
        ask_users(database, options, PASSWORD, &[("admin", "admin")]);
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

    let log = lines.text();
    assert!(
        log.contains("a login failed") && log.contains("connected"),
        "{log}"
    );
    for secret in ["hunter2", "passport", "CREATE"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
