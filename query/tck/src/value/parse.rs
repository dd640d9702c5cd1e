//! Parser for the TCK's notation of values.
//!
//! ```text
//! value := node | rel | path | list | map | string | float | int | true | false | null | NaN
//! node  := '(' (':' name)* map? ')'          rel  := '[' ':' name map? ']'
//! path  := '<' node ( '-' rel '->' node | '<-' rel '-' node )* '>'
//! list  := '[' (value (',' value)*)? ']'     map  := '{' (name ':' value (',' ...)*)? '}'
//! name  := [A-Za-z0-9$_]+                    string := '...' with \' and \\ only
//! int   := -?digits                          float  := -?(d.d exp? | .d exp? | d exp) | -?Inf
//! ```
//! Blanks may stand between any two tokens.

use super::{Direction, Node, Path, PathStep, Properties, Relationship, Value};
use std::collections::BTreeSet;

/// Why a cell is no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a value: {reason} at character {position} of `{text}`")]
pub struct ValueError {
    /// What was expected or wrong.
    pub reason: String,
    /// Zero-based position in characters.
    pub position: usize,
    /// The whole text.
    pub text: String,
}

pub(super) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '$' || c == '_'
}

pub(super) fn parse(text: &str) -> Result<Value, ValueError> {
    let mut parser = Parser {
        text,
        chars: text.chars().collect(),
        at: 0,
    };
    let value = parser.value()?;
    parser.blanks();
    if parser.at < parser.chars.len() {
        return Err(parser.error("text left after the value"));
    }
    Ok(value)
}

struct Parser<'a> {
    text: &'a str,
    chars: Vec<char>,
    at: usize,
}

impl Parser<'_> {
    fn error(&self, reason: &str) -> ValueError {
        ValueError {
            reason: reason.to_owned(),
            position: self.at,
            text: self.text.to_owned(),
        }
    }

    fn blanks(&mut self) {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
    }

    /// The next character after blanks, not consumed.
    fn peek(&mut self) -> Option<char> {
        self.blanks();
        self.chars.get(self.at).copied()
    }

    fn accept(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), ValueError> {
        if self.accept(wanted) {
            Ok(())
        } else {
            Err(self.error(&format!("expected `{wanted}`")))
        }
    }

    fn value(&mut self) -> Result<Value, ValueError> {
        match self.peek() {
            Some('(') => Ok(Value::Node(self.node()?)),
            Some('<') => Ok(Value::Path(self.path()?)),
            Some('{') => Ok(Value::Map(self.map()?)),
            Some('\'') => Ok(Value::String(self.string()?)),
            Some('[') => {
                let start = self.at;
                self.at += 1;
                let is_relationship = self.peek() == Some(':');
                self.at = start;
                if is_relationship {
                    Ok(Value::Relationship(self.relationship()?))
                } else {
                    Ok(Value::List(self.list()?))
                }
            }
            Some(c) if c == '-' || c == '.' || c.is_ascii_digit() => self.number(),
            Some(c) if c.is_ascii_alphabetic() => self.word(),
            _ => Err(self.error("expected a value")),
        }
    }

    fn word(&mut self) -> Result<Value, ValueError> {
        let start = self.at;
        let value = match self.name()?.as_str() {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "NaN" => Value::Float(f64::NAN),
            "Inf" => Value::Float(f64::INFINITY),
            _ => {
                self.at = start;
                return Err(self.error("unknown word"));
            }
        };
        Ok(value)
    }

    fn name(&mut self) -> Result<String, ValueError> {
        self.blanks();
        let start = self.at;
        while self.chars.get(self.at).copied().is_some_and(is_name_char) {
            self.at += 1;
        }
        if start == self.at {
            return Err(self.error("expected a name"));
        }
        Ok(self.chars[start..self.at].iter().collect())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.chars.get(self.at).is_some_and(char::is_ascii_digit) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<Value, ValueError> {
        let start = self.at;
        if self.chars[self.at] == '-' {
            self.at += 1;
            if self.chars[self.at..].starts_with(&['I', 'n', 'f']) {
                self.at += 3;
                return Ok(Value::Float(f64::NEG_INFINITY));
            }
        }
        let whole = self.digits();
        let mut is_float = false;
        if self.chars.get(self.at) == Some(&'.') {
            self.at += 1;
            is_float = true;
            if self.digits() == 0 {
                return Err(self.error("expected a digit after the point"));
            }
        } else if whole == 0 {
            return Err(self.error("expected a digit"));
        }
        if matches!(self.chars.get(self.at), Some('e' | 'E')) {
            self.at += 1;
            is_float = true;
            if self.chars.get(self.at) == Some(&'-') {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.error("expected a digit in the exponent"));
            }
        }
        let text: String = self.chars[start..self.at].iter().collect();
        if is_float {
            text.parse()
                .map(Value::Float)
                .map_err(|_| self.error("float out of range"))
        } else {
            text.parse()
                .map(Value::Int)
                .map_err(|_| self.error("integer out of range"))
        }
    }

    fn string(&mut self) -> Result<String, ValueError> {
        self.expect('\'')?;
        let mut out = String::new();
        loop {
            let Some(&c) = self.chars.get(self.at) else {
                return Err(self.error("unterminated string"));
            };
            self.at += 1;
            match c {
                '\'' => return Ok(out),
                '\\' => match self.chars.get(self.at) {
                    Some(&escaped @ ('\'' | '\\')) => {
                        self.at += 1;
                        out.push(escaped);
                    }
                    _ => return Err(self.error("unknown escape")),
                },
                other => out.push(other),
            }
        }
    }

    fn list(&mut self) -> Result<Vec<Value>, ValueError> {
        self.expect('[')?;
        let mut items = Vec::new();
        if self.accept(']') {
            return Ok(items);
        }
        loop {
            items.push(self.value()?);
            if !self.accept(',') {
                self.expect(']')?;
                return Ok(items);
            }
        }
    }

    fn map(&mut self) -> Result<Properties, ValueError> {
        self.expect('{')?;
        let mut entries = Properties::new();
        if self.accept('}') {
            return Ok(entries);
        }
        loop {
            let key = self.name()?;
            self.expect(':')?;
            let value = self.value()?;
            if entries.insert(key, value).is_some() {
                return Err(self.error("key given twice"));
            }
            if !self.accept(',') {
                self.expect('}')?;
                return Ok(entries);
            }
        }
    }

    fn optional_map(&mut self) -> Result<Properties, ValueError> {
        if self.peek() == Some('{') {
            self.map()
        } else {
            Ok(Properties::new())
        }
    }

    fn node(&mut self) -> Result<Node, ValueError> {
        self.expect('(')?;
        let mut labels = BTreeSet::new();
        while self.accept(':') {
            labels.insert(self.name()?);
        }
        let properties = self.optional_map()?;
        self.expect(')')?;
        Ok(Node { labels, properties })
    }

    fn relationship(&mut self) -> Result<Relationship, ValueError> {
        self.expect('[')?;
        self.expect(':')?;
        let type_name = self.name()?;
        let properties = self.optional_map()?;
        self.expect(']')?;
        Ok(Relationship {
            type_name,
            properties,
        })
    }

    fn path(&mut self) -> Result<Path, ValueError> {
        self.expect('<')?;
        let start = self.node()?;
        let mut steps = Vec::new();
        while !self.accept('>') {
            let is_incoming = self.accept('<');
            self.expect('-')?;
            let relationship = self.relationship()?;
            self.expect('-')?;
            let direction = if is_incoming {
                Direction::Incoming
            } else {
                self.expect('>')?;
                Direction::Outgoing
            };
            let node = self.node()?;
            steps.push(PathStep {
                direction,
                relationship,
                node,
            });
        }
        Ok(Path { start, steps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(text: &str) -> Value {
        parse(text).unwrap_or_else(|e| unreachable!("{e}"))
    }

    #[test]
    fn scalars() {
        assert_eq!(ok("null"), Value::Null);
        assert_eq!(ok("true"), Value::Bool(true));
        assert_eq!(ok(" false "), Value::Bool(false));
        assert_eq!(ok("-9223372036854775808"), Value::Int(i64::MIN));
        assert_eq!(ok("0"), Value::Int(0));
        assert_eq!(ok("1.0"), Value::Float(1.0));
        assert_eq!(ok("-.5"), Value::Float(-0.5));
        assert_eq!(ok("1e9"), Value::Float(1e9));
        assert_eq!(ok("2.5E-3"), Value::Float(0.0025));
        assert_eq!(ok("-Inf"), Value::Float(f64::NEG_INFINITY));
        assert!(matches!(ok("NaN"), Value::Float(f) if f.is_nan()));
    }

    #[test]
    fn strings_know_two_escapes_only() {
        assert_eq!(ok(r"'a\'b\\c'"), Value::String(r"a'b\c".into()));
        assert_eq!(
            ok("'two\nlines | [:X] {'"),
            Value::String("two\nlines | [:X] {".into())
        );
        assert_eq!(ok("''"), Value::String(String::new()));
        assert!(parse(r"'\n'").is_err());
        assert!(parse("'open").is_err());
    }

    #[test]
    fn lists_and_maps_nest() {
        let value = ok("[1, 'a', [ ], {k: [null], $x_1 : {}}]");
        assert_eq!(value.to_string(), "[1, 'a', [], {$x_1: {}, k: [null]}]");
        assert!(parse("[1,]").is_err());
        assert!(parse("{a: 1, a: 2}").is_err());
        assert!(parse("{a 1}").is_err());
    }

    #[test]
    fn graph_elements() {
        assert_eq!(ok("()"), Value::Node(Node::default()));
        assert_eq!(ok("( :B:A {p: 1} )").to_string(), "(:A:B {p: 1})");
        assert_eq!(ok("({p: 1})").to_string(), "({p: 1})");
        assert_eq!(ok("[ :T {p: 'x'} ]").to_string(), "[:T {p: 'x'}]");
        assert_eq!(ok("[[:T], [:U]]").to_string(), "[[:T], [:U]]");
    }

    #[test]
    fn paths_keep_directions() {
        assert_eq!(ok("<()>").to_string(), "<()>");
        let text = "<(:A)-[:T {n: 1}]->()<-[:U]-(:B)>";
        assert_eq!(ok(text).to_string(), text);
        let Value::Path(path) = ok(text) else {
            unreachable!("a path was parsed")
        };
        assert_eq!(path.steps[0].direction, Direction::Outgoing);
        assert_eq!(path.steps[1].direction, Direction::Incoming);
        assert!(parse("<()-[:T]-()>").is_err());
        assert!(parse("<()<-[:T]->()>").is_err());
    }

    #[test]
    fn leftovers_and_overflow_are_errors_with_a_position() {
        assert_eq!(parse("1 2").expect_err("two values").position, 2);
        assert!(parse("").is_err());
        assert!(parse("-").is_err());
        assert!(parse("1.").is_err());
        assert!(parse("9223372036854775808").is_err());
        assert!(parse("nil").is_err());
    }
}
