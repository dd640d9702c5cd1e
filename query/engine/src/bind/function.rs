//! Calls of functions, aggregates and `exists()`.

use retrograph_cypher::ast::{self, ExpressionKind, FunctionCall};
use retrograph_cypher::{Detail, Diagnostic};
use retrograph_graph::value::Value;

use super::typing::{check, item_of, join};
use super::{Aggregates, Binder, Bound, Typed};
use crate::functions::{self, AggregateFunction, Aggregator, Parameter};
use crate::plan::Expression;
use crate::plan::operator::AggregateCall;
use crate::types::Type;

impl Binder<'_> {
    /// Binds a call of any kind; `written` is the whole expression.
    pub(super) fn function(
        &mut self,
        call: &FunctionCall,
        written: &ast::Expression,
    ) -> Bound<Typed> {
        let name = call.name.to_string();
        if let Some(aggregate) = functions::aggregate(&name) {
            return self.aggregate(written, Some((aggregate, call)));
        }
        if call.distinct {
            return Err(Diagnostic::error(
                Detail::UnexpectedSyntax,
                call.name.span,
                format!("DISTINCT is for aggregates, and {name}() is none"),
            ));
        }
        if name.eq_ignore_ascii_case("coalesce") {
            return self.coalesce(call, written);
        }
        if name.eq_ignore_ascii_case("exists") {
            return self.exists(call, written);
        }
        if name.eq_ignore_ascii_case("linenumber") || name.eq_ignore_ascii_case("file") {
            return self.csv_place(call, written, &name);
        }
        let Some(function) = functions::scalar(&name) else {
            return Err(unknown_function(call, &name));
        };
        if function.is_random() && matches!(self.aggregates, Aggregates::Inside) {
            return Err(Diagnostic::error(
                Detail::NonConstantExpression,
                written.span,
                format!("{}() cannot stand within an aggregate", function.name),
            )
            .help("draw the numbers in a WITH before"));
        }
        let mut arguments = Vec::with_capacity(call.arguments.len());
        let mut types = Vec::with_capacity(call.arguments.len());
        for (place, argument) in call.arguments.iter().enumerate() {
            let typed = match self.word(function.name, place, argument) {
                Some(form) => form,
                None => self.expression(argument)?,
            };
            arguments.push(typed.expression);
            types.push(typed.ty);
        }
        let most = if function.variadic {
            usize::MAX
        } else {
            function.parameters.len()
        };
        check_count(
            call,
            written,
            function.required,
            most,
            &function.signature(),
        )?;
        check_arguments(&name, function.parameters, &call.arguments, &types)?;
        let ty = match (function.name, types.first()) {
            ("head" | "last", Some(list)) => item_of(list),
            ("tail" | "reverse", Some(ty @ (Type::List(_) | Type::String))) => ty.clone(),
            _ => function.returns.clone(),
        };
        Ok(Typed::new(Expression::Call(function, arguments), ty))
    }

    /// `linenumber()` and `file()`: where the row was read, null if LOAD CSV did not read it.
    fn csv_place(
        &mut self,
        call: &FunctionCall,
        written: &ast::Expression,
        name: &str,
    ) -> Bound<Typed> {
        let is_line = name.eq_ignore_ascii_case("linenumber");
        let (signature, ty) = if is_line {
            ("linenumber() :: INTEGER", Type::Integer)
        } else {
            ("file() :: STRING", Type::String)
        };
        check_count(call, written, 0, 0, signature)?;
        Ok(match self.csv {
            Some((line, file)) => {
                let slot = if is_line { line } else { file };
                Typed::new(Expression::Slot(slot), ty)
            }
            None => Typed::new(Expression::Literal(Value::Null), Type::Null),
        })
    }

    /// Arguments that are words of the language: `NFC` and its kin for `normalize()`, types and metrics for
    /// functions of vectors.
    fn word(&self, name: &str, place: usize, argument: &ast::Expression) -> Option<Typed> {
        let ExpressionKind::Variable(word) = &argument.kind else {
            return None;
        };
        let known = match (name, place) {
            ("normalize", 1) => ast::NormalForm::ALL.map(|form| form.as_str()).to_vec(),
            _ => functions::vector::words(name, place).to_vec(),
        };
        let is_meant = |known: &&str| word.as_str().eq_ignore_ascii_case(known);
        let found = known.into_iter().find(is_meant)?;
        self.scope.get(&word.name).is_none().then(|| {
            let value = Value::String(found.into());
            Typed::new(Expression::Literal(value), Type::String)
        })
    }

    fn coalesce(&mut self, call: &FunctionCall, written: &ast::Expression) -> Bound<Typed> {
        check_count(
            call,
            written,
            1,
            usize::MAX,
            "coalesce(value :: ANY, …) :: ANY",
        )?;
        let mut arguments = Vec::with_capacity(call.arguments.len());
        let mut ty = Type::Null;
        for argument in &call.arguments {
            let typed = self.expression(argument)?;
            ty = join(&ty, &typed.ty);
            arguments.push(typed.expression);
        }
        Ok(Typed::new(Expression::Coalesce(arguments), ty))
    }

    /// `exists(n.key)` and `exists((n)-->())`.
    fn exists(&mut self, call: &FunctionCall, written: &ast::Expression) -> Bound<Typed> {
        check_count(
            call,
            written,
            1,
            1,
            "exists(property or pattern) :: BOOLEAN",
        )?;
        let argument = &call.arguments[0];
        match &argument.kind {
            ExpressionKind::Pattern(pattern) => self.pattern_expression(pattern),
            ExpressionKind::Property { .. } | ExpressionKind::Index { .. } => {
                let of = Box::new(self.expression(argument)?.expression);
                Ok(Typed::new(Expression::IsNotNull(of), Type::Boolean))
            }
            _ => Err(Diagnostic::error(
                Detail::InvalidArgumentExpression,
                argument.span,
                "exists() takes a property or a pattern",
            )
            .help("write `IS NOT NULL` to test any other value")),
        }
    }

    /// Binds an aggregate: `count(*)` without a function.
    pub(super) fn aggregate(
        &mut self,
        written: &ast::Expression,
        function: Option<(&'static AggregateFunction, &FunctionCall)>,
    ) -> Bound<Typed> {
        match self.aggregates {
            Aggregates::Forbidden => {
                return Err(Diagnostic::error(
                    Detail::InvalidAggregation,
                    written.span,
                    "an aggregate can only stand in WITH or RETURN",
                )
                .help("compute it in a WITH before"));
            }
            Aggregates::Inside => {
                return Err(Diagnostic::error(
                    Detail::NestedAggregation,
                    written.span,
                    "an aggregate cannot stand within another",
                )
                .help("compute the inner one in a WITH before"));
            }
            Aggregates::Collected => {}
        }
        if self.scope.visible().any(|variable| variable.is_local) {
            return Err(Diagnostic::error(
                Detail::InvalidAggregation,
                written.span,
                "an aggregate cannot stand where items of a list are looked at",
            ));
        }
        if let Some((_, call, ty)) = self.calls.iter().find(|(known, _, _)| known == written) {
            return Ok(Typed::new(Expression::Slot(call.slot), ty.clone()));
        }
        self.aggregates = Aggregates::Inside;
        let bound = self.aggregate_call(written, function);
        self.aggregates = Aggregates::Collected;
        let (call, ty) = bound?;
        let slot = call.slot;
        self.calls.push((written.clone(), call, ty.clone()));
        Ok(Typed::new(Expression::Slot(slot), ty))
    }

    fn aggregate_call(
        &mut self,
        written: &ast::Expression,
        function: Option<(&'static AggregateFunction, &FunctionCall)>,
    ) -> Bound<(AggregateCall, Type)> {
        let name = written.span.text(self.source).to_owned();
        let Some((function, call)) = function else {
            let slot = self.slot(name);
            let (aggregator, distinct, arguments) = (Aggregator::CountRows, false, Vec::new());
            return Ok((
                AggregateCall {
                    slot,
                    aggregator,
                    distinct,
                    arguments,
                },
                Type::Integer,
            ));
        };
        let mut arguments = Vec::with_capacity(call.arguments.len());
        let mut types = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            let typed = self.expression(argument)?;
            arguments.push(typed.expression);
            types.push(typed.ty);
        }
        let count = function.parameters.len();
        check_count(call, written, count, count, &function.signature())?;
        check_arguments(function.name, function.parameters, &call.arguments, &types)?;
        let first = types.into_iter().next().unwrap_or(Type::Any);
        let ty = match function.aggregator {
            Aggregator::Collect => Type::List(Box::new(if first == Type::Null {
                Type::Any
            } else {
                first
            })),
            Aggregator::Min | Aggregator::Max => first,
            Aggregator::Sum if first == Type::Integer => Type::Integer,
            _ => function.returns.clone(),
        };
        let (aggregator, distinct) = (function.aggregator, call.distinct);
        Ok((
            AggregateCall {
                slot: self.slot(name),
                aggregator,
                distinct,
                arguments,
            },
            ty,
        ))
    }
}

fn unknown_function(call: &FunctionCall, name: &str) -> Diagnostic {
    let names = functions::all().iter().map(|function| function.name);
    let aggregates = functions::aggregates().iter().map(|function| function.name);
    Diagnostic::error(
        Detail::UnknownFunction,
        call.name.span,
        format!("there is no function `{name}`"),
    )
    .suggest(name, names.chain(aggregates).chain(["coalesce", "exists"]))
}

fn check_count(
    call: &FunctionCall,
    written: &ast::Expression,
    least: usize,
    most: usize,
    signature: &str,
) -> Bound<()> {
    let given = call.arguments.len();
    if (least..=most).contains(&given) {
        return Ok(());
    }
    let wanted = match (least, most) {
        (least, most) if least == most => format!("{least}"),
        (least, usize::MAX) => format!("at least {least}"),
        (least, most) => format!("{least} to {most}"),
    };
    let noun = if wanted == "1" || wanted == "at least 1" {
        "argument"
    } else {
        "arguments"
    };
    Err(Diagnostic::error(
        Detail::InvalidNumberOfArguments,
        written.span,
        format!("{}() takes {wanted} {noun}, not {given}", call.name),
    )
    .note(format!("its signature is {signature}")))
}

fn check_arguments(
    name: &str,
    parameters: &[Parameter],
    written: &[ast::Expression],
    types: &[Type],
) -> Bound<()> {
    for (place, (argument, ty)) in written.iter().zip(types).enumerate() {
        // The last parameter of a variadic function stands for all that follow.
        let Some(parameter) = parameters.get(place).or(parameters.last()) else {
            continue;
        };
        if !parameter.accepts.is_empty() {
            check(ty, parameter.accepts, argument.span, &format!("{name}()"))?;
        }
    }
    Ok(())
}
