//! The rows about entries: commits by version, entries by log index, versions by time.
//!
//! ```text
//! commit    0 ‖ version(6)     → format(1) log index, leaf, header (length before), touched
//! log index 1 ‖ index(8)       → kind(1) version
//! time      2 ‖ time(8)        → version
//! touched   := tokens, schema changes, nodes, relationships, each a count and then
//!              token: kind(1) id    schema change: index id, dropped(1)    id - id before
//! ```
//!
//! The effects of a commit are not stored: they follow from the rows of what it touched.

use super::{Key, read_bytes, read_u64, version_bytes};
use crate::encoding::DecodeError;
use crate::encoding::varint::{Reader, put_u64};
use crate::ids::{IndexId, NodeId, RelationshipId, SystemTime, Version};
use crate::rows::meta::TokenKind;

/// The format of commit rows written today.
pub const FORMAT: u8 = 1;

const COMMIT: u8 = 0;
const LOG_INDEX: u8 = 1;
const TIME: u8 = 2;

/// Key of the row of a commit.
#[must_use]
pub fn commit_key(version: Version) -> [u8; 7] {
    let mut key = [COMMIT; 7];
    key[1..].copy_from_slice(&version_bytes(version));
    key
}

/// Key of the row of a log index.
#[must_use]
pub fn log_index_key(index: u64) -> [u8; 9] {
    let mut key = [LOG_INDEX; 9];
    key[1..].copy_from_slice(&index.to_be_bytes());
    key
}

/// Key of the row that finds the version of a time. Times order as they do, also before 1970.
#[must_use]
pub fn time_key(time: SystemTime) -> [u8; 9] {
    let mut key = [TIME; 9];
    key[1..].copy_from_slice(&(time.0.cast_unsigned() ^ 1 << 63).to_be_bytes());
    key
}

/// The least key of all time rows.
#[must_use]
pub fn time_prefix() -> Key {
    Key::from_slice(&[TIME])
}

/// Reads the time from the key of a time row.
pub fn read_time_key(key: &[u8]) -> Result<SystemTime, DecodeError> {
    let bits = read_u64(&mut Reader::at(key, 1), "time")?;
    Ok(SystemTime((bits ^ 1 << 63).cast_signed()))
}

/// What a commit touched, in the order of its effects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Tokens named in it, whether new or not.
    pub tokens: Vec<(TokenKind, u32)>,
    /// Indexes created (`false`) or dropped (`true`).
    pub schema: Vec<(IndexId, bool)>,
    /// Nodes, ascending.
    pub nodes: Vec<NodeId>,
    /// Relationships, ascending.
    pub relationships: Vec<RelationshipId>,
}

impl Touched {
    /// Appends the bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_u64(self.tokens.len() as u64, out);
        for (kind, id) in &self.tokens {
            out.push(*kind as u8);
            put_u64(u64::from(*id), out);
        }
        put_u64(self.schema.len() as u64, out);
        for (id, dropped) in &self.schema {
            put_u64(u64::from(id.0), out);
            out.push(u8::from(*dropped));
        }
        put_ids(self.nodes.iter().map(|id| id.0), self.nodes.len(), out);
        put_ids(
            self.relationships.iter().map(|id| id.0),
            self.relationships.len(),
            out,
        );
    }

    /// Reads the bytes.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut touched = Self::default();
        for _ in 0..reader.count(2, "tokens")? {
            let offset = reader.offset();
            let kind = TokenKind::from_byte(reader.u8("token kind")?, offset)?;
            touched.tokens.push((kind, reader.varint_u32("token")?));
        }
        for _ in 0..reader.count(2, "schema changes")? {
            let id = IndexId(reader.varint_u32("index")?);
            touched.schema.push((id, reader.flag("schema change")?));
        }
        read_ids(reader, |id| touched.nodes.push(NodeId(id)))?;
        read_ids(reader, |id| touched.relationships.push(RelationshipId(id)))?;
        Ok(touched)
    }
}

fn put_ids(ids: impl Iterator<Item = u64>, count: usize, out: &mut Vec<u8>) {
    put_u64(count as u64, out);
    let mut before = 0;
    for id in ids {
        put_u64(id - before, out);
        before = id;
    }
}

fn read_ids(reader: &mut Reader<'_>, mut push: impl FnMut(u64)) -> Result<(), DecodeError> {
    let mut before = 0_u64;
    for _ in 0..reader.count(1, "touched ids")? {
        let offset = reader.offset();
        before = before
            .checked_add(reader.varint("touched id")?)
            .ok_or(DecodeError::Invalid {
                what: "touched id",
                offset,
            })?;
        push(before);
    }
    Ok(())
}

/// The row of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitRow<'a> {
    /// The log index of its entry.
    pub index: u64,
    /// The number of its leaf in the ledger.
    pub leaf: u64,
    /// The canonical bytes of its header.
    pub header: &'a [u8],
    /// The bytes of [`Touched`].
    pub touched: &'a [u8],
}

impl<'a> CommitRow<'a> {
    /// The bytes of the row.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.header.len() + self.touched.len() + 16);
        out.push(FORMAT);
        put_u64(self.index, &mut out);
        put_u64(self.leaf, &mut out);
        super::put_bytes(self.header, &mut out);
        out.extend_from_slice(self.touched);
        out
    }

    /// Reads the bytes of the row.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let found = reader.u8("commit row")?;
        if found != FORMAT {
            return Err(DecodeError::Unknown {
                what: "format of a commit row",
                found,
                offset: 0,
            });
        }
        Ok(Self {
            index: reader.varint("log index")?,
            leaf: reader.varint("leaf")?,
            header: read_bytes(&mut reader, "header")?,
            touched: reader.rest(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_bytes() {
        assert_eq!(commit_key(Version(258)), [0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(log_index_key(3), [1, 0, 0, 0, 0, 0, 0, 0, 3]);
        assert_eq!(
            time_key(SystemTime(-1)),
            [2, 0x7f, 255, 255, 255, 255, 255, 255, 255]
        );
        assert_eq!(time_key(SystemTime(1)), [2, 0x80, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(
            read_time_key(&time_key(SystemTime(-7))).ok(),
            Some(SystemTime(-7))
        );
        let touched = Touched {
            tokens: vec![(TokenKind::Label, 1)],
            schema: vec![(IndexId(2), true)],
            nodes: vec![NodeId(5), NodeId(7)],
            relationships: vec![RelationshipId(300)],
        };
        let mut bytes = Vec::new();
        touched.encode(&mut bytes);
        assert_eq!(bytes, [1, 0, 1, 1, 2, 1, 2, 5, 2, 1, 0xac, 0x02]);
        assert_eq!(
            Touched::decode(&mut Reader::new(&bytes)).ok(),
            Some(touched)
        );
        let row = CommitRow {
            index: 9,
            leaf: 8,
            header: &[1, 2],
            touched: &[3],
        };
        assert_eq!(row.encode(), [1, 9, 8, 2, 1, 2, 3]);
        assert_eq!(CommitRow::decode(&[1, 9, 8, 2, 1, 2, 3]).ok(), Some(row));
    }
}
