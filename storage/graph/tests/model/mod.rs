//! A naive model of a versioned graph: a full copy of everything for every version.

#![allow(clippy::unwrap_used, clippy::panic)]

mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use retrograph_graph::ids::{
    Direction, ElementId, KeyId, LabelId, NodeId, RelationshipId, TypeId, Version,
};
use retrograph_graph::kv::{Family, OrderedStore};
use retrograph_graph::replicate::Loopback;
use retrograph_graph::rows::{prefix_end, property_key, property_prefix};
use retrograph_graph::value::Value;
use retrograph_graph::{
    Column, CommitInfo, Expansion, Genesis, Graph, GraphOptions, GraphRead, Isolation, ScanCursor,
    Sequence, StepBounds, Transaction,
};

pub const LABELS: [&str; 3] = ["A", "B", "C"];
pub const TYPES: [&str; 2] = ["R", "S"];
pub const KEYS: [&str; 2] = ["k", "l"];

pub type Properties = BTreeMap<KeyId, Value>;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub nodes: BTreeMap<NodeId, (BTreeSet<LabelId>, Properties)>,
    pub relationships: BTreeMap<RelationshipId, (TypeId, NodeId, NodeId, Properties)>,
}

/// One step of a history. Numbers choose among what there is, modulo its size.
#[derive(Clone, Debug)]
pub enum Step {
    CreateNode {
        labels: u8,
        value: u8,
    },
    CreateRelationship {
        start: u8,
        end: u8,
        type_id: u8,
        value: u8,
    },
    /// Deletes a relationship and creates one alike.
    Recreate {
        relationship: u8,
    },
    SetNode {
        node: u8,
        key: u8,
        value: u8,
    },
    SetRelationship {
        relationship: u8,
        key: u8,
        value: u8,
    },
    AddLabel {
        node: u8,
        label: u8,
    },
    RemoveLabel {
        node: u8,
        label: u8,
    },
    DeleteRelationship {
        relationship: u8,
    },
    /// Deletes a node with its relationships.
    DeleteNode {
        node: u8,
    },
    Commit,
    Rollback,
    CreateIndex {
        label: u8,
        key: u8,
    },
    /// An index of another shape than one property of nodes by range.
    CreateRule {
        shape: u8,
    },
    DropIndex,
    /// Builds indexes a little further.
    Build {
        elements: u8,
    },
    Flush,
    Crash,
    Compact,
}

pub fn value(choice: u8) -> Value {
    match choice % 17 {
        0 => Value::Null,
        1 => Value::Int(1),
        2 => Value::Float(1.0),
        3 => Value::Int(-7),
        4 => Value::Float(2.5),
        5 => Value::String("one".into()),
        6 => Value::String("onerous".into()),
        7 => Value::String("".into()),
        8 => Value::Bool(true),
        9 => Value::List(vec![Value::Int(1), Value::String("x".into())].into()),
        10 => Value::Int(1 << 60),
        11 => Value::Float(-0.0),
        12 => Value::Float(f64::NAN),
        13 => rules::point(-3.0, 1e6),
        14 => rules::point(1.0, -0.0),
        15 => Value::String("an \0ne".into()),
        _ => Value::String("no one".into()),
    }
}

/// A store that can be crashed and opened again.
pub trait Bench {
    fn open(&mut self) -> Arc<dyn OrderedStore>;
    /// Loses what is not durable. Called when nobody holds the store any more.
    fn crash(&mut self);
}

pub struct History<'a> {
    bench: &'a mut dyn Bench,
    options: GraphOptions,
    log: Loopback,
    pub graph: Option<Arc<Graph>>,
    transaction: Option<Transaction>,
    now: State,
    /// The state of every version, by version.
    pub versions: Vec<State>,
    labels: Vec<LabelId>,
    types: Vec<TypeId>,
    keys: Vec<KeyId>,
    indexes: Vec<String>,
    index_count: u32,
}

impl<'a> History<'a> {
    pub fn new(bench: &'a mut dyn Bench, segment_rows_min: u32) -> Self {
        let options = GraphOptions {
            genesis: Genesis {
                segment_rows_min,
                ..Genesis::default()
            },
            // Indexes are built by the steps of the history and in no other way.
            index_builder: Some(Arc::new(|| ())),
            ..GraphOptions::default()
        };
        Self::with_options(bench, options)
    }

    pub fn with_options(bench: &'a mut dyn Bench, options: GraphOptions) -> Self {
        let mut history = Self {
            bench,
            options,
            log: Loopback::new(),
            graph: None,
            transaction: None,
            now: State::default(),
            versions: vec![State::default()],
            labels: Vec::new(),
            types: Vec::new(),
            keys: Vec::new(),
            indexes: Vec::new(),
            index_count: 0,
        };
        history.open();
        let transaction = history.transaction();
        let labels = LABELS.map(|name| transaction.label_id(name).unwrap());
        let types = TYPES.map(|name| transaction.type_id(name).unwrap());
        let keys = KEYS.map(|name| transaction.key_id(name).unwrap());
        history.labels = labels.to_vec();
        history.types = types.to_vec();
        history.keys = keys.to_vec();
        // All names are used once, so that they are part of the graph for good.
        let seq = Sequence(0);
        let properties: Vec<_> = keys.iter().map(|key| (*key, Value::Int(0))).collect();
        let transaction = history.transaction();
        let id = transaction
            .create_node(seq, &labels, properties.clone())
            .unwrap();
        history.now.nodes.insert(
            id,
            (
                labels.into_iter().collect(),
                properties.into_iter().collect(),
            ),
        );
        for type_id in types {
            let transaction = history.transaction.as_ref().unwrap();
            let r = transaction
                .create_relationship(seq, type_id, id, id, vec![])
                .unwrap();
            history
                .now
                .relationships
                .insert(r, (type_id, id, id, Properties::new()));
        }
        history.commit();
        history
    }

    fn open(&mut self) {
        let store = self.bench.open();
        let graph = Arc::new(Graph::open(store, self.options.clone()).unwrap());
        self.log.attach(&graph).unwrap();
        self.graph = Some(graph);
    }

    pub fn graph(&self) -> &Arc<Graph> {
        self.graph.as_ref().unwrap()
    }

    fn transaction(&mut self) -> &Transaction {
        let graph = self.graph.as_ref().unwrap();
        self.transaction
            .get_or_insert_with(|| graph.begin(Isolation::Serializable))
    }

    fn commit(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            let committed = transaction.commit(CommitInfo::default()).unwrap();
            if committed.version.0 as usize == self.versions.len() {
                self.versions.push(self.now.clone());
            } else {
                // Nothing changed in the end.
                assert_eq!(committed.version.0 as usize, self.versions.len() - 1);
                assert_eq!(self.versions.last(), Some(&self.now));
            }
        }
    }

    fn node(&self, choice: u8) -> Option<NodeId> {
        let count = self.now.nodes.len();
        (count > 0).then(|| *self.now.nodes.keys().nth(choice as usize % count).unwrap())
    }

    fn relationship(&self, choice: u8) -> Option<RelationshipId> {
        let count = self.now.relationships.len();
        (count > 0).then(|| {
            *self
                .now
                .relationships
                .keys()
                .nth(choice as usize % count)
                .unwrap()
        })
    }

    pub fn step(&mut self, step: &Step) {
        let seq = Sequence(1);
        match *step {
            Step::CreateNode { labels, value: v } => {
                let labels: BTreeSet<LabelId> = (0..3)
                    .filter(|bit| labels >> bit & 1 == 1)
                    .map(|bit| self.labels[bit])
                    .collect();
                let mut properties = Properties::new();
                if value(v) != Value::Null {
                    properties.insert(self.keys[0], value(v));
                }
                let given: Vec<_> = labels.iter().copied().collect();
                let id = self
                    .transaction()
                    .create_node(seq, &given, properties.clone().into_iter().collect())
                    .unwrap();
                assert!(self.now.nodes.insert(id, (labels, properties)).is_none());
            }
            Step::CreateRelationship {
                start,
                end,
                type_id,
                value: v,
            } => {
                let (Some(start), Some(end)) = (self.node(start), self.node(end)) else {
                    return;
                };
                let type_id = self.types[type_id as usize % 2];
                let mut properties = Properties::new();
                if value(v) != Value::Null {
                    properties.insert(self.keys[0], value(v));
                }
                self.create_relationship(type_id, start, end, properties);
            }
            Step::Recreate { relationship } => {
                let Some(id) = self.relationship(relationship) else {
                    return;
                };
                let (type_id, start, end, properties) = self.now.relationships.remove(&id).unwrap();
                self.transaction().delete_relationship(seq, id).unwrap();
                self.create_relationship(type_id, start, end, properties);
            }
            Step::SetNode {
                node,
                key,
                value: v,
            } => {
                let Some(id) = self.node(node) else {
                    return;
                };
                let key = self.keys[key as usize % 2];
                self.transaction()
                    .set_property(seq, id.into(), key, value(v))
                    .unwrap();
                let properties = &mut self.now.nodes.get_mut(&id).unwrap().1;
                set(properties, key, value(v));
            }
            Step::SetRelationship {
                relationship,
                key,
                value: v,
            } => {
                let Some(id) = self.relationship(relationship) else {
                    return;
                };
                let key = self.keys[key as usize % 2];
                self.transaction()
                    .set_property(seq, id.into(), key, value(v))
                    .unwrap();
                let properties = &mut self.now.relationships.get_mut(&id).unwrap().3;
                set(properties, key, value(v));
            }
            Step::AddLabel { node, label } => {
                let Some(id) = self.node(node) else {
                    return;
                };
                let label = self.labels[label as usize % 3];
                self.transaction().add_labels(seq, id, &[label]).unwrap();
                self.now.nodes.get_mut(&id).unwrap().0.insert(label);
            }
            Step::RemoveLabel { node, label } => {
                let Some(id) = self.node(node) else {
                    return;
                };
                let label = self.labels[label as usize % 3];
                self.transaction().remove_labels(seq, id, &[label]).unwrap();
                self.now.nodes.get_mut(&id).unwrap().0.remove(&label);
            }
            Step::DeleteRelationship { relationship } => {
                let Some(id) = self.relationship(relationship) else {
                    return;
                };
                self.transaction().delete_relationship(seq, id).unwrap();
                self.now.relationships.remove(&id);
            }
            Step::DeleteNode { node } => {
                let Some(id) = self.node(node) else {
                    return;
                };
                let left: Vec<_> = self
                    .now
                    .relationships
                    .iter()
                    .filter(|(_, (_, start, end, _))| *start == id || *end == id)
                    .map(|(id, _)| *id)
                    .collect();
                for relationship in left {
                    self.transaction()
                        .delete_relationship(seq, relationship)
                        .unwrap();
                    self.now.relationships.remove(&relationship);
                }
                self.transaction().delete_node(seq, id).unwrap();
                self.now.nodes.remove(&id);
            }
            Step::Commit => {
                if let Some(transaction) = &self.transaction {
                    // The transaction sees its own writes as the model does.
                    check_view(&transaction.read(), &self.now, &self.names());
                }
                self.commit();
            }
            Step::Rollback => {
                if let Some(transaction) = self.transaction.take() {
                    transaction.rollback();
                    self.now = self.versions.last().unwrap().clone();
                }
            }
            Step::CreateIndex { label, key } => {
                self.commit();
                let name = format!("i{}", self.index_count);
                self.index_count += 1;
                let label = self.labels[label as usize % 3];
                let key = self.keys[key as usize % 2];
                if self.transaction().create_index(&name, label, key).is_ok() {
                    self.indexes.push(name);
                }
                self.commit();
            }
            Step::CreateRule { shape } => {
                self.commit();
                self.create_rule(shape);
                self.commit();
            }
            Step::DropIndex => {
                self.commit();
                if let Some(name) = self.indexes.pop() {
                    self.transaction().drop_index(&name).unwrap();
                    self.commit();
                }
            }
            Step::Build { elements } => {
                let bounds = StepBounds {
                    elements: u32::from(elements),
                    ..StepBounds::default()
                };
                self.graph().build_step(bounds).unwrap();
            }
            Step::Flush => self.graph().flush().unwrap(),
            Step::Crash => {
                self.transaction = None;
                self.now = self.versions.last().unwrap().clone();
                self.graph = None;
                self.bench.crash();
                self.open();
            }
            Step::Compact => {
                for family in Family::ALL {
                    self.graph().store().compact(family).unwrap();
                }
            }
        }
    }

    fn create_relationship(
        &mut self,
        type_id: TypeId,
        start: NodeId,
        end: NodeId,
        properties: Properties,
    ) {
        let given = properties.clone().into_iter().collect();
        let id = self
            .transaction()
            .create_relationship(Sequence(1), type_id, start, end, given)
            .unwrap();
        let row = (type_id, start, end, properties);
        assert!(self.now.relationships.insert(id, row).is_none());
    }

    fn names(&self) -> Names {
        Names {
            labels: self.labels.clone(),
            types: self.types.clone(),
            keys: self.keys.clone(),
        }
    }

    /// Compares every version with the model.
    pub fn check(&self) {
        let graph = self.graph();
        assert_eq!(graph.applied().version.0 as usize, self.versions.len() - 1);
        for (version, state) in self.versions.iter().enumerate() {
            let read = graph.read_at(Version(version as u64)).unwrap();
            if version > 0 {
                check_view(&read, state, &self.names());
            }
            self.check_intervals(&read, version);
        }
        for version in 1..self.versions.len() {
            graph.verify_version(Version(version as u64)).unwrap();
        }
        self.check_rows();
    }

    /// Compares the current rows of indexes, and how many are counted, with the model.
    fn check_rows(&self) {
        let read = self.graph().read_latest();
        let estimates = read.estimates();
        for index in read.catalog().indexes() {
            let state = self.versions.last().unwrap();
            let mut expected = BTreeSet::new();
            for (id, (labels, properties)) in &state.nodes {
                if let Some(value) = properties.get(&index.key)
                    && labels.contains(&index.label)
                {
                    let row = property_key(index.label, index.key, value, *id);
                    expected.insert(row.to_vec());
                }
            }
            let prefix = property_prefix(index.label, index.key);
            let store = self.graph().store();
            let end = prefix_end(&prefix);
            let mut cursor = store.scan(Family::Index, &prefix, &end, false).unwrap();
            let mut rows = BTreeSet::new();
            while cursor.valid() {
                rows.insert(cursor.key().to_vec());
                cursor.next();
            }
            if index.is_online() {
                assert_eq!(rows, expected, "{index:?}");
                let entries = estimates.indexes[&index.id].entries;
                assert_eq!(entries, rows.len() as u64, "{index:?}");
            } else {
                assert!(rows.is_subset(&expected), "{index:?}");
                assert!(!estimates.indexes.contains_key(&index.id));
            }
        }
    }

    /// Builds all indexes to their end.
    pub fn finish_builds(&self) {
        self.graph().build_indexes(|| true).unwrap();
        let indexes = self.graph().read_latest().catalog().indexes();
        assert!(indexes.iter().all(|index| index.is_online()));
    }

    fn check_intervals(&self, read: &GraphRead, version: usize) {
        let state = &self.versions[version];
        let elements = state.nodes.keys().map(|id| ElementId::Node(*id)).chain(
            state
                .relationships
                .keys()
                .map(|id| ElementId::Relationship(*id)),
        );
        for element in elements {
            let same = |other: &State| match element {
                ElementId::Node(id) => exactly(other.nodes.get(&id), state.nodes.get(&id)),
                ElementId::Relationship(id) => {
                    exactly(other.relationships.get(&id), state.relationships.get(&id))
                }
            };
            let mut from = version;
            while from > 0 && same(&self.versions[from - 1]) {
                from -= 1;
            }
            let mut to = version;
            while to < self.versions.len() && same(&self.versions[to]) {
                to += 1;
            }
            let to = (to < self.versions.len()).then_some(Version(to as u64));
            assert_eq!(
                read.interval(element).unwrap(),
                Some((Version(from as u64), to)),
                "{element:?} at {version}"
            );
        }
    }
}

/// Equal in the types of values too: an integer and a float are different states.
fn exactly<T: std::fmt::Debug>(a: Option<&T>, b: Option<&T>) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

fn set(properties: &mut Properties, key: KeyId, value: Value) {
    if value == Value::Null {
        properties.remove(&key);
    } else {
        properties.insert(key, value);
    }
}

pub struct Names {
    labels: Vec<LabelId>,
    types: Vec<TypeId>,
    keys: Vec<KeyId>,
}

/// Runs a scan to its end in small batches.
fn all<T>(mut batch: impl FnMut(&mut ScanCursor, usize, &mut Vec<T>)) -> Vec<T> {
    let (mut rows, mut cursor) = (Vec::new(), ScanCursor::default());
    for limit in [1, 2, 3, 5, 64].into_iter().chain(std::iter::repeat(1_000)) {
        if cursor.is_done() {
            break;
        }
        let before = rows.len();
        batch(&mut cursor, limit, &mut rows);
        assert!(rows.len() <= before + limit);
    }
    rows
}

/// Compares everything a view can say with a state.
pub fn check_view(read: &GraphRead, state: &State, names: &Names) {
    let nodes = all(|cursor, limit, out| read.scan_nodes(cursor, limit, out).unwrap());
    assert_eq!(nodes, state.nodes.keys().copied().collect::<Vec<_>>());
    assert_eq!(read.count_nodes(None).unwrap(), state.nodes.len() as u64);
    for (id, (labels, properties)) in &state.nodes {
        let node = read.node(*id).unwrap().unwrap();
        assert_eq!(node.labels(), labels.iter().copied().collect::<Vec<_>>());
        assert!(read.node_exists(*id).unwrap());
        let found: Properties = node.properties().unwrap().into_iter().collect();
        assert!(
            exactly(Some(&found), Some(properties)),
            "{found:?} {properties:?}"
        );
        for key in &names.keys {
            let found = read.property((*id).into(), *key).unwrap();
            let expected = properties.get(key).cloned().unwrap_or_default();
            assert!(exactly(Some(&found), Some(&expected)));
        }
    }
    for label in &names.labels {
        let expected: Vec<_> = state
            .nodes
            .iter()
            .filter(|(_, (labels, _))| labels.contains(label))
            .map(|(id, _)| *id)
            .collect();
        let found = all(|cursor, limit, out| read.scan_label(*label, cursor, limit, out).unwrap());
        assert_eq!(found, expected, "label {label}");
        let found = all(|cursor, limit, out: &mut Vec<NodeId>| {
            match read.scan_label_run(*label, cursor, limit) {
                Some(run) => out.extend(run.map(NodeId)),
                None => read.scan_label(*label, cursor, limit, out).unwrap(),
            }
        });
        assert_eq!(found, expected, "runs of label {label}");
        assert_eq!(
            read.count_nodes(Some(*label)).unwrap(),
            expected.len() as u64
        );
        for id in state.nodes.keys() {
            assert_eq!(read.has_label(*id, *label).unwrap(), expected.contains(id));
        }
        for key in &names.keys {
            check_index(read, state, *label, *key);
        }
    }
    check_relationships(read, state, names);
    rules::check_rules(read, state, names);
    check_batches(read, state, names);
}

/// Compares what is read of many elements at once.
fn check_batches(read: &GraphRead, state: &State, names: &Names) {
    // Far apart, repeated, and with ids of nothing in between.
    let mut nodes: Vec<NodeId> = state.nodes.keys().rev().copied().collect();
    nodes.extend(state.nodes.keys().flat_map(|id| [*id, NodeId(id.0 + 1)]));
    let mut relationships: Vec<_> = state.relationships.keys().rev().copied().collect();
    relationships.extend(state.relationships.keys().copied());
    for key in &names.keys {
        let mut column = Column::default();
        read.node_properties(&nodes, *key, &mut column).unwrap();
        assert_eq!(column.len(), nodes.len());
        for (row, id) in nodes.iter().enumerate() {
            let properties = state.nodes.get(id).map(|(_, properties)| properties);
            let expected = properties
                .and_then(|p| p.get(key))
                .cloned()
                .unwrap_or_default();
            assert!(
                exactly(Some(&column.get(row)), Some(&expected)),
                "{id} {key}"
            );
        }
        // Ranges around the first and the last node, and over the end of a block.
        let ends = [state.nodes.keys().next(), state.nodes.keys().next_back()];
        for near in ends.into_iter().flatten() {
            let block_end = (near.0 / 4_096 + 1) * 4_096;
            for first in [near.0.saturating_sub(9), block_end - 5] {
                let ids = first..first + 12;
                read.node_properties_in(ids.clone(), *key, &mut column)
                    .unwrap();
                assert_eq!(column.len(), 12);
                for (row, id) in ids.map(NodeId).enumerate() {
                    let properties = state.nodes.get(&id).map(|(_, properties)| properties);
                    let expected = properties.and_then(|p| p.get(key)).cloned();
                    assert!(
                        exactly(Some(&column.get(row)), Some(&expected.unwrap_or_default())),
                        "{id} {key} in a range"
                    );
                }
            }
        }
        read.relationship_properties(&relationships, *key, &mut column)
            .unwrap();
        assert_eq!(column.len(), relationships.len());
        for (row, id) in relationships.iter().enumerate() {
            let expected = state.relationships[id]
                .3
                .get(key)
                .cloned()
                .unwrap_or_default();
            assert!(
                exactly(Some(&column.get(row)), Some(&expected)),
                "{id} {key}"
            );
        }
    }
    for direction in [None, Some(Direction::Outgoing), Some(Direction::Incoming)] {
        for types in [vec![], vec![names.types[1]]] {
            let (mut expected, mut found) = (Expansion::default(), Expansion::default());
            for (row, node) in (0..).zip(&nodes) {
                read.expand(*node, direction, &types, |other, id, _| {
                    expected.rows.push(row);
                    expected.neighbours.push(other);
                    expected.relationships.push(id);
                })
                .unwrap();
            }
            let mut done = 0;
            while done < nodes.len() {
                let mut some = Expansion::default();
                let rest = &nodes[done..];
                let more = read
                    .expand_batch(rest, direction, &types, true, 3, &mut some)
                    .unwrap();
                assert!(more > 0);
                found
                    .rows
                    .extend(some.rows.iter().map(|row| row + done as u32));
                found.neighbours.extend(some.neighbours);
                found.relationships.extend(some.relationships);
                done += more;
            }
            assert_eq!(found, expected);
            let mut degrees = Vec::new();
            read.degrees(&nodes, direction, &types, &mut degrees)
                .unwrap();
            for (row, degree) in (0..).zip(degrees) {
                let count = expected.rows.iter().filter(|of| **of == row).count();
                assert_eq!(degree, count as u64);
            }
        }
    }
    for label in &names.labels {
        let mut has: Vec<bool> = (0..nodes.len()).map(|row| row % 5 != 0).collect();
        read.have_label(&nodes, *label, &mut has).unwrap();
        for (row, (id, has)) in nodes.iter().zip(has).enumerate() {
            let node = state.nodes.get(id);
            let expected = node.is_some_and(|(labels, _)| labels.contains(label));
            assert_eq!(has, row % 5 != 0 && expected, "{id} {label}");
        }
    }
}

fn check_relationships(read: &GraphRead, state: &State, names: &Names) {
    for types in [
        vec![],
        vec![names.types[0]],
        vec![names.types[1]],
        names.types.clone(),
    ] {
        let expected: Vec<_> = state
            .relationships
            .iter()
            .filter(|(_, (t, ..))| types.is_empty() || types.contains(t))
            .map(|(id, (t, start, end, _))| (*id, *t, *start, *end))
            .collect();
        let found =
            all(|cursor, limit, out| read.scan_relationships(&types, cursor, limit, out).unwrap());
        assert_eq!(found, expected);
        for node in state.nodes.keys() {
            check_expand(read, state, *node, &types);
        }
    }
    let count = state.relationships.len() as u64;
    assert_eq!(read.count_relationships(None).unwrap(), count);
    for (id, (type_id, start, end, properties)) in &state.relationships {
        let found = read.relationship(*id).unwrap().unwrap();
        assert_eq!(
            (found.type_id(), found.start(), found.end()),
            (*type_id, *start, *end)
        );
        let found: Properties = found.properties().unwrap().into_iter().collect();
        assert!(exactly(Some(&found), Some(properties)));
        assert_eq!(read.ends(*id).unwrap(), Some((*type_id, *start, *end)));
    }
}

fn check_expand(read: &GraphRead, state: &State, node: NodeId, types: &[TypeId]) {
    for direction in [None, Some(Direction::Outgoing), Some(Direction::Incoming)] {
        let mut expected = BTreeSet::new();
        for (id, (t, start, end, _)) in &state.relationships {
            if !types.is_empty() && !types.contains(t) {
                continue;
            }
            if *start == node && direction != Some(Direction::Incoming) {
                expected.insert((*t, *end, *id));
            }
            if *end == node && direction != Some(Direction::Outgoing) {
                expected.insert((*t, *start, *id));
            }
        }
        let expected: Vec<_> = expected.into_iter().collect();
        let mut found = Vec::new();
        read.expand(node, direction, types, |other, id, t| {
            found.push((t, other, id))
        })
        .unwrap();
        assert_eq!(found, expected, "node {node} {direction:?} {types:?}");
        assert_eq!(
            read.degree(node, direction, types).unwrap(),
            expected.len() as u64
        );
        if let Some((_, other, _)) = expected.first() {
            let mut found = Vec::new();
            read.expand_into(node, direction, types, *other, |_, id, t| {
                found.push((t, id))
            })
            .unwrap();
            let expected: Vec<_> = expected
                .iter()
                .filter(|(_, o, _)| o == other)
                .map(|(t, _, id)| (*t, *id))
                .collect();
            assert_eq!(found, expected);
        }
    }
}

fn check_index(read: &GraphRead, state: &State, label: LabelId, key: KeyId) {
    let Some(index) = read.catalog().index_on(label, key) else {
        return;
    };
    let with = |test: &dyn Fn(&Value) -> bool| -> BTreeSet<NodeId> {
        state
            .nodes
            .iter()
            .filter(|(_, (labels, properties))| {
                labels.contains(&label) && properties.get(&key).is_some_and(test)
            })
            .map(|(id, _)| *id)
            .collect()
    };
    for choice in 1..17 {
        let wanted = value(choice);
        let found = all(|c, limit, out| read.seek_equal(index.id, &wanted, c, limit, out).unwrap());
        let expected = with(&|value| value.equivalent(&wanted));
        assert_eq!(
            found.into_iter().collect::<BTreeSet<_>>(),
            expected,
            "= {wanted:?}"
        );
    }
    let one = Value::Int(1);
    let above = all(|c, limit, out| {
        read.seek_range(
            index.id,
            Bound::Excluded(&one),
            Bound::Unbounded,
            c,
            limit,
            out,
        )
        .unwrap();
    });
    let expected = with(&|value| value.compare(&one).is_gt() == Some(true));
    assert_eq!(above.into_iter().collect::<BTreeSet<_>>(), expected, "> 1");
    let upto = all(|c, limit, out| {
        read.seek_range(
            index.id,
            Bound::Unbounded,
            Bound::Included(&one),
            c,
            limit,
            out,
        )
        .unwrap();
    });
    let expected = with(&|value| value.compare(&one).is_le() == Some(true));
    assert_eq!(upto.into_iter().collect::<BTreeSet<_>>(), expected, "<= 1");
    let prefixed = all(|c, limit, out| read.seek_prefix(index.id, "one", c, limit, out).unwrap());
    let expected = with(&|value| matches!(value, Value::String(s) if s.starts_with("one")));
    assert_eq!(
        prefixed.into_iter().collect::<BTreeSet<_>>(),
        expected,
        "prefix"
    );
    let everything = all(|c, limit, out| {
        read.seek_range(index.id, Bound::Unbounded, Bound::Unbounded, c, limit, out)
            .unwrap();
    });
    assert_eq!(everything.len(), with(&|_| true).len());
}
