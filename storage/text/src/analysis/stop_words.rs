//! Words that say nothing about a text: the lists of the Snowball project, and for English the short
//! one of Lucene. `stop/LICENSE-SNOWBALL` is their licence.

use std::collections::HashSet;

/// The stop words of a language.
pub type StopWords = HashSet<&'static str>;

const LISTS: [(&str, &str); 13] = [
    ("danish", include_str!("stop/danish.txt")),
    ("dutch", include_str!("stop/dutch.txt")),
    ("english", include_str!("stop/english.txt")),
    ("finnish", include_str!("stop/finnish.txt")),
    ("french", include_str!("stop/french.txt")),
    ("german", include_str!("stop/german.txt")),
    ("hungarian", include_str!("stop/hungarian.txt")),
    ("italian", include_str!("stop/italian.txt")),
    ("norwegian", include_str!("stop/norwegian.txt")),
    ("portuguese", include_str!("stop/portuguese.txt")),
    ("russian", include_str!("stop/russian.txt")),
    ("spanish", include_str!("stop/spanish.txt")),
    ("swedish", include_str!("stop/swedish.txt")),
];

/// The stop words of a language, if there is a list.
pub fn of(language: &str) -> Option<StopWords> {
    let (_, list) = LISTS.iter().find(|(name, _)| *name == language)?;
    Some(list.split_ascii_whitespace().collect())
}
