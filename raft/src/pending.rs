//! What is known of each log without asking the disk, and what is still to be written.
//!
//! A request changes the log as readers see it at once and is written later, in a *round* with the
//! requests of all groups. Each group has a queue, so that its requests are written and answered in
//! order; a round takes from each group in turn at most a number of bytes, so that a group loading
//! data does not hold up the others' commits.
//!
//! This module holds no lock and does no input or output; [`crate::store`] does.

use std::collections::{HashMap, VecDeque};

use crate::error::LogError;
use crate::record::ENTRY_OVERHEAD_BYTES;
use crate::store::Done;
use crate::types::{GroupId, LogEntry, LogIndex, LogPosition, Vote};

/// A change to the rows of one group.
#[derive(Debug)]
pub(crate) enum Change {
    Append(Vec<LogEntry>),
    /// Removes everything after this entry, which is in the log.
    TruncateAfter(LogPosition),
    /// Removes everything up to `to`; the first entry that may be there is after `from`.
    Purge {
        from: LogIndex,
        to: LogPosition,
    },
    Vote(Vote),
    Committed(LogIndex),
    Closed(i64),
}

impl Change {
    /// Whether the answer means that the change survives a power cut.
    ///
    /// A purge or a committed index that is lost is repeated or found again; both only ever say
    /// less than is true.
    pub(crate) fn needs_sync(&self) -> bool {
        !matches!(self, Change::Purge { .. } | Change::Committed(_))
    }

    fn bytes(&self) -> usize {
        match self {
            Change::Append(entries) => entries
                .iter()
                .map(|e| ENTRY_OVERHEAD_BYTES + e.payload.len())
                .sum(),
            _ => ENTRY_OVERHEAD_BYTES,
        }
    }
}

/// A queued change and who is told when it is written.
pub(crate) struct Request {
    pub(crate) group: GroupId,
    pub(crate) change: Change,
    pub(crate) done: Done,
    number: u64,
}

/// A log as its readers see it.
#[derive(Default)]
pub(crate) struct Log {
    /// The last purged entry; zeros if none was.
    pub(crate) purged: LogPosition,
    /// The last entry, or else `purged`.
    pub(crate) last: LogPosition,
    pub(crate) vote: Option<Vote>,
    pub(crate) committed: Option<LogIndex>,
    pub(crate) closed: Option<i64>,
    /// The entries not yet known to be in the store, with the number of the request they came in.
    unwritten: VecDeque<(u64, LogEntry)>,
    requests: VecDeque<Request>,
    next_number: u64,
}

impl Log {
    /// The log as it is on disk.
    pub(crate) fn new(
        purged: LogPosition,
        last: LogPosition,
        vote: Option<Vote>,
        committed: Option<LogIndex>,
        closed: Option<i64>,
    ) -> Self {
        Log {
            purged,
            last,
            vote,
            committed,
            closed,
            ..Log::default()
        }
    }

    /// The index of the first entry that is not read from the store.
    pub(crate) fn first_unwritten(&self) -> LogIndex {
        self.unwritten
            .front()
            .map_or(self.last.index.next(), |(_, entry)| entry.index)
    }

    /// The unwritten entries with indexes from `first` up to but excluding `end`.
    pub(crate) fn unwritten(
        &self,
        first: LogIndex,
        end: LogIndex,
    ) -> impl Iterator<Item = &LogEntry> {
        let skipped = first.0.saturating_sub(self.first_unwritten().0) as usize;
        let entries = self.unwritten.iter().skip(skipped).map(|(_, entry)| entry);
        entries.take_while(move |entry| entry.index < end)
    }

    /// Whether these entries may be appended.
    fn check_append(&self, group: GroupId, entries: &[LogEntry]) -> Result<(), LogError> {
        let mut last = self.last;
        for entry in entries {
            let (expected, found) = (last.index.next(), entry.index);
            if found != expected {
                return Err(LogError::NotNext {
                    group,
                    expected,
                    found,
                });
            }
            if entry.term < last.term {
                let (index, last, found) = (entry.index, last.term, entry.term);
                return Err(LogError::EarlierTerm {
                    group,
                    index,
                    last,
                    found,
                });
            }
            last = entry.position();
        }
        Ok(())
    }

    fn append(&mut self, number: u64, entries: &[LogEntry]) {
        self.unwritten
            .extend(entries.iter().map(|entry| (number, entry.clone())));
        self.last = entries.last().map_or(self.last, LogEntry::position);
    }

    fn truncate_after(&mut self, last: LogPosition) {
        let kept = self
            .unwritten
            .partition_point(|(_, entry)| entry.index <= last.index);
        self.unwritten.truncate(kept);
        self.last = last;
    }

    fn purge(&mut self, to: LogPosition) {
        let purged = self
            .unwritten
            .partition_point(|(_, entry)| entry.index <= to.index);
        self.unwritten.drain(..purged);
        self.purged = to;
        self.last = self.last.max(to);
    }

    /// Takes note that the requests up to this number are in the store.
    fn written(&mut self, number: u64) {
        let written = self.unwritten.partition_point(|(from, _)| *from <= number);
        self.unwritten.drain(..written);
    }
}

/// The logs in use and their queues.
#[derive(Default)]
pub(crate) struct Logs {
    logs: HashMap<GroupId, Log>,
    /// The groups with requests, in the order in which they get their turn.
    waiting: VecDeque<GroupId>,
}

impl Logs {
    pub(crate) fn get(&mut self, group: GroupId) -> Option<&mut Log> {
        self.logs.get_mut(&group)
    }

    pub(crate) fn insert(&mut self, group: GroupId, log: Log) {
        self.logs.insert(group, log);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Changes a log as its readers see it and queues the change to be written.
    ///
    /// The group is known.
    pub(crate) fn submit(
        &mut self,
        group: GroupId,
        change: Change,
        done: Done,
    ) -> Result<(), LogError> {
        let log = self.logs.entry(group).or_default();
        if let Change::Append(entries) = &change {
            log.check_append(group, entries)?;
        }
        let number = log.next_number;
        log.next_number += 1;
        match &change {
            Change::Append(entries) => log.append(number, entries),
            Change::TruncateAfter(last) => log.truncate_after(*last),
            Change::Purge { to, .. } => log.purge(*to),
            Change::Vote(vote) => log.vote = Some(*vote),
            Change::Committed(index) => log.committed = Some(*index),
            Change::Closed(micros) => log.closed = Some(*micros),
        }
        if log.requests.is_empty() {
            self.waiting.push_back(group);
        }
        log.requests.push_back(Request {
            group,
            change,
            done,
            number,
        });
        Ok(())
    }

    /// Takes the next round: of each group, in turn, its oldest requests up to about `bytes_max`,
    /// at least one.
    pub(crate) fn take_round(&mut self, bytes_max: usize) -> Vec<Request> {
        let mut round = Vec::new();
        for _ in 0..self.waiting.len() {
            let Some(group) = self.waiting.pop_front() else {
                break;
            };
            let Some(log) = self.logs.get_mut(&group) else {
                continue;
            };
            let mut bytes = 0;
            while bytes < bytes_max
                && let Some(request) = log.requests.pop_front()
            {
                bytes += request.change.bytes();
                round.push(request);
            }
            if !log.requests.is_empty() {
                self.waiting.push_back(group);
            }
        }
        round
    }

    /// Takes note that a round is in the store.
    pub(crate) fn written(&mut self, round: &[Request]) {
        for request in round {
            if let Some(log) = self.logs.get_mut(&request.group) {
                log.written(request.number);
            }
        }
    }

    /// Takes all that waits, to be refused.
    pub(crate) fn take_all(&mut self) -> Vec<Request> {
        self.waiting.clear();
        self.logs
            .values_mut()
            .flat_map(|log| log.requests.drain(..))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::types::Term;

    const A: GroupId = GroupId(1);
    const B: GroupId = GroupId(2);

    fn entry(index: u64, term: u64, bytes: usize) -> LogEntry {
        LogEntry {
            index: LogIndex(index),
            term: Term(term),
            payload: Bytes::from(vec![0; bytes]),
        }
    }

    fn append(logs: &mut Logs, group: GroupId, entries: Vec<LogEntry>) -> Result<(), LogError> {
        logs.submit(group, Change::Append(entries), Box::new(|_| {}))
    }

    fn indexes(round: &[Request]) -> Vec<(u64, Vec<u64>)> {
        let of = |request: &Request| match &request.change {
            Change::Append(entries) => entries.iter().map(|entry| entry.index.0).collect(),
            _ => Vec::new(),
        };
        round
            .iter()
            .map(|request| (request.group.0, of(request)))
            .collect()
    }

    #[test]
    fn a_round_takes_from_each_group_up_to_the_cap() {
        let mut logs = Logs::default();
        for index in 1..=5 {
            append(&mut logs, A, vec![entry(index, 1, 1000)]).expect("dense");
        }
        append(&mut logs, B, vec![entry(1, 1, 10)]).expect("dense");
        let round = logs.take_round(2000);
        assert_eq!(indexes(&round), [(1, vec![1]), (1, vec![2]), (2, vec![1])]);
        append(&mut logs, B, vec![entry(2, 1, 10)]).expect("dense");
        let round = logs.take_round(1);
        assert_eq!(indexes(&round), [(1, vec![3]), (2, vec![2])]);
        assert_eq!(
            indexes(&logs.take_round(10_000)),
            [(1, vec![4]), (1, vec![5])]
        );
        assert!(logs.is_idle());
        assert!(logs.take_round(1).is_empty());
    }

    #[test]
    fn gaps_and_earlier_terms_are_refused_and_change_nothing() {
        let mut logs = Logs::default();
        append(&mut logs, A, vec![entry(1, 3, 0), entry(2, 3, 0)]).expect("dense");
        for (wrong, text) in [
            (
                vec![entry(4, 3, 0)],
                "entry 4 cannot be appended to the log of group 1: 3 is next",
            ),
            (
                vec![entry(2, 3, 0)],
                "entry 2 cannot be appended to the log of group 1: 3 is next",
            ),
            (
                vec![entry(3, 3, 0), entry(5, 3, 0)],
                "entry 5 cannot be appended to the log of group 1: 4 is next",
            ),
            (
                vec![entry(3, 2, 0)],
                "entry 3 of group 1 is of term 2, the one before it of 3",
            ),
        ] {
            assert_eq!(
                append(&mut logs, A, wrong)
                    .expect_err("refused")
                    .to_string(),
                text
            );
            assert_eq!(
                logs.get(A).map(|log| log.last),
                Some(entry(2, 3, 0).position())
            );
        }
    }

    #[test]
    fn readers_see_a_replaced_tail_before_it_is_written() {
        let mut logs = Logs::default();
        append(
            &mut logs,
            A,
            (1..=4).map(|index| entry(index, 1, 0)).collect(),
        )
        .expect("dense");
        let change = Change::TruncateAfter(entry(2, 1, 0).position());
        logs.submit(A, change, Box::new(|_| {})).expect("no append");
        append(&mut logs, A, vec![entry(3, 2, 0)]).expect("dense");
        let seen = |logs: &mut Logs| -> Vec<(u64, u64)> {
            let log = logs.get(A).expect("in use");
            let all = log.unwritten(LogIndex(0), LogIndex(9));
            all.map(|entry| (entry.index.0, entry.term.0)).collect()
        };
        assert_eq!(seen(&mut logs), [(1, 1), (2, 1), (3, 2)]);
        // Written is the first request only: entry 3 of term 1 is on disk, but no longer in the log.
        let round = logs.take_round(1);
        logs.written(&round);
        assert_eq!(seen(&mut logs), [(3, 2)]);
        assert_eq!(
            logs.get(A).map(|log| log.first_unwritten()),
            Some(LogIndex(3))
        );
        let round = logs.take_round(1000);
        logs.written(&round);
        assert_eq!(seen(&mut logs), []);
        assert_eq!(
            logs.get(A).map(|log| log.first_unwritten()),
            Some(LogIndex(4))
        );
    }
}
