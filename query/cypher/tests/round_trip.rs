//! Printing a tree and parsing the text gives the tree back.

mod generate;

use generate::Generator;
use proptest::collection::vec;
use proptest::prelude::*;
use retrograph_cypher::ast::{Clause, Expression, Statement, StatementBody};
use retrograph_cypher::{Detail, parse};

proptest! {
    #![proptest_config(ProptestConfig {
        // `PROPTEST_CASES` can only ask for more.
        cases: ProptestConfig::default().cases.max(4096),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn printed_trees_parse_to_themselves(choices in vec(any::<u8>(), 0..400)) {
        let tree = Generator::new(&choices).statement();
        let text = tree.to_string();
        match parse(&text) {
            Ok(again) => {
                prop_assert!(again == tree, "{text}\n{}", difference(&again, &tree));
                prop_assert_eq!(again.to_string(), text);
            }
            // A tree may be larger than the parser admits; that must be the only complaint.
            Err(error) => prop_assert_eq!(
                error.detail, Detail::NestingTooDeep, "{}", error.render(&text)
            ),
        }
    }

    /// Equality ignores spans, so they are checked on their own: the text of a projected expression,
    /// which names its column, reads as that expression.
    #[test]
    fn spans_cover_what_was_written(choices in vec(any::<u8>(), 0..400)) {
        let text = Generator::new(&choices).statement().to_string();
        let Ok(tree) = parse(&text) else { return Ok(()) };
        for expression in projected(&tree) {
            let column = expression.span.text(&text);
            let alone = parse(&format!("RETURN {column}"));
            let alone = alone.map_err(|error| TestCaseError::fail(format!("{column}: {error}")))?;
            prop_assert_eq!(projected(&alone), vec![expression], "{}", text);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}") {
        if let Err(error) = parse(&text) {
            error.render(&text);
        }
    }

    #[test]
    fn no_shuffle_of_tokens_makes_the_parser_panic(words in vec(0..TOKENS.len(), 0..60)) {
        let words: Vec<&str> = words.into_iter().map(|word| TOKENS[word]).collect();
        for separator in [" ", ""] {
            let text = words.join(separator);
            match parse(&text) {
                Ok(tree) => prop_assert_eq!(parse(&tree.to_string()).ok(), Some(tree)),
                Err(error) => { error.render(&text); }
            }
        }
    }
}

/// The expressions of the outermost `WITH` and `RETURN` clauses.
fn projected(statement: &Statement) -> Vec<&Expression> {
    let StatementBody::Query(query) = &statement.body else {
        return Vec::new();
    };
    let parts = std::iter::once(&query.first).chain(query.unions.iter().map(|union| &union.query));
    let projections = parts
        .flat_map(|part| &part.clauses)
        .filter_map(|clause| match clause {
            Clause::With(with) => Some(&with.projection),
            Clause::Return(last) => Some(&last.projection),
            _ => None,
        });
    projections
        .flat_map(|projection| &projection.items)
        .map(|item| &item.expression)
        .collect()
}

/// Where the trees part, without the spans.
fn difference(left: &Statement, right: &Statement) -> String {
    let text = |tree| {
        let text = format!("{tree:?}");
        text.replace(|character: char| character.is_ascii_digit(), "")
            .replace("span: ..", "")
    };
    let (left, right) = (text(left), text(right));
    let same = left
        .chars()
        .zip(right.chars())
        .take_while(|(left, right)| left == right)
        .count();
    let around = |text: &str| -> String {
        text.chars()
            .skip(same.saturating_sub(80))
            .take(200)
            .collect()
    };
    format!("parsed   {}\nexpected {}", around(&left), around(&right))
}

const TOKENS: &[&str] = &[
    "MATCH", "RETURN", "WITH", "WHERE", "CREATE", "SET", "CALL", "YIELD", "UNION", "ALL", "EXISTS",
    "CASE", "WHEN", "THEN", "END", "IN", "NOT", "AND", "IS", "NULL", "AS", "OF", "FOR", "count",
    "a", "b", "n", "`x`", "1", "2.5", "'s'", "$p", "(", ")", "[", "]", "{", "}", "(", ")", "(",
    ")", "-", "-", "<", ">", "*", "..", ".", ",", ":", "|", "=", "+=", "<>", "=~", "+", "&", "!",
    "%", ";", "//", "/*", "*/", "\n", "0x", "'", "`", "\\", "é", "—",
];
