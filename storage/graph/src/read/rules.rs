//! Elements by the rows of a rule: an index of any sort, or what stands behind a constraint.
//!
//! What is sought becomes ranges of rows, ascending and disjoint, and sometimes a test of what the
//! rows themselves say, so that no record is read. Rows of own writes are merged in as in other
//! seeks.

use std::ops::Bound;
use std::sync::Arc;

use super::scans::{Batch, ScanCursor, merge};
use super::seeks::value_range;
use super::{GraphRead, Result, proceed};
use crate::error::GraphError;
use crate::ids::{ElementId, IndexId};
use crate::overlay::Seen;
use crate::rows::{Key, prefix_end};
use crate::rule::{IndexSort, RuleDefinition, RuleKind};
use crate::value::Value;
use crate::value::curve::{PointBox, encode_point};
use crate::value::key::{encode_key, string_prefix_range, text_in_key};

/// How many rows one page of a seek that tests rows looks at, so that its caller can stop it.
const TESTED_MAX: usize = 1 << 14;

/// What is asked of the property behind those that are equal to given values.
#[derive(Clone, Copy, Debug)]
pub enum NextProperty<'a> {
    /// Nothing.
    Any,
    /// Between bounds, of which one at least is given; only values of the bounds' type count.
    Range(Bound<&'a Value>, Bound<&'a Value>),
    /// A string that begins so.
    Prefix(&'a str),
}

/// What is sought in the rows of a rule.
#[derive(Clone, Copy, Debug)]
pub enum RowsSought<'a> {
    /// The first properties have values equivalent to these, the next one is as said. A text index
    /// has strings only, a point index points only.
    Values(&'a [Value], NextProperty<'a>),
    /// Strings of a text index that contain this.
    Containing(&'a str),
    /// Strings of a text index that end so.
    EndingWith(&'a str),
    /// Points of a point index in any of these boxes.
    Boxes(&'a [PointBox]),
}

/// From the first key, what follows the common start of the rows, up to the second.
type Ranges = Vec<(Key, Key)>;

impl RowsSought<'_> {
    /// The ranges of rows to look at, ascending and disjoint.
    fn ranges(&self, rule: &RuleDefinition) -> Ranges {
        let of_prefix = |prefix: &[u8]| (Key::from_slice(prefix), prefix_end(prefix));
        match self {
            Self::Values(equal, next) => {
                let mut prefix = Vec::with_capacity(32);
                for value in *equal {
                    match (rule.kind, value) {
                        (RuleKind::Index(IndexSort::Point), Value::Point(point)) => {
                            encode_point(point, &mut prefix);
                        }
                        _ => encode_key(value, &mut prefix),
                    }
                }
                let behind = |rest: &[u8]| {
                    let mut key = Key::from_slice(&prefix);
                    key.extend_from_slice(rest);
                    key
                };
                match next {
                    NextProperty::Any if prefix.is_empty() => all_rows(),
                    NextProperty::Any => vec![of_prefix(&prefix)],
                    NextProperty::Range(lower, upper) => match value_range(*lower, *upper) {
                        None => Vec::new(),
                        Some((lower, Some(upper))) => vec![(behind(&lower), behind(&upper))],
                        Some((lower, None)) if prefix.is_empty() => {
                            vec![(behind(&lower), all_rows()[0].1.clone())]
                        }
                        Some((lower, None)) => vec![(behind(&lower), prefix_end(&prefix))],
                    },
                    NextProperty::Prefix(text) => {
                        let (lower, upper) = string_prefix_range(text);
                        vec![(behind(&lower), behind(&upper))]
                    }
                }
            }
            Self::Containing(_) | Self::EndingWith(_) => all_rows(),
            Self::Boxes(boxes) => {
                let mut ranges: Ranges = boxes.iter().flat_map(PointBox::ranges).collect();
                ranges.sort_unstable();
                // Boxes may overlap; an element comes once.
                ranges.dedup_by(|next, before| {
                    let joins = next.0 <= before.1;
                    if joins && next.1 > before.1 {
                        before.1 = std::mem::take(&mut next.1);
                    }
                    joins
                });
                ranges
            }
        }
    }

    /// Whether rows within the ranges have to be looked at.
    const fn tests_rows(&self) -> bool {
        !matches!(self, Self::Values(..))
    }

    /// Whether what a row keeps is what is sought.
    fn accepts(&self, kept: &[u8]) -> bool {
        match self {
            Self::Values(..) => true,
            Self::Containing(part) => text_in_key(kept).is_some_and(|text| text.contains(part)),
            Self::EndingWith(part) => text_in_key(kept).is_some_and(|text| text.ends_with(part)),
            Self::Boxes(boxes) => boxes.iter().any(|one| one.contains(kept)),
        }
    }
}

/// The ranges of all rows: no value starts with 0xff.
fn all_rows() -> Ranges {
    vec![(Key::new(), Key::from_slice(&[0xff]))]
}

impl GraphRead {
    /// Appends at most `limit` elements that have rows as sought under a rule, in the order of rows.
    /// A page may be empty though the cursor is not done.
    ///
    /// # Errors
    /// The rule's rows do not reach back to the version of the view.
    pub fn seek_rows(
        &self,
        rule: IndexId,
        sought: &RowsSought<'_>,
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<ElementId>,
    ) -> Result<()> {
        if cursor.done {
            return Ok(());
        }
        let rule = self.usable_rule(rule)?;
        let from = cursor.next_key();
        let mut left = limit.max(1);
        let mut ranges = sought.ranges(&rule).into_iter().peekable();
        cursor.done = true;
        while let Some((lower, upper)) = ranges.next() {
            if upper <= from {
                continue;
            }
            let lower = lower.max(from.clone());
            let found = self.seek_range_of(&rule, sought, (&lower, &upper), cursor, left)?;
            for row in &found {
                out.push(rule.element_of(row)?);
            }
            left = left.saturating_sub(found.len());
            if !cursor.done {
                break;
            }
            if left == 0 && ranges.peek().is_some() {
                cursor.done = false;
                break;
            }
        }
        // Dropping a rule removes it from the catalog before its rows: if it is still there, what
        // was read was whole.
        self.usable_rule(rule.id)?;
        Ok(())
    }

    /// At most `limit` rows of a range, without what they have in common; moves the cursor behind
    /// them.
    fn seek_range_of(
        &self,
        rule: &RuleDefinition,
        sought: &RowsSought<'_>,
        (lower, upper): (&Key, &Key),
        cursor: &mut ScanCursor,
        limit: usize,
    ) -> Result<Vec<Key>> {
        let set = rule.set();
        let own = self.written();
        let is_own =
            |element: ElementId| own.is_some_and(|own| matches!(own.see(element), Seen::Own(_)));
        let is_sought = |rest: &[u8]| sought.accepts(&rest[..rest.len().saturating_sub(8)]);
        let tested_max = match sought.tests_rows() {
            true => TESTED_MAX,
            false => usize::MAX,
        };
        let (mut tested, mut stopped) = (0, None);
        let mut base = Batch::new(limit);
        let visit = &mut |rest: &[u8]| {
            if tested == tested_max {
                return Ok(proceed(false));
            }
            tested += 1;
            if tested == tested_max {
                stopped = Some(Key::from_slice(rest));
            }
            let is_given = is_sought(rest) && !is_own(rule.element_of(rest)?);
            Ok(proceed(!is_given || base.push(Key::from_slice(rest))))
        };
        self.stored().scan_set(&set, lower, Some(upper), visit)?;
        let end = stopped.as_ref().map(|row| prefix_end(row));
        let end = end.as_ref().unwrap_or(upper);
        let mut extra = Batch::new(limit);
        if let Some(own) = own {
            own.with(|overlay, below| {
                for row in overlay
                    .values
                    .range(set.current_key(lower)..set.current_key(end))
                {
                    let rest = &row[set.prefix.len()..];
                    let Ok(element) = rule.element_of(rest) else {
                        continue;
                    };
                    let has_row = match overlay.see(element, below) {
                        Seen::Own(Some(state)) => rule.rows_of_state(element, &state).contains(row),
                        Seen::Own(None) | Seen::AsStored => false,
                    };
                    if has_row && is_sought(rest) && !extra.push(Key::from_slice(rest)) {
                        break;
                    }
                }
            });
        }
        let (rows, is_all) = merge(base, extra);
        match stopped {
            Some(row) if is_all => cursor.advance(Some(&row), false),
            _ => cursor.advance(rows.last().map(Key::as_slice), is_all),
        }
        self.note_scan(&set, lower, Some(upper), cursor);
        Ok(rows)
    }

    /// A rule whose rows answer for the view.
    fn usable_rule(&self, id: IndexId) -> Result<Arc<RuleDefinition>> {
        let catalog = self.graph.catalog.load();
        match catalog.rule(id) {
            Some(rule) if rule.dropped.is_none() && rule.covers_from <= self.version => {
                Ok(Arc::clone(rule))
            }
            _ => Err(GraphError::IndexNotCovering {
                index: id.0,
                version: self.version,
            }),
        }
    }
}
