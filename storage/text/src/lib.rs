//! Full-text search without a store: how text becomes terms, how a query is written, and how what
//! it matches is ranked.
//!
//! * [`analysis`]: analyzers, pure functions from text to terms. What they give is part of the rows
//!   of indexes, so it must never change: tables are frozen and counted by [`ANALYSIS_VERSION`].
//! * [`query`]: the query language, that of Lucene's classic parser.
//! * [`search`]: evaluates a query over any [`search::Index`].
//! * [`ranking`]: BM25 in arithmetic that gives the same bits everywhere.
//!
//! The crate knows elements as numbers and properties as places; who keeps postings, and of which
//! version, is the caller's affair.

pub mod analysis;
pub mod query;
pub mod ranking;
pub mod search;

pub use analysis::{ANALYSIS_VERSION, Analyzer, Document};
pub use query::{ParseError, Query};
