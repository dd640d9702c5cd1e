//! Path patterns against the same answers by other means, over small random graphs: quantified patterns
//! against variable-length ones, searches against all paths and a choice among them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::sync::Arc;

use retrograph_engine::{Collected, Engine, EngineSettings, Output, Parameters, RunOptions};
use retrograph_graph::Graph;
use retrograph_graph::value::text::to_text;

/// A generator that needs no more than to differ by seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

struct Runner {
    engine: Engine,
    graph: Arc<Graph>,
}

fn text(output: &Output) -> String {
    match output {
        Output::Value(value) => to_text(value),
        Output::List(items) => {
            let items: Vec<String> = items.iter().map(text).collect();
            format!("[{}]", items.join(", "))
        }
        other => format!("{other:?}"),
    }
}

impl Runner {
    /// A graph of a few nodes with loops, parallel relationships and two types.
    fn random(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let nodes = 3 + random.below(4);
        let mut create = "CREATE ".to_owned();
        for node in 0..nodes {
            let label = ["A", "B"][random.below(2) as usize];
            let value = random.below(4);
            let comma = if node == 0 { "" } else { ", " };
            let _ = write!(create, "{comma}(n{node}:{label} {{i: {node}, v: {value}}})");
        }
        for number in 0..nodes + random.below(4) {
            let (from, to) = (random.below(nodes), random.below(nodes));
            let name = ["T", "T", "S"][random.below(3) as usize];
            let weight = random.below(5);
            let _ = write!(
                create,
                ", (n{from})-[:{name} {{i: {number}, w: {weight}}}]->(n{to})"
            );
        }
        let runner = Self {
            engine: Engine::new(EngineSettings::default()),
            graph: Graph::in_memory().unwrap(),
        };
        runner.rows(&create);
        runner
    }

    /// The rows in an order of their own.
    fn rows(&self, query: &str) -> Vec<String> {
        let mut found = Collected::default();
        let options = RunOptions::default();
        let parameters = Parameters::new();
        let run = self
            .engine
            .run(&self.graph, query, &parameters, &options, &mut found);
        assert!(run.is_ok(), "{query}: {run:?}");
        let row = |row: &Vec<Output>| row.iter().map(text).collect::<Vec<_>>().join(" | ");
        let mut rows: Vec<String> = found.rows.iter().map(row).collect();
        rows.sort();
        rows
    }
}

/// Compares two queries over many graphs; some of them must have rows.
fn same(graphs: u64, pairs: &[(String, String)]) {
    let mut found = vec![0; pairs.len()];
    for seed in 1..=graphs {
        let runner = Runner::random(seed);
        for (pair, (left, right)) in pairs.iter().enumerate() {
            let rows = runner.rows(left);
            assert_eq!(rows, runner.rows(right), "seed {seed}\n{left}\n{right}");
            found[pair] += rows.len();
        }
    }
    for ((left, _), rows) in pairs.iter().zip(found) {
        assert!(rows > 0, "{left} found nothing in any graph");
    }
}

#[test]
fn quantified_patterns_find_what_other_patterns_find() {
    let mut pairs = Vec::new();
    for (left, right) in [("-", "->"), ("<-", "-"), ("-", "-")] {
        for (min, max) in [(0, 2), (1, 3), (2, 2), (1, 4)] {
            let list = "[x IN r | x.i]";
            pairs.push((
                format!(
                    "MATCH (a)((p){left}[r:T]{right}(q)){{{min},{max}}}(b) \
                     RETURN a.i, b.i, {list}, [n IN p | n.i] + [n IN q | n.i]"
                ),
                format!(
                    "MATCH k = (a){left}[r:T*{min}..{max}]{right}(b) \
                     WITH a, b, r, [n IN nodes(k) | n.i] AS n \
                     RETURN a.i, b.i, {list}, n[0..size(n) - 1] + n[1..]"
                ),
            ));
            pairs.push((
                format!(
                    "MATCH (a)((p){left}[r]{right}(q) WHERE p.v <= q.v){{{min},{max}}}(b) \
                     RETURN a.i, b.i, {list}"
                ),
                format!(
                    "MATCH k = (a){left}[r*{min}..{max}]{right}(b) WITH a, b, r, nodes(k) AS n \
                     WHERE all(j IN range(1, size(n) - 1) WHERE n[j - 1].v <= n[j].v) \
                     RETURN a.i, b.i, {list}"
                ),
            ));
        }
        // From a bound end, beside other relationships, with two hops a repetition.
        pairs.push((
            format!(
                "MATCH (b:A) MATCH (a)-[o]->(m)((p){left}[r:T]{right}(q)){{1,2}}(b) \
                 RETURN a.i, b.i, o.i, [x IN r | x.i]"
            ),
            format!(
                "MATCH (b:A) MATCH (a)-[o]->(m){left}[r:T*1..2]{right}(b) \
                 RETURN a.i, b.i, o.i, [x IN r | x.i]"
            ),
        ));
        pairs.push((
            format!(
                "MATCH (a)((p){left}[r]{right}(q:A)-[s]-(t) WHERE r.w <= s.w){{2}}(b) \
                 RETURN a.i, b.i, [x IN r | x.i], [x IN s | x.i], [x IN q | x.i]"
            ),
            format!(
                "MATCH (a){left}[r]{right}(q:A)-[s]-(c){left}[r2]{right}(q2:A)-[s2]-(b) \
                 WHERE r.w <= s.w AND r2.w <= s2.w \
                 RETURN a.i, b.i, [r.i, r2.i], [s.i, s2.i], [q.i, q2.i]"
            ),
        ));
    }
    same(20, &pairs);
}

#[test]
fn modes_find_the_trails_that_repeat_no_node() {
    let mut pairs = Vec::new();
    for (left, right) in [("-", "->"), ("-", "-")] {
        let of = |mode: &str| {
            format!(
                "MATCH p = {mode} (a){left}[r]{right}{{0,4}}(b) RETURN a.i, b.i, [x IN r | x.i]"
            )
        };
        let trails = format!(
            "MATCH p = (a){left}[r*0..4]{right}(b) WITH a, b, r, [n IN nodes(p) | n.i] AS n"
        );
        let differ = |list: &str| {
            format!(
                "all(j IN range(0, size({list}) - 1) WHERE single(k IN {list} WHERE k = {list}[j]))"
            )
        };
        pairs.push((
            of("ACYCLIC"),
            format!(
                "{trails} WHERE {} RETURN a.i, b.i, [x IN r | x.i]",
                differ("n")
            ),
        ));
        pairs.push((
            of("SIMPLE"),
            format!(
                "{trails} WITH a, b, r, CASE WHEN size(n) > 1 AND n[0] = n[-1] THEN n[1..] ELSE n END AS m \
                 WHERE {} RETURN a.i, b.i, [x IN r | x.i]",
                differ("m")
            ),
        ));
        pairs.push((
            format!(
                "MATCH REPEATABLE ELEMENTS (a){left}[r]{right}{{3}}(b) RETURN a.i, b.i, [x IN r | x.i]"
            ),
            format!(
                "MATCH (a){left}[r]{right}(c) MATCH (c){left}[s]{right}(d) MATCH (d){left}[t]{right}(b) \
                 RETURN a.i, b.i, [r.i, s.i, t.i]"
            ),
        ));
    }
    same(20, &pairs);
}

#[test]
fn searches_choose_among_all_paths() {
    let mut pairs = Vec::new();
    for (left, right) in [("-", "->"), ("-", "-")] {
        // The bounded patterns are short enough to enumerate; their least length makes shortest walks
        // repeat relationships.
        for (min, max) in [(0, 4), (1, 4), (2, 4), (3, 4)] {
            let all = format!("p = (a){left}[r*{min}..{max}]{right}(b)");
            let searched = format!("(a){left}[r]{right}{{{min},{max}}}(b)");
            for ends in ["", "MATCH (a), (b) ", "MATCH (b:B) "] {
                for count in [1, 2, 3] {
                    pairs.push((
                        format!(
                            "{ends}MATCH p = SHORTEST {count} {searched} RETURN a.i, b.i, length(p)"
                        ),
                        format!(
                            "{ends}MATCH {all} WITH a, b, length(p) AS l ORDER BY l \
                             WITH a, b, collect(l)[0..{count}] AS shortest \
                             UNWIND shortest AS l RETURN a.i, b.i, l"
                        ),
                    ));
                    pairs.push((
                        format!(
                            "{ends}MATCH p = SHORTEST {count} GROUPS {searched} \
                             RETURN a.i, b.i, [x IN r | x.i]"
                        ),
                        format!(
                            "{ends}MATCH {all} WITH a, b, length(p) AS l, collect([x IN r | x.i]) AS c \
                             ORDER BY l WITH a, b, collect(c)[0..{count}] AS groups \
                             UNWIND groups AS group UNWIND group AS r RETURN a.i, b.i, r"
                        ),
                    ));
                }
            }
        }
        // Without an upper bound; between different nodes a shortest trail passes no node twice, so that
        // it has fewer hops than the graph has nodes.
        pairs.push((
            format!("MATCH p = SHORTEST 1 (a){left}[:T]{right}+(b) WHERE a <> b RETURN a.i, b.i, length(p)"),
            format!(
                "MATCH p = (a){left}[:T*..7]{right}(b) WHERE a <> b \
                 WITH a, b, min(length(p)) AS l RETURN a.i, b.i, l"
            ),
        ));
        // A condition on the whole path, a mode, and nodes between.
        pairs.push((
            format!(
                "MATCH p = ALL SHORTEST ((a){left}[r]{right}{{1,4}}(b) \
                 WHERE reduce(s = 0, x IN r | s + x.w) > 5) RETURN a.i, b.i, [x IN r | x.i]"
            ),
            format!(
                "MATCH p = (a){left}[r*1..4]{right}(b) WHERE reduce(s = 0, x IN r | s + x.w) > 5 \
                 WITH a, b, length(p) AS l, collect([x IN r | x.i]) AS c ORDER BY l \
                 WITH a, b, collect(c)[0] AS group UNWIND group AS r RETURN a.i, b.i, r"
            ),
        ));
        pairs.push((
            format!(
                "MATCH p = SHORTEST 2 ACYCLIC (a){left}[r]{right}{{2,4}}(b) RETURN a.i, b.i, length(p)"
            ),
            format!(
                "MATCH p = ACYCLIC (a){left}[r]{right}{{2,4}}(b) WITH a, b, length(p) AS l ORDER BY l \
                 WITH a, b, collect(l)[0..2] AS shortest UNWIND shortest AS l RETURN a.i, b.i, l"
            ),
        ));
        pairs.push((
            format!(
                "MATCH p = SHORTEST 1 GROUP (a){left}[r:T]{right}{{1,2}}(m:A WHERE m.v > 0)\
                 {left}[s]{right}(n){left}[t]{right}{{0,2}}(b) \
                 RETURN a.i, b.i, m.i, n.i, [x IN r | x.i], s.i, [x IN t | x.i]"
            ),
            format!(
                "MATCH p = (a){left}[r:T*1..2]{right}(m:A){left}[s]{right}(n){left}[t*0..2]{right}(b) \
                 WHERE m.v > 0 \
                 WITH a, b, length(p) AS l, \
                 collect([m.i, n.i, [x IN r | x.i], s.i, [x IN t | x.i]]) AS c ORDER BY l \
                 WITH a, b, collect(c)[0] AS group UNWIND group AS g \
                 RETURN a.i, b.i, g[0], g[1], g[2], g[3], g[4]"
            ),
        ));
        // Where everything may repeat.
        pairs.push((
            format!(
                "MATCH REPEATABLE ELEMENTS p = SHORTEST 3 (a){left}[r]{right}{{1,4}}(b) \
                 RETURN a.i, b.i, length(p)"
            ),
            format!(
                "MATCH REPEATABLE ELEMENTS p = (a){left}[r]{right}{{1,4}}(b) \
                 WITH a, b, length(p) AS l ORDER BY l WITH a, b, collect(l)[0..3] AS shortest \
                 UNWIND shortest AS l RETURN a.i, b.i, l"
            ),
        ));
        pairs.push((
            format!(
                "MATCH REPEATABLE ELEMENTS p = SHORTEST 2 GROUPS (a){left}[r]{right}{{2,4}}(b) \
                 RETURN a.i, b.i, [x IN r | x.i]"
            ),
            format!(
                "MATCH REPEATABLE ELEMENTS p = (a){left}[r]{right}{{2,4}}(b) \
                 WITH a, b, length(p) AS l, collect([x IN r | x.i]) AS c ORDER BY l \
                 WITH a, b, collect(c)[0..2] AS groups \
                 UNWIND groups AS group UNWIND group AS r RETURN a.i, b.i, r"
            ),
        ));
    }
    same(8, &pairs);
}
