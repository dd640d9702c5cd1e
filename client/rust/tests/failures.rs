//! What a client learns of requests that fail, and who gets a turn.

use std::time::Duration;

use retrograph_client::{Client, Error, Graph, Moment, Place, Retry, RetryPolicy, ServerError};
use retrograph_client_harness::{Failure, Running};

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> Result<ServerError, Failure> {
    match result {
        Err(Error::Server(error)) => Ok(*error),
        other => Err(format!("no refusal by the server: {other:?}").into()),
    }
}

#[tokio::test]
async fn a_mistake_is_shown_where_it_is_in_the_text() -> Result<(), Failure> {
    let running = Running::open()?;
    let client = Client::connect(running.url()).await?;
    let harbor = client.graph("harbor");
    let text = "RETURN 1,\n  'ö' + missing";
    let expected = Place {
        line: 2,
        column: 9,
        offset: 18,
        length: 7,
    };
    for query in [
        harbor.query(text),
        harbor.query(text).explain(),
        harbor.query(text).profile(),
    ] {
        let error = refusal(query.run().await)?;
        assert_eq!(error.code, "SYNTAX_ERROR", "{error}");
        assert_eq!(error.place, Some(expected), "{error}");
    }
    let transaction = harbor.transaction().begin().await?;
    let error = refusal(transaction.query(text).run().await)?;
    assert_eq!(error.place, Some(expected), "{error}");
    let error = refusal(harbor.query("RETURN 1 / 0").run().await)?;
    assert_eq!((error.place, error.transactions_committed), (None, None));
    Ok(())
}

#[tokio::test]
async fn what_was_committed_on_the_way_is_counted() -> Result<(), Failure> {
    let running = Running::open()?;
    let client = Client::connect(running.url()).await?;
    let harbor = client.graph("harbor");
    let create = "UNWIND $of AS i CALL (i) { CREATE (:P {num: 100 / i}) } IN TRANSACTIONS OF 1 ROW";
    for (of, committed) in [(vec![4, 2, 0, 1], 2), (vec![0, 1], 0)] {
        let error = refusal(harbor.query(create).param("of", of).run().await)?;
        assert_eq!(error.code, "ARITHMETIC_ERROR", "{error}");
        assert_eq!(error.transactions_committed, Some(committed), "{error}");
        assert_eq!(error.retry, Retry::Never);
    }
    let (count,): (i64,) = harbor
        .query("MATCH (p:P) RETURN count(p)")
        .fetch_one()
        .await?;
    assert_eq!(count, 2);
    Ok(())
}

/// A client of an administrator that never tries again, and one that does.
async fn administrator(
    running: &Running,
    user: &str,
    password: &str,
) -> Result<[Client; 2], Error> {
    let with = |retry| {
        let builder = Client::builder().endpoint(running.url()).retry(retry);
        builder.user(user, password).connect()
    };
    let patient = RetryPolicy {
        attempts_max: 2,
        time_max: Duration::from_secs(600),
        first_wait: Duration::ZERO,
        wait_max: Duration::ZERO,
    };
    Ok([with(RetryPolicy::never()).await?, with(patient).await?])
}

async fn limit(harbor: &Graph, per_second: i64) -> Result<(), Error> {
    let limits =
        harbor.query("CALL tenant.setLimits('main', {unitsPerSecond: $units, unitsBurst: 1})");
    limits.param("units", per_second).run().await.map(drop)
}

/// Uses up request units until there are none left.
async fn spend(harbor: &Graph) -> Result<ServerError, Failure> {
    for _ in 0..1_000 {
        let much = harbor
            .query("UNWIND range(1, 3000) AS n RETURN n")
            .run()
            .await;
        if much.is_err() {
            return refusal(much);
        }
    }
    Err("nothing is ever used up".into())
}

#[tokio::test]
async fn who_is_turned_away_comes_back_when_the_server_says() -> Result<(), Failure> {
    let (running, user, password) = Running::with_users(|options| {
        // Whoever would have to wait is turned away.
        options.turns.admission.wait_max = Duration::ZERO;
    })?;
    let [hasty, patient] = administrator(&running, &user, &password).await?;
    let harbor = hasty.graph("harbor");
    limit(&harbor, 50).await?;
    let error = spend(&harbor).await?;
    assert_eq!(
        (error.code.as_str(), error.retry),
        ("OVERLOADED", Retry::Safe)
    );
    assert!(
        error.retry_after.is_some_and(|wait| !wait.is_zero()),
        "{error:?}"
    );
    // There is one second try, and it comes neither at once nor too early.
    let harbor = patient.graph("harbor");
    let (one,): (i64,) = harbor.query("RETURN 1").fetch_one().await?;
    assert_eq!(one, 1);
    Ok(())
}

#[tokio::test]
async fn looking_along_time_costs_and_is_refused_without_credit() -> Result<(), Failure> {
    let (running, user, password) = Running::with_users(|options| {
        options.turns.admission.wait_max = Duration::ZERO;
        options.turns.slow_query = Some(Duration::ZERO);
    })?;
    let [client, _] = administrator(&running, &user, &password).await?;
    let harbor = client.graph("harbor");
    harbor
        .query("UNWIND range(1, 500) AS n CREATE (:N {n: n})")
        .run()
        .await?;

    let diff = async || -> Result<usize, Error> {
        let mut differences = harbor.diff(0, Moment::Latest).await?;
        let mut count = 0;
        while differences.next().await?.is_some() {
            count += 1;
        }
        Ok(count)
    };
    let changes = async || -> Result<usize, Error> {
        let mut feed = harbor.changes().stream().await?;
        let mut count = 0;
        while let Some(part) = feed.next().await? {
            count += part.changes.len();
        }
        Ok(count)
    };
    assert_eq!((diff().await?, changes().await?), (500, 500));
    let element: String = harbor
        .query("MATCH (n:N {n: 1}) RETURN elementId(n)")
        .fetch_one::<(String,)>()
        .await?
        .0;
    assert_eq!(harbor.history(element.as_str()).await?.len(), 1);
    let costs: Vec<(String, f64)> = harbor
        .query(
            "CALL server.slowQueries() YIELD query, units WHERE query STARTS WITH 'Time.' \
             RETURN query, units ORDER BY query",
        )
        .fetch()
        .await?;
    let names: Vec<&str> = costs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Time.Changes", "Time.Diff", "Time.History"]);
    // Two states of 500 elements are a thousand things read, beside the 500 told of.
    assert!(costs[0].1 > 15.0 && costs[1].1 > 15.0, "{costs:?}");

    // One unit a second: what is owed now is not paid back before this test is over.
    limit(&harbor, 1).await?;
    spend(&harbor).await?;
    for refused in [
        diff().await.map(drop),
        changes().await.map(drop),
        harbor.history(element.as_str()).await.map(drop),
        harbor.versions().fetch().await.map(drop),
    ] {
        let error = refusal(refused)?;
        assert_eq!(error.code, "OVERLOADED", "{error}");
        assert!(error.retry_after.is_some(), "{error:?}");
    }
    Ok(())
}

#[tokio::test]
async fn differences_wait_for_their_turn_like_queries() -> Result<(), Failure> {
    let (running, user, password) = Running::with_users(|options| {
        options.turns.admission.slots = 1;
        options.turns.admission.wait_max = Duration::ZERO;
    })?;
    let [client, _] = administrator(&running, &user, &password).await?;
    let harbor = client.graph("harbor");
    harbor.query("CREATE ()").run().await?;
    let load = async || -> Result<i64, Error> {
        let (running,) = harbor
            .query("CALL server.load() YIELD running")
            .fetch_one()
            .await?;
        Ok(running)
    };
    let endless = harbor.query("UNWIND range(1, 1000000000) AS n RETURN count(n % 7)");
    let endless = tokio::spawn(async move { endless.run().await });
    while load().await? == 0 {
        tokio::task::yield_now().await;
    }
    let diff = async || harbor.diff(0, Moment::Latest).await?.collect().await;
    let error = refusal(diff().await)?;
    assert_eq!(error.code, "OVERLOADED", "{error}");
    endless.abort();
    while load().await? > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(diff().await?.len(), 1);
    Ok(())
}
