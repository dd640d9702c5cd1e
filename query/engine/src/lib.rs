//! Binder, planner and executor of queries over a graph view.

pub mod error;
pub mod functions;
pub mod plan;
pub mod types;

pub use error::{QueryError, RuntimeError, RuntimeKind};
