//! Clauses other than `CALL`.

use super::pattern::Purpose;
use super::{Parser, Result};
use crate::ast::{
    Clause, Create, Delete, Expression, ExpressionKind, Foreach, Identifier, LabelFormula,
    LabelName, Match, Merge, MergeAction, MergeEvent, PathPattern, Projection, ProjectionItem,
    Remove, RemoveItem, RemoveItemKind, Return, Set, SetItem, SetItemKind, SortItem, Unwind, With,
};
use crate::diagnostic::{Detail, Diagnostic};
use crate::keyword::Keyword;
use crate::lexer::TokenKind;
use crate::span::Span;

impl Parser<'_> {
    /// The clause that starts here, if one does.
    pub(super) fn clause(&mut self) -> Result<Option<Clause>> {
        let Some(keyword) = self.keyword() else {
            return Ok(None);
        };
        let start = self.span();
        // What contains clauses is read here, all else apart, so that frames stay small where they nest.
        let clause = match keyword {
            Keyword::Call => Some(self.call(start, false)?),
            Keyword::Foreach => Some(Clause::Foreach(self.nested(Self::foreach)?)),
            _ => self.plain_clause(keyword, start)?,
        };
        if let Some(clause) = &clause {
            self.check_read_only(clause)?;
        }
        Ok(clause)
    }

    fn plain_clause(&mut self, keyword: Keyword, start: Span) -> Result<Option<Clause>> {
        let clause = match keyword {
            Keyword::Match => Clause::Match(self.match_clause(start, false)?),
            Keyword::Optional => {
                self.advance();
                match self.keyword() {
                    Some(Keyword::Match) => Clause::Match(self.match_clause(start, true)?),
                    Some(Keyword::Call) => self.call(start, true)?,
                    _ => {
                        let keywords = [Keyword::Match, Keyword::Call];
                        return Err(self.unexpected_keyword("`MATCH` or `CALL`", &keywords));
                    }
                }
            }
            Keyword::Unwind => Clause::Unwind(self.unwind()?),
            Keyword::With => Clause::With(self.with()?),
            Keyword::Return => {
                self.advance();
                let projection = self.projection()?;
                Clause::Return(Return {
                    projection,
                    span: self.span_from(start),
                })
            }
            // GQL's word for it.
            Keyword::Create | Keyword::Insert => {
                self.advance();
                let patterns = self.patterns(Purpose::Create)?;
                Clause::Create(Create {
                    patterns,
                    span: self.span_from(start),
                })
            }
            Keyword::Merge => Clause::Merge(self.merge()?),
            Keyword::Set => {
                self.advance();
                let items = self.list(Self::set_item)?;
                Clause::Set(Set {
                    items,
                    span: self.span_from(start),
                })
            }
            Keyword::Remove => {
                self.advance();
                let items = self.list(Self::remove_item)?;
                Clause::Remove(Remove {
                    items,
                    span: self.span_from(start),
                })
            }
            Keyword::Detach => {
                self.advance();
                if !self.is_keyword(Keyword::Delete) {
                    return Err(self.unexpected_keyword("`DELETE`", &[Keyword::Delete]));
                }
                Clause::Delete(self.delete(start, true)?)
            }
            Keyword::Delete => Clause::Delete(self.delete(start, false)?),
            Keyword::Filter
            | Keyword::Finish
            | Keyword::Let
            | Keyword::Limit
            | Keyword::Load
            | Keyword::Offset
            | Keyword::Order
            | Keyword::Skip => self.linear_clause(keyword, start)?,
            _ => return Ok(None),
        };
        Ok(Some(clause))
    }

    fn check_read_only(&self, clause: &Clause) -> Result<()> {
        if self.context.read_only && clause.is_updating() {
            let message = format!(
                "`{}` cannot stand in a subquery expression",
                clause.keyword()
            );
            return Err(Diagnostic::error(
                Detail::InvalidClauseComposition,
                clause.span(),
                message,
            )
            .label("writes to the graph")
            .help("subquery expressions only read; write in a clause of its own"));
        }
        Ok(())
    }

    fn match_clause(&mut self, start: Span, optional: bool) -> Result<Match> {
        self.expect_keyword(Keyword::Match)?;
        let mode = self.match_mode()?;
        let patterns = self.patterns(Purpose::Find)?;
        let predicate = self.where_predicate()?;
        Ok(Match {
            optional,
            mode,
            patterns,
            predicate,
            span: self.span_from(start),
        })
    }

    /// `pattern, pattern, …`.
    pub(super) fn patterns(&mut self, purpose: Purpose) -> Result<Vec<PathPattern>> {
        self.list(|parser| parser.path_pattern(purpose))
    }

    /// `[WHERE predicate]`.
    pub(super) fn where_predicate(&mut self) -> Result<Option<Expression>> {
        if !self.eat_keyword(Keyword::Where) {
            return Ok(None);
        }
        self.predicate().map(Some)
    }

    fn unwind(&mut self) -> Result<Unwind> {
        let start = self.expect_keyword(Keyword::Unwind)?;
        let list = self.expression()?;
        self.expect_keyword(Keyword::As)?;
        let variable = self.identifier("a variable")?;
        Ok(Unwind {
            list,
            variable,
            span: self.span_from(start),
        })
    }

    fn with(&mut self) -> Result<With> {
        let start = self.expect_keyword(Keyword::With)?;
        let projection = self.projection()?;
        let predicate = self.where_predicate()?;
        Ok(With {
            projection,
            predicate,
            span: self.span_from(start),
        })
    }

    /// What follows `WITH` or `RETURN`.
    pub(super) fn projection(&mut self) -> Result<Projection> {
        let start = self.span();
        let distinct = self.eat_distinct();
        if !distinct && self.is_keyword(Keyword::All) && self.starts_item_behind_all() {
            self.advance();
        }
        let star = self.eat(TokenKind::Star);
        let mut items = Vec::new();
        if !star || self.eat(TokenKind::Comma) {
            items = self.list(Self::projection_item)?;
        }
        self.projection_rest(start, distinct, star, items)
    }

    /// `ORDER BY`, `SKIP` and `LIMIT` after the items that began at `start`.
    pub(super) fn projection_rest(
        &mut self,
        start: Span,
        distinct: bool,
        star: bool,
        items: Vec<ProjectionItem>,
    ) -> Result<Projection> {
        let (order_by, skip, limit) = self.order_and_limits()?;
        let span = self.span_from(start);
        Ok(Projection {
            distinct,
            star,
            items,
            order_by,
            skip,
            limit,
            span,
        })
    }

    /// Whether the `ALL` here stands before an item (it changes nothing) and is no name or quantifier.
    fn starts_item_behind_all(&self) -> bool {
        matches!(
            self.peek(1),
            TokenKind::Word(None)
                | TokenKind::Quoted
                | TokenKind::Integer
                | TokenKind::Float
                | TokenKind::String
                | TokenKind::Dollar
        )
    }

    fn projection_item(&mut self) -> Result<ProjectionItem> {
        let start = self.span();
        let expression = self.expression()?;
        let mut alias = None;
        if self.eat_keyword(Keyword::As) {
            alias = Some(self.identifier("a name for the column")?);
        }
        Ok(ProjectionItem {
            expression,
            alias,
            span: self.span_from(start),
        })
    }

    pub(super) fn sort_item(&mut self) -> Result<SortItem> {
        let start = self.span();
        let expression = self.expression()?;
        let descending = match self.keyword() {
            Some(Keyword::Asc | Keyword::Ascending) => {
                self.advance();
                false
            }
            Some(Keyword::Desc | Keyword::Descending) => {
                self.advance();
                true
            }
            _ => false,
        };
        Ok(SortItem {
            expression,
            descending,
            span: self.span_from(start),
        })
    }

    fn merge(&mut self) -> Result<Merge> {
        let start = self.expect_keyword(Keyword::Merge)?;
        let pattern = self.path_pattern(Purpose::Merge)?;
        let mut actions = Vec::new();
        while self.is_keyword(Keyword::On) {
            let start = self.advance().span;
            let event = if self.eat_keyword(Keyword::Create) {
                MergeEvent::Create
            } else if self.eat_keyword(Keyword::Match) {
                MergeEvent::Match
            } else {
                return Err(self.unexpected_keyword(
                    "`CREATE` or `MATCH`",
                    &[Keyword::Create, Keyword::Match],
                ));
            };
            self.expect_keyword(Keyword::Set)?;
            let items = self.list(Self::set_item)?;
            actions.push(MergeAction {
                event,
                items,
                span: self.span_from(start),
            });
        }
        Ok(Merge {
            pattern,
            actions,
            span: self.span_from(start),
        })
    }

    fn set_item(&mut self) -> Result<SetItem> {
        let start = self.span();
        let kind = match self.assignable()? {
            Assignable::Labels(variable, labels) => SetItemKind::Labels { variable, labels },
            Assignable::Variable(variable) if self.eat(TokenKind::Equal) => SetItemKind::Replace {
                variable,
                value: self.expression()?,
            },
            Assignable::Variable(variable) if self.eat(TokenKind::PlusEqual) => {
                SetItemKind::Merge {
                    variable,
                    value: self.expression()?,
                }
            }
            Assignable::Variable(_) => return Err(self.unexpected("`=`, `+=`, `.` or `:`")),
            Assignable::Dynamic(subject, key) => {
                self.expect(TokenKind::Equal, "`=`")?;
                SetItemKind::Dynamic {
                    subject,
                    key,
                    value: self.expression()?,
                }
            }
            Assignable::Property(subject, key) => {
                self.expect(TokenKind::Equal, "`=`")?;
                SetItemKind::Property {
                    subject,
                    key,
                    value: self.expression()?,
                }
            }
        };
        Ok(SetItem {
            kind,
            span: self.span_from(start),
        })
    }

    fn remove_item(&mut self) -> Result<RemoveItem> {
        let start = self.span();
        let kind = match self.assignable()? {
            Assignable::Labels(variable, labels) => RemoveItemKind::Labels { variable, labels },
            Assignable::Property(subject, key) => RemoveItemKind::Property { subject, key },
            Assignable::Dynamic(subject, key) => RemoveItemKind::Dynamic { subject, key },
            Assignable::Variable(variable) => {
                return Err(self.unexpected("`.` or `:`").help(format!(
                    "`DELETE {variable}` deletes a node or relationship"
                )));
            }
        };
        Ok(RemoveItem {
            kind,
            span: self.span_from(start),
        })
    }

    /// The left-hand side of `SET` and the operand of `REMOVE`.
    fn assignable(&mut self) -> Result<Assignable> {
        let is_label = self.peek(1) == TokenKind::Colon || self.keyword_at(1) == Some(Keyword::Is);
        if Self::is_name(self.kind()) && is_label {
            let variable = self.identifier("a variable")?;
            self.advance();
            let mut labels = vec![self.label_name()?];
            while self.eat(TokenKind::Colon) {
                labels.push(self.label_name()?);
            }
            return Ok(Assignable::Labels(variable, labels));
        }
        let may_continue = matches!(
            self.peek(1),
            TokenKind::Dot | TokenKind::LeftParen | TokenKind::LeftBracket
        );
        if Self::is_name(self.kind()) && !may_continue {
            return Ok(Assignable::Variable(self.identifier("a variable")?));
        }
        let target = self.nested(Self::postfix_expression)?;
        match target.kind {
            ExpressionKind::Property { subject, key } => Ok(Assignable::Property(*subject, key)),
            ExpressionKind::Index { subject, index } => Ok(Assignable::Dynamic(*subject, *index)),
            ExpressionKind::Variable(variable) => Ok(Assignable::Variable(variable)),
            _ => {
                let message = "only properties and labels can be set or removed";
                Err(
                    Diagnostic::error(Detail::UnexpectedSyntax, target.span, message)
                        .label("expected a property such as `n.name`"),
                )
            }
        }
    }

    fn label_name(&mut self) -> Result<LabelName> {
        if !self.is(TokenKind::Dollar) {
            return self.identifier("a label").map(LabelName::Plain);
        }
        match self.dynamic_label()? {
            LabelFormula::Dynamic {
                any: true, span, ..
            } => Err(Diagnostic::error(
                Detail::UnexpectedSyntax,
                span,
                "`$any` asks for labels; it cannot give or take them",
            )),
            LabelFormula::Dynamic { expression, .. } => Ok(LabelName::Dynamic(*expression)),
            _ => Err(self.unexpected("a label")),
        }
    }

    fn delete(&mut self, start: Span, detach: bool) -> Result<Delete> {
        self.expect_keyword(Keyword::Delete)?;
        let expressions = self.list(Self::expression)?;
        for expression in &expressions {
            if let ExpressionKind::HasLabels { .. } = expression.kind {
                let text = expression.span.text(self.source);
                return Err(Diagnostic::error(
                    Detail::InvalidDelete,
                    expression.span,
                    "labels and types cannot be deleted",
                )
                .label("is a truth value")
                .help(format!("`REMOVE {text}` removes labels from a node")));
            }
        }
        Ok(Delete {
            detach,
            expressions,
            span: self.span_from(start),
        })
    }

    fn foreach(&mut self) -> Result<Foreach> {
        let start = self.expect_keyword(Keyword::Foreach)?;
        self.open(TokenKind::LeftParen, "`(`")?;
        let variable = self.identifier("a variable")?;
        self.expect_keyword(Keyword::In)?;
        let list = self.within(
            |context| context.label_alternatives = false,
            Self::expression,
        )?;
        self.expect(TokenKind::Pipe, "`|`")?;
        let mut clauses = Vec::new();
        while let Some(clause) = self.clause()? {
            if !clause.is_updating() {
                let message = format!("`{}` cannot stand in `FOREACH`", clause.keyword());
                return Err(Diagnostic::error(
                    Detail::InvalidClauseComposition,
                    clause.span(),
                    message,
                )
                .label("does not write")
                .help("use `UNWIND` to read for each element of a list"));
            }
            clauses.push(clause);
        }
        if clauses.is_empty() {
            return Err(self.unexpected("a clause that writes"));
        }
        self.close(TokenKind::RightParen, "a clause")?;
        Ok(Foreach {
            variable,
            list,
            clauses,
            span: self.span_from(start),
        })
    }
}

enum Assignable {
    Property(Expression, Identifier),
    Dynamic(Expression, Expression),
    Variable(Identifier),
    Labels(Identifier, Vec<LabelName>),
}
