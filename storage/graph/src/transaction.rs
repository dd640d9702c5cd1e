//! Transactions: own writes over a view, certified and committed as one version.
//!
//! A transaction reads the view it began with, and its own writes. What it reads is noted by
//! [`GraphRead`](crate::read::GraphRead) itself in the footprint; constraints note what they need
//! to hold under either isolation. At the end its writes become effects, which the sequencer
//! certifies.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::blocks::Space;
use crate::catalog::IndexDefinition;
use crate::commit::{CommitInfo, Committed};
use crate::effect::{Effect, EffectHasher, encode_effect};
use crate::encoding::record::{ElementState, normalize_properties, set_property};
use crate::entry::TRANSACTION_BYTES_MAX;
use crate::error::{CommitError, GraphError};
use crate::footprint::{Footprint, WriteKeys, fact};
use crate::graph::Graph;
use crate::ids::{ElementId, IndexId, KeyId, LabelId, NodeId, RelationshipId, TypeId, Version};
use crate::kv::Family;
use crate::overlay::{Overlay, OwnToken, Seen, both_ways};
use crate::read::GraphRead;
use crate::rows::closed::SetRange;
use crate::rows::meta::TokenKind;
use crate::rows::{
    Key, VALUE_KEY_BYTES_MAX, label_key, label_prefix, prefix_end, property_key, property_prefix,
    read_trailing_node,
};
use crate::sequencer::{Body, Proposal};
use crate::value::Value;

type Result<T> = std::result::Result<T, GraphError>;

/// Where in a transaction a write was made: statement and clause. A read bound by
/// [`GraphRead::below`] sees writes of smaller sequences only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u32);

impl Sequence {
    /// The sequence of a clause of a statement.
    #[must_use]
    pub const fn new(statement: u16, clause: u16) -> Self {
        Self((statement as u32) << 16 | clause as u32)
    }
}

/// What a commit is certified against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Everything that was read: transactions behave as if run one after the other.
    #[default]
    Serializable,
    /// Only what was written, and what constraints need: write skew is possible.
    Snapshot,
}

/// A point within a transaction to which its writes can be rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    journal: usize,
    schema: usize,
}

/// A transaction. Its writes are gone unless it is committed.
pub struct Transaction {
    state: Arc<TransactionState>,
}

/// What the reads of a transaction share with it.
pub(crate) struct TransactionState {
    graph: Arc<Graph>,
    view: Version,
    isolation: Isolation,
    overlay: RwLock<Overlay>,
    has_writes: AtomicBool,
    footprint: Mutex<Footprint>,
    tokens: RwLock<Vec<OwnToken>>,
    schema: Mutex<Vec<SchemaChange>>,
}

#[derive(Clone)]
enum SchemaChange {
    Create(IndexDefinition),
    Drop(Arc<IndexDefinition>),
}

impl Drop for TransactionState {
    fn drop(&mut self) {
        self.graph.sequencer.leave(self.view);
    }
}

/// The writes of a transaction as far as one read sees them.
#[derive(Clone)]
pub(crate) struct OwnWrites {
    state: Arc<TransactionState>,
    /// Sequences below it are seen.
    below: u64,
}

impl OwnWrites {
    pub fn below(&self, sequence: Sequence) -> Self {
        Self {
            state: Arc::clone(&self.state),
            below: u64::from(sequence.0).min(self.below),
        }
    }

    /// Whether reads have to look for own writes at all.
    pub fn exist(&self) -> bool {
        self.state.has_writes.load(Ordering::Relaxed)
    }

    pub fn see(&self, element: ElementId) -> Seen {
        if self.exist() {
            self.state.overlay.read().see(element, self.below)
        } else {
            Seen::AsStored
        }
    }

    /// Reads the overlay. `see` must not be called meanwhile.
    pub fn with<T>(&self, read: impl FnOnce(&Overlay, u64) -> T) -> T {
        read(&self.state.overlay.read(), self.below)
    }

    /// Notes that a fact was read.
    pub fn note_point(&self, key: impl FnOnce() -> Key) {
        if self.state.isolation == Isolation::Serializable {
            self.state.footprint.lock().point(key());
        }
    }

    /// Notes that a range of facts was read.
    pub fn note_range(&self, range: impl FnOnce() -> (Key, Key)) {
        if self.state.isolation == Isolation::Serializable {
            let (lower, upper) = range();
            self.state.footprint.lock().range(lower, upper);
        }
    }

    /// The number of a name that the catalog of the view does not have.
    pub fn token(&self, kind: TokenKind, name: &str) -> Option<u32> {
        let own = self.state.tokens.read();
        let found = own
            .iter()
            .find(|token| token.kind == kind && &*token.name == name)
            .map(|token| token.id);
        if found.is_none() {
            self.note_point(|| fact::token(kind, name));
        }
        found
    }

    pub fn token_name(&self, kind: TokenKind, id: u32) -> Option<Arc<str>> {
        let own = self.state.tokens.read();
        own.iter()
            .find(|token| token.kind == kind && token.id == id)
            .map(|token| Arc::clone(&token.name))
    }

    pub fn tokens(&self, kind: TokenKind) -> Vec<(u32, Arc<str>)> {
        let own = self.state.tokens.read();
        own.iter()
            .filter(|token| token.kind == kind)
            .map(|token| (token.id, Arc::clone(&token.name)))
            .collect()
    }
}

impl Transaction {
    pub(crate) fn begin(graph: Arc<Graph>, isolation: Isolation) -> Self {
        let view = graph.sequencer.enter(&graph);
        Self {
            state: Arc::new(TransactionState {
                graph,
                view,
                isolation,
                overlay: RwLock::default(),
                has_writes: AtomicBool::new(false),
                footprint: Mutex::default(),
                tokens: RwLock::default(),
                schema: Mutex::default(),
            }),
        }
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &Arc<Graph> {
        &self.state.graph
    }

    /// The version of the view.
    #[must_use]
    pub fn view(&self) -> Version {
        self.state.view
    }

    /// The view with all own writes; bind it with [`GraphRead::below`] to see earlier ones only.
    #[must_use]
    pub fn read(&self) -> GraphRead {
        let own = OwnWrites {
            state: Arc::clone(&self.state),
            below: u64::MAX,
        };
        GraphRead::new(Arc::clone(&self.state.graph), self.state.view, Some(own))
    }

    /// Whether anything has been written.
    #[must_use]
    pub fn has_writes(&self) -> bool {
        self.state.has_writes.load(Ordering::Relaxed) || !self.state.schema.lock().is_empty()
    }

    fn token(&self, kind: TokenKind, name: &str) -> u32 {
        let graph = &self.state.graph;
        let known = graph.catalog.load().token(kind, name);
        if let Some((id, created)) = known
            && created <= self.state.view
        {
            return id;
        }
        let own = self.state.tokens.read();
        if let Some(token) = own
            .iter()
            .find(|token| token.kind == kind && &*token.name == name)
        {
            return token.id;
        }
        drop(own);
        let name: Arc<str> = name.into();
        let id = match known {
            Some((id, _)) => id,
            None => graph.sequencer.token(graph, kind, &name),
        };
        self.state.tokens.write().push(OwnToken { kind, id, name });
        id
    }

    /// The label of this name, made within the transaction if there is none.
    pub fn label_id(&self, name: &str) -> Result<LabelId> {
        Ok(LabelId(self.token(TokenKind::Label, name)))
    }

    /// The relationship type of this name, made within the transaction if there is none.
    pub fn type_id(&self, name: &str) -> Result<TypeId> {
        Ok(TypeId(self.token(TokenKind::Type, name)))
    }

    /// The property key of this name, made within the transaction if there is none.
    pub fn key_id(&self, name: &str) -> Result<KeyId> {
        Ok(KeyId(self.token(TokenKind::Key, name)))
    }

    /// Notes what must not have changed whatever the isolation.
    fn require(&self, range: (Key, Key)) {
        self.state.footprint.lock().range(range.0, range.1);
    }

    fn check_room(&self) -> Result<()> {
        if !self.state.schema.lock().is_empty() {
            return Err(GraphError::SchemaAndData);
        }
        if self.state.overlay.read().bytes > TRANSACTION_BYTES_MAX {
            return Err(GraphError::TransactionTooLarge {
                limit: TRANSACTION_BYTES_MAX,
            });
        }
        Ok(())
    }

    /// Creates a node. Labels and properties need not be sorted; of several values of one key the
    /// last counts, and nulls are dropped.
    pub fn create_node(
        &self,
        sequence: Sequence,
        labels: &[LabelId],
        mut properties: Vec<(KeyId, Value)>,
    ) -> Result<NodeId> {
        self.check_room()?;
        let mut labels = labels.to_vec();
        labels.sort_unstable();
        labels.dedup();
        normalize_properties(&mut properties);
        check_storable(&properties)?;
        let graph = &self.state.graph;
        let owner: crate::blocks::Owner = labels.iter().map(|label| label.0).collect();
        let id = NodeId(graph.sequencer.allocate(graph, Space::Nodes, &owner)?);
        let mut overlay = self.state.overlay.write();
        overlay.nodes.insert(id);
        overlay.note_base(id.into(), None);
        self.put(
            &mut overlay,
            id.into(),
            sequence,
            Some(ElementState::Node { labels, properties }),
        );
        Ok(id)
    }

    /// Creates a relationship between nodes that exist.
    pub fn create_relationship(
        &self,
        sequence: Sequence,
        type_id: TypeId,
        start: NodeId,
        end: NodeId,
        mut properties: Vec<(KeyId, Value)>,
    ) -> Result<RelationshipId> {
        self.check_room()?;
        normalize_properties(&mut properties);
        check_storable(&properties)?;
        for node in [start, end] {
            if !self.end_exists(node)? {
                return Err(GraphError::NoSuchEnd(node));
            }
        }
        let graph = &self.state.graph;
        let id = RelationshipId(graph.sequencer.allocate(
            graph,
            Space::Relationships,
            &[type_id.0],
        )?);
        let mut overlay = self.state.overlay.write();
        overlay.note_base(id.into(), None);
        self.put(
            &mut overlay,
            id.into(),
            sequence,
            Some(ElementState::Relationship {
                type_id,
                start,
                end,
                properties,
            }),
        );
        Ok(id)
    }

    fn end_exists(&self, node: NodeId) -> Result<bool> {
        match self.state.overlay.read().see(node.into(), u64::MAX) {
            Seen::Own(state) => return Ok(state.is_some()),
            Seen::AsStored => {}
        }
        let key = fact::node(node);
        self.state.footprint.lock().point(key);
        let stored = self.state.graph.stored(self.state.view);
        Ok(stored.element(node.into(), |_| Ok(()))?.is_some())
    }

    fn put(
        &self,
        overlay: &mut Overlay,
        element: ElementId,
        sequence: Sequence,
        state: Option<ElementState>,
    ) {
        if let (ElementId::Node(id), Some(ElementState::Node { labels, properties })) =
            (element, &state)
        {
            let catalog = self.state.graph.catalog.load();
            for label in labels {
                for index in catalog.indexes_of(*label) {
                    let value = properties.iter().find(|(key, _)| *key == index.key);
                    if let Some((key, value)) = value {
                        overlay.values.insert(property_key(*label, *key, value, id));
                    }
                }
            }
        }
        overlay.put(element, sequence, state);
        self.state.has_writes.store(true, Ordering::Relaxed);
    }

    /// Changes the state of an element that exists. `change` returns whether it changed anything.
    fn change(
        &self,
        sequence: Sequence,
        element: ElementId,
        change: impl FnOnce(&mut ElementState) -> bool,
    ) -> Result<()> {
        self.check_room()?;
        let mut overlay = self.state.overlay.write();
        self.note_base(&mut overlay, element)?;
        let latest = overlay
            .written(element)
            .and_then(|written| written.latest());
        let Some(latest) = latest else {
            return Err(GraphError::NoSuchElement(element));
        };
        let mut state = ElementState::clone(latest);
        if change(&mut state) {
            self.put(&mut overlay, element, sequence, Some(state));
        }
        Ok(())
    }

    /// Reads the state of an element in the view into the overlay, if it is not there.
    fn note_base(&self, overlay: &mut Overlay, element: ElementId) -> Result<()> {
        if overlay.written(element).is_some() {
            return Ok(());
        }
        let stored = self.state.graph.stored(self.state.view);
        let base = stored.element(element, |record| {
            Ok((record.from(), Arc::new(record.state()?)))
        })?;
        if base.is_some() {
            overlay.note_base(element, base);
        }
        Ok(())
    }

    /// Sets a property; null removes it.
    pub fn set_property(
        &self,
        sequence: Sequence,
        element: ElementId,
        key: KeyId,
        value: Value,
    ) -> Result<()> {
        let property = [(key, value)];
        check_storable(&property)?;
        let [(_, value)] = property;
        self.change(sequence, element, |state| {
            let is_same = match state.property(key) {
                Some(before) => before.same(&value),
                None => matches!(value, Value::Null),
            };
            if !is_same {
                set_property(state.properties_mut(), key, value);
            }
            !is_same
        })
    }

    /// Gives an element exactly these properties.
    pub fn replace_properties(
        &self,
        sequence: Sequence,
        element: ElementId,
        mut properties: Vec<(KeyId, Value)>,
    ) -> Result<()> {
        normalize_properties(&mut properties);
        check_storable(&properties)?;
        self.change(sequence, element, |state| {
            *state.properties_mut() = properties;
            true
        })
    }

    /// Adds labels to a node.
    pub fn add_labels(&self, sequence: Sequence, node: NodeId, added: &[LabelId]) -> Result<()> {
        self.change(sequence, node.into(), |state| {
            let ElementState::Node { labels, .. } = state else {
                return false;
            };
            let before = labels.len();
            labels.extend_from_slice(added);
            labels.sort_unstable();
            labels.dedup();
            labels.len() != before
        })
    }

    /// Removes labels from a node.
    pub fn remove_labels(
        &self,
        sequence: Sequence,
        node: NodeId,
        removed: &[LabelId],
    ) -> Result<()> {
        self.change(sequence, node.into(), |state| {
            let ElementState::Node { labels, .. } = state else {
                return false;
            };
            let before = labels.len();
            labels.retain(|label| !removed.contains(label));
            labels.len() != before
        })
    }

    /// Deletes a relationship. One deleted already stays so.
    pub fn delete_relationship(&self, sequence: Sequence, id: RelationshipId) -> Result<()> {
        self.delete(sequence, id.into())
    }

    /// Deletes a node. One deleted already stays so. Whether relationships are left is asked by
    /// [`check_statement`](Transaction::check_statement).
    pub fn delete_node(&self, sequence: Sequence, id: NodeId) -> Result<()> {
        self.delete(sequence, id.into())
    }

    fn delete(&self, sequence: Sequence, element: ElementId) -> Result<()> {
        self.check_room()?;
        let mut overlay = self.state.overlay.write();
        self.note_base(&mut overlay, element)?;
        let Some(written) = overlay.written(element) else {
            return Err(GraphError::NoSuchElement(element));
        };
        if written.latest().is_some() {
            self.put(&mut overlay, element, sequence, None);
        }
        Ok(())
    }

    /// Checks what must hold at the end of each statement: deleted nodes have no relationships
    /// left, unique values are unique, indexed values are short enough.
    pub fn check_statement(&self) -> Result<()> {
        if !self.state.has_writes.load(Ordering::Relaxed) {
            return Ok(());
        }
        let elements = self.state.overlay.read().unchecked();
        let read = self.read();
        let catalog = self.state.graph.catalog.load_full();
        for element in elements {
            let ElementId::Node(id) = element else {
                continue;
            };
            let (state, is_new) = {
                let overlay = self.state.overlay.read();
                match overlay.written(element) {
                    Some(written) => (written.latest().cloned(), written.base.is_none()),
                    None => continue,
                }
            };
            let Some(state) = state else {
                self.check_disconnected(&read, id, is_new)?;
                continue;
            };
            if catalog.has_no_index() {
                continue;
            }
            for label in state.labels() {
                for index in catalog.indexes_of(*label) {
                    if let Some(value) = state.property(index.key) {
                        self.check_value(index, id, value)?;
                    }
                }
            }
        }
        self.state.overlay.write().all_checked();
        Ok(())
    }

    fn check_disconnected(&self, read: &GraphRead, id: NodeId, is_new: bool) -> Result<()> {
        if !is_new {
            self.require(fact::starting_with(fact::adjacency(&id.0.to_be_bytes())));
        }
        let mut left = None;
        read.expand(id, None, &[], |_, relationship, _| {
            left.get_or_insert(relationship);
        })?;
        match left {
            Some(relationship) => Err(GraphError::NodeStillConnected {
                node: id,
                relationship,
            }),
            None => Ok(()),
        }
    }

    fn names(&self, index: &IndexDefinition) -> (Arc<str>, Arc<str>) {
        let catalog = self.read().catalog();
        (
            catalog.label_name(index.label).unwrap_or_default(),
            catalog.key_name(index.key).unwrap_or_default(),
        )
    }

    fn check_value(&self, index: &IndexDefinition, node: NodeId, value: &Value) -> Result<()> {
        let row = property_key(index.label, index.key, value, node);
        let set = SetRange::new(Family::Index, property_prefix(index.label, index.key));
        let start = &row[..row.len() - 8];
        let bytes = start.len() - set.prefix.len();
        if bytes > VALUE_KEY_BYTES_MAX {
            let (label, key) = self.names(index);
            return Err(GraphError::IndexedValueTooLong {
                index: Arc::clone(&index.name),
                label,
                key,
                node,
                bytes,
                limit: VALUE_KEY_BYTES_MAX,
            });
        }
        if !index.unique {
            return Ok(());
        }
        let end = prefix_end(start);
        self.require((fact::index(start), fact::index(&end)));
        let overlay = self.state.overlay.read();
        let mut existing = None;
        // A node of the view that the transaction has written is judged by what it is now.
        let stored = self.state.graph.stored(self.state.view);
        stored.scan_set(
            &set,
            &start[set.prefix.len()..],
            Some(&end[set.prefix.len()..]),
            &mut |rest| {
                let other = read_trailing_node(rest)?;
                if other != node && overlay.written(other.into()).is_none() {
                    existing = Some(other);
                }
                Ok(if existing.is_some() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                })
            },
        )?;
        for candidate in overlay.values.range(Key::from_slice(start)..end) {
            let other = read_trailing_node(candidate)?;
            let state = overlay
                .written(other.into())
                .and_then(|written| written.latest());
            if other != node && has_value(state, index.label, index.key, other, candidate) {
                existing = existing.or(Some(other));
            }
        }
        drop(overlay);
        match existing {
            None => Ok(()),
            Some(existing) => {
                let (label, key) = self.names(index);
                Err(GraphError::NotUnique {
                    constraint: Arc::clone(&index.name),
                    label,
                    key,
                    value: format!("{value:?}"),
                    node,
                    existing,
                })
            }
        }
    }

    /// A point to which [`rollback_to`](Transaction::rollback_to) returns.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            journal: self.state.overlay.write().mark(),
            schema: self.state.schema.lock().len(),
        }
    }

    /// Takes back every write since a mark. What was read since stays noted.
    pub fn rollback_to(&self, mark: Mark) {
        let mut overlay = self.state.overlay.write();
        overlay.rollback_to(mark.journal);
        if overlay.is_empty() {
            self.state.has_writes.store(false, Ordering::Relaxed);
        }
        self.state.schema.lock().truncate(mark.schema);
    }

    /// Creates an index on a property of the nodes of a label.
    pub fn create_index(&self, name: &str, label: LabelId, key: KeyId) -> Result<IndexId> {
        self.create_schema(name, label, key, false)
    }

    /// Makes a property unique among the nodes of a label.
    pub fn create_unique_constraint(
        &self,
        name: &str,
        label: LabelId,
        key: KeyId,
    ) -> Result<IndexId> {
        self.create_schema(name, label, key, true)
    }

    fn create_schema(
        &self,
        name: &str,
        label: LabelId,
        key: KeyId,
        unique: bool,
    ) -> Result<IndexId> {
        if self.state.has_writes.load(Ordering::Relaxed) {
            return Err(GraphError::SchemaAndData);
        }
        let graph = &self.state.graph;
        let mut schema = self.state.schema.lock();
        let catalog = graph.catalog.load();
        let is_dropped = |id: IndexId| {
            schema
                .iter()
                .any(|change| matches!(change, SchemaChange::Drop(index) if index.id == id))
        };
        let clash = catalog
            .all_indexes()
            .filter(|index| index.dropped.is_none() && !is_dropped(index.id))
            .map(|index| &**index)
            .chain(schema.iter().filter_map(|change| match change {
                SchemaChange::Create(index) => Some(index),
                SchemaChange::Drop(_) => None,
            }))
            .find(|index| &*index.name == name || (index.label, index.key) == (label, key));
        if let Some(index) = clash {
            return Err(GraphError::SchemaExists {
                existing: Arc::clone(&index.name),
            });
        }
        let definition = IndexDefinition {
            id: graph.sequencer.index_id(),
            name: name.into(),
            label,
            key,
            unique,
            covers_from: Version::MAX,
            dropped: None,
        };
        self.check_existing(&definition)?;
        let id = definition.id;
        schema.push(SchemaChange::Create(definition));
        Ok(id)
    }

    /// Checks the nodes there are against an index to be created.
    fn check_existing(&self, index: &IndexDefinition) -> Result<()> {
        self.require(fact::label(index.label));
        self.require(fact::all_node_records());
        let stored = self.state.graph.stored(self.state.view);
        let set = SetRange::new(Family::Index, label_prefix(index.label));
        let mut values: HashSet<Key> = HashSet::new();
        let mut nodes = Vec::new();
        stored.scan_set(&set, &[], None, &mut |rest| {
            nodes.push(read_trailing_node(rest)?);
            Ok(ControlFlow::Continue(()))
        })?;
        for node in nodes {
            let value = stored.element(node.into(), |record| Ok(record.property(index.key)?))?;
            let Some(value) = value.flatten() else {
                continue;
            };
            self.check_value(
                &IndexDefinition {
                    unique: false,
                    ..index.clone()
                },
                node,
                &value,
            )?;
            if index.unique {
                let row = property_key(index.label, index.key, &value, node);
                let key = Key::from_slice(&row[..row.len() - 8]);
                if !values.insert(key) {
                    return Err(self.not_unique(index, node, &value)?);
                }
            }
        }
        Ok(())
    }

    /// The error that says which node has the value of another.
    fn not_unique(
        &self,
        index: &IndexDefinition,
        node: NodeId,
        value: &Value,
    ) -> Result<GraphError> {
        let stored = self.state.graph.stored(self.state.view);
        let set = SetRange::new(Family::Index, label_prefix(index.label));
        let mut existing = node;
        stored.scan_set(&set, &[], None, &mut |rest| {
            let other = read_trailing_node(rest)?;
            let same = stored.element(other.into(), |record| {
                Ok(record
                    .property(index.key)?
                    .is_some_and(|other| other.equivalent(value)))
            })?;
            if other != node && same == Some(true) {
                existing = other;
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let (label, key) = self.names(index);
        Ok(GraphError::NotUnique {
            constraint: Arc::clone(&index.name),
            label,
            key,
            value: format!("{value:?}"),
            node,
            existing,
        })
    }

    /// Drops an index that belongs to no constraint.
    pub fn drop_index(&self, name: &str) -> Result<()> {
        self.drop_schema(name, false)
    }

    /// Drops a constraint and its index.
    pub fn drop_constraint(&self, name: &str) -> Result<()> {
        self.drop_schema(name, true)
    }

    fn drop_schema(&self, name: &str, unique: bool) -> Result<()> {
        if self.state.has_writes.load(Ordering::Relaxed) {
            return Err(GraphError::SchemaAndData);
        }
        let mut schema = self.state.schema.lock();
        let created = schema.iter().position(|change| {
            matches!(change, SchemaChange::Create(index)
                if &*index.name == name && index.unique == unique)
        });
        if let Some(at) = created {
            schema.remove(at);
            return Ok(());
        }
        let catalog = self.state.graph.catalog.load();
        let index = catalog.current_index(Some(name), None).filter(|index| {
            index.unique == unique
                && !schema
                    .iter()
                    .any(|change| matches!(change, SchemaChange::Drop(drop) if drop.id == index.id))
        });
        let Some(index) = index else {
            return Err(GraphError::NoSuchSchema {
                what: if unique { "constraint" } else { "index" },
                name: name.into(),
            });
        };
        schema.push(SchemaChange::Drop(Arc::clone(index)));
        Ok(())
    }

    /// Commits: certifies the transaction, gives it a version, and waits until it is durable and
    /// applied. One that wrote nothing returns the version of its view and leaves no trace.
    pub fn commit(self, info: CommitInfo) -> std::result::Result<Committed, CommitError> {
        self.check_statement()?;
        let graph = &self.state.graph;
        let (effects, keys) = self.effects()?;
        if effects.is_empty() {
            let version = self.state.view;
            let time = graph.version_time(version)?;
            return Ok(Committed { version, time });
        }
        let identity = graph.identity().ok_or(CommitError::NotLeading)?;
        let mut hasher = EffectHasher::new(&identity.salt_key);
        let mut bytes = Vec::with_capacity(64 * effects.len());
        for effect in &effects {
            let start = bytes.len();
            encode_effect(effect, &mut bytes).map_err(GraphError::from)?;
            hasher
                .push_bytes(&bytes[start..])
                .map_err(GraphError::from)?;
            if bytes.len() > TRANSACTION_BYTES_MAX {
                return Err(CommitError::Graph(GraphError::TransactionTooLarge {
                    limit: TRANSACTION_BYTES_MAX,
                }));
            }
        }
        drop(effects);
        let mut footprint = std::mem::take(&mut *self.state.footprint.lock());
        footprint.coalesce();
        let committed = graph.sequencer.commit(
            graph,
            Proposal {
                view: self.state.view,
                info,
                footprint,
                keys,
                body: Body::Effects(bytes),
                effect_count: hasher.count(),
                effects_root: hasher.root(),
            },
        )?;
        Ok(committed.expect("only bulk batches are made for one version"))
    }

    /// Drops the transaction. Dropping it does the same.
    pub fn rollback(self) {}

    /// The effects in their order, and the keys they write. Adds to the footprint what every
    /// commit is certified against.
    fn effects(&self) -> Result<(Vec<Effect>, WriteKeys)> {
        let graph = &self.state.graph;
        let catalog = graph.catalog.load_full();
        let overlay = self.state.overlay.read();
        let mut footprint = self.state.footprint.lock();
        let mut changed: Vec<_> = overlay
            .elements()
            .filter(|(_, written)| {
                let before = written.base.as_ref().map(|(_, state)| state);
                match (before, written.latest()) {
                    (None, None) => false,
                    (Some(before), Some(after)) => before != after,
                    _ => true,
                }
            })
            .collect();
        changed.sort_unstable_by_key(|(element, _)| *element);
        let mut keys = Vec::with_capacity(changed.len() * 4);
        let mut used: HashSet<(TokenKind, u32)> = HashSet::new();
        let mut effects = Vec::with_capacity(changed.len() + 4);
        for (element, written) in changed {
            let before = written.base.as_ref().map(|(_, state)| &**state);
            let after = written.latest().map(|state| &**state);
            if written.base.is_some() {
                footprint.point(fact::element(element));
            }
            write_keys(&catalog, element, before, after, &mut keys);
            if let Some(after) = after {
                used.extend(after.labels().iter().map(|id| (TokenKind::Label, id.0)));
                used.extend(
                    after
                        .properties()
                        .iter()
                        .map(|(id, _)| (TokenKind::Key, id.0)),
                );
                if let ElementState::Relationship { type_id, .. } = after {
                    used.insert((TokenKind::Type, type_id.0));
                }
            }
            effects.push(Effect::Element {
                element,
                previous: written.base.as_ref().map(|(from, _)| *from),
                state: after.cloned(),
            });
        }
        let schema = self.state.schema.lock();
        let mut first = Vec::new();
        for change in schema.iter() {
            keys.push(fact::schema());
            match change {
                SchemaChange::Create(index) => {
                    used.insert((TokenKind::Label, index.label.0));
                    used.insert((TokenKind::Key, index.key.0));
                    first.push(Effect::CreateIndex {
                        id: index.id,
                        label: index.label,
                        key: index.key,
                        unique: index.unique,
                        name: Arc::clone(&index.name),
                    });
                }
                SchemaChange::Drop(index) => first.push(Effect::DropIndex { id: index.id }),
            }
        }
        // Drops come before what may take their place.
        first.sort_by_key(|effect| matches!(effect, Effect::CreateIndex { .. }));
        if !(first.is_empty() && effects.is_empty()) {
            footprint.point(fact::schema());
        }
        // A number counts by being used, wherever the transaction has it from.
        let mut used: Vec<_> = used.into_iter().collect();
        used.retain(|(kind, id)| catalog.token_name(*kind, *id).is_none());
        used.sort_unstable();
        let mut ordered = Vec::with_capacity(used.len() + first.len() + effects.len());
        for (kind, id) in used {
            let own = self.state.tokens.read();
            let own = own
                .iter()
                .find(|token| token.kind == kind && token.id == id)
                .map(|token| Arc::clone(&token.name));
            let name = own
                .or_else(|| graph.sequencer.token_name(kind, id))
                .or_else(|| {
                    // It may have been applied since the catalog was looked at.
                    let catalog = graph.catalog.load();
                    catalog
                        .token_name(kind, id)
                        .map(|(name, _)| Arc::clone(name))
                })
                .ok_or(GraphError::UnknownToken {
                    kind: kind.name(),
                    id,
                })?;
            keys.push(fact::token(kind, &name));
            ordered.push(Effect::Token { kind, id, name });
        }
        ordered.extend(first);
        ordered.extend(effects);
        Ok((ordered, WriteKeys::new(keys)))
    }
}

/// Whether a node's state gives rise to a property row.
pub(crate) fn has_value(
    state: Option<&Arc<ElementState>>,
    label: LabelId,
    key: KeyId,
    node: NodeId,
    row: &[u8],
) -> bool {
    state.is_some_and(|state| {
        state.labels().contains(&label)
            && state
                .property(key)
                .is_some_and(|value| property_key(label, key, value, node).as_slice() == row)
    })
}

/// Appends the keys that one effect writes.
fn write_keys(
    catalog: &crate::catalog::Catalog,
    element: ElementId,
    before: Option<&ElementState>,
    after: Option<&ElementState>,
    keys: &mut Vec<Key>,
) {
    keys.push(fact::element(element));
    let is_same_existence = before.is_some() == after.is_some();
    match element {
        ElementId::Node(id) => {
            if !is_same_existence {
                keys.push(fact::node(id));
            }
            let labels_of = |state: Option<&ElementState>| -> Vec<LabelId> {
                state.map_or_else(Vec::new, |state| state.labels().to_vec())
            };
            let (old, new) = (labels_of(before), labels_of(after));
            let differing = old
                .iter()
                .filter(|label| !new.contains(label))
                .chain(new.iter().filter(|label| !old.contains(label)));
            for label in differing {
                keys.push(fact::index(&label_key(*label, id)));
            }
            if catalog.has_no_index() {
                return;
            }
            let rows_of = |state: Option<&ElementState>| -> Vec<Key> {
                let Some(state) = state else {
                    return Vec::new();
                };
                let indexes = state
                    .labels()
                    .iter()
                    .flat_map(|label| catalog.indexes_of(*label));
                indexes
                    .filter_map(|index| {
                        let value = state.property(index.key)?;
                        Some(property_key(index.label, index.key, value, id))
                    })
                    .collect()
            };
            let (old, new) = (rows_of(before), rows_of(after));
            let differing = old
                .iter()
                .filter(|row| !new.contains(row))
                .chain(new.iter().filter(|row| !old.contains(row)));
            keys.extend(differing.map(|row| fact::index(row)));
        }
        ElementId::Relationship(id) => {
            if is_same_existence {
                return;
            }
            if let Some(ElementState::Relationship {
                type_id,
                start,
                end,
                ..
            }) = after.or(before)
            {
                keys.push(fact::relationship(*type_id, id));
                for row in both_ways(id, *type_id, *start, *end) {
                    keys.push(fact::adjacency(&row.bytes()));
                }
            }
        }
    }
}

fn check_storable(properties: &[(KeyId, Value)]) -> Result<()> {
    for (_, value) in properties {
        if !matches!(value, Value::Null) && !value.is_storable() {
            let mut bytes = Vec::new();
            crate::encoding::value::encode_value(value, &mut bytes)?;
        }
    }
    Ok(())
}
