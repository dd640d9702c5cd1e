//! Reads of a social graph of 100,000 people and 2,000,000 relationships: from images of the
//! present, of the past, and from rows.

#![allow(missing_docs, reason = "made by criterion's macros")]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use retrograph_graph::ids::{Direction, IndexId, KeyId, LabelId, NodeId, TypeId};
use retrograph_graph::kv::{RocksOptions, RocksStore};
use retrograph_graph::value::Value;
use retrograph_graph::{
    Column, CommitInfo, Expansion, Graph, GraphOptions, GraphRead, ImageOptions, Isolation,
    ScanCursor, Sequence,
};

const PEOPLE: u64 = 100_000;
const RELATIONSHIPS: u64 = 2_000_000;
const PER_COMMIT: u64 = 20_000;
/// Updates after the load: what 90 days leave behind.
const UPDATES: u64 = 200_000;
const SEQ: Sequence = Sequence(0);

struct Social {
    graph: Arc<Graph>,
    people: Vec<NodeId>,
    person: LabelId,
    id: KeyId,
    age: KeyId,
    knows: TypeId,
    index: IndexId,
}

fn next(random: &mut u64) -> u64 {
    *random = random
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    *random >> 33
}

fn load(graph: Arc<Graph>) -> Social {
    let transaction = graph.begin(Isolation::Snapshot);
    let person = transaction.label_id("Person").expect("a label");
    let id = transaction.key_id("id").expect("a key");
    let age = transaction.key_id("age").expect("a key");
    let people: Vec<NodeId> = (0..PEOPLE as i64)
        .map(|number| {
            let properties = vec![(id, Value::Int(number)), (age, Value::Int(number % 90))];
            transaction.create_node(SEQ, &[person], properties)
        })
        .collect::<Result<_, _>>()
        .expect("people");
    transaction.commit(CommitInfo::default()).expect("a commit");
    let transaction = graph.begin(Isolation::Snapshot);
    transaction
        .create_unique_constraint("ids", person, id)
        .expect("a constraint");
    transaction.commit(CommitInfo::default()).expect("a commit");
    let mut random = 1;
    for _ in 0..RELATIONSHIPS / PER_COMMIT {
        let transaction = graph.begin(Isolation::Snapshot);
        let knows = transaction.type_id("KNOWS").expect("a type");
        for _ in 0..PER_COMMIT {
            let start = people[(next(&mut random) % PEOPLE) as usize];
            let end = people[(next(&mut random) % PEOPLE) as usize];
            transaction
                .create_relationship(SEQ, knows, start, end, Vec::new())
                .expect("a relationship");
        }
        transaction.commit(CommitInfo::default()).expect("a commit");
    }
    let catalog = graph.read_latest().catalog();
    let knows = catalog.relationship_type("KNOWS").expect("a type");
    let index = catalog.index_on(person, id).expect("an index").id;
    Social {
        graph,
        people,
        person,
        id,
        age,
        knows,
        index,
    }
}

impl Social {
    /// Gives people other ages, and other acquaintances.
    fn update(&self) {
        let mut random = 7;
        for _ in 0..UPDATES / PER_COMMIT {
            let transaction = self.graph.begin(Isolation::Snapshot);
            for _ in 0..PER_COMMIT {
                let node = self.people[(next(&mut random) % PEOPLE) as usize];
                let age = Value::Int((next(&mut random) % 90) as i64);
                transaction
                    .set_property(SEQ, node.into(), self.age, age)
                    .expect("an update");
            }
            for _ in 0..PER_COMMIT / 10 {
                let node = self.people[(next(&mut random) % PEOPLE) as usize];
                let other = self.people[(next(&mut random) % PEOPLE) as usize];
                transaction
                    .create_relationship(SEQ, self.knows, node, other, Vec::new())
                    .expect("a relationship");
                let mut first = None;
                let read = self.graph.read_latest();
                read.expand(node, Some(Direction::Outgoing), &[], |_, id, _| {
                    first = Some(id)
                })
                .expect("relationships");
                if let Some(id) = first {
                    transaction
                        .delete_relationship(SEQ, id)
                        .expect("a deletion");
                }
            }
            transaction.commit(CommitInfo::default()).expect("a commit");
        }
    }

    fn by_id(&self, read: &GraphRead, id: u64, found: &mut Vec<NodeId>) -> NodeId {
        found.clear();
        let value = Value::Int(id as i64);
        read.seek_equal(self.index, &value, &mut ScanCursor::default(), 2, found)
            .expect("a seek");
        found[0]
    }

    fn measure(&self, name: &str, read: &dyn Fn() -> GraphRead, criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group(name);
        let mut random = 3;
        let mut found = Vec::new();
        group.bench_function("point read by unique id", |bencher| {
            bencher.iter(|| {
                let read = read();
                let node = self.by_id(&read, next(&mut random) % PEOPLE, &mut found);
                read.property(node.into(), self.age).expect("a property")
            });
        });
        let (mut one, mut two, mut three) = (
            Expansion::default(),
            Expansion::default(),
            Expansion::default(),
        );
        group.bench_function("1 hop", |bencher| {
            bencher.iter(|| {
                let read = read();
                let node = self.by_id(&read, next(&mut random) % PEOPLE, &mut found);
                self.hop(&read, &[node], &mut one);
                one.len()
            });
        });
        let mut seen = vec![0_u64; PEOPLE.div_ceil(64) as usize + 64];
        group.bench_function("2 hops, distinct", |bencher| {
            bencher.iter(|| {
                let read = read();
                let node = self.by_id(&read, next(&mut random) % PEOPLE, &mut found);
                self.hop(&read, &[node], &mut one);
                self.hop(&read, &one.neighbours, &mut two);
                distinct(&mut two.neighbours, &mut seen);
                two.neighbours.len()
            });
        });
        group.bench_function("3 hops, distinct", |bencher| {
            bencher.iter(|| {
                let read = read();
                let node = self.by_id(&read, next(&mut random) % PEOPLE, &mut found);
                self.hop(&read, &[node], &mut one);
                self.hop(&read, &one.neighbours, &mut two);
                distinct(&mut two.neighbours, &mut seen);
                self.hop(&read, &two.neighbours, &mut three);
                distinct(&mut three.neighbours, &mut seen);
                three.neighbours.len()
            });
        });
        let (mut nodes, mut column) = (Vec::new(), Column::default());
        group.bench_function("average age of everybody", |bencher| {
            bencher.iter(|| {
                let (read, mut cursor, mut sum) = (read(), ScanCursor::default(), 0);
                let mut people = 0;
                while !cursor.is_done() {
                    nodes.clear();
                    read.scan_label(self.person, &mut cursor, 2_048, &mut nodes)
                        .expect("nodes");
                    read.node_properties(&nodes, self.age, &mut column)
                        .expect("ages");
                    if let Column::Int { values, .. } = &column {
                        sum += values.iter().sum::<i64>();
                        people += values.len() as u64;
                    }
                }
                assert_eq!(
                    people, PEOPLE,
                    "a scan that misses people is fast for nothing"
                );
                sum
            });
        });
        group.bench_function("has label", |bencher| {
            bencher.iter(|| {
                let node = self.people[(next(&mut random) % PEOPLE) as usize];
                read().has_label(node, self.person).expect("a test")
            });
        });
        group.bench_function("whole node", |bencher| {
            bencher.iter(|| {
                let node = self.people[(next(&mut random) % PEOPLE) as usize];
                read()
                    .node(node)
                    .expect("a node")
                    .expect("a node")
                    .property(self.id)
            });
        });
        group.finish();
    }

    fn hop(&self, read: &GraphRead, from: &[NodeId], out: &mut Expansion) {
        out.clear();
        read.expand_batch(
            from,
            Some(Direction::Outgoing),
            &[self.knows],
            false,
            usize::MAX,
            out,
        )
        .expect("relationships");
    }
}

fn distinct(nodes: &mut Vec<NodeId>, seen: &mut [u64]) {
    nodes.retain(|node| {
        let word = &mut seen[node.0 as usize / 64];
        let is_new = *word >> (node.0 % 64) & 1 == 0;
        *word |= 1 << (node.0 % 64);
        is_new
    });
    for node in nodes {
        seen[node.0 as usize / 64] = 0;
    }
}

fn reads(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = RocksStore::open(directory.path(), &RocksOptions::default()).expect("a store");
    let images = ImageOptions {
        background: false,
        misses: 1,
        ..ImageOptions::default()
    };
    let options = GraphOptions {
        images,
        ..GraphOptions::default()
    };
    let social = load(Graph::loopback(Arc::new(store), options).expect("a graph"));
    let graph = &social.graph;
    graph.flush().expect("a flush");
    social.measure("rows", &|| graph.read_latest(), criterion);
    graph.warm().expect("images");
    social.measure("present", &|| graph.read_latest(), criterion);
    let loaded = graph.latest();
    social.update();
    graph.build_images().expect("images");
    social.measure(
        "present with fresh changes",
        &|| graph.read_latest(),
        criterion,
    );
    graph.warm().expect("images");
    social.measure("present with history", &|| graph.read_latest(), criterion);
    let past = || graph.read_at(loaded).expect("the past");
    for _ in 0..200 {
        let mut nodes = Vec::new();
        past()
            .scan_label(
                social.person,
                &mut ScanCursor::default(),
                200_000,
                &mut nodes,
            )
            .expect("nodes");
        past()
            .node_properties(&nodes, social.age, &mut Column::default())
            .expect("ages");
        for node in nodes.iter().step_by(1_000) {
            past()
                .expand(*node, None, &[], |_, _, _| ())
                .expect("relationships");
            past().node(*node).expect("a node");
            let mut found = Vec::new();
            past()
                .seek_equal(
                    social.index,
                    &Value::Int(1),
                    &mut ScanCursor::default(),
                    2,
                    &mut found,
                )
                .expect("a seek");
        }
        graph.build_images().expect("images");
    }
    social.measure("past", &past, criterion);
}

criterion_group!(benches, reads);
criterion_main!(benches);
