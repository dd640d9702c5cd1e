//! Statements, unions, time clauses.

use super::{Context, Parser, Result};
use crate::ast::{
    Clause, Query, SingleQuery, Statement, StatementBody, StatementMode, SystemTime, TimeClause,
    Union,
};
use crate::diagnostic::{Detail, Diagnostic};
use crate::keyword::Keyword;
use crate::lexer::TokenKind;
use crate::span::Span;

impl Parser<'_> {
    pub(super) fn statement(&mut self) -> Result<Statement> {
        let start = self.span();
        let mode = if self.eat_keyword(Keyword::Explain) {
            Some(StatementMode::Explain)
        } else if self.eat_keyword(Keyword::Profile) {
            Some(StatementMode::Profile)
        } else {
            None
        };
        let body = if let Some(command) = self.administration()? {
            StatementBody::Administration(command)
        } else if let Some(command) = self.schema_command()? {
            StatementBody::Schema(command)
        } else if self.starts_query() {
            StatementBody::Query(self.query(true)?)
        } else {
            return Err(self.unexpected_start("a clause"));
        };
        let span = self.span_from(start);
        if self.eat(TokenKind::Semicolon) && !self.is(TokenKind::End) {
            let error = self.unexpected("the end of the query");
            return Err(error.help("statements run one at a time"));
        }
        match (self.kind(), &body) {
            (TokenKind::End, _) => Ok(Statement { mode, body, span }),
            (_, StatementBody::Query(_)) => {
                Err(self.unexpected_after_clause("a clause or the end of the query"))
            }
            (_, StatementBody::Schema(_) | StatementBody::Administration(_)) => {
                Err(self.unexpected("the end of the command"))
            }
        }
    }

    /// The innermost bracket around the current token, if nothing closes it.
    fn unclosed_bracket(&self) -> Option<Span> {
        let opening = self.tokens[*self.open.last()? as usize];
        (opening.partner == 0).then_some(opening.span)
    }

    fn starts_query(&self) -> bool {
        self.is(TokenKind::LeftBrace)
            || self.keyword().is_some_and(|keyword| {
                keyword.is_clause_start()
                    || matches!(keyword, Keyword::As | Keyword::For | Keyword::When)
            })
    }

    /// A query with its time clause and unions. `must_conclude`: it has to return or write.
    pub(super) fn query(&mut self, must_conclude: bool) -> Result<Query> {
        let context = self.context;
        self.context = Context {
            read_only: context.read_only,
            ..Context::default()
        };
        let query = self.nested(|parser| {
            let start = parser.span();
            let time = parser.time_clause()?;
            let first = parser.single_query(must_conclude)?;
            let mut unions: Vec<Union> = Vec::new();
            while parser.is_keyword(Keyword::Union) {
                let start = parser.advance().span;
                let all = parser.eat_keyword(Keyword::All);
                if !all {
                    // `UNION DISTINCT` is the long form of `UNION`.
                    parser.eat_keyword(Keyword::Distinct);
                }
                let keyword_span = parser.span_from(start);
                if let Some(first) = unions.first()
                    && first.all != all
                {
                    return Err(mixed_unions(first.span, keyword_span));
                }
                let query = parser.single_query(must_conclude)?;
                unions.push(Union {
                    all,
                    query,
                    span: parser.span_from(start),
                });
            }
            let next = parser.next_query(&first, &unions, must_conclude)?;
            Ok(Query {
                time,
                first,
                unions,
                next,
                span: parser.span_from(start),
            })
        })?;
        self.context = context;
        Ok(query)
    }

    pub(super) fn single_query(&mut self, must_conclude: bool) -> Result<SingleQuery> {
        let start = self.span();
        if self.is_keyword(Keyword::When) {
            return self.conditional(must_conclude);
        }
        if self.is(TokenKind::LeftBrace) {
            return self.braced_query(must_conclude);
        }
        let mut clauses = vec![match self.clause()? {
            Some(clause) => clause,
            None => return Err(self.unexpected_start("a clause")),
        }];
        while let Some(clause) = self.clause()? {
            if let Some(last @ (Clause::Return(_) | Clause::Finish(_))) = clauses.last() {
                return Err(self.behind_end(&clause, last));
            }
            clauses.push(clause);
        }
        if !self.ends_query() {
            return Err(self.unexpected_after_clause("a clause or the end of the query"));
        }
        self.check_calls(&clauses)?;
        if must_conclude {
            check_conclusion(&clauses)?;
        }
        Ok(SingleQuery {
            clauses,
            span: self.span_from(start),
        })
    }

    /// The error for a clause behind `RETURN` or `FINISH`.
    fn behind_end(&self, clause: &Clause, last: &Clause) -> Diagnostic {
        let end = last.keyword();
        let detail = match (clause, last) {
            (Clause::Page(_), Clause::Return(_)) => Detail::UnexpectedSyntax,
            _ => Detail::InvalidClauseComposition,
        };
        let error = Diagnostic::error(
            detail,
            clause.span(),
            format!("`{}` cannot follow `{end}`", clause.keyword()),
        )
        .secondary(last.span(), format!("`{end}` ends the query"));
        match (self.unclosed_bracket(), clause, last) {
            (Some(opening), ..) => error.secondary(opening, "not closed"),
            (None, Clause::Page(_), Clause::Return(_)) => error.help(
                "`ORDER BY`, `SKIP` and `LIMIT` follow the columns of `RETURN`, in this order",
            ),
            (None, _, Clause::Return(_)) => {
                error.help("use `WITH` to pass rows on to further clauses")
            }
            _ => error,
        }
    }

    /// Whether the current token may stand right behind a query.
    pub(super) fn ends_query(&self) -> bool {
        matches!(
            self.keyword(),
            Some(Keyword::Union | Keyword::Next | Keyword::When | Keyword::Else)
        ) || matches!(
            self.kind(),
            TokenKind::End | TokenKind::Semicolon | TokenKind::RightBrace
        )
    }

    /// `AS OF …`, `FOR SYSTEM_TIME …` and `FOR VALID_TIME …`, in any order, each at most once.
    fn time_clause(&mut self) -> Result<Option<TimeClause>> {
        let start = self.span();
        let mut system: Option<(SystemTime, Span)> = None;
        let mut valid = None;
        loop {
            let part = self.span();
            if self.is_keyword(Keyword::As) {
                let time = self.as_of()?;
                self.set_once(&mut system, time, part, "system time")?;
            } else if self.is_keyword(Keyword::For) {
                self.advance();
                if self.eat_keyword(Keyword::SystemTime) {
                    let time = if self.eat_keyword(Keyword::From) {
                        let from = self.expression()?;
                        self.expect_keyword(Keyword::To)?;
                        SystemTime::Range {
                            from,
                            to: self.expression()?,
                        }
                    } else if self.is_keyword(Keyword::As) {
                        self.as_of()?
                    } else {
                        return Err(self.unexpected_keyword(
                            "`AS OF` or `FROM`",
                            &[Keyword::As, Keyword::From],
                        ));
                    };
                    self.set_once(&mut system, time, part, "system time")?;
                } else if self.eat_keyword(Keyword::ValidTime) {
                    self.expect_keyword(Keyword::As)?;
                    self.expect_keyword(Keyword::Of)?;
                    let instant = self.expression()?;
                    self.set_once(&mut valid, instant, part, "valid time")?;
                } else {
                    return Err(self.unexpected_keyword(
                        "`SYSTEM_TIME` or `VALID_TIME`",
                        &[Keyword::SystemTime, Keyword::ValidTime],
                    ));
                }
            } else {
                break;
            }
        }
        if system.is_none() && valid.is_none() {
            return Ok(None);
        }
        Ok(Some(TimeClause {
            system: system.map(|(time, _)| time),
            valid: valid.map(|(instant, _)| instant),
            span: self.span_from(start),
        }))
    }

    fn as_of(&mut self) -> Result<SystemTime> {
        self.expect_keyword(Keyword::As)?;
        self.expect_keyword(Keyword::Of)?;
        if self.eat_keyword(Keyword::Version) {
            return Ok(SystemTime::Version(self.expression()?));
        }
        Ok(SystemTime::AsOf(self.expression()?))
    }

    fn set_once<T>(
        &self,
        slot: &mut Option<(T, Span)>,
        value: T,
        start: Span,
        what: &str,
    ) -> Result<()> {
        let span = self.span_from(start);
        if let Some((_, first)) = slot {
            let message = format!("the {what} is given twice");
            return Err(Diagnostic::error(Detail::InvalidTimeClause, span, message)
                .secondary(*first, "first given here"));
        }
        *slot = Some((value, span));
        Ok(())
    }
}

fn mixed_unions(first: Span, second: Span) -> Diagnostic {
    Diagnostic::error(
        Detail::InvalidClauseComposition,
        second,
        "`UNION` and `UNION ALL` cannot be mixed in one query",
    )
    .secondary(
        Span::new(first.start, first.start + 5),
        "differs from this one",
    )
    .help("put what belongs together into braces: `{ … UNION ALL … } UNION …`")
}

/// A query has to return rows, write, or call something.
fn check_conclusion(clauses: &[Clause]) -> Result<()> {
    let Some(
        last @ (Clause::Match(_)
        | Clause::Unwind(_)
        | Clause::With(_)
        | Clause::Filter(_)
        | Clause::Let(_)
        | Clause::Page(_)
        | Clause::LoadCsv(_)),
    ) = clauses.last()
    else {
        return Ok(());
    };
    let message = format!("a query cannot end with `{}`", last.keyword());
    Err(
        Diagnostic::error(Detail::InvalidClauseComposition, last.span(), message)
            .label("its rows go nowhere")
            .help("end with `RETURN`, `FINISH` or a clause that writes"),
    )
}
