//! Random syntax trees, of the shapes the parser makes.
//!
//! A tree is grown from a string of bytes, each byte one choice; when they run out, every choice is
//! the simplest. So a test shrinks its input by shrinking bytes, and a fuzzer can mutate them.

mod administration;

use retrograph_cypher::Span;
use retrograph_cypher::ast::*;

/// Names that need care: keywords, quotes, blanks, other scripts, digits.
const NAMES: &[&str] = &[
    "a",
    "b",
    "name",
    "",
    "count",
    "Exists",
    "all",
    "reduce",
    "shortestPath",
    "in",
    "IN",
    "where",
    "null",
    "TRUE",
    "case",
    "end",
    "as",
    "of",
    "distinct",
    "match",
    "index",
    "not",
    "1",
    "01",
    "with space",
    "back`tick",
    "``",
    "größe",
    "数",
    "a.b",
    "_",
    "x1",
    "version",
    "for",
    "call",
    "filter",
    "let",
    "Collect",
    "typed",
    "normalized",
    "finish",
    "load",
    "next",
    "privileges",
    "defined",
    "management",
];

const STRINGS: &[&str] = &[
    "",
    "text",
    "it's",
    "\"",
    "\\",
    "\n\r\t",
    "\u{8}\u{c}\u{1}\u{7f}",
    "é数🧐",
    "\\u0041",
    "`",
];

/// Where a pattern stands.
#[derive(Clone, Copy, PartialEq)]
enum Purpose {
    Find,
    Create,
    Merge,
}

/// Grows trees from a string of choices.
pub struct Generator<'b> {
    choices: &'b [u8],
    depth: u32,
}

impl<'b> Generator<'b> {
    /// A generator that takes its choices from `choices`.
    pub fn new(choices: &'b [u8]) -> Self {
        Self { choices, depth: 0 }
    }

    fn byte(&mut self) -> u8 {
        match self.choices.split_first() {
            Some((&first, rest)) => {
                self.choices = rest;
                first
            }
            None => 0,
        }
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 1
    }

    fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flip().then(|| make(self))
    }

    fn many<T>(&mut self, least: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let length = least + [0, 0, 1, 2][self.below(4)];
        (0..length).map(|_| make(self)).collect()
    }

    fn name(&mut self) -> Identifier {
        Identifier::new(NAMES[self.below(NAMES.len())], Span::default())
    }

    fn qualified_name(&mut self) -> QualifiedName {
        let namespace = self.many(0, Self::name);
        QualifiedName {
            namespace,
            name: self.name(),
            span: Span::default(),
        }
    }

    /// Any statement.
    pub fn statement(&mut self) -> Statement {
        let mode = [
            None,
            Some(StatementMode::Explain),
            Some(StatementMode::Profile),
        ][self.below(3)];
        let kind = self.below(7);
        let body = if kind == 5 {
            StatementBody::Schema(self.schema_command())
        } else if kind == 6 {
            StatementBody::Administration(administration::statement(self))
        } else {
            let mut query = self.query(true, false);
            self.composed(&mut query);
            StatementBody::Query(query)
        };
        Statement {
            mode,
            body,
            span: Span::default(),
        }
    }

    fn query(&mut self, must_conclude: bool, read_only: bool) -> Query {
        self.depth += 1;
        let time = (self.below(4) == 3).then(|| self.time_clause());
        let first = self.single_query(must_conclude, read_only);
        let all = self.flip();
        let unions = if self.below(4) == 3 {
            self.many(1, |g| Union {
                all,
                query: g.single_query(must_conclude, read_only),
                span: Span::default(),
            })
        } else {
            Vec::new()
        };
        self.depth -= 1;
        Query {
            time,
            first,
            unions,
            next: None,
            span: Span::default(),
        }
    }

    /// Sometimes a conditional query, sometimes a query behind `NEXT` as well.
    fn composed(&mut self, query: &mut Query) {
        let span = Span::default();
        if self.below(6) == 5 {
            let branches = self.many(1, |g| ConditionalBranch {
                predicate: g.predicate(),
                query: g.query(true, false),
            });
            let otherwise = self.maybe(|g| Box::new(g.query(true, false)));
            query.first.clauses = vec![Clause::Conditional(Conditional {
                branches,
                otherwise,
                span,
            })];
        }
        if self.below(6) == 5 {
            let mut braced = self.query(true, false);
            braced.time = None;
            query.first.clauses = vec![Clause::Braced(Box::new(braced))];
        }
        let parts =
            std::iter::once(&query.first).chain(query.unions.iter().map(|union| &union.query));
        let mut ends = parts.map(|part| part.clauses.last());
        if ends.all(|end| {
            matches!(
                end,
                Some(Clause::Return(_) | Clause::Conditional(_) | Clause::Braced(_))
            )
        }) && self.below(4) == 3
        {
            let mut next = self.query(true, false);
            next.time = None;
            query.next = Some(Box::new(next));
        }
    }

    fn time_clause(&mut self) -> TimeClause {
        let system = match self.below(4) {
            0 => Some(SystemTime::AsOf(self.expression())),
            1 => Some(SystemTime::Version(self.expression())),
            2 => Some(SystemTime::Range {
                from: self.expression(),
                to: self.expression(),
            }),
            _ => None,
        };
        let valid = (system.is_none() || self.flip()).then(|| self.expression());
        TimeClause {
            system,
            valid,
            span: Span::default(),
        }
    }

    fn single_query(&mut self, must_conclude: bool, read_only: bool) -> SingleQuery {
        let mut clauses = if !read_only && self.below(8) == 7 {
            vec![Clause::Call(self.procedure_call(true))]
        } else {
            self.many(0, |g| g.clause(read_only))
        };
        separate_pages(&mut clauses);
        if must_conclude || clauses.is_empty() || self.flip() {
            if let [Clause::Call(_)] = clauses.as_slice() {
            } else {
                let projection = self.projection();
                clauses.push(Clause::Return(Return {
                    projection,
                    span: Span::default(),
                }));
            }
        }
        SingleQuery {
            clauses,
            span: Span::default(),
        }
    }

    /// Any clause but `RETURN` and `FINISH`.
    fn clause(&mut self, read_only: bool) -> Clause {
        if !read_only && self.flip() {
            return self.updating_clause();
        }
        let span = Span::default();
        match self.below(9) {
            0 => Clause::Match(Match {
                optional: self.flip(),
                mode: self.match_mode(),
                patterns: self.patterns(Purpose::Find),
                predicate: self.maybe(Self::predicate),
                span,
            }),
            1 => Clause::Unwind(Unwind {
                list: self.expression(),
                variable: self.name(),
                span,
            }),
            2 => Clause::With(With {
                projection: self.projection(),
                predicate: self.maybe(Self::predicate),
                span,
            }),
            // A lone call is standalone and may have more; a `WITH` before it makes it none.
            3 if self.depth < 3 => Clause::Subquery(SubqueryCall {
                optional: self.flip(),
                scope: match self.below(3) {
                    0 => None,
                    1 => Some(SubqueryScope::All),
                    _ => Some(SubqueryScope::Variables(self.many(0, Self::name))),
                },
                query: Box::new(self.query(true, read_only)),
                transactions: self.maybe(|g| {
                    let on_error = [OnError::Fail, OnError::Continue, OnError::Break][g.below(3)];
                    Box::new(InTransactions {
                        concurrency: g.maybe(|g| Concurrency {
                            count: g.maybe(Self::expression),
                        }),
                        retry: g.maybe(|g| Retry {
                            seconds: g.maybe(Self::expression),
                        }),
                        rows: g.maybe(Self::expression),
                        on_error,
                        status: (on_error != OnError::Fail && g.flip()).then(|| g.name()),
                        span,
                    })
                }),
                span,
            }),
            5 => Clause::Filter(Filter {
                predicate: self.predicate(),
                span,
            }),
            6 => Clause::Let(Let {
                items: self.many(1, |g| LetItem {
                    variable: g.name(),
                    value: g.expression(),
                }),
                span,
            }),
            7 => self.page(),
            8 => Clause::LoadCsv(LoadCsv {
                headers: self.flip(),
                url: self.expression(),
                variable: self.name(),
                terminator: self.maybe(|g| [';', '\t', '|', '\'', '\\'][g.below(5)]),
                span,
            }),
            _ => Clause::Call(self.procedure_call(false)),
        }
    }

    fn page(&mut self) -> Clause {
        let order_by = self.many(0, |g| SortItem {
            expression: g.expression(),
            descending: g.flip(),
            span: Span::default(),
        });
        let skip = self.maybe(Self::expression);
        let is_empty = order_by.is_empty() && skip.is_none();
        Clause::Page(Page {
            order_by,
            skip,
            limit: (is_empty || self.flip()).then(|| self.expression()),
            span: Span::default(),
        })
    }

    fn updating_clause(&mut self) -> Clause {
        let span = Span::default();
        match self.below(6) {
            0 => Clause::Create(Create {
                patterns: self.patterns(Purpose::Create),
                span,
            }),
            1 => Clause::Merge(Merge {
                pattern: self.path(Purpose::Merge),
                actions: self.many(0, |g| MergeAction {
                    event: if g.flip() {
                        MergeEvent::Create
                    } else {
                        MergeEvent::Match
                    },
                    items: g.many(1, Self::set_item),
                    span,
                }),
                span,
            }),
            2 => Clause::Set(Set {
                items: self.many(1, Self::set_item),
                span,
            }),
            3 => Clause::Remove(Remove {
                items: self.many(1, |g| RemoveItem {
                    kind: if g.below(3) == 2 {
                        RemoveItemKind::Dynamic {
                            subject: g.expression(),
                            key: g.expression(),
                        }
                    } else if g.flip() {
                        let labels = g.many(1, Self::label_name);
                        RemoveItemKind::Labels {
                            variable: g.name(),
                            labels,
                        }
                    } else {
                        RemoveItemKind::Property {
                            subject: g.expression(),
                            key: g.name(),
                        }
                    },
                    span,
                }),
                span,
            }),
            4 => Clause::Delete(Delete {
                detach: self.flip(),
                expressions: self
                    .many(1, |g| match g.expression() {
                        Expression {
                            kind: ExpressionKind::HasLabels { subject, .. },
                            ..
                        } => *subject,
                        other => other,
                    })
                    .into_iter()
                    .filter(|e| !matches!(e.kind, ExpressionKind::HasLabels { .. }))
                    .chain([Expression::new(ExpressionKind::CountStar, span)])
                    .collect(),
                span,
            }),
            _ => Clause::Foreach(Foreach {
                variable: self.name(),
                list: self.expression(),
                clauses: {
                    self.depth += 1;
                    let clauses = if self.depth < 4 {
                        self.many(1, Self::updating_clause)
                    } else {
                        vec![Clause::Create(Create {
                            patterns: self.patterns(Purpose::Create),
                            span,
                        })]
                    };
                    self.depth -= 1;
                    clauses
                },
                span,
            }),
        }
    }

    fn set_item(&mut self) -> SetItem {
        let kind = match self.below(5) {
            4 => SetItemKind::Dynamic {
                subject: self.expression(),
                key: self.expression(),
                value: self.expression(),
            },
            0 => SetItemKind::Property {
                subject: self.expression(),
                key: self.name(),
                value: self.expression(),
            },
            1 => SetItemKind::Replace {
                variable: self.name(),
                value: self.expression(),
            },
            2 => SetItemKind::Merge {
                variable: self.name(),
                value: self.expression(),
            },
            _ => SetItemKind::Labels {
                variable: self.name(),
                labels: self.many(1, Self::label_name),
            },
        };
        SetItem {
            kind,
            span: Span::default(),
        }
    }

    fn label_name(&mut self) -> LabelName {
        if self.below(4) == 3 {
            LabelName::Dynamic(self.expression())
        } else {
            LabelName::Plain(self.name())
        }
    }

    fn procedure_call(&mut self, standalone: bool) -> ProcedureCall {
        let arguments = if standalone && self.flip() {
            None
        } else {
            Some(self.many(0, Self::expression))
        };
        let yields = self.maybe(|g| {
            let items = if standalone && g.flip() {
                YieldItems::All
            } else {
                YieldItems::Fields(g.many(1, Self::yield_item))
            };
            Yield {
                items,
                predicate: g.maybe(Self::predicate),
                span: Span::default(),
            }
        });
        ProcedureCall {
            optional: self.flip(),
            name: self.qualified_name(),
            arguments,
            yields,
            span: Span::default(),
        }
    }

    fn yield_item(&mut self) -> YieldItem {
        YieldItem {
            field: self.name(),
            alias: self.maybe(Self::name),
            span: Span::default(),
        }
    }

    fn projection(&mut self) -> Projection {
        let star = self.below(4) == 3;
        Projection {
            distinct: self.flip(),
            star,
            items: self.many(usize::from(!star), |g| ProjectionItem {
                expression: g.expression(),
                alias: g.maybe(Self::name),
                span: Span::default(),
            }),
            order_by: if self.flip() {
                self.many(0, |g| SortItem {
                    expression: g.expression(),
                    descending: g.flip(),
                    span: Span::default(),
                })
            } else {
                Vec::new()
            },
            skip: self.maybe(Self::expression),
            limit: self.maybe(Self::expression),
            span: Span::default(),
        }
    }

    fn schema_target(&mut self, kind: IndexKind) -> SchemaTarget {
        SchemaTarget {
            is_relationship: self.flip(),
            variable: self.name(),
            names: match kind {
                IndexKind::Lookup => Vec::new(),
                IndexKind::Fulltext => self.many(1, Self::name),
                _ => vec![self.name()],
            },
        }
    }

    fn create_index(&mut self) -> CreateIndex {
        let kind = IndexKind::ALL[self.below(6)];
        CreateIndex {
            kind,
            name: self.maybe(administration::name),
            if_not_exists: self.flip(),
            target: self.schema_target(kind),
            properties: match kind {
                IndexKind::Lookup => Vec::new(),
                _ => self.many(1, Self::name),
            },
            options: self.maybe(Self::expression),
            span: Span::default(),
        }
    }

    fn create_constraint(&mut self) -> CreateConstraint {
        let rule = match self.below(4) {
            0 => ConstraintRule::Unique,
            1 => ConstraintRule::Key,
            2 => ConstraintRule::Exists,
            _ => {
                let scalar = ScalarType::ALL[self.below(11)];
                let is_list = self.flip();
                let other = PropertyType {
                    scalar,
                    is_list: !is_list,
                };
                let mut types = vec![PropertyType { scalar, is_list }];
                types.extend(self.flip().then_some(other));
                ConstraintRule::Typed(types)
            }
        };
        let takes_one = matches!(rule, ConstraintRule::Exists | ConstraintRule::Typed(_));
        CreateConstraint {
            name: self.maybe(administration::name),
            if_not_exists: self.flip(),
            target: self.schema_target(IndexKind::Range),
            properties: match takes_one {
                true => vec![self.name()],
                false => self.many(1, Self::name),
            },
            rule,
            options: self.maybe(Self::expression),
            span: Span::default(),
        }
    }

    fn show_subject(&mut self) -> ShowSubject {
        let executable = |g: &mut Self| match g.flip() {
            true => Executable::CurrentUser,
            false => Executable::User(g.name()),
        };
        match self.below(15) {
            0 => ShowSubject::Indexes(self.maybe(|g| IndexKind::ALL[g.below(6)])),
            1 => ShowSubject::Constraints(ConstraintFilter {
                is_relationship: self.maybe(Self::flip),
                sort: self.maybe(|g| match g.below(4) {
                    0 => ConstraintSort::Unique,
                    1 => ConstraintSort::Key,
                    2 => ConstraintSort::Exists,
                    _ => ConstraintSort::Typed,
                }),
            }),
            2 => ShowSubject::Functions {
                is_built_in: self.maybe(Self::flip),
                executable: self.maybe(executable),
            },
            3 => ShowSubject::Procedures {
                executable: self.maybe(executable),
            },
            4 | 5 => ShowSubject::Transactions,
            6 => ShowSubject::TerminateTransactions,
            7 => ShowSubject::Databases,
            8 => ShowSubject::Database(self.name()),
            9 => ShowSubject::DefaultDatabase,
            10 => ShowSubject::Settings,
            11 => ShowSubject::Users,
            12 => ShowSubject::Roles {
                is_populated: self.flip(),
                with_users: self.flip(),
            },
            13 => administration::privileges(self),
            _ => ShowSubject::CurrentUser,
        }
    }

    fn show(&mut self) -> Show {
        let subject = self.show_subject();
        let arguments = match subject {
            ShowSubject::TerminateTransactions => vec![self.expression()],
            _ => Vec::new(),
        };
        let yields = self.maybe(|g| {
            let mut yields = g.projection();
            yields.distinct = false;
            yields.items = match yields.star {
                true => Vec::new(),
                false => g.many(1, |g| {
                    let item = g.yield_item();
                    let variable = ExpressionKind::Variable(item.field);
                    ProjectionItem {
                        expression: Expression::new(variable, Span::default()),
                        alias: item.alias,
                        span: Span::default(),
                    }
                }),
            };
            yields
        });
        let mut next = None;
        if yields.as_ref().is_some_and(|yields| !yields.star) && self.below(3) == 2 {
            let behind = self.show();
            let is_listed = behind.yields.as_ref().is_some_and(|yields| !yields.star);
            let ends = behind.next.is_some() || behind.returns.is_some();
            next = (is_listed && ends).then(|| Box::new(behind));
        }
        Show {
            predicate: self.maybe(Self::predicate),
            returns: match (&yields, &next) {
                (Some(_), None) => self.maybe(Self::projection),
                _ => None,
            },
            next,
            subject,
            arguments,
            yields,
            span: Span::default(),
        }
    }

    fn schema_command(&mut self) -> SchemaCommand {
        match self.below(5) {
            0 => SchemaCommand::CreateIndex(self.create_index()),
            1 => SchemaCommand::CreateConstraint(self.create_constraint()),
            kind @ (2 | 3) => {
                let drop = DropSchema {
                    name: administration::name(self),
                    if_exists: self.flip(),
                    span: Span::default(),
                };
                if kind == 2 {
                    SchemaCommand::DropIndex(drop)
                } else {
                    SchemaCommand::DropConstraint(drop)
                }
            }
            _ => SchemaCommand::Show(Box::new(self.show())),
        }
    }

    fn patterns(&mut self, purpose: Purpose) -> Vec<PathPattern> {
        self.many(1, |g| g.path(purpose))
    }

    fn match_mode(&mut self) -> Option<MatchMode> {
        [
            None,
            Some(MatchMode::DifferentRelationships),
            Some(MatchMode::RepeatableElements),
        ][self.below(3)]
    }

    fn path(&mut self, purpose: Purpose) -> PathPattern {
        let mut path = PathPattern {
            variable: self.maybe(Self::name),
            search: None,
            selector: None,
            start: self.node(purpose),
            steps: self.many(0, |g| g.step(purpose)),
            predicate: None,
            span: Span::default(),
        };
        if purpose == Purpose::Find && path.steps.len() == 1 {
            path.selector = self.selector();
        }
        if purpose == Purpose::Find && path.selector.is_none() {
            path.search = self.maybe(|g| Box::new(g.search()));
            if !path.steps.is_empty() {
                path.predicate = self.inline_predicate(purpose);
                self.quantify(&mut path.steps);
            }
        }
        path
    }

    fn search(&mut self) -> PathSearch {
        let count = 1 + (self.number() >> 1);
        let mode = [
            None,
            Some(PathMode::Walk),
            Some(PathMode::Trail),
            Some(PathMode::Acyclic),
            Some(PathMode::Simple),
        ][self.below(5)];
        let kind = match self.below(5) {
            0 => PathSearchKind::All,
            1 => PathSearchKind::Any(count),
            2 => PathSearchKind::Shortest(count),
            3 => PathSearchKind::AllShortest,
            _ => PathSearchKind::ShortestGroups(count),
        };
        PathSearch {
            kind,
            mode,
            span: Span::default(),
        }
    }

    fn path_quantifier(&mut self) -> PathQuantifier {
        let (min, max) = match self.below(4) {
            0 => (0, None),
            1 => (1, None),
            2 => (self.number() >> 1, None),
            _ => {
                let max = 1 + (self.number() >> 1);
                (self.number() % (max + 1), Some(max))
            }
        };
        PathQuantifier {
            min,
            max,
            span: Span::default(),
        }
    }

    /// Quantifies some relationships and puts quantified parts in the place of others.
    fn quantify(&mut self, steps: &mut [PathStep]) {
        for step in steps {
            let PathLink::Relationship(relationship) = &mut step.link else {
                continue;
            };
            match self.below(3) {
                0 if relationship.length.is_none() => {
                    relationship.quantifier = Some(self.path_quantifier());
                }
                1 => {
                    let mut inner = self.many(1, |g| g.step(Purpose::Find));
                    for step in &mut inner {
                        if let PathLink::Relationship(relationship) = &mut step.link {
                            relationship.length = None;
                        }
                    }
                    step.link = PathLink::Group(Box::new(PathGroup {
                        start: self.node(Purpose::Find),
                        steps: inner,
                        predicate: self.inline_predicate(Purpose::Find),
                        quantifier: self.path_quantifier(),
                        span: Span::default(),
                    }));
                }
                _ => {}
            }
        }
    }

    fn selector(&mut self) -> Option<PathSelector> {
        [
            None,
            Some(PathSelector::Shortest),
            Some(PathSelector::AllShortest),
        ][self.below(3)]
    }

    fn step(&mut self, purpose: Purpose) -> PathStep {
        let length = self.maybe(|g| LengthRange {
            min: g.maybe(|g| g.number() >> 1 >> g.below(64)),
            max: g.maybe(|g| g.number() >> 1 >> g.below(64)),
            span: Span::default(),
        });
        let (types, formula) = self.types();
        PathStep {
            link: PathLink::Relationship(RelationshipPattern {
                direction: [Direction::Outgoing, Direction::Incoming, Direction::Either]
                    [self.below(3)],
                variable: self.maybe(Self::name),
                types,
                formula,
                length,
                quantifier: None,
                properties: self.properties(purpose),
                predicate: self.inline_predicate(purpose),
                span: Span::default(),
            }),
            node: self.node(purpose),
        }
    }

    fn node(&mut self, purpose: Purpose) -> NodePattern {
        NodePattern {
            variable: self.maybe(Self::name),
            labels: self.maybe(Self::labels),
            properties: self.properties(purpose),
            predicate: self.inline_predicate(purpose),
            span: Span::default(),
        }
    }

    fn properties(&mut self, purpose: Purpose) -> Option<Box<Expression>> {
        let kind = match self.below(4) {
            2 if purpose == Purpose::Create => ExpressionKind::Parameter(self.name()),
            3 => ExpressionKind::Map(self.many(0, Self::map_entry)),
            _ => return None,
        };
        Some(Box::new(Expression::new(kind, Span::default())))
    }

    fn inline_predicate(&mut self, purpose: Purpose) -> Option<Box<Expression>> {
        let wanted = purpose == Purpose::Find && self.below(4) == 3;
        wanted.then(|| Box::new(self.predicate()))
    }

    fn types(&mut self) -> (Vec<Identifier>, Option<Box<LabelFormula>>) {
        if self.flip() {
            return (self.many(0, Self::name), None);
        }
        match self.formula(0) {
            LabelFormula::Label(name) => (vec![name], None),
            LabelFormula::Or(parts)
                if parts
                    .iter()
                    .all(|part| matches!(part, LabelFormula::Label(_))) =>
            {
                (Vec::new(), None)
            }
            formula => (Vec::new(), Some(Box::new(formula))),
        }
    }

    fn labels(&mut self) -> LabelExpression {
        if self.flip() {
            return LabelExpression::All(self.many(1, Self::name));
        }
        match self.formula(0) {
            LabelFormula::Label(label) => LabelExpression::All(vec![label]),
            LabelFormula::And(parts)
                if parts
                    .iter()
                    .all(|part| matches!(part, LabelFormula::Label(_))) =>
            {
                LabelExpression::Formula(LabelFormula::Any(Span::default()))
            }
            formula => LabelExpression::Formula(formula),
        }
    }

    /// A formula; `outer` is 1 directly within a conjunction, 2 within a disjunction.
    fn formula(&mut self, outer: u8) -> LabelFormula {
        self.depth += 1;
        let formula = match self.below(if self.depth > 6 { 2 } else { 6 }) {
            5 => LabelFormula::Dynamic {
                any: self.flip(),
                expression: self.boxed(),
                span: Span::default(),
            },
            1 => LabelFormula::Any(Span::default()),
            2 => LabelFormula::Not(Box::new(self.formula(0))),
            3 if outer != 1 => LabelFormula::And(self.many(2, |g| g.formula(1))),
            4 if outer != 2 => LabelFormula::Or(self.many(2, |g| g.formula(2))),
            _ => LabelFormula::Label(self.name()),
        };
        self.depth -= 1;
        formula
    }

    fn map_entry(&mut self) -> MapEntry {
        MapEntry {
            key: self.name(),
            value: self.expression(),
        }
    }

    fn boxed(&mut self) -> Box<Expression> {
        Box::new(self.expression())
    }

    /// An expression where patterns may stand for truth values.
    fn predicate(&mut self) -> Expression {
        let kind = match self.below(5) {
            1 if self.depth < 6 => {
                self.depth += 1;
                let pattern = self.pattern_with_steps(false);
                self.depth -= 1;
                ExpressionKind::Pattern(Box::new(pattern))
            }
            2 if self.depth < 6 => {
                self.depth += 1;
                let operand = Box::new(self.predicate());
                self.depth -= 1;
                ExpressionKind::Unary {
                    operator: UnaryOperator::Not,
                    operand,
                }
            }
            3 if self.depth < 6 => {
                self.depth += 1;
                let operands = self.many(2, Self::predicate);
                self.depth -= 1;
                ExpressionKind::Logical {
                    operator: LogicalOperator::And,
                    operands,
                }
            }
            _ => return self.expression(),
        };
        Expression::new(kind, Span::default())
    }

    fn pattern_with_steps(&mut self, named: bool) -> PathPattern {
        let mut path = self.path(Purpose::Find);
        path.selector = None;
        path.search = None;
        path.predicate = None;
        for step in &mut path.steps {
            match &mut step.link {
                PathLink::Relationship(relationship) => relationship.quantifier = None,
                PathLink::Group(_) => *step = self.step(Purpose::Find),
            }
        }
        if !named {
            path.variable = None;
        }
        if path.steps.is_empty() {
            path.steps.push(self.step(Purpose::Find));
        }
        path
    }

    fn literal(&mut self) -> Literal {
        match self.below(6) {
            0 => Literal::Null,
            1 => Literal::Boolean(self.flip()),
            2 => Literal::Integer((self.number() as i64) >> self.below(64)),
            3 => {
                let float = f64::from_bits(self.number());
                Literal::Float(if float.is_finite() { float } else { -0.5 })
            }
            4 => Literal::Integer([0, 1, -1, i64::MAX, i64::MIN][self.below(5)]),
            _ => Literal::String(STRINGS[self.below(STRINGS.len())].into()),
        }
    }

    /// An expression without bare patterns.
    pub fn expression(&mut self) -> Expression {
        self.depth += 1;
        let kind = if self.depth > 7 {
            match self.below(3) {
                0 => ExpressionKind::Variable(self.name()),
                1 => ExpressionKind::Parameter(self.name()),
                _ => ExpressionKind::Literal(self.literal()),
            }
        } else {
            self.compound()
        };
        self.depth -= 1;
        Expression::new(kind, Span::default())
    }

    fn compound(&mut self) -> ExpressionKind {
        match self.below(27) {
            0 | 1 => ExpressionKind::Variable(self.name()),
            2 => ExpressionKind::Literal(self.literal()),
            3 => ExpressionKind::List(self.many(0, Self::expression)),
            4 => ExpressionKind::Map(self.many(0, Self::map_entry)),
            5 => ExpressionKind::Property {
                subject: self.boxed(),
                key: self.name(),
            },
            6 => ExpressionKind::Index {
                subject: self.boxed(),
                index: self.boxed(),
            },
            7 => ExpressionKind::Slice {
                subject: self.boxed(),
                from: self.maybe(Self::boxed),
                to: self.maybe(Self::boxed),
            },
            8 => self.function(),
            9 => ExpressionKind::CountStar,
            10 | 11 => ExpressionKind::Unary {
                operator: [
                    UnaryOperator::Not,
                    UnaryOperator::Plus,
                    UnaryOperator::Minus,
                ][self.below(3)],
                operand: self.boxed(),
            },
            12 | 13 => {
                use BinaryOperator::*;
                let operators = [
                    Add,
                    Subtract,
                    Multiply,
                    Divide,
                    Modulo,
                    Power,
                    In,
                    StartsWith,
                    EndsWith,
                    Contains,
                    RegexMatch,
                    Concatenate,
                ];
                ExpressionKind::Binary {
                    operator: operators[self.below(operators.len())],
                    left: self.boxed(),
                    right: self.boxed(),
                }
            }
            14 => ExpressionKind::Logical {
                operator: [
                    LogicalOperator::Or,
                    LogicalOperator::Xor,
                    LogicalOperator::And,
                ][self.below(3)],
                operands: self.many(2, Self::expression),
            },
            15 => self.comparison(),
            16 => ExpressionKind::IsNull {
                operand: self.boxed(),
                negated: self.flip(),
            },
            17 => ExpressionKind::HasLabels {
                subject: self.boxed(),
                labels: self.labels(),
            },
            18 => self.case(),
            19 => self.comprehension(),
            20 => ExpressionKind::Quantified(Quantified {
                quantifier: [
                    Quantifier::All,
                    Quantifier::Any,
                    Quantifier::None,
                    Quantifier::Single,
                ][self.below(4)],
                variable: self.name(),
                list: self.boxed(),
                predicate: Box::new(self.predicate()),
            }),
            21 => ExpressionKind::Reduce(Reduce {
                accumulator: self.name(),
                initial: self.boxed(),
                variable: self.name(),
                list: self.boxed(),
                step: self.boxed(),
                predicate: self.maybe(|g| Box::new(g.predicate())),
            }),
            22 => self.subquery(),
            24 => ExpressionKind::IsTyped {
                operand: self.boxed(),
                ty: self.type_name(0),
                negated: self.flip(),
            },
            25 => ExpressionKind::IsNormalized {
                operand: self.boxed(),
                form: NormalForm::ALL[self.below(4)],
                negated: self.flip(),
            },
            23 => {
                let mut path = self.pattern_with_steps(false);
                path.steps.truncate(1);
                path.selector = Some(PathSelector::Shortest);
                ExpressionKind::Pattern(Box::new(path))
            }
            _ => ExpressionKind::MapProjection {
                variable: self.name(),
                items: self.many(0, |g| match g.below(4) {
                    0 => MapProjectionItem::Property(g.name()),
                    1 => MapProjectionItem::AllProperties(Span::default()),
                    2 => MapProjectionItem::Variable(g.name()),
                    _ => MapProjectionItem::Entry(g.map_entry()),
                }),
            },
        }
    }

    /// A type; a union within a union only if it has `NOT NULL`, since it would be merged otherwise.
    fn type_name(&mut self, depth: u32) -> TypeName {
        let kind = match self.below(if depth > 3 { 1 } else { 3 }) {
            1 => TypeKind::List(Box::new(self.type_name(depth + 1))),
            2 => TypeKind::Union(self.many(2, |g| {
                let mut part = g.type_name(depth + 1);
                part.not_null |= matches!(part.kind, TypeKind::Union(_));
                part
            })),
            _ => TypeKind::Simple(SimpleType::ALL[self.below(SimpleType::ALL.len())]),
        };
        TypeName {
            kind,
            not_null: self.flip(),
        }
    }

    fn function(&mut self) -> ExpressionKind {
        let name = self.qualified_name();
        let arguments = self.many(0, Self::expression);
        let distinct = !arguments.is_empty() && self.flip();
        ExpressionKind::Function(FunctionCall {
            name,
            distinct,
            arguments,
        })
    }

    fn comparison(&mut self) -> ExpressionKind {
        use ComparisonOperator::*;
        let operators = [Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual];
        ExpressionKind::Comparison(Comparison {
            first: self.boxed(),
            links: self.many(1, |g| ComparisonLink {
                operator: operators[g.below(operators.len())],
                operand: g.expression(),
            }),
        })
    }

    fn case(&mut self) -> ExpressionKind {
        let subject = self.maybe(Self::boxed);
        let is_simple = subject.is_some();
        ExpressionKind::Case(Case {
            subject,
            branches: self.many(1, |g| CaseBranch {
                when: if is_simple {
                    g.case_test()
                } else {
                    g.predicate()
                },
                others: if is_simple {
                    g.many(0, Self::case_test)
                } else {
                    Vec::new()
                },
                then: g.expression(),
            }),
            otherwise: self.maybe(Self::boxed),
        })
    }

    fn case_test(&mut self) -> Expression {
        let subject = || {
            Box::new(Expression::new(
                ExpressionKind::CaseSubject,
                Span::default(),
            ))
        };
        let kind = match self.below(8) {
            1 => ExpressionKind::Comparison(Comparison {
                first: subject(),
                links: vec![ComparisonLink {
                    operator: [ComparisonOperator::Less, ComparisonOperator::Equal][self.below(2)],
                    operand: self.expression(),
                }],
            }),
            2 => ExpressionKind::Binary {
                operator: [
                    BinaryOperator::In,
                    BinaryOperator::StartsWith,
                    BinaryOperator::EndsWith,
                    BinaryOperator::Contains,
                    BinaryOperator::RegexMatch,
                ][self.below(5)],
                left: subject(),
                right: self.boxed(),
            },
            3 => ExpressionKind::IsNull {
                operand: subject(),
                negated: self.flip(),
            },
            4 => ExpressionKind::IsTyped {
                operand: subject(),
                ty: self.type_name(0),
                negated: self.flip(),
            },
            5 => ExpressionKind::IsNormalized {
                operand: subject(),
                form: NormalForm::ALL[self.below(4)],
                negated: self.flip(),
            },
            _ => return self.expression(),
        };
        Expression::new(kind, Span::default())
    }

    fn comprehension(&mut self) -> ExpressionKind {
        if self.flip() {
            return ExpressionKind::ListComprehension(ListComprehension {
                variable: self.name(),
                list: self.boxed(),
                predicate: self.maybe(|g| Box::new(g.predicate())),
                projection: self.maybe(Self::boxed),
            });
        }
        ExpressionKind::PatternComprehension(PatternComprehension {
            pattern: Box::new(self.pattern_with_steps(true)),
            predicate: self.maybe(|g| Box::new(g.predicate())),
            projection: self.boxed(),
        })
    }

    fn subquery(&mut self) -> ExpressionKind {
        let kind = [
            SubqueryKind::Exists,
            SubqueryKind::Count,
            SubqueryKind::Collect,
        ][self.below(3)];
        let body = if kind == SubqueryKind::Collect || self.flip() {
            SubqueryBody::Query(Box::new(self.query(false, true)))
        } else {
            SubqueryBody::Patterns {
                patterns: self.patterns(Purpose::Find),
                predicate: self.maybe(|g| Box::new(g.predicate())),
            }
        };
        ExpressionKind::Subquery { kind, body }
    }
}

/// Puts a clause before every `ORDER BY`, `SKIP` or `LIMIT` that the clause before would take for its
/// own.
fn separate_pages(clauses: &mut Vec<Clause>) {
    let mut at = 1;
    while at < clauses.len() {
        if matches!(clauses[at], Clause::Page(_))
            && matches!(clauses[at - 1], Clause::Page(_) | Clause::With(_))
        {
            let span = Span::default();
            let unwind = Clause::Unwind(Unwind {
                list: Expression::new(ExpressionKind::CountStar, span),
                variable: Identifier::new("a", span),
                span,
            });
            clauses.insert(at, unwind);
        }
        at += 1;
    }
}
