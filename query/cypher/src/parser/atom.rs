//! Operands: literals, names, calls, brackets of all kinds.

use super::pattern::Purpose;
use super::{Parser, Result};
use crate::ast::{
    Case, CaseBranch, Expression, ExpressionKind, FunctionCall, Identifier, ListComprehension,
    Literal, MapEntry, MapProjectionItem, PatternComprehension, QualifiedName, Quantified,
    Quantifier, Reduce, SubqueryBody, SubqueryKind,
};
use crate::diagnostic::{Detail, Diagnostic};
use crate::keyword::Keyword;
use crate::lexer::TokenKind;
use crate::span::Span;

impl Parser<'_> {
    pub(super) fn atom(&mut self) -> Result<Expression> {
        let start = self.span();
        let kind = match self.kind() {
            TokenKind::Integer | TokenKind::Float => ExpressionKind::Literal(self.number(None)?),
            TokenKind::String => ExpressionKind::Literal(Literal::String(self.string()?)),
            TokenKind::Dollar => return self.parameter(),
            TokenKind::LeftBracket => self.list_or_comprehension()?,
            TokenKind::LeftBrace => return self.map(),
            TokenKind::LeftParen if self.is_pattern_at(self.position) => {
                self.pattern_predicate()?
            }
            TokenKind::LeftParen => return self.parenthesized(),
            TokenKind::Word(Some(keyword)) => match self.keyword_atom(keyword)? {
                Some(kind) => kind,
                None => self.name_or_call()?,
            },
            TokenKind::Word(None)
                if self.is_word_at(0, "allReduce") && self.peek(1) == TokenKind::LeftParen =>
            {
                self.reduce(true)?
            }
            TokenKind::Word(None) | TokenKind::Quoted => self.name_or_call()?,
            _ => return Err(self.unexpected("an expression")),
        };
        Ok(Expression::new(kind, self.span_from(start)))
    }

    /// Reads what stands between brackets, where outer restrictions end.
    pub(super) fn bracketed<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.within(
            |context| {
                context.patterns = false;
                context.label_alternatives = true;
                context.in_case = false;
            },
            read,
        )
    }

    /// Like [`bracketed`](Self::bracketed), up to a `|` that is not part of a label expression.
    fn before_pipe<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.within(
            |context| {
                context.patterns = false;
                context.label_alternatives = false;
                context.in_case = false;
            },
            read,
        )
    }

    fn parenthesized(&mut self) -> Result<Expression> {
        let start = self.open(TokenKind::LeftParen, "`(`")?;
        let patterns = self.context.patterns;
        let mut expression = self.bracketed(|parser| {
            parser.within(|context| context.patterns = patterns, Self::expression)
        })?;
        self.close(TokenKind::RightParen, "an operator")?;
        expression.span = self.span_from(start);
        Ok(expression)
    }

    fn pattern_predicate(&mut self) -> Result<ExpressionKind> {
        let pattern = self.bracketed(|parser| parser.path_pattern(Purpose::Expression))?;
        if !self.context.patterns {
            let message = "a pattern cannot stand for a value here";
            return Err(Diagnostic::error(Detail::UnexpectedSyntax, pattern.span, message)
                .label("is a pattern")
                .help(
                    "write `EXISTS { … }` to ask whether it matches, `[… | …]` to list its matches",
                ));
        }
        Ok(ExpressionKind::Pattern(Box::new(pattern)))
    }

    /// The operand a keyword starts; `None` if the keyword is a name here.
    fn keyword_atom(&mut self, keyword: Keyword) -> Result<Option<ExpressionKind>> {
        let literal = match keyword {
            Keyword::Null => Some(Literal::Null),
            Keyword::True => Some(Literal::Boolean(true)),
            Keyword::False => Some(Literal::Boolean(false)),
            _ => None,
        };
        if let Some(literal) = literal {
            self.advance();
            return Ok(Some(ExpressionKind::Literal(literal)));
        }
        let quantifier = match keyword {
            Keyword::All => Some(Quantifier::All),
            Keyword::Any => Some(Quantifier::Any),
            Keyword::None => Some(Quantifier::None),
            Keyword::Single => Some(Quantifier::Single),
            _ => None,
        };
        if let Some(quantifier) = quantifier
            && self.peek(1) == TokenKind::LeftParen
        {
            return self.quantified(quantifier).map(Some);
        }
        match keyword {
            Keyword::Case if !self.ends_operand(1) && self.keyword_at(1) != Some(Keyword::As) => {
                self.case().map(Some)
            }
            Keyword::Exists | Keyword::Count | Keyword::Collect if self.starts_subquery() => {
                let kind = match keyword {
                    Keyword::Exists => SubqueryKind::Exists,
                    Keyword::Count => SubqueryKind::Count,
                    _ => SubqueryKind::Collect,
                };
                self.subquery(kind).map(Some)
            }
            Keyword::Count
                if self.peek(1) == TokenKind::LeftParen && self.peek(2) == TokenKind::Star =>
            {
                self.advance();
                self.open(TokenKind::LeftParen, "`(`")?;
                self.advance();
                self.close(TokenKind::RightParen, "")?;
                Ok(Some(ExpressionKind::CountStar))
            }
            Keyword::Reduce if self.peek(1) == TokenKind::LeftParen => self.reduce(false).map(Some),
            Keyword::ShortestPath | Keyword::AllShortestPaths if self.path_selector().is_some() => {
                let pattern = self.bracketed(|parser| parser.path_pattern(Purpose::Expression))?;
                Ok(Some(ExpressionKind::Pattern(Box::new(pattern))))
            }
            _ if keyword.is_structural() && !self.is_name_here(keyword) => {
                Err(self.unexpected("an expression"))
            }
            _ => Ok(None),
        }
    }

    /// Whether a structural keyword at the start of an operand is a name after all, because what
    /// follows makes no sense otherwise: `RETURN order, end.x`.
    fn is_name_here(&self, keyword: Keyword) -> bool {
        let closes_case = matches!(
            keyword,
            Keyword::When | Keyword::Then | Keyword::Else | Keyword::End
        );
        let is_closing = closes_case && self.context.in_case;
        let ends_query = matches!(self.peek(1), TokenKind::End | TokenKind::Semicolon);
        let ends_operand =
            self.ends_operand(1) || self.keyword_at(1).is_some_and(Keyword::follows_operand);
        !is_closing && !ends_query && ends_operand
    }

    /// Whether the symbol `ahead` can only follow a complete operand.
    pub(super) fn ends_operand(&self, ahead: usize) -> bool {
        matches!(
            self.peek(ahead),
            TokenKind::RightParen
                | TokenKind::RightBracket
                | TokenKind::RightBrace
                | TokenKind::Comma
                | TokenKind::Dot
                | TokenKind::DotDot
                | TokenKind::Colon
                | TokenKind::Semicolon
                | TokenKind::Pipe
                | TokenKind::Concatenate
                | TokenKind::Percent
                | TokenKind::Slash
                | TokenKind::Caret
                | TokenKind::Equal
                | TokenKind::RegexMatch
                | TokenKind::NotEqual
                | TokenKind::Less
                | TokenKind::LessEqual
                | TokenKind::Greater
                | TokenKind::GreaterEqual
                | TokenKind::End
        )
    }

    /// Consumes `DISTINCT`, unless it is the name of a variable.
    pub(super) fn eat_distinct(&mut self) -> bool {
        let is_name = self.ends_operand(1) || self.keyword_at(1) == Some(Keyword::As);
        !is_name && self.eat_keyword(Keyword::Distinct)
    }

    /// `$name`, `$1`, `` $`any name` ``.
    pub(super) fn parameter(&mut self) -> Result<Expression> {
        let start = self.expect(TokenKind::Dollar, "`$`")?;
        let next = self.span();
        let name = if next.start != start.end {
            Err(
                Diagnostic::error(Detail::UnexpectedSyntax, start, "the parameter has no name")
                    .label("expected a name right behind `$`"),
            )
        } else if self.is(TokenKind::Integer) && self.text().bytes().all(|b| b.is_ascii_digit()) {
            let text = self.text();
            self.advance();
            Ok(Identifier::new(text, next))
        } else {
            self.identifier("the name of a parameter")
        }?;
        Ok(Expression::new(
            ExpressionKind::Parameter(name),
            self.span_from(start),
        ))
    }

    /// `{key: value, …}`.
    pub(super) fn map(&mut self) -> Result<Expression> {
        let start = self.open(TokenKind::LeftBrace, "`{`")?;
        let mut entries = Vec::new();
        if !self.is(TokenKind::RightBrace) {
            entries = self.bracketed(|parser| parser.list(Self::map_entry))?;
        }
        let expected = if entries.is_empty() {
            "a key"
        } else {
            "an operator, `,`"
        };
        self.close(TokenKind::RightBrace, expected)?;
        Ok(Expression::new(
            ExpressionKind::Map(entries),
            self.span_from(start),
        ))
    }

    fn map_entry(&mut self) -> Result<MapEntry> {
        let key = self.identifier("a key")?;
        self.expect(TokenKind::Colon, "`:`")?;
        Ok(MapEntry {
            key,
            value: self.expression()?,
        })
    }

    fn list_or_comprehension(&mut self) -> Result<ExpressionKind> {
        self.open(TokenKind::LeftBracket, "`[`")?;
        // `[null IN xs]` is a list of one truth value.
        let is_literal = matches!(
            self.keyword(),
            Some(Keyword::Null | Keyword::True | Keyword::False)
        );
        let is_list_comprehension =
            Self::is_name(self.kind()) && !is_literal && self.keyword_at(1) == Some(Keyword::In);
        let named = Self::is_name(self.kind()) && self.peek(1) == TokenKind::Equal;
        let pattern = self.position + if named { 2 } else { 0 };
        let kind = if is_list_comprehension {
            self.list_comprehension()?
        } else if self.is_pattern_at(pattern) {
            self.pattern_comprehension()?
        } else {
            let mut items = Vec::new();
            if !self.is(TokenKind::RightBracket) {
                items = self.bracketed(|parser| parser.list(Self::expression))?;
            }
            ExpressionKind::List(items)
        };
        let expected = match &kind {
            ExpressionKind::List(items) if items.is_empty() => "an expression",
            ExpressionKind::List(_) => "an operator, `,`",
            _ => "an operator",
        };
        self.close(TokenKind::RightBracket, expected)?;
        Ok(kind)
    }

    fn list_comprehension(&mut self) -> Result<ExpressionKind> {
        let (variable, list) = self.before_pipe(Self::element_of)?;
        let predicate = self.before_pipe(Self::where_predicate)?.map(Box::new);
        let mut projection = None;
        if self.eat(TokenKind::Pipe) {
            projection = Some(Box::new(self.bracketed(Self::expression)?));
        }
        Ok(ExpressionKind::ListComprehension(ListComprehension {
            variable,
            list: Box::new(list),
            predicate,
            projection,
        }))
    }

    /// `variable IN list`.
    fn element_of(&mut self) -> Result<(Identifier, Expression)> {
        let variable = self.identifier("a variable")?;
        self.expect_keyword(Keyword::In)?;
        Ok((variable, self.expression()?))
    }

    fn pattern_comprehension(&mut self) -> Result<ExpressionKind> {
        let pattern = self.bracketed(|parser| parser.path_pattern(Purpose::Expression))?;
        let predicate = self.before_pipe(Self::where_predicate)?.map(Box::new);
        self.expect(TokenKind::Pipe, "`|` and an expression")?;
        let projection = Box::new(self.bracketed(Self::expression)?);
        Ok(ExpressionKind::PatternComprehension(PatternComprehension {
            pattern: Box::new(pattern),
            predicate,
            projection,
        }))
    }

    fn quantified(&mut self, quantifier: Quantifier) -> Result<ExpressionKind> {
        self.advance();
        self.open(TokenKind::LeftParen, "`(`")?;
        let (variable, list) = self.bracketed(Self::element_of)?;
        if !self.is_keyword(Keyword::Where) {
            return Err(self
                .unexpected_keyword("an operator or `WHERE`", &[Keyword::Where])
                .help(format!(
                    "`{}` asks a predicate of each element",
                    quantifier.as_str()
                )));
        }
        self.advance();
        let predicate = self.bracketed(Self::predicate)?;
        self.close(TokenKind::RightParen, "an operator")?;
        Ok(ExpressionKind::Quantified(Quantified {
            quantifier,
            variable,
            list: Box::new(list),
            predicate: Box::new(predicate),
        }))
    }

    /// `reduce(…)`, or `allReduce(…)` with a predicate.
    fn reduce(&mut self, has_predicate: bool) -> Result<ExpressionKind> {
        self.advance();
        self.open(TokenKind::LeftParen, "`(`")?;
        let accumulator = self.identifier("the variable that accumulates")?;
        self.expect(TokenKind::Equal, "`=`")?;
        let initial = self.bracketed(Self::expression)?;
        self.expect(TokenKind::Comma, "`,`")?;
        let (variable, list) = self.before_pipe(Self::element_of)?;
        self.expect(TokenKind::Pipe, "`|` and an expression")?;
        let step = self.bracketed(Self::expression)?;
        let mut predicate = None;
        if has_predicate {
            self.expect(TokenKind::Comma, "`,` and a predicate")?;
            predicate = Some(Box::new(self.bracketed(Self::predicate)?));
        }
        self.close(TokenKind::RightParen, "an operator")?;
        Ok(ExpressionKind::Reduce(Reduce {
            accumulator,
            initial: Box::new(initial),
            variable,
            list: Box::new(list),
            step: Box::new(step),
            predicate,
        }))
    }

    fn case(&mut self) -> Result<ExpressionKind> {
        let start = self.advance().span;
        let mut subject = None;
        if !self.is_keyword(Keyword::When) {
            subject = Some(Box::new(self.in_case(Self::expression)?));
        }
        let mut branches = Vec::new();
        while self.eat_keyword(Keyword::When) {
            let (when, others) = match subject {
                Some(_) => {
                    let when = self.in_case(Self::case_test)?;
                    let mut others = Vec::new();
                    while self.eat(TokenKind::Comma) {
                        others.push(self.in_case(Self::case_test)?);
                    }
                    (when, others)
                }
                None => (self.in_case(Self::predicate)?, Vec::new()),
            };
            if !self.eat_keyword(Keyword::Then) {
                let error = self
                    .unexpected_keyword("an operator or `THEN`", &[Keyword::Then, Keyword::And]);
                return Err(error.secondary(start, "the `CASE` starts here"));
            }
            branches.push(CaseBranch {
                when,
                others,
                then: self.in_case(Self::expression)?,
            });
        }
        if branches.is_empty() {
            return Err(self
                .unexpected_keyword("`WHEN`", &[Keyword::When])
                .secondary(start, "the `CASE` starts here"));
        }
        let mut otherwise = None;
        if self.eat_keyword(Keyword::Else) {
            otherwise = Some(Box::new(self.in_case(Self::expression)?));
        }
        if !self.eat_keyword(Keyword::End) {
            let (expected, keywords): (_, &[Keyword]) = if otherwise.is_some() {
                ("an operator or `END`", &[Keyword::End])
            } else {
                (
                    "`WHEN`, `ELSE` or `END`",
                    &[Keyword::When, Keyword::Else, Keyword::End],
                )
            };
            return Err(self
                .unexpected_keyword(expected, keywords)
                .secondary(start, "the `CASE` starts here"));
        }
        Ok(ExpressionKind::Case(Case {
            subject,
            branches,
            otherwise,
        }))
    }

    fn in_case<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.within(|context| context.in_case = true, read)
    }

    /// Whether `EXISTS`, `COUNT` or `COLLECT` here is followed by a subquery, and not by a map projection of a
    /// variable of that name.
    fn starts_subquery(&self) -> bool {
        if self.peek(1) != TokenKind::LeftBrace {
            return false;
        }
        match self.peek(2) {
            TokenKind::Dot | TokenKind::RightBrace => false,
            kind if Self::is_name(kind) => !matches!(
                self.peek(3),
                TokenKind::Colon | TokenKind::Comma | TokenKind::RightBrace
            ),
            _ => true,
        }
    }

    fn subquery(&mut self, kind: SubqueryKind) -> Result<ExpressionKind> {
        self.advance();
        self.open(TokenKind::LeftBrace, "`{`")?;
        let is_pattern = self.is(TokenKind::LeftParen)
            || (Self::is_name(self.kind()) && self.peek(1) == TokenKind::Equal)
            || self.path_selector().is_some()
            || self.starts_path_search();
        if is_pattern && kind == SubqueryKind::Collect {
            let error = self.unexpected("a clause");
            return Err(error.help("`COLLECT { … }` takes a query: `COLLECT { MATCH … RETURN … }`"));
        }
        let body = if is_pattern {
            self.bracketed(|parser| {
                let patterns = parser.patterns(Purpose::Find)?;
                let predicate = parser.where_predicate()?.map(Box::new);
                Ok(SubqueryBody::Patterns {
                    patterns,
                    predicate,
                })
            })?
        } else {
            let query = self.within(
                |context| context.read_only = true,
                |parser| parser.query(false),
            )?;
            SubqueryBody::Query(Box::new(query))
        };
        let expected = if is_pattern {
            "a relationship, `WHERE`"
        } else {
            "a clause"
        };
        self.close(TokenKind::RightBrace, expected)?;
        Ok(ExpressionKind::Subquery { kind, body })
    }

    /// A variable, a map projection of one, or a function call.
    fn name_or_call(&mut self) -> Result<ExpressionKind> {
        if self.is_call() {
            return self.function_call();
        }
        let variable = self.identifier("an expression")?;
        if self.is(TokenKind::LeftBrace) {
            return self.map_projection(variable);
        }
        Ok(ExpressionKind::Variable(variable))
    }

    /// Whether a name, possibly with dots, and a `(` stand here.
    fn is_call(&self) -> bool {
        let mut ahead = 1;
        while self.peek(ahead) == TokenKind::Dot && Self::is_name(self.peek(ahead + 1)) {
            ahead += 2;
        }
        self.peek(ahead) == TokenKind::LeftParen
    }

    fn function_call(&mut self) -> Result<ExpressionKind> {
        let is_exists = self.is_keyword(Keyword::Exists);
        let name: QualifiedName = self.qualified_name("the name of a function")?;
        let opening = self.open(TokenKind::LeftParen, "`(`")?;
        if name.namespace.is_empty() && name.name.as_str().eq_ignore_ascii_case("trim") {
            return self.trim_call(name);
        }
        let distinct = self.eat_distinct();
        let mut arguments = Vec::new();
        if self.is(TokenKind::Star) {
            return Err(self.star_argument(&name, opening));
        }
        if distinct || !self.is(TokenKind::RightParen) {
            arguments = self.bracketed(|parser| {
                parser.within(
                    |context| context.patterns = is_exists,
                    |parser| parser.list(Self::expression),
                )
            })?;
        }
        let expected = if arguments.is_empty() {
            "an expression"
        } else {
            "an operator, `,`"
        };
        self.close(TokenKind::RightParen, expected)?;
        Ok(ExpressionKind::Function(FunctionCall {
            name,
            distinct,
            arguments,
        }))
    }

    /// `trim(source)`, `trim([BOTH | LEADING | TRAILING] [characters] FROM source)`; the long forms are
    /// read as `btrim`, `ltrim` and `rtrim`.
    fn trim_call(&mut self, name: QualifiedName) -> Result<ExpressionKind> {
        let sides = [
            ("BOTH", "btrim"),
            ("LEADING", "ltrim"),
            ("TRAILING", "rtrim"),
        ];
        let side = sides
            .iter()
            .find(|(word, _)| self.is_word_at(0, word) && !self.ends_operand(1));
        if side.is_some() {
            self.advance();
        }
        let mut arguments = Vec::new();
        if !self.is(TokenKind::RightParen) && !self.is_keyword(Keyword::From) {
            arguments = self.bracketed(|parser| parser.list(Self::expression))?;
        }
        let is_long = side.is_some() || (self.is_keyword(Keyword::From) && arguments.len() < 2);
        if is_long {
            self.expect_keyword(Keyword::From)?;
            arguments.insert(0, self.bracketed(Self::expression)?);
        }
        self.close(TokenKind::RightParen, "an operator")?;
        let name = if is_long {
            let function = side.map_or("btrim", |(_, function)| function);
            QualifiedName {
                name: Identifier::new(function, name.name.span),
                ..name
            }
        } else {
            name
        };
        Ok(ExpressionKind::Function(FunctionCall {
            name,
            distinct: false,
            arguments,
        }))
    }

    fn star_argument(&self, name: &QualifiedName, opening: Span) -> Diagnostic {
        let message = format!("`{name}` cannot take `*`");
        Diagnostic::error(Detail::UnexpectedSyntax, self.span(), message)
            .label("expected an expression")
            .secondary(name.span.to(opening), "only `count(*)` counts rows")
    }

    /// `variable {.key, .*, variable, key: value}`.
    fn map_projection(&mut self, variable: Identifier) -> Result<ExpressionKind> {
        self.open(TokenKind::LeftBrace, "`{`")?;
        let mut items = Vec::new();
        if !self.is(TokenKind::RightBrace) {
            items = self.bracketed(|parser| parser.list(Self::map_projection_item))?;
        }
        self.close(TokenKind::RightBrace, "`,`")?;
        Ok(ExpressionKind::MapProjection { variable, items })
    }

    fn map_projection_item(&mut self) -> Result<MapProjectionItem> {
        let start = self.span();
        if self.eat(TokenKind::Dot) {
            if self.eat(TokenKind::Star) {
                return Ok(MapProjectionItem::AllProperties(self.span_from(start)));
            }
            return Ok(MapProjectionItem::Property(
                self.identifier("a property name or `*`")?,
            ));
        }
        let name = self.identifier("`.key`, `.*`, `key: value` or a variable")?;
        if self.eat(TokenKind::Colon) {
            let value = self.expression()?;
            return Ok(MapProjectionItem::Entry(MapEntry { key: name, value }));
        }
        Ok(MapProjectionItem::Variable(name))
    }
}
