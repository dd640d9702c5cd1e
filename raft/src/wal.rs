//! The check of RocksDB's own logs before it opens them.
//!
//! RocksDB's write-ahead logs and its manifest are files of records back to back:
//!
//! ```text
//! block of 32 KiB   record … record, zeros where fewer than 7 bytes remain
//! record            checksum u32 LE ‖ length u16 LE ‖ type u8 ‖ payload
//!                   the masked CRC-32C covers type and payload, not the length
//! ```
//!
//! A power cut leaves the record that was being written torn: short, or with pages that read as
//! zeros because the file had grown before they were written. Nobody was told that it is durable,
//! so it is cut off here. RocksDB's own tolerance for torn ends hides damage as well: a flipped length
//! looks like a record the writer did not finish, a flipped type like the remains of a recycled
//! file, and it then silently ends the log there, in the middle of what was synced. A group with one
//! voter has no second copy that would tell. So RocksDB is told to tolerate nothing, and the rule
//! here is narrow. A record is torn only at the very end of the newest log, with no record begun
//! after it, and if either bytes of it are missing (and not just its length wrong) or its part of
//! some page is zero throughout. Anything else is an error.
//!
//! What cannot be seen is a log that ends too early exactly between two records. The driver notices
//! it when the state machine has applied more than the log holds.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::error::LogError;

const BLOCK_BYTES: usize = 32 * 1024;
const HEADER_BYTES: usize = 7;
/// What a file system writes at once.
const PAGE_BYTES: usize = 4096;
/// The shortest run of zeros at the edge of a page that counts as unwritten: records hold shorter
/// ones.
const UNWRITTEN_BYTES_MIN: usize = 16;
/// What RocksDB adds to a rotated checksum before it stores it.
const MASK_DELTA: u32 = 0xa282_ead8;

/// Checks the manifest in use and all write-ahead logs in `directory`, and cuts off a torn end.
///
/// A directory without them is a store yet to be made. Nobody else may have the store open.
pub(crate) fn check_and_cut(directory: &Path) -> Result<(), LogError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| LogError::Check {
            path,
            source: Arc::new(source),
        }
    };
    let current = directory.join("CURRENT");
    match fs::read_to_string(&current) {
        Ok(name) => {
            let manifest = directory.join(name.trim_end());
            let bytes = fs::read(&manifest).map_err(unreadable(&manifest))?;
            check_file(&manifest, &bytes, true)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(&current)(error)),
    }
    let mut logs = Vec::new();
    for file in fs::read_dir(directory).map_err(unreadable(directory))? {
        let path = file.map_err(unreadable(directory))?.path();
        logs.extend(log_number(&path).map(|number| (number, path)));
    }
    logs.sort();
    // A log that got records follows only on logs that were synced to their end.
    let mut is_newest = true;
    for (_, path) in logs.iter().rev() {
        let bytes = fs::read(path).map_err(unreadable(path))?;
        is_newest &= check_file(path, &bytes, is_newest)? == 0;
    }
    Ok(())
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> LogError {
    let path = path.to_owned();
    move |source| LogError::Check {
        path,
        source: Arc::new(source),
    }
}

/// The number of a write-ahead log: the files are named `000123.log`.
fn log_number(path: &Path) -> Option<u64> {
    if path.extension()? != "log" {
        return None;
    }
    path.file_stem()?.to_str()?.parse().ok()
}

/// Returns where the complete records end, and with them the file.
fn check_file(path: &Path, bytes: &[u8], may_be_torn: bool) -> Result<usize, LogError> {
    let damaged = |(offset, reason)| LogError::DamagedFile {
        path: path.to_owned(),
        offset: offset as u64,
        reason,
    };
    let end = end_of_records(bytes).map_err(damaged)?;
    if end < bytes.len() {
        if !may_be_torn {
            return Err(damaged((
                end,
                "its last record is torn, but a newer log follows",
            )));
        }
        let cut = || {
            let file = fs::OpenOptions::new().write(true).open(path)?;
            file.set_len(end as u64)?;
            file.sync_all()
        };
        cut().map_err(unreadable(path))?;
    }
    Ok(end)
}

/// A record as its header describes it.
struct Record {
    kind: u8,
    end: usize,
    is_whole: bool,
}

/// How the header at `at` reads; the header itself is within `bytes` and within its block.
fn record_at(bytes: &[u8], at: usize) -> Record {
    let header = &bytes[at..at + HEADER_BYTES];
    let end = at + HEADER_BYTES + usize::from(u16::from_le_bytes([header[4], header[5]]));
    let is_whole = end <= bytes.len()
        && end <= block_end(at)
        && masked_crc32c(&bytes[at + 6..end]) == stored_checksum(bytes, at);
    Record {
        kind: header[6],
        end,
        is_whole,
    }
}

fn block_end(at: usize) -> usize {
    (at / BLOCK_BYTES + 1) * BLOCK_BYTES
}

/// Where the complete records end, if everything after that is a record torn off by a crash; or
/// where and how the file is damaged.
fn end_of_records(bytes: &[u8]) -> Result<usize, (usize, &'static str)> {
    let mut at = 0;
    // The end of the last complete group of fragments, and whether one is open since.
    let (mut end_of_whole, mut is_in_fragments) = (0, false);
    while at < bytes.len() {
        if block_end(at) - at < HEADER_BYTES {
            let end = block_end(at).min(bytes.len());
            if bytes[at..end].iter().any(|&byte| byte != 0) {
                return Err((at, "the filling of a block is not zero"));
            }
            at = end;
            if !is_in_fragments {
                end_of_whole = at;
            }
            continue;
        }
        if bytes.len() - at < HEADER_BYTES || bytes[at..].iter().all(|&byte| byte == 0) {
            return Ok(end_of_whole);
        }
        let record = record_at(bytes, at);
        if !record.is_whole {
            return torn_record(bytes, at, &record).map(|()| end_of_whole);
        }
        match (record.kind, is_in_fragments) {
            // First, middle, last: a record longer than the rest of its block.
            (2, false) => is_in_fragments = true,
            (3, true) => {}
            (4, true) => is_in_fragments = false,
            (2..=4, _) | (_, true) => return Err((at, "a part of a record is missing")),
            (1, false) => {}
            // The recyclable kinds cannot occur: recycling is off.
            (_, false) => return Err((at, "a record is of a kind that is not written")),
        }
        at = record.end;
        if !is_in_fragments {
            end_of_whole = at;
        }
    }
    Ok(end_of_whole)
}

/// Whether the record at `at`, which is not whole, was torn by a crash.
fn torn_record(bytes: &[u8], at: usize, record: &Record) -> Result<(), (usize, &'static str)> {
    let reason = if record.end <= bytes.len() {
        "the checksum of a record is wrong"
    } else if record.end > block_end(at) || !(1..=4).contains(&record.kind) {
        "the header of a record is wrong"
    } else if masked_crc32c(&bytes[at + 6..]) == stored_checksum(bytes, at) {
        "the length of a record is wrong"
    } else {
        ""
    };
    if !reason.is_empty() && !has_unwritten_page(bytes, at) {
        return Err((at, reason));
    }
    // One write may leave later parts of itself behind, but not the beginning of another.
    let is_followed = (at + 1..bytes.len().saturating_sub(HEADER_BYTES))
        .filter(|&later| matches!(bytes[later + 6], 1 | 2))
        .any(|later| record_at(bytes, later).is_whole);
    match is_followed {
        true => Err((at, "a torn record is followed by a whole one")),
        false => Ok(()),
    }
}

/// Whether what stands from `at` to the end is zero throughout in one of its pages.
fn has_unwritten_page(bytes: &[u8], at: usize) -> bool {
    let mut start = at;
    while start < bytes.len() {
        let end = ((start / PAGE_BYTES + 1) * PAGE_BYTES).min(bytes.len());
        let part = &bytes[start..end];
        if part.len() >= UNWRITTEN_BYTES_MIN && part.iter().all(|&byte| byte == 0) {
            return true;
        }
        start = end;
    }
    false
}

fn stored_checksum(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn masked_crc32c(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(MASK_DELTA)
}

/// CRC-32C (Castagnoli), eight bytes at a time.
fn crc32c(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut crc = !0u32;
    for word in words {
        let low = crc ^ u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        crc = TABLES[7][(low & 0xff) as usize]
            ^ TABLES[6][(low >> 8 & 0xff) as usize]
            ^ TABLES[5][(low >> 16 & 0xff) as usize]
            ^ TABLES[4][(low >> 24) as usize]
            ^ TABLES[3][usize::from(word[4])]
            ^ TABLES[2][usize::from(word[5])]
            ^ TABLES[1][usize::from(word[6])]
            ^ TABLES[0][usize::from(word[7])];
    }
    for &byte in rest {
        crc = crc >> 8 ^ TABLES[0][((crc ^ u32::from(byte)) & 0xff) as usize];
    }
    !crc
}

static TABLES: [[u32; 256]; 8] = crc32c_tables();

const fn crc32c_tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
        let checksum = masked_crc32c(&[&[kind], payload].concat()).to_le_bytes();
        let length = (payload.len() as u16).to_le_bytes();
        [&checksum[..], &length, &[kind], payload].concat()
    }

    /// A file with records of these lengths, and where each ends.
    fn file(lengths: &[usize]) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for (number, &length) in lengths.iter().enumerate() {
            let mut rest = &vec![number as u8 + 100; length][..];
            let mut is_first = true;
            loop {
                let room = block_end(bytes.len()) - bytes.len();
                if room < HEADER_BYTES {
                    bytes.resize(bytes.len() + room, 0);
                    continue;
                }
                let (now, later) = rest.split_at(rest.len().min(room - HEADER_BYTES));
                let kind = match (is_first, later.is_empty()) {
                    (true, true) => 1,
                    (true, false) => 2,
                    (false, false) => 3,
                    (false, true) => 4,
                };
                bytes.extend(record(kind, now));
                rest = later;
                is_first = false;
                if rest.is_empty() {
                    break;
                }
            }
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn a_file_may_end_anywhere() {
        let (bytes, ends) = file(&[10, 0, 300, 32_000, 70_000, 5]);
        assert_eq!(end_of_records(&bytes), Ok(bytes.len()));
        for length in (0..bytes.len()).step_by(7).chain(ends.clone()) {
            let whole = ends
                .iter()
                .copied()
                .filter(|&end| end <= length)
                .max()
                .unwrap_or(0);
            let found = end_of_records(&bytes[..length]).expect("a torn file");
            // Zeros that fill a block count as the end of what stands before them.
            assert!(
                found >= whole && found - whole < HEADER_BYTES,
                "cut at {length}"
            );
        }
        // Space that was allocated and never written.
        let extended = [&bytes[..], &[0; 5000]].concat();
        assert_eq!(end_of_records(&extended), Ok(bytes.len()));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (bytes, _) = file(&[10, 33, 300, 20]);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(end_of_records(&damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn pages_of_the_last_write_may_be_missing() {
        let (bytes, ends) = file(&[10, 5000, 100_000]);
        let last = ends[1]..bytes.len();
        for page in last.start / PAGE_BYTES..=last.end / PAGE_BYTES {
            let start = (page * PAGE_BYTES).max(last.start);
            let end = ((page + 1) * PAGE_BYTES).min(last.end);
            let mut torn = bytes.clone();
            torn[start..end].fill(0);
            assert_eq!(end_of_records(&torn), Ok(last.start), "page {page}");
            // Not if another write follows, which was begun only after this one was synced.
            torn.extend(record(1, b"follows"));
            assert!(end_of_records(&torn).is_err(), "page {page}");
        }
        // Nor is any other change taken for it.
        for offset in last.step_by(97) {
            let mut damaged = bytes.clone();
            damaged[offset] ^= 0x10;
            assert!(end_of_records(&damaged).is_err(), "offset {offset}");
        }
    }

    #[test]
    fn only_the_newest_log_may_be_torn() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let (bytes, _) = file(&[100, 100]);
        let torn = &bytes[..bytes.len() - 1];
        check_and_cut(directory.path()).expect("no store yet");
        fs::write(path("CURRENT"), "MANIFEST-000001\n").expect("written");
        fs::write(path("MANIFEST-000001"), &bytes).expect("written");
        fs::write(path("000009.log"), torn).expect("written");
        fs::write(path("000010.log"), torn).expect("written");
        let refused = check_and_cut(directory.path()).expect_err("a log with records follows");
        assert!(
            refused
                .to_string()
                .contains("000009.log is damaged at offset 107"),
            "{refused}"
        );
        assert_eq!(
            fs::read(path("000009.log")).expect("read"),
            torn,
            "what is refused is left"
        );
        fs::write(path("000010.log"), b"").expect("written");
        check_and_cut(directory.path()).expect("an empty log follows");
        assert_eq!(
            fs::read(path("000009.log")).expect("read"),
            torn[..107],
            "the torn end is cut"
        );
        fs::write(path("000009.log"), &bytes).expect("written");
        fs::write(path("000010.log"), torn).expect("written");
        check_and_cut(directory.path()).expect("the newest may be torn");
        assert_eq!(fs::read(path("000009.log")).expect("read"), bytes);
    }
}
