//! The in-memory twin of the store: one map per family, and what a crash would leave of it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;

use super::{
    BatchStep, Family, OrderedStore, RowCursor, SortedFile, SortedFileWriter, StoreError,
    WriteBatch,
};

type Rows = BTreeMap<Vec<u8>, Arc<[u8]>>;
type Families = [Arc<Rows>; 6];

/// A store in memory. Cursors and the durable state share maps with the live state and a write
/// copies a map only if somebody else still holds it, so a store without readers pays nothing.
#[derive(Default)]
pub struct MemoryStore {
    state: RwLock<State>,
}

#[derive(Clone, Default)]
struct State {
    live: Families,
    durable: Families,
    files: BTreeMap<PathBuf, Arc<Rows>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The store that a crash at this moment would leave: the state of the last flush, and the
    /// sorted files that were completed.
    #[must_use]
    pub fn crash(&self) -> Self {
        let state = self.state.read().clone();
        Self {
            state: RwLock::new(State {
                live: state.durable.clone(),
                durable: state.durable,
                files: state.files,
            }),
        }
    }

    /// All rows of a family, for comparison in tests.
    #[must_use]
    pub fn rows(&self, family: Family) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.state.read().live[family as usize]
            .iter()
            .map(|(key, value)| (key.clone(), value.to_vec()))
            .collect()
    }
}

impl OrderedStore for MemoryStore {
    fn get_with(
        &self,
        family: Family,
        key: &[u8],
        read: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StoreError> {
        // The value is shared out of the lock first, so that `read` may use the store again.
        let value = self.state.read().live[family as usize].get(key).cloned();
        Ok(value.map(|value| read(&value)).is_some())
    }

    fn scan(
        &self,
        family: Family,
        lower: &[u8],
        upper: &[u8],
        reverse: bool,
    ) -> Result<Box<dyn RowCursor + '_>, StoreError> {
        let rows = Arc::clone(&self.state.read().live[family as usize]);
        let mut cursor = MemoryCursor {
            rows,
            lower: lower.to_vec(),
            upper: upper.to_vec(),
            reverse,
            row: None,
        };
        if reverse {
            cursor.before(Bound::Excluded(cursor.upper.clone()));
        } else {
            cursor.after(Bound::Included(cursor.lower.clone()));
        }
        Ok(Box::new(cursor))
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        let mut state = self.state.write();
        for (family, step) in batch.steps() {
            let rows = Arc::make_mut(&mut state.live[family as usize]);
            match step {
                BatchStep::Put(key, value) => {
                    rows.insert(key.to_vec(), value.into());
                }
                BatchStep::Delete(key) => {
                    rows.remove(key);
                }
                BatchStep::DeleteRange(lower, upper) if lower < upper => {
                    let mut tail = rows.split_off(lower);
                    let mut rest = tail.split_off(upper);
                    rows.append(&mut rest);
                }
                BatchStep::DeleteRange(..) => {}
            }
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        let mut state = self.state.write();
        state.durable = state.live.clone();
        Ok(())
    }

    fn write_sorted(
        &self,
        family: Family,
        path: &Path,
    ) -> Result<Box<dyn SortedFileWriter + '_>, StoreError> {
        Ok(Box::new(MemoryFileWriter {
            store: self,
            file: SortedFile {
                family,
                path: path.to_owned(),
            },
            rows: Rows::new(),
        }))
    }

    fn ingest(&self, files: &[SortedFile]) -> Result<(), StoreError> {
        let mut state = self.state.write();
        for file in files {
            let Some(rows) = state.files.get(&file.path).cloned() else {
                return Err(StoreError::Failed {
                    path: file.path.clone(),
                    detail: "no such sorted file".to_owned(),
                });
            };
            let State { live, durable, .. } = &mut *state;
            // A sorted file is durable when it is taken over, whatever else is not.
            for family in [live, durable] {
                Arc::make_mut(&mut family[file.family as usize])
                    .extend(rows.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
        }
        Ok(())
    }

    fn compact(&self, _: Family) -> Result<(), StoreError> {
        Ok(())
    }

    fn approximate_size(&self, _: Family, _: &[u8], _: &[u8]) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn directory(&self) -> Option<&Path> {
        None
    }
}

struct MemoryCursor {
    rows: Arc<Rows>,
    lower: Vec<u8>,
    upper: Vec<u8>,
    reverse: bool,
    row: Option<(Vec<u8>, Arc<[u8]>)>,
}

impl MemoryCursor {
    fn after(&mut self, from: Bound<Vec<u8>>) {
        let start = match &from {
            Bound::Included(key) | Bound::Excluded(key) => key,
            Bound::Unbounded => &self.lower,
        };
        self.row = if start < &self.upper {
            self.rows
                .range::<Vec<u8>, _>((from, Bound::Excluded(self.upper.clone())))
                .next()
                .map(|(key, value)| (key.clone(), value.clone()))
        } else {
            None
        };
    }

    fn before(&mut self, to: Bound<Vec<u8>>) {
        let end = match &to {
            Bound::Included(key) | Bound::Excluded(key) => key,
            Bound::Unbounded => &self.upper,
        };
        self.row = if &self.lower < end {
            self.rows
                .range::<Vec<u8>, _>((Bound::Included(self.lower.clone()), to))
                .next_back()
                .map(|(key, value)| (key.clone(), value.clone()))
        } else if matches!(&to, Bound::Included(key) if *key == self.lower) {
            self.rows
                .get_key_value(&self.lower)
                .map(|(key, value)| (key.clone(), value.clone()))
        } else {
            None
        };
    }
}

impl RowCursor for MemoryCursor {
    fn valid(&self) -> bool {
        self.row.is_some()
    }

    fn key(&self) -> &[u8] {
        self.row.as_ref().map_or(&[], |(key, _)| key)
    }

    fn value(&self) -> &[u8] {
        self.row.as_ref().map_or(&[], |(_, value)| value)
    }

    fn next(&mut self) {
        let Some((key, _)) = self.row.take() else {
            return;
        };
        if self.reverse {
            self.before(Bound::Excluded(key));
        } else {
            self.after(Bound::Excluded(key));
        }
    }

    fn seek(&mut self, key: &[u8]) {
        if self.reverse {
            if key >= self.upper.as_slice() {
                self.before(Bound::Excluded(self.upper.clone()));
            } else {
                self.before(Bound::Included(key.to_vec()));
            }
        } else {
            let from = key.max(&self.lower).to_vec();
            self.after(Bound::Included(from));
        }
    }

    fn status(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

struct MemoryFileWriter<'a> {
    store: &'a MemoryStore,
    file: SortedFile,
    rows: Rows,
}

impl SortedFileWriter for MemoryFileWriter<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if self
            .rows
            .last_key_value()
            .is_some_and(|(last, _)| last.as_slice() >= key)
        {
            return Err(StoreError::Unsorted {
                path: self.file.path.clone(),
            });
        }
        self.rows.insert(key.to_vec(), value.into());
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<SortedFile, StoreError> {
        if self.rows.is_empty() {
            return Err(StoreError::Failed {
                path: self.file.path,
                detail: "a sorted file needs a row".to_owned(),
            });
        }
        let mut state = self.store.state.write();
        state
            .files
            .insert(self.file.path.clone(), Arc::new(self.rows));
        Ok(self.file)
    }
}
