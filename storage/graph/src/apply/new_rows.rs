//! The rows of an index or a rule that a commit makes whole by itself.
//!
//! They may be many, so they are not gathered in the commit's batch: they are written before it, in
//! pieces. Until the commit's own batch puts the definition into the catalog, no reader knows of
//! them. After a crash in between, the entry is applied again and writes the same rows again.

use crate::error::GraphError;
use crate::ids::Version;
use crate::kv::{Family, OrderedStore, WriteBatch};
use crate::rows::{Key, from_value};

/// How many bytes of rows are written at once.
const PIECE_BYTES: usize = 4 << 20;

/// Rows on their way to the store.
pub(super) struct NewRows<'s> {
    store: &'s dyn OrderedStore,
    from: Vec<u8>,
    piece: WriteBatch,
    count: i64,
}

impl<'s> NewRows<'s> {
    /// Rows that are new in a version, in a range in which the commit writes nothing else.
    pub fn new(store: &'s dyn OrderedStore, version: Version) -> Self {
        Self {
            store,
            from: from_value(version).to_vec(),
            piece: WriteBatch::new(),
            count: 0,
        }
    }

    /// Adds a row.
    pub fn put(&mut self, row: &Key) -> Result<(), GraphError> {
        self.piece.put(Family::Index, row, &self.from);
        self.count += 1;
        if self.piece.size() >= PIECE_BYTES {
            self.store.write(std::mem::take(&mut self.piece))?;
        }
        Ok(())
    }

    /// Writes what is left. Returns how many rows there were.
    pub fn finish(self) -> Result<i64, GraphError> {
        self.store.write(self.piece)?;
        Ok(self.count)
    }
}
