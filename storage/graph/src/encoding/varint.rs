//! Variable-length integers: seven bits a byte, least significant first, high bit = more follows.
//!
//! Signed integers are folded (zigzag) so that small magnitudes are short. Each integer has exactly
//! one encoding; decoding refuses others, so equal records have equal bytes.

use super::DecodeError;

/// The most bytes a 64-bit integer takes.
pub const VARINT_BYTES_MAX: usize = 10;

/// Appends an unsigned integer.
#[inline]
pub fn put_u64(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Appends a signed integer.
#[inline]
pub fn put_i64(n: i64, out: &mut Vec<u8>) {
    put_u64(fold(n), out);
}

/// The number of bytes that [`put_u64`] appends.
#[must_use]
pub const fn len_u64(n: u64) -> usize {
    let bits = 64 - (n | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

const fn fold(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)).cast_unsigned()
}

const fn unfold(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ -(n & 1).cast_signed()
}

/// A position in bytes being decoded. Every read checks the end and advances.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Starts at `offset`, which errors then count from the start of `bytes`.
    #[must_use]
    pub fn at(bytes: &'a [u8], offset: usize) -> Self {
        Self {
            bytes,
            offset: offset.min(bytes.len()),
        }
    }

    /// The offset of the next byte.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.bytes.len() - self.offset
    }

    /// The bytes not yet read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.offset..]
    }

    /// Reads one byte.
    #[inline]
    pub fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        let Some(&byte) = self.bytes.get(self.offset) else {
            return Err(DecodeError::Truncated {
                what,
                offset: self.offset,
            });
        };
        self.offset += 1;
        Ok(byte)
    }

    /// Reads the next `len` bytes.
    #[inline]
    pub fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let Some(bytes) = self.rest().get(..len) else {
            return Err(DecodeError::Truncated {
                what,
                offset: self.offset,
            });
        };
        self.offset += len;
        Ok(bytes)
    }

    /// Reads a truth value: a byte that is 0 or 1.
    pub fn flag(&mut self, what: &'static str) -> Result<bool, DecodeError> {
        let offset = self.offset;
        match self.u8(what)? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(DecodeError::Unknown {
                what,
                found,
                offset,
            }),
        }
    }

    /// Reads exactly `N` bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let Some(bytes) = self.rest().first_chunk::<N>() else {
            return Err(DecodeError::Truncated {
                what,
                offset: self.offset,
            });
        };
        self.offset += N;
        Ok(*bytes)
    }

    /// Reads an unsigned integer.
    #[inline]
    pub fn varint(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        // One byte is by far the most common length.
        match self.bytes.get(self.offset) {
            Some(&byte) if byte < 0x80 => {
                self.offset += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(what),
        }
    }

    fn long_varint(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        let start = self.offset;
        let mut n = 0_u64;
        for (i, &byte) in self.rest().iter().take(VARINT_BYTES_MAX).enumerate() {
            n |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                let overlong = byte == 0 && i > 0;
                let overflow = i == VARINT_BYTES_MAX - 1 && byte > 1;
                if overlong || overflow {
                    return Err(DecodeError::Invalid {
                        what,
                        offset: start,
                    });
                }
                self.offset += i + 1;
                return Ok(n);
            }
        }
        Err(if self.remaining() < VARINT_BYTES_MAX {
            DecodeError::Truncated {
                what,
                offset: start,
            }
        } else {
            DecodeError::Invalid {
                what,
                offset: start,
            }
        })
    }

    /// Reads a signed integer.
    #[inline]
    pub fn signed(&mut self, what: &'static str) -> Result<i64, DecodeError> {
        Ok(unfold(self.varint(what)?))
    }

    /// Reads an unsigned integer that fits in 32 bits.
    #[inline]
    pub fn varint_u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        let offset = self.offset;
        u32::try_from(self.varint(what)?).map_err(|_| DecodeError::Invalid { what, offset })
    }

    /// Reads a count of things that take at least `each` bytes, so no count can make a reader
    /// allocate more than the input justifies.
    #[inline]
    pub fn count(&mut self, each: usize, what: &'static str) -> Result<usize, DecodeError> {
        let offset = self.offset;
        let count = self.varint(what)?;
        match usize::try_from(count) {
            Ok(count) if count.saturating_mul(each) <= self.remaining() => Ok(count),
            _ => Err(DecodeError::Truncated { what, offset }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_survive(n: u64, shift in 0_u32..64, s: i64) {
            let n = n >> shift;
            let s = s >> shift;
            let mut out = Vec::new();
            put_u64(n, &mut out);
            prop_assert_eq!(out.len(), len_u64(n));
            put_i64(s, &mut out);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint("n"), Ok(n));
            prop_assert_eq!(reader.signed("s"), Ok(s));
            prop_assert_eq!(reader.remaining(), 0);
        }

        #[test]
        fn garbage_has_one_reading(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut reader = Reader::new(&bytes);
            if let Ok(n) = reader.varint("n") {
                let mut out = Vec::new();
                put_u64(n, &mut out);
                prop_assert_eq!(&out[..], &bytes[..reader.offset()]);
            }
        }
    }

    #[test]
    fn a_truth_value_has_one_byte_each() {
        assert_eq!(Reader::new(&[0]).flag("f"), Ok(false));
        assert_eq!(Reader::new(&[1]).flag("f"), Ok(true));
        assert!(Reader::new(&[2]).flag("f").is_err());
    }

    #[test]
    fn overlong_and_overflowing_bytes_are_refused() {
        for bytes in [
            &[0x80, 0x00][..],
            &[0xff; 10],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
        ] {
            assert_eq!(
                Reader::new(bytes).varint("n"),
                Err(DecodeError::Invalid {
                    what: "n",
                    offset: 0
                })
            );
        }
        assert_eq!(
            Reader::new(&[0x80]).varint("n"),
            Err(DecodeError::Truncated {
                what: "n",
                offset: 0
            })
        );
    }
}
