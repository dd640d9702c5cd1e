//! Records and stored values: what decodes is encoded to the same bytes, and every way of reading a
//! record agrees with every other.

#![no_main]

use libfuzzer_sys::fuzz_target;
use retrograph_graph::encoding::canonical::canonical;
use retrograph_graph::encoding::record::{
    Record, RecordRef, encode_record, encode_record_with_timeline,
};
use retrograph_graph::encoding::value::{decode_value, encode_value};
use retrograph_graph::encoding::varint::Reader;
use retrograph_graph::ids::KeyId;

fuzz_target!(|bytes: &[u8]| {
    value(bytes);
    record(bytes);
});

fn value(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let Ok(value) = decode_value(&mut reader) else {
        return;
    };
    let mut again = Vec::new();
    encode_value(&value, &mut again).expect("what was decoded can be encoded");
    assert_eq!(again, bytes[..reader.offset()], "{value:?}");
    canonical(&value, &mut Vec::new());
}

fn record(bytes: &[u8]) {
    let Ok(record) = RecordRef::parse(bytes) else {
        assert!(Record::parse(bytes).is_err());
        return;
    };
    // Nothing may panic on a record whose values are unsound.
    for key in record.keys() {
        let _ = record.property(key);
        let _ = record.property_bytes(key);
    }
    let _ = record.property(KeyId(u32::MAX));
    let timeline = record.timeline();
    let Ok(state) = record.state() else {
        return;
    };
    assert_eq!(state.labels(), record.labels().collect::<Vec<_>>());
    assert!(state.labels().iter().all(|label| record.has_label(*label)));
    assert_eq!(state.properties().len(), record.property_count());
    for (key, value) in state.properties() {
        let found = record.property(*key).expect("a sound property");
        assert_eq!(found.as_ref(), Some(value));
    }
    let mut again = Vec::new();
    match timeline {
        Ok(None) => encode_record(record.from(), &state, &mut again),
        Ok(Some(mut slices)) => {
            let last = slices.pop().expect("a timeline has a last slice");
            assert_eq!(last.properties, state.properties());
            let span = (last.from, last.to);
            encode_record_with_timeline(record.from(), &state, &slices, span, &mut again)
        }
        Err(_) => return,
    }
    .expect("what was decoded can be encoded");
    assert_eq!(again, bytes, "{state:?}");
}
