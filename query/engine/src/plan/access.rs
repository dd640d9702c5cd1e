//! Ways to find the nodes of a pattern without walking to them.

use std::ops::Bound;

use retrograph_graph::ids::IndexId;
use retrograph_graph::value::Value;

use super::cost;
use super::expression::{Comparison, Expression, KeyToken, LabelToken, Slot, StringTest};
use super::graph::{PatternNode, Predicate};
use super::operator::{Found, Operator, Seek, SeekRows};
use super::rows::{self, RowsOf};
use super::schema::{IndexInfo, Schema};
use super::slots::SlotSet;
use crate::functions::internal;

/// What share of the nodes is expected to have a label whose name is computed.
const COMPUTED_LABEL_SHARE: f64 = 0.1;

/// One way to find a node.
#[derive(Clone, Debug)]
pub struct Access {
    /// The operator.
    pub operator: Operator,
    /// How many nodes it finds for one row.
    pub rows: f64,
    /// What finding them costs, in nodes looked at.
    pub cost: f64,
    /// The label it takes care of.
    pub label: Option<LabelToken>,
    /// The predicates it takes care of, by place.
    pub solved: Vec<usize>,
    /// The predicates it has narrowed by but that still judge, by place.
    pub narrowed: Vec<usize>,
    /// Whether it is a seek rather than a scan.
    pub is_seek: bool,
}

/// Which predicates may serve a seek.
pub struct Candidates<'a> {
    /// All predicates of the pattern.
    pub predicates: &'a [Predicate],
    /// Which are dealt with already.
    pub placed: &'a [bool],
    /// The slots that have values.
    pub bound: &'a SlotSet,
}

/// What a predicate says about a property of a node: the key, and how to seek it.
pub(super) enum Bounded<'e> {
    Equal(&'e Expression),
    In(&'e Expression),
    Prefix(&'e Expression),
    Lower(Bound<&'e Expression>),
    Upper(Bound<&'e Expression>),
}

/// The cheapest way to find a node.
pub fn best(schema: &dyn Schema, node: &PatternNode, candidates: &Candidates<'_>) -> Access {
    let least_scan = scans(schema, node).min_by(|left, right| left.rows.total_cmp(&right.rows));
    let seeks = seeks(schema, node, candidates);
    let mut best: Option<Access> = None;
    // At equal cost a seek wins, since its count does not grow with the graph.
    for access in seeks.into_iter().chain(least_scan) {
        if best.as_ref().is_none_or(|least| access.cost < least.cost) {
            best = Some(access);
        }
    }
    best.unwrap_or_else(|| scan(schema, node.slot, None))
}

fn scan(schema: &dyn Schema, node: Slot, label: Option<&LabelToken>) -> Access {
    let rows = match label {
        Some(label) => cost::nodes_with(schema, label),
        None => schema.nodes(None) as f64,
    };
    Access {
        operator: Operator::ScanNodes {
            node,
            label: label.cloned(),
        },
        rows,
        cost: rows.max(cost::SCAN_COST_MIN),
        label: label.cloned(),
        solved: Vec::new(),
        narrowed: Vec::new(),
        is_seek: false,
    }
}

fn scans<'a>(
    schema: &'a dyn Schema,
    node: &'a PatternNode,
) -> Box<dyn Iterator<Item = Access> + 'a> {
    if node.labels.is_empty() {
        return Box::new(std::iter::once(scan(schema, node.slot, None)));
    }
    Box::new(
        node.labels
            .iter()
            .map(|label| scan(schema, node.slot, Some(label))),
    )
}

fn seeks(schema: &dyn Schema, node: &PatternNode, candidates: &Candidates<'_>) -> Vec<Access> {
    let mut found = Vec::new();
    for (place, predicate) in candidates.predicates.iter().enumerate() {
        if candidates.placed[place] || !predicate.reads.contains(&node.slot) {
            continue;
        }
        if let Some((names, any)) = computed_labels(predicate, node.slot, candidates.bound) {
            let rows = (schema.nodes(None) as f64 * COMPUTED_LABEL_SHARE).max(1.0);
            found.push(Access {
                operator: Operator::ScanLabels {
                    node: node.slot,
                    names: names.clone(),
                    any,
                },
                rows,
                cost: rows.max(cost::SCAN_COST_MIN),
                label: None,
                solved: Vec::new(),
                narrowed: vec![place],
                is_seek: false,
            });
        }
        if let Some(ids) = ids_of(&predicate.expression, node.slot, candidates.bound) {
            let rows = if matches!(predicate.expression, Expression::In(..)) {
                10.0
            } else {
                1.0
            };
            found.push(Access {
                operator: Operator::SeekNodeIds {
                    node: node.slot,
                    ids,
                },
                rows,
                cost: rows,
                label: None,
                solved: Vec::new(),
                narrowed: vec![place],
                is_seek: true,
            });
        }
        for label in &node.labels {
            found.extend(index_seek(schema, node.slot, label, place, candidates));
        }
    }
    for label in &node.labels {
        let of = RowsOf::Label(label.clone());
        for access in rows::seeks(schema, node.slot, &of, candidates) {
            found.push(Access {
                operator: Operator::SeekRows(Box::new(SeekRows {
                    found: Found::Node(node.slot),
                    seek: access.seek,
                })),
                rows: access.rows,
                cost: access.cost,
                label: Some(label.clone()),
                solved: Vec::new(),
                narrowed: access.narrowed,
                is_seek: true,
            });
        }
    }
    found
}

/// Reads a predicate as a demand on the labels of a node by names that are known before it.
fn computed_labels<'e>(
    predicate: &'e Predicate,
    node: Slot,
    bound: &SlotSet,
) -> Option<(&'e Expression, bool)> {
    let Expression::Call(function, arguments) = &predicate.expression else {
        return None;
    };
    let [
        Expression::Slot(slot),
        names,
        Expression::Literal(Value::Bool(any)),
    ] = &arguments[..]
    else {
        return None;
    };
    let is_test = function.name == internal::HAS_LABELS.name;
    let is_known = super::slots::expression_reads(names).is_subset(bound);
    (is_test && *slot == node && is_known).then_some((names, *any))
}

/// The seek in the index of one label that begins with the predicate at `place`.
fn index_seek(
    schema: &dyn Schema,
    node: Slot,
    label: &LabelToken,
    place: usize,
    candidates: &Candidates<'_>,
) -> Option<Access> {
    let (key, bounded) = bounded(
        &candidates.predicates[place].expression,
        node,
        candidates.bound,
    )?;
    let index = schema.index(label.id?, key.id?)?;
    let count = cost::nodes_with(schema, label);
    let per_value = rows_per_value(&index, count);
    let (mut solved, mut narrowed) = (vec![place], Vec::new());
    if candidates.predicates[place].may_raise {
        // Its error belongs to the nodes for which it is asked, behind what guards it.
        std::mem::swap(&mut solved, &mut narrowed);
    }
    let (seek, rows) = match bounded {
        Bounded::Equal(value) => (Seek::Equal(value.clone()), per_value),
        Bounded::In(list) => {
            let items = if let Expression::List(items) = list {
                items.len() as f64
            } else {
                10.0
            };
            (Seek::In(list.clone()), per_value * items)
        }
        Bounded::Prefix(prefix) => (Seek::Prefix(prefix.clone()), (count * 0.05).max(1.0)),
        Bounded::Lower(bound) => {
            let upper = opposite(node, place, key, candidates);
            let rows = if upper.is_some() {
                count * 0.1
            } else {
                count * 0.3
            };
            narrowed.append(&mut solved);
            narrowed.extend(upper.iter().map(|(place, _)| *place));
            let upper = upper.map_or(Bound::Unbounded, |(_, bound)| bound.cloned());
            (Seek::Range(bound.cloned(), upper), rows.max(1.0))
        }
        Bounded::Upper(bound) => {
            narrowed.append(&mut solved);
            (
                Seek::Range(Bound::Unbounded, bound.cloned()),
                (count * 0.3).max(1.0),
            )
        }
    };
    Some(Access {
        operator: seek_operator(node, index.id, label, key, seek),
        rows,
        cost: rows,
        label: Some(label.clone()),
        solved,
        narrowed,
        is_seek: true,
    })
}

fn seek_operator(
    node: Slot,
    index: IndexId,
    label: &LabelToken,
    key: &KeyToken,
    seek: Seek,
) -> Operator {
    Operator::SeekNodes {
        node,
        index,
        label: label.clone(),
        key: key.clone(),
        seek,
    }
}

fn rows_per_value(index: &IndexInfo, count: f64) -> f64 {
    if index.is_unique {
        return 1.0;
    }
    (count / (index.distinct_values as f64).max(1.0)).max(1.0)
}

/// The upper bound on the same key that goes with the lower bound at `place`.
fn opposite<'a>(
    node: Slot,
    place: usize,
    key: &KeyToken,
    candidates: &Candidates<'a>,
) -> Option<(usize, Bound<&'a Expression>)> {
    candidates
        .predicates
        .iter()
        .enumerate()
        .find_map(|(other, predicate)| {
            if other == place || candidates.placed[other] {
                return None;
            }
            match bounded(&predicate.expression, node, candidates.bound)? {
                (found, Bounded::Upper(bound)) if found.name == key.name => Some((other, bound)),
                _ => None,
            }
        })
}

/// Reads a predicate as a bound on a property of `node` by a value known from `bound` slots.
pub(super) fn bounded<'e>(
    predicate: &'e Expression,
    node: Slot,
    bound: &SlotSet,
) -> Option<(&'e KeyToken, Bounded<'e>)> {
    let key_of = |expression: &'e Expression| match expression {
        Expression::Property(of, key) => match &**of {
            Expression::Slot(slot) if *slot == node => Some(key),
            _ => None,
        },
        _ => None,
    };
    let is_known = |value: &Expression| super::slots::expression_reads(value).is_subset(bound);
    match predicate {
        Expression::Compare(comparison, left, right) => {
            let (key, value, comparison) = match (key_of(left), key_of(right)) {
                (Some(key), _) if is_known(right) => (key, &**right, *comparison),
                (_, Some(key)) if is_known(left) => (key, &**left, mirrored(*comparison)),
                _ => return None,
            };
            let bounded = match comparison {
                Comparison::Equal => Bounded::Equal(value),
                Comparison::Less => Bounded::Upper(Bound::Excluded(value)),
                Comparison::LessOrEqual => Bounded::Upper(Bound::Included(value)),
                Comparison::Greater => Bounded::Lower(Bound::Excluded(value)),
                Comparison::GreaterOrEqual => Bounded::Lower(Bound::Included(value)),
                Comparison::NotEqual => return None,
            };
            Some((key, bounded))
        }
        Expression::In(item, list) if is_known(list) => Some((key_of(item)?, Bounded::In(list))),
        Expression::StringTest(StringTest::StartsWith, of, prefix) if is_known(prefix) => {
            Some((key_of(of)?, Bounded::Prefix(prefix)))
        }
        _ => None,
    }
}

fn mirrored(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}

/// Reads a predicate as a demand on the id of a node or a relationship.
pub fn ids_of(predicate: &Expression, element: Slot, bound: &SlotSet) -> Option<Expression> {
    let is_id = |expression: &Expression| {
        matches!(expression, Expression::Call(function, arguments)
            if matches!(function.name, "id" | "elementId")
                && matches!(&arguments[..], [Expression::Slot(slot)] if *slot == element))
    };
    let value = match predicate {
        Expression::Compare(Comparison::Equal, left, right) if is_id(left) => right,
        Expression::Compare(Comparison::Equal, left, right) if is_id(right) => left,
        Expression::In(item, list) if is_id(item) => list,
        _ => return None,
    };
    let is_known = super::slots::expression_reads(value).is_subset(bound);
    is_known.then(|| (**value).clone())
}
