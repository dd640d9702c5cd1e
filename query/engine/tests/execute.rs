//! Golden scripts: statements run over a graph in memory, with the tables or errors they must give.
//!
//! Each file of `tests/scripts/exec` begins with an empty graph. It consists of blocks separated by
//! blank lines; a block is a statement, a line `----`, and what the statement answers: a table, then
//! its side effects, or the error. Before the statement may stand directives:
//!
//! * `# …` is a comment;
//! * `%param name = expression` sets a parameter for this and the following statements;
//! * `%options read-only`, `%options memory=…` and so on concern this statement.
//!
//! Set `UPDATE_SCRIPTS=1` to write what the statements answered into the files, and review the
//! difference.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use retrograph_engine::output::{NodeOutput, RelationshipOutput};
use retrograph_engine::{
    Collected, Engine, EngineSettings, Output, Parameters, QueryError, RunOptions, Summary,
};
use retrograph_graph::Graph;
use retrograph_graph::value::Value;
use retrograph_graph::value::text::to_text;

fn properties<'a>(properties: impl Iterator<Item = (&'a Arc<str>, &'a Value)>) -> String {
    let parts: Vec<String> = properties
        .map(|(key, value)| format!("{key}: {}", to_text(value)))
        .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", parts.join(", "))
    }
}

fn node(node: &NodeOutput) -> String {
    let labels: String = node
        .labels
        .iter()
        .map(|label| format!(":{label}"))
        .collect();
    let properties = properties(node.properties.iter());
    let gap = if labels.is_empty() || properties.is_empty() {
        ""
    } else {
        " "
    };
    format!("({labels}{gap}{properties})")
}

fn relationship(of: &RelationshipOutput) -> String {
    let properties = properties(of.properties.iter());
    let gap = if properties.is_empty() { "" } else { " " };
    format!("[:{}{gap}{properties}]", of.type_name)
}

fn show(output: &Output) -> String {
    match output {
        Output::Value(value) => to_text(value),
        Output::List(items) => {
            format!(
                "[{}]",
                items.iter().map(show).collect::<Vec<_>>().join(", ")
            )
        }
        Output::Map(map) => {
            let parts: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key}: {}", show(value)))
                .collect();
            format!("{{{}}}", parts.join(", "))
        }
        Output::Node(of) => node(of),
        Output::Relationship(of) => relationship(of),
        Output::Path(path) => {
            let mut text = format!("<{}", path.nodes.first().map(node).unwrap_or_default());
            for ((step, along), end) in path.relationships.iter().zip(&path.nodes[1..]) {
                let (before, after) = if *along { ("-", "->") } else { ("<-", "-") };
                let _ = write!(text, "{before}{}{after}{}", relationship(step), node(end));
            }
            text + ">"
        }
    }
}

fn answer(result: &Result<Summary, QueryError>, found: &Collected) -> String {
    let summary = match result {
        Ok(summary) => summary,
        Err(QueryError::Runtime(error)) => {
            return format!(
                "error {:?}: {}\n  {}\n",
                error.kind, error.detail, error.message
            );
        }
        Err(QueryError::Compile(diagnostic)) => {
            return format!(
                "compile error {:?}: {:?}\n  {}\n",
                diagnostic.kind, diagnostic.detail, diagnostic.message
            );
        }
        Err(other) => return format!("error\n  {other}\n"),
    };
    let mut text = String::new();
    if !found.columns.is_empty() {
        let _ = writeln!(text, "| {} |", found.columns.join(" | "));
        for row in &found.rows {
            let cells: Vec<String> = row.iter().map(show).collect();
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
    }
    for (name, count) in summary.counters.named() {
        let _ = writeln!(text, "{name} {count}");
    }
    if text.is_empty() {
        "nothing\n".to_owned()
    } else {
        text
    }
}

struct Runner {
    engine: Engine,
    graph: Arc<Graph>,
    parameters: Parameters,
}

impl Runner {
    fn new() -> Self {
        Self {
            engine: Engine::new(EngineSettings::default()),
            graph: Graph::in_memory().unwrap(),
            parameters: Parameters::new(),
        }
    }

    fn run(&self, text: &str, options: &RunOptions) -> String {
        let mut found = Collected::default();
        let result = self
            .engine
            .run(&self.graph, text, &self.parameters, options, &mut found);
        answer(&result, &found)
    }

    fn value(&self, text: &str) -> Value {
        let mut found = Collected::default();
        let text = format!("RETURN {text} AS value");
        let options = RunOptions::default();
        self.engine
            .run(&self.graph, &text, &self.parameters, &options, &mut found)
            .expect("a parameter's value");
        plain(&found.rows[0][0])
    }

    /// Runs a block; returns it with what was answered.
    fn block(&mut self, block: &str) -> String {
        let (head, _) = block.split_once("----").unwrap_or((block, ""));
        let mut options = RunOptions::default();
        let mut statement = Vec::new();
        for line in head.lines() {
            if let Some(parameter) = line.strip_prefix("%param ") {
                let (name, value) = parameter.split_once('=').expect("name = value");
                let value = self.value(value.trim());
                self.parameters.insert(name.trim().to_owned(), value);
            } else if let Some(option) = line.strip_prefix("%options ") {
                match option.trim().split_once('=') {
                    None if option.trim() == "read-only" => options.is_read_only = true,
                    Some(("memory", bytes)) => {
                        options.memory_bytes_max = Some(bytes.parse().expect("bytes"));
                    }
                    other => panic!("unknown option {other:?}"),
                }
            } else if !line.starts_with('#') {
                statement.push(line);
            }
        }
        let statement = statement.join("\n");
        if statement.trim().is_empty() {
            return head.trim_end().to_owned() + "\n";
        }
        format!(
            "{}\n----\n{}",
            head.trim_end(),
            self.run(&statement, &options)
        )
    }
}

fn plain(output: &Output) -> Value {
    match output {
        Output::Value(value) => value.clone(),
        Output::List(items) => Value::List(items.iter().map(plain).collect()),
        Output::Map(map) => Value::Map(Arc::new(
            map.iter()
                .map(|(key, value)| (Arc::clone(key), plain(value)))
                .collect(),
        )),
        other => panic!("no parameter can be {other:?}"),
    }
}

fn check(path: &Path) -> Result<(), String> {
    let expected = fs::read_to_string(path).unwrap();
    let mut runner = Runner::new();
    let blocks: Vec<String> = expected
        .trim_end()
        .split("\n\n")
        .map(|block| runner.block(block))
        .collect();
    let found = blocks.join("\n");
    if std::env::var_os("UPDATE_SCRIPTS").is_some() {
        fs::write(path, &found).unwrap();
        return Ok(());
    }
    if found == expected {
        return Ok(());
    }
    let mut differences = String::new();
    for (expected, found) in expected.trim_end().split("\n\n").zip(&blocks) {
        if expected.trim_end() != found.trim_end() {
            let _ = writeln!(differences, "expected\n{expected}\nfound\n{found}");
        }
    }
    Err(format!("{}\n{differences}", path.display()))
}

#[test]
fn statements_answer_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/exec");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    let failures: Vec<String> = paths.iter().filter_map(|path| check(path).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
