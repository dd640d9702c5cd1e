//! Two tenants on one server, over real sockets: what each is told of, reaches and may take.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod fixture;

use std::sync::Arc;
use std::time::Duration;

use fixture::{Client, Fixture, assert_tells, run, run_with, scrape};
use retrograph_bolt::message::request::{
    AuthToken, Extra, NotificationFilter, Portion, Request, Route,
};
use retrograph_bolt::message::response::Received;
use retrograph_bolt::{Value, Version};
use retrograph_identity::{Authenticator, Directory};
use retrograph_net::Access;

const FORBIDDEN: &str = "Neo.ClientError.Security.Forbidden";
const BUSY: &str = "Neo.TransientError.Request.NoThreadsAvailable";
const PASSWORD: &str = "correct horse";

/// A query that does not end in the time of any test.
const ENDLESS: &str = "UNWIND range(1, 10000) AS x UNWIND range(1, 10000) AS y
    UNWIND range(1, 10000) AS z RETURN count(x + y + z) AS n";

/// One that holds many rows.
const HEAVY: &str = "UNWIND range(1, 1000000) AS x WITH x ORDER BY -x RETURN count(x) AS n";

/// A server with an administrator, `root`; the tenant `acme` with the editor `ana`, the reader `art` and the graph
/// `a`; and the tenant `globex` with the editor `gus` and the graph `b`. The graph `g` is nobody's.
fn server(change: impl FnOnce(&mut retrograph_net::Options)) -> Fixture {
    let fixture = Fixture::with_database(|database, options| {
        let directory = Arc::new(Directory::open(Arc::clone(database)).unwrap());
        for graph in ["a", "b"] {
            database.create_graph(graph).unwrap();
        }
        let password = PASSWORD.into();
        for (user, role) in [
            ("root", "admin"),
            ("ana", "editor"),
            ("art", "reader"),
            ("gus", "editor"),
        ] {
            directory
                .create_user("test", user, Some(&password), false)
                .unwrap();
            directory.assign("test", user, role).unwrap();
        }
        let authenticator = Arc::new(Authenticator::new(directory).unwrap());
        for procedure in retrograph_identity::procedures(&authenticator) {
            database.engine().register_procedure(procedure);
        }
        options.access = Access::Users(authenticator);
        options.default_graph = None;
        change(options);
    });
    let mut root = logged_in(&fixture, "root");
    for text in [
        "CALL tenant.create('acme')",
        "CALL tenant.create('globex')",
        "CALL tenant.assignUser('acme', 'ana')",
        "CALL tenant.assignUser('acme', 'art')",
        "CALL tenant.assignUser('globex', 'gus')",
        "CALL tenant.assignGraph('acme', 'a')",
        "CALL tenant.assignGraph('globex', 'b')",
    ] {
        administer(&mut root, text);
    }
    fixture
}

fn logged_in(fixture: &Fixture, user: &str) -> Client {
    let mut client = Client::connect(fixture.address, Version::new(5, 8));
    let token = AuthToken {
        scheme: "basic".to_owned(),
        principal: Some(user.to_owned()),
        credentials: Some(PASSWORD.to_owned()),
        ..AuthToken::default()
    };
    client.greet(NotificationFilter::default(), &token);
    client.success();
    client.send(&[Request::Logon(token)]);
    client.success();
    client
}

fn on(database: &str) -> Extra {
    Extra {
        database: Some(database.to_owned()),
        ..Extra::default()
    }
}

fn administer(root: &mut Client, text: &str) {
    root.query_with(text, on("g"));
}

fn names(rows: &[Vec<Value>]) -> Vec<String> {
    let name = |row: &Vec<Value>| match &row[0] {
        Value::String(name) => name.clone(),
        other => panic!("no name: {other:?}"),
    };
    rows.iter().map(name).collect()
}

/// The rows of a query by itself, or the code of its failure and what it says.
fn outcome(client: &mut Client, text: &str, extra: Extra) -> Result<Vec<Vec<Value>>, String> {
    client.send(&[run_with(text, extra), Request::Pull(Portion::ALL)]);
    let failure = match client.next() {
        Some(Received::Success(_)) => {
            let mut rows = Vec::new();
            loop {
                match client.next() {
                    Some(Received::Record(row)) => rows.push(row),
                    Some(Received::Success(_)) => return Ok(rows),
                    Some(Received::Failure(failure)) => break failure,
                    other => panic!("{other:?}"),
                }
            }
        }
        Some(Received::Failure(failure)) => {
            client.ignored();
            failure
        }
        other => panic!("{other:?}"),
    };
    client.reset();
    Err(format!("{failure:?}"))
}

#[test]
fn tenants_are_told_of_and_reach_their_own_graphs() {
    let fixture = server(|_| {});
    let mut root = logged_in(&fixture, "root");
    let mut ana = logged_in(&fixture, "ana");
    let mut gus = logged_in(&fixture, "gus");
    let shown = "SHOW DATABASES YIELD name RETURN name ORDER BY name";
    assert_eq!(
        names(&root.query_with(shown, on("g")).0),
        ["a", "b", "g", "system"]
    );
    // Who names no database gets the only one there is for them.
    assert_eq!(names(&ana.query(shown).0), ["a"]);
    assert_eq!(names(&gus.query(shown).0), ["b"]);
    ana.query("CREATE (:Secret)");
    for (client, foreign) in [
        (&mut gus, "a"),
        (&mut gus_again(&fixture), "g"),
        (&mut ana, "b"),
    ] {
        let refused = outcome(client, "MATCH (n) RETURN n", on(foreign)).unwrap_err();
        let unknown = outcome(client, "MATCH (n) RETURN n", on("nowhere")).unwrap_err();
        assert_eq!(
            refused.replace(&format!("`{foreign}`"), "`nowhere`"),
            unknown,
            "nobody is told whether it is there"
        );
        client.send(&[Request::Route(Route {
            database: Some(foreign.to_owned()),
            ..Route::default()
        })]);
        client.failure();
        client.reset();
    }
    // A role that names a graph is no way around its owner; a grant between tenants is one, as far as it goes.
    administer(&mut root, "CALL role.create('spy')");
    administer(&mut root, "CALL role.grant('spy', 'a', ['read', 'write'])");
    administer(&mut root, "CALL role.assign('spy', 'gus')");
    outcome(&mut gus, "MATCH (n) RETURN n", on("a")).unwrap_err();
    administer(&mut root, "CALL tenant.grant('globex', 'a', ['read'])");
    assert_eq!(
        outcome(&mut gus, "MATCH (n) RETURN n", on("a"))
            .unwrap()
            .len(),
        1
    );
    let refused = outcome(&mut gus, "CREATE (:N)", on("a")).unwrap_err();
    assert!(refused.contains(FORBIDDEN), "{refused}");
    assert_eq!(names(&gus.query_with(shown, on("b")).0), ["a", "b"]);
    administer(&mut root, "CALL tenant.grant('globex', 'a', [])");
    outcome(&mut gus, "MATCH (n) RETURN n", on("a")).unwrap_err();
}

fn gus_again(fixture: &Fixture) -> Client {
    logged_in(fixture, "gus")
}

#[test]
fn administrators_alone_change_tenants() {
    let fixture = server(|_| {});
    let mut ana = logged_in(&fixture, "ana");
    for text in [
        "CALL tenant.create('mine')",
        "CALL tenant.assignUser('globex', 'ana')",
        "CALL tenant.assignGraph('acme', 'b')",
        "CALL tenant.setLimits('acme', {weight: 1000})",
        "CALL user.setLimits('ana', {weight: 1000})",
        "CALL tenant.grant('acme', 'b', ['read'])",
        "CALL tenant.list() YIELD name RETURN name",
    ] {
        let refused = outcome(&mut ana, text, on("a")).unwrap_err();
        assert!(refused.contains(FORBIDDEN), "{text}: {refused}");
    }
    let mut root = logged_in(&fixture, "root");
    for (text, told) in [
        ("CALL tenant.drop('acme')", "still has the user `ana`"),
        ("CALL tenant.drop('main')", "it stays"),
        ("CALL tenant.create('acme')", "already"),
        (
            "CALL tenant.assignGraph('acme', 'nowhere')",
            "no graph `nowhere`",
        ),
        (
            "CALL tenant.assignUser('nobody', 'ana')",
            "no tenant `nobody`",
        ),
        (
            "CALL tenant.setLimits('acme', {speed: 1})",
            "no limit `speed`",
        ),
        (
            "CALL tenant.setLimits('acme', {weight: 0})",
            "`weight` cannot be 0",
        ),
    ] {
        let refused = outcome(&mut root, text, on("g")).unwrap_err();
        assert!(refused.contains(told), "{text}: {refused}");
    }
    administer(&mut root, "CALL tenant.create('brief')");
    administer(
        &mut root,
        "CALL tenant.setLimits('brief', {rows: 5, weight: 2})",
    );
    let listed = "CALL tenant.list() YIELD name, limits, users, graphs
        RETURN name, limits.rows, limits.weight, users, graphs";
    let rows = root.query_with(listed, on("g")).0;
    let list = |names: &[&str]| Value::List(names.iter().map(|name| Value::from(*name)).collect());
    assert_eq!(
        rows,
        [
            vec![
                "acme".into(),
                Value::Null,
                Value::Int(1),
                list(&["ana", "art"]),
                list(&["a"])
            ],
            vec![
                "brief".into(),
                Value::Int(5),
                Value::Int(2),
                list(&[]),
                list(&[])
            ],
            vec![
                "globex".into(),
                Value::Null,
                Value::Int(1),
                list(&["gus"]),
                list(&["b"])
            ],
            vec![
                "main".into(),
                Value::Null,
                Value::Int(1),
                list(&["root"]),
                list(&["g"])
            ],
        ]
    );
    administer(&mut root, "CALL tenant.drop('brief')");
}

#[test]
fn limits_hold_for_tenants_and_users_from_the_next_statement_on() {
    let fixture = server(|options| options.turns.admission.wait_max = Duration::ZERO);
    let mut root = logged_in(&fixture, "root");
    let mut ana = logged_in(&fixture, "ana");
    let mut gus = logged_in(&fixture, "gus");
    let ten = "UNWIND range(1, 10) AS x RETURN x";
    administer(&mut root, "CALL tenant.setLimits('acme', {rows: 9})");
    let refused = outcome(&mut ana, ten, on("a")).unwrap_err();
    assert!(
        refused.contains("Neo.ClientError.Statement.ResultTooLarge"),
        "{refused}"
    );
    outcome(&mut gus, ten, on("b")).unwrap();
    administer(&mut root, "CALL tenant.setLimits('acme', {rows: null})");
    outcome(&mut ana, ten, on("a")).unwrap();
    administer(&mut root, "CALL user.setLimits('ana', {rows: 3})");
    outcome(&mut ana, ten, on("a")).unwrap_err();
    outcome(&mut logged_in(&fixture, "art"), ten, on("a")).unwrap();
    administer(
        &mut root,
        "CALL user.setLimits('ana', {rows: null, timeMs: 20})",
    );
    let refused = outcome(&mut ana, ENDLESS, on("a")).unwrap_err();
    assert!(refused.contains("TransactionTimedOut"), "{refused}");
    administer(&mut root, "CALL user.setLimits('ana', {timeMs: null})");

    // Request units: one burst, and then nothing for long.
    administer(
        &mut root,
        "CALL tenant.setLimits('acme', {unitsPerSecond: 1, unitsBurst: 1})",
    );
    outcome(
        &mut ana,
        "UNWIND range(1, 100000) AS x RETURN count(x)",
        on("a"),
    )
    .unwrap();
    let refused = outcome(&mut ana, "RETURN 1", on("a")).unwrap_err();
    assert!(
        refused.contains(BUSY) && refused.contains("the tenant `acme` has used up"),
        "{refused}"
    );
    outcome(&mut gus, ten, on("b")).unwrap();
    administer(
        &mut root,
        "CALL tenant.setLimits('acme', {unitsPerSecond: null, unitsBurst: null})",
    );
    outcome(&mut ana, "RETURN 1", on("a")).unwrap();

    // One at a time, and nobody waits.
    administer(
        &mut root,
        "CALL tenant.setLimits('acme', {concurrent: 1, queued: 0})",
    );
    ana.send(&[run_with(ENDLESS, on("a")), Request::Pull(Portion::ALL)]);
    ana.success();
    let mut art = logged_in(&fixture, "art");
    let refused = outcome(&mut art, "RETURN 1", on("a")).unwrap_err();
    assert!(refused.contains(BUSY), "{refused}");
    outcome(&mut gus, ten, on("b")).unwrap();
    ana.reset_running();
    outcome(&mut art, "RETURN 1", on("a")).unwrap();
}

#[test]
fn heavy_queries_of_one_tenant_leave_memory_and_turns_for_light_ones_of_another() {
    let fixture = server(|options| {
        options.turns.admission.memory_bytes_max = 8 << 20;
        options.turns.admission.slots = 8;
    });
    let mut heavy: Vec<Client> = (0..12).map(|_| logged_in(&fixture, "ana")).collect();
    for client in &mut heavy {
        client.send(&[run_with(HEAVY, on("a")), Request::Pull(Portion::ALL)]);
    }
    let mut gus = logged_in(&fixture, "gus");
    let mut root = logged_in(&fixture, "root");
    for _ in 0..20 {
        let light = "UNWIND range(1, 1000) AS x WITH x ORDER BY -x RETURN count(x)";
        let rows = outcome(&mut gus, light, on("b")).unwrap();
        assert_eq!(rows, [[Value::Int(1_000)]]);
        let load = "CALL server.load() YIELD memoryBytes, memoryBytesMax RETURN memoryBytes <= memoryBytesMax";
        assert_eq!(root.query_with(load, on("g")).0, [[Value::Bool(true)]]);
    }
    for client in &mut heavy {
        client.success();
        match client.next() {
            Some(Received::Failure(failure)) => {
                let told = format!("{failure:?}");
                assert!(told.contains("Sort needs more memory than"), "{told}");
            }
            other => panic!("{other:?}"),
        }
        client.reset();
    }
    // A budget of the tenant's own.
    administer(
        &mut root,
        "CALL tenant.setLimits('acme', {memoryBytes: 200000})",
    );
    let refused = outcome(&mut heavy[0], HEAVY, on("a")).unwrap_err();
    assert!(refused.contains("the tenant `acme`"), "{refused}");
}

#[test]
fn transactions_and_slow_queries_are_ones_own_but_for_administrators() {
    let fixture = server(|options| options.turns.slow_query = Some(Duration::ZERO));
    let mut ana = logged_in(&fixture, "ana");
    let mut gus = logged_in(&fixture, "gus");
    let mut root = logged_in(&fixture, "root");
    ana.begin(on("a"));
    ana.query("MATCH (n:Mine) RETURN n");
    gus.query("MATCH (n:His) RETURN n");
    let shown = "SHOW TRANSACTIONS YIELD username RETURN DISTINCT username ORDER BY username";
    assert_eq!(names(&gus.query(shown).0), ["gus"]);
    assert_eq!(names(&root.query_with(shown, on("g")).0), ["ana", "root"]);
    let slow = "CALL server.slowQueries() YIELD query, tenant WITH query, tenant WHERE query CONTAINS 'MATCH'
        RETURN DISTINCT tenant ORDER BY tenant";
    assert_eq!(names(&gus.query(slow).0), ["globex"]);
    assert_eq!(names(&root.query_with(slow, on("g")).0), ["acme", "globex"]);
    ana.send(&[
        run("RETURN 1"),
        Request::Pull(Portion::ALL),
        Request::Commit,
    ]);
}

#[test]
fn metrics_tell_what_the_queries_of_each_tenant_come_to() {
    let fixture = server(|options| {
        options.http.metrics = Some("127.0.0.1:0".parse().unwrap());
        options.turns.admission.memory_bytes_max = 8 << 20;
        options.turns.admission.wait_max = Duration::ZERO;
    });
    let mut root = logged_in(&fixture, "root");
    let mut ana = logged_in(&fixture, "ana");
    outcome(&mut ana, "RETURN 1", on("a")).unwrap();
    outcome(&mut ana, "UNWIND [0] AS x RETURN 1 / x", on("a")).unwrap_err();
    outcome(&mut ana, HEAVY, on("a")).unwrap_err();
    let limits = "CALL tenant.setLimits('acme', {concurrent: 1, queued: 0})";
    administer(&mut root, limits);
    ana.send(&[run_with(ENDLESS, on("a")), Request::Pull(Portion::ALL)]);
    ana.success();
    let mut art = logged_in(&fixture, "art");
    let told = scrape(fixture.http[0]);
    for line in [
        "retrograph_tenant_queries_total{tenant=\"acme\",end=\"done\"} 1",
        "retrograph_tenant_queries_total{tenant=\"acme\",end=\"failed\"} 2",
        "retrograph_tenant_queries_total{tenant=\"acme\",end=\"rejected\"} 0",
        "retrograph_query_memory_bytes_max 8388608",
        "retrograph_query_memory_refused_total 1",
        "retrograph_trace_spans_total{end=\"sent\"} 0",
    ] {
        assert_tells(&told, line);
    }
    outcome(&mut art, "RETURN 1", on("a")).unwrap_err();
    let is_running = "retrograph_tenant_running{tenant=\"acme\"} 1";
    let told = loop {
        let told = scrape(fixture.http[0]);
        if told.lines().any(|line| line == is_running) {
            break told;
        }
        std::thread::yield_now();
    };
    for line in [
        "retrograph_queries_running 1",
        "retrograph_queries_waiting 0",
        "retrograph_tenant_waiting{tenant=\"acme\"} 0",
        "retrograph_tenant_queries_total{tenant=\"acme\",end=\"rejected\"} 1",
        // Administrators' queries about tenants belong to theirs, and do not wait.
        "retrograph_tenant_running{tenant=\"main\"} 0",
    ] {
        assert_tells(&told, line);
    }
    let name = "retrograph_tenant_units_total{tenant=\"acme\"} ";
    let units = told.lines().find_map(|line| line.strip_prefix(name));
    // One for each, and what they did.
    assert!(units.unwrap().parse::<f64>().unwrap() >= 3.0, "{told}");
    ana.reset_running();
    let mut all: Vec<&str> = told
        .lines()
        .filter_map(|line| line.strip_prefix("retrograph_tenant_running{tenant=\""))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    all.sort_unstable();
    // Of the third nobody has run anything.
    assert_eq!(all, ["acme", "main"]);
}
