//! What changed since a page was built: append-only, each entry stamped with its version.
//!
//! One thread appends at a time (the one that applies commits); readers never wait. Entries of
//! places that share a bucket form a chain from the newest to the oldest, so a reader walks only
//! what concerns its place, and a place without changes costs one load.
//!
//! An entry is written before the head of its chain points to it, and the version that made it is
//! published after that. So a reader that has seen a version published sees every entry of it, and
//! what it sees of later versions it skips.

use std::ops::Range;

use super::sync::{AtomicU32, OnceLock, Ordering};

#[cfg(not(loom))]
const BUCKETS: usize = 4_096;
#[cfg(loom)]
const BUCKETS: usize = 2;

/// Entries of the first chunk; every further chunk has twice as many as the one before.
#[cfg(not(loom))]
const FIRST: u32 = 32;
#[cfg(loom)]
const FIRST: u32 = 1;

#[cfg(not(loom))]
const CHUNKS: usize = 27;
#[cfg(loom)]
const CHUNKS: usize = 3;

struct Entry<T> {
    place: u64,
    version: u64,
    /// One more than the number of the entry before it in the chain; 0 at its end.
    before: u32,
    item: T,
}

type Chunk<T> = Box<[OnceLock<Entry<T>>]>;

struct Inner<T> {
    /// One more than the number of the newest entry of each bucket; 0 if there is none.
    heads: Box<[AtomicU32]>,
    chunks: [OnceLock<Chunk<T>>; CHUNKS],
}

/// Changes by place: the number of an element within its block, an id, or a hash.
pub(crate) struct Delta<T> {
    inner: OnceLock<Box<Inner<T>>>,
    length: AtomicU32,
}

impl<T> Default for Delta<T> {
    fn default() -> Self {
        Self {
            inner: OnceLock::new(),
            length: AtomicU32::new(0),
        }
    }
}

const fn bucket(place: u64) -> usize {
    (place % BUCKETS as u64) as usize
}

/// The chunk of an entry and its place within.
const fn locate(number: u32) -> (usize, usize) {
    let at = number as u64 + FIRST as u64;
    let chunk = at.ilog2() - FIRST.ilog2();
    (chunk as usize, (at - ((FIRST as u64) << chunk)) as usize)
}

impl<T> Delta<T> {
    /// Appends a change. Only one thread may append at a time, and only in order of versions.
    pub fn append(&self, place: u64, version: u64, item: T) -> u32 {
        let inner = self.inner.get_or_init(|| {
            Box::new(Inner {
                heads: (0..BUCKETS).map(|_| AtomicU32::new(0)).collect(),
                chunks: std::array::from_fn(|_| OnceLock::new()),
            })
        });
        let number = self.length.load(Ordering::Relaxed);
        let (chunk, at) = locate(number);
        let slots = inner.chunks[chunk].get_or_init(|| {
            (0..(FIRST as usize) << chunk)
                .map(|_| OnceLock::new())
                .collect()
        });
        let head = &inner.heads[bucket(place)];
        let before = head.load(Ordering::Relaxed);
        let is_free = slots[at]
            .set(Entry {
                place,
                version,
                before,
                item,
            })
            .is_ok();
        debug_assert!(is_free, "two threads append to one delta");
        head.store(number + 1, Ordering::Release);
        self.length.store(number + 1, Ordering::Release);
        number + 1
    }

    /// The number of changes.
    pub fn len(&self) -> u32 {
        self.length.load(Ordering::Acquire)
    }

    /// Whether nothing has changed.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there may be a change of a place.
    #[inline]
    pub fn touches(&self, place: u64) -> bool {
        !self.is_empty()
            && self
                .inner
                .get()
                .is_some_and(|inner| inner.heads[bucket(place)].load(Ordering::Acquire) != 0)
    }

    /// Whether there is a change of some place of a range.
    pub fn touches_any(&self, places: Range<u64>) -> bool {
        let Some(inner) = self.inner.get() else {
            return false;
        };
        if places.end.saturating_sub(places.start) >= BUCKETS as u64 {
            let mut all = (0..self.len()).map_while(|number| self.entry(number));
            return all.any(|entry| places.contains(&entry.place));
        }
        places.clone().any(|place| {
            let mut next = inner.heads[bucket(place)].load(Ordering::Acquire);
            while let Some(entry) = next.checked_sub(1).and_then(|at| self.entry(at)) {
                if entry.place == place {
                    return true;
                }
                next = entry.before;
            }
            false
        })
    }

    fn entry(&self, number: u32) -> Option<&Entry<T>> {
        let (chunk, at) = locate(number);
        self.inner.get()?.chunks[chunk].get()?[at].get()
    }

    /// The changes of a place up to a version, the newest first.
    pub fn changes(&self, place: u64, version: u64) -> impl Iterator<Item = &T> {
        let head = self.inner.get().map(|inner| &inner.heads[bucket(place)]);
        let mut next = head.map_or(0, |head| head.load(Ordering::Acquire));
        std::iter::from_fn(move || {
            loop {
                let entry = self.entry(next.checked_sub(1)?)?;
                next = entry.before;
                if entry.place == place && entry.version <= version {
                    return Some(&entry.item);
                }
            }
        })
    }

    /// The versions of all changes, ascending.
    pub fn versions(&self) -> impl Iterator<Item = u64> {
        (0..self.len())
            .map_while(|number| self.entry(number))
            .map(|entry| entry.version)
    }

    /// All changes up to a version, the oldest first.
    pub fn all(&self, version: u64) -> impl Iterator<Item = (u64, &T)> {
        (0..self.len())
            .map_while(|number| self.entry(number))
            .take_while(move |entry| entry.version <= version)
            .map(|entry| (entry.place, &entry.item))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn entries_lie_in_chunks_that_double() {
        assert_eq!(locate(0), (0, 0));
        assert_eq!(locate(31), (0, 31));
        assert_eq!(locate(32), (1, 0));
        assert_eq!(locate(95), (1, 63));
        assert_eq!(locate(96), (2, 0));
        assert_eq!(locate(u32::MAX - 64).0, CHUNKS - 1);
    }

    #[test]
    fn a_reader_sees_the_changes_of_its_place_up_to_its_version() {
        let delta = Delta::default();
        assert!(delta.is_empty() && !delta.touches(7));
        for version in 1..=300 {
            delta.append(version % 3, version, version);
            // Shares the bucket of place 1.
            delta.append(1 + BUCKETS as u64, version, 1_000 + version);
        }
        assert_eq!(delta.len(), 600);
        let of = |place, version| delta.changes(place, version).copied().collect::<Vec<_>>();
        assert_eq!(of(1, 8), [7, 4, 1]);
        assert_eq!(of(2, 1), []);
        assert_eq!(of(1 + BUCKETS as u64, 2), [1_002, 1_001]);
        assert_eq!(of(0, 1_000).len(), 100);
        assert!(delta.touches(2) && !delta.touches(5));
        assert!(
            delta.touches_any(2..9) && delta.touches_any(0..1) && delta.touches_any(4_097..4_098)
        );
        assert!(!delta.touches_any(3..4_000) && !delta.touches_any(2..2));
        assert!(delta.touches_any(3..1 << 40) && !delta.touches_any(4_098..1 << 40));
        assert!(
            delta
                .versions()
                .eq((1..=300).flat_map(|version| [version; 2]))
        );
        let all: Vec<_> = delta.all(2).collect();
        assert_eq!(all, [(1, &1), (4_097, &1_001), (2, &2), (4_097, &1_002)]);
    }
}
