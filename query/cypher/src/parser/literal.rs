//! Values of numbers and strings.

use std::sync::Arc;

use super::{Parser, Result};
use crate::ast::Literal;
use crate::diagnostic::{Detail, Diagnostic};
use crate::lexer::TokenKind;
use crate::span::Span;

impl Parser<'_> {
    /// Reads an integer or float; `minus` is the span of the sign before it.
    pub(super) fn number(&mut self, minus: Option<Span>) -> Result<Literal> {
        let token = self.advance();
        let text = token.span.text(self.source);
        let span = minus.unwrap_or(token.span).to(token.span);
        let plain;
        let text = if text.contains('_') {
            plain = text.replace('_', "");
            &plain
        } else {
            text
        };
        if token.kind == TokenKind::Float {
            // The lexer admits only what `f64` can read.
            let value: f64 = text.parse().unwrap_or(f64::INFINITY);
            if value.is_infinite() {
                let message = format!("the number `{text}` is too large");
                return Err(
                    Diagnostic::error(Detail::FloatingPointOverflow, span, message)
                        .label("floats reach up to about 1.8e308"),
                );
            }
            return Ok(Literal::Float(if minus.is_some() { -value } else { value }));
        }
        let magnitude = match text.as_bytes() {
            [b'0', b'x' | b'X', ..] => u64::from_str_radix(&text[2..], 16),
            [b'0', b'o' | b'O', ..] => u64::from_str_radix(&text[2..], 8),
            _ => text.parse(),
        };
        let value = match (magnitude, minus) {
            (Ok(magnitude), None) => i64::try_from(magnitude).ok(),
            (Ok(magnitude), Some(_)) => 0_i64.checked_sub_unsigned(magnitude),
            (Err(_), _) => None,
        };
        value.map(Literal::Integer).ok_or_else(|| {
            let text = span.text(self.source);
            let message = format!("the integer `{text}` is too large");
            Diagnostic::error(Detail::IntegerOverflow, span, message)
                .label("integers lie between -9223372036854775808 and 9223372036854775807")
        })
    }

    /// Reads a string and resolves its escapes.
    pub(super) fn string(&mut self) -> Result<Arc<str>> {
        let token = self.advance();
        let text = token.span.text(self.source);
        let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or("");
        if !inner.contains('\\') {
            return Ok(inner.into());
        }
        unescape(inner, token.span.start + 1).map(Into::into)
    }
}

/// Resolves the escapes in the inside of a string that starts at byte `offset` of the query.
fn unescape(text: &str, offset: u32) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let start = text.len() - rest.len() + at;
        let escape = &rest[at + 1..];
        let character = escape.chars().next().unwrap_or('\\');
        let mut length = character.len_utf8();
        out.push(match character {
            '\\' | '\'' | '"' | '`' | '/' => character,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' | 'U' => {
                let digits = if character == 'u' { 4 } else { 8 };
                let Some((decoded, used)) = unicode_escape(&escape[1..], digits) else {
                    let shown = 1 + escape[1..]
                        .bytes()
                        .take(digits)
                        .take_while(u8::is_ascii_hexdigit)
                        .count();
                    return Err(invalid_unicode_escape(
                        offset as usize + start,
                        shown,
                        digits,
                    ));
                };
                length += used;
                decoded
            }
            _ => {
                let start = offset + start as u32;
                let span = Span::new(start, start + 1 + length as u32);
                let message = format!("`\\{character}` is not an escape");
                return Err(Diagnostic::error(Detail::UnexpectedSyntax, span, message)
                    .label("unknown escape")
                    .help("a backslash is written `\\\\`"));
            }
        });
        rest = &escape[length..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Reads the digits of a `\u` or `\U` escape; a pair of surrogates makes one character.
fn unicode_escape(text: &str, digits: usize) -> Option<(char, usize)> {
    let unit = hexadecimal(text, digits)?;
    if let Some(character) = char::from_u32(unit) {
        return Some((character, digits));
    }
    let low = hexadecimal(text.get(digits..)?.strip_prefix("\\u")?, 4)?;
    if !(0xd800..0xdc00).contains(&unit) || !(0xdc00..0xe000).contains(&low) {
        return None;
    }
    let character = char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))?;
    Some((character, digits + 6))
}

fn hexadecimal(text: &str, digits: usize) -> Option<u32> {
    let digits = text.get(..digits)?;
    // `from_str_radix` alone would admit a sign.
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

fn invalid_unicode_escape(start: usize, length: usize, digits: usize) -> Diagnostic {
    let span = Span::new(start as u32, (start + 1 + length) as u32);
    let error = Diagnostic::error(
        Detail::InvalidUnicodeLiteral,
        span,
        "the escape names no character",
    );
    if length == digits + 1 {
        error.label("not a Unicode character")
    } else {
        error.label(format!("expected {digits} hexadecimal digits"))
    }
}
