//! WITH and RETURN.

use std::cmp::Ordering;
use std::sync::Arc;

use retrograph_cypher::ast::{self, Expression, ExpressionKind, Projection};
use retrograph_graph::value::Value;

use super::aggregate::{self, Call};
use super::value::{equivalent, holds_new_element, is_poison, order};
use super::{Evaluated, Evaluator, Row, Table};
use crate::tree;

/// A row with the columns made of it, and its sort key.
struct Projected {
    before: Row,
    columns: Vec<Value>,
    key: Vec<Value>,
}

impl Evaluator<'_> {
    /// Gives the table of the columns, and the rows that a WITH passes on.
    pub(super) fn project(
        &mut self,
        projection: &Projection,
        predicate: Option<&Expression>,
        rows: Vec<Row>,
    ) -> Evaluated<(Table, Vec<Row>)> {
        let mut items: Vec<(Arc<str>, Expression)> = Vec::new();
        if projection.star {
            let names = rows.first().map(|row| row.keys().cloned());
            for name in names.into_iter().flatten() {
                if self.imported.contains_key(&name) {
                    continue;
                }
                let variable = ast::Identifier::new(name.clone(), projection.span);
                let kind = ExpressionKind::Variable(variable);
                items.push((name, Expression::new(kind, projection.span)));
            }
        }
        for item in &projection.items {
            let name = match (&item.alias, &item.expression.kind) {
                (Some(alias), _) => alias.name.clone(),
                (None, ExpressionKind::Variable(name)) => name.name.clone(),
                // The name only has to be another one; nothing can refer to it.
                (None, _) => format!("#{}", items.len()).into(),
            };
            items.push((name, item.expression.clone()));
        }
        let names: Vec<Arc<str>> = items.iter().map(|(name, _)| name.clone()).collect();
        let is_grouping = items.iter().any(|(_, item)| aggregate::is_in(item));
        let sees_before = !is_grouping && !projection.distinct;
        let mut projected = if is_grouping {
            self.groups(&items, rows)?
        } else {
            let mut projected = Vec::with_capacity(rows.len());
            for row in rows {
                self.step()?;
                let mut columns = Vec::with_capacity(items.len());
                for (_, item) in &items {
                    columns.push(self.eval(item, &row)?);
                }
                projected.push(Projected {
                    before: row,
                    columns,
                    key: Vec::new(),
                });
            }
            projected
        };
        if projection.distinct {
            projected = self.arranged(projected);
            let mut kept: Vec<Projected> = Vec::new();
            for row in projected {
                self.is_tainted |= row.columns.iter().any(is_poison);
                let is_known = kept.iter().any(|other| {
                    let mut pairs = row.columns.iter().zip(&other.columns);
                    pairs.all(|(a, b)| equivalent(a, b))
                });
                if !is_known {
                    kept.push(row);
                }
            }
            projected = kept;
        }
        let places = self.sort(projection, &items, sees_before, &mut projected)?;
        let (skip, limit) = (
            self.limit(projection.skip.as_ref())?.unwrap_or(0),
            self.limit(projection.limit.as_ref())?.unwrap_or(usize::MAX),
        );
        let imported = self.imported.clone();
        let after: Vec<Row> = projected
            .into_iter()
            .skip(skip)
            .take(limit)
            .map(|row| {
                let mut after = imported.clone();
                after.extend(names.iter().cloned().zip(row.columns));
                after
            })
            .collect();
        let mut kept = Vec::new();
        for row in &after {
            if self.holds(predicate, row)? {
                kept.push(row.clone());
            }
        }
        let places = places.map(|places| places.into_iter().skip(skip).take(limit).collect());
        let table = Table {
            columns: Some(names),
            rows: after,
            places,
        };
        Ok((table, kept))
    }

    /// Sorts, and says which rows share a place.
    fn sort(
        &mut self,
        projection: &Projection,
        items: &[(Arc<str>, Expression)],
        sees_before: bool,
        rows: &mut Vec<Projected>,
    ) -> Evaluated<Option<Vec<usize>>> {
        if projection.order_by.is_empty() {
            return Ok(None);
        }
        let keys = &projection.order_by;
        for row in rows.iter_mut() {
            let mut scope = self.imported.clone();
            if sees_before {
                scope.extend(row.before.clone());
            }
            let columns = items.iter().map(|(name, _)| name.clone());
            scope.extend(columns.zip(row.columns.iter().cloned()));
            for key in keys {
                let repeated = items.iter().position(|(_, item)| *item == key.expression);
                let value = match repeated {
                    Some(column) => row.columns[column].clone(),
                    None => self.eval(&key.expression, &scope)?,
                };
                self.is_tainted |= is_poison(&value) || holds_new_element(&value);
                row.key.push(value);
            }
        }
        let by_keys = |a: &Projected, b: &Projected| {
            for ((a, b), key) in a.key.iter().zip(&b.key).zip(keys) {
                let ordering = order(a, b);
                if ordering.is_ne() {
                    return if key.descending {
                        ordering.reverse()
                    } else {
                        ordering
                    };
                }
            }
            Ordering::Equal
        };
        let mut sorted = self.arranged(std::mem::take(rows));
        sorted.sort_by(by_keys);
        let mut places = Vec::with_capacity(sorted.len());
        for (at, row) in sorted.iter().enumerate() {
            let place = match at.checked_sub(1) {
                None => 0,
                Some(before) => {
                    let is_tie = by_keys(&sorted[before], row).is_eq();
                    places[before] + usize::from(!is_tie)
                }
            };
            places.push(place);
        }
        *rows = sorted;
        Ok(Some(places))
    }

    /// SKIP or LIMIT. After an error nothing is certain of the rows.
    fn limit(&mut self, of: Option<&Expression>) -> Evaluated<Option<usize>> {
        let Some(of) = of else { return Ok(None) };
        let value = self.eval(of, &Row::new())?;
        if let Value::Int(count) = value
            && let Ok(count) = usize::try_from(count)
        {
            return Ok(Some(count));
        }
        if !is_poison(&value) {
            self.fail("SyntaxError");
        }
        self.is_tainted = true;
        Ok(None)
    }

    /// Groups rows by the items without aggregates and computes the others for each group.
    fn groups(
        &mut self,
        items: &[(Arc<str>, Expression)],
        rows: Vec<Row>,
    ) -> Evaluated<Vec<Projected>> {
        let is_key: Vec<bool> = items
            .iter()
            .map(|(_, item)| !aggregate::is_in(item))
            .collect();
        // Aggregates are computed first; variables that no query can name stand for them.
        let mut calls: Vec<Call> = Vec::new();
        let rewritten: Vec<Expression> = items
            .iter()
            .map(|(_, item)| {
                let mut item = item.clone();
                extract(&mut item, &mut calls);
                item
            })
            .collect();
        let mut groups: Vec<(Vec<Value>, Vec<Row>)> = Vec::new();
        for row in rows {
            self.step()?;
            let mut key = Vec::new();
            for ((_, item), is_key) in items.iter().zip(&is_key) {
                if *is_key {
                    let value = self.eval(item, &row)?;
                    self.is_tainted |= is_poison(&value);
                    key.push(value);
                }
            }
            let known = groups.iter_mut().find(|(other, _)| {
                let mut pairs = key.iter().zip(other.iter());
                pairs.all(|(a, b)| equivalent(a, b))
            });
            match known {
                Some((_, members)) => members.push(row),
                None => groups.push((key, vec![row])),
            }
        }
        if groups.is_empty() && !is_key.contains(&true) {
            groups.push((Vec::new(), Vec::new()));
        }
        let mut projected = Vec::new();
        for (key, members) in self.arranged(groups) {
            let mut scope = members.first().cloned().unwrap_or(self.imported.clone());
            for (place, call) in calls.iter().enumerate() {
                let value = self.aggregate(call, &members)?;
                scope.insert(aggregate_name(place), value);
            }
            let mut keys = key.into_iter();
            let mut columns = Vec::new();
            for (item, is_key) in rewritten.iter().zip(&is_key) {
                let value = match keys.next().filter(|_| *is_key) {
                    Some(value) => value,
                    None => self.eval(item, &scope)?,
                };
                columns.push(value);
            }
            projected.push(Projected {
                before: Row::new(),
                columns,
                key: Vec::new(),
            });
        }
        Ok(projected)
    }
}

fn aggregate_name(place: usize) -> Arc<str> {
    format!("#aggregate{place}").into()
}

/// Puts variables in the places of aggregates.
fn extract(expression: &mut Expression, calls: &mut Vec<Call>) {
    if let Some(call) = Call::of(expression) {
        let name = ast::Identifier::new(aggregate_name(calls.len()), expression.span);
        expression.kind = ExpressionKind::Variable(name);
        calls.push(call);
        return;
    }
    tree::children_mut(expression, &mut |child| extract(child, calls));
}
