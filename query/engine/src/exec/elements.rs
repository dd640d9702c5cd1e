//! Expressions over nodes, relationships and paths.
//!
//! Properties of a flat vector of elements are fetched as one column. In a statement that has
//! deleted something, access to what it deleted fails instead of giving null.

use retrograph_graph::ids::{ElementId, NodeId, RelationshipId};
use retrograph_graph::value::{NodeRef, Path, RelationshipRef, Value};
use retrograph_graph::{Bitmap, Column};

use super::batch::Batch;
use super::context::{Context, deleted_access};
use super::expression::per_row;
use super::vector::{NULL_ID, Nulls, Vector};
use crate::error::{QueryError, RuntimeError};
use crate::functions::property;
use crate::plan::expression::{KeyToken, LabelToken, PathPart};

fn nulls_of(bitmap: Option<Bitmap>, rows: usize) -> Nulls {
    bitmap.map(|bitmap| (0..rows).map(|row| bitmap.contains(row)).collect())
}

impl From<Column> for Vector {
    fn from(column: Column) -> Self {
        match column {
            Column::Int { values, nulls } => {
                let nulls = nulls_of(nulls, values.len());
                Self::Int { values, nulls }
            }
            Column::Float { values, nulls } => {
                let nulls = nulls_of(nulls, values.len());
                Self::Float { values, nulls }
            }
            Column::Bool { values, nulls } => {
                let nulls = nulls_of(nulls, values.len());
                Self::Bool { values, nulls }
            }
            Column::Dictionary { codes, values } => Self::Dictionary { codes, values },
            Column::Any(values) => Self::Any(values),
        }
    }
}

/// Fails if the vector holds an element that the statement deleted.
pub(crate) fn check_vector(
    of: &Vector,
    rows: usize,
    context: &Context<'_>,
) -> Result<(), QueryError> {
    if context.deleted.is_none() {
        return Ok(());
    }
    let rows = if matches!(of, Vector::Constant(_)) {
        1
    } else {
        rows
    };
    (0..rows).try_for_each(|row| check_value(&of.get(row), context))
}

fn check_value(value: &Value, context: &Context<'_>) -> Result<(), QueryError> {
    match value {
        Value::Node(node) => context.check_access(node.id.into(), node.view),
        Value::Relationship(of) => context.check_access(of.id.into(), of.view),
        _ => Ok(()),
    }
}

/// `of.key`.
pub(crate) fn property(
    of: &Vector,
    key: &KeyToken,
    rows: usize,
    context: &Context<'_>,
) -> Result<Vector, QueryError> {
    check_vector(of, rows, context)?;
    match of {
        Vector::Absent => Ok(Vector::Constant(Value::Null)),
        Vector::Constant(value) => Ok(Vector::Constant(property_of(value, key, context)?)),
        Vector::Nodes { ids, view } => {
            let Some(key) = context.key_in(*view, key) else {
                return Ok(Vector::Constant(Value::Null));
            };
            let mut column = Column::default();
            context
                .read_in(*view)
                .node_properties(ids, key, &mut column)?;
            Ok(column.into())
        }
        Vector::NodeRange { first, view } => {
            let Some(key) = context.key_in(*view, key) else {
                return Ok(Vector::Constant(Value::Null));
            };
            let mut column = Column::default();
            let ids = first.0..first.0 + rows as u64;
            context
                .read_in(*view)
                .node_properties_in(ids, key, &mut column)?;
            Ok(column.into())
        }
        Vector::Relationships { ids, view } => {
            let Some(key) = context.key_in(*view, key) else {
                return Ok(Vector::Constant(Value::Null));
            };
            let mut column = Column::default();
            context
                .read_in(*view)
                .relationship_properties(ids, key, &mut column)?;
            Ok(column.into())
        }
        of => per_row(rows, |row| property_of(&of.get(row), key, context)),
    }
}

fn property_of(value: &Value, key: &KeyToken, context: &Context<'_>) -> Result<Value, QueryError> {
    let (element, view) = match value {
        Value::Null => return Ok(Value::Null),
        Value::Node(node) => (ElementId::Node(node.id), node.view),
        Value::Relationship(of) => (ElementId::Relationship(of.id), of.view),
        Value::Map(map) => return Ok(map.get(&*key.name).cloned().unwrap_or_default()),
        other => return context.call(|call| property::property_of(call, other, key)),
    };
    match context.key_in(view, key) {
        Some(key) => Ok(context.read_in(view).property(element, key)?),
        None => Ok(Value::Null),
    }
}

/// `of:A:B`.
pub(crate) fn has_labels(
    of: &Vector,
    labels: &[LabelToken],
    rows: usize,
    context: &Context<'_>,
) -> Result<Vector, QueryError> {
    check_vector(of, rows, context)?;
    let ids: Option<Vec<_>> = labels.iter().map(|label| context.label(label)).collect();
    if let (Vector::Nodes { ids: nodes, view }, Some(labels)) = (of, &ids)
        && !context.is_of_another_graph(*view)
    {
        let nulls: Vec<bool> = nodes.iter().map(|id| id.0 == NULL_ID).collect();
        let mut has: Vec<bool> = nulls.iter().map(|is_null| !is_null).collect();
        for &label in labels {
            context.read_in(*view).have_label(nodes, label, &mut has)?;
        }
        return Ok(Vector::Bool {
            values: has,
            nulls: nulls.contains(&true).then_some(nulls),
        });
    }
    per_row(
        if matches!(of, Vector::Constant(_)) {
            1
        } else {
            rows
        },
        |row| match of.get(row) {
            Value::Null => Ok(Value::Null),
            Value::Node(NodeRef { id, view }) => {
                let read = context.read_in(view);
                for label in labels {
                    match context.label_in(view, label) {
                        Some(label) if read.has_label(id, label)? => {}
                        _ => return Ok(Value::Bool(false)),
                    }
                }
                Ok(Value::Bool(true))
            }
            Value::Relationship(RelationshipRef { id, view }) => {
                let read = context.read_in(view);
                let Some((type_id, ..)) = read.ends(id)? else {
                    return Ok(Value::Bool(false));
                };
                let name = read.catalog().type_name(type_id).unwrap_or_default();
                Ok(Value::Bool(labels.iter().all(|label| label.name == name)))
            }
            other => Err(RuntimeError::type_error(format!(
                "labels can be tested on nodes and relationships, not on {}",
                other.type_name()
            ))
            .into()),
        },
    )
}

/// The answer of a function about an element that the statement deleted, if one of the arguments
/// is. The identity and the type of such an element remain known, nothing else does.
pub(crate) fn of_deleted(
    function: &str,
    arguments: &[Value],
    context: &Context<'_>,
) -> Result<Option<Value>, QueryError> {
    const READS: [&str; 6] = [
        "labels",
        "keys",
        "properties",
        "startnode",
        "endnode",
        "type",
    ];
    let name = function.to_ascii_lowercase();
    let [argument] = arguments else {
        return Ok(None);
    };
    if !READS.contains(&name.as_str()) {
        return Ok(None);
    }
    match argument {
        Value::Relationship(of) if name == "type" && of.view == 0 => {
            let Some((type_id, ..)) = context.views.deleted.get(&of.id) else {
                return Ok(None);
            };
            let name = context.read().catalog().type_name(*type_id);
            Ok(Some(name.map_or(Value::Null, Value::String)))
        }
        argument => check_value(argument, context).map(|()| None),
    }
}

/// The paths made of pattern elements.
pub(crate) fn paths(
    parts: &[PathPart],
    batch: &Batch,
    context: &Context<'_>,
) -> Result<Vector, QueryError> {
    per_row(batch.rows, |row| path(parts, batch, row, context))
}

fn path(
    parts: &[PathPart],
    batch: &Batch,
    row: usize,
    context: &Context<'_>,
) -> Result<Value, QueryError> {
    let mut nodes: Vec<NodeId> = Vec::new();
    let mut relationships: Vec<(RelationshipId, bool)> = Vec::new();
    let mut view = 0;
    // A relationship whose far end is not known yet; the next node tells.
    for part in parts {
        match part {
            PathPart::Node(slot) => match batch.get(*slot, row) {
                Value::Node(node) => {
                    view = node.view;
                    if nodes.len() == relationships.len() {
                        nodes.push(node.id);
                    }
                }
                Value::Null => return Ok(Value::Null),
                other => return Err(not_a_path(&other)),
            },
            PathPart::Relationship(slot) => match batch.get(*slot, row) {
                Value::Relationship(of) => {
                    step(of, &mut nodes, &mut relationships, context)?;
                }
                Value::Null => return Ok(Value::Null),
                other => return Err(not_a_path(&other)),
            },
            PathPart::Relationships(slot) => match batch.get(*slot, row) {
                Value::List(items) => {
                    for item in items.iter() {
                        match item {
                            Value::Relationship(of) => {
                                step(*of, &mut nodes, &mut relationships, context)?;
                            }
                            Value::Null => return Ok(Value::Null),
                            other => return Err(not_a_path(other)),
                        }
                    }
                }
                Value::Null => return Ok(Value::Null),
                other => return Err(not_a_path(&other)),
            },
        }
    }
    Ok(Value::Path(
        Path {
            nodes,
            relationships,
            view,
        }
        .into(),
    ))
}

/// Walks one relationship from the last node.
fn step(
    of: RelationshipRef,
    nodes: &mut Vec<NodeId>,
    relationships: &mut Vec<(RelationshipId, bool)>,
    context: &Context<'_>,
) -> Result<(), QueryError> {
    let read = context.read_in(of.view);
    let Some((_, start, end)) = read.ends(of.id)? else {
        return Err(deleted_access(of.id.into()));
    };
    let from = nodes.last().copied().unwrap_or(start);
    let along = start == from;
    relationships.push((of.id, along));
    nodes.push(if along { end } else { start });
    Ok(())
}

fn not_a_path(value: &Value) -> QueryError {
    RuntimeError::type_error(format!(
        "a path is made of nodes and relationships, not of {}",
        value.type_name()
    ))
    .into()
}
