//! From text to tokens.
//!
//! One pass over the bytes. The lexer never fails: what it cannot read becomes a token of a kind
//! that no rule of the grammar accepts, and the parser turns that token into an error where it
//! stands. So `{1a: 2}` is about a missing key, while `RETURN 1a` is about a malformed number.
//!
//! Only single characters and the operators `.. += =~ <> <= >=` are tokens. Arrows are not, since
//! `a<-1` compares and `(a)<--(b)` is a pattern.
//!
//! Every opening bracket knows its partner. This is what lets the parser tell `(a)-[b]-(c)`, a
//! pattern, from `(a) - [b] - c`, arithmetic, without trying both.

use unicode_ident::{is_xid_continue, is_xid_start};

use crate::keyword::Keyword;
use crate::span::Span;

/// The kinds of token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenKind {
    /// An identifier without backticks; the keyword it spells, if any.
    Word(Option<Keyword>),
    /// An identifier in backticks.
    Quoted,
    /// Digits, or a `0x` or `0o` literal.
    Integer,
    /// A number with a fraction or an exponent.
    Float,
    /// A string in single or double quotes; its escapes are not checked yet.
    String,
    /// `(`
    LeftParen,
    /// `)`
    RightParen,
    /// `[`
    LeftBracket,
    /// `]`
    RightBracket,
    /// `{`
    LeftBrace,
    /// `}`
    RightBrace,
    /// `,`
    Comma,
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// `:`
    Colon,
    /// `;`
    Semicolon,
    /// `|`
    Pipe,
    /// `||`
    Concatenate,
    /// `&`
    Ampersand,
    /// `!`
    Bang,
    /// `%`
    Percent,
    /// `+`
    Plus,
    /// `+=`
    PlusEqual,
    /// `-`
    Minus,
    /// `*`
    Star,
    /// `/`
    Slash,
    /// `^`
    Caret,
    /// `=`
    Equal,
    /// `=~`
    RegexMatch,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `$`
    Dollar,
    /// Digits run together with letters, an empty `0x`, a leading zero.
    BadNumber,
    /// A string without its closing quote.
    UnclosedString,
    /// An identifier without its closing backtick.
    UnclosedQuoted,
    /// A `/*` without `*/`.
    UnclosedComment,
    /// A character no token starts with.
    Unknown,
    /// The end of the text.
    End,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
    /// For an opening bracket, the index of the token that closes it, or 0 if none does.
    pub partner: u32,
}

/// Splits `source` into tokens; the last is always [`TokenKind::End`].
///
/// `source` must be shorter than 4 GiB.
pub fn tokenize(source: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        source,
        bytes: source.as_bytes(),
        position: 0,
        tokens: Vec::with_capacity(source.len() / 3 + 2),
        open: Vec::new(),
    };
    lexer.run();
    lexer.tokens
}

/// Splits a script into statements at the semicolons that end them.
///
/// Semicolons in strings, quoted names and comments do not count. Statements are trimmed; pieces
/// without any token are left out.
pub fn split_statements(script: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    let mut first: Option<Span> = None;
    let mut last = Span::default();
    for token in tokenize(script) {
        if matches!(token.kind, TokenKind::Semicolon | TokenKind::End) {
            if let Some(first) = first.take() {
                statements.push(first.to(last).text(script));
            }
        } else {
            first.get_or_insert(token.span);
            last = token.span;
        }
    }
    statements
}

/// Whether `text` can be written as an identifier without backticks.
pub fn is_plain_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(is_identifier_start) && characters.all(is_identifier_part)
}

fn is_identifier_start(character: char) -> bool {
    character == '_' || is_xid_start(character)
}

fn is_identifier_part(character: char) -> bool {
    is_xid_continue(character)
}

struct Lexer<'s> {
    source: &'s str,
    bytes: &'s [u8],
    position: usize,
    tokens: Vec<Token>,
    /// Indexes of the opening brackets not closed yet.
    open: Vec<u32>,
}

impl Lexer<'_> {
    fn run(&mut self) {
        loop {
            if let Some(comment) = self.skip_blanks() {
                self.push(TokenKind::UnclosedComment, comment);
            }
            let start = self.position;
            let Some(&byte) = self.bytes.get(start) else {
                self.push(TokenKind::End, start);
                return;
            };
            let kind = match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
                b'0'..=b'9' => self.number(),
                b'.' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) => self.number(),
                b'\'' | b'"' => self.string(byte),
                b'`' => self.quoted(),
                0x80.. => self.non_ascii(),
                _ => self.symbol(byte),
            };
            self.push(kind, start);
        }
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        let index = self.tokens.len() as u32;
        match kind {
            TokenKind::LeftParen | TokenKind::LeftBracket | TokenKind::LeftBrace => {
                self.open.push(index);
            }
            TokenKind::RightParen => self.close(TokenKind::LeftParen, index),
            TokenKind::RightBracket => self.close(TokenKind::LeftBracket, index),
            TokenKind::RightBrace => self.close(TokenKind::LeftBrace, index),
            _ => {}
        }
        let span = Span::new(start as u32, self.position as u32);
        self.tokens.push(Token {
            kind,
            span,
            partner: 0,
        });
    }

    /// Pairs a closing bracket with the innermost open one if they are of a kind.
    fn close(&mut self, opening: TokenKind, index: u32) {
        if let Some(&top) = self.open.last()
            && self.tokens[top as usize].kind == opening
        {
            self.open.pop();
            self.tokens[top as usize].partner = index;
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.position + ahead).copied()
    }

    fn peek_character(&self) -> Option<char> {
        self.source[self.position..].chars().next()
    }

    /// Skips blanks and comments; returns the start of a comment that is not closed.
    fn skip_blanks(&mut self) -> Option<usize> {
        loop {
            match self.peek(0) {
                Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0x1c..=0x1f) => {
                    self.position += 1;
                }
                Some(b'/') if self.peek(1) == Some(b'/') => {
                    let rest = &self.bytes[self.position..];
                    let length = rest.iter().position(|&byte| byte == b'\n');
                    self.position += length.unwrap_or(rest.len());
                }
                Some(b'/') if self.peek(1) == Some(b'*') => {
                    let start = self.position;
                    match self.source[start + 2..].find("*/") {
                        Some(length) => self.position += length + 4,
                        None => {
                            self.position = self.bytes.len();
                            return Some(start);
                        }
                    }
                }
                Some(0x80..) => match self.peek_character() {
                    Some(blank) if blank.is_whitespace() || blank == '\u{feff}' => {
                        self.position += blank.len_utf8();
                    }
                    _ => return None,
                },
                _ => return None,
            }
        }
    }

    fn word(&mut self) -> TokenKind {
        let start = self.position;
        self.skip_identifier_part();
        TokenKind::Word(Keyword::lookup(&self.source[start..self.position]))
    }

    fn skip_identifier_part(&mut self) {
        while let Some(byte) = self.peek(0) {
            if byte.is_ascii_alphanumeric() || byte == b'_' {
                self.position += 1;
            } else if byte < 0x80 {
                return;
            } else {
                match self.peek_character() {
                    Some(part) if is_identifier_part(part) => self.position += part.len_utf8(),
                    _ => return,
                }
            }
        }
    }

    fn non_ascii(&mut self) -> TokenKind {
        match self.peek_character() {
            Some(start) if is_identifier_start(start) => self.word(),
            Some(other) => {
                self.position += other.len_utf8();
                TokenKind::Unknown
            }
            None => TokenKind::End,
        }
    }

    fn quoted(&mut self) -> TokenKind {
        self.position += 1;
        while let Some(byte) = self.peek(0) {
            self.position += 1;
            if byte == b'`' {
                if self.peek(0) != Some(b'`') {
                    return TokenKind::Quoted;
                }
                self.position += 1;
            }
        }
        TokenKind::UnclosedQuoted
    }

    fn string(&mut self, quote: u8) -> TokenKind {
        self.position += 1;
        while let Some(byte) = self.peek(0) {
            self.position += 1;
            if byte == quote {
                return TokenKind::String;
            }
            if byte == b'\\' && self.position < self.bytes.len() {
                // Whatever is escaped, it does not close the string. Only its first byte is
                // skipped here; the rest of a longer character cannot be taken for a quote.
                self.position += 1;
            }
        }
        TokenKind::UnclosedString
    }

    fn number(&mut self) -> TokenKind {
        let start = self.position;
        if self.peek(0) == Some(b'0')
            && let Some(radix @ (b'x' | b'X' | b'o' | b'O')) = self.peek(1)
        {
            self.position += 2;
            let digits = self.position;
            self.skip_identifier_part();
            let digits = &self.bytes[digits..self.position];
            let is_digit = match radix {
                b'x' | b'X' => |digit: &u8| digit.is_ascii_hexdigit(),
                _ => |digit: &u8| (b'0'..=b'7').contains(digit),
            };
            let is_good = digits
                .split(|&byte| byte == b'_')
                .all(|group| !group.is_empty() && group.iter().all(is_digit));
            return if is_good {
                TokenKind::Integer
            } else {
                TokenKind::BadNumber
            };
        }
        self.skip_digits();
        let has_leading_zero = self.bytes[start] == b'0' && self.position > start + 1;
        let mut kind = TokenKind::Integer;
        if self.peek(0) == Some(b'.') && self.peek(1).is_some_and(|next| next.is_ascii_digit()) {
            kind = TokenKind::Float;
            self.position += 1;
            self.skip_digits();
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if self
                .peek(1 + sign)
                .is_some_and(|next| next.is_ascii_digit())
            {
                kind = TokenKind::Float;
                self.position += 1 + sign;
                self.skip_digits();
            }
        }
        let end = self.position;
        self.skip_identifier_part();
        if self.position > end || (has_leading_zero && kind == TokenKind::Integer) {
            TokenKind::BadNumber
        } else {
            kind
        }
    }

    fn skip_digits(&mut self) {
        loop {
            match self.peek(0) {
                Some(byte) if byte.is_ascii_digit() => self.position += 1,
                // One underscore may stand between two digits.
                Some(b'_') if self.is_between_digits() => self.position += 1,
                _ => return,
            }
        }
    }

    fn is_between_digits(&self) -> bool {
        let is_digit = |at: Option<usize>| {
            at.and_then(|at| self.bytes.get(at))
                .is_some_and(u8::is_ascii_digit)
        };
        is_digit(self.position.checked_sub(1)) && is_digit(self.position.checked_add(1))
    }

    fn symbol(&mut self, byte: u8) -> TokenKind {
        let next = self.peek(1);
        let (kind, length) = match (byte, next) {
            (b'.', Some(b'.')) => (TokenKind::DotDot, 2),
            (b'+', Some(b'=')) => (TokenKind::PlusEqual, 2),
            (b'|', Some(b'|')) => (TokenKind::Concatenate, 2),
            (b'=', Some(b'~')) => (TokenKind::RegexMatch, 2),
            (b'<', Some(b'>')) => (TokenKind::NotEqual, 2),
            (b'<', Some(b'=')) => (TokenKind::LessEqual, 2),
            (b'>', Some(b'=')) => (TokenKind::GreaterEqual, 2),
            (b'(', _) => (TokenKind::LeftParen, 1),
            (b')', _) => (TokenKind::RightParen, 1),
            (b'[', _) => (TokenKind::LeftBracket, 1),
            (b']', _) => (TokenKind::RightBracket, 1),
            (b'{', _) => (TokenKind::LeftBrace, 1),
            (b'}', _) => (TokenKind::RightBrace, 1),
            (b',', _) => (TokenKind::Comma, 1),
            (b'.', _) => (TokenKind::Dot, 1),
            (b':', _) => (TokenKind::Colon, 1),
            (b';', _) => (TokenKind::Semicolon, 1),
            (b'|', _) => (TokenKind::Pipe, 1),
            (b'&', _) => (TokenKind::Ampersand, 1),
            (b'!', _) => (TokenKind::Bang, 1),
            (b'%', _) => (TokenKind::Percent, 1),
            (b'+', _) => (TokenKind::Plus, 1),
            (b'-', _) => (TokenKind::Minus, 1),
            (b'*', _) => (TokenKind::Star, 1),
            (b'/', _) => (TokenKind::Slash, 1),
            (b'^', _) => (TokenKind::Caret, 1),
            (b'=', _) => (TokenKind::Equal, 1),
            (b'<', _) => (TokenKind::Less, 1),
            (b'>', _) => (TokenKind::Greater, 1),
            (b'$', _) => (TokenKind::Dollar, 1),
            _ => (TokenKind::Unknown, 1),
        };
        self.position += length;
        kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        let mut tokens = tokenize(source);
        tokens.pop();
        tokens.iter().map(|token| token.span.text(source)).collect()
    }

    fn kinds(source: &str) -> Vec<TokenKind> {
        let mut tokens = tokenize(source);
        tokens.pop();
        tokens.iter().map(|token| token.kind).collect()
    }

    #[test]
    fn dots_between_numbers_make_a_range() {
        assert_eq!(texts("[1..2]"), ["[", "1", "..", "2", "]"]);
        assert_eq!(texts("*..3"), ["*", "..", "3"]);
        assert_eq!(texts("1.5..2.5"), ["1.5", "..", "2.5"]);
        assert_eq!(texts(".5 1e9 2.E3"), [".5", "1e9", "2", ".", "E3"]);
        assert_eq!(kinds("00.5 01e2"), [TokenKind::Float, TokenKind::Float]);
    }

    #[test]
    fn malformed_numbers_are_one_token() {
        for text in [
            "0x", "0x1G", "0o8", "12abc", "1e", "007", "1__000", "1_", "0x_1", "0x1_", "1é",
        ] {
            assert_eq!(kinds(text), [TokenKind::BadNumber], "{text}");
        }
        for text in ["0", "10", "1_000", "0x1F", "0xFF_FF", "0o17"] {
            assert_eq!(kinds(text), [TokenKind::Integer], "{text}");
        }
    }

    #[test]
    fn arrows_are_single_characters() {
        assert_eq!(texts("a<-1"), ["a", "<", "-", "1"]);
        assert_eq!(texts("<-->"), ["<", "-", "-", ">"]);
    }

    #[test]
    fn quotes_and_comments_hide_what_is_inside() {
        assert_eq!(texts(r"'it\'s' `a``b` // 'x"), [r"'it\'s'", "`a``b`"]);
        assert_eq!(texts("a /* ; */ b"), ["a", "b"]);
        assert_eq!(kinds("'é\\"), [TokenKind::UnclosedString]);
        assert_eq!(kinds("`a``"), [TokenKind::UnclosedQuoted]);
        assert_eq!(kinds("/* a"), [TokenKind::UnclosedComment]);
    }

    #[test]
    fn names_may_be_in_any_script() {
        assert_eq!(texts("größe_2 数 _x"), ["größe_2", "数", "_x"]);
        assert_eq!(kinds("—"), [TokenKind::Unknown]);
    }

    #[test]
    fn brackets_know_their_partners() {
        let tokens = tokenize("([) (a)");
        assert_eq!((tokens[0].partner, tokens[1].partner), (0, 0), "unclosed");
        let tokens = tokenize("(a[1])");
        assert_eq!((tokens[0].partner, tokens[2].partner), (5, 4));
    }

    #[test]
    fn scripts_split_at_semicolons() {
        assert_eq!(split_statements(" a ';' ; ; b // ;\n"), ["a ';'", "b"]);
        assert_eq!(split_statements(" ;"), Vec::<&str>::new());
    }
}
