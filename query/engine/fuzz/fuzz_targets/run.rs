//! Any text, run over a small graph within tight limits, gives rows or an error, and never a panic.
//!
//! The first bytes choose a query of the generator; the rest is spliced into its text, so that the
//! fuzzer begins with queries that bind and run, and spoils them. Without a splice the query runs as
//! it is.
//!
//! `make fuzz TARGETS=run` runs it alone.

#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use retrograph_differential::generate::{Generator, parameters};
use retrograph_engine::{Collected, Engine, EngineSettings, RunOptions};
use retrograph_graph::Graph;

/// An engine and a graph that no run changes for another: what is written is rolled back.
static DATABASE: LazyLock<(Engine, Arc<Graph>)> = LazyLock::new(|| {
    let engine = Engine::new(EngineSettings {
        plan_cache_bytes_max: 0,
        memory_bytes_max: 1 << 20,
        timeout: Some(Duration::from_millis(200)),
        ..EngineSettings::default()
    });
    let graph = Graph::in_memory().expect("a store in memory opens");
    for text in [
        "CREATE INDEX FOR (n:A) ON (n.a)",
        "CREATE (a:A {i: 0, a: 1, b: 'a'}), (b:A:B {i: 1, a: 2.5, l: [1, 2]}), (c:C {i: 2, e: true}), \
         (a)-[:R {i: 100}]->(b), (b)-[:S {i: 101, a: 1}]->(c), (c)-[:R {i: 102}]->(c), (a)-[:R]->(b)",
    ] {
        let mut rows = Collected::default();
        engine
            .run(
                &graph,
                text,
                &parameters(),
                &RunOptions::default(),
                &mut rows,
            )
            .expect("the graph is made");
    }
    (engine, graph)
});

/// The text to run.
fn text(bytes: &[u8]) -> Option<String> {
    let (choice, rest) = bytes.split_at_checked(4)?;
    let spliced = std::str::from_utf8(rest).ok()?;
    if choice[0] == 0 {
        return Some(spliced.to_owned());
    }
    let number = u64::from(choice[1]) << 8 | u64::from(choice[2]);
    let mut generator = Generator::new(u64::from(choice[0]), number);
    let mut text = if choice[0] % 4 == 1 {
        generator.update()
    } else {
        generator.query()
    };
    if !spliced.is_empty() {
        let place = usize::from(choice[3]) * text.len() / 256;
        let place = (0..=place)
            .rev()
            .find(|place| text.is_char_boundary(*place));
        text.insert_str(place.unwrap_or(0), spliced);
    }
    Some(text)
}

fuzz_target!(|bytes: &[u8]| {
    let Some(text) = text(bytes) else { return };
    let (engine, graph) = &*DATABASE;
    // LOAD CSV would read what the text names.
    if text.to_ascii_uppercase().contains("LOAD") {
        return;
    }
    let options = RunOptions::default();
    let Ok(transaction) = engine.begin(graph, options.clone()) else {
        return;
    };
    let mut rows = Collected::default();
    let result = engine.run_in(&transaction, &text, &parameters(), &options, &mut rows);
    if let Err(error) = result {
        assert!(!error.to_string().is_empty(), "{text}");
    }
    transaction.rollback();
});
