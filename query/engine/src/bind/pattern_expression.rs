//! Patterns within expressions: predicates, comprehensions, shortest paths and subqueries.

use retrograph_cypher::ast::{self, PathPattern, PathSelector, SubqueryBody, SubqueryKind};
use retrograph_cypher::{Detail, Diagnostic};
use retrograph_graph::value::Value;

use super::pattern::Names;
use super::query::{BoundQuery, Place};
use super::{Aggregates, Binder, Bound, Steps, Typed};
use crate::plan::expression::SubqueryResult;
use crate::plan::graph::QueryGraph;
use crate::plan::slots::SlotSet;
use crate::plan::{Expression, Operator, Pipeline};
use crate::types::Type;

impl Binder<'_> {
    /// Binds something in a scope of its own, in which aggregates of the surrounding projection may
    /// not stand.
    fn nested<T>(&mut self, bind: impl FnOnce(&mut Self) -> Bound<T>) -> Bound<T> {
        let depth = self.scope.depth();
        let aggregates = self.aggregates;
        if aggregates == Aggregates::Collected {
            self.aggregates = Aggregates::Forbidden;
        }
        let bound = bind(self);
        self.aggregates = aggregates;
        self.scope.truncate(depth);
        bound
    }

    fn pattern_pipeline(&self, graph: &QueryGraph, bound: &SlotSet) -> Pipeline {
        let mut steps = Steps::new(Operator::Argument, 1.0);
        steps.steps.extend(self.solve(graph, bound, 1.0).steps);
        steps.finish()
    }

    /// A pattern where an expression is expected: its existence, or a shortest path.
    pub(super) fn pattern_expression(&mut self, pattern: &PathPattern) -> Bound<Typed> {
        if let Some(selector) = pattern.selector {
            return self.shortest_path(pattern, selector);
        }
        let pipeline = self.nested(|binder| {
            let bound = binder.bound_slots();
            let graph = binder.query_graph(std::slice::from_ref(pattern), None, Names::Bound)?;
            Ok(binder.pattern_pipeline(&graph, &bound))
        })?;
        let exists = Expression::Subquery(Box::new(pipeline), SubqueryResult::Exists);
        Ok(Typed::new(exists, Type::Boolean))
    }

    /// `shortestPath(…)` is the first of the list of paths found, null if there is none;
    /// `allShortestPaths(…)` is the list.
    fn shortest_path(&mut self, pattern: &PathPattern, selector: PathSelector) -> Bound<Typed> {
        let name = ast::Identifier::new("", pattern.span);
        let named = PathPattern {
            variable: Some(name.clone()),
            ..pattern.clone()
        };
        let (pipeline, path) = self.nested(|binder| {
            let bound = binder.bound_slots();
            let graph =
                binder.query_graph(std::slice::from_ref(&named), None, Names::Introduced)?;
            let path = binder
                .scope
                .get("")
                .map(|variable| Expression::Slot(variable.slot));
            Ok((binder.pattern_pipeline(&graph, &bound), path))
        })?;
        let path = path.unwrap_or(Expression::Literal(Value::Null));
        let paths =
            Expression::Subquery(Box::new(pipeline), SubqueryResult::Collect(Box::new(path)));
        Ok(match selector {
            PathSelector::AllShortest => Typed::new(paths, Type::List(Box::new(Type::Path))),
            PathSelector::Shortest => {
                let first = Box::new(Expression::Literal(Value::Int(0)));
                Typed::new(Expression::Index(Box::new(paths), first), Type::Path)
            }
        })
    }

    pub(super) fn pattern_comprehension(
        &mut self,
        written: &ast::PatternComprehension,
    ) -> Bound<Typed> {
        let (pipeline, item) = self.nested(|binder| {
            let bound = binder.bound_slots();
            let graph = binder.query_graph(
                std::slice::from_ref(&written.pattern),
                written.predicate.as_deref(),
                Names::Introduced,
            )?;
            let pipeline = binder.pattern_pipeline(&graph, &bound);
            Ok((pipeline, binder.expression(&written.projection)?))
        })?;
        let result = SubqueryResult::Collect(Box::new(item.expression));
        let ty = if item.ty == Type::Null {
            Type::Any
        } else {
            item.ty
        };
        Ok(Typed::new(
            Expression::Subquery(Box::new(pipeline), result),
            Type::List(Box::new(ty)),
        ))
    }

    /// `EXISTS { … }`, `COUNT { … }` and `COLLECT { … }`.
    pub(super) fn subquery_expression(
        &mut self,
        kind: SubqueryKind,
        body: &SubqueryBody,
    ) -> Bound<Typed> {
        let pipeline = match body {
            SubqueryBody::Patterns {
                patterns,
                predicate,
            } => self.nested(|binder| {
                let bound = binder.bound_slots();
                let graph =
                    binder.query_graph(patterns, predicate.as_deref(), Names::Introduced)?;
                Ok(binder.pattern_pipeline(&graph, &bound))
            })?,
            SubqueryBody::Query(query) => {
                if let Some(time) = &query.time {
                    return Err(Diagnostic::error(
                        Detail::InvalidTimeClause,
                        time.span,
                        "a subquery within an expression reads what the query around it reads",
                    )
                    .help("read another time in CALL { … }"));
                }
                let bound = self.query_in_expression(query)?;
                if kind == SubqueryKind::Collect {
                    return collected(bound, query);
                }
                bound.steps.finish()
            }
        };
        let (result, ty) = match kind {
            SubqueryKind::Exists => (SubqueryResult::Exists, Type::Boolean),
            SubqueryKind::Count => (SubqueryResult::Count, Type::Integer),
            // The parser reads no bare pattern there.
            SubqueryKind::Collect => {
                let nothing = Expression::Literal(Value::Null);
                (SubqueryResult::Collect(Box::new(nothing)), Type::list())
            }
        };
        Ok(Typed::new(
            Expression::Subquery(Box::new(pipeline), result),
            ty,
        ))
    }

    fn query_in_expression(&mut self, query: &ast::Query) -> Bound<BoundQuery> {
        let inside = self.scope.as_imported();
        let outside = std::mem::replace(&mut self.scope, inside);
        let aggregates = std::mem::replace(&mut self.aggregates, Aggregates::Forbidden);
        let calls = std::mem::take(&mut self.calls);
        let substitutions = std::mem::take(&mut self.substitutions);
        let clause = self.clause;
        let csv = self.csv;
        self.expression_queries += 1;
        let bound = self.query(
            query,
            Steps::new(Operator::Argument, 1.0),
            Place::Expression,
        );
        self.expression_queries -= 1;
        self.scope = outside;
        self.aggregates = aggregates;
        self.calls = calls;
        self.substitutions = substitutions;
        self.clause = clause;
        self.csv = csv;
        bound
    }
}

/// The list of the only column of a query.
fn collected(bound: BoundQuery, query: &ast::Query) -> Bound<Typed> {
    let [column] = &bound.columns[..] else {
        return Err(Diagnostic::error(
            Detail::InvalidClauseComposition,
            query.span,
            "a COLLECT subquery returns exactly one column",
        )
        .label(match bound.columns.len() {
            0 => "this returns none".to_owned(),
            count => format!("this returns {count}"),
        })
        .help("end it with RETURN and one expression, a map or list if need be"));
    };
    let item = Expression::Slot(column.slot);
    let ty = match &column.ty {
        Type::Null => Type::Any,
        ty => ty.clone(),
    };
    Ok(Typed::new(
        Expression::Subquery(
            Box::new(bound.steps.finish()),
            SubqueryResult::Collect(Box::new(item)),
        ),
        Type::List(Box::new(ty)),
    ))
}
