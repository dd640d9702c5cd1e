//! The versioned property-graph store.
