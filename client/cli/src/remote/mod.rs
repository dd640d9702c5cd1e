//! A conversation with one graph at a time of a server: the same as with a data directory, over the network.

mod failures;
mod login;
mod values;

use std::sync::Arc;
use std::time::{Duration, Instant};

use retrograph_client::{Client, Error, Graph, Query, Rows, Statement, Timestamp, Transaction};
use retrograph_engine::Parameters;
use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::conversation::{Conversation, ListedGraph, Names, Origin, Ran, parameter};
use crate::failure::{Failure, Kind, chain};
use crate::interrupt::interruptible;
use crate::moment::Moment;
use crate::output::Printer;

pub use failures::failure;
pub use login::{Place, Server};
pub use values::shown;

/// A connection to a server, for code that waits.
pub struct Connection {
    runtime: Runtime,
    client: Client,
}

impl Connection {
    /// Connects and logs in.
    pub fn open(server: &Server) -> Result<Self, Failure> {
        // A thread of its own keeps the connection alive while nobody waits for an answer.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("retrograph-client")
            .enable_all()
            .build()
            .map_err(|error| Failure::new(format!("cannot start a thread: {error}")))?;
        let builder = server.builder()?;
        let client = runtime
            .block_on(builder.connect())
            .map_err(|error| match error {
                // Before anything was asked for: as where a certificate is refused.
                Error::Broken { .. } => Failure::of(Kind::Data, chain(&error)),
                error => failure(&error),
            })?;
        Ok(Self { runtime, client })
    }

    /// The client.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for something. Ctrl-C ends it.
    pub fn wait<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Stopped> {
        let is_stopped = Arc::new(Notify::new());
        let stop = Arc::clone(&is_stopped);
        let _interruptible = interruptible(move || stop.notify_one());
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = is_stopped.notified() => Err(Stopped::Interrupted),
                result = work => result.map_err(|error| Stopped::Failed(Box::new(error))),
            }
        })
    }

    /// The graphs of the server.
    pub fn graphs(&self) -> Result<Vec<ListedGraph>, Failure> {
        let graphs = self.wait(self.client.graphs())?.into_iter();
        Ok(graphs
            .map(|graph| ListedGraph {
                name: graph.name,
                created: graph.created.map(|created| SystemTime(created.micros)),
            })
            .collect())
    }
}

/// Why waiting came to nothing.
pub enum Stopped {
    /// The user pressed Ctrl-C.
    Interrupted,
    /// It failed.
    Failed(Box<Error>),
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Interrupted => Self::interrupted("the query was cancelled"),
            Stopped::Failed(error) => failure(&error),
        }
    }
}

/// See the module.
pub struct Remote {
    connection: Connection,
    graph: Option<Graph>,
    transaction: Option<Transaction>,
    moment: Moment,
    parameters: Parameters,
    timeout: Option<Duration>,
}

impl Remote {
    /// A conversation without a graph.
    pub fn open(server: &Server) -> Result<Self, Failure> {
        Ok(Self {
            connection: Connection::open(server)?,
            graph: None,
            transaction: None,
            moment: Moment::Now,
            parameters: Parameters::new(),
            timeout: None,
        })
    }

    fn graph(&self) -> Result<&Graph, Failure> {
        self.graph.as_ref().ok_or_else(|| {
            Failure::new("no graph is in use; choose one with `:use`, list them with `:graphs`")
        })
    }

    fn refuse_in_transaction(&self, what: &str) -> Result<(), Failure> {
        if self.transaction.is_some() {
            return Err(Failure::new(format!(
                "cannot {what} within a transaction; `:commit` or `:rollback` it first"
            )));
        }
        Ok(())
    }

    /// Runs a statement and hands its rows to `row`, until that has enough.
    fn run_to(
        &self,
        text: &str,
        columns: impl FnOnce(&[String]),
        mut row: impl FnMut(Vec<retrograph_client::Value>) -> Result<bool, Error>,
    ) -> Result<Result<Ran, Stopped>, Failure> {
        let started = Instant::now();
        let parameters = self.parameters.iter();
        let parameters = parameters.map(|(name, value)| Ok((name.as_str(), values::sent(value)?)));
        let parameters: Vec<_> = parameters.collect::<Result<_, Failure>>()?;
        let asked = match &self.transaction {
            Some(transaction) => Asked::Statement(transaction.query(text).params(parameters)),
            None => {
                let query = self.graph()?.query(text).params(parameters);
                let query = query.at(instant(self.moment));
                Asked::Query(match self.timeout {
                    Some(timeout) => query.timeout(timeout),
                    None => query,
                })
            }
        };
        // What a transaction has begun is undone when its rows are dropped; elsewhere they are there
        // only after the commit.
        let must_end = self.transaction.is_some();
        let work = async {
            let mut rows = asked.stream().await?;
            columns(rows.columns());
            let has_columns = !rows.columns().is_empty();
            let (mut count, mut has_enough) = (0, false);
            while let Some(next) = rows.next().await? {
                count += 1;
                if !has_enough {
                    has_enough = !row(next.into_values())?;
                }
                if has_enough && !must_end {
                    break;
                }
            }
            let mut ran = rows.summary().map(values::ran).unwrap_or_default();
            ran.has_columns = has_columns;
            ran.rows = count;
            Ok(ran)
        };
        Ok(self.connection.wait(work).map(|mut ran| {
            ran.time = started.elapsed();
            ran
        }))
    }
}

/// A statement within a transaction or without.
enum Asked {
    Query(Query),
    Statement(Statement),
}

impl Asked {
    async fn stream(self) -> Result<Rows, Error> {
        match self {
            Self::Query(query) => query.stream().await,
            Self::Statement(statement) => statement.stream().await,
        }
    }
}

/// A moment as the client names it.
pub fn instant(moment: Moment) -> retrograph_client::Moment {
    match moment {
        Moment::Now => retrograph_client::Moment::Latest,
        Moment::Version(version) => version.0.into(),
        Moment::Instant(instant) => Timestamp::from_micros(instant.0).into(),
    }
}

impl Conversation for Remote {
    fn graph_name(&self) -> Option<&str> {
        self.graph.as_ref().map(Graph::name)
    }

    fn graphs(&self) -> Result<Vec<ListedGraph>, Failure> {
        self.connection.graphs()
    }

    fn use_graph(&mut self, name: &str) -> Result<(), Failure> {
        self.refuse_in_transaction("change the graph")?;
        let graph = self.connection.client().graph(name);
        // An empty list of names is an answer too; a graph that is not there is none.
        self.connection
            .wait(graph.labels(retrograph_client::Moment::Latest))?;
        self.graph = Some(graph);
        Ok(())
    }

    fn moment(&self) -> Moment {
        self.moment
    }

    fn travel(&mut self, moment: Moment) -> Result<(), Failure> {
        self.refuse_in_transaction("change the moment")?;
        if let (Some(graph), true) = (&self.graph, moment != Moment::Now) {
            self.connection.wait(graph.labels(instant(moment)))?;
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
        let printer = std::cell::RefCell::new(printer);
        let columns = |columns: &[String]| {
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            printer.borrow_mut().head(&columns);
        };
        let row = |row: Vec<retrograph_client::Value>| {
            let row: Vec<_> = row.into_iter().map(shown).collect::<Result<_, _>>()?;
            let mut printer = printer.borrow_mut();
            printer.print(&row);
            Ok(!printer.has_failed())
        };
        let result = self.run_to(statement, columns, row)?;
        result.map_err(|stopped| match stopped {
            Stopped::Failed(error) => failures::in_place(&error, statement, origin),
            Stopped::Interrupted => stopped.into(),
        })
    }

    fn evaluate(&self, expression: &str) -> Result<Value, Failure> {
        let mut value = None;
        let text = format!("RETURN {expression} AS value");
        let origin = Origin {
            script: &text,
            name: "parameter",
        };
        let row = |row: Vec<retrograph_client::Value>| {
            value = row.into_iter().next();
            Ok(false)
        };
        let result = self.run_to(&text, |_| {}, row)?;
        result.map_err(|stopped| match stopped {
            Stopped::Failed(error) => failures::in_place(&error, &text, origin),
            Stopped::Interrupted => stopped.into(),
        })?;
        let value = value.map(values::received).transpose();
        parameter(value.map_err(|error| failure(&error))?)
    }

    fn is_in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.refuse_in_transaction("begin another transaction")?;
        let builder = self.graph()?.transaction().at(instant(self.moment));
        self.transaction = Some(self.connection.wait(builder.begin())?);
        Ok(())
    }

    fn commit(&mut self) -> Result<u64, Failure> {
        let transaction = self.take_transaction()?;
        Ok(self.connection.wait(transaction.commit())?.version)
    }

    fn rollback(&mut self) -> Result<(), Failure> {
        let transaction = self.take_transaction()?;
        Ok(self.connection.wait(transaction.rollback())?)
    }

    fn names(&self) -> Names {
        let mut names = Names::default();
        let graphs = self.graphs().unwrap_or_default();
        names.graphs = graphs.into_iter().map(|graph| graph.name).collect();
        if let Some(graph) = &self.graph {
            let latest = retrograph_client::Moment::Latest;
            names.labels = self
                .connection
                .wait(graph.labels(latest))
                .unwrap_or_default();
            let types = self.connection.wait(graph.relationship_types(latest));
            names.types = types.unwrap_or_default();
            names.keys = self
                .connection
                .wait(graph.property_keys(latest))
                .unwrap_or_default();
        }
        names
    }

    /// The server goes on building them.
    fn finish_builds(&self) -> Result<(), Failure> {
        Ok(())
    }
}

impl Remote {
    fn take_transaction(&mut self) -> Result<Transaction, Failure> {
        self.transaction
            .take()
            .ok_or_else(|| Failure::new("no transaction is open; `:begin` opens one"))
    }
}

/// An open transaction ends with the conversation, rather than when the server has waited long enough.
impl Drop for Remote {
    fn drop(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            // The server rolls it back if this fails.
            let _ = self.connection.wait(transaction.rollback());
        }
    }
}
