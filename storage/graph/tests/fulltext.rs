//! Full-text search gives, at every version and within every transaction, what analysing all texts of
//! that moment would give: the same elements with the same scores, to the bit.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../../text/tests/held/mod.rs"]
mod held;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use retrograph_graph::ids::{ElementId, KeyId, LabelId, NodeId, RelationshipId, TypeId, Version};
use retrograph_graph::kv::MemoryStore;
use retrograph_graph::value::Value;
use retrograph_graph::{
    CommitError, CommitInfo, Fulltext, Genesis, Graph, GraphError, GraphOptions, GraphRead,
    IndexSort, Isolation, RuleKind, Sequence, StepBounds, Target, TextIndex, TextSearch,
    Transaction,
};
use retrograph_text::search::{best, search};
use retrograph_text::{Analyzer, Query};

use held::{Held, Texts};

const ANALYZER: &str = "english";

/// The documents of one moment, by id, with their texts under the index by field.
type Documents = Texts;

/// What searching all documents of a moment finds.
fn naive(held: &mut Held, query: &Query) -> Vec<(u64, f64)> {
    let analyzer = Analyzer::named(ANALYZER).unwrap();
    let mut hits = search(held, query, analyzer, analyzer).unwrap();
    best(&mut hits, 0, None);
    hits.iter().map(|hit| (hit.document, hit.score)).collect()
}

/// Whether the rows of an index answer for the version of a view; else texts are read and analysed.
fn has_rows(index: &TextIndex, read: &GraphRead) -> bool {
    let definition = index.definition();
    definition.dropped.is_none() && definition.covers_from <= read.version()
}

const QUERIES: [&str; 16] = [
    "graph",
    "graphs OR tree",
    "+graph -tree",
    "\"graph tree\"",
    "\"tree graph\"~3",
    "gr*",
    "?r?*",
    "grpah~1",
    "tree~2",
    "x:graph y:tree^2",
    "y:(forest OR leaves)",
    "[forest TO leaf]",
    "x:*",
    "*:* -graph",
    "the",
    "walking walked walker",
];

fn all(read: &GraphRead, index: &str, query: &str) -> Vec<(u64, f64)> {
    let index = read.text_index(index).unwrap();
    let query = Query::parse(query).unwrap();
    let wanted = TextSearch {
        query: &query,
        analyzer: None,
        skip: 0,
        limit: None,
    };
    let found = read
        .search_text::<GraphError>(&index, &wanted, &mut |_| Ok(()))
        .unwrap();
    found
        .into_iter()
        .map(|(element, score)| match element {
            ElementId::Node(id) => (id.0, score),
            ElementId::Relationship(id) => (id.0, score),
        })
        .collect()
}

fn same_everywhere(read: &GraphRead, index: &str, documents: &Documents) {
    let analyzer = Analyzer::named(ANALYZER).unwrap();
    let mut held = Held::new(documents.clone(), analyzer);
    for text in QUERIES {
        let expected = naive(&mut held, &Query::parse(text).unwrap());
        let found = all(read, index, text);
        let bits = |hits: &[(u64, f64)]| -> Vec<(u64, u64)> {
            hits.iter()
                .map(|(id, score)| (*id, score.to_bits()))
                .collect()
        };
        assert_eq!(
            bits(&found),
            bits(&expected),
            "{text} at {}",
            read.version()
        );
    }
}

/// What an element of the model has: whether each label, and the values of `x`, `y` and `other`.
#[derive(Clone, Debug, Default)]
struct Element {
    labels: [bool; 2],
    values: [Option<Value>; 3],
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.to_string()),
        _ => None,
    };
    match value {
        Some(Value::List(items)) => items.iter().filter_map(text).collect(),
        value => value.and_then(text).into_iter().collect(),
    }
}

/// The documents of the elements that the index is about.
fn documents(elements: &BTreeMap<u64, Element>) -> Documents {
    elements
        .iter()
        .filter(|(_, element)| element.labels.contains(&true))
        .map(|(id, element)| {
            let [x, y, _] = &element.values;
            (*id, vec![strings(x.as_ref()), strings(y.as_ref())])
        })
        .collect()
}

#[derive(Clone, Debug)]
enum Write {
    Create([bool; 2], [Option<Value>; 3]),
    Set(u8, u8, Option<Value>),
    Label(u8, u8, bool),
    Delete(u8),
    DropIndex,
    CreateIndex,
    /// So many steps of building the index, an element each.
    Build(u8),
}

fn any_text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("graph"),
        Just("graphs"),
        Just("tree"),
        Just("trees"),
        Just("the"),
        Just("forest"),
        Just("leaves"),
        Just("walking"),
        Just("Walked"),
        Just("e\u{0}f"),
    ];
    proptest::collection::vec(word, 0..60).prop_map(|words| words.join(" "))
}

fn any_value() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        1 => Just(None),
        6 => any_text().prop_map(|text| Some(Value::string(text))),
        1 => proptest::collection::vec(any_text(), 0..3).prop_map(|texts| {
            let mut items: Vec<Value> = texts.into_iter().map(Value::string).collect();
            items.push(Value::Int(1));
            Some(Value::List(items.into()))
        }),
        1 => Just(Some(Value::Int(7))),
    ]
}

fn any_write() -> impl Strategy<Value = Write> {
    let values = || [any_value(), any_value(), any_value()];
    prop_oneof![
        8 => (any::<[bool; 2]>(), values()).prop_map(|(l, v)| Write::Create(l, v)),
        8 => (any::<u8>(), 0..3u8, any_value()).prop_map(|(n, k, v)| Write::Set(n, k, v)),
        4 => (any::<u8>(), 0..2u8, any::<bool>()).prop_map(|(n, l, h)| Write::Label(n, l, h)),
        3 => any::<u8>().prop_map(Write::Delete),
        1 => Just(Write::DropIndex),
        2 => Just(Write::CreateIndex),
        3 => (0..12u8).prop_map(Write::Build),
    ]
}

struct Names {
    labels: [LabelId; 2],
    keys: [KeyId; 3],
}

fn graph(segment_rows_min: u32) -> (Arc<Graph>, Names) {
    let options = GraphOptions {
        genesis: Genesis {
            segment_rows_min,
            ..Genesis::default()
        },
        index_builder: Some(Arc::new(|| ())),
        ..GraphOptions::default()
    };
    let graph = Graph::loopback(Arc::new(MemoryStore::new()), options).unwrap();
    let transaction = graph.begin(Isolation::Serializable);
    let names = Names {
        labels: ["A", "B"].map(|name| transaction.label_id(name).unwrap()),
        keys: ["x", "y", "other"].map(|name| transaction.key_id(name).unwrap()),
    };
    create(
        &transaction,
        "texts",
        names.labels.map(Target::Label).to_vec(),
        &names,
    );
    transaction.commit(CommitInfo::default()).unwrap();
    graph.build_indexes(|| true).unwrap();
    let index = graph.read_latest().text_index("texts").unwrap();
    assert!(has_rows(&index, &graph.read_latest()));
    (graph, names)
}

fn create(transaction: &Transaction, name: &str, targets: Vec<Target>, names: &Names) {
    let settings = Fulltext::new(Analyzer::named(ANALYZER), false);
    transaction
        .create_rule(
            name,
            targets,
            names.keys[..2].to_vec(),
            RuleKind::Index(IndexSort::Fulltext(settings)),
        )
        .unwrap();
}

fn write(
    transaction: &Transaction,
    names: &Names,
    elements: &mut BTreeMap<u64, Element>,
    write: &Write,
    at: Sequence,
) {
    let pick = |elements: &BTreeMap<u64, Element>, number: u8| {
        let count = elements.len().max(1);
        elements.keys().nth(usize::from(number) % count).copied()
    };
    match write {
        Write::Create(labels, values) => {
            let given = names.labels.into_iter().zip(labels);
            let given: Vec<LabelId> = given.filter(|(_, has)| **has).map(|(l, _)| l).collect();
            let properties = names.keys.into_iter().zip(values);
            let properties = properties.filter_map(|(key, value)| Some((key, value.clone()?)));
            let id = transaction.create_node(at, &given, properties.collect());
            let element = Element {
                labels: *labels,
                values: values.clone(),
            };
            elements.insert(id.unwrap().0, element);
        }
        Write::Set(number, key, value) => {
            let Some(id) = pick(elements, *number) else {
                return;
            };
            let place = usize::from(*key);
            let new = value.clone().unwrap_or_default();
            transaction
                .set_property(at, NodeId(id).into(), names.keys[place], new)
                .unwrap();
            elements.get_mut(&id).unwrap().values[place] = value.clone();
        }
        Write::Label(number, label, has) => {
            let Some(id) = pick(elements, *number) else {
                return;
            };
            let label = usize::from(*label);
            let labels = [names.labels[label]];
            match has {
                true => transaction.add_labels(at, NodeId(id), &labels).unwrap(),
                false => transaction.remove_labels(at, NodeId(id), &labels).unwrap(),
            }
            elements.get_mut(&id).unwrap().labels[label] = *has;
        }
        Write::Delete(number) => {
            if let Some(id) = pick(elements, *number) {
                transaction.delete_node(at, NodeId(id)).unwrap();
                elements.remove(&id);
            }
        }
        Write::DropIndex | Write::CreateIndex | Write::Build(_) => {}
    }
}

/// Builds by hand.
fn build(graph: &Graph, steps: u8) {
    let bounds = StepBounds {
        elements: 1,
        ..StepBounds::default()
    };
    for _ in 0..steps {
        graph.build_step(bounds).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_version_is_searched_as_if_its_texts_were_read(
        commits in prop::collection::vec(prop::collection::vec(any_write(), 1..6), 1..16),
        segment_rows_min in prop_oneof![Just(1_u32), Just(64)],
    ) {
        let (graph, names) = graph(segment_rows_min);
        let mut elements = BTreeMap::new();
        let mut history: Vec<(Version, Documents, bool)> = Vec::new();
        let mut has_index = true;
        for commit in &commits {
            let drops = commit.iter().any(|write| matches!(write, Write::DropIndex));
            let creates = commit.iter().any(|write| matches!(write, Write::CreateIndex));
            if drops && has_index {
                let transaction = graph.begin(Isolation::Serializable);
                transaction.drop_index("texts").unwrap();
                transaction.commit(CommitInfo::default()).unwrap();
                has_index = false;
            } else if creates && !has_index {
                let transaction = graph.begin(Isolation::Serializable);
                let targets = names.labels.map(Target::Label).to_vec();
                create(&transaction, "texts", targets, &names);
                transaction.commit(CommitInfo::default()).unwrap();
                has_index = true;
            }
            let transaction = graph.begin(Isolation::Serializable);
            for (clause, one) in commit.iter().enumerate() {
                if let Write::Build(steps) = one {
                    build(&graph, *steps);
                }
                write(&transaction, &names, &mut elements, one, Sequence::new(1, clause as u16));
                if clause == 1 && has_index {
                    same_everywhere(&transaction.read(), "texts", &documents(&elements));
                }
            }
            let committed = transaction.commit(CommitInfo::default()).unwrap();
            history.push((committed.version, documents(&elements), has_index));
        }
        graph.build_indexes(|| true).unwrap();
        if has_index {
            let index = graph.read_latest().text_index("texts").unwrap();
            prop_assert!(has_rows(&index, &graph.read_latest()));
        }
        for (version, documents, had_index) in history {
            let read = graph.read_at(version).unwrap();
            match had_index || has_index {
                true => same_everywhere(&read, "texts", &documents),
                false => prop_assert!(read.text_index("texts").is_none()),
            }
        }
    }
}

fn node(transaction: &Transaction, names: &Names, clause: u16, text: &str) -> NodeId {
    transaction
        .create_node(
            Sequence::new(1, clause),
            &names.labels[..1],
            vec![(names.keys[0], Value::string(text))],
        )
        .unwrap()
}

#[test]
fn a_search_conflicts_with_a_change_of_texts_only() {
    let (graph, names) = graph(64);
    let setup = graph.begin(Isolation::Serializable);
    let found = node(&setup, &names, 0, "graph");
    setup.commit(CommitInfo::default()).unwrap();
    for (key, is_conflict) in [(0, true), (2, false)] {
        let reader = graph.begin(Isolation::Serializable);
        assert_eq!(all(&reader.read(), "texts", "graph").len(), 1);
        let at = Sequence::new(1, 1);
        reader.create_node(at, &[], Vec::new()).unwrap();
        let writer = graph.begin(Isolation::Serializable);
        let text = Value::string("graph and tree");
        writer
            .set_property(at, found.into(), names.keys[key], text)
            .unwrap();
        writer.commit(CommitInfo::default()).unwrap();
        let committed = reader.commit(CommitInfo::default());
        assert_eq!(
            matches!(committed, Err(CommitError::Conflict { .. })),
            is_conflict,
            "{committed:?}"
        );
    }
}

#[test]
fn relationships_are_found() {
    let (graph, names) = graph(64);
    let transaction = graph.begin(Isolation::Serializable);
    let type_id: TypeId = transaction.type_id("SAYS").unwrap();
    create(&transaction, "said", vec![Target::Type(type_id)], &names);
    transaction.commit(CommitInfo::default()).unwrap();
    graph.build_indexes(|| true).unwrap();
    let transaction = graph.begin(Isolation::Serializable);
    let at = Sequence::new(1, 0);
    let node = transaction.create_node(at, &[], Vec::new()).unwrap();
    let mut said: Documents = BTreeMap::new();
    let mut last = RelationshipId(0);
    for text in ["walking in the forest", "a graph", "a tree of graphs"] {
        let properties = vec![(names.keys[0], Value::string(text))];
        last = transaction
            .create_relationship(at, type_id, node, node, properties)
            .unwrap();
        said.insert(last.0, vec![vec![text.to_owned()], Vec::new()]);
    }
    same_everywhere(&transaction.read(), "said", &said);
    let first = transaction.commit(CommitInfo::default()).unwrap().version;
    let transaction = graph.begin(Isolation::Serializable);
    transaction.delete_relationship(at, last).unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    same_everywhere(&graph.read_at(first).unwrap(), "said", &said);
    said.remove(&last.0);
    same_everywhere(&graph.read_latest(), "said", &said);
}

#[test]
fn a_text_of_a_megabyte_is_indexed_and_a_word_of_a_megabyte_too() {
    let (graph, names) = graph(64);
    let transaction = graph.begin(Isolation::Serializable);
    let mut text: String = (0..120_000).map(|i| format!("w{i} ")).collect();
    text.push_str("needle");
    assert!(text.len() > 800_000);
    let long = node(&transaction, &names, 0, &text);
    let word = node(&transaction, &names, 1, &"x".repeat(1 << 20));
    transaction.commit(CommitInfo::default()).unwrap();
    let read = graph.read_latest();
    let ids = |query: &str| -> Vec<u64> {
        all(&read, "texts", query)
            .iter()
            .map(|(id, _)| *id)
            .collect()
    };
    assert_eq!(ids("needle"), [long.0]);
    assert_eq!(ids("\"w119999 needle\""), [long.0]);
    assert_eq!(ids("w7777*"), [long.0]);
    assert_eq!(ids(&"x".repeat(255)), [word.0]);
    let transaction = graph.begin(Isolation::Serializable);
    transaction.delete_node(Sequence::new(1, 0), long).unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    assert_eq!(ids("needle"), [long.0]);
    assert!(all(&graph.read_latest(), "texts", "needle").is_empty());
}

#[test]
fn the_best_are_wanted_and_memory_is_asked_for() {
    let (graph, names) = graph(64);
    let transaction = graph.begin(Isolation::Serializable);
    for count in 1..50_u16 {
        let text = format!("{} tree", "graph ".repeat(usize::from(count)));
        node(&transaction, &names, count, &text);
    }
    transaction.commit(CommitInfo::default()).unwrap();
    let read = graph.read_latest();
    let index = read.text_index("texts").unwrap();
    let query = Query::parse("graph").unwrap();
    let wanted = |skip, limit| TextSearch {
        query: &query,
        analyzer: None,
        skip,
        limit,
    };
    let (mut held, mut most) = (0, 0);
    let found = read
        .search_text::<GraphError>(&index, &wanted(3, Some(5)), &mut |change| {
            held += change;
            most = most.max(held);
            Ok(())
        })
        .unwrap();
    let scores: Vec<f64> = found.iter().map(|(_, score)| *score).collect();
    let every = all(&read, "texts", "graph");
    let expected: Vec<f64> = every[3..8].iter().map(|(_, score)| *score).collect();
    assert_eq!(scores, expected);
    // Postings, then hits, of which all are kept until the best are chosen.
    assert_eq!((held, most), (49 * 16, 2 * 49 * 16));
    let stopped =
        read.search_text::<GraphError>(&index, &wanted(0, None), &mut |bytes| match bytes {
            0 => Ok(()),
            _ => Err(GraphError::FutureVersion {
                version: Version(9),
                latest: Version(9),
            }),
        });
    assert!(stopped.is_err());
}

/// An index made before or after a bulk load, or before texts are written one by one, is the same.
#[test]
fn texts_that_are_loaded_are_found_as_those_that_are_written() {
    let texts = ["graph and tree", "walking trees", "a forest of graphs", ""];
    let mut rows = Vec::new();
    for (loads, is_first) in [(false, true), (true, true), (true, false)] {
        let (graph, names) = graph(64);
        let index = |name: &str| {
            let transaction = graph.begin(Isolation::Serializable);
            create(
                &transaction,
                name,
                vec![Target::Label(names.labels[0])],
                &names,
            );
            transaction.commit(CommitInfo::default()).unwrap();
            graph.build_indexes(|| true).unwrap();
            let index = graph.read_latest().text_index(name).unwrap();
            assert!(has_rows(&index, &graph.read_latest()));
        };
        if is_first {
            index("one");
        }
        let mut documents = Documents::new();
        if loads {
            let mut loader = graph.bulk();
            for text in texts {
                let properties = vec![(names.keys[1], Value::string(text))];
                let id = loader.create_node(&names.labels[..1], properties).unwrap();
                documents.insert(id.0, vec![Vec::new(), vec![text.to_owned()]]);
            }
            loader.commit(CommitInfo::default()).unwrap();
        } else {
            let transaction = graph.begin(Isolation::Serializable);
            for (clause, text) in texts.iter().enumerate() {
                let properties = vec![(names.keys[1], Value::string(*text))];
                let at = Sequence::new(1, clause as u16);
                let id = transaction.create_node(at, &names.labels[..1], properties);
                documents.insert(id.unwrap().0, vec![Vec::new(), vec![(*text).to_owned()]]);
            }
            transaction.commit(CommitInfo::default()).unwrap();
        }
        if !is_first {
            index("one");
        }
        same_everywhere(&graph.read_latest(), "one", &documents);
        same_everywhere(&graph.read_latest(), "texts", &documents);
        rows.push(all(&graph.read_latest(), "one", "graph OR tree"));
    }
    assert!(
        rows.iter()
            .all(|found| *found == rows[0] && found.len() == 3)
    );
}
