//! Clients that send a byte now and then, or nothing: they are cut off in time, whatever they speak.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::frames;
use crate::served::{PATIENCE, Served, connect, read_to_end};

/// How long strangers have.
const TIMES: [&str; 6] = [
    "--bolt-authentication-time",
    "500ms",
    "--grpc-first-call-time",
    "500ms",
    "--http-client-time",
    "500ms",
];

/// Sends bytes one by one until the server has enough of it.
fn trickle(address: SocketAddr, bytes: Vec<u8>) {
    let socket = connect(address);
    let mut writer = socket.try_clone().expect("a socket");
    let since = Instant::now();
    for byte in bytes {
        assert!(since.elapsed() < PATIENCE, "the server bears it");
        // It closes by and by: first what it sends, then what it reads.
        if writer.write_all(&[byte]).is_err() || is_closed(&socket) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("the server took it all");
}

fn is_closed(socket: &TcpStream) -> bool {
    socket.set_nonblocking(true).expect("a socket");
    let peeked = socket.peek(&mut [0; 1]);
    socket.set_nonblocking(false).expect("a socket");
    matches!(peeked, Ok(0))
        || peeked.is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock)
}

#[test]
fn who_sends_slowly_is_cut_off_on_every_listener() {
    let served = Served::start(&TIMES);
    let magic = [0x60, 0x60, 0xB0, 0x17];
    let versions = [0, 0, 8, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let handshake = [&magic[..], &versions].concat();
    // Behind the handshake: nothing at all, and a greeting that does not end.
    let noop = [&handshake[..], &[0; 20_000]].concat();
    let hello = [&handshake[..], &[0x7F, 0xFF], &[0xB1; 20_000]].concat();
    let preface = [frames::PREFACE, &[0; 20_000]].concat();
    let mut headers = frames::opening(None);
    headers.extend([0, 0x3F, 0xFF, 1, 0, 0, 0, 0, 1]);
    headers.extend([0; 20_000]);
    // A call that is let in only once it is complete.
    let strangers = frames::opening(None);
    let head = [&b"GET /health/live HTTP/1.1\r\nX: "[..], &[b'x'; 20_000]].concat();
    thread::scope(|scope| {
        for _ in 0..3 {
            for bytes in [&noop, &hello] {
                scope.spawn(|| trickle(served.bolt, bytes.clone()));
            }
            for bytes in [&preface, &headers] {
                scope.spawn(|| trickle(served.grpc, bytes.clone()));
            }
            scope.spawn(|| trickle(served.http, head.clone()));
        }
        // Those that say nothing, and those that say one thing and nothing more.
        for (address, bytes) in [
            (served.bolt, &[][..]),
            (served.bolt, &handshake),
            (served.grpc, &[]),
            (served.grpc, &strangers),
            (served.http, &[]),
            (served.http, b"GET /health/live HTTP/1.1\r\n"),
        ] {
            scope.spawn(move || {
                let mut socket = connect(address);
                socket.write_all(bytes).expect("it reads");
                read_to_end(&mut socket);
            });
        }
        for _ in 0..5 {
            served.serves();
        }
    });
    served.serves();
    served.wait_for_log("closed, as nobody logged in in time", 2);
    served.wait_for_log("closed, as no call was let in in time", 2);
}

/// The client's half of the connection is closed, the server's is not: the server closes it as well.
#[test]
fn connections_that_are_half_closed_end() {
    let served = Served::start(&[]);
    let mut client = served.client();
    for address in [served.bolt, served.grpc, served.http] {
        let mut socket = connect(address);
        socket.shutdown(Shutdown::Write).expect("a socket");
        read_to_end(&mut socket);
    }
    // In the middle of a transaction, what it holds is given back.
    let mut socket = connect(served.bolt);
    let opening = retrograph_bolt::client::Client::open(
        socket.try_clone().expect("a socket"),
        retrograph_bolt::Version::new(5, 8),
        "bounds",
        retrograph_bolt::client::anonymous(),
    );
    let mut half = opening.expect("it is let in");
    half.send(&[retrograph_bolt::message::request::Request::Begin(
        retrograph_bolt::message::request::Extra::default(),
    )])
    .expect("it reads");
    half.success().expect("a transaction");
    let open = "SHOW TRANSACTIONS YIELD transactionId RETURN count(*) AS n";
    let rows = crate::served::ask(&mut client, open).expect("an answer").0;
    assert_eq!(rows, [[retrograph_bolt::Value::Int(2)]]);
    socket.shutdown(Shutdown::Write).expect("a socket");
    read_to_end(&mut socket);
    served.wait_until_idle();
}

/// Connections whose other end is gone without a word are found out by the system: it asks.
#[test]
fn the_system_watches_over_idle_connections() {
    let served = Served::start(&[]);
    let client = served.client();
    let port = format!(":{:04X}", served.bolt.port());
    let table = std::fs::read_to_string("/proc/net/tcp").expect("a table");
    let of_server = table.lines().filter(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        // The server's end: established, from its port.
        fields.next().is_some_and(|local| local.ends_with(&port))
            && fields.nth(1).is_some_and(|state| state == "01")
    });
    let timers: Vec<&str> = of_server
        .map(|line| line.split_ascii_whitespace().nth(5).expect("a timer"))
        .collect();
    // 02 is the timer of keepalive.
    assert!(
        !timers.is_empty() && timers.iter().all(|timer| timer.starts_with("02:")),
        "{timers:?}"
    );
    drop(client);
}
