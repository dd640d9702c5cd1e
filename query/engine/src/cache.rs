//! The plan cache.
//!
//! Plans are kept by graph and text. A plan names labels, types and keys by tokens that are never
//! reused and holds no version, so it stays right until the schema changes: each carries the schema
//! epoch for which it was made. Texts that are compiled at the same time are compiled once. Over its
//! budget the cache forgets what was used least recently. Texts that hold passwords are not kept.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use hashbrown::HashTable;
use parking_lot::{Mutex, RwLock};
use retrograph_graph::Graph;

use crate::error::QueryError;
use crate::prepared::Prepared;

/// A place for the plan of one text over one graph.
struct Entry {
    /// Keeps the address of the graph from being used again.
    graph: Weak<Graph>,
    text: Box<str>,
    hash: u64,
    used: AtomicU64,
    /// Held while compiling, so that others wait for the result.
    plan: Mutex<Option<Arc<Prepared>>>,
}

/// What the plan cache has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanStatistics {
    /// How often a plan was asked for.
    pub lookups: u64,
    /// How often one was made, because there was none or the schema had changed.
    pub compiled: u64,
    /// About how many bytes the plans take that are kept.
    pub bytes: usize,
}

/// Plans by graph and text.
pub(crate) struct PlanCache {
    entries: RwLock<Entries>,
    bytes_max: usize,
    hasher: foldhash::fast::RandomState,
    /// How often a plan was asked for.
    clock: AtomicU64,
    /// How often one was made.
    compiled: AtomicU64,
}

#[derive(Default)]
struct Entries {
    table: HashTable<Arc<Entry>>,
    bytes: usize,
}

impl Entry {
    fn bytes(&self) -> usize {
        let plan = self.plan.lock().as_ref().map_or(0, |plan| plan.bytes());
        size_of::<Self>() + self.text.len() + plan
    }
}

impl PlanCache {
    /// An empty cache that holds about so many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            entries: RwLock::default(),
            bytes_max,
            hasher: foldhash::fast::RandomState::default(),
            clock: AtomicU64::new(0),
            compiled: AtomicU64::new(0),
        }
    }

    /// How often a plan was asked for and how often one was made, and the bytes of those kept.
    pub(crate) fn statistics(&self) -> PlanStatistics {
        PlanStatistics {
            lookups: self.clock.load(Ordering::Relaxed),
            compiled: self.compiled.load(Ordering::Relaxed),
            bytes: self.entries.read().bytes,
        }
    }

    /// The plan of a text, from the cache (`true`) or made by `compile`.
    pub(crate) fn get(
        &self,
        graph: &Arc<Graph>,
        text: &str,
        epoch: u64,
        compile: impl FnOnce() -> Result<Prepared, QueryError>,
    ) -> Result<(Arc<Prepared>, bool), QueryError> {
        let address = Arc::as_ptr(graph);
        let mut state = self.hasher.build_hasher();
        address.hash(&mut state);
        state.write(text.as_bytes());
        let hash = state.finish();
        let is_same = |entry: &Arc<Entry>| *entry.text == *text && entry.graph.as_ptr() == address;
        let known = self.entries.read().table.find(hash, is_same).cloned();
        let entry = known.unwrap_or_else(|| {
            let mut entries = self.entries.write();
            if let Some(entry) = entries.table.find(hash, is_same) {
                return Arc::clone(entry);
            }
            let entry = Arc::new(Entry {
                graph: Arc::downgrade(graph),
                text: text.into(),
                hash,
                used: AtomicU64::new(0),
                plan: Mutex::new(None),
            });
            entries
                .table
                .insert_unique(hash, Arc::clone(&entry), |entry| entry.hash);
            entry
        });
        entry.used.store(
            self.clock.fetch_add(1, Ordering::Relaxed),
            Ordering::Relaxed,
        );
        let mut slot = entry.plan.lock();
        if let Some(plan) = &*slot
            && plan.epoch == epoch
        {
            return Ok((Arc::clone(plan), true));
        }
        self.compiled.fetch_add(1, Ordering::Relaxed);
        let plan = match compile() {
            Ok(plan) => Arc::new(plan),
            Err(error) => {
                drop(slot);
                self.forget(&entry);
                return Err(error);
            }
        };
        if plan.plan.is_secret {
            // Neither its text nor its plan is to stay.
            drop(slot);
            self.forget(&entry);
            return Ok((plan, false));
        }
        *slot = Some(Arc::clone(&plan));
        drop(slot);
        self.account(&entry);
        Ok((plan, false))
    }

    /// Forgets everything, for a change that the schema epoch does not show.
    pub(crate) fn clear(&self) {
        *self.entries.write() = Entries::default();
    }

    fn forget(&self, entry: &Arc<Entry>) {
        let mut entries = self.entries.write();
        if let Ok(found) = entries
            .table
            .find_entry(entry.hash, |other| Arc::ptr_eq(other, entry))
        {
            found.remove();
        }
    }

    /// Adds a new plan's size and makes room if it is too much.
    fn account(&self, entry: &Arc<Entry>) {
        let mut entries = self.entries.write();
        entries.bytes += entry.bytes();
        if entries.bytes <= self.bytes_max {
            return;
        }
        let mut by_use: Vec<(u64, Arc<Entry>)> = entries
            .table
            .iter()
            .map(|entry| (entry.used.load(Ordering::Relaxed), Arc::clone(entry)))
            .collect();
        by_use.sort_unstable_by_key(|(used, _)| *used);
        entries.bytes = by_use.iter().map(|(_, entry)| entry.bytes()).sum();
        for (_, entry) in by_use {
            // A quarter is freed at once, so that a full cache is not searched for each new text.
            if entries.bytes <= self.bytes_max / 4 * 3 {
                break;
            }
            entries.bytes -= entry.bytes();
            let place = entries
                .table
                .find_entry(entry.hash, |other| Arc::ptr_eq(other, &entry));
            if let Ok(found) = place {
                found.remove();
            }
        }
    }
}
