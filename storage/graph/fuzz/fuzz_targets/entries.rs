//! Log entries, the headers and effects in them: what decodes is encoded to the same bytes, and
//! hashing effects from outside does not panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use retrograph_graph::CommitHeader;
use retrograph_graph::effect::{EffectHasher, EffectRef, decode_effect, encode_effect, record_at};
use retrograph_graph::encoding::record::RecordRef;
use retrograph_graph::encoding::varint::Reader;
use retrograph_graph::entry::Entry;
use retrograph_graph::ids::Version;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(entry) = Entry::decode(1, bytes) {
        let again = entry.encode();
        match &entry {
            // These end where their content ends.
            Entry::Genesis(_) | Entry::Mark(_) | Entry::Build(_) => assert!(bytes.starts_with(&again)),
            _ => assert_eq!(again, bytes),
        }
        if let Entry::Commit {
            header,
            effects: body,
            ..
        } = entry
        {
            let _ = CommitHeader::decode(header);
            effects(body);
        }
    }
    effects(bytes);
    if let Ok(header) = CommitHeader::decode(bytes) {
        assert_eq!(header.encode(), bytes, "{header:?}");
    }
});

fn effects(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let mut hasher = EffectHasher::new(&[7; 32]);
    loop {
        let start = reader.offset();
        let Ok(effect) = decode_effect(&mut reader) else {
            return;
        };
        let one = &bytes[start..reader.offset()];
        let hashed = hasher.push_bytes(one);
        if let EffectRef::Element {
            record: Some(record),
            ..
        } = effect
        {
            // The record of an effect has no version yet and no timeline.
            match RecordRef::parse(record) {
                Ok(parsed) if parsed.from() == Version(0) && !parsed.has_timeline() => {
                    let mut placed = Vec::new();
                    record_at(Version(1 << 40), record, &mut placed).expect("from is 0");
                    let placed = RecordRef::parse(&placed).expect("a record with a version");
                    assert_eq!(placed.from(), Version(1 << 40));
                    // Errors name other offsets: the version has become longer.
                    assert_eq!(placed.state().ok(), parsed.state().ok());
                }
                _ => continue,
            }
        }
        let Ok(owned) = effect.to_owned() else {
            continue;
        };
        hashed.expect("a sound effect can be hashed");
        let mut again = Vec::new();
        encode_effect(&owned, &mut again).expect("what was decoded can be encoded");
        assert_eq!(again, one, "{owned:?}");
    }
}
