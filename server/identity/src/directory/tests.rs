//! What is read is what was written, and what cannot be is refused.

use super::*;
use crate::{Action, Actions, Context, EVERY_GRAPH, Grant, Resource, Secret, decide};
use retrograph_server::OpenOptions;

fn opened(path: &std::path::Path) -> Directory {
    let database = Database::open(path, OpenOptions { create: true }).expect("opened");
    Directory::open(database).expect("a directory")
}

#[test]
fn users_and_what_they_may_do_outlast_a_restart() {
    let place = tempfile::tempdir().expect("a place");
    let directory = opened(place.path());
    let password = Secret::from("correct horse");
    directory
        .create_user("root", "ana", Some(&password), true)
        .expect("made");
    directory.assign("root", "ana", "reader").expect("given");
    directory.create_role("root", "clerk").expect("made");
    let grant = Grant {
        graph: "harbor".into(),
        actions: Actions::of(&[Action::Write, Action::Schema]),
    };
    directory.grant("root", "clerk", &grant).expect("granted");
    directory.assign("root", "ana", "clerk").expect("given");
    directory
        .assign("root", "ana", "clerk")
        .expect("given once more");
    drop(directory);

    let directory = opened(place.path());
    let users = directory.users().expect("listed");
    let [ana] = users.as_slice() else {
        panic!("one user: {users:?}");
    };
    assert_eq!(ana.roles, ["clerk".into(), "reader".into()]);
    assert!(ana.has_password && ana.must_change_password && !ana.is_suspended);
    let snapshot = directory.snapshot().expect("read");
    let mut principal = snapshot.principal(&snapshot.users["ana"], None);
    assert!(principal.must_change_password);
    principal.must_change_password = false;
    let context = Context { now: SystemTime(0) };
    let may = |action, graph| {
        let tenant = directory.tenant_of(graph).expect("read");
        let resource = Resource {
            graph,
            tenant: &tenant,
        };
        decide(&principal, action, &resource, &context).is_allowed()
    };
    assert!(may(Action::Write, "harbor") && may(Action::Read, "port"));
    assert!(!may(Action::Write, "port") && !may(Action::Admin, EVERY_GRAPH));
}

#[test]
fn the_last_administrator_stays() {
    let place = tempfile::tempdir().expect("a place");
    let directory = opened(place.path());
    let password = Secret::from("correct horse");
    for name in ["one", "two"] {
        directory
            .create_user("root", name, Some(&password), false)
            .expect("made");
        directory.assign("root", name, "admin").expect("given");
    }
    directory.suspend("root", "two", true).expect("one is left");
    for refused in [
        directory.drop_user("one", "one"),
        directory.suspend("one", "one", true),
        directory.unassign("one", "one", "admin"),
    ] {
        assert!(matches!(refused, Err(DirectoryError::LastAdmin(_))));
    }
    directory.suspend("one", "two", false).expect("back");
    directory.drop_user("two", "one").expect("two is left");
}

#[test]
fn a_change_counts_for_those_who_are_logged_in() {
    let place = tempfile::tempdir().expect("a place");
    let directory = opened(place.path());
    directory
        .create_user("root", "ana", None, false)
        .expect("made");
    directory.assign("root", "ana", "editor").expect("given");
    let snapshot = directory.snapshot().expect("read");
    let principal = snapshot.principal(&snapshot.users["ana"], None);
    directory.unassign("root", "ana", "editor").expect("taken");
    let now = directory
        .refresh(&principal, SystemTime(0))
        .expect("read")
        .expect("still there");
    assert!(now.grants.is_empty());
    directory.suspend("root", "ana", true).expect("suspended");
    assert_eq!(
        directory.refresh(&principal, SystemTime(0)).expect("read"),
        None
    );
    directory.drop_user("root", "ana").expect("gone");
    directory
        .create_user("root", "ana", None, false)
        .expect("another one");
    assert_eq!(
        directory.refresh(&principal, SystemTime(0)).expect("read"),
        None,
        "not the same user"
    );
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let place = tempfile::tempdir().expect("a place");
    let directory = opened(place.path());
    directory
        .create_user("root", "ana", None, false)
        .expect("made");
    let told = |result: Result<()>| result.expect_err("refused").to_string();
    for bad in ["", "9lives", "a b", "é", &"x".repeat(64)] {
        assert!(told(directory.create_user("root", bad, None, false)).contains("cannot be a name"));
    }
    assert_eq!(
        told(directory.create_user("root", "ana", None, false)),
        "there is a user `ana` already"
    );
    assert_eq!(
        told(directory.assign("root", "ana", "king")),
        "there is no role `king`"
    );
    assert_eq!(
        told(directory.drop_user("root", "ben")),
        "there is no user `ben`"
    );
    assert!(told(directory.drop_role("root", "reader")).contains("built in"));
    assert!(told(directory.create_role("root", "admin")).contains("already"));
    let weak = Secret::from("short");
    assert!(told(directory.set_password("root", "ana", &weak, false)).contains("fewer than"));
}
