//! The list of scenarios that do not pass yet.
//!
//! One scenario name per line; blank lines and lines starting with `#` are comments. The list only
//! shrinks: nothing here adds to it, a failure outside it is an error, and so is an entry that
//! passes or names nothing.

use crate::execute::Outcome;
use crate::runner::Evaluated;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

/// The list as it stands in its file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownFailures {
    lines: Vec<String>,
}

/// What a run says about the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Failed and not listed.
    pub new_failures: Vec<String>,
    /// Listed and passed.
    pub now_passing: Vec<String>,
    /// Listed, but no scenario that can fail has this name.
    pub unknown: Vec<String>,
}

impl Judgement {
    /// Whether list and run agree.
    pub fn is_clean(&self) -> bool {
        self.new_failures.is_empty() && self.now_passing.is_empty() && self.unknown.is_empty()
    }
}

impl KnownFailures {
    /// Reads a list.
    pub fn parse(text: &str) -> KnownFailures {
        KnownFailures {
            lines: text
                .lines()
                .map(|line| line.trim_end().to_owned())
                .collect(),
        }
    }

    /// Reads a list from a file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load(path: &Path) -> io::Result<KnownFailures> {
        Ok(KnownFailures::parse(&fs::read_to_string(path)?))
    }

    fn names(&self) -> BTreeSet<&str> {
        self.lines.iter().filter_map(|line| entry(line)).collect()
    }

    /// Number of scenarios listed.
    pub fn len(&self) -> usize {
        self.names().len()
    }

    /// Whether no scenario is listed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Compares the list with a run; `all` are the names of everything that can fail, which may be
    /// more than was run.
    pub fn judge(&self, evaluated: &[Evaluated], all: &BTreeSet<&str>) -> Judgement {
        let listed = self.names();
        let mut judgement = Judgement {
            unknown: listed
                .difference(all)
                .map(|name| (*name).to_owned())
                .collect(),
            ..Judgement::default()
        };
        for item in evaluated {
            let is_listed = listed.contains(item.name.as_str());
            match &item.outcome {
                Outcome::Passed if is_listed => judgement.now_passing.push(item.name.clone()),
                Outcome::Failed(_) | Outcome::PassedLeniently(_) if !is_listed => {
                    judgement.new_failures.push(item.name.clone());
                }
                _ => {}
            }
        }
        judgement
    }

    /// The file's text without the entries that pass or name nothing.
    pub fn shrunk(&self, judgement: &Judgement) -> String {
        let gone: BTreeSet<&str> = judgement
            .now_passing
            .iter()
            .chain(&judgement.unknown)
            .map(String::as_str)
            .collect();
        let mut text = String::new();
        for line in &self.lines {
            if entry(line).is_none_or(|name| !gone.contains(name)) {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }
}

fn entry(line: &str) -> Option<&str> {
    let line = line.trim();
    (!line.is_empty() && !line.starts_with('#')).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::{Failure, FailureKind};
    use std::time::Duration;

    fn item(name: &str, outcome: Outcome) -> Evaluated {
        Evaluated {
            name: name.into(),
            category: String::new(),
            outcome,
            elapsed: Duration::ZERO,
        }
    }

    #[test]
    fn the_list_only_shrinks() {
        let failure = || Failure::new(FailureKind::WrongRows, "x");
        let run = [
            item("a", Outcome::Failed(failure())),
            item("b", Outcome::Passed),
            item("c", Outcome::Failed(failure())),
            item("d", Outcome::PassedLeniently(failure())),
            item("e", Outcome::Skipped),
        ];
        let all = BTreeSet::from(["a", "b", "c", "d", "not run"]);
        let known = KnownFailures::parse("# head\na\n\nb\nnot run\ngone\n");
        let judgement = known.judge(&run, &all);
        assert_eq!(judgement.new_failures, ["c", "d"]);
        assert_eq!(judgement.now_passing, ["b"]);
        assert_eq!(judgement.unknown, ["gone"]);
        assert_eq!(known.shrunk(&judgement), "# head\na\n\nnot run\n");
        assert_eq!(known.len(), 4);
        let agreed = KnownFailures::parse("a\nc\nd\n").judge(&run, &all);
        assert!(agreed.is_clean());
    }
}
