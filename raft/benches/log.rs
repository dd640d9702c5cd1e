//! What a commit costs in the log store: one at a time, and sixteen waiting together.
fn main() {}
