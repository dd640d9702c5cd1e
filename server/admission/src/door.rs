//! The door at which threads wait for their turn.
//!
//! One lock around the [`Scheduler`]. Whoever changes it hands out the slots that became free and wakes the
//! threads that got one. A thread that waits sleeps until then, or until its units are back, its time is over,
//! or it is woken because the query was cancelled.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::memory::Pool;
use crate::scheduler::{Rejected, Requester, Scheduler, Terms, TicketId};
use crate::{Moment, Units, Usage};

/// How a server admits queries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many queries run at the same time.
    pub slots: u32,
    /// How many queries wait, of all tenants together.
    pub queued_max: usize,
    /// How many queries of one tenant wait, unless its limits say.
    pub tenant_queued_max: u32,
    /// How long a query waits at most.
    pub wait_max: Duration,
    /// How much memory all queries may take together.
    pub memory_bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
        Self {
            slots: u32::try_from(cores.saturating_mul(8).max(16)).unwrap_or(u32::MAX),
            queued_max: 1_000,
            tenant_queued_max: 200,
            wait_max: Duration::from_secs(10),
            memory_bytes_max: machine_bytes().map_or(MEMORY_BYTES, |bytes| bytes / 2),
        }
    }
}

/// How much memory queries take where it cannot be told how much there is.
const MEMORY_BYTES: usize = 1 << 30;

/// How much memory the machine or the control group of the process has, whichever is less, if that can be told.
#[must_use]
pub fn machine_bytes() -> Option<usize> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok();
    let machine = machine.as_deref().and_then(total_of);
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    // `max` where there is no limit.
    let group = group.and_then(|text| text.trim().parse().ok());
    machine.into_iter().chain(group).min()
}

/// The total that `/proc/meminfo` tells.
fn total_of(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kilobytes: usize = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    kilobytes.checked_mul(1_024)
}

/// When a query that waits gives up.
pub struct Wait<'w> {
    /// When its own time is over.
    pub deadline: Option<Instant>,
    /// Whether it was cancelled. Whoever cancels it wakes its thread ([`Thread::unpark`]).
    pub is_cancelled: &'w dyn Fn() -> bool,
}

impl Default for Wait<'_> {
    fn default() -> Self {
        Self {
            deadline: None,
            is_cancelled: &|| false,
        }
    }
}

type Pools = HashMap<(Arc<str>, Option<Arc<str>>), Weak<Pool>>;

struct Inside {
    scheduler: Scheduler,
    /// The threads of the queries that wait.
    threads: HashMap<TicketId, Thread>,
    /// The memory of tenants, and of users by tenant and id.
    pools: Pools,
}

/// See the module.
pub struct Admission {
    inside: Mutex<Inside>,
    began: Instant,
    wait_max: Duration,
    memory: Arc<Pool>,
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (running, waiting) = self.load();
        f.debug_struct("Admission")
            .field("running", &running)
            .field("waiting", &waiting)
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}

impl Admission {
    /// A door behind which nothing runs.
    #[must_use]
    pub fn new(settings: &Settings) -> Arc<Self> {
        let terms = Terms {
            slots: settings.slots.max(1),
            queued_max: settings.queued_max,
            tenant_queued_max: settings.tenant_queued_max,
            wait_max: settings.wait_max,
        };
        Arc::new(Self {
            inside: Mutex::new(Inside {
                scheduler: Scheduler::new(terms),
                threads: HashMap::new(),
                pools: HashMap::new(),
            }),
            began: Instant::now(),
            wait_max: settings.wait_max,
            memory: Pool::outermost(settings.memory_bytes_max),
        })
    }

    /// How many queries run, and how many wait.
    #[must_use]
    pub fn load(&self) -> (u32, usize) {
        self.inside.lock().scheduler.load()
    }

    /// How many queries of a tenant run, and how many wait.
    #[must_use]
    pub fn load_of(&self, tenant: &str) -> (u32, u32) {
        self.inside.lock().scheduler.load_of(tenant)
    }

    /// How many queries run and wait, by tenant.
    #[must_use]
    pub fn loads(&self) -> Vec<(Arc<str>, u32, u32)> {
        let inside = self.inside.lock();
        let loads = inside.scheduler.loads();
        loads
            .map(|(name, running, waiting)| (Arc::clone(name), running, waiting))
            .collect()
    }

    /// The memory of all queries together.
    #[must_use]
    pub const fn memory(&self) -> &Arc<Pool> {
        &self.memory
    }

    /// The budget of a user's queries, within that of the tenant.
    #[must_use]
    pub fn pool_of(&self, of: &Requester) -> Arc<Pool> {
        let mut inside = self.inside.lock();
        let pools = &mut inside.pools;
        let tenant_bytes = of.tenant_limits.memory_bytes_max;
        let tenant = known(pools, (Arc::clone(&of.tenant), None), || {
            let whose = format!("the tenant `{}`", of.tenant);
            Pool::within(&self.memory, whose, tenant_bytes)
        });
        tenant.limit(tenant_bytes);
        let user_bytes = of.user_limits.memory_bytes_max;
        let user = known(
            pools,
            (Arc::clone(&of.tenant), Some(Arc::clone(&of.user))),
            || Pool::within(&tenant, format!("the user `{}`", of.user), user_bytes),
        );
        user.limit(user_bytes);
        user
    }

    /// Waits until a query may run.
    ///
    /// # Errors
    /// It may not, or not soon enough.
    pub fn enter(self: &Arc<Self>, of: &Requester, wait: &Wait<'_>) -> Result<Permit, Rejected> {
        let arrived = self.now();
        let mut inside = self.inside.lock();
        let id = inside.scheduler.arrive(of, arrived)?;
        let is_started = self.hand_out(&mut inside, arrived).contains(&id);
        if !is_started {
            inside.threads.insert(id, thread::current());
        }
        drop(inside);
        let permit = Permit {
            admission: Arc::clone(self),
            id,
            is_over: false,
        };
        if !is_started {
            // Dropping the permit takes it out of the queue.
            self.sleep(id, arrived, wait, Some(self.wait_max))?;
        }
        Ok(permit)
    }

    fn now(&self) -> Moment {
        Moment::default().after(self.began.elapsed())
    }

    /// Hands out the slots that are free; gives the queries that run from now on.
    #[allow(clippy::unused_self, reason = "only a door hands out")]
    fn hand_out(&self, inside: &mut Inside, now: Moment) -> Vec<TicketId> {
        let started = inside.scheduler.dispatch(now);
        for id in &started {
            if let Some(thread) = inside.threads.remove(id) {
                thread.unpark();
            }
        }
        started
    }

    /// Sleeps until a query that waits may run.
    fn sleep(
        &self,
        id: TicketId,
        arrived: Moment,
        wait: &Wait<'_>,
        wait_max: Option<Duration>,
    ) -> Result<(), Rejected> {
        loop {
            let now = self.now();
            let mut inside = self.inside.lock();
            // Units may be back, of which nobody else tells.
            self.hand_out(&mut inside, now);
            let Some(earliest) = inside.scheduler.waits_until(id, now) else {
                return Ok(());
            };
            if (wait.is_cancelled)() {
                return Err(Rejected::Cancelled);
            }
            let left = wait
                .deadline
                .map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(Rejected::TimedOut);
            }
            let waited = now.since(arrived);
            let patience = wait_max.map(|most| most.saturating_sub(waited));
            if patience.is_some_and(|patience| patience.is_zero()) {
                let (_, waiting) = inside.scheduler.load();
                let retry_after = inside.scheduler.retry_after(waiting);
                return Err(Rejected::Waited {
                    waited,
                    retry_after,
                });
            }
            drop(inside);
            let units = Some(earliest.since(now)).filter(|units| !units.is_zero());
            match [left, patience, units].into_iter().flatten().min() {
                Some(time) => thread::park_timeout(time),
                None => thread::park(),
            }
        }
    }
}

fn known(
    pools: &mut Pools,
    key: (Arc<str>, Option<Arc<str>>),
    make: impl FnOnce() -> Arc<Pool>,
) -> Arc<Pool> {
    if let Some(pool) = pools.get(&key).and_then(Weak::upgrade) {
        return pool;
    }
    // Those that nobody uses are forgotten while there is something to do anyway.
    pools.retain(|_, pool| pool.strong_count() > 0);
    let pool = make();
    pools.insert(key, Arc::downgrade(&pool));
    pool
}

/// A query that may run. Dropping it gives its slot back, and charges for what is known: the time.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    id: TicketId,
    is_over: bool,
}

impl Permit {
    /// Gives the slot back while the query has nothing to do.
    pub fn pause(&self) {
        let now = self.admission.now();
        let mut inside = self.admission.inside.lock();
        inside.scheduler.pause(self.id, now);
        self.admission.hand_out(&mut inside, now);
    }

    /// Waits for a slot again.
    ///
    /// # Errors
    /// The query was cancelled or its time was over.
    pub fn resume(&self, wait: &Wait<'_>) -> Result<(), Rejected> {
        let now = self.admission.now();
        let mut inside = self.admission.inside.lock();
        inside.scheduler.resume(self.id);
        if self.admission.hand_out(&mut inside, now).contains(&self.id) {
            return Ok(());
        }
        inside.threads.insert(self.id, thread::current());
        drop(inside);
        self.admission.sleep(self.id, now, wait, None)
    }

    /// The query is over and has used so much, the time aside. Returns what that came to.
    pub fn finish(mut self, usage: Usage) -> Units {
        self.end(usage)
    }

    fn end(&mut self, usage: Usage) -> Units {
        if std::mem::replace(&mut self.is_over, true) {
            return Units::default();
        }
        let now = self.admission.now();
        let mut inside = self.admission.inside.lock();
        inside.threads.remove(&self.id);
        let cost = |time| Usage { time, ..usage }.units();
        let units = inside.scheduler.finish(self.id, cost, now);
        self.admission.hand_out(&mut inside, now);
        units
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.end(Usage::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    fn door(slots: u32, wait_max: Duration) -> Arc<Admission> {
        Admission::new(&Settings {
            slots,
            wait_max,
            ..Settings::default()
        })
    }

    fn somebody(tenant: &str) -> Requester {
        Requester {
            tenant: tenant.into(),
            user: "u".into(),
            tenant_limits: Arc::default(),
            user_limits: Arc::default(),
        }
    }

    #[test]
    fn the_memory_of_the_machine_is_read_from_what_it_tells() {
        let told = "MemTotal:       16384 kB\nMemFree:         1024 kB\n";
        assert_eq!(total_of(told), Some(16 << 20));
        assert_eq!(total_of("MemFree: 1 kB"), None);
        assert!(Settings::default().memory_bytes_max > 0);
    }

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn threads_run_one_after_the_other() {
        let door = door(1, LONG);
        let inside = AtomicUsize::new(0);
        thread::scope(|scope| {
            for number in 0..8 {
                let (door, inside) = (&door, &inside);
                scope.spawn(move || {
                    let of = somebody(["a", "b"][number % 2]);
                    for _ in 0..50 {
                        let permit = door.enter(&of, &Wait::default()).expect("a turn");
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        permit.pause();
                        permit.resume(&Wait::default()).expect("again");
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        permit.finish(Usage::default());
                    }
                });
            }
        });
        assert_eq!(door.load(), (0, 0));
    }

    #[test]
    fn who_waits_can_be_cancelled_and_gives_up_in_time() {
        let door = door(1, LONG);
        let running = door
            .enter(&somebody("a"), &Wait::default())
            .expect("at once");
        let is_cancelled = AtomicBool::new(false);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let wait = Wait {
                    deadline: None,
                    is_cancelled: &|| is_cancelled.load(Ordering::SeqCst),
                };
                door.enter(&somebody("b"), &wait).map(|_| ())
            });
            while door.load() != (1, 1) {
                thread::yield_now();
            }
            is_cancelled.store(true, Ordering::SeqCst);
            waiting.thread().unpark();
            assert_eq!(waiting.join().expect("no panic"), Err(Rejected::Cancelled));
        });
        assert_eq!(door.load(), (1, 0));
        let late = Wait {
            deadline: Some(Instant::now()),
            ..Wait::default()
        };
        let refused = door.enter(&somebody("b"), &late).map(|_| ());
        assert_eq!(refused, Err(Rejected::TimedOut));
        drop(running);
        assert_eq!(door.load(), (0, 0));
    }

    #[test]
    fn nobody_waits_longer_than_may_be() {
        let door = door(1, Duration::ZERO);
        let _running = door
            .enter(&somebody("a"), &Wait::default())
            .expect("at once");
        let refused = door.enter(&somebody("b"), &Wait::default()).map(|_| ());
        assert!(
            matches!(refused, Err(Rejected::Waited { .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn units_that_come_back_wake_who_waits_for_them() {
        let door = door(4, LONG);
        let mut limits = Limits::default();
        limits.set("unitsPerSecond", Some(100)).expect("a limit");
        limits.set("unitsBurst", Some(1)).expect("a limit");
        let of = Requester {
            tenant_limits: Arc::new(limits),
            ..somebody("a")
        };
        for _ in 0..3 {
            let permit = door.enter(&of, &Wait::default()).expect("a turn");
            let units = permit.finish(Usage {
                returned: 100,
                ..Usage::default()
            });
            assert!(units >= Units::whole(2));
        }
    }

    #[test]
    fn budgets_follow_limits_and_are_shared_while_they_are_used() {
        let door = door(1, LONG);
        let mut limits = Limits::default();
        limits.set("memoryBytes", Some(1_000)).expect("a limit");
        let of = Requester {
            tenant_limits: Arc::new(limits),
            ..somebody("a")
        };
        let pool = door.pool_of(&of);
        pool.take(800).expect("room");
        assert!(door.pool_of(&of).take(800).is_err());
        assert!(
            door.pool_of(&Requester {
                user: "v".into(),
                ..of.clone()
            })
            .take(800)
            .is_err()
        );
        let more = Requester {
            tenant_limits: Arc::default(),
            ..of
        };
        door.pool_of(&more).take(800).expect("no limit any more");
        door.pool_of(&somebody("b"))
            .take(800)
            .expect("somebody else");
    }
}
