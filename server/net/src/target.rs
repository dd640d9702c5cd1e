//! What a transaction is about: which graph, at which moment, under which conditions.
//!
//! The database that a client names is a graph, or a graph at an instant: `harbor`,
//! `harbor@2026-01-10T12:00:00Z`. Protocols read the rest, [`Terms`], from what their clients send.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use retrograph_bolt::Failure;
use retrograph_bolt::failure::code;
use retrograph_engine::{AsOf, Origin, RunOptions};
use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;
use retrograph_graph::value::temporal::DateTime;
use retrograph_graph::{CommitInfo, Graph, Isolation};
use retrograph_server::DatabaseError;

use crate::identity::Identity;
use crate::server::Shared;
use crate::turns::Turnstile;
use crate::{bookmark, failures};

/// The graph that describes the others. Its nodes are the server's own.
const SYSTEM: &str = "system";

/// What a client says about a transaction.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// What it reads, unless the name of the database says so.
    pub as_of: Option<AsOf>,
    /// Whether writing is refused.
    pub is_read_only: bool,
    /// How long it may take as a whole.
    pub timeout: Option<Duration>,
    /// What it is certified against.
    pub isolation: Isolation,
    /// The versions it is to see.
    pub bookmarks: Vec<String>,
    /// Where its data comes from; from the client's program unless said.
    pub source: Option<Arc<str>>,
    /// What is done.
    pub activity: Option<Arc<str>>,
    /// What for.
    pub purpose: Option<Arc<str>>,
    /// The user to act as.
    pub impersonated: Option<String>,
    /// What those are told who ask what is running.
    pub metadata: Option<Arc<BTreeMap<Arc<str>, Value>>>,
}

/// Who asks for transactions.
#[derive(Clone)]
pub struct Caller {
    /// The protocol spoken.
    pub protocol: &'static str,
    /// The name of the connection.
    pub connection: Arc<str>,
    /// Where the client is.
    pub peer: Arc<str>,
    /// Whom it acts for.
    pub identity: Identity,
    /// The client's program.
    pub user_agent: Arc<str>,
}

impl Caller {
    /// Whose rights count: those of the client, or of the user that it acts as.
    pub fn acting_as(&self, name: Option<&str>) -> Result<Identity, Failure> {
        match name {
            None => Ok(self.identity.clone()),
            Some(name) => self.identity.impersonate(name),
        }
    }
}

/// A graph at a moment.
#[derive(Clone)]
pub struct Target {
    /// The database as the client named it, or as it was chosen for the client.
    pub name: Arc<str>,
    /// The graph.
    pub graph: Arc<Graph>,
    /// The name of the graph, without a moment.
    graph_name: Arc<str>,
    as_of: Option<AsOf>,
    is_system: bool,
    turns: Arc<Turnstile>,
}

impl Target {
    /// The name of the graph, without a moment.
    pub const fn graph_name(&self) -> &Arc<str> {
        &self.graph_name
    }

    /// What a transaction on it is run with.
    pub fn options(&self, terms: Terms, caller: &Caller) -> Result<RunOptions, Failure> {
        let impersonated = terms.impersonated.as_deref();
        let impersonated = impersonated
            .map(|name| caller.identity.impersonate(name))
            .transpose()?;
        let identity = impersonated.as_ref().unwrap_or(&caller.identity);
        identity.may_use(&self.graph_name)?;
        bookmark::check(&self.graph, &terms.bookmarks)?;
        if terms.as_of.is_some() && self.as_of.is_some() {
            return Err(Failure::new(
                code::ARGUMENT_ERROR,
                "`as_of`: the name of the database names a moment too",
            ));
        }
        let as_of = terms.as_of.or(self.as_of);
        // Told at once rather than with the first row.
        let exists = match as_of {
            None => Ok(()),
            Some(AsOf::Version(version)) => self.graph.read_at(version).map(|_| ()),
            Some(AsOf::Time(time)) => self.graph.resolve(time).map(|_| ()),
        };
        exists.map_err(|error| failures::of_graph(&error))?;
        Ok(RunOptions {
            as_of,
            is_read_only: terms.is_read_only || self.is_system,
            timeout: terms.timeout,
            isolation: terms.isolation,
            commit: CommitInfo {
                actor: caller.identity.actor(),
                on_behalf_of: impersonated.as_ref().map(Identity::actor),
                source: Some(
                    terms
                        .source
                        .unwrap_or_else(|| Arc::clone(&caller.user_agent)),
                ),
                activity: terms.activity,
                purpose: terms.purpose,
                ..CommitInfo::default()
            },
            origin: Origin {
                user: Some(identity.name()),
                database: Some(Arc::clone(&self.name)),
                connection: Some(Arc::clone(&caller.connection)),
                client_address: Some(Arc::clone(&caller.peer)),
                protocol: Some(caller.protocol.into()),
                metadata: terms.metadata,
            },
            admission: identity.admission(&self.graph_name),
            turns: Some(self.turns.turns_of(identity, &self.name)),
            ..RunOptions::default()
        })
    }
}

/// Finds targets; remembers the last one, for most clients stay with one.
pub struct Targets {
    shared: Arc<Shared>,
    last: Option<(Option<String>, Target)>,
}

impl Targets {
    /// Finds targets among the graphs of a server.
    pub const fn new(shared: Arc<Shared>) -> Self {
        Self { shared, last: None }
    }

    /// The target that a client names, or that of clients that name none, for somebody who may do something
    /// with it. Others are not told whether there is a graph of that name.
    pub fn find(&mut self, named: Option<&str>, identity: &Identity) -> Result<Target, Failure> {
        if let Some((name, target)) = &self.last
            && name.as_deref() == named
            && identity.may_use(&target.graph_name).is_ok()
        {
            return Ok(target.clone());
        }
        let name = match named {
            Some(name) => name.to_owned(),
            None => self.home(identity)?,
        };
        let (graph_name, as_of) = match name.split_once('@') {
            None => (name.as_str(), None),
            Some((graph, instant)) => {
                let instant = read_instant(instant).map_err(|problem| {
                    Failure::new(
                        code::DATABASE_NOT_FOUND,
                        format!("database `{name}`: {problem}"),
                    )
                })?;
                (graph, Some(AsOf::Time(instant)))
            }
        };
        let graph_name: Arc<str> = graph_name.into();
        identity.may_use(&graph_name)?;
        let graph = match self.shared.database.graph(&graph_name) {
            Err(DatabaseError::NoSuchGraph { name, known }) => {
                let known = identity.usable(known);
                Err(DatabaseError::NoSuchGraph { name, known })
            }
            found => found,
        };
        let graph = graph.map_err(|error| failures::of_database(&error))?;
        let target = Target {
            is_system: &*graph_name == SYSTEM,
            graph_name,
            name: name.into(),
            graph,
            as_of,
            turns: Arc::clone(&self.shared.turns),
        };
        self.last = Some((named.map(str::to_owned), target.clone()));
        Ok(target)
    }

    fn home(&self, identity: &Identity) -> Result<String, Failure> {
        if let Some(name) = &self.shared.default_graph
            && identity.may_use(&name.as_str().into()).is_ok()
        {
            return Ok(name.clone());
        }
        let graphs = self
            .shared
            .database
            .graphs()
            .map_err(|error| failures::of_database(&error))?;
        let usable = graphs.iter().map(|graph| Arc::clone(&graph.name));
        let usable = identity.usable(usable.collect());
        match (usable.as_slice(), &self.shared.default_graph) {
            ([only], _) => Ok(only.to_string()),
            // Why it may not be used is told when it is.
            ([], Some(name)) => Ok(name.clone()),
            ([], None) if !graphs.is_empty() => {
                // One whose login has ended is told that, and not that they may do nothing.
                let refused = graphs.iter().map(|graph| identity.may_use(&graph.name));
                let ended = refused
                    .filter_map(Result::err)
                    .find(|failure| failure.code != code::FORBIDDEN);
                Err(ended.unwrap_or_else(|| {
                    Failure::new(
                        code::FORBIDDEN,
                        "nothing is granted on any graph; an administrator can grant a role",
                    )
                }))
            }
            ([], None) => Err(Failure::new(
                code::DATABASE_NOT_FOUND,
                "there is no graph yet; `retrograph graph create` makes one",
            )),
            (several, _) => Err(Failure::new(
                code::DATABASE_NOT_FOUND,
                format!(
                    "name a database: there are several and no default: {}",
                    several.join(", ")
                ),
            )),
        }
    }
}

/// Reads an instant; without an offset in UTC.
pub fn read_instant(text: &str) -> Result<SystemTime, String> {
    let time = DateTime::parse(text)
        .map_err(|error| format!("{error}; write an instant like 2026-01-10T12:00:00Z"))?;
    instant_of(&time)
}

/// The instant of a datetime, in microseconds.
pub fn instant_of(time: &DateTime) -> Result<SystemTime, String> {
    time.epoch_second
        .checked_mul(1_000_000)
        .and_then(|micros| micros.checked_add(i64::from(time.nanosecond / 1_000)))
        .map(SystemTime)
        .ok_or_else(|| format!("{time} is out of range"))
}
