//! Macro benchmarks: families of queries over a generated social graph, beside their limits.
