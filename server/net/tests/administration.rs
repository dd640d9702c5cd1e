//! Users, roles and grants by statements, over a real server.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod fixture;

use std::sync::Arc;

use fixture::{Client, Fixture, ask_users, basic, run, run_with, shown};
use retrograph_bolt::message::request::{Extra, Request, Run};
use retrograph_bolt::value::{Map, map};
use retrograph_bolt::{Value, Version};
use retrograph_identity::{Action, Directory};

const FORBIDDEN: &str = "Neo.ClientError.Security.Forbidden";
const ARGUMENT: &str = "Neo.ClientError.Statement.ArgumentError";
const SYNTAX: &str = "Neo.ClientError.Statement.SyntaxError";
const PASSWORD: &str = "correct horse";

/// A server with the users `admin` and `reader`, who have these roles.
fn server() -> (Fixture, Arc<Directory>) {
    let mut known = None;
    let fixture = Fixture::with_database(|database, options| {
        let users = [("admin", "admin"), ("reader", "reader")];
        known = Some(ask_users(database, options, PASSWORD, &users));
    });
    (fixture, known.unwrap())
}

/// A client of a user, if they get in.
fn log_in(fixture: &Fixture, user: &str, password: &str) -> Option<Client> {
    let mut client = shown(fixture, Version::new(5, 8), basic(user, password));
    client.answer().ok().map(|_| client)
}

fn logged_in(fixture: &Fixture, user: &str) -> Client {
    log_in(fixture, user, PASSWORD).unwrap()
}

fn with(text: &str, parameters: Map) -> Request {
    Request::Run(Run {
        query: text.to_owned(),
        parameters,
        ..Run::default()
    })
}

/// Runs a statement that yields nothing.
fn does(client: &mut Client, text: &str) {
    assert_eq!(client.outcome(run(text)), Ok(Vec::new()), "{text}");
}

fn fails(client: &mut Client, text: &str, code: &str) {
    assert_eq!(client.outcome(run(text)), Err(code.to_owned()), "{text}");
}

fn texts<const N: usize>(texts: [&str; N]) -> Value {
    Value::List(texts.into_iter().map(Value::from).collect())
}

/// The rows as text, values with a bar between them.
fn rows_shown(client: &mut Client, text: &str) -> Vec<String> {
    let rows = client
        .outcome(run(text))
        .unwrap_or_else(|code| panic!("{text}: {code}"));
    let cell = |value: Value| match value {
        Value::String(text) => text,
        Value::Bool(flag) => flag.to_string(),
        Value::Null => "null".to_owned(),
        Value::List(items) => {
            let items = items.into_iter().map(|item| match item {
                Value::String(text) => text,
                other => panic!("no text: {other:?}"),
            });
            items.collect::<Vec<_>>().join("+")
        }
        other => panic!("no text: {other:?}"),
    };
    let row = |row: Vec<Value>| row.into_iter().map(cell).collect::<Vec<_>>().join("|");
    rows.into_iter().map(row).collect()
}

#[test]
fn users_come_change_and_go() {
    let (fixture, directory) = server();
    let mut admin = logged_in(&fixture, "admin");
    does(
        &mut admin,
        "CREATE USER ana SET PASSWORD 'correct horse' CHANGE NOT REQUIRED",
    );
    fails(
        &mut admin,
        "CREATE USER ana SET PASSWORD 'other horse'",
        ARGUMENT,
    );
    does(
        &mut admin,
        "CREATE USER ana IF NOT EXISTS SET PASSWORD 'other horse'",
    );
    assert!(
        log_in(&fixture, "ana", PASSWORD).is_some(),
        "she is as she was"
    );
    let request = with(
        "CREATE USER $name SET PASSWORD $password SET STATUS SUSPENDED",
        map([("name", Value::from("ben")), ("password", PASSWORD.into())]),
    );
    assert_eq!(admin.outcome(request), Ok(Vec::new()));
    assert!(
        log_in(&fixture, "ben", PASSWORD).is_none(),
        "he is suspended"
    );
    assert_eq!(
        rows_shown(
            &mut admin,
            "SHOW USERS YIELD user, passwordChangeRequired, suspended, hasPassword"
        ),
        [
            "admin|false|false|true",
            "ana|false|false|true",
            "ben|true|true|true",
            "reader|false|false|true"
        ]
    );
    assert_eq!(
        rows_shown(&mut admin, "SHOW USERS WHERE suspended"),
        ["ben||true|true|null"]
    );

    does(
        &mut admin,
        "ALTER USER ben SET PASSWORD CHANGE NOT REQUIRED SET STATUS ACTIVE",
    );
    assert!(log_in(&fixture, "ben", PASSWORD).is_some());
    // What is not said stays.
    does(&mut admin, "ALTER USER ben SET PASSWORD 'a third horse'");
    let (ben, old) = (
        log_in(&fixture, "ben", "a third horse"),
        log_in(&fixture, "ben", PASSWORD),
    );
    assert!(ben.is_some() && old.is_none());
    assert_eq!(
        rows_shown(
            &mut admin,
            "SHOW USERS YIELD user, passwordChangeRequired WHERE user = 'ben'"
        ),
        ["ben|false"]
    );
    does(
        &mut admin,
        "ALTER USER nobody IF EXISTS SET STATUS SUSPENDED",
    );
    fails(
        &mut admin,
        "ALTER USER nobody SET STATUS SUSPENDED",
        ARGUMENT,
    );

    directory.assign("test", "ben", "reader").unwrap();
    let id = |name: &str| {
        let mut users = directory.users().unwrap().into_iter();
        users.find(|user| &*user.name == name).unwrap().id
    };
    let ben = id("ben");
    does(&mut admin, "RENAME USER ben TO benjamin");
    assert_eq!(id("benjamin"), ben, "somebody keeps their id");
    assert!(log_in(&fixture, "benjamin", "a third horse").is_some());
    fails(&mut admin, "RENAME USER benjamin TO ana", ARGUMENT);
    fails(&mut admin, "RENAME USER benjamin TO `no name`", ARGUMENT);
    fails(&mut admin, "RENAME USER ben TO carl", ARGUMENT);
    does(&mut admin, "RENAME USER ben IF EXISTS TO carl");

    does(
        &mut admin,
        "CREATE OR REPLACE USER benjamin SET PASSWORD 'correct horse'",
    );
    assert_ne!(id("benjamin"), ben, "somebody else has the name");
    assert_eq!(
        rows_shown(
            &mut admin,
            "SHOW USER YIELD user, roles WHERE user = 'benjamin'"
        ),
        ["benjamin|"]
    );
    does(&mut admin, "DROP USER benjamin");
    fails(&mut admin, "DROP USER benjamin", ARGUMENT);
    does(&mut admin, "DROP USER benjamin IF EXISTS");
    assert_eq!(
        rows_shown(&mut admin, "SHOW USERS YIELD user"),
        ["admin", "ana", "reader"]
    );
    let activities = rows_shown(
        &mut admin,
        "CALL audit.changes(3) YIELD activity RETURN activity",
    );
    assert_eq!(
        activities,
        [
            "drop user `benjamin`",
            "replace user `benjamin`",
            "rename user `ben` to `benjamin`"
        ]
    );
}

#[test]
fn roles_are_made_given_and_taken() {
    let (fixture, _) = server();
    let mut admin = logged_in(&fixture, "admin");
    for text in [
        "CREATE USER ana SET PASSWORD 'correct horse' CHANGE NOT REQUIRED",
        "CREATE USER ben SET PASSWORD 'correct horse' CHANGE NOT REQUIRED",
        "CREATE ROLE clerk",
        "CREATE ROLE clerk IF NOT EXISTS AS COPY OF architect",
        "GRANT MATCH {*} ON GRAPH g TO clerk",
        "CREATE ROLE chief AS COPY OF clerk",
        "GRANT WRITE ON GRAPHS g, h TO chief",
        "GRANT ROLES clerk, chief TO ana, ben",
    ] {
        does(&mut admin, text);
    }
    assert_eq!(
        rows_shown(
            &mut admin,
            "SHOW ROLES YIELD role, immutable WHERE NOT immutable"
        ),
        ["chief|false", "clerk|false"]
    );
    assert_eq!(
        rows_shown(&mut admin, "SHOW ROLES"),
        [
            "reader",
            "editor",
            "architect",
            "auditor",
            "admin",
            "chief",
            "clerk"
        ]
    );
    assert_eq!(
        rows_shown(&mut admin, "SHOW POPULATED ROLES"),
        ["reader", "admin", "chief", "clerk"]
    );
    assert_eq!(
        rows_shown(
            &mut admin,
            "SHOW ROLES WITH USERS WHERE role STARTS WITH 'c' OR member IS NULL"
        ),
        [
            "editor|null",
            "architect|null",
            "auditor|null",
            "chief|ana",
            "chief|ben",
            "clerk|ana",
            "clerk|ben"
        ]
    );
    fails(&mut admin, "GRANT ROLE clerk TO ana, nobody", ARGUMENT);
    fails(&mut admin, "GRANT ROLE clerks TO ana", ARGUMENT);
    does(&mut admin, "REVOKE ROLE chief FROM ana, ben");
    does(&mut admin, "RENAME ROLE clerk TO teller");
    assert_eq!(
        rows_shown(
            &mut admin,
            "SHOW POPULATED ROLES WITH USERS WHERE role = 'teller'"
        ),
        ["teller|ana", "teller|ben"]
    );
    let mut ana = logged_in(&fixture, "ana");
    ana.outcome(run("MATCH (n) RETURN n")).unwrap();
    fails(&mut ana, "CREATE (:N)", FORBIDDEN);
    does(&mut admin, "CREATE OR REPLACE ROLE teller AS COPY OF chief");
    fails(&mut ana, "MATCH (n) RETURN n", FORBIDDEN);
    does(&mut admin, "GRANT ROLE teller TO ana");
    ana.outcome(run("CREATE (:N)")).unwrap();
    does(&mut admin, "DROP ROLE teller");
    fails(&mut ana, "MATCH (n) RETURN n", FORBIDDEN);
    does(&mut admin, "DROP ROLE teller IF EXISTS");
    for text in [
        "DROP ROLE teller",
        "DROP ROLE reader",
        "RENAME ROLE reader TO looker",
        "RENAME ROLE chief TO reader",
        "CREATE OR REPLACE ROLE reader",
        "CREATE ROLE chief",
        "CREATE ROLE other AS COPY OF nothing",
        "GRANT WRITE ON GRAPH g TO reader",
    ] {
        fails(&mut admin, text, ARGUMENT);
    }
}

#[test]
fn a_privilege_allows_what_it_says_and_no_more() {
    let (fixture, _) = server();
    let mut admin = logged_in(&fixture, "admin");
    does(
        &mut admin,
        "CREATE USER ana SET PASSWORD 'correct horse' CHANGE NOT REQUIRED",
    );
    does(&mut admin, "CREATE ROLE clerk");
    does(&mut admin, "GRANT ROLE clerk TO ana");
    let mut ana = logged_in(&fixture, "ana");
    let asked = [
        ("read", "MATCH (n) RETURN n"),
        ("read-past", "AS OF VERSION 1 MATCH (n) RETURN n"),
        ("write", "CREATE (:N)"),
        ("schema", "CREATE INDEX i IF NOT EXISTS FOR (n:N) ON (n.x)"),
    ];
    admin.outcome(run("CREATE (:N)")).unwrap();
    let mut now = |wanted: &[&str], text: &str| {
        for (action, query) in asked {
            let may = match ana.outcome(run(query)) {
                Ok(_) => true,
                Err(code) => {
                    assert_eq!(code, FORBIDDEN, "{query}");
                    false
                }
            };
            assert_eq!(may, wanted.contains(&action), "{query} behind {text}");
        }
    };
    for (text, wanted) in [
        ("GRANT SCHEMA ON GRAPH g TO clerk", &["schema"][..]),
        ("REVOKE ALL ON DATABASE g FROM clerk", &[]),
        ("GRANT MATCH {*} ON GRAPH g TO clerk", &["read"]),
        (
            "GRANT READ PAST ON GRAPH g TO clerk",
            &["read", "read-past"],
        ),
        (
            "GRANT WRITE ON GRAPH g TO clerk",
            &["read", "read-past", "write"],
        ),
        ("REVOKE READ PAST ON GRAPH g FROM clerk", &["read", "write"]),
        // On all graphs it was not granted.
        ("REVOKE WRITE ON GRAPH * FROM clerk", &["read", "write"]),
        ("REVOKE GRANT WRITE ON GRAPH g FROM clerk", &["read"]),
        (
            "GRANT ALL GRAPH PRIVILEGES ON GRAPH * TO clerk",
            &["read", "write"],
        ),
        ("REVOKE MATCH {*} ON GRAPH g FROM clerk", &["read", "write"]),
        ("REVOKE ALL ON GRAPH * FROM clerk", &[]),
        ("GRANT ALL ON DATABASE g TO clerk", &["schema"]),
    ] {
        does(&mut admin, text);
        now(wanted, text);
    }
    // Privileges that others have are refused rather than widened.
    for text in [
        "GRANT TRAVERSE ON GRAPH g TO clerk",
        "GRANT READ {name} ON GRAPH g TO clerk",
        "GRANT SET PROPERTY {name} ON GRAPH g TO clerk",
        "GRANT MATCH {*} ON GRAPH g NODES Person TO clerk",
        "GRANT INDEX ON DATABASE g TO clerk",
        "GRANT ACCESS ON DATABASE g TO clerk",
        "GRANT ALL ON DBMS TO clerk",
        "DENY WRITE ON GRAPH g TO clerk",
    ] {
        fails(&mut admin, text, SYNTAX);
    }
    now(&["schema"], "all that was refused");
}

#[test]
fn grants_are_listed_and_their_commands_grant_them() {
    let (fixture, _) = server();
    let mut admin = logged_in(&fixture, "admin");
    for text in [
        "CREATE USER ana SET PASSWORD 'correct horse' CHANGE NOT REQUIRED",
        "CREATE ROLE `in`",
        "GRANT ROLE `in`, reader TO ana",
    ] {
        does(&mut admin, text);
    }
    // Each action has a privilege.
    for action in Action::ALL {
        let text = format!("CALL role.allow('in', '*', ['{}'])", action.name());
        does(&mut admin, &text);
    }
    does(&mut admin, "GRANT WRITE ON GRAPH `a-b` TO `in`");
    let list = "SHOW ROLE `in` PRIVILEGES";
    let rows = rows_shown(&mut admin, list);
    assert_eq!(rows.len(), Action::ALL.len() + 1, "{rows:?}");
    let row = |row: &str| assert!(rows.contains(&row.to_owned()), "{row}: {rows:?}");
    row("GRANTED|match|all_properties|*|ELEMENT(*)|in|false");
    row("GRANTED|write|graph|a-b|ELEMENT(*)|in|false");

    let commands = rows_shown(&mut admin, "SHOW ROLE `in` PRIVILEGES AS COMMANDS");
    let revocations = rows_shown(&mut admin, "SHOW ROLE `in` PRIVILEGES AS REVOKE COMMANDS");
    assert!(
        commands.contains(&"GRANT WRITE ON GRAPH `a-b` TO `in`".to_owned()),
        "{commands:?}"
    );
    for text in &revocations {
        does(&mut admin, text);
    }
    assert!(rows_shown(&mut admin, list).is_empty());
    for text in &commands {
        does(&mut admin, text);
    }
    assert_eq!(rows_shown(&mut admin, list), rows);

    let mut ana = logged_in(&fixture, "ana");
    let own = "SHOW USER PRIVILEGES YIELD user, role, action WHERE action = 'match' RETURN user, role ORDER BY role";
    assert_eq!(rows_shown(&mut ana, own), ["ana|in", "ana|reader"]);
    let of_ana = own.replace("USER", "USER ana, admin");
    assert_eq!(
        rows_shown(&mut admin, &of_ana),
        ["admin|admin", "ana|in", "ana|reader"]
    );
    fails(&mut ana, "SHOW USER ana PRIVILEGES", FORBIDDEN);
    assert_eq!(
        rows_shown(&mut admin, "SHOW PRIVILEGES WHERE role = 'editor'").len(),
        3
    );
    assert_eq!(
        rows_shown(&mut ana, "SHOW CURRENT USER"),
        ["ana|in+reader|false|false|null"]
    );
}

#[test]
fn only_administrators_administer() {
    let (fixture, directory) = server();
    let mut reader = logged_in(&fixture, "reader");
    let before = fixture.database.graph("system").unwrap().latest();
    for text in [
        "CREATE USER eve SET PASSWORD 'correct horse'",
        "CREATE USER reader IF NOT EXISTS SET PASSWORD 'correct horse'",
        "CREATE OR REPLACE USER admin SET PASSWORD 'correct horse'",
        "ALTER USER reader SET PASSWORD 'another horse'",
        "ALTER USER nobody IF EXISTS SET STATUS SUSPENDED",
        "RENAME USER reader TO eve",
        "DROP USER admin",
        "DROP USER nobody IF EXISTS",
        "CREATE ROLE mine AS COPY OF admin",
        "RENAME ROLE mine TO yours",
        "DROP ROLE mine IF EXISTS",
        "GRANT ROLE admin TO reader",
        "REVOKE ROLE admin FROM admin",
        "GRANT WRITE ON GRAPH * TO mine",
        "REVOKE WRITE ON GRAPH * FROM mine",
        "SHOW USERS",
        "SHOW ROLES",
        "SHOW ROLES WITH USERS",
        "SHOW PRIVILEGES",
        "SHOW ROLE reader PRIVILEGES",
        "SHOW USER admin PRIVILEGES AS COMMANDS",
    ] {
        fails(&mut reader, text, FORBIDDEN);
        // Nor within a transaction.
        reader.begin(Extra::default());
        fails(&mut reader, text, FORBIDDEN);
    }
    assert_eq!(fixture.database.graph("system").unwrap().latest(), before);
    assert_eq!(directory.users().unwrap().len(), 2);
}

#[test]
fn everybody_changes_their_own_password() {
    let (fixture, directory) = server();
    let mut reader = logged_in(&fixture, "reader");
    let wrong = "ALTER CURRENT USER SET PASSWORD FROM 'not this' TO 'another horse'";
    fails(&mut reader, wrong, ARGUMENT);
    does(
        &mut reader,
        "ALTER CURRENT USER SET PASSWORD FROM 'correct horse' TO 'another horse'",
    );
    assert!(log_in(&fixture, "reader", PASSWORD).is_none());
    let mut reader = log_in(&fixture, "reader", "another horse").unwrap();

    // One that is to be changed first, by somebody who may do nothing.
    directory.unassign("test", "reader", "reader").unwrap();
    let mut admin = logged_in(&fixture, "admin");
    does(&mut admin, "ALTER USER reader SET PASSWORD CHANGE REQUIRED");
    let expired = "Neo.ClientError.Security.CredentialsExpired";
    for text in [
        "RETURN 1",
        "SHOW CURRENT USER",
        "SHOW USER PRIVILEGES",
        "ALTER USER reader SET PASSWORD CHANGE NOT REQUIRED",
    ] {
        fails(&mut reader, text, expired);
    }
    let request = with(
        "ALTER CURRENT USER SET PASSWORD FROM $old TO $new",
        map([
            ("old", Value::from("another horse")),
            ("new", PASSWORD.into()),
        ]),
    );
    assert_eq!(reader.outcome(request), Ok(Vec::new()));
    fails(&mut reader, "RETURN 1", FORBIDDEN);
    assert!(log_in(&fixture, "reader", PASSWORD).is_some());
}

#[test]
fn the_last_administrator_stays() {
    let (fixture, directory) = server();
    let mut admin = logged_in(&fixture, "admin");
    let texts = [
        "DROP USER admin",
        "DROP USER admin IF EXISTS",
        "ALTER USER admin SET STATUS SUSPENDED",
        "REVOKE ROLE admin FROM admin",
        "CREATE OR REPLACE USER admin SET PASSWORD 'another horse'",
    ];
    for text in texts {
        fails(&mut admin, text, ARGUMENT);
    }
    does(&mut admin, "GRANT ROLE admin TO reader");
    fails(&mut admin, "REVOKE ROLE admin FROM reader, admin", ARGUMENT);
    let mut other = logged_in(&fixture, "reader");
    does(&mut other, "ALTER USER admin SET STATUS SUSPENDED");
    fails(&mut other, "DROP USER reader", ARGUMENT);
    does(&mut other, "DROP USER admin");
    assert_eq!(directory.users().unwrap().len(), 1);
}

#[test]
fn where_nobody_is_asked_there_are_no_users() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    for text in [
        "CREATE USER ana SET PASSWORD $p",
        "SHOW USERS",
        "SHOW PRIVILEGES",
        "DROP ROLE x",
    ] {
        fails(
            &mut client,
            text,
            "Neo.ClientError.Procedure.ProcedureNotFound",
        );
    }
    assert_eq!(
        client.query("SHOW CURRENT USER YIELD user").0,
        [[Value::from("tester")]]
    );
    // A path may have such a name.
    client.query_with(
        "CREATE user = (:N)-[:T]->(:N) RETURN length(user)",
        Extra::default(),
    );
    let (rows, _) = client.query("MATCH role = (:N)-->() RETURN [1] AS user");
    assert_eq!(rows, [[Value::List(vec![Value::Int(1)])]]);
    client.send(&[run_with("SHOW USERS", Extra::default())]);
    let message = client.failure_message();
    assert!(
        message.contains("there are no users and roles here"),
        "{message}"
    );
}

#[test]
fn a_list_of_roles_is_what_clients_read() {
    let (fixture, _) = server();
    let (rows, _) = logged_in(&fixture, "admin").query("SHOW CURRENT USER YIELD roles");
    assert_eq!(rows, [[texts(["admin"])]]);
}
