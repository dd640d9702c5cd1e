//! What a run is made of: sizes, seed, caps.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Measures the database on a generated social graph, beside loops in memory that answer the same.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Settings {
    /// People.
    #[arg(long, default_value_t = 100_000)]
    pub people: usize,
    /// KNOWS relationships between them.
    #[arg(long, default_value_t = 2_000_000)]
    pub relationships: usize,
    /// The seed of everything random.
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Changes over 90 days: 65 % added, 20 % deleted, 15 % changed relationships.
    #[arg(long, default_value_t = 1_000_000)]
    pub updates: usize,
    /// Changes in one commit.
    #[arg(long, default_value_t = 1_000, value_parser = positive)]
    pub commit_size: usize,
    /// Calls of each family in each mode, at most.
    #[arg(long, default_value_t = 2_000, value_parser = positive)]
    pub calls: usize,
    /// Seconds for each family in each mode, at most; three calls are made nevertheless.
    #[arg(long, default_value_t = 2.0)]
    pub family_seconds: f64,
    /// Calls of each family in each mode whose answers are compared, at most.
    #[arg(long, default_value_t = 50, value_parser = positive)]
    pub checks: usize,
    /// Only the families whose name contains one of these.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// The directory for the databases, made and removed; by default a temporary one.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// A file for the results as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// A small graph and few calls: a test that everything runs and answers right.
    #[arg(long)]
    pub quick: bool,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

impl Settings {
    /// The settings of a quick run.
    #[must_use]
    pub fn quick() -> Self {
        Self::parse_from(["retrograph-bench", "--quick"]).completed()
    }

    /// The settings with those that `--quick` implies.
    #[must_use]
    pub fn completed(mut self) -> Self {
        if self.quick {
            self.people = 300;
            self.relationships = 3_000;
            self.updates = 2_000;
            self.commit_size = 100;
            self.calls = 20;
            self.family_seconds = 0.2;
            self.checks = 20;
        }
        self
    }

    /// The time for a family in a mode.
    #[must_use]
    pub fn family_time(&self) -> Duration {
        Duration::from_secs_f64(self.family_seconds.max(0.0))
    }

    /// Whether a family is wanted.
    #[must_use]
    pub fn wants(&self, family: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| family.contains(&**part))
    }
}
