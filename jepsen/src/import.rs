//! An import that is killed again and again still loads every row once.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use retrograph_graph::ids::{Direction, SystemTime};
use retrograph_graph::value::Value;
use retrograph_graph::{GraphRead, ScanCursor};
use retrograph_ingest::csv::{CsvOptions, CsvSource, FileGroup};
use retrograph_ingest::{LoadError, LoadOptions, LoadReport, Observer, Progress, Reject, load};
use retrograph_server::{Database, OpenOptions};

use crate::violation::{Violation, hold};

/// The graph that is imported into.
const GRAPH: &str = "import";

/// Nodes of the input.
pub const NODES: u64 = 4_000;

/// Relationships of the input.
pub const RELATIONSHIPS: u64 = 12_000;

/// Writes the input: people `0..NODES`, and relationship `i` from `i` to `7 i + 1`, modulo their number.
///
/// # Errors
/// If a file cannot be written.
pub fn write_input(directory: &Path) -> Result<()> {
    let mut nodes = std::io::BufWriter::new(std::fs::File::create(directory.join("nodes.csv"))?);
    writeln!(nodes, "id:long:ID(Person),name")?;
    for id in 0..NODES {
        writeln!(nodes, "{id},person {id}")?;
    }
    nodes.flush()?;
    let file = std::fs::File::create(directory.join("relationships.csv"))?;
    let mut relationships = std::io::BufWriter::new(file);
    writeln!(
        relationships,
        ":START_ID(Person),:END_ID(Person),number:long"
    )?;
    for number in 0..RELATIONSHIPS {
        writeln!(
            relationships,
            "{},{},{number}",
            number % NODES,
            end_of(number)
        )?;
    }
    relationships.flush()?;
    Ok(())
}

fn end_of(number: u64) -> u64 {
    (7 * number + 1) % NODES
}

/// Imports the input, from the start or from where an earlier run was killed, and says `ready` when it
/// begins and `batch` after each commit.
///
/// # Errors
/// If the import fails; a job that is complete is none.
pub fn run(directory: &Path, input: &Path, history: bool) -> Result<()> {
    let database = Database::open(directory, OpenOptions::creating())?;
    let graph = match database.graph(GRAPH) {
        Ok(graph) => graph,
        Err(_) => database.create_graph(GRAPH)?,
    };
    let group = |name: &str, file: &str| FileGroup {
        names: vec![name.into()],
        files: vec![input.join(file)],
    };
    let mut source = CsvSource::open(CsvOptions {
        nodes: vec![group("Person", "nodes.csv")],
        relationships: vec![group("KNOWS", "relationships.csv")],
        ..CsvOptions::default()
    })?;
    let options = LoadOptions {
        batch_events: 97,
        history,
        // Rows of one time are one commit of at most a batch.
        default_time: Some(SystemTime(1)),
        ..LoadOptions::new("crash", "crash-worker")
    };
    say("ready")?;
    match load(
        &graph,
        &mut source,
        &options,
        &mut Speaker,
        &AtomicBool::new(false),
    ) {
        Ok(_) | Err(LoadError::JobComplete { .. }) => say("complete"),
        Err(error) => Err(error).context("the import failed"),
    }
}

struct Speaker;

impl Observer for Speaker {
    fn progress(&mut self, _: &LoadReport, _: Progress) {
        // A tester that is gone has no use for it.
        let _ = say("batch");
    }

    fn reject(&mut self, reject: &Reject) -> std::io::Result<()> {
        Err(std::io::Error::other(format!(
            "{}: {}",
            reject.place, reject.reason
        )))
    }
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Checks that a complete import has every row once.
///
/// # Errors
/// If a row is missing, doubled or wrong.
pub fn check(directory: &Path) -> Result<()> {
    let database = Database::open(directory, OpenOptions::default())?;
    let read = database.graph(GRAPH)?.read_latest();
    let catalog = read.catalog();
    let label = catalog.label("Person").context("no person was imported")?;
    let (id, number) = (catalog.key("id").context("no id")?, catalog.key("number"));
    let mut people = Vec::new();
    let mut cursor = ScanCursor::default();
    while !cursor.is_done() {
        read.scan_label(label, &mut cursor, 1_024, &mut people)?;
    }
    hold!(
        people.len() as u64 == NODES,
        "{} people instead of {NODES}",
        people.len()
    );
    let mut ids = Vec::new();
    let mut numbers = Vec::new();
    for &person in &people {
        let start = integer(&read.property(person.into(), id)?)?;
        ids.push(start);
        let mut found = Vec::new();
        read.expand(person, Some(Direction::Outgoing), &[], |end, link, _| {
            found.push((end, link))
        })?;
        for (end, link) in found {
            let number = number.context("no number")?;
            let number = integer(&read.property(link.into(), number)?)?;
            let end = integer(&read.property(end.into(), id)?)?;
            hold!(
                start == number % NODES && end == end_of(number),
                "relationship {number} leads from {start} to {end}"
            );
            numbers.push(number);
        }
    }
    all_once("people", ids, NODES)?;
    all_once("relationships", numbers, RELATIONSHIPS)?;
    check_counts(&read)
}

fn check_counts(read: &GraphRead) -> Result<()> {
    hold!(
        read.count_nodes(None)? == NODES,
        "the count of nodes is {}",
        read.count_nodes(None)?
    );
    let relationships = read.count_relationships(None)?;
    hold!(
        relationships == RELATIONSHIPS,
        "the count of relationships is {relationships}"
    );
    Ok(())
}

fn all_once(what: &str, mut found: Vec<u64>, count: u64) -> Result<()> {
    found.sort_unstable();
    hold!(
        found.len() as u64 == count,
        "{} {what} instead of {count}",
        found.len()
    );
    let wrong = found
        .iter()
        .zip(0..)
        .find(|&(&found, expected)| found != expected);
    hold!(wrong.is_none(), "{what}: {:?} (found, expected)", wrong);
    Ok(())
}

fn integer(value: &Value) -> Result<u64> {
    match value {
        Value::Int(value) => Ok(value.cast_unsigned()),
        other => Err(Violation(format!("{other:?} is no integer")).into()),
    }
}
