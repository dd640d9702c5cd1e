//! Bytes that are no protocol, or nearly one: the same ones each time.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use retrograph_bolt::Version;
use retrograph_bolt::chunk::write_message;
use retrograph_bolt::client::anonymous;
use retrograph_bolt::message::request::{Hello, Portion, Request};

use crate::served::{Served, connect, run};
use crate::{frames, siege};

/// How much memory may come on top, whatever the number of rounds.
const BYTES_MAX: u64 = 64 << 20;

struct Dice(ChaCha8Rng);

impl Dice {
    fn new(seed: u8) -> Self {
        Self(ChaCha8Rng::from_seed([seed; 32]))
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.0.next_u64() % n as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.0.next_u64().to_le_bytes()[0]
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }

    /// Changes some bytes, or takes some away.
    fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(5) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] = self.byte(),
                1 => bytes[at] ^= 1 << self.below(8),
                2 => bytes.truncate(at.max(1)),
                3 => bytes.insert(at, self.byte()),
                _ => {
                    // Something said twice.
                    let piece = bytes[at..].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, piece);
                    bytes.truncate(1 << 16);
                }
            }
        }
        bytes
    }
}

/// Sends bytes and lets the server deal with them.
fn send(address: SocketAddr, bytes: &[u8]) {
    let mut socket = connect(address);
    let limit = Some(Duration::from_secs(10));
    socket.set_read_timeout(limit).expect("a timeout");
    // The server may close before it has read everything.
    let _ = socket.write_all(bytes);
    let _ = socket.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = (&mut socket).take(1 << 20).read_to_end(&mut answer);
}

/// A whole conversation.
fn conversation(version: Version, query: &str) -> Vec<u8> {
    let mut bytes = vec![0x60, 0x60, 0xB0, 0x17, 0, 0, version.minor, version.major];
    bytes.resize(20, 0);
    let hello = Hello {
        user_agent: "bounds/1".to_owned(),
        auth: (!version.has_logon()).then(anonymous),
        ..Hello::default()
    };
    let mut requests = vec![Request::Hello(hello)];
    requests.extend(version.has_logon().then(|| Request::Logon(anonymous())));
    requests.extend([Request::Run(run(query)), Request::Pull(Portion::ALL)]);
    for request in requests {
        write_message(&mut bytes, |out| {
            request.encode(out, version, version.dialect())
        });
    }
    bytes
}

/// Sends mutations of some bytes, and bytes that are nothing at all.
fn attack(served: &Served, address: SocketAddr, starts: &[Vec<u8>], seed: u8) {
    let mut dice = Dice::new(seed);
    // What comes with the first ones stays: threads, buffers, plans.
    for start in starts {
        for _ in 0..20 {
            send(address, start);
        }
    }
    let before = served.memory();
    for round in 0..200 * siege() {
        let at = usize::try_from(round).unwrap() % starts.len();
        let bytes = dice.mutate(&starts[at]);
        send(address, &bytes);
        if round % 10 == 0 {
            let count = dice.below(2_000);
            let mut bytes = dice.bytes(count);
            send(address, &bytes);
            // Nonsense behind a beginning that is right.
            let right = dice.below(starts[at].len());
            let mut all = starts[at][..right].to_vec();
            all.append(&mut bytes);
            send(address, &all);
        }
    }
    let more = served.memory().saturating_sub(before);
    assert!(more < BYTES_MAX, "{more} bytes more");
    served.serves();
    served.wait_until_idle();
}

#[test]
fn nothing_comes_of_mutated_bolt() {
    let served = Served::start(&[]);
    let starts = [
        conversation(Version::new(5, 8), "RETURN 1 AS one"),
        conversation(Version::new(5, 0), "UNWIND [1, 2] AS n RETURN n"),
        conversation(Version::new(4, 4), "RETURN {a: [1, 2.5, 'x']} AS map"),
        // The manifest.
        [
            &[0x60, 0x60, 0xB0, 0x17, 0, 0, 1, 0xFF][..],
            &[0; 12],
            &[0, 0, 8, 5, 0],
        ]
        .concat(),
    ];
    attack(&served, served.bolt, &starts, 1);
}

#[test]
fn nothing_comes_of_mutated_grpc() {
    let served = Served::start(&[]);
    let query = frames::message(1, b"RETURN 1 AS one");
    let mut huge = frames::opening(None);
    // Headers without end.
    huge.extend(frames::frame(1, 0, 1, &[0; 16_000]));
    for _ in 0..20 {
        huge.extend(frames::frame(9, 0, 1, &[0x40; 16_000]));
    }
    let mut truncated = frames::call("/retrograph.v1.Query/Run", &query, None);
    truncated.truncate(truncated.len() - 3);
    let starts = [
        frames::call("/retrograph.v1.Query/Run", &query, None),
        frames::call("/retrograph.v1.Time/ListVersions", &[], None),
        frames::call("/retrograph.v1.Query/None", &[1, 2, 3], None),
        frames::call("/grpc.health.v1.Health/Check", &[], None),
        [frames::PREFACE, b"GET / HTTP/1.1\r\n\r\n"].concat(),
        huge,
        truncated,
    ];
    attack(&served, served.grpc, &starts, 2);
}

#[test]
fn nothing_comes_of_mutated_http() {
    let served = Served::start(&[]);
    let starts = [
        b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"POST /health/ready HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nx".to_vec(),
        b"GET /build HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFF\r\nx".to_vec(),
        [&b"GET / HTTP/1.1\r\nX: "[..], &[b'x'; 20_000], b"\r\n\r\n"].concat(),
        [
            &b"GET / HTTP/1.1\r\n"[..],
            &b"X: x\r\n".repeat(5_000),
            b"\r\n",
        ]
        .concat(),
    ];
    attack(&served, served.http, &starts, 3);
}
