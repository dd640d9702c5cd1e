//! Indexes that are being built, as users see them and wait for them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;

use retrograph_engine::{
    CancelToken, Collected, Engine, EngineSettings, Output, Parameters, QueryError, RunOptions,
};
use retrograph_graph::kv::MemoryStore;
use retrograph_graph::value::Value;
use retrograph_graph::{Graph, GraphOptions, StepBounds};

struct Fixture {
    engine: Engine,
    graph: Arc<Graph>,
}

impl Fixture {
    /// Twenty people, and an index on them of which nothing is built.
    fn new() -> Self {
        let options = GraphOptions {
            index_builder: Some(Arc::new(|| ())),
            ..GraphOptions::default()
        };
        let fixture = Self {
            engine: Engine::new(EngineSettings::default()),
            graph: Graph::loopback(Arc::new(MemoryStore::new()), options).unwrap(),
        };
        for text in [
            "UNWIND range(1, 20) AS i CREATE (:Person {born: i})",
            "CREATE INDEX person_born FOR (p:Person) ON (p.born)",
        ] {
            fixture.run(text).unwrap();
        }
        fixture
    }

    fn run_with(&self, text: &str, options: &RunOptions) -> Result<Collected, QueryError> {
        let mut found = Collected::default();
        let parameters = Parameters::new();
        self.engine
            .run(&self.graph, text, &parameters, options, &mut found)?;
        Ok(found)
    }

    fn run(&self, text: &str) -> Result<Collected, QueryError> {
        self.run_with(text, &RunOptions::default())
    }

    fn one(&self, text: &str) -> Vec<Value> {
        let row = self.run(text).unwrap().rows.remove(0).into_iter();
        let value = |output| match output {
            Output::Value(value) => value,
            other => panic!("{other:?}"),
        };
        row.map(value).collect()
    }

    fn step(&self) {
        let bounds = StepBounds {
            elements: 5,
            ..StepBounds::default()
        };
        assert!(self.graph.build_step(bounds).unwrap());
    }

    fn plan(&self) -> String {
        let text = "EXPLAIN MATCH (p:Person) WHERE p.born = 7 RETURN p";
        let mut found = Collected::default();
        let (parameters, options) = (Parameters::new(), RunOptions::default());
        let summary = self
            .engine
            .run(&self.graph, text, &parameters, &options, &mut found)
            .unwrap();
        summary.plan.unwrap()
    }
}

const SHOWN: &str = "SHOW RANGE INDEXES YIELD state, populationPercent, coversFrom, failureMessage";
const INDEXES: &str = "CALL db.indexes() YIELD state, populationPercent, type WHERE type = 'RANGE'
    RETURN state, populationPercent";

#[test]
fn an_index_is_shown_as_it_is_built_and_planned_with_when_it_is() {
    let fixture = Fixture::new();
    let shown = |state: &str, percent: f64, covers_from: Value| {
        let row = fixture.one(SHOWN);
        let expected = [
            Value::string(state),
            Value::Float(percent),
            covers_from,
            Value::string(""),
        ];
        assert!(
            row.iter()
                .zip(&expected)
                .all(|(left, right)| left.same(right)),
            "{row:?}"
        );
        let row = fixture.one(INDEXES);
        let is_same = row
            .iter()
            .zip(&expected)
            .all(|(left, right)| left.same(right));
        assert!(is_same, "{row:?}");
    };
    shown("POPULATING", 0.0, Value::Null);
    let scan = fixture.plan();
    fixture.step();
    shown("POPULATING", 25.0, Value::Null);
    assert_eq!(fixture.plan(), scan);
    let count = "MATCH (p:Person {born: 17}) RETURN count(*)";
    assert!(fixture.one(count)[0].same(&Value::Int(1)));
    fixture.graph.build_indexes(|| true).unwrap();
    shown("ONLINE", 100.0, Value::Int(2));
    assert!(fixture.plan().contains("SeekNodes"), "{}", fixture.plan());
    assert!(!scan.contains("SeekNodes"), "{scan}");
    assert!(fixture.one(count)[0].same(&Value::Int(1)));
    fixture.run("CALL db.awaitIndexes(0)").unwrap();
    fixture.run("CALL db.awaitIndex('person_born', 0)").unwrap();
}

#[test]
fn waiting_ends_with_an_error_that_says_how_far_the_index_is() {
    let fixture = Fixture::new();
    fixture.step();
    for text in [
        "CALL db.awaitIndexes(0)",
        "CALL db.awaitIndex('person_born', 0)",
    ] {
        let error = fixture.run(text).unwrap_err().to_string();
        assert!(error.contains("person_born is built to 25 %"), "{error}");
        assert!(error.contains("SHOW INDEXES"), "{error}");
    }
    let error = fixture.run("CALL db.awaitIndexes(-1)").unwrap_err();
    assert!(error.to_string().contains("0 on"), "{error}");
    let cancel = CancelToken::new();
    cancel.cancel();
    let options = RunOptions {
        cancel: Some(cancel),
        ..RunOptions::default()
    };
    let cancelled = fixture.run_with("CALL db.awaitIndexes(3600)", &options);
    assert!(matches!(cancelled, Err(QueryError::Cancelled)));
}

#[test]
fn waiting_ends_when_another_thread_has_built_the_index() {
    let fixture = Fixture::new();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| fixture.run("CALL db.awaitIndexes(3600)").map(drop));
        fixture.graph.build_indexes(|| true).unwrap();
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn an_index_that_cannot_be_built_says_why() {
    let fixture = Fixture::new();
    fixture.run("DROP INDEX person_born").unwrap();
    fixture
        .run("CREATE (:Person {name: reduce(s = 'x', i IN range(1, 14) | s + s)})")
        .unwrap();
    fixture
        .run("CREATE INDEX person_name FOR (p:Person) ON (p.name)")
        .unwrap();
    fixture.graph.build_indexes(|| true).unwrap();
    let row = fixture.one(SHOWN);
    assert!(row[0].same(&Value::string("FAILED")));
    let Value::String(failure) = &row[3] else {
        panic!("{row:?}");
    };
    assert!(
        failure.contains("drop the index and create it again"),
        "{failure}"
    );
    let error = fixture
        .run("CALL db.awaitIndex('person_name')")
        .unwrap_err();
    assert!(error.to_string().contains("name of node"), "{error}");
    fixture.run("CALL db.awaitIndexes()").unwrap();
}

#[test]
fn the_check_of_a_new_constraint_can_be_cancelled_and_keeps_to_its_memory() {
    let fixture = Fixture::new();
    fixture
        .run("UNWIND range(1, 5000) AS i CREATE (:Item {id: i})-[:PART {id: i}]->(:Whole)")
        .unwrap();
    let before = fixture.graph.latest();
    for text in [
        "CREATE CONSTRAINT FOR (n:Item) REQUIRE n.id IS UNIQUE",
        "CREATE CONSTRAINT FOR (n:Item) REQUIRE n.id IS NODE KEY",
        "CREATE CONSTRAINT FOR ()-[r:PART]-() REQUIRE r.id IS UNIQUE",
    ] {
        let options = RunOptions {
            memory_bytes_max: Some(24 * 4_000),
            ..RunOptions::default()
        };
        let error = fixture.run_with(text, &options).unwrap_err();
        assert!(matches!(error, QueryError::OutOfMemory { .. }), "{error}");
        assert!(error.to_string().contains("memory_bytes_max"), "{error}");
    }
    for text in [
        "CREATE CONSTRAINT FOR (n:Item) REQUIRE n.id IS UNIQUE",
        "CREATE CONSTRAINT FOR (n:Item) REQUIRE n.id IS NOT NULL",
        "CREATE CONSTRAINT FOR ()-[r:PART]-() REQUIRE r.id IS :: INTEGER",
    ] {
        let cancel = CancelToken::new();
        cancel.cancel();
        let options = RunOptions {
            cancel: Some(cancel),
            ..RunOptions::default()
        };
        let cancelled = fixture.run_with(text, &options);
        assert!(matches!(cancelled, Err(QueryError::Cancelled)), "{text}");
    }
    assert_eq!(fixture.graph.latest(), before);
    assert!(fixture.run("SHOW CONSTRAINTS").unwrap().rows.is_empty());
    let enough = RunOptions {
        memory_bytes_max: Some(24 * 5_001),
        ..RunOptions::default()
    };
    fixture
        .run_with(
            "CREATE CONSTRAINT item_id FOR (n:Item) REQUIRE n.id IS UNIQUE",
            &enough,
        )
        .unwrap();
    let error = fixture
        .run("CREATE (:Item {id: 17})")
        .unwrap_err()
        .to_string();
    assert!(error.contains("item_id"), "{error}");
}
