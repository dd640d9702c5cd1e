//! Paths: chains of nodes and relationships, quantified and parenthesised parts, searches.

use super::pattern::Purpose;
use super::{Parser, Result};
use crate::ast::{
    Expression, Identifier, MatchMode, NodePattern, PathGroup, PathLink, PathMode, PathPattern,
    PathQuantifier, PathSearch, PathSearchKind, PathSelector, PathStep,
};
use crate::diagnostic::{Detail, Diagnostic};
use crate::keyword::Keyword;
use crate::lexer::TokenKind;
use crate::span::Span;

/// What parentheses around a chain turned out to be.
enum Parenthesised {
    /// A quantified path pattern.
    Group(Box<PathGroup>),
    /// Parentheses around a whole pattern.
    Whole(Box<Chain>),
}

/// Nodes and what leads from one to the next.
struct Chain {
    start: NodePattern,
    steps: Vec<PathStep>,
    predicate: Option<Box<Expression>>,
}

impl Parser<'_> {
    /// `DIFFERENT RELATIONSHIPS` or `REPEATABLE ELEMENTS`, if it stands behind `MATCH`.
    pub(super) fn match_mode(&mut self) -> Result<Option<MatchMode>> {
        let (mode, words) = match self.keyword() {
            _ if self.peek(1) == TokenKind::Equal => return Ok(None),
            Some(Keyword::Different) => (
                MatchMode::DifferentRelationships,
                [Keyword::Relationships, Keyword::Relationship],
            ),
            Some(Keyword::Repeatable) => (
                MatchMode::RepeatableElements,
                [Keyword::Elements, Keyword::Element],
            ),
            _ => return Ok(None),
        };
        self.advance();
        if !words.iter().any(|word| self.eat_keyword(*word)) {
            let expected = format!("`{}`", words[0].as_str());
            return Err(self.unexpected_keyword(&expected, &words));
        }
        Ok(Some(mode))
    }

    /// `[variable =] [search] pattern`, where a pattern is a chain or `shortestPath(…)`.
    pub(super) fn path_pattern(&mut self, purpose: Purpose) -> Result<PathPattern> {
        self.nested(|parser| {
            let start = parser.span();
            let mut variable = None;
            if Self::is_name(parser.kind()) && parser.peek(1) == TokenKind::Equal {
                variable = Some(parser.identifier("a variable")?);
                parser.advance();
            }
            let search = parser.path_search(purpose)?;
            match parser.path_selector() {
                Some(selector) if search.is_none() => {
                    parser.selected_path(selector, purpose, variable, start)
                }
                _ => {
                    let chain = parser.path_chain(purpose)?;
                    let span = parser.span_from(start);
                    Ok(pattern(*chain, variable, search, None, span))
                }
            }
        })
    }

    /// `ALL`, `ANY 2 PATHS`, `SHORTEST 2 GROUPS`, `ACYCLIC` and so on before a pattern.
    fn path_search(&mut self, purpose: Purpose) -> Result<Option<Box<PathSearch>>> {
        let start = self.span();
        if purpose == Purpose::Expression {
            return Ok(None);
        }
        let mut kind = match self.keyword() {
            Some(Keyword::All) => {
                self.advance();
                if self.eat_keyword(Keyword::Shortest) {
                    PathSearchKind::AllShortest
                } else {
                    PathSearchKind::All
                }
            }
            Some(Keyword::Any) => {
                self.advance();
                if self.eat_keyword(Keyword::Shortest) {
                    PathSearchKind::Shortest(1)
                } else {
                    PathSearchKind::Any(self.path_count()?.unwrap_or(1))
                }
            }
            Some(Keyword::Shortest) => {
                self.advance();
                PathSearchKind::Shortest(self.path_count()?.unwrap_or(1))
            }
            Some(Keyword::Walk | Keyword::Trail | Keyword::Acyclic | Keyword::Simple) => {
                PathSearchKind::All
            }
            _ => return Ok(None),
        };
        let mode = match self.keyword() {
            Some(Keyword::Walk) => Some(PathMode::Walk),
            Some(Keyword::Trail) => Some(PathMode::Trail),
            Some(Keyword::Acyclic) => Some(PathMode::Acyclic),
            Some(Keyword::Simple) => Some(PathMode::Simple),
            _ => None,
        };
        if mode.is_some() {
            self.advance();
        }
        let _ = self.eat_keyword(Keyword::Path) || self.eat_keyword(Keyword::Paths);
        let group = self.span();
        if self.eat_keyword(Keyword::Groups) || self.eat_keyword(Keyword::Group) {
            let PathSearchKind::Shortest(count) = kind else {
                let message = "only SHORTEST counts paths in groups of one length";
                return Err(Diagnostic::error(Detail::UnexpectedSyntax, group, message)
                    .help("write `SHORTEST 2 GROUPS`"));
            };
            kind = PathSearchKind::ShortestGroups(count);
        }
        if !self.is(TokenKind::LeftParen) {
            return Err(self.unexpected_keyword(
                "a path pattern such as `(a)-->+(b)`",
                &[Keyword::Shortest, Keyword::Paths, Keyword::Groups],
            ));
        }
        let span = self.span_from(start);
        if matches!(purpose, Purpose::Create | Purpose::Merge) {
            let message = "paths can be searched for, not created";
            return Err(Diagnostic::error(Detail::UnexpectedSyntax, span, message));
        }
        Ok(Some(Box::new(PathSearch { kind, mode, span })))
    }

    /// Whether a search for paths is written here, where a clause could stand as well.
    pub(super) fn starts_path_search(&self) -> bool {
        matches!(
            self.keyword(),
            Some(
                Keyword::All
                    | Keyword::Any
                    | Keyword::Shortest
                    | Keyword::Walk
                    | Keyword::Trail
                    | Keyword::Acyclic
                    | Keyword::Simple
            )
        )
    }

    /// The number of paths, if one stands here.
    fn path_count(&mut self) -> Result<Option<u64>> {
        if !matches!(
            self.kind(),
            TokenKind::Integer | TokenKind::Float | TokenKind::Minus | TokenKind::Dollar
        ) {
            return Ok(None);
        }
        match self.text().parse() {
            Ok(count) if count > 0 && self.is(TokenKind::Integer) => {
                self.advance();
                Ok(Some(count))
            }
            _ => Err(Diagnostic::error(
                Detail::InvalidRelationshipPattern,
                self.span(),
                "the number of paths is a whole number from 1",
            )
            .label("expected a number such as `2`")),
        }
    }

    /// The selector if `shortestPath(` or `allShortestPaths(` stands here.
    pub(super) fn path_selector(&self) -> Option<PathSelector> {
        if self.peek(1) != TokenKind::LeftParen {
            return None;
        }
        match self.keyword()? {
            Keyword::ShortestPath => Some(PathSelector::Shortest),
            Keyword::AllShortestPaths => Some(PathSelector::AllShortest),
            _ => None,
        }
    }

    fn selected_path(
        &mut self,
        selector: PathSelector,
        purpose: Purpose,
        variable: Option<Identifier>,
        start: Span,
    ) -> Result<PathPattern> {
        let keyword = self.advance().span;
        self.open(TokenKind::LeftParen, "`(`")?;
        let chain = self.path_chain(purpose)?;
        self.close(TokenKind::RightParen, "a relationship")?;
        let name = keyword.text(self.source);
        let span = self.span_from(keyword);
        let wrong = |label: &str| {
            let message = format!("`{name}` takes a single relationship between two nodes");
            Err(Diagnostic::error(Detail::InvalidRelationshipPattern, span, message).label(label))
        };
        let is_quantified = chain.steps.iter().any(|step| {
            step.relationship()
                .is_none_or(|relationship| relationship.quantifier.is_some())
        });
        if is_quantified || chain.predicate.is_some() {
            let message = format!("`{name}` takes no quantified pattern");
            return Err(
                Diagnostic::error(Detail::InvalidRelationshipPattern, span, message)
                    .help("write `SHORTEST 1 (a)-[:T]->+(b)` or `ALL SHORTEST (a)-[:T]->+(b)`"),
            );
        }
        match chain.steps.len() {
            0 => wrong("has no relationship"),
            1 => {
                let span = self.span_from(start);
                Ok(pattern(*chain, variable, None, Some(selector), span))
            }
            _ => wrong("has several relationships"),
        }
    }

    /// Nodes, relationships and quantified parts in turn, possibly in parentheses.
    fn path_chain(&mut self, purpose: Purpose) -> Result<Box<Chain>> {
        let mut chain = if self.starts_parenthesised() {
            match self.parenthesised(purpose)? {
                Parenthesised::Whole(chain) => return Ok(chain),
                Parenthesised::Group(group) => self.chain_of_group(group, purpose)?,
            }
        } else {
            self.chain_of_node(purpose)?
        };
        while self.next_step(purpose, &mut chain.steps)? {}
        Ok(chain)
    }

    // What builds trees stands in functions of its own, so that the frames of those that call
    // themselves stay small.

    fn chain_of_node(&mut self, purpose: Purpose) -> Result<Box<Chain>> {
        Ok(Box::new(Chain {
            start: self.node_pattern(purpose)?,
            steps: Vec::new(),
            predicate: None,
        }))
    }

    fn chain_of_group(&mut self, group: Box<PathGroup>, purpose: Purpose) -> Result<Box<Chain>> {
        let start = implied_node(group.span.start);
        let step = self.step_to(PathLink::Group(group), purpose)?;
        Ok(Box::new(Chain {
            start,
            steps: vec![step],
            predicate: None,
        }))
    }

    /// Reads the next link and node, if there is one.
    fn next_step(&mut self, purpose: Purpose, steps: &mut Vec<PathStep>) -> Result<bool> {
        if self.continues_path(purpose) {
            let step = self.relationship_step(purpose)?;
            steps.push(step);
            return Ok(true);
        }
        if !self.starts_parenthesised() || purpose == Purpose::Expression {
            return Ok(false);
        }
        let span = self.span();
        let Parenthesised::Group(group) = self.parenthesised(purpose)? else {
            let message = "a part of a pattern in parentheses needs a quantifier";
            return Err(Diagnostic::error(
                Detail::InvalidRelationshipPattern,
                self.span_from(span),
                message,
            )
            .help("repeat it with `{1}`, `+` or `*`, or leave the parentheses out"));
        };
        let step = self.step_to(PathLink::Group(group), purpose)?;
        steps.push(step);
        Ok(true)
    }

    fn relationship_step(&mut self, purpose: Purpose) -> Result<PathStep> {
        let mut relationship = self.relationship_pattern(purpose)?;
        relationship.quantifier = self.relationship_quantifier(&relationship, purpose)?;
        self.step_to(PathLink::Relationship(relationship), purpose)
    }

    /// Whether parentheses around a chain begin here, rather than a node.
    fn starts_parenthesised(&self) -> bool {
        if !self.is(TokenKind::LeftParen) {
            return false;
        }
        let names_path = Self::is_name(self.peek(1)) && self.peek(2) == TokenKind::Equal;
        names_path
            || self.peek(1) == TokenKind::LeftParen
            || (matches!(
                self.keyword_at(1),
                Some(Keyword::ShortestPath | Keyword::AllShortestPaths)
            ) && self.peek(2) == TokenKind::LeftParen)
    }

    /// `(chain WHERE …)`, with or without a quantifier.
    fn parenthesised(&mut self, purpose: Purpose) -> Result<Parenthesised> {
        self.nested(|parser| {
            let start = parser.open(TokenKind::LeftParen, "`(`")?;
            parser.check_parenthesised()?;
            let mut chain = parser.path_chain(purpose)?;
            if let Some(predicate) = parser.inline_predicate(purpose)? {
                only_predicate(&chain)?;
                chain.predicate = Some(predicate);
            }
            parser.close(TokenKind::RightParen, "a relationship")?;
            match parser.quantifier(purpose)? {
                None => Ok(Parenthesised::Whole(chain)),
                Some(quantifier) => {
                    let span = parser.span_from(start);
                    group(*chain, quantifier, span).map(Parenthesised::Group)
                }
            }
        })
    }

    /// Refuses what may stand before a whole pattern only.
    fn check_parenthesised(&self) -> Result<()> {
        if Self::is_name(self.kind()) && self.peek(1) == TokenKind::Equal {
            let message = "a part of a pattern cannot be named as a path";
            return Err(
                Diagnostic::error(Detail::UnexpectedSyntax, self.span(), message)
                    .help("name the whole pattern: `p = (a)((x)-->(y))+(b)`"),
            );
        }
        if self.path_selector().is_some() {
            let message = format!("`{}` cannot stand within a pattern", self.text());
            return Err(Diagnostic::error(
                Detail::InvalidRelationshipPattern,
                self.span(),
                message,
            ));
        }
        Ok(())
    }

    /// A link with the node behind it, which may be left out beside a quantified part.
    fn step_to(&mut self, link: PathLink, purpose: Purpose) -> Result<PathStep> {
        let is_group = matches!(link, PathLink::Group(_));
        let is_implied =
            self.starts_parenthesised() || (is_group && !self.is(TokenKind::LeftParen));
        let node = if is_implied && purpose != Purpose::Expression {
            implied_node(self.span().start)
        } else {
            self.node_pattern(purpose)?
        };
        Ok(PathStep { link, node })
    }

    fn relationship_quantifier(
        &mut self,
        relationship: &crate::ast::RelationshipPattern,
        purpose: Purpose,
    ) -> Result<Option<PathQuantifier>> {
        if purpose == Purpose::Expression {
            return Ok(None);
        }
        let Some(quantifier) = self.quantifier(purpose)? else {
            return Ok(None);
        };
        let Some(length) = &relationship.length else {
            return Ok(Some(quantifier));
        };
        let message = "a relationship of variable length cannot be quantified as well";
        Err(
            Diagnostic::error(Detail::InvalidRelationshipPattern, quantifier.span, message)
                .label("quantified here")
                .secondary(length.span, "of variable length since here"),
        )
    }

    /// `+`, `*`, `{2}`, `{1,3}`, `{1,}`, `{,3}`, if one stands here.
    fn quantifier(&mut self, purpose: Purpose) -> Result<Option<PathQuantifier>> {
        let start = self.span();
        let (min, max) = match self.kind() {
            TokenKind::Plus => {
                self.advance();
                (1, None)
            }
            TokenKind::Star => {
                self.advance();
                (0, None)
            }
            TokenKind::LeftBrace => {
                self.open(TokenKind::LeftBrace, "`{`")?;
                let min = self.length_bound()?;
                let max = if self.eat(TokenKind::Comma) {
                    self.length_bound()?
                } else if min.is_some() {
                    min
                } else {
                    return Err(self.unexpected("a number of repetitions such as `{1,3}`"));
                };
                self.close(TokenKind::RightBrace, "`,`")?;
                (min.unwrap_or(0), max)
            }
            _ => return Ok(None),
        };
        let span = self.span_from(start);
        let wrong = |message: &str| {
            Err(Diagnostic::error(
                Detail::InvalidRelationshipPattern,
                span,
                message,
            ))
        };
        match max {
            _ if purpose != Purpose::Find => wrong("a quantified pattern can only be looked for"),
            Some(0) => wrong("a pattern repeated at most 0 times matches nothing"),
            Some(max) if max < min => {
                wrong("the least number of repetitions is above the greatest")
            }
            _ => Ok(Some(PathQuantifier { min, max, span })),
        }
    }
}

fn pattern(
    chain: Chain,
    variable: Option<Identifier>,
    search: Option<Box<PathSearch>>,
    selector: Option<PathSelector>,
    span: Span,
) -> PathPattern {
    PathPattern {
        variable,
        search,
        selector,
        start: chain.start,
        steps: chain.steps,
        predicate: chain.predicate,
        span,
    }
}

/// The node that stands between, before or behind quantified parts if none is written.
fn implied_node(at: u32) -> NodePattern {
    NodePattern {
        variable: None,
        labels: None,
        properties: None,
        predicate: None,
        span: Span::new(at, at),
    }
}

fn only_predicate(chain: &Chain) -> Result<()> {
    match &chain.predicate {
        None => Ok(()),
        Some(inner) => {
            let message = "a pattern has one predicate in its parentheses";
            Err(
                Diagnostic::error(Detail::UnexpectedSyntax, inner.span, message)
                    .help("join the two with AND"),
            )
        }
    }
}

fn group(chain: Chain, quantifier: PathQuantifier, span: Span) -> Result<Box<PathGroup>> {
    check_group(&chain, &quantifier, span)?;
    Ok(Box::new(PathGroup {
        start: chain.start,
        steps: chain.steps,
        predicate: chain.predicate,
        quantifier,
        span,
    }))
}

/// A quantified part has relationships of fixed length and no quantified part of its own.
fn check_group(chain: &Chain, quantifier: &PathQuantifier, span: Span) -> Result<()> {
    let wrong = |span, message: &str| {
        Err(Diagnostic::error(
            Detail::InvalidRelationshipPattern,
            span,
            message,
        ))
    };
    if chain.steps.is_empty() {
        return wrong(
            span,
            "a quantified path pattern has at least one relationship",
        )
        .map_err(|error| error.label("only a node"));
    }
    for step in &chain.steps {
        let nested = match &step.link {
            PathLink::Group(group) => Some(group.quantifier.span),
            PathLink::Relationship(relationship) => relationship
                .quantifier
                .as_ref()
                .map(|quantifier| quantifier.span)
                .or(relationship.length.as_ref().map(|length| length.span)),
        };
        if let Some(nested) = nested {
            return wrong(nested, "quantified path patterns cannot be nested").map_err(|error| {
                error
                    .label("quantified within a quantified pattern")
                    .secondary(quantifier.span, "repeated as a whole here")
            });
        }
    }
    Ok(())
}
