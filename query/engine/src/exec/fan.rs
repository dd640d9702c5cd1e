//! Rows that multiply: a buffer for operators that make many rows of one.

use retrograph_graph::ids::{NodeId, RelationshipId};
use retrograph_graph::value::{NodeRef, RelationshipRef, Value};

use super::batch::{BATCH_ROWS_FIRST, BATCH_ROWS_MAX, Batch};
use super::context::Context;
use super::pipeline::{Flow, Rest};
use super::vector::Vector;
use crate::error::QueryError;
use crate::plan::Slot;

/// The vector of these nodes; a constant if there is one.
pub(crate) fn node_vector(ids: Vec<NodeId>, view: u8) -> Vector {
    match ids[..] {
        [id] => Vector::Constant(Value::Node(NodeRef { id, view })),
        _ => Vector::Nodes { ids, view },
    }
}

/// The vector of these relationships; a constant if there is one.
pub(crate) fn relationship_vector(ids: Vec<RelationshipId>, view: u8) -> Vector {
    match ids[..] {
        [id] => Vector::Constant(Value::Relationship(RelationshipRef { id, view })),
        _ => Vector::Relationships { ids, view },
    }
}

/// A column to be added to the rows.
pub(crate) enum Added {
    Nodes(Slot, Vec<NodeId>),
    Relationships(Slot, Vec<RelationshipId>),
    Values(Slot, Vec<Value>),
}

impl Added {
    fn take(&mut self, count: usize, view: u8) -> (Slot, Vector) {
        fn split<T: Clone>(values: &mut Vec<T>, count: usize) -> Vec<T> {
            if values.len() <= count {
                return std::mem::take(values);
            }
            let rest = values.split_off(count);
            std::mem::replace(values, rest)
        }
        match self {
            Self::Nodes(slot, ids) => (*slot, node_vector(split(ids, count), view)),
            Self::Relationships(slot, ids) => (*slot, relationship_vector(split(ids, count), view)),
            Self::Values(slot, values) => (*slot, Vector::from_values(split(values, count))),
        }
    }
}

/// Collects rows, each made of a row of the input batch and new columns, and pushes them on in
/// batches that begin small and grow.
pub(crate) struct Fan<'b> {
    batch: &'b Batch,
    live: &'b [Slot],
    /// For each row collected, the row of the input that it extends.
    pub(crate) origins: Vec<u32>,
    /// The new columns, as long as `origins`.
    pub(crate) added: Vec<Added>,
    limit: usize,
    view: u8,
}

impl<'b> Fan<'b> {
    /// A fan over an input batch; `view` is the view of the new elements.
    pub(crate) fn new(batch: &'b Batch, live: &'b [Slot], view: u8, added: Vec<Added>) -> Self {
        Self {
            batch,
            live,
            origins: Vec::new(),
            added,
            limit: BATCH_ROWS_FIRST,
            view,
        }
    }

    /// Whether enough rows have been collected to push them on.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.origins.len() >= self.limit
    }

    /// How many rows are wanted before the next push.
    pub(crate) fn wanted(&self) -> usize {
        self.limit.saturating_sub(self.origins.len()).max(1)
    }

    /// Pushes on what was collected, if it is a full batch.
    pub(crate) fn flush_full(
        &mut self,
        context: &mut Context<'_>,
        rest: &mut Rest<'_>,
    ) -> Result<Flow, QueryError> {
        if self.is_full() {
            self.flush(context, rest)
        } else {
            Ok(Flow::More)
        }
    }

    /// Pushes on what was collected.
    pub(crate) fn flush(
        &mut self,
        context: &mut Context<'_>,
        rest: &mut Rest<'_>,
    ) -> Result<Flow, QueryError> {
        while !self.origins.is_empty() {
            let count = if self.origins.len() <= 2 * BATCH_ROWS_MAX {
                self.origins.len()
            } else {
                BATCH_ROWS_MAX
            };
            let later = self.origins.split_off(count);
            let origins = std::mem::replace(&mut self.origins, later);
            let mut batch = if self.batch.rows == 1 {
                let mut batch = self.batch.row(0, self.live);
                batch.tags = self.batch.tags.as_ref().map(|tags| vec![tags[0]; count]);
                batch.rows = count;
                batch
            } else {
                self.batch.gather(&origins, self.live)
            };
            for added in &mut self.added {
                let (slot, vector) = added.take(count, self.view);
                if self.live.contains(&slot) {
                    batch.set(slot, vector);
                }
            }
            self.limit = (self.limit * 4).min(BATCH_ROWS_MAX);
            if rest.push(context, batch)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::More)
    }
}
