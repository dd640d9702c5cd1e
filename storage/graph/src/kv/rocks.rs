//! The store on RocksDB: one instance per graph, six column families, no write-ahead log.
//!
//! The Raft log is the only log. Flushes are atomic over the families (also those that RocksDB
//! starts itself when buffers are full), so whatever a crash leaves is the state after one whole
//! batch, and its applied index says where replay begins.

use std::path::{Path, PathBuf};

use rocksdb::{
    BlockBasedOptions, BottommostLevelCompaction, Cache, ColumnFamily, ColumnFamilyDescriptor,
    CompactOptions, DB, DBCompressionType, DBRawIterator, ErrorKind, FlushOptions,
    IngestExternalFileOptions, LogLevel, Options, Range, ReadOptions, SstFileWriter,
    WriteBufferManager, WriteOptions, properties,
};

use super::{
    BatchStep, Family, OrderedStore, RowCursor, SortedFile, SortedFileWriter, StoreError,
    StoreStatistics, WriteBatch,
};

const BLOCK_BYTES: usize = 16 << 10;
const HISTORY_BLOCK_BYTES: usize = 64 << 10;
/// Above the library's 3; measured to save bytes of history at a cost to compactions only.
const HISTORY_ZSTD_LEVEL: i32 = 9;
/// What the library takes where nothing is set: the window and strategy of the level.
const ZSTD_WINDOW_BITS: i32 = -14;
const ZSTD_STRATEGY: i32 = 0;
const ARENA_BYTES: usize = 128 << 10;
const WRITE_BUFFER_BYTES: usize = 32 << 20;
/// Log lines of RocksDB itself, which are kept for two runs.
const INFO_LOG_BYTES_MAX: usize = 1 << 20;
/// Runs of this many deletions within a window mark a file of a current family for compaction.
const DELETION_WINDOW: usize = 1024;
const DELETION_TRIGGER: usize = 512;

/// Memory and threads shared by all stores of a process.
#[derive(Clone)]
pub struct RocksResources {
    cache: Cache,
    write_buffers: WriteBufferManager,
}

impl RocksResources {
    /// The bytes of blocks in the cache, and those of write buffers.
    #[must_use]
    pub fn usage(&self) -> (usize, usize) {
        (self.cache.get_usage(), self.write_buffers.get_usage())
    }

    /// Resources of this many bytes for blocks and for write buffers.
    #[must_use]
    pub fn new(block_cache_bytes: usize, write_buffer_bytes: usize) -> Self {
        Self {
            cache: Cache::new_lru_cache(block_cache_bytes),
            write_buffers: WriteBufferManager::new_write_buffer_manager(write_buffer_bytes, false),
        }
    }
}

impl Default for RocksResources {
    fn default() -> Self {
        Self::new(512 << 20, 192 << 20)
    }
}

/// How a store is opened.
#[derive(Clone, Default)]
pub struct RocksOptions {
    /// What it shares with other stores.
    pub resources: RocksResources,
}

/// A store on disk.
pub struct RocksStore {
    db: DB,
    path: PathBuf,
    write_options: WriteOptions,
}

impl RocksStore {
    /// Opens the store in a directory, creating both if absent.
    pub fn open(path: &Path, options: &RocksOptions) -> Result<Self, StoreError> {
        std::fs::create_dir_all(path).map_err(|error| StoreError::Failed {
            path: path.to_owned(),
            detail: error.to_string(),
        })?;
        let mut database = Options::default();
        database.create_if_missing(true);
        database.create_missing_column_families(true);
        database.set_atomic_flush(true);
        database.set_paranoid_checks(true);
        database.set_write_buffer_manager(&options.resources.write_buffers);
        database.set_max_open_files(512);
        database.set_max_background_jobs(2);
        database.set_keep_log_file_num(2);
        database.set_max_log_file_size(INFO_LOG_BYTES_MAX);
        // Beside small graphs, lines on each flush and compaction would outweigh the rows.
        database.set_log_level(LogLevel::Warn);
        database.set_stats_dump_period_sec(0);
        let families = Family::ALL.into_iter().map(|family| {
            ColumnFamilyDescriptor::new(family.name(), family_options(family, &options.resources))
        });
        let db = DB::open_cf_descriptors(&database, path, families)
            .map_err(|error| store_error(path, error))?;
        let mut write_options = WriteOptions::default();
        write_options.disable_wal(true);
        write_options.set_memtable_insert_hint_per_batch(true);
        Ok(Self {
            db,
            path: path.to_owned(),
            write_options,
        })
    }

    fn family(&self, family: Family) -> &ColumnFamily {
        self.db
            .cf_handle(family.name())
            .expect("all families are opened with the store")
    }

    fn error(&self, error: rocksdb::Error) -> StoreError {
        store_error(&self.path, error)
    }
}

fn family_options(family: Family, resources: &RocksResources) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_size(if is_history(family) {
        HISTORY_BLOCK_BYTES
    } else {
        BLOCK_BYTES
    });
    blocks.set_block_cache(&resources.cache);
    blocks.set_format_version(6);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    if matches!(
        family,
        Family::Element | Family::Adjacency | Family::Index | Family::Meta
    ) {
        blocks.set_bloom_filter(10.0, false);
    }
    let mut options = family_base_options();
    options.set_block_based_table_factory(&blocks);
    if is_history(family) {
        options.set_bottommost_compression_options(
            ZSTD_WINDOW_BITS,
            HISTORY_ZSTD_LEVEL,
            ZSTD_STRATEGY,
            0,
            true,
        );
    }
    if matches!(family, Family::Element | Family::Adjacency | Family::Index) {
        options.add_compact_on_deletion_collector_factory(DELETION_WINDOW, DELETION_TRIGGER, 0.5);
    }
    options
}

/// Whether the rows of a family are written once and asked for seldom, so that their size counts for
/// more than the time to unpack a block.
fn is_history(family: Family) -> bool {
    matches!(family, Family::Closed | Family::Entry)
}

/// What the rows of a family and the sorted files written for it have in common.
fn family_base_options() -> Options {
    let mut options = Options::default();
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_arena_block_size(ARENA_BYTES);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_bottommost_compression_type(DBCompressionType::Zstd);
    options.set_level_compaction_dynamic_level_bytes(true);
    options
}

fn store_error(path: &Path, error: rocksdb::Error) -> StoreError {
    let kind = error.kind();
    let path = path.to_owned();
    let detail = error.into_string();
    if detail.contains("No space left") {
        StoreError::NoSpace { path, detail }
    } else if detail.contains("lock file") || detail.contains("lock hold") {
        StoreError::Locked { path, detail }
    } else if kind == ErrorKind::Corruption || detail.contains("Corruption") {
        StoreError::Corrupt { path, detail }
    } else {
        StoreError::Failed { path, detail }
    }
}

impl OrderedStore for RocksStore {
    fn get_with(
        &self,
        family: Family,
        key: &[u8],
        read: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StoreError> {
        let found = self
            .db
            .get_pinned_cf(self.family(family), key)
            .map_err(|error| self.error(error))?;
        Ok(found.map(|value| read(&value)).is_some())
    }

    fn scan(
        &self,
        family: Family,
        lower: &[u8],
        upper: &[u8],
        reverse: bool,
    ) -> Result<Box<dyn RowCursor + '_>, StoreError> {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(lower);
        options.set_iterate_upper_bound(upper);
        let mut rows = self.db.raw_iterator_cf_opt(self.family(family), options);
        if lower >= upper {
            // RocksDB's answer to an empty range is unspecified; a seek past the end is not.
            rows.seek(upper);
        } else if reverse {
            rows.seek_to_last();
        } else {
            rows.seek(lower);
        }
        Ok(Box::new(RocksCursor {
            rows,
            reverse,
            path: &self.path,
        }))
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        let mut rows =
            rocksdb::WriteBatch::with_capacity_bytes(batch.size() + 16 * batch.len() + 64);
        let handles = Family::ALL.map(|family| self.family(family));
        // Rows in order find their places in the write buffers from each other's. The sort keeps
        // the order of steps on one key; a range has no one place, so with one nothing is sorted.
        let mut steps: Vec<_> = batch.steps().collect();
        let is_range = |(_, step): &(_, BatchStep<'_>)| matches!(step, BatchStep::DeleteRange(..));
        if !steps.iter().any(is_range) {
            steps.sort_by_key(|(family, step)| match step {
                BatchStep::Put(key, _)
                | BatchStep::Delete(key)
                | BatchStep::DeleteRange(key, _) => (*family, *key),
            });
        }
        for (family, step) in steps {
            let handle = handles[family as usize];
            match step {
                BatchStep::Put(key, value) => rows.put_cf(handle, key, value),
                BatchStep::Delete(key) => rows.delete_cf(handle, key),
                BatchStep::DeleteRange(lower, upper) if lower < upper => {
                    rows.delete_range_cf(handle, lower, upper);
                }
                BatchStep::DeleteRange(..) => {}
            }
        }
        self.db
            .write_opt(rows, &self.write_options)
            .map_err(|error| self.error(error))
    }

    fn flush(&self) -> Result<(), StoreError> {
        let mut options = FlushOptions::default();
        options.set_wait(true);
        let handles = Family::ALL.map(|family| self.family(family));
        self.db
            .flush_cfs_opt(&handles, &options)
            .map_err(|error| self.error(error))
    }

    fn write_sorted(
        &self,
        family: Family,
        path: &Path,
    ) -> Result<Box<dyn SortedFileWriter + '_>, StoreError> {
        RocksFileWriter::open(family, path, &self.path)
            .map(|writer| Box::new(writer) as Box<dyn SortedFileWriter>)
    }

    fn ingest(&self, files: &[SortedFile]) -> Result<(), StoreError> {
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        for family in Family::ALL {
            let mut links = Vec::new();
            for file in files.iter().filter(|file| file.family == family) {
                // RocksDB takes a moved file for its own and unlinks it, so it gets a link of its
                // own and the caller's file stays until the ingest is durable.
                let link = file.path.with_extension("taken");
                std::fs::remove_file(&link).or_else(|error| match error.kind() {
                    std::io::ErrorKind::NotFound => Ok(()),
                    _ => Err(self.io_error(&link, &error)),
                })?;
                std::fs::hard_link(&file.path, &link)
                    .map_err(|error| self.io_error(&file.path, &error))?;
                links.push(link);
            }
            if !links.is_empty() {
                self.db
                    .ingest_external_file_cf_opts(self.family(family), &options, links)
                    .map_err(|error| self.error(error))?;
            }
        }
        Ok(())
    }

    fn compact(&self, family: Family) -> Result<(), StoreError> {
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        self.db
            .compact_range_cf_opt(self.family(family), None::<&[u8]>, None::<&[u8]>, &options);
        Ok(())
    }

    fn approximate_size(
        &self,
        family: Family,
        lower: &[u8],
        upper: &[u8],
    ) -> Result<u64, StoreError> {
        let sizes = self
            .db
            .get_approximate_sizes_cf(self.family(family), &[Range::new(lower, upper)]);
        Ok(sizes.first().copied().unwrap_or(0))
    }

    fn directory(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn statistics(&self) -> Option<StoreStatistics> {
        let of_store = |name| self.db.property_int_value(name).ok().flatten();
        let of_families = |name| -> u64 {
            let values = Family::ALL.iter().map(|family| {
                let value = self.db.property_int_value_cf(self.family(*family), name);
                value.ok().flatten().unwrap_or(0)
            });
            values.sum()
        };
        Some(StoreStatistics {
            memtable_bytes: of_families(properties::CUR_SIZE_ALL_MEM_TABLES),
            file_bytes: of_families(properties::TOTAL_SST_FILES_SIZE),
            rows: of_families(properties::ESTIMATE_NUM_KEYS),
            pending_compaction_bytes: of_families(properties::ESTIMATE_PENDING_COMPACTION_BYTES),
            running_compactions: of_store(properties::NUM_RUNNING_COMPACTIONS).unwrap_or(0),
            background_errors: of_store(properties::BACKGROUND_ERRORS).unwrap_or(0),
            is_write_stopped: of_store(properties::IS_WRITE_STOPPED).unwrap_or(0) > 0,
        })
    }
}

impl RocksStore {
    fn io_error(&self, path: &Path, error: &std::io::Error) -> StoreError {
        let detail = format!("{}: {error}", path.display());
        let path = self.path.clone();
        if error.kind() == std::io::ErrorKind::StorageFull {
            StoreError::NoSpace { path, detail }
        } else {
            StoreError::Failed { path, detail }
        }
    }
}

struct RocksCursor<'a> {
    rows: DBRawIterator<'a>,
    reverse: bool,
    path: &'a Path,
}

impl RowCursor for RocksCursor<'_> {
    fn valid(&self) -> bool {
        self.rows.valid()
    }

    fn key(&self) -> &[u8] {
        self.rows.key().unwrap_or(&[])
    }

    fn value(&self) -> &[u8] {
        self.rows.value().unwrap_or(&[])
    }

    fn next(&mut self) {
        if !self.rows.valid() {
            return;
        }
        if self.reverse {
            self.rows.prev();
        } else {
            self.rows.next();
        }
    }

    fn seek(&mut self, key: &[u8]) {
        if self.reverse {
            self.rows.seek_for_prev(key);
        } else {
            self.rows.seek(key);
        }
    }

    fn status(&self) -> Result<(), StoreError> {
        self.rows
            .status()
            .map_err(|error| store_error(self.path, error))
    }
}

/// A sorted file in RocksDB's table format. RocksDB's writer borrows its options, so the rows are
/// kept until the file is finished and written in one go.
struct RocksFileWriter {
    file: SortedFile,
    store: PathBuf,
    keys: Vec<(u32, u32)>,
    bytes: Vec<u8>,
    last: usize,
}

impl RocksFileWriter {
    fn open(family: Family, path: &Path, store: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            file: SortedFile {
                family,
                path: path.to_owned(),
            },
            store: store.to_owned(),
            keys: Vec::new(),
            bytes: Vec::new(),
            last: 0,
        })
    }
}

impl SortedFileWriter for RocksFileWriter {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if let Some(&(length, _)) = self.keys.last()
            && &self.bytes[self.last..self.last + length as usize] >= key
        {
            return Err(StoreError::Unsorted {
                path: self.file.path.clone(),
            });
        }
        self.last = self.bytes.len();
        self.keys.push((key.len() as u32, value.len() as u32));
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<SortedFile, StoreError> {
        let failed = |error| store_error(&self.store, error);
        let mut options = family_base_options();
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_size(BLOCK_BYTES);
        blocks.set_format_version(6);
        blocks.set_bloom_filter(10.0, false);
        options.set_block_based_table_factory(&blocks);
        let mut writer = SstFileWriter::create(&options);
        writer.open(&self.file.path).map_err(failed)?;
        let mut at = 0;
        for &(key, value) in &self.keys {
            let middle = at + key as usize;
            let end = middle + value as usize;
            writer
                .put(&self.bytes[at..middle], &self.bytes[middle..end])
                .map_err(failed)?;
            at = end;
        }
        writer.finish().map_err(failed)?;
        Ok(self.file)
    }
}
