//! What is counted of the requests of drivers, as a scraper sees it.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod fixture;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use fixture::{Client, Fixture, run};

fn scrape(address: SocketAddr) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    write!(
        socket,
        "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[track_caller]
fn assert_tells(metrics: &str, sample: &str) {
    assert!(
        metrics.lines().any(|line| line == sample),
        "{sample}: {metrics}"
    );
}

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
