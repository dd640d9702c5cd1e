//! The bytes of the log store: keys and values of its two column families.
//!
//! ```text
//! log    group u64 BE ‖ index u64 BE   →  1 ‖ term u64 BE ‖ payload ‖ checksum
//! meta   group u64 BE ‖ row u8         →  1 ‖ content ‖ checksum
//!          row 1  vote       term u64 BE ‖ flags u8 ‖ voted for u64 BE
//!          row 2  purged     index u64 BE ‖ term u64 BE
//!          row 3  committed  index u64 BE
//!          row 4  closed     microseconds i64 BE
//! ```
//!
//! The leading 1 is the format. The checksum is the CRC-32 (IEEE) of the key and everything before
//! it in the value, little-endian: a right value under a wrong key is wrong too. RocksDB checks its
//! blocks itself; this one also covers what happens between there and here.

use bytes::Bytes;

use crate::types::{GroupId, LogEntry, LogIndex, LogPosition, MemberId, Term, Vote};

/// The format of all values.
const FORMAT: u8 = 1;
const CHECKSUM_BYTES: usize = 4;
/// A value around its content.
const FRAME_BYTES: usize = 1 + CHECKSUM_BYTES;
/// What an entry takes beyond its payload.
pub(crate) const ENTRY_OVERHEAD_BYTES: usize = 16 + FRAME_BYTES + 8;

const FLAG_VOTED: u8 = 1;
const FLAG_COMMITTED: u8 = 2;

/// Why bytes are not a value. The store adds whose and where.
pub(crate) type Reason = &'static str;

/// The rows of bookkeeping of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Row {
    Vote = 1,
    Purged = 2,
    Committed = 3,
    Closed = 4,
}

impl Row {
    /// The row in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Row::Vote => "vote",
            Row::Purged => "purge mark",
            Row::Committed => "committed index",
            Row::Closed => "closed time",
        }
    }
}

pub(crate) fn log_key(group: GroupId, index: LogIndex) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&group.0.to_be_bytes());
    key[8..].copy_from_slice(&index.0.to_be_bytes());
    key
}

/// The index in a key of the log family.
pub(crate) fn index_of(key: &[u8]) -> Option<LogIndex> {
    let key: &[u8; 16] = key.try_into().ok()?;
    key[8..]
        .try_into()
        .ok()
        .map(u64::from_be_bytes)
        .map(LogIndex)
}

pub(crate) fn row_key(group: GroupId, row: Row) -> [u8; 9] {
    let mut key = [0; 9];
    key[..8].copy_from_slice(&group.0.to_be_bytes());
    key[8] = row as u8;
    key
}

/// Writes the value of an entry into `value`, replacing what it held.
pub(crate) fn encode_entry(key: &[u8], entry: &LogEntry, value: &mut Vec<u8>) {
    encode(key, &[&entry.term.0.to_be_bytes(), &entry.payload], value);
}

pub(crate) fn decode_entry(index: LogIndex, key: &[u8], value: &[u8]) -> Result<LogEntry, Reason> {
    let content = content(key, value)?;
    let (term, payload) = content.split_first_chunk().ok_or("it is too short")?;
    Ok(LogEntry {
        index,
        term: Term(u64::from_be_bytes(*term)),
        payload: Bytes::copy_from_slice(payload),
    })
}

pub(crate) fn encode_vote(key: &[u8], vote: &Vote, value: &mut Vec<u8>) {
    let voted = if vote.voted_for.is_some() {
        FLAG_VOTED
    } else {
        0
    };
    let committed = if vote.is_committed { FLAG_COMMITTED } else { 0 };
    let voted_for = vote.voted_for.unwrap_or_default().0.to_be_bytes();
    encode(
        key,
        &[&vote.term.0.to_be_bytes(), &[voted | committed], &voted_for],
        value,
    );
}

pub(crate) fn decode_vote(key: &[u8], value: &[u8]) -> Result<Vote, Reason> {
    let content: &[u8; 17] = content(key, value)?
        .try_into()
        .map_err(|_| "its length is wrong")?;
    let flags = content[8];
    if flags & !(FLAG_VOTED | FLAG_COMMITTED) != 0 {
        return Err("it has unknown flags");
    }
    let number = |at: usize| {
        content[at..]
            .first_chunk()
            .map_or(0, |b| u64::from_be_bytes(*b))
    };
    Ok(Vote {
        term: Term(number(0)),
        voted_for: (flags & FLAG_VOTED != 0).then(|| MemberId(number(9))),
        is_committed: flags & FLAG_COMMITTED != 0,
    })
}

pub(crate) fn encode_position(key: &[u8], position: &LogPosition, value: &mut Vec<u8>) {
    let (index, term) = (
        position.index.0.to_be_bytes(),
        position.term.0.to_be_bytes(),
    );
    encode(key, &[&index, &term], value);
}

pub(crate) fn decode_position(key: &[u8], value: &[u8]) -> Result<LogPosition, Reason> {
    let content: &[u8; 16] = content(key, value)?
        .try_into()
        .map_err(|_| "its length is wrong")?;
    let number = |at: usize| {
        content[at..]
            .first_chunk()
            .map_or(0, |b| u64::from_be_bytes(*b))
    };
    Ok(LogPosition {
        index: LogIndex(number(0)),
        term: Term(number(8)),
    })
}

pub(crate) fn encode_index(key: &[u8], index: LogIndex, value: &mut Vec<u8>) {
    encode(key, &[&index.0.to_be_bytes()], value);
}

pub(crate) fn decode_index(key: &[u8], value: &[u8]) -> Result<LogIndex, Reason> {
    let content = content(key, value)?
        .try_into()
        .map_err(|_| "its length is wrong")?;
    Ok(LogIndex(u64::from_be_bytes(content)))
}

pub(crate) fn encode_time(key: &[u8], micros: i64, value: &mut Vec<u8>) {
    encode(key, &[&micros.to_be_bytes()], value);
}

pub(crate) fn decode_time(key: &[u8], value: &[u8]) -> Result<i64, Reason> {
    let content = content(key, value)?
        .try_into()
        .map_err(|_| "its length is wrong")?;
    Ok(i64::from_be_bytes(content))
}

fn encode(key: &[u8], parts: &[&[u8]], value: &mut Vec<u8>) {
    value.clear();
    value.push(FORMAT);
    parts.iter().for_each(|part| value.extend_from_slice(part));
    let checksum = checksum(key, value);
    value.extend_from_slice(&checksum.to_le_bytes());
}

/// What stands between the format and the checksum, once both are found right.
fn content<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], Reason> {
    let Some((framed, stored)) = value.split_last_chunk::<CHECKSUM_BYTES>() else {
        return Err("it is too short");
    };
    if checksum(key, framed) != u32::from_le_bytes(*stored) {
        return Err("its checksum is wrong");
    }
    // Only after the checksum: an unknown format under a right one is a newer store, not damage.
    match framed.split_first() {
        Some((&FORMAT, content)) => Ok(content),
        Some(_) => Err("its format is unknown to this release"),
        None => Err("it is too short"),
    }
}

fn checksum(key: &[u8], framed: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(framed);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> LogEntry {
        LogEntry {
            index: LogIndex(258),
            term: Term(3),
            payload: Bytes::from_static(b"effects"),
        }
    }

    #[test]
    fn the_bytes_of_format_1() {
        let mut value = Vec::new();
        let key = log_key(GroupId(7), LogIndex(258));
        assert_eq!(key, *b"\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\x01\x02");
        encode_entry(&key, &entry(), &mut value);
        assert_eq!(value, b"\x01\0\0\0\0\0\0\0\x03effects\x85\xfa\xb4\x19");
        assert_eq!(decode_entry(LogIndex(258), &key, &value), Ok(entry()));

        let key = row_key(GroupId(7), Row::Vote);
        let vote = Vote {
            term: Term(5),
            voted_for: Some(MemberId(2)),
            is_committed: true,
        };
        encode_vote(&key, &vote, &mut value);
        assert_eq!(
            &value[..18],
            b"\x01\0\0\0\0\0\0\0\x05\x03\0\0\0\0\0\0\0\x02"
        );
        assert_eq!(decode_vote(&key, &value), Ok(vote));

        let key = row_key(GroupId(7), Row::Purged);
        let position = entry().position();
        encode_position(&key, &position, &mut value);
        assert_eq!(&value[..17], b"\x01\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\x03");
        assert_eq!(decode_position(&key, &value), Ok(position));

        let key = row_key(GroupId(7), Row::Committed);
        encode_index(&key, LogIndex(9), &mut value);
        assert_eq!(&value[..9], b"\x01\0\0\0\0\0\0\0\x09");
        assert_eq!(decode_index(&key, &value), Ok(LogIndex(9)));

        let key = row_key(GroupId(7), Row::Closed);
        encode_time(&key, -2, &mut value);
        assert_eq!(&value[..9], b"\x01\xff\xff\xff\xff\xff\xff\xff\xfe");
        assert_eq!(decode_time(&key, &value), Ok(-2));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut value = Vec::new();
        let key = log_key(GroupId(7), LogIndex(258));
        encode_entry(&key, &entry(), &mut value);
        for bit in 0..value.len() * 8 {
            let mut damaged = value.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(
                decode_entry(LogIndex(258), &key, &damaged).is_err(),
                "bit {bit}"
            );
        }
        for length in 0..value.len() {
            assert!(decode_entry(LogIndex(258), &key, &value[..length]).is_err());
        }
        let elsewhere = log_key(GroupId(7), LogIndex(259));
        assert_eq!(
            decode_entry(LogIndex(259), &elsewhere, &value),
            Err("its checksum is wrong")
        );
    }
}
