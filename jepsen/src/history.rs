//! What a worker said was acknowledged, and the check of a data directory against it.
//!
//! A worker's transaction number `t` makes [`NODES_PER_TRANSACTION`] nodes `(:Write {worker,
//! transaction, part})` chained by `NEXT` relationships, and sets `(:Counter {worker}).last` to `t`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use retrograph_graph::ids::{ElementId, NodeId, Version};
use retrograph_graph::value::Value;
use retrograph_graph::{GraphRead, ScanCursor};
use retrograph_server::{Database, OpenOptions};

use crate::violation::{Violation, hold};

/// The graph that workers write to.
pub const GRAPH: &str = "crash";

/// The nodes of one transaction.
pub const NODES_PER_TRANSACTION: usize = 5;

/// A commit that a worker said was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The worker thread.
    pub worker: u64,
    /// The number of its transaction.
    pub transaction: u64,
    /// The version it got.
    pub version: Version,
}

/// The commits that were acknowledged, in the order in which they were said.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The commits.
    pub acknowledged: Vec<Acknowledged>,
}

impl History {
    /// Reads a line a worker printed; a line cut off by the fault says nothing.
    pub fn record(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("ack ") else {
            return;
        };
        let mut numbers = rest
            .strip_suffix(" .")
            .into_iter()
            .flat_map(|rest| rest.split(' '));
        let mut next = || numbers.next()?.parse::<u64>().ok();
        if let (Some(worker), Some(transaction), Some(version)) = (next(), next(), next()) {
            self.acknowledged.push(Acknowledged {
                worker,
                transaction,
                version: Version(version),
            });
        }
    }

    /// The line that says so. The full stop shows that it is whole.
    #[must_use]
    pub fn line(acknowledged: &Acknowledged) -> String {
        let Acknowledged {
            worker,
            transaction,
            version,
        } = acknowledged;
        format!("ack {worker} {transaction} {version} .")
    }
}

/// Opens the directory and checks it against the history.
///
/// # Errors
/// If it cannot be opened, or says anything else than what was acknowledged.
pub fn check(directory: &Path, history: &History) -> Result<Checked> {
    let database = Database::open(directory, OpenOptions::default())
        .context("the data directory cannot be opened after the fault")?;
    if database.graphs()?.is_empty() && history.acknowledged.is_empty() {
        return Ok(Checked::default());
    }
    let graph = database.graph(GRAPH)?;
    let latest = graph.read_latest();
    let found = transactions(&latest)?;
    for (&(worker, transaction), parts) in &found {
        hold!(
            *parts == (0..NODES_PER_TRANSACTION as i64).collect::<Vec<_>>(),
            "transaction {transaction} of worker {worker} is there in part: {parts:?}"
        );
    }
    let counters = counters(&latest)?;
    for &(worker, transaction) in found.keys() {
        let last = counters.get(&worker).copied().unwrap_or(0);
        hold!(
            last >= transaction,
            "transaction {transaction} of worker {worker} is there, but its counter says {last}"
        );
    }
    for (worker, last) in &counters {
        hold!(
            *last == 0 || found.contains_key(&(*worker, *last)),
            "the counter of worker {worker} says {last}, but that transaction is not there"
        );
    }
    for acknowledged in &history.acknowledged {
        let Acknowledged {
            worker,
            transaction,
            version,
        } = *acknowledged;
        hold!(
            found.contains_key(&(worker, transaction)),
            "transaction {transaction} of worker {worker} was acknowledged as version {version} \
             and is lost"
        );
    }
    // The past: at its own version the counter stood at the transaction that made it.
    let step = (history.acknowledged.len() / 50).max(1);
    for acknowledged in history.acknowledged.iter().step_by(step) {
        let then = graph.read_at(acknowledged.version)?;
        let counters = self::counters(&then)?;
        let last = counters.get(&acknowledged.worker).copied();
        hold!(
            last == Some(acknowledged.transaction),
            "at version {} the counter of worker {} says {last:?} instead of {}",
            acknowledged.version,
            acknowledged.worker,
            acknowledged.transaction
        );
    }
    Ok(Checked {
        commits: latest.version().0,
        transactions: found.len(),
    })
}

/// What a check has seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checked {
    /// The latest version.
    pub commits: u64,
    /// The transactions found.
    pub transactions: usize,
}

/// The parts found of each transaction, by worker and number.
fn transactions(read: &GraphRead) -> Result<BTreeMap<(u64, u64), Vec<i64>>> {
    let mut found: BTreeMap<(u64, u64), Vec<i64>> = BTreeMap::new();
    for node in scan(read, "Write")? {
        let worker = integer(read, node, "worker")?;
        let transaction = integer(read, node, "transaction")?;
        let part = integer(read, node, "part")?;
        found
            .entry((worker.cast_unsigned(), transaction.cast_unsigned()))
            .or_default()
            .push(part);
        let mut links = 0;
        read.expand(node, None, &[], |_, _, _| links += 1)?;
        let ends = part == 0 || part == NODES_PER_TRANSACTION as i64 - 1;
        hold!(
            links == if ends { 1 } else { 2 },
            "part {part} of transaction {transaction} of worker {worker} has {links} relationships"
        );
    }
    found.values_mut().for_each(|parts| parts.sort_unstable());
    Ok(found)
}

/// The last transaction of each worker as its counter says.
fn counters(read: &GraphRead) -> Result<BTreeMap<u64, u64>> {
    let mut counters = BTreeMap::new();
    for node in scan(read, "Counter")? {
        let worker = integer(read, node, "worker")?.cast_unsigned();
        let last = integer(read, node, "last")?.cast_unsigned();
        hold!(
            counters.insert(worker, last).is_none(),
            "worker {worker} has two counters"
        );
    }
    Ok(counters)
}

fn scan(read: &GraphRead, label: &str) -> Result<Vec<NodeId>> {
    let mut nodes = Vec::new();
    if let Some(label) = read.catalog().label(label) {
        let mut cursor = ScanCursor::default();
        while !cursor.is_done() {
            read.scan_label(label, &mut cursor, 1_024, &mut nodes)?;
        }
    }
    Ok(nodes)
}

fn integer(read: &GraphRead, node: NodeId, key: &str) -> Result<i64> {
    let id = read
        .catalog()
        .key(key)
        .with_context(|| format!("there is no key {key}"))?;
    match read.property(ElementId::Node(node), id)? {
        Value::Int(value) => Ok(value),
        other => Err(Violation(format!("{key} of node {node} is {other:?}")).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_off_says_nothing() {
        let acknowledged = Acknowledged {
            worker: 1,
            transaction: 23,
            version: Version(456),
        };
        let line = History::line(&acknowledged);
        for length in 0..line.len() {
            let mut history = History::default();
            history.record(&line[..length]);
            assert_eq!(history.acknowledged, []);
        }
        let mut history = History::default();
        history.record(&line);
        assert_eq!(history.acknowledged, [acknowledged]);
    }
}
