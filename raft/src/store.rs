//! The log store of a member: all groups, one write-ahead log, one fsync for all who wait.
//!
//! ```text
//!  append ─┐ queue per group      round: one batch, one fsync       answers, in order
//!  append ─┼────────────────▶ [ io ]──────────────────────▶ [ answers ]────────────▶
//!  vote   ─┘                     └ next round's fsync runs while these are given
//! ```
//!
//! A request is visible to readers and queued when the call returns, and answered when it is
//! durable. Whoever holds the `io` lock takes the waiting requests of all groups and writes them as
//! one *round*. That is the flusher thread, or a thread that waits for an answer anyway and finds the
//! lock free: a lone commit then costs its fsync and no switch of threads. The `answers` lock is taken
//! before `io` is released, so rounds are answered in the order they were written, which is the
//! order of the log in each group.
//!
//! A failed write is final. What the system did with the pages is unknown, and a second fsync may
//! succeed without having written them; so the store answers everything from then on, reads too,
//! with [`LogError::Stopped`].

use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::error::LogError;
use crate::pending::{Change, Log, Logs, Request};
use crate::rows::Rows;
use crate::types::{GroupId, LogEntry, LogIndex, LogPosition, Vote};

/// Is told once that a request is durable, or why it may not be.
///
/// It runs on whatever thread wrote the round, while later answers wait: it must be quick, must not
/// wait for another request, and must not panic.
pub type Done = Box<dyn FnOnce(Result<(), LogError>) + Send>;

/// The sizes of a log store.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// The bytes after which the log of RocksDB goes from memory into a file. A restart reads up to
    /// four times this much.
    pub memtable_bytes: usize,
    /// About how many bytes one group may write before the others have their turn.
    pub round_bytes_max_per_group: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions {
            memtable_bytes: 16 << 20,
            round_bytes_max_per_group: 1 << 20,
        }
    }
}

/// What a log store has done since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Requests written, of any kind.
    pub requests: u64,
    /// Entries written.
    pub entries: u64,
    /// Rounds written with an fsync.
    pub synced_rounds: u64,
    /// Rounds written without, because nobody waited for them to be durable.
    pub unsynced_rounds: u64,
    /// Microseconds that the rounds with an fsync took, all together.
    pub synced_micros: u64,
}

/// The logs of all groups of a member.
///
/// Dropping it writes what is queued, and waits for that. The directory can be opened again once the
/// proposals made through the store are dropped too.
pub struct LogStore {
    shared: Arc<Shared>,
    flusher: Option<JoinHandle<()>>,
}

impl LogStore {
    /// Opens the store in the directory `path`, or makes it.
    ///
    /// Fails if another process has it open, and if its files are damaged anywhere but at a torn
    /// end.
    pub fn open(path: impl AsRef<Path>, options: LogOptions) -> Result<Self, LogError> {
        let rows = Rows::open(path.as_ref(), options.memtable_bytes)?;
        let shared = Arc::new(Shared {
            rows,
            options,
            state: Mutex::default(),
            wanted: Condvar::new(),
            io: Mutex::default(),
            answers: Mutex::default(),
            counters: Counters::default(),
        });
        let for_flusher = Arc::clone(&shared);
        let flusher = std::thread::Builder::new()
            .name("log-flusher".into())
            .spawn(move || {
                let flush = AssertUnwindSafe(|| for_flusher.flush_until_closed());
                if catch_unwind(flush).is_err() {
                    for_flusher.abandon();
                }
            })
            .map_err(|source| LogError::Check {
                path: path.as_ref().to_owned(),
                source: Arc::new(source),
            })?;
        Ok(LogStore {
            shared,
            flusher: Some(flusher),
        })
    }

    /// Appends entries, which must follow the last one without a gap.
    ///
    /// Readers see them when this returns; `done` is called when they are durable. The calls of one
    /// group come in the order of its appends. If this fails, nothing is appended and `done` is not
    /// called.
    pub fn append(
        &self,
        group: GroupId,
        entries: Vec<LogEntry>,
        done: Done,
    ) -> Result<(), LogError> {
        self.shared.submit(group, Change::Append(entries), done)?;
        self.shared.request_flush();
        Ok(())
    }

    /// The entries with indexes in `range` that the log has, until their payloads reach `bytes_max`;
    /// at least one, if there is one.
    pub fn entries(
        &self,
        group: GroupId,
        range: Range<LogIndex>,
        bytes_max: usize,
    ) -> Result<Vec<LogEntry>, LogError> {
        let (end_in_store, unwritten) = {
            let mut state = self.shared.state.lock();
            let log = state.log(&self.shared.rows, group)?;
            if range.start <= log.purged.index {
                let (index, purged) = (range.start, log.purged.index);
                return Err(LogError::Purged {
                    group,
                    index,
                    purged,
                });
            }
            let end = range.end.min(log.last.index.next());
            let mut budget = Budget::new(bytes_max);
            let unwritten = log
                .unwritten(range.start, end)
                .take_while(|entry| budget.take(entry));
            let unwritten: Vec<_> = unwritten.cloned().collect();
            (end.min(log.first_unwritten()), unwritten)
        };
        let mut budget = Budget::new(bytes_max);
        let mut entries = Vec::new();
        if range.start < end_in_store {
            let in_store = range.start..end_in_store;
            self.shared
                .rows
                .entries(group, in_store, bytes_max, |entry| {
                    budget.take(&entry);
                    entries.push(entry);
                })?;
        }
        entries.extend(unwritten.into_iter().take_while(|entry| budget.take(entry)));
        Ok(entries)
    }

    /// The position of the last entry, purged or not; `None` before the first.
    pub fn last(&self, group: GroupId) -> Result<Option<LogPosition>, LogError> {
        let mut state = self.shared.state.lock();
        let last = state.log(&self.shared.rows, group)?.last;
        Ok((last.index > LogIndex(0)).then_some(last))
    }

    /// The position of the last purged entry, if any is.
    pub fn purged(&self, group: GroupId) -> Result<Option<LogPosition>, LogError> {
        let mut state = self.shared.state.lock();
        let purged = state.log(&self.shared.rows, group)?.purged;
        Ok((purged.index > LogIndex(0)).then_some(purged))
    }

    /// The position of entry `index`, which must be in the log or be the last purged one.
    pub fn position(&self, group: GroupId, index: LogIndex) -> Result<LogPosition, LogError> {
        let purged = self.purged(group)?.unwrap_or_default();
        if index == purged.index {
            return Ok(purged);
        }
        match self.entries(group, index..index.next(), 0)?.first() {
            Some(entry) => Ok(entry.position()),
            None => {
                let last = self.last(group)?.unwrap_or_default().index;
                Err(LogError::BeyondEnd { group, index, last })
            }
        }
    }

    /// Removes all entries after `index`, which must be in the log, or the last purged one, or 0 in
    /// a log that was never purged. Returns once that is durable.
    ///
    /// Nobody else may be appending to the group meanwhile.
    pub fn truncate_after(&self, group: GroupId, index: LogIndex) -> Result<(), LogError> {
        let new_last = self.position(group, index)?;
        if self.last(group)?.unwrap_or_default() == new_last {
            return Ok(());
        }
        self.shared
            .submit_and_wait(group, Change::TruncateAfter(new_last))
    }

    /// Removes all entries up to and including `to`, which may lie beyond the end of the log: it
    /// then goes on after `to`.
    ///
    /// Readers see it when this returns. It is written with a later round; a purge lost in a crash
    /// is to be repeated.
    pub fn purge(&self, group: GroupId, to: LogPosition) -> Result<(), LogError> {
        {
            let mut state = self.shared.state.lock();
            let from = state.log(&self.shared.rows, group)?.purged.index;
            if to.index <= from {
                return Ok(());
            }
            state
                .logs
                .submit(group, Change::Purge { from, to }, Box::new(|_| {}))?;
        }
        self.shared.request_flush();
        Ok(())
    }

    /// Saves the vote of this member in a group. Returns once it is durable, after every append
    /// before it.
    pub fn save_vote(&self, group: GroupId, vote: Vote) -> Result<(), LogError> {
        self.shared.submit_and_wait(group, Change::Vote(vote))
    }

    /// The vote last saved.
    pub fn read_vote(&self, group: GroupId) -> Result<Option<Vote>, LogError> {
        let mut state = self.shared.state.lock();
        Ok(state.log(&self.shared.rows, group)?.vote)
    }

    /// Saves up to where the log is known to be committed.
    ///
    /// It goes along with the next round that is written anyway: after a crash an earlier one may
    /// be read, never a later.
    pub fn save_committed(&self, group: GroupId, index: LogIndex) -> Result<(), LogError> {
        self.shared
            .submit(group, Change::Committed(index), Box::new(|_| {}))
    }

    /// The committed index last saved.
    pub fn read_committed(&self, group: GroupId) -> Result<Option<LogIndex>, LogError> {
        let mut state = self.shared.state.lock();
        Ok(state.log(&self.shared.rows, group)?.committed)
    }

    /// Saves the closed time of a group, in microseconds since 1970: its leader never gives an entry
    /// a time at or below it. Returns once it is durable.
    pub fn save_closed(&self, group: GroupId, micros: i64) -> Result<(), LogError> {
        self.shared.submit_and_wait(group, Change::Closed(micros))
    }

    /// The closed time last saved.
    pub fn read_closed(&self, group: GroupId) -> Result<Option<i64>, LogError> {
        let mut state = self.shared.state.lock();
        Ok(state.log(&self.shared.rows, group)?.closed)
    }

    /// What the store has done since it was opened.
    pub fn stats(&self) -> LogStats {
        let Counters {
            requests,
            entries,
            synced_rounds,
            unsynced_rounds,
            synced_micros,
        } = &self.shared.counters;
        LogStats {
            requests: requests.load(Ordering::Relaxed),
            entries: entries.load(Ordering::Relaxed),
            synced_rounds: synced_rounds.load(Ordering::Relaxed),
            unsynced_rounds: unsynced_rounds.load(Ordering::Relaxed),
            synced_micros: synced_micros.load(Ordering::Relaxed),
        }
    }

    /// Why the store takes nothing any more, if it does not: after a failed write it never does.
    pub fn failure(&self) -> Option<LogError> {
        self.shared.state.lock().stopped.clone()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl fmt::Debug for LogStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogStore")
            .field("path", &self.shared.rows.path())
            .finish_non_exhaustive()
    }
}

impl Drop for LogStore {
    fn drop(&mut self) {
        self.shared.state.lock().is_closing = true;
        self.shared.wanted.notify_one();
        if let Some(flusher) = self.flusher.take() {
            // The last owner may be an answer, which runs on the flusher itself.
            if flusher.thread().id() != std::thread::current().id() {
                // Its panic was reported where it happened, and what it left is refused below.
                let _ = flusher.join();
            }
        }
        self.shared
            .state
            .lock()
            .stopped
            .get_or_insert(LogError::Closed);
    }
}

/// How much of a log a reader still takes: at least one entry, and then until the bytes are used.
struct Budget {
    bytes: usize,
    bytes_max: usize,
    has_taken: bool,
}

impl Budget {
    fn new(bytes_max: usize) -> Self {
        Budget {
            bytes: 0,
            bytes_max,
            has_taken: false,
        }
    }

    /// Whether the entry is taken.
    fn take(&mut self, entry: &LogEntry) -> bool {
        let is_taken = !self.has_taken || self.bytes < self.bytes_max;
        self.has_taken = true;
        self.bytes = self.bytes.saturating_add(entry.payload.len());
        is_taken
    }
}

/// What the flusher, waiting threads and the owner of the store share.
pub(crate) struct Shared {
    rows: Rows,
    options: LogOptions,
    state: Mutex<State>,
    /// The flusher has something to do.
    wanted: Condvar,
    /// Held while a round is taken and written.
    io: Mutex<()>,
    /// Held while the answers of a round are given.
    answers: Mutex<()>,
    counters: Counters,
}

#[derive(Default)]
struct State {
    logs: Logs,
    is_flush_wanted: bool,
    is_closing: bool,
    stopped: Option<LogError>,
}

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    entries: AtomicU64,
    synced_rounds: AtomicU64,
    unsynced_rounds: AtomicU64,
    synced_micros: AtomicU64,
}

impl State {
    /// The log of a group, read from the store at its first use.
    fn log(&mut self, rows: &Rows, group: GroupId) -> Result<&mut Log, LogError> {
        if let Some(stopped) = &self.stopped {
            return Err(stopped.clone());
        }
        if self.logs.get(group).is_none() {
            self.logs.insert(group, rows.load(group)?);
        }
        self.logs.get(group).ok_or(LogError::Closed)
    }
}

impl Shared {
    /// Queues a change without waking the flusher: somebody must flush.
    pub(crate) fn submit(
        &self,
        group: GroupId,
        change: Change,
        done: Done,
    ) -> Result<(), LogError> {
        let mut state = self.state.lock();
        state.log(&self.rows, group)?;
        state.logs.submit(group, change, done)
    }

    fn submit_and_wait(&self, group: GroupId, change: Change) -> Result<(), LogError> {
        let (sender, answer) = sync_channel(1);
        let done = move |result| {
            // Nobody listens only if the waiting thread is gone.
            let _ = sender.send(result);
        };
        self.submit(group, change, Box::new(done))?;
        self.wait(&answer).unwrap_or(Err(LogError::Abandoned))
    }

    /// Waits for an answer and, as long as nobody else does, writes the rounds it takes.
    ///
    /// `None` if the sender was dropped without one.
    pub(crate) fn wait<T>(&self, answer: &Receiver<T>) -> Option<T> {
        loop {
            match answer.try_recv() {
                Ok(value) => return Some(value),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            let Some(io) = self.io.try_lock() else { break };
            if !self.round(io) {
                break;
            }
        }
        // Another thread is writing, or has written and is giving the answers. If the request is
        // still queued, the flusher takes it up as soon as that thread is done.
        self.request_flush();
        answer.recv().ok()
    }

    /// Has the flusher write what is queued.
    pub(crate) fn request_flush(&self) {
        let mut state = self.state.lock();
        if !state.is_flush_wanted && !state.logs.is_idle() {
            state.is_flush_wanted = true;
            self.wanted.notify_one();
        }
    }

    /// Writes and answers everything queued so far.
    pub(crate) fn drain(&self) {
        while self.round(self.io.lock()) {}
        // A round another thread wrote is answered when its lock is free.
        drop(self.answers.lock());
    }

    /// The work of the flusher thread.
    fn flush_until_closed(&self) {
        loop {
            {
                let mut state = self.state.lock();
                while !state.is_flush_wanted && !state.is_closing {
                    self.wanted.wait(&mut state);
                }
                state.is_flush_wanted = false;
                if state.is_closing && state.logs.is_idle() {
                    return;
                }
            }
            while self.round(self.io.lock()) {}
        }
    }

    /// Stops the store after an answer panicked on the flusher: nobody would write any more.
    ///
    /// Dropping the requests tells those who wait for them.
    fn abandon(&self) {
        let mut state = self.state.lock();
        state.stopped.get_or_insert(LogError::Abandoned);
        let abandoned = state.logs.take_all();
        drop(state);
        drop(abandoned);
    }

    /// Writes one round and answers it; false if nothing was queued.
    fn round(&self, io: MutexGuard<'_, ()>) -> bool {
        let round = self
            .state
            .lock()
            .logs
            .take_round(self.options.round_bytes_max_per_group);
        if round.is_empty() {
            return false;
        }
        let started = Instant::now();
        let written = self.rows.write(&round);
        let time = started.elapsed();
        let mut refused = Vec::new();
        let result = {
            let mut state = self.state.lock();
            match written {
                Ok(()) => {
                    state.logs.written(&round);
                    Ok(())
                }
                Err(source) => {
                    let path = self.rows.path().to_owned();
                    let stopped = LogError::Stopped { path, source };
                    refused = state.logs.take_all();
                    state.stopped = Some(stopped.clone());
                    Err(stopped)
                }
            }
        };
        self.count(&round, time);
        let answers = self.answers.lock();
        drop(io);
        for Request { done, .. } in round.into_iter().chain(refused) {
            done(result.clone());
        }
        drop(answers);
        true
    }

    fn count(&self, round: &[Request], time: Duration) {
        let entries = round.iter().map(|request| match &request.change {
            Change::Append(entries) => entries.len(),
            _ => 0,
        });
        self.counters
            .entries
            .fetch_add(entries.sum::<usize>() as u64, Ordering::Relaxed);
        self.counters
            .requests
            .fetch_add(round.len() as u64, Ordering::Relaxed);
        let is_synced = round.iter().any(|request| request.change.needs_sync());
        let rounds = match is_synced {
            true => &self.counters.synced_rounds,
            false => &self.counters.unsynced_rounds,
        };
        if is_synced {
            let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            self.counters
                .synced_micros
                .fetch_add(micros, Ordering::Relaxed);
        }
        rounds.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
