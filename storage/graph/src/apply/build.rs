//! Applying a step of building an index (see [`crate::build`]).

use std::sync::Arc;

use super::{Machine, Stop};
use crate::build::{Build, BuildStep, Position};
use crate::catalog::{Catalog, IndexDefinition};
use crate::encoding::record::RecordRef;
use crate::error::GraphError;
use crate::graph::Graph;
use crate::ids::{NodeId, Version};
use crate::kv::{Family, OrderedStore, WriteBatch};
use crate::rows::meta::{Statistic, index_key, integer_value};
use crate::rows::{
    Key, VALUE_KEY_BYTES_MAX, element_key, from_value, label_key, label_prefix, prefix_end,
    property_key, property_prefix, read_trailing_node,
};

/// What a step has found.
struct Found {
    /// Rows that are missing, in the order of their elements.
    rows: Vec<Key>,
    build: Build,
}

impl Graph {
    pub(super) fn apply_build(
        &self,
        machine: &mut Machine,
        mut batch: WriteBatch,
        (kind, payload): (u8, &[u8]),
        step: &BuildStep,
    ) -> Result<(), Stop> {
        let catalog = self.catalog.load_full();
        let definition = catalog.index(step.index).filter(|index| {
            let next = match index.build {
                Some(Build::Populating { next, .. }) => Some(next),
                _ => None,
            };
            index.dropped.is_none() && next == Some(step.from)
        });
        let changed = match definition {
            Some(index) => {
                let found = find(self.store.as_ref(), index, step)?;
                let version = machine.applied.version;
                Some(self.put_step(index, found, version, &mut batch)?)
            }
            None => None,
        };
        machine.append_leaf(payload, &mut batch);
        machine.put_position(kind, &mut batch);
        self.store.write(batch)?;
        // Only now: whoever finds the index complete finds all its rows.
        if let Some(index) = changed {
            let mut catalog = Catalog::clone(&catalog);
            if index.is_populating() {
                catalog.put_index_progress(index);
            } else {
                catalog.put_index(index);
            }
            self.catalog.store(Arc::new(catalog));
        }
        Ok(())
    }

    /// Puts the rows of a step and how far the index has come.
    fn put_step(
        &self,
        index: &IndexDefinition,
        found: Found,
        version: Version,
        batch: &mut WriteBatch,
    ) -> Result<IndexDefinition, Stop> {
        let statistic = Statistic::Index(index.id);
        let mut counts = self.counts.write();
        let mut count = counts.get(&statistic).copied().unwrap_or(0);
        if let Build::Failed { .. } = found.build {
            let prefix = property_prefix(index.label, index.key);
            batch.delete_range(Family::Index, &prefix, &prefix_end(&prefix));
            count = 0;
        } else {
            let from = from_value(index.created);
            for row in &found.rows {
                batch.put(Family::Index, row, &from);
            }
            count += found.rows.len() as u64;
        }
        batch.put(Family::Meta, &statistic.key(version), &integer_value(count));
        counts.insert(statistic, count);
        drop(counts);
        let covers_from = match found.build {
            Build::Complete => version,
            Build::Populating { .. } | Build::Failed { .. } => Version::MAX,
        };
        let index = IndexDefinition {
            build: Some(found.build),
            covers_from,
            ..index.clone()
        };
        batch.put(Family::Meta, &index_key(index.id), &index.row().encode());
        Ok(index)
    }
}

/// Looks for rows that are missing, from where the step begins to where its bounds end it.
fn find(
    store: &dyn OrderedStore,
    index: &IndexDefinition,
    step: &BuildStep,
) -> Result<Found, GraphError> {
    let (label, key) = (index.label, index.key);
    let mut visited = match index.build {
        Some(Build::Populating { visited, .. }) => visited,
        _ => 0,
    };
    let first = label_key(label, NodeId(step.from.id));
    let end = prefix_end(&label_prefix(label));
    let mut cursor = store.scan(Family::Index, &first, &end, false)?;
    let (mut rows, mut bytes, mut elements) = (Vec::new(), 0, 0);
    while cursor.valid() {
        let node = read_trailing_node(cursor.key())?;
        if elements >= step.bounds.elements.max(1) || bytes >= step.bounds.bytes as usize {
            let next = Position {
                part: step.from.part,
                id: node.0,
            };
            let build = Build::Populating { next, visited };
            return Ok(Found { rows, build });
        }
        let mut found = Ok(None);
        store.get_with(Family::Element, &element_key(node.into()), &mut |record| {
            found = RecordRef::parse(record).and_then(|record| {
                let value = record.property(key)?;
                Ok(value.map(|value| (property_key(label, key, &value, node), record.from())))
            });
        })?;
        if let Some((row, from)) = found? {
            let length = row.len() - property_prefix(label, key).len() - 8;
            if length > VALUE_KEY_BYTES_MAX {
                let build = Build::Failed {
                    element: node.0,
                    bytes: length as u64,
                };
                return Ok(Found { rows, build });
            }
            // What was not written since the index was created has no row yet.
            let is_there =
                from > index.created && store.get_with(Family::Index, &row, &mut |_| ())?;
            if !is_there {
                bytes += row.len();
                rows.push(row);
            }
        }
        elements += 1;
        visited += 1;
        cursor.next();
    }
    cursor.status()?;
    let build = Build::Complete;
    Ok(Found { rows, build })
}
