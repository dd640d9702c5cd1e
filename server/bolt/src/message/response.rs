//! What the server answers.

use super::signature;
use crate::chunk::write_message;
use crate::failure::Failure;
use crate::pack::{DecodeError, Decoder, Encoder, Fault};
use crate::structure::Dialect;
use crate::value::{Map, Value};
use crate::version::Version;

/// The summary of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// It was done.
    Success(Map),
    /// It failed.
    Failure(Failure),
    /// It was passed over, because one before it failed or was interrupted.
    Ignored,
}

impl Response {
    /// Appends the message, in chunks.
    pub fn encode(&self, out: &mut Vec<u8>, version: Version, dialect: Dialect) {
        write_message(out, |out| {
            let mut encoder = Encoder::new(out);
            match self {
                Self::Success(metadata) => {
                    encoder.structure(signature::SUCCESS, 1);
                    encoder.entries(metadata, dialect);
                }
                Self::Failure(failure) => {
                    encoder.structure(signature::FAILURE, 1);
                    failure.encode(&mut encoder, version);
                }
                Self::Ignored => encoder.structure(signature::IGNORED, 0),
            }
        });
    }
}

/// What a client reads: for tests and tools.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// SUCCESS.
    Success(Map),
    /// RECORD.
    Record(Vec<Value>),
    /// IGNORED.
    Ignored,
    /// FAILURE.
    Failure(Map),
}

impl Received {
    /// Reads a message of a server.
    ///
    /// # Errors
    /// If it is none.
    pub fn decode(mut decoder: Decoder<'_>) -> Result<Self, DecodeError> {
        let (signature, fields) = decoder.structure()?;
        let expected = u8::from(signature != signature::IGNORED);
        if fields != expected {
            return Err(DecodeError {
                offset: 0,
                fault: Fault::FieldCount {
                    signature,
                    found: fields,
                    expected,
                },
            });
        }
        let message = match signature {
            signature::SUCCESS => Self::Success(decoder.map()?),
            signature::FAILURE => Self::Failure(decoder.map()?),
            signature::IGNORED => Self::Ignored,
            signature::RECORD => Self::Record(decoder.list(Decoder::value)?),
            _ => {
                return Err(DecodeError {
                    offset: 1,
                    fault: Fault::UnknownStructure(signature),
                });
            }
        };
        decoder.end()?;
        Ok(message)
    }
}
