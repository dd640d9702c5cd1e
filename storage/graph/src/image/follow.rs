//! Keeping pages of the present up to date: every commit is appended to the deltas of the pages it
//! concerns, after its rows are written and before its version is published.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use super::adjacency::AdjacencyChange;
use super::directory::{Directory, Page};
use super::index::{self, IndexChange};
use super::{Shared, VectorsOf, What, When};
use crate::apply::{ApplyObserver, Change};
use crate::blocks::{BLOCK_IDS, Space};
use crate::encoding::record::RecordRef;
use crate::ids::{Direction, ElementId, IndexId, KeyId, LabelId, NodeId, RelationshipId, Version};
use crate::rows::Key;
use crate::rows::meta::Statistic;
use crate::rule::Target;
use crate::value::key::key_of;

impl ApplyObserver for Shared {
    fn committed(&self, version: Version, changes: &[Change<'_>]) {
        let indexes = self.live_indexes();
        let vectors = self.live_vectors();
        for change in changes {
            match change.element {
                ElementId::Node(id) => self.node(version, id, change, &indexes),
                ElementId::Relationship(id) => self.relationship(version, id, change),
            }
            for of in &vectors {
                self.vector(version, of, change);
            }
        }
        self.recorded.store(version.0, Ordering::Release);
    }

    fn ingested(&self, version: Version) {
        self.clear();
        self.recorded.store(version.0, Ordering::Release);
    }
}

type LiveIndexes = SmallVec<[(IndexId, LabelId, KeyId); 4]>;

impl Shared {
    fn live_indexes(&self) -> LiveIndexes {
        let definitions = self.index_definitions.lock();
        let live = self.indexes.live().into_iter().filter_map(|at| {
            let id = IndexId(at as u32);
            definitions.get(&id).map(|(label, key)| (id, *label, *key))
        });
        live.collect()
    }

    fn live_vectors(&self) -> SmallVec<[VectorsOf; 2]> {
        let definitions = self.vector_definitions.lock();
        let live = self.vectors.live().into_iter();
        live.filter_map(|at| definitions.get(&IndexId(at as u32)).copied())
            .collect()
    }

    /// Appends what an element has from now on to the page of a vector index.
    fn vector(&self, version: Version, of: &VectorsOf, change: &Change<'_>) {
        let id = match (change.element, of.target) {
            (ElementId::Node(id), Target::Label(_)) => id.0,
            (ElementId::Relationship(id), Target::Type(_)) => id.0,
            _ => return,
        };
        // What cannot be read here could not have been written a moment ago.
        let vector = |record: &Option<RecordRef<'_>>| {
            let record = record.as_ref()?;
            of.vector_of(record).ok().flatten()
        };
        let (before, after) = (vector(&change.before), vector(&change.after));
        if before != after {
            let at = of.index.0.into();
            let what = || What::Vectors(*of);
            self.append(&self.vectors, at, version, what, || (id, after.clone()));
        }
    }

    /// Appends changes to the pages of a slot, and has the page built anew if there are many.
    fn append<P: Page>(
        &self,
        directory: &Directory<P>,
        at: u64,
        version: Version,
        what: impl FnOnce() -> What,
        mut each: impl FnMut() -> (u64, P::Change),
    ) {
        let changes = directory.record(at, |delta| {
            let (place, change) = each();
            delta.append(place, version.0, change);
        });
        if let Some((changes, rows)) = changes
            && changes as usize > (rows / 32).max(self.options.delta_rows as usize)
        {
            self.request(what(), When::Present, version);
        }
    }

    fn node(&self, version: Version, id: NodeId, change: &Change<'_>, indexes: &LiveIndexes) {
        self.element(version, Space::Nodes, id.0, change);
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        let labels = |record: Option<&RecordRef<'_>>| {
            record.map_or_else(SmallVec::<[LabelId; 8]>::new, |record| {
                record.labels().collect()
            })
        };
        let (old, new) = (labels(before), labels(after));
        let gone = old
            .iter()
            .filter(|label| !new.contains(label))
            .map(|label| (*label, false));
        let come = new
            .iter()
            .filter(|label| !old.contains(label))
            .map(|label| (*label, true));
        if before.is_none() != after.is_none() {
            self.counts.changed(Statistic::Nodes, version);
        }
        for (label, has) in gone.chain(come) {
            self.counts.changed(Statistic::Label(label), version);
            let what = || What::Label(label);
            self.append(&self.labels, label.0.into(), version, what, || (id.0, has));
        }
        for &(index, label, key) in indexes {
            let of = |record: Option<&RecordRef<'_>>, labels: &[LabelId]| {
                let record = record.filter(|_| labels.contains(&label))?;
                // What cannot be read here could not have been written a moment ago.
                let value = record.property(key).ok().flatten()?;
                Some(Key::from_vec(key_of(&value)))
            };
            let (gone, come) = (of(before, &old), of(after, &new));
            if gone == come {
                continue;
            }
            let what = || What::Index(index, label, key);
            for (key, is_there) in [(gone, false), (come, true)] {
                let Some(key) = key else { continue };
                self.append(&self.indexes, index.0.into(), version, what, || {
                    (
                        index::hash(&key),
                        IndexChange {
                            key: key.clone(),
                            node: id,
                            is_there,
                        },
                    )
                });
            }
        }
    }

    fn relationship(&self, version: Version, id: RelationshipId, change: &Change<'_>) {
        self.element(version, Space::Relationships, id.0, change);
        let ends = |record: &Option<RecordRef<'_>>| record.as_ref().and_then(RecordRef::ends);
        let (ends, is_there) = match (ends(&change.before), ends(&change.after)) {
            (None, Some(ends)) => (ends, true),
            (Some(ends), None) => (ends, false),
            _ => return,
        };
        let (type_id, start, end) = ends;
        let block = id.0 / BLOCK_IDS;
        self.append(
            &self.ends,
            block,
            version,
            || What::Ends(block),
            || (id.0 % BLOCK_IDS, is_there.then_some(ends)),
        );
        self.counts.changed(Statistic::Relationships, version);
        self.counts.changed(Statistic::Type(type_id), version);
        for (node, direction, neighbour) in [
            (start, Direction::Outgoing, end),
            (end, Direction::Incoming, start),
        ] {
            let block = node.0 / BLOCK_IDS;
            let what = || What::Adjacency(block);
            self.append(&self.adjacency, block, version, what, || {
                let change = AdjacencyChange {
                    type_id,
                    direction,
                    neighbour,
                    relationship: id,
                    is_there,
                };
                (node.0 % BLOCK_IDS, change)
            });
        }
    }

    fn element(&self, version: Version, space: Space, id: u64, change: &Change<'_>) {
        let (block, local) = (id / BLOCK_IDS, id % BLOCK_IDS);
        let what = || What::Records(space, block);
        self.append(&self.records[space as usize], block, version, what, || {
            (local, change.after.map(|record| Arc::from(record.bytes())))
        });
        let mut keys: SmallVec<[KeyId; 16]> = SmallVec::new();
        for record in [&change.before, &change.after].into_iter().flatten() {
            keys.extend(record.keys());
        }
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let Some(directory) = self.column_directory(space, key) else {
                continue;
            };
            let bytes = |record: &Option<RecordRef<'_>>| {
                record.and_then(|record| {
                    record
                        .property_bytes(key)
                        .ok()
                        .flatten()
                        .map(<[u8]>::to_vec)
                })
            };
            if bytes(&change.before) == bytes(&change.after) {
                continue;
            }
            let what = || What::Column(space, key, block);
            self.append(&directory, block, version, what, || {
                let value = change
                    .after
                    .and_then(|record| record.property(key).ok().flatten());
                (local, value.unwrap_or_default())
            });
        }
    }
}
