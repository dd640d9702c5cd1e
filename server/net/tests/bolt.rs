//! A Bolt server over a real socket: requests, results, transactions.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod fixture;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use fixture::{Client, Fixture, bolt, numbers, open, options, pull, run, run_with};
use retrograph_bolt::message::request::{Extra, Mode, NotificationFilter, Portion, Request, Route};
use retrograph_bolt::message::response::Received;
use retrograph_bolt::value::{Structure, map};
use retrograph_bolt::{Value, Version};
use retrograph_net::{ListenError, Server};
use retrograph_server::{Database, OpenOptions};

const COUNT: &str = "MATCH (n) RETURN count(*) AS n";

/// A query that does not end in the time of any test.
const ENDLESS: &str = "UNWIND range(1, 10000) AS x UNWIND range(1, 10000) AS y
    UNWIND range(1, 10000) AS z RETURN count(x + y + z) AS n";

/// One whose rows do not end.
const ENDLESS_ROWS: &str = "UNWIND range(1, 10000) AS x UNWIND range(1, 10000) AS y
    RETURN x + y AS n, 'some text that makes rows longer' AS text";

#[test]
fn rows_come_as_they_are_pulled() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    client.send(&[run("UNWIND range(1, 5) AS x RETURN x")]);
    let started = client.success();
    assert_eq!(started["fields"], vec!["x".into()].into());
    assert_eq!(started["db"], "g".into());
    for (count, expected) in [(2, vec![1, 2]), (2, vec![3, 4])] {
        client.send(&[pull(count, None)]);
        let (rows, summary) = client.rows();
        assert_eq!(numbers(&rows), expected);
        assert_eq!(summary, map([("has_more", Value::Bool(true))]));
    }
    client.send(&[pull(1, None)]);
    let (rows, summary) = client.rows();
    assert_eq!(numbers(&rows), [5]);
    assert!(!summary.contains_key("has_more"));
    assert_eq!(summary["type"], "r".into());
    assert_eq!(summary["db"], "g".into());

    // Some are passed over.
    client.send(&[
        run("UNWIND range(1, 9) AS x RETURN x"),
        Request::Discard(Portion {
            rows: Some(7),
            result: None,
        }),
        Request::Pull(Portion::ALL),
    ]);
    client.success();
    assert_eq!(client.success(), map([("has_more", Value::Bool(true))]));
    assert_eq!(numbers(&client.rows().0), [8, 9]);
    // All are passed over; what is written is written.
    client.send(&[
        run("UNWIND range(1, 9) AS x CREATE (n) RETURN n"),
        Request::Discard(Portion::ALL),
    ]);
    client.success();
    let summary = client.success();
    let Value::Map(stats) = &summary["stats"] else {
        panic!("{summary:?}");
    };
    assert_eq!(stats["nodes-created"], Value::Int(9));
    assert_eq!(client.int(COUNT), 9);
}

#[test]
fn every_version_answers() {
    let fixture = Fixture::new();
    for version in retrograph_bolt::version::SUPPORTED {
        let mut client = fixture.client_of(version);
        let (rows, summary) =
            client.query("CREATE (n:L {x: datetime('2026-01-10T12:00:00[Europe/Oslo]')}) RETURN n");
        let Value::Structure(node) = &rows[0][0] else {
            panic!("{rows:?}");
        };
        let Structure::Node(node) = &**node else {
            panic!("{rows:?}");
        };
        assert_eq!(node.labels, ["L"]);
        assert_eq!(node.element_id.is_empty(), version < Version::new(5, 0));
        let expected = if version < Version::new(5, 0) {
            Structure::LegacyDateTimeZoneId {
                local_seconds: 1_768_046_400,
                nanoseconds: 0,
                zone: "Europe/Oslo".to_owned(),
            }
        } else {
            Structure::DateTimeZoneId {
                seconds: 1_768_042_800,
                nanoseconds: 0,
                zone: "Europe/Oslo".to_owned(),
            }
        };
        assert_eq!(node.properties["x"], Value::structure(expected));
        assert_eq!(summary["type"], "rw".into());
        let has_statuses = summary.contains_key("statuses");
        assert_eq!(has_statuses, version >= Version::new(5, 6), "{version}");
    }
}

#[test]
fn several_results_of_a_transaction_are_read_in_any_order() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    client.begin(Extra::default());
    client.send(&[run(
        "UNWIND range(1, 5) AS x CREATE (n:A {x: x}) RETURN n.x AS x",
    )]);
    assert_eq!(client.success()["qid"], Value::Int(0));
    client.send(&[pull(2, Some(0))]);
    assert_eq!(numbers(&client.rows().0), [1, 2]);
    // The second one sees what the first one writes, read or not.
    client.send(&[run("MATCH (n:A) RETURN n.x AS x ORDER BY x DESC")]);
    assert_eq!(client.success()["qid"], Value::Int(1));
    client.send(&[pull(1, None), pull(1, Some(0))]);
    assert_eq!(numbers(&client.rows().0), [5]);
    assert_eq!(numbers(&client.rows().0), [3]);
    client.send(&[run("RETURN 7 AS x")]);
    assert_eq!(client.success()["qid"], Value::Int(2));
    client.send(&[
        Request::Pull(Portion {
            rows: None,
            result: Some(1),
        }),
        Request::Pull(Portion::ALL),
        Request::Pull(Portion {
            rows: None,
            result: Some(0),
        }),
    ]);
    assert_eq!(numbers(&client.rows().0), [4, 3, 2, 1]);
    assert_eq!(numbers(&client.rows().0), [7]);
    let (rows, summary) = client.rows();
    assert_eq!(numbers(&rows), [4, 5]);
    assert!(summary.contains_key("stats"));
    client.send(&[Request::Commit]);
    assert!(client.success().contains_key("bookmark"));
    assert_eq!(client.int(COUNT), 5);
}

#[test]
fn a_commit_completes_what_was_not_read_and_a_rollback_undoes_all() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    for (end, expected) in [(Request::Commit, 3_000), (Request::Rollback, 3_000)] {
        client.begin(Extra::default());
        client.send(&[
            run("UNWIND range(1, 3000) AS x CREATE (n) RETURN n"),
            pull(1, None),
            end,
        ]);
        client.success();
        client.rows();
        client.success();
        assert_eq!(client.int(COUNT), expected);
    }
}

#[test]
fn what_is_kept_of_unread_results_is_limited() {
    let fixture = Fixture::with(|options| bolt(options).kept_bytes_max = 100_000);
    let mut client = fixture.client();
    client.begin(Extra::default());
    client.send(&[run(ENDLESS_ROWS), run("RETURN 1")]);
    client.success();
    let code = client.failure();
    // A limit of its own: there is no sense in trying again.
    assert_eq!(code, "Neo.ClientError.General.TransactionOutOfMemoryError");
    client.reset();
    assert_eq!(client.int("RETURN 1"), 1);
}

#[test]
fn a_reset_interrupts_a_running_query() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    client.begin(Extra::default());
    client.send(&[run("CREATE ()"), Request::Pull(Portion::ALL)]);
    client.success();
    client.success();
    client.send(&[run(ENDLESS), Request::Pull(Portion::ALL)]);
    client.success();
    client.send(&[run("RETURN 1"), Request::Reset]);
    client.ignored();
    client.ignored();
    client.success();
    assert_eq!(client.int(COUNT), 0, "the transaction is rolled back");

    // The same for a result that waits to be pulled.
    client.send(&[run(ENDLESS_ROWS), pull(1, None)]);
    client.success();
    client.rows();
    client.reset();
    assert_eq!(client.int("RETURN 1"), 1);
}

#[test]
fn rows_asked_for_with_a_query_can_be_given_up_and_the_query_may_fail() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    let all = Request::Pull(Portion::ALL);
    for query in [ENDLESS, ENDLESS_ROWS] {
        for pause_ms in [0, 1, 2, 3, 50] {
            // The RESET comes while the query is compiled, opened or running.
            client.send(&[run(query), all.clone()]);
            std::thread::sleep(Duration::from_millis(pause_ms));
            client.send(&[Request::Reset]);
            assert!(matches!(client.summaries(3), Received::Success(_)));
            assert_eq!(client.int("RETURN 1"), 1);
        }
    }
    // In a transaction, where the reset ends that too.
    client.begin(Extra::default());
    client.send(&[run(ENDLESS_ROWS), pull(1_000_000, Some(0))]);
    client.send(&[Request::Reset]);
    assert!(matches!(client.summaries(3), Received::Success(_)));
    // It does not compile, or fails before or behind its first row.
    client.send(&[run("RETURN"), all.clone()]);
    assert_eq!(client.failure(), "Neo.ClientError.Statement.SyntaxError");
    client.ignored();
    client.reset();
    for (list, rows) in [("[0, 1]", 0), ("range(-5000, 1)", 5_000)] {
        client.send(&[
            run(&format!("UNWIND {list} AS x RETURN 1 / x AS y")),
            all.clone(),
        ]);
        client.success();
        let mut found = 0;
        let failure = loop {
            match client.next() {
                Some(Received::Record(_)) => found += 1,
                other => break other,
            }
        };
        assert!(matches!(failure, Some(Received::Failure(_))), "{failure:?}");
        assert!(found <= rows, "{found}");
        client.reset();
    }
    assert_eq!(client.int("RETURN 1"), 1);
}

#[test]
fn rows_of_a_slow_query_come_while_it_runs() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    // A row now and then: far too few to fill a batch in the time of any test.
    let slow = "UNWIND range(1, 1000000000000) AS x WITH x WHERE x % 200000 = 0 RETURN x";
    client.send(&[run(slow), Request::Pull(Portion::ALL)]);
    client.success();
    assert!(matches!(client.next(), Some(Received::Record(_))));
    client.send(&[Request::Reset]);
    assert!(matches!(client.summaries(2), Received::Success(_)));
    assert_eq!(client.int("RETURN 1"), 1);
}

#[test]
fn a_reset_interrupts_a_result_that_is_run_to_its_end_for_the_next_query() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    client.begin(Extra::default());
    // Some rows at once, and then none for longer than any test.
    let first =
        "UNWIND range(1, 10000) AS x UNWIND range(1, 10000) AS y UNWIND range(1, 10000) AS z
        WITH x, y, z WHERE x = 1 AND y = 1 RETURN z";
    client.send(&[run(first), pull(1, None)]);
    client.success();
    assert_eq!(numbers(&client.rows().0), [1]);
    client.send(&[run("RETURN 1"), Request::Reset]);
    client.ignored();
    client.success();
    assert_eq!(client.int("RETURN 2"), 2);
}

#[test]
fn a_client_that_goes_takes_its_transaction_with_it() {
    let fixture = Fixture::new();
    let mut first = fixture.client();
    first.query("CREATE (:C {x: 1})");
    first.begin(Extra::default());
    first.send(&[
        run("MATCH (c:C) SET c.x = 2"),
        Request::Pull(Portion::ALL),
        run(ENDLESS),
    ]);
    first.success();
    first.success();
    first.success();
    first.send(&[Request::Pull(Portion::ALL)]);
    drop(first);
    let mut second = fixture.client();
    second.query("MATCH (c:C) SET c.x = c.x + 10");
    assert_eq!(second.int("MATCH (c:C) RETURN c.x AS x"), 11);
}

#[test]
fn the_later_of_two_conflicting_transactions_may_be_retried() {
    let fixture = Fixture::new();
    let (mut one, mut two) = (fixture.client(), fixture.client());
    one.query("CREATE (:C {x: 1})");
    let change = "MATCH (c:C) SET c.x = c.x + 1";
    for client in [&mut one, &mut two] {
        client.begin(Extra::default());
        client.send(&[run(change), Request::Pull(Portion::ALL)]);
        client.success();
        client.success();
    }
    one.send(&[Request::Commit]);
    one.success();
    two.send(&[Request::Commit, run("RETURN 1")]);
    assert_eq!(two.failure(), "Neo.TransientError.Transaction.Outdated");
    two.ignored();
    two.reset();
    two.query(change);
    assert_eq!(two.int("MATCH (c:C) RETURN c.x AS x"), 3);
}

#[test]
fn transactions_end_in_time() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    let short = || Extra {
        timeout: Some(Duration::from_millis(50)),
        ..Extra::default()
    };
    let timed_out = "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration";
    client.send(&[run_with(ENDLESS, short()), Request::Pull(Portion::ALL)]);
    client.success();
    assert_eq!(client.failure(), timed_out);
    client.reset();
    // One that is idle, and one whose result is not pulled.
    client.begin(short());
    std::thread::sleep(Duration::from_millis(100));
    client.send(&[run("CREATE ()")]);
    assert_eq!(client.failure(), timed_out);
    client.reset();
    client.begin(short());
    client.send(&[run(ENDLESS_ROWS)]);
    client.success();
    std::thread::sleep(Duration::from_millis(100));
    client.send(&[Request::Pull(Portion::ALL)]);
    assert_eq!(client.failure(), timed_out);
    client.reset();
    assert_eq!(client.int(COUNT), 0);
}

#[test]
fn the_past_is_read_by_metadata_and_by_the_name_of_the_database() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    let (_, summary) = client.query("CREATE (:C {x: 1})");
    let Value::Int(version) = summary["version"] else {
        panic!("{summary:?}");
    };
    let graph = fixture.database.graph("g").unwrap();
    let time = graph
        .version_time(retrograph_graph::ids::Version(version.cast_unsigned()))
        .unwrap();
    let seconds = time.0.div_euclid(1_000_000);
    let micros = time.0.rem_euclid(1_000_000);
    client.query("MATCH (c:C) SET c.x = 2");

    let instant = Structure::DateTime {
        seconds,
        nanoseconds: micros * 1_000,
        offset_seconds: 0,
    };
    let (rows, _) = client.query(&format!(
        "RETURN toString(datetime({{epochSeconds: {seconds}, nanosecond: {}}})) AS t",
        micros * 1_000
    ));
    let Value::String(text) = &rows[0][0] else {
        panic!("{rows:?}");
    };
    let query = "MATCH (c:C) RETURN c.x AS x";
    let as_of = |moment: Value| Extra {
        metadata: map([("as_of", moment)]),
        ..Extra::default()
    };
    let named = |name: String| Extra {
        database: Some(name),
        ..Extra::default()
    };
    for extra in [
        as_of(Value::Int(version)),
        as_of(text.as_str().into()),
        as_of(Value::structure(instant)),
        named(format!("g@{text}")),
    ] {
        let (rows, _) = client.query_with(query, extra.clone());
        assert_eq!(numbers(&rows), [1], "{extra:?}");
        client.begin(extra.clone());
        client.send(&[run(query), Request::Pull(Portion::ALL), Request::Commit]);
        client.success();
        assert_eq!(numbers(&client.rows().0), [1]);
        client.success();
        client.send(&[run_with("CREATE ()", extra), Request::Pull(Portion::ALL)]);
        client.success();
        assert_eq!(client.failure(), "Neo.ClientError.Statement.AccessMode");
        client.reset();
    }
    assert_eq!(client.int(query), 2);
    for (extra, code) in [
        (
            as_of(Value::Int(999)),
            "Neo.ClientError.Statement.ArgumentError",
        ),
        (
            as_of("then".into()),
            "Neo.ClientError.Statement.ArgumentError",
        ),
        (
            named("g@then".to_owned()),
            "Neo.ClientError.Database.DatabaseNotFound",
        ),
        (
            named("h".to_owned()),
            "Neo.ClientError.Database.DatabaseNotFound",
        ),
    ] {
        client.send(&[run_with(query, extra)]);
        assert_eq!(client.failure(), code);
        client.reset();
    }
}

#[test]
fn readers_do_not_write_and_nobody_writes_the_system_graph() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    for extra in [
        Extra {
            mode: Mode::Read,
            ..Extra::default()
        },
        Extra {
            database: Some("system".to_owned()),
            ..Extra::default()
        },
    ] {
        client.send(&[run_with("CREATE ()", extra), Request::Pull(Portion::ALL)]);
        client.success();
        assert_eq!(client.failure(), "Neo.ClientError.Statement.AccessMode");
        client.reset();
    }
}

#[test]
fn notifications_are_filtered_by_the_connection_and_by_the_transaction() {
    let fixture = Fixture::new();
    let filter = |severity: Option<&str>, disabled: Option<&str>| NotificationFilter {
        severity_min: severity.map(str::to_owned),
        disabled: disabled.map(|class| vec![class.to_owned()]),
    };
    let text = "MATCH (n:NeverSeen) RETURN n";
    for (connection, transaction, expected) in [
        (filter(None, None), filter(None, None), true),
        (filter(Some("OFF"), None), filter(None, None), false),
        (
            filter(Some("OFF"), None),
            filter(Some("WARNING"), None),
            true,
        ),
        (
            filter(None, None),
            filter(None, Some("UNRECOGNIZED")),
            false,
        ),
        (filter(None, None), filter(None, Some("HINT")), true),
    ] {
        for (version, key) in [((5, 4), "notifications"), ((5, 8), "statuses")] {
            let version = Version::new(version.0, version.1);
            let mut client = fixture.client_with(version, connection.clone());
            let extra = Extra {
                notifications: transaction.clone(),
                ..Extra::default()
            };
            let (_, summary) = client.query_with(text, extra);
            let count = match summary.get(key) {
                Some(Value::List(items)) => items.len(),
                _ => 0,
            };
            // Statuses begin with that of the result.
            let others = usize::from(key == "statuses");
            assert_eq!(
                count - others,
                usize::from(expected),
                "{connection:?} {transaction:?}"
            );
        }
    }
}

#[test]
fn bookmarks_are_versions() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    let (_, summary) = client.query("CREATE ()");
    let Value::String(bookmark) = &summary["bookmark"] else {
        panic!("{summary:?}");
    };
    let with = |bookmark: &str| Extra {
        bookmarks: vec![bookmark.to_owned()],
        ..Extra::default()
    };
    client.query_with(COUNT, with(bookmark));
    let (prefix, _) = bookmark.rsplit_once(':').unwrap();
    for (bookmark, code) in [
        (
            format!("{prefix}:99"),
            "Neo.TransientError.Transaction.BookmarkTimeout",
        ),
        (
            "FB:what".to_owned(),
            "Neo.ClientError.Transaction.InvalidBookmark",
        ),
    ] {
        client.send(&[Request::Begin(with(&bookmark))]);
        assert_eq!(client.failure(), code);
        client.reset();
    }
}

#[test]
fn the_routing_table_names_the_server_in_every_role() {
    for advertised in [None, Some("db.example.org:7687".to_owned())] {
        let fixture = Fixture::with(|options| bolt(options).advertised.clone_from(&advertised));
        let mut client = fixture.client();
        client.send(&[Request::Route(Route {
            context: map([("address", "localhost:1234")]),
            ..Route::default()
        })]);
        let answer = client.success();
        let Value::Map(table) = &answer["rt"] else {
            panic!("{answer:?}");
        };
        assert_eq!(table["db"], "g".into());
        let Value::List(servers) = &table["servers"] else {
            panic!("{table:?}");
        };
        assert_eq!(servers.len(), 3);
        let expected = advertised.unwrap_or_else(|| "localhost:1234".to_owned());
        for server in servers {
            let Value::Map(server) = server else {
                panic!("{table:?}");
            };
            assert_eq!(server["addresses"], vec![expected.as_str().into()].into());
        }
    }
}

#[test]
fn mistakes_are_told_and_the_connection_goes_on() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    for (text, code) in [
        ("RETURN", "Neo.ClientError.Statement.SyntaxError"),
        (
            "RETURN $missing",
            "Neo.ClientError.Statement.ParameterMissing",
        ),
    ] {
        client.send(&[run(text), Request::Pull(Portion::ALL)]);
        assert_eq!(client.failure(), code);
        client.ignored();
        client.reset();
    }
    client.send(&[
        run("UNWIND [2, 1, 0] AS x RETURN 1 / x AS y"),
        Request::Pull(Portion::ALL),
    ]);
    client.success();
    let mut received = client.next();
    while let Some(Received::Record(_)) = received {
        received = client.next();
    }
    let Some(Received::Failure(failure)) = received else {
        panic!("{received:?}");
    };
    assert_eq!(
        failure["neo4j_code"],
        "Neo.ClientError.Statement.ArithmeticError".into()
    );
    client.reset();
    assert_eq!(client.int("RETURN 1"), 1);
}

#[test]
fn a_client_that_does_not_read_stops_nobody_else() {
    let fixture = Fixture::new();
    let mut lazy = fixture.client();
    lazy.send(&[run(ENDLESS_ROWS), Request::Pull(Portion::ALL)]);
    let mut client = fixture.client();
    for _ in 0..20 {
        assert_eq!(client.int("RETURN 1"), 1);
    }
    // It is interrupted although it has read nothing yet.
    lazy.send(&[Request::Reset]);
    loop {
        match lazy.next() {
            Some(Received::Ignored) => break,
            Some(Received::Record(_) | Received::Success(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    lazy.success();
    assert_eq!(lazy.int("RETURN 2"), 2);
}

#[test]
fn strangers_are_shown_out() {
    let fixture = Fixture::with(|options| {
        bolt(options).limits.authentication_time = Duration::from_millis(100);
    });
    // Not Bolt at all.
    let mut socket = TcpStream::connect(fixture.address).unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest);
    assert!(rest.is_empty());
    // Too slow.
    let mut client = Client::connect(fixture.address, Version::new(5, 4));
    assert_eq!(client.next(), None);
    // Work before authentication.
    let mut client = Client::connect(fixture.address, Version::new(5, 4));
    client.send(&[run("RETURN 1")]);
    assert_eq!(client.failure(), "Neo.ClientError.Request.Invalid");
    assert_eq!(client.next(), None);
    assert_eq!(fixture.client().int("RETURN 1"), 1);
}

#[test]
fn a_worker_is_given_back_only_when_nothing_is_open_or_under_way() {
    let fixture = Fixture::with(|options| {
        bolt(options).worker_idle = Duration::ZERO;
        options.workers_max = 1;
    });
    let mut clients = [fixture.client(), fixture.client()];
    for round in 0..20 {
        let client = &mut clients[round % 2];
        // The other one's worker may take a moment to end.
        client.send(&[Request::Begin(Extra::default())]);
        while let Some(Received::Failure(_)) = client.next() {
            client.reset();
            client.send(&[Request::Begin(Extra::default())]);
        }
        client.send(&[
            run("CREATE ()"),
            Request::Pull(Portion::ALL),
            run(COUNT),
            pull(1, None),
        ]);
        for _ in 0..3 {
            client.success();
        }
        assert_eq!(numbers(&client.rows().0), [round as i64 + 1]);
        client.send(&[Request::Commit]);
        client.success();
    }
}

#[test]
fn running_transactions_say_where_they_come_from() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    let extra = Extra {
        metadata: map([("app", "x")]),
        ..Extra::default()
    };
    let text = "SHOW TRANSACTIONS YIELD database, connectionId, clientAddress, metaData";
    let (rows, _) = client.query_with(text, extra);
    assert_eq!(rows[0][0], "g".into());
    assert_eq!(rows[0][1], "bolt-1".into());
    let address = client.socket().local_addr().unwrap().to_string();
    assert_eq!(rows[0][2], address.into());
    assert_eq!(rows[0][3], map([("app", "x")]).into());
}

#[test]
fn workers_are_limited() {
    let fixture = Fixture::with(|options| options.workers_max = 1);
    let mut first = fixture.client();
    first.begin(Extra::default());
    let mut second = fixture.client();
    second.send(&[run("RETURN 1")]);
    assert_eq!(
        second.failure(),
        "Neo.TransientError.General.DatabaseUnavailable"
    );
}

#[test]
fn more_connections_than_workers_take_turns() {
    let fixture = Fixture::with(|options| options.workers_max = 4);
    let mut clients: Vec<_> = (0..20).map(|_| fixture.client()).collect();
    // Each keeps its worker for ten seconds, unless it is asked for it.
    for round in 0..3 {
        for client in &mut clients {
            assert_eq!(client.int(&format!("RETURN {round}")), round);
        }
    }
    // One that waits can be interrupted.
    for client in &mut clients[..4] {
        client.begin(Extra::default());
    }
    let last = &mut clients[19];
    last.send(&[run("RETURN 1"), Request::Reset]);
    last.ignored();
    last.success();
    clients.truncate(4);
    clients.pop();
    let mut next = fixture.client();
    assert_eq!(next.int("RETURN 2"), 2);
}

#[test]
fn a_server_that_strangers_can_reach_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(&directory.path().join("data"), OpenOptions::creating()).unwrap();
    let options = options("0.0.0.0:0", open());
    let refused = Server::listen(database, options);
    assert!(matches!(refused, Err(ListenError::Exposed(_))));
}

#[test]
fn components_are_those_of_the_vendor_only_where_a_compatible_name_is_asked_for() {
    let text = "CALL dbms.components() YIELD name, versions RETURN name, versions[0] AS version";
    let (rows, _) = Fixture::new().client().query(text);
    assert_eq!(
        rows,
        [vec!["Retrograph".into(), env!("CARGO_PKG_VERSION").into()]]
    );
    let compatible = Fixture::with(|options| {
        let bolt = bolt(options);
        *bolt = bolt.clone().with_compatible_agent();
    });
    let (rows, _) = compatible.client().query(text);
    assert_eq!(rows, [vec!["Neo4j Kernel".into(), "5.26.0".into()]]);
}

/// What a client does not take is not kept for ever: the query ends, and its worker is free.
#[test]
fn a_client_that_takes_nothing_is_let_go() {
    let fixture = Fixture::with(|options| bolt(options).stall = Duration::from_millis(200));
    let mut client = fixture.client();
    client.send(&[run(ENDLESS_ROWS), Request::Pull(Portion::ALL)]);
    client.success();
    while fixture.database.engine().open_transactions() > 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    // The connection with it; others are served.
    let mut rest = Vec::new();
    let _ = client.socket().read_to_end(&mut rest);
    assert_eq!(fixture.client().int("RETURN 1"), 1);
}
