//! RFC 9162 Merkle trees over commits and their effects.
//!
//! Two things are hashed into trees here. The *effects* of one commit, whose root its header
//! carries: built once in a stream by [`root_of`] or [`Builder`] and then forgotten. And the
//! *ledger* of a group, one leaf per entry, which only ever grows and of which every node that may
//! still be asked for is kept, in tiles behind a [`TileStore`], so that any past size can be proven
//! to hold an entry ([`TreeReader::inclusion_proof`]) and to be a prefix of a later size
//! ([`TreeReader::consistency_proof`]).
//!
//! The tree is that of RFC 9162, section 2.1 (the same as RFC 6962): a leaf is
//! `SHA-256(0x00 ‖ data)`, a node `SHA-256(0x01 ‖ left ‖ right)`, the empty tree `SHA-256()`, and
//! a tree of *n* leaves splits at the largest power of two below *n*. The prefixes keep a node from
//! being passed off as a leaf.
//!
//! This crate knows no store, no clock and no keys: signing a root is left to others.

mod builder;
mod hash;
mod ledger;
mod proof;
mod tile;

pub use builder::{Builder, LEAVES_MAX, root_of};
pub use hash::{Hash, LeafHasher, ParseHashError, empty_root, leaf_hash, node_hash};
pub use ledger::{Appended, Ledger};
pub use proof::{ProofError, TreeReader, verify_consistency, verify_inclusion};
pub use tile::{LedgerError, MemoryTiles, TILE_HEIGHT, TILE_WIDTH, TileId, TileStore};
