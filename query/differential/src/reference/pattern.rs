//! Pattern matching: every way to lay the patterns of one clause over the graph, no relationship used
//! twice.

use std::sync::Arc;

use retrograph_cypher::ast::{
    Direction, Expression, ExpressionKind, LogicalOperator, NodePattern, PathLink, PathMode,
    PathPattern, PathStep, RelationshipPattern,
};
use retrograph_graph::ids::{NodeId, RelationshipId};
use retrograph_graph::value::{Path, Value};

use super::expression::admits;
use super::path::group_variables;
use super::value::{equals, is_poison};
use super::{Evaluated, Evaluator, Row, Stop};

/// The names that patterns bind.
pub(super) fn variables(patterns: &[PathPattern]) -> Vec<Arc<str>> {
    let mut names = Vec::new();
    for pattern in patterns {
        names.extend(pattern.variable.iter());
        names.extend(pattern.start.variable.iter());
        for step in &pattern.steps {
            match &step.link {
                PathLink::Relationship(of) => names.extend(of.variable.as_ref()),
                PathLink::Group(group) => names.extend(group_variables(group)),
            }
            names.extend(step.node.variable.iter());
        }
    }
    names.into_iter().map(|name| name.name.clone()).collect()
}

/// The text of an expression, to find names in.
fn expression_text(of: &Expression) -> String {
    of.to_string()
}

/// A pattern laid over the graph up to some place.
#[derive(Clone)]
pub(super) struct Partial {
    pub(super) row: Row,
    /// The relationships used by the clause.
    used: Vec<u64>,
    /// The path of the pattern at hand.
    pub(super) nodes: Vec<u64>,
    pub(super) relationships: Vec<u64>,
    /// Whether relationships may be used again.
    is_repeatable: bool,
    /// What may repeat on the path at hand.
    mode: Option<PathMode>,
}

impl Partial {
    /// The node that the path has come to.
    pub(super) fn end(&self) -> u64 {
        self.nodes.last().copied().unwrap_or_default()
    }

    /// The first and the last node.
    pub(super) fn ends(&self) -> (Option<u64>, Option<u64>) {
        (self.nodes.first().copied(), self.nodes.last().copied())
    }

    /// The path with one relationship more.
    pub(super) fn along(&self, relationship: u64, node: u64) -> Self {
        let mut longer = self.clone();
        longer.used.push(relationship);
        longer.relationships.push(relationship);
        longer.nodes.push(node);
        longer
    }

    /// Whether the path may go on in this way.
    fn admits(&self, relationship: u64, node: u64) -> bool {
        if !self.is_repeatable && self.used.contains(&relationship) {
            return false;
        }
        let is_new = !self.relationships.contains(&relationship);
        match self.mode {
            None | Some(PathMode::Walk) => true,
            Some(PathMode::Trail) => is_new,
            Some(PathMode::Acyclic) => !self.nodes.contains(&node),
            Some(PathMode::Simple) => {
                let is_closed = self.nodes.len() > 1 && self.nodes.first() == self.nodes.last();
                is_new && !is_closed && !self.nodes.iter().skip(1).any(|known| *known == node)
            }
        }
    }
}

impl Evaluator<'_> {
    /// The rows that a row becomes, no relationship used twice.
    pub(super) fn matches(&mut self, patterns: &[PathPattern], row: &Row) -> Evaluated<Vec<Row>> {
        self.matches_in(false, patterns, row)
    }

    /// The rows that a row becomes.
    pub(super) fn matches_in(
        &mut self,
        is_repeatable: bool,
        patterns: &[PathPattern],
        row: &Row,
    ) -> Evaluated<Vec<Row>> {
        let mut partials = vec![Partial {
            row: row.clone(),
            used: Vec::new(),
            nodes: Vec::new(),
            relationships: Vec::new(),
            is_repeatable,
            mode: None,
        }];
        for pattern in patterns {
            let mut next = Vec::new();
            for partial in partials {
                next.extend(self.path(pattern, partial)?);
            }
            partials = next;
        }
        Ok(partials.into_iter().map(|partial| partial.row).collect())
    }

    /// Tries the predicates of patterns on elements that need not match, for the errors they raise. A
    /// plan may well test a predicate as soon as it knows what stands in it.
    pub(super) fn try_predicates(
        &mut self,
        patterns: &[PathPattern],
        predicate: Option<&Expression>,
        row: &Row,
    ) -> Evaluated<()> {
        let mut nodes = Vec::new();
        let mut relationships = Vec::new();
        let mut tested: Vec<&Expression> = Vec::new();
        predicate
            .iter()
            .for_each(|predicate| conjuncts(predicate, &mut tested));
        for pattern in patterns {
            let steps = pattern.steps.iter();
            for node in std::iter::once(&pattern.start).chain(steps.clone().map(|s| &s.node)) {
                nodes.extend(&node.variable);
                tested.extend(node.properties.as_deref());
                tested.extend(node.predicate.as_deref());
            }
            for relationship in steps.filter_map(|step| step.relationship()) {
                if relationship.length.is_none() {
                    relationships.extend(&relationship.variable);
                }
                tested.extend(relationship.properties.as_deref());
                tested.extend(relationship.predicate.as_deref());
            }
        }
        let mut places: Vec<(Arc<str>, Vec<Value>)> = Vec::new();
        for (names, is_node) in [(nodes, true), (relationships, false)] {
            for name in names {
                let is_known = places.iter().any(|(known, _)| *known == name.name);
                if row.contains_key(&name.name) || is_known {
                    continue;
                }
                let graph = self.current();
                let ids: Vec<u64> = if is_node {
                    graph.nodes.keys().copied().collect()
                } else {
                    graph.relationships.keys().copied().collect()
                };
                let values = ids.into_iter().map(|id| match is_node {
                    true => self.node(id),
                    false => self.relationship(id),
                });
                places.push((name.name.clone(), values.collect()));
            }
        }
        for expression in tested {
            let text = expression_text(expression);
            let places = places.iter().filter(|(name, _)| text.contains(&**name));
            let mut rows = vec![row.clone()];
            for (name, values) in places {
                let mut more = Vec::new();
                for row in &rows {
                    for value in values {
                        self.step()?;
                        let mut row = row.clone();
                        row.insert(name.clone(), value.clone());
                        more.push(row);
                    }
                }
                rows = more;
            }
            for row in rows {
                match self.eval(expression, &row) {
                    // What stands in it may be bound by nothing but a whole match: a path.
                    Ok(Value::Map(_)) | Err(Stop::Unsupported(_)) => {}
                    Ok(value) => _ = self.truth_of(&value),
                    Err(stop) => return Err(stop),
                }
            }
        }
        Ok(())
    }

    fn path(&mut self, pattern: &PathPattern, from: Partial) -> Evaluated<Vec<Partial>> {
        let mode = pattern.search.as_ref().and_then(|search| search.mode);
        let mut partials = Vec::new();
        for node in self.candidates(&pattern.start, &from.row) {
            let mut partial = from.clone();
            partial.mode = mode;
            if self.take_node(&pattern.start, node, &mut partial)? {
                partial.nodes = vec![node];
                partial.relationships = Vec::new();
                partials.push(partial);
            }
        }
        partials = self.steps(&pattern.steps, partials)?;
        if let Some(predicate) = pattern.predicate.as_deref() {
            let mut kept = Vec::new();
            for partial in partials {
                if self.holds(Some(predicate), &partial.row)? {
                    kept.push(partial);
                }
            }
            partials = kept;
        }
        if let Some(search) = &pattern.search {
            partials = self.searched(search.kind, partials);
        }
        if let Some(selector) = pattern.selector {
            partials = self.shortest(selector, partials);
        }
        if let Some(name) = &pattern.variable {
            for partial in &mut partials {
                let path = self.path_value(&partial.nodes, &partial.relationships);
                partial.row.insert(name.name.clone(), path);
            }
        }
        Ok(partials)
    }

    fn path_value(&self, nodes: &[u64], relationships: &[u64]) -> Value {
        let graph = self.current();
        let steps = relationships.iter().zip(nodes);
        Value::Path(Arc::new(Path {
            nodes: nodes.iter().map(|&id| NodeId(id)).collect(),
            relationships: steps
                .map(|(id, before)| {
                    let along = graph.relationships[id].start == *before;
                    (RelationshipId(*id), along)
                })
                .collect(),
            view: self.view,
        }))
    }

    /// The nodes that may stand in a place.
    fn candidates(&mut self, pattern: &NodePattern, row: &Row) -> Vec<u64> {
        let bound = pattern
            .variable
            .as_ref()
            .and_then(|name| row.get(&name.name));
        match bound {
            Some(Value::Node(node)) => vec![node.id.0],
            Some(_) => Vec::new(),
            None => {
                let ids = self.current().nodes.keys().copied().collect();
                self.arranged(ids)
            }
        }
    }

    /// Whether a node fits its pattern; binds it.
    pub(super) fn take_node(
        &mut self,
        pattern: &NodePattern,
        id: u64,
        partial: &mut Partial,
    ) -> Evaluated<bool> {
        self.step()?;
        if let Some(name) = &pattern.variable {
            match partial.row.get(&name.name) {
                Some(Value::Node(bound)) if bound.id.0 == id => {}
                Some(_) => return Ok(false),
                None => {
                    let node = self.node(id);
                    partial.row.insert(name.name.clone(), node);
                }
            }
        }
        // A node bound in another view may be missing in this one.
        let Some(node) = self.current().nodes.get(&id).cloned() else {
            return Ok(false);
        };
        if let Some(labels) = &pattern.labels {
            let row = partial.row.clone();
            let Some(labels) = self.settled(labels, &row)? else {
                return Ok(false);
            };
            let fits = admits(&labels, &|label| match label {
                Some(label) => node.labels.contains(label),
                None => !node.labels.is_empty(),
            });
            if !fits {
                return Ok(false);
            }
        }
        let properties = node.properties;
        let row = partial.row.clone();
        Ok(
            self.has_properties(pattern.properties.as_deref(), &properties, &row)?
                && self.holds(pattern.predicate.as_deref(), &row)?,
        )
    }

    fn has_properties(
        &mut self,
        wanted: Option<&Expression>,
        properties: &super::graph::Properties,
        row: &Row,
    ) -> Evaluated<bool> {
        let Some(wanted) = wanted else {
            return Ok(true);
        };
        match self.eval(wanted, row)? {
            Value::Map(wanted) => Ok(wanted.iter().all(|(key, wanted)| {
                let value = properties.get(key).unwrap_or(&Value::Null);
                equals(value, wanted) == Some(true)
            })),
            wanted if is_poison(&wanted) => Ok(false),
            _ => Err(Stop::Unsupported(
                "a pattern's parameter that is no map".to_owned(),
            )),
        }
    }

    /// Follows one step.
    pub(super) fn hop(&mut self, step: &PathStep, from: &Partial) -> Evaluated<Vec<Partial>> {
        let pattern = match &step.link {
            PathLink::Group(group) => return self.repeat(group, &step.node, from),
            PathLink::Relationship(pattern) => pattern,
        };
        if let Some(quantifier) = &pattern.quantifier {
            let max = quantifier.max.unwrap_or(u64::MAX);
            return self.walk(pattern, (quantifier.min, max), &step.node, from);
        }
        if let Some(length) = &pattern.length {
            let range = (length.min.unwrap_or(1), length.max.unwrap_or(u64::MAX));
            return self.walk(pattern, range, &step.node, from);
        }
        let bound = match &pattern.variable {
            Some(name) => from.row.get(&name.name).cloned(),
            None => None,
        };
        let mut found = Vec::new();
        for (id, end) in self.from(pattern, bound.as_ref(), from)? {
            let mut partial = from.along(id, end);
            if let Some(name) = &pattern.variable {
                let value = self.relationship(id);
                partial.row.insert(name.name.clone(), value);
            }
            let row = partial.row.clone();
            if self.holds(pattern.predicate.as_deref(), &row)?
                && self.take_node(&step.node, end, &mut partial)?
            {
                found.push(partial);
            }
        }
        Ok(found)
    }

    /// The relationships by which a path may go on under a pattern, with the nodes at their other ends.
    pub(super) fn from(
        &mut self,
        pattern: &RelationshipPattern,
        bound: Option<&Value>,
        from: &Partial,
    ) -> Evaluated<Vec<(u64, u64)>> {
        let node = from.end();
        if pattern.formula.is_some() {
            return Err(Stop::Unsupported("a formula over types".to_owned()));
        }
        let mut found = Vec::new();
        let ids = self.current().at(node);
        for id in self.arranged(ids) {
            self.step()?;
            let is_bound = match bound {
                None => true,
                Some(Value::Relationship(of)) => of.id.0 == id,
                Some(_) => false,
            };
            let Some(of) = self.current().relationships.get(&id) else {
                continue;
            };
            let is_admitted = pattern.types.is_empty()
                || pattern.types.iter().any(|name| *name.name == *of.type_name);
            let end = match pattern.direction {
                Direction::Outgoing if of.start == node => of.end,
                Direction::Incoming if of.end == node => of.start,
                Direction::Either if of.start == node => of.end,
                Direction::Either => of.start,
                _ => continue,
            };
            if !is_bound || !is_admitted || !from.admits(id, end) {
                continue;
            }
            let properties = of.properties.clone();
            if self.has_properties(pattern.properties.as_deref(), &properties, &from.row)? {
                found.push((id, end));
            }
        }
        Ok(found)
    }
}

/// What all has to hold for a predicate to hold, however it is put in brackets.
fn conjuncts<'e>(predicate: &'e Expression, found: &mut Vec<&'e Expression>) {
    match &predicate.kind {
        ExpressionKind::Logical {
            operator: LogicalOperator::And,
            operands,
        } => operands
            .iter()
            .for_each(|operand| conjuncts(operand, found)),
        _ => found.push(predicate),
    }
}
