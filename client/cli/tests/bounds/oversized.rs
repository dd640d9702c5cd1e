//! Parameters, results, values and transactions that are too large: who asks for them fails, alone.

use std::io::Write;

use retrograph_bolt::Value;
use retrograph_bolt::client::{Client, ClientError};
use retrograph_bolt::message::request::{AuthToken, Extra, Hello, Portion, Request, Run};
use retrograph_bolt::value::map;

use crate::frames;
use crate::served::{Served, ask, connect, fails, read_to_end, run, wait_until};

const OWN: &str = "Neo.ClientError.General.TransactionOutOfMemoryError";
const SHARED: &str = "Neo.TransientError.General.MemoryPoolOutOfMemoryError";

/// How much memory the queries of the tests may take together.
const BUDGET: &str = "128MiB";

/// How much more the process may have at the end: what the queries may take, and what allocators keep.
const BYTES_MAX: u64 = 512 << 20;

fn is_gone<T>(answer: &Result<T, ClientError>) -> bool {
    matches!(answer, Err(ClientError::Gone(_)))
}

#[test]
fn messages_that_are_too_long_are_refused_before_and_after_the_login() {
    let served = Served::start(&["--bolt-message-bytes-max", "1MiB"]);
    let before = served.memory();
    let long = |bytes: usize| "x".repeat(bytes);
    // A stranger has 64 KiB.
    let auth = AuthToken {
        scheme: "none".to_owned(),
        ..AuthToken::default()
    };
    let agent = long(100_000);
    let opened = Client::open(
        connect(served.bolt),
        retrograph_bolt::Version::new(5, 8),
        &agent,
        auth,
    );
    match opened {
        Err(ClientError::Failed { code, message }) => {
            assert_eq!(code, "Neo.ClientError.Request.Invalid");
            assert!(
                message.contains("65536 bytes, the limit before"),
                "{message}"
            );
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it is let in"),
    }
    let mut client = served.client();
    let parameters = map([("text", Value::from(&*long(2 << 20)))]);
    let asked = client.ask(Run {
        parameters,
        ..run("RETURN size($text)")
    });
    let answer = asked.and_then(|()| client.answer());
    match answer {
        Err(ClientError::Failed { code, message }) => {
            assert_eq!(code, "Neo.ClientError.Request.Invalid");
            assert!(message.contains("more than 1048576 bytes"), "{message}");
        }
        // The server closes with bytes unread, which may take back what it has said.
        other => assert!(is_gone(&other), "{other:?}"),
    }
    // One just short enough is taken.
    let mut client = served.client();
    let parameters = map([("text", Value::from(&*long(1_000_000)))]);
    let asked = client.ask(Run {
        parameters,
        ..run("RETURN size($text)")
    });
    let (rows, _) = asked.and_then(|()| client.answer()).expect("an answer");
    assert_eq!(rows, [[Value::Int(1_000_000)]]);
    // Over gRPC: a message that claims four gigabytes, and one of a stranger to the one service that is open.
    for (path, length) in [
        ("/retrograph.v1.Query/Run", u32::MAX),
        ("/grpc.health.v1.Health/Check", 1 << 20),
    ] {
        let mut socket = connect(served.grpc);
        let mut bytes = frames::opening(None);
        bytes.extend(frames::headers(path, &[]));
        let mut start = vec![0];
        start.extend(length.to_be_bytes());
        bytes.extend(frames::frame(0, 0, 1, &start));
        socket.write_all(&bytes).expect("it reads");
        // At once: the rest of the message never comes.
        assert!(frames::is_answered(&mut socket), "{path}");
    }
    let more = served.memory().saturating_sub(before);
    assert!(more < 64 << 20, "{more} bytes more");
    served.serves();
}

/// Messages that are allowed one by one are not all at once.
#[test]
fn messages_that_arrive_take_of_the_memory_of_queries() {
    let served = Served::start(&["--admission-memory-bytes-max", "32MiB"]);
    let before = served.memory();
    let mut clients: Vec<Client<_>> = (0..8).map(|_| served.client()).collect();
    let text = "x".repeat(8 << 20);
    let mut long = Vec::new();
    retrograph_bolt::chunk::write_message(&mut long, |out| {
        let run = Run {
            parameters: map([("text", Value::from(&*text))]),
            ..run("RETURN size($text)")
        };
        let version = retrograph_bolt::Version::new(5, 8);
        Request::Run(run).encode(out, version, version.dialect());
    });
    // All of it but the end.
    long.truncate(long.len() - 2);
    let mut refused = 0;
    for client in &mut clients {
        let _ = client.stream().write_all(&long);
    }
    // Some are told that there is no memory for them, the others wait for the rest of their message.
    wait_until(
        || {
            refused = served.log().matches("a message was refused").count();
            refused >= 3
        },
        || "nobody is refused".to_owned(),
    );
    assert!(refused < clients.len());
    let more = served.memory().saturating_sub(before);
    assert!(more < BYTES_MAX, "{more} bytes more");
    served.serves();
    drop(clients);
    let mut client = served.client();
    let load = "CALL server.load() YIELD memoryBytes RETURN memoryBytes";
    wait_until(
        || ask(&mut client, load).expect("an answer").0 == [[Value::Int(0)]],
        || "the memory is not given back".to_owned(),
    );
}

#[test]
fn values_and_results_beyond_all_bounds_fail_alone() {
    let served = Served::start(&["--admission-memory-bytes-max", BUDGET]);
    let mut client = served.client();
    ask(
        &mut client,
        "CREATE (:N {text: reduce(t = 'text', i IN range(1, 20) | t + t)})",
    )
    .expect("a node");
    let before = served.memory();
    for (text, operator) in [
        // Doubled until there is no room for it.
        (
            "RETURN size(reduce(t = 'text', i IN range(1, 60) | t + t))",
            "Joining strings",
        ),
        (
            "RETURN size(reduce(l = [1], i IN range(1, 60) | l + l))",
            "Joining strings",
        ),
        ("RETURN size(range(1, 100000000))", "A function"),
        (
            "WITH reduce(t = 'text', i IN range(1, 20) | t + t) AS t RETURN size(replace(t, 'e', t))",
            "A function",
        ),
        // Everything in one value, in one row, or in many groups.
        (
            "UNWIND range(1, 100000000) AS n RETURN size(collect('text' + n))",
            "Aggregate",
        ),
        (
            "UNWIND range(1, 100000000) AS n RETURN n % 50000000 AS k, count(*) AS c",
            "Aggregate",
        ),
        (
            "UNWIND range(1, 100000000) AS n RETURN n ORDER BY -n",
            "Sort",
        ),
        (
            "UNWIND range(1, 100000000) AS n RETURN DISTINCT 'text' + n AS n",
            "Distinct",
        ),
        // One string, named many times over.
        (
            "MATCH (n:N) RETURN [x IN range(1, 10000) | n.text] AS texts",
            "Result",
        ),
        (
            "MATCH (n:N) RETURN [x IN range(1, 10000) | n] AS nodes",
            "Result",
        ),
        (
            "MATCH (n:N) UNWIND range(1, 10000) AS x RETURN collect(n) AS nodes",
            "Result",
        ),
        // Changes.
        ("UNWIND range(1, 1000000) AS n CREATE (:A:B:C)", "Create"),
        (
            "MATCH (n:N) SET n.texts = [x IN range(1, 10000) | n.text]",
            "IN TRANSACTIONS",
        ),
    ] {
        let (code, message) = fails(&mut client, text);
        let is_of_memory = [OWN, SHARED].contains(&&*code);
        assert!(
            is_of_memory && message.contains(operator),
            "{text}: {code}: {message}"
        );
        assert_eq!(
            ask(&mut client, "RETURN 1").expect("an answer").0,
            [[Value::Int(1)]]
        );
    }
    // The same over gRPC.
    for text in [
        "MATCH (n:N) RETURN [x IN range(1, 10000) | n.text] AS texts",
        "MATCH (n:N) RETURN [x IN range(1, 10000) | n] AS nodes",
    ] {
        let told = frames::failure(served.grpc, text);
        assert!(told.contains("Result needs more memory"), "{text}: {told}");
    }
    let more = served.memory().saturating_sub(before);
    assert!(more < BYTES_MAX, "{more} bytes more");
    let load = "CALL server.load() YIELD memoryBytes RETURN memoryBytes";
    wait_until(
        || ask(&mut client, load).expect("an answer").0 == [[Value::Int(0)]],
        || "the memory is not given back".to_owned(),
    );
    let count = "MATCH (n) RETURN count(n) AS n";
    assert_eq!(
        ask(&mut client, count).expect("an answer").0,
        [[Value::Int(1)]]
    );
    served.serves();
}

/// What one cannot have even if alone is not to be tried again; what others hold is.
#[test]
fn only_what_others_hold_is_worth_another_try() {
    let served = Served::start(&["--admission-memory-bytes-max", "16MiB"]);
    let mut client = served.client();
    let heavy = "UNWIND range(1, 10000000) AS n WITH n ORDER BY -n RETURN count(n)";
    let (code, _) = fails(&mut client, heavy);
    assert_eq!(code, OWN);
    // Changes of open transactions are memory as well, between their statements too.
    let mut other = served.client();
    other
        .send(&[Request::Begin(Extra::default())])
        .expect("it reads");
    other.success().expect("a transaction");
    ask(&mut other, "UNWIND range(1, 10000) AS n CREATE (:N {n: n})").expect("nodes");
    let load = "CALL server.load() YIELD memoryBytes RETURN memoryBytes > 1000000 AS holds";
    assert_eq!(
        ask(&mut client, load).expect("an answer").0,
        [[Value::Bool(true)]]
    );
    ask(&mut other, "UNWIND range(1, 10000) AS n CREATE (:N {n: n})").expect("nodes");
    // More and more, until it needs what the other one holds.
    let mut rows = 10_000;
    let failed = loop {
        let text = format!("UNWIND range(1, {rows}) AS n WITH n ORDER BY -n RETURN count(n)");
        match ask(&mut client, &text) {
            Ok(_) => rows *= 2,
            Err(error) => break error,
        }
    };
    match failed {
        ClientError::Failed { code, message } => assert_eq!(code, SHARED, "{message}"),
        error => panic!("{error}"),
    }
    other.send(&[Request::Rollback]).expect("it reads");
    other.success().expect("the end");
    let load = "CALL server.load() YIELD memoryBytes RETURN memoryBytes";
    assert_eq!(
        ask(&mut client, load).expect("an answer").0,
        [[Value::Int(0)]]
    );
    // Rows of a result that waits while another query runs.
    other
        .send(&[
            Request::Begin(Extra::default()),
            Request::Run(run("UNWIND range(1, 100000) AS n RETURN n, 'a text'")),
            Request::Run(run("RETURN 1 AS one")),
        ])
        .expect("it reads");
    for _ in 0..3 {
        other.success().expect("it is done");
    }
    let holds = "CALL server.load() YIELD memoryBytes RETURN memoryBytes > 1000000 AS holds";
    assert_eq!(
        ask(&mut client, holds).expect("an answer").0,
        [[Value::Bool(true)]]
    );
    let all = Portion {
        result: Some(0),
        ..Portion::ALL
    };
    other
        .send(&[Request::Pull(all), Request::Rollback])
        .expect("it reads");
    let mut rows = 0;
    while let retrograph_bolt::message::response::Received::Record(_) =
        other.receive().expect("rows")
    {
        rows += 1;
    }
    assert_eq!(rows, 100_000);
    other.success().expect("the end");
    assert_eq!(
        ask(&mut client, load).expect("an answer").0,
        [[Value::Int(0)]]
    );
}

#[test]
fn greetings_of_all_sizes_are_answered() {
    let served = Served::start(&[]);
    for depth in [1, 7, 9, 100, 10_000] {
        let mut socket = connect(served.bolt);
        let mut bytes = vec![0x60, 0x60, 0xB0, 0x17, 0, 0, 8, 5];
        bytes.resize(20, 0);
        let version = retrograph_bolt::Version::new(5, 8);
        let mut nested = Value::Int(1);
        for _ in 0..depth.min(100) {
            nested = Value::List(vec![nested]);
        }
        retrograph_bolt::chunk::write_message(&mut bytes, |out| {
            let hello = Hello {
                routing: Some(map([("x", nested)])),
                ..Hello::default()
            };
            Request::Hello(hello).encode(out, version, version.dialect());
            // Deeper than any tree of values: lists of one, never closed.
            out.extend(std::iter::repeat_n(0x91, depth));
        });
        socket.write_all(&bytes).expect("it reads");
        socket
            .shutdown(std::net::Shutdown::Write)
            .expect("a socket");
        read_to_end(&mut socket);
    }
    served.serves();
}
