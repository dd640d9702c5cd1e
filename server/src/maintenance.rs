//! The thread that makes graphs durable in the background, so that a restart replays little.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use retrograph_raft::GroupId;

use crate::group::{Group, chain};

/// A group is flushed once this much of its log is not in its store: what a restart replays.
const UNFLUSHED_BYTES_MAX: u64 = 64 << 20;

/// How often the groups are looked at.
const PERIOD: Duration = Duration::from_secs(1);

/// The open groups of a member.
pub(crate) type Groups = Arc<Mutex<HashMap<GroupId, Arc<Group>>>>;

/// The thread; it ends when this is dropped.
pub(crate) struct Maintenance {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Maintenance {
    pub(crate) fn start(groups: Groups) -> std::io::Result<Self> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("retrograph-flush".to_owned())
            .spawn(move || run(&groups, &stopped))?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        *self.stop.0.lock() = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has nothing to say but that it panicked, which it has said already.
            let _ = thread.join();
        }
    }
}

#[allow(
    clippy::print_stderr,
    reason = "the embedded member has no log to write to"
)]
fn run(groups: &Groups, stop: &(Mutex<bool>, Condvar)) {
    loop {
        {
            let mut stopped = stop.0.lock();
            if !*stopped {
                stop.1.wait_for(&mut stopped, PERIOD);
            }
            if *stopped {
                return;
            }
        }
        let due: Vec<_> = groups
            .lock()
            .iter()
            .filter(|(_, group)| group.unflushed_bytes() >= UNFLUSHED_BYTES_MAX)
            .map(|(&id, group)| (id, group.clone()))
            .collect();
        for (id, group) in due {
            // Nothing is lost: the log keeps what the store does not have, and the next write or
            // flush meets the same error where somebody waits for it.
            if let Err(error) = group.flush() {
                eprintln!(
                    "retrograph: group {id} cannot be flushed: {}",
                    chain(&error)
                );
            }
        }
    }
}
