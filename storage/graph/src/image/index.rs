//! Index pages: which nodes have a value, found by the hash of its key bytes.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use super::delta::Delta;
use super::directory::Page;
use super::ids::{Ids, Life};
use crate::ids::NodeId;
use crate::rows::Key;

/// A node that got or lost a value.
#[derive(Clone, Debug)]
pub(crate) struct IndexChange {
    pub key: Key,
    pub node: NodeId,
    pub is_there: bool,
}

/// The nodes of an index by value.
#[derive(Default)]
pub(crate) struct IndexPage {
    table: HashTable<u32>,
    /// The key bytes of all values, one after another, and where each ends.
    keys: Box<[u8]>,
    ends: Box<[u32]>,
    /// Where the nodes of each value start; one more than there are values.
    starts: Box<[u32]>,
    /// Ascending within a value.
    nodes: Ids,
    lives: Option<Box<[Life]>>,
    /// By the hash of the key.
    delta: Arc<Delta<IndexChange>>,
}

/// The hash of the key bytes of a value; the place of its changes.
pub(super) fn hash(key: &[u8]) -> u64 {
    FixedState::with_seed(0).hash_one(key)
}

impl Page for IndexPage {
    type Change = IndexChange;

    fn delta(&self) -> &Arc<Delta<IndexChange>> {
        &self.delta
    }

    fn bytes(&self) -> usize {
        self.table.allocation_size()
            + self.keys.len()
            + (self.ends.len() + self.starts.len()) * 4
            + self.nodes.bytes()
            + self
                .lives
                .as_ref()
                .map_or(0, |lives| size_of_val::<[Life]>(lives))
    }

    fn rows(&self) -> usize {
        self.nodes.len()
    }
}

/// The rows of a page to be.
#[derive(Default)]
pub(super) struct IndexRows {
    rows: Vec<(Key, u64, Life)>,
}

impl IndexRows {
    pub fn push(&mut self, key: &[u8], node: NodeId, life: Life) {
        self.rows.push((Key::from_slice(key), node.0, life));
    }

    /// `None` if the keys are too many for the page's offsets.
    pub fn finish(
        mut self,
        is_interval: bool,
        delta: Arc<Delta<IndexChange>>,
    ) -> Option<IndexPage> {
        self.rows.sort_unstable();
        self.rows.dedup_by(|next, before| {
            next.0 == before.0 && next.1 == before.1 && next.2.from == before.2.from
        });
        let (mut keys, mut ends, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        let mut last: Option<&Key> = None;
        for (at, (key, _, _)) in self.rows.iter().enumerate() {
            if last != Some(key) {
                keys.extend_from_slice(key);
                ends.push(u32::try_from(keys.len()).ok()?);
                starts.push(u32::try_from(at).ok()?);
                last = Some(key);
            }
        }
        starts.push(u32::try_from(self.rows.len()).ok()?);
        let nodes: Vec<u64> = self.rows.iter().map(|(_, node, _)| *node).collect();
        let lives = is_interval.then(|| self.rows.iter().map(|(_, _, life)| *life).collect());
        let mut page = IndexPage {
            keys: keys.into(),
            ends: ends.into(),
            starts: starts.into(),
            nodes: Ids::new(&nodes),
            lives,
            delta,
            ..IndexPage::default()
        };
        let mut table = HashTable::with_capacity(page.ends.len());
        for number in 0..page.ends.len() as u32 {
            let of = |number: &u32| hash(page.key(*number));
            table.insert_unique(of(&number), number, of);
        }
        page.table = table;
        Some(page)
    }
}

impl IndexPage {
    fn key(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = number
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize);
        &self.keys[start..self.ends[number] as usize]
    }

    fn range(&self, key: &[u8], hash: u64) -> std::ops::Range<usize> {
        match self.table.find(hash, |number| self.key(*number) == key) {
            Some(number) => {
                let at = *number as usize;
                self.starts[at] as usize..self.starts[at + 1] as usize
            }
            None => 0..0,
        }
    }

    /// Visits the nodes of a value, ascending, until `visit` returns false.
    pub fn find(&self, key: &[u8], version: u64, mut visit: impl FnMut(NodeId) -> bool) {
        let hash = hash(key);
        let range = self.range(key, hash);
        let mut base = range
            .filter(|at| {
                self.lives
                    .as_ref()
                    .is_none_or(|lives| lives[*at].holds(version))
            })
            .map(|at| NodeId(self.nodes.get(at)));
        if !self.delta.touches(hash) {
            base.all(&mut visit);
            return;
        }
        let mut changed: SmallVec<[(NodeId, bool); 8]> = self
            .delta
            .changes(hash, version)
            .filter(|change| change.key.as_slice() == key)
            .map(|change| (change.node, change.is_there))
            .collect();
        changed.sort_by_key(|(node, _)| *node);
        changed.dedup_by_key(|(node, _)| *node);
        let mut changed = changed.into_iter().peekable();
        for node in base {
            while let Some((before, is_there)) = changed.next_if(|(before, _)| *before < node) {
                if is_there && !visit(before) {
                    return;
                }
            }
            let now = changed.next_if(|(same, _)| *same == node);
            if now.is_none_or(|(_, is_there)| is_there) && !visit(node) {
                return;
            }
        }
        for (node, is_there) in changed {
            if is_there && !visit(node) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(page: &IndexPage, key: &[u8], version: u64) -> Vec<u64> {
        let mut found = Vec::new();
        page.find(key, version, |node| {
            found.push(node.0);
            true
        });
        found
    }

    #[test]
    fn values_are_found_with_their_changes() {
        let forever = Life { from: 0, to: 9 };
        let mut rows = IndexRows::default();
        for (key, node) in [("b", 5), ("a", 1), ("b", 3), ("longer", 7)] {
            rows.push(key.as_bytes(), NodeId(node), forever);
        }
        let page = rows.finish(false, Arc::default()).unwrap();
        for (key, node, version, is_there) in [
            ("b", 3, 4, false),
            ("new", 8, 5, true),
            ("b", 4, 5, true),
            ("b", 3, 6, true),
        ] {
            let change = IndexChange {
                key: Key::from_slice(key.as_bytes()),
                node: NodeId(node),
                is_there,
            };
            page.delta.append(hash(key.as_bytes()), version, change);
        }
        assert_eq!(find(&page, b"a", 3), [1]);
        assert_eq!(find(&page, b"b", 3), [3, 5]);
        assert_eq!(find(&page, b"b", 4), [5]);
        assert_eq!(find(&page, b"b", 5), [4, 5]);
        assert_eq!(find(&page, b"b", 6), [3, 4, 5]);
        assert_eq!(find(&page, b"new", 4), []);
        assert_eq!(find(&page, b"new", 5), [8]);
        assert_eq!(find(&page, b"longer", 1), [7]);
        assert_eq!(find(&page, b"", 1), []);
    }

    #[test]
    fn rows_of_an_interval_have_lives() {
        let mut rows = IndexRows::default();
        for (node, from, to) in [(1, 1, 4), (2, 4, 9), (2, 4, 7)] {
            rows.push(b"k", NodeId(node), Life { from, to });
        }
        let page = rows.finish(true, Arc::default()).unwrap();
        assert_eq!(find(&page, b"k", 0), []);
        assert_eq!(find(&page, b"k", 3), [1]);
        assert_eq!(find(&page, b"k", 5), [2]);
    }
}
