//! What a query reports besides its rows.

use std::time::Duration;

use retrograph_proto::v1;

use crate::temporal::Timestamp;
use crate::wire;

/// What a query reports besides its rows.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// The number of rows.
    pub rows: u64,
    /// The version that was read or, for a write, made. Nothing for a statement in a transaction that may
    /// write and is still open.
    pub version: Option<u64>,
    /// The system time of that version.
    pub time: Option<Timestamp>,
    /// Stands for that version in later queries and transactions, on whichever server they run.
    pub bookmark: Option<String>,
    /// What was changed.
    pub counters: Counters,
    /// The plan as a table, for `explain` and `profile`.
    pub plan: Option<String>,
    /// Remarks on the query, such as names that do not exist.
    pub notifications: Vec<String>,
    /// The time from text to plan, at the server.
    pub compile_time: Duration,
    /// The time from plan to last row with the commit, at the server.
    pub run_time: Duration,
}

macro_rules! counters {
    ($($(#[$doc:meta])+ $name:ident: $words:literal,)*) => {
        /// What a query changed, counted by the operations it performed.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counters {
            $($(#[$doc])+ pub $name: u64,)*
        }

        impl Counters {
            /// The counts that are not zero, with their names.
            #[must_use]
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                let all = [$(($words, self.$name)),*];
                all.into_iter().filter(|(_, count)| *count > 0).collect()
            }
        }

        impl From<v1::Counters> for Counters {
            fn from(counters: v1::Counters) -> Self {
                Self { $($name: counters.$name,)* }
            }
        }
    };
}

counters! {
    /// Nodes created.
    nodes_created: "nodes created",
    /// Nodes deleted.
    nodes_deleted: "nodes deleted",
    /// Relationships created.
    relationships_created: "relationships created",
    /// Relationships deleted.
    relationships_deleted: "relationships deleted",
    /// Properties set or removed.
    properties_set: "properties set",
    /// Labels given to nodes.
    labels_added: "labels added",
    /// Labels taken from nodes.
    labels_removed: "labels removed",
    /// Indexes created.
    indexes_added: "indexes added",
    /// Indexes dropped.
    indexes_removed: "indexes removed",
    /// Constraints created.
    constraints_added: "constraints added",
    /// Constraints dropped.
    constraints_removed: "constraints removed",
    /// Transactions that subqueries committed on the way.
    transactions_committed: "transactions committed",
}

impl Counters {
    /// Whether anything was changed.
    #[must_use]
    pub fn contains_updates(&self) -> bool {
        *self != Self::default()
    }
}

impl From<v1::Summary> for Summary {
    fn from(summary: v1::Summary) -> Self {
        Self {
            rows: summary.rows,
            version: summary.version,
            time: summary.time.map(wire::from_timestamp),
            bookmark: summary.bookmark,
            counters: summary.counters.unwrap_or_default().into(),
            plan: summary.plan,
            notifications: summary.notifications,
            compile_time: wire::from_duration(summary.compile_time),
            run_time: wire::from_duration(summary.run_time),
        }
    }
}
