//! Golden scripts: `tests/scripts/*.txt`.
//!
//! A line that starts with `> ` is a query (several such lines are one query); what follows, up to
//! the next blank line, is its canonical text or the rendered error. Lines that start with `#` are
//! remarks. `UPDATE_GOLDEN=1 cargo test -p retrograph-cypher --test golden` writes the outputs anew.

use std::fs;
use std::path::Path;

use retrograph_cypher::parse;

fn output(query: &str) -> String {
    match parse(query) {
        Ok(statement) => {
            let printed = statement.to_string();
            assert_eq!(parse(&printed).as_ref(), Ok(&statement), "{printed}");
            printed
        }
        Err(error) => error.render(query).trim_end().to_owned(),
    }
}

/// The script with the output of every query as it is now.
fn run(script: &str) -> String {
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
        result.push_str(&output(&query));
        result.push('\n');
    }
    result
}

#[test]
fn scripts_give_the_outputs_they_record() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut scripts = 0;
    let mut errors = 0;
    for entry in fs::read_dir(directory).expect("the scripts are readable") {
        let path = entry.expect("the scripts are listed").path();
        let script = fs::read_to_string(&path).expect("a script is readable");
        let actual = run(&script);
        scripts += 1;
        errors += actual
            .lines()
            .filter(|line| line.starts_with("error["))
            .count();
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
    assert!(
        scripts > 0 && errors >= 40,
        "{scripts} scripts with {errors} errors"
    );
}
