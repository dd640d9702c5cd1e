//! Random writing queries.

use super::{Generator, Kind, TYPES};

impl Generator {
    /// A query that writes, perhaps with a result.
    pub fn update(&mut self) -> String {
        self.scope.clear();
        self.names = 0;
        let mut text = if self.chance(1, 5) {
            let list = self.expression(&Kind::List(Box::new(Kind::Int)), 0);
            let name = self.name("u");
            self.bind(name.clone(), Kind::Int);
            format!("UNWIND {list} AS {name} ")
        } else {
            self.reading(1)
        };
        for _ in 0..1 + self.below(2) {
            let clause = self.write_clause();
            text.push_str(&clause);
            text.push(' ');
            if clause.contains("DELETE") {
                self.scope
                    .retain(|variable| matches!(variable.kind, Kind::Int));
                break;
            }
        }
        if self.chance(1, 2) {
            let items: Vec<String> = (0..1 + self.below(2))
                .map(|place| {
                    if self.chance(1, 3) {
                        format!("count(*) AS c{place}")
                    } else {
                        format!("{} AS c{place}", self.any(1))
                    }
                })
                .collect();
            text.push_str(&format!("RETURN {}", items.join(", ")));
        }
        text.trim_end().to_owned()
    }

    fn values(&mut self) -> String {
        let mut parts = Vec::new();
        for key in ["a", "b", "c"] {
            if self.chance(1, 3) {
                let value = if self.chance(1, 3) {
                    self.any(1)
                } else {
                    self.property_literal(key)
                };
                parts.push(format!("{key}: {value}"));
            }
        }
        format!("{{{}}}", parts.join(", "))
    }

    fn write_clause(&mut self) -> String {
        let nodes = self.of_kind(|kind| *kind == Kind::Node);
        let elements = self.of_kind(|kind| matches!(kind, Kind::Node | Kind::Relationship));
        match self.below(10) {
            0 | 1 => self.create_clause(&nodes),
            2 | 3 => self.merge_clause(&nodes),
            4..=6 if !elements.is_empty() => {
                let element = elements[self.below(elements.len())].clone();
                let key = self.pick(&["a", "b", "c", "e"]);
                match self.below(6) {
                    0 | 1 => {
                        let value = self.property_literal(key);
                        format!("SET {element}.{key} = {value}")
                    }
                    2 => format!("SET {element}.{key} = {}", self.any(1)),
                    3 => format!("SET {element} += {}", self.values()),
                    4 => format!("REMOVE {element}.{key}"),
                    _ => match nodes.first() {
                        Some(node) if self.chance(1, 2) => format!("SET {node}:{}", self.label()),
                        Some(node) => format!("REMOVE {node}:{}", self.label()),
                        None => format!("SET {element} = {}", self.values()),
                    },
                }
            }
            7 if !elements.is_empty() => {
                let element = elements[self.below(elements.len())].clone();
                let detach = self.pick(&["DETACH ", "DETACH ", ""]);
                format!("{detach}DELETE {element}")
            }
            8 => {
                let name = self.name("f");
                let list = self.expression(&Kind::List(Box::new(Kind::Int)), 0);
                let inner = self.scoped(|g| {
                    g.bind(name.clone(), Kind::Int);
                    g.create_clause(&nodes)
                });
                format!("FOREACH ({name} IN {list} | {inner})")
            }
            _ => self.create_clause(&nodes),
        }
    }

    fn create_clause(&mut self, nodes: &[String]) -> String {
        let end = |g: &mut Self| {
            if !nodes.is_empty() && g.chance(1, 2) {
                return format!("({})", nodes[g.below(nodes.len())]);
            }
            let (labels, values) = (g.labels(), g.values());
            format!("({labels} {values})")
        };
        if self.chance(1, 3) {
            let (labels, values) = (self.labels(), self.values());
            let name = self.name("n");
            self.bind(name.clone(), Kind::Node);
            return format!("CREATE ({name}{labels} {values})");
        }
        let start = end(self);
        let finish = end(self);
        let type_name = self.pick(&TYPES[..3]);
        let values = self.values();
        format!("CREATE {start}-[:{type_name} {values}]->{finish}")
    }

    fn merge_clause(&mut self, nodes: &[String]) -> String {
        let actions = match self.below(4) {
            0 => " ON CREATE SET {}.a = 9",
            1 => " ON MATCH SET {}.a = 8",
            2 => " ON CREATE SET {}.a = 9 ON MATCH SET {}.b = 'm'",
            _ => "",
        };
        let (pattern, name) = if nodes.len() > 1 && self.chance(1, 2) {
            let (one, two) = (self.below(nodes.len()), self.below(nodes.len()));
            let name = self.name("r");
            self.bind(name.clone(), Kind::Relationship);
            let type_name = self.pick(&TYPES[..3]);
            let arrow = self.pick(&["->", "-"]);
            let (start, end) = (&nodes[one], &nodes[two]);
            (
                format!("({start})-[{name}:{type_name}]{arrow}({end})"),
                name,
            )
        } else {
            let name = self.name("n");
            let label = self.label();
            let value = if self.chance(1, 3) {
                self.expression(&Kind::Int, 0)
            } else {
                self.below(4).to_string()
            };
            self.bind(name.clone(), Kind::Node);
            (format!("({name}:{label} {{a: {value}}})"), name)
        };
        format!("MERGE {pattern}{}", actions.replace("{}", &name))
    }
}
