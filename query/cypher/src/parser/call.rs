//! `CALL` of procedures and subqueries.

use super::{Parser, Result};
use crate::ast::{
    Clause, Concurrency, InTransactions, OnError, ProcedureCall, QualifiedName, Retry,
    SubqueryCall, SubqueryScope, Yield, YieldItem, YieldItems,
};
use crate::diagnostic::{Detail, Diagnostic};
use crate::keyword::Keyword;
use crate::lexer::TokenKind;
use crate::span::Span;

impl Parser<'_> {
    /// `start` is where the clause starts, `OPTIONAL` included.
    pub(super) fn call(&mut self, start: Span, optional: bool) -> Result<Clause> {
        self.expect_keyword(Keyword::Call)?;
        match self.kind() {
            TokenKind::LeftBrace => self.subquery_call(start, optional, None),
            TokenKind::LeftParen => {
                let scope = self.subquery_scope()?;
                self.subquery_call(start, optional, Some(scope))
            }
            _ => self.procedure_call(start, optional),
        }
    }

    fn subquery_scope(&mut self) -> Result<SubqueryScope> {
        self.open(TokenKind::LeftParen, "`(`")?;
        let scope = if self.eat(TokenKind::Star) {
            SubqueryScope::All
        } else if self.is(TokenKind::RightParen) {
            SubqueryScope::Variables(Vec::new())
        } else {
            SubqueryScope::Variables(self.list(|parser| parser.identifier("a variable"))?)
        };
        self.close(TokenKind::RightParen, "`,`")?;
        Ok(scope)
    }

    fn subquery_call(
        &mut self,
        start: Span,
        optional: bool,
        scope: Option<SubqueryScope>,
    ) -> Result<Clause> {
        self.open(TokenKind::LeftBrace, "`{`")?;
        let query = Box::new(self.query(true)?);
        self.close(TokenKind::RightBrace, "a clause")?;
        let transactions = self.in_transactions()?.map(Box::new);
        Ok(Clause::Subquery(SubqueryCall {
            optional,
            scope,
            query,
            transactions,
            span: self.span_from(start),
        }))
    }

    /// `IN TRANSACTIONS` and what belongs to it, in any order, each part at most once. Apart, so that
    /// subqueries within subqueries do not hold its part of the stack.
    #[inline(never)]
    fn in_transactions(&mut self) -> Result<Option<InTransactions>> {
        let start = self.span();
        if !self.eat_keyword(Keyword::In) {
            return Ok(None);
        }
        let concurrency = self.concurrency()?;
        if !self.eat_word("TRANSACTIONS") && !self.eat_word("TRANSACTION") {
            return Err(self.unexpected("`TRANSACTIONS`"));
        }
        let mut rows = None;
        let mut on_error: Option<(Option<Retry>, OnError)> = None;
        let mut status = None;
        loop {
            let part = self.span();
            if self.eat_keyword(Keyword::Of) {
                let count = self.expression()?;
                if !self.eat_word("ROWS") && !self.eat_word("ROW") {
                    return Err(self.unexpected("`ROWS`"));
                }
                self.only_once(&mut rows, count, part)?;
            } else if self.is_keyword(Keyword::On) && self.is_word_at(1, "ERROR") {
                self.advance();
                self.advance();
                let found = self.on_error()?;
                self.only_once(&mut on_error, found, part)?;
            } else if self.is_word_at(0, "REPORT") && self.is_word_at(1, "STATUS") {
                self.advance();
                self.advance();
                self.expect_keyword(Keyword::As)?;
                let variable = self.identifier("a variable")?;
                self.only_once(&mut status, variable, part)?;
            } else {
                break;
            }
        }
        let (retry, on_error) = on_error.unwrap_or((None, OnError::Fail));
        if let (Some(variable), OnError::Fail) = (&status, on_error) {
            return Err(Diagnostic::error(
                Detail::InvalidClauseComposition,
                variable.span,
                "`REPORT STATUS` goes with `ON ERROR CONTINUE` or `ON ERROR BREAK`",
            )
            .label("nothing to report: a failed transaction fails the query"));
        }
        Ok(Some(InTransactions {
            concurrency,
            rows,
            retry,
            on_error,
            status,
            span: self.span_from(start),
        }))
    }

    /// `CONCURRENT`, with or without a number before it.
    fn concurrency(&mut self) -> Result<Option<Concurrency>> {
        if self.is_word_at(0, "TRANSACTIONS") || self.is_word_at(0, "TRANSACTION") {
            return Ok(None);
        }
        let count = match self.is_word_at(0, "CONCURRENT") {
            true => None,
            false => Some(self.expression()?),
        };
        if !self.eat_word("CONCURRENT") {
            return Err(self.unexpected("`CONCURRENT`"));
        }
        Ok(Some(Concurrency { count }))
    }

    /// What follows `ON ERROR`.
    fn on_error(&mut self) -> Result<(Option<Retry>, OnError)> {
        let mut retry = None;
        if self.eat_word("RETRY") {
            let mut seconds = None;
            if self.eat_word("FOR") {
                seconds = Some(self.expression()?);
                if !self.eat_word("SECONDS") && !self.eat_word("SECOND") && !self.eat_word("SEC") {
                    return Err(self.unexpected("`SECONDS`"));
                }
            }
            retry = Some(Retry { seconds });
            if !self.eat_keyword(Keyword::Then) {
                return Ok((retry, OnError::Fail));
            }
        }
        let found = [OnError::Fail, OnError::Continue, OnError::Break]
            .into_iter()
            .find(|on_error| self.is_word_at(0, on_error.as_str()));
        let Some(found) = found else {
            return Err(self.unexpected(match retry {
                None => "`CONTINUE`, `BREAK`, `FAIL` or `RETRY`",
                Some(_) => "`CONTINUE`, `BREAK` or `FAIL`",
            }));
        };
        self.advance();
        Ok((retry, found))
    }

    fn only_once<T>(&self, slot: &mut Option<T>, value: T, start: Span) -> Result<()> {
        if slot.replace(value).is_some() {
            let span = self.span_from(start);
            let message = format!("`{}` is given twice", span.text(self.source));
            return Err(Diagnostic::error(Detail::UnexpectedSyntax, span, message));
        }
        Ok(())
    }

    fn procedure_call(&mut self, start: Span, optional: bool) -> Result<Clause> {
        let name = self.qualified_name("the name of a procedure or `{`")?;
        let mut arguments = None;
        if self.is(TokenKind::LeftParen) {
            self.open(TokenKind::LeftParen, "`(`")?;
            let mut list = Vec::new();
            if !self.is(TokenKind::RightParen) {
                list = self.list(Self::expression)?;
            }
            self.close(TokenKind::RightParen, "an operator, `,`")?;
            arguments = Some(list);
        }
        let mut yields = None;
        if self.is_keyword(Keyword::Yield) {
            yields = Some(self.yields()?);
        }
        let span = self.span_from(start);
        Ok(Clause::Call(ProcedureCall {
            optional,
            name,
            arguments,
            yields,
            span,
        }))
    }

    pub(super) fn qualified_name(&mut self, expected: &str) -> Result<QualifiedName> {
        let start = self.span();
        let mut name = self.identifier(expected)?;
        let mut namespace = Vec::new();
        while self.eat(TokenKind::Dot) {
            namespace.push(name);
            name = self.identifier("a name")?;
        }
        Ok(QualifiedName {
            namespace,
            name,
            span: self.span_from(start),
        })
    }

    pub(super) fn yields(&mut self) -> Result<Yield> {
        let start = self.expect_keyword(Keyword::Yield)?;
        let items = if self.eat(TokenKind::Star) {
            YieldItems::All
        } else {
            YieldItems::Fields(self.list(Self::yield_item)?)
        };
        let predicate = self.where_predicate()?;
        Ok(Yield {
            items,
            predicate,
            span: self.span_from(start),
        })
    }

    pub(super) fn yield_item(&mut self) -> Result<YieldItem> {
        let start = self.span();
        let field = self.identifier("a result field or `*`")?;
        let mut alias = None;
        if self.eat_keyword(Keyword::As) {
            alias = Some(self.identifier("a variable")?);
        }
        Ok(YieldItem {
            field,
            alias,
            span: self.span_from(start),
        })
    }

    /// What only a call that stands alone may leave out or ask for.
    pub(super) fn check_calls(&self, clauses: &[Clause]) -> Result<()> {
        if clauses.len() == 1 {
            return Ok(());
        }
        for clause in clauses {
            let Clause::Call(call) = clause else { continue };
            if call.arguments.is_none() {
                return Err(Diagnostic::error(
                    Detail::InvalidArgumentPassingMode,
                    call.name.span,
                    format!("the arguments of `{}` are missing", call.name),
                )
                .label("expected `(` and arguments")
                .note("only a call that is the whole query takes its arguments from parameters"));
            }
            if let Some(Yield {
                items: YieldItems::All,
                span,
                ..
            }) = call.yields
            {
                return Err(Diagnostic::error(
                    Detail::UnexpectedSyntax,
                    span,
                    "`YIELD *` cannot stand in a query with other clauses",
                )
                .help("name the fields to take"));
            }
        }
        Ok(())
    }
}
