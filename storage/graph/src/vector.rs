//! Vectors of an index: what counts as one, and how it is compared.
//!
//! A property holds a vector if it is a list of numbers, or a vector, of the number of components that the
//! index is for, all finite as 32-bit floats, and for cosines not all zero. An element whose property holds
//! none is not in the index. Components are compared as 32-bit floats, however they are stored.

pub use retrograph_vector::{Query, Shape, Similarity};

use crate::encoding::DecodeError;
use crate::encoding::value::decode_numbers;
use crate::encoding::varint::{Reader, put_u64};
use crate::value::{Value, Vector};

/// The settings of a vector index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VectorSettings {
    /// The number of components, from 1 to [`VectorSettings::DIMENSIONS_MAX`].
    pub dimensions: u16,
    /// How vectors are compared.
    pub similarity: Similarity,
    /// The graph of neighbours that finds them.
    pub shape: Shape,
}

const COSINE: u8 = 0;
const EUCLIDEAN: u8 = 1;

impl VectorSettings {
    /// The most components.
    pub const DIMENSIONS_MAX: u16 = 4_096;

    /// The vector that a property holds.
    #[must_use]
    pub fn vector_of(&self, value: &Value) -> Option<Box<[f32]>> {
        let components = match value {
            Value::List(items) if items.len() != usize::from(self.dimensions) => return None,
            value => components(value)?,
        };
        self.admit(components)
    }

    /// The vector in the bytes of a property.
    pub(crate) fn vector_in(&self, bytes: &[u8]) -> Result<Option<Box<[f32]>>, DecodeError> {
        let components = decode_numbers(bytes, usize::from(self.dimensions))?;
        Ok(components.and_then(|components| self.admit(components)))
    }

    fn admit(&self, components: Vec<f32>) -> Option<Box<[f32]>> {
        let is_ours =
            components.len() == usize::from(self.dimensions) && self.similarity.admits(&components);
        is_ours.then(|| components.into())
    }

    /// A vector to look for; none if the similarity does not admit it. Its length is for the caller to check.
    #[must_use]
    pub fn query(&self, vector: Vec<f32>) -> Option<Query> {
        Query::new(self.similarity, vector.into())
    }

    /// Appends what a definition says of them.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_u64(self.dimensions.into(), out);
        out.push(match self.similarity {
            Similarity::Cosine => COSINE,
            Similarity::Euclidean => EUCLIDEAN,
        });
        put_u64(self.shape.connections.into(), out);
        put_u64(self.shape.candidates.into(), out);
    }

    /// Reads [`VectorSettings::encode`].
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let dimensions = small(reader, "dimensions of a vector index")?;
        let offset = reader.offset();
        let similarity = match reader.u8("similarity")? {
            COSINE => Similarity::Cosine,
            EUCLIDEAN => Similarity::Euclidean,
            found => {
                return Err(DecodeError::Unknown {
                    what: "similarity",
                    found,
                    offset,
                });
            }
        };
        Ok(Self {
            dimensions,
            similarity,
            shape: Shape {
                connections: small(reader, "connections of a vector index")?,
                candidates: small(reader, "candidates of a vector index")?,
            },
        })
    }
}

fn small(reader: &mut Reader<'_>, what: &'static str) -> Result<u16, DecodeError> {
    let offset = reader.offset();
    u16::try_from(reader.varint(what)?).map_err(|_| DecodeError::Invalid { what, offset })
}

/// The numbers of a list or vector, as 32-bit floats; none if it is something else or has something else in it.
#[must_use]
pub fn components(value: &Value) -> Option<Vec<f32>> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    match value {
        Value::List(items) => items
            .iter()
            .map(|item| match item {
                Value::Float(number) => Some(*number as f32),
                Value::Int(number) => Some(*number as f32),
                _ => None,
            })
            .collect(),
        Value::Vector(vector) => Some(match &**vector {
            Vector::F32(items) => items.clone(),
            Vector::F64(items) => items.iter().map(|item| *item as f32).collect(),
        }),
        _ => None,
    }
}

/// A number for a vector: other vectors very likely have another. Part of the format of rows.
pub(crate) fn digest(vector: &[f32]) -> u32 {
    // FNV-1a, folded.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for component in vector {
        // Both zeros are the same number.
        for byte in (component + 0.0).to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    (hash ^ hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::encoding::value::encode_value;

    const SETTINGS: VectorSettings = VectorSettings {
        dimensions: 2,
        similarity: Similarity::Cosine,
        shape: Shape {
            connections: 16,
            candidates: 100,
        },
    };

    fn list(items: &[Value]) -> Value {
        Value::List(items.to_vec().into())
    }

    #[test]
    fn lists_of_two_numbers_are_vectors_of_two() {
        let (one, half) = (Value::Int(1), Value::Float(0.5));
        let vector = |items| Value::Vector(Arc::new(items));
        for (value, expected) in [
            (list(&[one.clone(), half.clone()]), Some([1.0, 0.5])),
            (list(&[half.clone(), half.clone()]), Some([0.5, 0.5])),
            (
                list(&[Value::Int(-7), Value::Int(1 << 40)]),
                Some([-7.0, (1_u64 << 40) as f32]),
            ),
            (vector(Vector::F32(vec![1.0, 2.0])), Some([1.0, 2.0])),
            (vector(Vector::F64(vec![1.0, 2.0])), Some([1.0, 2.0])),
            (list(std::slice::from_ref(&one)), None),
            (list(&[one.clone(), half.clone(), one.clone()]), None),
            (list(&[one.clone(), Value::string("1")]), None),
            (list(&[Value::Float(0.0), Value::Int(0)]), None),
            (list(&[one.clone(), Value::Float(1e300)]), None),
            (list(&[one.clone(), Value::Float(f64::NAN)]), None),
            (list(&[]), None),
            (one.clone(), None),
            (Value::string("ab"), None),
        ] {
            let expected = expected.map(Box::from);
            assert_eq!(SETTINGS.vector_of(&value), expected, "{value:?}");
            let mut bytes = Vec::new();
            encode_value(&value, &mut bytes).unwrap();
            assert_eq!(SETTINGS.vector_in(&bytes).unwrap(), expected, "{value:?}");
        }
    }

    #[test]
    fn old_bytes_are_read() {
        let settings = VectorSettings {
            dimensions: 384,
            similarity: Similarity::Euclidean,
            shape: Shape {
                connections: 24,
                candidates: 200,
            },
        };
        let bytes = [0x80, 0x03, 1, 24, 0xc8, 0x01];
        let mut out = Vec::new();
        settings.encode(&mut out);
        assert_eq!(out, bytes);
        let read = VectorSettings::decode(&mut Reader::new(&bytes));
        assert_eq!(read, Ok(settings));
        assert!(VectorSettings::decode(&mut Reader::new(&[4, 2, 16, 100])).is_err());
        assert_eq!(digest(&[1.0, -2.5]), 0x241b_9a16);
        assert_eq!(digest(&[0.0]), digest(&[-0.0]));
        assert_ne!(digest(&[1.0, 2.0]), digest(&[2.0, 1.0]));
    }
}
