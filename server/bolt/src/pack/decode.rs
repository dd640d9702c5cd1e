//! Reading values.
//!
//! The decoder works on a whole message. A size that cannot be met by the bytes that are left is an
//! error before anything is allocated for it, and what is allocated counts against a budget: a list of
//! a million one-byte integers takes far more memory than its bytes.

use std::fmt;

use super::{SIZE_MAX, marker};
use crate::limits::MessageLimits;
use crate::structure::Dialect;
use crate::value::{Map, Value};

/// Why bytes are no value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The message ends within a value.
    Truncated,
    /// The message goes on behind its end.
    TrailingBytes,
    /// A marker that the format reserves.
    UnknownMarker(u8),
    /// A size beyond what the format allows.
    SizeTooLarge(usize),
    /// A string that is not UTF-8.
    NotUtf8,
    /// A map's key that is no string.
    KeyNotString,
    /// Values nested deeper than allowed.
    TooDeep {
        /// The limit.
        depth_max: usize,
    },
    /// Values that take more memory than allowed.
    TooMuchMemory {
        /// The limit.
        bytes_max: usize,
    },
    /// A value of another type than the place asks for.
    Unexpected {
        /// What the place asks for.
        expected: &'static str,
    },
    /// A structure with a signature that has no meaning here.
    UnknownStructure(u8),
    /// A structure with a wrong number of fields.
    FieldCount {
        /// The signature.
        signature: u8,
        /// How many it has.
        found: u8,
        /// How many it should have.
        expected: u8,
    },
    /// A structure whose fields do not fit together.
    BadStructure(&'static str),
    /// A datetime of the other kind than was agreed on.
    OtherDateTimes(u8),
    /// A node, relationship or path where only a client's value can be.
    ElementFromClient,
}

impl Fault {
    /// Whether the bytes are sound and only a value is not acceptable: the next message can be read.
    #[must_use]
    pub const fn is_semantic(&self) -> bool {
        matches!(
            self,
            Self::UnknownStructure(_)
                | Self::BadStructure(_)
                | Self::OtherDateTimes(_)
                | Self::ElementFromClient
                | Self::Unexpected { .. }
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the message ends within a value"),
            Self::TrailingBytes => f.write_str("the message goes on behind its last field"),
            Self::UnknownMarker(marker) => write!(f, "{marker:#04x} begins no value"),
            Self::SizeTooLarge(size) => {
                write!(f, "size {size} is beyond the format's limit of {SIZE_MAX}")
            }
            Self::NotUtf8 => f.write_str("a string is not UTF-8"),
            Self::KeyNotString => f.write_str("the key of a map is not a string"),
            Self::TooDeep { depth_max } => {
                write!(f, "values are nested deeper than {depth_max} levels")
            }
            Self::TooMuchMemory { bytes_max } => {
                write!(f, "the values would take more than {bytes_max} bytes")
            }
            Self::Unexpected { expected } => write!(f, "expected {expected}"),
            Self::UnknownStructure(signature) => {
                write!(f, "no value has the signature {signature:#04x}")
            }
            Self::FieldCount {
                signature,
                found,
                expected,
            } => write!(
                f,
                "structure {signature:#04x} has {found} fields instead of {expected}"
            ),
            Self::BadStructure(what) => f.write_str(what),
            Self::OtherDateTimes(signature) => write!(
                f,
                "a datetime has the signature {signature:#04x}, which was not agreed on"
            ),
            Self::ElementFromClient => {
                f.write_str("nodes, relationships and paths cannot be sent to the server")
            }
        }
    }
}

/// Why bytes are no value, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault} (at byte {offset} of the message)")]
pub struct DecodeError {
    /// The byte of the message where the value at fault begins.
    pub offset: usize,
    /// What is wrong.
    pub fault: Fault,
}

/// Reads the values of a message.
#[derive(Debug)]
pub struct Decoder<'m> {
    bytes: &'m [u8],
    at: usize,
    depth: usize,
    memory_bytes: usize,
    limits: MessageLimits,
    pub(crate) dialect: Dialect,
    pub(crate) takes_elements: bool,
}

type Result<T> = std::result::Result<T, DecodeError>;

impl<'m> Decoder<'m> {
    /// A decoder of what a client may send: no nodes, relationships and paths.
    #[must_use]
    pub const fn new(bytes: &'m [u8], dialect: Dialect, limits: MessageLimits) -> Self {
        Self {
            bytes,
            at: 0,
            depth: 0,
            memory_bytes: 0,
            limits,
            dialect,
            takes_elements: false,
        }
    }

    /// Accepts nodes, relationships and paths as well, which servers send.
    #[must_use]
    pub const fn with_elements(mut self) -> Self {
        self.takes_elements = true;
        self
    }

    /// How many bytes have been read.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// Whether all has been read.
    ///
    /// # Errors
    /// If bytes are left.
    pub fn end(&self) -> Result<()> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(self.fault(self.at, Fault::TrailingBytes))
        }
    }

    /// Reads any value.
    ///
    /// # Errors
    /// If there is none.
    pub fn value(&mut self) -> Result<Value> {
        let start = self.at;
        let marker = self.byte()?;
        Ok(match marker {
            marker::NULL => Value::Null,
            marker::TRUE => Value::Bool(true),
            marker::FALSE => Value::Bool(false),
            marker::FLOAT => Value::Float(f64::from_be_bytes(self.array()?)),
            marker::BYTES_8..=marker::BYTES_32 => {
                let size = self.wide_size(start, marker - marker::BYTES_8)?;
                Value::Bytes(self.raw(start, size)?.to_vec())
            }
            0x80..=0x8F | marker::STRING_8..=marker::STRING_32 => {
                let size = self.size(start, marker, marker::STRING_8)?;
                Value::String(self.text(start, size)?.to_owned())
            }
            0x90..=0x9F | marker::LIST_8..=marker::LIST_32 => {
                let size = self.size(start, marker, marker::LIST_8)?;
                Value::List(self.items(start, size, Self::value)?)
            }
            0xA0..=0xAF | marker::MAP_8..=marker::MAP_32 => {
                let size = self.size(start, marker, marker::MAP_8)?;
                Value::Map(self.pairs(start, size)?)
            }
            0xB0..=0xBF => {
                let signature = self.byte()?;
                self.enter(start)?;
                let structure = self.structure_value(start, signature, marker & 0x0F)?;
                self.depth -= 1;
                self.charge(start, size_of_val(&structure))?;
                Value::structure(structure)
            }
            marker => match self.int_of(marker)? {
                Some(int) => Value::Int(int),
                None => return Err(self.fault(start, Fault::UnknownMarker(marker))),
            },
        })
    }

    /// Reads an integer.
    ///
    /// # Errors
    /// If there is none.
    pub fn int(&mut self) -> Result<i64> {
        let start = self.at;
        let marker = self.byte()?;
        self.int_of(marker)?
            .ok_or_else(|| self.unexpected(start, "an integer"))
    }

    /// Reads a floating-point number.
    ///
    /// # Errors
    /// If there is none.
    pub fn float(&mut self) -> Result<f64> {
        let start = self.at;
        match self.byte()? {
            marker::FLOAT => Ok(f64::from_be_bytes(self.array()?)),
            _ => Err(self.unexpected(start, "a float")),
        }
    }

    /// Reads a string.
    ///
    /// # Errors
    /// If there is none.
    pub fn string(&mut self) -> Result<&'m str> {
        let start = self.at;
        match self.byte()? {
            marker @ (0x80..=0x8F | marker::STRING_8..=marker::STRING_32) => {
                let size = self.size(start, marker, marker::STRING_8)?;
                self.text(start, size)
            }
            _ => Err(self.unexpected(start, "a string")),
        }
    }

    /// Reads a map.
    ///
    /// # Errors
    /// If there is none.
    pub fn map(&mut self) -> Result<Map> {
        let start = self.at;
        match self.byte()? {
            marker @ (0xA0..=0xAF | marker::MAP_8..=marker::MAP_32) => {
                let size = self.size(start, marker, marker::MAP_8)?;
                self.pairs(start, size)
            }
            _ => Err(self.unexpected(start, "a map")),
        }
    }

    /// Reads a list whose items `read` reads.
    ///
    /// # Errors
    /// If there is none.
    pub fn list<T>(&mut self, read: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let start = self.at;
        match self.byte()? {
            marker @ (0x90..=0x9F | marker::LIST_8..=marker::LIST_32) => {
                let size = self.size(start, marker, marker::LIST_8)?;
                self.items(start, size, read)
            }
            _ => Err(self.unexpected(start, "a list")),
        }
    }

    /// Reads the beginning of a structure: its signature and the number of its fields.
    ///
    /// # Errors
    /// If there is none.
    pub fn structure(&mut self) -> Result<(u8, u8)> {
        let start = self.at;
        match self.byte()? {
            marker @ 0xB0..=0xBF => Ok((self.byte()?, marker & 0x0F)),
            _ => Err(self.unexpected(start, "a structure")),
        }
    }

    pub(crate) const fn fault(&self, offset: usize, fault: Fault) -> DecodeError {
        DecodeError { offset, fault }
    }

    const fn unexpected(&self, offset: usize, expected: &'static str) -> DecodeError {
        self.fault(offset, Fault::Unexpected { expected })
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = self.bytes.get(self.at).copied();
        let byte = byte.ok_or(DecodeError {
            offset: self.at,
            fault: Fault::Truncated,
        })?;
        self.at += 1;
        Ok(byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let rest = &self.bytes[self.at..];
        match rest.first_chunk::<N>() {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => Err(self.fault(self.at, Fault::Truncated)),
        }
    }

    fn int_of(&mut self, marker: u8) -> Result<Option<i64>> {
        Ok(Some(match marker {
            0x00..=0x7F | marker::TINY_INT_MIN..=0xFF => i64::from(marker.cast_signed()),
            marker::INT_8 => i64::from(i8::from_be_bytes(self.array()?)),
            marker::INT_16 => i64::from(i16::from_be_bytes(self.array()?)),
            marker::INT_32 => i64::from(i32::from_be_bytes(self.array()?)),
            marker::INT_64 => i64::from_be_bytes(self.array()?),
            _ => return Ok(None),
        }))
    }

    /// The size that a marker tells, or that follows it; `wide` is the first of its wide markers.
    fn size(&mut self, start: usize, marker: u8, wide: u8) -> Result<usize> {
        if marker < marker::NULL {
            return Ok(usize::from(marker & 0x0F));
        }
        self.wide_size(start, marker - wide)
    }

    fn wide_size(&mut self, start: usize, width: u8) -> Result<usize> {
        let size = match width {
            0 => usize::from(u8::from_be_bytes(self.array()?)),
            1 => usize::from(u16::from_be_bytes(self.array()?)),
            _ => u32::from_be_bytes(self.array()?) as usize,
        };
        if size > SIZE_MAX {
            return Err(self.fault(start, Fault::SizeTooLarge(size)));
        }
        Ok(size)
    }

    fn raw(&mut self, start: usize, size: usize) -> Result<&'m [u8]> {
        let Some(bytes) = self.bytes[self.at..].get(..size) else {
            return Err(self.fault(start, Fault::Truncated));
        };
        self.charge(start, size)?;
        self.at += size;
        Ok(bytes)
    }

    fn text(&mut self, start: usize, size: usize) -> Result<&'m str> {
        let bytes = self.raw(start, size)?;
        std::str::from_utf8(bytes).map_err(|_| self.fault(start, Fault::NotUtf8))
    }

    fn items<T>(
        &mut self,
        start: usize,
        size: usize,
        mut read: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.fits(start, size)?;
        self.charge(start, size.saturating_mul(size_of::<T>()))?;
        self.enter(start)?;
        let mut items = Vec::with_capacity(size);
        for _ in 0..size {
            items.push(read(self)?);
        }
        self.depth -= 1;
        Ok(items)
    }

    fn pairs(&mut self, start: usize, size: usize) -> Result<Map> {
        self.fits(start, size.saturating_mul(2))?;
        // A node of the tree is at worst half empty.
        self.charge(start, size.saturating_mul(2 * size_of::<(String, Value)>()))?;
        self.enter(start)?;
        let mut map = Map::new();
        for _ in 0..size {
            let key_at = self.at;
            let key = self.string().map_err(|error| match error.fault {
                Fault::Unexpected { .. } => self.fault(key_at, Fault::KeyNotString),
                _ => error,
            })?;
            let key = key.to_owned();
            let value = self.value()?;
            map.insert(key, value);
        }
        self.depth -= 1;
        Ok(map)
    }

    /// Whether so many values, each of a byte at least, can still come.
    const fn fits(&self, start: usize, values: usize) -> Result<()> {
        if values > self.bytes.len() - self.at {
            return Err(self.fault(start, Fault::Truncated));
        }
        Ok(())
    }

    fn enter(&mut self, start: usize) -> Result<()> {
        self.depth += 1;
        let depth_max = self.limits.depth_max;
        if self.depth > depth_max {
            return Err(self.fault(start, Fault::TooDeep { depth_max }));
        }
        Ok(())
    }

    fn charge(&mut self, start: usize, bytes: usize) -> Result<()> {
        self.memory_bytes = self.memory_bytes.saturating_add(bytes);
        let bytes_max = self.limits.memory_bytes_max;
        if self.memory_bytes > bytes_max {
            return Err(self.fault(start, Fault::TooMuchMemory { bytes_max }));
        }
        Ok(())
    }
}
