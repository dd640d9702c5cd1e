//! Compact bytes of one storable value: a tag byte, then what the type needs.
//!
//! ```text
//! 00 null   01 false   02 true
//! 03 integer: zigzag varint          40..7f integers 0..=63
//! 04 float: 8 bytes, little-endian
//! 05 string: length, UTF-8           80..bf strings of 0..=63 bytes
//! 06 bytes: length, bytes
//! 07 list: count, items (no lists among them)
//! 08 date: zigzag days               09 local time: nanoseconds
//! 0a time: nanoseconds, zigzag offset
//! 0b local datetime: zigzag seconds, nanoseconds
//! 0c datetime with offset: zigzag seconds, nanoseconds, zigzag offset
//! 0d datetime with zone: as 0c, then length, name
//! 0e duration: zigzag months, days, seconds, then nanoseconds
//! 0f point of two dimensions: SRID, 2 × 8 bytes       10 of three: SRID, 3 × 8 bytes
//! 11 vector of f32: count, 4 bytes each               12 of f64: count, 8 bytes each
//! 13 sealed: key id, length, ciphertext
//! ```
//!
//! Lengths, counts and nanoseconds are varints. The bytes keep the exact type and bits of a value
//! (1 and 1.0 differ), unlike those of [`crate::value::key`].

use std::sync::Arc;

use super::varint::{Reader, put_i64, put_u64};
use super::{DecodeError, EncodeError};
use crate::value::temporal::{Date, DateTime, Duration, LocalDateTime, LocalTime, Time};
use crate::value::{Point, Sealed, Value, Vector};

mod tag {
    pub(super) const NULL: u8 = 0x00;
    pub(super) const FALSE: u8 = 0x01;
    pub(super) const TRUE: u8 = 0x02;
    pub(super) const INT: u8 = 0x03;
    pub(super) const FLOAT: u8 = 0x04;
    pub(super) const STRING: u8 = 0x05;
    pub(super) const BYTES: u8 = 0x06;
    pub(super) const LIST: u8 = 0x07;
    pub(super) const DATE: u8 = 0x08;
    pub(super) const LOCAL_TIME: u8 = 0x09;
    pub(super) const TIME: u8 = 0x0a;
    pub(super) const LOCAL_DATE_TIME: u8 = 0x0b;
    pub(super) const DATE_TIME: u8 = 0x0c;
    pub(super) const DATE_TIME_ZONE: u8 = 0x0d;
    pub(super) const DURATION: u8 = 0x0e;
    pub(super) const POINT_2D: u8 = 0x0f;
    pub(super) const POINT_3D: u8 = 0x10;
    pub(super) const VECTOR_F32: u8 = 0x11;
    pub(super) const VECTOR_F64: u8 = 0x12;
    pub(super) const SEALED: u8 = 0x13;
    pub(super) const SMALL_INT: u8 = 0x40;
    pub(super) const SMALL_INT_LAST: u8 = 0x7f;
    pub(super) const SHORT_STRING: u8 = 0x80;
    pub(super) const SHORT_STRING_LAST: u8 = 0xbf;
}

/// The number of integers and string lengths that share their byte with the tag.
const SMALL: u8 = 64;

/// Appends a value. Fails for values that live in queries only, and for those that could not be read
/// back ([`Value::is_well_formed`]), without appending all of it.
pub fn encode_value(value: &Value, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if !value.is_well_formed() {
        return Err(EncodeError::Malformed {
            type_name: value.type_name(),
        });
    }
    match value {
        Value::Null => out.push(tag::NULL),
        Value::Bool(b) => out.push(if *b { tag::TRUE } else { tag::FALSE }),
        Value::Int(i) => match u8::try_from(*i) {
            Ok(small) if small < SMALL => out.push(tag::SMALL_INT + small),
            _ => {
                out.push(tag::INT);
                put_i64(*i, out);
            }
        },
        Value::Float(f) => {
            out.push(tag::FLOAT);
            out.extend_from_slice(&f.to_le_bytes());
        }
        Value::String(s) => {
            match u8::try_from(s.len()) {
                Ok(short) if short < SMALL => out.push(tag::SHORT_STRING + short),
                _ => {
                    out.push(tag::STRING);
                    put_u64(s.len() as u64, out);
                }
            }
            out.extend_from_slice(s.as_bytes());
        }
        Value::Bytes(b) => {
            out.push(tag::BYTES);
            put_bytes(b, out);
        }
        Value::List(items) => {
            out.push(tag::LIST);
            put_u64(items.len() as u64, out);
            for item in items.iter() {
                if matches!(item, Value::List(_)) {
                    return Err(EncodeError::NotStorable {
                        type_name: "LIST OF LISTS",
                    });
                }
                encode_value(item, out)?;
            }
        }
        Value::Date(_)
        | Value::LocalTime(_)
        | Value::Time(_)
        | Value::LocalDateTime(_)
        | Value::DateTime(_)
        | Value::Duration(_) => encode_temporal(value, out),
        Value::Point(p) => {
            out.push(if p.dimensions == 3 {
                tag::POINT_3D
            } else {
                tag::POINT_2D
            });
            put_u64(u64::from(p.srid), out);
            for axis in p.axes() {
                out.extend_from_slice(&axis.to_le_bytes());
            }
        }
        Value::Vector(v) => match &**v {
            Vector::F32(items) => {
                out.push(tag::VECTOR_F32);
                put_u64(items.len() as u64, out);
                for item in items {
                    out.extend_from_slice(&item.to_le_bytes());
                }
            }
            Vector::F64(items) => {
                out.push(tag::VECTOR_F64);
                put_u64(items.len() as u64, out);
                for item in items {
                    out.extend_from_slice(&item.to_le_bytes());
                }
            }
        },
        Value::Sealed(s) => {
            out.push(tag::SEALED);
            put_u64(s.key_id, out);
            put_bytes(&s.ciphertext, out);
        }
        Value::Map(_) | Value::Node(_) | Value::Relationship(_) | Value::Path(_) => {
            return Err(EncodeError::NotStorable {
                type_name: value.type_name(),
            });
        }
    }
    Ok(())
}

fn encode_temporal(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Date(d) => {
            out.push(tag::DATE);
            put_i64(d.epoch_day, out);
        }
        Value::LocalTime(t) => {
            out.push(tag::LOCAL_TIME);
            put_u64(t.nanosecond_of_day, out);
        }
        Value::Time(t) => {
            out.push(tag::TIME);
            put_u64(t.nanosecond_of_day, out);
            put_i64(i64::from(t.offset_seconds), out);
        }
        Value::LocalDateTime(t) => {
            out.push(tag::LOCAL_DATE_TIME);
            put_i64(t.epoch_second, out);
            put_u64(u64::from(t.nanosecond), out);
        }
        Value::DateTime(t) => {
            out.push(if t.zone.is_some() {
                tag::DATE_TIME_ZONE
            } else {
                tag::DATE_TIME
            });
            put_i64(t.epoch_second, out);
            put_u64(u64::from(t.nanosecond), out);
            put_i64(i64::from(t.offset_seconds), out);
            if let Some(zone) = &t.zone {
                put_bytes(zone.as_bytes(), out);
            }
        }
        Value::Duration(d) => {
            out.push(tag::DURATION);
            put_i64(d.months, out);
            put_i64(d.days, out);
            put_i64(d.seconds, out);
            put_u64(u64::from(d.nanoseconds.cast_unsigned()), out);
        }
        _ => {}
    }
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_u64(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// The numbers of a list of so many integers and floats, or of a vector, as 32-bit floats; `None` for anything
/// else. What is not a number is not looked at.
pub(crate) fn decode_numbers(bytes: &[u8], count: usize) -> Result<Option<Vec<f32>>, DecodeError> {
    let mut reader = Reader::new(bytes);
    let found = reader.u8("value")?;
    let is_ours = matches!(found, tag::LIST | tag::VECTOR_F32 | tag::VECTOR_F64);
    if !is_ours || reader.count(1, "list")? != count {
        return Ok(None);
    }
    let mut numbers = Vec::with_capacity(count);
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    for _ in 0..count {
        let item = match found {
            tag::VECTOR_F32 => {
                numbers.push(f32::from_le_bytes(reader.array("component")?));
                continue;
            }
            tag::VECTOR_F64 => tag::FLOAT,
            _ => reader.u8("value")?,
        };
        numbers.push(match item {
            tag::FLOAT => f64::from_le_bytes(reader.array("float")?) as f32,
            tag::INT => reader.signed("integer")? as f32,
            tag::SMALL_INT..=tag::SMALL_INT_LAST => f32::from(item - tag::SMALL_INT),
            _ => return Ok(None),
        });
    }
    Ok(Some(numbers))
}

/// Reads one value and leaves the reader behind it.
pub fn decode_value(reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let offset = reader.offset();
    let found = reader.u8("value")?;
    Ok(match found {
        tag::NULL => Value::Null,
        tag::FALSE => Value::Bool(false),
        tag::TRUE => Value::Bool(true),
        tag::SMALL_INT..=tag::SMALL_INT_LAST => Value::Int(i64::from(found - tag::SMALL_INT)),
        tag::INT => {
            let n = reader.signed("integer")?;
            if (0..i64::from(SMALL)).contains(&n) {
                return Err(DecodeError::Invalid {
                    what: "long form of a small integer",
                    offset,
                });
            }
            Value::Int(n)
        }
        tag::FLOAT => Value::Float(f64::from_le_bytes(reader.array("float")?)),
        tag::SHORT_STRING..=tag::SHORT_STRING_LAST => {
            Value::String(string(reader, usize::from(found - tag::SHORT_STRING))?)
        }
        tag::STRING => {
            let len = reader.count(1, "string")?;
            if len < usize::from(SMALL) {
                return Err(DecodeError::Invalid {
                    what: "long form of a short string",
                    offset,
                });
            }
            Value::String(string(reader, len)?)
        }
        tag::BYTES => Value::Bytes(byte_string(reader)?.into()),
        tag::LIST => {
            let count = reader.count(1, "list")?;
            let mut items = Vec::with_capacity(count);
            for _ in 0..count {
                if reader.rest().first() == Some(&tag::LIST) {
                    return Err(DecodeError::Invalid {
                        what: "list within a list",
                        offset: reader.offset(),
                    });
                }
                items.push(decode_value(reader)?);
            }
            Value::List(items.into())
        }
        tag::DATE..=tag::DURATION => decode_temporal(found, reader)?,
        tag::POINT_2D | tag::POINT_3D => {
            let dimensions = if found == tag::POINT_3D { 3 } else { 2 };
            let srid = reader.varint_u32("point's reference system")?;
            let mut coordinates = [0.0; 3];
            for axis in &mut coordinates[..usize::from(dimensions)] {
                *axis = f64::from_le_bytes(reader.array("coordinate")?);
            }
            Value::Point(Arc::new(Point {
                srid,
                coordinates,
                dimensions,
            }))
        }
        tag::VECTOR_F32 => {
            let count = reader.count(4, "vector")?;
            let bytes = reader.take(count * 4, "vector")?;
            let items = bytes
                .as_chunks()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect();
            Value::Vector(Arc::new(Vector::F32(items)))
        }
        tag::VECTOR_F64 => {
            let count = reader.count(8, "vector")?;
            let bytes = reader.take(count * 8, "vector")?;
            let items = bytes
                .as_chunks()
                .0
                .iter()
                .map(|b| f64::from_le_bytes(*b))
                .collect();
            Value::Vector(Arc::new(Vector::F64(items)))
        }
        tag::SEALED => {
            let key_id = reader.varint("key id")?;
            Value::Sealed(Arc::new(Sealed {
                key_id,
                ciphertext: byte_string(reader)?.to_vec(),
            }))
        }
        _ => {
            return Err(DecodeError::Unknown {
                what: "value tag",
                found,
                offset,
            });
        }
    })
}

fn decode_temporal(found: u8, reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let offset = reader.offset();
    let value = match found {
        tag::DATE => Value::Date(Date {
            epoch_day: reader.signed("date")?,
        }),
        tag::LOCAL_TIME => Value::LocalTime(LocalTime {
            nanosecond_of_day: reader.varint("local time")?,
        }),
        tag::TIME => Value::Time(Time {
            nanosecond_of_day: reader.varint("time")?,
            offset_seconds: offset_seconds(reader)?,
        }),
        tag::LOCAL_DATE_TIME => Value::LocalDateTime(LocalDateTime {
            epoch_second: reader.signed("local datetime")?,
            nanosecond: reader.varint_u32("nanosecond")?,
        }),
        tag::DATE_TIME | tag::DATE_TIME_ZONE => {
            let epoch_second = reader.signed("datetime")?;
            let nanosecond = reader.varint_u32("nanosecond")?;
            let offset_seconds = offset_seconds(reader)?;
            let zone = if found == tag::DATE_TIME_ZONE {
                let len = reader.count(1, "zone")?;
                Some(string(reader, len)?)
            } else {
                None
            };
            Value::DateTime(Arc::new(DateTime {
                epoch_second,
                nanosecond,
                offset_seconds,
                zone,
            }))
        }
        _ => {
            let months = reader.signed("duration")?;
            let days = reader.signed("duration")?;
            let seconds = reader.signed("duration")?;
            let nanoseconds = reader.varint_u32("nanosecond")?.cast_signed();
            Value::Duration(Arc::new(Duration {
                months,
                days,
                seconds,
                nanoseconds,
            }))
        }
    };
    if !value.is_well_formed() {
        return Err(DecodeError::Invalid {
            what: "temporal value",
            offset,
        });
    }
    Ok(value)
}

fn byte_string<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let len = reader.count(1, "bytes")?;
    reader.take(len, "bytes")
}

fn string(reader: &mut Reader<'_>, len: usize) -> Result<Arc<str>, DecodeError> {
    let offset = reader.offset();
    let bytes = reader.take(len, "string")?;
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err(DecodeError::Invalid {
            what: "UTF-8",
            offset,
        }),
    }
}

fn offset_seconds(reader: &mut Reader<'_>) -> Result<i32, DecodeError> {
    let offset = reader.offset();
    i32::try_from(reader.signed("offset")?).map_err(|_| DecodeError::Invalid {
        what: "offset",
        offset,
    })
}
