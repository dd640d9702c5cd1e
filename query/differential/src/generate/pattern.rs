//! Patterns. Most are read off the graph: a walk over its elements decides the pattern, so that there
//! is a match, the witness; the others are made up.

use retrograph_graph::value::Value;

use super::{Generator, Kind, LABELS, Variable};

/// Where a walk over the graph has come to; none if the pattern is made up.
type Place = Option<u64>;

/// A step of a walk: the relationship, whether it is followed along its direction, and the node it
/// leads to.
#[derive(Clone, Copy)]
struct Step {
    id: u64,
    is_along: bool,
    node: u64,
}

impl Generator {
    /// The labels of a node as text, each with a colon.
    fn labels_of(&self, node: u64) -> Vec<String> {
        let node = self.graph.nodes.get(&node);
        node.map_or_else(Vec::new, |node| {
            node.labels.iter().map(ToString::to_string).collect()
        })
    }

    /// A label expression that holds for the node, if there is one.
    pub(super) fn label_test(&mut self, witness: Place) -> String {
        let Some(node) = witness else {
            return self.label_expression();
        };
        let own = self.labels_of(node);
        let other = self.pick(&LABELS).to_owned();
        if own.is_empty() {
            return match self.below(3) {
                0 => format!(":!{other}"),
                1 => ":!%".to_owned(),
                _ => format!(":!({other}&%)"),
            };
        }
        let label = own[self.below(own.len())].clone();
        let second = own[self.below(own.len())].clone();
        match self.below(16) {
            0 => format!(":{label}|{other}"),
            1 => format!(":{other}|{label}"),
            2 => format!(":{label}:{second}"),
            3 => format!(":{label}&{second}"),
            4 => ":%".to_owned(),
            5 if !own.contains(&other) => format!(":{label}&!{other}"),
            6 if !own.contains(&other) => format!(":!{other}"),
            7 => format!(":$('{label}')"),
            8 => format!(":$any(['{other}', '{label}'])"),
            10 => format!(":$(['{label}', '{second}'])"),
            _ => format!(":{label}"),
        }
    }

    /// A map that an element has, or any.
    fn property_test(&mut self, witness: Place, is_node: bool) -> String {
        let known = witness.and_then(|id| self.own_property(id, is_node));
        match known {
            Some((key, literal)) => format!(" {{{key}: {literal}}}"),
            None if self.chance(1, 2) => format!(" {{a: {}}}", self.below(3)),
            None => format!(" {{b: {}}}", self.text_literal()),
        }
    }

    /// A property of an element that can be written as a literal and is equal to itself.
    pub(super) fn own_property(&mut self, id: u64, is_node: bool) -> Option<(String, String)> {
        let properties = if is_node {
            self.graph.nodes.get(&id).map(|node| &node.properties)
        } else {
            let of = self.graph.relationships.get(&id);
            of.map(|of| &of.properties)
        };
        let known: Vec<(String, String)> = properties?
            .iter()
            .filter(|(_, value)| !matches!(value, Value::Float(float) if float.is_nan()))
            .filter_map(|(key, value)| Some((key.to_string(), super::literal(value)?)))
            .collect();
        if known.is_empty() {
            return None;
        }
        let place = self.below(known.len());
        known.into_iter().nth(place)
    }

    /// The node variables with what they stand for.
    fn known_nodes(&self) -> Vec<Variable> {
        let nodes = self.scope.iter();
        nodes
            .filter(|variable| variable.kind == Kind::Node)
            .cloned()
            .collect()
    }

    /// A node to begin a pattern with: its text, and what it stands for.
    fn start_pattern(&mut self, connects: bool) -> (String, Place) {
        let known = self.known_nodes();
        if !known.is_empty() && self.chance(if connects { 10 } else { 2 }, 12) {
            let known = known[self.below(known.len())].clone();
            let has_label = known.witness.is_some() && self.chance(1, 12);
            let test = if has_label {
                self.label_test(known.witness)
            } else {
                String::new()
            };
            return (format!("({}{test})", known.name), known.witness);
        }
        let node = if self.is_made_up {
            None
        } else {
            self.some_node()
        };
        (self.node_pattern(node), node)
    }

    fn some_node(&mut self) -> Place {
        let nodes: Vec<u64> = self.graph.nodes.keys().copied().collect();
        if nodes.is_empty() {
            return None;
        }
        // Those with relationships make longer patterns.
        let mut node = nodes[self.below(nodes.len())];
        if self.graph.at(node).is_empty() {
            node = nodes[self.below(nodes.len())];
        }
        Some(node)
    }

    /// A pattern for a node; a variable that stands for it may stand in it again.
    pub(super) fn node_pattern(&mut self, node: Place) -> String {
        let known: Vec<Variable> = self
            .known_nodes()
            .into_iter()
            .filter(|variable| match node {
                Some(_) => variable.witness == node,
                None => self.is_made_up,
            })
            .collect();
        if !known.is_empty() && self.chance(1, 5) {
            return format!("({})", known[self.below(known.len())].name);
        }
        let label = if self.chance(2, 5) {
            self.label_test(node)
        } else {
            String::new()
        };
        let properties = match self.below(12) {
            0 => self.property_test(node, true),
            1 if self.chance(1, 3) => {
                let outer = self.expression(&Kind::Int, 0);
                format!(" {{a: {outer}}}")
            }
            _ => String::new(),
        };
        if self.chance(1, 6) {
            return format!("({label}{properties})");
        }
        let name = self.name("n");
        self.bind_element(name.clone(), Kind::Node, node);
        let predicate = if self.chance(1, 14) {
            format!(" WHERE {}", self.element_test(&name, node, true))
        } else {
            String::new()
        };
        format!("({name}{label}{properties}{predicate})")
    }

    /// A way to go on from a node.
    fn next_step(&mut self, from: Place) -> Option<Step> {
        let node = from?;
        let steps: Vec<Step> = self
            .graph
            .at(node)
            .into_iter()
            .filter(|id| !self.used.contains(id))
            .filter_map(|id| {
                let of = self.graph.relationships.get(&id)?;
                let is_along = of.start == node;
                Some(Step {
                    id,
                    is_along,
                    node: if is_along { of.end } else { of.start },
                })
            })
            .collect();
        if steps.is_empty() {
            return None;
        }
        let step = steps[self.below(steps.len())];
        self.used.push(step.id);
        Some(step)
    }

    /// The types of a pattern for a relationship.
    fn type_test(&mut self, step: Option<Step>) -> String {
        let own = step.and_then(|step| self.graph.relationships.get(&step.id));
        let own = own.map(|of| of.type_name.to_string());
        let own = match own {
            Some(own) => own,
            None => self.type_name().to_owned(),
        };
        match self.below(8) {
            0 | 1 => format!(":{own}"),
            2 => format!(":{own}|{}", self.type_name()),
            3 => format!(":{}|{own}", self.type_name()),
            _ => String::new(),
        }
    }

    /// The brackets in arrows that point where the step leads.
    fn arrow(&mut self, step: Option<Step>, inner: &str) -> String {
        let inner = if inner.is_empty() {
            String::new()
        } else {
            format!("[{inner}]")
        };
        let is_along = match step {
            Some(step) => step.is_along,
            None => self.chance(1, 2),
        };
        match self.below(4) {
            0 => format!("-{inner}-"),
            _ if is_along => format!("-{inner}->"),
            _ => format!("<-{inner}-"),
        }
    }

    /// One relationship and the node behind it.
    fn single_step(&mut self, from: Place) -> Option<(String, Place)> {
        let step = self.next_step(from);
        if step.is_none() && !self.is_made_up {
            return None;
        }
        let mut inner = self.type_test(step);
        if self.chance(1, 14) {
            inner.push_str(&self.property_test(step.map(|step| step.id), false));
        }
        if self.chance(1, 2) {
            let name = self.name("r");
            let witness = step.map(|step| step.id);
            self.bind_element(name.clone(), Kind::Relationship, witness);
            inner = format!("{name}{inner}");
            if self.chance(1, 14) {
                inner.push_str(&format!(
                    " WHERE {}",
                    self.element_test(&name, witness, false)
                ));
            }
        }
        let arrow = self.arrow(step, &inner);
        let node = step.map(|step| step.node);
        let end = self.node_pattern(node);
        Some((format!("{arrow}{end}"), node))
    }

    /// Some relationships in a row that a pattern stands for, all followed one way unless it does not
    /// matter.
    fn long_walk(&mut self, from: Place, longest: usize) -> (usize, Vec<Step>) {
        let mut steps = Vec::new();
        let wanted = self.below(longest + 1);
        let mut place = from;
        while steps.len() < wanted {
            let Some(step) = self.next_step(place) else {
                break;
            };
            place = Some(step.node);
            steps.push(step);
        }
        (wanted, steps)
    }

    /// Whether a repetition has to have an upper bound: all paths of a larger graph are too many.
    fn needs_end(&self) -> bool {
        self.is_bounded || self.graph.relationships.len() > 9
    }

    /// A relationship of variable length, or a quantified one, and the node behind it.
    fn long_step(&mut self, from: Place) -> (String, Place) {
        let (wanted, steps) = self.long_walk(from, 3);
        let length = if self.is_made_up { wanted } else { steps.len() };
        let is_quantified = self.chance(1, 3);
        let (least, most) = (self.below(length + 1), length + self.below(2));
        let has_end = self.needs_end() || !self.chance(1, 8);
        let range = match (is_quantified, has_end) {
            (true, true) if least == most && least > 0 && self.chance(1, 2) => {
                format!("{{{least}}}")
            }
            (true, true) => format!("{{{least},{}}}", most.max(1)),
            (true, false) if least == 1 => "+".to_owned(),
            (true, false) if least == 0 => "*".to_owned(),
            (true, false) => format!("{{{least},}}"),
            (false, true) if least == most => format!("*{least}"),
            (false, true) if least == 1 && self.chance(1, 2) => format!("*..{most}"),
            (false, true) => format!("*{least}..{most}"),
            (false, false) if least == 1 => "*".to_owned(),
            (false, false) => format!("*{least}.."),
        };
        let mut types: Vec<String> = Vec::new();
        for step in &steps {
            if let Some(of) = self.graph.relationships.get(&step.id) {
                types.push(of.type_name.to_string());
            }
        }
        types.sort();
        types.dedup();
        let mut inner = if self.chance(1, 3) && !types.is_empty() {
            format!(":{}", types.join("|"))
        } else {
            String::new()
        };
        let mut predicate = String::new();
        if self.chance(1, 2) {
            let name = self.name("r");
            if self.chance(1, 8) {
                let test = self.pick(&[".i > 99", ".i IS NOT NULL", ".a < 2", ".a >= 0"]);
                predicate = format!(" WHERE {name}{test}");
            }
            inner = format!("{name}{inner}");
            self.bind(name, Kind::List(Box::new(Kind::Relationship)));
        }
        if !is_quantified {
            inner.push_str(&range);
        }
        inner.push_str(&predicate);
        let first = steps.first().copied();
        let is_straight = steps
            .iter()
            .all(|step| Some(step.is_along) == first.map(|first| first.is_along));
        let arrow = if is_straight {
            self.arrow(first, &inner)
        } else {
            format!("-[{inner}]-")
        };
        let quantifier = if is_quantified { &*range } else { "" };
        let node = steps.last().map_or(from, |step| Some(step.node));
        let end = self.node_pattern(node);
        (format!("{arrow}{quantifier}{end}"), node)
    }

    /// A part of a pattern in parentheses that repeats, and the node behind it.
    fn group_step(&mut self, from: Place) -> (String, Place) {
        let (wanted, steps) = self.long_walk(from, 3);
        let length = if self.is_made_up { wanted } else { steps.len() };
        let node = steps.last().map_or(from, |step| Some(step.node));
        let is_straight = steps
            .windows(2)
            .all(|pair| pair[0].is_along == pair[1].is_along);
        let is_double = length == 2 && self.chance(1, 2);
        let outside = self.scope.clone();
        let mut names: Vec<(String, Kind)> = Vec::new();
        let mut name = |g: &mut Self, start: &str, kind: Kind| {
            if g.chance(2, 3) {
                let name = g.name(start);
                names.push((name.clone(), kind));
                name
            } else {
                String::new()
            }
        };
        let start = name(self, "x", Kind::Node);
        let mut text = format!("({start})");
        let mut relationship = String::new();
        for place in 0..if is_double { 2 } else { 1 } {
            relationship = name(self, "q", Kind::Relationship);
            let inner = if relationship.is_empty() {
                String::new()
            } else {
                format!("[{relationship}]")
            };
            let step = steps.get(place).copied();
            let arrow = match step {
                Some(step) if is_double || is_straight => match (self.below(4), step.is_along) {
                    (0, _) => format!("-{inner}-"),
                    (_, true) => format!("-{inner}->"),
                    (_, false) => format!("<-{inner}-"),
                },
                _ => format!("-{inner}-"),
            };
            let end = name(self, "y", Kind::Node);
            text.push_str(&format!("{arrow}({end})"));
        }
        let predicate = match self.below(6) {
            0 if !relationship.is_empty() => format!(
                " WHERE {relationship}{}",
                self.pick(&[".i > 99", ".i IS NOT NULL", ".a < 2", ".a >= 0"])
            ),
            1 if !start.is_empty() => format!(
                " WHERE {start}{}",
                self.pick(&[".i >= 0", ".a IS NOT NULL", ".a < 2", ":A|B|C", ".i < 5"])
            ),
            2 if !start.is_empty() => match self.variable(|kind| *kind == Kind::Node) {
                Some(outer) => format!(" WHERE {start}.i <= {outer}.i + 5"),
                None => String::new(),
            },
            _ => String::new(),
        };
        let times = if is_double { 1 } else { length };
        let (least, most) = (self.below(times + 1), times + self.below(2));
        let quantifier = if self.needs_end() || !self.chance(1, 8) {
            format!("{{{least},{}}}", most.max(1))
        } else if least == 0 {
            "*".to_owned()
        } else if least == 1 {
            "+".to_owned()
        } else {
            format!("{{{least},}}")
        };
        self.scope = outside;
        for (name, kind) in names {
            self.bind(name, Kind::List(Box::new(kind)));
        }
        let end = self.node_pattern(node);
        (format!("({text}{predicate}){quantifier}{end}"), node)
    }

    /// A pattern of a MATCH. What it stands for uses no relationship that was used before.
    pub(super) fn path_pattern(&mut self) -> String {
        let wanted = [0, 0, 1, 1, 1, 1, 1, 2, 2, 3][self.below(10)];
        let path = (wanted > 0 && self.chance(1, 6)).then(|| self.name("p"));
        let connects = self.chance(1, 2);
        let (mut text, mut place) = self.start_pattern(connects);
        let mut count = 0;
        for at in 0..wanted {
            let (step, node) = match self.below(12) {
                0..=1 if at < 2 => self.long_step(place),
                2 if at < 2 => self.group_step(place),
                _ => match self.single_step(place) {
                    Some(step) => step,
                    None => break,
                },
            };
            text.push_str(&step);
            place = node;
            count += 1;
        }
        match path {
            Some(name) if count > 0 => {
                self.bind(name.clone(), Kind::Path);
                format!("{name} = {text}")
            }
            _ => text,
        }
    }

    /// A pattern that searches for some of the paths, to stand alone in its MATCH.
    pub(super) fn search_pattern(&mut self) -> String {
        let path = self.name("p");
        let has_name = self.chance(3, 4);
        let connects = self.chance(2, 3);
        let (start, place) = self.start_pattern(connects);
        let text = match self.below(3) {
            0 => {
                let (step, _) = self.group_step(place);
                format!("{start}{step}")
            }
            _ => {
                let (step, node) = self.long_step(place);
                let more = match self.chance(1, 4) {
                    true => self.single_step(node),
                    false => None,
                };
                format!(
                    "{start}{step}{}",
                    more.map(|more| more.0).unwrap_or_default()
                )
            }
        };
        let count = 1 + self.below(3);
        let mode = match self.below(8) {
            0 => " TRAIL",
            1 => " ACYCLIC",
            2 => " SIMPLE",
            _ => "",
        };
        let search = match self.below(9) {
            0 => "ANY".to_owned(),
            1 => format!("ANY {count}"),
            2 => "ANY SHORTEST".to_owned(),
            3 | 4 => format!("SHORTEST {count}"),
            5 | 6 => "ALL SHORTEST".to_owned(),
            7 => format!("SHORTEST {count}{mode} PATHS GROUPS"),
            _ => "ALL".to_owned(),
        };
        let mode = if search.ends_with("GROUPS") { "" } else { mode };
        if has_name {
            self.bind(path.clone(), Kind::Path);
            format!("{path} = {search}{mode} {text}")
        } else {
            format!("{search}{mode} {text}")
        }
    }

    /// `shortestPath` or `allShortestPaths` over one relationship of variable length.
    pub(super) fn shortest_pattern(&mut self) -> String {
        let path = self.name("p");
        let connects = self.chance(2, 3);
        let (start, place) = self.start_pattern(connects);
        let (steps, node) = self.shortest_step(place);
        let end = self.node_pattern(node);
        let function = self.pick(&["shortestPath", "shortestPath", "allShortestPaths"]);
        let text = format!("{function}({start}{steps}{end})");
        if self.chance(4, 5) {
            self.bind(path.clone(), Kind::Path);
            return format!("{path} = {text}");
        }
        text
    }

    /// The relationships of a shortest path, and where they may lead.
    fn shortest_step(&mut self, from: Place) -> (String, Place) {
        let (_, steps) = self.long_walk(from, 3);
        let least = if self.chance(1, 4) { "0" } else { "" };
        let most = match self.graph.relationships.len() > 12 || self.chance(1, 2) {
            true => (steps.len() + self.below(2)).max(1).to_string(),
            false => String::new(),
        };
        let range = match (least, &*most) {
            ("", "") => "*".to_owned(),
            _ => format!("*{least}..{most}"),
        };
        let types = self.pick(&["", "", ":R", ":R|S|T"]);
        let first = steps.first().copied();
        let is_straight = steps
            .iter()
            .all(|step| Some(step.is_along) == first.map(|first| first.is_along));
        let inner = format!("{types}{range}");
        let arrow = if is_straight {
            self.arrow(first, &inner)
        } else {
            format!("-[{inner}]-")
        };
        (arrow, steps.last().map_or(from, |step| Some(step.node)))
    }

    /// `shortestPath(…)` between two known nodes, as an expression.
    pub(super) fn shortest_expression(&mut self, function: &str) -> Option<String> {
        let nodes = self.of_kind(|kind| *kind == Kind::Node);
        if nodes.is_empty() {
            return None;
        }
        let start = nodes[self.below(nodes.len())].clone();
        let end = nodes[self.below(nodes.len())].clone();
        let range = self.pick(&["*", "*..2", "*0..3", "*..3"]);
        let types = self.pick(&["", "", ":R", ":R|S"]);
        let arrow = match self.below(4) {
            0 => format!("-[{types}{range}]->"),
            1 => format!("<-[{types}{range}]-"),
            _ => format!("-[{types}{range}]-"),
        };
        Some(format!("{function}(({start}){arrow}({end}))"))
    }

    /// A pattern with one or two relationships that starts, if it can, at a node in scope.
    pub(super) fn connected_pattern(&mut self) -> String {
        let used = std::mem::take(&mut self.used);
        let (mut text, mut place) = self.start_pattern(true);
        let mut count = 0;
        for _ in 0..1 + self.below(2) {
            let Some((step, node)) = self.single_step(place) else {
                break;
            };
            text.push_str(&step);
            place = node;
            count += 1;
        }
        // A pattern within an expression has a relationship.
        if count == 0 {
            let arrow = self.plain_arrow();
            let end = self.name("n");
            self.bind(end.clone(), Kind::Node);
            text.push_str(&format!("{arrow}({end})"));
        }
        self.used = used;
        text
    }
}
