//! What goes wrong in the log store.
//!
//! None of it is a client's mistake: either the caller broke the order of a log, or the disk broke
//! its promise. The second kind is fatal, and said with the place where it shows.

use std::path::PathBuf;
use std::sync::Arc;

use crate::types::{GroupId, LogIndex, Term};

/// The log store cannot do what it was asked.
///
/// Cheap to clone, because one failed write fails everything that waited for it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The store cannot be opened.
    #[error("cannot open the log store in {path}")]
    Open {
        /// Its directory.
        path: PathBuf,
        /// What RocksDB said.
        #[source]
        source: rocksdb::Error,
    },
    /// Somebody has the store open already.
    #[error("the log store in {path} is in use")]
    InUse {
        /// Its directory.
        path: PathBuf,
    },
    /// A file of the store cannot be read, locked or cut while it is checked at opening.
    #[error("cannot check {path}")]
    Check {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// A file that must hold records back to back holds something else in its middle.
    #[error("{path} is damaged at offset {offset}: {reason}")]
    DamagedFile {
        /// The file.
        path: PathBuf,
        /// The first byte that is not as it was written.
        offset: u64,
        /// How that shows.
        reason: &'static str,
    },
    /// Reading failed; this includes blocks whose checksum RocksDB found wrong.
    #[error("cannot read the log of group {group} in {path}")]
    Read {
        /// The group being read.
        group: GroupId,
        /// The directory of the store.
        path: PathBuf,
        /// What RocksDB said; it names the file.
        #[source]
        source: rocksdb::Error,
    },
    /// An entry is not what was written.
    #[error("entry {index} of group {group} is damaged: {reason}, in {location}")]
    DamagedEntry {
        /// The group.
        group: GroupId,
        /// The entry.
        index: LogIndex,
        /// The files it may lie in.
        location: String,
        /// How that shows.
        reason: &'static str,
    },
    /// A row of bookkeeping is not what was written.
    #[error("the {row} of group {group} is damaged: {reason}, in {location}")]
    DamagedRow {
        /// The group.
        group: GroupId,
        /// Which row.
        row: &'static str,
        /// The files it may lie in.
        location: String,
        /// How that shows.
        reason: &'static str,
    },
    /// An entry between the first and the last is not there.
    #[error("entry {index} of group {group} is missing in {path}")]
    MissingEntry {
        /// The group.
        group: GroupId,
        /// The entry.
        index: LogIndex,
        /// The directory of the store.
        path: PathBuf,
    },
    /// The entries asked for, or to be cut off, were purged.
    #[error("entry {index} of group {group} is purged, the log begins after {purged}")]
    Purged {
        /// The group.
        group: GroupId,
        /// The entry.
        index: LogIndex,
        /// The last purged entry.
        purged: LogIndex,
    },
    /// An appended entry does not follow the last one.
    #[error("entry {found} cannot be appended to the log of group {group}: {expected} is next")]
    NotNext {
        /// The group.
        group: GroupId,
        /// The index that is next.
        expected: LogIndex,
        /// The index that came.
        found: LogIndex,
    },
    /// An appended entry is of an earlier term than the one before it.
    #[error("entry {index} of group {group} is of term {found}, the one before it of {last}")]
    EarlierTerm {
        /// The group.
        group: GroupId,
        /// The entry.
        index: LogIndex,
        /// The term of the entry before.
        last: Term,
        /// The term of the entry.
        found: Term,
    },
    /// The log is cut off after an entry it does not have.
    #[error("the log of group {group} cannot be cut off after {index}, it ends at {last}")]
    BeyondEnd {
        /// The group.
        group: GroupId,
        /// The entry asked for.
        index: LogIndex,
        /// The last entry.
        last: LogIndex,
    },
    /// A write or an fsync failed. Whether it took effect is unknown, and asking again would not
    /// tell: after a failed fsync the system may have dropped the pages. The store refuses
    /// everything from then on.
    #[error("the log store in {path} stopped after a failed write")]
    Stopped {
        /// The directory of the store.
        path: PathBuf,
        /// What RocksDB said to the write that failed.
        #[source]
        source: rocksdb::Error,
    },
    /// The store is being closed.
    #[error("the log store is closed")]
    Closed,
    /// The writer gave up the request without an answer, which happens if another completion
    /// panicked.
    #[error("the request to the log store was abandoned")]
    Abandoned,
}
