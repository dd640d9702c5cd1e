//! `Query`.

use std::collections::BTreeMap;

use retrograph_proto::v1;
use retrograph_proto::v1::value::Kind;
use tonic::Code;

use crate::call::{answer, integers, line, on, reason, run, run_at, with_grpc};

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
