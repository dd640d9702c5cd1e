//! Golden scripts: statements run over a graph in memory, with the tables or errors they must give.
//!
//! Each file of `tests/scripts/exec` begins with an empty graph. It consists of blocks separated by
//! blank lines; a block is a statement, a line `----`, and what the statement answers: a table, then
//! its side effects, or the error. Before the statement may stand directives:
//!
//! * `# …` is a comment;
//! * `%param name = expression` sets a parameter for this and the following statements;
//! * `%options read-only`, `%options memory=…` and so on concern this statement;
//! * `%setup statement` adds to what builds the graph, `%setup` alone forgets it all, and
//!   `%without name` takes a parameter away.
//!
//! The scripts of `tests/scripts/semantics` are about the meaning of the language: each statement runs
//! on a graph of its own, built by the setup so far, values are written as literals, so that `1`, `1.0`
//! and `'1'` differ, a single row is written as a list of its columns, and rows are sorted where the
//! statement does not.
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

use retrograph_cypher::Phase;
use retrograph_engine::functions::Procedure;
use retrograph_engine::output::{NodeOutput, RelationshipOutput};
use retrograph_engine::types::Type;
use retrograph_engine::{
    Collected, Engine, EngineSettings, Output, Parameters, QueryError, RunOptions, Summary,
};
use retrograph_graph::Graph;
use retrograph_graph::value::Value;
use retrograph_graph::value::text::to_text;

/// How values are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// As text, strings bare.
    Text,
    /// As literals, strings in quotes.
    Literal,
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{}'", text.escape_debug()),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(map) => {
            let pairs: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key}: {}", literal(value)))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Date(_)
        | Value::LocalTime(_)
        | Value::Time(_)
        | Value::LocalDateTime(_)
        | Value::DateTime(_)
        | Value::Duration(_) => format!("`{}`", to_text(value)),
        other => to_text(other),
    }
}

impl Style {
    fn value(self, value: &Value) -> String {
        match self {
            Self::Text => to_text(value),
            Self::Literal => literal(value),
        }
    }
}

fn properties<'a>(
    style: Style,
    properties: impl Iterator<Item = (&'a Arc<str>, &'a Value)>,
) -> String {
    let parts: Vec<String> = properties
        .map(|(key, value)| format!("{key}: {}", style.value(value)))
        .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", parts.join(", "))
    }
}

fn node(style: Style, node: &NodeOutput) -> String {
    let labels: String = node
        .labels
        .iter()
        .map(|label| format!(":{label}"))
        .collect();
    let properties = properties(style, node.properties.iter());
    let gap = if labels.is_empty() || properties.is_empty() {
        ""
    } else {
        " "
    };
    format!("({labels}{gap}{properties})")
}

fn relationship(style: Style, of: &RelationshipOutput) -> String {
    let properties = properties(style, of.properties.iter());
    let gap = if properties.is_empty() { "" } else { " " };
    format!("[:{}{gap}{properties}]", of.type_name)
}

fn show(style: Style, output: &Output) -> String {
    match output {
        Output::Value(value) => style.value(value),
        Output::List(items) => {
            format!(
                "[{}]",
                items
                    .iter()
                    .map(|item| show(style, item))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
        Output::Map(map) => {
            let parts: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key}: {}", show(style, value)))
                .collect();
            format!("{{{}}}", parts.join(", "))
        }
        Output::Node(of) => node(style, of),
        Output::Relationship(of) => relationship(style, of),
        Output::Path(path) => {
            let mut text = format!(
                "<{}",
                path.nodes
                    .first()
                    .map(|of| node(style, of))
                    .unwrap_or_default()
            );
            for ((step, along), end) in path.relationships.iter().zip(&path.nodes[1..]) {
                let (before, after) = if *along { ("-", "->") } else { ("<-", "-") };
                let _ = write!(
                    text,
                    "{before}{}{after}{}",
                    relationship(style, step),
                    node(style, end)
                );
            }
            text + ">"
        }
    }
}

fn answer(
    style: Style,
    statement: &str,
    result: &Result<Summary, QueryError>,
    found: &Collected,
) -> String {
    let summary = match result {
        Ok(summary) => summary,
        Err(QueryError::Runtime(error)) => {
            return format!(
                "error {:?}: {}\n  {}\n",
                error.kind, error.detail, error.message
            );
        }
        Err(QueryError::Compile(diagnostic)) => {
            let when = match diagnostic.phase {
                Phase::CompileTime => "compile error",
                Phase::Runtime => "error",
            };
            return format!(
                "{when} {:?}: {:?}\n  {}\n",
                diagnostic.kind, diagnostic.detail, diagnostic.message
            );
        }
        Err(other) => return format!("error\n  {other}\n"),
    };
    let mut text = String::new();
    if let (Style::Literal, [row]) = (style, found.rows.as_slice())
        && row.len() > 1
    {
        for (column, cell) in found.columns.iter().zip(row) {
            let _ = writeln!(text, "{column} -> {}", show(style, cell));
        }
    } else if !found.columns.is_empty() {
        let _ = writeln!(text, "| {} |", found.columns.join(" | "));
        let mut rows: Vec<String> = found
            .rows
            .iter()
            .map(|row| {
                let cells: Vec<String> = row.iter().map(|cell| show(style, cell)).collect();
                format!("| {} |\n", cells.join(" | "))
            })
            .collect();
        if style == Style::Literal && !statement.contains("ORDER BY") {
            rows.sort();
        }
        rows.iter().for_each(|row| text.push_str(row));
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
    setup: Vec<String>,
    style: Style,
}

impl Runner {
    fn new(style: Style) -> Self {
        let engine = Engine::new(EngineSettings::default());
        procedures()
            .into_iter()
            .for_each(|procedure| engine.register_procedure(procedure));
        Self {
            engine,
            graph: Graph::in_memory().unwrap(),
            parameters: Parameters::new(),
            setup: Vec::new(),
            style,
        }
    }

    /// Begins a graph anew and runs the setup on it.
    fn build(&mut self) {
        self.graph = Graph::in_memory().unwrap();
        for statement in &self.setup {
            let answer = self.run(statement, &RunOptions::default());
            assert!(!answer.contains("error"), "{statement}\n{answer}");
        }
    }

    fn run(&self, text: &str, options: &RunOptions) -> String {
        let mut found = Collected::default();
        let result = self
            .engine
            .run(&self.graph, text, &self.parameters, options, &mut found);
        answer(self.style, text, &result, &found)
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
            } else if let Some(name) = line.strip_prefix("%without ") {
                self.parameters.remove(name.trim());
            } else if let Some(setup) = line.strip_prefix("%setup") {
                match setup.trim() {
                    "" => self.setup.clear(),
                    statement => self.setup.push(statement.to_owned()),
                }
            } else if !line.starts_with('#') {
                statement.push(line);
            }
        }
        let statement = statement.join("\n");
        if statement.trim().is_empty() {
            return head.trim_end().to_owned() + "\n";
        }
        if self.style == Style::Literal {
            self.build();
        }
        format!(
            "{}\n----\n{}",
            head.trim_end(),
            self.run(&statement, &options)
        )
    }
}

/// Procedures for the scripts to call.
fn procedures() -> [Procedure; 3] {
    let procedure = |name: &str, parameters: Vec<(String, Type)>, results, body| Procedure {
        name: name.to_owned(),
        description: String::new(),
        required: parameters.len(),
        parameters,
        results,
        body,
    };
    let integer = |name: &str| (name.to_owned(), Type::Integer);
    [
        procedure(
            "test.double",
            vec![integer("number")],
            vec![integer("number"), integer("twice")],
            Arc::new(|_, arguments, sink| match arguments {
                [Value::Int(number)] => sink(vec![Value::Int(*number), Value::Int(number * 2)]),
                _ => Ok(()),
            }),
        ),
        procedure(
            "test.letters",
            Vec::new(),
            vec![("letter".to_owned(), Type::String)],
            Arc::new(|_, _, sink| {
                ["a", "b"]
                    .into_iter()
                    .try_for_each(|letter| sink(vec![Value::String(letter.into())]))
            }),
        ),
        procedure(
            "test.nothing",
            Vec::new(),
            Vec::new(),
            Arc::new(|_, _, _| Ok(())),
        ),
    ]
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

fn check(style: Style, path: &Path) -> Result<(), String> {
    let expected = fs::read_to_string(path).unwrap();
    let mut runner = Runner::new(style);
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

fn check_all(style: Style, folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    let failures: Vec<String> = paths
        .iter()
        .filter_map(|path| check(style, path).err())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn statements_answer_as_written() {
    check_all(Style::Text, "tests/scripts/exec");
}

#[test]
fn the_language_means_what_is_written() {
    check_all(Style::Literal, "tests/scripts/semantics");
}
