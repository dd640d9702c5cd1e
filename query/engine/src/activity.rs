//! The transactions that are running: listed by SHOW TRANSACTIONS, ended by TERMINATE.
//!
//! Each running transaction has a slot with a number, its caller, the statement it runs and a token
//! that ends it. Slots and tokens are used again, so that a short read costs two short locks and no
//! allocation.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::exec::CancelToken;
use crate::surroundings::Caller;

/// A statement that is running.
#[derive(Clone, Debug)]
pub(crate) struct RunningStatement {
    /// Never reused.
    pub(crate) id: u64,
    /// The text.
    pub(crate) text: Arc<str>,
    /// When it began, in microseconds since 1970.
    pub(crate) started_us: i64,
}

/// A transaction that is running.
#[derive(Clone, Debug)]
pub(crate) struct RunningTransaction {
    /// Never reused.
    pub(crate) id: u64,
    /// Who runs it.
    pub(crate) caller: Caller,
    /// When it began, in microseconds since 1970.
    pub(crate) started_us: i64,
    /// What it runs; nothing between two statements.
    pub(crate) statement: Option<RunningStatement>,
    /// Whether it has been asked to end.
    pub(crate) is_terminated: bool,
    /// Whether its statement waits for its turn.
    pub(crate) is_waiting: bool,
}

impl RunningTransaction {
    /// The id that users see.
    pub(crate) fn name(&self) -> String {
        format!("{}-transaction-{}", self.caller.origin.database(), self.id)
    }
}

struct Slot {
    token: CancelToken,
    running: Option<RunningTransaction>,
}

#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
    next: u64,
    next_statement: u64,
}

/// The running transactions of an engine.
#[derive(Default)]
pub(crate) struct Activity {
    slots: Mutex<Slots>,
}

/// One running transaction; dropping it takes it off the list.
pub(crate) struct Registration {
    activity: Arc<Activity>,
    slot: usize,
    token: CancelToken,
}

impl Activity {
    /// Lists a transaction that begins.
    pub(crate) fn enter(self: &Arc<Self>, caller: &Caller, started_us: i64) -> Registration {
        let mut all = self.slots.lock();
        let slot = all.free.pop().unwrap_or_else(|| {
            all.slots.push(Slot {
                token: CancelToken::new(),
                running: None,
            });
            all.slots.len() - 1
        });
        all.next += 1;
        let id = all.next;
        let place = &mut all.slots[slot];
        place.running = Some(RunningTransaction {
            id,
            caller: caller.clone(),
            started_us,
            statement: None,
            is_terminated: false,
            is_waiting: false,
        });
        let token = place.token.clone();
        drop(all);
        Registration {
            activity: Arc::clone(self),
            slot,
            token,
        }
    }

    /// How many are running.
    pub(crate) fn count(&self) -> usize {
        let all = self.slots.lock();
        all.slots.len() - all.free.len()
    }

    /// The running transactions, oldest first.
    pub(crate) fn running(&self) -> Vec<RunningTransaction> {
        let all = self.slots.lock();
        let mut running: Vec<_> = all
            .slots
            .iter()
            .filter_map(|slot| slot.running.clone())
            .collect();
        running.sort_by_key(|transaction| transaction.id);
        running
    }

    /// Asks the transaction of this name to end; gives what it was.
    pub(crate) fn terminate(
        &self,
        name: &str,
        may_end: impl Fn(&RunningTransaction) -> bool,
    ) -> Option<RunningTransaction> {
        let mut all = self.slots.lock();
        for slot in &mut all.slots {
            if let Some(running) = &mut slot.running
                && running.name() == name
                && may_end(running)
            {
                running.is_terminated = true;
                slot.token.cancel();
                return Some(running.clone());
            }
        }
        None
    }
}

impl Registration {
    /// Set once the transaction has been asked to end.
    pub(crate) const fn token(&self) -> &CancelToken {
        &self.token
    }

    /// Lists a statement that begins.
    pub(crate) fn begin_statement(&self, text: &Arc<str>, started_us: i64) {
        let mut all = self.activity.slots.lock();
        all.next_statement += 1;
        let id = all.next_statement;
        if let Some(running) = &mut all.slots[self.slot].running {
            running.statement = Some(RunningStatement {
                id,
                text: Arc::clone(text),
                started_us,
            });
        }
    }

    /// Says whether the statement waits for its turn.
    pub(crate) fn set_waiting(&self, is_waiting: bool) {
        let mut all = self.activity.slots.lock();
        if let Some(running) = &mut all.slots[self.slot].running {
            running.is_waiting = is_waiting;
        }
    }

    /// Takes the statement that ended off the list.
    pub(crate) fn end_statement(&self) {
        let mut all = self.activity.slots.lock();
        if let Some(running) = &mut all.slots[self.slot].running {
            running.statement = None;
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut all = self.activity.slots.lock();
        let slot = &mut all.slots[self.slot];
        slot.running = None;
        if slot.token.is_cancelled() {
            slot.token = CancelToken::new();
        }
        all.free.push(self.slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_used_again_is_another_transaction() {
        let activity = Arc::new(Activity::default());
        let caller = Caller::default();
        let first = activity.enter(&caller, 1);
        let name = activity.running()[0].name();
        assert_eq!(name, "graph-transaction-1");
        assert!(activity.terminate(&name, |_| true).is_some());
        assert!(first.token().is_cancelled());
        drop(first);
        let second = activity.enter(&caller, 2);
        assert!(!second.token().is_cancelled());
        assert!(activity.terminate(&name, |_| true).is_none());
        assert_eq!(activity.running()[0].name(), "graph-transaction-2");
        drop(second);
        assert!(activity.running().is_empty());
    }

    #[test]
    fn statements_are_listed_while_they_run() {
        let activity = Arc::new(Activity::default());
        let transaction = activity.enter(&Caller::default(), 1);
        transaction.begin_statement(&"RETURN 1".into(), 5);
        let text = |activity: &Activity| {
            let running = activity.running();
            running[0]
                .statement
                .as_ref()
                .map(|statement| statement.text.clone())
        };
        assert_eq!(text(&activity).as_deref(), Some("RETURN 1"));
        transaction.end_statement();
        assert_eq!(text(&activity), None);
    }
}
