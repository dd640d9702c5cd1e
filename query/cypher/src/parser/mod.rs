//! From tokens to syntax tree.
//!
//! Recursive descent for clauses and patterns, precedence climbing for expressions. The parser
//! never goes back: where two readings are possible, such as `(a)-[b]-(c)`, it looks ahead over
//! whole brackets, whose ends the lexer knows.
//!
//! The first error ends the parse. Beyond grammar, the parser reports the rules that hold for the
//! text alone: how clauses may follow each other, where patterns and parameters may stand, the
//! range of numbers. All that needs names or types is left to the binder.
//!
//! Two limits make it safe on hostile input: [`NESTING_MAX`] bounds the parser's own recursion, and
//! [`HEIGHT_MAX`] the height of the tree, which chains such as `1 + 1 + 1 + …` raise without any
//! recursion.

mod administration;
mod atom;
mod call;
mod clause;
mod conditional;
mod error;
mod expression;
mod linear;
mod literal;
mod path;
mod pattern;
mod privilege;
mod schema;
mod show;
mod statement;
mod types;

pub(crate) use expression::precedence;

use crate::ast::{Identifier, Statement};
use crate::diagnostic::{Detail, Diagnostic};
use crate::keyword::Keyword;
use crate::lexer::{Token, TokenKind, tokenize};
use crate::span::Span;

/// The greatest height of a syntax tree: how many expressions, patterns and queries lie on the way
/// from the root to a leaf.
pub const HEIGHT_MAX: usize = 400;

/// How deeply expressions, patterns and queries may nest.
pub const NESTING_MAX: usize = 100;

/// Reads one statement, with or without a semicolon at its end.
///
/// # Errors
///
/// The first mistake found.
pub fn parse(text: &str) -> Result<Statement> {
    if u32::try_from(text.len()).is_err() {
        let message = format!(
            "the statement has {} bytes; at most 4 GiB can be read",
            text.len()
        );
        return Err(Diagnostic::error(
            Detail::StatementTooLong,
            Span::default(),
            message,
        ));
    }
    Parser::new(text).statement()
}

type Result<T> = std::result::Result<T, Diagnostic>;

/// What the rules around an expression or query admit within it.
#[derive(Clone, Copy)]
struct Context {
    /// A pattern may stand for a truth value.
    patterns: bool,
    /// `|` may join labels; it may not where it also separates a projection.
    label_alternatives: bool,
    /// `WHEN`, `THEN`, `ELSE` and `END` close something.
    in_case: bool,
    /// Within `EXISTS { … }` or `COUNT { … }`, where nothing may be written.
    read_only: bool,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            patterns: false,
            label_alternatives: true,
            in_case: false,
            read_only: false,
        }
    }
}

struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Token>,
    /// Index of the current token.
    position: usize,
    context: Context,
    /// How many nested constructs are being read.
    nesting: usize,
    /// Height of the tallest tree finished within the construct being read.
    height: usize,
    /// Index of the opening brackets around the current token, for messages.
    open: Vec<u32>,
}

impl<'s> Parser<'s> {
    fn new(source: &'s str) -> Self {
        Self {
            source,
            tokens: tokenize(source),
            position: 0,
            context: Context::default(),
            nesting: 0,
            height: 0,
            open: Vec::new(),
        }
    }

    // Looking.

    fn kind(&self) -> TokenKind {
        self.tokens[self.position].kind
    }

    fn span(&self) -> Span {
        self.tokens[self.position].span
    }

    /// The token `ahead` of the current one, or the end.
    fn token_at(&self, index: usize) -> Token {
        self.tokens[index.min(self.tokens.len() - 1)]
    }

    fn peek(&self, ahead: usize) -> TokenKind {
        self.token_at(self.position + ahead).kind
    }

    fn text(&self) -> &'s str {
        self.span().text(self.source)
    }

    fn is(&self, kind: TokenKind) -> bool {
        self.kind() == kind
    }

    fn keyword(&self) -> Option<Keyword> {
        self.keyword_at(0)
    }

    fn keyword_at(&self, ahead: usize) -> Option<Keyword> {
        match self.peek(ahead) {
            TokenKind::Word(keyword) => keyword,
            _ => None,
        }
    }

    fn is_keyword(&self, keyword: Keyword) -> bool {
        self.keyword() == Some(keyword)
    }

    /// Whether a word that is no keyword stands `ahead`; `word` is in capitals.
    fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        let token = self.token_at(self.position + ahead);
        matches!(token.kind, TokenKind::Word(_))
            && token.span.text(self.source).eq_ignore_ascii_case(word)
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word_at(0, word);
        if found {
            self.advance();
        }
        found
    }

    fn is_name(kind: TokenKind) -> bool {
        matches!(kind, TokenKind::Word(_) | TokenKind::Quoted)
    }

    /// From `start` to the end of the last token consumed.
    fn span_from(&self, start: Span) -> Span {
        let last = self.tokens[self.position.saturating_sub(1)].span;
        Span::new(start.start, last.end.max(start.start))
    }

    // Consuming.

    /// Consumes the current token; stays at the end.
    fn advance(&mut self) -> Token {
        let token = self.tokens[self.position];
        if token.kind != TokenKind::End {
            self.position += 1;
        }
        token
    }

    fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.is(kind);
        if found {
            self.advance();
        }
        found
    }

    fn eat_keyword(&mut self, keyword: Keyword) -> bool {
        let found = self.is_keyword(keyword);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, kind: TokenKind, expected: &str) -> Result<Span> {
        if self.is(kind) {
            Ok(self.advance().span)
        } else {
            Err(self.unexpected(expected))
        }
    }

    fn expect_keyword(&mut self, keyword: Keyword) -> Result<Span> {
        if self.is_keyword(keyword) {
            return Ok(self.advance().span);
        }
        let expected = format!("`{}`", keyword.as_str());
        Err(self.unexpected_keyword(&expected, &[keyword]))
    }

    /// Consumes an opening bracket; pair with [`close`](Self::close).
    fn open(&mut self, kind: TokenKind, expected: &str) -> Result<Span> {
        let index = self.position as u32;
        let span = self.expect(kind, expected)?;
        self.open.push(index);
        Ok(span)
    }

    /// Consumes the closing bracket of the innermost [`open`](Self::open); `expected` says what else
    /// could have stood here.
    fn close(&mut self, kind: TokenKind, expected: &str) -> Result<Span> {
        if !self.is(kind) {
            return Err(self.unclosed(kind, expected));
        }
        self.open.pop();
        Ok(self.advance().span)
    }

    /// Consumes a name of any kind: variable, label, type, key.
    fn identifier(&mut self, expected: &str) -> Result<Identifier> {
        let token = self.tokens[self.position];
        match token.kind {
            TokenKind::Word(_) => {
                self.position += 1;
                Ok(Identifier::new(token.span.text(self.source), token.span))
            }
            TokenKind::Quoted => {
                self.position += 1;
                let text = token.span.text(self.source);
                let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or("");
                Ok(if inner.contains('`') {
                    Identifier::new(inner.replace("``", "`"), token.span)
                } else {
                    Identifier::new(inner, token.span)
                })
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    /// One or more items with commas between them.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat(TokenKind::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    // Guarding.

    /// Reads a construct that can contain itself, one level deeper.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.nesting == NESTING_MAX {
            return Err(self.too_deep());
        }
        self.nesting += 1;
        let tallest_before = std::mem::take(&mut self.height);
        let result = read(self)?;
        self.nesting -= 1;
        self.grow()?;
        self.height = self.height.max(tallest_before);
        Ok(result)
    }

    /// Puts one more node on top of what has been read in this construct.
    fn grow(&mut self) -> Result<()> {
        self.height += 1;
        if self.height > HEIGHT_MAX {
            Err(self.too_deep())
        } else {
            Ok(())
        }
    }

    /// Reads something in a context changed by `change`.
    fn within<T>(
        &mut self,
        change: impl FnOnce(&mut Context),
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let context = self.context;
        change(&mut self.context);
        let result = read(self)?;
        self.context = context;
        Ok(result)
    }
}
