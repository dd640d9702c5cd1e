//! Rules within a transaction: checked for each element written, created and dropped.
//!
//! As with unique properties of nodes, a rule is checked at the end of each statement against the
//! view and the own writes, and what was looked at is certified against what others commit. A new
//! rule has looked at every element it is about.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::existing::GoOn;
use super::{Result, SchemaChange, Transaction};
use crate::build::Build;
use crate::catalog::ReadCatalog;
use crate::encoding::record::ElementState;
use crate::error::GraphError;
use crate::footprint::fact;
use crate::ids::{ElementId, IndexId, KeyId};
use crate::rows::{Key, VALUE_KEY_BYTES_MAX, prefix_end};
use crate::rule::{FULLTEXT_KEYS_MAX, IndexSort, RuleDefinition, RuleKind, Target};
use crate::value::Value;
use crate::value::text::to_text;

/// An element in words.
pub(crate) fn named(element: ElementId) -> Box<str> {
    match element {
        ElementId::Node(id) => format!("node {id}"),
        ElementId::Relationship(id) => format!("relationship {id}"),
    }
    .into()
}

/// What a rule demands of an element by itself.
pub(crate) fn check_alone(
    rule: &RuleDefinition,
    element: ElementId,
    names: &ReadCatalog,
    property: impl Fn(KeyId) -> Option<Value>,
) -> Result<()> {
    for key in &rule.keys {
        let value = property(*key);
        match (&value, rule.kind) {
            (None, kind) if kind.is_required() => {
                return Err(GraphError::PropertyMissing {
                    element: named(element),
                    property: property_name(rule, names, *key),
                    constraint: Arc::clone(&rule.name),
                });
            }
            (Some(value), RuleKind::Typed(types)) if !types.contain(value) => {
                return Err(GraphError::PropertyOfWrongType {
                    element: named(element),
                    property: property_name(rule, names, *key),
                    value: format!("{}, of type {}", to_text(value), value.type_name()).into(),
                    wanted: types.to_string().into(),
                    constraint: Arc::clone(&rule.name),
                });
            }
            _ => {}
        }
    }
    Ok(())
}

fn target_name(rule: &RuleDefinition, names: &ReadCatalog) -> Arc<str> {
    let name = |target: &Target| {
        match *target {
            Target::Label(label) => names.label_name(label),
            Target::Type(type_id) => names.type_name(type_id),
        }
        .unwrap_or_default()
    };
    match rule.targets.as_slice() {
        [one] => name(one),
        several => {
            let several: Vec<Arc<str>> = several.iter().map(name).collect();
            several.join("|").into()
        }
    }
}

fn property_name(rule: &RuleDefinition, names: &ReadCatalog, key: KeyId) -> Box<str> {
    let key = names.key_name(key).unwrap_or_default();
    format!("{}.{key}", target_name(rule, names)).into()
}

/// The error that says which element has the values of another.
pub(crate) fn not_unique_together(
    rule: &RuleDefinition,
    element: ElementId,
    existing: ElementId,
    names: &ReadCatalog,
    property: impl Fn(KeyId) -> Option<Value>,
) -> GraphError {
    let values = rule.keys.iter().map(|key| {
        let name = names.key_name(*key).unwrap_or_default();
        let value = property(*key).unwrap_or_default();
        format!("{name}: {}", to_text(&value))
    });
    let values: Vec<String> = values.collect();
    GraphError::NotUniqueTogether {
        element: named(element),
        target: target_name(rule, names),
        values: values.join(", ").into(),
        existing: named(existing),
        constraint: Arc::clone(&rule.name),
    }
}

/// Whether a row fits the store.
pub(crate) fn check_length(
    rule: &RuleDefinition,
    element: ElementId,
    names: &ReadCatalog,
    row: &[u8],
) -> Result<()> {
    let bytes = row.len() - rule.set().prefix.len() - 8;
    if bytes <= VALUE_KEY_BYTES_MAX {
        return Ok(());
    }
    Err(GraphError::ConstrainedValueTooLong {
        element: named(element),
        target: target_name(rule, names),
        constraint: Arc::clone(&rule.name),
        bytes,
        limit: VALUE_KEY_BYTES_MAX,
    })
}

impl Transaction {
    /// Checks the rules about an element as the transaction leaves it.
    pub(super) fn check_rules(
        &self,
        element: ElementId,
        before: Option<&ElementState>,
        state: &ElementState,
    ) -> Result<()> {
        let catalog = self.state.graph.catalog.load_full();
        if catalog.has_no_rule() {
            return Ok(());
        }
        let names = self.read().catalog();
        for rule in catalog.rules_of(state) {
            check_alone(rule, element, &names, |key| state.property(key).cloned())?;
            if rule.kind.is_fulltext() {
                // Terms are never too long.
                continue;
            }
            for row in rule.rows_of_state(element, state) {
                if let Err(error) = check_length(rule, element, &names, &row) {
                    // It was there before the index, whose build will find it and fail.
                    let was_there = before.is_some_and(|before| {
                        rule.is_about(before) && rule.rows_of_state(element, before).contains(&row)
                    });
                    match was_there && !rule.kind.is_constraint() {
                        true => continue,
                        false => return Err(error),
                    }
                }
                if rule.kind.is_unique() {
                    self.check_row(rule, element, &row, state)?;
                }
            }
        }
        Ok(())
    }

    /// Checks that nothing else has the row's values.
    fn check_row(
        &self,
        rule: &RuleDefinition,
        element: ElementId,
        row: &Key,
        state: &ElementState,
    ) -> Result<()> {
        let set = rule.set();
        let start = &row[..row.len() - 8];
        let end = prefix_end(start);
        self.require((fact::index(start), fact::index(&end)));
        let overlay = self.state.overlay.read();
        let mut existing = None;
        // An element of the view that the transaction has written is judged by what it is now.
        let stored = self.state.graph.stored(self.state.view);
        stored.scan_set(
            &set,
            &start[set.prefix.len()..],
            Some(&end[set.prefix.len()..]),
            &mut |rest| {
                let other = rule.element_of(rest)?;
                if other != element && !overlay.has_state(other) {
                    existing = Some(other);
                }
                Ok(match existing {
                    Some(_) => ControlFlow::Break(()),
                    None => ControlFlow::Continue(()),
                })
            },
        )?;
        for candidate in overlay.values.range(Key::from_slice(start)..end) {
            let other = rule.element_of(candidate)?;
            let state = overlay.written(other).and_then(|written| written.latest());
            let has_row =
                state.is_some_and(|state| rule.rows_of_state(other, state).contains(candidate));
            if other != element && has_row {
                existing = existing.or(Some(other));
            }
        }
        drop(overlay);
        match existing {
            None => Ok(()),
            Some(existing) => Err(not_unique_together(
                rule,
                element,
                existing,
                &self.read().catalog(),
                |key| state.property(key).cloned(),
            )),
        }
    }

    /// Creates a rule; its number and versions are given to it.
    ///
    /// # Errors
    /// There is such a rule or one of that name, or elements break it.
    pub fn create_rule(
        &self,
        name: &str,
        targets: Vec<Target>,
        keys: Vec<KeyId>,
        kind: RuleKind,
    ) -> Result<IndexId> {
        self.create_rule_while(name, targets, keys, kind, &mut |_| true)
    }

    /// The same, as long as `go_on` says so: it is asked for each element once that a constraint looks
    /// at, with the bytes that the check takes from now on.
    ///
    /// # Errors
    /// Also [`GraphError::Interrupted`].
    pub fn create_rule_while(
        &self,
        name: &str,
        targets: Vec<Target>,
        keys: Vec<KeyId>,
        kind: RuleKind,
        go_on: GoOn<'_>,
    ) -> Result<IndexId> {
        if self.state.has_writes.load(Ordering::Relaxed) {
            return Err(GraphError::SchemaAndData);
        }
        if !kind.is_constraint() && keys.len() > FULLTEXT_KEYS_MAX {
            return Err(GraphError::TooManyProperties {
                index: name.into(),
                count: keys.len(),
                limit: FULLTEXT_KEYS_MAX,
            });
        }
        let rule = RuleDefinition {
            id: self.state.graph.sequencer.index_id(),
            name: name.into(),
            targets,
            keys,
            kind,
            created: crate::ids::Version::MAX,
            covers_from: crate::ids::Version::MAX,
            // What must hold is checked by the commit; an index alone comes about behind it.
            build: (!kind.is_constraint()).then_some(Build::START),
            dropped: None,
        };
        let mut schema = self.state.schema.lock();
        let catalog = self.state.graph.catalog.load_full();
        let is_dropped = |id: IndexId| {
            schema.iter().any(|change| match change {
                SchemaChange::Drop(index) => index.id == id,
                SchemaChange::DropRule(rule) => rule.id == id,
                _ => false,
            })
        };
        let existing = catalog
            .all_rules()
            .filter(|other| other.dropped.is_none() && !is_dropped(other.id))
            .map(|other| &**other)
            .chain(schema.iter().filter_map(|change| match change {
                SchemaChange::CreateRule(other) => Some(other),
                _ => None,
            }))
            .find(|other| other.clashes_with(&rule))
            .map(|other| Arc::clone(&other.name));
        // One property of nodes, unique or indexed by range, has a shape of its own.
        let one = match (rule.targets.as_slice(), rule.keys.as_slice()) {
            ([Target::Label(label)], [key]) => Some((*label, *key)),
            _ => None,
        };
        let is_range = kind == RuleKind::Index(IndexSort::Range);
        let index = catalog
            .all_indexes()
            .filter(|index| index.dropped.is_none() && !is_dropped(index.id))
            .map(|index| &**index)
            .chain(schema.iter().filter_map(|change| match change {
                SchemaChange::Create(index) => Some(index),
                _ => None,
            }))
            .find(|index| {
                *index.name == *name
                    || (one == Some((index.label, index.key))
                        && ((index.unique && kind.is_unique()) || is_range))
            })
            .map(|index| Arc::clone(&index.name));
        if let Some(existing) = existing.or(index) {
            return Err(GraphError::SchemaExists { existing });
        }
        drop(catalog);
        if kind.is_constraint() {
            self.check_existing_elements(&rule, go_on)?;
        }
        let id = rule.id;
        schema.push(SchemaChange::CreateRule(rule));
        Ok(id)
    }

    /// Drops the rule of this name, a constraint or an index; whether there is one.
    pub(super) fn drop_rule(
        &self,
        name: &str,
        is_constraint: bool,
        schema: &mut Vec<SchemaChange>,
    ) -> bool {
        let is_it = |rule: &RuleDefinition| {
            *rule.name == *name && rule.kind.is_constraint() == is_constraint
        };
        let created = schema
            .iter()
            .position(|change| matches!(change, SchemaChange::CreateRule(rule) if is_it(rule)));
        if let Some(at) = created {
            schema.remove(at);
            return true;
        }
        let catalog = self.state.graph.catalog.load();
        let rule = catalog.all_rules().find(|rule| {
            rule.dropped.is_none()
                && is_it(rule)
                && !schema.iter().any(
                    |change| matches!(change, SchemaChange::DropRule(gone) if gone.id == rule.id),
                )
        });
        match rule {
            Some(rule) => {
                schema.push(SchemaChange::DropRule(Arc::clone(rule)));
                true
            }
            None => false,
        }
    }
}
