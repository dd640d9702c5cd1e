//! The configuration of a server: where settings come from, and what a check finds before a start.

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use support::{Outcome, Retrograph};

/// A certificate for this machine that is valid between two years, and its key.
fn certificate(years: std::ops::Range<i32>) -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key can be made");
    let mut parameters =
        rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name is fine");
    parameters.not_before = rcgen::date_time_ymd(years.start, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(years.end, 1, 1);
    let certificate = parameters.self_signed(&key).expect("it can be signed");
    (certificate.pem(), key.serialize_pem())
}

/// Runs a command with a variable of the environment.
fn run_with(retrograph: &Retrograph, variable: (&str, &str), arguments: &[&str]) -> Outcome {
    let mut command = retrograph.command(arguments);
    command.env(variable.0, variable.1);
    Outcome::of(command.output().expect("the command starts"))
}

#[test]
fn settings_are_shown_with_where_they_come_from() {
    let retrograph = Retrograph::empty();
    let file = retrograph.file(
        "r.toml",
        "[bolt]\nlisten = '127.0.0.1:7001'\nworker_idle = '90s'\n[server]\nworkers_max = 12\n",
    );
    let shown = run_with(
        &retrograph,
        ("RETROGRAPH_SERVER_WORKERS_MAX", "13"),
        &[
            "config",
            "show",
            "--config",
            &file,
            "--listen",
            "127.0.0.1:7002",
        ],
    )
    .success();
    let line = |start: &str| {
        let found = shown.lines().find(|line| line.starts_with(start));
        let (value, origin) = found.and_then(|line| line.split_once('#')).expect(start);
        (value.trim().to_owned(), origin.trim().to_owned())
    };
    assert_eq!(
        line("listen"),
        (
            "listen = \"127.0.0.1:7002\"".to_owned(),
            "from --listen".to_owned()
        )
    );
    assert_eq!(
        line("workers_max"),
        (
            "workers_max = 13".to_owned(),
            "from RETROGRAPH_SERVER_WORKERS_MAX".to_owned()
        )
    );
    let (value, origin) = line("worker_idle");
    assert_eq!(value, "worker_idle = \"90s\"");
    assert!(origin.ends_with("r.toml:3:15"), "{origin}");
    assert_eq!(
        line("connections_max"),
        ("connections_max = 10000".to_owned(), "default".to_owned())
    );
    // What is shown is a file that says the same.
    let again = retrograph.file("again.toml", &shown);
    retrograph
        .run(&["config", "show", "--config", &again])
        .success();
}

#[test]
fn a_check_finds_what_would_stop_the_server() {
    let retrograph = Retrograph::with_graph();
    let (valid, key) = certificate(2020..2999);
    let (expired, expired_key) = certificate(2020..2021);
    retrograph.file("valid.pem", &valid);
    retrograph.file("key.pem", &key);
    retrograph.file("expired.pem", &expired);
    retrograph.file("expired-key.pem", &expired_key);
    let check = |text: &str| {
        let file = retrograph.file("r.toml", text);
        retrograph.run(&["config", "check", "--config", &file])
    };
    let listen = "[bolt]\nlisten = '127.0.0.1:0'\n";
    let tls = |certificate: &str, key: &str| {
        format!("{listen}[tls]\ncertificate = '{certificate}'\nkey = '{key}'\n")
    };
    assert_eq!(check(listen).success(), "nothing is wrong\n");
    check(&tls("valid.pem", "key.pem")).success();

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let taken = taken
        .local_addr()
        .map(|address| (taken, address))
        .expect("it has an address");
    for (text, complaint) in [
        (
            "[bolt]\nlissten = 'x'\n".to_owned(),
            "r.toml:2:1: there is no setting `bolt.lissten`; did you mean `bolt.listen`?",
        ),
        (
            "[bolt]\nlisten = 7687\n".to_owned(),
            "r.toml:2:10: `bolt.listen` is an address with a port",
        ),
        (
            "[bolt]\nlisten = '0.0.0.0:0'\n".to_owned(),
            "r.toml:2:10: 0.0.0.0:0 can be reached from other machines",
        ),
        (
            "[bolt]\nlisten = '0.0.0.0:0'\n[access]\nopen = true\n".to_owned(),
            "nobody would be asked",
        ),
        (
            format!("[bolt]\nlisten = '{}'\n", taken.1),
            "r.toml:2:10: cannot listen on",
        ),
        (
            format!("import_dir = 'nowhere'\n{listen}"),
            "r.toml:1:14: cannot use",
        ),
        (tls("missing.pem", "key.pem"), "r.toml:4:15: cannot read"),
        (
            tls("valid.pem", "expired-key.pem"),
            "is not that of the certificate",
        ),
        (tls("expired.pem", "expired-key.pem"), "is valid from"),
    ] {
        let complaints = check(&text).failure(2);
        assert!(complaints.contains(complaint), "{complaint}: {complaints}");
    }

    // Variables of the environment are looked at as well.
    let file = retrograph.file("r.toml", listen);
    let arguments = ["config", "check", "--config", &file];
    let complaints = run_with(
        &retrograph,
        ("RETROGRAPH_SERVER_WORKERS_MAX", "0"),
        &arguments,
    );
    let complaints = complaints.failure(2);
    assert!(
        complaints.contains("RETROGRAPH_SERVER_WORKERS_MAX: "),
        "{complaints}"
    );
    let mistyped = run_with(&retrograph, ("RETROGRAPH_BOLT_LISTN", "x"), &arguments);
    assert_eq!(mistyped.code, 0);
    assert!(
        mistyped
            .err
            .contains("did you mean RETROGRAPH_BOLT_LISTEN?"),
        "{}",
        mistyped.err
    );
    // So is the data directory.
    retrograph.file("data/FORMAT", "99\n");
    let complaints = check(listen).failure(2);
    assert!(
        complaints.contains("--data: ") && complaints.contains("format 99"),
        "{complaints}"
    );
}

#[test]
fn a_server_is_configured_by_a_file_and_a_wrong_one_is_refused() {
    let retrograph = Retrograph::empty();
    let file = retrograph.file(
        "r.toml",
        "data = 'elsewhere'\ndefault_graph = 'harbor'\n[bolt]\nlisten = '127.0.0.1:0'\n[access]\nopen = true\n",
    );
    let mut server = Command::new(env!("CARGO_BIN_EXE_retrograph"))
        .args(["serve", "--config", &file])
        .env_remove("RETROGRAPH_DATA")
        .stderr(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut said = String::new();
    let mut stderr = BufReader::new(server.stderr.take().expect("it is piped"));
    while !said.contains("listening on bolt://127.0.0.1:") {
        assert_ne!(
            stderr.read_line(&mut said).expect("it is UTF-8"),
            0,
            "{said}"
        );
    }
    assert!(said.contains("without authentication"), "{said}");
    // The file that it runs with is fine, but for what it has itself.
    let check = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_retrograph"));
        command
            .args(["config", "check", "--config", &file])
            .args(more);
        Outcome::of(
            command
                .env_remove("RETROGRAPH_DATA")
                .output()
                .expect("it starts"),
        )
    };
    check(&["--running"]).success();
    let complaints = check(&[]).failure(2);
    assert!(
        complaints.contains("r.toml:1:8: ") && complaints.contains("in use by"),
        "{complaints}"
    );
    server.kill().expect("it runs");
    server.wait().expect("it ends");
    let graphs = ["graph", "list", "--output", "csv", "--data"];
    let listed = Command::new(env!("CARGO_BIN_EXE_retrograph"))
        .args(graphs)
        .arg(retrograph.directory().join("elsewhere"))
        .output()
        .expect("it starts");
    assert!(Outcome::of(listed).success().contains("harbor"));

    let wrong = retrograph.file(
        "wrong.toml",
        "[bolt]\nlisten = 1\n[server]\nworkers_max = 'x'\n",
    );
    let complaints = retrograph.run(&["serve", "--config", &wrong]).failure(2);
    assert!(
        complaints.contains("wrong.toml:2:10") && complaints.contains("wrong.toml:4:15"),
        "{complaints}"
    );
    let contradiction = retrograph.run(&["serve", "--actor", "ana"]).failure(2);
    assert!(
        contradiction.contains("--actor: `access.actor` needs"),
        "{contradiction}"
    );
}
