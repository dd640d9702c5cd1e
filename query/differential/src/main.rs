//! The command behind `make differential`.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use retrograph_differential::run::{Settings, run};

/// Compares the engine with a naive evaluator on random graphs and queries.
#[derive(Parser)]
struct Arguments {
    /// Decides the graphs and queries.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of the first query, as a difference tells it.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// How many queries to compare.
    #[arg(long, default_value_t = 10_000)]
    count: u64,
    /// After how many differences to stop.
    #[arg(long, default_value_t = 20)]
    differences: usize,
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a command"
)]
fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let started = Instant::now();
    let settings = Settings {
        seed: arguments.seed,
        first: arguments.first,
        count: arguments.count,
        differences_max: arguments.differences,
    };
    let mut told = 0;
    let report = run(settings, &mut |report| {
        for finding in &report.findings[told..] {
            eprintln!("{finding}");
        }
        told = report.findings.len();
        eprintln!(
            "{} of {} queries, {} differences, {} s",
            report.queries,
            arguments.count,
            report.findings.len(),
            started.elapsed().as_secs()
        );
    })?;
    println!("seed {}, {} s", arguments.seed, started.elapsed().as_secs());
    println!("{report}");
    Ok(if report.findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
