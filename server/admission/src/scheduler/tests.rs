//! A server of virtual slots and a virtual clock: who gets how much, and who is told to come back.

use proptest::prelude::*;

use super::*;
use crate::Usage;

fn terms(slots: u32) -> Terms {
    Terms {
        slots,
        queued_max: 1_000,
        tenant_queued_max: 100,
        wait_max: Duration::from_secs(5),
    }
}

fn requester(tenant: &str, user: &str, limits: &Limits) -> Requester {
    Requester {
        tenant: tenant.into(),
        user: user.into(),
        tenant_limits: Arc::new(limits.clone()),
        user_limits: Arc::default(),
    }
}

fn with(name: &str, value: i64) -> Limits {
    let mut limits = Limits::default();
    limits.set(name, Some(value)).expect("a limit");
    limits
}

/// Clients that ask again as soon as they are answered.
struct Load {
    requester: Requester,
    clients: usize,
    time: Duration,
}

/// Runs the loads for so long; how many request units each got.
fn simulate(scheduler: &mut Scheduler, loads: &[Load], whole: Duration) -> Vec<f64> {
    let mut got = vec![0.0; loads.len()];
    let mut now = Moment(0);
    let mut of = HashMap::new();
    let mut ends: Vec<(Moment, TicketId)> = Vec::new();
    for (number, load) in loads.iter().enumerate() {
        for _ in 0..load.clients {
            of.insert(
                scheduler.arrive(&load.requester, now).expect("room"),
                number,
            );
        }
    }
    loop {
        for id in scheduler.dispatch(now) {
            ends.push((now.after(loads[of[&id]].time), id));
        }
        ends.sort_unstable();
        let (end, id) = ends.remove(0);
        now = end;
        if now > Moment(0).after(whole) {
            return got;
        }
        let number = of[&id];
        let cost = |time| {
            Usage {
                time,
                ..Usage::default()
            }
            .units()
        };
        got[number] += scheduler.finish(id, cost, now).as_f64();
        of.insert(
            scheduler
                .arrive(&loads[number].requester, now)
                .expect("room"),
            number,
        );
    }
}

fn load(tenant: &str, user: &str, limits: &Limits, clients: usize, ms: u64) -> Load {
    Load {
        requester: requester(tenant, user, limits),
        clients,
        time: Duration::from_millis(ms),
    }
}

#[test]
fn tenants_share_by_weight_whatever_their_queries_and_clients_are_like() {
    let plain = Limits::default();
    for (first, second, wanted) in [
        (
            load("a", "u", &plain, 50, 10),
            load("b", "u", &plain, 50, 10),
            1.0,
        ),
        (
            load("a", "u", &plain, 90, 100),
            load("b", "u", &plain, 8, 1),
            1.0,
        ),
        (
            load("a", "u", &with("weight", 3), 50, 10),
            load("b", "u", &plain, 50, 10),
            3.0,
        ),
    ] {
        // One slot: the shares are the scheduler's alone.
        let mut scheduler = Scheduler::new(terms(1));
        let got = simulate(&mut scheduler, &[first, second], Duration::from_secs(200));
        let share = got[0] / got[1];
        assert!(
            (share / wanted - 1.0).abs() < 0.05,
            "{share} instead of {wanted}"
        );
    }
}

#[test]
fn users_of_a_tenant_share_what_it_gets() {
    let plain = Limits::default();
    let loads = [
        load("a", "greedy", &plain, 60, 20),
        load("a", "modest", &plain, 2, 2),
        load("b", "only", &plain, 30, 5),
    ];
    let got = simulate(
        &mut Scheduler::new(terms(1)),
        &loads,
        Duration::from_secs(200),
    );
    let both = got[0] + got[1];
    assert!((both / got[2] - 1.0).abs() < 0.05, "{got:?}");
    assert!((got[0] / got[1] - 1.0).abs() < 0.05, "{got:?}");
}

#[test]
fn a_tenant_that_runs_nothing_finds_a_slot_free() {
    let mut scheduler = Scheduler::new(terms(8));
    let plain = Limits::default();
    let heavy = requester("heavy", "u", &plain);
    for _ in 0..50 {
        scheduler.arrive(&heavy, Moment(0)).expect("room");
    }
    assert_eq!(scheduler.dispatch(Moment(0)).len(), 7);
    let light = scheduler
        .arrive(&requester("light", "u", &plain), Moment(1))
        .expect("room");
    assert_eq!(scheduler.dispatch(Moment(1)), [light], "at once");
    assert_eq!(scheduler.load(), (8, 43));
    scheduler.finish(light, |_| Units::whole(1), Moment(2));
    assert!(scheduler.dispatch(Moment(2)).is_empty(), "it stays free");
}

#[test]
fn queues_are_bounded_and_who_comes_late_is_told_when_to_come_back() {
    let mut scheduler = Scheduler::new(Terms {
        queued_max: 5,
        ..terms(1)
    });
    let small = requester("small", "u", &with("queued", 2));
    let mut admitted = Vec::new();
    for _ in 0..3 {
        admitted.push(scheduler.arrive(&small, Moment(0)).expect("room"));
        scheduler.dispatch(Moment(0));
    }
    let Err(Rejected::Queue {
        whose,
        waiting: 2,
        retry_after,
    }) = scheduler.arrive(&small, Moment(0))
    else {
        panic!("the queue of the tenant is full");
    };
    assert_eq!(whose, "the tenant `small`");
    assert!(retry_after >= RETRY_MIN);
    let other = requester("other", "u", &Limits::default());
    for _ in 0..3 {
        scheduler.arrive(&other, Moment(0)).expect("room");
    }
    let full = scheduler
        .arrive(&other, Moment(0))
        .expect_err("the whole queue is full");
    assert!(full.to_string().contains("the server"), "{full}");
    // Who leaves the queue makes room.
    scheduler.finish(admitted[2], |_| Units::default(), Moment(0));
    scheduler.arrive(&other, Moment(0)).expect("room");
    let none = requester("none", "u", &with("queued", 0));
    assert!(
        scheduler.arrive(&none, Moment(0)).is_err(),
        "it does not wait at all"
    );
}

#[test]
fn no_more_run_of_a_tenant_or_user_than_may() {
    let mut scheduler = Scheduler::new(terms(16));
    let mut of = requester("a", "u", &with("concurrent", 3));
    for _ in 0..5 {
        scheduler.arrive(&of, Moment(0)).expect("room");
    }
    let running = scheduler.dispatch(Moment(0));
    assert_eq!(running.len(), 3);
    of.user = "v".into();
    of.user_limits = Arc::new(with("concurrent", 1));
    scheduler.arrive(&of, Moment(0)).expect("room");
    scheduler.arrive(&of, Moment(0)).expect("room");
    for id in running {
        scheduler.finish(id, |_| Units::whole(1), Moment(1));
    }
    assert_eq!(
        scheduler.dispatch(Moment(1)).len(),
        3,
        "two of u and one of v"
    );
    assert_eq!(scheduler.load_of("a"), (3, 1));
}

#[test]
fn who_has_used_up_their_units_waits_for_new_ones_and_is_sent_away_if_that_takes_long() {
    let mut scheduler = Scheduler::new(terms(4));
    let mut limits = with("unitsPerSecond", 10);
    limits.set("unitsBurst", Some(20)).expect("a limit");
    let of = requester("a", "u", &limits);
    let first = scheduler.arrive(&of, Moment(0)).expect("room");
    assert_eq!(scheduler.dispatch(Moment(0)), [first]);
    scheduler.finish(first, |_| Units::whole(40), Moment(0));
    let second = scheduler.arrive(&of, Moment(0)).expect("it waits");
    assert!(scheduler.dispatch(Moment(0)).is_empty());
    let at = scheduler.waits_until(second, Moment(0)).expect("it waits");
    assert_eq!(at.0 / 1_000, 2_000);
    // Others are not held up.
    let other = scheduler
        .arrive(&requester("b", "u", &Limits::default()), Moment(0))
        .expect("room");
    assert_eq!(scheduler.dispatch(Moment(0)), [other]);
    assert_eq!(scheduler.dispatch(at), [second]);
    scheduler.finish(second, |_| Units::whole(200), at);
    let Err(Rejected::Units { retry_after, .. }) = scheduler.arrive(&of, at) else {
        panic!("twenty seconds are too long to wait");
    };
    let later = at.after(retry_after);
    let third = scheduler.arrive(&of, later).expect("it was told right");
    assert_eq!(scheduler.dispatch(later), [third]);
}

#[test]
fn a_pause_gives_the_slot_away_and_comes_back_before_those_who_have_not_begun() {
    let mut scheduler = Scheduler::new(terms(1));
    let of = requester("a", "u", &Limits::default());
    let ids: Vec<_> = (0..3)
        .map(|_| scheduler.arrive(&of, Moment(0)).expect("room"))
        .collect();
    assert_eq!(scheduler.dispatch(Moment(0)), [ids[0]]);
    scheduler.pause(ids[0], Moment(5));
    assert_eq!(scheduler.dispatch(Moment(5)), [ids[1]]);
    scheduler.resume(ids[0]);
    assert!(scheduler.dispatch(Moment(6)).is_empty());
    scheduler.finish(ids[1], |_| Units::whole(1), Moment(7));
    assert_eq!(scheduler.dispatch(Moment(7)), [ids[0]]);
    let mut ran = Duration::ZERO;
    scheduler.finish(
        ids[0],
        |time| {
            ran = time;
            Units::whole(1)
        },
        Moment(10),
    );
    assert_eq!(ran, Duration::from_micros(5 + 3), "pauses do not count");
    assert_eq!(scheduler.dispatch(Moment(10)), [ids[2]]);
}

proptest! {
    /// Whatever happens: no more run than there are slots, nothing is lost, and nobody waits while somebody
    /// could start; in the end everything has run.
    #[test]
    fn slots_are_neither_overbooked_nor_wasted(
        slots in 1_u32..6,
        events in prop::collection::vec((0_u8..4, 0_usize..3, 0_usize..3, 1_u64..50_000), 1..300),
    ) {
        let mut scheduler = Scheduler::new(terms(slots));
        let names = ["a", "b", "c"];
        let limits = [Limits::default(), with("weight", 4), with("concurrent", 2)];
        let mut now = Moment(0);
        let mut running: Vec<TicketId> = Vec::new();
        let mut paused: Vec<TicketId> = Vec::new();
        let mut waiting: Vec<TicketId> = Vec::new();
        for (event, tenant, user, number) in events {
            now.0 += number;
            let pick = number as usize;
            match event {
                0 | 1 => {
                    let of = requester(names[tenant], names[user], &limits[tenant]);
                    if let Ok(id) = scheduler.arrive(&of, now) {
                        waiting.push(id);
                    }
                }
                2 if !running.is_empty() => {
                    let id = running.remove(pick % running.len());
                    if number % 3 == 0 {
                        scheduler.pause(id, now);
                        paused.push(id);
                    } else {
                        scheduler.finish(id, |time| Usage { time, ..Usage::default() }.units(), now);
                    }
                }
                3 if !paused.is_empty() => {
                    let id = paused.remove(pick % paused.len());
                    scheduler.resume(id);
                    waiting.push(id);
                }
                3 if !waiting.is_empty() => {
                    let id = waiting.remove(pick % waiting.len());
                    scheduler.finish(id, |_| Units::default(), now);
                }
                _ => {}
            }
            for id in scheduler.dispatch(now) {
                waiting.retain(|other| *other != id);
                running.push(id);
            }
            prop_assert!(running.len() <= slots as usize);
            prop_assert_eq!(scheduler.load(), (running.len() as u32, waiting.len()));
            prop_assert!(scheduler.load_of("c").0 <= 2);
            let idle = names.iter().filter(|name| {
                let (runs, waits) = scheduler.load_of(name);
                runs == 0 && waits > 0
            });
            prop_assert!(idle.count() == 0 || running.len() == slots as usize);
        }
        for _ in 0..1_000 {
            for id in running.drain(..) {
                scheduler.finish(id, |_| Units::whole(3), now);
            }
            running = scheduler.dispatch(now);
            waiting.retain(|id| !running.contains(id));
        }
        prop_assert!(waiting.is_empty(), "somebody starves");
    }
}
