//! What a commit costs: in the log store and through the driver, one at a time and sixteen waiting
//! together.
//!
//! Each number is mostly an fsync of the disk the temporary directory is on; set `TMPDIR` to the
//! one in question.

use std::hint::black_box;
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use retrograph_raft::{
    ApplyError, DriverOptions, EntryPayload, GroupId, LogEntry, LogIndex, LogOptions, LogStore,
    MemberId, Replication, SingleMember, StateMachine, Term,
};

const PAYLOAD_BYTES: usize = 256;
const WAITING: u64 = 16;

/// A state that costs nothing, so that the log is what is measured.
struct Nothing;

impl StateMachine for Nothing {
    fn applied_index(&self) -> LogIndex {
        LogIndex(0)
    }

    fn apply(
        &self,
        index: LogIndex,
        _term: Term,
        payload: EntryPayload<'_>,
    ) -> Result<(), ApplyError> {
        black_box((index, payload));
        Ok(())
    }
}

fn open(directory: &tempfile::TempDir) -> Arc<LogStore> {
    Arc::new(LogStore::open(directory.path(), LogOptions::default()).expect("the store opens"))
}

fn appends(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory);
    let payload = Bytes::from(vec![7; PAYLOAD_BYTES]);
    let mut next = 1;
    let mut append = |answers: u64| {
        let (sender, answer) = channel();
        for _ in 0..answers {
            let sender = sender.clone();
            let (index, term) = (LogIndex(next), Term(1));
            let entry = LogEntry {
                index,
                term,
                payload: payload.clone(),
            };
            let done = Box::new(move |result| sender.send(result).expect("the bench waits"));
            store
                .append(GroupId(1), vec![entry], done)
                .expect("appended");
            next += 1;
        }
        for _ in 0..answers {
            answer.recv().expect("answered").expect("durable");
        }
    };
    let mut group = criterion.benchmark_group("log");
    group.throughput(Throughput::Elements(1));
    group.bench_function("append and sync 1", |bencher| bencher.iter(|| append(1)));
    group.throughput(Throughput::Elements(WAITING));
    group.bench_function("append and sync 16", |bencher| {
        bencher.iter(|| append(WAITING))
    });
    group.finish();
}

fn proposals(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let options = DriverOptions::default();
    let driver = SingleMember::open(open(&directory), GroupId(1), MemberId(1), Nothing, options);
    let driver = driver.expect("the driver opens");
    let commit = || {
        let proposal = driver.propose(vec![7; PAYLOAD_BYTES]).expect("taken");
        proposal.wait().expect("committed")
    };
    let mut group = criterion.benchmark_group("driver");
    group.throughput(Throughput::Elements(1));
    group.bench_function("propose and wait, 1 thread", |bencher| bencher.iter(commit));
    group.throughput(Throughput::Elements(WAITING));
    group.bench_function("propose and wait, 16 threads", |bencher| {
        bencher.iter_custom(|rounds| {
            let start = Barrier::new(WAITING as usize);
            let run = || {
                start.wait();
                let begun = Instant::now();
                (0..rounds).for_each(|_| {
                    black_box(commit());
                });
                begun.elapsed()
            };
            thread::scope(|scope| {
                let threads: Vec<_> = (0..WAITING).map(|_| scope.spawn(run)).collect();
                let times = threads
                    .into_iter()
                    .map(|thread| thread.join().expect("no panic"));
                times.max().unwrap_or(Duration::ZERO)
            })
        });
    });
    group.finish();
}

criterion_group!(benches, appends, proposals);
criterion_main!(benches);
