//! What is read is what was written, and what cannot be is refused.

use super::*;
use crate::{Action, Actions, Context, EVERY_GRAPH, Grant, Resource, Secret, decide};
use retrograph_server::OpenOptions;

fn opened(path: &std::path::Path) -> Directory {
    let database = Database::open(path, OpenOptions::creating()).expect("opened");
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

/// The roles and grants that were made, one line for each.
fn granted(directory: &Directory) -> Vec<String> {
    let roles = directory.roles().expect("listed").into_iter();
    roles
        .filter(|listed| !listed.is_built_in)
        .map(|listed| match listed.grant {
            Some(grant) => format!("{} {} {:?}", listed.role, grant.graph, grant.actions),
            None => listed.role.to_string(),
        })
        .collect()
}

#[test]
fn users_are_replaced_altered_and_renamed() {
    let place = tempfile::tempdir().expect("a place");
    let directory = opened(place.path());
    let password = Secret::from("correct horse");
    let user = UserChanges {
        password: Some(&password),
        ..UserChanges::default()
    };
    let make = |name: &str, existing| directory.make_user("root", name, &user, existing);
    make("ana", Existing::Fail).expect("made");
    directory.assign("root", "ana", "admin").expect("given");
    let key = directory
        .create_api_key("root", "ana", "a job", None)
        .expect("made");
    directory
        .create_api_key("root", "ana", "another job", None)
        .expect("made");
    let found = |name: &str| {
        let mut users = directory.users().expect("listed").into_iter();
        users.find(|user| &*user.name == name)
    };
    let ana = found("ana").expect("there");
    assert!(ana.must_change_password && !ana.is_suspended);

    make("ana", Existing::Keep).expect("nothing happens");
    assert_eq!(found("ana"), Some(ana.clone()));
    let refused = make("ana", Existing::Replace);
    assert!(matches!(refused, Err(DirectoryError::LastAdmin(_))));
    make("ben", Existing::Replace).expect("made");
    directory.assign("root", "ben", "admin").expect("given");
    make("ana", Existing::Replace).expect("replaced");
    let other = found("ana").expect("there");
    assert!(other.id != ana.id && other.roles.is_empty());
    assert!(
        directory.api_keys().expect("listed").is_empty(),
        "{}",
        key.id
    );

    let changes = UserChanges {
        must_change: Some(false),
        is_suspended: Some(true),
        ..UserChanges::default()
    };
    directory
        .alter_user("root", "ana", &changes)
        .expect("altered");
    let altered = found("ana").expect("there");
    assert!(altered.has_password && !altered.must_change_password && altered.is_suspended);
    let refused = directory.alter_user("root", "ben", &changes);
    assert!(matches!(refused, Err(DirectoryError::LastAdmin(_))));

    directory
        .rename_user("root", "ana", "anna")
        .expect("renamed");
    assert!(found("ana").is_none());
    assert_eq!(found("anna").expect("there").id, other.id);
    let taken = directory.rename_user("root", "anna", "ben");
    assert!(matches!(taken, Err(DirectoryError::Exists { .. })));
}

#[test]
fn roles_are_copied_changed_and_renamed() {
    let place = tempfile::tempdir().expect("a place");
    let directory = opened(place.path());
    for user in ["ana", "ben"] {
        directory
            .create_user("root", user, None, false)
            .expect("made");
    }
    let make =
        |name: &str, of: Option<&str>, existing| directory.make_role("root", name, of, existing);
    make("clerk", None, Existing::Fail).expect("made");
    assert_eq!(granted(&directory), ["clerk"]);
    let change = |graphs: &[&str], how: fn(Actions, Actions) -> Actions, actions: &[Action]| {
        let actions = Actions::of(actions);
        directory
            .change_grants("root", &["clerk"], graphs, |before| how(before, actions))
            .expect("changed");
    };
    change(&["harbor", "port"], Actions::with, &[Action::Read]);
    change(&["harbor"], Actions::with, &[Action::Write, Action::Read]);
    let both = [
        r#"clerk harbor {"read", "write"}"#,
        r#"clerk port {"read"}"#,
    ];
    let mut now = granted(&directory);
    now.sort();
    assert_eq!(now, both);
    make("chief", Some("clerk"), Existing::Fail).expect("copied");
    change(&["port", "harbor"], Actions::without, &[Action::Read]);
    assert_eq!(granted(&directory).len(), 3, "a copy is its own");
    change(&["harbor"], Actions::without, &[Action::Write]);

    directory
        .assign_all("root", &["ana", "ben"], &["clerk", "reader"])
        .expect("given");
    directory
        .rename_role("root", "clerk", "teller")
        .expect("renamed");
    let roles_of = |name: &str| {
        let mut users = directory.users().expect("listed").into_iter();
        users.find(|user| &*user.name == name).expect("there").roles
    };
    assert_eq!(roles_of("ana"), ["reader".into(), "teller".into()]);
    make("teller", Some("chief"), Existing::Replace).expect("replaced");
    assert_eq!(roles_of("ana"), ["reader".into()]);
    directory
        .unassign_all("root", &["ana", "ben"], &["reader", "teller"])
        .expect("taken");
    assert!(roles_of("ana").is_empty() && roles_of("ben").is_empty());
    assert_eq!(granted(&directory).len(), 4);
    make("teller", None, Existing::Replace).expect("replaced");
    assert_eq!(granted(&directory).len(), 3, "its grants went with it");
    for refused in [
        make("reader", None, Existing::Replace),
        directory.rename_role("root", "reader", "looker"),
        directory.change_grants("root", &["chief", "reader"], &["port"], |before| before),
    ] {
        assert!(matches!(refused, Err(DirectoryError::BuiltIn(_))));
    }
}

#[test]
fn a_graph_was_made_when_it_was_whomever_it_belongs_to_since() {
    let place = tempfile::tempdir().expect("a place");
    let database = Database::open(place.path(), OpenOptions::creating()).expect("opened");
    database.create_graph("harbor").expect("made");
    let described = || database.graphs().expect("listed").remove(0);
    let made = described().created;
    let directory = Directory::open(Arc::clone(&database)).expect("a directory");
    directory.create_tenant("root", "acme").expect("made");
    directory
        .assign_graph("root", "acme", "harbor")
        .expect("given");
    assert_eq!(described().created, made);
}
