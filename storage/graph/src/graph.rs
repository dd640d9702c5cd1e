//! A graph: its state machine, its sequencer, and the door to its views.
//!
//! ```text
//! Transaction ──commit──▶ sequencer ──propose──▶ log ──▶ Graph::apply ──▶ rows ──▶ published version
//!      ▲                                                                              │
//!      └────────────── view ◀── read_latest / read_at / resolve ◀─────────────────────┘
//! ```
//!
//! Everything on the left exists on a leader only. Apply and views exist on every member.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex, RwLock};
use retrograph_ledger::{Hash, TreeReader};

use crate::apply::{ApplyObserver, Machine, Tiles};
use crate::blocks::Blocks;
use crate::build::BuildWaker;
use crate::catalog::{Catalog, ReadCatalog};
use crate::clock::{Clock, MachineClock};
use crate::commit::CommitHeader;
use crate::encoding::varint::Reader;
use crate::error::GraphError;
use crate::ids::{ElementId, IndexId, KeyId, LabelId, SystemTime, Version};
use crate::image::{Everything, ImageOptions, ImageStatistics, Images};
use crate::kv::{Family, MemoryStore, OrderedStore, RowCursor};
use crate::read::GraphRead;
use crate::replicate::Loopback;
use crate::rows::entry::{CommitRow, Touched, commit_key, read_time_key, time_key, time_prefix};
use crate::rows::meta::{
    FORMAT_KEY, Identity, STORE_FORMAT, Statistic, TokenKind, read_format, read_integer,
};
use crate::sequencer::{NotClosed, Sequencer};
use crate::stored::Stored;
use crate::transaction::{Isolation, Transaction};

/// How a graph is opened.
#[derive(Clone)]
pub struct GraphOptions {
    /// Where the leader gets the time from.
    pub clock: Arc<dyn Clock>,
    /// The identity of a graph that does not exist yet; ignored otherwise.
    pub genesis: Genesis,
    /// How read images are kept.
    pub images: ImageOptions,
    /// Told when there is an index to be built; it must not wait, and have [`Graph::build_step`]
    /// called from elsewhere. Without it, the commit that creates an index also builds it.
    pub index_builder: Option<BuildWaker>,
}

/// What a new graph is made with.
#[derive(Clone)]
pub struct Genesis {
    /// The id of the graph.
    pub graph: [u8; 16],
    /// The key of the salts in effect hashes: secret, random.
    pub salt_key: [u8; 32],
    /// A closed segment of at most this many rows is never sealed. For tests of history; others
    /// leave it as it is.
    pub segment_rows_min: u32,
}

/// The least number of rows of a sealed segment, unless a test wants another.
pub const SEGMENT_ROWS_MIN: u32 = 64;

impl Default for Genesis {
    fn default() -> Self {
        let mut genesis = Self {
            graph: [0; 16],
            salt_key: [0; 32],
            segment_rows_min: SEGMENT_ROWS_MIN,
        };
        rand::fill(&mut genesis.graph);
        rand::fill(&mut genesis.salt_key);
        genesis
    }
}

impl Default for GraphOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(MachineClock),
            genesis: Genesis::default(),
            images: ImageOptions::default(),
            index_builder: None,
        }
    }
}

/// How far the log has been applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The index of the last entry applied; 0 before any.
    pub index: u64,
    /// The latest version.
    pub version: Version,
    /// The time of the latest commit or mark; before any the least time there is.
    pub time: SystemTime,
}

/// One commit as the feed gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitRecord {
    /// What is recorded about it.
    pub header: CommitHeader,
    /// The log index of its entry.
    pub index: u64,
    /// The number of its leaf in the ledger.
    pub leaf: u64,
    /// The elements it created, changed or deleted: nodes, then relationships, each ascending.
    pub touched: Vec<ElementId>,
}

/// A graph on this member.
pub struct Graph {
    pub(crate) store: Arc<dyn OrderedStore>,
    pub(crate) options: GraphOptions,
    pub(crate) machine: Mutex<Machine>,
    pub(crate) catalog: ArcSwap<Catalog>,
    pub(crate) blocks: RwLock<Blocks>,
    pub(crate) counts: RwLock<HashMap<Statistic, u64>>,
    pub(crate) distinct: Mutex<HashMap<(IndexId, usize), (u64, u64)>>,
    pub(crate) observers: ArcSwap<Vec<Arc<dyn ApplyObserver>>>,
    pub(crate) sequencer: Sequencer,
    pub(crate) images: Images,
    /// The latest version whose rows have begun to be written.
    pub(crate) writing: Arc<AtomicU64>,
    /// The latest version that views may see.
    version: AtomicU64,
    pub(crate) published: Mutex<Applied>,
    pub(crate) advanced: Condvar,
}

impl Graph {
    /// Opens the graph in a store; an empty store is an empty graph. Entries after
    /// [`applied`](Graph::applied) have to be applied by the caller.
    pub fn open(store: Arc<dyn OrderedStore>, options: GraphOptions) -> Result<Self, GraphError> {
        if let Some(format) = store.get(Family::Meta, &FORMAT_KEY)? {
            let found = read_format(&format)?;
            if found > STORE_FORMAT {
                return Err(GraphError::NewerFormat {
                    found,
                    supported: STORE_FORMAT,
                });
            }
        }
        let (machine, counts) = Machine::load(store.as_ref())?;
        let catalog = Catalog::load(store.as_ref())?;
        let blocks = Blocks::load(store.as_ref())?;
        let applied = machine.applied();
        let writing = Arc::new(AtomicU64::new(applied.version.0));
        let images = Images::new(
            options.images.clone(),
            Arc::clone(&store),
            Arc::clone(&writing),
            applied.version,
        );
        let mut observers: Vec<Arc<dyn ApplyObserver>> = Vec::new();
        if images.are_on() {
            observers.push(images.follower());
        }
        let graph = Self {
            sequencer: Sequencer::default(),
            machine: Mutex::new(machine),
            catalog: ArcSwap::from_pointee(catalog),
            blocks: RwLock::new(blocks),
            counts: RwLock::new(counts),
            distinct: Mutex::default(),
            observers: ArcSwap::from_pointee(observers),
            images,
            writing,
            version: AtomicU64::new(applied.version.0),
            published: Mutex::new(applied),
            advanced: Condvar::new(),
            store,
            options,
        };
        graph.clean_ingest_directory(false)?;
        graph.expect_images();
        Ok(graph)
    }

    /// A throw-away graph in memory that leads itself, for tests and scratch work.
    pub fn in_memory() -> Result<Arc<Self>, GraphError> {
        Self::loopback(Arc::new(MemoryStore::new()), GraphOptions::default())
    }

    /// A graph that leads itself with a log in memory: what is not flushed is lost with it.
    pub fn loopback(
        store: Arc<dyn OrderedStore>,
        options: GraphOptions,
    ) -> Result<Arc<Self>, GraphError> {
        let graph = Arc::new(Self::open(store, options)?);
        Loopback::new()
            .attach(&graph)
            .map_err(|error| GraphError::corrupt("log in memory", error))?;
        Ok(graph)
    }

    /// How far the log has been applied.
    #[must_use]
    pub fn applied(&self) -> Applied {
        *self.published.lock()
    }

    /// Who the graph is; `None` before its first entry.
    #[must_use]
    pub fn identity(&self) -> Option<Arc<Identity>> {
        self.machine.lock().identity.clone()
    }

    pub(crate) fn publish(&self, applied: Applied) {
        let mut published = self.published.lock();
        *published = applied;
        self.version.store(applied.version.0, Ordering::Release);
        self.advanced.notify_all();
    }

    /// Waits until a version has been applied.
    pub(crate) fn wait_for(&self, version: Version) {
        let mut published = self.published.lock();
        while published.version < version {
            self.advanced.wait(&mut published);
        }
    }

    /// The latest version.
    #[must_use]
    pub fn latest(&self) -> Version {
        Version(self.version.load(Ordering::Acquire))
    }

    pub(crate) fn stored(&self, version: Version) -> Stored<'_> {
        Stored {
            store: self.store.as_ref(),
            writing: &self.writing,
            version,
        }
    }

    /// The view of the latest version.
    #[must_use]
    pub fn read_latest(self: &Arc<Self>) -> GraphRead {
        GraphRead::new(Arc::clone(self), self.latest(), None)
    }

    /// The view of a version.
    pub fn read_at(self: &Arc<Self>, version: Version) -> Result<GraphRead, GraphError> {
        let latest = self.latest();
        if version > latest {
            return Err(GraphError::FutureVersion { version, latest });
        }
        Ok(GraphRead::new(Arc::clone(self), version, None).dated())
    }

    /// The last version at or before an instant. The answer is final: on a leader, no commit will
    /// get a time at or below an instant that was asked for.
    pub fn resolve(&self, time: SystemTime) -> Result<Version, GraphError> {
        let closed_to = self.applied().time;
        if time > closed_to {
            let waiting = self.sequencer.close(self.options.clock.as_ref(), time);
            let waiting = waiting.map_err(|error| match error {
                NotClosed::NotLeading => GraphError::FutureInstant {
                    time,
                    closed: closed_to,
                },
                NotClosed::Ahead(closed) => GraphError::FutureInstant { time, closed },
                NotClosed::Log(error) => GraphError::NotClosed {
                    time,
                    reason: error.to_string(),
                },
            })?;
            if let Some(version) = waiting {
                self.wait_for(version);
            }
        }
        let first = time_prefix();
        let end = time_key(SystemTime(time.0.saturating_add(1)));
        let cursor = self.store.scan(Family::Entry, &first, &end, true)?;
        if cursor.valid() {
            return Ok(Version(read_integer(cursor.value())?));
        }
        cursor.status()?;
        drop(cursor);
        let oldest = self.oldest_time()?;
        if time >= oldest {
            return Ok(Version(0));
        }
        Err(GraphError::BeforeGraph { time, oldest })
    }

    /// The oldest instant that can be read: when the graph was made, or its first commit if that
    /// has an asserted time before.
    pub fn oldest_time(&self) -> Result<SystemTime, GraphError> {
        let created = self
            .identity()
            .map_or(SystemTime(i64::MAX), |identity| identity.created);
        let first = time_prefix();
        let end = time_key(created);
        let cursor = self.store.scan(Family::Entry, &first, &end, false)?;
        if cursor.valid() {
            return Ok(read_time_key(cursor.key())?);
        }
        cursor.status()?;
        Ok(created)
    }

    /// The time of a version. That of version 0 is when the graph was made.
    pub fn version_time(&self, version: Version) -> Result<SystemTime, GraphError> {
        match self.commit_header(version)? {
            Some(header) => Ok(header.time),
            None => Ok(self
                .identity()
                .map_or(SystemTime(0), |identity| identity.created)),
        }
    }

    /// The header of a commit; `None` for version 0.
    pub fn commit_header(&self, version: Version) -> Result<Option<CommitHeader>, GraphError> {
        self.check_readable(version)?;
        let mut header = None;
        self.store
            .get_with(Family::Entry, &commit_key(version), &mut |bytes| {
                header =
                    Some(CommitRow::decode(bytes).and_then(|row| CommitHeader::decode(row.header)));
            })?;
        header
            .transpose()
            .map_err(|error| GraphError::corrupt(format!("commit {version}"), error))
    }

    pub(crate) fn check_readable(&self, version: Version) -> Result<(), GraphError> {
        let latest = self.latest();
        if version > latest {
            return Err(GraphError::FutureVersion { version, latest });
        }
        Ok(())
    }

    /// One commit with what it touched; `None` for version 0.
    pub fn commit_record(&self, version: Version) -> Result<Option<CommitRecord>, GraphError> {
        self.check_readable(version)?;
        match self.store.get(Family::Entry, &commit_key(version))? {
            Some(bytes) => read_commit(version, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// The commits from a version on, up to the latest at this moment.
    pub fn commits(
        &self,
        from: Version,
    ) -> impl Iterator<Item = Result<CommitRecord, GraphError>> + '_ {
        let first = commit_key(from);
        let end = commit_key(self.latest().next());
        let (mut cursor, mut failed): (Option<Box<dyn RowCursor + '_>>, _) =
            match self.store.scan(Family::Entry, &first, &end, false) {
                Ok(cursor) => (Some(cursor), None),
                Err(error) => (None, Some(GraphError::from(error))),
            };
        std::iter::from_fn(move || {
            if let Some(error) = failed.take() {
                return Some(Err(error));
            }
            let rows = cursor.as_mut()?;
            if !rows.valid() {
                let status = rows.status();
                cursor = None;
                return status.err().map(|error| Err(error.into()));
            }
            let version = crate::rows::closed::version_in(rows.key(), 1).unwrap_or_default();
            let record = read_commit(version, rows.value());
            rows.next();
            Some(record)
        })
    }

    /// Begins a transaction on the view of the latest version.
    #[must_use]
    pub fn begin(self: &Arc<Self>, isolation: Isolation) -> Transaction {
        Transaction::begin(Arc::clone(self), isolation)
    }

    /// Makes everything applied so far durable.
    pub fn flush(&self) -> Result<(), GraphError> {
        Ok(self.store.flush()?)
    }

    /// Changes whenever a label, type, property key, index or constraint comes or goes.
    #[must_use]
    pub fn schema_epoch(&self) -> u64 {
        self.catalog.load().epoch
    }

    /// The catalog as of a version.
    pub(crate) fn catalog_at(&self, version: Version) -> ReadCatalog {
        ReadCatalog {
            catalog: self.catalog.load_full(),
            version,
            own: None,
        }
    }

    /// Has every later commit announced to an observer.
    pub fn observe(&self, observer: Arc<dyn ApplyObserver>) {
        // Taken so that no commit is half announced.
        let _between_entries = self.machine.lock();
        let mut observers = Vec::clone(&self.observers.load());
        observers.push(observer);
        self.observers.store(Arc::new(observers));
    }

    /// The size and the root of the ledger over all entries applied.
    #[must_use]
    pub fn ledger_root(&self) -> (u64, Hash) {
        self.machine.lock().ledger_root()
    }

    /// A reader of the ledger, for proofs.
    #[must_use]
    pub fn ledger(
        &self,
    ) -> TreeReader<impl retrograph_ledger::TileStore<Error = crate::kv::StoreError> + '_> {
        TreeReader::new(Tiles(self.store.as_ref()))
    }

    /// Builds the read images of everything that have not been built, as far as their memory
    /// reaches, and waits until they stand: reads are then fast from the first one on.
    ///
    /// Without this they are built in the background once reads repeat.
    pub fn warm(&self) -> Result<(), GraphError> {
        self.images.warm(self.everything())
    }

    /// Says to the images what there is: after opening, and after a bulk batch dropped them all.
    pub(crate) fn expect_images(&self) {
        self.images.expect(self.everything());
    }

    fn everything(&self) -> Everything {
        let catalog = self.catalog.load();
        Everything {
            blocks: self.blocks.read().granted(),
            keys: catalog.tokens_of(TokenKind::Key).map(KeyId).collect(),
            labels: catalog.tokens_of(TokenKind::Label).map(LabelId).collect(),
            indexes: catalog
                .all_indexes()
                .filter(|index| index.is_online())
                .map(|index| (index.id, index.label, index.key))
                .collect(),
        }
    }

    /// Builds the read images that reads have asked for, in the calling thread.
    pub fn build_images(&self) -> Result<(), GraphError> {
        self.images.build_requested()
    }

    /// Forgets all read images.
    pub fn clear_images(&self) {
        self.images.clear();
    }

    /// What there is of read images.
    #[must_use]
    pub fn image_statistics(&self) -> ImageStatistics {
        self.images.statistics()
    }

    /// The store beneath, for maintenance.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn OrderedStore> {
        &self.store
    }
}

fn read_commit(version: Version, bytes: &[u8]) -> Result<CommitRecord, GraphError> {
    let read = || {
        let row = CommitRow::decode(bytes)?;
        let touched = Touched::decode(&mut Reader::new(row.touched))?;
        Ok::<_, crate::encoding::DecodeError>(CommitRecord {
            header: CommitHeader::decode(row.header)?,
            index: row.index,
            leaf: row.leaf,
            touched: touched
                .nodes
                .into_iter()
                .map(ElementId::Node)
                .chain(
                    touched
                        .relationships
                        .into_iter()
                        .map(ElementId::Relationship),
                )
                .collect(),
        })
    };
    read().map_err(|error| GraphError::corrupt(format!("commit {version}"), error))
}
