//! What transactions promise each other.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::ops::Bound;
use std::sync::Arc;

use retrograph_graph::clock::ManualClock;
use retrograph_graph::ids::{KeyId, LabelId, NodeId, SystemTime, TypeId, Version};
use retrograph_graph::kv::MemoryStore;
use retrograph_graph::replicate::Loopback;
use retrograph_graph::value::Value;
use retrograph_graph::{
    CommitError, CommitInfo, Graph, GraphError, GraphOptions, Isolation, ScanCursor, Sequence,
};

const SEQ: Sequence = Sequence::new(0, 0);

struct Bank {
    graph: Arc<Graph>,
    account: LabelId,
    pays: TypeId,
    balance: KeyId,
    nodes: [NodeId; 2],
}

fn bank() -> Bank {
    let graph = Graph::in_memory().unwrap();
    let transaction = graph.begin(Isolation::Serializable);
    let account = transaction.label_id("Account").unwrap();
    let pays = transaction.type_id("PAYS").unwrap();
    let balance = transaction.key_id("balance").unwrap();
    let nodes = [1, 1].map(|amount| {
        transaction
            .create_node(SEQ, &[account], vec![(balance, Value::Int(amount))])
            .unwrap()
    });
    transaction
        .create_relationship(SEQ, pays, nodes[0], nodes[0], vec![])
        .unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    Bank {
        graph,
        account,
        pays,
        balance,
        nodes,
    }
}

fn int(value: &Value) -> i64 {
    match value {
        Value::Int(i) => *i,
        other => panic!("{other:?} is no integer"),
    }
}

fn is_conflict<T>(result: Result<T, CommitError>) -> bool {
    matches!(result, Err(CommitError::Conflict { .. }))
}

/// Two transactions read both balances and each takes one away if the sum allows.
fn write_skew(isolation: Isolation) -> bool {
    let bank = bank();
    let both = [0, 1].map(|_| bank.graph.begin(isolation));
    for (i, transaction) in both.iter().enumerate() {
        let read = transaction.read();
        let sum: i64 = bank
            .nodes
            .iter()
            .map(|node| int(&read.property((*node).into(), bank.balance).unwrap()))
            .sum();
        assert_eq!(sum, 2);
        transaction
            .set_property(SEQ, bank.nodes[i].into(), bank.balance, Value::Int(-1))
            .unwrap();
    }
    let [first, second] = both;
    first.commit(CommitInfo::default()).unwrap();
    is_conflict(second.commit(CommitInfo::default()))
}

#[test]
fn write_skew_is_prevented_unless_snapshots_are_asked_for() {
    assert!(write_skew(Isolation::Serializable));
    assert!(!write_skew(Isolation::Snapshot));
}

#[test]
fn no_update_is_lost_under_either_isolation() {
    for isolation in [Isolation::Serializable, Isolation::Snapshot] {
        let bank = bank();
        let node = bank.nodes[0];
        let both = [0, 1].map(|_| bank.graph.begin(isolation));
        for transaction in &both {
            let before = int(&transaction
                .read()
                .property(node.into(), bank.balance)
                .unwrap());
            transaction
                .set_property(SEQ, node.into(), bank.balance, Value::Int(before + 10))
                .unwrap();
        }
        let [first, second] = both;
        first.commit(CommitInfo::default()).unwrap();
        let error = second.commit(CommitInfo::default()).unwrap_err();
        assert!(error.is_transient());
        assert!(error.to_string().contains("node 0"), "{error}");
    }
}

#[test]
fn a_scan_notices_who_appears() {
    let bank = bank();
    let reader = bank.graph.begin(Isolation::Serializable);
    let (mut cursor, mut found) = (ScanCursor::default(), Vec::new());
    reader
        .read()
        .scan_label(bank.account, &mut cursor, 100, &mut found)
        .unwrap();
    reader
        .set_property(
            SEQ,
            bank.nodes[0].into(),
            bank.balance,
            Value::Int(found.len() as i64),
        )
        .unwrap();
    let writer = bank.graph.begin(Isolation::Serializable);
    writer.create_node(SEQ, &[bank.account], vec![]).unwrap();
    writer.commit(CommitInfo::default()).unwrap();
    assert!(is_conflict(reader.commit(CommitInfo::default())));
}

#[test]
fn a_seek_that_found_nothing_notices_what_appears() {
    let bank = bank();
    let schema = bank.graph.begin(Isolation::Serializable);
    let index = schema
        .create_index("by_balance", bank.account, bank.balance)
        .unwrap();
    schema.commit(CommitInfo::default()).unwrap();
    for value in [50, 200] {
        let reader = bank.graph.begin(Isolation::Serializable);
        let (mut cursor, mut found) = (ScanCursor::default(), Vec::new());
        let (low, high) = (Value::Int(10), Value::Int(100));
        reader
            .read()
            .seek_range(
                index,
                Bound::Included(&low),
                Bound::Excluded(&high),
                &mut cursor,
                100,
                &mut found,
            )
            .unwrap();
        assert!(found.is_empty());
        reader.create_node(SEQ, &[], vec![]).unwrap();
        let writer = bank.graph.begin(Isolation::Serializable);
        let properties = vec![(bank.balance, Value::Int(value))];
        let node = writer
            .create_node(SEQ, &[bank.account], properties)
            .unwrap();
        writer.commit(CommitInfo::default()).unwrap();
        // What lies outside of the range that was read is nobody's concern.
        assert_eq!(
            is_conflict(reader.commit(CommitInfo::default())),
            value == 50
        );
        let cleaner = bank.graph.begin(Isolation::Serializable);
        cleaner.delete_node(SEQ, node).unwrap();
        cleaner.commit(CommitInfo::default()).unwrap();
    }
}

#[test]
fn a_count_notices_what_it_counts_and_nothing_else() {
    let bank = bank();
    let begin = || {
        let reader = bank.graph.begin(Isolation::Serializable);
        assert_eq!(reader.read().count_nodes(Some(bank.account)).unwrap(), 2);
        reader.create_node(SEQ, &[], vec![]).unwrap();
        reader
    };
    let unharmed = begin();
    let writer = bank.graph.begin(Isolation::Serializable);
    writer
        .set_property(SEQ, bank.nodes[0].into(), bank.balance, Value::Int(7))
        .unwrap();
    writer.commit(CommitInfo::default()).unwrap();
    unharmed.commit(CommitInfo::default()).unwrap();
    let harmed = begin();
    let writer = bank.graph.begin(Isolation::Serializable);
    writer
        .remove_labels(SEQ, bank.nodes[0], &[bank.account])
        .unwrap();
    writer.commit(CommitInfo::default()).unwrap();
    assert!(is_conflict(harmed.commit(CommitInfo::default())));
}

#[test]
fn a_relationship_keeps_its_ends_under_either_isolation() {
    for isolation in [Isolation::Serializable, Isolation::Snapshot] {
        for deletes_first in [true, false] {
            let bank = bank();
            let connects = bank.graph.begin(isolation);
            connects
                .create_relationship(SEQ, bank.pays, bank.nodes[0], bank.nodes[1], vec![])
                .unwrap();
            let deletes = bank.graph.begin(isolation);
            deletes.delete_node(SEQ, bank.nodes[1]).unwrap();
            deletes.check_statement().unwrap();
            let (first, second) = if deletes_first {
                (deletes, connects)
            } else {
                (connects, deletes)
            };
            first.commit(CommitInfo::default()).unwrap();
            assert!(is_conflict(second.commit(CommitInfo::default())));
        }
    }
}

#[test]
fn a_node_with_relationships_is_not_deleted() {
    let bank = bank();
    let transaction = bank.graph.begin(Isolation::Serializable);
    transaction.delete_node(SEQ, bank.nodes[0]).unwrap();
    let refused = transaction.check_statement();
    assert!(
        matches!(refused, Err(GraphError::NodeStillConnected { node, .. })
        if node == bank.nodes[0])
    );
    let committed = transaction.commit(CommitInfo::default());
    assert!(matches!(
        committed,
        Err(CommitError::Graph(GraphError::NodeStillConnected { .. }))
    ));
}

fn unique_bank() -> Bank {
    let bank = bank();
    let transaction = bank.graph.begin(Isolation::Serializable);
    for (i, node) in bank.nodes.iter().enumerate() {
        transaction
            .set_property(SEQ, (*node).into(), bank.balance, Value::Int(i as i64))
            .unwrap();
    }
    transaction.commit(CommitInfo::default()).unwrap();
    let schema = bank.graph.begin(Isolation::Serializable);
    schema
        .create_unique_constraint("unique_balance", bank.account, bank.balance)
        .unwrap();
    schema.commit(CommitInfo::default()).unwrap();
    bank
}

#[test]
fn unique_values_are_unique_within_and_between_transactions() {
    for isolation in [Isolation::Serializable, Isolation::Snapshot] {
        let bank = unique_bank();
        let insert = |value: Value| {
            let transaction = bank.graph.begin(isolation);
            let properties = vec![(bank.balance, value)];
            transaction
                .create_node(SEQ, &[bank.account], properties)
                .unwrap();
            transaction
        };
        // Against what is stored: 1 and 1.0 are equivalent.
        for value in [Value::Int(1), Value::Float(1.0)] {
            let refused = insert(value).check_statement();
            assert!(
                matches!(refused, Err(GraphError::NotUnique { existing, .. })
                if existing == bank.nodes[1])
            );
        }
        // Within one transaction.
        let twice = insert(Value::Int(5));
        let properties = vec![(bank.balance, Value::Int(5))];
        twice.create_node(SEQ, &[bank.account], properties).unwrap();
        assert!(matches!(
            twice.check_statement(),
            Err(GraphError::NotUnique { .. })
        ));
        // Between two that do not see each other.
        let (first, second) = (insert(Value::Int(5)), insert(Value::Int(5)));
        first.check_statement().unwrap();
        second.check_statement().unwrap();
        first.commit(CommitInfo::default()).unwrap();
        assert!(is_conflict(second.commit(CommitInfo::default())));
        // Swapping two values within a statement is fine.
        let swap = bank.graph.begin(isolation);
        for (node, value) in [(bank.nodes[0], 1), (bank.nodes[1], 0)] {
            swap.set_property(SEQ, node.into(), bank.balance, Value::Int(value))
                .unwrap();
        }
        swap.commit(CommitInfo::default()).unwrap();
    }
}

#[test]
fn a_constraint_is_refused_where_values_are_not_unique() {
    let bank = bank();
    let schema = bank.graph.begin(Isolation::Serializable);
    let refused = schema.create_unique_constraint("u", bank.account, bank.balance);
    assert!(matches!(refused, Err(GraphError::NotUnique { .. })));
}

#[test]
fn a_constraint_does_not_overlook_a_commit_on_its_way() {
    let bank = unique_bank();
    let schema = bank.graph.begin(Isolation::Serializable);
    schema.drop_constraint("unique_balance").unwrap();
    schema.commit(CommitInfo::default()).unwrap();
    let schema = bank.graph.begin(Isolation::Snapshot);
    schema
        .create_unique_constraint("again", bank.account, bank.balance)
        .unwrap();
    let writer = bank.graph.begin(Isolation::Snapshot);
    writer
        .set_property(SEQ, bank.nodes[0].into(), bank.balance, Value::Int(1))
        .unwrap();
    writer.commit(CommitInfo::default()).unwrap();
    assert!(is_conflict(schema.commit(CommitInfo::default())));
}

#[test]
fn two_who_make_the_same_name_share_it_unless_one_saw_it_missing() {
    let bank = bank();
    let both = [0, 1].map(|_| bank.graph.begin(Isolation::Serializable));
    let ids = [0, 1].map(|i| {
        let label = both[i].label_id("New").unwrap();
        both[i].create_node(SEQ, &[label], vec![]).unwrap();
        label
    });
    assert_eq!(ids[0], ids[1]);
    for transaction in both {
        transaction.commit(CommitInfo::default()).unwrap();
    }
    assert_eq!(
        bank.graph.read_latest().count_nodes(Some(ids[0])).unwrap(),
        2
    );
    assert_eq!(
        bank.graph
            .read_at(Version(1))
            .unwrap()
            .catalog()
            .label("New"),
        None
    );
    // As a MERGE would: look, and create only if it is not there.
    let both = [0, 1].map(|_| bank.graph.begin(Isolation::Serializable));
    for transaction in &both {
        assert_eq!(transaction.read().catalog().label("Newer"), None);
        let label = transaction.label_id("Newer").unwrap();
        assert_eq!(transaction.read().catalog().label("Newer"), Some(label));
        transaction.create_node(SEQ, &[label], vec![]).unwrap();
    }
    let [first, second] = both;
    first.commit(CommitInfo::default()).unwrap();
    assert!(is_conflict(second.commit(CommitInfo::default())));
}

#[test]
fn threads_that_retry_lose_no_increment() {
    let bank = bank();
    let threads: i64 = 4;
    let rounds: i64 = 50;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..rounds {
                    loop {
                        let transaction = bank.graph.begin(Isolation::Serializable);
                        let node = bank.nodes[0].into();
                        let before = transaction.read().property(node, bank.balance).unwrap();
                        let next = Value::Int(int(&before) + 1);
                        transaction
                            .set_property(SEQ, node, bank.balance, next)
                            .unwrap();
                        match transaction.commit(CommitInfo::default()) {
                            Ok(_) => break,
                            Err(error) => assert!(error.is_transient(), "{error}"),
                        }
                    }
                }
            });
        }
    });
    let read = bank.graph.read_latest();
    let sum = int(&read.property(bank.nodes[0].into(), bank.balance).unwrap());
    assert_eq!(sum, 1 + threads * rounds);
    // Each increment is a version, and each version knows its sum.
    for version in 1..=read.version().0 {
        let read = bank.graph.read_at(Version(version)).unwrap();
        let sum = int(&read.property(bank.nodes[0].into(), bank.balance).unwrap());
        assert_eq!(sum, version as i64);
    }
}

#[test]
fn readers_see_whole_commits_while_others_write() {
    let bank = bank();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for i in 0..400 {
                let transaction = bank.graph.begin(Isolation::Snapshot);
                for (node, sign) in [(bank.nodes[0], 1), (bank.nodes[1], -1)] {
                    let value = Value::Int(1 + sign * i);
                    transaction
                        .set_property(SEQ, node.into(), bank.balance, value)
                        .unwrap();
                }
                let fresh = transaction
                    .create_node(SEQ, &[bank.account], vec![])
                    .unwrap();
                let r = transaction
                    .create_relationship(SEQ, bank.pays, bank.nodes[0], fresh, vec![])
                    .unwrap();
                transaction.commit(CommitInfo::default()).unwrap();
                if i % 2 == 0 {
                    let transaction = bank.graph.begin(Isolation::Snapshot);
                    transaction.delete_relationship(SEQ, r).unwrap();
                    transaction.delete_node(SEQ, fresh).unwrap();
                    transaction.commit(CommitInfo::default()).unwrap();
                }
            }
            stop.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                    let read = bank.graph.read_latest();
                    let sum: i64 = bank
                        .nodes
                        .iter()
                        .map(|node| int(&read.property((*node).into(), bank.balance).unwrap()))
                        .sum();
                    assert_eq!(sum, 2);
                    // Nodes by scan, by count and by the relationships they have agree.
                    let (mut cursor, mut found) = (ScanCursor::default(), Vec::new());
                    while !cursor.is_done() {
                        read.scan_label(bank.account, &mut cursor, 7, &mut found)
                            .unwrap();
                    }
                    let count = read.count_nodes(Some(bank.account)).unwrap();
                    assert_eq!(found.len() as u64, count);
                    let mut ends = vec![];
                    read.expand(bank.nodes[0], None, &[bank.pays], |node, _, _| {
                        ends.push(node)
                    })
                    .unwrap();
                    // All but the second account, and the first one by its loop.
                    assert_eq!(ends.len() as u64, count - 1);
                }
            });
        }
    });
}

#[test]
fn a_token_makes_a_commit_happen_once() {
    let bank = bank();
    let info = CommitInfo {
        token: Some([7; 16]),
        ..CommitInfo::default()
    };
    let once = |info: &CommitInfo| {
        let transaction = bank.graph.begin(Isolation::Serializable);
        transaction
            .create_node(SEQ, &[bank.account], vec![])
            .unwrap();
        transaction.commit(info.clone()).unwrap()
    };
    let first = once(&info);
    assert_eq!(once(&info), first);
    assert_eq!(
        bank.graph
            .read_latest()
            .count_nodes(Some(bank.account))
            .unwrap(),
        3
    );
    let header = bank.graph.commit_header(first.version).unwrap().unwrap();
    assert_eq!(header.token, Some([7; 16]));
}

fn graph_with_clock(start: i64) -> (Arc<Graph>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(SystemTime(start)));
    let options = GraphOptions {
        clock: Arc::clone(&clock) as Arc<_>,
        ..GraphOptions::default()
    };
    let graph = Graph::loopback(Arc::new(MemoryStore::new()), options).unwrap();
    (graph, clock)
}

fn commit_at(graph: &Arc<Graph>, asserted: Option<i64>) -> Result<SystemTime, CommitError> {
    let transaction = graph.begin(Isolation::Serializable);
    transaction.create_node(SEQ, &[], vec![]).unwrap();
    let info = CommitInfo {
        asserted_time: asserted.map(SystemTime),
        ..CommitInfo::default()
    };
    transaction.commit(info).map(|committed| committed.time)
}

#[test]
fn times_increase_and_do_not_follow_a_clock_that_jumps() {
    let (graph, clock) = graph_with_clock(1_000_000);
    assert_eq!(commit_at(&graph, None).unwrap(), SystemTime(1_000_000));
    assert_eq!(commit_at(&graph, None).unwrap(), SystemTime(1_000_001));
    clock.set(SystemTime(999_000));
    assert_eq!(commit_at(&graph, None).unwrap(), SystemTime(1_000_002));
    clock.set(SystemTime(400_000));
    assert!(matches!(
        commit_at(&graph, None),
        Err(CommitError::Clock { .. })
    ));
    clock.set(SystemTime(2_000_000));
    assert_eq!(commit_at(&graph, None).unwrap(), SystemTime(2_000_000));
}

#[test]
fn an_instant_once_answered_stays_as_it_was() {
    let (graph, clock) = graph_with_clock(1_000_000);
    commit_at(&graph, None).unwrap();
    clock.set(SystemTime(2_000_000));
    assert_eq!(graph.resolve(SystemTime(1_999_999)).unwrap(), Version(1));
    assert_eq!(graph.resolve(SystemTime(2_000_000)).unwrap(), Version(1));
    // The clock shows an instant that was answered: the commit comes after it.
    assert_eq!(commit_at(&graph, None).unwrap(), SystemTime(2_000_001));
    assert_eq!(graph.resolve(SystemTime(2_000_000)).unwrap(), Version(1));
    assert_eq!(graph.resolve(SystemTime(2_000_001)).unwrap(), Version(2));
    let ahead = graph.resolve(SystemTime(2_000_002));
    assert!(
        matches!(ahead, Err(GraphError::FutureInstant { closed, .. })
        if closed == SystemTime(2_000_001))
    );
    let before = graph.resolve(SystemTime(999_999));
    assert!(matches!(before, Err(GraphError::BeforeGraph { oldest, .. })
        if oldest == SystemTime(1_000_000)));
    assert_eq!(graph.resolve(SystemTime(1_000_000)).unwrap(), Version(1));
}

/// Whether the process ended in order or not, and whatever the clock shows afterwards, no commit
/// lands where an instant was answered.
#[test]
fn an_instant_once_answered_stays_as_it_was_after_a_restart() {
    for in_order in [true, false] {
        let clock = Arc::new(ManualClock::new(SystemTime(1_000_000)));
        let options = || GraphOptions {
            clock: Arc::clone(&clock) as Arc<_>,
            ..GraphOptions::default()
        };
        let (store, log) = (Arc::new(MemoryStore::new()), Loopback::new());
        let graph = Arc::new(Graph::open(store.clone(), options()).unwrap());
        log.attach(&graph).unwrap();
        commit_at(&graph, None).unwrap();
        clock.set(SystemTime(2_000_000));
        assert_eq!(graph.resolve(SystemTime(2_000_000)).unwrap(), Version(1));
        if in_order {
            graph.resign();
        }
        drop(graph);

        let store = if in_order {
            store
        } else {
            Arc::new(store.crash())
        };
        clock.set(SystemTime(1_800_000));
        let graph = Arc::new(Graph::open(store, options()).unwrap());
        log.attach(&graph).unwrap();
        let time = commit_at(&graph, None).unwrap();
        // What was promised ahead is taken back where there was time for it.
        let expected = if in_order { 2_000_001 } else { 2_200_001 };
        assert_eq!(time, SystemTime(expected));
        assert_eq!(graph.resolve(SystemTime(2_000_000)).unwrap(), Version(1));
        drop(graph);

        // A clock that is far behind is not waited for by inventing times.
        clock.set(SystemTime(1_000_000));
        let graph = Arc::new(Graph::open(Arc::new(MemoryStore::new()), options()).unwrap());
        log.attach(&graph).unwrap();
        assert!(matches!(
            commit_at(&graph, None),
            Err(CommitError::Clock { .. })
        ));
        assert_eq!(graph.resolve(SystemTime(2_000_000)).unwrap(), Version(1));
    }
}

#[test]
fn asserted_times_come_before_observed_ones() {
    let (graph, _) = graph_with_clock(1_000_000);
    assert_eq!(commit_at(&graph, Some(-5)).unwrap(), SystemTime(-5));
    assert_eq!(commit_at(&graph, Some(-9)).unwrap(), SystemTime(-4));
    assert_eq!(commit_at(&graph, Some(500)).unwrap(), SystemTime(500));
    assert_eq!(
        commit_at(&graph, Some(5_000_000)).unwrap(),
        SystemTime(1_000_000)
    );
    assert!(graph.commit_header(Version(3)).unwrap().unwrap().asserted);
    assert_eq!(graph.resolve(SystemTime(499)).unwrap(), Version(2));
    assert_eq!(graph.resolve(SystemTime(-5)).unwrap(), Version(1));
    assert!(matches!(
        graph.resolve(SystemTime(-6)),
        Err(GraphError::BeforeGraph { .. })
    ));
    assert_eq!(commit_at(&graph, None).unwrap(), SystemTime(1_000_001));
    assert!(matches!(
        commit_at(&graph, Some(2_000_000)),
        Err(CommitError::AssertedTooLate)
    ));
}

#[test]
fn statements_see_what_came_before_them_and_can_be_taken_back() {
    let bank = bank();
    let transaction = bank.graph.begin(Isolation::Serializable);
    let node = bank.nodes[0];
    let balance = |read: &retrograph_graph::GraphRead| {
        int(&read.property(node.into(), bank.balance).unwrap())
    };
    let (one, two) = (Sequence::new(0, 1), Sequence::new(0, 2));
    transaction
        .set_property(one, node.into(), bank.balance, Value::Int(10))
        .unwrap();
    transaction
        .set_property(two, node.into(), bank.balance, Value::Int(20))
        .unwrap();
    transaction
        .set_property(two, node.into(), bank.balance, Value::Int(21))
        .unwrap();
    let created = transaction
        .create_node(two, &[bank.account], vec![])
        .unwrap();
    let read = transaction.read();
    assert_eq!(balance(&read), 21);
    assert_eq!(balance(&read.below(two)), 10);
    assert_eq!(balance(&read.below(one)), 1);
    assert!(!read.below(two).node_exists(created).unwrap());
    assert_eq!(read.below(two).count_nodes(Some(bank.account)).unwrap(), 2);
    assert_eq!(read.count_nodes(Some(bank.account)).unwrap(), 3);
    transaction.check_statement().unwrap();
    let mark = transaction.mark();
    let three = Sequence::new(1, 0);
    transaction
        .set_property(three, node.into(), bank.balance, Value::Int(30))
        .unwrap();
    transaction.delete_node(three, created).unwrap();
    assert!(!transaction.read().node_exists(created).unwrap());
    transaction.rollback_to(mark);
    assert_eq!(balance(&transaction.read()), 21);
    assert!(transaction.read().node_exists(created).unwrap());
    transaction.commit(CommitInfo::default()).unwrap();
    assert_eq!(balance(&bank.graph.read_latest()), 21);
}

#[test]
fn a_transaction_without_changes_makes_no_version() {
    let bank = bank();
    let transaction = bank.graph.begin(Isolation::Serializable);
    let node = transaction
        .create_node(SEQ, &[bank.account], vec![])
        .unwrap();
    transaction.delete_node(SEQ, node).unwrap();
    transaction
        .set_property(SEQ, bank.nodes[0].into(), bank.balance, Value::Int(1))
        .unwrap();
    let committed = transaction.commit(CommitInfo::default()).unwrap();
    assert_eq!(committed.version, Version(1));
    assert_eq!(bank.graph.latest(), Version(1));
}

#[test]
fn a_transaction_larger_than_an_entry_is_one_version() {
    let bank = bank();
    let transaction = bank.graph.begin(Isolation::Serializable);
    let text: Arc<str> = "x".repeat(100_000).into();
    for _ in 0..100 {
        let properties = vec![(bank.balance, Value::String(Arc::clone(&text)))];
        transaction
            .create_node(SEQ, &[bank.account], properties)
            .unwrap();
    }
    let committed = transaction.commit(CommitInfo::default()).unwrap();
    assert_eq!(committed.version, Version(2));
    let read = bank.graph.read_latest();
    assert_eq!(read.count_nodes(Some(bank.account)).unwrap(), 102);
    bank.graph.verify_version(Version(2)).unwrap();
    let too_large = bank.graph.begin(Isolation::Serializable);
    let refused = (0..1_000).find_map(|_| {
        let properties = vec![(bank.balance, Value::String(Arc::clone(&text)))];
        too_large
            .create_node(SEQ, &[bank.account], properties)
            .err()
    });
    let message = refused.unwrap().to_string();
    assert!(message.contains("CALL { … } IN TRANSACTIONS"), "{message}");
}

#[test]
fn a_number_taken_from_another_transaction_is_named_by_the_first_that_uses_it() {
    let bank = bank();
    let asks = bank.graph.begin(Isolation::Serializable);
    let key = asks.key_id("note").unwrap();
    asks.rollback();
    let uses = bank.graph.begin(Isolation::Serializable);
    uses.set_property(SEQ, bank.nodes[0].into(), key, Value::Int(1))
        .unwrap();
    uses.commit(CommitInfo::default()).unwrap();
    assert_eq!(bank.graph.read_latest().catalog().key("note"), Some(key));
    let invents = bank.graph.begin(Isolation::Serializable);
    invents
        .set_property(SEQ, bank.nodes[0].into(), KeyId(99), Value::Int(1))
        .unwrap();
    assert!(matches!(
        invents.commit(CommitInfo::default()),
        Err(CommitError::Graph(GraphError::UnknownToken { id: 99, .. }))
    ));
}

#[test]
fn a_store_of_a_newer_format_is_refused_with_both_numbers() {
    use retrograph_graph::kv::{Family, OrderedStore, WriteBatch};
    use retrograph_graph::rows::meta::{FORMAT_KEY, STORE_FORMAT, format_value};
    let store = Arc::new(MemoryStore::new());
    drop(Graph::loopback(store.clone(), GraphOptions::default()).unwrap());
    let mut batch = WriteBatch::new();
    batch.put(Family::Meta, &FORMAT_KEY, &format_value(STORE_FORMAT + 1));
    store.write(batch).unwrap();
    let refused = Graph::open(store, GraphOptions::default()).err().unwrap();
    assert!(matches!(refused, GraphError::NewerFormat { .. }));
    let message = refused.to_string();
    assert!(
        message.contains(&(STORE_FORMAT + 1).to_string()),
        "{message}"
    );
}

#[test]
fn an_entry_that_does_not_fit_the_state_stops_the_member() {
    use retrograph_graph::ApplyError;
    use retrograph_graph::replicate::Loopback;
    let leader =
        Arc::new(Graph::open(Arc::new(MemoryStore::new()), GraphOptions::default()).unwrap());
    let log = Loopback::new();
    log.attach(&leader).unwrap();
    for _ in 0..2 {
        commit_at(&leader, None).unwrap();
    }
    let entries = log.entries();
    let follower = Graph::open(Arc::new(MemoryStore::new()), GraphOptions::default()).unwrap();
    follower.apply(1, &entries[0]).unwrap();
    // The second commit without the first.
    let refused = follower.apply(2, &entries[2]);
    assert!(matches!(
        refused,
        Err(ApplyError::Diverged { index: 2, .. })
    ));
    // And nothing after it, not even what would fit.
    assert!(follower.apply(3, &entries[1]).is_err());
    assert_eq!(follower.applied().version, Version(0));
}

/// Commits made ahead build on one another before any of them is applied, and are versions like
/// others afterwards.
#[test]
fn commits_ahead_build_on_one_another() {
    let bank = bank();
    let graph = &bank.graph;
    let mut transaction = graph.begin(Isolation::Snapshot);
    let node = transaction
        .create_node(SEQ, &[bank.account], vec![(bank.balance, Value::Int(7))])
        .unwrap();
    let info = CommitInfo::default;
    let mut ahead = vec![transaction.commit_ahead(info()).unwrap().unwrap()];
    let relationship = transaction
        .create_relationship(SEQ, bank.pays, node, bank.nodes[0], vec![])
        .unwrap();
    ahead.push(transaction.commit_ahead(info()).unwrap().unwrap());
    for balance in [8, 9] {
        transaction
            .set_property(SEQ, node.into(), bank.balance, Value::Int(balance))
            .unwrap();
        ahead.push(transaction.commit_ahead(info()).unwrap().unwrap());
    }
    // Nothing was written since.
    assert!(transaction.commit_ahead(info()).unwrap().is_none());
    transaction.delete_relationship(SEQ, relationship).unwrap();
    transaction.delete_node(SEQ, node).unwrap();
    ahead.push(transaction.commit_ahead(info()).unwrap().unwrap());
    assert_eq!(transaction.read().count_nodes(None).unwrap(), 2);
    let versions: Vec<Version> = ahead
        .into_iter()
        .map(|commit| commit.wait().unwrap().version)
        .collect();
    assert_eq!(versions, [2, 3, 4, 5, 6].map(Version));

    let seen: Vec<_> = versions
        .iter()
        .map(|version| {
            let read = graph.read_at(*version).unwrap();
            let mut pays = 0;
            read.expand(node, None, &[], |_, _, _| pays += 1).unwrap();
            let balance = match read.property(node.into(), bank.balance).unwrap() {
                Value::Int(balance) => balance,
                _ => 0,
            };
            (read.count_nodes(None).unwrap(), balance, pays)
        })
        .collect();
    assert_eq!(
        seen,
        [(3, 7, 0), (3, 7, 1), (3, 8, 1), (3, 9, 1), (2, 0, 0)]
    );
    graph.verify().unwrap();
}

/// What a transaction committed ahead is others' to change from then on: it must not build on what
/// they took away.
#[test]
fn commits_ahead_conflict_with_what_others_commit_between() {
    let bank = bank();
    let graph = &bank.graph;
    let info = CommitInfo::default;
    for deletes in [true, false] {
        let mut transaction = graph.begin(Isolation::Snapshot);
        let node = transaction
            .create_node(SEQ, &[bank.account], vec![(bank.balance, Value::Int(1))])
            .unwrap();
        let first = transaction.commit_ahead(info()).unwrap().unwrap();
        first.wait().unwrap();

        let other = graph.begin(Isolation::Snapshot);
        if deletes {
            other.delete_node(SEQ, node).unwrap();
        } else {
            other
                .set_property(SEQ, node.into(), bank.balance, Value::Int(2))
                .unwrap();
        }
        other.commit(info()).unwrap();

        if deletes {
            transaction
                .create_relationship(SEQ, bank.pays, node, bank.nodes[0], vec![])
                .unwrap();
        } else {
            transaction
                .set_property(SEQ, node.into(), bank.balance, Value::Int(3))
                .unwrap();
        }
        assert!(matches!(
            transaction.commit_ahead(info()),
            Err(CommitError::Conflict { .. })
        ));
    }
    graph.verify().unwrap();
}

/// A commit ahead that lost certification loses it again: what was read stays read.
#[test]
fn a_refused_commit_ahead_is_refused_again() {
    let bank = bank();
    let graph = &bank.graph;
    let mut transaction = graph.begin(Isolation::Serializable);
    let [read, written] = bank.nodes;
    transaction
        .read()
        .property(read.into(), bank.balance)
        .unwrap();
    transaction
        .set_property(SEQ, written.into(), bank.balance, Value::Int(0))
        .unwrap();

    let other = graph.begin(Isolation::Serializable);
    other
        .set_property(SEQ, read.into(), bank.balance, Value::Int(0))
        .unwrap();
    other.commit(CommitInfo::default()).unwrap();

    for _ in 0..2 {
        assert!(matches!(
            transaction.commit_ahead(CommitInfo::default()),
            Err(CommitError::Conflict { .. })
        ));
    }
}
