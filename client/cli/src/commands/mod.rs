//! The subcommands, one module each.

pub mod graph;
pub mod import;
pub mod info;
pub mod query;
