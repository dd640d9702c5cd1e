//! Golden scripts of error messages: what a user reads when a statement is refused or fails.
//!
//! Each file of `tests/scripts/errors` begins with the graph of [`SETUP`]. A line that starts with
//! `> ` is a statement (several such lines are one); what follows, up to the next blank line, is the
//! message it must give. Before it may stand directives for that statement alone:
//!
//! * `%param name = expression` sets a parameter;
//! * `%read-only`, `%memory bytes`, `%as-of version` are options of the run.
//!
//! Lines that start with `#` are remarks. `UPDATE_GOLDEN=1 cargo test -p retrograph-engine --test errors`
//! writes the messages anew; review the difference: a message names the place and the remedy.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use retrograph_engine::output::Output;
use retrograph_engine::{
    AsOf, Collected, Engine, EngineSettings, Parameters, QueryError, RunOptions,
};
use retrograph_graph::Graph;
use retrograph_graph::ids::Version;
use retrograph_graph::value::{Map, Value};

/// The graph of the scripts.
const SETUP: &[&str] = &[
    "CREATE CONSTRAINT person_email FOR (p:Person) REQUIRE p.email IS UNIQUE",
    "CREATE INDEX company_name FOR (c:Company) ON (c.name)",
    "CREATE (ada:Person {name: 'Ada', email: 'ada@example.org', age: 36, born: date('1815-12-10')}), \
     (bob:Person {name: 'Bob', email: 'bob@example.org', age: '41'}), \
     (acme:Company {name: 'Acme'}), \
     (ada)-[:KNOWS {since: 2019}]->(bob), (ada)-[:WORKS_AT]->(acme)",
];

struct Runner {
    engine: Engine,
    graph: Arc<Graph>,
}

impl Runner {
    fn new() -> Self {
        let runner = Self {
            engine: Engine::new(EngineSettings::default()),
            graph: Graph::in_memory().unwrap(),
        };
        for statement in SETUP {
            let message = runner.message(statement, &Parameters::new(), &RunOptions::default());
            assert_eq!(message, "no error", "{statement}");
        }
        runner
    }

    fn message(&self, text: &str, parameters: &Parameters, options: &RunOptions) -> String {
        let mut rows = Collected::default();
        let result = self
            .engine
            .run(&self.graph, text, parameters, options, &mut rows);
        match result {
            Ok(_) => "no error".to_owned(),
            Err(QueryError::Compile(diagnostic)) => diagnostic.render(text).trim_end().to_owned(),
            Err(QueryError::Runtime(error)) => {
                format!("{:?} ({}): {}", error.kind, error.detail, error.message)
            }
            Err(other) => other.to_string(),
        }
    }

    fn value(&self, expression: &str) -> Value {
        let mut rows = Collected::default();
        let text = format!("RETURN {expression} AS value");
        self.engine
            .run(
                &self.graph,
                &text,
                &Parameters::new(),
                &RunOptions::default(),
                &mut rows,
            )
            .unwrap();
        plain(&rows.rows[0][0])
    }
}

fn plain(of: &Output) -> Value {
    match of {
        Output::Value(value) => value.clone(),
        Output::List(items) => Value::list(items.iter().map(plain).collect::<Vec<_>>()),
        Output::Map(map) => {
            let entries = map.iter().map(|(key, value)| (key.clone(), plain(value)));
            Value::Map(Arc::new(entries.collect::<Map>()))
        }
        _ => panic!("a parameter holds no element"),
    }
}

/// The script with the messages as they are now, and how many there are. `silent` gathers the
/// statements that give none.
fn run(script: &str, silent: &mut Vec<String>) -> (String, usize) {
    let runner = Runner::new();
    let mut result = String::new();
    let mut count = 0;
    let mut parameters = Parameters::new();
    let mut options = RunOptions::default();
    let mut lines = script.lines().peekable();
    while let Some(line) = lines.next() {
        result.push_str(line);
        result.push('\n');
        if let Some(directive) = line.strip_prefix('%') {
            let (name, rest) = directive.split_once(' ').unwrap_or((directive, ""));
            match name {
                "param" => {
                    let (name, expression) = rest.split_once(" = ").unwrap();
                    parameters.insert(name.to_owned(), runner.value(expression));
                }
                "read-only" => options.is_read_only = true,
                "memory" => options.memory_bytes_max = Some(rest.parse().unwrap()),
                "as-of" => options.as_of = Some(AsOf::Version(Version(rest.parse().unwrap()))),
                other => panic!("unknown directive {other}"),
            }
            continue;
        }
        let Some(statement) = line.strip_prefix("> ") else {
            continue;
        };
        let mut statement = statement.to_owned();
        while let Some(more) = lines.peek().and_then(|line| line.strip_prefix('>')) {
            statement.push('\n');
            statement.push_str(more.strip_prefix(' ').unwrap_or(more));
            result.push_str(lines.next().unwrap_or_default());
            result.push('\n');
        }
        while lines.next_if(|line| !line.is_empty()).is_some() {}
        let message = runner.message(&statement, &parameters, &options);
        if message == "no error" {
            silent.push(statement);
        }
        for line in message.lines() {
            // A blank line would end the message in the script.
            result.push_str(if line.is_empty() { "." } else { line });
            result.push('\n');
        }
        count += 1;
        parameters.clear();
        options = RunOptions::default();
    }
    (result, count)
}

#[test]
fn messages_are_as_recorded() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/errors");
    let mut messages = 0;
    let mut silent = Vec::new();
    for entry in fs::read_dir(directory).expect("the scripts are readable") {
        let path = entry.expect("the scripts are listed").path();
        let script = fs::read_to_string(&path).expect("a script is readable");
        let (actual, count) = run(&script, &mut silent);
        messages += count;
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, actual).expect("a script is writable");
            continue;
        }
        for (number, (expected, actual)) in script.lines().zip(actual.lines()).enumerate() {
            assert_eq!(actual, expected, "{}:{}", path.display(), number + 1);
        }
        let lines = (script.lines().count(), actual.lines().count());
        assert_eq!(lines.0, lines.1, "{}", path.display());
    }
    assert!(silent.is_empty(), "these give no error: {silent:#?}");
    assert!(messages >= 150, "only {messages} messages are under test");
}
