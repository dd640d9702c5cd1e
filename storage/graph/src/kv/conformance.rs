//! What every store must do, as one suite run against each of them.
//!
//! Each check begins with an empty store. A `reopen` function stands for a crash: it returns the
//! store as it would be found afterwards.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Family, OrderedStore, StoreError, WriteBatch};

/// A store under test.
pub struct Subject {
    /// The store.
    pub store: Arc<dyn OrderedStore>,
    /// A directory for sorted files.
    pub files: PathBuf,
}

/// One property of a store; panics where the store lacks it.
pub type Check = fn(&Subject);

/// All checks, by name.
pub const CHECKS: &[(&str, Check)] = &[
    ("rows are read as written", rows_are_read_as_written),
    ("scans keep to their range", scans_keep_to_their_range),
    ("cursors seek both ways", cursors_seek_both_ways),
    ("a cursor sees the past", a_cursor_sees_the_past),
    ("ranges are deleted", ranges_are_deleted),
    ("sorted files are taken over", sorted_files_are_taken_over),
    ("sorted files are sorted", sorted_files_are_sorted),
    (
        "a store survives its compaction",
        a_store_survives_its_compaction,
    ),
];

fn put(store: &dyn OrderedStore, family: Family, rows: &[(&[u8], &[u8])]) {
    let mut batch = WriteBatch::new();
    for (key, value) in rows {
        batch.put(family, key, value);
    }
    store.write(batch).expect("a write succeeds");
}

/// The keys of a range.
#[must_use]
pub fn keys(
    store: &dyn OrderedStore,
    family: Family,
    lower: &[u8],
    upper: &[u8],
    reverse: bool,
) -> Vec<Vec<u8>> {
    let mut cursor = store
        .scan(family, lower, upper, reverse)
        .expect("a scan begins");
    let mut keys = Vec::new();
    while cursor.valid() {
        keys.push(cursor.key().to_vec());
        cursor.next();
    }
    cursor.status().expect("a scan ends well");
    keys
}

fn rows_are_read_as_written(subject: &Subject) {
    let store = subject.store.as_ref();
    let mut batch = WriteBatch::new();
    for family in Family::ALL {
        batch.put(family, b"key", family.name().as_bytes());
        batch.put(family, b"gone", b"");
        batch.delete(family, b"gone");
        batch.delete(family, b"never there");
    }
    batch.put(Family::Meta, b"", b"empty key");
    assert_eq!(batch.len(), 25);
    store.write(batch).expect("a write succeeds");
    for family in Family::ALL {
        let found = store.get(family, b"key").expect("a read succeeds");
        assert_eq!(found.as_deref(), Some(family.name().as_bytes()));
        assert_eq!(store.get(family, b"gone").expect("a read succeeds"), None);
    }
    put(store, Family::Meta, &[(b"key", b"again")]);
    let found = store.get(Family::Meta, b"key").expect("a read succeeds");
    assert_eq!(found.as_deref(), Some(&b"again"[..]));
}

fn scans_keep_to_their_range(subject: &Subject) {
    let store = subject.store.as_ref();
    put(
        store,
        Family::Index,
        &[
            (b"a", b"1"),
            (b"b", b"2"),
            (b"b\0", b"3"),
            (b"c", b"4"),
            (b"\xff\xff", b"5"),
        ],
    );
    put(store, Family::Meta, &[(b"b2", b"other family")]);
    let scan =
        |lower: &[u8], upper: &[u8], reverse| keys(store, Family::Index, lower, upper, reverse);
    assert_eq!(scan(b"a", b"c", false), [&b"a"[..], b"b", b"b\0"]);
    assert_eq!(scan(b"a", b"c", true), [&b"b\0"[..], b"b", b"a"]);
    assert_eq!(scan(b"aa", b"b\0", false), [b"b"]);
    assert_eq!(scan(b"", b"\xff\xff\xff", false).len(), 5);
    for (lower, upper) in [(b"b", b"b"), (b"c", b"a"), (b"x", b"y")] {
        for reverse in [false, true] {
            assert!(scan(lower, upper, reverse).is_empty());
        }
    }
}

fn cursors_seek_both_ways(subject: &Subject) {
    let store = subject.store.as_ref();
    put(
        store,
        Family::Closed,
        &[(b"a", b""), (b"c", b""), (b"e", b""), (b"g", b"")],
    );
    let cursor = |reverse| {
        store
            .scan(Family::Closed, b"b", b"g", reverse)
            .expect("a scan begins")
    };
    let mut forward = cursor(false);
    assert_eq!(forward.key(), b"c");
    for (to, expected) in [
        (&b"d"[..], &b"e"[..]),
        (b"a", b"c"),
        (b"c", b"c"),
        (b"f", b""),
    ] {
        forward.seek(to);
        assert_eq!(forward.key(), expected, "seek {to:?}");
    }
    assert!(!forward.valid());
    forward.next();
    assert!(!forward.valid());
    let mut backward = cursor(true);
    assert_eq!(backward.key(), b"e");
    for (to, expected) in [
        (&b"d"[..], &b"c"[..]),
        (b"z", b"e"),
        (b"c", b"c"),
        (b"a", b""),
    ] {
        backward.seek(to);
        assert_eq!(backward.key(), expected, "seek back {to:?}");
    }
    assert!(!backward.valid());
}

fn a_cursor_sees_the_past(subject: &Subject) {
    let store = subject.store.as_ref();
    put(store, Family::Element, &[(b"a", b"1"), (b"c", b"1")]);
    let mut cursor = store
        .scan(Family::Element, b"", b"z", false)
        .expect("a scan begins");
    let mut batch = WriteBatch::new();
    batch.put(Family::Element, b"b", b"2");
    batch.put(Family::Element, b"c", b"2");
    batch.delete(Family::Element, b"a");
    store.write(batch).expect("a write succeeds");
    assert_eq!((cursor.key(), cursor.value()), (&b"a"[..], &b"1"[..]));
    cursor.next();
    assert_eq!((cursor.key(), cursor.value()), (&b"c"[..], &b"1"[..]));
    drop(cursor);
    assert_eq!(keys(store, Family::Element, b"", b"z", false), [b"b", b"c"]);
}

fn ranges_are_deleted(subject: &Subject) {
    let store = subject.store.as_ref();
    put(
        store,
        Family::Meta,
        &[(b"a", b""), (b"b", b""), (b"c", b""), (b"d", b"")],
    );
    let mut batch = WriteBatch::new();
    batch.delete_range(Family::Meta, b"b", b"d");
    batch.delete_range(Family::Meta, b"z", b"a");
    batch.put(Family::Meta, b"bb", b"after it");
    store.write(batch).expect("a write succeeds");
    assert_eq!(
        keys(store, Family::Meta, b"", b"z", false),
        [&b"a"[..], b"bb", b"d"]
    );
}

fn sorted_files_are_taken_over(subject: &Subject) {
    let store = subject.store.as_ref();
    put(store, Family::Element, &[(b"b", b"old")]);
    store.flush().expect("a flush succeeds");
    let path = subject.files.join("1.rows");
    let mut writer = store
        .write_sorted(Family::Element, &path)
        .expect("a sorted file begins");
    for (key, value) in [(b"a", b"new"), (b"b", b"new"), (b"c", b"new")] {
        writer.put(key, value).expect("a row is written");
    }
    let file = writer.finish().expect("a sorted file ends");
    assert_eq!(
        store.get(Family::Element, b"a").expect("a read succeeds"),
        None
    );
    // Twice, as after a crash between the two.
    for _ in 0..2 {
        store
            .ingest(std::slice::from_ref(&file))
            .expect("an ingest succeeds");
        assert_eq!(
            keys(store, Family::Element, b"", b"z", false),
            [b"a", b"b", b"c"]
        );
        let found = store.get(Family::Element, b"b").expect("a read succeeds");
        assert_eq!(found.as_deref(), Some(&b"new"[..]));
    }
}

fn sorted_files_are_sorted(subject: &Subject) {
    let path = subject.files.join("2.rows");
    let mut writer = subject
        .store
        .write_sorted(Family::Element, &path)
        .expect("a sorted file begins");
    writer.put(b"b", b"").expect("a row is written");
    for key in [b"a", b"b"] {
        let refused = writer.put(key, b"");
        assert!(matches!(refused, Err(StoreError::Unsorted { .. })));
    }
    let empty = subject
        .store
        .write_sorted(Family::Element, &path)
        .expect("a sorted file begins");
    assert!(empty.finish().is_err());
}

fn a_store_survives_its_compaction(subject: &Subject) {
    let store = subject.store.as_ref();
    for round in 0..20_u8 {
        let mut batch = WriteBatch::new();
        for key in 0..200_u8 {
            match (key.wrapping_mul(31) ^ round) % 3 {
                0 => batch.delete(Family::Index, &[key]),
                _ => batch.put(Family::Index, &[key], &[round]),
            }
        }
        store.write(batch).expect("a write succeeds");
        store.flush().expect("a flush succeeds");
    }
    let before = keys(store, Family::Index, b"", b"\xff\xff", false);
    for family in Family::ALL {
        store.compact(family).expect("a compaction succeeds");
    }
    assert_eq!(keys(store, Family::Index, b"", b"\xff\xff", false), before);
    store.verify().expect("all checksums are right");
}

#[cfg(test)]
mod tests {
    use super::super::{MemoryStore, RocksOptions, RocksStore};
    use super::*;

    #[test]
    fn the_store_in_memory_conforms() {
        for (name, check) in CHECKS {
            println_name(name);
            check(&Subject {
                store: Arc::new(MemoryStore::new()),
                files: PathBuf::from("files"),
            });
        }
    }

    #[test]
    fn the_store_on_disk_conforms() {
        for (name, check) in CHECKS {
            println_name(name);
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("store");
            let store = RocksStore::open(&path, &RocksOptions::default()).unwrap();
            check(&Subject {
                store: Arc::new(store),
                files: directory.path().to_owned(),
            });
        }
    }

    /// Shown by the test harness if the check fails.
    #[allow(clippy::print_stdout)]
    fn println_name(name: &str) {
        println!("checking that {name}");
    }

    #[test]
    fn a_crash_leaves_the_last_flush_over_all_families() {
        let store = MemoryStore::new();
        put(&store, Family::Element, &[(b"a", b"1")]);
        put(&store, Family::Meta, &[(b"a", b"1")]);
        store.flush().unwrap();
        put(&store, Family::Element, &[(b"a", b"2"), (b"b", b"2")]);
        put(&store, Family::Meta, &[(b"a", b"2")]);
        let found = store.crash();
        for family in [Family::Element, Family::Meta] {
            assert_eq!(found.get(family, b"a").unwrap().as_deref(), Some(&b"1"[..]));
        }
        assert_eq!(found.get(Family::Element, b"b").unwrap(), None);
        // The live store goes on.
        assert_eq!(
            store.get(Family::Meta, b"a").unwrap().as_deref(),
            Some(&b"2"[..])
        );
    }

    #[test]
    fn a_store_on_disk_keeps_what_was_flushed_and_refuses_a_second_owner() {
        let directory = tempfile::tempdir().unwrap();
        let store = RocksStore::open(directory.path(), &RocksOptions::default()).unwrap();
        put(&store, Family::Element, &[(b"a", b"1")]);
        store.flush().unwrap();
        let second = RocksStore::open(directory.path(), &RocksOptions::default());
        assert!(matches!(second.err(), Some(StoreError::Locked { .. })));
        drop(store);
        let store = RocksStore::open(directory.path(), &RocksOptions::default()).unwrap();
        let found = store.get(Family::Element, b"a").unwrap();
        assert_eq!(found.as_deref(), Some(&b"1"[..]));
    }

    #[test]
    fn a_flipped_bit_is_an_error_that_names_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let store = RocksStore::open(directory.path(), &RocksOptions::default()).unwrap();
        let mut batch = WriteBatch::new();
        for key in 0..2_000_u32 {
            batch.put(
                Family::Element,
                &key.to_be_bytes(),
                &key.wrapping_mul(0x9e37_79b9).to_be_bytes(),
            );
        }
        store.write(batch).unwrap();
        store.flush().unwrap();
        drop(store);
        let file = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|extension| extension == "sst"))
            .unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 4;
        bytes[middle] ^= 0x10;
        std::fs::write(&file, bytes).unwrap();
        let opened = RocksStore::open(directory.path(), &RocksOptions::default());
        let error = match opened {
            Ok(store) => store.verify().err(),
            Err(error) => Some(error),
        };
        let Some(StoreError::Corrupt { detail, .. }) = error else {
            panic!("the damage went unnoticed: {error:?}");
        };
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(detail.contains(name), "{detail} names {name}");
    }
}
