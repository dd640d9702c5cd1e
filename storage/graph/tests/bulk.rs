//! Bulk batches: the same graph as by transactions, and nothing lost or doubled in a crash.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use retrograph_graph::ids::{ElementId, NodeId, SystemTime, Version};
use retrograph_graph::kv::{
    Family, MemoryStore, OrderedStore, RocksOptions, RocksStore, RowCursor, SortedFile,
    SortedFileWriter, StoreError, WriteBatch,
};
use retrograph_graph::replicate::{Loopback, Pending, Replicate, ReplicationError};
use retrograph_graph::value::Value;
use retrograph_graph::{
    CommitError, CommitInfo, Genesis, Graph, GraphError, GraphOptions, Isolation, JobStep, Sequence,
};

fn options() -> GraphOptions {
    GraphOptions {
        genesis: Genesis {
            graph: [1; 16],
            salt_key: [2; 32],
            ..Genesis::default()
        },
        ..GraphOptions::default()
    }
}

fn on_disk(path: &Path) -> Arc<dyn OrderedStore> {
    Arc::new(RocksStore::open(path, &RocksOptions::default()).unwrap())
}

fn info(sequence: u64) -> CommitInfo {
    CommitInfo {
        actor: "importer".into(),
        job: Some(JobStep {
            id: "job".into(),
            sequence,
            watermark: sequence.to_be_bytes().to_vec().into(),
        }),
        ..CommitInfo::default()
    }
}

const PEOPLE: i64 = 300;

fn make_index(graph: &Arc<Graph>) {
    let transaction = graph.begin(Isolation::Serializable);
    let person = transaction.label_id("Person").unwrap();
    let key = transaction.key_id("id").unwrap();
    transaction
        .create_unique_constraint("person_id", person, key)
        .unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
}

fn people(graph: &Arc<Graph>) -> Vec<NodeId> {
    let mut loader = graph.bulk();
    let (person, id, knows, since) = (
        loader.label_id("Person"),
        loader.key_id("id"),
        loader.type_id("KNOWS"),
        loader.key_id("since"),
    );
    let mut nodes = Vec::new();
    for batch in 0..2 {
        for i in 0..PEOPLE {
            let number = Value::Int(batch * PEOPLE + i);
            nodes.push(loader.create_node(&[person], vec![(id, number)]).unwrap());
        }
        // The second batch knows people of the first.
        for i in 0..nodes.len() {
            let other = nodes[(i * 7 + 1) % nodes.len()];
            let year = vec![(since, Value::Int(2000 + i as i64))];
            loader
                .create_relationship(knows, nodes[i], other, year)
                .unwrap();
        }
        loader.commit(info(batch as u64)).unwrap();
    }
    nodes
}

fn by_transactions(graph: &Arc<Graph>) {
    let mut nodes = Vec::new();
    let seq = Sequence::default();
    for batch in 0..2 {
        let transaction = graph.begin(Isolation::Serializable);
        let (person, id, knows, since) = (
            transaction.label_id("Person").unwrap(),
            transaction.key_id("id").unwrap(),
            transaction.type_id("KNOWS").unwrap(),
            transaction.key_id("since").unwrap(),
        );
        for i in 0..PEOPLE {
            let number = Value::Int(batch * PEOPLE + i);
            nodes.push(
                transaction
                    .create_node(seq, &[person], vec![(id, number)])
                    .unwrap(),
            );
        }
        for i in 0..nodes.len() {
            let other = nodes[(i * 7 + 1) % nodes.len()];
            let year = vec![(since, Value::Int(2000 + i as i64))];
            transaction
                .create_relationship(seq, knows, nodes[i], other, year)
                .unwrap();
        }
        transaction.commit(info(batch as u64)).unwrap();
    }
}

fn rows(graph: &Graph, family: Family) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut cursor = graph.store().scan(family, &[], &[0xff; 64], false).unwrap();
    let mut rows = BTreeMap::new();
    while cursor.valid() {
        rows.insert(cursor.key().to_vec(), cursor.value().to_vec());
        cursor.next();
    }
    rows
}

fn assert_same(one: &Graph, other: &Graph) {
    for family in [
        Family::Element,
        Family::Adjacency,
        Family::Index,
        Family::Closed,
    ] {
        assert_eq!(rows(one, family), rows(other, family), "{}", family.name());
    }
    for version in 1..=one.applied().version.0 {
        let headers =
            [one, other].map(|graph| graph.commit_header(Version(version)).unwrap().unwrap());
        assert_eq!(headers[0].effects_root, headers[1].effects_root);
        assert_eq!(headers[0].effect_count, headers[1].effect_count);
        assert_eq!(headers[0].job, headers[1].job);
        one.verify_version(Version(version)).unwrap();
    }
    let (one, other) = (
        one.effects(Version(2)).unwrap(),
        other.effects(Version(2)).unwrap(),
    );
    assert_eq!(one, other);
}

#[test]
fn a_bulk_load_makes_the_graph_that_transactions_make() {
    let directory = tempfile::tempdir().unwrap();
    let stores: [Arc<dyn OrderedStore>; 2] =
        [Arc::new(MemoryStore::new()), on_disk(directory.path())];
    for store in stores {
        let bulk = Graph::loopback(store, options()).unwrap();
        let plain = Graph::loopback(Arc::new(MemoryStore::new()), options()).unwrap();
        make_index(&bulk);
        make_index(&plain);
        people(&bulk);
        by_transactions(&plain);
        assert_same(&bulk, &plain);
        for graph in [&bulk, &plain] {
            let read = graph.read_latest();
            assert_eq!(read.count_nodes(None).unwrap(), 2 * PEOPLE as u64);
            assert_eq!(read.count_relationships(None).unwrap(), 3 * PEOPLE as u64);
            assert_eq!(read.estimates().indexes.len(), 1);
        }
        bulk.verify().unwrap();
    }
}

#[test]
fn a_batch_is_there_whole_or_not_at_all_wherever_the_crash_comes() {
    let store = Arc::new(MemoryStore::new());
    let log = Loopback::new();
    let graph = Arc::new(Graph::open(store.clone(), options()).unwrap());
    log.attach(&graph).unwrap();
    make_index(&graph);
    // Not flushed: a bulk batch must not leave its rows beside a state from before this.
    let nodes = people(&graph);
    let transaction = graph.begin(Isolation::Serializable);
    transaction
        .set_property(
            Sequence::default(),
            ElementId::Node(nodes[3]),
            transaction.key_id("id").unwrap(),
            Value::Int(-3),
        )
        .unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    let again = Arc::new(Graph::open(Arc::new(store.crash()), options()).unwrap());
    assert_eq!(
        again.applied().version,
        Version(3),
        "flushed with the batch"
    );
    log.attach(&again).unwrap();
    assert_same(&again, &graph);
}

/// A store whose flushes fail from a certain one on, as if the crash had come there.
struct Failing {
    inner: Arc<MemoryStore>,
    flushes_left: std::sync::atomic::AtomicI64,
}

impl OrderedStore for Failing {
    fn get_with(
        &self,
        family: Family,
        key: &[u8],
        read: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StoreError> {
        self.inner.get_with(family, key, read)
    }

    fn scan(
        &self,
        family: Family,
        lower: &[u8],
        upper: &[u8],
        reverse: bool,
    ) -> Result<Box<dyn RowCursor + '_>, StoreError> {
        self.inner.scan(family, lower, upper, reverse)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        self.inner.write(batch)
    }

    fn flush(&self) -> Result<(), StoreError> {
        if self
            .flushes_left
            .fetch_sub(1, std::sync::atomic::Ordering::SeqCst)
            > 0
        {
            return self.inner.flush();
        }
        Err(StoreError::NoSpace {
            path: "memory".into(),
            detail: "the disk is full".to_owned(),
        })
    }

    fn write_sorted(
        &self,
        family: Family,
        path: &Path,
    ) -> Result<Box<dyn SortedFileWriter + '_>, StoreError> {
        self.inner.write_sorted(family, path)
    }

    fn ingest(&self, files: &[SortedFile]) -> Result<(), StoreError> {
        self.inner.ingest(files)
    }

    fn compact(&self, family: Family) -> Result<(), StoreError> {
        self.inner.compact(family)
    }

    fn approximate_size(
        &self,
        family: Family,
        lower: &[u8],
        upper: &[u8],
    ) -> Result<u64, StoreError> {
        self.inner.approximate_size(family, lower, upper)
    }

    fn directory(&self) -> Option<&Path> {
        None
    }
}

#[test]
fn a_batch_is_applied_again_over_its_own_rows() {
    for flushes in 0..=4 {
        let inner = Arc::new(MemoryStore::new());
        let store = Arc::new(Failing {
            inner: Arc::clone(&inner),
            flushes_left: std::sync::atomic::AtomicI64::new(flushes),
        });
        let log = Loopback::new();
        let graph = Arc::new(Graph::open(store, options()).unwrap());
        log.attach(&graph).unwrap();
        make_index(&graph);
        let mut loader = graph.bulk();
        let (person, id) = (loader.label_id("Person"), loader.key_id("id"));
        let mut outcomes = Vec::new();
        for batch in 0..2 {
            for i in 0..10 {
                let number = Value::Int(batch * 10 + i);
                loader.create_node(&[person], vec![(id, number)]).unwrap();
            }
            outcomes.push(loader.commit(info(batch as u64)));
            if outcomes.last().is_some_and(Result::is_err) {
                break;
            }
        }
        assert_eq!(outcomes.iter().all(Result::is_ok), flushes == 4);
        // Whatever the failed batch left, replaying the log gives a whole state.
        let again = Arc::new(Graph::open(Arc::new(inner.crash()), options()).unwrap());
        log.attach(&again).unwrap();
        let expected = 10 * outcomes.len() as u64;
        assert_eq!(again.read_latest().count_nodes(None).unwrap(), expected);
        again.verify().unwrap();
    }
}

#[test]
fn a_changed_file_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    struct Saboteur(Loopback, std::path::PathBuf);
    impl Replicate for Saboteur {
        fn propose(&self, payload: Vec<u8>) -> Result<Box<dyn Pending>, ReplicationError> {
            for file in std::fs::read_dir(&self.1).unwrap() {
                let path = file.unwrap().path();
                let mut bytes = std::fs::read(&path).unwrap();
                bytes[100] ^= 1;
                std::fs::write(&path, bytes).unwrap();
            }
            self.0.propose(payload)
        }

        fn save_closed(&self, closed: SystemTime) -> Result<(), ReplicationError> {
            self.0.save_closed(closed)
        }

        fn closed(&self) -> Result<Option<SystemTime>, ReplicationError> {
            self.0.closed()
        }
    }
    let log = Loopback::new();
    let graph = Arc::new(Graph::open(on_disk(directory.path()), options()).unwrap());
    log.attach(&graph).unwrap();
    graph
        .lead(Arc::new(Saboteur(log, directory.path().join("ingest"))))
        .unwrap();
    let mut loader = graph.bulk();
    let person = loader.label_id("Person");
    for _ in 0..100 {
        loader.create_node(&[person], vec![]).unwrap();
    }
    let refused = loader.commit(CommitInfo::default());
    let Err(CommitError::OutcomeUnknown { reason }) = refused else {
        panic!("the change went unnoticed: {refused:?}");
    };
    assert!(reason.contains("checksum"), "{reason}");
    assert_eq!(graph.read_latest().count_nodes(None).unwrap(), 0);
}

#[test]
fn bad_batches_are_refused() {
    let graph = Graph::loopback(Arc::new(MemoryStore::new()), options()).unwrap();
    make_index(&graph);
    people(&graph);
    let mut loader = graph.bulk();
    let (person, id) = (loader.label_id("Person"), loader.key_id("id"));
    let knows = loader.type_id("KNOWS");
    let nobody = NodeId(1 << 40);
    let refused = loader.create_relationship(knows, nobody, nobody, vec![]);
    assert!(matches!(refused, Err(GraphError::NoSuchEnd(node)) if node == nobody));
    loader
        .create_node(&[person], vec![(id, Value::Int(5))])
        .unwrap();
    let refused = loader.commit(CommitInfo::default());
    assert!(matches!(
        refused,
        Err(CommitError::Graph(GraphError::NotUnique { .. }))
    ));
    let mut loader = graph.bulk();
    for _ in 0..2 {
        loader
            .create_node(&[person], vec![(id, Value::Int(-5))])
            .unwrap();
    }
    let refused = loader.commit(CommitInfo::default());
    assert!(matches!(
        refused,
        Err(CommitError::Graph(GraphError::NotUnique { .. }))
    ));
}

#[test]
fn a_batch_gives_way_to_a_commit_in_between_and_is_written_again() {
    let graph = Graph::loopback(Arc::new(MemoryStore::new()), options()).unwrap();
    let mut loader = graph.bulk();
    let person = loader.label_id("Person");
    loader.create_node(&[person], vec![]).unwrap();
    let transaction = graph.begin(Isolation::Serializable);
    transaction
        .create_node(Sequence::default(), &[], vec![])
        .unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    let committed = loader.commit(CommitInfo::default()).unwrap();
    assert_eq!(committed.version, Version(2));
    graph.verify().unwrap();
}
