//! The analyzers there are.

use frostem::{Algorithm, Stemmer};

use super::stop_words;
use super::words::Splitter;
use super::{Analyzer, Case};

/// Languages with a stemmer, each by the name of its analyzer.
const LANGUAGES: [(&str, Algorithm); 34] = [
    ("arabic", Algorithm::Arabic),
    ("armenian", Algorithm::Armenian),
    ("basque", Algorithm::Basque),
    ("catalan", Algorithm::Catalan),
    ("czech", Algorithm::Czech),
    ("danish", Algorithm::Danish),
    ("dutch", Algorithm::Dutch),
    ("english", Algorithm::English),
    ("esperanto", Algorithm::Esperanto),
    ("estonian", Algorithm::Estonian),
    ("finnish", Algorithm::Finnish),
    ("french", Algorithm::French),
    ("german", Algorithm::German),
    ("greek", Algorithm::Greek),
    ("hindi", Algorithm::Hindi),
    ("hungarian", Algorithm::Hungarian),
    ("indonesian", Algorithm::Indonesian),
    ("irish", Algorithm::Irish),
    ("italian", Algorithm::Italian),
    ("lithuanian", Algorithm::Lithuanian),
    ("nepali", Algorithm::Nepali),
    ("norwegian", Algorithm::Norwegian),
    ("persian", Algorithm::Persian),
    ("polish", Algorithm::Polish),
    ("portuguese", Algorithm::Portuguese),
    ("romanian", Algorithm::Romanian),
    ("russian", Algorithm::Russian),
    ("serbian", Algorithm::Serbian),
    ("spanish", Algorithm::Spanish),
    ("swedish", Algorithm::Swedish),
    ("tamil", Algorithm::Tamil),
    ("turkish", Algorithm::Turkish),
    ("ukrainian", Algorithm::Ukrainian),
    ("yiddish", Algorithm::Yiddish),
];

/// Articles and the like that lose their vowel before another: `l'avion` is found by `avion`.
const ELIDED: [(&str, &[&str]); 4] = [
    ("catalan", &["d", "l", "m", "n", "s", "t"]),
    (
        "french",
        &[
            "l", "m", "t", "qu", "n", "s", "j", "d", "c", "jusqu", "quoiqu", "lorsqu", "puisqu",
        ],
    ),
    ("irish", &["d", "m", "b"]),
    (
        "italian",
        &[
            "c", "l", "all", "dall", "dell", "nell", "sull", "coll", "pell", "gl", "agl", "dagl",
            "degl", "negl", "sugl", "un", "m", "t", "s", "v", "d",
        ],
    ),
];

/// All analyzers, by name.
pub fn all() -> Vec<Analyzer> {
    let mut all: Vec<Analyzer> = LANGUAGES
        .into_iter()
        .map(|(name, algorithm)| of_language(name, algorithm))
        .collect();
    let plain = |name, description: &str, splitter, case| Analyzer {
        name,
        description: description.to_owned(),
        splitter,
        case,
        elided: &[],
        possessive: false,
        stop_words: None,
        stemmer: None,
    };
    let with_stop_words = |analyzer| Analyzer {
        stop_words: stop_words::of("english"),
        ..analyzer
    };
    all.extend([
        plain(
            "keyword",
            "The whole text is one term, as it is.",
            Splitter::Whole,
            Case::Kept,
        ),
        plain(
            "simple",
            "Splits at all that is no letter; lower case.",
            Splitter::Letters,
            Case::Lower,
        ),
        with_stop_words(plain(
            "standard",
            "Words by the rules of Unicode (UAX #29); lower case; without English stop words.",
            Splitter::Words,
            Case::Lower,
        )),
        plain(
            "standard-no-stop-words",
            "Words by the rules of Unicode (UAX #29); lower case; no stop words.",
            Splitter::Words,
            Case::Lower,
        ),
        with_stop_words(plain(
            "stop",
            "Splits at all that is no letter; lower case; without English stop words.",
            Splitter::Letters,
            Case::Lower,
        )),
        plain(
            "whitespace",
            "Splits at white space; keeps case and punctuation.",
            Splitter::Whitespace,
            Case::Kept,
        ),
    ]);
    all.sort_unstable_by_key(|analyzer| analyzer.name);
    all
}

fn of_language(name: &'static str, algorithm: Algorithm) -> Analyzer {
    let stop_words = stop_words::of(name);
    let mut language = name.to_owned();
    language[..1].make_ascii_uppercase();
    let dropped = match stop_words {
        Some(_) => format!("without {language} stop words"),
        None => "no stop words".to_owned(),
    };
    let elided = ELIDED.iter().find(|(of, _)| *of == name);
    Analyzer {
        name,
        description: format!(
            "Words by the rules of Unicode (UAX #29); lower case; {dropped}; stems by Snowball's \
             algorithm for {language}."
        ),
        splitter: Splitter::Words,
        case: match name {
            "turkish" => Case::Turkish,
            _ => Case::Lower,
        },
        elided: elided.map_or(&[], |(_, articles)| *articles),
        possessive: name == "english",
        stop_words,
        stemmer: Some(Stemmer::new(algorithm)),
    }
}
