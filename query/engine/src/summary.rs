//! What a query reports besides its rows.

use std::sync::Arc;
use std::time::Duration;

use retrograph_graph::ids::{SystemTime, Version};

use crate::plan::Access;

/// What a query changed, counted by the operations it performed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Nodes created.
    pub nodes_created: u64,
    /// Nodes deleted.
    pub nodes_deleted: u64,
    /// Relationships created.
    pub relationships_created: u64,
    /// Relationships deleted.
    pub relationships_deleted: u64,
    /// Properties set or removed.
    pub properties_set: u64,
    /// Labels given to nodes.
    pub labels_added: u64,
    /// Labels taken from nodes.
    pub labels_removed: u64,
    /// Indexes created.
    pub indexes_added: u64,
    /// Indexes dropped.
    pub indexes_removed: u64,
    /// Constraints created.
    pub constraints_added: u64,
    /// Constraints dropped.
    pub constraints_removed: u64,
    /// Transactions that subqueries committed on the way.
    pub transactions_committed: u64,
}

impl Counters {
    /// Adds what a transaction on the way changed.
    pub(crate) fn add(&mut self, other: &Self) {
        self.nodes_created += other.nodes_created;
        self.nodes_deleted += other.nodes_deleted;
        self.relationships_created += other.relationships_created;
        self.relationships_deleted += other.relationships_deleted;
        self.properties_set += other.properties_set;
        self.labels_added += other.labels_added;
        self.labels_removed += other.labels_removed;
        self.transactions_committed += other.transactions_committed;
    }

    /// Whether anything was changed.
    #[must_use]
    pub fn contains_updates(&self) -> bool {
        *self != Self::default()
    }

    /// How many changes there were to elements, properties and labels.
    pub(crate) const fn changes(&self) -> u64 {
        self.nodes_created
            + self.nodes_deleted
            + self.relationships_created
            + self.relationships_deleted
            + self.properties_set
            + self.labels_added
            + self.labels_removed
    }

    /// The counters that are not zero, with their names as drivers know them.
    #[must_use]
    pub fn named(&self) -> Vec<(&'static str, u64)> {
        [
            ("nodes-created", self.nodes_created),
            ("nodes-deleted", self.nodes_deleted),
            ("relationships-created", self.relationships_created),
            ("relationships-deleted", self.relationships_deleted),
            ("properties-set", self.properties_set),
            ("labels-added", self.labels_added),
            ("labels-removed", self.labels_removed),
            ("indexes-added", self.indexes_added),
            ("indexes-removed", self.indexes_removed),
            ("constraints-added", self.constraints_added),
            ("constraints-removed", self.constraints_removed),
            ("transactions-committed", self.transactions_committed),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect()
    }
}

/// What one step of a profiled query did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepProfile {
    /// The rows that left it.
    pub rows: u64,
    /// The time spent in it, without the steps after it.
    pub time: Duration,
}

/// What a query reports besides its rows.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The columns of the result.
    pub columns: Arc<[Arc<str>]>,
    /// The number of rows.
    pub rows: u64,
    /// Whether the query could write.
    pub access: Access,
    /// The version that was read, or, for a write, the version that it made. `None` for a statement
    /// of a transaction that is still open and has written.
    pub version: Option<Version>,
    /// The system time of `version`.
    pub time: Option<SystemTime>,
    /// What changed.
    pub counters: Counters,
    /// The plan as text, for EXPLAIN and PROFILE.
    pub plan: Option<String>,
    /// For PROFILE, what each step did, by its number in the plan.
    pub profile: Option<Vec<StepProfile>>,
    /// Remarks on the text, such as names that do not exist.
    pub notifications: Vec<String>,
    /// Whether the plan came from the cache.
    pub is_plan_cached: bool,
    /// The time from text to plan.
    pub compile_time: Duration,
    /// The time from plan to last row, with the commit.
    pub run_time: Duration,
}
