//! PackStream version 1: how values become bytes.
//!
//! A value begins with a marker, whose high bits say what it is and whose low bits, or the bytes after
//! it, how large it is. All numbers are big-endian. The encoder takes the smallest form; the decoder
//! takes any.

mod decode;
mod encode;

pub use decode::{DecodeError, Decoder, Fault};
pub use encode::Encoder;

pub(crate) mod marker {
    //! The first bytes of values. `TINY_…` carry a size in their low half.

    pub const TINY_STRING: u8 = 0x80;
    pub const TINY_LIST: u8 = 0x90;
    pub const TINY_MAP: u8 = 0xA0;
    pub const STRUCTURE: u8 = 0xB0;
    pub const NULL: u8 = 0xC0;
    pub const FLOAT: u8 = 0xC1;
    pub const FALSE: u8 = 0xC2;
    pub const TRUE: u8 = 0xC3;
    pub const INT_8: u8 = 0xC8;
    pub const INT_16: u8 = 0xC9;
    pub const INT_32: u8 = 0xCA;
    pub const INT_64: u8 = 0xCB;
    pub const BYTES_8: u8 = 0xCC;
    pub const BYTES_16: u8 = 0xCD;
    pub const BYTES_32: u8 = 0xCE;
    pub const STRING_8: u8 = 0xD0;
    pub const STRING_16: u8 = 0xD1;
    pub const STRING_32: u8 = 0xD2;
    pub const LIST_8: u8 = 0xD4;
    pub const LIST_16: u8 = 0xD5;
    pub const LIST_32: u8 = 0xD6;
    pub const MAP_8: u8 = 0xD8;
    pub const MAP_16: u8 = 0xD9;
    pub const MAP_32: u8 = 0xDA;
    /// From here on bytes are integers from -16 on.
    pub const TINY_INT_MIN: u8 = 0xF0;
}

/// The greatest size that the format knows.
pub const SIZE_MAX: usize = i32::MAX as usize;
