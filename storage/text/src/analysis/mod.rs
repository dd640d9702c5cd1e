//! From text to terms.
//!
//! An [`Analyzer`] splits a text into words, folds their case, and may drop stop words and reduce
//! the rest to stems. It is a pure function of the text: an index is told of the removal of a text
//! by analysing it again, also years later by a newer program, so the answer must never change.
//! Hence the tables of letters and of lower case are files here, the crates with the rules of word
//! boundaries and of stems are pinned to one version, and a test holds a fingerprint of what all
//! analyzers make of all characters. Whoever changes any of it adds a new [`ANALYSIS_VERSION`]
//! beside the old one.

mod languages;
mod stop_words;
mod tables;
mod words;

use std::collections::HashMap;
use std::sync::LazyLock;

use frostem::Stemmer;

use stop_words::StopWords;
use words::Splitter;

/// The version of what analyzers give. Part of the definition of an index.
pub const ANALYSIS_VERSION: u8 = 1;

/// A longer word is several terms, each at most of this length.
pub const TERM_CHARS_MAX: usize = 255;

/// The distance in positions between the last term of an item of a list and the first of the next.
pub const ITEM_GAP: u32 = 100;

/// The analyzer of an index that names none.
pub const DEFAULT_ANALYZER: &str = "standard-no-stop-words";

/// What becomes of capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Kept,
    Lower,
    /// Lower, with the dotless i.
    Turkish,
}

/// How text becomes terms.
pub struct Analyzer {
    name: &'static str,
    description: String,
    splitter: Splitter,
    case: Case,
    /// Words that may precede an apostrophe and are not part of the word behind it.
    elided: &'static [&'static str],
    /// Whether `'s` at the end is dropped.
    possessive: bool,
    stop_words: Option<StopWords>,
    stemmer: Option<Stemmer>,
}

impl std::fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Analyzer").field(&self.name).finish()
    }
}

static ANALYZERS: LazyLock<Vec<Analyzer>> = LazyLock::new(languages::all);

impl Analyzer {
    /// All analyzers, by name.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &ANALYZERS
    }

    /// The analyzer of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        let place = ANALYZERS.binary_search_by(|known| known.name.cmp(name));
        place.ok().map(|place| &ANALYZERS[place])
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it does, in a sentence.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The words it drops.
    #[must_use]
    pub fn stop_words(&self) -> Vec<&'static str> {
        self.stop_words.as_ref().map_or_else(Vec::new, |words| {
            let mut words: Vec<&'static str> = words.iter().copied().collect();
            words.sort_unstable();
            words
        })
    }

    /// Whether a text is one term, however many words it has.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self.splitter, Splitter::Whole)
    }

    /// Hands over each term of a text with its position, counted from `first`, and returns the
    /// position behind the last. Dropped words leave a gap.
    pub fn analyze(&self, text: &str, first: u32, visit: &mut dyn FnMut(&str, u32)) -> u32 {
        let mut position = first;
        let mut term = String::new();
        self.splitter.split(text, &mut |word| {
            term.clear();
            self.fold(word, &mut term);
            let mut kept: &str = &term;
            if self.possessive {
                kept = kept
                    .strip_suffix("'s")
                    .or_else(|| kept.strip_suffix("\u{2019}s"))
                    .unwrap_or(kept);
            }
            if !self.elided.is_empty()
                && let Some((article, rest)) = kept.split_once(['\'', '\u{2019}'])
                && self.elided.contains(&article)
            {
                kept = rest;
            }
            let is_stop = self
                .stop_words
                .as_ref()
                .is_some_and(|words| words.contains(kept));
            if !is_stop && !kept.is_empty() {
                match &self.stemmer {
                    None => visit(kept, position),
                    Some(stemmer) => {
                        let stem = stemmer.stem(kept);
                        // Some words are all suffix.
                        visit(if stem.is_empty() { kept } else { &stem }, position);
                    }
                }
            }
            position = position.saturating_add(1);
        });
        position
    }

    /// As [`Analyzer::analyze`], over the items of a list one after the other.
    pub fn analyze_all<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str>,
        visit: &mut dyn FnMut(&str, u32),
    ) {
        let mut first = 0;
        for text in texts {
            first = self.analyze(text, first, visit).saturating_add(ITEM_GAP);
        }
    }

    /// A word as terms are spelt, but whole: for patterns, of which only a part is known.
    #[must_use]
    pub fn normalize(&self, word: &str) -> String {
        let mut out = String::with_capacity(word.len());
        self.fold(word, &mut out);
        out
    }

    fn fold(&self, word: &str, out: &mut String) {
        match self.case {
            Case::Kept => out.push_str(word),
            Case::Lower => tables::lower(word, out),
            Case::Turkish => {
                for c in word.chars() {
                    match c {
                        'I' => out.push('ı'),
                        'İ' => out.push('i'),
                        c => tables::lower_char(c, out),
                    }
                }
            }
        }
    }
}

/// The terms of one property of one element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The distinct terms in order, each with how often it occurs.
    pub terms: Vec<(Box<str>, u32)>,
    /// How many terms there are with repetitions.
    pub length: u32,
}

impl Document {
    /// Analyses the items of a list, or the one text.
    #[must_use]
    pub fn of<'t>(analyzer: &Analyzer, texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut counts: HashMap<Box<str>, u32> = HashMap::new();
        let mut length = 0_u32;
        analyzer.analyze_all(texts, &mut |term, _| {
            length = length.saturating_add(1);
            match counts.get_mut(term) {
                Some(count) => *count = count.saturating_add(1),
                None => {
                    counts.insert(term.into(), 1);
                }
            }
        });
        let mut terms: Vec<(Box<str>, u32)> = counts.into_iter().collect();
        terms.sort_unstable();
        Self { terms, length }
    }

    /// Whether there are no terms.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Bytes of memory, roughly.
    #[must_use]
    pub fn size(&self) -> usize {
        self.terms.iter().map(|(term, _)| term.len() + 24).sum()
    }
}

#[cfg(test)]
mod tests;
