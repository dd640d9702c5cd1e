//! From text to syntax tree.

/// The greatest height of a syntax tree: how many nodes lie on the way from the root to a leaf.
pub const HEIGHT_MAX: usize = 400;
