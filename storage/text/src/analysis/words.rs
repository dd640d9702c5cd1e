//! Splitting a text into words.

use unicode_segmentation::UnicodeSegmentation;

use super::TERM_CHARS_MAX;
use super::tables::is_letter;

/// Where a word ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Splitter {
    /// By the rules of Unicode (UAX #29); what has no letter and no digit is not a word.
    Words,
    /// At all that is no letter.
    Letters,
    /// At white space.
    Whitespace,
    /// The whole text is one.
    Whole,
}

impl Splitter {
    /// Hands over each word of a text, those that are too long in pieces.
    pub fn split(self, text: &str, visit: &mut dyn FnMut(&str)) {
        let mut pieces = |word: &str| in_pieces(word, visit);
        match self {
            Self::Words => text.unicode_words().for_each(&mut pieces),
            Self::Letters => text
                .split(|c| !is_letter(c))
                .filter(|word| !word.is_empty())
                .for_each(&mut pieces),
            Self::Whitespace => text.split(is_space).for_each(&mut pieces),
            Self::Whole => pieces(text),
        }
    }
}

/// The characters that Unicode calls white space. The list is closed by its stability policy in all
/// but name; it is spelt out to be certain.
const fn is_space(c: char) -> bool {
    matches!(
        c,
        '\t'..='\r'
            | ' '
            | '\u{85}'
            | '\u{a0}'
            | '\u{1680}'
            | '\u{2000}'..='\u{200a}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202f}'
            | '\u{205f}'
            | '\u{3000}'
    )
}

fn in_pieces(word: &str, visit: &mut dyn FnMut(&str)) {
    let mut rest = word;
    while rest.len() > TERM_CHARS_MAX
        && let Some((end, _)) = rest.char_indices().nth(TERM_CHARS_MAX)
    {
        visit(&rest[..end]);
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        visit(rest);
    }
}
