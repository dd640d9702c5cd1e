//! Writing values.

use super::{SIZE_MAX, marker};

/// Appends values to a buffer. It writes what it is told: whoever writes the header of a list of three
/// writes three values after it.
///
/// Strings, byte strings, lists and maps have at most [`SIZE_MAX`] bytes or items; longer ones cannot
/// be said in PackStream and are cut off. An executor's own limits are far below that.
#[derive(Debug)]
pub struct Encoder<'b> {
    out: &'b mut Vec<u8>,
}

impl<'b> Encoder<'b> {
    /// An encoder that appends to `out`.
    pub const fn new(out: &'b mut Vec<u8>) -> Self {
        Self { out }
    }

    /// How many bytes the buffer has by now, whatever wrote them.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether the buffer has no bytes yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Writes null.
    pub fn null(&mut self) {
        self.out.push(marker::NULL);
    }

    /// Writes a boolean.
    pub fn bool(&mut self, bool: bool) {
        self.out
            .push(if bool { marker::TRUE } else { marker::FALSE });
    }

    /// Writes an integer in the smallest form.
    pub fn int(&mut self, int: i64) {
        if let Ok(small) = i8::try_from(int) {
            if small < -16 {
                self.out.push(marker::INT_8);
            }
            self.out.push(small.cast_unsigned());
        } else if let Ok(int) = i16::try_from(int) {
            self.marked(marker::INT_16, &int.to_be_bytes());
        } else if let Ok(int) = i32::try_from(int) {
            self.marked(marker::INT_32, &int.to_be_bytes());
        } else {
            self.marked(marker::INT_64, &int.to_be_bytes());
        }
    }

    /// Writes a floating-point number.
    pub fn float(&mut self, float: f64) {
        self.marked(marker::FLOAT, &float.to_be_bytes());
    }

    /// Writes a byte string.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(SIZE_MAX)];
        self.sized(
            None,
            [marker::BYTES_8, marker::BYTES_16, marker::BYTES_32],
            bytes.len(),
        );
        self.out.extend_from_slice(bytes);
    }

    /// Writes a string.
    pub fn string(&mut self, text: &str) {
        let text = &text[..text.floor_char_boundary(SIZE_MAX)];
        self.sized(
            Some(marker::TINY_STRING),
            [marker::STRING_8, marker::STRING_16, marker::STRING_32],
            text.len(),
        );
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Begins a list of so many items.
    pub fn list(&mut self, items: usize) {
        self.sized(
            Some(marker::TINY_LIST),
            [marker::LIST_8, marker::LIST_16, marker::LIST_32],
            items,
        );
    }

    /// Begins a map of so many pairs: a key, written as a string, and a value.
    pub fn map(&mut self, pairs: usize) {
        self.sized(
            Some(marker::TINY_MAP),
            [marker::MAP_8, marker::MAP_16, marker::MAP_32],
            pairs,
        );
    }

    /// Begins a structure with a signature and up to 15 fields.
    pub fn structure(&mut self, signature: u8, fields: u8) {
        debug_assert!(fields < 16, "a structure has at most 15 fields");
        self.out.push(marker::STRUCTURE | (fields & 0x0F));
        self.out.push(signature);
    }

    fn marked(&mut self, marker: u8, bytes: &[u8]) {
        self.out.push(marker);
        self.out.extend_from_slice(bytes);
    }

    fn sized(&mut self, tiny: Option<u8>, [small, medium, large]: [u8; 3], size: usize) {
        match (tiny, u8::try_from(size), u16::try_from(size)) {
            (Some(tiny), Ok(size), _) if size < 16 => self.out.push(tiny | size),
            (_, Ok(size), _) => self.marked(small, &[size]),
            (_, _, Ok(size)) => self.marked(medium, &size.to_be_bytes()),
            _ => {
                let size = i32::try_from(size).unwrap_or(i32::MAX);
                self.marked(large, &size.to_be_bytes());
            }
        }
    }
}
