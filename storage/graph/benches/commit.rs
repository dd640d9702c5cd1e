//! Commits on RocksDB: sequencing, hashing, applying. The log is in memory, so no sync is in it.

#![allow(missing_docs, reason = "made by criterion's macros")]

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use retrograph_graph::ids::NodeId;
use retrograph_graph::kv::{RocksOptions, RocksStore};
use retrograph_graph::value::Value;
use retrograph_graph::{CommitInfo, Graph, GraphOptions, Isolation, Sequence, Transaction};

const PEOPLE: usize = 10_000;

fn people(graph: &Arc<Graph>) -> Vec<NodeId> {
    let transaction = graph.begin(Isolation::Snapshot);
    let label = transaction.label_id("Person").expect("a label");
    let id = transaction.key_id("id").expect("a key");
    let people = (0..PEOPLE as i64)
        .map(|number| {
            transaction.create_node(Sequence(0), &[label], vec![(id, Value::Int(number))])
        })
        .collect::<Result<_, _>>()
        .expect("people");
    transaction.commit(CommitInfo::default()).expect("a commit");
    people
}

/// A transaction that lets people know each other, with a different pair each time.
fn knowing(graph: &Arc<Graph>, people: &[NodeId], count: usize, next: &mut usize) -> Transaction {
    let transaction = graph.begin(Isolation::Serializable);
    let knows = transaction.type_id("KNOWS").expect("a type");
    let since = transaction.key_id("since").expect("a key");
    for _ in 0..count {
        *next += 1;
        let (start, end) = (people[*next % PEOPLE], people[*next * 7_919 % PEOPLE]);
        let properties = vec![(since, Value::Int(*next as i64))];
        transaction
            .create_relationship(Sequence(0), knows, start, end, properties)
            .expect("a relationship");
    }
    transaction
}

fn commits(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = RocksStore::open(directory.path(), &RocksOptions::default()).expect("a store");
    let graph = Graph::loopback(Arc::new(store), GraphOptions::default()).expect("a graph");
    let people = people(&graph);
    let mut next = 0;
    let mut group = criterion.benchmark_group("commit");
    for count in [1, 10, 1_000] {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("{count} relationships"), |bencher| {
            bencher.iter_batched(
                || knowing(&graph, &people, count, &mut next),
                |transaction| transaction.commit(CommitInfo::default()).expect("a commit"),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, commits);
criterion_main!(benches);
