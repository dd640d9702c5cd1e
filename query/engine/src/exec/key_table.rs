//! Hashing of rows of values by equivalence.

use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;
use retrograph_graph::value::Value;

use super::vector::value_bytes;

/// Numbers distinct keys 0, 1, 2 … in the order in which they first appear. A key is a fixed number
/// of values; two keys are the same if their values are equivalent.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyTable {
    width: usize,
    count: u32,
    /// The values of all keys, one key after the other.
    keys: Vec<Value>,
    table: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    bytes: usize,
}

impl KeyTable {
    /// A table of keys of so many values.
    pub(crate) fn new(width: usize) -> Self {
        Self {
            width,
            ..Self::default()
        }
    }

    /// The number of a key, and whether it is new.
    pub(crate) fn number(&mut self, key: &[Value]) -> (u32, bool) {
        let Self {
            width,
            keys,
            table,
            hasher,
            ..
        } = self;
        let stored = |number: u32| &keys[number as usize * *width..][..*width];
        let hash = hash_key(hasher, key);
        let same = |number: &u32| {
            stored(*number)
                .iter()
                .zip(key)
                .all(|(left, right)| left.equivalent(right))
        };
        if let Some(number) = table.find(hash, same) {
            return (*number, false);
        }
        let number = self.count;
        table.insert_unique(hash, number, |number| hash_key(hasher, stored(*number)));
        self.bytes += 16 + key.iter().map(value_bytes).sum::<usize>();
        self.keys.extend_from_slice(key);
        self.count += 1;
        (number, true)
    }

    /// The value at a place of a key.
    pub(crate) fn value(&self, number: u32, place: usize) -> &Value {
        &self.keys[number as usize * self.width + place]
    }

    /// The number of keys.
    pub(crate) fn len(&self) -> u32 {
        self.count
    }

    /// The bytes it occupies.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Empties the table.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
        self.keys.clear();
        self.table.clear();
        self.bytes = 0;
    }
}

fn hash_key(hasher: &foldhash::fast::RandomState, key: &[Value]) -> u64 {
    let mut state = hasher.build_hasher();
    key.iter()
        .for_each(|value| value.hash_equivalent(&mut state));
    state.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_keys_have_one_number() {
        let mut table = KeyTable::new(2);
        let key = |left: Value, right: Value| [left, right];
        assert_eq!(table.number(&key(Value::Int(1), Value::Null)), (0, true));
        assert_eq!(
            table.number(&key(Value::Float(1.0), Value::Null)),
            (0, false)
        );
        assert_eq!(table.number(&key(Value::Null, Value::Int(1))), (1, true));
        let nan = || key(Value::Float(f64::NAN), Value::Bool(true));
        assert_eq!(table.number(&nan()), (2, true));
        assert_eq!(table.number(&nan()), (2, false));
        assert_eq!(table.len(), 3);
        assert!(table.value(1, 0).is_null());
        table.clear();
        assert_eq!(table.number(&nan()), (0, true));
    }
}
