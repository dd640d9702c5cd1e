//! Random graphs: the statements that make them, and later changes.

use super::{Generator, LABELS};

impl Generator {
    /// A literal for a property of this name.
    pub(super) fn property_literal(&mut self, key: &str) -> String {
        if self.is_mixed && self.chance(1, 4) {
            return match self.below(8) {
                0 => self.int_literal(),
                1 => self.float_literal(),
                2 => self.text_literal(),
                3 => "true".to_owned(),
                4 => "[1, 2]".to_owned(),
                5 => "0.0 / 0.0".to_owned(),
                6 => "'a'".to_owned(),
                _ => "1.0".to_owned(),
            };
        }
        match key {
            "a" => self.below(3).to_string(),
            "b" => self.text_literal(),
            "c" => match self.below(3) {
                0 => self.int_literal(),
                1 => self.float_literal(),
                _ => self.text_literal(),
            },
            "d" => self.float_literal(),
            "e" => self.pick(&["true", "false"]).to_owned(),
            "l" => self
                .pick(&[
                    "[]", "[1]", "[1, 2]", "[2, 1]", "['a']", "[1, 'a']", "[1.5]",
                ])
                .to_owned(),
            "u" => self.duration_literal(),
            "h" => self.time_literal(),
            "p" => self.point_literal(),
            "w" if self.chance(1, 2) => self.local_literal(),
            "w" => self.instant_literal(),
            _ => self.date_literal(),
        }
    }

    /// Properties in braces: the number, if any, and some others.
    fn properties(&mut self, number: Option<usize>) -> String {
        let mut parts: Vec<String> = number.map(|n| format!("i: {n}")).into_iter().collect();
        for key in ["a", "b", "c", "d", "e", "l", "t", "u", "h", "w", "p"] {
            let odds = match key {
                "a" | "b" | "c" => 2,
                "d" | "e" | "l" | "t" => 5,
                _ => 8,
            };
            if self.chance(1, odds) {
                let literal = self.property_literal(key);
                parts.push(format!("{key}: {literal}"));
            }
        }
        format!("{{{}}}", parts.join(", "))
    }

    pub(super) fn labels(&mut self) -> String {
        let mut labels = String::new();
        for label in &LABELS[..3] {
            if self.chance(1, 2) {
                labels.push_str(&format!(":{label}"));
            }
        }
        labels
    }

    /// The transactions that make a graph.
    pub fn graph(&mut self) -> Vec<Vec<String>> {
        let mut commits = Vec::new();
        let has_index_first = self.chance(1, 4);
        if has_index_first {
            commits.extend(self.indexes());
        }
        let nodes = match self.below(20) {
            0 => 0,
            1 => 1,
            _ => 3 + self.below(5),
        };
        let mut first = Vec::new();
        for node in 0..nodes {
            let (labels, properties) = (self.labels(), self.properties(Some(node)));
            first.push(format!("CREATE ({labels} {properties})"));
        }
        let relationships = match nodes {
            0 => 0,
            _ => nodes / 2 + self.below(2 * nodes),
        };
        for relationship in 0..relationships {
            let (start, end) = (self.below(nodes), self.below(nodes));
            let type_name = self.pick(&["R", "R", "S", "T"]);
            let properties = self.properties(Some(100 + relationship));
            let ends = if start == end {
                format!("MATCH (a {{i: {start}}}) CREATE (a)-[:{type_name} {properties}]->(a)")
            } else {
                format!(
                    "MATCH (a {{i: {start}}}), (b {{i: {end}}}) \
                     CREATE (a)-[:{type_name} {properties}]->(b)"
                )
            };
            first.push(ends);
        }
        if !first.is_empty() {
            commits.push(first);
        }
        if !has_index_first && self.chance(1, 3) {
            commits.extend(self.indexes());
        }
        for _ in 0..self.below(4) {
            let change = self.change(nodes, relationships);
            commits.push(vec![change]);
        }
        commits
    }

    fn indexes(&mut self) -> Vec<Vec<String>> {
        let mut commands = Vec::new();
        for label in &LABELS[..2] {
            for key in ["a", "b", "c", "i"] {
                if self.chance(2, 5) {
                    let command = format!("CREATE INDEX FOR (n:{label}) ON (n.{key})");
                    commands.push(vec![command]);
                }
            }
        }
        let label = self.pick(&LABELS[..3]);
        let type_name = self.pick(&["R", "S", "T"]);
        let key = self.pick(&["a", "b", "c", "d", "i"]);
        for command in [
            format!("CREATE INDEX FOR (n:{label}) ON (n.a, n.b)"),
            format!("CREATE INDEX FOR (n:{label}) ON (n.c, n.a, n.i)"),
            format!("CREATE INDEX FOR ()-[r:{type_name}]-() ON (r.{key})"),
            format!("CREATE INDEX FOR ()-[r:{type_name}]-() ON (r.b, r.a)"),
            format!("CREATE TEXT INDEX FOR (n:{label}) ON (n.b)"),
            format!("CREATE TEXT INDEX FOR ()-[r:{type_name}]-() ON (r.b)"),
            format!("CREATE POINT INDEX FOR (n:{label}) ON (n.p)"),
            format!("CREATE POINT INDEX FOR ()-[r:{type_name}]-() ON (r.p)"),
        ] {
            if self.chance(1, 4) {
                commands.push(vec![command]);
            }
        }
        commands
    }

    /// A small change of the graph, so that it has a past.
    fn change(&mut self, nodes: usize, relationships: usize) -> String {
        let node = format!("MATCH (n {{i: {}}})", self.below(nodes.max(1)));
        let key = self.pick(&["a", "b", "c", "d", "e"]);
        match self.below(7) {
            0 => {
                let value = self.property_literal(key);
                format!("{node} SET n.{key} = {value}")
            }
            1 => format!("{node} REMOVE n.{key}"),
            2 => format!("{node} DETACH DELETE n"),
            3 => format!("{node} SET n:{}", self.pick(&LABELS[..3])),
            4 => format!("{node} REMOVE n:{}", self.pick(&LABELS[..3])),
            5 => {
                let relationship = 100 + self.below(relationships.max(1));
                format!("MATCH ()-[r {{i: {relationship}}}]->() DELETE r")
            }
            _ => {
                let (labels, properties) = (self.labels(), self.properties(Some(50)));
                format!("{node} CREATE (n)-[:R {{i: 150}}]->({labels} {properties})")
            }
        }
    }
}
