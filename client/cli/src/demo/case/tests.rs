//! What holds of every case.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;

use super::{Case, Size};
use crate::demo::calendar::{DAYS, OPENING, day, instant};
use crate::demo::change::{CaseCommit, Change, NodeKey, Properties, RelationshipKey};

/// Properties as text.
type Texts = BTreeMap<&'static str, String>;

fn texts(properties: Properties) -> Texts {
    properties
        .into_iter()
        .map(|(key, value)| (key, value.to_string()))
        .collect()
}

/// Sets properties; at least one of them must change, or the commit would be none.
fn set(old: &mut Texts, new: Properties) {
    let before = old.clone();
    old.extend(texts(new));
    assert_ne!(*old, before);
}

/// The graph, held in maps.
#[derive(Default)]
struct Model {
    nodes: HashMap<NodeKey, (&'static str, Texts)>,
    relationships: BTreeMap<RelationshipKey, (&'static str, NodeKey, NodeKey, Texts)>,
}

impl Model {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Unique { .. } => {}
            Change::CreateNode {
                node,
                label,
                properties,
            } => {
                let old = self.nodes.insert(node, (label, texts(properties)));
                assert!(old.is_none(), "{node:?} is made twice");
            }
            Change::SetNode { node, properties } => {
                set(
                    &mut self.nodes.get_mut(&node).expect("it is there").1,
                    properties,
                );
            }
            Change::DeleteNode { node } => {
                assert!(
                    self.relationships
                        .values()
                        .all(|&(_, start, end, _)| start != node && end != node),
                    "{node:?} is still connected"
                );
                assert!(self.nodes.remove(&node).is_some());
            }
            Change::CreateRelationship {
                relationship,
                type_name,
                start,
                end,
                properties,
            } => {
                assert!(self.nodes.contains_key(&start) && self.nodes.contains_key(&end));
                let new = (type_name, start, end, texts(properties));
                let old = self.relationships.insert(relationship, new);
                assert!(old.is_none(), "{relationship:?} is made twice");
            }
            Change::SetRelationship {
                relationship,
                properties,
            } => {
                let old = self
                    .relationships
                    .get_mut(&relationship)
                    .expect("it is there");
                set(&mut old.3, properties);
            }
            Change::DeleteRelationship { relationship } => {
                assert!(self.relationships.remove(&relationship).is_some());
            }
        }
    }

    fn find(&self, id: &str) -> NodeKey {
        let id = Value::from(id).to_string();
        let (node, _) = self
            .nodes
            .iter()
            .find(|(_, (_, properties))| properties.get("id") == Some(&id))
            .expect("the node is there");
        *node
    }

    /// The accounts one or two payments away.
    fn payees(&self, from: &str) -> BTreeSet<NodeKey> {
        let from = self.find(from);
        let paid: Vec<_> = self
            .relationships
            .iter()
            .filter(|(_, (name, ..))| *name == "PAID")
            .collect();
        let mut found = BTreeSet::new();
        for (first, (_, start, middle, _)) in &paid {
            if *start == from {
                found.insert(*middle);
                for (second, (_, start, end, _)) in &paid {
                    if start == middle && first != second {
                        found.insert(*end);
                    }
                }
            }
        }
        found
    }
}

#[test]
fn changes_fit_together_and_times_increase() {
    let mut model = Model::default();
    let mut last = SystemTime(0);
    let mut commits = 0;
    for commit in Case::new(Size::Small) {
        assert!(commit.time > last);
        last = commit.time;
        commits += 1;
        let is_schema = matches!(commit.changes[0], Change::Unique { .. });
        assert!(
            !is_schema || commit.changes.len() == 1,
            "schema changes stand alone"
        );
        commit
            .changes
            .into_iter()
            .for_each(|change| model.apply(change));
    }
    assert!((2_500..3_500).contains(&commits), "{commits}");
    assert!(last < instant(DAYS, (0, 0, 0)));
    let ids: Vec<_> = model
        .nodes
        .values()
        .filter_map(|(_, map)| map.get("id"))
        .collect();
    assert_eq!(
        ids.iter().collect::<BTreeSet<_>>().len(),
        ids.len(),
        "ids are unique"
    );
}

#[test]
fn the_story_is_the_same_in_every_size() {
    for size in [Size::Tiny, Size::Small] {
        let mut model = Model::default();
        let mut then = None;
        for commit in Case::new(size) {
            if then.is_none() && commit.time > instant(day(1, 10), (12, 0, 0)) {
                then = Some(model.payees("A-1177"));
            }
            commit
                .changes
                .into_iter()
                .for_each(|change| model.apply(change));
        }
        assert_eq!(
            then.expect("the case goes on after that day").len(),
            11,
            "{size:?}"
        );
        assert_eq!(model.payees("A-1177").len(), 14, "{size:?}");
    }
}

#[test]
fn the_first_commit_is_the_oldest_readable_moment() {
    let first = Case::new(Size::Tiny).next().expect("a case has commits");
    assert_eq!(first.time, instant(OPENING, (8, 14, 3)));
}

/// What a commit says and does, in text that does not depend on how types print themselves.
fn spell_out(commit: &CaseCommit) -> String {
    let properties = |properties: &[(&'static str, Value)]| -> String {
        properties
            .iter()
            .map(|(key, value)| format!(" {key}={value}"))
            .collect()
    };
    let mut text = format!(
        "{} {} {} {}\n",
        commit.time, commit.actor, commit.source, commit.activity
    );
    for change in &commit.changes {
        text += &match change {
            Change::Unique {
                name,
                label,
                property,
            } => format!("{name} {label} {property}\n"),
            Change::CreateNode {
                node,
                label,
                properties: given,
            } => {
                format!("+n{} {label}{}\n", node.0, properties(given))
            }
            Change::SetNode {
                node,
                properties: given,
            } => {
                format!("=n{}{}\n", node.0, properties(given))
            }
            Change::DeleteNode { node } => format!("-n{}\n", node.0),
            Change::CreateRelationship {
                relationship,
                type_name,
                start,
                end,
                properties: p,
            } => {
                let (start, end) = (start.0, end.0);
                format!(
                    "+r{} {type_name} {start} {end}{}\n",
                    relationship.0,
                    properties(p)
                )
            }
            Change::SetRelationship {
                relationship,
                properties: given,
            } => {
                format!("=r{}{}\n", relationship.0, properties(given))
            }
            Change::DeleteRelationship { relationship } => format!("-r{}\n", relationship.0),
        };
    }
    text
}

/// A case is the same on every machine, and stays so until its recipe changes on purpose.
#[test]
fn a_case_keeps_its_content() {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    let mut commits = 0;
    for commit in Case::new(Size::Tiny) {
        commits += 1;
        for byte in spell_out(&commit).bytes() {
            sum = (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    assert_eq!((commits, sum), (597, 6_071_530_761_335_256_739));
}
