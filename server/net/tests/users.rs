//! Users of a Bolt server: who gets in, and what they may do.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod fixture;

use std::sync::Arc;

use fixture::{Client, Fixture, ask_users, basic, run, run_with, shown};
use retrograph_bolt::message::request::{AuthToken, Extra, Request, Route, Run};
use retrograph_bolt::value::map;
use retrograph_bolt::{Value, Version};
use retrograph_graph::ids::SystemTime;
use retrograph_identity::{Action, Actions, Authenticator, Credentials, Directory, Grant};

const UNAUTHORIZED: &str = "Neo.ClientError.Security.Unauthorized";
const FORBIDDEN: &str = "Neo.ClientError.Security.Forbidden";
const PASSWORD: &str = "correct horse";

/// A server whose users are `admin`, `editor` and `reader`, who have these roles, and `clerk`, who may read and
/// write the present of `g`.
fn server() -> (Fixture, Arc<Directory>) {
    let mut known = None;
    let fixture = Fixture::with_database(|database, options| {
        let users = ["admin", "editor", "reader"].map(|name| (name, name));
        let directory = ask_users(database, options, PASSWORD, &users);
        directory.create_role("test", "clerk").unwrap();
        let grant = Grant {
            graph: "g".into(),
            actions: Actions::of(&[Action::Read, Action::Write]),
        };
        directory.grant("test", "clerk", &grant).unwrap();
        let password = PASSWORD.into();
        directory
            .create_user("test", "clerk", Some(&password), false)
            .unwrap();
        directory.assign("test", "clerk", "clerk").unwrap();
        known = Some(directory);
    });
    (fixture, known.unwrap())
}

fn logged_in(fixture: &Fixture, user: &str) -> Client {
    let mut client = shown(fixture, Version::new(5, 8), basic(user, PASSWORD));
    client.success();
    client
}

/// Whether a query runs; if not, it is forbidden.
fn may(client: &mut Client, text: &str, extra: Extra) -> bool {
    match client.outcome(run_with(text, extra)) {
        Ok(_) => true,
        Err(code) => {
            assert_eq!(code, FORBIDDEN, "{text}");
            false
        }
    }
}

fn may_now(client: &mut Client, text: &str) -> bool {
    may(client, text, Extra::default())
}

fn on(database: &str) -> Extra {
    Extra {
        database: Some(database.to_owned()),
        ..Extra::default()
    }
}

#[test]
fn only_those_who_are_recognised_get_in() {
    let (fixture, directory) = server();
    for version in [Version::new(4, 4), Version::new(5, 0), Version::new(5, 8)] {
        let none = AuthToken {
            scheme: "none".to_owned(),
            ..AuthToken::default()
        };
        let kerberos = AuthToken {
            scheme: "kerberos".to_owned(),
            ..none.clone()
        };
        for token in [
            none,
            kerberos,
            basic("reader", "something else"),
            basic("nobody", PASSWORD),
        ] {
            let mut client = shown(&fixture, version, token);
            assert_eq!(client.failure(), UNAUTHORIZED);
            assert_eq!(client.next(), None, "and is shown out");
        }
        let mut client = shown(&fixture, version, basic("reader", PASSWORD));
        client.success();
        let (rows, _) = client.query("SHOW CURRENT USER YIELD user");
        assert_eq!(rows, [[Value::from("reader")]]);
    }
    let key = directory
        .create_api_key("test", "reader", "a program", None)
        .unwrap();
    let token = AuthToken {
        scheme: "bearer".to_owned(),
        credentials: Some(key.key.expose().to_owned()),
        ..AuthToken::default()
    };
    shown(&fixture, Version::new(5, 8), token.clone()).success();
    directory.drop_api_key("test", &key.id).unwrap();
    assert_eq!(
        shown(&fixture, Version::new(5, 8), token).failure(),
        UNAUTHORIZED
    );
}

#[test]
fn guessing_is_slowed() {
    let (fixture, _) = server();
    let version = Version::new(5, 8);
    for _ in 0..3 {
        let failure = shown(&fixture, version, basic("reader", "a guess")).failure();
        assert_eq!(failure, UNAUTHORIZED);
    }
    let failure = shown(&fixture, version, basic("reader", PASSWORD)).failure();
    assert_eq!(failure, "Neo.ClientError.Security.AuthenticationRateLimit");
    logged_in(&fixture, "editor");
}

#[test]
fn roles_say_what_may_be_done() {
    let (fixture, _) = server();
    let mut editor = logged_in(&fixture, "editor");
    assert!(may_now(&mut editor, "CREATE (:N {x: 1})"));
    assert!(may_now(&mut editor, "MATCH (n:N) SET n.x = 2"));
    assert!(!may_now(&mut editor, "CREATE INDEX FOR (n:N) ON (n.x)"));
    assert!(!may(&mut editor, "MATCH (n) RETURN n", on("system")));

    let mut reader = logged_in(&fixture, "reader");
    for text in [
        "MATCH (n:N) RETURN n",
        "EXPLAIN MATCH (n:N) RETURN n",
        "AS OF VERSION 1 MATCH (n:N) RETURN n",
        "SHOW INDEXES",
    ] {
        assert!(may_now(&mut reader, text), "{text}");
    }
    for text in [
        "CREATE (:N)",
        "EXPLAIN CREATE (:N)",
        "MATCH (n:N) DELETE n",
        "CREATE CONSTRAINT FOR (n:N) REQUIRE n.x IS UNIQUE",
        "LOAD CSV FROM 'file:///x.csv' AS row RETURN row",
    ] {
        assert!(!may_now(&mut reader, text), "{text}");
    }

    let mut admin = logged_in(&fixture, "admin");
    assert!(may_now(&mut admin, "CREATE INDEX FOR (n:N) ON (n.x)"));
    assert!(may(
        &mut admin,
        "MATCH (u:User) RETURN u.name",
        on("system")
    ));
}

#[test]
fn the_past_is_granted_by_itself() {
    let (fixture, _) = server();
    let mut clerk = logged_in(&fixture, "clerk");
    assert!(may_now(&mut clerk, "CREATE (:N {x: 1})"));
    assert!(may_now(&mut clerk, "MATCH (n:N) RETURN n"));
    for text in [
        "AS OF VERSION 1 MATCH (n:N) RETURN n",
        "CALL { AS OF VERSION 1 MATCH (n:N) RETURN count(n) AS n } RETURN n",
        "MATCH (n:N) WHERE EXISTS { CALL { AS OF VERSION 1 MATCH (m:N) RETURN m } RETURN m } RETURN n",
    ] {
        assert!(!may_now(&mut clerk, text), "{text}");
    }
    let then = Extra {
        metadata: map([("as_of", Value::Int(1))]),
        ..Extra::default()
    };
    assert!(!may(&mut clerk, "MATCH (n:N) RETURN n", then.clone()));
    assert!(may(
        &mut logged_in(&fixture, "reader"),
        "MATCH (n:N) RETURN n",
        then.clone()
    ));
    clerk.begin(then);
    clerk.send(&[run("MATCH (n:N) RETURN n")]);
    assert_eq!(clerk.failure(), FORBIDDEN);
}

#[test]
fn what_is_taken_away_is_gone_at_the_next_statement() {
    let (fixture, directory) = server();
    let mut editor = logged_in(&fixture, "editor");
    editor.begin(Extra::default());
    assert!(may_now(&mut editor, "CREATE (:N)"));
    directory.unassign("test", "editor", "editor").unwrap();
    editor.send(&[run("CREATE (:N)")]);
    assert_eq!(editor.failure(), FORBIDDEN);
    editor.reset();
    assert_eq!(
        logged_in(&fixture, "admin").int("MATCH (n) RETURN count(n)"),
        0,
        "rolled back"
    );
    directory.assign("test", "editor", "editor").unwrap();
    editor.begin(Extra::default());
    assert!(may_now(&mut editor, "CREATE (:N)"));
    directory.unassign("test", "editor", "editor").unwrap();
    editor.send(&[Request::Commit]);
    assert_eq!(editor.failure(), FORBIDDEN);
    editor.reset();
    assert_eq!(
        logged_in(&fixture, "admin").int("MATCH (n) RETURN count(n)"),
        0
    );
    directory.assign("test", "editor", "editor").unwrap();
    assert!(may_now(&mut editor, "CREATE (:N)"));
    directory.suspend("test", "editor", true).unwrap();
    assert!(!may_now(&mut editor, "MATCH (n) RETURN n"));
}

#[test]
fn a_connection_may_change_hands() {
    let (fixture, _) = server();
    let mut client = logged_in(&fixture, "editor");
    assert!(may_now(&mut client, "CREATE (:N)"));
    client.send(&[Request::Logoff]);
    client.success();
    client.send(&[Request::Logon(basic("reader", PASSWORD))]);
    client.success();
    assert!(!may_now(&mut client, "CREATE (:N)"));
    let (rows, _) = client.query("SHOW CURRENT USER YIELD user");
    assert_eq!(rows, [[Value::from("reader")]]);
}

#[test]
fn administrators_act_for_others_with_their_rights_and_it_is_recorded() {
    let (fixture, directory) = server();
    let mut admin = logged_in(&fixture, "admin");
    assert!(may(&mut admin, "CREATE (:N)", acting_for("editor")));
    assert!(!may(&mut admin, "CREATE (:N)", acting_for("reader")));
    assert!(!may(&mut admin, "RETURN 1", acting_for("nobody")));
    assert!(!may(
        &mut logged_in(&fixture, "editor"),
        "RETURN 1",
        acting_for("reader")
    ));

    let graph = fixture.database.graph("g").unwrap();
    let header = graph.commit_header(graph.latest()).unwrap().unwrap();
    let id = |name: &str| {
        let users = directory.users().unwrap();
        let user = users.into_iter().find(|user| &*user.name == name);
        user.unwrap().id
    };
    assert_eq!(header.actor, id("admin"));
    assert_eq!(header.on_behalf_of, Some(id("editor")));
}

#[test]
fn others_transactions_are_seen_and_ended_by_administrators_only() {
    let (fixture, _) = server();
    let mut editor = logged_in(&fixture, "editor");
    editor.begin(Extra::default());
    let seen = "SHOW TRANSACTIONS YIELD transactionId, username WHERE username = 'editor' \
                RETURN transactionId";
    let mut admin = logged_in(&fixture, "admin");
    let (rows, _) = admin.query(seen);
    let [row] = rows.as_slice() else {
        panic!("one transaction: {rows:?}");
    };
    let Value::String(id) = &row[0] else {
        panic!("no id: {row:?}");
    };
    let end = format!("TERMINATE TRANSACTIONS '{id}' YIELD message");
    let mut reader = logged_in(&fixture, "reader");
    assert!(reader.query(seen).0.is_empty());
    assert_eq!(
        reader.query(&end).0,
        [[Value::from("Transaction not found.")]]
    );
    assert_eq!(
        admin.query(&end).0,
        [[Value::from("Transaction terminated.")]]
    );
}

#[test]
fn a_password_to_be_changed_allows_nothing_else() {
    let (fixture, directory) = server();
    directory
        .set_password("test", "reader", &PASSWORD.into(), true)
        .unwrap();
    let mut reader = logged_in(&fixture, "reader");
    for text in [
        "RETURN 1",
        "CALL user.changePassword($old, $new) MATCH (n) CREATE (:N)",
        "CALL user.changePassword($old, $new) CALL db.labels() YIELD label RETURN label",
        "MATCH (n) WITH count(n) AS n CALL user.changePassword('a', 'b') RETURN n",
        "RETURN 1 AS n UNION ALL UNWIND [] AS n CALL user.changePassword('a', 'b') RETURN n",
        "CALL user.changePassword('a', COUNT { MATCH (n) RETURN n } + '')",
    ] {
        let refused = reader.outcome(run(text));
        let expired = "Neo.ClientError.Security.CredentialsExpired";
        assert_eq!(refused.unwrap_err(), expired, "{text}");
    }
    let change = |old: &str, new: &str| {
        Request::Run(Run {
            query: "CALL user.changePassword($old, $new)".to_owned(),
            parameters: map([("old", Value::from(old)), ("new", Value::from(new))]),
            ..Run::default()
        })
    };
    let refused = reader.outcome(change("not this", "another horse"));
    assert_eq!(
        refused.unwrap_err(),
        "Neo.ClientError.Statement.ArgumentError"
    );
    reader.outcome(change(PASSWORD, "another horse")).unwrap();
    assert!(may_now(&mut reader, "RETURN 1"));
    shown(
        &fixture,
        Version::new(5, 8),
        basic("reader", "another horse"),
    )
    .success();
}

#[test]
fn administrators_administer_by_procedures() {
    let (fixture, _) = server();
    let mut admin = logged_in(&fixture, "admin");
    for text in [
        "CALL user.create('ana', 'correct horse', false)",
        "CALL role.create('looker')",
        "CALL role.grant('looker', 'g', ['read'])",
        "CALL role.assign('looker', 'ana')",
    ] {
        assert!(may_now(&mut admin, text), "{text}");
    }
    let mut ana = logged_in(&fixture, "ana");
    assert!(may_now(&mut ana, "MATCH (n) RETURN n"));
    assert!(!may_now(&mut ana, "CREATE (:N)"));
    assert!(!may_now(&mut ana, "CALL role.assign('admin', 'ana')"));
    assert!(!may_now(&mut ana, "CALL apiKey.create('admin', 'mine')"));
    let (rows, _) = admin.query("CALL apiKey.create('ana', 'job', 1) YIELD key RETURN key");
    let Value::String(key) = &rows[0][0] else {
        panic!("no key: {rows:?}");
    };
    shown(&fixture, Version::new(5, 8), basic("ana", key)).success();
    let (rows, _) = admin.query("CALL apiKey.list() YIELD user, label RETURN user, label");
    assert_eq!(rows, [[Value::from("ana"), Value::from("job")]]);
    let (rows, _) = admin.query(
        "CALL role.list() YIELD role, graph, actions, builtIn \
                                 WHERE NOT builtIn AND role = 'looker' RETURN graph, actions",
    );
    assert_eq!(rows, [[Value::from("g"), Value::List(vec!["read".into()])]]);
    assert!(may_now(&mut admin, "CALL user.drop('ana')"));
    assert!(!may_now(&mut ana, "MATCH (n) RETURN n"));
    let unknown = admin.outcome(run("CALL role.grant('looker', 'g', ['fly'])"));
    assert_eq!(
        unknown.unwrap_err(),
        "Neo.ClientError.Statement.ArgumentError"
    );
}

#[test]
fn a_reader_does_not_write_by_a_procedure_in_an_expression() {
    let (fixture, _) = server();
    assert!(may_now(
        &mut logged_in(&fixture, "editor"),
        "CREATE (:N {x: 1})"
    ));
    let mut reader = logged_in(&fixture, "reader");
    reader.begin(Extra::default());
    let text =
        "MATCH (n:N) RETURN COUNT { CALL db.create.setNodeVectorProperty(n, 'x', [1.0]) RETURN 1 }";
    reader.outcome(run(text)).unwrap_err();
    let mut admin = logged_in(&fixture, "admin");
    assert_eq!(admin.int("MATCH (n:N) RETURN n.x"), 1);
}

#[test]
fn who_is_no_administrator_any_more_administers_no_more_in_an_open_transaction() {
    let (fixture, directory) = server();
    directory.assign("test", "editor", "admin").unwrap();
    let mut editor = logged_in(&fixture, "editor");
    editor.begin(Extra::default());
    assert!(may_now(
        &mut editor,
        "CALL user.list() YIELD name RETURN name"
    ));
    directory.unassign("test", "editor", "admin").unwrap();
    assert!(!may_now(&mut editor, "CALL role.assign('admin', 'editor')"));
}

#[test]
fn a_key_that_is_gone_does_nothing_more_and_one_that_is_there_needs_no_new_password() {
    let (fixture, directory) = server();
    directory
        .set_password("test", "reader", &PASSWORD.into(), true)
        .unwrap();
    let key = directory
        .create_api_key("test", "reader", "a program", None)
        .unwrap();
    let token = basic("reader", key.key.expose());
    let mut client = shown(&fixture, Version::new(5, 8), token);
    client.success();
    assert!(may_now(&mut client, "MATCH (n) RETURN n"));
    directory.drop_api_key("test", &key.id).unwrap();
    assert!(!may_now(&mut client, "MATCH (n) RETURN n"));
}

fn acting_for(name: &str) -> Extra {
    Extra {
        impersonated: Some(name.to_owned()),
        ..Extra::default()
    }
}

#[test]
fn whoever_may_not_act_for_others_any_more_does_not_go_on_with_what_is_open() {
    for take_away in [
        |directory: &Directory| directory.suspend("test", "second", true).unwrap(),
        |directory: &Directory| directory.unassign("test", "second", "admin").unwrap(),
        |directory: &Directory| directory.drop_user("test", "second").unwrap(),
    ] {
        let (fixture, directory) = server();
        let password = PASSWORD.into();
        directory
            .create_user("test", "second", Some(&password), false)
            .unwrap();
        directory.assign("test", "second", "admin").unwrap();
        let mut second = logged_in(&fixture, "second");
        second.begin(acting_for("editor"));
        assert!(may_now(&mut second, "CREATE (:N)"));
        let mut other = logged_in(&fixture, "second");
        other.begin(acting_for("editor"));
        assert!(may_now(&mut other, "CREATE (:N)"));
        take_away(&directory);
        assert!(!may_now(&mut second, "CREATE (:N)"));
        other.send(&[Request::Commit]);
        assert_eq!(other.failure(), FORBIDDEN);
        let mut admin = logged_in(&fixture, "admin");
        assert_eq!(admin.int("MATCH (n) RETURN count(n)"), 0);
    }
}

#[test]
fn a_routing_table_is_that_of_the_one_who_is_acted_for() {
    let (fixture, directory) = server();
    directory
        .create_user("test", "nobody", None, false)
        .unwrap();
    let mut admin = logged_in(&fixture, "admin");
    let mut table = |name: Option<&str>| {
        admin.send(&[Request::Route(Route {
            database: Some("g".to_owned()),
            impersonated: name.map(str::to_owned),
            ..Route::default()
        })]);
        let answer = admin.answer().map(|_| ());
        if answer.is_err() {
            admin.reset();
        }
        answer
    };
    table(None).unwrap();
    table(Some("reader")).unwrap();
    for name in ["nobody", "is not there"] {
        assert_eq!(table(Some(name)).unwrap_err(), FORBIDDEN, "{name}");
    }
    let mut reader = logged_in(&fixture, "reader");
    reader.send(&[Request::Route(Route {
        database: Some("g".to_owned()),
        impersonated: Some("admin".to_owned()),
        ..Route::default()
    })]);
    assert_eq!(reader.failure(), FORBIDDEN);
}

#[test]
fn names_are_told_to_those_who_may_read_only() {
    let (fixture, directory) = server();
    fixture.database.create_graph("secret").unwrap();
    let mut admin = logged_in(&fixture, "admin");
    assert!(may(
        &mut admin,
        "CREATE (:Confidential {codename: 1})",
        on("g")
    ));
    directory
        .create_user("test", "planner", Some(&PASSWORD.into()), false)
        .unwrap();
    directory.create_role("test", "planner").unwrap();
    let grant = Grant {
        graph: "g".into(),
        actions: Actions::of(&[Action::Schema]),
    };
    directory.grant("test", "planner", &grant).unwrap();
    directory.assign("test", "planner", "planner").unwrap();
    let mut planner = logged_in(&fixture, "planner");
    for text in [
        "MATCH (n:Confidentia) RETURN n.codenam",
        "EXPLAIN MATCH (n:Confidentia) RETURN n",
        "RETURN nothing",
        "CALL db.label()",
    ] {
        assert!(!may(&mut planner, text, on("g")), "{text}");
    }
    assert!(may(
        &mut planner,
        "CREATE INDEX FOR (n:N) ON (n.x)",
        on("g")
    ));
    planner.send(&[run_with("CREATE INDEX FOR (n:N ON n.x", on("g"))]);
    let mistake = "Neo.ClientError.Statement.SyntaxError";
    assert_eq!(
        planner.failure(),
        mistake,
        "which tells nothing of the graph"
    );
    planner.reset();
    // A graph that is there looks like one that is not.
    let mut told = |name: &str| {
        planner.send(&[run_with("RETURN 1", on(name))]);
        let told = planner.failure_message();
        planner.reset();
        told.replace(name, "…")
    };
    assert_eq!(told("secret"), told("secre"));
    // Who names no graph gets the only one that they may use, and is told of no other.
    assert!(may_now(&mut planner, "CREATE INDEX FOR (n:N) ON (n.y)"));
    let mut reader = logged_in(&fixture, "reader");
    reader.send(&[run("RETURN 1")]);
    assert!(reader.failure_message().contains("g, secret"));
}

#[test]
fn auditors_read_who_tried_and_who_changed_what() {
    let (fixture, directory) = server();
    directory
        .create_user("test", "eve", Some(&PASSWORD.into()), false)
        .unwrap();
    directory.assign("test", "eve", "auditor").unwrap();
    let authenticator = Authenticator::new(Arc::clone(&directory)).unwrap();
    let credentials = Credentials::Basic {
        user: "reader".to_owned(),
        secret: "a guess".into(),
    };
    let elsewhere = "192.0.2.9".parse().unwrap();
    authenticator
        .authenticate(&credentials, Some(elsewhere), SystemTime(1))
        .unwrap_err();
    authenticator.record_failures().unwrap();
    let mut admin = logged_in(&fixture, "admin");
    assert!(may_now(&mut admin, "CALL role.create('looker')"));
    assert!(may(&mut admin, "MATCH (n) RETURN n", acting_for("reader")));

    let mut eve = logged_in(&fixture, "eve");
    let failures = "CALL audit.failedLogins() YIELD user, peer, count RETURN user, peer, count";
    let (rows, _) = eve.query(failures);
    assert!(rows.contains(&vec![
        Value::from("reader"),
        Value::from("192.0.2.9"),
        Value::Int(1)
    ]));
    let changes = "CALL audit.changes(1) YIELD actor, actorName, onBehalfOf, activity \
                   RETURN actor, actorName, onBehalfOf, activity";
    let (rows, _) = eve.query(changes);
    let users = directory.users().unwrap();
    let id = |name: &str| {
        let user = users.iter().find(|user| &*user.name == name);
        Value::from(&*user.unwrap().id)
    };
    assert_eq!(
        rows,
        [[
            id("admin"),
            Value::from("admin"),
            Value::Null,
            Value::from("create role `looker`")
        ]]
    );
    for text in [failures, changes] {
        assert!(may_now(&mut admin, text));
        for name in ["reader", "editor", "clerk"] {
            assert!(!may_now(&mut logged_in(&fixture, name), text), "{name}");
        }
    }
    assert!(!may_now(&mut eve, "CALL user.list()"));
}

#[test]
fn procedures_record_ids_and_for_whom() {
    let (fixture, directory) = server();
    directory
        .create_user("test", "second", Some(&PASSWORD.into()), false)
        .unwrap();
    directory.assign("test", "second", "admin").unwrap();
    let mut admin = logged_in(&fixture, "admin");
    assert!(may(
        &mut admin,
        "CALL role.create('looker')",
        acting_for("second")
    ));
    let users = directory.users().unwrap();
    let id = |name: &str| {
        let user = users.iter().find(|user| &*user.name == name);
        Arc::clone(&user.unwrap().id)
    };
    let system = fixture.database.graph("system").unwrap();
    let header = system.commit_header(system.latest()).unwrap().unwrap();
    assert_eq!(header.actor, id("admin"));
    assert_eq!(header.on_behalf_of, Some(id("second")));
    assert_eq!(header.activity.as_deref(), Some("create role `looker`"));
}

#[test]
fn wrong_old_passwords_are_slowed() {
    let (fixture, _) = server();
    let mut reader = logged_in(&fixture, "reader");
    let change = |old: &str| {
        Request::Run(Run {
            query: "CALL user.changePassword($old, $new)".to_owned(),
            parameters: map([
                ("old", Value::from(old)),
                ("new", Value::from("another horse")),
            ]),
            ..Run::default()
        })
    };
    let slowed = "Neo.ClientError.Security.AuthenticationRateLimit";
    for _ in 0..3 {
        let refused = reader.outcome(change("not this"));
        assert_eq!(
            refused.unwrap_err(),
            "Neo.ClientError.Statement.ArgumentError"
        );
    }
    for old in ["not this", PASSWORD] {
        assert_eq!(reader.outcome(change(old)).unwrap_err(), slowed);
    }
    let login = shown(&fixture, Version::new(5, 8), basic("reader", PASSWORD)).failure();
    assert_eq!(login, slowed);
}
