//! `Query`: queries by themselves; and how answers of queries are told, wherever they run.

use std::sync::Arc;

use prost::Message as _;
use retrograph_engine::plan::Access;
use retrograph_engine::{
    CancelToken, Control, Loan, QueryError, RowSink, RunOptions, Summary, Turn, Views,
};
use retrograph_graph::value::Value;
use retrograph_proto::v1;
use retrograph_proto::v1::query_server::Query;
use retrograph_proto::v1::run_response::Part;
use tonic::{Code, Request, Response, Status};

use super::api::Api;
use super::caller::Call;
use super::outlet::{Inlet, Outlet};
use super::values::Weight;
use super::{status, terms, values};
use crate::bookmark;
use crate::failures::Source;
use crate::identity::Identity;
use crate::target::Target;
use crate::traces::Statement;

/// Rows are sent once they have this many bytes.
const BATCH_BYTES: usize = 64 << 10;

/// How many long rows there may be at a time: one as it is made, two that wait, and one that is being sent.
const COPIES: usize = 4;

#[tonic::async_trait]
impl Query for Api {
    type RunStream = Inlet<v1::RunResponse>;

    async fn run(
        self: Arc<Self>,
        request: Request<v1::RunRequest>,
    ) -> Result<Response<Self::RunStream>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let text = Text::of(request.query, request.mode)?;
        let parameters = values::parameters(request.parameters)?;
        let (graph, terms) = terms::read(request.options)?;
        let called = call.clone();
        self.stream(&called, CancelToken::new(), move |api, outlet| {
            let (target, options, identity) = api.target_of(&call, &graph, terms)?;
            let span = api.span(&call, &target, &identity);
            let options = RunOptions {
                cancel: Some(outlet.cancel().clone()),
                timeline: span.as_ref().map(Statement::timeline),
                ..options
            };
            let running = api.register(&call, outlet.cancel());
            let mut rows = Rows::new(outlet, running.id.clone(), &target);
            let engine = api.shared.database.engine();
            let ran = engine.run(&target.graph, text.full(), &parameters, &options, &mut rows);
            if let Some(span) = span {
                span.end(text.full(), ran.as_ref());
            }
            let summary = rows.end(ran, &text)?;
            let mut told = summary_of(&summary);
            told.bookmark = summary
                .version
                .and_then(|version| bookmark::of(&target.graph, version));
            outlet.send(part(Part::Summary(told)))
        })
        .await
    }

    async fn cancel(
        self: Arc<Self>,
        request: Request<v1::CancelRequest>,
    ) -> Result<Response<v1::CancelResponse>, Status> {
        let call = Call::of(&request)?;
        let id = request.into_inner().query_id;
        let found = self.running.lock().get(&id).cloned();
        let not_found = || {
            let message = format!("no query `{id}` runs that you may cancel");
            status::with_reason(Code::NotFound, "QUERY_NOT_FOUND", false, message)
        };
        let Some((owner, cancel)) = found else {
            return Err(not_found());
        };
        let identity = call.session.caller.identity;
        let is_allowed = identity.actor() == owner
            || self.work(move |_| Ok(may_manage_others(&identity))).await?;
        if !is_allowed {
            return Err(not_found());
        }
        cancel.cancel();
        Ok(Response::new(v1::CancelResponse {}))
    }
}

/// Whether somebody may see and end what others run.
pub fn may_manage_others(identity: &Identity) -> bool {
    identity
        .admission(&retrograph_identity::EVERY_GRAPH.into())
        .is_none_or(|admission| admission.rights().administers)
}

/// The text of a query, with what says what is to be done with it.
pub struct Text {
    full: String,
    shift: usize,
}

impl Text {
    /// The text of a request.
    pub fn of(query: String, mode: i32) -> Result<Self, Status> {
        let before = match v1::Mode::try_from(mode) {
            Ok(v1::Mode::Unspecified) => "",
            Ok(v1::Mode::Explain) => "EXPLAIN ",
            Ok(v1::Mode::Profile) => "PROFILE ",
            Err(_) => return Err(status::invalid("mode", "not one that is known")),
        };
        Ok(Self {
            full: format!("{before}{query}"),
            shift: before.len(),
        })
    }

    /// What is run.
    pub fn full(&self) -> &str {
        &self.full
    }

    /// What was asked for, for those who are told what is wrong with it.
    fn source(&self) -> Source<'_> {
        Source {
            text: &self.full[self.shift..],
            shift: self.shift,
        }
    }
}

/// A message of an answer.
pub const fn part(part: Part) -> v1::RunResponse {
    v1::RunResponse { part: Some(part) }
}

/// Rows on their way from the engine to a client.
pub struct Rows<'o> {
    outlet: &'o Outlet<v1::RunResponse>,
    query_id: String,
    graph: Arc<str>,
    rows: Vec<v1::Row>,
    bytes: usize,
    /// Paused while the client does not read.
    turn: Option<Arc<dyn Turn>>,
    /// What the longest row takes while it is on its way.
    loan: Loan,
    /// Why no more could be sent.
    stopped: Option<Status>,
}

impl<'o> Rows<'o> {
    /// Rows of a query on a graph.
    pub fn new(outlet: &'o Outlet<v1::RunResponse>, query_id: String, target: &Target) -> Self {
        Self {
            outlet,
            query_id,
            graph: Arc::clone(&target.name),
            rows: Vec::new(),
            bytes: 0,
            turn: None,
            loan: Loan::default(),
            stopped: None,
        }
    }

    /// The query has run, or failed: what is left is sent.
    pub fn end(mut self, ran: Result<Summary, QueryError>, text: &Text) -> Result<Summary, Status> {
        match ran {
            Ok(summary) => {
                if !self.rows.is_empty() {
                    let sent = self.flush();
                    if let (Err(_), Some(status)) = (sent, self.stopped) {
                        return Err(status);
                    }
                }
                Ok(summary)
            }
            Err(error) => match (self.stopped, error) {
                (Some(status), _) => Err(status),
                (None, QueryError::Cancelled) => Err(super::outlet::cancelled()),
                (None, error) => Err(status::of_query(&error, text.source())),
            },
        }
    }

    fn send(&mut self, message: v1::RunResponse) -> Result<(), QueryError> {
        let sent = self.outlet.try_send(message).and_then(|rest| {
            let Some(message) = rest else { return Ok(()) };
            if let Some(turn) = &self.turn {
                turn.pause();
            }
            self.outlet.send(message)
        });
        sent.map_err(|status| {
            self.stopped = Some(status);
            QueryError::Cancelled
        })
    }

    fn flush(&mut self) -> Result<(), QueryError> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        self.send(part(Part::Rows(v1::Rows { rows })))
    }
}

impl RowSink for Rows<'_> {
    fn begun(&mut self, turn: &Arc<dyn Turn>) {
        self.turn = Some(Arc::clone(turn));
        self.loan = Loan::of(Arc::clone(turn) as _);
    }

    fn columns(&mut self, columns: &[Arc<str>]) -> Result<(), QueryError> {
        let header = v1::Header {
            query_id: self.query_id.clone(),
            columns: columns.iter().map(|name| name.to_string()).collect(),
            graph: self.graph.to_string(),
        };
        self.send(part(Part::Header(header)))
    }

    fn row(&mut self, row: &[Value], views: &Views) -> Result<Control, QueryError> {
        let loan = &self.loan;
        let mut weight = Weight {
            bytes: 0,
            room: &|bytes: usize| loan.cover("Result", bytes.saturating_mul(COPIES)),
        };
        let values = row
            .iter()
            .map(|value| values::write(value, views, &mut weight))
            .collect::<Result<_, _>>()?;
        let row = v1::Row { values };
        self.bytes += row.encoded_len();
        self.rows.push(row);
        if self.bytes >= BATCH_BYTES {
            self.flush()?;
            if let Some(turn) = &self.turn {
                turn.resume()?;
            }
        }
        Ok(Control::Continue)
    }
}

/// What is said at the end of an answer.
pub fn summary_of(summary: &Summary) -> v1::Summary {
    let counters = &summary.counters;
    let access = match summary.access {
        Access::Read => v1::Access::Read,
        Access::Write => v1::Access::Write,
        Access::Schema => v1::Access::Schema,
    };
    v1::Summary {
        rows: summary.rows,
        access: access.into(),
        version: summary.version.map(|version| version.0),
        time: summary.time.map(terms::timestamp),
        bookmark: None,
        counters: Some(v1::Counters {
            nodes_created: counters.nodes_created,
            nodes_deleted: counters.nodes_deleted,
            relationships_created: counters.relationships_created,
            relationships_deleted: counters.relationships_deleted,
            properties_set: counters.properties_set,
            labels_added: counters.labels_added,
            labels_removed: counters.labels_removed,
            indexes_added: counters.indexes_added,
            indexes_removed: counters.indexes_removed,
            constraints_added: counters.constraints_added,
            constraints_removed: counters.constraints_removed,
            transactions_committed: counters.transactions_committed,
        }),
        plan: summary.plan.clone(),
        profile: summary
            .profile
            .iter()
            .flatten()
            .map(|step| v1::StepProfile {
                rows: step.rows,
                time: Some(terms::told(step.time)),
            })
            .collect(),
        notifications: summary
            .notifications
            .iter()
            .map(|text| text.trim_end().to_owned())
            .collect(),
        plan_was_cached: summary.is_plan_cached,
        compile_time: Some(terms::told(summary.compile_time)),
        run_time: Some(terms::told(summary.run_time)),
    }
}
