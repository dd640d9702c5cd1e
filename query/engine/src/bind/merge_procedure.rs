//! Procedures that merge a node or a relationship: a MERGE whose labels, type and properties are given
//! as values.
//!
//! A call becomes the MERGE that says the same, over hidden variables for what is computed once. Labels,
//! types and keys that are written out in the call stay names there, so that an index finds the node;
//! others are looked up when the query runs.

use retrograph_cypher::Span;
use retrograph_cypher::ast::{
    Comparison, ComparisonLink, ComparisonOperator, Direction, Expression, ExpressionKind,
    FunctionCall, Identifier, LabelExpression, LabelFormula, Literal, Merge, MergeAction,
    MergeEvent, NodePattern, PathLink, PathPattern, PathStep, ProcedureCall, QualifiedName,
    Quantified, Quantifier, RelationshipPattern, SetItem, SetItemKind, YieldItems,
};

use super::call::result_place;
use super::projection::Column;
use super::scope::Variable;
use super::{Binder, Bound, Steps};
use crate::functions::merging::{self, Merged};
use crate::functions::{Function, Procedure};
use crate::plan::{self, Operator};
use crate::types::Type;

/// The MERGE that a call stands for, in the making.
struct Draft {
    span: Span,
    /// What is computed once for each row.
    hidden: Vec<(plan::Slot, plan::Expression)>,
    /// Set if it is made, set if it is found.
    on_create: Option<Expression>,
    on_match: Option<Expression>,
    /// The properties by which it is found.
    identifying: Option<Expression>,
}

impl Binder<'_> {
    /// Binds a call of a procedure that merges, and gives the columns it yields; nothing if it is none.
    pub(super) fn merge_procedure(
        &mut self,
        call: &ProcedureCall,
        is_standalone: bool,
        steps: &mut Steps,
    ) -> Bound<Option<Vec<Column>>> {
        let name = call.name.to_string();
        let Some((kind, procedure)) = merging::merges(&name)
            .and_then(|kind| Some((kind, self.procedures.get(&name)?.clone())))
        else {
            return Ok(None);
        };
        self.refuse_in_expression(call, &procedure)?;
        // Bound again as parts of the MERGE; here they are counted and checked.
        let warnings = self.warnings.len();
        self.procedure_arguments(call, &procedure, is_standalone)?;
        self.warnings.truncate(warnings);
        let depth = self.scope.depth();
        let mut arguments = match &call.arguments {
            Some(written) => written.clone(),
            None => parameters(&procedure, call.span),
        }
        .into_iter();
        let mut next = || arguments.next();
        let mut draft = Draft::new(call.span);
        let pattern = match kind {
            Merged::Node => {
                let labels = next().and_then(|labels| labels_of(labels, call.span));
                let identity = next();
                draft.identifying =
                    self.identifying(identity, &merging::IDENTIFYING, &mut draft)?;
                (draft.on_create, draft.on_match) = (next(), next());
                path(node(Some(result(call.span)), labels, call.span), None)
            }
            Merged::Relationship => {
                let start = next();
                let type_name = next();
                let identity = next();
                draft.identifying =
                    self.identifying(identity, &merging::MAY_IDENTIFY, &mut draft)?;
                draft.on_create = next();
                let end = next();
                draft.on_match = next();
                let start = self.hidden(" startNode", start, Type::Node, None, &mut draft)?;
                let end = self.hidden(" endNode", end, Type::Node, None, &mut draft)?;
                let (start, end) = (node(start, None, call.span), node(end, None, call.span));
                let link = relationship(type_name, call.span);
                path(start, Some((link, end)))
            }
        };
        if !draft.hidden.is_empty() {
            steps.push(
                Operator::Project(std::mem::take(&mut draft.hidden)),
                self.clause,
            );
        }
        let merge = draft.merge(pattern);
        let sought = sought(&merge.pattern);
        self.merge_sought(&merge, &sought, steps)?;
        let found = self.scope.get(RESULT).cloned();
        self.scope.truncate(depth);
        let Some(found) = found else {
            return Ok(None);
        };
        self.yield_merged(call, &procedure, &found, is_standalone, steps)
            .map(Some)
    }

    /// Brings what was merged into scope by the names that the call gives it.
    fn yield_merged(
        &mut self,
        call: &ProcedureCall,
        procedure: &Procedure,
        found: &Variable,
        is_standalone: bool,
        steps: &mut Steps,
    ) -> Bound<Vec<Column>> {
        let whole = || Identifier::new(procedure.results[0].0.as_str(), call.name.span);
        let names = match call.yields.as_ref().map(|yields| &yields.items) {
            Some(YieldItems::Fields(items)) => {
                for item in items {
                    result_place(procedure, &item.field)?;
                }
                items.iter().map(|item| item.variable().clone()).collect()
            }
            Some(YieldItems::All) => vec![whole()],
            None if is_standalone => vec![whole()],
            None => Vec::new(),
        };
        let mut columns = Vec::with_capacity(names.len());
        let mut copies = Vec::new();
        for variable in names {
            let slot = self.declare_new(&variable, found.ty.clone())?;
            copies.push((slot, plan::Expression::Slot(found.slot)));
            columns.push(Column {
                span: variable.span,
                name: variable.name,
                slot,
                ty: found.ty.clone(),
            });
        }
        if !copies.is_empty() {
            steps.push(Operator::Project(copies), self.clause);
        }
        let predicate = call
            .yields
            .as_ref()
            .and_then(|yields| yields.predicate.as_ref());
        if let Some(predicate) = predicate {
            // It sees what the clause wrote, for all rows.
            steps.push(Operator::Barrier { live: Vec::new() }, self.clause);
            self.next_clause();
            let predicate = self.where_predicate(predicate)?;
            steps.push(Operator::Filter(predicate), self.clause);
        }
        Ok(columns)
    }

    /// Computes an argument once for each row, under a name that no query can write.
    fn hidden(
        &mut self,
        name: &str,
        written: Option<Expression>,
        ty: Type,
        through: Option<&'static Function>,
        draft: &mut Draft,
    ) -> Bound<Option<Identifier>> {
        let Some(written) = written else {
            return Ok(None);
        };
        let mut expression = self.expression(&written)?.expression;
        if let Some(function) = through {
            expression = plan::Expression::Call(function, vec![expression]);
        }
        let name = Identifier::new(name, written.span);
        let slot = self.slot(name.name.clone());
        self.declare_in(&name, slot, ty);
        draft.hidden.push((slot, expression));
        Ok(Some(name))
    }

    /// The properties by which something is found: a map as it is written, or a hidden variable for one
    /// whose keys are known when the query runs.
    fn identifying(
        &mut self,
        written: Option<Expression>,
        checked: &'static Function,
        draft: &mut Draft,
    ) -> Bound<Option<Expression>> {
        if let Some(map) = &written
            && matches!(&map.kind, ExpressionKind::Map(entries) if !entries.is_empty())
        {
            return Ok(written);
        }
        let hidden = self.hidden(" identProps", written, Type::Map, Some(checked), draft)?;
        Ok(hidden.map(variable))
    }
}

impl Draft {
    fn new(span: Span) -> Self {
        Self {
            span,
            hidden: Vec::new(),
            on_create: None,
            on_match: None,
            identifying: None,
        }
    }

    /// The clause.
    fn merge(self, mut pattern: PathPattern) -> Merge {
        let span = self.span;
        let identifying = self.identifying.map(Box::new);
        match pattern.steps.first_mut().map(|step| &mut step.link) {
            Some(PathLink::Relationship(link)) => link.properties = identifying,
            _ => pattern.start.properties = identifying,
        }
        let action = |event, value: Option<Expression>| {
            value.map(|value| MergeAction {
                event,
                items: vec![SetItem {
                    kind: SetItemKind::Merge {
                        variable: result(span),
                        value,
                    },
                    span,
                }],
                span,
            })
        };
        let on_create = action(MergeEvent::Create, self.on_create);
        let on_match = action(MergeEvent::Match, self.on_match);
        Merge {
            pattern,
            actions: on_create.into_iter().chain(on_match).collect(),
            span,
        }
    }
}

/// What is merged, under a name that no query can write.
const RESULT: &str = " merged";

fn result(span: Span) -> Identifier {
    Identifier::new(RESULT, span)
}

fn variable(name: Identifier) -> Expression {
    let span = name.span;
    Expression::new(ExpressionKind::Variable(name), span)
}

/// The arguments of a call that stands alone without any: the parameters of their names.
fn parameters(procedure: &Procedure, span: Span) -> Vec<Expression> {
    let required = procedure.parameters.iter().take(procedure.required);
    required
        .map(|(name, _)| {
            let name = Identifier::new(name.as_str(), span);
            Expression::new(ExpressionKind::Parameter(name), span)
        })
        .collect()
}

fn computed(name: Expression) -> LabelFormula {
    LabelFormula::Dynamic {
        any: false,
        span: name.span,
        expression: Box::new(name),
    }
}

/// A name that is written out.
fn written_name(name: &Expression) -> Option<Identifier> {
    match &name.kind {
        ExpressionKind::Literal(Literal::String(text)) if !text.is_empty() => {
            Some(Identifier::new(text.clone(), name.span))
        }
        _ => None,
    }
}

/// The labels that an argument gives.
fn labels_of(labels: Expression, span: Span) -> Option<LabelExpression> {
    let names = match labels.kind {
        ExpressionKind::List(names) => names,
        kind => {
            let names = computed(Expression::new(kind, span));
            return Some(LabelExpression::Formula(names));
        }
    };
    let plain: Vec<Identifier> = names.iter().filter_map(written_name).collect();
    if plain.len() == names.len() {
        return (!plain.is_empty()).then_some(LabelExpression::All(plain));
    }
    let mut parts: Vec<LabelFormula> = names
        .into_iter()
        .map(|name| match written_name(&name) {
            Some(label) => LabelFormula::Label(label),
            None => computed(name),
        })
        .collect();
    Some(LabelExpression::Formula(match parts.len() {
        1 => parts.remove(0),
        _ => LabelFormula::And(parts),
    }))
}

fn node(variable: Option<Identifier>, labels: Option<LabelExpression>, span: Span) -> NodePattern {
    NodePattern {
        variable,
        labels,
        properties: None,
        predicate: None,
        span,
    }
}

fn relationship(type_name: Option<Expression>, span: Span) -> RelationshipPattern {
    let named = type_name.as_ref().and_then(written_name);
    let formula = match &named {
        Some(_) => None,
        None => type_name.map(|name| Box::new(computed(name))),
    };
    RelationshipPattern {
        direction: Direction::Outgoing,
        variable: Some(result(span)),
        types: named.into_iter().collect(),
        formula,
        length: None,
        quantifier: None,
        properties: None,
        predicate: None,
        span,
    }
}

fn path(start: NodePattern, step: Option<(RelationshipPattern, NodePattern)>) -> PathPattern {
    let steps = step.into_iter().map(|(link, node)| PathStep {
        link: PathLink::Relationship(link),
        node,
    });
    PathPattern {
        variable: None,
        search: None,
        selector: None,
        span: start.span,
        start,
        steps: steps.collect(),
        predicate: None,
    }
}

/// The pattern as it is looked for: properties whose keys are not known yet become a predicate.
fn sought(pattern: &PathPattern) -> PathPattern {
    let mut sought = pattern.clone();
    let (properties, predicate) = match sought.steps.first_mut().map(|step| &mut step.link) {
        Some(PathLink::Relationship(link)) => (&mut link.properties, &mut link.predicate),
        _ => (&mut sought.start.properties, &mut sought.start.predicate),
    };
    if let Some(map) = properties.take_if(|map| !matches!(map.kind, ExpressionKind::Map(_))) {
        *predicate = Some(Box::new(has_all(*map)));
    }
    sought
}

/// `all(key IN keys(map) WHERE merged[key] = map[key])`
fn has_all(map: Expression) -> Expression {
    let span = map.span;
    let at = |kind| Expression::new(kind, span);
    let key = Identifier::new(" key", span);
    let keyed = |subject: Expression| {
        at(ExpressionKind::Index {
            subject: Box::new(subject),
            index: Box::new(variable(key.clone())),
        })
    };
    let keys = at(ExpressionKind::Function(FunctionCall {
        name: QualifiedName {
            namespace: Vec::new(),
            name: Identifier::new("keys", span),
            span,
        },
        distinct: false,
        arguments: vec![map.clone()],
    }));
    let is_equal = at(ExpressionKind::Comparison(Comparison {
        first: Box::new(keyed(variable(result(span)))),
        links: vec![ComparisonLink {
            operator: ComparisonOperator::Equal,
            operand: keyed(map),
        }],
    }));
    at(ExpressionKind::Quantified(Quantified {
        quantifier: Quantifier::All,
        variable: key,
        list: Box::new(keys),
        predicate: Box::new(is_equal),
    }))
}
