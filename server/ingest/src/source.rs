//! Sources: where an import reads from.
//!
//! A source is deterministic: read again from the start it yields the same events. That is what
//! lets an import resume: the number of events consumed is its watermark.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use retrograph_graph::ids::SystemTime;

use crate::change::Change;

/// Where something stands in a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, or the name of what is read.
    pub file: Arc<str>,
    /// The line, counted from 1; 0 if the source has no lines.
    pub line: u64,
    /// The column in characters, counted from 1; 0 if unknown.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        Ok(())
    }
}

/// A change with its place and, where the source knows one, its time.
#[derive(Clone, Debug)]
pub struct Item {
    /// The change.
    pub change: Change,
    /// When the other system recorded it.
    pub time: Option<SystemTime>,
    /// Where it stands.
    pub place: Place,
}

/// A piece of input that cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Where it stands.
    pub place: Place,
    /// What is wrong with it.
    pub reason: String,
    /// The text as read, shortened.
    pub text: String,
}

/// What a source yields.
#[derive(Clone, Debug)]
pub enum Event {
    /// A change.
    Item(Item),
    /// Something that is no change, although it should be one.
    Reject(Reject),
}

/// How far a source has been read, in bytes (or other units of work).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Read so far.
    pub done: u64,
    /// In all.
    pub total: u64,
}

/// Why a source cannot go on at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A header line is wrong.
    #[error("{place}: {message}")]
    Header {
        /// Where.
        place: Place,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// The command that the source runs is missing or failed.
    #[error("{command}: {message}")]
    Command {
        /// The command.
        command: String,
        /// What it said.
        message: String,
    },
}

/// Where an import reads from.
pub trait Source {
    /// What is read, for messages.
    fn describe(&self) -> String;

    /// Tells this input from another: names, sizes and options. An import is only resumed from a
    /// source with the fingerprint it began with.
    fn fingerprint(&self) -> String;

    /// The next event, or none at the end.
    fn next(&mut self) -> Result<Option<Event>, SourceError>;

    /// How far it has been read.
    fn progress(&self) -> Progress;
}
