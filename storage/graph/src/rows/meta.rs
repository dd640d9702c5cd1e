//! The rows about the graph itself.
//!
//! ```text
//! 0                                  → applied: log index, version, time, leaves, flags(1)
//! 1                                  → store format
//! 2                                  → identity: id(16) incarnation created salt key(32) segment
//! 3 ‖ token kind(1) ‖ id(4)          → created name
//! 4 ‖ index(4)                       → created dropped label key flags(1) name [build]
//! 5 ‖ statistic(1) ‖ id(4) ‖ version(6) → count
//! 6 ‖ space(1) ‖ block(8)            → owner: count of labels or 1, tokens
//! 7 ‖ token(16)                      → version                    idempotency window
//! 8 ‖ version(6)                     → token(16)                  the same, by age
//! 9 ‖ part(4)                        → bytes                      parts of a large transaction
//! 10 ‖ level(1) ‖ tile(8)            → hashes                     full tile of the ledger
//! 11 ‖ level(1) ‖ tile(8) ‖ slot(1)  → hash                       hash of a tile not yet full
//! ```

use std::sync::Arc;

use retrograph_ledger::{Hash, TileId};

use super::{Key, put_bytes, read_bytes, read_text, version_bytes};
use crate::build::Build;
use crate::encoding::DecodeError;
use crate::encoding::varint::{Reader, put_i64, put_u64};
use crate::ids::{IndexId, KeyId, LabelId, SystemTime, TypeId, Version};

/// The newest store format this program reads and the one it writes.
pub const STORE_FORMAT: u32 = 1;

/// Key of the applied position.
pub const APPLIED_KEY: [u8; 1] = [0];
/// Key of the store format.
pub const FORMAT_KEY: [u8; 1] = [1];
/// Key of the identity.
pub const IDENTITY_KEY: [u8; 1] = [2];

const TOKEN: u8 = 3;
const INDEX: u8 = 4;
const STATISTIC: u8 = 5;
const BLOCK: u8 = 6;
const OUTCOME: u8 = 7;
const OUTCOME_AGE: u8 = 8;
const PART: u8 = 9;
const TILE: u8 = 10;
const TILE_SLOT: u8 = 11;
const RULE: u8 = 12;

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TokenKind {
    /// A label.
    Label = 0,
    /// A relationship type.
    Type = 1,
    /// A property key.
    Key = 2,
}

impl TokenKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Label, Self::Type, Self::Key];

    /// Reads the byte of a kind, found at `offset`.
    pub fn from_byte(byte: u8, offset: usize) -> Result<Self, DecodeError> {
        match byte {
            0 => Ok(Self::Label),
            1 => Ok(Self::Type),
            2 => Ok(Self::Key),
            found => Err(DecodeError::Unknown {
                what: "token kind",
                found,
                offset,
            }),
        }
    }

    /// As users know it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Type => "relationship type",
            Self::Key => "property key",
        }
    }
}

fn tagged(tag: u8, parts: &[&[u8]]) -> Key {
    let mut key = Key::new();
    key.push(tag);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// How far the log has been applied, as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppliedRow {
    /// The last log index.
    pub index: u64,
    /// The latest version.
    pub version: Version,
    /// The time of the last entry that has one.
    pub time: SystemTime,
    /// The number of leaves of the ledger.
    pub leaves: u64,
    /// Whether some commit has a time of this database's own.
    pub observed: bool,
}

impl AppliedRow {
    /// The bytes of the row.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24);
        put_u64(self.index, &mut out);
        put_u64(self.version.0, &mut out);
        put_i64(self.time.0, &mut out);
        put_u64(self.leaves, &mut out);
        out.push(u8::from(self.observed));
        out
    }

    /// Reads the bytes of the row.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        Ok(Self {
            index: reader.varint("applied index")?,
            version: Version(reader.varint("applied version")?),
            time: SystemTime(reader.signed("applied time")?),
            leaves: reader.varint("leaves")?,
            observed: reader.flag("applied flags")?,
        })
    }
}

/// The value of the format row.
#[must_use]
pub fn format_value(format: u32) -> [u8; 4] {
    format.to_be_bytes()
}

/// Reads the value of the format row.
pub fn read_format(bytes: &[u8]) -> Result<u32, DecodeError> {
    super::read_u32(&mut Reader::new(bytes), "store format")
}

/// Who the graph is. Set by the first entry of its log, never changed.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The id of the graph.
    pub graph: [u8; 16],
    /// Its incarnation: 1, and one more for each restore or fork.
    pub incarnation: u64,
    /// When it was made.
    pub created: SystemTime,
    /// The key of the salts in effect hashes.
    pub salt_key: [u8; 32],
    /// A closed segment of at most this many rows is never sealed.
    pub segment_rows_min: u32,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("graph", &self.graph)
            .field("incarnation", &self.incarnation)
            .field("created", &self.created)
            .field("segment_rows_min", &self.segment_rows_min)
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// Appends the bytes of the row.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.graph);
        put_u64(self.incarnation, out);
        put_i64(self.created.0, out);
        out.extend_from_slice(&self.salt_key);
        put_u64(u64::from(self.segment_rows_min), out);
    }

    /// Reads the bytes of the row.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            graph: reader.array("graph id")?,
            incarnation: reader.varint("incarnation")?,
            created: SystemTime(reader.signed("created")?),
            salt_key: reader.array("salt key")?,
            segment_rows_min: reader.varint_u32("segment rows")?,
        })
    }
}

/// The start of all token rows.
#[must_use]
pub fn token_prefix() -> Key {
    tagged(TOKEN, &[])
}

/// Key of a token row.
#[must_use]
pub fn token_key(kind: TokenKind, id: u32) -> Key {
    tagged(TOKEN, &[&[kind as u8], &id.to_be_bytes()])
}

/// Reads the key of a token row.
pub fn read_token_key(key: &[u8]) -> Result<(TokenKind, u32), DecodeError> {
    let mut reader = Reader::at(key, 1);
    let kind = TokenKind::from_byte(reader.u8("token kind")?, 1)?;
    Ok((kind, super::read_u32(&mut reader, "token")?))
}

/// The value of a token row.
#[must_use]
pub fn token_value(created: Version, name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 8);
    put_u64(created.0, &mut out);
    put_bytes(name.as_bytes(), &mut out);
    out
}

/// Reads the value of a token row.
pub fn read_token(value: &[u8]) -> Result<(Version, &str), DecodeError> {
    let mut reader = Reader::new(value);
    let created = Version(reader.varint("created")?);
    Ok((created, read_text(&mut reader, "token name")?))
}

/// An index or constraint, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRow {
    /// Since which version it exists.
    pub created: Version,
    /// The first version in which it no longer exists.
    pub dropped: Option<Version>,
    /// The label.
    pub label: LabelId,
    /// The property key.
    pub key: KeyId,
    /// Whether it belongs to a unique constraint.
    pub unique: bool,
    /// Its name.
    pub name: Arc<str>,
    /// How far it has been built and which version it answers first, if not made at once.
    pub build: Option<(Build, Version)>,
}

/// Flag of an index row: it belongs to a unique constraint.
const UNIQUE: u8 = 1;
/// Flag of an index row: it is built step by step. Programs that know nothing of such indexes refuse
/// the flag instead of taking one for complete.
const BUILT: u8 = 2;

/// The start of all index rows.
#[must_use]
pub fn index_prefix() -> Key {
    tagged(INDEX, &[])
}

/// Key of an index row.
#[must_use]
pub fn index_key(id: IndexId) -> Key {
    tagged(INDEX, &[&id.0.to_be_bytes()])
}

/// The start of all rows of rules.
#[must_use]
pub fn rule_row_prefix() -> Key {
    tagged(RULE, &[])
}

/// Key of the row of a rule.
#[must_use]
pub fn rule_row_key(id: IndexId) -> Key {
    tagged(RULE, &[&id.0.to_be_bytes()])
}

/// Reads the key of an index row.
pub fn read_index_key(key: &[u8]) -> Result<IndexId, DecodeError> {
    Ok(IndexId(super::read_u32(&mut Reader::at(key, 1), "index")?))
}

impl IndexRow {
    /// The bytes of the row.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.name.len() + 16);
        put_u64(self.created.0, &mut out);
        put_u64(self.dropped.map_or(0, |version| version.0), &mut out);
        put_u64(u64::from(self.label.0), &mut out);
        put_u64(u64::from(self.key.0), &mut out);
        let unique = if self.unique { UNIQUE } else { 0 };
        let built = if self.build.is_some() { BUILT } else { 0 };
        out.push(unique | built);
        put_bytes(self.name.as_bytes(), &mut out);
        if let Some((build, covers_from)) = self.build {
            build.encode(covers_from, &mut out);
        }
        out
    }

    /// Reads the bytes of the row.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let created = Version(reader.varint("created")?);
        let dropped = match reader.varint("dropped")? {
            0 => None,
            version => Some(Version(version)),
        };
        let label = LabelId(reader.varint_u32("label")?);
        let key = KeyId(reader.varint_u32("key")?);
        let offset = reader.offset();
        let flags = reader.u8("flags of an index")?;
        if flags & !(UNIQUE | BUILT) != 0 {
            return Err(DecodeError::Unknown {
                what: "flags of an index",
                found: flags,
                offset,
            });
        }
        let name = read_text(&mut reader, "index name")?.into();
        let build = match flags & BUILT {
            0 => None,
            _ => Some(Build::decode(&mut reader)?),
        };
        Ok(Self {
            created,
            dropped,
            label,
            key,
            unique: flags & UNIQUE != 0,
            name,
            build,
        })
    }
}

/// The numbers of statistics of texts: one for each of the fields that an index may have.
const TEXTS: u8 = 64;
const FIELDS_MAX: u8 = 64;
const TEXT_LENGTH: u8 = TEXTS + FIELDS_MAX;
const TEXT_LENGTH_END: u8 = TEXT_LENGTH + FIELDS_MAX;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Statistic {
    /// All nodes.
    Nodes,
    /// All relationships.
    Relationships,
    /// The nodes of a label.
    Label(LabelId),
    /// The relationships of a type.
    Type(TypeId),
    /// The rows of an index.
    Index(IndexId),
    /// The elements that have texts in a field of a full-text index.
    Texts(IndexId, u8),
    /// The terms of those texts, with repetitions.
    TextLength(IndexId, u8),
}

impl Statistic {
    fn parts(self) -> (u8, u32) {
        match self {
            Self::Nodes => (0, 0),
            Self::Relationships => (1, 0),
            Self::Label(id) => (2, id.0),
            Self::Type(id) => (3, id.0),
            Self::Index(id) => (4, id.0),
            Self::Texts(id, field) => (TEXTS + field % FIELDS_MAX, id.0),
            Self::TextLength(id, field) => (TEXT_LENGTH + field % FIELDS_MAX, id.0),
        }
    }

    /// The common start of the rows of a statistic.
    #[must_use]
    pub fn prefix(self) -> Key {
        let (kind, id) = self.parts();
        tagged(STATISTIC, &[&[kind], &id.to_be_bytes()])
    }

    /// Key of the row of a statistic since a version.
    #[must_use]
    pub fn key(self, version: Version) -> Key {
        let mut key = self.prefix();
        key.extend_from_slice(&version_bytes(version));
        key
    }

    /// Reads a key.
    pub fn read_key(key: &[u8]) -> Result<(Self, Version), DecodeError> {
        let mut reader = Reader::at(key, 1);
        let kind = reader.u8("statistic")?;
        let id = super::read_u32(&mut reader, "statistic")?;
        let statistic = match kind {
            0 => Self::Nodes,
            1 => Self::Relationships,
            2 => Self::Label(LabelId(id)),
            3 => Self::Type(TypeId(id)),
            4 => Self::Index(IndexId(id)),
            TEXTS..TEXT_LENGTH => Self::Texts(IndexId(id), kind - TEXTS),
            TEXT_LENGTH..TEXT_LENGTH_END => Self::TextLength(IndexId(id), kind - TEXT_LENGTH),
            found => {
                return Err(DecodeError::Unknown {
                    what: "statistic",
                    found,
                    offset: 1,
                });
            }
        };
        Ok((statistic, super::read_version(&mut reader, "statistic")?))
    }
}

/// The start of all statistics.
#[must_use]
pub fn statistic_prefix() -> Key {
    tagged(STATISTIC, &[])
}

/// The value of a count, a version or another single integer.
#[must_use]
pub fn integer_value(n: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(5);
    put_u64(n, &mut out);
    out
}

/// Reads [`integer_value`].
pub fn read_integer(bytes: &[u8]) -> Result<u64, DecodeError> {
    Reader::new(bytes).varint("count")
}

/// The start of all rows of id blocks.
#[must_use]
pub fn block_prefix() -> Key {
    tagged(BLOCK, &[])
}

/// Key of the row of a block of ids; `space` is 0 for nodes, 1 for relationships.
#[must_use]
pub fn block_key(space: u8, block: u64) -> Key {
    tagged(BLOCK, &[&[space], &block.to_be_bytes()])
}

/// Reads the key of a block row.
pub fn read_block_key(key: &[u8]) -> Result<(u8, u64), DecodeError> {
    let mut reader = Reader::at(key, 1);
    Ok((
        reader.u8("id space")?,
        super::read_u64(&mut reader, "block")?,
    ))
}

/// Appends the tokens that own a block.
pub fn put_owner(owner: &[u32], out: &mut Vec<u8>) {
    put_u64(owner.len() as u64, out);
    for token in owner {
        put_u64(u64::from(*token), out);
    }
}

/// Reads [`put_owner`].
pub fn read_owner(reader: &mut Reader<'_>) -> Result<Vec<u32>, DecodeError> {
    let count = reader.count(1, "owner")?;
    (0..count).map(|_| reader.varint_u32("owner")).collect()
}

/// Key of the outcome of an idempotency token.
#[must_use]
pub fn outcome_key(token: &[u8; 16]) -> Key {
    tagged(OUTCOME, &[token])
}

/// Key that orders outcomes by age.
#[must_use]
pub fn outcome_age_key(version: Version) -> Key {
    tagged(OUTCOME_AGE, &[&version_bytes(version)])
}

/// The start of all parts.
#[must_use]
pub fn part_prefix() -> Key {
    tagged(PART, &[])
}

/// Key of a part of a large transaction.
#[must_use]
pub fn part_key(part: u32) -> Key {
    tagged(PART, &[&part.to_be_bytes()])
}

/// Key of a full tile.
#[must_use]
pub fn tile_key(tile: TileId) -> Key {
    tagged(TILE, &[&[tile.level], &tile.index.to_be_bytes()])
}

/// The common start of the hashes of a tile that is not full.
#[must_use]
pub fn tile_slot_prefix(tile: TileId) -> Key {
    tagged(TILE_SLOT, &[&[tile.level], &tile.index.to_be_bytes()])
}

/// Key of one hash of a tile that is not full.
#[must_use]
pub fn tile_slot_key(tile: TileId, slot: u8) -> Key {
    let mut key = tile_slot_prefix(tile);
    key.push(slot);
    key
}

/// Reads a hash.
pub fn read_hash(reader: &mut Reader<'_>) -> Result<Hash, DecodeError> {
    Ok(Hash(reader.array("hash")?))
}

/// Reads bytes of unknown content with their length before them.
pub(crate) fn read_shared(
    reader: &mut Reader<'_>,
    what: &'static str,
) -> Result<Arc<[u8]>, DecodeError> {
    Ok(read_bytes(reader, what)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_bytes() {
        let applied = AppliedRow {
            index: 3,
            version: Version(2),
            time: SystemTime(-1),
            leaves: 300,
            observed: true,
        };
        assert_eq!(applied.encode(), [3, 2, 1, 0xac, 0x02, 1]);
        assert_eq!(AppliedRow::decode(&applied.encode()).ok(), Some(applied));
        assert_eq!(token_key(TokenKind::Type, 2).as_slice(), [3, 1, 0, 0, 0, 2]);
        assert_eq!(token_value(Version(1), "AB"), [1, 2, b'A', b'B']);
        let index = IndexRow {
            created: Version(1),
            dropped: Some(Version(9)),
            label: LabelId(2),
            key: KeyId(3),
            unique: true,
            name: "n".into(),
            build: None,
        };
        assert_eq!(index.encode(), [1, 9, 2, 3, 1, 1, b'n']);
        assert_eq!(IndexRow::decode(&index.encode()).ok(), Some(index.clone()));
        let built = IndexRow {
            dropped: None,
            unique: false,
            build: Some((Build::Complete, Version(4))),
            ..index
        };
        assert_eq!(built.encode(), [1, 0, 2, 3, 2, 1, b'n', 1, 4]);
        assert_eq!(IndexRow::decode(&built.encode()).ok(), Some(built));
        assert!(IndexRow::decode(&[1, 0, 2, 3, 4, 1, b'n']).is_err());
        assert_eq!(
            Statistic::Label(LabelId(7)).key(Version(2)).as_slice(),
            [5, 2, 0, 0, 0, 7, 0, 0, 0, 0, 0, 2]
        );
        for (statistic, kind) in [
            (Statistic::Index(IndexId(7)), 4),
            (Statistic::Texts(IndexId(7), 0), 64),
            (Statistic::Texts(IndexId(7), 63), 127),
            (Statistic::TextLength(IndexId(7), 0), 128),
            (Statistic::TextLength(IndexId(7), 63), 191),
        ] {
            let key = statistic.key(Version(2));
            assert_eq!(key.as_slice(), [5, kind, 0, 0, 0, 7, 0, 0, 0, 0, 0, 2]);
            assert_eq!(
                Statistic::read_key(&key).ok(),
                Some((statistic, Version(2)))
            );
        }
        assert!(Statistic::read_key(&[5, 192, 0, 0, 0, 7, 0, 0, 0, 0, 0, 2]).is_err());
        assert_eq!(block_key(1, 2).as_slice(), [6, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(part_key(1).as_slice(), [9, 0, 0, 0, 1]);
        let tile = TileId { level: 1, index: 2 };
        assert_eq!(tile_key(tile).as_slice(), [10, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(
            tile_slot_key(tile, 9).as_slice(),
            [11, 1, 0, 0, 0, 0, 0, 0, 0, 2, 9]
        );
    }

    #[test]
    fn identities_survive() {
        let identity = Identity {
            graph: [7; 16],
            incarnation: 1,
            created: SystemTime(5),
            salt_key: [8; 32],
            segment_rows_min: 64,
        };
        let mut bytes = Vec::new();
        identity.encode(&mut bytes);
        assert_eq!(
            Identity::decode(&mut Reader::new(&bytes)).ok(),
            Some(identity.clone())
        );
        assert!(!format!("{identity:?}").contains("8, 8"));
    }
}
