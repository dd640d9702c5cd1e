//! What a server listens on.
//!
//! ```text
//!   listener ── accept, TLS ──▶ socket ──▶ bolt: a task for each connection  ─┐
//!   listener ── accept, TLS ──▶ socket ──▶ grpc: a task for each call         ─┴─▶ workers ──▶ engine
//! ```
//!
//! A [`Server`] has a listener for each protocol it is to speak. They share the database, who may connect,
//! the certificate, the limits and the stop. What is common to protocols is here: whom a client acts for
//! (`identity`), what its transactions are about (`target`), what it is told of errors (`failures`). What a
//! protocol adds is in its folder.

pub mod bolt;
mod bookmark;
pub mod client_certificate;
mod connections;
mod errand;
mod failures;
pub mod grpc;
pub mod http;
mod identity;
mod metrics;
mod open_files;
mod overview;
mod server;
mod socket;
mod stall;
mod target;
pub mod tls;
pub mod traces;
mod turns;
mod workers;

pub use identity::Access;
pub use open_files::{OpenFiles, allow_open_files};
pub use retrograph_admission::{Settings as AdmissionSettings, machine_bytes};
pub use server::{ListenError, Options, Protection, Server, Stop};
pub use turns::TurnOptions;
