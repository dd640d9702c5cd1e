//! Building pages, off the threads that read.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use smallvec::SmallVec;

use super::column::ColumnPage;
use super::directory::{Dated, Directory, Page};
use super::gather::Bounds;
use super::ids::{Life, calm};
use super::scan::{Interval, Scanner};
use super::{Images, Shared, VectorsOf, What, When};
use crate::blocks::Space;
use crate::error::GraphError;
use crate::ids::{IndexId, KeyId, LabelId, Version};
use crate::kv::Family;
use crate::rows::closed::SetRange;
use crate::rows::{label_prefix, property_prefix};

type Result<T> = std::result::Result<T, GraphError>;

/// More wishes than this are not remembered; then all are forgotten.
const WISHES_MAX: usize = 1 << 16;
/// Rows put into a graph of neighbours before other pages have their turn.
const NEIGHBOURS_SLICE: u32 = 256;
/// Where pages of intervals make way for each other, building one is followed by so many times as long without.
const REST: u32 = 4;
/// When memory is short, a page must be missed so many times as often as otherwise.
const SHORTAGE: u32 = 16;

/// What readers would like to have.
#[derive(Default)]
pub(super) struct Requests {
    wishes: HashMap<(What, When), u32>,
    queue: VecDeque<(What, When, Version)>,
    queued: HashSet<(What, When)>,
    /// What there is to be built once somebody reads.
    expected: Option<Everything>,
    /// What is built of the present when nobody waits for anything else.
    later: VecDeque<Task>,
    /// How many of the latter are being built.
    building: usize,
    /// What gets no page of an interval before an instant.
    resting: HashMap<What, Instant>,
}

impl Shared {
    pub fn bytes(&self) -> usize {
        let columns = self.columns.iter().flat_map(|space| {
            let columns = space.load();
            columns
                .iter()
                .map(|column| column.bytes())
                .collect::<Vec<_>>()
        });
        self.adjacency.bytes()
            + self.records.iter().map(Directory::bytes).sum::<usize>()
            + self.ends.bytes()
            + columns.sum::<usize>()
            + self.labels.bytes()
            + self.indexes.bytes()
            + self.vectors.bytes()
    }

    pub fn clear(&self) {
        self.adjacency.clear();
        self.records.iter().for_each(Directory::clear);
        self.ends.clear();
        for space in &self.columns {
            space.load().iter().for_each(|column| column.clear());
        }
        self.labels.clear();
        self.indexes.clear();
        self.vectors.clear();
        self.counts.clear();
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        // Taken so that the thread is not between looking and going to sleep.
        drop(self.requests.lock());
        self.wake.notify_all();
    }

    /// Counts a miss. Returns whether something is to be built now.
    pub(super) fn wish(&self, what: What, when: When, version: Version) -> bool {
        let mut requests = self.requests.lock();
        if requests.queued.contains(&(what, when)) || requests.rests(what, when) {
            return false;
        }
        if requests.wishes.len() >= WISHES_MAX {
            requests.wishes.clear();
        }
        let is_short = self.options.memory.is_short();
        let needed = self
            .options
            .misses
            .saturating_mul(if is_short { SHORTAGE } else { 1 });
        let wishes = requests.wishes.entry((what, when)).or_default();
        *wishes += 1;
        if *wishes < needed {
            return false;
        }
        requests.wishes.remove(&(what, when));
        requests.queued.insert((what, when));
        requests.queue.push_back((what, when, version));
        if let Some(everything) = requests.expected.take()
            && !is_short
        {
            requests.later = everything.tasks();
        }
        self.wake.notify_one();
        true
    }

    /// Has something built whatever the number of misses.
    pub(super) fn request(&self, what: What, when: When, version: Version) {
        let mut requests = self.requests.lock();
        if requests.queued.insert((what, when)) {
            requests.queue.push_back((what, when, version));
            self.wake.notify_one();
        }
    }

    fn run(&self) {
        loop {
            let mut requests = self.requests.lock();
            let request = loop {
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
                if let Some(request) = requests.queue.pop_front() {
                    break Ok(request);
                }
                match requests.take_later() {
                    Some(task) => break Err(task),
                    None => self.wake.wait(&mut requests),
                }
            };
            drop(requests);
            // A failure of the store is for the reads to report, which go on without the page.
            let _ = match request {
                Ok(request) => self.build(request),
                Err(task) => self.perform(&task),
            };
        }
    }

    /// Does what was taken from the list of what is to be built later.
    fn perform(&self, task: &Task) -> Result<()> {
        let result = match self.options.memory.has_room() {
            true => self.build_task(task),
            false => {
                self.requests.lock().later.clear();
                Ok(())
            }
        };
        self.requests.lock().building -= 1;
        self.idle.notify_all();
        result
    }

    fn build_task(&self, task: &Task) -> Result<()> {
        match task {
            Task::Page(what) => {
                let is_there = match *what {
                    What::Adjacency(block) => self.adjacency.has_present(block),
                    What::Records(space, block) => self.records[space as usize].has_present(block),
                    What::Ends(block) => self.ends.has_present(block),
                    What::Label(label) => self.labels.has_present(label.0.into()),
                    What::Index(id, ..) => self.indexes.has_present(id.0.into()),
                    What::Vectors(of) => self.vectors.has_present(of.index.0.into()),
                    What::Neighbours(_) => false,
                    What::Column(space, key, block) => self.has_column(space, key, block),
                };
                match is_there {
                    true => Ok(()),
                    false => self.build((*what, When::Present, self.recorded())),
                }
            }
            Task::Columns(space, block, keys) => {
                let mut missing: SmallVec<[KeyId; 16]> = keys.iter().copied().collect();
                missing.retain(|key| !self.has_column(*space, *key, *block));
                if !missing.is_empty() {
                    self.present_columns(*space, *block, &missing)?;
                    self.options.memory.built();
                }
                Ok(())
            }
        }
    }

    fn has_column(&self, space: Space, key: KeyId, block: u64) -> bool {
        self.column_directory(space, key)
            .is_some_and(|directory| directory.has_present(block))
    }

    /// Builds what is missing of the present, in this thread and that of the graph, and waits for
    /// the last page.
    fn build_everything(&self, everything: Everything) -> Result<()> {
        let mut requests = self.requests.lock();
        requests.expected = None;
        requests.later = everything.tasks();
        self.wake.notify_one();
        while let Some(task) = requests.take_later() {
            drop(requests);
            self.perform(&task)?;
            requests = self.requests.lock();
        }
        while requests.building > 0 {
            self.idle.wait(&mut requests);
        }
        Ok(())
    }

    pub fn build_requested(&self) -> Result<()> {
        loop {
            let Some(request) = self.requests.lock().queue.pop_front() else {
                return Ok(());
            };
            self.build(request)?;
        }
    }

    fn build(&self, (what, when, version): (What, When, Version)) -> Result<()> {
        let none = |()| None;
        let result = match what {
            What::Adjacency(block) => self.build_adjacency(block, when, version).map(none),
            What::Records(space, block) => {
                self.build_records(space, block, when, version).map(none)
            }
            What::Ends(block) => self.build_ends(block, when, version).map(none),
            What::Column(space, key, block) => self
                .build_column(space, key, block, when, version)
                .map(none),
            What::Label(label) => self.build_label(label, when, version).map(none),
            What::Index(id, label, key) => {
                self.build_index(id, label, key, when, version).map(none)
            }
            What::Vectors(of) => self.build_vectors(of, when),
            What::Neighbours(index) => Ok(self.grow_neighbours(index)),
        };
        self.requests.lock().queued.remove(&(what, when));
        let more = result?;
        if let Some(more) = more {
            self.request(more, When::Present, self.recorded());
        }
        self.built.fetch_add(1, Ordering::Relaxed);
        self.options.memory.built();
        Ok(())
    }

    fn scanner(&self) -> Scanner<'_> {
        Scanner {
            store: self.store.as_ref(),
            writing: &self.writing,
            stop: &self.stop,
            bounds: Bounds::within(self.options.memory.bytes_max()),
        }
    }

    fn recorded(&self) -> Version {
        Version(self.recorded.load(Ordering::Acquire))
    }

    /// Builds a page of the present.
    fn present<P: Page>(
        &self,
        directory: &Directory<P>,
        at: u64,
        scan: impl FnOnce(Arc<super::delta::Delta<P::Change>>) -> Result<(Version, P)>,
    ) -> Result<()> {
        let delta = directory.begin(at);
        match scan(delta) {
            Ok((from, page)) => {
                directory.install(at, from, self.recorded(), page);
                Ok(())
            }
            Err(error) => {
                directory.abandon(at);
                Err(error)
            }
        }
    }

    /// Builds a page of an interval.
    fn interval<P: Page>(
        &self,
        what: What,
        directory: &Directory<P>,
        at: u64,
        version: Version,
        scan: impl FnOnce(Version, Version) -> Result<Interval<P>>,
    ) -> Result<()> {
        let recorded = self.recorded();
        if directory.covers(at, version) || version > recorded {
            return Ok(());
        }
        let began = Instant::now();
        let Interval { page, from, to } = scan(version, recorded)?;
        let made_way = directory.install_past(at, Dated::new(from, to, true, page));
        if made_way && self.options.background {
            // The history is too long for the pages that there may be: reads of all of it would have the thread
            // build without end, at the cost of those reads.
            let end = Instant::now() + began.elapsed() * REST;
            self.requests.lock().resting.insert(what, end);
        }
        Ok(())
    }

    /// Makes a page of one moment from one of an interval, or from one that has changed since.
    fn moment<P: Page>(
        &self,
        directory: &Directory<P>,
        at: u64,
        version: Version,
        filter: impl FnOnce(&P) -> (P, Vec<Life>),
    ) {
        // What is in no delta yet when this is read may change the page afterwards.
        let recorded = self.recorded();
        let tick = self.options.memory.tick();
        let Some(found) = directory.find(at, version, false, tick) else {
            return;
        };
        let delta = found.page.delta();
        let is_constant = !found.is_interval && delta.is_empty();
        if version >= recorded || is_constant {
            return;
        }
        let to = found.to().0.min(recorded.0 + 1);
        let (page, mut lives) = filter(&found.page);
        lives.extend(delta.versions().map(|at| Life { from: at, to: at }));
        let (from, to) = calm(&lives, version.0, found.from.0, to);
        let moment = Dated::new(Version(from), Version(to), false, page);
        directory.install_past(at, moment);
    }

    fn build_adjacency(&self, block: u64, when: When, version: Version) -> Result<()> {
        if !self.scanner().is_used(Space::Nodes, block)? {
            return Ok(());
        }
        let directory = &self.adjacency;
        match when {
            When::Present => self.present(directory, block, |delta| {
                self.scanner().adjacency(block, delta)
            }),
            When::Interval => self.interval(
                What::Adjacency(block),
                directory,
                block,
                version,
                |version, recorded| self.scanner().adjacency_interval(block, version, recorded),
            ),
            When::Moment(version) => {
                self.moment(directory, block, version, |page| {
                    (
                        page.at(version.0),
                        page.lives().flatten().copied().collect(),
                    )
                });
                Ok(())
            }
        }
    }

    fn build_records(&self, space: Space, block: u64, when: When, version: Version) -> Result<()> {
        if !self.scanner().is_used(space, block)? {
            return Ok(());
        }
        let directory = &self.records[space as usize];
        match when {
            When::Present => self.present(directory, block, |delta| {
                self.scanner().records(space, block, delta)
            }),
            When::Interval => self.interval(
                What::Records(space, block),
                directory,
                block,
                version,
                |version, recorded| {
                    self.scanner()
                        .records_interval(space, block, version, recorded)
                },
            ),
            // One list of few versions is walked as quickly as an array is read.
            When::Moment(_) => Ok(()),
        }
    }

    fn build_ends(&self, block: u64, when: When, version: Version) -> Result<()> {
        if !self.scanner().is_used(Space::Relationships, block)? {
            return Ok(());
        }
        let directory = &self.ends;
        match when {
            When::Present => {
                self.present(directory, block, |delta| self.scanner().ends(block, delta))
            }
            When::Interval => self.interval(
                What::Ends(block),
                directory,
                block,
                version,
                |version, recorded| self.scanner().ends_interval(block, version, recorded),
            ),
            // An entry has one life, which is looked at as quickly as a bit.
            When::Moment(_) => Ok(()),
        }
    }

    fn build_column(
        &self,
        space: Space,
        key: KeyId,
        block: u64,
        when: When,
        version: Version,
    ) -> Result<()> {
        if !self.scanner().is_used(space, block)? {
            return Ok(());
        }
        let directory = self.make_column_directory(space, key);
        match when {
            When::Present => self.present_columns(space, block, &[key]),
            When::Interval => self.interval(
                What::Column(space, key, block),
                &directory,
                block,
                version,
                |version, recorded| {
                    self.scanner()
                        .column_interval(space, block, key, version, recorded)
                },
            ),
            When::Moment(version) => {
                self.moment(&directory, block, version, |page| {
                    (page.at(version.0), page.lives().to_vec())
                });
                Ok(())
            }
        }
    }

    /// Builds several columns of a block from one pass over its records.
    fn present_columns(&self, space: Space, block: u64, keys: &[KeyId]) -> Result<()> {
        let directories = keys
            .iter()
            .map(|key| self.make_column_directory(space, *key));
        let directories: Vec<_> = directories.collect();
        let deltas = keys.iter().zip(&directories);
        let deltas: Vec<_> = deltas
            .map(|(key, directory)| (*key, directory.begin(block)))
            .collect();
        match self.scanner().columns(space, block, &deltas) {
            Ok((from, pages)) => {
                for (directory, page) in directories.iter().zip(pages) {
                    match page {
                        Some(page) => {
                            directory.install(block, from, self.recorded(), page);
                        }
                        None => directory.abandon(block),
                    }
                }
                Ok(())
            }
            Err(error) => {
                directories
                    .iter()
                    .for_each(|directory| directory.abandon(block));
                Err(error)
            }
        }
    }

    fn build_label(&self, label: LabelId, when: When, version: Version) -> Result<()> {
        let set = SetRange::new(Family::Index, label_prefix(label));
        let (directory, at) = (&self.labels, label.0.into());
        match when {
            When::Present => self.present(directory, at, |delta| self.scanner().label(&set, delta)),
            When::Interval => self.interval(
                What::Label(label),
                directory,
                at,
                version,
                |version, recorded| self.scanner().label_interval(&set, version, recorded),
            ),
            When::Moment(version) => {
                self.moment(directory, at, version, |page| {
                    (page.at(version.0), page.lives().collect())
                });
                Ok(())
            }
        }
    }

    fn build_index(
        &self,
        id: IndexId,
        label: LabelId,
        key: KeyId,
        when: When,
        version: Version,
    ) -> Result<()> {
        let set = SetRange::new(Family::Index, property_prefix(label, key));
        let (directory, at) = (&self.indexes, id.0.into());
        match when {
            When::Present => {
                // Before the page begins, so that no commit looks for it in vain.
                self.index_definitions.lock().insert(id, (label, key));
                self.present(directory, at, |delta| self.scanner().index(&set, delta))
            }
            When::Interval => self.interval(
                What::Index(id, label, key),
                directory,
                at,
                version,
                |version, recorded| self.scanner().index_interval(&set, version, recorded),
            ),
            // A value has few nodes, whose lives are looked at as they are found.
            When::Moment(_) => Ok(()),
        }
    }

    /// Builds the page of a vector index, or the next from the one there is. Returns what is to be done then.
    fn build_vectors(&self, of: VectorsOf, when: When) -> Result<Option<What>> {
        if when != When::Present {
            // The past is looked at element by element.
            return Ok(None);
        }
        let (directory, at) = (&self.vectors, of.index.0.into());
        let from = self.options.neighbours_from;
        // Before the page begins, so that no commit looks for it in vain.
        self.vector_definitions.lock().insert(of.index, of);
        let delta = directory.begin(at);
        // What was recorded before the new delta began is in the old one, whole.
        let recorded = self.recorded();
        let next = directory
            .present(at)
            .and_then(|present| present.page.absorb(recorded, from, Arc::clone(&delta)));
        let built = match next {
            Some(page) => Ok(Some((recorded, page))),
            None => self
                .scanner()
                .vectors(&of, self.options.memory.bytes_max() / 2, from, delta),
        };
        match built {
            Ok(Some((version, page))) => {
                directory.install(at, version, self.recorded(), page);
                Ok(Some(What::Neighbours(of.index)))
            }
            other => {
                directory.abandon(at);
                other.map(|_| None)
            }
        }
    }

    /// Puts some more rows into the graph of a vector index. Returns what is to be done then.
    fn grow_neighbours(&self, index: IndexId) -> Option<What> {
        let present = self.vectors.present(index.0.into())?;
        let goes_on = || !self.stop.load(Ordering::Relaxed);
        let has_more = present.page.grow(NEIGHBOURS_SLICE, goes_on);
        has_more.then_some(What::Neighbours(index))
    }

    pub fn column_directory(&self, space: Space, key: KeyId) -> Option<Arc<Directory<ColumnPage>>> {
        self.columns[space as usize]
            .load()
            .get(key.0 as usize)
            .cloned()
    }

    fn make_column_directory(&self, space: Space, key: KeyId) -> Arc<Directory<ColumnPage>> {
        if let Some(directory) = self.column_directory(space, key) {
            return directory;
        }
        let at = key.0 as usize;
        // Readers and the applying thread only ever see the array grow.
        self.columns[space as usize].rcu(|columns| {
            let mut longer = Vec::clone(columns);
            while longer.len() <= at {
                longer.push(Arc::default());
            }
            longer
        });
        self.columns[space as usize].load()[at].clone()
    }

    /// Says of everything that has pages when it was used last, and the bytes of its pages.
    pub(super) fn usage(&self, visit: &mut dyn FnMut(u64, usize, What)) {
        self.adjacency
            .usage(|at, tick, bytes| visit(tick, bytes, What::Adjacency(at)));
        for space in Space::ALL {
            let records = &self.records[space as usize];
            records.usage(|at, tick, bytes| visit(tick, bytes, What::Records(space, at)));
            for (key, column) in (0..).zip(self.columns[space as usize].load().iter()) {
                let what = |at| What::Column(space, KeyId(key), at);
                column.usage(|at, tick, bytes| visit(tick, bytes, what(at)));
            }
        }
        self.ends
            .usage(|at, tick, bytes| visit(tick, bytes, What::Ends(at)));
        self.labels
            .usage(|at, tick, bytes| visit(tick, bytes, What::Label(LabelId(at as u32))));
        let what = |at| What::Index(IndexId(at as u32), LabelId(0), KeyId(0));
        self.indexes
            .usage(|at, tick, bytes| visit(tick, bytes, what(at)));
        let what = |at| What::Neighbours(IndexId(at as u32));
        self.vectors
            .usage(|at, tick, bytes| visit(tick, bytes, what(at)));
    }

    /// Lets go of pages.
    pub(super) fn evict(&self, what: What) {
        self.evicted.fetch_add(1, Ordering::Relaxed);
        match what {
            What::Adjacency(at) => self.adjacency.evict(at),
            What::Records(space, at) => self.records[space as usize].evict(at),
            What::Ends(at) => self.ends.evict(at),
            What::Column(space, key, at) => {
                if let Some(directory) = self.column_directory(space, key) {
                    directory.evict(at);
                }
            }
            What::Label(label) => self.labels.evict(label.0.into()),
            What::Index(id, ..) => self.indexes.evict(id.0.into()),
            What::Vectors(VectorsOf { index, .. }) | What::Neighbours(index) => {
                self.vectors.evict(index.0.into());
            }
        }
    }
}

/// What there is to build pages of.
pub(crate) struct Everything {
    /// The blocks of nodes and of relationships.
    pub blocks: [Vec<u64>; 2],
    pub keys: Vec<KeyId>,
    pub labels: Vec<LabelId>,
    pub indexes: Vec<(IndexId, LabelId, KeyId)>,
}

/// One thing to be built of the present, if it is not there yet.
enum Task {
    Page(What),
    /// The columns of a block, from one pass over its records.
    Columns(Space, u64, Arc<[KeyId]>),
}

impl Everything {
    /// All pages of the present: first what most reads need.
    fn tasks(self) -> VecDeque<Task> {
        let [nodes, relationships] = self.blocks;
        let keys: Arc<[KeyId]> = self.keys.into();
        let mut tasks = VecDeque::new();
        let indexes = self.indexes.into_iter();
        tasks.extend(indexes.map(|(id, label, key)| Task::Page(What::Index(id, label, key))));
        let labels = self.labels.into_iter();
        tasks.extend(labels.map(|label| Task::Page(What::Label(label))));
        for block in &nodes {
            tasks.push_back(Task::Columns(Space::Nodes, *block, Arc::clone(&keys)));
            tasks.push_back(Task::Page(What::Records(Space::Nodes, *block)));
        }
        tasks.extend(
            nodes
                .iter()
                .map(|block| Task::Page(What::Adjacency(*block))),
        );
        for block in &relationships {
            tasks.push_back(Task::Page(What::Ends(*block)));
            let keys = Arc::clone(&keys);
            tasks.push_back(Task::Columns(Space::Relationships, *block, keys));
        }
        let records = |block: &u64| Task::Page(What::Records(Space::Relationships, *block));
        tasks.extend(relationships.iter().map(records));
        tasks
    }
}

impl Requests {
    fn rests(&mut self, what: What, when: When) -> bool {
        if when != When::Interval {
            return false;
        }
        let Some(end) = self.resting.get(&what) else {
            return false;
        };
        let rests = Instant::now() < *end;
        if !rests {
            self.resting.remove(&what);
        }
        rests
    }

    /// The next thing to be built later, which is then being built.
    fn take_later(&mut self) -> Option<Task> {
        let task = self.later.pop_front()?;
        self.building += 1;
        Some(task)
    }
}

impl Images {
    /// Says what there is, and that no page of it has been built: the thread builds all of it, as
    /// far as the memory reaches, once repeated reads show that the graph is in use.
    pub fn expect(&self, everything: Everything) {
        if self.are_on() {
            let mut requests = self.shared.requests.lock();
            requests.later.clear();
            requests.expected = Some(everything);
        }
    }

    /// Builds every page of the present that is missing, as far as the memory reaches, and waits
    /// until all stand.
    pub fn warm(&self, everything: Everything) -> Result<()> {
        if !self.are_on() {
            return Ok(());
        }
        // It helps, and builds anew what changes from now on.
        self.ensure_thread();
        self.shared.build_everything(everything)
    }

    /// Starts the thread that builds pages, unless it runs or there is to be none.
    pub fn ensure_thread(&self) {
        if !self.shared.options.background {
            return;
        }
        let mut thread = self.thread.lock();
        if thread
            .as_ref()
            .is_none_or(std::thread::JoinHandle::is_finished)
        {
            let shared = Arc::clone(&self.shared);
            // Without a thread there are no pages, and reads go on.
            *thread = std::thread::Builder::new()
                .name("images".to_owned())
                .spawn(move || shared.run())
                .ok();
        }
    }
}
