//! The worker: a process that writes transactions until it is stopped, and says which were
//! acknowledged.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use retrograph_graph::commit::CommitInfo;
use retrograph_graph::ids::{ElementId, NodeId};
use retrograph_graph::value::Value;
use retrograph_graph::{CommitError, Graph, Isolation, Sequence};
use retrograph_server::{Database, OpenOptions};

use crate::history::{Acknowledged, GRAPH, History, NODES_PER_TRANSACTION};

/// Writes from several threads until the process is killed, the writes fail, or each thread has made
/// `transactions_max` transactions. Each thread is a worker of its own, numbered from `first_worker`.
///
/// # Errors
/// If the database cannot be opened or a write fails, with what it said.
pub fn run(directory: &Path, threads: u64, first_worker: u64, transactions_max: u64) -> Result<()> {
    let database = Database::open(directory, OpenOptions::creating())?;
    let graph = match database.graph(GRAPH) {
        Ok(graph) => graph,
        Err(_) => database.create_graph(GRAPH)?,
    };
    println("ready")?;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (first_worker..first_worker + threads)
            .map(|worker| {
                let graph = &graph;
                scope.spawn(move || work(graph, worker, transactions_max))
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .map_err(|_| anyhow::anyhow!("a worker panicked"))?
        })
    })?;
    database.flush()?;
    Ok(())
}

fn work(graph: &Arc<Graph>, worker: u64, transactions_max: u64) -> Result<()> {
    let counter = make_counter(graph, worker)?;
    let mut transaction = 0;
    while transaction < transactions_max {
        match write(graph, worker, transaction + 1, counter) {
            Ok(acknowledged) => {
                transaction += 1;
                println(&History::line(&acknowledged))?;
            }
            // Workers write apart from each other, but tokens and counts are shared.
            Err(WriteError::Retry) => {}
            Err(WriteError::Failed(error)) => return Err(error),
        }
    }
    Ok(())
}

fn make_counter(graph: &Arc<Graph>, worker: u64) -> Result<NodeId> {
    loop {
        let transaction = graph.begin(Isolation::Serializable);
        let label = transaction.label_id("Counter")?;
        let properties = vec![
            (
                transaction.key_id("worker")?,
                Value::Int(worker.cast_signed()),
            ),
            (transaction.key_id("last")?, Value::Int(0)),
        ];
        let node = transaction.create_node(Sequence::default(), &[label], properties)?;
        match transaction.commit(info()) {
            Ok(_) => return Ok(node),
            Err(CommitError::Conflict { .. } | CommitError::ViewTooOld { .. }) => {}
            Err(error) => return Err(error).context("the counter cannot be made"),
        }
    }
}

enum WriteError {
    Retry,
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for WriteError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

fn write(
    graph: &Arc<Graph>,
    worker: u64,
    number: u64,
    counter: NodeId,
) -> Result<Acknowledged, WriteError> {
    let transaction = graph.begin(Isolation::Serializable);
    let sequence = Sequence::default();
    let label = transaction.label_id("Write")?;
    let next = transaction.type_id("NEXT")?;
    let keys = [
        transaction.key_id("worker")?,
        transaction.key_id("transaction")?,
        transaction.key_id("part")?,
    ];
    let mut before = None;
    for part in 0..NODES_PER_TRANSACTION {
        let values = [worker.cast_signed(), number.cast_signed(), part as i64];
        let properties = keys.into_iter().zip(values.map(Value::Int)).collect();
        let node = transaction.create_node(sequence, &[label], properties)?;
        if let Some(before) = before {
            transaction.create_relationship(sequence, next, before, node, Vec::new())?;
        }
        before = Some(node);
    }
    let last = transaction.key_id("last")?;
    let element = ElementId::Node(counter);
    transaction.set_property(sequence, element, last, Value::Int(number.cast_signed()))?;
    match transaction.commit(info()) {
        Ok(committed) => Ok(Acknowledged {
            worker,
            transaction: number,
            version: committed.version,
        }),
        Err(CommitError::Conflict { .. } | CommitError::ViewTooOld { .. }) => {
            Err(WriteError::Retry)
        }
        Err(error) => Err(error.into()),
    }
}

fn info() -> CommitInfo {
    CommitInfo {
        actor: "crash-worker".into(),
        ..CommitInfo::default()
    }
}

/// One line in one write, so that the tester sees it at once and whole.
fn println(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())?;
    Ok(out.flush()?)
}
