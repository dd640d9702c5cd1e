//! Rows of a result, encoded where they are found.

use super::signature;
use crate::chunk::write_message;
use crate::pack::Encoder;
use crate::structure::Dialect;

/// A buffer of RECORD messages, which an executor fills, on a thread of its own if it likes, and hands
/// to the connection as a whole.
#[derive(Debug)]
pub struct Records {
    bytes: Vec<u8>,
    count: u64,
    dialect: Dialect,
}

impl Records {
    /// An empty buffer for a connection that speaks this dialect.
    #[must_use]
    pub const fn new(dialect: Dialect) -> Self {
        Self {
            bytes: Vec::new(),
            count: 0,
            dialect,
        }
    }

    /// Adds a row of so many values, which `write` writes.
    ///
    /// # Errors
    /// What `write` returns; the row is then not added.
    pub fn add<E>(
        &mut self,
        values: usize,
        write: impl FnOnce(&mut Encoder<'_>, Dialect) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        let mut result = Ok(());
        write_message(&mut self.bytes, |out| {
            let mut encoder = Encoder::new(out);
            encoder.structure(signature::RECORD, 1);
            encoder.list(values);
            result = write(&mut encoder, self.dialect);
        });
        match &result {
            Ok(()) => self.count += 1,
            Err(_) => self.bytes.truncate(start),
        }
        result
    }

    /// How many rows there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their messages in chunks.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes the messages out, which leaves the buffer empty.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        self.count = 0;
        std::mem::take(&mut self.bytes)
    }
}
