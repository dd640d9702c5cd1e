//! Queries, unions and reading clauses.

use std::sync::Arc;

use retrograph_cypher::ast::{self, Clause, SubqueryScope};
use retrograph_graph::value::Value;

use super::value::{equivalent, is_poison};
use super::{Eagerness, Evaluated, Evaluator, Row, Stop, Table};

impl Evaluator<'_> {
    /// A query inside another: its own time clause, its union, then its parts, all for one row.
    fn inner_query(&mut self, query: &ast::Query, base: &Row, imported: Row) -> Evaluated<Table> {
        let view = self.view;
        if let Some(time) = &query.time {
            let Some(state) = self.state_of(time)? else {
                return Err(Stop::Unsupported("a subquery without a state".to_owned()));
            };
            let known = self
                .views
                .iter()
                .position(|other| Arc::ptr_eq(other, &state));
            let place = known.unwrap_or_else(|| {
                self.views.push(state);
                self.views.len() - 1
            });
            self.view = u8::try_from(place + 1).map_err(|_| Stop::TooMuch)?;
        }
        let outside = std::mem::replace(&mut self.imported, imported);
        let table = self.parts(query, vec![base.clone()]);
        self.imported = outside;
        self.view = view;
        table
    }

    /// A query and what stands behind its NEXT.
    pub(super) fn parts(&mut self, query: &ast::Query, base: Vec<Row>) -> Evaluated<Table> {
        let table = self.union(query, base)?;
        let Some(next) = &query.next else {
            return Ok(table);
        };
        let Some(columns) = table.columns else {
            return Err(Stop::Unsupported("NEXT behind no columns".to_owned()));
        };
        // What stands behind NEXT sees the columns alone, and what the whole query sees of outside.
        let rows = table.rows.into_iter().map(|row| {
            let mut seen = self.imported.clone();
            for name in &columns {
                let value = row.get(name).cloned().unwrap_or_default();
                seen.insert(name.clone(), value);
            }
            seen
        });
        let rows = rows.collect();
        self.parts(next, rows)
    }

    /// The parts of a union.
    fn union(&mut self, query: &ast::Query, base: Vec<Row>) -> Evaluated<Table> {
        let mut table = self.single(&query.first, base.clone())?;
        if query.unions.is_empty() {
            return Ok(table);
        }
        table.places = None;
        let mut distinct = false;
        for union in &query.unions {
            distinct |= !union.all;
            let part = self.single(&union.query, base.clone())?;
            table.rows.extend(part.rows);
        }
        if distinct {
            let columns = table.columns.clone().unwrap_or_default();
            table.rows = self.arranged(table.rows);
            table.rows = self.distinct(table.rows, &columns);
        }
        Ok(table)
    }

    /// The rows without those whose columns are equivalent to those of an earlier one.
    pub(super) fn distinct(&mut self, rows: Vec<Row>, columns: &[Arc<str>]) -> Vec<Row> {
        let mut kept: Vec<Row> = Vec::new();
        for row in rows {
            self.is_tainted |= columns.iter().any(|name| is_poison(&row[name]));
            let is_known = kept.iter().any(|other| {
                let mut columns = columns.iter();
                columns.all(|name| equivalent(&row[name], &other[name]))
            });
            if !is_known {
                kept.push(row);
            }
        }
        kept
    }

    fn single(&mut self, query: &ast::SingleQuery, base: Vec<Row>) -> Evaluated<Table> {
        let mut table = Table {
            columns: None,
            rows: base,
            places: None,
        };
        if let [Clause::Braced(query)] = &query.clauses[..] {
            return self.parts(query, table.rows);
        }
        for clause in &query.clauses {
            table = self.clause(clause, table.rows)?;
        }
        Ok(table)
    }

    fn clause(&mut self, clause: &Clause, rows: Vec<Row>) -> Evaluated<Table> {
        let plain = |rows| Table {
            columns: None,
            rows,
            places: None,
        };
        Ok(match clause {
            Clause::Match(of) => plain(self.match_clause(of, rows)?),
            Clause::Unwind(of) => plain(self.unwind(of, rows)?),
            Clause::With(of) => {
                let (table, kept) = self.project(&of.projection, of.predicate.as_ref(), rows)?;
                drop(table);
                plain(kept)
            }
            Clause::Return(of) => self.project(&of.projection, None, rows)?.0,
            Clause::Subquery(of) => plain(self.call_subquery(of, rows)?),
            Clause::Create(of) => plain(self.create(of, rows)?),
            Clause::Merge(of) => plain(self.merge(of, rows)?),
            Clause::Set(of) => plain(self.set_clause(of, rows)?),
            Clause::Remove(of) => plain(self.remove(of, rows)?),
            Clause::Delete(of) => plain(self.delete(of, rows)?),
            Clause::Foreach(of) => {
                for row in &rows {
                    let list = self.eval(&of.list, row)?;
                    for item in self.items_of(&list) {
                        let mut inner = row.clone();
                        inner.insert(of.variable.name.clone(), item);
                        let mut inner = vec![inner];
                        for clause in &of.clauses {
                            inner = self.clause(clause, inner)?.rows;
                        }
                    }
                }
                plain(rows)
            }
            Clause::Filter(of) => {
                let mut kept = Vec::new();
                for row in rows {
                    if self.holds(Some(&of.predicate), &row)? {
                        kept.push(row);
                    }
                }
                plain(kept)
            }
            Clause::Let(of) => {
                let mut found = Vec::with_capacity(rows.len());
                for row in rows {
                    let mut after = row.clone();
                    for item in &of.items {
                        let value = self.eval(&item.value, &row)?;
                        after.insert(item.variable.name.clone(), value);
                    }
                    found.push(after);
                }
                plain(found)
            }
            Clause::Page(of) => {
                let projection = ast::Projection {
                    distinct: false,
                    star: true,
                    items: Vec::new(),
                    order_by: of.order_by.clone(),
                    skip: of.skip.clone(),
                    limit: of.limit.clone(),
                    span: of.span,
                };
                plain(self.project(&projection, None, rows)?.1)
            }
            Clause::Conditional(of) => self.conditional(of, rows)?,
            Clause::Finish(_) => plain(Vec::new()),
            other => return Err(Stop::Unsupported(other.keyword().to_owned())),
        })
    }

    /// WHEN: each row goes to the first branch whose predicate is true for it.
    fn conditional(&mut self, of: &ast::Conditional, rows: Vec<Row>) -> Evaluated<Table> {
        let first = of.branches.first().map(|branch| &branch.query);
        let mut table = Table {
            columns: first.and_then(columns_of),
            rows: Vec::new(),
            places: None,
        };
        for row in rows {
            let mut chosen = of.otherwise.as_deref();
            for branch in &of.branches {
                let value = self.eval(&branch.predicate, &row)?;
                match self.truth_of(&value) {
                    Ok(Some(true)) => {
                        chosen = Some(&branch.query);
                        break;
                    }
                    Ok(_) => {}
                    Err(()) => {
                        self.is_tainted = true;
                        chosen = None;
                        break;
                    }
                }
            }
            let Some(query) = chosen else { continue };
            let found = self.inner_query(query, &row, row.clone())?;
            table.rows.extend(found.rows);
        }
        Ok(table)
    }

    /// What UNWIND, FOREACH and list functions make of a value used as a list.
    pub(super) fn items_of(&mut self, list: &Value) -> Vec<Value> {
        match list {
            Value::Null => Vec::new(),
            list if is_poison(list) => Vec::new(),
            Value::List(items) => items.to_vec(),
            _ => {
                self.fail("TypeError");
                Vec::new()
            }
        }
    }

    fn unwind(&mut self, of: &ast::Unwind, rows: Vec<Row>) -> Evaluated<Vec<Row>> {
        let mut found = Vec::new();
        for row in rows {
            let list = self.eval(&of.list, &row)?;
            let items = match list {
                list @ (Value::Null | Value::List(_)) => self.items_of(&list),
                // A value that is no list stands for the list of it.
                value => vec![value],
            };
            for item in items {
                self.step()?;
                let mut row = row.clone();
                row.insert(of.variable.name.clone(), item);
                found.push(row);
            }
        }
        Ok(found)
    }

    fn match_clause(&mut self, of: &ast::Match, rows: Vec<Row>) -> Evaluated<Vec<Row>> {
        let mut found = Vec::new();
        for row in rows {
            if self.eagerness == Eagerness::Partial {
                self.try_predicates(&of.patterns, of.predicate.as_ref(), &row)?;
            }
            let mut matches = Vec::new();
            let is_repeatable = of.mode == Some(ast::MatchMode::RepeatableElements);
            for candidate in self.matches_in(is_repeatable, &of.patterns, &row)? {
                if self.holds(of.predicate.as_ref(), &candidate)? {
                    matches.push(candidate);
                }
            }
            if matches.is_empty() && of.optional {
                let mut row = row;
                for name in super::pattern::variables(&of.patterns) {
                    row.entry(name).or_insert(Value::Null);
                }
                matches.push(row);
            }
            found.extend(matches);
        }
        Ok(self.arranged(found))
    }

    fn call_subquery(&mut self, of: &ast::SubqueryCall, rows: Vec<Row>) -> Evaluated<Vec<Row>> {
        if of.transactions.is_some() {
            return Err(Stop::Unsupported("IN TRANSACTIONS".to_owned()));
        }
        let mut found = Vec::new();
        for row in rows {
            let (base, imported) = match &of.scope {
                Some(SubqueryScope::All) => (row.clone(), row.clone()),
                Some(SubqueryScope::Variables(names)) => {
                    let seen: Row = names
                        .iter()
                        .map(|name| {
                            let value = row.get(&name.name).cloned().unwrap_or_default();
                            (name.name.clone(), value)
                        })
                        .collect();
                    (seen.clone(), seen)
                }
                None => {
                    let imports = matches!(of.query.first.clauses.first(), Some(Clause::With(_)));
                    let base = if imports { row.clone() } else { Row::new() };
                    (base, Row::new())
                }
            };
            let table = self.inner_query(&of.query, &base, imported)?;
            let Some(columns) = table.columns else {
                found.push(row);
                continue;
            };
            if of.optional && table.rows.is_empty() {
                let mut row = row;
                for name in columns {
                    row.insert(name, Value::Null);
                }
                found.push(row);
                continue;
            }
            for inner in table.rows {
                let mut row = row.clone();
                for name in &columns {
                    row.insert(name.clone(), inner.get(name).cloned().unwrap_or_default());
                }
                found.push(row);
            }
        }
        Ok(found)
    }

    /// The values of a COLLECT subquery: those of its one column, nulls too.
    pub(super) fn collected(&mut self, body: &ast::SubqueryBody, row: &Row) -> Evaluated<Value> {
        let ast::SubqueryBody::Query(query) = body else {
            return Err(Stop::Unsupported("COLLECT of a pattern".to_owned()));
        };
        let table = self.inner_query(query, row, row.clone())?;
        let Some(column) = table.columns.as_ref().and_then(|columns| columns.first()) else {
            return Ok(Value::list(Vec::new()));
        };
        let rows = table.rows.iter();
        let values = rows.map(|row| row.get(column).cloned().unwrap_or_default());
        Ok(Value::list(values.collect::<Vec<_>>()))
    }

    /// The number of rows of an EXISTS or COUNT subquery.
    pub(super) fn subquery_rows(
        &mut self,
        body: &ast::SubqueryBody,
        row: &Row,
    ) -> Evaluated<usize> {
        match body {
            ast::SubqueryBody::Patterns {
                patterns,
                predicate,
            } => {
                if self.eagerness == Eagerness::Partial {
                    self.try_predicates(patterns, predicate.as_deref(), row)?;
                }
                let mut count = 0;
                for found in self.matches(patterns, row)? {
                    count += usize::from(self.holds(predicate.as_deref(), &found)?);
                }
                Ok(count)
            }
            ast::SubqueryBody::Query(query) => {
                Ok(self.inner_query(query, row, row.clone())?.rows.len())
            }
        }
    }
}

/// The columns of a query by its text; none if it does not end with a list of them.
fn columns_of(query: &ast::Query) -> Option<Vec<Arc<str>>> {
    if let Some(next) = &query.next {
        return columns_of(next);
    }
    match query.first.clauses.last()? {
        Clause::Return(of) if !of.projection.star => {
            let items = of.projection.items.iter();
            items
                .map(|item| match (&item.alias, &item.expression.kind) {
                    (Some(alias), _) => Some(alias.name.clone()),
                    (None, ast::ExpressionKind::Variable(name)) => Some(name.name.clone()),
                    _ => None,
                })
                .collect()
        }
        Clause::Braced(query) => columns_of(query),
        Clause::Conditional(of) => columns_of(&of.branches.first()?.query),
        _ => None,
    }
}
