//! The database: the open groups of a data directory, and the engine that runs queries on them.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use retrograph_engine::surroundings::Unreadable;
use retrograph_engine::{DatabaseDescription, Engine, EngineSettings, Setting, Surroundings};
use retrograph_graph::kv::{RocksOptions, RocksStore};
use retrograph_graph::replicate::ReplicationError;
use retrograph_graph::{Graph, GraphError, GraphOptions, ImageOptions};
use retrograph_raft::{
    DriverOptions, GroupId, LogError, LogOptions, LogStore, MemberId, SingleMember,
};

use crate::caches::{Caches, SharedCaches};
use crate::data_dir::{DataDir, DataDirError};
use crate::group::{FlushError, Group};
use crate::index_builder::{Bell, IndexBuilder};
use crate::maintenance::{Groups, Maintenance};
use crate::registry::{self, GraphInfo, RegistryError, SYSTEM_GROUP};

/// The name of the graph that describes the others.
const SYSTEM: &str = "system";

/// The longest name of a graph, in bytes.
const NAME_BYTES_MAX: usize = 63;

/// The only member of an embedded database.
const MEMBER: MemberId = MemberId(1);

/// How a database is opened.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Makes the data directory if there is none.
    pub create: bool,
    /// How much memory is for what is kept at hand.
    pub caches: Caches,
}

impl OpenOptions {
    /// Makes the data directory if there is none; else the defaults.
    #[must_use]
    pub fn creating() -> Self {
        Self {
            create: true,
            ..Self::default()
        }
    }
}

/// The database cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log cannot be opened.
    #[error("the log of {directory} cannot be opened")]
    Log {
        /// The data directory.
        directory: String,
        /// Why not.
        #[source]
        source: LogError,
    },
    /// A graph's store cannot be opened or flushed.
    #[error("graph {graph} is unusable")]
    Graph {
        /// Its name.
        graph: Arc<str>,
        /// Why.
        #[source]
        source: GraphError,
    },
    /// A graph's log cannot be brought into its store.
    #[error("graph {graph} cannot be brought up to its log")]
    Replay {
        /// Its name.
        graph: Arc<str>,
        /// Why not.
        #[source]
        source: GroupError,
    },
    /// The system graph cannot be read or changed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// There is no such graph.
    #[error("there is no graph `{name}`{}", suggestion(known))]
    NoSuchGraph {
        /// The name asked for.
        name: String,
        /// The graphs there are.
        known: Vec<Arc<str>>,
    },
    /// There is such a graph already.
    #[error("there is a graph `{name}` already")]
    GraphExists {
        /// Its name.
        name: String,
    },
    /// A name that graphs cannot have.
    #[error(
        "`{name}` cannot be the name of a graph: use up to {NAME_BYTES_MAX} lower-case letters, \
         digits, `-`, `_` and `.`, beginning with a letter; `{SYSTEM}` is taken"
    )]
    BadName {
        /// The name.
        name: String,
    },
    /// The state of a group was not made durable, or its log not shortened.
    #[error("the graph of group {group} cannot be made durable")]
    Flush {
        /// The group.
        group: u64,
        /// Why not.
        #[source]
        source: FlushError,
    },
    /// The background thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

/// Why a group's driver did not open.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// The driver.
    #[error(transparent)]
    Driver(#[from] retrograph_raft::OpenError),
    /// The graph would not lead.
    #[error(transparent)]
    Lead(#[from] ReplicationError),
}

fn suggestion(known: &[Arc<str>]) -> String {
    if known.is_empty() {
        return "; there is none yet: `import` and `graph create` make one".to_owned();
    }
    format!("; there are: {}", known.join(", "))
}

/// An open database. Queries run on it from any number of threads.
pub struct Database {
    // The order is that of dropping: no flush or step of a build may run on a closed group, no group
    // outlive the log.
    _index_builder: IndexBuilder,
    _maintenance: Maintenance,
    engine: Engine,
    groups: Groups,
    system: Arc<Group>,
    default_graph: DefaultGraph,
    /// Held while a graph is made or opened.
    opening: Mutex<()>,
    /// Wakes the builder of indexes.
    bell: Bell,
    caches: SharedCaches,
    log: Arc<LogStore>,
    directory: DataDir,
}

/// The graph of clients that name none, if one is chosen.
type DefaultGraph = Arc<Mutex<Option<Arc<str>>>>;

/// What statements learn about the database.
struct Host {
    system: Arc<Graph>,
    default_graph: DefaultGraph,
}

impl Surroundings for Host {
    fn databases(&self) -> Result<Vec<DatabaseDescription>, Unreadable> {
        let graphs = registry::list(&self.system)?;
        // Where none is chosen, the only one there is serves clients that name none.
        let chosen = self.default_graph.lock().clone();
        let default = chosen.or_else(|| match &graphs[..] {
            [only] => Some(Arc::clone(&only.name)),
            _ => None,
        });
        let described = |name: Arc<str>, is_system, created| DatabaseDescription {
            is_default: default.as_ref() == Some(&name),
            name,
            is_system,
            address: None,
            created,
        };
        let system = self.system.identity().map(|identity| identity.created);
        let mut databases = vec![described(SYSTEM.into(), true, system)];
        databases.extend(
            graphs
                .into_iter()
                .map(|graph| described(graph.name, false, Some(graph.created))),
        );
        databases.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(databases)
    }

    fn settings(&self) -> Vec<Setting> {
        Vec::new()
    }
}

impl Database {
    /// Opens a data directory, and in it everything that was ever acknowledged.
    ///
    /// # Errors
    /// If another process has it open, it is none, it was written by a newer program, or what it
    /// holds is damaged; the error names the file.
    pub fn open(path: &Path, options: OpenOptions) -> Result<Arc<Self>, DatabaseError> {
        let directory = DataDir::open(path, options.create)?;
        let log = LogStore::open(directory.log(), LogOptions::default()).map_err(|source| {
            DatabaseError::Log {
                directory: path.display().to_string(),
                source,
            }
        })?;
        let log = Arc::new(log);
        let caches = SharedCaches::new(&options.caches);
        let bell = Bell::default();
        let system = open_group(&directory, &log, &caches, &bell, SYSTEM_GROUP, SYSTEM)?;
        let groups: Groups = Arc::default();
        groups.lock().insert(SYSTEM_GROUP, system.clone());
        let maintenance = Maintenance::start(groups.clone()).map_err(DatabaseError::Thread)?;
        let index_builder =
            IndexBuilder::start(groups.clone(), bell.clone()).map_err(DatabaseError::Thread)?;
        let engine = Engine::new(EngineSettings {
            plan_cache_bytes_max: options.caches.plan_bytes_max,
            ..EngineSettings::default()
        });
        let default_graph = DefaultGraph::default();
        engine.set_surroundings(Arc::new(Host {
            system: system.graph().clone(),
            default_graph: Arc::clone(&default_graph),
        }));
        Ok(Arc::new(Self {
            _index_builder: index_builder,
            _maintenance: maintenance,
            engine,
            groups,
            system,
            default_graph,
            opening: Mutex::new(()),
            bell,
            caches,
            log,
            directory,
        }))
    }

    /// Whether a data directory could be opened, or made if there is none: its place, format and lock.
    /// Does not look at what it holds, and leaves nothing behind.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn check(path: &Path) -> Result<(), DatabaseError> {
        Ok(DataDir::check(path)?)
    }

    /// The data directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Chooses the graph of clients that name none, for statements that ask; none leaves them the only one
    /// there is.
    pub fn set_default_graph(&self, name: Option<&str>) {
        *self.default_graph.lock() = name.map(Arc::from);
    }

    /// The engine that runs queries on its graphs.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The graphs there are, by name.
    ///
    /// # Errors
    /// If the system graph cannot be read.
    pub fn graphs(&self) -> Result<Vec<GraphInfo>, DatabaseError> {
        Ok(registry::list(self.system.graph())?)
    }

    /// A graph by its name; `system` is one too. Opened at the first use.
    ///
    /// # Errors
    /// If there is none of that name, or it cannot be opened.
    pub fn graph(&self, name: &str) -> Result<Arc<Graph>, DatabaseError> {
        if name == SYSTEM {
            return Ok(self.system.graph().clone());
        }
        let _opening = self.opening.lock();
        let graphs = self.graphs()?;
        match graphs.iter().find(|graph| &*graph.name == name) {
            Some(info) => self.open_graph(info),
            None => Err(DatabaseError::NoSuchGraph {
                name: name.to_owned(),
                known: graphs.into_iter().map(|graph| graph.name).collect(),
            }),
        }
    }

    /// Makes an empty graph.
    ///
    /// # Errors
    /// If there is one of that name, or the name cannot be one.
    pub fn create_graph(&self, name: &str) -> Result<Arc<Graph>, DatabaseError> {
        if !is_name(name) || name == SYSTEM {
            return Err(DatabaseError::BadName {
                name: name.to_owned(),
            });
        }
        let _opening = self.opening.lock();
        if self.graphs()?.iter().any(|graph| &*graph.name == name) {
            return Err(DatabaseError::GraphExists {
                name: name.to_owned(),
            });
        }
        let info = registry::add(self.system.graph(), name)?;
        self.open_graph(&info)
    }

    /// Why indexes of a graph are not being built at the moment, if the last step failed.
    #[must_use]
    pub fn index_trouble(&self, graph: &Arc<Graph>) -> Option<String> {
        let groups = self.groups.lock();
        let mut groups = groups.iter();
        let (id, _) = groups.find(|(_, group)| Arc::ptr_eq(group.graph(), graph))?;
        self.bell.trouble(*id)
    }

    /// Makes the state of every open graph durable and shortens the logs, so that the next opening
    /// has nothing to replay. What was acknowledged is durable without it.
    ///
    /// # Errors
    /// If a store cannot be written.
    pub fn flush(&self) -> Result<(), DatabaseError> {
        let groups: Vec<_> = self
            .groups
            .lock()
            .iter()
            .map(|(&id, group)| (id, group.clone()))
            .collect();
        for (id, group) in groups {
            group.flush().map_err(|source| DatabaseError::Flush {
                group: id.0,
                source,
            })?;
        }
        Ok(())
    }

    pub(crate) fn log(&self) -> &LogStore {
        &self.log
    }

    pub(crate) fn resources_usage(&self) -> (usize, usize) {
        self.caches.rows.usage()
    }

    /// The open groups with the names of their graphs.
    pub(crate) fn open_groups(&self) -> Vec<(Arc<str>, Arc<Group>)> {
        let groups: Vec<_> = self
            .groups
            .lock()
            .iter()
            .map(|(&id, group)| (id, Arc::clone(group)))
            .collect();
        // A graph that cannot be named any more is none that is told of.
        let known = self.graphs().unwrap_or_default();
        let name = |id: GroupId| match id {
            SYSTEM_GROUP => Some(SYSTEM.into()),
            id => {
                let found = known.iter().find(|graph| graph.group == id.0);
                found.map(|graph| Arc::clone(&graph.name))
            }
        };
        let named = groups
            .into_iter()
            .filter_map(|(id, group)| Some((name(id)?, group)));
        named.collect()
    }

    fn open_graph(&self, info: &GraphInfo) -> Result<Arc<Graph>, DatabaseError> {
        let id = GroupId(info.group);
        if let Some(group) = self.groups.lock().get(&id) {
            return Ok(group.graph().clone());
        }
        let (log, caches, bell) = (&self.log, &self.caches, &self.bell);
        let group = open_group(&self.directory, log, caches, bell, id, &info.name)?;
        self.groups.lock().insert(id, group.clone());
        if group.graph().has_populating_index() {
            // Where the process that created it left off.
            self.bell.ring();
        }
        Ok(group.graph().clone())
    }
}

fn is_name(name: &str) -> bool {
    let is_allowed =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(is_allowed)
}

fn open_group(
    directory: &DataDir,
    log: &Arc<LogStore>,
    caches: &SharedCaches,
    bell: &Bell,
    id: GroupId,
    name: &str,
) -> Result<Arc<Group>, DatabaseError> {
    let unusable = |source| DatabaseError::Graph {
        graph: name.into(),
        source,
    };
    let options = RocksOptions {
        resources: caches.rows.clone(),
    };
    let store = RocksStore::open(&directory.group(id), &options)
        .map_err(|source| unusable(source.into()))?;
    let options = GraphOptions {
        index_builder: Some(bell.waker()),
        images: ImageOptions {
            memory: caches.images.clone(),
            ..ImageOptions::default()
        },
        ..GraphOptions::default()
    };
    let graph = Graph::open(Arc::new(store), options).map_err(unusable)?;
    let group = Group::connect::<GroupError>(Arc::new(graph), |machine| {
        Ok(SingleMember::open(
            log.clone(),
            id,
            MEMBER,
            machine,
            DriverOptions::default(),
        )?)
    });
    group.map(Arc::new).map_err(|source| DatabaseError::Replay {
        graph: name.into(),
        source,
    })
}
