//! Sets of element ids.

use hashbrown::HashSet;

/// Ids below this are kept as bits: at most 8 MiB of them.
const DENSE_MAX: u64 = 1 << 26;

/// A set of ids: bits for the low ones, which are the usual ones since ids are granted densely, and
/// a hash set for the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct IdSet {
    words: Vec<u64>,
    /// The words that are not zero, so that clearing costs what was set.
    touched: Vec<u32>,
    sparse: HashSet<u64, foldhash::fast::RandomState>,
    count: u64,
}

impl IdSet {
    /// Adds an id; false if it was there.
    #[inline]
    pub(crate) fn insert(&mut self, id: u64) -> bool {
        if id >= DENSE_MAX {
            let is_new = self.sparse.insert(id);
            self.count += u64::from(is_new);
            return is_new;
        }
        let word = (id / 64) as usize;
        if word >= self.words.len() {
            self.words.resize((word + 1).next_power_of_two(), 0);
        }
        let bit = 1 << (id % 64);
        let before = self.words[word];
        if before & bit != 0 {
            return false;
        }
        if before == 0 {
            self.touched.push(word as u32);
        }
        self.words[word] = before | bit;
        self.count += 1;
        true
    }

    /// The number of ids.
    pub(crate) fn len(&self) -> u64 {
        self.count
    }

    /// The ids, in no particular order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u64> {
        let dense = self.touched.iter().flat_map(|&word| {
            let bits = self.words[word as usize];
            (0..64)
                .filter(move |bit| bits >> bit & 1 == 1)
                .map(move |bit| u64::from(word) * 64 + bit)
        });
        dense.chain(self.sparse.iter().copied())
    }

    /// Empties the set and keeps its memory.
    pub(crate) fn clear(&mut self) {
        for word in self.touched.drain(..) {
            self.words[word as usize] = 0;
        }
        self.sparse.clear();
        self.count = 0;
    }

    /// The bytes it occupies.
    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * 8 + self.touched.capacity() * 4 + self.sparse.capacity() * 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_low_and_high_ids_and_forgets_them() {
        let mut set = IdSet::default();
        for id in [0, 63, 64, 1_000_000, DENSE_MAX, u64::MAX] {
            assert!(set.insert(id));
            assert!(!set.insert(id));
        }
        assert_eq!(set.len(), 6);
        assert_eq!(set.ids().count(), 6);
        set.clear();
        assert_eq!(set.len(), 0);
        assert!(set.insert(64) && set.insert(u64::MAX));
    }
}
