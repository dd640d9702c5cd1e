//! CASE: searched, simple, and with tests of the subject such as `WHEN > 5, IS NULL`.

use retrograph_cypher::ast;
use retrograph_graph::value::Value;

use super::typing::join;
use super::{Binder, Bound, Typed};
use crate::plan::expression::Comparison;
use crate::plan::{Expression, Slot};
use crate::types::Type;

impl Binder<'_> {
    pub(super) fn case(&mut self, case: &ast::Case) -> Bound<Typed> {
        let mut alternatives = case
            .branches
            .iter()
            .flat_map(|branch| std::iter::once(&branch.when).chain(&branch.others));
        let is_plain = case.branches.iter().all(|branch| branch.others.is_empty())
            && !alternatives.any(ast::Expression::is_case_test);
        let Some(subject) = &case.subject else {
            return self.case_arms(case, None);
        };
        let subject = self.expression(subject)?;
        if is_plain {
            let (mut typed, operand) = (self.case_arms(case, None)?, subject.expression);
            if let Expression::Case { operand: of, .. } = &mut typed.expression {
                *of = Some(Box::new(operand));
            }
            return Ok(typed);
        }
        if is_cheap(&subject.expression) {
            return self.case_arms(case, Some(&subject));
        }
        // The subject is computed once: as the only item of a list of which one value is made.
        let item = self.slot("subject");
        let of = Typed::new(Expression::Slot(item), subject.ty);
        let typed = self.case_arms(case, Some(&of))?;
        let made = Expression::ListComprehension {
            item,
            list: Box::new(Expression::List(vec![subject.expression])),
            filter: None,
            map: Some(Box::new(typed.expression)),
        };
        let first = Expression::Literal(Value::Int(0));
        let value = Expression::Index(Box::new(made), Box::new(first));
        Ok(Typed::new(value, typed.ty))
    }

    /// The branches; with a subject, each alternative becomes a predicate on it.
    fn case_arms(&mut self, case: &ast::Case, subject: Option<&Typed>) -> Bound<Typed> {
        let mut arms = Vec::with_capacity(case.branches.len());
        let mut ty = Type::Null;
        for branch in &case.branches {
            let when = match subject {
                None => self.expression(&branch.when)?.expression,
                Some(subject) => {
                    let mut tests = vec![self.case_test(&branch.when, subject)?];
                    for other in &branch.others {
                        tests.push(self.case_test(other, subject)?);
                    }
                    match tests.len() {
                        1 => tests.swap_remove(0),
                        _ => Expression::Or(tests),
                    }
                }
            };
            let then = self.expression(&branch.then)?;
            ty = join(&ty, &then.ty);
            arms.push((when, then.expression));
        }
        let otherwise = match &case.otherwise {
            Some(otherwise) => {
                let typed = self.expression(otherwise)?;
                ty = join(&ty, &typed.ty);
                Some(Box::new(typed.expression))
            }
            None => None,
        };
        Ok(Typed::new(
            Expression::Case {
                operand: None,
                arms,
                otherwise,
            },
            ty,
        ))
    }

    fn case_test(&mut self, written: &ast::Expression, subject: &Typed) -> Bound<Expression> {
        if written.is_case_test() {
            let outer = self.case_subject.replace(subject.clone());
            let bound = self.expression(written);
            self.case_subject = outer;
            return Ok(bound?.expression);
        }
        let value = self.expression(written)?.expression;
        Ok(Expression::Compare(
            Comparison::Equal,
            Box::new(subject.expression.clone()),
            Box::new(value),
        ))
    }
}

/// Whether computing something again costs nothing and gives the same.
fn is_cheap(expression: &Expression) -> bool {
    match expression {
        Expression::Slot(Slot(_)) | Expression::Literal(_) | Expression::Parameter(_) => true,
        Expression::Property(of, _) => is_cheap(of),
        _ => false,
    }
}
