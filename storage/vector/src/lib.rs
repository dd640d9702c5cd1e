//! Nearest vectors: exact similarity, and candidates from a graph of neighbours.
//!
//! | module | subject |
//! | --- | --- |
//! | [`similarity`] | what similar means, as scores from 0 to 1 |
//! | [`nearest`] | the best few of many |
//! | [`vectors`] | vectors side by side, to which rows are only ever added |
//! | [`neighbours`] | a navigable small world (HNSW) over such rows |
//!
//! This crate knows no graph, no versions and no queries: rows are numbers. Which element a row belongs to,
//! and whether it still does, is for the caller to know.
//!
//! Invariants: a score is a function of the two vectors alone, to the last bit, wherever it is computed. A
//! graph of neighbours only ever suggests rows: it has no part in scores.

pub mod nearest;
pub mod neighbours;
pub mod similarity;
pub mod vectors;

pub use nearest::Nearest;
pub use neighbours::{Neighbours, Shape};
pub use similarity::{Query, Similarity};
pub use vectors::{CHUNK_ROWS, Vectors};
