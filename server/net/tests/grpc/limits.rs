//! Deadlines, clients that go or do not read, workers, large messages.

use std::time::{Duration, Instant};

use retrograph_bolt::message::request::Extra;
use retrograph_proto::v1;
use retrograph_proto::v1::query_client::QueryClient;
use tonic::{Code, Request};

use crate::call::{Line, all_of, answer, integers, line, reason, run, speaks, with_grpc};

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
async fn a_call_waits_for_the_worker_of_a_connection_that_is_idle() {
    let fixture = with_grpc(|options| options.workers_max = 1);
    let mut idle = fixture.client();
    assert_eq!(idle.query("RETURN 1").0.len(), 1);
    let line = line(&fixture).await;
    assert_eq!(integers(&line, run("RETURN 1")).await, [1]);
    // One that is not idle keeps it, and the call ends in time.
    idle.begin(Extra::default());
    let mut call = Request::new(run("RETURN 1"));
    call.set_timeout(Duration::from_secs(60));
    let status = QueryClient::new(line.clone()).run(call).await.unwrap_err();
    assert_eq!(reason(&status), "BUSY");
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
