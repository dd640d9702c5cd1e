//! Batches: rows in columns.

use retrograph_graph::value::Value;

use super::vector::Vector;
use crate::plan::Slot;

/// The number of rows of a full batch.
pub(crate) const BATCH_ROWS_MAX: usize = 2048;
/// The number of rows of the first batch of a source, so that a LIMIT above it wastes little.
pub(crate) const BATCH_ROWS_FIRST: usize = 32;

/// Rows on their way through a pipeline.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    /// The values by slot; slots beyond the end are absent.
    pub(crate) columns: Vec<Vector>,
    /// The number of rows.
    pub(crate) rows: usize,
    /// In a nested pipeline: for each row, the row of the enclosing step that it belongs to.
    /// Ascending.
    pub(crate) tags: Option<Vec<u32>>,
}

impl Batch {
    /// One row with no variables.
    pub(crate) fn unit(width: usize) -> Self {
        Self {
            columns: vec![Vector::Absent; width],
            rows: 1,
            tags: None,
        }
    }

    /// The column of a slot.
    pub(crate) fn column(&self, slot: Slot) -> &Vector {
        static ABSENT: Vector = Vector::Absent;
        self.columns.get(usize::from(slot.0)).unwrap_or(&ABSENT)
    }

    /// Replaces the column of a slot.
    pub(crate) fn set(&mut self, slot: Slot, vector: Vector) {
        let at = usize::from(slot.0);
        if at >= self.columns.len() {
            self.columns.resize(at + 1, Vector::Absent);
        }
        self.columns[at] = vector;
    }

    /// The value of a slot in a row.
    pub(crate) fn get(&self, slot: Slot, row: usize) -> Value {
        self.column(slot).get(row)
    }

    /// The batch of these rows in this order, with only the columns in `live`.
    pub(crate) fn gather(&self, rows: &[u32], live: &[Slot]) -> Self {
        let mut columns = vec![Vector::Absent; self.columns.len()];
        for &Slot(slot) in live {
            if let Some(column) = self.columns.get(usize::from(slot)) {
                columns[usize::from(slot)] = column.gather(rows);
            }
        }
        let tags = self
            .tags
            .as_ref()
            .map(|tags| rows.iter().map(|&r| tags[r as usize]).collect());
        Self {
            columns,
            rows: rows.len(),
            tags,
        }
    }

    /// The batch of these rows with all columns.
    pub(crate) fn gather_all(&self, rows: &[u32]) -> Self {
        Self {
            columns: self
                .columns
                .iter()
                .map(|column| column.gather(rows))
                .collect(),
            rows: rows.len(),
            tags: self
                .tags
                .as_ref()
                .map(|tags| rows.iter().map(|&r| tags[r as usize]).collect()),
        }
    }

    /// Forgets the columns that are not in `live`.
    pub(crate) fn retain(&mut self, live: &[Slot]) {
        for (at, column) in self.columns.iter_mut().enumerate() {
            if !column.is_absent() && !live.iter().any(|slot| usize::from(slot.0) == at) {
                *column = Vector::Absent;
            }
        }
    }

    /// Keeps the first rows.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.columns
            .iter_mut()
            .for_each(|column| column.truncate(rows));
        if let Some(tags) = &mut self.tags {
            tags.truncate(rows);
        }
        self.rows = self.rows.min(rows);
    }

    /// Appends the rows of `other`, in the columns of `live`.
    pub(crate) fn append(&mut self, other: &Self, live: &[Slot]) {
        for &slot in live {
            let at = usize::from(slot.0);
            if at >= self.columns.len() {
                self.columns.resize(at + 1, Vector::Absent);
            }
            self.columns[at].append(self.rows, other.column(slot), other.rows);
        }
        if let Some(tags) = &other.tags {
            self.tags.get_or_insert_default().extend_from_slice(tags);
        }
        self.rows += other.rows;
    }

    /// One row of a batch as a batch.
    pub(crate) fn row(&self, row: usize, live: &[Slot]) -> Self {
        let mut columns = vec![Vector::Absent; self.columns.len()];
        for &Slot(slot) in live {
            if let Some(column) = self.columns.get(usize::from(slot))
                && !column.is_absent()
            {
                columns[usize::from(slot)] = Vector::Constant(column.get(row));
            }
        }
        Self {
            columns,
            rows: 1,
            tags: None,
        }
    }

    /// The bytes of the columns.
    pub(crate) fn bytes(&self) -> usize {
        self.columns
            .iter()
            .map(|column| column.bytes(self.rows))
            .sum()
    }
}

/// The rows `0..count` as indices.
pub(crate) fn all_rows(count: usize) -> Vec<u32> {
    (0..u32::try_from(count).unwrap_or(u32::MAX)).collect()
}
