//! What must hold whatever the isolation: nodes to be deleted have no relationships, unique values
//! are unique, indexed values are short enough; and the schema that says so.
//!
//! A constraint is checked twice. At the end of each statement against the view and the own writes,
//! which gives an exact error; and by certification against what others commit meanwhile, for which
//! the ranges that were looked at are noted.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::existing::GoOn;
use super::{Result, SchemaChange, Transaction, has_value};
use crate::build::Build;
use crate::catalog::IndexDefinition;
use crate::error::GraphError;
use crate::footprint::fact;
use crate::ids::{ElementId, IndexId, KeyId, LabelId, NodeId, Version};
use crate::kv::Family;
use crate::read::GraphRead;
use crate::rows::closed::SetRange;
use crate::rows::{
    Key, VALUE_KEY_BYTES_MAX, prefix_end, property_key, property_prefix, read_trailing_node,
};
use crate::rule::{IndexSort, RuleKind, Target};
use crate::value::Value;

impl Transaction {
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
            let (state, before) = {
                let overlay = self.state.overlay.read();
                match overlay.written(element) {
                    Some(written) => (
                        written.latest().cloned(),
                        written.before().map(|(_, state)| Arc::clone(state)),
                    ),
                    None => continue,
                }
            };
            if let Some(state) = &state {
                self.check_rules(element, before.as_deref(), state)?;
            }
            let ElementId::Node(id) = element else {
                continue;
            };
            let Some(state) = state else {
                self.check_disconnected(&read, id, before.is_none())?;
                continue;
            };
            if catalog.has_no_index() {
                continue;
            }
            for label in state.labels() {
                for index in catalog.indexes_of(*label) {
                    if let Some(value) = state.property(index.key) {
                        let unchanged = before
                            .as_deref()
                            .filter(|before| before.labels().contains(label))
                            .and_then(|before| before.property(index.key))
                            .filter(|before| *before == value);
                        self.check_value(index, id, value, unchanged.is_some())?;
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

    pub(super) fn names(&self, index: &IndexDefinition) -> (Arc<str>, Arc<str>) {
        let catalog = self.read().catalog();
        (
            catalog.label_name(index.label).unwrap_or_default(),
            catalog.key_name(index.key).unwrap_or_default(),
        )
    }

    /// Checks one value against one index. A value that was there before the transaction is not refused
    /// for its length.
    pub(super) fn check_value(
        &self,
        index: &IndexDefinition,
        node: NodeId,
        value: &Value,
        is_unchanged: bool,
    ) -> Result<()> {
        let row = property_key(index.label, index.key, value, node);
        let set = SetRange::new(Family::Index, property_prefix(index.label, index.key));
        let start = &row[..row.len() - 8];
        let bytes = start.len() - set.prefix.len();
        if bytes > VALUE_KEY_BYTES_MAX {
            if is_unchanged {
                // It was there before the index, whose build will find it and fail.
                return Ok(());
            }
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
                if other != node && !overlay.has_state(other.into()) {
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
                    value: value.to_string(),
                    node,
                    existing,
                })
            }
        }
    }

    /// Creates an index on a property of the nodes of a label. It is built after the commit, in
    /// steps (see [`crate::build`]).
    pub fn create_index(&self, name: &str, label: LabelId, key: KeyId) -> Result<IndexId> {
        self.create_schema(name, label, key, false, &mut |_| true)
    }

    /// Makes a property unique among the nodes of a label.
    pub fn create_unique_constraint(
        &self,
        name: &str,
        label: LabelId,
        key: KeyId,
    ) -> Result<IndexId> {
        self.create_unique_constraint_while(name, label, key, &mut |_| true)
    }

    /// The same, as long as `go_on` says so: it is asked for each node once, with the bytes that the
    /// check takes from now on.
    ///
    /// # Errors
    /// Also [`GraphError::Interrupted`].
    pub fn create_unique_constraint_while(
        &self,
        name: &str,
        label: LabelId,
        key: KeyId,
        go_on: GoOn<'_>,
    ) -> Result<IndexId> {
        self.create_schema(name, label, key, true, go_on)
    }

    fn create_schema(
        &self,
        name: &str,
        label: LabelId,
        key: KeyId,
        unique: bool,
        go_on: GoOn<'_>,
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
                _ => None,
            }))
            .find(|index| &*index.name == name || (index.label, index.key) == (label, key))
            .map(|index| Arc::clone(&index.name));
        let range = RuleKind::Index(IndexSort::Range);
        let rule = catalog
            .all_rules()
            .filter(|rule| rule.dropped.is_none())
            .filter(|rule| {
                !schema.iter().any(
                    |change| matches!(change, SchemaChange::DropRule(dropped) if dropped.id == rule.id),
                )
            })
            .map(|rule| &**rule)
            .chain(schema.iter().filter_map(|change| match change {
                SchemaChange::CreateRule(rule) => Some(rule),
                _ => None,
            }))
            .find(|rule| {
                *rule.name == *name
                    || (rule.targets == [Target::Label(label)]
                        && rule.keys == [key]
                        && (rule.kind.is_unique() || rule.kind == range))
            })
            .map(|rule| Arc::clone(&rule.name));
        if let Some(existing) = clash.or(rule) {
            return Err(GraphError::SchemaExists { existing });
        }
        let definition = IndexDefinition {
            id: graph.sequencer.index_id(),
            name: name.into(),
            label,
            key,
            unique,
            created: Version::MAX,
            covers_from: Version::MAX,
            // What must hold is checked by the commit; an index alone may come about behind it.
            build: (!unique).then_some(Build::START),
            dropped: None,
        };
        if unique {
            self.check_existing(&definition, go_on)?;
        }
        let id = definition.id;
        schema.push(SchemaChange::Create(definition));
        Ok(id)
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
        if self.drop_rule(name, unique, &mut schema) {
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
}
