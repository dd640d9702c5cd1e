//! The shell over a pipe.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use support::Retrograph;

#[test]
fn statements_may_span_lines_and_share_one() {
    let retrograph = Retrograph::with_graph();
    let input = "CREATE (:N {name: 'a;b'});\nMATCH (n:N)\n  // a remark;\nRETURN n.name\n  AS name;\n\
                 RETURN 1 AS x; RETURN 2 AS y;\nRETURN 'no semicolon' AS last";
    let out = retrograph
        .feed(&["shell", "--output", "csv"], input)
        .success();
    assert_eq!(out, "name\na;b\nx\n1\ny\n2\nlast\nno semicolon\n");
}

#[test]
fn the_first_error_ends_it() {
    let retrograph = Retrograph::with_graph();
    let outcome = retrograph.feed(
        &["shell", "g", "--output", "csv"],
        "RETURN 1 AS a;\nRETRUN 2;\nRETURN 3 AS c;",
    );
    assert_eq!(outcome.out, "a\n1\n");
    let error = outcome.failure(1);
    assert!(error.contains("RETRUN"), "{error}");
    let command = retrograph.feed(&["shell", "g"], ":asfo now\n").failure(1);
    assert!(command.contains(":asof"), "{command}");
}

#[test]
fn commands_change_what_follows() {
    let retrograph = Retrograph::with_graph();
    let input = ":output csv\n\
                 :param id => 'A-' + toString(1177)\n\
                 CREATE (:Account {id: $id, status: 'open'});\n\
                 MATCH (a:Account {id: $id}) SET a.status = 'frozen';\n\
                 :asof version 1\n\
                 MATCH (a:Account) RETURN a.status AS then;\n\
                 :asof now\n\
                 MATCH (a:Account) RETURN a.status AS now;\n\
                 :params\n\
                 :params clear\n\
                 :params\n\
                 :quit\n\
                 RETURN 'never' AS never;\n";
    let out = retrograph.feed(&["shell", "g"], input).success();
    assert_eq!(
        out,
        "then\nopen\nnow\nfrozen\nparameter,value\nid,A-1177\nparameter,value\n"
    );
}

#[test]
fn a_transaction_is_all_or_nothing() {
    let retrograph = Retrograph::with_graph();
    let input = ":begin\nCREATE (:N);\nMATCH (n:N) RETURN count(n) AS inside;\n:rollback\n\
                 MATCH (n:N) RETURN count(n) AS after;\n\
                 :begin\nCREATE (:N);\nCREATE (:N);\n:commit\n\
                 MATCH (n:N) RETURN count(n) AS committed;\n";
    let out = retrograph
        .feed(&["shell", "g", "--output", "csv"], input)
        .success();
    assert_eq!(out, "inside\n1\nafter\n0\ncommitted\n2\n");
    // One commit for the transaction.
    let info = retrograph.run(&["info", "g", "--output", "csv"]).success();
    assert!(info.contains("version,1\n"), "{info}");
    let open = retrograph
        .feed(&["shell", "g"], ":begin\n:asof version 1\n")
        .failure(1);
    assert!(open.contains("within a transaction"), "{open}");
    let none = retrograph.feed(&["shell", "g"], ":commit\n").failure(1);
    assert!(none.contains("no transaction"), "{none}");
}

/// What was not committed when the input ends is given up.
#[test]
fn an_open_transaction_ends_with_the_shell() {
    let retrograph = Retrograph::with_graph();
    retrograph
        .feed(&["shell", "g"], ":begin\nCREATE (:N);\n")
        .success();
    assert_eq!(
        retrograph.query("MATCH (n) RETURN count(n) AS n").success(),
        "n\n0\n"
    );
}

#[test]
fn graphs_are_listed_and_chosen() {
    let retrograph = Retrograph::with_graph();
    retrograph.run(&["graph", "create", "other"]).success();
    let none = retrograph.feed(&["shell"], "RETURN 1;").failure(1);
    assert!(none.contains(":use"), "{none}");
    let out = retrograph.feed(
        &["shell", "--output", "csv"],
        ":use other\nCREATE (:X);\n:use g\nMATCH (n) RETURN count(n) AS n;\n:graphs\n",
    );
    let out = out.success();
    assert!(out.starts_with("n\n0\ngraph,created\ng,"), "{out}");
    let unknown = retrograph.feed(&["shell"], ":use nosuch\n").failure(1);
    assert!(unknown.contains("other"), "{unknown}");
}

#[test]
fn help_and_plans_are_printed() {
    let retrograph = Retrograph::with_graph();
    let out = retrograph.feed(&["shell", "g"], ":help\n").success();
    assert!(out.contains(":rollback"), "{out}");
    let plan = retrograph
        .feed(&["shell", "g"], ":explain MATCH (n) RETURN n;\n")
        .success();
    assert!(plan.lines().count() > 1, "{plan}");
    let timing = retrograph.feed(&["shell", "g"], ":timing on\nRETURN 1;\n");
    assert!(
        timing.err.contains("1 row") && timing.err.contains("s)"),
        "{timing:#?}"
    );
}

/// Ctrl-C ends what runs, and with it a script.
#[test]
fn an_interrupt_stops_the_query() {
    let retrograph = Retrograph::with_graph();
    let mut shell = retrograph.command(&["shell", "g", "--output", "csv"]);
    let mut shell = shell
        .stdin(Stdio::piped())
        .spawn()
        .expect("the shell starts");
    let mut stdin = shell.stdin.take().expect("it is piped");
    let mut stdout = BufReader::new(shell.stdout.take().expect("it is piped"));
    let input = "RETURN 'ready' AS state;\nUNWIND range(1, 100000) AS a \
                 UNWIND range(1, 100000) AS b WITH a, b WHERE a < -b RETURN count(*);\n\
                 RETURN 'never' AS state;\n";
    stdin.write_all(input.as_bytes()).expect("the shell reads");
    let mut lines = String::new();
    while !lines.contains("ready\n") {
        assert_ne!(
            stdout.read_line(&mut lines).expect("it is UTF-8"),
            0,
            "the shell ended"
        );
    }
    support::interrupt(&shell);
    assert_eq!(shell.wait().expect("the shell ends").code(), Some(130));
    stdout.read_line(&mut lines).expect("it is UTF-8");
    assert!(!lines.contains("never"), "{lines}");
}
