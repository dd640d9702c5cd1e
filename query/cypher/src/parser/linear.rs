//! Clauses that take the rows as they come and keep all variables: `FILTER`, `LET`, `FINISH`, and
//! `ORDER BY`, `SKIP` and `LIMIT` that stand alone, `LOAD CSV`.

use super::{Parser, Result};
use crate::ast::{Clause, Expression, Filter, Let, LetItem, LoadCsv, Page, SortItem};
use crate::diagnostic::{Detail, Diagnostic};
use crate::keyword::Keyword;
use crate::lexer::TokenKind;
use crate::span::Span;

impl Parser<'_> {
    /// The clause that starts with `keyword`, the current token.
    pub(super) fn linear_clause(&mut self, keyword: Keyword, start: Span) -> Result<Clause> {
        match keyword {
            Keyword::Filter => self.filter(start),
            Keyword::Let => self.let_clause(start),
            Keyword::Load => self.load_csv(start),
            Keyword::Finish => {
                self.advance();
                Ok(Clause::Finish(start))
            }
            _ => self.page(start),
        }
    }

    fn filter(&mut self, start: Span) -> Result<Clause> {
        self.advance();
        self.eat_keyword(Keyword::Where);
        let predicate = self.predicate()?;
        Ok(Clause::Filter(Filter {
            predicate,
            span: self.span_from(start),
        }))
    }

    fn let_clause(&mut self, start: Span) -> Result<Clause> {
        self.advance();
        let items = self.list(Self::let_item)?;
        Ok(Clause::Let(Let {
            items,
            span: self.span_from(start),
        }))
    }

    fn load_csv(&mut self, start: Span) -> Result<Clause> {
        self.advance();
        if !self.eat_word("CSV") {
            return Err(self.unexpected("`CSV`"));
        }
        let headers = self.eat_keyword(Keyword::With);
        if headers && !self.eat_word("HEADERS") {
            return Err(self.unexpected("`HEADERS`"));
        }
        self.expect_keyword(Keyword::From)?;
        let url = self.expression()?;
        self.expect_keyword(Keyword::As)?;
        let variable = self.identifier("a variable")?;
        let mut terminator = None;
        if self.eat_word("FIELDTERMINATOR") {
            let span = self.span();
            if !self.is(TokenKind::String) {
                return Err(self.unexpected("a string"));
            }
            let text = self.string()?;
            let mut characters = text.chars();
            terminator = match (characters.next(), characters.next()) {
                (Some(one), None) if one.is_ascii() && !matches!(one, '"' | '\n' | '\r') => {
                    Some(one)
                }
                _ => {
                    let message = "fields end with one ASCII character, no quote and no line break";
                    return Err(Diagnostic::error(Detail::UnexpectedSyntax, span, message)
                        .label("expected a string such as ';'"));
                }
            };
        }
        Ok(Clause::LoadCsv(LoadCsv {
            headers,
            url,
            variable,
            terminator,
            span: self.span_from(start),
        }))
    }

    fn page(&mut self, start: Span) -> Result<Clause> {
        let (order_by, skip, limit) = self.order_and_limits()?;
        Ok(Clause::Page(Page {
            order_by,
            skip,
            limit,
            span: self.span_from(start),
        }))
    }

    /// `[ORDER BY item, …] [SKIP number] [LIMIT number]`.
    #[allow(clippy::type_complexity, reason = "used twice, at once taken apart")]
    pub(super) fn order_and_limits(
        &mut self,
    ) -> Result<(Vec<SortItem>, Option<Expression>, Option<Expression>)> {
        let mut order_by = Vec::new();
        if self.eat_keyword(Keyword::Order) {
            self.expect_keyword(Keyword::By)?;
            order_by = self.list(Self::sort_item)?;
        }
        let mut skip = None;
        if self.eat_keyword(Keyword::Skip) || self.eat_keyword(Keyword::Offset) {
            skip = Some(self.expression()?);
        }
        let mut limit = None;
        if self.eat_keyword(Keyword::Limit) {
            limit = Some(self.expression()?);
        }
        Ok((order_by, skip, limit))
    }

    fn let_item(&mut self) -> Result<LetItem> {
        let variable = self.identifier("a variable")?;
        self.expect(TokenKind::Equal, "`=`")?;
        Ok(LetItem {
            variable,
            value: self.expression()?,
        })
    }
}
