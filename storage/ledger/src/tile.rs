//! Tiles: the rows in which the nodes of a ledger are kept.
//!
//! ```text
//! tile (1, 0)                 a  b  …             level 8 of the tree
//!                            ╱    ╲
//! tile (0, 0)  (0, 1)   h0 … h255  h256 … h511    level 0: the leaf hashes
//! ```
//!
//! As in C2SP tlog-tiles, a tile is [`TILE_WIDTH`] = 256 consecutive hashes of a level that is a
//! multiple of [`TILE_HEIGHT`] = 8; tile (L, N) holds the hashes N·256 … N·256+255 of level 8·L.
//! Nodes of the levels between are computed from the tile below them. Only complete subtrees have a
//! hash in a tile, so a hash once written never changes and a tile only grows to the right.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;

use crate::hash::Hash;

/// The levels of the tree one tile spans.
pub const TILE_HEIGHT: u32 = 8;
/// The hashes of a full tile.
pub const TILE_WIDTH: usize = 1 << TILE_HEIGHT;

/// Where a tile stands in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// The tile level: the hashes are those of level `8 · level` of the tree.
    pub level: u8,
    /// The place of the tile in its level, from the left.
    pub index: u64,
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.level, self.index)
    }
}

/// Where the tiles of one ledger are read from.
///
/// Writing is left to whoever owns the rows: [`Ledger::append`](crate::Ledger::append) says what is
/// new, so that it can go into the same write batch as the entry itself.
pub trait TileStore {
    /// Why a tile could not be read.
    type Error: std::error::Error + 'static;

    /// The hashes of a tile one after the other, 32 bytes each; `None` if it has none yet.
    ///
    /// A tile that is not full may hold more hashes than the reader's size of the tree calls for.
    fn get(&self, tile: TileId) -> Result<Option<Vec<u8>>, Self::Error>;
}

impl<S: TileStore> TileStore for &S {
    type Error = S::Error;

    fn get(&self, tile: TileId) -> Result<Option<Vec<u8>>, Self::Error> {
        (**self).get(tile)
    }
}

/// Reading a ledger failed, or it was asked for what it does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError<E: std::error::Error + 'static> {
    /// The tile store failed.
    #[error("cannot read tile {tile}")]
    Store {
        /// The tile asked for.
        tile: TileId,
        /// What the store said.
        #[source]
        source: E,
    },
    /// A tile lacks hashes the size of the tree says it has: the store lost or never had them.
    #[error("tile {tile} holds {found} bytes where the tree needs {needed}")]
    MissingHashes {
        /// The damaged tile.
        tile: TileId,
        /// The bytes the tree needs it to have.
        needed: usize,
        /// The bytes it has.
        found: usize,
    },
    /// There is no such leaf in a tree of this size.
    #[error("there is no leaf {index} in a tree of {size} leaves")]
    NoSuchLeaf {
        /// The leaf asked for.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The older of two sizes is the larger.
    #[error("a tree of {old} leaves cannot be the past of one of {new}")]
    NotThePast {
        /// The size said to be the older.
        old: u64,
        /// The size said to be the newer.
        new: u64,
    },
    /// No tree is that large.
    #[error("{size} leaves are more than a tree may have")]
    TooLarge {
        /// The size asked for.
        size: u64,
    },
}

/// Tiles in memory: the store of tests and of in-memory graphs.
#[derive(Debug, Clone, Default)]
pub struct MemoryTiles {
    tiles: BTreeMap<TileId, Vec<u8>>,
}

impl MemoryTiles {
    /// A store without tiles.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over what an append added.
    pub fn put(&mut self, appended: &[crate::Appended]) {
        for new in appended {
            let tile = self.tiles.entry(new.tile).or_default();
            // A replay after a crash appends again what may be there already.
            tile.truncate(new.slot * Hash::BYTES);
            tile.extend_from_slice(new.hash.as_bytes());
        }
    }
}

impl TileStore for MemoryTiles {
    type Error = Infallible;

    fn get(&self, tile: TileId) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.tiles.get(&tile).cloned())
    }
}
