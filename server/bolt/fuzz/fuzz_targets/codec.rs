//! Any bytes are a value that is written and read again, or a fault within them; the same for requests.
//!
//! Run with `cargo +nightly fuzz run codec` in `server/bolt`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use retrograph_bolt::message::request::Request;
use retrograph_bolt::pack::Decoder;
use retrograph_bolt::version::SUPPORTED;
use retrograph_bolt::{Encoder, Limits};

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    let version = SUPPORTED[usize::from(choice) % SUPPORTED.len()];
    let (dialect, limits) = (version.dialect(), Limits::default().unauthenticated);

    let mut decoder = Decoder::new(bytes, dialect, limits).with_elements();
    match decoder.value() {
        Ok(value) => {
            let mut written = Vec::new();
            Encoder::new(&mut written).value(&value, dialect);
            // Numbers may have been written in a wider form; only repeated keys get lost otherwise.
            assert!(written.len() <= decoder.offset());
            let again = Decoder::new(&written, dialect, limits)
                .with_elements()
                .value()
                .expect("what was written is read");
            // NaN differs from itself.
            assert_eq!(format!("{again:?}"), format!("{value:?}"));
        }
        Err(error) => assert!(error.offset <= bytes.len()),
    }

    if let Ok(request) = Request::decode(bytes, version, dialect, limits) {
        let mut written = Vec::new();
        request.encode(&mut written, version, dialect);
        let again = Request::decode(&written, version, dialect, limits);
        assert_eq!(format!("{again:?}"), format!("{:?}", Ok::<_, ()>(request)));
    }
});
