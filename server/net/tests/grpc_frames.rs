//! HTTP/2 frames that no client would send: the server closes such connections and goes on.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod fixture;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use fixture::Fixture;
use prost::Message as _;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use retrograph_net::grpc;
use retrograph_proto::v1;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header as a literal that is not remembered.
fn header(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(0);
    for text in [name, value] {
        out.push(u8::try_from(text.len()).unwrap());
        out.extend(text.as_bytes());
    }
}

/// A call as clients make it.
fn call(path: &str, message: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-timeout", "1S"),
    ] {
        header(&mut headers, name, value);
    }
    let mut data = vec![0];
    data.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    data.extend(message);
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    bytes.extend(frame(1, 4, 1, &headers));
    bytes.extend(frame(0, 1, 1, &data));
    bytes
}

/// Sends bytes and lets the server deal with them.
fn send(fixture: &Fixture, bytes: &[u8]) {
    let mut socket = connect(fixture);
    // The server may close before it has read everything.
    let _ = socket.write_all(bytes);
    let _ = socket.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
}

/// Whether the answer has some text in it.
fn is_told(fixture: &Fixture, bytes: &[u8], text: &[u8]) -> bool {
    let mut socket = connect(fixture);
    socket.write_all(bytes).unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    while !answer.windows(text.len()).any(|window| window == text) {
        match socket.read(&mut buffer) {
            Ok(0) | Err(_) => return false,
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
        }
    }
    true
}

fn connect(fixture: &Fixture) -> TcpStream {
    let socket = TcpStream::connect(fixture.grpc.unwrap()).unwrap();
    let limit = Some(Duration::from_secs(10));
    socket.set_read_timeout(limit).unwrap();
    socket
}

#[test]
fn mutated_frames_neither_stop_the_server_nor_get_anything() {
    let fixture = Fixture::with(|options| {
        options.grpc = Some(grpc::Options::new("127.0.0.1:0".parse().unwrap()));
    });
    let run = v1::RunRequest {
        query: "RETURN 1 AS one".to_owned(),
        ..v1::RunRequest::default()
    };
    let list = v1::ListVersionsRequest::default();
    let calls = [
        call("/retrograph.v1.Query/Run", &run.encode_to_vec()),
        call("/retrograph.v1.Time/ListVersions", &list.encode_to_vec()),
        call("/retrograph.v1.Query/None", &[1, 2, 3]),
        call("/grpc.health.v1.Health/Check", &[]),
    ];
    assert!(is_told(&fixture, &calls[0], b"one"), "before");
    let mut random = SmallRng::seed_from_u64(4);
    for round in 0..400 {
        let mut bytes = calls[round % calls.len()].clone();
        for _ in 0..random.random_range(1..6) {
            let at = random.random_range(0..bytes.len());
            match random.random_range(0..4) {
                0 => bytes[at] = random.random(),
                1 => bytes[at] ^= 1 << random.random_range(0..8),
                2 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, random.random()),
            }
        }
        send(&fixture, &bytes);
    }
    // As it was.
    assert!(is_told(&fixture, &calls[0], b"one"));
    let lists = fixture.database.graphs().unwrap();
    assert_eq!(lists.len(), 1);
}
