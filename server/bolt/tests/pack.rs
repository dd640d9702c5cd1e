//! PackStream: the published examples, round trips, limits.

#![allow(clippy::panic, reason = "a failed test")]

mod values;

use proptest::prelude::*;
use retrograph_bolt::limits::MessageLimits;
use retrograph_bolt::pack::{DecodeError, Decoder, Fault};
use retrograph_bolt::value::{Map, Structure, map};
use retrograph_bolt::version::SUPPORTED;
use retrograph_bolt::{Dialect, Encoder, Limits, Value, Version};

fn limits() -> MessageLimits {
    Limits::default().authenticated
}

fn dialect() -> Dialect {
    Version::new(5, 8).dialect()
}

fn encode(value: &Value, dialect: Dialect) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new(&mut out).value(value, dialect);
    out
}

fn decode(bytes: &[u8], dialect: Dialect, limits: MessageLimits) -> Result<Value, DecodeError> {
    let mut decoder = Decoder::new(bytes, dialect, limits).with_elements();
    let value = decoder.value()?;
    decoder.end()?;
    Ok(value)
}

fn fault(bytes: &[u8]) -> (usize, Fault) {
    let error = decode(bytes, dialect(), limits()).expect_err("faulty");
    (error.offset, error.fault)
}

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal"))
        .collect()
}

#[test]
fn the_published_examples_are_written_and_read() {
    let text = |text: &str| Value::String(text.to_owned());
    let list = |range: std::ops::RangeInclusive<i64>| Value::List(range.map(Value::Int).collect());
    for (value, bytes) in [
        (Value::Null, "C0"),
        (Value::Bool(false), "C2"),
        (Value::Bool(true), "C3"),
        (Value::Int(42), "2A"),
        (Value::Int(-16), "F0"),
        (Value::Int(-17), "C8 EF"),
        (Value::Int(-128), "C8 80"),
        (Value::Int(-129), "C9 FF 7F"),
        (Value::Int(127), "7F"),
        (Value::Int(128), "C9 00 80"),
        (Value::Int(32_767), "C9 7F FF"),
        (Value::Int(32_768), "CA 00 00 80 00"),
        (Value::Int(2_147_483_648), "CB 00 00 00 00 80 00 00 00"),
        (Value::Int(i64::MIN), "CB 80 00 00 00 00 00 00 00"),
        (Value::Int(i64::MAX), "CB 7F FF FF FF FF FF FF FF"),
        (Value::Float(1.23), "C1 3F F3 AE 14 7A E1 47 AE"),
        (Value::Bytes(vec![]), "CC 00"),
        (Value::Bytes(vec![1, 2, 3]), "CC 03 01 02 03"),
        (text(""), "80"),
        (text("A"), "81 41"),
        (
            text("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            "D0 1A 41 42 43 44 45 46 47 48 49 4A 4B 4C 4D 4E 4F 50 51 52 53 54 55 56 57 58 59 5A",
        ),
        (
            text("Größenmaßstäbe"),
            "D0 12 47 72 C3 B6 C3 9F 65 6E 6D 61 C3 9F 73 74 C3 A4 62 65",
        ),
        (Value::List(vec![]), "90"),
        (
            Value::List(vec![Value::Int(1), Value::Float(2.0), text("three")]),
            "93 01 C1 40 00 00 00 00 00 00 00 85 74 68 72 65 65",
        ),
        (
            list(1..=40),
            "D4 28 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10 11 12 13 14 15 16 17 18 19 1A \
             1B 1C 1D 1E 1F 20 21 22 23 24 25 26 27 28",
        ),
        (Value::Map(Map::new()), "A0"),
        (
            map([("one", "eins")]).into(),
            "A1 83 6F 6E 65 84 65 69 6E 73",
        ),
        (
            Value::structure(Structure::Duration {
                months: 1,
                days: 2,
                seconds: 3,
                nanoseconds: 4,
            }),
            "B4 45 01 02 03 04",
        ),
    ] {
        assert_eq!(encode(&value, dialect()), hex(bytes), "{value:?}");
        let read = decode(&hex(bytes), dialect(), limits());
        assert_eq!(read, Ok(value), "{bytes}");
    }
}

#[test]
fn wider_forms_than_needed_are_read() {
    for bytes in [
        "2A",
        "C8 2A",
        "C9 00 2A",
        "CA 00 00 00 2A",
        "CB 00 00 00 00 00 00 00 2A",
    ] {
        assert_eq!(
            decode(&hex(bytes), dialect(), limits()),
            Ok(Value::Int(42)),
            "{bytes}"
        );
    }
    for bytes in ["81 41", "D0 01 41", "D1 00 01 41", "D2 00 00 00 01 41"] {
        assert_eq!(decode(&hex(bytes), dialect(), limits()), Ok("A".into()));
    }
}

#[test]
fn sizes_around_every_boundary_are_written_and_read() {
    for size in [0, 1, 15, 16, 255, 256, 65_535, 65_536, 70_000] {
        for value in [
            Value::String("x".repeat(size)),
            Value::Bytes(vec![7; size]),
            Value::List(vec![Value::Int(1); size]),
            Value::Map((0..size).map(|i| (i.to_string(), Value::Null)).collect()),
        ] {
            let bytes = encode(&value, dialect());
            assert_eq!(decode(&bytes, dialect(), limits()), Ok(value), "{size}");
        }
    }
}

#[test]
fn of_a_key_sent_twice_the_last_value_counts() {
    let read = decode(&hex("A2 81 61 01 81 61 02"), dialect(), limits());
    assert_eq!(read, Ok(map([("a", Value::Int(2))]).into()));
}

#[test]
fn faults_are_told_with_their_place() {
    for (bytes, offset, expected) in [
        ("", 0, Fault::Truncated),
        ("92 01", 0, Fault::Truncated),
        ("92 01 C9 00", 3, Fault::Truncated),
        ("82 41", 0, Fault::Truncated),
        ("01 02", 1, Fault::TrailingBytes),
        ("91 C4", 1, Fault::UnknownMarker(0xC4)),
        ("DF", 0, Fault::UnknownMarker(0xDF)),
        ("92 01 82 C3 28", 2, Fault::NotUtf8),
        ("A1 01 02", 1, Fault::KeyNotString),
        ("D2 FF FF FF FF", 0, Fault::SizeTooLarge(0xFFFF_FFFF)),
        ("91 B1 21 01", 1, Fault::UnknownStructure(0x21)),
        (
            "91 B0 44",
            1,
            Fault::FieldCount {
                signature: 0x44,
                found: 0,
                expected: 1,
            },
        ),
        (
            "B1 44 81 41",
            2,
            Fault::Unexpected {
                expected: "an integer",
            },
        ),
        ("B3 46 01 01 01", 0, Fault::OtherDateTimes(0x46)),
        (
            "B3 50 90 90 90",
            0,
            Fault::BadStructure("a path's indices lead nowhere"),
        ),
    ] {
        assert_eq!(fault(&hex(bytes)), (offset, expected), "{bytes}");
    }
}

#[test]
fn elements_are_not_taken_from_clients() {
    let node = hex("B4 4E 01 90 A0 83 6E 3A 31");
    assert!(decode(&node, dialect(), limits()).is_ok());
    let error = Decoder::new(&node, dialect(), limits()).value();
    assert_eq!(
        error.map_err(|error| error.fault),
        Err(Fault::ElementFromClient)
    );
}

#[test]
fn claimed_sizes_cost_nothing_and_nesting_is_bounded() {
    // Two thousand million items claimed by five bytes.
    for marker in ["D6", "DA", "D2", "CE"] {
        let bytes = hex(&format!("{marker} 7F FF FF FF 00"));
        assert_eq!(fault(&bytes).1, Fault::Truncated, "{marker}");
    }
    let deep = vec![0x91; 1_000_000];
    assert_eq!(fault(&deep), (100, Fault::TooDeep { depth_max: 100 }));
    let mut exact = vec![0x91; 100];
    exact.push(1);
    assert!(decode(&exact, dialect(), limits()).is_ok());
    // A million one-byte items would take far more than a million bytes.
    let small = MessageLimits {
        memory_bytes_max: 1 << 20,
        ..limits()
    };
    let mut many = hex("D6 00 0F 42 40");
    many.extend(vec![1; 1_000_000]);
    let error = decode(&many, dialect(), small).expect_err("too much");
    assert_eq!(error.fault, Fault::TooMuchMemory { bytes_max: 1 << 20 });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_value_is_read_as_it_was_written(
        (dialect, value) in prop::sample::select(SUPPORTED.map(Version::dialect).to_vec())
            .prop_flat_map(|dialect| (Just(dialect), values::value(dialect)))
    ) {
        let bytes = encode(&value, dialect);
        prop_assert_eq!(decode(&bytes, dialect, limits()), Ok(value));
        // No proper beginning of it is a value.
        for end in 0..bytes.len().min(200) {
            prop_assert!(decode(&bytes[..end], dialect, limits()).is_err());
        }
    }

    #[test]
    fn any_bytes_are_a_value_or_a_fault_within_them(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        match decode(&bytes, dialect(), limits()) {
            Ok(value) => {
                let again = decode(&encode(&value, dialect()), dialect(), limits());
                // NaN differs from itself.
                prop_assert_eq!(format!("{again:?}"), format!("{:?}", Ok::<_, DecodeError>(value)));
            }
            Err(error) => prop_assert!(error.offset <= bytes.len()),
        }
    }
}
