//! Every message in every state of every version, and what the states promise besides.

#![allow(clippy::panic, reason = "a failed test")]

mod support;

use retrograph_bolt::machine::{Action, State};
use retrograph_bolt::message::request::{Extra, Portion, Request, Route, Run};
use retrograph_bolt::message::response::Received;
use retrograph_bolt::version::SUPPORTED;
use retrograph_bolt::{Connection, Failure, Limits, Outcome, Value, Version, value::map};
use support::{Peers, bytes_of, hello, opening, settings, token};

const MESSAGES: [&str; 13] = [
    "HELLO",
    "LOGON",
    "LOGOFF",
    "TELEMETRY",
    "GOODBYE",
    "RESET",
    "RUN",
    "PULL",
    "DISCARD",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "ROUTE",
];

/// What a message does in a state: the state after it succeeds, `-` if it breaks the protocol, `i` if
/// it is ignored, `.` if the connection ends without an answer. From the specification's appendix on
/// 5.1 and later, with COMMIT and ROLLBACK in `TX_STREAMING` besides.
const TABLE: &str = "
                HELLO LOGON LOGOFF TELEM GOODB RESET RUN  PULL DISC BEGIN COMMIT ROLLB ROUTE
NEGOTIATION     auth  -     -      -     .     -     -    -    -    -     -      -     -
AUTHENTICATION  -     ready -      -     .     -     -    -    -    -     -      -     -
READY           -     -     auth   ready .     ready str  -    -    tx    -      -     ready
STREAMING       -     -     -      -     .     ready -    str  str  -     -      -     -
TX_READY        -     -     -      -     .     ready txs  -    -    -     ready  ready -
TX_STREAMING    -     -     -      -     .     ready txs  txs  txs  -     ready  ready -
FAILED          -     -     i      i     .     ready i    i    i    i     i      i     i
";

fn state_of(name: &str) -> State {
    match name {
        "auth" | "AUTHENTICATION" => State::Authentication,
        "ready" | "READY" => State::Ready,
        "str" | "STREAMING" => State::Streaming,
        "tx" | "TX_READY" => State::TxReady,
        "txs" | "TX_STREAMING" => State::TxStreaming,
        "NEGOTIATION" => State::Negotiation,
        "FAILED" => State::Failed,
        other => panic!("no state {other}"),
    }
}

fn request_of(name: &str, version: Version) -> Request {
    match name {
        "HELLO" => hello(version),
        "LOGON" => Request::Logon(token()),
        "LOGOFF" => Request::Logoff,
        "TELEMETRY" => Request::Telemetry { api: 2 },
        "GOODBYE" => Request::Goodbye,
        "RESET" => Request::Reset,
        "RUN" => run(),
        "PULL" => Request::Pull(Portion::ALL),
        "DISCARD" => Request::Discard(Portion::ALL),
        "BEGIN" => Request::Begin(Extra::default()),
        "COMMIT" => Request::Commit,
        "ROLLBACK" => Request::Rollback,
        "ROUTE" => Request::Route(Route::default()),
        other => panic!("no message {other}"),
    }
}

fn run() -> Request {
    Request::Run(Run {
        query: "RETURN 1".to_owned(),
        ..Run::default()
    })
}

/// Peers in a state; `None` if the version does not know it.
fn peers_in(state: State, version: Version) -> Option<Peers> {
    if state == State::Negotiation {
        return Some(Peers::new(version));
    }
    if state == State::Authentication {
        let mut peers = Peers::new(version);
        peers.send(&hello(version));
        peers.read();
        return version.has_logon().then_some(peers);
    }
    let mut peers = Peers::ready(version);
    let steps: &[Request] = match state {
        State::Streaming | State::Failed => &[run()],
        State::TxReady => &[Request::Begin(Extra::default())],
        State::TxStreaming => &[Request::Begin(Extra::default()), run()],
        _ => &[],
    };
    for request in steps {
        peers.send(request);
        peers.action().expect("something to do");
        if state == State::Failed {
            peers.connection.complete(failure());
        } else {
            peers.done();
        }
    }
    peers.read();
    assert_eq!(peers.connection.state(), Some(state), "{version}");
    Some(peers)
}

fn failure() -> Outcome {
    Outcome::Failed(Failure::new("Neo.ClientError.Statement.SyntaxError", "no"))
}

/// Whether a message leaves something to do, which is then completed.
fn complete(peers: &mut Peers, outcome: impl FnOnce(&Action) -> Outcome) -> bool {
    while let Some(action) = peers.action() {
        match action {
            Action::StartTimer(_) | Action::StopTimer | Action::Interrupt => {}
            Action::Close { .. } => return false,
            action => {
                peers.connection.complete(outcome(&action));
                return true;
            }
        }
    }
    false
}

fn success(action: &Action) -> Outcome {
    match action {
        Action::Pull { .. } | Action::Discard { .. } => Outcome::Portion {
            has_more: true,
            metadata: map::<String, Value, 0>([]),
        },
        _ => Outcome::Done(map::<String, Value, 0>([])),
    }
}

#[test]
fn every_message_in_every_state_of_every_version() {
    for version in SUPPORTED {
        for line in TABLE.lines().skip(2).filter(|line| !line.is_empty()) {
            let mut cells = line.split_whitespace();
            let state = state_of(cells.next().expect("a state"));
            for (message, cell) in MESSAGES.iter().zip(cells) {
                check(version, state, message, cell);
            }
        }
    }
}

fn check(version: Version, state: State, message: &str, cell: &str) {
    let place = format!("{message} in {} of {version}", state.name());
    let Some(mut peers) = peers_in(state, version) else {
        return;
    };
    let is_unknown = match message {
        "LOGON" | "LOGOFF" => !version.has_logon(),
        "TELEMETRY" => !version.has_telemetry(),
        _ => false,
    };
    let authenticates = message == "HELLO" && state == State::Negotiation && !version.has_logon();
    let cell = match cell {
        "." => ".",
        _ if is_unknown => "-",
        "auth" if authenticates => "ready",
        cell => cell,
    };
    peers.send(&request_of(message, version));
    let has_acted = complete(&mut peers, success);
    match cell {
        "-" => {
            assert_eq!(peers.code(), "Neo.ClientError.Request.Invalid", "{place}");
            assert!(peers.connection.is_closed(), "{place}");
            assert_eq!(peers.connection.state(), Some(State::Defunct), "{place}");
            assert!(!has_acted, "{place}");
        }
        "." => {
            assert!(peers.read().is_empty(), "{place}");
            assert!(peers.connection.is_closed(), "{place}");
        }
        "i" => {
            assert_eq!(peers.one(), Received::Ignored, "{place}");
            assert_eq!(peers.connection.state(), Some(state), "{place}");
            assert!(!has_acted, "{place}");
        }
        next => {
            assert!(matches!(peers.one(), Received::Success(_)), "{place}");
            assert_eq!(peers.connection.state(), Some(state_of(next)), "{place}");
            if has_acted {
                check_failure(version, state, message, &place);
            }
        }
    }
}

/// The same message, when what it asks for fails.
fn check_failure(version: Version, state: State, message: &str, place: &str) {
    let mut peers = peers_in(state, version).expect("the version knows the state");
    peers.send(&request_of(message, version));
    complete(&mut peers, |_| failure());
    assert_eq!(
        peers.code(),
        "Neo.ClientError.Statement.SyntaxError",
        "{place}"
    );
    let is_before = matches!(state, State::Negotiation | State::Authentication);
    let next = if is_before || message == "RESET" {
        State::Defunct
    } else {
        State::Failed
    };
    assert_eq!(peers.connection.state(), Some(next), "{place}");
}

#[test]
fn what_is_asked_for_behind_a_query_is_known_while_it_runs() {
    let version = Version::new(5, 8);
    let pull = |rows, result| Request::Pull(Portion { rows, result });
    let discard = Request::Discard(Portion::ALL);
    let ahead_of = |state, waiting: &Request| {
        let mut peers = peers_in(state, version).expect("a state");
        peers.send(&run());
        assert!(matches!(peers.action(), Some(Action::Run { .. })));
        assert_eq!(peers.connection.ahead(), None, "nothing has arrived");
        peers.send(waiting);
        let ahead = peers.connection.ahead();
        assert_eq!(peers.action(), None, "it waits all the same");
        peers.done();
        assert_eq!(peers.connection.ahead(), None, "nothing runs");
        (ahead, peers.action())
    };
    let (ahead, next) = ahead_of(State::Ready, &pull(Some(7), None));
    let (rows, result) = (Some(7), None);
    assert_eq!(ahead, Some(Action::Pull { rows, result }));
    assert_eq!(next, ahead);
    let (ahead, next) = ahead_of(State::TxReady, &discard);
    let (rows, result) = (None, Some(0));
    assert_eq!(ahead, Some(Action::Discard { rows, result }));
    assert_eq!(next, ahead);
    // About another result, or about none.
    for waiting in [pull(None, Some(5)), Request::Commit] {
        let (ahead, _) = ahead_of(State::TxReady, &waiting);
        assert_eq!(ahead, None, "{waiting:?}");
    }
}

#[test]
fn a_reset_jumps_the_queue_and_what_waited_is_ignored() {
    for version in SUPPORTED {
        let mut peers = Peers::ready(version);
        peers.send(&run());
        assert!(matches!(peers.action(), Some(Action::Run { .. })));
        peers.send(&Request::Pull(Portion::ALL));
        peers.send(&Request::Begin(Extra::default()));
        assert_eq!(peers.action(), None, "they wait");
        peers.send(&Request::Reset);
        assert_eq!(peers.connection.state(), Some(State::Interrupted));
        assert_eq!(peers.action(), Some(Action::Interrupt));
        peers.connection.complete(Outcome::Failed(Failure::new(
            "Neo.TransientError.Transaction.Terminated",
            "interrupted",
        )));
        assert_eq!(peers.read(), vec![Received::Ignored; 3]);
        assert_eq!(peers.action(), Some(Action::Reset));
        peers.done();
        assert!(matches!(peers.one(), Received::Success(_)));
        assert_eq!(peers.connection.state(), Some(State::Ready));
    }
}

#[test]
fn each_of_several_resets_is_answered_and_the_last_one_makes_ready() {
    let mut peers = Peers::ready(Version::new(5, 4));
    let reset = bytes_of(&Request::Reset, peers.version);
    peers.connection.receive(&[reset.clone(), reset].concat());
    assert_eq!(peers.action(), Some(Action::Reset));
    peers.done();
    assert_eq!(peers.connection.state(), Some(State::Interrupted));
    assert_eq!(peers.action(), Some(Action::Reset));
    peers.done();
    assert_eq!(peers.connection.state(), Some(State::Ready));
    assert_eq!(peers.read().len(), 2);
}

#[test]
fn a_commit_that_succeeds_although_it_was_interrupted_is_told() {
    let mut peers = peers_in(State::TxReady, Version::new(5, 8)).expect("a state");
    peers.send(&Request::Commit);
    assert_eq!(peers.action(), Some(Action::Commit));
    peers.send(&Request::Reset);
    peers
        .connection
        .complete(Outcome::Done(map([("bookmark", "b:1")])));
    let bookmark = Received::Success(map([("bookmark", "b:1")]));
    assert_eq!(peers.read(), [bookmark]);
    assert_eq!(peers.connection.state(), Some(State::Interrupted));
}

#[test]
fn results_of_a_transaction_are_numbered_and_minus_one_is_the_last() {
    let version = Version::new(5, 2);
    let mut peers = peers_in(State::TxReady, version).expect("a state");
    for qid in 0..3 {
        peers.send(&run());
        let action = peers.action();
        assert!(
            matches!(action, Some(Action::Run { result: Some(result), .. }) if result == qid),
            "{action:?}"
        );
        peers.done();
        let answer = Received::Success(map([("qid", Value::Int(qid))]));
        assert_eq!(peers.one(), answer);
    }
    let pull = |rows, result| Request::Pull(Portion { rows, result });
    for (request, rows, result) in [
        (pull(Some(10), Some(0)), Some(10), 0),
        (pull(None, None), None, 2),
        (pull(Some(1), Some(1)), Some(1), 1),
    ] {
        peers.send(&request);
        let result = Some(result);
        assert_eq!(peers.action(), Some(Action::Pull { rows, result }));
        peers.portion(true);
        let answer = Received::Success(map([("has_more", Value::Bool(true))]));
        assert_eq!(peers.one(), answer);
    }
    for (qid, next) in [
        (2, State::TxStreaming),
        (0, State::TxStreaming),
        (1, State::TxReady),
    ] {
        peers.send(&pull(None, Some(qid)));
        peers.action();
        peers.portion(false);
        assert!(matches!(peers.one(), Received::Success(_)));
        assert_eq!(peers.connection.state(), Some(next));
    }
    peers.send(&run());
    peers.action();
    peers.done();
    peers.read();
    peers.send(&pull(None, Some(1)));
    assert_eq!(peers.code(), "Neo.ClientError.Request.Invalid");
    assert_eq!(peers.connection.state(), Some(State::Failed));
}

#[test]
fn the_number_of_open_results_is_limited() {
    let mut settings = settings();
    settings.limits.open_results_max = 2;
    let version = Version::new(5, 0);
    let mut peers = Peers::ready(version);
    let mut connection = Connection::new(settings);
    std::mem::swap(&mut peers.connection, &mut connection);
    peers.connection.receive(&opening(version));
    peers.send(&hello(version));
    peers.send(&Request::Begin(Extra::default()));
    for _ in 0..3 {
        peers.send(&run());
    }
    while complete(&mut peers, success) {}
    let output = peers.connection.take_output();
    let received = support::read_all(&output[4..], version);
    assert_eq!(received.len(), 5);
    assert!(matches!(received[4], Received::Failure(_)));
}

#[test]
fn bad_values_fail_the_request_and_bad_bytes_the_connection() {
    let version = Version::new(5, 7);
    let mut extra = Extra::default();
    extra.metadata.insert("x".to_owned(), Value::Null);
    let good = bytes_of(&Request::Begin(extra), version);

    // A map where the mode should be a string.
    let mut peers = Peers::ready(version);
    peers.connection.receive(&[
        0, 9, 0xB1, 0x11, 0xA1, 0x84, b'm', b'o', b'd', b'e', 0xA0, 0, 0,
    ]);
    assert_eq!(peers.code(), "Neo.ClientError.Request.Invalid");
    assert_eq!(peers.connection.state(), Some(State::Failed));
    assert!(!peers.connection.is_closed());
    peers.connection.receive(&good);
    assert_eq!(peers.one(), Received::Ignored);

    // Bytes behind the message's end.
    let mut peers = Peers::ready(version);
    let mut bad = good;
    let end = bad.len() - 2;
    bad.splice(end..end, [0xC0]);
    bad[1] += 1;
    peers.connection.receive(&bad);
    assert_eq!(peers.code(), "Neo.ClientError.Request.Invalid");
    assert!(peers.connection.is_closed());
}

#[test]
fn nothing_but_authentication_makes_ready() {
    for version in SUPPORTED {
        for request in MESSAGES.map(|name| request_of(name, version)) {
            let mut peers = Peers::new(version);
            peers.send(&request);
            let has_authenticated = complete(&mut peers, |_| {
                Outcome::Failed(Failure::new("Neo.ClientError.Security.Unauthorized", "no"))
            });
            assert!(!peers.connection.is_authenticated());
            // RESET after a failed login must not make the connection ready.
            peers.send(&Request::Reset);
            peers.send(&run());
            assert!(!complete(&mut peers, success));
            assert_ne!(peers.connection.state(), Some(State::Ready));
            assert!(!has_authenticated || peers.connection.is_closed());
        }
    }
}

#[test]
fn a_large_message_before_authentication_is_refused_and_accepted_after_it() {
    let version = Version::new(5, 8);
    let large = Request::Run(Run {
        query: "x".repeat(Limits::default().unauthenticated.bytes_max),
        ..Run::default()
    });
    let mut peers = Peers::new(version);
    peers.send(&large);
    assert_eq!(peers.code(), "Neo.ClientError.Request.Invalid");
    assert!(peers.connection.is_closed());

    // Behind LOGON it waits for the limits that hold after it.
    let mut peers = Peers::new(version);
    peers.send(&hello(version));
    let logon = bytes_of(&Request::Logon(token()), version);
    peers
        .connection
        .receive(&[logon, bytes_of(&large, version)].concat());
    assert!(!peers.connection.wants_input());
    assert!(matches!(peers.action(), Some(Action::Authenticate(_))));
    peers.done();
    assert_eq!(peers.action(), Some(Action::StopTimer));
    assert!(matches!(peers.action(), Some(Action::Run { .. })));
}

#[test]
fn a_connection_with_too_many_waiting_messages_is_not_read() {
    let mut peers = Peers::ready(Version::new(5, 4));
    peers.send(&run());
    let bytes = bytes_of(&Request::Pull(Portion::ALL), peers.version);
    let limit = Limits::default().queued_messages_max;
    for _ in 0..limit {
        assert!(peers.connection.wants_input());
        peers.connection.receive(&bytes);
    }
    assert!(!peers.connection.wants_input());
}

#[test]
fn hello_is_answered_by_what_the_version_knows() {
    for version in SUPPORTED {
        let mut peers = Peers::new(version);
        let mut request = hello(version);
        if let Request::Hello(hello) = &mut request {
            hello.patches.push("utc".to_owned());
            hello.patches.push("unknown".to_owned());
        }
        peers.send(&request);
        complete(&mut peers, success);
        let Received::Success(answer) = peers.one() else {
            panic!("HELLO failed");
        };
        assert_eq!(answer["server"], "Retrograph/0.0.0".into());
        assert_eq!(answer["connection_id"], "bolt-1".into());
        assert!(!answer.contains_key("protocol_version"));
        let patched = (version == Version::new(4, 4)).then(|| vec!["utc".into()].into());
        assert_eq!(answer.get("patch_bolt").cloned(), patched);
        assert!(peers.connection.dialect().expect("known").utc);
    }
}

#[test]
fn the_version_chosen_from_a_manifest_is_confirmed() {
    let mut connection = Connection::new(settings());
    let mut bytes = vec![0x60, 0x60, 0xB0, 0x17, 0, 0, 1, 0xFF];
    bytes.extend([0; 12]);
    let version = Version::new(5, 8);
    bytes.extend([0, 0, 8, 5, 0]);
    bytes.extend(bytes_of(&hello(version), version));
    connection.receive(&bytes);
    let output = connection.take_output();
    let received = support::read_all(&output[18..], version);
    let Received::Success(answer) = &received[0] else {
        panic!("HELLO failed");
    };
    assert_eq!(answer["protocol_version"], "5.8".into());
}

#[test]
fn failures_have_the_form_of_the_version() {
    for version in SUPPORTED {
        let mut peers = Peers::ready(version);
        peers.send(&run());
        peers.action();
        peers.connection.complete(failure());
        let Received::Failure(map) = peers.one() else {
            panic!("no failure");
        };
        assert_eq!(map["message"], "no".into());
        if version < Version::new(5, 7) {
            assert_eq!(map.len(), 2);
            assert_eq!(map["code"], "Neo.ClientError.Statement.SyntaxError".into());
        } else {
            assert_eq!(map["gql_status"], "42001".into());
            let Value::Map(record) = &map["diagnostic_record"] else {
                panic!("no record");
            };
            assert_eq!(record["_classification"], "CLIENT_ERROR".into());
            assert_eq!(record["CURRENT_SCHEMA"], "/".into());
        }
    }
}

#[test]
fn credentials_are_not_shown() {
    let mut token = token();
    token.credentials = Some("s3cret".to_owned());
    let shown = format!("{:?}", Action::Authenticate(token));
    assert!(!shown.contains("s3cret"), "{shown}");
}
