//! Transactions: own writes over a view, certified and committed as one version.
//!
//! A transaction reads the view it began with, and its own writes. What it reads is noted by
//! [`GraphRead`](crate::read::GraphRead) itself in the footprint; constraints note what they need
//! to hold under either isolation. At the end its writes become effects, which the sequencer
//! certifies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::blocks::Space;
use crate::catalog::IndexDefinition;
use crate::encoding::record::{ElementState, normalize_properties, set_property};
use crate::entry::TRANSACTION_BYTES_MAX;
use crate::error::GraphError;
use crate::footprint::{Footprint, fact};
use crate::graph::Graph;
use crate::ids::{ElementId, KeyId, LabelId, NodeId, RelationshipId, TypeId, Version};
use crate::overlay::{Overlay, OwnToken, Seen, size_of_state};
use crate::read::GraphRead;
use crate::rows::meta::TokenKind;
use crate::rows::{Key, property_key};
use crate::rule::RuleDefinition;
use crate::value::Value;

mod constraints;
mod effects;
mod existing;
pub(crate) mod rules;
mod texts;

pub use effects::CommitAhead;
pub use existing::GoOn;
pub use texts::TERM_ROWS_MAX;

type Result<T> = std::result::Result<T, GraphError>;

/// Where in a transaction a write was made: statement, turn and clause. A read bound by
/// [`GraphRead::below`] sees writes of smaller sequences only.
///
/// A turn is one execution of a part of a statement that is executed several times, such as a
/// subquery for one row: it sees what earlier turns wrote, whatever the clause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The sequence of a clause of a statement, in its first turn.
    #[must_use]
    pub const fn new(statement: u16, clause: u16) -> Self {
        Self::in_turn(statement, 0, clause)
    }

    /// The sequence of a clause in a turn of a statement.
    #[must_use]
    pub const fn in_turn(statement: u16, turn: u32, clause: u16) -> Self {
        Self((statement as u64) << 48 | (turn as u64) << 16 | clause as u64)
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
    /// The versions of the commits made ahead, ascending.
    ahead: Mutex<Vec<Version>>,
}

#[derive(Clone)]
enum SchemaChange {
    Create(IndexDefinition),
    Drop(Arc<IndexDefinition>),
    CreateRule(RuleDefinition),
    DropRule(Arc<RuleDefinition>),
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
            below: sequence.0.min(self.below),
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
                ahead: Mutex::default(),
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

    /// About how much memory its writes take.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.state.overlay.read().memory
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
            return Err(too_large());
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
        overlay.note_node(id);
        overlay.note_base(id.into(), None);
        self.put(
            &mut overlay,
            id.into(),
            sequence,
            Some(ElementState::Node { labels, properties }),
        )?;
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
        )?;
        Ok(id)
    }

    fn end_exists(&self, node: NodeId) -> Result<bool> {
        let key = fact::node(node);
        let overlay = self.state.overlay.read();
        if let Seen::Own(state) = overlay.see(node.into(), u64::MAX) {
            // What was committed ahead others may have deleted since.
            let is_shared = overlay
                .written(node.into())
                .is_some_and(|written| written.before().is_some());
            if is_shared {
                self.state.footprint.lock().point(key);
            }
            return Ok(state.is_some());
        }
        drop(overlay);
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
    ) -> Result<()> {
        // One value may be named in a list many times over, and then takes little until it is written.
        if state.as_ref().map_or(0, size_of_state) > TRANSACTION_BYTES_MAX {
            return Err(too_large());
        }
        if let (ElementId::Node(id), Some(ElementState::Node { labels, properties })) =
            (element, &state)
        {
            let catalog = self.state.graph.catalog.load();
            for label in labels {
                for index in catalog.indexes_of(*label) {
                    let value = properties.iter().find(|(key, _)| *key == index.key);
                    if let Some((key, value)) = value {
                        overlay.note_value(property_key(*label, *key, value, id));
                    }
                }
            }
        }
        if let Some(state) = &state {
            let catalog = self.state.graph.catalog.load();
            let rules = catalog.rules_of(state).into_iter();
            for rule in rules.filter(|rule| !rule.kind.is_fulltext()) {
                for row in rule.rows_of_state(element, state) {
                    overlay.note_value(row);
                }
            }
        }
        overlay.put(element, sequence, state);
        self.state.has_writes.store(true, Ordering::Relaxed);
        Ok(())
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
            self.put(&mut overlay, element, sequence, Some(state))?;
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
            self.put(&mut overlay, element, sequence, None)?;
        }
        Ok(())
    }

    /// A point to which [`rollback_to`](Transaction::rollback_to) returns.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            journal: self.state.overlay.write().mark(),
            schema: self.state.schema.lock().len(),
        }
    }

    /// Promises that no read from now on is bound by a sequence between `after` and `up_to`: of the
    /// states that an element had there, only the last need be kept.
    pub fn settle(&self, after: Sequence, up_to: Sequence) {
        self.state.overlay.write().settled = (after, up_to);
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

    /// Drops the transaction. Dropping it does the same.
    pub fn rollback(self) {}
}

/// The error for more changes than go into one commit.
const fn too_large() -> GraphError {
    GraphError::TransactionTooLarge {
        limit: TRANSACTION_BYTES_MAX,
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

fn check_storable(properties: &[(KeyId, Value)]) -> Result<()> {
    for (_, value) in properties {
        if !matches!(value, Value::Null) && !value.is_storable() {
            let mut bytes = Vec::new();
            crate::encoding::value::encode_value(value, &mut bytes)?;
        }
    }
    Ok(())
}
