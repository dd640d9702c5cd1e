//! The rows that an element has under a rule.
//!
//! ```text
//! unique, key, range index   2 ‖ rule(4) ‖ ordered value of each property ‖ element(8)
//! text index                 2 ‖ rule(4) ‖ ordered value, a string ‖ element(8)
//! point index                2 ‖ rule(4) ‖ SRID(4) ‖ place on the curve(16 or 24) ‖ element(8)
//! vector index               2 ‖ rule(4) ‖ element(8) ‖ digest of the vector(4) ‖ element(8)
//! full-text index            see [`fulltext`](super::fulltext)
//! ```
//!
//! Every row ends with its element. Which rows there are depends on the definition and on the
//! properties of the element alone, so rows can be computed anew wherever they are to be ended,
//! certified or checked.

use smallvec::SmallVec;

use super::{IndexSort, RuleDefinition, RuleKind, Target};
use crate::encoding::DecodeError;
use crate::encoding::record::{ElementState, RecordRef};
use crate::ids::{ElementId, KeyId, RelationshipId};
use crate::kv::Family;
use crate::rows::closed::SetRange;
use crate::rows::{Key, rule_prefix};
use crate::value::Value;
use crate::value::curve::encode_point;
use crate::value::key::encode_key;
use crate::vector::digest;

/// The rows of one element under one rule, ascending, each once.
pub(crate) type Rows = SmallVec<[Key; 1]>;

impl RuleDefinition {
    /// The set of its rows.
    pub(crate) fn set(&self) -> SetRange {
        SetRange::new(Family::Index, rule_prefix(self.id))
    }

    /// The rows of an element with these properties.
    pub(crate) fn rows<E>(
        &self,
        element: ElementId,
        mut property: impl FnMut(KeyId) -> Result<Option<Value>, E>,
    ) -> Result<Rows, E> {
        let mut rows = Rows::new();
        let mut bytes = Vec::with_capacity(32);
        match self.kind {
            RuleKind::Exists | RuleKind::Typed(_) => return Ok(rows),
            RuleKind::Unique | RuleKind::Key | RuleKind::Index(IndexSort::Range) => {
                for key in &self.keys {
                    match property(*key)? {
                        Some(value) => encode_key(&value, &mut bytes),
                        None => return Ok(rows),
                    }
                }
            }
            RuleKind::Index(IndexSort::Text) => match property(self.keys[0])? {
                Some(value @ Value::String(_)) => encode_key(&value, &mut bytes),
                _ => return Ok(rows),
            },
            RuleKind::Index(IndexSort::Fulltext(settings)) => {
                self.text_rows(settings, property, &mut |bytes| {
                    rows.push(self.row(bytes, element));
                })?;
                return Ok(rows);
            }
            RuleKind::Index(IndexSort::Point) => match property(self.keys[0])? {
                Some(Value::Point(point)) => encode_point(&point, &mut bytes),
                _ => return Ok(rows),
            },
            // The digest is there so that a new vector is a new row: a search has looked at all of them.
            RuleKind::Index(IndexSort::Vector(settings)) => {
                let value = property(self.keys[0])?;
                let Some(vector) = value.and_then(|value| settings.vector_of(&value)) else {
                    return Ok(rows);
                };
                bytes.extend_from_slice(&id_bytes(element));
                bytes.extend_from_slice(&digest(&vector).to_be_bytes());
            }
        }
        rows.push(self.row(&bytes, element));
        Ok(rows)
    }

    /// The row with these bytes between the rule and the element.
    fn row(&self, bytes: &[u8], element: ElementId) -> Key {
        let mut row = rule_prefix(self.id);
        row.extend_from_slice(bytes);
        row.extend_from_slice(&id_bytes(element));
        row
    }

    /// The rows of an element in a state of a transaction, if the rule is about it.
    pub(crate) fn rows_of_state(&self, element: ElementId, state: &ElementState) -> Rows {
        if !self.is_about(state) {
            return Rows::new();
        }
        let rows = self.rows(element, |key| {
            Ok::<_, std::convert::Infallible>(state.property(key).cloned())
        });
        match rows {
            Ok(rows) => rows,
            Err(never) => match never {},
        }
    }

    /// The rows of an element as recorded, which the rule must be about.
    pub(crate) fn rows_of_record(
        &self,
        element: ElementId,
        record: &RecordRef<'_>,
    ) -> Result<Rows, DecodeError> {
        self.rows(element, |key| record.property(key))
    }

    /// Whether an element has the same rows before and after a change, seen without computing them.
    pub(crate) fn has_same_rows(
        &self,
        old: &RecordRef<'_>,
        new: &RecordRef<'_>,
    ) -> Result<bool, DecodeError> {
        let is_about = |record: &RecordRef<'_>| match record.ends() {
            Some((type_id, ..)) => self.targets.contains(&Target::Type(type_id)),
            None => record
                .labels()
                .any(|label| self.targets.contains(&Target::Label(label))),
        };
        if is_about(old) != is_about(new) {
            return Ok(false);
        }
        for key in &self.keys {
            if old.property_bytes(*key)? != new.property_bytes(*key)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The element at the end of one of its rows.
    pub(crate) fn element_of(&self, row: &[u8]) -> Result<ElementId, DecodeError> {
        let id = crate::rows::read_trailing_node(row)?;
        Ok(match self.is_about_relationships() {
            false => id.into(),
            true => RelationshipId(id.0).into(),
        })
    }

    /// Whether an element in this state is one that the rule is about.
    pub(crate) fn is_about(&self, state: &ElementState) -> bool {
        self.targets.iter().any(|target| match (target, state) {
            (Target::Label(label), ElementState::Node { labels, .. }) => labels.contains(label),
            (Target::Type(wanted), ElementState::Relationship { type_id, .. }) => type_id == wanted,
            _ => false,
        })
    }
}

pub(super) const fn id_bytes(element: ElementId) -> [u8; 8] {
    match element {
        ElementId::Node(id) => id.0.to_be_bytes(),
        ElementId::Relationship(id) => id.0.to_be_bytes(),
    }
}
