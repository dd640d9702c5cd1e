//! Time to parse queries as drivers send them, and to print one.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use retrograph_cypher::parse;

const QUERIES: &[(&str, &str)] = &[
    (
        "point read",
        "MATCH (p:Person {id: $id}) RETURN p.name AS name, p.age AS age",
    ),
    (
        "two hops",
        "MATCH (a:Person {id: $id})-[:KNOWS]->(b)-[:KNOWS]->(c:Person) \
         WHERE c.age > $age AND NOT (a)-[:KNOWS]->(c) AND c <> a \
         RETURN DISTINCT c.id, count(*) AS paths ORDER BY paths DESC, c.id LIMIT 20",
    ),
    (
        "write",
        "UNWIND $rows AS row MERGE (p:Person {id: row.id}) \
         ON CREATE SET p.created = timestamp() SET p += row.properties \
         MERGE (p)-[:LIVES_IN {since: row.since}]->(:City {name: row.city})",
    ),
    (
        "analytics",
        "AS OF $t MATCH (p:Person)-[:OWNS]->(a:Account) \
         OPTIONAL MATCH (a)-[t:PAID*1..3]->(b:Account) \
         WITH p, a, [x IN t WHERE x.amount > 1000.0 | x.amount] AS amounts, count(b) AS n \
         WHERE size(amounts) > 0 AND ALL(x IN amounts WHERE x < 10e6) \
         CALL { WITH p MATCH (p)-[:KNOWS]-(q) RETURN count(q) AS friends } \
         RETURN p {.name, .id, accounts: n, total: reduce(s = 0, x IN amounts | s + x)} AS row, \
         CASE WHEN friends > 10 THEN 'many' ELSE 'few' END AS class \
         ORDER BY n DESC SKIP $skip LIMIT $limit",
    ),
];

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for (name, query) in QUERIES {
        group.bench_function(*name, |bencher| bencher.iter(|| parse(black_box(query))));
    }
    let literal = format!("RETURN [{}]", vec!["{a: 1.5, b: 'text'}"; 1_000].join(", "));
    group.bench_function("literal of 24 kB", |bencher| {
        bencher.iter(|| parse(black_box(&literal)))
    });
    group.finish();
    let statement = parse(QUERIES[3].1).expect("the query is well-formed");
    criterion.bench_function("print", |bencher| {
        bencher.iter(|| black_box(&statement).to_string());
    });
}

criterion_group!(benches, parsing);
criterion_main!(benches);
