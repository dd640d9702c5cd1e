//! Long work at a server: transactions that run, indexes that are being built, imports that were made.

use retrograph_proto::v1;
use retrograph_proto::v1::jobs_client::JobsClient;

use crate::client::{Client, call, pages};
use crate::error::Error;
use crate::temporal::Timestamp;
use crate::wire;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobKind {
    /// A transaction that runs.
    Transaction,
    /// An index that is being built.
    IndexBuild,
    /// Data that was imported in steps.
    Import,
    /// Something that this client does not know yet.
    Unknown,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobState {
    /// It runs.
    Running,
    /// It cannot go on at the moment; [`Job::trouble`] says why.
    Stalled,
    /// It has been told to end.
    Ending,
    /// It has taken all the steps that are recorded, and does not run at the server.
    AtRest,
    /// Something that this client does not know yet.
    Unknown,
}

/// A job.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Job {
    /// Its name, such as `index:harbor:person_name`.
    pub id: String,
    /// What it does.
    pub kind: JobKind,
    /// How far it is.
    pub state: JobState,
    /// Its graph.
    pub graph: String,
    /// What it is about: the text of a query, the name of an index.
    pub subject: String,
    /// Who runs it; nobody if the server does.
    pub user: Option<String>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// How much of it is done, from 0 to 100, where that is known.
    pub percent: Option<f64>,
    /// Of an import: how many steps it has taken.
    pub steps: Option<u64>,
    /// Of an import: the version that its last step made.
    pub last_version: Option<u64>,
    /// Why it cannot go on, if it cannot.
    pub trouble: Option<String>,
}

impl From<v1::Job> for Job {
    fn from(job: v1::Job) -> Self {
        let kind = match job.kind() {
            v1::JobKind::Transaction => JobKind::Transaction,
            v1::JobKind::IndexBuild => JobKind::IndexBuild,
            v1::JobKind::Import => JobKind::Import,
            v1::JobKind::Unspecified => JobKind::Unknown,
        };
        let state = match job.state() {
            v1::JobState::Running => JobState::Running,
            v1::JobState::Stalled => JobState::Stalled,
            v1::JobState::Ending => JobState::Ending,
            v1::JobState::AtRest => JobState::AtRest,
            v1::JobState::Unspecified => JobState::Unknown,
        };
        let text = |text: String| (!text.is_empty()).then_some(text);
        Self {
            id: job.job_id,
            kind,
            state,
            graph: job.graph,
            subject: job.subject,
            user: text(job.user),
            started: job.started.map(wire::from_timestamp),
            percent: job.percent,
            steps: job.steps,
            last_version: job.last_version,
            trouble: text(job.trouble),
        }
    }
}

/// Which jobs are wanted; all that one may see unless it is said.
///
/// ```
/// # retrograph_client_harness::with_server(async |url| {
/// # let client = retrograph_client::Client::connect(url).await?;
/// # client.graph("harbor").query("CREATE (:Account {id: 'A-1177'})").run().await?;
/// use retrograph_client::JobKind;
///
/// client.graph("harbor").query("CREATE INDEX account_id FOR (a:Account) ON (a.id)").run().await?;
/// let building = client.jobs().of_graph("harbor").kind(JobKind::IndexBuild).fetch().await?;
/// for job in &building {
///     println!("{} {:?} {:?} %", job.id, job.state, job.percent);
/// }
/// # Ok(()) });
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Jobs {
    client: Client,
    graph: String,
    kinds: Vec<JobKind>,
}

impl Jobs {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            graph: String::new(),
            kinds: Vec::new(),
        }
    }

    /// Those of one graph.
    pub fn of_graph(mut self, graph: impl Into<String>) -> Self {
        self.graph = graph.into();
        self
    }

    /// Those of a kind, or of several when it is said several times. Imports are found by reading what is recorded
    /// of every commit, so leave them out of many graphs.
    pub fn kind(mut self, kind: JobKind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// The jobs, by name.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses.
    pub async fn fetch(self) -> Result<Vec<Job>, Error> {
        let kinds = self.kinds.iter().map(|kind| match kind {
            JobKind::Transaction => v1::JobKind::Transaction,
            JobKind::IndexBuild => v1::JobKind::IndexBuild,
            JobKind::Import => v1::JobKind::Import,
            JobKind::Unknown => v1::JobKind::Unspecified,
        });
        let message = v1::ListJobsRequest {
            graph: self.graph,
            kinds: kinds.map(i32::from).collect(),
            ..v1::ListJobsRequest::default()
        };
        let jobs = pages!(&self.client, JobsClient, list_jobs, message, jobs)?;
        Ok(jobs.into_iter().map(Job::from).collect())
    }
}

impl Client {
    /// What runs, is being built and was imported.
    pub fn jobs(&self) -> Jobs {
        Jobs::new(self.clone())
    }

    /// One job.
    ///
    /// # Errors
    /// If there is none that one may see, as when it has ended.
    pub async fn job(&self, id: impl Into<String>) -> Result<Job, Error> {
        let message = v1::GetJobRequest { job_id: id.into() };
        let answer = call!(self, true, JobsClient, get_job, message)?;
        let job = answer.job.map(Job::from);
        job.ok_or_else(|| wire::not_understood("a job was found, but it is not told"))
    }

    /// Ends a job: a transaction is terminated, an index that is being built is dropped.
    ///
    /// # Errors
    /// If there is none that one may end.
    pub async fn cancel_job(&self, id: impl Into<String>) -> Result<(), Error> {
        let message = v1::CancelJobRequest { job_id: id.into() };
        call!(self, false, JobsClient, cancel_job, message).map(drop)
    }
}
