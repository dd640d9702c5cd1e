//! Side effects: what changed in the graph between two snapshots.
//!
//! Counted as the TCK defines them: nodes and relationships by identity, labels as the set of
//! distinct label names in use anywhere, properties as a multiset of (owner, key, value). Setting a
//! property to another value is thus one property removed and one added; the same value is nothing.

use crate::value::{ListOrder, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The content of a graph as far as side effects need it.
#[derive(Debug, Clone, Default)]
pub struct GraphState {
    /// Identities of all nodes.
    pub nodes: BTreeSet<String>,
    /// Identities of all relationships.
    pub relationships: BTreeSet<String>,
    /// Names of all labels that some node carries.
    pub labels: BTreeSet<String>,
    /// All properties of all nodes and relationships.
    pub properties: Vec<PropertyRecord>,
}

/// One property of one graph element.
#[derive(Debug, Clone)]
pub struct PropertyRecord {
    /// Whose property it is.
    pub owner: Owner,
    /// Property key.
    pub key: String,
    /// Property value.
    pub value: Value,
}

/// A graph element; nodes and relationships may share identities.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A node by identity.
    Node(String),
    /// A relationship by identity.
    Relationship(String),
}

/// One of the eight counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter {
    /// What is counted.
    pub element: Element,
    /// Added or removed.
    pub change: Change,
}

/// What a counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Element {
    /// Nodes.
    Nodes,
    /// Relationships.
    Relationships,
    /// Properties.
    Properties,
    /// Distinct label names.
    Labels,
}

/// Direction of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// There afterwards and not before.
    Added,
    /// There before and not afterwards.
    Removed,
}

/// Counters with their amounts; a counter that is absent is zero, and zeros are never stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SideEffects(BTreeMap<Counter, usize>);

impl Counter {
    /// Parses `+nodes`, `-labels` and so on.
    pub fn parse(text: &str) -> Option<Counter> {
        let (change, name) = match text.split_at_checked(1)? {
            ("+", name) => (Change::Added, name),
            ("-", name) => (Change::Removed, name),
            _ => return None,
        };
        let element = match name {
            "nodes" => Element::Nodes,
            "relationships" => Element::Relationships,
            "properties" => Element::Properties,
            "labels" => Element::Labels,
            _ => return None,
        };
        Some(Counter { element, change })
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.change == Change::Added {
            "+"
        } else {
            "-"
        })?;
        f.write_str(match self.element {
            Element::Nodes => "nodes",
            Element::Relationships => "relationships",
            Element::Properties => "properties",
            Element::Labels => "labels",
        })
    }
}

impl SideEffects {
    /// Sets one counter.
    pub fn set(&mut self, counter: Counter, amount: usize) {
        if amount == 0 {
            self.0.remove(&counter);
        } else {
            self.0.insert(counter, amount);
        }
    }

    /// Whether every counter is zero.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// What changed from `before` to `after`.
    pub fn between(before: &GraphState, after: &GraphState) -> SideEffects {
        let mut effects = SideEffects::default();
        let mut count = |element, added, removed| {
            effects.set(
                Counter {
                    element,
                    change: Change::Added,
                },
                added,
            );
            effects.set(
                Counter {
                    element,
                    change: Change::Removed,
                },
                removed,
            );
        };
        for (element, old, new) in [
            (Element::Nodes, &before.nodes, &after.nodes),
            (
                Element::Relationships,
                &before.relationships,
                &after.relationships,
            ),
            (Element::Labels, &before.labels, &after.labels),
        ] {
            count(
                element,
                new.difference(old).count(),
                old.difference(new).count(),
            );
        }
        let old = property_counts(before);
        let new = property_counts(after);
        count(
            Element::Properties,
            surplus(&new, &old),
            surplus(&old, &new),
        );
        effects
    }
}

impl fmt::Display for SideEffects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("no side effects");
        }
        let texts: Vec<String> = self
            .0
            .iter()
            .map(|(counter, amount)| format!("{counter} {amount}"))
            .collect();
        f.write_str(&texts.join(", "))
    }
}

type PropertyCounts<'a> = BTreeMap<(&'a Owner, &'a str, String), usize>;

fn property_counts(state: &GraphState) -> PropertyCounts<'_> {
    let mut counts = PropertyCounts::new();
    for record in &state.properties {
        let value = record.value.canonical(ListOrder::Significant);
        *counts
            .entry((&record.owner, record.key.as_str(), value))
            .or_default() += 1;
    }
    counts
}

/// How many of `a` are left once `b` is taken away, as multisets.
fn surplus(a: &PropertyCounts<'_>, b: &PropertyCounts<'_>) -> usize {
    a.iter()
        .map(|(key, amount)| amount.saturating_sub(b.get(key).copied().unwrap_or(0)))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn property(owner: Owner, value: i64) -> PropertyRecord {
        PropertyRecord {
            owner,
            key: "x".into(),
            value: Value::Int(value),
        }
    }

    #[test]
    fn a_changed_value_is_one_removed_and_one_added() {
        let node = || Owner::Node("1".into());
        let before = GraphState {
            nodes: ["1".to_owned()].into(),
            properties: vec![property(node(), 1)],
            ..GraphState::default()
        };
        let mut after = before.clone();
        assert!(SideEffects::between(&before, &after).is_none());
        after.properties = vec![property(node(), 2)];
        let text = SideEffects::between(&before, &after).to_string();
        assert_eq!(text, "+properties 1, -properties 1");
        after.properties = vec![property(Owner::Relationship("1".into()), 1)];
        let text = SideEffects::between(&before, &after).to_string();
        assert_eq!(text, "+properties 1, -properties 1");
    }

    #[test]
    fn labels_are_counted_as_names_and_elements_by_identity() {
        let before = GraphState {
            nodes: ["1".to_owned()].into(),
            labels: ["A".to_owned()].into(),
            ..GraphState::default()
        };
        let after = GraphState {
            nodes: ["2".to_owned(), "3".to_owned()].into(),
            relationships: ["1".to_owned()].into(),
            labels: ["A".to_owned(), "B".to_owned()].into(),
            ..GraphState::default()
        };
        assert_eq!(
            SideEffects::between(&before, &after).to_string(),
            "+nodes 2, -nodes 1, +relationships 1, +labels 1"
        );
    }

    #[test]
    fn counters_parse_and_show() {
        for text in ["+nodes", "-relationships", "+properties", "-labels"] {
            assert_eq!(
                Counter::parse(text).map(|c| c.to_string()).as_deref(),
                Some(text)
            );
        }
        assert!(Counter::parse("nodes").is_none());
        assert!(Counter::parse("+edges").is_none());
        assert!(Counter::parse("").is_none());
    }
}
