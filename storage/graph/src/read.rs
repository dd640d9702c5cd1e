//! The only door for reads.
//!
//! A [`GraphRead`] is a view: one version of the graph, and within a transaction the transaction's
//! own writes up to a sequence. It is cheap to make and to clone, holds no lock and pins no rows.
//! Within a serializable transaction each method notes in the footprint what it read, also what it
//! found to be absent; callers need not think of it.
//!
//! Scans fill a caller's buffer in batches and remember where they stand as plain data in a
//! [`ScanCursor`], so nothing is held between batches.

mod columns;

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow, Range};
use std::sync::Arc;

use crate::blocks::{BLOCK_IDS, Space};
use crate::catalog::{IndexDefinition, ReadCatalog};
use crate::encoding::record::{ElementState, Record, RecordRef};
use crate::error::GraphError;
use crate::footprint::fact;
use crate::graph::Graph;
use crate::ids::{
    Direction, ElementId, IndexId, KeyId, LabelId, NodeId, RelationshipId, SystemTime, TypeId,
    Version,
};
use crate::kv::Family;
use crate::overlay::Seen;
use crate::rows::closed::SetRange;
use crate::rows::meta::{Statistic, read_integer};
use crate::rows::{
    AdjacencyKey, Key, adjacency_prefix, adjacency_type_prefix, label_prefix, prefix_end,
    property_prefix, read_from, read_trailing_node,
};
use crate::statistics::Estimates;
use crate::stored::{Stored, closed_types};
use crate::transaction::{OwnWrites, Sequence, has_value};
use crate::value::Value;
use crate::value::key::{key_of, string_prefix_range, type_range};

type Result<T> = std::result::Result<T, GraphError>;

/// A relationship as a scan gives it: id, type, start, end.
pub type RelationshipRow = (RelationshipId, TypeId, NodeId, NodeId);

/// Where a scan stands. Plain data: holds no lock and no borrow. Starts with `default()`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanCursor {
    /// What follows the common start in the key of the last row given.
    after: Option<Key>,
    done: bool,
}

impl ScanCursor {
    /// Whether the scan has come to its end.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done
    }

    /// The least key behind the last row given. No key is the start of another, and closed rows
    /// have a version behind theirs, so it is not enough to append a byte.
    fn next_key(&self) -> Key {
        let after = self.after.as_ref();
        after.map_or_else(Key::new, |after| prefix_end(after))
    }

    fn next_id(&self) -> u64 {
        let last = self
            .after
            .as_ref()
            .and_then(|after| after.first_chunk::<8>());
        last.map_or(0, |last| u64::from_be_bytes(*last).saturating_add(1))
    }

    fn advance(&mut self, last: Option<&[u8]>, done: bool) {
        if let Some(last) = last {
            self.after = Some(Key::from_slice(last));
        }
        self.done = done;
    }
}

/// Where the content of an element comes from.
#[derive(Clone, Debug)]
enum Source {
    Record(Record),
    Own(Arc<ElementState>),
}

impl Source {
    fn property(&self, key: KeyId) -> Result<Value> {
        Ok(match self {
            Self::Record(record) => record.property(key)?.unwrap_or_default(),
            Self::Own(state) => state.property(key).cloned().unwrap_or_default(),
        })
    }

    fn properties(&self) -> Result<Vec<(KeyId, Value)>> {
        Ok(match self {
            Self::Record(record) => record.properties().collect::<std::result::Result<_, _>>()?,
            Self::Own(state) => state.properties().to_vec(),
        })
    }

    fn from(&self) -> Option<Version> {
        match self {
            Self::Record(record) => Some(record.from()),
            Self::Own(_) => None,
        }
    }
}

/// One version of a node.
#[derive(Clone, Debug)]
pub struct NodeData {
    source: Source,
}

impl NodeData {
    /// Its labels, ascending.
    #[must_use]
    pub fn labels(&self) -> Vec<LabelId> {
        match &self.source {
            Source::Record(record) => record.labels().collect(),
            Source::Own(state) => state.labels().to_vec(),
        }
    }

    /// Whether it has a label.
    #[must_use]
    pub fn has_label(&self, label: LabelId) -> bool {
        match &self.source {
            Source::Record(record) => record.has_label(label),
            Source::Own(state) => state.labels().contains(&label),
        }
    }

    /// One property, null if absent.
    pub fn property(&self, key: KeyId) -> Result<Value> {
        self.source.property(key)
    }

    /// All properties, ascending by key.
    pub fn properties(&self) -> Result<Vec<(KeyId, Value)>> {
        self.source.properties()
    }

    /// The version that made it so; `None` if the transaction itself did.
    #[must_use]
    pub fn from(&self) -> Option<Version> {
        self.source.from()
    }
}

/// One version of a relationship.
#[derive(Clone, Debug)]
pub struct RelationshipData {
    source: Source,
    ends: (TypeId, NodeId, NodeId),
}

impl RelationshipData {
    /// Its type.
    #[must_use]
    pub const fn type_id(&self) -> TypeId {
        self.ends.0
    }

    /// Where it starts.
    #[must_use]
    pub const fn start(&self) -> NodeId {
        self.ends.1
    }

    /// Where it ends.
    #[must_use]
    pub const fn end(&self) -> NodeId {
        self.ends.2
    }

    /// One property, null if absent.
    pub fn property(&self, key: KeyId) -> Result<Value> {
        self.source.property(key)
    }

    /// All properties, ascending by key.
    pub fn properties(&self) -> Result<Vec<(KeyId, Value)>> {
        self.source.properties()
    }

    /// The version that made it so; `None` if the transaction itself did.
    #[must_use]
    pub fn from(&self) -> Option<Version> {
        self.source.from()
    }
}

/// A view of the graph: one version, and within a transaction its own writes.
#[derive(Clone)]
pub struct GraphRead {
    graph: Arc<Graph>,
    version: Version,
    own: Option<OwnWrites>,
}

impl GraphRead {
    pub(crate) fn new(graph: Arc<Graph>, version: Version, own: Option<OwnWrites>) -> Self {
        Self {
            graph,
            version,
            own,
        }
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The graph.
    #[must_use]
    pub const fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The time of the version.
    pub fn time(&self) -> Result<SystemTime> {
        self.graph.version_time(self.version)
    }

    /// The same view, seeing own writes of smaller sequences only.
    #[must_use]
    pub fn below(&self, sequence: Sequence) -> Self {
        Self {
            graph: Arc::clone(&self.graph),
            version: self.version,
            own: self.own.as_ref().map(|own| own.below(sequence)),
        }
    }

    /// Names and schema as of the view.
    #[must_use]
    pub fn catalog(&self) -> ReadCatalog {
        ReadCatalog {
            own: self.own.clone(),
            ..self.graph.catalog_at(self.version)
        }
    }

    fn stored(&self) -> Stored<'_> {
        self.graph.stored(self.version)
    }

    /// Own writes, if there are any.
    pub(crate) fn written(&self) -> Option<&OwnWrites> {
        self.own.as_ref().filter(|own| own.exist())
    }

    fn note_point(&self, key: impl FnOnce() -> Key) {
        if let Some(own) = &self.own {
            own.note_point(key);
        }
    }

    fn note_range(&self, range: impl FnOnce() -> (Key, Key)) {
        if let Some(own) = &self.own {
            own.note_range(range);
        }
    }

    fn see(&self, element: ElementId) -> Seen {
        self.written()
            .map_or(Seen::AsStored, |own| own.see(element))
    }

    /// Hands the record of an element as stored to `read`, from its page if there is one.
    fn record<T>(
        &self,
        element: ElementId,
        mut read: impl FnMut(&RecordRef<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let (space, id) = place(element);
        if let Some(found) = self.graph.images.records(space, id, self.version) {
            let record = found.page.get(id % BLOCK_IDS, self.version.0);
            return record
                .map(|bytes| read(&RecordRef::parse(bytes)?))
                .transpose();
        }
        self.stored().element(element, read)
    }

    fn source(&self, element: ElementId) -> Result<Option<Source>> {
        match self.see(element) {
            Seen::Own(state) => Ok(state.map(Source::Own)),
            Seen::AsStored => {
                self.note_point(|| fact::element(element));
                self.record(element, |record| Ok(Source::Record(record.to_owned())))
            }
        }
    }

    /// A node; `None` if it does not exist.
    pub fn node(&self, id: NodeId) -> Result<Option<NodeData>> {
        Ok(self.source(id.into())?.map(|source| NodeData { source }))
    }

    /// A relationship; `None` if it does not exist.
    pub fn relationship(&self, id: RelationshipId) -> Result<Option<RelationshipData>> {
        let Some(source) = self.source(id.into())? else {
            return Ok(None);
        };
        let ends = match &source {
            Source::Record(record) => record.ends(),
            Source::Own(state) => ends_of(state),
        };
        let ends = ends.ok_or_else(|| not_a_relationship(id))?;
        Ok(Some(RelationshipData { source, ends }))
    }

    /// Whether a node exists.
    pub fn node_exists(&self, id: NodeId) -> Result<bool> {
        match self.see(id.into()) {
            Seen::Own(state) => Ok(state.is_some()),
            Seen::AsStored => {
                self.note_point(|| fact::node(id));
                Ok(self.record(id.into(), |_| Ok(()))?.is_some())
            }
        }
    }

    /// A property of an element; null if it does not have it or does not exist.
    pub fn property(&self, element: ElementId, key: KeyId) -> Result<Value> {
        match self.see(element) {
            Seen::Own(state) => Ok(state
                .and_then(|state| state.property(key).cloned())
                .unwrap_or_default()),
            Seen::AsStored => {
                self.note_point(|| fact::element(element));
                let (space, id) = place(element);
                let images = &self.graph.images;
                if let Some(found) = images.column(space, key, id / BLOCK_IDS, self.version) {
                    return Ok(found.page.value(id % BLOCK_IDS, self.version.0));
                }
                let value = self.record(element, |record| Ok(record.property(key)?))?;
                Ok(value.flatten().unwrap_or_default())
            }
        }
    }

    /// The labels of a node, ascending; `None` if it does not exist.
    pub fn labels_of(&self, id: NodeId) -> Result<Option<Vec<LabelId>>> {
        match self.see(id.into()) {
            Seen::Own(state) => Ok(state.map(|state| state.labels().to_vec())),
            Seen::AsStored => {
                self.note_point(|| fact::element(id.into()));
                self.record(id.into(), |record| Ok(record.labels().collect()))
            }
        }
    }

    /// Whether a node exists and has a label.
    pub fn has_label(&self, id: NodeId, label: LabelId) -> Result<bool> {
        match self.see(id.into()) {
            Seen::Own(state) => Ok(state.is_some_and(|state| state.labels().contains(&label))),
            Seen::AsStored => {
                let set = SetRange::new(Family::Index, label_prefix(label));
                let rest = id.0.to_be_bytes();
                self.note_point(|| fact::index(&set.current_key(&rest)));
                if let Some(found) = self.graph.images.label(label, self.version) {
                    return Ok(found.page.contains(id, self.version.0));
                }
                self.stored().set_contains(&set, &rest)
            }
        }
    }

    /// Type, start and end of a relationship; `None` if it does not exist.
    pub fn ends(&self, id: RelationshipId) -> Result<Option<(TypeId, NodeId, NodeId)>> {
        match self.see(id.into()) {
            Seen::Own(state) => Ok(state.and_then(|state| ends_of(&state))),
            Seen::AsStored => {
                self.note_point(|| fact::element(id.into()));
                self.record(id.into(), |record| {
                    record.ends().ok_or_else(|| not_a_relationship(id))
                })
            }
        }
    }

    /// The versions between which the version of an element that is seen lasts: the first, and the
    /// first in which it is replaced or gone, if there is one yet. `None` if it does not exist or
    /// was created by the transaction itself.
    pub fn interval(&self, element: ElementId) -> Result<Option<(Version, Option<Version>)>> {
        if let Seen::Own(None) = self.see(element) {
            return Ok(None);
        }
        self.note_point(|| fact::element(element));
        self.stored().interval(element)
    }

    /// Appends at most `limit` nodes in ascending order.
    pub fn scan_nodes(
        &self,
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<NodeId>,
    ) -> Result<()> {
        if cursor.done {
            return Ok(());
        }
        let first = NodeId(cursor.next_id());
        let own = self.written();
        let mut base = Batch::new(limit);
        self.stored()
            .scan_elements(first.into(), &mut |element, _| {
                let ElementId::Node(id) = element else {
                    return Ok(ControlFlow::Break(None));
                };
                let is_own = own.is_some_and(|own| matches!(own.see(element), Seen::Own(_)));
                Ok(match is_own || base.push(id) {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(None),
                })
            })?;
        let mut extra = Batch::new(limit);
        if let Some(own) = own {
            own.with(|overlay, below| {
                let candidates = overlay
                    .elements()
                    .filter_map(|(element, _)| match element {
                        ElementId::Node(id) if id >= first => Some(id),
                        _ => None,
                    })
                    .filter(|id| matches!(overlay.see((*id).into(), below), Seen::Own(Some(_))));
                extra.push_least(candidates);
            });
        }
        let (ids, done) = merge(base, extra);
        let last = ids.last().map(|id| id.0.to_be_bytes());
        cursor.advance(last.as_ref().map(<[u8; 8]>::as_slice), done);
        self.note_range(|| {
            let end = match ids.last() {
                Some(last) if !done => fact::node(NodeId(last.0 + 1)),
                _ => prefix_end(&fact::node(first)[..1]),
            };
            (fact::node(first), end)
        });
        out.extend(ids);
        Ok(())
    }

    /// Appends at most `limit` nodes of a label in ascending order.
    pub fn scan_label(
        &self,
        label: LabelId,
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<NodeId>,
    ) -> Result<()> {
        if cursor.done {
            return Ok(());
        }
        let set = SetRange::new(Family::Index, label_prefix(label));
        let lower = cursor.next_key();
        let own = self.written();
        if own.is_none()
            && let Some(found) = self.graph.images.label(label, self.version)
        {
            let before = out.len();
            let first = NodeId(cursor.next_id());
            let is_cut = found.page.fill(first, limit.max(1), self.version.0, out);
            let last = out[before..].last().map(|id| id.0.to_be_bytes());
            cursor.advance(last.as_ref().map(<[u8; 8]>::as_slice), !is_cut);
            self.note_scan(&set, &lower, None, cursor);
            return Ok(());
        }
        let mut base = Batch::new(limit);
        let is_own = |id: NodeId| own.is_some_and(|own| matches!(own.see(id.into()), Seen::Own(_)));
        if let Some(found) = self.graph.images.label(label, self.version) {
            let first = NodeId(cursor.next_id());
            found
                .page
                .scan(first, self.version.0, |id| is_own(id) || base.push(id));
        } else {
            self.stored().scan_set(&set, &lower, None, &mut |rest| {
                let id = read_trailing_node(rest)?;
                Ok(proceed(is_own(id) || base.push(id)))
            })?;
        }
        let mut extra = Batch::new(limit);
        if let Some(own) = own {
            let first = NodeId(cursor.next_id());
            own.with(|overlay, below| {
                for (_, id) in overlay
                    .labels
                    .range((label, first)..=(label, NodeId(u64::MAX)))
                {
                    let has_label = match overlay.see((*id).into(), below) {
                        Seen::Own(Some(state)) => state.labels().contains(&label),
                        _ => false,
                    };
                    if has_label && !extra.push(*id) {
                        break;
                    }
                }
            });
        }
        let (ids, done) = merge(base, extra);
        let last = ids.last().map(|id| id.0.to_be_bytes());
        cursor.advance(last.as_ref().map(<[u8; 8]>::as_slice), done);
        self.note_scan(&set, &lower, None, cursor);
        out.extend(ids);
        Ok(())
    }

    /// The next nodes of a label as a range of ids, at most `limit` of them, where a page says that
    /// they follow one another without a gap. If this gives nothing, [`scan_label`] goes on with
    /// the same cursor.
    ///
    /// [`scan_label`]: GraphRead::scan_label
    pub fn scan_label_run(
        &self,
        label: LabelId,
        cursor: &mut ScanCursor,
        limit: usize,
    ) -> Option<Range<u64>> {
        if cursor.done || self.written().is_some() {
            return None;
        }
        let found = self.graph.images.label(label, self.version)?;
        let first = NodeId(cursor.next_id());
        let (run, is_cut) = found.page.run(first, limit.max(1))?;
        let set = SetRange::new(Family::Index, label_prefix(label));
        let lower = cursor.next_key();
        cursor.advance(Some(&(run.end - 1).to_be_bytes()), !is_cut);
        self.note_scan(&set, &lower, None, cursor);
        Some(run)
    }

    /// Notes the part of a set that a scan has just been through.
    fn note_scan(&self, set: &SetRange, lower: &[u8], upper: Option<&[u8]>, cursor: &ScanCursor) {
        self.note_range(|| {
            let end = if cursor.done {
                upper.map_or_else(|| prefix_end(&set.prefix), |upper| set.current_key(upper))
            } else {
                set.current_key(&cursor.next_key())
            };
            (fact::index(&set.current_key(lower)), fact::index(&end))
        });
    }

    /// Appends at most `limit` relationships of some types, or of all if none is given, in
    /// ascending order of their ids.
    pub fn scan_relationships(
        &self,
        types: &[TypeId],
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<RelationshipRow>,
    ) -> Result<()> {
        if cursor.done {
            return Ok(());
        }
        if types.is_empty() {
            self.note_range(|| fact::relationships(None));
        }
        for type_id in types {
            self.note_range(|| fact::relationships(Some(*type_id)));
        }
        let first = RelationshipId(cursor.next_id());
        let own = self.written();
        let blocks = self.graph.blocks.read();
        let mut base = Batch::new(limit);
        self.stored()
            .scan_elements(first.into(), &mut |element, record| {
                let ElementId::Relationship(id) = element else {
                    return Ok(ControlFlow::Break(None));
                };
                let Some((type_id, start, end)) = record.ends() else {
                    return Err(not_a_relationship(id));
                };
                if !types.is_empty() && !types.contains(&type_id) {
                    // A block holds one type, so the rest of it need not be looked at.
                    let (owner, next) = blocks.type_of(id);
                    return Ok(if owner.is_some_and(|owner| !types.contains(&owner)) {
                        ControlFlow::Break(Some(next.into()))
                    } else {
                        ControlFlow::Continue(())
                    });
                }
                let is_own = own.is_some_and(|own| matches!(own.see(element), Seen::Own(_)));
                Ok(match is_own || base.push((id, type_id, start, end)) {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(None),
                })
            })?;
        drop(blocks);
        let mut extra = Batch::new(limit);
        if let Some(own) = own {
            own.with(|overlay, below| {
                let candidates = overlay.elements().filter_map(|(element, _)| match element {
                    ElementId::Relationship(id) if id >= first => {
                        match overlay.see(element, below) {
                            Seen::Own(Some(state)) => ends_of(&state)
                                .filter(|(t, ..)| types.is_empty() || types.contains(t))
                                .map(|(t, start, end)| (id, t, start, end)),
                            _ => None,
                        }
                    }
                    _ => None,
                });
                extra.push_least(candidates);
            });
        }
        let (rows, done) = merge(base, extra);
        let last = rows.last().map(|row| row.0.0.to_be_bytes());
        cursor.advance(last.as_ref().map(<[u8; 8]>::as_slice), done);
        out.extend(rows);
        Ok(())
    }

    /// Calls `f` with neighbour, relationship and type for each relationship of a node, in order
    /// of type, neighbour and relationship. Without a direction both count, and a relationship of
    /// the node with itself once. Without types all count.
    pub fn expand(
        &self,
        node: NodeId,
        direction: Option<Direction>,
        types: &[TypeId],
        f: impl FnMut(NodeId, RelationshipId, TypeId),
    ) -> Result<()> {
        self.expand_with(node, direction, types, None, f)
    }

    /// As [`expand`](GraphRead::expand), for relationships with one other node only.
    pub fn expand_into(
        &self,
        node: NodeId,
        direction: Option<Direction>,
        types: &[TypeId],
        other: NodeId,
        f: impl FnMut(NodeId, RelationshipId, TypeId),
    ) -> Result<()> {
        self.expand_with(node, direction, types, Some(other), f)
    }

    fn expand_with(
        &self,
        node: NodeId,
        direction: Option<Direction>,
        types: &[TypeId],
        other: Option<NodeId>,
        mut f: impl FnMut(NodeId, RelationshipId, TypeId),
    ) -> Result<()> {
        // A page gives one direction in order, so nothing need be collected and sorted.
        if let Some(direction) = direction
            && self.written().is_none()
            && let Some(page) = self.graph.images.adjacency(node, self.version)
        {
            self.note_adjacency(node, direction, types, other);
            let (local, version) = (node.0 % BLOCK_IDS, self.version.0);
            page.page.visit(
                local,
                direction,
                types,
                other,
                version,
                |type_id, neighbour, id| {
                    f(neighbour, id, type_id);
                },
            );
            return Ok(());
        }
        let mut found: smallvec::SmallVec<[(TypeId, NodeId, RelationshipId); 32]> =
            smallvec::SmallVec::new();
        let directions: &[Direction] = match &direction {
            Some(direction) => std::slice::from_ref(direction),
            None => &[Direction::Outgoing, Direction::Incoming],
        };
        for direction in directions {
            self.adjacency(
                node,
                *direction,
                types,
                other,
                &mut |type_id, neighbour, id| {
                    found.push((type_id, neighbour, id));
                },
            )?;
        }
        // Each direction comes in order as a rule, and this sort merges such runs.
        found.sort();
        found.dedup();
        for (type_id, neighbour, id) in found {
            f(neighbour, id, type_id);
        }
        Ok(())
    }

    /// The number of relationships of a node, counted as [`expand`](GraphRead::expand) would.
    pub fn degree(
        &self,
        node: NodeId,
        direction: Option<Direction>,
        types: &[TypeId],
    ) -> Result<u64> {
        if let Some(direction) = direction
            && self.written().is_none()
            && let Some(page) = self.graph.images.adjacency(node, self.version)
        {
            self.note_adjacency(node, direction, types, None);
            return Ok(page
                .page
                .count(node.0 % BLOCK_IDS, direction, types, self.version.0));
        }
        let mut count = 0;
        let mut add = |_: TypeId, _: NodeId, _: RelationshipId| count += 1;
        match direction {
            Some(direction) => self.adjacency(node, direction, types, None, &mut add)?,
            None => {
                self.adjacency(node, Direction::Outgoing, types, None, &mut add)?;
                // Loops have been counted with the outgoing ones.
                self.adjacency(
                    node,
                    Direction::Incoming,
                    types,
                    None,
                    &mut |t, other, id| {
                        if other != node {
                            add(t, other, id);
                        }
                    },
                )?;
            }
        }
        Ok(count)
    }

    /// Notes that the adjacency of a node was read.
    pub(crate) fn note_adjacency(
        &self,
        node: NodeId,
        direction: Direction,
        types: &[TypeId],
        other: Option<NodeId>,
    ) {
        if self.own.is_none() {
            return;
        }
        if types.is_empty() {
            let all = adjacency_prefix(node, direction);
            self.note_range(|| fact::starting_with(fact::adjacency(&all)));
        }
        for type_id in types {
            self.note_range(|| {
                let prefix = adjacency_type_prefix(node, direction, *type_id);
                let mut start = fact::adjacency(&prefix);
                if let Some(other) = other {
                    start.extend_from_slice(&other.0.to_be_bytes());
                }
                fact::starting_with(start)
            });
        }
    }

    /// Visits the adjacency of a node in one direction, in no particular order.
    fn adjacency(
        &self,
        node: NodeId,
        direction: Direction,
        types: &[TypeId],
        other: Option<NodeId>,
        f: &mut dyn FnMut(TypeId, NodeId, RelationshipId),
    ) -> Result<()> {
        let page = self.graph.images.adjacency(node, self.version);
        self.note_adjacency(node, direction, types, other);
        let own = self.written();
        let mut visit = |type_id: TypeId, neighbour: NodeId, id: RelationshipId| {
            let is_deleted = own.is_some_and(|own| matches!(own.see(id.into()), Seen::Own(None)));
            if !is_deleted && other.is_none_or(|other| other == neighbour) {
                f(type_id, neighbour, id);
            }
        };
        if let Some(found) = page {
            let local = node.0 % BLOCK_IDS;
            found
                .page
                .visit(local, direction, types, other, self.version.0, visit);
        } else if types.is_empty() {
            let all = adjacency_prefix(node, direction);
            self.adjacency_of_all_types(&all, other, &mut visit)?;
        } else {
            for (at, type_id) in types.iter().enumerate() {
                if !types[..at].contains(type_id) {
                    let prefix = adjacency_type_prefix(node, direction, *type_id);
                    self.adjacency_of_type(*type_id, prefix, other, &mut visit)?;
                }
            }
        }
        if let Some(own) = own {
            own.with(|overlay, below| {
                let key = |type_id: u32, end: u64| AdjacencyKey {
                    node,
                    direction,
                    type_id: TypeId(type_id),
                    neighbour: NodeId(end),
                    relationship: RelationshipId(end),
                };
                for row in overlay.adjacency.range(key(0, 0)..=key(u32::MAX, u64::MAX)) {
                    let counts = (types.is_empty() || types.contains(&row.type_id))
                        && other.is_none_or(|other| other == row.neighbour);
                    let element = row.relationship.into();
                    if counts && matches!(overlay.see(element, below), Seen::Own(Some(_))) {
                        f(row.type_id, row.neighbour, row.relationship);
                    }
                }
            });
        }
        Ok(())
    }

    fn adjacency_of_type(
        &self,
        type_id: TypeId,
        prefix: Key,
        other: Option<NodeId>,
        visit: &mut impl FnMut(TypeId, NodeId, RelationshipId),
    ) -> Result<()> {
        let set = SetRange::new(Family::Adjacency, prefix);
        let lower = other.map(|other| other.0.to_be_bytes());
        let upper = lower.map(|lower| prefix_end(&lower));
        self.stored().scan_set(
            &set,
            lower.as_ref().map_or(&[], <[u8; 8]>::as_slice),
            upper.as_deref(),
            &mut |rest| {
                let (neighbour, id) = read_neighbour(rest)?;
                visit(type_id, neighbour, id);
                Ok(ControlFlow::Continue(()))
            },
        )
    }

    fn adjacency_of_all_types(
        &self,
        prefix: &Key,
        other: Option<NodeId>,
        visit: &mut impl FnMut(TypeId, NodeId, RelationshipId),
    ) -> Result<()> {
        let stored = self.stored();
        let end = prefix_end(prefix);
        let mut current = stored.store.scan(Family::Adjacency, prefix, &end, false)?;
        // Types of which something has ended are read with their closed rows.
        let mut ended = Vec::new();
        if stored.is_past() {
            closed_types(&stored, prefix, |type_id| {
                ended.push(TypeId(type_id));
                Ok(())
            })?;
        }
        while current.valid() {
            let row = AdjacencyKey::read(current.key())?;
            if !ended.contains(&row.type_id) && read_from(current.value())? <= self.version {
                visit(row.type_id, row.neighbour, row.relationship);
            }
            current.next();
        }
        current.status()?;
        drop(current);
        for type_id in ended {
            let mut prefix = prefix.clone();
            prefix.extend_from_slice(&type_id.0.to_be_bytes());
            self.adjacency_of_type(type_id, prefix, other, visit)?;
        }
        Ok(())
    }

    /// Appends at most `limit` nodes that have a value equivalent to `value` in an index.
    pub fn seek_equal(
        &self,
        index: IndexId,
        value: &Value,
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<NodeId>,
    ) -> Result<()> {
        let lower = key_of(value);
        let definition = self.usable_index(index)?;
        let page = match self.written() {
            None if !cursor.done => self.graph.images.index(&definition, self.version),
            _ => None,
        };
        let Some(found) = page else {
            let sought = Sought {
                lower: &lower,
                upper: Some(&prefix_end(&lower)),
                is_value: true,
            };
            return self.seek(index, &sought, cursor, limit, out);
        };
        if found.is_interval {
            // It may have been built from rows that were being dropped.
            self.usable_index(index)?;
        }
        let set = SetRange::new(
            Family::Index,
            property_prefix(definition.label, definition.key),
        );
        let after = cursor
            .after
            .as_ref()
            .map(|after| read_trailing_node(after))
            .transpose()?;
        let noted = cursor
            .after
            .as_ref()
            .map_or_else(|| Key::from_slice(&lower), |_| cursor.next_key());
        let first = out.len();
        let mut is_cut = false;
        found.page.find(&lower, self.version.0, |node| {
            if after.is_some_and(|after| node <= after) {
                return true;
            }
            is_cut = out.len() - first == limit.max(1);
            if !is_cut {
                out.push(node);
            }
            !is_cut
        });
        let last = out.last().filter(|_| is_cut).map(|node| {
            let mut rest = Key::from_slice(&lower);
            rest.extend_from_slice(&node.0.to_be_bytes());
            rest
        });
        cursor.advance(last.as_deref(), !is_cut);
        self.note_scan(&set, &noted, Some(&prefix_end(&lower)), cursor);
        Ok(())
    }

    /// Appends at most `limit` nodes whose value in an index lies between bounds, in order of
    /// values. If there is a bound, only values of its type count.
    pub fn seek_range(
        &self,
        index: IndexId,
        lower: Bound<&Value>,
        upper: Bound<&Value>,
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<NodeId>,
    ) -> Result<()> {
        let of_type = |bound: Bound<&Value>| match bound {
            Bound::Included(value) | Bound::Excluded(value) => Some(type_range(value)),
            Bound::Unbounded => None,
        };
        let lower = match lower {
            Bound::Included(value) => key_of(value),
            Bound::Excluded(value) => prefix_end(&key_of(value)).to_vec(),
            Bound::Unbounded => of_type(upper).map(|range| range.0).unwrap_or_default(),
        };
        let upper_key = match upper {
            Bound::Included(value) => Some(prefix_end(&key_of(value)).to_vec()),
            Bound::Excluded(value) => Some(key_of(value)),
            // The type of a lower bound is its first byte.
            Bound::Unbounded => lower.first().map(|rank| vec![rank.saturating_add(1)]),
        };
        if upper_key.as_ref().is_some_and(|upper| *upper <= lower) {
            cursor.done = true;
            return Ok(());
        }
        let sought = Sought {
            lower: &lower,
            upper: upper_key.as_deref(),
            is_value: false,
        };
        self.seek(index, &sought, cursor, limit, out)
    }

    /// Appends at most `limit` nodes whose value in an index is a string that starts with `prefix`.
    pub fn seek_prefix(
        &self,
        index: IndexId,
        prefix: &str,
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<NodeId>,
    ) -> Result<()> {
        let (lower, upper) = string_prefix_range(prefix);
        let sought = Sought {
            lower: &lower,
            upper: Some(&upper),
            is_value: false,
        };
        self.seek(index, &sought, cursor, limit, out)
    }

    fn usable_index(&self, id: IndexId) -> Result<Arc<IndexDefinition>> {
        let catalog = self.graph.catalog.load();
        match catalog.index(id) {
            Some(index) if index.dropped.is_none() && index.covers_from <= self.version => {
                Ok(Arc::clone(index))
            }
            _ => Err(GraphError::IndexNotCovering {
                index: id.0,
                version: self.version,
            }),
        }
    }

    fn seek(
        &self,
        index: IndexId,
        sought: &Sought<'_>,
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<NodeId>,
    ) -> Result<()> {
        if cursor.done {
            return Ok(());
        }
        let definition = self.usable_index(index)?;
        let (value, upper) = (sought.lower, sought.upper);
        let (label, key) = (definition.label, definition.key);
        let set = SetRange::new(Family::Index, property_prefix(label, key));
        let lower = cursor
            .after
            .as_ref()
            .map_or_else(|| Key::from_slice(value), |_| cursor.next_key());
        let own = self.written();
        let mut base = Batch::new(limit);
        let is_own = |id: NodeId| own.is_some_and(|own| matches!(own.see(id.into()), Seen::Own(_)));
        let page = match sought.is_value {
            true => self.graph.images.index(&definition, self.version),
            false => None,
        };
        if let Some(found) = page {
            found.page.find(value, self.version.0, |id| {
                let mut rest = Key::from_slice(value);
                rest.extend_from_slice(&id.0.to_be_bytes());
                rest < lower || is_own(id) || base.push(rest)
            });
        } else {
            self.stored().scan_set(&set, &lower, upper, &mut |rest| {
                let id = read_trailing_node(rest)?;
                Ok(proceed(is_own(id) || base.push(Key::from_slice(rest))))
            })?;
        }
        // Dropping an index removes it from the catalog before its rows: if it is still there, what
        // was read was whole.
        self.usable_index(index)?;
        let mut extra = Batch::new(limit);
        if let Some(own) = own {
            let end = upper.map_or_else(|| prefix_end(&set.prefix), |u| set.current_key(u));
            own.with(|overlay, below| {
                for row in overlay.values.range(set.current_key(&lower)..end) {
                    let Ok(id) = read_trailing_node(row) else {
                        continue;
                    };
                    let has_row = match overlay.see(id.into(), below) {
                        Seen::Own(state) => has_value(state.as_ref(), label, key, id, row),
                        Seen::AsStored => false,
                    };
                    if has_row && !extra.push(Key::from_slice(&row[set.prefix.len()..])) {
                        break;
                    }
                }
            });
        }
        let (rows, done) = merge(base, extra);
        cursor.advance(rows.last().map(Key::as_slice), done);
        self.note_scan(&set, &lower, upper, cursor);
        for row in &rows {
            out.push(read_trailing_node(row)?);
        }
        Ok(())
    }

    /// The number of nodes, or of those of a label. Exact, and as cheap as one seek.
    pub fn count_nodes(&self, label: Option<LabelId>) -> Result<u64> {
        self.note_range(|| match label {
            Some(label) => fact::label(label),
            None => fact::starting_with(Key::from_slice(&fact::node(NodeId(0))[..1])),
        });
        let statistic = label.map_or(Statistic::Nodes, Statistic::Label);
        let counts = |state: &ElementState| match (label, state) {
            (None, ElementState::Node { .. }) => true,
            (Some(label), ElementState::Node { labels, .. }) => labels.contains(&label),
            _ => false,
        };
        self.count(statistic, counts)
    }

    /// The number of relationships, or of those of a type. Exact, and as cheap as one seek.
    pub fn count_relationships(&self, type_id: Option<TypeId>) -> Result<u64> {
        self.note_range(|| fact::relationships(type_id));
        let statistic = type_id.map_or(Statistic::Relationships, Statistic::Type);
        let counts = |state: &ElementState| {
            ends_of(state).is_some_and(|(found, ..)| type_id.is_none_or(|wanted| wanted == found))
        };
        self.count(statistic, counts)
    }

    fn count(&self, statistic: Statistic, counts: impl Fn(&ElementState) -> bool) -> Result<u64> {
        let stored = self.graph.images.count(statistic, self.version, || {
            let first = statistic.prefix();
            let end = statistic.key(self.version.next());
            let cursor = self.graph.store.scan(Family::Meta, &first, &end, true)?;
            if cursor.valid() {
                return Ok(read_integer(cursor.value())?);
            }
            cursor.status()?;
            Ok(0)
        })?;
        let Some(own) = self.written() else {
            return Ok(stored);
        };
        let change: i64 = own.with(|overlay, below| {
            overlay
                .elements()
                .map(|(element, written)| {
                    let Seen::Own(now) = overlay.see(element, below) else {
                        return 0;
                    };
                    let before = written
                        .base
                        .as_ref()
                        .is_some_and(|(_, state)| counts(state));
                    let after = now.as_ref().is_some_and(|state| counts(state));
                    i64::from(after) - i64::from(before)
                })
                .sum()
        });
        Ok(stored.saturating_add_signed(change))
    }

    /// Sizes for the planner. Those of the latest version, whatever the view: cheap, and near
    /// enough.
    #[must_use]
    pub fn estimates(&self) -> Estimates {
        let mut estimates = Estimates::default();
        for (statistic, count) in self.graph.counts.read().iter() {
            match statistic {
                Statistic::Nodes => estimates.nodes = *count,
                Statistic::Relationships => estimates.relationships = *count,
                Statistic::Label(label) => {
                    estimates.nodes_by_label.insert(*label, *count);
                }
                Statistic::Type(type_id) => {
                    estimates.relationships_by_type.insert(*type_id, *count);
                }
                Statistic::Index(_) => {}
            }
        }
        estimates.indexes = self.graph.index_estimates();
        estimates
    }
}

impl Graph {
    fn index_estimates(&self) -> BTreeMap<IndexId, crate::statistics::IndexEstimate> {
        let catalog = self.catalog.load();
        let current = catalog
            .all_indexes()
            .filter(|index| index.dropped.is_none());
        current
            .map(|index| (index.id, self.index_estimate(index)))
            .collect()
    }
}

const fn place(element: ElementId) -> (Space, u64) {
    match element {
        ElementId::Node(id) => (Space::Nodes, id.0),
        ElementId::Relationship(id) => (Space::Relationships, id.0),
    }
}

fn ends_of(state: &ElementState) -> Option<(TypeId, NodeId, NodeId)> {
    match state {
        ElementState::Relationship {
            type_id,
            start,
            end,
            ..
        } => Some((*type_id, *start, *end)),
        ElementState::Node { .. } => None,
    }
}

fn not_a_relationship(id: RelationshipId) -> GraphError {
    GraphError::corrupt(format!("relationship {id}"), "it has the record of a node")
}

fn read_neighbour(rest: &[u8]) -> Result<(NodeId, RelationshipId)> {
    match (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
        (Some(neighbour), Some(id)) if rest.len() == 16 => Ok((
            NodeId(u64::from_be_bytes(*neighbour)),
            RelationshipId(u64::from_be_bytes(*id)),
        )),
        _ => Err(GraphError::corrupt(
            "adjacency row",
            "its key has a wrong length",
        )),
    }
}

const fn proceed(go_on: bool) -> ControlFlow<()> {
    if go_on {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(())
    }
}

/// What is looked for in an index.
struct Sought<'a> {
    lower: &'a [u8],
    upper: Option<&'a [u8]>,
    /// Whether `lower` is a whole value and nothing else is wanted.
    is_value: bool,
}

/// Rows of one source of a scan, ascending, and whether there may be more.
struct Batch<T> {
    rows: Vec<T>,
    limit: usize,
    is_cut: bool,
}

impl<T: Ord> Batch<T> {
    fn new(limit: usize) -> Self {
        Self {
            rows: Vec::new(),
            limit: limit.max(1),
            is_cut: false,
        }
    }

    /// Takes a row in; returns whether to go on. A batch that is full knows of one row more.
    fn push(&mut self, row: T) -> bool {
        if self.rows.len() == self.limit {
            self.is_cut = true;
            return false;
        }
        self.rows.push(row);
        true
    }

    /// Takes in the least of rows that come in any order.
    fn push_least(&mut self, rows: impl Iterator<Item = T>) {
        let mut all: Vec<T> = rows.collect();
        all.sort_unstable();
        for row in all {
            if !self.push(row) {
                break;
            }
        }
    }
}

/// The least rows of both sources, at most as many as the limit, and whether that is all there is.
/// Behind the end of a source that was cut nothing may be given yet.
fn merge<T: Ord>(base: Batch<T>, extra: Batch<T>) -> (Vec<T>, bool) {
    let limit = base.limit;
    let is_cut = base.is_cut || extra.is_cut;
    if extra.rows.is_empty() && !extra.is_cut {
        return (base.rows, !base.is_cut);
    }
    // A source that was cut holds `limit` rows, so the least `limit` of both lie before its end.
    let total = base.rows.len() + extra.rows.len();
    let mut rows = base.rows;
    rows.extend(extra.rows);
    rows.sort_unstable();
    rows.dedup();
    let done = !is_cut && total <= limit;
    rows.truncate(limit);
    (rows, done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(rows: &[u32], limit: usize) -> Batch<u32> {
        let mut batch = Batch::new(limit);
        batch.push_least(rows.iter().copied());
        batch
    }

    #[test]
    fn merged_batches_lose_nothing_and_end() {
        let base: Vec<u32> = (0..100).step_by(2).collect();
        let extra: Vec<u32> = (0..100).step_by(3).filter(|i| i % 2 == 1).collect();
        for limit in 1..60 {
            let (mut all, mut next) = (Vec::new(), 0);
            loop {
                let rest = |rows: &[u32]| {
                    rows.iter()
                        .copied()
                        .filter(|i| *i >= next)
                        .collect::<Vec<_>>()
                };
                let (rows, done) = merge(batch(&rest(&base), limit), batch(&rest(&extra), limit));
                assert!(rows.len() <= limit);
                next = rows.last().map_or(next, |last| last + 1);
                all.extend(rows);
                if done {
                    break;
                }
            }
            let mut expected = [base.clone(), extra.clone()].concat();
            expected.sort_unstable();
            assert_eq!(all, expected, "limit {limit}");
        }
    }
}
