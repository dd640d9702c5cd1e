//! What is read from flags, environment and file, and what is said about mistakes.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use retrograph_config::settings::declarations;
use retrograph_config::{Bytes, Declaration, Loaded, Origin, Sources, load};

/// Loads a file's text with variables and flags.
fn loaded(text: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Loaded {
    let folder = tempfile::tempdir().expect("a directory can be made");
    let path = folder.path().join("r.toml");
    std::fs::write(&path, text).expect("it can be written");
    let sources = Sources {
        flags: flags.iter().map(|(k, v)| ((*k).into(), v.into())).collect(),
        environment: variables
            .iter()
            .map(|(k, v)| (k.into(), v.into()))
            .collect(),
        file: Some(path),
    };
    load(&sources)
}

/// The problems with a file's text, the folder cut from their places.
fn problems(text: &str) -> Vec<String> {
    problems_of(&loaded(text, &[], &[]))
}

fn problems_of(loaded: &Loaded) -> Vec<String> {
    assert_eq!(loaded.settings.is_none(), !loaded.problems.is_empty());
    let shown = loaded.problems.iter().map(ToString::to_string);
    let cut = |text: String| {
        text.find("r.toml")
            .map_or(text.clone(), |at| text[at..].to_owned())
    };
    shown.map(cut).collect()
}

#[test]
fn without_sources_there_are_the_defaults() {
    let loaded = load(&Sources::default());
    assert_eq!(
        (&loaded.problems[..], &loaded.warnings[..]),
        (&[][..], &[][..])
    );
    let settings = loaded.settings.expect("defaults go together");
    assert_eq!(settings.bolt.listen.to_string(), "127.0.0.1:7687");
    assert_eq!(settings.bolt.worker_idle, Duration::from_secs(10));
    assert_eq!(settings.bolt.kept_bytes_max, Bytes(64 << 20));
    assert_eq!(settings.general.default_graph, None);
    assert_eq!(loaded.effective.len(), declarations().count());
    assert!(
        loaded
            .effective
            .iter()
            .all(|one| one.origin == Origin::Default)
    );
}

#[test]
fn a_flag_wins_over_the_environment_that_over_the_file_that_over_the_default() {
    let text = "[bolt]\nlisten = '127.0.0.1:1'\n[server]\nworkers_max = 11\nconnections_max = 12\n";
    let loaded = loaded(
        text,
        &[
            ("RETROGRAPH_BOLT_LISTEN", "127.0.0.1:2"),
            ("RETROGRAPH_SERVER_WORKERS_MAX", "22"),
            ("RETROGRAPH_SERVER_CONNECTIONS_MAX", ""),
        ],
        &[("bolt.listen", "127.0.0.1:3")],
    );
    let settings = loaded.settings.clone().expect("nothing is wrong");
    assert_eq!(settings.bolt.listen.port(), 3);
    assert_eq!(settings.server.workers_max, 22);
    assert_eq!(
        settings.server.connections_max, 12,
        "an empty variable is none"
    );
    assert_eq!(settings.bolt.open_results_max, 1_000);
    assert_eq!(loaded.place("bolt.listen"), "--listen");
    assert_eq!(
        loaded.place("server.workers_max"),
        "RETROGRAPH_SERVER_WORKERS_MAX"
    );
    assert!(
        loaded
            .place("server.connections_max")
            .ends_with("r.toml:5:19")
    );
    assert_eq!(
        loaded.place("bolt.open_results_max"),
        "`bolt.open_results_max`"
    );
}

#[test]
fn paths_of_a_file_are_relative_to_its_folder() {
    let loaded = loaded(
        "data = 'd'\nimport_dir = '/srv/csv'\n",
        &[("RETROGRAPH_TLS_KEY", "k")],
        &[],
    );
    let value = |key: &str| {
        let found = loaded
            .effective
            .iter()
            .find(|one| one.declaration.key() == key);
        found.and_then(|one| one.value.clone()).expect(key)
    };
    assert!(value("data").ends_with("/d\"") && value("data").starts_with("\"/"));
    assert_eq!(value("import_dir"), "\"/srv/csv\"");
    assert_eq!(value("tls.key"), "\"k\"");
}

#[test]
fn every_mistake_is_reported_with_its_place_and_what_helps() {
    let text = "\
dada = 'x'
listen = '127.0.0.1:1'
[bolt]
listen = '127.0.0.1'
worker_idle = 10
open_results_max = 0
compatible_agent = 'yes'
message_byte_max = 5
[tsl]
key = 'k'
";
    assert_eq!(
        problems(text),
        [
            "r.toml:1:1: there is no setting `dada`; did you mean `data`?",
            "r.toml:2:1: there is no setting `listen`; did you mean `bolt.listen`?",
            "r.toml:4:10: `bolt.listen` is an address with a port, such as 127.0.0.1:7687, 0.0.0.0:7687 or \
             [::1]:7687, not `127.0.0.1`",
            "r.toml:5:15: `bolt.worker_idle` is a time with its unit ms, s, m or h, such as \"10s\", not `10`",
            "r.toml:6:20: `bolt.open_results_max` is between 1 and 100000, not `0`",
            "r.toml:7:20: `bolt.compatible_agent` is `true` or `false`, not `yes`",
            "r.toml:8:1: there is no setting `bolt.message_byte_max`; did you mean `bolt.message_bytes_max`?",
            "r.toml:9:2: there is no setting `tsl`; did you mean `tls`?",
        ]
    );
}

#[test]
fn what_a_flag_hides_is_checked_too() {
    let loaded = loaded(
        "[bolt]\nlisten = 5\n",
        &[("RETROGRAPH_SERVER_WORKERS_MAX", "many")],
        &[("bolt.listen", "127.0.0.1:3"), ("server.workers_max", "3")],
    );
    let problems = problems_of(&loaded);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].starts_with("r.toml:2:10: `bolt.listen`"),
        "{problems:?}"
    );
    assert!(
        problems[1].starts_with("RETROGRAPH_SERVER_WORKERS_MAX: `server.workers_max`"),
        "{problems:?}"
    );
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    let problems = problems("[bolt]\nlisten = \n");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("r.toml:2:"), "{problems:?}");
    let section = self::problems("bolt = 3\n");
    assert_eq!(
        section,
        ["r.toml:1:8: `bolt` is a section: write [bolt] and its settings below"]
    );
}

#[test]
fn a_file_that_is_not_there_is_a_problem() {
    let sources = Sources {
        file: Some(PathBuf::from("/nonexistent/r.toml")),
        ..Sources::default()
    };
    let loaded = load(&sources);
    assert!(loaded.settings.is_none());
    assert!(
        loaded.problems[0]
            .to_string()
            .starts_with("/nonexistent/r.toml: cannot be read"),
        "{:?}",
        loaded.problems
    );
}

#[test]
fn settings_that_contradict_each_other_are_told_where_they_are_given() {
    assert_eq!(
        problems("[tls]\ncertificate = 'c'\n"),
        ["r.toml:2:15: `tls.certificate` needs `tls.key` beside it"]
    );
    let both = loaded(
        "[access]\nopen = true\n",
        &[],
        &[("access.plaintext", "true")],
    );
    assert_eq!(
        problems_of(&both),
        [
            "--allow-plaintext: `access.plaintext` means nothing beside `access.open`, which serves this \
          machine alone"
        ]
    );
    let actor = problems("[access]\nactor = 'ana'\n");
    assert!(actor[0].contains("needs `access.open`"), "{actor:?}");
}

#[test]
fn mistyped_variables_are_remarked() {
    let variables = [
        ("RETROGRAPH_BOLT_LISTN", "127.0.0.1:1"),
        ("RETROGRAPH_SERVICE_HOST", "10.0.0.1"),
        ("RETROGRAPH_CONFIG", "r.toml"),
    ];
    let loaded = loaded("", &variables, &[]);
    assert!(loaded.problems.is_empty());
    assert_eq!(
        loaded.warnings,
        [
            "the variable RETROGRAPH_BOLT_LISTN of the environment is no setting; did you mean \
          RETROGRAPH_BOLT_LISTEN?"
        ]
    );
}

#[test]
fn names_are_unique_and_meanings_are_sentences() {
    type Name = fn(&Declaration) -> String;
    for name in [
        Declaration::key as Name,
        Declaration::flag,
        Declaration::variable,
    ] {
        let names: BTreeSet<String> = declarations().map(name).collect();
        assert_eq!(names.len(), declarations().count());
    }
    for declaration in declarations() {
        let meaning = declaration.meaning();
        assert!(meaning.ends_with('.'), "{}: {meaning}", declaration.key());
    }
}
