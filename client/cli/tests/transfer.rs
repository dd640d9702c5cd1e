//! Import and export from the outside: what goes in comes out, rejects have their exit code.

mod support;

use support::Retrograph;

const PEOPLE: &str =
    "id:ID,name,age:int,:LABEL\n1,Ana,41,Person;Analyst\n2,\"Zoë, the second\",,Person\n";

#[test]
fn a_graph_goes_out_and_comes_back() {
    let retrograph = Retrograph::empty();
    let people = retrograph.file("people.csv", PEOPLE);
    let knows = retrograph.file(
        "knows.csv",
        ":START_ID,:END_ID,since:date\n1,2,2020-02-29\n",
    );
    let report = retrograph.run(&[
        "import",
        "csv",
        "--graph",
        "g",
        "--nodes",
        &people,
        "--relationships",
        &format!("KNOWS={knows}"),
    ]);
    let report = report.success();
    assert!(
        report.contains("nodes created") && report.contains("│     2"),
        "{report}"
    );
    let rows = "MATCH (a:Analyst)-[k:KNOWS]->(b) RETURN a.name AS a, b.name AS b, k.since AS since";
    let expected = "a,b,since\nAna,\"Zoë, the second\",2020-02-29\n";
    assert_eq!(retrograph.query(rows).success(), expected);

    let lines = retrograph.run(&["export", "g"]).success();
    assert_eq!(lines.lines().count(), 3, "{lines}");
    let file = retrograph.file("export.jsonl", &lines);
    retrograph
        .run(&["import", "jsonl", "--graph", "copy", &file])
        .success();
    let copied = retrograph
        .run(&["query", "copy", rows, "--output", "csv"])
        .success();
    assert_eq!(copied, expected);

    // Before the import there was nothing.
    let before = retrograph
        .run(&["export", "g", "--as-of-version", "0"])
        .success();
    assert_eq!(before, "");
    let nowhere = retrograph
        .run(&["export", "g", "--format", "csv"])
        .failure(2);
    assert!(nowhere.contains("--to"), "{nowhere}");
}

#[test]
fn an_import_runs_once() {
    let retrograph = Retrograph::empty();
    let people = retrograph.file("people.csv", PEOPLE);
    let import = ["import", "csv", "--graph", "g", "--nodes", &people];
    retrograph.run(&import).success();
    let again = retrograph.run(&import).failure(1);
    assert!(again.contains("job `people` is complete"), "{again}");
    assert_eq!(
        retrograph.query("MATCH (n) RETURN count(n) AS n").success(),
        "n\n2\n"
    );
}

#[test]
fn rejects_stop_an_import_unless_it_may_go_on() {
    let retrograph = Retrograph::empty();
    let people = retrograph.file("people.csv", "id:ID,age:int\n1,41\n2,old\n3,1,1\n4,7\n");
    let import = [
        "import",
        "csv",
        "--graph",
        "g",
        "--nodes",
        &format!("Person={people}"),
    ];
    let error = retrograph.run(&import).failure(4);
    assert!(
        error.contains("people.csv:3") && error.contains("people.rejects.csv"),
        "{error}"
    );
    assert_eq!(
        retrograph.query("MATCH (n) RETURN count(n) AS n").success(),
        "n\n0\n"
    );

    let mut tolerant = import.to_vec();
    tolerant.extend(["--skip-rejects", "--job", "again"]);
    retrograph.run(&tolerant).success();
    assert_eq!(
        retrograph.query("MATCH (n) RETURN count(n) AS n").success(),
        "n\n2\n"
    );
    let rejects = std::fs::read_to_string(retrograph.directory().join("again.rejects.csv"));
    let rejects = rejects.expect("rejects are written beside the command");
    let lines: Vec<&str> = rejects.lines().collect();
    assert_eq!(lines.len(), 3, "{rejects}");
    assert!(lines[0].starts_with("file,line,column,reason"), "{rejects}");
    assert!(
        lines[1].contains(",3,") && lines[2].contains(",4,"),
        "{rejects}"
    );
}

#[test]
fn sources_that_are_none_are_named() {
    let retrograph = Retrograph::empty();
    let missing = retrograph
        .run(&["import", "jsonl", "--graph", "g", "nowhere.jsonl"])
        .failure(1);
    assert!(missing.contains("nowhere.jsonl"), "{missing}");
    let none = retrograph
        .run(&["import", "git", "--graph", "g", "."])
        .failure(1);
    assert!(none.contains("git"), "{none}");
    let header = retrograph.file("h.csv", "id:ID,age:number\n1,2\n");
    let wrong = retrograph
        .run(&["import", "csv", "--graph", "g", "--nodes", &header])
        .failure(1);
    assert!(
        wrong.contains("h.csv:1") && wrong.contains("number"),
        "{wrong}"
    );
}
