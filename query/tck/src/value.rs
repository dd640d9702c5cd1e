//! Values as the TCK writes them: expected results, parameters and what a database answered.
//!
//! One type serves both sides of a comparison. Nodes and relationships carry no identity, because
//! the TCK never compares it. Temporal values and durations are strings in their canonical text.
//!
//! [`Value::canonical`] is the ground of every comparison: two values are equal exactly when their
//! canonical texts are. It is injective because strings are quoted and escaped, names outside the
//! plain alphabet are put in backticks, floats always show a point, an exponent or a name, and sets
//! and maps are written in sorted order.

mod parse;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use parse::ValueError;

/// Properties of a node or relationship, or the entries of a map.
pub type Properties = BTreeMap<String, Value>;

/// A value of a result cell, a parameter or a property.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A 64-bit float; `NaN` equals `NaN` in comparisons, though not under `==` of this type.
    Float(f64),
    /// A string, or the canonical text of a temporal value or duration.
    String(String),
    /// A list.
    List(Vec<Value>),
    /// A map.
    Map(Properties),
    /// A node without its identity.
    Node(Node),
    /// A relationship without its identity and end points.
    Relationship(Relationship),
    /// A path.
    Path(Path),
}

/// A node: a set of labels and properties.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Node {
    /// Label names.
    pub labels: BTreeSet<String>,
    /// Properties.
    pub properties: Properties,
}

/// A relationship: a type and properties.
#[derive(Debug, Clone, PartialEq)]
pub struct Relationship {
    /// Relationship type.
    pub type_name: String,
    /// Properties.
    pub properties: Properties,
}

/// A path: a start node and the steps from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// First node.
    pub start: Node,
    /// The hops in order.
    pub steps: Vec<PathStep>,
}

/// One hop of a path.
#[derive(Debug, Clone, PartialEq)]
pub struct PathStep {
    /// Whether the relationship points along the path or against it.
    pub direction: Direction,
    /// The relationship walked.
    pub relationship: Relationship,
    /// The node reached.
    pub node: Node,
}

/// Direction of a relationship as seen while walking a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// `-[..]->`
    Outgoing,
    /// `<-[..]-`
    Incoming,
}

/// Whether the order of elements in lists counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListOrder {
    /// Lists are sequences.
    Significant,
    /// Lists are multisets, at every depth.
    Ignored,
}

impl Value {
    /// Parses the TCK's notation of a value.
    ///
    /// # Errors
    /// When the text does not follow the grammar as a whole; the error gives the position.
    pub fn parse(text: &str) -> Result<Value, ValueError> {
        parse::parse(text)
    }

    /// The text that is the same for two values exactly when the comparator calls them equal.
    pub fn canonical(&self, order: ListOrder) -> String {
        let mut out = String::new();
        self.write(&mut out, order);
        out
    }

    fn write(&self, out: &mut String, order: ListOrder) {
        match self {
            Value::Null => out.push_str("null"),
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) => out.push_str(&value.to_string()),
            Value::Float(value) => out.push_str(&float_text(*value)),
            Value::String(value) => write_quoted(out, value, '\''),
            Value::List(items) => {
                let mut texts: Vec<String> =
                    items.iter().map(|item| item.canonical(order)).collect();
                if order == ListOrder::Ignored {
                    texts.sort_unstable();
                }
                out.push('[');
                out.push_str(&texts.join(", "));
                out.push(']');
            }
            Value::Map(entries) => write_entries(out, entries, order),
            Value::Node(node) => write_node(out, node, order),
            Value::Relationship(relationship) => write_relationship(out, relationship, order),
            Value::Path(path) => {
                out.push('<');
                write_node(out, &path.start, order);
                for step in &path.steps {
                    let (before, after) = match step.direction {
                        Direction::Outgoing => ("-", "->"),
                        Direction::Incoming => ("<-", "-"),
                    };
                    out.push_str(before);
                    write_relationship(out, &step.relationship, order);
                    out.push_str(after);
                    write_node(out, &step.node, order);
                }
                out.push('>');
            }
        }
    }
}

/// Shows the canonical text with list order kept.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical(ListOrder::Significant))
    }
}

fn float_text(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Inf" } else { "-Inf" }.to_owned()
    } else if value == 0.0 {
        // Both zeros are equal as floats.
        "0.0".to_owned()
    } else {
        format!("{value:?}")
    }
}

fn write_quoted(out: &mut String, text: &str, quote: char) {
    out.push(quote);
    for c in text.chars() {
        if c == quote || c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
    out.push(quote);
}

fn write_name(out: &mut String, name: &str) {
    if !name.is_empty() && name.chars().all(parse::is_name_char) {
        out.push_str(name);
    } else {
        write_quoted(out, name, '`');
    }
}

fn write_entries(out: &mut String, entries: &Properties, order: ListOrder) {
    out.push('{');
    for (i, (key, value)) in entries.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write_name(out, key);
        out.push_str(": ");
        value.write(out, order);
    }
    out.push('}');
}

fn write_node(out: &mut String, node: &Node, order: ListOrder) {
    out.push('(');
    for label in &node.labels {
        out.push(':');
        write_name(out, label);
    }
    if !node.properties.is_empty() {
        if !node.labels.is_empty() {
            out.push(' ');
        }
        write_entries(out, &node.properties, order);
    }
    out.push(')');
}

fn write_relationship(out: &mut String, relationship: &Relationship, order: ListOrder) {
    out.push_str("[:");
    write_name(out, &relationship.type_name);
    if !relationship.properties.is_empty() {
        out.push(' ');
        write_entries(out, &relationship.properties, order);
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: Value) -> String {
        value.to_string()
    }

    #[test]
    fn distinct_kinds_have_distinct_texts() {
        let values = [
            Value::Null,
            Value::String("null".into()),
            Value::Int(1),
            Value::Float(1.0),
            Value::String("1".into()),
            Value::Bool(true),
            Value::String("true".into()),
            Value::List(vec![]),
            Value::List(vec![Value::Null]),
            Value::Map(Properties::new()),
            Value::Node(Node::default()),
            Value::Float(f64::NAN),
            Value::Float(1e300),
            Value::String("NaN".into()),
        ];
        let texts: BTreeSet<String> = values.iter().cloned().map(shown).collect();
        assert_eq!(texts.len(), values.len());
    }

    #[test]
    fn quotes_and_odd_names_cannot_imitate_structure() {
        assert_eq!(shown(Value::String("a', 'b".into())), r"'a\', \'b'");
        let one = Value::List(vec![Value::String("a', 'b".into())]);
        let two = Value::List(vec![Value::String("a".into()), Value::String("b".into())]);
        assert_ne!(shown(one), shown(two));
        let odd = Node {
            labels: ["A:B".to_owned()].into(),
            properties: Properties::new(),
        };
        let plain = Node {
            labels: ["A".to_owned(), "B".to_owned()].into(),
            properties: Properties::new(),
        };
        assert_ne!(shown(Value::Node(odd)), shown(Value::Node(plain)));
    }

    #[test]
    fn floats_follow_ieee_equality_except_that_nan_equals_itself() {
        assert_eq!(shown(Value::Float(-0.0)), shown(Value::Float(0.0)));
        assert_eq!(
            shown(Value::Float(f64::NAN)),
            shown(Value::Float(-f64::NAN))
        );
        assert_ne!(shown(Value::Float(0.1 + 0.2)), shown(Value::Float(0.3)));
        assert_ne!(
            shown(Value::Float(f64::INFINITY)),
            shown(Value::Float(f64::MAX))
        );
    }

    #[test]
    fn ignoring_list_order_reaches_every_depth() {
        let a = Value::parse("[{k: [1, 2]}, ({p: [3, 4]}), [5, [6, 7]]]").expect("valid");
        let b = Value::parse("[[[7, 6], 5], ({p: [4, 3]}), {k: [2, 1]}]").expect("valid");
        assert_eq!(
            a.canonical(ListOrder::Ignored),
            b.canonical(ListOrder::Ignored)
        );
        assert_ne!(
            a.canonical(ListOrder::Significant),
            b.canonical(ListOrder::Significant)
        );
        let c = Value::parse("[1, 1, 2]").expect("valid");
        let d = Value::parse("[1, 2, 2]").expect("valid");
        assert_ne!(
            c.canonical(ListOrder::Ignored),
            d.canonical(ListOrder::Ignored)
        );
    }
}
