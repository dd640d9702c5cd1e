//! Random expressions of a wanted kind.

use super::{Generator, Kind};

impl Generator {
    pub(super) fn int_literal(&mut self) -> String {
        if self.chance(1, 30) {
            return self
                .pick(&[
                    "9223372036854775807",
                    "-9223372036854775808",
                    "4611686018427387904",
                ])
                .to_owned();
        }
        self.pick(&["-2", "-1", "0", "1", "1", "2", "3", "5"])
            .to_owned()
    }

    pub(super) fn float_literal(&mut self) -> String {
        self.pick(&["0.5", "1.0", "1.5", "-2.5", "0.0", "-0.0", "1000.25", "2.0"])
            .to_owned()
    }

    pub(super) fn text_literal(&mut self) -> String {
        self.pick(&["''", "'a'", "'b'", "'ab'", "'A'", "'é'", "'ba'", "'1'"])
            .to_owned()
    }

    /// A property that probably holds what is wanted: most of the time one that the witness of a
    /// variable has.
    pub(super) fn property(&mut self, keys: &[&'static str]) -> Option<String> {
        let elements: Vec<_> = self
            .scope
            .iter()
            .filter(|of| matches!(of.kind, Kind::Node | Kind::Relationship))
            .cloned()
            .collect();
        if elements.is_empty() {
            return None;
        }
        let mut chosen = elements[self.below(elements.len())].clone();
        let mut key = if self.chance(1, 12) {
            self.pick(&["a", "b", "c", "d", "e", "i", "l", "t", "z", "u", "w"])
        } else {
            self.pick(keys)
        };
        if self.chance(5, 6) {
            let known: Vec<_> = elements
                .iter()
                .flat_map(|of| keys.iter().map(move |key| (of, *key)))
                .filter(|(of, key)| {
                    of.witness.is_some_and(|id| {
                        let properties = match of.kind {
                            Kind::Node => self.graph.nodes.get(&id).map(|of| &of.properties),
                            _ => {
                                let of = self.graph.relationships.get(&id);
                                of.map(|of| &of.properties)
                            }
                        };
                        properties.is_some_and(|of| of.contains_key(*key))
                    })
                })
                .map(|(of, key)| (of.clone(), key))
                .collect();
            if !known.is_empty() {
                (chosen, key) = known[self.below(known.len())].clone();
            }
        }
        let element = chosen.name;
        Some(match self.below(40) {
            0 => format!("{element}['{key}']"),
            1 => format!("{element}[toLower('{}')]", key.to_ascii_uppercase()),
            2 => format!("properties({element}).{key}"),
            _ => format!("{element}.{key}"),
        })
    }

    /// An expression of a kind, with about `depth` levels.
    pub(super) fn expression(&mut self, kind: &Kind, depth: usize) -> String {
        match kind {
            Kind::Int => self.int(depth),
            Kind::Number => self.number(depth),
            Kind::Text => self.text(depth),
            Kind::Bool => self.predicate(depth),
            Kind::Date
            | Kind::LocalTime
            | Kind::LocalDateTime
            | Kind::DateTime
            | Kind::Duration
            | Kind::Point => self.moment(kind, depth),
            Kind::List(item) | Kind::Bag(item) => self.list(item, depth),
            Kind::Map => {
                let (a, b) = (self.any(depth.min(1)), self.any(depth.min(1)));
                format!("{{a: {a}, b: {b}}}")
            }
            Kind::Any => self.any(depth),
            Kind::Node | Kind::Relationship | Kind::Path => {
                let same = kind.clone();
                let name = self.variable(|kind| *kind == same);
                name.unwrap_or_else(|| "null".to_owned())
            }
        }
    }

    /// An expression of any kind whose value has no open order.
    pub(super) fn any(&mut self, depth: usize) -> String {
        match self.below(16) {
            0..=4 => {
                match self.property(&["a", "b", "c", "d", "i", "e", "l", "t", "u", "w", "p"]) {
                    Some(property) => property,
                    None => self.int(depth),
                }
            }
            5 => self.int(depth),
            6 => self.number(depth),
            7 => self.text(depth),
            8 => self.predicate(depth),
            9 => {
                let kind = [Kind::Int, Kind::Text, Kind::Any][self.below(3)].clone();
                self.list(&kind, depth)
            }
            10 => match self.variable(|kind| *kind == Kind::Any) {
                Some(name) => name,
                None => self.int(depth),
            },
            11 => {
                let kinds = &super::temporal::KINDS;
                let kind = kinds[self.below(kinds.len())].clone();
                self.moment(&kind, depth)
            }
            13 if self.chance(1, 4) => self.wrong(depth),
            13 => match self.variable(|kind| *kind == Kind::Path) {
                Some(path) => format!("[node IN nodes({path}) | node.i]"),
                None => self.int(depth),
            },
            14 => self.element_value(depth),
            12 => self.either(&Kind::Any, depth),
            _ => match self.variable(|kind| matches!(kind, Kind::Map)) {
                Some(name) => format!("{name}.{}", self.pick(&["a", "b", "z"])),
                None => self.pick(&["null", "$none", "$int", "$text"]).to_owned(),
            },
        }
    }

    /// A value of an element: itself, its type, its labels, its path's parts.
    fn element_value(&mut self, depth: usize) -> String {
        if let Some(name) = self.variable(|kind| *kind == Kind::Relationship)
            && self.chance(1, 2)
        {
            return match self.below(3) {
                0 => format!("type({name})"),
                1 => format!("startNode({name}).i"),
                _ => format!("endNode({name})"),
            };
        }
        let lists = |kind: &Kind| match kind {
            Kind::List(item) => matches!(**item, Kind::Node | Kind::Relationship),
            _ => false,
        };
        if let Some(name) = self.variable(lists)
            && self.chance(1, 2)
        {
            return match self.below(4) {
                0 => format!("size({name})"),
                1 => format!("[item IN {name} | item.i]"),
                2 => format!("head({name}).a"),
                _ => name,
            };
        }
        match self.variable(|kind| *kind == Kind::Node) {
            Some(name) => match self.below(5) {
                0 => name,
                1 => format!("{name} {{.a, .b}}"),
                2 => format!("{name} {{.*, a: {}}}", self.int(depth.min(1))),
                3 => format!("size(labels({name}))"),
                _ => match self.shortest_expression("shortestPath") {
                    Some(path) => format!("length({path})"),
                    None => name,
                },
            },
            None => self.int(depth),
        }
    }

    /// An operation whose operands have the wrong types, which only shows when it runs.
    fn wrong(&mut self, depth: usize) -> String {
        let value = self.any(depth.min(1));
        match self.below(7) {
            0 => format!("($map + {value})"),
            1 => "($text - $int)".to_owned(),
            2 => "size($int)".to_owned(),
            3 => "$text.a".to_owned(),
            4 => "$int[0]".to_owned(),
            5 => "abs($text)".to_owned(),
            _ => format!("($truth * {})", self.int(0)),
        }
    }

    /// CASE or coalesce: one of two expressions of a kind.
    fn either(&mut self, kind: &Kind, depth: usize) -> String {
        let depth = depth.saturating_sub(1);
        let (one, two) = (self.expression(kind, depth), self.expression(kind, depth));
        match self.below(3) {
            0 => format!("coalesce({one}, {two})"),
            1 => {
                let test = self.predicate(depth);
                format!("CASE WHEN {test} THEN {one} ELSE {two} END")
            }
            _ => {
                let (subject, when) = (self.any(depth.min(1)), self.any(depth.min(1)));
                format!("CASE {subject} WHEN {when} THEN {one} ELSE {two} END")
            }
        }
    }

    pub(super) fn int(&mut self, depth: usize) -> String {
        if depth == 0 || self.chance(1, 3) {
            return match self.below(5) {
                0 => self.int_literal(),
                1 => self.pick(&["$int", "1", "2"]).to_owned(),
                2 => match self.variable(|kind| *kind == Kind::Int) {
                    Some(name) => name,
                    None => self.int_literal(),
                },
                _ => match self.property(&["a", "i"]) {
                    Some(property) => property,
                    None => self.int_literal(),
                },
            };
        }
        let less = depth - 1;
        match self.below(15) {
            13 => self.part_of_moment(less.min(1)),
            14 => match self.variable(|kind| matches!(kind, Kind::Bag(_))) {
                Some(name) => format!("size({name})"),
                None => format!("size({})", self.collect_subquery()),
            },
            0..=3 => {
                let operator = self.pick(&["+", "-", "*", "/", "%", "+"]);
                format!("({} {operator} {})", self.int(less), self.int(less))
            }
            4 => {
                let kind = [Kind::Int, Kind::Any][self.below(2)].clone();
                format!("size({})", self.list(&kind, less))
            }
            5 => format!("size({})", self.text(less)),
            6 => self.either(&Kind::Int, depth),
            7 => match self.variable(|kind| *kind == Kind::Path) {
                Some(path) => format!("length({path})"),
                None => format!("-({})", self.int(less)),
            },
            8 => {
                let (total, item) = (self.name("s"), self.name("x"));
                let list = self.list(&Kind::Int, less);
                let step = self.scoped(|g| {
                    g.bind(item.clone(), Kind::Int);
                    g.bind(total.clone(), Kind::Int);
                    g.int(1)
                });
                format!("reduce({total} = 0, {item} IN {list} | {total} + {step})")
            }
            9 => {
                let list = self.list(&Kind::Int, less);
                match self.below(3) {
                    0 => format!("head({list})"),
                    1 => format!("last({list})"),
                    _ => format!("({list})[{}]", self.int_literal()),
                }
            }
            10 => self.count_subquery(less),
            11 => format!("abs({})", self.int(less)),
            _ => format!("toInteger({})", self.number(less)),
        }
    }

    pub(super) fn number(&mut self, depth: usize) -> String {
        if depth == 0 || self.chance(1, 3) {
            return match self.below(4) {
                0 => self.float_literal(),
                1 => "$float".to_owned(),
                2 => match self.variable(|kind| *kind == Kind::Number) {
                    Some(name) => name,
                    None => self.int(0),
                },
                _ => match self.property(&["d", "a"]) {
                    Some(property) => property,
                    None => self.float_literal(),
                },
            };
        }
        let less = depth - 1;
        match self.below(7) {
            6 => format!("({} ^ {})", self.number(less), self.below(3)),
            0..=2 => {
                let operator = self.pick(&["+", "-", "*", "/", "%"]);
                format!("({} {operator} {})", self.number(less), self.number(less))
            }
            3 => self.int(less),
            4 => self.either(&Kind::Number, depth),
            _ => format!(
                "{}({})",
                self.pick(&["abs", "floor", "ceil", "sign"]),
                self.number(less)
            ),
        }
    }

    fn text(&mut self, depth: usize) -> String {
        if depth == 0 || self.chance(1, 3) {
            return match self.below(4) {
                0 => self.text_literal(),
                1 => "$text".to_owned(),
                2 => match self.variable(|kind| *kind == Kind::Text) {
                    Some(name) => name,
                    None => self.text_literal(),
                },
                _ => match self.property(&["b"]) {
                    Some(property) => property,
                    None => self.text_literal(),
                },
            };
        }
        let less = depth - 1;
        match self.below(8) {
            0 => {
                let operator = self.pick(&["+", "||"]);
                format!("({} {operator} {})", self.text(less), self.text(less))
            }
            1 => format!("toUpper({})", self.text(less)),
            2 => format!("toString({})", self.int(less)),
            3 => self.either(&Kind::Text, depth),
            4 => format!("left({}, {})", self.text(less), self.below(3)),
            5 => format!("substring({}, {})", self.text(less), self.below(3)),
            6 => match self.variable(|kind| *kind == Kind::Relationship) {
                Some(name) => format!("type({name})"),
                None => format!("reverse({})", self.text(less)),
            },
            _ => format!("({} + {})", self.text(less), self.int(less)),
        }
    }

    /// A list in a fixed order.
    fn list(&mut self, item: &Kind, depth: usize) -> String {
        let own = item.clone();
        let known = self.variable(|kind| matches!(kind, Kind::List(of) if **of == own));
        if let Some(name) = known
            && self.chance(1, 2)
        {
            return name;
        }
        if depth == 0 || self.chance(1, 4) {
            return match (item, self.below(4)) {
                (Kind::Int, 0) => "$list".to_owned(),
                (Kind::Int, 1) => format!("range({}, {})", self.below(3), self.below(5)),
                (Kind::Any, 0) => match self.property(&["l"]) {
                    Some(property) => property,
                    None => "[]".to_owned(),
                },
                _ => {
                    let length = self.below(4);
                    let items: Vec<String> =
                        (0..length).map(|_| self.expression(item, 0)).collect();
                    format!("[{}]", items.join(", "))
                }
            };
        }
        let less = depth - 1;
        match self.below(6) {
            0 => {
                let name = self.name("x");
                let list = self.list(item, less);
                let test = self.scoped(|g| {
                    g.bind(name.clone(), item.clone());
                    g.predicate(less)
                });
                format!("[{name} IN {list} WHERE {test}]")
            }
            1 => {
                let name = self.name("x");
                let list = self.list(&Kind::Int, less);
                let mapped = self.scoped(|g| {
                    g.bind(name.clone(), Kind::Int);
                    g.expression(item, less)
                });
                format!("[{name} IN {list} | {mapped}]")
            }
            2 => {
                let operator = self.pick(&["+", "||"]);
                let (one, two) = (self.list(item, less), self.list(item, less));
                format!("({one} {operator} {two})")
            }
            3 => format!("tail({})", self.list(item, less)),
            4 => {
                let list = self.list(item, less);
                let (from, to) = (self.int_literal(), self.int_literal());
                match self.below(3) {
                    0 => format!("({list})[{from}..]"),
                    1 => format!("({list})[..{to}]"),
                    _ => format!("({list})[{from}..{to}]"),
                }
            }
            _ => format!("reverse({})", self.list(item, less)),
        }
    }

    /// A list whose order is open.
    fn bag(&mut self) -> String {
        if let Some(name) = self.variable(|kind| matches!(kind, Kind::Bag(_)))
            && self.chance(1, 2)
        {
            return name;
        }
        match self.variable(|kind| *kind == Kind::Node) {
            Some(node) if self.chance(1, 3) => format!("labels({node})"),
            Some(node) if self.chance(1, 2) => format!("keys({node})"),
            Some(_) if self.chance(1, 3) => self.collect_subquery(),
            Some(_) if self.chance(1, 4) => match self.shortest_expression("allShortestPaths") {
                Some(paths) => paths,
                None => self.pattern_comprehension(),
            },
            _ => self.pattern_comprehension(),
        }
    }

    fn pattern_comprehension(&mut self) -> String {
        self.scoped(|g| {
            let pattern = g.connected_pattern();
            let test = if g.chance(1, 2) {
                format!(" WHERE {}", g.condition(1))
            } else {
                String::new()
            };
            let value = g.any(1);
            format!("[{pattern}{test} | {value}]")
        })
    }

    /// A predicate.
    pub(super) fn predicate(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.below(6) {
                0 => self.pick(&["true", "false", "null", "$truth"]).to_owned(),
                1 => match self.property(&["e"]) {
                    Some(property) => property,
                    None => "true".to_owned(),
                },
                2 => match self.variable(|kind| *kind == Kind::Bool) {
                    Some(name) => name,
                    None => "false".to_owned(),
                },
                _ => {
                    let (left, right) = (self.any(0), self.any(0));
                    format!("{left} {} {right}", self.pick(&["=", "<>", "<", ">="]))
                }
            };
        }
        let less = depth - 1;
        match self.below(24) {
            21 => self.moment_test(less),
            22 => {
                let pattern =
                    self.pick(&["a.*", ".*", "[ab]+", "(?i)A.*", "a|b|ab", "[^b]*", "a?b?"]);
                format!("({} =~ '{pattern}')", self.text(less))
            }
            23 => {
                let negated = self.pick(&["", "NOT "]);
                let types = [
                    "INTEGER",
                    "STRING",
                    "FLOAT NOT NULL",
                    "LIST<INTEGER>",
                    "DATE",
                    "ANY",
                ];
                let ty = self.pick(&types);
                format!("({} IS {negated}:: {ty})", self.any(less))
            }
            0..=2 => {
                let operator = self.pick(&["=", "<>", "<", "<=", ">", ">="]);
                match self.below(4) {
                    0 => format!("({} {operator} {})", self.text(less), self.text(less)),
                    1 => format!("({} {operator} {})", self.number(less), self.number(less)),
                    2 => format!("({} {operator} {})", self.any(less), self.any(less)),
                    _ => format!("({} {operator} {})", self.int(less), self.int(less)),
                }
            }
            3..=5 => {
                let operator = self.pick(&["AND", "OR", "AND", "OR", "XOR"]);
                let (left, right) = (self.predicate(less), self.predicate(less));
                format!("({left} {operator} {right})")
            }
            6 | 7 => format!("(NOT ({}))", self.predicate(less)),
            8 => format!("({} IN {})", self.any(less), {
                let kind = [Kind::Int, Kind::Any, Kind::Text][self.below(3)].clone();
                self.list(&kind, less)
            }),
            9 => {
                let of = self.any(less);
                format!("({of} {})", self.pick(&["IS NULL", "IS NOT NULL"]))
            }
            10 | 11 => {
                let operator = self.pick(&["STARTS WITH", "ENDS WITH", "CONTAINS"]);
                let subject = if self.chance(1, 4) {
                    self.any(less)
                } else {
                    self.text(less)
                };
                format!("({subject} {operator} {})", self.text(less))
            }
            12 => {
                let name = self.name("x");
                let quantifier = self.pick(&["all", "any", "none", "single"]);
                let list = if self.chance(1, 3) {
                    self.bag()
                } else {
                    self.list(&Kind::Int, less)
                };
                let test = self.scoped(|g| {
                    g.bind(name.clone(), Kind::Any);
                    g.predicate(less)
                });
                format!("{quantifier}({name} IN {list} WHERE {test})")
            }
            13 => match self.variable(|kind| matches!(kind, Kind::Node)) {
                Some(node) => {
                    let label = self.label_expression();
                    let negated = self.pick(&["", "", "NOT "]);
                    format!("({negated}{node}{label})")
                }
                None => self.predicate(less),
            },
            14 => self.predicate(0),
            15 => self.exists_subquery(less),
            16 => {
                let (a, b, c) = (self.int(less), self.int(less), self.int(less));
                format!("({a} <= {b} < {c})")
            }
            17 => match self.variable(|kind| *kind == Kind::Relationship) {
                Some(name) => format!("type({name}) = '{}'", self.type_name()),
                None => self.predicate(less),
            },
            18 => {
                let item = self.any(0);
                format!("({item} IN {})", self.bag())
            }
            19 => {
                let kinds = [Kind::Node, Kind::Relationship];
                let kind = kinds[self.below(2)].clone();
                let names = self.of_kind(|of| *of == kind);
                if names.len() < 2 {
                    return self.predicate(less);
                }
                let (one, two) = (self.below(names.len()), self.below(names.len()));
                format!(
                    "({} {} {})",
                    names[one],
                    self.pick(&["=", "<>"]),
                    names[two]
                )
            }
            _ => self.predicate(0),
        }
    }
}
