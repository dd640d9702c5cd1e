//! The words of Raft as types, so that a term is never taken for an index.

use std::fmt;

use bytes::Bytes;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl From<u64> for $name {
            fn from(number: u64) -> Self {
                $name(number)
            }
        }
    };
}

number! {
    /// A Raft group: one log, replicated by one set of voters.
    GroupId
}
number! {
    /// A member of the cluster: one running process with its data.
    MemberId
}
number! {
    /// A term of Raft: the number of a leadership. 0 is before the first.
    Term
}
number! {
    /// The place of an entry in the log of a group. The first is 1; 0 stands for none.
    LogIndex
}

impl LogIndex {
    /// The index after this one.
    pub fn next(self) -> LogIndex {
        LogIndex(self.0 + 1)
    }
}

/// The place of an entry in a log, and the term in which it was put there.
///
/// Two logs that hold an entry at the same position are equal up to it (Raft, section 5.3). Ordered
/// by index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPosition {
    /// Where.
    pub index: LogIndex,
    /// By whose leadership.
    pub term: Term,
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (term {})", self.index, self.term)
    }
}

/// An entry of a log. What the payload means is for the caller to know; an empty one is the mark a
/// new leader puts at the start of its leadership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The place in the log.
    pub index: LogIndex,
    /// The term of the leader that put it there.
    pub term: Term,
    /// The content.
    pub payload: Bytes,
}

impl LogEntry {
    /// Where the entry stands.
    pub fn position(&self) -> LogPosition {
        LogPosition {
            index: self.index,
            term: self.term,
        }
    }
}

/// What a member promised in elections: it votes for nobody else in this term, nor in an earlier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vote {
    /// The term of the promise.
    pub term: Term,
    /// Whom it was given to, if to anybody yet.
    pub voted_for: Option<MemberId>,
    /// Whether that member is known to have become leader of the term.
    pub is_committed: bool,
}
