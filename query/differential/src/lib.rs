//! Differential tests of the query engine.
//!
//! [`generate`] makes random graphs and random queries over them; [`reference`] answers the queries in
//! the most naive way; [`world`] asks the engine as well and compares, rows as multisets of typed
//! values, their order where ORDER BY fixes it, errors by their kind, and gives a [`verdict`]. [`equivalent`] asks the engine
//! the same thing in several ways. [`shrink`] makes what differs small, and [`run`] does all of this
//! for a seed and counts.
//!
//! `docs/reference/differential.md` says which differences are explained, and records long runs.

pub mod answer;
pub mod case;
pub mod equivalent;
pub mod generate;
pub mod reference;
pub mod run;
pub mod shrink;
pub mod tree;
pub mod verdict;
pub mod world;
