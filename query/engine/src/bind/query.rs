//! Queries: clauses in a row, and UNION.

use std::sync::Arc;

use retrograph_cypher::ast::{self, Clause, Conditional, Match, SingleQuery, Unwind};
use retrograph_cypher::{Detail, Diagnostic, Span};
use retrograph_graph::value::Value;

use super::pattern::Names;
use super::projection::{Column, variable};
use super::syntax::{clause_is_updating, is_updating};
use super::typing::{check, item_of};
use super::{Binder, Bound, Steps};
use crate::plan::expression::Comparison;
use crate::plan::{Access, Expression, Operator, Pipeline, Slot, ViewClause};
use crate::types::Type;

/// Where a query stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the statement.
    Top,
    /// `CALL { … }`.
    Call,
    /// `EXISTS { … }` and the like, where the last RETURN may be left out.
    Expression,
}

/// A bound query.
#[derive(Debug)]
pub(super) struct BoundQuery {
    pub steps: Steps,
    /// The columns; none if it ends without RETURN.
    pub columns: Vec<Column>,
    /// Whether it ends with RETURN, or is a call that yields.
    pub returns: bool,
}

/// The pipeline, columns, view and access of a plan.
pub(super) type Statement = (Pipeline, Vec<(Arc<str>, Slot)>, Option<ViewClause>, Access);

impl Binder<'_> {
    /// Binds a whole statement that is a query.
    pub(super) fn statement(&mut self, query: &ast::Query) -> Bound<Statement> {
        let view = match &query.time {
            Some(time) => Some(self.view(time, query)?),
            None => None,
        };
        let access = if is_updating(query) {
            Access::Write
        } else {
            Access::Read
        };
        let bound = self.query(query, Steps::new(Operator::Unit, 1.0), Place::Top)?;
        if self.commits {
            check_commits(query)?;
        }
        let columns = bound
            .columns
            .into_iter()
            .map(|column| (column.name, column.slot))
            .collect();
        Ok((bound.steps.finish(), columns, view, access))
    }

    /// Binds a query in the current scope; the caller restores the scope.
    pub(super) fn query(
        &mut self,
        query: &ast::Query,
        steps: Steps,
        place: Place,
    ) -> Bound<BoundQuery> {
        self.composed(query, steps, place, Operator::Union)
    }

    /// The same; `unite` is what a UNION at its beginning becomes.
    fn composed(
        &mut self,
        query: &ast::Query,
        steps: Steps,
        place: Place,
        unite: fn(Vec<Pipeline>) -> Operator,
    ) -> Bound<BoundQuery> {
        let Some(next) = &query.next else {
            return self.union(query, steps, place, unite);
        };
        let imported = self.scope.imported();
        let bound = self.union(query, steps, place, unite)?;
        self.scope = imported;
        for column in &bound.columns {
            self.scope.push(variable(column));
        }
        let mut steps = bound.steps;
        if is_updating(query) {
            steps.push(Operator::Barrier { live: Vec::new() }, self.clause);
        }
        // The rows that come are a table, and each part of a union takes up all of it.
        self.composed(next, steps, place, Operator::Fork)
    }

    /// Binds a query without what stands behind NEXT.
    fn union(
        &mut self,
        query: &ast::Query,
        mut steps: Steps,
        place: Place,
        unite: fn(Vec<Pipeline>) -> Operator,
    ) -> Bound<BoundQuery> {
        if query.unions.is_empty() {
            return self.single_query(&query.first, steps, place);
        }
        let scope = self.scope.clone();
        let csv = self.csv;
        let parts =
            std::iter::once(&query.first).chain(query.unions.iter().map(|union| &union.query));
        let mut branches: Vec<Pipeline> = Vec::new();
        let mut columns: Vec<Column> = Vec::new();
        let (mut rows, mut returns) = (0.0, false);
        for part in parts {
            self.scope = scope.clone();
            self.csv = csv;
            let argument = Steps::new(Operator::Argument, steps.rows);
            let mut bound = self.single_query(part, argument, place)?;
            if branches.is_empty() {
                returns = bound.returns;
                columns = self.union_columns(bound.columns.clone());
            }
            let items = align(&columns, &bound, part.span)?;
            if !items.is_empty() {
                bound.steps.push(Operator::Project(items), self.clause);
            }
            for (column, other) in columns.iter_mut().zip(&bound.columns) {
                column.ty = super::typing::join(&column.ty, &other.ty);
            }
            rows += bound.steps.rows;
            branches.push(bound.steps.finish());
        }
        steps.rows = rows;
        steps.push(unite(branches), self.clause);
        if !query.unions[0].all {
            let slots = columns.iter().map(|column| column.slot).collect();
            steps.push(Operator::Distinct(slots), self.clause);
        }
        Ok(BoundQuery {
            steps,
            columns,
            returns,
        })
    }

    /// The columns of a union: each branch copies its own there.
    fn union_columns(&mut self, columns: Vec<Column>) -> Vec<Column> {
        columns
            .into_iter()
            .map(|column| Column {
                slot: self.slot(column.name.clone()),
                ..column
            })
            .collect()
    }

    fn single_query(
        &mut self,
        query: &SingleQuery,
        mut steps: Steps,
        place: Place,
    ) -> Bound<BoundQuery> {
        if let [Clause::Braced(inner)] = &query.clauses[..] {
            return self.braced(inner, steps, place);
        }
        check_end(query, place)?;
        let is_standalone = place == Place::Top && query.clauses.len() == 1;
        let mut columns = Vec::new();
        let mut returns = false;
        let mut has_written = false;
        for clause in &query.clauses {
            if has_written {
                steps.push(Operator::Barrier { live: Vec::new() }, self.clause);
            }
            // Transactions on the way are done, and what follows reads the version they left.
            has_written = clause_is_updating(clause) && in_transactions(clause).is_none();
            // A subquery within an expression sees what the clause around it sees.
            if place != Place::Expression {
                self.next_clause();
            }
            match clause {
                Clause::Match(clause) => self.match_clause(clause, &mut steps)?,
                Clause::Unwind(clause) => self.unwind(clause, &mut steps)?,
                Clause::With(clause) => {
                    let predicate = clause.predicate.as_ref();
                    self.projection(&clause.projection, predicate, true, &mut steps)?;
                }
                Clause::Return(clause) => {
                    columns = self.projection(&clause.projection, None, false, &mut steps)?;
                    returns = true;
                }
                Clause::Call(call) => {
                    let yielded = self.procedure_call(call, is_standalone, &mut steps)?;
                    if is_standalone {
                        returns = !yielded.is_empty();
                        columns = yielded;
                    }
                }
                Clause::Subquery(call) => self.subquery(call, place, &mut steps)?,
                Clause::Filter(clause) => self.filter(clause, &mut steps)?,
                Clause::Let(clause) => self.let_clause(clause, &mut steps)?,
                Clause::Page(page) => self.page(page, &mut steps)?,
                Clause::Conditional(clause) => {
                    let bound = self.conditional(clause, place, &mut steps)?;
                    (columns, returns) = bound;
                }
                Clause::LoadCsv(clause) => self.load_csv(clause, &mut steps)?,
                // The rows are taken in, and nothing comes of them.
                Clause::Finish(_) => {}
                updating => self.updating_clause(updating, &mut steps)?,
            }
        }
        Ok(BoundQuery {
            steps,
            columns,
            returns,
        })
    }

    /// A query in braces means what it means without them.
    fn braced(&mut self, query: &ast::Query, steps: Steps, place: Place) -> Bound<BoundQuery> {
        refuse_time(query)?;
        let place = match place {
            Place::Top => Place::Call,
            place => place,
        };
        self.query(query, steps, place)
    }

    /// WHEN … THEN … ELSE: each row goes to the first query whose predicate holds for it.
    fn conditional(
        &mut self,
        clause: &Conditional,
        place: Place,
        steps: &mut Steps,
    ) -> Bound<(Vec<Column>, bool)> {
        // The number of the branch is computed once, so that no predicate is asked again.
        let mut arms = Vec::with_capacity(clause.branches.len());
        for (number, branch) in (0..).zip(&clause.branches) {
            let predicate = self.where_predicate(&branch.predicate)?;
            arms.push((predicate, Expression::Literal(Value::Int(number))));
        }
        let chosen = self.slot("branch");
        let otherwise = Expression::Literal(Value::Int(-1));
        let choice = Expression::Case {
            operand: None,
            arms,
            otherwise: Some(Box::new(otherwise)),
        };
        steps.push(Operator::Project(vec![(chosen, choice)]), self.clause);
        let place = if place == Place::Top {
            Place::Call
        } else {
            place
        };
        let scope = self.scope.as_imported();
        let queries = clause.branches.iter().map(|branch| &branch.query);
        let queries = (0i64..)
            .zip(queries)
            .chain(clause.otherwise.iter().map(|query| (-1, &**query)));
        let mut pipelines: Vec<Pipeline> = Vec::new();
        let (mut columns, mut returns, mut rows) = (Vec::new(), false, 0.0f64);
        let outside = self.scope.clone();
        for (number, query) in queries {
            self.scope = scope.clone();
            let mut branch = Steps::new(Operator::Argument, steps.rows);
            let test = Expression::Compare(
                Comparison::Equal,
                Box::new(Expression::Slot(chosen)),
                Box::new(Expression::Literal(Value::Int(number))),
            );
            branch.push(Operator::Filter(test), self.clause);
            let mut bound = self.query(query, branch, place)?;
            refuse_time(query)?;
            if pipelines.is_empty() {
                returns = bound.returns;
                columns = self.union_columns(bound.columns.clone());
            }
            let items = align(&columns, &bound, query.span)?;
            if !items.is_empty() {
                bound.steps.push(Operator::Project(items), self.clause);
            }
            for (column, other) in columns.iter_mut().zip(&bound.columns) {
                column.ty = super::typing::join(&column.ty, &other.ty);
            }
            rows = rows.max(bound.steps.rows);
            pipelines.push(bound.steps.finish());
        }
        self.scope = outside;
        steps.rows = rows;
        steps.push(Operator::Union(pipelines), self.clause);
        Ok((columns, returns))
    }

    fn match_clause(&mut self, clause: &Match, steps: &mut Steps) -> Bound<()> {
        let bound = self.bound_slots();
        let graph = self.query_graph_in(
            clause.mode,
            &clause.patterns,
            clause.predicate.as_ref(),
            Names::Introduced,
        )?;
        if !clause.optional {
            let solution = self.solve(&graph, &bound, steps.rows);
            steps.steps.extend(solution.steps);
            steps.rows = solution.rows;
            return Ok(());
        }
        let mut inner = Steps::new(Operator::Argument, steps.rows);
        let solution = self.solve(&graph, &bound, steps.rows);
        inner.steps.extend(solution.steps);
        steps.rows = steps.rows.max(solution.rows);
        let introduced = graph.introduces(&bound);
        let optional = Operator::Optional {
            inner: inner.finish(),
            introduced,
        };
        steps.push(optional, self.clause);
        Ok(())
    }

    fn unwind(&mut self, clause: &Unwind, steps: &mut Steps) -> Bound<()> {
        let list = self.expression(&clause.list)?;
        check(&list.ty, &[Type::list()], clause.list.span, "UNWIND")?;
        let items = match &list.expression {
            Expression::List(items) => items.len() as f64,
            _ => 10.0,
        };
        steps.rows *= items;
        let item = self.declare_new(&clause.variable, item_of(&list.ty))?;
        steps.push(
            Operator::Unwind {
                list: list.expression,
                item,
            },
            self.clause,
        );
        Ok(())
    }
}

/// What a branch of a union computes for the columns of the first, by name.
fn align(columns: &[Column], branch: &BoundQuery, span: Span) -> Bound<Vec<(Slot, Expression)>> {
    let source = |column: &Column| branch.columns.iter().find(|own| own.name == column.name);
    let sources: Option<Vec<&Column>> = columns.iter().map(source).collect();
    match sources {
        Some(sources) if columns.len() == branch.columns.len() => Ok(columns
            .iter()
            .zip(sources)
            .map(|(column, source)| (column.slot, Expression::Slot(source.slot)))
            .collect()),
        _ => {
            let names = |columns: &[Column]| {
                let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
                if names.is_empty() {
                    "no columns".to_owned()
                } else {
                    names.join(", ")
                }
            };
            Err(Diagnostic::error(
                Detail::DifferentColumnsInUnion,
                span,
                "all parts of a union have the same columns",
            )
            .label(format!("this part has {}", names(&branch.columns)))
            .note(format!("the first part has {}", names(columns))))
        }
    }
}

/// A part of a query has no time of its own.
fn refuse_time(query: &ast::Query) -> Bound<()> {
    match &query.time {
        None => Ok(()),
        Some(time) => Err(Diagnostic::error(
            Detail::InvalidTimeClause,
            time.span,
            "a branch reads what the query around it reads",
        )
        .help("read another time in CALL { … }")),
    }
}

fn in_transactions(clause: &Clause) -> Option<&ast::InTransactions> {
    match clause {
        Clause::Subquery(call) => call.transactions.as_deref(),
        _ => None,
    }
}

/// A query that commits as it goes has no transaction of its own to write in, and no past to read.
fn check_commits(query: &ast::Query) -> Bound<()> {
    let queries = std::iter::successors(Some(query), |query| query.next.as_deref());
    let clauses = queries.clone().flat_map(|query| {
        let unions = query.unions.iter().map(|union| &union.query);
        std::iter::once(&query.first)
            .chain(unions)
            .flat_map(|part| &part.clauses)
    });
    let Some(call) = clauses.clone().find_map(in_transactions) else {
        return Ok(());
    };
    let error = |span, message| {
        Diagnostic::error(Detail::InvalidClauseComposition, span, message)
            .secondary(call.span, "commits as it goes")
    };
    if let Some(time) = &query.time {
        return Err(error(
            time.span,
            "a query that commits cannot read the past as a whole",
        )
        .help("read it in a CALL { AS OF … } of its own"));
    }
    let mut unions = queries.flat_map(|query| &query.unions);
    if let Some(union) = unions.next() {
        return Err(error(
            union.span,
            "IN TRANSACTIONS cannot stand in a part of a UNION",
        ));
    }
    let mut writes =
        clauses.filter(|clause| clause_is_updating(clause) && in_transactions(clause).is_none());
    match writes.next() {
        None => Ok(()),
        Some(clause) => Err(error(
            clause.span(),
            "beside a subquery IN TRANSACTIONS, only such subqueries can write",
        )
        .help("put it into a CALL { … } IN TRANSACTIONS as well, or run it by itself")),
    }
}

/// Refuses a query that ends with a call whose rows nobody takes; the parser refuses other ends.
fn check_end(query: &SingleQuery, place: Place) -> Bound<()> {
    let Some((last, before)) = query.clauses.split_last() else {
        return Ok(());
    };
    let takes_nothing = match last {
        Clause::Call(call) => call.yields.is_some() && !before.is_empty(),
        Clause::Subquery(call) => !is_updating(&call.query),
        _ => false,
    };
    if !takes_nothing || place == Place::Expression {
        return Ok(());
    }
    Err(Diagnostic::error(
        Detail::InvalidClauseComposition,
        last.span(),
        "a query cannot end with a call that yields rows",
    )
    .help("add RETURN"))
}
