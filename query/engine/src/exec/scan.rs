//! Sources: scans and seeks.
//!
//! A runtime error belongs to the row whose predicate raises it. What a seek looks for is computed ahead of
//! the predicates that guard it; if that fails, the seek finds all that it might be about, and the
//! predicate, which judges what is found in its turn, raises the error or is never asked.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Bound;
use std::sync::Arc;

use retrograph_graph::ids::{IndexId, LabelId, NodeId, RelationshipId, TypeId};
use retrograph_graph::value::Value;
use retrograph_graph::{GraphError, GraphRead, ScanCursor};

use super::batch::{BATCH_ROWS_FIRST, Batch};
use super::context::Context;
use super::expression::eval;
use super::fan::{Added, Fan};
use super::pipeline::{Flow, Rest};
use super::vector::Vector;
use crate::error::{QueryError, RuntimeError};
use crate::functions::internal::names_of;
use crate::plan::expression::{KeyToken, LabelToken, TypeToken};
use crate::plan::operator::{Seek, StoredCount};
use crate::plan::{Expression, Slot};

/// What a seek looks for: the index, and the label and property it is on.
pub(crate) struct Sought<'p> {
    pub(crate) index: IndexId,
    pub(crate) label: &'p LabelToken,
    pub(crate) key: &'p KeyToken,
}

impl Sought<'_> {
    /// Draws the nodes that the index finds. Where the index does not reach back to the version of
    /// the view, the nodes with the label whose property passes `test`.
    fn draw(
        &self,
        fan: &mut Fan<'_>,
        row: u32,
        context: &mut Context<'_>,
        rest: &mut Rest<'_>,
        seek: impl Fn(&GraphRead, &mut ScanCursor, usize, &mut Vec<NodeId>) -> Result<(), GraphError>,
        test: impl Fn(&Value) -> bool,
    ) -> Result<Flow, QueryError> {
        let (label, key) = (context.label(self.label), context.key(self.key));
        // A place among values means nothing to a scan, so an index that is dropped while it is
        // read ends the query.
        let is_scan = Cell::new(false);
        draw_nodes(fan, row, context, rest, |read, cursor, limit, ids| {
            if !is_scan.get() {
                let is_begun = *cursor != ScanCursor::default();
                match seek(read, cursor, limit, ids) {
                    Err(GraphError::IndexNotCovering { .. }) if !is_begun => is_scan.set(true),
                    Err(error) => return Err(error.into()),
                    Ok(()) => return Ok(true),
                }
            }
            let (Some(label), Some(key)) = (label, key) else {
                return Ok(false);
            };
            let mut page = Vec::new();
            read.scan_label(label, cursor, limit.max(BATCH_ROWS_FIRST), &mut page)?;
            for id in page {
                if test(&read.property(id.into(), key)?) {
                    ids.push(id);
                }
            }
            Ok(true)
        })
    }
}

/// Draws pages of nodes from `page` and adds them to the fan as rows that extend `row`;
/// a page that says false is the end.
fn draw_nodes(
    fan: &mut Fan<'_>,
    row: u32,
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
    page: impl Fn(&GraphRead, &mut ScanCursor, usize, &mut Vec<NodeId>) -> Result<bool, QueryError>,
) -> Result<Flow, QueryError> {
    let mut cursor = ScanCursor::default();
    loop {
        if !draw_page(fan, row, &mut cursor, context, &page)? {
            return Ok(Flow::More);
        }
        if fan.flush_full(context, rest)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
        if cursor.is_done() {
            return Ok(Flow::More);
        }
    }
}

fn draw_every_node(
    fan: &mut Fan<'_>,
    row: u32,
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    draw_nodes(fan, row, context, rest, |read, cursor, limit, ids| {
        read.scan_nodes(cursor, limit, ids)?;
        Ok(true)
    })
}

/// Draws one page; false if `page` says that it is the end.
fn draw_page(
    fan: &mut Fan<'_>,
    row: u32,
    cursor: &mut ScanCursor,
    context: &mut Context<'_>,
    page: impl Fn(&GraphRead, &mut ScanCursor, usize, &mut Vec<NodeId>) -> Result<bool, QueryError>,
) -> Result<bool, QueryError> {
    let wanted = fan.wanted();
    let Some(Added::Nodes(_, ids)) = fan.added.first_mut() else {
        return Ok(false);
    };
    if !page(context.read(), cursor, wanted, ids)? {
        return Ok(false);
    }
    let drawn = ids.len() - fan.origins.len();
    fan.origins.resize(ids.len(), row);
    context.tick(drawn)?;
    Ok(true)
}

/// Draws the nodes of a label: ranges of them where they lie without gaps, else pages.
pub(super) fn draw_label(
    fan: &mut Fan<'_>,
    row: u32,
    node: Slot,
    label: LabelId,
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let mut cursor = ScanCursor::default();
    while !cursor.is_done() {
        if fan.origins.is_empty()
            && let Some(run) = context
                .read()
                .scan_label_run(label, &mut cursor, fan.wanted())
        {
            context.tick(usize::try_from(run.end - run.start).unwrap_or(usize::MAX))?;
            if fan.push_range(row as usize, node, run, context, rest)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
            continue;
        }
        draw_page(
            fan,
            row,
            &mut cursor,
            context,
            |read, cursor, limit, ids| {
                read.scan_label(label, cursor, limit, ids)?;
                Ok(true)
            },
        )?;
        if fan.flush_full(context, rest)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::More)
}

/// Draws the relationships of these types, all if there are none, into a fan of relationships and ends.
pub(super) fn draw_relationships(
    fan: &mut Fan<'_>,
    row: u32,
    types: &[TypeId],
    is_directed: bool,
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let mut cursor = ScanCursor::default();
    while !cursor.is_done() {
        let limit = fan.wanted();
        let mut found = 0;
        let read = context.read();
        read.visit_relationships(types, &mut cursor, limit, |(id, _, start, end)| {
            found += 1;
            fan.add_relationship(row, id, [start, end], is_directed);
        })?;
        context.tick(found)?;
        if fan.flush_full(context, rest)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::More)
}

/// What a seek computes; none if a value was wrong.
pub(super) fn known<T>(computed: Result<T, QueryError>) -> Result<Option<T>, QueryError> {
    match computed {
        Ok(value) => Ok(Some(value)),
        Err(QueryError::Runtime(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The values of an expression for the rows of a batch.
enum Computed {
    All(Vector),
    /// None where a value was wrong.
    Each(Vec<Option<Value>>),
}

impl Computed {
    fn of(
        expression: &Expression,
        batch: &Batch,
        context: &mut Context<'_>,
    ) -> Result<Self, QueryError> {
        if let Some(all) = known(eval(expression, batch, context).map(Cow::into_owned))? {
            return Ok(Self::All(all));
        }
        let mut each = Vec::with_capacity(batch.rows);
        for (_, row) in (0..batch.rows).zip(0u32..) {
            let one = batch.gather_all(&[row]);
            let value = eval(expression, &one, context).map(|vector| vector.get(0));
            each.push(known(value)?);
        }
        Ok(Self::Each(each))
    }

    /// The value for a row; none if one was wrong.
    fn get(&self, row: usize) -> Option<Value> {
        match self {
            Self::All(vector) => Some(vector.get(row)),
            Self::Each(values) => values[row].clone(),
        }
    }
}

fn node_fan<'b>(node: Slot, batch: &'b Batch, live: &'b [Slot], context: &Context<'_>) -> Fan<'b> {
    Fan::new(
        batch,
        live,
        context.view,
        vec![Added::Nodes(node, Vec::new())],
    )
}

/// Every node, or every node with a label.
pub(crate) fn nodes(
    node: Slot,
    label: Option<&LabelToken>,
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let label: Option<LabelId> = match label {
        None => None,
        Some(label) => match context.label(label) {
            Some(label) => Some(label),
            None => return Ok(Flow::More),
        },
    };
    let mut fan = node_fan(node, batch, live, context);
    for (_, row) in (0..batch.rows).zip(0u32..) {
        let flow = match label {
            Some(label) => draw_label(&mut fan, row, node, label, context, rest)?,
            None => draw_every_node(&mut fan, row, context, rest)?,
        };
        if flow == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    fan.flush(context, rest)
}

/// The nodes with labels by computed names, for each row.
pub(crate) fn labelled(
    node: Slot,
    names: &Expression,
    any: bool,
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let names = Computed::of(names, batch, context)?;
    let mut fan = node_fan(node, batch, live, context);
    for (row, number) in (0..batch.rows).zip(0u32..) {
        let flow = match names.get(row) {
            // Whether a node has a label without a name is unknown.
            Some(Value::Null) => Flow::More,
            names => match names
                .map(|names| known(names_of(&names)))
                .transpose()?
                .flatten()
            {
                Some(names) => draw_labels(&mut fan, number, node, &names, any, context, rest)?,
                None => draw_every_node(&mut fan, number, context, rest)?,
            },
        };
        if flow == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    fan.flush(context, rest)
}

/// Draws the nodes that have any of some labels, or the first of them if all are wanted.
fn draw_labels(
    fan: &mut Fan<'_>,
    row: u32,
    node: Slot,
    names: &[Arc<str>],
    any: bool,
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    if !any && names.is_empty() {
        // Every node has all of no labels.
        return draw_every_node(fan, row, context, rest);
    }
    let wanted = if any { names.len() } else { 1 };
    let mut labels: Vec<LabelId> = Vec::new();
    for name in &names[..wanted] {
        let label = context.read().catalog().label(name);
        labels.extend(label.filter(|label| !labels.contains(label)));
    }
    if let [label] = labels[..] {
        return draw_label(fan, row, node, label, context, rest);
    }
    for (place, label) in labels.iter().enumerate() {
        // A node that has an earlier label too has been found by it.
        let flow = draw_nodes(fan, row, context, rest, |read, cursor, limit, ids| {
            let mut page = Vec::new();
            read.scan_label(*label, cursor, limit, &mut page)?;
            for id in page {
                let mut is_found = false;
                for earlier in &labels[..place] {
                    is_found = is_found || read.has_label(id, *earlier)?;
                }
                if !is_found {
                    ids.push(id);
                }
            }
            Ok(true)
        })?;
        if flow == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::More)
}

/// Null and NaN compare with nothing.
pub(super) fn is_findable(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Float(number) => !number.is_nan(),
        Value::List(items) => items.iter().all(is_findable),
        _ => true,
    }
}

/// Whether anything may be beyond a bound: nothing is beyond null and NaN, but lists that hold them are told
/// apart by the items before.
pub(super) fn is_bound(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Float(number) => !number.is_nan(),
        _ => true,
    }
}

/// The nodes that an index finds.
pub(crate) fn seek(
    node: Slot,
    sought: &Sought<'_>,
    seek: &Seek,
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let mut fan = node_fan(node, batch, live, context);
    for (_, number) in (0..batch.rows).zip(0u32..) {
        let gathered;
        let one = if batch.rows == 1 {
            batch
        } else {
            gathered = batch.gather_all(&[number]);
            &gathered
        };
        let entry = entry(seek, one, context);
        let entry = match seek {
            // Its predicate counts as one that raises nothing, so nothing judges what is found.
            Seek::In(Expression::Parameter(_)) => Some(entry?),
            _ => known(entry)?,
        };
        let flow = match entry {
            Some(Some(entry)) => seek_row(&mut fan, number, sought, &entry, context, rest)?,
            Some(None) => Flow::More,
            None => match context.label(sought.label) {
                Some(label) => draw_label(&mut fan, number, node, label, context, rest)?,
                None => Flow::More,
            },
        };
        if flow == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    fan.flush(context, rest)
}

/// What the values of one row make of a seek.
enum Entry {
    /// Equal to one of these, which differ.
    Values(Vec<Value>),
    Range(Bound<Value>, Bound<Value>),
    Prefix(Arc<str>),
}

/// How to enter the index; none if nothing can be found.
fn entry(seek: &Seek, one: &Batch, context: &mut Context<'_>) -> Result<Option<Entry>, QueryError> {
    Ok(match seek {
        Seek::Equal(value) => {
            let value = eval(value, one, context)?.get(0);
            is_findable(&value).then(|| Entry::Values(vec![value]))
        }
        Seek::In(list) => match eval(list, one, context)?.get(0) {
            Value::List(items) => {
                // Equal items find the same nodes, which must come once.
                let mut values: Vec<Value> = items
                    .iter()
                    .filter(|item| is_findable(item))
                    .cloned()
                    .collect();
                values.sort_by(Value::cmp_order);
                values.dedup_by(|next, before| next.equivalent(before));
                Some(Entry::Values(values))
            }
            Value::Null => None,
            other => {
                return Err(RuntimeError::type_error(format!(
                    "IN takes a list, not {}",
                    other.type_name()
                ))
                .into());
            }
        },
        Seek::Range(lower, upper) => {
            let lower = bound(lower, one, context)?;
            let upper = bound(upper, one, context)?;
            let is_open = [&lower, &upper].into_iter().all(|bound| match bound {
                Bound::Included(value) | Bound::Excluded(value) => is_bound(value),
                Bound::Unbounded => true,
            });
            is_open.then_some(Entry::Range(lower, upper))
        }
        Seek::Prefix(prefix) => match eval(prefix, one, context)?.get(0) {
            Value::String(prefix) => Some(Entry::Prefix(prefix)),
            _ => None,
        },
    })
}

fn seek_row(
    fan: &mut Fan<'_>,
    row: u32,
    sought: &Sought<'_>,
    entry: &Entry,
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    match entry {
        Entry::Values(values) => {
            for value in values {
                if seek_value(fan, row, sought, value, context, rest)? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
            }
            Ok(Flow::More)
        }
        Entry::Range(lower, upper) => {
            let seek = |read: &GraphRead, cursor: &mut ScanCursor, limit, ids: &mut Vec<NodeId>| {
                read.seek_range(
                    sought.index,
                    lower.as_ref(),
                    upper.as_ref(),
                    cursor,
                    limit,
                    ids,
                )
            };
            let test = |value: &Value| {
                let above = match lower {
                    Bound::Included(lower) => value.compare(lower).is_ge() == Some(true),
                    Bound::Excluded(lower) => value.compare(lower).is_gt() == Some(true),
                    Bound::Unbounded => !value.is_null(),
                };
                let below = match upper {
                    Bound::Included(upper) => value.compare(upper).is_le() == Some(true),
                    Bound::Excluded(upper) => value.compare(upper).is_lt() == Some(true),
                    Bound::Unbounded => !value.is_null(),
                };
                above && below
            };
            sought.draw(fan, row, context, rest, seek, test)
        }
        Entry::Prefix(prefix) => {
            let seek = |read: &GraphRead, cursor: &mut ScanCursor, limit, ids: &mut Vec<NodeId>| {
                read.seek_prefix(sought.index, prefix, cursor, limit, ids)
            };
            sought.draw(
                fan,
                row,
                context,
                rest,
                seek,
                |value| matches!(value, Value::String(text) if text.starts_with(&**prefix)),
            )
        }
    }
}

pub(super) fn bound(
    bound: &Bound<Expression>,
    one: &Batch,
    context: &mut Context<'_>,
) -> Result<Bound<Value>, QueryError> {
    Ok(match bound {
        Bound::Included(of) => Bound::Included(eval(of, one, context)?.get(0)),
        Bound::Excluded(of) => Bound::Excluded(eval(of, one, context)?.get(0)),
        Bound::Unbounded => Bound::Unbounded,
    })
}

fn seek_value(
    fan: &mut Fan<'_>,
    row: u32,
    sought: &Sought<'_>,
    value: &Value,
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let seek = |read: &GraphRead, cursor: &mut ScanCursor, limit, ids: &mut Vec<NodeId>| {
        read.seek_equal(sought.index, value, cursor, limit, ids)
    };
    sought.draw(fan, row, context, rest, seek, |found| {
        found.equals(value) == Some(true)
    })
}

/// The nodes with these ids.
pub(crate) fn by_id(
    node: Slot,
    ids: &Expression,
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let ids = Computed::of(ids, batch, context)?;
    let mut fan = node_fan(node, batch, live, context);
    for (row, number) in (0..batch.rows).zip(0u32..) {
        let mut wanted: Vec<NodeId> = match ids.get(row) {
            Some(Value::List(items)) => items.iter().filter_map(node_id).collect(),
            Some(value) => node_id(&value).into_iter().collect(),
            None => {
                if draw_every_node(&mut fan, number, context, rest)? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
                continue;
            }
        };
        wanted.sort_unstable();
        wanted.dedup();
        for id in wanted {
            if !context.read().node_exists(id)? {
                continue;
            }
            fan.add_node(number, id);
            if fan.flush_full(context, rest)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
    }
    fan.flush(context, rest)
}

/// Reads an id, given as a number or, with this prefix, as text.
fn id_in(value: &Value, prefix: &str) -> Option<u64> {
    match value {
        Value::Int(id) => u64::try_from(*id).ok(),
        Value::Float(id) => {
            let whole = *id as u64;
            (*id >= 0.0 && whole as f64 == *id).then_some(whole)
        }
        Value::String(text) => text.strip_prefix(prefix)?.parse().ok(),
        _ => None,
    }
}

fn node_id(value: &Value) -> Option<NodeId> {
    id_in(value, "n:").map(NodeId)
}

fn relationship_id(value: &Value) -> Option<RelationshipId> {
    id_in(value, "r:").map(RelationshipId)
}

/// A count as the store keeps it.
pub(crate) fn stored_count(
    count: &StoredCount,
    context: &Context<'_>,
) -> Result<Value, QueryError> {
    let count = match count {
        StoredCount::Nodes(None) => context.read().count_nodes(None)?,
        StoredCount::Nodes(Some(label)) => match context.label(label) {
            Some(label) => context.read().count_nodes(Some(label))?,
            None => 0,
        },
        StoredCount::Relationships(types) => match context.types(types) {
            None => 0,
            Some(types) if types.is_empty() => context.read().count_relationships(None)?,
            Some(types) => {
                let mut sum = 0;
                for type_id in types {
                    sum += context.read().count_relationships(Some(type_id))?;
                }
                sum
            }
        },
    };
    Ok(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
}

/// Where the relationships of a scan go.
pub(crate) struct RelationshipScan {
    pub(crate) relationship: Slot,
    pub(crate) start: Slot,
    pub(crate) end: Slot,
    pub(crate) is_directed: bool,
}

/// Every relationship of these types.
pub(crate) fn relationships(
    scan: &RelationshipScan,
    types: &[TypeToken],
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let Some(types): Option<Vec<TypeId>> = context.types(types) else {
        return Ok(Flow::More);
    };
    let is_live = |slot: Slot| live.contains(&slot);
    let mut relationships = is_live(scan.relationship).then(Vec::new);
    let mut starts = is_live(scan.start).then(Vec::new);
    let mut ends = is_live(scan.end).then(Vec::new);
    let mut added = Vec::with_capacity(3);
    if relationships.is_some() {
        added.push(Added::Relationships(scan.relationship, Vec::new()));
    }
    if starts.is_some() {
        added.push(Added::Nodes(scan.start, Vec::new()));
    }
    if ends.is_some() {
        added.push(Added::Nodes(scan.end, Vec::new()));
    }
    let mut fan = Fan::new(batch, live, context.view, added);
    for (_, row) in (0..batch.rows).zip(0u32..) {
        let mut cursor = ScanCursor::default();
        while !cursor.is_done() {
            let mut found = 0;
            let mut push = |id: RelationshipId, start: NodeId, end: NodeId| {
                found += 1;
                if let Some(relationships) = &mut relationships {
                    relationships.push(id);
                }
                if let Some(starts) = &mut starts {
                    starts.push(start);
                }
                if let Some(ends) = &mut ends {
                    ends.push(end);
                }
            };
            let read = context.read();
            read.visit_relationships(&types, &mut cursor, fan.wanted(), |(id, _, start, end)| {
                push(id, start, end);
                if !scan.is_directed && start != end {
                    push(id, end, start);
                }
            })?;
            context.tick(found)?;
            fan.origins.resize(fan.origins.len() + found, row);
            for added in &mut fan.added {
                match added {
                    Added::Relationships(_, ids) => {
                        relationships.iter_mut().for_each(|found| ids.append(found));
                    }
                    Added::Nodes(slot, ids) => {
                        let found = match *slot == scan.start {
                            true => &mut starts,
                            false => &mut ends,
                        };
                        found.iter_mut().for_each(|found| ids.append(found));
                    }
                    Added::Values(..) => {}
                }
            }
            if fan.flush_full(context, rest)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
    }
    fan.flush(context, rest)
}

/// The relationships with these ids.
pub(crate) fn relationships_by_id(
    scan: &RelationshipScan,
    ids: &Expression,
    types: &[TypeToken],
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let Some(types): Option<Vec<TypeId>> = context.types(types) else {
        return Ok(Flow::More);
    };
    let ids = Computed::of(ids, batch, context)?;
    let added = vec![
        Added::Relationships(scan.relationship, Vec::new()),
        Added::Nodes(scan.start, Vec::new()),
        Added::Nodes(scan.end, Vec::new()),
    ];
    let mut fan = Fan::new(batch, live, context.view, added);
    for (row, number) in (0..batch.rows).zip(0u32..) {
        let mut wanted: Vec<RelationshipId> = match ids.get(row) {
            Some(Value::List(items)) => items.iter().filter_map(relationship_id).collect(),
            Some(value) => relationship_id(&value).into_iter().collect(),
            None => {
                let drawn =
                    draw_relationships(&mut fan, number, &types, scan.is_directed, context, rest);
                if drawn? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
                continue;
            }
        };
        wanted.sort_unstable();
        wanted.dedup();
        for id in wanted {
            let Some((type_id, start, end)) = context.read().ends(id)? else {
                continue;
            };
            if !types.is_empty() && !types.contains(&type_id) {
                continue;
            }
            fan.add_relationship(number, id, [start, end], scan.is_directed);
            context.tick(1)?;
            if fan.flush_full(context, rest)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
    }
    fan.flush(context, rest)
}
