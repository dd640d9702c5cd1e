//! `Time`: versions, differences, histories, the change feed.

use retrograph_net::grpc;
use retrograph_proto::v1;
use retrograph_proto::v1::changes_request::Start;
use retrograph_proto::v1::time_client::TimeClient;
use retrograph_proto::v1::value::Kind;
use retrograph_server::{Database, OpenOptions};
use tonic::Code;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;

use crate::call::{Shown, answer, collect, line, reason, run, version, with_grpc};
use crate::fixture::{listen, open, options};

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
