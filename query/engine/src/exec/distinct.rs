//! DISTINCT.

use retrograph_graph::value::Value;
use smallvec::SmallVec;

use super::batch::Batch;
use super::context::Context;
use super::id_set::IdSet;
use super::key_table::KeyTable;
use super::vector::{NULL_ID, Vector};
use crate::error::QueryError;
use crate::plan::Slot;

/// The rows seen so far. Rows of one node are kept as ids, all others as keys.
#[derive(Default)]
pub(crate) struct DistinctState {
    nodes: IdSet,
    keys: KeyTable,
    charged: usize,
}

impl DistinctState {
    /// Forgets everything.
    pub(crate) fn begin(&mut self) {
        self.nodes.clear();
        self.keys = KeyTable::default();
        self.charged = 0;
    }

    /// The rows that are equivalent to none before; `None` if all are.
    pub(crate) fn fresh(
        &mut self,
        slots: &[Slot],
        batch: &Batch,
        context: &mut Context<'_>,
    ) -> Result<Option<Vec<u32>>, QueryError> {
        if self.keys.len() == 0 {
            self.keys = KeyTable::new(slots.len());
        }
        let mut kept = Vec::with_capacity(batch.rows);
        let rows = (0..batch.rows).zip(0u32..);
        match slots {
            [slot] => match batch.column(*slot) {
                Vector::Nodes { ids, .. } => {
                    for (row, number) in rows {
                        let id = ids[row].0;
                        let is_new = if id == NULL_ID {
                            self.keys.number(&[Value::Null]).1
                        } else {
                            self.nodes.insert(id)
                        };
                        if is_new {
                            kept.push(number);
                        }
                    }
                }
                column => {
                    for (row, number) in rows {
                        let is_new = match column.get(row) {
                            Value::Node(node) => self.nodes.insert(node.id.0),
                            value => self.keys.number(&[value]).1,
                        };
                        if is_new {
                            kept.push(number);
                        }
                    }
                }
            },
            slots => {
                let columns: SmallVec<[&Vector; 8]> =
                    slots.iter().map(|slot| batch.column(*slot)).collect();
                let mut key: SmallVec<[Value; 8]> = SmallVec::new();
                for (row, number) in rows {
                    key.clear();
                    key.extend(columns.iter().map(|column| column.get(row)));
                    if self.keys.number(&key).1 {
                        kept.push(number);
                    }
                }
            }
        }
        let bytes = self.nodes.bytes() + self.keys.bytes();
        if bytes > self.charged {
            context.charge("Distinct", bytes - self.charged)?;
            self.charged = bytes;
        }
        Ok((kept.len() < batch.rows).then_some(kept))
    }

    /// Gives the memory back.
    pub(crate) fn finish(&mut self, context: &mut Context<'_>) {
        context.release(self.charged);
        self.begin();
    }
}
