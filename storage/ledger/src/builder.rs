//! The root of a tree whose leaves come in a stream.
//!
//! Adding a leaf is adding one to a binary counter: the set bits of the number of leaves are the
//! complete subtrees seen so far, largest to the left, and a carry joins two of them. So the whole
//! state is one hash per bit, and a leaf costs one node hash on average and no allocation.

use crate::hash::{Hash, empty_root, leaf_hash, node_hash};

/// The most leaves a tree may have: log indexes and versions are 48 bits wide in keys.
pub const LEAVES_MAX: u64 = 1 << 48;

/// The levels a complete subtree can have.
const LEVELS: usize = LEAVES_MAX.trailing_zeros() as usize + 1;

/// The root of the tree over `leaves`, in their order.
pub fn root_of(leaves: impl Iterator<Item = impl AsRef<[u8]>>) -> Hash {
    let mut builder = Builder::new();
    for leaf in leaves {
        builder.push(leaf.as_ref());
    }
    builder.root()
}

/// A tree that grows leaf by leaf and knows its root at any time.
#[derive(Clone)]
pub struct Builder {
    size: u64,
    /// At each set bit of `size`, the root of the complete subtree of that many leaves; the other
    /// places hold nothing of meaning.
    subtrees: [Hash; LEVELS],
}

impl Builder {
    /// A tree without leaves.
    pub fn new() -> Self {
        Builder {
            size: 0,
            subtrees: [Hash::default(); LEVELS],
        }
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf with this data.
    pub fn push(&mut self, data: &[u8]) {
        self.push_hash(leaf_hash(data));
    }

    /// Appends a leaf of which only the [`leaf_hash`] is known.
    pub fn push_hash(&mut self, leaf: Hash) {
        self.push_hash_with(leaf, |_, _| {});
    }

    /// Appends a leaf and reports each subtree it completes, lowest first, as (level, root).
    ///
    /// The leaf itself is reported at level 0.
    pub(crate) fn push_hash_with(&mut self, leaf: Hash, mut completed: impl FnMut(u32, Hash)) {
        assert!(
            self.size < LEAVES_MAX,
            "a tree has at most {LEAVES_MAX} leaves"
        );
        let carries = self.size.trailing_ones();
        let mut hash = leaf;
        completed(0, hash);
        for level in 0..carries {
            hash = node_hash(&self.subtrees[level as usize], &hash);
            completed(level + 1, hash);
        }
        self.subtrees[carries as usize] = hash;
        self.size += 1;
    }

    /// The root of the tree as it is now; the tree may grow on.
    pub fn root(&self) -> Hash {
        let mut levels = (0..LEVELS).filter(|level| self.size >> level & 1 == 1);
        let Some(lowest) = levels.next() else {
            return empty_root();
        };
        levels.fold(self.subtrees[lowest], |right, level| {
            node_hash(&self.subtrees[level], &right)
        })
    }

    /// Resumes a tree of `size` leaves from its complete subtrees.
    ///
    /// `subtree(level, index)` is asked for the root of the `index`-th subtree of `2^level` leaves.
    pub(crate) fn resume<E>(
        size: u64,
        mut subtree: impl FnMut(u32, u64) -> Result<Hash, E>,
    ) -> Result<Self, E> {
        let mut builder = Builder {
            size,
            ..Builder::new()
        };
        for level in 0..LEVELS as u32 {
            if size >> level & 1 == 1 {
                builder.subtrees[level as usize] = subtree(level, (size >> level) - 1)?;
            }
        }
        Ok(builder)
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: AsRef<[u8]>> Extend<T> for Builder {
    fn extend<I: IntoIterator<Item = T>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.push(leaf.as_ref());
        }
    }
}
