//! A client over any stream: for tests and measurements.
//!
//! It blocks, sends what it is told to together, and does not decode rows that are only counted.

use std::io::{self, Read, Write};

use crate::chunk::{Dechunker, write_message};
use crate::limits::Limits;
use crate::message::request::{AuthToken, Hello, Portion, Request, Run};
use crate::message::response::Received;
use crate::message::signature;
use crate::pack::Decoder;
use crate::value::{Map, Value};
use crate::version::Version;

/// How much is read at once.
const READ_BYTES: usize = 64 << 10;

/// Longer messages are not for such a client.
const MESSAGE_BYTES_MAX: usize = 1 << 30;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The connection is gone; whether the request was carried out is not known.
    #[error("the connection is gone")]
    Gone(#[from] io::Error),
    /// The server refused it or failed.
    #[error("{code}: {message}")]
    Failed {
        /// The status code.
        code: String,
        /// For people.
        message: String,
    },
    /// The server does not keep to the protocol.
    #[error("the server does not keep to the protocol: {0}")]
    Protocol(String),
}

/// The rows of a query and what was said at their end.
pub type Answer = (Vec<Vec<Value>>, Map);

/// An open connection.
pub struct Client<S> {
    stream: S,
    version: Version,
    buffer: Vec<u8>,
    /// What of the buffer has not been looked at.
    unread: std::ops::Range<usize>,
    dechunker: Dechunker,
    out: Vec<u8>,
    received: u64,
}

impl<S: Read + Write> Client<S> {
    /// Agrees on a version, at least 5.1, and logs in.
    ///
    /// # Errors
    /// If there is no server that speaks it, or it does not let the client in.
    pub fn open(
        stream: S,
        version: Version,
        agent: &str,
        auth: AuthToken,
    ) -> Result<Self, ClientError> {
        let mut client = Self::agree(stream, version)?;
        client.send(&[
            Request::Hello(Hello {
                user_agent: agent.to_owned(),
                ..Hello::default()
            }),
            Request::Logon(auth),
        ])?;
        client.success()?;
        client.success()?;
        Ok(client)
    }

    /// Agrees on a version, and says nothing more.
    ///
    /// # Errors
    /// If there is no server that speaks it.
    pub fn agree(mut stream: S, version: Version) -> Result<Self, ClientError> {
        let mut opening = vec![0x60, 0x60, 0xB0, 0x17, 0, 0, version.minor, version.major];
        opening.resize(20, 0);
        stream.write_all(&opening)?;
        let mut agreed = [0; 4];
        stream.read_exact(&mut agreed)?;
        if agreed != [0, 0, version.minor, version.major] {
            let message = format!("it does not speak Bolt {version}");
            return Err(ClientError::Protocol(message));
        }
        Ok(Self {
            stream,
            version,
            buffer: vec![0; READ_BYTES],
            unread: 0..0,
            dechunker: Dechunker::default(),
            out: Vec::new(),
            received: 0,
        })
    }

    /// The version that was agreed on.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Sends requests together.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn send(&mut self, requests: &[Request]) -> Result<(), ClientError> {
        self.out.clear();
        for request in requests {
            write_message(&mut self.out, |out| {
                request.encode(out, self.version, self.version.dialect());
            });
        }
        Ok(self.stream.write_all(&self.out)?)
    }

    /// Asks for all rows of a query.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn ask(&mut self, run: Run) -> Result<(), ClientError> {
        self.send(&[Request::Run(run), Request::Pull(Portion::ALL)])
    }

    /// The stream, to send what is no request.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// How many bytes have come.
    pub fn received(&self) -> u64 {
        self.received
    }

    fn message(&mut self) -> Result<Vec<u8>, ClientError> {
        loop {
            let mut rest = &self.buffer[self.unread.clone()];
            let message = self
                .dechunker
                .next(&mut rest, MESSAGE_BYTES_MAX)
                .map_err(|error| ClientError::Protocol(error.to_string()))?;
            self.unread.start = self.unread.end - rest.len();
            if let Some(message) = message {
                return Ok(message);
            }
            let read = self.stream.read(&mut self.buffer)?;
            if read == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            self.unread = 0..read;
            self.received += read as u64;
        }
    }

    fn decoded(&self, message: &[u8]) -> Result<Received, ClientError> {
        let limits = Limits::default().authenticated;
        let decoder = Decoder::new(message, self.version.dialect(), limits).with_elements();
        Received::decode(decoder).map_err(|error| ClientError::Protocol(error.to_string()))
    }

    /// The next message.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn receive(&mut self) -> Result<Received, ClientError> {
        let message = self.message()?;
        self.decoded(&message)
    }

    /// What the next message says, which is to be a success.
    ///
    /// # Errors
    /// If it is a failure, or the connection is gone.
    pub fn success(&mut self) -> Result<Map, ClientError> {
        match self.receive()? {
            Received::Success(said) => Ok(said),
            other => Err(unsuccessful(other)),
        }
    }

    /// Counts the rows that answer [`Self::ask`], without looking into them.
    ///
    /// # Errors
    /// If the query failed, or the connection is gone.
    pub fn count_rows(&mut self) -> Result<u64, ClientError> {
        self.success()?;
        let mut rows = 0;
        loop {
            let message = self.message()?;
            if message.get(1) == Some(&signature::RECORD) {
                rows += 1;
                continue;
            }
            return match self.decoded(&message)? {
                Received::Success(_) => Ok(rows),
                other => Err(unsuccessful(other)),
            };
        }
    }

    /// What answers [`Self::ask`]. After a failure the connection is reset.
    ///
    /// # Errors
    /// If the query failed, or the connection is gone.
    pub fn answer(&mut self) -> Result<Answer, ClientError> {
        let answered = self.answer_as_it_is();
        if matches!(answered, Err(ClientError::Failed { .. })) {
            self.send(&[Request::Reset])?;
            while !matches!(self.receive()?, Received::Success(_)) {}
        }
        answered
    }

    fn answer_as_it_is(&mut self) -> Result<Answer, ClientError> {
        self.success()?;
        let mut rows = Vec::new();
        loop {
            match self.receive()? {
                Received::Record(row) => rows.push(row),
                Received::Success(said) => return Ok((rows, said)),
                other => return Err(unsuccessful(other)),
            }
        }
    }
}

/// Nobody is named.
#[must_use]
pub fn anonymous() -> AuthToken {
    AuthToken {
        scheme: "none".to_owned(),
        ..AuthToken::default()
    }
}

fn unsuccessful(received: Received) -> ClientError {
    let Received::Failure(failure) = received else {
        return ClientError::Protocol(format!("it answers with {received:?}"));
    };
    let text = |key: &str| match failure.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    ClientError::Failed {
        code: text("neo4j_code")
            .or_else(|| text("code"))
            .unwrap_or_default(),
        message: text("message").unwrap_or_default(),
    }
}
