//! Graph algorithms over compact copies of a graph's structure.
//!
//! A [`Graph`] numbers its nodes from 0 and holds the neighbours of each side by side (compressed
//! sparse rows), with weights if there are any. Whoever calls copies the part of a graph to look at into
//! one; this crate knows no storage, no labels and no queries.
//!
//! | module | subject |
//! | --- | --- |
//! | [`graph`] | the graph and how it is built |
//! | [`components`] | weakly and strongly connected components |
//! | [`rank`] | PageRank |
//! | [`betweenness`] | betweenness centrality |
//! | [`community`] | Louvain, label propagation |
//! | [`cohesion`] | triangles, k-core |
//! | [`shortest`] | Dijkstra, A*, k shortest paths |
//!
//! Invariants: a result is a function of the graph, the options and the seed alone. Loops report their work
//! to a [`Watch`], which may end them; memory that grows with the graph is announced to it before it is
//! taken. Weights are finite and not negative: the caller sees to it.

pub mod betweenness;
pub mod cohesion;
pub mod community;
pub mod components;
pub mod graph;
mod order;
pub mod rank;
pub mod shortest;
mod watch;

pub use graph::{Edge, Graph, Orientation};
pub use watch::{Unwatched, Watch};
