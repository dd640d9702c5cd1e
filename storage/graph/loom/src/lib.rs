//! Model checks of how read images are published.
//!
//! The sources under test are those of the store, compiled against the atomics of the model
//! checker. They live in a package of their own so that checking them builds no other dependency:
//! `RUSTFLAGS="--cfg loom" cargo test -p retrograph-graph-loom --release --target-dir target/loom`.

#![cfg(loom)]

#[allow(dead_code, reason = "the store uses the rest")]
#[path = "../../src/image/delta.rs"]
mod delta;
#[path = "../../src/image/sync.rs"]
mod sync;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use loom::sync::atomic::{AtomicU64, Ordering};
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    use crate::delta::Delta;

    /// Who has seen a version published sees all of its changes, and none of later ones.
    #[test]
    fn changes_are_seen_with_their_version() {
        loom::model(|| {
            let delta = Arc::new(Delta::default());
            let published = Arc::new(AtomicU64::new(0));
            let writer = {
                let (delta, published) = (Arc::clone(&delta), Arc::clone(&published));
                thread::spawn(move || {
                    for version in 1..=2 {
                        delta.append(0, version, 10 + version);
                        delta.append(1, version, 20 + version);
                        published.store(version, Ordering::Release);
                    }
                })
            };
            let version = published.load(Ordering::Acquire);
            for place in [0, 1] {
                let seen: Vec<u64> = delta.changes(place, version).copied().collect();
                let first = 10 * (place + 1);
                let expected: Vec<u64> = (1..=version).rev().map(|v| first + v).collect();
                assert_eq!(seen, expected);
                assert!(version == 0 || delta.touches(place));
            }
            assert_eq!(delta.all(version).count() as u64, 2 * version);
            writer.join().unwrap();
        });
    }

    struct Page {
        from: u64,
        base: u64,
        delta: Arc<Delta<u64>>,
    }

    struct Slot {
        present: Option<Arc<Page>>,
        pending: Option<Arc<Delta<u64>>>,
    }

    /// A page that is built and swapped in while commits are applied lacks none of them. The state
    /// after version `v` is the number `v`.
    #[test]
    fn a_page_built_beside_commits_lacks_nothing() {
        let mut model = loom::model::Builder::new();
        // Three switches that no thread asked for are enough for every mistake known; all of them
        // take minutes.
        model.preemption_bound = Some(3);
        model.check(|| {
            let rows = Arc::new(AtomicU64::new(0));
            let writing = Arc::new(AtomicU64::new(0));
            let published = Arc::new(AtomicU64::new(0));
            let slot = Arc::new(Mutex::new(Slot {
                present: None,
                pending: None,
            }));
            let applying = {
                let (rows, writing) = (Arc::clone(&rows), Arc::clone(&writing));
                let (published, slot) = (Arc::clone(&published), Arc::clone(&slot));
                thread::spawn(move || {
                    for version in 1..=2 {
                        writing.store(version, Ordering::SeqCst);
                        rows.store(version, Ordering::SeqCst);
                        {
                            let slot = slot.lock().unwrap();
                            let present = slot.present.as_ref().map(|page| &page.delta);
                            for delta in slot.pending.iter().chain(present) {
                                delta.append(0, version, version);
                            }
                        }
                        published.store(version, Ordering::Release);
                    }
                })
            };
            let building = {
                let (rows, writing) = (Arc::clone(&rows), Arc::clone(&writing));
                let slot = Arc::clone(&slot);
                thread::spawn(move || {
                    let delta = Arc::new(Delta::default());
                    slot.lock().unwrap().pending = Some(Arc::clone(&delta));
                    let base = rows.load(Ordering::SeqCst);
                    let from = writing.load(Ordering::SeqCst);
                    let mut slot = slot.lock().unwrap();
                    slot.pending = None;
                    slot.present = Some(Arc::new(Page { from, base, delta }));
                })
            };
            let version = published.load(Ordering::Acquire);
            let present = slot.lock().unwrap().present.clone();
            if let Some(page) = present
                && page.from <= version
            {
                let newest = page.delta.changes(0, version).next();
                assert_eq!(newest.copied().unwrap_or(page.base), version);
            }
            applying.join().unwrap();
            building.join().unwrap();
        });
    }
}
