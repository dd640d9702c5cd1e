//! Reads feature files and expands them into scenarios.
//!
//! The `gherkin` crate does the parsing. Three of its habits would lose or change scenarios, so
//! [`guard`] works on the text first: the crate rejects a backslash before any other character
//! than `n`, `|` and `\` in a table cell, where Gherkin keeps both characters; it cuts surplus
//! cells off a row silently; and its grammar could end a scenario early without complaint, so the
//! number of scenario headings is compared with the number of scenarios parsed.

use crate::step::{self, Action, RawStep, StepError};
use gherkin::{Background, Feature, GherkinEnv};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Everything that was found under one folder.
#[derive(Debug, Default)]
pub struct Suite {
    /// Scenarios in order of file and position, outlines expanded.
    pub scenarios: Vec<Scenario>,
    /// Feature files that could not be read or parsed; each counts as a failure.
    pub broken: Vec<BrokenFeature>,
    /// Number of feature files, broken ones included.
    pub feature_files: usize,
    /// Folder of the named graphs.
    pub graphs: PathBuf,
}

/// One scenario, or one row of an outline.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// `clauses/match/Match1.feature [5] Name`, with ` #2` after it for the second example.
    pub name: String,
    /// Folder of the feature below `features`, such as `clauses/match`.
    pub category: String,
    /// Whether the scenario is tagged `@ignore`.
    pub is_ignored: bool,
    /// What to do, or why the steps are not understood.
    pub actions: Result<Vec<Action>, StepError>,
}

/// A feature file whose scenarios are unknown.
#[derive(Debug, Clone)]
pub struct BrokenFeature {
    /// `clauses/match/Match1.feature (unreadable)`
    pub name: String,
    /// Folder below `features`.
    pub category: String,
    /// What went wrong.
    pub reason: String,
}

/// Loads every feature below `root`. The folder holds `features` and `graphs`, or a folder `tck` that
/// does; otherwise it is taken for the folder of features itself, with the graphs beside it. Returns
/// nothing when there is no such folder.
///
/// # Errors
/// When a folder cannot be listed. Unreadable files are part of the suite instead.
pub fn load(root: &Path) -> io::Result<Option<Suite>> {
    let home = [root.join("tck"), root.to_owned()]
        .into_iter()
        .find(|dir| dir.join("features").is_dir());
    let (features, graphs) = match home {
        Some(home) => (home.join("features"), home.join("graphs")),
        None if root.is_dir() => (root.to_owned(), root.join("../graphs")),
        None => return Ok(None),
    };
    let mut files = Vec::new();
    collect(&features, &mut files)?;
    files.sort();
    let mut suite = Suite {
        feature_files: files.len(),
        graphs,
        ..Suite::default()
    };
    for file in files {
        let relative = file.strip_prefix(&features).unwrap_or(&file);
        let path = relative.to_string_lossy().replace('\\', "/");
        let category = path
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder)
            .to_owned();
        let parsed = fs::read_to_string(&file)
            .map_err(|error| error.to_string())
            .and_then(|text| parse(&path, &category, &text));
        match parsed {
            Ok(scenarios) => suite.scenarios.extend(scenarios),
            Err(reason) => suite.broken.push(BrokenFeature {
                name: format!("{path} (unreadable)"),
                category,
                reason,
            }),
        }
    }
    Ok(Some(suite))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "feature")
        {
            files.push(path);
        }
    }
    Ok(())
}

/// Parses one feature; `path` and `category` go into names.
///
/// # Errors
/// A description, when the text is no feature or parts of it would be lost.
pub fn parse(path: &str, category: &str, text: &str) -> Result<Vec<Scenario>, String> {
    let guarded = guard(text)?;
    let feature =
        Feature::parse(&guarded.text, GherkinEnv::default()).map_err(|error| error.to_string())?;
    let mut definitions: Vec<(Vec<RawStep>, &gherkin::Scenario)> = Vec::new();
    let shared = background(feature.background.as_ref());
    definitions.extend(
        feature
            .scenarios
            .iter()
            .map(|scenario| (shared.clone(), scenario)),
    );
    for rule in &feature.rules {
        let mut steps = shared.clone();
        steps.extend(background(rule.background.as_ref()));
        definitions.extend(
            rule.scenarios
                .iter()
                .map(|scenario| (steps.clone(), scenario)),
        );
    }
    if definitions.len() != guarded.headings {
        return Err(format!(
            "the text has {} scenario headings, but {} scenarios were parsed",
            guarded.headings,
            definitions.len()
        ));
    }
    let mut scenarios = Vec::new();
    for (mut steps, definition) in definitions {
        steps.extend(definition.steps.iter().map(raw_step));
        let name = format!("{path} {}", definition.name.trim());
        let is_ignored = has_ignore(&feature.tags) || has_ignore(&definition.tags);
        let mut push = |name: String, is_ignored: bool, steps: &[RawStep]| {
            scenarios.push(Scenario {
                name,
                category: category.to_owned(),
                is_ignored,
                actions: step::actions(steps),
            });
        };
        if definition.examples.is_empty() {
            if definition.keyword.contains("Outline") || definition.keyword.contains("Template") {
                return Err(format!("outline `{}` has no examples", definition.name));
            }
            push(name, is_ignored, &steps);
            continue;
        }
        let mut number = 0;
        for examples in &definition.examples {
            let is_ignored = is_ignored || has_ignore(&examples.tags);
            let rows = examples.table.as_ref().map(|table| table.rows.as_slice());
            let Some([header, rows @ ..]) = rows else {
                return Err(format!(
                    "`{}` has examples without a table",
                    definition.name
                ));
            };
            for row in rows {
                number += 1;
                push(
                    format!("{name} #{number}"),
                    is_ignored,
                    &expand(&steps, header, row),
                );
            }
        }
    }
    Ok(scenarios)
}

fn has_ignore(tags: &[String]) -> bool {
    tags.iter().any(|tag| tag == "ignore")
}

fn background(background: Option<&Background>) -> Vec<RawStep> {
    background
        .map(|b| b.steps.iter().map(raw_step).collect())
        .unwrap_or_default()
}

fn raw_step(step: &gherkin::Step) -> RawStep {
    // The crate keeps the line breaks next to the quotes.
    let docstring = step.docstring.as_ref().map(|text| {
        let text = text.strip_prefix('\n').unwrap_or(text);
        text.strip_suffix('\n').unwrap_or(text).to_owned()
    });
    RawStep {
        text: step.value.clone(),
        docstring,
        table: step.table.as_ref().map(|table| table.rows.clone()),
    }
}

/// Fills the placeholders of an outline with one row of its examples.
fn expand(steps: &[RawStep], header: &[String], row: &[String]) -> Vec<RawStep> {
    let fill = |text: &String| fill_in(text, header, row);
    steps
        .iter()
        .map(|step| RawStep {
            text: fill(&step.text),
            docstring: step.docstring.as_ref().map(fill),
            table: step.table.as_ref().map(|rows| {
                rows.iter()
                    .map(|cells| cells.iter().map(fill).collect())
                    .collect()
            }),
        })
        .collect()
}

/// Replaces in one pass, so that a filled-in text is never taken for a placeholder.
fn fill_in(text: &str, header: &[String], row: &[String]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let found = header.iter().zip(row).find_map(|(name, value)| {
            let after = rest[1..].strip_prefix(name.as_str())?.strip_prefix('>')?;
            Some((value, after))
        });
        match found {
            Some((value, after)) => {
                out.push_str(value);
                rest = after;
            }
            None => {
                out.push('<');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

struct Guarded {
    text: String,
    headings: usize,
}

/// Doubles stray backslashes in table rows, refuses rows of unequal width and counts headings.
fn guard(text: &str) -> Result<Guarded, String> {
    let mut out = String::with_capacity(text.len());
    let mut headings = 0;
    let mut open_quotes: Option<&str> = None;
    let mut width = None;
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        let quotes = ["\"\"\"", "```"]
            .into_iter()
            .find(|quotes| trimmed.starts_with(quotes));
        if open_quotes.is_some() {
            if quotes == open_quotes {
                open_quotes = None;
            }
            out.push_str(line);
        } else if trimmed.starts_with('|') {
            let (row, bars) = guard_row(line);
            if *width.get_or_insert(bars) != bars {
                return Err(format!("line {}: a table row of another width", number + 1));
            }
            out.push_str(&row);
        } else {
            open_quotes = quotes;
            let headers = [
                "Scenario:",
                "Scenario Outline:",
                "Scenario Template:",
                "Example:",
            ];
            headings += usize::from(headers.iter().any(|header| trimmed.starts_with(header)));
            out.push_str(line);
        }
        if !trimmed.starts_with('|') || open_quotes.is_some() {
            width = None;
        }
        out.push('\n');
    }
    if open_quotes.is_some() {
        return Err("a docstring is never closed".to_owned());
    }
    Ok(Guarded {
        text: out,
        headings,
    })
}

/// The row with stray backslashes doubled, and its number of bars.
fn guard_row(line: &str) -> (String, usize) {
    let mut out = String::with_capacity(line.len());
    let mut bars = 0;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        if c == '|' {
            bars += 1;
        } else if c == '\\' {
            match chars.next_if(|next| matches!(next, 'n' | '|' | '\\')) {
                Some(escaped) => out.push(escaped),
                None => out.push('\\'),
            }
        }
    }
    (out, bars)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::StartingGraph;
    use crate::value::Value;

    const FEATURE: &str = r#"#encoding: utf-8

Feature: F - things
  A description.

  Background:
    Given any graph

  Scenario: [1] Plain
    When executing query:
      """
      RETURN 1 AS a // | not a table

      """
    # a comment between steps
    Then the result should be, in any order:
      | a |
      | 1 |
    And no side effects

  @ignore
  Scenario: [2] Ignored
    When executing query:
      """
      RETURN 2
      """
    Then the result should be empty

  Scenario Outline: [3] Outline
    And parameters are:
      | p | <value> |
    When executing query:
      """
      RETURN <value> < <other>
      """
    Then a <type> should be raised at runtime: *

    Examples:
      | value  | other   | type      |
      | 1      | <value> | TypeError |
      | 'a\|b' | 2       | Error     |

    Examples: more
      | value | other | type  |
      | 3     | 4     | Error |
"#;

    fn query(scenario: &Scenario) -> &str {
        let actions = scenario.actions.as_ref().expect("well-formed");
        actions
            .iter()
            .find_map(|action| match action {
                Action::Query(query) => Some(query.as_str()),
                _ => None,
            })
            .expect("a query")
    }

    #[test]
    fn scenarios_outlines_backgrounds_and_tags() {
        let scenarios = parse("c/F.feature", "c", FEATURE).expect("valid");
        let names: Vec<&str> = scenarios.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "c/F.feature [1] Plain",
                "c/F.feature [2] Ignored",
                "c/F.feature [3] Outline #1",
                "c/F.feature [3] Outline #2",
                "c/F.feature [3] Outline #3",
            ]
        );
        let ignored: Vec<bool> = scenarios.iter().map(|s| s.is_ignored).collect();
        assert_eq!(ignored, [false, true, false, false, false]);
        for scenario in &scenarios {
            let actions = scenario.actions.as_ref().expect("well-formed");
            assert_eq!(actions[0], Action::Start(StartingGraph::Any));
        }
        assert_eq!(query(&scenarios[0]), "RETURN 1 AS a // | not a table\n");
    }

    #[test]
    fn placeholders_are_filled_in_once_in_all_parts() {
        let scenarios = parse("c/F.feature", "c", FEATURE).expect("valid");
        assert_eq!(query(&scenarios[2]), "RETURN 1 < <value>");
        assert_eq!(query(&scenarios[3]), "RETURN 'a|b' < 2");
        let actions = scenarios[3].actions.as_ref().expect("well-formed");
        let Action::Parameters(parameters) = &actions[1] else {
            unreachable!("{actions:?}")
        };
        assert_eq!(parameters["p"], Value::String("a|b".into()));
        let Some(Action::ExpectError(error)) = actions.last() else {
            unreachable!("{actions:?}")
        };
        assert_eq!(error.kind, "Error");
    }

    #[test]
    fn backslashes_in_cells_follow_gherkin() {
        let text = r#"Feature: F
  Scenario: [1] Escapes
    Given an empty graph
    When executing query:
      """
      Q
      """
    Then the result should be, in order:
      | a      | b      | c        | d     |
      | 'x\'y' | 'x\\\\y' | 'x\|y' | 'x\ny' |
"#;
        let scenarios = parse("F.feature", "", text).expect("valid");
        let actions = scenarios[0].actions.as_ref().expect("well-formed");
        let Some(Action::ExpectTable(expected)) = actions.last() else {
            unreachable!("{actions:?}")
        };
        let cells: Vec<Value> = ["x'y", r"x\y", "x|y", "x\ny"]
            .iter()
            .map(|s| Value::String((*s).into()))
            .collect();
        assert_eq!(expected.table.rows, [cells]);
    }

    #[test]
    fn nothing_is_lost_silently() {
        let wide = FEATURE.replace("      | 1 |\n", "      | 1 | 2 |\n");
        assert!(parse("F", "", &wide).is_err());
        let unclosed = "Feature: F\n  Scenario: [1]\n    When x\n      \"\"\"\n      Q\n";
        assert!(parse("F", "", unclosed).is_err());
        assert!(parse("F", "", "no feature").is_err());
        let outline = "Feature: F\n  Scenario Outline: [1] x\n    Given any graph\n";
        assert!(parse("F", "", outline).is_err());
        let stub = parse("F", "", "Feature: F - nothing yet\n").expect("a stub is fine");
        assert!(stub.is_empty());
        let unknown = FEATURE.replace("no side effects", "few side effects");
        let scenarios = parse("F", "", &unknown).expect("the file is fine");
        assert!(
            matches!(&scenarios[0].actions, Err(StepError::Unknown(step)) if step == "few side effects")
        );
    }
}
