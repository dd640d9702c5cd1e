//! How much memory a database may take for what it keeps at hand of its data.

use retrograph_graph::ImageMemory;
use retrograph_graph::kv::RocksResources;

/// The most bytes of each cache, for all graphs of the database together. What queries take is not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caches {
    /// Read images; with 0 there are none.
    pub image_bytes_max: usize,
    /// Blocks of files of rows.
    pub block_bytes_max: usize,
    /// Rows that are not in files yet.
    pub write_buffer_bytes_max: usize,
    /// Plans of statements.
    pub plan_bytes_max: usize,
}

const MIB: usize = 1 << 20;

impl Default for Caches {
    fn default() -> Self {
        Self {
            image_bytes_max: 1_024 * MIB,
            block_bytes_max: 512 * MIB,
            write_buffer_bytes_max: 192 * MIB,
            plan_bytes_max: 64 * MIB,
        }
    }
}

impl Caches {
    /// What suits a server that has so many bytes to itself: a third of them, so that half are left for queries.
    #[must_use]
    pub fn for_memory(bytes: usize) -> Self {
        Self {
            image_bytes_max: bytes / 4,
            block_bytes_max: bytes / 16,
            write_buffer_bytes_max: (bytes / 64).clamp(16 * MIB, 512 * MIB),
            plan_bytes_max: (bytes / 128).clamp(4 * MIB, 64 * MIB),
        }
    }
}

/// What the graphs of a database share.
#[derive(Clone)]
pub(crate) struct SharedCaches {
    pub(crate) images: ImageMemory,
    pub(crate) rows: RocksResources,
}

impl SharedCaches {
    pub(crate) fn new(caches: &Caches) -> Self {
        Self {
            images: ImageMemory::new(caches.image_bytes_max),
            rows: RocksResources::new(caches.block_bytes_max, caches.write_buffer_bytes_max),
        }
    }
}
