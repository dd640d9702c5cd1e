//! A few cycles of every scenario; `make crash` runs many.

#![allow(clippy::panic, reason = "a test fails by panicking")]

use std::io::Write;

use retrograph_jepsen::scenario::{Outcome, Tester};

fn tester(seed: u64, cycles: u32) -> Tester {
    Tester::new(env!("CARGO_BIN_EXE_retrograph-jepsen").into(), seed, cycles)
}

fn report(outcome: anyhow::Result<Outcome>) {
    match outcome {
        Ok(Outcome::Held(_)) => {}
        Ok(Outcome::NotRun(why)) => {
            // Past the capture of test output: what was not run must not look as if it had passed.
            let line = format!("\nNOT RUN: {why}\n");
            std::io::stderr()
                .write_all(line.as_bytes())
                .unwrap_or_default();
        }
        Err(error) => panic!("{error:#}"),
    }
}

#[test]
fn commits_survive_kill() {
    report(tester(11, 5).kill_during_commits());
}

#[test]
fn an_import_survives_kill() {
    report(tester(12, 5).kill_during_import());
}

#[test]
fn indexes_and_constraints_survive_kill() {
    report(tester(16, 4).kill_during_schema());
}

#[test]
fn commits_survive_a_power_cut() {
    report(tester(13, 4).power_cut());
}

#[test]
fn a_full_disk_loses_nothing() {
    report(tester(14, 1).full_disk());
}

#[test]
fn bit_rot_never_gives_a_wrong_answer() {
    report(tester(15, 25).bit_rot());
}
