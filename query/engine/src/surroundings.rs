//! What the program around an engine tells the statements that ask about it: which databases there
//! are, with which settings it runs.
//!
//! The engine runs statements over graphs it is handed; it knows neither their names nor where they
//! live. A server says so through [`Surroundings`]; an engine without any knows only the database of
//! the caller.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::admission::Admission;
use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;

/// Where a run comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    /// The name of the user; who commits if absent.
    pub user: Option<Arc<str>>,
    /// The name of the graph, as the caller knows it.
    pub database: Option<Arc<str>>,
    /// The connection it came over.
    pub connection: Option<Arc<str>>,
    /// The network address of the caller.
    pub client_address: Option<Arc<str>>,
    /// The protocol spoken, such as `bolt`.
    pub protocol: Option<Arc<str>>,
    /// What the caller attached to the transaction.
    pub metadata: Option<Arc<BTreeMap<Arc<str>, Value>>>,
}

/// The name of a database nobody named.
const UNNAMED: &str = "graph";

impl Origin {
    /// The name of the graph.
    #[must_use]
    pub fn database(&self) -> &str {
        self.database.as_deref().unwrap_or(UNNAMED)
    }
}

/// Who runs a statement, from where.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The name of the user; empty if there is none.
    pub user: Arc<str>,
    /// Who commits, as is recorded.
    pub actor: Arc<str>,
    /// For whom, if for another one.
    pub on_behalf_of: Option<Arc<str>>,
    /// Whether they see and end only what they run themselves.
    pub is_confined: bool,
    /// Whether they read who did what.
    pub is_auditor: bool,
    /// Decides which databases they are told of; all if absent.
    pub admission: Option<Arc<dyn Admission>>,
    /// Where the run comes from.
    pub origin: Origin,
}

/// A database that the program has.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabaseDescription {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it holds what the program knows about itself.
    pub is_system: bool,
    /// Whether it is used when a client names none.
    pub is_default: bool,
    /// Where clients reach it, if they can.
    pub address: Option<Arc<str>>,
    /// When it was made.
    pub created: Option<SystemTime>,
}

/// A setting of the program.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Its name.
    pub name: Arc<str>,
    /// Its value now.
    pub value: String,
    /// Its value unless set.
    pub default: String,
    /// What it does.
    pub description: String,
}

/// Why what a statement asks for cannot be read.
pub type Unreadable = Box<dyn std::error::Error + Send + Sync>;

/// The program around an engine.
pub trait Surroundings: Send + Sync {
    /// The databases there are, by name; empty if there is only the caller's own.
    ///
    /// # Errors
    /// They cannot be read.
    fn databases(&self) -> Result<Vec<DatabaseDescription>, Unreadable>;

    /// The settings of the program beside those of the engine, by name.
    fn settings(&self) -> Vec<Setting>;
}

/// No surroundings.
pub(crate) struct Nothing;

impl Surroundings for Nothing {
    fn databases(&self) -> Result<Vec<DatabaseDescription>, Unreadable> {
        Ok(Vec::new())
    }

    fn settings(&self) -> Vec<Setting> {
        Vec::new()
    }
}
