//! The server's side of the Bolt protocol, versions 4.4, 5.0 to 5.4 and 5.6 to 5.8.
//!
//! The crate opens no socket, starts no thread and knows no engine. It turns bytes into
//! things to do, and what came of them into bytes:
//!
//! ```text
//!            receive(bytes)                    next_action()
//!   socket ────────────────▶ ┌────────────┐ ────────────────▶ executor
//!                            │ Connection │
//!   socket ◀──────────────── └────────────┘ ◀──────────────── executor
//!            take_output()                     complete(outcome), records(bytes)
//! ```
//!
//! [`Connection`] holds it together: [`handshake`] agrees on a version, [`chunk`] cuts the stream into
//! messages, [`message`] reads and writes them, [`machine`] decides what each means in the state that
//! the connection is in. [`pack`] is PackStream, the encoding of values; [`value`] and [`structure`]
//! are the values. [`client`] is the other side, for tests and measurements.
//!
//! Invariants:
//!
//! - Before authentication nothing reaches the executor but a request to authenticate, and any failure
//!   closes the connection. No message leads from there to [`machine::State::Ready`].
//! - Memory is bounded by the bytes received and by [`limits`], never by a length that a client claims.
//! - Every request has exactly one summary message, in the order of the requests, unless the
//!   connection is closed.

pub mod chunk;
pub mod client;
pub mod connection;
pub mod failure;
pub mod handshake;
pub mod limits;
pub mod machine;
pub mod message;
pub mod pack;
pub mod structure;
pub mod value;
pub mod version;

pub use connection::{Connection, Settings};
pub use failure::Failure;
pub use limits::Limits;
pub use machine::{Action, Outcome, State};
pub use message::record::Records;
pub use pack::Encoder;
pub use structure::Dialect;
pub use value::{Map, Value};
pub use version::Version;
