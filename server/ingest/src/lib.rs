//! Import sources and jobs: CSV, JSON Lines, git; and export.
//!
//! A [`Source`] yields changes; [`load`] puts them into a graph, batch by batch, so that an import
//! killed at any point resumes without repeating or losing anything.

pub mod change;
pub mod csv;
mod existing;
pub mod export;
mod folder;
pub mod git;
mod ids;
pub mod json;
pub mod jsonl;
mod lines;
mod loader;
pub mod source;
mod watermark;
mod writer;

pub use change::{Change, ExternalId, Mode};
pub use existing::ExistingSpace;
pub use folder::ImportFolder;
pub use loader::{LoadError, LoadOptions, LoadReport, Observer, load};
pub use source::{Event, Item, Place, Progress, Reject, Source, SourceError};
