//! The families that write. Their limit is what any durable commit takes on this disk: appending
//! about as many bytes to a file and waiting for `fdatasync`.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use retrograph_engine::{Collected, Output, Parameters, RunOptions};
use retrograph_graph::value::Value;

use crate::draw::Draw;
use crate::load::Loaded;
use crate::measure::Cap;
use crate::report::{Report, Row};
use crate::settings::Settings;
use crate::social::Social;

/// Relationships in a batch.
const BATCH: usize = 1_000;

/// The bytes of an entry with one small change, about.
const ENTRY_BYTES: usize = 200;

/// The bytes of an entry for each relationship of a batch, about.
const ROW_BYTES: usize = 30;

const NODE: (&str, &str) = (
    "write node",
    "CREATE (:Person {id: $id, name: 'new', age: 30, city: 'City 00', creationDate: 0})",
);
const RELATIONSHIP: (&str, &str) = (
    "write relationship",
    "MATCH (p:Person {id: $id}), (q:Person {id: $other}) CREATE (p)-[:KNOWS {since: $since}]->(q)",
);
const PROPERTY: (&str, &str) = ("update", "MATCH (p:Person {id: $id}) SET p.age = $age");
const ROWS: (&str, &str) = (
    "batch write",
    "UNWIND $rows AS row MATCH (p:Person {id: row.id}), (q:Person {id: row.other}) \
     CREATE (p)-[:KNOWS {since: row.since}]->(q)",
);

/// Measures the writing families on a graph with `relationships` relationships, and counts what they
/// wrote.
///
/// # Errors
/// If the database refuses a write.
pub fn measure(
    loaded: &Loaded,
    settings: &Settings,
    social: &Social,
    draws: &[Draw],
    relationships: u64,
    directory: &Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed ^ 0x7772_6974_6500);
    let mut next_id = social
        .people
        .iter()
        .map(|person| person.id)
        .max()
        .unwrap_or_default();
    let mut written = [0, 0];
    let draw = |number: usize| draws[number % draws.len()];
    let families = [NODE, RELATIONSHIP, PROPERTY, ROWS];
    for (name, text) in families
        .into_iter()
        .filter(|(name, _)| settings.wants(name))
    {
        let cap = Cap {
            calls: settings.calls,
            time: settings.family_time(),
        };
        let engine = cap.time(|number| {
            let of = draw(number);
            let parameters = match text {
                _ if text == NODE.1 => {
                    next_id += 1;
                    parameters([("id", Value::Int(next_id))])
                }
                _ if text == PROPERTY.1 => parameters([
                    ("id", Value::Int(of.id)),
                    ("age", Value::Int(rng.random_range(16..=90))),
                ]),
                _ if text == ROWS.1 => {
                    let rows: Vec<Value> = (0..BATCH)
                        .map(|row| fields(&draw(number.wrapping_mul(BATCH) + row)))
                        .map(|fields| {
                            let entry = |(key, value): (&str, Value)| (Arc::from(key), value);
                            Value::Map(Arc::new(fields.into_iter().map(entry).collect()))
                        })
                        .collect();
                    parameters([("rows", Value::list(rows))])
                }
                _ => parameters(fields(&of)),
            };
            let options = RunOptions::default();
            let sink = &mut Collected::default();
            let engine = loaded.database.engine();
            let summary = engine
                .run(&loaded.graph, text, &parameters, &options, sink)
                .context(name)?;
            written[0] += summary.counters.nodes_created;
            written[1] += summary.counters.relationships_created;
            Ok(())
        })?;
        let bytes = if text == ROWS.1 {
            BATCH * ROW_BYTES
        } else {
            ENTRY_BYTES
        };
        let path = directory.join("append");
        let mut file = File::create(&path)?;
        let entry = vec![0x5a; bytes];
        let limit = cap.time(|_| {
            file.write_all(&entry)?;
            Ok(file.sync_data()?)
        })?;
        std::fs::remove_file(&path)?;
        report.rows.push(Row {
            family: name,
            mode: "write",
            engine,
            limit,
            checked: 0,
        });
    }
    let expected = [
        social.people.len() as u64 + written[0],
        relationships + written[1],
    ];
    let found = [
        counted(loaded, "MATCH (p:Person) RETURN count(*) AS n")?,
        counted(loaded, "MATCH ()-[k:KNOWS]->() RETURN count(*) AS n")?,
    ];
    if found != expected {
        report.differences.push(format!(
            "after the writes: found {found:?} people and relationships, expected {expected:?}"
        ));
    }
    Ok(())
}

fn fields(draw: &Draw) -> [(&'static str, Value); 3] {
    [
        ("id", Value::Int(draw.id)),
        ("other", Value::Int(draw.other)),
        ("since", Value::Int(draw.since)),
    ]
}

fn parameters<const COUNT: usize>(of: [(&str, Value); COUNT]) -> Parameters {
    of.into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn counted(loaded: &Loaded, text: &str) -> anyhow::Result<u64> {
    let mut rows = Collected::default();
    let options = RunOptions::default();
    loaded
        .database
        .engine()
        .run(&loaded.graph, text, &Parameters::new(), &options, &mut rows)?;
    match rows.rows.first().and_then(|row| row.first()) {
        Some(Output::Value(Value::Int(count))) => Ok(u64::try_from(*count)?),
        other => anyhow::bail!("{text} answered {other:?}"),
    }
}
