//! How queries follow each other: `NEXT`, `WHEN … THEN … ELSE …`, and whole queries in braces.

use super::{Parser, Result};
use crate::ast::{Clause, Conditional, ConditionalBranch, Query, SingleQuery, Union};
use crate::diagnostic::{Detail, Diagnostic};
use crate::keyword::Keyword;
use crate::lexer::TokenKind;

impl Parser<'_> {
    /// The query behind `NEXT`, if one stands here.
    pub(super) fn next_query(
        &mut self,
        first: &SingleQuery,
        unions: &[Union],
        must_conclude: bool,
    ) -> Result<Option<Box<Query>>> {
        if !self.is_keyword(Keyword::Next) {
            return Ok(None);
        }
        let keyword = self.advance().span;
        for part in std::iter::once(first).chain(unions.iter().map(|union| &union.query)) {
            if !matches!(
                part.clauses.last(),
                Some(Clause::Return(_) | Clause::Conditional(_) | Clause::Braced(_))
            ) {
                return Err(Diagnostic::error(
                    Detail::InvalidClauseComposition,
                    part.span,
                    "the query before `NEXT` ends with `RETURN`",
                )
                .label("returns nothing")
                .secondary(keyword, "takes up what is returned"));
            }
        }
        if matches!(self.keyword(), Some(Keyword::As | Keyword::For)) {
            let error = self.unexpected("a clause");
            return Err(error.help("a time clause stands before the whole query"));
        }
        Ok(Some(Box::new(self.query(must_conclude)?)))
    }

    /// `WHEN predicate THEN query … [ELSE query]`, each query with or without braces.
    pub(super) fn conditional(&mut self, must_conclude: bool) -> Result<SingleQuery> {
        let start = self.span();
        let mut branches = Vec::new();
        while self.eat_keyword(Keyword::When) {
            let predicate = self.predicate()?;
            self.expect_keyword(Keyword::Then)?;
            branches.push(ConditionalBranch {
                predicate,
                query: self.branch_query(must_conclude)?,
            });
        }
        let mut otherwise = None;
        if self.eat_keyword(Keyword::Else) {
            otherwise = Some(Box::new(self.branch_query(must_conclude)?));
        }
        if !self.ends_query() {
            return Err(self.unexpected_after_clause("`WHEN`, `ELSE` or the end of the query"));
        }
        let span = self.span_from(start);
        Ok(SingleQuery {
            clauses: vec![Clause::Conditional(Conditional {
                branches,
                otherwise,
                span,
            })],
            span,
        })
    }

    /// `{ query }` as a part of a union.
    pub(super) fn braced_query(&mut self, must_conclude: bool) -> Result<SingleQuery> {
        let start = self.span();
        let query = self.query_in_braces(must_conclude)?;
        if !self.ends_query() {
            return Err(self.unexpected_after_clause("`UNION`, `NEXT` or the end of the query"));
        }
        Ok(SingleQuery {
            clauses: vec![Clause::Braced(Box::new(query))],
            span: self.span_from(start),
        })
    }

    fn query_in_braces(&mut self, must_conclude: bool) -> Result<Query> {
        self.open(TokenKind::LeftBrace, "`{`")?;
        let query = self.query(must_conclude)?;
        self.close(TokenKind::RightBrace, "a clause")?;
        Ok(query)
    }

    fn branch_query(&mut self, must_conclude: bool) -> Result<Query> {
        if self.is(TokenKind::LeftBrace) {
            return self.query_in_braces(must_conclude);
        }
        // Without braces, a `UNION`, `WHEN` or `NEXT` belongs to what is around.
        if matches!(
            self.keyword(),
            Some(Keyword::When | Keyword::As | Keyword::For)
        ) {
            return Err(self.unexpected("a clause or `{`"));
        }
        let first = self.nested(|parser| parser.single_query(must_conclude))?;
        let span = first.span;
        Ok(Query {
            time: None,
            first,
            unions: Vec::new(),
            next: None,
            span,
        })
    }
}
