//! Small cases of differences that were found, each with its answer.
//!
//! `regressions.txt` holds blocks separated by blank lines: a case as [`Case::read`] reads it, then
//! `----` and the rows that both sides must give, cells separated by ` | `, or the kind of error.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use retrograph_differential::case::Case;
use retrograph_differential::generate::parameters;
use retrograph_differential::verdict::{Kind, Verdict};
use retrograph_engine::plan::Rewrites;

fn case(block: &str) -> (Case, Vec<String>) {
    let (statements, rows) = block.split_once("\n----").unwrap();
    let case = Case::read(statements, parameters());
    let mut rows: Vec<String> = rows.lines().skip(1).map(str::to_owned).collect();
    rows.sort();
    (case, rows)
}

#[test]
fn what_once_differed_agrees() {
    let script = include_str!("regressions.txt");
    for block in script.trim().split("\n\n") {
        let (case, rows) = case(block);
        for rewrites in [Rewrites::default(), Rewrites::none()] {
            let mut case = case.clone();
            case.rewrites = rewrites;
            let (verdict, answer) = case.answer().unwrap_or_else(|e| panic!("{block}\n{e:#}"));
            let agrees = matches!(
                verdict,
                Verdict::Same | Verdict::SameError | Verdict::Avoided
            );
            assert!(agrees, "{block}\n{verdict:?}");
            assert_eq!(answer, rows, "{block}");
        }
    }
}

#[test]
fn a_wrong_answer_is_noticed() {
    // The reference is given a graph with one more relationship than the engine has.
    let (case, _) = case("CREATE ()-[:R]->()\nMATCH ()-[r]->() RETURN count(r) AS c\n----\n1");
    let verdict = case.check_against_wrong_graph().unwrap();
    assert!(
        matches!(verdict, Verdict::Different(difference) if difference.kind == Kind::Rows),
        "a planted difference must be found"
    );
}
