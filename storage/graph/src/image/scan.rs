//! Pages from rows.
//!
//! A page of the present is read from the current rows alone. The cursor shows them as they were
//! after some batch that had begun to be written when the cursor was made; the version asked for
//! after that is at or above it, and the page answers from that version on. What changed between
//! the beginning of the page's delta and the cursor is in both, which does no harm.
//!
//! A page of an interval answers the versions up to one that was fully written before. It takes
//! current rows first and closed ones after, as every read does, so that no row is missed that is
//! being moved; one that is seen twice has the same start and is kept once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use roaring::RoaringTreemap;

use super::VectorsOf;
use super::adjacency::{AdjacencyChange, AdjacencyPage, AdjacencyRows, starts};
use super::column::{ColumnPage, heap_bytes};
use super::delta::Delta;
use super::ends::{EndsChange, EndsPage, EndsRows};
use super::gather::{Bounds, Gathering, Outside};
use super::ids::Life;
use super::index::{IndexChange, IndexPage, IndexRows};
use super::label::LabelPage;
use super::record::{RecordPage, Records};
use super::vector::{VectorChange, VectorPage};
use crate::blocks::{BLOCK_IDS, Space};
use crate::encoding::DecodeError;
use crate::encoding::record::RecordRef;
use crate::error::GraphError;
use crate::ids::{ElementId, KeyId, NodeId, RelationshipId, Version};
use crate::kv::{Family, OrderedStore, RowCursor};
use crate::rows::closed::{
    SetRange, closed_adjacency_prefix, closed_element_key, trailing_version,
};
use crate::rows::{
    AdjacencyKey, Key, VERSION_BYTES, element_key, prefix_end, read_element_key, read_from,
    read_trailing_node, rule_prefix,
};
use crate::value::Value;

type Result<T> = std::result::Result<T, GraphError>;

/// After so many rows in succession that are not of an interval, the next that may be is looked for.
const USELESS_MAX: u32 = 16;

/// A life that has not ended.
const FOREVER: u64 = u64::MAX;

/// A change of a record: the record after it.
pub(super) type RecordChange = Option<Arc<[u8]>>;

/// Where rows come from.
pub(super) struct Scanner<'a> {
    pub store: &'a dyn OrderedStore,
    pub writing: &'a AtomicU64,
    /// Set when whoever waits for pages is gone.
    pub stop: &'a AtomicBool,
    /// For pages of intervals.
    pub bounds: Bounds,
}

/// A page of an interval, and the versions from and up to which it answers.
pub(super) struct Interval<P> {
    pub page: P,
    pub from: Version,
    pub to: Version,
}

impl Scanner<'_> {
    fn check_stop(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(GraphError::corrupt("image", "building was stopped"));
        }
        Ok(())
    }

    /// Visits rows; the second argument of `visit` is the row's value.
    fn each(
        &self,
        mut cursor: Box<dyn RowCursor + '_>,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut rows = 0_u32;
        while cursor.valid() {
            rows = rows.wrapping_add(1);
            if rows.is_multiple_of(1_024) {
                self.check_stop()?;
            }
            visit(cursor.key(), cursor.value())?;
            cursor.next();
        }
        Ok(cursor.status()?)
    }

    /// Visits current rows; returns from which version on they are what there is. Rows of later
    /// versions, which a bulk batch writes before it begins, are left out.
    fn current(
        &self,
        family: Family,
        lower: &[u8],
        upper: &[u8],
        mut visit: impl FnMut(&[u8], &[u8], Version) -> Result<()>,
    ) -> Result<Version> {
        let cursor = self.store.scan(family, lower, upper, false)?;
        let version = Version(self.writing.load(Ordering::SeqCst));
        self.each(cursor, |key, value| visit(key, value, version))?;
        Ok(version)
    }

    /// Whether a block has, or ever had, an element.
    pub fn is_used(&self, space: Space, block: u64) -> Result<bool> {
        let (first, last) = elements(space, block);
        let (lower, upper) = (element_key(first), element_key(last));
        if self
            .store
            .scan(Family::Element, &lower, &upper, false)?
            .valid()
        {
            return Ok(true);
        }
        let lower = closed_element_key(first, Version(0));
        let upper = closed_element_key(last, Version(0));
        Ok(self
            .store
            .scan(Family::Closed, &lower, &upper, false)?
            .valid())
    }

    pub fn adjacency(
        &self,
        block: u64,
        delta: Arc<Delta<AdjacencyChange>>,
    ) -> Result<(Version, AdjacencyPage)> {
        let (lower, upper) = node_range(block);
        let mut rows = AdjacencyRows::new(false);
        let life = Life {
            from: 0,
            to: FOREVER,
        };
        let from = self.current(Family::Adjacency, &lower, &upper, |key, value, version| {
            if read_from(value)? <= version {
                let key = AdjacencyKey::read(key)?;
                let local = (key.node.0 % BLOCK_IDS) as usize;
                rows.push(
                    local,
                    key.direction,
                    key.type_id,
                    key.neighbour,
                    key.relationship,
                    life,
                );
            }
            Ok(())
        })?;
        Ok((from, rows.finish(delta)))
    }

    pub fn adjacency_interval(
        &self,
        block: u64,
        version: Version,
        recorded: Version,
    ) -> Result<Interval<AdjacencyPage>> {
        let (lower, upper) = node_range(block);
        let mut gathering = Gathering::new(version, recorded, self.bounds, |_| 0);
        let mut push = |key: &[u8], value: &[u8], to: u64| {
            let from = read_from(value)?.0;
            gathering.push(AdjacencyKey::read(key)?, Life { from, to })
        };
        self.current(Family::Adjacency, &lower, &upper, |key, value, _| {
            push(key, value, FOREVER)
        })?;
        let (first, end) = (
            closed_adjacency_prefix(&lower),
            closed_adjacency_prefix(&upper),
        );
        let closed = self.store.scan(Family::Closed, &first, &end, false)?;
        // 1 ‖ node, direction, type (13) ‖ segment (6) ‖ neighbour, relationship (16) ‖ to (6)
        self.each(closed, |key, value| {
            let Some(to) = ended(key, 42)? else {
                return Ok(());
            };
            let mut current = [0; 29];
            current[..13].copy_from_slice(&key[1..14]);
            current[13..].copy_from_slice(&key[20..36]);
            push(&current, value, to)
        })?;
        let (gathered, from, to) = gathering.finish();
        let mut rows = AdjacencyRows::new(true);
        for (key, life) in gathered {
            let local = (key.node.0 % BLOCK_IDS) as usize;
            rows.push(
                local,
                key.direction,
                key.type_id,
                key.neighbour,
                key.relationship,
                life,
            );
        }
        Ok(Interval {
            page: rows.finish(Arc::default()),
            from,
            to,
        })
    }

    /// Visits the records of a block as they are now.
    fn records_now(
        &self,
        space: Space,
        block: u64,
        mut visit: impl FnMut(usize, &RecordRef<'_>) -> Result<()>,
    ) -> Result<Version> {
        let (first, last) = elements(space, block);
        let (lower, upper) = (element_key(first), element_key(last));
        self.current(Family::Element, &lower, &upper, |key, value, version| {
            let record = RecordRef::parse(value)?;
            if record.from() <= version {
                visit(local(key)?, &record)?;
            }
            Ok(())
        })
    }

    /// Gathers of the records of a block, as they ever were, what `pick` takes of each; in no particular order.
    fn gather_records<T>(
        &self,
        space: Space,
        block: u64,
        gathering: &mut Gathering<T>,
        mut pick: impl FnMut(usize, &RecordRef<'_>) -> Result<Option<T>>,
    ) -> Result<()> {
        let (first, last) = elements(space, block);
        let (lower, upper) = (element_key(first), element_key(last));
        let mut take = |gathering: &mut Gathering<T>, key: &[u8], value: &[u8], to: u64| {
            let record = RecordRef::parse(value)?;
            let from = record.from().0;
            let life = Life { from, to };
            let outside = gathering.outside(life);
            if outside.is_none()
                && let Some(row) = pick(local(key)?, &record)?
            {
                gathering.push(row, life)?;
            }
            Ok::<_, GraphError>(outside)
        };
        self.current(Family::Element, &lower, &upper, |key, value, _| {
            take(gathering, key, value, FOREVER).map(|_| ())
        })?;
        let lower = closed_element_key(first, Version(0));
        let upper = closed_element_key(last, Version(0));
        let mut cursor = self.store.scan(Family::Closed, &lower, &upper, false)?;
        let mut useless = 0;
        while cursor.valid() {
            self.check_stop()?;
            let key = cursor.key();
            let to = trailing_version(key).ok_or_else(too_short)?;
            let current = &key[1..key.len() - VERSION_BYTES];
            let outside = take(gathering, current, cursor.value(), to.0)?;
            useless = if outside.is_some() { useless + 1 } else { 0 };
            match outside {
                // The versions of an element lie one after another.
                Some(outside) if useless >= USELESS_MAX => {
                    let element = read_element_key(current)?;
                    let next = match outside {
                        Outside::Before(from) => closed_element_key(element, Version(from.0 + 1)),
                        Outside::After => closed_element_key(element, Version::MAX),
                    };
                    useless = 0;
                    cursor.seek(&next);
                }
                _ => cursor.next(),
            }
        }
        Ok(cursor.status()?)
    }

    pub fn records(
        &self,
        space: Space,
        block: u64,
        delta: Arc<Delta<RecordChange>>,
    ) -> Result<(Version, RecordPage)> {
        let mut records = Records::default();
        let from = self.records_now(space, block, |local, record| {
            let mut fits = true;
            while records.len() < local {
                fits &= records.push(&[]);
            }
            fits &= records.push(record.bytes());
            if fits { Ok(()) } else { Err(too_large()) }
        })?;
        Ok((from, records.finish(None, delta)))
    }

    pub fn records_interval(
        &self,
        space: Space,
        block: u64,
        version: Version,
        recorded: Version,
    ) -> Result<Interval<RecordPage>> {
        let mut gathering = Gathering::new(
            version,
            recorded,
            self.bounds,
            |(_, record): &(_, Box<[u8]>)| record.len(),
        );
        self.gather_records(space, block, &mut gathering, |local, record| {
            Ok(Some((local, record.bytes().into())))
        })?;
        let (mut entries, from, to) = gathering.finish();
        entries.sort_unstable_by_key(|((local, _), life)| (*local, *life));
        entries.dedup_by_key(|((local, _), life)| (*local, life.from));
        let mut records = Records::default();
        let fits = entries.iter().all(|((_, record), _)| records.push(record));
        if !fits {
            return Err(too_large());
        }
        let locals: Vec<u16> = entries
            .iter()
            .map(|((local, _), _)| *local as u16)
            .collect();
        let lives = entries.iter().map(|(_, life)| *life).collect();
        let page = records.finish(Some((starts(&locals), lives)), Arc::default());
        Ok(Interval { page, from, to })
    }

    pub fn ends(&self, block: u64, delta: Arc<Delta<EndsChange>>) -> Result<(Version, EndsPage)> {
        let mut rows = EndsRows::default();
        let life = Life {
            from: 0,
            to: FOREVER,
        };
        let from = self.records_now(Space::Relationships, block, |local, record| {
            rows.push(local, record.ends().ok_or_else(no_ends)?, life);
            Ok(())
        })?;
        Ok((from, rows.finish(false, delta)))
    }

    pub fn ends_interval(
        &self,
        block: u64,
        version: Version,
        recorded: Version,
    ) -> Result<Interval<EndsPage>> {
        let mut gathering = Gathering::new(version, recorded, self.bounds, |_| 0);
        let pick =
            |local, record: &RecordRef<'_>| Ok(Some((local, record.ends().ok_or_else(no_ends)?)));
        self.gather_records(Space::Relationships, block, &mut gathering, pick)?;
        let (gathered, from, to) = gathering.finish();
        let mut rows = EndsRows::default();
        for ((local, ends), life) in gathered {
            rows.push(local, ends, life);
        }
        let page = rows.finish(true, Arc::default());
        Ok(Interval { page, from, to })
    }

    /// Pages of several keys of a block, from one pass over its records; none for a key that no
    /// record has, unless it is the only one.
    pub fn columns(
        &self,
        space: Space,
        block: u64,
        deltas: &[(KeyId, Arc<Delta<Value>>)],
    ) -> Result<(Version, Vec<Option<ColumnPage>>)> {
        let mut columns: Vec<Vec<Value>> = deltas.iter().map(|_| Vec::new()).collect();
        let numbers: BTreeMap<KeyId, usize> = deltas
            .iter()
            .enumerate()
            .map(|(number, (key, _))| (*key, number))
            .collect();
        let from = self.records_now(space, block, |local, record| {
            let mut put = |number: usize, value: Value| {
                let column: &mut Vec<Value> = &mut columns[number];
                column.resize(local, Value::Null);
                column.push(value);
            };
            if let [(key, _)] = deltas {
                if let Some(value) = record.property(*key)? {
                    put(0, value);
                }
                return Ok(());
            }
            for property in record.properties() {
                let (key, value) = property?;
                if let Some(number) = numbers.get(&key) {
                    put(*number, value);
                }
            }
            Ok(())
        })?;
        let pages = columns.into_iter().zip(deltas).map(|(values, (_, delta))| {
            let is_wanted = !values.is_empty() || deltas.len() == 1;
            is_wanted.then(|| ColumnPage::new(values, Arc::clone(delta)))
        });
        Ok((from, pages.collect()))
    }

    pub fn column_interval(
        &self,
        space: Space,
        block: u64,
        key: KeyId,
        version: Version,
        recorded: Version,
    ) -> Result<Interval<ColumnPage>> {
        let mut gathering = Gathering::new(version, recorded, self.bounds, heap_of_value);
        self.gather_records(space, block, &mut gathering, |local, record| {
            let value = record.property(key)?;
            Ok(value.map(|value| (local as u16, value)))
        })?;
        let (mut entries, from, to) = gathering.finish();
        entries.sort_unstable_by_key(|((local, _), life)| (*local, *life));
        entries.dedup_by_key(|((local, _), life)| (*local, life.from));
        // A change of another property does not end a value.
        entries.dedup_by(|((next, value), next_life), ((local, before), life)| {
            let goes_on = next == local && next_life.from == life.to && same(value, before);
            if goes_on {
                life.to = next_life.to;
            }
            goes_on
        });
        let locals: Vec<u16> = entries.iter().map(|((local, _), _)| *local).collect();
        let lives = entries.iter().map(|(_, life)| *life).collect();
        let values: Vec<Value> = entries.into_iter().map(|((_, value), _)| value).collect();
        let page = ColumnPage::of_interval(&values, starts(&locals), lives);
        Ok(Interval { page, from, to })
    }

    pub fn label(&self, set: &SetRange, delta: Arc<Delta<bool>>) -> Result<(Version, LabelPage)> {
        let mut nodes = RoaringTreemap::new();
        let end = prefix_end(&set.prefix);
        let from = self.current(set.family, &set.prefix, &end, |key, value, version| {
            if read_from(value)? <= version {
                nodes.insert(read_trailing_node(key)?.0);
            }
            Ok(())
        })?;
        Ok((from, LabelPage::new(nodes, delta)))
    }

    pub fn label_interval(
        &self,
        set: &SetRange,
        version: Version,
        recorded: Version,
    ) -> Result<Interval<LabelPage>> {
        let mut gathering = Gathering::new(version, recorded, self.bounds, |_| 0);
        self.set_ever(set, |rest, life| {
            gathering.push(read_trailing_node(rest)?.0, life)
        })?;
        let (entries, from, to) = gathering.finish();
        Ok(Interval {
            page: LabelPage::of_interval(entries),
            from,
            to,
        })
    }

    pub fn index(
        &self,
        set: &SetRange,
        delta: Arc<Delta<IndexChange>>,
    ) -> Result<(Version, IndexPage)> {
        let mut rows = IndexRows::default();
        let life = Life {
            from: 0,
            to: FOREVER,
        };
        let end = prefix_end(&set.prefix);
        let skip = set.prefix.len();
        let from = self.current(set.family, &set.prefix, &end, |key, value, version| {
            if read_from(value)? <= version {
                rows.push(&key[skip..key.len() - 8], read_trailing_node(key)?, life);
            }
            Ok(())
        })?;
        Ok((from, rows.finish(false, delta).ok_or_else(too_large)?))
    }

    /// The vectors of an index as they are now, by element; `None` if they would take more than so many bytes.
    ///
    /// The rows tell which elements there are, and each is then read as it is by then. So the page answers from
    /// the version on that had begun to be written when the last of them was read.
    pub fn vectors(
        &self,
        of: &VectorsOf,
        bytes_max: usize,
        neighbours_from: usize,
        delta: Arc<Delta<VectorChange>>,
    ) -> Result<Option<(Version, VectorPage)>> {
        let prefix = rule_prefix(of.index);
        let mut ids = Vec::new();
        let mut from = self.current(
            Family::Index,
            &prefix,
            &prefix_end(&prefix),
            |key, value, version| {
                if read_from(value)? <= version {
                    ids.push(read_trailing_node(key)?.0);
                }
                Ok(())
            },
        )?;
        ids.sort_unstable();
        ids.dedup();
        if VectorPage::bytes_of(&of.settings, ids.len(), neighbours_from) > bytes_max {
            return Ok(None);
        }
        let mut found = Vec::with_capacity(ids.len());
        for (place, id) in ids.into_iter().enumerate() {
            if place.is_multiple_of(1_024) {
                self.check_stop()?;
            }
            let element = of.element(id);
            let mut vector = Ok(None);
            self.store
                .get_with(Family::Element, &element_key(element), &mut |bytes| {
                    vector = RecordRef::parse(bytes).and_then(|record| of.vector_of(&record));
                })?;
            if let Some(vector) = vector? {
                found.push((id, vector));
            }
        }
        from = from.max(Version(self.writing.load(Ordering::SeqCst)));
        let page = VectorPage::new(of.settings, found, neighbours_from, delta);
        Ok(Some((from, page)))
    }

    pub fn index_interval(
        &self,
        set: &SetRange,
        version: Version,
        recorded: Version,
    ) -> Result<Interval<IndexPage>> {
        let heap = |(key, _): &(Key, NodeId)| if key.spilled() { key.len() } else { 0 };
        let mut gathering = Gathering::new(version, recorded, self.bounds, heap);
        self.set_ever(set, |rest, life| {
            let key = Key::from_slice(&rest[..rest.len() - 8]);
            gathering.push((key, read_trailing_node(rest)?), life)
        })?;
        let (gathered, from, to) = gathering.finish();
        let mut rows = IndexRows::default();
        for ((key, node), life) in gathered {
            rows.push(&key, node, life);
        }
        let page = rows.finish(true, Arc::default()).ok_or_else(too_large)?;
        Ok(Interval { page, from, to })
    }

    /// Visits the rows of a label or an index as they ever were: what follows the common start.
    fn set_ever(
        &self,
        set: &SetRange,
        mut visit: impl FnMut(&[u8], Life) -> Result<()>,
    ) -> Result<()> {
        let skip = set.prefix.len();
        let mut give = |rest: &[u8], value: &[u8], to: u64| {
            let from = read_from(value)?.0;
            visit(rest, Life { from, to })
        };
        let end = prefix_end(&set.prefix);
        self.current(set.family, &set.prefix, &end, |key, value, _| {
            give(&key[skip..], value, FOREVER)
        })?;
        let (first, end) = set.closed_bounds();
        let before = first.len() + VERSION_BYTES;
        let closed = self.store.scan(Family::Closed, &first, &end, false)?;
        self.each(closed, |key, value| {
            match ended(key, before + 8 + VERSION_BYTES)? {
                Some(to) => give(&key[before..key.len() - VERSION_BYTES], value, to),
                None => Ok(()),
            }
        })
    }
}

/// When a closed row ended; `None` for a marker, and for a copy of a row that has not ended or is
/// also found where it did. A row has at least `length` bytes, a marker fewer.
fn ended(key: &[u8], length: usize) -> Result<Option<u64>> {
    if key.len() < length {
        return Ok(None);
    }
    let to = trailing_version(key).ok_or_else(too_short)?;
    Ok((to != Version::MAX).then_some(to.0))
}

/// Whether two values are the same in every respect; when in doubt they are not.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::String(a), Value::String(b)) => a == b,
        _ => false,
    }
}

/// What a value of a column takes beside its own size.
fn heap_of_value((_, value): &(u16, Value)) -> usize {
    heap_bytes(value)
}

fn too_short() -> GraphError {
    GraphError::corrupt("closed row", "its key is too short")
}

fn no_ends() -> GraphError {
    GraphError::corrupt("relationship", "it has the record of a node")
}

fn too_large() -> GraphError {
    GraphError::corrupt("image", "a page would pass 4 GiB")
}

fn node_range(block: u64) -> ([u8; 8], [u8; 8]) {
    let first = block * BLOCK_IDS;
    (first.to_be_bytes(), (first + BLOCK_IDS).to_be_bytes())
}

fn elements(space: Space, block: u64) -> (ElementId, ElementId) {
    let of = |id: u64| match space {
        Space::Nodes => ElementId::Node(NodeId(id)),
        Space::Relationships => ElementId::Relationship(RelationshipId(id)),
    };
    (of(block * BLOCK_IDS), of((block + 1) * BLOCK_IDS))
}

fn local(key: &[u8]) -> std::result::Result<usize, DecodeError> {
    let (ElementId::Node(NodeId(id)) | ElementId::Relationship(RelationshipId(id))) =
        read_element_key(key)?;
    Ok((id % BLOCK_IDS) as usize)
}
