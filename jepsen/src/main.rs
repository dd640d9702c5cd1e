//! The tester: runs the scenarios, and is also the worker processes that they start.

use std::io::BufRead;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};
use retrograph_jepsen::history::{self, History};
use retrograph_jepsen::scenario::{Outcome, Tester};
use retrograph_jepsen::soak::Soak;
use retrograph_jepsen::violation::Violation;
use retrograph_jepsen::{import, schema, worker};

/// Crash tests of the database: kill, power cut, full disk, bit rot.
#[derive(Parser)]
struct Arguments {
    /// Draws the moments at which faults strike; printed, so that a run can be repeated.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often each fault strikes.
    #[arg(long, default_value_t = 30)]
    cycles: u32,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What the tester starts itself.
#[derive(Subcommand)]
enum Command {
    /// Many clients against a server that is killed and started again, then left alone.
    Soak {
        #[arg(long, default_value_t = 30.0)]
        minutes: f64,
        #[arg(long, default_value_t = 64)]
        clients: usize,
        /// Seconds until the server is killed again.
        #[arg(long, default_value_t = 30.0)]
        kill_seconds: f64,
        /// The program `retrograph`; by default the one beside this one.
        #[arg(long)]
        retrograph: Option<PathBuf>,
    },
    /// Commits until it is killed.
    #[command(hide = true)]
    Worker {
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        threads: u64,
        #[arg(long)]
        first: u64,
        #[arg(long)]
        transactions: u64,
    },
    /// Imports until it is killed.
    #[command(hide = true)]
    Import {
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        input: PathBuf,
        /// As a history, whose commits share syncs.
        #[arg(long)]
        history: bool,
    },
    /// Creates and drops indexes and constraints beside writers until it is killed.
    #[command(hide = true)]
    Schema {
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        seed: u64,
    },
    /// Checks a directory against the history on the standard input.
    #[command(hide = true)]
    Check {
        #[arg(long)]
        data: PathBuf,
    },
}

/// The exit code of a wrong answer.
const VIOLATION: u8 = 3;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            #[allow(clippy::print_stderr, reason = "the report of a command")]
            {
                eprintln!("error: {error:#}");
            }
            if error.is::<Violation>() {
                ExitCode::from(VIOLATION)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    match &arguments.command {
        Some(Command::Worker {
            data,
            threads,
            first,
            transactions,
        }) => {
            worker::run(data, *threads, *first, *transactions)?;
        }
        Some(Command::Import {
            data,
            input,
            history,
        }) => import::run(data, input, *history)?,
        Some(Command::Schema { data, seed }) => schema::run(data, *seed)?,
        Some(Command::Check { data }) => {
            let mut history = History::default();
            for line in std::io::stdin().lock().lines() {
                history.record(&line?);
            }
            history::check(data, &history)?;
        }
        Some(Command::Soak {
            minutes,
            clients,
            kill_seconds,
            retrograph,
        }) => {
            let beside = || std::env::current_exe().map(|it| it.with_file_name("retrograph"));
            let soak = Soak {
                program: retrograph.clone().map_or_else(beside, Ok)?,
                time: Duration::from_secs_f64(minutes * 60.0),
                clients: *clients,
                kill_period: Duration::from_secs_f64(*kill_seconds),
                seed: arguments.seed,
            };
            #[allow(clippy::print_stdout, reason = "the report of a command")]
            {
                println!("{}", soak.run()?);
            }
        }
        None => return scenarios(arguments.seed, arguments.cycles),
    }
    Ok(true)
}

#[allow(clippy::print_stdout, reason = "the report of a command")]
fn scenarios(seed: u64, cycles: u32) -> Result<bool> {
    println!("seed {seed}, {cycles} cycles");
    let program = std::env::current_exe()?;
    let mut tester = Tester::new(program, seed, cycles);
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let mut report = |name: &str, outcome: Result<Outcome>| match outcome {
        Ok(Outcome::Held(what)) => {
            passed += 1;
            println!("{name}: held; {what}");
        }
        Ok(Outcome::NotRun(why)) => {
            skipped += 1;
            println!("{name}: not run; {why}");
        }
        Err(error) => {
            failed += 1;
            println!("{name}: FAILED; {error:#}");
        }
    };
    report("kill during commits", tester.kill_during_commits());
    report("kill during an import", tester.kill_during_import());
    report(
        "kill during changes of the schema",
        tester.kill_during_schema(),
    );
    report("power cut", tester.power_cut());
    report("full disk", tester.full_disk());
    report("bit rot", tester.bit_rot());
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(failed == 0)
}
