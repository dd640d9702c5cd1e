//! Constraints hold whatever is written: against a model one transaction after the other, and as an
//! invariant with two at once.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use retrograph_graph::ids::{ElementId, KeyId, LabelId, NodeId, Version};
use retrograph_graph::value::Value;
use retrograph_graph::{
    CommitError, CommitInfo, Graph, GraphError, Isolation, PropertyTypes, RuleKind, ScanCursor,
    Sequence, Target, Transaction,
};

/// What a node of the model has of the properties `a`, `b` and `t`.
type Node = (bool, [Option<Value>; 3]);

#[derive(Clone, Debug)]
enum Write {
    Create(bool, [Option<u8>; 3]),
    Set(u8, u8, Option<u8>),
    Label(u8, bool),
    Delete(u8),
}

fn write() -> impl Strategy<Value = Write> {
    let value = || proptest::option::weighted(0.85, 0..3u8);
    prop_oneof![
        4 => (any::<bool>(), [value(), value(), value()]).prop_map(|(l, v)| Write::Create(l, v)),
        4 => (any::<u8>(), 0..3u8, value()).prop_map(|(n, k, v)| Write::Set(n, k, v)),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(n, l)| Write::Label(n, l)),
        1 => any::<u8>().prop_map(Write::Delete),
    ]
}

/// Value 2 of `t` is of another type than the others.
fn value(key: u8, number: u8) -> Value {
    match (key, number) {
        (2, 2) => Value::string("two"),
        // Equivalent numbers of two types are one value.
        (0, 1) => Value::Float(1.0),
        _ => Value::Int(i64::from(number)),
    }
}

struct Names {
    label: LabelId,
    keys: [KeyId; 3],
}

/// A graph where the nodes of a label have unique `(a, b)`, both required, and an integer `t`.
fn graph() -> (Arc<Graph>, Names) {
    let graph = Graph::in_memory().unwrap();
    let transaction = graph.begin(Isolation::Serializable);
    let label = transaction.label_id("L").unwrap();
    let keys = ["a", "b", "t"].map(|name| transaction.key_id(name).unwrap());
    let integer = PropertyTypes {
        scalars: 0b100,
        lists: 0,
    };
    let target = Target::Label(label);
    let both = vec![keys[0], keys[1]];
    transaction
        .create_rule("key", vec![target], both, RuleKind::Key)
        .unwrap();
    transaction
        .create_rule(
            "type",
            vec![target],
            vec![keys[2]],
            RuleKind::Typed(integer),
        )
        .unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    (graph, Names { label, keys })
}

fn apply(
    transaction: &Transaction,
    names: &Names,
    model: &mut BTreeMap<NodeId, Node>,
    write: &Write,
    at: Sequence,
) {
    let pick = |model: &BTreeMap<NodeId, Node>, number: u8| {
        let count = model.len().max(1);
        model.keys().nth(usize::from(number) % count).copied()
    };
    match write {
        Write::Create(has_label, values) => {
            let labels: &[LabelId] = if *has_label { &[names.label] } else { &[] };
            let mut node = [None, None, None];
            let mut properties = Vec::new();
            for (place, number) in values.iter().enumerate() {
                if let Some(number) = number {
                    let value = value(place as u8, *number);
                    node[place] = Some(value.clone());
                    properties.push((names.keys[place], value));
                }
            }
            let id = transaction.create_node(at, labels, properties).unwrap();
            model.insert(id, (*has_label, node));
        }
        Write::Set(number, key, new) => {
            let Some(id) = pick(model, *number) else {
                return;
            };
            let new = new.map(|new| value(*key, new));
            let place = usize::from(*key);
            transaction
                .set_property(
                    at,
                    id.into(),
                    names.keys[place],
                    new.clone().unwrap_or_default(),
                )
                .unwrap();
            model.get_mut(&id).unwrap().1[place] = new;
        }
        Write::Label(number, has_label) => {
            let Some(id) = pick(model, *number) else {
                return;
            };
            let labels = [names.label];
            if *has_label {
                transaction.add_labels(at, id, &labels).unwrap();
            } else {
                transaction.remove_labels(at, id, &labels).unwrap();
            }
            model.get_mut(&id).unwrap().0 = *has_label;
        }
        Write::Delete(number) => {
            let Some(id) = pick(model, *number) else {
                return;
            };
            transaction.delete_node(at, id).unwrap();
            model.remove(&id);
        }
    }
}

/// Whether the model breaks a constraint.
fn is_broken(model: &BTreeMap<NodeId, Node>) -> bool {
    let mut seen = BTreeSet::new();
    model.values().filter(|node| node.0).any(|(_, [a, b, t])| {
        let (Some(a), Some(b)) = (a, b) else {
            return true;
        };
        let number = |value: &Value| match value {
            Value::Float(number) => *number as i64,
            Value::Int(number) => *number,
            _ => -1,
        };
        let is_new = seen.insert((number(a), number(b)));
        !is_new || t.as_ref().is_some_and(|t| !matches!(t, Value::Int(_)))
    })
}

fn is_violation(error: &GraphError) -> bool {
    matches!(
        error,
        GraphError::NotUniqueTogether { .. }
            | GraphError::PropertyMissing { .. }
            | GraphError::PropertyOfWrongType { .. }
    )
}

/// What is stored, as a model.
fn stored(graph: &Arc<Graph>, names: &Names) -> BTreeMap<NodeId, Node> {
    let read = graph.read_latest();
    let (mut cursor, mut found) = (ScanCursor::default(), Vec::new());
    while !cursor.is_done() {
        read.scan_nodes(&mut cursor, 100, &mut found).unwrap();
    }
    found
        .into_iter()
        .map(|id| {
            let values = names.keys.map(|key| {
                let value = read.property(ElementId::from(id), key).unwrap();
                (!value.is_null()).then_some(value)
            });
            (id, (read.has_label(id, names.label).unwrap(), values))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A statement is refused exactly if the model breaks a constraint after it.
    #[test]
    fn statements_are_refused_exactly_if_the_model_is_broken(
        statements in prop::collection::vec(prop::collection::vec(write(), 1..4), 1..24),
    ) {
        let (graph, names) = graph();
        let mut model = BTreeMap::new();
        for statement in statements {
            let transaction = graph.begin(Isolation::Serializable);
            let mut after = model.clone();
            for (clause, write) in statement.iter().enumerate() {
                let at = Sequence::new(0, clause as u16);
                apply(&transaction, &names, &mut after, write, at);
            }
            match transaction.check_statement() {
                Ok(()) => {
                    prop_assert!(!is_broken(&after), "accepted {after:?}");
                    transaction.commit(CommitInfo::default()).unwrap();
                    model = after;
                }
                Err(error) => {
                    prop_assert!(is_violation(&error), "{error}");
                    prop_assert!(is_broken(&after), "refused {after:?}: {error}");
                }
            }
        }
        prop_assert!(!is_broken(&stored(&graph, &names)));
        let latest = graph.applied().version;
        for version in 1..=latest.0 {
            graph.effects(Version(version)).unwrap();
        }
    }

    /// Two transactions at once cannot break together what neither breaks alone.
    #[test]
    fn concurrent_transactions_keep_constraints(
        pairs in prop::collection::vec((write(), write(), any::<bool>()), 1..24),
        isolation in prop_oneof![Just(Isolation::Serializable), Just(Isolation::Snapshot)],
    ) {
        let (graph, names) = graph();
        for (first, second, swap) in pairs {
            let view = stored(&graph, &names);
            let transactions = [first, second].map(|write| {
                let transaction = graph.begin(isolation);
                let mut model = view.clone();
                apply(&transaction, &names, &mut model, &write, Sequence(0));
                transaction
            });
            let [first, second] = transactions;
            let ordered = if swap { [second, first] } else { [first, second] };
            for transaction in ordered {
                match transaction.commit(CommitInfo::default()) {
                    Ok(_) | Err(CommitError::Conflict { .. }) => {}
                    Err(CommitError::Graph(error)) => {
                        prop_assert!(is_violation(&error), "{error}");
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            prop_assert!(!is_broken(&stored(&graph, &names)));
        }
    }
}

#[test]
fn bulk_batches_keep_constraints() {
    let (graph, names) = graph();
    let node = |a: i64, b: i64| {
        vec![
            (names.keys[0], Value::Int(a)),
            (names.keys[1], Value::Int(b)),
        ]
    };
    let mut loader = graph.bulk();
    loader.create_node(&[names.label], node(1, 1)).unwrap();
    loader.create_node(&[names.label], node(1, 2)).unwrap();
    loader.commit(CommitInfo::default()).unwrap();
    for (nodes, broken) in [
        (vec![node(3, 3), node(3, 3)], "3"),
        (vec![node(1, 2)], "node"),
    ] {
        let mut loader = graph.bulk();
        for properties in nodes {
            loader.create_node(&[names.label], properties).unwrap();
        }
        let error = loader.commit(CommitInfo::default()).unwrap_err();
        assert!(error.to_string().contains(broken), "{error}");
        assert!(
            matches!(&error, CommitError::Graph(error) if is_violation(error)),
            "{error}"
        );
    }
    let mut loader = graph.bulk();
    let missing = loader.create_node(&[names.label], vec![]).unwrap_err();
    assert!(is_violation(&missing), "{missing}");
    assert_eq!(stored(&graph, &names).len(), 2);
}
