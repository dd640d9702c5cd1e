//! The growing end of a ledger.
//!
//! A [`Ledger`] holds the right edge of the tree only: one unfinished tile per tile level, at most
//! six of 8 KiB, and the subtrees from which the root follows. Appending reads nothing. What an
//! append adds is handed to the caller to be stored together with the entry it stands for; reading
//! back is the business of [`TreeReader`](crate::TreeReader), which needs no access to the edge.

use crate::builder::{Builder, LEAVES_MAX};
use crate::hash::Hash;
use crate::proof::TreeReader;
use crate::tile::{LedgerError, TILE_HEIGHT, TILE_WIDTH, TileId, TileStore};

/// A hash that became part of a tile.
///
/// A store may write each such hash as a small row and, once `filled` says that the tile will not
/// change any more, the tile as one row in place of its 256; or rewrite the tile each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The tile that grew.
    pub tile: TileId,
    /// The place of the hash in the tile, below [`TILE_WIDTH`].
    pub slot: usize,
    /// The new hash.
    pub hash: Hash,
    /// All the hashes of the tile, if this one was its last.
    pub filled: Option<Vec<u8>>,
}

/// A ledger to append to.
#[derive(Clone, Default)]
pub struct Ledger {
    tree: Builder,
    /// For each tile level, the bytes of the hashes of its last tile, unless that is full.
    edge: Vec<Vec<u8>>,
}

impl Ledger {
    /// A ledger without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// The ledger of `size` entries whose tiles are in `store`.
    ///
    /// The store may hold more than that; the rest is ignored and appended again.
    pub fn open<S: TileStore>(store: S, size: u64) -> Result<Self, LedgerError<S::Error>> {
        if size > LEAVES_MAX {
            return Err(LedgerError::TooLarge { size });
        }
        let mut reader = TreeReader::new(store);
        let tree = Builder::resume(size, |level, index| reader.node(level, index))?;
        let mut edge = Vec::new();
        for level in 0.. {
            let hashes = size.checked_shr(TILE_HEIGHT * level).unwrap_or(0);
            if hashes == 0 {
                break;
            }
            let tile = TileId {
                level: level as u8,
                index: hashes >> TILE_HEIGHT,
            };
            let bytes = (hashes % TILE_WIDTH as u64) as usize * Hash::BYTES;
            let mut tile_bytes = Vec::with_capacity(TILE_WIDTH * Hash::BYTES);
            if bytes > 0 {
                tile_bytes.extend_from_slice(&reader.tile(tile, bytes)?[..bytes]);
            }
            edge.push(tile_bytes);
        }
        Ok(Ledger { tree, edge })
    }

    /// The number of entries.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The root over all entries.
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// Appends an entry with this [`leaf_hash`](crate::leaf_hash).
    ///
    /// Returns what the tiles gained: the leaf hash, and one hash more for each tile that the leaf
    /// filled, so one element in 255 of 256 cases.
    pub fn append(&mut self, leaf: Hash) -> Vec<Appended> {
        let index = self.tree.size();
        let mut appended = Vec::with_capacity(1);
        let edge = &mut self.edge;
        self.tree.push_hash_with(leaf, |level, hash| {
            if level % TILE_HEIGHT != 0 {
                return;
            }
            let tile_level = (level / TILE_HEIGHT) as usize;
            if edge.len() == tile_level {
                edge.push(Vec::with_capacity(TILE_WIDTH * Hash::BYTES));
            }
            let tile = &mut edge[tile_level];
            let slot = tile.len() / Hash::BYTES;
            tile.extend_from_slice(hash.as_bytes());
            let is_full = slot + 1 == TILE_WIDTH;
            appended.push(Appended {
                tile: TileId {
                    level: tile_level as u8,
                    index: index >> level >> TILE_HEIGHT,
                },
                slot,
                hash,
                filled: is_full
                    .then(|| std::mem::replace(tile, Vec::with_capacity(TILE_WIDTH * Hash::BYTES))),
            });
        });
        appended
    }
}
