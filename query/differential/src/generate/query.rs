//! Random reading queries.

use super::{Generator, Kind, LABELS, TYPES, Variable};

impl Generator {
    /// A query that reads.
    pub fn query(&mut self) -> String {
        self.scope.clear();
        self.names = 0;
        if self.chance(1, 12) {
            let columns = 1 + self.below(2);
            let all = if self.chance(1, 2) { " ALL" } else { "" };
            let parts: Vec<String> = (0..2 + self.below(2))
                .map(|_| {
                    self.scope.clear();
                    let clauses = self.reading(1);
                    let items: Vec<String> = (0..columns)
                        .map(|column| format!("{} AS c{column}", self.any(1)))
                        .collect();
                    format!("{clauses}RETURN {}", items.join(", "))
                })
                .collect();
            return parts.join(&format!(" UNION{all} "));
        }
        let size = 1 + self.below(3);
        let clauses = self.reading(size);
        format!("{clauses}{}", self.result())
    }

    /// Some reading clauses.
    pub(super) fn reading(&mut self, count: usize) -> String {
        let mut text = String::new();
        for place in 0..count {
            let clause = match self.below(12) {
                0..=5 => {
                    let optional = place > 0 && self.chance(1, 3);
                    self.match_clause(optional)
                }
                6 | 7 if place > 0 => self.match_clause(true),
                6 => self.match_clause(true),
                7 | 8 => self.unwind(),
                9 | 10 if place > 0 => self.with(),
                11 if place > 0 => self.call(),
                _ => self.match_clause(false),
            };
            text.push_str(&clause);
            text.push(' ');
        }
        text
    }

    fn unwind(&mut self) -> String {
        let kind = [Kind::Int, Kind::Any, Kind::Text][self.below(3)].clone();
        let list = self.expression(&Kind::List(Box::new(kind.clone())), 1);
        let name = self.name("u");
        self.bind(name.clone(), kind);
        format!("UNWIND {list} AS {name}")
    }

    fn match_clause(&mut self, optional: bool) -> String {
        let count = if self.chance(1, 4) { 2 } else { 1 };
        let mut patterns: Vec<String> = Vec::new();
        for _ in 0..count {
            let pattern = self.path_pattern();
            patterns.push(pattern);
        }
        let predicate = if self.chance(2, 5) {
            format!(" WHERE {}", self.condition(2))
        } else {
            String::new()
        };
        let start = if optional { "OPTIONAL MATCH" } else { "MATCH" };
        format!("{start} {}{predicate}", patterns.join(", "))
    }

    /// A node pattern; a variable in scope may stand in it again.
    fn node_pattern(&mut self, connects: bool) -> String {
        let known = self.variable(|kind| *kind == Kind::Node);
        if let Some(name) = known
            && self.chance(if connects { 10 } else { 1 }, 12)
        {
            return format!("({name})");
        }
        let label = if self.chance(1, 4) {
            self.label_expression()
        } else {
            String::new()
        };
        let properties = match self.below(24) {
            0 => format!(" {{a: {}}}", self.below(3)),
            1 => format!(" {{b: {}}}", self.text_literal()),
            2 => {
                let outer = self.expression(&Kind::Int, 0);
                format!(" {{a: {outer}}}")
            }
            _ => String::new(),
        };
        if self.chance(1, 5) {
            return format!("({label}{properties})");
        }
        let name = self.name("n");
        self.bind(name.clone(), Kind::Node);
        let predicate = if self.chance(1, 20) {
            format!(" WHERE {name}.{} > 0", self.pick(&["a", "i", "d"]))
        } else {
            String::new()
        };
        format!("({name}{label}{properties}{predicate})")
    }

    /// A relationship pattern and the kind of what it binds.
    fn relationship_pattern(&mut self, may_be_long: bool) -> String {
        let types = match self.below(6) {
            0 => format!(":{}", self.type_name()),
            1 => format!(":R|{}", self.type_name()),
            _ => String::new(),
        };
        let is_long = may_be_long && self.chance(1, 5);
        let length = if is_long {
            if self.chance(1, 15) {
                "*"
            } else {
                self.pick(&[
                    "*1..2", "*0..1", "*2", "*..3", "*0..2", "*2..3", "*1", "*0", "*..4",
                ])
            }
        } else {
            ""
        };
        let properties = if self.chance(1, 20) {
            format!(" {{a: {}}}", self.below(3))
        } else {
            String::new()
        };
        let name = if self.chance(1, 2) {
            let name = self.name("r");
            let kind = if is_long {
                Kind::List(Box::new(Kind::Relationship))
            } else {
                Kind::Relationship
            };
            self.bind(name.clone(), kind);
            name
        } else {
            String::new()
        };
        let inner = format!("{name}{types}{length}{properties}");
        let inner = if inner.is_empty() {
            String::new()
        } else {
            format!("[{inner}]")
        };
        match self.below(5) {
            0 | 1 => format!("-{inner}->"),
            2 | 3 => format!("<-{inner}-"),
            _ => format!("-{inner}-"),
        }
    }

    fn path_pattern(&mut self) -> String {
        let steps = [0, 0, 0, 1, 1, 1, 1, 2, 2, 3][self.below(10)];
        let path = (steps > 0 && self.chance(1, 8)).then(|| self.name("p"));
        let connects = self.chance(1, 2);
        let mut text = self.node_pattern(connects);
        for step in 0..steps {
            let relationship = self.relationship_pattern(step < 2);
            let node = self.node_pattern(false);
            text.push_str(&relationship);
            text.push_str(&node);
        }
        match path {
            Some(name) => {
                self.bind(name.clone(), Kind::Path);
                format!("{name} = {text}")
            }
            None => text,
        }
    }

    /// A pattern with one or two relationships that starts, if it can, at a node in scope.
    pub(super) fn connected_pattern(&mut self) -> String {
        let mut text = self.node_pattern(true);
        for _ in 0..1 + self.below(2) {
            let relationship = self.relationship_pattern(false);
            text.push_str(&relationship);
            text.push_str(&self.node_pattern(false));
        }
        text
    }

    pub(super) fn exists_subquery(&mut self, depth: usize) -> String {
        let body = self.subquery_body(depth);
        format!("EXISTS {{ {body} }}")
    }

    pub(super) fn count_subquery(&mut self, depth: usize) -> String {
        let body = self.subquery_body(depth);
        format!("COUNT {{ {body} }}")
    }

    fn subquery_body(&mut self, depth: usize) -> String {
        self.scoped(|g| {
            let pattern = g.connected_pattern();
            let predicate = if g.chance(1, 2) {
                format!(" WHERE {}", g.condition(depth.min(1)))
            } else {
                String::new()
            };
            match g.below(4) {
                0 => format!("MATCH {pattern}{predicate} RETURN {} AS x", g.any(1)),
                1 => {
                    let distinct = g.pick(&["", "DISTINCT "]);
                    format!(
                        "MATCH {pattern}{predicate} RETURN {distinct}{} AS x",
                        g.any(0)
                    )
                }
                _ => format!("{pattern}{predicate}"),
            }
        })
    }

    fn call(&mut self) -> String {
        let names: Vec<Variable> = {
            let mut names = self.scope.clone();
            names.retain(|_| self.chance(1, 2));
            names
        };
        let list: Vec<String> = names.iter().map(|variable| variable.name.clone()).collect();
        let (text, column) = self.scoped(|g| {
            g.scope = names;
            let clauses = g.reading(1);
            let column = g.name("c");
            let result = match g.below(3) {
                0 => format!("count(*) AS {column}"),
                1 => format!("max({}) AS {column}", g.any(1)),
                _ => format!("{} AS {column}", g.any(1)),
            };
            let text = if g.chance(1, 2) {
                format!("CALL ({}) {{ {clauses}RETURN {result} }}", list.join(", "))
            } else if list.is_empty() {
                format!("CALL {{ {clauses}RETURN {result} }}")
            } else {
                let with = format!("WITH {}", list.join(", "));
                format!("CALL {{ {with} {clauses}RETURN {result} }}")
            };
            (text, column)
        });
        self.bind(column, Kind::Any);
        text
    }

    /// An aggregate and the kind of its value.
    fn aggregate(&mut self) -> (String, Kind) {
        let distinct = if self.chance(1, 4) { "DISTINCT " } else { "" };
        match self.below(11) {
            0 | 1 => ("count(*)".to_owned(), Kind::Int),
            2 => (format!("count({distinct}{})", self.any(1)), Kind::Int),
            3 => (format!("sum({distinct}{})", self.int(1)), Kind::Int),
            4 => (format!("sum({distinct}{})", self.number(0)), Kind::Number),
            5 => (format!("avg({distinct}{})", self.number(0)), Kind::Number),
            6 => (format!("min({})", self.any(1)), Kind::Any),
            7 => (format!("max({})", self.any(1)), Kind::Any),
            8 => {
                let kind = [Kind::Int, Kind::Any][self.below(2)].clone();
                let value = self.expression(&kind, 1);
                let bag = Kind::Bag(Box::new(kind));
                (format!("collect({distinct}{value})"), bag)
            }
            9 => (format!("count(*) + {}", self.below(3)), Kind::Int),
            _ => {
                let fraction = self.pick(&["0.0", "0.5", "0.9", "1.0"]);
                let value = self.int(0);
                (format!("percentileDisc({value}, {fraction})"), Kind::Number)
            }
        }
    }

    /// The items of a projection with the variables they make.
    fn items(&mut self, is_result: bool) -> (Vec<String>, Vec<Variable>, bool) {
        let groups = self.chance(1, 3);
        let mut items = Vec::new();
        let mut columns = Vec::new();
        let mut add = |items: &mut Vec<String>, text: String, name: String, kind: Kind| {
            items.push(if text == name {
                text
            } else {
                format!("{text} AS {name}")
            });
            columns.push(Variable { name, kind });
        };
        if groups {
            for _ in 0..self.below(3) {
                let (text, kind) = self.plain_item();
                let name = self.name("g");
                add(&mut items, text, name, kind);
            }
            for _ in 0..1 + self.below(2) {
                let (text, kind) = self.aggregate();
                let name = self.name("v");
                add(&mut items, text, name, kind);
            }
            return (items, columns, true);
        }
        let kept = self.scope.clone();
        for variable in kept {
            let odds = if is_result { 3 } else { 7 };
            if self.chance(odds, 10) {
                add(
                    &mut items,
                    variable.name.clone(),
                    variable.name,
                    variable.kind,
                );
            }
        }
        for _ in 0..self.below(3) + usize::from(items.is_empty()) {
            let (text, kind) = self.plain_item();
            let name = self.name("v");
            add(&mut items, text, name, kind);
        }
        (items, columns, false)
    }

    fn plain_item(&mut self) -> (String, Kind) {
        let kinds = [
            Kind::Any,
            Kind::Any,
            Kind::Any,
            Kind::Int,
            Kind::Number,
            Kind::Text,
            Kind::Bool,
            Kind::Map,
            Kind::List(Box::new(Kind::Int)),
            Kind::Date,
        ];
        if let Some(node) = self.variable(|kind| *kind == Kind::Node)
            && self.chance(1, 10)
        {
            return match self.below(3) {
                0 => (format!("{node} {{.a, .b, x: {node}.i}}"), Kind::Map),
                1 => (format!("properties({node})"), Kind::Map),
                _ => (node, Kind::Node),
            };
        }
        let kind = kinds[self.below(kinds.len())].clone();
        (self.expression(&kind, 2), kind)
    }

    /// ORDER BY over all columns, so that only equal rows are left in an open order.
    fn order_by(&mut self, columns: &[Variable]) -> String {
        let mut keys: Vec<String> = Vec::new();
        for column in columns {
            let name = &column.name;
            keys.push(match column.kind {
                Kind::Node | Kind::Relationship => format!("{name}.i"),
                Kind::Path => format!("length({name})"),
                Kind::List(_) | Kind::Bag(_) if self.chance(1, 2) => format!("size({name})"),
                _ => name.clone(),
            });
        }
        let first = self.below(keys.len());
        keys.swap(0, first);
        let keys: Vec<String> = keys
            .into_iter()
            .map(|key| format!("{key}{}", self.pick(&["", " DESC", " ASC"])))
            .collect();
        format!(" ORDER BY {}", keys.join(", "))
    }

    fn limits(&mut self) -> String {
        let mut text = String::new();
        if self.chance(1, 3) {
            text.push_str(&format!(" SKIP {}", self.below(4)));
        }
        if self.chance(2, 3) {
            let limit = match self.below(5) {
                0 => "$int".to_owned(),
                _ => self.below(6).to_string(),
            };
            text.push_str(&format!(" LIMIT {limit}"));
        }
        text
    }

    fn with(&mut self) -> String {
        let (items, columns, _) = self.items(false);
        let distinct = if self.chance(1, 6) { "DISTINCT " } else { "" };
        let mut text = format!("WITH {distinct}{}", items.join(", "));
        if self.chance(1, 4) {
            text.push_str(&self.order_by(&columns));
            text.push_str(&self.limits());
        }
        self.scope = columns;
        if self.chance(1, 3) {
            text.push_str(&format!(" WHERE {}", self.condition(2)));
        }
        text
    }

    fn result(&mut self) -> String {
        let (items, columns, groups) = self.items(true);
        let distinct = if self.chance(1, 6) { "DISTINCT " } else { "" };
        let mut text = format!("RETURN {distinct}{}", items.join(", "));
        if self.chance(1, 3) {
            text.push_str(&self.order_by(&columns));
            text.push_str(&self.limits());
        } else if !groups && distinct.is_empty() && self.chance(1, 12) {
            // A key that is no column.
            let key = self.any(1);
            text.push_str(&format!(" ORDER BY {key}"));
        } else if self.chance(1, 20) {
            text.push_str(&format!(" LIMIT {}", self.below(4)));
        }
        text
    }

    /// A relationship type; seldom one that no relationship has.
    pub(super) fn type_name(&mut self) -> &'static str {
        match self.below(20) {
            0 => TYPES[3],
            1..=9 => TYPES[0],
            10..=14 => TYPES[1],
            _ => TYPES[2],
        }
    }

    /// A label that nodes have.
    pub(super) fn label(&mut self) -> &'static str {
        self.pick(&LABELS[..3])
    }
}
