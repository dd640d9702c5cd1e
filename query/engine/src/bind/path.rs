//! Quantified path patterns and searched paths: from patterns to path programs.
//!
//! Binding takes two steps, as for other patterns. First all variables of a MATCH come into scope and
//! the program is drafted; then what is demanded of its elements is bound and put where it can be
//! decided: at a node, in a repetition, or on the whole path.

use retrograph_cypher::ast::{
    self, Identifier, NodePattern, PathGroup, PathLink, PathMode, PathPattern, PathQuantifier,
    PathSearchKind, RelationshipPattern,
};
use retrograph_cypher::{Detail, Diagnostic, Span};

use super::pattern::{Element, Names, direction_of, type_conflict};
use super::scope::Variable;
use super::types::Asked;
use super::{Binder, Bound};
use crate::plan::expression::{Comparison, PathPart};
use crate::plan::graph::{Length, PathBinding, PatternRelationship, QueryGraph};
use crate::plan::path::{Hop, Juncture, PathProgram, Place, Restriction, Segment, Select};
use crate::plan::slots::{SlotSet, expression_reads};
use crate::plan::{Expression, Slot};
use crate::types::Type;

/// What is still to be bound of a program.
pub(super) struct ProgramDraft<'p> {
    segments: Vec<SegmentDraft<'p>>,
    /// By juncture; the first and the last are demanded like other nodes.
    junctures: Vec<Option<&'p NodePattern>>,
    /// The predicate in parentheses around a searched path.
    whole: Option<&'p ast::Expression>,
    span: Span,
}

/// What is still to be bound of a segment.
#[derive(Default)]
struct SegmentDraft<'p> {
    /// The variables as they are seen within a repetition.
    locals: Vec<Local>,
    nodes: Vec<(Slot, &'p NodePattern)>,
    relationships: Vec<(Slot, &'p RelationshipPattern, Asked<'p>)>,
    predicate: Option<&'p ast::Expression>,
}

struct Local {
    name: Identifier,
    slot: Slot,
    ty: Type,
}

/// Whether a pattern is found as a whole, because of its search or mode.
pub(super) fn is_searched(pattern: &PathPattern, is_repeatable: bool) -> bool {
    let Some(search) = &pattern.search else {
        return false;
    };
    !pattern.steps.is_empty()
        && match (search.kind, search.mode) {
            (PathSearchKind::All, None | Some(PathMode::Walk)) => false,
            (PathSearchKind::All, Some(PathMode::Trail)) => is_repeatable,
            _ => true,
        }
}

/// Whether a relationship pattern stands for any number of relationships.
pub(super) fn is_repeated(relationship: &RelationshipPattern) -> bool {
    relationship.length.is_some() || relationship.quantifier.is_some()
}

/// A search that chooses among paths must know all of its MATCH, or what another pattern uses would
/// depend on the choice.
pub(super) fn check_searches(patterns: &[PathPattern], is_repeatable: bool) -> Bound<()> {
    if is_repeatable || patterns.len() < 2 {
        return Ok(());
    }
    for search in patterns
        .iter()
        .filter_map(|pattern| pattern.search.as_ref())
    {
        if search.kind != PathSearchKind::All {
            return Err(Diagnostic::error(
                Detail::InvalidRelationshipPattern,
                search.span,
                "a search for some of the paths stands alone in its MATCH",
            )
            .label("chooses among paths")
            .help("put it into a MATCH of its own, or write MATCH REPEATABLE ELEMENTS"));
        }
    }
    Ok(())
}

/// The numbers of repetitions.
pub(super) fn repetitions(quantifier: &PathQuantifier) -> Bound<(u32, Option<u32>)> {
    repetitions_of(quantifier.min, quantifier.max, quantifier.span)
}

fn repetitions_of(min: u64, max: Option<u64>, span: Span) -> Bound<(u32, Option<u32>)> {
    let fits = |times: u64| {
        u32::try_from(times).map_err(|_| {
            Diagnostic::error(
                Detail::InvalidRelationshipPattern,
                span,
                format!("nothing is repeated {times} times"),
            )
        })
    };
    Ok((fits(min)?, max.map(fits).transpose()?))
}

impl Binder<'_> {
    /// Drafts a quantified part of a pattern between a node known already and the one behind it; gives
    /// the slot of its relationships and the node.
    pub(super) fn repeated_part<'p>(
        &mut self,
        left: Slot,
        link: &'p PathLink,
        node: &'p NodePattern,
        names: Names,
        graph: &mut QueryGraph,
        elements: &mut Vec<Element<'p>>,
    ) -> Bound<(Slot, Slot)> {
        let (segment, draft, span) = self.repeated_segment(link)?;
        let right = self.node_pattern(node, names, graph, elements)?;
        let draft = ProgramDraft {
            segments: vec![draft],
            junctures: vec![None, None],
            whole: None,
            span,
        };
        let program = PathProgram {
            junctures: [left, right].map(juncture).into(),
            segments: vec![segment],
            whole: Vec::new(),
            select: Select::All,
            restriction: restriction(None, graph.is_repeatable),
        };
        let slot = self.program_part(program, draft, graph, elements)?;
        Ok((slot, right))
    }

    /// Drafts a path that is found as a whole.
    pub(super) fn searched_path<'p>(
        &mut self,
        pattern: &'p PathPattern,
        graph: &mut QueryGraph,
        elements: &mut Vec<Element<'p>>,
    ) -> Bound<()> {
        let left = self.node_pattern(&pattern.start, Names::Introduced, graph, elements)?;
        let mut program = PathProgram {
            junctures: vec![juncture(left)],
            segments: Vec::new(),
            whole: Vec::new(),
            select: Select::All,
            restriction: restriction(None, graph.is_repeatable),
        };
        if let Some(search) = &pattern.search {
            program.restriction = restriction(search.mode, graph.is_repeatable);
            program.select = match search.kind {
                PathSearchKind::All => Select::All,
                PathSearchKind::Any(count) | PathSearchKind::Shortest(count) => {
                    Select::Paths(count)
                }
                PathSearchKind::AllShortest => Select::Groups(1),
                PathSearchKind::ShortestGroups(count) => Select::Groups(count),
            };
        }
        let mut draft = ProgramDraft {
            segments: Vec::new(),
            junctures: vec![None],
            whole: pattern.predicate.as_deref(),
            span: pattern.span,
        };
        let mut before = left;
        // Inner nodes of the last one's name, which is not known before it is come to.
        let last_name = pattern
            .steps
            .last()
            .and_then(|step| step.node.variable.as_ref())
            .filter(|name| self.scope.get(&name.name).is_none());
        let mut like_last: Vec<usize> = Vec::new();
        for (at, step) in pattern.steps.iter().enumerate() {
            let is_last = at + 1 == pattern.steps.len();
            let (mut segment, segment_draft) = match &step.link {
                PathLink::Relationship(relationship) if !is_repeated(relationship) => {
                    self.single_segment(relationship)?
                }
                link => {
                    let (segment, draft, _) = self.repeated_segment(link)?;
                    (segment, draft)
                }
            };
            let (after, node) = if is_last {
                let right = self.node_pattern(&step.node, Names::Introduced, graph, elements)?;
                (juncture(right), None)
            } else if let Some(name) = &step.node.variable
                && Some(name) == last_name
            {
                like_last.push(program.junctures.len());
                (juncture(self.slot(name.name.clone())), Some(&step.node))
            } else {
                (self.inner_juncture(&step.node)?, Some(&step.node))
            };
            if segment.repeat.is_none() {
                segment.nodes = vec![before, after.slot];
            }
            before = after.slot;
            program.segments.push(segment);
            program.junctures.push(after);
            draft.segments.push(segment_draft);
            draft.junctures.push(node);
        }
        for place in like_last {
            let inner = &mut program.junctures[place];
            inner.tests.push(equal(inner.slot, before));
        }
        let slot = self.program_part(program, draft, graph, elements)?;
        if let Some(variable) = &pattern.variable {
            let path = self.declare_new(variable, Type::Path)?;
            let parts = vec![
                PathPart::Node(left),
                PathPart::Relationships(slot),
                PathPart::Node(before),
            ];
            graph.paths.push(PathBinding { slot: path, parts });
        }
        Ok(())
    }

    /// A node between the ends of a searched path. One that has a value already is compared with it.
    fn inner_juncture(&mut self, node: &NodePattern) -> Bound<Juncture> {
        let Some(variable) = &node.variable else {
            return Ok(juncture(self.nameless_slot()));
        };
        let Some(known) = self.scope.get(&variable.name) else {
            return Ok(juncture(self.declare(variable, Type::Node)));
        };
        if !known.ty.may_be(&Type::Node) {
            return Err(type_conflict(variable, known.span, &known.ty, &Type::Node));
        }
        let known = known.slot;
        let slot = self.slot(variable.name.clone());
        Ok(Juncture {
            slot,
            tests: vec![equal(slot, known)],
        })
    }

    fn single_segment<'p>(
        &mut self,
        relationship: &'p RelationshipPattern,
    ) -> Bound<(Segment, SegmentDraft<'p>)> {
        let slot = match &relationship.variable {
            Some(variable) => self.declare_new(variable, Type::Relationship)?,
            None => self.nameless_slot(),
        };
        let (types, asked) = self.admitted_types(relationship);
        let hop = Hop {
            relationship: slot,
            direction: direction_of(relationship.direction),
            types,
        };
        let segment = Segment {
            nodes: Vec::new(),
            hops: vec![hop],
            tests: Vec::new(),
            repeat: None,
            groups: Vec::new(),
        };
        let draft = SegmentDraft {
            relationships: vec![(slot, relationship, asked)],
            ..SegmentDraft::default()
        };
        Ok((segment, draft))
    }

    /// A quantified relationship or path pattern; its variables become lists outside.
    fn repeated_segment<'p>(
        &mut self,
        link: &'p PathLink,
    ) -> Bound<(Segment, SegmentDraft<'p>, Span)> {
        match link {
            PathLink::Group(group) => {
                let (segment, draft) = self.group_segment(group)?;
                Ok((segment, draft, group.span))
            }
            PathLink::Relationship(relationship) => {
                let (min, max) = match (&relationship.quantifier, &relationship.length) {
                    (Some(quantifier), _) => (quantifier.min, quantifier.max),
                    (None, Some(range)) => (range.min.unwrap_or(1), range.max),
                    (None, None) => (1, Some(1)),
                };
                let mut segment = Segment {
                    nodes: vec![self.nameless_slot()],
                    hops: Vec::new(),
                    tests: Vec::new(),
                    repeat: Some(repetitions_of(min, max, relationship.span)?),
                    groups: Vec::new(),
                };
                let mut draft = SegmentDraft::default();
                self.group_relationship(relationship, &mut segment, &mut draft)?;
                segment.nodes.push(self.nameless_slot());
                self.declare_groups(&segment, &draft)?;
                Ok((segment, draft, relationship.span))
            }
        }
    }

    fn group_segment<'p>(&mut self, group: &'p PathGroup) -> Bound<(Segment, SegmentDraft<'p>)> {
        let mut segment = Segment {
            nodes: Vec::new(),
            hops: Vec::new(),
            tests: Vec::new(),
            repeat: Some(repetitions(&group.quantifier)?),
            groups: Vec::new(),
        };
        let mut draft = SegmentDraft {
            predicate: group.predicate.as_deref(),
            ..SegmentDraft::default()
        };
        self.group_node(&group.start, &mut segment, &mut draft)?;
        for step in &group.steps {
            // The parser lets no quantified part stand within another.
            if let Some(relationship) = step.relationship() {
                self.group_relationship(relationship, &mut segment, &mut draft)?;
                self.group_node(&step.node, &mut segment, &mut draft)?;
            }
        }
        self.declare_groups(&segment, &draft)?;
        Ok((segment, draft))
    }

    fn group_node<'p>(
        &mut self,
        node: &'p NodePattern,
        segment: &mut Segment,
        draft: &mut SegmentDraft<'p>,
    ) -> Bound<()> {
        let slot = match &node.variable {
            None => self.nameless_slot(),
            Some(variable) => {
                let slot = self.slot(variable.name.clone());
                let place = Place::Node(segment.nodes.len());
                match local(draft, variable) {
                    None => self.group_local(variable, slot, place, segment, draft)?,
                    Some(known) if known.ty == Type::Node => {
                        segment.tests.push(equal(slot, known.slot));
                    }
                    Some(known) => {
                        let span = known.name.span;
                        return Err(type_conflict(variable, span, &known.ty, &Type::Node));
                    }
                }
                slot
            }
        };
        segment.nodes.push(slot);
        draft.nodes.push((slot, node));
        Ok(())
    }

    fn group_relationship<'p>(
        &mut self,
        relationship: &'p RelationshipPattern,
        segment: &mut Segment,
        draft: &mut SegmentDraft<'p>,
    ) -> Bound<()> {
        let slot = match &relationship.variable {
            None => self.nameless_slot(),
            Some(variable) => {
                if let Some(known) = local(draft, variable) {
                    return Err(super::already_bound(variable, known.name.span));
                }
                let slot = self.slot(variable.name.clone());
                let place = Place::Relationship(segment.hops.len());
                self.group_local(variable, slot, place, segment, draft)?;
                slot
            }
        };
        let (types, asked) = self.admitted_types(relationship);
        segment.hops.push(Hop {
            relationship: slot,
            direction: direction_of(relationship.direction),
            types,
        });
        draft.relationships.push((slot, relationship, asked));
        Ok(())
    }

    /// Notes a variable of a repetition, and the list that it is outside.
    fn group_local(
        &mut self,
        variable: &Identifier,
        slot: Slot,
        place: Place,
        segment: &mut Segment,
        draft: &mut SegmentDraft<'_>,
    ) -> Bound<()> {
        if let Some(known) = self.scope.get(&variable.name) {
            return Err(super::already_bound(variable, known.span)
                .help("a variable of a quantified pattern is a list outside: give it a new name"));
        }
        let list = self.slot(variable.name.clone());
        segment.groups.push((list, place));
        draft.locals.push(Local {
            name: variable.clone(),
            slot,
            ty: match place {
                Place::Node(_) => Type::Node,
                Place::Relationship(_) => Type::Relationship,
            },
        });
        Ok(())
    }

    /// Brings the lists into scope.
    fn declare_groups(&mut self, segment: &Segment, draft: &SegmentDraft<'_>) -> Bound<()> {
        for ((list, _), local) in segment.groups.iter().zip(&draft.locals) {
            let ty = Type::List(Box::new(local.ty.clone()));
            self.declare_in(&local.name, *list, ty);
        }
        Ok(())
    }

    /// Adds a program to the graph; its demands are bound later.
    fn program_part<'p>(
        &mut self,
        program: PathProgram,
        draft: ProgramDraft<'p>,
        graph: &mut QueryGraph,
        elements: &mut Vec<Element<'p>>,
    ) -> Bound<Slot> {
        let is_endless = program
            .segments
            .iter()
            .any(|segment| matches!(segment.repeat, Some((_, None))));
        if is_endless && program.restriction == Restriction::Walk && program.takes_all() {
            return Err(Diagnostic::error(
                Detail::InvalidRelationshipPattern,
                draft.span,
                "where elements may repeat, the number of repetitions needs an upper bound",
            )
            .help("write `{1,5}`, a search such as `SHORTEST 1`, or a mode such as `TRAIL`"));
        }
        let slot = self.nameless_slot();
        let ends = [program.junctures.first(), program.junctures.last()];
        let [left, right] = ends.map(|end| end.map_or(slot, |juncture| juncture.slot));
        elements.push(Element::Program(graph.relationships.len(), draft));
        graph.relationships.push(PatternRelationship {
            slot,
            left,
            right,
            direction: None,
            types: program.types(),
            length: Length::Program,
            each: None,
            program: Some(Box::new(program)),
            is_bound: false,
        });
        Ok(slot)
    }

    /// Binds what is demanded of the elements of a program.
    pub(super) fn demand_program(
        &mut self,
        place: usize,
        draft: ProgramDraft<'_>,
        graph: &mut QueryGraph,
    ) -> Bound<()> {
        let mut whole_found: SlotSet = graph.paths.iter().map(|path| path.slot).collect();
        for (other, part) in graph.relationships.iter().enumerate() {
            let program = part.program.as_deref();
            whole_found.extend(
                program
                    .filter(|_| other != place)
                    .into_iter()
                    .flat_map(PathProgram::outputs),
            );
        }
        let Some(mut program) = graph.relationships[place].program.take() else {
            return Ok(());
        };
        let mut tests = Tests {
            outputs: program.outputs().into_iter().collect(),
            ends: [program.junctures.first(), program.junctures.last()]
                .into_iter()
                .flatten()
                .map(|juncture| juncture.slot)
                .collect(),
            whole_found,
            whole: Vec::new(),
        };
        for (segment, draft) in program.segments.iter_mut().zip(&draft.segments) {
            let bound = self.segment_tests(draft)?;
            tests.segment(segment, bound)?;
        }
        for (juncture, node) in program.junctures.iter_mut().zip(&draft.junctures) {
            let mut bound: Vec<(Expression, Span)> = Vec::new();
            if let Some(node) = node {
                for test in std::mem::take(&mut juncture.tests) {
                    bound.push((test, node.span));
                }
                self.node_tests(juncture.slot, node, &mut bound)?;
            }
            tests.juncture(juncture, bound)?;
        }
        if let Some(written) = draft.whole {
            let predicate = self.where_predicate(written)?;
            for test in conjuncts(predicate) {
                if let Some(test) = tests.whole(&mut program, test, written.span)? {
                    graph.demand(test, true);
                }
            }
        }
        program.whole = tests.whole;
        let is_endless = program
            .segments
            .iter()
            .any(|segment| matches!(segment.repeat, Some((_, None))));
        if is_endless && program.restriction == Restriction::Walk && !program.whole.is_empty() {
            return Err(Diagnostic::error(
                Detail::InvalidRelationshipPattern,
                draft.span,
                "where elements may repeat, a condition on the whole path needs an upper bound",
            )
            .help("bound the number of repetitions, or write a mode such as `TRAIL`"));
        }
        graph.relationships[place].program = Some(program);
        Ok(())
    }

    /// What one repetition must meet. Within, its variables stand for single elements.
    fn segment_tests(&mut self, draft: &SegmentDraft<'_>) -> Bound<Vec<(Expression, Span)>> {
        let depth = self.scope.depth();
        for local in &draft.locals {
            self.scope.push(Variable {
                name: local.name.name.clone(),
                slot: local.slot,
                ty: local.ty.clone(),
                span: local.name.span,
                is_imported: true,
                is_local: true,
            });
        }
        let mut tests = Vec::new();
        for (slot, node) in &draft.nodes {
            self.node_tests(*slot, node, &mut tests)?;
        }
        for (slot, relationship, asked) in &draft.relationships {
            let span = relationship.span;
            let test = self.type_test(&Expression::Slot(*slot), asked)?;
            tests.extend(test.map(|test| (test, span)));
            if let Some(properties) = &relationship.properties {
                let equal = self.property_tests(&Expression::Slot(*slot), properties)?;
                tests.extend(equal.into_iter().map(|test| (test, span)));
            }
            if let Some(predicate) = &relationship.predicate {
                let bound = self.where_predicate(predicate)?;
                tests.extend(conjuncts(bound).map(|test| (test, predicate.span)));
            }
        }
        if let Some(predicate) = draft.predicate {
            let bound = self.where_predicate(predicate)?;
            tests.extend(conjuncts(bound).map(|test| (test, predicate.span)));
        }
        self.scope.truncate(depth);
        Ok(tests)
    }

    fn node_tests(
        &mut self,
        slot: Slot,
        node: &NodePattern,
        tests: &mut Vec<(Expression, Span)>,
    ) -> Bound<()> {
        let of = Expression::Slot(slot);
        if let Some(labels) = &node.labels {
            tests.push((self.label_test(&of, &Type::Node, labels)?, node.span));
        }
        if let Some(properties) = &node.properties {
            let equal = self.property_tests(&of, properties)?;
            tests.extend(equal.into_iter().map(|test| (test, node.span)));
        }
        if let Some(predicate) = &node.predicate {
            let bound = self.where_predicate(predicate)?;
            tests.extend(conjuncts(bound).map(|test| (test, predicate.span)));
        }
        Ok(())
    }
}

/// Puts the tests of a program where they can be decided.
struct Tests {
    outputs: SlotSet,
    ends: SlotSet,
    /// What other parts of the MATCH find as a whole, which cannot be waited for.
    whole_found: SlotSet,
    whole: Vec<Expression>,
}

impl Tests {
    fn segment(&mut self, segment: &mut Segment, tests: Vec<(Expression, Span)>) -> Bound<()> {
        let own = own_of(segment);
        for (test, span) in tests {
            let reads = self.reads(&test, span)?;
            let is_own = reads.iter().all(|slot| own.contains(slot));
            if is_own || (segment.repeat.is_some() && self.outputs.is_disjoint(&(&reads - &own))) {
                segment.tests.push(test);
            } else if segment.repeat.is_some() {
                return Err(cannot_wait(span).help(
                    "compare them in a predicate around the whole path: `SHORTEST 1 (… WHERE …)`",
                ));
            } else {
                self.whole.push(test);
            }
        }
        Ok(())
    }

    fn juncture(&mut self, juncture: &mut Juncture, tests: Vec<(Expression, Span)>) -> Bound<()> {
        for (test, span) in tests {
            let reads = self.reads(&test, span)?;
            if reads.iter().all(|slot| *slot == juncture.slot) {
                juncture.tests.push(test);
            } else {
                self.whole.push(test);
            }
        }
        Ok(())
    }

    /// Places a test of the predicate around a path; gives it back if it reads the ends at most.
    fn whole(
        &mut self,
        program: &mut PathProgram,
        test: Expression,
        span: Span,
    ) -> Bound<Option<Expression>> {
        let reads = self.reads(&test, span)?;
        if reads.is_subset(&self.ends) {
            return Ok(Some(test));
        }
        let inner = program.junctures.len().saturating_sub(1).max(1);
        let juncture = program.junctures[1..inner]
            .iter_mut()
            .find(|juncture| reads.iter().all(|slot| *slot == juncture.slot));
        if let Some(juncture) = juncture {
            juncture.tests.push(test);
            return Ok(None);
        }
        let segment = program
            .segments
            .iter_mut()
            .find(|segment| segment.repeat.is_none() && reads.is_subset(&own_of(segment)));
        match segment {
            Some(segment) => segment.tests.push(test),
            None => self.whole.push(test),
        }
        Ok(None)
    }

    /// What a test reads of the path: elements of a repetition, what the program finds, and its ends.
    /// All else is known before the search.
    fn reads(&self, test: &Expression, span: Span) -> Bound<SlotSet> {
        let reads = expression_reads(test);
        if !reads.is_disjoint(&self.whole_found) {
            return Err(cannot_wait(span));
        }
        Ok(reads
            .into_iter()
            .filter(|slot| self.outputs.contains(slot) || self.ends.contains(slot))
            .collect())
    }
}

fn own_of(segment: &Segment) -> SlotSet {
    let hops = segment.hops.iter().map(|hop| hop.relationship);
    hops.chain(segment.nodes.iter().copied()).collect()
}

fn cannot_wait(span: Span) -> Diagnostic {
    Diagnostic::error(
        Detail::UndefinedVariable,
        span,
        "this condition reads what is only known once the pattern is found",
    )
    .label("decided while the pattern is being found")
    .help("move it into the WHERE of the MATCH")
}

fn restriction(mode: Option<PathMode>, is_repeatable: bool) -> Restriction {
    match mode {
        Some(PathMode::Acyclic) => Restriction::Acyclic,
        Some(PathMode::Simple) => Restriction::Simple,
        Some(PathMode::Trail) => Restriction::Trail,
        // Without REPEATABLE ELEMENTS no relationship occurs twice in a MATCH, whatever the mode.
        Some(PathMode::Walk) | None if is_repeatable => Restriction::Walk,
        Some(PathMode::Walk) | None => Restriction::Trail,
    }
}

fn juncture(slot: Slot) -> Juncture {
    Juncture {
        slot,
        tests: Vec::new(),
    }
}

fn equal(left: Slot, right: Slot) -> Expression {
    let [left, right] = [left, right].map(|slot| Box::new(Expression::Slot(slot)));
    Expression::Compare(Comparison::Equal, left, right)
}

fn local<'d>(draft: &'d SegmentDraft<'_>, variable: &Identifier) -> Option<&'d Local> {
    draft
        .locals
        .iter()
        .find(|local| local.name.name == variable.name)
}

/// The conjuncts of a predicate.
fn conjuncts(predicate: Expression) -> impl Iterator<Item = Expression> {
    let parts = match predicate {
        Expression::And(parts) => parts,
        other => vec![other],
    };
    parts.into_iter()
}
