//! Vector pages: the vectors of an index side by side, with a graph of neighbours if they are many.
//!
//! A page is a base and a delta, as every page of the present. The base holds rows of vectors with the elements
//! they belong to. Rows are only ever added, so a page that follows another shares its rows and its graph:
//! [`VectorPage::absorb`] adds what the delta has, in whole chunks, and marks as dead what it replaces; what
//! does not fill a chunk stays loose. When most rows are dead, or there is no room for more, the page is built
//! anew from the store.
//!
//! The graph grows behind the page ([`VectorPage::grow`]), a slice at a time. Rows that are not in it yet, loose
//! ones and the delta are looked at one by one in every search. So a search with the graph misses nothing that
//! is new, and nothing that was replaced is found; what it may miss are rows that the graph does not lead to.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use retrograph_vector::{CHUNK_ROWS, Nearest, Neighbours, Query, Vectors};

use super::delta::Delta;
use super::directory::Page;
use crate::ids::Version;
use crate::vector::VectorSettings;

/// What an element has from a version on: a vector or none.
pub(crate) type VectorChange = Option<Box<[f32]>>;

/// Rows looked at between two looks at the query's limits.
const CHECK_ROWS: u32 = 4_096;
/// The graph is used once it holds all but one in so many rows.
const AHEAD: usize = 4;
/// A search for more than one in so many rows looks at all of them.
const FEW: usize = 16;
/// The fewest candidates that a graph is asked for.
const CANDIDATES_MIN: usize = 128;

/// The vectors of an index.
#[derive(Default)]
pub(crate) struct VectorPage {
    base: Option<Base>,
    /// By element.
    delta: Arc<Delta<VectorChange>>,
}

struct Base {
    vectors: Arc<Vectors>,
    neighbours: Option<Arc<Neighbours>>,
    settings: VectorSettings,
    /// The element of each row.
    owners: Arc<[u64]>,
    /// Which rows hold.
    live: Bits,
    /// Vectors beyond the last chunk.
    loose: Box<[(u64, Box<[f32]>)]>,
}

/// A set of rows.
#[derive(Clone, Default)]
struct Bits {
    words: Box<[u64]>,
    count: usize,
}

impl Bits {
    fn all(rows: usize) -> Self {
        let mut words = vec![u64::MAX; rows.div_ceil(64)];
        if let (Some(last), rest @ 1..) = (words.last_mut(), rows % 64) {
            *last >>= 64 - rest;
        }
        Self {
            words: words.into(),
            count: rows,
        }
    }

    #[inline]
    fn has(&self, row: u32) -> bool {
        let word = self.words.get(row as usize / 64);
        word.is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    fn remove(&mut self, row: usize) {
        if let Some(word) = self.words.get_mut(row / 64)
            && *word >> (row % 64) & 1 == 1
        {
            *word &= !(1 << (row % 64));
            self.count -= 1;
        }
    }
}

impl Page for VectorPage {
    type Change = VectorChange;

    /// A page that was replaced shares its rows with the one that took its place, which would be counted twice.
    const KEEPS_PAST: bool = false;

    fn delta(&self) -> &Arc<Delta<VectorChange>> {
        &self.delta
    }

    fn bytes(&self) -> usize {
        let Some(base) = &self.base else { return 0 };
        let (settings, rows) = (&base.settings, base.owners.len());
        let width = usize::from(settings.dimensions);
        let graph = base.neighbours.as_ref();
        let graph = graph.map_or(0, |_| {
            Neighbours::bytes_of(settings.shape, base.vectors.capacity())
        });
        Vectors::bytes_of(settings.similarity, width, rows)
            + rows * size_of::<u64>()
            + size_of_val(&*base.live.words)
            + base.loose.len() * (width * size_of::<f32>() + 48)
            + graph
    }

    fn rows(&self) -> usize {
        self.len()
    }
}

/// How a search went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Searched {
    /// Every vector was looked at.
    All,
    /// The graph of neighbours led to what was looked at.
    ByNeighbours,
}

impl VectorPage {
    /// About the bytes of a page of so many vectors.
    pub fn bytes_of(settings: &VectorSettings, vectors: usize, neighbours_from: usize) -> usize {
        let width = usize::from(settings.dimensions);
        let graph = match vectors >= neighbours_from {
            true => Neighbours::bytes_of(settings.shape, capacity_for(vectors)),
            false => 0,
        };
        Vectors::bytes_of(settings.similarity, width, vectors) + vectors * 9 + graph
    }

    /// A page of vectors by element. A graph is made if there are at least `neighbours_from` of them.
    pub fn new(
        settings: VectorSettings,
        found: Vec<(u64, Box<[f32]>)>,
        neighbours_from: usize,
        delta: Arc<Delta<VectorChange>>,
    ) -> Self {
        let width = usize::from(settings.dimensions);
        let is_large = found.len() >= neighbours_from;
        let vectors = Vectors::new(settings.similarity, width, capacity_for(found.len()));
        let neighbours = is_large.then(|| Arc::new(Neighbours::new(&vectors, settings.shape)));
        let mut base = Base {
            vectors: Arc::new(vectors),
            neighbours,
            settings,
            owners: Arc::default(),
            live: Bits::default(),
            loose: Box::default(),
        };
        base.fill(found, &[]);
        Self {
            base: Some(base),
            delta,
        }
    }

    /// The number of vectors in the base.
    pub fn len(&self) -> usize {
        let base = self.base.as_ref();
        base.map_or(0, |base| base.live.count + base.loose.len())
    }

    /// This page with what its delta has up to a version. `None` if a page is better built anew.
    pub fn absorb(
        &self,
        version: Version,
        neighbours_from: usize,
        delta: Arc<Delta<VectorChange>>,
    ) -> Option<Self> {
        let base = self.base.as_ref()?;
        let changed = self.changed(version);
        let mut live = base.live.clone();
        for (row, owner) in base.owners.iter().enumerate() {
            if changed.contains_key(owner) {
                live.remove(row);
            }
        }
        let loose = base.loose.iter();
        let mut added: Vec<(u64, Box<[f32]>)> = loose
            .filter(|(owner, _)| !changed.contains_key(owner))
            .cloned()
            .collect();
        let come = changed.into_iter();
        added.extend(come.filter_map(|(owner, change)| Some((owner, change.clone()?))));
        added.sort_unstable_by_key(|(owner, _)| *owner);
        let rows = base.owners.len() + added.len() / CHUNK_ROWS * CHUNK_ROWS;
        let is_growing = base.neighbours.is_none() && live.count + added.len() >= neighbours_from;
        if is_growing || rows > base.vectors.capacity() || live.count < base.owners.len() / 2 {
            return None;
        }
        let mut next = Base {
            vectors: Arc::clone(&base.vectors),
            neighbours: base.neighbours.clone(),
            settings: base.settings,
            owners: Arc::default(),
            live,
            loose: Box::default(),
        };
        next.fill(added, &base.owners);
        Some(Self {
            base: Some(next),
            delta,
        })
    }

    /// Puts the next rows into the graph, at most so many. Returns whether there are more.
    pub fn grow(&self, rows: u32, mut goes_on: impl FnMut() -> bool) -> bool {
        let Some(base) = &self.base else { return false };
        let Some(neighbours) = &base.neighbours else {
            return false;
        };
        let all = base.rows();
        let end = all.min(neighbours.rows().saturating_add(rows));
        neighbours.insert(&base.vectors, end, &mut goes_on) && end < all
    }

    /// What the newest change of each element up to a version left.
    fn changed(&self, version: Version) -> HashMap<u64, &VectorChange, foldhash::fast::FixedState> {
        self.delta.all(version.0).collect()
    }

    /// Offers the vectors as of a version, and says how they were found. With `is_exact`, or where it is no
    /// dearer, every one is looked at. `check` is asked now and then, with the bytes in use.
    pub fn search<E>(
        &self,
        query: &Query,
        version: Version,
        nearest: &mut Nearest<u64>,
        count: usize,
        is_exact: bool,
        check: &mut dyn FnMut(usize) -> Result<(), E>,
    ) -> Result<Searched, E> {
        let Some(base) = &self.base else {
            return Ok(Searched::All);
        };
        let changed = self.changed(version);
        let mut searched = Searched::All;
        let mut rest = 0..base.rows();
        if !is_exact
            && count <= base.live.count / FEW
            && let Some(rows) = base.suggested(query, count, &changed)
        {
            searched = Searched::ByNeighbours;
            rest.start = rows.end;
            for row in rows.found {
                base.offer(query, row..row + 1, &changed, nearest);
            }
        }
        while !rest.is_empty() {
            let end = rest.end.min(rest.start + CHECK_ROWS);
            base.offer(query, rest.start..end, &changed, nearest);
            rest.start = end;
            check(nearest.bytes())?;
        }
        for (owner, vector) in &base.loose {
            if !changed.contains_key(owner) {
                nearest.offer(query.score(vector), *owner);
            }
        }
        for (owner, change) in &changed {
            if let Some(vector) = change {
                nearest.offer(query.score(vector), *owner);
            }
        }
        Ok(searched)
    }
}

/// Room for rows to come: half as many again.
fn capacity_for(vectors: usize) -> usize {
    vectors + vectors / 2 + 16 * CHUNK_ROWS
}

type Changed<'a> = HashMap<u64, &'a VectorChange, foldhash::fast::FixedState>;

/// What a graph suggests of the rows before `end`.
struct Suggested {
    found: Vec<u32>,
    end: u32,
}

impl Base {
    fn rows(&self) -> u32 {
        self.owners.len() as u32
    }

    /// Adds vectors behind the rows that `owners` are of.
    fn fill(&mut self, mut added: Vec<(u64, Box<[f32]>)>, owners: &[u64]) {
        let whole = added.len() / CHUNK_ROWS * CHUNK_ROWS;
        let mut loose = added.split_off(whole);
        let mut all = owners.to_vec();
        let first = owners.len() / CHUNK_ROWS;
        let mut components = Vec::with_capacity(CHUNK_ROWS * usize::from(self.settings.dimensions));
        for (chunk, rows) in added.chunks(CHUNK_ROWS).enumerate() {
            components.clear();
            rows.iter()
                .for_each(|(_, vector)| components.extend_from_slice(vector));
            match self.vectors.put(first + chunk, &components) {
                true => all.extend(rows.iter().map(|(owner, _)| *owner)),
                // Room was made for them; without it they are looked at one by one.
                false => loose.extend_from_slice(rows),
            }
        }
        let mut live = Bits::all(all.len());
        for row in 0..owners.len() {
            if !self.live.has(row as u32) {
                live.remove(row);
            }
        }
        self.live = live;
        self.owners = all.into();
        self.loose = loose.into();
    }

    fn owner(&self, row: u32, changed: &Changed<'_>) -> Option<u64> {
        if !self.live.has(row) {
            return None;
        }
        let owner = *self.owners.get(row as usize)?;
        (changed.is_empty() || !changed.contains_key(&owner)).then_some(owner)
    }

    fn offer(
        &self,
        query: &Query,
        rows: Range<u32>,
        changed: &Changed<'_>,
        nearest: &mut Nearest<u64>,
    ) {
        let owner = |row| self.owner(row, changed);
        self.vectors.offer(query, rows, owner, nearest);
    }

    /// What the graph suggests; `None` if it is not ready, or leads to fewer than are wanted.
    fn suggested(&self, query: &Query, count: usize, changed: &Changed<'_>) -> Option<Suggested> {
        let neighbours = self.neighbours.as_ref()?;
        let end = neighbours.rows().min(self.rows());
        let behind = (self.rows() - end) as usize;
        if behind > self.owners.len() / AHEAD {
            return None;
        }
        let candidates = CANDIDATES_MIN.max(count.saturating_mul(2));
        let is_live = |row| row < end && self.owner(row, changed).is_some();
        let found = neighbours.suggest(&self.vectors, query, candidates, &is_live)?;
        (found.len() >= count).then_some(Suggested { found, end })
    }
}

#[cfg(test)]
mod tests {
    use retrograph_vector::{Shape, Similarity};

    use super::*;

    const SETTINGS: VectorSettings = VectorSettings {
        dimensions: 2,
        similarity: Similarity::Euclidean,
        shape: Shape {
            connections: 8,
            candidates: 40,
        },
    };

    fn at(x: u64) -> Box<[f32]> {
        [x as f32, 0.0].into()
    }

    fn page(elements: Range<u64>, neighbours_from: usize) -> VectorPage {
        let found = elements.map(|element| (element, at(element))).collect();
        VectorPage::new(SETTINGS, found, neighbours_from, Arc::default())
    }

    fn search(page: &VectorPage, x: u64, version: u64, is_exact: bool) -> (Vec<u64>, Searched) {
        let query = SETTINGS.query(at(x).into()).unwrap();
        let mut nearest = Nearest::new(3);
        let mut check = |_| Ok::<(), ()>(());
        let searched = page.search(
            &query,
            Version(version),
            &mut nearest,
            3,
            is_exact,
            &mut check,
        );
        let found = nearest
            .into_sorted()
            .into_iter()
            .map(|found| found.0)
            .collect();
        (found, searched.unwrap())
    }

    #[test]
    fn changes_take_the_place_of_rows_from_their_version_on() {
        let page = page(0..100, usize::MAX);
        assert_eq!(page.len(), 100);
        assert_eq!(
            search(&page, 50, 1, false),
            (vec![50, 49, 51], Searched::All)
        );
        page.delta.append(50, 2, None);
        page.delta.append(90, 3, Some(at(50)));
        page.delta.append(500, 3, Some(at(50)));
        page.delta.append(90, 4, None);
        assert_eq!(search(&page, 50, 1, false).0, [50, 49, 51]);
        assert_eq!(search(&page, 50, 2, false).0, [49, 51, 48]);
        assert_eq!(search(&page, 50, 3, false).0, [90, 500, 49]);
        assert_eq!(search(&page, 50, 4, false).0, [500, 49, 51]);
        assert_eq!(search(&page, 90, 4, false).0, [89, 91, 88]);
    }

    #[test]
    fn a_page_that_follows_another_answers_the_same() {
        let mut page = page(0..1_000, usize::MAX);
        for round in 0..30_u64 {
            for change in 0..70 {
                let element = (round * 311 + change * 17) % 1_200;
                let vector = (change % 3 != 0).then(|| at(element + round));
                page.delta.append(element, round + 1, vector);
            }
            let before: Vec<_> = (0..20)
                .map(|x| search(&page, x * 60, round + 1, true))
                .collect();
            let next = page.absorb(Version(round + 1), usize::MAX, Arc::default());
            let Some(next) = next else {
                assert!(round > 10, "room for a few rounds");
                return;
            };
            let after: Vec<_> = (0..20)
                .map(|x| search(&next, x * 60, round + 1, true))
                .collect();
            assert_eq!(before, after);
            assert!(next.base.as_ref().unwrap().loose.len() < CHUNK_ROWS);
            page = next;
        }
        panic!("it was never full");
    }

    #[test]
    fn the_graph_grows_in_slices_and_is_used_when_it_is_nearly_whole() {
        let page = page(0..700, 600);
        assert_eq!(
            search(&page, 80, 1, false),
            (vec![80, 79, 81], Searched::All)
        );
        let mut slices = 0;
        while page.grow(100, || true) {
            slices += 1;
        }
        assert_eq!(slices, 6);
        assert_eq!(
            search(&page, 80, 1, false),
            (vec![80, 79, 81], Searched::ByNeighbours)
        );
        assert_eq!(
            search(&page, 80, 1, true),
            (vec![80, 79, 81], Searched::All)
        );
        // What is not in the graph yet is found as well, and what is gone is not.
        page.delta.append(80, 2, None);
        for new in 0..64 {
            page.delta.append(1_000 + new, 2, Some(at(5_000 + new)));
        }
        let next = page.absorb(Version(2), 600, Arc::default()).unwrap();
        for page in [&page, &next] {
            assert_eq!(
                search(page, 80, 2, false),
                (vec![79, 81, 78], Searched::ByNeighbours)
            );
            assert_eq!(search(page, 5_003, 2, false).0, [1_003, 1_002, 1_004]);
        }
        assert!(!next.grow(100, || true));
        assert_eq!(search(&next, 5_003, 2, false).0, [1_003, 1_002, 1_004]);
        assert_eq!(search(&page, 80, 1, false).0, [80, 79, 81]);
    }

    #[test]
    fn a_search_ends_when_it_is_told_to() {
        let page = page(0..10_000, usize::MAX);
        let query = SETTINGS.query(at(7).into()).unwrap();
        let mut calls = 0;
        let searched = page.search(
            &query,
            Version(1),
            &mut Nearest::new(3),
            3,
            false,
            &mut |_| {
                calls += 1;
                if calls == 2 { Err("cancelled") } else { Ok(()) }
            },
        );
        assert_eq!((searched, calls), (Err("cancelled"), 2));
    }
}
