//! Searching gives what its definition says: each document judged by itself, by its words alone.

mod held;

use std::collections::BTreeMap;

use proptest::prelude::*;
use retrograph_text::Analyzer;
use retrograph_text::query::{Bound, Edits, Leaf, Nearness, Occur, Query};
use retrograph_text::ranking::{FieldStatistics, Ranking, inverse_frequency, step_of_length};
use retrograph_text::search::{Hit, best, search};

use held::{Held, Texts};

/// The words of one text.
type Words = Vec<String>;

/// Judges documents one by one.
struct Judge {
    documents: BTreeMap<u64, Vec<Words>>,
}

impl Judge {
    fn with(&self, field: usize, term: &str) -> u64 {
        self.documents
            .values()
            .filter(|fields| fields[field].iter().any(|word| word == term))
            .count() as u64
    }

    fn statistics(&self, field: usize) -> FieldStatistics {
        let lengths = self.documents.values().map(|fields| fields[field].len());
        FieldStatistics {
            documents: lengths.clone().filter(|length| *length > 0).count() as u64,
            length: lengths.sum::<usize>() as u64,
        }
    }

    fn score(&self, document: u64, query: &Query) -> Option<f64> {
        match query {
            Query::All => {
                let fields = &self.documents[&document];
                fields.iter().any(|words| !words.is_empty()).then_some(1.0)
            }
            Query::Boost(query, boost) => self.score(document, query).map(|score| score * boost),
            Query::Boolean(clauses) => {
                let mut score = 0.0;
                let (mut any, mut required) = (false, false);
                for clause in clauses {
                    let found = self.score(document, &clause.query);
                    match clause.occur {
                        Occur::Must => {
                            required = true;
                            score += found?;
                        }
                        Occur::Should => {
                            any |= found.is_some();
                            score += found.unwrap_or(0.0);
                        }
                        Occur::MustNot if found.is_some() => return None,
                        Occur::MustNot => {}
                    }
                }
                (any || required).then_some(score)
            }
            Query::Leaf { field, leaf } => {
                let fields = match field.as_deref() {
                    Some("x") => 0..1,
                    Some(_) => 1..2,
                    None => 0..2,
                };
                fields
                    .filter_map(|field| self.leaf(document, field, leaf))
                    .reduce(|a, b| a + b)
            }
        }
    }

    fn term(&self, document: u64, field: usize, term: &str) -> Option<f64> {
        let weight = inverse_frequency(self.with(field, term), self.statistics(field).documents);
        self.weighed(document, field, term, weight)
    }

    fn weighed(&self, document: u64, field: usize, term: &str, weight: f64) -> Option<f64> {
        let words = &self.documents[&document][field];
        let count = words.iter().filter(|word| *word == term).count();
        let step = step_of_length(words.len() as u32);
        let ranking = Ranking::new(self.statistics(field));
        (count > 0).then(|| ranking.score(weight, count as f64, step))
    }

    fn leaf(&self, document: u64, field: usize, leaf: &Leaf) -> Option<f64> {
        let words = &self.documents[&document][field];
        match leaf {
            Leaf::Word(word) => word
                .split('-')
                .filter_map(|part| self.term(document, field, part))
                .reduce(|a, b| a + b),
            Leaf::Phrase { text, slop: 0 } => {
                let parts: Vec<&str> = text.split(' ').collect();
                let count = words.windows(parts.len()).filter(|w| *w == parts).count();
                let documents = self.statistics(field).documents;
                let weight = parts
                    .iter()
                    .map(|part| inverse_frequency(self.with(field, part), documents))
                    .sum();
                let step = step_of_length(words.len() as u32);
                let ranking = Ranking::new(self.statistics(field));
                (count > 0).then(|| ranking.score(weight, count as f64, step))
            }
            Leaf::Phrase { .. } => None,
            Leaf::Pattern(pattern) => words
                .iter()
                .any(|word| pattern.matches(word))
                .then_some(1.0),
            Leaf::Fuzzy { word, edits } => {
                let Edits::Count(max) = edits else {
                    return None;
                };
                let mut nearness = Nearness::new(word, usize::from(*max));
                let all: Vec<&String> = {
                    let mut all: Vec<&String> = self
                        .documents
                        .values()
                        .flat_map(|fields| &fields[field])
                        .collect();
                    all.sort_unstable();
                    all.dedup();
                    all
                };
                let near: Vec<(&String, f64)> = all
                    .into_iter()
                    .filter_map(|other| {
                        let edits = nearness.edits(other)? as f64;
                        let shorter = word.len().min(other.len()) as f64;
                        Some((other, (1.0 - edits / shorter).max(0.0)))
                    })
                    .collect();
                let most = near.iter().map(|(term, _)| self.with(field, term)).max()?;
                let weight = inverse_frequency(most, self.statistics(field).documents);
                near.iter()
                    .filter_map(|(term, share)| self.weighed(document, field, term, weight * share))
                    .reduce(|a, b| a + b)
            }
            Leaf::Range { lower, upper } => {
                let is_above = |word: &String| match lower {
                    Bound::Included(bound) => word >= bound,
                    Bound::Excluded(bound) => word > bound,
                    Bound::Open => true,
                };
                let is_below = |word: &String| match upper {
                    Bound::Included(bound) => word <= bound,
                    Bound::Excluded(bound) => word < bound,
                    Bound::Open => true,
                };
                words
                    .iter()
                    .any(|word| is_above(word) && is_below(word))
                    .then_some(1.0)
            }
        }
    }
}

fn any_word() -> impl Strategy<Value = String> {
    prop_oneof!["[abc]{1,3}", "(graph|graphs|grape|tree|trees)"]
}

fn any_leaf() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => any_word(),
        1 => (any_word(), any_word()).prop_map(|(a, b)| format!("{a}-{b}")),
        2 => (any_word(), any_word()).prop_map(|(a, b)| format!("\"{a} {b}\"")),
        1 => "[abg?]{1,2}\\*",
        1 => "[ab?*]{0,3}\\?[abc*]{0,2}",
        1 => (any_word(), 0..3).prop_map(|(a, n)| format!("{a}~{n}")),
        1 => (any_word(), any_word()).prop_map(|(a, b)| format!("[{a} TO {b}}}")),
        1 => any_word().prop_map(|a| format!("{{{a} TO *]")),
        1 => Just("*:*".to_owned()),
    ];
    (
        prop_oneof![Just(""), Just("x:"), Just("y:")],
        leaf,
        prop_oneof![Just(""), Just("^2.5")],
    )
        .prop_map(|(field, leaf, boost)| match leaf.as_str() {
            "*:*" => format!("{leaf}{boost}"),
            leaf => format!("{field}{leaf}{boost}"),
        })
}

fn any_query() -> impl Strategy<Value = String> {
    let leaf = any_leaf().boxed();
    leaf.prop_recursive(3, 12, 4, |inner| {
        proptest::collection::vec(
            (
                prop_oneof![Just(""), Just("+"), Just("-"), Just("AND "), Just("OR ")],
                inner,
            ),
            1..4,
        )
        .prop_map(|clauses| {
            let mut out = String::from("(");
            for (place, (sign, clause)) in clauses.iter().enumerate() {
                let sign = match place {
                    0 => sign.trim_end_matches("AND ").trim_end_matches("OR "),
                    _ => sign,
                };
                out.push_str(&format!(" {sign}{clause}"));
            }
            out.push(')');
            out
        })
    })
}

fn any_text() -> impl Strategy<Value = String> {
    proptest::collection::vec(any_word(), 0..8).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_search_is_its_definition(
        texts in proptest::collection::btree_map(
            0_u64..50,
            proptest::collection::vec(any_text(), 2),
            0..12,
        ),
        text in any_query(),
    ) {
        let analyzer = Analyzer::named("standard-no-stop-words").expect("a known name");
        let query = Query::parse(&text).expect("a query");
        let judge = Judge {
            documents: texts
                .iter()
                .map(|(document, fields)| {
                    let words = |text: &String| {
                        text.split_whitespace().map(str::to_owned).collect()
                    };
                    (*document, fields.iter().map(words).collect())
                })
                .collect(),
        };
        let texts = texts.into_iter().map(|(document, fields)| {
            (document, fields.into_iter().map(|text| vec![text]).collect())
        });
        let mut held = Held::new(texts.collect(), analyzer);
        let found = search(&mut held, &query, analyzer, analyzer).expect("known fields");
        prop_assert_eq!(held.bytes, size_of_val(found.as_slice()), "{}", text);
        let found: BTreeMap<u64, f64> =
            found.iter().map(|hit| (hit.document, hit.score)).collect();
        let expected: BTreeMap<u64, f64> = judge
            .documents
            .keys()
            .filter_map(|document| Some((*document, judge.score(*document, &query)?)))
            .collect();
        prop_assert_eq!(
            found.keys().collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>(),
            "{}", text
        );
        for (document, score) in &found {
            let difference = (score - expected[document]).abs();
            prop_assert!(difference <= 1e-9, "{} {} {}", text, score, expected[document]);
        }
    }

    #[test]
    fn the_best_are_the_first_of_all(
        scores in proptest::collection::vec(0_u8..5, 0..40),
        skip in 0_usize..10,
        limit in proptest::option::of(0_usize..50),
    ) {
        let hits: Vec<Hit> = scores
            .iter()
            .enumerate()
            .map(|(document, score)| Hit {
                document: document as u64,
                score: f64::from(*score),
            })
            .collect();
        let mut all = hits.clone();
        all.sort_by(|a, b| {
            b.score.total_cmp(&a.score).then(a.document.cmp(&b.document))
        });
        let expected: Vec<Hit> = all
            .into_iter()
            .skip(skip)
            .take(limit.unwrap_or(usize::MAX))
            .collect();
        let mut found = hits;
        best(&mut found, skip, limit);
        prop_assert_eq!(found, expected);
    }
}

fn find(texts: &[&str], query: &str, analyzer: &str) -> Vec<u64> {
    let analyzer = Analyzer::named(analyzer).expect("a known name");
    let texts = texts
        .iter()
        .enumerate()
        .map(|(place, text)| (place as u64, vec![vec![(*text).to_owned()], Vec::new()]));
    let mut held = Held::new(texts.collect(), analyzer);
    let query = Query::parse(query).expect("a query");
    let mut hits = search(&mut held, &query, analyzer, analyzer).expect("known fields");
    best(&mut hits, 0, None);
    hits.iter().map(|hit| hit.document).collect()
}

#[test]
fn stop_words_are_as_if_not_written() {
    let texts = ["the cat", "the dog"];
    assert_eq!(find(&texts, "+the +cat", "standard"), [0]);
    assert_eq!(find(&texts, "the", "standard"), [0_u64; 0]);
    assert_eq!(find(&texts, "the", "standard-no-stop-words"), [0, 1]);
    assert_eq!(
        find(
            &["cat in the hat", "cat hat"],
            "\"cat in the hat\"",
            "standard"
        ),
        [0]
    );
}

#[test]
fn words_are_found_by_their_stems_and_patterns_by_their_letters() {
    let texts = ["connecting graphs", "the connection", "konnekt"];
    assert_eq!(find(&texts, "connected", "english"), [1, 0]);
    assert_eq!(find(&texts, "CONN*", "english"), [0, 1]);
    assert_eq!(find(&texts, "connekt~1", "english"), [1, 2, 0]);
}

#[test]
fn the_keyword_analyzer_finds_whole_texts() {
    let long = "x".repeat(700);
    let texts = ["New York", "York", long.as_str()];
    assert_eq!(find(&texts, "York", "keyword"), [1]);
    assert_eq!(find(&texts, "\"New York\"", "keyword"), [0]);
    assert_eq!(find(&texts, &long, "keyword"), [2]);
    assert_eq!(find(&texts, &long[1..], "keyword"), [0_u64; 0]);
}

#[test]
fn what_is_no_longer_needed_is_given_back() {
    let analyzer = Analyzer::named("whitespace").expect("a known name");
    let words: Vec<String> = (0..40).map(|word| format!("w{word}")).collect();
    let texts = (0..100).map(|document| (document, vec![vec![words.join(" ")], Vec::new()]));
    let texts: Texts = texts.collect();
    let one = 100 * size_of::<Hit>();
    for text in [
        words.join(" OR "),
        words.join("-"),
        format!("\"{}\"", words.join(" ")),
        format!(
            "({}) AND ({})",
            words[..20].join(" OR "),
            words[20..].join(" OR ")
        ),
        "w*".to_owned(),
    ] {
        let mut held = Held::new(texts.clone(), analyzer);
        let query = Query::parse(&text).expect("a query");
        let hits = search(&mut held, &query, analyzer, analyzer).expect("known fields");
        assert_eq!(held.bytes, size_of_val(hits.as_slice()), "{text}");
        // Forty lists, of which a boolean query holds each and one more while it merges them.
        assert!(held.bytes_most <= 82 * one, "{text}: {}", held.bytes_most);
    }
    let mut held = Held::new(texts, analyzer);
    let query = Query::parse(&format!("\"{}\"", words.join(" "))).expect("a query");
    search(&mut held, &query, analyzer, analyzer).expect("known fields");
    assert!(held.bytes_most <= 3 * one, "{}", held.bytes_most);
}

#[test]
fn unknown_fields_are_errors() {
    let analyzer = Analyzer::named("standard").expect("a known name");
    let mut held = Held::new(Texts::new(), analyzer);
    let query = Query::parse("http:x").expect("a query");
    let error = search(&mut held, &query, analyzer, analyzer).expect_err("no such field");
    assert_eq!(
        error.to_string(),
        "the index is not on a property `http`, but on `x`, `y`; a colon that is part of a word is \
         written \\:"
    );
}
