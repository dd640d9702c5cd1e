//! Applying rules: their rows follow the elements, and they come and go with their definitions.

use std::sync::Arc;

use super::Stop;
use super::commit::Application;
use crate::catalog::Catalog;
use crate::encoding::record::RecordRef;
use crate::ids::{ElementId, RelationshipId};
use crate::kv::Family;
use crate::rows::meta::{Statistic, rule_row_key};
use crate::rows::{
    Key, element_key, from_value, label_prefix, prefix_end, read_element_key, read_trailing_node,
};
use crate::rule::{RuleDefinition, Target};

/// The rules about an element as recorded.
fn about<'c>(catalog: &'c Catalog, record: &RecordRef<'_>) -> Vec<&'c Arc<RuleDefinition>> {
    match record.ends() {
        Some((type_id, ..)) => catalog.rules_about(Target::Type(type_id)).iter().collect(),
        None => record
            .labels()
            .flat_map(|label| catalog.rules_about(Target::Label(label)))
            .collect(),
    }
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
        let rows = |record: Option<&RecordRef<'_>>| {
            let mut rows = Vec::new();
            if let Some(record) = record {
                for rule in about(&catalog, record) {
                    if let Some(row) = rule.row_of_record(element, record)? {
                        rows.push((Arc::clone(rule), row));
                    }
                }
            }
            Ok::<_, Stop>(rows)
        };
        let (before, after) = (rows(old)?, rows(new)?);
        for (rule, row) in &before {
            if !after.iter().any(|(_, other)| other == row) {
                let set = rule.set();
                self.close_row(&set, &row[set.prefix.len()..])?;
                self.count(Statistic::Index(rule.id), -1);
            }
        }
        for (rule, row) in &after {
            if !before.iter().any(|(_, other)| other == row) {
                self.batch
                    .put(Family::Index, row, &from_value(self.version));
                self.count(Statistic::Index(rule.id), 1);
            }
        }
        Ok(())
    }

    /// Makes a rule with the rows of all elements there are. Schema and data do not change in one
    /// commit, so what is in the store is all there is.
    pub(super) fn create_rule(&mut self, rule: RuleDefinition) -> Result<(), Stop> {
        self.touched.schema.push((rule.id, false));
        if rule.kind.is_unique() {
            let rows = match rule.target {
                Target::Label(_) => self.rows_of_nodes(&rule)?,
                Target::Type(_) => self.rows_of_relationships(&rule)?,
            };
            self.count(Statistic::Index(rule.id), rows.len() as i64);
            for row in rows {
                self.batch
                    .put(Family::Index, &row, &from_value(self.version));
            }
        }
        self.put_rule(rule);
        Ok(())
    }

    fn rows_of_nodes(&self, rule: &RuleDefinition) -> Result<Vec<Key>, Stop> {
        let Target::Label(label) = rule.target else {
            return Ok(Vec::new());
        };
        let store = self.graph.store.as_ref();
        let prefix = label_prefix(label);
        let mut cursor = store.scan(Family::Index, &prefix, &prefix_end(&prefix), false)?;
        let mut rows = Vec::new();
        while cursor.valid() {
            let node = read_trailing_node(cursor.key())?.into();
            let mut row = Ok(None);
            store.get_with(Family::Element, &element_key(node), &mut |bytes| {
                row = RecordRef::parse(bytes).and_then(|record| rule.row_of_record(node, &record));
            })?;
            rows.extend(row?);
            cursor.next();
        }
        cursor.status()?;
        Ok(rows)
    }

    fn rows_of_relationships(&self, rule: &RuleDefinition) -> Result<Vec<Key>, Stop> {
        let Target::Type(wanted) = rule.target else {
            return Ok(Vec::new());
        };
        let lower = element_key(RelationshipId(0).into());
        let upper = prefix_end(&lower[..1]);
        let store = self.graph.store.as_ref();
        let mut cursor = store.scan(Family::Element, &lower, &upper, false)?;
        let mut rows = Vec::new();
        while cursor.valid() {
            let element = read_element_key(cursor.key())?;
            let record = RecordRef::parse(cursor.value())?;
            if record.ends().is_some_and(|(found, ..)| found == wanted) {
                rows.extend(rule.row_of_record(element, &record)?);
            }
            cursor.next();
        }
        cursor.status()?;
        Ok(rows)
    }

    /// Ends a rule and removes its rows, of the past too.
    pub(super) fn drop_rule(&mut self, rule: &RuleDefinition) {
        let set = rule.set();
        self.batch
            .delete_range(Family::Index, &set.prefix, &prefix_end(&set.prefix));
        let (first, end) = set.closed_bounds();
        self.batch.delete_range(Family::Closed, &first, &end);
        self.machine.segments.forget(&set);
        let counts = self.graph.counts.read();
        let statistic = Statistic::Index(rule.id);
        let rows = counts.get(&statistic).copied().unwrap_or(0) as i64;
        drop(counts);
        self.count(statistic, -rows);
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
