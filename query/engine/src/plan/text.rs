//! Expressions of a plan as text, in the syntax of queries.

use std::fmt::Write as _;
use std::sync::Arc;

use retrograph_graph::value::Value;

use super::Plan;
use super::expression::{
    Arithmetic, Comparison, Expression, PathPart, Projection, Quantifier, Slot, StringTest,
    SubqueryResult,
};

/// Writes expressions with the names that slots and parameters have in a plan.
pub struct Texts<'p> {
    slots: &'p [Arc<str>],
    parameters: &'p [Arc<str>],
    /// Whether no literal is to be read.
    is_secret: bool,
}

impl<'p> Texts<'p> {
    /// The names of a plan.
    pub fn of(plan: &'p Plan) -> Self {
        Self {
            slots: &plan.slot_names,
            parameters: &plan.parameters,
            is_secret: plan.is_secret,
        }
    }

    /// The name of a slot.
    pub fn slot(&self, slot: Slot) -> &'p str {
        self.slots.get(usize::from(slot.0)).map_or("?", |name| name)
    }

    /// A list of slots.
    pub fn slots(&self, slots: &[Slot]) -> String {
        join(slots, |slot| self.slot(*slot).to_owned())
    }

    /// An expression.
    pub fn expression(&self, expression: &Expression) -> String {
        match expression {
            Expression::Literal(Value::String(_) | Value::List(_) | Value::Map(_))
                if self.is_secret =>
            {
                "'******'".to_owned()
            }
            Expression::Literal(value) => value.to_string(),
            Expression::Parameter(place) => {
                let name = self.parameters.get(usize::from(*place));
                format!("${}", name.map_or("?", |name| name))
            }
            Expression::Slot(slot) => self.slot(*slot).to_owned(),
            Expression::Property(of, key) => format!("{}.{}", self.operand(of), key.name),
            Expression::HasLabels(of, labels) => {
                let labels: String = labels
                    .iter()
                    .map(|label| format!(":{}", label.name))
                    .collect();
                format!("{}{labels}", self.operand(of))
            }
            Expression::Not(of) => format!("NOT {}", self.operand(of)),
            Expression::And(parts) => self.joined(parts, " AND "),
            Expression::Or(parts) => self.joined(parts, " OR "),
            Expression::Xor(a, b) => format!("{} XOR {}", self.operand(a), self.operand(b)),
            Expression::Compare(comparison, a, b) => {
                self.infix(a, comparison_symbol(*comparison), b)
            }
            Expression::Arithmetic(operator, a, b) => {
                self.infix(a, arithmetic_symbol(*operator), b)
            }
            Expression::Negate(of) => format!("-{}", self.operand(of)),
            Expression::Plus(of) => format!("+{}", self.operand(of)),
            Expression::In(item, list) => self.infix(item, "IN", list),
            Expression::StringTest(test, a, b) => self.infix(a, test_symbol(*test), b),
            Expression::IsTyped(of, ty) => format!("{} IS :: {ty}", self.operand(of)),
            Expression::IsNull(of) => format!("{} IS NULL", self.operand(of)),
            Expression::IsNotNull(of) => format!("{} IS NOT NULL", self.operand(of)),
            Expression::Index(of, index) => {
                format!("{}[{}]", self.operand(of), self.expression(index))
            }
            Expression::Slice(of, from, to) => {
                let end = |end: &Option<Box<Expression>>| {
                    end.as_ref()
                        .map_or(String::new(), |end| self.expression(end))
                };
                format!("{}[{}..{}]", self.operand(of), end(from), end(to))
            }
            Expression::List(items) => format!("[{}]", self.list(items)),
            Expression::Map(entries) => {
                let entry = |(key, value): &(Arc<str>, Expression)| {
                    format!("{key}: {}", self.expression(value))
                };
                format!("{{{}}}", join(entries, entry))
            }
            Expression::MapProjection(of, items) => {
                format!(
                    "{} {{{}}}",
                    self.operand(of),
                    join(items, |item| self.projection(item))
                )
            }
            Expression::Case {
                operand,
                arms,
                otherwise,
            } => self.case(operand.as_deref(), arms, otherwise.as_deref()),
            Expression::Coalesce(parts) => format!("coalesce({})", self.list(parts)),
            Expression::Call(function, arguments) => {
                format!("{}({})", function.name, self.list(arguments))
            }
            Expression::ListComprehension {
                item,
                list,
                filter,
                map,
            } => {
                let mut text = format!("[{} IN {}", self.slot(*item), self.expression(list));
                if let Some(filter) = filter {
                    let _ = write!(text, " WHERE {}", self.expression(filter));
                }
                if let Some(map) = map {
                    let _ = write!(text, " | {}", self.expression(map));
                }
                text + "]"
            }
            Expression::Quantified {
                quantifier,
                item,
                list,
                predicate,
            } => format!(
                "{}({} IN {} WHERE {})",
                quantifier_name(*quantifier),
                self.slot(*item),
                self.expression(list),
                self.expression(predicate)
            ),
            Expression::Reduce {
                accumulator,
                initial,
                item,
                list,
                body,
                predicate,
            } => {
                let reduction = format!(
                    "{} = {}, {} IN {} | {}",
                    self.slot(*accumulator),
                    self.expression(initial),
                    self.slot(*item),
                    self.expression(list),
                    self.expression(body)
                );
                match predicate {
                    None => format!("reduce({reduction})"),
                    Some(predicate) => {
                        format!("allReduce({reduction}, {})", self.expression(predicate))
                    }
                }
            }
            Expression::Subquery(_, result) => match result {
                SubqueryResult::Exists => "EXISTS { … }".to_owned(),
                SubqueryResult::Count => "COUNT { … }".to_owned(),
                SubqueryResult::Collect(item) => format!("[… | {}]", self.expression(item)),
            },
            Expression::Path(parts) => self.path(parts),
        }
    }

    /// A list of expressions.
    pub fn list(&self, expressions: &[Expression]) -> String {
        join(expressions, |expression| self.expression(expression))
    }

    fn infix(&self, a: &Expression, symbol: &str, b: &Expression) -> String {
        format!("{} {symbol} {}", self.operand(a), self.operand(b))
    }

    fn joined(&self, parts: &[Expression], symbol: &str) -> String {
        let parts: Vec<String> = parts.iter().map(|part| self.operand(part)).collect();
        parts.join(symbol)
    }

    /// An expression in parentheses where it could be misread without.
    fn operand(&self, expression: &Expression) -> String {
        let text = self.expression(expression);
        let is_compound = matches!(
            expression,
            Expression::And(_)
                | Expression::Or(_)
                | Expression::Xor(..)
                | Expression::Not(_)
                | Expression::Compare(..)
                | Expression::Arithmetic(..)
                | Expression::Negate(_)
                | Expression::Plus(_)
                | Expression::In(..)
                | Expression::StringTest(..)
                | Expression::IsTyped(..)
                | Expression::IsNull(_)
                | Expression::IsNotNull(_)
        );
        if is_compound {
            format!("({text})")
        } else {
            text
        }
    }

    fn projection(&self, item: &Projection) -> String {
        match item {
            Projection::Property(key) => format!(".{}", key.name),
            Projection::All => ".*".to_owned(),
            Projection::Entry(key, value) => format!("{key}: {}", self.expression(value)),
        }
    }

    fn case(
        &self,
        operand: Option<&Expression>,
        arms: &[(Expression, Expression)],
        otherwise: Option<&Expression>,
    ) -> String {
        let mut text = "CASE".to_owned();
        if let Some(operand) = operand {
            let _ = write!(text, " {}", self.expression(operand));
        }
        for (when, then) in arms {
            let (when, then) = (self.expression(when), self.expression(then));
            let _ = write!(text, " WHEN {when} THEN {then}");
        }
        if let Some(otherwise) = otherwise {
            let _ = write!(text, " ELSE {}", self.expression(otherwise));
        }
        text + " END"
    }

    fn path(&self, parts: &[PathPart]) -> String {
        let mut text = String::new();
        for part in parts {
            let _ = match part {
                PathPart::Node(slot) => write!(text, "({})", self.slot(*slot)),
                PathPart::Relationship(slot) => write!(text, "-[{}]-", self.slot(*slot)),
                PathPart::Relationships(slot) => write!(text, "-[{}*]-", self.slot(*slot)),
            };
        }
        text
    }
}

/// Texts with commas between them.
pub fn join<T>(items: &[T], text: impl Fn(&T) -> String) -> String {
    let items: Vec<String> = items.iter().map(text).collect();
    items.join(", ")
}

pub(super) fn comparison_symbol(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

fn arithmetic_symbol(operator: Arithmetic) -> &'static str {
    match operator {
        Arithmetic::Add => "+",
        Arithmetic::Subtract => "-",
        Arithmetic::Multiply => "*",
        Arithmetic::Divide => "/",
        Arithmetic::Modulo => "%",
        Arithmetic::Power => "^",
    }
}

pub(super) fn test_symbol(test: StringTest) -> &'static str {
    match test {
        StringTest::StartsWith => "STARTS WITH",
        StringTest::EndsWith => "ENDS WITH",
        StringTest::Contains => "CONTAINS",
        StringTest::Matches => "=~",
    }
}

fn quantifier_name(quantifier: Quantifier) -> &'static str {
    match quantifier {
        Quantifier::All => "all",
        Quantifier::Any => "any",
        Quantifier::None => "none",
        Quantifier::Single => "single",
    }
}
