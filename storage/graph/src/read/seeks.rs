//! Nodes by the values of an index.

use std::ops::Bound;
use std::sync::Arc;

use super::scans::{Batch, ScanCursor, merge};
use super::{GraphRead, Result, proceed};
use crate::catalog::IndexDefinition;
use crate::error::GraphError;
use crate::ids::{IndexId, NodeId};
use crate::kv::Family;
use crate::overlay::Seen;
use crate::rows::closed::SetRange;
use crate::rows::{Key, prefix_end, property_prefix, read_trailing_node};
use crate::transaction::has_value;
use crate::value::Value;
use crate::value::key::{key_of, string_prefix_range, type_range};

/// What is looked for in an index.
struct Sought<'a> {
    lower: &'a [u8],
    upper: Option<&'a [u8]>,
    /// Whether `lower` is a whole value and nothing else is wanted.
    is_value: bool,
}

/// The keys of the values between bounds, of the type of a bound if there is one; none if no value
/// can lie there.
pub(super) fn value_range(
    lower: Bound<&Value>,
    upper: Bound<&Value>,
) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let of_type = |bound: Bound<&Value>| match bound {
        Bound::Included(value) | Bound::Excluded(value) => Some(type_range(value)),
        Bound::Unbounded => None,
    };
    let lower = match lower {
        Bound::Included(value) => key_of(value),
        Bound::Excluded(value) => prefix_end(&key_of(value)).to_vec(),
        Bound::Unbounded => of_type(upper).map(|range| range.0).unwrap_or_default(),
    };
    let upper = match upper {
        Bound::Included(value) => Some(prefix_end(&key_of(value)).to_vec()),
        Bound::Excluded(value) => Some(key_of(value)),
        // The type of a lower bound is its first byte.
        Bound::Unbounded => lower.first().map(|rank| vec![rank.saturating_add(1)]),
    };
    match &upper {
        Some(upper) if *upper <= lower => None,
        _ => Some((lower, upper)),
    }
}

impl GraphRead {
    /// Appends at most `limit` nodes that have a value equivalent to `value` in an index.
    pub fn seek_equal(
        &self,
        index: IndexId,
        value: &Value,
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<NodeId>,
    ) -> Result<()> {
        let lower = key_of(value);
        let definition = self.usable_index(index)?;
        let page = match self.written() {
            None if !cursor.done => self.graph.images.index(&definition, self.version),
            _ => None,
        };
        let Some(found) = page else {
            let sought = Sought {
                lower: &lower,
                upper: Some(&prefix_end(&lower)),
                is_value: true,
            };
            return self.seek(index, &sought, cursor, limit, out);
        };
        if found.is_interval {
            // It may have been built from rows that were being dropped.
            self.usable_index(index)?;
        }
        let set = SetRange::new(
            Family::Index,
            property_prefix(definition.label, definition.key),
        );
        let after = cursor
            .after
            .as_ref()
            .map(|after| read_trailing_node(after))
            .transpose()?;
        let noted = cursor
            .after
            .as_ref()
            .map_or_else(|| Key::from_slice(&lower), |_| cursor.next_key());
        let first = out.len();
        let mut is_cut = false;
        found.page.find(&lower, self.version.0, |node| {
            if after.is_some_and(|after| node <= after) {
                return true;
            }
            is_cut = out.len() - first == limit.max(1);
            if !is_cut {
                out.push(node);
            }
            !is_cut
        });
        let last = out.last().filter(|_| is_cut).map(|node| {
            let mut rest = Key::from_slice(&lower);
            rest.extend_from_slice(&node.0.to_be_bytes());
            rest
        });
        cursor.advance(last.as_deref(), !is_cut);
        self.note_scan(&set, &noted, Some(&prefix_end(&lower)), cursor);
        Ok(())
    }

    /// Appends at most `limit` nodes whose value in an index lies between bounds, in order of
    /// values. If there is a bound, only values of its type count.
    pub fn seek_range(
        &self,
        index: IndexId,
        lower: Bound<&Value>,
        upper: Bound<&Value>,
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<NodeId>,
    ) -> Result<()> {
        let Some((lower, upper_key)) = value_range(lower, upper) else {
            cursor.done = true;
            return Ok(());
        };
        let sought = Sought {
            lower: &lower,
            upper: upper_key.as_deref(),
            is_value: false,
        };
        self.seek(index, &sought, cursor, limit, out)
    }

    /// Appends at most `limit` nodes whose value in an index is a string that starts with `prefix`.
    pub fn seek_prefix(
        &self,
        index: IndexId,
        prefix: &str,
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<NodeId>,
    ) -> Result<()> {
        let (lower, upper) = string_prefix_range(prefix);
        let sought = Sought {
            lower: &lower,
            upper: Some(&upper),
            is_value: false,
        };
        self.seek(index, &sought, cursor, limit, out)
    }

    fn usable_index(&self, id: IndexId) -> Result<Arc<IndexDefinition>> {
        let catalog = self.graph.catalog.load();
        match catalog.index(id) {
            Some(index) if index.dropped.is_none() && index.covers_from <= self.version => {
                Ok(Arc::clone(index))
            }
            _ => Err(GraphError::IndexNotCovering {
                index: id.0,
                version: self.version,
            }),
        }
    }

    fn seek(
        &self,
        index: IndexId,
        sought: &Sought<'_>,
        cursor: &mut ScanCursor,
        limit: usize,
        out: &mut Vec<NodeId>,
    ) -> Result<()> {
        if cursor.done {
            return Ok(());
        }
        let definition = self.usable_index(index)?;
        let (value, upper) = (sought.lower, sought.upper);
        let (label, key) = (definition.label, definition.key);
        let set = SetRange::new(Family::Index, property_prefix(label, key));
        let lower = cursor
            .after
            .as_ref()
            .map_or_else(|| Key::from_slice(value), |_| cursor.next_key());
        let own = self.written();
        let mut base = Batch::new(limit);
        let is_own = |id: NodeId| own.is_some_and(|own| matches!(own.see(id.into()), Seen::Own(_)));
        let page = match sought.is_value {
            true => self.graph.images.index(&definition, self.version),
            false => None,
        };
        if let Some(found) = page {
            found.page.find(value, self.version.0, |id| {
                let mut rest = Key::from_slice(value);
                rest.extend_from_slice(&id.0.to_be_bytes());
                rest < lower || is_own(id) || base.push(rest)
            });
        } else {
            self.stored().scan_set(&set, &lower, upper, &mut |rest| {
                let id = read_trailing_node(rest)?;
                Ok(proceed(is_own(id) || base.push(Key::from_slice(rest))))
            })?;
        }
        // Dropping an index removes it from the catalog before its rows: if it is still there, what
        // was read was whole.
        self.usable_index(index)?;
        let mut extra = Batch::new(limit);
        if let Some(own) = own {
            let end = upper.map_or_else(|| prefix_end(&set.prefix), |u| set.current_key(u));
            own.with(|overlay, below| {
                for row in overlay.values.range(set.current_key(&lower)..end) {
                    let Ok(id) = read_trailing_node(row) else {
                        continue;
                    };
                    let has_row = match overlay.see(id.into(), below) {
                        Seen::Own(state) => has_value(state.as_ref(), label, key, id, row),
                        Seen::AsStored => false,
                    };
                    if has_row && !extra.push(Key::from_slice(&row[set.prefix.len()..])) {
                        break;
                    }
                }
            });
        }
        let (rows, done) = merge(base, extra);
        cursor.advance(rows.last().map(Key::as_slice), done);
        self.note_scan(&set, &lower, upper, cursor);
        for row in &rows {
            out.push(read_trailing_node(row)?);
        }
        Ok(())
    }
}
