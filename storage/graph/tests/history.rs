//! Random histories against a model that keeps a full copy of every version.
//!
//! Whatever is written, deleted, created again, indexed, flushed, compacted or lost in a crash
//! later: every version answers as it did.

#![allow(clippy::unwrap_used, clippy::panic)]

mod model;

use std::sync::Arc;

use model::{Bench, History, Step};
use proptest::prelude::*;
use retrograph_graph::kv::{MemoryStore, OrderedStore, RocksOptions, RocksStore};

#[derive(Default)]
struct InMemory {
    store: Option<Arc<MemoryStore>>,
}

impl Bench for InMemory {
    fn open(&mut self) -> Arc<dyn OrderedStore> {
        Arc::clone(self.store.get_or_insert_default()) as Arc<dyn OrderedStore>
    }

    fn crash(&mut self) {
        self.store = self.store.take().map(|store| Arc::new(store.crash()));
    }
}

struct OnDisk {
    directory: tempfile::TempDir,
}

impl Bench for OnDisk {
    fn open(&mut self) -> Arc<dyn OrderedStore> {
        let options = RocksOptions::default();
        Arc::new(RocksStore::open(self.directory.path(), &options).unwrap())
    }

    fn crash(&mut self) {}
}

fn step() -> impl Strategy<Value = Step> {
    let byte = any::<u8>;
    prop_oneof![
        6 => (byte(), byte()).prop_map(|(labels, value)| Step::CreateNode { labels, value }),
        8 => (byte(), byte(), byte(), byte()).prop_map(|(start, end, type_id, value)| {
            Step::CreateRelationship { start, end, type_id, value }
        }),
        4 => byte().prop_map(|relationship| Step::Recreate { relationship }),
        8 => (byte(), byte(), byte())
            .prop_map(|(node, key, value)| Step::SetNode { node, key, value }),
        3 => (byte(), byte(), byte()).prop_map(|(relationship, key, value)| {
            Step::SetRelationship { relationship, key, value }
        }),
        3 => (byte(), byte()).prop_map(|(node, label)| Step::AddLabel { node, label }),
        3 => (byte(), byte()).prop_map(|(node, label)| Step::RemoveLabel { node, label }),
        4 => byte().prop_map(|relationship| Step::DeleteRelationship { relationship }),
        2 => byte().prop_map(|node| Step::DeleteNode { node }),
        12 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        1 => (byte(), byte()).prop_map(|(label, key)| Step::CreateIndex { label, key }),
        2 => byte().prop_map(|shape| Step::CreateRule { shape }),
        1 => Just(Step::DropIndex),
        6 => (0_u8..12).prop_map(|elements| Step::Build { elements }),
        1 => Just(Step::Flush),
        1 => Just(Step::Crash),
        1 => Just(Step::Compact),
    ]
}

fn run(bench: &mut dyn Bench, segment_rows_min: u32, steps: &[Step]) {
    let mut history = History::new(bench, segment_rows_min);
    for step in steps {
        history.step(step);
    }
    history.step(&Step::Commit);
    history.check();
    history.finish_builds();
    history.check();
    history.step(&Step::Flush);
    history.step(&Step::Crash);
    history.check();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_version_stays_as_it_was_in_memory(
        steps in prop::collection::vec(step(), 1..120),
        segment_rows_min in 0_u32..4,
    ) {
        run(&mut InMemory::default(), segment_rows_min, &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_version_stays_as_it_was_on_disk(
        steps in prop::collection::vec(step(), 60..160),
        segment_rows_min in 0_u32..3,
    ) {
        let mut bench = OnDisk { directory: tempfile::tempdir().unwrap() };
        run(&mut bench, segment_rows_min, &steps);
    }
}
