//! Random writing queries.

use super::{Generator, Kind, TYPES};

impl Generator {
    /// A query that writes, perhaps with a result.
    pub fn update(&mut self) -> String {
        self.begin();
        let mut text = if self.chance(1, 5) {
            let list = self.expression(&Kind::List(Box::new(Kind::Int)), 0);
            let name = self.name("u");
            self.bind(name.clone(), Kind::Int);
            format!("UNWIND {list} AS {name} ")
        } else {
            self.reading(1)
        };
        for _ in 0..1 + self.below(2) {
            let clause = if self.chance(1, 10) {
                self.writing_call()
            } else {
                self.write_clause()
            };
            text.push_str(&clause);
            text.push(' ');
            if clause.contains("DELETE") {
                self.scope
                    .retain(|variable| matches!(variable.kind, Kind::Int));
                break;
            }
        }
        match self.below(10) {
            0 => text.push_str("FINISH"),
            // A read after the write sees what it wrote.
            1 => {
                let pattern = self.connected_pattern();
                let item = self.any(1);
                text.push_str(&format!(
                    "MATCH {pattern} RETURN {item} AS c0, count(*) AS c1"
                ));
            }
            2..=6 => {
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
            _ => {}
        }
        text.trim_end().to_owned()
    }

    /// A subquery that writes for each row.
    fn writing_call(&mut self) -> String {
        let names: Vec<String> = self
            .scope
            .iter()
            .map(|variable| variable.name.clone())
            .collect();
        let nodes = self.of_kind(|kind| *kind == Kind::Node);
        let inner = self.scoped(|g| match g.below(4) {
            // It sees what it made for earlier rows.
            1 => {
                let label = g.label();
                let key = g.pick(&["a", "c"]);
                format!(
                    "MATCH (k:{label}) WITH count(k) AS k, sum(k.i) AS s \
                     CREATE (:{label} {{{key}: k, i: s}})"
                )
            }
            0 if !nodes.is_empty() => {
                let node = &nodes[g.below(nodes.len())];
                format!("SET {node}.a = {}", g.int(1))
            }
            _ => g.create_clause(&nodes),
        });
        format!("CALL ({}) {{ {inner} }}", names.join(", "))
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
                match self.below(11) {
                    6 => format!("SET {element}['{key}'] = {}", self.any(1)),
                    7 => format!("REMOVE {element}['{key}']"),
                    8 => {
                        let other = elements[self.below(elements.len())].clone();
                        format!("SET {element} += properties({other})")
                    }
                    9 => {
                        let value = self.int(1);
                        format!("SET {element}.{key} = {value}, {element}.c = {element}.{key}")
                    }
                    10 => format!("SET {element} = {}", self.values()),
                    0 | 1 => {
                        let value = self.property_literal(key);
                        format!("SET {element}.{key} = {value}")
                    }
                    2 => format!("SET {element}.{key} = {}", self.any(1)),
                    3 => format!("SET {element} += {}", self.values()),
                    4 => format!("REMOVE {element}.{key}"),
                    _ => match nodes.first() {
                        Some(node) if self.chance(1, 3) => {
                            let (one, two) = (self.label(), self.label());
                            match self.below(4) {
                                0 => format!("SET {node}:$('{one}'):{two}"),
                                1 => format!("REMOVE {node}:$(['{one}', '{two}'])"),
                                2 => format!("SET {node} IS {one}"),
                                _ => format!("SET {node}:{one}:{two}"),
                            }
                        }
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
                    match g.below(5) {
                        0 if !nodes.is_empty() => {
                            let node = &nodes[g.below(nodes.len())];
                            format!("SET {node}.a = {name}")
                        }
                        1 => format!("MERGE (:{} {{a: {name}}})", g.label()),
                        2 if !nodes.is_empty() => {
                            let node = &nodes[g.below(nodes.len())];
                            let first = g.create_clause(&nodes);
                            format!("{first} SET {node}.c = {name}")
                        }
                        _ => g.create_clause(&nodes),
                    }
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
            let (mut labels, values) = (g.labels(), g.values());
            if g.chance(1, 12) {
                labels = format!(":$('{}')", g.label());
            }
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
        let actions = match self.below(6) {
            4 => " ON MATCH SET {}.b = 'm' ON CREATE SET {}.b = 'c', {}.d = 0.5",
            5 => " ON MATCH SET {} += {a: 7}",
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
        } else if !nodes.is_empty() && self.chance(1, 3) {
            // A relationship to a node that may have to be made.
            let start = nodes[self.below(nodes.len())].clone();
            let name = self.name("n");
            let (type_name, label) = (self.pick(&TYPES[..3]), self.label());
            let value = self.below(3);
            self.bind(name.clone(), Kind::Node);
            let arrow = self.pick(&["->", "-"]);
            (
                format!("({start})-[:{type_name}]{arrow}({name}:{label} {{a: {value}}})"),
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
