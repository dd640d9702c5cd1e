//! What a database can say of itself without running a query: for health checks and metrics.

use std::sync::Arc;

use retrograph_graph::ImageStatistics;
use retrograph_graph::ids::Version;
use retrograph_graph::kv::StoreStatistics;
use retrograph_raft::LogStats;

use crate::database::Database;
use crate::group::chain;

/// What a database does and takes.
#[derive(Clone, Debug)]
pub struct Statistics {
    /// What its log has done since it was opened.
    pub log: LogStats,
    /// Bytes of blocks of rows in memory.
    pub block_cache_bytes: usize,
    /// Bytes of memory for rows that are not in files yet.
    pub write_buffer_bytes: usize,
    /// Its open graphs, the one of the system among them, by name.
    pub graphs: Vec<GraphStatistics>,
}

/// What an open graph does and takes.
#[derive(Clone, Debug)]
pub struct GraphStatistics {
    /// Its name.
    pub name: Arc<str>,
    /// Its latest version.
    pub version: Version,
    /// Entries of its log that are not applied yet.
    pub unapplied_entries: u64,
    /// Bytes of its log that a restart would replay.
    pub unflushed_bytes: u64,
    /// What its store takes, if that could be told.
    pub store: Option<StoreStatistics>,
    /// Its read images.
    pub images: ImageStatistics,
}

impl Database {
    /// What it does and takes now. Costs some dozen look-ups for each open graph, no query.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let (block_cache_bytes, write_buffer_bytes) = self.resources_usage();
        let mut graphs: Vec<GraphStatistics> = self
            .open_groups()
            .into_iter()
            .map(|(name, group)| GraphStatistics {
                name,
                version: group.graph().latest(),
                unapplied_entries: group.unapplied_entries(),
                unflushed_bytes: group.unflushed_bytes(),
                store: group.graph().store().statistics(),
                images: group.graph().image_statistics(),
            })
            .collect();
        graphs.sort_by(|left, right| left.name.cmp(&right.name));
        Statistics {
            log: self.log().stats(),
            block_cache_bytes,
            write_buffer_bytes,
            graphs,
        }
    }

    /// Why it cannot serve at the moment, one line for each reason; none if it can.
    ///
    /// Its log takes entries, the graph of the system can be read, no store of an open graph has stopped
    /// taking rows.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        if let Some(error) = self.log().failure() {
            troubles.push(format!("nothing can be written: {}", chain(&error)));
        }
        if let Err(error) = self.graphs() {
            troubles.push(format!("the graphs cannot be listed: {}", chain(&error)));
        }
        for graph in self.statistics().graphs {
            if graph.store.is_some_and(|store| store.is_write_stopped) {
                troubles.push(format!("the store of graph {} takes no rows", graph.name));
            }
        }
        troubles
    }
}
