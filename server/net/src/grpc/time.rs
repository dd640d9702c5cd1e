//! `Time`: versions, what differs between them, and the history of an element.

use std::ops::ControlFlow;
use std::sync::Arc;

use prost::Message as _;
use retrograph_engine::plan::Access;
use retrograph_engine::{AsOf, CancelToken, Demand, QueryError, RunOptions};
use retrograph_graph::Graph;
use retrograph_graph::clock::{Clock, MachineClock};
use retrograph_graph::ids::{ElementId, Version};
use retrograph_proto::v1;
use retrograph_proto::v1::changes_request::Start;
use retrograph_proto::v1::time_server::Time;
use tonic::{Code, Request, Response, Status};

use super::api::Api;
use super::caller::Call;
use super::elements::{change, commit, named, refused, seen};
use super::outlet::{Inlet, Outlet, cancelled, too_late};
use super::{page, status, terms};
use crate::bookmark;
use crate::errand::{Ends, Errand};
use crate::identity::of_refusal;
use crate::target::{Target, Terms};

/// How many elements may have been touched between two versions that are compared.
const COMPARED_MAX: usize = 4_000_000;

/// Elements are sent once they have this many bytes.
const BATCH_BYTES: usize = 64 << 10;

/// Whether somebody may look at what was.
pub fn admit(options: &RunOptions) -> Result<(), Status> {
    let demand = Demand {
        access: Access::Read,
        reads_past: true,
        reads_files: false,
        only_call: None,
    };
    match &options.admission {
        None => Ok(()),
        Some(admission) => admission
            .admit(&demand)
            .map_err(|refusal| status::of(&of_refusal(&refusal))),
    }
}

impl Api {
    /// A graph that somebody may look at as it was.
    fn past(&self, call: &Call, graph: &str) -> Result<(Target, RunOptions), Status> {
        let terms = Terms {
            is_read_only: true,
            ..Terms::default()
        };
        let (target, options) = self.target(call, graph, terms)?;
        if options.as_of.is_some() {
            let problem = "the call says itself which times it is about";
            return Err(status::invalid("graph", problem));
        }
        admit(&options)?;
        Ok((target, options))
    }

    /// A turn for work on a graph that is no statement.
    pub fn errand(
        &self,
        call: &Call,
        target: &Target,
        what: &'static str,
        ends: Ends,
    ) -> Result<Errand, Status> {
        let identity = &call.session.caller.identity;
        let begun = Errand::begin(
            &self.shared.turns,
            identity,
            &target.name,
            what,
            ends.clone(),
        );
        begun.map_err(|error| ended(error, &ends))
    }
}

/// What a client is told whose work ends before it is done.
pub fn ended(error: QueryError, ends: &Ends) -> Status {
    match error {
        QueryError::Cancelled if ends.cancel.is_cancelled() => cancelled(),
        // Nothing else ends it then.
        QueryError::Cancelled => too_late(),
        error => status::of_query(&error, ""),
    }
}

/// Messages to a client that are made within a turn.
struct Telling<'o, T> {
    outlet: &'o Outlet<T>,
    errand: Errand,
    ends: Ends,
}

impl<'o, T> Telling<'o, T> {
    /// Waits for a turn.
    fn begin(
        api: &Api,
        call: &Call,
        target: &Target,
        what: &'static str,
        outlet: &'o Outlet<T>,
    ) -> Result<Self, Status> {
        let ends = outlet.ends();
        Ok(Self {
            errand: api.errand(call, target, what, ends.clone())?,
            outlet,
            ends,
        })
    }

    fn judge<R>(&self, result: Result<R, QueryError>) -> Result<R, Status> {
        result.map_err(|error| ended(error, &self.ends))
    }

    /// So much was read.
    fn read(&self, count: usize) -> Result<(), Status> {
        self.judge(self.errand.read(count as u64))
    }

    /// So much is going to be told.
    fn tell(&self, count: usize) -> Result<(), Status> {
        self.errand.tell(count as u64);
        self.judge(self.errand.check_rows())
    }

    /// So many bytes are held from now on.
    fn hold(&self, bytes: usize) -> Result<(), Status> {
        self.judge(self.errand.hold(bytes))
    }

    /// Sends a message; holds no slot while the client does not read.
    fn send(&self, message: T) -> Result<(), Status> {
        match self.outlet.try_send(message)? {
            None => Ok(()),
            Some(message) => self.judge(self.errand.idle(|| self.outlet.send(message)))?,
        }
    }
}

/// The version of a state; the latest if none is named.
fn version_of(graph: &Arc<Graph>, field: &str, sent: Option<v1::AsOf>) -> Result<Version, Status> {
    Ok(match terms::as_of(field, sent)? {
        None => graph.latest(),
        Some(AsOf::Version(version)) => graph.read_at(version).map_err(refused)?.version(),
        Some(AsOf::Time(time)) => graph.resolve(time).map_err(refused)?,
    })
}

#[tonic::async_trait]
impl Time for Api {
    type DiffStream = Inlet<v1::DiffResponse>;
    type HistoryStream = Inlet<v1::HistoryResponse>;
    type ChangesStream = Inlet<v1::ChangesResponse>;

    async fn list_versions(
        self: Arc<Self>,
        request: Request<v1::ListVersionsRequest>,
    ) -> Result<Response<v1::ListVersionsResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let listed = self.work(move |api| {
            let (target, _) = api.past(&call, &request.graph)?;
            let ends = Ends {
                cancel: CancelToken::new(),
                deadline: call.deadline.map(|(at, _)| at),
            };
            let errand = api.errand(&call, &target, "Time.ListVersions", ends)?;
            versions(&target.graph, &request, &errand)
        });
        Ok(Response::new(listed.await?))
    }

    async fn resolve(
        self: Arc<Self>,
        request: Request<v1::ResolveRequest>,
    ) -> Result<Response<v1::ResolveResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let resolved = self.work(move |api| {
            let (target, _) = api.past(&call, &request.graph)?;
            let graph = &target.graph;
            let instant = match &request.time {
                Some(time) => terms::instant("time", time)?,
                // What was acknowledged has happened.
                None => MachineClock.now().max(graph.applied().time),
            };
            let version = graph.resolve(instant).map_err(refused)?;
            let time = graph.version_time(version).map_err(refused)?;
            Ok(v1::ResolveResponse {
                version: version.0,
                time: Some(terms::timestamp(time)),
                bookmark: bookmark::of(graph, version).unwrap_or_default(),
            })
        });
        Ok(Response::new(resolved.await?))
    }

    async fn diff(
        self: Arc<Self>,
        request: Request<v1::DiffRequest>,
    ) -> Result<Response<Self::DiffStream>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        if request.from.is_none() {
            return Err(status::invalid("from", "say what to compare with"));
        }
        let called = call.clone();
        self.stream(&called, CancelToken::new(), move |api, outlet| {
            let (target, _) = api.past(&call, &request.graph)?;
            let from = version_of(&target.graph, "from", request.from)?;
            let to = version_of(&target.graph, "to", request.to)?;
            let telling = Telling::begin(api, &call, &target, "Time.Diff", outlet)?;
            diff(&target.graph, from, to, &telling)
        })
        .await
    }

    async fn history(
        self: Arc<Self>,
        request: Request<v1::HistoryRequest>,
    ) -> Result<Response<Self::HistoryStream>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let element = named(&request.element_id)?;
        let called = call.clone();
        self.stream(&called, CancelToken::new(), move |api, outlet| {
            let (target, _) = api.past(&call, &request.graph)?;
            let until = version_of(&target.graph, "until", request.until)?;
            let telling = Telling::begin(api, &call, &target, "Time.History", outlet)?;
            history(&target.graph, element, until, &telling)
        })
        .await
    }

    async fn changes(
        self: Arc<Self>,
        request: Request<v1::ChangesRequest>,
    ) -> Result<Response<Self::ChangesStream>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let Some(start) = request.start else {
            let problem = "say after which version, bookmark or time to begin";
            return Err(status::invalid("start", problem));
        };
        let called = call.clone();
        let begun = self.work(move |api| {
            let (target, options) = api.past(&called, &request.graph)?;
            let graph = &target.graph;
            let after = match start {
                Start::AfterVersion(version) => {
                    graph.read_at(Version(version)).map_err(refused)?.version()
                }
                Start::AfterBookmark(text) => {
                    bookmark::version_in(graph, &text).map_err(|failure| status::of(&failure))?
                }
                Start::AfterTime(time) => {
                    let instant = terms::instant("after_time", &time)?;
                    graph.resolve(instant).map_err(refused)?
                }
            };
            Ok(((target, options), after))
        });
        let (prepared, after) = begun.await?;
        let has_states = !request.without_states;
        Ok(self.feed(&call, prepared, after, request.follow, has_states))
    }
}

fn versions(
    graph: &Arc<Graph>,
    request: &v1::ListVersionsRequest,
    errand: &Errand,
) -> Result<v1::ListVersionsResponse, Status> {
    let latest = graph.latest().0;
    let first = request.from_version.max(1);
    let last = match request.to_version {
        0 => latest,
        version => version.min(latest),
    };
    let after = page::after(&request.page_token)?;
    let after = after
        .map(|text| text.parse::<u64>())
        .transpose()
        .map_err(|_| status::invalid("page_token", "not a token of this list"))?;
    let size = page::size(request.page_size, 100, 1_000);
    let mut wanted: Box<dyn Iterator<Item = u64>> = if request.ascending {
        Box::new(after.map_or(first, |at| first.max(at.saturating_add(1)))..=last)
    } else {
        let last = after.map_or(last, |at| last.min(at.saturating_sub(1)));
        Box::new((first..=last).rev())
    };
    let mut commits = Vec::new();
    for version in wanted.by_ref().take(size) {
        if let Some(header) = graph.commit_header(Version(version)).map_err(refused)? {
            commits.push(commit(graph, &header));
        }
    }
    let count = commits.len() as u64;
    errand.tell(count);
    let counted = errand.read(count);
    counted.map_err(|error| status::of_query(&error, ""))?;
    let has_more = wanted.next().is_some();
    let next_page_token = match commits.last() {
        Some(commit) if has_more => page::token(&commit.version.to_string()),
        _ => String::new(),
    };
    Ok(v1::ListVersionsResponse {
        commits,
        next_page_token,
    })
}

fn diff(
    graph: &Arc<Graph>,
    from: Version,
    to: Version,
    telling: &Telling<'_, v1::DiffResponse>,
) -> Result<(), Status> {
    let outlet = telling.outlet;
    let before = graph.read_at(from).map_err(refused)?;
    let after = graph.read_at(to).map_err(refused)?;
    let mut touched: Vec<ElementId> = Vec::new();
    let mut room = 1 << 16;
    for record in graph.commits(from.min(to).next()) {
        let record = record.map_err(refused)?;
        if record.header.version > from.max(to) {
            break;
        }
        telling.read(1 + record.touched.len())?;
        touched.extend(record.touched);
        telling.hold(touched.capacity() * size_of::<ElementId>())?;
        if touched.len() > room {
            outlet.check()?;
            touched.sort_unstable();
            touched.dedup();
            room = (2 * touched.len()).max(room);
        }
        if touched.len() > COMPARED_MAX {
            return Err(status::with_reason(
                Code::ResourceExhausted,
                "TOO_MANY_CHANGES",
                false,
                format!(
                    "more than {COMPARED_MAX} elements were touched; compare versions nearer to each other"
                ),
            ));
        }
    }
    touched.sort_unstable();
    touched.dedup();
    let (mut changes, mut bytes) = (Vec::new(), 0);
    let answer = |changes| v1::DiffResponse {
        from_version: from.0,
        to_version: to.0,
        changes,
    };
    for element in touched {
        let change = change(element, &before, &after)?;
        telling.read(2)?;
        if change.before == change.after {
            outlet.check()?;
            continue;
        }
        bytes += change.encoded_len();
        changes.push(change);
        telling.tell(1)?;
        if bytes >= BATCH_BYTES {
            telling.send(answer(std::mem::take(&mut changes)))?;
            bytes = 0;
        }
    }
    telling.send(answer(changes))
}

fn history(
    graph: &Arc<Graph>,
    element: ElementId,
    until: Version,
    telling: &Telling<'_, v1::HistoryResponse>,
) -> Result<(), Status> {
    let view = graph.read_at(until).map_err(refused)?;
    let (mut states, mut bytes, mut is_known) = (Vec::new(), 0, false);
    let mut stopped = Ok(());
    let time = |version| graph.version_time(version).map_err(refused);
    let mut tell = |from: Version, to: Option<Version>| -> Result<(), Status> {
        is_known = true;
        telling.read(1)?;
        telling.tell(1)?;
        let read = graph.read_at(from).map_err(refused)?;
        let state = v1::ElementState {
            from_version: from.0,
            from_time: Some(terms::timestamp(time(from)?)),
            to_version: to.map(|to| to.0),
            to_time: to.map(time).transpose()?.map(terms::timestamp),
            element: seen(&read, element)?,
        };
        bytes += state.encoded_len();
        states.push(state);
        if bytes >= BATCH_BYTES {
            bytes = 0;
            let states = std::mem::take(&mut states);
            telling.send(v1::HistoryResponse { states })?;
        }
        Ok(())
    };
    view.visit_versions(element, &mut |from, to| match tell(from, to) {
        Ok(()) => ControlFlow::Continue(()),
        Err(status) => {
            stopped = Err(status);
            ControlFlow::Break(())
        }
    })
    .map_err(refused)?;
    stopped?;
    if !is_known {
        return Err(status::with_reason(
            Code::NotFound,
            "ELEMENT_NOT_FOUND",
            false,
            format!("there was no such element up to version {until}"),
        ));
    }
    match states.is_empty() {
        true => Ok(()),
        false => telling.send(v1::HistoryResponse { states }),
    }
}
