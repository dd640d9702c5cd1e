//! The single-member driver: what is proposed is applied once, in order, and survives.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use retrograph_raft::{
    ApplyError, DriverOptions, EntryPayload, GroupId, Leadership, LogError, LogIndex, LogOptions,
    LogPosition, LogStore, MemberId, OpenError, ProposeError, PurgeError, Replication,
    SingleMember, StateMachine, StopCause, Term,
};

const GROUP: GroupId = GroupId(1);
const MEMBER: MemberId = MemberId(7);

/// A state machine that remembers what it was given since it was "flushed" up to `start`.
#[derive(Default)]
struct Recorder {
    start: u64,
    applied: Mutex<Vec<(u64, u64, Vec<u8>)>>,
    fails_at: AtomicU64,
    panics: AtomicBool,
    /// Applying waits while this is set.
    gate: (Mutex<bool>, Condvar),
}

impl Recorder {
    fn starting_at(start: u64) -> Arc<Self> {
        Arc::new(Recorder {
            start,
            ..Recorder::default()
        })
    }

    fn applied(&self) -> Vec<(u64, u64, Vec<u8>)> {
        self.applied.lock().expect("no panics").clone()
    }

    fn data(&self) -> Vec<Vec<u8>> {
        let all = self.applied().into_iter().map(|(_, _, data)| data);
        all.filter(|data| !data.is_empty()).collect()
    }

    fn set_gate(&self, is_shut: bool) {
        *self.gate.0.lock().expect("no panics") = is_shut;
        self.gate.1.notify_all();
    }
}

impl StateMachine for Recorder {
    fn applied_index(&self) -> LogIndex {
        LogIndex(self.start)
    }

    #[expect(
        clippy::panic,
        reason = "a panic of the state machine is what is tested"
    )]
    fn apply(
        &self,
        index: LogIndex,
        term: Term,
        payload: EntryPayload<'_>,
    ) -> Result<(), ApplyError> {
        let mut is_shut = self.gate.0.lock().expect("no panics");
        while *is_shut {
            is_shut = self.gate.1.wait(is_shut).expect("no panics");
        }
        if self.fails_at.load(Ordering::SeqCst) == index.0 {
            if self.panics.load(Ordering::SeqCst) {
                panic!("a state machine that panics on purpose");
            }
            return Err(ApplyError::new("expected version 4, found 5"));
        }
        let data = match payload {
            EntryPayload::Blank => Vec::new(),
            EntryPayload::Data(data) => data.to_vec(),
        };
        self.applied
            .lock()
            .expect("no panics")
            .push((index.0, term.0, data));
        Ok(())
    }
}

fn open_log(path: &Path) -> Arc<LogStore> {
    Arc::new(LogStore::open(path, LogOptions::default()).expect("the log opens"))
}

fn open(log: &Arc<LogStore>, machine: &Arc<Recorder>) -> SingleMember<Arc<Recorder>> {
    let options = DriverOptions::default();
    SingleMember::open(Arc::clone(log), GROUP, MEMBER, Arc::clone(machine), options)
        .expect("the driver opens")
}

fn open_fails(log: &Arc<LogStore>, member: MemberId, machine: &Arc<Recorder>) -> OpenError {
    let options = DriverOptions::default();
    SingleMember::open(Arc::clone(log), GROUP, member, Arc::clone(machine), options)
        .err()
        .expect("the driver does not open")
}

#[test]
fn sixteen_proposers_are_applied_once_and_in_order() {
    const THREADS: u64 = 16;
    const PROPOSALS: u64 = 200;
    let directory = tempfile::tempdir().expect("a directory");
    let log = open_log(directory.path());
    let machine = Recorder::starting_at(0);
    let driver = open(&log, &machine);
    let syncs_before = log.stats().synced_rounds;
    let mut given: Vec<(u64, Vec<u8>)> = thread::scope(|scope| {
        let propose = |thread: u64| {
            let driver = &driver;
            move || -> Vec<(u64, Vec<u8>)> {
                (0..PROPOSALS)
                    .map(|number| {
                        let data = format!("{thread}/{number}").into_bytes();
                        let proposal = driver.propose(data.clone()).expect("taken");
                        let index = proposal.index();
                        assert_eq!(proposal.wait().expect("committed"), index);
                        assert!(driver.applied_index() >= index);
                        (index.0, data)
                    })
                    .collect()
            }
        };
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(propose(thread)))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    given.sort();
    let applied: Vec<_> = machine.applied().into_iter().skip(1).collect();
    let expected: Vec<_> = given
        .into_iter()
        .map(|(index, data)| (index, 1, data))
        .collect();
    assert_eq!(applied, expected);
    assert_eq!(applied.len() as u64, THREADS * PROPOSALS);
    assert_eq!(
        applied.last().map(|last| last.0),
        Some(THREADS * PROPOSALS + 1)
    );
    let syncs = log.stats().synced_rounds - syncs_before;
    assert!(
        syncs < THREADS * PROPOSALS,
        "{syncs} syncs for {} proposals",
        THREADS * PROPOSALS
    );
}

#[test]
fn proposals_made_without_waiting_share_one_sync() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = open_log(directory.path());
    let machine = Recorder::starting_at(0);
    let driver = open(&log, &machine);
    let before = log.stats();
    let proposals: Vec<_> = (0..100u8)
        .map(|number| driver.propose(vec![number]).expect("taken"))
        .collect();
    let indexes: Vec<_> = proposals
        .iter()
        .map(|proposal| proposal.index().0)
        .collect();
    assert_eq!(indexes, (2..=101).collect::<Vec<_>>());
    assert_eq!(log.stats(), before, "proposing writes nothing");
    for proposal in proposals {
        proposal.wait().expect("committed");
    }
    assert_eq!(log.stats().synced_rounds, before.synced_rounds + 1);
    assert_eq!(
        machine.data(),
        (0..100u8).map(|number| vec![number]).collect::<Vec<_>>()
    );
}

#[test]
fn a_dropped_proposal_is_applied_all_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = open_log(directory.path());
    let machine = Recorder::starting_at(0);
    let driver = open(&log, &machine);
    drop(driver.propose(b"nobody waits".to_vec()).expect("taken"));
    while driver.applied_index() < LogIndex(2) {
        thread::yield_now();
    }
    assert_eq!(machine.data(), [b"nobody waits"]);
}

#[test]
fn reopening_applies_what_the_state_does_not_hold() {
    let directory = tempfile::tempdir().expect("a directory");
    {
        let log = open_log(directory.path());
        let driver = open(&log, &Recorder::starting_at(0));
        assert_eq!(
            driver.leadership(),
            Leadership {
                term: Term(1),
                member: MEMBER
            }
        );
        for data in [b"2", b"3", b"4"] {
            driver
                .propose(data.to_vec())
                .expect("taken")
                .wait()
                .expect("committed");
        }
    }
    // The state was flushed at entry 2.
    let log = open_log(directory.path());
    let machine = Recorder::starting_at(2);
    let driver = open(&log, &machine);
    assert_eq!(
        driver.leadership(),
        Leadership {
            term: Term(2),
            member: MEMBER
        }
    );
    let replayed = [
        (3, 1, b"3".to_vec()),
        (4, 1, b"4".to_vec()),
        (5, 2, Vec::new()),
    ];
    assert_eq!(machine.applied(), replayed);
    assert_eq!(driver.applied_index(), LogIndex(5));
    let proposal = driver.propose(b"6".to_vec()).expect("taken");
    assert_eq!(proposal.wait().expect("committed"), LogIndex(6));
    drop((driver, log));
    // Nothing was flushed since, and every opening is a leadership of its own.
    let log = open_log(directory.path());
    let machine = Recorder::starting_at(0);
    let driver = open(&log, &machine);
    assert_eq!(machine.data(), [b"2", b"3", b"4", b"6"]);
    assert_eq!(driver.leadership().term, Term(3));
}

#[test]
fn a_crash_keeps_what_was_acknowledged() {
    let directory = tempfile::tempdir().expect("a directory");
    let copied = tempfile::tempdir().expect("a directory");
    let log = open_log(directory.path());
    let driver = open(&log, &Recorder::starting_at(0));
    driver
        .propose(b"acknowledged".to_vec())
        .expect("taken")
        .wait()
        .expect("committed");
    let unfinished = driver.propose(b"on its way".to_vec()).expect("taken");
    for file in std::fs::read_dir(directory.path()).expect("listed") {
        let file = file.expect("listed");
        if file.file_name() != "LOCK" {
            std::fs::copy(file.path(), copied.path().join(file.file_name())).expect("copied");
        }
    }
    unfinished.wait().expect("committed");
    let machine = Recorder::starting_at(0);
    let after = open(&open_log(copied.path()), &machine);
    assert_eq!(machine.data(), [b"acknowledged"]);
    assert_eq!(after.leadership().term, Term(2));
}

#[test]
fn a_log_that_does_not_fit_the_state_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = open_log(directory.path());
    let driver = open(&log, &Recorder::starting_at(0));
    for _ in 0..5 {
        driver
            .propose(b"x".to_vec())
            .expect("taken")
            .wait()
            .expect("committed");
    }
    assert!(matches!(
        driver.purge_to(LogIndex(7)),
        Err(PurgeError::NotApplied {
            index: LogIndex(7),
            applied: LogIndex(6)
        })
    ));
    driver.purge_to(LogIndex(4)).expect("purged");
    driver.purge_to(LogIndex(3)).expect("nothing to do");
    drop(driver);
    let purged = LogPosition {
        index: LogIndex(4),
        term: Term(1),
    };
    assert_eq!(log.purged(GROUP).expect("known"), Some(purged));
    let refused = open_fails(&log, MEMBER, &Recorder::starting_at(7));
    assert_eq!(
        refused.to_string(),
        "the log of group 1 ends at 6, but entry 7 is applied already"
    );
    let refused = open_fails(&log, MEMBER, &Recorder::starting_at(3));
    assert_eq!(
        refused.to_string(),
        "the log of group 1 begins after 4, but only 3 is applied"
    );
    let refused = open_fails(&log, MemberId(8), &Recorder::starting_at(6));
    assert_eq!(
        refused.to_string(),
        "the log of group 1 belongs to member 7, not to 8"
    );
    let machine = Recorder::starting_at(4);
    open(&log, &machine);
    assert_eq!(machine.data().len(), 2);
}

#[test]
fn a_failed_apply_stops_everything_with_its_cause() {
    for panics in [false, true] {
        let directory = tempfile::tempdir().expect("a directory");
        let log = open_log(directory.path());
        let machine = Recorder::starting_at(0);
        machine.fails_at.store(3, Ordering::SeqCst);
        machine.panics.store(panics, Ordering::SeqCst);
        let driver = open(&log, &machine);
        let proposals: Vec<_> = (2..=4u8)
            .map(|number| driver.propose(vec![number]).expect("taken"))
            .collect();
        let outcomes: Vec<_> = proposals
            .into_iter()
            .map(|proposal| proposal.wait())
            .collect();
        assert_eq!(outcomes[0].as_ref().ok(), Some(&LogIndex(2)));
        for outcome in &outcomes[1..] {
            let cause = outcome
                .as_ref()
                .expect_err("stopped")
                .cause
                .as_ref()
                .expect("known");
            assert_eq!(cause.to_string(), "entry 3 cannot be applied");
        }
        let refused = driver.propose(vec![5]).expect_err("stopped");
        assert!(matches!(refused, ProposeError::Stopped(_)), "{refused}");
        assert!(driver.wait_for_room().is_err());
        assert_eq!(driver.applied_index(), LogIndex(2));
        assert_eq!(machine.data(), [[2]]);
        drop(driver);
        // The same entry fails again at the next opening, until its cause is gone.
        let refused = open_fails(&log, MEMBER, &machine);
        assert!(matches!(refused, OpenError::Stopped { .. }), "{refused}");
        machine.fails_at.store(0, Ordering::SeqCst);
        let machine = Recorder::starting_at(2);
        open(&log, &machine);
        assert_eq!(machine.data(), [[3], [4]]);
    }
}

#[test]
fn what_waits_is_bounded() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = open_log(directory.path());
    let machine = Recorder::starting_at(0);
    let options = DriverOptions {
        entry_bytes_max: 100,
        queued_bytes_max: 150,
    };
    let driver = SingleMember::open(
        Arc::clone(&log),
        GROUP,
        MEMBER,
        Arc::clone(&machine),
        options,
    )
    .expect("the driver opens");
    assert!(matches!(
        driver.propose(Vec::new()),
        Err(ProposeError::Empty)
    ));
    assert!(matches!(
        driver.propose(vec![0; 101]),
        Err(ProposeError::TooLarge {
            bytes: 101,
            entry_bytes_max: 100
        })
    ));
    machine.set_gate(true);
    let first = driver.propose(vec![1; 100]).expect("taken");
    assert!(matches!(
        driver.propose(vec![2; 51]),
        Err(ProposeError::Overloaded {
            queued_bytes: 100,
            queued_bytes_max: 150
        })
    ));
    let second = driver.propose(vec![2; 50]).expect("taken");
    thread::scope(|scope| {
        let waits_for_room = scope.spawn(|| driver.wait_for_room());
        machine.set_gate(false);
        waits_for_room.join().expect("no panic").expect("room");
    });
    // Refused proposals left no gap.
    assert_eq!(first.wait().expect("committed"), LogIndex(2));
    assert_eq!(second.wait().expect("committed"), LogIndex(3));
    assert_eq!(
        driver.propose(vec![3; 100]).expect("taken").index(),
        LogIndex(4)
    );
}

#[test]
fn closing_finishes_what_was_proposed() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = open_log(directory.path());
    let machine = Recorder::starting_at(0);
    let driver = open(&log, &machine);
    let proposals: Vec<_> = (0..50u8)
        .map(|number| driver.propose(vec![number]).expect("taken"))
        .collect();
    driver.close();
    assert_eq!(machine.data().len(), 50);
    let refused = driver.propose(vec![0]).expect_err("closed");
    let ProposeError::Stopped(cause) = refused else {
        panic!("{refused}")
    };
    assert!(matches!(*cause, StopCause::Closed));
    for proposal in proposals {
        proposal.wait().expect("committed");
    }
    drop((driver, log));
    let log = open_log(directory.path());
    let machine = Recorder::starting_at(0);
    open(&log, &machine);
    assert_eq!(machine.data().len(), 50);
}

#[test]
fn closing_under_load_applies_exactly_what_was_taken() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = open_log(directory.path());
    let machine = Recorder::starting_at(0);
    let driver = open(&log, &machine);
    let mut taken: Vec<u64> = thread::scope(|scope| {
        let propose_until_refused = || {
            let mut taken = Vec::new();
            while let Ok(proposal) = driver.propose(b"x".to_vec()) {
                taken.push(proposal.index().0);
                // Some wait, some do not.
                if taken.len() % 3 != 0 {
                    proposal.wait().expect("what was taken is committed");
                }
            }
            taken
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(propose_until_refused)).collect();
        while driver.applied_index() < LogIndex(100) {
            thread::yield_now();
        }
        driver.close();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    taken.sort_unstable();
    let applied: Vec<_> = machine
        .applied()
        .iter()
        .skip(1)
        .map(|(index, _, _)| *index)
        .collect();
    assert_eq!(applied, taken);
    assert_eq!(
        log.last(GROUP).expect("known").map(|last| last.index.0),
        taken.last().copied()
    );
}

#[test]
fn the_log_store_outlives_a_driver_and_serves_many() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = open_log(directory.path());
    let machines = [Recorder::starting_at(0), Recorder::starting_at(0)];
    let drivers: Vec<_> = machines
        .iter()
        .zip(1..)
        .map(|(machine, group)| {
            let options = DriverOptions::default();
            let machine = Arc::clone(machine);
            SingleMember::open(Arc::clone(&log), GroupId(group), MEMBER, machine, options)
                .expect("the driver opens")
        })
        .collect();
    let before = log.stats().synced_rounds;
    let first = drivers[0].propose(b"first".to_vec()).expect("taken");
    let second = drivers[1].propose(b"second".to_vec()).expect("taken");
    second.wait().expect("committed");
    first.wait().expect("committed");
    assert_eq!(
        log.stats().synced_rounds,
        before + 1,
        "one sync for both groups"
    );
    drop(drivers);
    assert_eq!(machines[0].data(), [b"first".to_vec()]);
    assert_eq!(machines[1].data(), [b"second".to_vec()]);
    assert!(matches!(log.last(GroupId(2)), Ok(Some(last)) if last.index == LogIndex(2)));
    assert!(!matches!(log.last(GroupId(1)), Err(LogError::Closed)));
}
