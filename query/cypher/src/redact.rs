//! Texts without their literals, for logs.

use crate::lexer::{TokenKind, tokenize};

/// A text with `?` in place of each literal, one space in place of each gap, and no comments: texts that differ
/// in what they ask about become equal, and nothing that was written as a value is left.
///
/// ```
/// use retrograph_cypher::redact;
///
/// assert_eq!(
///     redact("MATCH (p {name: 'Ana',  age: 7}) // her\nRETURN p LIMIT $n"),
///     "MATCH (p {name: ?, age: ?}) RETURN p LIMIT $n"
/// );
/// ```
#[must_use]
pub fn redact(text: &str) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut end = 0;
    for token in tokenize(text) {
        let (from, to) = (token.span.start as usize, token.span.end as usize);
        if matches!(token.kind, TokenKind::End | TokenKind::UnclosedComment) {
            break;
        }
        if from > end && !redacted.is_empty() {
            redacted.push(' ');
        }
        end = to;
        match token.kind {
            TokenKind::Integer
            | TokenKind::Float
            | TokenKind::String
            | TokenKind::BadNumber
            | TokenKind::UnclosedString
            | TokenKind::UnclosedQuoted
            | TokenKind::Unknown => redacted.push('?'),
            _ => redacted.push_str(&text[from..to]),
        }
    }
    redacted
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn no_literal_is_left() {
        for (text, redacted) in [
            (
                "RETURN 'a''b', \"c\", 1.5e3, 0x1F, -7",
                "RETURN ??, ?, ?, ?, -?",
            ),
            (
                "MATCH (`a b`)-[*1..3]->() /* secret */ RETURN 1",
                "MATCH (`a b`)-[*?..?]->() RETURN ?",
            ),
            ("CALL user.create('ana', 'pass", "CALL user.create(?, ?"),
            ("RETURN 1a, `x", "RETURN ?, ?"),
            ("RETURN 1 /* pass", "RETURN ?"),
            ("  RETURN\n\ttrue  ", "RETURN true"),
            ("", ""),
        ] {
            assert_eq!(redact(text), redacted, "{text}");
        }
    }
}
