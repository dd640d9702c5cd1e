//! Indexes of every shape change how long a query takes, never what it finds: random statements run
//! over two graphs, of which one gets and loses indexes meanwhile, and must find the same now, in
//! open transactions and at every version.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use retrograph_engine::{
    Collected, Engine, EngineSettings, OpenTransaction, Output, Parameters, RunOptions,
};
use retrograph_graph::Graph;
use retrograph_graph::value::text::to_text;

const INDEXES: [&str; 11] = [
    "CREATE INDEX {} FOR (n:A) ON (n.p, n.q)",
    "CREATE INDEX {} FOR (n:A) ON (n.q, n.p, n.s)",
    "CREATE INDEX {} FOR (n:B) ON (n.p)",
    "CREATE INDEX {} FOR ()-[r:R]-() ON (r.p)",
    "CREATE INDEX {} FOR ()-[r:R]-() ON (r.q, r.p)",
    "CREATE TEXT INDEX {} FOR (n:A) ON (n.p)",
    "CREATE TEXT INDEX {} FOR (n:B) ON (n.q)",
    "CREATE TEXT INDEX {} FOR ()-[r:R]-() ON (r.q)",
    "CREATE POINT INDEX {} FOR (n:A) ON (n.s)",
    "CREATE POINT INDEX {} FOR (n:B) ON (n.p)",
    "CREATE POINT INDEX {} FOR ()-[r:S]-() ON (r.p)",
];

/// Values that are alike in one way or another, as text of the language.
const VALUES: [&str; 19] = [
    "1",
    "1.0",
    "0",
    "-0.0",
    "2",
    "(0.0 / 0.0)",
    "'x'",
    "'xy'",
    "''",
    "'y'",
    "true",
    "[1, 2]",
    "date('2020-01-01')",
    "null",
    "point({x: 1, y: 0})",
    "point({x: 3, y: 4})",
    "point({longitude: 180, latitude: 1})",
    "point({longitude: -179.9, latitude: 1})",
    "point({longitude: 10, latitude: 89.9})",
];

fn value() -> impl Strategy<Value = &'static str> {
    select(VALUES.to_vec())
}

/// What both graphs begin with: elements with each value and some of each other.
fn population() -> [String; 2] {
    let values = VALUES.join(", ");
    [
        format!(
            "WITH [{values}] AS v, [null, 1, 'x', 'xy', point({{x: 1, y: 0}})] AS w \
             UNWIND range(0, 18) AS i UNWIND range(0, 4) AS j \
             CREATE (n:A) SET n = {{id: 5 * i + j, p: v[i], q: w[j], s: v[(7 * i + 5 * j) % 19]}} \
             FOREACH (x IN CASE WHEN (i + j) % 3 = 0 THEN [n] ELSE [] END | SET x:B)"
        ),
        "MATCH (a:A) MATCH (b:A) WHERE b.id = (a.id * 31 + 7) % 95 \
         CREATE (a)-[r:R]->(b), (b)-[s:S]->(a) \
         SET r = a {.p, .q, .s}, s = b {.p, .q, .s}"
            .to_owned(),
    ]
}

fn property() -> impl Strategy<Value = &'static str> {
    select(vec!["p", "q", "s"])
}

/// What a query demands of the properties of `e`.
fn demand() -> impl Strategy<Value = String> {
    let of = |operators: Vec<&'static str>| {
        (property(), select(operators), value())
            .prop_map(|(key, operator, value)| format!("e.{key} {operator} {value}"))
    };
    let text = (
        property(),
        select(vec!["STARTS WITH", "ENDS WITH", "CONTAINS"]),
        select(vec!["'x'", "''", "'y'", "null"]),
    )
        .prop_map(|(key, test, text)| format!("e.{key} {test} {text}"));
    let list = (property(), prop::collection::vec(value(), 0..4))
        .prop_map(|(key, values)| format!("e.{key} IN [{}]", values.join(", ")));
    // Only points have a distance, so the type is asked for first.
    let places = vec![
        "point({x: 1, y: 0})",
        "point({longitude: 179.95, latitude: 1})",
        "point({longitude: 0, latitude: 90})",
    ];
    let near = (
        property(),
        select(places),
        select(vec![0, 5, 20_000]),
        any::<bool>(),
    )
        .prop_map(|(key, place, radius, is_mirrored)| {
            let distance =
                format!("point.distance(CASE WHEN e.{key} IS :: POINT THEN e.{key} END, {place})");
            let plain = format!("point.distance(e.{key}, {place})");
            match is_mirrored {
                true => format!("{radius} >= {distance}"),
                false => format!("e.{key} IS :: POINT AND {plain} < {radius}"),
            }
        });
    let within = property().prop_map(|key| {
        format!(
            "e.{key} IS :: POINT AND point.withinBBox(e.{key}, point({{longitude: 179, latitude: 0}}), \
             point({{longitude: -179, latitude: 2}}))"
        )
    });
    prop_oneof![
        4 => of(vec!["="]),
        2 => of(vec!["<", "<=", ">", ">=", "<>"]),
        2 => text,
        2 => list,
        1 => property().prop_map(|key| format!("e.{key} IS NOT NULL")),
        1 => near,
        1 => within,
    ]
}

#[derive(Clone, Debug)]
enum Step {
    /// A statement that writes.
    Write(String),
    /// A query, and whether to ask it of a past version.
    Ask(String, Option<u8>),
    Begin,
    End(bool),
    Index(u8),
    Drop(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let labels = select(vec!["", ":A", ":B", ":A:B", ":C"]);
    let map =
        || (value(), value(), value()).prop_map(|(p, q, s)| format!("{{p: {p}, q: {q}, s: {s}}}"));
    let node = || 0..95_u8;
    let create = (labels, map(), node())
        .prop_map(|(labels, map, id)| format!("CREATE (n{labels}) SET n = {map}, n.id = {id}"));
    let connect = (node(), node(), select(vec!["R", "S"]), map()).prop_map(|(a, b, name, map)| {
        format!(
            "MATCH (a), (b) WHERE a.id = {a} AND b.id = {b} WITH a, b ORDER BY a.id, b.id \
             LIMIT 2 CREATE (a)-[r:{name}]->(b) SET r = {map}"
        )
    });
    let set = (node(), property(), value())
        .prop_map(|(id, key, value)| format!("MATCH (n) WHERE n.id = {id} SET n.{key} = {value}"));
    let set_related = (node(), property(), value()).prop_map(|(id, key, value)| {
        format!("MATCH (n)-[r]-() WHERE n.id = {id} SET r.{key} = {value}")
    });
    let change = (
        node(),
        select(vec!["SET n:A", "REMOVE n:A", "SET n:B", "DETACH DELETE n"]),
    )
        .prop_map(|(id, what)| format!("MATCH (n) WHERE n.id = {id} {what}"));
    let patterns = vec![
        "MATCH (e:A)",
        "MATCH (e:B)",
        "MATCH (e:A:B)",
        "MATCH (e:C)",
        "MATCH (a)-[e:R]->(b)",
        "MATCH (a)-[e:R]-(b)",
        "MATCH (a:A)<-[e:S]-(b)",
        "OPTIONAL MATCH (a:B)-[e:R]->(b)",
    ];
    let query =
        (select(patterns), prop::collection::vec(demand(), 1..4)).prop_map(|(pattern, demands)| {
            let ends = match pattern.contains("[e") {
                true => "a.id, b.id",
                false => "e.id",
            };
            format!("{pattern} WHERE {} RETURN {ends}", demands.join(" AND "))
        });
    prop_oneof![
        6 => create.prop_map(Step::Write),
        5 => connect.prop_map(Step::Write),
        4 => set.prop_map(Step::Write),
        3 => set_related.prop_map(Step::Write),
        2 => change.prop_map(Step::Write),
        14 => (query, prop::option::of(any::<u8>())).prop_map(|(text, at)| Step::Ask(text, at)),
        1 => Just(Step::Begin),
        2 => any::<bool>().prop_map(Step::End),
        10 => any::<u8>().prop_map(Step::Index),
        1 => any::<u8>().prop_map(Step::Drop),
    ]
}

/// A graph, with what has been asked of it.
struct Twin {
    engine: Engine,
    graph: Arc<Graph>,
    transaction: Option<OpenTransaction>,
    /// The versions after each write.
    versions: Vec<u64>,
}

impl Twin {
    fn new() -> Self {
        Self {
            engine: Engine::new(EngineSettings::default()),
            graph: Graph::in_memory().unwrap(),
            transaction: None,
            versions: vec![0],
        }
    }

    /// The rows, sorted, or the error.
    fn run(&self, text: &str) -> Result<Vec<String>, String> {
        let (options, parameters) = (RunOptions::default(), Parameters::new());
        let mut found = Collected::default();
        let result = match &self.transaction {
            Some(transaction) => {
                self.engine
                    .run_in(transaction, text, &parameters, &options, &mut found)
            }
            None => self
                .engine
                .run(&self.graph, text, &parameters, &options, &mut found),
        };
        result.map_err(|error| error.to_string())?;
        let row = |row: &Vec<Output>| -> String {
            let values = row.iter().map(|output| match output {
                Output::Value(value) => to_text(value),
                other => format!("{other:?}"),
            });
            values.collect::<Vec<_>>().join(", ")
        };
        let mut rows: Vec<String> = found.rows.iter().map(row).collect();
        rows.sort_unstable();
        Ok(rows)
    }

    fn note_version(&mut self) {
        self.versions.push(self.graph.applied().version.0);
    }

    fn begin(&mut self) {
        if self.transaction.is_none() {
            let options = RunOptions::default();
            self.transaction = Some(self.engine.begin(&self.graph, options).unwrap());
        }
    }

    fn end(&mut self, is_kept: bool) {
        if let Some(transaction) = self.transaction.take() {
            match is_kept {
                true => drop(transaction.commit().unwrap()),
                false => transaction.rollback(),
            }
            self.note_version();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn indexes_change_no_answer(steps in prop::collection::vec(step(), 1..80)) {
        let (mut plain, mut indexed) = (Twin::new(), Twin::new());
        for text in population() {
            for twin in [&mut plain, &mut indexed] {
                twin.run(&text).unwrap();
                twin.note_version();
            }
        }
        let mut names: Vec<String> = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            match step {
                Step::Write(text) => {
                    let (expected, found) = (plain.run(text), indexed.run(text));
                    prop_assert_eq!(found.is_ok(), expected.is_ok(), "{}: {:?}", text, found);
                    for twin in [&mut plain, &mut indexed] {
                        if twin.transaction.is_none() {
                            twin.note_version();
                        }
                    }
                }
                Step::Ask(text, None) => {
                    prop_assert_eq!(indexed.run(text), plain.run(text), "{}", text);
                }
                Step::Ask(text, Some(at)) => {
                    if plain.transaction.is_some() {
                        continue;
                    }
                    let at = usize::from(*at) % plain.versions.len();
                    let ask = |twin: &Twin| {
                        let version = twin.versions[at];
                        twin.run(&format!("AS OF VERSION {version} {text}"))
                    };
                    prop_assert_eq!(ask(&indexed), ask(&plain), "{} at {}", text, at);
                }
                Step::Begin => {
                    plain.begin();
                    indexed.begin();
                }
                Step::End(is_kept) => {
                    plain.end(*is_kept);
                    indexed.end(*is_kept);
                }
                Step::Index(shape) => {
                    plain.end(true);
                    indexed.end(true);
                    let name = format!("i{number}");
                    let text = INDEXES[usize::from(*shape) % INDEXES.len()];
                    if indexed.run(&text.replace("{}", &name)).is_ok() {
                        names.push(name);
                    }
                }
                Step::Drop(place) => {
                    plain.end(true);
                    indexed.end(true);
                    if names.is_empty() {
                        continue;
                    }
                    let name = names.remove(usize::from(*place) % names.len());
                    let dropped = indexed.run(&format!("DROP INDEX {name}"));
                    prop_assert!(dropped.is_ok(), "{:?}", dropped);
                }
            }
        }
    }
}
