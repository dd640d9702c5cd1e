//! What is counted of the requests of drivers, as a scraper sees it.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod fixture;

use fixture::{Client, Fixture, assert_tells, run, scrape};
use retrograph_net::grpc;
use retrograph_proto::v1;
use retrograph_proto::v1::query_client::QueryClient;
use tonic::transport::Endpoint;

#[test]
fn requests_of_drivers_are_counted_by_how_they_end() {
    let fixture = Fixture::with(|options| {
        options.http.metrics = Some("127.0.0.1:0".parse().unwrap());
    });
    let mut client: Client = fixture.client();
    client.query("CREATE (:A)");
    client.query("CREATE (:A)");
    client.send(&[run("MATCH (n:A RETURN n")]);
    client.failure();
    client.reset();
    client.begin(retrograph_bolt::message::request::Extra::default());
    // A request is counted when its answer is on its way.
    let begun = "retrograph_requests_total{protocol=\"bolt\",request=\"begin\",end=\"done\"} 1";
    let metrics = loop {
        let metrics = scrape(fixture.http[0]);
        if metrics.lines().any(|line| line == begun) {
            break metrics;
        }
        std::thread::yield_now();
    };
    let requests = |request: &str, end: &str, count: u64| {
        let labels = format!("protocol=\"bolt\",request=\"{request}\",end=\"{end}\"");
        assert_tells(
            &metrics,
            &format!("retrograph_requests_total{{{labels}}} {count}"),
        );
    };
    requests("login", "done", 1);
    requests("run", "done", 2);
    requests("run", "client_error", 1);
    requests("commit", "done", 0);
    let count = "retrograph_request_seconds_count{protocol=\"bolt\",request=\"run\"} 3";
    assert_tells(&metrics, count);
    assert_tells(&metrics, "retrograph_graph_version{graph=\"g\"} 2");
    assert_tells(&metrics, "retrograph_connections 1");
    assert_tells(&metrics, "retrograph_workers 1");
    assert_tells(&metrics, "retrograph_transactions 1");
    assert_tells(&metrics, "retrograph_failed_logins_total 0");
    // What users write is in no label.
    assert!(
        !metrics.contains("MATCH") && !metrics.contains("CREATE"),
        "{metrics}"
    );
}

fn query(text: &str) -> v1::RunRequest {
    v1::RunRequest {
        query: text.to_owned(),
        ..v1::RunRequest::default()
    }
}

/// How many calls of a method have ended in a way.
fn calls(method: &str, end: &str, count: u64) -> String {
    let labels = format!("protocol=\"grpc\",request=\"{method}\",end=\"{end}\"");
    format!("retrograph_requests_total{{{labels}}} {count}")
}

#[test]
fn calls_of_grpc_are_counted_by_method_and_by_how_they_end() {
    let fixture = Fixture::with(|options| {
        options.http.metrics = Some("127.0.0.1:0".parse().unwrap());
        options.grpc = Some(grpc::Options::new("127.0.0.1:0".parse().unwrap()));
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let uri = format!("http://{}", fixture.grpc.unwrap());
    runtime.block_on(async {
        let endpoint = Endpoint::from_shared(uri).unwrap();
        let channel = endpoint.connect().await.unwrap();
        let mut queries = QueryClient::new(channel.clone());
        // One that ends well, one with a mistake, one that its client drops.
        let mut stream = queries.run(query("RETURN 1")).await.unwrap().into_inner();
        while stream.message().await.unwrap().is_some() {}
        let stream = queries.run(query("RETURN")).await.unwrap();
        assert!(stream.into_inner().message().await.is_err());
        let endless = "UNWIND range(1, 100000000) AS x RETURN x, 'a text to fill what waits'";
        let mut stream = queries.run(query(endless)).await.unwrap().into_inner();
        stream.message().await.unwrap();
        drop(stream);
        // A method that there is not; its name is in no label.
        let mut raw = tonic::client::Grpc::new(channel);
        raw.ready().await.unwrap();
        let path = "/retrograph.v1.Query/Invented".parse().unwrap();
        let codec = tonic_prost::ProstCodec::<v1::RunRequest, v1::RunResponse>::default();
        let asked = raw.unary(tonic::Request::new(query("")), path, codec);
        assert_eq!(asked.await.unwrap_err().code(), tonic::Code::Unimplemented);
    });
    let ended = [
        calls("Query/Run", "done", 1),
        calls("Query/Run", "client_error", 2),
        calls("other", "client_error", 1),
    ];
    // A call has ended for the server a moment after it has for its client.
    let metrics = loop {
        let metrics = scrape(fixture.http[0]);
        if ended
            .iter()
            .all(|line| metrics.lines().any(|told| told == line))
        {
            break metrics;
        }
        std::thread::yield_now();
    };
    assert_tells(&metrics, &calls("Query/Run", "server_error", 0));
    assert_tells(&metrics, &calls("Transactions/Commit", "done", 0));
    let count = "retrograph_request_seconds_count{protocol=\"grpc\",request=\"Query/Run\"} 3";
    assert_tells(&metrics, count);
    assert!(!metrics.contains("Invented"), "{metrics}");
}
