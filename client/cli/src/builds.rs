//! Indexes are built behind the command that creates them; a process that created some does not end
//! before they stand, unless it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use retrograph_graph::ids::IndexId;
use retrograph_graph::{Graph, IndexBuild};
use retrograph_server::Database;

use crate::failure::Failure;
use crate::interrupt::interruptible;
use crate::progress::Progress;
use crate::terminal;

/// How often progress is shown.
const PERIOD: Duration = Duration::from_millis(100);

/// The indexes of a graph that have failed.
pub fn failed(graph: &Graph) -> Vec<IndexId> {
    let builds = graph.index_builds().into_iter();
    let failed = builds.filter(|index| index.failure.is_some());
    failed.map(|index| index.id).collect()
}

fn populating(graph: &Graph) -> Vec<IndexBuild> {
    let mut builds = graph.index_builds();
    builds.retain(|index| index.failure.is_none());
    builds
}

/// Waits until the indexes of a graph are built. Ctrl-C leaves the rest to the next process that opens
/// the database.
///
/// # Errors
/// If one cannot be built, `known` excepted, or the log takes no steps.
pub fn finish(database: &Database, graph: &Arc<Graph>, known: &[IndexId]) -> Result<(), Failure> {
    let is_stopped = Arc::new(AtomicBool::new(false));
    let stop = is_stopped.clone();
    let _interruptible = interruptible(move || stop.store(true, Ordering::Relaxed));
    let mut progress: Option<Progress> = None;
    loop {
        let builds = populating(graph);
        let Some(first) = builds.first() else { break };
        if is_stopped.load(Ordering::Relaxed) {
            if let Some(progress) = progress {
                progress.finish();
            }
            for index in &builds {
                terminal::remark(&format!(
                    "index {} is built to {:.0} %; the rest follows while the database is open the \
                     next time",
                    index.name,
                    index.done * 100.0
                ));
            }
            return Ok(());
        }
        if let Some(trouble) = database.index_trouble(graph) {
            return Err(Failure::new(format!(
                "index {} is not built to its end: {trouble}",
                first.name
            )));
        }
        let done: f64 = builds.iter().map(|index| index.done).sum();
        let permille = (done / builds.len() as f64 * 1_000.0) as u64;
        let names: Vec<&str> = builds.iter().map(|index| &*index.name).collect();
        progress
            .get_or_insert_with(|| Progress::new("building"))
            .set(permille, 1_000, || names.join(", "));
        // That it fails is said below.
        let _ = graph.await_index(None, PERIOD);
    }
    if let Some(progress) = progress {
        progress.finish();
    }
    let failed = graph.index_builds().into_iter().find_map(|index| {
        let failure = index.failure?;
        let is_new = !known.contains(&index.id);
        is_new.then(|| format!("index {} cannot be built: {failure}", index.name))
    });
    match failed {
        Some(message) => Err(Failure::new(message)),
        None => Ok(()),
    }
}
