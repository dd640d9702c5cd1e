//! `Transactions`.

use std::time::Duration;

use retrograph_proto::v1;
use retrograph_proto::v1::transactions_client::TransactionsClient;
use retrograph_proto::v1::value::Kind;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::call::{Answer, Line, all, integers, line, reason, run, speaks, with_grpc};

pub async fn begin(line: &Line, idle: Option<Duration>) -> v1::BeginResponse {
    let request = v1::BeginRequest {
        options: None,
        idle_timeout: idle.map(|idle| prost_types::Duration::try_from(idle).unwrap()),
    };
    let begun = TransactionsClient::new(line.clone()).begin(request).await;
    begun.unwrap().into_inner()
}

pub async fn run_in(line: &Line, id: &str, query: &str) -> Result<Answer, Status> {
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

pub async fn rollback(line: &Line, id: &str) {
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
