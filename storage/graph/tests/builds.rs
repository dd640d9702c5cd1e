//! Indexes built in steps, while others write: what they end up with, and what stops them.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use retrograph_graph::ids::{IndexId, KeyId, LabelId, NodeId, TypeId, Version};
use retrograph_graph::kv::{Family, MemoryStore};
use retrograph_graph::replicate::Loopback;
use retrograph_graph::rows::meta::{Statistic, read_integer};
use retrograph_graph::rows::{prefix_end, property_prefix, rule_prefix};
use retrograph_graph::value::Value;
use retrograph_graph::{
    AwaitError, Build, CommitInfo, FULLTEXT_KEYS_MAX, Fulltext, Graph, GraphError, GraphOptions,
    GraphRead, IndexSort, Isolation, RuleKind, ScanCursor, Sequence, StepBounds, Target,
    Transaction,
};

const SEQ: Sequence = Sequence(1);

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// Builds nothing by itself.
fn by_hand() -> GraphOptions {
    GraphOptions {
        index_builder: Some(Arc::new(|| ())),
        ..GraphOptions::default()
    }
}

fn few(elements: u32) -> StepBounds {
    StepBounds {
        elements,
        ..StepBounds::default()
    }
}

struct People {
    graph: Arc<Graph>,
    person: LabelId,
    age: KeyId,
}

impl People {
    fn new(count: i64) -> Self {
        Self::on(
            Graph::loopback(Arc::new(MemoryStore::new()), by_hand()).unwrap(),
            count,
        )
    }

    fn on(graph: Arc<Graph>, count: i64) -> Self {
        let transaction = graph.begin(Isolation::Serializable);
        let person = transaction.label_id("Person").unwrap();
        let age = transaction.key_id("age").unwrap();
        for number in 0..count {
            let properties = vec![(age, Value::Int(number % 10))];
            transaction.create_node(SEQ, &[person], properties).unwrap();
        }
        transaction.commit(CommitInfo::default()).unwrap();
        Self { graph, person, age }
    }

    fn begin(&self) -> Transaction {
        self.graph.begin(Isolation::Serializable)
    }

    fn add(&self, value: Value) -> Result<NodeId, GraphError> {
        let transaction = self.begin();
        let node = transaction.create_node(SEQ, &[self.person], vec![(self.age, value)])?;
        transaction.check_statement()?;
        transaction.commit(CommitInfo::default()).unwrap();
        Ok(node)
    }

    fn create_index(&self) -> IndexId {
        let transaction = self.begin();
        let id = transaction
            .create_index("by_age", self.person, self.age)
            .unwrap();
        transaction.commit(CommitInfo::default()).unwrap();
        id
    }

    fn drop_index(&self) {
        let transaction = self.begin();
        transaction.drop_index("by_age").unwrap();
        transaction.commit(CommitInfo::default()).unwrap();
    }

    fn state(&self) -> Build {
        let read = self.graph.read_latest();
        let index = &read.catalog().indexes()[0];
        index.build.unwrap()
    }

    fn covers_from(&self) -> Version {
        self.graph.read_latest().catalog().indexes()[0].covers_from
    }

    fn row_count(&self) -> usize {
        let prefix = property_prefix(self.person, self.age);
        let store = self.graph.store();
        let end = prefix_end(&prefix);
        let mut cursor = store.scan(Family::Index, &prefix, &end, false).unwrap();
        let mut count = 0;
        while cursor.valid() {
            count += 1;
            cursor.next();
        }
        count
    }

    /// Compares what the index says at a version with what the nodes say.
    fn check_at(&self, version: Version) {
        let read = self.graph.read_at(version).unwrap();
        let index = read.catalog().index_on(self.person, self.age).unwrap().id;
        for wanted in 0..10 {
            let wanted = Value::Int(wanted);
            let mut expected = BTreeSet::new();
            for node in self.scan(&read) {
                let age = read.property(node.into(), self.age).unwrap();
                if age.equivalent(&wanted) {
                    expected.insert(node);
                }
            }
            let (mut cursor, mut found) = (ScanCursor::default(), Vec::new());
            while !cursor.is_done() {
                read.seek_equal(index, &wanted, &mut cursor, 100, &mut found)
                    .unwrap();
            }
            assert_eq!(
                found.into_iter().collect::<BTreeSet<_>>(),
                expected,
                "at {version}"
            );
        }
    }

    fn scan(&self, read: &GraphRead) -> Vec<NodeId> {
        let (mut cursor, mut nodes) = (ScanCursor::default(), Vec::new());
        while !cursor.is_done() {
            read.scan_label(self.person, &mut cursor, 100, &mut nodes)
                .unwrap();
        }
        nodes
    }
}

#[test]
fn a_populating_index_is_used_by_nobody_and_answers_from_the_last_step_on() {
    let people = People::new(25);
    let id = people.create_index();
    let created = people.graph.latest();
    assert_eq!(people.state(), Build::START);
    assert_eq!(people.graph.index_builds()[0].done, 0.0);
    for done in [0.4, 0.8] {
        assert!(people.graph.build_step(few(10)).unwrap());
        let read = people.graph.read_latest();
        assert!(read.catalog().index_on(people.person, people.age).is_none());
        let seek = read.seek_range(
            id,
            Bound::Unbounded,
            Bound::Unbounded,
            &mut ScanCursor::default(),
            10,
            &mut Vec::new(),
        );
        assert!(matches!(seek, Err(GraphError::IndexNotCovering { .. })));
        assert!(read.estimates().indexes.is_empty());
        let builds = people.graph.index_builds();
        assert!((builds[0].done - done).abs() < 1e-9);
        assert!(!people.graph.await_index(None, Duration::ZERO).unwrap());
        assert!(
            !people
                .graph
                .await_index(Some("by_age"), Duration::ZERO)
                .unwrap()
        );
    }
    let node = people.add(Value::Int(3)).unwrap();
    let latest = people.graph.latest();
    // The rest, then the end.
    assert!(people.graph.build_step(few(10)).unwrap());
    assert!(!people.graph.build_step(few(10)).unwrap());
    assert!(people.graph.index_builds().is_empty());
    assert_eq!(people.covers_from(), latest);
    assert!(created < latest);
    let before = people.graph.read_at(created).unwrap();
    assert!(
        before
            .catalog()
            .index_on(people.person, people.age)
            .is_none()
    );
    people.check_at(latest);
    let transaction = people.begin();
    transaction.delete_node(SEQ, node).unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    people.check_at(people.graph.latest());
    people.check_at(latest);
    assert!(people.graph.await_index(None, Duration::ZERO).unwrap());
    assert!(
        people
            .graph
            .await_index(Some("by_age"), Duration::ZERO)
            .unwrap()
    );
    let none = people.graph.await_index(Some("none"), Duration::ZERO);
    assert!(matches!(none, Err(AwaitError::NoSuchIndex(_))));
    people.graph.verify().unwrap();
}

#[test]
fn steps_move_the_plans_only_at_their_end() {
    let people = People::new(25);
    people.create_index();
    let epoch = people.graph.schema_epoch();
    assert!(people.graph.build_step(few(10)).unwrap());
    assert_eq!(people.graph.schema_epoch(), epoch);
    people.graph.build_indexes(|| true).unwrap();
    assert!(people.graph.schema_epoch() > epoch);
}

#[test]
fn an_index_built_while_threads_write_has_the_rows_of_the_nodes() {
    let people = Arc::new(People::new(300));
    let (stop, commits) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for seed in 0..3_u64 {
            let (people, stop, commits) = (&people, &stop, &commits);
            scope.spawn(move || {
                let mut random = Random(seed);
                let mut next = move |bound| random.below(bound);
                while !stop.load(Ordering::Relaxed) {
                    let transaction = people.graph.begin(Isolation::Snapshot);
                    let nodes = people.scan(&transaction.read());
                    let node = nodes[next(nodes.len())];
                    let age = Value::Int(next(10) as i64);
                    let label = [people.person];
                    let wrote = match next(6) {
                        0 => transaction
                            .create_node(SEQ, &label, vec![(people.age, age)])
                            .map(drop),
                        1 if nodes.len() > 100 => transaction.delete_node(SEQ, node),
                        2 => transaction.remove_labels(SEQ, node, &label),
                        3 => transaction.set_property(SEQ, node.into(), people.age, Value::Null),
                        _ => transaction.set_property(SEQ, node.into(), people.age, age),
                    };
                    // Another may have been there first.
                    if wrote.is_ok() && transaction.commit(CommitInfo::default()).is_ok() {
                        commits.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let some_commits = || {
            let goal = commits.load(Ordering::Relaxed) + 20;
            while commits.load(Ordering::Relaxed) < goal {
                std::thread::yield_now();
            }
        };
        for _ in 0..3 {
            some_commits();
            people.create_index();
            // Two that build at once do no harm.
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| while people.graph.build_step(few(9)).unwrap() {});
                }
            });
            some_commits();
            let latest = people.graph.latest();
            let mut version = people.covers_from();
            while version <= latest {
                people.check_at(version);
                version = Version(version.0 + 7);
            }
            let count = people.graph.read_latest().estimates();
            assert_eq!(count.indexes.len(), 1);
            people.drop_index();
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(people.row_count(), 0);
}

#[test]
fn a_dropped_index_is_built_no_further_and_one_like_it_starts_anew() {
    let people = People::new(25);
    people.create_index();
    assert!(people.graph.build_step(few(10)).unwrap());
    assert_eq!(people.row_count(), 10);
    people.drop_index();
    assert_eq!(people.row_count(), 0);
    assert!(!people.graph.build_step(few(10)).unwrap());
    people.create_index();
    assert_eq!(people.state(), Build::START);
    people.graph.build_indexes(|| true).unwrap();
    assert_eq!(people.row_count(), 25);
    people.check_at(people.graph.latest());
}

#[test]
fn a_build_goes_on_after_a_crash_where_it_stood() {
    for is_flushed in [false, true] {
        let (store, log) = (Arc::new(MemoryStore::new()), Loopback::new());
        let graph = Arc::new(Graph::open(store.clone(), by_hand()).unwrap());
        log.attach(&graph).unwrap();
        let people = People::on(graph, 25);
        people.create_index();
        assert!(people.graph.build_step(few(10)).unwrap());
        if is_flushed {
            people.graph.flush().unwrap();
        }
        assert!(people.graph.build_step(few(5)).unwrap());
        let stood = people.state();
        let (person, age) = (people.person, people.age);
        drop(people);

        let store = Arc::new(store.crash());
        let woken = Arc::new(AtomicBool::new(false));
        let wakes = Arc::clone(&woken);
        let options = GraphOptions {
            index_builder: Some(Arc::new(move || wakes.store(true, Ordering::Relaxed))),
            ..GraphOptions::default()
        };
        let graph = Arc::new(Graph::open(store, options).unwrap());
        log.attach(&graph).unwrap();
        assert!(woken.load(Ordering::Relaxed));
        let people = People { graph, person, age };
        assert_eq!(people.state(), stood);
        assert!(matches!(stood, Build::Populating { visited: 15, .. }));
        people.graph.build_indexes(|| true).unwrap();
        people.check_at(people.graph.latest());
        assert_eq!(people.row_count(), 25);
    }
}

#[test]
fn a_value_too_long_ends_the_build_and_the_index_waits_to_be_dropped() {
    let people = People::new(25);
    let long = people.add(Value::string("x".repeat(20_000))).unwrap();
    people.create_index();
    // From now on such values are refused, which those before it were not.
    assert!(matches!(
        people.add(Value::string("y".repeat(20_000))),
        Err(GraphError::IndexedValueTooLong { .. })
    ));
    people.graph.build_indexes(|| true).unwrap();
    assert!(matches!(people.state(), Build::Failed { element, .. } if element == long.0));
    assert_eq!(people.row_count(), 0);
    let failure = people.graph.index_builds()[0].failure.clone().unwrap();
    assert!(
        failure.contains(&format!("age of node {long}")),
        "{failure}"
    );
    assert!(people.graph.await_index(None, Duration::ZERO).unwrap());
    let failed = people.graph.await_index(Some("by_age"), Duration::ZERO);
    assert!(matches!(failed, Err(AwaitError::Failed { .. })));
    // It hinders nobody.
    people.add(Value::string("y".repeat(20_000))).unwrap();
    people.add(Value::Int(1)).unwrap();
    assert_eq!(people.row_count(), 0);
    people.drop_index();
    assert!(people.graph.index_builds().is_empty());
    people.graph.verify().unwrap();
}

#[test]
fn a_value_that_was_too_long_before_refuses_no_other_write() {
    let people = People::new(3);
    let long = people.add(Value::string("x".repeat(20_000))).unwrap();
    let begin = || people.begin();
    let other = begin().key_id("other").unwrap();
    let pet = {
        let transaction = begin();
        let pet = transaction.label_id("Pet").unwrap();
        transaction.add_labels(SEQ, long, &[pet]).unwrap();
        transaction.commit(CommitInfo::default()).unwrap();
        pet
    };
    people.create_index();
    let transaction = begin();
    transaction
        .create_rule(
            "by_both",
            vec![Target::Label(pet)],
            vec![people.age],
            RuleKind::Index(IndexSort::Text),
        )
        .unwrap();
    transaction.commit(CommitInfo::default()).unwrap();

    let set = |key, value| {
        let transaction = begin();
        transaction.set_property(SEQ, long.into(), key, value)?;
        transaction.check_statement()?;
        transaction.commit(CommitInfo::default()).unwrap();
        Ok(())
    };
    // The value stays, so the write is none of the indexes' business.
    set(other, Value::Int(1)).unwrap();
    // Another one is, and so is a label that brings the value into an index.
    let refused: Result<(), GraphError> = set(people.age, Value::string("y".repeat(20_000)));
    assert!(matches!(
        refused,
        Err(GraphError::IndexedValueTooLong { .. } | GraphError::ConstrainedValueTooLong { .. })
    ));
    let transaction = begin();
    let stray = transaction
        .create_node(
            SEQ,
            &[],
            vec![(people.age, Value::string("z".repeat(20_000)))],
        )
        .unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    for label in [people.person, pet] {
        let transaction = begin();
        transaction.add_labels(SEQ, stray, &[label]).unwrap();
        assert!(transaction.check_statement().is_err());
    }
    // The builds find the value and fail; then nothing is refused.
    people.graph.build_indexes(|| true).unwrap();
    assert!(matches!(people.state(), Build::Failed { element, .. } if element == long.0));
    set(people.age, Value::string("y".repeat(20_000))).unwrap();
}

#[test]
fn an_index_is_on_so_many_properties_at_most() {
    let people = People::new(1);
    for (count, fits) in [(FULLTEXT_KEYS_MAX, true), (FULLTEXT_KEYS_MAX + 1, false)] {
        for sort in [
            IndexSort::Fulltext(Fulltext::new(None, false)),
            IndexSort::Range,
        ] {
            let transaction = people.begin();
            let keys = (0..count).map(|key| transaction.key_id(&format!("key{key}")).unwrap());
            let made = transaction.create_rule(
                &format!("{} {count}", sort.word()),
                vec![Target::Label(people.person)],
                keys.collect(),
                RuleKind::Index(sort),
            );
            match fits {
                true => {
                    made.unwrap();
                    transaction.commit(CommitInfo::default()).unwrap();
                }
                false => assert!(matches!(
                    made,
                    Err(GraphError::TooManyProperties {
                        count: 65,
                        limit: 64,
                        ..
                    })
                )),
            }
        }
    }
}

#[test]
fn a_bulk_batch_amid_a_build_is_indexed_once() {
    let people = People::new(25);
    people.create_index();
    assert!(people.graph.build_step(few(10)).unwrap());
    let mut loader = people.graph.bulk();
    for number in 0..40 {
        let properties = vec![(people.age, Value::Int(number % 10))];
        loader.create_node(&[people.person], properties).unwrap();
    }
    loader.commit(CommitInfo::default()).unwrap();
    people.add(Value::Int(4)).unwrap();
    while people.graph.build_step(few(10)).unwrap() {}
    people.check_at(people.graph.latest());
    let read = people.graph.read_latest();
    let estimates = read.estimates();
    assert_eq!(estimates.indexes.values().next().unwrap().entries, 66);
    assert_eq!(people.row_count(), 66);
}

#[test]
fn without_a_builder_the_commit_that_creates_an_index_builds_it() {
    let graph = Graph::in_memory().unwrap();
    let people = People::on(graph, 25);
    people.create_index();
    assert_eq!(people.state(), Build::Complete);
    people.check_at(people.graph.latest());
}

/// Logs of programs that made every index with its commit.
#[test]
fn an_index_of_an_older_log_is_made_by_its_commit() {
    let log = Loopback::new();
    let graph = Arc::new(Graph::open(Arc::new(MemoryStore::new()), by_hand()).unwrap());
    log.attach(&graph).unwrap();
    let people = People::on(graph, 25);
    people.create_index();
    let name = b"\x06by_age";
    let older = Arc::new(Graph::open(Arc::new(MemoryStore::new()), by_hand()).unwrap());
    for (index, entry) in (1..).zip(log.entries()) {
        let mut entry = entry.to_vec();
        if let Some(at) = entry.windows(name.len()).position(|bytes| bytes == name) {
            assert_eq!(entry[at - 1], 2);
            entry[at - 1] = 0;
        }
        older.apply(index, &entry).unwrap();
    }
    let older = People {
        graph: older,
        ..people
    };
    let latest = older.graph.latest();
    let index = older.graph.read_latest().catalog().indexes()[0].clone();
    assert_eq!((index.build, index.covers_from), (None, latest));
    assert_eq!(older.row_count(), 25);
    older.check_at(latest);
}

/// Rules of every sort, built while elements change between the steps, have the rows and the counts
/// that they have when they are built at one go afterwards.
#[test]
fn rules_built_amid_changes_have_the_rows_of_those_built_afterwards() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let graph = Graph::loopback(Arc::new(MemoryStore::new()), by_hand()).unwrap();
        let names = Names::new(&graph);
        for _ in 0..30 {
            names.change(&graph, &mut random);
        }
        for (number, (targets, keys, kind)) in names.rules().into_iter().enumerate() {
            let transaction = graph.begin(Isolation::Serializable);
            let name = format!("rule_{number}");
            transaction.create_rule(&name, targets, keys, kind).unwrap();
            transaction.commit(CommitInfo::default()).unwrap();
            for _ in 0..random.below(4) {
                names.change(&graph, &mut random);
            }
        }
        while graph.build_step(few(1 + random.below(5) as u32)).unwrap() {
            for _ in 0..random.below(3) {
                names.change(&graph, &mut random);
            }
        }
        for _ in 0..10 {
            names.change(&graph, &mut random);
        }
        let amid: Vec<_> = names.dump(&graph);
        for number in 0..names.rules().len() {
            let transaction = graph.begin(Isolation::Serializable);
            transaction.drop_index(&format!("rule_{number}")).unwrap();
            transaction.commit(CommitInfo::default()).unwrap();
        }
        for (number, (targets, keys, kind)) in names.rules().into_iter().enumerate() {
            let transaction = graph.begin(Isolation::Serializable);
            let name = format!("rule_{number}");
            transaction.create_rule(&name, targets, keys, kind).unwrap();
            transaction.commit(CommitInfo::default()).unwrap();
        }
        graph.build_indexes(|| true).unwrap();
        let afterwards = names.dump(&graph);
        assert!(amid.iter().any(|(rows, _)| rows.len() > 10));
        assert_eq!(amid, afterwards, "seed {seed}");
        graph.verify().unwrap();
    }
}

/// A node that changes its label while an index on several labels is built is in the index, whether the
/// build had come by it or not, and can be changed and deleted afterwards.
#[test]
fn a_node_that_changes_its_label_amid_a_build_is_not_passed_by() {
    for steps in 0..8 {
        for in_one_commit in [true, false] {
            let graph = Graph::loopback(Arc::new(MemoryStore::new()), by_hand()).unwrap();
            let transaction = graph.begin(Isolation::Serializable);
            let labels = ["A", "B"].map(|name| transaction.label_id(name).unwrap());
            let key = transaction.key_id("text").unwrap();
            let mut nodes = Vec::new();
            for number in 0..6 {
                let label = labels[usize::from(number % 2 == 0)];
                let properties = vec![(key, Value::string("a graph"))];
                nodes.push(transaction.create_node(SEQ, &[label], properties).unwrap());
            }
            transaction.commit(CommitInfo::default()).unwrap();
            let transaction = graph.begin(Isolation::Serializable);
            let fulltext = IndexSort::Fulltext(Fulltext::new(None, false));
            let targets = labels.map(Target::Label).to_vec();
            transaction
                .create_rule("texts", targets, vec![key], RuleKind::Index(fulltext))
                .unwrap();
            transaction.commit(CommitInfo::default()).unwrap();
            for _ in 0..steps {
                graph.build_step(few(1)).unwrap();
            }
            for (number, node) in nodes.iter().enumerate() {
                let (old, new) = match number % 2 {
                    0 => (labels[1], labels[0]),
                    _ => (labels[0], labels[1]),
                };
                let mut transaction = graph.begin(Isolation::Serializable);
                transaction.add_labels(SEQ, *node, &[new]).unwrap();
                if !in_one_commit {
                    transaction.commit(CommitInfo::default()).unwrap();
                    transaction = graph.begin(Isolation::Serializable);
                }
                transaction.remove_labels(SEQ, *node, &[old]).unwrap();
                transaction.commit(CommitInfo::default()).unwrap();
            }
            graph.build_indexes(|| true).unwrap();
            graph.verify().unwrap();
            for node in nodes {
                let transaction = graph.begin(Isolation::Serializable);
                transaction.delete_node(SEQ, node).unwrap();
                transaction.commit(CommitInfo::default()).unwrap();
            }
            graph.verify().unwrap();
        }
    }
}

#[test]
fn the_smallest_steps_get_on() {
    let graph = Graph::loopback(Arc::new(MemoryStore::new()), by_hand()).unwrap();
    let names = Names::new(&graph);
    for (number, (targets, keys, kind)) in names.rules().into_iter().enumerate() {
        let transaction = graph.begin(Isolation::Serializable);
        let name = format!("rule_{number}");
        transaction.create_rule(&name, targets, keys, kind).unwrap();
        transaction.commit(CommitInfo::default()).unwrap();
    }
    let least = StepBounds {
        elements: 1,
        bytes: 0,
    };
    for _ in 0..100 {
        graph.build_step(least).unwrap();
    }
    assert!(graph.index_builds().is_empty());
}

#[test]
fn one_name_is_given_once_in_a_transaction() {
    let people = People::new(1);
    let transaction = people.begin();
    transaction
        .create_index("by_age", people.person, people.age)
        .unwrap();
    let targets = vec![Target::Label(people.person)];
    let other = transaction.key_id("other").unwrap();
    let kind = RuleKind::Index(IndexSort::Text);
    let again = transaction.create_rule("by_age", targets, vec![other], kind);
    assert!(matches!(again, Err(GraphError::SchemaExists { .. })));
}

struct Names {
    labels: [LabelId; 2],
    types: [TypeId; 2],
    keys: [KeyId; 2],
}

impl Names {
    fn new(graph: &Arc<Graph>) -> Self {
        let transaction = graph.begin(Isolation::Serializable);
        let names = Self {
            labels: ["A", "B"].map(|name| transaction.label_id(name).unwrap()),
            types: ["R", "S"].map(|name| transaction.type_id(name).unwrap()),
            keys: ["k", "l"].map(|name| transaction.key_id(name).unwrap()),
        };
        let all: Vec<_> = names.keys.map(|key| (key, Value::Int(1))).to_vec();
        let node = transaction.create_node(SEQ, &names.labels, all).unwrap();
        for type_id in names.types {
            transaction
                .create_relationship(SEQ, type_id, node, node, vec![])
                .unwrap();
        }
        transaction.commit(CommitInfo::default()).unwrap();
        names
    }

    fn rules(&self) -> Vec<(Vec<Target>, Vec<KeyId>, RuleKind)> {
        let labels = self.labels.map(Target::Label).to_vec();
        let types = self.types.map(Target::Type).to_vec();
        let keys = self.keys.to_vec();
        let fulltext = IndexSort::Fulltext(Fulltext::new(None, false));
        [
            (labels[..1].to_vec(), keys.clone(), IndexSort::Range),
            (types[1..].to_vec(), keys.clone(), IndexSort::Range),
            (labels[1..].to_vec(), keys[..1].to_vec(), IndexSort::Text),
            (labels, keys.clone(), fulltext),
            (types, keys, fulltext),
        ]
        .map(|(targets, keys, sort)| (targets, keys, RuleKind::Index(sort)))
        .to_vec()
    }

    fn value(random: &mut Random) -> Value {
        match random.below(4) {
            0 => Value::Null,
            1 => Value::Int(random.below(3) as i64),
            _ => Value::string(["a graph", "of trees", "a tree of graphs"][random.below(3)]),
        }
    }

    fn change(&self, graph: &Arc<Graph>, random: &mut Random) {
        let transaction = graph.begin(Isolation::Serializable);
        let read = transaction.read();
        let (mut cursor, mut nodes) = (ScanCursor::default(), Vec::new());
        read.scan_nodes(&mut cursor, 1_000, &mut nodes).unwrap();
        let (mut cursor, mut relationships) = (ScanCursor::default(), Vec::new());
        read.scan_relationships(&[], &mut cursor, 1_000, &mut relationships)
            .unwrap();
        let node = nodes[random.below(nodes.len())];
        let key = self.keys[random.below(2)];
        let label = [self.labels[random.below(2)]];
        let properties = self.keys.map(|key| (key, Self::value(random))).to_vec();
        match random.below(9) {
            0 | 1 => drop(transaction.create_node(SEQ, &label, properties).unwrap()),
            2 | 3 => {
                let (type_id, end) = (self.types[random.below(2)], nodes[0]);
                transaction
                    .create_relationship(SEQ, type_id, node, end, properties)
                    .unwrap();
            }
            4 => transaction.add_labels(SEQ, node, &label).unwrap(),
            5 => transaction.remove_labels(SEQ, node, &label).unwrap(),
            6 if !relationships.is_empty() => {
                let id = relationships[random.below(relationships.len())].0;
                transaction.delete_relationship(SEQ, id).unwrap();
            }
            7 if !relationships.is_empty() => {
                let id = relationships[random.below(relationships.len())].0;
                let value = Self::value(random);
                transaction
                    .set_property(SEQ, id.into(), key, value)
                    .unwrap();
            }
            _ => {
                let value = Self::value(random);
                transaction
                    .set_property(SEQ, node.into(), key, value)
                    .unwrap();
            }
        }
        transaction.commit(CommitInfo::default()).unwrap();
    }

    /// The rows of all rules without the number of their rule, and how many are counted.
    fn dump(&self, graph: &Arc<Graph>) -> Vec<(BTreeSet<Vec<u8>>, u64)> {
        let read = graph.read_latest();
        let rules = read.catalog().rules();
        assert!(rules.iter().all(|rule| rule.is_online()));
        let mut rules: Vec<_> = rules.iter().collect();
        rules.sort_by(|left, right| left.name.cmp(&right.name));
        let dump = rules.into_iter().map(|rule| {
            let prefix = rule_prefix(rule.id);
            let end = prefix_end(&prefix);
            let store = graph.store();
            let mut cursor = store.scan(Family::Index, &prefix, &end, false).unwrap();
            let mut rows = BTreeSet::new();
            while cursor.valid() {
                rows.insert(cursor.key()[prefix.len()..].to_vec());
                cursor.next();
            }
            let statistic = Statistic::Index(rule.id);
            let (first, end) = (statistic.prefix(), prefix_end(&statistic.prefix()));
            let cursor = store.scan(Family::Meta, &first, &end, true).unwrap();
            let count = match cursor.valid() {
                true => read_integer(cursor.value()).unwrap(),
                false => 0,
            };
            assert_eq!(count, rows.len() as u64, "{rule:?}");
            (rows, count)
        });
        dump.collect()
    }
}
