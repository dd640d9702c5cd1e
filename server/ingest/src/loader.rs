//! Loads a source into a graph as a job: each batch is one commit that carries the job's id, its
//! sequence number and a watermark.
//!
//! Loading is a function of the source's events and of the ids that nodes get. So an import that was
//! stopped, however, resumes by running the same function over the events it had consumed, with the
//! ids its commits recorded, and goes on from there: nothing is repeated, nothing lost.
//!
//! A history has many small commits, and each builds on the one before. They are made *ahead*: in one
//! transaction that goes on, in order, with a wait for the log only now and then, so that a sync serves
//! many. A crash loses the last ones, all behind some point, which is what resuming copes with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use retrograph_graph::bulk::BulkLoader;
use retrograph_graph::commit::{CommitInfo, JobStep};
use retrograph_graph::ids::{NodeId, SystemTime, Version};
use retrograph_graph::value::Value;
use retrograph_graph::{CommitAhead, CommitError, Graph, GraphError, Transaction};

use crate::change::{Change, ExternalId, Mode, Properties};
use crate::existing::{ExistingSpace, preload};
use crate::ids::IdMap;
use crate::source::{Event, Item, Progress, Reject, Source, SourceError};
use crate::watermark::{Runs, Watermark};
use crate::writer::{Batch, BatchError, Writer};

/// Smaller batches are transactions: a bulk batch flushes the store.
const BULK_EVENTS_MIN: usize = 10_000;

/// Commits of a history are waited for when this many are on their way.
const COMMITS_AHEAD_MAX: usize = 64;

/// Commits of a history are waited for when they took in this many events.
const EVENTS_AHEAD_MAX: usize = 10_000;

/// How a source is loaded.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The id of the job: what a later call resumes.
    pub job: Arc<str>,
    /// Who loads.
    pub actor: Arc<str>,
    /// Where the data comes from, as recorded with each commit; the source's description if none.
    pub source: Option<Arc<str>>,
    /// How many events one commit takes.
    pub batch_events: usize,
    /// Commits assert the times of the source: one commit for each run of equal times.
    pub history: bool,
    /// With history: the time of events that have none.
    pub default_time: Option<SystemTime>,
    /// Nodes are made for the ends of relationships that no event made: with the id as property `id`
    /// and this label, or, if it is empty, the id space as their label.
    pub create_ends: Option<Arc<str>>,
    /// Nodes of the graph that the source refers to.
    pub existing: Vec<ExistingSpace>,
    /// How many rejects are borne before the load stops; none for any number.
    pub rejects_max: Option<u64>,
}

impl LoadOptions {
    /// The options of a plain load.
    #[must_use]
    pub fn new(job: impl Into<Arc<str>>, actor: impl Into<Arc<str>>) -> Self {
        Self {
            job: job.into(),
            actor: actor.into(),
            source: None,
            batch_events: 100_000,
            history: false,
            default_time: None,
            create_ends: None,
            existing: Vec::new(),
            rejects_max: Some(0),
        }
    }
}

/// Learns how a load comes on.
pub trait Observer {
    /// After each commit.
    fn progress(&mut self, report: &LoadReport, progress: Progress);

    /// For each reject, before the commit of its batch.
    ///
    /// # Errors
    /// Stops the load.
    fn reject(&mut self, reject: &Reject) -> std::io::Result<()>;
}

/// What a load has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Nodes made.
    pub nodes_created: u64,
    /// Relationships made.
    pub relationships_created: u64,
    /// Elements updated.
    pub updated: u64,
    /// Elements deleted, not counting relationships that went with their nodes.
    pub deleted: u64,
    /// Events that could not be loaded.
    pub rejects: u64,
    /// Commits made.
    pub commits: u64,
    /// Events that an earlier run of the job had consumed.
    pub events_resumed: u64,
    /// Commits whose time was moved so that times increase and none lies in the future.
    pub times_moved: u64,
    /// The first version that this run made.
    pub first_version: Option<Version>,
    /// The last one.
    pub last_version: Option<Version>,
    /// Whether the source is consumed; false if the load was cancelled.
    pub is_complete: bool,
}

/// A load stopped. What was committed stays; the same call resumes it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The graph failed.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A commit failed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The rejects cannot be written.
    #[error("cannot write the rejects")]
    Rejects(#[source] std::io::Error),
    /// More rejects than are allowed.
    #[error(
        "{count} rejects, {} allowed; the last: {}: {}",
        count - 1, reject.place, reject.reason
    )]
    TooManyRejects {
        /// How many there were.
        count: u64,
        /// The last of them.
        reject: Box<Reject>,
    },
    /// The job is complete.
    #[error("job `{job}` is complete since version {version}; name another job to load again")]
    JobComplete {
        /// The job.
        job: Arc<str>,
        /// Its last commit.
        version: Version,
    },
    /// The job began with another input.
    #[error("job `{job}` began with {began}, this is {now}; name another job to load it")]
    OtherSource {
        /// The job.
        job: Arc<str>,
        /// The fingerprint of its input.
        began: String,
        /// The fingerprint of this one.
        now: String,
    },
    /// A commit of the job is not one of a load.
    #[error("version {version} belongs to job `{job}`, but no import made it; name another job")]
    OtherJob {
        /// The job.
        job: Arc<str>,
        /// The commit.
        version: Version,
    },
    /// The source yields fewer events than the job had consumed.
    #[error("the source ended after {events} events, the job had consumed {consumed}; it changed")]
    SourceShrunk {
        /// How many there are.
        events: u64,
        /// How many there were.
        consumed: u64,
    },
}

/// Loads a source into a graph, or goes on with it.
///
/// # Errors
/// See [`LoadError`].
pub fn load(
    graph: &Arc<Graph>,
    source: &mut dyn Source,
    options: &LoadOptions,
    observer: &mut dyn Observer,
    cancelled: &AtomicBool,
) -> Result<LoadReport, LoadError> {
    let resume = find_job(graph, &options.job, &source.fingerprint())?;
    let mut loader = Loader {
        graph,
        options,
        source_name: options
            .source
            .clone()
            .unwrap_or_else(|| source.describe().into()),
        fingerprint: source.fingerprint(),
        ids: IdMap::default(),
        report: LoadReport::default(),
        events: 0,
        sequence: resume.sequence,
        bulk: None,
        ahead: Ahead::default(),
    };
    for space in &options.existing {
        preload(graph, space, resume.first_version, &mut loader.ids)?;
    }
    loader.replay(source, &resume)?;
    loader.run(source, observer, cancelled)?;
    Ok(loader.report)
}

/// What earlier runs of a job have done.
#[derive(Default)]
struct Resume {
    events: u64,
    rejects: u64,
    sequence: u64,
    nodes: Runs,
    /// The first commit of the job: what it preloaded is what was there before.
    first_version: Option<Version>,
}

fn find_job(graph: &Graph, job: &Arc<str>, fingerprint: &str) -> Result<Resume, LoadError> {
    let mut resume = Resume::default();
    for record in graph.commits(Version(1)) {
        let header = record?.header;
        let Some(step) = header.job.filter(|step| step.id == *job) else {
            continue;
        };
        let watermark = Watermark::decode(&step.watermark).ok_or_else(|| LoadError::OtherJob {
            job: job.clone(),
            version: header.version,
        })?;
        if watermark.is_end {
            return Err(LoadError::JobComplete {
                job: job.clone(),
                version: header.version,
            });
        }
        if watermark.fingerprint != fingerprint {
            return Err(LoadError::OtherSource {
                job: job.clone(),
                began: watermark.fingerprint,
                now: fingerprint.to_owned(),
            });
        }
        resume.first_version.get_or_insert(header.version);
        resume.events = watermark.events;
        resume.rejects = watermark.rejects;
        resume.sequence = step.sequence;
        resume.nodes.0.extend(watermark.nodes.0);
    }
    Ok(resume)
}

struct Loader<'a> {
    graph: &'a Arc<Graph>,
    options: &'a LoadOptions,
    source_name: Arc<str>,
    fingerprint: String,
    ids: IdMap,
    report: LoadReport,
    /// Events consumed, those of earlier runs included.
    events: u64,
    sequence: u64,
    bulk: Option<BulkLoader>,
    ahead: Ahead,
}

/// Commits on their way.
#[derive(Default)]
struct Ahead {
    /// The transaction that made them and goes on.
    transaction: Option<Box<Transaction>>,
    commits: Vec<CommitAhead>,
    events: usize,
}

impl Ahead {
    /// Waits until all are durable and applied. What follows has a new view.
    fn settle(&mut self) -> Result<(), CommitError> {
        self.transaction = None;
        self.events = 0;
        for commit in self.commits.drain(..) {
            commit.wait()?;
        }
        Ok(())
    }
}

impl Loader<'_> {
    /// Consumes again what earlier runs consumed, with the nodes they made.
    fn replay(&mut self, source: &mut dyn Source, resume: &Resume) -> Result<(), LoadError> {
        let mut nodes = resume.nodes.iter();
        let mut batch = Batch::new(Writer::Replay(&mut nodes));
        while self.events < resume.events {
            let Some(event) = source.next()? else {
                let (events, consumed) = (self.events, resume.events);
                return Err(LoadError::SourceShrunk { events, consumed });
            };
            self.events += 1;
            if let Event::Item(item) = event {
                // What was rejected then is rejected again, and was reported then.
                let mut change = item.change;
                match self.change(&mut batch, &mut change) {
                    Ok(()) | Err(BatchError::Rejected(_)) => {}
                    Err(BatchError::Graph(error)) => return Err(error.into()),
                }
            }
        }
        self.report = LoadReport {
            events_resumed: resume.events,
            rejects: resume.rejects,
            ..LoadReport::default()
        };
        Ok(())
    }

    fn run(
        &mut self,
        source: &mut dyn Source,
        observer: &mut dyn Observer,
        cancelled: &AtomicBool,
    ) -> Result<(), LoadError> {
        let mut ahead = source.next()?;
        loop {
            let batch = self.next_batch(source, &mut ahead)?;
            let is_end = ahead.is_none();
            self.load_batch(batch, is_end, observer)?;
            observer.progress(&self.report, source.progress());
            if is_end || cancelled.load(Ordering::Relaxed) {
                self.ahead.settle()?;
                self.report.is_complete = is_end;
                return Ok(());
            }
        }
    }

    /// The events of the next commit, and the event after them in `ahead`.
    fn next_batch(
        &self,
        source: &mut dyn Source,
        ahead: &mut Option<Event>,
    ) -> Result<Vec<Event>, LoadError> {
        let mut batch = Vec::new();
        let mut time = None;
        while let Some(event) = ahead {
            if let (true, Event::Item(item)) = (self.options.history, &*event) {
                let item_time = item.time.or(self.options.default_time);
                if time.is_some_and(|time| time != item_time) {
                    break;
                }
                time = Some(item_time);
            }
            if batch.len() == self.options.batch_events {
                break;
            }
            batch.extend(ahead.take());
            *ahead = source.next()?;
        }
        Ok(batch)
    }

    fn load_batch(
        &mut self,
        events: Vec<Event>,
        is_end: bool,
        observer: &mut dyn Observer,
    ) -> Result<(), LoadError> {
        let time = events.iter().find_map(|event| match event {
            Event::Item(item) if self.options.history => item.time.or(self.options.default_time),
            _ => None,
        });
        let only_creates = events.iter().all(|event| match event {
            Event::Item(Item { change, .. }) => change.mode() == Mode::Create,
            Event::Reject(_) => true,
        });
        let in_bulk = only_creates
            && !self.options.history
            && events.len() >= BULK_EVENTS_MIN
            && !has_constraints(self.graph);
        // A loader keeps its view from batch to batch, so it ends where a transaction comes between.
        let mut bulk = self.bulk.take().filter(|_| in_bulk);
        let writer = if in_bulk {
            Writer::Bulk(bulk.get_or_insert_with(|| self.graph.bulk()))
        } else {
            let going_on = self.ahead.transaction.take();
            going_on.map_or_else(|| Writer::begin(self.graph), Writer::Transaction)
        };
        self.ahead.events += events.len();
        let mut batch = Batch::new(writer);
        for event in events {
            self.events += 1;
            let reject = match event {
                Event::Reject(reject) => reject,
                Event::Item(Item {
                    mut change, place, ..
                }) => match self.change(&mut batch, &mut change) {
                    Ok(()) => continue,
                    Err(BatchError::Rejected(reason)) => Reject {
                        place,
                        reason,
                        text: describe(&change),
                    },
                    Err(BatchError::Graph(error)) => return Err(error.into()),
                },
            };
            self.report.rejects += 1;
            observer.reject(&reject).map_err(LoadError::Rejects)?;
            if self
                .options
                .rejects_max
                .is_some_and(|max| self.report.rejects > max)
            {
                let count = self.report.rejects;
                return Err(LoadError::TooManyRejects {
                    count,
                    reject: Box::new(reject),
                });
            }
        }
        self.commit(batch, time, is_end)?;
        self.bulk = bulk;
        Ok(())
    }

    fn commit(
        &mut self,
        batch: Batch<'_>,
        time: Option<SystemTime>,
        is_end: bool,
    ) -> Result<(), LoadError> {
        self.sequence += 1;
        let watermark = Watermark {
            fingerprint: self.fingerprint.clone(),
            events: self.events,
            rejects: self.report.rejects,
            is_end,
            nodes: batch.nodes,
        };
        let info = CommitInfo {
            actor: self.options.actor.clone(),
            source: Some(self.source_name.clone()),
            activity: Some("import".into()),
            job: Some(JobStep {
                id: self.options.job.clone(),
                sequence: self.sequence,
                watermark: watermark.encode().into(),
            }),
            asserted_time: time,
            ..CommitInfo::default()
        };
        let committed = if self.options.history {
            let Some((transaction, commit)) = batch.writer.commit_ahead(info)? else {
                return Ok(());
            };
            let committed = commit.committed();
            self.ahead.transaction = Some(transaction);
            self.ahead.commits.push(commit);
            if self.ahead.commits.len() >= COMMITS_AHEAD_MAX
                || self.ahead.events >= EVENTS_AHEAD_MAX
            {
                self.ahead.settle()?;
            }
            committed
        } else {
            let Some(committed) = batch.writer.commit(self.graph, info)? else {
                return Ok(());
            };
            committed
        };
        self.report.commits += 1;
        self.report.first_version.get_or_insert(committed.version);
        self.report.last_version = Some(committed.version);
        if time.is_some_and(|time| time != committed.time) {
            self.report.times_moved += 1;
        }
        Ok(())
    }

    fn change(&mut self, batch: &mut Batch<'_>, change: &mut Change) -> Result<(), BatchError> {
        match change {
            Change::Node {
                key,
                labels,
                properties,
                mode,
            } => {
                let properties = std::mem::take(properties);
                self.change_node(batch, key.as_ref(), labels, properties, *mode)
            }
            Change::Relationship {
                type_name,
                start,
                end,
                properties,
                mode,
            } => {
                let properties = std::mem::take(properties);
                self.change_relationship(batch, type_name, [start, end], properties, *mode)
            }
        }
    }

    fn change_node(
        &mut self,
        batch: &mut Batch<'_>,
        key: Option<&ExternalId>,
        labels: &[Arc<str>],
        properties: Properties,
        mode: Mode,
    ) -> Result<(), BatchError> {
        let known = key.and_then(|key| self.ids.get(key));
        match (mode, known, key) {
            (Mode::Create, Some(_), Some(key)) => {
                Err(BatchError::Rejected(format!("node {key} exists already")))
            }
            (Mode::Create | Mode::Merge, None, key) => {
                let node = batch.create_node(labels, properties)?;
                self.report.nodes_created += 1;
                if let Some(key) = key {
                    self.ids.insert(key, node);
                }
                Ok(())
            }
            (Mode::Merge | Mode::Update, Some(node), _) => {
                self.report.updated += 1;
                batch.update_node(node, labels, properties)
            }
            (Mode::Delete, Some(node), Some(key)) => {
                self.report.deleted += 1;
                self.ids.remove(key);
                batch.delete_node(node)
            }
            (_, _, Some(key)) => Err(BatchError::Rejected(format!("there is no node {key}"))),
            (_, _, None) => Err(BatchError::Rejected("a node without an id".to_owned())),
        }
    }

    fn change_relationship(
        &mut self,
        batch: &mut Batch<'_>,
        type_name: &Arc<str>,
        [start, end]: [&ExternalId; 2],
        properties: Properties,
        mode: Mode,
    ) -> Result<(), BatchError> {
        let (start, end) = (self.end(batch, start)?, self.end(batch, end)?);
        if mode == Mode::Create {
            self.report.relationships_created += 1;
            return batch.create_relationship(type_name, start, end, properties);
        }
        let found = batch.relationships(type_name, start, end)?;
        match (mode, found.is_empty()) {
            (Mode::Merge, true) => {
                self.report.relationships_created += 1;
                batch.create_relationship(type_name, start, end, properties)
            }
            (_, true) if !batch.is_replay() => Err(BatchError::Rejected(format!(
                "there is no relationship {type_name} between these nodes"
            ))),
            (Mode::Delete, _) => {
                self.report.deleted += found.len() as u64;
                found
                    .into_iter()
                    .try_for_each(|found| batch.delete_relationship(found))
            }
            _ => {
                self.report.updated += found.len() as u64;
                found
                    .into_iter()
                    .try_for_each(|found| batch.update_relationship(found, properties.clone()))
            }
        }
    }

    /// The node of an end of a relationship.
    fn end(&mut self, batch: &mut Batch<'_>, key: &ExternalId) -> Result<NodeId, BatchError> {
        if let Some(node) = self.ids.get(key) {
            return Ok(node);
        }
        let label = match &self.options.create_ends {
            Some(label) if !label.is_empty() => label.clone(),
            Some(_) if !key.space.is_empty() => key.space.clone(),
            Some(_) => "Node".into(),
            None => {
                return Err(BatchError::Rejected(format!(
                    "dangling relationship: there is no node {key}"
                )));
            }
        };
        let id = Value::String(key.id.clone());
        let node = batch.create_node(&[label], vec![("id".into(), id)])?;
        self.report.nodes_created += 1;
        self.ids.insert(key, node);
        Ok(node)
    }
}

/// In bulk a node that violates a constraint would take its whole batch with it.
fn has_constraints(graph: &Arc<Graph>) -> bool {
    let latest = graph.read_latest();
    let catalog = latest.catalog();
    let mut rules = catalog.rules().into_iter();
    rules.any(|rule| rule.kind.is_constraint())
        || catalog.indexes().iter().any(|index| index.unique)
}

/// A change as the rejects file shows it.
fn describe(change: &Change) -> String {
    match change {
        Change::Node { key: Some(key), .. } => format!("node {key}"),
        Change::Node { key: None, .. } => "node".to_owned(),
        Change::Relationship {
            type_name,
            start,
            end,
            ..
        } => {
            format!("relationship {type_name} from {start} to {end}")
        }
    }
}
