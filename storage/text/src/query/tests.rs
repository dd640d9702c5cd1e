use super::words::{Nearness, Part};
use super::*;

use proptest::prelude::*;

/// A query in a short form that shows its structure.
fn shown(query: &Query) -> String {
    match query {
        Query::All => "all".to_owned(),
        Query::Boost(query, boost) => format!("{}^{boost}", shown(query)),
        Query::Boolean(clauses) => {
            let clauses: Vec<String> = clauses
                .iter()
                .map(|clause| {
                    let sign = match clause.occur {
                        Occur::Must => "+",
                        Occur::Should => "",
                        Occur::MustNot => "-",
                    };
                    format!("{sign}{}", shown(&clause.query))
                })
                .collect();
            format!("({})", clauses.join(" "))
        }
        Query::Leaf { field, leaf } => {
            let field = field
                .as_ref()
                .map_or(String::new(), |name| format!("{name}:"));
            let leaf = match leaf {
                Leaf::Word(word) => word.clone(),
                Leaf::Phrase { text, slop } => format!("<{text}>~{slop}"),
                Leaf::Pattern(pattern) => pattern
                    .parts
                    .iter()
                    .map(|part| match part {
                        Part::Text(text) => format!("'{text}'"),
                        Part::One => "?".to_owned(),
                        Part::Any => "*".to_owned(),
                    })
                    .collect(),
                Leaf::Fuzzy { word, edits } => format!("{word}~{edits:?}"),
                Leaf::Range { lower, upper } => format!("[{lower:?} {upper:?}]"),
            };
            format!("{field}{leaf}")
        }
    }
}

fn read(text: &str) -> String {
    match Query::parse(text) {
        Ok(query) => shown(&query),
        Err(error) => error.to_string(),
    }
}

#[test]
fn queries_are_read_as_lucene_does() {
    for (text, expected) in [
        ("", "()"),
        ("graph", "graph"),
        ("graph database", "(graph database)"),
        ("a AND b", "(+a +b)"),
        ("a && b", "(+a +b)"),
        ("a OR b || c", "(a b c)"),
        ("a AND b OR c", "(+a +b c)"),
        ("a OR b AND c", "(a +b +c)"),
        ("a AND NOT b", "(+a -b)"),
        ("NOT a", "(-a)"),
        ("-a", "(-a)"),
        ("!a b", "(-a b)"),
        ("+a b -c", "(+a b -c)"),
        ("+ a", "a"),
        ("e-mail C++", "(e-mail C++)"),
        ("ANDROID NOTE ORB", "(ANDROID NOTE ORB)"),
        ("\\AND", "AND"),
        ("(a b) AND c", "(+(a b) +c)"),
        ("title:a", "title:a"),
        ("title:(a OR b) c", "((title:a title:b) c)"),
        ("title:(a author:b)", "(title:a author:b)"),
        ("a^2", "a^2"),
        ("(a b)^0.5", "(a b)^0.5"),
        ("\"a b\"", "<a b>~0"),
        ("\"a \\\"b\"~3^2", "<a \"b>~3^2"),
        ("ter*", "'ter'*"),
        ("te?m*", "'te'?'m'*"),
        ("te\\*m", "te*m"),
        ("a\\*b*", "'a*b'*"),
        ("*", "*"),
        ("*:*", "all"),
        ("title:*", "title:*"),
        ("term~", "term~Count(2)"),
        ("term~1^3", "term~Count(1)^3"),
        ("term^3~1", "term~Count(1)^3"),
        ("term~0.7", "term~Similarity(0.7)"),
        ("[a TO b]", "[Included(\"a\") Included(\"b\")]"),
        ("x:{a TO *]", "x:[Excluded(\"a\") Open]"),
        ("[\"a b\" TO c}", "[Included(\"a b\") Excluded(\"c\")]"),
        (
            "http\\://a",
            "regular expressions are not supported (character 7 of the query); write \\/ for a slash, or use the patterns * and ?",
        ),
        ("http\\:\\/\\/a", "http://a"),
        ("\\u0041b", "Ab"),
        ("don't", "don't"),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn errors_name_the_place() {
    for (text, expected) in [
        (
            "a OR",
            "expected a word at character 5 of the query, found its end",
        ),
        ("AND a", "expected a word before it at character 3"),
        ("(a", "`(` at character 1 of the query is not closed"),
        (
            "a)",
            "expected a word at character 2 of the query, found `)`",
        ),
        ("b \"a", "`\"` at character 3 of the query is not closed"),
        ("a:", "expected a word at character 3"),
        ("a*:b", "expected the name of a property at character 1"),
        (
            "[a b]",
            "expected TO between the bounds of a range at character 4",
        ),
        ("[a TO b", "`[` at character 1 of the query is not closed"),
        ("[ TO b]", "expected TO between the bounds"),
        ("a^x", "`` at character 3 of the query is not a factor"),
        (
            "a~3",
            "`3` at character 3 of the query is not a number of wrong characters, at most 2",
        ),
        (
            "\"a\"~x",
            "`` at character 5 of the query is not a number of steps",
        ),
        (
            "x:/ab.*/",
            "regular expressions are not supported (character 3",
        ),
        ("a\\", "expected a character behind \\ at character 3"),
        (
            "a AND OR b",
            "expected a word, not an operator at character 7",
        ),
        (
            "\\u00g1",
            "`00g1` at character 3 of the query is not the number of a character",
        ),
    ] {
        let found = read(text);
        assert!(found.contains(expected), "{text}: {found}");
    }
    assert!(read(&"(".repeat(100)).contains("nested deeper than 64"));
    assert!(read(&"a ".repeat(2_000)).contains("more than 1024"));
}

#[test]
fn patterns_match() {
    let matches = |pattern: &str, term: &str| match Query::parse(pattern) {
        Ok(Query::Leaf {
            leaf: Leaf::Pattern(pattern),
            ..
        }) => pattern.matches(term),
        other => panic!("{pattern} is {other:?}"),
    };
    for (pattern, term, expected) in [
        ("te?m", "term", true),
        ("te?m", "tem", false),
        ("te?m", "teräm", false),
        ("te?m", "teäm", true),
        ("t*m", "tm", true),
        ("t*m", "tam tim", true),
        ("t*m", "time", false),
        ("*a*b", "aab", true),
        ("*a*b", "ba", false),
        ("*ab", "aab", true),
        ("a?*", "a", false),
        ("a?*", "ab", true),
        ("*", "", true),
    ] {
        assert_eq!(matches(pattern, term), expected, "{pattern} {term}");
    }
}

#[test]
fn nearness_counts_edits() {
    for (word, other, expected) in [
        ("database", "database", Some(0)),
        ("database", "databse", Some(1)),
        ("database", "databsae", Some(1)),
        ("database", "datxbasx", Some(2)),
        ("database", "dat", None),
        ("ab", "", Some(2)),
        ("", "ab", Some(2)),
        ("abcd", "badc", Some(2)),
    ] {
        assert_eq!(
            Nearness::new(word, 2).edits(other),
            expected,
            "{word} {other}"
        );
    }
}

/// Edits by the definition, without a limit.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut table = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let mut least = (table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]))
                        .min(table[i - 1][j] + 1)
                        .min(table[i][j - 1] + 1);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        least = least.min(table[i - 2][j - 2] + 1);
                    }
                    least
                }
            };
        }
    }
    table[a.len()][b.len()]
}

fn glob(pattern: &[Part], term: &[char]) -> bool {
    match pattern {
        [] => term.is_empty(),
        [Part::One, rest @ ..] => !term.is_empty() && glob(rest, &term[1..]),
        [Part::Any, rest @ ..] => (0..=term.len()).any(|n| glob(rest, &term[n..])),
        [Part::Text(text), rest @ ..] => {
            let text: Vec<char> = text.chars().collect();
            term.starts_with(&text) && glob(rest, &term[text.len()..])
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_a_query_or_an_error(text in "[a-c+!():^\"{}~*?/ \\[\\]\\\\&|0-9.-]{0,30}|\\PC{0,20}") {
        let _ = Query::parse(&text);
    }

    #[test]
    fn nearness_is_the_distance(a in "[abc]{0,7}", others in proptest::collection::vec("[abc]{0,7}", 1..5)) {
        let letters: Vec<char> = a.chars().collect();
        for max in 0..3 {
            let mut nearness = Nearness::new(&a, max);
            for b in &others {
                let distance = edits(&letters, &b.chars().collect::<Vec<_>>());
                prop_assert_eq!(nearness.edits(b), (distance <= max).then_some(distance));
            }
        }
    }

    #[test]
    fn patterns_match_by_their_definition(pattern in "[ab?*]{0,6}[?*][ab?*]{0,3}", term in "[ab]{0,8}") {
        if let Ok(Query::Leaf { leaf: Leaf::Pattern(pattern), .. }) = Query::parse(&pattern) {
            let letters: Vec<char> = term.chars().collect();
            prop_assert_eq!(pattern.matches(&term), glob(&pattern.parts, &letters));
        } else {
            prop_assert!(false);
        }
    }
}
