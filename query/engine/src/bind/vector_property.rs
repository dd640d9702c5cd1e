//! Procedures that write a vector: a SET under another name, with a look at the value.

use retrograph_cypher::ast::ProcedureCall;
use retrograph_cypher::{Detail, Diagnostic};

use super::{Binder, Bound, Steps};
use crate::functions::vector;
use crate::plan::operator::Update;
use crate::plan::{Expression, Operator};

impl Binder<'_> {
    /// Binds a call of `db.create.setNodeVectorProperty` or its twin for relationships. Returns whether it is one.
    pub(super) fn vector_property(
        &mut self,
        call: &ProcedureCall,
        is_standalone: bool,
        steps: &mut Steps,
    ) -> Bound<bool> {
        let name = call.name.to_string();
        if !vector::writes_property(&name) {
            return Ok(false);
        }
        let Some(procedure) = self.procedures.get(&name).cloned() else {
            return Ok(false);
        };
        self.refuse_in_expression(call, &procedure)?;
        if let Some(yields) = &call.yields {
            return Err(Diagnostic::error(
                Detail::UndefinedVariable,
                yields.span,
                format!("{}() yields nothing", procedure.name),
            ));
        }
        let arguments = self.procedure_arguments(call, &procedure, is_standalone)?;
        let arguments: Result<[Expression; 3], _> = arguments.try_into();
        let Ok([element, key, value]) = arguments else {
            return Ok(false);
        };
        let value = Expression::Call(&vector::CHECKED, vec![value]);
        steps.push(
            Operator::Update(vec![Update::Dynamic(element, key, value)]),
            self.clause,
        );
        Ok(true)
    }
}
