//! Texts and JSON about a run: the table by category, groups of failures, single scenarios.

use crate::compare;
use crate::execute::{Failure, Outcome};
use crate::feature::Scenario;
use crate::runner::Evaluated;
use crate::step::Action;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many scenarios a group of failures names.
const EXAMPLES_MAX: usize = 5;

/// Counts of outcomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Passed strictly.
    pub passed: usize,
    /// Of those failed: wrong only in the detail of an error.
    pub detail_only: usize,
    /// Failed strictly.
    pub failed: usize,
    /// Not evaluated because of `@ignore`.
    pub skipped: usize,
}

impl Counts {
    /// Counts outcomes.
    pub fn of<'a>(evaluated: impl IntoIterator<Item = &'a Evaluated>) -> Counts {
        let mut counts = Counts::default();
        for item in evaluated {
            match item.outcome {
                Outcome::Passed => counts.passed += 1,
                Outcome::PassedLeniently(_) => {
                    counts.failed += 1;
                    counts.detail_only += 1;
                }
                Outcome::Failed(_) => counts.failed += 1,
                Outcome::Skipped => counts.skipped += 1,
            }
        }
        counts
    }

    /// Scenarios evaluated.
    pub fn total(&self) -> usize {
        self.passed + self.failed
    }

    /// The closing line of a run.
    pub fn closing_line(&self) -> String {
        format!(
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// The table by category, and the lenient number below it.
pub fn table(evaluated: &[Evaluated]) -> String {
    let mut categories: BTreeMap<&str, Vec<&Evaluated>> = BTreeMap::new();
    for item in evaluated {
        categories.entry(&item.category).or_default().push(item);
    }
    let width = categories
        .keys()
        .map(|name| name.len())
        .max()
        .unwrap_or(0)
        .max(8);
    let mut out = format!("{:<width$}  passed  failed  total\n", "category");
    for (name, items) in categories {
        let counts = Counts::of(items);
        let (passed, failed, total) = (counts.passed, counts.failed, counts.total());
        let _ = writeln!(out, "{name:<width$}  {passed:>6}  {failed:>6}  {total:>5}");
    }
    let counts = Counts::of(evaluated);
    let lenient = counts.passed + counts.detail_only;
    let total = counts.total();
    let _ = writeln!(
        out,
        "strict: {} of {total}; lenient (right error type and phase, any detail): {lenient} of {total}",
        counts.passed
    );
    out
}

/// Failures grouped by what went wrong, the largest group first.
///
/// Quoted parts and numbers are blotted out, so that the same cause in many scenarios is one group.
pub fn groups(evaluated: &[Evaluated]) -> String {
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for item in evaluated {
        if let Some(failure) = item.outcome.failure() {
            let key = format!("[{:?}] {}", failure.kind, blot(&failure.summary));
            groups.entry(key).or_default().push(&item.name);
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.0.cmp(&b.0)));
    let mut out = String::new();
    for (key, names) in groups {
        let _ = writeln!(out, "{:>5}  {key}", names.len());
        for name in names.iter().take(EXAMPLES_MAX) {
            let _ = writeln!(out, "         {name}");
        }
        if names.len() > EXAMPLES_MAX {
            let _ = writeln!(out, "         and {} more", names.len() - EXAMPLES_MAX);
        }
    }
    out
}

/// The text's first line with quoted parts and runs of digits replaced.
fn blot(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.lines().next().unwrap_or("").chars().peekable();
    while let Some(c) = chars.next() {
        if matches!(c, '`' | '\'' | '"') && chars.clone().any(|other| other == c) {
            out.push(c);
            out.push('…');
            out.push(c);
            chars.by_ref().find(|other| *other == c);
        } else if c.is_ascii_digit() {
            out.push('N');
            while chars.next_if(char::is_ascii_digit).is_some() {}
        } else {
            out.push(c);
        }
    }
    out
}

/// All steps of a scenario and how it ended.
pub fn show(scenario: &Scenario, evaluated: &Evaluated) -> String {
    let mut out = format!("{}\n", scenario.name);
    match &scenario.actions {
        Ok(actions) => actions.iter().for_each(|action| describe(&mut out, action)),
        Err(error) => section(&mut out, "malformed", &error.to_string()),
    }
    match &evaluated.outcome {
        Outcome::Passed => section(&mut out, "passed", ""),
        Outcome::Skipped => section(&mut out, "skipped", "tagged @ignore"),
        Outcome::PassedLeniently(failure) => describe_failure(&mut out, "wrong detail", failure),
        Outcome::Failed(failure) => describe_failure(&mut out, "failed", failure),
    }
    out
}

fn section(out: &mut String, title: &str, text: &str) {
    let _ = writeln!(out, "  {title}:");
    for line in text.lines() {
        let _ = writeln!(out, "    {line}");
    }
}

fn describe(out: &mut String, action: &Action) {
    match action {
        Action::Start(graph) => section(out, "start", &format!("{graph:?}")),
        Action::Prepare(query) => section(out, "prepare", query),
        Action::Parameters(parameters) => {
            let lines: Vec<String> = parameters
                .iter()
                .map(|(name, value)| format!("${name} = {value}"))
                .collect();
            section(out, "parameters", &lines.join("\n"));
        }
        Action::Procedure(procedure) => section(out, "procedure", &procedure.signature.name),
        Action::Query(query) => section(out, "query", query),
        Action::ControlQuery(query) => section(out, "control query", query),
        Action::ExpectTable(expected) => {
            let title = format!(
                "expect (rows: {:?}, lists: {:?})",
                expected.rows, expected.lists
            );
            section(out, &title, &compare::draw(&expected.table));
        }
        Action::ExpectError(expected) => section(out, "expect error", &expected.to_string()),
        Action::ExpectEffects(effects) => section(out, "expect effects", &effects.to_string()),
    }
}

fn describe_failure(out: &mut String, title: &str, failure: &Failure) {
    let place = failure
        .graph
        .map_or(String::new(), |graph| format!(" on {graph}"));
    section(
        out,
        &format!("{title}{place}"),
        &format!("[{:?}] {}", failure.kind, failure.summary),
    );
    for (title, text) in [
        ("in query", &failure.query),
        ("expected", &failure.expected),
        ("got", &failure.got),
    ] {
        if let Some(text) = text {
            section(out, title, text);
        }
    }
}

/// The whole run as JSON.
///
/// # Errors
/// Never for the values of this crate; the serializer's error is passed on.
pub fn json(evaluated: &[Evaluated]) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Run<'a> {
        total: Counts,
        categories: BTreeMap<&'a str, Counts>,
        scenarios: Vec<Row<'a>>,
    }
    #[derive(Serialize)]
    struct Row<'a> {
        name: &'a str,
        category: &'a str,
        outcome: &'static str,
        elapsed_us: u128,
        #[serde(skip_serializing_if = "Option::is_none")]
        failure: Option<&'a Failure>,
    }
    let mut categories: BTreeMap<&str, Vec<&Evaluated>> = BTreeMap::new();
    for item in evaluated {
        categories.entry(&item.category).or_default().push(item);
    }
    let run = Run {
        total: Counts::of(evaluated),
        categories: categories
            .into_iter()
            .map(|(name, all)| (name, Counts::of(all)))
            .collect(),
        scenarios: evaluated
            .iter()
            .map(|item| Row {
                name: &item.name,
                category: &item.category,
                outcome: match item.outcome {
                    Outcome::Passed => "passed",
                    Outcome::PassedLeniently(_) => "wrong_detail",
                    Outcome::Failed(_) => "failed",
                    Outcome::Skipped => "skipped",
                },
                elapsed_us: item.elapsed.as_micros(),
                failure: item.outcome.failure(),
            })
            .collect(),
    };
    serde_json::to_string_pretty(&run)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::FailureKind;
    use std::time::Duration;

    fn run() -> Vec<Evaluated> {
        let failed = |text: &str| Outcome::Failed(Failure::new(FailureKind::UnexpectedError, text));
        let detail = Failure::new(FailureKind::WrongErrorDetail, "other");
        [
            ("a", "one", Outcome::Passed),
            ("a", "two", failed("unknown function `foo` at line 3")),
            ("b", "three", failed("unknown function `bar` at line 14")),
            ("b", "four", Outcome::PassedLeniently(detail)),
            ("b", "five", Outcome::Skipped),
        ]
        .into_iter()
        .map(|(category, name, outcome)| Evaluated {
            name: name.into(),
            category: category.into(),
            outcome,
            elapsed: Duration::ZERO,
        })
        .collect()
    }

    #[test]
    fn counts_keep_strict_and_lenient_apart() {
        let counts = Counts::of(&run());
        assert_eq!(
            counts,
            Counts {
                passed: 1,
                detail_only: 1,
                failed: 3,
                skipped: 1
            }
        );
        assert_eq!(counts.closing_line(), "1 passed, 3 failed, 1 skipped");
        let expected = "\
category  passed  failed  total
a              1       1      2
b              0       2      2
strict: 1 of 4; lenient (right error type and phase, any detail): 2 of 4
";
        assert_eq!(table(&run()), expected);
    }

    #[test]
    fn groups_ignore_names_and_numbers() {
        let expected = "    2  [UnexpectedError] unknown function `…` at line N
         two
         three
    1  [WrongErrorDetail] other
         four
";
        assert_eq!(groups(&run()), expected);
    }

    #[test]
    fn json_lists_every_scenario() {
        let json = json(&run()).expect("serializable");
        let value: serde_json::Value = serde_json::from_str(&json).expect("valid");
        assert_eq!(value["scenarios"].as_array().map(Vec::len), Some(5));
        assert_eq!(value["scenarios"][1]["failure"]["kind"], "unexpected_error");
        assert_eq!(value["total"]["failed"], 3);
        assert_eq!(value["categories"]["b"]["skipped"], 1);
    }
}
