//! `retrograph query` as scripts use it: results, formats, parameters, the past, errors.

mod support;

use support::Retrograph;

#[test]
fn what_is_written_is_read_by_the_next_process() {
    let retrograph = Retrograph::with_graph();
    let nothing = retrograph.query("CREATE (:Person {name: 'Ana', age: 41})-[:KNOWS]->(:Person)");
    assert_eq!(nothing.success(), "");
    let rows =
        retrograph.query("MATCH (p:Person) RETURN p.name AS name, p.age AS age ORDER BY name");
    assert_eq!(rows.success(), "name,age\nAna,41\n,\n");
}

#[test]
fn results_come_in_three_formats() {
    let retrograph = Retrograph::with_graph();
    let text = "RETURN 'Zoë' AS name, 1.5 AS x, [1, null] AS list, date('2026-01-10') AS day";
    let run = |format| {
        retrograph
            .run(&["query", "g", text, "--output", format])
            .success()
    };
    assert_eq!(
        run("table"),
        " name │   x │ list      │ day\n\
         ──────┼─────┼───────────┼────────────\n \
         Zoë  │ 1.5 │ [1, null] │ 2026-01-10\n"
    );
    assert_eq!(
        run("json"),
        "{\"name\":\"Zoë\",\"x\":1.5,\"list\":[1,null],\"day\":{\"$date\":\"2026-01-10\"}}\n"
    );
    assert_eq!(
        run("csv"),
        "name,x,list,day\nZoë,1.5,\"[1,null]\",2026-01-10\n"
    );
}

#[test]
fn elements_are_shown_as_patterns() {
    let retrograph = Retrograph::with_graph();
    retrograph
        .query("CREATE (:A {x: 1})-[:R {since: date('2026-01-10')}]->(:B:C)")
        .success();
    let text = "MATCH p = (a:A)-[r]->(b) RETURN a, r, p";
    let table = retrograph.run(&["query", "g", text]).success();
    assert!(
        table.contains(
            "(:A {x: 1}) │ [:R {since: 2026-01-10}] │ (:A {x: 1})-[:R {since: 2026-01-10}]->(:B:C)"
        ),
        "{table}"
    );
    let json = retrograph
        .run(&["query", "g", text, "--output", "json"])
        .success();
    let row: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(row["a"]["labels"], serde_json::json!(["A"]));
    assert_eq!(row["r"]["type"], "R");
    assert_eq!(row["r"]["start"], row["a"]["$node"]);
    assert_eq!(row["p"]["$path"].as_array().map(Vec::len), Some(3));
}

#[test]
fn parameters_come_from_the_command_line_and_from_files() {
    let retrograph = Retrograph::with_graph();
    let text = "RETURN $id AS id, $n + 1 AS n, $day.year AS year";
    let file = retrograph.file(
        "p.json",
        r#"{"n": 1, "day": {"$date": "2026-01-10"}, "id": "x"}"#,
    );
    let arguments = [
        "query",
        "g",
        text,
        "--params",
        &file,
        "--param",
        "id=A-1177",
        "--output",
        "csv",
    ];
    assert_eq!(
        retrograph.run(&arguments).success(),
        "id,n,year\nA-1177,2,2026\n"
    );
    let missing = retrograph
        .run(&["query", "g", text, "--param", "id=1"])
        .failure(1);
    assert!(
        missing.contains("day") || missing.contains('n'),
        "{missing}"
    );
    let wrong = retrograph
        .run(&["query", "g", text, "--param", "id"])
        .failure(2);
    assert!(wrong.contains("name=value"), "{wrong}");
}

#[test]
fn the_past_stays_readable() {
    let retrograph = Retrograph::with_graph();
    retrograph
        .query("CREATE (:Account {id: 1, status: 'open'})")
        .success();
    let times = retrograph
        .query("MATCH (a:Account) RETURN toString(system_from(a)) AS t")
        .success();
    let opened = times.lines().nth(1).expect("one row").to_owned();
    retrograph
        .query("MATCH (a:Account) SET a.status = 'frozen'")
        .success();
    retrograph.query("MATCH (a:Account) DELETE a").success();

    let status = "MATCH (a:Account) RETURN a.status AS status";
    let read = |options: &[&str]| {
        let mut arguments = vec!["query", "g", status, "--output", "csv"];
        arguments.extend(options);
        retrograph.run(&arguments)
    };
    assert_eq!(read(&[]).success(), "status\n");
    assert_eq!(
        read(&["--as-of-version", "2"]).success(),
        "status\nfrozen\n"
    );
    assert_eq!(read(&["--as-of-version", "1"]).success(), "status\nopen\n");
    assert_eq!(read(&["--as-of", &opened]).success(), "status\nopen\n");
    let then = format!("AS OF VERSION 2 {status}");
    assert_eq!(retrograph.query(&then).success(), "status\nfrozen\n");

    let future = read(&["--as-of-version", "99"]).failure(1);
    assert!(
        future.contains("99") && future.contains("latest is 3"),
        "{future}"
    );
    let past = read(&["--as-of", "1999-01-01"]).failure(1);
    assert!(
        past.contains("1999-01-01 00:00:00Z") && past.contains("oldest"),
        "{past}"
    );
    let both = read(&["--as-of", "1999-01-01", "--as-of-version", "1"]).failure(2);
    assert!(both.contains("cannot be used with"), "{both}");
    let write = retrograph
        .run(&["query", "g", "CREATE ()", "--as-of-version", "1"])
        .failure(1);
    assert!(write.starts_with("error"), "{write}");
}

#[test]
fn several_statements_run_in_order_until_one_fails() {
    let retrograph = Retrograph::with_graph();
    let script = "CREATE (:N {i: 1});\n// a remark; not a statement\nCREATE (:N {i: 2});\n\n\
                  MATCH (n:N)\nRETRUN n;\nCREATE (:N {i: 3});";
    let file = retrograph.file("script.cypher", script);
    let error = retrograph.run(&["query", "g", "--file", &file]).failure(1);
    // The place is that in the file.
    assert!(error.contains("script.cypher:6:1"), "{error}");
    assert!(
        error.contains("RETRUN") && error.contains("^^^^^^"),
        "{error}"
    );
    assert_eq!(
        retrograph
            .query("MATCH (n:N) RETURN max(n.i) AS m")
            .success(),
        "m\n2\n"
    );
    let input = retrograph.feed(
        &["query", "g", "-", "--output", "csv"],
        "RETURN 1 AS a; RETURN 2 AS b",
    );
    assert_eq!(input.success(), "a\n1\nb\n2\n");
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let retrograph = Retrograph::with_graph();
    for (text, words) in [
        ("RETURN 1 +", "error["),
        ("RETURN nosuch(1)", "nosuch"),
        ("RETURN x", "x"),
        ("RETURN 1 + true", "error"),
        ("RETURN 1 / 0", "zero"),
        ("RETURN $nobody", "nobody"),
    ] {
        let outcome = retrograph.query(text);
        assert_eq!(outcome.out, "", "{text}");
        let error = outcome.failure(1);
        assert!(
            error.starts_with("error") && error.contains(words),
            "{text}: {error}"
        );
    }
    assert!(retrograph.query(" ; ").failure(1).contains("no statement"));
}

#[test]
fn unknown_names_are_warned_about() {
    let retrograph = Retrograph::with_graph();
    retrograph.query("CREATE (:Person {name: 'Ana'})").success();
    let outcome = retrograph.query("MATCH (p:Persn) RETURN p.name AS name");
    assert!(
        outcome.err.contains("Persn") && outcome.err.contains("Person"),
        "{outcome:#?}"
    );
    assert_eq!(outcome.success(), "name\n");
}

#[test]
fn an_instant_without_an_answer_is_shown_in_the_query() {
    let retrograph = Retrograph::with_graph();
    let query = "AS OF datetime('2019-01-01T00:00:00Z') MATCH (n) RETURN n";
    let error = retrograph.run(&["query", "g", query]).failure(1);
    let shown = "error[E0421]: `AS OF` lies before the graph existed\n\
                 \u{20} ┌─ query:1:7\n\
                 1 │ AS OF datetime('2019-01-01T00:00:00Z') MATCH (n) RETURN n\n\
                 \u{20} │       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ the oldest readable moment is 20";
    assert!(error.contains(shown), "{error}");
    let query = "AS OF '2219-01-01T00:00:00Z' MATCH (n) RETURN n";
    let error = retrograph.run(&["query", "g", query]).failure(1);
    assert!(error.contains("error[E0422]"), "{error}");
}

#[test]
fn a_value_that_is_taken_is_shown_as_it_is_written() {
    let retrograph = Retrograph::with_graph();
    retrograph
        .query("CREATE CONSTRAINT FOR (p:Person) REQUIRE p.id IS UNIQUE")
        .success();
    retrograph.query("CREATE (:Person {id: 1})").success();
    let error = retrograph.query("CREATE (:Person {id: 1})").failure(1);
    assert!(
        error.contains("label Person and property id = 1,"),
        "{error}"
    );
}

#[test]
fn a_query_can_be_given_a_time_limit() {
    let retrograph = Retrograph::with_graph();
    let long = "UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b \
                WITH a, b WHERE a = -b RETURN count(*)";
    let error = retrograph
        .run(&["query", "g", long, "--timeout", "50ms"])
        .failure(1);
    assert!(error.contains("50 ms"), "{error}");
    let usage = retrograph
        .run(&["query", "g", "RETURN 1", "--timeout", "soon"])
        .failure(2);
    assert!(usage.contains("10s"), "{usage}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let retrograph = Retrograph::with_graph();
    let mut command = retrograph.command(&[
        "query",
        "g",
        "UNWIND range(1, 1000000) AS n RETURN n",
        "--output",
        "csv",
    ]);
    let mut child = command.spawn().expect("the command starts");
    drop(child.stdout.take());
    assert!(child.wait().expect("the command ends").success());
}

#[test]
fn explain_prints_a_plan_and_runs_nothing() {
    let retrograph = Retrograph::with_graph();
    let plan = retrograph.query("EXPLAIN CREATE (:N)").success();
    assert!(!plan.trim().is_empty());
    assert_eq!(
        retrograph.query("MATCH (n) RETURN count(n) AS n").success(),
        "n\n0\n"
    );
}

#[test]
fn load_csv_reads_the_import_folder_and_nothing_else() {
    let retrograph = Retrograph::with_graph();
    let folder = tempfile::tempdir().expect("a directory can be made");
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file can be written");
    };
    file("people.csv", "name;age\n\"Ada; L\";36\nBob;\n");
    file("bad.csv", "a,b\n1,\"x\n");
    file("wide.csv", "a\n1\n2,3\n");
    let directory = folder.path().to_str().expect("the path is UTF-8");
    let run = |text: &str| {
        retrograph.run(&[
            "query",
            "g",
            text,
            "--output",
            "csv",
            "--import-dir",
            directory,
        ])
    };
    let load = "LOAD CSV WITH HEADERS FROM 'file:///people.csv' AS row FIELDTERMINATOR ';' ";
    let rows = run(&format!(
        "{load} RETURN row.name AS name, toInteger(row.age) AS age, linenumber() AS line, file() AS file"
    ));
    assert_eq!(
        rows.success(),
        "name,age,line,file\nAda; L,36,2,file:///people.csv\nBob,,3,file:///people.csv\n"
    );
    run(&format!(
        "{load} CALL (row) {{ CREATE (:Person {{name: row.name, line: linenumber()}}) }} \
         IN TRANSACTIONS OF 1 ROWS"
    ))
    .success();
    let made = retrograph.query("MATCH (p:Person) RETURN p.name, p.line ORDER BY p.line");
    assert_eq!(made.success(), "p.name,p.line\nAda; L,2\nBob,3\n");
    let lists = run("LOAD CSV FROM 'file:///wide.csv' AS row RETURN size(row) AS n, row[0] AS a");
    assert_eq!(lists.success(), "n,a\n1,a\n1,1\n2,2\n");

    for (url, reason) in [
        (
            "file:///bad.csv",
            "file:///bad.csv:2:3: the quote opened here is never closed",
        ),
        (
            "file:///wide.csv",
            "line 3 has 2 fields, but the header names 1",
        ),
        (
            "file:///nope.csv",
            "there is no file `nope.csv` in the import folder",
        ),
        ("file:///../etc/passwd", "leads out of the import folder"),
        ("https://example.com/a.csv", "does not read over a network"),
    ] {
        let text = format!("LOAD CSV WITH HEADERS FROM '{url}' AS row RETURN row");
        let error = run(&text).failure(1);
        assert!(error.contains(reason), "{url}: {error}");
    }
    let error = retrograph
        .query("LOAD CSV FROM 'file:///people.csv' AS row RETURN row")
        .failure(1);
    assert!(error.contains("none is configured"), "{error}");
}
