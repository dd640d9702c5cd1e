//! Decides in which order to look for the parts of a query graph.
//!
//! Greedy, with a look ahead: wherever a part of the pattern is not connected to what is bound, every
//! way to begin is played through to the end of that part, and the one that touches the fewest rows
//! wins; from a bound element, the walk that makes the fewest rows comes next. Every predicate is
//! placed as soon as its variables are bound, except that one that may raise an error waits for those
//! that stand before it in WHERE and for those of the pattern that read the same variables.

use retrograph_graph::ids::Direction;

use super::access::{self, Access, Candidates};
use super::cost;
use super::expression::{Expression, LabelToken, Slot};
use super::graph::{Length, PatternRelationship, QueryGraph};
use super::operator::{Found, FoundRelationship, Operator, SeekRows, Step, Walk};
use super::rows::{self, RowAccess, RowsOf};
use super::schema::Schema;
use super::slots::{SlotSet, expression_reads};

/// How many relationships a demand on ids is taken to find.
const IDS_ESTIMATED: f64 = 1.0;

/// The steps that find a query graph, and the rows they are estimated to leave.
#[derive(Debug)]
pub struct Solution {
    /// The steps.
    pub steps: Vec<Step>,
    /// The rows.
    pub rows: f64,
}

/// Where and from what a query graph is solved.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// Names and counts.
    pub schema: &'a dyn Schema,
    /// The clause that the steps belong to.
    pub clause: u16,
    /// The rows that come in.
    pub rows: f64,
    /// Whether to weigh ways to begin; else the order written decides, for differential tests.
    pub choose_order: bool,
}

/// Plans a query graph, given the slots that have values.
pub fn solve(graph: &QueryGraph, bound: &SlotSet, setting: Setting<'_>) -> Solution {
    let mut solver = Solver::new(graph, bound, setting);
    solver.check_bound_nodes();
    solver.run();
    Solution {
        steps: solver.steps,
        rows: solver.rows,
    }
}

#[derive(Clone)]
struct Solver<'a> {
    graph: &'a QueryGraph,
    setting: Setting<'a>,
    bound: SlotSet,
    found: Vec<bool>,
    placed: Vec<bool>,
    projected: Vec<bool>,
    rows: f64,
    cost: f64,
    steps: Vec<Step>,
}

/// What to do next.
#[derive(Clone)]
enum Move {
    /// Find a node by scan or seek: its place in the graph.
    Find(usize, Box<Access>),
    /// Scan relationships, or seek them.
    Scan(usize, Option<RelationshipSeek>),
    /// Walk a relationship; from its right end if `backwards`.
    Walk { place: usize, backwards: bool },
}

/// How relationships are sought.
#[derive(Clone)]
enum RelationshipSeek {
    /// By ids that a predicate demands.
    Ids(Box<Expression>),
    /// By the rows of an index or constraint.
    Rows(Box<RowAccess>),
}

impl<'a> Solver<'a> {
    fn new(graph: &'a QueryGraph, bound: &SlotSet, setting: Setting<'a>) -> Self {
        Self {
            graph,
            setting,
            bound: bound.clone(),
            found: vec![false; graph.relationships.len()],
            placed: vec![false; graph.predicates.len()],
            projected: vec![false; graph.paths.len()],
            rows: setting.rows,
            cost: 0.0,
            steps: Vec::new(),
        }
    }

    fn push(&mut self, operator: Operator) {
        let clause = self.setting.clause;
        self.steps.push(Step {
            operator,
            clause,
            id: 0,
            rows_estimated: self.rows,
        });
    }

    fn is_bound(&self, slot: Slot) -> bool {
        self.bound.contains(&slot)
    }

    /// Nodes bound before this MATCH may lack a label, or be null.
    fn check_bound_nodes(&mut self) {
        for node in &self.graph.nodes {
            if !self.is_bound(node.slot) {
                continue;
            }
            let is_walked = self
                .graph
                .relationships
                .iter()
                .any(|part| part.left == node.slot || part.right == node.slot);
            if !node.labels.is_empty() {
                self.demand_labels(node.slot, node.labels.clone());
            } else if !is_walked {
                self.push(Operator::Filter(Expression::IsNotNull(Box::new(
                    Expression::Slot(node.slot),
                ))));
            }
        }
    }

    fn demand_labels(&mut self, slot: Slot, labels: Vec<LabelToken>) {
        if labels.is_empty() {
            return;
        }
        for label in &labels {
            self.rows *= cost::label_keeps(self.setting.schema, label);
        }
        let node = Box::new(Expression::Slot(slot));
        self.push(Operator::Filter(Expression::HasLabels(node, labels)));
    }

    /// Finds everything.
    fn run(&mut self) {
        loop {
            self.place_predicates();
            if let Some(next) = self.best_walk() {
                self.make(next);
                continue;
            }
            let starts = self.starts();
            match self.best_start(starts) {
                Some(start) => self.make(start),
                None => break,
            }
        }
        self.project_paths(|_| true);
        self.place_predicates();
        debug_assert!(
            self.placed.iter().all(|placed| *placed),
            "a predicate has no place"
        );
    }

    /// Places every predicate whose time has come.
    fn place_predicates(&mut self) {
        let graph = self.graph;
        loop {
            let ready = (0..graph.predicates.len()).find(|place| self.is_ready(*place));
            if let Some(place) = ready {
                let predicate = &graph.predicates[place];
                self.placed[place] = true;
                self.rows *= cost::keeps(&predicate.expression);
                self.push(Operator::Filter(predicate.expression.clone()));
                continue;
            }
            // A path is built before its end only if a predicate waits for it.
            let waiting: SlotSet = graph
                .predicates
                .iter()
                .zip(&self.placed)
                .filter(|(_, placed)| !**placed)
                .flat_map(|(predicate, _)| predicate.reads.iter().copied())
                .collect();
            if !self.project_paths(|slot| waiting.contains(&slot)) {
                return;
            }
        }
    }

    fn is_ready(&self, place: usize) -> bool {
        let predicate = &self.graph.predicates[place];
        if self.placed[place] || !predicate.reads.is_subset(&self.bound) {
            return false;
        }
        !predicate.may_raise
            || self.graph.predicates[..place]
                .iter()
                .zip(&self.placed)
                .all(|(earlier, placed)| {
                    let is_guard = (earlier.in_where && predicate.in_where)
                        || !earlier.reads.is_disjoint(&predicate.reads);
                    *placed || !is_guard
                })
    }

    /// Builds the paths that are wanted and complete; whether there was any.
    fn project_paths(&mut self, wanted: impl Fn(Slot) -> bool) -> bool {
        let mut items = Vec::new();
        for (place, path) in self.graph.paths.iter().enumerate() {
            if self.projected[place] || !wanted(path.slot) {
                continue;
            }
            let expression = Expression::Path(path.parts.clone());
            if expression_reads(&expression).is_subset(&self.bound) {
                self.projected[place] = true;
                items.push((path.slot, expression));
            }
        }
        if items.is_empty() {
            return false;
        }
        self.bound.extend(items.iter().map(|(slot, _)| *slot));
        self.push(Operator::Project(items));
        true
    }

    fn candidates(&self) -> Candidates<'_> {
        Candidates {
            predicates: &self.graph.predicates,
            placed: &self.placed,
            bound: &self.bound,
        }
    }

    /// The cheapest way on from what is bound.
    fn best_walk(&self) -> Option<Move> {
        let mut best: Option<(f64, Move)> = None;
        let mut offer = |cost: f64, next: Move| {
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, next));
            }
        };
        let mut can_walk = false;
        for (place, part) in self.graph.relationships.iter().enumerate() {
            if self.found[place] {
                continue;
            }
            let (left, right) = (self.is_bound(part.left), self.is_bound(part.right));
            if let Some(program) = &part.program
                && !program.needs().is_subset(&self.bound)
            {
                continue;
            }
            if part.each.as_ref().is_some_and(|(item, each)| {
                let mut reads = expression_reads(each);
                reads.remove(item);
                !reads.is_subset(&self.bound)
            }) {
                continue;
            }
            let walk = |backwards| Move::Walk { place, backwards };
            if part.is_bound {
                // A bound list can only be followed from its beginning.
                if part.length == Length::One || left {
                    offer(0.0, walk(false));
                }
                continue;
            }
            if matches!(part.length, Length::Shortest { .. }) {
                if left && right {
                    offer(self.rows * 100.0, walk(false));
                }
                continue;
            }
            match (left, right) {
                (true, true) => offer(self.rows, walk(false)),
                (true, false) => offer(self.walk_cost(part, part.right), walk(false)),
                (false, true) => offer(self.walk_cost(part, part.left), walk(true)),
                (false, false) => continue,
            }
            can_walk = true;
        }
        if !can_walk {
            return best.map(|(_, next)| next);
        }
        // A seek for the far end of a walk can be cheaper than walking there.
        for (place, node) in self.graph.nodes.iter().enumerate() {
            if self.is_bound(node.slot) {
                continue;
            }
            let access = access::best(self.setting.schema, node, &self.candidates());
            if access.is_seek && self.setting.choose_order {
                offer(
                    self.rows * (1.0 + 2.0 * access.rows),
                    Move::Find(place, Box::new(access)),
                );
            }
        }
        best.map(|(_, next)| next)
    }

    /// The rows a walk touches plus those it leaves.
    fn walk_cost(&self, part: &PatternRelationship, to: Slot) -> f64 {
        let fan_out = fan_out(self.setting.schema, part);
        let touched = self.rows * fan_out;
        touched + touched * self.keeps_after(&[to, part.slot])
    }

    /// What the labels and predicates that binding these slots makes ready would keep.
    fn keeps_after(&self, slots: &[Slot]) -> f64 {
        let mut keeps = 1.0;
        for node in self
            .graph
            .nodes
            .iter()
            .filter(|node| slots.contains(&node.slot))
        {
            for label in &node.labels {
                keeps *= cost::label_keeps(self.setting.schema, label);
            }
        }
        let mut bound = self.bound.clone();
        bound.extend(slots);
        for (place, predicate) in self.graph.predicates.iter().enumerate() {
            if !self.placed[place] && predicate.reads.is_subset(&bound) {
                keeps *= cost::keeps(&predicate.expression);
            }
        }
        keeps
    }

    /// All ways to begin a part of the pattern that is not connected to what is bound.
    fn starts(&self) -> Vec<Move> {
        let mut starts = Vec::new();
        for (place, node) in self.graph.nodes.iter().enumerate() {
            if !self.is_bound(node.slot) {
                let access = access::best(self.setting.schema, node, &self.candidates());
                starts.push(Move::Find(place, Box::new(access)));
            }
        }
        for (place, part) in self.graph.relationships.iter().enumerate() {
            let is_free = !self.found[place] && !part.is_bound && part.length == Length::One;
            let are_ends_free =
                part.left != part.right && !self.is_bound(part.left) && !self.is_bound(part.right);
            if is_free && are_ends_free {
                let rows = self.relationship_rows(part).map(Box::new);
                let rows = rows.map(RelationshipSeek::Rows);
                let ids = self.relationship_ids(part.slot).map(Box::new);
                let ids = ids.map(RelationshipSeek::Ids);
                let is_scan = ids.is_none();
                let seeks = rows.into_iter().chain(ids);
                starts.extend(seeks.map(|seek| Move::Scan(place, Some(seek))));
                if is_scan {
                    starts.push(Move::Scan(place, None));
                }
            }
        }
        starts
    }

    /// The cheapest rows that find a relationship.
    fn relationship_rows(&self, part: &PatternRelationship) -> Option<RowAccess> {
        let [one] = part.types.as_slice() else {
            return None;
        };
        let of = RowsOf::Type(one.clone());
        let seeks = rows::seeks(self.setting.schema, part.slot, &of, &self.candidates());
        seeks
            .into_iter()
            .min_by(|left, right| left.cost.total_cmp(&right.cost))
    }

    /// The ids that a predicate demands of a relationship.
    fn relationship_ids(&self, slot: Slot) -> Option<Expression> {
        let open = self.graph.predicates.iter().zip(&self.placed);
        open.filter(|(predicate, placed)| !**placed && predicate.reads.contains(&slot))
            .find_map(|(predicate, _)| access::ids_of(&predicate.expression, slot, &self.bound))
    }

    /// Plays each start through to where walking from it ends and takes the cheapest.
    fn best_start(&self, starts: Vec<Move>) -> Option<Move> {
        if starts.len() < 2 || !self.setting.choose_order {
            return starts.into_iter().next();
        }
        let mut best: Option<(f64, Move)> = None;
        for start in starts {
            let mut trial = self.clone();
            trial.make(start.clone());
            trial.place_predicates();
            while let Some(next) = trial.best_walk() {
                trial.make(next);
                trial.place_predicates();
            }
            // The rows left over count too: later parts repeat for each.
            let cost = trial.cost + trial.rows;
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, start));
            }
        }
        best.map(|(_, start)| start)
    }

    fn make(&mut self, next: Move) {
        match next {
            Move::Find(place, access) => self.find(place, *access),
            Move::Scan(place, seek) => self.scan(place, seek),
            Move::Walk { place, backwards } => self.walk(place, backwards),
        }
    }

    fn find(&mut self, place: usize, access: Access) {
        let node = &self.graph.nodes[place];
        self.cost += self.rows * access.cost.max(access.rows);
        self.rows *= access.rows;
        self.bound.insert(node.slot);
        for solved in &access.solved {
            self.placed[*solved] = true;
        }
        self.push(access.operator);
        self.judge_narrowed(&access.narrowed);
        let left = node
            .labels
            .iter()
            .filter(|label| Some(*label) != access.label.as_ref());
        self.demand_labels(node.slot, left.cloned().collect());
    }

    /// Places predicates by which a seek has narrowed, so that they judge what it found.
    fn judge_narrowed(&mut self, narrowed: &[usize]) {
        for narrowed in narrowed {
            // Already in the estimate of the seek, so it keeps all it sees.
            let predicate = &self.graph.predicates[*narrowed];
            if !predicate.may_raise && predicate.reads.is_subset(&self.bound) {
                self.placed[*narrowed] = true;
                self.push(Operator::Filter(predicate.expression.clone()));
            }
        }
    }

    /// Finds relationships by a scan, or by a seek that a predicate demands, which judges them later.
    fn scan(&mut self, place: usize, seek: Option<RelationshipSeek>) {
        let part = &self.graph.relationships[place];
        let count = match &seek {
            Some(RelationshipSeek::Ids(_)) => IDS_ESTIMATED,
            Some(RelationshipSeek::Rows(access)) => access.rows,
            None => cost::relationships(self.setting.schema, &part.types),
        };
        let cost = match &seek {
            Some(RelationshipSeek::Ids(_)) => count,
            Some(RelationshipSeek::Rows(access)) => access.cost,
            None => count.max(cost::SCAN_COST_MIN),
        };
        self.cost += self.rows * (cost - count).max(0.0);
        self.rows *= if part.direction.is_some() {
            count
        } else {
            2.0 * count
        };
        // Each end with labels is looked up for each row.
        let is_labelled = |slot: Slot| {
            let mut nodes = self.graph.nodes.iter();
            nodes.any(|node| node.slot == slot && !node.labels.is_empty())
        };
        let tests = [part.left, part.right].map(|slot| f64::from(u8::from(is_labelled(slot))));
        self.cost += self.rows * (1.0 + tests[0] + tests[1]);
        let (start, end) = match part.direction {
            Some(Direction::Incoming) => (part.right, part.left),
            _ => (part.left, part.right),
        };
        self.found[place] = true;
        self.bound.extend([part.slot, part.left, part.right]);
        let (relationship, types) = (part.slot, part.types.clone());
        let directed = part.direction.is_some();
        let mut narrowed = Vec::new();
        self.push(match seek {
            Some(RelationshipSeek::Rows(access)) => {
                narrowed = access.narrowed;
                Operator::SeekRows(Box::new(SeekRows {
                    found: Found::Relationship(FoundRelationship {
                        relationship,
                        start,
                        end,
                        directed,
                    }),
                    seek: access.seek,
                }))
            }
            Some(RelationshipSeek::Ids(ids)) => Operator::SeekRelationshipIds {
                ids: *ids,
                relationship,
                start,
                end,
                types,
                directed,
            },
            None => Operator::ScanRelationships {
                relationship,
                start,
                end,
                types,
                directed,
            },
        });
        self.judge_narrowed(&narrowed);
        self.check_distinct(place);
        self.reached(part.left);
        self.reached(part.right);
    }

    /// A scan knows nothing of relationships found before; it is compared with them afterwards.
    fn check_distinct(&mut self, place: usize) {
        let part = &self.graph.relationships[place];
        let slot = || Box::new(Expression::Slot(part.slot));
        for other in self.distinct_from(place) {
            let is_list = self
                .graph
                .relationships
                .iter()
                .any(|part| part.slot == other && !matches!(part.length, Length::One));
            let same = if is_list {
                Expression::In(slot(), Box::new(Expression::Slot(other)))
            } else {
                let other = Box::new(Expression::Slot(other));
                Expression::Compare(super::expression::Comparison::Equal, slot(), other)
            };
            self.push(Operator::Filter(Expression::Not(Box::new(same))));
        }
    }

    /// The labels of a node just reached.
    fn reached(&mut self, slot: Slot) {
        if let Some(node) = self.graph.nodes.iter().find(|node| node.slot == slot) {
            self.demand_labels(slot, node.labels.clone());
        }
    }

    /// The relationships found so far that the one at `place` could be equal to.
    fn distinct_from(&self, place: usize) -> Vec<Slot> {
        let part = &self.graph.relationships[place];
        if self.graph.is_repeatable || matches!(part.length, Length::Shortest { .. }) {
            return Vec::new();
        }
        let others = self.graph.relationships.iter().enumerate();
        others
            .filter(|(other, earlier)| {
                *other != place
                    && self.found[*other]
                    && !matches!(earlier.length, Length::Shortest { .. })
                    && may_share(part, earlier)
            })
            .map(|(_, earlier)| earlier.slot)
            .collect()
    }

    fn walk(&mut self, place: usize, backwards: bool) {
        let part = &self.graph.relationships[place];
        let (from, to) = if backwards {
            (part.right, part.left)
        } else {
            (part.left, part.right)
        };
        let direction = if backwards {
            part.direction.map(Direction::reverse)
        } else {
            part.direction
        };
        // A walk from a node to itself finds it bound; BindEnds binds both ends at once.
        let into = self.is_bound(to) || (from == to && !part.is_bound);
        let walk = Walk {
            from,
            to,
            into,
            direction,
            types: part.types.clone(),
            distinct_from: self.distinct_from(place),
        };
        let from_bound = self.is_bound(from);
        self.estimate_walk(part, walk.into);
        self.found[place] = true;
        let new_nodes: Vec<Slot> = [from, to]
            .into_iter()
            .filter(|slot| !self.is_bound(*slot))
            .collect();
        self.bound.extend([part.slot, from, to]);
        let each = part
            .each
            .clone()
            .map(|(slot, predicate)| (slot, Box::new(predicate)));
        let operator = match part.length {
            Length::One if part.is_bound => Operator::BindEnds {
                relationship: part.slot,
                walk,
                from_bound,
            },
            Length::One => Operator::Expand {
                walk,
                relationship: Some(part.slot),
            },
            Length::Variable { min, max } if part.is_bound => Operator::BindWalk {
                relationships: part.slot,
                walk,
                min,
                max,
            },
            Length::Variable { min, max } => Operator::ExpandVariable {
                walk,
                relationships: Some(part.slot),
                reversed: backwards,
                min,
                max,
                each,
                ends_only: false,
            },
            Length::Shortest { min, max, all } => Operator::ShortestPath {
                walk,
                relationships: part.slot,
                min,
                max,
                all,
                each,
            },
            Length::Program => {
                let Some(program) = &part.program else {
                    return;
                };
                self.bound.extend(program.outputs());
                Operator::ExpandPath {
                    walk,
                    program: program.clone(),
                    relationships: Some(part.slot),
                    reversed: backwards,
                }
            }
        };
        self.push(operator);
        if part.is_bound {
            self.check_each(part);
        }
        new_nodes.into_iter().for_each(|slot| self.reached(slot));
    }

    fn estimate_walk(&mut self, part: &PatternRelationship, into: bool) {
        if part.is_bound || matches!(part.length, Length::Shortest { .. }) {
            self.cost += self.rows;
            return;
        }
        let schema = self.setting.schema;
        let fan_out = fan_out(schema, part);
        if into {
            // Between two nodes one relationship is looked up; a trail has to be searched for.
            self.cost += match part.length {
                Length::One => self.rows,
                _ => self.rows * (1.0 + fan_out / 2.0),
            };
            self.rows *= (fan_out / cost::nodes(schema)).min(fan_out);
        } else {
            self.rows *= fan_out;
            self.cost += self.rows;
        }
    }

    /// A bound list must meet the property map of its pattern as well.
    fn check_each(&mut self, part: &PatternRelationship) {
        if let Some((item, predicate)) = &part.each {
            self.push(Operator::Filter(Expression::Quantified {
                quantifier: super::expression::Quantifier::All,
                item: *item,
                list: Box::new(Expression::Slot(part.slot)),
                predicate: Box::new(predicate.clone()),
            }));
        }
    }
}

/// How many rows one row becomes when it walks a part of a pattern to a node not yet bound.
fn fan_out(schema: &dyn Schema, part: &PatternRelationship) -> f64 {
    match &part.program {
        Some(program) => program.fan_out(schema),
        None => cost::fan_out(schema, &part.types, part.direction.is_some(), part.length),
    }
}

/// Whether two parts of a pattern could find the same relationship.
fn may_share(a: &PatternRelationship, b: &PatternRelationship) -> bool {
    a.types.is_empty()
        || b.types.is_empty()
        || a.types
            .iter()
            .any(|left| b.types.iter().any(|right| left.name == right.name))
}
