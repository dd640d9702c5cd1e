//! Health and metrics over HTTP, as a probe and a scraper see them.

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use support::{Outcome, Retrograph};

/// A server that tells health and metrics; stopped when dropped.
struct Served {
    server: Child,
    health: String,
    metrics: String,
    /// Where it speaks gRPC, if it does.
    grpc: Option<String>,
    /// Kept open, so that the server can go on writing its log.
    log: BufReader<ChildStderr>,
    retrograph: Retrograph,
}

impl Served {
    fn start(more: &[&str]) -> Self {
        Self::start_by(more, |command| command)
    }

    /// Starts one by another command that is made of its own.
    fn start_by(more: &[&str], by: impl FnOnce(Command) -> Command) -> Self {
        let retrograph = Retrograph::with_graph();
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--graph", "g"];
        arguments.extend(more);
        let mut server = by(retrograph.command(&arguments))
            .spawn()
            .expect("the server starts");
        let mut stderr = BufReader::new(server.stderr.take().expect("it is piped"));
        let (mut addresses, mut grpc) = (Vec::new(), None);
        let wanted = more
            .iter()
            .filter(|flag| flag.starts_with("--http"))
            .count();
        let mut said = String::new();
        while addresses.len() < wanted {
            let mut line = String::new();
            assert_ne!(
                stderr.read_line(&mut line).expect("it is UTF-8"),
                0,
                "{said}"
            );
            if let Some(address) = line.trim().strip_prefix("listening on http://") {
                addresses.push(address.to_owned());
            }
            if let Some(address) = line.trim().strip_prefix("listening on grpc://") {
                grpc = Some(format!("http://{address}"));
            }
            said.push_str(&line);
        }
        Self {
            server,
            health: addresses[0].clone(),
            metrics: addresses[wanted - 1].clone(),
            grpc,
            log: stderr,
            retrograph,
        }
    }
}

impl Served {
    /// Runs a query on its graph `g`.
    fn query(&self, text: &str) -> Outcome {
        let url = self.grpc.as_deref().expect("it speaks gRPC");
        let mut command = self.retrograph.command(&["query", "g", text]);
        let ended = command.args(["--server", url]).output();
        Outcome::of(ended.expect("the command starts"))
    }

    /// Stops it; the rest of its log.
    fn stop(mut self) -> String {
        let stopped = Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.server.id())])
            .status();
        assert!(stopped.expect("a shell").success());
        let mut said = String::new();
        self.log.read_to_string(&mut said).expect("it is UTF-8");
        assert!(self.server.wait().expect("it ends").success());
        said
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Asks with a method; the status and the body.
fn ask(address: &str, method: &str, path: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(address).expect("it listens");
    write!(
        socket,
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .expect("it reads");
    let mut answer = String::new();
    socket
        .read_to_string(&mut answer)
        .expect("it answers in UTF-8");
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .expect("a status");
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, body.to_owned())
}

const BOTH: [&str; 4] = [
    "--http-listen",
    "127.0.0.1:0",
    "--http-metrics",
    "127.0.0.1:0",
];

#[test]
fn probes_and_scrapers_are_answered_each_on_its_own_address() {
    let served = Served::start(&BOTH);
    assert_eq!(
        ask(&served.health, "GET", "/health/live"),
        (200, "live\n".to_owned())
    );
    assert_eq!(
        ask(&served.health, "GET", "/health/ready"),
        (200, "ready\n".to_owned())
    );
    assert_eq!(
        ask(&served.health, "HEAD", "/health/ready"),
        (200, String::new())
    );
    let (status, build) = ask(&served.health, "GET", "/build");
    let build: serde_json::Value = serde_json::from_str(&build).expect("it is JSON");
    assert_eq!(
        (status, &build["version"]),
        (200, &env!("CARGO_PKG_VERSION").into())
    );
    assert_eq!(ask(&served.health, "GET", "/metrics").0, 404);
    assert_eq!(ask(&served.metrics, "GET", "/health/live").0, 404);
    assert_eq!(ask(&served.health, "POST", "/health/live").0, 405);

    let (status, metrics) = ask(&served.metrics, "GET", "/metrics");
    assert_eq!(status, 200);
    for line in [
        "retrograph_ready 1",
        "retrograph_graph_version{graph=\"g\"} 0",
        "retrograph_graph_unapplied_entries{graph=\"g\"} 0",
        "retrograph_requests_total{protocol=\"http\",request=\"health\",end=\"done\"} 3",
        "retrograph_requests_total{protocol=\"http\",request=\"other\",end=\"client_error\"} 3",
        "retrograph_requests_total{protocol=\"bolt\",request=\"run\",end=\"done\"} 0",
        "retrograph_connections 0",
        "retrograph_workers_max 1000",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}: {metrics}"
        );
    }
}

/// The same command, by a shell that lets no file grow beyond a few megabytes: for the server the disk is
/// full then.
#[cfg(unix)]
fn with_small_files(command: Command) -> Command {
    // A write beyond the limit fails rather than ends the process.
    let limited = "trap '' XFSZ && ulimit -f 8192 && exec \"$0\" \"$@\"";
    let mut shell = Command::new("sh");
    shell
        .args(["-c", limited])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(directory) = command.get_current_dir() {
        shell.current_dir(directory);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[cfg(unix)]
#[test]
fn a_server_whose_log_takes_no_entries_is_not_ready_and_says_why() {
    let grpc = ["--grpc-listen", "127.0.0.1:0"];
    let served = Served::start_by(&[&BOTH[..], &grpc].concat(), with_small_files);
    let ready = || ask(&served.health, "GET", "/health/ready");
    assert_eq!(ready(), (200, "ready\n".to_owned()));
    // A megabyte each.
    let write = "CREATE (:A {text: reduce(text = 'x', i IN range(1, 20) | text + text)})";
    let failed = (0..64)
        .map(|_| served.query(write))
        .find(|run| run.code != 0);
    assert!(failed.is_some(), "64 MiB were written to files of 8");
    let (status, reasons) = ready();
    assert_eq!(status, 503, "{reasons}");
    assert!(reasons.starts_with("nothing can be written: "), "{reasons}");
    // The process is well, and what was read before can be read.
    assert_eq!(ask(&served.health, "GET", "/health/live").0, 200);
    served.query("MATCH (a:A) RETURN count(a)").success();
    let (_, metrics) = ask(&served.metrics, "GET", "/metrics");
    for line in [
        "retrograph_ready 0",
        "retrograph_requests_total{protocol=\"http\",request=\"health\",end=\"transient_error\"} 1",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}: {metrics}"
        );
    }
}

/// A client that says nothing keeps no one else from being answered.
#[test]
fn silent_clients_are_harmless() {
    let served = Served::start(&BOTH[..2]);
    let silent: Vec<TcpStream> = (0..20)
        .map(|_| TcpStream::connect(&served.health).expect("it listens"))
        .collect();
    assert_eq!(ask(&served.health, "GET", "/health/live").0, 200);
    drop(silent);
}

/// The names of metrics in a text: words that begin as all of ours do.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("retrograph_"))
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn dashboard_alerts_and_docs_name_metrics_that_exist() {
    let grpc = ["--grpc-listen", "127.0.0.1:0"];
    let served = Served::start(&[&BOTH[..], &grpc].concat());
    // A tenant is told of once it has run something.
    served.query("RETURN 1").success();
    let (_, metrics) = ask(&served.metrics, "GET", "/metrics");
    let told: BTreeSet<String> = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next().map(ToOwned::to_owned))
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |name: &str| std::fs::read_to_string(root.join(name)).expect(name);
    let dashboard = read("deploy/grafana/retrograph.json");
    let parsed: serde_json::Value = serde_json::from_str(&dashboard).expect("it is JSON");
    let panels = parsed["panels"].as_array().expect("it has panels");
    for panel in panels {
        for target in panel["targets"]
            .as_array()
            .expect("a panel shows something")
        {
            let query = target["expr"].as_str().expect("a query");
            assert!(!names(query).is_empty(), "{query}");
        }
    }
    for text in [dashboard, read("deploy/prometheus/alerts.yml")] {
        let unknown: Vec<_> = names(&text).difference(&told).cloned().collect();
        assert!(unknown.is_empty(), "{unknown:?} are not told by a server");
    }
    // And the page describes all of them; a family of several begins with the name of its first.
    let page = names(&read("docs/operations/monitoring.md"));
    for name in &told {
        let described = page.iter().any(|known| name.starts_with(known.as_str()))
            || name.starts_with("retrograph_store_")
            || name.ends_with("_max");
        assert!(described, "{name} is not described");
    }
}

/// The log is what the settings say, on standard error.
#[test]
fn the_log_has_the_level_and_the_form_that_are_set() {
    let lines = |more: &[&str]| {
        let retrograph = Retrograph::with_graph();
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--no-auth"];
        arguments.extend(more);
        let mut server = retrograph
            .command(&arguments)
            .spawn()
            .expect("the server starts");
        let mut stderr = BufReader::new(server.stderr.take().expect("it is piped"));
        let mut said = String::new();
        while !said.contains("listening on") {
            assert_ne!(
                stderr.read_line(&mut said).expect("it is UTF-8"),
                0,
                "{said}"
            );
        }
        let stopped = Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", server.id())])
            .status();
        assert!(stopped.expect("a shell").success());
        stderr.read_to_string(&mut said).expect("it is UTF-8");
        assert!(server.wait().expect("it ends").success());
        said
    };
    let json = lines(&["--log-format", "json"]);
    let messages: Vec<String> = json
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|line| Some(line["message"].as_str()?.to_owned()))
        .collect();
    assert_eq!(
        messages.first().map(String::as_str),
        Some("serving"),
        "{json}"
    );
    assert_eq!(
        messages.last().map(String::as_str),
        Some("stopped"),
        "{json}"
    );
    let silent = lines(&["--log-level", "error"]);
    assert!(!silent.contains("serving"), "{silent}");
}

/// Traces that nobody takes are a line in the log, not one for each, and nobody's trouble.
#[test]
fn a_collector_that_is_not_there_is_told_of_once() {
    // A port that nobody has: it was somebody's until now.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let nobody = listener.local_addr().expect("it has an address");
    drop(listener);
    let endpoint = format!("http://{nobody}");
    let traces = [
        "--traces-endpoint",
        &endpoint,
        "--grpc-listen",
        "127.0.0.1:0",
    ];
    let served = Served::start_by(&[&BOTH[..], &traces].concat(), |mut command| {
        command.env("OTEL_BSP_SCHEDULE_DELAY", "20");
        command
    });
    let lost = || {
        let (_, metrics) = ask(&served.metrics, "GET", "/metrics");
        let name = "retrograph_trace_spans_total{end=\"lost\"} ";
        let told = metrics.lines().find_map(|line| line.strip_prefix(name));
        told.and_then(|count| count.parse::<u64>().ok())
            .expect("it is told")
    };
    let mut before = lost();
    assert_eq!(before, 0);
    for _ in 0..2 {
        served.query("RETURN 1").success();
        while lost() == before {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        before = lost();
    }
    let said = served.stop();
    let line = "traces are not taken and get lost";
    assert_eq!(said.matches(line).count(), 1, "{said}");
    assert!(said.contains(&endpoint), "{said}");
}
