//! Scans: elements in ascending order of their ids.
//!
//! A scan fills a caller's buffer in batches and remembers where it stands as plain data in a
//! [`ScanCursor`]. What the transaction wrote itself is merged in.

use std::ops::{ControlFlow, Range};

use super::{GraphRead, Result, ends_of, not_a_relationship, proceed};
use crate::blocks::{BLOCK_IDS, Space};
use crate::footprint::fact;
use crate::ids::{ElementId, LabelId, NodeId, RelationshipId, TypeId};
use crate::kv::Family;
use crate::overlay::Seen;
use crate::rows::closed::SetRange;
use crate::rows::{Key, label_prefix, prefix_end, read_trailing_node};

/// A relationship as a scan gives it: id, type, start, end.
pub type RelationshipRow = (RelationshipId, TypeId, NodeId, NodeId);

/// Where a scan stands. Plain data: holds no lock and no borrow. Starts with `default()`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanCursor {
    /// What follows the common start in the key of the last row given.
    pub(super) after: Option<Key>,
    pub(super) done: bool,
}

impl ScanCursor {
    /// Whether the scan has come to its end.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done
    }

    /// The least key behind the last row given. No key is the start of another, and closed rows
    /// have a version behind theirs, so it is not enough to append a byte.
    pub(super) fn next_key(&self) -> Key {
        let after = self.after.as_ref();
        after.map_or_else(Key::new, |after| prefix_end(after))
    }

    pub(super) fn next_id(&self) -> u64 {
        let last = self
            .after
            .as_ref()
            .and_then(|after| after.first_chunk::<8>());
        last.map_or(0, |last| u64::from_be_bytes(*last).saturating_add(1))
    }

    pub(super) fn advance(&mut self, last: Option<&[u8]>, done: bool) {
        if let Some(last) = last {
            self.after = Some(Key::from_slice(last));
        }
        self.done = done;
    }
}

impl GraphRead {
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
        self.each_node(first, |id| {
            let is_own = own.is_some_and(|own| matches!(own.see(id.into()), Seen::Own(_)));
            is_own || base.push(id)
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
    pub(super) fn note_scan(
        &self,
        set: &SetRange,
        lower: &[u8],
        upper: Option<&[u8]>,
        cursor: &ScanCursor,
    ) {
        self.note_range(|| {
            let end = if cursor.done {
                upper.map_or_else(|| prefix_end(&set.prefix), |upper| set.current_key(upper))
            } else {
                set.current_key(&cursor.next_key())
            };
            (fact::index(&set.current_key(lower)), fact::index(&end))
        });
    }

    /// Visits the nodes from `first` on as stored, ascending, until `visit` returns false: block by
    /// block, from a page if there is one.
    fn each_node(&self, first: NodeId, mut visit: impl FnMut(NodeId) -> bool) -> Result<()> {
        let mut next = first.0;
        loop {
            let block = self.graph.blocks.read().nodes_from(next / BLOCK_IDS);
            let Some(block) = block else { return Ok(()) };
            next = next.max(block * BLOCK_IDS);
            let end = (block + 1) * BLOCK_IDS;
            let mut goes_on = true;
            if let Some(found) = self.graph.images.records(Space::Nodes, next, self.version) {
                let is_there = |id: &u64| found.page.get(*id % BLOCK_IDS, self.version.0).is_some();
                goes_on = (next..end).filter(is_there).all(|id| visit(NodeId(id)));
            } else {
                self.stored()
                    .scan_elements(NodeId(next).into(), &mut |element, _| {
                        let ElementId::Node(id) = element else {
                            return Ok(ControlFlow::Break(None));
                        };
                        goes_on = id.0 >= end || visit(id);
                        Ok(match goes_on && id.0 < end {
                            true => ControlFlow::Continue(()),
                            false => ControlFlow::Break(None),
                        })
                    })?;
            }
            if !goes_on {
                return Ok(());
            }
            next = end;
        }
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
        self.visit_relationships(types, cursor, limit, |row| out.push(row))
    }

    /// As [`scan_relationships`](GraphRead::scan_relationships), handing each to `visit`.
    pub fn visit_relationships(
        &self,
        types: &[TypeId],
        cursor: &mut ScanCursor,
        limit: usize,
        mut visit: impl FnMut(RelationshipRow),
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
        let Some(own) = self.written() else {
            let (mut left, mut last, mut is_cut) = (limit.max(1), None, false);
            self.each_relationship(first, types, |row| {
                is_cut = left == 0;
                if !is_cut {
                    left -= 1;
                    last = Some(row.0.0.to_be_bytes());
                    visit(row);
                }
                !is_cut
            })?;
            cursor.advance(last.as_ref().map(<[u8; 8]>::as_slice), !is_cut);
            return Ok(());
        };
        let mut base = Batch::new(limit);
        self.each_relationship(first, types, |row| {
            matches!(own.see(row.0.into()), Seen::Own(_)) || base.push(row)
        })?;
        let mut extra = Batch::new(limit);
        own.with(|overlay, below| {
            let candidates = overlay.elements().filter_map(|(element, _)| match element {
                ElementId::Relationship(id) if id >= first => match overlay.see(element, below) {
                    Seen::Own(Some(state)) => ends_of(&state)
                        .filter(|(t, ..)| types.is_empty() || types.contains(t))
                        .map(|(t, start, end)| (id, t, start, end)),
                    _ => None,
                },
                _ => None,
            });
            extra.push_least(candidates);
        });
        let (rows, done) = merge(base, extra);
        let last = rows.last().map(|row| row.0.0.to_be_bytes());
        cursor.advance(last.as_ref().map(<[u8; 8]>::as_slice), done);
        rows.into_iter().for_each(visit);
        Ok(())
    }

    /// Visits the relationships of some types from `first` on as stored, ascending, until `visit`
    /// returns false: block by block, from a page if there is one.
    fn each_relationship(
        &self,
        first: RelationshipId,
        types: &[TypeId],
        mut visit: impl FnMut(RelationshipRow) -> bool,
    ) -> Result<()> {
        let mut next = first.0;
        loop {
            let blocks = self.graph.blocks.read();
            let block = blocks.relationships_from(next / BLOCK_IDS, types);
            drop(blocks);
            let Some(block) = block else { return Ok(()) };
            let start = block * BLOCK_IDS;
            next = next.max(start);
            let mut goes_on = true;
            if let Some(found) = self.graph.images.ends(block, self.version) {
                let (local, version) = (next - start, self.version.0);
                goes_on = found.page.scan(local, types, version, |local, ends| {
                    visit((RelationshipId(start + local), ends.0, ends.1, ends.2))
                });
            } else {
                let element = RelationshipId(next).into();
                self.stored()
                    .scan_elements(element, &mut |element, record| {
                        let ElementId::Relationship(id) = element else {
                            return Ok(ControlFlow::Break(None));
                        };
                        if id.0 >= start + BLOCK_IDS {
                            return Ok(ControlFlow::Break(None));
                        }
                        let Some((type_id, from, to)) = record.ends() else {
                            return Err(not_a_relationship(id));
                        };
                        let is_wanted = types.is_empty() || types.contains(&type_id);
                        goes_on = !is_wanted || visit((id, type_id, from, to));
                        Ok(match goes_on {
                            true => ControlFlow::Continue(()),
                            false => ControlFlow::Break(None),
                        })
                    })?;
            }
            if !goes_on {
                return Ok(());
            }
            next = start + BLOCK_IDS;
        }
    }
}

/// Rows of one source of a scan, ascending, and whether there may be more.
pub(super) struct Batch<T> {
    rows: Vec<T>,
    limit: usize,
    is_cut: bool,
}

impl<T: Ord> Batch<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            rows: Vec::new(),
            limit: limit.max(1),
            is_cut: false,
        }
    }

    /// Takes a row in; returns whether to go on. A batch that is full knows of one row more.
    pub(super) fn push(&mut self, row: T) -> bool {
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
pub(super) fn merge<T: Ord>(base: Batch<T>, extra: Batch<T>) -> (Vec<T>, bool) {
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
