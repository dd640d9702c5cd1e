//! What a transaction read and what commits wrote, as ranges and keys of one space of bytes.
//!
//! A key is a letter for the kind of fact and then the key of the row that holds it, so a scan of
//! rows is a range here. Existence is a fact of its own: a property change does not disturb one who
//! only counted nodes. A commit is certified against every commit after its view: if one of their
//! keys lies in one of its ranges, it is refused.

use std::sync::Arc;

use crate::ids::{ElementId, LabelId, NodeId, RelationshipId, TypeId};
use crate::rows::meta::TokenKind;
use crate::rows::{Key, element_key, label_prefix, prefix_end, read_element_key};

/// A footprint of more ranges than this is coalesced, at the price of false conflicts.
const RANGES_MAX: usize = 1 << 16;

const ELEMENT: u8 = b'e';
const NODE_EXISTS: u8 = b'n';
const RELATIONSHIP_EXISTS: u8 = b'r';
const ADJACENCY: u8 = b'a';
const INDEX: u8 = b'i';
const TOKEN: u8 = b't';
const SCHEMA: u8 = b's';

/// Keys of facts.
pub(crate) mod fact {
    use super::*;

    fn key(letter: u8, rest: &[u8]) -> Key {
        let mut key = Key::new();
        key.push(letter);
        key.extend_from_slice(rest);
        key
    }

    /// The record of an element.
    pub fn element(element: ElementId) -> Key {
        key(ELEMENT, &element_key(element))
    }

    /// The records of all nodes.
    pub fn all_node_records() -> (Key, Key) {
        let prefix = key(ELEMENT, &element_key(NodeId(0).into())[..1]);
        let end = prefix_end(&prefix);
        (prefix, end)
    }

    /// The records of all relationships.
    pub fn all_relationship_records() -> (Key, Key) {
        let prefix = key(ELEMENT, &element_key(RelationshipId(0).into())[..1]);
        let end = prefix_end(&prefix);
        (prefix, end)
    }

    /// That a node exists or does not.
    pub fn node(id: NodeId) -> Key {
        key(NODE_EXISTS, &id.0.to_be_bytes())
    }

    /// That a relationship of a type exists or does not.
    pub fn relationship(type_id: TypeId, id: RelationshipId) -> Key {
        let mut key = key(RELATIONSHIP_EXISTS, &type_id.0.to_be_bytes());
        key.extend_from_slice(&id.0.to_be_bytes());
        key
    }

    /// All relationships of a type, or of all types.
    pub fn relationships(type_id: Option<TypeId>) -> (Key, Key) {
        let prefix = match type_id {
            Some(type_id) => key(RELATIONSHIP_EXISTS, &type_id.0.to_be_bytes()),
            None => key(RELATIONSHIP_EXISTS, &[]),
        };
        let end = prefix_end(&prefix);
        (prefix, end)
    }

    /// An adjacency row, or the start of some.
    pub fn adjacency(row: &[u8]) -> Key {
        key(ADJACENCY, row)
    }

    /// A label or property row, or the start of some.
    pub fn index(row: &[u8]) -> Key {
        key(INDEX, row)
    }

    /// All nodes of a label.
    pub fn label(label: LabelId) -> (Key, Key) {
        let prefix = index(&label_prefix(label));
        let end = prefix_end(&prefix);
        (prefix, end)
    }

    /// What a name stands for.
    pub fn token(kind: TokenKind, name: &str) -> Key {
        let mut key = key(TOKEN, &[kind as u8]);
        key.extend_from_slice(name.as_bytes());
        key
    }

    /// The indexes and constraints.
    pub fn schema() -> Key {
        key(SCHEMA, &[])
    }

    /// The facts that start with a key.
    pub fn starting_with(prefix: Key) -> (Key, Key) {
        let end = prefix_end(&prefix);
        (prefix, end)
    }
}

/// A fact in words, for the message of a conflict.
fn describe(key: &[u8]) -> String {
    let rest = key.get(1..).unwrap_or(&[]);
    match key.first() {
        Some(&ELEMENT) => match read_element_key(rest) {
            Ok(ElementId::Node(id)) => format!("node {id}"),
            Ok(ElementId::Relationship(id)) => format!("relationship {id}"),
            Err(_) => "an element".to_owned(),
        },
        Some(&NODE_EXISTS) => "the set of nodes".to_owned(),
        Some(&RELATIONSHIP_EXISTS) => "the set of relationships".to_owned(),
        Some(&ADJACENCY) => match rest.first_chunk::<8>() {
            Some(node) => format!("the relationships of node {}", u64::from_be_bytes(*node)),
            None => "relationships".to_owned(),
        },
        Some(&INDEX) => "a label or an indexed or unique property".to_owned(),
        Some(&TOKEN) => "a label, type or property name".to_owned(),
        Some(&SCHEMA) => "the schema".to_owned(),
        _ => "something".to_owned(),
    }
}

/// What one execution read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Footprint {
    /// From the first key up to, not including, the second.
    ranges: Vec<(Key, Key)>,
}

impl Footprint {
    pub fn point(&mut self, key: Key) {
        let mut end = key.clone();
        end.push(0);
        self.range(key, end);
    }

    pub fn range(&mut self, lower: Key, upper: Key) {
        if self
            .ranges
            .last()
            .is_some_and(|(l, u)| *l == lower && *u == upper)
        {
            return;
        }
        self.ranges.push((lower, upper));
        if self.ranges.len() >= 2 * RANGES_MAX {
            self.coalesce();
        }
    }

    /// Sorts the ranges, joins those that overlap, and if there are still too many joins
    /// neighbours of one kind.
    pub fn coalesce(&mut self) {
        self.ranges.sort_unstable();
        self.ranges.dedup_by(|next, before| {
            let joins = next.0 <= before.1;
            if joins && next.1 > before.1 {
                before.1 = std::mem::take(&mut next.1);
            }
            joins
        });
        while self.ranges.len() > RANGES_MAX {
            let before = self.ranges.len();
            let mut is_second = false;
            self.ranges.dedup_by(|next, before| {
                is_second = !is_second && next.0.first() == before.0.first();
                if is_second {
                    before.1 = std::mem::take(&mut next.1);
                }
                is_second
            });
            if self.ranges.len() == before {
                break;
            }
        }
    }
}

/// The keys that one commit wrote, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteKeys {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Whether it is not known by keys what was written.
    is_everything: bool,
}

impl WriteKeys {
    pub fn new(mut keys: Vec<Key>) -> Self {
        keys.sort_unstable();
        keys.dedup();
        let mut sorted = Self::default();
        for key in keys {
            sorted.bytes.extend_from_slice(&key);
            sorted.ends.push(sorted.bytes.len() as u32);
        }
        sorted
    }

    /// Those of a commit that conflicts with whatever was read.
    pub fn everything() -> Self {
        Self {
            is_everything: true,
            ..Self::default()
        }
    }

    fn get(&self, i: usize) -> &[u8] {
        let start = i
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize);
        &self.bytes[start..self.ends[i] as usize]
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of memory.
    pub fn size(&self) -> usize {
        self.bytes.len() + 4 * self.ends.len()
    }

    fn partition(&self, before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if before(self.get(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The first key that lies in a footprint, which must be coalesced, in words.
    pub fn conflict(&self, footprint: &Footprint) -> Option<String> {
        let ranges = &footprint.ranges;
        if self.is_everything {
            return (!ranges.is_empty()).then(|| "a bulk load".to_owned());
        }
        if ranges.len() <= self.len() {
            ranges.iter().find_map(|(lower, upper)| {
                let at = self.partition(|key| key < lower.as_slice());
                (at < self.len() && self.get(at) < upper.as_slice()).then(|| describe(self.get(at)))
            })
        } else {
            (0..self.len()).find_map(|i| {
                let key = self.get(i);
                let at = ranges.partition_point(|(lower, _)| lower.as_slice() <= key);
                at.checked_sub(1)
                    .is_some_and(|at| key < ranges[at].1.as_slice())
                    .then(|| describe(key))
            })
        }
    }
}

/// The write keys of a commit that others may conflict with.
#[derive(Clone, Debug)]
pub(crate) struct Recent {
    pub version: crate::ids::Version,
    pub time: crate::ids::SystemTime,
    pub keys: Arc<WriteKeys>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(ids: &[u64]) -> WriteKeys {
        WriteKeys::new(ids.iter().map(|id| fact::node(NodeId(*id))).collect())
    }

    fn footprint(ranges: &[(u64, u64)]) -> Footprint {
        let mut footprint = Footprint::default();
        for (lower, upper) in ranges {
            footprint.range(fact::node(NodeId(*lower)), fact::node(NodeId(*upper)));
        }
        footprint.coalesce();
        footprint
    }

    #[test]
    fn overlap_is_found_both_ways_of_looking() {
        let many: Vec<_> = (0..50).map(|i| (i * 10, i * 10 + 2)).collect();
        for ranges in [&many[..], &[(100, 102)]] {
            for (ids, expected) in [
                (&[99, 102, 103][..], false),
                (&[101][..], true),
                (&[5, 101, 999][..], true),
                (&[][..], false),
            ] {
                let found = keys(ids).conflict(&footprint(ranges)).is_some();
                assert_eq!(found, expected, "{ids:?} {}", ranges.len());
            }
        }
    }

    #[test]
    fn a_large_footprint_is_coarsened_and_loses_nothing() {
        let mut footprint = Footprint::default();
        for id in 0..200_000_u64 {
            footprint.point(fact::node(NodeId(id * 3)));
        }
        footprint.coalesce();
        assert!(footprint.ranges.len() <= RANGES_MAX);
        for id in [0, 3, 299_997, 599_997] {
            assert!(keys(&[id]).conflict(&footprint).is_some(), "{id}");
        }
        assert!(keys(&[600_000]).conflict(&footprint).is_none());
    }

    #[test]
    fn ranges_join_where_they_overlap() {
        let joined = footprint(&[(5, 9), (1, 3), (2, 6), (20, 21)]);
        assert_eq!(joined.ranges.len(), 2);
        assert!(keys(&[8]).conflict(&joined).is_some());
        assert!(keys(&[9]).conflict(&joined).is_none());
    }
}
