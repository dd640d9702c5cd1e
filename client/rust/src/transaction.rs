//! Transactions of several queries.

use std::sync::Arc;
use std::time::Duration;

use retrograph_proto::v1;
use retrograph_proto::v1::transactions_client::TransactionsClient;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::client::{Client, Link, service};
use crate::error::{Error, Retry};
use crate::graph::Graph;
use crate::options::{Options, option_methods};
use crate::query::{Statement, deadline};
use crate::retry::Attempts;
use crate::temporal::Timestamp;
use crate::wire;

/// A transaction to be begun.
#[derive(Clone, Debug)]
#[must_use = "a transaction that is not begun does nothing"]
pub struct TransactionBuilder {
    graph: Graph,
    options: Options,
}

/// What a committed transaction returned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed<T> {
    /// What the work returned.
    pub value: T,
    /// The version that it made, or that it read if it wrote nothing.
    pub version: u64,
    /// The system time of that version.
    pub time: Option<Timestamp>,
    /// Stands for that version in later queries and transactions, on whichever server they run.
    pub bookmark: String,
}

/// An open transaction. A handle: clones are the same transaction.
///
/// It sees the graph as it was when it began, and its own writes. One that nobody commits is rolled back by the
/// server after a while; [`rollback`](Self::rollback) is sooner.
#[derive(Clone, Debug)]
pub struct Transaction(Arc<Open>);

/// What the handles and statements of a transaction share.
pub struct Open {
    graph: Graph,
    id: String,
    version: u64,
    /// A transaction lives at one server.
    link: Link,
    deadline: Option<(Instant, Duration)>,
    state: std::sync::Mutex<State>,
    /// Commit and rollback, one at a time.
    ending: Mutex<()>,
}

#[derive(Default)]
struct State {
    is_over: bool,
    /// A statement failed for a passing reason: the whole transaction may be done again.
    is_passing: bool,
    /// How long the server asks to wait before.
    retry_after: Option<Duration>,
}

impl TransactionBuilder {
    pub(crate) fn new(graph: Graph) -> Self {
        let options = Options {
            timeout: graph.client().timeout(),
            ..Options::default()
        };
        Self { graph, options }
    }

    option_methods!();

    /// Begins the transaction, to be committed by hand. Nothing is tried again then.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let client = self.graph.client();
        let message = v1::BeginRequest {
            options: Some(self.options.to_message(self.graph.name())),
            idle_timeout: None,
        };
        // Beginning twice harms nobody: the one that was lost is rolled back.
        let mut tries = client.tries(true);
        loop {
            let link = client.link();
            let request = link.request(message.clone());
            let deadline = deadline(self.options.timeout);
            let mut service = service!(link, TransactionsClient);
            match service.begin(request).await {
                Ok(answer) => {
                    let answer = answer.into_inner();
                    return Ok(Transaction(Arc::new(Open {
                        graph: self.graph.clone(),
                        id: answer.transaction_id,
                        version: answer.version,
                        link,
                        deadline,
                        state: std::sync::Mutex::default(),
                        ending: Mutex::default(),
                    })));
                }
                Err(status) => tries.failed(&link, link.error(status)).await?,
            }
        }
    }

    /// Does some work in a transaction and commits it; see [`Graph::write`].
    ///
    /// # Errors
    /// What `work` fails with, or the commit.
    pub async fn run<T, E, F, W>(&self, mut work: W) -> Result<Committed<T>, E>
    where
        E: From<Error>,
        F: Future<Output = Result<T, E>>,
        W: FnMut(Transaction) -> F,
    {
        let mut attempts = Attempts::new(self.graph.client().retry_policy());
        loop {
            let transaction = self.begin().await?;
            let open = Arc::clone(&transaction.0);
            let (error, is_passing) = match work(transaction.clone()).await {
                Ok(value) => match transaction.commit().await {
                    Ok(committed) => return Ok(committed.with(value)),
                    Err(error) => {
                        let passes = match error.retry() {
                            Retry::Safe => true,
                            // Without writes it does not matter what became of the commit.
                            Retry::Unknown => self.options.only_reads(),
                            Retry::Never => false,
                        };
                        (E::from(error), passes)
                    }
                },
                Err(error) => {
                    // The work has failed; that giving up what it did fails as well says nothing new.
                    let _ = transaction.rollback().await;
                    (error, open.is_passing())
                }
            };
            let wait = is_passing.then(|| attempts.next_wait(open.retry_after()));
            match wait.flatten() {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            }
        }
    }
}

impl<T> Committed<T> {
    fn with<U>(self, value: U) -> Committed<U> {
        Committed {
            value,
            version: self.version,
            time: self.time,
            bookmark: self.bookmark,
        }
    }
}

impl Transaction {
    /// A query in this transaction. One runs at a time.
    pub fn query(&self, text: impl Into<String>) -> Statement {
        Statement::new(Arc::clone(&self.0), text.into())
    }

    /// The version that it reads.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version
    }

    /// Commits. Whatever comes of it, the transaction is over.
    ///
    /// # Errors
    /// If it conflicts with another one, or cannot be committed; or its outcome is unknown
    /// ([`Retry::Unknown`]).
    pub async fn commit(&self) -> Result<Committed<()>, Error> {
        let _ending = self.0.ending.lock().await;
        let link = self.0.link()?;
        self.0.end();
        let request = link.request(v1::CommitRequest {
            transaction_id: self.0.id.clone(),
        });
        let mut service = service!(link, TransactionsClient);
        let answer = within(self.0.deadline, service.commit(request)).await?;
        let answer = answer
            .map_err(|status| link.error(status))
            .inspect_err(|error| {
                self.0.note(error);
            })?;
        let answer = answer.into_inner();
        Ok(Committed {
            value: (),
            version: answer.version,
            time: answer.time.map(wire::from_timestamp),
            bookmark: answer.bookmark,
        })
    }

    /// Gives up what it wrote. One that is over already is no error.
    ///
    /// # Errors
    /// If the server cannot be reached. It rolls back by itself, after a while.
    pub async fn rollback(&self) -> Result<(), Error> {
        let _ending = self.0.ending.lock().await;
        let Ok(link) = self.0.link() else {
            return Ok(());
        };
        self.0.end();
        let request = link.request(v1::RollbackRequest {
            transaction_id: self.0.id.clone(),
        });
        let mut service = service!(link, TransactionsClient);
        let answer = within(self.0.deadline, service.rollback(request)).await?;
        answer.map(drop).map_err(|status| link.error(status))
    }
}

async fn within<T>(
    deadline: Option<(Instant, Duration)>,
    answer: impl Future<Output = T>,
) -> Result<T, Error> {
    match deadline {
        None => Ok(answer.await),
        Some((instant, limit)) => tokio::time::timeout_at(instant, answer)
            .await
            .map_err(|_| Error::NoAnswer { limit }),
    }
}

impl Open {
    pub fn client(&self) -> &Client {
        self.graph.client()
    }

    pub fn graph(&self) -> &Arc<str> {
        self.graph.shared_name()
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub const fn deadline(&self) -> Option<(Instant, Duration)> {
        self.deadline
    }

    /// The connection to its server, unless it is over.
    pub fn link(&self) -> Result<Link, Error> {
        if self.state().is_over {
            return Err(Error::TransactionOver);
        }
        Ok(self.link.clone())
    }

    /// Remembers whether a failure passes. Before the commit nothing has taken effect, so a broken connection
    /// is no different from a conflict.
    pub fn note(&self, error: &Error) {
        let passes = matches!(error, Error::Broken { .. }) || error.retry() == Retry::Safe;
        let mut state = self.state();
        state.is_passing = passes;
        state.retry_after = error.retry_after();
    }

    fn is_passing(&self) -> bool {
        self.state().is_passing
    }

    fn retry_after(&self) -> Option<Duration> {
        self.state().retry_after
    }

    fn end(&self) {
        self.state().is_over = true;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open")
            .field("graph", &self.graph.name())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
