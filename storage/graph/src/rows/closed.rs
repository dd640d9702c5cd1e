//! The closed twins: what ended, kept apart from what is in force.
//!
//! ```text
//! element version   0 ‖ kind(1) ‖ id(8) ‖ to(6)                    → record (with its from)
//! row of a set      set(1) ‖ range ‖ segment(6) ‖ rest ‖ to(6)     → from
//! segment marker    set(1) ‖ range ‖ segment(6)                    → nothing
//! ```
//!
//! `to` is the first version in which the element version or row is no longer in force. A *set* is
//! the adjacency of a node by direction and type (1), or the nodes of a label or of an index (2):
//! its `range` is the common start of its current keys, `rest` what follows. Sets are split by
//! time: segment `s` answers every version from `s` up to the start of the next segment, alone if
//! there is a next one, else together with the current rows. Rows copied into a segment because
//! they were alive when it was sealed have the `to` [`Version::MAX`].

use super::{ELEMENT_KEY_BYTES, Key, VERSION_BYTES, element_key, prefix_end, version_bytes};
use crate::ids::{ElementId, Version};
use crate::kv::Family;

const ELEMENT: u8 = 0;
const ADJACENCY: u8 = 1;
const INDEX: u8 = 2;

/// The length of the key of a closed element version.
pub const CLOSED_ELEMENT_KEY_BYTES: usize = 1 + ELEMENT_KEY_BYTES + VERSION_BYTES;

/// Key of a closed element version.
#[must_use]
pub fn closed_element_key(element: ElementId, to: Version) -> [u8; CLOSED_ELEMENT_KEY_BYTES] {
    let mut key = [ELEMENT; CLOSED_ELEMENT_KEY_BYTES];
    key[1..=ELEMENT_KEY_BYTES].copy_from_slice(&element_key(element));
    key[1 + ELEMENT_KEY_BYTES..].copy_from_slice(&version_bytes(to));
    key
}

/// The common start of the closed versions of all nodes or of all relationships.
#[must_use]
pub fn closed_kind_prefix(like: ElementId) -> [u8; 2] {
    [ELEMENT, element_key(like)[0]]
}

/// A set of rows that is split by time when closed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SetRange {
    /// The family of the current rows.
    pub family: Family,
    /// The common start of their keys.
    pub prefix: Key,
}

impl SetRange {
    /// The set of current rows of `family` whose keys start with `prefix`.
    #[must_use]
    pub fn new(family: Family, prefix: Key) -> Self {
        debug_assert!(matches!(family, Family::Adjacency | Family::Index));
        Self { family, prefix }
    }

    /// The key of a current row.
    #[must_use]
    pub fn current_key(&self, rest: &[u8]) -> Key {
        let mut key = self.prefix.clone();
        key.extend_from_slice(rest);
        key
    }

    /// The common start of the set's closed rows.
    #[must_use]
    pub fn closed_prefix(&self) -> Key {
        let mut key = Key::new();
        key.push(if self.family == Family::Adjacency {
            ADJACENCY
        } else {
            INDEX
        });
        key.extend_from_slice(&self.prefix);
        key
    }

    /// The common start of the closed rows of a segment; by itself the key of its marker.
    #[must_use]
    pub fn segment_prefix(&self, segment: Version) -> Key {
        let mut key = self.closed_prefix();
        key.extend_from_slice(&version_bytes(segment));
        key
    }

    /// The key of a closed row.
    #[must_use]
    pub fn closed_key(&self, segment: Version, rest: &[u8], to: Version) -> Key {
        let mut key = self.segment_prefix(segment);
        key.extend_from_slice(rest);
        key.extend_from_slice(&version_bytes(to));
        key
    }

    /// The bounds of all closed rows of the set.
    #[must_use]
    pub fn closed_bounds(&self) -> (Key, Key) {
        let prefix = self.closed_prefix();
        let end = prefix_end(&prefix);
        (prefix, end)
    }
}

/// The common start of the closed adjacency rows of a node in one direction.
#[must_use]
pub fn closed_adjacency_prefix(prefix: &[u8]) -> Key {
    let mut key = Key::new();
    key.push(ADJACENCY);
    key.extend_from_slice(prefix);
    key
}

/// The version that ends a key.
#[must_use]
pub fn trailing_version(key: &[u8]) -> Option<Version> {
    let tail = key.last_chunk::<VERSION_BYTES>()?;
    Some(version_at(tail))
}

/// The version at an offset of a key.
#[must_use]
pub fn version_in(key: &[u8], offset: usize) -> Option<Version> {
    let bytes = key.get(offset..)?.first_chunk::<VERSION_BYTES>()?;
    Some(version_at(bytes))
}

fn version_at(b: &[u8; VERSION_BYTES]) -> Version {
    Version(u64::from_be_bytes([
        0, 0, b[0], b[1], b[2], b[3], b[4], b[5],
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Direction, LabelId, NodeId, TypeId};
    use crate::rows::{adjacency_type_prefix, label_prefix};

    #[test]
    fn keys_keep_their_bytes() {
        assert_eq!(
            closed_element_key(ElementId::Node(NodeId(5)), Version(258)),
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 1, 2]
        );
        let label = SetRange::new(Family::Index, label_prefix(LabelId(7)));
        let rest = 9_u64.to_be_bytes();
        assert_eq!(
            label.closed_key(Version(1), &rest, Version(2)).as_slice(),
            [
                2, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 2
            ]
        );
        let adjacency = SetRange::new(
            Family::Adjacency,
            adjacency_type_prefix(NodeId(1), Direction::Incoming, TypeId(2)),
        );
        assert_eq!(
            adjacency.segment_prefix(Version(3)).as_slice(),
            [1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 3]
        );
    }

    #[test]
    fn versions_are_read_back() {
        let key = closed_element_key(ElementId::Node(NodeId(5)), Version(258));
        assert_eq!(trailing_version(&key), Some(Version(258)));
        assert_eq!(version_in(&key, 10), Some(Version(258)));
        assert_eq!(version_in(&key, 11), None);
        assert_eq!(trailing_version(&[1, 2]), None);
    }
}
