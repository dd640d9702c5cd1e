//! Completion, and the decision whether Enter ends the input.

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use retrograph_engine::functions::registry;

use super::{command, script};
use crate::conversation::{Conversation, Names};

/// Words that statements are made of.
const KEYWORDS: &[&str] = &[
    "AND",
    "AS",
    "AS OF",
    "ASC",
    "CALL",
    "CASE",
    "CONTAINS",
    "CREATE",
    "CREATE CONSTRAINT",
    "CREATE INDEX",
    "DELETE",
    "DESC",
    "DETACH DELETE",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "ENDS WITH",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FOR SYSTEM_TIME",
    "IN",
    "IS NULL",
    "IS NOT NULL",
    "LIMIT",
    "MATCH",
    "MERGE",
    "NOT",
    "NULL",
    "ON CREATE SET",
    "ON MATCH SET",
    "OPTIONAL MATCH",
    "OR",
    "ORDER BY",
    "PROFILE",
    "REMOVE",
    "RETURN",
    "SET",
    "SHOW",
    "SKIP",
    "STARTS WITH",
    "THEN",
    "TRUE",
    "UNION",
    "UNION ALL",
    "UNWIND",
    "VERSION",
    "WHEN",
    "WHERE",
    "WITH",
    "XOR",
    "YIELD",
];

/// The names that can be completed.
#[derive(Default)]
pub struct Vocabulary {
    names: Names,
    parameters: Vec<String>,
}

impl Vocabulary {
    /// The names that a conversation knows.
    pub fn of(conversation: &dyn Conversation) -> Self {
        Self {
            names: conversation.names(),
            parameters: conversation.parameters().keys().cloned().collect(),
        }
    }

    /// What the word before the cursor may become: where the word begins, and the candidates.
    fn complete(&self, before: &str) -> (usize, Vec<String>) {
        let trimmed = before.trim_start();
        if trimmed.starts_with(':') && !trimmed.contains(char::is_whitespace) {
            let start = before.len() - trimmed.len();
            return (start, matching(command::NAMES.iter().copied(), trimmed));
        }
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let start = before.rfind(|c| !is_word(c)).map_or(0, |at| {
            at + before[at..].chars().next().map_or(1, char::len_utf8)
        });
        let word = &before[start..];
        let ahead = before[..start].trim_end();
        let names =
            |names: &[String]| -> Vec<String> { matching(names.iter().map(String::as_str), word) };
        let candidates = if trimmed.starts_with(":use ") {
            names(&self.names.graphs)
        } else if ahead.ends_with('$') {
            names(&self.parameters)
        } else if ahead.ends_with('.') {
            names(&self.names.keys)
        } else if ahead.ends_with([':', '|']) {
            match innermost_open(ahead) {
                Some('[') => names(&self.names.types),
                Some('{') => self.expression(word),
                _ => names(&self.names.labels),
            }
        } else if ahead.ends_with(['{', ',']) && innermost_open(ahead) == Some('{') {
            names(&self.names.keys)
        } else {
            self.expression(word)
        };
        (start, candidates)
    }

    /// Keywords and functions; an empty word would match all of them.
    fn expression(&self, word: &str) -> Vec<String> {
        if word.is_empty() {
            return Vec::new();
        }
        let mut candidates = matching(KEYWORDS.iter().copied(), word);
        let functions = registry::all().iter().map(|function| function.name);
        let aggregates = registry::aggregates().iter().map(|function| function.name);
        let calls = matching(functions.chain(aggregates), word);
        candidates.extend(calls.into_iter().map(|name| format!("{name}(")));
        candidates
    }
}

/// The names that begin with a word, in any case; sorted, each once.
fn matching<'n>(names: impl Iterator<Item = &'n str>, word: &str) -> Vec<String> {
    let lower = word.to_lowercase();
    let mut found: Vec<String> = names
        .filter(|name| name.to_lowercase().starts_with(&lower))
        .map(ToOwned::to_owned)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The last bracket that is still open. Strings are taken for code, which spoils a suggestion at
/// worst.
fn innermost_open(text: &str) -> Option<char> {
    let mut open = Vec::new();
    for character in text.chars() {
        match character {
            '(' | '[' | '{' => open.push(character),
            ')' | ']' | '}' => {
                open.pop();
            }
            _ => {}
        }
    }
    open.pop()
}

/// Helps with typing.
pub struct Assistant {
    vocabulary: Vocabulary,
}

impl Assistant {
    /// An assistant that knows some names.
    pub const fn new(vocabulary: Vocabulary) -> Self {
        Self { vocabulary }
    }
}

impl Helper for Assistant {}

impl Highlighter for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.vocabulary.complete(&line[..position]))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        let is_done = text.trim_start().starts_with(':') || script::is_complete(text);
        Ok(if is_done {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary() -> Vocabulary {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Vocabulary {
            names: Names {
                labels: names(&["Person", "Place", "Account"]),
                types: names(&["PAID", "OWNS"]),
                keys: names(&["name", "amount"]),
                graphs: names(&["harbor"]),
            },
            parameters: names(&["id"]),
        }
    }

    #[test]
    fn the_place_decides_what_is_completed() {
        for (before, start, expected) in [
            ("MATCH (p:P", 9, vec!["Person", "Place"]),
            ("MATCH (p:", 9, vec!["Account", "Person", "Place"]),
            ("MATCH (a)-[:p", 12, vec!["PAID"]),
            ("MATCH (a)-[r:PAID|", 18, vec!["OWNS", "PAID"]),
            ("RETURN p.na", 9, vec!["name"]),
            ("MATCH (p {na", 10, vec!["name"]),
            ("RETURN $", 8, vec!["id"]),
            ("MATCH (a {id: $i", 15, vec!["id"]),
            (":as", 0, vec![":asof"]),
            (":use h", 5, vec!["harbor"]),
            ("mat", 0, vec!["MATCH"]),
            ("RETURN system_f", 7, vec!["system_from("]),
            ("RETURN zé", 7, vec![]),
        ] {
            let (at, candidates) = vocabulary().complete(before);
            assert_eq!(
                (at, candidates),
                (start, expected.iter().map(|&c| c.into()).collect()),
                "{before}"
            );
        }
    }
}
