//! Transactions, retries, limits and caching as a caller of the engine sees them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use retrograph_engine::functions::Procedure;
use retrograph_engine::types::Type;
use retrograph_engine::{
    AsOf, CancelToken, Collected, Control, Engine, EngineSettings, Output, Parameters, QueryError,
    RowSink, RunOptions, Summary, Views,
};
use retrograph_graph::Graph;
use retrograph_graph::ids::Version;
use retrograph_graph::value::Value;

struct Fixture {
    engine: Engine,
    graph: Arc<Graph>,
}

impl Fixture {
    fn new(statements: &[&str]) -> Self {
        let fixture = Self {
            engine: Engine::new(EngineSettings::default()),
            graph: Graph::in_memory().unwrap(),
        };
        for statement in statements {
            fixture.run(statement).unwrap();
        }
        fixture
    }

    fn run_with(
        &self,
        text: &str,
        options: &RunOptions,
    ) -> Result<(Summary, Collected), QueryError> {
        let mut found = Collected::default();
        let parameters = Parameters::new();
        let summary = self
            .engine
            .run(&self.graph, text, &parameters, options, &mut found)?;
        Ok((summary, found))
    }

    fn run(&self, text: &str) -> Result<(Summary, Collected), QueryError> {
        self.run_with(text, &RunOptions::default())
    }

    fn int(&self, text: &str) -> i64 {
        int(&self.run(text).unwrap().1)
    }
}

fn int(found: &Collected) -> i64 {
    match found.rows[0][0] {
        Output::Value(Value::Int(value)) => value,
        ref other => panic!("no integer: {other:?}"),
    }
}

const COUNT: &str = "MATCH (n) RETURN count(*) AS n";

#[test]
fn an_open_transaction_sees_its_own_writes_and_others_do_not() {
    let fixture = Fixture::new(&["CREATE ()"]);
    let engine = &fixture.engine;
    let options = RunOptions::default();
    let parameters = Parameters::new();
    let transaction = engine.begin(&fixture.graph, options.clone()).unwrap();
    let run = |text: &str| {
        let mut found = Collected::default();
        engine
            .run_in(&transaction, text, &parameters, &options, &mut found)
            .map(|summary| (summary, found))
    };
    let (summary, _) = run("CREATE (:New {x: 1})").unwrap();
    assert_eq!(summary.counters.nodes_created, 1);
    assert_eq!(int(&run(COUNT).unwrap().1), 2);
    assert_eq!(int(&run("MATCH (n:New) RETURN n.x AS x").unwrap().1), 1);
    assert_eq!(fixture.int(COUNT), 1);
    // A statement that fails is undone alone.
    assert!(run("MATCH (n:New) CREATE ({y: 1}) WITH n RETURN 1 / (n.x - 1) AS bad").is_err());
    assert_eq!(int(&run(COUNT).unwrap().1), 2);
    transaction.commit().unwrap();
    assert_eq!(fixture.int(COUNT), 2);
}

#[test]
fn elements_written_in_an_open_transaction_are_shown_as_they_were_written() {
    let fixture = Fixture::new(&[]);
    let options = RunOptions::default();
    let transaction = fixture
        .engine
        .begin(&fixture.graph, options.clone())
        .unwrap();
    for (text, expected) in [
        ("CREATE (n:New {x: 1}) RETURN n", 1),
        ("MATCH (n:New) SET n.x = 2 RETURN n", 2),
    ] {
        let mut found = Collected::default();
        let engine = &fixture.engine;
        engine
            .run_in(&transaction, text, &Parameters::new(), &options, &mut found)
            .unwrap();
        let Output::Node(node) = &found.rows[0][0] else {
            panic!("no node: {found:?}");
        };
        assert_eq!(node.labels, ["New".into()]);
        assert_eq!(node.properties["x"].to_string(), expected.to_string());
    }
}

#[test]
fn a_rolled_back_transaction_leaves_nothing() {
    let fixture = Fixture::new(&["CREATE (:A)"]);
    let options = RunOptions::default();
    let transaction = fixture
        .engine
        .begin(&fixture.graph, options.clone())
        .unwrap();
    let mut found = Collected::default();
    let parameters = Parameters::new();
    fixture
        .engine
        .run_in(
            &transaction,
            "CREATE (:B)",
            &parameters,
            &options,
            &mut found,
        )
        .unwrap();
    transaction.rollback();
    assert_eq!(fixture.int(COUNT), 1);
}

#[test]
fn the_later_of_two_conflicting_transactions_fails() {
    let fixture = Fixture::new(&["CREATE (:Counter {n: 0})"]);
    let options = RunOptions::default();
    let parameters = Parameters::new();
    let add = "MATCH (c:Counter) SET c.n = c.n + 1";
    let begin = || {
        fixture
            .engine
            .begin(&fixture.graph, options.clone())
            .unwrap()
    };
    let (first, second) = (begin(), begin());
    for transaction in [&first, &second] {
        let mut found = Collected::default();
        fixture
            .engine
            .run_in(transaction, add, &parameters, &options, &mut found)
            .unwrap();
    }
    first.commit().unwrap();
    match second.commit() {
        Err(QueryError::Commit(error)) => assert!(error.is_transient()),
        other => panic!("{other:?}"),
    }
    assert_eq!(fixture.int("MATCH (c:Counter) RETURN c.n AS n"), 1);
}

#[test]
fn statements_by_themselves_are_retried_until_they_win() {
    let fixture = Fixture::new(&["CREATE (:Counter {n: 0})"]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    // The engine's own retries may run out under contention; nothing is lost then.
                    while let Err(error) =
                        fixture.run("MATCH (c:Counter) SET c.n = c.n + 1 RETURN c.n AS n")
                    {
                        assert!(
                            matches!(&error, QueryError::Commit(error) if error.is_transient()),
                            "{error}"
                        );
                    }
                }
            });
        }
    });
    assert_eq!(fixture.int("MATCH (c:Counter) RETURN c.n AS n"), 100);
}

#[test]
fn a_version_can_be_read_by_option_and_written_by_none() {
    let fixture = Fixture::new(&["CREATE (:A)", "CREATE (:A)"]);
    let latest = fixture.run(COUNT).unwrap().0.version.unwrap();
    let past = RunOptions {
        as_of: Some(AsOf::Version(Version(latest.0 - 1))),
        ..RunOptions::default()
    };
    let (summary, found) = fixture.run_with(COUNT, &past).unwrap();
    assert_eq!(int(&found), 1);
    assert_eq!(summary.version, Some(Version(latest.0 - 1)));
    assert!(fixture.run_with("CREATE ()", &past).is_err());
    let at = summary.time.unwrap();
    let past = RunOptions {
        as_of: Some(AsOf::Time(at)),
        ..RunOptions::default()
    };
    assert_eq!(int(&fixture.run_with(COUNT, &past).unwrap().1), 1);
}

#[test]
fn a_cancelled_query_ends() {
    let fixture = Fixture::new(&[]);
    let cancel = CancelToken::new();
    cancel.cancel();
    let options = RunOptions {
        cancel: Some(cancel),
        ..RunOptions::default()
    };
    let result = fixture.run_with("RETURN 1 AS x", &options);
    assert!(matches!(result, Err(QueryError::Cancelled)));
}

/// Cancels once it has seen a row.
struct Canceller(CancelToken);

impl RowSink for Canceller {
    fn columns(&mut self, _: &[Arc<str>]) -> Result<(), QueryError> {
        Ok(())
    }

    fn row(&mut self, _: &[Value], _: &Views) -> Result<Control, QueryError> {
        self.0.cancel();
        Ok(Control::Continue)
    }
}

/// People who all know each other: more simple paths between two of them than anybody can list.
fn acquaintances() -> Fixture {
    Fixture::new(&[
        "UNWIND range(1, 40) AS i CREATE (:P {i: i})",
        "MATCH (a:P), (b:P) WHERE a.i < b.i CREATE (a)-[:KNOWS]->(b)",
    ])
}

#[test]
fn a_running_algorithm_is_cancelled() {
    let fixture = acquaintances();
    let cancel = CancelToken::new();
    let options = RunOptions {
        cancel: Some(cancel.clone()),
        memory_bytes_max: Some(usize::MAX),
        timeout: Some(std::time::Duration::from_secs(86_400)),
        ..RunOptions::default()
    };
    let endless = "MATCH (a:P {i: 1}), (b:P {i: 2}) \
                   CALL algo.kShortestPaths(a, b, 1000000000, {direction: 'both'}) YIELD index \
                   RETURN count(*) AS n";
    let running = "SHOW TRANSACTIONS YIELD currentQuery WHERE currentQuery CONTAINS 'kShortestPaths(' \
                   AND NOT currentQuery STARTS WITH 'SHOW' RETURN count(*) AS n";
    std::thread::scope(|scope| {
        let query = scope.spawn(|| fixture.run_with(endless, &options));
        while fixture.int(running) == 0 && !query.is_finished() {
            std::thread::yield_now();
        }
        // It never ends by itself, so whatever it is doing now is cut short.
        assert!(!query.is_finished());
        cancel.cancel();
        let result = query.join().unwrap();
        assert!(matches!(result, Err(QueryError::Cancelled)));
    });
}

#[test]
fn algorithms_keep_to_the_memory_of_their_query() {
    // Many nodes with few relationships: what is held while they are copied is little beside what the
    // algorithms keep of each node.
    let fixture = Fixture::new(&[
        "UNWIND range(1, 2000) AS i CREATE (:P {i: i})",
        "MATCH (a:P), (b:P {i: a.i + 1}) WHERE a.i < 10 CREATE (a)-[:KNOWS]->(b)",
    ]);
    let least = |call: &str| {
        let text = format!("CALL {call} YIELD node RETURN count(*) AS n");
        let fits = |bytes| {
            let options = RunOptions {
                memory_bytes_max: Some(bytes),
                ..RunOptions::default()
            };
            match fixture.run_with(&text, &options) {
                Ok((_, found)) => {
                    assert_eq!(int(&found), 2000);
                    true
                }
                Err(QueryError::OutOfMemory { limit_bytes, .. }) => {
                    assert_eq!(limit_bytes, bytes);
                    false
                }
                Err(other) => panic!("{call}: {other}"),
            }
        };
        let (mut too_few, mut enough) = (0, 1 << 24);
        assert!(fits(enough));
        while enough - too_few > 1 {
            let middle = usize::midpoint(too_few, enough);
            match fits(middle) {
                true => enough = middle,
                false => too_few = middle,
            }
        }
        enough
    };
    // Bytes a node, as docs/reference/algorithms.md tells them.
    for (call, bytes) in [
        ("algo.wcc()", 8),
        ("algo.scc()", 24),
        ("algo.pageRank()", 32),
        ("algo.betweenness()", 36),
        ("algo.louvain()", 48),
        ("algo.labelPropagation()", 28),
        ("algo.kCore()", 20),
        ("algo.triangles()", 12),
    ] {
        let needed = least(call);
        assert!(needed >= 2000 * bytes, "{call}: {needed}");
    }
}

#[test]
fn a_running_query_notices_that_it_is_cancelled() {
    let fixture = Fixture::new(&[]);
    let cancel = CancelToken::new();
    let options = RunOptions {
        cancel: Some(cancel.clone()),
        ..RunOptions::default()
    };
    let parameters = Parameters::new();
    for endless in [
        "UNWIND range(1, 100000) AS x UNWIND range(1, 100000) AS y RETURN x + y AS z",
        // Longer than any list: its items are made as they are asked for.
        "UNWIND range(1, 1000000000000) AS x RETURN x",
    ] {
        let mut sink = Canceller(cancel.clone());
        let result = fixture
            .engine
            .run(&fixture.graph, endless, &parameters, &options, &mut sink);
        assert!(matches!(result, Err(QueryError::Cancelled)), "{endless}");
    }
}

/// Takes one row.
struct First(usize);

impl RowSink for First {
    fn columns(&mut self, _: &[Arc<str>]) -> Result<(), QueryError> {
        Ok(())
    }

    fn row(&mut self, _: &[Value], _: &Views) -> Result<Control, QueryError> {
        self.0 += 1;
        Ok(Control::Stop)
    }
}

#[test]
fn a_sink_that_has_enough_ends_the_query() {
    let fixture = Fixture::new(&[]);
    let mut sink = First(0);
    let endless = "UNWIND range(1, 100000) AS x UNWIND range(1, 100000) AS y RETURN x + y AS z";
    let options = RunOptions::default();
    let parameters = Parameters::new();
    let summary = fixture
        .engine
        .run(&fixture.graph, endless, &parameters, &options, &mut sink)
        .unwrap();
    assert_eq!((sink.0, summary.rows), (1, 1));
}

#[test]
fn plans_are_cached_until_the_schema_changes() {
    let fixture = Fixture::new(&["CREATE (:A {x: 1})"]);
    let query = "MATCH (n:A {x: 1}) RETURN n.x AS x";
    assert!(!fixture.run(query).unwrap().0.is_plan_cached);
    assert!(fixture.run(query).unwrap().0.is_plan_cached);
    fixture.run("CREATE INDEX ax FOR (n:A) ON (n.x)").unwrap();
    assert!(!fixture.run(query).unwrap().0.is_plan_cached);
    assert_eq!(fixture.int(query), 1);
    // Another graph has plans of its own.
    let other = Graph::in_memory().unwrap();
    let mut found = Collected::default();
    let summary = fixture
        .engine
        .run(
            &other,
            query,
            &Parameters::new(),
            &RunOptions::default(),
            &mut found,
        )
        .unwrap();
    assert!(!summary.is_plan_cached);
    assert!(found.rows.is_empty());
}

#[test]
fn explain_shows_the_plan_and_profile_what_it_did() {
    let fixture = Fixture::new(&["UNWIND range(1, 3) AS i CREATE (:A {x: i})"]);
    let (summary, found) = fixture.run("EXPLAIN MATCH (n:A) DELETE n").unwrap();
    assert!(summary.plan.is_some() && summary.profile.is_none());
    assert!(found.rows.is_empty());
    assert_eq!(fixture.int(COUNT), 3);
    let (summary, found) = fixture
        .run("PROFILE MATCH (n:A) WHERE n.x > 1 RETURN n.x AS x")
        .unwrap();
    assert_eq!(found.rows.len(), 2);
    let rows: Vec<u64> = summary
        .profile
        .unwrap()
        .iter()
        .map(|step| step.rows)
        .collect();
    assert!(rows.contains(&3) && rows.contains(&2), "{rows:?}");
}

#[test]
fn an_index_that_does_not_reach_back_is_replaced_by_a_scan() {
    let fixture = Fixture::new(&["UNWIND range(1, 20) AS i CREATE (:A {x: i, s: 'a' + i})"]);
    let before = fixture.run(COUNT).unwrap().0.version.unwrap();
    fixture.run("CREATE INDEX ax FOR (n:A) ON (n.x)").unwrap();
    fixture.run("CREATE INDEX as FOR (n:A) ON (n.s)").unwrap();
    fixture.run("MATCH (n:A {x: 7}) SET n.x = 100").unwrap();
    let past = RunOptions {
        as_of: Some(AsOf::Version(before)),
        ..RunOptions::default()
    };
    for (query, now, then) in [
        ("MATCH (n:A {x: 7}) RETURN count(*) AS n", 0, 1),
        ("MATCH (n:A) WHERE n.x > 18 RETURN count(*) AS n", 3, 2),
        (
            "MATCH (n:A) WHERE n.x IN [7, 8, 8] RETURN count(*) AS n",
            1,
            2,
        ),
        (
            "MATCH (n:A) WHERE n.s STARTS WITH 'a1' RETURN count(*) AS n",
            11,
            11,
        ),
    ] {
        assert_eq!(fixture.int(query), now, "{query}");
        assert_eq!(
            int(&fixture.run_with(query, &past).unwrap().1),
            then,
            "{query}"
        );
    }
}

#[test]
fn a_subquery_in_transactions_leaves_a_version_for_each() {
    let fixture = Fixture::new(&["CREATE (:Start)"]);
    let text = "UNWIND range(1, 10) AS i CALL (i) { CREATE (:N {i: i}) } IN TRANSACTIONS OF 4 ROWS";
    let (summary, _) = fixture.run(text).unwrap();
    assert_eq!(summary.version, Some(Version(4)));
    assert_eq!(summary.counters.transactions_committed, 3);
    for (version, nodes) in [(1, 0), (2, 4), (3, 8), (4, 10)] {
        let count = format!("AS OF VERSION {version} MATCH (n:N) RETURN count(n)");
        assert_eq!(fixture.int(&count), nodes, "{version}");
    }
}

#[test]
fn a_subquery_in_transactions_needs_a_statement_by_itself() {
    let fixture = Fixture::new(&["CREATE (:Start)"]);
    let text = "MATCH (s:Start) CALL (s) { DELETE s } IN TRANSACTIONS";
    let options = RunOptions::default();
    let transaction = fixture
        .engine
        .begin(&fixture.graph, options.clone())
        .unwrap();
    let parameters = Parameters::new();
    let mut found = Collected::default();
    let error = fixture
        .engine
        .run_in(&transaction, text, &parameters, &options, &mut found)
        .unwrap_err();
    assert!(error.to_string().contains("commits as it goes"), "{error}");
    transaction.rollback();
    assert_eq!(fixture.int("MATCH (n) RETURN count(n)"), 1);

    let mut named = RunOptions::default();
    named.commit.token = Some([7; 16]);
    let error = fixture.run_with(text, &named).unwrap_err();
    assert!(error.to_string().contains("names one commit"), "{error}");
    assert_eq!(fixture.int("MATCH (n) RETURN count(n)"), 1);
}

#[test]
fn transactions_of_a_subquery_are_retried_until_they_win() {
    let fixture = Arc::new(Fixture::new(&["CREATE (:Counter {value: 0})"]));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let fixture = Arc::clone(&fixture);
            std::thread::spawn(move || {
                let text = "UNWIND range(1, 20) AS i CALL (i) { MATCH (c:Counter) \
                            SET c.value = c.value + 1 } IN TRANSACTIONS OF 1 ROWS \
                            ON ERROR CONTINUE REPORT STATUS AS s \
                            RETURN sum(CASE WHEN s.committed THEN 1 ELSE 0 END)";
                fixture.int(text)
            })
        })
        .collect();
    let committed: i64 = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    // One that loses more often than it may be retried says so, and counts nothing.
    assert_eq!(fixture.int("MATCH (c:Counter) RETURN c.value"), committed);
    assert!(committed > 0);
}

/// Asks for what runs, and ends it, once it has seen a row.
struct Terminator<'e> {
    engine: &'e Engine,
    graph: &'e Arc<Graph>,
    text: &'static str,
    listed: Vec<String>,
}

impl Terminator<'_> {
    fn ask(&self, text: &str, name: &str) -> Vec<Vec<Output>> {
        let mut found = Collected::default();
        let parameters = Parameters::from([("id".to_owned(), Value::string(name))]);
        let options = RunOptions::default();
        let asked = self
            .engine
            .run(self.graph, text, &parameters, &options, &mut found);
        asked.unwrap();
        found.rows
    }
}

impl RowSink for Terminator<'_> {
    fn columns(&mut self, _: &[Arc<str>]) -> Result<(), QueryError> {
        Ok(())
    }

    fn row(&mut self, _: &[Value], _: &Views) -> Result<Control, QueryError> {
        if !self.listed.is_empty() {
            return Ok(Control::Continue);
        }
        let rows = self.ask(
            "SHOW TRANSACTIONS YIELD transactionId, currentQuery, status, username",
            "",
        );
        let text = Output::Value(Value::string(self.text));
        let row = rows.iter().find(|row| row[1] == text).unwrap();
        assert_eq!(row[2], Output::Value(Value::string("Running")));
        assert_eq!(row[3], Output::Value(Value::string("ada")));
        let Output::Value(Value::String(name)) = &row[0] else {
            panic!("{row:?}");
        };
        self.listed.push(name.to_string());
        let ended = self.ask("TERMINATE TRANSACTIONS $id YIELD message, username", name);
        let wanted = ["Transaction terminated.", "ada"];
        assert_eq!(
            ended,
            [wanted.map(|text| Output::Value(Value::string(text)))]
        );
        Ok(Control::Continue)
    }
}

fn as_ada() -> RunOptions {
    let mut options = RunOptions::default();
    options.commit.actor = "ada".into();
    options
}

#[test]
fn a_running_query_can_be_listed_and_ended() {
    let fixture = Fixture::new(&[]);
    let endless = "UNWIND range(1, 100000) AS x UNWIND range(1, 100000) AS y RETURN x + y AS z";
    let mut sink = Terminator {
        engine: &fixture.engine,
        graph: &fixture.graph,
        text: endless,
        listed: Vec::new(),
    };
    let parameters = Parameters::new();
    let result = fixture
        .engine
        .run(&fixture.graph, endless, &parameters, &as_ada(), &mut sink);
    assert!(matches!(result, Err(QueryError::Terminated)));
    let (_, left) = fixture
        .run_with("SHOW TRANSACTIONS YIELD username", &RunOptions::default())
        .unwrap();
    assert_eq!(left.rows.len(), 1);
}

#[test]
fn an_open_transaction_that_is_ended_neither_runs_nor_commits() {
    let fixture = Fixture::new(&[]);
    let open = fixture.engine.begin(&fixture.graph, as_ada()).unwrap();
    let run = |text: &str| {
        let (parameters, options) = (Parameters::new(), RunOptions::default());
        let mut found = Collected::default();
        fixture
            .engine
            .run_in(&open, text, &parameters, &options, &mut found)
    };
    run("CREATE (:Lost)").unwrap();
    let (_, listed) = fixture
        .run_with(
            "SHOW TRANSACTIONS YIELD transactionId, status WHERE status = 'Idle'",
            &RunOptions::default(),
        )
        .unwrap();
    let Output::Value(Value::String(name)) = &listed.rows[0][0] else {
        panic!("{:?}", listed.rows);
    };
    let terminate = format!("TERMINATE TRANSACTION '{name}'");
    fixture.run(&terminate).unwrap();
    assert!(matches!(run("RETURN 1 AS x"), Err(QueryError::Terminated)));
    assert!(matches!(open.commit(), Err(QueryError::Terminated)));
    let (_, found) = fixture
        .run_with("MATCH (n:Lost) RETURN n", &RunOptions::default())
        .unwrap();
    assert!(found.rows.is_empty());
}

#[test]
fn transactions_are_found_and_ended_in_one_statement() {
    let fixture = Fixture::new(&[]);
    let open = fixture.engine.begin(&fixture.graph, as_ada()).unwrap();
    let (_, found) = fixture
        .run(
            "SHOW TRANSACTIONS YIELD transactionId AS id, username, status \
             WHERE username = 'ada' AND status = 'Idle' \
             TERMINATE TRANSACTIONS id YIELD transactionId AS ended, message \
             RETURN id = ended AS same, message",
        )
        .unwrap();
    let same = Output::Value(Value::Bool(true));
    let message = Output::Value(Value::string("Transaction terminated."));
    assert_eq!(found.rows, [[same, message]]);
    assert!(matches!(open.commit(), Err(QueryError::Terminated)));
}

/// A procedure that writes what the statement calling it has read, so often.
fn interfering(graph: &Arc<Graph>, times: usize) -> Procedure {
    let graph = Arc::clone(graph);
    let other = Engine::new(EngineSettings::default());
    let left = AtomicUsize::new(times);
    Procedure {
        name: "test.interfere".to_owned(),
        description: String::new(),
        parameters: Vec::new(),
        required: 0,
        results: vec![("left".to_owned(), Type::Integer)],
        body: Arc::new(move |_, _, sink| {
            let is_due = left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(1)
                })
                .is_ok();
            if is_due {
                let text = "MATCH (c:Counter) SET c.value = c.value + 100";
                let (parameters, options) = (Parameters::new(), RunOptions::default());
                let mut found = Collected::default();
                other.run(&graph, text, &parameters, &options, &mut found)?;
            }
            sink(vec![Value::Int(left.load(Ordering::Relaxed) as i64)])
        }),
    }
}

/// A counter that somebody else writes while the next statements do, so often.
fn interfered(times: usize) -> Fixture {
    let engine = Engine::new(EngineSettings {
        retries_max: 1,
        ..EngineSettings::default()
    });
    let graph = Graph::in_memory().unwrap();
    let fixture = Fixture { engine, graph };
    fixture.run("CREATE (:Counter {value: 0})").unwrap();
    fixture
        .engine
        .register_procedure(interfering(&fixture.graph, times));
    fixture
}

const ADD: &str = "UNWIND [1, 2] AS i CALL (i) { MATCH (c:Counter) CALL test.interfere() YIELD left \
                   SET c.value = c.value + i } IN TRANSACTIONS OF 1 ROW";

#[test]
fn on_error_retry_goes_on_for_the_time_given() {
    let value = "MATCH (c:Counter) RETURN c.value AS n";
    // Two more than are granted without being asked for.
    let fixture = interfered(4);
    let error = fixture.run(ADD).unwrap_err();
    assert!(
        matches!(&error, QueryError::AfterCommits { error, count: 0 }
            if matches!(&**error, QueryError::Commit(error) if error.is_transient())),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .ends_with("(transactions committed before: 0)")
    );

    let fixture = interfered(4);
    let (summary, _) = fixture
        .run(&format!("{ADD} ON ERROR RETRY FOR 600 SECONDS"))
        .unwrap();
    assert_eq!(summary.counters.transactions_committed, 2);
    assert_eq!(fixture.int(value), 403);

    let fixture = interfered(4);
    let text = format!(
        "{ADD} ON ERROR RETRY FOR 0 SECONDS THEN CONTINUE REPORT STATUS AS s \
         RETURN count(CASE WHEN s.committed THEN 1 END) AS n"
    );
    // The first gives up after two attempts, the second wins with its last.
    assert_eq!(fixture.int(&text), 0);
    assert_eq!(fixture.int(value), 400);
}

#[test]
fn what_was_committed_before_an_error_of_any_kind_is_told() {
    let fixture = Fixture::new(&["CREATE INDEX long FOR (n:L) ON (n.text)"]);
    let text = "UNWIND [1, 2, 3] AS i CALL (i) { CREATE (:L {text: CASE i WHEN 3 THEN \
                reduce(t = 'x', x IN range(1, 20) | t + t) ELSE 'x' END}) } IN TRANSACTIONS OF 1 ROW";
    let error = fixture.run(text).unwrap_err();
    assert!(
        matches!(&error, QueryError::AfterCommits { error, count: 2 }
            if matches!(**error, QueryError::Graph(_))),
        "{error}"
    );
    assert_eq!(fixture.int("MATCH (n:L) RETURN count(n) AS n"), 2);

    // The value is at fault, so the query may go on behind it.
    let text = format!(
        "{text} ON ERROR CONTINUE REPORT STATUS AS s RETURN count(CASE WHEN s.committed THEN 1 END) AS n"
    );
    assert_eq!(fixture.int(&text), 2);
    let text = text
        .replace("[1, 2, 3]", "[1, 3, 2]")
        .replace("CONTINUE", "BREAK");
    assert_eq!(fixture.int(&text), 1);

    let cancel = CancelToken::new();
    let fixture = interfered(0);
    let canceller = cancel.clone();
    fixture.engine.register_procedure(Procedure {
        name: "test.cancel".to_owned(),
        description: String::new(),
        parameters: Vec::new(),
        required: 0,
        results: vec![("done".to_owned(), Type::Boolean)],
        body: Arc::new(move |_, _, sink| {
            canceller.cancel();
            sink(vec![Value::Bool(true)])
        }),
    });
    let options = RunOptions {
        cancel: Some(cancel),
        ..RunOptions::default()
    };
    let text = "UNWIND [1, 2] AS i CALL (i) { CREATE (:M) } IN TRANSACTIONS OF 1 ROW \
                CALL test.cancel() YIELD done RETURN done";
    let error = fixture.run_with(text, &options).unwrap_err();
    assert!(
        matches!(&error, QueryError::AfterCommits { error, count: 1 }
            if matches!(**error, QueryError::Cancelled)),
        "{error}"
    );
}
