//! Queries that wait for their turn, are sent away, or want more than there is, over real sockets.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod fixture;

use std::time::Duration;

use fixture::{Client, Fixture, numbers, pull, run};
use retrograph_bolt::Value;
use retrograph_bolt::message::request::{Extra, Portion, Request};
use retrograph_bolt::message::response::Received;

/// A query that does not end in the time of any test.
const ENDLESS: &str = "UNWIND range(1, 10000) AS x UNWIND range(1, 10000) AS y
    UNWIND range(1, 10000) AS z RETURN count(x + y + z) AS n";

/// One whose rows do not end.
const ENDLESS_ROWS: &str = "UNWIND range(1, 10000) AS x UNWIND range(1, 10000) AS y
    RETURN x + y AS n, 'some text that makes rows longer' AS text";

/// One that holds many rows.
const HEAVY: &str = "UNWIND range(1, 1000000) AS x WITH x ORDER BY -x RETURN count(x) AS n";

const BUSY: &str = "Neo.TransientError.Request.NoThreadsAvailable";

/// A server in which one query runs at a time.
fn narrow() -> Fixture {
    Fixture::with(|options| {
        let admission = &mut options.turns.admission;
        admission.slots = 1;
        admission.queued_max = 2;
        admission.wait_max = Duration::from_secs(600);
    })
}

/// How many queries run and wait.
fn load(client: &mut Client) -> (i64, i64) {
    let (rows, _) = client.query("CALL server.load() YIELD running, waiting");
    match rows[0][..] {
        [Value::Int(running), Value::Int(waiting)] => (running, waiting),
        ref other => panic!("{other:?}"),
    }
}

/// Asks until so many run and wait.
fn until(client: &mut Client, wanted: (i64, i64)) {
    while load(client) != wanted {
        std::thread::yield_now();
    }
}

fn send(client: &mut Client, text: &str) {
    client.send(&[run(text), Request::Pull(Portion::ALL)]);
}

/// Runs a query that has begun for good when this returns: between its columns and its first rows it pauses.
fn run_endless(client: &mut Client, watch: &mut Client) {
    client.send(&[run(ENDLESS)]);
    client.success();
    until(watch, (0, 0));
    client.send(&[Request::Pull(Portion::ALL)]);
    until(watch, (1, 0));
}

#[test]
fn who_waits_is_served_in_turn_sent_away_or_reset() {
    let fixture = narrow();
    let mut watch = fixture.client();
    let (mut first, mut second, mut third, mut fourth) = (
        fixture.client(),
        fixture.client(),
        fixture.client(),
        fixture.client(),
    );
    run_endless(&mut first, &mut watch);
    send(&mut second, "RETURN 2");
    until(&mut watch, (1, 1));
    send(&mut third, "RETURN 3");
    until(&mut watch, (1, 2));
    // The queue is full.
    send(&mut fourth, "RETURN 4");
    match fourth.next() {
        Some(Received::Failure(failure)) => {
            let told = format!("{failure:?}");
            assert!(
                told.contains(BUSY) && told.contains("try again in"),
                "{told}"
            );
        }
        other => panic!("{other:?}"),
    }
    fourth.ignored();
    fourth.reset();
    let (rows, _) = watch.query(
        "SHOW TRANSACTIONS YIELD status, currentQuery WHERE status = 'Waiting' RETURN currentQuery AS q ORDER BY q",
    );
    assert_eq!(rows, [[Value::from("RETURN 2")], [Value::from("RETURN 3")]]);
    // One that waits is reset, and another one takes its place.
    third.send(&[Request::Reset]);
    third.ignored();
    third.ignored();
    third.success();
    until(&mut watch, (1, 1));
    send(&mut fourth, "RETURN 4");
    until(&mut watch, (1, 2));
    // When the first one is gone, the others run.
    first.reset_running();
    for (client, number) in [(&mut second, 2), (&mut fourth, 4)] {
        client.success();
        assert_eq!(numbers(&client.rows().0), [number]);
    }
    until(&mut watch, (0, 0));
}

#[test]
fn who_waits_can_be_terminated_and_runs_out_of_time() {
    let fixture = narrow();
    let mut watch = fixture.client();
    let (mut first, mut second) = (fixture.client(), fixture.client());
    run_endless(&mut first, &mut watch);
    send(&mut second, "RETURN 2");
    until(&mut watch, (1, 1));
    let (rows, _) = watch.query("SHOW TRANSACTIONS YIELD transactionId, status WHERE status = 'Waiting' RETURN transactionId");
    let Value::String(id) = &rows[0][0] else {
        panic!("no id: {rows:?}");
    };
    watch.query(&format!("TERMINATE TRANSACTIONS '{id}'"));
    assert!(second.failure().contains("Terminated"));
    second.ignored();
    second.reset();
    let in_time = Extra {
        timeout: Some(Duration::from_millis(20)),
        ..Extra::default()
    };
    second.send(&[
        fixture::run_with("RETURN 2", in_time),
        Request::Pull(Portion::ALL),
    ]);
    assert!(second.failure().contains("TimedOut"));
    second.ignored();
    first.reset_running();
    second.reset();
    assert_eq!(second.int("RETURN 5"), 5);
}

#[test]
fn nobody_holds_a_slot_between_statements_or_while_the_client_does_not_read() {
    let fixture = narrow();
    let mut client = fixture.client();
    let mut open = fixture.client();
    open.begin(Extra::default());
    open.query("CREATE (:N)");
    assert_eq!(client.int("RETURN 1"), 1);
    // A result that waits to be pulled.
    let mut pulling = fixture.client();
    pulling.send(&[run(ENDLESS_ROWS), pull(1, None)]);
    pulling.success();
    pulling.rows();
    assert_eq!(client.int("RETURN 2"), 2);
    pulling.send(&[pull(2, None)]);
    assert_eq!(pulling.rows().0.len(), 2);
    assert_eq!(client.int("RETURN 3"), 3);
    // One that is sent to somebody who does not read.
    let mut lazy = fixture.client();
    send(&mut lazy, ENDLESS_ROWS);
    assert_eq!(client.int("RETURN 4"), 4);
    open.query("CREATE (:N)");
    open.send(&[Request::Commit]);
    open.success();
    assert_eq!(client.int("MATCH (n:N) RETURN count(n)"), 2);
}

#[test]
fn queries_that_want_more_memory_than_there_is_fail_alone() {
    let fixture = Fixture::with(|options| options.turns.admission.memory_bytes_max = 4 << 20);
    let mut heavy: Vec<Client> = (0..8).map(|_| fixture.client()).collect();
    for client in &mut heavy {
        send(client, HEAVY);
    }
    let mut light = fixture.client();
    for _ in 0..20 {
        let (rows, _) = light.query("CALL server.load() YIELD memoryBytes, memoryBytesMax");
        let [Value::Int(held), Value::Int(most)] = rows[0][..] else {
            panic!("{rows:?}");
        };
        assert!(held <= most);
        assert_eq!(light.int("RETURN 1"), 1, "needs none");
    }
    for client in &mut heavy {
        client.success();
        match client.next() {
            Some(Received::Failure(failure)) => {
                let told = format!("{failure:?}");
                // Transient only if it would have had enough alone.
                assert!(told.contains("OutOfMemoryError"), "{told}");
                assert!(
                    told.contains("Sort needs more memory than the server has left"),
                    "{told}"
                );
            }
            other => panic!("{other:?}"),
        }
        client.reset();
    }
    assert_eq!(
        light.int("CALL server.load() YIELD memoryBytes RETURN memoryBytes"),
        0
    );
    assert_eq!(
        light.int("UNWIND range(1, 1000) AS x WITH x ORDER BY -x RETURN count(x)"),
        1_000
    );
}

#[test]
fn slow_queries_are_recorded_without_what_they_ask_about() {
    let fixture = Fixture::with(|options| options.turns.slow_query = Some(Duration::ZERO));
    let mut client = fixture.client();
    client.query("UNWIND range(1, 5) AS x CREATE (n:Person {name: 'secret', x: x}) RETURN n.x");
    send(&mut client, "UNWIND [0] AS x RETURN 'secret' AS s, 1 / x");
    client.success();
    client.failure();
    client.reset();
    let (rows, _) = client.query(
        "CALL server.slowQueries() YIELD query, rows, scanned, units, user, tenant, database, failure, plan
         RETURN query, rows, scanned > 0, units > 1.0, user, tenant, database, size(plan), failure",
    );
    let texts: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
    assert!(
        texts.iter().all(|text| !text.contains("secret")),
        "{texts:?}"
    );
    let created = rows.last().unwrap();
    let text = "UNWIND range(?, ?) AS x CREATE (n:Person {name: ?, x: x}) RETURN n.x";
    let wanted = [
        Value::from(text),
        Value::Int(5),
        Value::Bool(true),
        Value::Bool(true),
        Value::from("tester"),
        Value::from("main"),
        Value::from("g"),
        Value::Int(16),
        Value::Null,
    ];
    assert_eq!(created[..], wanted);
    let failed = &rows[rows.len() - 2];
    assert_eq!(failed[8], Value::from("Runtime"));
}
