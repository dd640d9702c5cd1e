//! Transactions against a real server: conflicts, retries, what may not be retried.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use retrograph_client::{Client, Error, Graph, Retry};
use retrograph_client_harness::{Failure, Running};

async fn counter(running: &Running) -> Result<Graph, Failure> {
    let graph = Client::connect(running.url()).await?.graph("harbor");
    graph.query("CREATE (:Counter {n: 0})").run().await?;
    Ok(graph)
}

async fn count(graph: &Graph) -> Result<i64, Error> {
    let (n,) = graph
        .query("MATCH (c:Counter) RETURN c.n")
        .fetch_one()
        .await?;
    Ok(n)
}

/// Reads and writes in two steps, so that those who do it together conflict.
async fn increment(graph: &Graph, attempts: &Arc<AtomicUsize>) -> Result<(), Error> {
    graph
        .write(|tx| {
            attempts.fetch_add(1, Ordering::Relaxed);
            async move {
                let (n,): (i64,) = tx.query("MATCH (c:Counter) RETURN c.n").fetch_one().await?;
                tokio::task::yield_now().await;
                let text = "MATCH (c:Counter) SET c.n = $n";
                tx.query(text).param("n", n + 1).run().await?;
                Ok(())
            }
        })
        .await
}

#[tokio::test]
async fn work_that_conflicts_is_done_again_and_nothing_is_lost() -> Result<(), Failure> {
    let running = Running::open()?;
    let graph = counter(&running).await?;
    let attempts = Arc::new(AtomicUsize::new(0));
    let (tasks, times) = (4, 5);
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            let (graph, attempts) = (graph.clone(), Arc::clone(&attempts));
            // That it can be spawned is a part of the promise.
            tokio::spawn(async move {
                for _ in 0..times {
                    increment(&graph, &attempts).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    assert_eq!(count(&graph).await?, 20);
    assert!(attempts.load(Ordering::Relaxed) >= 20);
    Ok(())
}

#[tokio::test]
async fn a_conflict_is_safe_to_repeat_and_the_loser_has_no_effect() -> Result<(), Failure> {
    let running = Running::open()?;
    let graph = counter(&running).await?;
    let (first, second) = (
        graph.transaction().begin().await?,
        graph.transaction().begin().await?,
    );
    for (tx, n) in [(&first, 1), (&second, 2)] {
        let text = "MATCH (c:Counter) WHERE c.n = 0 SET c.n = $n";
        tx.query(text).param("n", n).run().await?;
    }
    let committed = first.commit().await?;
    assert_eq!(committed.version, 2);
    let error = second.commit().await.expect_err("it lost");
    assert_eq!(
        (error.code(), error.retry()),
        (Some("CONFLICT"), Retry::Safe)
    );
    assert_eq!(count(&graph).await?, 1);
    // It is over, whatever came of it.
    let error = second
        .query("RETURN 1")
        .run()
        .await
        .expect_err("it is over");
    assert!(matches!(error, Error::TransactionOver), "{error}");
    second.rollback().await?;
    Ok(())
}

#[tokio::test]
async fn work_that_fails_is_rolled_back_and_not_repeated() -> Result<(), Failure> {
    #[derive(Debug, thiserror::Error)]
    enum Refused {
        #[error("not enough")]
        NotEnough,
        #[error(transparent)]
        Database(#[from] Error),
    }

    let running = Running::open()?;
    let graph = counter(&running).await?;
    let mut attempts = 0;
    let refused: Result<(), Refused> = graph
        .write(|tx| {
            attempts += 1;
            async move {
                tx.query("MATCH (c:Counter) SET c.n = 7").run().await?;
                Err(Refused::NotEnough)
            }
        })
        .await;
    assert!(matches!(refused, Err(Refused::NotEnough)), "{refused:?}");
    assert_eq!((attempts, count(&graph).await?), (1, 0));
    // A mistake in a text is not repeated either.
    let mut attempts = 0;
    let wrong: Result<(), Error> = graph
        .write(|tx| {
            attempts += 1;
            async move { tx.query("RETRUN 1").run().await.map(drop) }
        })
        .await;
    assert_eq!(
        wrong.map_err(|error| error.code().map(str::to_owned)),
        Err(Some("SYNTAX_ERROR".to_owned()))
    );
    assert_eq!(attempts, 1);
    Ok(())
}

#[tokio::test]
async fn a_transaction_sees_one_state_and_its_own_writes() -> Result<(), Failure> {
    let running = Running::open()?;
    let graph = counter(&running).await?;
    let tx = graph.transaction().begin().await?;
    assert_eq!(tx.version(), 1);
    tx.query("MATCH (c:Counter) SET c.mine = true")
        .run()
        .await?;
    graph.query("CREATE (:Other)").run().await?;
    let (mine, others): (bool, i64) = tx
        .query("MATCH (c:Counter) OPTIONAL MATCH (o:Other) RETURN c.mine, count(o)")
        .fetch_one()
        .await?;
    assert_eq!((mine, others), (true, 0));
    tx.rollback().await?;

    let committed = graph
        .transaction()
        .at_version(1)
        .run(async |tx| {
            let (others,): (i64,) = tx
                .query("MATCH (o:Other) RETURN count(o)")
                .fetch_one()
                .await?;
            Ok::<_, Error>(others)
        })
        .await?;
    assert_eq!((committed.value, committed.version), (0, 1));
    let error = graph
        .read(|tx| async move { tx.query("CREATE ()").run().await })
        .await
        .expect_err("reads cannot write");
    assert_eq!(error.code(), Some("READ_ONLY"));
    Ok(())
}

/// What a query has committed on its way stays; doing it again would do that twice.
#[tokio::test]
async fn a_query_that_commits_as_it_goes_is_not_repeated() -> Result<(), Failure> {
    let running = Running::open()?;
    let graph = counter(&running).await?;
    let failed = graph
        .query(
            "UNWIND [1, 2, 0] AS n
             CALL (n) { CREATE (:Part {n: 1 / n}) } IN TRANSACTIONS OF 1 ROW",
        )
        .run()
        .await;
    let error = failed.expect_err("it divides by zero");
    assert_eq!(error.retry(), Retry::Never, "{error}");
    let (parts,): (i64,) = graph
        .query("MATCH (p:Part) RETURN count(p)")
        .fetch_one()
        .await?;
    assert_eq!(parts, 2);
    Ok(())
}
