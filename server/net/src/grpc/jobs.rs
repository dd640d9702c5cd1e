//! `Jobs`: transactions that run, indexes that are being built, imports that were made.
//!
//! The names say what they are: `transaction:<id>`, `index:<graph>:<name>`, `import:<graph>:<job>`.

use std::collections::BTreeMap;
use std::sync::Arc;

use retrograph_engine::{CancelToken, Output, Parameters};
use retrograph_graph::ids::Version;
use retrograph_graph::value::Value;
use retrograph_graph::value::temporal::DateTime;
use retrograph_proto::v1;
use retrograph_proto::v1::jobs_server::Jobs;
use retrograph_proto::v1::{JobKind, JobState};
use tonic::{Code, Request, Response, Status};

use super::api::Api;
use super::caller::Call;
use super::elements::refused;
use super::schema::text;
use super::time::{admit, ended};
use super::{page, status, terms};
use crate::errand::Ends;
use crate::failures;
use crate::target::{Terms, instant_of};

const ALL: [JobKind; 3] = [JobKind::Transaction, JobKind::IndexBuild, JobKind::Import];

fn not_found(id: &str) -> Status {
    let message = format!("there is no job `{id}` that you may see");
    status::with_reason(Code::NotFound, "JOB_NOT_FOUND", false, message)
}

/// The kind, graph and name of a job; the graph of a transaction is not known by its id.
fn parts(id: &str) -> Option<(JobKind, &str, &str)> {
    let (kind, rest) = id.split_once(':')?;
    match kind {
        "transaction" => Some((JobKind::Transaction, "", rest)),
        "index" => rest
            .split_once(':')
            .map(|(graph, name)| (JobKind::IndexBuild, graph, name)),
        "import" => rest
            .split_once(':')
            .map(|(graph, name)| (JobKind::Import, graph, name)),
        _ => None,
    }
}

impl Api {
    /// The names of the graphs that a caller may do anything with.
    pub fn graphs_of(&self, call: &Call) -> Result<Vec<Arc<str>>, Status> {
        let graphs = self.shared.database.graphs();
        let graphs = graphs.map_err(|error| status::of(&failures::of_database(&error)))?;
        let names = graphs.into_iter().map(|graph| graph.name);
        Ok(call.session.caller.identity.usable(names.collect()))
    }

    fn jobs(&self, call: &Call, graph: &str, kinds: &[JobKind]) -> Result<Vec<v1::Job>, Status> {
        let is_named = !graph.is_empty();
        let graphs = match is_named {
            true => vec![Arc::from(graph)],
            false => self.graphs_of(call)?,
        };
        let mut jobs = Vec::new();
        if kinds.contains(&JobKind::Transaction)
            && let Some(any) = graphs.first()
        {
            let running = self.running_transactions(call, any)?;
            let wanted = running
                .into_iter()
                .filter(|job| !is_named || job.graph == graph);
            jobs.extend(wanted);
        }
        for name in &graphs {
            for kind in kinds {
                let found = match kind {
                    JobKind::IndexBuild => self.index_builds(call, name),
                    JobKind::Import => self.imports(call, name),
                    _ => continue,
                };
                match found {
                    Ok(found) => jobs.extend(found),
                    // Of all graphs, those that one may look into.
                    Err(status) if status.code() == Code::PermissionDenied && !is_named => {}
                    Err(status) => return Err(status),
                }
            }
        }
        Ok(jobs)
    }

    fn running_transactions(&self, call: &Call, graph: &str) -> Result<Vec<v1::Job>, Status> {
        let (target, options) = self.target(call, graph, read_only())?;
        let statement = "SHOW TRANSACTIONS YIELD transactionId, database, username, currentQuery, startTime, \
                         status";
        let rows = self.rows(&target, &options, statement, &Parameters::new())?;
        let job = |row: Vec<Output>| v1::Job {
            job_id: format!("transaction:{}", text(&row, 0)),
            kind: JobKind::Transaction.into(),
            state: match &*text(&row, 5) {
                "Terminated" => JobState::Ending.into(),
                _ => JobState::Running.into(),
            },
            graph: graph_of(&text(&row, 1)),
            subject: text(&row, 3),
            user: text(&row, 2),
            started: DateTime::parse(&text(&row, 4))
                .ok()
                .and_then(|time| instant_of(&time).ok())
                .map(terms::timestamp),
            ..v1::Job::default()
        };
        Ok(rows.into_iter().map(job).collect())
    }

    fn index_builds(&self, call: &Call, graph: &str) -> Result<Vec<v1::Job>, Status> {
        let (target, options) = self.target(call, graph, read_only())?;
        let statement = "SHOW INDEXES YIELD name, populationPercent, state, failureMessage \
                         WHERE state <> 'ONLINE'";
        let rows = self.rows(&target, &options, statement, &Parameters::new())?;
        let trouble = self.shared.database.index_trouble(&target.graph);
        let job = |row: Vec<Output>| {
            let failure = text(&row, 3);
            let trouble = match (failure.is_empty(), &trouble) {
                (false, _) => failure,
                (true, Some(trouble)) => trouble.clone(),
                (true, None) => String::new(),
            };
            let state = match trouble.is_empty() {
                true => JobState::Running,
                false => JobState::Stalled,
            };
            v1::Job {
                job_id: format!("index:{graph}:{}", text(&row, 0)),
                kind: JobKind::IndexBuild.into(),
                state: state.into(),
                graph: graph.to_owned(),
                subject: text(&row, 0),
                percent: match row.get(1) {
                    Some(Output::Value(Value::Float(percent))) => Some(*percent),
                    _ => None,
                },
                trouble,
                ..v1::Job::default()
            }
        };
        Ok(rows.into_iter().map(job).collect())
    }

    /// Imports are what commits say of themselves.
    fn imports(&self, call: &Call, graph: &str) -> Result<Vec<v1::Job>, Status> {
        let (target, options) = self.target(call, graph, read_only())?;
        admit(&options)?;
        let ends = Ends {
            cancel: CancelToken::new(),
            deadline: call.deadline.map(|(at, _)| at),
        };
        let errand = self.errand(call, &target, "Jobs.ListJobs", ends.clone())?;
        let mut jobs: BTreeMap<Arc<str>, v1::Job> = BTreeMap::new();
        for version in 1..=target.graph.latest().0 {
            errand.read(1).map_err(|error| ended(error, &ends))?;
            let header = target.graph.commit_header(Version(version));
            let Some(header) = header.map_err(refused)? else {
                continue;
            };
            let Some(step) = &header.job else { continue };
            let job = jobs.entry(Arc::clone(&step.id)).or_insert_with(|| v1::Job {
                job_id: format!("import:{graph}:{}", step.id),
                kind: JobKind::Import.into(),
                state: JobState::AtRest.into(),
                graph: graph.to_owned(),
                subject: header.source.as_deref().unwrap_or_default().to_owned(),
                user: header.actor.to_string(),
                started: Some(terms::timestamp(header.time)),
                ..v1::Job::default()
            });
            job.steps = Some(job.steps.unwrap_or_default() + 1);
            job.last_version = Some(version);
        }
        Ok(jobs.into_values().collect())
    }

    fn job(&self, call: &Call, id: &str) -> Result<v1::Job, Status> {
        let (kind, graph, _) = parts(id).ok_or_else(|| not_found(id))?;
        let jobs = self.jobs(call, graph, &[kind])?;
        let found = jobs.into_iter().find(|job| job.job_id == id);
        found.ok_or_else(|| not_found(id))
    }
}

fn read_only() -> Terms {
    Terms {
        is_read_only: true,
        ..Terms::default()
    }
}

/// The graph of a database, without an instant.
fn graph_of(database: &str) -> String {
    let (graph, _) = database.split_once('@').unwrap_or((database, ""));
    graph.to_owned()
}

#[tonic::async_trait]
impl Jobs for Api {
    async fn list_jobs(
        self: Arc<Self>,
        request: Request<v1::ListJobsRequest>,
    ) -> Result<Response<v1::ListJobsResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let kinds = request
            .kinds
            .iter()
            .map(|kind| match JobKind::try_from(*kind) {
                Ok(JobKind::Unspecified) | Err(_) => {
                    Err(status::invalid("kinds", "not one that is known"))
                }
                Ok(kind) => Ok(kind),
            });
        let mut kinds = kinds.collect::<Result<Vec<_>, _>>()?;
        if kinds.is_empty() {
            kinds = ALL.to_vec();
        }
        let listed = self.work(move |api| {
            let jobs = api.jobs(&call, &request.graph, &kinds)?;
            let size = page::size(request.page_size, 100, 1_000);
            page::of(jobs, &request.page_token, size, |job| &job.job_id)
        });
        let (jobs, next_page_token) = listed.await?;
        Ok(Response::new(v1::ListJobsResponse {
            jobs,
            next_page_token,
        }))
    }

    async fn get_job(
        self: Arc<Self>,
        request: Request<v1::GetJobRequest>,
    ) -> Result<Response<v1::GetJobResponse>, Status> {
        let call = Call::of(&request)?;
        let id = request.into_inner().job_id;
        let job = self.work(move |api| api.job(&call, &id)).await?;
        Ok(Response::new(v1::GetJobResponse { job: Some(job) }))
    }

    async fn cancel_job(
        self: Arc<Self>,
        request: Request<v1::CancelJobRequest>,
    ) -> Result<Response<v1::CancelJobResponse>, Status> {
        let call = Call::of(&request)?;
        let id = request.into_inner().job_id;
        let cancelled = self.work(move |api| {
            let job = api.job(&call, &id)?;
            let (kind, _, name) = parts(&id).ok_or_else(|| not_found(&id))?;
            let (target, options) = api.target(&call, &job.graph, Terms::default())?;
            let (statement, parameters) = match kind {
                JobKind::Transaction => {
                    let parameters = [("id".to_owned(), Value::string(name))].into();
                    ("TERMINATE TRANSACTIONS $id".to_owned(), parameters)
                }
                JobKind::IndexBuild => {
                    let name = name.replace('`', "``");
                    (format!("DROP INDEX `{name}`"), Parameters::new())
                }
                _ => {
                    return Err(status::with_reason(
                        Code::FailedPrecondition,
                        "NOT_RUNNING",
                        false,
                        format!("the import `{name}` does not run on this server"),
                    ));
                }
            };
            let rows = api.rows(&target, &options, &statement, &parameters)?;
            let is_gone = kind == JobKind::Transaction
                && rows.first().is_none_or(|row| text(row, 1).is_empty());
            match is_gone {
                true => Err(not_found(&id)),
                false => Ok(()),
            }
        });
        cancelled.await?;
        Ok(Response::new(v1::CancelJobResponse {}))
    }
}
