//! The sorts of plain indexes: rules that demand nothing and only keep rows.
//!
//! In bytes a sort is a tag and then its settings, if it has any. Tags are part of the format.

use super::RuleKind;
use super::fulltext::Fulltext;
use crate::encoding::DecodeError;
use crate::encoding::varint::Reader;
use crate::vector::VectorSettings;

const RANGE: u8 = 0;
const TEXT: u8 = 1;
const POINT: u8 = 2;
const FULLTEXT: u8 = 3;
const VECTOR: u8 = 4;

/// What a plain index keeps of an element, and so which questions it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IndexSort {
    /// The values of all properties, in order. An element that lacks one has no row.
    Range,
    /// The value of one property where it is a string.
    Text,
    /// The value of one property where it is a point, by its place on a curve through space.
    Point,
    /// The terms of the texts of the properties, analysed in this way.
    Fulltext(Fulltext),
    /// A digest of the value of one property where it is a vector.
    Vector(VectorSettings),
}

impl IndexSort {
    /// The name of the sort in the language.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Range => "RANGE",
            Self::Text => "TEXT",
            Self::Point => "POINT",
            Self::Fulltext(_) => "FULLTEXT",
            Self::Vector(_) => "VECTOR",
        }
    }

    /// Whether it may be on several properties.
    #[must_use]
    pub const fn takes_several_keys(self) -> bool {
        matches!(self, Self::Range | Self::Fulltext(_))
    }

    /// Whether an index of this sort has nothing that a rule of that kind does not keep already.
    pub(super) fn is_kept_by(self, other: RuleKind) -> bool {
        match other {
            // One index finds the nearest, however they are compared.
            RuleKind::Index(Self::Vector(_)) => matches!(self, Self::Vector(_)),
            RuleKind::Index(sort) => sort == self,
            RuleKind::Unique | RuleKind::Key => self == Self::Range,
            RuleKind::Exists | RuleKind::Typed(_) => false,
        }
    }

    pub(super) fn encode(self, out: &mut Vec<u8>) {
        out.push(match self {
            Self::Range => RANGE,
            Self::Text => TEXT,
            Self::Point => POINT,
            Self::Fulltext(_) => FULLTEXT,
            Self::Vector(_) => VECTOR,
        });
        match self {
            Self::Fulltext(settings) => settings.encode(out),
            Self::Vector(settings) => settings.encode(out),
            Self::Range | Self::Text | Self::Point => {}
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        Ok(match reader.u8("sort of an index")? {
            RANGE => Self::Range,
            TEXT => Self::Text,
            POINT => Self::Point,
            FULLTEXT => Self::Fulltext(Fulltext::decode(reader)?),
            VECTOR => Self::Vector(VectorSettings::decode(reader)?),
            found => {
                return Err(DecodeError::Unknown {
                    what: "sort of an index",
                    found,
                    offset,
                });
            }
        })
    }
}
