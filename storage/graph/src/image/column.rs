//! Column pages: one property of a block of elements, in the narrowest array that holds it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::delta::Delta;
use super::directory::Page;
use super::ids::{Intervals, Life};
use crate::blocks::BLOCK_IDS;
use crate::column::{Bitmap, Column, NULL_CODE};
use crate::ids::{ElementId, NodeId, RelationshipId};
use crate::value::Value;

/// One property of the elements of a block.
#[derive(Default)]
pub(crate) struct ColumnPage {
    values: Values,
    /// Which entries are null, one bit each; nothing if none is.
    nulls: Option<Box<[u64]>>,
    /// In a page of an interval: where the entries of each element start, and their lives. Else an
    /// element's number is that of its entry.
    intervals: Option<Intervals>,
    delta: Arc<Delta<Value>>,
}

/// The values of a page; what stands where an entry is null says nothing.
#[derive(Debug, Default)]
enum Values {
    /// All entries are null.
    #[default]
    None,
    Int8(Box<[i8]>),
    Int16(Box<[i16]>),
    Int32(Box<[i32]>),
    Int64(Box<[i64]>),
    Float(Box<[f64]>),
    Bool(Box<[bool]>),
    /// Numbers of distinct values; strings are kept once each.
    Dictionary {
        codes: Box<[u16]>,
        values: Arc<[Value]>,
    },
    /// More distinct values than a dictionary has numbers for.
    Any(Box<[Value]>),
}

impl Page for ColumnPage {
    type Change = Value;

    fn delta(&self) -> &Arc<Delta<Value>> {
        &self.delta
    }

    fn bytes(&self) -> usize {
        let of = |values: &[Value]| -> usize {
            values
                .iter()
                .map(|value| size_of::<Value>() + heap_bytes(value))
                .sum()
        };
        let values = match &self.values {
            Values::None => 0,
            Values::Int8(values) => values.len(),
            Values::Int16(values) => values.len() * 2,
            Values::Int32(values) => values.len() * 4,
            Values::Int64(values) => values.len() * 8,
            Values::Float(values) => values.len() * 8,
            Values::Bool(values) => values.len(),
            Values::Dictionary { codes, values } => codes.len() * 2 + of(values),
            Values::Any(values) => of(values),
        };
        let intervals = self.intervals.as_ref();
        values
            + self.nulls.as_ref().map_or(0, |nulls| nulls.len() * 8)
            + intervals.map_or(0, |(starts, lives)| {
                starts.len() * 4 + size_of_val::<[Life]>(lives)
            })
    }

    fn rows(&self) -> usize {
        self.len()
    }
}

/// Bytes that a value has elsewhere.
pub(super) fn heap_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 16,
        Value::Bytes(bytes) => bytes.len() + 16,
        Value::List(items) => {
            16 + items
                .iter()
                .map(|item| size_of::<Value>() + heap_bytes(item))
                .sum::<usize>()
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => 0,
        _ => 64,
    }
}

impl Values {
    fn new(values: &[Value]) -> Self {
        let mut present = values.iter().filter(|value| !matches!(value, Value::Null));
        let Some(first) = present.next() else {
            return Self::None;
        };
        let like = |value: &Value| std::mem::discriminant(value) == std::mem::discriminant(first);
        if !present.all(like) {
            return Self::dictionary(values);
        }
        match first {
            Value::Int(_) => Self::integers(values),
            Value::Float(_) => Self::Float(each(values, |value| match value {
                Value::Float(value) => *value,
                _ => 0.0,
            })),
            Value::Bool(_) => Self::Bool(each(values, |value| matches!(value, Value::Bool(true)))),
            _ => Self::dictionary(values),
        }
    }

    fn integers(values: &[Value]) -> Self {
        let ints: Box<[i64]> = each(values, |value| match value {
            Value::Int(value) => *value,
            _ => 0,
        });
        // Zero is within, so that it can stand where an entry is null.
        let min = ints.iter().copied().min().unwrap_or(0).min(0);
        let max = ints.iter().copied().max().unwrap_or(0).max(0);
        let fits = |low: i64, high: i64| low <= min && max <= high;
        if fits(i8::MIN.into(), i8::MAX.into()) {
            Self::Int8(ints.iter().map(|value| *value as i8).collect())
        } else if fits(i16::MIN.into(), i16::MAX.into()) {
            Self::Int16(ints.iter().map(|value| *value as i16).collect())
        } else if fits(i32::MIN.into(), i32::MAX.into()) {
            Self::Int32(ints.iter().map(|value| *value as i32).collect())
        } else {
            Self::Int64(ints)
        }
    }

    fn dictionary(values: &[Value]) -> Self {
        let mut known: HashMap<Arc<str>, u16> = HashMap::new();
        let mut distinct: Vec<Value> = Vec::new();
        let mut codes = Vec::with_capacity(values.len());
        for value in values {
            let next = u16::try_from(distinct.len());
            let code = match (value, next) {
                (Value::Null, _) => 0,
                (Value::String(text), _) if known.contains_key(text) => known[text],
                (_, Err(_)) => return Self::Any(values.into()),
                (value, Ok(next)) => {
                    if let Value::String(text) = value {
                        known.insert(Arc::clone(text), next);
                    }
                    distinct.push(value.clone());
                    next
                }
            };
            codes.push(code);
        }
        Self::Dictionary {
            codes: codes.into(),
            values: distinct.into(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Int8(values) => values.len(),
            Self::Int16(values) => values.len(),
            Self::Int32(values) => values.len(),
            Self::Int64(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Dictionary { codes, .. } => codes.len(),
            Self::Any(values) => values.len(),
        }
    }

    fn get(&self, entry: usize) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Int8(values) => Value::Int(values[entry].into()),
            Self::Int16(values) => Value::Int(values[entry].into()),
            Self::Int32(values) => Value::Int(values[entry].into()),
            Self::Int64(values) => Value::Int(values[entry]),
            Self::Float(values) => Value::Float(values[entry]),
            Self::Bool(values) => Value::Bool(values[entry]),
            Self::Dictionary { codes, values } => values[usize::from(codes[entry])].clone(),
            Self::Any(values) => values[entry].clone(),
        }
    }
}

fn each<T>(values: &[Value], f: impl Fn(&Value) -> T) -> Box<[T]> {
    values.iter().map(f).collect()
}

/// Numbers of elements within their block.
pub(crate) trait Locals: Clone {
    /// All of them, if each is one more than the one before.
    fn range(&self) -> Option<Range<usize>>;
    /// Visits them in order.
    fn for_each(self, f: impl FnMut(u64));
}

impl Locals for Range<usize> {
    fn range(&self) -> Option<Range<usize>> {
        Some(self.clone())
    }

    fn for_each(self, mut f: impl FnMut(u64)) {
        for local in self {
            f(local as u64);
        }
    }
}

/// The numbers of some ids, in any order.
#[derive(Clone, Copy)]
pub(crate) struct Scattered<'a, T>(pub &'a [T]);

impl<T: Copy + Into<ElementId>> Locals for Scattered<'_, T> {
    fn range(&self) -> Option<Range<usize>> {
        None
    }

    fn for_each(self, mut f: impl FnMut(u64)) {
        for id in self.0 {
            let (ElementId::Node(NodeId(id)) | ElementId::Relationship(RelationshipId(id))) =
                (*id).into();
            f(id % BLOCK_IDS);
        }
    }
}

impl ColumnPage {
    /// A page of one moment, of the values of the elements by their number.
    pub fn new(mut values: Vec<Value>, delta: Arc<Delta<Value>>) -> Self {
        while values
            .last()
            .is_some_and(|value| matches!(value, Value::Null))
        {
            values.pop();
        }
        Self {
            values: Values::new(&values),
            nulls: nulls(&values),
            intervals: None,
            delta,
        }
    }

    /// A page of an interval, of entries ordered by element, with the starts of each element's.
    pub(super) fn of_interval(values: &[Value], starts: Box<[u32]>, lives: Vec<Life>) -> Self {
        Self {
            values: Values::new(values),
            nulls: nulls(values),
            intervals: Some((starts, lives.into())),
            delta: Arc::default(),
        }
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    #[inline]
    fn is_null(&self, entry: usize) -> bool {
        self.nulls
            .as_ref()
            .is_some_and(|nulls| is_set(nulls, entry))
    }

    /// The entry of an element in the base.
    fn entry(&self, local: u64, version: u64) -> Option<usize> {
        let local = local as usize;
        let entry = match &self.intervals {
            None => Some(local),
            Some((starts, lives)) => {
                let of = starts.get(local..local + 2)?;
                (of[0] as usize..of[1] as usize).find(|entry| lives[*entry].holds(version))
            }
        };
        entry.filter(|entry| *entry < self.len() && !self.is_null(*entry))
    }

    /// The value of an element; null if it has none.
    pub fn value(&self, local: u64, version: u64) -> Value {
        if self.delta.touches(local)
            && let Some(value) = self.delta.changes(local, version).next()
        {
            return value.clone();
        }
        self.entry(local, version)
            .map_or(Value::Null, |entry| self.values.get(entry))
    }

    /// Appends the values of some elements of the block to a column, which will have about `rows`
    /// rows in the end. Elements that follow one another are given as a range.
    pub fn gather<L: Locals>(&self, locals: L, version: u64, rows: usize, out: &mut Column) {
        self.shape(rows, out);
        let first = out.len();
        if self.intervals.is_some() {
            locals.for_each(|local| out.push(self.value(local, version)));
            return;
        }
        match (&self.values, &mut *out) {
            (Values::Int8(from), Column::Int { values, nulls }) => {
                self.copy(
                    from,
                    locals.clone(),
                    |value| i64::from(*value),
                    values,
                    nulls,
                );
            }
            (Values::Int16(from), Column::Int { values, nulls }) => {
                self.copy(
                    from,
                    locals.clone(),
                    |value| i64::from(*value),
                    values,
                    nulls,
                );
            }
            (Values::Int32(from), Column::Int { values, nulls }) => {
                self.copy(
                    from,
                    locals.clone(),
                    |value| i64::from(*value),
                    values,
                    nulls,
                );
            }
            (Values::Int64(from), Column::Int { values, nulls }) => {
                self.copy(from, locals.clone(), |value| *value, values, nulls);
            }
            (Values::Float(from), Column::Float { values, nulls }) => {
                self.copy(from, locals.clone(), |value| *value, values, nulls);
            }
            (Values::Bool(from), Column::Bool { values, nulls }) => {
                self.copy(from, locals.clone(), |value| *value, values, nulls);
            }
            (
                Values::Dictionary {
                    codes: from,
                    values: distinct,
                },
                Column::Dictionary { codes, values },
            ) if Arc::ptr_eq(distinct, values) || values.len() + distinct.len() <= rows => {
                let mut offset = 0;
                if !Arc::ptr_eq(distinct, values) {
                    offset = values.len() as u32;
                    *values = values.iter().chain(distinct.iter()).cloned().collect();
                }
                locals.clone().for_each(|local| {
                    let entry = local as usize;
                    codes.push(match from.get(entry) {
                        Some(code) if !self.is_null(entry) => offset + u32::from(*code),
                        _ => NULL_CODE,
                    });
                });
            }
            (
                Values::Dictionary {
                    codes,
                    values: distinct,
                },
                Column::Any(_) | Column::Dictionary { .. },
            ) => {
                let values = out.any();
                locals.clone().for_each(|local| {
                    let entry = local as usize;
                    values.push(match codes.get(entry) {
                        Some(code) if !self.is_null(entry) => distinct[usize::from(*code)].clone(),
                        _ => Value::Null,
                    });
                });
            }
            _ => {
                locals.for_each(|local| out.push(self.value(local, version)));
                return;
            }
        }
        if self.delta.is_empty() {
            return;
        }
        let mut row = first;
        locals.for_each(|local| {
            if self.delta.touches(local)
                && let Some(value) = self.delta.changes(local, version).next()
            {
                out.set(row, value.clone());
            }
            row += 1;
        });
    }

    /// Gives a column that is still empty the type of the page.
    fn shape(&self, rows: usize, out: &mut Column) {
        if !out.is_empty() {
            return;
        }
        match &self.values {
            Values::Int8(_) | Values::Int16(_) | Values::Int32(_) | Values::Int64(_) => {
                *out = Column::Int {
                    values: Vec::with_capacity(rows),
                    nulls: None,
                };
            }
            Values::Float(_) => {
                *out = Column::Float {
                    values: Vec::with_capacity(rows),
                    nulls: None,
                };
            }
            Values::Bool(_) => {
                *out = Column::Bool {
                    values: Vec::with_capacity(rows),
                    nulls: None,
                };
            }
            // Few values for many rows; a column of a single row is a value.
            Values::Dictionary { values, .. }
                if values.len() <= rows / 2 && self.intervals.is_none() =>
            {
                *out = Column::Dictionary {
                    codes: Vec::with_capacity(rows),
                    values: Arc::clone(values),
                };
            }
            Values::None | Values::Dictionary { .. } | Values::Any(_) => {}
        }
    }

    #[inline]
    fn copy<A, B: Copy + Default>(
        &self,
        from: &[A],
        locals: impl Locals,
        widen: impl Fn(&A) -> B,
        values: &mut Vec<B>,
        nulls: &mut Option<Bitmap>,
    ) {
        if let Some(range) = locals.range() {
            let known = range.start.min(from.len())..range.end.min(from.len());
            let first = values.len();
            values.extend(from[known.clone()].iter().map(widen));
            if let Some(of_page) = &self.nulls {
                for entry in known.clone().filter(|entry| is_set(of_page, *entry)) {
                    let row = first + (entry - known.start);
                    nulls.get_or_insert_default().set(row);
                    values[row] = B::default();
                }
            }
            for row in values.len()..first + range.len() {
                nulls.get_or_insert_default().set(row);
            }
            values.resize(first + range.len(), B::default());
            return;
        }
        locals.for_each(|local| {
            let entry = local as usize;
            match from.get(entry) {
                Some(value) if !self.is_null(entry) => values.push(widen(value)),
                _ => {
                    nulls.get_or_insert_default().set(values.len());
                    values.push(B::default());
                }
            }
        });
    }

    /// All lives, for finding where nothing happens.
    pub(super) fn lives(&self) -> &[Life] {
        self.intervals.as_ref().map_or(&[], |(_, lives)| lives)
    }

    /// The page of one moment.
    pub fn at(&self, version: u64) -> Self {
        let values = (0..BLOCK_IDS)
            .map(|local| self.value(local, version))
            .collect();
        Self::new(values, Arc::default())
    }
}

#[inline]
fn is_set(nulls: &[u64], entry: usize) -> bool {
    nulls[entry / 64] >> (entry % 64) & 1 == 1
}

fn nulls(values: &[Value]) -> Option<Box<[u64]>> {
    let is_null = |value: &Value| matches!(value, Value::Null);
    if !values.iter().any(is_null) {
        return None;
    }
    let mut words = vec![0_u64; values.len().div_ceil(64)];
    for (entry, value) in values.iter().enumerate() {
        words[entry / 64] |= u64::from(is_null(value)) << (entry % 64);
    }
    Some(words.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::String(text.into())
    }

    #[test]
    fn values_lie_in_the_narrowest_array_and_come_back() {
        let cases: [(&str, Vec<Value>); 9] = [
            ("Int8", vec![Value::Int(-128), Value::Null, Value::Int(127)]),
            ("Int16", vec![Value::Int(128)]),
            ("Int32", vec![Value::Null, Value::Int(-40_000)]),
            ("Int64", vec![Value::Int(i64::MIN), Value::Int(i64::MAX)]),
            (
                "Float",
                vec![Value::Float(0.5), Value::Null, Value::Float(f64::MAX)],
            ),
            (
                "Bool",
                vec![Value::Bool(true), Value::Null, Value::Bool(false)],
            ),
            (
                "Dictionary",
                vec![text("a"), Value::Null, text("b"), text("a")],
            ),
            (
                "Dictionary",
                vec![Value::Int(1), text("b"), Value::Float(2.0)],
            ),
            ("None", vec![Value::Null, Value::Null]),
        ];
        for (kind, values) in cases {
            let page = ColumnPage::new(values.clone(), Arc::default());
            assert!(
                format!("{:?}", page.values).starts_with(kind),
                "{kind} {:?}",
                page.values
            );
            let mut column = Column::default();
            page.gather(0..values.len() + 2, 1, 8, &mut column);
            for at in 0..column.len() {
                let expected = values.get(at).cloned().unwrap_or_default();
                assert!(page.value(at as u64, 1).equivalent(&expected));
                assert!(column.get(at).equivalent(&expected), "{kind} {at}");
            }
        }
        let page = ColumnPage::new(vec![text("a"), text("b"), text("a")], Arc::default());
        assert!(matches!(&page.values, Values::Dictionary { values, .. } if values.len() == 2));
    }

    #[test]
    fn dictionaries_stay_codes_over_pages_where_rows_are_many() {
        let of = |texts: &[&str]| {
            let values = texts.iter().map(|one| match *one {
                "" => Value::Null,
                one => text(one),
            });
            ColumnPage::new(values.collect(), Arc::default())
        };
        let pages = [
            of(&["a", "b", "", "a", "a", "b"]),
            of(&["b", "c", "b", "c"]),
            of(&["d", "e", "f", "g", "h", "i"]),
        ];
        let expected = [
            "a", "b", "", "a", "a", "b", "b", "c", "b", "c", "", "d", "e", "f", "g", "h", "i",
        ];
        for (taken, rows) in [(1, 6), (2, 11), (3, 17)] {
            let mut column = Column::default();
            for (at, page) in pages[..taken].iter().enumerate() {
                let locals = 0..[6, 5, 6][at];
                page.gather(locals, 1, rows, &mut column);
            }
            assert!(matches!(column, Column::Dictionary { .. }), "{taken}");
            assert_eq!(column.len(), rows);
            for (at, expected) in expected[..rows].iter().enumerate() {
                let expected = match *expected {
                    "" => Value::Null,
                    one => text(one),
                };
                assert!(column.get(at).equivalent(&expected), "{taken} {at}");
            }
        }
        let mut column = Column::default();
        pages[0].gather(0..6, 1, 6, &mut column);
        pages[2].gather(0..6, 1, 6, &mut column);
        assert!(
            matches!(column, Column::Any(_)),
            "too many values for 6 rows"
        );
        assert!(column.get(11).equivalent(&text("i")));
        let mut column = Column::default();
        pages[2].gather(0..6, 1, 6, &mut column);
        assert!(matches!(column, Column::Any(_)));
    }

    #[test]
    fn ranges_with_nulls_and_beyond_the_end_are_copied() {
        let values: Vec<Value> = (0..130)
            .map(|at| match at % 3 {
                0 => Value::Null,
                _ => Value::Int(at),
            })
            .collect();
        let page = ColumnPage::new(values, Arc::default());
        for range in [0..130, 0..140, 1..2, 63..66, 129..200, 150..155, 4..4] {
            let mut column = Column::default();
            page.gather(2..3, 1, 64, &mut column);
            page.gather(range.clone(), 1, 64, &mut column);
            assert_eq!(column.len(), 1 + range.len());
            for (row, local) in (1..).zip(range) {
                let expected = page.value(local as u64, 1);
                assert!(column.get(row).equivalent(&expected), "{local}");
            }
        }
    }

    #[test]
    fn changes_win_over_the_base_from_their_version_on() {
        let page = ColumnPage::new(vec![Value::Int(1), Value::Int(2)], Arc::default());
        page.delta.append(1, 5, Value::Null);
        page.delta.append(1, 7, text("x"));
        page.delta.append(9, 7, Value::Int(4));
        for (version, expected) in [
            (4, [Value::Int(1), Value::Int(2), Value::Null]),
            (5, [Value::Int(1), Value::Null, Value::Null]),
            (7, [Value::Int(1), text("x"), Value::Int(4)]),
        ] {
            let mut column = Column::default();
            page.gather(Scattered(&[0, 1, 9].map(NodeId)), version, 3, &mut column);
            for (at, expected) in expected.iter().enumerate() {
                assert!(column.get(at).equivalent(expected), "{version} {at}");
            }
        }
    }

    #[test]
    fn a_page_of_an_interval_answers_each_of_its_versions() {
        let life = |from, to| Life { from, to };
        let lives = vec![life(1, 4), life(4, 9), life(2, 3)];
        let values = [Value::Int(10), Value::Int(20), text("x")];
        let page = ColumnPage::of_interval(&values, [0, 2, 2, 3].into(), lives);
        let at = |local, version| page.value(local, version);
        assert!(matches!(at(0, 0), Value::Null));
        assert!(matches!(at(0, 3), Value::Int(10)));
        assert!(matches!(at(0, 4), Value::Int(20)));
        assert!(matches!(at(1, 4), Value::Null));
        assert!(matches!(at(2, 3), Value::Null));
        let moment = page.at(2);
        assert!(moment.intervals.is_none());
        for local in 0..3 {
            assert!(moment.value(local, 2).equivalent(&at(local, 2)));
        }
    }
}
