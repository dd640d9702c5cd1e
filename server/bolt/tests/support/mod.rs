//! A client for tests: it talks to a connection in bytes and reads what comes back.

#![allow(dead_code, reason = "not every test file uses all of it")]

use retrograph_bolt::chunk::{Dechunker, write_message};
use retrograph_bolt::machine::Action;
use retrograph_bolt::message::request::{AuthToken, Hello, Request};
use retrograph_bolt::message::response::Received;
use retrograph_bolt::pack::Decoder;
use retrograph_bolt::{Connection, Limits, Outcome, Settings, Value, Version, value::Map};

/// Both ends of a connection.
pub struct Peers {
    pub connection: Connection,
    pub version: Version,
}

/// The opening of a client that knows one version.
pub fn opening(version: Version) -> Vec<u8> {
    let mut bytes = vec![0x60, 0x60, 0xB0, 0x17, 0, 0, version.minor, version.major];
    bytes.extend([0; 12]);
    bytes
}

pub fn settings() -> Settings {
    Settings {
        agent: "Retrograph/0.0.0".to_owned(),
        connection_id: "bolt-1".to_owned(),
        ..Settings::default()
    }
}

pub fn token() -> AuthToken {
    AuthToken {
        scheme: "none".to_owned(),
        ..AuthToken::default()
    }
}

pub fn hello(version: Version) -> Request {
    Request::Hello(Hello {
        user_agent: "test/1".to_owned(),
        auth: (!version.has_logon()).then(token),
        ..Hello::default()
    })
}

pub fn bytes_of(request: &Request, version: Version) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_message(&mut bytes, |out| {
        request.encode(out, version, version.dialect());
    });
    bytes
}

/// Reads all messages of a server.
pub fn read_all(mut bytes: &[u8], version: Version) -> Vec<Received> {
    let limits = Limits::default().authenticated;
    let mut dechunker = Dechunker::default();
    let mut received = Vec::new();
    while let Some(message) = dechunker.next(&mut bytes, 1 << 24).expect("short enough") {
        let decoder = Decoder::new(&message, version.dialect(), limits).with_elements();
        received.push(Received::decode(decoder).expect("a message of a server"));
    }
    received
}

impl Peers {
    /// Peers that have agreed on a version.
    pub fn new(version: Version) -> Self {
        let mut connection = Connection::new(settings());
        connection.receive(&opening(version));
        assert_eq!(
            connection.take_output(),
            [0, 0, version.minor, version.major]
        );
        assert!(matches!(
            connection.next_action(),
            Some(Action::StartTimer(_))
        ));
        Self {
            connection,
            version,
        }
    }

    /// Peers with an authenticated client.
    pub fn ready(version: Version) -> Self {
        let mut peers = Self::new(version);
        peers.send(&hello(version));
        if version.has_logon() {
            peers.send(&Request::Logon(token()));
        }
        assert!(matches!(peers.action(), Some(Action::Authenticate(_))));
        peers.done();
        assert_eq!(peers.action(), Some(Action::StopTimer));
        peers.read();
        peers
    }

    pub fn send(&mut self, request: &Request) {
        self.connection.receive(&bytes_of(request, self.version));
    }

    pub fn action(&mut self) -> Option<Action> {
        self.connection.next_action()
    }

    pub fn done(&mut self) {
        self.connection.complete(Outcome::Done(Map::new()));
    }

    pub fn portion(&mut self, has_more: bool) {
        self.connection.complete(Outcome::Portion {
            has_more,
            metadata: Map::new(),
        });
    }

    pub fn read(&mut self) -> Vec<Received> {
        read_all(&self.connection.take_output(), self.version)
    }

    /// The one message that has come.
    pub fn one(&mut self) -> Received {
        let mut received = self.read();
        assert_eq!(received.len(), 1, "{received:?}");
        received.remove(0)
    }

    /// The code of the one failure that has come.
    pub fn code(&mut self) -> String {
        match self.one() {
            Received::Failure(map) => {
                let code = map.get("neo4j_code").or(map.get("code"));
                match code {
                    Some(Value::String(code)) => code.clone(),
                    other => panic!("no code: {other:?}"),
                }
            }
            other => panic!("no failure: {other:?}"),
        }
    }
}
