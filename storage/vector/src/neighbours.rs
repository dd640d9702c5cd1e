//! A navigable small world over rows of vectors: HNSW (Malkov and Yashunin, 2016) by the crate `hnswlib-rs`.
//!
//! Rows are inserted one after another by one thread, while others search. Levels are drawn from a fixed seed,
//! so the same rows make the same graph. The graph holds numbers of rows only; whoever calls hands over the
//! [`Vectors`] they stand for, always the same ones.
//!
//! Distances here are of 32 bits and for finding the way; scores are computed anew by who asked.

use std::sync::atomic::{AtomicBool, Ordering};

use hnswlib_rs::{Hnsw, HnswConfig, Metric, NodeId, VectorStore, VectorStoreMut};

use crate::similarity::{Query, Similarity};
use crate::vectors::Vectors;

/// What a graph is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// The most connections that a new row makes in a layer; twice as many are kept in the lowest one. 1 does
    /// not hold a graph together, and is taken for 2.
    pub connections: u16,
    /// How many candidates the connections of a new row are chosen from.
    pub candidates: u16,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            connections: 16,
            candidates: 100,
        }
    }
}

/// The seed of levels. Any will do.
const SEED: u64 = 7;
const LANES: usize = 16;

/// Distances for finding the way.
#[derive(Clone, Copy)]
struct Measure(Similarity);

/// The sum of `term` over pairs of components, in as many lanes as registers are wide.
#[inline]
fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (mut left, mut right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    for (left, right) in (&mut left).zip(&mut right) {
        for lane in 0..LANES {
            lanes[lane] += term(left[lane], right[lane]);
        }
    }
    let rest = left.remainder().iter().zip(right.remainder());
    let rest: f32 = rest.map(|(left, right)| term(*left, *right)).sum();
    lanes.iter().sum::<f32>() + rest
}

impl Metric for Measure {
    fn distance(&self, a: &[f32], b: &[f32]) -> f32 {
        match (self.0, a, b) {
            (Similarity::Cosine, [a @ .., a_inverse], [b @ .., b_inverse]) => {
                1.0 - sum(a, b, |a, b| a * b) * a_inverse * b_inverse
            }
            _ => sum(a, b, |a, b| (a - b) * (a - b)),
        }
    }
}

impl VectorStore for Vectors {
    type Vector<'a> = &'a [f32];

    fn dim(&self) -> usize {
        self.width()
    }

    fn vector(&self, id: NodeId) -> Option<&[f32]> {
        self.wide(id.as_u32())
    }
}

/// Rows are numbered as they are inserted, so what is to be set is there already.
impl VectorStoreMut for Vectors {
    fn set(&self, _: NodeId, _: &[f32]) -> hnswlib_rs::Result<()> {
        Ok(())
    }
}

/// A graph of neighbours.
pub struct Neighbours {
    graph: Hnsw<u32, Measure>,
    /// Whether an insertion failed, which leaves a row without connections.
    is_broken: AtomicBool,
}

impl Neighbours {
    /// A graph without rows, for as many as the vectors have room for.
    #[must_use]
    pub fn new(vectors: &Vectors, shape: Shape) -> Self {
        let config = HnswConfig::new(vectors.width(), vectors.capacity())
            .m(usize::from(shape.connections.max(2)))
            .ef_construction(usize::from(shape.candidates.max(1)))
            // The number of candidates of a search is given by each search.
            .ef_search(1)
            .seed(SEED)
            // One thread inserts.
            .label_operation_locks(1);
        Self {
            graph: Hnsw::new(Measure(vectors.similarity()), config),
            is_broken: AtomicBool::new(false),
        }
    }

    /// About the bytes that a graph over so many rows takes.
    #[must_use]
    pub fn bytes_of(shape: Shape, capacity: usize) -> usize {
        let connections = usize::from(shape.connections.max(2));
        // The lowest layer, a share of a further one, and keys, levels, locks and marks of the visited.
        let row = 4 * (1 + 2 * connections) + 8 + 92;
        capacity * row
    }

    /// How many rows are in it: all with a smaller number.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.graph.len() as u32
    }

    /// Inserts the next rows, up to and without `end`, as long as `goes_on` says so before each. Must be called
    /// by one thread at a time. Returns whether the graph can be searched.
    pub fn insert(&self, vectors: &Vectors, end: u32, mut goes_on: impl FnMut() -> bool) -> bool {
        for row in self.rows()..end {
            if self.is_broken() || !goes_on() {
                break;
            }
            let vector = vectors.wide(row);
            let is_in =
                vector.is_some_and(|vector| self.graph.insert(vectors, row, vector).is_ok());
            if !is_in {
                self.is_broken.store(true, Ordering::Relaxed);
            }
        }
        !self.is_broken()
    }

    fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    /// Rows that are likely to be the nearest, nearest first: at most `count` of those for which `is_live`
    /// holds. None if the graph cannot be searched.
    #[must_use]
    pub fn suggest(
        &self,
        vectors: &Vectors,
        query: &Query,
        count: usize,
        is_live: &dyn Fn(u32) -> bool,
    ) -> Option<Vec<u32>> {
        if self.rows() == 0 || self.is_broken() {
            return None;
        }
        let mut wide = Vec::with_capacity(vectors.width());
        wide.extend_from_slice(query.vector());
        if query.similarity() == Similarity::Cosine {
            #[allow(clippy::cast_possible_truncation)]
            wide.push((1.0 / query.square().sqrt()) as f32);
        }
        let found = self
            .graph
            .search(vectors, &wide, count, Some(&|row| is_live(*row)));
        let hits = found.ok()?;
        Some(hits.into_iter().map(|hit| hit.key).collect())
    }
}
