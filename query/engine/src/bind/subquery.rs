//! `CALL { … }`.

use retrograph_cypher::ast::{self, Clause, ExpressionKind, SubqueryCall, SubqueryScope};
use retrograph_cypher::{Detail, Diagnostic};
use retrograph_graph::value::Value;

use super::projection::Column;
use super::query::{BoundQuery, Place};
use super::scope::{Scope, Variable};
use super::{Binder, Bound, Steps, already_bound};
use crate::plan::operator::{InTransactions, Retry};
use crate::plan::{Expression, Operator, Slot};
use crate::types::Type;

impl Binder<'_> {
    pub(super) fn subquery(
        &mut self,
        call: &SubqueryCall,
        place: Place,
        steps: &mut Steps,
    ) -> Bound<()> {
        if let Some(transactions) = &call.transactions {
            self.check_transactions(call, transactions, place)?;
        }
        let view = match &call.query.time {
            Some(time) => Some(self.view(time, &call.query)?),
            None => None,
        };
        let outside = self.scope.clone();
        self.scope = self.imports(call, &outside)?;
        let own_clause = self.clause;
        let csv = self.csv;
        let bound = self.query(
            &call.query,
            Steps::new(Operator::Argument, 1.0),
            Place::Call,
        );
        self.scope = outside;
        self.csv = csv;
        let mut bound = bound?;
        let clause = own_clause;
        if call.optional || call.transactions.is_some() {
            self.copy_imported(&mut bound, clause);
        }
        if let Some(transactions) = &call.transactions {
            return self.in_transactions(transactions, bound, steps, clause);
        }
        if !bound.returns {
            if let Some(time) = &call.query.time {
                return Err(Diagnostic::error(
                    Detail::InvalidTimeClause,
                    time.span,
                    "a subquery that reads another time returns what it reads",
                )
                .help("end it with RETURN"));
            }
            // It runs for its effects: each row passes on once, whatever the subquery found.
            let list = Expression::Literal(Value::List([Value::Null].into()));
            let item = self.nameless_slot();
            let body = bound.steps.finish();
            steps.push(Operator::Foreach { list, item, body }, clause);
            return Ok(());
        }
        self.declare_returned(&bound.columns)?;
        let inner_rows = bound.steps.rows;
        let apply = Operator::Apply {
            inner: bound.steps.finish(),
            view,
        };
        if call.optional {
            steps.rows *= inner_rows.max(1.0);
            let introduced = bound.columns.iter().map(|column| column.slot).collect();
            self.push_optional(apply, introduced, steps, clause);
        } else {
            steps.rows *= inner_rows;
            steps.push(apply, clause);
        }
        Ok(())
    }

    /// Gives columns that are variables from outside slots of their own: where the subquery finds nothing
    /// or fails, its columns are null, and the variables are not.
    fn copy_imported(&mut self, bound: &mut BoundQuery, clause: u16) {
        let mut copies = Vec::new();
        for column in &mut bound.columns {
            if self.scope.visible().any(|known| known.slot == column.slot) {
                let copy = self.slot(column.name.clone());
                copies.push((copy, Expression::Slot(column.slot)));
                column.slot = copy;
            }
        }
        if !copies.is_empty() {
            bound.steps.push(Operator::Project(copies), clause);
        }
    }

    /// Brings what a subquery returns into scope.
    fn declare_returned(&mut self, columns: &[Column]) -> Bound<()> {
        for column in columns {
            if let Some(known) = self.scope.get(&column.name) {
                let name = ast::Identifier::new(column.name.clone(), column.span);
                return Err(
                    already_bound(&name, known.span).help("return it under another name with AS")
                );
            }
        }
        for column in columns {
            self.scope.push(Variable {
                name: column.name.clone(),
                slot: column.slot,
                ty: column.ty.clone(),
                span: column.span,
                is_imported: false,
                is_local: false,
            });
        }
        Ok(())
    }

    fn check_transactions(
        &mut self,
        call: &SubqueryCall,
        transactions: &ast::InTransactions,
        place: Place,
    ) -> Bound<()> {
        let error =
            |span, message| Diagnostic::error(Detail::InvalidClauseComposition, span, message);
        if place != Place::Top {
            return Err(error(
                transactions.span,
                "IN TRANSACTIONS stands in the outermost query only",
            )
            .label("a subquery belongs to the transaction of its query"));
        }
        if call.optional {
            return Err(error(
                transactions.span,
                "OPTIONAL CALL and IN TRANSACTIONS do not go together",
            ));
        }
        if let Some(time) = &call.query.time {
            return Err(error(
                time.span,
                "a subquery IN TRANSACTIONS writes, and the past cannot be written to",
            ));
        }
        self.commits = true;
        Ok(())
    }

    fn in_transactions(
        &mut self,
        transactions: &ast::InTransactions,
        bound: BoundQuery,
        steps: &mut Steps,
        clause: u16,
    ) -> Bound<()> {
        let concurrency = match &transactions.concurrency {
            Some(ast::Concurrency { count: Some(count) }) => {
                Some(self.number(count, "CONCURRENT", &[Type::Integer])?)
            }
            _ => None,
        };
        let rows = match &transactions.rows {
            Some(rows) => Some(self.row_count(rows, "IN TRANSACTIONS OF")?),
            None => None,
        };
        let retry = match &transactions.retry {
            Some(ast::Retry { seconds: None }) => Some(Retry { seconds: None }),
            Some(ast::Retry {
                seconds: Some(seconds),
            }) => {
                let wanted = [Type::Integer, Type::Float];
                let seconds = self.number(seconds, "ON ERROR RETRY FOR", &wanted)?;
                Some(Retry {
                    seconds: Some(seconds),
                })
            }
            None => None,
        };
        self.declare_returned(&bound.columns)?;
        let status = match &transactions.status {
            Some(variable) => Some(self.declare_new(variable, Type::Map)?),
            None => None,
        };
        if bound.returns {
            steps.rows *= bound.steps.rows;
        }
        let introduced = bound.columns.iter().map(|column| column.slot).collect();
        let call = InTransactions {
            concurrency,
            rows,
            retry,
            on_error: transactions.on_error,
            status,
            returns: bound.returns,
            introduced,
            inner: bound.steps.finish(),
        };
        steps.push(Operator::InTransactions(Box::new(call)), clause);
        Ok(())
    }

    /// A step that keeps each row for which it finds nothing.
    pub(super) fn push_optional(
        &self,
        operator: Operator,
        introduced: Vec<Slot>,
        steps: &mut Steps,
        clause: u16,
    ) {
        let mut inner = Steps::new(Operator::Argument, steps.rows);
        inner.push(operator, clause);
        let optional = Operator::Optional {
            inner: inner.finish(),
            introduced,
        };
        steps.push(optional, clause);
    }

    /// What the subquery sees of the variables outside.
    fn imports(&self, call: &SubqueryCall, outside: &Scope) -> Bound<Scope> {
        let mut scope = Scope::default();
        match &call.scope {
            Some(SubqueryScope::All) => scope = outside.as_imported(),
            Some(SubqueryScope::Variables(names)) => {
                for name in names {
                    let Some(variable) = outside.get(&name.name) else {
                        return Err(self.undefined(name));
                    };
                    scope.push(Variable {
                        is_imported: true,
                        ..variable.clone()
                    });
                }
            }
            // Each part of a union may begin with a WITH of its own.
            None => {
                let unions = call.query.unions.iter().map(|union| &union.query);
                for part in std::iter::once(&call.query.first).chain(unions) {
                    for variable in leading_with(part, outside) {
                        if scope.get(&variable.name).is_none() {
                            scope.push(variable);
                        }
                    }
                }
            }
        }
        Ok(scope)
    }
}

/// The variables that a query imports by beginning with `WITH a, b`.
fn leading_with(query: &ast::SingleQuery, outside: &Scope) -> Vec<Variable> {
    let Some(Clause::With(with)) = query.clauses.first() else {
        return Vec::new();
    };
    if with.projection.star {
        return outside.visible().cloned().collect();
    }
    let items = with.projection.items.iter();
    let names = items.filter_map(|item| match (&item.expression.kind, &item.alias) {
        (ExpressionKind::Variable(name), None) => Some(name),
        _ => None,
    });
    names
        .filter_map(|name| outside.get(&name.name))
        .cloned()
        .collect()
}
