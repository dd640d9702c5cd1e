//! A graph along its time: its versions, what differs between two, the states of an element.

use std::collections::VecDeque;

use retrograph_proto::v1;
use retrograph_proto::v1::time_client::TimeClient;
use tonic::Streaming;

use crate::client::{Link, call, service};
use crate::error::Error;
use crate::feed::Changes;
use crate::graph::Graph;
use crate::moment::Moment;
use crate::temporal::Timestamp;
use crate::value::{Node, Relationship};
use crate::wire;

/// What is recorded about a commit, which made a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Commit {
    /// The version it made.
    pub version: u64,
    /// When.
    pub time: Option<Timestamp>,
    /// Whether the time is another system's claim rather than this database's own clock.
    pub time_is_asserted: bool,
    /// Who committed: the opaque id of a user.
    pub actor: String,
    /// For whom, if for another.
    pub on_behalf_of: Option<String>,
    /// Where the data comes from, as claimed.
    pub source: Option<String>,
    /// What was done, as claimed.
    pub activity: Option<String>,
    /// What for, as claimed.
    pub purpose: Option<String>,
    /// The step of a job that it is: the job's name, and the number of the step.
    pub job: Option<(String, u64)>,
    /// How many effects it has.
    pub effects: u64,
    /// Stands for the version in later queries and feeds.
    pub bookmark: String,
}

impl From<v1::Commit> for Commit {
    fn from(commit: v1::Commit) -> Self {
        Self {
            version: commit.version,
            time: commit.time.map(wire::from_timestamp),
            time_is_asserted: commit.time_is_asserted,
            actor: commit.actor,
            on_behalf_of: commit.on_behalf_of,
            source: commit.source,
            activity: commit.activity,
            purpose: commit.purpose,
            job: commit.job.map(|step| (step.job, step.sequence)),
            effects: commit.effects,
            bookmark: commit.bookmark,
        }
    }
}

/// A version and when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolvedVersion {
    /// The version; 0 is the empty graph before any commit.
    pub version: u64,
    /// When it was made.
    pub time: Option<Timestamp>,
    /// Stands for it in later queries and feeds.
    pub bookmark: String,
}

/// A node or a relationship as it was.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Element {
    /// A node.
    Node(Node),
    /// A relationship.
    Relationship(Relationship),
}

/// What became of an element.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ElementChange {
    /// Its opaque, stable id.
    pub element_id: String,
    /// How it was; nothing if it did not exist.
    pub before: Option<Element>,
    /// How it is; nothing if it exists no more.
    pub after: Option<Element>,
}

/// A state of an element.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ElementState {
    /// The first version that has it.
    pub from_version: u64,
    /// When that was made.
    pub from_time: Option<Timestamp>,
    /// The first version that has it no more; nothing for the state in force.
    pub to_version: Option<u64>,
    /// When that was made.
    pub to_time: Option<Timestamp>,
    /// The state.
    pub element: Element,
}

impl Element {
    fn new(element: v1::Element) -> Result<Self, Error> {
        match element.kind {
            Some(v1::element::Kind::Node(node)) => wire::from_node(node).map(Self::Node),
            Some(v1::element::Kind::Relationship(relationship)) => {
                wire::from_relationship(relationship).map(Self::Relationship)
            }
            None => Err(wire::not_understood("an element of an unknown kind")),
        }
    }
}

impl ElementChange {
    pub(crate) fn new(change: v1::ElementChange) -> Result<Self, Error> {
        Ok(Self {
            element_id: change.element_id,
            before: change.before.map(Element::new).transpose()?,
            after: change.after.map(Element::new).transpose()?,
        })
    }
}

impl ElementState {
    fn new(state: v1::ElementState) -> Result<Self, Error> {
        let element = state
            .element
            .ok_or_else(|| wire::not_understood("a state without an element"))?;
        Ok(Self {
            from_version: state.from_version,
            from_time: state.from_time.map(wire::from_timestamp),
            to_version: state.to_version,
            to_time: state.to_time.map(wire::from_timestamp),
            element: Element::new(element)?,
        })
    }
}

/// Opens a stream; what fails before its first message is tried again.
macro_rules! stream {
    ($graph:expr, $method:ident, $message:expr) => {{
        let message = $message;
        let mut tries = $graph.client().tries(true);
        loop {
            let link = $graph.client().link();
            let request = link.request(message.clone());
            match service!(link, TimeClient).$method(request).await {
                Ok(answer) => break (link, answer.into_inner()),
                Err(status) => tries.failed(&link, link.error(status)).await?,
            }
        }
    }};
}

impl Graph {
    /// The versions of the graph, the latest first unless asked otherwise.
    pub fn versions(&self) -> Versions {
        Versions {
            graph: self.clone(),
            message: v1::ListVersionsRequest {
                graph: self.name().to_owned(),
                ..v1::ListVersionsRequest::default()
            },
            limit: None,
        }
    }

    /// The version that was the latest at an instant; the answer is final.
    ///
    /// # Errors
    /// If the instant cannot be read: it lies in the future, or before the graph.
    pub async fn version_at(
        &self,
        instant: impl Into<Timestamp>,
    ) -> Result<ResolvedVersion, Error> {
        self.resolve(Some(instant.into())).await
    }

    /// The latest version.
    ///
    /// # Errors
    /// If the graph cannot be read.
    pub async fn latest_version(&self) -> Result<ResolvedVersion, Error> {
        self.resolve(None).await
    }

    async fn resolve(&self, instant: Option<Timestamp>) -> Result<ResolvedVersion, Error> {
        let message = v1::ResolveRequest {
            graph: self.name().to_owned(),
            time: instant.map(wire::to_timestamp),
        };
        let answer = call!(self.client(), true, TimeClient, resolve, message)?;
        Ok(ResolvedVersion {
            version: answer.version,
            time: answer.time.map(wire::from_timestamp),
            bookmark: answer.bookmark,
        })
    }

    /// What differs between two moments: the elements in one, the other or both, nodes first. What changed and
    /// changed back is not told.
    ///
    /// ```
    /// # retrograph_client_harness::with_server(async |url| {
    /// # let client = retrograph_client::Client::connect(url).await?;
    /// # let graph = client.graph("harbor");
    /// use retrograph_client::Moment;
    ///
    /// let before = graph.latest_version().await?.version;
    /// graph.query("CREATE (:Person {name: 'Ana'})").run().await?;
    /// let mut differences = graph.diff(before, Moment::Latest).await?;
    /// while let Some(change) = differences.next().await? {
    ///     println!("{}: {:?} → {:?}", change.element_id, change.before, change.after);
    ///     assert!(change.before.is_none());
    /// }
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// If one of the moments cannot be read.
    pub async fn diff(
        &self,
        from: impl Into<Moment>,
        to: impl Into<Moment>,
    ) -> Result<Differences, Error> {
        let (from, to) = (from.into(), to.into());
        let from = match from {
            // The protocol wants it said.
            Moment::Latest => Moment::Version(self.latest_version().await?.version),
            from => from,
        };
        let message = v1::DiffRequest {
            graph: self.name().to_owned(),
            from: wire::to_as_of(from),
            to: wire::to_as_of(to),
        };
        let (link, answer) = stream!(self, diff, message);
        Ok(Differences {
            link,
            answer,
            waiting: VecDeque::new(),
        })
    }

    /// The states that an element had, the oldest first.
    ///
    /// # Errors
    /// If there never was such an element, or the graph cannot be read.
    pub async fn history(&self, element_id: impl Into<String>) -> Result<Vec<ElementState>, Error> {
        let message = v1::HistoryRequest {
            graph: self.name().to_owned(),
            element_id: element_id.into(),
            until: None,
        };
        let (link, mut answer) = stream!(self, history, message);
        let mut states = Vec::new();
        loop {
            match answer.message().await {
                Ok(Some(part)) => {
                    for state in part.states {
                        states.push(ElementState::new(state)?);
                    }
                }
                Ok(None) => return Ok(states),
                Err(status) => return Err(link.error(status)),
            }
        }
    }

    /// The commits of the graph with what each changed, from the first; where to begin is for the methods of
    /// what this returns.
    pub fn changes(&self) -> Changes {
        Changes::new(self.clone())
    }
}

/// A list of versions to be asked for.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked until `fetch`"]
pub struct Versions {
    graph: Graph,
    message: v1::ListVersionsRequest,
    limit: Option<usize>,
}

impl Versions {
    /// None before this version.
    pub fn from(mut self, version: u64) -> Self {
        self.message.from_version = version;
        self
    }

    /// None after this version.
    pub fn to(mut self, version: u64) -> Self {
        self.message.to_version = version;
        self
    }

    /// The oldest first.
    pub fn ascending(mut self) -> Self {
        self.message.ascending = true;
        self
    }

    /// At most so many.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The commits that made these versions.
    ///
    /// # Errors
    /// If the graph cannot be read.
    pub async fn fetch(mut self) -> Result<Vec<Commit>, Error> {
        const PAGE: usize = 1_000;
        let limit = self.limit.unwrap_or(usize::MAX);
        let mut commits: Vec<Commit> = Vec::new();
        // The size of pages is a part of what their tokens continue.
        self.message.page_size = u32::try_from(limit.clamp(1, PAGE)).unwrap_or_default();
        while commits.len() < limit {
            let message = self.message.clone();
            let page = call!(
                self.graph.client(),
                true,
                TimeClient,
                list_versions,
                message
            )?;
            commits.extend(page.commits.into_iter().map(Commit::from));
            self.message.page_token = page.next_page_token;
            if self.message.page_token.is_empty() {
                break;
            }
        }
        commits.truncate(limit);
        Ok(commits)
    }
}

/// What differs between two moments, as it is found.
pub struct Differences {
    link: Link,
    answer: Streaming<v1::DiffResponse>,
    waiting: VecDeque<v1::ElementChange>,
}

impl Differences {
    /// The next difference; nothing at the end.
    ///
    /// # Errors
    /// If the connection breaks, or the server fails.
    pub async fn next(&mut self) -> Result<Option<ElementChange>, Error> {
        loop {
            if let Some(change) = self.waiting.pop_front() {
                return ElementChange::new(change).map(Some);
            }
            match self.answer.message().await {
                Ok(Some(part)) => self.waiting.extend(part.changes),
                Ok(None) => return Ok(None),
                Err(status) => return Err(self.link.error(status)),
            }
        }
    }

    /// All that are left.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn collect(mut self) -> Result<Vec<ElementChange>, Error> {
        let mut changes = Vec::new();
        while let Some(change) = self.next().await? {
            changes.push(change);
        }
        Ok(changes)
    }
}
