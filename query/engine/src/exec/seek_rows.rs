//! Seeks by the rows of indexes and constraints beyond one property of nodes.
//!
//! What such a seek finds is judged again by filters behind it, so where the rows do not reach back
//! to the version of the view, keep no values of the kind that is sought, or what is sought cannot be
//! computed, all elements of the label or type are found instead.

use std::ops::Bound;

use retrograph_graph::ids::ElementId;
use retrograph_graph::value::Value;
use retrograph_graph::{GraphError, IndexSort, NextProperty, PointBox, RowsSought, ScanCursor};

use super::batch::Batch;
use super::context::Context;
use super::expression::eval;
use super::fan::{Added, Fan};
use super::pipeline::{Flow, Rest};
use super::scan::{bound, draw_label, draw_relationships, is_bound, is_findable, known};
use crate::error::{QueryError, RuntimeError};
use crate::functions::boxes::{boxes_around, boxes_between};
use crate::plan::expression::{Expression, Slot, StringTest};
use crate::plan::operator::{Found, SeekRows};
use crate::plan::rows::{EqualTo, Next, RowSeek, RowsOf};

/// How many combinations of values are sought one by one.
const COMBINATIONS_MAX: usize = 10_000;

/// What the values of one row make of a seek.
enum Wanted {
    /// Nothing can be found.
    Nothing,
    /// The rows say nothing about it.
    Unknown,
    /// Rows with one of these values in each of the first properties, and what follows them.
    Values(Vec<Vec<Value>>, Behind),
    /// Strings that contain or end with this.
    Text(StringTest, Value),
    /// Points in these boxes.
    Boxes(Vec<PointBox>),
}

enum Behind {
    Any,
    Range(Bound<Value>, Bound<Value>),
    Prefix(Value),
}

/// The elements that rows find.
pub(crate) fn seek(
    operator: &SeekRows,
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let added = match &operator.found {
        Found::Node(node) => vec![Added::Nodes(*node, Vec::new())],
        Found::Relationship(found) => vec![
            Added::Relationships(found.relationship, Vec::new()),
            Added::Nodes(found.start, Vec::new()),
            Added::Nodes(found.end, Vec::new()),
        ],
    };
    let mut fan = Fan::new(batch, live, context.view, added);
    for (_, row) in (0..batch.rows).zip(0u32..) {
        let entry;
        let one = if batch.rows == 1 {
            batch
        } else {
            entry = batch.gather_all(&[row]);
            &entry
        };
        let wanted = known(wanted(&operator.seek, one, context))?.unwrap_or(Wanted::Unknown);
        let mut drawing = Drawing {
            operator,
            fan: &mut fan,
            row,
            page: Vec::new(),
        };
        if drawing.draw(&wanted, context, rest)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    fan.flush(context, rest)
}

/// What a value is to rows that keep strings or points only.
fn is_kept(sort: IndexSort, value: &Value) -> bool {
    match sort {
        IndexSort::Text => matches!(value, Value::String(_)),
        IndexSort::Point => matches!(value, Value::Point(_)),
        _ => true,
    }
}

fn wanted(seek: &RowSeek, one: &Batch, context: &mut Context<'_>) -> Result<Wanted, QueryError> {
    let mut equal = Vec::with_capacity(seek.equal.len());
    for (_, to) in &seek.equal {
        let values = match to {
            EqualTo::Value(value) => vec![eval(value, one, context)?.get(0)],
            EqualTo::Item(list) => items(list, one, context)?,
        };
        // Equal items find the same elements, which must come once.
        let mut values: Vec<Value> = values.into_iter().filter(is_findable).collect();
        values.sort_by(Value::cmp_order);
        values.dedup_by(|next, before| next.equivalent(before));
        if values.is_empty() {
            return Ok(Wanted::Nothing);
        }
        if !values.iter().all(|value| is_kept(seek.sort, value)) {
            return Ok(Wanted::Unknown);
        }
        equal.push(values);
    }
    Ok(match &seek.next {
        Next::Any => Wanted::Values(equal, Behind::Any),
        Next::Range(_, lower, upper) => {
            let lower = bound(lower, one, context)?;
            let upper = bound(upper, one, context)?;
            for end in [&lower, &upper] {
                if let Bound::Included(value) | Bound::Excluded(value) = end {
                    if !is_bound(value) {
                        return Ok(Wanted::Nothing);
                    }
                    if !is_kept(seek.sort, value) {
                        return Ok(Wanted::Unknown);
                    }
                }
            }
            Wanted::Values(equal, Behind::Range(lower, upper))
        }
        Next::Text(_, test, value) => match (eval(value, one, context)?.get(0), test) {
            (text @ Value::String(_), StringTest::StartsWith) => {
                Wanted::Values(equal, Behind::Prefix(text))
            }
            (text @ Value::String(_), test) => Wanted::Text(*test, text),
            // A test with anything but a string is never true.
            _ => Wanted::Nothing,
        },
        Next::WithinBox(_, lower, upper) => {
            let lower = eval(lower, one, context)?.get(0);
            match (lower, eval(upper, one, context)?.get(0)) {
                (Value::Point(lower), Value::Point(upper)) => {
                    Wanted::Boxes(boxes_between(&lower, &upper))
                }
                (Value::Null, _) | (_, Value::Null) => Wanted::Nothing,
                _ => Wanted::Unknown,
            }
        }
        Next::Near(_, center, radius) => {
            let center = eval(center, one, context)?.get(0);
            match (center, eval(radius, one, context)?.get(0)) {
                (Value::Point(center), Value::Float(radius)) => {
                    Wanted::Boxes(boxes_around(&center, radius))
                }
                #[allow(clippy::cast_precision_loss)]
                (Value::Point(center), Value::Int(radius)) => {
                    Wanted::Boxes(boxes_around(&center, radius as f64))
                }
                (Value::Null, _) => Wanted::Nothing,
                _ => Wanted::Unknown,
            }
        }
    })
}

fn items(
    list: &Expression,
    one: &Batch,
    context: &mut Context<'_>,
) -> Result<Vec<Value>, QueryError> {
    match eval(list, one, context)?.get(0) {
        Value::List(items) => Ok(items.to_vec()),
        Value::Null => Ok(Vec::new()),
        other => Err(RuntimeError::type_error(format!(
            "IN takes a list, not {}",
            other.type_name()
        ))
        .into()),
    }
}

/// Draws what is wanted for one row into a fan.
struct Drawing<'d, 'b> {
    operator: &'d SeekRows,
    fan: &'d mut Fan<'b>,
    row: u32,
    page: Vec<ElementId>,
}

impl Drawing<'_, '_> {
    fn draw(
        &mut self,
        wanted: &Wanted,
        context: &mut Context<'_>,
        rest: &mut Rest<'_>,
    ) -> Result<Flow, QueryError> {
        let found = match wanted {
            Wanted::Nothing => return Ok(Flow::More),
            Wanted::Unknown => Ok(Some(Flow::More)),
            Wanted::Values(equal, behind) => self.draw_values(equal, behind, context, rest),
            Wanted::Text(test, Value::String(text)) => {
                let sought = match test {
                    StringTest::EndsWith => RowsSought::EndingWith(text),
                    _ => RowsSought::Containing(text),
                };
                self.draw_rows(&sought, true, context, rest)
            }
            Wanted::Text(..) => return Ok(Flow::More),
            Wanted::Boxes(boxes) => self.draw_rows(&RowsSought::Boxes(boxes), true, context, rest),
        };
        match (found?, wanted) {
            (Some(flow), Wanted::Unknown) => {
                debug_assert!(flow == Flow::More);
                self.draw_all(context, rest)
            }
            (Some(flow), _) => Ok(flow),
            (None, _) => self.draw_all(context, rest),
        }
    }

    /// Draws the rows of each combination of values; none if the rows do not reach back far enough.
    fn draw_values(
        &mut self,
        equal: &[Vec<Value>],
        behind: &Behind,
        context: &mut Context<'_>,
        rest: &mut Rest<'_>,
    ) -> Result<Option<Flow>, QueryError> {
        let next = match behind {
            Behind::Any => NextProperty::Any,
            Behind::Range(lower, upper) => NextProperty::Range(lower.as_ref(), upper.as_ref()),
            Behind::Prefix(Value::String(text)) => NextProperty::Prefix(text),
            Behind::Prefix(_) => return Ok(Some(Flow::More)),
        };
        // Lists in several places multiply. Beyond a bound the first places do: filters judge again.
        let mut equal = equal;
        let mut next = next;
        let mut combinations = equal.iter().map(Vec::len).fold(1, usize::saturating_mul);
        while combinations > COMBINATIONS_MAX && equal.len() > 1 {
            equal = &equal[..equal.len() - 1];
            next = NextProperty::Any;
            combinations = equal.iter().map(Vec::len).fold(1, usize::saturating_mul);
        }
        let mut places = vec![0; equal.len()];
        let mut is_first = true;
        loop {
            let values: Vec<Value> = places
                .iter()
                .zip(equal)
                .map(|(place, values)| values[*place].clone())
                .collect();
            let sought = RowsSought::Values(&values, next);
            match self.draw_rows(&sought, is_first, context, rest)? {
                Some(Flow::More) => {}
                other => return Ok(other),
            }
            is_first = false;
            // The next combination, the last property changing first.
            let mut at = equal.len();
            loop {
                let Some(before) = at.checked_sub(1) else {
                    return Ok(Some(Flow::More));
                };
                at = before;
                places[at] += 1;
                if places[at] < equal[at].len() {
                    break;
                }
                places[at] = 0;
            }
        }
    }

    /// Draws rows; none, if they are the first, if the rows do not reach back far enough.
    fn draw_rows(
        &mut self,
        sought: &RowsSought<'_>,
        is_first: bool,
        context: &mut Context<'_>,
        rest: &mut Rest<'_>,
    ) -> Result<Option<Flow>, QueryError> {
        let mut cursor = ScanCursor::default();
        while !cursor.is_done() {
            let is_untouched = is_first && cursor == ScanCursor::default();
            let limit = self.fan.wanted();
            self.page.clear();
            let index = self.operator.seek.index;
            let read = context.read();
            match read.seek_rows(index, sought, &mut cursor, limit, &mut self.page) {
                Err(GraphError::IndexNotCovering { .. }) if is_untouched => return Ok(None),
                found => found?,
            }
            context.tick(self.page.len().max(1))?;
            if self.add_page(context, rest)? == Flow::Stop {
                return Ok(Some(Flow::Stop));
            }
        }
        Ok(Some(Flow::More))
    }

    /// Adds the elements of the page to the fan.
    fn add_page(
        &mut self,
        context: &mut Context<'_>,
        rest: &mut Rest<'_>,
    ) -> Result<Flow, QueryError> {
        for element in std::mem::take(&mut self.page) {
            match element {
                ElementId::Node(node) => self.fan.add_node(self.row, node),
                ElementId::Relationship(id) => {
                    if let Some((_, start, end)) = context.read().ends(id)? {
                        let is_directed = self.operator.found.is_directed();
                        self.fan
                            .add_relationship(self.row, id, [start, end], is_directed);
                    }
                }
            }
        }
        self.fan.flush_full(context, rest)
    }

    /// Draws all elements of the label or type.
    fn draw_all(
        &mut self,
        context: &mut Context<'_>,
        rest: &mut Rest<'_>,
    ) -> Result<Flow, QueryError> {
        match (&self.operator.seek.of, &self.operator.found) {
            (RowsOf::Label(label), Found::Node(node)) => match context.label(label) {
                Some(label) => draw_label(self.fan, self.row, *node, label, context, rest),
                None => Ok(Flow::More),
            },
            (RowsOf::Type(type_token), found) => {
                match context.types(std::slice::from_ref(type_token)) {
                    Some(types) => {
                        let is_directed = found.is_directed();
                        draw_relationships(self.fan, self.row, &types, is_directed, context, rest)
                    }
                    None => Ok(Flow::More),
                }
            }
            (RowsOf::Label(_), Found::Relationship(_)) => Ok(Flow::More),
        }
    }
}
