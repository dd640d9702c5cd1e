//! The command behind `make differential`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use retrograph_differential::case::Case;
use retrograph_differential::generate::parameters;
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
    /// Compares the one case in a file, as a difference prints it.
    #[arg(long)]
    case: Option<PathBuf>,
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a command"
)]
fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(path) = arguments.case {
        let case = Case::read(&std::fs::read_to_string(path)?, parameters());
        let (verdict, rows) = case.answer()?;
        println!("{}", rows.join("\n"));
        println!("-- {verdict:#?}");
        return Ok(ExitCode::SUCCESS);
    }
    let started = Instant::now();
    let settings = Settings {
        seed: arguments.seed,
        first: arguments.first,
        count: arguments.count,
        differences_max: arguments.differences,
    };
    let (mut told, mut summed) = (0, Instant::now());
    let report = run(settings, &mut |report| {
        if summed.elapsed().as_secs() >= 300 {
            summed = Instant::now();
            eprintln!("{}", report.summary());
        }
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
