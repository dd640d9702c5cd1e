//! The rows of the log store in RocksDB: opening, reading, and writing a round.

use std::fs::{self, File, TryLockError};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType,
    DBRecoveryMode, Options, ReadOptions, WriteBatch, WriteOptions,
};

use crate::error::LogError;
use crate::pending::{Change, Log, Request};
use crate::record::{self, Row};
use crate::types::{GroupId, LogEntry, LogIndex};
use crate::wal;

const LOG: &str = "log";
const META: &str = "meta";
/// The file whose lock says that the store is open.
const LOCK: &str = "in-use";

/// The logs are read after a restart, by a slow follower, and hardly else.
const CACHE_BYTES: usize = 8 << 20;
/// Log lines of RocksDB itself, which are kept for two runs.
const INFO_LOG_BYTES_MAX: usize = 1 << 20;

/// The store on disk.
pub(crate) struct Rows {
    db: DB,
    path: PathBuf,
    /// Keeps others out while the files are checked, which RocksDB's own lock does not cover.
    _lock: File,
    /// Makes the next write fail as a full or broken disk would.
    #[cfg(test)]
    pub(crate) fails: std::sync::atomic::AtomicBool,
}

impl Rows {
    /// Opens the store in the directory `path`, or makes it.
    pub(crate) fn open(path: &Path, memtable_bytes: usize) -> Result<Self, LogError> {
        let lock = lock(path)?;
        wal::check_and_cut(path)?;
        let families = [LOG, META]
            .map(|name| ColumnFamilyDescriptor::new(name, family_options(memtable_bytes)));
        let opened = DB::open_cf_descriptors(&store_options(memtable_bytes), path, families);
        let path = path.to_owned();
        match opened {
            Ok(db) => Ok(Rows {
                db,
                path,
                _lock: lock,
                #[cfg(test)]
                fails: Default::default(),
            }),
            Err(source) => Err(LogError::Open { path, source }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    #[expect(
        clippy::expect_used,
        reason = "opening lists both families, and none is dropped"
    )]
    fn family(&self, name: &str) -> &ColumnFamily {
        self.db
            .cf_handle(name)
            .expect("both column families were opened")
    }

    /// The log of a group as it is on disk.
    pub(crate) fn load(&self, group: GroupId) -> Result<Log, LogError> {
        let vote = self.row(group, Row::Vote, record::decode_vote)?;
        let purged = self
            .row(group, Row::Purged, record::decode_position)?
            .unwrap_or_default();
        let committed = self.row(group, Row::Committed, record::decode_index)?;
        let last = self.last_entry(group, purged.index)?;
        if let Some(last) = &last {
            // The first must be there too: a log with a lost beginning is not a log.
            let first = purged.index.next();
            self.entries(group, first..last.index.next(), 0, |_| {})?;
        }
        let last = last.map_or(purged, |entry| entry.position());
        let closed = self.row(group, Row::Closed, record::decode_time)?;
        Ok(Log::new(purged, last, vote, committed, closed))
    }

    fn row<T>(
        &self,
        group: GroupId,
        row: Row,
        decode: impl Fn(&[u8], &[u8]) -> Result<T, record::Reason>,
    ) -> Result<Option<T>, LogError> {
        let key = record::row_key(group, row);
        let found = self.db.get_pinned_cf(self.family(META), key);
        let Some(value) = found.map_err(|source| self.unreadable(group, source))? else {
            return Ok(None);
        };
        decode(&key, &value)
            .map(Some)
            .map_err(|reason| LogError::DamagedRow {
                group,
                row: row.name(),
                location: self.location(META, &key),
                reason,
            })
    }

    fn last_entry(&self, group: GroupId, purged: LogIndex) -> Result<Option<LogEntry>, LogError> {
        let highest = LogIndex(u64::MAX);
        let mut entries = self.db.raw_iterator_cf_opt(
            self.family(LOG),
            range_options(group, purged.next(), highest),
        );
        entries.seek_to_last();
        match entries.item() {
            Some((key, value)) => self.decode(group, key, value).map(Some),
            None => entries
                .status()
                .map(|()| None)
                .map_err(|e| self.unreadable(group, e)),
        }
    }

    /// Reads the entries of the range, all of which must be there, until their payloads reach
    /// `bytes_max`; at least one.
    pub(crate) fn entries(
        &self,
        group: GroupId,
        range: Range<LogIndex>,
        bytes_max: usize,
        mut take: impl FnMut(LogEntry),
    ) -> Result<(), LogError> {
        let Range { start, end } = range;
        let mut rows = self
            .db
            .raw_iterator_cf_opt(self.family(LOG), range_options(group, start, end));
        rows.seek_to_first();
        let (mut next, mut bytes) = (start, 0);
        while next < end && (next == start || bytes < bytes_max) {
            let Some((key, value)) = rows.item() else {
                rows.status()
                    .map_err(|source| self.unreadable(group, source))?;
                return Err(self.missing(group, next));
            };
            if record::index_of(key) != Some(next) {
                return Err(self.missing(group, next));
            }
            let entry = self.decode(group, key, value)?;
            bytes += entry.payload.len();
            take(entry);
            next = next.next();
            rows.next();
        }
        Ok(())
    }

    fn decode(&self, group: GroupId, key: &[u8], value: &[u8]) -> Result<LogEntry, LogError> {
        // Keys of this family are 16 bytes: the bounds of every iterator see to that.
        let index = record::index_of(key).unwrap_or_default();
        record::decode_entry(index, key, value).map_err(|reason| LogError::DamagedEntry {
            group,
            index,
            location: self.location(LOG, key),
            reason,
        })
    }

    /// Writes a round in one batch, synced if any of it has to be.
    pub(crate) fn write(&self, round: &[Request]) -> Result<(), rocksdb::Error> {
        #[cfg(test)]
        if self.fails.load(std::sync::atomic::Ordering::SeqCst) {
            // RocksDB itself refuses these options.
            return self
                .db
                .put_cf_opt(self.family(LOG), b"", b"", &refused_write());
        }
        let (log, meta) = (self.family(LOG), self.family(META));
        let mut batch = WriteBatch::default();
        let mut value = Vec::new();
        for Request { group, change, .. } in round {
            let group = *group;
            match change {
                Change::Append(entries) => {
                    for entry in entries {
                        let key = record::log_key(group, entry.index);
                        record::encode_entry(&key, entry, &mut value);
                        batch.put_cf(log, key, &value);
                    }
                }
                Change::TruncateAfter(last) => {
                    let end = LogIndex(u64::MAX);
                    let (from, to) = (
                        record::log_key(group, last.index.next()),
                        record::log_key(group, end),
                    );
                    batch.delete_range_cf(log, from, to);
                }
                Change::Purge { from, to } => {
                    let key = record::row_key(group, Row::Purged);
                    record::encode_position(&key, to, &mut value);
                    batch.put_cf(meta, key, &value);
                    let (from, to) = (
                        record::log_key(group, from.next()),
                        record::log_key(group, to.index.next()),
                    );
                    batch.delete_range_cf(log, from, to);
                }
                Change::Vote(vote) => {
                    let key = record::row_key(group, Row::Vote);
                    record::encode_vote(&key, vote, &mut value);
                    batch.put_cf(meta, key, &value);
                }
                Change::Committed(index) => {
                    let key = record::row_key(group, Row::Committed);
                    record::encode_index(&key, *index, &mut value);
                    batch.put_cf(meta, key, &value);
                }
                Change::Closed(micros) => {
                    let key = record::row_key(group, Row::Closed);
                    record::encode_time(&key, *micros, &mut value);
                    batch.put_cf(meta, key, &value);
                }
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(round.iter().any(|request| request.change.needs_sync()));
        self.db.write_opt(batch, &options)
    }

    fn unreadable(&self, group: GroupId, source: rocksdb::Error) -> LogError {
        LogError::Read {
            group,
            path: self.path.clone(),
            source,
        }
    }

    fn missing(&self, group: GroupId, index: LogIndex) -> LogError {
        LogError::MissingEntry {
            group,
            index,
            path: self.path.clone(),
        }
    }

    /// The files that may hold a key.
    fn location(&self, family: &str, key: &[u8]) -> String {
        let files = self.db.live_files().unwrap_or_default();
        let names: Vec<_> = files
            .iter()
            .filter(|file| file.column_family_name == family)
            .filter(|file| file.start_key.as_deref().is_none_or(|start| start <= key))
            .filter(|file| file.end_key.as_deref().is_none_or(|end| key <= end))
            .map(|file| file.name.trim_start_matches('/'))
            .collect();
        match names.is_empty() {
            true => format!("{} (write-ahead log)", self.path.display()),
            false => format!("{} ({})", self.path.display(), names.join(", ")),
        }
    }

    #[cfg(test)]
    pub(crate) fn put_raw(&self, key: &[u8], value: &[u8]) {
        self.db
            .put_cf(self.family(LOG), key, value)
            .expect("written");
    }

    #[cfg(test)]
    pub(crate) fn flush(&self) {
        self.db.flush_cf(self.family(LOG)).expect("flushed");
    }
}

/// Makes the directory, if it has to be made, and takes it for this store alone.
fn lock(directory: &Path) -> Result<File, LogError> {
    let path = directory.join(LOCK);
    let failed = |source: io::Error| LogError::Check {
        path: path.clone(),
        source: Arc::new(source),
    };
    fs::create_dir_all(directory).map_err(failed)?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::InUse {
            path: directory.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

#[cfg(test)]
fn refused_write() -> WriteOptions {
    // RocksDB refuses a synced write without a write-ahead log: an error without side effects.
    let mut options = WriteOptions::default();
    options.set_sync(true);
    options.disable_wal(true);
    options
}

/// Bounds an iterator to entries of one group; without them it would step over all tombstones of
/// purged entries.
fn range_options(group: GroupId, first: LogIndex, end: LogIndex) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_iterate_lower_bound(record::log_key(group, first));
    options.set_iterate_upper_bound(record::log_key(group, end));
    options.fill_cache(false);
    options
}

fn store_options(memtable_bytes: usize) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    // `wal::check_and_cut` has cut off a torn end, so whatever else is incomplete is damage. The
    // other modes drop what follows it: all of them some of the damage there can be.
    options.set_wal_recovery_mode(DBRecoveryMode::AbsoluteConsistency);
    // Recycled logs end in old records, which cannot be told from damage.
    options.set_recycle_log_file_num(0);
    // Notices a synced log that is missing or too short once a newer one has been begun.
    options.set_track_and_verify_wals_in_manifest(true);
    options.set_paranoid_checks(true);
    options.set_max_total_wal_size(4 * memtable_bytes as u64);
    options.set_max_background_jobs(2);
    options.set_stats_dump_period_sec(0);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(INFO_LOG_BYTES_MAX);
    options
}

fn family_options(memtable_bytes: usize) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&Cache::new_lru_cache(CACHE_BYTES));
    table.set_block_size(32 << 10);
    table.set_format_version(6);
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_write_buffer_size(memtable_bytes);
    options.set_max_write_buffer_number(3);
    // Entries are purged soon after they are flushed, and most never leave the memtable.
    options.set_compression_type(DBCompressionType::None);
    options
}
