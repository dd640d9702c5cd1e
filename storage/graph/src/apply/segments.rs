//! Splitting closed sets by time (see [`crate::rows::closed`] for the rows).
//!
//! A row that ends goes to the open segment of its set. When a commit leaves the open segment with
//! more rows than the set has live ones, and more than the least number, the segment is sealed: the
//! rows still alive are copied into it, with an end that never comes, and a marker starts the next
//! one. From then on a read of that time opens this segment alone, so it costs what was alive then,
//! not what ever was.
//!
//! Counting the live rows takes a scan, so the question is asked only when the size of the segment
//! passes the least number times a power of two. The answer depends on the rows alone: a member
//! that replays after a crash decides the same.
//!
//! What one commit does for this is bounded: the question is not asked of segments with more than
//! [`SEALED_ROWS_MAX`] rows, and so no more rows than that are ever looked at or copied at once, nor
//! counted when a set is met for the first time after a start. The open segment of a set with more live
//! rows, such as the terms of a large full-text index, only grows: a read of the past that looks for one
//! value or term finds its rows there by key, one that walks the whole set passes all that ended since.

use foldhash::fast::RandomState;
use std::collections::{HashMap, HashSet};

use super::Stop;
use crate::error::GraphError;
use crate::ids::Version;
use crate::kv::{Family, OrderedStore, WriteBatch};
use crate::rows::closed::SetRange;
use crate::rows::{Key, VERSION_BYTES, prefix_end};
use crate::stored::segment_at;

/// A segment with more rows is not sealed.
const SEALED_ROWS_MAX: u64 = 1 << 21;

/// How many open segments are remembered; when there are more, all are forgotten and read again.
const REMEMBERED_MAX: usize = 1 << 20;

/// The open segments of the sets that were touched lately.
#[derive(Default)]
pub(super) struct Segments {
    open: HashMap<SetRange, Open, RandomState>,
}

#[derive(Clone, Copy)]
struct Open {
    start: Version,
    /// Exact up to [`SEALED_ROWS_MAX`]; beyond it, only that there are more.
    rows: u64,
}

/// The rows of sets that end with one commit.
#[derive(Default)]
pub(super) struct Closings {
    sets: HashMap<SetRange, HashSet<Key>, RandomState>,
}

/// A row of a set that ends with a commit.
pub(super) struct EndingRow<'a> {
    pub set: &'a SetRange,
    pub rest: &'a [u8],
    /// Its value.
    pub from: &'a [u8],
    pub to: Version,
}

impl Segments {
    /// Moves a row to the closed twin of its set.
    pub fn close(
        &mut self,
        store: &dyn OrderedStore,
        row: &EndingRow<'_>,
        closings: &mut Closings,
        batch: &mut WriteBatch,
    ) -> Result<(), Stop> {
        let EndingRow {
            set,
            rest,
            from,
            to,
        } = *row;
        if self.open.len() >= REMEMBERED_MAX && closings.sets.is_empty() {
            self.open.clear();
        }
        let open = match self.open.get_mut(set) {
            Some(open) => open,
            None => self.open.entry(set.clone()).or_insert(count(store, set)?),
        };
        open.rows += 1;
        batch.delete(set.family, &set.current_key(rest));
        batch.put(Family::Closed, &set.closed_key(open.start, rest, to), from);
        let rest = Key::from_slice(rest);
        match closings.sets.get_mut(set) {
            Some(rests) => {
                rests.insert(rest);
            }
            None => {
                closings.sets.insert(set.clone(), HashSet::from([rest]));
            }
        }
        Ok(())
    }

    /// Seals the segments that the commit has made too large.
    pub fn seal(
        &mut self,
        store: &dyn OrderedStore,
        version: Version,
        rows_min: u32,
        closings: &Closings,
        batch: &mut WriteBatch,
    ) -> Result<(), Stop> {
        for (set, rests) in &closings.sets {
            let Some(open) = self.open.get_mut(set) else {
                continue;
            };
            let before = open.rows.saturating_sub(rests.len() as u64);
            if doublings(before, rows_min) == doublings(open.rows, rows_min)
                || open.rows > SEALED_ROWS_MAX
            {
                continue;
            }
            let mut alive = 0;
            visit_alive(store, set, rests, &mut |_, _| {
                alive += 1;
                alive < open.rows
            })?;
            if alive >= open.rows {
                continue;
            }
            visit_alive(store, set, rests, &mut |rest, from| {
                let key = set.closed_key(open.start, rest, Version::MAX);
                batch.put(Family::Closed, &key, from);
                true
            })?;
            batch.put(Family::Closed, &set.segment_prefix(version), &[]);
            *open = Open {
                start: version,
                rows: 0,
            };
        }
        Ok(())
    }

    /// Forgets a set whose rows are dropped.
    pub fn forget(&mut self, set: &SetRange) {
        self.open.remove(set);
    }
}

/// Visits the rows of a set that a commit leaves, with their values, as long as `visit` says so.
fn visit_alive(
    store: &dyn OrderedStore,
    set: &SetRange,
    ending: &HashSet<Key>,
    visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
) -> Result<(), GraphError> {
    let end = prefix_end(&set.prefix);
    let mut cursor = store.scan(set.family, &set.prefix, &end, false)?;
    while cursor.valid() {
        let rest = &cursor.key()[set.prefix.len()..];
        if !ending.contains(rest) && !visit(rest, cursor.value()) {
            break;
        }
        cursor.next();
    }
    Ok(cursor.status()?)
}

/// How often the least number has been passed and doubled; 0 while it has not been passed.
const fn doublings(rows: u64, rows_min: u32) -> u32 {
    let min = if rows_min == 0 { 1 } else { rows_min as u64 };
    if rows <= min {
        0
    } else {
        ((rows - 1) / min).ilog2() + 1
    }
}

/// A set with at most this many closed rows is counted from its beginning, in one walk.
const WALKED_MAX: u64 = 256;

/// Finds the open segment of a set and counts its rows.
fn count(store: &dyn OrderedStore, set: &SetRange) -> Result<Open, GraphError> {
    let (first, end) = set.closed_bounds();
    let mut open = Open {
        start: Version(0),
        rows: 0,
    };
    let mut cursor = store.scan(Family::Closed, &first, &end, false)?;
    let mut walked = 0;
    while let Some(start) = segment_at(cursor.as_ref(), first.len())? {
        if start != open.start {
            open = Open { start, rows: 0 };
        }
        open.rows += u64::from(cursor.key().len() > first.len() + VERSION_BYTES);
        walked += 1;
        if walked > WALKED_MAX {
            drop(cursor);
            return count_last(store, set, SEALED_ROWS_MAX);
        }
        cursor.next();
    }
    Ok(open)
}

/// Does what [`count`] does by going to the last segment first. Beyond `most` rows it stops: all larger
/// segments are treated alike.
fn count_last(store: &dyn OrderedStore, set: &SetRange, most: u64) -> Result<Open, GraphError> {
    let (first, end) = set.closed_bounds();
    let last = store.scan(Family::Closed, &first, &end, true)?;
    let start = segment_at(last.as_ref(), first.len())?.unwrap_or_default();
    drop(last);
    let prefix = set.segment_prefix(start);
    let mut cursor = store.scan(Family::Closed, &prefix, &end, false)?;
    let mut rows = 0;
    while cursor.valid() && rows <= most {
        rows += u64::from(cursor.key().len() > prefix.len());
        cursor.next();
    }
    cursor.status()?;
    Ok(Open { start, rows })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::MemoryStore;

    #[test]
    fn a_large_segment_is_counted_only_so_far() {
        let store = MemoryStore::new();
        let set = SetRange::new(Family::Index, Key::from_slice(&[2, 0, 0, 0, 7]));
        let mut batch = WriteBatch::default();
        batch.put(Family::Closed, &set.segment_prefix(Version(4)), &[]);
        for row in 0..300_u64 {
            let (start, rest) = match row < 100 {
                true => (Version(0), row),
                false => (Version(4), row),
            };
            let key = set.closed_key(start, &rest.to_be_bytes(), Version(9));
            batch.put(Family::Closed, &key, &[1]);
        }
        store.write(batch).unwrap();
        let counted = |most| {
            let open = count_last(&store, &set, most).unwrap();
            (open.start, open.rows)
        };
        assert_eq!(counted(1_000), (Version(4), 200));
        assert_eq!(counted(200), (Version(4), 200));
        assert_eq!(counted(50), (Version(4), 51));
        let open = count(&store, &set).unwrap();
        assert_eq!((open.start, open.rows), (Version(4), 200));
    }

    #[test]
    fn the_question_is_asked_when_the_least_number_is_passed_and_doubled() {
        assert_eq!(doublings(0, 64), 0);
        assert_eq!(doublings(64, 64), 0);
        assert_eq!(doublings(65, 64), 1);
        assert_eq!(doublings(128, 64), 1);
        assert_eq!(doublings(129, 64), 2);
        assert_eq!(doublings(256, 64), 2);
        assert_eq!(doublings(257, 64), 3);
        assert_eq!(doublings(2, 1), 1);
    }
}
