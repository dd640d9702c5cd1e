//! Vector indexes: every answer that calls itself exact is that of a naive loop, at every version, whatever
//! happens meanwhile; one that does not has right elements with right scores.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use retrograph_graph::ids::{ElementId, KeyId, LabelId, NodeId, TypeId, Version};
use retrograph_graph::kv::MemoryStore;
use retrograph_graph::value::Value;
use retrograph_graph::vector::{Shape, Similarity};
use retrograph_graph::{
    CommitError, CommitInfo, Found, Graph, GraphError, GraphOptions, GraphRead, ImageMemory,
    ImageOptions, IndexSort, Isolation, RuleDefinition, RuleKind, Sequence, Sought, Target,
    Transaction, VectorSettings,
};

const SEQ: Sequence = Sequence(0);

fn settings(similarity: Similarity) -> VectorSettings {
    VectorSettings {
        dimensions: 3,
        similarity,
        shape: Shape {
            connections: 8,
            candidates: 40,
        },
    }
}

/// Small pages that are built after the first miss, by hand.
fn graph(neighbours_from: usize) -> Arc<Graph> {
    let images = ImageOptions {
        misses: 1,
        delta_rows: 8,
        neighbours_from,
        background: false,
        ..ImageOptions::default()
    };
    let options = GraphOptions {
        images,
        ..GraphOptions::default()
    };
    Graph::loopback(Arc::new(MemoryStore::new()), options).unwrap()
}

fn create_index(
    graph: &Arc<Graph>,
    name: &str,
    target: Target,
    key: KeyId,
    similarity: Similarity,
) {
    let transaction = graph.begin(Isolation::Snapshot);
    let kind = RuleKind::Index(IndexSort::Vector(settings(similarity)));
    transaction
        .create_rule(name, vec![target], vec![key], kind)
        .unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
}

fn index(graph: &Arc<Graph>, name: &str) -> Arc<RuleDefinition> {
    let mut rules = graph.read_latest().catalog().rules().into_iter();
    rules.find(|rule| *rule.name == *name).unwrap()
}

fn search(
    read: &GraphRead,
    index: &RuleDefinition,
    vector: &[f32],
    count: usize,
    is_exact: bool,
) -> Found {
    let query = index
        .vector_settings()
        .unwrap()
        .query(vector.to_vec())
        .unwrap();
    let sought = Sought {
        query: &query,
        count,
        is_exact,
    };
    let found = read.nearest(index, &sought, &mut |_| Ok::<_, GraphError>(()));
    found.unwrap().unwrap()
}

/// What a version holds, as a test remembers it.
type State = BTreeMap<ElementId, Element>;

#[derive(Clone, Debug)]
struct Element {
    is_labelled: bool,
    value: Value,
}

fn naive(
    state: &State,
    is_wanted: impl Fn(&ElementId) -> bool,
    similarity: Similarity,
    vector: &[f32],
    count: usize,
) -> Vec<(ElementId, f64)> {
    let mut all: Vec<(ElementId, f64)> = Vec::new();
    for (id, element) in state {
        if !is_wanted(id) || !element.is_labelled {
            continue;
        }
        let Value::List(items) = &element.value else {
            continue;
        };
        let numbers: Option<Vec<f32>> = items
            .iter()
            .map(|item| match item {
                Value::Int(number) => Some(*number as f32),
                Value::Float(number) => Some(*number as f32),
                _ => None,
            })
            .collect();
        let Some(numbers) = numbers.filter(|numbers| numbers.len() == 3) else {
            continue;
        };
        let is_zero = numbers.iter().all(|number| *number == 0.0);
        if numbers.iter().any(|number| !number.is_finite())
            || (is_zero && similarity == Similarity::Cosine)
        {
            continue;
        }
        all.push((*id, similarity.score(&numbers, vector)));
    }
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(count);
    all
}

#[derive(Clone, Debug)]
enum Step {
    CreateNode {
        is_labelled: bool,
        value: u16,
    },
    CreateRelationship {
        start: u8,
        is_typed: bool,
        value: u16,
    },
    Set {
        element: u8,
        value: u16,
    },
    Label {
        node: u8,
        has: bool,
    },
    Delete {
        element: u8,
    },
    Commit,
    Rollback,
    Build,
    Clear,
    /// Asks at a version, with a vector, for so many.
    Ask {
        version: u8,
        vector: u8,
        count: u8,
    },
    /// Asks in a transaction that goes on.
    AskOwn {
        vector: u8,
        count: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let byte = any::<u8>;
    prop_oneof![
        6 => (prop::bool::weighted(0.8), any::<u16>())
            .prop_map(|(is_labelled, value)| Step::CreateNode { is_labelled, value }),
        4 => (byte(), prop::bool::weighted(0.8), any::<u16>())
            .prop_map(|(start, is_typed, value)| Step::CreateRelationship { start, is_typed, value }),
        6 => (byte(), any::<u16>()).prop_map(|(element, value)| Step::Set { element, value }),
        2 => (byte(), any::<bool>()).prop_map(|(node, has)| Step::Label { node, has }),
        2 => byte().prop_map(|element| Step::Delete { element }),
        5 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        2 => Just(Step::Build),
        1 => Just(Step::Clear),
        6 => (byte(), byte(), 1u8..12).prop_map(|(version, vector, count)| {
            Step::Ask { version, vector, count }
        }),
        2 => (byte(), 1u8..12).prop_map(|(vector, count)| Step::AskOwn { vector, count }),
    ]
}

/// Vectors on a small grid, so that many are equal, and some values that are none.
fn value_of(number: u16) -> Value {
    let part = |shift: u16| i64::from(number >> shift & 7) - 3;
    let items = vec![
        Value::Int(part(0)),
        Value::Float(part(3) as f64 / 2.0),
        Value::Int(part(6)),
    ];
    match number >> 12 {
        0 => Value::Null,
        1 => Value::string("no vector"),
        2 => Value::List(items[..2].to_vec().into()),
        3 => Value::List(vec![items[0].clone(), Value::string("x"), items[2].clone()].into()),
        4 => Value::List(vec![Value::Float(f64::NAN), items[1].clone(), items[2].clone()].into()),
        _ => Value::List(items.into()),
    }
}

fn vector_of(number: u8) -> [f32; 3] {
    let part = |shift: u8| f32::from(number >> shift & 3) - 1.25;
    [part(0), part(2), part(4)]
}

struct World {
    graph: Arc<Graph>,
    label: LabelId,
    type_id: TypeId,
    other: TypeId,
    key: KeyId,
    indexes: Vec<(Arc<RuleDefinition>, Similarity, bool)>,
    versions: Vec<(Version, State)>,
    state: State,
    transaction: Option<Transaction>,
}

impl World {
    fn new(neighbours_from: usize) -> Self {
        let graph = graph(neighbours_from);
        let transaction = graph.begin(Isolation::Snapshot);
        let label = transaction.label_id("L").unwrap();
        let type_id = transaction.type_id("T").unwrap();
        let other = transaction.type_id("O").unwrap();
        let key = transaction.key_id("v").unwrap();
        // Names come into the catalog with what uses them.
        let ends = [0, 1].map(|_| transaction.create_node(SEQ, &[label], vec![]).unwrap());
        for type_id in [type_id, other] {
            let properties = vec![(key, Value::Int(1))];
            transaction
                .create_relationship(SEQ, type_id, ends[0], ends[1], properties)
                .unwrap();
        }
        transaction.commit(CommitInfo::default()).unwrap();
        for (name, target, similarity) in [
            ("nodes", Target::Label(label), Similarity::Cosine),
            (
                "relationships",
                Target::Type(type_id),
                Similarity::Euclidean,
            ),
        ] {
            create_index(&graph, name, target, key, similarity);
        }
        let indexes = vec![
            (index(&graph, "nodes"), Similarity::Cosine, false),
            (index(&graph, "relationships"), Similarity::Euclidean, true),
        ];
        let state = State::new();
        Self {
            versions: vec![(graph.read_latest().version(), state.clone())],
            graph,
            label,
            type_id,
            other,
            key,
            indexes,
            state,
            transaction: None,
        }
    }

    fn open(&mut self) -> &Transaction {
        let graph = &self.graph;
        self.transaction
            .get_or_insert_with(|| graph.begin(Isolation::Snapshot))
    }

    fn pick(&self, number: u8, is_wanted: impl Fn(&ElementId) -> bool) -> Option<ElementId> {
        let all: Vec<ElementId> = self.state.keys().copied().filter(is_wanted).collect();
        all.get(usize::from(number) % all.len().max(1)).copied()
    }

    fn write(&mut self, step: &Step) {
        let (label, type_id, other, key) = (self.label, self.type_id, self.other, self.key);
        match *step {
            Step::CreateNode { is_labelled, value } => {
                let value = value_of(value);
                let labels: &[LabelId] = if is_labelled { &[label] } else { &[] };
                let id = self
                    .open()
                    .create_node(SEQ, labels, vec![(key, value.clone())])
                    .unwrap();
                self.state.insert(id.into(), Element { is_labelled, value });
            }
            Step::CreateRelationship {
                start,
                is_typed,
                value,
            } => {
                let Some(ElementId::Node(start)) =
                    self.pick(start, |id| matches!(id, ElementId::Node(_)))
                else {
                    return;
                };
                let value = value_of(value);
                let of = if is_typed { type_id } else { other };
                let id = self
                    .open()
                    .create_relationship(SEQ, of, start, start, vec![(key, value.clone())])
                    .unwrap();
                let element = Element {
                    is_labelled: is_typed,
                    value,
                };
                self.state.insert(id.into(), element);
            }
            Step::Set { element, value } => {
                let Some(id) = self.pick(element, |_| true) else {
                    return;
                };
                let value = value_of(value);
                self.open()
                    .set_property(SEQ, id, key, value.clone())
                    .unwrap();
                self.state.get_mut(&id).unwrap().value = value;
            }
            Step::Label { node, has } => {
                let Some(id) = self.pick(node, |id| matches!(id, ElementId::Node(_))) else {
                    return;
                };
                let ElementId::Node(node) = id else { return };
                match has {
                    true => self.open().add_labels(SEQ, node, &[label]).unwrap(),
                    false => self.open().remove_labels(SEQ, node, &[label]).unwrap(),
                }
                self.state.get_mut(&id).unwrap().is_labelled = has;
            }
            Step::Delete { element } => {
                let Some(id) = self.pick(element, |id| matches!(id, ElementId::Relationship(_)))
                else {
                    return;
                };
                let ElementId::Relationship(relationship) = id else {
                    return;
                };
                self.open().delete_relationship(SEQ, relationship).unwrap();
                self.state.remove(&id);
            }
            _ => {}
        }
    }

    fn check(
        &self,
        read: &GraphRead,
        state: &State,
        vector: &[f32],
        count: usize,
        may_guess: bool,
    ) {
        for (index, similarity, of_relationships) in &self.indexes {
            let is_wanted =
                |id: &ElementId| matches!(id, ElementId::Relationship(_)) == *of_relationships;
            let expected = naive(state, is_wanted, *similarity, vector, count);
            let all = naive(state, is_wanted, *similarity, vector, usize::MAX);
            for is_exact in [true, false] {
                let found = search(read, index, vector, count, is_exact);
                assert!(found.is_exact || (may_guess && !is_exact));
                if found.is_exact {
                    assert_eq!(
                        found.elements,
                        expected,
                        "{} at {}",
                        index.name,
                        read.version()
                    );
                } else {
                    assert_eq!(found.elements.len(), expected.len());
                    assert!(found.elements.iter().all(|element| all.contains(element)));
                }
            }
        }
    }

    fn run(&mut self, step: &Step, may_guess: bool) {
        match *step {
            Step::Commit => {
                if let Some(transaction) = self.transaction.take() {
                    transaction.commit(CommitInfo::default()).unwrap();
                    let version = self.graph.read_latest().version();
                    self.versions.push((version, self.state.clone()));
                }
            }
            Step::Rollback => {
                self.transaction = None;
                self.state = self.versions.last().unwrap().1.clone();
            }
            Step::Build => self.graph.build_images().unwrap(),
            Step::Clear => self.graph.clear_images(),
            Step::Ask {
                version,
                vector,
                count,
            } => {
                let vector = vector_of(vector);
                let (last, state) = self.versions.last().unwrap();
                let read = self.graph.read_latest();
                assert_eq!(read.version(), *last);
                self.check(&read, state, &vector, count.into(), may_guess);
                let (version, state) = &self.versions[usize::from(version) % self.versions.len()];
                let read = self.graph.read_at(*version).unwrap();
                self.check(&read, state, &vector, count.into(), false);
            }
            Step::AskOwn { vector, count } => {
                let read = self.open().read();
                let vector = vector_of(vector);
                self.check(&read, &self.state, &vector, count.into(), may_guess);
            }
            ref write => self.write(write),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn exact_answers_are_those_of_a_naive_loop(
        steps in prop::collection::vec(step(), 1..160),
    ) {
        let mut world = World::new(usize::MAX);
        for step in &steps {
            world.run(step, false);
        }
    }

    #[test]
    fn answers_by_neighbours_have_right_elements_and_scores(
        first in prop::collection::vec(0x6000u16..=u16::MAX, 100..200),
        steps in prop::collection::vec(step(), 1..100),
    ) {
        let mut world = World::new(64);
        for value in first {
            world.run(&Step::CreateNode { is_labelled: true, value }, true);
        }
        world.run(&Step::Commit, true);
        for step in &steps {
            world.run(step, true);
        }
    }
}

/// A vector of three components that looks random.
fn scattered(number: u64) -> Vec<Value> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..3)
        .map(|_| {
            state ^= state >> 29;
            state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
            Value::Float((state >> 40) as f64 / f64::from(1 << 23) - 1.0)
        })
        .collect()
}

fn floats(items: &[Value]) -> Vec<f32> {
    items
        .iter()
        .map(|item| match item {
            Value::Float(number) => *number as f32,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn with_nodes(graph: &Arc<Graph>, count: u64) -> (LabelId, KeyId, Vec<NodeId>) {
    let transaction = graph.begin(Isolation::Snapshot);
    let label = transaction.label_id("L").unwrap();
    let key = transaction.key_id("v").unwrap();
    let nodes = (0..count)
        .map(|number| {
            let vector = Value::List(scattered(number).into());
            transaction
                .create_node(SEQ, &[label], vec![(key, vector)])
                .unwrap()
        })
        .collect();
    transaction.commit(CommitInfo::default()).unwrap();
    (label, key, nodes)
}

#[test]
fn the_present_is_approximate_once_the_graph_stands_and_the_past_never() {
    let graph = graph(500);
    let (label, key, nodes) = with_nodes(&graph, 1_000);
    let before = graph.read_latest().version();
    create_index(
        &graph,
        "i",
        Target::Label(label),
        key,
        Similarity::Euclidean,
    );
    let index = index(&graph, "i");
    let query = floats(&scattered(77));
    let first = search(&graph.read_latest(), &index, &query, 10, false);
    assert!(first.is_exact, "there is no page yet");
    graph.build_images().unwrap();
    let found = search(&graph.read_latest(), &index, &query, 10, false);
    assert!(!found.is_exact);
    assert_eq!(found.elements, first.elements);
    assert!(search(&graph.read_latest(), &index, &query, 10, true).is_exact);
    assert!(search(&graph.read_latest(), &index, &query, 200, false).is_exact);
    // A version that is asked for is answered exactly, also the latest, and one from before the index.
    for version in [graph.read_latest().version(), before] {
        let found = search(&graph.read_at(version).unwrap(), &index, &query, 10, false);
        assert_eq!(found, first);
    }
    // What a commit changes is seen at once; what is gone is not found.
    let transaction = graph.begin(Isolation::Snapshot);
    transaction.delete_node(SEQ, nodes[77]).unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    let found = search(&graph.read_latest(), &index, &query, 10, false);
    assert_eq!(
        found.elements[..],
        search(&graph.read_latest(), &index, &query, 10, true).elements
    );
    assert_eq!(found.elements[..9], first.elements[1..]);
    assert!(!found.is_exact);
    // Own writes are part of an exact answer.
    let transaction = graph.begin(Isolation::Serializable);
    let vector = Value::List(scattered(77).into());
    let new = transaction
        .create_node(SEQ, &[label], vec![(key, vector)])
        .unwrap();
    let found = search(&transaction.read(), &index, &query, 10, false);
    assert!(found.is_exact);
    assert_eq!(found.elements[0], (new.into(), 1.0));
}

#[test]
fn a_search_conflicts_with_a_new_vector_and_with_nothing_else() {
    let graph = graph(usize::MAX);
    let (label, key, nodes) = with_nodes(&graph, 100);
    create_index(&graph, "i", Target::Label(label), key, Similarity::Cosine);
    let index = index(&graph, "i");
    let query = floats(&scattered(5));
    for with_page in [false, true] {
        for (name, is_conflict) in [("v", true), ("w", false)] {
            let reader = graph.begin(Isolation::Serializable);
            let found = search(&reader.read(), &index, &query, 3, false);
            assert!(found.is_exact);
            let writer = graph.begin(Isolation::Serializable);
            let key = writer.key_id(name).unwrap();
            let vector = Value::List(scattered(1_000 + u64::from(with_page)).into());
            writer
                .set_property(SEQ, nodes[50].into(), key, vector)
                .unwrap();
            writer.commit(CommitInfo::default()).unwrap();
            let note = reader.key_id("note").unwrap();
            // Another value each time: a commit that changes nothing conflicts with nothing.
            let value = Value::string(&*format!("{name} {with_page}"));
            reader
                .set_property(SEQ, nodes[3].into(), note, value)
                .unwrap();
            let result = reader.commit(CommitInfo::default());
            let is_refused = matches!(result, Err(CommitError::Conflict { .. }));
            assert_eq!(
                is_refused, is_conflict,
                "{name}, page {with_page}: {result:?}"
            );
        }
        graph.build_images().unwrap();
    }
}

#[test]
fn answers_are_right_while_writers_commit_and_the_graph_grows() {
    let images = ImageOptions {
        misses: 1,
        delta_rows: 32,
        neighbours_from: 200,
        ..ImageOptions::default()
    };
    let options = GraphOptions {
        images,
        ..GraphOptions::default()
    };
    let graph = Graph::loopback(Arc::new(MemoryStore::new()), options).unwrap();
    let (label, key, nodes) = with_nodes(&graph, 600);
    create_index(
        &graph,
        "i",
        Target::Label(label),
        key,
        Similarity::Euclidean,
    );
    let index = index(&graph, "i");
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut by_neighbours = 0;
            let mut turn = 0;
            while !is_done.load(Ordering::Relaxed) || by_neighbours == 0 {
                turn += 1;
                let read = graph.read_latest();
                let query = floats(&scattered(turn * 31));
                let found = search(&read, &index, &query, 5, false);
                let dated = graph.read_at(read.version()).unwrap();
                let exact = search(&dated, &index, &query, 5, false);
                assert!(exact.is_exact);
                if found.is_exact {
                    assert_eq!(found, exact);
                } else {
                    by_neighbours += 1;
                    assert_eq!(found.elements.len(), 5);
                    let query = settings(Similarity::Euclidean).query(query).unwrap();
                    for (element, score) in found.elements {
                        let value = dated.property(element, key).unwrap();
                        let vector = settings(Similarity::Euclidean).vector_of(&value).unwrap();
                        assert_eq!(query.score(&vector), score);
                    }
                }
            }
        });
        for turn in 0..300_u64 {
            let transaction = graph.begin(Isolation::Snapshot);
            for change in 0..4 {
                let node = nodes[((turn * 7 + change * 131) % 600) as usize];
                let vector = Value::List(scattered(10_000 + turn * 10 + change).into());
                transaction
                    .set_property(SEQ, node.into(), key, vector)
                    .unwrap();
            }
            transaction.commit(CommitInfo::default()).unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
        reading.join().unwrap();
    });
}

#[test]
fn an_index_too_large_for_the_memory_is_answered_without_a_page() {
    let images = ImageOptions {
        misses: 1,
        memory: ImageMemory::new(10_000),
        background: false,
        ..ImageOptions::default()
    };
    let options = GraphOptions {
        images,
        ..GraphOptions::default()
    };
    let graph = Graph::loopback(Arc::new(MemoryStore::new()), options).unwrap();
    let (label, key, nodes) = with_nodes(&graph, 2_000);
    create_index(&graph, "i", Target::Label(label), key, Similarity::Cosine);
    let index = index(&graph, "i");
    for _ in 0..3 {
        let found = search(
            &graph.read_latest(),
            &index,
            &floats(&scattered(5)),
            1,
            false,
        );
        assert!(found.is_exact);
        assert_eq!(found.elements[0].0, nodes[5].into());
        graph.build_images().unwrap();
    }
    assert!(graph.image_statistics().bytes <= 10_000);
}

#[test]
fn a_dropped_index_still_answers_for_the_versions_that_had_it() {
    let graph = graph(usize::MAX);
    let (label, key, nodes) = with_nodes(&graph, 50);
    create_index(&graph, "i", Target::Label(label), key, Similarity::Cosine);
    let index = index(&graph, "i");
    let version = graph.read_latest().version();
    let transaction = graph.begin(Isolation::Snapshot);
    transaction.drop_index("i").unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    let read = graph.read_at(version).unwrap();
    let found = search(&read, &index, &floats(&scattered(9)), 1, false);
    assert_eq!(found.elements[0].0, nodes[9].into());
}
