//! What is said about a commit: what the committer gives, what the header records.

use std::sync::Arc;

use retrograph_ledger::Hash;

use crate::ids::{SystemTime, Version};

/// What the committer says about a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitInfo {
    /// Who commits: the opaque id of a principal.
    pub actor: Arc<str>,
    /// For whom, if for another principal.
    pub on_behalf_of: Option<Arc<str>>,
    /// Where the data comes from, as claimed.
    pub source: Option<Arc<str>>,
    /// What was done, as claimed.
    pub activity: Option<Arc<str>>,
    /// What for, as claimed.
    pub purpose: Option<Arc<str>>,
    /// The step of a job that the commit is.
    pub job: Option<JobStep>,
    /// The idempotency token: a second commit with it is not made, the first one's outcome returned.
    pub token: Option<[u8; 16]>,
    /// The time at which another system recorded the data, for loads of history.
    pub asserted_time: Option<SystemTime>,
}

/// One step of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobStep {
    /// The job.
    pub id: Arc<str>,
    /// The number of the step within it.
    pub sequence: u64,
    /// How far the job's input is consumed after the step; opaque.
    pub watermark: Arc<[u8]>,
}

/// A commit that took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The version it made, or for a transaction without writes the version it saw.
    pub version: Version,
    /// The time of that version.
    pub time: SystemTime,
}

/// What is recorded about a commit for good. The ledger's leaf is the hash of its canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitHeader {
    /// The version the commit made.
    pub version: Version,
    /// When.
    pub time: SystemTime,
    /// Whether the time is another system's claim (`true`) or this database's own clock.
    pub asserted: bool,
    /// Who committed.
    pub actor: Arc<str>,
    /// For whom, if for another.
    pub on_behalf_of: Option<Arc<str>>,
    /// Where the data comes from, as claimed.
    pub source: Option<Arc<str>>,
    /// What was done, as claimed.
    pub activity: Option<Arc<str>>,
    /// What for, as claimed.
    pub purpose: Option<Arc<str>>,
    /// The step of a job that the commit is.
    pub job: Option<JobStep>,
    /// The idempotency token.
    pub token: Option<[u8; 16]>,
    /// How many effects it has.
    pub effect_count: u64,
    /// The RFC 9162 root over them.
    pub effects_root: Hash,
}
