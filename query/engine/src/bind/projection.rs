//! WITH and RETURN: columns, grouping, DISTINCT, ORDER BY, SKIP, LIMIT and WHERE.
//!
//! Without aggregates, the items are computed beside the variables they come from, so that ORDER BY
//! and WHERE see both; only then does the scope shrink to the items. With aggregates, items that hold
//! none are the grouping keys, and what stands beside an aggregate must be made of keys, constants and
//! other aggregates; ORDER BY and WHERE then see the items alone, as they do with DISTINCT, but may
//! repeat the text of an item.

use std::sync::Arc;

use retrograph_cypher::ast::{self, ExpressionKind, Projection, ProjectionItem, SortItem};
use retrograph_cypher::{Detail, Diagnostic, Span};
use retrograph_graph::value::Value;

use super::scope::{Scope, Variable};
use super::syntax::{contains_aggregate, is_simple, mentions, mentions_beside_aggregate};
use super::typing::check;
use super::{Aggregates, Binder, Bound, Steps, Substitution, Typed};
use crate::plan::cost;
use crate::plan::expression::Arithmetic;
use crate::plan::operator::SortKey;
use crate::plan::slots::{SlotSet, expression_reads};
use crate::plan::{Expression, Operator, Slot};
use crate::types::Type;

/// A column of a projection.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub name: Arc<str>,
    pub slot: Slot,
    pub ty: Type,
    pub span: Span,
}

/// An item on its way to being a column.
struct Item<'p> {
    name: Arc<str>,
    span: Span,
    source: ItemSource<'p>,
}

enum ItemSource<'p> {
    /// A variable passed on by `*`.
    Passed(Slot, Type),
    Written(&'p ast::Expression),
}

impl Binder<'_> {
    /// Binds the body of WITH or RETURN and leaves its columns in scope.
    pub(super) fn projection(
        &mut self,
        projection: &Projection,
        predicate: Option<&ast::Expression>,
        is_with: bool,
        steps: &mut Steps,
    ) -> Bound<Vec<Column>> {
        let items = self.items(projection, is_with)?;
        let is_grouping = items.iter().any(|item| match item.source {
            ItemSource::Written(expression) => contains_aggregate(expression),
            ItemSource::Passed(..) => false,
        });
        let before = self.scope.clone();
        let columns = if is_grouping {
            self.grouping_projection(projection, &items, steps)?
        } else {
            self.plain_projection(projection, &items, steps)?
        };
        if is_with {
            // Reported last, since other mistakes in the item say more.
            check_aliases(projection)?;
        }
        let mut after = before.imported();
        for column in &columns {
            after.push(variable(column));
        }
        if is_grouping || projection.distinct {
            // A group has no line of its own.
            self.csv = None;
        }
        self.limits(projection, steps)?;
        if let Some(predicate) = predicate {
            self.out_of_scope = names_lost(&before, &after);
            let bound = self.where_predicate(predicate);
            self.out_of_scope.clear();
            let bound = bound?;
            steps.rows *= cost::keeps(&bound);
            steps.push(Operator::Filter(bound), self.clause);
        }
        self.substitutions.clear();
        self.forgotten.extend(names_lost(&before, &after));
        self.scope = after;
        Ok(columns)
    }

    /// The items with their names, `*` replaced by what it stands for.
    fn items<'p>(&mut self, projection: &'p Projection, is_with: bool) -> Bound<Vec<Item<'p>>> {
        let mut items = Vec::new();
        if projection.star {
            let variables = self.scope.star();
            if variables.is_empty() && projection.items.is_empty() && !is_with {
                return Err(Diagnostic::error(
                    Detail::NoVariablesInScope,
                    projection.span,
                    "`*` stands for all variables, but there are none in scope",
                ));
            }
            items.extend(variables.into_iter().map(|variable| Item {
                name: variable.name,
                span: projection.span,
                source: ItemSource::Passed(variable.slot, variable.ty),
            }));
        }
        for item in &projection.items {
            let name = self.item_name(item);
            if let Some(earlier) = items.iter().find(|earlier| earlier.name == name) {
                return Err(Diagnostic::error(
                    Detail::ColumnNameConflict,
                    item.span,
                    format!("there are two columns named `{name}`"),
                )
                .secondary(earlier.span, "the first")
                .help("give one of them another name with AS"));
            }
            let source = ItemSource::Written(&item.expression);
            items.push(Item {
                name,
                span: item.span,
                source,
            });
        }
        Ok(items)
    }

    fn item_name(&self, item: &ProjectionItem) -> Arc<str> {
        match (&item.alias, &item.expression.kind) {
            (Some(alias), _) => alias.name.clone(),
            (None, ExpressionKind::Variable(name)) => name.name.clone(),
            (None, _) => Arc::from(item.expression.span.text(self.source)),
        }
    }

    /// A column for a value: a variable keeps its slot, anything else gets one.
    fn column(&mut self, item: &Item<'_>, value: Typed) -> (Column, Option<(Slot, Expression)>) {
        let Typed { expression, ty } = value;
        let (slot, assignment) = match expression {
            Expression::Slot(slot) => (slot, None),
            expression => {
                let slot = self.slot(item.name.clone());
                (slot, Some((slot, expression)))
            }
        };
        (
            Column {
                name: item.name.clone(),
                slot,
                ty,
                span: item.span,
            },
            assignment,
        )
    }

    fn plain_projection(
        &mut self,
        projection: &Projection,
        items: &[Item<'_>],
        steps: &mut Steps,
    ) -> Bound<Vec<Column>> {
        let mut columns = Vec::with_capacity(items.len());
        let mut assignments = Vec::new();
        for item in items {
            let value = match &item.source {
                ItemSource::Passed(slot, ty) => Typed::new(Expression::Slot(*slot), ty.clone()),
                ItemSource::Written(expression) => self.expression(expression)?,
            };
            let (column, assignment) = self.column(item, value);
            columns.push(column);
            assignments.extend(assignment);
        }
        if !assignments.is_empty() {
            steps.push(Operator::Project(assignments), self.clause);
        }
        if projection.distinct {
            self.distinct(&columns, steps);
            let before = std::mem::take(&mut self.scope);
            self.scope = before.imported();
            for column in &columns {
                self.scope.push(variable(column));
            }
            self.out_of_scope = names_lost(&before, &self.scope);
            self.substitutions = substitutions(items, &columns, |_| true);
        } else {
            for column in &columns {
                self.scope.push(variable(column));
            }
        }
        let keys = self.sort_keys(&projection.order_by, projection.distinct);
        self.out_of_scope.clear();
        self.sort(keys?, steps);
        Ok(columns)
    }

    fn distinct(&self, columns: &[Column], steps: &mut Steps) {
        steps.rows = steps.rows.powf(0.75).max(steps.rows.min(1.0));
        let slots = columns.iter().map(|column| column.slot).collect();
        steps.push(Operator::Distinct(slots), self.clause);
    }

    fn sort_keys(&mut self, order_by: &[SortItem], is_distinct: bool) -> Bound<Vec<SortKey>> {
        let mut keys = Vec::with_capacity(order_by.len());
        for item in order_by {
            if !is_distinct && contains_aggregate(&item.expression) {
                return Err(Diagnostic::error(
                    Detail::InvalidAggregation,
                    item.expression.span,
                    "ORDER BY cannot aggregate rows that the projection does not group",
                ));
            }
            let expression = self.expression(&item.expression)?.expression;
            keys.push(SortKey {
                expression,
                descending: item.descending,
            });
        }
        Ok(keys)
    }

    fn sort(&mut self, keys: Vec<SortKey>, steps: &mut Steps) {
        if !keys.is_empty() {
            let sort = Operator::Sort {
                keys,
                limit: None,
                live: Vec::new(),
            };
            steps.push(sort, self.clause);
        }
    }

    fn grouping_projection(
        &mut self,
        projection: &Projection,
        items: &[Item<'_>],
        steps: &mut Steps,
    ) -> Bound<Vec<Column>> {
        let before = self.scope.clone();
        let mut columns: Vec<Option<Column>> = items.iter().map(|_| None).collect();
        let mut keys = Vec::new();
        // Keys first: what stands beside an aggregate may name them, wherever they are listed.
        for (place, item) in items.iter().enumerate() {
            let value = match &item.source {
                ItemSource::Passed(slot, ty) => Typed::new(Expression::Slot(*slot), ty.clone()),
                ItemSource::Written(expression) if !contains_aggregate(expression) => {
                    self.expression(expression)?
                }
                ItemSource::Written(_) => continue,
            };
            let (column, assignment) = self.column(item, value);
            let slot = column.slot;
            keys.push(assignment.unwrap_or((slot, Expression::Slot(slot))));
            columns[place] = Some(column);
        }
        self.substitutions = key_substitutions(items, &columns, is_simple);
        let outer = std::mem::replace(&mut self.aggregates, Aggregates::Collected);
        let outer_calls = std::mem::take(&mut self.calls);
        let bound = self.aggregating_items(items, &mut columns, &before);
        let columns: Vec<Column> = columns.into_iter().flatten().collect();
        let sorted = bound.and_then(|assignments| {
            let keys = self.grouped_sort_keys(projection, items, &columns, &before)?;
            Ok((assignments, keys))
        });
        self.aggregates = outer;
        let calls = std::mem::replace(&mut self.calls, outer_calls);
        let (assignments, sort_keys) = sorted?;
        steps.rows = if keys.is_empty() {
            1.0
        } else {
            steps.rows.powf(0.75).max(1.0)
        };
        let aggregates = calls.into_iter().map(|(_, call, _)| call).collect();
        steps.push(Operator::Aggregate { keys, aggregates }, self.clause);
        if !assignments.is_empty() {
            steps.push(Operator::Project(assignments), self.clause);
        }
        if projection.distinct {
            self.distinct(&columns, steps);
        }
        self.sort(sort_keys, steps);
        Ok(columns)
    }

    /// Binds the items that hold aggregates.
    fn aggregating_items(
        &mut self,
        items: &[Item<'_>],
        columns: &mut [Option<Column>],
        before: &Scope,
    ) -> Bound<Vec<(Slot, Expression)>> {
        let mut allowed: SlotSet = self.substitutions.iter().map(|known| known.slot).collect();
        allowed.extend(columns.iter().flatten().filter_map(|column| {
            before
                .slots()
                .any(|slot| slot == column.slot)
                .then_some(column.slot)
        }));
        allowed.extend(
            before
                .visible()
                .filter(|known| known.is_imported)
                .map(|known| known.slot),
        );
        let mut assignments = Vec::new();
        for (place, item) in items.iter().enumerate() {
            let ItemSource::Written(expression) = &item.source else {
                continue;
            };
            if columns[place].is_some() {
                continue;
            }
            let value = self.expression(expression)?;
            self.check_grouped(&value.expression, expression, &allowed)?;
            let (column, assignment) = self.column(item, value);
            if self
                .calls
                .iter()
                .any(|(_, call, _)| call.slot == column.slot)
            {
                // The column is the aggregate itself, so plans call it by its name.
                if let Some(name) = self.slots.get_mut(usize::from(column.slot.0)) {
                    *name = item.name.clone();
                }
            }
            columns[place] = Some(column);
            assignments.extend(assignment);
        }
        Ok(assignments)
    }

    /// Beside an aggregate, only grouping keys and other aggregates have one value per group.
    fn check_grouped(
        &self,
        bound: &Expression,
        written: &ast::Expression,
        allowed: &SlotSet,
    ) -> Bound<()> {
        let is_fine = |slot: &Slot| {
            allowed.contains(slot) || self.calls.iter().any(|(_, call, _)| call.slot == *slot)
        };
        match expression_reads(bound).iter().find(|slot| !is_fine(slot)) {
            None => Ok(()),
            Some(slot) => {
                let name = self.slots.get(usize::from(slot.0)).map_or("", |name| name);
                Err(ambiguous(written.span, name))
            }
        }
    }

    fn grouped_sort_keys(
        &mut self,
        projection: &Projection,
        items: &[Item<'_>],
        columns: &[Column],
        before: &Scope,
    ) -> Bound<Vec<SortKey>> {
        self.scope = before.imported();
        for column in columns {
            self.scope.push(variable(column));
        }
        self.out_of_scope = names_lost(before, &self.scope);
        let mut keys = Vec::with_capacity(projection.order_by.len());
        let calls_before = self.calls.len();
        for item in &projection.order_by {
            let written = &item.expression;
            let is_aggregating = contains_aggregate(written);
            // Beside an aggregate, a key must be a variable or a property to be recognised.
            self.substitutions = substitutions(items, columns, |expression| {
                !is_aggregating || is_simple(expression) || contains_aggregate(expression)
            });
            if is_aggregating {
                check_sort_names(written, items, &self.scope, before)?;
            }
            let expression = self.expression(written)?.expression;
            keys.push(SortKey {
                expression,
                descending: item.descending,
            });
        }
        self.out_of_scope.clear();
        self.check_new_calls(calls_before, projection, before)?;
        self.substitutions = substitutions(items, columns, |_| true);
        Ok(keys)
    }

    /// An aggregate that only ORDER BY names is computed with the others, before the columns exist.
    fn check_new_calls(&self, first: usize, projection: &Projection, before: &Scope) -> Bound<()> {
        for (written, call, _) in &self.calls[first..] {
            let reads: SlotSet = call.arguments.iter().flat_map(expression_reads).collect();
            let is_late = reads
                .iter()
                .any(|slot| !before.slots().any(|known| known == *slot));
            if projection.distinct || is_late {
                return Err(Diagnostic::error(
                    Detail::InvalidAggregation,
                    written.span,
                    "ORDER BY cannot aggregate the columns it sorts",
                )
                .help("make the aggregate a column, or project in a WITH before"));
            }
        }
        Ok(())
    }

    fn limits(&mut self, projection: &Projection, steps: &mut Steps) -> Bound<()> {
        let skip = match &projection.skip {
            Some(written) => Some(self.row_count(written, "SKIP")?),
            None => None,
        };
        let limit = match &projection.limit {
            Some(written) => Some(self.row_count(written, "LIMIT")?),
            None => None,
        };
        if self.rewrites.top_n
            && let (Some(limit), Some(step)) = (&limit, steps.steps.last_mut())
            && let Operator::Sort { limit: wanted, .. } = &mut step.operator
        {
            *wanted = Some(match &skip {
                Some(skip) => Expression::Arithmetic(
                    Arithmetic::Add,
                    Box::new(skip.clone()),
                    Box::new(limit.clone()),
                ),
                None => limit.clone(),
            });
        }
        if let Some(skip) = skip {
            steps.push(Operator::Skip(skip), self.clause);
        }
        if let Some(limit) = limit {
            let most = match &limit {
                Expression::Literal(Value::Int(most)) => *most as f64,
                _ => steps.rows,
            };
            steps.rows = steps.rows.min(most);
            steps.push(Operator::Limit(limit), self.clause);
        }
        Ok(())
    }

    /// The operand of SKIP or LIMIT: an integer that depends on no variable.
    pub(super) fn row_count(
        &mut self,
        written: &ast::Expression,
        keyword: &str,
    ) -> Bound<Expression> {
        let count = self.number(written, keyword, &[Type::Integer])?;
        if let Expression::Literal(Value::Int(count)) = count
            && count < 0
        {
            return Err(Diagnostic::error(
                Detail::NegativeIntegerArgument,
                written.span,
                format!("{keyword} takes a number of rows, which {count} is not"),
            ));
        }
        Ok(count)
    }

    /// A number that is the same for all rows.
    pub(super) fn number(
        &mut self,
        written: &ast::Expression,
        keyword: &str,
        wanted: &[Type],
    ) -> Bound<Expression> {
        let scope = std::mem::take(&mut self.scope);
        let substitutions = std::mem::take(&mut self.substitutions);
        let bound = self.expression(written);
        self.scope = scope;
        self.substitutions = substitutions;
        let typed = bound.map_err(|error| {
            if error.detail != Detail::UndefinedVariable {
                return error;
            }
            Diagnostic::error(
                Detail::NonConstantExpression,
                written.span,
                format!("{keyword} takes a number that depends on no variable"),
            )
        })?;
        check(&typed.ty, wanted, written.span, keyword)?;
        Ok(typed.expression)
    }
}

pub(super) fn variable(column: &Column) -> Variable {
    Variable {
        name: column.name.clone(),
        slot: column.slot,
        ty: column.ty.clone(),
        span: column.span,
        is_imported: false,
        is_local: false,
    }
}

/// The names that a projection does not pass on.
fn names_lost(before: &Scope, after: &Scope) -> Vec<Arc<str>> {
    let lost = before
        .visible()
        .filter(|known| after.get(&known.name).is_none());
    lost.map(|known| known.name.clone()).collect()
}

fn substitutions(
    items: &[Item<'_>],
    columns: &[Column],
    wanted: impl Fn(&ast::Expression) -> bool,
) -> Vec<Substitution> {
    let mut known = Vec::new();
    for (item, column) in items.iter().zip(columns) {
        if let ItemSource::Written(written) = &item.source
            && wanted(written)
        {
            known.push(Substitution {
                written: (*written).clone(),
                slot: column.slot,
                ty: column.ty.clone(),
            });
        }
    }
    known
}

fn key_substitutions(
    items: &[Item<'_>],
    columns: &[Option<Column>],
    wanted: impl Fn(&ast::Expression) -> bool,
) -> Vec<Substitution> {
    let mut known = Vec::new();
    for (item, column) in items.iter().zip(columns) {
        if let (ItemSource::Written(written), Some(column)) = (&item.source, column)
            && wanted(written)
        {
            known.push(Substitution {
                written: (*written).clone(),
                slot: column.slot,
                ty: column.ty.clone(),
            });
        }
    }
    known
}

fn check_aliases(projection: &Projection) -> Bound<()> {
    for item in &projection.items {
        if item.alias.is_none() && !matches!(item.expression.kind, ExpressionKind::Variable(_)) {
            return Err(Diagnostic::error(
                Detail::NoExpressionAlias,
                item.span,
                "an expression in WITH needs a name",
            )
            .help("add AS and a name"));
        }
    }
    Ok(())
}

/// A variable beside an aggregate in ORDER BY that is no column: if it is part of a longer grouping
/// key it has no single value per group that could be meant, else it is simply gone.
fn check_sort_names(
    written: &ast::Expression,
    items: &[Item<'_>],
    after: &Scope,
    before: &Scope,
) -> Bound<()> {
    for item in items {
        let ItemSource::Written(key) = &item.source else {
            continue;
        };
        if contains_aggregate(key) || is_simple(key) {
            continue;
        }
        for known in before.visible() {
            let is_lost = after.get(&known.name).is_none();
            if is_lost
                && mentions(key, &known.name)
                && mentions_beside_aggregate(written, &known.name)
            {
                return Err(ambiguous(written.span, &known.name));
            }
        }
    }
    Ok(())
}

fn ambiguous(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error(
        Detail::AmbiguousAggregationExpression,
        span,
        format!("beside an aggregate, `{name}` has no single value per group"),
    )
    .help("make it a column of its own, or compute the expression in a WITH before")
}
