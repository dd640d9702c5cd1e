//! Point read and expand through [`Engine::run`], on a graph in memory: the fixed cost of a query.

#![allow(missing_docs, reason = "made by criterion's macros")]

use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use retrograph_engine::{
    Control, Engine, EngineSettings, Parameters, QueryError, RowSink, RunOptions, Summary, Views,
};
use retrograph_graph::Graph;
use retrograph_graph::value::Value;

const PEOPLE: i64 = 10_000;

/// Counts rows.
struct Rows(u64);

impl RowSink for Rows {
    fn columns(&mut self, _columns: &[Arc<str>]) -> Result<(), QueryError> {
        Ok(())
    }

    fn row(&mut self, _row: &[Value], _views: &Views) -> Result<Control, QueryError> {
        self.0 += 1;
        Ok(Control::Continue)
    }
}

fn run(engine: &Engine, graph: &Arc<Graph>, text: &str, id: i64) -> Summary {
    let parameters = Parameters::from([("id".to_owned(), Value::Int(id))]);
    let mut rows = Rows(0);
    engine
        .run(graph, text, &parameters, &RunOptions::default(), &mut rows)
        .expect("a query that runs")
}

fn reads(criterion: &mut Criterion) {
    let engine = Engine::new(EngineSettings::default());
    let graph = Graph::in_memory().expect("a graph");
    let setup = [
        "CREATE CONSTRAINT FOR (p:Person) REQUIRE p.id IS UNIQUE",
        "UNWIND range(0, $id - 1) AS id CREATE (:Person {id: id, age: id % 80})",
        "MATCH (p:Person) UNWIND range(1, 20) AS step \
         MATCH (q:Person {id: (p.id * 31 + step * 977) % $id}) CREATE (p)-[:KNOWS]->(q)",
    ];
    for text in setup {
        run(&engine, &graph, text, PEOPLE);
    }
    let queries = [
        (
            "point read",
            "MATCH (p:Person {id: $id}) RETURN p.age AS age",
        ),
        (
            "1-hop rows",
            "MATCH (:Person {id: $id})-[:KNOWS]->(q) RETURN q.id AS id",
        ),
        (
            "1-hop count",
            "MATCH (:Person {id: $id})-[:KNOWS]->(q) RETURN count(DISTINCT q) AS n",
        ),
        (
            "2-hop count",
            "MATCH (:Person {id: $id})-[:KNOWS]->()-[:KNOWS]->(q) RETURN count(DISTINCT q) AS n",
        ),
    ];
    for (name, text) in queries {
        let mut id = 0;
        // What it takes to find the plan, of all that a query takes.
        criterion.bench_function(&format!("{name}, its plan alone"), |bencher| {
            bencher.iter_custom(|turns| {
                let mut total = Duration::ZERO;
                for _ in 0..turns {
                    id = (id + 4_711) % PEOPLE;
                    let summary = run(&engine, &graph, text, id);
                    assert!(summary.is_plan_cached || total.is_zero(), "planned again");
                    total += summary.compile_time;
                }
                total
            });
        });
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                id = (id + 4_711) % PEOPLE;
                run(&engine, &graph, text, id)
            });
        });
    }
    criterion.bench_function("nothing", |bencher| {
        bencher.iter(|| run(&engine, &graph, "RETURN $id AS id", 1));
    });
}

criterion_group!(benches, reads);
criterion_main!(benches);
