//! Estimates: how many rows a step makes of one.
//!
//! All from counts of labels, types and distinct index values; properties are taken to be
//! independent. Wrong estimates cost time, never rows.

use super::expression::{Comparison, Expression, LabelToken, StringTest, TypeToken};
use super::graph::Length;
use super::schema::Schema;

/// A scan is taken to cost at least this, though it may find nothing now: plans are kept while the
/// graph grows, and a seek that would have been as good then is better later.
pub const SCAN_COST_MIN: f64 = 100.0;
/// Of rows that a predicate of unknown selectivity sees, the part that it keeps.
const UNKNOWN_KEEPS: f64 = 0.5;
/// The same for equality with a value.
const EQUALITY_KEEPS: f64 = 0.1;
/// The same for an inequality or a prefix.
const RANGE_KEEPS: f64 = 0.3;
/// Lengths beyond which a pattern without an upper bound is not estimated.
const DEPTH_ESTIMATED_MAX: u32 = 6;

/// The number of nodes, at least one.
pub fn nodes(schema: &dyn Schema) -> f64 {
    (schema.nodes(None) as f64).max(1.0)
}

/// The number of nodes with a label; none for a label that does not exist.
pub fn nodes_with(schema: &dyn Schema, label: &LabelToken) -> f64 {
    label.id.map_or(0.0, |id| schema.nodes(Some(id)) as f64)
}

/// The number of relationships of these types, all if empty.
pub fn relationships(schema: &dyn Schema, types: &[TypeToken]) -> f64 {
    if types.is_empty() {
        return schema.relationships(None) as f64;
    }
    let count = |token: &TypeToken| token.id.map_or(0, |id| schema.relationships(Some(id)));
    types.iter().map(count).sum::<u64>() as f64
}

/// The part of all nodes that have a label.
pub fn label_keeps(schema: &dyn Schema, label: &LabelToken) -> f64 {
    (nodes_with(schema, label) / nodes(schema)).min(1.0)
}

/// The part of rows that a predicate keeps.
pub fn keeps(predicate: &Expression) -> f64 {
    match predicate {
        Expression::Compare(Comparison::Equal, ..) => EQUALITY_KEEPS,
        Expression::Compare(Comparison::NotEqual, ..) => 1.0 - EQUALITY_KEEPS,
        Expression::Compare(..) => RANGE_KEEPS,
        Expression::StringTest(StringTest::StartsWith, ..) => RANGE_KEEPS,
        Expression::In(_, list) => match &**list {
            Expression::List(items) => (items.len() as f64 * EQUALITY_KEEPS).min(UNKNOWN_KEEPS),
            _ => RANGE_KEEPS,
        },
        Expression::And(parts) => parts.iter().map(keeps).product(),
        Expression::Not(part) => 1.0 - keeps(part),
        Expression::IsNotNull(_) => 1.0 - EQUALITY_KEEPS,
        Expression::IsNull(_) => EQUALITY_KEEPS,
        _ => UNKNOWN_KEEPS,
    }
}

/// How many rows one row becomes when it walks a part of a pattern to a node not yet bound.
pub fn fan_out(schema: &dyn Schema, types: &[TypeToken], is_directed: bool, length: Length) -> f64 {
    let ways = if is_directed { 1.0 } else { 2.0 };
    let degree = ways * relationships(schema, types) / nodes(schema);
    let (min, max) = match length {
        Length::One => return degree,
        Length::Shortest { .. } | Length::Program => return 1.0,
        Length::Variable { min, max } => (min, max),
    };
    let max = max
        .unwrap_or(u32::MAX)
        .min(min.saturating_add(DEPTH_ESTIMATED_MAX));
    let mut sum = 0.0;
    for hops in min..=max {
        sum += degree.powi(hops.min(DEPTH_ESTIMATED_MAX * 2) as i32);
    }
    sum.min(1e12)
}
