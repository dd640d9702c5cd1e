//! Entries: what a graph puts into its log.
//!
//! ```text
//! entry   := format(1) kind(1) body
//! genesis := identity                              the first entry: who the graph is
//! commit  := header(length before) parts grants effects…
//! mark    := time(zigzag)                          nothing but a time
//! part    := number bytes…                         effects of a transaction larger than an entry
//! ingest  := header(length before) grants plan     a bulk batch in sorted files
//! build   := index part id elements bytes          a step of building an index
//! grants  := count (space(1) block owner)…
//! ```
//!
//! A transaction whose effects do not fit one entry is proposed as parts 0, 1, … followed at once by
//! the commit, which says how many parts it has. Applying a part only stores it, so the transaction
//! takes effect with its commit or not at all; parts without a commit are dropped by what follows.

use crate::build::BuildStep;
use crate::encoding::DecodeError;
use crate::encoding::varint::{Reader, put_i64, put_u64};
use crate::error::ApplyError;
use crate::ids::SystemTime;
use crate::rows::meta::{Identity, put_owner, read_owner};
use crate::rows::{put_bytes, read_bytes};

/// The newest format of entries this program reads and the one it writes.
pub const FORMAT: u8 = 1;

/// The largest entry.
pub const ENTRY_BYTES_MAX: usize = 4 << 20;

/// The most bytes of effects in one transaction.
pub const TRANSACTION_BYTES_MAX: usize = 64 << 20;

/// The room an entry has for effects beside its header.
pub(crate) const PART_BYTES_MAX: usize = ENTRY_BYTES_MAX - (256 << 10);

const GENESIS: u8 = 1;
const COMMIT: u8 = 2;
const MARK: u8 = 3;
const PART: u8 = 4;
const INGEST: u8 = 5;
const BUILD: u8 = 6;

/// A block of ids given to an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// 0 for nodes, 1 for relationships.
    pub space: u8,
    /// Which block.
    pub block: u64,
    /// The label set or the type.
    pub owner: Vec<u32>,
}

/// An entry in borrowed bytes.
#[derive(Clone, Debug)]
pub enum Entry<'a> {
    /// The first entry.
    Genesis(Identity),
    /// A transaction's effects.
    Commit {
        /// The canonical bytes of the header.
        header: &'a [u8],
        /// How many parts precede it.
        parts: u32,
        /// The blocks of ids it brings into use.
        grants: Vec<Grant>,
        /// The effects, those of the parts excepted.
        effects: &'a [u8],
    },
    /// Nothing but a time.
    Mark(SystemTime),
    /// A piece of the effects of the commit to come.
    Part {
        /// Counted from 0.
        number: u32,
        /// The piece.
        bytes: &'a [u8],
    },
    /// A bulk batch.
    Ingest {
        /// The canonical bytes of the header.
        header: &'a [u8],
        /// The blocks of ids it brings into use.
        grants: Vec<Grant>,
        /// What to take over; see the bulk module.
        plan: &'a [u8],
    },
    /// A step of building an index.
    Build(BuildStep),
}

impl<'a> Entry<'a> {
    /// The kind, as stored beside the log index.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Genesis(_) => GENESIS,
            Self::Commit { .. } => COMMIT,
            Self::Mark(_) => MARK,
            Self::Part { .. } => PART,
            Self::Ingest { .. } => INGEST,
            Self::Build(_) => BUILD,
        }
    }

    /// The bytes of the entry.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT, self.kind()];
        match self {
            Self::Genesis(identity) => identity.encode(&mut out),
            Self::Commit {
                header,
                parts,
                grants,
                effects,
            } => {
                out.reserve(header.len() + effects.len() + 64);
                put_bytes(header, &mut out);
                put_u64(u64::from(*parts), &mut out);
                put_grants(grants, &mut out);
                out.extend_from_slice(effects);
            }
            Self::Mark(time) => put_i64(time.0, &mut out),
            Self::Part { number, bytes } => {
                out.reserve(bytes.len() + 8);
                put_u64(u64::from(*number), &mut out);
                out.extend_from_slice(bytes);
            }
            Self::Ingest {
                header,
                grants,
                plan,
            } => {
                put_bytes(header, &mut out);
                put_grants(grants, &mut out);
                out.extend_from_slice(plan);
            }
            Self::Build(step) => step.encode(&mut out),
        }
        out
    }

    /// Reads the bytes of the entry with this log index.
    pub fn decode(index: u64, bytes: &'a [u8]) -> Result<Self, ApplyError> {
        if let Some(&found) = bytes.first()
            && found > FORMAT
        {
            return Err(ApplyError::NewerFormat {
                index,
                found,
                supported: FORMAT,
            });
        }
        Self::read(bytes).map_err(|source| ApplyError::Malformed { index, source })
    }

    fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let found = reader.u8("entry format")?;
        if found != FORMAT {
            return Err(DecodeError::Unknown {
                what: "entry format",
                found,
                offset: 0,
            });
        }
        let kind = reader.u8("entry kind")?;
        Ok(match kind {
            GENESIS => Self::Genesis(Identity::decode(&mut reader)?),
            COMMIT => Self::Commit {
                header: read_bytes(&mut reader, "header")?,
                parts: reader.varint_u32("parts")?,
                grants: read_grants(&mut reader)?,
                effects: reader.rest(),
            },
            MARK => Self::Mark(SystemTime(reader.signed("time")?)),
            PART => Self::Part {
                number: reader.varint_u32("part")?,
                bytes: reader.rest(),
            },
            INGEST => Self::Ingest {
                header: read_bytes(&mut reader, "header")?,
                grants: read_grants(&mut reader)?,
                plan: reader.rest(),
            },
            BUILD => Self::Build(BuildStep::decode(&mut reader)?),
            found => {
                return Err(DecodeError::Unknown {
                    what: "entry kind",
                    found,
                    offset: 1,
                });
            }
        })
    }
}

fn put_grants(grants: &[Grant], out: &mut Vec<u8>) {
    put_u64(grants.len() as u64, out);
    for grant in grants {
        out.push(grant.space);
        put_u64(grant.block, out);
        put_owner(&grant.owner, out);
    }
}

fn read_grants(reader: &mut Reader<'_>) -> Result<Vec<Grant>, DecodeError> {
    let count = reader.count(3, "grants")?;
    (0..count)
        .map(|_| {
            Ok(Grant {
                space: reader.u8("id space")?,
                block: reader.varint("block")?,
                owner: read_owner(reader)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{Position, StepBounds};
    use crate::ids::IndexId;

    #[test]
    fn entries_keep_their_bytes() {
        let commit = Entry::Commit {
            header: &[7, 7],
            parts: 2,
            grants: vec![Grant {
                space: 1,
                block: 3,
                owner: vec![9],
            }],
            effects: &[5],
        };
        let bytes = [1, 2, 2, 7, 7, 2, 1, 1, 3, 1, 9, 5];
        assert_eq!(commit.encode(), bytes);
        assert_eq!(Entry::decode(1, &bytes).unwrap().encode(), bytes);
        assert_eq!(Entry::Mark(SystemTime(-1)).encode(), [1, 3, 1]);
        let part = Entry::Part {
            number: 1,
            bytes: &[4],
        };
        assert_eq!(part.encode(), [1, 4, 1, 4]);
        let bytes = [1, 6, 3, 0, 0xac, 0x02, 9, 8];
        assert!(matches!(
            Entry::decode(1, &bytes),
            Ok(Entry::Build(BuildStep {
                index: IndexId(3),
                from: Position { part: 0, id: 300 },
                bounds: StepBounds {
                    elements: 9,
                    bytes: 8
                },
            }))
        ));
        assert_eq!(Entry::decode(1, &bytes).unwrap().encode(), bytes);
    }

    #[test]
    fn a_newer_format_is_named() {
        assert!(matches!(
            Entry::decode(7, &[9, 2]),
            Err(ApplyError::NewerFormat {
                index: 7,
                found: 9,
                ..
            })
        ));
        assert!(matches!(
            Entry::decode(7, &[1, 99]),
            Err(ApplyError::Malformed { .. })
        ));
        assert!(matches!(
            Entry::decode(7, &[0, 3, 1]),
            Err(ApplyError::Malformed { .. })
        ));
        assert!(matches!(
            Entry::decode(7, &[]),
            Err(ApplyError::Malformed { .. })
        ));
    }
}
