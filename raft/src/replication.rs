//! What the rest of a member sees of replication.
//!
//! Whoever proposes holds a [`Replication`] and knows neither how many members there are nor how
//! entries reach them. Whoever applies is a [`StateMachine`].

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use crate::error::LogError;
use crate::store::Shared;
use crate::types::{LogIndex, MemberId, Term};

/// What entries of a group are applied to.
///
/// Entries come one at a time, in the order of the log, each exactly once as long as
/// [`applied_index`](Self::applied_index) tells the truth after a restart. All members apply the same
/// entries and must come to the same state, so an entry is applied or the member stops; there is no
/// refusing it.
pub trait StateMachine: Send + Sync + 'static {
    /// The last entry contained in the state that was opened; 0 if none is. Read once, when the
    /// driver opens.
    fn applied_index(&self) -> LogIndex;

    /// Applies the entry that follows the last one.
    ///
    /// It need not be durable on return: what a crash loses is applied again. Called on whatever
    /// thread found the entry durable, with later entries waiting.
    fn apply(
        &self,
        index: LogIndex,
        term: Term,
        payload: EntryPayload<'_>,
    ) -> Result<(), ApplyError>;
}

impl<M: StateMachine> StateMachine for Arc<M> {
    fn applied_index(&self) -> LogIndex {
        (**self).applied_index()
    }

    fn apply(
        &self,
        index: LogIndex,
        term: Term,
        payload: EntryPayload<'_>,
    ) -> Result<(), ApplyError> {
        (**self).apply(index, term, payload)
    }
}

/// The content of an entry to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryPayload<'a> {
    /// The first entry of a leadership. It changes nothing but the applied index; once it is
    /// applied, so is everything of all leaderships before.
    Blank,
    /// What was proposed.
    Data(&'a [u8]),
}

impl<'a> EntryPayload<'a> {
    /// The content of an entry of the log.
    pub(crate) fn new(payload: &'a [u8]) -> Self {
        if payload.is_empty() {
            EntryPayload::Blank
        } else {
            EntryPayload::Data(payload)
        }
    }
}

/// An entry cannot be applied: the state is not what the entries before it make, or cannot be
/// written. The member stops applying for good.
#[derive(Debug)]
pub struct ApplyError(Box<dyn Error + Send + Sync>);

impl ApplyError {
    /// For this reason.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        ApplyError(reason.into())
    }
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for ApplyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Who leads a group, and since which election.
///
/// Both together are the fence of everything decided under that leadership: they are equal only for
/// the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Leadership {
    /// The term the leader was elected in.
    pub term: Term,
    /// The leader.
    pub member: MemberId,
}

/// The replication of one group, as a proposer sees it.
pub trait Replication: Send + Sync {
    /// Puts an entry into the log and returns before it is durable.
    ///
    /// Indexes are dense and in the order of the calls, so a caller that decides something about the
    /// entry and proposes it under one lock of its own has both in one order. Costs no input or
    /// output and no switch of threads.
    ///
    /// If this fails, the entry is not and will not be in the log.
    fn propose(&self, payload: Vec<u8>) -> Result<Proposal, ProposeError>;

    /// Waits until there is room for proposals, or the driver stops.
    ///
    /// For a proposer to call *before* it takes the lock under which it proposes: the room may be
    /// gone again by then, but with [`ProposeError::Overloaded`] as the exception.
    fn wait_for_room(&self) -> Result<(), Arc<StopCause>>;

    /// The leadership under which proposals are made now.
    fn leadership(&self) -> Leadership;

    /// The last entry applied on this member.
    fn applied_index(&self) -> LogIndex;

    /// Removes the log up to and including `index`.
    ///
    /// For the scheduler of the state machine to call once the state is durable up to there; what
    /// it has not flushed must stay in the log.
    fn purge_to(&self, index: LogIndex) -> Result<(), PurgeError>;
}

/// A proposed entry on its way.
///
/// Wait for it, or drop it to let it go its way alone. While it is held and neither is done, its
/// entry may lie undurable until another proposer waits.
#[must_use = "nothing is known of a proposal before it was waited for"]
pub struct Proposal {
    index: LogIndex,
    outcome: Receiver<Result<(), Arc<StopCause>>>,
    log: Arc<Shared>,
    is_known: bool,
}

impl Proposal {
    pub(crate) fn new(
        index: LogIndex,
        outcome: Receiver<Result<(), Arc<StopCause>>>,
        log: Arc<Shared>,
    ) -> Self {
        Proposal {
            index,
            outcome,
            log,
            is_known: false,
        }
    }

    /// The place of the entry in the log.
    pub fn index(&self) -> LogIndex {
        self.index
    }

    /// Waits until the entry is committed and applied on this member; returns its index.
    pub fn wait(mut self) -> Result<LogIndex, CommitError> {
        self.is_known = true;
        match self.log.wait(&self.outcome) {
            Some(Ok(())) => Ok(self.index),
            Some(Err(cause)) => Err(CommitError {
                index: self.index,
                cause: Some(cause),
            }),
            None => Err(CommitError {
                index: self.index,
                cause: None,
            }),
        }
    }
}

impl Drop for Proposal {
    fn drop(&mut self) {
        if !self.is_known {
            self.log.request_flush();
        }
    }
}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proposal")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

/// Why a driver does no more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopCause {
    /// The log store failed.
    #[error("the log failed")]
    Log(#[source] LogError),
    /// An entry could not be applied.
    #[error("entry {index} cannot be applied")]
    Apply {
        /// The entry.
        index: LogIndex,
        /// Why not.
        #[source]
        source: ApplyError,
    },
    /// The driver was closed.
    #[error("the replication of the group is closed")]
    Closed,
}

/// A proposal was not taken: its entry is not and will not be in the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// The driver does no more.
    #[error("the replication of the group has stopped")]
    Stopped(#[source] Arc<StopCause>),
    /// Too much is on its way already. Wait for room and propose again.
    #[error("{queued_bytes} bytes of proposals wait already, at most {queued_bytes_max} may")]
    Overloaded {
        /// What waits.
        queued_bytes: usize,
        /// What may.
        queued_bytes_max: usize,
    },
    /// The entry is larger than entries may be.
    #[error("an entry of {bytes} bytes is larger than {entry_bytes_max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The largest size.
        entry_bytes_max: usize,
    },
    /// The entry has no content; only the first of a leadership has none.
    #[error("an entry needs content")]
    Empty,
}

/// The outcome of a proposal is unknown: the entry may be committed or not.
#[derive(Debug, thiserror::Error)]
#[error("it is unknown whether entry {index} is committed")]
pub struct CommitError {
    /// The index the entry has if it is.
    pub index: LogIndex,
    /// Why it is unknown; `None` if the answer was lost in a panic.
    #[source]
    pub cause: Option<Arc<StopCause>>,
}

/// The log was not purged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PurgeError {
    /// The entry is not applied yet, so it cannot be in any state.
    #[error("the log cannot be purged to {index}, entries are applied up to {applied}")]
    NotApplied {
        /// The index asked for.
        index: LogIndex,
        /// The last applied entry.
        applied: LogIndex,
    },
    /// The log store failed.
    #[error("the log cannot be purged")]
    Log(#[source] LogError),
}
