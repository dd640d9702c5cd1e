//! Queries against a real server: values, errors, streams.

use std::time::Duration;

use retrograph_client::{
    Client, Error, Isolation, Map, Node, Path, Relationship, Retry, RetryPolicy, Timestamp, Value,
};
use retrograph_client_harness::{Failure, Running};

async fn client(running: &Running) -> Result<Client, Failure> {
    Ok(Client::connect(running.url()).await?)
}

#[tokio::test]
async fn every_kind_of_value_goes_and_comes() -> Result<(), Failure> {
    let running = Running::open()?;
    let graph = client(&running).await?.graph("harbor");
    let (all,): (Value,) = graph
        .query(
            "RETURN [null, true, 1, -0.5, 'ö', [1], {k: 1}, date('2026-01-10'), localtime('12:00:00.5'),
               time('12:00+01:00'), localdatetime('2026-01-10T12:00'),
               datetime('2026-01-10T12:00[Europe/Oslo]'), duration('P1M2DT3.5S'),
               point({x: 1.0, y: 2.0}), point({longitude: 5.3, latitude: 60.4, height: 1.0})]",
        )
        .fetch_one()
        .await?;
    let expected = "[null, true, 1, -0.5, 'ö', [1], {k: 1}, 2026-01-10, 12:00:00.5, 12:00:00+01:00, \
                    2026-01-10T12:00:00, 2026-01-10T12:00:00+01:00[Europe/Oslo], P1M2DT3.5S, \
                    point({x: 1.0, y: 2.0, srid: 7203}), point({x: 5.3, y: 60.4, z: 1.0, srid: 4979})]";
    assert_eq!(all.to_string(), expected);
    let (back,): (Value,) = graph
        .query("RETURN $all")
        .param("all", all.clone())
        .fetch_one()
        .await?;
    assert_eq!(back, all);
    let bytes = vec![0_u8, 255];
    let (bytes_back,): (Vec<u8>,) = graph
        .query("RETURN $bytes")
        .param("bytes", bytes.clone())
        .fetch_one()
        .await?;
    assert_eq!(bytes_back, bytes);

    graph
        .query("CREATE (:A {x: 1})-[:R {since: 2}]->(:B)")
        .run()
        .await?;
    let (node, relationship, path): (Node, Relationship, Path) = graph
        .query("MATCH p = (a:A)-[r]->(b) RETURN b, r, p")
        .fetch_one()
        .await?;
    assert_eq!(
        (node.labels.as_slice(), &node.properties),
        (&["B".to_owned()][..], &Map::new())
    );
    assert_eq!(
        (relationship.type_name.as_str(), &relationship.end),
        ("R", &node.element_id)
    );
    assert_eq!(path.to_string(), "(:A {x: 1})-[:R {since: 2}]->(:B)");
    Ok(())
}

#[tokio::test]
async fn errors_say_what_where_and_whether_to_try_again() -> Result<(), Failure> {
    let running = Running::open()?;
    let client = client(&running).await?;
    let graph = client.graph("harbor");
    let failed = |error: Result<_, Error>| match error {
        Err(Error::Server(error)) => *error,
        other => panic!("{other:?}"),
    };
    let error = failed(graph.query("MATCH (n)\nRETURN ö, m").run().await);
    assert_eq!(
        (error.code.as_str(), error.retry),
        ("SYNTAX_ERROR", Retry::Never)
    );
    let place = error.place.expect("it has one");
    assert_eq!((place.line, place.column), (2, 8), "{}", error.message);
    let error = failed(graph.query("RETURN 1 / 0").run().await);
    assert_eq!(error.code, "ARITHMETIC_ERROR");
    let error = failed(graph.query("RETURN $missing").run().await);
    assert_eq!(error.code, "PARAMETER_MISSING");
    let error = failed(graph.query("CREATE ()").read_only().run().await);
    assert_eq!(error.code, "READ_ONLY");
    let error = failed(client.graph("nowhere").query("RETURN 1").run().await);
    assert_eq!(error.code, "GRAPH_NOT_FOUND");
    let future = Timestamp::from_micros(i64::MAX / 2);
    let error = failed(graph.query("RETURN 1").at_time(future).run().await);
    assert_eq!(error.code, "ARGUMENT_ERROR");

    let row = graph.query("RETURN 1 AS n").fetch::<(String,)>().await;
    let message = row.map_err(|error| error.to_string());
    assert_eq!(
        message,
        Err("column `n`: expected String, found INTEGER".to_owned())
    );
    let none = graph
        .query("UNWIND [] AS n RETURN n")
        .fetch_one::<(i64,)>()
        .await;
    let message = none.map_err(|error| error.to_string());
    assert_eq!(message, Err("the query returned no row".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_and_another_takes_over() -> Result<(), Failure> {
    let running = Running::open()?;
    // A port that was free a moment ago.
    let gone = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let gone = format!("http://{gone}");
    let alone = Client::builder()
        .endpoint(&gone)
        .retry(RetryPolicy::never())
        .connect()
        .await;
    assert!(matches!(alone, Err(Error::Unreachable { .. })), "{alone:?}");
    let both = Client::builder()
        .endpoint(gone)
        .endpoint(running.url())
        .retry(RetryPolicy::never())
        .connect()
        .await?;
    let graphs = both.graphs().await?;
    assert_eq!(graphs.len(), 1);
    assert_eq!((graphs[0].name.as_str(), graphs[0].version), ("harbor", 0));
    assert_eq!(both.create_graph("shop").await?.name, "shop");
    let error = both.create_graph("shop").await;
    assert!(error.is_err(), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn rows_stream_and_tell_what_happened() -> Result<(), Failure> {
    let running = Running::open()?;
    let graph = client(&running).await?.graph("harbor");
    let mut rows = graph
        .query("UNWIND range(1, 100000) AS n RETURN n, 'some text to fill messages with' AS text")
        .stream()
        .await?;
    assert_eq!(rows.columns(), ["n", "text"]);
    assert_eq!(rows.summary(), None);
    let mut sum = 0;
    while let Some(row) = rows.next().await? {
        sum += row.get::<i64>("n")?;
    }
    assert_eq!(sum, 100_000 * 100_001 / 2);
    assert_eq!(rows.summary().map(|summary| summary.rows), Some(100_000));

    let made = graph
        .query("CREATE (:N {x: 1}), (:N)")
        .activity("test")
        .purpose("streaming")
        .isolation(Isolation::Snapshot)
        .run()
        .await?;
    assert_eq!(
        made.counters.named(),
        [
            ("nodes created", 2),
            ("properties set", 1),
            ("labels added", 2)
        ]
    );
    assert_eq!(made.version, Some(1));
    let plan = graph
        .query("MATCH (n:N) RETURN n")
        .explain()
        .run()
        .await?
        .plan;
    assert!(plan.is_some_and(|plan| !plan.is_empty()));
    let warned = graph
        .query("MATCH (n:Persn) RETURN n")
        .run()
        .await?
        .notifications;
    assert!(
        warned.iter().any(|text| text.contains("Persn")),
        "{warned:?}"
    );
    Ok(())
}

/// A query that would run for ever, seen from another one.
async fn running_texts(graph: &retrograph_client::Graph) -> Result<usize, Error> {
    let texts: Vec<(String,)> = graph
        .query("SHOW TRANSACTIONS YIELD currentQuery")
        .fetch()
        .await?;
    Ok(texts
        .iter()
        .filter(|(text,)| text.contains("range(1, 1000000000)"))
        .count())
}

const ENDLESS: &str = "UNWIND range(1, 1000000000) AS n WITH n WHERE n % 2 = 0 RETURN n";

#[tokio::test]
async fn dropping_a_stream_cancels_the_query_and_so_does_its_id() -> Result<(), Failure> {
    let running = Running::open()?;
    let client = client(&running).await?;
    let graph = client.graph("harbor");
    let mut rows = graph.query(ENDLESS).stream().await?;
    assert!(rows.next().await?.is_some());
    assert_eq!(running_texts(&graph).await?, 1);
    drop(rows);
    while running_texts(&graph).await? > 0 {
        tokio::task::yield_now().await;
    }

    let mut rows = graph.query(ENDLESS).stream().await?;
    client.cancel(rows.query_id()).await?;
    let error = loop {
        match rows.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended by itself"),
            Err(error) => break error,
        }
    };
    assert_eq!(
        (error.code(), error.retry()),
        (Some("CANCELLED"), Retry::Never)
    );
    // It is over for good.
    assert!(rows.next().await?.is_none());
    assert_eq!(rows.summary(), None);
    Ok(())
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_given_up() -> Result<(), Failure> {
    let running = Running::open()?;
    let graph = client(&running).await?.graph("harbor");
    let slow = graph
        .query("UNWIND range(1, 1000000000) AS n RETURN count(n % 7)")
        .timeout(Duration::from_millis(100))
        .run()
        .await;
    let error = slow.expect_err("it is too slow");
    assert_eq!(
        (error.code(), error.retry()),
        (Some("TIMED_OUT"), Retry::Never),
        "{error}"
    );
    Ok(())
}
