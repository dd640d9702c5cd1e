//! The ordered store under a graph: rows of bytes in six families, written atomically.
//!
//! Two implementations stand side by side: `RocksStore` on disk (with the feature `rocks`) and [`MemoryStore`], the twin for
//! tests and throw-away graphs, which models what a crash leaves. Both pass one suite
//! ([`conformance`]).
//!
//! The promises a graph builds on:
//!
//! * a [`WriteBatch`] becomes visible as a whole, over all families;
//! * writes are *not* durable until [`OrderedStore::flush`] returns, and a crash leaves the state
//!   after some whole batch at or after the last flush, never a part of a batch and never one family
//!   newer than another. The Raft log replays the rest, so the store needs no log of its own;
//! * a cursor sees the store as it was when the cursor was made;
//! * rows read back wrong are an error naming the file, never an answer.

pub mod conformance;
mod memory;
#[cfg(feature = "rocks")]
mod rocks;

pub use memory::MemoryStore;
#[cfg(feature = "rocks")]
pub use rocks::{RocksOptions, RocksResources, RocksStore};

use std::path::{Path, PathBuf};

/// A family of rows with its own files and tuning. The numbers are part of no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Family {
    /// Current records of nodes and relationships.
    Element = 0,
    /// Current adjacency, both ways.
    Adjacency = 1,
    /// Current label and property rows.
    Index = 2,
    /// The closed twins of all rows above.
    Closed = 3,
    /// Commits: header and touched elements; log indexes; times.
    Entry = 4,
    /// Catalog, statistics, tiles of the ledger, the applied position.
    Meta = 5,
}

impl Family {
    /// All families.
    pub const ALL: [Self; 6] = [
        Self::Element,
        Self::Adjacency,
        Self::Index,
        Self::Closed,
        Self::Entry,
        Self::Meta,
    ];

    /// The name of the family on disk.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Element => "element",
            Self::Adjacency => "adjacency",
            Self::Index => "index",
            Self::Closed => "closed",
            Self::Entry => "entry",
            Self::Meta => "meta",
        }
    }
}

/// The store failed. None of these is retried: the member stops using the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A checksum or a structure on disk is wrong. The message names the file where it is known.
    #[error("corrupt store at {path}: {detail}")]
    Corrupt {
        /// The store's directory.
        path: PathBuf,
        /// What was found and, where known, in which file.
        detail: String,
    },
    /// Another process holds the store.
    #[error("store {path} is in use by another process: {detail}")]
    Locked {
        /// The store's directory.
        path: PathBuf,
        /// What the lock said.
        detail: String,
    },
    /// The disk is full.
    #[error("no space left for store {path}: {detail}")]
    NoSpace {
        /// The store's directory.
        path: PathBuf,
        /// What failed.
        detail: String,
    },
    /// Any other failure of the store or its disk.
    #[error("store {path} failed: {detail}")]
    Failed {
        /// The store's directory.
        path: PathBuf,
        /// What failed.
        detail: String,
    },
    /// The rows of a sorted file were not given in strictly ascending order.
    #[error("rows of sorted file {path} are not in ascending order")]
    Unsorted {
        /// The file being written.
        path: PathBuf,
    },
}

/// Rows to write and delete in one atomic step.
#[derive(Clone, Default)]
pub struct WriteBatch {
    operations: Vec<Operation>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Operation {
    family: Family,
    kind: OperationKind,
    first: u32,
    second: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OperationKind {
    Put,
    Delete,
    DeleteRange,
}

/// One step of a [`WriteBatch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchStep<'a> {
    /// Writes a row.
    Put(&'a [u8], &'a [u8]),
    /// Removes a row, which need not exist.
    Delete(&'a [u8]),
    /// Removes the rows from the first key up to, not including, the second.
    DeleteRange(&'a [u8], &'a [u8]),
}

impl WriteBatch {
    /// A batch that does nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn push(&mut self, family: Family, kind: OperationKind, first: &[u8], second: &[u8]) {
        self.operations.push(Operation {
            family,
            kind,
            first: first.len() as u32,
            second: second.len() as u32,
        });
        self.bytes.extend_from_slice(first);
        self.bytes.extend_from_slice(second);
    }

    /// Writes a row.
    pub fn put(&mut self, family: Family, key: &[u8], value: &[u8]) {
        self.push(family, OperationKind::Put, key, value);
    }

    /// Removes a row, which need not exist.
    pub fn delete(&mut self, family: Family, key: &[u8]) {
        self.push(family, OperationKind::Delete, key, &[]);
    }

    /// Removes the rows from `lower` up to, not including, `upper`.
    pub fn delete_range(&mut self, family: Family, lower: &[u8], upper: &[u8]) {
        self.push(family, OperationKind::DeleteRange, lower, upper);
    }

    /// Whether the batch does nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// The number of steps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// The bytes of all keys and values.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The steps in order.
    pub fn steps(&self) -> impl Iterator<Item = (Family, BatchStep<'_>)> {
        let mut at = 0;
        self.operations.iter().map(move |operation| {
            let middle = at + operation.first as usize;
            let end = middle + operation.second as usize;
            let (first, second) = (&self.bytes[at..middle], &self.bytes[middle..end]);
            at = end;
            let step = match operation.kind {
                OperationKind::Put => BatchStep::Put(first, second),
                OperationKind::Delete => BatchStep::Delete(first),
                OperationKind::DeleteRange => BatchStep::DeleteRange(first, second),
            };
            (operation.family, step)
        })
    }
}

/// The rows of a range, one at a time, as they were when the cursor was made.
pub trait RowCursor {
    /// Whether the cursor stands on a row. False at the end, and after a failure: see [`status`].
    ///
    /// [`status`]: RowCursor::status
    fn valid(&self) -> bool;
    /// The key of the row; empty if there is none.
    fn key(&self) -> &[u8];
    /// The value of the row; empty if there is none.
    fn value(&self) -> &[u8];
    /// Goes on to the next row in the cursor's direction.
    fn next(&mut self);
    /// Goes to the first row at or after `key` in the cursor's direction, within its range.
    fn seek(&mut self, key: &[u8]);
    /// Why the cursor stopped, if it failed. To be asked when it is no longer valid.
    fn status(&self) -> Result<(), StoreError>;
}

/// A sorted file to be taken over by [`OrderedStore::ingest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortedFile {
    /// The family its rows belong to.
    pub family: Family,
    /// Where it lies.
    pub path: PathBuf,
}

/// Writes the rows of one sorted file.
pub trait SortedFileWriter: Send {
    /// Appends a row; keys strictly ascend.
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError>;
    /// Completes the file and makes its bytes durable. A file without rows is an error.
    fn finish(self: Box<Self>) -> Result<SortedFile, StoreError>;
}

/// Rows of bytes in byte order, in six families.
pub trait OrderedStore: Send + Sync {
    /// Hands the value of a row to `read`, without a copy where the store allows. Returns whether
    /// the row exists.
    fn get_with(
        &self,
        family: Family,
        key: &[u8],
        read: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StoreError>;

    /// The value of a row.
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut found = None;
        self.get_with(family, key, &mut |value| found = Some(value.to_vec()))?;
        Ok(found)
    }

    /// A cursor over the rows from `lower` up to, not including, `upper`, standing on the first
    /// row, or on the last one and walking backwards if `reverse`.
    fn scan(
        &self,
        family: Family,
        lower: &[u8],
        upper: &[u8],
        reverse: bool,
    ) -> Result<Box<dyn RowCursor + '_>, StoreError>;

    /// Writes a batch atomically; durable only after the next [`flush`](OrderedStore::flush).
    fn write(&self, batch: WriteBatch) -> Result<(), StoreError>;

    /// Makes everything written so far durable, in one atomic step over all families.
    fn flush(&self) -> Result<(), StoreError>;

    /// Begins a sorted file for [`ingest`](OrderedStore::ingest) at `path`.
    fn write_sorted(
        &self,
        family: Family,
        path: &Path,
    ) -> Result<Box<dyn SortedFileWriter + '_>, StoreError>;

    /// Takes over the rows of sorted files, durable and visible on return; the files stay where
    /// they are. Not atomic over files: repeating it after a crash is harmless.
    fn ingest(&self, files: &[SortedFile]) -> Result<(), StoreError>;

    /// Rewrites a family in full, dropping what is deleted and compressing for keeps.
    fn compact(&self, family: Family) -> Result<(), StoreError>;

    /// Roughly how many bytes the rows of a range take on disk; 0 for what is only in memory.
    fn approximate_size(
        &self,
        family: Family,
        lower: &[u8],
        upper: &[u8],
    ) -> Result<u64, StoreError>;

    /// Reads every row of every family and checks it against its checksum.
    fn verify(&self) -> Result<(), StoreError> {
        for family in Family::ALL {
            let mut cursor = self.scan(family, &[], &[0xff; 64], false)?;
            while cursor.valid() {
                cursor.next();
            }
            cursor.status()?;
        }
        Ok(())
    }

    /// The directory of the store, if it has one.
    fn directory(&self) -> Option<&Path>;

    /// What the store takes and has to do, if it can tell. Cheap enough to be asked every few seconds.
    fn statistics(&self) -> Option<StoreStatistics> {
        None
    }
}

/// What a store takes, and what it has still to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStatistics {
    /// Bytes of rows in memory that are not in files yet.
    pub memtable_bytes: u64,
    /// Bytes of files.
    pub file_bytes: u64,
    /// About how many rows there are.
    pub rows: u64,
    /// About how many bytes compactions have still to rewrite.
    pub pending_compaction_bytes: u64,
    /// Compactions that are running.
    pub running_compactions: u64,
    /// Errors in the background so far, such as of a full disk.
    pub background_errors: u64,
    /// Whether no rows can be written at the moment.
    pub is_write_stopped: bool,
}
