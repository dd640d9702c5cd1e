//! Calls of procedures.

use std::sync::Arc;

use retrograph_cypher::ast::{Identifier, ProcedureCall, Yield, YieldItems};
use retrograph_cypher::{Detail, Diagnostic};

use super::projection::Column;
use super::typing::check;
use super::{Binder, Bound, Steps};
use crate::functions::Procedure;
use crate::plan::{Expression, Operator};

impl Binder<'_> {
    /// Binds a call and gives the columns it yields.
    pub(super) fn procedure_call(
        &mut self,
        call: &ProcedureCall,
        is_standalone: bool,
        steps: &mut Steps,
    ) -> Bound<Vec<Column>> {
        if self.vector_property(call, is_standalone, steps)? {
            return Ok(Vec::new());
        }
        if let Some(columns) = self.merge_procedure(call, is_standalone, steps)? {
            return Ok(columns);
        }
        let name = call.name.to_string();
        let Some(procedure) = self.procedures.get(&name).cloned() else {
            let all = self.procedures.all();
            return Err(Diagnostic::error(
                Detail::ProcedureNotFound,
                call.name.span,
                format!("there is no procedure `{name}`"),
            )
            .suggest(&name, all.iter().map(|procedure| procedure.name.as_str())));
        };
        let arguments = self.procedure_arguments(call, &procedure, is_standalone)?;
        let yields = call.yields.as_ref();
        if !call.optional {
            return self.run_procedure(&procedure, arguments, yields, is_standalone, steps);
        }
        let mut inner = Steps::new(Operator::Argument, 1.0);
        let columns =
            self.run_procedure(&procedure, arguments, yields, is_standalone, &mut inner)?;
        let introduced = columns.iter().map(|column| column.slot).collect();
        steps.rows *= inner.rows.max(1.0);
        let optional = Operator::Optional {
            inner: inner.finish(),
            introduced,
        };
        steps.push(optional, self.clause);
        Ok(columns)
    }

    /// Appends a call with bound arguments and brings what it yields into scope.
    pub(super) fn run_procedure(
        &mut self,
        procedure: &Arc<Procedure>,
        arguments: Vec<Expression>,
        yields: Option<&Yield>,
        yields_all: bool,
        steps: &mut Steps,
    ) -> Bound<Vec<Column>> {
        let mut columns = Vec::new();
        let mut places = Vec::new();
        match yields.map(|yields| &yields.items) {
            Some(YieldItems::Fields(items)) => {
                for item in items {
                    let place = result_place(procedure, &item.field)?;
                    let variable = item.variable();
                    let ty = procedure.results[usize::from(place)].1.clone();
                    let slot = self.declare_new(variable, ty.clone())?;
                    let (name, span) = (variable.name.clone(), item.span);
                    columns.push(Column {
                        name,
                        slot,
                        ty,
                        span,
                    });
                    places.push((place, slot));
                }
            }
            None if !yields_all => {}
            None | Some(YieldItems::All) => {
                for (place, (name, ty)) in (0..).zip(&procedure.results) {
                    let span = yields.map(|yields| yields.span).unwrap_or_default();
                    let variable = Identifier::new(name.as_str(), span);
                    let slot = self.declare_new(&variable, ty.clone())?;
                    columns.push(Column {
                        name: variable.name,
                        slot,
                        ty: ty.clone(),
                        span,
                    });
                    places.push((place, slot));
                }
            }
        }
        let is_void = procedure.results.is_empty();
        if !is_void {
            steps.rows *= 10.0;
        }
        let operator = Operator::CallProcedure {
            procedure: procedure.clone(),
            arguments,
            yields: places,
            is_void,
        };
        steps.push(operator, self.clause);
        if let Some(predicate) = yields.and_then(|yields| yields.predicate.as_ref()) {
            let predicate = self.where_predicate(predicate)?;
            steps.push(Operator::Filter(predicate), self.clause);
        }
        Ok(columns)
    }

    /// Refuses a call that writes within an expression.
    pub(super) fn refuse_in_expression(
        &self,
        call: &ProcedureCall,
        procedure: &Procedure,
    ) -> Bound<()> {
        if self.expression_queries == 0 {
            return Ok(());
        }
        Err(Diagnostic::error(
            Detail::InvalidClauseComposition,
            call.span,
            format!(
                "{}() writes, which a query within an expression cannot",
                procedure.name
            ),
        ))
    }

    pub(super) fn procedure_arguments(
        &mut self,
        call: &ProcedureCall,
        procedure: &Procedure,
        is_standalone: bool,
    ) -> Bound<Vec<Expression>> {
        let Some(written) = &call.arguments else {
            if !is_standalone {
                return Err(Diagnostic::error(
                    Detail::InvalidArgumentPassingMode,
                    call.name.span,
                    "a call within a query lists its arguments in parentheses",
                )
                .note(format!("its signature is {}", procedure.signature())));
            }
            // Standing alone, it takes its arguments from the parameters of the same names.
            let names = procedure.parameters.iter();
            return Ok(names
                .take(procedure.required)
                .map(|(name, _)| self.parameter(&Arc::from(name.as_str())))
                .collect());
        };
        let most = procedure.parameters.len();
        if written.len() > most || written.len() < procedure.required {
            let wanted = match procedure.required == most {
                true => most.to_string(),
                false => format!("{} to {most}", procedure.required),
            };
            return Err(Diagnostic::error(
                Detail::InvalidNumberOfArguments,
                call.span,
                format!(
                    "{}() takes {wanted} arguments, not {}",
                    call.name,
                    written.len()
                ),
            )
            .note(format!("its signature is {}", procedure.signature())));
        }
        let mut arguments = Vec::with_capacity(written.len());
        for (written, (name, wanted)) in written.iter().zip(&procedure.parameters) {
            let typed = self.expression(written)?;
            let place = format!("parameter `{name}` of {}()", call.name);
            check(
                &typed.ty,
                std::slice::from_ref(wanted),
                written.span,
                &place,
            )?;
            arguments.push(typed.expression);
        }
        Ok(arguments)
    }
}

pub(super) fn result_place(procedure: &Procedure, field: &Identifier) -> Bound<u16> {
    let place = procedure
        .results
        .iter()
        .position(|(name, _)| **name == *field.name);
    match place.and_then(|place| u16::try_from(place).ok()) {
        Some(place) => Ok(place),
        None => Err(Diagnostic::error(
            Detail::UndefinedVariable,
            field.span,
            match procedure.name.contains(' ') {
                true => format!("{} does not yield `{field}`", procedure.name),
                false => format!("{}() does not yield `{field}`", procedure.name),
            },
        )
        .note(format!("its signature is {}", procedure.signature()))
        .suggest(
            &field.name,
            procedure.results.iter().map(|(name, _)| name.as_str()),
        )),
    }
}
