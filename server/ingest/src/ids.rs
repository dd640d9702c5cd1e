//! The nodes of external ids.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use retrograph_graph::ids::NodeId;

use crate::change::ExternalId;

/// The nodes of external ids. Ids that are decimal numbers, the usual case, are kept as numbers.
#[derive(Default)]
pub(crate) struct IdMap {
    spaces: HashMap<Arc<str>, Space>,
}

#[derive(Default)]
struct Space {
    numbers: HashMap<u64, NodeId>,
    texts: HashMap<Arc<str>, NodeId>,
}

/// The number that a text is the only spelling of.
fn as_number(id: &str) -> Option<u64> {
    let is_canonical =
        id.bytes().all(|b| b.is_ascii_digit()) && (id == "0" || !id.starts_with('0'));
    if is_canonical { id.parse().ok() } else { None }
}

impl IdMap {
    pub(crate) fn get(&self, key: &ExternalId) -> Option<NodeId> {
        let space = self.spaces.get(&key.space)?;
        match as_number(&key.id) {
            Some(number) => space.numbers.get(&number).copied(),
            None => space.texts.get(&key.id).copied(),
        }
    }

    /// Adds an id; false if it has a node already, which it keeps.
    pub(crate) fn insert(&mut self, key: &ExternalId, node: NodeId) -> bool {
        let space = match self.spaces.entry(key.space.clone()) {
            Entry::Occupied(space) => space.into_mut(),
            Entry::Vacant(space) => space.insert(Space::default()),
        };
        match as_number(&key.id) {
            Some(number) => vacant(space.numbers.entry(number), node),
            None => vacant(space.texts.entry(key.id.clone()), node),
        }
    }

    pub(crate) fn remove(&mut self, key: &ExternalId) {
        if let Some(space) = self.spaces.get_mut(&key.space) {
            match as_number(&key.id) {
                Some(number) => space.numbers.remove(&number),
                None => space.texts.remove(&key.id),
            };
        }
    }
}

fn vacant<K>(entry: Entry<'_, K, NodeId>, node: NodeId) -> bool {
    match entry {
        Entry::Occupied(_) => false,
        Entry::Vacant(entry) => {
            entry.insert(node);
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_and_spaces_are_told_apart() {
        let key = |space: &str, id: &str| ExternalId {
            space: space.into(),
            id: id.into(),
        };
        let mut map = IdMap::default();
        let keys = ["7", "07", "+7", "", "99999999999999999999999"].map(|id| key("a", id));
        for (number, key) in keys.iter().enumerate() {
            assert!(map.insert(key, NodeId(number as u64)));
            assert!(!map.insert(key, NodeId(100)));
        }
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(map.get(key), Some(NodeId(number as u64)));
        }
        assert_eq!(map.get(&key("b", "7")), None);
        map.remove(&keys[0]);
        assert_eq!(map.get(&keys[0]), None);
        assert_eq!(map.get(&keys[1]), Some(NodeId(1)));
    }
}
