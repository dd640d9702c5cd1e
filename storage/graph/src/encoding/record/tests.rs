//! What records promise: states survive, bytes stay, garbage is refused.

use proptest::prelude::*;

use super::*;
use crate::value::generate::{properties, states};

fn record(from: u64, state: &ElementState) -> Record {
    let mut bytes = Vec::new();
    encode_record(Version(from), state, &mut bytes).unwrap();
    Record::parse(bytes).unwrap()
}

fn relationship(properties: Properties) -> ElementState {
    ElementState::Relationship {
        type_id: TypeId(3),
        start: NodeId(70_000),
        end: NodeId(1_200_000),
        properties,
    }
}

proptest! {
    #[test]
    fn states_survive(state in states(), from in 0_u64..1 << 48) {
        let record = record(from, &state);
        prop_assert_eq!(record.from(), Version(from));
        prop_assert_eq!(&record.state().unwrap(), &state);
        prop_assert_eq!(&record.labels().collect::<Vec<_>>()[..], state.labels());
        for (key, value) in state.properties() {
            let found = record.property(*key).unwrap();
            prop_assert_eq!(found.as_ref(), Some(value));
            let bytes = record.as_ref().property_bytes(*key).unwrap().unwrap();
            prop_assert_eq!(&decode_value(&mut Reader::new(bytes)).unwrap(), value);
        }
        for key in [0, 7, 19, 255, 65_535] {
            let found = record.property(KeyId(key)).unwrap();
            prop_assert_eq!(found.as_ref(), state.property(KeyId(key)));
        }
    }

    #[test]
    fn timelines_survive(
        state in states(),
        cuts in prop::collection::btree_set(-1_000_i64..1_000, 2..6),
        earlier in prop::collection::vec(properties(), 4),
        is_open: bool,
    ) {
        let cuts: Vec<_> = cuts.into_iter().map(SystemTime).collect();
        let mut slices: Vec<_> = cuts
            .windows(2)
            .zip(earlier)
            .map(|(span, properties)| Slice { from: span[0], to: Some(span[1]), properties })
            .collect();
        let last = slices.pop().unwrap();
        let to = if is_open { None } else { last.to };
        let mut bytes = Vec::new();
        encode_record_with_timeline(Version(9), &state, &slices, (last.from, to), &mut bytes)
            .unwrap();
        let record = Record::parse(bytes).unwrap();
        prop_assert_eq!(&record.state().unwrap(), &state);
        slices.push(Slice { from: last.from, to, properties: state.properties().to_vec() });
        prop_assert_eq!(record.timeline().unwrap(), Some(slices));
    }

    #[test]
    fn changed_bytes_never_panic(
        state in states(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut: prop::sample::Index,
        with_timeline: bool,
    ) {
        let mut bytes = Vec::new();
        if with_timeline {
            let slice = Slice {
                from: SystemTime(1),
                to: Some(SystemTime(5)),
                properties: state.properties().to_vec(),
            };
            let last = (SystemTime(5), None);
            encode_record_with_timeline(Version(1), &state, &[slice], last, &mut bytes).unwrap();
        } else {
            encode_record(Version(1), &state, &mut bytes).unwrap();
        }
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cut.index(2) == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_everything(&bytes);
    }

    #[test]
    fn garbage_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 2..200), flags: u8) {
        // A head that is often sound lets garbage reach the parts behind it.
        bytes[0] = FORMAT;
        bytes[1] = flags & 0x17;
        read_everything(&bytes);
    }
}

fn read_everything(bytes: &[u8]) {
    let Ok(record) = RecordRef::parse(bytes) else {
        return;
    };
    let _ = record.state();
    let _ = record.timeline();
    for key in record.keys().take(100) {
        let _ = record.property(key);
        let _ = record.property_bytes(key);
    }
    let _ = record.property(KeyId(1));
    assert!(record.labels().count() <= bytes.len());
}

#[test]
fn a_false_count_allocates_nothing() {
    // A node with 2^40 labels, a relationship with 2^40 properties, a list of 2^40 items.
    let huge = [0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
    let node = [&[FORMAT, 0, 1][..], &huge].concat();
    assert!(matches!(
        RecordRef::parse(&node),
        Err(DecodeError::Truncated { offset: 3, .. })
    ));
    let relationship = [&[FORMAT, 1, 1, 0, 0, 0][..], &huge].concat();
    let error = RecordRef::parse(&relationship).unwrap_err();
    assert!(
        matches!(error, DecodeError::Truncated { offset: 6, .. }),
        "{error}"
    );
    let list = [&[0x07][..], &huge].concat();
    let error = decode_value(&mut Reader::new(&list)).unwrap_err();
    assert!(
        matches!(error, DecodeError::Truncated { offset: 1, .. }),
        "{error}"
    );
}

#[test]
fn a_small_relationship_takes_at_most_20_bytes() {
    let state = relationship(vec![(KeyId(5), Value::Int(1_700_000_000))]);
    assert_eq!(record(2_000_000, &state).bytes().len(), 20);
    assert_eq!(record(1, &relationship(Vec::new())).bytes().len(), 11);
}

#[test]
fn many_properties_are_found_by_search() {
    let properties: Properties = (0..1_000)
        .map(|i| (KeyId(i * 3), Value::Int(i64::from(i))))
        .collect();
    let record = record(7, &relationship(properties));
    assert_eq!(record.property(KeyId(2_400)), Ok(Some(Value::Int(800))));
    assert_eq!(record.property(KeyId(2_401)), Ok(None));
}

#[test]
fn queries_only_values_are_refused() {
    let nested = Value::list(vec![Value::list(Vec::new())]);
    for value in [Value::map([("a", Value::Int(1))]), nested] {
        let error = encode_record(
            Version(1),
            &relationship(vec![(KeyId(1), value)]),
            &mut Vec::new(),
        );
        assert!(matches!(error, Err(EncodeError::NotStorable { .. })));
    }
}

#[test]
fn what_could_not_be_read_back_is_not_written() {
    use crate::value::Point;
    use crate::value::temporal::{Date, LocalDateTime};
    for value in [
        Value::from(Date {
            epoch_day: i64::MAX,
        }),
        LocalDateTime {
            epoch_second: i64::MIN,
            nanosecond: 0,
        }
        .into(),
        LocalDateTime {
            epoch_second: 0,
            nanosecond: 1_000_000_000,
        }
        .into(),
        Value::Point(Arc::new(Point {
            srid: 1,
            coordinates: [0.0; 3],
            dimensions: 4,
        })),
    ] {
        let error = encode_record(
            Version(1),
            &relationship(vec![(KeyId(1), value)]),
            &mut Vec::new(),
        );
        assert!(matches!(error, Err(EncodeError::Malformed { .. })));
    }
}

#[test]
fn setting_properties_keeps_them_sorted() {
    let mut properties = vec![
        (KeyId(9), Value::Int(1)),
        (KeyId(2), Value::Int(2)),
        (KeyId(9), Value::Int(3)),
        (KeyId(4), Value::Null),
    ];
    normalize_properties(&mut properties);
    assert_eq!(
        properties,
        [(KeyId(2), Value::Int(2)), (KeyId(9), Value::Int(3))]
    );
    assert_eq!(set_property(&mut properties, KeyId(5), Value::Int(4)), None);
    assert_eq!(
        set_property(&mut properties, KeyId(9), Value::Null),
        Some(Value::Int(3))
    );
    assert_eq!(set_property(&mut properties, KeyId(1), Value::Null), None);
    assert_eq!(
        properties,
        [(KeyId(2), Value::Int(2)), (KeyId(5), Value::Int(4))]
    );
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Records on disk of format 1. New code must read them for ever, and writes the same bytes as
/// long as format 1 is the one written.
#[test]
fn old_bytes_format_1() {
    let node = ElementState::Node {
        labels: vec![LabelId(1), LabelId(300)],
        properties: vec![
            (KeyId(0), Value::string("Ada")),
            (KeyId(2), Value::Int(-5)),
            (
                KeyId(400),
                Value::list(vec![Value::Float(1.5), Value::Bool(true)]),
            ),
        ],
    };
    let fixture = "0104e8070201ab02030000020090010406834164610309070204000000000000f83f02";
    assert_eq!(
        RecordRef::parse(&bytes(fixture)).unwrap().state().unwrap(),
        node
    );
    assert_eq!(record(1_000, &node).bytes(), bytes(fixture));

    let edge = relationship(vec![(KeyId(5), Value::Int(1_700_000_000))]);
    let fixture = "010180897a03f0a204809f4901050380c49fd50c";
    assert_eq!(
        RecordRef::parse(&bytes(fixture)).unwrap().state().unwrap(),
        edge
    );
    assert_eq!(record(2_000_000, &edge).bytes(), bytes(fixture));
}

#[test]
fn widths_larger_than_needed_are_refused() {
    let state = ElementState::Node {
        labels: vec![],
        properties: vec![(KeyId(1), Value::Int(7)), (KeyId(2), Value::Int(8))],
    };
    let mut bytes = Vec::new();
    encode_record(Version(1), &state, &mut bytes).unwrap();
    assert_eq!(bytes, [FORMAT, 0, 1, 0, 2, 1, 2, 1, 0x47, 0x48]);
    let wide_keys = [FORMAT, 0b0100, 1, 0, 2, 1, 0, 2, 0, 1, 0x47, 0x48];
    let wide_offsets = [FORMAT, 0b1_0000, 1, 0, 2, 1, 2, 1, 0, 0x47, 0x48];
    for wide in [&wide_keys[..], &wide_offsets] {
        let record = RecordRef::parse(wide).unwrap();
        assert!(
            matches!(record.state(), Err(DecodeError::Invalid { .. })),
            "{wide:?}"
        );
    }
}
