//! Health and metrics over HTTP, as a probe and a scraper see them.

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr};

use support::Retrograph;

/// A server that tells health and metrics; stopped when dropped.
struct Served {
    server: Child,
    health: String,
    metrics: String,
    /// Kept open, so that the server can go on writing its log.
    _log: BufReader<ChildStderr>,
    _retrograph: Retrograph,
}

impl Served {
    fn start(more: &[&str]) -> Self {
        let retrograph = Retrograph::with_graph();
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--graph", "g"];
        arguments.extend(more);
        let mut server = retrograph
            .command(&arguments)
            .spawn()
            .expect("the server starts");
        let mut stderr = BufReader::new(server.stderr.take().expect("it is piped"));
        let mut addresses = Vec::new();
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
            said.push_str(&line);
        }
        Self {
            server,
            health: addresses[0].clone(),
            metrics: addresses[wanted - 1].clone(),
            _log: stderr,
            _retrograph: retrograph,
        }
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
    let served = Served::start(&BOTH);
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
        let stopped = std::process::Command::new("sh")
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
