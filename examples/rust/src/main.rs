//! Retrograph with neo4rs: the present, the past, retries, streams, errors.
//!
//!     BOLT_URI=bolt+s://graph.example:7687 BOLT_USER=ana BOLT_PASSWORD=… cargo run

use std::env::var;
use std::error::Error;

use neo4rs::{ConfigBuilder, Graph, Neo4jErrorKind, Txn, query};

const BALANCE: &str = "MATCH (a:Account {id: $id}) RETURN a.balance AS balance";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = ConfigBuilder::default()
        .uri(var("BOLT_URI")?)
        .user(var("BOLT_USER")?)
        .password(var("BOLT_PASSWORD")?)
        .fetch_size(1000)
        .build()?;
    let graph = Graph::connect(config)?;

    let moment = prepare(&graph).await?;
    let (now, past) = (read_now(&graph).await?, read_past(&graph, &moment).await?);
    println!("A-1 has {now}, and had {past} at {}", moment.then);
    assert_eq!((now, past), (250, 100));

    let attempts = transfer(&graph, 50).await?;
    let now = read_now(&graph).await?;
    println!("the transfer took {attempts} attempts; A-1 has {now}");
    assert_eq!((attempts, now), (2, 250));

    let total = stream(&graph).await?;
    println!("the rows add up to {total}");
    assert_eq!(total, 5_000_050_000);

    // Errors have codes that stay the same when messages change. Outside of a transaction this driver
    // repeats even such a query for a minute before it gives up.
    let mut tx = graph.start_txn().await?;
    match tx.run(query("CREATE (:Account {id: 'A-1'})")).await {
        Err(neo4rs::Error::Neo4j(error)) => {
            println!("a second A-1: {}", error.code());
            assert_eq!(
                error.code(),
                "Neo.ClientError.Schema.ConstraintValidationFailed"
            );
        }
        other => panic!("the constraint did not hold: {other:?}"),
    }
    Ok(())
}

struct Moment {
    then: String,
    graph: String,
}

/// Two accounts, then a change. Returns the moment before the change, and the graph's name.
async fn prepare(graph: &Graph) -> Result<Moment, neo4rs::Error> {
    for text in [
        "MATCH (a:Account) DETACH DELETE a",
        "CREATE CONSTRAINT account_id IF NOT EXISTS FOR (a:Account) REQUIRE a.id IS UNIQUE",
        "UNWIND ['A-1', 'A-2'] AS id CREATE (:Account {id: id, balance: 100})",
    ] {
        graph.run(query(text)).await?;
    }
    // Every element knows since when it has been as it is.
    let since = "MATCH (a:Account {id: 'A-1'}) RETURN toString(system_from(a)) AS then";
    let row = graph.execute(query(since)).await?.single().await?;
    let name = graph
        .execute(query("CALL db.info() YIELD name RETURN name"))
        .await?
        .single()
        .await?;
    let raise = "MATCH (a:Account {id: 'A-1'}) SET a.balance = 250";
    graph.run(query(raise)).await?;
    Ok(Moment {
        then: row.get("then")?,
        graph: name.get("name")?,
    })
}

async fn read_now(graph: &Graph) -> Result<i64, neo4rs::Error> {
    let row = graph
        .execute(query(BALANCE).param("id", "A-1"))
        .await?
        .single()
        .await?;
    Ok(row.get("balance")?)
}

/// The driver sends no metadata with transactions, so the moment is in the name of the database, or in the
/// query.
async fn read_past(graph: &Graph, moment: &Moment) -> Result<i64, neo4rs::Error> {
    let database = format!("{}@{}", moment.graph, moment.then);
    let mut rows = graph
        .execute_on(database, query(BALANCE).param("id", "A-1"))
        .await?;
    let by_name: i64 = rows.single().await?.get("balance")?;
    let text = format!("AS OF datetime($then) {BALANCE}");
    let in_query = query(&text)
        .param("id", "A-1")
        .param("then", moment.then.as_str());
    let row = graph.execute(in_query).await?.single().await?;
    assert_eq!(by_name, row.get::<i64>("balance")?);
    Ok(by_name)
}

/// Moves money. This driver leaves it to us to begin again when somebody came in between.
async fn transfer(graph: &Graph, amount: i64) -> Result<u32, neo4rs::Error> {
    for attempt in 1.. {
        let mut tx = graph.start_txn().await?;
        let moved = match move_money(graph, &mut tx, amount, attempt).await {
            Ok(()) => tx.commit().await,
            Err(error) => Err(error),
        };
        match moved {
            Ok(()) => return Ok(attempt),
            Err(neo4rs::Error::Neo4j(error)) if error.kind() == Neo4jErrorKind::Transient => {
                println!("attempt {attempt}: {}", error.code());
            }
            Err(error) => return Err(error),
        }
    }
    unreachable!("one of the attempts returns")
}

async fn move_money(
    graph: &Graph,
    tx: &mut Txn,
    amount: i64,
    attempt: u32,
) -> Result<(), neo4rs::Error> {
    let mut rows = tx.execute(query(BALANCE).param("id", "A-1")).await?;
    let balance: i64 = rows.single(tx.handle()).await?.get("balance")?;
    if attempt == 1 {
        // Somebody else is quicker: this transaction can no longer commit what it has read.
        graph
            .run(query("MATCH (a:Account {id: 'A-1'}) SET a.balance = 300"))
            .await?;
    }
    let take = query("MATCH (a:Account {id: 'A-1'}) SET a.balance = $balance");
    tx.run(take.param("balance", balance - amount)).await?;
    let give = query("MATCH (a:Account {id: 'A-2'}) SET a.balance = a.balance + $amount");
    tx.run(give.param("amount", amount)).await
}

/// A hundred thousand rows, of which a thousand at a time are on their way.
async fn stream(graph: &Graph) -> Result<i64, neo4rs::Error> {
    let text = "UNWIND range(1, 100000) AS x RETURN x, 'row ' + x AS text";
    let mut rows = graph.execute(query(text)).await?;
    let mut total = 0;
    while let Some(row) = rows.next().await? {
        total += row.get::<i64>("x")?;
    }
    Ok(total)
}
