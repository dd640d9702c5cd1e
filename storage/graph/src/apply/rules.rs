//! Applying rules: their rows follow the elements, and they come and go with their definitions.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Stop;
use super::commit::Application;
use super::new_rows::NewRows;
use crate::catalog::Catalog;
use crate::encoding::record::RecordRef;
use crate::ids::{ElementId, LabelId, RelationshipId, TypeId};
use crate::kv::Family;
use crate::rows::meta::{Statistic, rule_row_key};
use crate::rows::{
    Key, element_key, from_value, label_prefix, prefix_end, read_element_key, read_trailing_node,
};
use crate::rule::rows::Rows;
use crate::rule::{RuleDefinition, Target};

/// The rules about an element as recorded.
fn about<'c>(
    catalog: &'c Catalog,
    record: &RecordRef<'_>,
) -> SmallVec<[&'c Arc<RuleDefinition>; 4]> {
    match record.ends() {
        Some((type_id, ..)) => catalog.rules_about_any(std::iter::once(Target::Type(type_id))),
        None => catalog.rules_about_any(record.labels().map(Target::Label)),
    }
}

/// Whether the build of an index may pass by an element that it ought to see: one that loses a label whose
/// turn is still to come and gets one whose turn is over. The commit then has to make the rows.
fn may_be_passed_by(rule: &RuleDefinition) -> bool {
    rule.is_populating() && rule.targets.len() > 1
}

impl Application<'_> {
    /// Ends the rows that an element no longer has and begins those it has now.
    pub(super) fn rule_rows(
        &mut self,
        element: ElementId,
        old: Option<&RecordRef<'_>>,
        new: Option<&RecordRef<'_>>,
    ) -> Result<(), Stop> {
        let catalog = Arc::clone(&self.catalog);
        if catalog.has_no_rule() {
            return Ok(());
        }
        // Rows depend on the properties of the rule alone, and texts take long to analyse.
        let is_unchanged = |rule: &RuleDefinition| match (old, new) {
            (Some(old), Some(new)) if !may_be_passed_by(rule) => rule.has_same_rows(old, new),
            _ => Ok(false),
        };
        // A row starts with its rule, so rows of all rules are one sorted list.
        let rows = |record: Option<&RecordRef<'_>>| {
            let mut rows = Vec::new();
            if let Some(record) = record {
                for rule in about(&catalog, record) {
                    if is_unchanged(rule)? {
                        continue;
                    }
                    let of_rule = rule.rows_of_record(element, record)?;
                    rows.extend(of_rule.into_iter().map(|row| (row, rule)));
                }
            }
            rows.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
            Ok::<_, Stop>(rows)
        };
        let has = |rows: &[(Key, _)], wanted: &Key| {
            rows.binary_search_by(|(row, _): &(Key, _)| row.cmp(wanted))
                .is_ok()
        };
        let (before, after) = (rows(old)?, rows(new)?);
        for (row, rule) in &before {
            if !has(&after, row) {
                if rule.is_populating() {
                    if self.remove_row(row)? {
                        self.count_row(rule, row, -1);
                    }
                    continue;
                }
                let set = rule.set();
                self.close_row(&set, &row[set.prefix.len()..])?;
                self.count_row(rule, row, -1);
            }
        }
        for (row, rule) in &after {
            let is_new = match has(&before, row) {
                true => may_be_passed_by(rule) && !self.has_row(row)?,
                false => true,
            };
            if is_new {
                self.batch
                    .put(Family::Index, row, &from_value(self.version));
                self.count_row(rule, row, 1);
            }
        }
        Ok(())
    }

    /// Counts a row that comes or goes.
    fn count_row(&mut self, rule: &RuleDefinition, row: &Key, change: i64) {
        for (statistic, by) in rule.counts_of_row(row) {
            self.count(statistic, change * by);
        }
    }

    /// Makes a rule; a constraint with the rows of all elements there are. Schema and data do not
    /// change in one commit, so what is in the store is all there is. Indexes get theirs in steps.
    pub(super) fn create_rule(&mut self, rule: RuleDefinition) -> Result<(), Stop> {
        self.touched.schema.push((rule.id, false));
        if rule.kind.is_unique() {
            let store = Arc::clone(&self.graph.store);
            let mut rows = NewRows::new(store.as_ref(), self.version);
            // Constraints are about one label or type.
            for target in &rule.targets {
                match target {
                    Target::Label(label) => self.rows_of_nodes(&rule, *label, &mut rows)?,
                    Target::Type(type_id) => {
                        self.rows_of_relationships(&rule, *type_id, &mut rows)?
                    }
                }
            }
            let count = rows.finish()?;
            self.count(Statistic::Index(rule.id), count);
        }
        self.put_rule(rule);
        Ok(())
    }

    fn rows_of_nodes(
        &self,
        rule: &RuleDefinition,
        label: LabelId,
        rows: &mut NewRows<'_>,
    ) -> Result<(), Stop> {
        let store = self.graph.store.as_ref();
        let prefix = label_prefix(label);
        let mut cursor = store.scan(Family::Index, &prefix, &prefix_end(&prefix), false)?;
        while cursor.valid() {
            let node = read_trailing_node(cursor.key())?.into();
            let mut found = Ok(Rows::new());
            store.get_with(Family::Element, &element_key(node), &mut |bytes| {
                found =
                    RecordRef::parse(bytes).and_then(|record| rule.rows_of_record(node, &record));
            })?;
            for row in found? {
                rows.put(&row)?;
            }
            cursor.next();
        }
        Ok(cursor.status()?)
    }

    fn rows_of_relationships(
        &self,
        rule: &RuleDefinition,
        type_id: TypeId,
        rows: &mut NewRows<'_>,
    ) -> Result<(), Stop> {
        let lower = element_key(RelationshipId(0).into());
        let upper = prefix_end(&lower[..1]);
        let store = self.graph.store.as_ref();
        let mut cursor = store.scan(Family::Element, &lower, &upper, false)?;
        while cursor.valid() {
            let element = read_element_key(cursor.key())?;
            let record = RecordRef::parse(cursor.value())?;
            if record.ends().is_some_and(|(found, ..)| found == type_id) {
                for row in rule.rows_of_record(element, &record)? {
                    rows.put(&row)?;
                }
            }
            cursor.next();
        }
        Ok(cursor.status()?)
    }

    /// Ends a rule and removes its rows, of the past too.
    pub(super) fn drop_rule(&mut self, rule: &RuleDefinition) {
        let set = rule.set();
        self.batch
            .delete_range(Family::Index, &set.prefix, &prefix_end(&set.prefix));
        let (first, end) = set.closed_bounds();
        self.batch.delete_range(Family::Closed, &first, &end);
        self.machine.segments.forget(&set);
        for statistic in rule.statistics() {
            let counts = self.graph.counts.read();
            let count = counts.get(&statistic).copied().unwrap_or(0) as i64;
            drop(counts);
            self.count(statistic, -count);
        }
        self.put_rule(RuleDefinition {
            dropped: Some(self.version),
            ..rule.clone()
        });
    }

    fn put_rule(&mut self, rule: RuleDefinition) {
        self.batch
            .put(Family::Meta, &rule_row_key(rule.id), &rule.encode_row());
        let catalog = &self.catalog;
        self.changed_catalog
            .get_or_insert_with(|| Catalog::clone(catalog))
            .put_rule(rule);
    }
}
