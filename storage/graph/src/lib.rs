//! The versioned property-graph store.

pub mod encoding;
pub mod ids;
pub mod value;
