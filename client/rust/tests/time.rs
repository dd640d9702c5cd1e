//! Looking along the time of a graph of a real server.

use retrograph_client::{Client, Element, Error, Graph, Moment, Value};
use retrograph_client_harness::{Failure, Running};

/// A graph of three versions.
async fn graph(running: &Running) -> Result<Graph, Failure> {
    let graph = Client::connect(running.url()).await?.graph("harbor");
    graph
        .query("CREATE (:Account {id: 'A', status: 'open'})")
        .activity("opening")
        .source("branch 12")
        .run()
        .await?;
    graph
        .query("MATCH (a:Account) SET a.status = 'frozen'")
        .run()
        .await?;
    graph
        .query("MATCH (a:Account) CREATE (a)-[:PAID]->(:Account {id: 'B'})")
        .run()
        .await?;
    Ok(graph)
}

fn status(element: Option<&Element>) -> Option<&Value> {
    match element {
        Some(Element::Node(node)) => node.properties.get("status"),
        _ => None,
    }
}

#[tokio::test]
async fn the_past_is_read_by_version_and_by_instant() -> Result<(), Failure> {
    let running = Running::open()?;
    let graph = graph(&running).await?;
    let versions = graph.versions().ascending().fetch().await?;
    assert_eq!(
        versions
            .iter()
            .map(|commit| commit.version)
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(versions[0].activity.as_deref(), Some("opening"));
    assert_eq!(versions[0].source.as_deref(), Some("branch 12"));
    let latest = graph.versions().limit(1).fetch().await?;
    assert_eq!(latest, versions[2..]);

    let text = "MATCH (a:Account {id: 'A'}) RETURN a.status";
    let (then,): (String,) = graph.query(text).at_version(1).fetch_one().await?;
    let instant = versions[1].time.expect("it was made at a time");
    let (later,): (String,) = graph.query(text).at_time(instant).fetch_one().await?;
    assert_eq!((then.as_str(), later.as_str()), ("open", "frozen"));
    assert_eq!(graph.version_at(instant).await?.version, 2);
    assert_eq!(graph.latest_version().await?.version, 3);
    assert_eq!(graph.labels(Moment::Latest).await?, ["Account"]);
    assert!(graph.relationship_types(2).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn differences_and_histories_are_told() -> Result<(), Failure> {
    let running = Running::open()?;
    let graph = graph(&running).await?;
    let differences = graph.diff(1, Moment::Latest).await?.collect().await?;
    assert_eq!(differences.len(), 3, "{differences:?}");
    let changed = &differences[0];
    assert_eq!(status(changed.before.as_ref()), Some(&"open".into()));
    assert_eq!(status(changed.after.as_ref()), Some(&"frozen".into()));
    assert!(matches!(
        differences[2].after,
        Some(Element::Relationship(_))
    ));

    let states = graph.history(&changed.element_id).await?;
    let told: Vec<_> = states
        .iter()
        .map(|state| {
            (
                state.from_version,
                state.to_version,
                status(Some(&state.element)),
            )
        })
        .collect();
    let (open, frozen) = (Value::from("open"), Value::from("frozen"));
    assert_eq!(told, [(1, Some(2), Some(&open)), (2, None, Some(&frozen))]);
    Ok(())
}

#[tokio::test]
async fn the_feed_tells_commits_in_order_and_goes_on_from_a_bookmark() -> Result<(), Failure> {
    let running = Running::open()?;
    let graph = graph(&running).await?;
    let mut feed = graph.changes().stream().await?;
    let mut seen = Vec::new();
    let mut bookmark = String::new();
    while let Some(changes) = feed.next().await? {
        assert!(changes.is_complete);
        seen.push((changes.commit.version, changes.changes.len()));
        if changes.commit.version == 2 {
            bookmark = changes.commit.bookmark;
        }
    }
    assert_eq!(
        seen.iter().map(|(version, _)| *version).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    let mut feed = graph
        .changes()
        .after(bookmark)
        .without_states()
        .stream()
        .await?;
    let changes = feed.next().await?.expect("there is one more");
    assert_eq!(changes.commit.version, 3);
    assert!(changes.changes.iter().all(|change| change.after.is_none()));
    Ok(())
}

/// A feed that follows hears of commits to come, also of those made while its server was away.
#[tokio::test]
async fn a_feed_survives_a_restart_of_the_server() -> Result<(), Failure> {
    let running = Running::open()?;
    let graph = graph(&running).await?;
    let mut feed = graph.changes().after_version(2).follow().stream().await?;
    let next =
        |changes: Option<retrograph_client::CommitChanges>| changes.map(|it| it.commit.version);
    assert_eq!(next(feed.next().await?), Some(3));

    let writer = graph.clone();
    let (told, mut tells) = tokio::sync::mpsc::unbounded_channel();
    let following = tokio::spawn(async move {
        while let Some(changes) = feed.next().await? {
            if told.send(changes.commit.version).is_err() {
                break;
            }
        }
        Ok::<_, Error>(())
    });
    writer.query("CREATE (:Account {id: 'C'})").run().await?;
    assert_eq!(tells.recv().await, Some(4));
    let running = tokio::task::spawn_blocking(move || running.restart(|| {})).await??;
    writer.query("CREATE (:Account {id: 'D'})").run().await?;
    assert_eq!(tells.recv().await, Some(5));
    following.abort();
    drop(running);
    Ok(())
}
