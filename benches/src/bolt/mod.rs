//! What the server costs: point queries and streams over Bolt, beside the same in the process, and beside
//! sockets that carry as much and do nothing.
//!
//! Client and server share the machine, as the limit does: on two cores, the client's part counts.

pub mod point;

use std::fmt;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use retrograph_engine::{Collected, Parameters, RunOptions};
use retrograph_graph::Graph;
use retrograph_graph::value::Value;

use retrograph_net::{Access, Options, Server, bolt};
use retrograph_server::{Database, OpenOptions};

use point::Answered;
use retrograph_bolt::message::request::Run;

/// Measures a server over Bolt, started for it on a database of its own.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Settings {
    /// People in the graph.
    #[arg(long, default_value_t = 100_000)]
    pub people: i64,
    /// Connections that ask for points.
    #[arg(long, default_value_t = 32)]
    pub connections: usize,
    /// Point queries a second, over all connections, whether answered or not.
    #[arg(long, default_value_t = 20_000.0)]
    pub rate: f64,
    /// Seconds for each measurement.
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Rows of the stream.
    #[arg(long, default_value_t = 5_000_000)]
    pub rows: i64,
}

/// What was measured.
pub struct Report {
    lines: Vec<(&'static str, String)>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.lines {
            writeln!(f, "{name:<58} {value}")?;
        }
        Ok(())
    }
}

impl Report {
    fn answered(&mut self, name: &'static str, of: &Answered) {
        let at = |quantile| micros(of.times_ns.value_at_quantile(quantile));
        let text = format!(
            "{:>9.0}/s   p50 {:>7.1} us   p99 {:>7.1} us   p99.9 {:>8.1} us",
            of.rate,
            at(0.5),
            at(0.99),
            at(0.999)
        );
        self.lines.push((name, text));
    }
}

#[allow(clippy::cast_precision_loss)]
fn micros(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1_000.0
}

/// Measures.
///
/// # Errors
/// If the database or the server cannot be started, or a query fails.
pub fn run(settings: &Settings) -> anyhow::Result<Report> {
    let directory = tempfile::tempdir()?;
    let database = Database::open(&directory.path().join("data"), OpenOptions::creating())?;
    let graph = database.create_graph("people")?;
    fill(&database, &graph, settings.people)?;
    let access = Access::Open {
        actor: "bench".into(),
    };
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let options = Options {
        bolt: Some(bolt::Options::new(listen)),
        ..Options::new(access)
    };
    let server = Server::listen(Arc::clone(&database), options)?;
    let address = server
        .bolt_address()
        .context("the server does not listen")?;
    let stop = server.stop();
    let serving = thread::spawn(move || server.run());
    let measured = measure(settings, &database, &graph, address);
    stop.stop();
    serving
        .join()
        .map_err(|_| anyhow::anyhow!("the server panicked"))?;
    measured
}

fn fill(database: &Database, graph: &Arc<Graph>, people: i64) -> anyhow::Result<()> {
    let engine = database.engine();
    let options = RunOptions::default();
    let constraint = "CREATE CONSTRAINT FOR (p:Person) REQUIRE p.id IS UNIQUE";
    engine.run(
        graph,
        constraint,
        &Parameters::default(),
        &options,
        &mut Collected::default(),
    )?;
    let mut parameters = Parameters::default();
    for first in (0..people).step_by(10_000) {
        parameters.insert("first".into(), Value::Int(first));
        parameters.insert("last".into(), Value::Int((first + 10_000).min(people) - 1));
        engine.run(
            graph,
            "UNWIND range($first, $last) AS id CREATE (:Person {id: id, name: 'person ' + id})",
            &parameters,
            &options,
            &mut Collected::default(),
        )?;
    }
    Ok(())
}

fn measure(
    settings: &Settings,
    database: &Database,
    graph: &Arc<Graph>,
    address: SocketAddr,
) -> anyhow::Result<Report> {
    let time = Duration::from_secs_f64(settings.seconds.max(0.0));
    let people = settings.people;
    let mut report = Report { lines: Vec::new() };
    // Warm: plans, images, workers.
    point::closed(address, settings.connections, people, time / 5)?;
    let within = within(database, graph, people, time)?;
    let echoed = point::echoed(time)?;
    let alone = point::closed(address, 1, people, time)?;
    report.answered("point query in the process", &within);
    report.answered("128 bytes to and fro over a socket", &echoed);
    report.answered("point query over Bolt, 1 connection", &alone);
    let median = |of: &Answered| micros(of.times_ns.value_at_quantile(0.5));
    let beyond = median(&alone) - median(&within);
    report.lines.push((
        "  its p50 beyond that in the process",
        format!(
            "{beyond:.1} us, {:.2} of the socket's",
            beyond / median(&echoed)
        ),
    ));
    let full = point::closed(address, settings.connections, people, time)?;
    report.answered("point queries over Bolt, as fast as they go", &full);
    let open = point::open(address, settings.connections, people, settings.rate, time)?;
    report.answered("point queries over Bolt, open load, from when due", &open);
    let (rate, bytes) = stream(settings.rows, address)?;
    let limit = pumped(bytes)?;
    report
        .lines
        .push(("rows streamed to one connection", format!("{rate:>9.0}/s")));
    #[allow(clippy::cast_precision_loss)]
    let limit = settings.rows as f64 / limit.as_secs_f64();
    report.lines.push((
        "  a socket that carries as many bytes",
        format!("{limit:>9.0}/s, ratio {:.3}", rate / limit),
    ));
    Ok(report)
}

/// The point query without a server.
fn within(
    database: &Database,
    graph: &Arc<Graph>,
    people: i64,
    time: Duration,
) -> anyhow::Result<Answered> {
    let mut times_ns = hdrhistogram::Histogram::new_with_bounds(1, 3_600_000_000_000, 3)?;
    let options = RunOptions::default();
    let mut parameters = Parameters::default();
    let begun = Instant::now();
    for turn in 0_i64.. {
        if begun.elapsed() >= time {
            break;
        }
        // A stride that visits everybody.
        let id = turn.wrapping_mul(7_919).rem_euclid(people);
        let before = Instant::now();
        parameters.insert("id".into(), Value::Int(id));
        let mut rows = Collected::default();
        database
            .engine()
            .run(graph, point::QUERY, &parameters, &options, &mut rows)?;
        let took = u64::try_from(before.elapsed().as_nanos()).unwrap_or(u64::MAX);
        anyhow::ensure!(rows.rows.len() == 1, "person {id} was not found");
        times_ns.saturating_record(took);
    }
    #[allow(clippy::cast_precision_loss)]
    let rate = times_ns.len() as f64 / begun.elapsed().as_secs_f64();
    Ok(Answered { rate, times_ns })
}

/// How many rows a second come, and how many bytes come in all.
fn stream(rows: i64, address: SocketAddr) -> anyhow::Result<(f64, u64)> {
    let mut client = point::connect(address)?;
    let query = format!("UNWIND range(1, {rows}) AS i RETURN i, 'row' AS text");
    let begun = Instant::now();
    client.ask(Run {
        query,
        ..Run::default()
    })?;
    let counted = client.count_rows()?;
    let took = begun.elapsed();
    anyhow::ensure!(
        i64::try_from(counted) == Ok(rows),
        "{counted} rows came of {rows}"
    );
    #[allow(clippy::cast_precision_loss)]
    Ok((counted as f64 / took.as_secs_f64(), client.received()))
}

/// How long a socket takes for so many bytes, in writes of 64 KiB.
fn pumped(bytes: u64) -> anyhow::Result<Duration> {
    use std::io::{Read as _, Write as _};
    let listener = TcpListener::bind("127.0.0.1:0").context("a socket")?;
    let address = listener.local_addr()?;
    let pump = thread::spawn(move || -> std::io::Result<()> {
        let (mut socket, _) = listener.accept()?;
        let buffer = vec![7; 64 << 10];
        let mut left = usize::try_from(bytes).unwrap_or(usize::MAX);
        while left > 0 {
            let part = left.min(buffer.len());
            socket.write_all(&buffer[..part])?;
            left -= part;
        }
        Ok(())
    });
    let begun = Instant::now();
    let mut socket = TcpStream::connect(address)?;
    let mut buffer = vec![0; 64 << 10];
    while socket.read(&mut buffer)? > 0 {}
    let took = begun.elapsed();
    pump.join()
        .map_err(|_| anyhow::anyhow!("the sender panicked"))??;
    Ok(took)
}
