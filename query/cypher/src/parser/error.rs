//! What the parser says when it does not understand.

use super::Parser;
use crate::diagnostic::{Detail, Diagnostic};
use crate::keyword::Keyword;
use crate::lexer::TokenKind;
use crate::span::Span;

/// The longest piece of the query quoted in a message, in characters.
const QUOTE_MAX: usize = 24;

impl Parser<'_> {
    /// "expected …, found …", or a better message if the current token is malformed.
    pub(super) fn unexpected(&self, expected: &str) -> Diagnostic {
        self.unexpected_keyword(expected, &[])
    }

    /// Like [`unexpected`](Self::unexpected); if the current word resembles one of `keywords`, says
    /// so.
    pub(super) fn unexpected_keyword(&self, expected: &str, keywords: &[Keyword]) -> Diagnostic {
        if let Some(malformed) = self.malformed(expected) {
            return malformed;
        }
        let message = format!("expected {expected}, found {}", self.found());
        let mut error = Diagnostic::error(Detail::UnexpectedSyntax, self.span(), message)
            .label(format!("expected {expected}"));
        // A keyword in the wrong place is hardly a misspelt other one.
        if let TokenKind::Word(None) = self.kind() {
            let words = keywords.iter().map(|keyword| keyword.as_str());
            error = error.suggest(self.text(), words);
        }
        match self.foreign_operator() {
            Some(help) => error.help(help),
            None => error,
        }
    }

    /// The error for a bracket that should be closed here.
    pub(super) fn unclosed(&self, closing: TokenKind, expected: &str) -> Diagnostic {
        let mark = match closing {
            TokenKind::RightBracket => "`]`",
            TokenKind::RightBrace => "`}`",
            _ => "`)`",
        };
        let expected = if expected.is_empty() {
            mark.to_owned()
        } else {
            format!("{expected} or {mark}")
        };
        let error = self.unexpected(&expected);
        match self.open.last() {
            Some(&index) if error.detail == Detail::UnexpectedSyntax => {
                let opening = self.tokens[index as usize].span;
                error.secondary(opening, "opened here")
            }
            _ => error,
        }
    }

    /// The error for nesting beyond a limit.
    pub(super) fn too_deep(&self) -> Diagnostic {
        let message = "the statement is nested too deeply";
        Diagnostic::error(Detail::NestingTooDeep, self.span(), message)
            .label("too many levels here")
            .help("pass large values as parameters, or split long chains with lists and `WITH`")
    }

    /// The error for a token that is wrong in itself, if the current one is.
    fn malformed(&self, expected: &str) -> Option<Diagnostic> {
        let (span, text) = (self.span(), self.text());
        Some(match self.kind() {
            // A name that starts with a digit is no number.
            TokenKind::BadNumber if !expected.contains("expression") => return None,
            TokenKind::BadNumber => {
                let error = Diagnostic::error(
                    Detail::InvalidNumberLiteral,
                    span,
                    format!("`{}` is not a number", shorten(text)),
                );
                let lower = text.to_ascii_lowercase();
                if lower.starts_with("0x") {
                    error.label("`0x` takes hexadecimal digits")
                } else if lower.starts_with("0o") {
                    error.label("`0o` takes octal digits")
                } else if lower
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.')
                {
                    error
                        .label("leading zero")
                        .help("octal numbers are written `0o17`")
                } else if lower.contains('_') {
                    error.label("digits are grouped by single underscores between them")
                } else {
                    error.label("letters within a number")
                }
            }
            TokenKind::UnclosedString => {
                let quote = &text[..1];
                Diagnostic::error(
                    Detail::UnexpectedSyntax,
                    Span::new(span.start, span.start + 1),
                    "the string is not closed",
                )
                .label(format!("no {quote} follows"))
            }
            TokenKind::UnclosedQuoted => Diagnostic::error(
                Detail::UnexpectedSyntax,
                Span::new(span.start, span.start + 1),
                "the name in backticks is not closed",
            )
            .label("no backtick follows"),
            TokenKind::UnclosedComment => Diagnostic::error(
                Detail::UnexpectedSyntax,
                Span::new(span.start, span.start + 2),
                "the comment is not closed",
            )
            .label("no `*/` follows"),
            TokenKind::Unknown if !text.is_ascii() => {
                let character = text.chars().next().unwrap_or('\u{fffd}');
                let error = Diagnostic::error(
                    Detail::InvalidUnicodeCharacter,
                    span,
                    format!(
                        "`{text}` (U+{:04X}) has no meaning here",
                        u32::from(character)
                    ),
                )
                .label(format!("expected {expected}"));
                match look_alike(character) {
                    Some(ascii) => error.help(format!("did you mean `{ascii}`?")),
                    None => error,
                }
            }
            _ => return None,
        })
    }

    /// What the current token is, for a message.
    pub(super) fn found(&self) -> String {
        match self.kind() {
            TokenKind::End => "the end of the query".to_owned(),
            TokenKind::Word(Some(keyword))
                if keyword.is_structural() && self.text() == keyword.as_str() =>
            {
                format!("the keyword `{}`", keyword.as_str())
            }
            TokenKind::String => "a string".to_owned(),
            TokenKind::Integer | TokenKind::Float => {
                format!("the number `{}`", shorten(self.text()))
            }
            _ => format!("`{}`", shorten(self.text())),
        }
    }

    /// Help for operators of other languages.
    fn foreign_operator(&self) -> Option<&'static str> {
        let adjoins = |kind| {
            self.peek(1) == kind && self.token_at(self.position + 1).span.start == self.span().end
        };
        match self.kind() {
            TokenKind::Bang if adjoins(TokenKind::Equal) => Some("inequality is written `<>`"),
            TokenKind::Bang => Some("negation is written `NOT`"),
            TokenKind::Equal if self.is_after(TokenKind::Equal) => {
                Some("equality is written `=`, once")
            }
            TokenKind::Ampersand if adjoins(TokenKind::Ampersand) => {
                Some("conjunction is written `AND`")
            }
            TokenKind::Concatenate => Some("disjunction is written `OR`"),
            _ => None,
        }
    }

    /// The error for a word or symbol behind a complete clause.
    pub(super) fn unexpected_after_clause(&self, expected: &str) -> Diagnostic {
        use Keyword::*;
        let keywords = [
            Match, Return, With, Where, Create, Insert, Merge, Optional, Unwind, Delete, Detach,
            Remove, Set, Call, Foreach, Filter, Let, Load, Finish, Order, Skip, Limit, Union, And,
            Or, Xor, In, Is, Contains, Starts, Ends, As, Asc, Desc, Yield, On,
        ];
        let error = self.unexpected_keyword(expected, &keywords);
        if error.help.is_some() || error.detail != Detail::UnexpectedSyntax {
            return error;
        }
        match self.keyword() {
            Some(Where) => error.help("`WHERE` follows `MATCH`, `WITH` or `YIELD`"),
            Some(On) => error.help("`ON CREATE` and `ON MATCH` follow `MERGE`"),
            Some(As | For) => error.help("a time clause stands before the first clause of a query"),
            _ => error,
        }
    }

    /// The error for a statement that starts with no known word.
    pub(super) fn unexpected_start(&self, expected: &str) -> Diagnostic {
        use Keyword::*;
        let keywords = [
            Match, Return, With, Create, Insert, Merge, Optional, Unwind, Delete, Detach, Remove,
            Set, Call, Foreach, Load, Explain, Profile, Show, Drop, As, For,
        ];
        let error = self.unexpected_keyword(expected, &keywords);
        let word = self.text().to_ascii_uppercase();
        if error.help.is_some() || error.detail != Detail::UnexpectedSyntax {
            return error;
        }
        match word.as_str() {
            "SELECT" => error.help("queries start with `MATCH` and end with `RETURN`"),
            "UPDATE" => error.help("`MATCH` what is to change, then `SET` its properties"),
            _ => error,
        }
    }

    fn is_after(&self, kind: TokenKind) -> bool {
        self.position > 0 && self.tokens[self.position - 1].kind == kind
    }
}

fn shorten(text: &str) -> String {
    let first_line = text.lines().next().unwrap_or("");
    if first_line.len() == text.len() && text.chars().count() <= QUOTE_MAX {
        return text.to_owned();
    }
    first_line.chars().take(QUOTE_MAX).chain(['…']).collect()
}

/// The ASCII character that word processors replace by this one.
fn look_alike(character: char) -> Option<char> {
    match character {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some('-'),
        '\u{2018}' | '\u{2019}' => Some('\''),
        '\u{201c}'..='\u{201e}' => Some('"'),
        '\u{2192}' => Some('>'),
        '\u{2190}' => Some('<'),
        '\u{d7}' => Some('*'),
        _ => None,
    }
}
