//! A graph that consists of names and counts only: payments between the accounts of people.

use std::sync::Arc;

use retrograph_engine::plan::{IndexInfo, NameKind, RowsInfo, Schema};
use retrograph_graph::ids::{IndexId, KeyId, LabelId, TypeId};
use retrograph_graph::{IndexSort, Target};

/// Labels and how many nodes have them.
const LABELS: &[(&str, u64)] = &[("Person", 10_000), ("Account", 30_000), ("Company", 200)];
/// Relationship types and how many relationships are of them.
const TYPES: &[(&str, u64)] = &[("KNOWS", 50_000), ("OWNS", 31_000), ("PAID", 1_000_000)];
/// Property keys.
const KEYS: &[&str] = &[
    "id", "name", "age", "balance", "since", "amount", "place", "number", "note", "site",
];
/// Label, key, whether unique, different values.
const INDEXES: &[(&str, &str, bool, u64)] = &[
    ("Person", "id", true, 10_000),
    ("Person", "name", false, 4_000),
    ("Account", "id", true, 30_000),
    ("Account", "balance", false, 20_000),
];
/// Whether about relationships, label or type, keys, how kept, whether unique, rows, different values.
type Rows = (
    bool,
    &'static str,
    &'static [&'static str],
    IndexSort,
    bool,
    u64,
    &'static [u64],
);
const ROWS: &[Rows] = &[
    (
        false,
        "Company",
        &["name", "place", "since"],
        IndexSort::Range,
        false,
        190,
        &[150, 180, 190],
    ),
    (
        false,
        "Company",
        &["place", "number"],
        IndexSort::Range,
        true,
        200,
        &[40, 200],
    ),
    (
        false,
        "Company",
        &["note"],
        IndexSort::Text,
        false,
        120,
        &[110],
    ),
    (
        false,
        "Company",
        &["site"],
        IndexSort::Point,
        false,
        100,
        &[100],
    ),
    (
        true,
        "PAID",
        &["number"],
        IndexSort::Range,
        true,
        1_000_000,
        &[1_000_000],
    ),
    (
        true,
        "PAID",
        &["amount"],
        IndexSort::Range,
        false,
        1_000_000,
        &[50_000],
    ),
];
/// All nodes.
const NODES: u64 = 40_000;

/// The graph.
pub struct Harbor;

fn place<T>(list: &[T], is_it: impl Fn(&T) -> bool) -> Option<u32> {
    list.iter()
        .position(is_it)
        .and_then(|place| u32::try_from(place).ok())
}

impl Schema for Harbor {
    fn label(&self, name: &str) -> Option<LabelId> {
        place(LABELS, |(label, _)| *label == name).map(LabelId)
    }

    fn relationship_type(&self, name: &str) -> Option<TypeId> {
        place(TYPES, |(label, _)| *label == name).map(TypeId)
    }

    fn key(&self, name: &str) -> Option<KeyId> {
        place(KEYS, |key| *key == name).map(KeyId)
    }

    fn names(&self, kind: NameKind) -> Vec<Arc<str>> {
        let names: Vec<&str> = match kind {
            NameKind::Label => LABELS.iter().map(|(name, _)| *name).collect(),
            NameKind::RelationshipType => TYPES.iter().map(|(name, _)| *name).collect(),
            NameKind::Key => KEYS.to_vec(),
        };
        names.into_iter().map(Arc::from).collect()
    }

    fn index(&self, label: LabelId, key: KeyId) -> Option<IndexInfo> {
        let (label, _) = LABELS.get(label.0 as usize)?;
        let key = KEYS.get(key.0 as usize)?;
        let is_it = |index: &&(&str, &str, bool, u64)| index.0 == *label && index.1 == *key;
        let number = place(INDEXES, |index| is_it(&index))?;
        let (_, _, is_unique, distinct_values) = INDEXES[number as usize];
        Some(IndexInfo {
            id: IndexId(number),
            is_unique,
            distinct_values,
        })
    }

    fn rows(&self, target: Target) -> Vec<RowsInfo> {
        let of_target = ROWS.iter().enumerate().filter(|(_, rows)| {
            let name = rows.1;
            match rows.0 {
                false => self.label(name).map(Target::Label) == Some(target),
                true => self.relationship_type(name).map(Target::Type) == Some(target),
            }
        });
        of_target
            .map(
                |(place, (_, _, keys, sort, is_unique, entries, distinct))| RowsInfo {
                    id: IndexId(100 + u32::try_from(place).unwrap_or_default()),
                    sort: *sort,
                    keys: keys.iter().filter_map(|key| self.key(key)).collect(),
                    is_unique: *is_unique,
                    entries: *entries,
                    distinct: distinct.to_vec(),
                },
            )
            .collect()
    }

    fn nodes(&self, label: Option<LabelId>) -> u64 {
        label.map_or(NODES, |label| {
            LABELS.get(label.0 as usize).map_or(0, |(_, count)| *count)
        })
    }

    fn relationships(&self, type_id: Option<TypeId>) -> u64 {
        let all = || TYPES.iter().map(|(_, count)| count).sum();
        type_id.map_or_else(all, |id| {
            TYPES.get(id.0 as usize).map_or(0, |(_, count)| *count)
        })
    }
}
