//! The demo from the outside: the same answers everywhere, and a directory to go on with.

mod support;

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
    assert!(
        other.contains("not the whole case of size small"),
        "{other}"
    );
}
