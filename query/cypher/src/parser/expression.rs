//! Operators, by precedence climbing.
//!
//! From loosest to tightest, after CIP2021-08-10: `OR`, `XOR`, `AND`, `NOT`, comparisons (which
//! chain), the predicates `IN`, `STARTS WITH`, `ENDS WITH`, `CONTAINS`, `=~`, `IS …`, then `+ - ||`,
//! `* / %`, `^`, the signs, and what follows an operand: `.key`, `[index]`, `:Label`.

use super::{Parser, Result};
use crate::ast::{
    BinaryOperator, Comparison, ComparisonLink, ComparisonOperator, Expression, ExpressionKind,
    LogicalOperator, NormalForm, UnaryOperator,
};
use crate::diagnostic::{Detail, Diagnostic};
use crate::keyword::Keyword;
use crate::lexer::TokenKind;
use crate::span::Span;

/// How tightly operators bind.
pub(crate) mod precedence {
    use crate::ast::{BinaryOperator, LogicalOperator};

    /// `NOT`.
    pub(crate) const NOT: u8 = 4;
    /// `=`, `<` and their kin.
    pub(crate) const COMPARISON: u8 = 5;
    /// `IN`, `IS NULL` and their kin.
    pub(crate) const PREDICATE: u8 = 6;
    /// Signs.
    pub(crate) const SIGN: u8 = 10;
    /// Property access, index, labels.
    pub(crate) const POSTFIX: u8 = 11;
    /// Everything that needs no parentheses anywhere.
    pub(crate) const ATOM: u8 = 12;

    pub(crate) fn of_logical(operator: LogicalOperator) -> u8 {
        match operator {
            LogicalOperator::Or => 1,
            LogicalOperator::Xor => 2,
            LogicalOperator::And => 3,
        }
    }

    pub(crate) fn of_binary(operator: BinaryOperator) -> u8 {
        match operator {
            BinaryOperator::In
            | BinaryOperator::StartsWith
            | BinaryOperator::EndsWith
            | BinaryOperator::Contains
            | BinaryOperator::RegexMatch => PREDICATE,
            BinaryOperator::Add | BinaryOperator::Subtract | BinaryOperator::Concatenate => 7,
            BinaryOperator::Multiply | BinaryOperator::Divide | BinaryOperator::Modulo => 8,
            BinaryOperator::Power => 9,
        }
    }
}

/// An operator behind an operand.
#[derive(Clone, Copy)]
enum Infix {
    Logical(LogicalOperator),
    Comparison(ComparisonOperator),
    Binary(BinaryOperator),
    /// `IS …`, or `::` alone.
    Is,
}

impl Infix {
    fn precedence(self) -> u8 {
        match self {
            Infix::Logical(operator) => precedence::of_logical(operator),
            Infix::Comparison(_) => precedence::COMPARISON,
            Infix::Binary(operator) => precedence::of_binary(operator),
            Infix::Is => precedence::PREDICATE,
        }
    }
}

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expression> {
        self.expression_at(0)
    }

    /// An expression in a place where a pattern may stand for a truth value.
    pub(super) fn predicate(&mut self) -> Result<Expression> {
        self.within(|context| context.patterns = true, Self::expression)
    }

    /// An expression whose operators bind at least as tightly as `least`.
    fn expression_at(&mut self, least: u8) -> Result<Expression> {
        self.nested(|parser| {
            let mut left = parser.prefix(least)?;
            while let Some(infix) = parser.infix() {
                if infix.precedence() < least {
                    break;
                }
                left = parser.operation(left, infix)?;
                parser.grow()?;
            }
            Ok(left)
        })
    }

    /// The operator at the current token.
    fn infix(&self) -> Option<Infix> {
        use BinaryOperator::*;
        use ComparisonOperator::*;
        Some(match self.kind() {
            TokenKind::Word(keyword) => match keyword? {
                Keyword::Or => Infix::Logical(LogicalOperator::Or),
                Keyword::Xor => Infix::Logical(LogicalOperator::Xor),
                Keyword::And => Infix::Logical(LogicalOperator::And),
                Keyword::In => Infix::Binary(In),
                Keyword::Starts => Infix::Binary(StartsWith),
                Keyword::Ends => Infix::Binary(EndsWith),
                Keyword::Contains => Infix::Binary(Contains),
                Keyword::Is => Infix::Is,
                _ => return None,
            },
            TokenKind::Plus => Infix::Binary(Add),
            TokenKind::Minus => Infix::Binary(Subtract),
            TokenKind::Star => Infix::Binary(Multiply),
            TokenKind::Slash => Infix::Binary(Divide),
            TokenKind::Percent => Infix::Binary(Modulo),
            TokenKind::Caret => Infix::Binary(Power),
            TokenKind::RegexMatch => Infix::Binary(RegexMatch),
            TokenKind::Concatenate => Infix::Binary(Concatenate),
            TokenKind::Colon if self.peek(1) == TokenKind::Colon => Infix::Is,
            TokenKind::Equal => Infix::Comparison(Equal),
            TokenKind::NotEqual => Infix::Comparison(NotEqual),
            TokenKind::Less => Infix::Comparison(Less),
            TokenKind::LessEqual => Infix::Comparison(LessOrEqual),
            TokenKind::Greater => Infix::Comparison(Greater),
            TokenKind::GreaterEqual => Infix::Comparison(GreaterOrEqual),
            _ => return None,
        })
    }

    /// The operator at the current token with its operands; `left` is the first.
    fn operation(&mut self, left: Expression, infix: Infix) -> Result<Expression> {
        let start = left.span;
        let tighter = infix.precedence() + 1;
        let kind = match infix {
            Infix::Logical(operator) => {
                let mut operands = vec![left];
                while matches!(self.infix(), Some(Infix::Logical(next)) if next == operator) {
                    self.advance();
                    operands.push(self.expression_at(tighter)?);
                }
                ExpressionKind::Logical { operator, operands }
            }
            Infix::Comparison(_) => {
                let mut links = Vec::with_capacity(1);
                while let Some(Infix::Comparison(operator)) = self.infix() {
                    self.advance();
                    links.push(ComparisonLink {
                        operator,
                        operand: self.expression_at(tighter)?,
                    });
                }
                ExpressionKind::Comparison(Comparison {
                    first: Box::new(left),
                    links,
                })
            }
            Infix::Binary(operator) => {
                self.advance();
                if matches!(
                    operator,
                    BinaryOperator::StartsWith | BinaryOperator::EndsWith
                ) {
                    self.expect_keyword(Keyword::With)?;
                }
                let right = Box::new(self.expression_at(tighter)?);
                ExpressionKind::Binary {
                    operator,
                    left: Box::new(left),
                    right,
                }
            }
            Infix::Is => self.is_predicate(left)?,
        };
        Ok(Expression::new(kind, self.span_from(start)))
    }

    /// What stands behind an operand that `IS` or `::` follows.
    fn is_predicate(&mut self, left: Expression) -> Result<ExpressionKind> {
        let operand = Box::new(left);
        let has_word = self.eat_keyword(Keyword::Is);
        let negated = has_word && self.eat_keyword(Keyword::Not);
        if self.is(TokenKind::Colon) && self.peek(1) == TokenKind::Colon {
            self.advance();
            self.advance();
            let ty = self.type_name()?;
            return Ok(ExpressionKind::IsTyped {
                operand,
                ty,
                negated,
            });
        }
        if self.eat_keyword(Keyword::Null) {
            return Ok(ExpressionKind::IsNull { operand, negated });
        }
        let is_name_ahead = Self::is_name(self.peek(1));
        if self.is_word_at(0, "TYPED") && is_name_ahead {
            self.advance();
            let ty = self.type_name()?;
            return Ok(ExpressionKind::IsTyped {
                operand,
                ty,
                negated,
            });
        }
        let form = NormalForm::ALL
            .into_iter()
            .find(|form| self.is_word_at(0, form.as_str()) && self.is_word_at(1, "NORMALIZED"));
        if form.is_some() {
            self.advance();
        }
        if self.eat_word("NORMALIZED") {
            let form = form.unwrap_or(NormalForm::Nfc);
            return Ok(ExpressionKind::IsNormalized {
                operand,
                form,
                negated,
            });
        }
        if self.is_word_at(0, "LABELED") && self.starts_label_behind_word(1) {
            self.advance();
        }
        if self.starts_label(0) {
            let alternatives = self.context.label_alternatives;
            let start = operand.span;
            let test = ExpressionKind::HasLabels {
                subject: operand,
                labels: self.label_expression(alternatives)?,
            };
            if !negated {
                return Ok(test);
            }
            return Ok(ExpressionKind::Unary {
                operator: UnaryOperator::Not,
                operand: Box::new(Expression::new(test, self.span_from(start))),
            });
        }
        let expected = if negated {
            "`NULL`, `::`, `NORMALIZED` or a label"
        } else {
            "`NULL`, `NOT NULL`, `::`, `NORMALIZED` or a label"
        };
        Err(self.unexpected_keyword(expected, &[Keyword::Null, Keyword::Not]))
    }

    fn prefix(&mut self, least: u8) -> Result<Expression> {
        let start = self.span();
        let (operator, operand) = match self.kind() {
            TokenKind::Word(Some(Keyword::Not)) => {
                if least > precedence::NOT {
                    let message = "`NOT` binds less tightly than the operator before it";
                    return Err(Diagnostic::error(Detail::UnexpectedSyntax, start, message)
                        .label("needs parentheses")
                        .help("write `(NOT …)`"));
                }
                self.advance();
                (UnaryOperator::Not, self.expression_at(precedence::NOT)?)
            }
            TokenKind::Minus if self.is_signed_number() => {
                self.advance();
                let literal = self.number(Some(start))?;
                let kind = ExpressionKind::Literal(literal);
                return Ok(Expression::new(kind, self.span_from(start)));
            }
            TokenKind::Minus => {
                self.advance();
                (UnaryOperator::Minus, self.expression_at(precedence::SIGN)?)
            }
            TokenKind::Plus => {
                self.advance();
                (UnaryOperator::Plus, self.expression_at(precedence::SIGN)?)
            }
            _ => return self.postfix_expression(),
        };
        let kind = ExpressionKind::Unary {
            operator,
            operand: Box::new(operand),
        };
        Ok(Expression::new(kind, self.span_from(start)))
    }

    /// Whether the minus sign here belongs to a number: nothing that binds more tightly follows.
    fn is_signed_number(&self) -> bool {
        matches!(self.peek(1), TokenKind::Integer | TokenKind::Float)
            && !matches!(
                self.peek(2),
                TokenKind::Dot | TokenKind::LeftBracket | TokenKind::Colon
            )
    }

    /// An atom and what follows it: `.key`, `[index]`, `[from..to]`, `:Label`.
    pub(super) fn postfix_expression(&mut self) -> Result<Expression> {
        let start = self.span();
        let mut expression = self.atom()?;
        loop {
            let kind = match self.kind() {
                TokenKind::Dot => {
                    self.advance();
                    let key = self.identifier("a property name")?;
                    ExpressionKind::Property {
                        subject: Box::new(expression),
                        key,
                    }
                }
                TokenKind::LeftBracket => self.index_or_slice(expression)?,
                TokenKind::Colon if self.starts_label(1) => {
                    self.advance();
                    let alternatives = self.context.label_alternatives;
                    let labels = self.label_expression(alternatives)?;
                    let subject = Box::new(expression);
                    let kind = ExpressionKind::HasLabels { subject, labels };
                    self.grow()?;
                    return Ok(Expression::new(kind, self.span_from(start)));
                }
                _ => return Ok(expression),
            };
            expression = Expression::new(kind, self.span_from(start));
            self.grow()?;
        }
    }

    fn starts_label(&self, ahead: usize) -> bool {
        let kind = self.peek(ahead);
        Self::is_name(kind)
            || matches!(
                kind,
                TokenKind::Bang | TokenKind::Percent | TokenKind::LeftParen
            )
            || (kind == TokenKind::Dollar && self.starts_dynamic_label(ahead + 1))
    }

    /// The same where a word has been read that may be a label itself, so that the keywords that may follow
    /// an operand are none.
    fn starts_label_behind_word(&self, ahead: usize) -> bool {
        self.starts_label(ahead) && !matches!(self.peek(ahead), TokenKind::Word(Some(_)))
    }

    /// A value behind `WHEN` in a `CASE` with a subject, or a test of the subject: `> 5`, `IS NULL`,
    /// `STARTS WITH 'a'`.
    pub(super) fn case_test(&mut self) -> Result<Expression> {
        let start = self.span();
        let Some(infix) = self.case_operator() else {
            return self.expression();
        };
        // Nothing is written for the subject, so it stands where the operator begins.
        let span = Span::new(start.start, start.start);
        let subject = Expression::new(ExpressionKind::CaseSubject, span);
        let kind = match infix {
            Infix::Comparison(operator) => {
                self.advance();
                let operand = self.expression_at(precedence::COMPARISON + 1)?;
                ExpressionKind::Comparison(Comparison {
                    first: Box::new(subject),
                    links: vec![ComparisonLink { operator, operand }],
                })
            }
            infix => self.operation(subject, infix)?.kind,
        };
        Ok(Expression::new(kind, self.span_from(start)))
    }

    /// The operator that begins a test of the subject, unless it is the name of a variable here.
    fn case_operator(&self) -> Option<Infix> {
        let infix = self.infix()?;
        let is_test = match infix {
            Infix::Comparison(_) => true,
            Infix::Binary(operator) => match operator {
                BinaryOperator::RegexMatch => true,
                BinaryOperator::StartsWith | BinaryOperator::EndsWith => {
                    self.keyword_at(1) == Some(Keyword::With)
                }
                BinaryOperator::In | BinaryOperator::Contains => {
                    !self.ends_operand(1) && self.keyword_at(1) != Some(Keyword::Then)
                }
                _ => false,
            },
            Infix::Is => {
                let next = 1 + usize::from(self.keyword_at(1) == Some(Keyword::Not));
                self.is(TokenKind::Colon)
                    || self.keyword_at(next) == Some(Keyword::Null)
                    || self.peek(next) == TokenKind::Colon
                    || ["TYPED", "NORMALIZED", "NFC", "NFD", "NFKC", "NFKD"]
                        .iter()
                        .any(|word| self.is_word_at(next, word))
            }
            Infix::Logical(_) => false,
        };
        is_test.then_some(infix)
    }

    /// Whether `(`, `all(` or `any(` stands right behind a dollar sign.
    fn starts_dynamic_label(&self, ahead: usize) -> bool {
        match self.keyword_at(ahead) {
            Some(Keyword::All | Keyword::Any) => self.peek(ahead + 1) == TokenKind::LeftParen,
            _ => self.peek(ahead) == TokenKind::LeftParen,
        }
    }

    fn index_or_slice(&mut self, subject: Expression) -> Result<ExpressionKind> {
        let subject = Box::new(subject);
        self.open(TokenKind::LeftBracket, "`[`")?;
        let kind = self.bracketed(|parser| {
            let mut from = None;
            if !parser.is(TokenKind::DotDot) {
                let index = Box::new(parser.expression()?);
                if !parser.is(TokenKind::DotDot) {
                    return Ok(ExpressionKind::Index { subject, index });
                }
                from = Some(index);
            }
            parser.advance();
            let mut to = None;
            if !parser.is(TokenKind::RightBracket) {
                to = Some(Box::new(parser.expression()?));
            }
            Ok(ExpressionKind::Slice { subject, from, to })
        })?;
        self.close(TokenKind::RightBracket, "an operator")?;
        Ok(kind)
    }
}
