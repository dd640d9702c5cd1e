//! Effects: what a commit does, as data.
//!
//! An effect names the state before (the `from` of the version it replaces) and carries the whole
//! state after, so that applying it is a pure function and a member whose state differs notices.
//! The order within a commit is fixed: tokens, schema changes, nodes by id, relationships by id.
//!
//! ```text
//! effect := tag(1) …     01 node put       id previous length record    (record with from = 0)
//!                        02 node delete    id previous
//!                        03 relationship put     04 relationship delete  (likewise)
//!                        10 token          kind(1) id name
//!                        11 create index   id label key flags(1) name    1: unique, 2: built in steps
//!                        12 drop index     id (an index or a rule)
//!                        13 create rule    id and what [`crate::rule`] writes
//! ```
//!
//! **Root.** The `effects_root` of a commit is the RFC 9162 root over one leaf per effect. The leaf
//! of a catalog effect is its bytes; the leaf of an element effect is
//!
//! ```text
//! tag(1) id previous  [count label…]  [type start end]  count (key hash(32))…
//! hash := SHA-256(salt ‖ canonical value)     salt := SHA-256(commit salt ‖ element ‖ key(4))
//! commit salt := HMAC-SHA-256(salt key of the graph, first element of the commit ‖ previous)
//! ```
//!
//! so that a property can be shown, withheld or destroyed by itself, and a withheld one cannot be
//! guessed. An element version is replaced only once, which makes the commit salt unique without
//! being stored. Integers are varints; `previous` is 0 for a creation.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use retrograph_ledger::{Builder, Hash};
use sha2::{Digest, Sha256};

use crate::encoding::canonical::canonical;
use crate::encoding::record::{ElementState, RecordRef, encode_record};
use crate::encoding::varint::{Reader, put_u64};
use crate::encoding::{DecodeError, EncodeError};
use crate::ids::{ElementId, IndexId, KeyId, LabelId, NodeId, RelationshipId, Version};
use crate::rows::meta::TokenKind;
use crate::rows::{element_key, put_bytes, read_bytes, read_text};
use crate::rule::RuleDefinition;

const NODE_PUT: u8 = 0x01;
const NODE_DELETE: u8 = 0x02;
const RELATIONSHIP_PUT: u8 = 0x03;
const RELATIONSHIP_DELETE: u8 = 0x04;
const TOKEN: u8 = 0x10;
const CREATE_INDEX: u8 = 0x11;
const DROP_INDEX: u8 = 0x12;
const CREATE_RULE: u8 = 0x13;

/// One change of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A name gets its number. Said by every commit that may be the first to use the name.
    Token {
        /// What it names.
        kind: TokenKind,
        /// The number.
        id: u32,
        /// The name.
        name: Arc<str>,
    },
    /// An index, or a unique constraint with its index, comes to be.
    CreateIndex {
        /// Never reused.
        id: IndexId,
        /// The label.
        label: LabelId,
        /// The property key.
        key: KeyId,
        /// Whether values are unique.
        unique: bool,
        /// Whether it is built in steps after the commit, not with it.
        in_steps: bool,
        /// The name of the index or constraint.
        name: Arc<str>,
    },
    /// A constraint of another kind comes to be.
    CreateRule(RuleDefinition),
    /// An index or constraint ceases.
    DropIndex {
        /// Which.
        id: IndexId,
    },
    /// An element is created, changed or deleted.
    Element {
        /// Which.
        element: ElementId,
        /// The `from` of the version it replaces; `None` for a creation.
        previous: Option<Version>,
        /// The state after; `None` for a deletion.
        state: Option<ElementState>,
    },
}

/// An effect in borrowed bytes.
#[derive(Clone, Debug)]
pub enum EffectRef<'a> {
    /// See [`Effect::Token`].
    Token {
        /// What it names.
        kind: TokenKind,
        /// The number.
        id: u32,
        /// The name.
        name: &'a str,
    },
    /// See [`Effect::CreateIndex`].
    CreateIndex {
        /// Never reused.
        id: IndexId,
        /// The label.
        label: LabelId,
        /// The property key.
        key: KeyId,
        /// Whether values are unique.
        unique: bool,
        /// Whether it is built in steps after the commit, not with it.
        in_steps: bool,
        /// The name.
        name: &'a str,
    },
    /// See [`Effect::CreateRule`].
    CreateRule(Box<RuleDefinition>),
    /// See [`Effect::DropIndex`].
    DropIndex {
        /// Which.
        id: IndexId,
    },
    /// See [`Effect::Element`].
    Element {
        /// Which.
        element: ElementId,
        /// The `from` of the version it replaces.
        previous: Option<Version>,
        /// The record after, with from = 0.
        record: Option<&'a [u8]>,
    },
}

impl EffectRef<'_> {
    /// A copy that owns its content.
    pub fn to_owned(&self) -> Result<Effect, DecodeError> {
        Ok(match self.clone() {
            Self::CreateRule(rule) => Effect::CreateRule(*rule),
            Self::Token { kind, id, name } => Effect::Token {
                kind,
                id,
                name: name.into(),
            },
            Self::CreateIndex {
                id,
                label,
                key,
                unique,
                in_steps,
                name,
            } => Effect::CreateIndex {
                id,
                label,
                key,
                unique,
                in_steps,
                name: name.into(),
            },
            Self::DropIndex { id } => Effect::DropIndex { id },
            Self::Element {
                element,
                previous,
                record,
            } => Effect::Element {
                element,
                previous,
                state: match record {
                    Some(record) => Some(RecordRef::parse(record)?.state()?),
                    None => None,
                },
            },
        })
    }
}

/// Appends the bytes of an effect.
pub fn encode_effect(effect: &Effect, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match effect {
        Effect::Token { kind, id, name } => {
            out.push(TOKEN);
            out.push(*kind as u8);
            put_u64(u64::from(*id), out);
            put_bytes(name.as_bytes(), out);
        }
        Effect::CreateIndex {
            id,
            label,
            key,
            unique,
            in_steps,
            name,
        } => {
            out.push(CREATE_INDEX);
            put_u64(u64::from(id.0), out);
            put_u64(u64::from(label.0), out);
            put_u64(u64::from(key.0), out);
            out.push(u8::from(*unique) | u8::from(*in_steps) << 1);
            put_bytes(name.as_bytes(), out);
        }
        Effect::CreateRule(rule) => {
            out.push(CREATE_RULE);
            put_u64(u64::from(rule.id.0), out);
            rule.encode(out);
        }
        Effect::DropIndex { id } => {
            out.push(DROP_INDEX);
            put_u64(u64::from(id.0), out);
        }
        Effect::Element {
            element,
            previous,
            state,
        } => {
            put_element_head(*element, *previous, state.is_some(), out);
            if let Some(state) = state {
                let mut record = Vec::with_capacity(64);
                encode_record(Version(0), state, &mut record)?;
                put_bytes(&record, out);
            }
        }
    }
    Ok(())
}

fn put_element_head(
    element: ElementId,
    previous: Option<Version>,
    is_put: bool,
    out: &mut Vec<u8>,
) {
    let (tag, id) = match (element, is_put) {
        (ElementId::Node(id), true) => (NODE_PUT, id.0),
        (ElementId::Node(id), false) => (NODE_DELETE, id.0),
        (ElementId::Relationship(id), true) => (RELATIONSHIP_PUT, id.0),
        (ElementId::Relationship(id), false) => (RELATIONSHIP_DELETE, id.0),
    };
    out.push(tag);
    put_u64(id, out);
    put_u64(previous.map_or(0, |version| version.0), out);
}

/// Reads one effect.
pub fn decode_effect<'a>(reader: &mut Reader<'a>) -> Result<EffectRef<'a>, DecodeError> {
    let offset = reader.offset();
    let tag = reader.u8("effect")?;
    match tag {
        TOKEN => {
            let at = reader.offset();
            Ok(EffectRef::Token {
                kind: TokenKind::from_byte(reader.u8("token kind")?, at)?,
                id: reader.varint_u32("token")?,
                name: read_text(reader, "token name")?,
            })
        }
        CREATE_INDEX => {
            let id = IndexId(reader.varint_u32("index")?);
            let label = LabelId(reader.varint_u32("label")?);
            let key = KeyId(reader.varint_u32("key")?);
            let offset = reader.offset();
            let flags = reader.u8("flags of an index")?;
            if flags > 3 {
                return Err(DecodeError::Unknown {
                    what: "flags of an index",
                    found: flags,
                    offset,
                });
            }
            Ok(EffectRef::CreateIndex {
                id,
                label,
                key,
                unique: flags & 1 != 0,
                in_steps: flags & 2 != 0,
                name: read_text(reader, "index name")?,
            })
        }
        CREATE_RULE => {
            let id = IndexId(reader.varint_u32("rule")?);
            let rule = RuleDefinition::decode(id, reader)?;
            Ok(EffectRef::CreateRule(Box::new(rule)))
        }
        DROP_INDEX => Ok(EffectRef::DropIndex {
            id: IndexId(reader.varint_u32("index")?),
        }),
        NODE_PUT | NODE_DELETE | RELATIONSHIP_PUT | RELATIONSHIP_DELETE => {
            let id = reader.varint("element id")?;
            let element = if matches!(tag, NODE_PUT | NODE_DELETE) {
                ElementId::Node(NodeId(id))
            } else {
                ElementId::Relationship(RelationshipId(id))
            };
            let previous = match reader.varint("previous version")? {
                0 => None,
                version => Some(Version(version)),
            };
            let record = if matches!(tag, NODE_PUT | RELATIONSHIP_PUT) {
                Some(read_bytes(reader, "record")?)
            } else {
                None
            };
            Ok(EffectRef::Element {
                element,
                previous,
                record,
            })
        }
        found => Err(DecodeError::Unknown {
            what: "effect",
            found,
            offset,
        }),
    }
}

/// Appends the record of an effect with the version of its commit in place of the 0.
pub fn record_at(version: Version, record: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let (Some(head), Some(0), Some(rest)) = (record.get(..2), record.get(2), record.get(3..))
    else {
        return Err(DecodeError::Invalid {
            what: "record of an effect",
            offset: 0,
        });
    };
    out.extend_from_slice(head);
    put_u64(version.0, out);
    out.extend_from_slice(rest);
    Ok(())
}

/// Computes the root over the effects of one commit, given in order.
pub struct EffectHasher {
    salt_key: [u8; 32],
    commit_salt: Option<[u8; 32]>,
    leaves: Builder,
    leaf: Vec<u8>,
    value: Vec<u8>,
}

impl EffectHasher {
    /// A hasher for a commit of the graph with this key.
    #[must_use]
    pub fn new(salt_key: &[u8; 32]) -> Self {
        Self {
            salt_key: *salt_key,
            commit_salt: None,
            leaves: Builder::new(),
            leaf: Vec::with_capacity(256),
            value: Vec::with_capacity(128),
        }
    }

    /// Adds an effect of a commit, given its bytes.
    pub fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        match decode_effect(&mut Reader::new(bytes))? {
            EffectRef::Element {
                element,
                previous,
                record,
            } => self.push_element(element, previous, record),
            _ => {
                self.leaves.push(bytes);
                Ok(())
            }
        }
    }

    /// Adds the effect on an element.
    pub fn push_element(
        &mut self,
        element: ElementId,
        previous: Option<Version>,
        record: Option<&[u8]>,
    ) -> Result<(), DecodeError> {
        let salt_key = &self.salt_key;
        let commit_salt = *self
            .commit_salt
            .get_or_insert_with(|| commit_salt(salt_key, element, previous));
        self.leaf.clear();
        put_element_head(element, previous, record.is_some(), &mut self.leaf);
        if let Some(record) = record {
            let record = RecordRef::parse(record)?;
            if let Some((type_id, start, end)) = record.ends() {
                put_u64(u64::from(type_id.0), &mut self.leaf);
                put_u64(start.0, &mut self.leaf);
                put_u64(end.0, &mut self.leaf);
            } else {
                put_u64(record.labels().count() as u64, &mut self.leaf);
                for label in record.labels() {
                    put_u64(u64::from(label.0), &mut self.leaf);
                }
            }
            put_u64(record.property_count() as u64, &mut self.leaf);
            for property in record.properties() {
                let (key, value) = property?;
                self.value.clear();
                self.value
                    .extend_from_slice(&property_salt(&commit_salt, element, key));
                canonical(&value, &mut self.value);
                put_u64(u64::from(key.0), &mut self.leaf);
                self.leaf.extend_from_slice(&Sha256::digest(&self.value));
            }
        }
        self.leaves.push(&self.leaf);
        Ok(())
    }

    /// The number of effects so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.leaves.size()
    }

    /// The root over the effects so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.leaves.root()
    }
}

fn commit_salt(key: &[u8; 32], first: ElementId, previous: Option<Version>) -> [u8; 32] {
    let mut message = element_key(first).to_vec();
    put_u64(previous.map_or(0, |version| version.0), &mut message);
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(&message);
    mac.finalize().into_bytes().into()
}

fn property_salt(commit_salt: &[u8; 32], element: ElementId, key: KeyId) -> [u8; 32] {
    let mut message = [0; 32 + 9 + 4];
    message[..32].copy_from_slice(commit_salt);
    message[32..41].copy_from_slice(&element_key(element));
    message[41..].copy_from_slice(&key.0.to_be_bytes());
    Sha256::digest(message).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{Fulltext, IndexSort, RuleKind, Target};
    use crate::value::Value;

    fn node(id: u64, value: i64) -> Effect {
        Effect::Element {
            element: NodeId(id).into(),
            previous: None,
            state: Some(ElementState::Node {
                labels: vec![LabelId(1)],
                properties: vec![(KeyId(2), Value::Int(value))],
            }),
        }
    }

    fn root(effects: &[Effect], key: [u8; 32]) -> Hash {
        let mut hasher = EffectHasher::new(&key);
        for effect in effects {
            let mut bytes = Vec::new();
            encode_effect(effect, &mut bytes).unwrap();
            hasher.push_bytes(&bytes).unwrap();
        }
        hasher.root()
    }

    #[test]
    fn effects_survive_their_bytes() {
        let effects = [
            Effect::Token {
                kind: TokenKind::Label,
                id: 1,
                name: "Person".into(),
            },
            Effect::CreateIndex {
                id: IndexId(3),
                label: LabelId(1),
                key: KeyId(2),
                unique: true,
                in_steps: false,
                name: "u".into(),
            },
            Effect::CreateIndex {
                id: IndexId(4),
                label: LabelId(1),
                key: KeyId(2),
                unique: false,
                in_steps: true,
                name: "i".into(),
            },
            Effect::DropIndex { id: IndexId(3) },
            node(5, -4),
            Effect::Element {
                element: RelationshipId(9).into(),
                previous: Some(Version(300)),
                state: None,
            },
        ];
        let mut bytes = Vec::new();
        for effect in &effects {
            encode_effect(effect, &mut bytes).unwrap();
        }
        let mut reader = Reader::new(&bytes);
        for effect in &effects {
            assert_eq!(
                &decode_effect(&mut reader).unwrap().to_owned().unwrap(),
                effect
            );
        }
        assert_eq!(reader.remaining(), 0);
    }

    #[test]
    fn an_index_made_at_once_is_told_from_one_built_in_steps() {
        for (bytes, unique, in_steps) in [
            ([0x11, 3, 1, 2, 0, 1, b'i'], false, false),
            ([0x11, 3, 1, 2, 1, 1, b'i'], true, false),
            ([0x11, 3, 1, 2, 2, 1, b'i'], false, true),
        ] {
            let effect = Effect::CreateIndex {
                id: IndexId(3),
                label: LabelId(1),
                key: KeyId(2),
                unique,
                in_steps,
                name: "i".into(),
            };
            let mut written = Vec::new();
            encode_effect(&effect, &mut written).unwrap();
            assert_eq!(written, bytes);
            let read = decode_effect(&mut Reader::new(&bytes)).unwrap();
            assert_eq!(read.to_owned().unwrap(), effect);
        }
        assert!(decode_effect(&mut Reader::new(&[0x11, 3, 1, 2, 4, 1, b'i'])).is_err());
    }

    #[test]
    fn rules_keep_their_bytes() {
        let rule = |kind| RuleDefinition {
            id: IndexId(300),
            name: "r".into(),
            targets: vec![Target::Label(LabelId(1))],
            keys: vec![KeyId(2)],
            kind,
            created: Version::MAX,
            covers_from: Version::MAX,
            build: None,
            dropped: None,
        };
        let analyzer = retrograph_text::Analyzer::named("keyword");
        let texts = IndexSort::Fulltext(Fulltext::new(analyzer, false));
        for (kind, old) in [
            (RuleKind::Key, &[0, 1, 1, 2, 1, 1, b'r'][..]),
            (
                RuleKind::Index(IndexSort::Point),
                &[0, 1, 1, 2, 4, 2, 1, b'r'],
            ),
            (
                RuleKind::Index(texts),
                b"\x00\x01\x01\x02\x04\x03\x01\x00\x07keyword\x01r",
            ),
        ] {
            let old = [&[0x13, 0xac, 0x02][..], old].concat();
            let effect = Effect::CreateRule(rule(kind));
            let mut written = Vec::new();
            encode_effect(&effect, &mut written).unwrap();
            assert_eq!(written, old);
            let read = decode_effect(&mut Reader::new(&old)).unwrap();
            assert_eq!(read.to_owned().unwrap(), effect);
        }
    }

    #[test]
    fn an_effect_keeps_its_bytes() {
        let mut bytes = Vec::new();
        encode_effect(
            &Effect::Element {
                element: NodeId(5).into(),
                previous: Some(Version(300)),
                state: None,
            },
            &mut bytes,
        )
        .unwrap();
        assert_eq!(bytes, [0x02, 5, 0xac, 0x02]);
    }

    #[test]
    fn the_root_binds_values_and_hides_them_behind_the_key() {
        let one = root(&[node(5, 1)], [1; 32]);
        assert_eq!(one, root(&[node(5, 1)], [1; 32]));
        assert_ne!(one, root(&[node(5, 2)], [1; 32]));
        assert_ne!(one, root(&[node(6, 1)], [1; 32]));
        assert_ne!(one, root(&[node(5, 1)], [2; 32]));
        assert_ne!(one, root(&[node(5, 1), node(6, 1)], [1; 32]));
    }

    #[test]
    fn the_version_takes_the_place_of_the_zero() {
        let state = ElementState::Node {
            labels: vec![LabelId(1)],
            properties: vec![(KeyId(2), Value::Int(7))],
        };
        let (mut zero, mut expected, mut actual) = (Vec::new(), Vec::new(), Vec::new());
        encode_record(Version(0), &state, &mut zero).unwrap();
        encode_record(Version(70_000), &state, &mut expected).unwrap();
        record_at(Version(70_000), &zero, &mut actual).unwrap();
        assert_eq!(actual, expected);
        assert!(record_at(Version(1), &expected, &mut actual).is_err());
    }
}
