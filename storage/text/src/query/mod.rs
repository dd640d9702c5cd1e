//! What is searched for.
//!
//! The language is that of Lucene's classic query parser, as clients of graph databases write it:
//!
//! ```text
//! graph database            one of the words, better both
//! +graph -relational        required, forbidden; also AND, OR, NOT, &&, ||, !
//! "graph database"~2        a phrase, its words at most two steps out of place
//! grap* te?t                patterns
//! databse~1                 at most one typing error (0 to 2; 2 if no number is given)
//! title:(graph OR tree)^3   in one property; counted three times
//! [apple TO cherry}         terms in an interval, inclusive or exclusive; * is no bound
//! title:*  *:*              has the property; everything
//! ```
//!
//! `\` takes the meaning from the character behind it.

mod parse;
mod words;

use std::sync::Arc;

pub use words::{Nearness, Part, Pattern};

/// A query.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// Everything there is.
    All,
    /// Several queries that must, may or must not match.
    Boolean(Vec<Clause>),
    /// A query whose score is multiplied.
    Boost(Box<Self>, f64),
    /// What a text must contain, in one property or in any.
    Leaf {
        /// The property.
        field: Option<Arc<str>>,
        /// What.
        leaf: Leaf,
    },
}

/// A part of a boolean query.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// Whether it must match.
    pub occur: Occur,
    /// The part.
    pub query: Query,
}

/// Whether a part of a query must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occur {
    /// It must.
    Must,
    /// It may, and one of those that may has to if there is none that must.
    Should,
    /// It must not.
    MustNot,
}

/// What a text must contain.
#[derive(Clone, Debug, PartialEq)]
pub enum Leaf {
    /// A word, which an analyzer may find to be several.
    Word(String),
    /// Words in this order.
    Phrase {
        /// The words.
        text: String,
        /// How many steps they may be out of place, in sum.
        slop: u32,
    },
    /// A term of a form.
    Pattern(Pattern),
    /// A term that is nearly this one.
    Fuzzy {
        /// The term.
        word: String,
        /// How many characters may be wrong.
        edits: Edits,
    },
    /// A term between bounds.
    Range {
        /// The lower.
        lower: Bound,
        /// The upper.
        upper: Bound,
    },
}

/// How far a fuzzy term may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Edits {
    /// So many characters, at most 2.
    Count(u8),
    /// The share of characters that must be right, below 1.
    Similarity(f64),
}

/// A bound of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The term counts.
    Included(String),
    /// The term does not.
    Excluded(String),
    /// None.
    Open,
}

/// The text of a query is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Something else was expected.
    #[error(
        "expected {expected} at character {at} of the query, found {found}; characters of the query language are written with a \\ before them"
    )]
    Unexpected {
        /// What.
        expected: &'static str,
        /// What there is.
        found: String,
        /// Where, counted from 1.
        at: usize,
    },
    /// Something opened is not closed.
    #[error("`{opened}` at character {at} of the query is not closed")]
    Unclosed {
        /// What.
        opened: char,
        /// Where, counted from 1.
        at: usize,
    },
    /// A number is not one, or too large.
    #[error("`{text}` at character {at} of the query is not {expected}")]
    Number {
        /// What stands there.
        text: String,
        /// What is expected.
        expected: &'static str,
        /// Where, counted from 1.
        at: usize,
    },
    /// The query has too many parts.
    #[error("the query has more than {limit} words and parts; search for fewer at once")]
    TooLarge {
        /// The most it may have.
        limit: usize,
    },
    /// Parentheses are nested too deep.
    #[error("parentheses of the query are nested deeper than {limit}")]
    TooDeep {
        /// How deep they may be.
        limit: usize,
    },
    /// Something of Lucene's language that is not understood.
    #[error(
        "regular expressions are not supported (character {at} of the query); write \\/ for a slash, or use the patterns * and ?"
    )]
    Expression {
        /// Where, counted from 1.
        at: usize,
    },
}

impl Query {
    /// Reads the text of a query. One without any word matches nothing.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::parse(text)
    }
}

#[cfg(test)]
mod tests;
