//! Which slots an expression or a step reads and fills.
//!
//! A slot is filled in one place of a plan only, or else (a grouping key that is a variable) by
//! itself, so what a pipeline takes from outside is what its steps read less what they fill.

use std::collections::BTreeSet;

use super::expression::{Expression, PathPart, Slot, SubqueryResult};
use super::operator::{Creation, Found, Operator, Pipeline, Seek, Update, Walk};
use super::visit::{children, updated};

/// A set of slots, in order so that plans are deterministic.
pub type SlotSet = BTreeSet<Slot>;

/// The slots read and filled by some part of a plan.
#[derive(Debug, Default)]
pub struct Uses {
    /// Read.
    pub reads: SlotSet,
    /// Filled.
    pub fills: SlotSet,
}

/// The slots of the surrounding row that an expression reads.
pub fn expression_reads(expression: &Expression) -> SlotSet {
    let mut uses = Uses::default();
    uses.expression(expression);
    uses.outside()
}

impl Uses {
    /// What is read and not filled within.
    pub fn outside(&self) -> SlotSet {
        self.reads.difference(&self.fills).copied().collect()
    }

    fn read(&mut self, slot: Slot) {
        self.reads.insert(slot);
    }

    fn fill(&mut self, slot: Slot) {
        self.fills.insert(slot);
    }

    fn each(&mut self, each: Option<&(Slot, Box<Expression>)>) {
        if let Some((slot, predicate)) = each {
            self.fill(*slot);
            self.expression(predicate);
        }
    }

    fn walk(&mut self, walk: &Walk) {
        self.read(walk.from);
        self.reads.extend(&walk.distinct_from);
        if walk.into {
            self.read(walk.to);
        } else {
            self.fill(walk.to);
        }
    }

    fn assign(&mut self, slot: Slot, expression: &Expression) {
        self.expression(expression);
        if !matches!(expression, Expression::Slot(source) if *source == slot) {
            self.fill(slot);
        }
    }

    fn creation(&mut self, creation: &Creation) {
        for node in &creation.nodes {
            self.fill(node.slot);
            node.properties
                .iter()
                .for_each(|properties| self.expression(properties));
        }
        for relationship in &creation.relationships {
            self.fill(relationship.slot);
            self.read(relationship.start);
            self.read(relationship.end);
            relationship
                .expressions()
                .for_each(|part| self.expression(part));
        }
    }

    fn update(&mut self, update: &Update) {
        match update {
            Update::Property(target, _, value) => {
                self.expression(target);
                self.expression(value);
            }
            Update::Dynamic(target, key, value) => {
                self.expression(target);
                self.expression(key);
                self.expression(value);
            }
            Update::AddDynamicLabels(slot, value)
            | Update::RemoveDynamicLabels(slot, value)
            | Update::Replace(slot, value)
            | Update::Extend(slot, value) => {
                self.read(*slot);
                self.expression(value);
            }
            Update::AddLabels(slot, _) | Update::RemoveLabels(slot, _) => self.read(*slot),
        }
    }

    /// Adds the steps of a pipeline.
    pub fn pipeline(&mut self, pipeline: &Pipeline) {
        for step in &pipeline.steps {
            self.operator(&step.operator);
        }
    }

    /// Adds an operator.
    pub fn operator(&mut self, operator: &Operator) {
        match operator {
            Operator::Unit | Operator::Argument | Operator::Schema(_) => {}
            Operator::ScanNodes { node, .. } => self.fill(*node),
            Operator::SeekNodes { node, seek, .. } => {
                self.fill(*node);
                match seek {
                    Seek::Equal(value) | Seek::In(value) | Seek::Prefix(value) => {
                        self.expression(value);
                    }
                    Seek::Range(lower, upper) => {
                        for bound in [lower, upper] {
                            if let std::ops::Bound::Included(value)
                            | std::ops::Bound::Excluded(value) = bound
                            {
                                self.expression(value);
                            }
                        }
                    }
                }
            }
            Operator::SeekRows(seek) => {
                match &seek.found {
                    Found::Node(node) => self.fill(*node),
                    Found::Relationship(found) => {
                        self.fills
                            .extend([found.relationship, found.start, found.end]);
                    }
                }
                seek.seek.expressions(&mut |value| self.expression(value));
            }
            Operator::SeekNodeIds { node, ids }
            | Operator::ScanLabels {
                node, names: ids, ..
            } => {
                self.fill(*node);
                self.expression(ids);
            }
            Operator::CountStore { slot, .. } => self.fill(*slot),
            Operator::ScanRelationships {
                relationship,
                start,
                end,
                ..
            } => {
                self.fills.extend([*relationship, *start, *end]);
            }
            Operator::SeekRelationshipIds {
                ids,
                relationship,
                start,
                end,
                ..
            } => {
                self.expression(ids);
                self.fills.extend([*relationship, *start, *end]);
            }
            Operator::Degree { walk, slot } => {
                self.read(walk.from);
                self.fill(*slot);
            }
            Operator::Expand { walk, relationship } => {
                self.walk(walk);
                self.fills.extend(relationship.iter());
            }
            Operator::ExpandVariable {
                walk,
                relationships,
                each,
                ..
            } => {
                self.walk(walk);
                self.fills.extend(relationships.iter());
                self.each(each.as_ref());
            }
            Operator::BindEnds {
                relationship,
                walk,
                from_bound,
            } => {
                self.read(*relationship);
                self.walk(walk);
                if !from_bound {
                    self.fill(walk.from);
                }
            }
            Operator::BindWalk {
                relationships,
                walk,
                ..
            } => {
                self.read(*relationships);
                self.walk(walk);
            }
            Operator::ShortestPath {
                walk,
                relationships,
                each,
                ..
            } => {
                self.walk(walk);
                self.fill(*relationships);
                self.each(each.as_ref());
            }
            Operator::ExpandPath {
                walk,
                program,
                relationships,
                ..
            } => {
                self.walk(walk);
                self.fills.extend(relationships.iter());
                self.fills.extend(program.fills());
                program.expressions().for_each(|test| self.expression(test));
            }
            Operator::Filter(predicate) => self.expression(predicate),
            Operator::Project(items) => {
                items
                    .iter()
                    .for_each(|(slot, expression)| self.assign(*slot, expression));
            }
            Operator::Unwind { list, item } => {
                self.expression(list);
                self.fill(*item);
            }
            Operator::Aggregate { keys, aggregates } => {
                keys.iter()
                    .for_each(|(slot, expression)| self.assign(*slot, expression));
                for call in aggregates {
                    self.fill(call.slot);
                    call.arguments
                        .iter()
                        .for_each(|argument| self.expression(argument));
                }
            }
            Operator::Distinct(slots) => self.reads.extend(slots),
            Operator::Sort { keys, limit, .. } => {
                keys.iter().for_each(|key| self.expression(&key.expression));
                limit.iter().for_each(|limit| self.expression(limit));
            }
            Operator::Skip(count) | Operator::Limit(count) => self.expression(count),
            Operator::Optional { inner, introduced } => {
                self.pipeline(inner);
                self.fills.extend(introduced);
            }
            Operator::Apply { inner, view } => {
                self.pipeline(inner);
                if let Some(view) = view {
                    view.system_time
                        .iter()
                        .for_each(|time| self.expression(time));
                    view.version
                        .iter()
                        .for_each(|version| self.expression(version));
                }
            }
            Operator::LoadCsv(load) => {
                self.expression(&load.url);
                self.fills.extend([load.row, load.line, load.file]);
            }
            Operator::InTransactions(call) => {
                self.pipeline(&call.inner);
                call.expressions().for_each(|part| self.expression(part));
                self.fills.extend(call.status);
                self.fills.extend(&call.introduced);
            }
            Operator::Union(branches) | Operator::Fork(branches) => {
                branches.iter().for_each(|branch| self.pipeline(branch));
            }
            Operator::CallProcedure {
                arguments, yields, ..
            } => {
                arguments
                    .iter()
                    .for_each(|argument| self.expression(argument));
                self.fills.extend(yields.iter().map(|(_, slot)| slot));
            }
            Operator::Create(creation) => self.creation(creation),
            Operator::Merge {
                find,
                create,
                on_match,
                on_create,
            } => {
                self.pipeline(find);
                self.creation(create);
                on_match
                    .iter()
                    .chain(on_create)
                    .for_each(|update| self.update(update));
            }
            Operator::Update(updates) => updates.iter().for_each(|update| self.update(update)),
            Operator::Delete { expressions, .. } => {
                expressions
                    .iter()
                    .for_each(|expression| self.expression(expression));
            }
            Operator::Foreach { list, item, body } => {
                self.expression(list);
                self.fill(*item);
                self.pipeline(body);
            }
            Operator::Barrier { .. } => {}
        }
    }

    /// Adds an expression.
    pub fn expression(&mut self, expression: &Expression) {
        match expression {
            Expression::Literal(_) | Expression::Parameter(_) => {}
            Expression::Slot(slot) => self.read(*slot),
            Expression::Path(parts) => {
                for part in parts {
                    match part {
                        PathPart::Node(slot)
                        | PathPart::Relationship(slot)
                        | PathPart::Relationships(slot) => self.read(*slot),
                    }
                }
            }
            Expression::Subquery(pipeline, result) => {
                self.pipeline(pipeline);
                if let SubqueryResult::Collect(item) = result {
                    self.expression(item);
                }
            }
            Expression::ListComprehension { item, .. } => {
                self.fill(*item);
                children(expression, &mut |child| self.expression(child));
            }
            Expression::Quantified { item, .. } => {
                self.fill(*item);
                children(expression, &mut |child| self.expression(child));
            }
            Expression::Reduce {
                accumulator, item, ..
            } => {
                self.fills.extend([*accumulator, *item]);
                children(expression, &mut |child| self.expression(child));
            }
            _ => children(expression, &mut |child| self.expression(child)),
        }
    }
}

/// Calls `f` for each expression that stands directly in an operator.
pub fn operator_expressions<'o>(operator: &'o Operator, f: &mut dyn FnMut(&'o Expression)) {
    match operator {
        Operator::SeekNodes { seek, .. } => match seek {
            Seek::Equal(value) | Seek::In(value) | Seek::Prefix(value) => f(value),
            Seek::Range(lower, upper) => {
                for bound in [lower, upper] {
                    if let std::ops::Bound::Included(value) | std::ops::Bound::Excluded(value) =
                        bound
                    {
                        f(value);
                    }
                }
            }
        },
        Operator::SeekRows(seek) => seek.seek.expressions(f),
        Operator::InTransactions(call) => call.expressions().for_each(f),
        Operator::LoadCsv(load) => f(&load.url),
        Operator::SeekNodeIds { ids, .. }
        | Operator::ScanLabels { names: ids, .. }
        | Operator::SeekRelationshipIds { ids, .. } => f(ids),
        Operator::ExpandVariable {
            each: Some((_, predicate)),
            ..
        }
        | Operator::ShortestPath {
            each: Some((_, predicate)),
            ..
        } => f(predicate),
        Operator::ExpandPath { program, .. } => program.expressions().for_each(f),
        Operator::Filter(predicate) => f(predicate),
        Operator::Project(items) => items.iter().for_each(|(_, value)| f(value)),
        Operator::Unwind { list, .. } | Operator::Foreach { list, .. } => f(list),
        Operator::Aggregate { keys, aggregates } => {
            keys.iter().for_each(|(_, key)| f(key));
            aggregates
                .iter()
                .flat_map(|call| &call.arguments)
                .for_each(f);
        }
        Operator::Sort { keys, .. } => keys.iter().for_each(|key| f(&key.expression)),
        Operator::Skip(count) | Operator::Limit(count) => f(count),
        Operator::CallProcedure { arguments, .. } => arguments.iter().for_each(f),
        Operator::Update(updates) => updates.iter().for_each(|update| updated(update, f)),
        Operator::Merge {
            on_match,
            on_create,
            ..
        } => {
            on_match
                .iter()
                .chain(on_create)
                .for_each(|update| updated(update, f));
        }
        Operator::Delete { expressions, .. } => expressions.iter().for_each(f),
        _ => {}
    }
}

/// Whether evaluating an expression may raise an error, so that it must stay behind what guards it.
///
/// Comparison, boolean logic and null tests never raise on operands that do not; a property may only
/// be read from an element without risk, which `elements` tells.
pub fn may_raise(expression: &Expression, elements: &SlotSet) -> bool {
    match expression {
        Expression::Literal(_)
        | Expression::Parameter(_)
        | Expression::Slot(_)
        | Expression::Path(_) => false,
        Expression::Property(of, _) | Expression::HasLabels(of, _) => {
            !matches!(&**of, Expression::Slot(slot) if elements.contains(slot))
        }
        Expression::Not(_)
        | Expression::And(_)
        | Expression::Or(_)
        | Expression::Xor(..)
        | Expression::Compare(..)
        | Expression::IsTyped(..)
        | Expression::IsNull(_)
        | Expression::IsNotNull(_)
        | Expression::List(_)
        | Expression::Map(_)
        | Expression::Coalesce(_) => any_child(expression, elements),
        Expression::StringTest(test, a, b) => {
            *test == super::expression::StringTest::Matches
                || may_raise(a, elements)
                || may_raise(b, elements)
        }
        Expression::In(item, list) => {
            !matches!(&**list, Expression::List(_) | Expression::Parameter(_))
                || may_raise(item, elements)
                || may_raise(list, elements)
        }
        Expression::Call(function, arguments) => {
            let on_element = matches!(&arguments[..], [Expression::Slot(slot)]
                if elements.contains(slot));
            !(on_element && matches!(function.name, "id" | "elementId" | "labels" | "type"))
        }
        _ => true,
    }
}

fn any_child(expression: &Expression, elements: &SlotSet) -> bool {
    let mut raises = false;
    children(expression, &mut |child| {
        raises |= may_raise(child, elements)
    });
    raises
}
