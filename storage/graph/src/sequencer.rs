//! The sequencer: certifies commits, gives them versions and times, and puts them into the log, in
//! one step, so that certification order, version order and log order are the same.
//!
//! A commit is certified against every commit after its view, whether applied or still on its way:
//! [`Recent`] keeps what they wrote for as long as some transaction has an older view. Waiting for
//! the log happens outside of the lock, so one sync of the log serves all that wait.
//!
//! **Time.** The next time is the clock's, or the last one and a microsecond, whichever is later; it
//! also lies above every instant that a read was answered for. If that would run ahead of the clock
//! by more than half a second, writes are refused: a clock that jumped must not be followed for
//! ever. Instants that were answered outlive the leadership, for the clock may be set back between
//! two: the log keeps a *promise*, a little above them so that it is seldom written, and the next
//! leader starts above that.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::blocks::{Allocator, Space};
use crate::build::BuildStep;
use crate::clock::Clock;
use crate::commit::{CommitHeader, CommitInfo, Committed};
use crate::entry::{Entry, PART_BYTES_MAX};
use crate::error::{CommitError, GraphError};
use crate::footprint::{Footprint, Recent, WriteKeys};
use crate::graph::Graph;
use crate::ids::{IndexId, SystemTime, Version};
use crate::replicate::{Pending, Replicate, ReplicationError};
use crate::rows::meta::{Identity, TokenKind};
use retrograph_ledger::Hash;

/// How far the time of an entry may run ahead of the clock.
const AHEAD_MICROSECONDS_MAX: i64 = 500_000;

/// How far above an instant that is answered the promise is made.
const PROMISE_AHEAD_MICROSECONDS: i64 = 200_000;

/// The most memory that the keys of recent commits may take; older ones are forgotten first, and
/// transactions that would have to be certified against them are refused.
const RECENT_BYTES_MAX: usize = 128 << 20;

/// The sequencer of a graph. Idle on members that do not lead.
#[derive(Default)]
pub(crate) struct Sequencer {
    state: Mutex<State>,
    allocator: Mutex<Allocator>,
    names: Mutex<Names>,
}

#[derive(Default)]
struct State {
    log: Option<Arc<dyn Replicate>>,
    /// Why the log was given up, if it failed.
    failure: Option<String>,
    identity: Option<Arc<Identity>>,
    last_version: Version,
    /// The time of the last entry; the least there is before any.
    last_time: SystemTime,
    /// No entry gets a time at or below it.
    closed: SystemTime,
    /// The closed time that the log keeps: at or above `closed` whenever an instant is answered.
    promised: SystemTime,
    /// Whether some commit has a time of this database's own.
    is_observed: bool,
    recent: VecDeque<Recent>,
    recent_bytes: usize,
    /// The versions of recent commits that have been forgotten.
    forgotten_to: Version,
    /// How many transactions have each view.
    views: BTreeMap<Version, usize>,
    /// The versions of the tokens of commits on their way.
    outcomes: HashMap<[u8; 16], Committed>,
}

/// Names and numbers that the leader has given and the catalog does not have yet.
#[derive(Default)]
struct Names {
    tokens: HashMap<(TokenKind, Arc<str>), u32>,
    next: [u32; 3],
    next_index: u32,
}

/// A transaction ready to be committed.
pub(crate) struct Proposal {
    pub view: Version,
    /// Versions after the view that the same transaction made, ascending.
    pub ahead: Vec<Version>,
    pub info: CommitInfo,
    pub footprint: Footprint,
    pub keys: WriteKeys,
    pub body: Body,
    pub effect_count: u64,
    pub effects_root: Hash,
}

/// What an entry carries beside its header.
pub(crate) enum Body {
    Effects(Vec<u8>),
    /// The plan of a bulk batch whose files were written for a version.
    Ingest {
        plan: Vec<u8>,
        version: Version,
    },
}

impl Sequencer {
    /// Notes a transaction with the latest view.
    pub fn enter(&self, graph: &Graph) -> Version {
        let mut state = self.state.lock();
        let view = graph.latest();
        *state.views.entry(view).or_default() += 1;
        view
    }

    /// Forgets a transaction.
    pub fn leave(&self, view: Version) {
        let mut state = self.state.lock();
        if let Some(count) = state.views.get_mut(&view) {
            *count -= 1;
            if *count == 0 {
                state.views.remove(&view);
            }
        }
    }

    /// Whether this member leads.
    pub fn is_leading(&self) -> bool {
        self.state.lock().log.is_some()
    }

    /// The next id of an owner.
    pub fn allocate(&self, graph: &Graph, space: Space, owner: &[u32]) -> Result<u64, GraphError> {
        self.allocator
            .lock()
            .allocate(graph.store.as_ref(), space, owner)
    }

    /// The number of a name that the catalog does not have: the same for all who ask.
    pub fn token(&self, graph: &Graph, kind: TokenKind, name: &Arc<str>) -> u32 {
        let mut names = self.names.lock();
        // Looked up under the lock: between a miss outside and here it may have been applied.
        if let Some((id, _)) = graph.catalog.load().token(kind, name) {
            return id;
        }
        let key = (kind, Arc::clone(name));
        if let Some(id) = names.tokens.get(&key) {
            return *id;
        }
        let next = &mut names.next[kind as usize];
        let id = *next;
        *next += 1;
        names.tokens.insert(key, id);
        id
    }

    /// The name of a number that was given out and that the catalog does not have.
    pub fn token_name(&self, kind: TokenKind, id: u32) -> Option<Arc<str>> {
        let names = self.names.lock();
        let mut found = names.tokens.iter();
        found
            .find(|((found, _), number)| *found == kind && **number == id)
            .map(|((_, name), _)| Arc::clone(name))
    }

    /// The number of a new index.
    pub fn index_id(&self) -> IndexId {
        let mut names = self.names.lock();
        names.next_index += 1;
        IndexId(names.next_index - 1)
    }

    /// Promises that no commit will get a time at or below an instant. Returns the version that has
    /// to be applied before the instant can be answered.
    pub fn close(&self, clock: &dyn Clock, time: SystemTime) -> Result<Option<Version>, NotClosed> {
        let mut state = self.state.lock();
        let Some(log) = state.log.clone() else {
            return Err(NotClosed::NotLeading);
        };
        let closed = clock.now().max(state.last_time);
        if time > closed {
            return Err(NotClosed::Ahead(closed));
        }
        if time > state.promised {
            // Under the lock, so that a lesser promise never follows a greater one.
            let promise = SystemTime(time.0.saturating_add(PROMISE_AHEAD_MICROSECONDS));
            log.save_closed(promise).map_err(NotClosed::Log)?;
            state.promised = promise;
        }
        state.closed = state.closed.max(time);
        if state.last_time <= time {
            return Ok(Some(state.last_version));
        }
        Ok(state
            .recent
            .iter()
            .rev()
            .find(|recent| recent.time <= time)
            .map(|recent| recent.version))
    }

    /// The version that the next commit gets, unless another one comes before.
    pub fn next_version(&self) -> Version {
        self.state.lock().last_version.next()
    }

    /// Certifies a transaction and puts it into the log; waits until it is applied. `None` if it is
    /// a bulk batch whose version another commit has taken.
    pub fn commit(
        &self,
        graph: &Graph,
        proposal: Proposal,
    ) -> Result<Option<Committed>, CommitError> {
        let token = proposal.info.token;
        let (committed, pending) = {
            let mut state = self.state.lock();
            match state.sequence(graph, &self.allocator, proposal)? {
                Sequenced::Before(committed) => (committed, None),
                Sequenced::Now(committed, pending) => (committed, Some(pending)),
                Sequenced::VersionTaken => return Ok(None),
            }
        };
        match pending {
            None => graph.wait_for(committed.version),
            Some(pending) => {
                let waited = pending.wait();
                if let Some(token) = &token {
                    self.state.lock().outcomes.remove(token);
                }
                self.settled(waited)?;
            }
        }
        Ok(Some(committed))
    }

    /// Certifies a commit of a transaction that goes on, and puts it into the log. It takes effect
    /// when [`settle`](Sequencer::settle) returns.
    pub fn commit_ahead(
        &self,
        graph: &Graph,
        proposal: Proposal,
    ) -> Result<(Committed, Box<dyn Pending>), CommitError> {
        match self
            .state
            .lock()
            .sequence(graph, &self.allocator, proposal)?
        {
            Sequenced::Now(committed, pending) => Ok((committed, pending)),
            Sequenced::Before(committed) => Err(CommitError::Conflict {
                version: committed.version,
                what: "the idempotency token of this commit".to_owned(),
            }),
            Sequenced::VersionTaken => Err(CommitError::NotLeading),
        }
    }

    /// Waits until an entry is durable and applied.
    pub fn settle(&self, pending: Box<dyn Pending>) -> Result<(), CommitError> {
        self.settled(pending.wait())
    }

    fn settled(&self, waited: Result<(), ReplicationError>) -> Result<(), CommitError> {
        waited.map_err(|error| {
            // What follows in the log depends on an entry whose fate is unknown.
            let reason = error.to_string();
            self.state.lock().give_up(reason.clone());
            CommitError::OutcomeUnknown { reason }
        })
    }

    /// Puts nothing but a time into the log: everything up to it is final on every member.
    pub fn mark(&self, graph: &Graph) -> Result<SystemTime, CommitError> {
        let (time, pending) = {
            let mut state = self.state.lock();
            let log = state.log()?;
            let time = state.next_time(graph.options.clock.as_ref())?;
            let pending = propose(&log, Entry::Mark(time).encode())?;
            state.last_time = time;
            (time, pending)
        };
        pending
            .wait()
            .map_err(|error| CommitError::OutcomeUnknown {
                reason: error.to_string(),
            })?;
        Ok(time)
    }

    /// Puts a step of building an index into the log; waits until it is applied. It depends on
    /// nothing and nothing depends on it, so it is not certified.
    pub fn build(&self, step: &BuildStep) -> Result<(), CommitError> {
        let pending = {
            // Under the lock, so that it does not come between the parts of a large transaction.
            let state = self.state.lock();
            let log = state.log()?;
            propose(&log, Entry::Build(*step).encode())?
        };
        pending.wait().map_err(|error| CommitError::OutcomeUnknown {
            reason: error.to_string(),
        })
    }

    /// Stops leading: commits are refused from now on.
    pub fn resign(&self) {
        let mut state = self.state.lock();
        let Some(log) = state.log.take() else {
            return;
        };
        if state.closed < state.promised && state.closed > SystemTime(i64::MIN) {
            // Nothing more is answered under this leadership, so the promise need not reach further.
            // If that cannot be saved, the next one merely starts a little later.
            let _ = log.save_closed(state.closed);
        }
    }
}

/// Why an instant cannot be answered for ever.
pub(crate) enum NotClosed {
    /// This member does not give entries their times.
    NotLeading,
    /// It lies ahead of the clock; history is final up to this.
    Ahead(SystemTime),
    /// The log cannot keep the promise.
    Log(ReplicationError),
}

enum Sequenced {
    /// A commit with the same idempotency token took place.
    Before(Committed),
    Now(Committed, Box<dyn Pending>),
    /// The rows of a bulk batch are for a version that is no longer the next.
    VersionTaken,
}

fn propose(log: &Arc<dyn Replicate>, payload: Vec<u8>) -> Result<Box<dyn Pending>, CommitError> {
    log.propose(payload).map_err(|error| match error {
        ReplicationError::Refused(reason) => CommitError::Refused { reason },
        error => CommitError::OutcomeUnknown {
            reason: error.to_string(),
        },
    })
}

impl State {
    fn log(&self) -> Result<Arc<dyn Replicate>, CommitError> {
        match (&self.log, &self.failure) {
            (Some(log), _) => Ok(log.clone()),
            (None, Some(reason)) => Err(CommitError::Refused {
                reason: reason.clone(),
            }),
            (None, None) => Err(CommitError::NotLeading),
        }
    }

    /// Takes no more commits, because the log failed.
    fn give_up(&mut self, reason: String) {
        self.log = None;
        self.failure = Some(reason);
    }

    fn sequence(
        &mut self,
        graph: &Graph,
        allocator: &Mutex<Allocator>,
        proposal: Proposal,
    ) -> Result<Sequenced, CommitError> {
        let log = self.log()?;
        if let Some(token) = &proposal.info.token {
            if let Some(committed) = self.outcomes.get(token) {
                return Ok(Sequenced::Before(*committed));
            }
            if let Some(version) = graph.outcome(token)? {
                let time = graph.version_time(version)?;
                return Ok(Sequenced::Before(Committed { version, time }));
            }
        }
        if proposal.view < self.forgotten_to {
            return Err(CommitError::ViewTooOld {
                view: proposal.view,
            });
        }
        // Sorted by version: those after the view are at the back.
        let first = self
            .recent
            .partition_point(|recent| recent.version <= proposal.view);
        for recent in self.recent.range(first..) {
            if proposal.ahead.binary_search(&recent.version).is_ok() {
                continue;
            }
            if let Some(what) = recent.keys.conflict(&proposal.footprint) {
                return Err(CommitError::Conflict {
                    version: recent.version,
                    what,
                });
            }
        }
        if let Body::Ingest { version, .. } = &proposal.body
            && *version != self.last_version.next()
        {
            return Ok(Sequenced::VersionTaken);
        }
        let clock = graph.options.clock.as_ref();
        let (time, asserted) = match proposal.info.asserted_time {
            None => (self.next_time(clock)?, false),
            Some(_) if self.is_observed => return Err(CommitError::AssertedTooLate),
            Some(time) => {
                let least = SystemTime(self.last_time.max(self.closed).0.saturating_add(1));
                (time.min(clock.now()).max(least), true)
            }
        };
        let version = self.last_version.next();
        let token = proposal.info.token;
        let header = CommitHeader::new(
            version,
            time,
            asserted,
            proposal.info,
            proposal.effect_count,
            proposal.effects_root,
        )
        .encode();
        let grants = allocator.lock().take_ungranted();
        let proposed = match &proposal.body {
            Body::Effects(effects) => propose_effects(&log, &header, &grants, effects),
            Body::Ingest { plan, .. } => {
                let entry = Entry::Ingest {
                    header: &header,
                    grants: grants.clone(),
                    plan,
                };
                propose(&log, entry.encode())
            }
        };
        let pending = match proposed {
            Ok(pending) => pending,
            Err(error) => {
                allocator.lock().put_back(grants);
                if let CommitError::OutcomeUnknown { reason } = &error {
                    self.give_up(reason.clone());
                }
                return Err(error);
            }
        };
        let committed = Committed { version, time };
        self.last_version = version;
        self.last_time = time;
        self.is_observed |= !asserted;
        if let Some(token) = token {
            self.outcomes.insert(token, committed);
        }
        self.recent_bytes += proposal.keys.size();
        self.recent.push_back(Recent {
            version,
            time,
            keys: Arc::new(proposal.keys),
        });
        self.forget(graph.latest());
        Ok(Sequenced::Now(committed, pending))
    }

    fn next_time(&self, clock: &dyn Clock) -> Result<SystemTime, CommitError> {
        let now = clock.now();
        let last = self.last_time.max(self.closed);
        let next = now.max(SystemTime(last.0.saturating_add(1)));
        if next.0.saturating_sub(now.0) > AHEAD_MICROSECONDS_MAX {
            return Err(CommitError::Clock { now, last });
        }
        Ok(next)
    }

    /// Forgets recent commits that no transaction can conflict with any more, and the oldest ones
    /// if they take too much memory.
    fn forget(&mut self, applied: Version) {
        let oldest_view = self.views.keys().next().copied().unwrap_or(applied);
        let keep_after = oldest_view.min(applied);
        while let Some(recent) = self.recent.front() {
            let is_needed = recent.version > keep_after;
            if is_needed && (self.recent_bytes <= RECENT_BYTES_MAX || recent.version > applied) {
                break;
            }
            if is_needed {
                self.forgotten_to = recent.version;
            }
            self.recent_bytes -= recent.keys.size();
            self.recent.pop_front();
        }
    }
}

/// Proposes the effects of a transaction, in parts if they do not fit one entry.
fn propose_effects(
    log: &Arc<dyn Replicate>,
    header: &[u8],
    grants: &[crate::entry::Grant],
    effects: &[u8],
) -> Result<Box<dyn Pending>, CommitError> {
    let mut rest = effects;
    let mut parts = 0;
    while rest.len() > PART_BYTES_MAX {
        let (bytes, after) = rest.split_at(PART_BYTES_MAX);
        let part = Entry::Part {
            number: parts,
            bytes,
        };
        // Nobody waits for a part: the commit behind it is applied after it.
        drop(propose(log, part.encode())?);
        parts += 1;
        rest = after;
    }
    let entry = Entry::Commit {
        header,
        parts,
        grants: grants.to_vec(),
        effects: rest,
    };
    propose(log, entry.encode())
}

impl Graph {
    /// Connects the sequencer to the log: from now on the graph can be written on this member. The
    /// log must have been applied up to its end. An empty graph gets its first entry here.
    pub fn lead(&self, log: Arc<dyn Replicate>) -> Result<(), ReplicationError> {
        let mut state = self.sequencer.state.lock();
        if self.identity().is_none() {
            let genesis = &self.options.genesis;
            let identity = Identity {
                graph: genesis.graph,
                incarnation: 1,
                created: self.options.clock.now(),
                salt_key: genesis.salt_key,
                segment_rows_min: genesis.segment_rows_min,
            };
            log.propose(Entry::Genesis(identity).encode())?.wait()?;
        }
        let (position, identity) = {
            let machine = self.machine.lock();
            (machine.applied, machine.identity.clone())
        };
        self.clean_ingest_directory(true)
            .map_err(|error| ReplicationError::Refused(error.to_string()))?;
        let catalog = self.catalog.load();
        *self.sequencer.allocator.lock() = Allocator::new(&self.blocks.read());
        *self.sequencer.names.lock() = Names {
            tokens: HashMap::new(),
            next: TokenKind::ALL.map(|kind| catalog.next_token(kind)),
            next_index: catalog.next_index(),
        };
        state.identity = identity;
        state.last_version = position.version;
        state.last_time = position.time;
        state.closed = log.closed()?.unwrap_or(SystemTime(i64::MIN));
        state.promised = state.closed;
        state.is_observed = position.observed;
        state.recent.clear();
        state.recent_bytes = 0;
        // What was written before this leadership is not known by keys.
        state.forgotten_to = position.version;
        state.outcomes.clear();
        state.log = Some(log);
        state.failure = None;
        drop(state);
        self.wake_builder();
        Ok(())
    }

    /// Stops leading: writes are refused from now on.
    pub fn resign(&self) {
        self.sequencer.resign();
    }

    /// Whether writes are accepted on this member.
    #[must_use]
    pub fn is_leading(&self) -> bool {
        self.sequencer.is_leading()
    }

    /// Puts nothing but a time into the log, so that every member knows that history is final up
    /// to it.
    pub fn mark(&self) -> Result<SystemTime, CommitError> {
        self.sequencer.mark(self)
    }
}
