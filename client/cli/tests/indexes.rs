//! Indexes of every shape through the real binary. Each command opens the data directory anew, so
//! what one has made the next one reads from disk.

mod support;

use support::Retrograph;

/// Airports, flights between them, and an index of each shape, in one commit each.
fn airports() -> Retrograph {
    let retrograph = Retrograph::with_graph();
    let statements = [
        "UNWIND [['ZRH', 'Zurich', 'CH', 8.55, 47.46], ['GVA', 'Geneva', 'CH', 6.11, 46.24], \
         ['NAN', 'Nadi', 'FJ', 177.44, -17.76], ['APW', 'Apia', 'WS', -172.01, -13.83]] AS row \
         CREATE (:Airport {code: row[0], city: row[1], country: row[2], \
         at: point({longitude: row[3], latitude: row[4]})})",
        "MATCH (a:Airport), (b:Airport) WHERE a <> b \
         CREATE (a)-[:FLIGHT {number: a.code + b.code, seats: CASE a.code WHEN 'ZRH' THEN 70 ELSE 60 END}]->(b)",
        "CREATE INDEX place FOR (a:Airport) ON (a.country, a.city)",
        "CREATE TEXT INDEX city FOR (a:Airport) ON (a.city)",
        "CREATE POINT INDEX at FOR (a:Airport) ON (a.at)",
        "CREATE INDEX seats FOR ()-[f:FLIGHT]-() ON (f.seats)",
        "CREATE CONSTRAINT number FOR ()-[f:FLIGHT]-() REQUIRE f.number IS UNIQUE",
    ];
    for statement in statements {
        retrograph.query(statement).success();
    }
    retrograph
}

/// A question, the operator that must answer it, and what it must answer.
const QUESTIONS: [(&str, &str, &str); 7] = [
    (
        "MATCH (a:Airport {country: 'CH', city: 'Geneva'}) RETURN a.code AS c",
        "SeekNodesByRows",
        "GVA",
    ),
    (
        "MATCH (a:Airport) WHERE a.country = 'CH' AND a.city STARTS WITH 'Z' RETURN a.code AS c",
        "SeekNodesBy",
        "ZRH",
    ),
    (
        "MATCH (a:Airport) WHERE a.city CONTAINS 'ad' RETURN a.code AS c",
        "SeekNodesByText",
        "NAN",
    ),
    (
        "MATCH (a:Airport) WHERE point.distance(a.at, point({longitude: -179, latitude: -15})) < 900000 \
         RETURN min(a.code) + max(a.code) AS c",
        "SeekNodesByPoint",
        "APWNAN",
    ),
    (
        "MATCH (a:Airport) WHERE point.withinBBox(a.at, point({longitude: 170, latitude: -20}), \
         point({longitude: -170, latitude: -15})) RETURN a.code AS c",
        "SeekNodesByPoint",
        "NAN",
    ),
    (
        "MATCH (a)-[f:FLIGHT]->(b {code: 'GVA'}) WHERE f.seats > 65 RETURN a.code + b.code AS c",
        "SeekRelationshipsByRows",
        "ZRHGVA",
    ),
    (
        "MATCH (a)-[f:FLIGHT {number: 'APWGVA'}]->(b) RETURN b.code AS c",
        "SeekRelationshipsByRows",
        "GVA",
    ),
];

#[test]
fn every_shape_answers_now_and_in_the_past() {
    let retrograph = airports();
    retrograph
        .query(
            "MATCH (a:Airport {code: 'ZRH'}) SET a.city = 'Kloten', a.country = null REMOVE a.at",
        )
        .success();
    retrograph
        .query("MATCH (a {code: 'ZRH'})-[f]-() SET f.seats = 1, f.number = null")
        .success();
    for (question, operator, answer) in QUESTIONS {
        let plan = retrograph.query(&format!("EXPLAIN {question}")).success();
        assert!(plan.contains(operator), "{question}\n{plan}");
        // Version 2 is before the indexes, version 7 has them all.
        for version in [2, 7] {
            let past = format!("AS OF VERSION {version} {question}");
            let found = retrograph.query(&past).success();
            assert_eq!(found, format!("c\n{answer}\n"), "{past}");
        }
        let now = match answer {
            "ZRH" | "ZRHGVA" => "c\n".to_owned(),
            other => format!("c\n{other}\n"),
        };
        assert_eq!(retrograph.query(question).success(), now, "{question}");
    }
}

#[test]
fn indexes_are_listed_and_dropped() {
    let retrograph = airports();
    let listed =
        "SHOW INDEXES YIELD name, type, entityType, properties, state WHERE type <> 'LOOKUP'";
    assert_eq!(
        retrograph.query(listed).success(),
        "name,type,entityType,properties,state\n\
         at,POINT,NODE,\"[\"\"at\"\"]\",ONLINE\n\
         city,TEXT,NODE,\"[\"\"city\"\"]\",ONLINE\n\
         number,RANGE,RELATIONSHIP,\"[\"\"number\"\"]\",ONLINE\n\
         place,RANGE,NODE,\"[\"\"country\"\",\"\"city\"\"]\",ONLINE\n\
         seats,RANGE,RELATIONSHIP,\"[\"\"seats\"\"]\",ONLINE\n"
    );
    for name in ["at", "city", "place", "seats"] {
        retrograph.query(&format!("DROP INDEX {name}")).success();
    }
    retrograph.query("DROP CONSTRAINT number").success();
    for (question, operator, answer) in QUESTIONS {
        let plan = retrograph.query(&format!("EXPLAIN {question}")).success();
        assert!(!plan.contains(operator), "{question}\n{plan}");
        let found = retrograph.query(question).success();
        assert_eq!(found, format!("c\n{answer}\n"), "{question}");
    }
}
