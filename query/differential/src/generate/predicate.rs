//! Predicates, most of which hold for the witnesses of a pattern: they are made of values that are
//! there, some of them moved a little.

use retrograph_graph::value::Value;

use super::{Generator, Kind, literal};

impl Generator {
    /// A value of an element with its key.
    fn own_value(&mut self, id: u64, is_node: bool) -> Option<(String, Value)> {
        let properties = if is_node {
            &self.graph.nodes.get(&id)?.properties
        } else {
            &self.graph.relationships.get(&id)?.properties
        };
        if properties.is_empty() {
            return None;
        }
        let known: Vec<(String, Value)> = properties
            .iter()
            .map(|(key, value)| (key.to_string(), value.clone()))
            .collect();
        let place = self.below(known.len());
        known.into_iter().nth(place)
    }

    /// A test of an element that holds for what it stands for, if that is known.
    pub(super) fn element_test(
        &mut self,
        name: &str,
        witness: Option<u64>,
        is_node: bool,
    ) -> String {
        let Some(id) = witness else {
            let key = self.pick(&["a", "i", "d", "b"]);
            return format!("{name}.{key} IS NOT NULL");
        };
        if is_node && self.chance(1, 8) {
            let test = self.label_test(witness);
            let is_plain = test[1..].chars().all(char::is_alphanumeric);
            return match test.strip_prefix(':') {
                Some(label) if is_plain && self.chance(1, 4) => format!("{name} IS {label}"),
                _ => format!("{name}{test}"),
            };
        }
        if !is_node && self.chance(1, 8) {
            let of = self.graph.relationships.get(&id);
            let own = of.map_or_else(String::new, |of| of.type_name.to_string());
            return match self.below(4) {
                0 => format!("{name}:{own}"),
                1 => format!("{name}:{own}|U"),
                2 => format!("type({name}) <> 'U'"),
                _ => format!("type({name}) = '{own}'"),
            };
        }
        let Some((key, value)) = self.own_value(id, is_node) else {
            return format!("{name}.z IS NULL");
        };
        let of = match self.below(14) {
            0 => format!("{name}['{key}']"),
            _ => format!("{name}.{key}"),
        };
        let Some(text) = literal(&value) else {
            return format!("{of} IS NOT NULL");
        };
        match (&value, self.below(12)) {
            (Value::Float(float), _) if float.is_nan() => format!("{of} <> {of}"),
            (_, 0) => format!("{of} IS NOT NULL"),
            (_, 1) => format!("{text} = {of}"),
            (_, 2) => {
                let other = self.property_literal(&key);
                format!("{of} IN [{other}, {text}]")
            }
            (Value::Int(number), 3..=6) => {
                let moved = number.saturating_add(1);
                match self.below(5) {
                    0 => format!("{of} < {moved}"),
                    1 => format!("{of} >= {text}"),
                    2 => format!("{} < {of}", number.saturating_sub(1)),
                    3 => format!("{text} <= {of} < {moved}"),
                    _ => format!("{of} + 1 > {text}"),
                }
            }
            (Value::Float(_), 3..=6) => {
                let operator = self.pick(&[">=", "<="]);
                format!("{of} {operator} {text}")
            }
            (Value::String(string), 3..=7) => self.string_test(&of, string),
            (Value::List(items), 3..=7) => match items.first().and_then(literal) {
                Some(item) if self.chance(2, 3) => format!("{item} IN {of}"),
                _ => format!("size({of}) = {}", items.len()),
            },
            (Value::Date(_), 3..=6) => match self.below(3) {
                0 => format!("{of} >= {text}"),
                1 => format!("{of} < {text} + duration('P1D')"),
                _ => format!("{of}.year = 2024"),
            },
            (Value::Point(_), 3..=6) => match self.below(3) {
                0 => format!("point.distance({of}, {text}) <= 1.0"),
                1 => format!("{of}.x = {text}.x"),
                _ => format!("{of}.srid > 0"),
            },
            (value, 3..=5) if value.is_temporal_point() => {
                let operator = self.pick(&[">=", "<="]);
                format!("{of} {operator} {text}")
            }
            (Value::Bool(truth), 3..=7) => match truth {
                true => of,
                false => format!("NOT {of}"),
            },
            _ => format!("{of} = {text}"),
        }
    }

    /// A test that a string passes.
    fn string_test(&mut self, of: &str, string: &str) -> String {
        let characters: Vec<char> = string.chars().collect();
        let quoted = |part: &[char]| {
            let part: String = part.iter().collect();
            literal(&Value::string(&*part)).unwrap_or_default()
        };
        let length = characters.len();
        let cut = self.below(length + 1);
        match self.below(6) {
            0 => format!("{of} STARTS WITH {}", quoted(&characters[..cut])),
            1 => format!("{of} ENDS WITH {}", quoted(&characters[cut..])),
            2 => {
                let end = cut + self.below(length - cut + 1);
                format!("{of} CONTAINS {}", quoted(&characters[cut..end]))
            }
            3 => format!("{of} >= {}", quoted(&characters[..cut])),
            4 => {
                let head: String = characters[..cut].iter().collect();
                let pattern = match self.below(4) {
                    0 => format!("{head}.*"),
                    1 => string.to_owned(),
                    2 => format!("(x|{string})+"),
                    _ => format!("(?i){}.*", head.to_ascii_uppercase()),
                };
                format!("{of} =~ '{pattern}'")
            }
            _ => format!("size({of}) = {length}"),
        }
    }

    /// A predicate that holds for the witnesses in scope, if there are any.
    pub(super) fn likely(&mut self, depth: usize) -> String {
        let elements: Vec<_> = self
            .scope
            .iter()
            .filter(|variable| {
                matches!(variable.kind, Kind::Node | Kind::Relationship)
                    && variable.witness.is_some()
            })
            .cloned()
            .collect();
        if elements.is_empty() {
            let other = self.predicate(depth);
            return match self.below(4) {
                0 => other,
                1 => format!("({other} OR true)"),
                2 => format!("({other}) IS NULL OR {other} OR NOT ({other})"),
                _ => "true".to_owned(),
            };
        }
        let element = elements[self.below(elements.len())].clone();
        let is_node = element.kind == Kind::Node;
        let own = self.element_test(&element.name, element.witness, is_node);
        if depth == 0 {
            return own;
        }
        match self.below(12) {
            0 | 1 => format!("{own} AND {}", self.likely(depth - 1)),
            2 | 3 => format!("({own} OR {})", self.predicate(depth - 1)),
            4 => format!("({} OR {own})", self.predicate(depth - 1)),
            5 => format!("NOT (NOT ({own}))"),
            6 => format!("{own} AND ({} OR {own})", self.predicate(depth - 1)),
            7 => {
                let value = self.any(depth - 1);
                let types = [
                    "INTEGER",
                    "FLOAT",
                    "STRING",
                    "BOOLEAN",
                    "LIST<ANY>",
                    "DATE",
                    "ANY NOT NULL",
                    "INTEGER | FLOAT",
                    "NULL",
                    "PROPERTY VALUE",
                    "LIST<INTEGER>",
                    "NODE",
                ];
                let ty = self.pick(&types);
                let negated = self.pick(&["", "NOT "]);
                format!("({own} OR {value} IS {negated}:: {ty})")
            }
            _ => own,
        }
    }

    /// The predicate of a WHERE, where a pattern may stand for a truth value.
    pub(super) fn condition(&mut self, depth: usize) -> String {
        let predicate = if self.chance(7, 10) {
            self.likely(depth)
        } else {
            self.predicate(depth)
        };
        let nodes = self.of_kind(|kind| *kind == Kind::Node);
        if nodes.is_empty() || self.chance(5, 6) {
            return predicate;
        }
        let start = nodes[self.below(nodes.len())].clone();
        let end = if self.chance(1, 2) {
            nodes[self.below(nodes.len())].clone()
        } else {
            String::new()
        };
        let arrow = self.plain_arrow();
        let pattern = format!("({start}){arrow}({end})");
        match self.below(5) {
            0 | 1 => format!("{predicate} OR {pattern}"),
            2 => format!("{predicate} AND NOT {pattern}"),
            3 => pattern,
            _ => format!("{predicate} AND {pattern}"),
        }
    }

    pub(super) fn label_expression(&mut self) -> String {
        let known = if self.chance(1, 20) { 4 } else { 3 };
        let (one, two) = (
            self.pick(&super::LABELS[..known]),
            self.pick(&super::LABELS[..known]),
        );
        match self.below(14) {
            0 => format!(":{one}|{two}"),
            1 => format!(":!{one}"),
            2 => format!(":{one}:{two}"),
            3 => format!(":{one}&!{two}"),
            4 => format!(":$('{one}')"),
            5 => ":%".to_owned(),
            _ => format!(":{one}"),
        }
    }

    pub(super) fn plain_arrow(&mut self) -> String {
        let types = if self.chance(1, 2) {
            format!("[:{}]", self.type_name())
        } else if self.chance(1, 6) {
            "[*1..2]".to_owned()
        } else {
            String::new()
        };
        match self.below(3) {
            0 => format!("-{types}->"),
            1 => format!("<-{types}-"),
            _ => format!("-{types}-"),
        }
    }
}
