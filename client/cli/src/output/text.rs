//! Values as text for people: elements in the way patterns are written.

use std::fmt::Write;
use std::sync::Arc;

use retrograph_engine::output::{NodeOutput, Output, PathOutput, RelationshipOutput};
use retrograph_graph::value::Value;

/// A value as a cell of a table shows it: a string without quotes, everything else as in a query.
/// Control characters are escaped, so that no value can change the terminal.
pub fn cell(output: &Output) -> String {
    match output {
        Output::Value(Value::String(text)) => visible(text),
        other => {
            let mut text = String::new();
            write_output(&mut text, other);
            text
        }
    }
}

fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => visible.push_str("\\n"),
            '\r' => visible.push_str("\\r"),
            '\t' => visible.push_str("\\t"),
            control if control.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(visible, "\\u{:04X}", u32::from(control));
            }
            character => visible.push(character),
        }
    }
    visible
}

fn write_output(text: &mut String, output: &Output) {
    match output {
        Output::Value(value) => write_value(text, value),
        Output::List(items) => {
            text.push('[');
            separated(text, items, write_output);
            text.push(']');
        }
        Output::Map(map) => {
            text.push('{');
            separated(text, map, |text, (key, value)| {
                write_name(text, key);
                text.push_str(": ");
                write_output(text, value);
            });
            text.push('}');
        }
        Output::Node(node) => write_node(text, node),
        Output::Relationship(relationship) => write_relationship(text, relationship),
        Output::Path(path) => write_path(text, path),
    }
}

/// Writing to a string cannot fail.
fn write_value(text: &mut String, value: &Value) {
    let _ = write!(text, "{value}");
}

fn separated<T>(
    text: &mut String,
    items: impl IntoIterator<Item = T>,
    each: impl Fn(&mut String, T),
) {
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            text.push_str(", ");
        }
        each(text, item);
    }
}

fn write_node(text: &mut String, node: &NodeOutput) {
    text.push('(');
    for label in &node.labels {
        text.push(':');
        write_name(text, label);
    }
    write_properties(text, &node.properties, !node.labels.is_empty());
    text.push(')');
}

fn write_relationship(text: &mut String, relationship: &RelationshipOutput) {
    text.push_str("[:");
    write_name(text, &relationship.type_name);
    write_properties(text, &relationship.properties, true);
    text.push(']');
}

fn write_path(text: &mut String, path: &PathOutput) {
    for (place, node) in path.nodes.iter().enumerate() {
        write_node(text, node);
        if let Some((relationship, is_along)) = path.relationships.get(place) {
            text.push_str(if *is_along { "-" } else { "<-" });
            write_relationship(text, relationship);
            text.push_str(if *is_along { "->" } else { "-" });
        }
    }
}

fn write_properties<'p>(
    text: &mut String,
    properties: impl IntoIterator<Item = (&'p Arc<str>, &'p Value), IntoIter: ExactSizeIterator>,
    is_after_name: bool,
) {
    let properties = properties.into_iter();
    if properties.len() == 0 {
        return;
    }
    text.push_str(if is_after_name { " {" } else { "{" });
    separated(text, properties, |text, (key, value)| {
        write_name(text, key);
        text.push_str(": ");
        write_value(text, value);
    });
    text.push('}');
}

/// A name, in backticks where it needs them.
pub fn write_name(text: &mut String, name: &str) {
    let is_plain = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_plain {
        text.push_str(name);
    } else {
        let _ = write!(text, "`{}`", visible(name).replace('`', "``"));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use retrograph_graph::ids::{NodeId, RelationshipId};
    use retrograph_graph::value::temporal::Date;

    use super::*;

    fn node(id: u64, labels: &[&str], properties: &[(&str, Value)]) -> NodeOutput {
        NodeOutput {
            id: NodeId(id),
            labels: labels.iter().map(|&label| label.into()).collect(),
            properties: map(properties),
        }
    }

    fn map(properties: &[(&str, Value)]) -> BTreeMap<Arc<str>, Value> {
        properties
            .iter()
            .map(|(key, value)| ((*key).into(), value.clone()))
            .collect()
    }

    #[test]
    fn elements_look_like_patterns() {
        let a = node(
            1,
            &["A", "Odd label"],
            &[("x", Value::Int(1)), ("name", "it's".into())],
        );
        let (b, c) = (node(2, &[], &[]), node(3, &[], &[("x", Value::Float(1.0))]));
        let knows = RelationshipOutput {
            id: RelationshipId(7),
            type_name: "KNOWS".into(),
            start: NodeId(1),
            end: NodeId(2),
            properties: map(&[("since", Value::Date(Date { epoch_day: 0 }))]),
        };
        assert_eq!(
            cell(&Output::Node(a.clone())),
            r"(:A:`Odd label` {name: 'it\'s', x: 1})"
        );
        let relationship = Output::Relationship(knows.clone());
        assert_eq!(cell(&relationship), "[:KNOWS {since: 1970-01-01}]");
        let path = PathOutput {
            nodes: vec![b.clone(), c, b],
            relationships: vec![(knows.clone(), true), (knows, false)],
        };
        assert_eq!(
            cell(&Output::Path(path)),
            "()-[:KNOWS {since: 1970-01-01}]->({x: 1.0})<-[:KNOWS {since: 1970-01-01}]-()"
        );
        let list = Output::List(vec![Output::Value("a".into()), Output::Node(a)]);
        assert!(cell(&list).starts_with("['a', (:A"));
    }

    #[test]
    fn no_value_controls_the_terminal() {
        let evil = Output::Value("\u{1b}[2J\nx\u{9b}".into());
        assert_eq!(cell(&evil), "\\u001B[2J\\nx\\u009B");
        let inside = Output::List(vec![evil]);
        assert!(cell(&inside).chars().all(|c| !c.is_control()));
    }
}
