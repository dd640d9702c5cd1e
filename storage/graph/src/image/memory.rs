//! The memory that the read images of several graphs share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::{Shared, What};

/// How many bytes the pages of all graphs that are given it may take together. What was used least lately goes
/// first, whichever graph it is of.
#[derive(Clone)]
pub struct ImageMemory(Arc<Inner>);

struct Inner {
    bytes_max: usize,
    /// Counts what was built in any graph: the "when" of uses.
    tick: AtomicU64,
    /// Whether something had to go once.
    is_short: AtomicBool,
    /// Who has pages. Its lock is held while room is made: one at a time.
    graphs: Mutex<Vec<Weak<Shared>>>,
}

impl ImageMemory {
    /// So many bytes; with 0 there are no images.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Inner {
            bytes_max,
            tick: AtomicU64::new(1),
            is_short: AtomicBool::new(false),
            graphs: Mutex::default(),
        }))
    }

    /// How many bytes all pages may take.
    #[inline]
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.0.bytes_max
    }

    /// The "when" of a use.
    #[inline]
    pub(super) fn tick(&self) -> u64 {
        self.0.tick.load(Ordering::Relaxed)
    }

    /// Whether pages had to go, so that only those much asked for are worth building.
    pub(super) fn is_short(&self) -> bool {
        self.0.is_short.load(Ordering::Relaxed)
    }

    /// Counts the pages of one more graph.
    pub(super) fn join(&self, shared: &Arc<Shared>) {
        let mut graphs = self.0.graphs.lock();
        graphs.retain(|graph| graph.strong_count() > 0);
        graphs.push(Arc::downgrade(shared));
    }

    /// Whether pages that nobody has asked for yet may be built.
    pub(super) fn has_room(&self) -> bool {
        bytes(&living(&self.0.graphs.lock())) <= self.goal()
    }

    /// A little less than all, so that not every page built looks at all others.
    fn goal(&self) -> usize {
        self.0.bytes_max - self.0.bytes_max / 16
    }

    /// Notes that pages were built, and lets go of those used least lately until all fit again.
    pub(super) fn built(&self) {
        self.0.tick.fetch_add(1, Ordering::Relaxed);
        let members = self.0.graphs.lock();
        let graphs = living(&members);
        if bytes(&graphs) <= self.0.bytes_max {
            return;
        }
        let mut used: Vec<(u64, usize, &Shared, What)> = Vec::new();
        for graph in &graphs {
            graph.usage(&mut |tick, bytes, what| used.push((tick, bytes, graph, what)));
        }
        used.sort_by_key(|(tick, ..)| *tick);
        let mut bytes: usize = used.iter().map(|(_, bytes, ..)| bytes).sum();
        for (_, size, graph, what) in used {
            if bytes <= self.goal() {
                break;
            }
            bytes -= size;
            self.0.is_short.store(true, Ordering::Relaxed);
            graph.evict(what);
        }
    }
}

fn living(graphs: &[Weak<Shared>]) -> Vec<Arc<Shared>> {
    graphs.iter().filter_map(Weak::upgrade).collect()
}

fn bytes(graphs: &[Arc<Shared>]) -> usize {
    graphs.iter().map(|graph| graph.bytes()).sum()
}

impl Default for ImageMemory {
    /// A gibibyte.
    fn default() -> Self {
        Self::new(1 << 30)
    }
}

impl std::fmt::Debug for ImageMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageMemory")
            .field("bytes_max", &self.0.bytes_max)
            .finish_non_exhaustive()
    }
}
