//! Record pages: the records of a block of elements as they are stored, one after another.

use std::sync::Arc;

use super::delta::Delta;
use super::directory::Page;
use super::ids::{Intervals, Life};

/// The records of the elements of a block.
#[derive(Default)]
pub(crate) struct RecordPage {
    /// Where each entry starts; one more than there are entries. Without intervals an element's
    /// number is that of its entry, and an empty one is an element that does not exist.
    starts: Box<[u32]>,
    bytes: Box<[u8]>,
    /// In a page of an interval: where the entries of each element start, and their lives.
    intervals: Option<Intervals>,
    delta: Arc<Delta<Option<Arc<[u8]>>>>,
}

impl Page for RecordPage {
    type Change = Option<Arc<[u8]>>;

    fn delta(&self) -> &Arc<Delta<Self::Change>> {
        &self.delta
    }

    fn bytes(&self) -> usize {
        let intervals = self.intervals.as_ref();
        self.starts.len() * 4
            + self.bytes.len()
            + intervals.map_or(0, |(starts, lives)| {
                starts.len() * 4 + size_of_val::<[Life]>(lives)
            })
    }

    fn rows(&self) -> usize {
        self.starts.len()
    }
}

/// Records gathered for a page.
pub(super) struct Records {
    starts: Vec<u32>,
    bytes: Vec<u8>,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            starts: vec![0],
            bytes: Vec::new(),
        }
    }
}

impl Records {
    /// The number of entries.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Appends an entry. Returns false if the page would become too large for its offsets.
    pub fn push(&mut self, record: &[u8]) -> bool {
        let end = u32::try_from(self.bytes.len() + record.len());
        if let Ok(end) = end {
            self.bytes.extend_from_slice(record);
            self.starts.push(end);
        }
        end.is_ok()
    }

    pub fn finish(
        self,
        intervals: Option<(Box<[u32]>, Vec<Life>)>,
        delta: Arc<Delta<Option<Arc<[u8]>>>>,
    ) -> RecordPage {
        RecordPage {
            starts: self.starts.into(),
            bytes: self.bytes.into(),
            intervals: intervals.map(|(starts, lives)| (starts, lives.into())),
            delta,
        }
    }
}

impl RecordPage {
    fn base(&self, entry: usize) -> Option<&[u8]> {
        let range = self.starts.get(entry..entry + 2)?;
        Some(&self.bytes[range[0] as usize..range[1] as usize]).filter(|bytes| !bytes.is_empty())
    }

    /// The record of an element, if it exists.
    pub fn get(&self, local: u64, version: u64) -> Option<&[u8]> {
        if self.delta.touches(local)
            && let Some(changed) = self.delta.changes(local, version).next()
        {
            return changed.as_deref();
        }
        let local = local as usize;
        match &self.intervals {
            None => self.base(local),
            Some((starts, lives)) => {
                let (start, end) = (starts[local] as usize, starts[local + 1] as usize);
                let entry = (start..end).find(|entry| lives[*entry].holds(version))?;
                self.base(entry)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_by_number_and_version() {
        let mut records = Records::default();
        for record in [&b"one"[..], b"", b"three"] {
            assert!(records.push(record));
        }
        let page = records.finish(None, Arc::default());
        page.delta.append(1, 4, Some(b"two"[..].into()));
        page.delta.append(0, 5, None);
        assert_eq!(page.get(0, 4), Some(&b"one"[..]));
        assert_eq!(page.get(0, 5), None);
        assert_eq!(page.get(1, 3), None);
        assert_eq!(page.get(1, 9), Some(&b"two"[..]));
        assert_eq!(page.get(2, 9), Some(&b"three"[..]));
        assert_eq!(page.get(3, 9), None);
    }

    #[test]
    fn records_of_an_interval_have_lives() {
        let mut records = Records::default();
        for record in [&b"a"[..], b"b", b"c"] {
            assert!(records.push(record));
        }
        let life = |from, to| Life { from, to };
        let intervals = ([0, 2, 3].into(), vec![life(1, 3), life(5, 9), life(2, 4)]);
        let page = records.finish(Some(intervals), Arc::default());
        assert_eq!(page.get(0, 2), Some(&b"a"[..]));
        assert_eq!(page.get(0, 4), None);
        assert_eq!(page.get(0, 5), Some(&b"b"[..]));
        assert_eq!(page.get(1, 3), Some(&b"c"[..]));
    }
}
