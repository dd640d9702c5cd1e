//! Rows that a step holds back, with the memory it was charged for them.

use super::batch::Batch;
use super::context::Context;
use crate::error::QueryError;
use crate::plan::Slot;

/// Rows held back. What was charged is what is to be released: rows that came one batch at a time may
/// take another number of bytes together.
#[derive(Default)]
pub(crate) struct Held {
    /// The rows.
    pub(crate) rows: Batch,
    /// What they were charged as.
    pub(crate) charged: usize,
}

impl Held {
    /// Holds the rows of a batch, in the columns of `live`, which has no others.
    pub(crate) fn push(
        &mut self,
        operator: &'static str,
        batch: &Batch,
        live: &[Slot],
        context: &mut Context<'_>,
    ) -> Result<(), QueryError> {
        let bytes = batch.bytes();
        context.charge(operator, bytes)?;
        self.charged += bytes;
        self.rows.append(batch, live);
        Ok(())
    }
}
