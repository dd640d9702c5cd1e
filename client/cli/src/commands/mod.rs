//! The subcommands, one module each.

pub mod config;
pub mod export;
pub mod graph;
pub mod import;
pub mod info;
pub mod query;
pub mod serve;
