//! Opens a data directory and serves queries over its graphs.
//!
//! A [`Database`] is one member with its groups: the *system* group, whose graph says which graphs
//! there are, and one group for each of them. The same code runs embedded in a command and, later,
//! in the daemon.
//!
//! ```text
//! <data>/LOCK               held by the process that has the directory open
//! <data>/FORMAT             the format of the directory
//! <data>/log/               the logs of all groups (retrograph-raft)
//! <data>/groups/<group>/    the store of one graph (retrograph-graph)
//! ```

mod caches;
mod data_dir;
mod database;
mod group;
mod index_builder;
mod maintenance;
mod registry;
mod statistics;

pub use caches::Caches;
pub use data_dir::DataDirError;
pub use database::{Database, DatabaseError, GroupError, OpenOptions};
pub use group::FlushError;
pub use registry::{GraphInfo, RegistryError};
pub use statistics::{GraphStatistics, Statistics};
