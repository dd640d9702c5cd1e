//! Expressions.

use std::sync::Arc;

use retrograph_cypher::ast::{
    self, BinaryOperator, ComparisonOperator, ExpressionKind, Identifier, LabelExpression,
    LabelFormula, Literal, LogicalOperator, MapProjectionItem, UnaryOperator,
};
use retrograph_cypher::{Detail, Diagnostic, ErrorKind, Span};
use retrograph_graph::value::Value;

use super::typing::{self, check, check_boolean, item_of, join};
use super::{Binder, Bound, Typed};
use crate::functions::internal;
use crate::plan::Expression;
use crate::plan::expression::{Arithmetic, Comparison, Projection, Quantifier, StringTest};
use crate::types::Type;

impl Binder<'_> {
    /// Binds a WHERE.
    pub(super) fn where_predicate(&mut self, written: &ast::Expression) -> Bound<Expression> {
        let typed = self.expression(written)?;
        check_boolean(&typed.ty, written.span, "WHERE")?;
        Ok(typed.expression)
    }

    fn boxed(&mut self, written: &ast::Expression) -> Bound<(Box<Expression>, Type)> {
        let typed = self.expression(written)?;
        Ok((Box::new(typed.expression), typed.ty))
    }

    /// Binds an expression.
    pub(super) fn expression(&mut self, written: &ast::Expression) -> Bound<Typed> {
        if let Some(known) = self.substituted(written) {
            return Ok(known);
        }
        match &written.kind {
            ExpressionKind::Literal(literal) => Ok(bind_literal(literal)),
            ExpressionKind::List(items) => self.list(items),
            ExpressionKind::Map(entries) => self.map(entries),
            ExpressionKind::Parameter(name) => {
                Ok(Typed::new(self.parameter(&name.name), Type::Any))
            }
            ExpressionKind::Variable(name) => self.variable(name),
            ExpressionKind::Property { subject, key } => self.property(subject, key),
            ExpressionKind::Index { subject, index } => self.index(subject, index),
            ExpressionKind::Slice { subject, from, to } => {
                self.slice(subject, from.as_deref(), to.as_deref())
            }
            ExpressionKind::Function(call) => self.function(call, written),
            ExpressionKind::CountStar => self.aggregate(written, None),
            ExpressionKind::Unary { operator, operand } => self.unary(*operator, operand),
            ExpressionKind::Binary {
                operator,
                left,
                right,
            } => self.binary(*operator, left, right),
            ExpressionKind::Logical { operator, operands } => self.logical(*operator, operands),
            ExpressionKind::Comparison(comparison) => self.comparison(comparison),
            ExpressionKind::IsNull { operand, negated } => {
                let (operand, _) = self.boxed(operand)?;
                let test = if *negated {
                    Expression::IsNotNull(operand)
                } else {
                    Expression::IsNull(operand)
                };
                Ok(Typed::new(test, Type::Boolean))
            }
            ExpressionKind::IsTyped {
                operand,
                ty,
                negated,
            } => {
                let (operand, _) = self.boxed(operand)?;
                let test = Expression::IsTyped(operand, Arc::new(ty.clone()));
                Ok(boolean_test(test, *negated))
            }
            ExpressionKind::IsNormalized {
                operand,
                form,
                negated,
            } => {
                let operand = self.expression(operand)?.expression;
                let form = Expression::Literal(Value::String(form.as_str().into()));
                let test = Expression::Call(&internal::IS_NORMALIZED, vec![operand, form]);
                Ok(boolean_test(test, *negated))
            }
            ExpressionKind::HasLabels { subject, labels } => self.has_labels(subject, labels),
            ExpressionKind::Case(case) => self.case(case),
            ExpressionKind::ListComprehension(comprehension) => {
                self.list_comprehension(comprehension)
            }
            ExpressionKind::PatternComprehension(comprehension) => {
                self.pattern_comprehension(comprehension)
            }
            ExpressionKind::Quantified(quantified) => self.quantified(quantified),
            ExpressionKind::CaseSubject => match &self.case_subject {
                Some(subject) => Ok(subject.clone()),
                None => Err(Diagnostic::error(
                    Detail::UnexpectedSyntax,
                    written.span,
                    "a test without a left operand stands behind WHEN only",
                )),
            },
            ExpressionKind::Reduce(reduce) => self.reduce(reduce),
            ExpressionKind::Pattern(pattern) => self.pattern_expression(pattern),
            ExpressionKind::Subquery { kind, body } => self.subquery_expression(*kind, body),
            ExpressionKind::MapProjection { variable, items } => {
                self.map_projection(variable, items)
            }
        }
    }

    /// The slot of an expression that is already computed.
    fn substituted(&self, written: &ast::Expression) -> Option<Typed> {
        if self.aggregates == super::Aggregates::Inside {
            return None;
        }
        let known = self
            .substitutions
            .iter()
            .find(|known| known.written == *written)?;
        // The item of a comprehension may have the name of a variable of the projection.
        let is_hidden = self
            .scope
            .visible()
            .any(|variable| variable.is_local && super::syntax::mentions(written, &variable.name));
        (!is_hidden).then(|| Typed::new(Expression::Slot(known.slot), known.ty.clone()))
    }

    fn variable(&mut self, name: &Identifier) -> Bound<Typed> {
        match self.scope.get(&name.name) {
            Some(variable) => Ok(Typed::new(
                Expression::Slot(variable.slot),
                variable.ty.clone(),
            )),
            None => Err(self.undefined(name)),
        }
    }

    fn list(&mut self, items: &[ast::Expression]) -> Bound<Typed> {
        let mut bound = Vec::with_capacity(items.len());
        let mut ty: Option<Type> = None;
        for item in items {
            let typed = self.expression(item)?;
            ty = Some(ty.map_or_else(|| typed.ty.clone(), |ty| join(&ty, &typed.ty)));
            bound.push(typed.expression);
        }
        let ty = Type::List(Box::new(match ty {
            None | Some(Type::Null) => Type::Any,
            Some(ty) => ty,
        }));
        Ok(Typed::new(Expression::List(bound), ty))
    }

    fn map(&mut self, entries: &[ast::MapEntry]) -> Bound<Typed> {
        let mut bound: Vec<(Arc<str>, Expression)> = Vec::with_capacity(entries.len());
        for entry in entries {
            let value = self.expression(&entry.value)?.expression;
            bound.push((entry.key.name.clone(), value));
        }
        Ok(Typed::new(Expression::Map(bound), Type::Map))
    }

    fn property(&mut self, subject: &ast::Expression, key: &Identifier) -> Bound<Typed> {
        let (of, ty) = self.boxed(subject)?;
        match ty {
            Type::Node | Type::Relationship => {
                let key = self.key_read(key);
                return Ok(Typed::new(Expression::Property(of, key), Type::Any));
            }
            Type::Path => {
                return Err(no_properties(&ty, subject.span)
                    .help("use nodes() or relationships() to get at the elements of a path"));
            }
            Type::Boolean
            | Type::Integer
            | Type::Float
            | Type::Number
            | Type::String
            | Type::Bytes
            | Type::List(_)
            | Type::Vector => {
                return Err(no_properties(&ty, subject.span).kind(ErrorKind::TypeError));
            }
            _ => {}
        }
        let key = self.key(key);
        Ok(Typed::new(Expression::Property(of, key), Type::Any))
    }

    fn index(&mut self, subject: &ast::Expression, index: &ast::Expression) -> Bound<Typed> {
        let (of, of_type) = self.boxed(subject)?;
        let (index, _) = self.boxed(index)?;
        let containers = [Type::list(), Type::Map, Type::Node, Type::Relationship];
        check(&of_type, &containers, subject.span, "`[]`")
            .map_err(|error| error.kind(ErrorKind::TypeError))?;
        Ok(Typed::new(Expression::Index(of, index), item_of(&of_type)))
    }

    fn slice(
        &mut self,
        subject: &ast::Expression,
        from: Option<&ast::Expression>,
        to: Option<&ast::Expression>,
    ) -> Bound<Typed> {
        let (of, ty) = self.boxed(subject)?;
        check(&ty, &[Type::list()], subject.span, "`[..]`")?;
        let mut end = |written: Option<&ast::Expression>| -> Bound<Option<Box<Expression>>> {
            let Some(written) = written else {
                return Ok(None);
            };
            let (bound, ty) = self.boxed(written)?;
            check(&ty, &[Type::Integer], written.span, "`[..]`")?;
            Ok(Some(bound))
        };
        let (from, to) = (end(from)?, end(to)?);
        let ty = Type::List(Box::new(item_of(&ty)));
        Ok(Typed::new(Expression::Slice(of, from, to), ty))
    }

    fn unary(&mut self, operator: UnaryOperator, operand: &ast::Expression) -> Bound<Typed> {
        if operator == UnaryOperator::Not {
            let (of, ty) = self.boxed(operand)?;
            check_boolean(&ty, operand.span, "NOT")?;
            return Ok(Typed::new(Expression::Not(of), Type::Boolean));
        }
        let (of, ty) = self.boxed(operand)?;
        check(&ty, &[Type::Number, Type::Duration], operand.span, "a sign")?;
        let expression = match operator {
            UnaryOperator::Minus => Expression::Negate(of),
            _ => Expression::Plus(of),
        };
        Ok(Typed::new(expression, ty))
    }

    fn binary(
        &mut self,
        operator: BinaryOperator,
        left: &ast::Expression,
        right: &ast::Expression,
    ) -> Bound<Typed> {
        let (a, left_type) = self.boxed(left)?;
        let (b, right_type) = self.boxed(right)?;
        let test = |test| {
            Ok(Typed::new(
                Expression::StringTest(test, a.clone(), b.clone()),
                Type::Boolean,
            ))
        };
        let arithmetic = match operator {
            BinaryOperator::In => {
                check(&right_type, &[Type::list()], right.span, "IN")?;
                return Ok(Typed::new(Expression::In(a, b), Type::Boolean));
            }
            BinaryOperator::Concatenate => {
                let wanted = [Type::String, Type::list()];
                check(&left_type, &wanted, left.span, "`||`")?;
                check(&right_type, &wanted, right.span, "`||`")?;
                let ty = join(&left_type, &right_type);
                let call = Expression::Call(&internal::CONCATENATE, vec![*a, *b]);
                return Ok(Typed::new(call, ty));
            }
            BinaryOperator::StartsWith => return test(StringTest::StartsWith),
            BinaryOperator::EndsWith => return test(StringTest::EndsWith),
            BinaryOperator::Contains => return test(StringTest::Contains),
            BinaryOperator::RegexMatch => return test(StringTest::Matches),
            BinaryOperator::Add => Arithmetic::Add,
            BinaryOperator::Subtract => Arithmetic::Subtract,
            BinaryOperator::Multiply => Arithmetic::Multiply,
            BinaryOperator::Divide => Arithmetic::Divide,
            BinaryOperator::Modulo => Arithmetic::Modulo,
            BinaryOperator::Power => Arithmetic::Power,
        };
        let ty = typing::arithmetic(
            arithmetic,
            operator.as_str(),
            (&left_type, left.span),
            (&right_type, right.span),
        )?;
        Ok(Typed::new(Expression::Arithmetic(arithmetic, a, b), ty))
    }

    fn logical(&mut self, operator: LogicalOperator, operands: &[ast::Expression]) -> Bound<Typed> {
        let mut bound = Vec::with_capacity(operands.len());
        for operand in operands {
            let typed = self.expression(operand)?;
            check_boolean(&typed.ty, operand.span, operator.as_str())?;
            bound.push(typed.expression);
        }
        let expression = match operator {
            LogicalOperator::And => Expression::And(bound),
            LogicalOperator::Or => Expression::Or(bound),
            LogicalOperator::Xor => bound
                .into_iter()
                .reduce(|a, b| Expression::Xor(Box::new(a), Box::new(b)))
                .unwrap_or(Expression::Literal(Value::Bool(false))),
        };
        Ok(Typed::new(expression, Type::Boolean))
    }

    /// A chain `a < b < c` becomes `a < b AND b < c`.
    fn comparison(&mut self, comparison: &ast::Comparison) -> Bound<Typed> {
        let (mut left, _) = self.boxed(&comparison.first)?;
        let mut tests = Vec::with_capacity(comparison.links.len());
        for link in &comparison.links {
            let (right, _) = self.boxed(&link.operand)?;
            let operator = bind_comparison(link.operator);
            tests.push(Expression::Compare(operator, left, right.clone()));
            left = right;
        }
        let expression = match tests.len() {
            1 => tests.remove(0),
            _ => Expression::And(tests),
        };
        Ok(Typed::new(expression, Type::Boolean))
    }

    fn has_labels(&mut self, subject: &ast::Expression, labels: &LabelExpression) -> Bound<Typed> {
        let (of, ty) = self.boxed(subject)?;
        check(
            &ty,
            &[Type::Node, Type::Relationship],
            subject.span,
            "a label test",
        )?;
        let expression = self.label_test(&of, &ty, labels)?;
        Ok(Typed::new(expression, Type::Boolean))
    }

    /// Whether the labels of an element are as wanted.
    pub(super) fn label_test(
        &mut self,
        of: &Expression,
        ty: &Type,
        labels: &LabelExpression,
    ) -> Bound<Expression> {
        Ok(match labels {
            LabelExpression::All(labels) => {
                let tokens = labels
                    .iter()
                    .map(|label| self.label_tested(label, ty))
                    .collect();
                Expression::HasLabels(Box::new(of.clone()), tokens)
            }
            LabelExpression::Formula(formula) => self.label_formula(of, ty, formula)?,
        })
    }

    fn label_tested(
        &mut self,
        label: &Identifier,
        ty: &Type,
    ) -> crate::plan::expression::LabelToken {
        // What may be a relationship is tested for its type, which need not be a label.
        if *ty == Type::Node {
            self.label_read(label)
        } else {
            self.label(label)
        }
    }

    pub(super) fn label_formula(
        &mut self,
        of: &Expression,
        ty: &Type,
        formula: &LabelFormula,
    ) -> Bound<Expression> {
        let mut all = |parts: &[LabelFormula]| -> Bound<Vec<Expression>> {
            parts
                .iter()
                .map(|part| self.label_formula(of, ty, part))
                .collect()
        };
        Ok(match formula {
            LabelFormula::Label(label) => {
                Expression::HasLabels(Box::new(of.clone()), vec![self.label_tested(label, ty)])
            }
            // A relationship always has a type.
            LabelFormula::Any(_) if *ty == Type::Relationship => {
                Expression::IsNotNull(Box::new(of.clone()))
            }
            LabelFormula::Any(_) => has_any_label(of.clone()),
            LabelFormula::Dynamic {
                any, expression, ..
            } => {
                let names = self.label_names(expression)?;
                let any = Expression::Literal(Value::Bool(*any));
                Expression::Call(&internal::HAS_LABELS, vec![of.clone(), names, any])
            }
            LabelFormula::Not(part) => Expression::Not(Box::new(self.label_formula(of, ty, part)?)),
            LabelFormula::And(parts) => Expression::And(all(parts)?),
            LabelFormula::Or(parts) => Expression::Or(all(parts)?),
        })
    }

    /// The computed name of a label or type, or a list of names.
    pub(super) fn label_names(&mut self, written: &ast::Expression) -> Bound<Expression> {
        let typed = self.expression(written)?;
        let strings = Type::List(Box::new(Type::String));
        check(&typed.ty, &[Type::String, strings], written.span, "`$(…)`")?;
        Ok(typed.expression)
    }

    /// Binds something with a variable of its own in scope.
    pub(super) fn with_local<T>(
        &mut self,
        name: &Identifier,
        ty: Type,
        bind: impl FnOnce(&mut Self) -> Bound<T>,
    ) -> Bound<(crate::plan::Slot, T)> {
        let depth = self.scope.depth();
        let slot = self.slot(name.name.clone());
        self.scope.push(super::scope::Variable {
            name: name.name.clone(),
            slot,
            ty,
            span: name.span,
            is_imported: true,
            is_local: true,
        });
        let bound = bind(self);
        self.scope.truncate(depth);
        Ok((slot, bound?))
    }

    fn list_comprehension(&mut self, written: &ast::ListComprehension) -> Bound<Typed> {
        let (list, list_type) = self.boxed(&written.list)?;
        check(
            &list_type,
            &[Type::list()],
            written.list.span,
            "a list comprehension",
        )?;
        let item_type = item_of(&list_type);
        let (item, (filter, map)) =
            self.with_local(&written.variable, item_type.clone(), |binder| {
                let filter = match &written.predicate {
                    Some(predicate) => Some(Box::new(binder.where_predicate(predicate)?)),
                    None => None,
                };
                let map = match &written.projection {
                    Some(projection) => Some(binder.boxed(projection)?),
                    None => None,
                };
                Ok((filter, map))
            })?;
        let ty = map.as_ref().map_or(item_type, |(_, ty)| ty.clone());
        let map = map.map(|(map, _)| map);
        Ok(Typed::new(
            Expression::ListComprehension {
                item,
                list,
                filter,
                map,
            },
            Type::List(Box::new(if ty == Type::Null { Type::Any } else { ty })),
        ))
    }

    fn quantified(&mut self, written: &ast::Quantified) -> Bound<Typed> {
        let quantifier = match written.quantifier {
            ast::Quantifier::All => Quantifier::All,
            ast::Quantifier::Any => Quantifier::Any,
            ast::Quantifier::None => Quantifier::None,
            ast::Quantifier::Single => Quantifier::Single,
        };
        let (list, list_type) = self.boxed(&written.list)?;
        check(
            &list_type,
            &[Type::list()],
            written.list.span,
            "a quantifier",
        )?;
        let (item, predicate) =
            self.with_local(&written.variable, item_of(&list_type), |binder| {
                Ok(Box::new(binder.where_predicate(&written.predicate)?))
            })?;
        Ok(Typed::new(
            Expression::Quantified {
                quantifier,
                item,
                list,
                predicate,
            },
            Type::Boolean,
        ))
    }

    fn reduce(&mut self, written: &ast::Reduce) -> Bound<Typed> {
        let (initial, initial_type) = self.boxed(&written.initial)?;
        let (list, list_type) = self.boxed(&written.list)?;
        check(&list_type, &[Type::list()], written.list.span, "reduce()")?;
        // The accumulator takes the type of the body, which is not known yet.
        let (accumulator, (item, (body, body_type), predicate)) =
            self.with_local(&written.accumulator, Type::Any, |binder| {
                let (item, body) =
                    binder.with_local(&written.variable, item_of(&list_type), |binder| {
                        binder.boxed(&written.step)
                    })?;
                let predicate = match &written.predicate {
                    Some(predicate) => {
                        let typed = binder.expression(predicate)?;
                        check_boolean(&typed.ty, predicate.span, "the predicate of allReduce()")?;
                        Some(Box::new(typed.expression))
                    }
                    None => None,
                };
                Ok((item, body, predicate))
            })?;
        let ty = match predicate {
            Some(_) => Type::Boolean,
            None => join(&initial_type, &body_type),
        };
        Ok(Typed::new(
            Expression::Reduce {
                accumulator,
                initial,
                item,
                list,
                body,
                predicate,
            },
            ty,
        ))
    }

    fn map_projection(
        &mut self,
        variable: &Identifier,
        items: &[MapProjectionItem],
    ) -> Bound<Typed> {
        let of = self.variable(variable)?;
        let wanted = [Type::Map, Type::Node, Type::Relationship];
        check(&of.ty, &wanted, variable.span, "a map projection")?;
        let mut bound = Vec::with_capacity(items.len());
        for item in items {
            bound.push(match item {
                MapProjectionItem::Property(key) => Projection::Property(self.key(key)),
                MapProjectionItem::AllProperties(_) => Projection::All,
                MapProjectionItem::Variable(name) => {
                    Projection::Entry(name.name.clone(), self.variable(name)?.expression)
                }
                MapProjectionItem::Entry(entry) => Projection::Entry(
                    entry.key.name.clone(),
                    self.expression(&entry.value)?.expression,
                ),
            });
        }
        Ok(Typed::new(
            Expression::MapProjection(Box::new(of.expression), bound),
            Type::Map,
        ))
    }
}

fn no_properties(ty: &Type, span: Span) -> Diagnostic {
    Diagnostic::error(
        Detail::InvalidArgumentType,
        span,
        format!("{ty} has no properties"),
    )
    .label(format!("this is {ty}"))
}

fn bind_literal(literal: &Literal) -> Typed {
    let (value, ty) = match literal {
        Literal::Null => (Value::Null, Type::Null),
        Literal::Boolean(value) => (Value::Bool(*value), Type::Boolean),
        Literal::Integer(value) => (Value::Int(*value), Type::Integer),
        Literal::Float(value) => (Value::Float(*value), Type::Float),
        Literal::String(value) => (Value::String(value.clone()), Type::String),
    };
    Typed::new(Expression::Literal(value), ty)
}

/// A test, or its opposite.
fn boolean_test(test: Expression, negated: bool) -> Typed {
    let test = if negated {
        Expression::Not(Box::new(test))
    } else {
        test
    };
    Typed::new(test, Type::Boolean)
}

fn bind_comparison(operator: ComparisonOperator) -> Comparison {
    match operator {
        ComparisonOperator::Equal => Comparison::Equal,
        ComparisonOperator::NotEqual => Comparison::NotEqual,
        ComparisonOperator::Less => Comparison::Less,
        ComparisonOperator::LessOrEqual => Comparison::LessOrEqual,
        ComparisonOperator::Greater => Comparison::Greater,
        ComparisonOperator::GreaterOrEqual => Comparison::GreaterOrEqual,
    }
}

/// `%`: the list of labels is not empty.
fn has_any_label(of: Expression) -> Expression {
    let call = |name: &str, argument: Expression| match crate::functions::scalar(name) {
        Some(function) => Expression::Call(function, vec![argument]),
        None => Expression::Literal(Value::Null),
    };
    Expression::Compare(
        Comparison::Greater,
        Box::new(call("size", call("labels", of))),
        Box::new(Expression::Literal(Value::Int(0))),
    )
}
