//! One property of many elements.
//!
//! Runs of ids of one block are copied from its page at once; what has no page, or may have been
//! written by the transaction itself, is read one by one.

use std::ops::Range;

use super::{GraphRead, Result};
use crate::blocks::{BLOCK_IDS, Space};
use crate::column::Column;
use crate::footprint::fact;
use crate::ids::{ElementId, KeyId, NodeId, RelationshipId};
use crate::image::column::Scattered;

impl GraphRead {
    /// Replaces a column by one property of nodes, null where a node or property is absent. Runs of
    /// ids of one block are copied from its page at once.
    pub fn node_properties(&self, ids: &[NodeId], key: KeyId, out: &mut Column) -> Result<()> {
        self.properties(Space::Nodes, ids, |id| id.0, key, out)
    }

    /// Replaces a column by one property of relationships, null where one is absent. Runs of ids of
    /// one block are copied from its page at once.
    pub fn relationship_properties(
        &self,
        ids: &[RelationshipId],
        key: KeyId,
        out: &mut Column,
    ) -> Result<()> {
        self.properties(Space::Relationships, ids, |id| id.0, key, out)
    }

    /// As [`node_properties`](GraphRead::node_properties), for all ids of a range.
    pub fn node_properties_in(&self, ids: Range<u64>, key: KeyId, out: &mut Column) -> Result<()> {
        *out = Column::default();
        let rows = usize::try_from(ids.end.saturating_sub(ids.start)).unwrap_or(usize::MAX);
        let mut next = ids.start;
        while next < ids.end {
            let block = next / BLOCK_IDS;
            let end = ids.end.min((block + 1) * BLOCK_IDS);
            let page = match self.written().is_some() {
                false => self
                    .graph
                    .images
                    .column(Space::Nodes, key, block, self.version),
                true => None,
            };
            match page {
                Some(found) => {
                    for id in next..end {
                        self.note_point(|| fact::element(NodeId(id).into()));
                    }
                    let locals = (next % BLOCK_IDS) as usize;
                    let locals = locals..locals + (end - next) as usize;
                    found.page.gather(locals, self.version.0, rows, out);
                }
                None => {
                    for id in next..end {
                        out.push(self.property(NodeId(id).into(), key)?);
                    }
                }
            }
            next = end;
        }
        Ok(())
    }

    fn properties<T: Copy + Into<ElementId>>(
        &self,
        space: Space,
        mut ids: &[T],
        id_of: impl Fn(T) -> u64,
        key: KeyId,
        out: &mut Column,
    ) -> Result<()> {
        *out = Column::default();
        let rows = ids.len();
        let has_own = self.written().is_some();
        while let Some(&first) = ids.first() {
            let block = id_of(first) / BLOCK_IDS;
            let mut is_row = true;
            let mut length = 1;
            let mut last = id_of(first);
            for id in &ids[1..] {
                let id = id_of(*id);
                if id / BLOCK_IDS != block {
                    break;
                }
                is_row &= id == last.wrapping_add(1);
                last = id;
                length += 1;
            }
            let (run, rest) = ids.split_at(length);
            ids = rest;
            let page = match has_own {
                false => self.graph.images.column(space, key, block, self.version),
                true => None,
            };
            let Some(found) = page else {
                for id in run {
                    out.push(self.property((*id).into(), key)?);
                }
                continue;
            };
            if self.own.is_some() {
                for id in run {
                    self.note_point(|| fact::element((*id).into()));
                }
            }
            let version = self.version.0;
            match is_row {
                true => {
                    let local = (id_of(first) % BLOCK_IDS) as usize;
                    found
                        .page
                        .gather(local..local + run.len(), version, rows, out);
                }
                false => found.page.gather(Scattered(run), version, rows, out),
            }
        }
        Ok(())
    }
}
