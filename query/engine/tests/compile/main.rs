//! Golden scripts of the binder and the planner: `tests/scripts/bind` and `tests/scripts/plan`.
//!
//! A line that starts with `> ` is a query (several such lines are one query); what follows, up to
//! the next blank line, is what compiling it gives: an error, or warnings and the plan. Lines that
//! start with `#` are remarks. The graph is the one of [`schema::Harbor`].
//! `UPDATE_GOLDEN=1 cargo test -p retrograph-engine --test compile` writes the outputs anew.

mod depth;
mod schema;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use retrograph_engine::functions::{Procedure, Procedures};
use retrograph_engine::plan::explain;
use retrograph_engine::types::Type;
use schema::Harbor;

/// The built-in procedures and two more.
fn procedures() -> Procedures {
    let mut procedures = Procedures::default();
    let column = |name: &str, ty: Type| (name.to_owned(), ty);
    procedures.register(Procedure {
        name: "test.neighbours".to_owned(),
        description: String::new(),
        parameters: vec![column("name", Type::String), column("depth", Type::Integer)],
        required: 2,
        results: vec![
            column("node", Type::Node),
            column("distance", Type::Integer),
        ],
        body: Arc::new(|_, _, _| Ok(())),
    });
    procedures.register(Procedure {
        name: "test.nothing".to_owned(),
        description: String::new(),
        parameters: Vec::new(),
        required: 0,
        results: Vec::new(),
        body: Arc::new(|_, _, _| Ok(())),
    });
    procedures
}

fn output(query: &str, procedures: &Procedures) -> String {
    let compiled = retrograph_cypher::parse(query)
        .and_then(|statement| retrograph_engine::compile(&statement, query, &Harbor, procedures));
    match compiled {
        Err(error) => error.render(query).trim_end().to_owned(),
        Ok(compiled) => {
            let warnings = compiled
                .warnings
                .iter()
                .map(|warning| warning.render(query));
            let mut text: String = warnings.collect();
            text.push_str(&explain::render(&compiled.plan, None));
            text.trim_end().to_owned()
        }
    }
}

/// The script with the output of every query as it is now.
fn run(script: &str, procedures: &Procedures) -> String {
    let mut result = String::new();
    let mut lines = script.lines().peekable();
    while let Some(line) = lines.next() {
        result.push_str(line);
        result.push('\n');
        let Some(query) = line.strip_prefix("> ") else {
            continue;
        };
        let mut query = query.to_owned();
        while let Some(more) = lines.peek().and_then(|line| line.strip_prefix('>')) {
            query.push('\n');
            query.push_str(more.strip_prefix(' ').unwrap_or(more));
            result.push_str(lines.next().unwrap_or_default());
            result.push('\n');
        }
        while lines.next_if(|line| !line.is_empty()).is_some() {}
        result.push_str(&output(&query, procedures));
        result.push('\n');
    }
    result
}

fn check(directory: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/scripts")
        .join(directory);
    let procedures = procedures();
    let mut scripts = 0;
    for entry in fs::read_dir(directory).expect("the scripts are readable") {
        let path = entry.expect("the scripts are listed").path();
        let script = fs::read_to_string(&path).expect("a script is readable");
        let actual = run(&script, &procedures);
        scripts += 1;
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, actual).expect("a script is writable");
            continue;
        }
        for (number, (expected, actual)) in script.lines().zip(actual.lines()).enumerate() {
            assert_eq!(actual, expected, "{}:{}", path.display(), number + 1);
        }
        assert_eq!(
            actual.lines().count(),
            script.lines().count(),
            "{}",
            path.display()
        );
    }
    assert!(scripts > 0, "there are no scripts");
}

#[test]
fn names_and_types_are_checked_as_recorded() {
    check("bind");
}

#[test]
fn plans_are_as_recorded() {
    check("plan");
}
