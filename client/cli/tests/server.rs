//! The command at a server: `serve` in one process, everything else in others.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use support::{Outcome, Retrograph};

/// A server on a data directory with an empty graph `g`.
struct Server {
    retrograph: Retrograph,
    child: Child,
    url: String,
}

impl Server {
    fn start() -> Self {
        let retrograph = Retrograph::with_graph();
        let mut command = retrograph.command(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--grpc-listen",
            "127.0.0.1:0",
        ]);
        let mut child = command.spawn().expect("the server starts");
        let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
        let url = loop {
            let mut line = String::new();
            let read = said.read_line(&mut line).expect("it is text");
            assert!(read > 0, "the server ended before it listened");
            if let Some(address) = line.trim().strip_prefix("listening on grpc://") {
                break format!("http://{address}");
            }
        };
        // What else it says is of no interest, but must not fill the pipe.
        std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
        Self {
            retrograph,
            child,
            url,
        }
    }

    /// The command at the server, logged in by what the data directory holds.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.retrograph.command(arguments);
        command.args(["--server", &self.url]);
        command
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(
            self.command(arguments)
                .output()
                .expect("the command starts"),
        )
    }

    fn query(&self, text: &str) -> Outcome {
        self.run(&["query", "g", text, "--output", "csv"])
    }

    fn feed(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        Outcome::of(child.wait_with_output().expect("the command ends"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn results_look_as_they_do_from_a_data_directory() {
    let server = Server::start();
    let nothing = server.query("CREATE (:A {x: 1})-[:R {since: date('2026-01-10')}]->(:B:C)");
    assert_eq!(nothing.success(), "");
    let text = "MATCH p = (a:A)-[r]->(b) RETURN a, r, p, [1, null] AS list, {k: 1.5} AS map, \
                datetime('2026-01-10T12:00[Europe/Oslo]') AS at, duration('P1DT1S') AS long, \
                point({x: 1.0, y: 2.0}) AS place";
    // One process at a time has a data directory.
    let formats = ["table", "json", "csv"];
    let there = formats.map(|format| {
        server
            .run(&["query", "g", text, "--output", format])
            .success()
    });
    assert!(
        there[0].contains("(:A {x: 1})-[:R {since: 2026-01-10}]->(:B:C)"),
        "{}",
        there[0]
    );
    let mut server = server;
    server.child.kill().expect("it runs");
    server.child.wait().expect("it ends");
    let here = formats.map(|format| {
        let outcome = server
            .retrograph
            .run(&["query", "g", text, "--output", format]);
        outcome.success()
    });
    assert_eq!(there, here);
}

#[test]
fn parameters_moments_and_several_statements_work() {
    let server = Server::start();
    let script =
        "CREATE (:P {id: $id}); MATCH (p:P) SET p.day = $day; MATCH (p:P) RETURN p.id, p.day";
    let parameters = [
        "--param",
        "id=A-1177",
        "--param",
        "day={\"$date\": \"2026-01-10\"}",
    ];
    let arguments = ["query", "g", script, "--output", "csv"];
    let out = server
        .run(&[&arguments[..], &parameters].concat())
        .success();
    assert_eq!(out, "p.id,p.day\nA-1177,2026-01-10\n");
    let then = [
        "query",
        "g",
        "MATCH (p:P) RETURN p.day",
        "--as-of-version",
        "1",
        "--output",
        "csv",
    ];
    assert_eq!(server.run(&then).success(), "p.day\n\"\"\n");
    let past = ["query", "g", "RETURN 1", "--as-of", "1990-01-01"];
    let error = server.run(&past).failure(1);
    assert!(error.contains("before"), "{error}");
    let slow = "UNWIND range(1, 1000000000) AS n RETURN count(n % 7)";
    let error = server
        .run(&["query", "g", slow, "--timeout", "100ms"])
        .failure(1);
    assert!(error.contains("time limit"), "{error}");
}

#[test]
fn mistakes_are_shown_where_they_are_in_the_script() {
    let server = Server::start();
    let error = server.query("RETURN 1 AS a;\nRETRUN 2").failure(1);
    assert!(
        error.contains("error[E0101]") && error.contains("query:2:1"),
        "{error}"
    );
    let error = server
        .query("RETURN 1 AS a;\nRETURN ö,\n missing")
        .failure(1);
    assert!(error.contains("query:2:8"), "{error}");
    let error = server.query("RETURN 1 / 0").failure(1);
    assert!(error.contains("ARITHMETIC_ERROR"), "{error}");
    let error = server.run(&["query", "nowhere", "RETURN 1"]).failure(1);
    assert!(error.contains("nowhere"), "{error}");
    let warned = server.query("MATCH (p:Persn) RETURN p");
    assert!(warned.err.contains("Persn"), "{warned:?}");
    assert_eq!(warned.success(), "p\n");
}

#[test]
fn the_shell_has_parameters_moments_and_transactions() {
    let server = Server::start();
    let input = ":output csv\n\
                 :param id => 'A-' + toString(1177)\n\
                 CREATE (:Account {id: $id, status: 'open'});\n\
                 :begin\n\
                 MATCH (a:Account {id: $id}) SET a.status = 'frozen';\n\
                 MATCH (a:Account) RETURN a.status AS inside;\n\
                 :rollback\n\
                 MATCH (a:Account) RETURN a.status AS after;\n\
                 :begin\n\
                 MATCH (a:Account) SET a.status = 'closed';\n\
                 :commit\n\
                 :asof version 1\n\
                 MATCH (a:Account) RETURN a.status AS then;\n\
                 :asof now\n\
                 MATCH (a:Account) RETURN a.status AS now;\n\
                 :params\n";
    let out = server.feed(&["shell"], input).success();
    assert_eq!(
        out,
        "inside\nfrozen\nafter\nopen\nthen\nopen\nnow\nclosed\nparameter,value\nid,A-1177\n"
    );
    let graphs = server
        .feed(&["shell", "--output", "csv"], ":graphs\n")
        .success();
    assert!(graphs.starts_with("graph,created\ng,20"), "{graphs}");
}

#[test]
fn graphs_are_made_listed_described_and_exported() {
    let server = Server::start();
    server.run(&["graph", "create", "shop"]).success();
    let list = server.run(&["graph", "list", "--output", "csv"]).success();
    assert_eq!(list.lines().count(), 3, "{list}");
    server
        .query("CREATE (:A {x: 1})-[:R {y: 2.5}]->(:B)")
        .success();
    server
        .query("CREATE INDEX of_x FOR (a:A) ON (a.x)")
        .success();
    let info = server.run(&["info", "--output", "csv"]).success();
    assert!(
        info.contains("\ng,2,20") && info.contains(",2,1,\n"),
        "{info}"
    );
    let info = server.run(&["info", "g", "--output", "csv"]).success();
    for line in ["nodes :A,1", "relationships :R,1", "index of_x,on A.x"] {
        assert!(info.contains(line), "{line}: {info}");
    }
    let there = server
        .run(&["export", "g", "--as-of-version", "1"])
        .success();
    assert_eq!(there.lines().count(), 3, "{there}");
    let error = server
        .run(&["export", "g", "--format", "csv", "--to", "x"])
        .failure(1);
    assert!(error.contains("jsonl"), "{error}");
    let mut server = server;
    server.child.kill().expect("it runs");
    server.child.wait().expect("it ends");
    let here = server
        .retrograph
        .run(&["export", "g", "--as-of-version", "1"])
        .success();
    assert_eq!(there, here);
}

#[test]
fn nobody_gets_in_without_credentials_and_those_are_no_arguments() {
    let server = Server::start();
    let elsewhere = Retrograph::empty();
    let run = |more: &[&str], variables: &[(&str, &str)]| {
        let mut command = elsewhere.command(&["query", "g", "RETURN 1 AS n", "--output", "csv"]);
        command.args(["--server", &server.url]).args(more);
        command.envs(variables.iter().copied());
        Outcome::of(command.output().expect("the command starts"))
    };
    let error = run(&[], &[]).failure(3);
    assert!(error.contains("--credential"), "{error}");
    let path = server
        .retrograph
        .directory()
        .join("data")
        .join("admin.credential");
    let file = path.to_str().expect("temporary paths are UTF-8");
    assert_eq!(run(&["--credential", file], &[]).success(), "n\n1\n");
    let credential = std::fs::read_to_string(&path).expect("it is there");
    let (user, password) = credential.trim().split_once(':').expect("it is one");
    let variables = [("RETROGRAPH_USER", user), ("RETROGRAPH_PASSWORD", password)];
    assert_eq!(run(&[], &variables).success(), "n\n1\n");
    let error = run(&[], &variables[..1]).failure(3);
    assert!(error.contains("RETROGRAPH_PASSWORD"), "{error}");
    let wrong = [("RETROGRAPH_API_KEY", "rgk_nothing")];
    let error = run(&[], &wrong).failure(3);
    assert!(!error.contains("rgk_nothing"), "{error}");
    let named = [
        variables[0],
        variables[1],
        ("RETROGRAPH_SERVER", &*server.url),
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_retrograph"));
    command.args(["query", "g", "RETURN 1 AS n", "--output", "csv"]);
    command.current_dir(elsewhere.directory()).envs(named);
    let out = Outcome::of(command.output().expect("the command starts"));
    assert_eq!(out.success(), "n\n1\n");
}

#[test]
fn what_is_not_a_servers_business_is_said() {
    let server = Server::start();
    let file = server
        .retrograph
        .file("x.jsonl", "{\"type\":\"node\",\"id\":\"1\"}\n");
    let error = server
        .run(&["import", "jsonl", "--graph", "g", &file])
        .failure(1);
    assert!(error.contains("cannot import"), "{error}");
    let error = server
        .run(&["query", "g", "RETURN 1", "--actor", "ana"])
        .failure(1);
    assert!(error.contains("--actor"), "{error}");
    let gone = Retrograph::empty();
    let error = gone.run(&["info", "--server", "http://127.0.0.1:1"]);
    assert!(error.failure(3).contains("cannot reach"));
    let error = gone.run(&["info", "--server", "bolt://127.0.0.1:1"]);
    assert!(error.failure(3).contains("http://host:port"));
}

/// Ctrl-C ends the query at the server, and the command says so.
#[cfg(unix)]
#[test]
fn an_interrupt_cancels_the_query_at_the_server() {
    let server = Server::start();
    let endless = "UNWIND range(1, 1000000000) AS n RETURN count(n % 7)";
    let child = server
        .command(&["query", "g", endless])
        .spawn()
        .expect("the command starts");
    let running = || {
        let text = "SHOW TRANSACTIONS YIELD currentQuery WHERE currentQuery STARTS WITH 'UNWIND' RETURN count(*)";
        server.query(text).success() == "count(*)\n1\n"
    };
    while !running() {}
    support::interrupt(&child);
    let outcome = Outcome::of(child.wait_with_output().expect("it ends"));
    assert!(outcome.failure(130).contains("cancelled"));
    while running() {}
}
