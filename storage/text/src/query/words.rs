//! Words of a query: patterns, and how near one word is to another.

/// A form that terms may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The parts, in order.
    pub parts: Vec<Part>,
}

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// These characters.
    Text(String),
    /// One character.
    One,
    /// Any characters, also none.
    Any,
}

impl Pattern {
    /// The characters that every match starts with, and whether all that starts so matches.
    #[must_use]
    pub fn prefix(&self) -> (&str, bool) {
        match self.parts.as_slice() {
            [Part::Any] => ("", true),
            [Part::Text(text), Part::Any] => (text, true),
            [Part::Text(text), ..] => (text, false),
            _ => ("", false),
        }
    }

    /// The same with its characters changed as an analyzer would.
    #[must_use]
    pub fn map(&self, change: impl Fn(&str) -> String) -> Self {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => Part::Text(change(text)),
            other => other.clone(),
        });
        Self {
            parts: parts.collect(),
        }
    }

    /// Whether a term has the form.
    #[must_use]
    pub fn matches(&self, term: &str) -> bool {
        // On a mismatch the last `*` takes one character more; going back further never helps.
        let (mut part, mut rest) = (0, term);
        let mut retry: Option<(usize, &str)> = None;
        loop {
            let stepped = match self.parts.get(part) {
                None if rest.is_empty() => return true,
                None => None,
                Some(Part::Text(text)) => rest.strip_prefix(text.as_str()),
                Some(Part::One) => rest.chars().next().map(|c| &rest[c.len_utf8()..]),
                Some(Part::Any) => {
                    retry = Some((part, rest));
                    Some(rest)
                }
            };
            match (stepped, &mut retry) {
                (Some(behind), _) => {
                    rest = behind;
                    part += 1;
                }
                (None, Some((any, from))) => {
                    let Some(c) = from.chars().next() else {
                        return false;
                    };
                    *from = &from[c.len_utf8()..];
                    rest = from;
                    part = *any + 1;
                }
                (None, None) => return false,
            }
        }
    }
}

/// Finds how many edits there are from one word to others: characters inserted, deleted, replaced,
/// or two neighbours swapped, none of them touched twice.
#[derive(Debug)]
pub struct Nearness {
    word: Vec<char>,
    max: usize,
    rows: [Vec<usize>; 3],
    other: Vec<char>,
}

impl Nearness {
    /// To `word`, as far as `max` edits.
    #[must_use]
    pub fn new(word: &str, max: usize) -> Self {
        let word: Vec<char> = word.chars().collect();
        let row = vec![0; word.len() + 1];
        Self {
            word,
            max,
            rows: [row.clone(), row.clone(), row],
            other: Vec::new(),
        }
    }

    /// The number of characters of the word.
    #[must_use]
    pub fn len(&self) -> usize {
        self.word.len()
    }

    /// Whether the word is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.word.is_empty()
    }

    /// The edits to another word, if there are not too many.
    pub fn edits(&mut self, other: &str) -> Option<usize> {
        self.other.clear();
        self.other.extend(other.chars());
        let (word, other) = (&self.word, &self.other);
        if word.len().abs_diff(other.len()) > self.max {
            return None;
        }
        let [before, above, row] = &mut self.rows;
        for (place, cell) in above.iter_mut().enumerate() {
            *cell = place;
        }
        for (i, c) in other.iter().enumerate() {
            row[0] = i + 1;
            let mut least = row[0];
            for (j, w) in word.iter().enumerate() {
                let mut cell = (above[j] + usize::from(c != w))
                    .min(above[j + 1] + 1)
                    .min(row[j] + 1);
                if i > 0 && j > 0 && *c == word[j - 1] && other[i - 1] == *w {
                    cell = cell.min(before[j - 1] + 1);
                }
                row[j + 1] = cell;
                least = least.min(cell);
            }
            if least > self.max && i > 0 && above.iter().all(|cell| *cell > self.max) {
                return None;
            }
            std::mem::swap(before, above);
            std::mem::swap(above, row);
        }
        let edits = above[word.len()];
        (edits <= self.max).then_some(edits)
    }
}
