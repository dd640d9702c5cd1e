//! What writing costs: transactions, applying entries, bulk batches, and history on disk.
//!
//! `cargo bench -p retrograph-graph --bench store` prints one line for each; the churn is that of
//! the design's trial (65 % relationships added, 20 % deleted, 15 % property changes).

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that prints measurements"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use retrograph_graph::ids::{Direction, KeyId, NodeId, RelationshipId, SystemTime, TypeId};
use retrograph_graph::kv::{Family, RocksOptions, RocksStore};
use retrograph_graph::replicate::{Loopback, Pending, Replicate, ReplicationError};
use retrograph_graph::value::Value;
use retrograph_graph::{CommitInfo, Graph, GraphOptions, Isolation, Sequence};

const SEQ: Sequence = Sequence::new(0, 0);
const NODES: usize = 50_000;

/// Keeps what goes into a log.
#[derive(Clone)]
struct Recording {
    log: Loopback,
    entries: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Replicate for Recording {
    fn propose(&self, payload: Vec<u8>) -> Result<Box<dyn Pending>, ReplicationError> {
        self.entries.lock().push(payload.clone());
        self.log.propose(payload)
    }

    fn save_closed(&self, closed: SystemTime) -> Result<(), ReplicationError> {
        self.log.save_closed(closed)
    }

    fn closed(&self) -> Result<Option<SystemTime>, ReplicationError> {
        self.log.closed()
    }
}

/// Wall time and this thread's own time; the latter says more on a machine that is shared.
struct Stopwatch(Instant, u64);

impl Stopwatch {
    fn start() -> Self {
        Self(Instant::now(), Self::thread_nanoseconds())
    }

    fn thread_nanoseconds() -> u64 {
        let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        times
            .split(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0)
    }

    fn rate(&self, count: usize) -> String {
        let own = (Self::thread_nanoseconds() - self.1) as f64 / 1e9;
        let wall = self.0.elapsed().as_secs_f64();
        format!(
            "{:.0}/s ({:.0}/s of processor time)",
            count as f64 / wall,
            count as f64 / own
        )
    }
}

fn open(path: &Path) -> Arc<Graph> {
    let store = RocksStore::open(path, &RocksOptions::default()).unwrap();
    Arc::new(Graph::open(Arc::new(store), GraphOptions::default()).unwrap())
}

struct Churn {
    nodes: Vec<NodeId>,
    live: Vec<RelationshipId>,
    knows: TypeId,
    weight: KeyId,
    random: u64,
}

impl Churn {
    fn next(&mut self, below: usize) -> usize {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % below
    }

    fn commit(&mut self, graph: &Arc<Graph>, updates: usize) {
        let transaction = graph.begin(Isolation::Snapshot);
        let mut touched = std::collections::HashSet::new();
        let mut created = Vec::new();
        for _ in 0..updates {
            let kind = self.next(100);
            if kind < 65 || self.live.len() < 1_000 {
                let (a, b) = (self.next(NODES), self.next(NODES));
                let value = Value::Int(self.next(1_000) as i64);
                let id = transaction
                    .create_relationship(
                        SEQ,
                        self.knows,
                        self.nodes[a],
                        self.nodes[b],
                        vec![(self.weight, value)],
                    )
                    .unwrap();
                created.push(id);
                continue;
            }
            let at = self.next(self.live.len());
            let id = self.live[at];
            if !touched.insert(id) {
                continue;
            }
            if kind < 85 {
                transaction.delete_relationship(SEQ, id).unwrap();
                self.live.swap_remove(at);
            } else {
                let value = Value::Int(self.next(1_000) as i64);
                transaction
                    .set_property(SEQ, id.into(), self.weight, value)
                    .unwrap();
            }
        }
        transaction.commit(CommitInfo::default()).unwrap();
        self.live.extend(created);
    }
}

fn churn(updates: usize, per_commit: usize) {
    let directory = tempfile::tempdir().unwrap();
    let graph = open(&directory.path().join("first"));
    let recording = Recording {
        log: Loopback::new(),
        entries: Arc::default(),
    };
    recording.log.attach(&graph).unwrap();
    graph.lead(Arc::new(recording.clone())).unwrap();
    let transaction = graph.begin(Isolation::Snapshot);
    let person = transaction.label_id("Person").unwrap();
    let knows = transaction.type_id("KNOWS").unwrap();
    let weight = transaction.key_id("weight").unwrap();
    let nodes = (0..NODES)
        .map(|_| transaction.create_node(SEQ, &[person], vec![]).unwrap())
        .collect();
    transaction.commit(CommitInfo::default()).unwrap();
    let mut churn = Churn {
        nodes,
        live: Vec::new(),
        knows,
        weight,
        random: 1,
    };
    let start = Stopwatch::start();
    for _ in 0..updates / per_commit {
        churn.commit(&graph, per_commit);
    }
    println!(
        "transactions of {per_commit}, begin to applied: {} updates",
        start.rate(updates)
    );
    for family in Family::ALL {
        graph.store().compact(family).unwrap();
    }
    graph.flush().unwrap();
    let sizes = Family::ALL.map(|family| {
        graph.store().compact(family).unwrap();
        let size = graph
            .store()
            .approximate_size(family, &[], &[0xff; 36])
            .unwrap();
        (family, size)
    });
    let commits = (updates / per_commit) as f64;
    let of = |family| {
        sizes
            .iter()
            .find(|(f, _)| *f == family)
            .map_or(0, |(_, size)| *size) as f64
    };
    let history = of(Family::Closed) + of(Family::Entry);
    println!(
        "history after compaction: {:.1} bytes/update ({:.1} closed, {:.1} entries), \
         all of entries and meta {:.0} bytes/commit",
        history / updates as f64,
        of(Family::Closed) / updates as f64,
        of(Family::Entry) / updates as f64,
        (of(Family::Entry) + of(Family::Meta)) / commits,
    );
    let read = graph.read_latest();
    let start = Stopwatch::start();
    let mut found = 0_u64;
    for i in 0..20_000 {
        read.expand(
            churn.nodes[i * 7 % NODES],
            Some(Direction::Outgoing),
            &[knows],
            |_, _, _| {
                found += 1;
            },
        )
        .unwrap();
    }
    println!("expand: {}, {found} found", start.rate(20_000));
    // The same entries once more, into an empty store: nothing but apply.
    let entries = std::mem::take(&mut *recording.entries.lock());
    let first = recording.log.entries()[0].to_vec();
    let again = open(&directory.path().join("second"));
    again.apply(1, &first).unwrap();
    let skip = 1;
    for (i, entry) in entries[..skip].iter().enumerate() {
        again.apply(i as u64 + 2, entry).unwrap();
    }
    let start = Stopwatch::start();
    for (i, entry) in entries[skip..].iter().enumerate() {
        again.apply((i + skip) as u64 + 2, entry).unwrap();
    }
    println!(
        "apply, commits of {per_commit}: {} updates",
        start.rate(updates)
    );
}

fn bulk(nodes: usize, relationships: usize) {
    let directory = tempfile::tempdir().unwrap();
    let graph = open(directory.path());
    Loopback::new().attach(&graph).unwrap();
    let start = Stopwatch::start();
    let mut loader = graph.bulk();
    let (person, knows) = (loader.label_id("Person"), loader.type_id("KNOWS"));
    let (name, weight) = (loader.key_id("name"), loader.key_id("weight"));
    let mut all = Vec::with_capacity(nodes);
    for i in 0..nodes {
        let text = Value::String(format!("person {i}").into());
        let properties = vec![(name, text), (weight, Value::Int(i as i64))];
        all.push(loader.create_node(&[person], properties).unwrap());
        if loader.len() == 200_000 {
            loader.commit(CommitInfo::default()).unwrap();
        }
    }
    let mut random = 1_u64;
    let mut next = || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        all[(random >> 33) as usize % nodes]
    };
    for i in 0..relationships {
        let weight = vec![(weight, Value::Int(i as i64 % 100))];
        loader
            .create_relationship(knows, next(), next(), weight)
            .unwrap();
        if loader.len() == 200_000 {
            loader.commit(CommitInfo::default()).unwrap();
        }
    }
    loader.commit(CommitInfo::default()).unwrap();
    println!("bulk: {} elements", start.rate(nodes + relationships));
}

fn main() {
    bulk(200_000, 800_000);
    churn(500_000, 1_000);
    churn(50_000, 10);
}
