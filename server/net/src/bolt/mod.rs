//! Bolt: connections of drivers to a database.
//!
//! ```text
//!   socket ⇄ task (tokio) ── retrograph_bolt::Connection ── commands ─▶ worker (thread) ── engine
//!                                                       ◀── replies ──
//! ```
//!
//! Each connection is a task, which reads and writes at any time, also while a query runs: so RESET and a
//! broken connection interrupt it. The first request that needs the engine gives the connection a
//! *worker*, a thread on which its queries run one at a time; it ends when the connection has been idle
//! for a while. The engine pushes rows; the worker encodes them where they are found and stops between
//! two rows until the client pulls more, so a result is never held as a whole: what waits to be sent is
//! bounded, and a client that does not read stops its own query only.
//!
//! In a transaction a client may run a second query while the first result is open. The first one is then
//! run to its end and the rest of its rows kept, up to a limit, for the order of effects is that of the
//! queries.

mod extra;
mod opened;
mod parameters;
mod records;
mod service;
mod session;
mod stream;
mod summaries;
mod worker;

pub use service::Options;
pub(crate) use service::Service;
