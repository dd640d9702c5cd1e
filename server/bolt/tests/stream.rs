//! The stream: pieces of any size give the same, and no bytes do harm.

#![allow(clippy::panic, reason = "a failed test")]

mod support;

use proptest::prelude::*;
use retrograph_bolt::machine::Action;
use retrograph_bolt::message::request::{Extra, Mode, Portion, Request, Route, Run};
use retrograph_bolt::value::map;
use retrograph_bolt::version::SUPPORTED;
use retrograph_bolt::{Connection, Dialect, Limits, Outcome, Value, Version, value::Map};
use support::{bytes_of, hello, opening, settings, token};

/// An executor that finds everything good and has two rows for each result.
fn serve(connection: &mut Connection, log: &mut Vec<String>) {
    while let Some(action) = connection.next_action() {
        log.push(format!("{action:?}"));
        match action {
            Action::StartTimer(_)
            | Action::StopTimer
            | Action::Interrupt
            | Action::Close { .. } => {}
            Action::Pull { .. } => {
                let dialect = connection.dialect().expect("known by now");
                connection.records(&records(dialect));
                connection.complete(portion());
            }
            Action::Discard { .. } => connection.complete(portion()),
            _ => connection.complete(Outcome::Done(Map::new())),
        }
    }
}

fn portion() -> Outcome {
    Outcome::Portion {
        has_more: false,
        metadata: map([("type", "r")]),
    }
}

fn records(dialect: Dialect) -> Vec<u8> {
    let mut records = retrograph_bolt::Records::new(dialect);
    for row in 0..2 {
        let added: Result<(), ()> = records.add(1, |encoder, _| {
            encoder.int(row);
            Ok(())
        });
        added.expect("nothing fails");
    }
    records.take()
}

/// A conversation that uses most messages.
fn conversation(version: Version) -> Vec<u8> {
    let run = |text: &str| {
        Request::Run(Run {
            query: text.to_owned(),
            parameters: map([("list", Value::List(vec![Value::Int(1), Value::Null]))]),
            extra: Extra {
                bookmarks: vec!["b:1".to_owned()],
                timeout: Some(std::time::Duration::from_millis(1_500)),
                metadata: map([("app", "test")]),
                mode: Mode::Read,
                database: Some("harbor".to_owned()),
                ..Extra::default()
            },
        })
    };
    let mut requests = vec![hello(version)];
    if version.has_logon() {
        requests.push(Request::Logon(token()));
    }
    if version.has_telemetry() {
        requests.push(Request::Telemetry { api: 1 });
    }
    requests.extend([
        run("RETURN 1"),
        Request::Pull(Portion::ALL),
        Request::Begin(Extra::default()),
        run(&"RETURN 2 ".repeat(10_000)),
        run("RETURN 3"),
        Request::Pull(Portion {
            rows: Some(5),
            result: Some(0),
        }),
        Request::Discard(Portion::ALL),
        Request::Commit,
        Request::Route(Route {
            bookmarks: vec!["b:2".to_owned()],
            database: Some("harbor".to_owned()),
            ..Route::default()
        }),
        Request::Begin(Extra::default()),
        Request::Rollback,
        Request::Goodbye,
    ]);
    let mut bytes = opening(version);
    for request in requests {
        bytes.extend(bytes_of(&request, version));
        // A NOOP means nothing.
        bytes.extend([0, 0]);
    }
    bytes
}

fn converse<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<u8>, Vec<String>) {
    let mut connection = Connection::new(settings());
    let mut log = Vec::new();
    let mut output = Vec::new();
    for piece in pieces {
        connection.receive(piece);
        serve(&mut connection, &mut log);
        output.extend(connection.take_output());
    }
    (output, log)
}

#[test]
fn bytes_that_come_one_by_one_say_the_same() {
    for version in SUPPORTED {
        let bytes = conversation(version);
        // GOODBYE jumps the queue, so it is not sent along with what is to be answered.
        let (talk, goodbye) = bytes.split_at(bytes.len() - 8);
        let whole = converse([talk, goodbye].into_iter());
        let single = converse(bytes.chunks(1));
        assert_eq!(single, whole, "{version}");
        let received = support::read_all(&whole.0[4..], version);
        let expected = 16 + usize::from(version.has_logon()) + usize::from(version.has_telemetry());
        assert_eq!(received.len(), expected, "{version}: {received:?}");
        let is_success = |message| {
            use retrograph_bolt::message::response::Received;
            matches!(message, &Received::Success(_) | &Received::Record(_))
        };
        assert!(received.iter().all(is_success), "{version}: {received:?}");
    }
}

/// Requests are read as they were written.
#[test]
fn requests_are_read_as_they_were_written() {
    let limits = Limits::default().authenticated;
    for version in SUPPORTED {
        let mut input = &conversation(version)[20..];
        let mut dechunker = retrograph_bolt::chunk::Dechunker::default();
        let mut count = 0;
        while let Some(message) = dechunker.next(&mut input, 1 << 20).expect("short") {
            let request =
                Request::decode(&message, version, version.dialect(), limits).expect("a request");
            let mut again = Vec::new();
            request.encode(&mut again, version, version.dialect());
            let again = Request::decode(&again, version, version.dialect(), limits);
            assert_eq!(again, Ok(request));
            count += 1;
        }
        assert!(count >= 13);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_split_of_the_stream_says_the_same(
        version in prop::sample::select(SUPPORTED.to_vec()),
        sizes in prop::collection::vec(1usize..5_000, 1..200),
    ) {
        let bytes = conversation(version);
        let (talk, goodbye) = bytes.split_at(bytes.len() - 8);
        let mut rest = talk;
        let mut pieces = Vec::new();
        for size in sizes.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at(size.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(goodbye);
        prop_assert_eq!(converse(pieces.into_iter()), converse([talk, goodbye].into_iter()));
    }

    #[test]
    fn changed_bytes_do_no_harm(
        version in prop::sample::select(SUPPORTED.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = conversation(version);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let (output, log) = converse(bytes.chunks(1_000));
        prop_assert!(output.len() < 100_000);
        // Work comes after authentication only.
        let first_work = log.iter().position(|action| {
            !["StartTimer", "StopTimer", "Close", "Authenticate"]
                .iter()
                .any(|name| action.starts_with(name))
        });
        if let Some(first_work) = first_work {
            prop_assert!(log[..first_work].iter().any(|action| action.starts_with("Auth")));
        }
    }

    #[test]
    fn random_bytes_after_the_handshake_do_no_harm(
        version in prop::sample::select(SUPPORTED.to_vec()),
        noise in prop::collection::vec(any::<u8>(), 0..2_000),
    ) {
        let mut bytes = opening(version);
        bytes.extend(noise);
        let (_, log) = converse(bytes.chunks(100));
        prop_assert!(log.iter().all(|action| !action.starts_with("Run")));
    }
}
