//! Searching texts.
//!
//! The postings of a version are the rows of the index that hold in it. What the transaction wrote
//! itself is analysed when it searches: its elements are taken out of the stored rows and of the
//! statistics, and put back as they are now.
//!
//! An index whose rows do not reach back to the version, or no longer exist, is answered all the
//! same if it is part of the schema of today or of that version: the elements of its labels or types
//! are read and analysed as of the version. That takes as long as reading them does.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use retrograph_text::ranking::FieldStatistics;
use retrograph_text::search::{
    self, Hit, Index, MemoryIndex, Posting, SearchError, TermRange, search,
};
use retrograph_text::{Analyzer, Document, Query};

use super::{GraphRead, ScanCursor};
use crate::encoding::record::ElementState;
use crate::error::GraphError;
use crate::footprint::fact;
use crate::ids::{ElementId, LabelId, NodeId, RelationshipId, TypeId};
use crate::overlay::Seen;
use crate::rows::rule_prefix;
use crate::rule::fulltext::{
    Fulltext, posting_of, statistics, term_bounds, term_of, term_start, text_bounds, texts,
    unescaped,
};
use crate::rule::{IndexSort, RuleDefinition, RuleKind, Target};
use crate::value::Value;

/// So many rows of a term that is not wanted are passed before it is skipped.
const ROWS_PER_TERM: u32 = 16;
/// So many rows are read between two questions whether to go on.
const ROWS_PER_CHECK: u32 = 1_024;
/// So many elements are read at a time.
const BATCH: usize = 1_024;

/// A full-text index as a view may use it.
#[derive(Clone, Debug)]
pub struct TextIndex {
    definition: Arc<RuleDefinition>,
    settings: Fulltext,
    /// Whether its rows hold what the view sees.
    has_rows: bool,
}

impl TextIndex {
    /// Its definition.
    #[must_use]
    pub const fn definition(&self) -> &Arc<RuleDefinition> {
        &self.definition
    }

    /// The analyzer of its texts.
    #[must_use]
    pub fn analyzer(&self) -> &'static Analyzer {
        self.settings.analyzer()
    }
}

/// What to search for, and how much of it.
#[derive(Clone, Copy, Debug)]
pub struct TextSearch<'q> {
    /// What.
    pub query: &'q Query,
    /// How words of the query become terms, if not as those of the index.
    pub analyzer: Option<&'static Analyzer>,
    /// So many of the best are left out.
    pub skip: usize,
    /// At most so many are wanted.
    pub limit: Option<usize>,
}

/// Looks at a row, behind the number of the index, and says whether to go on.
type Visit<'v> = dyn FnMut(&[u8]) -> Result<ControlFlow<()>, GraphError> + 'v;

/// Why a search ended early.
enum Stop<E> {
    Graph(GraphError),
    Query(SearchError),
    Caller(E),
}

impl<E> From<SearchError> for Stop<E> {
    fn from(error: SearchError) -> Self {
        Self::Query(error)
    }
}

impl<E> From<GraphError> for Stop<E> {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl<E> From<crate::encoding::DecodeError> for Stop<E> {
    fn from(error: crate::encoding::DecodeError) -> Self {
        Self::Graph(error.into())
    }
}

impl GraphRead {
    /// The full-text index of a name: one of the schema of this version, or one that was made later
    /// and exists now.
    #[must_use]
    pub fn text_index(&self, name: &str) -> Option<TextIndex> {
        let catalog = self.graph.catalog.load();
        let definition = catalog
            .all_rules()
            .filter(|rule| {
                *rule.name == *name
                    && matches!(rule.kind, RuleKind::Index(IndexSort::Fulltext(_)))
                    && (rule.exists_at(self.version) || rule.dropped.is_none())
            })
            .min_by_key(|rule| !rule.exists_at(self.version))?;
        let RuleKind::Index(IndexSort::Fulltext(settings)) = definition.kind else {
            return None;
        };
        Some(TextIndex {
            definition: Arc::clone(definition),
            settings,
            has_rows: definition.dropped.is_none() && definition.covers_from <= self.version,
        })
    }

    /// The elements that a query finds in an index, the best first; equal ones by their ids.
    ///
    /// `charge` is told of memory about to be taken, or given back where negative, and may end the
    /// search. What it was told adds up to no more than the hits when the search returns.
    pub fn search_text<E: From<GraphError>>(
        &self,
        index: &TextIndex,
        wanted: &TextSearch<'_>,
        charge: &mut dyn FnMut(isize) -> Result<(), E>,
    ) -> Result<Vec<(ElementId, f64)>, E> {
        let found = self
            .search_rows(index, wanted, charge)
            .map_err(|stop| match stop {
                Stop::Graph(error) => error.into(),
                Stop::Query(error) => GraphError::Search(error).into(),
                Stop::Caller(error) => error,
            })?;
        let is_relationship = index.definition.is_about_relationships();
        let element = |hit: Hit| match is_relationship {
            false => (NodeId(hit.document).into(), hit.score),
            true => (RelationshipId(hit.document).into(), hit.score),
        };
        Ok(found.into_iter().map(element).collect())
    }

    fn search_rows<E>(
        &self,
        index: &TextIndex,
        wanted: &TextSearch<'_>,
        charge: &mut dyn FnMut(isize) -> Result<(), E>,
    ) -> Result<Vec<Hit>, Stop<E>> {
        let mut index = index.clone();
        loop {
            let mut searched = Searched::new(self, &index, charge)?;
            let analyzer = wanted.analyzer.unwrap_or_else(|| index.analyzer());
            let found = search(&mut searched, wanted.query, analyzer, index.analyzer());
            let is_again = index.has_rows && !self.has_rows_still(&index.definition);
            let kept = match &found {
                Ok(hits) if !is_again => size_of_val(hits.as_slice()),
                _ => 0,
            };
            searched.end(kept)?;
            // Dropping an index removes it from the catalog before its rows: if it is still there,
            // what was read was whole.
            if is_again {
                index.has_rows = false;
                continue;
            }
            let mut hits = found?;
            search::best(&mut hits, wanted.skip, wanted.limit);
            return Ok(hits);
        }
    }

    fn has_rows_still(&self, definition: &RuleDefinition) -> bool {
        let catalog = self.graph.catalog.load();
        catalog
            .rule(definition.id)
            .is_some_and(|rule| rule.dropped.is_none())
    }
}

/// An index while it is searched.
struct Searched<'s, E> {
    read: &'s GraphRead,
    definition: &'s RuleDefinition,
    fields: Vec<Arc<str>>,
    /// Whether there are stored rows to look at.
    has_rows: bool,
    /// Elements whose stored rows do not count.
    hidden: BTreeSet<u64>,
    /// What they have now, or all there is.
    own: MemoryIndex,
    /// What the hidden ones have in the stored statistics, by field.
    taken: Vec<FieldStatistics>,
    charge: &'s mut dyn FnMut(isize) -> Result<(), E>,
    /// The bytes charged and not given back.
    held: usize,
    /// Those of them that are to be given back with the next charge.
    released: usize,
}

impl<'s, E> Searched<'s, E> {
    fn new(
        read: &'s GraphRead,
        index: &'s TextIndex,
        charge: &'s mut dyn FnMut(isize) -> Result<(), E>,
    ) -> Result<Self, Stop<E>> {
        let definition = &*index.definition;
        let names = read.graph.catalog_at(crate::ids::Version::MAX);
        let fields = definition.keys.iter().map(|key| names.key_name(*key));
        let mut searched = Self {
            read,
            definition,
            fields: fields.map(Option::unwrap_or_default).collect(),
            has_rows: index.has_rows,
            hidden: BTreeSet::new(),
            own: MemoryIndex::default(),
            taken: vec![FieldStatistics::default(); definition.keys.len()],
            charge,
            held: 0,
            released: 0,
        };
        match index.has_rows {
            true => {
                read.note_range(|| fact::starting_with(fact::index(&rule_prefix(definition.id))));
                searched.add_own(index.analyzer())?;
            }
            false => searched.add_all(index.analyzer())?,
        }
        Ok(searched)
    }

    fn charged(&mut self, bytes: usize) -> Result<(), Stop<E>> {
        let released = std::mem::take(&mut self.released);
        self.held = (self.held + bytes).saturating_sub(released);
        let change = bytes as isize - released as isize;
        (self.charge)(change).map_err(Stop::Caller)
    }

    /// Gives back all but what is kept of it.
    fn end(mut self, kept: usize) -> Result<(), Stop<E>> {
        self.released = self.held.saturating_sub(kept);
        self.charged(0)
    }

    /// Takes out what the transaction changed and adds what it made of it.
    fn add_own(&mut self, analyzer: &Analyzer) -> Result<(), Stop<E>> {
        let Some(own) = self.read.written() else {
            return Ok(());
        };
        let is_relationship = self.definition.is_about_relationships();
        type States = (Option<Arc<ElementState>>, Option<Arc<ElementState>>);
        let mut changed: BTreeMap<u64, States> = BTreeMap::new();
        own.with(|overlay, below| {
            for (element, written) in overlay.elements() {
                let id = match (element, is_relationship) {
                    (ElementId::Node(id), false) => id.0,
                    (ElementId::Relationship(id), true) => id.0,
                    _ => continue,
                };
                let Seen::Own(now) = overlay.see(element, below) else {
                    continue;
                };
                let base = written.base.as_ref().map(|(_, state)| Arc::clone(state));
                let is_about = |state: &Arc<ElementState>| self.definition.is_about(state.as_ref());
                changed.insert(id, (base.filter(is_about), now.filter(is_about)));
            }
        });
        for (id, (base, now)) in changed {
            self.hidden.insert(id);
            for (field, key) in self.definition.keys.iter().enumerate() {
                let value = |state: &Option<Arc<ElementState>>| {
                    state
                        .as_ref()
                        .and_then(|state| state.property(*key).cloned())
                };
                if let Some(value) = value(&base) {
                    let length = Document::of(analyzer, texts(&value)).length;
                    self.taken[field].documents += u64::from(length > 0);
                    self.taken[field].length += u64::from(length);
                }
                if let Some(value) = value(&now) {
                    self.add(id, field, analyzer, &value)?;
                }
            }
        }
        Ok(())
    }

    /// Adds all elements that the index is about, as the view shows them.
    fn add_all(&mut self, analyzer: &Analyzer) -> Result<(), Stop<E>> {
        let (mut labels, mut types): (Vec<LabelId>, Vec<TypeId>) = (Vec::new(), Vec::new());
        for target in &self.definition.targets {
            match target {
                Target::Label(label) => labels.push(*label),
                Target::Type(type_id) => types.push(*type_id),
            }
        }
        let mut ids: Vec<u64> = Vec::new();
        for label in labels {
            let mut cursor = ScanCursor::default();
            let mut nodes = Vec::with_capacity(BATCH);
            while !cursor.is_done() {
                nodes.clear();
                self.read
                    .scan_label(label, &mut cursor, BATCH, &mut nodes)?;
                self.charged(8 * nodes.len())?;
                ids.extend(nodes.iter().map(|node| node.0));
            }
        }
        if !types.is_empty() {
            let mut cursor = ScanCursor::default();
            while !cursor.is_done() {
                let before = ids.len();
                self.read
                    .visit_relationships(&types, &mut cursor, BATCH, |(id, ..)| ids.push(id.0))?;
                self.charged(8 * (ids.len() - before))?;
            }
        }
        ids.sort_unstable();
        ids.dedup();
        let bytes = size_of_val(ids.as_slice());
        for id in ids {
            for (field, key) in self.definition.keys.iter().enumerate() {
                let value = self.read.property(self.element(id), *key)?;
                self.add(id, field, analyzer, &value)?;
            }
        }
        self.released += bytes;
        Ok(())
    }

    fn add(
        &mut self,
        id: u64,
        field: usize,
        analyzer: &Analyzer,
        value: &Value,
    ) -> Result<(), Stop<E>> {
        let document = Document::of(analyzer, texts(value));
        self.charged(document.size())?;
        self.own.add(id, field, document);
        Ok(())
    }

    fn element(&self, id: u64) -> ElementId {
        match self.definition.is_about_relationships() {
            false => NodeId(id).into(),
            true => RelationshipId(id).into(),
        }
    }

    /// Visits the stored rows of the index between two bounds, asking every so often whether to go on
    /// with the bytes that were kept of them.
    fn rows(
        &mut self,
        (lower, upper): (&[u8], &[u8]),
        kept: &Cell<usize>,
        visit: &mut Visit<'_>,
    ) -> Result<(), Stop<E>> {
        if !self.has_rows {
            return Ok(());
        }
        let (mut passed, mut stopped) = (0, None);
        let (set, read) = (self.definition.set(), self.read);
        let stored = read.stored();
        stored.scan_set(&set, lower, Some(upper), &mut |rest| {
            passed += 1;
            if passed % ROWS_PER_CHECK == 0
                && let Err(error) = self.charged(kept.take())
            {
                stopped = Some(error);
                return Ok(ControlFlow::Break(()));
            }
            visit(rest)
        })?;
        match stopped {
            Some(error) => Err(error),
            None => self.charged(kept.take()),
        }
    }
}

/// The end of all that starts with these bytes, of which the last is never the greatest.
fn behind(start: &[u8]) -> Vec<u8> {
    let mut end = start.to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

impl<E> Index for Searched<'_, E> {
    type Error = Stop<E>;

    fn fields(&self) -> &[Arc<str>] {
        &self.fields
    }

    fn statistics(&mut self, field: usize) -> Result<FieldStatistics, Stop<E>> {
        let mut sum = self.own.statistics(field);
        if self.has_rows {
            let [documents, length] = statistics(self.definition.id, field as u8);
            let taken = self.taken[field];
            let documents = self.read.stored_count(documents)?;
            let length = self.read.stored_count(length)?;
            sum.documents += documents.saturating_sub(taken.documents);
            sum.length += length.saturating_sub(taken.length);
        }
        Ok(sum)
    }

    fn postings(
        &mut self,
        field: usize,
        term: &str,
        out: &mut Vec<Posting>,
    ) -> Result<(), Stop<E>> {
        let start = term_start(field as u8, term);
        let hidden = std::mem::take(&mut self.hidden);
        let first = out.len();
        let (end, kept) = (behind(&start), Cell::new(0));
        let read = self.rows((&start, &end), &kept, &mut |rest| {
            let posting = posting_of(rest, start.len())?;
            if !hidden.contains(&posting.document) {
                kept.set(kept.get() + size_of::<Posting>());
                out.push(posting);
            }
            Ok(ControlFlow::Continue(()))
        });
        self.hidden = hidden;
        read?;
        self.charged(size_of_val(self.own.postings(field, term)))?;
        out.extend_from_slice(self.own.postings(field, term));
        out[first..].sort_unstable_by_key(|posting| posting.document);
        Ok(())
    }

    fn matching(
        &mut self,
        field: usize,
        range: &TermRange,
        takes: &mut dyn FnMut(&str) -> bool,
        out: &mut Vec<u64>,
    ) -> Result<(), Stop<E>> {
        let (mut lower, upper) = term_bounds(field as u8, range);
        let hidden = std::mem::take(&mut self.hidden);
        let kept = Cell::new(0);
        loop {
            let mut term: Option<(Vec<u8>, bool)> = None;
            let (mut passed, mut resume) = (0, None);
            let read = self.rows((&lower, &upper), &kept, &mut |rest| {
                let (found, end) = term_of(rest)?;
                let document = posting_of(rest, end)?.document;
                if hidden.contains(&document) {
                    return Ok(ControlFlow::Continue(()));
                }
                let is_taken = match &term {
                    Some((known, is_taken)) if known == found => *is_taken,
                    _ => {
                        let is_taken = takes(&unescaped(found)?);
                        term = Some((found.to_vec(), is_taken));
                        passed = 0;
                        is_taken
                    }
                };
                if is_taken {
                    kept.set(kept.get() + size_of::<u64>());
                    out.push(document);
                    return Ok(ControlFlow::Continue(()));
                }
                passed += 1;
                if passed == ROWS_PER_TERM {
                    resume = Some(behind(&rest[..end]));
                    return Ok(ControlFlow::Break(()));
                }
                Ok(ControlFlow::Continue(()))
            });
            if let Err(error) = read {
                self.hidden = hidden;
                return Err(error);
            }
            match resume {
                Some(next) if next < upper => lower = next,
                _ => break,
            }
        }
        self.hidden = hidden;
        let before = out.len();
        self.own.matching(field, range, takes, out);
        self.charged(size_of::<u64>() * (out.len() - before))
    }

    fn documents(&mut self, field: usize, out: &mut Vec<u64>) -> Result<(), Stop<E>> {
        let (lower, upper) = text_bounds(field as u8);
        let hidden = std::mem::take(&mut self.hidden);
        let kept = Cell::new(0);
        let read = self.rows((&lower, &upper), &kept, &mut |rest| {
            let document = crate::rows::read_trailing_node(rest)?.0;
            if !hidden.contains(&document) {
                kept.set(kept.get() + size_of::<u64>());
                out.push(document);
            }
            Ok(ControlFlow::Continue(()))
        });
        self.hidden = hidden;
        read?;
        self.charged(size_of_val(self.own.documents(field)))?;
        out.extend_from_slice(self.own.documents(field));
        Ok(())
    }

    fn texts(&mut self, document: u64, field: usize) -> Result<Vec<Arc<str>>, Stop<E>> {
        let key = self.definition.keys[field];
        let element = self.element(document);
        // Of a stored element only its texts count, which the index stands for.
        let value = match self.read.see(element) {
            Seen::Own(state) => state.and_then(|state| state.property(key).cloned()),
            Seen::AsStored if self.has_rows => {
                let stored = self.read.stored();
                stored
                    .element(element, |record| Ok(record.property(key)?))?
                    .flatten()
            }
            Seen::AsStored => Some(self.read.property(element, key)?),
        };
        let value = value.unwrap_or_default();
        Ok(texts(&value).map(Arc::from).collect())
    }

    fn charge(&mut self, bytes: usize) -> Result<(), Stop<E>> {
        self.charged(bytes)
    }

    fn release(&mut self, bytes: usize) {
        self.released += bytes;
    }
}
