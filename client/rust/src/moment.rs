//! Which state of a graph is read.

use std::time::SystemTime;

use crate::temporal::{DateTime, Timestamp};

/// A state of a graph: numbers are versions, instants are what had been recorded by then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moment {
    /// The latest.
    #[default]
    Latest,
    /// The one that a commit made.
    Version(u64),
    /// The one in force at an instant.
    Time(Timestamp),
}

impl From<u64> for Moment {
    fn from(version: u64) -> Self {
        Self::Version(version)
    }
}

impl From<Timestamp> for Moment {
    fn from(instant: Timestamp) -> Self {
        Self::Time(instant)
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        Self::Time(time.into())
    }
}

impl From<DateTime> for Moment {
    fn from(time: DateTime) -> Self {
        Self::Time(time.into())
    }
}
