//! What a server counts, and how it tells that to Prometheus.
//!
//! Requests are counted where they end ([`Requests`]), by atomics. Everything else is read from where it
//! is when somebody asks: what nobody asks for costs nothing. No label holds what a user wrote, but for the
//! names of graphs and tenants.

mod exposition;
mod requests;
mod tenants;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

pub use exposition::CONTENT_TYPE;
use exposition::{Exposition, Kind};
pub use requests::{End, Register, Requests};
use retrograph_server::{Database, GraphStatistics};
pub use tenants::Tenants;

use crate::traces::Traces;
use crate::turns::Turnstile;

/// What a server counts.
pub struct Metrics {
    /// Requests, by what they ask for.
    pub requests: Register,
    /// Logins that failed.
    pub failed_logins: AtomicU64,
    started: SystemTime,
}

/// What a server has open.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// Connections, and how many there may be.
    pub connections: (usize, usize),
    /// Workers, and how many there may be.
    pub workers: (usize, usize),
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self {
            requests: Register::default(),
            failed_logins: AtomicU64::new(0),
            started: SystemTime::now(),
        }
    }

    /// All there is to tell now.
    pub fn scrape(
        &self,
        database: &Database,
        turns: &Turnstile,
        traces: &Traces,
        open: Open,
    ) -> String {
        let mut out = Exposition::default();
        self.write_process(&mut out);
        self.requests.write(&mut out);
        out.single(
            "retrograph_failed_logins_total",
            Kind::Counter,
            "Logins that failed.",
            self.failed_logins.load(Ordering::Relaxed) as f64,
        );
        write_open(&mut out, database, open);
        write_queries(&mut out, turns);
        write_traces(&mut out, traces);
        write_engine(&mut out, database);
        write_storage(&mut out, database);
        out.finish()
    }

    fn write_process(&self, out: &mut Exposition) {
        let mut family = out.family(
            "retrograph_build_info",
            Kind::Gauge,
            "Always 1; the version is a label.",
        );
        family.sample("", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
        let started = self.started.duration_since(SystemTime::UNIX_EPOCH);
        out.single(
            "retrograph_start_time_seconds",
            Kind::Gauge,
            "When the server started, in seconds since 1970.",
            started.map_or(0.0, |time| time.as_secs_f64()),
        );
        if let Some(bytes) = resident_bytes() {
            out.single(
                "retrograph_resident_memory_bytes",
                Kind::Gauge,
                "The memory that the process holds, as the system counts it.",
                bytes as f64,
            );
        }
    }
}

/// The memory of this process, where the system tells it as Linux does.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

fn write_open(out: &mut Exposition, database: &Database, open: Open) {
    for (name, help, value) in [
        (
            "retrograph_connections",
            "Open connections.",
            open.connections.0,
        ),
        (
            "retrograph_connections_max",
            "Connections there may be.",
            open.connections.1,
        ),
        (
            "retrograph_workers",
            "Threads that queries and transactions hold.",
            open.workers.0,
        ),
        (
            "retrograph_workers_max",
            "Such threads there may be.",
            open.workers.1,
        ),
        (
            "retrograph_transactions",
            "Transactions that are open or running.",
            database.engine().open_transactions(),
        ),
    ] {
        out.single(name, Kind::Gauge, help, value as f64);
    }
}

/// What queries do and take, together and by tenant.
fn write_queries(out: &mut Exposition, turns: &Turnstile) {
    let admission = &turns.admission;
    let (running, waiting) = admission.load();
    let memory = admission.memory();
    for (name, help, value) in [
        (
            "retrograph_queries_running",
            "Queries that run.",
            u64::from(running),
        ),
        (
            "retrograph_queries_waiting",
            "Queries that wait for their turn.",
            waiting as u64,
        ),
        (
            "retrograph_query_memory_bytes",
            "Memory that queries hold.",
            memory.bytes() as u64,
        ),
        (
            "retrograph_query_memory_bytes_max",
            "Memory that queries may hold.",
            memory.bytes_max() as u64,
        ),
    ] {
        out.single(name, Kind::Gauge, help, value as f64);
    }
    out.single(
        "retrograph_query_memory_refused_total",
        Kind::Counter,
        "Queries that failed as there was no memory left for them.",
        turns.starved.load(Ordering::Relaxed) as f64,
    );
    turns.tenants.write(out, &admission.loads());
}

fn write_traces(out: &mut Exposition, traces: &Traces) {
    let told = traces.told();
    let mut family = out.family(
        "retrograph_trace_spans_total",
        Kind::Counter,
        "Spans that were sent to the collector, by whether it took them.",
    );
    for (end, count) in [("sent", told.sent), ("lost", told.lost)] {
        family.sample("", &[("end", end)], count as f64);
    }
}

fn write_engine(out: &mut Exposition, database: &Database) {
    let plans = database.engine().plan_statistics();
    out.single(
        "retrograph_plan_lookups_total",
        Kind::Counter,
        "How often the plan of a statement was asked for.",
        plans.lookups as f64,
    );
    out.single(
        "retrograph_plan_compilations_total",
        Kind::Counter,
        "How often it had to be made.",
        plans.compiled as f64,
    );
    out.single(
        "retrograph_plan_cache_bytes",
        Kind::Gauge,
        "What the plans take that are kept.",
        plans.bytes as f64,
    );
}

fn write_storage(out: &mut Exposition, database: &Database) {
    let statistics = database.statistics();
    let log = statistics.log;
    for (name, help, value) in [
        (
            "retrograph_log_entries_total",
            "Entries written to the log.",
            log.entries as f64,
        ),
        (
            "retrograph_log_fsyncs_total",
            "Writes of the log with an fsync.",
            log.synced_rounds as f64,
        ),
        (
            "retrograph_log_fsync_seconds_total",
            "How long these took, all together.",
            log.synced_micros as f64 / 1e6,
        ),
    ] {
        out.single(name, Kind::Counter, help, value);
    }
    for (name, help, value) in [
        (
            "retrograph_block_cache_bytes",
            "Blocks of rows in memory.",
            statistics.block_cache_bytes,
        ),
        (
            "retrograph_write_buffer_bytes",
            "Memory for rows that are not in files yet.",
            statistics.write_buffer_bytes,
        ),
    ] {
        out.single(name, Kind::Gauge, help, value as f64);
    }
    let troubles = database.troubles();
    out.single(
        "retrograph_ready",
        Kind::Gauge,
        "1 if the server can serve, else 0; /health/ready says why not.",
        if troubles.is_empty() { 1.0 } else { 0.0 },
    );
    let graphs = &statistics.graphs;
    let mut of_graphs = |name, help, value: fn(&GraphStatistics) -> Option<u64>| {
        let mut family = out.family(name, Kind::Gauge, help);
        for graph in graphs {
            if let Some(value) = value(graph) {
                family.sample("", &[("graph", &*graph.name)], value as f64);
            }
        }
    };
    of_graphs(
        "retrograph_graph_version",
        "The latest version of the graph.",
        |graph| Some(graph.version.0),
    );
    of_graphs(
        "retrograph_graph_unapplied_entries",
        "Entries of its log that are not applied yet.",
        |graph| Some(graph.unapplied_entries),
    );
    of_graphs(
        "retrograph_graph_unflushed_bytes",
        "Bytes of its log that a restart would replay.",
        |graph| Some(graph.unflushed_bytes),
    );
    of_graphs(
        "retrograph_graph_image_bytes",
        "What its read images take.",
        |graph| Some(graph.images.bytes as u64),
    );
    of_graphs(
        "retrograph_store_memtable_bytes",
        "Rows in memory.",
        |graph| graph.store.map(|store| store.memtable_bytes),
    );
    of_graphs("retrograph_store_file_bytes", "Files of rows.", |graph| {
        graph.store.map(|store| store.file_bytes)
    });
    of_graphs(
        "retrograph_store_rows",
        "About how many rows there are.",
        |graph| graph.store.map(|store| store.rows),
    );
    of_graphs(
        "retrograph_store_pending_compaction_bytes",
        "About how many bytes compactions have still to rewrite.",
        |graph| graph.store.map(|store| store.pending_compaction_bytes),
    );
    of_graphs(
        "retrograph_store_running_compactions",
        "Compactions that are running.",
        |graph| graph.store.map(|store| store.running_compactions),
    );
    of_graphs(
        "retrograph_store_background_errors",
        "Errors of the store in the background, such as of a full disk.",
        |graph| graph.store.map(|store| store.background_errors),
    );
}
