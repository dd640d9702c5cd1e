//! The nearest vectors of an index.
//!
//! Searches of the present are answered from the index's page where there is one, which may use a graph of
//! neighbours and so be approximate. Everything else is exact: what a version is asked for by name or time, so
//! that it answers the same for ever; what a transaction that has written asks; what is asked while there is no
//! page. Then the vectors are read from the elements, one by one. An index that does not cover the version, or
//! is gone, is still good for that: its definition says which elements to look at.

use std::ops::ControlFlow;

use retrograph_vector::{Nearest, Query};

use super::scans::ScanCursor;
use super::{GraphRead, Result, place};
use crate::blocks::BLOCK_IDS;
use crate::encoding::record::{ElementState, RecordRef};
use crate::footprint::fact;
use crate::ids::ElementId;
use crate::image::VectorsOf;
use crate::image::vector::Searched;
use crate::overlay::Seen;
use crate::rows::{Key, prefix_end};
use crate::rule::{RuleDefinition, Target};
use crate::vector::VectorSettings;

/// Elements read between two looks at the query's limits.
const BATCH: usize = 1_024;

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The elements with their scores, best first; of equal scores, the smaller id first.
    pub elements: Vec<(ElementId, f64)>,
    /// Whether no other element has a better score. If not, some may.
    pub is_exact: bool,
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Sought<'a> {
    /// The vector, of the index's number of components.
    pub query: &'a Query,
    /// How many elements.
    pub count: usize,
    /// Whether the answer must be exact.
    pub is_exact: bool,
}

impl GraphRead {
    /// The elements of a vector index whose vectors are nearest to one. `check` is asked now and then whether to
    /// go on, with the bytes in use. None if the rule is no vector index.
    pub fn nearest<E: From<crate::error::GraphError>>(
        &self,
        index: &RuleDefinition,
        sought: &Sought<'_>,
        check: &mut dyn FnMut(usize) -> std::result::Result<(), E>,
    ) -> std::result::Result<Option<Found>, E> {
        let Some(of) = VectorsOf::new(index) else {
            return Ok(None);
        };
        let mut nearest = Nearest::new(sought.count);
        let covers = self.covers(index);
        if covers {
            let set = index.set();
            self.note_range(|| {
                (
                    fact::index(&set.prefix),
                    fact::index(&prefix_end(&set.prefix)),
                )
            });
        }
        let page = match covers && self.written().is_none() {
            true => self.graph.images.vectors(of, self.version),
            false => None,
        };
        let mut searched = Searched::All;
        match page {
            Some(found) => {
                let is_exact = sought.is_exact || self.is_dated;
                searched = found.page.search(
                    sought.query,
                    self.version,
                    &mut nearest,
                    sought.count,
                    is_exact,
                    check,
                )?;
            }
            None => self.look_at_all(index, &of, covers, sought.query, &mut nearest, check)?,
        }
        let found = nearest.into_sorted().into_iter();
        Ok(Some(Found {
            elements: found.map(|(id, score)| (of.element(id), score)).collect(),
            is_exact: searched == Searched::All,
        }))
    }

    /// Whether the rows of a rule tell which elements it is about.
    fn covers(&self, index: &RuleDefinition) -> bool {
        let catalog = self.graph.catalog.load();
        let current = catalog.rule(index.id);
        current.is_some_and(|rule| rule.dropped.is_none() && rule.covers_from <= self.version)
    }

    fn look_at_all<E: From<crate::error::GraphError>>(
        &self,
        index: &RuleDefinition,
        of: &VectorsOf,
        covers: bool,
        query: &Query,
        nearest: &mut Nearest<u64>,
        check: &mut dyn FnMut(usize) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut ids = Vec::new();
        let mut is_noted = false;
        if covers {
            self.indexed(index, &mut ids)?;
            // Dropping an index removes it from the catalog before its rows: if it is still there, what was
            // read was whole.
            is_noted = self.covers(index);
        }
        if !is_noted {
            ids.clear();
            self.targeted(of, &mut ids, check)?;
        }
        let held = ids.capacity() * size_of::<u64>();
        for batch in ids.chunks(BATCH) {
            check(held + nearest.bytes())?;
            for id in batch {
                if let Some(vector) = self.vector(of, *id, is_noted)? {
                    nearest.offer(query.score(&vector), *id);
                }
            }
        }
        Ok(())
    }

    /// The elements that have rows, and those that the transaction may have given one, in no particular order.
    fn indexed(&self, index: &RuleDefinition, ids: &mut Vec<u64>) -> Result<()> {
        let set = index.set();
        self.stored().scan_set(&set, &[], None, &mut |rest| {
            ids.push(crate::rows::read_trailing_node(rest)?.0);
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some(own) = self.written() {
            own.with(|overlay, _| {
                let rows = overlay
                    .values
                    .range(Key::from_slice(&set.prefix)..prefix_end(&set.prefix));
                for row in rows {
                    ids.extend(crate::rows::read_trailing_node(row).ok().map(|id| id.0));
                }
            });
            ids.sort_unstable();
            ids.dedup();
        }
        Ok(())
    }

    /// The elements of the label or type.
    fn targeted<E: From<crate::error::GraphError>>(
        &self,
        of: &VectorsOf,
        ids: &mut Vec<u64>,
        check: &mut dyn FnMut(usize) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut cursor = ScanCursor::default();
        let mut nodes = Vec::new();
        while !cursor.is_done() {
            match of.target {
                Target::Label(label) => {
                    nodes.clear();
                    self.scan_label(label, &mut cursor, BATCH, &mut nodes)?;
                    ids.extend(nodes.iter().map(|node| node.0));
                }
                Target::Type(type_id) => {
                    self.visit_relationships(&[type_id], &mut cursor, BATCH, |row| {
                        ids.push(row.0.0);
                    })?;
                }
            }
            check(ids.capacity() * size_of::<u64>())?;
        }
        Ok(())
    }

    /// The vector of an element, if it is one that the index is about.
    fn vector(&self, of: &VectorsOf, id: u64, is_noted: bool) -> Result<Option<Box<[f32]>>> {
        let element = of.element(id);
        match self.see(element) {
            Seen::Own(state) => Ok(state.and_then(|state| of.vector_of_state(&state))),
            Seen::AsStored => {
                if !is_noted {
                    self.note_point(|| fact::element(element));
                }
                let (space, id) = place(element);
                if let Some(found) = self.graph.images.records(space, id, self.version) {
                    let record = found.page.get(id % BLOCK_IDS, self.version.0);
                    return record.map_or(Ok(None), |bytes| {
                        Ok(of.vector_of(&RecordRef::parse(bytes)?)?)
                    });
                }
                let vector = self
                    .stored()
                    .element(element, |record| Ok(of.vector_of(record)?))?;
                Ok(vector.flatten())
            }
        }
    }
}

impl VectorsOf {
    /// Those of an index; none if the rule is something else.
    pub(crate) fn new(index: &RuleDefinition) -> Option<Self> {
        let ([target], [key]) = (index.targets.as_slice(), index.keys.as_slice()) else {
            return None;
        };
        Some(Self {
            index: index.id,
            target: *target,
            key: *key,
            settings: index.vector_settings()?,
        })
    }

    /// The vector of an element in a state of a transaction, if it is in the index.
    fn vector_of_state(&self, state: &ElementState) -> Option<Box<[f32]>> {
        let is_about = match (self.target, state) {
            (Target::Label(label), ElementState::Node { labels, .. }) => labels.contains(&label),
            (Target::Type(wanted), ElementState::Relationship { type_id, .. }) => {
                *type_id == wanted
            }
            _ => false,
        };
        let value = state.property(self.key).filter(|_| is_about)?;
        self.settings.vector_of(value)
    }
}

impl RuleDefinition {
    /// The settings of a vector index; none if it is something else.
    #[must_use]
    pub const fn vector_settings(&self) -> Option<VectorSettings> {
        match self.kind {
            crate::rule::RuleKind::Index(crate::rule::IndexSort::Vector(settings)) => {
                Some(settings)
            }
            _ => None,
        }
    }
}
