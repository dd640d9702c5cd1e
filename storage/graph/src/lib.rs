//! The versioned property-graph store.
//!
//! Every commit makes a version; every version stays readable. Rows in force and rows that ended
//! live apart ([`rows`]), so reading the present never pays for the past, and reading the past
//! costs what was alive then.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`graph`], [`read`], [`expansion`], [`transaction`] | the doors: a graph, its views, its transactions |
//! | [`value`], [`encoding`], [`column`] | values, their bytes, columns of them |
//! | [`vector`] | what a vector index takes for a vector |
//! | [`catalog`], [`statistics`] | names, schema, sizes |
//! | [`effect`], [`commit`], [`entry`] | what a commit does, says and looks like in the log |
//! | [`apply`] | entries become rows: a pure function |
//! | `image` | pages in memory above the store: why reads are fast |
//! | [`replicate`], [`clock`] | seams to the log and to time |
//! | [`kv`], [`rows`] | ordered stores, and the layout of every row in them |

pub mod apply;
mod blocks;
pub mod build;
pub mod bulk;
pub mod catalog;
pub mod clock;
pub mod column;
pub mod commit;
pub mod effect;
pub mod encoding;
pub mod entry;
pub mod error;
pub mod expansion;
mod footprint;
pub mod graph;
pub mod ids;
mod image;
pub mod kv;
mod overlay;
pub mod read;
pub mod replicate;
pub mod rows;
pub mod rule;
mod sequencer;
pub mod statistics;
mod stored;
pub mod transaction;
pub mod value;
pub mod vector;
mod verify;

pub use build::{AwaitError, Build, BuildWaker, IndexBuild, StepBounds};
pub use bulk::BulkLoader;
pub use catalog::{IndexDefinition, ReadCatalog};
pub use column::{Bitmap, Column, NULL_CODE};
pub use commit::{CommitHeader, CommitInfo, Committed, JobStep};
pub use encoding::record::ElementState;
pub use error::{ApplyError, CommitError, GraphError};
pub use expansion::Expansion;
pub use graph::{Applied, CommitRecord, Genesis, Graph, GraphOptions};
pub use image::{ImageMemory, ImageOptions, ImageStatistics};
pub use read::{
    Found, GraphRead, NextProperty, NodeData, RelationshipData, RelationshipRow, RowsSought,
    ScanCursor, Sought, TextIndex, TextSearch,
};
pub use rule::{
    FULLTEXT_KEYS_MAX, Fulltext, IndexSort, PropertyTypes, RuleDefinition, RuleKind, Target,
};
pub use statistics::{Estimates, IndexEstimate, RuleEstimate};
pub use transaction::{CommitAhead, GoOn, Isolation, Mark, Sequence, Transaction};
pub use value::curve::PointBox;
pub use vector::VectorSettings;
