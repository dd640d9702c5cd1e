//! Wires the TCK runner to the engine.

mod adapter;

use clap::Parser as _;
use retrograph_tck::cli::{self, Defaults, Options};
use retrograph_tck::subject::SubjectFactory;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::{env, io};

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let defaults = Defaults {
        dir: env::var_os("TCK_DIR")
            .map_or_else(|| home.join("../../../shared/tck"), |dir| dir.into()),
        known_failures: home.join("known-failures.txt"),
    };
    let factory: SubjectFactory = Arc::new(adapter::open);
    let is_clean = cli::run(&options, &defaults, &factory, &mut io::stdout())?;
    Ok(if is_clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
