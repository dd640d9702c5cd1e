//! Where pages of one kind are found, and how they are replaced while being read.
//!
//! A directory is an array of slots by block (or token). A slot has at most one page of the
//! present, whose delta grows with every commit, and some of the past. Readers load a page and keep
//! it as long as they like; who replaces pages or appends to deltas holds the lock of the directory.
//!
//! Building runs unlocked: [`Directory::begin`] hangs a fresh delta beside the page, to which
//! commits are appended from then on; only after that the rows are read. So whatever the rows lack
//! is in the delta. They may also hold more than the delta starts with: changes are stated so that
//! stating them twice does no harm.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::delta::Delta;
use crate::ids::Version;

/// A slot whose number is larger is never imaged: 2⁶⁴ ids have more blocks than an array can hold.
pub(super) const SLOTS_MAX: u64 = 1 << 24;
/// How many pages of the past a slot keeps: of moments, replaced ones, of intervals.
const PAST_MAX: [usize; 3] = [8, 4, 16];

/// What every kind of page has.
pub(crate) trait Page: Default + Send + Sync + 'static {
    /// One change of what the page shows.
    type Change: Send + Sync + 'static;

    /// Whether a page that is replaced goes on to answer the versions it knows.
    const KEEPS_PAST: bool = true;

    /// The changes since the page was built.
    fn delta(&self) -> &Arc<Delta<Self::Change>>;

    /// Bytes of memory, without the delta.
    fn bytes(&self) -> usize;

    /// Entries of the base.
    fn rows(&self) -> usize;
}

/// A page and the versions it answers.
pub(crate) struct Dated<P> {
    pub from: Version,
    /// The first version it does not answer any more.
    to: AtomicU64,
    /// How often it was used; counted for pages of intervals only.
    hits: AtomicU32,
    /// Whether the entries of the page have intervals of their own.
    pub is_interval: bool,
    pub page: P,
}

impl<P> Dated<P> {
    pub fn new(from: Version, to: Version, is_interval: bool, page: P) -> Self {
        Self {
            from,
            to: AtomicU64::new(to.0),
            hits: AtomicU32::new(0),
            is_interval,
            page,
        }
    }

    pub fn to(&self) -> Version {
        Version(self.to.load(Ordering::Acquire))
    }

    #[inline]
    pub fn covers(&self, version: Version) -> bool {
        self.from <= version && version.0 < self.to.load(Ordering::Relaxed)
    }

    /// Counts a use; returns how many there have been.
    pub fn hit(&self) -> u32 {
        self.hits.fetch_add(1, Ordering::Relaxed)
    }
}

/// A page in use.
pub(crate) type Found<P> = Guard<Arc<Dated<P>>>;

struct Slot<P> {
    present: ArcSwap<Dated<P>>,
    past: ArcSwap<Vec<Arc<Dated<P>>>>,
    /// The tick of the last use, for eviction.
    used: AtomicU64,
}

impl<P: Page> Slot<P> {
    fn new(absent: &Arc<Dated<P>>) -> Self {
        Self {
            present: ArcSwap::new(Arc::clone(absent)),
            past: ArcSwap::default(),
            used: AtomicU64::new(0),
        }
    }

    fn bytes(&self) -> usize {
        let size = |dated: &Dated<P>| dated.page.bytes() + delta_bytes(dated.page.delta());
        size(&self.present.load())
            + self
                .past
                .load()
                .iter()
                .map(|past| size(past))
                .sum::<usize>()
    }
}

/// Roughly the memory of a delta.
fn delta_bytes<T>(delta: &Delta<T>) -> usize {
    match delta.len() as usize {
        0 => 0,
        changes => 20_000 + changes * 2 * (size_of::<T>() + 24),
    }
}

struct Writing<P: Page> {
    pending: HashMap<u64, Arc<Delta<P::Change>>>,
    bytes: usize,
}

/// The pages of one kind.
pub(crate) struct Directory<P: Page> {
    slots: ArcSwap<Vec<Arc<Slot<P>>>>,
    /// Stands where there is no page: covers no version.
    absent: Arc<Dated<P>>,
    writing: Mutex<Writing<P>>,
}

impl<P: Page> Default for Directory<P> {
    fn default() -> Self {
        Self {
            slots: ArcSwap::default(),
            absent: Arc::new(Dated::new(Version::MAX, Version(0), false, P::default())),
            writing: Mutex::new(Writing {
                pending: HashMap::new(),
                bytes: 0,
            }),
        }
    }
}

impl<P: Page> Directory<P> {
    /// The page that answers a version: that of the present, unless it has changed since a version
    /// that is not the latest, and there is one of the moment.
    #[inline]
    pub fn find(&self, at: u64, version: Version, is_latest: bool, tick: u64) -> Option<Found<P>> {
        let slots = self.slots.load();
        let slot = slots.get(usize::try_from(at).ok()?)?;
        if slot.used.load(Ordering::Relaxed) != tick {
            slot.used.store(tick, Ordering::Relaxed);
        }
        let present = slot.present.load();
        let is_present = present.covers(version);
        if is_present && (is_latest || present.page.delta().is_empty()) {
            return Some(present);
        }
        let past = slot.past.load();
        match past.iter().find(|dated| dated.covers(version)) {
            Some(found) if !(is_present && found.is_interval) => {
                Some(Guard::from_inner(Arc::clone(found)))
            }
            _ => is_present.then_some(present),
        }
    }

    /// Whether there is a page that answers a version.
    pub fn covers(&self, at: u64, version: Version) -> bool {
        let slots = self.slots.load();
        let slot = usize::try_from(at).ok().and_then(|at| slots.get(at));
        slot.is_some_and(|slot| {
            slot.present.load().covers(version)
                || slot.past.load().iter().any(|dated| dated.covers(version))
        })
    }

    /// Whether there is a page of the present.
    pub fn has_present(&self, at: u64) -> bool {
        let slots = self.slots.load();
        let slot = usize::try_from(at).ok().and_then(|at| slots.get(at));
        slot.is_some_and(|slot| !Arc::ptr_eq(&slot.present.load(), &self.absent))
    }

    /// The page of the present.
    pub fn present(&self, at: u64) -> Option<Found<P>> {
        let slots = self.slots.load();
        let slot = slots.get(usize::try_from(at).ok()?)?;
        let present = slot.present.load();
        (!Arc::ptr_eq(&present, &self.absent)).then_some(present)
    }

    /// Begins to build a page of the present.
    pub fn begin(&self, at: u64) -> Arc<Delta<P::Change>> {
        let delta = Arc::new(Delta::default());
        self.writing.lock().pending.insert(at, Arc::clone(&delta));
        delta
    }

    /// Gives up building a page.
    pub fn abandon(&self, at: u64) {
        self.writing.lock().pending.remove(&at);
    }

    /// Puts a page of the present in place of the one before, which goes on to answer versions up
    /// to `recorded`. Returns whether it did: everything may have been cleared meanwhile.
    pub fn install(&self, at: u64, from: Version, recorded: Version, page: P) -> bool {
        let mut writing = self.writing.lock();
        match writing.pending.remove(&at) {
            Some(pending) if Arc::ptr_eq(&pending, page.delta()) => {}
            Some(other) => {
                writing.pending.insert(at, other);
                return false;
            }
            None => return false,
        }
        let Some(slot) = self.slot(at) else {
            return false;
        };
        let before = slot.bytes();
        let old = slot.present.load_full();
        if !Arc::ptr_eq(&old, &self.absent) {
            old.to.store(recorded.0 + 1, Ordering::Release);
            if P::KEEPS_PAST {
                put_past(&slot, old);
            }
        }
        slot.present
            .store(Arc::new(Dated::new(from, Version::MAX, false, page)));
        writing.bytes = (writing.bytes + slot.bytes()).saturating_sub(before);
        true
    }

    /// Adds a page of the past. Returns whether another one of an interval had to make way for it.
    pub fn install_past(&self, at: u64, dated: Dated<P>) -> bool {
        let mut writing = self.writing.lock();
        let Some(slot) = self.slot(at) else {
            return false;
        };
        let before = slot.bytes();
        let made_way = put_past(&slot, Arc::new(dated));
        writing.bytes = (writing.bytes + slot.bytes()).saturating_sub(before);
        made_way
    }

    /// The slot of a number, made if it is not there yet. The lock must be held.
    fn slot(&self, at: u64) -> Option<Arc<Slot<P>>> {
        if at >= SLOTS_MAX {
            return None;
        }
        let at = at as usize;
        let slots = self.slots.load();
        if let Some(slot) = slots.get(at) {
            return Some(Arc::clone(slot));
        }
        let mut longer = Vec::clone(&slots);
        longer.resize_with((at + 1).max(slots.len() * 3 / 2), || {
            Arc::new(Slot::new(&self.absent))
        });
        let slot = Arc::clone(&longer[at]);
        self.slots.store(Arc::new(longer));
        Some(slot)
    }

    /// Hands the deltas that changes of a slot belong to over to `append`. Returns the number of
    /// changes of the present page and of rows of its base.
    pub fn record(
        &self,
        at: u64,
        mut append: impl FnMut(&Delta<P::Change>),
    ) -> Option<(u32, usize)> {
        let writing = self.writing.lock();
        if let Some(pending) = writing.pending.get(&at) {
            append(pending);
        }
        let slots = self.slots.load();
        let slot = usize::try_from(at).ok().and_then(|at| slots.get(at))?;
        let present = slot.present.load();
        if Arc::ptr_eq(&present, &self.absent) {
            return None;
        }
        let delta = present.page.delta();
        append(delta);
        Some((delta.len(), present.page.rows()))
    }

    /// The numbers of slots that have a page or are getting one.
    pub fn live(&self) -> SmallVec<[u64; 8]> {
        let writing = self.writing.lock();
        let slots = self.slots.load();
        let present = (0_u64..).zip(slots.iter());
        let present = present.filter(|(_, slot)| !Arc::ptr_eq(&slot.present.load(), &self.absent));
        let mut live: SmallVec<[u64; 8]> = present
            .map(|(at, _)| at)
            .chain(writing.pending.keys().copied())
            .collect();
        live.sort_unstable();
        live.dedup();
        live
    }

    /// Forgets every page, also those being built.
    pub fn clear(&self) {
        let mut writing = self.writing.lock();
        writing.pending.clear();
        writing.bytes = 0;
        for slot in self.slots.load().iter() {
            slot.present.store(Arc::clone(&self.absent));
            slot.past.store(Arc::default());
        }
    }

    /// Bytes of all pages. Deltas that grew since are counted when the page is replaced.
    pub fn bytes(&self) -> usize {
        self.writing.lock().bytes
    }

    /// When each slot with pages was used last, and its bytes. Counts them anew.
    pub fn usage(&self, mut visit: impl FnMut(u64, u64, usize)) {
        let mut writing = self.writing.lock();
        writing.bytes = 0;
        for (at, slot) in (0_u64..).zip(self.slots.load().iter()) {
            let bytes = slot.bytes();
            if bytes > 0 {
                writing.bytes += bytes;
                visit(at, slot.used.load(Ordering::Relaxed), bytes);
            }
        }
    }

    /// Forgets the pages of a slot.
    pub fn evict(&self, at: u64) {
        let mut writing = self.writing.lock();
        let slots = self.slots.load();
        if let Some(slot) = usize::try_from(at).ok().and_then(|at| slots.get(at)) {
            writing.bytes = writing.bytes.saturating_sub(slot.bytes());
            slot.present.store(Arc::clone(&self.absent));
            slot.past.store(Arc::default());
        }
    }
}

/// Adds a page of the past, and lets go of those of intervals that it makes superfluous and of the oldest of its
/// kind if there are many; returns whether there were many of intervals. The quickest come first: pages of one
/// moment, then pages of the present that were replaced, which have changes to look through, then pages of
/// intervals.
fn put_past<P: Page>(slot: &Slot<P>, dated: Arc<Dated<P>>) -> bool {
    let rank = |dated: &Dated<P>| match dated.is_interval {
        true => 2,
        false => usize::from(!dated.page.delta().is_empty()),
    };
    let is_superfluous = |old: &Dated<P>| {
        let is_within = dated.from <= old.from && old.to() <= dated.to();
        dated.is_interval && old.is_interval && is_within
    };
    let past = slot.past.load();
    let old = past.iter().filter(|old| !is_superfluous(old)).cloned();
    let mut past = vec![Arc::clone(&dated)];
    past.extend(old);
    past.sort_by_key(|dated| rank(dated));
    let mut counts = [0; 3];
    past.retain(|dated| {
        let rank = rank(dated);
        counts[rank] += 1;
        counts[rank] <= PAST_MAX[rank]
    });
    slot.past.store(Arc::new(past));
    counts[2] > PAST_MAX[2]
}
