use super::*;

use proptest::prelude::*;

fn terms(analyzer: &str, text: &str) -> Vec<String> {
    let analyzer = Analyzer::named(analyzer).expect("a known name");
    let mut terms = Vec::new();
    analyzer.analyze(text, 0, &mut |term, _| terms.push(term.to_owned()));
    terms
}

#[test]
fn each_analyzer_splits_and_folds_in_its_way() {
    let text = "The QUICK brown-fox's jumps: e-mail bob@example.com, 3.14!";
    let expected: [(&str, &[&str]); 6] = [
        (
            "standard",
            &[
                "quick",
                "brown",
                "fox's",
                "jumps",
                "e",
                "mail",
                "bob",
                "example.com",
                "3.14",
            ],
        ),
        (
            "standard-no-stop-words",
            &[
                "the",
                "quick",
                "brown",
                "fox's",
                "jumps",
                "e",
                "mail",
                "bob",
                "example.com",
                "3.14",
            ],
        ),
        (
            "simple",
            &[
                "the", "quick", "brown", "fox", "s", "jumps", "e", "mail", "bob", "example", "com",
            ],
        ),
        (
            "whitespace",
            &[
                "The",
                "QUICK",
                "brown-fox's",
                "jumps:",
                "e-mail",
                "bob@example.com,",
                "3.14!",
            ],
        ),
        ("keyword", &[text]),
        (
            "english",
            &[
                "quick",
                "brown",
                "fox",
                "jump",
                "e",
                "mail",
                "bob",
                "example.com",
                "3.14",
            ],
        ),
    ];
    for (analyzer, expected) in expected {
        assert_eq!(terms(analyzer, text), expected, "{analyzer}");
    }
}

#[test]
fn languages_reduce_words_to_stems() {
    assert_eq!(
        terms("english", "connections connecting connected"),
        ["connect"; 3]
    );
    assert_eq!(terms("german", "die Häuser der Städte"), ["haus", "stadt"]);
    assert_eq!(terms("french", "l'avion et les avions"), ["avion", "avion"]);
    assert_eq!(terms("spanish", "las canciones"), ["cancion"]);
    assert_eq!(terms("russian", "книги"), ["книг"]);
    assert_eq!(terms("turkish", "IŞIK İstanbul"), ["ışık", "istanbul"]);
}

#[test]
fn ideographs_are_words_each() {
    assert_eq!(terms("standard", "東京 カタカナ"), ["東", "京", "カタカナ"]);
}

#[test]
fn dropped_words_leave_a_gap_and_items_a_larger_one() {
    let analyzer = Analyzer::named("standard").expect("a known name");
    let mut found = Vec::new();
    analyzer.analyze_all(["to be or fox", "dog"], &mut |term, position| {
        found.push((term.to_owned(), position));
    });
    assert_eq!(found, [("fox".to_owned(), 3), ("dog".to_owned(), 104)]);
}

#[test]
fn long_words_are_several_terms() {
    let word = "ä".repeat(600);
    let lengths: Vec<usize> = terms("standard", &word)
        .iter()
        .map(|term| term.chars().count())
        .collect();
    assert_eq!(lengths, [255, 255, 90]);
    assert_eq!(terms("keyword", &word).len(), 3);
    assert_eq!(terms("standard", &"x".repeat(255)).len(), 1);
}

#[test]
fn analyzers_are_found_by_name_and_described() {
    assert!(Analyzer::named("no-such").is_none());
    for analyzer in Analyzer::all() {
        let found = Analyzer::named(analyzer.name()).map(Analyzer::name);
        assert_eq!(found, Some(analyzer.name()));
        assert!(!analyzer.description().is_empty());
    }
    assert!(Analyzer::named(DEFAULT_ANALYZER).is_some());
}

#[test]
fn a_document_counts_its_terms() {
    let analyzer = Analyzer::named("standard").expect("a known name");
    let document = Document::of(analyzer, ["b d the b", "c"]);
    assert_eq!(document.length, 4);
    let terms: Vec<(&str, u32)> = document
        .terms
        .iter()
        .map(|(term, count)| (&**term, *count))
        .collect();
    assert_eq!(terms, [("b", 2), ("c", 1), ("d", 1)]);
    assert!(Document::of(analyzer, [" the "]).is_empty());
}

/// FNV-1a: any hash will do that never changes.
fn mix(hash: &mut u64, bytes: &[u8]) {
    for byte in bytes {
        *hash = (*hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
}

/// What version 1 makes of every character, by itself and within a word. If this fails, rows of
/// indexes that exist would no longer be found: do not change the number, make a new version.
#[test]
fn analysis_is_what_it_was_when_its_version_was_made() {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut text = String::new();
    for c in '\0'..=char::MAX {
        text.push(c);
        text.push_str("e a");
        text.push(c);
        text.push_str("b ");
    }
    for name in ["standard-no-stop-words", "simple", "whitespace", "turkish"] {
        let analyzer = Analyzer::named(name).expect("a known name");
        analyzer.analyze(&text, 0, &mut |term, position| {
            mix(&mut hash, term.as_bytes());
            mix(&mut hash, &position.to_be_bytes());
        });
    }
    // Words that reach many of the rules of stemmers: all pairs of stems and ends seen here.
    let stems = "haus nation avion книг λογ liber kirjo ház kniha दिल بيت տուն etxe";
    let ends = "en es s ung ungen ing ed ation ations ment eux euse ами ого ος ους är issa nak ek ों ات ներ ak";
    for analyzer in Analyzer::all() {
        for stem in stems.split(' ') {
            for end in ends.split(' ') {
                analyzer.analyze(&format!("{stem}{end}"), 0, &mut |term, _| {
                    mix(&mut hash, term.as_bytes());
                });
            }
        }
        for word in analyzer.stop_words() {
            mix(&mut hash, word.as_bytes());
        }
    }
    assert_eq!((ANALYSIS_VERSION, hash), (1, 4_896_955_637_330_257_379));
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-ZäöüßéèêñçÇŞışİI' \u{2019}-]{0,40}",
        "[\u{370}-\u{6ff}\u{900}-\u{97f}\u{b80}-\u{bff} ]{0,30}",
        "[a-z]{1,600}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_has_terms_of_bounded_length(text in any_text()) {
        for analyzer in Analyzer::all() {
            let mut last = None;
            let end = analyzer.analyze(&text, 5, &mut |term, position| {
                assert!(!term.is_empty());
                // A stem is not much longer than its word.
                assert!(term.chars().count() <= 2 * TERM_CHARS_MAX);
                assert!(last.is_none_or(|last| last < position));
                last = Some(position);
            });
            prop_assert!(last.is_none_or(|last| last < end));
            let document = Document::of(analyzer, [&*text]);
            prop_assert_eq!(
                document.terms.iter().map(|(_, count)| *count).sum::<u32>(),
                document.length
            );
            prop_assert!(document.terms.is_sorted());
        }
    }
}
