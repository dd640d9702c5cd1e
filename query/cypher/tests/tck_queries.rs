//! Every query of the openCypher TCK scenarios parses, unless the scenario says it must not, and
//! survives the way through the printer.
//!
//! The scenarios are not part of this repository: `RETROGRAPH_TCK` names their directory, by
//! default `../shared/tck` beside the workspace. Without them the tests say so and pass.

use std::fs;
use std::path::{Path, PathBuf};

use retrograph_cypher::parse;

/// Details that the text of a query alone gives away.
const SYNTACTIC: &[&str] = &[
    "FloatingPointOverflow",
    "IntegerOverflow",
    "InvalidArgumentPassingMode",
    "InvalidClauseComposition",
    "InvalidDelete",
    "InvalidNumberLiteral",
    "InvalidParameterUse",
    "InvalidRelationshipPattern",
    "InvalidUnicodeCharacter",
    "InvalidUnicodeLiteral",
    "UnexpectedSyntax",
];

/// A query and the detail of the compile-time error it should raise, if any.
struct Case {
    place: String,
    text: String,
    error: Option<String>,
}

fn feature_files() -> (PathBuf, Vec<PathBuf>) {
    let root = std::env::var_os("RETROGRAPH_TCK").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/tck"),
        PathBuf::from,
    );
    let mut files = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                directories.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "feature")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    (root, files)
}

/// All queries of a feature file, outlines expanded.
fn cases(path: &Path) -> Vec<Case> {
    let text = fs::read_to_string(path).expect("a feature file is readable");
    let name = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let is_start = |line: &&str| {
        let line = line.trim_start();
        line.starts_with("Scenario") || line.starts_with("Background")
    };
    let mut cases = Vec::new();
    let starts: Vec<usize> = (0..lines.len())
        .filter(|&at| is_start(&lines[at]))
        .collect();
    for (index, &start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(lines.len());
        scenario(&name, &lines[start..end], &mut cases);
    }
    cases
}

fn scenario(file: &str, lines: &[&str], cases: &mut Vec<Case>) {
    let title = lines[0].trim();
    let mut queries: Vec<(bool, String)> = Vec::new();
    let mut error = None;
    let mut examples: Vec<Vec<String>> = Vec::new();
    let mut in_examples = false;
    let mut step = "";
    let mut at = 1;
    while at < lines.len() {
        let line = lines[at].trim();
        if line == "\"\"\"" {
            let length = lines[at + 1..]
                .iter()
                .position(|line| line.trim() == "\"\"\"");
            let length = length.expect("a text block is closed");
            let query = lines[at + 1..at + 1 + length].join("\n");
            queries.push((step.contains("When executing query"), query));
            at += length + 2;
            continue;
        }
        if let Some((_, detail)) = line.split_once("should be raised at compile time: ") {
            error = Some(detail.trim().to_owned());
        }
        if line.starts_with("Examples") {
            in_examples = true;
            examples.clear();
        } else if in_examples && line.starts_with('|') {
            examples.push(row(line));
            if examples.len() > 1 {
                let replace = |text: &str| {
                    let columns = examples[0].iter().zip(&examples[examples.len() - 1]);
                    columns.fold(text.to_owned(), |text, (name, value)| {
                        text.replace(&format!("<{name}>"), value)
                    })
                };
                for (is_main, text) in &queries {
                    cases.push(Case {
                        place: format!("{file}: {title}"),
                        text: replace(text),
                        error: error.as_deref().filter(|_| *is_main).map(replace),
                    });
                }
            }
        } else if !line.is_empty() && !line.starts_with('|') {
            step = line;
        }
        at += 1;
    }
    if !in_examples {
        cases.extend(queries.into_iter().map(|(is_main, text)| Case {
            place: format!("{file}: {title}"),
            text,
            error: error.clone().filter(|_| is_main),
        }));
    }
}

/// The cells of a table row; `\|`, `\\` and `\n` are escapes.
fn row(line: &str) -> Vec<String> {
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut characters = line.trim().chars().skip(1);
    while let Some(character) = characters.next() {
        match character {
            '|' => cells.push(std::mem::take(&mut cell).trim().to_owned()),
            '\\' => match characters.next() {
                Some('n') => cell.push('\n'),
                Some(escaped @ ('|' | '\\')) => cell.push(escaped),
                Some(other) => cell.extend(['\\', other]),
                None => cell.push('\\'),
            },
            other => cell.push(other),
        }
    }
    cells
}

#[test]
fn queries_parse_unless_they_should_not() {
    let (root, files) = feature_files();
    if files.is_empty() {
        eprintln!("no TCK scenarios in {}; set RETROGRAPH_TCK", root.display());
        return;
    }
    let mut failures = Vec::new();
    let mut parsed = 0;
    let mut refused = 0;
    for case in files.iter().flat_map(|file| cases(file)) {
        let expected = case
            .error
            .as_deref()
            .filter(|detail| SYNTACTIC.contains(detail));
        match (parse(&case.text), expected) {
            (Ok(statement), None) => {
                parsed += 1;
                let printed = statement.to_string();
                match parse(&printed) {
                    Ok(again) if again == statement && again.to_string() == printed => {}
                    Ok(again) => failures.push(format!(
                        "{}: printed differently\n{}\n{printed}\n{again}",
                        case.place, case.text
                    )),
                    Err(error) => failures.push(format!(
                        "{}: does not parse when printed\n{}",
                        case.place,
                        error.render(&printed)
                    )),
                }
            }
            (Err(error), Some(detail)) if error.detail.to_string() == detail => refused += 1,
            (Err(error), _) if case.error == Some(error.detail.to_string()) => refused += 1,
            (Ok(statement), Some(detail)) => {
                failures.push(format!(
                    "{}: should raise {detail}\n{statement}",
                    case.place
                ));
            }
            (Err(error), expected) => failures.push(format!(
                "{}: expected {expected:?}, raised {}\n{}",
                case.place,
                error.detail,
                error.render(&case.text)
            )),
        }
    }
    println!("{parsed} queries parsed, {refused} refused as they should be");
    assert!(
        failures.is_empty(),
        "{} failures\n\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(parsed > 1000, "only {parsed} queries found");
}
