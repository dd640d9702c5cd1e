//! What statements take of the budgets of whoever serves their callers, and when they hold a slot.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use retrograph_engine::{
    Allowance, Arrival, Budget, Collected, Engine, EngineSettings, Finished, OpenTransaction,
    Parameters, QueryError, RunOptions, Shortage, Turn, Turns,
};
use retrograph_graph::Graph;
use retrograph_graph::value::Value;

/// A budget that counts, and notes what happens to turns.
#[derive(Debug, Default)]
struct Counted {
    bytes_max: usize,
    bytes: AtomicUsize,
    notes: Mutex<Vec<&'static str>>,
}

#[derive(Debug)]
struct Giver(Arc<Counted>);

#[derive(Debug)]
struct Given(Arc<Counted>);

impl Budget for Given {
    fn take(&self, bytes: usize) -> Result<(), Shortage> {
        let counted = &self.0;
        let before = counted.bytes.load(Ordering::Relaxed);
        if before + bytes > counted.bytes_max {
            return Err(Shortage {
                whose: "everybody".to_owned(),
                bytes_max: counted.bytes_max,
                is_shared: true,
            });
        }
        counted.bytes.store(before + bytes, Ordering::Relaxed);
        Ok(())
    }

    fn give_back(&self, bytes: usize) {
        let before = self.0.bytes.load(Ordering::Relaxed);
        self.0
            .bytes
            .store(before.checked_sub(bytes).unwrap(), Ordering::Relaxed);
    }
}

impl Given {
    fn note(&self, what: &'static str) {
        self.0.notes.lock().unwrap().push(what);
    }
}

impl Turn for Given {
    fn begin(&self, _: &Arrival<'_>) -> Result<Allowance, QueryError> {
        self.note("begin");
        Ok(Allowance::default())
    }

    fn pause(&self) {
        self.note("pause");
    }

    fn pause_for_commit(&self) {
        self.note("commit");
    }

    fn resume(&self) -> Result<(), QueryError> {
        self.note("resume");
        Ok(())
    }

    fn leave(&self) {
        self.note("leave");
    }

    fn end(&self, _: &Finished<'_>) {
        self.note("end");
    }
}

impl Turns for Giver {
    fn arrive(&self) -> Result<Arc<dyn Turn>, QueryError> {
        Ok(Arc::new(Given(Arc::clone(&self.0))))
    }

    fn budget(&self) -> Result<Arc<dyn Budget>, QueryError> {
        Ok(Arc::new(Given(Arc::clone(&self.0))))
    }
}

struct Fixture {
    engine: Engine,
    graph: Arc<Graph>,
    counted: Arc<Counted>,
    options: RunOptions,
}

impl Fixture {
    fn new(bytes_max: usize) -> Self {
        let counted = Arc::new(Counted {
            bytes_max,
            ..Counted::default()
        });
        Self {
            engine: Engine::new(EngineSettings::default()),
            graph: Graph::in_memory().unwrap(),
            options: RunOptions {
                turns: Some(Arc::new(Giver(Arc::clone(&counted)))),
                ..RunOptions::default()
            },
            counted,
        }
    }

    fn run_given(&self, text: &str, parameters: &Parameters) -> Result<Collected, QueryError> {
        let mut found = Collected::default();
        let (engine, options) = (&self.engine, &self.options);
        engine.run(&self.graph, text, parameters, options, &mut found)?;
        Ok(found)
    }

    fn run(&self, text: &str) -> Result<Collected, QueryError> {
        self.run_given(text, &Parameters::new())
    }

    fn run_in(&self, open: &OpenTransaction, text: &str) -> Result<(), QueryError> {
        let (mut found, none) = (Collected::default(), Parameters::new());
        let options = RunOptions::default();
        let ran = self.engine.run_in(open, text, &none, &options, &mut found);
        ran.map(|_| ())
    }

    fn held(&self) -> usize {
        self.counted.bytes.load(Ordering::Relaxed)
    }
}

const MANY: &str = "UNWIND range(1, 5000) AS n CREATE (:N {n: n, text: 'text' + n})";

/// The operator that got no memory, and whether trying again may help.
#[track_caller]
fn short<T>(ran: Result<T, QueryError>) -> (&'static str, bool) {
    match ran {
        Err(QueryError::OverBudget {
            operator,
            is_shared,
            ..
        }) => (operator, is_shared),
        Err(QueryError::OutOfMemory { operator, .. }) => (operator, false),
        Err(QueryError::AfterCommits { error, .. }) => short::<()>(Err(*error)),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it had enough"),
    }
}

#[test]
fn the_changes_of_a_transaction_are_charged_until_it_ends() {
    let fixture = Fixture::new(64 << 20);
    let begin = || {
        let options = fixture.options.clone();
        fixture.engine.begin(&fixture.graph, options).unwrap()
    };
    let open = begin();
    fixture.run_in(&open, MANY).unwrap();
    let once = fixture.held();
    assert!(once > 5_000 * 300, "{once}");
    fixture
        .run_in(&open, "MATCH (n:N) RETURN count(n.text)")
        .unwrap();
    assert_eq!(fixture.held(), once, "reading takes none");
    fixture.run_in(&open, MANY).unwrap();
    let twice = fixture.held();
    assert!(twice > once + once / 2, "{twice}");
    // What is undone is given back, but for what finds it.
    let undone = format!("{MANY} WITH count(*) AS n RETURN 1 / (n - 5000)");
    assert!(fixture.run_in(&open, &undone).is_err());
    assert!(fixture.held() < twice + once / 2, "{}", fixture.held());
    open.rollback();
    assert_eq!(fixture.held(), 0);
    let open = begin();
    fixture.run_in(&open, MANY).unwrap();
    fixture
        .run_in(&open, "MATCH (n:N) SET n.more = n.text + n.text")
        .unwrap();
    open.commit().unwrap();
    assert_eq!(fixture.held(), 0);
    fixture.run(MANY).unwrap();
    fixture
        .run("MATCH (n:N) CALL (n) { SET n.n = 1 } IN TRANSACTIONS OF 1000 ROWS")
        .unwrap();
    assert_eq!(fixture.held(), 0);
}

#[test]
fn whoever_changes_too_much_fails_by_the_name_of_the_operator() {
    let fixture = Fixture::new(1 << 20);
    let over = "needs more than all there is";
    for (text, operator) in [
        (MANY, "Create"),
        ("UNWIND range(1, 5000) AS n MERGE (:N {n: n})", "Merge"),
        (
            "FOREACH (n IN range(1, 5000) | CREATE (:N {n: n}))",
            "Create",
        ),
        (
            "UNWIND range(1, 5000) AS n CALL (n) { CREATE (:N) } IN TRANSACTIONS OF 5000 ROWS",
            "Create",
        ),
    ] {
        let (by, is_shared) = short(fixture.run(text));
        assert_eq!((by, is_shared), (operator, false), "{over}: {text}");
        assert_eq!(fixture.held(), 0, "{text}");
    }
    fixture
        .run("UNWIND range(1, 1000) AS n CREATE (:N {n: n})")
        .unwrap();
    fixture
        .run("UNWIND range(1, 1000) AS n CREATE (:N {n: n})")
        .unwrap();
    let (by, _) =
        short(fixture.run("MATCH (n:N) SET n.text = reduce(t = 'text', i IN range(1, 7) | t + t)"));
    assert_eq!(by, "Update");
    // What others hold may come back.
    let options = fixture.options.clone();
    let open = fixture.engine.begin(&fixture.graph, options).unwrap();
    fixture
        .run_in(&open, "UNWIND range(1, 1500) AS n CREATE (:M {n: n})")
        .unwrap();
    let (by, is_shared) = short(fixture.run("UNWIND range(1, 1500) AS n CREATE (:M {n: n})"));
    assert_eq!((by, is_shared), ("Create", true));
    drop(open);
    assert_eq!(fixture.held(), 0);
    fixture
        .run("UNWIND range(1, 1500) AS n CREATE (:M {n: n})")
        .unwrap();
}

#[test]
fn changes_count_for_the_limit_of_the_query_as_well() {
    let fixture = Fixture::new(1 << 30);
    let options = RunOptions {
        memory_bytes_max: Some(1 << 20),
        ..RunOptions::default()
    };
    let (mut found, none) = (Collected::default(), Parameters::new());
    let mut run = |text: &str| {
        let engine = &fixture.engine;
        engine.run(&fixture.graph, text, &none, &options, &mut found)
    };
    match run(MANY) {
        Err(QueryError::OutOfMemory { operator, .. }) => assert_eq!(operator, "Create"),
        other => panic!("{other:?}"),
    }
    run("UNWIND range(1, 500) AS n CREATE (:N {n: n})").unwrap();
}

#[test]
fn long_parameters_are_charged_while_the_statement_runs() {
    let fixture = Fixture::new(1 << 20);
    let text = |bytes: usize| Value::String("x".repeat(bytes).into());
    let given = |bytes| Parameters::from_iter([("text".to_owned(), text(bytes))]);
    let size = "RETURN size($text)";
    fixture.run_given(size, &given(500_000)).unwrap();
    assert_eq!(fixture.held(), 0);
    let (by, is_shared) = short(fixture.run_given(size, &given(2_000_000)));
    assert_eq!((by, is_shared), ("Parameters", false));
    assert_eq!(fixture.held(), 0);
}

#[test]
fn strings_and_lists_that_grow_without_end_are_stopped() {
    let fixture = Fixture::new(16 << 20);
    for (text, by) in [
        (
            "RETURN size(reduce(t = 'x', i IN range(1, 60) | t + t))",
            "Joining strings or lists",
        ),
        (
            "RETURN size(reduce(l = [1], i IN range(1, 60) | l + l))",
            "Joining strings or lists",
        ),
        (
            "UNWIND [1, 2] AS n RETURN size(reduce(t = 'x', i IN range(1, 60) | t + t))",
            "Joining strings or lists",
        ),
        (
            "WITH reduce(t = 'x', i IN range(1, 20) | t + t) AS t RETURN size(replace(t, 'x', t))",
            "A function or procedure",
        ),
        (
            "WITH reduce(t = 'x', i IN range(1, 22) | t + t) AS t RETURN size(split(t, ''))",
            "A function or procedure",
        ),
    ] {
        assert_eq!(short(fixture.run(text)), (by, false), "{text}");
        assert_eq!(fixture.held(), 0);
    }
    let grown = fixture
        .run("RETURN size(reduce(t = 'x', i IN range(1, 20) | t + t)) AS n")
        .unwrap();
    assert_eq!(format!("{:?}", grown.rows), "[[Value(Int(1048576))]]");
}

#[test]
fn no_slot_is_held_while_a_commit_waits_for_the_disk() {
    let fixture = Fixture::new(64 << 20);
    let notes = || std::mem::take(&mut *fixture.counted.notes.lock().unwrap());
    fixture.run("CREATE (:N)").unwrap();
    assert_eq!(notes(), ["begin", "commit", "leave", "end"]);
    let batches =
        "UNWIND range(1, 3) AS n CALL (n) { CREATE (:N {n: n}) } IN TRANSACTIONS OF 1 ROW";
    fixture.run(batches).unwrap();
    let each = ["commit", "resume"];
    assert_eq!(
        notes(),
        [&["begin"][..], &each, &each, &each, &["end"]].concat()
    );
}
