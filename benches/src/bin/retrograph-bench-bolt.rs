//! `retrograph-bench-bolt`: measures a server over Bolt and prints what came out.

use std::io::Write as _;

use clap::Parser as _;
use retrograph_bench::bolt::{Settings, run};

fn main() -> anyhow::Result<()> {
    let report = run(&Settings::parse())?;
    write!(std::io::stdout().lock(), "{report}")?;
    Ok(())
}
