//! Evaluating a query over an index.
//!
//! An [`Index`] knows, for each of its fields, the terms there are, the documents of each, and how
//! many documents and terms there are in all. Every part of a query becomes a list of hits in order
//! of documents; boolean queries merge such lists. A part without a field is asked of every field,
//! and its scores are added up.
//!
//! A word whose analysis leaves nothing, as that of a stop word does, is as if it had not been
//! written. Phrases are found by analysing the texts of those that have all their terms.

mod combine;
mod memory;
mod phrase;

use std::sync::Arc;

use crate::analysis::Analyzer;
use crate::query::{Bound, Clause, Edits, Leaf, Nearness, Pattern, Query};
use crate::ranking::{FieldStatistics, Ranking, inverse_frequency};

pub use memory::MemoryIndex;

/// How many terms a fuzzy one may stand for: the nearest.
const FUZZY_TERMS_MAX: usize = 50;
/// How many are gathered before the nearest are kept.
const NEAR_TERMS_MAX: usize = 4_096;

/// A document of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Which.
    pub document: u64,
    /// How often the term occurs there.
    pub frequency: u32,
    /// The step of its length, see [`crate::ranking::step_of_length`].
    pub length: u8,
}

/// A document that matches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Which.
    pub document: u64,
    /// How well.
    pub score: f64,
}

/// Which terms are looked at: from a first one, up to another if given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TermRange {
    /// The bytes of the first.
    pub lower: Vec<u8>,
    /// The bytes that the last is below.
    pub upper: Option<Vec<u8>>,
}

impl TermRange {
    /// The terms that start with something.
    #[must_use]
    pub fn starting_with(prefix: &str) -> Self {
        let lower = prefix.as_bytes().to_vec();
        let mut upper = lower.clone();
        // No byte of UTF-8 is the greatest there is.
        if let Some(last) = upper.last_mut() {
            *last += 1;
        }
        Self {
            upper: (!upper.is_empty()).then_some(upper),
            lower,
        }
    }

    /// The term and no other.
    #[must_use]
    pub fn contains(&self, term: &str) -> bool {
        let term = term.as_bytes();
        self.lower.as_slice() <= term && self.upper.as_ref().is_none_or(|u| term < u.as_slice())
    }
}

/// The query cannot be asked of the index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// It names a property that is not indexed.
    #[error(
        "the index is not on a property `{field}`, but on {}; a colon that is part of a word is \
         written \\:", known.join(", ")
    )]
    UnknownField {
        /// The name.
        field: String,
        /// The properties there are.
        known: Vec<String>,
    },
}

/// What is searched.
pub trait Index {
    /// Why it may fail.
    type Error: From<SearchError>;

    /// The names of its fields.
    fn fields(&self) -> &[Arc<str>];

    /// What is known of a field.
    fn statistics(&mut self, field: usize) -> Result<FieldStatistics, Self::Error>;

    /// Appends the documents of a term, in order. Like the next two, it answers for the memory of
    /// what it appends.
    fn postings(
        &mut self,
        field: usize,
        term: &str,
        out: &mut Vec<Posting>,
    ) -> Result<(), Self::Error>;

    /// Asks `takes` of each term of a range that some document has, maybe more than once, and appends
    /// the documents of those it takes, in any order and maybe more than once.
    fn matching(
        &mut self,
        field: usize,
        range: &TermRange,
        takes: &mut dyn FnMut(&str) -> bool,
        out: &mut Vec<u64>,
    ) -> Result<(), Self::Error>;

    /// Appends the documents that have terms in a field, in any order.
    fn documents(&mut self, field: usize, out: &mut Vec<u64>) -> Result<(), Self::Error>;

    /// The texts of a document in a field.
    fn texts(&mut self, document: u64, field: usize) -> Result<Vec<Arc<str>>, Self::Error>;

    /// Called with the bytes that the search is about to hold; may end it.
    fn charge(&mut self, bytes: usize) -> Result<(), Self::Error>;

    /// Called with bytes that the search was charged, or answered for by the index, and holds no longer.
    /// In the end it holds the hits that it returns.
    fn release(&mut self, bytes: usize);
}

/// The documents that a query matches, in order of documents. Words of the query are read by `analyzer`;
/// the texts are read again, for phrases, by the one that their terms come from, `of_texts`.
pub fn search<I: Index>(
    index: &mut I,
    query: &Query,
    analyzer: &Analyzer,
    of_texts: &Analyzer,
) -> Result<Vec<Hit>, I::Error> {
    let mut search = Search {
        index,
        analyzer,
        of_texts,
    };
    Ok(search.query(query, 1.0)?.unwrap_or_default())
}

/// Orders hits by score, equal ones by document, and keeps `limit` of them behind the first `skip`.
pub fn best(hits: &mut Vec<Hit>, skip: usize, limit: Option<usize>) {
    let order = |a: &Hit, b: &Hit| {
        b.score
            .total_cmp(&a.score)
            .then(a.document.cmp(&b.document))
    };
    let end = limit.map_or(hits.len(), |limit| skip.saturating_add(limit));
    if end == 0 {
        hits.clear();
    } else if end < hits.len() {
        hits.select_nth_unstable_by(end - 1, order);
        hits.truncate(end);
    }
    hits.sort_unstable_by(order);
    hits.drain(..skip.min(hits.len()));
}

/// Keeps the nearest terms of a fuzzy search, each with its share of the weight.
fn keep_nearest(near: &mut Vec<(f64, String)>) {
    near.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    // An index may ask more than once.
    near.dedup_by(|a, b| a.1 == b.1);
    near.truncate(FUZZY_TERMS_MAX);
}

struct Search<'s, I> {
    index: &'s mut I,
    analyzer: &'s Analyzer,
    of_texts: &'s Analyzer,
}

/// `None` is a part that is as if it were not there.
type Found<E> = Result<Option<Vec<Hit>>, E>;

impl<I: Index> Search<'_, I> {
    fn query(&mut self, query: &Query, boost: f64) -> Found<I::Error> {
        match query {
            Query::All => {
                let mut documents = Vec::new();
                for field in 0..self.index.fields().len() {
                    self.index.documents(field, &mut documents)?;
                }
                self.equally(documents, boost).map(Some)
            }
            Query::Boost(query, factor) => self.query(query, boost * factor),
            Query::Boolean(clauses) => self.boolean(clauses, boost),
            Query::Leaf { field, leaf } => {
                let fields = match field {
                    None => 0..self.index.fields().len(),
                    Some(name) => {
                        let place = self.place(name)?;
                        place..place + 1
                    }
                };
                let mut all: Option<Vec<Hit>> = None;
                for field in fields {
                    if let Some(hits) = self.leaf(field, leaf, boost)? {
                        all = Some(match all {
                            None => hits,
                            Some(before) => self.either(before, hits)?,
                        });
                    }
                }
                Ok(all)
            }
        }
    }

    /// The documents of one list or the other, which it holds no longer.
    fn either(&mut self, left: Vec<Hit>, right: Vec<Hit>) -> Result<Vec<Hit>, I::Error> {
        let bytes = size_of_val(left.as_slice()) + size_of_val(right.as_slice());
        self.index.charge(bytes)?;
        let mut both = combine::either(left, &right);
        both.shrink_to_fit();
        self.index.release(2 * bytes - size_of_val(both.as_slice()));
        Ok(both)
    }

    fn place(&self, name: &str) -> Result<usize, SearchError> {
        let known = self.index.fields();
        known
            .iter()
            .position(|field| **field == *name)
            .ok_or_else(|| SearchError::UnknownField {
                field: name.to_owned(),
                known: known.iter().map(|field| format!("`{field}`")).collect(),
            })
    }

    fn boolean(&mut self, clauses: &[Clause], boost: f64) -> Found<I::Error> {
        let mut parts = Vec::with_capacity(clauses.len());
        for clause in clauses {
            if let Some(hits) = self.query(&clause.query, boost)? {
                parts.push((clause.occur, hits));
            }
        }
        if parts.is_empty() {
            return Ok(None);
        }
        // Merging holds each list once more at most.
        let parts_bytes = parts.iter().map(|(_, hits)| size_of_val(hits.as_slice()));
        let bytes: usize = parts_bytes.sum();
        self.index.charge(bytes)?;
        let mut hits = combine::boolean(parts);
        hits.shrink_to_fit();
        self.index.release(2 * bytes - size_of_val(hits.as_slice()));
        Ok(Some(hits))
    }

    fn leaf(&mut self, field: usize, leaf: &Leaf, boost: f64) -> Found<I::Error> {
        match leaf {
            Leaf::Word(word) if !self.analyzer.is_whole() => {
                let mut all: Option<Vec<Hit>> = None;
                for (term, _) in self.terms(word) {
                    let hits = self.term(field, &term, boost)?;
                    all = Some(match all {
                        None => hits,
                        Some(before) => self.either(before, hits)?,
                    });
                }
                Ok(all)
            }
            Leaf::Word(text) => self.phrase(field, text, 0, boost),
            Leaf::Phrase { text, slop } => self.phrase(field, text, *slop, boost),
            Leaf::Pattern(pattern) => self.pattern(field, pattern, boost).map(Some),
            Leaf::Fuzzy { word, edits } => self.fuzzy(field, word, *edits, boost).map(Some),
            Leaf::Range { lower, upper } => self.range(field, lower, upper, boost).map(Some),
        }
    }

    fn terms(&self, text: &str) -> Vec<(String, u32)> {
        let mut terms = Vec::new();
        self.analyzer.analyze(text, 0, &mut |term, position| {
            terms.push((term.to_owned(), position));
        });
        terms
    }

    fn postings(&mut self, field: usize, term: &str) -> Result<Vec<Posting>, I::Error> {
        let mut postings = Vec::new();
        self.index.postings(field, term, &mut postings)?;
        Ok(postings)
    }

    fn term(&mut self, field: usize, term: &str, boost: f64) -> Result<Vec<Hit>, I::Error> {
        let postings = self.postings(field, term)?;
        let statistics = self.index.statistics(field)?;
        let weight = boost * inverse_frequency(postings.len() as u64, statistics.documents);
        self.ranked(postings, statistics, weight)
    }

    fn forget(&mut self, postings: Vec<Posting>) {
        self.index.release(size_of_val(postings.as_slice()));
    }

    fn ranked(
        &mut self,
        postings: Vec<Posting>,
        statistics: FieldStatistics,
        weight: f64,
    ) -> Result<Vec<Hit>, I::Error> {
        self.index.charge(size_of::<Hit>() * postings.len())?;
        let ranking = Ranking::new(statistics);
        let hit = |posting: &Posting| Hit {
            document: posting.document,
            score: ranking.score(weight, f64::from(posting.frequency), posting.length),
        };
        let hits = postings.iter().map(hit).collect();
        self.forget(postings);
        Ok(hits)
    }

    /// The documents with the same score each.
    fn equally(&mut self, mut documents: Vec<u64>, score: f64) -> Result<Vec<Hit>, I::Error> {
        let bytes = size_of_val(documents.as_slice());
        documents.sort_unstable();
        documents.dedup();
        self.index.charge(size_of::<Hit>() * documents.len())?;
        let hit = |document: &u64| Hit {
            document: *document,
            score,
        };
        let hits = documents.iter().map(hit).collect();
        drop(documents);
        self.index.release(bytes);
        Ok(hits)
    }

    fn pattern(
        &mut self,
        field: usize,
        pattern: &Pattern,
        boost: f64,
    ) -> Result<Vec<Hit>, I::Error> {
        let pattern = pattern.map(|text| self.analyzer.normalize(text));
        let (prefix, is_all) = pattern.prefix();
        let mut documents = Vec::new();
        if is_all && prefix.is_empty() {
            self.index.documents(field, &mut documents)?;
        } else {
            self.index.matching(
                field,
                &TermRange::starting_with(prefix),
                &mut |term| is_all || pattern.matches(term),
                &mut documents,
            )?;
        }
        self.equally(documents, boost)
    }

    fn range(
        &mut self,
        field: usize,
        lower: &Bound,
        upper: &Bound,
        boost: f64,
    ) -> Result<Vec<Hit>, I::Error> {
        // The least text above another is that with a zero behind it.
        let bytes = |text: &String, above: bool| {
            let mut bytes = self.analyzer.normalize(text).into_bytes();
            bytes.extend(above.then_some(0));
            bytes
        };
        let range = TermRange {
            lower: match lower {
                Bound::Included(text) => bytes(text, false),
                Bound::Excluded(text) => bytes(text, true),
                Bound::Open => Vec::new(),
            },
            upper: match upper {
                Bound::Included(text) => Some(bytes(text, true)),
                Bound::Excluded(text) => Some(bytes(text, false)),
                Bound::Open => None,
            },
        };
        let mut documents = Vec::new();
        if range
            .upper
            .as_ref()
            .is_none_or(|upper| range.lower < *upper)
        {
            self.index
                .matching(field, &range, &mut |_| true, &mut documents)?;
        }
        self.equally(documents, boost)
    }

    /// The nearest terms, each weighed by how near it is, all as if they were as frequent as the
    /// most frequent: else a rare misspelling would rank above the word itself.
    fn fuzzy(
        &mut self,
        field: usize,
        word: &str,
        edits: Edits,
        boost: f64,
    ) -> Result<Vec<Hit>, I::Error> {
        let word = self.analyzer.normalize(word);
        let length = word.chars().count();
        let max = match edits {
            Edits::Count(count) => usize::from(count).min(2),
            Edits::Similarity(share) => (((1.0 - share) * length as f64) as usize).min(2),
        };
        let mut nearness = Nearness::new(&word, max);
        let mut near: Vec<(f64, String)> = Vec::new();
        let everything = TermRange::default();
        let mut none = Vec::new();
        self.index.matching(
            field,
            &everything,
            &mut |term| {
                if let Some(edits) = nearness.edits(term) {
                    let shorter = length.min(term.chars().count()).max(1);
                    let share = (1.0 - edits as f64 / shorter as f64).max(0.0);
                    near.push((share, term.to_owned()));
                    // Of many, only the nearest are wanted.
                    if near.len() >= NEAR_TERMS_MAX {
                        keep_nearest(&mut near);
                    }
                }
                false
            },
            &mut none,
        )?;
        keep_nearest(&mut near);
        let mut lists = Vec::with_capacity(near.len());
        for (share, term) in &near {
            lists.push((*share, self.postings(field, term)?));
        }
        let statistics = self.index.statistics(field)?;
        let most = lists.iter().map(|(_, list)| list.len()).max().unwrap_or(0);
        let weight = boost * inverse_frequency(most as u64, statistics.documents);
        let mut all = Vec::new();
        for (share, postings) in lists {
            let hits = self.ranked(postings, statistics, weight * share)?;
            all = self.either(all, hits)?;
        }
        Ok(all)
    }

    fn phrase(&mut self, field: usize, text: &str, slop: u32, boost: f64) -> Found<I::Error> {
        let terms = self.terms(text);
        let (first, rest) = match terms.as_slice() {
            [] => return Ok(None),
            [(term, _)] => return self.term(field, term, boost).map(Some),
            [first, rest @ ..] => (first, rest),
        };
        let statistics = self.index.statistics(field)?;
        let mut candidates = self.postings(field, &first.0)?;
        let mut weight = inverse_frequency(candidates.len() as u64, statistics.documents);
        for (term, _) in rest {
            let postings = self.postings(field, term)?;
            weight += inverse_frequency(postings.len() as u64, statistics.documents);
            let before = size_of_val(candidates.as_slice());
            combine::retain_common(&mut candidates, &postings);
            candidates.shrink_to_fit();
            self.index
                .release(before - size_of_val(candidates.as_slice()));
            self.forget(postings);
        }
        let phrase = phrase::Phrase::new(&terms, slop);
        let ranking = Ranking::new(statistics);
        let mut hits = Vec::new();
        for candidate in &candidates {
            self.index.charge(0)?;
            let texts = self.index.texts(candidate.document, field)?;
            let texts = texts.iter().map(|text| &**text);
            let index = &mut *self.index;
            let frequency = phrase.frequency(self.of_texts, texts, &mut || index.charge(0))?;
            if frequency > 0.0 {
                self.index.charge(size_of::<Hit>())?;
                hits.push(Hit {
                    document: candidate.document,
                    score: ranking.score(boost * weight, frequency, candidate.length),
                });
            }
        }
        self.forget(candidates);
        Ok(Some(hits))
    }
}
