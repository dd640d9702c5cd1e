//! CREATE and MERGE.

use retrograph_cypher::ast::{
    self, Create, ExpressionKind, Identifier, LabelExpression, LabelFormula, Merge, MergeEvent,
    NodePattern, PathLink, PathPattern, RelationshipPattern,
};
use retrograph_cypher::{Detail, Diagnostic};

use super::pattern::{Names, type_conflict};
use super::{Binder, Bound, Steps, already_bound};
use crate::plan::expression::{LabelToken, PathPart};
use crate::plan::operator::{CreateNode, CreateRelationship, CreatedType, Creation, Update};
use crate::plan::schema::NameKind;
use crate::plan::slots::expression_reads;
use crate::plan::{Expression, Operator, Slot};
use crate::types::Type;

/// What is created, in the making.
#[derive(Default)]
struct Draft {
    creation: Creation,
    /// Creations complete before this one, whose elements this one reads.
    earlier: Vec<Creation>,
    paths: Vec<(Slot, Expression)>,
    /// The elements of the pattern bound last.
    parts: Vec<PathPart>,
    /// Gives the nodes the labels whose names are computed.
    labels: Vec<Update>,
}

impl Draft {
    /// Elements whose properties read elements of the same clause must be made after those.
    fn settle(&mut self, properties: Option<&Expression>) {
        let Some(properties) = properties else { return };
        let reads = expression_reads(properties);
        let nodes = self.creation.nodes.iter().map(|node| node.slot);
        let relationships = self.creation.relationships.iter().map(|part| part.slot);
        if nodes.chain(relationships).any(|slot| reads.contains(&slot)) {
            self.earlier.push(std::mem::take(&mut self.creation));
        }
    }
}

/// Whether MERGE or CREATE makes the pattern; the rules differ in places.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create,
    Merge,
}

impl Binder<'_> {
    pub(super) fn create(&mut self, clause: &Create, steps: &mut Steps) -> Bound<()> {
        let mut draft = Draft::default();
        for pattern in &clause.patterns {
            self.created_path(pattern, Verb::Create, &mut draft)?;
        }
        draft.earlier.push(draft.creation);
        for (place, creation) in draft.earlier.into_iter().enumerate() {
            // What reads elements of this clause must see them, so it counts as a later one.
            if place > 0 {
                self.next_clause();
            }
            steps.push(Operator::Create(creation), self.clause);
        }
        if !draft.labels.is_empty() {
            steps.push(Operator::Update(draft.labels), self.clause);
        }
        self.created_paths(draft.paths, steps);
        Ok(())
    }

    pub(super) fn merge(&mut self, clause: &Merge, steps: &mut Steps) -> Bound<()> {
        self.merge_sought(clause, &clause.pattern, steps)
    }

    /// MERGE where what is looked for is written otherwise than what is made.
    pub(super) fn merge_sought(
        &mut self,
        clause: &Merge,
        sought: &PathPattern,
        steps: &mut Steps,
    ) -> Bound<()> {
        let bound = self.bound_slots();
        let mut draft = Draft::default();
        self.created_path(&clause.pattern, Verb::Merge, &mut draft)?;
        if !draft.earlier.is_empty() {
            return Err(Diagnostic::error(
                Detail::UndefinedVariable,
                clause.span,
                "the properties of a MERGE cannot depend on what it may have to make first",
            )
            .help("MERGE one element after the other"));
        }
        // The same pattern once more, to look for it; all its variables have their slots by now.
        let merged = Merged::new(sought, &draft.parts);
        let depth = self.scope.depth();
        for (name, slot, ty) in merged.names {
            self.declare_in(&name, slot, ty);
        }
        let warnings = self.warnings.len();
        let patterns = std::slice::from_ref(&merged.pattern);
        let mut graph = self.query_graph(patterns, None, Names::Introduced)?;
        // What MERGE does not find it makes, so a name that does not exist yet is no slip.
        self.warnings.truncate(warnings);
        self.scope.truncate(depth);
        for relationship in &mut graph.relationships {
            relationship.is_bound = false;
        }
        let mut find = Steps::new(Operator::Argument, 1.0);
        find.steps.extend(self.solve(&graph, &bound, 1.0).steps);
        let (mut on_match, mut on_create) = (Vec::new(), draft.labels);
        for action in &clause.actions {
            let updates = self.set_items(&action.items)?;
            match action.event {
                MergeEvent::Match => on_match.extend(updates),
                MergeEvent::Create => on_create.extend(updates),
            }
        }
        let merge = Operator::Merge {
            find: find.finish(),
            create: draft.creation,
            on_match,
            on_create,
        };
        steps.push(merge, self.clause);
        self.created_paths(draft.paths, steps);
        Ok(())
    }

    /// Builds the named paths. That reads what the clause has made, so it counts as a later one.
    fn created_paths(&mut self, paths: Vec<(Slot, Expression)>, steps: &mut Steps) {
        if !paths.is_empty() {
            self.next_clause();
            steps.push(Operator::Project(paths), self.clause);
        }
    }

    fn created_path(&mut self, pattern: &PathPattern, verb: Verb, draft: &mut Draft) -> Bound<()> {
        if pattern.selector.is_some() {
            return Err(Diagnostic::error(
                Detail::UnexpectedSyntax,
                pattern.span,
                "a shortest path can be found, not created",
            ));
        }
        let is_alone = pattern.steps.is_empty();
        let mut left = self.created_node(&pattern.start, is_alone, draft)?;
        let mut parts = vec![PathPart::Node(left)];
        for step in &pattern.steps {
            let PathLink::Relationship(relationship) = &step.link else {
                return Err(Diagnostic::error(
                    Detail::UnexpectedSyntax,
                    step.node.span,
                    "a quantified pattern can only be looked for",
                ));
            };
            let slot = self.created_relationship_variable(relationship, verb)?;
            let right = self.created_node(&step.node, false, draft)?;
            self.created_relationship(relationship, slot, left, right, draft)?;
            parts.extend([PathPart::Relationship(slot), PathPart::Node(right)]);
            left = right;
        }
        if let Some(variable) = &pattern.variable {
            let slot = self.declare_new(variable, Type::Path)?;
            draft.paths.push((slot, Expression::Path(parts.clone())));
        }
        draft.parts = parts;
        Ok(())
    }

    fn created_node(
        &mut self,
        node: &NodePattern,
        is_alone: bool,
        draft: &mut Draft,
    ) -> Bound<Slot> {
        refuse_predicate(node.predicate.as_deref())?;
        if let Some(variable) = &node.variable
            && let Some(known) = self.scope.get(&variable.name)
        {
            if !known.ty.may_be(&Type::Node) {
                return Err(type_conflict(variable, known.span, &known.ty, &Type::Node));
            }
            let is_bare = node.labels.is_none() && node.properties.is_none();
            if is_alone || !is_bare {
                return Err(already_bound(variable, known.span));
            }
            return Ok(known.slot);
        }
        let properties = self.created_properties(node.properties.as_deref())?;
        let (labels, dynamic) = self.created_labels(node)?;
        let slot = self.fresh_variable(node.variable.as_ref(), Type::Node)?;
        draft.labels.extend(
            dynamic
                .into_iter()
                .map(|names| Update::AddDynamicLabels(slot, names)),
        );
        draft.settle(properties.as_ref());
        draft.creation.nodes.push(CreateNode {
            slot,
            labels,
            properties,
        });
        Ok(slot)
    }

    /// The labels of a node to create: those named, and those whose names are computed.
    fn created_labels(&mut self, node: &NodePattern) -> Bound<(Vec<LabelToken>, Vec<Expression>)> {
        let (mut plain, mut dynamic) = (Vec::new(), Vec::new());
        let formulas = match &node.labels {
            None => &[],
            Some(LabelExpression::All(labels)) => {
                for label in labels {
                    self.creates_name(NameKind::Label, label);
                    plain.push(self.label(label));
                }
                &[]
            }
            Some(LabelExpression::Formula(LabelFormula::And(parts))) => &parts[..],
            Some(LabelExpression::Formula(formula)) => std::slice::from_ref(formula),
        };
        for formula in formulas {
            match formula {
                LabelFormula::Label(label) => {
                    self.creates_name(NameKind::Label, label);
                    plain.push(self.label(label));
                }
                LabelFormula::Dynamic {
                    any: false,
                    expression,
                    ..
                } => dynamic.push(self.label_names(expression)?),
                _ => {
                    return Err(Diagnostic::error(
                        Detail::UnexpectedSyntax,
                        node.span,
                        "a node to create has a plain list of labels",
                    )
                    .help("write :A:B or :$(names), without |, ! and $any"));
                }
            }
        }
        Ok((plain, dynamic))
    }

    fn created_properties(
        &mut self,
        properties: Option<&ast::Expression>,
    ) -> Bound<Option<Expression>> {
        let Some(properties) = properties else {
            return Ok(None);
        };
        if let ExpressionKind::Map(entries) = &properties.kind {
            for entry in entries {
                self.creates_name(NameKind::Key, &entry.key);
            }
        }
        Ok(Some(self.expression(properties)?.expression))
    }

    /// Checks a relationship to create before the node behind it is looked at.
    fn created_relationship_variable(
        &mut self,
        relationship: &RelationshipPattern,
        verb: Verb,
    ) -> Bound<Slot> {
        refuse_predicate(relationship.predicate.as_deref())?;
        if let Some(length) = &relationship.length {
            return Err(Diagnostic::error(
                Detail::CreatingVarLength,
                length.span,
                "a relationship to create has no variable length",
            ));
        }
        if verb == Verb::Create && relationship.direction == ast::Direction::Either {
            return Err(Diagnostic::error(
                Detail::RequiresDirectedRelationship,
                relationship.span,
                "a relationship to create needs a direction",
            )
            .help("write -[…]-> or <-[…]-"));
        }
        self.fresh_variable(relationship.variable.as_ref(), Type::Relationship)
    }

    fn created_relationship(
        &mut self,
        relationship: &RelationshipPattern,
        slot: Slot,
        left: Slot,
        right: Slot,
        draft: &mut Draft,
    ) -> Bound<()> {
        let created_type = self.created_type(relationship)?;
        let properties = self.created_properties(relationship.properties.as_deref())?;
        // A relationship that MERGE makes without being told its direction goes from left to right.
        let (start, end) = match relationship.direction {
            ast::Direction::Incoming => (right, left),
            _ => (left, right),
        };
        draft.settle(properties.as_ref());
        if let CreatedType::Computed(name) = &created_type {
            draft.settle(Some(name));
        }
        let part = CreateRelationship {
            slot,
            created_type,
            start,
            end,
            properties,
        };
        draft.creation.relationships.push(part);
        Ok(())
    }
}

/// A MERGE pattern whose elements all have names.
struct Merged {
    pattern: PathPattern,
    names: Vec<(Identifier, Slot, Type)>,
}

impl Merged {
    /// Gives every nameless element a name that no query can write, so that looking for the pattern
    /// fills the slots that making it fills.
    fn new(pattern: &PathPattern, parts: &[PathPart]) -> Self {
        let mut merged = Self {
            pattern: PathPattern {
                variable: None,
                ..pattern.clone()
            },
            names: Vec::new(),
        };
        let names = &mut merged.names;
        let mut name = |variable: &mut Option<Identifier>, part: Option<&PathPart>| {
            let (slot, ty) = match part {
                Some(PathPart::Node(slot)) => (*slot, Type::Node),
                Some(PathPart::Relationship(slot)) => (*slot, Type::Relationship),
                _ => return,
            };
            if variable.is_none() {
                let nameless = Identifier::new(format!(" {}", slot.0), pattern.span);
                names.push((nameless.clone(), slot, ty));
                *variable = Some(nameless);
            }
        };
        let mut parts = parts.iter();
        name(&mut merged.pattern.start.variable, parts.next());
        for step in &mut merged.pattern.steps {
            if let PathLink::Relationship(relationship) = &mut step.link {
                name(&mut relationship.variable, parts.next());
            }
            name(&mut step.node.variable, parts.next());
        }
        merged
    }
}

fn refuse_predicate(predicate: Option<&ast::Expression>) -> Bound<()> {
    match predicate {
        None => Ok(()),
        Some(predicate) => Err(Diagnostic::error(
            Detail::UnexpectedSyntax,
            predicate.span,
            "a pattern to create cannot have a WHERE",
        )),
    }
}
