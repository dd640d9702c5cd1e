//! Writing clauses: row by row, in the order of the rows.

use std::borrow::Cow;
use std::sync::Arc;

use retrograph_cypher::ast::{
    self, Direction, Expression, LabelExpression, LabelFormula, LabelName, MergeEvent, NodePattern,
    PathPattern, RemoveItemKind, SetItem, SetItemKind,
};
use retrograph_graph::ids::ElementId;
use retrograph_graph::value::Value;

use super::graph::{Node, Properties, Relationship};
use super::value::is_poison;
use super::{Evaluated, Evaluator, Row, Stop};

impl Evaluator<'_> {
    /// The names of labels, written or computed; none after an error.
    fn label_names(&mut self, labels: &[LabelName], row: &Row) -> Evaluated<Option<Vec<Arc<str>>>> {
        let mut names = Vec::new();
        for label in labels {
            match label {
                LabelName::Plain(name) => names.push(name.name.clone()),
                LabelName::Dynamic(of) => match self.computed_names(of, row)? {
                    Some(computed) => names.extend(computed),
                    None => {
                        self.is_tainted = true;
                        return Ok(None);
                    }
                },
            }
        }
        Ok(Some(names))
    }

    /// The labels that a pattern gives a new node; none after an error.
    fn labels_given(
        &mut self,
        labels: Option<&LabelExpression>,
        row: &Row,
    ) -> Evaluated<Option<Vec<Arc<str>>>> {
        let parts = match labels {
            None => return Ok(Some(Vec::new())),
            Some(LabelExpression::All(labels)) => {
                return Ok(Some(
                    labels.iter().map(|label| label.name.clone()).collect(),
                ));
            }
            Some(LabelExpression::Formula(LabelFormula::And(parts))) => &parts[..],
            Some(LabelExpression::Formula(of)) => std::slice::from_ref(of),
        };
        let labels: Option<Vec<LabelName>> = parts
            .iter()
            .map(|part| match part {
                LabelFormula::Label(name) => Some(LabelName::Plain(name.clone())),
                LabelFormula::Dynamic { expression, .. } => {
                    Some(LabelName::Dynamic((**expression).clone()))
                }
                _ => None,
            })
            .collect();
        match labels {
            Some(labels) => self.label_names(&labels, row),
            None => Err(Stop::Unsupported("labels that are no list".to_owned())),
        }
    }

    /// The value of the name of a property; none after an error.
    fn key_of(&mut self, key: &Expression, row: &Row) -> Evaluated<Option<Arc<str>>> {
        Ok(match self.eval(key, row)? {
            Value::String(key) => Some(key),
            value => {
                if !is_poison(&value) {
                    self.fail("TypeError");
                }
                self.is_tainted = true;
                None
            }
        })
    }

    /// The properties that a pattern gives a new element.
    fn given(&mut self, of: Option<&Expression>, row: &Row) -> Evaluated<Properties> {
        let Some(of) = of else {
            return Ok(Properties::new());
        };
        let value = match self.before.take() {
            Some(before) => {
                let graph = std::mem::replace(&mut self.graph, Cow::Owned(before));
                let value = self.eval(of, row)?;
                let before = std::mem::replace(&mut self.graph, graph);
                self.before = Some(before.into_owned());
                value
            }
            None => self.eval(of, row)?,
        };
        match value {
            Value::Map(map) => Ok(self.storable(&map)),
            value if is_poison(&value) => {
                self.is_tainted = true;
                Ok(Properties::new())
            }
            _ => Err(Stop::Unsupported(
                "a pattern's parameter that is no map".to_owned(),
            )),
        }
    }

    /// What of a map a property can hold; null is nothing.
    fn storable(&mut self, map: &Properties) -> Properties {
        let mut kept = Properties::new();
        for (key, value) in map {
            if value.is_null() {
                continue;
            }
            if is_poison(value) {
                self.is_tainted = true;
            } else if value.is_storable() {
                kept.insert(key.clone(), value.clone());
            } else {
                self.fail("TypeError");
                self.is_tainted = true;
            }
        }
        kept
    }

    pub(super) fn create(&mut self, of: &ast::Create, rows: Vec<Row>) -> Evaluated<Vec<Row>> {
        let mut found = Vec::new();
        // What the clause creates is not seen by its own expressions.
        self.before = Some(self.graph.clone().into_owned());
        for mut row in rows {
            for pattern in &of.patterns {
                self.create_path(pattern, &mut row)?;
            }
            found.push(row);
        }
        self.before = None;
        Ok(found)
    }

    fn create_node(&mut self, pattern: &NodePattern, row: &mut Row) -> Evaluated<Option<u64>> {
        if let Some(name) = &pattern.variable {
            match row.get(&name.name) {
                Some(Value::Node(node)) => {
                    if !self.graph.nodes.contains_key(&node.id.0) {
                        self.fail("EntityNotFound");
                        self.is_tainted = true;
                        return Ok(None);
                    }
                    return Ok(Some(node.id.0));
                }
                Some(Value::Null) => {
                    self.fail("EntityNotFound");
                    self.is_tainted = true;
                    return Ok(None);
                }
                Some(value) => {
                    if !is_poison(value) {
                        self.fail("TypeError");
                    }
                    self.is_tainted = true;
                    return Ok(None);
                }
                None => {}
            }
        }
        let properties = self.given(pattern.properties.as_deref(), row)?;
        let Some(labels) = self.labels_given(pattern.labels.as_ref(), row)? else {
            return Ok(None);
        };
        let labels = labels.into_iter().collect();
        let id = self.graph.to_mut().create_node(Node { labels, properties });
        if let Some(name) = &pattern.variable {
            let node = self.node(id);
            row.insert(name.name.clone(), node);
        }
        Ok(Some(id))
    }

    fn create_path(&mut self, pattern: &PathPattern, row: &mut Row) -> Evaluated<()> {
        if pattern.variable.is_some() {
            return Err(Stop::Unsupported("a named path that is created".to_owned()));
        }
        let mut before = self.create_node(&pattern.start, row)?;
        for step in &pattern.steps {
            let after = self.create_node(&step.node, row)?;
            let Some(of) = step.relationship() else {
                return Err(Stop::Unsupported("a quantified pattern".to_owned()));
            };
            let properties = self.given(of.properties.as_deref(), row)?;
            if let (Some(left), Some(right), Some(type_name)) = (before, after, of.types.first()) {
                let (start, end) = match of.direction {
                    Direction::Incoming => (right, left),
                    _ => (left, right),
                };
                let id = self.graph.to_mut().create_relationship(Relationship {
                    type_name: type_name.name.clone(),
                    start,
                    end,
                    properties,
                });
                if let Some(name) = &of.variable {
                    let value = self.relationship(id);
                    row.insert(name.name.clone(), value);
                }
            }
            before = after;
        }
        Ok(())
    }

    pub(super) fn merge(&mut self, of: &ast::Merge, rows: Vec<Row>) -> Evaluated<Vec<Row>> {
        let mut found = Vec::new();
        let pattern = std::slice::from_ref(&of.pattern);
        for mut row in rows {
            if self.merges_null(&of.pattern, &row)? {
                self.fail("SemanticError");
                self.is_tainted = true;
                continue;
            }
            let matches = self.matches(pattern, &row)?;
            let event = if matches.is_empty() {
                self.create_path(&of.pattern, &mut row)?;
                MergeEvent::Create
            } else {
                MergeEvent::Match
            };
            let rows = if matches.is_empty() {
                vec![row]
            } else {
                matches
            };
            for row in &rows {
                for action in of.actions.iter().filter(|action| action.event == event) {
                    self.set_items(&action.items, row)?;
                }
            }
            found.extend(rows);
        }
        Ok(self.arranged(found))
    }

    /// Whether a MERGE asks for a property that is null, which nothing has.
    fn merges_null(&mut self, pattern: &PathPattern, row: &Row) -> Evaluated<bool> {
        let steps = pattern.steps.iter();
        let maps =
            std::iter::once(pattern.start.properties.as_deref()).chain(steps.flat_map(|step| {
                [
                    step.relationship().and_then(|of| of.properties.as_deref()),
                    step.node.properties.as_deref(),
                ]
            }));
        for map in maps.flatten() {
            let value = self.eval(map, row)?;
            if let Value::Map(map) = &value
                && map.values().any(Value::is_null)
            {
                return Ok(true);
            }
            self.is_tainted |= is_poison(&value);
        }
        Ok(false)
    }

    pub(super) fn set_clause(&mut self, of: &ast::Set, rows: Vec<Row>) -> Evaluated<Vec<Row>> {
        for row in &rows {
            self.set_items(&of.items, row)?;
        }
        Ok(rows)
    }

    fn set_items(&mut self, items: &[SetItem], row: &Row) -> Evaluated<()> {
        for item in items {
            self.step()?;
            match &item.kind {
                SetItemKind::Property {
                    subject,
                    key,
                    value,
                } => {
                    let (subject, value) = (self.eval(subject, row)?, self.eval(value, row)?);
                    let map = Properties::from([(key.name.clone(), value)]);
                    self.change(&subject, &map, false)?;
                }
                SetItemKind::Replace { variable, value }
                | SetItemKind::Merge { variable, value } => {
                    let subject = row.get(&variable.name).cloned().unwrap_or_default();
                    let value = self.eval(value, row)?;
                    if is_poison(&value) {
                        self.is_tainted = true;
                        continue;
                    }
                    if subject.is_null() {
                        continue;
                    }
                    let replaces = matches!(item.kind, SetItemKind::Replace { .. });
                    // Null is no properties.
                    let value = match value {
                        Value::Null => Value::Map(Arc::default()),
                        value => value,
                    };
                    match self.properties(&value) {
                        Some(map) => self.change(&subject, &map, replaces)?,
                        None => self.is_tainted = true,
                    }
                }
                SetItemKind::Labels { variable, labels } => {
                    if let Some(labels) = self.label_names(labels, row)? {
                        let subject = row.get(&variable.name);
                        self.change_labels(subject, |node| node.labels.extend(labels));
                    }
                }
                SetItemKind::Dynamic {
                    subject,
                    key,
                    value,
                } => {
                    let subject = self.eval(subject, row)?;
                    let (key, value) = (self.key_of(key, row)?, self.eval(value, row)?);
                    if let Some(key) = key {
                        let map = Properties::from([(key, value)]);
                        self.change(&subject, &map, false)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Sets properties; null removes one.
    fn change(&mut self, subject: &Value, map: &Properties, replaces: bool) -> Evaluated<()> {
        if subject.is_null() {
            return Ok(());
        }
        let kept = self.storable(map);
        let graph = self.graph.to_mut();
        let properties = match subject {
            Value::Node(node) => graph.nodes.get_mut(&node.id.0).map(|of| &mut of.properties),
            Value::Relationship(of) => {
                let of = graph.relationships.get_mut(&of.id.0);
                of.map(|of| &mut of.properties)
            }
            subject if is_poison(subject) => {
                self.is_tainted = true;
                return Ok(());
            }
            _ => {
                self.fail("TypeError");
                self.is_tainted = true;
                return Ok(());
            }
        };
        let Some(properties) = properties else {
            self.fail("EntityNotFound");
            self.is_tainted = true;
            return Ok(());
        };
        if replaces {
            properties.clear();
        }
        for key in map.keys() {
            properties.remove(key);
        }
        properties.extend(kept);
        Ok(())
    }

    fn change_labels(&mut self, subject: Option<&Value>, change: impl FnOnce(&mut Node)) {
        match subject {
            None | Some(Value::Null) => {}
            Some(Value::Node(node)) => match self.graph.to_mut().nodes.get_mut(&node.id.0) {
                Some(node) => change(node),
                None => {
                    self.fail("EntityNotFound");
                    self.is_tainted = true;
                }
            },
            Some(_) => {
                self.fail("TypeError");
                self.is_tainted = true;
            }
        }
    }

    pub(super) fn remove(&mut self, of: &ast::Remove, rows: Vec<Row>) -> Evaluated<Vec<Row>> {
        for row in &rows {
            for item in &of.items {
                self.step()?;
                match &item.kind {
                    RemoveItemKind::Property { subject, key } => {
                        let subject = self.eval(subject, row)?;
                        let map = Properties::from([(key.name.clone(), Value::Null)]);
                        self.change(&subject, &map, false)?;
                    }
                    RemoveItemKind::Labels { variable, labels } => {
                        let Some(labels) = self.label_names(labels, row)? else {
                            continue;
                        };
                        self.change_labels(row.get(&variable.name), |node| {
                            for label in &labels {
                                node.labels.remove(label);
                            }
                        });
                    }
                    RemoveItemKind::Dynamic { subject, key } => {
                        let subject = self.eval(subject, row)?;
                        if let Some(key) = self.key_of(key, row)? {
                            let map = Properties::from([(key, Value::Null)]);
                            self.change(&subject, &map, false)?;
                        }
                    }
                }
            }
        }
        Ok(rows)
    }

    pub(super) fn delete(&mut self, of: &ast::Delete, rows: Vec<Row>) -> Evaluated<Vec<Row>> {
        let mut doomed = Vec::new();
        for row in &rows {
            for expression in &of.expressions {
                match self.eval(expression, row)? {
                    Value::Null => {}
                    Value::Node(node) => doomed.push(ElementId::Node(node.id)),
                    Value::Relationship(of) => doomed.push(ElementId::Relationship(of.id)),
                    Value::Path(path) => {
                        doomed.extend(path.nodes.iter().map(|id| ElementId::Node(*id)));
                        let relationships = path.relationships.iter();
                        doomed.extend(relationships.map(|(id, _)| ElementId::Relationship(*id)));
                    }
                    value if is_poison(&value) => self.is_tainted = true,
                    _ => {
                        self.fail("TypeError");
                        self.is_tainted = true;
                    }
                }
            }
        }
        let graph = self.graph.to_mut();
        for element in doomed {
            match element {
                ElementId::Node(id) => {
                    if of.detach {
                        for id in graph.at(id.0) {
                            graph.relationships.remove(&id);
                        }
                    }
                    graph.nodes.remove(&id.0);
                }
                ElementId::Relationship(id) => {
                    graph.relationships.remove(&id.0);
                }
            }
        }
        Ok(rows)
    }
}
