//! Ordered keys of values: what decodes has one key, and keys sort as the values do.
//!
//! The input is two keys one after another, then read again as two stored values.

#![no_main]

use libfuzzer_sys::fuzz_target;
use retrograph_graph::encoding::value::decode_value;
use retrograph_graph::encoding::varint::Reader;
use retrograph_graph::value::Value;
use retrograph_graph::value::key::{decode_key, key_of, skip_key};

fuzz_target!(|bytes: &[u8]| {
    if let Some((first, rest)) = one_key(bytes) {
        if let Some((second, _)) = one_key(rest) {
            same_order(&first, &second);
        }
    }
    let mut reader = Reader::new(bytes);
    if let Ok(first) = decode_value(&mut reader) {
        survives(&first);
        if let Ok(second) = decode_value(&mut reader) {
            survives(&second);
            same_order(&first, &second);
        }
    }
});

fn one_key(bytes: &[u8]) -> Option<(Value, &[u8])> {
    // Skipping is laxer than decoding, so it must not fail where decoding succeeds.
    let skipped = skip_key(bytes);
    let (value, rest) = decode_key(bytes).ok()?;
    assert_eq!(skipped, Ok(rest));
    assert_eq!(
        key_of(&value),
        bytes[..bytes.len() - rest.len()],
        "{value:?}"
    );
    Some((value, rest))
}

fn survives(value: &Value) {
    let key = key_of(value);
    let (again, rest) = decode_key(&key).expect("a key of a stored value decodes");
    assert!(rest.is_empty());
    assert!(again.equivalent(value), "{value:?} became {again:?}");
}

fn same_order(first: &Value, second: &Value) {
    let order = first.cmp_order(second);
    assert_eq!(
        second.cmp_order(first),
        order.reverse(),
        "{first:?} and {second:?}"
    );
    assert_eq!(
        first.equivalent(second),
        order.is_eq(),
        "{first:?} and {second:?}"
    );
    let (first_key, second_key) = (key_of(first), key_of(second));
    assert_eq!(
        first_key.cmp(&second_key),
        order,
        "{first:?} and {second:?}"
    );
    // No key starts another, so keys can be concatenated.
    if order.is_ne() {
        assert!(!first_key.starts_with(&second_key) && !second_key.starts_with(&first_key));
    }
}
