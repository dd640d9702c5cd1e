//! What there is, checked against a constraint to be created.
//!
//! Every element that the constraint is about is looked at once, in the order of ids. Of unique values
//! only hashes are kept: the few elements whose hash has come before are compared with those before
//! them, in another pass. Whoever creates the constraint is asked all along whether to go on, and told
//! of the memory that is taken.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::ops::ControlFlow;
use std::sync::Arc;

use foldhash::quality::RandomState;

use super::rules::{check_alone, check_length, not_unique_together};
use super::{Result, Transaction};
use crate::catalog::IndexDefinition;
use crate::encoding::record::RecordRef;
use crate::error::GraphError;
use crate::footprint::fact;
use crate::ids::{ElementId, KeyId, RelationshipId};
use crate::kv::Family;
use crate::rows::closed::SetRange;
use crate::rows::{Key, label_prefix, property_key, read_trailing_node};
use crate::rule::{RuleDefinition, Target};

/// Asked whether a check may go on, for each element once, with the bytes that it takes from now on.
pub type GoOn<'a> = &'a mut dyn FnMut(usize) -> bool;

/// What one unique value takes: its hash, and the room that a growing table leaves.
const BYTES_PER_VALUE: usize = 24;

/// Hashes of the values that have come by.
#[derive(Default)]
struct Hashes {
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl Hashes {
    /// Whether a value, or another one of its hash, has come by.
    fn note(&mut self, value: &[u8], go_on: GoOn<'_>) -> Result<bool> {
        let is_new = self.seen.insert(self.hasher.hash_one(value));
        if is_new {
            ask(go_on, BYTES_PER_VALUE)?;
        }
        Ok(!is_new)
    }
}

fn ask(go_on: GoOn<'_>, bytes: usize) -> Result<()> {
    match go_on(bytes) {
        true => Ok(()),
        false => Err(GraphError::Interrupted),
    }
}

/// What is done with each element.
type Visit<'a> = &'a mut dyn FnMut(ElementId, &RecordRef<'_>, GoOn<'_>) -> Result<ControlFlow<()>>;

impl Transaction {
    /// Checks the nodes there are against a unique property to be.
    pub(super) fn check_existing(&self, index: &IndexDefinition, go_on: GoOn<'_>) -> Result<()> {
        self.require(fact::label(index.label));
        self.require(fact::all_node_records());
        let targets = [Target::Label(index.label)];
        let plain = IndexDefinition {
            unique: false,
            ..index.clone()
        };
        let row_of = |element: ElementId, record: &RecordRef<'_>| -> Result<Option<Key>> {
            let ElementId::Node(node) = element else {
                return Ok(None);
            };
            let value = record.property(index.key)?;
            Ok(value.map(|value| property_key(index.label, index.key, &value, node)))
        };
        let mut hashes = Hashes::default();
        self.visit_elements(&targets, go_on, &mut |element, record, go_on| {
            let (ElementId::Node(node), Some(row)) = (element, row_of(element, record)?) else {
                return Ok(ControlFlow::Continue(()));
            };
            let value = record.property(index.key)?.unwrap_or_default();
            self.check_value(&plain, node, &value, false)?;
            let of_value = &row[..row.len() - 8];
            if hashes.note(of_value, go_on)?
                && let Some(ElementId::Node(existing)) =
                    self.find_same(&targets, element, of_value, go_on, &row_of)?
            {
                let (label, key) = self.names(index);
                return Err(GraphError::NotUnique {
                    constraint: Arc::clone(&index.name),
                    label,
                    key,
                    value: value.to_string(),
                    node,
                    existing,
                });
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Checks the elements there are against a rule to be.
    pub(super) fn check_existing_elements(
        &self,
        rule: &RuleDefinition,
        go_on: GoOn<'_>,
    ) -> Result<()> {
        for target in &rule.targets {
            match target {
                Target::Label(label) => {
                    self.require(fact::label(*label));
                    self.require(fact::all_node_records());
                }
                Target::Type(type_id) => {
                    self.require(fact::relationships(Some(*type_id)));
                    self.require(fact::all_relationship_records());
                }
            }
        }
        let names = self.read().catalog();
        let row_of = |element: ElementId, record: &RecordRef<'_>| -> Result<Option<Key>> {
            Ok(rule.rows_of_record(element, record)?.into_iter().next())
        };
        let mut hashes = Hashes::default();
        self.visit_elements(&rule.targets, go_on, &mut |element, record, go_on| {
            let values = rule.keys.iter().map(|key| record.property(*key));
            let values = values.collect::<std::result::Result<Vec<_>, _>>()?;
            let property = |key: KeyId| {
                let at = rule.keys.iter().position(|known| *known == key)?;
                values[at].clone()
            };
            check_alone(rule, element, &names, property)?;
            let row = match rule.kind.is_unique() {
                true => row_of(element, record)?,
                false => None,
            };
            if let Some(row) = row {
                check_length(rule, element, &names, &row)?;
                let of_value = &row[..row.len() - 8];
                if hashes.note(of_value, go_on)?
                    && let Some(existing) =
                        self.find_same(&rule.targets, element, of_value, go_on, &row_of)?
                {
                    return Err(not_unique_together(
                        rule, element, existing, &names, property,
                    ));
                }
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Another element whose row has the same value.
    fn find_same(
        &self,
        targets: &[Target],
        element: ElementId,
        of_value: &[u8],
        go_on: GoOn<'_>,
        row_of: &dyn Fn(ElementId, &RecordRef<'_>) -> Result<Option<Key>>,
    ) -> Result<Option<ElementId>> {
        let mut existing = None;
        self.visit_elements(targets, go_on, &mut |other, record, _| {
            if other != element
                && let Some(row) = row_of(other, record)?
                && row[..row.len() - 8] == *of_value
            {
                existing = Some(other);
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(existing)
    }

    /// Visits the elements of the view with a label or of a type.
    fn visit_elements(&self, targets: &[Target], go_on: GoOn<'_>, visit: Visit<'_>) -> Result<()> {
        let stored = self.state.graph.stored(self.state.view);
        let mut types = Vec::new();
        for target in targets {
            let label = match target {
                Target::Label(label) => *label,
                Target::Type(type_id) => {
                    types.push(*type_id);
                    continue;
                }
            };
            let set = SetRange::new(Family::Index, label_prefix(label));
            stored.scan_set(&set, &[], None, &mut |rest| {
                ask(go_on, 0)?;
                let node = read_trailing_node(rest)?.into();
                let found = stored.element(node, |record| visit(node, record, go_on))?;
                Ok(found.unwrap_or(ControlFlow::Continue(())))
            })?;
        }
        if types.is_empty() {
            return Ok(());
        }
        let first = RelationshipId(0);
        stored.scan_elements(first.into(), &mut |element, record| {
            let Some((found, ..)) = record.ends() else {
                return Ok(ControlFlow::Break(None));
            };
            ask(go_on, 0)?;
            let is_about = types.contains(&found);
            if is_about && visit(element, record, go_on)?.is_break() {
                return Ok(ControlFlow::Break(None));
            }
            Ok(ControlFlow::Continue(()))
        })
    }
}
