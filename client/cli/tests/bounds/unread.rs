//! Clients that ask and do not read the answer.

use std::io::Write;
use std::net::TcpStream;

use retrograph_bolt::client::Client;
use retrograph_bolt::message::request::{Portion, Request};

use crate::frames;
use crate::served::{Served, ask, connect, run};

/// Rows without end.
const ENDLESS: &str = "UNWIND range(1, 1000000) AS x UNWIND range(1, 1000000) AS y
    RETURN x + y AS n, 'a text that makes the rows of this result longer than they would be' AS text";

/// How much memory may come on top for a client that does not read: buffers, and what allocators keep.
const BYTES_MAX: u64 = 64 << 20;

const WIDE: u32 = (1 << 31) - 1;

fn does_not_read(served: &Served, text: &str) -> Client<TcpStream> {
    let mut client = served.client();
    let requests = [Request::Run(run(text)), Request::Pull(Portion::ALL)];
    client.send(&requests).expect("it reads");
    client
}

#[test]
fn who_does_not_read_rows_ends_alone_and_costs_little() {
    let served = Served::start(&["--server-stall", "1s"]);
    served.serves();
    let before = served.memory();
    let bolt: Vec<_> = (0..4).map(|_| does_not_read(&served, ENDLESS)).collect();
    // With a window that does not let the server send much, and with one that does.
    let query = frames::message(1, ENDLESS.as_bytes());
    let grpc: Vec<TcpStream> = [None, None, Some(WIDE), Some(WIDE)]
        .into_iter()
        .map(|window| {
            let mut socket = connect(served.grpc);
            let call = frames::call("/retrograph.v1.Query/Run", &query, window);
            socket.write_all(&call).expect("it reads");
            socket
        })
        .collect();
    served.serves();
    served.wait_for_log(
        "closed, as the client read nothing of what was sent to it",
        bolt.len(),
    );
    served.wait_for_log(
        "ended, as the client read nothing of its answer",
        grpc.len(),
    );
    served.wait_until_idle();
    let more = served.memory().saturating_sub(before);
    assert!(more < BYTES_MAX, "{more} bytes more");
    served.serves();
}

#[test]
fn who_does_not_read_changes_ends_alone_and_costs_little() {
    let served = Served::start(&["--server-stall", "1s"]);
    let mut client = served.client();
    // More than any buffer holds.
    for _ in 0..40 {
        let made = "UNWIND range(1, 100) AS n CREATE (:N {text: reduce(text = 'text', i IN range(1, 10) | text + text)})";
        ask(&mut client, made).expect("nodes");
    }
    let before = served.memory();
    // Of the graph `g`, after version 0.
    let request = [frames::message(1, b"g"), vec![0x10, 0]].concat();
    let feeds: Vec<TcpStream> = [None, Some(WIDE)]
        .into_iter()
        .map(|window| {
            let mut socket = connect(served.grpc);
            let call = frames::call("/retrograph.v1.Time/Changes", &request, window);
            socket.write_all(&call).expect("it reads");
            socket
        })
        .collect();
    served.wait_for_log(
        "ended, as the client read nothing of its answer",
        feeds.len(),
    );
    let more = served.memory().saturating_sub(before);
    assert!(more < BYTES_MAX, "{more} bytes more");
    served.serves();
}

#[test]
fn who_does_not_read_metrics_is_cut_off() {
    let free = "127.0.0.1:0";
    let served = Served::start(&["--http-client-time", "1s", "--http-metrics", free]);
    served.wait_for_log("listening on http://", 2);
    let log = served.log();
    let mut addresses = log
        .lines()
        .filter_map(|line| line.strip_prefix("listening on http://"));
    let metrics = addresses
        .nth(1)
        .expect("a second one")
        .parse()
        .expect("an address");
    let mut socket = connect(metrics);
    let before = served.memory();
    // Many requests at once, more than whose answers any buffer holds.
    let requests = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(20_000);
    let writer = std::thread::spawn(move || {
        let _ = socket.write_all(&requests);
        socket
    });
    served.wait_for_log(
        "closed, as the client read nothing of what was sent to it",
        1,
    );
    let more = served.memory().saturating_sub(before);
    assert!(more < BYTES_MAX, "{more} bytes more");
    drop(writer.join().expect("no panic"));
    served.serves();
}
