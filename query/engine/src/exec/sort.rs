//! ORDER BY, with or without a limit.
//!
//! Rows are kept in columns next to the columns of their keys; sorting permutes row numbers. With a
//! limit, whatever cannot be among the first rows any more is dropped now and then.

use std::cmp::Ordering;

use retrograph_graph::value::Value;

use super::batch::{BATCH_ROWS_MAX, Batch, all_rows};
use super::context::Context;
use super::expression::eval;
use super::pipeline::{Flow, Rest, row_count};
use super::vector::Vector;
use crate::error::QueryError;
use crate::plan::operator::SortKey;
use crate::plan::{Expression, Slot};

/// The rows to be sorted.
#[derive(Default)]
pub(crate) struct SortState {
    rows: Batch,
    keys: Vec<Vector>,
    limit: Option<usize>,
    charged: usize,
}

impl SortState {
    /// Forgets everything.
    pub(crate) fn begin(&mut self) {
        *self = Self::default();
    }

    /// Takes the rows of a batch.
    pub(crate) fn push(
        &mut self,
        keys: &[SortKey],
        limit: Option<&Expression>,
        batch: &Batch,
        live: &[Slot],
        context: &mut Context<'_>,
    ) -> Result<(), QueryError> {
        if self.keys.is_empty() {
            self.keys = vec![Vector::Absent; keys.len()];
            if let Some(limit) = limit {
                let limit = row_count("LIMIT", limit, context)?;
                self.limit = Some(usize::try_from(limit).unwrap_or(usize::MAX));
            }
        }
        let mut bytes = batch.rows * 4;
        for (column, key) in self.keys.iter_mut().zip(keys) {
            let values = eval(&key.expression, batch, context)?;
            bytes += values.bytes(batch.rows);
            column.append(self.rows.rows, &values, batch.rows);
        }
        for slot in live {
            bytes += batch.column(*slot).bytes(batch.rows);
        }
        context.charge("Sort", bytes)?;
        self.charged += bytes;
        self.rows.append(batch, live);
        if let Some(limit) = self.limit
            && self.rows.rows > limit.saturating_mul(2).saturating_add(4 * BATCH_ROWS_MAX)
        {
            self.prune(keys, limit, live, context);
        }
        Ok(())
    }

    /// The row numbers in order; only the first `limit` if there is one.
    fn order(&self, keys: &[SortKey]) -> Vec<u32> {
        let mut order = all_rows(self.rows.rows);
        let columns: Vec<(Flat<'_>, bool)> = self
            .keys
            .iter()
            .zip(keys)
            .map(|(column, key)| (Flat::new(column, self.rows.rows), key.descending))
            .collect();
        let compare = |left: &u32, right: &u32| {
            for (column, descending) in &columns {
                let ordering = column.compare(*left as usize, *right as usize);
                if ordering != Ordering::Equal {
                    return if *descending {
                        ordering.reverse()
                    } else {
                        ordering
                    };
                }
            }
            // Rows that are equal stay in the order in which they came.
            left.cmp(right)
        };
        match self.limit {
            Some(0) => order.clear(),
            Some(limit) if limit < order.len() => {
                order.select_nth_unstable_by(limit - 1, compare);
                order.truncate(limit);
                order.sort_unstable_by(compare);
            }
            _ => order.sort_unstable_by(compare),
        }
        order
    }

    fn prune(&mut self, keys: &[SortKey], limit: usize, live: &[Slot], context: &mut Context<'_>) {
        let mut order = self.order(keys);
        order.truncate(limit);
        // Back to the order of arrival, so that ties still resolve by it.
        order.sort_unstable();
        self.keys = self
            .keys
            .iter()
            .map(|column| column.gather(&order))
            .collect();
        self.rows = self.rows.gather(&order, live);
        let bytes = self.rows.bytes()
            + self
                .keys
                .iter()
                .map(|column| column.bytes(order.len()))
                .sum::<usize>();
        context.release(self.charged.saturating_sub(bytes));
        self.charged = self.charged.min(bytes);
    }

    /// Pushes the rows on in order.
    pub(crate) fn finish(
        &mut self,
        keys: &[SortKey],
        live: &[Slot],
        context: &mut Context<'_>,
        rest: &mut Rest<'_>,
    ) -> Result<Flow, QueryError> {
        let order = self.order(keys);
        let rows = std::mem::take(&mut self.rows);
        let charged = self.charged;
        self.begin();
        for part in order.chunks(BATCH_ROWS_MAX) {
            if rest.push(context, rows.gather(part, live))? == Flow::Stop {
                break;
            }
        }
        context.release(charged);
        Ok(Flow::More)
    }
}

/// A key column as it is compared.
enum Flat<'c> {
    Ints(&'c [i64]),
    Same,
    Values(Vec<Value>),
}

impl<'c> Flat<'c> {
    fn new(column: &'c Vector, rows: usize) -> Self {
        match column {
            Vector::Int {
                values,
                nulls: None,
            } => Self::Ints(values),
            Vector::Constant(_) | Vector::Absent => Self::Same,
            column => Self::Values((0..rows).map(|row| column.get(row)).collect()),
        }
    }

    fn compare(&self, left: usize, right: usize) -> Ordering {
        match self {
            Self::Ints(values) => values[left].cmp(&values[right]),
            Self::Same => Ordering::Equal,
            Self::Values(values) => values[left].cmp_order(&values[right]),
        }
    }
}
