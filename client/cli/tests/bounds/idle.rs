//! Connections by the thousand that do nothing.

use std::io::{Read, Write};
use std::net::TcpStream;

use retrograph_bolt::Value;
use retrograph_bolt::client::{Client, ClientError};
use retrograph_bolt::message::request::Request;
use retrograph_net::allow_open_files;

use crate::frames;
use crate::served::{Served, ask, connect, get, note, try_client};

/// How many there are to be, if the machine allows as many open files.
const WANTED: usize = 10_000;

/// What the test and the server need beside.
const SPARE: usize = 64;

/// Agrees on a version, and says nothing more.
fn shake_hands(served: &Served) -> TcpStream {
    let mut socket = connect(served.bolt);
    let mut opening = vec![0x60, 0x60, 0xB0, 0x17, 0, 0, 8, 5];
    opening.resize(20, 0);
    socket.write_all(&opening).expect("it reads");
    let mut agreed = [0; 4];
    socket.read_exact(&mut agreed).expect("it answers");
    assert_eq!(agreed, [0, 0, 8, 5]);
    socket
}

/// The code and the text with which a client is turned away.
fn turned_away(served: &Served) -> (String, String) {
    match try_client(served.bolt) {
        Err(ClientError::Failed { code, message }) => (code, message),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it is let in"),
    }
}

#[test]
fn thousands_of_idle_connections_cost_little_and_further_ones_are_told_why_not() {
    let allowed = allow_open_files(WANTED + SPARE);
    let count = WANTED.min(allowed.connections_max - SPARE);
    if count < WANTED {
        note(&format!(
            "{count} idle connections instead of {WANTED}: this process may have {:?} open files",
            allowed.max
        ));
    }
    let connections_max = count.to_string();
    let served = Served::start(&[
        "--server-connections-max",
        &connections_max,
        "--bolt-authentication-time",
        "1h",
        "--grpc-first-call-time",
        "1h",
    ]);
    assert!(served.open_files_max() > count, "the server sees to it");
    served.serves();
    let before = served.memory();
    // Most are logged in, as those of drivers' pools are; some have come as far as the handshake.
    let strangers = count / 10;
    let mut known = served.client();
    let mut handshakes: Vec<TcpStream> = (0..strangers).map(|_| shake_hands(&served)).collect();
    let of_strangers = (served.memory() - before) / strangers as u64;
    let before = served.memory();
    let users = count - strangers - 1;
    let mut clients: Vec<Client<TcpStream>> = (0..users).map(|_| served.client()).collect();
    let of_users = (served.memory() - before) / users as u64;
    note(&format!(
        "{count} idle connections: {of_users} bytes of memory for each that is logged in, {of_strangers} for each \
         that is not"
    ));
    assert!(of_users < 64 << 10 && of_strangers < 64 << 10);
    assert_eq!(
        ask(&mut known, "RETURN 1").expect("an answer").0,
        [[Value::Int(1)]]
    );

    // Further ones are refused in the words of their protocol.
    let (code, message) = turned_away(&served);
    assert_eq!(code, "Neo.TransientError.Request.NoThreadsAvailable");
    let told = format!("as many connections as it may have ({count})");
    assert!(message.contains(&told), "{message}");
    let mut socket = connect(served.grpc);
    let call = frames::call("/retrograph.v1.Query/Run", &[], None);
    socket.write_all(&call).expect("it reads");
    assert!(frames::is_answered(&mut socket));
    // Probes have places of their own.
    assert_eq!(get(served.http, "/health/ready").0, 200);
    served.wait_for_log("connections were refused", 1);

    // None of those that were there is lost.
    for client in &mut clients {
        client.send(&[Request::Reset]).expect("it is there");
    }
    for client in &mut clients {
        client.success().expect("it is there");
    }
    for socket in &mut handshakes {
        // A greeting that cannot be one is answered.
        socket.write_all(&[0, 1, 0xFF, 0, 0]).expect("it is there");
        assert!(socket.read(&mut [0; 64]).expect("it is there") > 0);
    }
    drop((clients, handshakes));
    crate::served::wait_until(|| try_client(served.bolt).is_ok(), || "no place".to_owned());
    served.serves();
}

/// Whoever scrapes is told as well.
#[test]
fn probes_beyond_their_number_are_told() {
    let served = Served::start(&["--http-client-time", "1h"]);
    let idle: Vec<TcpStream> = (0..100).map(|_| connect(served.http)).collect();
    crate::served::wait_until(
        || get(served.http, "/health/live").0 == 503,
        || "nobody is refused".to_owned(),
    );
    let mut client = served.client();
    assert_eq!(
        ask(&mut client, "RETURN 1").expect("an answer").0,
        [[Value::Int(1)]]
    );
    drop(idle);
    crate::served::wait_until(
        || get(served.http, "/health/live").0 == 200,
        || "no place".to_owned(),
    );
}
