//! What a caller that asks is told of when a statement did what.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;

use retrograph_engine::plan::Access;
use retrograph_engine::{
    Collected, Engine, EngineSettings, Parameters, QueryError, RunOptions, Stage, Timeline,
};
use retrograph_graph::Graph;

/// What a statement did, in order, and the timeline itself.
fn stages_of(engine: &Engine, graph: &Arc<Graph>, text: &str) -> (Vec<Stage>, Arc<Timeline>) {
    let timeline = Arc::new(Timeline::default());
    let options = RunOptions {
        timeline: Some(Arc::clone(&timeline)),
        ..RunOptions::default()
    };
    let mut found = Collected::default();
    let _: Result<_, QueryError> =
        engine.run(graph, text, &Parameters::new(), &options, &mut found);
    let laps = timeline.laps();
    assert!(laps.iter().all(|lap| lap.began <= lap.ended));
    assert!(laps.is_sorted_by_key(|lap| lap.ended));
    (laps.into_iter().map(|lap| lap.stage).collect(), timeline)
}

#[test]
fn what_a_statement_did_is_told_in_order() {
    let engine = Engine::new(EngineSettings::default());
    let graph = Graph::in_memory().unwrap();
    let write = "CREATE (:A {x: 1})";
    // Plans are made anew once the label is known.
    stages_of(&engine, &graph, write);
    let (stages, timeline) = stages_of(&engine, &graph, write);
    use Stage::{Committing, Executing, Planning, Waiting};
    assert_eq!(stages, [Planning, Waiting, Executing, Committing]);
    let first = timeline.plan().unwrap();
    assert_eq!((first.access, first.is_plan_cached), (Access::Write, false));

    // The plan is known by now.
    let (stages, timeline) = stages_of(&engine, &graph, write);
    assert_eq!(stages, [Waiting, Executing, Committing]);
    assert!(timeline.plan().unwrap().is_plan_cached);

    // Another literal, the same plan.
    let (_, timeline) = stages_of(&engine, &graph, "CREATE (:A {x: 2})");
    assert_eq!(timeline.plan().unwrap().plan_hash, first.plan_hash);

    let (stages, timeline) = stages_of(&engine, &graph, "MATCH (a:A) RETURN a.x");
    assert_eq!(stages, [Planning, Waiting, Executing]);
    assert_eq!(timeline.plan().unwrap().access, Access::Read);
}

#[test]
fn a_statement_that_fails_has_a_timeline_up_to_there() {
    let engine = Engine::new(EngineSettings::default());
    let graph = Graph::in_memory().unwrap();
    let (stages, timeline) = stages_of(&engine, &graph, "MATCH (n RETURN n");
    assert_eq!((stages, timeline.plan()), (vec![], None));
    let (stages, _) = stages_of(&engine, &graph, "CREATE (:A) RETURN 1 / 0");
    assert_eq!(stages, [Stage::Planning, Stage::Waiting, Stage::Executing]);
}

#[test]
fn statements_of_a_transaction_have_one_each() {
    let engine = Engine::new(EngineSettings::default());
    let graph = Graph::in_memory().unwrap();
    let open = engine.begin(&graph, RunOptions::default()).unwrap();
    for text in ["CREATE (:A)", "MATCH (a:A) RETURN a"] {
        let timeline = Arc::new(Timeline::default());
        let options = RunOptions {
            timeline: Some(Arc::clone(&timeline)),
            ..RunOptions::default()
        };
        let mut found = Collected::default();
        engine
            .run_in(&open, text, &Parameters::new(), &options, &mut found)
            .unwrap();
        let stages: Vec<_> = timeline.laps().into_iter().map(|lap| lap.stage).collect();
        // The commit is the transaction's.
        assert_eq!(stages, [Stage::Planning, Stage::Waiting, Stage::Executing]);
    }
    open.commit().unwrap();
}
