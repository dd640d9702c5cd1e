//! The thread that builds indexes (see [`retrograph_graph::build`]): step after step, in turn for
//! every open graph that has some to build.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use retrograph_graph::{BuildWaker, StepBounds};
use retrograph_raft::GroupId;

use crate::group::chain;
use crate::maintenance::Groups;

/// After a step that failed, the next one is tried when this has passed.
const RETRY: Duration = Duration::from_secs(1);

/// Wakes the thread, and says what it met.
#[derive(Clone, Default)]
pub(crate) struct Bell(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stop: bool,
    /// Whether there may be something to build.
    is_rung: bool,
    /// Why the last step of a group failed.
    troubles: HashMap<GroupId, String>,
}

impl Bell {
    /// Has the thread look for indexes to build.
    pub(crate) fn ring(&self) {
        self.0.state.lock().is_rung = true;
        self.0.changed.notify_all();
    }

    /// What a graph calls when it has an index to build.
    pub(crate) fn waker(&self) -> BuildWaker {
        let bell = self.clone();
        Arc::new(move || bell.ring())
    }

    /// Why indexes of a group are not being built, if they are not.
    pub(crate) fn trouble(&self, group: GroupId) -> Option<String> {
        self.0.state.lock().troubles.get(&group).cloned()
    }

    fn is_stopped(&self) -> bool {
        self.0.state.lock().stop
    }

    /// Sleeps until there is something to do. Returns whether the thread goes on.
    fn wait(&self) -> bool {
        let mut state = self.0.state.lock();
        while !state.stop && !state.is_rung {
            if state.troubles.is_empty() {
                self.0.changed.wait(&mut state);
            } else if self.0.changed.wait_for(&mut state, RETRY).timed_out() {
                break;
            }
        }
        state.is_rung = false;
        !state.stop
    }
}

/// The thread; it ends when this is dropped, with the step it is at.
pub(crate) struct IndexBuilder {
    bell: Bell,
    thread: Option<JoinHandle<()>>,
}

impl IndexBuilder {
    pub(crate) fn start(groups: Groups, bell: Bell) -> std::io::Result<Self> {
        let heard = bell.clone();
        let thread = std::thread::Builder::new()
            .name("retrograph-index".to_owned())
            .spawn(move || run(&groups, &heard))?;
        Ok(Self {
            bell,
            thread: Some(thread),
        })
    }
}

impl Drop for IndexBuilder {
    fn drop(&mut self) {
        self.bell.0.state.lock().stop = true;
        self.bell.0.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has nothing to say but that it panicked, which it has said already.
            let _ = thread.join();
        }
    }
}

fn run(groups: &Groups, bell: &Bell) {
    while bell.wait() {
        // Round after round, until a round finds nothing that can be built.
        while build_round(groups, bell) {}
    }
}

/// Takes one step in every group. Returns whether there may be more to do.
#[allow(
    clippy::print_stderr,
    reason = "the embedded member has no log to write to"
)]
fn build_round(groups: &Groups, bell: &Bell) -> bool {
    let open: Vec<_> = groups
        .lock()
        .iter()
        .map(|(&id, group)| (id, group.clone()))
        .collect();
    let mut is_more = false;
    for (id, group) in open {
        if bell.is_stopped() {
            return false;
        }
        match group.graph().build_step(StepBounds::default()) {
            Ok(was_taken) => {
                is_more |= was_taken;
                bell.0.state.lock().troubles.remove(&id);
            }
            Err(error) => {
                let error = chain(&error);
                let known = bell.0.state.lock().troubles.insert(id, error.clone());
                if known.is_none() {
                    eprintln!("retrograph: an index of group {id} cannot be built: {error}");
                }
            }
        }
    }
    is_more
}
