//! Clauses that keep all variables: FILTER, LET, ORDER BY, SKIP and LIMIT that stand alone, LOAD CSV.

use retrograph_cypher::ast::{Filter, Let, LoadCsv, Page, Projection};
use retrograph_cypher::{Detail, Diagnostic};

use super::syntax::contains_aggregate;
use super::typing::check;
use super::{Binder, Bound, Steps};
use crate::plan::{Operator, cost, operator};
use crate::types::Type;

impl Binder<'_> {
    pub(super) fn filter(&mut self, clause: &Filter, steps: &mut Steps) -> Bound<()> {
        let predicate = self.where_predicate(&clause.predicate)?;
        steps.rows *= cost::keeps(&predicate);
        steps.push(Operator::Filter(predicate), self.clause);
        Ok(())
    }

    /// The items do not see each other, so that their order means nothing.
    pub(super) fn let_clause(&mut self, clause: &Let, steps: &mut Steps) -> Bound<()> {
        let mut values = Vec::with_capacity(clause.items.len());
        for item in &clause.items {
            if contains_aggregate(&item.value) {
                return Err(Diagnostic::error(
                    Detail::InvalidAggregation,
                    item.value.span,
                    "an aggregate cannot stand in LET, which computes row by row",
                )
                .help("compute it in WITH"));
            }
            let bound = self.expression(&item.value).map_err(|error| {
                let is_sibling = clause.items.iter().any(|other| {
                    error.detail == Detail::UndefinedVariable
                        && super::syntax::mentions(&item.value, other.variable.as_str())
                });
                if is_sibling && error.help.is_none() {
                    return error
                        .help("the items of one LET do not see each other; use another LET");
                }
                error
            })?;
            values.push(bound);
        }
        let mut assignments = Vec::with_capacity(values.len());
        for (item, value) in clause.items.iter().zip(values) {
            let slot = self.declare_new(&item.variable, value.ty)?;
            assignments.push((slot, value.expression));
        }
        steps.push(Operator::Project(assignments), self.clause);
        Ok(())
    }

    pub(super) fn load_csv(&mut self, clause: &LoadCsv, steps: &mut Steps) -> Bound<()> {
        let url = self.expression(&clause.url)?;
        check(&url.ty, &[Type::String], clause.url.span, "LOAD CSV")?;
        let ty = if clause.headers {
            Type::Map
        } else {
            Type::List(Box::new(Type::String))
        };
        let row = self.declare_new(&clause.variable, ty)?;
        let (line, file) = (self.slot("line"), self.slot("file"));
        self.csv = Some((line, file));
        self.reads_csv = true;
        steps.rows *= 1000.0;
        let load = operator::LoadCsv {
            url: url.expression,
            headers: clause.headers,
            // The parser admits ASCII only, and no other character fits.
            terminator: clause
                .terminator
                .map_or(b',', |terminator| terminator as u8),
            row,
            line,
            file,
        };
        steps.push(Operator::LoadCsv(Box::new(load)), self.clause);
        Ok(())
    }

    /// The same as `WITH *` with the same parts.
    pub(super) fn page(&mut self, page: &Page, steps: &mut Steps) -> Bound<()> {
        let projection = Projection {
            distinct: false,
            star: true,
            items: Vec::new(),
            order_by: page.order_by.clone(),
            skip: page.skip.clone(),
            limit: page.limit.clone(),
            span: page.span,
        };
        self.projection(&projection, None, true, steps)?;
        Ok(())
    }
}
