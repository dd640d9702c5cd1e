//! The demo from the outside: the same answers everywhere, and a directory to go on with.

mod support;

use std::path::Path;

use support::Retrograph;

#[test]
fn the_tour_answers_its_questions_and_the_data_stays() {
    let retrograph = Retrograph::empty();
    let outcome = retrograph.run(&["demo", "--size", "tiny"]);
    let tour = outcome.success();
    assert!(tour.starts_with("Case \"harbor\": 9"), "{tour}");
    for line in [
        " 1 ▸ Who is two payments away from account A-1177 today?",
        "14 rows)",
        "11 rows)",
        "correction by import-bank, source bank-feed-3",
        "Viktor Marlow",
        "Try:   retrograph shell",
    ] {
        assert!(tour.contains(line), "{line}: {tour}");
    }

    // What the case holds can be asked for, now and then.
    let accounts =
        "MATCH (:Account {id: 'A-1177'})-[:PAID*1..2]->(b) RETURN count(DISTINCT b) AS n";
    let count = |options: &[&str]| {
        let mut arguments = vec!["query", "harbor", accounts, "--output", "csv"];
        arguments.extend(options);
        retrograph.run(&arguments).success()
    };
    assert_eq!(count(&[]), "n\n14\n");
    assert_eq!(count(&["--as-of", "2026-01-10T12:00:00Z"]), "n\n11\n");
    let early = retrograph
        .run(&["query", "harbor", accounts, "--as-of", "2019-01-01"])
        .failure(1);
    assert!(early.contains("2025-10-12 08:14:03Z"), "{early}");

    // A second tour uses the data that is there, whatever was added to it.
    retrograph
        .run(&["query", "harbor", "CREATE (:Note {text: 'mine'})"])
        .success();
    let again = retrograph.run(&["demo", "--size", "tiny"]).success();
    assert!(
        again.contains("found in the data directory") && again.contains("14 rows"),
        "{again}"
    );

    // Another size is another case.
    let other = retrograph.run(&["demo", "--size", "small"]).failure(1);
    assert!(other.contains("not the case of size small"), "{other}");
}

/// However often it is killed, the demo ends with the whole case, each commit once.
#[test]
fn a_killed_demo_goes_on_where_it_ended() {
    let whole = Retrograph::empty();
    whole.run(&["demo", "--size", "tiny"]).success();

    let killed = Retrograph::empty();
    let data = killed.directory().join("data");
    for kilobytes in [40, 400, 600, 800] {
        let mut child = killed
            .command(&["demo", "--size", "tiny"])
            .spawn()
            .expect("the command starts");
        // It is killed in the middle of writing, unless it is too fast: then there is more to find.
        while size_of(&data) < kilobytes * 1024 && child.try_wait().expect("a child").is_none() {
            std::thread::yield_now();
        }
        let _ = child.kill();
        child.wait().expect("it ended");
    }
    killed.run(&["demo", "--size", "tiny"]).success();
    for question in [
        "MATCH (n) RETURN count(n) AS n",
        "MATCH ()-[r]->() RETURN count(r) AS n",
        "MATCH (:Account {id: 'A-1177'})-[:PAID*1..2]->(b) RETURN count(DISTINCT b) AS n",
    ] {
        for options in [&[][..], &["--as-of", "2026-01-10T12:00:00Z"]] {
            let ask = |retrograph: &Retrograph| {
                let arguments = [&["query", "harbor", question, "--output", "csv"], options];
                retrograph.run(&arguments.concat()).success()
            };
            assert_eq!(ask(&killed), ask(&whole), "{question} {options:?}");
        }
    }
}

/// The bytes of all files below a directory.
fn size_of(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let metadata = entry.metadata().ok()?;
            Some(if metadata.is_dir() {
                size_of(&entry.path())
            } else {
                metadata.len()
            })
        })
        .sum()
}
