//! Roots and proofs of any past size of a ledger, and their verification.
//!
//! Which nodes a proof consists of is `ct-merkle`'s to say; it numbers the nodes of a tree as an
//! array (RFC 9420, appendix C), where the number of trailing ones is a node's level. A node of the
//! right edge covers fewer leaves than its level allows; its hash is in no tile and is joined from
//! the complete subtrees below it.
//!
//! A proof binds the sizes only as far as the roots do: whoever verifies one must hold the size
//! from the same trusted source as the root, as a signed tree head gives it.

use ct_merkle::{RootHash, indices_for_consistency_proof, indices_for_inclusion_proof};
use sha2::Sha256;

use crate::builder::{Builder, LEAVES_MAX};
use crate::hash::{Hash, empty_root, node_hash};
use crate::tile::{LedgerError, TILE_HEIGHT, TILE_WIDTH, TileId, TileStore};

/// Reads roots and proofs of a ledger from its tiles.
///
/// Tiles read are kept for the life of the reader; one reader per request is meant.
pub struct TreeReader<S> {
    store: S,
    tiles: Vec<(TileId, Vec<u8>)>,
}

impl<S: TileStore> TreeReader<S> {
    /// A reader over these tiles.
    pub fn new(store: S) -> Self {
        TreeReader {
            store,
            tiles: Vec::new(),
        }
    }

    /// The root the ledger had at `size` entries.
    pub fn root(&mut self, size: u64) -> Result<Hash, LedgerError<S::Error>> {
        if size > LEAVES_MAX {
            return Err(LedgerError::TooLarge { size });
        }
        Ok(Builder::resume(size, |level, index| self.node(level, index))?.root())
    }

    /// The proof that entry `index` (from 0) is in the ledger of `size` entries: the siblings on
    /// the way from the leaf to the root.
    pub fn inclusion_proof(
        &mut self,
        index: u64,
        size: u64,
    ) -> Result<Vec<Hash>, LedgerError<S::Error>> {
        if size > LEAVES_MAX {
            return Err(LedgerError::TooLarge { size });
        }
        if index >= size {
            return Err(LedgerError::NoSuchLeaf { index, size });
        }
        self.nodes(&indices_for_inclusion_proof(size, index), size)
    }

    /// The proof that the ledger of `old` entries is the beginning of that of `new` entries.
    ///
    /// Nothing is needed to prove that of no entries, or of two equal sizes.
    pub fn consistency_proof(
        &mut self,
        old: u64,
        new: u64,
    ) -> Result<Vec<Hash>, LedgerError<S::Error>> {
        if new > LEAVES_MAX {
            return Err(LedgerError::TooLarge { size: new });
        }
        if old > new {
            return Err(LedgerError::NotThePast { old, new });
        }
        if old == 0 {
            return Ok(Vec::new());
        }
        self.nodes(&indices_for_consistency_proof(old, new - old), new)
    }

    /// The hashes of nodes numbered as an array, in the tree of `size` leaves.
    fn nodes(&mut self, numbers: &[u64], size: u64) -> Result<Vec<Hash>, LedgerError<S::Error>> {
        let node = |&number: &u64| {
            let level = number.trailing_ones();
            self.subtree(level, number >> level >> 1, size)
        };
        numbers.iter().map(node).collect()
    }

    /// The hash of the `index`-th subtree of level `level`, cut off at `size` leaves.
    fn subtree(
        &mut self,
        level: u32,
        index: u64,
        size: u64,
    ) -> Result<Hash, LedgerError<S::Error>> {
        let first = index << level;
        let leaves = (size - first).min(1 << level);
        if leaves == 1 << level {
            return self.node(level, index);
        }
        // A cut-off subtree is a tree of its own: its complete subtrees are those of the whole.
        let tree = Builder::resume(leaves, |level, index| {
            self.node(level, (first >> level) + index)
        });
        Ok(tree?.root())
    }

    /// The hash of the `index`-th complete subtree of level `level`.
    pub(crate) fn node(&mut self, level: u32, index: u64) -> Result<Hash, LedgerError<S::Error>> {
        let height = level % TILE_HEIGHT;
        let leaf = index << height;
        let tile = TileId {
            level: (level / TILE_HEIGHT) as u8,
            index: leaf >> TILE_HEIGHT,
        };
        let start = (leaf % TILE_WIDTH as u64) as usize * Hash::BYTES;
        let end = start + (Hash::BYTES << height);
        let bytes = &self.tile(tile, end)?[start..end];
        let mut subtree = Builder::new();
        for hash in bytes.as_chunks().0 {
            subtree.push_hash(Hash(*hash));
        }
        Ok(subtree.root())
    }

    /// The bytes of a tile, which are `needed` at least.
    pub(crate) fn tile(
        &mut self,
        tile: TileId,
        needed: usize,
    ) -> Result<&[u8], LedgerError<S::Error>> {
        let known = self.tiles.iter().position(|(id, _)| *id == tile);
        let position = match known {
            Some(position) => position,
            None => {
                let read = self.store.get(tile);
                let bytes = read.map_err(|source| LedgerError::Store { tile, source })?;
                self.tiles.push((tile, bytes.unwrap_or_default()));
                self.tiles.len() - 1
            }
        };
        let bytes = &self.tiles[position].1;
        if bytes.len() < needed {
            return Err(LedgerError::MissingHashes {
                tile,
                needed,
                found: bytes.len(),
            });
        }
        Ok(bytes)
    }
}

/// A proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The proof does not have the length the sizes demand.
    #[error("the proof has {found} hashes where {expected} are needed")]
    Length {
        /// The hashes a proof for these sizes has.
        expected: usize,
        /// The hashes this one has.
        found: usize,
    },
    /// The leaf is beyond the end of the tree.
    #[error("there is no leaf {index} in a tree of {size} leaves")]
    NoSuchLeaf {
        /// The leaf claimed.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The sizes contradict the claim, or are beyond what a tree may have.
    #[error("a tree of {old} leaves cannot be the past of one of {new}")]
    NotThePast {
        /// The size said to be the older.
        old: u64,
        /// The size said to be the newer.
        new: u64,
    },
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// Checks that the leaf with this hash is entry `index` of the tree with this size and root.
///
/// Takes the hash of the leaf, as tiles and receipts carry it; for the data of an entry, hash it
/// with [`leaf_hash`](crate::leaf_hash) first.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::NoSuchLeaf { index, size });
    }
    // The siblings are complete up to where the path meets the right edge; above that there is one
    // for each set bit of the index only (RFC 9162, section 2.1.3.2, written as a count).
    let last = size - 1;
    let inner = u64::BITS - (index ^ last).leading_zeros();
    let border = index.checked_shr(inner).unwrap_or(0).count_ones();
    let expected = (inner + border) as usize;
    if proof.len() != expected {
        return Err(ProofError::Length {
            expected,
            found: proof.len(),
        });
    }
    let (inner_hashes, border_hashes) = proof.split_at(inner as usize);
    let mut hash = *leaf;
    for (level, sibling) in inner_hashes.iter().enumerate() {
        hash = match index >> level & 1 {
            0 => node_hash(&hash, sibling),
            _ => node_hash(sibling, &hash),
        };
    }
    hash = border_hashes
        .iter()
        .fold(hash, |right, left| node_hash(left, &right));
    if hash == *root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// Checks that the tree `old` = (size, root) is the beginning of the tree `new`.
pub fn verify_consistency(
    old: (u64, &Hash),
    new: (u64, &Hash),
    proof: &[Hash],
) -> Result<(), ProofError> {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size || new_size > LEAVES_MAX {
        return Err(ProofError::NotThePast {
            old: old_size,
            new: new_size,
        });
    }
    let expected = match old_size {
        0 => 0,
        _ => indices_for_consistency_proof(old_size, new_size - old_size).len(),
    };
    if proof.len() != expected {
        return Err(ProofError::Length {
            expected,
            found: proof.len(),
        });
    }
    if old_size == 0 {
        let new_root_fits = new_size > 0 || *new_root == empty_root();
        let fits = *old_root == empty_root() && new_root_fits;
        return if fits { Ok(()) } else { Err(ProofError::Root) };
    }
    let digests: Vec<_> = proof.iter().map(|hash| hash.0.into()).collect();
    let proof = ct_merkle::ConsistencyProof::<Sha256>::from_digests(digests.iter());
    RootHash::<Sha256>::new(new_root.0.into(), new_size)
        .verify_consistency(&RootHash::new(old_root.0.into(), old_size), &proof)
        .map_err(|_| ProofError::Root)
}
