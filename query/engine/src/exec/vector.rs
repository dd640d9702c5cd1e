//! Columns of a batch.
//!
//! A vector holds the values of one slot for the rows of a batch. Where all of them are of one
//! plain type they lie flat, so that kernels run over slices; a value shared by all rows is held
//! once ([`Vector::Constant`]), which also makes a batch of one row free of allocations. Whatever
//! fits nowhere else is [`Vector::Any`]. The kind is a matter of speed only: `get(i)` is the meaning.

use std::sync::Arc;

use retrograph_graph::NULL_CODE;
use retrograph_graph::ids::{NodeId, RelationshipId};
use retrograph_graph::value::{NodeRef, RelationshipRef, Value};

/// The id that stands for null in [`Vector::Nodes`] and [`Vector::Relationships`]; the top 16 bits of
/// real ids are a partition and never all ones.
pub(crate) const NULL_ID: u64 = u64::MAX;

/// Which rows of a flat vector are null, if any is.
pub(crate) type Nulls = Option<Vec<bool>>;

/// The values of one slot.
#[derive(Clone, Debug, Default)]
pub(crate) enum Vector {
    /// The slot is not bound, or no later step needs it; reads as null.
    #[default]
    Absent,
    /// The same value in every row.
    Constant(Value),
    /// Nodes seen in one view; [`NULL_ID`] is null.
    Nodes { ids: Vec<NodeId>, view: u8 },
    /// Nodes seen in one view whose ids follow one another, from that of the first row on.
    NodeRange { first: NodeId, view: u8 },
    /// Relationships seen in one view; [`NULL_ID`] is null.
    Relationships { ids: Vec<RelationshipId>, view: u8 },
    /// Integers.
    Int { values: Vec<i64>, nulls: Nulls },
    /// Floats.
    Float { values: Vec<f64>, nulls: Nulls },
    /// Booleans.
    Bool { values: Vec<bool>, nulls: Nulls },
    /// Values of which there are few distinct ones: for each row the place of its value, or
    /// [`NULL_CODE`]. Some values may belong to no row.
    Dictionary {
        codes: Vec<u32>,
        values: Arc<[Value]>,
    },
    /// Anything.
    Any(Vec<Value>),
}

/// The id so many places behind the first of a range.
fn nth(first: NodeId, row: usize) -> NodeId {
    NodeId(first.0 + row as u64)
}

fn is_null_at(nulls: &Nulls, row: usize) -> bool {
    nulls.as_ref().is_some_and(|nulls| nulls[row])
}

fn gather_nulls(nulls: &Nulls, rows: &[u32]) -> Nulls {
    nulls
        .as_ref()
        .map(|nulls| rows.iter().map(|&row| nulls[row as usize]).collect())
}

fn pick<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|&row| values[row as usize]).collect()
}

/// Appends the null mask of `other` (with `added` rows) to that of a vector of `own` rows.
fn append_nulls(nulls: &mut Nulls, own: usize, other: &Nulls, added: usize) {
    if nulls.is_none() && other.is_none() {
        return;
    }
    let mask = nulls.get_or_insert_with(|| vec![false; own]);
    match other {
        Some(other) => mask.extend_from_slice(other),
        None => mask.resize(own + added, false),
    }
}

impl Vector {
    /// A flat vector of integers without nulls.
    pub(crate) fn ints(values: Vec<i64>) -> Self {
        Self::Int {
            values,
            nulls: None,
        }
    }

    /// A flat vector of booleans without nulls.
    pub(crate) fn bools(values: Vec<bool>) -> Self {
        Self::Bool {
            values,
            nulls: None,
        }
    }

    /// A flat vector of booleans in three-valued logic.
    pub(crate) fn ternary(values: impl ExactSizeIterator<Item = Option<bool>>) -> Self {
        let mut nulls: Nulls = None;
        let count = values.len();
        let mut flat = Vec::with_capacity(count);
        for value in values {
            if value.is_none() {
                nulls.get_or_insert_with(|| vec![false; count])[flat.len()] = true;
            }
            flat.push(value.unwrap_or(false));
        }
        Self::Bool {
            values: flat,
            nulls,
        }
    }

    /// The vector of these values, flat if they allow it.
    pub(crate) fn from_values(values: Vec<Value>) -> Self {
        let mut kinds = [false; 4];
        for value in &values {
            match value {
                Value::Int(_) => kinds[0] = true,
                Value::Float(_) => kinds[1] = true,
                Value::Bool(_) => kinds[2] = true,
                Value::Null => {}
                _ => return Self::flatten_elements(values),
            }
            if kinds.iter().filter(|seen| **seen).count() > 1 {
                return Self::Any(values);
            }
        }
        let nulls: Nulls = values
            .iter()
            .any(Value::is_null)
            .then(|| values.iter().map(Value::is_null).collect());
        match kinds {
            [true, ..] => Self::Int {
                values: values
                    .iter()
                    .map(|v| if let Value::Int(i) = v { *i } else { 0 })
                    .collect(),
                nulls,
            },
            [_, true, ..] => Self::Float {
                values: values
                    .iter()
                    .map(|v| if let Value::Float(f) = v { *f } else { 0.0 })
                    .collect(),
                nulls,
            },
            [_, _, true, _] => Self::Bool {
                values: values
                    .iter()
                    .map(|v| matches!(v, Value::Bool(true)))
                    .collect(),
                nulls,
            },
            _ => Self::Any(values),
        }
    }

    fn flatten_elements(values: Vec<Value>) -> Self {
        match values.iter().find(|value| !value.is_null()) {
            Some(&Value::Node(NodeRef { view, .. })) => {
                let ids: Option<Vec<NodeId>> = values
                    .iter()
                    .map(|value| match value {
                        Value::Node(node) if node.view == view => Some(node.id),
                        Value::Null => Some(NodeId(NULL_ID)),
                        _ => None,
                    })
                    .collect();
                ids.map_or(Self::Any(values), |ids| Self::Nodes { ids, view })
            }
            Some(&Value::Relationship(RelationshipRef { view, .. })) => {
                let ids: Option<Vec<RelationshipId>> = values
                    .iter()
                    .map(|value| match value {
                        Value::Relationship(of) if of.view == view => Some(of.id),
                        Value::Null => Some(RelationshipId(NULL_ID)),
                        _ => None,
                    })
                    .collect();
                ids.map_or(Self::Any(values), |ids| Self::Relationships { ids, view })
            }
            _ => Self::Any(values),
        }
    }

    /// The vector of a range of nodes, listed one by one.
    fn listed(first: NodeId, rows: usize, view: u8) -> Self {
        Self::Nodes {
            ids: (0..rows).map(|row| nth(first, row)).collect(),
            view,
        }
    }

    /// The vector of a constant, spread over `rows` rows.
    pub(crate) fn spread(value: &Value, rows: usize) -> Self {
        match value {
            Value::Node(node) => Self::Nodes {
                ids: vec![node.id; rows],
                view: node.view,
            },
            Value::Relationship(of) => Self::Relationships {
                ids: vec![of.id; rows],
                view: of.view,
            },
            Value::Int(value) => Self::ints(vec![*value; rows]),
            Value::Float(value) => Self::Float {
                values: vec![*value; rows],
                nulls: None,
            },
            Value::Bool(value) => Self::bools(vec![*value; rows]),
            other => Self::Any(vec![other.clone(); rows]),
        }
    }

    /// Whether the slot is not bound.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value of a row.
    pub(crate) fn get(&self, row: usize) -> Value {
        match self {
            Self::Absent => Value::Null,
            Self::Constant(value) => value.clone(),
            Self::Nodes { ids, view } => match ids[row] {
                NodeId(NULL_ID) => Value::Null,
                id => Value::Node(NodeRef { id, view: *view }),
            },
            Self::NodeRange { first, view } => Value::Node(NodeRef {
                id: nth(*first, row),
                view: *view,
            }),
            Self::Relationships { ids, view } => match ids[row] {
                RelationshipId(NULL_ID) => Value::Null,
                id => Value::Relationship(RelationshipRef { id, view: *view }),
            },
            Self::Int { values, nulls } if !is_null_at(nulls, row) => Value::Int(values[row]),
            Self::Float { values, nulls } if !is_null_at(nulls, row) => Value::Float(values[row]),
            Self::Bool { values, nulls } if !is_null_at(nulls, row) => Value::Bool(values[row]),
            Self::Int { .. } | Self::Float { .. } | Self::Bool { .. } => Value::Null,
            Self::Dictionary { codes, values } => match codes[row] {
                NULL_CODE => Value::Null,
                code => values[code as usize].clone(),
            },
            Self::Any(values) => values[row].clone(),
        }
    }

    /// Whether the value of a row is null.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Absent => true,
            Self::Constant(value) => value.is_null(),
            Self::Nodes { ids, .. } => ids[row].0 == NULL_ID,
            Self::NodeRange { .. } => false,
            Self::Dictionary { codes, values } => {
                codes[row] == NULL_CODE || values[codes[row] as usize].is_null()
            }
            Self::Relationships { ids, .. } => ids[row].0 == NULL_ID,
            Self::Int { nulls, .. } | Self::Float { nulls, .. } | Self::Bool { nulls, .. } => {
                is_null_at(nulls, row)
            }
            Self::Any(values) => values[row].is_null(),
        }
    }

    /// The boolean of a row: `Some(None)` for null, `None` if it is no boolean.
    pub(crate) fn ternary_at(&self, row: usize) -> Option<Option<bool>> {
        match self {
            Self::Bool { values, nulls } => Some(if is_null_at(nulls, row) {
                None
            } else {
                Some(values[row])
            }),
            Self::Absent => Some(None),
            Self::Constant(Value::Bool(value)) => Some(Some(*value)),
            Self::Constant(Value::Null) => Some(None),
            Self::Any(values) => match &values[row] {
                Value::Bool(value) => Some(Some(*value)),
                Value::Null => Some(None),
                _ => None,
            },
            Self::Dictionary { codes, values } => match codes[row] {
                NULL_CODE => Some(None),
                code => match values[code as usize] {
                    Value::Bool(value) => Some(Some(value)),
                    Value::Null => Some(None),
                    _ => None,
                },
            },
            _ => self.is_null(row).then_some(None),
        }
    }

    /// The node of a row with its view: `Ok(None)` for null, the value itself if it is no node.
    pub(crate) fn node_at(&self, row: usize) -> Result<Option<NodeRef>, Value> {
        match self {
            Self::Nodes { ids, view } => {
                let id = ids[row];
                Ok((id.0 != NULL_ID).then_some(NodeRef { id, view: *view }))
            }
            Self::NodeRange { first, view } => Ok(Some(NodeRef {
                id: nth(*first, row),
                view: *view,
            })),
            _ => match self.get(row) {
                Value::Node(node) => Ok(Some(node)),
                Value::Null => Ok(None),
                other => Err(other),
            },
        }
    }

    /// The values of these rows.
    pub(crate) fn gather(&self, rows: &[u32]) -> Self {
        match self {
            Self::Absent => Self::Absent,
            Self::Constant(value) => Self::Constant(value.clone()),
            Self::Nodes { ids, view } => Self::Nodes {
                ids: pick(ids, rows),
                view: *view,
            },
            Self::NodeRange { first, view } => Self::Nodes {
                ids: rows.iter().map(|&row| nth(*first, row as usize)).collect(),
                view: *view,
            },
            Self::Dictionary { codes, values } => Self::Dictionary {
                codes: pick(codes, rows),
                values: Arc::clone(values),
            },
            Self::Relationships { ids, view } => Self::Relationships {
                ids: pick(ids, rows),
                view: *view,
            },
            Self::Int { values, nulls } => Self::Int {
                values: pick(values, rows),
                nulls: gather_nulls(nulls, rows),
            },
            Self::Float { values, nulls } => Self::Float {
                values: pick(values, rows),
                nulls: gather_nulls(nulls, rows),
            },
            Self::Bool { values, nulls } => Self::Bool {
                values: pick(values, rows),
                nulls: gather_nulls(nulls, rows),
            },
            Self::Any(values) => Self::Any(
                rows.iter()
                    .map(|&row| values[row as usize].clone())
                    .collect(),
            ),
        }
    }

    /// Appends the `added` rows of `other` to this vector of `own` rows.
    pub(crate) fn append(&mut self, own: usize, other: &Self, added: usize) {
        if own == 0 {
            *self = match other {
                Self::Constant(value) if added > 1 => Self::spread(value, added),
                other => other.clone(),
            };
            return;
        }
        match self {
            Self::Constant(value) => *self = Self::spread(value, own),
            Self::NodeRange { first, view } => *self = Self::listed(*first, own, *view),
            _ => {}
        }
        match (&mut *self, other) {
            (Self::Absent, Self::Absent) => return,
            (_, Self::Constant(value)) => {
                return self.append(own, &Self::spread(value, added), added);
            }
            (_, Self::NodeRange { first, view }) => {
                return self.append(own, &Self::listed(*first, added, *view), added);
            }
            (
                Self::Dictionary { codes, values },
                Self::Dictionary {
                    codes: more,
                    values: others,
                },
            ) if Arc::ptr_eq(values, others) => {
                codes.extend_from_slice(more);
                return;
            }
            (
                Self::Nodes { ids, view },
                Self::Nodes {
                    ids: more,
                    view: other_view,
                },
            ) if view == other_view => {
                ids.extend_from_slice(more);
                return;
            }
            (
                Self::Relationships { ids, view },
                Self::Relationships {
                    ids: more,
                    view: other_view,
                },
            ) if view == other_view => {
                ids.extend_from_slice(more);
                return;
            }
            (
                Self::Int { values, nulls },
                Self::Int {
                    values: more,
                    nulls: other,
                },
            ) => {
                append_nulls(nulls, own, other, more.len());
                values.extend_from_slice(more);
                return;
            }
            (
                Self::Float { values, nulls },
                Self::Float {
                    values: more,
                    nulls: other,
                },
            ) => {
                append_nulls(nulls, own, other, more.len());
                values.extend_from_slice(more);
                return;
            }
            (
                Self::Bool { values, nulls },
                Self::Bool {
                    values: more,
                    nulls: other,
                },
            ) => {
                append_nulls(nulls, own, other, more.len());
                values.extend_from_slice(more);
                return;
            }
            (Self::Any(values), other) => {
                values.extend((0..added).map(|row| other.get(row)));
                return;
            }
            _ => {}
        }
        let mut values: Vec<Value> = Vec::with_capacity(own + added);
        values.extend((0..own).map(|row| self.get(row)));
        values.extend((0..added).map(|row| other.get(row)));
        *self = Self::Any(values);
    }

    /// Keeps the first `rows` rows.
    pub(crate) fn truncate(&mut self, rows: usize) {
        fn cut<T>(values: &mut Vec<T>, nulls: &mut Nulls, rows: usize) {
            values.truncate(rows);
            if let Some(nulls) = nulls {
                nulls.truncate(rows);
            }
        }
        match self {
            Self::Absent | Self::Constant(_) | Self::NodeRange { .. } => {}
            Self::Nodes { ids, .. } => ids.truncate(rows),
            Self::Dictionary { codes, .. } => codes.truncate(rows),
            Self::Relationships { ids, .. } => ids.truncate(rows),
            Self::Int { values, nulls } => cut(values, nulls, rows),
            Self::Float { values, nulls } => cut(values, nulls, rows),
            Self::Bool { values, nulls } => cut(values, nulls, rows),
            Self::Any(values) => values.truncate(rows),
        }
    }

    /// The bytes that the `rows` rows occupy, strings and collections estimated.
    pub(crate) fn bytes(&self, rows: usize) -> usize {
        match self {
            Self::Absent | Self::NodeRange { .. } => 0,
            Self::Constant(value) => value_bytes(value),
            // The values may be those of a page, of which the rows show no more than there are rows.
            Self::Dictionary { values, .. } => {
                rows * 4 + values.iter().take(rows).map(value_bytes).sum::<usize>()
            }
            Self::Nodes { .. }
            | Self::Relationships { .. }
            | Self::Int { .. }
            | Self::Float { .. } => rows * 8,
            Self::Bool { .. } => rows,
            Self::Any(values) => values.iter().map(value_bytes).sum(),
        }
    }
}

/// The bytes that a value occupies, with its share of the heap.
pub(crate) fn value_bytes(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => 16 + text.len(),
            Value::Bytes(bytes) => 16 + bytes.len(),
            Value::List(items) => 16 + items.iter().map(value_bytes).sum::<usize>(),
            Value::Map(map) => map
                .iter()
                .map(|(key, value)| 48 + key.len() + value_bytes(value))
                .sum(),
            Value::Path(path) => 64 + path.nodes.len() * 8 + path.relationships.len() * 16,
            Value::DateTime(_) | Value::Duration(_) | Value::Point(_) => 48,
            _ => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(vector: &Vector, rows: usize) -> String {
        (0..rows)
            .map(|row| format!("{:?};", vector.get(row)))
            .collect()
    }

    #[test]
    fn flat_vectors_mean_the_same_as_their_values() {
        let node = |id| {
            Value::Node(NodeRef {
                id: NodeId(id),
                view: 0,
            })
        };
        let samples = [
            vec![Value::Int(1), Value::Null, Value::Int(3)],
            vec![Value::Float(1.5), Value::Float(2.5), Value::Null],
            vec![Value::Bool(true), Value::Null, Value::Bool(false)],
            vec![node(1), Value::Null, node(2)],
            vec![Value::Int(1), Value::Float(1.0), Value::Null],
            vec![Value::Null, Value::Null, Value::Null],
            vec![Value::String("a".into()), Value::Int(1), Value::Null],
        ];
        for values in &samples {
            let flat = Vector::from_values(values.clone());
            let any = Vector::Any(values.clone());
            assert_eq!(text(&flat, 3), text(&any, 3));
            assert_eq!(
                text(&flat.gather(&[2, 0, 0]), 3),
                text(&any.gather(&[2, 0, 0]), 3)
            );
            for other in &samples {
                let mut joined = flat.clone();
                joined.append(3, &Vector::from_values(other.clone()), 3);
                let mut expected = Vector::Any(values.clone());
                expected.append(3, &Vector::Any(other.clone()), 3);
                assert_eq!(text(&joined, 6), text(&expected, 6));
            }
        }
    }

    #[test]
    fn ranges_and_dictionaries_mean_the_same_as_their_values() {
        let range = Vector::NodeRange {
            first: NodeId(7),
            view: 1,
        };
        let node = |id| {
            Value::Node(NodeRef {
                id: NodeId(id),
                view: 1,
            })
        };
        let dictionary = Vector::Dictionary {
            codes: vec![1, NULL_CODE, 0],
            values: [Value::Bool(true), Value::String("b".into()), Value::Int(3)].into(),
        };
        let cases = [
            (range, vec![node(7), node(8), node(9)]),
            (
                dictionary,
                vec![Value::String("b".into()), Value::Null, Value::Bool(true)],
            ),
        ];
        for (vector, values) in &cases {
            let any = Vector::Any(values.clone());
            assert_eq!(text(vector, 3), text(&any, 3));
            assert_eq!(
                text(&vector.gather(&[2, 0, 0]), 3),
                text(&any.gather(&[2, 0, 0]), 3)
            );
            let mut cut = vector.clone();
            cut.truncate(2);
            assert_eq!(text(&cut, 2), text(&any, 2));
            for row in 0..3 {
                assert_eq!(vector.is_null(row), any.is_null(row));
                assert_eq!(vector.ternary_at(row), any.ternary_at(row));
                assert_eq!(vector.node_at(row).is_ok(), any.node_at(row).is_ok());
            }
            for (other, others) in &cases {
                let mut expected = any.clone();
                expected.append(3, &Vector::Any(others.clone()), 3);
                for mut joined in [vector.clone(), any.clone()] {
                    joined.append(3, other, 3);
                    assert_eq!(text(&joined, 6), text(&expected, 6));
                }
            }
        }
    }

    #[test]
    fn constants_spread_when_something_is_appended() {
        let mut vector = Vector::Constant(Value::Int(7));
        vector.append(2, &Vector::Constant(Value::Int(8)), 1);
        assert_eq!(text(&vector, 3), "Int(7);Int(7);Int(8);");
    }
}
