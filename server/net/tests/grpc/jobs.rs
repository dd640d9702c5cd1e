//! `Jobs`.

use retrograph_proto::v1;
use retrograph_proto::v1::jobs_client::JobsClient;
use retrograph_proto::v1::query_client::QueryClient;
use tonic::Code;

use crate::call::{all_of, line, reason, run, with_grpc};

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
