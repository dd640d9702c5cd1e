//! Makes a failing case small: takes something away for as long as the difference stays.

use retrograph_cypher::ast::{
    Clause, Expression, ExpressionKind, Identifier, Literal, NodePattern, PathLink, PathPattern,
    PathStep, Projection, Query, SetItemKind, SingleQuery, Statement, StatementBody, SubqueryBody,
    SubqueryScope,
};
use retrograph_cypher::parse;

use crate::case::Case;
use crate::tree;

/// Makes a case small, as long as `still_fails` holds.
pub fn shrink(mut case: Case, still_fails: &mut dyn FnMut(&Case) -> bool) -> Case {
    loop {
        let before = case.clone();
        case = fewer_statements(case, still_fails);
        case = smaller_text(case, still_fails);
        if case == before {
            return case;
        }
    }
}

/// Leaves out statements of the setup and of the open transaction.
fn fewer_statements(mut case: Case, still_fails: &mut dyn FnMut(&Case) -> bool) -> Case {
    let mut commit = case.commits.len();
    while commit > 0 {
        commit -= 1;
        let mut without = case.clone();
        without.commits.remove(commit);
        if still_fails(&without) {
            case = without;
            continue;
        }
        let mut statement = case.commits[commit].len();
        while statement > 0 && case.commits[commit].len() > 1 {
            statement -= 1;
            let mut without = case.clone();
            without.commits[commit].remove(statement);
            if still_fails(&without) {
                case = without;
            }
        }
    }
    let mut statement = case.pending.len();
    while statement > 0 {
        statement -= 1;
        let mut without = case.clone();
        without.pending.remove(statement);
        if still_fails(&without) {
            case = without;
        }
    }
    case
}

/// Makes the query and the statements before it smaller.
fn smaller_text(mut case: Case, still_fails: &mut dyn FnMut(&Case) -> bool) -> Case {
    case = smaller(case, still_fails, |case| &mut case.query);
    for place in 0..case.pending.len() {
        case = smaller(case, still_fails, |case| &mut case.pending[place]);
    }
    for commit in 0..case.commits.len() {
        for statement in 0..case.commits[commit].len() {
            case = smaller(case, still_fails, |case| {
                &mut case.commits[commit][statement]
            });
        }
    }
    case
}

fn smaller(
    mut case: Case,
    still_fails: &mut dyn FnMut(&Case) -> bool,
    part: impl Fn(&mut Case) -> &mut String,
) -> Case {
    let mut target = 0;
    loop {
        let Ok(mut statement) = parse(part(&mut case)) else {
            return case;
        };
        let mut reducer = Reducer { target, seen: 0 };
        reducer.statement(&mut statement);
        if reducer.seen <= target {
            return case;
        }
        let text = statement.to_string();
        let mut candidate = case.clone();
        *part(&mut candidate) = text.clone();
        // A reduction that changes nothing, or only the spelling, must not go round in circles.
        let is_shorter = text.len() < part(&mut case).len();
        if is_shorter && still_fails(&candidate) {
            case = candidate;
        } else {
            target += 1;
        }
    }
}

/// Walks a tree and makes the one reduction whose number is `target`.
struct Reducer {
    target: usize,
    seen: usize,
}

impl Reducer {
    /// Whether the reduction at hand is the one to make.
    fn takes(&mut self) -> bool {
        self.seen += 1;
        self.seen == self.target + 1
    }

    fn drop_one<T>(&mut self, things: &mut Vec<T>, least: usize) {
        let mut place = 0;
        while place < things.len() && things.len() > least {
            if self.takes() {
                things.remove(place);
                return;
            }
            place += 1;
        }
    }

    fn clear<T>(&mut self, thing: &mut Option<T>) {
        if thing.is_some() && self.takes() {
            *thing = None;
        }
    }

    fn turn_off(&mut self, flag: &mut bool) {
        if *flag && self.takes() {
            *flag = false;
        }
    }

    fn statement(&mut self, statement: &mut Statement) {
        if let StatementBody::Query(query) = &mut statement.body {
            self.query(query);
        }
    }

    fn query(&mut self, query: &mut Query) {
        self.clear(&mut query.time);
        for place in 0..query.unions.len() {
            if self.takes() {
                query.first = query.unions.remove(place).query;
                return;
            }
        }
        self.drop_one(&mut query.unions, 0);
        if let Some(next) = &query.next
            && self.takes()
        {
            *query = (**next).clone();
            return;
        }
        self.clear(&mut query.next);
        if let Some(next) = &mut query.next {
            self.query(next);
        }
        // The only branch there is, or the one that is taken anyway.
        if let [Clause::Conditional(of)] = &query.first.clauses[..] {
            let branches = of.branches.iter().map(|branch| &branch.query);
            let branches: Vec<Query> = branches.chain(of.otherwise.as_deref()).cloned().collect();
            for branch in branches {
                if self.takes() {
                    *query = branch;
                    return;
                }
            }
        }
        if let [Clause::Braced(braced)] = &query.first.clauses[..]
            && query.unions.is_empty()
            && query.next.is_none()
            && self.takes()
        {
            *query = (**braced).clone();
            return;
        }
        self.single(&mut query.first);
        for union in &mut query.unions {
            self.single(&mut union.query);
        }
    }

    fn single(&mut self, query: &mut SingleQuery) {
        self.clauses(&mut query.clauses);
    }

    fn clauses(&mut self, clauses: &mut Vec<Clause>) {
        self.drop_one(clauses, 1);
        for clause in clauses {
            self.clause(clause);
        }
    }

    fn clause(&mut self, clause: &mut Clause) {
        match clause {
            Clause::Match(of) => {
                self.turn_off(&mut of.optional);
                self.drop_one(&mut of.patterns, 1);
                self.clear(&mut of.predicate);
                of.patterns.iter_mut().for_each(|of| self.path(of));
                of.predicate.iter_mut().for_each(|of| self.expression(of));
            }
            Clause::Unwind(of) => self.expression(&mut of.list),
            Clause::With(of) => {
                self.clear(&mut of.predicate);
                self.projection(&mut of.projection);
                of.predicate.iter_mut().for_each(|of| self.expression(of));
            }
            Clause::Return(of) => self.projection(&mut of.projection),
            Clause::Create(of) => {
                self.drop_one(&mut of.patterns, 1);
                of.patterns.iter_mut().for_each(|of| self.path(of));
            }
            Clause::Merge(of) => {
                self.drop_one(&mut of.actions, 0);
                self.path(&mut of.pattern);
            }
            Clause::Set(of) => {
                self.drop_one(&mut of.items, 1);
                for item in &mut of.items {
                    match &mut item.kind {
                        SetItemKind::Property { value, .. }
                        | SetItemKind::Replace { value, .. }
                        | SetItemKind::Merge { value, .. }
                        | SetItemKind::Dynamic { value, .. } => self.expression(value),
                        SetItemKind::Labels { labels, .. } => self.drop_one(labels, 1),
                    }
                }
            }
            Clause::Remove(of) => self.drop_one(&mut of.items, 1),
            Clause::Delete(of) => self.drop_one(&mut of.expressions, 1),
            Clause::Foreach(of) => {
                self.expression(&mut of.list);
                self.clauses(&mut of.clauses);
            }
            Clause::Subquery(of) => {
                self.turn_off(&mut of.optional);
                if let Some(SubqueryScope::Variables(names)) = &mut of.scope {
                    self.drop_one(names, 0);
                }
                self.query(&mut of.query);
            }
            Clause::Filter(of) => self.expression(&mut of.predicate),
            Clause::Let(of) => {
                self.drop_one(&mut of.items, 1);
                let items = of.items.iter_mut();
                items.for_each(|item| self.expression(&mut item.value));
            }
            Clause::Page(of) => {
                let others = usize::from(of.skip.is_some() || of.limit.is_some());
                self.drop_one(&mut of.order_by, 1 - others);
                if !of.order_by.is_empty() {
                    self.clear(&mut of.skip);
                    self.clear(&mut of.limit);
                }
                let keys = of.order_by.iter_mut();
                keys.for_each(|key| self.expression(&mut key.expression));
            }
            Clause::Braced(query) => self.query(query),
            Clause::Conditional(of) => {
                self.drop_one(&mut of.branches, 1);
                self.clear(&mut of.otherwise);
                for branch in &mut of.branches {
                    self.expression(&mut branch.predicate);
                    self.query(&mut branch.query);
                }
                if let Some(query) = &mut of.otherwise {
                    self.query(query);
                }
            }
            _ => {}
        }
    }

    fn projection(&mut self, of: &mut Projection) {
        self.turn_off(&mut of.distinct);
        let least = usize::from(!of.star);
        self.drop_one(&mut of.items, least);
        self.drop_one(&mut of.order_by, 0);
        self.clear(&mut of.skip);
        self.clear(&mut of.limit);
        let items = of.items.iter_mut();
        items.for_each(|item| self.expression(&mut item.expression));
        let keys = of.order_by.iter_mut();
        keys.for_each(|key| self.expression(&mut key.expression));
    }

    fn path(&mut self, of: &mut PathPattern) {
        self.clear(&mut of.variable);
        self.clear(&mut of.selector);
        self.clear(&mut of.search);
        self.clear(&mut of.predicate);
        if !of.steps.is_empty() && self.takes() {
            of.steps.pop();
        }
        if !of.steps.is_empty() && self.takes() {
            of.start = of.steps.remove(0).node;
        }
        self.node(&mut of.start);
        self.steps(&mut of.steps);
    }

    fn steps(&mut self, steps: &mut [PathStep]) {
        for step in steps {
            match &mut step.link {
                PathLink::Relationship(relationship) => {
                    self.name(&mut relationship.variable);
                    self.drop_one(&mut relationship.types, 0);
                    self.clear(&mut relationship.length);
                    self.clear(&mut relationship.quantifier);
                    self.map(&mut relationship.properties);
                    self.clear(&mut relationship.predicate);
                }
                PathLink::Group(group) => {
                    self.clear(&mut group.predicate);
                    if group.steps.len() > 1 && self.takes() {
                        group.steps.pop();
                    }
                    if group.quantifier.min > 0 && self.takes() {
                        group.quantifier.min = 0;
                    }
                    self.node(&mut group.start);
                    self.steps(&mut group.steps);
                }
            }
            self.node(&mut step.node);
        }
    }

    fn node(&mut self, of: &mut NodePattern) {
        self.name(&mut of.variable);
        self.clear(&mut of.labels);
        self.map(&mut of.properties);
        self.clear(&mut of.predicate);
        of.predicate.iter_mut().for_each(|of| self.expression(of));
    }

    fn name(&mut self, of: &mut Option<Identifier>) {
        self.clear(of);
    }

    fn map(&mut self, of: &mut Option<Box<Expression>>) {
        self.clear(of);
        if let Some(of) = of
            && let ExpressionKind::Map(entries) = &mut of.kind
        {
            self.drop_one(entries, 0);
            for entry in entries {
                self.expression(&mut entry.value);
            }
        }
    }

    fn expression(&mut self, of: &mut Expression) {
        if !matches!(of.kind, ExpressionKind::Literal(_)) {
            let simple = [
                Literal::Null,
                Literal::Integer(1),
                Literal::Boolean(true),
                Literal::String("".into()),
            ];
            for literal in simple {
                if self.takes() {
                    of.kind = ExpressionKind::Literal(literal);
                    return;
                }
            }
        }
        let mut parts = Vec::new();
        tree::children(of, &mut |child| parts.push(child.clone()));
        for part in parts {
            if self.takes() {
                *of = part;
                return;
            }
        }
        match &mut of.kind {
            ExpressionKind::List(items) => self.drop_one(items, 0),
            ExpressionKind::Map(entries) => self.drop_one(entries, 0),
            ExpressionKind::MapProjection { items, .. } => self.drop_one(items, 0),
            ExpressionKind::Logical { operands, .. } => self.drop_one(operands, 2),
            ExpressionKind::Comparison(chain) => self.drop_one(&mut chain.links, 1),
            ExpressionKind::Case(case) => {
                self.drop_one(&mut case.branches, 1);
                self.clear(&mut case.otherwise);
            }
            ExpressionKind::ListComprehension(of) => {
                self.clear(&mut of.predicate);
                self.clear(&mut of.projection);
            }
            ExpressionKind::PatternComprehension(of) => {
                self.clear(&mut of.predicate);
                self.path(&mut of.pattern);
            }
            ExpressionKind::Pattern(pattern) => self.path(pattern),
            ExpressionKind::Function(call) => self.turn_off(&mut call.distinct),
            ExpressionKind::Subquery { body, .. } => match body {
                SubqueryBody::Patterns {
                    patterns,
                    predicate,
                } => {
                    self.drop_one(patterns, 1);
                    self.clear(predicate);
                    patterns.iter_mut().for_each(|of| self.path(of));
                    predicate.iter_mut().for_each(|of| self.expression(of));
                }
                SubqueryBody::Query(query) => self.query(query),
            },
            _ => {}
        }
        tree::children_mut(of, &mut |child| self.expression(child));
    }
}
