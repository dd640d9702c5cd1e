//! Data directories and graphs: making, listing, locking, exit codes.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use support::Retrograph;

#[test]
fn a_directory_that_is_none_is_said_to_be_none() {
    let retrograph = Retrograph::empty();
    let error = retrograph.query("RETURN 1").failure(3);
    assert!(error.contains("is no data directory"), "{error}");
    std::fs::create_dir(retrograph.directory().join("data")).expect("it can be made");
    std::fs::write(retrograph.directory().join("data/thesis.txt"), "precious").expect("written");
    let error = retrograph.run(&["graph", "create", "g"]).failure(3);
    assert!(error.contains("not empty"), "{error}");
}

#[test]
fn graphs_are_made_and_listed() {
    let retrograph = Retrograph::with_graph();
    retrograph.run(&["graph", "create", "other"]).success();
    let twice = retrograph.run(&["graph", "create", "g"]).failure(1);
    assert!(twice.contains("already"), "{twice}");
    let bad = retrograph.run(&["graph", "create", "No Such"]).failure(1);
    assert!(bad.contains("lower-case"), "{bad}");
    let list = retrograph
        .run(&["graph", "list", "--output", "csv"])
        .success();
    let names: Vec<&str> = list
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .collect();
    assert_eq!(names, ["g", "other"]);
    let missing = retrograph.run(&["query", "nosuch", "RETURN 1"]).failure(1);
    assert!(
        missing.contains("nosuch") && missing.contains("other"),
        "{missing}"
    );
}

/// The second process is told who has the directory; it works again once the first has ended.
#[test]
fn one_process_uses_a_directory_at_a_time() {
    let retrograph = Retrograph::with_graph();
    let mut shell = retrograph.command(&["shell", "g", "--output", "csv"]);
    let mut shell = shell
        .stdin(Stdio::piped())
        .spawn()
        .expect("the shell starts");
    let mut stdin = shell.stdin.take().expect("it is piped");
    let mut stdout = BufReader::new(shell.stdout.take().expect("it is piped"));
    writeln!(stdin, "RETURN 'ready' AS state;").expect("the shell reads");
    let mut lines = String::new();
    while !lines.contains("ready\n") {
        assert_ne!(
            stdout.read_line(&mut lines).expect("it is UTF-8"),
            0,
            "the shell ended"
        );
    }
    let error = retrograph.query("RETURN 1").failure(3);
    assert!(error.contains("in use by process"), "{error}");
    assert!(error.contains(&shell.id().to_string()), "{error}");
    drop(stdin);
    assert!(shell.wait().expect("the shell ends").success());
    retrograph.query("RETURN 1").success();
}

#[test]
fn info_counts_what_is_there() {
    let retrograph = Retrograph::with_graph();
    retrograph
        .query("CREATE (:Person)-[:KNOWS]->(:Person)-[:OWNS]->(:Account {id: 'A-1'})")
        .success();
    let all = retrograph.run(&["info", "--output", "json"]).success();
    let row: serde_json::Value = serde_json::from_str(&all).expect("one row of JSON");
    assert_eq!(row["graph"], "g");
    assert_eq!(
        (row["nodes"].as_i64(), row["relationships"].as_i64()),
        (Some(3), Some(2))
    );
    assert_eq!(row["version"], 1);
    let one = retrograph.run(&["info", "g", "--output", "csv"]).success();
    for line in [
        "nodes :Person,2",
        "nodes :Account,1",
        "relationships :KNOWS,1",
        "version,1",
    ] {
        assert!(one.lines().any(|found| found == line), "{line}: {one}");
    }
}

#[test]
fn usage_mistakes_have_their_own_code() {
    let retrograph = Retrograph::empty();
    for arguments in [
        &["frobnicate"][..],
        &["query"],
        &["query", "g"],
        &["demo", "--size", "huge"],
    ] {
        assert_eq!(retrograph.run(arguments).code, 2, "{arguments:?}");
    }
    assert!(retrograph.run(&["--help"]).success().contains("Exit codes"));
}

#[test]
fn nothing_is_served_to_other_machines_without_authentication_or_in_the_clear() {
    let retrograph = Retrograph::empty();
    let error = retrograph
        .run(&["serve", "--no-auth", "--listen", "0.0.0.0:0"])
        .failure(1);
    assert!(
        error.contains("nobody would be asked") && error.contains("127.0.0.1:7687"),
        "{error}"
    );
    let error = retrograph
        .run(&["serve", "--listen", "0.0.0.0:0"])
        .failure(1);
    assert!(error.contains("--allow-plaintext"), "{error}");
}
