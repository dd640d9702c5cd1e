//! `retrograph-bench`: runs the macro benchmark and prints a table.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use retrograph_bench::Settings;

fn main() -> anyhow::Result<ExitCode> {
    let settings = Settings::parse().completed();
    let report = retrograph_bench::run(&settings, &mut std::io::stderr())?;
    write!(std::io::stdout().lock(), "{report}")?;
    if let Some(path) = &settings.json {
        let file = File::create(path).with_context(|| format!("cannot write {path:?}"))?;
        let mut file = BufWriter::new(file);
        serde_json::to_writer_pretty(&mut file, &report.json())?;
        writeln!(file)?;
        file.flush()?;
    }
    Ok(if report.differences.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
