//! The versioned property-graph store.

pub mod catalog;
pub mod clock;
pub mod column;
pub mod commit;
pub mod encoding;
pub mod error;
pub mod graph;
pub mod ids;
pub mod kv;
pub mod read;
pub mod replicate;
pub mod statistics;
pub mod transaction;
pub mod value;

pub use catalog::{IndexDefinition, ReadCatalog};
pub use column::{Bitmap, Column};
pub use commit::{CommitHeader, CommitInfo, Committed, JobStep};
pub use encoding::record::ElementState;
pub use error::{ApplyError, CommitError, GraphError};
pub use graph::{Applied, CommitRecord, Graph, GraphOptions};
pub use read::{GraphRead, NodeData, RelationshipData, RelationshipRow, ScanCursor};
pub use statistics::Estimates;
pub use transaction::{Isolation, Mark, Sequence, Transaction};
