//! Canonical bytes of values and element states, the input of every hash over data.
//!
//! The bytes are CBOR with the core deterministic encoding of RFC 8949, section 4.2: shortest heads,
//! shortest float that keeps the value, definite lengths, map keys ascending. They say the exact
//! type: 1 and 1.0 differ, and -0.0 from 0.0; every NaN is the same. Effects, receipts and replays
//! hash these bytes, so they must never change; they do not depend on how records are stored.
//!
//! | value | CBOR |
//! | --- | --- |
//! | null, boolean, integer, float, string, bytes, list | the plain item |
//! | map | map of text keys, ordered by length, then bytes |
//! | date | tag 100 (RFC 8943), days since 1970-01-01 |
//! | local time | tag 0x52470001, nanoseconds of the day |
//! | time | tag 0x52470002, \[nanoseconds of the day, offset in seconds\] |
//! | local datetime | tag 0x52470003, \[seconds, nanoseconds\] |
//! | datetime | tag 0x52470004, \[seconds, nanoseconds, offset in seconds, zone or null\] |
//! | duration | tag 0x52470005, \[months, days, seconds, nanoseconds\] |
//! | point | tag 0x52470006, \[SRID, x, y (, z)\] |
//! | vector of f32, f64 | tag 85, 86 (RFC 8746), little-endian bytes |
//! | sealed | tag 0x52470007, \[key id, ciphertext\] |
//! | node, relationship | tag 0x52470008, 0x52470009, id |
//! | path | tag 0x5247000a, \[node, relationship, node, …\] |
//! | state of a node | \[0, \[labels\], {key: value}\] |
//! | state of a relationship | \[1, type, start, end, {key: value}\] |

use super::record::ElementState;
use crate::ids::KeyId;
use crate::value::{Map, Value, Vector};

const UNSIGNED: u8 = 0 << 5;
const NEGATIVE: u8 = 1 << 5;
const BYTES: u8 = 2 << 5;
const TEXT: u8 = 3 << 5;
const ARRAY: u8 = 4 << 5;
const MAP: u8 = 5 << 5;
const TAG: u8 = 6 << 5;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;
const HALF: u8 = 0xf9;
const SINGLE: u8 = 0xfa;
const DOUBLE: u8 = 0xfb;

const DATE: u64 = 100;
const VECTOR_F32: u64 = 85;
const VECTOR_F64: u64 = 86;
const LOCAL_TIME: u64 = 0x5247_0001;
const TIME: u64 = 0x5247_0002;
const LOCAL_DATE_TIME: u64 = 0x5247_0003;
const DATE_TIME: u64 = 0x5247_0004;
const DURATION: u64 = 0x5247_0005;
const POINT: u64 = 0x5247_0006;
const SEALED: u64 = 0x5247_0007;
const NODE: u64 = 0x5247_0008;
const RELATIONSHIP: u64 = 0x5247_0009;
const PATH: u64 = 0x5247_000a;

/// Appends the canonical bytes of a value. Allocates nothing but what `out` needs to grow, save
/// for maps, whose keys have to be sorted.
pub fn canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(b) => out.push(if *b { TRUE } else { FALSE }),
        Value::Int(i) => int(*i, out),
        Value::Float(f) => float(*f, out),
        Value::String(s) => text(s, out),
        Value::Bytes(b) => bytes(b, out),
        Value::List(items) => {
            head(ARRAY, items.len() as u64, out);
            for item in items.iter() {
                canonical(item, out);
            }
        }
        Value::Map(entries) => map(entries, out),
        Value::Date(d) => {
            head(TAG, DATE, out);
            int(d.epoch_day, out);
        }
        Value::LocalTime(t) => {
            head(TAG, LOCAL_TIME, out);
            head(UNSIGNED, t.nanosecond_of_day, out);
        }
        Value::Time(t) => {
            tagged_array(TIME, 2, out);
            head(UNSIGNED, t.nanosecond_of_day, out);
            int(i64::from(t.offset_seconds), out);
        }
        Value::LocalDateTime(t) => {
            tagged_array(LOCAL_DATE_TIME, 2, out);
            int(t.epoch_second, out);
            head(UNSIGNED, u64::from(t.nanosecond), out);
        }
        Value::DateTime(t) => {
            tagged_array(DATE_TIME, 4, out);
            int(t.epoch_second, out);
            head(UNSIGNED, u64::from(t.nanosecond), out);
            int(i64::from(t.offset_seconds), out);
            match &t.zone {
                Some(zone) => text(zone, out),
                None => out.push(NULL),
            }
        }
        Value::Duration(d) => {
            tagged_array(DURATION, 4, out);
            int(d.months, out);
            int(d.days, out);
            int(d.seconds, out);
            int(i64::from(d.nanoseconds), out);
        }
        Value::Point(p) => {
            tagged_array(POINT, 1 + u64::from(p.dimensions.min(3)), out);
            head(UNSIGNED, u64::from(p.srid), out);
            for axis in p.axes() {
                float(*axis, out);
            }
        }
        Value::Vector(v) => match &**v {
            Vector::F32(items) => {
                head(TAG, VECTOR_F32, out);
                head(BYTES, items.len() as u64 * 4, out);
                out.extend(items.iter().flat_map(|item| item.to_le_bytes()));
            }
            Vector::F64(items) => {
                head(TAG, VECTOR_F64, out);
                head(BYTES, items.len() as u64 * 8, out);
                out.extend(items.iter().flat_map(|item| item.to_le_bytes()));
            }
        },
        Value::Sealed(s) => {
            tagged_array(SEALED, 2, out);
            head(UNSIGNED, s.key_id, out);
            bytes(&s.ciphertext, out);
        }
        Value::Node(n) => {
            head(TAG, NODE, out);
            head(UNSIGNED, n.id.0, out);
        }
        Value::Relationship(r) => {
            head(TAG, RELATIONSHIP, out);
            head(UNSIGNED, r.id.0, out);
        }
        Value::Path(p) => {
            tagged_array(PATH, (p.nodes.len() + p.relationships.len()) as u64, out);
            let mut relationships = p.relationships.iter();
            for node in &p.nodes {
                head(UNSIGNED, node.0, out);
                if let Some((relationship, _)) = relationships.next() {
                    head(UNSIGNED, relationship.0, out);
                }
            }
        }
    }
}

/// Appends the canonical bytes of an element's state, names given by their tokens.
pub fn canonical_state(state: &ElementState, out: &mut Vec<u8>) {
    match state {
        ElementState::Node { labels, properties } => {
            head(ARRAY, 3, out);
            head(UNSIGNED, 0, out);
            head(ARRAY, labels.len() as u64, out);
            for label in labels {
                head(UNSIGNED, u64::from(label.0), out);
            }
            canonical_properties(properties, out);
        }
        ElementState::Relationship {
            type_id,
            start,
            end,
            properties,
        } => {
            head(ARRAY, 5, out);
            head(UNSIGNED, 1, out);
            head(UNSIGNED, u64::from(type_id.0), out);
            head(UNSIGNED, start.0, out);
            head(UNSIGNED, end.0, out);
            canonical_properties(properties, out);
        }
    }
}

/// Appends properties, sorted by key, as a map from tokens to values.
pub fn canonical_properties(properties: &[(KeyId, Value)], out: &mut Vec<u8>) {
    head(MAP, properties.len() as u64, out);
    // Ascending integers are ascending in their bytes, as deterministic CBOR wants.
    for (key, value) in properties {
        head(UNSIGNED, u64::from(key.0), out);
        canonical(value, out);
    }
}

/// Appends an unsigned integer.
pub fn canonical_u64(n: u64, out: &mut Vec<u8>) {
    head(UNSIGNED, n, out);
}

/// Appends the head of an array of `len` items.
pub fn canonical_array(len: u64, out: &mut Vec<u8>) {
    head(ARRAY, len, out);
}

fn head(major: u8, n: u64, out: &mut Vec<u8>) {
    match n {
        0..=23 => out.push(major | n as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, n as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&(n as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&n.to_be_bytes());
        }
    }
}

fn tagged_array(tag: u64, len: u64, out: &mut Vec<u8>) {
    head(TAG, tag, out);
    head(ARRAY, len, out);
}

fn int(i: i64, out: &mut Vec<u8>) {
    if i < 0 {
        head(NEGATIVE, !i.cast_unsigned(), out);
    } else {
        head(UNSIGNED, i.cast_unsigned(), out);
    }
}

fn text(s: &str, out: &mut Vec<u8>) {
    head(TEXT, s.len() as u64, out);
    out.extend_from_slice(s.as_bytes());
}

fn bytes(b: &[u8], out: &mut Vec<u8>) {
    head(BYTES, b.len() as u64, out);
    out.extend_from_slice(b);
}

fn map(entries: &Map, out: &mut Vec<u8>) {
    head(MAP, entries.len() as u64, out);
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|(key, _)| key.len());
    for (key, value) in sorted {
        text(key, out);
        canonical(value, out);
    }
}

fn float(f: f64, out: &mut Vec<u8>) {
    if f.is_nan() {
        out.extend_from_slice(&[HALF, 0x7e, 0x00]);
        return;
    }
    let single = f as f32;
    if f64::from(single).to_bits() != f.to_bits() {
        out.push(DOUBLE);
        out.extend_from_slice(&f.to_be_bytes());
    } else if let Some(half) = exact_half(single) {
        out.push(HALF);
        out.extend_from_slice(&half.to_be_bytes());
    } else {
        out.push(SINGLE);
        out.extend_from_slice(&single.to_be_bytes());
    }
}

/// The bits of the half-precision float equal to `f`, if there is one.
fn exact_half(f: f32) -> Option<u16> {
    let bits = f.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let exponent = ((bits >> 23) & 0xff).cast_signed();
    let mantissa = bits & 0x007f_ffff;
    match exponent {
        0 => (mantissa == 0).then_some(sign),
        0xff => (mantissa == 0).then_some(sign | 0x7c00),
        // Normal halves: exponents -14..=15, ten bits of mantissa.
        113..=142 => (mantissa & 0x1fff == 0)
            .then_some(sign | (((exponent - 112) as u16) << 10) | (mantissa >> 13) as u16),
        // Subnormal halves: multiples of 2^-24.
        103..=112 => {
            let full = mantissa | 0x0080_0000;
            let shift = 126 - exponent;
            (full & ((1 << shift) - 1) == 0).then_some(sign | (full >> shift) as u16)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::LabelId;
    use crate::value::generate::{anything, states};
    use crate::value::temporal::{Date, DateTime};

    fn hex(value: impl Into<Value>) -> String {
        let mut out = Vec::new();
        canonical(&value.into(), &mut out);
        out.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    proptest! {
        #[test]
        fn different_values_have_different_bytes(a in anything(), b in anything()) {
            // Neither the bytes nor this text know the payload of a NaN or the view of an element.
            let text = |value: &Value| format!("{value:?}").replace("view: 1", "view: 0");
            prop_assert_eq!(hex(a.clone()) == hex(b.clone()), text(&a) == text(&b));
        }

        #[test]
        fn different_states_have_different_bytes(a in states(), b in states()) {
            let bytes = |state| {
                let mut out = Vec::new();
                canonical_state(state, &mut out);
                out
            };
            prop_assert_eq!(bytes(&a) == bytes(&b), format!("{a:?}") == format!("{b:?}"));
        }
    }

    /// The examples of RFC 8949, appendix A.
    #[test]
    fn bytes_are_those_of_the_standard() {
        for (int, bytes) in [
            (0, "00"),
            (23, "17"),
            (24, "1818"),
            (1_000, "1903e8"),
            (1_000_000, "1a000f4240"),
            (1_000_000_000_000, "1b000000e8d4a51000"),
            (-1, "20"),
            (-1_000, "3903e7"),
            (i64::MIN, "3b7fffffffffffffff"),
        ] {
            assert_eq!(hex(int), bytes);
        }
        for (float, bytes) in [
            (0.0, "f90000"),
            (-0.0, "f98000"),
            (1.0, "f93c00"),
            (1.1, "fb3ff199999999999a"),
            (1.5, "f93e00"),
            (65_504.0, "f97bff"),
            (100_000.0, "fa47c35000"),
            (3.402_823_466_385_288_6e38, "fa7f7fffff"),
            (1.0e300, "fb7e37e43c8800759c"),
            (5.960_464_477_539_063e-8, "f90001"),
            (0.000_061_035_156_25, "f90400"),
            (-4.0, "f9c400"),
            (-4.1, "fbc010666666666666"),
            (f64::INFINITY, "f97c00"),
            (f64::NAN, "f97e00"),
            (f64::NEG_INFINITY, "f9fc00"),
        ] {
            assert_eq!(hex(float), bytes, "{float}");
        }
        assert_eq!(hex("ü"), "62c3bc");
        assert_eq!(
            hex(Value::Bytes([1, 2, 3, 4].as_slice().into())),
            "4401020304"
        );
        assert_eq!(
            hex(vec![Value::Int(1), vec![Value::Int(2)].into(), Value::Null]),
            "83018102f6"
        );
        let map = Value::map([("aa", Value::Int(1)), ("b", Value::Bool(true))]);
        assert_eq!(hex(map), "a26162f562616101");
    }

    /// Hashes over these bytes are signed: they may never change.
    #[test]
    fn bytes_of_today() {
        assert_eq!(hex(Date { epoch_day: -1 }), "d86420");
        let datetime = DateTime {
            epoch_second: 10,
            nanosecond: 5,
            offset_seconds: 3_600,
            zone: Some("Europe/Stockholm".into()),
        };
        let zone = "704575726f70652f53746f636b686f6c6d";
        assert_eq!(hex(datetime), format!("da52470004840a05190e10{zone}"));
        let state = ElementState::Node {
            labels: vec![LabelId(1), LabelId(30)],
            properties: vec![(KeyId(2), Value::Int(3))],
        };
        let mut out = Vec::new();
        canonical_state(&state, &mut out);
        assert_eq!(out, [0x83, 0x00, 0x82, 0x01, 0x18, 0x1e, 0xa1, 0x02, 0x03]);
    }
}
