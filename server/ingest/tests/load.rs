//! Imports into a graph in memory: what is loaded, rejected, resumed and read back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use retrograph_engine::{AsOf, Collected, Engine, EngineSettings, Output, RunOptions};
use retrograph_graph::Graph;
use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::text::to_text;
use retrograph_ingest::csv::{CsvOptions, CsvSource, FileGroup};
use retrograph_ingest::git::GitSource;
use retrograph_ingest::jsonl::JsonLinesSource;
use retrograph_ingest::{
    LoadError, LoadOptions, LoadReport, Observer, Progress, Reject, Source, export, load,
};

/// Keeps the rejects; asks for a stop after so many commits.
#[derive(Default)]
struct Watch {
    rejects: Vec<Reject>,
    commits: u64,
    stop_after: Option<u64>,
    stop: AtomicBool,
}

struct Seen<'a>(
    &'a mut Vec<Reject>,
    &'a mut u64,
    Option<u64>,
    &'a AtomicBool,
);

impl Observer for Seen<'_> {
    fn progress(&mut self, _: &LoadReport, _: Progress) {
        *self.1 += 1;
        if self.2.is_some_and(|after| *self.1 >= after) {
            self.3.store(true, Ordering::Relaxed);
        }
    }

    fn reject(&mut self, reject: &Reject) -> std::io::Result<()> {
        self.0.push(reject.clone());
        Ok(())
    }
}

impl Watch {
    fn load(
        &mut self,
        graph: &Arc<Graph>,
        source: &mut dyn Source,
        options: &LoadOptions,
    ) -> Result<LoadReport, LoadError> {
        let mut seen = Seen(
            &mut self.rejects,
            &mut self.commits,
            self.stop_after,
            &self.stop,
        );
        load(graph, source, options, &mut seen, &self.stop)
    }
}

fn query(graph: &Arc<Graph>, text: &str, as_of: Option<AsOf>) -> Vec<Vec<String>> {
    let engine = Engine::new(EngineSettings::default());
    let options = RunOptions {
        as_of,
        ..RunOptions::default()
    };
    let mut found = Collected::default();
    engine
        .run(graph, text, &Default::default(), &options, &mut found)
        .unwrap();
    let show = |output: &Output| match output {
        Output::Value(value) => to_text(value),
        other => format!("{other:?}"),
    };
    found
        .rows
        .iter()
        .map(|row| row.iter().map(show).collect())
        .collect()
}

fn one(graph: &Arc<Graph>, text: &str) -> String {
    query(graph, text, None)[0][0].clone()
}

fn write(directory: &Path, name: &str, text: &[u8]) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path
}

fn csv(nodes: &[(&str, &Path)], relationships: &[(&str, &Path)]) -> CsvOptions {
    let groups = |files: &[(&str, &Path)]| {
        files
            .iter()
            .map(|(name, path)| FileGroup {
                names: name
                    .split(':')
                    .filter(|n| !n.is_empty())
                    .map(Arc::from)
                    .collect(),
                files: vec![path.to_path_buf()],
            })
            .collect()
    };
    CsvOptions {
        nodes: groups(nodes),
        relationships: groups(relationships),
        ..CsvOptions::default()
    }
}

#[test]
fn csv_values_get_their_types() {
    let dir = tempfile::tempdir().unwrap();
    let people = write(
        dir.path(),
        "people.csv",
        b"id:long:ID(Person),name,height:double,born:date,tags:string[],active:boolean,:LABEL\n\
          1,Ana,1.70,1980-02-29,a;b,true,Witness;Owner\n2,\"Bo \"\"x\"\"\",,,,,\n3,\"\",,,,false,\n",
    );
    let knows = write(
        dir.path(),
        "knows.csv",
        b":START_ID(Person),:END_ID(Person),:TYPE,since:datetime\n1,2,KNOWS,2020-01-01T00:00:00Z\n2,1,OWES,\n",
    );
    let graph = Graph::in_memory().unwrap();
    let mut source = CsvSource::open(csv(&[("Person", &people)], &[("", &knows)])).unwrap();
    let report = Watch::default()
        .load(&graph, &mut source, &LoadOptions::new("j", "t"))
        .unwrap();
    assert_eq!((report.nodes_created, report.relationships_created), (3, 2));
    assert!(report.is_complete);
    assert_eq!(
        query(
            &graph,
            "MATCH (p:Person {id: 1}) RETURN p.height + 0.3, p.born.day, p.tags[1], p.active, \
             labels(p) = ['Owner', 'Person', 'Witness'] OR size(labels(p)) = 3",
            None
        ),
        [["2.0", "29", "b", "true", "true"]]
    );
    assert_eq!(
        one(&graph, "MATCH (p:Person) WHERE p.name = '' RETURN p.id"),
        "3"
    );
    assert_eq!(
        one(
            &graph,
            "MATCH (p:Person) WHERE p.height IS NULL RETURN count(*)"
        ),
        "2"
    );
    assert_eq!(
        one(
            &graph,
            "MATCH ()-[k:KNOWS]->(b) RETURN b.name + k.since.year"
        ),
        "Bo \"x\"2020"
    );
}

#[test]
fn rejects_name_place_and_reason_and_the_rest_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let people = write(
        dir.path(),
        "people.csv",
        b"id:ID,age:int\n1,30\n2,old\n3\n4,1,2\n1,31\n5,\"4\"x\n\xFF,1\n6,60\n",
    );
    let knows = write(
        dir.path(),
        "knows.csv",
        b":START_ID,:END_ID\n1,6\n1,99\n6,1\n,1\n",
    );
    let graph = Graph::in_memory().unwrap();
    let mut source = CsvSource::open(csv(&[("P", &people)], &[("K", &knows)])).unwrap();
    let options = LoadOptions {
        rejects_max: None,
        ..LoadOptions::new("j", "t")
    };
    let mut watch = Watch::default();
    let report = watch.load(&graph, &mut source, &options).unwrap();
    assert_eq!((report.nodes_created, report.relationships_created), (2, 2));
    let seen: Vec<_> = watch
        .rejects
        .iter()
        .map(|r| {
            (
                r.place.line,
                r.place.column,
                r.reason.split([':', ';']).next().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (3, 3, "`old` is not an integer such as 42"),
            (4, 1, "1 columns, the header has 2"),
            (5, 5, "3 columns, the header has 2"),
            (6, 0, "node '1' exists already"),
            (7, 6, "text after a closing quote"),
            (8, 1, "invalid UTF-8"),
            (3, 0, "dangling relationship"),
            (5, 1, "no start id"),
        ]
    );

    let graph = Graph::in_memory().unwrap();
    let mut source = CsvSource::open(csv(&[("P", &people)], &[("K", &knows)])).unwrap();
    let options = LoadOptions {
        rejects_max: Some(2),
        ..LoadOptions::new("j", "t")
    };
    let error = Watch::default()
        .load(&graph, &mut source, &options)
        .unwrap_err();
    assert!(
        matches!(error, LoadError::TooManyRejects { count: 3, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("people.csv:5"), "{error}");
}

#[test]
fn a_wrong_header_is_known_before_anything_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let people = write(dir.path(), "people.csv", b"id:ID\n1\n");
    let knows = write(dir.path(), "knows.csv", b":START_ID,:END_ID,weight:flaot\n");
    let error = CsvSource::open(csv(&[("P", &people)], &[("K", &knows)]))
        .err()
        .unwrap();
    assert!(error.to_string().contains("knows.csv:1:19"), "{error}");
    let missing = dir.path().join("missing.csv");
    let error = CsvSource::open(csv(&[("P", &missing)], &[])).err().unwrap();
    assert!(error.to_string().contains("missing.csv"), "{error}");
}

/// Stopped after any number of commits, an import ends with the same graph.
#[test]
fn an_import_resumes_wherever_it_was_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let mut people = "id:ID,:LABEL\n".to_owned();
    let mut knows = ":START_ID,:END_ID,n:int\n".to_owned();
    for number in 0..40 {
        people += &format!("p{number},{}\n", if number % 3 == 0 { "A" } else { "B;C" });
        knows += &format!("p{number},p{},{number}\n", (number * 7) % 45);
    }
    people += "p3,A\n";
    let people = write(dir.path(), "people.csv", people.as_bytes());
    let knows = write(dir.path(), "knows.csv", knows.as_bytes());
    let open = || CsvSource::open(csv(&[("P", &people)], &[("K", &knows)])).unwrap();
    let options = LoadOptions {
        batch_events: 9,
        rejects_max: None,
        create_ends: Some("End".into()),
        ..LoadOptions::new("j", "t")
    };
    let all = "MATCH (a:P)-[k:K]->(b) RETURN a.id, k.n, b.id, labels(b)[0] ORDER BY k.n";
    let whole = Graph::in_memory().unwrap();
    Watch::default()
        .load(&whole, &mut open(), &options)
        .unwrap();
    let wanted = query(&whole, all, None);
    assert_eq!(wanted.len(), 40);
    for stop_after in 1..9 {
        let graph = Graph::in_memory().unwrap();
        let mut runs = 0;
        loop {
            let mut watch = Watch {
                stop_after: Some(stop_after),
                ..Watch::default()
            };
            let report = watch.load(&graph, &mut open(), &options).unwrap();
            runs += 1;
            assert_eq!(
                report.events_resumed,
                if runs == 1 {
                    0
                } else {
                    9 * stop_after * (runs - 1)
                }
            );
            if report.is_complete {
                assert_eq!(report.rejects, 1);
                break;
            }
        }
        assert_eq!(
            query(&graph, all, None),
            wanted,
            "stopped after every {stop_after}"
        );
        assert_eq!(
            one(&graph, "MATCH (n) RETURN count(*)"),
            one(&whole, "MATCH (n) RETURN count(*)")
        );
        let again = Watch::default()
            .load(&graph, &mut open(), &options)
            .unwrap_err();
        assert!(matches!(again, LoadError::JobComplete { .. }), "{again}");
    }
}

/// The end of the input is remembered even where the last batch loads nothing, in a transaction as
/// in bulk.
#[test]
fn an_import_that_ends_with_rejects_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    for doubles in [5, 20_000] {
        let text = "id:ID\n1\n".to_owned() + &"1\n".repeat(doubles);
        let path = write(dir.path(), "a.csv", text.as_bytes());
        let graph = Graph::in_memory().unwrap();
        let run = |batch_events, stop_after| {
            let options = LoadOptions {
                batch_events,
                rejects_max: None,
                ..LoadOptions::new("j", "t")
            };
            let mut source = CsvSource::open(csv(&[("P", &path)], &[])).unwrap();
            let mut watch = Watch {
                stop_after,
                ..Watch::default()
            };
            watch.load(&graph, &mut source, &options)
        };
        assert!(!run(1, Some(1)).unwrap().is_complete);
        let rest = run(doubles, None).unwrap();
        assert_eq!((rest.is_complete, rest.rejects), (true, doubles as u64));
        let again = run(doubles, None).unwrap_err();
        assert!(matches!(again, LoadError::JobComplete { .. }), "{again}");
        assert_eq!(one(&graph, "MATCH (n:P) RETURN count(*)"), "1");
    }
}

#[test]
fn a_job_goes_on_with_its_own_input_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a.csv", b"id:ID\n1\n2\n3\n");
    let graph = Graph::in_memory().unwrap();
    let options = LoadOptions {
        batch_events: 1,
        ..LoadOptions::new("j", "t")
    };
    let mut watch = Watch {
        stop_after: Some(1),
        ..Watch::default()
    };
    let mut source = CsvSource::open(csv(&[("P", &path)], &[])).unwrap();
    watch.load(&graph, &mut source, &options).unwrap();
    write(dir.path(), "a.csv", b"id:ID\n1\n2\n3\n4\n");
    let mut source = CsvSource::open(csv(&[("P", &path)], &[])).unwrap();
    let error = Watch::default()
        .load(&graph, &mut source, &options)
        .unwrap_err();
    assert!(matches!(error, LoadError::OtherSource { .. }), "{error}");
}

#[test]
fn history_asserts_the_times_of_the_source() {
    let dir = tempfile::tempdir().unwrap();
    let people = write(
        dir.path(),
        "people.csv",
        b"id:ID,:TIME(s)\na,100\nb,300\nc,\n",
    );
    let knows = write(
        dir.path(),
        "knows.csv",
        b":START_ID,:END_ID,:TIME(s)\na,b,300\na,c,200\n",
    );
    let graph = Graph::in_memory().unwrap();
    let options = CsvOptions {
        sort_by_time: true,
        ..csv(&[("P", &people)], &[("K", &knows)])
    };
    let mut source = CsvSource::open(options).unwrap();
    let options = LoadOptions {
        history: true,
        default_time: Some(SystemTime(50_000_000)),
        ..LoadOptions::new("j", "t")
    };
    let report = Watch::default()
        .load(&graph, &mut source, &options)
        .unwrap();
    assert_eq!((report.commits, report.times_moved), (4, 0));
    let at = |second: i64, text| {
        query(
            &graph,
            text,
            Some(AsOf::Time(SystemTime(second * 1_000_000))),
        )[0][0]
            .clone()
    };
    let people = "MATCH (p:P) RETURN count(*)";
    let knows = "MATCH ()-[k:K]->() RETURN count(k)";
    assert_eq!(
        [50, 99, 100, 299, 300].map(|s| at(s, people)),
        ["1", "1", "2", "2", "3"]
    );
    assert_eq!(
        [100, 199, 200, 299, 300].map(|s| at(s, knows)),
        ["0", "0", "1", "1", "2"]
    );
}

#[test]
fn json_lines_create_merge_update_and_delete() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(
        dir.path(),
        "changes.jsonl",
        br#"{"type":"node","id":"1","labels":["P"],"properties":{"name":"Ana","born":{"$date":"1980-02-29"}}}
{"type":"node","id":"2","labels":["P"],"properties":{"name":"Bo","n":[1,2]}}
{"type":"relationship","label":"K","start":{"id":"1"},"end":{"id":"2"},"properties":{"w":1.5}}
{"type":"node","id":"1","op":"merge","labels":["Q"],"properties":{"name":"Anna"}}
{"type":"relationship","label":"K","start":{"id":"1"},"end":{"id":"2"},"op":"merge","properties":{"w":2}}
{"type":"node","id":"3","op":"merge","labels":["P"],"properties":{}}
{"type":"node","id":"9","op":"update","properties":{}}
{"type":"node","id":"4","properties":{"x":{"y":1}}}
{"type":"node","id":"3","op":"delete"}
not json
{"type":"relationship","label":"K","start":{"id":"1"},"end":{"id":"3"}}
{"type":"node","id":"2","op":"update","properties":{"n":null}}
"#,
    );
    let graph = Graph::in_memory().unwrap();
    let mut watch = Watch::default();
    let options = LoadOptions {
        rejects_max: None,
        batch_events: 2,
        ..LoadOptions::new("j", "t")
    };
    let mut source = JsonLinesSource::open(&path).unwrap();
    let report = watch.load(&graph, &mut source, &options).unwrap();
    let lines: Vec<_> = watch
        .rejects
        .iter()
        .map(|reject| reject.place.line)
        .collect();
    assert_eq!(lines, [7, 8, 10, 11]);
    assert_eq!(
        (report.nodes_created, report.updated, report.deleted),
        (3, 3, 1)
    );
    assert_eq!(
        query(
            &graph,
            "MATCH (a:P:Q)-[k:K]->(b) RETURN a.name, a.born.year, k.w, b.n, b.name",
            None
        ),
        [["Anna", "1980", "2", "null", "Bo"]]
    );
    assert_eq!(one(&graph, "MATCH (n) RETURN count(*)"), "2");
}

#[test]
fn an_export_comes_back_the_same() {
    let graph = Graph::in_memory().unwrap();
    let engine = Engine::new(EngineSettings::default());
    let make = "CREATE (a:P:Q {s: 'x, \"y\"', e: '', i: -7, f: 0.5, d: date('2020-02-29'), l: [1, 2]}), \
                (b:P {s: 'line\nbreak'}), (a)-[:K {t: datetime('2020-01-01T00:00:00+01:00')}]->(b), \
                (b)-[:L]->(b)";
    let options = RunOptions::default();
    engine
        .run(
            &graph,
            make,
            &Default::default(),
            &options,
            &mut Collected::default(),
        )
        .unwrap();
    let read = graph.read_latest();
    let dir = tempfile::tempdir().unwrap();
    export::export_csv(&read, dir.path()).unwrap();
    let lines = dir.path().join("graph.jsonl");
    let report = export::export_jsonl(&read, &mut fs::File::create(&lines).unwrap()).unwrap();
    assert_eq!((report.nodes, report.relationships), (2, 2));

    let show = "MATCH (n)-[r]->(m) RETURN properties(n) = {s: n.s, e: n.e, i: n.i, f: n.f, d: n.d, l: n.l} \
                OR n.i IS NULL, n.s, n.e, n.i, n.f, n.d, n.l[1], size(labels(n)), type(r), r.t, m.s \
                ORDER BY type(r)";
    let wanted = query(&graph, show, None);
    let from_lines = Graph::in_memory().unwrap();
    let mut source = JsonLinesSource::open(&lines).unwrap();
    Watch::default()
        .load(&from_lines, &mut source, &LoadOptions::new("j", "t"))
        .unwrap();
    assert_eq!(query(&from_lines, show, None), wanted);
    let from_csv = Graph::in_memory().unwrap();
    let (nodes, relationships) = (
        dir.path().join("nodes.csv"),
        dir.path().join("relationships.csv"),
    );
    let mut source = CsvSource::open(csv(&[("", &nodes)], &[("", &relationships)])).unwrap();
    Watch::default()
        .load(&from_csv, &mut source, &LoadOptions::new("j", "t"))
        .unwrap();
    assert_eq!(query(&from_csv, show, None), wanted);
}

#[test]
fn git_history_becomes_a_graph() {
    let dir = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str], time: &str| {
        let output = Command::new("git")
            .arg("-C")
            .arg(dir.path())
            .args(["-c", "user.name=Ana", "-c", "user.email=ana@example.org"])
            .args([
                "-c",
                "init.defaultBranch=main",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(arguments)
            .env("GIT_AUTHOR_DATE", time)
            .env("GIT_COMMITTER_DATE", time)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let commit = |message: &str, time: &str| {
        git(&["add", "-A"], time);
        git(&["commit", "-qm", message], time);
    };
    git(&["init", "-q"], "1000000000 +0000");
    write(dir.path(), "a file.txt", b"1");
    commit("first", "1000000000 +0000");
    git(&["checkout", "-qb", "side"], "1000000000 +0000");
    write(dir.path(), "b.txt", b"1");
    commit("second, \"quoted\"", "1000000100 +0000");
    git(&["checkout", "-q", "main"], "1000000000 +0000");
    fs::remove_file(dir.path().join("a file.txt")).unwrap();
    commit("third", "1000000200 +0000");
    git(
        &["merge", "-q", "--no-ff", "-m", "merge", "side"],
        "1000000300 +0000",
    );

    let graph = Graph::in_memory().unwrap();
    let mut source = GitSource::open(dir.path(), "HEAD").unwrap();
    let options = LoadOptions {
        history: true,
        ..LoadOptions::new("j", "t")
    };
    let report = Watch::default()
        .load(&graph, &mut source, &options)
        .unwrap();
    assert_eq!(
        (report.nodes_created, report.commits, report.times_moved),
        (4 + 1 + 2, 4, 0)
    );
    assert_eq!(
        query(
            &graph,
            "MATCH (c:Commit)-[t:TOUCHED]->(f:File) RETURN c.subject, t.operation, f.path \
             ORDER BY c.committedAt",
            None
        ),
        [
            ["first", "A", "a file.txt"],
            ["second, \"quoted\"", "A", "b.txt"],
            ["third", "D", "a file.txt"]
        ]
    );
    assert_eq!(
        one(&graph, "MATCH (:Commit)-[p:PARENT]->() RETURN count(p)"),
        "4"
    );
    let then = Some(AsOf::Time(SystemTime(1_000_000_150_000_000)));
    assert_eq!(
        query(&graph, "MATCH (c:Commit) RETURN count(*)", then),
        [["2"]]
    );

    let nowhere = tempfile::tempdir().unwrap();
    let error = GitSource::open(nowhere.path(), "HEAD").err().unwrap();
    assert!(
        error.to_string().contains("not a git repository"),
        "{error}"
    );
}
