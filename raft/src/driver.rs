//! Replication in a group with a single voter.
//!
//! With one voter, an entry is committed as soon as it is durable. So the driver appends to the log
//! store and applies from the answer: on the thread that did the fsync, which for a lone proposer is
//! the one that waits. Answers come in the order of the log, one at a time, and so do applies.
//!
//! **Leadership.** At each opening the member elects itself: it saves its vote in a new term, above
//! any it has seen, and puts a blank entry of that term into the log. Once that is applied the
//! driver is open, and the state machine holds everything earlier leaderships made durable. No two
//! openings share a (term, member), so nothing decided under one can pass under another.
//!
//! **Restart.** Everything durable in the log was or may have been acknowledged, so everything after
//! the state machine's applied index is applied again before the first proposal.
//!
//! **Failure.** After a failed write or a failed apply nothing is applied any more and everything is
//! refused with that cause; a panic while applying counts as a failure. The state machine is then
//! exactly at the last entry that it applied.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use crate::error::LogError;
use crate::pending::Change;
use crate::replication::{
    ApplyError, EntryPayload, Leadership, Proposal, ProposeError, PurgeError, Replication,
    StateMachine, StopCause,
};
use crate::store::LogStore;
use crate::types::{GroupId, LogEntry, LogIndex, MemberId, Term, Vote};

/// How much of the log is read at a time while it is applied again.
const REPLAY_BYTES: usize = 4 << 20;

/// The bounds of a driver.
#[derive(Debug, Clone)]
pub struct DriverOptions {
    /// The largest entry.
    pub entry_bytes_max: usize,
    /// How many bytes of entries may wait to be durable and applied.
    pub queued_bytes_max: usize,
}

impl Default for DriverOptions {
    fn default() -> Self {
        DriverOptions {
            entry_bytes_max: 4 << 20,
            queued_bytes_max: 64 << 20,
        }
    }
}

/// A driver cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The log store failed.
    #[error("the log of group {group} cannot be opened")]
    Log {
        /// The group.
        group: GroupId,
        /// Why not.
        #[source]
        source: LogError,
    },
    /// The log was written by another member.
    #[error("the log of group {group} belongs to member {owner}, not to {member}")]
    OtherMember {
        /// The group.
        group: GroupId,
        /// Whose log it is.
        owner: MemberId,
        /// Who opens it.
        member: MemberId,
    },
    /// The state machine has applied entries the log does not have: the log lost its end, or the
    /// two do not belong together.
    #[error("the log of group {group} ends at {last}, but entry {applied} is applied already")]
    LogTooShort {
        /// The group.
        group: GroupId,
        /// The last entry of the log.
        last: LogIndex,
        /// The last entry in the state.
        applied: LogIndex,
    },
    /// The entries that follow the applied ones are purged.
    #[error("the log of group {group} begins after {purged}, but only {applied} is applied")]
    LogPurged {
        /// The group.
        group: GroupId,
        /// The last purged entry.
        purged: LogIndex,
        /// The last entry in the state.
        applied: LogIndex,
    },
    /// An entry could not be applied, now or again.
    #[error("group {group} cannot be brought up to its log")]
    Stopped {
        /// The group.
        group: GroupId,
        /// Why not.
        #[source]
        source: Arc<StopCause>,
    },
}

/// The replication of a group whose only voter is this member.
///
/// Dropping it refuses further proposals, and waits until those made are durable and applied.
pub struct SingleMember<M: StateMachine> {
    applier: Arc<Applier<M>>,
    log: Arc<LogStore>,
    group: GroupId,
    leadership: Leadership,
    options: DriverOptions,
    /// The index of the next proposal. The log store's own lock is held within it only.
    next: Mutex<LogIndex>,
}

/// What the answers of the log store work on.
struct Applier<M> {
    machine: M,
    applied: AtomicU64,
    flow: Mutex<Flow>,
    has_room: Condvar,
}

#[derive(Default)]
struct Flow {
    queued_bytes: usize,
    /// Proposals are refused, and why. Those on their way are still applied if it is for closing.
    refused: Option<Arc<StopCause>>,
    /// Nothing is applied any more.
    is_failed: bool,
}

impl<M: StateMachine> SingleMember<M> {
    /// Opens the driver of a group: elects this member and brings the state up to the log.
    pub fn open(
        log: Arc<LogStore>,
        group: GroupId,
        member: MemberId,
        machine: M,
        options: DriverOptions,
    ) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Log { group, source };
        let vote = log.read_vote(group).map_err(failed)?.unwrap_or_default();
        if let Some(owner) = vote.voted_for.filter(|owner| *owner != member) {
            return Err(OpenError::OtherMember {
                group,
                owner,
                member,
            });
        }
        let last = log.last(group).map_err(failed)?.unwrap_or_default();
        let purged = log.purged(group).map_err(failed)?.unwrap_or_default().index;
        let applied = machine.applied_index();
        if applied > last.index {
            return Err(OpenError::LogTooShort {
                group,
                last: last.index,
                applied,
            });
        }
        if applied < purged {
            return Err(OpenError::LogPurged {
                group,
                purged,
                applied,
            });
        }
        let term = Term(vote.term.max(last.term).0 + 1);
        let vote = Vote {
            term,
            voted_for: Some(member),
            is_committed: true,
        };
        log.save_vote(group, vote).map_err(failed)?;

        let applier = Applier {
            machine,
            applied: AtomicU64::new(applied.0),
            flow: Mutex::default(),
            has_room: Condvar::new(),
        };
        let driver = SingleMember {
            applier: Arc::new(applier),
            log,
            group,
            leadership: Leadership { term, member },
            options,
            next: Mutex::new(last.index.next()),
        };
        driver.replay(last.index)?;
        let stopped = |source| OpenError::Stopped { group, source };
        let blank = driver.append(Bytes::new()).map_err(|error| match error {
            ProposeError::Stopped(cause) => stopped(cause),
            // An empty entry is neither too large nor too much.
            _ => stopped(Arc::new(StopCause::Closed)),
        })?;
        blank.wait().map_err(|error| {
            stopped(
                error
                    .cause
                    .unwrap_or_else(|| Arc::new(StopCause::Log(LogError::Abandoned))),
            )
        })?;
        Ok(driver)
    }

    /// Applies the entries up to `last` that the state does not contain.
    fn replay(&self, last: LogIndex) -> Result<(), OpenError> {
        let group = self.group;
        let mut next = self.applied_index().next();
        while next <= last {
            let entries = self.log.entries(group, next..last.next(), REPLAY_BYTES);
            for entry in entries.map_err(|source| OpenError::Log { group, source })? {
                self.applier
                    .apply(&entry)
                    .map_err(|source| OpenError::Stopped { group, source })?;
                next = entry.index.next();
            }
        }
        Ok(())
    }

    /// The state machine.
    pub fn machine(&self) -> &M {
        &self.applier.machine
    }

    /// How many entries were proposed and are not applied yet.
    pub fn unapplied_entries(&self) -> u64 {
        let next = self.next.lock().0;
        next.saturating_sub(self.applied_index().0 + 1)
    }

    /// Saves the closed time of the group; see [`LogStore::save_closed`].
    pub fn save_closed(&self, micros: i64) -> Result<(), LogError> {
        self.log.save_closed(self.group, micros)
    }

    /// The closed time last saved by this member, under whatever leadership.
    pub fn read_closed(&self) -> Result<Option<i64>, LogError> {
        self.log.read_closed(self.group)
    }

    /// Refuses further proposals, and waits until those made are durable and applied.
    pub fn close(&self) {
        self.applier.refuse(Arc::new(StopCause::Closed), false);
        // Whoever holds this lock has queued its entry when it is free.
        drop(self.next.lock());
        self.log.shared().drain();
    }

    fn append(&self, payload: Bytes) -> Result<Proposal, ProposeError> {
        let bytes = payload.len();
        let (sender, outcome) = sync_channel(1);
        let mut next = self.next.lock();
        self.applier.reserve(bytes, self.options.queued_bytes_max)?;
        let index = *next;
        let entry = LogEntry {
            index,
            term: self.leadership.term,
            payload,
        };
        let applier = Arc::clone(&self.applier);
        let to_apply = entry.clone();
        let done = move |durable: Result<(), LogError>| {
            let outcome = match durable {
                Ok(()) => applier.apply(&to_apply),
                Err(error) => Err(applier.refuse(Arc::new(StopCause::Log(error)), true)),
            };
            applier.release(bytes);
            // The proposer may have chosen not to wait.
            let _ = sender.send(outcome);
        };
        let log = self.log.shared();
        match log.submit(self.group, Change::Append(vec![entry]), Box::new(done)) {
            Ok(()) => *next = index.next(),
            Err(error) => {
                self.applier.release(bytes);
                let cause = self.applier.refuse(Arc::new(StopCause::Log(error)), true);
                return Err(ProposeError::Stopped(cause));
            }
        }
        Ok(Proposal::new(index, outcome, Arc::clone(log)))
    }
}

impl<M: StateMachine> Replication for SingleMember<M> {
    fn propose(&self, payload: Vec<u8>) -> Result<Proposal, ProposeError> {
        let (bytes, entry_bytes_max) = (payload.len(), self.options.entry_bytes_max);
        if bytes == 0 {
            return Err(ProposeError::Empty);
        }
        if bytes > entry_bytes_max {
            return Err(ProposeError::TooLarge {
                bytes,
                entry_bytes_max,
            });
        }
        self.append(Bytes::from(payload))
    }

    fn wait_for_room(&self) -> Result<(), Arc<StopCause>> {
        let mut flow = self.applier.flow.lock();
        loop {
            if let Some(cause) = &flow.refused {
                return Err(Arc::clone(cause));
            }
            if flow.queued_bytes <= self.options.queued_bytes_max / 2 {
                return Ok(());
            }
            self.log.shared().request_flush();
            self.applier.has_room.wait(&mut flow);
        }
    }

    fn leadership(&self) -> Leadership {
        self.leadership
    }

    fn applied_index(&self) -> LogIndex {
        LogIndex(self.applier.applied.load(Ordering::Acquire))
    }

    fn purge_to(&self, index: LogIndex) -> Result<(), PurgeError> {
        let applied = self.applied_index();
        if index > applied {
            return Err(PurgeError::NotApplied { index, applied });
        }
        let purged = self
            .log
            .purged(self.group)
            .map_err(PurgeError::Log)?
            .unwrap_or_default();
        if index <= purged.index {
            return Ok(());
        }
        let position = self
            .log
            .position(self.group, index)
            .map_err(PurgeError::Log)?;
        self.log
            .purge(self.group, position)
            .map_err(PurgeError::Log)
    }
}

impl<M: StateMachine> Drop for SingleMember<M> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<M: StateMachine> Applier<M> {
    /// Applies a durable entry. Never called by two threads at once.
    fn apply(&self, entry: &LogEntry) -> Result<(), Arc<StopCause>> {
        {
            let flow = self.flow.lock();
            if let (true, Some(cause)) = (flow.is_failed, &flow.refused) {
                return Err(Arc::clone(cause));
            }
        }
        let index = entry.index;
        let applied = LogIndex(self.applied.load(Ordering::Relaxed));
        assert_eq!(
            index,
            applied.next(),
            "entries are applied in the order of the log"
        );
        let payload = EntryPayload::new(&entry.payload);
        let machine = AssertUnwindSafe(|| self.machine.apply(index, entry.term, payload));
        match catch_unwind(machine) {
            Ok(Ok(())) => {
                self.applied.store(index.0, Ordering::Release);
                Ok(())
            }
            Ok(Err(source)) => Err(self.refuse(Arc::new(StopCause::Apply { index, source }), true)),
            Err(_) => {
                let source = ApplyError::new("it panicked");
                Err(self.refuse(Arc::new(StopCause::Apply { index, source }), true))
            }
        }
    }

    /// Refuses proposals from now on, and applies too if `is_failed`. Returns the cause that counts:
    /// the first failure.
    fn refuse(&self, cause: Arc<StopCause>, is_failed: bool) -> Arc<StopCause> {
        let mut flow = self.flow.lock();
        let is_first = flow.refused.is_none() || (is_failed && !flow.is_failed);
        if is_first {
            flow.refused = Some(Arc::clone(&cause));
        }
        flow.is_failed |= is_failed;
        self.has_room.notify_all();
        flow.refused.clone().unwrap_or(cause)
    }

    /// Takes room for a proposal.
    fn reserve(&self, bytes: usize, queued_bytes_max: usize) -> Result<(), ProposeError> {
        let mut flow = self.flow.lock();
        if let Some(cause) = &flow.refused {
            return Err(ProposeError::Stopped(Arc::clone(cause)));
        }
        let queued_bytes = flow.queued_bytes;
        // One is always taken, so that no entry is too large for the queue alone.
        if queued_bytes > 0 && queued_bytes + bytes > queued_bytes_max {
            return Err(ProposeError::Overloaded {
                queued_bytes,
                queued_bytes_max,
            });
        }
        flow.queued_bytes += bytes;
        Ok(())
    }

    fn release(&self, bytes: usize) {
        let mut flow = self.flow.lock();
        flow.queued_bytes -= bytes;
        self.has_room.notify_all();
    }
}
