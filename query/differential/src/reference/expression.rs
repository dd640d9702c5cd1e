//! Expressions, one row at a time.

use std::sync::Arc;

use retrograph_cypher::ast::{
    BinaryOperator, ComparisonOperator, Expression, ExpressionKind, Identifier, LabelExpression,
    LabelFormula, Literal, LogicalOperator, MapProjectionItem, Quantifier, SubqueryKind,
    UnaryOperator,
};
use retrograph_graph::value::{Map, Value, temporal};

use super::graph::Properties;
use super::value::{arithmetic, compare, equals, is_poison, poison, truth};
use super::{Eagerness, Evaluated, Evaluator, Row, Stop};

impl Evaluator<'_> {
    /// Whether a row passes a predicate; poison does not pass.
    pub(super) fn holds(&mut self, predicate: Option<&Expression>, row: &Row) -> Evaluated<bool> {
        let Some(predicate) = predicate else {
            return Ok(true);
        };
        let value = self.eval(predicate, row)?;
        Ok(self.truth_of(&value) == Ok(Some(true)))
    }

    /// The truth value of an operand; an error stands for poison.
    pub(super) fn truth_of(&mut self, value: &Value) -> Result<Option<bool>, ()> {
        match value {
            Value::Bool(truth) => Ok(Some(*truth)),
            Value::Null => Ok(None),
            value if is_poison(value) => Err(()),
            _ => {
                self.fail("TypeError");
                Err(())
            }
        }
    }

    fn all(&mut self, expressions: &[Expression], row: &Row) -> Evaluated<Vec<Value>> {
        let mut values = Vec::with_capacity(expressions.len());
        for expression in expressions {
            values.push(self.eval(expression, row)?);
        }
        Ok(values)
    }

    /// The value of an expression in a row.
    pub(super) fn eval(&mut self, expression: &Expression, row: &Row) -> Evaluated<Value> {
        self.step()?;
        Ok(match &expression.kind {
            ExpressionKind::Literal(literal) => match literal {
                Literal::Null => Value::Null,
                Literal::Boolean(truth) => Value::Bool(*truth),
                Literal::Integer(number) => Value::Int(*number),
                Literal::Float(number) => Value::Float(*number),
                Literal::String(text) => Value::String(text.clone()),
            },
            ExpressionKind::List(items) => whole(Value::list(self.all(items, row)?)),
            ExpressionKind::Map(entries) => {
                let mut map = Map::new();
                for entry in entries {
                    let value = self.eval(&entry.value, row)?;
                    map.insert(entry.key.name.clone(), value);
                }
                whole(Value::Map(Arc::new(map)))
            }
            ExpressionKind::Parameter(name) => match self.parameters.get(name.as_str()) {
                Some(value) => value.clone(),
                None => return Err(Stop::Unsupported("a missing parameter".to_owned())),
            },
            ExpressionKind::Variable(name) => match row.get(&name.name) {
                Some(value) => value.clone(),
                None => return Err(Stop::Unsupported(format!("the unbound variable {name}"))),
            },
            ExpressionKind::Property { subject, key } => {
                let subject = self.eval(subject, row)?;
                self.component(&subject, &key.name)?
            }
            ExpressionKind::Index { subject, index } => {
                let (subject, index) = (self.eval(subject, row)?, self.eval(index, row)?);
                self.index(&subject, &index)?
            }
            ExpressionKind::Slice { subject, from, to } => {
                let subject = self.eval(subject, row)?;
                let mut bounds = Vec::new();
                for bound in [from, to] {
                    bounds.push(match bound {
                        Some(bound) => Some(self.eval(bound, row)?),
                        None => None,
                    });
                }
                self.slice(&subject, bounds[0].as_ref(), bounds[1].as_ref())
            }
            ExpressionKind::Function(call) => self.function(call, row)?,
            ExpressionKind::Unary { operator, operand } => {
                let value = self.eval(operand, row)?;
                self.unary(*operator, value)
            }
            ExpressionKind::Binary {
                operator,
                left,
                right,
            } => {
                let (left, right) = (self.eval(left, row)?, self.eval(right, row)?);
                self.binary(*operator, &left, &right)?
            }
            ExpressionKind::Logical { operator, operands } => {
                self.logical(*operator, operands, row)?
            }
            ExpressionKind::Comparison(chain) => {
                let mut left = self.eval(&chain.first, row)?;
                let mut all = Some(true);
                let mut failed = false;
                for link in &chain.links {
                    let right = self.eval(&link.operand, row)?;
                    if is_poison(&left) || is_poison(&right) {
                        failed = true;
                    } else {
                        match comparison(link.operator, &left, &right) {
                            Some(true) => {}
                            Some(false) => all = Some(false),
                            None if all == Some(true) => all = None,
                            None => {}
                        }
                    }
                    left = right;
                }
                if failed && all != Some(false) {
                    poison()
                } else {
                    truth(all)
                }
            }
            ExpressionKind::IsNull { operand, negated } => {
                let value = self.eval(operand, row)?;
                if is_poison(&value) {
                    poison()
                } else {
                    Value::Bool(value.is_null() != *negated)
                }
            }
            ExpressionKind::HasLabels { subject, labels } => {
                let subject = self.eval(subject, row)?;
                match self.settled(labels, row)? {
                    Some(labels) => self.has_labels(&subject, &labels),
                    None => poison(),
                }
            }
            ExpressionKind::Case(case) => {
                let subject = match &case.subject {
                    Some(subject) => Some(self.eval(subject, row)?),
                    None => None,
                };
                if case.branches.iter().any(|branch| !branch.others.is_empty()) {
                    return Err(Stop::Unsupported("several values behind WHEN".to_owned()));
                }
                for branch in &case.branches {
                    let when = self.eval(&branch.when, row)?;
                    let holds = match &subject {
                        Some(subject) if is_poison(subject) || is_poison(&when) => Err(()),
                        Some(subject) => Ok(equals(subject, &when) == Some(true)),
                        None => self.truth_of(&when).map(|truth| truth == Some(true)),
                    };
                    match holds {
                        Err(()) => return Ok(poison()),
                        Ok(true) => return self.eval(&branch.then, row),
                        Ok(false) => {}
                    }
                }
                match &case.otherwise {
                    Some(otherwise) => self.eval(otherwise, row)?,
                    None => Value::Null,
                }
            }
            ExpressionKind::ListComprehension(of) => {
                let list = self.eval(&of.list, row)?;
                let Some(items) = self.list(&list) else {
                    return Ok(null_or_poison(&list));
                };
                let mut found = Vec::new();
                for item in items {
                    let mut inner = row.clone();
                    inner.insert(of.variable.name.clone(), item.clone());
                    if let Some(predicate) = &of.predicate {
                        let value = self.eval(predicate, &inner)?;
                        match self.truth_of(&value) {
                            Ok(Some(true)) => {}
                            Ok(_) => continue,
                            Err(()) => return Ok(poison()),
                        }
                    }
                    found.push(match &of.projection {
                        Some(projection) => self.eval(projection, &inner)?,
                        None => item,
                    });
                }
                whole(Value::list(found))
            }
            ExpressionKind::PatternComprehension(of) => {
                let mut found = Vec::new();
                let patterns = std::slice::from_ref(&*of.pattern);
                if self.eagerness == Eagerness::Partial {
                    self.try_predicates(patterns, of.predicate.as_deref(), row)?;
                }
                for inner in self.matches(patterns, row)? {
                    if self.holds(of.predicate.as_deref(), &inner)? {
                        found.push(self.eval(&of.projection, &inner)?);
                    }
                }
                whole(Value::list(found))
            }
            ExpressionKind::Quantified(of) => {
                let list = self.eval(&of.list, row)?;
                let Some(items) = self.list(&list) else {
                    return Ok(null_or_poison(&list));
                };
                let (mut yes, mut no, mut unknown, mut failed) = (0, 0, 0, 0);
                for item in items {
                    let mut inner = row.clone();
                    inner.insert(of.variable.name.clone(), item);
                    let value = self.eval(&of.predicate, &inner)?;
                    match self.truth_of(&value) {
                        Ok(Some(true)) => yes += 1,
                        Ok(Some(false)) => no += 1,
                        Ok(None) => unknown += 1,
                        Err(()) => failed += 1,
                    }
                }
                let is_open = unknown > 0;
                let decided = match of.quantifier {
                    Quantifier::All if no > 0 => Some(false),
                    Quantifier::Any if yes > 0 => Some(true),
                    Quantifier::None if yes > 0 => Some(false),
                    Quantifier::Single if yes > 1 => Some(false),
                    _ if failed > 0 => return Ok(poison()),
                    _ if is_open => None,
                    Quantifier::All | Quantifier::None => Some(true),
                    Quantifier::Any => Some(false),
                    Quantifier::Single => Some(yes == 1),
                };
                truth(decided)
            }
            ExpressionKind::Reduce(of) if of.predicate.is_none() => {
                let mut total = self.eval(&of.initial, row)?;
                let list = self.eval(&of.list, row)?;
                let Some(items) = self.list(&list) else {
                    return Ok(null_or_poison(&list));
                };
                for item in items {
                    let mut inner = row.clone();
                    inner.insert(of.accumulator.name.clone(), total);
                    inner.insert(of.variable.name.clone(), item);
                    total = self.eval(&of.step, &inner)?;
                }
                total
            }
            ExpressionKind::Pattern(pattern) if pattern.selector.is_none() => {
                let found = self.matches(std::slice::from_ref(pattern), row)?;
                Value::Bool(!found.is_empty())
            }
            ExpressionKind::Pattern(pattern) => self.shortest_in_expression(pattern, row)?,
            ExpressionKind::Subquery {
                kind: SubqueryKind::Collect,
                body,
            } => whole(self.collected(body, row)?),
            ExpressionKind::Subquery { kind, body } => {
                let count = self.subquery_rows(body, row)?;
                match kind {
                    SubqueryKind::Exists => Value::Bool(count > 0),
                    _ => Value::Int(i64::try_from(count).unwrap_or(i64::MAX)),
                }
            }
            ExpressionKind::IsTyped {
                operand,
                ty,
                negated,
            } => {
                let value = self.eval(operand, row)?;
                if is_poison(&value) {
                    poison()
                } else {
                    Value::Bool(super::types::is_of(&value, ty) != *negated)
                }
            }
            ExpressionKind::MapProjection { variable, items } => {
                let Some(of) = row.get(&variable.name).cloned() else {
                    return Err(Stop::Unsupported(format!(
                        "the unbound variable {variable}"
                    )));
                };
                if of.is_null() {
                    return Ok(Value::Null);
                }
                let mut map = Map::new();
                for item in items {
                    match item {
                        MapProjectionItem::Property(key) => {
                            let value = self.component(&of, &key.name)?;
                            map.insert(key.name.clone(), value);
                        }
                        MapProjectionItem::AllProperties(_) => match self.properties(&of) {
                            Some(properties) => map.extend(properties),
                            None => return Ok(poison()),
                        },
                        MapProjectionItem::Variable(name) => {
                            let value = row.get(&name.name).cloned().unwrap_or_default();
                            map.insert(name.name.clone(), value);
                        }
                        MapProjectionItem::Entry(entry) => {
                            let value = self.eval(&entry.value, row)?;
                            map.insert(entry.key.name.clone(), value);
                        }
                    }
                }
                whole(Value::Map(Arc::new(map)))
            }
            _ => return Err(Stop::Unsupported("this expression".to_owned())),
        })
    }

    /// The items of a value used as a list; none if it is null or no list.
    fn list(&mut self, value: &Value) -> Option<Vec<Value>> {
        match value {
            Value::List(items) if !is_poison(value) => Some(items.to_vec()),
            Value::Null => None,
            value if is_poison(value) => None,
            _ => {
                self.fail("TypeError");
                None
            }
        }
    }

    fn unary(&mut self, operator: UnaryOperator, value: Value) -> Value {
        if is_poison(&value) {
            return poison();
        }
        match (operator, value) {
            (UnaryOperator::Not, value) => match self.truth_of(&value) {
                Ok(value) => truth(value.map(|truth| !truth)),
                Err(()) => poison(),
            },
            (_, Value::Null) => Value::Null,
            (UnaryOperator::Plus, value @ (Value::Int(_) | Value::Float(_))) => value,
            (UnaryOperator::Minus, Value::Float(number)) => Value::Float(-number),
            (UnaryOperator::Minus, Value::Int(i64::MIN)) => self.fail("ArithmeticError"),
            (UnaryOperator::Minus, Value::Int(number)) => Value::Int(-number),
            (UnaryOperator::Plus, value @ Value::Duration(_)) => value,
            (UnaryOperator::Minus, Value::Duration(duration)) => match duration.negated() {
                Ok(negated) => Value::from(negated),
                Err(_) => self.fail("ArgumentError"),
            },
            _ => self.fail("TypeError"),
        }
    }

    fn binary(
        &mut self,
        operator: BinaryOperator,
        left: &Value,
        right: &Value,
    ) -> Evaluated<Value> {
        if is_poison(left) || is_poison(right) {
            return Ok(poison());
        }
        Ok(match operator {
            BinaryOperator::In => match right {
                Value::Null => Value::Null,
                Value::List(items) => {
                    let mut found = Some(false);
                    for item in items.iter() {
                        match equals(left, item) {
                            Some(true) => return Ok(Value::Bool(true)),
                            None => found = None,
                            Some(false) => {}
                        }
                    }
                    truth(found)
                }
                _ => self.fail("TypeError"),
            },
            BinaryOperator::StartsWith | BinaryOperator::EndsWith | BinaryOperator::Contains => {
                let (Value::String(left), Value::String(right)) = (left, right) else {
                    return Ok(Value::Null);
                };
                let (left, right) = (left.as_bytes(), right.as_bytes());
                Value::Bool(match operator {
                    BinaryOperator::StartsWith => left.starts_with(right),
                    BinaryOperator::EndsWith => left.ends_with(right),
                    _ => right.is_empty() || left.windows(right.len()).any(|part| part == right),
                })
            }
            BinaryOperator::RegexMatch => {
                let (Value::String(left), Value::String(right)) = (left, right) else {
                    return Ok(Value::Null);
                };
                match super::regex::matches(right, left) {
                    Some(is_match) => Value::Bool(is_match),
                    None => return Err(Stop::Unsupported("this regular expression".to_owned())),
                }
            }
            BinaryOperator::Concatenate => match (left, right) {
                (Value::Null, _) | (_, Value::Null) => Value::Null,
                (Value::String(left), Value::String(right)) => {
                    Value::string(&*format!("{left}{right}"))
                }
                (Value::List(left), Value::List(right)) => {
                    Value::list(left.iter().chain(right.iter()).cloned().collect::<Vec<_>>())
                }
                _ => self.fail("TypeError"),
            },
            _ => match arithmetic(operator, left, right) {
                Ok(value) => value,
                Err(kind) => self.fail(kind),
            },
        })
    }

    fn logical(
        &mut self,
        operator: LogicalOperator,
        operands: &[Expression],
        row: &Row,
    ) -> Evaluated<Value> {
        let mut truths = Vec::new();
        for operand in operands {
            let value = self.eval(operand, row)?;
            truths.push(self.truth_of(&value));
        }
        let failed = truths.contains(&Err(()));
        let decisive = match operator {
            LogicalOperator::And => Some(false),
            LogicalOperator::Or => Some(true),
            LogicalOperator::Xor => None,
        };
        if decisive.is_some() && truths.contains(&Ok(decisive)) {
            return Ok(truth(decisive));
        }
        if failed {
            return Ok(poison());
        }
        if truths.contains(&Ok(None)) {
            return Ok(Value::Null);
        }
        let true_count = truths
            .iter()
            .filter(|truth| **truth == Ok(Some(true)))
            .count();
        Ok(Value::Bool(match operator {
            LogicalOperator::And => true,
            LogicalOperator::Or => false,
            LogicalOperator::Xor => true_count % 2 == 1,
        }))
    }

    /// The names that `$(…)` stands for; none after an error.
    pub(super) fn computed_names(
        &mut self,
        of: &Expression,
        row: &Row,
    ) -> Evaluated<Option<Vec<Arc<str>>>> {
        let value = self.eval(of, row)?;
        let items = match &value {
            value if is_poison(value) => return Ok(None),
            Value::List(items) => items.to_vec(),
            _ => vec![value],
        };
        let mut names = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Value::String(name) if name.is_empty() => {
                    self.fail("ArgumentError");
                    return Ok(None);
                }
                Value::String(name) => names.push(name),
                _ => {
                    self.fail("TypeError");
                    return Ok(None);
                }
            }
        }
        Ok(Some(names))
    }

    /// A label expression with the names that are computed put in; none after an error.
    pub(super) fn settled(
        &mut self,
        labels: &LabelExpression,
        row: &Row,
    ) -> Evaluated<Option<LabelExpression>> {
        Ok(match labels {
            LabelExpression::All(_) => Some(labels.clone()),
            LabelExpression::Formula(of) => {
                self.settled_formula(of, row)?.map(LabelExpression::Formula)
            }
        })
    }

    fn settled_formula(&mut self, of: &LabelFormula, row: &Row) -> Evaluated<Option<LabelFormula>> {
        let mut parts_of = |parts: &[LabelFormula]| -> Evaluated<Option<Vec<LabelFormula>>> {
            let mut settled = Vec::with_capacity(parts.len());
            for part in parts {
                match self.settled_formula(part, row)? {
                    Some(part) => settled.push(part),
                    None => return Ok(None),
                }
            }
            Ok(Some(settled))
        };
        Ok(match of {
            LabelFormula::Label(_) | LabelFormula::Any(_) => Some(of.clone()),
            LabelFormula::And(parts) => parts_of(parts)?.map(LabelFormula::And),
            LabelFormula::Or(parts) => parts_of(parts)?.map(LabelFormula::Or),
            LabelFormula::Not(part) => self
                .settled_formula(part, row)?
                .map(|part| LabelFormula::Not(Box::new(part))),
            LabelFormula::Dynamic {
                any,
                expression,
                span,
            } => {
                let names = self.computed_names(expression, row)?;
                names.map(|names| {
                    let names = names.into_iter();
                    let labels = names
                        .map(|name| LabelFormula::Label(Identifier::new(name, *span)))
                        .collect();
                    if *any {
                        LabelFormula::Or(labels)
                    } else {
                        LabelFormula::And(labels)
                    }
                })
            }
        })
    }

    fn has_labels(&mut self, subject: &Value, labels: &LabelExpression) -> Value {
        match subject {
            Value::Null => Value::Null,
            Value::Node(node) => match self.state(node.view).nodes.get(&node.id.0) {
                Some(node) => Value::Bool(admits(labels, &|label| match label {
                    Some(label) => node.labels.contains(label),
                    None => !node.labels.is_empty(),
                })),
                None => self.fail("EntityNotFound"),
            },
            Value::Relationship(of) => match self.state(of.view).relationships.get(&of.id.0) {
                Some(of) => Value::Bool(admits(labels, &|label| {
                    label.is_none_or(|label| *of.type_name == *label)
                })),
                None => self.fail("EntityNotFound"),
            },
            subject if is_poison(subject) => poison(),
            _ => self.fail("TypeError"),
        }
    }

    /// The properties of an element or entries of a map; none after an error.
    pub(super) fn properties(&mut self, of: &Value) -> Option<Properties> {
        let found = match of {
            Value::Map(map) => return Some((**map).clone()),
            Value::Node(node) => {
                let node = self.state(node.view).nodes.get(&node.id.0);
                node.map(|node| node.properties.clone())
            }
            Value::Relationship(of) => {
                let of = self.state(of.view).relationships.get(&of.id.0);
                of.map(|of| of.properties.clone())
            }
            of if is_poison(of) => return None,
            _ => {
                self.fail("TypeError");
                return None;
            }
        };
        if found.is_none() {
            self.fail("EntityNotFound");
        }
        found
    }

    /// `of.key`.
    pub(super) fn component(&mut self, of: &Value, key: &str) -> Evaluated<Value> {
        if is_poison(of) {
            return Ok(poison());
        }
        Ok(match of {
            Value::Null => Value::Null,
            Value::Map(_) | Value::Node(_) | Value::Relationship(_) => match self.properties(of) {
                Some(properties) => properties.get(key).cloned().unwrap_or_default(),
                None => poison(),
            },
            Value::Duration(of) => super::types::part_of_duration(of, key),
            Value::Point(of) => super::types::part_of_point(of, key),
            of if of.is_temporal_point() => match temporal::component(of, key) {
                Ok(Some(value)) => value,
                Ok(None) => Value::Null,
                Err(_) => self.fail("ArgumentError"),
            },
            _ => self.fail("TypeError"),
        })
    }

    fn index(&mut self, of: &Value, index: &Value) -> Evaluated<Value> {
        if is_poison(of) || is_poison(index) {
            return Ok(poison());
        }
        Ok(match (of, index) {
            (Value::Null, _) => Value::Null,
            (
                Value::List(_) | Value::Map(_) | Value::Node(_) | Value::Relationship(_),
                Value::Null,
            ) => Value::Null,
            (Value::List(items), Value::Int(place)) => {
                let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
                let place = if *place < 0 { place + length } else { *place };
                let place = usize::try_from(place).ok();
                place
                    .and_then(|place| items.get(place))
                    .cloned()
                    .unwrap_or_default()
            }
            (Value::Map(_) | Value::Node(_) | Value::Relationship(_), Value::String(key)) => {
                self.component(of, key)?
            }
            _ => self.fail("TypeError"),
        })
    }

    fn slice(&mut self, of: &Value, from: Option<&Value>, to: Option<&Value>) -> Value {
        let bounds = [from, to].into_iter().flatten();
        if is_poison(of) || bounds.clone().any(is_poison) {
            return poison();
        }
        let Value::List(items) = of else {
            return if of.is_null() {
                Value::Null
            } else {
                self.fail("TypeError")
            };
        };
        if bounds
            .clone()
            .any(|b| !matches!(b, Value::Int(_) | Value::Null))
        {
            return self.fail("TypeError");
        }
        if bounds.clone().any(Value::is_null) {
            return Value::Null;
        }
        let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let place = |bound: Option<&Value>, absent: i64| {
            let place = match bound {
                Some(Value::Int(place)) if *place < 0 => place + length,
                Some(Value::Int(place)) => *place,
                _ => absent,
            };
            usize::try_from(place.clamp(0, length)).unwrap_or(0)
        };
        let (from, to) = (place(from, 0), place(to, length));
        let part = if from < to { &items[from..to] } else { &[] };
        Value::list(part.to_vec())
    }
}

/// A collection, or poison if it holds some.
fn whole(value: Value) -> Value {
    if is_poison(&value) { poison() } else { value }
}

fn null_or_poison(list: &Value) -> Value {
    if list.is_null() {
        Value::Null
    } else {
        poison()
    }
}

fn comparison(operator: ComparisonOperator, left: &Value, right: &Value) -> Option<bool> {
    let ordered = |test: fn(std::cmp::Ordering) -> bool| {
        compare(left, right).map(|ordering| ordering.is_some_and(test))
    };
    match operator {
        ComparisonOperator::Equal => equals(left, right),
        ComparisonOperator::NotEqual => equals(left, right).map(|equal| !equal),
        ComparisonOperator::Less => ordered(std::cmp::Ordering::is_lt),
        ComparisonOperator::LessOrEqual => ordered(std::cmp::Ordering::is_le),
        ComparisonOperator::Greater => ordered(std::cmp::Ordering::is_gt),
        ComparisonOperator::GreaterOrEqual => ordered(std::cmp::Ordering::is_ge),
    }
}

/// Whether a label expression holds; `has(None)` asks for any label.
pub(super) fn admits(labels: &LabelExpression, has: &dyn Fn(Option<&str>) -> bool) -> bool {
    fn formula(of: &LabelFormula, has: &dyn Fn(Option<&str>) -> bool) -> bool {
        match of {
            LabelFormula::Label(label) => has(Some(label.as_str())),
            LabelFormula::Any(_) => has(None),
            // `settled` has put the names in its place.
            LabelFormula::Dynamic { .. } => false,
            LabelFormula::Not(inner) => !formula(inner, has),
            LabelFormula::And(parts) => parts.iter().all(|part| formula(part, has)),
            LabelFormula::Or(parts) => parts.iter().any(|part| formula(part, has)),
        }
    }
    match labels {
        LabelExpression::All(labels) => labels.iter().all(|label| has(Some(label.as_str()))),
        LabelExpression::Formula(of) => formula(of, has),
    }
}
