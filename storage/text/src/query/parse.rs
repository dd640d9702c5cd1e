//! Reading the text of a query, by recursive descent over its characters.

use std::sync::Arc;

use super::words::{Part, Pattern};
use super::{Bound, Clause, Edits, Leaf, Occur, ParseError, Query};

/// As many clauses as Lucene allows.
const CLAUSES_MAX: usize = 1_024;
const DEPTH_MAX: usize = 64;

type Result<T> = std::result::Result<T, ParseError>;

/// Characters that mean something unless they are escaped.
const SPECIAL: &str = "+-!():^[]\"{}~*?\\/";

pub(super) fn parse(text: &str) -> Result<Query> {
    let mut parser = Parser {
        chars: text.chars().collect(),
        at: 0,
        depth: 0,
        clauses: 0,
    };
    let query = parser.clauses(None)?;
    match parser.peek() {
        None => Ok(query),
        Some(_) => Err(parser.unexpected("a word")),
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    clauses: usize,
}

/// A word of the query, before it is known what it is for.
struct Word {
    parts: Vec<Part>,
    /// Where it starts.
    at: usize,
    is_escaped: bool,
}

impl Word {
    fn text(self) -> String {
        let mut out = String::new();
        for part in self.parts {
            match part {
                Part::Text(text) => out.push_str(&text),
                Part::One => out.push('?'),
                Part::Any => out.push('*'),
            }
        }
        out
    }

    fn is_plain(&self, text: &str) -> bool {
        !self.is_escaped && matches!(self.parts.as_slice(), [Part::Text(found)] if found == text)
    }

    fn has_pattern(&self) -> bool {
        self.parts.iter().any(|part| !matches!(part, Part::Text(_)))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Conjunction {
    And,
    Or,
}

const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{3000}')
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    fn unexpected(&self, expected: &'static str) -> ParseError {
        ParseError::Unexpected {
            expected,
            found: match self.peek() {
                Some(c) => format!("`{c}`"),
                None => "its end".to_owned(),
            },
            at: self.at + 1,
        }
    }

    /// Clauses up to the end or a closing parenthesis.
    fn clauses(&mut self, field: Option<&Arc<str>>) -> Result<Query> {
        let mut clauses: Vec<Clause> = Vec::new();
        loop {
            self.skip_space();
            let conjunction = self.conjunction();
            if conjunction.is_some() && clauses.is_empty() {
                return Err(self.unexpected_before("a word before it"));
            }
            self.skip_space();
            if matches!(self.peek(), None | Some(')')) {
                if conjunction.is_some() {
                    return Err(self.unexpected("a word"));
                }
                break;
            }
            let mut occur = match self.modifier() {
                Some(occur) => occur,
                None if conjunction == Some(Conjunction::And) => Occur::Must,
                None => Occur::Should,
            };
            if conjunction == Some(Conjunction::And)
                && let Some(before) = clauses.last_mut()
                && before.occur == Occur::Should
            {
                before.occur = Occur::Must;
            }
            self.skip_space();
            let query = self.clause(field)?;
            if occur == Occur::Should && conjunction == Some(Conjunction::And) {
                occur = Occur::Must;
            }
            self.clauses += 1;
            if self.clauses > CLAUSES_MAX {
                return Err(ParseError::TooLarge { limit: CLAUSES_MAX });
            }
            clauses.push(Clause { occur, query });
        }
        Ok(match clauses.as_slice() {
            [Clause { occur, .. }] if *occur != Occur::MustNot => clauses.remove(0).query,
            _ => Query::Boolean(clauses),
        })
    }

    /// The error of a conjunction just read.
    fn unexpected_before(&self, expected: &'static str) -> ParseError {
        ParseError::Unexpected {
            expected,
            found: "AND or OR".to_owned(),
            at: self.at,
        }
    }

    /// Reads AND, OR, && or ||.
    fn conjunction(&mut self) -> Option<Conjunction> {
        let known = [
            ("AND", Conjunction::And),
            ("&&", Conjunction::And),
            ("OR", Conjunction::Or),
            ("||", Conjunction::Or),
        ];
        known
            .into_iter()
            .find_map(|(text, conjunction)| self.eat_word(text).then_some(conjunction))
    }

    /// Reads a whole word.
    fn eat_word(&mut self, text: &str) -> bool {
        let end = self.at + text.chars().count();
        let is_here = self
            .chars
            .get(self.at..end)
            .is_some_and(|chars| chars.iter().copied().eq(text.chars()));
        let ends = self
            .chars
            .get(end)
            .is_none_or(|c| is_space(*c) || matches!(c, '(' | ')' | '"' | '[' | '{' | '+' | '-'));
        if is_here && ends {
            self.at = end;
        }
        is_here && ends
    }

    fn modifier(&mut self) -> Option<Occur> {
        match self.peek()? {
            '+' => {
                self.at += 1;
                Some(Occur::Must)
            }
            '-' | '!' => {
                self.at += 1;
                Some(Occur::MustNot)
            }
            _ => self.eat_word("NOT").then_some(Occur::MustNot),
        }
    }

    fn clause(&mut self, outer: Option<&Arc<str>>) -> Result<Query> {
        let Some(first) = self.peek() else {
            return Err(self.unexpected("a word"));
        };
        let mut field = outer.cloned();
        let start = self.at;
        if !matches!(first, '(' | '"' | '[' | '{' | '/') {
            let word = self.word()?;
            if self.peek() != Some(':') {
                return self.word_clause(field, word);
            }
            self.at += 1;
            self.skip_space();
            let is_any = !word.is_escaped && word.parts == [Part::Any];
            if is_any && self.peek() == Some('*') {
                self.at += 1;
                return self.boosted(Query::All);
            }
            if word.has_pattern() {
                self.at = start;
                return Err(self.unexpected("the name of a property"));
            }
            field = Some(word.text().into());
        }
        match self.peek() {
            Some('(') => self.group(field.as_ref()),
            Some('"') => self.phrase(field),
            Some(open @ ('[' | '{')) => self.range(field, open),
            Some('/') => Err(ParseError::Expression { at: self.at + 1 }),
            _ => {
                let word = self.word()?;
                self.word_clause(field, word)
            }
        }
    }

    fn group(&mut self, field: Option<&Arc<str>>) -> Result<Query> {
        let at = self.at + 1;
        self.at += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(ParseError::TooDeep { limit: DEPTH_MAX });
        }
        let query = self.clauses(field)?;
        self.depth -= 1;
        if !self.eat(')') {
            return Err(ParseError::Unclosed { opened: '(', at });
        }
        self.boosted(query)
    }

    /// A word: characters that mean nothing, escaped ones, and those of patterns.
    fn word(&mut self) -> Result<Word> {
        let mut word = Word {
            parts: Vec::new(),
            at: self.at,
            is_escaped: false,
        };
        while let Some(c) = self.peek() {
            let is_inner_sign = matches!(c, '+' | '-' | '!') && self.at > word.at;
            match c {
                '\\' => {
                    self.at += 1;
                    let Some(escaped) = self.escaped()? else {
                        return Err(self.unexpected("a character behind \\"));
                    };
                    word.is_escaped = true;
                    word.push(escaped);
                }
                '*' => {
                    self.at += 1;
                    if word.parts.last() != Some(&Part::Any) {
                        word.parts.push(Part::Any);
                    }
                }
                '?' => {
                    self.at += 1;
                    word.parts.push(Part::One);
                }
                c if is_space(c) || (SPECIAL.contains(c) && !is_inner_sign) => break,
                c => {
                    self.at += 1;
                    word.push(c);
                }
            }
        }
        if word.parts.is_empty() {
            return Err(self.unexpected("a word"));
        }
        if word.is_plain("AND") || word.is_plain("OR") || word.is_plain("NOT") {
            self.at = word.at;
            return Err(self.unexpected("a word, not an operator"));
        }
        Ok(word)
    }

    /// The character behind `\`; `\u0041` is one by its number.
    fn escaped(&mut self) -> Result<Option<char>> {
        let Some(c) = self.peek() else {
            return Ok(None);
        };
        self.at += 1;
        if c != 'u' {
            return Ok(Some(c));
        }
        let digits: String = self.chars[self.at..].iter().take(4).collect();
        match u32::from_str_radix(&digits, 16)
            .ok()
            .and_then(char::from_u32)
        {
            Some(c) if digits.len() == 4 => {
                self.at += 4;
                Ok(Some(c))
            }
            _ => Err(ParseError::Number {
                text: digits,
                expected: "the number of a character, four hexadecimal digits",
                at: self.at + 1,
            }),
        }
    }

    fn word_clause(&mut self, field: Option<Arc<str>>, word: Word) -> Result<Query> {
        let mut edits = None;
        // `a~1^2` and `a^2~1` are the same.
        let mut boost = self.boost()?;
        if self.eat('~') {
            edits = Some(self.edits()?);
        }
        if boost.is_none() {
            boost = self.boost()?;
        }
        let leaf = match edits {
            Some(edits) => Leaf::Fuzzy {
                word: word.text(),
                edits,
            },
            None if word.has_pattern() => Leaf::Pattern(Pattern { parts: word.parts }),
            None => Leaf::Word(word.text()),
        };
        Ok(boosted(Query::Leaf { field, leaf }, boost))
    }

    fn edits(&mut self) -> Result<Edits> {
        let at = self.at + 1;
        let number = self.number();
        let edits = match number.parse::<f64>() {
            _ if number.is_empty() => Edits::Count(2),
            Ok(share) if (0.0..1.0).contains(&share) && number.contains('.') => {
                Edits::Similarity(share)
            }
            Ok(0.0) => Edits::Count(0),
            Ok(1.0) => Edits::Count(1),
            Ok(2.0) => Edits::Count(2),
            _ => {
                return Err(ParseError::Number {
                    text: number,
                    expected: "a number of wrong characters, at most 2",
                    at,
                });
            }
        };
        Ok(edits)
    }

    fn phrase(&mut self, field: Option<Arc<str>>) -> Result<Query> {
        let text = self.quoted()?;
        let mut slop = 0;
        let mut boost = self.boost()?;
        if self.eat('~') {
            let at = self.at + 1;
            let number = self.number();
            slop = number.parse().map_err(|_| ParseError::Number {
                text: number,
                expected: "a number of steps",
                at,
            })?;
        }
        if boost.is_none() {
            boost = self.boost()?;
        }
        let leaf = Leaf::Phrase { text, slop };
        Ok(boosted(Query::Leaf { field, leaf }, boost))
    }

    fn quoted(&mut self) -> Result<String> {
        let at = self.at + 1;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return Err(ParseError::Unclosed { opened: '"', at }),
                Some('"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some('\\') => {
                    self.at += 1;
                    text.extend(self.escaped()?);
                }
                Some(c) => {
                    self.at += 1;
                    text.push(c);
                }
            }
        }
    }

    fn range(&mut self, field: Option<Arc<str>>, open: char) -> Result<Query> {
        let at = self.at + 1;
        self.at += 1;
        let lower = self.range_term()?;
        self.skip_space();
        if !self.eat_word("TO") {
            return Err(self.unexpected("TO between the bounds of a range"));
        }
        let upper = self.range_term()?;
        self.skip_space();
        let is_upper_included = match self.peek() {
            Some(']') => true,
            Some('}') => false,
            None => return Err(ParseError::Unclosed { opened: open, at }),
            Some(_) => return Err(self.unexpected("] or }")),
        };
        self.at += 1;
        let bound = |term, is_included| match term {
            None => Bound::Open,
            Some(term) if is_included => Bound::Included(term),
            Some(term) => Bound::Excluded(term),
        };
        let leaf = Leaf::Range {
            lower: bound(lower, open == '['),
            upper: bound(upper, is_upper_included),
        };
        self.boosted(Query::Leaf { field, leaf })
    }

    /// A bound of a range; none for `*`.
    fn range_term(&mut self) -> Result<Option<String>> {
        self.skip_space();
        if self.peek() == Some('"') {
            return self.quoted().map(Some);
        }
        let start = self.at;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            match c {
                ']' | '}' => break,
                c if is_space(c) => break,
                '\\' => {
                    self.at += 1;
                    text.extend(self.escaped()?);
                }
                c => {
                    self.at += 1;
                    text.push(c);
                }
            }
        }
        match self.at - start {
            0 => Err(self.unexpected("a bound of the range")),
            1 if text == "*" => Ok(None),
            _ => Ok(Some(text)),
        }
    }

    fn boosted(&mut self, query: Query) -> Result<Query> {
        let boost = self.boost()?;
        Ok(boosted(query, boost))
    }

    /// Reads `^2.5`.
    fn boost(&mut self) -> Result<Option<f64>> {
        if !self.eat('^') {
            return Ok(None);
        }
        let at = self.at + 1;
        let number = self.number();
        match number.parse::<f64>() {
            Ok(boost) if boost.is_finite() => Ok(Some(boost)),
            _ => Err(ParseError::Number {
                text: number,
                expected: "a factor, a number that is not negative",
                at,
            }),
        }
    }

    /// Digits and a point, as text.
    fn number(&mut self) -> String {
        let mut text = String::new();
        while let Some(c) = self.peek().filter(|c| c.is_ascii_digit() || *c == '.') {
            text.push(c);
            self.at += 1;
        }
        text
    }
}

impl Word {
    fn push(&mut self, c: char) {
        match self.parts.last_mut() {
            Some(Part::Text(text)) => text.push(c),
            _ => self.parts.push(Part::Text(c.to_string())),
        }
    }
}

fn boosted(query: Query, boost: Option<f64>) -> Query {
    match boost {
        Some(boost) => Query::Boost(Box::new(query), boost),
        None => query,
    }
}
