//! Queries: a text, its parameters, and what is wanted of the result.

use std::sync::Arc;
use std::time::Duration;

use retrograph_proto::v1;
use retrograph_proto::v1::query_client::QueryClient;
use retrograph_proto::v1::transactions_client::TransactionsClient;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::client::{Client, service};
use crate::error::{Error, RowError};
use crate::options::{Options, option_methods};
use crate::row::{FromRow, Row};
use crate::rows::Rows;
use crate::shape;
use crate::summary::Summary;
use crate::transaction::Open;
use crate::value::{Map, Value};
use crate::wire;

/// A query by itself: it is its own transaction.
///
/// The client runs it again if it failed and surely had no effect, such as after a write conflict. If the
/// connection breaks, only a query that cannot write is run again: one of the past, or
/// [`read_only`](Self::read_only).
#[derive(Clone, Debug)]
#[must_use = "a query does nothing until its result is asked for"]
pub struct Query {
    call: Call,
    options: Options,
}

/// A query of a [`Transaction`](crate::Transaction).
#[derive(Clone, Debug)]
#[must_use = "a statement does nothing until its result is asked for"]
pub struct Statement {
    call: Call,
    open: Arc<Open>,
}

/// What both have.
#[derive(Clone, Debug)]
struct Call {
    client: Client,
    graph: Arc<str>,
    text: String,
    parameters: Map,
    mode: v1::Mode,
}

impl Call {
    fn new(client: Client, graph: Arc<str>, text: String) -> Self {
        Self {
            client,
            graph,
            text,
            parameters: Map::new(),
            mode: v1::Mode::Unspecified,
        }
    }
}

impl Query {
    pub(crate) fn new(client: Client, graph: Arc<str>, text: String) -> Self {
        let options = Options {
            timeout: client.timeout(),
            ..Options::default()
        };
        Self {
            call: Call::new(client, graph, text),
            options,
        }
    }

    option_methods!();

    /// Runs the query; returns as soon as the first rows are there, or it is clear that there are none.
    ///
    /// # Errors
    /// If it fails before that.
    pub async fn stream(self) -> Result<Rows, Error> {
        let Self { call, options } = self;
        let message = v1::RunRequest {
            query: call.text,
            parameters: wire::to_map(call.parameters),
            mode: call.mode.into(),
            options: Some(options.to_message(&call.graph)),
        };
        let deadline = deadline(options.timeout);
        let mut tries = call.client.tries(options.only_reads());
        loop {
            let link = call.client.link();
            let request = link.request(message.clone());
            let mut service = service!(link, QueryClient);
            let error = match Rows::open(&link, service.run(request), deadline).await {
                Ok(rows) => return Ok(rows),
                Err(error) => error,
            };
            tries.failed(&link, error).await?;
        }
    }

    /// Runs the query and takes all rows. Unlike those of a stream they can be asked for anew as long as none
    /// was handed out, so more failures are mended.
    async fn collect(self) -> Result<(Vec<Row>, Summary), Error> {
        let is_read = self.options.only_reads();
        let mut tries = self.call.client.tries(is_read);
        loop {
            let link = self.call.client.link();
            let error = match self.clone().stream().await {
                // It has been tried often enough.
                Err(error) => return Err(error),
                Ok(rows) => match rows.collect().await {
                    Ok(collected) => return Ok(collected),
                    Err(error) => error,
                },
            };
            tries.failed(&link, error).await?;
        }
    }
}

impl Statement {
    pub(crate) fn new(open: Arc<Open>, text: String) -> Self {
        let (client, graph) = (open.client().clone(), Arc::clone(open.graph()));
        Self {
            call: Call::new(client, graph, text),
            open,
        }
    }

    /// Runs the statement; returns as soon as the first rows are there, or it is clear that there are none.
    /// They have to be taken, or dropped, before the next statement.
    ///
    /// # Errors
    /// If it fails before that. Its own effects are undone; the transaction stays open.
    pub async fn stream(self) -> Result<Rows, Error> {
        let Self { call, open } = self;
        let link = open.link()?;
        let request = link.request(v1::TransactionRunRequest {
            transaction_id: open.id().to_owned(),
            query: call.text,
            parameters: wire::to_map(call.parameters),
            mode: call.mode.into(),
        });
        let mut service = service!(link, TransactionsClient);
        let rows = Rows::open(&link, service.run(request), open.deadline()).await;
        match rows {
            Ok(rows) => Ok(rows.within(open)),
            Err(error) => {
                open.note(&error);
                Err(error)
            }
        }
    }

    async fn collect(self) -> Result<(Vec<Row>, Summary), Error> {
        self.stream().await?.collect().await
    }
}

/// When a client gives up a server that should have given up long before.
pub fn deadline(timeout: Option<Duration>) -> Option<(Instant, Duration)> {
    const GRACE: Duration = Duration::from_secs(2);
    let timeout = timeout?.saturating_add(GRACE);
    // A deadline beyond the end of time is none.
    let instant = Instant::now().checked_add(timeout)?;
    Some((instant, timeout))
}

/// What queries and statements have in common.
macro_rules! asks {
    ($type:ident) => {
        impl $type {
            /// Sets a parameter; in the text it has a `$` before its name.
            pub fn param(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
                self.call.parameters.insert(name.into(), value.into());
                self
            }

            /// Sets many parameters.
            pub fn params<N: Into<String>, V: Into<Value>>(
                mut self,
                parameters: impl IntoIterator<Item = (N, V)>,
            ) -> Self {
                let parameters = parameters.into_iter();
                let parameters = parameters.map(|(name, value)| (name.into(), value.into()));
                self.call.parameters.extend(parameters);
                self
            }

            /// Plans it only; the summary tells the plan.
            pub fn explain(mut self) -> Self {
                self.call.mode = v1::Mode::Explain;
                self
            }

            /// Runs it, and tells in the summary what each step of the plan did.
            pub fn profile(mut self) -> Self {
                self.call.mode = v1::Mode::Profile;
                self
            }

            /// Runs it for what it does; rows are dropped.
            ///
            /// # Errors
            /// If it fails.
            pub async fn run(self) -> Result<Summary, Error> {
                Ok(self.collect().await?.1)
            }

            /// All rows.
            ///
            /// # Errors
            /// If it fails, or a row is not what `T` takes.
            pub async fn fetch<T: FromRow>(self) -> Result<Vec<T>, Error> {
                let (rows, _) = self.collect().await?;
                rows.into_iter().map(T::from_row).collect()
            }

            /// The first row.
            ///
            /// # Errors
            /// If it fails, there is none, or it is not what `T` takes.
            pub async fn fetch_one<T: FromRow>(self) -> Result<T, Error> {
                let row = self.fetch_optional().await?;
                row.ok_or_else(|| RowError::NoRow.into())
            }

            /// The first row, if there is one.
            ///
            /// # Errors
            /// If it fails, or the row is not what `T` takes.
            pub async fn fetch_optional<T: FromRow>(self) -> Result<Option<T>, Error> {
                let (rows, _) = self.collect().await?;
                rows.into_iter().next().map(T::from_row).transpose()
            }

            /// All rows, each as a type that derives serde's `Deserialize`: its fields are the columns.
            ///
            /// # Errors
            /// If it fails, or a row is not what `T` takes.
            pub async fn fetch_as<T: DeserializeOwned>(self) -> Result<Vec<T>, Error> {
                let (rows, _) = self.collect().await?;
                rows.into_iter().map(shape::of_row).collect()
            }

            /// All rows, and the summary.
            ///
            /// # Errors
            /// If it fails.
            pub async fn fetch_all(self) -> Result<(Vec<Row>, Summary), Error> {
                self.collect().await
            }
        }
    };
}

asks!(Query);
asks!(Statement);
