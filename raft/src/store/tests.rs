//! What needs a view inside: failing writes, damaged rows, files flushed at will.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;

use super::*;
use crate::record;
use crate::types::{MemberId, Term};

const GROUP: GroupId = GroupId(3);

fn entry(index: u64) -> LogEntry {
    let payload = format!("payload of entry {index}").repeat(5);
    LogEntry {
        index: LogIndex(index),
        term: Term(1),
        payload: Bytes::from(payload),
    }
}

fn append_and_wait(store: &LogStore, entries: Vec<LogEntry>) -> Result<(), LogError> {
    store.shared.submit_and_wait(GROUP, Change::Append(entries))
}

fn all(store: &LogStore) -> Result<Vec<LogEntry>, LogError> {
    store.entries(GROUP, LogIndex(1)..LogIndex(u64::MAX), usize::MAX)
}

#[test]
fn a_failed_write_stops_the_store_for_good() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = LogStore::open(directory.path(), LogOptions::default()).expect("opened");
    append_and_wait(&store, vec![entry(1)]).expect("written");
    store.shared.rows.fails.store(true, Ordering::SeqCst);
    // Two wait for the round that fails, whoever writes it: neither is acknowledged.
    let answers = [2, 3].map(|index| {
        let (sender, answer) = sync_channel(1);
        let done = Box::new(move |result| sender.send(result).expect("the test waits"));
        store
            .shared
            .submit(GROUP, Change::Append(vec![entry(index)]), done)
            .expect("queued");
        answer
    });
    for answer in answers {
        let refused = store
            .shared
            .wait(&answer)
            .expect("answered")
            .expect_err("not written");
        assert!(matches!(refused, LogError::Stopped { .. }), "{refused}");
    }
    // The disk recovers, the store does not.
    store.shared.rows.fails.store(false, Ordering::SeqCst);
    let stopped = |result: Result<(), LogError>| matches!(result, Err(LogError::Stopped { .. }));
    assert!(stopped(append_and_wait(&store, vec![entry(2)])));
    assert!(stopped(store.append(
        GROUP,
        vec![entry(2)],
        Box::new(|_| {})
    )));
    assert!(stopped(store.save_vote(GROUP, Vote::default())));
    assert!(stopped(store.save_committed(GROUP, LogIndex(1))));
    assert!(stopped(store.purge(GROUP, entry(1).position())));
    assert!(stopped(store.truncate_after(GROUP, LogIndex(0))));
    assert!(stopped(all(&store).map(drop)));
    assert!(stopped(store.last(GROUP).map(drop)));
    drop(store);
    let store = LogStore::open(directory.path(), LogOptions::default()).expect("opened");
    assert_eq!(all(&store).expect("read"), [entry(1)]);
}

#[test]
fn a_damaged_entry_is_named_with_its_place() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = LogStore::open(directory.path(), LogOptions::default()).expect("opened");
    append_and_wait(&store, (1..=5).map(entry).collect()).expect("written");
    let key = record::log_key(GROUP, LogIndex(3));
    let mut value = Vec::new();
    record::encode_entry(&key, &entry(3), &mut value);
    value[20] ^= 1;
    store.shared.rows.put_raw(&key, &value);
    let refused = all(&store).expect_err("damaged").to_string();
    let path = directory.path().display();
    assert_eq!(
        refused,
        format!(
            "entry 3 of group 3 is damaged: its checksum is wrong, in {path} (write-ahead log)"
        )
    );
    store.shared.rows.flush();
    let refused = all(&store).expect_err("damaged").to_string();
    assert!(
        refused.starts_with("entry 3 of group 3 is damaged: its checksum"),
        "{refused}"
    );
    assert!(refused.ends_with(".sst)"), "{refused}");
    // The others can be read still.
    let before = store
        .entries(GROUP, LogIndex(1)..LogIndex(3), usize::MAX)
        .expect("whole");
    assert_eq!(before, [entry(1), entry(2)]);
}

#[test]
fn a_missing_entry_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = LogStore::open(directory.path(), LogOptions::default()).expect("opened");
    append_and_wait(&store, vec![entry(1)]).expect("written");
    let key = record::log_key(GROUP, LogIndex(3));
    let mut value = Vec::new();
    record::encode_entry(&key, &entry(3), &mut value);
    store.shared.rows.put_raw(&key, &value);
    drop(store);
    let store = LogStore::open(directory.path(), LogOptions::default()).expect("opened");
    let refused = all(&store).expect_err("a gap");
    assert!(
        matches!(
            refused,
            LogError::MissingEntry {
                index: LogIndex(2),
                ..
            }
        ),
        "{refused}"
    );
    store
        .shared
        .rows
        .put_raw(&record::log_key(GroupId(4), LogIndex(2)), b"");
    let refused = store.last(GroupId(4)).expect_err("no value");
    assert!(
        matches!(
            refused,
            LogError::DamagedEntry {
                group: GroupId(4),
                ..
            }
        ),
        "{refused}"
    );
}

fn only_file(directory: &Path, extension: &str) -> PathBuf {
    let files = fs::read_dir(directory)
        .expect("a directory")
        .map(|file| file.expect("it").path());
    let of_kind = |path: &PathBuf| path.extension().is_some_and(|found| found == extension);
    let largest = files
        .filter(of_kind)
        .max_by_key(|path| path.metadata().map_or(0, |m| m.len()));
    largest.expect("there is one")
}

fn copy(from: &Path, to: &Path) {
    for file in fs::read_dir(from).expect("a directory") {
        let file = file.expect("listed");
        if file.file_name() != "LOCK" {
            fs::copy(file.path(), to.join(file.file_name())).expect("copied");
        }
    }
}

#[test]
fn a_flipped_bit_in_a_flushed_file_is_never_a_wrong_answer() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = LogStore::open(directory.path(), LogOptions::default()).expect("opened");
    append_and_wait(&store, (1..=500).map(entry).collect()).expect("written");
    store.shared.rows.flush();
    let expected = all(&store).expect("read");
    drop(store);
    let length = only_file(directory.path(), "sst")
        .metadata()
        .expect("it")
        .len() as usize;
    let mut noticed = 0;
    for offset in (0..length).step_by(length / 60) {
        let damaged = tempfile::tempdir().expect("a directory");
        copy(directory.path(), damaged.path());
        let path = only_file(damaged.path(), "sst");
        let mut bytes = fs::read(&path).expect("read");
        bytes[offset] ^= 1 << (offset % 8);
        fs::write(&path, bytes).expect("written");
        match LogStore::open(damaged.path(), LogOptions::default()).and_then(|s| all(&s)) {
            Ok(entries) => assert_eq!(entries, expected, "flipped at {offset}"),
            Err(_) => noticed += 1,
        }
    }
    // Only bytes nobody reads may be flipped without notice: statistics at the end of the file.
    assert!(noticed > 40, "{noticed} flips noticed");
}

#[test]
fn a_panicking_answer_does_not_leave_the_others_waiting() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = LogStore::open(directory.path(), LogOptions::default()).expect("opened");
    let panics = Box::new(|_| panic!("an answer that panics on purpose"));
    store
        .shared
        .submit(GROUP, Change::Append(vec![entry(1)]), panics)
        .expect("queued");
    let (sender, answer) = sync_channel::<Result<(), LogError>>(1);
    let done = Box::new(move |result| sender.send(result).expect("the test waits"));
    store.append(GROUP, vec![entry(2)], done).expect("queued");
    assert!(answer.recv().is_err(), "the flusher is gone, and says so");
    while !matches!(store.last(GROUP), Err(LogError::Abandoned)) {
        std::thread::yield_now();
    }
    drop(store);
    let store = LogStore::open(directory.path(), LogOptions::default()).expect("opened");
    assert_eq!(all(&store).expect("read"), [entry(1), entry(2)]);
}

#[test]
fn the_next_round_is_written_but_not_answered_while_one_is_being_answered() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = LogStore::open(directory.path(), LogOptions::default()).expect("opened");
    let answered: Arc<Mutex<Vec<u64>>> = Arc::default();
    let (open_gate, gate) = sync_channel::<()>(0);
    let (is_answering, answering) = sync_channel::<()>(0);
    let first = Arc::clone(&answered);
    let done = move |_| {
        is_answering.send(()).expect("the test waits");
        gate.recv().expect("the test opens the gate");
        first.lock().push(1);
    };
    store
        .append(GROUP, vec![entry(1)], Box::new(done))
        .expect("queued");
    answering.recv().expect("the first is answered");
    std::thread::scope(|scope| {
        let second = Arc::clone(&answered);
        let shared = &store.shared;
        scope.spawn(move || {
            let (sender, answer) = sync_channel(1);
            let done = move |result| {
                second.lock().push(2);
                sender.send(result).expect("the test waits");
            };
            let change = Change::Append(vec![entry(2)]);
            shared
                .submit(GROUP, change, Box::new(done))
                .expect("queued");
            shared.wait(&answer).expect("answered").expect("written");
        });
        while store.stats().synced_rounds < 2 {
            std::thread::yield_now();
        }
        assert_eq!(*answered.lock(), []);
        open_gate.send(()).expect("the first answer waits");
    });
    assert_eq!(*answered.lock(), [1, 2]);
}

#[test]
fn a_store_knows_its_votes_after_reopening() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = LogStore::open(directory.path(), LogOptions::default()).expect("opened");
    assert_eq!(store.read_vote(GROUP).expect("read"), None);
    let vote = Vote {
        term: Term(4),
        voted_for: Some(MemberId(2)),
        is_committed: false,
    };
    let other = Vote {
        term: Term(9),
        voted_for: None,
        is_committed: true,
    };
    store.save_vote(GROUP, vote).expect("saved");
    store.save_vote(GroupId(4), other).expect("saved");
    assert_eq!(store.stats().synced_rounds, 2);
    store.save_committed(GROUP, LogIndex(7)).expect("saved");
    assert_eq!(
        store.read_committed(GROUP).expect("read"),
        Some(LogIndex(7))
    );
    drop(store);
    let store = LogStore::open(directory.path(), LogOptions::default()).expect("opened");
    assert_eq!(store.read_vote(GROUP).expect("read"), Some(vote));
    assert_eq!(store.read_vote(GroupId(4)).expect("read"), Some(other));
    assert_eq!(
        store.read_committed(GROUP).expect("read"),
        Some(LogIndex(7))
    );
}
