//! Who runs next: the decisions, without clock, thread or lock.
//!
//! A query is a *ticket*. It arrives, waits in the queue of its user unless it may start at once, runs, may
//! pause while it waits for its client, and finishes. Every call tells the time. Queues are bounded, for a
//! tenant, a user and the whole; beyond, and when request units are used up for longer than anybody would
//! wait, a ticket is rejected at once with a time after which trying again makes sense.
//!
//! A few slots are kept for tenants that run nothing, so that one that is there already cannot keep
//! others waiting for the end of its long queries.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::bucket::Bucket;
use crate::fair::Ring;
use crate::{Limits, Moment, Units};

/// The least and the most time after which it is said that trying again makes sense.
const RETRY_MIN: Duration = Duration::from_millis(20);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// Tenants and users of whom nothing is remembered but statistics, beyond which they are forgotten.
const IDLE_MAX: usize = 1_024;

/// How many queries come between two looks for such.
const FORGET_EVERY: u64 = 1_024;

/// How much runs and waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How many queries run at the same time.
    pub slots: u32,
    /// How many queries wait, of all tenants together.
    pub queued_max: usize,
    /// How many queries of one tenant wait, unless its limits say.
    pub tenant_queued_max: u32,
    /// How long a query waits at most.
    pub wait_max: Duration,
}

impl Terms {
    /// The slots that only tenants get that run nothing.
    fn reserved(&self) -> u32 {
        match self.slots {
            0 | 1 => 0,
            slots => (slots / 8).max(1),
        }
    }
}

/// For whom a query is to run.
#[derive(Clone, Debug)]
pub struct Requester {
    /// The name of the tenant.
    pub tenant: Arc<str>,
    /// The id of the user.
    pub user: Arc<str>,
    /// The limits of the tenant.
    pub tenant_limits: Arc<Limits>,
    /// The limits of the user.
    pub user_limits: Arc<Limits>,
}

/// A query cannot run now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// Too many wait.
    #[error("{whose} has too many queries waiting ({waiting}); try again in {} ms", retry_after.as_millis())]
    Queue {
        /// Whose queue is full.
        whose: String,
        /// How many wait in it.
        waiting: usize,
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// The request units are used up.
    #[error("{whose} has used up its request units; try again in {} ms", retry_after.as_millis())]
    Units {
        /// Whose units.
        whose: String,
        /// When there are some again.
        retry_after: Duration,
    },
    /// It has waited for too long.
    #[error("the query has waited {} ms for its turn; try again in {} ms", waited.as_millis(), retry_after.as_millis())]
    Waited {
        /// How long it has waited.
        waited: Duration,
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// It was cancelled while it waited.
    #[error("the query was cancelled while it waited for its turn")]
    Cancelled,
    /// Its own time was over while it waited.
    #[error("the time of the query was over while it waited for its turn")]
    TimedOut,
}

impl Rejected {
    /// When trying again makes sense.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Queue { retry_after, .. }
            | Self::Units { retry_after, .. }
            | Self::Waited { retry_after, .. } => Some(*retry_after),
            Self::Cancelled | Self::TimedOut => None,
        }
    }
}

/// The number of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TicketId(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Running,
    Paused,
}

#[derive(Clone, Debug)]
struct Ticket {
    tenant: Arc<str>,
    user: Arc<str>,
    stage: Stage,
    /// What tenant and user were charged when it started; nothing before.
    charged: Option<(i64, i64)>,
    /// When it began to run, at first or again.
    since: Moment,
    ran: Duration,
}

/// What one side of a query, tenant or user, has going on.
#[derive(Clone, Debug)]
struct Side {
    limits: Arc<Limits>,
    bucket: Option<Bucket>,
    running: u32,
    waiting: u32,
    /// What a query costs, by the latest ones.
    estimate: i64,
    /// How many tickets refer to it.
    tickets: u32,
}

#[derive(Clone, Debug)]
struct Tenant {
    side: Side,
    users: HashMap<Arc<str>, User>,
    ring: Ring<Arc<str>>,
}

#[derive(Clone, Debug)]
struct User {
    side: Side,
    queue: VecDeque<TicketId>,
}

impl Side {
    fn new(limits: &Arc<Limits>, now: Moment) -> Self {
        Self {
            limits: Arc::clone(limits),
            bucket: Bucket::new(limits, now),
            running: 0,
            waiting: 0,
            estimate: Units::whole(1).signed(),
            tickets: 0,
        }
    }

    fn follow(&mut self, limits: &Arc<Limits>, now: Moment) {
        if !Arc::ptr_eq(&self.limits, limits) && self.limits != *limits {
            Bucket::follow(&mut self.bucket, limits, now);
        }
        self.limits = Arc::clone(limits);
    }

    fn may_run_one_more(&self) -> bool {
        self.limits
            .concurrent_max
            .is_none_or(|most| self.running < most)
    }

    /// Whether there were request units when the bucket was last looked at.
    fn had_credit(&self) -> bool {
        self.bucket.as_ref().is_none_or(Bucket::had_credit)
    }

    /// Learns from what a query cost.
    fn learn(&mut self, cost: i64) {
        self.estimate = (self.estimate.saturating_mul(7).saturating_add(cost)) / 8;
    }

    fn is_forgettable(&mut self, now: Moment) -> bool {
        let is_full = self
            .bucket
            .as_mut()
            .is_none_or(|bucket| bucket.is_full(now));
        self.tickets == 0 && is_full
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Scheduler {
    terms: Terms,
    tenants: HashMap<Arc<str>, Tenant>,
    ring: Ring<Arc<str>>,
    tickets: HashMap<TicketId, Ticket>,
    running: u32,
    waiting: usize,
    next: u64,
    /// How long a query runs, by the latest ones.
    typical: Duration,
}

impl Scheduler {
    /// A scheduler for which nothing runs.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            tenants: HashMap::new(),
            ring: Ring::default(),
            tickets: HashMap::new(),
            running: 0,
            waiting: 0,
            next: 0,
            typical: Duration::from_millis(1),
        }
    }

    /// How many queries run, and how many wait.
    #[must_use]
    pub const fn load(&self) -> (u32, usize) {
        (self.running, self.waiting)
    }

    /// How many queries of a tenant run, and how many wait.
    #[must_use]
    pub fn load_of(&self, tenant: &str) -> (u32, u32) {
        let side = self.tenants.get(tenant).map(|tenant| &tenant.side);
        side.map_or((0, 0), |side| (side.running, side.waiting))
    }

    /// How many queries run and wait, by tenant.
    pub fn loads(&self) -> impl Iterator<Item = (&Arc<str>, u32, u32)> {
        let tenants = self.tenants.iter();
        tenants.map(|(name, tenant)| (name, tenant.side.running, tenant.side.waiting))
    }

    /// A query is there. It waits until [`Self::dispatch`] names it.
    ///
    /// # Errors
    /// It cannot wait.
    pub fn arrive(&mut self, of: &Requester, now: Moment) -> Result<TicketId, Rejected> {
        self.forget_idle(now);
        let tenant = self
            .tenants
            .entry(Arc::clone(&of.tenant))
            .or_insert_with(|| Tenant {
                side: Side::new(&of.tenant_limits, now),
                users: HashMap::new(),
                ring: Ring::default(),
            });
        tenant.side.follow(&of.tenant_limits, now);
        let user = tenant
            .users
            .entry(Arc::clone(&of.user))
            .or_insert_with(|| User {
                side: Side::new(&of.user_limits, now),
                queue: VecDeque::new(),
            });
        user.side.follow(&of.user_limits, now);
        let is_free = self.running < self.terms.slots
            && self.waiting == 0
            && tenant.side.may_run_one_more()
            && user.side.may_run_one_more();
        for (side, kind, name) in [
            (&mut tenant.side, "the tenant", &of.tenant),
            (&mut user.side, "the user", &of.user),
        ] {
            let wait = side.bucket.as_mut().map(|bucket| bucket.wait(now));
            if let Some(retry_after) = wait.filter(|wait| *wait > self.terms.wait_max) {
                let whose = format!("{kind} `{name}`");
                return Err(Rejected::Units { whose, retry_after });
            }
            let is_free = is_free && wait.is_none_or(|wait| wait.is_zero());
            let most = match kind {
                "the user" => side.limits.queued_max,
                _ => Some(
                    side.limits
                        .queued_max
                        .unwrap_or(self.terms.tenant_queued_max),
                ),
            };
            if !is_free && most.is_some_and(|most| side.waiting >= most) {
                let waiting = side.waiting as usize;
                return Err(Rejected::Queue {
                    whose: format!("{kind} `{name}`"),
                    waiting,
                    retry_after: retry_after(&self.terms, self.typical, waiting),
                });
            }
        }
        if !is_free && self.waiting >= self.terms.queued_max {
            return Err(Rejected::Queue {
                whose: "the server".to_owned(),
                waiting: self.waiting,
                retry_after: retry_after(&self.terms, self.typical, self.waiting),
            });
        }
        self.next += 1;
        let id = TicketId(self.next);
        tenant.side.tickets += 1;
        user.side.tickets += 1;
        self.tickets.insert(
            id,
            Ticket {
                tenant: Arc::clone(&of.tenant),
                user: Arc::clone(&of.user),
                stage: Stage::Paused,
                charged: None,
                since: now,
                ran: Duration::ZERO,
            },
        );
        self.queue(id);
        Ok(id)
    }

    /// A query that paused wants to go on. It waits as a new one, but before those of its user, and is
    /// not rejected: it has begun.
    pub fn resume(&mut self, id: TicketId) {
        self.queue(id);
    }

    fn queue(&mut self, id: TicketId) {
        let Some(ticket) = self
            .tickets
            .get_mut(&id)
            .filter(|it| it.stage == Stage::Paused)
        else {
            return;
        };
        ticket.stage = Stage::Waiting;
        let Some(tenant) = self.tenants.get_mut(&ticket.tenant) else {
            return;
        };
        self.ring.join(&ticket.tenant, tenant.side.limits.weight);
        tenant.side.waiting += 1;
        self.waiting += 1;
        if let Some(user) = tenant.users.get_mut(&ticket.user) {
            tenant.ring.join(&ticket.user, user.side.limits.weight);
            user.side.waiting += 1;
            match ticket.charged {
                None => user.queue.push_back(id),
                Some(_) => user.queue.push_front(id),
            }
        }
    }

    /// The queries that run from now on, in order.
    pub fn dispatch(&mut self, now: Moment) -> Vec<TicketId> {
        let mut started = Vec::new();
        while self.waiting > 0 && self.running < self.terms.slots {
            let Some(id) = self.start_one(now) else {
                break;
            };
            started.push(id);
        }
        started
    }

    fn start_one(&mut self, now: Moment) -> Option<TicketId> {
        // Whoever may not start is found first, as looking at a bucket changes it.
        for tenant in self
            .tenants
            .values_mut()
            .filter(|tenant| tenant.side.waiting > 0)
        {
            tenant.look(now);
        }
        let free = self.terms.slots - self.running;
        let is_scarce = free <= self.terms.reserved();
        let tenants = &self.tenants;
        let name = self.ring.pick(|name| {
            let tenant = tenants.get(name)?;
            let has_one = tenant.side.running > 0;
            let is_ready = tenant.may_start() && !(is_scarce && has_one);
            is_ready.then_some(tenant.side.estimate)
        })?;
        let tenant = self.tenants.get_mut(&name)?;
        let tenant_charge = tenant.side.estimate;
        let users = &tenant.users;
        let user_name = tenant.ring.pick(|name| {
            let user = users.get(name)?;
            user.may_start().then_some(user.side.estimate)
        })?;
        let user = tenant.users.get_mut(&user_name)?;
        let id = user.queue.pop_front()?;
        let user_charge = user.side.estimate;
        for side in [&mut user.side, &mut tenant.side] {
            side.waiting -= 1;
            side.running += 1;
        }
        if user.side.waiting == 0 {
            tenant.ring.leave(&user_name);
        }
        if tenant.side.waiting == 0 {
            self.ring.leave(&name);
        }
        self.waiting -= 1;
        self.running += 1;
        let ticket = self.tickets.get_mut(&id)?;
        ticket.stage = Stage::Running;
        ticket.since = now;
        let (tenant_before, user_before) = ticket.charged.unwrap_or_default();
        ticket.charged = Some((
            tenant_before.saturating_add(tenant_charge),
            user_before.saturating_add(user_charge),
        ));
        Some(id)
    }

    /// A query that runs gives its slot back for a while.
    pub fn pause(&mut self, id: TicketId, now: Moment) {
        let Some(ticket) = self
            .tickets
            .get_mut(&id)
            .filter(|it| it.stage == Stage::Running)
        else {
            return;
        };
        ticket.stage = Stage::Paused;
        ticket.ran += now.since(ticket.since);
        self.running -= 1;
        if let Some(tenant) = self.tenants.get_mut(&ticket.tenant) {
            tenant.side.running -= 1;
            if let Some(user) = tenant.users.get_mut(&ticket.user) {
                user.side.running -= 1;
            }
        }
    }

    /// A query is over, whatever it was doing; `cost` says what it used, given how long it ran. Returns what
    /// that came to.
    pub fn finish(
        &mut self,
        id: TicketId,
        cost: impl FnOnce(Duration) -> Units,
        now: Moment,
    ) -> Units {
        self.pause(id, now);
        let Some(ticket) = self.tickets.remove(&id) else {
            return Units::default();
        };
        let has_run = ticket.charged.is_some();
        let units = match has_run {
            true => cost(ticket.ran),
            false => Units::default(),
        };
        let Some(tenant) = self.tenants.get_mut(&ticket.tenant) else {
            return units;
        };
        let is_waiting = ticket.stage == Stage::Waiting;
        tenant.side.tickets -= 1;
        if let Some(user) = tenant.users.get_mut(&ticket.user) {
            user.side.tickets -= 1;
            if is_waiting {
                user.queue.retain(|other| *other != id);
                user.side.waiting -= 1;
                tenant.side.waiting -= 1;
                self.waiting -= 1;
                if user.side.waiting == 0 {
                    tenant.ring.leave(&ticket.user);
                }
                if tenant.side.waiting == 0 {
                    self.ring.leave(&ticket.tenant);
                }
            }
            if let Some((tenant_charged, user_charged)) = ticket.charged {
                let cost = units.signed();
                tenant
                    .ring
                    .charge(&ticket.user, cost.saturating_sub(user_charged));
                self.ring
                    .charge(&ticket.tenant, cost.saturating_sub(tenant_charged));
                for side in [&mut user.side, &mut tenant.side] {
                    side.learn(cost);
                    if let Some(bucket) = &mut side.bucket {
                        bucket.charge(units, now);
                    }
                }
                self.typical = (self.typical * 7 + ticket.ran) / 8;
            }
        }
        units
    }

    /// Whether a query waits; if so, when the units of its tenant or user let it start at the earliest.
    #[must_use]
    pub fn waits_until(&mut self, id: TicketId, now: Moment) -> Option<Moment> {
        let ticket = self
            .tickets
            .get(&id)
            .filter(|it| it.stage == Stage::Waiting)?;
        let tenant = self.tenants.get_mut(&ticket.tenant)?;
        let user = tenant.users.get_mut(&ticket.user)?;
        let wait = |side: &mut Side| {
            let bucket = side.bucket.as_mut();
            bucket.map_or(Duration::ZERO, |bucket| bucket.wait(now))
        };
        Some(now.after(wait(&mut user.side).max(wait(&mut tenant.side))))
    }

    /// When trying again makes sense for somebody behind so many others.
    #[must_use]
    pub fn retry_after(&self, waiting: usize) -> Duration {
        retry_after(&self.terms, self.typical, waiting)
    }

    /// Forgets those of whom there is nothing to remember, once they are many.
    fn forget_idle(&mut self, now: Moment) {
        if !self.next.is_multiple_of(FORGET_EVERY) {
            return;
        }
        if self.tenants.len() > IDLE_MAX {
            self.tenants
                .retain(|_, tenant| !tenant.side.is_forgettable(now));
        }
        for tenant in self.tenants.values_mut() {
            if tenant.users.len() > IDLE_MAX {
                tenant
                    .users
                    .retain(|_, user| !user.side.is_forgettable(now));
            }
        }
    }
}

fn retry_after(terms: &Terms, typical: Duration, waiting: usize) -> Duration {
    let turns = u32::try_from(waiting).unwrap_or(u32::MAX) / terms.slots.max(1);
    let time = typical.saturating_mul(turns.saturating_add(1));
    time.clamp(RETRY_MIN, RETRY_MAX)
}

impl Tenant {
    /// Brings the buckets of those who wait up to now.
    fn look(&mut self, now: Moment) {
        let users = self.users.values_mut().filter(|user| user.side.waiting > 0);
        let sides = users.map(|user| &mut user.side).chain([&mut self.side]);
        for bucket in sides.filter_map(|side| side.bucket.as_mut()) {
            bucket.has_credit(now);
        }
    }

    fn may_start(&self) -> bool {
        let mut users = self.users.values();
        self.side.waiting > 0
            && self.side.may_run_one_more()
            && self.side.had_credit()
            && users.any(|user| user.may_start())
    }
}

impl User {
    fn may_start(&self) -> bool {
        !self.queue.is_empty() && self.side.may_run_one_more() && self.side.had_credit()
    }
}

#[cfg(test)]
mod tests;
