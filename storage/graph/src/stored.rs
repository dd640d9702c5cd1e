//! What the store holds as of a version: current rows where they reach back far enough, closed
//! twins where not.
//!
//! Reading needs no store snapshot. A row in force at version `v` is either still current with
//! `from ≤ v`, or has been moved to its closed twin by a later commit, in one atomic batch. So a
//! read looks at the current rows *first* and at the closed ones after, and cannot miss it in
//! between. The closed rows are looked at only if some batch after `v` has begun to be written
//! ([`Stored::is_past`], asked *after* the current rows were read), so reads of the latest version
//! never pay for the past.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::encoding::record::RecordRef;
use crate::error::GraphError;
use crate::ids::{ElementId, Version};
use crate::kv::{Family, OrderedStore, RowCursor};
use crate::rows::closed::{
    CLOSED_ELEMENT_KEY_BYTES, SetRange, closed_element_key, closed_kind_prefix, trailing_version,
    version_in,
};
use crate::rows::{
    ELEMENT_KEY_BYTES, Key, VERSION_BYTES, element_key, prefix_end, read_element_key, read_from,
    version_bytes,
};

type Result<T> = std::result::Result<T, GraphError>;

/// How a scan of elements goes on: to the next, to a given one, or not at all.
pub(crate) type Step = ControlFlow<Option<ElementId>>;

/// The rows of a store as of one version.
#[derive(Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub store: &'a dyn OrderedStore,
    /// The latest version that has begun to be written.
    pub writing: &'a AtomicU64,
    pub version: Version,
}

/// Where the segment that answers a version starts, and whether it answers alone.
struct Segment {
    start: Version,
    is_sealed: bool,
}

impl<'a> Stored<'a> {
    /// Whether rows may have changed since the version.
    pub fn is_past(&self) -> bool {
        self.writing.load(Ordering::SeqCst) > self.version.0
    }

    /// Hands the record of an element to `read`, if the element exists.
    pub fn element<T>(
        &self,
        element: ElementId,
        mut read: impl FnMut(&RecordRef<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let key = element_key(element);
        let mut found = None;
        self.store.get_with(Family::Element, &key, &mut |bytes| {
            found = self.visible(element, bytes, &mut read).transpose();
        })?;
        if let Some(found) = found {
            return found.map(Some);
        }
        if !self.is_past() {
            return Ok(None);
        }
        let lower = closed_element_key(element, self.version.next());
        let upper = closed_element_key(element, Version::MAX);
        let cursor = self.store.scan(Family::Closed, &lower, &upper, false)?;
        if cursor.valid() {
            return self.visible(element, cursor.value(), &mut read);
        }
        cursor.status()?;
        Ok(None)
    }

    fn visible<T>(
        &self,
        element: ElementId,
        bytes: &[u8],
        read: &mut impl FnMut(&RecordRef<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let record = parse(element, bytes)?;
        if record.from() <= self.version {
            read(&record).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Since when and until when the version of an element lasts that the view sees.
    pub fn interval(&self, element: ElementId) -> Result<Option<(Version, Option<Version>)>> {
        let key = element_key(element);
        let mut from = None;
        self.store.get_with(Family::Element, &key, &mut |bytes| {
            from = Some(parse(element, bytes).map(|record| record.from()));
        })?;
        if let Some(from) = from.transpose()?
            && from <= self.version
        {
            return Ok(Some((from, None)));
        }
        let lower = closed_element_key(element, self.version.next());
        let upper = closed_element_key(element, Version::MAX);
        let cursor = self.store.scan(Family::Closed, &lower, &upper, false)?;
        if !cursor.valid() {
            cursor.status()?;
            return Ok(None);
        }
        let from = parse(element, cursor.value())?.from();
        let to = trailing_version(cursor.key());
        Ok((from <= self.version).then_some((from, to)))
    }

    /// The versions of an element up to this one, the oldest first.
    pub fn visit_versions(
        &self,
        element: ElementId,
        visit: &mut dyn FnMut(Version, Option<Version>) -> ControlFlow<()>,
    ) -> Result<()> {
        // First, as a commit may end it meanwhile; it is then found among the closed ones too.
        let mut current = None;
        self.store
            .get_with(Family::Element, &element_key(element), &mut |bytes| {
                current = Some(parse(element, bytes).map(|record| record.from()));
            })?;
        let current = current.transpose()?.filter(|from| *from <= self.version);
        let lower = closed_element_key(element, Version(0));
        let upper = closed_element_key(element, Version::MAX);
        let mut cursor = self.store.scan(Family::Closed, &lower, &upper, false)?;
        let mut last = None;
        while cursor.valid() {
            let from = parse(element, cursor.value())?.from();
            if from > self.version {
                return Ok(());
            }
            let to = trailing_version(cursor.key()).filter(|to| *to <= self.version);
            if visit(from, to).is_break() {
                return Ok(());
            }
            last = Some(from);
            cursor.next();
        }
        cursor.status()?;
        if let Some(from) = current
            && last != Some(from)
        {
            let _ = visit(from, None);
        }
        Ok(())
    }

    /// The version of an element that ended with a commit: its `from` and its record.
    pub fn ended_at<T>(
        &self,
        element: ElementId,
        to: Version,
        mut read: impl FnMut(&RecordRef<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut found = None;
        let key = closed_element_key(element, to);
        self.store.get_with(Family::Closed, &key, &mut |bytes| {
            found = Some(parse(element, bytes).and_then(|record| read(&record)));
        })?;
        found.transpose()
    }

    /// Visits the elements of the kind of `first` from it on, ascending by id.
    pub fn scan_elements(
        &self,
        first: ElementId,
        visit: &mut dyn FnMut(ElementId, &RecordRef<'_>) -> Result<Step>,
    ) -> Result<()> {
        let kind = element_key(first)[0];
        let lower = element_key(first);
        let mut current = self
            .store
            .scan(Family::Element, &lower, &[kind + 1], false)?;
        let mut closed: Option<Box<dyn RowCursor>> = if self.is_past() {
            let lower = closed_element_key(first, Version(0));
            let upper = prefix_end(&closed_kind_prefix(first));
            Some(self.store.scan(Family::Closed, &lower, &upper, false)?)
        } else {
            None
        };
        loop {
            let now = key_of(current.as_ref(), 0)?;
            let then = match &closed {
                Some(cursor) => key_of(cursor.as_ref(), 1)?,
                None => None,
            };
            let Some(element) = (match (now, then) {
                (Some(now), Some(then)) => Some(now.min(then)),
                (one, other) => one.or(other),
            }) else {
                current.status()?;
                return closed.map_or(Ok(()), |cursor| Ok(cursor.status()?));
            };
            let mut seen = None;
            if now == Some(element) {
                let record = parse(element, current.value())?;
                if record.from() <= self.version {
                    seen = Some(visit(element, &record)?);
                }
            }
            if let Some(cursor) = &mut closed
                && then == Some(element)
            {
                if seen.is_none() {
                    cursor.seek(&closed_element_key(element, self.version.next()));
                    if key_of(cursor.as_ref(), 1)? == Some(element) {
                        let record = parse(element, cursor.value())?;
                        if record.from() <= self.version {
                            seen = Some(visit(element, &record)?);
                        }
                    }
                }
                cursor.seek(&prefix_end(
                    &closed_element_key(element, Version(0))[..=ELEMENT_KEY_BYTES],
                ));
            }
            if now == Some(element) {
                current.next();
            }
            match seen {
                Some(ControlFlow::Break(None)) => return Ok(()),
                Some(ControlFlow::Break(Some(next))) => {
                    current.seek(&element_key(next));
                    if let Some(cursor) = &mut closed {
                        cursor.seek(&closed_element_key(next, Version(0)));
                    }
                }
                Some(ControlFlow::Continue(())) | None => {}
            }
        }
    }

    /// Visits the rows of a set, ascending by what follows the common start of their keys, from
    /// `lower` up to, not including, `upper`.
    pub fn scan_set(
        &self,
        set: &SetRange,
        lower: &[u8],
        upper: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let skip = set.prefix.len();
        let first = set.current_key(lower);
        let end = upper.map_or_else(|| prefix_end(&set.prefix), |upper| set.current_key(upper));
        let mut current = self.store.scan(set.family, &first, &end, false)?;
        let segment = if self.is_past() {
            self.segment(set)?
        } else {
            None
        };
        let Some(segment) = segment else {
            while current.valid() {
                if read_from(current.value())? <= self.version
                    && visit(&current.key()[skip..])?.is_break()
                {
                    return Ok(());
                }
                current.next();
            }
            return Ok(current.status()?);
        };
        let prefix = set.segment_prefix(segment.start);
        let mut first = prefix.clone();
        first.extend_from_slice(lower);
        let end = upper.map_or_else(
            || prefix_end(&prefix),
            |upper| {
                let mut end = prefix.clone();
                end.extend_from_slice(upper);
                end
            },
        );
        let closed = self.store.scan(Family::Closed, &first, &end, false)?;
        let mut closed = ClosedRows {
            cursor: closed,
            prefix: prefix.len(),
            version: self.version,
        };
        closed.settle()?;
        let mut current = (!segment.is_sealed).then_some(current);
        loop {
            while let Some(cursor) = &mut current
                && cursor.valid()
                && read_from(cursor.value())? > self.version
            {
                cursor.next();
            }
            let now = current
                .as_ref()
                .filter(|cursor| cursor.valid())
                .map(|cursor| &cursor.key()[skip..]);
            let then = closed.rest();
            let (rest, is_now, is_then) = match (now, then) {
                (Some(now), Some(then)) => (now.min(then), now <= then, then <= now),
                (Some(now), None) => (now, true, false),
                (None, Some(then)) => (then, false, true),
                (None, None) => break,
            };
            if visit(rest)?.is_break() {
                return Ok(());
            }
            if is_now && let Some(cursor) = &mut current {
                cursor.next();
            }
            if is_then {
                closed.cursor.next();
                closed.settle()?;
            }
        }
        if let Some(cursor) = current {
            cursor.status()?;
        }
        Ok(closed.cursor.status()?)
    }

    /// The segment of a set that answers the version; `None` if nothing of the set ever ended.
    fn segment(&self, set: &SetRange) -> Result<Option<Segment>> {
        let (first, end) = set.closed_bounds();
        let next = set.segment_prefix(self.version.next());
        let offset = first.len();
        let before = self.store.scan(Family::Closed, &first, &next, true)?;
        let start = segment_at(before.as_ref(), offset)?;
        let after = self.store.scan(Family::Closed, &next, &end, false)?;
        let is_sealed = after.valid();
        after.status()?;
        Ok(match start {
            Some(start) => Some(Segment { start, is_sealed }),
            None if is_sealed => Some(Segment {
                start: Version(0),
                is_sealed,
            }),
            None => None,
        })
    }

    /// Whether a row of a set holds.
    pub fn set_contains(&self, set: &SetRange, rest: &[u8]) -> Result<bool> {
        let mut from = None;
        self.store
            .get_with(set.family, &set.current_key(rest), &mut |value| {
                from = Some(read_from(value));
            })?;
        if let Some(from) = from.transpose()?
            && from <= self.version
        {
            return Ok(true);
        }
        if !self.is_past() {
            return Ok(false);
        }
        let Some(segment) = self.segment(set)? else {
            return Ok(false);
        };
        let mut first = set.segment_prefix(segment.start);
        first.extend_from_slice(rest);
        let mut end = first.clone();
        first.extend_from_slice(&version_bytes(self.version.next()));
        end.extend_from_slice(&[0xff; VERSION_BYTES]);
        end.push(0);
        let cursor = self.store.scan(Family::Closed, &first, &end, false)?;
        if cursor.valid() {
            return Ok(read_from(cursor.value())? <= self.version);
        }
        cursor.status()?;
        Ok(false)
    }
}

/// The start of the segment of the row under a cursor.
pub(crate) fn segment_at(cursor: &dyn RowCursor, offset: usize) -> Result<Option<Version>> {
    if !cursor.valid() {
        cursor.status()?;
        return Ok(None);
    }
    version_in(cursor.key(), offset)
        .map(Some)
        .ok_or_else(|| GraphError::corrupt("closed row", "its key is too short"))
}

/// The rows of a segment that hold at a version.
struct ClosedRows<'a> {
    cursor: Box<dyn RowCursor + 'a>,
    /// The length of what precedes the rest in a key.
    prefix: usize,
    version: Version,
}

impl ClosedRows<'_> {
    fn rest(&self) -> Option<&[u8]> {
        let key = self.cursor.key();
        key.get(self.prefix..key.len().saturating_sub(VERSION_BYTES))
            .filter(|rest| !rest.is_empty() && self.cursor.valid())
    }

    /// Goes on to the next row that holds, if the one under the cursor does not.
    fn settle(&mut self) -> Result<()> {
        while self.cursor.valid() {
            // The marker has nothing behind the prefix and says nothing about any row.
            if self.cursor.key().len() > self.prefix {
                let to = trailing_version(self.cursor.key()).unwrap_or(Version(0));
                let from = read_from(self.cursor.value())?;
                if from <= self.version && self.version < to {
                    return Ok(());
                }
            }
            self.cursor.next();
        }
        Ok(self.cursor.status()?)
    }
}

fn parse(element: ElementId, bytes: &[u8]) -> Result<RecordRef<'_>> {
    RecordRef::parse(bytes)
        .map_err(|error| GraphError::corrupt(format!("record of {element:?}"), error))
}

fn key_of(cursor: &dyn RowCursor, skip: usize) -> Result<Option<ElementId>> {
    if !cursor.valid() {
        return Ok(None);
    }
    let key = cursor.key();
    debug_assert!(skip == 0 || key.len() == CLOSED_ELEMENT_KEY_BYTES);
    Ok(Some(read_element_key(key.get(skip..).unwrap_or(&[]))?))
}

/// The rows of one node's adjacency in one direction, as of the version of `stored`, handed over as
/// (type, neighbour, relationship) bytes. Types are found by skipping from one to the next.
pub(crate) fn closed_types(
    stored: &Stored<'_>,
    prefix: &[u8],
    mut visit: impl FnMut(u32) -> Result<()>,
) -> Result<()> {
    let first = crate::rows::closed::closed_adjacency_prefix(prefix);
    let end = prefix_end(&first);
    let at = first.len();
    let mut cursor = stored.store.scan(Family::Closed, &first, &end, false)?;
    while cursor.valid() {
        let Some(bytes) = cursor
            .key()
            .get(at..at + 4)
            .and_then(|b| b.first_chunk::<4>())
        else {
            return Err(GraphError::corrupt(
                "closed adjacency row",
                "its key is too short",
            ));
        };
        let type_id = u32::from_be_bytes(*bytes);
        visit(type_id)?;
        let mut next = Key::from_slice(&cursor.key()[..at]);
        match type_id.checked_add(1) {
            Some(type_id) => next.extend_from_slice(&type_id.to_be_bytes()),
            None => return Ok(()),
        }
        cursor.seek(&next);
    }
    Ok(cursor.status()?)
}
