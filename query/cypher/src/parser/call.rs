//! `CALL` of procedures and subqueries.

use super::{Parser, Result};
use crate::ast::{
    Clause, ProcedureCall, QualifiedName, SubqueryCall, SubqueryScope, Yield, YieldItem, YieldItems,
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
        Ok(Clause::Subquery(SubqueryCall {
            optional,
            scope,
            query,
            span: self.span_from(start),
        }))
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

    fn yield_item(&mut self) -> Result<YieldItem> {
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
