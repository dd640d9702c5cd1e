//! Texts held in memory and searched there: what any other index of them must agree with. It counts what a
//! search takes and gives back.

use std::collections::BTreeMap;
use std::sync::Arc;

use retrograph_text::ranking::FieldStatistics;
use retrograph_text::search::{Index, MemoryIndex, Posting, SearchError, TermRange};
use retrograph_text::{Analyzer, Document};

/// The texts of each document, by field; those of a list are several.
pub type Texts = BTreeMap<u64, Vec<Vec<String>>>;

pub struct Held {
    fields: Vec<Arc<str>>,
    texts: Texts,
    index: MemoryIndex,
    /// The bytes that the search holds now, and the most it ever held.
    pub bytes: usize,
    pub bytes_most: usize,
}

impl Held {
    /// With the fields `x` and `y`.
    pub fn new(texts: Texts, analyzer: &Analyzer) -> Self {
        let mut index = MemoryIndex::default();
        for (document, fields) in &texts {
            for (field, texts) in fields.iter().enumerate() {
                let texts = texts.iter().map(String::as_str);
                index.add(*document, field, Document::of(analyzer, texts));
            }
        }
        Self {
            fields: vec!["x".into(), "y".into()],
            texts,
            index,
            bytes: 0,
            bytes_most: 0,
        }
    }
}

impl Index for Held {
    type Error = SearchError;

    fn fields(&self) -> &[Arc<str>] {
        &self.fields
    }

    fn statistics(&mut self, field: usize) -> Result<FieldStatistics, SearchError> {
        Ok(self.index.statistics(field))
    }

    fn postings(
        &mut self,
        field: usize,
        term: &str,
        out: &mut Vec<Posting>,
    ) -> Result<(), SearchError> {
        self.charge(size_of_val(self.index.postings(field, term)))?;
        out.extend_from_slice(self.index.postings(field, term));
        Ok(())
    }

    fn matching(
        &mut self,
        field: usize,
        range: &TermRange,
        takes: &mut dyn FnMut(&str) -> bool,
        out: &mut Vec<u64>,
    ) -> Result<(), SearchError> {
        let before = out.len();
        self.index.matching(field, range, takes, out);
        self.charge(size_of::<u64>() * (out.len() - before))
    }

    fn documents(&mut self, field: usize, out: &mut Vec<u64>) -> Result<(), SearchError> {
        self.charge(size_of_val(self.index.documents(field)))?;
        out.extend_from_slice(self.index.documents(field));
        Ok(())
    }

    fn texts(&mut self, document: u64, field: usize) -> Result<Vec<Arc<str>>, SearchError> {
        let texts = &self.texts[&document][field];
        Ok(texts.iter().map(|text| text.as_str().into()).collect())
    }

    fn charge(&mut self, bytes: usize) -> Result<(), SearchError> {
        self.bytes += bytes;
        self.bytes_most = self.bytes_most.max(self.bytes);
        Ok(())
    }

    fn release(&mut self, bytes: usize) {
        assert!(bytes <= self.bytes, "more is given back than was taken");
        self.bytes -= bytes;
    }
}
