//! The gRPC services over real sockets.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod fixture;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fixture::{Fixture, listen, open, options};
use retrograph_identity::{Authenticator, Directory, procedures};
use retrograph_net::{Access, Options, grpc};
use retrograph_proto::v1;
use retrograph_proto::v1::admin_client::AdminClient;
use retrograph_proto::v1::changes_request::Start;
use retrograph_proto::v1::jobs_client::JobsClient;
use retrograph_proto::v1::query_client::QueryClient;
use retrograph_proto::v1::run_response::Part;
use retrograph_proto::v1::schema_client::SchemaClient;
use retrograph_proto::v1::time_client::TimeClient;
use retrograph_proto::v1::transactions_client::TransactionsClient;
use retrograph_proto::v1::value::Kind;
use retrograph_server::{Database, OpenOptions};
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};
use tonic_types::StatusExt;

/// Sends who calls with every call.
#[derive(Clone)]
struct Shown(Option<String>);

impl Interceptor for Shown {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(text) = &self.0 {
            let value = MetadataValue::try_from(text.as_str()).unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

type Line = InterceptedService<Channel, Shown>;

fn with_grpc(change: impl FnOnce(&mut Options)) -> Fixture {
    Fixture::with(|options| {
        options.grpc = Some(grpc::Options::new("127.0.0.1:0".parse().unwrap()));
        change(options);
    })
}

fn speaks(options: &mut Options) -> &mut grpc::Options {
    options.grpc.as_mut().unwrap()
}

async fn channel(fixture: &Fixture) -> Channel {
    let uri = format!("http://{}", fixture.grpc.unwrap());
    Endpoint::from_shared(uri).unwrap().connect().await.unwrap()
}

async fn line(fixture: &Fixture) -> Line {
    InterceptedService::new(channel(fixture).await, Shown(None))
}

async fn line_of(fixture: &Fixture, shown: &str) -> Line {
    InterceptedService::new(channel(fixture).await, Shown(Some(shown.to_owned())))
}

fn on(graph: &str) -> v1::TransactionOptions {
    v1::TransactionOptions {
        graph: graph.to_owned(),
        ..v1::TransactionOptions::default()
    }
}

fn run(query: &str) -> v1::RunRequest {
    v1::RunRequest {
        query: query.to_owned(),
        ..v1::RunRequest::default()
    }
}

fn run_at(query: &str, moment: v1::as_of::Moment) -> v1::RunRequest {
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
struct Answer {
    header: v1::Header,
    rows: Vec<Vec<Option<Kind>>>,
    summary: v1::Summary,
}

/// All of an answer; it has to have a beginning and an end.
async fn all(mut stream: Streaming<v1::RunResponse>) -> Result<Answer, Status> {
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

async fn answer(line: &Line, request: v1::RunRequest) -> Result<Answer, Status> {
    let stream = QueryClient::new(line.clone()).run(request).await?;
    all(stream.into_inner()).await
}

async fn integers(line: &Line, request: v1::RunRequest) -> Vec<i64> {
    let answer = answer(line, request).await.unwrap();
    let rows = answer.rows.into_iter().flatten();
    rows.map(|kind| match kind {
        Some(Kind::Integer(int)) => int,
        other => panic!("no integer: {other:?}"),
    })
    .collect()
}

/// The reason of a failure.
fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    let info = info.unwrap_or_else(|| panic!("no details: {status:?}"));
    assert_eq!(info.domain, "retrograph");
    info.reason
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_answer_with_typed_values_and_a_summary() {
    let fixture = with_grpc(|_| {});
    let line = line(&fixture).await;
    let written = answer(
        &line,
        run("CREATE (a:A:B {n: 1})-[r:R {w: 0.5}]->(b:B {t: date('2020-01-01')}) RETURN a, r, b"),
    )
    .await
    .unwrap();
    assert_eq!(written.header.columns, ["a", "r", "b"]);
    assert_eq!(written.header.graph, "g");
    let counters = written.summary.counters.unwrap();
    assert_eq!(
        (counters.nodes_created, counters.relationships_created),
        (2, 1)
    );
    assert_eq!(written.summary.access(), v1::Access::Write);
    assert_eq!(written.summary.version, Some(1));
    assert!(written.summary.bookmark.is_some() && written.summary.time.is_some());
    let [
        Some(Kind::Node(a)),
        Some(Kind::Relationship(r)),
        Some(Kind::Node(b)),
    ] = &written.rows[0][..]
    else {
        panic!("{:?}", written.rows);
    };
    assert_eq!(a.labels, ["A", "B"]);
    assert_eq!(a.properties["n"].kind, Some(Kind::Integer(1)));
    assert_eq!(
        b.properties["t"].kind,
        Some(Kind::Date(v1::Date { epoch_day: 18_262 }))
    );
    assert_eq!(
        (&r.start_element_id, &r.end_element_id),
        (&a.element_id, &b.element_id)
    );

    let mut request = run("MATCH p = (:A)-->() RETURN p, $list AS list, null AS nothing");
    let item = v1::Value {
        kind: Some(Kind::String("x".to_owned())),
    };
    let list = v1::Value {
        kind: Some(Kind::List(v1::List { items: vec![item] })),
    };
    request.parameters = BTreeMap::from([("list".to_owned(), list.clone())]);
    request.options = Some(on("g"));
    let read = answer(&line, request).await.unwrap();
    let [Some(Kind::Path(path)), sent, Some(Kind::Null(_))] = &read.rows[0][..] else {
        panic!("{:?}", read.rows);
    };
    assert_eq!((path.nodes.len(), path.relationships.len()), (2, 1));
    assert_eq!(*sent, list.kind);
    assert_eq!(read.summary.rows, 1);

    // What waits for the engine comes in portions, all of it and in order.
    let many = integers(&line, run("UNWIND range(1, 100000) AS n RETURN n")).await;
    assert_eq!(many, (1..=100_000).collect::<Vec<_>>());

    let explained = answer(
        &line,
        v1::RunRequest {
            mode: v1::Mode::Explain.into(),
            ..run("MATCH (n) DELETE n")
        },
    )
    .await
    .unwrap();
    assert!(explained.summary.plan.is_some() && explained.rows.is_empty());
    let profiled = answer(
        &line,
        v1::RunRequest {
            mode: v1::Mode::Profile.into(),
            ..run("MATCH (n) RETURN n")
        },
    )
    .await
    .unwrap();
    assert!(profiled.summary.plan.is_some() && !profiled.summary.profile.is_empty());
    assert_eq!(profiled.rows.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_read_by_version_by_time_and_by_name() {
    let fixture = with_grpc(|_| {});
    let line = line(&fixture).await;
    let first = answer(&line, run("CREATE (:A {n: 1})")).await.unwrap();
    answer(&line, run("MATCH (a:A) SET a.n = 2")).await.unwrap();
    let read = "MATCH (a:A) RETURN a.n";
    let (version, time) = (first.summary.version.unwrap(), first.summary.time.unwrap());
    assert_eq!(integers(&line, run(read)).await, [2]);
    let by_version = run_at(read, v1::as_of::Moment::Version(version));
    assert_eq!(integers(&line, by_version).await, [1]);
    let by_time = run_at(read, v1::as_of::Moment::Time(time));
    assert_eq!(integers(&line, by_time).await, [1]);

    let write = run_at("CREATE (:B)", v1::as_of::Moment::Version(version));
    let status = answer(&line, write).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status)),
        (Code::FailedPrecondition, "READ_ONLY".into())
    );
    let future = run_at(read, v1::as_of::Moment::Version(99));
    let status = answer(&line, future).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let both = v1::RunRequest {
        options: Some(v1::TransactionOptions {
            as_of: Some(v1::AsOf {
                moment: Some(v1::as_of::Moment::Version(1)),
            }),
            ..on("g@2030-01-01T00:00:00Z")
        }),
        ..run(read)
    };
    assert_eq!(
        answer(&line, both).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    let valid_at = v1::RunRequest {
        options: Some(v1::TransactionOptions {
            valid_at: Some(time),
            ..v1::TransactionOptions::default()
        }),
        ..run(read)
    };
    assert_eq!(
        answer(&line, valid_at).await.unwrap_err().code(),
        Code::Unimplemented
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_with_a_code_and_a_reason() {
    let fixture = with_grpc(|_| {});
    let line = line(&fixture).await;
    for (request, code, wanted) in [
        (run("RETURN"), Code::InvalidArgument, "SYNTAX_ERROR"),
        (
            run("RETURN 1 / 0"),
            Code::InvalidArgument,
            "ARITHMETIC_ERROR",
        ),
        (run("RETURN $x"), Code::InvalidArgument, "PARAMETER_MISSING"),
        (
            v1::RunRequest {
                options: Some(on("nowhere")),
                ..run("RETURN 1")
            },
            Code::NotFound,
            "GRAPH_NOT_FOUND",
        ),
        (
            v1::RunRequest {
                mode: 77,
                ..run("RETURN 1")
            },
            Code::InvalidArgument,
            "INVALID_REQUEST",
        ),
        (
            v1::RunRequest {
                parameters: [("x".to_owned(), v1::Value { kind: None })].into(),
                ..run("RETURN $x")
            },
            Code::InvalidArgument,
            "INVALID_REQUEST",
        ),
    ] {
        let status = answer(&line, request).await.unwrap_err();
        assert_eq!(
            (status.code(), &*reason(&status)),
            (code, wanted),
            "{status:?}"
        );
    }
    // The connection goes on.
    assert_eq!(integers(&line, run("RETURN 1")).await, [1]);
}

async fn begin(line: &Line, idle: Option<Duration>) -> v1::BeginResponse {
    let request = v1::BeginRequest {
        options: None,
        idle_timeout: idle.map(|idle| prost_types::Duration::try_from(idle).unwrap()),
    };
    let begun = TransactionsClient::new(line.clone()).begin(request).await;
    begun.unwrap().into_inner()
}

async fn run_in(line: &Line, id: &str, query: &str) -> Result<Answer, Status> {
    let request = v1::TransactionRunRequest {
        transaction_id: id.to_owned(),
        query: query.to_owned(),
        ..v1::TransactionRunRequest::default()
    };
    let stream = TransactionsClient::new(line.clone()).run(request).await?;
    all(stream.into_inner()).await
}

async fn commit(line: &Line, id: &str) -> Result<v1::CommitResponse, Status> {
    let request = v1::CommitRequest {
        transaction_id: id.to_owned(),
    };
    let committed = TransactionsClient::new(line.clone()).commit(request).await;
    committed.map(tonic::Response::into_inner)
}

async fn rollback(line: &Line, id: &str) {
    let request = v1::RollbackRequest {
        transaction_id: id.to_owned(),
    };
    TransactionsClient::new(line.clone())
        .rollback(request)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_commit_roll_back_and_conflict() {
    let fixture = with_grpc(|_| {});
    let line = line(&fixture).await;
    let id = begin(&line, None).await.transaction_id;
    run_in(&line, &id, "CREATE (:A {n: 1})").await.unwrap();
    // A query that fails is undone alone.
    let status = run_in(&line, &id, "CREATE (:A {n: 2}) RETURN 1 / 0")
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "ARITHMETIC_ERROR");
    let inside = run_in(&line, &id, "MATCH (a:A) RETURN a.n").await.unwrap();
    assert_eq!(inside.rows, [[Some(Kind::Integer(1))]]);
    assert!(
        integers(&line, run("MATCH (a:A) RETURN a.n"))
            .await
            .is_empty()
    );
    let committed = commit(&line, &id).await.unwrap();
    assert_eq!(committed.version, 1);
    assert_eq!(integers(&line, run("MATCH (a:A) RETURN a.n")).await, [1]);
    let status = commit(&line, &id).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status)),
        (Code::NotFound, "TRANSACTION_NOT_FOUND".into())
    );

    let id = begin(&line, None).await.transaction_id;
    run_in(&line, &id, "MATCH (a:A) DELETE a").await.unwrap();
    rollback(&line, &id).await;
    rollback(&line, &id).await;
    assert_eq!(integers(&line, run("MATCH (a:A) RETURN a.n")).await, [1]);

    let (left, right) = (begin(&line, None).await, begin(&line, None).await);
    for (id, n) in [(&left.transaction_id, 2), (&right.transaction_id, 3)] {
        let query = format!("MATCH (a:A) SET a.n = a.n + {n}");
        run_in(&line, id, &query).await.unwrap();
    }
    commit(&line, &left.transaction_id).await.unwrap();
    let status = commit(&line, &right.transaction_id).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status)),
        (Code::Aborted, "CONFLICT".into())
    );
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.metadata["retryable"], "true");

    // A later transaction that is given the bookmark sees the commit.
    let seen = v1::RunRequest {
        options: Some(v1::TransactionOptions {
            bookmarks: vec![committed.bookmark],
            ..v1::TransactionOptions::default()
        }),
        ..run("MATCH (a:A) RETURN a.n")
    };
    assert_eq!(integers(&line, seen).await, [3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_waits_too_long_is_rolled_back() {
    let fixture = with_grpc(|options| speaks(options).transaction_idle = Duration::from_secs(60));
    let line = line(&fixture).await;
    let begun = begin(&line, Some(Duration::from_millis(50))).await;
    let idle = begun.idle_timeout.unwrap();
    assert_eq!((idle.seconds, idle.nanos), (0, 50_000_000));
    let query = "SHOW TRANSACTIONS YIELD transactionId RETURN count(*)";
    // Only the one that asks is left in the end.
    while integers(&line, run(query)).await != [1] {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let status = run_in(&line, &begun.transaction_id, "RETURN 1")
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "TRANSACTION_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_query_at_a_time_runs_in_a_transaction() {
    let fixture = with_grpc(|_| {});
    let line = line(&fixture).await;
    let id = begin(&line, None).await.transaction_id;
    let request = v1::TransactionRunRequest {
        transaction_id: id.clone(),
        query: "UNWIND range(1, 100000000) AS n RETURN n".to_owned(),
        ..v1::TransactionRunRequest::default()
    };
    let stream = TransactionsClient::new(line.clone())
        .run(request)
        .await
        .unwrap();
    let mut stream = stream.into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let status = run_in(&line, &id, "RETURN 1").await.unwrap_err();
    assert_eq!(reason(&status), "TRANSACTION_BUSY");
    // Dropping the call cancels its query; the transaction stays, and waits for that.
    drop(stream);
    let answer = loop {
        match run_in(&line, &id, "RETURN 1").await {
            Ok(answer) => break answer,
            Err(status) => assert_eq!(reason(&status), "TRANSACTION_BUSY"),
        }
    };
    assert_eq!(answer.rows.len(), 1);
    commit(&line, &id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_listed_in_pages_now_and_then() {
    let fixture = with_grpc(|_| {});
    let line = line(&fixture).await;
    answer(&line, run("CREATE (:C {k: 1})-[:T]->(:A), (:B)"))
        .await
        .unwrap();
    answer(
        &line,
        run("CREATE CONSTRAINT c FOR (n:A) REQUIRE n.id IS UNIQUE"),
    )
    .await
    .unwrap();
    answer(&line, run("CREATE INDEX i FOR (n:C) ON (n.k)"))
        .await
        .unwrap();
    let mut client = SchemaClient::new(line.clone());
    let mut request = v1::ListLabelsRequest {
        page_size: 2,
        ..v1::ListLabelsRequest::default()
    };
    let first = client
        .list_labels(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first.labels, ["A", "B"]);
    request.page_token = first.next_page_token;
    let second = client
        .list_labels(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (second.labels, second.next_page_token),
        (vec!["C".to_owned()], String::new())
    );
    request.page_token = "not one".to_owned();
    let status = client.list_labels(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);

    let types = client
        .list_relationship_types(v1::ListRelationshipTypesRequest::default())
        .await;
    assert_eq!(types.unwrap().into_inner().relationship_types, ["T"]);
    let keys = client
        .list_property_keys(v1::ListPropertyKeysRequest::default())
        .await;
    assert_eq!(keys.unwrap().into_inner().property_keys, ["id", "k"]);
    let indexes = client.list_indexes(v1::ListIndexesRequest::default()).await;
    let indexes = indexes.unwrap().into_inner().indexes;
    let index = indexes.iter().find(|index| index.name == "i").unwrap();
    assert_eq!(
        (&*index.kind, index.entity_type()),
        ("RANGE", v1::EntityType::Node)
    );
    assert_eq!(
        (&index.labels_or_types[..], &index.properties[..]),
        (&["C".to_owned()][..], &["k".to_owned()][..])
    );
    let constraints = client
        .list_constraints(v1::ListConstraintsRequest::default())
        .await;
    let constraints = constraints.unwrap().into_inner().constraints;
    assert_eq!(constraints.len(), 1);
    assert_eq!(
        (&*constraints[0].name, &*constraints[0].owned_index),
        ("c", "c")
    );
    // Before the first commit there was nothing.
    let past = v1::ListConstraintsRequest {
        as_of: Some(v1::AsOf {
            moment: Some(v1::as_of::Moment::Version(1)),
        }),
        ..v1::ListConstraintsRequest::default()
    };
    let past = client.list_constraints(past).await.unwrap().into_inner();
    assert!(past.constraints.is_empty());
}

fn version(version: u64) -> Option<v1::AsOf> {
    Some(v1::AsOf {
        moment: Some(v1::as_of::Moment::Version(version)),
    })
}

/// A property of a node, if there is the node.
fn number(element: &Option<v1::Element>) -> Option<i64> {
    let Some(v1::element::Kind::Node(node)) = element.as_ref()?.kind.as_ref() else {
        panic!("no node: {element:?}");
    };
    match node.properties["n"].kind {
        Some(Kind::Integer(int)) => Some(int),
        _ => None,
    }
}

async fn collect<T>(
    stream: Result<tonic::Response<Streaming<T>>, Status>,
) -> Result<Vec<T>, Status> {
    let mut stream = stream?.into_inner();
    let mut all = Vec::new();
    while let Some(message) = stream.message().await? {
        all.push(message);
    }
    Ok(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn time_lists_versions_and_tells_what_differs() {
    let fixture = with_grpc(|_| {});
    let line = line(&fixture).await;
    answer(&line, run("CREATE (:A {n: 1}), (:A {n: 10})"))
        .await
        .unwrap();
    answer(&line, run("MATCH (a:A {n: 1}) SET a.n = 2"))
        .await
        .unwrap();
    answer(&line, run("MATCH (a:A {n: 10}) DELETE a"))
        .await
        .unwrap();
    let why = v1::RunRequest {
        options: Some(v1::TransactionOptions {
            source: "here".to_owned(),
            purpose: "a test".to_owned(),
            ..v1::TransactionOptions::default()
        }),
        ..run("MATCH (a:A) SET a.n = 1")
    };
    answer(&line, why).await.unwrap();
    let mut client = TimeClient::new(line.clone());

    let mut request = v1::ListVersionsRequest {
        page_size: 3,
        ..v1::ListVersionsRequest::default()
    };
    let first = client
        .list_versions(request.clone())
        .await
        .unwrap()
        .into_inner();
    let versions: Vec<u64> = first.commits.iter().map(|commit| commit.version).collect();
    assert_eq!(versions, [4, 3, 2]);
    assert_eq!(first.commits[0].source.as_deref(), Some("here"));
    assert_eq!(first.commits[0].purpose.as_deref(), Some("a test"));
    request.page_token = first.next_page_token;
    let second = client
        .list_versions(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!((second.commits[0].version, second.commits.len()), (1, 1));
    assert_eq!(second.next_page_token, "");
    request = v1::ListVersionsRequest {
        from_version: 2,
        to_version: 3,
        ascending: true,
        ..v1::ListVersionsRequest::default()
    };
    let some = client.list_versions(request).await.unwrap().into_inner();
    let versions: Vec<u64> = some.commits.iter().map(|commit| commit.version).collect();
    assert_eq!(versions, [2, 3]);

    let time = some.commits[0].time;
    let resolve = v1::ResolveRequest {
        graph: String::new(),
        time,
    };
    let resolved = client.resolve(resolve).await.unwrap().into_inner();
    assert_eq!((resolved.version, resolved.time), (2, time));
    let now = client
        .resolve(v1::ResolveRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(now.version, 4);

    let diff = |from, to| v1::DiffRequest {
        graph: "g".to_owned(),
        from: version(from),
        to: version(to),
    };
    let changes = |parts: Vec<v1::DiffResponse>| -> Vec<_> {
        let changes = parts.into_iter().flat_map(|part| part.changes);
        let mut changes: Vec<_> = changes
            .map(|it| (number(&it.before), number(&it.after)))
            .collect();
        changes.sort_unstable();
        changes
    };
    let told = collect(client.diff(diff(1, 3)).await).await.unwrap();
    assert_eq!((told[0].from_version, told[0].to_version), (1, 3));
    assert_eq!(changes(told), [(Some(1), Some(2)), (Some(10), None)]);
    let told = collect(client.diff(diff(3, 1)).await).await.unwrap();
    assert_eq!(changes(told), [(None, Some(10)), (Some(2), Some(1))]);
    // What changed and changed back does not differ.
    let told = collect(client.diff(diff(1, 4)).await).await.unwrap();
    assert_eq!(changes(told), [(Some(10), None)]);
    let told = collect(client.diff(diff(2, 2)).await).await.unwrap();
    assert_eq!(changes(told), []);
    let status = collect(client.diff(diff(1, 9)).await).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);

    let found = answer(&line, run("MATCH (a:A) RETURN elementId(a)"))
        .await
        .unwrap();
    let Some(Kind::String(id)) = found.rows[0][0].clone() else {
        panic!("{found:?}");
    };
    let history = |element_id: &str, until| v1::HistoryRequest {
        graph: String::new(),
        element_id: element_id.to_owned(),
        until,
    };
    let told = collect(client.history(history(&id, None)).await)
        .await
        .unwrap();
    let states: Vec<_> = told
        .into_iter()
        .flat_map(|part| part.states)
        .map(|state| (state.from_version, state.to_version, number(&state.element)))
        .collect();
    assert_eq!(
        states,
        [
            (1, Some(2), Some(1)),
            (2, Some(4), Some(2)),
            (4, None, Some(1))
        ]
    );
    let told = collect(client.history(history(&id, version(3))).await)
        .await
        .unwrap();
    assert_eq!(told[0].states.last().unwrap().to_version, None);
    let status = collect(client.history(history("n:999999", None)).await)
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "ELEMENT_NOT_FOUND");
    let status = collect(client.history(history("x", None)).await)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

fn changes(start: Start, follow: bool) -> v1::ChangesRequest {
    v1::ChangesRequest {
        graph: "g".to_owned(),
        start: Some(start),
        follow,
        without_states: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_change_feed_follows_commits() {
    let fixture = with_grpc(|_| {});
    let line = line(&fixture).await;
    answer(&line, run("CREATE (:A {n: 1})")).await.unwrap();
    let mut client = TimeClient::new(line.clone());
    let told = collect(client.changes(changes(Start::AfterVersion(0), false)).await).await;
    let told = told.unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].complete);
    assert_eq!(number(&told[0].changes[0].after), Some(1));

    let stream = client
        .changes(changes(Start::AfterVersion(1), true))
        .await
        .unwrap();
    let mut stream = stream.into_inner();
    for n in 2..20 {
        answer(&line, run(&format!("MATCH (a:A) SET a.n = {n}")))
            .await
            .unwrap();
        let told = stream.message().await.unwrap().unwrap();
        assert_eq!(told.commit.unwrap().version, n);
        let change = &told.changes[0];
        let n = i64::try_from(n).unwrap();
        assert_eq!(
            (number(&change.before), number(&change.after)),
            (Some(n - 1), Some(n))
        );
    }
    drop(stream);
    // A commit of many elements comes in parts.
    answer(&line, run("UNWIND range(1, 2500) AS n CREATE (:M {n: n})"))
        .await
        .unwrap();
    let told = collect(
        client
            .changes(changes(Start::AfterVersion(19), false))
            .await,
    )
    .await;
    let told = told.unwrap();
    assert!(told.len() > 1);
    assert_eq!(
        told.iter().map(|part| part.changes.len()).sum::<usize>(),
        2_500
    );
    let complete: Vec<bool> = told.iter().map(|part| part.complete).collect();
    assert!(complete.iter().rev().skip(1).all(|is| !is) && complete.last() == Some(&true));

    for bad in [
        Start::AfterVersion(999),
        Start::AfterBookmark("rg:1".to_owned()),
        Start::AfterBookmark(format!("rg:{:032x}:1:1", 7)),
    ] {
        let status = collect(client.changes(changes(bad, false)).await)
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_feed_resumes_across_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let start = || {
        let path = directory.path().join("data");
        let database = Database::open(&path, OpenOptions::creating()).unwrap();
        if database.graphs().unwrap().is_empty() {
            database.create_graph("g").unwrap();
        }
        let mut options = options("127.0.0.1:0", open());
        options.bolt = None;
        options.grpc = Some(grpc::Options::new("127.0.0.1:0".parse().unwrap()));
        let server = listen(database, options);
        let (address, stop) = (server.grpc_address().unwrap(), server.stop());
        (address, stop, std::thread::spawn(move || server.run()))
    };
    let line = |address| async move {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        InterceptedService::new(endpoint.connect().await.unwrap(), Shown(None))
    };
    let (address, stop, thread) = start();
    let first = line(address).await;
    for n in 1..=3 {
        answer(&first, run(&format!("CREATE (:A {{n: {n}}})")))
            .await
            .unwrap();
    }
    let mut client = TimeClient::new(first.clone());
    let stream = client
        .changes(changes(Start::AfterVersion(0), true))
        .await
        .unwrap();
    let mut stream = stream.into_inner();
    let mut taken = None;
    for _ in 0..2 {
        taken = stream.message().await.unwrap().unwrap().commit;
    }
    stop.stop();
    thread.join().unwrap();
    // The feed has ended with an error, or after what was on its way, but not as if it were complete.
    let ended = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert!(ended.is_err(), "{ended:?}");

    let (address, stop, thread) = start();
    let second = line(address).await;
    answer(&second, run("CREATE (:A {n: 4})")).await.unwrap();
    let after = Start::AfterBookmark(taken.unwrap().bookmark);
    let told = collect(TimeClient::new(second).changes(changes(after, false)).await).await;
    let told: Vec<u64> = told
        .unwrap()
        .into_iter()
        .map(|message| message.commit.unwrap().version)
        .collect();
    assert_eq!(told, [3, 4]);
    stop.stop();
    thread.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_listed_and_ended() {
    let fixture = with_grpc(|_| {});
    let line = line(&fixture).await;
    let stream = QueryClient::new(line.clone())
        .run(run("UNWIND range(1, 100000000) AS n RETURN n"))
        .await
        .unwrap();
    let mut stream = stream.into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let mut client = JobsClient::new(line.clone());
    let listed = client
        .list_jobs(v1::ListJobsRequest::default())
        .await
        .unwrap();
    let jobs = listed.into_inner().jobs;
    let job = jobs
        .iter()
        .find(|job| job.subject.starts_with("UNWIND"))
        .unwrap();
    assert_eq!(
        (job.kind(), job.state()),
        (v1::JobKind::Transaction, v1::JobState::Running)
    );
    assert_eq!(job.graph, "g");
    assert!(job.started.is_some());
    let request = v1::GetJobRequest {
        job_id: job.job_id.clone(),
    };
    let found = client.get_job(request.clone()).await.unwrap().into_inner();
    assert_eq!(found.job.unwrap().subject, job.subject);
    let cancel = v1::CancelJobRequest {
        job_id: job.job_id.clone(),
    };
    client.cancel_job(cancel).await.unwrap();
    let ended = all_of(&mut stream).await.unwrap_err();
    assert_eq!(
        (ended.code(), reason(&ended)),
        (Code::Cancelled, "TERMINATED".into())
    );
    for id in [&*job.job_id, "import:g:none", "index:g:none", "no job"] {
        let request = v1::GetJobRequest {
            job_id: id.to_owned(),
        };
        let status = client.get_job(request).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status)),
            (Code::NotFound, "JOB_NOT_FOUND".into())
        );
    }
}

/// Reads a stream to its end.
async fn all_of<T>(stream: &mut Streaming<T>) -> Result<usize, Status> {
    let mut count = 0;
    while stream.message().await?.is_some() {
        count += 1;
    }
    Ok(count)
}

fn with_users() -> Fixture {
    Fixture::with_database(|database, options| {
        let directory = Arc::new(Directory::open(Arc::clone(database)).unwrap());
        for (name, role) in [("root", "admin"), ("eve", "reader")] {
            let password = "correct horse".into();
            directory
                .create_user("t", name, Some(&password), false)
                .unwrap();
            directory.assign("t", name, role).unwrap();
        }
        let authenticator = Arc::new(Authenticator::new(directory).unwrap());
        for procedure in procedures(&authenticator) {
            database.engine().register_procedure(procedure);
        }
        options.access = Access::Users(authenticator);
        options.grpc = Some(grpc::Options::new("127.0.0.1:0".parse().unwrap()));
    })
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_who_does_not_belong() {
    let fixture = with_users();
    for (shown, reason_wanted) in [
        (None, "UNAUTHENTICATED"),
        (Some(basic("root", "wrong")), "UNAUTHENTICATED"),
        (Some("Bearer rg_no_such_key".to_owned()), "UNAUTHENTICATED"),
        (Some("Digest x".to_owned()), "UNAUTHENTICATED"),
    ] {
        let line = InterceptedService::new(channel(&fixture).await, Shown(shown));
        let status = answer(&line, run("RETURN 1")).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
        assert_eq!(reason(&status), reason_wanted);
        let status = begin_status(&line).await;
        assert_eq!(status.code(), Code::Unauthenticated);
    }
    let eve = line_of(&fixture, &basic("eve", "correct horse")).await;
    assert_eq!(integers(&eve, run("RETURN 1")).await, [1]);
    let status = answer(&eve, run("CREATE (:A)")).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status)),
        (Code::PermissionDenied, "FORBIDDEN".into())
    );
    let system = v1::RunRequest {
        options: Some(on("system")),
        ..run("MATCH (n) RETURN count(n)")
    };
    let status = answer(&eve, system).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let mut admin = AdminClient::new(eve.clone());
    let status = admin
        .create_graph(v1::CreateGraphRequest {
            name: "mine".into(),
        })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let status = admin
        .list_users(v1::ListUsersRequest::default())
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);

    // Transactions and queries are those of who began them.
    let root = line_of(&fixture, &basic("root", "correct horse")).await;
    let id = begin(&root, None).await.transaction_id;
    let status = run_in(&eve, &id, "RETURN 1").await.unwrap_err();
    assert_eq!(reason(&status), "TRANSACTION_NOT_FOUND");
    rollback(&eve, &id).await;
    run_in(&root, &id, "RETURN 1").await.unwrap();
    let stream = QueryClient::new(root.clone())
        .run(run("UNWIND range(1, 100000000) AS n RETURN n"))
        .await
        .unwrap();
    let mut stream = stream.into_inner();
    let Some(Part::Header(header)) = stream.message().await.unwrap().unwrap().part else {
        panic!("no header");
    };
    let cancel = || v1::CancelRequest {
        query_id: header.query_id.clone(),
    };
    let status = QueryClient::new(eve).cancel(cancel()).await.unwrap_err();
    assert_eq!(reason(&status), "QUERY_NOT_FOUND");
    QueryClient::new(root).cancel(cancel()).await.unwrap();
    let ended = all_of(&mut stream).await.unwrap_err();
    assert_eq!(
        (ended.code(), reason(&ended)),
        (Code::Cancelled, "CANCELLED".into())
    );
}

async fn begin_status(line: &Line) -> Status {
    let request = v1::BeginRequest::default();
    let begun = TransactionsClient::new(line.clone()).begin(request).await;
    begun.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_make_graphs_users_roles_and_keys() {
    let fixture = with_users();
    let root = line_of(&fixture, &basic("root", "correct horse")).await;
    let mut admin = AdminClient::new(root.clone());
    let made = admin
        .create_graph(v1::CreateGraphRequest { name: "h".into() })
        .await;
    assert_eq!(made.unwrap().into_inner().graph.unwrap().name, "h");
    let create = |name: &str| v1::CreateGraphRequest { name: name.into() };
    let status = admin.create_graph(create("h")).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status)),
        (Code::AlreadyExists, "GRAPH_EXISTS".into())
    );
    let status = admin.create_graph(create("No Name")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let graphs = admin
        .list_graphs(v1::ListGraphsRequest::default())
        .await
        .unwrap();
    let names: Vec<String> = graphs
        .into_inner()
        .graphs
        .into_iter()
        .map(|graph| graph.name)
        .collect();
    assert_eq!(names, ["g", "h"]);

    let user = v1::CreateUserRequest {
        name: "ana".into(),
        password: Some("a long password".into()),
        keep_password: false,
    };
    admin.create_user(user).await.unwrap();
    admin
        .create_role(v1::CreateRoleRequest {
            name: "crew".into(),
        })
        .await
        .unwrap();
    let grant = v1::GrantRequest {
        role: "crew".into(),
        grant: Some(v1::RoleGrant {
            graph: "h".into(),
            actions: vec!["read".into(), "write".into()],
        }),
    };
    admin.grant(grant).await.unwrap();
    let assign = v1::AssignRoleRequest {
        role: "crew".into(),
        user: "ana".into(),
    };
    admin.assign_role(assign).await.unwrap();
    let roles = admin
        .list_roles(v1::ListRolesRequest::default())
        .await
        .unwrap();
    let roles = roles.into_inner().roles;
    let crew = roles.iter().find(|role| role.name == "crew").unwrap();
    assert_eq!((&*crew.grants[0].graph, crew.built_in), ("h", false));
    assert_eq!(crew.grants[0].actions, ["read", "write"]);
    let users = admin
        .list_users(v1::ListUsersRequest::default())
        .await
        .unwrap();
    let users = users.into_inner().users;
    let ana = users.iter().find(|user| user.name == "ana").unwrap();
    assert!(ana.must_change_password && ana.has_password && !ana.suspended);
    assert_eq!(ana.roles, ["crew"]);

    // Whoever has to change their password can do that and nothing else.
    let line = line_of(&fixture, &basic("ana", "a long password")).await;
    let on_h = |query| v1::RunRequest {
        options: Some(on("h")),
        ..run(query)
    };
    let status = answer(&line, on_h("RETURN 1")).await.unwrap_err();
    assert_eq!(reason(&status), "PASSWORD_MUST_CHANGE");
    let change = v1::ChangePasswordRequest {
        old_password: "a long password".into(),
        new_password: "another password".into(),
    };
    AdminClient::new(line)
        .change_password(change)
        .await
        .unwrap();
    let line = line_of(&fixture, &basic("ana", "another password")).await;
    assert_eq!(integers(&line, on_h("RETURN 1")).await, [1]);

    let key = v1::CreateApiKeyRequest {
        user: "ana".into(),
        label: "robot".into(),
        days: 1,
    };
    let key = admin.create_api_key(key).await.unwrap().into_inner();
    let robot = line_of(&fixture, &format!("Bearer {}", key.key)).await;
    assert_eq!(integers(&robot, on_h("RETURN 1")).await, [1]);
    let keys = admin
        .list_api_keys(v1::ListApiKeysRequest::default())
        .await
        .unwrap();
    let keys = keys.into_inner().api_keys;
    assert_eq!((&*keys[0].user, &*keys[0].label), ("ana", "robot"));
    assert!(keys[0].expires.is_some());
    // A key that is gone ends at once, also where it was recognised before.
    let drop = v1::DropApiKeyRequest { key_id: key.key_id };
    admin.drop_api_key(drop).await.unwrap();
    assert!(answer(&robot, on_h("RETURN 1")).await.is_err());

    let suspend = v1::SuspendUserRequest {
        name: "ana".into(),
        resume: false,
    };
    admin.suspend_user(suspend).await.unwrap();
    let status = answer(&line, on_h("RETURN 1")).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let unassign = v1::UnassignRoleRequest {
        role: "crew".into(),
        user: "ana".into(),
    };
    admin.unassign_role(unassign).await.unwrap();
    admin
        .drop_role(v1::DropRoleRequest {
            name: "crew".into(),
        })
        .await
        .unwrap();
    let set = v1::SetPasswordRequest {
        name: "ana".into(),
        password: "yet another one".into(),
        keep_password: true,
    };
    admin.set_password(set).await.unwrap();
    admin
        .drop_user(v1::DropUserRequest { name: "ana".into() })
        .await
        .unwrap();
    let status = admin
        .drop_user(v1::DropUserRequest { name: "ana".into() })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlines_are_kept() {
    let fixture = with_grpc(|_| {});
    let line = line(&fixture).await;
    let endless = "UNWIND range(1, 1000000) AS a UNWIND range(1, 1000000) AS b \
                   WITH a, b WHERE a + b < 0 RETURN count(*)";
    let mut request = Request::new(run(endless));
    request.set_timeout(Duration::from_millis(200));
    let stream = QueryClient::new(line.clone()).run(request).await;
    let status = match stream {
        Ok(stream) => all_of(&mut stream.into_inner()).await.unwrap_err(),
        Err(status) => status,
    };
    assert!(
        matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled),
        "{status:?}"
    );
    let timed = v1::RunRequest {
        options: Some(v1::TransactionOptions {
            timeout: Some(prost_types::Duration {
                seconds: 0,
                nanos: 100_000_000,
            }),
            ..v1::TransactionOptions::default()
        }),
        ..run(endless)
    };
    let status = answer(&line, timed).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status)),
        (Code::DeadlineExceeded, "TIMED_OUT".into())
    );
    // Neither runs any more.
    no_others_run(&line).await;
}

/// Waits until nothing runs but the question.
async fn no_others_run(line: &Line) {
    let query = "SHOW TRANSACTIONS YIELD transactionId RETURN count(*)";
    while integers(line, run(query)).await != [1] {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_call_cancels_its_query() {
    let fixture = with_grpc(|_| {});
    let line = line(&fixture).await;
    let endless = "UNWIND range(1, 1000000) AS a UNWIND range(1, 1000000) AS b \
                   WITH a, b WHERE a + b < 0 RETURN count(*)";
    let stream = QueryClient::new(line.clone())
        .run(run(endless))
        .await
        .unwrap();
    let mut stream = stream.into_inner();
    assert!(stream.message().await.unwrap().is_some(), "the header");
    drop(stream);
    no_others_run(&line).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_keeps_no_worker() {
    let fixture = with_grpc(|options| {
        options.workers_max = 1;
        speaks(options).stall = Duration::from_millis(200);
    });
    let slow = line(&fixture).await;
    let other = line(&fixture).await;
    let rows =
        "UNWIND range(1, 100000000) AS n RETURN n, 'a text that takes its place in an answer'";
    let stream = QueryClient::new(slow).run(run(rows)).await.unwrap();
    let mut stream = stream.into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let since = Instant::now();
    loop {
        match answer(&other, run("RETURN 1")).await {
            Ok(_) => break,
            Err(status) => assert_eq!(reason(&status), "BUSY"),
        }
        assert!(
            since.elapsed() < Duration::from_secs(60),
            "the worker is kept"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // What was cut short does not look complete.
    let status = all_of(&mut stream).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status)),
        (Code::DeadlineExceeded, "NOT_READ".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_too_large_are_refused() {
    let fixture = with_grpc(|options| speaks(options).message_bytes_max = 100_000);
    let line = line(&fixture).await;
    let long = format!("RETURN '{}'", "x".repeat(200_000));
    let status = answer(&line, run(&long)).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
    assert_eq!(integers(&line, run("RETURN 1")).await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_to_anybody_and_reflection_to_those_who_log_in() {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let fixture = with_users();
    let nobody = InterceptedService::new(channel(&fixture).await, Shown(None));
    for service in ["", "retrograph.v1.Query", "retrograph.v1.Time"] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let health = HealthClient::new(nobody.clone())
            .check(request)
            .await
            .unwrap();
        assert_eq!(health.into_inner().status, 1, "{service}");
    }
    let request = HealthCheckRequest {
        service: "retrograph.v1.Receipts".to_owned(),
    };
    let status = HealthClient::new(nobody.clone())
        .check(request)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::NotFound);

    let list = || ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let asked = ServerReflectionClient::new(nobody)
        .server_reflection_info(tokio_stream::iter([list()]))
        .await;
    assert_eq!(asked.unwrap_err().code(), Code::Unauthenticated);
    let eve = line_of(&fixture, &basic("eve", "correct horse")).await;
    let told = ServerReflectionClient::new(eve)
        .server_reflection_info(tokio_stream::iter([list()]))
        .await
        .unwrap();
    let told = told.into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(told)) = told.message_response else {
        panic!("{told:?}");
    };
    let mut names: Vec<String> = told
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    names.sort();
    for name in ["Admin", "Jobs", "Query", "Schema", "Time", "Transactions"] {
        assert!(
            names.contains(&format!("retrograph.v1.{name}")),
            "{names:?}"
        );
    }
    assert!(names.contains(&"grpc.health.v1.Health".to_owned()));
}
