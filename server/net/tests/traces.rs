//! Traces as a collector is told of them by a server.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

#[path = "fixture/collector.rs"]
mod collector;
mod fixture;

use std::collections::BTreeMap;

use collector::{Collector, texts};
use fixture::{Client, Fixture, ask_users, basic, run, shown};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use retrograph_bolt::Value;
use retrograph_bolt::Version;
use retrograph_bolt::message::request::{Extra, Portion, Request, Run};
use retrograph_bolt::value::map;
use retrograph_net::{grpc, traces};
use retrograph_proto::v1;
use retrograph_proto::v1::query_client::QueryClient;
use retrograph_proto::v1::transactions_client::TransactionsClient;
use tonic::transport::{Channel, Endpoint};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{SPAN}-{flags}")
}

/// A server that tells a collector of all requests.
fn traced(collector: &Collector, change: impl FnOnce(&mut traces::Options)) -> Fixture {
    let mut told = traces::Options {
        endpoint: collector.endpoint.clone(),
        sample_ratio: 1.0,
        tells_text: false,
    };
    change(&mut told);
    Fixture::with(|options| {
        options.traces = Some(told);
        options.grpc = Some(grpc::Options::new("127.0.0.1:0".parse().unwrap()));
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let mut found = spans.iter().filter(|span| span.name == name);
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    let span = found.next().unwrap_or_else(|| panic!("{name}: {names:?}"));
    assert!(found.next().is_none(), "{name} more than once: {names:?}");
    span
}

/// What a span consists of, in the order of time.
fn parts<'s>(spans: &'s [Span], of: &Span) -> Vec<&'s Span> {
    let mut parts: Vec<&Span> = spans
        .iter()
        .filter(|span| span.parent_span_id == of.span_id)
        .collect();
    parts.sort_by_key(|span| (span.start_time_unix_nano, span.end_time_unix_nano));
    for part in &parts {
        assert_eq!(part.trace_id, of.trace_id);
        assert!(part.start_time_unix_nano >= of.start_time_unix_nano);
        assert!(part.start_time_unix_nano <= part.end_time_unix_nano);
        assert!(part.end_time_unix_nano <= of.end_time_unix_nano);
    }
    parts
}

fn names<'s>(spans: &[&'s Span]) -> Vec<&'s str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

#[track_caller]
fn assert_says(span: &Span, expected: &[(&str, &str)]) {
    let said = texts(&span.attributes);
    for (key, value) in expected {
        assert_eq!(said.get(key).map(String::as_str), Some(*value), "{said:?}");
    }
}

fn is_failed(span: &Span) -> bool {
    let status = span.status.as_ref();
    status.is_some_and(|status| status.code() == StatusCode::Error && status.message.is_empty())
}

#[test]
fn a_statement_over_bolt_has_a_span_with_what_it_did() {
    let collector = Collector::start();
    let fixture = traced(&collector, |_| {});
    let mut client = fixture.client();
    client.query("CREATE (:A {x: 1})");
    client.query("MATCH (a:A) RETURN a.x AS x UNION ALL MATCH (a:A) RETURN 2 AS x");
    // What has ended is told before the server is gone.
    drop(client);
    drop(fixture);

    let spans = collector.spans();
    let write = named(&spans, "WRITE g");
    assert_eq!(write.kind(), SpanKind::Server);
    assert!(write.parent_span_id.is_empty() && !is_failed(write));
    assert_says(
        write,
        &[
            ("db.system.name", "retrograph"),
            ("db.namespace", "g"),
            ("db.operation.name", "WRITE"),
            ("db.response.returned_rows", "0"),
            ("network.protocol.name", "bolt"),
            ("user.id", "tester"),
            ("retrograph.tenant", "main"),
            ("retrograph.version", "1"),
            ("retrograph.plan.cached", "false"),
        ],
    );
    assert!(!texts(&write.attributes).contains_key("db.query.text"));
    let did = parts(&spans, write);
    assert_eq!(names(&did), ["plan", "wait", "execute", "commit"]);
    assert!(did.iter().all(|part| part.kind() == SpanKind::Internal));
    let read = named(&spans, "READ g");
    assert_says(
        read,
        &[
            ("db.operation.name", "READ"),
            ("db.response.returned_rows", "2"),
            ("retrograph.version", "1"),
        ],
    );
    assert_eq!(names(&parts(&spans, read)), ["plan", "wait", "execute"]);
    assert_ne!(read.trace_id, write.trace_id);

    let told = collector.told();
    let resource = told[0].resource_spans[0].resource.as_ref().unwrap();
    let about = texts(&resource.attributes);
    assert_eq!(about["service.name"], "retrograph");
    assert_eq!(about["service.version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_transaction_over_bolt_is_part_of_the_trace_that_its_client_names() {
    let collector = Collector::start();
    // Of those that no client decides on, none is kept.
    let fixture = traced(&collector, |traces| traces.sample_ratio = 0.0);
    let mut client = fixture.client();
    let part_of = |flags: &str| Extra {
        metadata: map([("traceparent", traceparent(flags))]),
        ..Extra::default()
    };
    client.query("RETURN 'no trace'");
    client.query_with("RETURN 'not to be kept'", part_of("00"));
    client.begin(part_of("01"));
    client.query("CREATE (:A)");
    client.query("MATCH (a:A) RETURN a");
    client.send(&[Request::Commit]);
    client.success();
    client.begin(part_of("01"));
    client.query("CREATE (:B)");
    client.send(&[Request::Rollback]);
    client.success();
    client.query_with("CREATE (:C)", part_of("01"));
    drop(client);
    drop(fixture);

    let spans = collector.spans();
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE));
    let outcome = |outcome: &str| {
        let wanted = |span: &&Span| {
            let said = texts(&span.attributes);
            said.get("retrograph.transaction.outcome")
                .map(String::as_str)
                == Some(outcome)
        };
        let found: Vec<&Span> = spans.iter().filter(wanted).collect();
        let [one] = found[..] else {
            panic!("{outcome}: {found:?}");
        };
        one
    };
    let committed = outcome("committed");
    assert_eq!(committed.name, "TRANSACTION g");
    assert_eq!(hex(&committed.parent_span_id), SPAN);
    assert_says(
        committed,
        &[("db.namespace", "g"), ("retrograph.version", "1")],
    );
    let did = parts(&spans, committed);
    assert_eq!(names(&did), ["WRITE g", "READ g", "commit"]);
    assert_eq!(names(&parts(&spans, did[0])), ["plan", "wait", "execute"]);
    let rolled_back = outcome("rolled_back");
    assert_eq!(names(&parts(&spans, rolled_back)), ["WRITE g"]);
    // And a statement by itself.
    let alone = |span: &&Span| hex(&span.parent_span_id) == SPAN && span.name == "WRITE g";
    assert_eq!(spans.iter().filter(alone).count(), 1);
}

async fn channel(fixture: &Fixture) -> Channel {
    let uri = format!("http://{}", fixture.grpc.unwrap());
    Endpoint::from_shared(uri).unwrap().connect().await.unwrap()
}

/// A request that is part of the client's trace.
fn asked<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let value = traceparent("01").parse().unwrap();
    request.metadata_mut().insert("traceparent", value);
    request
}

fn query(text: &str) -> v1::RunRequest {
    v1::RunRequest {
        query: text.to_owned(),
        ..v1::RunRequest::default()
    }
}

#[test]
fn calls_of_grpc_are_part_of_the_trace_that_their_client_names() {
    let collector = Collector::start();
    let fixture = traced(&collector, |traces| traces.sample_ratio = 0.0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let channel = channel(&fixture).await;
        let mut queries = QueryClient::new(channel.clone());
        // None of these names a trace.
        let stream = queries.run(query("RETURN 'no trace'")).await.unwrap();
        let mut stream = stream.into_inner();
        while stream.message().await.unwrap().is_some() {}
        let stream = queries.run(asked(query("CREATE (:A) RETURN 1"))).await;
        let mut stream = stream.unwrap().into_inner();
        while stream.message().await.unwrap().is_some() {}
        let stream = queries.run(asked(query("MATCH (n RETURN"))).await;
        assert!(stream.unwrap().into_inner().message().await.is_err());
        let mut transactions = TransactionsClient::new(channel);
        let begun = transactions.begin(asked(v1::BeginRequest::default())).await;
        let id = begun.unwrap().into_inner().transaction_id;
        let request = v1::TransactionRunRequest {
            transaction_id: id.clone(),
            query: "MATCH (a:A) RETURN a".to_owned(),
            ..v1::TransactionRunRequest::default()
        };
        let mut stream = transactions.run(asked(request)).await.unwrap().into_inner();
        while stream.message().await.unwrap().is_some() {}
        let request = v1::CommitRequest { transaction_id: id };
        transactions.commit(asked(request)).await.unwrap();
    });
    drop(runtime);
    drop(fixture);

    let spans = collector.spans();
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE));
    let calls: Vec<&Span> = spans
        .iter()
        .filter(|span| span.kind() == SpanKind::Server)
        .collect();
    let mut methods = names(&calls);
    methods.sort_unstable();
    assert_eq!(
        methods,
        [
            "retrograph.v1.Query/Run",
            "retrograph.v1.Query/Run",
            "retrograph.v1.Transactions/Begin",
            "retrograph.v1.Transactions/Commit",
            "retrograph.v1.Transactions/Run",
        ]
    );
    for call in &calls {
        assert_eq!(hex(&call.parent_span_id), SPAN);
        assert_says(
            call,
            &[
                ("rpc.system.name", "grpc"),
                ("rpc.method", call.name.as_str()),
                ("user.id", "tester"),
            ],
        );
    }
    let status = |span: &Span| texts(&span.attributes)["rpc.response.status_code"].clone();
    let by_status: BTreeMap<String, &Span> = calls
        .iter()
        .filter(|call| call.name == "retrograph.v1.Query/Run")
        .map(|call| (status(call), *call))
        .collect();
    let ran = by_status["OK"];
    let did = parts(&spans, ran);
    assert_eq!(names(&did), ["WRITE g"]);
    assert_eq!(did[0].kind(), SpanKind::Internal);
    assert_says(
        did[0],
        &[
            ("network.protocol.name", "grpc"),
            ("db.response.returned_rows", "1"),
            ("retrograph.version", "1"),
        ],
    );
    let stages = names(&parts(&spans, did[0]));
    assert_eq!(stages, ["plan", "wait", "execute", "commit"]);
    // A mistake of the client is no error of the server's call, but one of the statement.
    let refused = by_status["INVALID_ARGUMENT"];
    assert!(!is_failed(refused));
    let did = parts(&spans, refused);
    assert!(is_failed(did[0]));
    assert_says(
        did[0],
        &[("error.type", "Neo.ClientError.Statement.SyntaxError")],
    );
    assert_eq!(parts(&spans, did[0]), Vec::<&Span>::new());
}

const PASSWORD: &str = "hunter2-correct-horse";

fn log_in(fixture: &Fixture) -> Client {
    let mut client = shown(fixture, Version::new(5, 8), basic("admin", PASSWORD));
    client.success();
    client
}

/// Neither what is written nor what is found, nor what went wrong with it, nor who somebody shows to be.
#[test]
fn no_value_and_no_secret_is_told() {
    for tells_text in [false, true] {
        let collector = Collector::start();
        let endpoint = collector.endpoint.clone();
        let fixture = Fixture::with_database(|database, options| {
            ask_users(database, options, PASSWORD, &[("admin", "admin")]);
            options.traces = Some(traces::Options {
                endpoint,
                sample_ratio: 1.0,
                tells_text,
            });
        });
        let mut client = log_in(&fixture);
        let written = Request::Run(Run {
            query:
                "CREATE (p:Person {passport: $passport, name: 'hunter2-literal'}) /* hunter2 */ \
                    RETURN p.passport"
                    .to_owned(),
            parameters: map([("passport", Value::from("hunter2-parameter"))]),
            extra: Extra {
                metadata: map([("app", "hunter2-metadata")]),
                ..Extra::default()
            },
        });
        client.send(&[written, Request::Pull(Portion::ALL)]);
        client.success();
        assert_eq!(client.rows().0.len(), 1);
        client.send(&[run("CREATE (:Person {passport: hunter2'}) RETURN 1")]);
        client.failure();
        client.reset();
        client.send(&[
            run("RETURN date('hunter2-runtime')"),
            Request::Pull(Portion::ALL),
        ]);
        client.success();
        assert!(client.failure_message().contains("hunter2-runtime"));
        client.reset();
        client.send(&[run("RETURN 1"), Request::Pull(Portion::ALL)]);
        client.success();
        client.rows();
        drop(client);
        drop(fixture);

        let spans = collector.spans();
        let failed = spans.iter().filter(|span| is_failed(span)).count();
        assert_eq!(failed, 2);
        let told = format!("{:?}", collector.told());
        assert!(!told.contains("hunter2"), "{told}");
        let text = "CREATE (p:Person {passport: $passport, name: ?}) RETURN p.passport";
        assert_eq!(told.contains(text), tells_text, "{told}");
        assert_eq!(told.contains("passport"), tells_text, "{told}");
    }
}

/// Whatever is wrong with a collector, requests are answered and the server stops.
#[test]
fn a_collector_that_answers_nobody_is_no_trouble() {
    // Connections are made by the system, and nobody takes them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = nobody.local_addr().unwrap();
    drop(nobody);
    for address in [silent.local_addr().unwrap(), gone] {
        let collector = Collector::start();
        let fixture = traced(&collector, |traces| {
            traces.endpoint = format!("http://{address}");
        });
        let mut client = fixture.client();
        for expected in 0..600 {
            assert_eq!(client.int("MATCH (n) RETURN count(*)"), expected);
            client.query("CREATE (:A)");
        }
        drop(client);
        drop(fixture);
    }
}
