//! Texts without their passwords, for whoever is not to read these: lists of running statements, plans, and the
//! excerpts of errors.
//!
//! A text with a mistake shows its passwords as well as one without, so this goes by tokens and knows no grammar.
//! A text is taken to hold a password if it makes or changes a user, or names a procedure that takes one; then no
//! literal and no comment of it is shown, nor what stands unquoted where a password belongs.

use std::borrow::Cow;

use crate::lexer::{Token, TokenKind, tokenize};

/// What is shown in place of a literal.
const SHOWN: &str = "******";

/// Procedures that take passwords, in lower case.
const PROCEDURES: [&str; 4] = [
    "user.create",
    "user.alter",
    "user.setpassword",
    "user.changepassword",
];

/// A text in which no password can be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Concealed<'t> {
    text: Cow<'t, str>,
    replaced: Vec<Replaced>,
}

/// A piece that is not shown: where it is in the text, and how long what is shown instead.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Replaced {
    from: usize,
    to: usize,
    shown: usize,
}

impl<'t> Concealed<'t> {
    /// The text as it may be shown.
    ///
    /// ```
    /// use retrograph_cypher::Concealed;
    ///
    /// let shown = Concealed::of("CREATE USER ana SET PASSWORD 'correct horse' SET STATUS ACTIVE");
    /// assert_eq!(shown.text(), "CREATE USER ana SET PASSWORD '******' SET STATUS ACTIVE");
    /// ```
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        let plain = Self {
            text: Cow::Borrowed(text),
            replaced: Vec::new(),
        };
        if !may_be_secret(text) {
            return plain;
        }
        let tokens = tokenize(text);
        let words = Words {
            text,
            tokens: &tokens,
        };
        if words.make_users() {
            words.concealed(true)
        } else if words.call_procedures() {
            words.concealed(false)
        } else {
            plain
        }
    }

    /// The text without its passwords.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether there was something to conceal.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        matches!(self.text, Cow::Owned(_))
    }

    /// Where a place of the original text is in what is shown; places within a concealed piece are at its start.
    #[must_use]
    pub fn offset(&self, original: usize) -> usize {
        let mut shift = 0_isize;
        for piece in &self.replaced {
            if original < piece.to {
                let at = original.min(piece.from);
                return at.saturating_add_signed(shift);
            }
            shift += piece.shown.cast_signed() - (piece.to - piece.from).cast_signed();
        }
        original.saturating_add_signed(shift)
    }
}

/// A quick look that most texts do not pass.
fn may_be_secret(text: &str) -> bool {
    let has = |word: &[u8]| {
        let mut places = text.as_bytes().windows(word.len());
        places.any(|place| place.eq_ignore_ascii_case(word))
    };
    has(b"user") || has(b"password")
}

struct Words<'t, 'w> {
    text: &'t str,
    tokens: &'w [Token],
}

impl<'t> Words<'t, '_> {
    fn kind(&self, at: usize) -> TokenKind {
        self.tokens
            .get(at)
            .map_or(TokenKind::End, |token| token.kind)
    }

    /// The word at a place, if there is one, without backticks.
    fn word(&self, at: usize) -> Option<&'t str> {
        let token = self.tokens.get(at)?;
        let text = token.span.text(self.text);
        match token.kind {
            TokenKind::Word(_) => Some(text),
            TokenKind::Quoted => Some(text.trim_matches('`')),
            _ => None,
        }
    }

    fn is_one_of(&self, at: usize, words: &[&str]) -> bool {
        matches!(self.kind(at), TokenKind::Word(_))
            && self
                .word(at)
                .is_some_and(|word| words.iter().any(|one| one.eq_ignore_ascii_case(word)))
    }

    /// Whether they are a statement that makes or changes a user, as far as can be told.
    fn make_users(&self) -> bool {
        (0..self.tokens.len()).any(|at| {
            let before = |words: &[&str]| at > 0 && self.is_one_of(at - 1, words);
            if self.is_one_of(at, &["USER"]) {
                let begins = before(&["CREATE", "REPLACE", "ALTER", "CURRENT"]);
                // `CREATE user = (a)-->(b)` creates a path.
                if begins && self.kind(at + 1) != TokenKind::Equal {
                    return true;
                }
            }
            let follows = self.is_one_of(at + 1, &["FROM", "CHANGE"])
                || matches!(
                    self.kind(at + 1),
                    TokenKind::String | TokenKind::UnclosedString
                );
            self.is_one_of(at, &["PASSWORD"]) && (follows || before(&["PLAINTEXT", "ENCRYPTED"]))
        })
    }

    /// Whether they name procedures that take passwords.
    fn call_procedures(&self) -> bool {
        (0..self.tokens.len()).any(|at| self.names_procedure(at))
    }

    /// Whether the name of a procedure that takes passwords begins at a place.
    fn names_procedure(&self, at: usize) -> bool {
        let Some(first) = self.word(at) else {
            return false;
        };
        let is = |name: &str| PROCEDURES.iter().any(|one| one.eq_ignore_ascii_case(name));
        is(first)
            || (self.kind(at + 1) == TokenKind::Dot
                && self
                    .word(at + 2)
                    .is_some_and(|second| is(&format!("{first}.{second}"))))
    }

    /// Without literals and comments; with `unquoted`, without what stands where a password belongs.
    fn concealed(&self, unquoted: bool) -> Concealed<'t> {
        let mut shown = String::with_capacity(self.text.len());
        let mut replaced: Vec<Replaced> = Vec::new();
        let mut end = 0;
        let mut expected = Expected::default();
        let mut was_password = false;
        for (place, token) in self.tokens.iter().enumerate() {
            let (from, to) = (token.span.start as usize, token.span.end as usize);
            let gap = &self.text[end..from];
            let by = match gap.trim().is_empty() {
                true => Cow::Borrowed(gap),
                // Something is said between the tokens.
                false => Cow::Borrowed(" /* ****** */ "),
            };
            put(&mut shown, &mut replaced, (end, from), gap, &by);
            end = to;
            let text = &self.text[from..to];
            let is_password = unquoted && expected.takes(self, place);
            let by = match token.kind {
                TokenKind::End => Cow::Borrowed(text),
                TokenKind::String => Cow::Owned(format!("{0}{SHOWN}{0}", &text[..1])),
                // Of a password in several pieces it is not told in how many.
                _ if is_password && was_password && gap.is_empty() => Cow::Borrowed(""),
                TokenKind::Integer
                | TokenKind::Float
                | TokenKind::BadNumber
                | TokenKind::UnclosedString
                | TokenKind::UnclosedQuoted
                | TokenKind::UnclosedComment
                | TokenKind::Unknown => Cow::Borrowed(SHOWN),
                _ if is_password => Cow::Borrowed(SHOWN),
                _ => Cow::Borrowed(text),
            };
            was_password = is_password;
            put(&mut shown, &mut replaced, (from, to), text, &by);
        }
        Concealed {
            text: Cow::Owned(shown),
            replaced,
        }
    }
}

/// Shows a piece of a text, or what stands for it.
fn put(
    shown: &mut String,
    replaced: &mut Vec<Replaced>,
    (from, to): (usize, usize),
    piece: &str,
    by: &str,
) {
    shown.push_str(by);
    if by != piece {
        replaced.push(Replaced {
            from,
            to,
            shown: by.len(),
        });
    }
}

/// Whether a password is to stand at the next place, for those who forget the quotes.
#[derive(Default)]
struct Expected {
    is_next: bool,
    /// Behind `FROM`, the other one is behind `TO`.
    is_change: bool,
}

impl Expected {
    /// Whether the token at a place is, or belongs to, an unquoted password.
    fn takes(&mut self, words: &Words<'_, '_>, place: usize) -> bool {
        let is_parameter = place > 0 && words.kind(place - 1) == TokenKind::Dollar;
        if words.is_one_of(place, &["PASSWORD"]) && !self.is_next && !is_parameter {
            self.is_next = true;
            return false;
        }
        if self.is_change && words.is_one_of(place, &["TO"]) {
            (self.is_change, self.is_next) = (false, true);
            return false;
        }
        if !self.is_next {
            return false;
        }
        if words.is_one_of(place, &["FROM"]) {
            self.is_change = true;
            return false;
        }
        let ends = matches!(
            words.kind(place),
            TokenKind::End
                | TokenKind::Semicolon
                | TokenKind::Dollar
                | TokenKind::String
                | TokenKind::UnclosedString
        ) || words.is_one_of(place, &["CHANGE", "SET"]);
        self.is_next = !ends;
        !ends
    }
}

#[cfg(test)]
mod tests {
    use super::Concealed;

    #[test]
    fn no_password_is_shown() {
        for (text, shown) in [
            (
                "create user ana set password 'hunter2' change not required",
                "create user ana set password '******' change not required",
            ),
            (
                "ALTER USER ana SET PASSWORD hunter2!x CHANGE REQUIRED",
                "ALTER USER ana SET PASSWORD ****** CHANGE REQUIRED",
            ),
            (
                "ALTER CURRENT USER SET PASSWORD FROM hunter2 TO \"hunter3\"",
                "ALTER CURRENT USER SET PASSWORD FROM ****** TO \"******\"",
            ),
            (
                "CREATE USER ana SET PASWORD 'hunter2' // hunter2\n",
                "CREATE USER ana SET PASWORD '******' /* ****** */ ",
            ),
            (
                "CREATE USER ana SET PASSWORD 12345678",
                "CREATE USER ana SET PASSWORD ******",
            ),
            (
                "CREATE USR ana SET PASSWORD 'hunter2",
                "CREATE USR ana SET PASSWORD ******",
            ),
            (
                "CREATE USER ana SET PASSWORD $password CHANGE REQUIRED",
                "CREATE USER ana SET PASSWORD $password CHANGE REQUIRED",
            ),
            (
                "CALL user.create($name, $password, true) YIELD x RETURN x",
                "CALL user.create($name, $password, true) YIELD x RETURN x",
            ),
            (
                "EXPLAIN CREATE OR REPLACE USER a SET PASSWORD 'x'",
                "EXPLAIN CREATE OR REPLACE USER a SET PASSWORD '******'",
            ),
            (
                "WITH 'hunter2' AS p CALL `user`.Create('ana', p)",
                "WITH '******' AS p CALL `user`.Create('******', p)",
            ),
            (
                "CALL `user.setPassword`('ana', 'hun'",
                "CALL `user.setPassword`('******', '******'",
            ),
            (
                "CALL user.changePassword('a', 'b'",
                "CALL user.changePassword('******', '******'",
            ),
        ] {
            assert_eq!(Concealed::of(text).text(), shown, "{text}");
        }
    }

    #[test]
    fn other_texts_are_shown_as_they_are() {
        for text in [
            "MATCH (u:User {name: 'ana', password: 'x'}) RETURN u",
            "CREATE user = (a)-[:T {x: 'y'}]->(b)",
            "CALL user.drop('ana')",
            "MATCH (u) SET u.password = 'x'",
            "RETURN 'CREATE USER ana SET PASSWORD'",
        ] {
            let concealed = Concealed::of(text);
            assert!(!concealed.is_secret() && concealed.text() == text, "{text}");
            assert_eq!(concealed.offset(5), 5);
        }
    }

    #[test]
    fn places_are_found_in_what_is_shown() {
        let text = "CREATE USER ana SET PASSWORD 'correct horse' SET STATIS ACTIVE";
        let concealed = Concealed::of(text);
        let place = |word: &str| concealed.offset(text.find(word).expect("there"));
        assert!(concealed.text()[place("STATIS")..].starts_with("STATIS"));
        assert!(concealed.text()[place("ana")..].starts_with("ana"));
        assert!(concealed.text()[place("horse")..].starts_with("'******'"));
        assert_eq!(concealed.offset(text.len()), concealed.text().len());
    }
}
