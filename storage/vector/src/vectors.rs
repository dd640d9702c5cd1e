//! Vectors side by side, to which rows are only ever added.
//!
//! Rows come in chunks of a fixed number, so that readers need no lock: a chunk is written once, before
//! anything tells of its rows. The capacity is fixed as well; who needs more begins anew.

use std::ops::Range;
use std::sync::OnceLock;

use crate::nearest::Nearest;
use crate::similarity::{Query, Similarity, dot};

/// Rows that are added at once.
pub const CHUNK_ROWS: usize = 64;

struct Chunk {
    /// The components of each row, and behind them for cosines the inverse of its length, for
    /// [`Neighbours`](crate::Neighbours).
    values: Box<[f32]>,
    /// The product of each row with itself; empty where it is not needed.
    squares: Box<[f64]>,
}

/// Rows of vectors of one length.
pub struct Vectors {
    similarity: Similarity,
    dimensions: usize,
    chunks: Box<[OnceLock<Chunk>]>,
}

impl Vectors {
    /// Room for so many vectors at least.
    #[must_use]
    pub fn new(similarity: Similarity, dimensions: usize, capacity: usize) -> Self {
        let chunks = capacity.div_ceil(CHUNK_ROWS);
        Self {
            similarity,
            dimensions,
            chunks: (0..chunks).map(|_| OnceLock::new()).collect(),
        }
    }

    /// How they are compared.
    #[must_use]
    pub const fn similarity(&self) -> Similarity {
        self.similarity
    }

    /// The number of components.
    #[must_use]
    pub const fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The most rows.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.chunks.len() * CHUNK_ROWS
    }

    /// The bytes that so many rows take.
    #[must_use]
    pub const fn bytes_of(similarity: Similarity, dimensions: usize, rows: usize) -> usize {
        let extra = match similarity {
            Similarity::Cosine => 12,
            Similarity::Euclidean => 0,
        };
        rows * (dimensions * size_of::<f32>() + extra)
    }

    /// Writes a chunk: the components of its rows, one row after another. Returns whether it did: it must be
    /// of the right length, lie within the capacity, and not be there already.
    pub fn put(&self, chunk: usize, components: &[f32]) -> bool {
        let Some(slot) = self.chunks.get(chunk) else {
            return false;
        };
        if components.len() != CHUNK_ROWS * self.dimensions {
            return false;
        }
        let rows = components.chunks_exact(self.dimensions);
        let chunk = match self.similarity {
            Similarity::Euclidean => Chunk {
                values: components.into(),
                squares: Box::default(),
            },
            Similarity::Cosine => {
                let squares: Box<[f64]> = rows.clone().map(|row| dot(row, row)).collect();
                let mut values = Vec::with_capacity(CHUNK_ROWS * self.width());
                for (row, square) in rows.zip(&squares) {
                    values.extend_from_slice(row);
                    #[allow(clippy::cast_possible_truncation)]
                    values.push((1.0 / square.sqrt()) as f32);
                }
                Chunk {
                    values: values.into(),
                    squares,
                }
            }
        };
        slot.set(chunk).is_ok()
    }

    /// Floats of a row as it lies in memory.
    pub(crate) const fn width(&self) -> usize {
        match self.similarity {
            Similarity::Cosine => self.dimensions + 1,
            Similarity::Euclidean => self.dimensions,
        }
    }

    /// A row as it lies in memory.
    pub(crate) fn wide(&self, row: u32) -> Option<&[f32]> {
        let row = row as usize;
        let chunk = self.chunks.get(row / CHUNK_ROWS)?.get()?;
        let start = row % CHUNK_ROWS * self.width();
        chunk.values.get(start..start + self.width())
    }

    /// A vector.
    #[must_use]
    pub fn row(&self, row: u32) -> Option<&[f32]> {
        self.wide(row)?.get(..self.dimensions)
    }

    /// The score of a row; none if it is not there.
    #[must_use]
    pub fn score(&self, query: &Query, row: u32) -> Option<f64> {
        let at = row as usize;
        let chunk = self.chunks.get(at / CHUNK_ROWS)?.get()?;
        let square = chunk.squares.get(at % CHUNK_ROWS).copied();
        Some(query.score_squared(self.row(row)?, square.unwrap_or_default()))
    }

    /// Offers each row of a range that `owner` names an item for.
    pub fn offer<T: Ord>(
        &self,
        query: &Query,
        rows: Range<u32>,
        mut owner: impl FnMut(u32) -> Option<T>,
        nearest: &mut Nearest<T>,
    ) {
        for row in rows {
            if let Some(item) = owner(row)
                && let Some(score) = self.score(query, row)
            {
                nearest.offer(score, item);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_once_and_read_as_they_were() {
        for similarity in Similarity::ALL {
            let vectors = Vectors::new(similarity, 2, CHUNK_ROWS + 1);
            assert_eq!(vectors.capacity(), 2 * CHUNK_ROWS);
            let components: Vec<f32> = (0..2 * CHUNK_ROWS).map(|i| 1.0 + i as f32).collect();
            assert!(!vectors.put(0, &components[1..]));
            assert!(!vectors.put(2, &components));
            assert!(vectors.put(1, &components));
            assert!(!vectors.put(1, &components));
            assert_eq!(vectors.row(0), None);
            assert_eq!(vectors.row(64), Some(&[1.0, 2.0][..]));
            assert_eq!(vectors.row(127), Some(&[127.0, 128.0][..]));
            assert_eq!(vectors.row(128), None);
            let query = Query::new(similarity, [3.0, 4.5].into()).unwrap();
            let mut nearest = Nearest::new(3);
            vectors.offer(
                &query,
                0..128,
                |row| (row != 65).then_some(row),
                &mut nearest,
            );
            let mut expected: Vec<(u32, f64)> = (64..128)
                .filter(|row| *row != 65)
                .map(|row| (row, query.score(vectors.row(row).unwrap())))
                .collect();
            expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            expected.truncate(3);
            assert_eq!(nearest.into_sorted(), expected);
        }
    }
}
