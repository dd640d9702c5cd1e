//! Seeks in the rows of rules: certified against what others commit, and filled by bulk loads.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::ops::Bound;
use std::sync::Arc;

use retrograph_graph::ids::{ElementId, IndexId, KeyId, NodeId, TypeId, Version};
use retrograph_graph::value::Value;
use retrograph_graph::{
    CommitError, CommitInfo, Graph, GraphError, GraphRead, IndexSort, Isolation, NextProperty,
    RowsSought, RuleKind, ScanCursor, Sequence, Target,
};

struct Indexed {
    graph: Arc<Graph>,
    node: NodeId,
    type_id: TypeId,
    keys: [KeyId; 2],
    by_values: IndexId,
    by_text: IndexId,
}

/// A node, and indexes on `(a, b)` and on the text of `a` of relationships.
fn indexed() -> Indexed {
    let graph = Graph::in_memory().unwrap();
    let transaction = graph.begin(Isolation::Serializable);
    let type_id = transaction.type_id("R").unwrap();
    let keys = ["a", "b"].map(|name| transaction.key_id(name).unwrap());
    let make = |name: &str, keys: &[KeyId], sort| {
        let targets = vec![Target::Type(type_id)];
        let kind = RuleKind::Index(sort);
        transaction
            .create_rule(name, targets, keys.to_vec(), kind)
            .unwrap()
    };
    let by_values = make("values", &keys, IndexSort::Range);
    let by_text = make("text", &keys[..1], IndexSort::Text);
    transaction.commit(CommitInfo::default()).unwrap();
    let transaction = graph.begin(Isolation::Serializable);
    let node = transaction.create_node(Sequence(0), &[], vec![]).unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    Indexed {
        graph,
        node,
        type_id,
        keys,
        by_values,
        by_text,
    }
}

fn seek(read: &GraphRead, index: IndexId, sought: &RowsSought<'_>) -> Vec<ElementId> {
    let (mut cursor, mut found) = (ScanCursor::default(), Vec::new());
    while !cursor.is_done() {
        read.seek_rows(index, sought, &mut cursor, 2, &mut found)
            .unwrap();
    }
    found
}

/// Commits a transaction that has sought something, after another one has made a relationship.
fn commit_beside(
    indexed: &Indexed,
    index: IndexId,
    sought: &RowsSought<'_>,
    made: [Value; 2],
) -> Result<(), CommitError> {
    let create = |properties| {
        let transaction = indexed.graph.begin(Isolation::Serializable);
        let (type_id, node) = (indexed.type_id, indexed.node);
        transaction
            .create_relationship(Sequence(0), type_id, node, node, properties)
            .unwrap();
        transaction
    };
    let transaction = create(vec![]);
    seek(&transaction.read(), index, sought);
    let properties = indexed.keys.into_iter().zip(made).collect();
    create(properties).commit(CommitInfo::default()).unwrap();
    transaction.commit(CommitInfo::default()).map(drop)
}

#[test]
fn what_was_sought_is_certified() {
    let indexed = indexed();
    let one = [Value::Int(1)];
    let (low, high) = (Value::Int(10), Value::Int(20));
    let between = NextProperty::Range(Bound::Included(&low), Bound::Excluded(&high));
    let sought = RowsSought::Values(&one, between);
    let by_values = indexed.by_values;
    for (a, b, conflicts) in [(1, 9, false), (1, 10, true), (2, 10, false), (1, 20, false)] {
        let made = [Value::Int(a), Value::Int(b)];
        let outcome = commit_beside(&indexed, by_values, &sought, made);
        let is_conflict = matches!(outcome, Err(CommitError::Conflict { .. }));
        assert_eq!(is_conflict, conflicts, "({a}, {b}): {outcome:?}");
    }
    let by_text = indexed.by_text;
    let sought = RowsSought::Containing("needle");
    for (a, conflicts) in [(Value::Int(7), false), (Value::string("hay"), true)] {
        let outcome = commit_beside(&indexed, by_text, &sought, [a, Value::Int(0)]);
        let is_conflict = matches!(outcome, Err(CommitError::Conflict { .. }));
        assert_eq!(is_conflict, conflicts, "{outcome:?}");
    }
}

#[test]
fn bulk_loads_fill_indexes() {
    let indexed = indexed();
    let mut loader = indexed.graph.bulk();
    let node = loader.create_node(&[], vec![]).unwrap();
    for number in 0..20_000 {
        let properties = vec![
            (indexed.keys[0], Value::string(format!("no {number}"))),
            (indexed.keys[1], Value::Int(number % 3)),
        ];
        loader
            .create_relationship(indexed.type_id, node, node, properties)
            .unwrap();
    }
    loader.commit(CommitInfo::default()).unwrap();
    let read = indexed.graph.read_latest();
    let ending = RowsSought::EndingWith("7777");
    // More rows than one page looks at lie before and behind those that are found.
    assert_eq!(seek(&read, indexed.by_text, &ending).len(), 2);
    let all = RowsSought::Containing("no");
    assert_eq!(seek(&read, indexed.by_text, &all).len(), 20_000);
    let equal = [Value::string("no 5"), Value::Int(2)];
    let sought = RowsSought::Values(&equal, NextProperty::Any);
    assert_eq!(seek(&read, indexed.by_values, &sought).len(), 1);
    let before = indexed.graph.read_at(Version(2)).unwrap();
    assert!(seek(&before, indexed.by_values, &sought).is_empty());
    let estimates = read.estimates();
    let estimate = &estimates.rules[&indexed.by_values];
    assert_eq!(estimate.entries, 20_000);
    assert!(estimate.distinct.iter().all(|distinct| *distinct > 1_000));
}

#[test]
fn rows_do_not_answer_for_versions_before_them() {
    let indexed = indexed();
    let read = indexed.graph.read_at(Version(0)).unwrap();
    let (mut cursor, mut found) = (ScanCursor::default(), Vec::new());
    let sought = RowsSought::Containing("");
    let outcome = read.seek_rows(indexed.by_text, &sought, &mut cursor, 9, &mut found);
    assert!(matches!(outcome, Err(GraphError::IndexNotCovering { .. })));
    let transaction = indexed.graph.begin(Isolation::Serializable);
    transaction.drop_index("text").unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    let read = indexed.graph.read_latest();
    let outcome = read.seek_rows(indexed.by_text, &sought, &mut cursor, 9, &mut found);
    assert!(matches!(outcome, Err(GraphError::IndexNotCovering { .. })));
}
