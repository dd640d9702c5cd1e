//! Read images answer as rows do, at every version, whatever happens meanwhile, and once they are
//! warm nothing is read from the store.

#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code, reason = "the other histories use the rest")]
mod model;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use model::{Bench, History, Step};
use proptest::prelude::*;
use retrograph_graph::ids::{Direction, NodeId, RelationshipId, Version};
use retrograph_graph::kv::{
    Family, MemoryStore, OrderedStore, RowCursor, SortedFile, SortedFileWriter, StoreError,
    WriteBatch,
};
use retrograph_graph::value::Value;
use retrograph_graph::{
    Column, CommitInfo, Expansion, Genesis, Graph, GraphOptions, GraphRead, ImageMemory,
    ImageOptions, Isolation, ScanCursor, Sequence,
};

const SEQ: Sequence = Sequence(0);

#[derive(Default)]
struct InMemory {
    store: Option<Arc<MemoryStore>>,
}

impl Bench for InMemory {
    fn open(&mut self) -> Arc<dyn OrderedStore> {
        Arc::clone(self.store.get_or_insert_default()) as Arc<dyn OrderedStore>
    }

    fn crash(&mut self) {
        self.store = self.store.take().map(|store| Arc::new(store.crash()));
    }
}

#[derive(Clone, Debug)]
enum Happening {
    Step(Step),
    /// Reads every version, which makes pages wanted.
    Check,
    /// Builds what is wanted.
    Build,
    /// Builds everything of the present.
    Warm,
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let byte = any::<u8>;
    prop_oneof![
        6 => (byte(), byte()).prop_map(|(labels, value)| Step::CreateNode { labels, value }),
        9 => (byte(), byte(), byte(), byte()).prop_map(|(start, end, type_id, value)| {
            Step::CreateRelationship { start, end, type_id, value }
        }),
        4 => byte().prop_map(|relationship| Step::Recreate { relationship }),
        8 => (byte(), byte(), byte())
            .prop_map(|(node, key, value)| Step::SetNode { node, key, value }),
        4 => (byte(), byte(), byte()).prop_map(|(relationship, key, value)| {
            Step::SetRelationship { relationship, key, value }
        }),
        3 => (byte(), byte()).prop_map(|(node, label)| Step::AddLabel { node, label }),
        3 => (byte(), byte()).prop_map(|(node, label)| Step::RemoveLabel { node, label }),
        5 => byte().prop_map(|relationship| Step::DeleteRelationship { relationship }),
        2 => byte().prop_map(|node| Step::DeleteNode { node }),
        14 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        2 => (byte(), byte()).prop_map(|(label, key)| Step::CreateIndex { label, key }),
        1 => Just(Step::DropIndex),
        1 => Just(Step::Crash),
        1 => Just(Step::Flush),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        20 => step().prop_map(Happening::Step),
        1 => Just(Happening::Check),
        2 => Just(Happening::Build),
        1 => Just(Happening::Warm),
        1 => Just(Happening::Clear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn every_version_reads_the_same_from_images(
        happenings in prop::collection::vec(happening(), 1..140),
        segment_rows_min in 0_u32..4,
        misses in 1_u32..3,
        delta_rows in 0_u32..4,
        memory in prop_oneof![Just(1_usize << 30), Just(60_000), Just(5_000)],
    ) {
        let genesis = Genesis { segment_rows_min, ..Genesis::default() };
        let images = ImageOptions { memory: ImageMemory::new(memory), misses, delta_rows, background: false, ..ImageOptions::default() };
        let options = GraphOptions { genesis, images, ..GraphOptions::default() };
        let mut bench = InMemory::default();
        let mut history = History::with_options(&mut bench, options);
        for happening in &happenings {
            match happening {
                Happening::Step(step) => history.step(step),
                Happening::Check => history.check(),
                Happening::Build => history.graph().build_images().unwrap(),
                Happening::Warm => history.graph().warm().unwrap(),
                Happening::Clear => history.graph().clear_images(),
            }
        }
        history.step(&Step::Commit);
        // Rows make wishes, pages of intervals answer and make wishes for moments, moments answer.
        for _ in 0..4 {
            history.check();
            history.graph().build_images().unwrap();
        }
        history.check();
        if memory == 1 << 30 {
            prop_assert!(history.graph().image_statistics().built > 0);
        }
    }
}

/// A star: in version `v` the hub leads to the last `WIDTH` of the rim's nodes in turn.
const WIDTH: u64 = 10;
const RIM: u64 = 40;
const COMMITS: u64 = 400;

fn check_star(read: &GraphRead, hub: NodeId, rim: &[NodeId], first: u64) {
    let version = read.version().0;
    let turns = version - first;
    let catalog = read.catalog();
    let (to, key) = (
        catalog.relationship_type("TO").unwrap(),
        catalog.key("turn").unwrap(),
    );
    let label = catalog.label("Lit").unwrap();
    let mut expected: Vec<NodeId> = (turns.saturating_sub(WIDTH)..turns)
        .map(|turn| rim[(turn % RIM) as usize])
        .collect();
    expected.sort_unstable();
    let mut found = Vec::new();
    read.expand(hub, Some(Direction::Outgoing), &[to], |node, _, _| {
        found.push(node)
    })
    .unwrap();
    assert_eq!(found, expected, "version {version}");
    for node in rim {
        let lit = expected.contains(node);
        assert_eq!(
            read.degree(*node, Some(Direction::Incoming), &[]).unwrap(),
            u64::from(lit)
        );
    }
    let (mut cursor, mut lit) = (ScanCursor::default(), Vec::new());
    read.scan_label(label, &mut cursor, 1_000, &mut lit)
        .unwrap();
    assert_eq!(lit, expected, "version {version}");
    let mut column = Column::default();
    read.node_properties(rim, key, &mut column).unwrap();
    for at in 0..RIM {
        let last = (0..turns).rev().find(|turn| turn % RIM == at);
        let expected = last.map_or(Value::Null, |turn| Value::Int(turn as i64));
        assert!(
            column.get(at as usize).equivalent(&expected),
            "{at} in version {version}"
        );
    }
    let index = catalog
        .index_on(catalog.label("Rim").unwrap(), key)
        .unwrap();
    if let Some(turn) = turns.checked_sub(1) {
        let mut nodes = Vec::new();
        let value = Value::Int(turn as i64);
        read.seek_equal(index.id, &value, &mut ScanCursor::default(), 10, &mut nodes)
            .unwrap();
        assert_eq!(nodes, [rim[(turn % RIM) as usize]]);
    }
}

#[test]
fn readers_are_right_while_commits_are_applied_and_pages_replaced() {
    let images = ImageOptions {
        misses: 1,
        delta_rows: 4,
        ..ImageOptions::default()
    };
    let options = GraphOptions {
        images,
        ..GraphOptions::default()
    };
    let graph = Graph::loopback(Arc::new(MemoryStore::new()), options).unwrap();
    let transaction = graph.begin(Isolation::Snapshot);
    let label = transaction.label_id("Rim").unwrap();
    let key = transaction.key_id("turn").unwrap();
    // Names become part of the graph with their first use.
    let turn = vec![(key, Value::Int(-1))];
    let hub = transaction.create_node(SEQ, &[], turn).unwrap();
    let node = |_| transaction.create_node(SEQ, &[label], vec![]).unwrap();
    let rim: Vec<NodeId> = (0..RIM).map(node).collect();
    transaction.commit(CommitInfo::default()).unwrap();
    let transaction = graph.begin(Isolation::Snapshot);
    transaction.create_index("turns", label, key).unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    let transaction = graph.begin(Isolation::Snapshot);
    let (to, lit) = (
        transaction.type_id("TO").unwrap(),
        transaction.label_id("Lit").unwrap(),
    );
    let loose = transaction
        .create_node(SEQ, &[lit], vec![(key, Value::Int(0))])
        .unwrap();
    let id = transaction
        .create_relationship(SEQ, to, loose, loose, vec![])
        .unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    let transaction = graph.begin(Isolation::Snapshot);
    transaction.delete_relationship(SEQ, id).unwrap();
    transaction.delete_node(SEQ, loose).unwrap();
    let first = transaction.commit(CommitInfo::default()).unwrap().version.0;

    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for reader in 0..3_u64 {
            let (graph, rim, done) = (&graph, &rim, &done);
            scope.spawn(move || {
                let mut random = reader;
                while !done.load(Ordering::Relaxed) {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    check_star(&graph.read_latest(), hub, rim, first);
                    let back = (random >> 33) % (graph.latest().0 - first + 1);
                    let past = graph.read_at(Version(graph.latest().0.max(first + back) - back));
                    check_star(&past.unwrap(), hub, rim, first);
                }
            });
        }
        let mut links: Vec<RelationshipId> = Vec::new();
        for turn in 0..COMMITS {
            let transaction = graph.begin(Isolation::Snapshot);
            let node = rim[(turn % RIM) as usize];
            links.push(
                transaction
                    .create_relationship(SEQ, to, hub, node, vec![])
                    .unwrap(),
            );
            transaction
                .set_property(SEQ, node.into(), key, Value::Int(turn as i64))
                .unwrap();
            transaction.add_labels(SEQ, node, &[lit]).unwrap();
            if let Some(old) = turn.checked_sub(WIDTH) {
                transaction
                    .delete_relationship(SEQ, links[old as usize])
                    .unwrap();
                transaction
                    .remove_labels(SEQ, rim[(old % RIM) as usize], &[lit])
                    .unwrap();
            }
            transaction.commit(CommitInfo::default()).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    check_star(&graph.read_latest(), hub, &rim, first);
    assert!(graph.image_statistics().built > 0);
}

/// A graph whose pages are built after one miss, when they are asked for.
fn eager(store: Arc<impl OrderedStore + 'static>, memory: ImageMemory) -> Arc<Graph> {
    let images = ImageOptions {
        memory,
        misses: 1,
        background: false,
        ..ImageOptions::default()
    };
    let options = GraphOptions {
        images,
        ..GraphOptions::default()
    };
    Graph::loopback(store, options).unwrap()
}

/// A store that counts how often it is asked.
struct Counting {
    store: MemoryStore,
    asked: AtomicU64,
}

impl OrderedStore for Counting {
    fn get_with(
        &self,
        family: Family,
        key: &[u8],
        read: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.store.get_with(family, key, read)
    }

    fn scan(
        &self,
        family: Family,
        lower: &[u8],
        upper: &[u8],
        reverse: bool,
    ) -> Result<Box<dyn RowCursor + '_>, StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.store.scan(family, lower, upper, reverse)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        self.store.write(batch)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.store.flush()
    }

    fn write_sorted(
        &self,
        family: Family,
        path: &Path,
    ) -> Result<Box<dyn SortedFileWriter + '_>, StoreError> {
        self.store.write_sorted(family, path)
    }

    fn ingest(&self, files: &[SortedFile]) -> Result<(), StoreError> {
        self.store.ingest(files)
    }

    fn compact(&self, family: Family) -> Result<(), StoreError> {
        self.store.compact(family)
    }

    fn directory(&self) -> Option<&Path> {
        self.store.directory()
    }

    fn approximate_size(
        &self,
        family: Family,
        lower: &[u8],
        upper: &[u8],
    ) -> Result<u64, StoreError> {
        self.store.approximate_size(family, lower, upper)
    }
}

/// One read of every kind.
fn read_everything(read: &GraphRead, people: &[NodeId]) -> usize {
    let catalog = read.catalog();
    let label = catalog.label("Person").unwrap();
    let key = catalog.key("id").unwrap();
    let knows = catalog.relationship_type("KNOWS").unwrap();
    let index = catalog.index_on(label, key).unwrap();
    let mut found = Vec::new();
    let cursor = &mut ScanCursor::default();
    read.seek_equal(index.id, &Value::Int(7), cursor, 10, &mut found)
        .unwrap();
    assert_eq!(found, [people[7]]);
    assert!(
        read.property(found[0].into(), key)
            .unwrap()
            .equivalent(&Value::Int(7))
    );
    assert_eq!(read.node(people[7]).unwrap().unwrap().labels(), [label]);
    assert_eq!(read.labels_of(people[7]).unwrap().unwrap(), [label]);
    assert!(read.node_exists(people[7]).unwrap());
    assert!(read.has_label(people[7], label).unwrap());
    let mut ids = Vec::new();
    for direction in [None, Some(Direction::Outgoing), Some(Direction::Incoming)] {
        read.expand(people[7], direction, &[knows], |_, id, _| ids.push(id))
            .unwrap();
        read.expand_into(people[7], direction, &[], people[8], |_, id, _| {
            ids.push(id)
        })
        .unwrap();
        read.degree(people[7], direction, &[]).unwrap();
        let mut out = Expansion::default();
        read.expand_batch(people, direction, &[], true, usize::MAX, &mut out)
            .unwrap();
        assert!(!out.is_empty());
    }
    assert!(read.ends(ids[0]).unwrap().is_some());
    assert!(read.relationship(ids[0]).unwrap().is_some());
    let mut nodes = Vec::new();
    read.scan_label(label, &mut ScanCursor::default(), 1_000, &mut nodes)
        .unwrap();
    assert_eq!(nodes, people);
    let mut column = Column::default();
    read.node_properties(&nodes, key, &mut column).unwrap();
    assert!(matches!(&column, Column::Int { values, nulls: None } if values.len() == nodes.len()));
    read.relationship_properties(&ids, key, &mut column)
        .unwrap();
    read.count_nodes(Some(label)).unwrap() as usize
}

#[test]
fn warm_reads_do_not_touch_the_store() {
    let store = Arc::new(Counting {
        store: MemoryStore::new(),
        asked: AtomicU64::new(0),
    });
    let graph = eager(Arc::clone(&store), ImageMemory::default());
    let transaction = graph.begin(Isolation::Snapshot);
    let label = transaction.label_id("Person").unwrap();
    let key = transaction.key_id("id").unwrap();
    let knows = transaction.type_id("KNOWS").unwrap();
    let person = |id: i64| {
        transaction
            .create_node(SEQ, &[label], vec![(key, Value::Int(id))])
            .unwrap()
    };
    let people: Vec<NodeId> = (0..100).map(person).collect();
    for (at, person) in people.iter().enumerate() {
        for step in 1..4 {
            let other = people[(at + step) % people.len()];
            transaction
                .create_relationship(SEQ, knows, *person, other, vec![])
                .unwrap();
        }
    }
    transaction.commit(CommitInfo::default()).unwrap();
    let transaction = graph.begin(Isolation::Snapshot);
    transaction.create_index("ids", label, key).unwrap();
    let indexed = transaction.commit(CommitInfo::default()).unwrap().version;

    let asked = |read: &GraphRead| {
        let before = store.asked.load(Ordering::Relaxed);
        read_everything(read, &people);
        store.asked.load(Ordering::Relaxed) - before
    };
    assert!(asked(&graph.read_latest()) > 0);
    graph.warm().unwrap();
    read_everything(&graph.read_latest(), &people);
    assert_eq!(asked(&graph.read_latest()), 0);

    // Later commits do not make pages stale.
    let transaction = graph.begin(Isolation::Snapshot);
    transaction
        .set_property(SEQ, people[9].into(), key, Value::Int(1_000))
        .unwrap();
    transaction
        .create_relationship(SEQ, knows, people[7], people[9], vec![])
        .unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    assert_eq!(asked(&graph.read_latest()), 0);
    assert_eq!(asked(&graph.read_at(indexed).unwrap()), 0);

    // The past is warm after it has been asked for.
    graph.clear_images();
    graph.warm().unwrap();
    assert!(asked(&graph.read_at(indexed).unwrap()) > 0);
    graph.build_images().unwrap();
    // Dated counts are not remembered.
    assert_eq!(asked(&graph.read_at(indexed).unwrap()), 1);
}

#[test]
fn a_version_that_is_read_often_gets_pages_of_its_own() {
    let graph = eager(Arc::new(MemoryStore::new()), ImageMemory::default());
    let transaction = graph.begin(Isolation::Snapshot);
    let knows = transaction.type_id("KNOWS").unwrap();
    let key = transaction.key_id("k").unwrap();
    let node = transaction
        .create_node(SEQ, &[], vec![(key, Value::Int(1))])
        .unwrap();
    transaction
        .create_relationship(SEQ, knows, node, node, vec![])
        .unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    graph.warm().unwrap();
    let old = graph.read_latest();
    let transaction = graph.begin(Isolation::Snapshot);
    transaction
        .create_relationship(SEQ, knows, node, node, vec![])
        .unwrap();
    transaction
        .set_property(SEQ, node.into(), key, Value::Int(2))
        .unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    let transaction = graph.begin(Isolation::Snapshot);
    transaction
        .set_property(SEQ, node.into(), key, Value::Int(3))
        .unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    let read = |times: usize| {
        for _ in 0..times {
            assert_eq!(
                old.degree(node, Some(Direction::Outgoing), &[knows])
                    .unwrap(),
                1
            );
            let mut column = Column::default();
            old.node_properties(&[node], key, &mut column).unwrap();
            assert!(column.get(0).equivalent(&Value::Int(1)));
        }
        let before = graph.image_statistics().built;
        graph.build_images().unwrap();
        graph.image_statistics().built - before
    };
    assert_eq!(read(10), 0);
    assert_eq!(read(60), 2);
    assert_eq!(read(200), 0, "the pages of the moment answer");
}

#[test]
fn a_bulk_batch_is_seen_through_warm_pages() {
    let directory = tempfile::tempdir().unwrap();
    let options = retrograph_graph::kv::RocksOptions::default();
    let store = retrograph_graph::kv::RocksStore::open(directory.path(), &options).unwrap();
    let graph = Graph::loopback(Arc::new(store), GraphOptions::default()).unwrap();
    let mut people = Vec::new();
    for batch in 0..3 {
        let mut loader = graph.bulk();
        let label = loader.label_id("Person");
        let (key, knows) = (loader.key_id("id"), loader.type_id("KNOWS"));
        for number in 0..10 {
            let id = Value::Int(batch * 10 + number);
            people.push(loader.create_node(&[label], vec![(key, id)]).unwrap());
        }
        let other = people[people.len() - 2];
        loader
            .create_relationship(knows, people[0], other, vec![])
            .unwrap();
        loader.commit(CommitInfo::default()).unwrap();
        let read = graph.read_latest();
        let mut found = Vec::new();
        read.scan_label(label, &mut ScanCursor::default(), 1_000, &mut found)
            .unwrap();
        assert_eq!(found, people);
        let mut column = Column::default();
        read.node_properties(&people, key, &mut column).unwrap();
        for at in 0..people.len() {
            assert!(column.get(at).equivalent(&Value::Int(at as i64)));
        }
        let out = Some(Direction::Outgoing);
        assert_eq!(
            read.degree(people[0], out, &[knows]).unwrap(),
            batch as u64 + 1
        );
        assert_eq!(read.count_nodes(Some(label)).unwrap(), people.len() as u64);
        graph.warm().unwrap();
    }
}

#[test]
fn graphs_that_share_memory_let_go_of_what_was_used_least_lately_in_any_of_them() {
    let filled = |memory: ImageMemory| -> Arc<Graph> {
        let graph = eager(Arc::new(MemoryStore::new()), memory);
        let transaction = graph.begin(Isolation::Snapshot);
        let key = transaction.key_id("k").unwrap();
        for value in 0..5_000 {
            let value = vec![(key, Value::Int(value))];
            transaction.create_node(SEQ, &[], value).unwrap();
        }
        transaction.commit(CommitInfo::default()).unwrap();
        graph
    };
    // Asks for the same pages, has them built if they are missing, and says how many were.
    let use_column = |graph: &Arc<Graph>| {
        let read = graph.read_latest();
        let key = read.catalog().key("k").unwrap();
        let mut column = Column::default();
        for node in [NodeId(1), NodeId(4_500)] {
            read.node_properties(&[node], key, &mut column).unwrap();
        }
        let before = graph.image_statistics().built;
        graph.build_images().unwrap();
        graph.image_statistics().built - before
    };

    let alone = filled(ImageMemory::default());
    assert!(use_column(&alone) > 0);
    let page_bytes = alone.image_statistics().bytes;
    let memory = ImageMemory::new(page_bytes * 5 / 2);
    let graphs = [(); 3].map(|()| filled(memory.clone()));
    for graph in &graphs {
        assert!(use_column(graph) > 0);
    }
    let total = || -> usize {
        let bytes = graphs.iter().map(|graph| graph.image_statistics().bytes);
        bytes.sum()
    };
    assert!(total() <= memory.bytes_max());
    assert!(graphs[0].image_statistics().evicted > 0, "it was first");
    assert_eq!(graphs[2].image_statistics().evicted, 0, "it was last");
    assert!(graphs[2].image_statistics().bytes > 0);

    // A graph that is gone takes nothing any more.
    let [first, second, third] = graphs;
    drop((second, third));
    let left = first.image_statistics().bytes;
    first.warm().unwrap();
    assert!(first.image_statistics().bytes > left);
    assert!(first.image_statistics().bytes <= memory.bytes_max());
}

#[test]
fn a_page_of_the_past_holds_a_stretch_of_a_long_history_within_its_memory() {
    const TURNS: u64 = 1_500;
    let store = Arc::new(Counting {
        store: MemoryStore::new(),
        asked: AtomicU64::new(0),
    });
    let graph = eager(Arc::clone(&store), ImageMemory::new(400_000));
    let transaction = graph.begin(Isolation::Snapshot);
    let key = transaction.key_id("turn").unwrap();
    let node = || transaction.create_node(SEQ, &[], vec![]).unwrap();
    let nodes = [node(), node(), node()];
    let first = transaction.commit(CommitInfo::default()).unwrap().version.0;
    for turn in 1..=TURNS {
        let transaction = graph.begin(Isolation::Snapshot);
        // The one in the middle changes but once.
        for node in [nodes[0], nodes[2]] {
            let value = Value::Int(turn as i64);
            transaction
                .set_property(SEQ, node.into(), key, value)
                .unwrap();
        }
        if turn == 7 {
            let value = Value::Int(-1);
            transaction
                .set_property(SEQ, nodes[1].into(), key, value)
                .unwrap();
        }
        transaction.commit(CommitInfo::default()).unwrap();
    }
    let check = |turn: u64| {
        let read = graph.read_at(Version(first + turn)).unwrap();
        let before = store.asked.load(Ordering::Relaxed);
        let middle = if turn < 7 {
            Value::Null
        } else {
            Value::Int(-1)
        };
        let expected = [Value::Int(turn as i64), middle, Value::Int(turn as i64)];
        for (node, expected) in nodes.iter().zip(expected) {
            let found = read.property((*node).into(), key).unwrap();
            assert!(found.equivalent(&expected), "{node:?} at {turn}: {found:?}");
        }
        store.asked.load(Ordering::Relaxed) - before
    };
    for turn in [1, 2, 700, 750, TURNS / 3, TURNS - 200, 3, TURNS] {
        check(turn);
        graph.build_images().unwrap();
        assert_eq!(check(turn), 0, "the page answers {turn}");
        check(turn.saturating_sub(40).max(1));
    }
    assert!(graph.image_statistics().bytes <= 400_000);
    graph.clear_images();
    check(700);
    graph.build_images().unwrap();
    assert!(
        check(1) > 0 && check(TURNS - 1) > 0,
        "no page holds everything"
    );
}
