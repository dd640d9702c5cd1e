//! The rows of the store: how their keys and values are laid out, family by family.
//!
//! Keys compare as bytes in the order that scans want, so ids and tokens are big-endian in keys and
//! varints in values. Versions in keys are big-endian with 48 bits. The page
//! `docs/reference/storage-format.md` shows all of them; the tests at the end of each module hold
//! old bytes.
//!
//! | family | rows |
//! | --- | --- |
//! | element | [`element_key`] → record |
//! | adjacency | [`AdjacencyKey`] → [`from_value`] |
//! | index | [`label_key`], [`property_key`], rows of [rules](crate::rule) → [`from_value`] |
//! | closed | twins of all these: [`closed`] |
//! | entry | [`entry`] |
//! | meta | [`meta`] |

pub mod closed;
pub mod entry;
pub mod meta;

use smallvec::SmallVec;

use crate::encoding::DecodeError;
use crate::encoding::varint::{Reader, put_u64};
use crate::ids::{
    Direction, ElementId, IndexId, KeyId, LabelId, NodeId, RelationshipId, TypeId, Version,
};
use crate::value::Value;
use crate::value::key::encode_key;

/// The bytes of a key; most fit in place.
pub type Key = SmallVec<[u8; 36]>;

/// The length of a version in a key.
pub const VERSION_BYTES: usize = 6;

/// The length of an element key.
pub const ELEMENT_KEY_BYTES: usize = 9;

/// The length of an adjacency key.
pub const ADJACENCY_KEY_BYTES: usize = 29;

/// The longest value key in a property row.
pub const VALUE_KEY_BYTES_MAX: usize = 8_000;

const NODE_KIND: u8 = 0;
const RELATIONSHIP_KIND: u8 = 1;
const LABEL_ROW: u8 = 0;
const PROPERTY_ROW: u8 = 1;
const RULE_ROW: u8 = 2;

/// The bytes of a version in a key.
#[must_use]
pub const fn version_bytes(version: Version) -> [u8; VERSION_BYTES] {
    let b = version.0.to_be_bytes();
    [b[2], b[3], b[4], b[5], b[6], b[7]]
}

/// Reads a version from a key.
pub fn read_version(reader: &mut Reader<'_>, what: &'static str) -> Result<Version, DecodeError> {
    let b = reader.array::<VERSION_BYTES>(what)?;
    Ok(Version(u64::from_be_bytes([
        0, 0, b[0], b[1], b[2], b[3], b[4], b[5],
    ])))
}

/// Reads a big-endian 64-bit integer from a key.
pub fn read_u64(reader: &mut Reader<'_>, what: &'static str) -> Result<u64, DecodeError> {
    Ok(u64::from_be_bytes(reader.array(what)?))
}

/// Reads a big-endian 32-bit integer from a key.
pub fn read_u32(reader: &mut Reader<'_>, what: &'static str) -> Result<u32, DecodeError> {
    Ok(u32::from_be_bytes(reader.array(what)?))
}

/// The least key that is greater than every key with this prefix.
#[must_use]
pub fn prefix_end(prefix: &[u8]) -> Key {
    let mut end = Key::from_slice(prefix);
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return end;
        }
    }
    // No key of this store starts with that many 0xff bytes.
    Key::from_slice(&[0xff; 36])
}

/// Key of a current element record: kind(1) ‖ id(8).
#[must_use]
pub fn element_key(element: ElementId) -> [u8; ELEMENT_KEY_BYTES] {
    let (kind, id) = match element {
        ElementId::Node(id) => (NODE_KIND, id.0),
        ElementId::Relationship(id) => (RELATIONSHIP_KIND, id.0),
    };
    let mut key = [kind; ELEMENT_KEY_BYTES];
    key[1..].copy_from_slice(&id.to_be_bytes());
    key
}

/// Reads an element key.
pub fn read_element_key(key: &[u8]) -> Result<ElementId, DecodeError> {
    let mut reader = Reader::new(key);
    let kind = reader.u8("element kind")?;
    let id = read_u64(&mut reader, "element id")?;
    match kind {
        NODE_KIND => Ok(ElementId::Node(NodeId(id))),
        RELATIONSHIP_KIND => Ok(ElementId::Relationship(RelationshipId(id))),
        found => Err(DecodeError::Unknown {
            what: "element kind",
            found,
            offset: 0,
        }),
    }
}

/// One relationship as seen from one of its ends.
/// Key: node(8) ‖ direction(1) ‖ type(4) ‖ neighbour(8) ‖ relationship(8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdjacencyKey {
    /// The node.
    pub node: NodeId,
    /// Whether the relationship starts or ends there.
    pub direction: Direction,
    /// The type of the relationship.
    pub type_id: TypeId,
    /// The node at the other end.
    pub neighbour: NodeId,
    /// The relationship.
    pub relationship: RelationshipId,
}

impl AdjacencyKey {
    /// The bytes of the key.
    #[must_use]
    pub fn bytes(&self) -> [u8; ADJACENCY_KEY_BYTES] {
        let mut key = [0; ADJACENCY_KEY_BYTES];
        key[..8].copy_from_slice(&self.node.0.to_be_bytes());
        key[8] = self.direction as u8;
        key[9..13].copy_from_slice(&self.type_id.0.to_be_bytes());
        key[13..21].copy_from_slice(&self.neighbour.0.to_be_bytes());
        key[21..].copy_from_slice(&self.relationship.0.to_be_bytes());
        key
    }

    /// Reads the bytes of a key.
    pub fn read(key: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(key);
        Ok(Self {
            node: NodeId(read_u64(&mut reader, "node")?),
            direction: match reader.u8("direction")? {
                0 => Direction::Outgoing,
                1 => Direction::Incoming,
                found => {
                    return Err(DecodeError::Unknown {
                        what: "direction",
                        found,
                        offset: 8,
                    });
                }
            },
            type_id: TypeId(read_u32(&mut reader, "type")?),
            neighbour: NodeId(read_u64(&mut reader, "neighbour")?),
            relationship: RelationshipId(read_u64(&mut reader, "relationship")?),
        })
    }
}

/// The common start of the adjacency rows of a node in one direction.
#[must_use]
pub fn adjacency_prefix(node: NodeId, direction: Direction) -> Key {
    let mut key = Key::from_slice(&node.0.to_be_bytes());
    key.push(direction as u8);
    key
}

/// The common start of the adjacency rows of a node in one direction with one type: the range that
/// is split by time when closed.
#[must_use]
pub fn adjacency_type_prefix(node: NodeId, direction: Direction, type_id: TypeId) -> Key {
    let mut key = adjacency_prefix(node, direction);
    key.extend_from_slice(&type_id.0.to_be_bytes());
    key
}

/// The length of [`adjacency_type_prefix`].
pub const ADJACENCY_TYPE_PREFIX_BYTES: usize = 13;

/// The common start of the label rows of a label.
#[must_use]
pub fn label_prefix(label: LabelId) -> Key {
    let mut key = Key::from_slice(&[LABEL_ROW]);
    key.extend_from_slice(&label.0.to_be_bytes());
    key
}

/// Key of a label row: 0 ‖ label(4) ‖ node(8).
#[must_use]
pub fn label_key(label: LabelId, node: NodeId) -> Key {
    let mut key = label_prefix(label);
    key.extend_from_slice(&node.0.to_be_bytes());
    key
}

/// The common start of the property rows of a label and a property key.
#[must_use]
pub fn property_prefix(label: LabelId, property: KeyId) -> Key {
    let mut key = Key::from_slice(&[PROPERTY_ROW]);
    key.extend_from_slice(&label.0.to_be_bytes());
    key.extend_from_slice(&property.0.to_be_bytes());
    key
}

/// Key of a property row: 1 ‖ label(4) ‖ key(4) ‖ ordered value ‖ node(8).
#[must_use]
pub fn property_key(label: LabelId, property: KeyId, value: &Value, node: NodeId) -> Key {
    let mut bytes = Vec::with_capacity(32);
    encode_key(value, &mut bytes);
    let mut key = property_prefix(label, property);
    key.extend_from_slice(&bytes);
    key.extend_from_slice(&node.0.to_be_bytes());
    key
}

/// The common start of the rows of a rule.
#[must_use]
pub fn rule_prefix(rule: IndexId) -> Key {
    let mut key = Key::from_slice(&[RULE_ROW]);
    key.extend_from_slice(&rule.0.to_be_bytes());
    key
}

/// The node at the end of a label or property key.
pub fn read_trailing_node(key: &[u8]) -> Result<NodeId, DecodeError> {
    let at = key.len().saturating_sub(8);
    Ok(NodeId(read_u64(&mut Reader::at(key, at), "node")?))
}

/// Value of an adjacency, label or property row: the version since which it holds.
/// What follows it is room for a valid interval, which nothing writes yet.
#[must_use]
pub fn from_value(from: Version) -> SmallVec<[u8; 10]> {
    let mut value = SmallVec::new();
    let mut n = from.0;
    while n >= 0x80 {
        value.push(n as u8 | 0x80);
        n >>= 7;
    }
    value.push(n as u8);
    value
}

/// Reads [`from_value`].
pub fn read_from(value: &[u8]) -> Result<Version, DecodeError> {
    let mut reader = Reader::new(value);
    let from = Version(reader.varint("from")?);
    if reader.remaining() > 0 {
        return Err(DecodeError::Unknown {
            what: "interval of a row",
            found: reader.u8("interval")?,
            offset: reader.offset() - 1,
        });
    }
    Ok(from)
}

/// Appends bytes with their length before them.
pub(crate) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_u64(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Reads what [`put_bytes`] wrote.
pub(crate) fn read_bytes<'a>(
    reader: &mut Reader<'a>,
    what: &'static str,
) -> Result<&'a [u8], DecodeError> {
    let length = reader.count(1, what)?;
    reader.take(length, what)
}

/// Reads what [`put_bytes`] wrote, as text.
pub(crate) fn read_text<'a>(
    reader: &mut Reader<'a>,
    what: &'static str,
) -> Result<&'a str, DecodeError> {
    let offset = reader.offset();
    std::str::from_utf8(read_bytes(reader, what)?)
        .map_err(|_| DecodeError::Invalid { what, offset })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_bytes() {
        assert_eq!(
            element_key(ElementId::Node(NodeId(0x0102))),
            [0, 0, 0, 0, 0, 0, 0, 1, 2]
        );
        assert_eq!(
            element_key(ElementId::Relationship(RelationshipId(3))),
            [1, 0, 0, 0, 0, 0, 0, 0, 3]
        );
        let adjacency = AdjacencyKey {
            node: NodeId(1),
            direction: Direction::Incoming,
            type_id: TypeId(2),
            neighbour: NodeId(3),
            relationship: RelationshipId(4),
        };
        let bytes = [
            0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4,
        ];
        assert_eq!(adjacency.bytes(), bytes);
        assert_eq!(AdjacencyKey::read(&bytes).ok(), Some(adjacency));
        assert_eq!(
            label_key(LabelId(7), NodeId(9)).as_slice(),
            [0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9]
        );
        let property = property_key(LabelId(7), KeyId(8), &Value::String("ab".into()), NodeId(9));
        assert_eq!(&property[..9], [1, 0, 0, 0, 7, 0, 0, 0, 8]);
        assert_eq!(&property[10..], [b'a', b'b', 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
        assert_eq!(read_trailing_node(&property).ok(), Some(NodeId(9)));
        assert_eq!(version_bytes(Version(0x0102_0304_0506)), [1, 2, 3, 4, 5, 6]);
        assert_eq!(from_value(Version(300)).as_slice(), [0xac, 0x02]);
        assert_eq!(read_from(&[0xac, 0x02]).ok(), Some(Version(300)));
    }

    #[test]
    fn a_row_with_an_interval_of_a_newer_format_is_refused() {
        assert!(read_from(&[0xac, 0x02, 1]).is_err());
        assert!(read_from(&[]).is_err());
    }

    #[test]
    fn prefix_ends_bound_their_prefixes() {
        assert_eq!(prefix_end(&[1, 2]).as_slice(), [1, 3]);
        assert_eq!(prefix_end(&[1, 0xff]).as_slice(), [2]);
    }
}
