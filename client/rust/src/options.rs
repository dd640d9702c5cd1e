//! What a query or a transaction is told besides its text.

use std::time::Duration;

use retrograph_proto::v1;

use crate::moment::Moment;
use crate::value::Map;
use crate::wire;

/// What a transaction is about, and what is recorded of it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub moment: Moment,
    pub timeout: Option<Duration>,
    pub is_read_only: bool,
    pub isolation: Isolation,
    pub bookmarks: Vec<String>,
    pub source: String,
    pub activity: String,
    pub purpose: String,
    pub metadata: Map,
    pub impersonate: String,
}

/// What a commit is certified against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isolation {
    /// Nothing that the transaction read has changed meanwhile.
    #[default]
    Serializable,
    /// Nothing that the transaction wrote has changed meanwhile.
    Snapshot,
}

impl Options {
    /// Whether the server refuses to write, so that doing it twice harms nobody.
    pub fn only_reads(&self) -> bool {
        self.is_read_only || self.moment != Moment::Latest
    }

    pub fn to_message(&self, graph: &str) -> v1::TransactionOptions {
        let isolation = match self.isolation {
            Isolation::Serializable => v1::Isolation::Serializable,
            Isolation::Snapshot => v1::Isolation::Snapshot,
        };
        v1::TransactionOptions {
            graph: graph.to_owned(),
            as_of: wire::to_as_of(self.moment),
            valid_at: None,
            timeout: self.timeout.map(wire::to_duration),
            read_only: self.is_read_only,
            isolation: isolation.into(),
            bookmarks: self.bookmarks.clone(),
            source: self.source.clone(),
            activity: self.activity.clone(),
            purpose: self.purpose.clone(),
            metadata: wire::to_map(self.metadata.clone()),
            impersonate: self.impersonate.clone(),
        }
    }
}

/// The methods of builders that hold [`Options`] in a field `options`.
macro_rules! option_methods {
    () => {
        /// Reads the state after a commit. Nothing can be written to the past.
        pub fn at_version(self, version: u64) -> Self {
            self.at(version)
        }

        /// Reads what had been recorded at an instant.
        pub fn at_time(self, instant: impl Into<crate::Timestamp>) -> Self {
            self.at(instant.into())
        }

        /// Reads the state of a moment.
        pub fn at(mut self, moment: impl Into<crate::Moment>) -> Self {
            self.options.moment = moment.into();
            self
        }

        /// Ends it, without effect, when it has run so long; in place of the client's timeout.
        pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
            self.options.timeout = Some(timeout);
            self
        }

        /// Makes the server refuse to write. The client may then try again whatever fails on the way.
        pub fn read_only(mut self) -> Self {
            self.options.is_read_only = true;
            self
        }

        /// Says what a commit is certified against.
        pub fn isolation(mut self, isolation: crate::Isolation) -> Self {
            self.options.isolation = isolation;
            self
        }

        /// Sees at least what this bookmark stands for. Can be called many times.
        pub fn after(mut self, bookmark: impl Into<String>) -> Self {
            self.options.bookmarks.push(bookmark.into());
            self
        }

        /// Records with the commit where the data comes from.
        pub fn source(mut self, source: impl Into<String>) -> Self {
            self.options.source = source.into();
            self
        }

        /// Records with the commit what is done.
        pub fn activity(mut self, activity: impl Into<String>) -> Self {
            self.options.activity = activity.into();
            self
        }

        /// Records with the commit what for.
        pub fn purpose(mut self, purpose: impl Into<String>) -> Self {
            self.options.purpose = purpose.into();
            self
        }

        /// Shows a value to those who ask what is running. Can be called many times.
        pub fn metadata(mut self, name: impl Into<String>, value: impl Into<crate::Value>) -> Self {
            self.options.metadata.insert(name.into(), value.into());
            self
        }

        /// Acts as another user, with the rights of that one. For administrators.
        pub fn on_behalf_of(mut self, user: impl Into<String>) -> Self {
            self.options.impersonate = user.into();
            self
        }
    };
}

pub(crate) use option_methods;
