//! Statements as deep as the parser lets them be compile on the stack of an ordinary thread.

use retrograph_cypher::NESTING_MAX;
use retrograph_engine::functions::Procedures;
use retrograph_engine::plan::explain;

use crate::schema::Harbor;

/// What threads get by default.
const STACK_BYTES: usize = 2 << 20;

#[test]
fn deep_statements_compile() {
    let pieces = [
        ("RETURN ", "[", "1", "]", " AS x"),
        ("RETURN ", "{a: ", "1", "}", " AS x"),
        ("RETURN ", "abs(", "1", ")", " AS x"),
        ("RETURN ", "NOT ", "true", "", " AS x"),
        ("RETURN ", "CASE WHEN true THEN ", "1", " END", " AS x"),
        ("RETURN ", "[x IN ", "[1]", " | x]", " AS x"),
        ("RETURN ", "EXISTS { (n) WHERE ", "true", " }", " AS x"),
        (
            "RETURN ",
            "COUNT { MATCH (n) RETURN ",
            "1",
            " AS x }",
            " AS x",
        ),
        ("", "CALL { ", "RETURN 1 AS x", " } RETURN x", ""),
        ("", "FOREACH (x IN [1] | ", "CREATE ()", ")", ""),
        ("", "RETURN 1 AS x NEXT ", "RETURN 1 AS x", "", ""),
        ("", "WHEN true THEN { ", "RETURN 1 AS x", " }", ""),
        (
            "",
            "OPTIONAL CALL () { ",
            "RETURN 1 AS x",
            " } RETURN x",
            "",
        ),
        ("RETURN ", "COLLECT { RETURN ", "1", " AS x }", " AS x"),
        (
            "RETURN ",
            "EXISTS { (()-->() WHERE ",
            "true",
            "){1,2} }",
            " AS x",
        ),
        ("MATCH (n:", "!(", "A", ")", ") RETURN n"),
        ("MATCH ()-[r:", "!(", "A", ")", "]-() RETURN r"),
        (
            "RETURN ",
            "EXISTS { ()-[:$(CASE WHEN ",
            "true",
            " THEN 'A' END)]->() }",
            " AS x",
        ),
        ("RETURN ", "CASE 1 WHEN > ", "1", " THEN 1 END", " AS x"),
        (
            "RETURN ",
            "allReduce(a = 0, x IN [1] | x, ",
            "true",
            ")",
            " AS x",
        ),
        ("RETURN 1 IS :: ", "LIST<", "INT", ">", " AS x"),
    ];
    let check = move || {
        for (before, open, middle, close, after) in pieces {
            let mut compiled = 0;
            for depth in [1, 10, NESTING_MAX / 3, NESTING_MAX / 2, NESTING_MAX - 2] {
                let (opened, closed) = (open.repeat(depth), close.repeat(depth));
                let text = format!("{before}{opened}{middle}{closed}{after}");
                // Some forms take more than one level of nesting for each repetition.
                let Ok(statement) = retrograph_cypher::parse(&text) else {
                    continue;
                };
                let procedures = Procedures::default();
                match retrograph_engine::compile(&statement, &text, &Harbor, &procedures) {
                    Ok(plan) => compiled += explain::render(&plan.plan, None).len().min(1),
                    Err(error) => panic!("{}", error.render(&text)),
                }
            }
            assert!(compiled >= 2, "{open}: too little of it compiles");
        }
    };
    std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(check)
        .expect("a thread can be started")
        .join()
        .expect("every statement compiles");
}
