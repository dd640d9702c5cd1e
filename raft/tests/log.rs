//! The log store from outside: order, group commit, reopening, damage, and a model of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::Bytes;
use proptest::prelude::*;
use retrograph_raft::{
    GroupId, LogEntry, LogError, LogIndex, LogOptions, LogPosition, LogStore, MemberId, Term, Vote,
};

const GROUP: GroupId = GroupId(1);

fn open(path: &Path) -> LogStore {
    LogStore::open(path, LogOptions::default()).expect("the store opens")
}

fn entry(index: u64, term: u64, text: &str) -> LogEntry {
    LogEntry {
        index: LogIndex(index),
        term: Term(term),
        payload: Bytes::copy_from_slice(text.as_bytes()),
    }
}

fn append(store: &LogStore, group: GroupId, entries: Vec<LogEntry>) {
    let (sender, answer) = channel();
    let done = Box::new(move |result| sender.send(result).expect("the test waits"));
    store.append(group, entries, done).expect("appended");
    answer.recv().expect("answered").expect("durable");
}

fn all(store: &LogStore, group: GroupId) -> Result<Vec<LogEntry>, LogError> {
    let first = store.purged(group)?.unwrap_or_default().index.next();
    store.entries(group, first..LogIndex(u64::MAX), usize::MAX)
}

fn copy(from: &Path, to: &Path) {
    for file in fs::read_dir(from).expect("a directory") {
        let file = file.expect("listed");
        // RocksDB may remove an old file between the listing and the copy.
        if file.file_name() != "LOCK" && file.path().exists() {
            fs::copy(file.path(), to.join(file.file_name())).expect("copied");
        }
    }
}

fn newest_wal(directory: &Path) -> PathBuf {
    let files = fs::read_dir(directory)
        .expect("a directory")
        .map(|file| file.expect("it").path());
    files
        .filter(|path| path.extension().is_some_and(|e| e == "log"))
        .max()
        .expect("there is one")
}

#[test]
fn answers_come_in_the_order_of_the_log_and_share_syncs() {
    const THREADS: u64 = 8;
    const APPENDS: u64 = 200;
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let answered: Arc<Mutex<BTreeMap<GroupId, Vec<u64>>>> = Arc::default();
    // Two groups; the next index of each is taken and appended under one lock, as a sequencer does.
    let next: [Mutex<u64>; 2] = [Mutex::new(1), Mutex::new(1)];
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (store, answered, next) = (&store, &answered, &next);
            scope.spawn(move || {
                let which = (number % 2) as usize;
                let group = GroupId(which as u64);
                for _ in 0..APPENDS {
                    let mut next = next[which].lock().expect("no panics");
                    let index = *next;
                    *next += 1;
                    let answered = Arc::clone(answered);
                    let done = move |result: Result<(), LogError>| {
                        result.expect("durable");
                        let mut answered = answered.lock().expect("no panics");
                        answered.entry(group).or_default().push(index);
                    };
                    let entries = vec![entry(index, 1, "x")];
                    store
                        .append(group, entries, Box::new(done))
                        .expect("appended");
                    let last = store.last(group).expect("known").expect("some");
                    assert_eq!(last.index, LogIndex(index), "readable on return");
                }
            });
        }
    });
    let path = directory.path().to_owned();
    let stats = {
        // Dropping writes what is queued.
        let stats_before_end = store.stats();
        drop(store);
        stats_before_end
    };
    let per_group: Vec<u64> = (1..=THREADS / 2 * APPENDS).collect();
    let answered = answered.lock().expect("no panics");
    assert_eq!(answered[&GroupId(0)], per_group);
    assert_eq!(answered[&GroupId(1)], per_group);
    assert!(
        stats.synced_rounds < THREADS * APPENDS / 2,
        "{} syncs for {} appends",
        stats.synced_rounds,
        THREADS * APPENDS
    );
    let store = open(&path);
    assert_eq!(
        all(&store, GroupId(0)).expect("read").len(),
        per_group.len()
    );
    assert_eq!(
        all(&store, GroupId(1)).expect("read").len(),
        per_group.len()
    );
}

#[test]
fn a_copy_taken_while_writing_holds_all_that_was_acknowledged() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let acknowledged = AtomicU64::new(0);
    thread::scope(|scope| {
        let (store, acknowledged) = (&store, &acknowledged);
        let writer = scope.spawn(move || {
            for index in 1..=400 {
                let text = format!("{index}").repeat(100);
                append(store, GROUP, vec![entry(index, 1, &text)]);
                acknowledged.store(index, Ordering::SeqCst);
            }
        });
        for wanted in [1, 50, 120, 200, 300] {
            while acknowledged.load(Ordering::SeqCst) < wanted {
                thread::yield_now();
            }
            let at_least = acknowledged.load(Ordering::SeqCst);
            let copied = tempfile::tempdir().expect("a directory");
            copy(directory.path(), copied.path());
            let entries = all(&open(copied.path()), GROUP).expect("read");
            assert!(
                entries.len() as u64 >= at_least,
                "{} of {at_least}",
                entries.len()
            );
            for (position, found) in entries.iter().enumerate() {
                let index = position as u64 + 1;
                assert_eq!(*found, entry(index, 1, &format!("{index}").repeat(100)));
            }
        }
        writer.join().expect("no panic");
    });
}

#[test]
fn a_torn_end_loses_only_what_was_torn() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let expected: Vec<_> = (1..=40)
        .map(|index| entry(index, 1, &"e".repeat(2000)))
        .collect();
    for entry in &expected {
        append(&store, GROUP, vec![entry.clone()]);
    }
    drop(store);
    let bytes = fs::read(newest_wal(directory.path())).expect("read");
    for length in (0..bytes.len()).step_by(4001) {
        let torn = tempfile::tempdir().expect("a directory");
        copy(directory.path(), torn.path());
        fs::write(newest_wal(torn.path()), &bytes[..length]).expect("written");
        let store = open(torn.path());
        let entries = all(&store, GROUP).expect("read");
        assert_eq!(entries, expected[..entries.len()], "torn at {length}");
        assert!(
            entries.len() >= (length / 2100).min(38),
            "{} at {length}",
            entries.len()
        );
        // And it goes on from there.
        let next = entries.len() as u64 + 1;
        append(&store, GROUP, vec![entry(next, 2, "after")]);
        drop(store);
        assert_eq!(
            all(&open(torn.path()), GROUP).expect("read").len() as u64,
            next
        );
    }
}

#[test]
fn missing_pages_of_the_last_write_lose_only_that_write() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    append(&store, GROUP, vec![entry(1, 1, "synced")]);
    let length_before = newest_wal(directory.path())
        .metadata()
        .expect("it is there")
        .len();
    append(
        &store,
        GROUP,
        vec![entry(2, 1, &"never acknowledged".repeat(5000))],
    );
    drop(store);
    let bytes = fs::read(newest_wal(directory.path())).expect("read");
    for page in 0..bytes.len() / 4096 {
        let torn = tempfile::tempdir().expect("a directory");
        copy(directory.path(), torn.path());
        let mut left = bytes.clone();
        let start = (page * 4096).max(length_before as usize);
        left[start..(page + 1) * 4096].fill(0);
        fs::write(newest_wal(torn.path()), left).expect("written");
        let store = open(torn.path());
        assert_eq!(
            all(&store, GROUP).expect("read"),
            [entry(1, 1, "synced")],
            "page {page}"
        );
    }
}

#[test]
fn a_flipped_bit_in_the_write_ahead_log_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    for index in 1..=30 {
        append(&store, GROUP, vec![entry(index, 1, "some payload")]);
    }
    drop(store);
    let bytes = fs::read(newest_wal(directory.path())).expect("read");
    let damaged = tempfile::tempdir().expect("a directory");
    copy(directory.path(), damaged.path());
    for bit in (0..bytes.len() * 8).step_by(5) {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(newest_wal(damaged.path()), flipped).expect("written");
        let refused = LogStore::open(damaged.path(), LogOptions::default());
        let refused = refused.expect_err("a damaged log");
        assert!(
            matches!(refused, LogError::DamagedFile { .. }),
            "bit {bit}: {refused}"
        );
    }
}

#[test]
fn a_flipped_bit_in_the_manifest_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    append(&store, GROUP, vec![entry(1, 1, "some payload")]);
    drop(store);
    let current = fs::read_to_string(directory.path().join("CURRENT")).expect("read");
    let manifest = directory.path().join(current.trim());
    let bytes = fs::read(&manifest).expect("read");
    for bit in (0..bytes.len() * 8).step_by(3) {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&manifest, flipped).expect("written");
        let refused = LogStore::open(directory.path(), LogOptions::default());
        let refused = refused.expect_err("a damaged manifest");
        assert!(
            matches!(refused, LogError::DamagedFile { .. }),
            "bit {bit}: {refused}"
        );
    }
}

#[test]
fn reading_is_bounded_by_bytes_and_by_the_purged_beginning() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    append(
        &store,
        GROUP,
        (1..=10)
            .map(|index| entry(index, 1, &"e".repeat(100)))
            .collect(),
    );
    let count = |range: std::ops::Range<u64>, bytes_max| {
        let range = LogIndex(range.start)..LogIndex(range.end);
        store
            .entries(GROUP, range, bytes_max)
            .map(|entries| entries.len())
    };
    assert_eq!(count(1..100, usize::MAX).expect("read"), 10);
    assert_eq!(count(3..5, usize::MAX).expect("read"), 2);
    assert_eq!(count(3..100, 0).expect("read"), 1);
    assert_eq!(count(3..100, 100).expect("read"), 1);
    assert_eq!(count(3..100, 101).expect("read"), 2);
    assert_eq!(count(11..100, usize::MAX).expect("read"), 0);
    assert_eq!(count(5..5, usize::MAX).expect("read"), 0);
    store
        .purge(GROUP, entry(4, 1, "").position())
        .expect("purged");
    assert!(matches!(
        count(4..100, usize::MAX),
        Err(LogError::Purged {
            index: LogIndex(4),
            purged: LogIndex(4),
            ..
        })
    ));
    assert_eq!(count(5..100, usize::MAX).expect("read"), 6);
    let refused = store
        .truncate_after(GROUP, LogIndex(3))
        .expect_err("purged");
    assert!(matches!(refused, LogError::Purged { .. }), "{refused}");
    let refused = store
        .truncate_after(GROUP, LogIndex(11))
        .expect_err("beyond the end");
    assert!(
        matches!(
            refused,
            LogError::BeyondEnd {
                last: LogIndex(10),
                ..
            }
        ),
        "{refused}"
    );
    // Past the end: what an installed group image does.
    let image = LogPosition {
        index: LogIndex(50),
        term: Term(3),
    };
    store.purge(GROUP, image).expect("purged");
    assert_eq!(store.last(GROUP).expect("known"), Some(image));
    let refused = store.append(GROUP, vec![entry(11, 3, "")], Box::new(|_| {}));
    assert!(matches!(
        refused,
        Err(LogError::NotNext {
            expected: LogIndex(51),
            ..
        })
    ));
    append(&store, GROUP, vec![entry(51, 3, "after the image")]);
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.purged(GROUP).expect("known"), Some(image));
    assert_eq!(
        all(&store, GROUP).expect("read"),
        [entry(51, 3, "after the image")]
    );
}

#[test]
fn a_store_is_opened_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let refused = LogStore::open(directory.path(), LogOptions::default()).expect_err("it is open");
    assert!(matches!(refused, LogError::InUse { .. }), "{refused}");
    drop(store);
    open(directory.path());
}

/// What a log is, without any of how.
#[derive(Debug, Default, Clone, PartialEq)]
struct Model {
    purged: LogPosition,
    entries: BTreeMap<u64, LogEntry>,
    vote: Option<Vote>,
    committed: Option<LogIndex>,
    term: u64,
}

impl Model {
    fn last(&self) -> LogPosition {
        self.entries
            .values()
            .next_back()
            .map_or(self.purged, LogEntry::position)
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// So many entries, of the next term if so, waiting for them if so.
    Append {
        entries: u64,
        is_next_term: bool,
        waits: bool,
    },
    /// Cut off so many of the last entries.
    Truncate(u64),
    /// Purge so many of the first.
    Purge(u64),
    PurgeBeyondEnd(u64),
    Vote {
        term: u64,
        for_member: Option<u64>,
    },
    Committed(u64),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..6u64, prop::bool::weighted(0.3), any::<bool>()).prop_map(
            |(entries, is_next_term, waits)| Step::Append { entries, is_next_term, waits }
        ),
        2 => (1..6u64).prop_map(Step::Truncate),
        2 => (1..6u64).prop_map(Step::Purge),
        1 => (1..6u64).prop_map(Step::PurgeBeyondEnd),
        1 => (0..9u64, proptest::option::of(0..3u64))
            .prop_map(|(term, for_member)| Step::Vote { term, for_member }),
        1 => (0..99u64).prop_map(Step::Committed),
        1 => Just(Step::Reopen),
    ]
}

fn run(store: &LogStore, group: GroupId, model: &mut Model, step: &Step) {
    match *step {
        Step::Append {
            entries,
            is_next_term,
            waits,
        } => {
            model.term += u64::from(is_next_term);
            let first = model.last().index.0 + 1;
            let new: Vec<_> = (first..first + entries)
                .map(|index| {
                    entry(
                        index,
                        model.term,
                        &format!("{group} {index} {}", model.term),
                    )
                })
                .collect();
            model
                .entries
                .extend(new.iter().map(|entry| (entry.index.0, entry.clone())));
            if waits {
                append(store, group, new);
            } else {
                store
                    .append(group, new, Box::new(|_| {}))
                    .expect("appended");
            }
        }
        Step::Truncate(count) => {
            let last = model
                .last()
                .index
                .0
                .saturating_sub(count)
                .max(model.purged.index.0);
            model.entries.retain(|index, _| *index <= last);
            store
                .truncate_after(group, LogIndex(last))
                .expect("truncated");
        }
        Step::Purge(count) => {
            let Some(to) = model.entries.values().take(count as usize).last() else {
                return;
            };
            model.purged = to.position();
            model
                .entries
                .retain(|index, _| *index > model.purged.index.0);
            store.purge(group, model.purged).expect("purged");
        }
        Step::PurgeBeyondEnd(count) => {
            let index = LogIndex(model.last().index.0 + count);
            model.purged = LogPosition {
                index,
                term: Term(model.term),
            };
            model.entries.clear();
            store.purge(group, model.purged).expect("purged");
        }
        Step::Vote { term, for_member } => {
            let voted_for = for_member.map(MemberId);
            let vote = Vote {
                term: Term(term),
                voted_for,
                is_committed: term % 2 == 0,
            };
            model.vote = Some(vote);
            store.save_vote(group, vote).expect("saved");
        }
        Step::Committed(index) => {
            model.committed = Some(LogIndex(index));
            store.save_committed(group, LogIndex(index)).expect("saved");
        }
        Step::Reopen => {}
    }
}

fn observed(store: &LogStore, group: GroupId, term: u64) -> Model {
    let entries = all(store, group).expect("read");
    Model {
        purged: store.purged(group).expect("known").unwrap_or_default(),
        entries: entries
            .into_iter()
            .map(|entry| (entry.index.0, entry))
            .collect(),
        vote: store.read_vote(group).expect("known"),
        committed: store.read_committed(group).expect("known"),
        term,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_store_is_like_its_model(
        steps in prop::collection::vec((0..3u64, step()), 1..60),
        round_bytes_max_per_group in prop_oneof![Just(1), Just(200), Just(1 << 20)],
    ) {
        let directory = tempfile::tempdir().expect("a directory");
        let options = LogOptions { round_bytes_max_per_group, ..LogOptions::default() };
        let open = || LogStore::open(directory.path(), options.clone()).expect("opened");
        let mut store = open();
        let mut models: BTreeMap<GroupId, Model> = BTreeMap::new();
        for (group, step) in &steps {
            let group = GroupId(*group);
            let model = models.entry(group).or_default();
            run(&store, group, model, step);
            if matches!(step, Step::Reopen) {
                drop(store);
                store = open();
            }
            let last = store.last(group).expect("known").unwrap_or_default();
            prop_assert_eq!(last, model.last());
            prop_assert_eq!(&observed(&store, group, model.term), &*model);
        }
        drop(store);
        store = open();
        for (group, model) in &models {
            prop_assert_eq!(&observed(&store, *group, model.term), model);
        }
    }
}
