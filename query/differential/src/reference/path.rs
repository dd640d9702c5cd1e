//! Paths: variable length, repeated parts, modes, and searches for some of the paths, all by listing
//! every path first.

use std::collections::BTreeSet;
use std::sync::Arc;

use retrograph_cypher::ast::{
    Identifier, NodePattern, PathGroup, PathPattern, PathSearchKind, PathSelector, PathStep,
    RelationshipPattern,
};
use retrograph_graph::value::Value;

use super::pattern::Partial;
use super::{Evaluated, Evaluator, Row, Stop};

/// The names that a repeated part binds.
pub(super) fn group_variables(group: &PathGroup) -> Vec<&Identifier> {
    let mut names: Vec<&Identifier> = group.start.variable.iter().collect();
    for step in &group.steps {
        names.extend(step.relationship().and_then(|of| of.variable.as_ref()));
        names.extend(step.node.variable.iter());
    }
    names
}

impl Evaluator<'_> {
    /// Follows a relationship pattern of variable length, or a quantified one, to a node.
    pub(super) fn walk(
        &mut self,
        pattern: &RelationshipPattern,
        (min, max): (u64, u64),
        node: &NodePattern,
        from: &Partial,
    ) -> Evaluated<Vec<Partial>> {
        let name = pattern.variable.as_ref();
        if name.is_some_and(|name| from.row.contains_key(&name.name)) {
            return Err(Stop::Unsupported(
                "a list of relationships that is bound".to_owned(),
            ));
        }
        let first = from.relationships.len();
        let mut found = Vec::new();
        let mut level = vec![from.clone()];
        let mut times = 0;
        while !level.is_empty() {
            if times >= min {
                for partial in &level {
                    let mut partial = partial.clone();
                    if let Some(name) = name {
                        let list = partial.relationships[first..].iter();
                        let list = list.map(|&id| self.relationship(id)).collect::<Vec<_>>();
                        partial.row.insert(name.name.clone(), Value::list(list));
                    }
                    let end = partial.end();
                    if self.take_node(node, end, &mut partial)? {
                        found.push(partial);
                    }
                }
            }
            if times == max {
                break;
            }
            let mut longer = Vec::new();
            for partial in level {
                for (id, end) in self.from(pattern, None, &partial)? {
                    // The predicate is asked of each relationship by itself.
                    if let Some(predicate) = pattern.predicate.as_deref() {
                        let mut row = partial.row.clone();
                        if let Some(name) = name {
                            let value = self.relationship(id);
                            row.insert(name.name.clone(), value);
                        }
                        if !self.holds(Some(predicate), &row)? {
                            continue;
                        }
                    }
                    longer.push(partial.along(id, end));
                }
            }
            level = longer;
            times += 1;
        }
        Ok(found)
    }

    /// Repeats a part of a pattern, then takes the node behind it.
    pub(super) fn repeat(
        &mut self,
        group: &PathGroup,
        node: &NodePattern,
        from: &Partial,
    ) -> Evaluated<Vec<Partial>> {
        let names = group_variables(group);
        let (min, max) = (
            group.quantifier.min,
            group.quantifier.max.unwrap_or(u64::MAX),
        );
        let mut found = Vec::new();
        let mut level: Vec<(Partial, Vec<Row>)> = vec![(from.clone(), Vec::new())];
        let mut times = 0;
        while !level.is_empty() {
            if times >= min {
                for (partial, rounds) in &level {
                    let mut partial = partial.clone();
                    for name in &names {
                        let list = rounds.iter().map(|round| round[&name.name].clone());
                        let list = Value::list(list.collect::<Vec<_>>());
                        partial.row.insert(name.name.clone(), list);
                    }
                    let end = partial.end();
                    if self.take_node(node, end, &mut partial)? {
                        found.push(partial);
                    }
                }
            }
            if times == max {
                break;
            }
            let mut longer = Vec::new();
            for (partial, rounds) in level {
                for mut inner in self.once(group, &partial)? {
                    let row = std::mem::replace(&mut inner.row, partial.row.clone());
                    let round = names.iter().filter_map(|name| {
                        let value = row.get(&name.name)?;
                        Some((name.name.clone(), value.clone()))
                    });
                    let mut rounds = rounds.clone();
                    rounds.push(round.collect());
                    longer.push((inner, rounds));
                }
            }
            level = longer;
            times += 1;
        }
        Ok(found)
    }

    /// One repetition, with its variables bound to single elements.
    fn once(&mut self, group: &PathGroup, from: &Partial) -> Evaluated<Vec<Partial>> {
        let mut start = from.clone();
        let at = start.end();
        if !self.take_node(&group.start, at, &mut start)? {
            return Ok(Vec::new());
        }
        let mut inner = self.steps(&group.steps, vec![start])?;
        let mut kept = Vec::new();
        for partial in inner.drain(..) {
            let row = partial.row.clone();
            if self.holds(group.predicate.as_deref(), &row)? {
                kept.push(partial);
            }
        }
        Ok(kept)
    }

    /// Follows steps one by one.
    pub(super) fn steps(
        &mut self,
        steps: &[PathStep],
        mut partials: Vec<Partial>,
    ) -> Evaluated<Vec<Partial>> {
        for step in steps {
            let mut next = Vec::new();
            for partial in partials {
                next.extend(self.hop(step, &partial)?);
            }
            partials = next;
        }
        Ok(partials)
    }

    /// Of the paths between two nodes, those that a search asks for.
    pub(super) fn searched(&mut self, kind: PathSearchKind, found: Vec<Partial>) -> Vec<Partial> {
        let mut found = self.arranged(found);
        if !matches!(kind, PathSearchKind::Any(_)) {
            found.sort_by_key(|partial| partial.relationships.len());
        }
        let mut kept: Vec<Partial> = Vec::new();
        for partial in found {
            let rivals = kept.iter().filter(|other| other.ends() == partial.ends());
            let lengths: BTreeSet<usize> = rivals
                .clone()
                .map(|other| other.relationships.len())
                .collect();
            let length = partial.relationships.len();
            let count = |of: usize| u64::try_from(of).unwrap_or(u64::MAX);
            let is_taken = match kind {
                PathSearchKind::All => true,
                PathSearchKind::Any(wanted) | PathSearchKind::Shortest(wanted) => {
                    count(rivals.count()) < wanted
                }
                PathSearchKind::AllShortest => lengths.iter().all(|other| *other == length),
                PathSearchKind::ShortestGroups(wanted) => {
                    lengths.contains(&length) || count(lengths.len()) < wanted
                }
            };
            if is_taken {
                kept.push(partial);
            }
        }
        kept
    }

    /// Of the paths between two nodes, the shortest: any one, or all. From a node to itself leads the
    /// empty path alone.
    pub(super) fn shortest(
        &mut self,
        selector: PathSelector,
        mut found: Vec<Partial>,
    ) -> Vec<Partial> {
        found.retain(|partial| {
            let (start, end) = partial.ends();
            start != end || partial.relationships.is_empty()
        });
        self.searched(
            match selector {
                PathSelector::Shortest => PathSearchKind::Shortest(1),
                PathSelector::AllShortest => PathSearchKind::AllShortest,
            },
            found,
        )
    }

    /// `shortestPath(…)` within an expression: a path or null; `allShortestPaths(…)`: a list.
    pub(super) fn shortest_in_expression(
        &mut self,
        pattern: &PathPattern,
        row: &Row,
    ) -> Evaluated<Value> {
        // No query can name it.
        let name: Arc<str> = "#path".into();
        let named = PathPattern {
            variable: Some(Identifier::new(name.clone(), pattern.span)),
            ..pattern.clone()
        };
        let found = self.matches(std::slice::from_ref(&named), row)?;
        let paths: Vec<Value> = found
            .into_iter()
            .filter_map(|row| row.get(&name).cloned())
            .collect();
        Ok(match pattern.selector {
            Some(PathSelector::Shortest) => paths.into_iter().next().unwrap_or_default(),
            _ => Value::list(self.arranged(paths)),
        })
    }
}
