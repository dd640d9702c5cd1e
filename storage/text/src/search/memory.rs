//! An index of documents held in memory: those a transaction wrote, or those of a version that no
//! stored index reaches back to.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Posting, TermRange};
use crate::analysis::Document;
use crate::ranking::{FieldStatistics, step_of_length};

/// Postings in memory.
#[derive(Debug, Default)]
pub struct MemoryIndex {
    fields: Vec<Field>,
}

#[derive(Debug, Default)]
struct Field {
    terms: BTreeMap<Box<str>, Vec<Posting>>,
    documents: Vec<u64>,
    statistics: FieldStatistics,
}

impl MemoryIndex {
    /// Adds what a document has in a field, if that is anything. Documents are added in order.
    pub fn add(&mut self, document: u64, field: usize, terms: Document) {
        if terms.is_empty() {
            return;
        }
        if self.fields.len() <= field {
            self.fields.resize_with(field + 1, Field::default);
        }
        let into = &mut self.fields[field];
        into.statistics.documents += 1;
        into.statistics.length += u64::from(terms.length);
        into.documents.push(document);
        let length = step_of_length(terms.length);
        for (term, frequency) in terms.terms {
            into.terms.entry(term).or_default().push(Posting {
                document,
                frequency,
                length,
            });
        }
    }

    /// What is known of a field.
    #[must_use]
    pub fn statistics(&self, field: usize) -> FieldStatistics {
        self.fields
            .get(field)
            .map_or_else(FieldStatistics::default, |field| field.statistics)
    }

    /// The documents of a term, in order.
    #[must_use]
    pub fn postings(&self, field: usize, term: &str) -> &[Posting] {
        let field = self.fields.get(field);
        field
            .and_then(|field| field.terms.get(term))
            .map_or(&[], Vec::as_slice)
    }

    /// The documents that have terms in a field, in order.
    #[must_use]
    pub fn documents(&self, field: usize) -> &[u64] {
        self.fields
            .get(field)
            .map_or(&[], |field| field.documents.as_slice())
    }

    /// See [`super::Index::matching`].
    pub fn matching(
        &self,
        field: usize,
        range: &TermRange,
        takes: &mut dyn FnMut(&str) -> bool,
        out: &mut Vec<u64>,
    ) {
        let Some(field) = self.fields.get(field) else {
            return;
        };
        // A bound of a range may be no text, for it may end within a character.
        let lower = String::from_utf8_lossy(&range.lower);
        let from = match lower {
            std::borrow::Cow::Borrowed(text) => Bound::Included(text),
            std::borrow::Cow::Owned(_) => Bound::Unbounded,
        };
        for (term, postings) in field.terms.range::<str, _>((from, Bound::Unbounded)) {
            let is_above = range
                .upper
                .as_ref()
                .is_some_and(|upper| term.as_bytes() >= upper.as_slice());
            if is_above {
                return;
            }
            if range.contains(term) && takes(term) {
                out.extend(postings.iter().map(|posting| posting.document));
            }
        }
    }
}
