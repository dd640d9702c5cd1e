//! Indexes, constraints, SHOW and what clients ask on connect, through the real binary.

mod support;

use support::Retrograph;

#[test]
fn show_commands_answer_with_the_columns_clients_expect() {
    let retrograph = Retrograph::with_graph();
    retrograph
        .query("CREATE (:Person {name: 'Ana', age: 41})-[:KNOWS {since: 2001}]->(:Person {name: 'Bo'})")
        .success();
    retrograph
        .query("CREATE CONSTRAINT person_name FOR (n:Person) REQUIRE n.name IS UNIQUE")
        .success();
    let rows = |text: &str| retrograph.query(text).success();
    assert_eq!(
        rows("SHOW CONSTRAINTS YIELD name, type, labelsOrTypes, properties"),
        "name,type,labelsOrTypes,properties\n\
         person_name,UNIQUENESS,\"[\"\"Person\"\"]\",\"[\"\"name\"\"]\"\n"
    );
    assert_eq!(
        rows("SHOW DATABASES YIELD name, type, home ORDER BY name"),
        "name,type,home\ng,standard,true\nsystem,system,false\n"
    );
    assert_eq!(
        rows("SHOW DEFAULT DATABASE YIELD name, default"),
        "name,default\ng,true\n"
    );
    assert_eq!(
        rows(
            "SHOW TRANSACTIONS YIELD database, currentQuery RETURN database, size(currentQuery) > 0 AS runs"
        ),
        "database,runs\ng,true\n"
    );
    assert_eq!(
        rows("SHOW FUNCTIONS YIELD name WHERE name = 'count' RETURN *"),
        "name\ncount\n"
    );
    assert_eq!(
        rows("CALL db.schema.nodeTypeProperties() YIELD propertyName, propertyTypes, mandatory"),
        "propertyName,propertyTypes,mandatory\n\
         age,\"[\"\"Long\"\"]\",false\nname,\"[\"\"String\"\"]\",true\n"
    );
}

#[test]
fn the_schema_of_the_past_is_shown_as_it_was() {
    let retrograph = Retrograph::with_graph();
    retrograph.query("CREATE (:A {x: 1})").success();
    retrograph
        .query("CREATE INDEX a_x FOR (n:A) ON (n.x)")
        .success();
    retrograph.query("DROP INDEX a_x").success();
    let at = |version: &str| {
        let text = "CALL db.indexes() YIELD name RETURN count(*) AS n";
        retrograph
            .query(&format!("AS OF VERSION {version} {text}"))
            .success()
    };
    // Two lookup indexes are always there.
    assert_eq!(at("1"), "n\n2\n");
    assert_eq!(at("2"), "n\n3\n");
    assert_eq!(at("3"), "n\n2\n");
}

#[test]
fn constraints_hold_across_processes() {
    let retrograph = Retrograph::with_graph();
    for text in [
        "CREATE CONSTRAINT k FOR (n:Person) REQUIRE (n.first, n.last) IS NODE KEY",
        "CREATE CONSTRAINT t FOR ()-[r:KNOWS]-() REQUIRE r.since IS :: INTEGER",
        "CREATE (:Person {first: 'Ada', last: 'L'})-[:KNOWS {since: 1}]->(:Person {first: 'Bo', last: 'L'})",
    ] {
        retrograph.query(text).success();
    }
    for (text, wanted) in [
        (
            "CREATE (:Person {first: 'Ada', last: 'L'})",
            "constraint k makes that unique",
        ),
        ("CREATE (:Person {first: 'Ada'})", "has no Person.last"),
        (
            "MATCH ()-[r:KNOWS]->() SET r.since = 'long'",
            "constraint t demands INTEGER",
        ),
    ] {
        let error = retrograph.query(text).failure(1);
        assert!(error.contains(wanted), "{error}");
    }
    retrograph.query("DROP CONSTRAINT k").success();
    retrograph
        .query("CREATE (:Person {first: 'Ada', last: 'L'})")
        .success();
    let again = "CREATE CONSTRAINT k FOR (n:Person) REQUIRE (n.first, n.last) IS UNIQUE";
    let error = retrograph.query(again).failure(1);
    assert!(error.contains("first: Ada, last: L"), "{error}");
}

#[test]
fn a_command_that_creates_an_index_ends_when_it_is_built() {
    let retrograph = Retrograph::with_graph();
    retrograph
        .query("UNWIND range(1, 9000) AS i CREATE (:P {k: i % 10, name: 'n' + toString(i)})")
        .success();
    retrograph
        .query("CREATE INDEX k FOR (n:P) ON (n.k); CREATE TEXT INDEX name FOR (n:P) ON (n.name)")
        .success();
    let shown = "SHOW INDEXES YIELD name, state, populationPercent WHERE name IN ['k', 'name'] \
                 RETURN name, state, populationPercent ORDER BY name";
    assert_eq!(
        retrograph.query(shown).success(),
        "name,state,populationPercent\nk,ONLINE,100.0\nname,ONLINE,100.0\n"
    );
    retrograph.query("CALL db.awaitIndexes(0)").success();
    let found = retrograph.query("MATCH (n:P {k: 3}) RETURN count(*) AS n");
    assert_eq!(found.success(), "n\n900\n");
    // A value that does not fit an index shows only when it is built.
    retrograph
        .query("CREATE (:P {long: reduce(s = 'x', i IN range(1, 14) | s + s)})")
        .success();
    let error = retrograph
        .query("CREATE INDEX long FOR (n:P) ON (n.long)")
        .failure(1);
    assert!(error.contains("index long cannot be built"), "{error}");
    retrograph.query("DROP INDEX long").success();
}
