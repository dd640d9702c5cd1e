//! Applying the effects of one commit.

use std::collections::HashMap;
use std::sync::Arc;

use super::new_rows::NewRows;
use super::segments::{Closings, EndingRow};
use super::{Change, Machine, Stop};
use crate::build::Build;
use crate::catalog::{Catalog, IndexDefinition};
use crate::commit::CommitHeader;
use crate::effect::{EffectRef, decode_effect, record_at};
use crate::encoding::record::RecordRef;
use crate::encoding::varint::Reader;
use crate::graph::Graph;
use crate::ids::{Direction, ElementId, IndexId, LabelId, NodeId, RelationshipId, Version};
use crate::kv::{Family, WriteBatch};
use crate::rows::closed::{SetRange, closed_element_key};
use crate::rows::entry::{CommitRow, Touched, commit_key, time_key};
use crate::rows::meta::{
    Statistic, index_key, integer_value, outcome_age_key, outcome_key, read_integer, token_key,
    token_value,
};
use crate::rows::{
    ADJACENCY_TYPE_PREFIX_BYTES, AdjacencyKey, Key, adjacency_type_prefix, element_key, from_value,
    label_key, label_prefix, prefix_end, property_key, property_prefix, read_trailing_node,
};
use crate::rule::RuleDefinition;

/// For how many versions the outcome of an idempotency token is remembered.
pub const OUTCOME_VERSIONS: u64 = 65_536;
/// Old outcomes are removed at every version that this divides.
const OUTCOME_SWEEP: u64 = 64;

/// A record before and after, kept for observers.
struct Changed {
    element: ElementId,
    before: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
}

/// What a commit comes to beside the rows of its elements.
#[derive(Default)]
pub(crate) struct Outcome {
    pub touched: Touched,
    /// What it changes in numbers.
    pub counts: HashMap<Statistic, i64>,
    /// The catalog with its changes, if it has any.
    pub catalog: Option<Catalog>,
}

/// One commit being applied.
pub(super) struct Application<'a> {
    pub(super) graph: &'a Graph,
    pub(super) machine: &'a mut Machine,
    pub version: Version,
    pub batch: WriteBatch,
    pub(super) catalog: Arc<Catalog>,
    /// The catalog with the commit's changes, if it has any.
    pub(super) changed_catalog: Option<Catalog>,
    counts: HashMap<Statistic, i64>,
    closings: Closings,
    pub(super) touched: Touched,
    effects: u64,
    observed: Option<Vec<Changed>>,
    old: Vec<u8>,
    new: Vec<u8>,
}

impl Graph {
    pub(super) fn apply_commit(
        &self,
        machine: &mut Machine,
        batch: WriteBatch,
        kind: u8,
        header: (&[u8], &CommitHeader),
        effects: &[u8],
    ) -> Result<(), Stop> {
        let observers = self.observers.load_full();
        let version = header.1.version;
        let mut application = Application {
            graph: self,
            version,
            batch,
            catalog: self.catalog.load_full(),
            changed_catalog: None,
            counts: HashMap::new(),
            closings: Closings::default(),
            touched: Touched::default(),
            effects: 0,
            observed: (!observers.is_empty()).then(Vec::new),
            old: Vec::new(),
            new: Vec::new(),
            machine,
        };
        let mut reader = Reader::new(effects);
        while reader.remaining() > 0 {
            application.effect(decode_effect(&mut reader)?)?;
        }
        if application.effects != header.1.effect_count {
            return Err(Stop::Diverged(format!(
                "it has {} effects and announces {}",
                application.effects, header.1.effect_count
            )));
        }
        let observed = application.finish(kind, header)?;
        if let Some(observed) = observed {
            let mut changes = Vec::with_capacity(observed.len());
            for changed in &observed {
                let record = |bytes: &'_ Option<Vec<u8>>| bytes.is_some();
                debug_assert!(record(&changed.before) || record(&changed.after));
                changes.push(Change {
                    element: changed.element,
                    before: changed
                        .before
                        .as_deref()
                        .map(RecordRef::parse)
                        .transpose()?,
                    after: changed.after.as_deref().map(RecordRef::parse).transpose()?,
                });
            }
            for observer in observers.iter() {
                observer.committed(version, &changes);
            }
        }
        Ok(())
    }

    /// Writes what every commit leaves, whatever its effects: counts, its row, its leaf, the
    /// position. Publishes nothing.
    pub(crate) fn finish_commit(
        &self,
        machine: &mut Machine,
        mut batch: WriteBatch,
        kind: u8,
        (header_bytes, header): (&[u8], &CommitHeader),
        outcome: Outcome,
    ) -> Result<(), Stop> {
        let Outcome {
            touched,
            counts,
            catalog,
        } = outcome;
        let version = header.version;
        let mut now = self.counts.write();
        for (statistic, change) in counts {
            if change != 0 {
                let before = now.get(&statistic).copied().unwrap_or(0);
                let count = before.checked_add_signed(change);
                let count = count.ok_or_else(|| {
                    Stop::Diverged(format!("{statistic:?} would be counted below zero"))
                })?;
                now.insert(statistic, count);
                batch.put(Family::Meta, &statistic.key(version), &integer_value(count));
            }
        }
        drop(now);
        let leaf = machine.append_leaf(header_bytes, &mut batch);
        let mut touched_bytes = Vec::new();
        touched.encode(&mut touched_bytes);
        let row = CommitRow {
            index: machine.applied.index,
            leaf,
            header: header_bytes,
            touched: &touched_bytes,
        };
        batch.put(Family::Entry, &commit_key(version), &row.encode());
        batch.put(
            Family::Entry,
            &time_key(header.time),
            &integer_value(version.0),
        );
        if let Some(token) = &header.token {
            batch.put(Family::Meta, &outcome_key(token), &integer_value(version.0));
            batch.put(Family::Meta, &outcome_age_key(version), token);
        }
        if version.0.is_multiple_of(OUTCOME_SWEEP) {
            self.sweep_outcomes(version, &mut batch)?;
        }
        machine.applied.version = version;
        machine.applied.time = header.time;
        machine.applied.observed |= !header.asserted;
        machine.put_position(kind, &mut batch);
        // Readers check for the index they use after making their cursor, so a dropped index leaves
        // the catalog before its rows leave the store. What is new is invisible before its version.
        if let Some(catalog) = catalog {
            self.catalog.store(Arc::new(catalog));
        }
        self.begin_writing(version);
        Ok(self.store.write(batch)?)
    }

    fn sweep_outcomes(&self, version: Version, batch: &mut WriteBatch) -> Result<(), Stop> {
        let Some(end) = version.0.checked_sub(OUTCOME_VERSIONS) else {
            return Ok(());
        };
        let (first, end) = (outcome_age_key(Version(0)), outcome_age_key(Version(end)));
        let mut cursor = self.store.scan(Family::Meta, &first, &end, false)?;
        while cursor.valid() {
            if let Ok(token) = <[u8; 16]>::try_from(cursor.value()) {
                batch.delete(Family::Meta, &outcome_key(&token));
            }
            batch.delete(Family::Meta, cursor.key());
            cursor.next();
        }
        Ok(cursor.status()?)
    }

    /// The version that a commit with this idempotency token made, if it is still remembered.
    pub(crate) fn outcome(&self, token: &[u8; 16]) -> Result<Option<Version>, crate::GraphError> {
        let value = self.store.get(Family::Meta, &outcome_key(token))?;
        Ok(match value {
            Some(value) => Some(Version(read_integer(&value)?)),
            None => None,
        })
    }
}

/// The bytes of the value that an index holds for a record with these labels.
fn indexed_bytes<'r>(
    record: Option<&RecordRef<'r>>,
    labels: &[LabelId],
    index: &IndexDefinition,
) -> Result<Option<&'r [u8]>, Stop> {
    match record {
        Some(record) if labels.contains(&index.label) => Ok(record.property_bytes(index.key)?),
        _ => Ok(None),
    }
}

impl Application<'_> {
    pub(super) fn count(&mut self, statistic: Statistic, change: i64) {
        *self.counts.entry(statistic).or_default() += change;
    }

    fn effect(&mut self, effect: EffectRef<'_>) -> Result<(), Stop> {
        self.effects += 1;
        match effect {
            EffectRef::Token { kind, id, name } => {
                self.touched.tokens.push((kind, id));
                if self
                    .catalog
                    .token(kind, name)
                    .is_some_and(|(known, _)| known == id)
                {
                    return Ok(());
                }
                let catalog = &self.catalog;
                let changed = self
                    .changed_catalog
                    .get_or_insert_with(|| Catalog::clone(catalog));
                if changed.add_token(kind, id, name, self.version)? {
                    let value = token_value(self.version, name);
                    self.batch.put(Family::Meta, &token_key(kind, id), &value);
                }
                Ok(())
            }
            EffectRef::CreateIndex {
                id,
                label,
                key,
                unique,
                in_steps,
                name,
            } => {
                self.touched.schema.push((id, false));
                let definition = IndexDefinition {
                    id,
                    name: name.into(),
                    label,
                    key,
                    unique,
                    created: self.version,
                    covers_from: if in_steps { Version::MAX } else { self.version },
                    build: in_steps.then_some(Build::START),
                    dropped: None,
                };
                if !in_steps {
                    self.rows_of_index(&definition)?;
                }
                self.put_index(definition);
                Ok(())
            }
            EffectRef::CreateRule(rule) => {
                let in_steps = !rule.kind.is_constraint();
                self.create_rule(RuleDefinition {
                    created: self.version,
                    covers_from: if in_steps { Version::MAX } else { self.version },
                    build: in_steps.then_some(Build::START),
                    ..*rule
                })
            }
            EffectRef::DropIndex { id } => self.drop_index(id),
            EffectRef::Element {
                element,
                previous,
                record,
            } => self.element(element, previous, record),
        }
    }

    fn element(
        &mut self,
        element: ElementId,
        previous: Option<Version>,
        record: Option<&[u8]>,
    ) -> Result<(), Stop> {
        let mut old_bytes = std::mem::take(&mut self.old);
        let mut new_bytes = std::mem::take(&mut self.new);
        old_bytes.clear();
        new_bytes.clear();
        let key = element_key(element);
        let old = match previous {
            None => None,
            Some(previous) => {
                self.graph
                    .store
                    .get_with(Family::Element, &key, &mut |bytes| {
                        old_bytes.extend_from_slice(bytes);
                    })?;
                if old_bytes.is_empty() {
                    return Err(Stop::Diverged(format!("{element:?} does not exist")));
                }
                let old = RecordRef::parse(&old_bytes)?;
                if old.from() != previous {
                    return Err(Stop::Diverged(format!(
                        "{element:?} is of version {}, not {previous}",
                        old.from()
                    )));
                }
                self.batch.put(
                    Family::Closed,
                    &closed_element_key(element, self.version),
                    &old_bytes,
                );
                Some(old)
            }
        };
        let new = match record {
            None => {
                self.batch.delete(Family::Element, &key);
                None
            }
            Some(record) => {
                record_at(self.version, record, &mut new_bytes)?;
                self.batch.put(Family::Element, &key, &new_bytes);
                Some(RecordRef::parse(&new_bytes)?)
            }
        };
        self.rule_rows(element, old.as_ref(), new.as_ref())?;
        match element {
            ElementId::Node(id) => {
                self.touched.nodes.push(id);
                self.node(id, old.as_ref(), new.as_ref())?;
            }
            ElementId::Relationship(id) => {
                self.touched.relationships.push(id);
                self.relationship(id, old.as_ref(), new.as_ref())?;
            }
        }
        if let Some(observed) = &mut self.observed {
            observed.push(Changed {
                element,
                before: old.map(|record| record.bytes().to_vec()),
                after: new.map(|record| record.bytes().to_vec()),
            });
        }
        self.old = old_bytes;
        self.new = new_bytes;
        Ok(())
    }

    fn node(
        &mut self,
        id: NodeId,
        old: Option<&RecordRef<'_>>,
        new: Option<&RecordRef<'_>>,
    ) -> Result<(), Stop> {
        match (old, new) {
            (None, Some(_)) => self.count(Statistic::Nodes, 1),
            (Some(_), None) => self.count(Statistic::Nodes, -1),
            _ => {}
        }
        let labels_of = |record: Option<&RecordRef<'_>>| {
            record.map_or_else(smallvec::SmallVec::<[LabelId; 8]>::new, |record| {
                record.labels().collect()
            })
        };
        let (before, after) = (labels_of(old), labels_of(new));
        for &label in after.iter().filter(|label| !before.contains(label)) {
            self.batch.put(
                Family::Index,
                &label_key(label, id),
                &from_value(self.version),
            );
            self.count(Statistic::Label(label), 1);
        }
        for &label in before.iter().filter(|label| !after.contains(label)) {
            let set = SetRange::new(Family::Index, label_prefix(label));
            self.close_row(&set, &id.0.to_be_bytes())?;
            self.count(Statistic::Label(label), -1);
        }
        let catalog = Arc::clone(&self.catalog);
        if catalog.has_no_index() {
            return Ok(());
        }
        for &label in after
            .iter()
            .chain(before.iter().filter(|label| !after.contains(label)))
        {
            for index in catalog.indexes_of(label) {
                // Equal bytes are equal values; unequal bytes may still be equivalent ones.
                let old_bytes = indexed_bytes(old, &before, index)?;
                if old_bytes == indexed_bytes(new, &after, index)? {
                    continue;
                }
                let key_of = |record: Option<&RecordRef<'_>>, labels: &[LabelId]| match record {
                    Some(record) if labels.contains(&label) => Ok::<_, Stop>(
                        record
                            .property(index.key)?
                            .map(|value| property_key(label, index.key, &value, id)),
                    ),
                    _ => Ok(None),
                };
                let (gone, come) = (key_of(old, &before)?, key_of(new, &after)?);
                if gone == come {
                    continue;
                }
                if let Some(gone) = gone {
                    let set = SetRange::new(Family::Index, property_prefix(label, index.key));
                    let has_ended = if index.is_populating() {
                        self.remove_row(&gone)?
                    } else {
                        self.close_row(&set, &gone[set.prefix.len()..])?;
                        true
                    };
                    self.count(Statistic::Index(index.id), -i64::from(has_ended));
                }
                if let Some(come) = come {
                    self.batch
                        .put(Family::Index, &come, &from_value(self.version));
                    self.count(Statistic::Index(index.id), 1);
                }
            }
        }
        Ok(())
    }

    fn relationship(
        &mut self,
        id: RelationshipId,
        old: Option<&RecordRef<'_>>,
        new: Option<&RecordRef<'_>>,
    ) -> Result<(), Stop> {
        let ends_of = |record: &RecordRef<'_>| {
            record
                .ends()
                .ok_or_else(|| Stop::Diverged(format!("relationship {id} has a node's record")))
        };
        let before = old.map(ends_of).transpose()?;
        let after = new.map(ends_of).transpose()?;
        let both_ways = |(type_id, start, end): (crate::ids::TypeId, NodeId, NodeId)| {
            [
                (start, Direction::Outgoing, end),
                (end, Direction::Incoming, start),
            ]
            .map(|(node, direction, neighbour)| AdjacencyKey {
                node,
                direction,
                type_id,
                neighbour,
                relationship: id,
            })
        };
        match (before, after) {
            (None, Some(ends)) => {
                for key in both_ways(ends) {
                    let from = from_value(self.version);
                    self.batch.put(Family::Adjacency, &key.bytes(), &from);
                }
                self.count(Statistic::Relationships, 1);
                self.count(Statistic::Type(ends.0), 1);
            }
            (Some(ends), None) => {
                for key in both_ways(ends) {
                    let prefix = adjacency_type_prefix(key.node, key.direction, key.type_id);
                    let set = SetRange::new(Family::Adjacency, prefix);
                    self.close_row(&set, &key.bytes()[ADJACENCY_TYPE_PREFIX_BYTES..])?;
                }
                self.count(Statistic::Relationships, -1);
                self.count(Statistic::Type(ends.0), -1);
            }
            (Some(before), Some(after)) if before != after => {
                return Err(Stop::Diverged(format!(
                    "relationship {id} would change its type or ends"
                )));
            }
            _ => {}
        }
        Ok(())
    }

    /// Ends a row of a set with this commit.
    pub(super) fn close_row(&mut self, set: &SetRange, rest: &[u8]) -> Result<(), Stop> {
        let mut from = Key::new();
        let key = set.current_key(rest);
        let store = self.graph.store.as_ref();
        let found = store.get_with(set.family, &key, &mut |value| {
            from.extend_from_slice(value);
        })?;
        if !found {
            return Err(Stop::Diverged(format!(
                "a row of the {} family that ends does not exist",
                set.family.name()
            )));
        }
        let row = EndingRow {
            set,
            rest,
            from: &from,
            to: self.version,
        };
        let segments = &mut self.machine.segments;
        segments.close(store, &row, &mut self.closings, &mut self.batch)
    }

    /// Removes a row of an index that is populating, if it is there; returns whether it was. No
    /// version that has it is ever answered from the index, so it has no closed twin.
    pub(super) fn remove_row(&mut self, row: &Key) -> Result<bool, Stop> {
        let is_there = self.has_row(row)?;
        if is_there {
            self.batch.delete(Family::Index, row);
        }
        Ok(is_there)
    }

    /// Whether the store has a row of an index.
    pub(super) fn has_row(&self, row: &Key) -> Result<bool, Stop> {
        let store = self.graph.store.as_ref();
        Ok(store.get_with(Family::Index, row, &mut |_| ())?)
    }

    /// Makes the rows of an index for all nodes there are. Schema and data do not change in one
    /// commit, so what is in the store is all there is.
    fn rows_of_index(&mut self, definition: &IndexDefinition) -> Result<(), Stop> {
        let store = Arc::clone(&self.graph.store);
        let prefix = label_prefix(definition.label);
        let mut cursor = store.scan(Family::Index, &prefix, &prefix_end(&prefix), false)?;
        let mut rows = NewRows::new(store.as_ref(), self.version);
        let is_free = self.is_range_free(definition);
        let mut count = 0;
        while cursor.valid() {
            let node = read_trailing_node(cursor.key())?;
            let mut key = Ok(None);
            store.get_with(Family::Element, &element_key(node.into()), &mut |bytes| {
                key = RecordRef::parse(bytes)
                    .and_then(|record| record.property(definition.key))
                    .map(|value| {
                        value.map(|value| {
                            property_key(definition.label, definition.key, &value, node)
                        })
                    });
            })?;
            match key? {
                Some(key) if is_free => rows.put(&key)?,
                Some(key) => {
                    self.batch
                        .put(Family::Index, &key, &from_value(self.version));
                    count += 1;
                }
                None => {}
            }
            cursor.next();
        }
        cursor.status()?;
        count += rows.finish()?;
        self.count(Statistic::Index(definition.id), count);
        Ok(())
    }

    /// Whether nothing else of this commit writes where the rows of a new index go: an index dropped
    /// by the same commit may have been there.
    fn is_range_free(&self, definition: &IndexDefinition) -> bool {
        let changed = self.changed_catalog.as_ref();
        !changed.is_some_and(|catalog| {
            catalog.all_indexes().any(|index| {
                index.dropped == Some(self.version)
                    && (index.label, index.key) == (definition.label, definition.key)
            })
        })
    }

    fn drop_index(&mut self, id: IndexId) -> Result<(), Stop> {
        self.touched.schema.push((id, true));
        let current = self.changed_catalog.as_ref().unwrap_or(&self.catalog);
        if let Some(rule) = current.rule(id).filter(|rule| rule.dropped.is_none()) {
            let rule = Arc::clone(rule);
            self.drop_rule(&rule);
            return Ok(());
        }
        let current = self.changed_catalog.as_ref().unwrap_or(&self.catalog);
        let definition = current.index(id).filter(|index| index.dropped.is_none());
        let Some(definition) = definition.cloned() else {
            return Err(Stop::Diverged(format!("there is no index {id} to drop")));
        };
        let prefix = property_prefix(definition.label, definition.key);
        let set = SetRange::new(Family::Index, prefix);
        self.batch
            .delete_range(Family::Index, &set.prefix, &prefix_end(&set.prefix));
        let (first, end) = set.closed_bounds();
        self.batch.delete_range(Family::Closed, &first, &end);
        self.machine.segments.forget(&set);
        let counts = self.graph.counts.read();
        let rows = counts.get(&Statistic::Index(id)).copied().unwrap_or(0) as i64;
        drop(counts);
        self.count(Statistic::Index(id), -rows);
        self.put_index(IndexDefinition {
            dropped: Some(self.version),
            ..IndexDefinition::clone(&definition)
        });
        Ok(())
    }

    fn put_index(&mut self, definition: IndexDefinition) {
        self.batch.put(
            Family::Meta,
            &index_key(definition.id),
            &definition.row().encode(),
        );
        let catalog = &self.catalog;
        self.changed_catalog
            .get_or_insert_with(|| Catalog::clone(catalog))
            .put_index(definition);
    }

    fn finish(
        mut self,
        kind: u8,
        header: (&[u8], &CommitHeader),
    ) -> Result<Option<Vec<Changed>>, Stop> {
        let rows_min = self
            .machine
            .identity
            .as_ref()
            .map_or(0, |identity| identity.segment_rows_min);
        let store = self.graph.store.as_ref();
        self.machine.segments.seal(
            store,
            self.version,
            rows_min,
            &self.closings,
            &mut self.batch,
        )?;
        self.graph.finish_commit(
            self.machine,
            self.batch,
            kind,
            header,
            Outcome {
                touched: self.touched,
                counts: self.counts,
                catalog: self.changed_catalog,
            },
        )?;
        Ok(self.observed)
    }
}
