//! The command `retrograph-tck`: options, and what a run prints and decides.

use crate::execute::{Failure, FailureKind, Outcome};
use crate::feature::{self, Scenario, Suite};
use crate::known::{Judgement, KnownFailures};
use crate::report::{self, Counts};
use crate::runner::{self, Evaluated, Limits};
use crate::subject::SubjectFactory;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Runs openCypher TCK scenarios under a strict comparator.
///
/// Exit status 0 when the scenarios that fail are exactly those on the list of known failures,
/// 1 otherwise.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "retrograph-tck", version)]
pub struct Options {
    /// Folder of the TCK; otherwise the variable TCK_DIR, then `../shared/tck` beside the
    /// workspace.
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
    /// Run only scenarios whose name contains this text.
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Write the outcome of every scenario to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// List of scenarios that do not pass yet [default: known-failures.txt of this crate].
    #[arg(long, value_name = "FILE")]
    pub known_failures: Option<PathBuf>,
    /// Rewrite the list without the scenarios that pass now.
    #[arg(long)]
    pub shrink: bool,
    /// Show steps, expectation and answer of scenarios whose name contains this text, and run no
    /// others.
    #[arg(long, value_name = "TEXT")]
    pub show: Option<String>,
    /// Summarise failures grouped by what went wrong.
    #[arg(long)]
    pub failures: bool,
    /// Scenarios to play at the same time [default: number of processors].
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Seconds one scenario may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub time_limit: u64,
}

/// Where things are when options do not say.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// Folder of the TCK.
    pub dir: PathBuf,
    /// List of known failures; it may be absent, which means an empty list.
    pub known_failures: PathBuf,
}

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The report could not be printed.
    #[error("cannot print the report: {0}")]
    Print(#[from] io::Error),
    /// The outcome could not be turned into JSON.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The folder is there and holds no scenario.
    #[error("{0} holds no scenarios")]
    NoScenarios(PathBuf),
}

/// Runs the command and says whether the outcome is as it should be.
///
/// # Errors
/// When files cannot be read or written.
pub fn run(
    options: &Options,
    defaults: &Defaults,
    factory: &SubjectFactory,
    out: &mut dyn Write,
) -> Result<bool, Error> {
    let dir = options.dir.as_ref().unwrap_or(&defaults.dir);
    let suite = feature::load(dir).map_err(|source| Error::File {
        path: dir.clone(),
        source,
    })?;
    let Some(mut suite) = suite else {
        writeln!(
            out,
            "nothing was checked: no TCK in {} (set TCK_DIR)",
            dir.display()
        )?;
        writeln!(out, "{}", Counts::default().closing_line())?;
        return Ok(true);
    };
    if suite.scenarios.is_empty() && suite.broken.is_empty() {
        return Err(Error::NoScenarios(dir.clone()));
    }
    // A folder with features alone uses the named graphs of the whole TCK.
    let usual_graphs = defaults.dir.join("tck/graphs");
    if !suite.graphs.is_dir() && usual_graphs.is_dir() {
        suite.graphs = usual_graphs;
    }
    let limits = Limits {
        threads: options
            .threads
            .unwrap_or_else(|| thread::available_parallelism().map_or(1, Into::into)),
        time_limit: Duration::from_secs(options.time_limit),
    };
    if let Some(wanted) = &options.show {
        return show(&suite, wanted, factory, limits, out);
    }
    let evaluated = evaluate(&suite, options.filter.as_deref(), factory, limits);
    if let Some(path) = &options.json {
        write_file(path, &report::json(&evaluated)?)?;
    }
    if options.failures {
        writeln!(out, "{}", report::groups(&evaluated))?;
    }
    writeln!(
        out,
        "{} feature files, {} scenarios with outlines expanded, {} run",
        suite.feature_files,
        suite.scenarios.len(),
        evaluated.len()
    )?;
    write!(out, "{}", report::table(&evaluated))?;
    let is_clean = judge(options, defaults, &suite, &evaluated, out)?;
    writeln!(out, "{}", Counts::of(&evaluated).closing_line())?;
    Ok(is_clean)
}

/// Plays the scenarios whose names contain `filter`, and counts unreadable features as failures.
fn evaluate(
    suite: &Suite,
    filter: Option<&str>,
    factory: &SubjectFactory,
    limits: Limits,
) -> Vec<Evaluated> {
    let is_wanted = |name: &str| filter.is_none_or(|text| name.contains(text));
    let selected: Vec<&Scenario> = suite
        .scenarios
        .iter()
        .filter(|scenario| is_wanted(&scenario.name))
        .collect();
    let mut evaluated = runner::run(&selected, &suite.graphs, factory, limits);
    evaluated.extend(
        suite
            .broken
            .iter()
            .filter(|feature| is_wanted(&feature.name))
            .map(|feature| Evaluated {
                name: feature.name.clone(),
                category: feature.category.clone(),
                outcome: Outcome::Failed(Failure::new(
                    FailureKind::UnreadableFeature,
                    &feature.reason,
                )),
                elapsed: Duration::ZERO,
            }),
    );
    evaluated
}

fn show(
    suite: &Suite,
    wanted: &str,
    factory: &SubjectFactory,
    limits: Limits,
    out: &mut dyn Write,
) -> Result<bool, Error> {
    let selected: Vec<&Scenario> = suite
        .scenarios
        .iter()
        .filter(|scenario| scenario.name.contains(wanted))
        .collect();
    let evaluated = runner::run(&selected, &suite.graphs, factory, limits);
    for (scenario, item) in selected.iter().zip(&evaluated) {
        writeln!(out, "{}", report::show(scenario, item))?;
    }
    for feature in suite
        .broken
        .iter()
        .filter(|feature| feature.name.contains(wanted))
    {
        writeln!(out, "{}\n  {}", feature.name, feature.reason)?;
    }
    let counts = Counts::of(&evaluated);
    writeln!(out, "{}", counts.closing_line())?;
    Ok(counts.failed == 0)
}

/// Compares the run with the list of known failures and says what does not fit.
fn judge(
    options: &Options,
    defaults: &Defaults,
    suite: &Suite,
    evaluated: &[Evaluated],
    out: &mut dyn Write,
) -> Result<bool, Error> {
    let path = options
        .known_failures
        .as_ref()
        .unwrap_or(&defaults.known_failures);
    let known = if options.known_failures.is_none() && !path.exists() {
        KnownFailures::default()
    } else {
        KnownFailures::load(path).map_err(|source| Error::File {
            path: path.clone(),
            source,
        })?
    };
    let all: BTreeSet<&str> = suite
        .scenarios
        .iter()
        .filter(|scenario| !scenario.is_ignored)
        .map(|scenario| scenario.name.as_str())
        .chain(suite.broken.iter().map(|feature| feature.name.as_str()))
        .collect();
    let judgement = known.judge(evaluated, &all);
    let Judgement {
        new_failures,
        now_passing,
        unknown,
    } = &judgement;
    for name in new_failures {
        writeln!(out, "failed, and not on the list: {name}")?;
    }
    if options.shrink {
        if !now_passing.is_empty() || !unknown.is_empty() {
            write_file(path, &known.shrunk(&judgement))?;
            let gone = now_passing.len() + unknown.len();
            writeln!(out, "{gone} entries removed from {}", path.display())?;
        }
        return Ok(new_failures.is_empty());
    }
    for name in now_passing {
        writeln!(out, "now passes, remove it: {name}")?;
    }
    for name in unknown {
        writeln!(
            out,
            "on the list, but no such scenario can fail, remove it: {name}"
        )?;
    }
    Ok(judgement.is_clean())
}

fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{Script, factory, table};
    use clap::Parser as _;
    use tempfile::TempDir;

    const FEATURE: &str = r#"Feature: F
  Scenario: [1] Right
    Given an empty graph
    When executing query:
      """
      RIGHT
      """
    Then the result should be empty
  Scenario: [2] Wrong
    Given an empty graph
    When executing query:
      """
      WRONG
      """
    Then the result should be empty
"#;

    /// A TCK of two scenarios and a command on it.
    struct Desk {
        dir: TempDir,
    }

    impl Desk {
        fn new() -> Desk {
            let dir = TempDir::new().expect("a folder");
            let features = dir.path().join("features/c");
            fs::create_dir_all(&features).expect("writable");
            fs::write(features.join("F.feature"), FEATURE).expect("writable");
            Desk { dir }
        }

        fn list(&self) -> PathBuf {
            self.dir.path().join("known.txt")
        }

        fn run(&self, arguments: &[&str]) -> (bool, String) {
            let arguments = ["retrograph-tck"].iter().chain(arguments);
            let options = Options::try_parse_from(arguments).expect("valid options");
            let defaults = Defaults {
                dir: self.dir.path().to_owned(),
                known_failures: self.list(),
            };
            let right = table(&[], &[]);
            let script = Script::new()
                .on("RIGHT", right)
                .on("WRONG", table(&["a"], &[]));
            let mut out = Vec::new();
            let ok = run(&options, &defaults, &factory(vec![script]), &mut out).expect("a run");
            (ok, String::from_utf8(out).expect("text"))
        }
    }

    #[test]
    fn a_failure_outside_the_list_is_an_error() {
        let (ok, text) = Desk::new().run(&[]);
        assert!(!ok);
        assert!(
            text.contains("failed, and not on the list: c/F.feature [2] Wrong\n"),
            "{text}"
        );
        assert!(
            text.ends_with("\n1 passed, 1 failed, 0 skipped\n"),
            "{text}"
        );
    }

    #[test]
    fn listed_failures_are_accepted_and_passing_entries_are_not() {
        let desk = Desk::new();
        fs::write(desk.list(), "c/F.feature [2] Wrong\n").expect("writable");
        assert!(desk.run(&[]).0);
        fs::write(
            desk.list(),
            "c/F.feature [1] Right\nc/F.feature [2] Wrong\n",
        )
        .expect("writable");
        let (ok, text) = desk.run(&[]);
        assert!(
            !ok && text.contains("now passes, remove it: c/F.feature [1] Right"),
            "{text}"
        );
        let (ok, text) = desk.run(&["--shrink"]);
        assert!(ok, "{text}");
        let list = fs::read_to_string(desk.list()).expect("readable");
        assert_eq!(list, "c/F.feature [2] Wrong\n");
    }

    #[test]
    fn a_folder_of_features_alone_will_do() {
        let desk = Desk::new();
        let features = desk.dir.path().join("features/c");
        let (ok, text) = desk.run(&["--dir", &features.to_string_lossy()]);
        assert!(
            !ok && text.ends_with("\n1 passed, 1 failed, 0 skipped\n"),
            "{text}"
        );
    }

    #[test]
    fn shrinking_never_adds() {
        let desk = Desk::new();
        fs::write(desk.list(), "").expect("writable");
        assert!(!desk.run(&["--shrink"]).0);
        assert_eq!(fs::read_to_string(desk.list()).expect("readable"), "");
    }

    #[test]
    fn filter_show_failures_and_json() {
        let desk = Desk::new();
        let (ok, text) = desk.run(&["--filter", "Right"]);
        assert!(
            ok && text.ends_with("1 passed, 0 failed, 0 skipped\n"),
            "{text}"
        );
        let (ok, text) = desk.run(&["--show", "[2]"]);
        assert!(
            !ok && text.contains("WRONG") && text.contains("(no columns, no rows)"),
            "{text}"
        );
        let json = desk.dir.path().join("out.json");
        let (_, text) = desk.run(&["--failures", "--json", &json.to_string_lossy()]);
        assert!(
            text.contains("    1  [WrongColumns] wrong columns"),
            "{text}"
        );
        assert!(
            fs::read_to_string(json)
                .expect("written")
                .contains("\"wrong_columns\"")
        );
    }

    #[test]
    fn an_unreadable_feature_is_a_failure() {
        let desk = Desk::new();
        fs::write(desk.dir.path().join("features/c/G.feature"), "nonsense").expect("writable");
        let (ok, text) = desk.run(&[]);
        assert!(!ok && text.contains("c/G.feature (unreadable)"), "{text}");
        assert!(text.ends_with("1 passed, 2 failed, 0 skipped\n"), "{text}");
    }

    #[test]
    fn without_the_folder_nothing_is_checked_and_that_is_said() {
        let (ok, text) = Desk::new().run(&["--dir", "/nonexistent/tck"]);
        assert!(ok);
        assert!(
            text.starts_with("nothing was checked: no TCK in /nonexistent/tck"),
            "{text}"
        );
        assert!(
            text.ends_with("\n0 passed, 0 failed, 0 skipped\n"),
            "{text}"
        );
    }
}
