//! Equality, equivalence, comparability, orderability and hashing of values: the one definition.
//!
//! Cypher has four notions that are easily mixed up; each has its function here.
//!
//! | notion | used by | null | NaN | function |
//! | --- | --- | --- | --- | --- |
//! | equality | `=`, `<>`, `IN` | unknown | differs from itself | [`Value::equals`] |
//! | equivalence | DISTINCT, grouping, keys | equals null | equals NaN | [`Value::equivalent`] |
//! | comparability | `<`, `<=`, `>`, `>=` | unknown | never holds | [`Value::compare`] |
//! | orderability | ORDER BY, min, max, indexes | after everything | after numbers | [`Value::cmp_order`] |
//!
//! Integers and floats lie on one number line and are compared exactly: no integer is rounded to a
//! float first. Orderability is total, equivalence is exactly its `Equal`, hashing agrees with
//! both, and the bytes of [`crate::value::key`] sort the same way.
//!
//! Instants and times with an offset are ordered by the moment they name, then by offset and zone,
//! so two are equal only if they agree in both.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::temporal::{DateTime, Duration, Time};
use super::{Path, Point, Value, Vector};

/// What comparing two values with `<`, `<=`, `>` or `>=` yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The values are comparable.
    Ordered(Ordering),
    /// Both are numbers and one is NaN: every comparison is false.
    Unordered,
    /// The types do not compare, or a null is involved: every comparison is null.
    Unknown,
}

impl Comparison {
    /// The outcome of a comparison operator that holds for the orderings accepted by `holds`.
    #[must_use]
    pub fn test(self, holds: impl FnOnce(Ordering) -> bool) -> Option<bool> {
        match self {
            Self::Ordered(ordering) => Some(holds(ordering)),
            Self::Unordered => Some(false),
            Self::Unknown => None,
        }
    }

    /// The outcome of `<`.
    #[must_use]
    pub fn is_lt(self) -> Option<bool> {
        self.test(Ordering::is_lt)
    }

    /// The outcome of `<=`.
    #[must_use]
    pub fn is_le(self) -> Option<bool> {
        self.test(Ordering::is_le)
    }

    /// The outcome of `>`.
    #[must_use]
    pub fn is_gt(self) -> Option<bool> {
        self.test(Ordering::is_gt)
    }

    /// The outcome of `>=`.
    #[must_use]
    pub fn is_ge(self) -> Option<bool> {
        self.test(Ordering::is_ge)
    }
}

impl Value {
    /// Cypher's `=`: `None` is null (unknown).
    ///
    /// A list or map that certainly differs somewhere is unequal even if it also holds nulls.
    #[must_use]
    pub fn equals(&self, other: &Self) -> Option<bool> {
        match (self, other) {
            (Self::Null, _) | (_, Self::Null) => None,
            (Self::Int(a), Self::Int(b)) => Some(a == b),
            (Self::Float(a), Self::Float(b)) => Some(a == b),
            (Self::String(a), Self::String(b)) => Some(a == b),
            (Self::Int(a), Self::Float(b)) | (Self::Float(b), Self::Int(a)) => {
                Some(cmp_int_float(*a, *b) == Some(Ordering::Equal))
            }
            (Self::List(a), Self::List(b)) => {
                if a.len() != b.len() {
                    return Some(false);
                }
                all_equal(a.iter().zip(b.iter()))
            }
            (Self::Map(a), Self::Map(b)) => {
                if a.len() != b.len() || !a.keys().eq(b.keys()) {
                    return Some(false);
                }
                all_equal(a.values().zip(b.values()))
            }
            (Self::Point(a), Self::Point(b)) => {
                Some(a.srid == b.srid && a.dimensions == b.dimensions && a.axes().eq(b.axes()))
            }
            (Self::Vector(a), Self::Vector(b)) => Some(match (&**a, &**b) {
                (Vector::F32(a), Vector::F32(b)) => a == b,
                (Vector::F64(a), Vector::F64(b)) => a == b,
                _ => false,
            }),
            _ => Some(self.rank() == other.rank() && self.cmp_order(other).is_eq()),
        }
    }

    /// Whether grouping and DISTINCT treat the two as one value: null is null, NaN is NaN,
    /// 1 is 1.0 and -0.0 is 0.0.
    #[must_use]
    pub fn equivalent(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Node(a), Self::Node(b)) => a.id == b.id,
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.equivalent(b))
            }
            _ => self.cmp_order(other).is_eq(),
        }
    }

    /// Feeds a hasher so that equivalent values hash alike.
    pub fn hash_equivalent<H: Hasher>(&self, state: &mut H) {
        match self {
            // Numbers without a rank: they are the most common keys.
            Self::Int(i) => state.write_u64(i.cast_unsigned()),
            Self::Float(f) => match exact_int(*f) {
                Some(i) => state.write_u64(i.cast_unsigned()),
                None if f.is_nan() => state.write_u64(f64::NAN.to_bits()),
                None => state.write_u64(f.to_bits()),
            },
            Self::String(s) => {
                state.write(s.as_bytes());
                state.write_u8(0xff);
            }
            Self::Node(n) => {
                state.write_u8(self.rank());
                state.write_u64(n.id.0);
            }
            Self::Relationship(r) => {
                state.write_u8(self.rank());
                state.write_u64(r.id.0);
            }
            _ => {
                state.write_u8(self.rank());
                self.hash_compound(state);
            }
        }
    }

    fn hash_compound<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Bool(b) => state.write_u8(u8::from(*b)),
            Self::Bytes(b) => b.hash(state),
            Self::List(items) => {
                state.write_usize(items.len());
                for item in items.iter() {
                    item.hash_equivalent(state);
                }
            }
            Self::Map(map) => {
                state.write_usize(map.len());
                for (key, value) in map.iter() {
                    key.hash(state);
                    value.hash_equivalent(state);
                }
            }
            Self::Date(d) => d.hash(state),
            Self::LocalTime(t) => t.hash(state),
            Self::Time(t) => t.hash(state),
            Self::LocalDateTime(t) => t.hash(state),
            Self::DateTime(t) => t.hash(state),
            Self::Duration(d) => {
                d.months.hash(state);
                d.days.hash(state);
                d.second_nanoseconds().hash(state);
            }
            Self::Point(p) => {
                state.write_u32(p.srid);
                state.write_u8(p.dimensions);
                for axis in p.axes() {
                    state.write_u64(canonical_bits(*axis));
                }
            }
            Self::Vector(v) => match &**v {
                Vector::F32(items) => {
                    for item in items {
                        state.write_u64(canonical_bits(f64::from(*item)));
                    }
                }
                Vector::F64(items) => {
                    for item in items {
                        state.write_u64(canonical_bits(*item));
                    }
                }
            },
            Self::Sealed(s) => {
                state.write_u64(s.key_id);
                s.ciphertext.hash(state);
            }
            Self::Path(p) => {
                for node in &p.nodes {
                    state.write_u64(node.0);
                }
                for (relationship, _) in &p.relationships {
                    state.write_u64(relationship.0);
                }
            }
            Self::Null
            | Self::Int(_)
            | Self::Float(_)
            | Self::String(_)
            | Self::Node(_)
            | Self::Relationship(_) => {}
        }
    }

    /// What Cypher's `<`, `<=`, `>`, `>=` see: numbers, strings, booleans, byte strings, temporal
    /// values of one type, and lists of such, item by item.
    ///
    /// Durations have no order without an anchor, and points, maps and elements have none at all:
    /// they are [`Comparison::Unknown`], as is every pair of different types.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Comparison {
        let ordered = |ordering: Option<Ordering>| {
            ordering.map_or(Comparison::Unordered, Comparison::Ordered)
        };
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Comparison::Ordered(a.cmp(b)),
            (Self::Float(a), Self::Float(b)) => ordered(a.partial_cmp(b)),
            (Self::Int(a), Self::Float(b)) => ordered(cmp_int_float(*a, *b)),
            (Self::Float(a), Self::Int(b)) => ordered(cmp_int_float(*b, *a).map(Ordering::reverse)),
            (Self::String(a), Self::String(b)) => Comparison::Ordered(a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => Comparison::Ordered(a.cmp(b)),
            (Self::List(a), Self::List(b)) => {
                for (a, b) in a.iter().zip(b.iter()) {
                    match a.compare(b) {
                        Comparison::Ordered(Ordering::Equal) => {}
                        decided => return decided,
                    }
                }
                Comparison::Ordered(a.len().cmp(&b.len()))
            }
            (Self::Bytes(_), Self::Bytes(_))
            | (Self::Date(_), Self::Date(_))
            | (Self::LocalTime(_), Self::LocalTime(_))
            | (Self::Time(_), Self::Time(_))
            | (Self::LocalDateTime(_), Self::LocalDateTime(_))
            | (Self::DateTime(_), Self::DateTime(_)) => Comparison::Ordered(self.cmp_order(other)),
            _ => Comparison::Unknown,
        }
    }

    /// The total order of ORDER BY, `min`, `max` and of index keys, ascending: map, node,
    /// relationship, list, path, vector, sealed, bytes, point, datetime, local datetime, date,
    /// time, local time, duration (by average length), string, boolean, number, NaN, null.
    #[must_use]
    pub fn cmp_order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => cmp_float(*a, *b),
            // NaN, which is no neighbour of any integer, is greater.
            (Self::Int(a), Self::Float(b)) => cmp_int_float(*a, *b).unwrap_or(Ordering::Less),
            (Self::Float(a), Self::Int(b)) => {
                cmp_int_float(*b, *a).map_or(Ordering::Greater, Ordering::reverse)
            }
            (Self::String(a), Self::String(b)) => a.cmp(b),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => cmp_items(a, b),
            (Self::Map(a), Self::Map(b)) => a
                .len()
                .cmp(&b.len())
                .then_with(|| a.keys().cmp(b.keys()))
                .then_with(|| cmp_by(a.values(), b.values(), |a, b| a.cmp_order(b))),
            (Self::Date(a), Self::Date(b)) => a.cmp(b),
            (Self::LocalTime(a), Self::LocalTime(b)) => a.cmp(b),
            (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::LocalDateTime(a), Self::LocalDateTime(b)) => a.cmp(b),
            (Self::DateTime(a), Self::DateTime(b)) => a.cmp(b),
            (Self::Duration(a), Self::Duration(b)) => cmp_duration(a, b),
            (Self::Point(a), Self::Point(b)) => cmp_point(a, b),
            (Self::Vector(a), Self::Vector(b)) => cmp_vector(a, b),
            (Self::Sealed(a), Self::Sealed(b)) => a
                .key_id
                .cmp(&b.key_id)
                .then_with(|| a.ciphertext.cmp(&b.ciphertext)),
            (Self::Node(a), Self::Node(b)) => a.id.cmp(&b.id),
            (Self::Relationship(a), Self::Relationship(b)) => a.id.cmp(&b.id),
            (Self::Path(a), Self::Path(b)) => cmp_path(a, b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    /// Whether the two are the same value of the same type, bit for bit: 1 differs from 1.0, and
    /// -0.0 from 0.0, while NaN is itself. For comparing stored data and for tests.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Int(_), Self::Float(_)) | (Self::Float(_), Self::Int(_)) => false,
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.same(b))
            }
            (Self::Map(a), Self::Map(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b.iter())
                        .all(|(a, b)| a.0 == b.0 && a.1.same(b.1))
            }
            (Self::Point(a), Self::Point(b)) => {
                a.srid == b.srid
                    && a.dimensions == b.dimensions
                    && a.axes()
                        .map(|x| x.to_bits())
                        .eq(b.axes().map(|x| x.to_bits()))
            }
            (Self::Vector(a), Self::Vector(b)) => match (&**a, &**b) {
                (Vector::F32(a), Vector::F32(b)) => a
                    .iter()
                    .map(|x| x.to_bits())
                    .eq(b.iter().map(|x| x.to_bits())),
                (Vector::F64(a), Vector::F64(b)) => a
                    .iter()
                    .map(|x| x.to_bits())
                    .eq(b.iter().map(|x| x.to_bits())),
                _ => false,
            },
            (Self::Node(a), Self::Node(b)) => a.id == b.id && a.view == b.view,
            (Self::Relationship(a), Self::Relationship(b)) => a.id == b.id && a.view == b.view,
            (Self::Path(a), Self::Path(b)) => {
                a.nodes == b.nodes && a.relationships == b.relationships && a.view == b.view
            }
            _ => self.cmp_order(other).is_eq(),
        }
    }

    /// The place of the type in the total order; also the first byte of its key (design: the rank
    /// is on disk and never changes). Zero is left free to end lists.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Map(_) => rank::MAP,
            Self::Node(_) => rank::NODE,
            Self::Relationship(_) => rank::RELATIONSHIP,
            Self::List(_) => rank::LIST,
            Self::Path(_) => rank::PATH,
            Self::Vector(_) => rank::VECTOR,
            Self::Sealed(_) => rank::SEALED,
            Self::Bytes(_) => rank::BYTES,
            Self::Point(_) => rank::POINT,
            Self::DateTime(_) => rank::DATE_TIME,
            Self::LocalDateTime(_) => rank::LOCAL_DATE_TIME,
            Self::Date(_) => rank::DATE,
            Self::Time(_) => rank::TIME,
            Self::LocalTime(_) => rank::LOCAL_TIME,
            Self::Duration(_) => rank::DURATION,
            Self::String(_) => rank::STRING,
            Self::Bool(_) => rank::BOOL,
            Self::Int(_) => rank::NUMBER,
            Self::Float(f) if f.is_nan() => rank::NAN,
            Self::Float(_) => rank::NUMBER,
            Self::Null => rank::NULL,
        }
    }
}

/// Structural identity ([`Value::same`]), so that data holding values can be compared in tests and
/// at recovery. The language's notions are [`Value::equals`] and [`Value::equivalent`].
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
    }
}

impl Eq for Value {}

/// First bytes of keys, in the total order of types. On disk: never renumbered.
pub(crate) mod rank {
    pub(crate) const MAP: u8 = 0x08;
    pub(crate) const NODE: u8 = 0x10;
    pub(crate) const RELATIONSHIP: u8 = 0x18;
    pub(crate) const LIST: u8 = 0x20;
    pub(crate) const PATH: u8 = 0x28;
    pub(crate) const VECTOR: u8 = 0x30;
    pub(crate) const SEALED: u8 = 0x38;
    pub(crate) const BYTES: u8 = 0x40;
    pub(crate) const POINT: u8 = 0x48;
    pub(crate) const DATE_TIME: u8 = 0x50;
    pub(crate) const LOCAL_DATE_TIME: u8 = 0x58;
    pub(crate) const DATE: u8 = 0x60;
    pub(crate) const TIME: u8 = 0x68;
    pub(crate) const LOCAL_TIME: u8 = 0x70;
    pub(crate) const DURATION: u8 = 0x78;
    pub(crate) const STRING: u8 = 0x80;
    pub(crate) const BOOL: u8 = 0x88;
    pub(crate) const NUMBER: u8 = 0x90;
    pub(crate) const NAN: u8 = 0x98;
    pub(crate) const NULL: u8 = 0xf0;
}

impl Point {
    /// The coordinates that count.
    pub fn axes(&self) -> std::slice::Iter<'_, f64> {
        self.coordinates[..usize::from(self.dimensions.min(3))].iter()
    }
}

impl Duration {
    /// Seconds and nanoseconds as one number of nanoseconds.
    pub(crate) fn second_nanoseconds(&self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanoseconds)
    }

    /// The average length in nanoseconds: a month has 30.436875 days (a 400th of the Gregorian
    /// cycle's months), a day 24 hours. Orders durations; measures none.
    pub(crate) fn average_nanoseconds(&self) -> i128 {
        const SECONDS_PER_MONTH: i128 = 2_629_746;
        (i128::from(self.months) * SECONDS_PER_MONTH + i128::from(self.days) * 86_400)
            * 1_000_000_000
            + self.second_nanoseconds()
    }
}

impl Time {
    /// The moment of the day in UTC that the time names, in nanoseconds; may lie outside a day.
    pub(crate) fn utc_nanoseconds(&self) -> i64 {
        self.nanosecond_of_day.cast_signed() - i64::from(self.offset_seconds) * 1_000_000_000
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> Ordering {
        self.utc_nanoseconds()
            .cmp(&other.utc_nanoseconds())
            .then_with(|| self.offset_seconds.cmp(&other.offset_seconds))
    }
}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DateTime {
    fn cmp(&self, other: &Self) -> Ordering {
        (
            self.epoch_second,
            self.nanosecond,
            self.offset_seconds,
            &self.zone,
        )
            .cmp(&(
                other.epoch_second,
                other.nanosecond,
                other.offset_seconds,
                &other.zone,
            ))
    }
}

impl PartialOrd for DateTime {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Three-valued conjunction of equalities.
fn all_equal<'a>(pairs: impl Iterator<Item = (&'a Value, &'a Value)>) -> Option<bool> {
    let mut result = Some(true);
    for (a, b) in pairs {
        match a.equals(b) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => result = None,
        }
    }
    result
}

/// Compares an integer with a float exactly; `None` for NaN.
#[must_use]
pub fn cmp_int_float(int: i64, float: f64) -> Option<Ordering> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        None
    } else if float >= TWO_TO_63 {
        Some(Ordering::Less)
    } else if float < -TWO_TO_63 {
        Some(Ordering::Greater)
    } else {
        // In range, so truncation is exact; the fraction decides between equals.
        let whole = float.trunc();
        let fraction = float - whole;
        Some(
            int.cmp(&(whole as i64))
                .then_with(|| 0.0_f64.partial_cmp(&fraction).unwrap_or(Ordering::Equal)),
        )
    }
}

/// The integer that a float equals exactly, if there is one in 64 bits.
#[must_use]
pub fn exact_int(float: f64) -> Option<i64> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    ((-TWO_TO_63..TWO_TO_63).contains(&float) && float.trunc() == float).then_some(float as i64)
}

/// The total order of floats: NaN after infinity, zeros alike.
fn cmp_float(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Bits that are the same for all equivalent floats.
fn canonical_bits(float: f64) -> u64 {
    if float == 0.0 {
        0
    } else if float.is_nan() {
        f64::NAN.to_bits()
    } else {
        float.to_bits()
    }
}

fn cmp_by<T>(
    mut a: impl Iterator<Item = T>,
    mut b: impl Iterator<Item = T>,
    cmp: impl Fn(T, T) -> Ordering,
) -> Ordering {
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => match cmp(x, y) {
                Ordering::Equal => {}
                decided => return decided,
            },
        }
    }
}

fn cmp_items(a: &[Value], b: &[Value]) -> Ordering {
    cmp_by(a.iter(), b.iter(), |a, b| a.cmp_order(b))
}

fn cmp_duration(a: &Duration, b: &Duration) -> Ordering {
    a.average_nanoseconds()
        .cmp(&b.average_nanoseconds())
        .then_with(|| (a.months, a.days).cmp(&(b.months, b.days)))
}

fn cmp_point(a: &Point, b: &Point) -> Ordering {
    (a.srid, a.dimensions)
        .cmp(&(b.srid, b.dimensions))
        .then_with(|| cmp_by(a.axes(), b.axes(), |a, b| cmp_float(*a, *b)))
}

fn cmp_vector(a: &Vector, b: &Vector) -> Ordering {
    match (a, b) {
        (Vector::F32(_), Vector::F64(_)) => Ordering::Less,
        (Vector::F64(_), Vector::F32(_)) => Ordering::Greater,
        (Vector::F32(a), Vector::F32(b)) => a.len().cmp(&b.len()).then_with(|| {
            cmp_by(a.iter(), b.iter(), |a, b| {
                cmp_float(f64::from(*a), f64::from(*b))
            })
        }),
        (Vector::F64(a), Vector::F64(b)) => a
            .len()
            .cmp(&b.len())
            .then_with(|| cmp_by(a.iter(), b.iter(), |a, b| cmp_float(*a, *b))),
    }
}

/// Paths compare as the alternating sequence of their elements.
fn cmp_path(a: &Path, b: &Path) -> Ordering {
    fn elements(path: &Path) -> impl Iterator<Item = u64> {
        let first = path.nodes.first().map(|n| n.0);
        let rest = path.relationships.iter().zip(path.nodes.iter().skip(1));
        first
            .into_iter()
            .chain(rest.flat_map(|((relationship, _), node)| [relationship.0, node.0]))
    }
    elements(a).cmp(elements(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: impl IntoIterator<Item = Value>) -> Value {
        items.into_iter().collect::<Vec<_>>().into()
    }

    const NULL: Value = Value::Null;

    fn int(n: i64) -> Value {
        Value::Int(n)
    }

    #[test]
    fn equality_is_unknown_only_if_nulls_decide() {
        let nan = Value::Float(f64::NAN);
        for (a, b, expected) in [
            (NULL, NULL, None),
            (int(1), NULL, None),
            (int(1), Value::Float(1.0), Some(true)),
            (nan.clone(), nan.clone(), Some(false)),
            (nan, "a".into(), Some(false)),
            ("1".into(), int(1), Some(false)),
            (
                int(4_611_686_018_427_387_905),
                Value::Float(4_611_686_018_427_387_904.0),
                Some(false),
            ),
            (list([int(1), int(2)]), list([int(1)]), Some(false)),
            (list([NULL]), list([int(1)]), None),
            (list([NULL, int(1)]), list([int(1), int(2)]), Some(false)),
            (
                list([list([int(1)]), list([int(2)])]),
                list([list([int(1)]), list([NULL])]),
                None,
            ),
            (Value::map([("a", NULL)]), Value::map([("a", NULL)]), None),
            (
                Value::map([("a", NULL)]),
                Value::map([("b", NULL)]),
                Some(false),
            ),
            (list([int(1)]), int(1), Some(false)),
        ] {
            assert_eq!(a.equals(&b), expected, "{a} = {b}");
            assert_eq!(b.equals(&a), expected, "{b} = {a}");
        }
    }

    #[test]
    fn comparison_tells_false_from_unknown() {
        let nan = || Value::Float(f64::NAN);
        for (a, b, less, less_or_equal) in [
            (int(1), Value::Float(3.5), Some(true), Some(true)),
            (int(1), Value::Float(1.0), Some(false), Some(true)),
            (nan(), int(1), Some(false), Some(false)),
            (nan(), nan(), Some(false), Some(false)),
            (nan(), "a".into(), None, None),
            ("1".into(), int(1), None, None),
            (NULL, int(1), None, None),
            (
                Value::Bool(false),
                Value::Bool(true),
                Some(true),
                Some(true),
            ),
            (
                list([int(1)]),
                list([int(1), int(0)]),
                Some(true),
                Some(true),
            ),
            (list([int(1)]), list([int(1), NULL]), Some(true), Some(true)),
            (list([int(1), NULL]), list([int(1), int(2)]), None, None),
            (list([int(1), "a".into()]), list([int(1), NULL]), None, None),
            (
                list([int(3), NULL]),
                list([int(1), int(2)]),
                Some(false),
                Some(false),
            ),
            (
                Duration::default().into(),
                Duration::default().into(),
                None,
                None,
            ),
        ] {
            assert_eq!(a.compare(&b).is_lt(), less, "{a} < {b}");
            assert_eq!(a.compare(&b).is_le(), less_or_equal, "{a} <= {b}");
        }
    }

    #[test]
    fn types_have_their_places_in_the_order() {
        use crate::ids::{NodeId, RelationshipId};
        use crate::value::{NodeRef, RelationshipRef};
        let line = [
            Value::map([("a", Value::string("map"))]),
            Value::Node(NodeRef {
                id: NodeId(1),
                view: 0,
            }),
            Value::Relationship(RelationshipRef {
                id: RelationshipId(1),
                view: 0,
            }),
            list(["list".into()]),
            Value::Path(std::sync::Arc::new(Path {
                nodes: vec![NodeId(1)],
                relationships: Vec::new(),
                view: 0,
            })),
            Duration::default().into(),
            "text".into(),
            Value::Bool(false),
            Value::Float(1.5),
            Value::Float(f64::NAN),
            NULL,
        ];
        assert!(line.is_sorted_by(|a, b| a.cmp_order(b).is_lt()));
    }

    #[test]
    fn lists_sort_item_by_item_with_nulls_last() {
        let a = || Value::string("a");
        let line = [
            list([]),
            list([a()]),
            list([a(), int(1)]),
            list([int(1)]),
            list([int(1), a()]),
            list([int(1), NULL]),
            list([NULL, int(1)]),
            list([NULL, int(2)]),
        ];
        assert!(line.is_sorted_by(|a, b| a.cmp_order(b).is_lt()));
    }

    #[test]
    fn durations_sort_by_average_length() {
        let duration = |months, days, seconds| {
            Value::from(Duration {
                months,
                days,
                seconds,
                nanoseconds: 0,
            })
        };
        // A month is a little longer than 30 days and shorter than 31; a day is 24 hours.
        let line = [
            duration(0, 30, 86_399),
            duration(1, 0, 0),
            duration(0, 31, 0),
            duration(0, 30, 86_400),
        ];
        assert!(line[0].cmp_order(&line[3]).is_lt());
        assert!(line[0].cmp_order(&line[2]).is_lt());
        assert!(line[1].cmp_order(&line[2]).is_lt());
        assert!(duration(0, 30, 0).cmp_order(&line[1]).is_lt());
        assert_eq!(line[2].equals(&line[3]), Some(false));
    }
}
