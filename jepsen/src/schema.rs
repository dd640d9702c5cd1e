//! Indexes and constraints that come and go while others write, until the process is killed; and the
//! check that what is left of them is whole.
//!
//! The worker says what it is about to do to an index or constraint, and that it is done:
//!
//! ```text
//! begin k_index 1 .        k_index is about to be created
//! done k_index 1 .         the command has returned
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use parking_lot::RwLock;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use retrograph_engine::{Collected, Parameters, QueryError, RunOptions};
use retrograph_graph::ids::NodeId;
use retrograph_graph::kv::Family;
use retrograph_graph::rows::{prefix_end, rule_prefix};
use retrograph_graph::value::Value;
use retrograph_graph::{CommitError, Graph, GraphRead, RuleDefinition, ScanCursor};
use retrograph_server::{Database, OpenOptions};

use crate::violation::hold;

/// The graph that is written.
const GRAPH: &str = "schema";
/// The nodes there are at first: more than one step of a build takes.
const NODES: i64 = 10_000;
/// How many values `k` has.
const VALUES: i64 = 40;
/// An index is built within this.
const PATIENCE: Duration = Duration::from_secs(60);

/// What comes and goes: a name, how it is created, how it is dropped.
const ITEMS: [(&str, &str, &str); 4] = [
    (
        "k_index",
        "CREATE INDEX k_index FOR (n:P) ON (n.k)",
        "DROP INDEX k_index",
    ),
    (
        "u_k_index",
        "CREATE INDEX u_k_index FOR (n:P) ON (n.u, n.k)",
        "DROP INDEX u_k_index",
    ),
    (
        "u_unique",
        "CREATE CONSTRAINT u_unique FOR (n:P) REQUIRE n.u IS UNIQUE",
        "DROP CONSTRAINT u_unique",
    ),
    (
        "k_u_key",
        "CREATE CONSTRAINT k_u_key FOR (n:P) REQUIRE (n.k, n.u) IS NODE KEY",
        "DROP CONSTRAINT k_u_key",
    ),
];

fn execute(database: &Database, graph: &Arc<Graph>, text: &str) -> Result<Collected, QueryError> {
    let mut found = Collected::default();
    let (parameters, options) = (Parameters::new(), RunOptions::default());
    let engine = database.engine();
    engine.run(graph, text, &parameters, &options, &mut found)?;
    Ok(found)
}

/// Creates and drops indexes and constraints while two threads write, until the process is killed.
///
/// # Errors
/// If the database cannot be opened or a statement fails, with what it said.
pub fn run(directory: &Path, seed: u64) -> Result<()> {
    let database = Database::open(directory, OpenOptions::creating())?;
    let graph = match database.graph(GRAPH) {
        Ok(graph) => graph,
        Err(_) => database.create_graph(GRAPH)?,
    };
    if graph.read_latest().count_nodes(None)? == 0 {
        let text = format!("UNWIND range(1, {NODES}) AS u CREATE (:P {{k: u % {VALUES}, u: u}})");
        execute(&database, &graph, &text)?;
    }
    println("ready")?;
    // A new constraint has looked at every node: it would never come to be beside steady writers.
    let pause = RwLock::new(());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (1..=2)
            .map(|writer| {
                let (database, graph, pause, is_over) = (&database, &graph, &pause, &is_over);
                scope.spawn(move || {
                    let written = write(database, graph, (pause, is_over), seed * 10 + writer);
                    is_over.store(true, Ordering::Relaxed);
                    written
                })
            })
            .collect();
        let changed = come_and_go(&database, &graph, (&pause, &is_over), seed);
        is_over.store(true, Ordering::Relaxed);
        changed?;
        for writer in writers {
            writer
                .join()
                .map_err(|_| anyhow::anyhow!("a writer panicked"))??;
        }
        Ok(())
    })
}

fn write(
    database: &Database,
    graph: &Arc<Graph>,
    (pause, is_over): (&RwLock<()>, &AtomicBool),
    seed: u64,
) -> Result<()> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // Apart from what other writers of this and other runs make unique.
    let mut unique = NODES + 1 + seed.cast_signed() * 1_000_000;
    while !is_over.load(Ordering::Relaxed) {
        let _unpaused = pause.read();
        let old = random.random_range(1..=NODES);
        let k = random.random_range(0..VALUES);
        let text = match random.random_range(0..4) {
            0 => {
                unique += 1;
                format!("CREATE (:P {{k: {k}, u: {unique}}})")
            }
            1 => format!("MATCH (n:P {{u: {unique}}}) DELETE n"),
            2 => format!("MATCH (n:P {{k: {k}}}) WITH n LIMIT 3 SET n.k = (n.k + 1) % {VALUES}"),
            _ => format!("MATCH (n:P {{u: {old}}}) SET n.k = {k}"),
        };
        match execute(database, graph, &text) {
            Ok(_) | Err(QueryError::Commit(CommitError::Conflict { .. })) => {}
            Err(error) => return Err(error).context(text),
        }
    }
    Ok(())
}

fn come_and_go(
    database: &Database,
    graph: &Arc<Graph>,
    (pause, is_over): (&RwLock<()>, &AtomicBool),
    seed: u64,
) -> Result<()> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut exists = existing(graph);
    while !is_over.load(Ordering::Relaxed) {
        let (name, create, drop) = ITEMS[random.random_range(0..ITEMS.len())];
        let is_created = !exists.contains(name);
        println(&line("begin", name, is_created))?;
        let text = if is_created { create } else { drop };
        loop {
            let _paused = (!name.ends_with("_index")).then(|| pause.write());
            match execute(database, graph, text) {
                Ok(_) => break,
                Err(QueryError::Commit(CommitError::Conflict { .. })) => {}
                Err(error) => return Err(error).context(text),
            }
        }
        println(&line("done", name, is_created))?;
        match is_created {
            true => exists.insert(name.to_owned()),
            false => exists.remove(name),
        };
        // Dropped amid their building, or after it.
        if random.random_range(0..3) > 0 {
            graph.await_index(None, PATIENCE)?;
        }
    }
    Ok(())
}

/// The names of the indexes and constraints there are.
fn existing(graph: &Arc<Graph>) -> BTreeSet<String> {
    let catalog = graph.read_latest().catalog();
    let indexes = catalog.indexes().into_iter();
    let rules = catalog.rules().into_iter();
    indexes
        .map(|index| index.name.to_string())
        .chain(rules.map(|rule| rule.name.to_string()))
        .collect()
}

fn line(word: &str, name: &str, is_created: bool) -> String {
    format!("{word} {name} {} .", u8::from(is_created))
}

fn println(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())?;
    Ok(out.flush()?)
}

/// What a worker said: for each item whether it exists, and whether that was about to change.
#[derive(Clone, Debug, Default)]
pub struct Said {
    items: BTreeMap<String, (bool, bool)>,
    /// Commands that returned.
    pub done: u64,
}

impl Said {
    /// Reads a line; one cut off by the fault says nothing.
    pub fn record(&mut self, line: &str) {
        let Some(rest) = line.strip_suffix(" .") else {
            return;
        };
        let mut words = rest.split(' ');
        let (Some(word), Some(name), Some(exists)) = (words.next(), words.next(), words.next())
        else {
            return;
        };
        let item = self.items.entry(name.to_owned()).or_default();
        match word {
            "begin" => item.1 = true,
            "done" => {
                *item = (exists == "1", false);
                self.done += 1;
            }
            _ => {}
        }
    }

    /// The worker is gone: what was about to change has changed or not, as was found.
    fn settle(&mut self, exists: &BTreeSet<String>) {
        for (name, item) in &mut self.items {
            *item = (exists.contains(name), false);
        }
    }
}

/// Opens the directory, has indexes built to their end, and checks that they and the constraints are
/// whole, or not there.
///
/// # Errors
/// If it cannot be opened, or something is there in part.
pub fn check(directory: &Path, said: &mut Said) -> Result<()> {
    let database = Database::open(directory, OpenOptions::default())
        .context("the data directory cannot be opened after the fault")?;
    let graph = database.graph(GRAPH)?;
    let exists = existing(&graph);
    for (name, (existed, is_open)) in &said.items {
        hold!(
            *is_open || *existed == exists.contains(name),
            "{name} was last said to exist: {existed}; it is there: {}",
            !existed
        );
    }
    hold!(
        graph.await_index(None, PATIENCE)?,
        "an index is not built within {PATIENCE:?}: {:?}",
        graph.index_builds()
    );
    let read = graph.read_latest();
    check_indexes(&read)?;
    for (name, breaking) in [
        (
            "u_unique",
            "MATCH (n:P) WITH n LIMIT 1 CREATE (:P {k: -1, u: n.u})",
        ),
        (
            "k_u_key",
            "MATCH (n:P) WITH n LIMIT 1 CREATE (:P {k: n.k, u: n.u})",
        ),
        ("k_u_key", "CREATE (:P {u: -1})"),
    ] {
        let is_refused = !is_accepted(&database, &graph, breaking)?;
        // The key implies nothing about `u` alone, the unique `u` makes every key unique.
        let is_forbidden = exists.contains(name)
            || (name == "k_u_key" && breaking.contains("n.u") && exists.contains("u_unique"));
        hold!(
            is_refused == is_forbidden,
            "{name} exists: {}; `{breaking}` was refused: {is_refused}",
            exists.contains(name)
        );
    }
    graph.verify()?;
    said.settle(&exists);
    Ok(())
}

/// Whether a statement may be run; it leaves nothing.
fn is_accepted(database: &Database, graph: &Arc<Graph>, text: &str) -> Result<bool> {
    let open = database.engine().begin(graph, RunOptions::default())?;
    let mut found = Collected::default();
    let (parameters, options) = (Parameters::new(), RunOptions::default());
    let engine = database.engine();
    let ran = engine.run_in(&open, text, &parameters, &options, &mut found);
    open.rollback();
    match ran {
        Ok(_) => Ok(true),
        Err(error) if error.to_string().contains("constraint") => Ok(false),
        Err(error) => bail!(error),
    }
}

/// The number of rows that stand behind a rule.
fn rows_of(read: &GraphRead, rule: &RuleDefinition) -> Result<u64> {
    let prefix = rule_prefix(rule.id);
    let store = read.graph().store();
    let end = prefix_end(&prefix);
    let mut cursor = store.scan(Family::Index, &prefix, &end, false)?;
    let mut rows = 0;
    while cursor.valid() {
        rows += 1;
        cursor.next();
    }
    cursor.status()?;
    Ok(rows)
}

/// An index of several properties has a row for each node, and every index of one property finds for each
/// value the nodes that a scan finds, and counts as many.
fn check_indexes(read: &GraphRead) -> Result<()> {
    let catalog = read.catalog();
    let estimates = read.estimates();
    let nodes = match catalog.label("P") {
        Some(label) => read.count_nodes(Some(label))?,
        None => 0,
    };
    for rule in catalog.rules() {
        // Every node has both properties.
        let counted = estimates.rules.get(&rule.id).map(|size| size.entries);
        hold!(
            counted == Some(nodes),
            "the rows of {} are counted as {counted:?} where there are {nodes} nodes",
            rule.name
        );
        let rows = rows_of(read, &rule)?;
        hold!(
            rows == nodes,
            "{} has {rows} rows where there are {nodes} nodes",
            rule.name
        );
    }
    for index in catalog.indexes() {
        let mut expected: BTreeMap<i64, BTreeSet<NodeId>> = BTreeMap::new();
        let (mut cursor, mut nodes) = (ScanCursor::default(), Vec::new());
        while !cursor.is_done() {
            read.scan_label(index.label, &mut cursor, 1_024, &mut nodes)?;
        }
        let mut rows = 0;
        for node in nodes {
            if let Value::Int(value) = read.property(node.into(), index.key)? {
                expected.entry(value).or_default().insert(node);
                rows += 1;
            }
        }
        let counted = estimates.indexes.get(&index.id).map(|size| size.entries);
        hold!(
            counted == Some(rows),
            "index {} counts {counted:?} rows where there are {rows}",
            index.name
        );
        for (value, nodes) in expected {
            let (mut cursor, mut found) = (ScanCursor::default(), Vec::new());
            while !cursor.is_done() {
                let value = Value::Int(value);
                read.seek_equal(index.id, &value, &mut cursor, 1_024, &mut found)?;
            }
            let found: BTreeSet<NodeId> = found.into_iter().collect();
            hold!(
                found == nodes,
                "index {} finds {} nodes of {value}, a scan {}",
                index.name,
                found.len(),
                nodes.len()
            );
        }
    }
    Ok(())
}
