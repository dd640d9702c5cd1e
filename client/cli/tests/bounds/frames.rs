//! Frames of HTTP/2 as bytes, for calls that no library would make.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::served::connect;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header as a literal that is not remembered; texts have less than 127 bytes.
fn header(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(0);
    for text in [name, value] {
        out.push(u8::try_from(text.len()).unwrap());
        out.extend(text.as_bytes());
    }
}

/// A number of a message of protobuf.
fn varint(out: &mut Vec<u8>, mut number: usize) {
    while number > 127 {
        out.push(u8::try_from(number & 127).unwrap() | 128);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap());
}

/// A message with one field that has a length.
pub fn message(field: u8, bytes: &[u8]) -> Vec<u8> {
    let mut message = vec![field << 3 | 2];
    varint(&mut message, bytes.len());
    message.extend(bytes);
    message
}

/// The headers of a call, without the end of its stream.
pub fn headers(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    let common = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    for (name, value) in common.iter().chain(more) {
        header(&mut block, name, value);
    }
    frame(HEADERS, 4, 1, &block)
}

/// The beginning of a connection. With a wide window the server may send as much as it likes.
pub fn opening(window: Option<u32>) -> Vec<u8> {
    let mut bytes = PREFACE.to_vec();
    let settings = window.map(|window| {
        let mut settings = vec![0, 4];
        settings.extend(window.to_be_bytes());
        settings
    });
    bytes.extend(frame(SETTINGS, 0, 0, &settings.unwrap_or_default()));
    if let Some(window) = window {
        let more = (window - 65_535).to_be_bytes();
        bytes.extend(frame(WINDOW_UPDATE, 0, 0, &more));
    }
    bytes
}

/// A message of a call, after which the client sends nothing more.
pub fn data(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut data = vec![0];
    data.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    data.extend(message);
    let mut pieces = data.chunks(16_000).peekable();
    while let Some(piece) = pieces.next() {
        let is_last = u8::from(pieces.peek().is_none());
        bytes.extend(frame(DATA, is_last, 1, piece));
    }
    bytes
}

/// A call as clients make it.
pub fn call(path: &str, message: &[u8], window: Option<u32>) -> Vec<u8> {
    [opening(window), headers(path, &[]), data(message)].concat()
}

/// Reads until the answer has a text in it; false if it ends before.
pub fn is_told(socket: &mut TcpStream, text: &[u8]) -> bool {
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    while !answer.windows(text.len()).any(|window| window == text) {
        match socket.read(&mut buffer) {
            Ok(0) | Err(_) => return false,
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
        }
    }
    true
}

/// Reads until the call is answered to its end, well or with a failure; false if the connection ends before.
pub fn is_answered(socket: &mut TcpStream) -> bool {
    loop {
        let mut head = [0; 9];
        if socket.read_exact(&mut head).is_err() {
            return false;
        }
        let [_, b1, b2, kind, flags, _, _, _, stream] = head;
        let length = u32::from_be_bytes([0, head[0], b1, b2]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        if socket.read_exact(&mut payload).is_err() {
            return false;
        }
        if kind == HEADERS && flags & 1 == 1 && stream == 1 {
            return true;
        }
    }
}

/// What a client is told whose query fails.
#[track_caller]
pub fn failure(address: SocketAddr, text: &str) -> String {
    let asked = async {
        let client = retrograph_client::Client::connect(format!("http://{address}")).await?;
        client.graph("g").query(text).run().await.map(|_| ())
    };
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let error = runtime.block_on(asked).expect_err("a failure");
    error.to_string()
}

/// A query is answered.
#[track_caller]
pub fn checks(address: SocketAddr) {
    let mut socket = connect(address);
    let query = message(1, b"RETURN 'wel' + 'come' AS greeting");
    let bytes = call("/retrograph.v1.Query/Run", &query, None);
    socket.write_all(&bytes).expect("it reads");
    assert!(is_told(&mut socket, b"welcome"), "gRPC answers");
}
