//! Sets of nodes that do not change: runs of consecutive ids, or a compressed bitmap.
//!
//! Ids are granted in order, so the nodes of a label mostly form few runs, from which whole ranges
//! are handed out without looking at single ids. A set with many gaps is a bitmap.

use std::ops::Range;

use roaring::RoaringTreemap;

/// A set of up to so many runs is always kept as runs.
const RUNS_MIN: usize = 64;

/// A set of node ids.
pub(super) enum NodeSet {
    /// Ascending, with gaps between them.
    Runs(Box<[Range<u64>]>),
    /// Never run-optimised: `next_many` of roaring 0.12 passes over a run that fills a container,
    /// 65,536 consecutive nodes, because their number does not fit into 16 bits.
    Bitmap(RoaringTreemap),
}

impl Default for NodeSet {
    fn default() -> Self {
        Self::Runs(Box::default())
    }
}

impl NodeSet {
    pub fn new(nodes: RoaringTreemap) -> Self {
        let most = RUNS_MIN.max(nodes.serialized_size() / size_of::<Range<u64>>());
        let mut runs: Vec<Range<u64>> = Vec::new();
        for id in &nodes {
            let count = runs.len();
            match runs.last_mut() {
                Some(last) if last.end == id => last.end += 1,
                _ if count == most => return Self::Bitmap(nodes),
                _ => runs.push(id..id + 1),
            }
        }
        Self::Runs(runs.into())
    }

    pub fn bytes(&self) -> usize {
        match self {
            Self::Runs(runs) => size_of_val::<[Range<u64>]>(runs),
            Self::Bitmap(nodes) => nodes.serialized_size(),
        }
    }

    pub fn contains(&self, id: u64) -> bool {
        match self {
            Self::Runs(runs) => {
                let after = runs.partition_point(|run| run.start <= id);
                after > 0 && id < runs[after - 1].end
            }
            Self::Bitmap(nodes) => nodes.contains(id),
        }
    }

    /// The run that holds `first`, or the next one after it, without what lies before `first`, and
    /// whether it is the last one. `None` if there is none, or if the set is a bitmap.
    pub fn run_from(&self, first: u64) -> Option<(Range<u64>, bool)> {
        let Self::Runs(runs) = self else { return None };
        let at = runs.partition_point(|run| run.end <= first);
        let run = runs.get(at)?;
        Some((run.start.max(first)..run.end, at + 1 == runs.len()))
    }

    /// Visits the ids from `first` on, ascending, until `visit` returns false. Returns whether it
    /// came to the end.
    pub fn each_from(&self, first: u64, mut visit: impl FnMut(u64) -> bool) -> bool {
        match self {
            Self::Runs(runs) => {
                let at = runs.partition_point(|run| run.end <= first);
                runs[at..]
                    .iter()
                    .all(|run| (run.start.max(first)..run.end).all(&mut visit))
            }
            Self::Bitmap(nodes) => {
                let mut nodes = nodes.iter();
                nodes.advance_to(first);
                nodes.all(visit)
            }
        }
    }

    /// Appends at most `limit` ids from `first` on, ascending. Returns whether there are more.
    pub fn fill<T>(
        &self,
        first: u64,
        limit: usize,
        make: impl Fn(u64) -> T,
        out: &mut Vec<T>,
    ) -> bool {
        let before = out.len();
        match self {
            Self::Runs(runs) => {
                let at = runs.partition_point(|run| run.end <= first);
                for run in &runs[at..] {
                    let start = run.start.max(first);
                    let room = (limit - (out.len() - before)) as u64;
                    let end = run.end.min(start.saturating_add(room));
                    out.extend((start..end).map(&make));
                    if end < run.end {
                        return true;
                    }
                }
                false
            }
            Self::Bitmap(nodes) => {
                let mut some = [0_u32; 256];
                for (high, nodes) in nodes.bitmaps() {
                    let base = u64::from(high) << 32;
                    let mut nodes = nodes.iter();
                    if let Some(low) = first.checked_sub(base) {
                        // All of it lies before the first one wanted, or a part of it does.
                        match u32::try_from(low) {
                            Ok(low) => nodes.advance_to(low),
                            Err(_) => continue,
                        }
                    }
                    loop {
                        // One more than wanted tells whether there is one.
                        let wanted = (limit + 1 - (out.len() - before)).min(some.len());
                        let found = nodes.next_many(&mut some[..wanted]);
                        if found.is_empty() {
                            break;
                        }
                        out.extend(found.iter().map(|low| make(base | u64::from(*low))));
                        if out.len() - before > limit {
                            out.truncate(before + limit);
                            return true;
                        }
                    }
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[u64]) -> NodeSet {
        NodeSet::new(ids.iter().copied().collect())
    }

    fn check(ids: &[u64], set: &NodeSet) {
        let edges = ids
            .iter()
            .flat_map(|id| [id.saturating_sub(1), *id, id + 1]);
        for first in edges.chain([0]).collect::<std::collections::BTreeSet<_>>() {
            assert_eq!(set.contains(first), ids.contains(&first));
            let expected: Vec<u64> = ids.iter().copied().filter(|id| *id >= first).collect();
            let mut found = Vec::new();
            assert!(set.each_from(first, |id| {
                found.push(id);
                true
            }));
            assert_eq!(found, expected, "from {first}");
            for limit in [1, 2, 5, 300] {
                let mut filled = Vec::new();
                let is_cut = set.fill(first, limit, |id| id, &mut filled);
                assert_eq!(is_cut, expected.len() > limit);
                assert!(filled.iter().eq(expected.iter().take(limit)));
            }
            if let Some((run, is_last)) = set.run_from(first) {
                let count = (run.end - run.start) as usize;
                assert!(run.clone().eq(expected.iter().copied().take(count)));
                assert_eq!(is_last, expected.len() == count);
                assert_ne!(expected.get(count), Some(&run.end), "the run ends early");
            } else {
                assert!(expected.is_empty() || matches!(set, NodeSet::Bitmap(_)));
            }
        }
    }

    #[test]
    fn runs_and_bitmaps_are_the_same_sets() {
        let high = 5 << 32;
        let dense: Vec<u64> = (10..50).chain(52..53).chain(high..high + 70).collect();
        let sparse: Vec<u64> = (0..400).map(|at| 3 * at + high).collect();
        for ids in [dense, sparse, vec![], vec![7]] {
            let runs = set(&ids);
            check(&ids, &runs);
            check(&ids, &NodeSet::Bitmap(ids.iter().copied().collect()));
        }
        assert!(matches!(set(&[1, 2, 3, 9]), NodeSet::Runs(runs) if *runs == [1..4, 9..10]));
        let scattered: Vec<u64> = (0..10_000).map(|at| 2 * at).collect();
        assert!(matches!(set(&scattered), NodeSet::Bitmap(_)));
    }
}
