//! Label pages: the nodes of one label, as runs of ids or as a bitmap.

use std::ops::Range;
use std::sync::Arc;

use roaring::RoaringTreemap;

use super::delta::Delta;
use super::directory::Page;
use super::ids::Life;
use super::node_set::NodeSet;
use crate::ids::NodeId;

/// The nodes of a label.
#[derive(Default)]
pub(crate) struct LabelPage {
    nodes: NodeSet,
    count: u64,
    /// In a page of an interval, instead of the set: ascending by node and life.
    intervals: Box<[(u64, Life)]>,
    /// Whether a node has the label.
    delta: Arc<Delta<bool>>,
}

impl Page for LabelPage {
    type Change = bool;

    fn delta(&self) -> &Arc<Delta<bool>> {
        &self.delta
    }

    fn bytes(&self) -> usize {
        self.nodes.bytes() + size_of_val::<[(u64, Life)]>(&self.intervals)
    }

    fn rows(&self) -> usize {
        self.count as usize
    }
}

impl LabelPage {
    pub fn new(nodes: RoaringTreemap, delta: Arc<Delta<bool>>) -> Self {
        Self {
            count: nodes.len(),
            nodes: NodeSet::new(nodes),
            intervals: Box::default(),
            delta,
        }
    }

    pub(super) fn of_interval(mut entries: Vec<(u64, Life)>) -> Self {
        entries.sort_unstable();
        entries.dedup_by_key(|(node, life)| (*node, life.from));
        Self {
            count: entries.len() as u64,
            intervals: entries.into(),
            ..Self::default()
        }
    }

    /// Whether a node has the label.
    pub fn contains(&self, node: NodeId, version: u64) -> bool {
        if self.delta.touches(node.0)
            && let Some(has) = self.delta.changes(node.0, version).next()
        {
            return *has;
        }
        if self.intervals.is_empty() {
            return self.nodes.contains(node.0);
        }
        let first = self.intervals.partition_point(|(id, _)| *id < node.0);
        let of_node = self.intervals[first..]
            .iter()
            .take_while(|(id, _)| *id == node.0);
        of_node.into_iter().any(|(_, life)| life.holds(version))
    }

    /// Appends at most `limit` nodes from `first` on, ascending. Returns whether there are more.
    pub fn fill(&self, first: NodeId, limit: usize, version: u64, out: &mut Vec<NodeId>) -> bool {
        let before = out.len();
        if !self.intervals.is_empty() || !self.delta.is_empty() {
            let mut is_cut = false;
            self.scan(first, version, |id| {
                is_cut = out.len() - before == limit;
                if !is_cut {
                    out.push(id);
                }
                !is_cut
            });
            return is_cut;
        }
        self.nodes.fill(first.0, limit, NodeId, out)
    }

    /// The next nodes from `first` on, at most `limit`, if they follow one another without a gap and
    /// are as many as wanted or the last of a run at the end; and whether there may be more.
    pub fn run(&self, first: NodeId, limit: usize) -> Option<(Range<u64>, bool)> {
        let (mut run, is_last) = match self.intervals.is_empty() {
            true => self.nodes.run_from(first.0)?,
            false => return None,
        };
        let end = run.end.min(run.start.saturating_add(limit as u64));
        let is_whole = end < run.end || end - run.start == limit as u64;
        if !is_whole && !is_last {
            return None;
        }
        let is_cut = end < run.end || !is_last;
        run.end = end;
        match self.delta.is_empty() {
            true => Some((run, is_cut)),
            // What has changed behind the run is for the next call to see.
            false => (!self.delta.touches_any(first.0..run.end)).then_some((run, true)),
        }
    }

    /// Visits the nodes from `first` on, ascending, until `visit` returns false.
    pub fn scan(&self, first: NodeId, version: u64, mut visit: impl FnMut(NodeId) -> bool) {
        if !self.intervals.is_empty() {
            let start = self.intervals.partition_point(|(id, _)| *id < first.0);
            for (id, life) in &self.intervals[start..] {
                if life.holds(version) && !visit(NodeId(*id)) {
                    return;
                }
            }
            return;
        }
        if self.delta.is_empty() {
            self.nodes.each_from(first.0, |id| visit(NodeId(id)));
            return;
        }
        let mut changed: Vec<(u64, bool)> = self
            .delta
            .all(version)
            .filter(|(id, _)| *id >= first.0)
            .map(|(id, has)| (id, *has))
            .collect();
        // The last change of a node counts.
        changed.reverse();
        changed.sort_by_key(|(id, _)| *id);
        changed.dedup_by_key(|(id, _)| *id);
        let mut changed = changed.into_iter().peekable();
        let is_done = self.nodes.each_from(first.0, |id| {
            while let Some((before, has)) = changed.next_if(|(before, _)| *before < id) {
                if has && !visit(NodeId(before)) {
                    return false;
                }
            }
            let now = changed.next_if(|(same, _)| *same == id);
            now.is_some_and(|(_, has)| !has) || visit(NodeId(id))
        });
        if !is_done {
            return;
        }
        for (id, has) in changed {
            if has && !visit(NodeId(id)) {
                return;
            }
        }
    }

    /// All lives, for finding where nothing happens.
    pub(super) fn lives(&self) -> impl Iterator<Item = Life> {
        self.intervals.iter().map(|(_, life)| *life)
    }

    /// The page of one moment.
    pub fn at(&self, version: u64) -> Self {
        let mut nodes = RoaringTreemap::new();
        self.scan(NodeId(0), version, |id| {
            nodes.insert(id.0);
            true
        });
        Self::new(nodes, Arc::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(page: &LabelPage, first: u64, version: u64) -> Vec<u64> {
        let mut found = Vec::new();
        page.scan(NodeId(first), version, |id| {
            found.push(id.0);
            true
        });
        let all: Vec<_> = (first..100)
            .filter(|id| page.contains(NodeId(*id), version))
            .collect();
        assert_eq!(found, all, "scan and test agree at {version}");
        for limit in 1..5 {
            let mut filled = Vec::new();
            let is_cut = page.fill(NodeId(first), limit, version, &mut filled);
            assert_eq!(is_cut, found.len() > limit);
            assert!(
                filled
                    .iter()
                    .map(|id| id.0)
                    .eq(found.iter().copied().take(limit))
            );
            if let Some((run, is_cut)) = page.run(NodeId(first), limit) {
                let count = (run.end - run.start) as usize;
                assert!(count <= limit && run.eq(found.iter().copied().take(count)));
                assert!(is_cut || found.len() == count);
            }
        }
        found
    }

    #[test]
    fn a_bitmap_and_its_changes_make_one_set() {
        let page = LabelPage::new([2, 4, 6].into_iter().collect(), Arc::default());
        for (id, version, has) in [
            (4, 5, false),
            (3, 6, true),
            (9, 6, true),
            (4, 7, true),
            (9, 8, false),
        ] {
            page.delta.append(id, version, has);
        }
        assert_eq!(scan(&page, 0, 4), [2, 4, 6]);
        assert_eq!(scan(&page, 0, 5), [2, 6]);
        assert_eq!(scan(&page, 3, 6), [3, 6, 9]);
        assert_eq!(scan(&page, 0, 8), [2, 3, 4, 6]);
    }

    #[test]
    fn runs_are_given_whole_where_nothing_has_changed() {
        let page = LabelPage::new((10..20).chain(30..35).collect(), Arc::default());
        let run = |first, limit| page.run(NodeId(first), limit);
        assert_eq!(run(0, 4), Some((10..14, true)));
        assert_eq!(run(14, 6), Some((14..20, true)));
        assert_eq!(run(14, 7), None, "a gap lies within");
        assert_eq!(run(20, 7), Some((30..35, false)));
        assert_eq!(run(32, 3), Some((32..35, false)));
        assert_eq!(run(35, 3), None);
        page.delta.append(12, 5, false);
        page.delta.append(90, 5, true);
        assert_eq!(run(0, 2), Some((10..12, true)));
        assert_eq!(run(0, 3), None, "12 has changed");
        assert_eq!(run(20, 7), Some((30..35, true)), "there is more behind");
        assert_eq!(run(35, 7), None);
        scan(&page, 0, 4);
        scan(&page, 0, 5);
        scan(&page, 31, 5);
    }

    #[test]
    fn nodes_that_fill_whole_containers_are_all_found() {
        let every: RoaringTreemap = (10..200_010).collect();
        let built = LabelPage::new(every, Arc::default());
        for page in [&built, &built.at(1)] {
            let mut found = Vec::new();
            let mut first = NodeId(0);
            while page.fill(first, 2_048, 1, &mut found) {
                first = NodeId(found.last().map_or(0, |last: &NodeId| last.0 + 1));
            }
            assert!(
                found.iter().map(|id| id.0).eq(10..200_010),
                "{} found",
                found.len()
            );
        }
    }

    #[test]
    fn a_page_of_an_interval_answers_each_of_its_versions() {
        let life = |from, to| Life { from, to };
        let entries = vec![
            (4, life(5, 9)),
            (4, life(1, 3)),
            (2, life(2, 9)),
            (4, life(5, 7)),
        ];
        let page = LabelPage::of_interval(entries);
        assert_eq!(scan(&page, 0, 0), []);
        assert_eq!(scan(&page, 0, 2), [2, 4]);
        assert_eq!(scan(&page, 0, 4), [2]);
        assert_eq!(scan(&page.at(5), 0, 5), [2, 4]);
    }

    #[test]
    fn nodes_beyond_32_bits_are_filled_in() {
        let high = 5 << 32;
        let ids = [1, 4_294_967_295, high, high + 7, high + (1 << 32)];
        let page = LabelPage::new(ids.into_iter().collect(), Arc::default());
        for first in [0, 1, 2, 4_294_967_296, high + 1, high + 8, high + (1 << 33)] {
            let mut filled = Vec::new();
            assert!(!page.fill(NodeId(first), 10, 1, &mut filled));
            let expected = ids.iter().filter(|id| **id >= first).map(|id| NodeId(*id));
            assert!(filled.iter().copied().eq(expected), "{first}");
        }
    }
}
