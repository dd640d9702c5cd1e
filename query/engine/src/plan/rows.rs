//! Ways to find elements by the rows of indexes and constraints beyond one property of nodes: on
//! several properties, on relationships, on text, on points.
//!
//! What such a seek finds is judged again by the predicates that narrowed it, so a seek may find too
//! much but never too little. An element has a row only if it has *all* properties of the index: an
//! index on several properties serves only where the predicates leave no room for one that lacks
//! some.

use std::ops::Bound;

use retrograph_graph::ids::{IndexId, KeyId};
use retrograph_graph::{IndexSort, Target};

use super::access::{Bounded, Candidates, bounded};
use super::expression::{
    Comparison, Expression, KeyToken, LabelToken, Slot, StringTest, TypeToken,
};
use super::schema::{RowsInfo, Schema};
use super::slots::expression_reads;

/// Of the rows of an index, the part that a range finds, one with two ends, a prefix, a test of
/// strings or of places.
const RANGE_FINDS: f64 = 0.3;
const BOTH_ENDS_FIND: f64 = 0.1;
const PREFIX_FINDS: f64 = 0.05;
/// How many items a list is taken to have that is not known.
const ITEMS_ESTIMATED: f64 = 10.0;

/// Whose elements are found.
#[derive(Clone, Debug)]
pub enum RowsOf {
    /// The nodes with a label.
    Label(LabelToken),
    /// The relationships of a type.
    Type(TypeToken),
}

/// What one property must be equal to.
#[derive(Clone, Debug)]
pub enum EqualTo {
    /// A value.
    Value(Expression),
    /// One of the items of a list.
    Item(Expression),
}

/// What is asked of the property behind those that must be equal to something.
#[derive(Clone, Debug)]
pub enum Next {
    /// Nothing.
    Any,
    /// Between bounds.
    Range(KeyToken, Bound<Expression>, Bound<Expression>),
    /// A test of strings: `STARTS WITH`, `ENDS WITH` or `CONTAINS`.
    Text(KeyToken, StringTest, Expression),
    /// `point.withinBBox(property, lower, upper)`
    WithinBox(KeyToken, Expression, Expression),
    /// `point.distance(property, point)` is at most a number.
    Near(KeyToken, Expression, Expression),
}

/// A seek in the rows of an index or constraint.
#[derive(Clone, Debug)]
pub struct RowSeek {
    /// The index.
    pub index: IndexId,
    /// How its rows are kept.
    pub sort: IndexSort,
    /// Whose elements it holds.
    pub of: RowsOf,
    /// The first properties and what each must be equal to.
    pub equal: Vec<(KeyToken, EqualTo)>,
    /// What is asked of the next one.
    pub next: Next,
}

/// Calls `$f` for each expression of a seek, borrowed as the seek is.
macro_rules! each_expression {
    ($seek:expr, $f:expr, $($kind:tt)+) => {{
        for (_, EqualTo::Value(value) | EqualTo::Item(value)) in $($kind)+ $seek.equal {
            $f(value);
        }
        match $($kind)+ $seek.next {
            Next::Any => {}
            Next::Range(_, lower, upper) => {
                for bound in [lower, upper] {
                    if let Bound::Included(value) | Bound::Excluded(value) = bound {
                        $f(value);
                    }
                }
            }
            Next::Text(_, _, value) => $f(value),
            Next::WithinBox(_, one, other) | Next::Near(_, one, other) => {
                $f(one);
                $f(other);
            }
        }
    }};
}

impl RowSeek {
    /// Calls `f` for each expression.
    pub fn expressions<'s>(&'s self, f: &mut dyn FnMut(&'s Expression)) {
        each_expression!(self, f, &);
    }

    /// Calls `f` for each expression, which it may change.
    pub fn expressions_mut(&mut self, f: &mut dyn FnMut(&mut Expression)) {
        each_expression!(self, f, &mut);
    }
}

/// One way to find an element by rows.
#[derive(Clone, Debug)]
pub struct RowAccess {
    /// The seek.
    pub seek: RowSeek,
    /// How many elements it finds for one row.
    pub rows: f64,
    /// What finding them costs, in elements looked at.
    pub cost: f64,
    /// The predicates that it has narrowed by, by place.
    pub narrowed: Vec<usize>,
}

/// The ways to find the elements of a label or type by rows.
pub fn seeks(
    schema: &dyn Schema,
    element: Slot,
    of: &RowsOf,
    candidates: &Candidates<'_>,
) -> Vec<RowAccess> {
    let target = match of {
        RowsOf::Label(label) => label.id.map(Target::Label),
        RowsOf::Type(type_token) => type_token.id.map(Target::Type),
    };
    let Some(target) = target else {
        return Vec::new();
    };
    let finder = Finder {
        element,
        of,
        candidates,
    };
    schema
        .rows(target)
        .iter()
        .filter_map(|rows| match rows.sort {
            IndexSort::Range => finder.by_values(rows),
            IndexSort::Text => finder.by_values(rows).or_else(|| finder.by_text(rows)),
            IndexSort::Point => finder.by_point(rows),
            // Searched by procedures.
            _ => None,
        })
        .collect()
}

struct Finder<'a> {
    element: Slot,
    of: &'a RowsOf,
    candidates: &'a Candidates<'a>,
}

impl<'a> Finder<'a> {
    /// The predicates that are not dealt with yet and speak of the element.
    fn open(&self) -> impl Iterator<Item = (usize, &'a Expression)> + '_ {
        let candidates = self.candidates;
        candidates
            .predicates
            .iter()
            .enumerate()
            .filter(|(place, predicate)| {
                !candidates.placed[*place] && predicate.reads.contains(&self.element)
            })
            .map(|(place, predicate)| (place, &predicate.expression))
    }

    /// What is said of a property, as bounds.
    fn bounds(&self, key: KeyId) -> Vec<(usize, &'a KeyToken, Bounded<'a>)> {
        self.open()
            .filter_map(|(place, predicate)| {
                let (found, bound) = bounded(predicate, self.element, self.candidates.bound)?;
                (found.id == Some(key)).then_some((place, found, bound))
            })
            .collect()
    }

    fn access(
        &self,
        rows: &RowsInfo,
        equal: Vec<(KeyToken, EqualTo)>,
        next: Next,
        found: f64,
        narrowed: Vec<usize>,
    ) -> RowAccess {
        RowAccess {
            seek: RowSeek {
                index: rows.id,
                sort: rows.sort,
                of: self.of.clone(),
                equal,
                next,
            },
            rows: found,
            cost: found,
            narrowed,
        }
    }

    /// By equality of the first properties and an order of the next.
    fn by_values(&self, rows: &RowsInfo) -> Option<RowAccess> {
        let mut equal = Vec::new();
        let mut narrowed = Vec::new();
        let mut items = 1.0;
        let mut next = Next::Any;
        let mut part = 1.0;
        for key in &rows.keys {
            let bounds = self.bounds(*key);
            let one = bounds.iter().find_map(|(place, key, bound)| match bound {
                Bounded::Equal(value) => Some((*place, *key, EqualTo::Value((*value).clone()))),
                _ => None,
            });
            let of_list = || {
                bounds.iter().find_map(|(place, key, bound)| match bound {
                    Bounded::In(list) => Some((*place, *key, EqualTo::Item((*list).clone()))),
                    _ => None,
                })
            };
            if let Some((place, key, value)) = one.or_else(of_list) {
                items *= match &value {
                    EqualTo::Value(_) => 1.0,
                    EqualTo::Item(Expression::List(items)) => items.len() as f64,
                    EqualTo::Item(_) => ITEMS_ESTIMATED,
                };
                narrowed.push(place);
                equal.push((key.clone(), value));
                continue;
            }
            let mut ends = (Bound::Unbounded, Bound::Unbounded);
            for (place, key, bound) in &bounds {
                match bound {
                    Bounded::Prefix(prefix) => {
                        next =
                            Next::Text((*key).clone(), StringTest::StartsWith, (*prefix).clone());
                        part = PREFIX_FINDS;
                        narrowed.push(*place);
                        break;
                    }
                    Bounded::Lower(bound) if matches!(ends.0, Bound::Unbounded) => {
                        ends.0 = *bound;
                    }
                    Bounded::Upper(bound) if matches!(ends.1, Bound::Unbounded) => {
                        ends.1 = *bound;
                    }
                    _ => continue,
                }
                narrowed.push(*place);
                part = match &ends {
                    (Bound::Unbounded, _) | (_, Bound::Unbounded) => RANGE_FINDS,
                    _ => BOTH_ENDS_FIND,
                };
                next = Next::Range((*key).clone(), ends.0.cloned(), ends.1.cloned());
            }
            break;
        }
        let used = equal.len() + usize::from(!matches!(next, Next::Any));
        let is_whole = rows.keys.iter().skip(used).all(|key| self.implies(*key));
        if used == 0 || !is_whole {
            return None;
        }
        let found = match equal.len() {
            0 => rows.entries as f64,
            whole if rows.is_unique && whole == rows.keys.len() => items,
            some => {
                let distinct = rows.distinct.get(some - 1).copied().unwrap_or(1);
                items * (rows.entries as f64 / (distinct as f64).max(1.0)).max(1.0)
            }
        };
        let found = (found * part).max(1.0);
        Some(self.access(rows, equal, next, found, narrowed))
    }

    /// Whether an element without the property fails some predicate.
    fn implies(&self, key: KeyId) -> bool {
        let is_property = |expression: &Expression| self.property(expression) == Some(key);
        self.open().any(|(_, predicate)| match predicate {
            Expression::Compare(_, left, right) => is_property(left) || is_property(right),
            Expression::In(item, _) => is_property(item),
            Expression::StringTest(_, of, _) => is_property(of),
            Expression::IsNotNull(of) => is_property(of),
            _ => false,
        })
    }

    /// The property of the element that an expression is.
    fn property(&self, expression: &Expression) -> Option<KeyId> {
        self.property_token(expression)?.id
    }

    fn property_token<'e>(&self, expression: &'e Expression) -> Option<&'e KeyToken> {
        match expression {
            Expression::Property(of, key) => match &**of {
                Expression::Slot(slot) if *slot == self.element => Some(key),
                _ => None,
            },
            _ => None,
        }
    }

    fn is_known(&self, value: &Expression) -> bool {
        expression_reads(value).is_subset(self.candidates.bound)
    }

    /// By a test of all strings, one row after the other.
    fn by_text(&self, rows: &RowsInfo) -> Option<RowAccess> {
        let key = *rows.keys.first()?;
        let entries = rows.entries as f64;
        self.open().find_map(|(place, predicate)| {
            let Expression::StringTest(test, of, wanted) = predicate else {
                return None;
            };
            let token = self
                .property_token(of)
                .filter(|token| token.id == Some(key))?;
            if !matches!(test, StringTest::Contains | StringTest::EndsWith)
                || !self.is_known(wanted)
            {
                return None;
            }
            let next = Next::Text(token.clone(), *test, (**wanted).clone());
            let found = (entries * PREFIX_FINDS).max(1.0);
            let mut access = self.access(rows, Vec::new(), next, found, vec![place]);
            // All rows are looked at, each taken to cost what looking at an element does.
            access.cost = entries.max(1.0);
            Some(access)
        })
    }

    /// By the place of a point.
    fn by_point(&self, rows: &RowsInfo) -> Option<RowAccess> {
        let key = *rows.keys.first()?;
        let entries = rows.entries as f64;
        for (place, token, bound) in self.bounds(key) {
            let (value, items) = match bound {
                Bounded::Equal(value) => (EqualTo::Value(value.clone()), 1.0),
                Bounded::In(list) => (EqualTo::Item(list.clone()), ITEMS_ESTIMATED),
                _ => continue,
            };
            let equal = vec![(token.clone(), value)];
            return Some(self.access(rows, equal, Next::Any, items, vec![place]));
        }
        self.open().find_map(|(place, predicate)| {
            let next = self
                .within_box(predicate, key)
                .or_else(|| self.near(predicate, key))?;
            let found = (entries * PREFIX_FINDS).max(1.0);
            Some(self.access(rows, Vec::new(), next, found, vec![place]))
        })
    }

    fn within_box(&self, predicate: &Expression, key: KeyId) -> Option<Next> {
        let Expression::Call(function, arguments) = predicate else {
            return None;
        };
        let [of, lower, upper] = &arguments[..] else {
            return None;
        };
        let token = self
            .property_token(of)
            .filter(|token| token.id == Some(key))?;
        let is_box = function.name == "point.withinBBox";
        (is_box && self.is_known(lower) && self.is_known(upper))
            .then(|| Next::WithinBox(token.clone(), lower.clone(), upper.clone()))
    }

    fn near(&self, predicate: &Expression, key: KeyId) -> Option<Next> {
        let (call, radius) = match predicate {
            Expression::Compare(Comparison::Less | Comparison::LessOrEqual, call, radius) => {
                (call, radius)
            }
            Expression::Compare(Comparison::Greater | Comparison::GreaterOrEqual, radius, call) => {
                (call, radius)
            }
            _ => return None,
        };
        let Expression::Call(function, arguments) = &**call else {
            return None;
        };
        let [from, to] = &arguments[..] else {
            return None;
        };
        let of = |expression| {
            self.property_token(expression)
                .filter(|token| token.id == Some(key))
        };
        let (token, center) = match (of(from), of(to)) {
            (Some(token), _) => (token, to),
            (None, Some(token)) => (token, from),
            (None, None) => return None,
        };
        let is_distance = function.name == "point.distance";
        (is_distance && self.is_known(center) && self.is_known(radius))
            .then(|| Next::Near(token.clone(), center.clone(), (**radius).clone()))
    }
}
