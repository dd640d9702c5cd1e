//! Full-text indexes: a row for each term of each property, and one for the property.
//!
//! ```text
//! a text   2 ‖ rule(4) ‖ field(1) ‖ 00 ‖ length(4) ‖ element(8)
//! a term   2 ‖ rule(4) ‖ field(1) ‖ 01 ‖ term ‖ 00 00 ‖ frequency(1 or 5) ‖ step(1) ‖ element(8)
//! ```
//!
//! `field` is the place of the property in the definition; in a term `00` is written `00 ff`. A
//! frequency above 254 is `ff` and then four bytes. `step` is the length of the text, rounded
//! ([`step_of_length`]), so that a term can be ranked by its row alone and a small change of a text
//! leaves most of its rows as they are.
//!
//! How many texts there are and how long they are together is counted as rows come and go, by
//! [statistics](Statistic) of which every version has its own. So what a search finds and how it
//! ranks depends on its version alone.

use retrograph_text::Document;
use retrograph_text::analysis::{ANALYSIS_VERSION, Analyzer, DEFAULT_ANALYZER};
use retrograph_text::ranking::step_of_length;
use retrograph_text::search::{Posting, TermRange};

use smallvec::SmallVec;

use super::RuleDefinition;
use crate::encoding::DecodeError;
use crate::encoding::record::ElementState;
use crate::encoding::varint::Reader;
use crate::ids::{ElementId, IndexId, KeyId};
use crate::rows::meta::Statistic;
use crate::rows::{Key, put_bytes, read_text, rule_prefix};
use crate::value::Value;

/// A full-text index may be on so many properties.
pub const FULLTEXT_KEYS_MAX: usize = 64;

const TEXT: u8 = 0;
const TERM: u8 = 1;
const ESCAPED_ZERO: [u8; 2] = [0, 0xff];
const END: [u8; 2] = [0, 0];
const LARGE: u8 = 0xff;

/// How a full-text index analyses texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fulltext {
    /// The name of the analyzer.
    analyzer: &'static str,
    /// The version of its tables.
    version: u8,
    /// Whether it was asked to lag behind. It never does.
    pub eventually_consistent: bool,
}

impl Fulltext {
    /// With an analyzer, or with that of indexes that name none.
    #[must_use]
    pub fn new(analyzer: Option<&'static Analyzer>, eventually_consistent: bool) -> Self {
        Self {
            analyzer: analyzer.map_or(DEFAULT_ANALYZER, Analyzer::name),
            version: ANALYSIS_VERSION,
            eventually_consistent,
        }
    }

    /// The analyzer.
    #[must_use]
    pub fn analyzer(&self) -> &'static Analyzer {
        // Whoever makes this has looked the name up, so the first always is there.
        Analyzer::named(self.analyzer).unwrap_or(&Analyzer::all()[0])
    }

    pub(super) fn encode(self, out: &mut Vec<u8>) {
        out.push(self.version);
        out.push(u8::from(self.eventually_consistent));
        put_bytes(self.analyzer.as_bytes(), out);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        let version = reader.u8("version of the analysis")?;
        if version != ANALYSIS_VERSION {
            return Err(DecodeError::Unknown {
                what: "version of the analysis of texts",
                found: version,
                offset,
            });
        }
        let eventually_consistent = reader.flag("consistency of an index")?;
        let offset = reader.offset();
        let name = read_text(reader, "analyzer")?;
        let analyzer = Analyzer::named(name).ok_or(DecodeError::Invalid {
            what: "name of an analyzer",
            offset,
        })?;
        Ok(Self {
            analyzer: analyzer.name(),
            version,
            eventually_consistent,
        })
    }
}

/// The texts in a value: the string, or the strings of a list.
pub(crate) fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let items = match value {
        Value::List(items) => &items[..],
        value => std::slice::from_ref(value),
    };
    items.iter().filter_map(|item| match item {
        Value::String(text) => Some(&**text),
        _ => None,
    })
}

impl RuleDefinition {
    /// The rows of an element in a full-text index, behind the number of the rule and before that of
    /// the element.
    pub(super) fn text_rows<E>(
        &self,
        settings: Fulltext,
        mut property: impl FnMut(KeyId) -> Result<Option<Value>, E>,
        row: &mut dyn FnMut(&[u8]),
    ) -> Result<(), E> {
        let analyzer = settings.analyzer();
        let mut bytes = Vec::with_capacity(64);
        for (field, key) in self.keys.iter().enumerate() {
            let Some(value) = property(*key)? else {
                continue;
            };
            let document = Document::of(analyzer, texts(&value));
            if document.is_empty() {
                continue;
            }
            let field = field as u8;
            bytes.clear();
            bytes.extend_from_slice(&[field, TEXT]);
            bytes.extend_from_slice(&document.length.to_be_bytes());
            row(&bytes);
            let step = step_of_length(document.length);
            for (term, frequency) in &document.terms {
                bytes.clear();
                put_term(field, term, &mut bytes);
                match u8::try_from(*frequency) {
                    Ok(small) if small != LARGE => bytes.push(small),
                    _ => {
                        bytes.push(LARGE);
                        bytes.extend_from_slice(&frequency.to_be_bytes());
                    }
                }
                bytes.push(step);
                row(&bytes);
            }
        }
        Ok(())
    }

    /// What one of its rows adds to which statistics.
    pub(crate) fn counts_of_row(&self, row: &[u8]) -> SmallVec<[(Statistic, i64); 3]> {
        let mut counts = SmallVec::new();
        counts.push((Statistic::Index(self.id), 1));
        if self.kind.is_fulltext()
            && let Some(&[field, TEXT, a, b, c, d, ..]) = row.get(rule_prefix(self.id).len()..)
        {
            let length = u32::from_be_bytes([a, b, c, d]);
            let [documents, lengths] = statistics(self.id, field);
            counts.push((documents, 1));
            counts.push((lengths, i64::from(length)));
        }
        counts
    }

    /// The statistics that are kept of its rows.
    pub(crate) fn statistics(&self) -> Vec<Statistic> {
        let mut all = vec![Statistic::Index(self.id)];
        if self.kind.is_fulltext() {
            let fields = 0..self.keys.len();
            all.extend(fields.flat_map(|field| statistics(self.id, field as u8)));
        }
        all
    }
}

impl RuleDefinition {
    /// Whether a change of an element may change its rows.
    pub(crate) fn texts_differ(
        &self,
        before: Option<&ElementState>,
        after: Option<&ElementState>,
    ) -> bool {
        let is_about = |state: Option<&ElementState>| state.is_some_and(|s| self.is_about(s));
        is_about(before) != is_about(after)
            || self.keys.iter().any(|key| {
                let old = before.and_then(|state| state.property(*key));
                old != after.and_then(|state| state.property(*key))
            })
    }
}

/// How many texts a property has in an index, and how long they are together.
pub(crate) const fn statistics(index: IndexId, field: u8) -> [Statistic; 2] {
    [
        Statistic::Texts(index, field),
        Statistic::TextLength(index, field),
    ]
}

fn put_escaped(term: &[u8], out: &mut Vec<u8>) {
    for byte in term {
        match byte {
            0 => out.extend_from_slice(&ESCAPED_ZERO),
            byte => out.push(*byte),
        }
    }
}

fn put_term(field: u8, term: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&[field, TERM]);
    put_escaped(term.as_bytes(), out);
    out.extend_from_slice(&END);
}

/// What the rows of a term start with, behind the number of the rule.
pub(crate) fn term_start(field: u8, term: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(term.len() + 4);
    put_term(field, term, &mut bytes);
    bytes
}

/// Between what the rows of a range of terms lie, behind the number of the rule.
pub(crate) fn term_bounds(field: u8, range: &TermRange) -> (Vec<u8>, Vec<u8>) {
    let mut lower = vec![field, TERM];
    put_escaped(&range.lower, &mut lower);
    let mut upper = vec![field, TERM];
    match &range.upper {
        Some(bytes) => put_escaped(bytes, &mut upper),
        None => upper[1] += 1,
    }
    (lower, upper)
}

/// Between what the rows of the texts of a field lie, behind the number of the rule.
pub(crate) const fn text_bounds(field: u8) -> ([u8; 2], [u8; 2]) {
    ([field, TEXT], [field, TERM])
}

/// The bytes of the term of a row, still escaped, and the length of what is before its frequency.
pub(crate) fn term_of(rest: &[u8]) -> Result<(&[u8], usize), DecodeError> {
    let mut at = 2;
    loop {
        match rest.get(at..at + 2) {
            None => {
                return Err(DecodeError::Truncated {
                    what: "term of a row",
                    offset: at,
                });
            }
            Some([0, 0]) => return Ok((&rest[2..at], at + 2)),
            Some([0, _]) => at += 2,
            Some(_) => at += 1,
        }
    }
}

/// A term as it is.
pub(crate) fn unescaped(term: &[u8]) -> Result<String, DecodeError> {
    let mut bytes = Vec::with_capacity(term.len());
    let mut is_escaped = false;
    for byte in term {
        if !is_escaped {
            bytes.push(*byte);
        }
        is_escaped = *byte == 0 && !is_escaped;
    }
    String::from_utf8(bytes).map_err(|_| DecodeError::Invalid {
        what: "term of a row",
        offset: 0,
    })
}

/// What the row of a term says behind it.
pub(crate) fn posting_of(rest: &[u8], behind: usize) -> Result<Posting, DecodeError> {
    let mut reader = Reader::at(rest, behind);
    let frequency = match reader.u8("frequency of a term")? {
        LARGE => u32::from_be_bytes(reader.array("frequency of a term")?),
        small => u32::from(small),
    };
    let length = reader.u8("length of a text")?;
    Ok(Posting {
        document: u64::from_be_bytes(reader.array("element of a term")?),
        frequency,
        length,
    })
}

/// The fact that an element has texts in an index, which stands for all its rows there: what reads
/// one of them reads the statistics, and so all.
pub(crate) fn text_fact(index: IndexId, element: ElementId) -> Key {
    let mut key = rule_prefix(index);
    key.extend_from_slice(&super::rows::id_bytes(element));
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{LabelId, NodeId, Version};
    use crate::rule::{IndexSort, RuleKind, Target};

    fn index() -> RuleDefinition {
        let analyzer = Analyzer::named("whitespace");
        RuleDefinition {
            id: IndexId(7),
            name: "texts".into(),
            targets: vec![Target::Label(LabelId(1))],
            keys: vec![KeyId(3), KeyId(4)],
            kind: RuleKind::Index(IndexSort::Fulltext(Fulltext::new(analyzer, false))),
            created: Version(1),
            covers_from: Version(1),
            build: None,
            dropped: None,
        }
    }

    #[test]
    fn rows_keep_their_bytes() {
        let index = index();
        let rows = index.rows(NodeId(5).into(), |key| {
            Ok::<_, ()>((key == KeyId(4)).then(|| Value::string("b a\u{0} b")))
        });
        let rows = rows.unwrap_or_default();
        let behind: Vec<&[u8]> = rows.iter().map(|row| &row[5..]).collect();
        assert_eq!(
            behind,
            [
                &[1, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 5][..],
                &[1, 1, b'a', 0, 0xff, 0, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0, 5],
                &[1, 1, b'b', 0, 0, 2, 3, 0, 0, 0, 0, 0, 0, 0, 5],
            ]
        );
        assert!(rows.iter().all(|row| row[..5] == [2, 0, 0, 0, 7]));
        assert_eq!(
            index.counts_of_row(&rows[0]).as_slice(),
            [
                (Statistic::Index(IndexId(7)), 1),
                (Statistic::Texts(IndexId(7), 1), 1),
                (Statistic::TextLength(IndexId(7), 1), 3)
            ]
        );
        assert_eq!(
            index.counts_of_row(&rows[1]).as_slice(),
            [(Statistic::Index(IndexId(7)), 1)]
        );
        let (term, end) = term_of(behind[1]).unwrap_or_default();
        assert_eq!(unescaped(term).as_deref(), Ok("a\u{0}"));
        let posting = Posting {
            document: 5,
            frequency: 1,
            length: 3,
        };
        assert_eq!(posting_of(behind[1], end), Ok(posting));
    }

    #[test]
    fn frequent_terms_are_counted() {
        let text = "a ".repeat(70_000);
        let rows = index().rows(NodeId(5).into(), |key| {
            Ok::<_, ()>((key == KeyId(3)).then(|| Value::string(text.as_str())))
        });
        let rows = rows.unwrap_or_default();
        let (_, end) = term_of(&rows[1][5..]).unwrap_or_default();
        let frequency = posting_of(&rows[1][5..], end).map(|posting| posting.frequency);
        assert_eq!(frequency, Ok(70_000));
    }

    #[test]
    fn lists_of_strings_have_texts_and_nothing_else_has() {
        let list = Value::List(vec![Value::string("a"), Value::Int(1), Value::string("b")].into());
        assert_eq!(texts(&list).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(texts(&Value::Int(1)).count(), 0);
        assert_eq!(texts(&Value::string("a")).collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn bounds_hold_the_terms_of_a_range() {
        let terms = ["", "a", "a\u{0}", "a\u{0}b", "ab", "b", "ä"];
        for lower in terms {
            for upper in terms {
                let range = TermRange {
                    lower: lower.as_bytes().to_vec(),
                    upper: Some(upper.as_bytes().to_vec()),
                };
                let (first, end) = term_bounds(3, &range);
                for term in terms {
                    let row = term_start(3, term);
                    let is_within = first <= row && row < end;
                    assert_eq!(
                        is_within,
                        range.contains(term),
                        "{lower:?} {upper:?} {term:?}"
                    );
                }
            }
        }
    }
}
