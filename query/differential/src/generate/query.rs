//! Random reading queries.

use super::{Generator, Kind, LABELS, TYPES, Variable};

impl Generator {
    /// Starts a text.
    pub(super) fn begin(&mut self) {
        self.scope.clear();
        self.names = 0;
        self.used.clear();
        self.is_made_up = false;
        self.is_bounded = false;
    }

    /// A query that reads.
    pub fn query(&mut self) -> String {
        self.begin();
        match self.below(40) {
            0..=2 => {
                let columns = 1 + self.below(2);
                let all = if self.chance(1, 2) { " ALL" } else { "" };
                let count = 2 + self.below(2);
                let parts: Vec<String> = (0..count).map(|_| self.part(columns)).collect();
                let union = parts.join(&format!(" UNION{all} "));
                if self.chance(1, 5) {
                    let rest = self.next(columns);
                    return format!("{union} {rest}");
                }
                union
            }
            3 => {
                let columns = 1 + self.below(2);
                let part = self.part(columns);
                let rest = self.next(columns);
                format!("{part} {rest}")
            }
            4 => {
                let columns = 1 + self.below(2);
                self.branches(columns)
            }
            _ => {
                let size = 1 + self.below(3);
                let clauses = self.reading(size);
                format!("{clauses}{}", self.result())
            }
        }
    }

    /// A part of a union: it returns so many columns, `c0`, `c1` and so on.
    fn part(&mut self, columns: usize) -> String {
        self.scope.clear();
        self.used.clear();
        let clauses = self.reading(1);
        let items = self.column_items(columns);
        format!("{clauses}RETURN {items}")
    }

    fn column_items(&mut self, columns: usize) -> String {
        let items: Vec<String> = (0..columns)
            .map(|column| format!("{} AS c{column}", self.any(1)))
            .collect();
        items.join(", ")
    }

    fn columns_of(&self, columns: usize) -> Vec<Variable> {
        let names = (0..columns).map(|column| Variable {
            name: format!("c{column}"),
            kind: Kind::Any,
            witness: None,
        });
        names.collect()
    }

    /// NEXT and what stands behind it.
    fn next(&mut self, columns: usize) -> String {
        self.scope = self.columns_of(columns);
        self.used.clear();
        let clauses = if self.chance(1, 2) {
            self.reading(1)
        } else {
            String::new()
        };
        if clauses.is_empty() && self.chance(1, 4) {
            return format!("NEXT {}", self.branches(columns));
        }
        format!("NEXT {clauses}{}", self.result())
    }

    /// WHEN … THEN … ELSE.
    fn branches(&mut self, columns: usize) -> String {
        let outside = self.scope.clone();
        let mut text = String::new();
        for _ in 0..1 + self.below(2) {
            self.scope.clone_from(&outside);
            let test = self.predicate(1);
            let branch = self.branch(columns);
            text.push_str(&format!("WHEN {test} THEN {{ {branch} }} "));
        }
        if self.chance(4, 5) {
            self.scope.clone_from(&outside);
            let branch = self.branch(columns);
            text.push_str(&format!("ELSE {{ {branch} }}"));
        }
        self.scope = outside;
        text.trim_end().to_owned()
    }

    fn branch(&mut self, columns: usize) -> String {
        let clauses = if self.chance(1, 2) {
            self.match_clause(false) + " "
        } else {
            String::new()
        };
        // A column may not have the name of a variable of outside.
        let items: Vec<String> = (0..columns)
            .map(|column| format!("{} AS k{column}", self.any(1)))
            .collect();
        format!("{clauses}RETURN {}", items.join(", "))
    }

    /// Some reading clauses.
    pub(super) fn reading(&mut self, count: usize) -> String {
        let mut text = String::new();
        for place in 0..count {
            let clause = match self.below(16) {
                6 | 7 if place > 0 => self.match_clause(true),
                6 => self.match_clause(true),
                7 | 8 => self.unwind(),
                9 | 10 if place > 0 => self.with(),
                11 | 12 if place > 0 => self.call(),
                13 if place > 0 => format!("FILTER {}", self.condition(2)),
                14 if place > 0 => self.let_clause(),
                15 if place > 0 && !self.scope.is_empty() => self.page(),
                _ => {
                    let optional = place > 0 && self.chance(1, 3);
                    self.match_clause(optional)
                }
            };
            text.push_str(&clause);
            text.push(' ');
        }
        text
    }

    fn let_clause(&mut self) -> String {
        let mut items = Vec::new();
        let mut made = Vec::new();
        for _ in 0..1 + self.below(2) {
            let (text, kind) = self.plain_item();
            let witness = self.witness_of(&text);
            let name = self.name("v");
            items.push(format!("{name} = {text}"));
            made.push((name, kind, witness));
        }
        for (name, kind, witness) in made {
            self.bind_element(name, kind, witness);
        }
        format!("LET {}", items.join(", "))
    }

    fn witness_of(&self, name: &str) -> Option<u64> {
        let known = self.scope.iter().find(|variable| variable.name == name);
        known.and_then(|variable| variable.witness)
    }

    /// ORDER BY, SKIP and LIMIT that stand alone.
    fn page(&mut self) -> String {
        let columns = self.scope.clone();
        let order = self.order_by(&columns);
        let limits = self.limits();
        format!("{}{limits}", order.trim_start())
    }

    fn unwind(&mut self) -> String {
        let kind = [Kind::Int, Kind::Any, Kind::Text][self.below(3)].clone();
        let list = self.expression(&Kind::List(Box::new(kind.clone())), 1);
        let name = self.name("u");
        self.bind(name.clone(), kind);
        format!("UNWIND {list} AS {name}")
    }

    fn match_clause(&mut self, optional: bool) -> String {
        self.used.clear();
        self.is_made_up = self.chance(1, if optional { 3 } else { 12 });
        let start = if optional { "OPTIONAL MATCH" } else { "MATCH" };
        let is_repeatable = self.chance(1, 14);
        self.is_bounded = is_repeatable;
        let mode = match self.below(30) {
            _ if is_repeatable => " REPEATABLE ELEMENTS",
            0 => " DIFFERENT RELATIONSHIPS",
            _ => "",
        };
        let mut patterns: Vec<String> = Vec::new();
        match self.below(14) {
            0 => patterns.push(self.search_pattern()),
            1 if !is_repeatable => patterns.push(self.shortest_pattern()),
            _ => {
                for _ in 0..if self.chance(1, 4) { 2 } else { 1 } {
                    let pattern = self.path_pattern();
                    patterns.push(pattern);
                }
            }
        }
        let predicate = if self.chance(2, 5) {
            format!(" WHERE {}", self.condition(2))
        } else {
            String::new()
        };
        self.is_made_up = false;
        self.is_bounded = false;
        format!("{start}{mode} {}{predicate}", patterns.join(", "))
    }

    pub(super) fn exists_subquery(&mut self, depth: usize) -> String {
        let body = self.subquery_body(depth);
        format!("EXISTS {{ {body} }}")
    }

    pub(super) fn count_subquery(&mut self, depth: usize) -> String {
        let body = self.subquery_body(depth);
        format!("COUNT {{ {body} }}")
    }

    /// COLLECT of a query, whose order is open unless it says it.
    pub(super) fn collect_subquery(&mut self) -> String {
        self.scoped(|g| {
            let pattern = g.connected_pattern();
            let predicate = if g.chance(1, 2) {
                format!(" WHERE {}", g.condition(1))
            } else {
                String::new()
            };
            let value = g.any(1);
            let order = if g.chance(1, 2) { " ORDER BY x" } else { "" };
            let limit = if g.chance(1, 4) { " LIMIT 2" } else { "" };
            format!("COLLECT {{ MATCH {pattern}{predicate} RETURN {value} AS x{order}{limit} }}")
        })
    }

    fn subquery_body(&mut self, depth: usize) -> String {
        self.scoped(|g| {
            let pattern = g.connected_pattern();
            let predicate = if g.chance(1, 2) {
                format!(" WHERE {}", g.condition(depth.min(1)))
            } else {
                String::new()
            };
            match g.below(5) {
                4 => {
                    let next = g.connected_pattern();
                    format!(
                        "MATCH {pattern}{predicate} WITH * MATCH {next} RETURN {} AS x",
                        g.any(0)
                    )
                }
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
        let outside = self.scope.clone();
        let (text, column) = self.scoped(|g| {
            let is_all = g.chance(1, 6);
            g.scope = if is_all { outside } else { names };
            if g.chance(1, 8) {
                // Branches for each row.
                let column = g.name("c");
                let branches = g.branches(1).replace(" AS k0", &format!(" AS {column}"));
                let scope = if is_all {
                    "*".to_owned()
                } else {
                    list.join(", ")
                };
                return (format!("CALL ({scope}) {{ {branches} }}"), column);
            }
            let clauses = g.reading(1);
            let column = g.name("c");
            let result = match g.below(4) {
                0 => format!("count(*) AS {column}"),
                1 => format!("max({}) AS {column}", g.any(1)),
                2 => format!(
                    "{} AS {column} ORDER BY {column} LIMIT {}",
                    g.any(1),
                    1 + g.below(3)
                ),
                _ => format!("{} AS {column}", g.any(1)),
            };
            let optional = if g.chance(1, 3) { "OPTIONAL " } else { "" };
            let union = if g.chance(1, 8) {
                // The part sees nothing of the first.
                let other = g.int_literal();
                format!(" UNION ALL RETURN {other} AS {column}")
            } else {
                String::new()
            };
            let text = if is_all {
                format!("{optional}CALL (*) {{ {clauses}RETURN {result} }}")
            } else if g.chance(2, 3) {
                let union =
                    if union.contains('.') || list.iter().any(|name| union.contains(&**name)) {
                        String::new()
                    } else {
                        union
                    };
                format!(
                    "{optional}CALL ({}) {{ {clauses}RETURN {result}{union} }}",
                    list.join(", ")
                )
            } else if list.is_empty() {
                format!("{optional}CALL {{ {clauses}RETURN {result} }}")
            } else {
                let with = format!("WITH {}", list.join(", "));
                format!("{optional}CALL {{ {with} {clauses}RETURN {result} }}")
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
        let known = self.scope.clone();
        let mut add = |items: &mut Vec<String>, text: String, name: String, kind: Kind| {
            let same = known.iter().find(|variable| variable.name == text);
            let witness = same.and_then(|variable| variable.witness);
            items.push(if text == name {
                text
            } else {
                format!("{text} AS {name}")
            });
            columns.push(Variable {
                name,
                kind,
                witness,
            });
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
            Kind::Duration,
            Kind::LocalDateTime,
            Kind::DateTime,
            Kind::Point,
        ];
        if let Some(node) = self.variable(|kind| *kind == Kind::Node)
            && self.chance(1, 10)
        {
            return match self.below(5) {
                3 => (format!("{node} {{.*}}"), Kind::Map),
                4 => {
                    let place = self.below(self.scope.len());
                    let other = self.scope[place].name.clone();
                    (
                        format!("{node} {{.a, b: {}, {other}}}", self.any(0)),
                        Kind::Map,
                    )
                }
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
        if keys.is_empty() {
            keys.push("1".to_owned());
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
            let skip = self.pick(&["SKIP", "OFFSET"]);
            let count = match self.below(40) {
                0 => "$negative".to_owned(),
                1 => "$text".to_owned(),
                _ => self.pick(&["0", "0", "1", "1", "2"]).to_owned(),
            };
            text.push_str(&format!(" {skip} {count}"));
        }
        if self.chance(2, 3) {
            let limit = match self.below(5) {
                0 if self.chance(1, 12) => self.pick(&["$negative", "$text", "$none"]).to_owned(),
                0 => "$int".to_owned(),
                1 => "1 + 1".to_owned(),
                _ if self.chance(1, 15) => "0".to_owned(),
                _ => (1 + self.below(6)).to_string(),
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
