//! The versioned property-graph store.

pub mod ids;
pub mod value;
