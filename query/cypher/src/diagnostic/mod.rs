//! Errors and warnings that point at the query text.
//!
//! A [`Diagnostic`] says what kind of mistake it is in the vocabulary of the openCypher TCK (kind,
//! phase, detail), carries a code of our own that the reference documents, and points at the text
//! with one primary and any number of secondary labels. The parser and the binder build them alike:
//!
//! ```
//! use retrograph_cypher::{Detail, Diagnostic, Span};
//!
//! let error = Diagnostic::error(
//!     Detail::UndefinedVariable,
//!     Span::new(17, 18),
//!     "variable `m` is not defined",
//! )
//! .label("not in scope here")
//! .help("did you mean `n`?");
//! assert_eq!(
//!     error.render("MATCH (n) RETURN m"),
//!     "\
//! error[E0201]: variable `m` is not defined
//!   ┌─ query:1:18
//! 1 │ MATCH (n) RETURN m
//!   │                  ^ not in scope here
//!   = help: did you mean `n`?
//! "
//! );
//! ```

mod detail;
mod render;

use std::fmt;
use std::ops::Deref;

pub use detail::{Detail, ErrorKind};
pub use render::Position;

use crate::span::Span;

/// An error or a warning; one pointer wide, so that it is cheap in a `Result`.
#[derive(Clone, PartialEq)]
pub struct Diagnostic(Box<Report>);

/// What a [`Diagnostic`] says. Reach it through `Deref`.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Error or warning.
    pub severity: Severity,
    /// The class of error.
    pub kind: ErrorKind,
    /// When it is found.
    pub phase: Phase,
    /// What exactly is wrong.
    pub detail: Detail,
    /// One sentence that names the thing: lower case, no full stop.
    pub message: String,
    /// The text at fault.
    pub primary: Label,
    /// Other text that matters.
    pub secondary: Vec<Label>,
    /// Facts that explain.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Option<String>,
}

/// A piece of the query and a remark on it.
#[derive(Clone, PartialEq, Debug)]
pub struct Label {
    /// The piece.
    pub span: Span,
    /// The remark; may be empty.
    pub text: String,
}

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The statement does not run.
    Error,
    /// The statement runs, but probably not as meant.
    Warning,
}

/// When an error is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Before the statement runs.
    CompileTime,
    /// While it runs.
    Runtime,
}

impl Diagnostic {
    /// An error of the kind and phase that `detail` usually has.
    pub fn error(detail: Detail, span: Span, message: impl Into<String>) -> Self {
        Self(Box::new(Report {
            severity: Severity::Error,
            kind: detail.kind(),
            phase: detail.phase(),
            detail,
            message: message.into(),
            primary: Label {
                span,
                text: String::new(),
            },
            secondary: Vec::new(),
            notes: Vec::new(),
            help: None,
        }))
    }

    /// A warning.
    pub fn warning(detail: Detail, span: Span, message: impl Into<String>) -> Self {
        let mut warning = Self::error(detail, span, message);
        warning.0.severity = Severity::Warning;
        warning
    }

    /// Puts a remark beside the primary span.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.0.primary.text = text.into();
        self
    }

    /// Points at another piece of the query.
    #[must_use]
    pub fn secondary(mut self, span: Span, text: impl Into<String>) -> Self {
        self.0.secondary.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.0.notes.push(text.into());
        self
    }

    /// Says what to do; replaces an earlier help.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.0.help = Some(text.into());
        self
    }

    /// Adds "did you mean …?" if one of `candidates` resembles `word`.
    #[must_use]
    pub fn suggest<'c>(self, word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Self {
        match crate::suggest::closest(word, candidates) {
            Some(candidate) => self.help(format!("did you mean `{candidate}`?")),
            None => self,
        }
    }

    /// Sets a kind other than the usual one of the detail.
    #[must_use]
    pub fn kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Sets a phase other than the usual one of the detail.
    #[must_use]
    pub fn phase(mut self, phase: Phase) -> Self {
        self.0.phase = phase;
        self
    }

    /// The code users look up, such as `E0101`.
    pub fn code(&self) -> &'static str {
        self.0.detail.code()
    }

    /// The diagnostic with the text it points at, as shown in a terminal.
    ///
    /// Ends with a line feed. The width of tabs and wide characters is taken into account; of a
    /// piece that spans several lines the first is shown, and a very long line is cut.
    pub fn render(&self, source: &str) -> String {
        self.render_named(source, "query")
    }

    /// Like [`render`](Self::render), for a text that has a name, such as a file.
    pub fn render_named(&self, source: &str, name: &str) -> String {
        render::render(self, source, name)
    }

    /// Where the primary span starts.
    pub fn position(&self, source: &str) -> Position {
        Position::of(source, self.0.primary.span.start)
    }
}

impl Deref for Diagnostic {
    type Target = Report;

    fn deref(&self) -> &Report {
        &self.0
    }
}

impl fmt::Debug for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Writes the message alone.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Diagnostic {}
