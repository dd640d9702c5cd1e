//! What a caller says about a run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use retrograph_graph::ids::{SystemTime, Version};
use retrograph_graph::value::Value;
use retrograph_graph::{CommitInfo, Isolation};

use crate::admission::Admission;
use crate::exec::CancelToken;
use crate::surroundings::Origin;
use crate::timeline::Timeline;
use crate::turn::Turns;

/// The parameters of a query by name, without the dollar sign.
pub type Parameters = BTreeMap<String, Value>;

/// The state of the graph that a query is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// A version.
    Version(Version),
    /// What had been recorded at an instant.
    Time(SystemTime),
}

/// What a caller says about a run or a transaction.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The state to read; the latest if absent. A time clause in the text takes precedence. A query
    /// that writes is refused.
    pub as_of: Option<AsOf>,
    /// Whether writing is refused.
    pub is_read_only: bool,
    /// How long the query may run; the engine's limit if absent.
    pub timeout: Option<Duration>,
    /// How much memory blocking operators may take; the engine's limit if absent.
    pub memory_bytes_max: Option<usize>,
    /// Lets another thread stop the query.
    pub cancel: Option<CancelToken>,
    /// What a commit is certified against.
    pub isolation: Isolation,
    /// What is recorded with the commit.
    pub commit: CommitInfo,
    /// Where the run comes from, for those who ask what is running.
    pub origin: Origin,
    /// Decides whether the statement may run; everything may if absent, as for who owns the process.
    pub admission: Option<Arc<dyn Admission>>,
    /// Decides when each statement runs and what it may take; at once and by the engine's limits if absent.
    pub turns: Option<Arc<dyn Turns>>,
    /// Notes when the statement did what; nothing is noted if absent.
    pub timeline: Option<Arc<Timeline>>,
}
