//! What `info` tells of the graphs of a server, which knows everything but the bytes on its disks.

use retrograph_client::{Constraint, Error, Graph, Index, Moment, Timestamp};
use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;

use super::{GraphSummary, int, rule};
use crate::failure::Failure;
use crate::moment::format_instant;
use crate::remote::Connection;

/// A row for each graph.
pub fn summaries(connection: &Connection) -> Result<Vec<GraphSummary>, Failure> {
    let client = connection.client();
    let work = async {
        let mut rows = Vec::new();
        for graph in client.graphs().await? {
            rows.push(summary(&client.graph(graph.name)).await?);
        }
        Ok(rows)
    };
    Ok(connection.wait(work)?)
}

async fn summary(graph: &Graph) -> Result<GraphSummary, Error> {
    let last = graph.latest_version().await?;
    let moment = Moment::Version(last.version);
    Ok([
        Value::from(graph.name()),
        int(last.version),
        first_time(graph).await?,
        last.time
            .filter(|_| last.version > 0)
            .map_or(Value::Null, instant),
        int(count(graph, moment, "MATCH (n) RETURN count(n)").await?),
        int(count(graph, moment, "MATCH ()-[r]->() RETURN count(r)").await?),
        Value::Null,
    ])
}

/// Everything about one graph.
pub fn all(connection: &Connection, name: &str) -> Result<Vec<(String, Value)>, Failure> {
    let graph = connection.client().graph(name);
    Ok(connection.wait(facts(&graph))?)
}

async fn facts(graph: &Graph) -> Result<Vec<(String, Value)>, Error> {
    let [_, version, first, last, nodes, relationships, _] = summary(graph).await?;
    let mut facts = vec![
        ("version".to_owned(), version),
        ("first commit".to_owned(), first),
        ("last commit".to_owned(), last),
        ("nodes".to_owned(), nodes),
    ];
    for label in graph.labels(Moment::Latest).await? {
        let text = format!("MATCH (n:{}) RETURN count(n)", quoted(&label));
        let count = count(graph, Moment::Latest, &text).await?;
        facts.push((format!("nodes :{label}"), int(count)));
    }
    facts.push(("relationships".to_owned(), relationships));
    for name in graph.relationship_types(Moment::Latest).await? {
        let text = format!("MATCH ()-[r:{}]->() RETURN count(r)", quoted(&name));
        let count = count(graph, Moment::Latest, &text).await?;
        facts.push((format!("relationships :{name}"), int(count)));
    }
    for constraint in graph.constraints(Moment::Latest).await? {
        facts.push(demanded(&constraint));
    }
    let indexes = graph.indexes(Moment::Latest).await?;
    let own = |index: &&Index| index.owning_constraint.is_none() && index.kind != "LOOKUP";
    facts.extend(indexes.iter().filter(own).map(described));
    Ok(facts)
}

fn described(index: &Index) -> (String, Value) {
    let what = on(&index.labels_or_types, &index.properties);
    let state = match index.state.as_str() {
        "FAILED" => ", cannot be built".to_owned(),
        "POPULATING" => format!(", built to {:.0} %", index.population_percent),
        _ => String::new(),
    };
    let what = rule("index", &what);
    (format!("index {}", index.name), Value::from(what + &state))
}

fn demanded(constraint: &Constraint) -> (String, Value) {
    let what = on(&constraint.labels_or_types, &constraint.properties);
    let what = match constraint.kind.as_str() {
        "UNIQUENESS" => rule("constraint", &what),
        kind => format!("{kind} {what}"),
    };
    (format!("constraint {}", constraint.name), Value::from(what))
}

fn on(labels: &[String], properties: &[String]) -> String {
    let label = labels.join("|");
    match properties {
        [property] => format!("{label}.{property}"),
        properties => format!("{label}.({})", properties.join(", ")),
    }
}

/// When the first commit was made.
async fn first_time(graph: &Graph) -> Result<Value, Error> {
    let first = graph.versions().ascending().limit(1).fetch().await?;
    let first = first.first().and_then(|commit| commit.time);
    Ok(first.map_or(Value::Null, instant))
}

async fn count(graph: &Graph, moment: Moment, text: &str) -> Result<u64, Error> {
    let query = graph.query(text).read_only().at(moment);
    let (count,) = query.fetch_one().await?;
    Ok(count)
}

fn instant(instant: Timestamp) -> Value {
    Value::from(format_instant(SystemTime(instant.micros)))
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
