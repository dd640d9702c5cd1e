//! Letters and lower case as of Unicode 17, as files: the tables of the standard library follow the
//! compiler.

use std::sync::LazyLock;

/// Ranges of letters: first and last, in hexadecimal.
const LETTERS: &str = include_str!("letters.txt");
/// Runs of characters with a lower case: first and last in hexadecimal, the step between them, and
/// what is added to each.
const LOWERCASE: &str = include_str!("lowercase.txt");

/// The only character whose lower case is two.
const DOTTED_CAPITAL_I: char = '\u{130}';

struct Run {
    first: u32,
    last: u32,
    step: u32,
    delta: i32,
}

static LETTER_RANGES: LazyLock<Vec<(u32, u32)>> = LazyLock::new(|| {
    LETTERS
        .lines()
        .filter_map(|line| {
            let (first, last) = line.split_once(' ')?;
            Some((hexadecimal(first)?, hexadecimal(last)?))
        })
        .collect()
});

static LOWERCASE_RUNS: LazyLock<Vec<Run>> = LazyLock::new(|| {
    LOWERCASE
        .lines()
        .filter_map(|line| {
            let mut parts = line.split(' ');
            Some(Run {
                first: hexadecimal(parts.next()?)?,
                last: hexadecimal(parts.next()?)?,
                step: parts.next()?.parse().ok()?,
                delta: parts.next()?.parse().ok()?,
            })
        })
        .collect()
});

fn hexadecimal(digits: &str) -> Option<u32> {
    u32::from_str_radix(digits, 16).ok()
}

/// Whether a character is alphabetic.
pub fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    let c = u32::from(c);
    let ranges = &*LETTER_RANGES;
    let place = ranges.partition_point(|(_, last)| *last < c);
    ranges.get(place).is_some_and(|(first, _)| *first <= c)
}

/// Appends the lower case of a word.
pub fn lower(word: &str, out: &mut String) {
    for c in word.chars() {
        lower_char(c, out);
    }
}

/// Appends the lower case of a character, wherever it stands.
pub fn lower_char(c: char, out: &mut String) {
    if c.is_ascii() {
        out.push(c.to_ascii_lowercase());
        return;
    }
    if c == DOTTED_CAPITAL_I {
        out.push_str("i\u{307}");
        return;
    }
    let code = u32::from(c);
    let runs = &*LOWERCASE_RUNS;
    let place = runs.partition_point(|run| run.last < code);
    let lower = runs
        .get(place)
        .filter(|run| run.first <= code && (code - run.first).is_multiple_of(run.step))
        .and_then(|run| char::from_u32(code.wrapping_add_signed(run.delta)));
    out.push(lower.unwrap_or(c));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables say what the standard library says of Unicode 17. With another compiler there is
    /// nothing to compare with; then they stand for themselves.
    #[test]
    fn tables_are_those_of_unicode_17() {
        if char::UNICODE_VERSION != (17, 0, 0) {
            return;
        }
        let mut found = String::new();
        for c in '\0'..=char::MAX {
            assert_eq!(is_letter(c), c.is_alphabetic(), "{c:?}");
            found.clear();
            lower_char(c, &mut found);
            assert!(found.chars().eq(c.to_lowercase()), "{c:?}");
        }
    }

    #[test]
    fn characters_are_lowered_by_themselves() {
        let lowered = |word: &str| {
            let mut out = String::new();
            lower(word, &mut out);
            out
        };
        assert_eq!(lowered("ÄÖÜ ẞ"), "äöü ß");
        assert_eq!(lowered("ΟΔΟΣ"), "οδοσ");
        assert_eq!(lowered("İ"), "i\u{307}");
        assert_eq!(lowered("ДОМ 42"), "дом 42");
    }
}
