//! Plays many scenarios on worker threads, so that none can stop the run.
//!
//! Each scenario gets a thread of its own, watched by a worker: a panic of the database is caught
//! and reported with its message and place, and a scenario that exceeds the time limit is reported
//! and its thread left behind, because a thread cannot be stopped from outside. A stack overflow
//! ends the process; the stack is large so that only runaway recursion gets there.

use crate::execute::{self, Failure, FailureKind, Outcome};
use crate::feature::Scenario;
use crate::subject::SubjectFactory;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Stack of a scenario's thread: reserved, and touched only as far as recursion goes.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Name of the threads whose panics are recorded instead of printed.
const SCENARIO_THREAD: &str = "tck scenario";

/// Bounds of a run.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Scenarios played at the same time.
    pub threads: usize,
    /// Time one scenario may take.
    pub time_limit: Duration,
}

/// A scenario and how it ended.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// Name of the scenario.
    pub name: String,
    /// Category of the scenario.
    pub category: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub elapsed: Duration,
}

/// Plays the scenarios and returns the outcomes in the same order.
pub fn run(
    scenarios: &[&Scenario],
    graphs: &Path,
    factory: &SubjectFactory,
    limits: Limits,
) -> Vec<Evaluated> {
    record_panics();
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Evaluated)>> = Mutex::new(Vec::with_capacity(scenarios.len()));
    thread::scope(|scope| {
        for _ in 0..limits.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(scenario) = scenarios.get(index) else {
                        return;
                    };
                    let started = Instant::now();
                    let outcome = evaluate(scenario, graphs, factory, limits.time_limit);
                    let evaluated = Evaluated {
                        name: scenario.name.clone(),
                        category: scenario.category.clone(),
                        outcome,
                        elapsed: started.elapsed(),
                    };
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.push((index, evaluated));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, evaluated)| evaluated).collect()
}

fn evaluate(
    scenario: &Scenario,
    graphs: &Path,
    factory: &SubjectFactory,
    time_limit: Duration,
) -> Outcome {
    if scenario.is_ignored {
        return Outcome::Skipped;
    }
    let actions = match &scenario.actions {
        Ok(actions) => actions.clone(),
        Err(error) => {
            let kind = FailureKind::MalformedScenario;
            return Outcome::Failed(Failure::new(kind, error.to_string()));
        }
    };
    let (sender, receiver) = mpsc::channel();
    let graphs = graphs.to_owned();
    let factory = factory.clone();
    let spawned = thread::Builder::new()
        .name(SCENARIO_THREAD.to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let played = panic::catch_unwind(AssertUnwindSafe(|| {
                execute::play(&actions, &graphs, &factory)
            }));
            let outcome = played.unwrap_or_else(|_| {
                let message = LAST_PANIC.with_borrow_mut(Option::take);
                let message = message.unwrap_or_else(|| "panicked".to_owned());
                Outcome::Failed(Failure::new(FailureKind::Panicked, message))
            });
            // The receiver is gone once the time limit has passed; nobody wants the outcome then.
            let _ = sender.send(outcome);
        });
    if let Err(error) = spawned {
        let reason = format!("no thread for the scenario: {error}");
        return Outcome::Failed(Failure::new(FailureKind::SubjectUnavailable, reason));
    }
    receiver.recv_timeout(time_limit).unwrap_or_else(|error| {
        Outcome::Failed(match error {
            RecvTimeoutError::Timeout => Failure::new(FailureKind::TimedOut, "timed out"),
            RecvTimeoutError::Disconnected => Failure::new(
                FailureKind::Panicked,
                "panicked while the database was closed",
            ),
        })
    })
}

thread_local! {
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the message and place of a panic on a scenario's thread for its report; panics elsewhere
/// are printed as usual.
fn record_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() == Some(SCENARIO_THREAD) {
                let text = info.payload_as_str().unwrap_or("no message");
                let place = info
                    .location()
                    .map_or(String::new(), |place| format!(" at {place}"));
                LAST_PANIC.set(Some(format!("panicked: {text}{place}")));
            } else {
                print(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature;
    use crate::scripted::{Answer, Script, factory, table};

    fn scenarios(queries: &[&str]) -> Vec<Scenario> {
        let mut text = String::from("Feature: F\n");
        for (number, query) in queries.iter().enumerate() {
            text.push_str(&format!(
                "  Scenario: [{number}] S\n    Given an empty graph\n    When executing query:\n      \
                 \"\"\"\n      {query}\n      \"\"\"\n    Then the result should be empty\n"
            ));
        }
        feature::parse("F.feature", "", &text).expect("valid feature")
    }

    #[test]
    fn panics_and_hangs_are_failures_and_the_rest_still_runs() {
        let mut scenarios = scenarios(&["fine", "panic", "hang", "fine", "fine", "fine"]);
        scenarios[4].is_ignored = true;
        scenarios[5].actions = Err(crate::step::StepError::Unknown("odd".into()));
        let script = Script::new()
            .on("fine", table(&[], &[]))
            .on("panic", Answer::Panic)
            .on("hang", Answer::Hang);
        let limits = Limits {
            threads: 3,
            time_limit: Duration::from_secs(5),
        };
        let selected: Vec<&Scenario> = scenarios.iter().collect();
        let evaluated = run(
            &selected,
            Path::new("absent"),
            &factory(vec![script]),
            limits,
        );
        let kinds: Vec<_> = evaluated
            .iter()
            .map(|e| e.outcome.failure().map(|failure| failure.kind))
            .collect();
        assert_eq!(
            kinds,
            [
                None,
                Some(FailureKind::Panicked),
                Some(FailureKind::TimedOut),
                None,
                None,
                Some(FailureKind::MalformedScenario)
            ]
        );
        assert_eq!(evaluated[4].outcome, Outcome::Skipped);
        let summary = &evaluated[1].outcome.failure().expect("failed").summary;
        assert!(
            summary.contains("scripted panic") && summary.contains("scripted.rs"),
            "{summary}"
        );
    }
}
