//! Counts and estimates.
//!
//! Counts are exact: each commit that changes one writes a dated row, so the count of any version
//! is one seek away. Estimates are what the planner asks for: the counts of the latest version and
//! how many distinct values an index has, which is sampled and remembered until the index has
//! grown or shrunk by half.

use std::collections::BTreeMap;

use crate::catalog::IndexDefinition;
use crate::encoding::DecodeError;
use crate::error::GraphError;
use crate::graph::Graph;
use crate::ids::{IndexId, LabelId, TypeId};
use crate::kv::Family;
use crate::rows::meta::Statistic;
use crate::rows::{Key, prefix_end, property_prefix, rule_prefix};
use crate::rule::{IndexSort, RuleDefinition, RuleKind};
use crate::value::key::skip_key;

/// How many distinct values of an index are looked for before the rest is extrapolated.
const DISTINCT_MAX: u64 = 64;
/// How many rows of each value are walked before it is skipped.
const ROWS_PER_VALUE: u64 = 16;

/// What the planner needs to know about sizes. May be dated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimates {
    /// All nodes.
    pub nodes: u64,
    /// All relationships.
    pub relationships: u64,
    /// Nodes per label.
    pub nodes_by_label: BTreeMap<LabelId, u64>,
    /// Relationships per type.
    pub relationships_by_type: BTreeMap<TypeId, u64>,
    /// Entries and distinct values per index.
    pub indexes: BTreeMap<IndexId, IndexEstimate>,
    /// Entries and distinct values per rule that has rows.
    pub rules: BTreeMap<IndexId, RuleEstimate>,
}

/// The size of the rows of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleEstimate {
    /// How many rows there are.
    pub entries: u64,
    /// How many distinct values the first property has, roughly, the first two together, and so on.
    pub distinct: Vec<u64>,
}

/// The size of an index.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct IndexEstimate {
    /// How many nodes it holds.
    pub entries: u64,
    /// How many distinct values they have, roughly.
    pub distinct: u64,
}

impl Graph {
    /// The size of an index that exists.
    pub(crate) fn index_estimate(&self, index: &IndexDefinition) -> IndexEstimate {
        let counts = self.counts.read();
        let entries = counts
            .get(&Statistic::Index(index.id))
            .copied()
            .unwrap_or(0);
        drop(counts);
        if index.unique {
            return IndexEstimate {
                entries,
                distinct: entries,
            };
        }
        let prefix = property_prefix(index.label, index.key);
        let distinct = self.distinct_estimate((index.id, 1), &prefix, entries);
        IndexEstimate { entries, distinct }
    }

    /// The size of the rows of a rule that exists.
    pub(crate) fn rule_estimate(&self, rule: &RuleDefinition) -> RuleEstimate {
        let counts = self.counts.read();
        let entries = counts.get(&Statistic::Index(rule.id)).copied();
        let entries = entries.unwrap_or(0);
        drop(counts);
        let prefix = rule_prefix(rule.id);
        let count = rule.keys.len();
        let distinct = (1..=count).map(|keys| {
            let has_values = match rule.kind {
                RuleKind::Index(sort) => matches!(sort, IndexSort::Range | IndexSort::Text),
                _ => true,
            };
            if !has_values || (keys == count && rule.kind.is_unique()) {
                return entries;
            }
            self.distinct_estimate((rule.id, keys), &prefix, entries)
        });
        RuleEstimate {
            distinct: distinct.collect(),
            entries,
        }
    }

    /// How many distinct values the first properties of rows have, as remembered or sampled.
    fn distinct_estimate(&self, of: (IndexId, usize), prefix: &Key, entries: u64) -> u64 {
        let known = self.distinct.lock().get(&of).copied();
        if let Some((at, distinct)) = known
            && entries <= at.saturating_mul(3) / 2
            && entries >= at / 2
        {
            return distinct.min(entries);
        }
        // An index that cannot be read now is estimated when it can; a plan fails for itself.
        let distinct = self.sample_distinct(prefix, of.1, entries);
        let distinct = distinct.unwrap_or(entries);
        self.distinct.lock().insert(of, (entries, distinct));
        distinct
    }

    fn sample_distinct(&self, prefix: &Key, keys: usize, entries: u64) -> Result<u64, GraphError> {
        let end = prefix_end(prefix);
        let mut cursor = self.store.scan(Family::Index, prefix, &end, false)?;
        let (mut distinct, mut walked, mut skipped) = (0_u64, 0_u64, false);
        let mut value = Vec::new();
        let mut of_value = 0;
        while cursor.valid() {
            let found = value_key(cursor.key(), prefix.len(), keys)?;
            if found != value.as_slice() {
                if distinct == DISTINCT_MAX {
                    // Values seen so far had this many rows each, as far as they were walked.
                    let rows = if skipped { walked * 4 } else { walked };
                    return Ok((entries * distinct / rows.max(1)).clamp(distinct, entries.max(1)));
                }
                distinct += 1;
                of_value = 0;
                value = found.to_vec();
            }
            of_value += 1;
            walked += 1;
            if of_value == ROWS_PER_VALUE {
                skipped = true;
                let mut next = prefix.clone();
                next.extend_from_slice(&prefix_end(&value));
                cursor.seek(&next);
            } else {
                cursor.next();
            }
        }
        cursor.status()?;
        Ok(distinct)
    }
}

/// The first ordered values within the key of a row.
fn value_key(row: &[u8], prefix: usize, keys: usize) -> Result<&[u8], DecodeError> {
    let rest = row.get(prefix..).unwrap_or(&[]);
    let mut behind = rest;
    for _ in 0..keys {
        behind = skip_key(behind)?;
    }
    Ok(&rest[..rest.len() - behind.len()])
}
