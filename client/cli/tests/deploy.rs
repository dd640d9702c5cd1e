//! The files in `deploy/`: what can be known of them without systemd, a container engine or a cluster.

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use retrograph_config::{Declaration, settings::declarations};
use support::Retrograph;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(deploy().join(name)).expect(name)
}

/// A file is understood by the program that it is for.
#[track_caller]
fn shows(retrograph: &Retrograph, file: &str) -> String {
    retrograph
        .run(&["config", "show", "--config", file])
        .success()
}

#[test]
fn configurations_are_understood() {
    let retrograph = Retrograph::empty();
    let packaged = deploy().join("retrograph.toml");
    let shown = shows(&retrograph, packaged.to_str().expect("it is UTF-8"));
    assert!(shown.contains("127.0.0.1:7474"), "{shown}");

    // The manifest holds one as well: what is indented below its name.
    let manifest = read("kubernetes/retrograph.yaml");
    let inner = manifest
        .lines()
        .skip_while(|line| !line.ends_with("retrograph.toml: |"))
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with("    "));
    let inner: String = inner.map(|line| format!("{}\n", line.trim())).collect();
    let file = retrograph.file("kubernetes.toml", &inner);
    let shown = shows(&retrograph, &file);
    for part in [
        "0.0.0.0:7687",
        "0.0.0.0:7474",
        "0.0.0.0:7475",
        "/etc/retrograph/tls/tls.key",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // Probes go where the server tells.
    for line in [
        "httpGet: {path: /health/live, port: health}",
        "httpGet: {path: /health/ready, port: health}",
        "{name: health, containerPort: 7474}",
        "{name: metrics, containerPort: 7475}",
        "{name: bolt, containerPort: 7687}",
    ] {
        assert!(manifest.contains(line), "{line}");
    }
    // Members do not replicate yet.
    assert!(manifest.contains("\n  replicas: 1\n"));
}

#[test]
fn variables_are_those_of_settings() {
    let known: BTreeSet<String> = declarations().map(Declaration::variable).collect();
    for name in [
        "Dockerfile",
        "kubernetes/retrograph.yaml",
        "systemd/retrograph.service",
    ] {
        let text = read(name);
        for piece in text.split("RETROGRAPH_").skip(1) {
            let end = piece
                .find(|c: char| !c.is_ascii_uppercase() && c != '_')
                .unwrap_or(piece.len());
            if end > 0 {
                let variable = format!("RETROGRAPH_{}", &piece[..end]);
                assert!(
                    known.contains(&variable),
                    "{name} sets {variable}, which is no setting"
                );
            }
        }
    }
}

#[test]
fn the_image_runs_the_server_as_nobody_in_particular() {
    let image = read("Dockerfile");
    let stages: Vec<&str> = image
        .lines()
        .filter(|line| line.starts_with("FROM "))
        .collect();
    assert_eq!(stages.len(), 2, "one to build, one to run");
    let oldest = env!("CARGO_PKG_RUST_VERSION");
    assert!(
        stages[0].contains(&format!("rust:{oldest}")),
        "{stages:?} is not Rust {oldest}"
    );
    let (_, run) = image.split_once(stages[1]).expect("it is there");
    for line in [
        "USER 10001:10001",
        "COPY --from=build /src/target/release/retrograph /usr/local/bin/retrograph",
        "http://127.0.0.1:7474/health/ready",
        "RETROGRAPH_HTTP_LISTEN=127.0.0.1:7474",
        "CMD [\"serve\"]",
        "STOPSIGNAL SIGTERM",
    ] {
        assert!(run.contains(line), "{line}");
    }
    assert!(!image.contains("--no-auth") && !image.contains("--allow-plaintext"));
}

#[test]
fn the_unit_starts_the_server_and_locks_it_up() {
    let unit = read("systemd/retrograph.service");
    let command = |key: &str| {
        let line = unit
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .expect(key);
        let (program, arguments) = line.split_once(' ').expect("it has arguments");
        assert_eq!(program, "/usr/local/bin/retrograph");
        arguments.replace("/etc/retrograph/retrograph.toml", "FILE")
    };
    assert_eq!(command("ExecStart="), "serve --config FILE");
    assert_eq!(command("ExecStartPre="), "config check --config FILE");
    for line in [
        "DynamicUser=yes",
        "StateDirectory=retrograph",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "SystemCallFilter=@system-service",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
    // The configuration puts data where the unit may write.
    assert!(read("retrograph.toml").contains("data = \"/var/lib/retrograph\""));
}
