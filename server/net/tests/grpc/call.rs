//! Calls, and what they are answered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use retrograph_net::{Options, grpc};
use retrograph_proto::v1;
use retrograph_proto::v1::query_client::QueryClient;
use retrograph_proto::v1::run_response::Part;
use retrograph_proto::v1::value::Kind;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};
use tonic_types::StatusExt;

use crate::fixture::{Fixture, ask_users};

/// Sends who calls with every call.
#[derive(Clone)]
pub struct Shown(pub Option<String>);

impl Interceptor for Shown {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(text) = &self.0 {
            let value = MetadataValue::try_from(text.as_str()).unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

pub type Line = InterceptedService<Channel, Shown>;

pub fn with_grpc(change: impl FnOnce(&mut Options)) -> Fixture {
    Fixture::with(|options| {
        options.grpc = Some(grpc::Options::new("127.0.0.1:0".parse().unwrap()));
        change(options);
    })
}

pub fn speaks(options: &mut Options) -> &mut grpc::Options {
    options.grpc.as_mut().unwrap()
}

pub async fn channel(fixture: &Fixture) -> Channel {
    let uri = format!("http://{}", fixture.grpc.unwrap());
    Endpoint::from_shared(uri).unwrap().connect().await.unwrap()
}

pub async fn line(fixture: &Fixture) -> Line {
    InterceptedService::new(channel(fixture).await, Shown(None))
}

pub async fn line_of(fixture: &Fixture, shown: &str) -> Line {
    InterceptedService::new(channel(fixture).await, Shown(Some(shown.to_owned())))
}

pub fn on(graph: &str) -> v1::TransactionOptions {
    v1::TransactionOptions {
        graph: graph.to_owned(),
        ..v1::TransactionOptions::default()
    }
}

pub fn run(query: &str) -> v1::RunRequest {
    v1::RunRequest {
        query: query.to_owned(),
        ..v1::RunRequest::default()
    }
}

pub fn run_at(query: &str, moment: v1::as_of::Moment) -> v1::RunRequest {
    let options = v1::TransactionOptions {
        as_of: Some(v1::AsOf {
            moment: Some(moment),
        }),
        ..v1::TransactionOptions::default()
    };
    v1::RunRequest {
        options: Some(options),
        ..run(query)
    }
}

#[derive(Debug, Default)]
pub struct Answer {
    pub header: v1::Header,
    pub rows: Vec<Vec<Option<Kind>>>,
    pub summary: v1::Summary,
}

/// All of an answer; it has to have a beginning and an end.
pub async fn all(mut stream: Streaming<v1::RunResponse>) -> Result<Answer, Status> {
    let mut answer = Answer::default();
    let mut is_ended = false;
    while let Some(message) = stream.message().await? {
        assert!(!is_ended, "nothing comes behind the summary");
        match message.part.unwrap() {
            Part::Header(header) => answer.header = header,
            Part::Rows(rows) => answer.rows.extend(
                rows.rows
                    .into_iter()
                    .map(|row| row.values.into_iter().map(|value| value.kind).collect()),
            ),
            Part::Summary(summary) => {
                answer.summary = summary;
                is_ended = true;
            }
        }
    }
    assert!(is_ended, "no summary");
    assert!(!answer.header.query_id.is_empty());
    Ok(answer)
}

pub async fn answer(line: &Line, request: v1::RunRequest) -> Result<Answer, Status> {
    let stream = QueryClient::new(line.clone()).run(request).await?;
    all(stream.into_inner()).await
}

pub async fn integers(line: &Line, request: v1::RunRequest) -> Vec<i64> {
    let answer = answer(line, request).await.unwrap();
    let rows = answer.rows.into_iter().flatten();
    rows.map(|kind| match kind {
        Some(Kind::Integer(int)) => int,
        other => panic!("no integer: {other:?}"),
    })
    .collect()
}

/// The reason of a failure.
pub fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    let info = info.unwrap_or_else(|| panic!("no details: {status:?}"));
    assert_eq!(info.domain, "retrograph");
    info.reason
}

/// Reads a stream to its end.
pub async fn all_of<T>(stream: &mut Streaming<T>) -> Result<usize, Status> {
    let mut count = 0;
    while stream.message().await?.is_some() {
        count += 1;
    }
    Ok(count)
}

pub fn with_users() -> Fixture {
    Fixture::with_database(|database, options| {
        let users = [("root", "admin"), ("eve", "reader")];
        ask_users(database, options, "correct horse", &users);
        options.grpc = Some(grpc::Options::new("127.0.0.1:0".parse().unwrap()));
    })
}

pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

pub fn version(version: u64) -> Option<v1::AsOf> {
    Some(v1::AsOf {
        moment: Some(v1::as_of::Moment::Version(version)),
    })
}

pub async fn collect<T>(
    stream: Result<tonic::Response<Streaming<T>>, Status>,
) -> Result<Vec<T>, Status> {
    let mut stream = stream?.into_inner();
    let mut all = Vec::new();
    while let Some(message) = stream.message().await? {
        all.push(message);
    }
    Ok(all)
}
