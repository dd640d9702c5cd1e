//! Bytes of the store: variable-length integers, element records, canonical bytes for hashing.
//!
//! Every format starts with a format byte or lives inside one that does. Decoders take bytes from
//! disk or from a peer, so they check everything, name the offset of what is wrong, never panic and
//! never allocate more than the input can justify.

pub mod canonical;
pub mod record;
pub mod value;
pub mod varint;

use thiserror::Error;

/// Why bytes could not be decoded. Offsets count from the start of the decoded slice.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end before the value does.
    #[error("bytes end within {what} at offset {offset}")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where it starts.
        offset: usize,
    },
    /// A byte that starts a value or a record is unknown to this version.
    #[error("unknown {what} 0x{found:02x} at offset {offset}")]
    Unknown {
        /// What the byte stands for.
        what: &'static str,
        /// The byte.
        found: u8,
        /// Where it is.
        offset: usize,
    },
    /// The bytes have the right shape but say something impossible.
    #[error("invalid {what} at offset {offset}")]
    Invalid {
        /// What is wrong.
        what: &'static str,
        /// Where it starts.
        offset: usize,
    },
}

/// Why a value or a record could not be encoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A value of this type lives in queries only.
    #[error("a value of type {type_name} cannot be stored in a property")]
    NotStorable {
        /// The type as users know it.
        type_name: &'static str,
    },
    /// A temporal value or point whose fields are out of bounds.
    #[error("a value of type {type_name} has parts out of range")]
    Malformed {
        /// The type as users know it.
        type_name: &'static str,
    },
    /// The element is too large for one record.
    #[error(
        "a record of {bytes} bytes is larger than {} bytes",
        record::RECORD_BYTES_MAX
    )]
    TooLarge {
        /// The size of its encoding.
        bytes: usize,
    },
}
