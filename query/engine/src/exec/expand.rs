//! Expand: from nodes along relationships; and the check of relationships bound already.

use retrograph_graph::ids::{Direction, NodeId, RelationshipId, TypeId};
use retrograph_graph::value::{RelationshipRef, Value};
use smallvec::SmallVec;

use super::batch::Batch;
use super::context::Context;
use super::fan::{Added, Fan};
use super::pipeline::{Flow, Rest};
use super::trail::Range;
use super::vector::Vector;
use crate::error::{QueryError, RuntimeError};
use crate::plan::Slot;
use crate::plan::operator::Walk;

/// The relationships that a walk must not use again.
pub(crate) struct Exclusions<'b> {
    columns: SmallVec<[&'b Vector; 4]>,
}

/// Those of one row.
pub(crate) type Excluded = SmallVec<[RelationshipId; 4]>;

impl<'b> Exclusions<'b> {
    pub(crate) fn new(walk: &Walk, batch: &'b Batch) -> Self {
        Self {
            columns: walk
                .distinct_from
                .iter()
                .map(|slot| batch.column(*slot))
                .collect(),
        }
    }

    /// Whether nothing is excluded.
    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The relationships that a row has used.
    pub(crate) fn of(&self, row: usize) -> Excluded {
        let mut excluded = Excluded::new();
        for column in &self.columns {
            match column {
                Vector::Relationships { ids, .. } => excluded.push(ids[row]),
                Vector::Constant(value) => add_used(value, &mut excluded),
                Vector::Any(values) => add_used(&values[row], &mut excluded),
                _ => {}
            }
        }
        excluded
    }
}

fn add_used(value: &Value, excluded: &mut Excluded) {
    match value {
        Value::Relationship(of) => excluded.push(of.id),
        Value::List(items) => items.iter().for_each(|item| add_used(item, excluded)),
        _ => {}
    }
}

/// The node of a column in a row; fails for what is no node.
pub(crate) fn node_of(column: &Vector, row: usize) -> Result<Option<NodeId>, QueryError> {
    match column.node_at(row) {
        Ok(node) => Ok(node.map(|node| node.id)),
        Err(other) => Err(RuntimeError::type_error(format!(
            "a pattern begins at a node, not at {}",
            other.type_name()
        ))
        .into()),
    }
}

/// Expand.
pub(crate) fn expand(
    walk: &Walk,
    relationship: Option<Slot>,
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let Some(types) = context.types(&walk.types) else {
        return Ok(Flow::More);
    };
    let exclusions = Exclusions::new(walk, batch);
    let from = batch.column(walk.from);
    let into = walk.into.then(|| batch.column(walk.to));
    let needs_node = into.is_none() && live.contains(&walk.to);
    let relationship = relationship.filter(|slot| live.contains(slot));
    if live.is_empty() && into.is_none() && exclusions.is_empty() && batch.tags.is_none() {
        return count_only(from, walk.direction, &types, batch, context, rest);
    }
    let mut fan = Fan::new(batch, live, context.view, Vec::new());
    if needs_node {
        fan.added.push(Added::Nodes(walk.to, Vec::new()));
    }
    if let Some(slot) = relationship {
        fan.added.push(Added::Relationships(slot, Vec::new()));
    }
    let mut found = Found {
        nodes: needs_node.then(Vec::new),
        relationships: relationship.map(|_| Vec::new()),
        count: 0,
    };
    for (row, number) in (0..batch.rows).zip(0u32..) {
        let Some(node) = node_of(from, row)? else {
            continue;
        };
        let excluded = exclusions.of(row);
        let excluded = excluded.as_slice();
        let read = context.read();
        match into {
            None => read.expand(node, walk.direction, &types, |neighbour, id, _| {
                if !excluded.contains(&id) {
                    found.add(neighbour, id);
                }
            })?,
            Some(to) => {
                let Some(to) = node_of(to, row)? else {
                    continue;
                };
                read.expand_into(node, walk.direction, &types, to, |neighbour, id, _| {
                    if !excluded.contains(&id) {
                        found.add(neighbour, id);
                    }
                })?;
            }
        }
        let added = std::mem::take(&mut found.count);
        fan.origins.resize(fan.origins.len() + added, number);
        context.tick(1 + added)?;
        if fan.is_full() {
            found.move_into(&mut fan);
            if fan.flush(context, rest)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
    }
    found.move_into(&mut fan);
    fan.flush(context, rest)
}

/// The new columns. They grow outside of the fan, so that the innermost loop appends to plain
/// vectors.
struct Found {
    nodes: Option<Vec<NodeId>>,
    relationships: Option<Vec<RelationshipId>>,
    /// How many were found for the row at hand.
    count: usize,
}

impl Found {
    #[inline]
    fn add(&mut self, neighbour: NodeId, id: RelationshipId) {
        self.count += 1;
        if let Some(nodes) = &mut self.nodes {
            nodes.push(neighbour);
        }
        if let Some(relationships) = &mut self.relationships {
            relationships.push(id);
        }
    }

    fn move_into(&mut self, fan: &mut Fan<'_>) {
        for added in &mut fan.added {
            match (added, &mut self.nodes, &mut self.relationships) {
                (Added::Nodes(_, ids), Some(nodes), _) => ids.append(nodes),
                (Added::Relationships(_, ids), _, Some(found)) => ids.append(found),
                _ => {}
            }
        }
    }
}

/// When nothing of the rows is needed, their number is: the sum of degrees.
fn count_only(
    from: &Vector,
    direction: Option<Direction>,
    types: &[TypeId],
    batch: &Batch,
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let (nodes, _) = nodes_of(from, batch.rows)?;
    let mut degrees = Vec::with_capacity(nodes.len());
    context
        .read()
        .degrees(&nodes, direction, types, &mut degrees)?;
    context.tick(batch.rows)?;
    let rows = usize::try_from(degrees.iter().sum::<u64>()).unwrap_or(usize::MAX);
    let columns = vec![Vector::Absent; batch.columns.len()];
    rest.push(
        context,
        Batch {
            columns,
            rows,
            tags: None,
        },
    )
}

/// The nodes of a column that are not null, and their rows.
fn nodes_of(column: &Vector, rows: usize) -> Result<(Vec<NodeId>, Vec<u32>), QueryError> {
    let mut nodes = Vec::with_capacity(rows);
    let mut places = Vec::with_capacity(rows);
    for (row, number) in (0..rows).zip(0u32..) {
        if let Some(node) = node_of(column, row)? {
            nodes.push(node);
            places.push(number);
        }
    }
    Ok((nodes, places))
}

/// The number of relationships of each node, without the rows where there is none.
pub(crate) fn degree(
    walk: &Walk,
    slot: Slot,
    mut batch: Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let Some(types) = context.types(&walk.types) else {
        return Ok(Flow::More);
    };
    let (nodes, mut rows) = nodes_of(batch.column(walk.from), batch.rows)?;
    let mut degrees = Vec::with_capacity(nodes.len());
    context
        .read()
        .degrees(&nodes, walk.direction, &types, &mut degrees)?;
    context.tick(batch.rows)?;
    let mut found = degrees.iter();
    rows.retain(|_| found.next().is_some_and(|degree| *degree > 0));
    degrees.retain(|degree| *degree > 0);
    if rows.len() < batch.rows {
        batch = batch.gather(&rows, live);
    }
    batch.retain(live);
    let degrees = degrees.into_iter();
    let degrees = degrees.map(|degree| i64::try_from(degree).unwrap_or(i64::MAX));
    batch.set(slot, Vector::ints(degrees.collect()));
    rest.push(context, batch)
}

fn type_allowed(types: &[TypeId], of: TypeId) -> bool {
    types.is_empty() || types.contains(&of)
}

fn not_a_relationship(value: &Value) -> QueryError {
    RuntimeError::type_error(format!(
        "the pattern needs a relationship, but the variable holds {}",
        value.type_name()
    ))
    .into()
}

/// A relationship that is bound already: checks type and direction and binds its ends.
pub(crate) fn bind_ends(
    relationship: Slot,
    walk: &Walk,
    from_bound: bool,
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let Some(types) = context.types(&walk.types) else {
        return Ok(Flow::More);
    };
    let exclusions = Exclusions::new(walk, batch);
    let column = batch.column(relationship);
    let bound_from = from_bound.then(|| batch.column(walk.from));
    let bound_to = walk.into.then(|| batch.column(walk.to));
    // A pattern such as (a)-[r]-(a) names one node twice.
    let is_loop = walk.from == walk.to && !from_bound && !walk.into;
    let mut fan = Fan::new(batch, live, context.view, Vec::new());
    if !from_bound {
        fan.added.push(Added::Nodes(walk.from, Vec::new()));
    }
    if !walk.into && !is_loop {
        fan.added.push(Added::Nodes(walk.to, Vec::new()));
    }
    for (row, number) in (0..batch.rows).zip(0u32..) {
        let of: RelationshipRef = match column.get(row) {
            Value::Relationship(of) => of,
            Value::Null => continue,
            other => return Err(not_a_relationship(&other)),
        };
        if exclusions.of(row).contains(&of.id) {
            continue;
        }
        let Some((type_id, start, end)) = context.read().ends(of.id)? else {
            continue;
        };
        if !type_allowed(&types, type_id) {
            continue;
        }
        let both = [(start, end), (end, start)];
        let ways = match walk.direction {
            Some(Direction::Outgoing) => &both[..1],
            Some(Direction::Incoming) => &both[1..],
            None if start == end => &both[..1],
            None => &both[..],
        };
        for &(from, to) in ways {
            let fits = |column: Option<&Vector>, id: NodeId| {
                column.map_or(Ok(true), |column| {
                    Ok::<_, QueryError>(node_of(column, row)? == Some(id))
                })
            };
            if !fits(bound_from, from)? || !fits(bound_to, to)? || (is_loop && from != to) {
                continue;
            }
            for added in &mut fan.added {
                if let Added::Nodes(slot, ids) = added {
                    ids.push(if *slot == walk.from && !from_bound {
                        from
                    } else {
                        to
                    });
                }
            }
            fan.origins.push(number);
        }
        if fan.flush_full(context, rest)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    fan.flush(context, rest)
}

/// A list of relationships that is bound already: checks that it is a trail from a node.
pub(crate) fn bind_walk(
    relationships: Slot,
    walk: &Walk,
    range: Range,
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let Some(types) = context.types(&walk.types) else {
        return Ok(Flow::More);
    };
    let exclusions = Exclusions::new(walk, batch);
    let column = batch.column(relationships);
    let from = batch.column(walk.from);
    let bound_to = walk.into.then(|| batch.column(walk.to));
    let mut fan = Fan::new(batch, live, context.view, Vec::new());
    if !walk.into {
        fan.added.push(Added::Nodes(walk.to, Vec::new()));
    }
    for (row, number) in (0..batch.rows).zip(0u32..) {
        let Some(node) = node_of(from, row)? else {
            continue;
        };
        let items = match column.get(row) {
            Value::List(items) => items,
            Value::Null => continue,
            other => return Err(not_a_relationship(&other)),
        };
        if !range.contains(items.len()) {
            continue;
        }
        let excluded = exclusions.of(row);
        let end = walk_along(node, &items, walk.direction, &types, context, |id| {
            excluded.contains(&id)
        })?;
        let Some(end) = end else { continue };
        if let Some(to) = bound_to
            && node_of(to, row)? != Some(end)
        {
            continue;
        }
        if let Some(Added::Nodes(_, ids)) = fan.added.first_mut() {
            ids.push(end);
        }
        fan.origins.push(number);
        if fan.flush_full(context, rest)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    fan.flush(context, rest)
}

/// Where a trail of these relationships ends, if it is one.
fn walk_along(
    from: NodeId,
    items: &[Value],
    direction: Option<Direction>,
    types: &[TypeId],
    context: &Context<'_>,
    is_excluded: impl Fn(RelationshipId) -> bool,
) -> Result<Option<NodeId>, QueryError> {
    let mut node = from;
    let mut used: Vec<RelationshipId> = Vec::with_capacity(items.len());
    for item in items {
        let id = match item {
            Value::Relationship(of) => of.id,
            Value::Null => return Ok(None),
            other => return Err(not_a_relationship(other)),
        };
        if used.contains(&id) || is_excluded(id) {
            return Ok(None);
        }
        used.push(id);
        let Some((type_id, start, end)) = context.read().ends(id)? else {
            return Ok(None);
        };
        if !type_allowed(types, type_id) {
            return Ok(None);
        }
        node = match direction {
            Some(Direction::Outgoing) | None if start == node => end,
            Some(Direction::Incoming) | None if end == node => start,
            _ => return Ok(None),
        };
    }
    Ok(Some(node))
}
