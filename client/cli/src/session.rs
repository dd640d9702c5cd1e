//! A conversation with one graph at a time of a data directory of this process: which graph, at which
//! moment, with which parameters, in which transaction.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use retrograph_engine::{
    AsOf, CancelToken, Control, OpenTransaction, Parameters, QueryError, RowSink, RunOptions,
    Summary, Views,
};
use retrograph_graph::Graph;
use retrograph_graph::commit::CommitInfo;
use retrograph_graph::ids::IndexId;
use retrograph_graph::value::Value;
use retrograph_ingest::ImportFolder;
use retrograph_server::{Caches, Database, OpenOptions};

use crate::builds;
use crate::conversation::{Conversation, ListedGraph, Names, Origin, Ran, parameter};
use crate::failure::Failure;
use crate::interrupt::interruptible;
use crate::moment::Moment;
use crate::output::Printer;

/// Opens a data directory that exists.
pub fn open(data: &Path) -> Result<Arc<Database>, Failure> {
    Ok(Database::open(data, OpenOptions::default())?)
}

/// Opens a data directory, or makes it.
pub fn open_or_create(data: &Path) -> Result<Arc<Database>, Failure> {
    open_or_create_with(data, Caches::default())
}

/// Opens a data directory, or makes it, with so much memory for what is kept at hand.
pub fn open_or_create_with(data: &Path, caches: Caches) -> Result<Arc<Database>, Failure> {
    let options = OpenOptions {
        create: true,
        caches,
    };
    Ok(Database::open(data, options)?)
}

/// Lets queries read the files of a folder.
pub fn read_csv_from(database: &Database, folder: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = folder else {
        return Ok(());
    };
    let folder = ImportFolder::new(path).map_err(|error| {
        Failure::new(format!(
            "cannot use {} as import folder: {error}",
            path.display()
        ))
    })?;
    database.engine().read_csv_from(Arc::new(folder));
    Ok(())
}

/// Who acts when nobody is named: the user of the system.
pub fn actor(named: Option<&str>) -> Arc<str> {
    let user = || {
        ["USER", "LOGNAME", "USERNAME"]
            .iter()
            .find_map(|name| std::env::var(name).ok())
    };
    match named {
        Some(name) => name.into(),
        None => user()
            .filter(|user| !user.is_empty())
            .map_or("local".into(), Arc::from),
    }
}

/// A graph by its name.
#[derive(Clone)]
struct Chosen {
    name: String,
    graph: Arc<Graph>,
}

/// A graph in which this process created indexes.
struct Indexed {
    graph: Arc<Graph>,
    /// Those that had failed before.
    failed: Vec<IndexId>,
}

/// See the module.
pub struct Session {
    database: Arc<Database>,
    chosen: Option<Chosen>,
    transaction: Option<OpenTransaction>,
    actor: Arc<str>,
    indexed: RefCell<Vec<Indexed>>,
    moment: Moment,
    parameters: Parameters,
    timeout: Option<Duration>,
}

impl Session {
    /// A session without a graph.
    pub fn new(database: Arc<Database>, actor: Arc<str>) -> Self {
        Self {
            database,
            chosen: None,
            transaction: None,
            actor,
            indexed: RefCell::default(),
            moment: Moment::Now,
            parameters: Parameters::new(),
            timeout: None,
        }
    }

    /// The graph in use.
    fn graph(&self) -> Option<&Arc<Graph>> {
        self.chosen.as_ref().map(|chosen| &chosen.graph)
    }

    fn refuse_in_transaction(&self, what: &str) -> Result<(), Failure> {
        if self.transaction.is_some() {
            return Err(Failure::new(format!(
                "cannot {what} within a transaction; `:commit` or `:rollback` it first"
            )));
        }
        Ok(())
    }

    fn chosen(&self) -> Result<&Chosen, Failure> {
        self.chosen.as_ref().ok_or_else(|| {
            Failure::new("no graph is in use; choose one with `:use`, list them with `:graphs`")
        })
    }

    fn options(&self, cancel: Option<CancelToken>) -> RunOptions {
        RunOptions {
            as_of: match self.moment {
                Moment::Now => None,
                Moment::Instant(instant) => Some(AsOf::Time(instant)),
                Moment::Version(version) => Some(AsOf::Version(version)),
            },
            timeout: self.timeout,
            cancel,
            commit: CommitInfo {
                actor: self.actor.clone(),
                ..CommitInfo::default()
            },
            origin: retrograph_engine::Origin {
                database: self
                    .chosen
                    .as_ref()
                    .map(|chosen| chosen.name.as_str().into()),
                ..retrograph_engine::Origin::default()
            },
            ..RunOptions::default()
        }
    }

    /// Runs one statement, its rows to any sink. Ctrl-C cancels it.
    pub fn run_to(
        &self,
        statement: &str,
        origin: Origin<'_>,
        sink: &mut dyn RowSink,
    ) -> Result<Summary, Failure> {
        let result = self.run_text(statement, sink)?;
        result.map_err(|error| match error {
            QueryError::Compile(_) => self.complain_in_place(error, statement, origin),
            error => Failure::query(&error, statement, origin.name),
        })
    }

    fn run_text(
        &self,
        text: &str,
        sink: &mut dyn RowSink,
    ) -> Result<Result<Summary, QueryError>, Failure> {
        let cancel = CancelToken::new();
        let options = self.options(Some(cancel.clone()));
        let _interruptible = interruptible(move || cancel.cancel());
        let engine = self.database.engine();
        let failed = self.graph().map(|graph| builds::failed(graph));
        let result = match &self.transaction {
            Some(open) => engine.run_in(open, text, &self.parameters, &options, sink),
            None => engine.run(
                &self.chosen()?.graph,
                text,
                &self.parameters,
                &options,
                sink,
            ),
        };
        if let Ok(summary) = &result
            && summary.counters.indexes_added > 0
        {
            self.note_indexed(failed.unwrap_or_default());
        }
        Ok(result)
    }

    fn note_indexed(&self, failed: Vec<IndexId>) {
        let Some(graph) = self.graph() else { return };
        let mut indexed = self.indexed.borrow_mut();
        if indexed
            .iter()
            .all(|known| !Arc::ptr_eq(&known.graph, graph))
        {
            let graph = Arc::clone(graph);
            indexed.push(Indexed { graph, failed });
        }
    }

    /// An error of a statement shows its place in the script. The statement is therefore compiled
    /// again where it stands, behind blanks; with EXPLAIN it would stand elsewhere, but a statement
    /// that does not compile does not run either.
    fn complain_in_place(&self, error: QueryError, statement: &str, origin: Origin<'_>) -> Failure {
        let alone = Failure::query(&error, statement, origin.name);
        let before = origin
            .start_of(statement)
            .and_then(|start| origin.script.get(..start));
        let Some(before) = before.filter(|before| !before.is_empty()) else {
            return alone;
        };
        let blanks = before
            .bytes()
            .map(|byte| if byte == b'\n' { '\n' } else { ' ' });
        let in_place: String = blanks.chain(statement.chars()).collect();
        match self.run_text(&in_place, &mut Discard) {
            Ok(Err(error @ QueryError::Compile(_))) => {
                Failure::query(&error, origin.script, origin.name)
            }
            _ => alone,
        }
    }

    fn take_transaction(&mut self) -> Result<OpenTransaction, Failure> {
        self.transaction
            .take()
            .ok_or_else(|| Failure::new("no transaction is open; `:begin` opens one"))
    }
}

impl Conversation for Session {
    fn graph_name(&self) -> Option<&str> {
        self.chosen.as_ref().map(|chosen| chosen.name.as_str())
    }

    fn graphs(&self) -> Result<Vec<ListedGraph>, Failure> {
        list(&self.database)
    }

    fn use_graph(&mut self, name: &str) -> Result<(), Failure> {
        self.refuse_in_transaction("change the graph")?;
        let graph = self.database.graph(name)?;
        self.chosen = Some(Chosen {
            name: name.to_owned(),
            graph,
        });
        Ok(())
    }

    fn moment(&self) -> Moment {
        self.moment
    }

    fn travel(&mut self, moment: Moment) -> Result<(), Failure> {
        self.refuse_in_transaction("change the moment")?;
        if let Some(graph) = self.graph() {
            match moment {
                Moment::Now => {}
                Moment::Instant(instant) => drop(graph.read_at(graph.resolve(instant)?)?),
                Moment::Version(version) => drop(graph.read_at(version)?),
            }
        }
        self.moment = moment;
        Ok(())
    }

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    fn run(
        &self,
        statement: &str,
        origin: Origin<'_>,
        printer: &mut Printer<'_>,
    ) -> Result<Ran, Failure> {
        self.run_to(statement, origin, printer).map(Ran::from)
    }

    fn evaluate(&self, expression: &str) -> Result<Value, Failure> {
        let mut value = Single(None);
        let text = format!("RETURN {expression} AS value");
        let origin = Origin {
            script: &text,
            name: "parameter",
        };
        self.run_to(&text, origin, &mut value)?;
        parameter(value.0)
    }

    fn is_in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.refuse_in_transaction("begin another transaction")?;
        let graph = self.chosen()?.graph.clone();
        let open = self.database.engine().begin(&graph, self.options(None));
        self.transaction = Some(open.map_err(|error| Failure::query(&error, "", "begin"))?);
        Ok(())
    }

    fn commit(&mut self) -> Result<u64, Failure> {
        let open = self.take_transaction()?;
        let committed = open
            .commit()
            .map_err(|error| Failure::query(&error, "", "commit"))?;
        Ok(committed.version.0)
    }

    fn rollback(&mut self) -> Result<(), Failure> {
        self.take_transaction().map(OpenTransaction::rollback)
    }

    fn names(&self) -> Names {
        let mut names = Names::default();
        let graphs = self.graphs().unwrap_or_default();
        names.graphs = graphs.into_iter().map(|graph| graph.name).collect();
        if let Some(graph) = self.graph() {
            let catalog = graph.read_latest().catalog();
            let labels = catalog.labels().into_iter();
            names.labels = labels.map(|(_, name)| name.to_string()).collect();
            let types = catalog.relationship_types().into_iter();
            names.types = types.map(|(_, name)| name.to_string()).collect();
            let keys = catalog.keys().into_iter();
            names.keys = keys.map(|(_, name)| name.to_string()).collect();
        }
        names
    }

    fn finish_builds(&self) -> Result<(), Failure> {
        for indexed in self.indexed.take() {
            builds::finish(&self.database, &indexed.graph, &indexed.failed)?;
        }
        Ok(())
    }
}

/// The graphs of a database.
pub fn list(database: &Database) -> Result<Vec<ListedGraph>, Failure> {
    let graphs = database.graphs()?.into_iter();
    Ok(graphs
        .map(|graph| ListedGraph {
            name: graph.name.to_string(),
            created: Some(graph.created),
        })
        .collect())
}

/// Takes rows and forgets them.
struct Discard;

impl RowSink for Discard {
    fn columns(&mut self, _: &[Arc<str>]) -> Result<(), QueryError> {
        Ok(())
    }

    fn row(&mut self, _: &[Value], _: &Views) -> Result<Control, QueryError> {
        Ok(Control::Stop)
    }
}

/// Keeps the first value of the first row.
struct Single(Option<Value>);

impl RowSink for Single {
    fn columns(&mut self, _: &[Arc<str>]) -> Result<(), QueryError> {
        Ok(())
    }

    fn row(&mut self, row: &[Value], _: &Views) -> Result<Control, QueryError> {
        self.0 = row.first().cloned();
        Ok(Control::Stop)
    }
}
