//! Order-preserving bytes of values, for index keys, uniqueness, sorting and grouping.
//!
//! For any two values the bytes compare as [`Value::cmp_order`] does, and they are equal exactly if
//! the values are equivalent. No encoding is a prefix of another's, so keys can be concatenated.
//!
//! ```text
//! value    := rank payload            rank: the type's place in the total order, never 0
//! number   := double [rest]           one line for integers and floats:
//!             double: the greatest 64-bit float not above the number, as sortable bytes
//!             rest: what an integer has above it, two bytes, only if |double| ≥ 2^53
//! string   := bytes with 00 → 00 ff, then 00 00           (byte strings likewise)
//! list     := item* 00
//! map      := size key* value*
//! boolean  := 00 | 01
//! signed integers: sign bit flipped, big-endian
//! datetime := seconds(8) nanosecond(4) offset(4) (00 | 01 zone)
//! time     := UTC nanoseconds(8) offset(4)
//! duration := average length in nanoseconds(16) months(8) days(8)
//! point    := SRID(4) dimensions(1) coordinates
//! path     := node (01 relationship node)* 00
//! ```
//!
//! The format is part of every index row: changing it means a new format of the rows.

use std::borrow::Cow;
use std::sync::Arc;

use super::order::{exact_int, rank};
use super::temporal::{Date, DateTime, Duration, LocalDateTime, LocalTime, Time};
use super::{Map, NodeRef, Point, RelationshipRef, Sealed, Value, Vector};
use crate::encoding::DecodeError;
use crate::encoding::varint::Reader;
use crate::ids::{NodeId, RelationshipId};

/// Lists and maps nested deeper than this are refused when decoding keys.
const DEPTH_MAX: usize = 64;

const ESCAPE: u8 = 0x00;
const ESCAPED_ZERO: u8 = 0xff;
const END: u8 = 0x00;
const MORE: u8 = 0x01;

/// Appends the key of a value.
pub fn encode_key(value: &Value, out: &mut Vec<u8>) {
    out.push(value.rank());
    match value {
        Value::Null => {}
        Value::Bool(b) => out.push(u8::from(*b)),
        Value::Int(i) => put_int(*i, out),
        Value::Float(f) if f.is_nan() => {}
        Value::Float(f) => put_float_number(*f, out),
        Value::String(s) => put_terminated(s.as_bytes(), out),
        Value::Bytes(b) => put_terminated(b, out),
        Value::List(items) => {
            for item in items.iter() {
                encode_key(item, out);
            }
            out.push(END);
        }
        Value::Map(map) => {
            out.extend_from_slice(&(map.len() as u64).to_be_bytes());
            for key in map.keys() {
                put_terminated(key.as_bytes(), out);
            }
            for value in map.values() {
                encode_key(value, out);
            }
        }
        Value::Date(d) => put_i64(d.epoch_day, out),
        Value::LocalTime(t) => out.extend_from_slice(&t.nanosecond_of_day.to_be_bytes()),
        Value::Time(t) => {
            put_i64(t.utc_nanoseconds(), out);
            put_i32(t.offset_seconds, out);
        }
        Value::LocalDateTime(t) => {
            put_i64(t.epoch_second, out);
            out.extend_from_slice(&t.nanosecond.to_be_bytes());
        }
        Value::DateTime(t) => {
            put_i64(t.epoch_second, out);
            out.extend_from_slice(&t.nanosecond.to_be_bytes());
            put_i32(t.offset_seconds, out);
            match &t.zone {
                None => out.push(END),
                Some(zone) => {
                    out.push(MORE);
                    put_terminated(zone.as_bytes(), out);
                }
            }
        }
        Value::Duration(d) => {
            let length = d.average_nanoseconds().cast_unsigned() ^ (1 << 127);
            out.extend_from_slice(&length.to_be_bytes());
            put_i64(d.months, out);
            put_i64(d.days, out);
        }
        Value::Point(p) => {
            out.extend_from_slice(&p.srid.to_be_bytes());
            out.push(p.dimensions);
            for axis in p.axes() {
                out.extend_from_slice(&sortable(*axis).to_be_bytes());
            }
        }
        Value::Vector(v) => put_vector(v, out),
        Value::Sealed(s) => {
            out.extend_from_slice(&s.key_id.to_be_bytes());
            put_terminated(&s.ciphertext, out);
        }
        Value::Node(n) => out.extend_from_slice(&n.id.0.to_be_bytes()),
        Value::Relationship(r) => out.extend_from_slice(&r.id.0.to_be_bytes()),
        Value::Path(p) => {
            let mut nodes = p.nodes.iter();
            if let Some(first) = nodes.next() {
                out.extend_from_slice(&first.0.to_be_bytes());
            }
            for ((relationship, _), node) in p.relationships.iter().zip(nodes) {
                out.push(MORE);
                out.extend_from_slice(&relationship.0.to_be_bytes());
                out.extend_from_slice(&node.0.to_be_bytes());
            }
            out.push(END);
        }
    }
}

/// The key of a value; see [`encode_key`].
#[must_use]
pub fn key_of(value: &Value) -> Vec<u8> {
    let mut key = Vec::with_capacity(12);
    encode_key(value, &mut key);
    key
}

/// The half-open range of keys of all strings that start with `prefix`.
#[must_use]
pub fn string_prefix_range(prefix: &str) -> (Vec<u8>, Vec<u8>) {
    let mut lower = vec![rank::STRING];
    put_escaped(prefix.as_bytes(), &mut lower);
    let upper = prefix_end(&lower);
    (lower, upper)
}

/// The text of a key that is a string, without copying it where it can be had so.
pub(crate) fn text_in_key(key: &[u8]) -> Option<Cow<'_, str>> {
    let escaped = key
        .strip_prefix(&[rank::STRING])?
        .strip_suffix(&[ESCAPE, END])?;
    if !escaped.contains(&ESCAPE) {
        return std::str::from_utf8(escaped).ok().map(Cow::Borrowed);
    }
    match decode_key(key) {
        Ok((Value::String(text), [])) => Some(Cow::Owned(text.to_string())),
        _ => None,
    }
}

/// The half-open range of keys of all values that share the type of `value` in the total order.
/// All numbers are one type here, without NaN.
#[must_use]
pub fn type_range(value: &Value) -> (Vec<u8>, Vec<u8>) {
    let rank = value.rank();
    (vec![rank], vec![rank + 1])
}

/// The least byte string greater than all that start with `prefix`; empty (no bound) if there is
/// none, which no key of this module can cause as ranks stay below 0xff.
#[must_use]
pub fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let keep = prefix
        .iter()
        .rposition(|&byte| byte != 0xff)
        .map_or(0, |last| last + 1);
    let mut end = prefix[..keep].to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

/// Decodes the key at the start of `bytes` into an equivalent value, and returns the bytes behind
/// it. A number that is whole comes back as an integer if it fits. Keys of paths are one-way.
pub fn decode_key(bytes: &[u8]) -> Result<(Value, &[u8]), DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = decode(&mut reader, DEPTH_MAX)?;
    Ok((value, reader.rest()))
}

/// Returns the bytes behind the key at the start of `bytes`, without building the value.
pub fn skip_key(bytes: &[u8]) -> Result<&[u8], DecodeError> {
    let mut reader = Reader::new(bytes);
    match reader.u8("key")? {
        rank::NUMBER => {
            number(&mut reader)?;
        }
        rank::STRING | rank::BYTES => skip_terminated(&mut reader)?,
        rank::BOOL => {
            reader.u8("boolean")?;
        }
        _ => return decode_key(bytes).map(|(_, rest)| rest),
    }
    Ok(reader.rest())
}

fn decode(reader: &mut Reader<'_>, depth: usize) -> Result<Value, DecodeError> {
    let offset = reader.offset();
    if depth == 0 {
        return Err(DecodeError::Invalid {
            what: "depth of a key",
            offset,
        });
    }
    let found = reader.u8("key")?;
    Ok(match found {
        rank::NULL => Value::Null,
        rank::NAN => Value::Float(f64::NAN),
        rank::BOOL => match reader.u8("boolean")? {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            _ => {
                return Err(DecodeError::Invalid {
                    what: "boolean",
                    offset,
                });
            }
        },
        rank::NUMBER => number(reader)?,
        rank::STRING => Value::String(string(reader)?),
        rank::BYTES => Value::Bytes(terminated(reader)?.into()),
        rank::LIST => {
            let mut items = Vec::new();
            while reader.rest().first() != Some(&END) {
                items.push(decode(reader, depth - 1)?);
            }
            reader.u8("list")?;
            Value::List(items.into())
        }
        rank::MAP => {
            let size = u64::from_be_bytes(reader.array("map")?);
            // Every entry takes three bytes at least, so a false size ends in an error soon.
            let keys = (0..size)
                .map(|_| string(reader))
                .collect::<Result<Vec<_>, _>>()?;
            if !keys.is_sorted_by(|left, right| left < right) {
                return Err(DecodeError::Invalid {
                    what: "map",
                    offset,
                });
            }
            let mut map = Map::new();
            for key in keys {
                map.insert(key, decode(reader, depth - 1)?);
            }
            Value::Map(Arc::new(map))
        }
        rank::NODE => Value::Node(NodeRef {
            id: NodeId(u64::from_be_bytes(reader.array("node")?)),
            view: 0,
        }),
        rank::RELATIONSHIP => Value::Relationship(RelationshipRef {
            id: RelationshipId(u64::from_be_bytes(reader.array("relationship")?)),
            view: 0,
        }),
        rank::POINT => point(reader)?,
        rank::VECTOR => vector(reader)?,
        rank::SEALED => {
            let key_id = u64::from_be_bytes(reader.array("key id")?);
            Value::Sealed(Arc::new(Sealed {
                key_id,
                ciphertext: terminated(reader)?,
            }))
        }
        rank::DATE_TIME
        | rank::LOCAL_DATE_TIME
        | rank::DATE
        | rank::TIME
        | rank::LOCAL_TIME
        | rank::DURATION => temporal(found, reader)?,
        _ => {
            return Err(DecodeError::Unknown {
                what: "key rank",
                found,
                offset,
            });
        }
    })
}

fn temporal(found: u8, reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let offset = reader.offset();
    let invalid = |what| DecodeError::Invalid { what, offset };
    let value = match found {
        rank::DATE => Value::Date(Date {
            epoch_day: get_i64(reader, "date")?,
        }),
        rank::LOCAL_TIME => {
            let nanosecond_of_day = u64::from_be_bytes(reader.array("local time")?);
            Value::LocalTime(LocalTime { nanosecond_of_day })
        }
        rank::TIME => {
            let utc = get_i64(reader, "time")?;
            let offset_seconds = get_i32(reader, "time")?;
            let local = utc.checked_add(i64::from(offset_seconds) * 1_000_000_000);
            let nanosecond_of_day = local
                .and_then(|n| u64::try_from(n).ok())
                .ok_or_else(|| invalid("time"))?;
            Value::Time(Time {
                nanosecond_of_day,
                offset_seconds,
            })
        }
        rank::LOCAL_DATE_TIME => Value::LocalDateTime(LocalDateTime {
            epoch_second: get_i64(reader, "local datetime")?,
            nanosecond: u32::from_be_bytes(reader.array("nanosecond")?),
        }),
        rank::DATE_TIME => {
            let epoch_second = get_i64(reader, "datetime")?;
            let nanosecond = u32::from_be_bytes(reader.array("nanosecond")?);
            let offset_seconds = get_i32(reader, "offset")?;
            let zone = match reader.u8("zone")? {
                END => None,
                MORE => Some(string(reader)?),
                _ => return Err(invalid("zone")),
            };
            Value::DateTime(Arc::new(DateTime {
                epoch_second,
                nanosecond,
                offset_seconds,
                zone,
            }))
        }
        _ => {
            let length = u128::from_be_bytes(reader.array("duration")?) ^ (1 << 127);
            let months = get_i64(reader, "duration")?;
            let days = get_i64(reader, "duration")?;
            let anchor = Duration {
                months,
                days,
                seconds: 0,
                nanoseconds: 0,
            };
            let rest = length
                .cast_signed()
                .checked_sub(anchor.average_nanoseconds())
                .ok_or_else(|| invalid("duration"))?;
            let seconds =
                i64::try_from(rest.div_euclid(1_000_000_000)).map_err(|_| invalid("duration"))?;
            // Below 10⁹ by the modulus.
            let nanoseconds = rest.rem_euclid(1_000_000_000) as i32;
            Value::Duration(Arc::new(Duration {
                months,
                days,
                seconds,
                nanoseconds,
            }))
        }
    };
    if !value.is_well_formed() {
        return Err(invalid("temporal value"));
    }
    Ok(value)
}

/// Floats as bytes that sort as the numbers do, zeros alike and NaN last.
pub(crate) fn sortable(float: f64) -> u64 {
    let bits = if float == 0.0 {
        0
    } else if float.is_nan() {
        f64::NAN.to_bits() & !(1 << 63)
    } else {
        float.to_bits()
    };
    if bits >> 63 == 1 {
        !bits
    } else {
        bits ^ (1 << 63)
    }
}

fn from_sortable(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 1 {
        bits ^ (1 << 63)
    } else {
        !bits
    })
}

/// Reads a float whose bytes are those that [`sortable`] gives it: no negative zero, one NaN.
fn canonical_float(reader: &mut Reader<'_>, what: &'static str) -> Result<f64, DecodeError> {
    let offset = reader.offset();
    let bits = u64::from_be_bytes(reader.array(what)?);
    let float = from_sortable(bits);
    if sortable(float) != bits {
        return Err(DecodeError::Invalid { what, offset });
    }
    Ok(float)
}

/// From here on floats are spaced more than 1 apart, so integers need a rest.
const SPARSE: f64 = 9_007_199_254_740_992.0;

fn put_int(int: i64, out: &mut Vec<u8>) {
    let mut float = int as f64;
    // The cast rounds to nearest; step below the integer if it rounded up. 2^63 is no i64, so the
    // comparison is made in 128 bits, where both are exact.
    if float as i128 > i128::from(int) {
        float = float.next_down();
    }
    out.extend_from_slice(&sortable(float).to_be_bytes());
    if float.abs() >= SPARSE {
        // Doubles below 2^63 are at most 1,024 apart.
        let rest = (i128::from(int) - float as i128) as u16;
        out.extend_from_slice(&rest.to_be_bytes());
    }
}

fn put_float_number(float: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(&sortable(float).to_be_bytes());
    if float.abs() >= SPARSE {
        out.extend_from_slice(&[0, 0]);
    }
}

fn number(reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let offset = reader.offset();
    let invalid = DecodeError::Invalid {
        what: "number",
        offset,
    };
    let bits = u64::from_be_bytes(reader.array("number")?);
    let float = from_sortable(bits);
    if sortable(float) != bits || float.is_nan() {
        return Err(invalid);
    }
    let rest = if float.abs() >= SPARSE {
        u16::from_be_bytes(reader.array("number")?)
    } else {
        0
    };
    if rest == 0 {
        return Ok(exact_int(float).map_or(Value::Float(float), Value::Int));
    }
    let next = exact_int(float).and_then(|int| int.checked_add(i64::from(rest)));
    match next {
        // The rest must not reach the next float, or one number would have two keys.
        Some(int) if i128::from(int) < float.next_up() as i128 => Ok(Value::Int(int)),
        _ => Err(invalid),
    }
}

fn put_vector(vector: &Vector, out: &mut Vec<u8>) {
    match vector {
        Vector::F32(items) => {
            out.push(4);
            out.extend_from_slice(&(items.len() as u64).to_be_bytes());
            for item in items {
                out.extend_from_slice(&sortable(f64::from(*item)).to_be_bytes());
            }
        }
        Vector::F64(items) => {
            out.push(8);
            out.extend_from_slice(&(items.len() as u64).to_be_bytes());
            for item in items {
                out.extend_from_slice(&sortable(*item).to_be_bytes());
            }
        }
    }
}

fn vector(reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let offset = reader.offset();
    let width = reader.u8("vector")?;
    let count = u64::from_be_bytes(reader.array("vector")?);
    if count > reader.remaining() as u64 / 8 {
        return Err(DecodeError::Truncated {
            what: "vector",
            offset,
        });
    }
    let items: Vec<f64> = (0..count)
        .map(|_| canonical_float(reader, "vector"))
        .collect::<Result<_, DecodeError>>()?;
    // A component that no 32-bit float has would read as its neighbour.
    let is_single = |float: &f64| float.is_nan() || f64::from(*float as f32) == *float;
    match width {
        4 if items.iter().all(is_single) => Ok(Value::Vector(Arc::new(Vector::F32(
            items.iter().map(|f| *f as f32).collect(),
        )))),
        8 => Ok(Value::Vector(Arc::new(Vector::F64(items)))),
        _ => Err(DecodeError::Invalid {
            what: "vector",
            offset,
        }),
    }
}

fn point(reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let offset = reader.offset();
    let srid = u32::from_be_bytes(reader.array("point")?);
    let dimensions = reader.u8("point")?;
    if !(2..=3).contains(&dimensions) {
        return Err(DecodeError::Invalid {
            what: "dimensions of a point",
            offset,
        });
    }
    let mut coordinates = [0.0; 3];
    for axis in &mut coordinates[..usize::from(dimensions)] {
        *axis = canonical_float(reader, "point")?;
    }
    Ok(Value::Point(Arc::new(Point {
        srid,
        coordinates,
        dimensions,
    })))
}

fn put_i64(n: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&(n.cast_unsigned() ^ (1 << 63)).to_be_bytes());
}

fn put_i32(n: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&(n.cast_unsigned() ^ (1 << 31)).to_be_bytes());
}

fn get_i64(reader: &mut Reader<'_>, what: &'static str) -> Result<i64, DecodeError> {
    Ok((u64::from_be_bytes(reader.array(what)?) ^ (1 << 63)).cast_signed())
}

fn get_i32(reader: &mut Reader<'_>, what: &'static str) -> Result<i32, DecodeError> {
    Ok((u32::from_be_bytes(reader.array(what)?) ^ (1 << 31)).cast_signed())
}

fn put_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    let mut parts = bytes.split(|&byte| byte == ESCAPE);
    if let Some(first) = parts.next() {
        out.extend_from_slice(first);
    }
    for part in parts {
        out.extend_from_slice(&[ESCAPE, ESCAPED_ZERO]);
        out.extend_from_slice(part);
    }
}

fn put_terminated(bytes: &[u8], out: &mut Vec<u8>) {
    put_escaped(bytes, out);
    out.extend_from_slice(&[END, END]);
}

fn terminated(reader: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    let start = reader.offset();
    let mut bytes = Vec::new();
    loop {
        let Some(len) = reader.rest().iter().position(|&byte| byte == ESCAPE) else {
            return Err(DecodeError::Truncated {
                what: "string",
                offset: start,
            });
        };
        bytes.extend_from_slice(reader.take(len, "string")?);
        match reader.array::<2>("string")? {
            [_, END] => return Ok(bytes),
            [_, ESCAPED_ZERO] => bytes.push(0),
            [_, found] => {
                return Err(DecodeError::Unknown {
                    what: "escape in a string",
                    found,
                    offset: reader.offset() - 1,
                });
            }
        }
    }
}

fn skip_terminated(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    loop {
        let rest = reader.rest();
        let len = rest
            .iter()
            .position(|&byte| byte == ESCAPE)
            .unwrap_or(rest.len());
        reader.take(len, "string")?;
        if reader.array::<2>("string")?[1] == END {
            return Ok(());
        }
    }
}

fn string(reader: &mut Reader<'_>) -> Result<Arc<str>, DecodeError> {
    let offset = reader.offset();
    match String::from_utf8(terminated(reader)?) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err(DecodeError::Invalid {
            what: "UTF-8",
            offset,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hasher};

    use proptest::prelude::*;

    use super::*;
    use crate::value::generate::{anything, floats, ints, storable, strings};

    fn hash(value: &Value) -> u64 {
        let mut hasher = DefaultHasher::new();
        value.hash_equivalent(&mut hasher);
        hasher.finish()
    }

    fn check_pair(a: &Value, b: &Value) -> Result<(), TestCaseError> {
        let order = a.cmp_order(b);
        prop_assert_eq!(key_of(a).cmp(&key_of(b)), order, "{:?} and {:?}", a, b);
        prop_assert_eq!(b.cmp_order(a), order.reverse(), "{:?} and {:?}", a, b);
        prop_assert_eq!(a.equivalent(b), order.is_eq(), "{:?} and {:?}", a, b);
        if order.is_eq() {
            prop_assert_eq!(hash(a), hash(b), "{:?} and {:?}", a, b);
        }
        if let crate::value::order::Comparison::Ordered(compared) = a.compare(b) {
            prop_assert_eq!(compared, order, "{:?} and {:?}", a, b);
        }
        match a.equals(b) {
            Some(true) => prop_assert!(order.is_eq(), "{:?} and {:?}", a, b),
            // NaN is equivalent to itself but not equal, also inside other values.
            Some(false) if order.is_eq() => {
                let has_nan = format!("{a:?}").contains("NaN");
                prop_assert!(has_nan, "{:?} and {:?}", a, b);
            }
            _ => {}
        }
        Ok(())
    }

    #[test]
    fn a_map_whose_names_are_out_of_order_is_refused() {
        let map = ["a", "b"]
            .map(|name| (name.into(), Value::Null))
            .into_iter()
            .collect();
        let mut bytes = key_of(&Value::Map(Arc::new(map)));
        assert!(decode_key(&bytes).is_ok());
        let second = bytes
            .iter()
            .rposition(|&byte| byte == b'b')
            .expect("the second name");
        bytes[second] = b'A';
        assert!(matches!(
            decode_key(&bytes),
            Err(DecodeError::Invalid { what: "map", .. })
        ));
    }

    #[test]
    fn floats_in_points_and_vectors_have_one_key() {
        let point = Value::Point(Arc::new(Point {
            srid: 7203,
            coordinates: [0.0, f64::NAN, 0.0],
            dimensions: 2,
        }));
        let mut bytes = key_of(&point);
        assert!(decode_key(&bytes).is_ok());
        // Another NaN, and a zero below zero.
        *bytes.last_mut().expect("a byte") ^= 1;
        assert!(decode_key(&bytes).is_err());
        let mut bytes = key_of(&point);
        bytes[6..14].copy_from_slice(&(!(-0.0_f64).to_bits()).to_be_bytes());
        assert!(decode_key(&bytes).is_err());
        // A 64-bit float in a vector of 32-bit ones.
        let mut bytes = key_of(&Value::Vector(Arc::new(Vector::F64(vec![0.1]))));
        bytes[1] = 4;
        assert!(decode_key(&bytes).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn bytes_are_ordered_like_numbers(a in ints(), b in ints(), x in floats(), y in floats()) {
            let (a, b, x, y) = (Value::Int(a), Value::Int(b), Value::Float(x), Value::Float(y));
            check_pair(&a, &b)?;
            check_pair(&a, &x)?;
            check_pair(&x, &y)?;
        }

        #[test]
        fn bytes_are_ordered_like_storable_values(a in storable(), b in storable()) {
            check_pair(&a, &b)?;
        }

        #[test]
        fn bytes_are_ordered_like_any_values(a in anything(), b in anything(), c in anything()) {
            check_pair(&a, &b)?;
            check_pair(&a, &a.clone())?;
            let mut sorted = [a, b, c];
            sorted.sort_by(Value::cmp_order);
            prop_assert!(sorted[0].cmp_order(&sorted[2]).is_le());
        }

        #[test]
        fn keys_decode_to_equivalent_values(value in anything(), rest: [u8; 3]) {
            let mut bytes = key_of(&value);
            bytes.extend(rest);
            if format!("{value:?}").contains("Path") {
                return Ok(());
            }
            let (decoded, behind) = decode_key(&bytes).unwrap();
            prop_assert!(decoded.equivalent(&value), "{:?} became {:?}", value, decoded);
            prop_assert_eq!(behind, &rest[..]);
            prop_assert_eq!(skip_key(&bytes).unwrap(), &rest[..]);
        }

        #[test]
        fn changed_keys_are_refused_or_read_anew(
            value in anything(),
            at: prop::sample::Index,
            byte: u8,
            cut: prop::sample::Index,
        ) {
            let mut bytes = key_of(&value);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(cut.index(bytes.len() + 1));
            if let Ok((decoded, rest)) = decode_key(&bytes) {
                let again = key_of(&decoded);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - rest.len()]);
            }
            let _ = skip_key(&bytes);
        }

        #[test]
        fn a_prefix_range_holds_exactly_the_strings_with_the_prefix(p in strings(), s in strings()) {
            let (lower, upper) = string_prefix_range(&p);
            let key = key_of(&Value::string(s.as_str()));
            prop_assert_eq!(lower <= key && key < upper, s.starts_with(&p));
            let (lower, upper) = type_range(&Value::string(s.as_str()));
            prop_assert!(lower <= key && key < upper);
        }
    }

    #[test]
    fn integers_that_no_float_can_tell_apart_keep_their_order() {
        let two_to_53 = 1_i64 << 53;
        let line = [
            Value::Float(f64::NEG_INFINITY),
            Value::Int(i64::MIN),
            Value::Int(i64::MIN + 1),
            Value::Int(-two_to_53 - 1),
            Value::Float(-5e-324),
            Value::Int(0),
            Value::Float(5e-324),
            Value::Int(two_to_53),
            Value::Int(two_to_53 + 1),
            Value::Float(9_007_199_254_740_994.0),
            Value::Int(i64::MAX - 1),
            Value::Int(i64::MAX),
            Value::Float(9_223_372_036_854_775_808.0),
            Value::Float(f64::INFINITY),
            Value::Float(f64::NAN),
            Value::Null,
        ];
        let keys: Vec<_> = line.iter().map(key_of).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        assert_eq!(key_of(&Value::Int(1)), key_of(&Value::Float(1.0)));
        assert_eq!(key_of(&Value::Int(0)), key_of(&Value::Float(-0.0)));
    }

    /// Keys are on disk: these bytes may never change.
    #[test]
    fn bytes_of_today() {
        let hex = |value: Value| -> String {
            key_of(&value)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect()
        };
        assert_eq!(hex(Value::Int(42)), "90c045000000000000");
        assert_eq!(hex(Value::Int(-1)), "90400fffffffffffff");
        assert_eq!(hex(Value::Int(i64::MAX)), "90c3dfffffffffffff03ff");
        assert_eq!(hex("a\0b".into()), "806100ff620000");
        assert_eq!(hex(Value::Bool(true)), "8801");
        assert_eq!(
            hex(Value::list(vec![Value::Bool(false), Value::Null])),
            "208800f000"
        );
        assert_eq!(hex(Date { epoch_day: 1 }.into()), "608000000000000001");
    }
}
