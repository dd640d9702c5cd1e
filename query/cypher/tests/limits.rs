//! Deep or long input ends in an error or a tree, never in a stack overflow.

use retrograph_cypher::{Detail, HEIGHT_MAX, NESTING_MAX, parse};

/// Half of what threads get by default.
const STACK_BYTES: usize = 1 << 20;

fn on_small_stack(check: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(check)
        .expect("a thread can be started")
        .join()
        .expect("the check passes");
}

#[test]
fn nesting_is_bounded() {
    let pieces = [
        ("RETURN ", "(", "1", ")"),
        ("RETURN ", "[", "1", "]"),
        ("RETURN ", "{a: ", "1", "}"),
        ("RETURN ", "f(", "1", ")"),
        ("RETURN ", "NOT ", "true", ""),
        ("RETURN ", "- ", "a", ""),
        ("RETURN ", "a[", "1", "]"),
        ("RETURN ", "CASE WHEN ", "true", " THEN 1 END"),
        ("RETURN ", "CASE ", "1", " WHEN 1 THEN 1 END"),
        ("RETURN ", "[x IN ", "xs", " | 1]"),
        ("RETURN ", "[x IN xs WHERE ", "x", "]"),
        ("RETURN ", "[(a)-->(b) | ", "1", "]"),
        ("RETURN ", "all(x IN xs WHERE ", "x", ")"),
        ("RETURN ", "reduce(a = 0, x IN xs | ", "x", ")"),
        ("RETURN ", "n {a: ", "1", "}"),
        ("RETURN ", "EXISTS { (n) WHERE ", "true", " }"),
        ("RETURN ", "COUNT { MATCH (n) WHERE ", "true", " }"),
        ("RETURN ", "2 ^ (", "1", ")"),
        ("MATCH ", "(", "(a)", ")"),
        ("MATCH (n:", "(", "A", ")"),
        ("MATCH (n:", "!", "A", ""),
        ("MATCH ", "(n WHERE EXISTS { ", "(n)", " })"),
        ("MATCH (n ", "{a: ", "1", "}"),
        ("CALL { ", "CALL { ", "RETURN 1", " }"),
        ("", "FOREACH (x IN xs | ", "CREATE ()", ")"),
        ("AS OF ", "(", "1", ")"),
        ("", "RETURN 1 AS x NEXT ", "RETURN 1 AS x", ""),
        ("", "WHEN true THEN { ", "RETURN 1", " }"),
        ("RETURN ", "COLLECT { RETURN ", "1", " AS x }"),
        ("RETURN ", "allReduce(a = 0, x IN xs | 1, ", "x", ")"),
        ("RETURN ", "CASE 1 WHEN > ", "1", " THEN 1 END"),
        ("RETURN ", "CASE 1 WHEN 2, ", "1", " THEN 1 END"),
        ("MATCH ", "((a)-->(b) WHERE EXISTS { ", "(a)", " }){1,2}"),
        ("MATCH ", "((a WHERE EXISTS { ", "(a)", " })-->(b))+"),
        ("OPTIONAL CALL { ", "OPTIONAL CALL () { ", "RETURN 1", " }"),
        ("MATCH (n:", "$(CASE WHEN a:", "$('A')", " THEN 'A' END)"),
        ("MATCH ()-[r:", "!(", "A", ")"),
        ("RETURN 1 IS :: ", "LIST<", "INT", ">"),
        ("RETURN 1 IS :: ", "ANY<", "INT", ">"),
    ];
    on_small_stack(move || {
        for (before, open, middle, close) in pieces {
            for depth in [NESTING_MAX + 1, 10_000] {
                let text = format!(
                    "{before}{}{middle}{}",
                    open.repeat(depth),
                    close.repeat(depth)
                );
                let error = parse(&text).expect_err(&text);
                assert_eq!(
                    error.detail,
                    Detail::NestingTooDeep,
                    "{}",
                    error.render(&text)
                );
            }
        }
    });
}

#[test]
fn chains_are_bounded_too() {
    let pieces = [
        ("RETURN 1", " + 1"),
        ("RETURN a", " IN b"),
        ("RETURN a", ".b"),
        ("RETURN a", "[0]"),
        ("RETURN a", " IS NULL"),
        ("RETURN 1 IS :: INT", " LIST"),
        ("RETURN (1", " + 1) * (2"),
    ];
    on_small_stack(move || {
        for (before, link) in pieces {
            let text = format!("{before}{}", link.repeat(100_000));
            let error = parse(&text).expect_err(before);
            let text = &text[..100];
            assert!(
                matches!(
                    error.detail,
                    Detail::NestingTooDeep | Detail::UnexpectedSyntax
                ),
                "{text}: {error}"
            );
        }
    });
}

#[test]
fn chains_within_chains_add_up() {
    // Each bracket resets neither limit: forty chains of twenty links are too tall together.
    let mut expression = "1".to_owned();
    for _ in 0..40 {
        expression = format!("({expression}{})", " + 1".repeat(20));
    }
    on_small_stack(move || {
        let error = parse(&format!("RETURN {expression}")).expect_err("too tall");
        assert_eq!(error.detail, Detail::NestingTooDeep);
    });
}

#[test]
fn trees_at_the_limit_can_be_walked() {
    let chain = format!("RETURN 1{}", " + 1".repeat(HEIGHT_MAX - 10));
    let nest = |depth: usize| format!("RETURN {}1{}", "[".repeat(depth), "]".repeat(depth));
    on_small_stack(move || {
        for text in [chain, nest(NESTING_MAX - 2)] {
            let tree = parse(&text).expect("within the limits");
            assert_eq!(tree.clone().to_string(), text);
            assert_eq!(
                parse(&tree.to_string()).expect("prints within the limits"),
                tree
            );
        }
    });
}

#[test]
fn flat_queries_may_be_long() {
    let conjunction = vec!["n.a = 1"; 5_000].join(" AND ");
    let list = vec!["1"; 50_000].join(", ");
    let clauses = "MATCH (a)-->(b) ".repeat(2_000);
    let path = "-[:T]->()".repeat(5_000);
    for text in [
        format!("MATCH (n) WHERE {conjunction} RETURN n"),
        format!("RETURN [{list}]"),
        format!("{clauses} RETURN 1"),
        format!("MATCH (){path} RETURN 1"),
    ] {
        assert!(parse(&text).is_ok(), "{}", &text[..60]);
    }
}
