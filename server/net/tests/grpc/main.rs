//! The gRPC services over real sockets.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod access;
mod call;
#[path = "../fixture/mod.rs"]
mod fixture;
mod jobs;
mod limits;
mod query;
mod schema;
mod time;
mod transactions;
