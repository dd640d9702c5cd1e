//! The log store of a member, and the driver that commits entries through it.
//!
//! - [`LogStore`]: the logs, votes and bookkeeping of all the groups a member belongs to, in one
//!   RocksDB instance, so that one fsync serves every commit waiting at the time.
//! - [`SingleMember`]: the replication of a group with one voter. What is durable is committed, and
//!   what is committed is applied to a [`StateMachine`], in order and once.
//! - [`Replication`]: what the rest of a member sees of either this driver or one that replicates to
//!   other members; only this crate knows how entries are replicated.
//!
//! Nothing here reads a clock or draws a random number: order comes from indexes and terms alone.
//! The file system is RocksDB's, and what is relied on is that `fdatasync` is honest and that a file
//! grows in order (`docs/decisions/0002-log-store-on-rocksdb.md`).

mod driver;
mod error;
mod pending;
mod record;
mod replication;
mod rows;
mod store;
mod types;
mod wal;

pub use driver::{DriverOptions, OpenError, SingleMember};
pub use error::LogError;
pub use replication::{
    ApplyError, CommitError, EntryPayload, Leadership, Proposal, ProposeError, PurgeError,
    Replication, StateMachine, StopCause,
};
pub use store::{Done, LogOptions, LogStats, LogStore};
pub use types::{GroupId, LogEntry, LogIndex, LogPosition, MemberId, Term, Vote};
