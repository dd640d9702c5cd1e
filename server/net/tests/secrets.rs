//! Passwords in statements show nowhere: not to those who list what runs, nor in plans, errors, records and logs.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod fixture;
#[path = "fixture/lines.rs"]
mod lines;

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fixture::{Client, Fixture, ask_users, basic, run, run_with, shown};
use lines::Lines;
use retrograph_bolt::Version;
use retrograph_bolt::message::request::{Extra, Portion, Request as BoltRequest};
use retrograph_bolt::message::response::Received;
use retrograph_net::grpc;
use retrograph_proto::v1;
use retrograph_proto::v1::jobs_client::JobsClient;
use retrograph_proto::v1::query_client::QueryClient;
use tonic::Request;
use tonic::metadata::MetadataValue;
use tonic::transport::Endpoint;

/// In every password of this test.
const SECRET: &str = "hunter2";

/// A server that records every query as slow, with the user `admin`, whose password is `hunter2-admin`.
fn server() -> Fixture {
    Fixture::with_database(|database, options| {
        ask_users(database, options, "hunter2-admin", &[("admin", "admin")]);
        options.turns.slow_query = Some(Duration::ZERO);
        options.grpc = Some(grpc::Options::new("127.0.0.1:0".parse().unwrap()));
    })
}

fn log_in(fixture: &Fixture) -> Client {
    let mut client = shown(fixture, Version::new(5, 8), basic("admin", "hunter2-admin"));
    client.success();
    client
}

/// Texts with passwords: right ones, and such as people mistype.
const TEXTS: [&str; 22] = [
    "CREATE USER ana SET PASSWORD 'hunter2-ana'",
    "CREATE USER ana SET PASSWORD \"hunter2-ana\" SET STATUS ACTIVE",
    "EXPLAIN CREATE USER ben SET PASSWORD 'hunter2-ben'",
    "PROFILE CREATE USER carl SET PASSWORD 'hunter2-carl'",
    "ALTER USER ana SET PASSWORD 'hunter2-other' CHANGE NOT REQUIRED",
    "EXPLAIN ALTER CURRENT USER SET PASSWORD FROM 'hunter2-admin' TO 'hunter2-new'",
    "ALTER CURRENT USER SET PASSWORD FROM 'hunter2-wrong' TO 'hunter2-new'",
    "EXPLAIN CALL user.create('dora', 'hunter2-dora', false)",
    "EXPLAIN WITH 'hunter2' + '-eva' AS p CALL user.create('eva', p) RETURN 1 AS one",
    "PROFILE CALL user.setPassword('carl', 'hunter2-again')",
    "CALL user.setPassword('carl', 'hunter2', true, 4)",
    "CALL user.alter('carl', ['hunter2'])",
    "CALL user.changePassword('hunter2-wrong'",
    "CREATE USER dora SET PASSWORD hunter2",
    "CREATE USER dora SET PASSWORD hunter2!x CHANGE REQUIRED",
    "CREATE USER dora SET PASSWORD 'hunter2",
    "CREATE USER dora SET PASWORD 'hunter2'",
    "CREATE USER dora SET PASSWORD 'hunter2' // hunter2\n SET STATUS ASLEEP",
    "CREATE USER dora SET PASSWORD 'hunter2' WITH ROLE reader",
    "CREATE USR dora SET PASSWORD 'hunter2'",
    "ALTER CURRENT USER SET PASSWORD FROM hunter2-admin TO hunter2-new",
    "ALTER CURRENT USER SET PASSWORD 'hunter2-new'",
];

/// Runs until its rows are wanted, and holds a password.
const RUNNING: &str = "UNWIND range(1, 100000000) AS x RETURN x \
     UNION ALL UNWIND [] AS x CALL user.create('ana', 'hunter2-running') RETURN x";

/// All that a client hears of a statement.
fn heard(client: &mut Client, text: &str) -> String {
    client.send(&[run(text), BoltRequest::Pull(Portion::ALL)]);
    let mut heard = String::new();
    let mut is_open = false;
    loop {
        let message = client.next().unwrap();
        let _ = writeln!(heard, "{message:?}");
        match message {
            Received::Failure(_) => {
                // Rows of a query that was never open are ignored.
                if !is_open {
                    client.ignored();
                }
                client.reset();
                return heard;
            }
            Received::Success(map) if !map.contains_key("fields") => return heard,
            Received::Success(_) => is_open = true,
            _ => {}
        }
    }
}

fn check(what: &str, text: &str, shown: &str) {
    assert!(!shown.contains(SECRET), "{what} of {text}: {shown}");
}

#[test]
fn no_password_in_a_statement_shows() {
    let lines = Lines::of_everything();
    let fixture = server();
    let mut admin = log_in(&fixture);
    for text in TEXTS {
        check("answer", text, &heard(&mut admin, text));
    }
    // The statements were read as what they are.
    let users = heard(&mut admin, "SHOW USERS YIELD user");
    assert!(users.contains("ana") && users.contains("carl"), "{users}");
    assert!(!users.contains("ben") && !users.contains("dora"), "{users}");
    let told = heard(
        &mut admin,
        "CREATE USER dora SET PASSWORD 'hunter2' SET STATUS ASLEEP",
    );
    assert!(
        told.contains("CREATE USER dora SET PASSWORD '******' SET STATUS ASLEEP"),
        "{told}"
    );

    let mut other = log_in(&fixture);
    other.send(&[run(RUNNING)]);
    other.success();
    let transactions = heard(&mut admin, "SHOW TRANSACTIONS YIELD *");
    assert!(
        transactions.contains("UNION ALL") && transactions.contains("******"),
        "{transactions}"
    );
    check("transactions", RUNNING, &transactions);
    let grpc = over_grpc(&fixture);
    assert!(
        grpc.contains("UNION ALL") && grpc.contains("ASLEEP"),
        "{grpc}"
    );
    check("gRPC", "all texts", &grpc);
    other.reset();

    let records = heard(&mut admin, "CALL server.slowQueries() YIELD query, failure");
    assert!(records.contains("SET PASSWORD ?"), "{records}");
    check("slow queries", "all texts", &records);
    let changes = heard(&mut admin, "CALL audit.changes() YIELD *");
    assert!(changes.contains("create user `carl`"), "{changes}");
    check("audit", "all texts", &changes);
    let system = Extra {
        database: Some("system".to_owned()),
        ..Extra::default()
    };
    admin.send(&[
        run_with(
            "MATCH (n) OPTIONAL MATCH (n)-[r]-() RETURN n {.*}, labels(n), r {.*}",
            system,
        ),
        BoltRequest::Pull(Portion::ALL),
    ]);
    admin.success();
    check("system graph", "all texts", &format!("{:?}", admin.rows()));

    drop((admin, other));
    drop(fixture);
    let log = lines.text();
    assert!(log.contains("slow query"), "{log}");
    check("log", "all texts", &log);
}

/// What the services of gRPC say of the same texts, and of what runs.
fn over_grpc(fixture: &Fixture) -> String {
    let address = fixture.grpc.unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async move {
        let uri = format!("http://{address}");
        let channel = Endpoint::from_shared(uri).unwrap().connect().await.unwrap();
        let shown = format!("Basic {}", STANDARD.encode("admin:hunter2-admin"));
        let shown = MetadataValue::try_from(shown.as_str()).unwrap();
        let of_admin = move |mut request: Request<()>| {
            request
                .metadata_mut()
                .insert("authorization", shown.clone());
            Ok(request)
        };
        let mut told = String::new();
        let mut jobs = JobsClient::with_interceptor(channel.clone(), of_admin.clone());
        let listed = jobs.list_jobs(v1::ListJobsRequest::default()).await;
        let _ = writeln!(told, "{:?}", listed.unwrap().into_inner());
        let mut query = QueryClient::with_interceptor(channel, of_admin);
        for text in TEXTS {
            let request = v1::RunRequest {
                query: text.to_owned(),
                ..v1::RunRequest::default()
            };
            match query.run(request).await {
                Err(status) => {
                    let _ = writeln!(told, "{status:?}");
                }
                Ok(stream) => {
                    let mut stream = stream.into_inner();
                    loop {
                        match stream.message().await {
                            Ok(None) => break,
                            Ok(Some(message)) => {
                                let _ = writeln!(told, "{message:?}");
                            }
                            Err(status) => {
                                let _ = writeln!(told, "{status:?}");
                                break;
                            }
                        }
                    }
                }
            }
        }
        told
    })
}
