//! Constraints and indexes beyond one property of the nodes of a label: on relationships, on several
//! properties, on existence and on types, and indexes of other sorts than by range.
//!
//! Existence and type concern one element by itself, so they are checked where it is written and
//! leave no rows. Uniqueness, keys and indexes have [rows](rows) of their own beside the elements:
//!
//! ```text
//! 2 ‖ rule(4) ‖ what the kind of rule keeps ‖ element(8) → from
//! ```
//!
//! An element may have no row under a rule, one, or many. The rows are a set like those of a label,
//! with closed twins, and ranges of them are certified as such.

pub(crate) mod fulltext;
mod index;
pub(crate) mod rows;

use std::sync::Arc;

use crate::build::Build;
use crate::encoding::DecodeError;
use crate::encoding::varint::{Reader, put_u64};
use crate::ids::{IndexId, KeyId, LabelId, TypeId, Version};
use crate::rows::{put_bytes, read_text};
use crate::value::Value;

pub use fulltext::{FULLTEXT_KEYS_MAX, Fulltext};
pub use index::IndexSort;

/// Whose elements a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The nodes with a label.
    Label(LabelId),
    /// The relationships of a type.
    Type(TypeId),
}

/// The types that a property may have: one bit for each place in [`PropertyTypes::NAMES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PropertyTypes {
    /// As the value itself.
    pub scalars: u16,
    /// As every item of a list.
    pub lists: u16,
}

impl PropertyTypes {
    /// The types by bit. The order is part of the format.
    pub const NAMES: [&'static str; 11] = [
        "BOOLEAN",
        "STRING",
        "INTEGER",
        "FLOAT",
        "DATE",
        "LOCAL TIME",
        "ZONED TIME",
        "LOCAL DATETIME",
        "ZONED DATETIME",
        "DURATION",
        "POINT",
    ];

    fn bit(value: &Value) -> u16 {
        let name = value.type_name();
        Self::NAMES
            .iter()
            .position(|known| *known == name)
            .map_or(0, |bit| 1 << bit)
    }

    /// Whether a value has one of the types. A list has if all its items have the same one.
    #[must_use]
    pub fn contain(self, value: &Value) -> bool {
        match value {
            Value::List(items) => {
                let common = items
                    .iter()
                    .fold(u16::MAX, |common, item| common & Self::bit(item));
                self.lists & common != 0
            }
            value => self.scalars & Self::bit(value) != 0,
        }
    }
}

impl std::fmt::Display for PropertyTypes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut separator = "";
        for (bit, name) in Self::NAMES.iter().enumerate() {
            if self.scalars & 1 << bit != 0 {
                write!(f, "{separator}{name}")?;
                separator = " | ";
            }
        }
        for (bit, name) in Self::NAMES.iter().enumerate() {
            if self.lists & 1 << bit != 0 {
                write!(f, "{separator}LIST<{name} NOT NULL>")?;
                separator = " | ";
            }
        }
        Ok(())
    }
}

/// What a rule demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleKind {
    /// No two elements have the same values of all properties.
    Unique,
    /// Every element has all properties, and no two have the same values.
    Key,
    /// Every element has the property.
    Exists,
    /// The property, where there is one, has one of these types.
    Typed(PropertyTypes),
    /// Nothing: it is an index.
    Index(IndexSort),
}

const UNIQUE: u8 = 0;
const KEY: u8 = 1;
const EXISTS: u8 = 2;
const TYPED: u8 = 3;
const INDEX: u8 = 4;
/// One label or type: its number follows.
const OF_LABEL: u8 = 0;
const OF_TYPE: u8 = 1;
/// Several: how many, and their numbers.
const OF_LABELS: u8 = 2;
const OF_TYPES: u8 = 3;

impl RuleKind {
    /// Whether it makes values unique.
    #[must_use]
    pub const fn is_unique(self) -> bool {
        matches!(self, Self::Unique | Self::Key)
    }

    /// Whether elements have rows under it.
    #[must_use]
    pub const fn has_rows(self) -> bool {
        matches!(self, Self::Unique | Self::Key | Self::Index(_))
    }

    /// Whether it is an index of texts. One row of such an index is read only together with all, so
    /// its rows are not certified one by one.
    #[must_use]
    pub const fn is_fulltext(self) -> bool {
        matches!(self, Self::Index(IndexSort::Fulltext(_)))
    }

    /// Whether it demands anything.
    #[must_use]
    pub const fn is_constraint(self) -> bool {
        !matches!(self, Self::Index(_))
    }

    /// Whether the properties must exist.
    #[must_use]
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Key | Self::Exists)
    }

    /// Whether two rules on the same properties say the same or contradict each other.
    fn overlaps(self, other: Self) -> bool {
        match (self, other) {
            (Self::Index(sort), kind) | (kind, Self::Index(sort)) => sort.is_kept_by(kind),
            (Self::Exists, Self::Exists) | (Self::Typed(_), Self::Typed(_)) => true,
            _ => self.is_unique() && other.is_unique(),
        }
    }
}

/// A constraint or an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleDefinition {
    /// From the numbers of indexes; never reused.
    pub id: IndexId,
    /// Its name.
    pub name: Arc<str>,
    /// Whose elements it is about: labels or types, at least one, in the order they were given.
    pub targets: Vec<Target>,
    /// The properties, in the order they were given; at least one.
    pub keys: Vec<KeyId>,
    /// What it demands.
    pub kind: RuleKind,
    /// The first version in which it exists.
    pub created: Version,
    /// The first version in which it holds, or which its rows answer: none while they are being built.
    pub covers_from: Version,
    /// How far its rows have been built; `None` if the commit that created it made them.
    pub build: Option<Build>,
    /// The first version in which it no longer exists.
    pub dropped: Option<Version>,
}

impl RuleDefinition {
    pub(crate) fn exists_at(&self, version: Version) -> bool {
        self.created <= version && self.dropped.is_none_or(|dropped| version < dropped)
    }

    /// Whether some of its rows are still missing.
    #[must_use]
    pub const fn is_populating(&self) -> bool {
        matches!(self.build, Some(Build::Populating { .. }))
    }

    /// Whether it exists now and its rows, if it has any, are whole.
    #[must_use]
    pub const fn is_online(&self) -> bool {
        self.dropped.is_none() && matches!(self.build, None | Some(Build::Complete))
    }

    /// Whether commits check it and keep its rows.
    pub(crate) const fn is_kept(&self) -> bool {
        self.dropped.is_none() && !matches!(self.build, Some(Build::Failed { .. }))
    }

    /// Whether it is about relationships rather than nodes.
    #[must_use]
    pub fn is_about_relationships(&self) -> bool {
        matches!(self.targets.first(), Some(Target::Type(_)))
    }

    /// Whether another rule would say the same or contradict it.
    pub(crate) fn clashes_with(&self, other: &Self) -> bool {
        self.name == other.name
            || (self.targets == other.targets
                && self.keys == other.keys
                && self.kind.overlaps(other.kind))
    }

    /// Appends what an effect and a catalog row say of it, but for its number and its versions.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let is_one = self.targets.len() == 1;
        out.push(match (self.is_about_relationships(), is_one) {
            (false, true) => OF_LABEL,
            (true, true) => OF_TYPE,
            (false, false) => OF_LABELS,
            (true, false) => OF_TYPES,
        });
        if !is_one {
            put_u64(self.targets.len() as u64, out);
        }
        for target in &self.targets {
            let (Target::Label(LabelId(number)) | Target::Type(TypeId(number))) = *target;
            put_u64(u64::from(number), out);
        }
        put_u64(self.keys.len() as u64, out);
        for key in &self.keys {
            put_u64(u64::from(key.0), out);
        }
        match self.kind {
            RuleKind::Unique => out.push(UNIQUE),
            RuleKind::Key => out.push(KEY),
            RuleKind::Exists => out.push(EXISTS),
            RuleKind::Typed(types) => {
                out.push(TYPED);
                put_u64(u64::from(types.scalars), out);
                put_u64(u64::from(types.lists), out);
            }
            RuleKind::Index(sort) => {
                out.push(INDEX);
                sort.encode(out);
            }
        }
        put_bytes(self.name.as_bytes(), out);
    }

    /// Reads [`RuleDefinition::encode`].
    pub(crate) fn decode(id: IndexId, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        let tag = reader.u8("target of a rule")?;
        let of_label = |reader: &mut Reader<'_>| {
            let label = reader.varint_u32("label")?;
            Ok::<_, DecodeError>(Target::Label(LabelId(label)))
        };
        let of_type = |reader: &mut Reader<'_>| {
            let type_id = reader.varint_u32("type")?;
            Ok::<_, DecodeError>(Target::Type(TypeId(type_id)))
        };
        let targets = match tag {
            OF_LABEL => vec![of_label(reader)?],
            OF_TYPE => vec![of_type(reader)?],
            OF_LABELS | OF_TYPES => {
                let count = reader.varint("number of targets")?;
                (0..count)
                    .map(|_| match tag {
                        OF_LABELS => of_label(reader),
                        _ => of_type(reader),
                    })
                    .collect::<Result<Vec<_>, _>>()?
            }
            found => {
                return Err(DecodeError::Unknown {
                    what: "target of a rule",
                    found,
                    offset,
                });
            }
        };
        if targets.is_empty() {
            return Err(DecodeError::Invalid {
                what: "targets of a rule",
                offset,
            });
        }
        let count = reader.varint("number of keys")?;
        let keys = (0..count)
            .map(|_| reader.varint_u32("key").map(KeyId))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(DecodeError::Invalid {
                what: "keys of a rule",
                offset,
            });
        }
        let keys_at = offset;
        let offset = reader.offset();
        let kind = match reader.u8("kind of a rule")? {
            UNIQUE => RuleKind::Unique,
            KEY => RuleKind::Key,
            EXISTS => RuleKind::Exists,
            TYPED => {
                let mut mask = || {
                    let offset = reader.offset();
                    u16::try_from(reader.varint("types")?).map_err(|_| DecodeError::Invalid {
                        what: "types",
                        offset,
                    })
                };
                RuleKind::Typed(PropertyTypes {
                    scalars: mask()?,
                    lists: mask()?,
                })
            }
            INDEX => RuleKind::Index(IndexSort::decode(reader)?),
            found => {
                return Err(DecodeError::Unknown {
                    what: "kind of a rule",
                    found,
                    offset,
                });
            }
        };
        if matches!(kind, RuleKind::Index(_)) && keys.len() > FULLTEXT_KEYS_MAX {
            return Err(DecodeError::Invalid {
                what: "keys of an index",
                offset: keys_at,
            });
        }
        Ok(Self {
            id,
            name: read_text(reader, "name of a rule")?.into(),
            targets,
            keys,
            kind,
            created: Version::MAX,
            covers_from: Version::MAX,
            build: None,
            dropped: None,
        })
    }

    /// The bytes of its catalog row.
    pub(crate) fn encode_row(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.name.len() + 24);
        put_u64(self.created.0, &mut out);
        put_u64(self.dropped.map_or(0, |version| version.0), &mut out);
        self.encode(&mut out);
        if let Some(build) = self.build {
            build.encode(self.covers_from, &mut out);
        }
        out
    }

    /// Reads its catalog row.
    pub(crate) fn decode_row(id: IndexId, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let created = Version(reader.varint("created")?);
        let dropped = match reader.varint("dropped")? {
            0 => None,
            version => Some(Version(version)),
        };
        let rule = Self::decode(id, &mut reader)?;
        let (build, covers_from) = match reader.remaining() {
            0 => (None, created),
            _ => {
                let (build, covers_from) = Build::decode(&mut reader)?;
                (Some(build), covers_from)
            }
        };
        Ok(Self {
            created,
            covers_from,
            build,
            dropped,
            ..rule
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_contain_values_of_theirs() {
        let types = PropertyTypes {
            scalars: 0b0100,
            lists: 0b1010,
        };
        assert_eq!(
            types.to_string(),
            "INTEGER | LIST<STRING NOT NULL> | LIST<FLOAT NOT NULL>"
        );
        let list = |items: &[Value]| Value::List(items.to_vec().into());
        assert!(types.contain(&Value::Int(1)));
        assert!(!types.contain(&Value::Float(1.0)));
        assert!(!types.contain(&Value::string("a")));
        assert!(types.contain(&list(&[])));
        assert!(types.contain(&list(&[Value::string("a"), Value::string("b")])));
        assert!(types.contain(&list(&[Value::Float(1.0)])));
        assert!(!types.contain(&list(&[Value::Int(1)])));
        assert!(!types.contain(&list(&[Value::string("a"), Value::Float(1.0)])));
    }

    #[test]
    fn old_bytes_are_read() {
        let rule = RuleDefinition {
            id: IndexId(7),
            name: "n".into(),
            targets: vec![Target::Type(TypeId(2))],
            keys: vec![KeyId(3), KeyId(200)],
            kind: RuleKind::Typed(PropertyTypes {
                scalars: 4,
                lists: 2,
            }),
            created: Version(5),
            covers_from: Version(5),
            build: None,
            dropped: Some(Version(9)),
        };
        let bytes = [5, 9, 1, 2, 2, 3, 200, 1, 3, 4, 2, 1, b'n'];
        assert_eq!(rule.encode_row(), bytes);
        assert_eq!(
            RuleDefinition::decode_row(IndexId(7), &bytes).ok(),
            Some(rule)
        );
        let several = RuleDefinition {
            id: IndexId(7),
            name: "n".into(),
            targets: vec![Target::Label(LabelId(2)), Target::Label(LabelId(1))],
            keys: vec![KeyId(3), KeyId(200)],
            kind: RuleKind::Index(IndexSort::Range),
            created: Version(5),
            covers_from: Version(5),
            build: None,
            dropped: None,
        };
        let bytes = [5, 0, 2, 2, 2, 1, 2, 3, 200, 1, 4, 0, 1, b'n'];
        assert_eq!(several.encode_row(), bytes);
        assert_eq!(
            RuleDefinition::decode_row(IndexId(7), &bytes).ok(),
            Some(several.clone())
        );
        let built = RuleDefinition {
            covers_from: Version(8),
            build: Some(Build::Complete),
            ..several
        };
        let with_build = [&bytes[..], &[1, 8]].concat();
        assert_eq!(built.encode_row(), with_build);
        assert_eq!(
            RuleDefinition::decode_row(IndexId(7), &with_build).ok(),
            Some(built)
        );
        for kind in [
            RuleKind::Unique,
            RuleKind::Key,
            RuleKind::Exists,
            RuleKind::Index(IndexSort::Text),
            RuleKind::Index(IndexSort::Point),
        ] {
            let rule = RuleDefinition {
                id: IndexId(1),
                name: "ключ".into(),
                targets: vec![Target::Label(LabelId(0))],
                keys: vec![KeyId(1)],
                kind,
                created: Version(1),
                covers_from: Version(1),
                build: None,
                dropped: None,
            };
            let row = rule.encode_row();
            assert_eq!(
                RuleDefinition::decode_row(IndexId(1), &row).ok(),
                Some(rule)
            );
        }
        let analyzer = retrograph_text::Analyzer::named("english");
        let texts = RuleDefinition {
            id: IndexId(7),
            name: "t".into(),
            targets: vec![Target::Type(TypeId(1)), Target::Type(TypeId(300))],
            keys: vec![KeyId(3), KeyId(4)],
            kind: RuleKind::Index(IndexSort::Fulltext(Fulltext::new(analyzer, true))),
            created: Version(5),
            covers_from: Version(8),
            build: Some(Build::Complete),
            dropped: None,
        };
        let old = [
            &[5, 0, 3, 2, 1, 0xac, 2, 2, 3, 4, 4, 3, 1, 1, 7][..],
            b"english",
            &[1, b't', 1, 8],
        ]
        .concat();
        assert_eq!(texts.encode_row(), old);
        assert_eq!(
            RuleDefinition::decode_row(IndexId(7), &old).ok(),
            Some(texts.clone())
        );
        // Another version of the analysis, an analyzer that there is not.
        for (at, byte) in [(12, 2), (15, b'E')] {
            let mut other = old.clone();
            other[at] = byte;
            assert!(RuleDefinition::decode_row(IndexId(7), &other).is_err());
        }
        let too_many = RuleDefinition {
            keys: (0..=FULLTEXT_KEYS_MAX as u32).map(KeyId).collect(),
            ..texts
        };
        assert!(RuleDefinition::decode_row(IndexId(7), &too_many.encode_row()).is_err());
        assert!(RuleDefinition::decode_row(IndexId(7), &bytes[..8]).is_err());
        // No target, no key.
        assert!(RuleDefinition::decode_row(IndexId(7), &[5, 0, 2, 0, 1, 3, 0, 0]).is_err());
        assert!(RuleDefinition::decode_row(IndexId(7), &[5, 0, 0, 1, 0, 0, 0]).is_err());
    }
}
