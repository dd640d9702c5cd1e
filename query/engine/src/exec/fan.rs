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

    /// Collects a row with a node, where nodes are all that is added.
    pub(crate) fn add_node(&mut self, row: u32, id: NodeId) {
        if let [Added::Nodes(_, nodes)] = &mut self.added[..] {
            nodes.push(id);
            self.origins.push(row);
        }
    }

    /// Collects a row with a relationship and its ends, where these are what is added; one more with the
    /// ends exchanged, if it counts against its direction too.
    pub(crate) fn add_relationship(
        &mut self,
        row: u32,
        id: RelationshipId,
        ends: [NodeId; 2],
        is_directed: bool,
    ) {
        let [start, end] = ends;
        let both = [(start, end), (end, start)];
        let ways = match is_directed || start == end {
            true => &both[..1],
            false => &both[..],
        };
        for &(start, end) in ways {
            if let [
                Added::Relationships(_, relationships),
                Added::Nodes(_, starts),
                Added::Nodes(_, ends),
            ] = &mut self.added[..]
            {
                relationships.push(id);
                starts.push(start);
                ends.push(end);
                self.origins.push(row);
            }
        }
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

    /// `count` rows that all extend one row of the input.
    fn repeated(&self, row: usize, count: usize) -> Batch {
        let mut batch = self.batch.row(row, self.live);
        batch.tags = self.batch.tags.as_ref().map(|tags| vec![tags[row]; count]);
        batch.rows = count;
        batch
    }

    /// Pushes on one row of the input, extended by each node of a range. Nothing may have been
    /// collected that is not yet pushed on.
    pub(crate) fn push_range(
        &mut self,
        row: usize,
        slot: Slot,
        nodes: std::ops::Range<u64>,
        context: &mut Context<'_>,
        rest: &mut Rest<'_>,
    ) -> Result<Flow, QueryError> {
        let count = usize::try_from(nodes.end - nodes.start).unwrap_or(usize::MAX);
        let mut batch = self.repeated(row, count);
        if self.live.contains(&slot) {
            let (first, view) = (NodeId(nodes.start), self.view);
            let vector = match count {
                1 => Vector::Constant(Value::Node(NodeRef { id: first, view })),
                _ => Vector::NodeRange { first, view },
            };
            batch.set(slot, vector);
        }
        self.limit = (self.limit * 4).min(BATCH_ROWS_MAX);
        rest.push(context, batch)
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
                self.repeated(0, count)
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
