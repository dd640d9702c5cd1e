//! Chunks: how messages are cut out of the stream.
//!
//! A message is one or more chunks, each a two-byte size and that many bytes, and ends with a chunk of
//! size zero. Such a chunk where no message has begun is a NOOP, which keeps a connection alive and
//! means nothing.

/// A message is longer than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message has more than {bytes_max} bytes")]
pub struct MessageTooLong {
    /// The limit.
    pub bytes_max: usize,
}

/// Puts messages together from whatever pieces of the stream arrive.
#[derive(Debug, Default)]
pub struct Dechunker {
    message: Vec<u8>,
    /// Of the current chunk: what has come of its header, and what is missing of its bytes.
    header: Option<u8>,
    missing: usize,
}

impl Dechunker {
    /// How many bytes of a message that is not complete are held.
    #[must_use]
    pub const fn held_bytes(&self) -> usize {
        self.message.len()
    }

    /// Takes bytes from the front of `input` up to the end of a message, and returns that message once
    /// it is complete; `None` if `input` is used up before.
    ///
    /// # Errors
    /// If the message would have more than `bytes_max` bytes. The stream cannot be read further.
    pub fn next(
        &mut self,
        input: &mut &[u8],
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, MessageTooLong> {
        loop {
            if self.missing > 0 {
                let taken = self.missing.min(input.len());
                let (bytes, rest) = input.split_at(taken);
                self.message.extend_from_slice(bytes);
                *input = rest;
                self.missing -= taken;
                if self.missing > 0 {
                    return Ok(None);
                }
            }
            let Some((&byte, rest)) = input.split_first() else {
                return Ok(None);
            };
            *input = rest;
            let Some(first) = self.header.take() else {
                self.header = Some(byte);
                continue;
            };
            let size = usize::from(u16::from_be_bytes([first, byte]));
            if size == 0 {
                if !self.message.is_empty() {
                    return Ok(Some(std::mem::take(&mut self.message)));
                }
            } else if self.message.len() + size > bytes_max {
                return Err(MessageTooLong { bytes_max });
            } else {
                self.missing = size;
            }
        }
    }
}

/// The size of a chunk's header.
const HEADER_BYTES: usize = 2;

/// The most bytes of a chunk.
const CHUNK_BYTES_MAX: usize = u16::MAX as usize;

/// Appends a message to `out`, in chunks; `write` appends its bytes.
pub fn write_message(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    write(out);
    let size = out.len() - start - HEADER_BYTES;
    match u16::try_from(size) {
        Ok(size) => out[start..start + HEADER_BYTES].copy_from_slice(&size.to_be_bytes()),
        Err(_) => split(out, start, size),
    }
    out.extend_from_slice(&[0; HEADER_BYTES]);
}

/// Makes room for the headers of the chunks of a message of `size` bytes, which stands behind the
/// room for the first.
fn split(out: &mut Vec<u8>, start: usize, size: usize) {
    let chunks = size.div_ceil(CHUNK_BYTES_MAX);
    out.resize(out.len() + (chunks - 1) * HEADER_BYTES, 0);
    // From the last on, so that no chunk is moved over one that has not been.
    for chunk in (0..chunks).rev() {
        let bytes = CHUNK_BYTES_MAX.min(size - chunk * CHUNK_BYTES_MAX);
        let from = start + HEADER_BYTES + chunk * CHUNK_BYTES_MAX;
        let header = start + chunk * (CHUNK_BYTES_MAX + HEADER_BYTES);
        out.copy_within(from..from + bytes, header + HEADER_BYTES);
        let length = u16::try_from(bytes).unwrap_or(u16::MAX);
        out[header..header + HEADER_BYTES].copy_from_slice(&length.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut input: &[u8]) -> Vec<Vec<u8>> {
        let mut dechunker = Dechunker::default();
        let mut messages = Vec::new();
        while let Some(message) = dechunker.next(&mut input, 1 << 20).expect("short enough") {
            messages.push(message);
        }
        messages
    }

    #[test]
    fn the_published_examples_are_read() {
        // A message in one chunk, one in two, and two with a NOOP between them.
        let one = [0, 4, 1, 2, 3, 4, 0, 0];
        assert_eq!(all(&one), [[1, 2, 3, 4]]);
        let two = [0, 2, 1, 2, 0, 2, 3, 4, 0, 0];
        assert_eq!(all(&two), [[1, 2, 3, 4]]);
        let noop = [0, 1, 7, 0, 0, 0, 0, 0, 0, 0, 1, 8, 0, 0];
        assert_eq!(all(&noop), [[7], [8]]);
    }

    #[test]
    fn messages_of_any_length_are_written_so_that_they_are_read() {
        for size in [
            1, 65_534, 65_535, 65_536, 131_069, 131_070, 131_071, 400_000,
        ] {
            let message: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            let mut out = vec![0, 0];
            write_message(&mut out, |out| out.extend_from_slice(&message));
            assert_eq!(all(&out), [message], "{size}");
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_refused_at_the_header_that_exceeds() {
        let mut dechunker = Dechunker::default();
        let mut input: &[u8] = &[0, 3, 1, 2, 3, 0, 3];
        let error = dechunker.next(&mut input, 5);
        assert_eq!(error, Err(MessageTooLong { bytes_max: 5 }));
    }
}
