//! Answers of both sides as text that shows types, so that they can be compared strictly.

use std::sync::Arc;

use retrograph_engine::output::{NodeOutput, Output, PathOutput, RelationshipOutput};
use retrograph_graph::value::Value;
use retrograph_graph::value::text::float_text;

use crate::reference::graph::{MemoryGraph, Properties};

/// A cell as text. The items of lists may be sorted, for lists in an open order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// As they are.
    InOrder,
    /// Sorted.
    Sorted,
}

/// The text of a plain value: integers, floats and strings can be told apart.
fn plain(value: &Value) -> String {
    match value {
        // The sign of zero and the last bit count.
        Value::Float(float) => float_text(*float),
        other => other.to_string(),
    }
}

fn list(mut items: Vec<String>, lists: Lists) -> String {
    if lists == Lists::Sorted {
        items.sort();
    }
    format!("[{}]", items.join(", "))
}

fn properties<'a>(of: impl Iterator<Item = (&'a Arc<str>, &'a Value)>) -> String {
    let entries: Vec<String> = of
        .map(|(key, value)| format!("{key}: {}", plain(value)))
        .collect();
    format!("{{{}}}", entries.join(", "))
}

fn node<'a>(labels: impl Iterator<Item = &'a Arc<str>>, of: &Properties) -> String {
    let labels: String = labels.map(|label| format!(":{label}")).collect();
    format!("({labels} {})", properties(of.iter()))
}

fn relationship(type_name: &str, of: &Properties) -> String {
    format!("[:{type_name} {}]", properties(of.iter()))
}

fn path(nodes: Vec<String>, relationships: Vec<(String, bool)>) -> String {
    let mut nodes = nodes.into_iter();
    let mut text = format!("<{}", nodes.next().unwrap_or_default());
    for ((step, along), node) in relationships.into_iter().zip(nodes) {
        let (before, after) = if along { ("-", "->") } else { ("<-", "-") };
        text.push_str(&format!("{before}{step}{after}{node}"));
    }
    text + ">"
}

/// A cell of the engine.
#[must_use]
pub fn of_output(of: &Output, lists: Lists) -> String {
    let node_text = |of: &NodeOutput| node(of.labels.iter(), &of.properties);
    let relationship_text = |of: &RelationshipOutput| relationship(&of.type_name, &of.properties);
    match of {
        Output::Value(value) => plain(value),
        Output::List(items) => {
            let items = items.iter().map(|item| of_output(item, lists));
            list(items.collect(), lists)
        }
        Output::Map(map) => {
            let entries = map.iter();
            let entries: Vec<String> = entries
                .map(|(key, value)| format!("{key}: {}", of_output(value, lists)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Output::Node(of) => node_text(of),
        Output::Relationship(of) => relationship_text(of),
        Output::Path(PathOutput {
            nodes,
            relationships,
        }) => {
            let relationships = relationships.iter();
            path(
                nodes.iter().map(node_text).collect(),
                relationships
                    .map(|(of, along)| (relationship_text(of), *along))
                    .collect(),
            )
        }
    }
}

/// A cell of the reference; `state` finds the graph of a view.
#[must_use]
pub fn of_value(of: &Value, state: &dyn Fn(u8) -> Arc<MemoryGraph>, lists: Lists) -> String {
    let node_text = |id: u64, view: u8| match state(view).nodes.get(&id) {
        Some(of) => node(of.labels.iter(), &of.properties),
        None => node(std::iter::empty(), &Properties::new()),
    };
    let relationship_text = |id: u64, view: u8| match state(view).relationships.get(&id) {
        Some(of) => relationship(&of.type_name, &of.properties),
        None => relationship("", &Properties::new()),
    };
    match of {
        Value::List(items) => {
            let items = items.iter().map(|item| of_value(item, state, lists));
            list(items.collect(), lists)
        }
        Value::Map(map) => {
            let entries = map.iter();
            let entries: Vec<String> = entries
                .map(|(key, value)| format!("{key}: {}", of_value(value, state, lists)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Node(of) => node_text(of.id.0, of.view),
        Value::Relationship(of) => relationship_text(of.id.0, of.view),
        Value::Path(of) => path(
            of.nodes.iter().map(|id| node_text(id.0, of.view)).collect(),
            of.relationships
                .iter()
                .map(|(id, along)| (relationship_text(id.0, of.view), *along))
                .collect(),
        ),
        value => plain(value),
    }
}

/// A whole graph as text: nodes and relationships with their ends, sorted.
#[must_use]
pub fn of_graph(graph: &MemoryGraph) -> Vec<String> {
    let text = |id: &u64| {
        let of = graph.nodes.get(id);
        of.map_or_else(String::new, |of| node(of.labels.iter(), &of.properties))
    };
    let mut lines: Vec<String> = graph.nodes.keys().map(text).collect();
    lines.extend(graph.relationships.values().map(|of| {
        let step = relationship(&of.type_name, &of.properties);
        format!("{}-{step}->{}", text(&of.start), text(&of.end))
    }));
    lines.sort();
    lines
}
