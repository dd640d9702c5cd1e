//! Regular expressions by backtracking: literals, `.`, sets, groups, `|`, `?`, `*`, `+`, and the flag
//! `(?i)` in front for ASCII letters.

/// One thing to match.
enum Piece {
    /// A character that a test admits.
    One(Vec<(char, char)>, bool),
    /// Alternatives, each a sequence.
    Group(Vec<Vec<Repeated>>),
}

/// A piece and how often it may stand.
struct Repeated {
    piece: Piece,
    min: usize,
    max: usize,
}

/// Whether a pattern matches the whole of a text; none if the pattern is beyond what is known here.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> Option<bool> {
    let (pattern, ignores_case) = match pattern.strip_prefix("(?i)") {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    let is_ascii = pattern.is_ascii() && text.is_ascii();
    if ignores_case && !is_ascii {
        return None;
    }
    let fold = |text: &str| match ignores_case {
        true => text.to_ascii_lowercase(),
        false => text.to_owned(),
    };
    let pattern: Vec<char> = fold(pattern).chars().collect();
    let mut reader = Reader {
        pattern: &pattern,
        at: 0,
    };
    let alternatives = reader.alternatives()?;
    if reader.at < pattern.len() {
        return None;
    }
    let text: Vec<char> = fold(text).chars().collect();
    let is_match = alternatives
        .iter()
        .any(|sequence| follow(sequence, &text, 0, &mut |at| at == text.len()));
    Some(is_match)
}

struct Reader<'p> {
    pattern: &'p [char],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.pattern.get(self.at).copied()
    }

    fn takes(&mut self, wanted: char) -> bool {
        let is_there = self.peek() == Some(wanted);
        self.at += usize::from(is_there);
        is_there
    }

    fn alternatives(&mut self) -> Option<Vec<Vec<Repeated>>> {
        let mut found = vec![self.sequence()?];
        while self.takes('|') {
            found.push(self.sequence()?);
        }
        Some(found)
    }

    fn sequence(&mut self) -> Option<Vec<Repeated>> {
        let mut found = Vec::new();
        while let Some(next) = self.peek()
            && !matches!(next, '|' | ')')
        {
            let piece = self.piece()?;
            let (min, max) = match self.peek() {
                Some('*') => (0, usize::MAX),
                Some('+') => (1, usize::MAX),
                Some('?') => (0, 1),
                Some('{') => return None,
                _ => (1, 1),
            };
            self.at += usize::from((min, max) != (1, 1));
            if matches!(self.peek(), Some('*' | '+' | '?')) {
                return None;
            }
            found.push(Repeated { piece, min, max });
        }
        Some(found)
    }

    fn piece(&mut self) -> Option<Piece> {
        let first = self.peek()?;
        self.at += 1;
        Some(match first {
            '.' => Piece::One(vec![('\n', '\n')], false),
            '(' => {
                if self.peek() == Some('?') {
                    return None;
                }
                let alternatives = self.alternatives()?;
                if !self.takes(')') {
                    return None;
                }
                Piece::Group(alternatives)
            }
            '[' => {
                let admits = !self.takes('^');
                let mut ranges = Vec::new();
                loop {
                    let low = self.peek()?;
                    self.at += 1;
                    match low {
                        ']' if ranges.is_empty() => return None,
                        ']' => break,
                        '\\' | '[' | '&' => return None,
                        _ => {}
                    }
                    if self.takes('-') {
                        let high = self.peek().filter(char::is_ascii_alphanumeric)?;
                        self.at += 1;
                        ranges.push((low, high));
                    } else {
                        ranges.push((low, low));
                    }
                }
                Piece::One(ranges, admits)
            }
            '*' | '+' | '?' | '{' | '}' | ']' | '^' | '$' | '\\' => return None,
            literal => Piece::One(vec![(literal, literal)], true),
        })
    }
}

/// Whether a sequence matches from a place in such a way that `rest` holds where it ends.
fn follow(
    sequence: &[Repeated],
    text: &[char],
    at: usize,
    rest: &mut dyn FnMut(usize) -> bool,
) -> bool {
    match sequence.split_first() {
        None => rest(at),
        Some((first, others)) => repeat(first, others, 0, text, at, rest),
    }
}

fn repeat(
    of: &Repeated,
    others: &[Repeated],
    times: usize,
    text: &[char],
    at: usize,
    rest: &mut dyn FnMut(usize) -> bool,
) -> bool {
    if times >= of.min && follow(others, text, at, rest) {
        return true;
    }
    if times == of.max {
        return false;
    }
    match &of.piece {
        Piece::One(ranges, admits) => text.get(at).is_some_and(|next| {
            let is_in = ranges.iter().any(|(low, high)| low <= next && next <= high);
            is_in == *admits && repeat(of, others, times + 1, text, at + 1, rest)
        }),
        Piece::Group(alternatives) => alternatives.iter().any(|sequence| {
            follow(sequence, text, at, &mut |end| {
                // A repetition that takes nothing need not be made twice.
                (end > at || times < of.min) && repeat(of, others, times + 1, text, end, rest)
            })
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn whole_texts_match() {
        for (pattern, text, expected) in [
            ("ab", "ab", true),
            ("a", "ab", false),
            (".*b", "aab", true),
            ("a|b", "b", true),
            ("(a|b)+", "abba", true),
            ("[^a]b?", "c", true),
            ("[a-c]*", "cabd", false),
            ("(?i)AB", "aB", true),
            ("(a*)*b", "aaab", true),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, text), Some(expected), "{pattern} {text}");
        }
        assert_eq!(matches("a{2}", "aa"), None, "beyond this matcher");
    }
}
