//! Read images: pages in memory, above the store, and the reason reads are fast.
//!
//! A page shows one kind of rows for a block of 4,096 ids, or for one label or index, in arrays:
//!
//! | module | page | answers |
//! | --- | --- | --- |
//! | [`adjacency`] | relationships of a block of nodes, all types, both directions | expand, degree |
//! | [`column`] | one property of a block of elements | properties of many elements |
//! | [`record`] | whole records of a block of elements | an element, its labels, its ends |
//! | [`ends`] | type, start and end of a block of relationships | scans of relationships, ends |
//! | [`label`] | the nodes of a label, as runs or a bitmap | label scans and tests |
//! | [`index`] | nodes by the hash of a value | equality seeks |
//! | [`vector`] | the vectors of an index, and a graph of neighbours | searches for the nearest |
//! | [`count`] | no page, but numbers | counts of nodes and relationships |
//!
//! **Pages of the present never go stale.** A page is a base, built from rows by [`scan`], and a
//! [`delta`] to which [`follow`] appends every commit before its version is published. A reader
//! takes the base and what the delta has up to its version. When a delta has grown too long, the
//! page is built anew beside it and swapped in ([`directory`]).
//!
//! **Pages of the past are pages of intervals**: their entries carry the versions from and to which
//! they held, so one page answers every version in a stretch of time. One that is read often at the
//! same place gets a page of that moment.
//!
//! Pages are built after repeated misses by one thread of the graph ([`builder`]), which then also lets go of
//! those used least lately, so that the pages of all graphs stay within one budget ([`memory`]). Nobody waits for it: a
//! read that finds no page reads rows. Nothing here decides what is true; with images switched off
//! every answer is the same.

pub(crate) mod adjacency;
mod builder;
pub(crate) mod column;
mod count;
mod delta;
pub(crate) mod directory;
pub(crate) mod ends;
mod follow;
mod gather;
mod ids;
pub(crate) mod index;
pub(crate) mod label;
mod memory;
mod node_set;
pub(crate) mod record;
mod scan;
mod sync;
pub(crate) mod vector;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};

use crate::blocks::{BLOCK_IDS, Space};
use crate::catalog::IndexDefinition;
use crate::encoding::DecodeError;
use crate::encoding::record::RecordRef;
use crate::error::GraphError;
use crate::ids::{ElementId, IndexId, KeyId, LabelId, NodeId, RelationshipId, Version};
use crate::kv::OrderedStore;
use crate::rows::meta::Statistic;
use crate::rule::Target;
use crate::vector::VectorSettings;
use adjacency::AdjacencyPage;
pub(crate) use builder::Everything;
use builder::Requests;
use column::ColumnPage;
use count::Counts;
use directory::{Directory, Found, Page};
use ends::EndsPage;
use index::IndexPage;
use label::LabelPage;
pub use memory::ImageMemory;
use record::RecordPage;
use vector::{VectorChange, VectorPage};

/// How read images are kept.
#[derive(Clone, Debug)]
pub struct ImageOptions {
    /// The memory of all pages. Graphs that are given the same one share it.
    pub memory: ImageMemory,
    /// How often a page must have been missed before it is built.
    pub misses: u32,
    /// A page of the present is built anew when it has more changes than this, and than one for
    /// 32 rows.
    pub delta_rows: u32,
    /// How many vectors an index must have for a graph of neighbours to be built, with which searches of the
    /// present are approximate. Fewer are all looked at.
    pub neighbours_from: usize,
    /// Whether a thread builds pages. If not, [`Graph::build_images`] does.
    ///
    /// [`Graph::build_images`]: crate::Graph::build_images
    pub background: bool,
}

impl Default for ImageOptions {
    fn default() -> Self {
        Self {
            memory: ImageMemory::default(),
            misses: 3,
            delta_rows: 512,
            neighbours_from: 10_000,
            background: true,
        }
    }
}

/// What there is of read images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageStatistics {
    /// Bytes of all pages.
    pub bytes: usize,
    /// How many pages have been built, also those let go since.
    pub built: u64,
    /// How many slots of pages have been let go for want of memory.
    pub evicted: u64,
}

/// What a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum What {
    Adjacency(u64),
    Records(Space, u64),
    Ends(u64),
    Column(Space, KeyId, u64),
    Label(LabelId),
    Index(IndexId, LabelId, KeyId),
    Vectors(VectorsOf),
    /// More of the graph of neighbours of a page of vectors.
    Neighbours(IndexId),
}

/// The vectors of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct VectorsOf {
    pub index: IndexId,
    pub target: Target,
    pub key: KeyId,
    pub settings: VectorSettings,
}

impl VectorsOf {
    /// The element of a number.
    pub fn element(&self, id: u64) -> ElementId {
        match self.target {
            Target::Label(_) => NodeId(id).into(),
            Target::Type(_) => RelationshipId(id).into(),
        }
    }

    /// The vector of an element as recorded, if it is in the index.
    pub fn vector_of(&self, record: &RecordRef<'_>) -> Result<VectorChange, DecodeError> {
        let is_about = match self.target {
            Target::Label(label) => record.has_label(label),
            Target::Type(wanted) => record.ends().is_some_and(|(type_id, ..)| type_id == wanted),
        };
        if !is_about {
            return Ok(None);
        }
        let bytes = record.property_bytes(self.key)?;
        bytes.map_or(Ok(None), |bytes| self.settings.vector_in(bytes))
    }
}

/// What part of time a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum When {
    Present,
    /// A stretch around the version asked for.
    Interval,
    /// One version and those around it without changes.
    Moment(Version),
}

/// A view older than the latest version by less than this rather gets a page of the present than
/// one of the past.
const PRESENT_VERSIONS: u64 = 64;
/// Every so many uses of a page of an interval, or of one that has changed since the version that
/// is read, count as one wish for a page of the moment.
const HITS_PER_WISH: u32 = 64;

/// The images of a graph. Dropping them stops the building.
pub(crate) struct Images {
    shared: Arc<Shared>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

/// What readers, the applying thread and the builder share.
pub(crate) struct Shared {
    options: ImageOptions,
    store: Arc<dyn OrderedStore>,
    /// The latest version whose rows have begun to be written.
    writing: Arc<AtomicU64>,
    /// The latest version whose changes are in the deltas.
    recorded: AtomicU64,
    adjacency: Directory<AdjacencyPage>,
    records: [Directory<RecordPage>; 2],
    ends: Directory<EndsPage>,
    /// By space, then by key.
    columns: [ArcSwap<Vec<Arc<Directory<ColumnPage>>>>; 2],
    labels: Directory<LabelPage>,
    indexes: Directory<IndexPage>,
    vectors: Directory<VectorPage>,
    /// What the vector indexes that have pages are on.
    vector_definitions: Mutex<HashMap<IndexId, VectorsOf>>,
    /// What the indexes that have pages are on.
    index_definitions: Mutex<HashMap<IndexId, (LabelId, KeyId)>>,
    counts: Counts,
    /// How many pages were built.
    built: AtomicU64,
    evicted: AtomicU64,
    requests: Mutex<Requests>,
    wake: Condvar,
    /// Told when a page that nobody had asked for has been built.
    idle: Condvar,
    stop: AtomicBool,
}

impl Images {
    pub fn new(
        options: ImageOptions,
        store: Arc<dyn OrderedStore>,
        writing: Arc<AtomicU64>,
        applied: Version,
    ) -> Self {
        let shared = Arc::new(Shared {
            options,
            store,
            writing,
            recorded: AtomicU64::new(applied.0),
            adjacency: Directory::default(),
            records: Default::default(),
            ends: Directory::default(),
            columns: Default::default(),
            labels: Directory::default(),
            indexes: Directory::default(),
            vectors: Directory::default(),
            vector_definitions: Mutex::default(),
            index_definitions: Mutex::default(),
            counts: Counts::default(),
            built: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            requests: Mutex::default(),
            wake: Condvar::new(),
            idle: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        shared.options.memory.join(&shared);
        Self {
            shared,
            thread: Mutex::new(None),
        }
    }

    /// Whether there are images at all.
    #[inline]
    pub fn are_on(&self) -> bool {
        self.shared.options.memory.bytes_max() > 0
    }

    /// What has to be told of commits.
    pub fn follower(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// The page with the relationships of a node.
    #[inline]
    pub fn adjacency(&self, node: NodeId, version: Version) -> Option<Found<AdjacencyPage>> {
        let block = node.0 / BLOCK_IDS;
        self.find(&self.shared.adjacency, block, version, || {
            What::Adjacency(block)
        })
    }

    /// The page with the record of an element.
    #[inline]
    pub fn records(&self, space: Space, id: u64, version: Version) -> Option<Found<RecordPage>> {
        let block = id / BLOCK_IDS;
        let directory = &self.shared.records[space as usize];
        self.find(directory, block, version, || What::Records(space, block))
    }

    /// The page with the ends of the relationships of a block.
    #[inline]
    pub fn ends(&self, block: u64, version: Version) -> Option<Found<EndsPage>> {
        self.find(&self.shared.ends, block, version, || What::Ends(block))
    }

    /// The page with a property of the elements of a block.
    #[inline]
    pub fn column(
        &self,
        space: Space,
        key: KeyId,
        block: u64,
        version: Version,
    ) -> Option<Found<ColumnPage>> {
        if !self.are_on() {
            return None;
        }
        let what = || What::Column(space, key, block);
        let columns = self.shared.columns[space as usize].load();
        match columns.get(key.0 as usize) {
            Some(directory) => self.find(directory, block, version, what),
            None => {
                self.miss(what(), false, version);
                None
            }
        }
    }

    /// The page of a label.
    #[inline]
    pub fn label(&self, label: LabelId, version: Version) -> Option<Found<LabelPage>> {
        self.find(&self.shared.labels, label.0.into(), version, || {
            What::Label(label)
        })
    }

    /// The page of an index.
    #[inline]
    pub fn index(&self, index: &IndexDefinition, version: Version) -> Option<Found<IndexPage>> {
        let what = || What::Index(index.id, index.label, index.key);
        self.find(&self.shared.indexes, index.id.0.into(), version, what)
    }

    /// The page of a vector index.
    pub fn vectors(&self, of: VectorsOf, version: Version) -> Option<Found<VectorPage>> {
        self.find(&self.shared.vectors, of.index.0.into(), version, || {
            What::Vectors(of)
        })
    }

    #[inline]
    fn find<P: Page>(
        &self,
        directory: &Directory<P>,
        at: u64,
        version: Version,
        what: impl FnOnce() -> What,
    ) -> Option<Found<P>> {
        if !self.are_on() {
            return None;
        }
        let shared = &self.shared;
        let tick = shared.options.memory.tick();
        let is_latest = version.0 >= shared.recorded.load(Ordering::Relaxed);
        match directory.find(at, version, is_latest, tick) {
            Some(found) => {
                let is_dear = found.is_interval || (!is_latest && !found.page.delta().is_empty());
                if is_dear && found.hit() % HITS_PER_WISH == HITS_PER_WISH - 1 {
                    self.wish(what(), When::Moment(version), version);
                }
                Some(found)
            }
            None => {
                self.miss(what(), directory.has_present(at), version);
                None
            }
        }
    }

    #[cold]
    fn miss(&self, what: What, has_present: bool, version: Version) {
        let recorded = self.shared.recorded.load(Ordering::Acquire);
        let is_past = has_present || version.0 + PRESENT_VERSIONS <= recorded;
        let when = if is_past {
            When::Interval
        } else {
            When::Present
        };
        self.wish(what, when, version);
    }

    #[cold]
    fn wish(&self, what: What, when: When, version: Version) {
        if self.shared.wish(what, when, version) {
            self.ensure_thread();
        }
    }

    /// A count, from memory or else from `read`.
    pub fn count(
        &self,
        statistic: Statistic,
        version: Version,
        read: impl FnOnce() -> Result<u64, GraphError>,
    ) -> Result<u64, GraphError> {
        if !self.are_on() {
            return read();
        }
        if let Some(count) = self.shared.counts.get(statistic, version) {
            return Ok(count);
        }
        let count = read()?;
        let writing = &self.shared.writing;
        let is_latest = || writing.load(Ordering::SeqCst) <= version.0;
        self.shared.counts.put(statistic, version, count, is_latest);
        Ok(count)
    }

    /// What there is.
    pub fn statistics(&self) -> ImageStatistics {
        ImageStatistics {
            bytes: self.shared.bytes(),
            built: self.shared.built.load(Ordering::Relaxed),
            evicted: self.shared.evicted.load(Ordering::Relaxed),
        }
    }

    /// Forgets all pages.
    pub fn clear(&self) {
        self.shared.clear();
    }

    /// Builds what has been asked for, in the calling thread.
    pub fn build_requested(&self) -> Result<(), GraphError> {
        self.shared.build_requested()
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.lock().take() {
            // A builder that panicked has printed why, and there is nobody left to tell.
            let _ = thread.join();
        }
    }
}
