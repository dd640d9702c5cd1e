//! A client that sends anything, and an executor that answers anything: no panic, nothing done for who
//! is not authenticated, memory in proportion to what was sent.
//!
//! Run with `cargo +nightly fuzz run connection` in `server/bolt`.

#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use retrograph_bolt::chunk::write_message;
use retrograph_bolt::version::SUPPORTED;
use retrograph_bolt::value::Map;
use retrograph_bolt::{Action, Connection, Failure, Outcome, Settings, State, Version};

/// What happens next.
#[derive(Arbitrary, Debug)]
enum Event<'b> {
    /// Bytes arrive.
    Raw(&'b [u8]),
    /// A message arrives, in chunks as they should be.
    Message(&'b [u8]),
    /// One of the short messages, and an introduction, so that the states are reached.
    Known(u8),
    /// The executor is done, or has a portion, or has failed.
    Outcome(u8),
    /// Rows are sent.
    Records,
}

/// How the client opens.
#[derive(Arbitrary, Debug)]
enum Opening<'b> {
    /// It asks for one version.
    Version,
    /// It asks which versions there are, and takes one.
    Manifest,
    /// As it likes.
    Raw(&'b [u8]),
}

impl Opening<'_> {
    fn bytes(&self, version: Version) -> Vec<u8> {
        let chosen = [0, 0, version.minor, version.major];
        let magic = [0x60, 0x60, 0xB0, 0x17];
        match self {
            Self::Version => [&magic[..], &chosen, &[0; 12]].concat(),
            // The answer to what the server offers comes with the question, as a hasty client's may; it wants
            // no capabilities.
            Self::Manifest => [&magic[..], &[0, 0, 1, 0xFF], &[0; 12], &chosen, &[0]].concat(),
            Self::Raw(bytes) => bytes.to_vec(),
        }
    }
}

const KNOWN: [&[u8]; 12] = [
    // HELLO {user_agent: "f"}
    &[
        0xB1, 0x01, 0xA1, 0x8A, b'u', b's', b'e', b'r', b'_', b'a', b'g', b'e', b'n', b't', 0x81,
        b'f',
    ],
    &[0xB1, 0x6A, 0xA0],
    &[0xB0, 0x6B],
    &[0xB1, 0x54, 0x01],
    &[0xB0, 0x0F],
    // RUN "" {} {}
    &[0xB3, 0x10, 0x80, 0xA0, 0xA0],
    &[0xB1, 0x3F, 0xA1, 0x81, b'n', 0xFF],
    &[0xB1, 0x2F, 0xA1, 0x81, b'n', 0x05],
    &[0xB1, 0x11, 0xA0],
    &[0xB0, 0x12],
    &[0xB0, 0x13],
    &[0xB3, 0x66, 0xA0, 0x90, 0xA0],
];

fuzz_target!(|input: (u8, Opening<'_>, Vec<Event<'_>>)| {
    let (choice, opening, events) = input;
    let version = SUPPORTED[usize::from(choice) % SUPPORTED.len()];
    let mut connection = Connection::new(Settings::default());
    connection.receive(&opening.bytes(version));

    let mut has_authenticated = false;
    let mut is_authenticating = false;
    for event in events {
        match event {
            Event::Raw(bytes) => connection.receive(bytes),
            Event::Message(bytes) => {
                let mut message = Vec::new();
                write_message(&mut message, |out| out.extend_from_slice(bytes));
                connection.receive(&message);
            }
            Event::Known(which) => {
                let bytes = KNOWN[usize::from(which) % KNOWN.len()];
                let mut message = Vec::new();
                write_message(&mut message, |out| out.extend_from_slice(bytes));
                connection.receive(&message);
            }
            Event::Records => connection.records(&[0, 3, 0xB1, 0x71, 0x90, 0, 0]),
            Event::Outcome(which) => {
                let outcome = match which % 4 {
                    0 => Outcome::Failed(Failure::invalid("no")),
                    1 => Outcome::Portion {
                        has_more: true,
                        metadata: Map::new(),
                    },
                    2 => Outcome::Portion {
                        has_more: false,
                        metadata: Map::new(),
                    },
                    _ => Outcome::Done(Map::new()),
                };
                let is_good = !matches!(outcome, Outcome::Failed(_));
                has_authenticated |= is_authenticating && is_good;
                is_authenticating = false;
                connection.complete(outcome);
            }
        }
        while let Some(action) = connection.next_action() {
            match action {
                Action::Authenticate(_) => is_authenticating = true,
                Action::StartTimer(_) => has_authenticated = false,
                Action::StopTimer => assert!(has_authenticated),
                Action::Close { .. } => assert!(connection.is_closed()),
                Action::Interrupt => {}
                _ => assert!(has_authenticated, "work for a stranger"),
            }
        }
        let is_inside = !matches!(
            connection.state(),
            None | Some(State::Negotiation | State::Authentication | State::Defunct)
        );
        assert!(!is_inside || has_authenticated, "{:?}", connection.state());
        assert_eq!(is_inside, connection.is_authenticated());
        let _ = connection.take_output();
    }
});
