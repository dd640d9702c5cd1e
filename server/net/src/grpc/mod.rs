//! gRPC: the services of `retrograph.v1`, with health and reflection.
//!
//! ```text
//!   socket ⇄ HTTP/2 (hyper) ─▶ who calls? ─▶ service (tonic) ─▶ worker (blocking thread) ── engine
//!                                                 ◀── bounded stream of messages ──
//! ```
//!
//! Every call says in its header `authorization` whom it acts for; a connection remembers whom it recognised
//! for a while. Work is done on blocking threads, of which each call takes one while it runs and none while
//! it only waits for something to happen. Answers that may be long are streams: the engine pushes rows into
//! a short queue and waits while it is full, so a client that does not read costs a few messages. Dropping
//! a call cancels what it does.

mod admin;
mod api;
mod caller;
mod changes;
mod elements;
mod jobs;
mod methods;
mod observed;
mod outlet;
mod page;
mod query;
mod schema;
mod service;
mod status;
mod tenants;
mod terms;
mod time;
mod transactions;
mod values;

pub use service::Options;
pub(crate) use service::Service;
