//! Patterns to look for: from path patterns to a query graph.

use retrograph_cypher::ast::{
    self, ExpressionKind, Identifier, LengthRange, MatchMode, NodePattern, PathLink, PathPattern,
    PathSelector, RelationshipPattern,
};
use retrograph_cypher::{Detail, Diagnostic, Span};
use retrograph_graph::ids::Direction;

use super::path::ProgramDraft;
use super::types::Asked;
use super::{Binder, Bound, already_bound};
use crate::plan::expression::{Comparison, PathPart};
use crate::plan::graph::{Length, PathBinding, PatternRelationship, QueryGraph};
use crate::plan::slots::SlotSet;
use crate::plan::solve::{self, Setting, Solution};
use crate::plan::{Expression, Slot};
use crate::types::Type;

/// Whether a pattern may introduce variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// It may.
    Introduced,
    /// All must be bound: a pattern that stands as a predicate.
    Bound,
}

/// A part of a pattern whose predicates are bound once all its variables are known.
pub(super) enum Element<'p> {
    Node(Slot, &'p NodePattern),
    Relationship(Slot, &'p RelationshipPattern, Asked<'p>),
    /// The path program of a relationship of the graph, by its place.
    Program(usize, ProgramDraft<'p>),
}

impl Binder<'_> {
    /// Binds the patterns of a MATCH and what is demanded of them; their variables come into scope.
    pub(super) fn query_graph(
        &mut self,
        patterns: &[PathPattern],
        predicate: Option<&ast::Expression>,
        names: Names,
    ) -> Bound<QueryGraph> {
        self.query_graph_in(None, patterns, predicate, names)
    }

    /// The same where what may repeat is written.
    pub(super) fn query_graph_in(
        &mut self,
        mode: Option<MatchMode>,
        patterns: &[PathPattern],
        predicate: Option<&ast::Expression>,
        names: Names,
    ) -> Bound<QueryGraph> {
        let mut graph = QueryGraph {
            is_repeatable: mode == Some(MatchMode::RepeatableElements),
            ..QueryGraph::default()
        };
        let elements = self.pattern_elements(patterns, names, &mut graph)?;
        self.demand_elements(elements, &mut graph)?;
        for pattern in patterns {
            if !super::path::is_searched(pattern, graph.is_repeatable) {
                self.demand_predicate(pattern.predicate.as_deref(), &mut graph)?;
            }
        }
        self.demand_predicate(predicate, &mut graph)?;
        graph.absorb_quantifiers();
        Ok(graph)
    }

    /// Brings the variables of patterns into scope.
    fn pattern_elements<'p>(
        &mut self,
        patterns: &'p [PathPattern],
        names: Names,
        graph: &mut QueryGraph,
    ) -> Bound<Vec<Element<'p>>> {
        let bound = self.bound_slots();
        super::path::check_searches(patterns, graph.is_repeatable)?;
        let mut elements = Vec::new();
        for pattern in patterns {
            if super::path::is_searched(pattern, graph.is_repeatable) {
                self.searched_path(pattern, graph, &mut elements)?;
            } else {
                self.path_pattern(pattern, names, &bound, graph, &mut elements)?;
            }
        }
        Ok(elements)
    }

    fn demand_elements(&mut self, elements: Vec<Element<'_>>, graph: &mut QueryGraph) -> Bound<()> {
        for element in elements {
            match element {
                Element::Node(slot, node) => self.demand_node(slot, node, graph)?,
                Element::Relationship(slot, relationship, asked) => {
                    self.demand_relationship(slot, relationship, &asked, graph)?;
                }
                Element::Program(place, draft) => self.demand_program(place, draft, graph)?,
            }
        }
        Ok(())
    }

    fn demand_predicate(
        &mut self,
        predicate: Option<&ast::Expression>,
        graph: &mut QueryGraph,
    ) -> Bound<()> {
        if let Some(predicate) = predicate {
            let predicate = self.where_predicate(predicate)?;
            graph.demand(predicate, true);
        }
        Ok(())
    }

    /// Plans a query graph for the rows that come in.
    pub(super) fn solve(&self, graph: &QueryGraph, bound: &SlotSet, rows: f64) -> Solution {
        let setting = Setting {
            schema: self.schema,
            clause: self.clause,
            rows,
            choose_order: self.rewrites.choose_order,
        };
        solve::solve(graph, bound, setting)
    }

    fn path_pattern<'p>(
        &mut self,
        pattern: &'p PathPattern,
        names: Names,
        bound: &SlotSet,
        graph: &mut QueryGraph,
        elements: &mut Vec<Element<'p>>,
    ) -> Bound<()> {
        let mut left = self.node_pattern(&pattern.start, names, graph, elements)?;
        let mut parts = vec![PathPart::Node(left)];
        for step in &pattern.steps {
            let relationship = match &step.link {
                PathLink::Relationship(relationship)
                    if !(graph.is_repeatable && super::path::is_repeated(relationship)) =>
                {
                    relationship
                }
                link => {
                    let (slot, right) =
                        self.repeated_part(left, link, &step.node, names, graph, elements)?;
                    parts.extend([PathPart::Relationships(slot), PathPart::Node(right)]);
                    left = right;
                    continue;
                }
            };
            let is_list = super::path::is_repeated(relationship) || pattern.selector.is_some();
            if relationship.quantifier.is_some()
                && let Some(variable) = &relationship.variable
            {
                self.check_new(variable)?;
            }
            let slot = self.relationship_variable(relationship, is_list, names, elements)?;
            let right = self.node_pattern(&step.node, names, graph, elements)?;
            let length = match &relationship.quantifier {
                None => length_of(relationship.length.as_ref(), pattern.selector)?,
                Some(quantifier) => {
                    let (min, max) = super::path::repetitions(quantifier)?;
                    Length::Variable { min, max }
                }
            };
            let (types, asked) = self.admitted_types(relationship);
            graph.relationships.push(PatternRelationship {
                slot,
                left,
                right,
                direction: direction_of(relationship.direction),
                types,
                length,
                each: None,
                program: None,
                is_bound: bound.contains(&slot),
            });
            elements.push(Element::Relationship(slot, relationship, asked));
            parts.push(if is_list {
                PathPart::Relationships(slot)
            } else {
                PathPart::Relationship(slot)
            });
            parts.push(PathPart::Node(right));
            left = right;
        }
        if let Some(variable) = &pattern.variable {
            let slot = self.declare_new(variable, Type::Path)?;
            graph.paths.push(PathBinding { slot, parts });
        }
        Ok(())
    }

    pub(super) fn node_pattern<'p>(
        &mut self,
        node: &'p NodePattern,
        names: Names,
        graph: &mut QueryGraph,
        elements: &mut Vec<Element<'p>>,
    ) -> Bound<Slot> {
        let slot = match &node.variable {
            Some(variable) => self.pattern_variable(variable, &Type::Node, names)?,
            None => self.nameless_slot(),
        };
        graph.node(slot);
        elements.push(Element::Node(slot, node));
        Ok(slot)
    }

    fn relationship_variable(
        &mut self,
        relationship: &RelationshipPattern,
        is_list: bool,
        names: Names,
        elements: &[Element<'_>],
    ) -> Bound<Slot> {
        let Some(variable) = &relationship.variable else {
            return Ok(self.nameless_slot());
        };
        let ty = if is_list {
            Type::List(Box::new(Type::Relationship))
        } else {
            Type::Relationship
        };
        let slot = self.pattern_variable(variable, &ty, names)?;
        let is_same = |earlier: &Element<'_>| matches!(earlier, Element::Relationship(_, other, _) if other.variable.as_ref() == Some(variable));
        if elements.iter().any(is_same) {
            return Err(Diagnostic::error(
                Detail::RelationshipUniquenessViolation,
                variable.span,
                format!("relationship `{variable}` stands twice in one MATCH"),
            )
            .label("a MATCH uses no relationship twice, so this finds nothing"));
        }
        Ok(slot)
    }

    /// The slot of a variable in a pattern: bound already, or introduced by it.
    fn pattern_variable(&mut self, variable: &Identifier, ty: &Type, names: Names) -> Bound<Slot> {
        let Some(known) = self.scope.get(&variable.name) else {
            if names == Names::Bound {
                return Err(self.undefined(variable).help(
                    "a pattern used as a predicate introduces no variables; use EXISTS { … }",
                ));
            }
            return Ok(self.declare(variable, ty.clone()));
        };
        if !known.ty.may_be(ty) {
            return Err(type_conflict(variable, known.span, &known.ty, ty));
        }
        let slot = known.slot;
        self.scope.refine(slot, ty);
        Ok(slot)
    }

    fn demand_node(&mut self, slot: Slot, node: &NodePattern, graph: &mut QueryGraph) -> Bound<()> {
        let of = Expression::Slot(slot);
        if let Some(labels) = &node.labels {
            let test = self.label_test(&of, &Type::Node, labels)?;
            graph.demand(test, false);
        }
        if let Some(properties) = &node.properties {
            self.demand_properties(&of, properties, graph)?;
        }
        if let Some(predicate) = &node.predicate {
            let predicate = self.where_predicate(predicate)?;
            graph.demand(predicate, true);
        }
        Ok(())
    }

    fn demand_properties(
        &mut self,
        of: &Expression,
        properties: &ast::Expression,
        graph: &mut QueryGraph,
    ) -> Bound<()> {
        for test in self.property_tests(of, properties)? {
            graph.demand(test, false);
        }
        Ok(())
    }

    /// `{key: value, …}` as equalities.
    pub(super) fn property_tests(
        &mut self,
        of: &Expression,
        properties: &ast::Expression,
    ) -> Bound<Vec<Expression>> {
        let ExpressionKind::Map(entries) = &properties.kind else {
            return Err(Diagnostic::error(
                Detail::InvalidParameterUse,
                properties.span,
                "a pattern to look for cannot take its properties from a parameter",
            )
            .help("name the properties, as in {name: $name}"));
        };
        let mut tests = Vec::with_capacity(entries.len());
        for entry in entries {
            let value = self.expression(&entry.value)?.expression;
            let key = self.key_read(&entry.key);
            let property = Expression::Property(Box::new(of.clone()), key);
            tests.push(Expression::Compare(
                Comparison::Equal,
                Box::new(property),
                Box::new(value),
            ));
        }
        Ok(tests)
    }

    fn demand_relationship(
        &mut self,
        slot: Slot,
        relationship: &RelationshipPattern,
        asked: &Asked<'_>,
        graph: &mut QueryGraph,
    ) -> Bound<()> {
        let place = graph
            .relationships
            .iter()
            .position(|part| part.slot == slot);
        let is_list = place.is_some_and(|place| graph.relationships[place].length != Length::One);
        if is_list {
            let each = self.each_relationship(relationship, asked)?;
            if let (Some(place), Some(each)) = (place, each) {
                graph.relationships[place].each = Some(each);
            }
            return Ok(());
        }
        let of = Expression::Slot(slot);
        if let Some(test) = self.type_test(&of, asked)? {
            graph.demand(test, false);
        }
        if let Some(properties) = &relationship.properties {
            self.demand_properties(&of, properties, graph)?;
        }
        if let Some(predicate) = &relationship.predicate {
            let predicate = self.where_predicate(predicate)?;
            graph.demand(predicate, true);
        }
        Ok(())
    }

    /// What each relationship of a variable-length pattern must meet. Within the predicate of the
    /// pattern, its variable stands for the one relationship looked at.
    fn each_relationship(
        &mut self,
        relationship: &RelationshipPattern,
        asked: &Asked<'_>,
    ) -> Bound<Option<(Slot, Expression)>> {
        let is_bare = relationship.properties.is_none() && relationship.predicate.is_none();
        if is_bare && matches!(asked, Asked::Listed) {
            return Ok(None);
        }
        let name = match &relationship.variable {
            Some(variable) => variable.clone(),
            None => Identifier::new("", relationship.span),
        };
        let (item, mut tests) = self.with_local(&name, Type::Relationship, |binder| {
            Ok(match &relationship.predicate {
                Some(predicate) => vec![binder.where_predicate(predicate)?],
                None => Vec::new(),
            })
        })?;
        if let Some(properties) = &relationship.properties {
            // The map stands outside: there the variable is the list.
            let mut equal = self.property_tests(&Expression::Slot(item), properties)?;
            equal.append(&mut tests);
            tests = equal;
        }
        // What is computed stands outside as well.
        if let Some(test) = self.type_test(&Expression::Slot(item), asked)? {
            tests.insert(0, test);
        }
        Ok(match tests.len() {
            0 => None,
            1 => tests.pop().map(|test| (item, test)),
            _ => Some((item, Expression::And(tests))),
        })
    }
}

/// The error for a variable that is two kinds of thing.
pub(super) fn type_conflict(
    variable: &Identifier,
    earlier: Span,
    known: &Type,
    wanted: &Type,
) -> Diagnostic {
    Diagnostic::error(
        Detail::VariableTypeConflict,
        variable.span,
        format!("variable `{variable}` is {known}, but is used as {wanted} here"),
    )
    .secondary(earlier, format!("{known} since here"))
}

/// The direction of a pattern, none for either.
pub(super) fn direction_of(direction: ast::Direction) -> Option<Direction> {
    match direction {
        ast::Direction::Outgoing => Some(Direction::Outgoing),
        ast::Direction::Incoming => Some(Direction::Incoming),
        ast::Direction::Either => None,
    }
}

fn length_of(range: Option<&LengthRange>, selector: Option<PathSelector>) -> Bound<Length> {
    let (min, max, span) = match range {
        Some(range) => (range.min.unwrap_or(1), range.max, range.span),
        None if selector.is_some() => (1, Some(1), Span::default()),
        None => return Ok(Length::One),
    };
    let fits = |bound: u64| {
        u32::try_from(bound).map_err(|_| {
            Diagnostic::error(
                Detail::InvalidRelationshipPattern,
                span,
                format!("no path is {bound} relationships long"),
            )
        })
    };
    let min = fits(min)?;
    let max = max.map(fits).transpose()?;
    match selector {
        None => Ok(Length::Variable { min, max }),
        Some(_) if min > 1 => Err(Diagnostic::error(
            Detail::InvalidRelationshipPattern,
            span,
            "a shortest path has no least length but 0 or 1",
        )),
        Some(selector) => Ok(Length::Shortest {
            min,
            max,
            all: selector == PathSelector::AllShortest,
        }),
    }
}

impl Binder<'_> {
    /// The slot of a variable for something to create, which must not exist yet.
    pub(super) fn fresh_variable(
        &mut self,
        variable: Option<&Identifier>,
        ty: Type,
    ) -> Bound<Slot> {
        let Some(variable) = variable else {
            return Ok(self.nameless_slot());
        };
        if let Some(known) = self.scope.get(&variable.name) {
            return Err(already_bound(variable, known.span));
        }
        Ok(self.declare(variable, ty))
    }
}
