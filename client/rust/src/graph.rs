//! A graph of a server.

use std::sync::Arc;

use crate::client::Client;
use crate::error::Error;
use crate::query::Query;
use crate::transaction::{Transaction, TransactionBuilder};

/// A graph of a server. Cheap to clone; share it.
#[derive(Clone, Debug)]
pub struct Graph {
    client: Client,
    name: Arc<str>,
}

impl Graph {
    pub(crate) fn new(client: Client, name: String) -> Self {
        let name = name.into();
        Self { client, name }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The client.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// A query by itself.
    pub fn query(&self, text: impl Into<String>) -> Query {
        Query::new(self.client.clone(), Arc::clone(&self.name), text.into())
    }

    /// A transaction of several queries.
    pub fn transaction(&self) -> TransactionBuilder {
        TransactionBuilder::new(self.clone())
    }

    /// Does some work in a transaction and commits it. If that fails for a passing reason, such as a write
    /// conflict, all of it is done again: `work` is called anew with a new transaction, so what it does
    /// besides queries should bear repetition. If `work` fails, the transaction is rolled back.
    ///
    /// ```
    /// # retrograph_client_harness::with_server(async |url| {
    /// # let client = retrograph_client::Client::connect(url).await?;
    /// # let graph = client.graph("harbor");
    /// # graph.query("CREATE (:Account {id: 'A', balance: 10}), (:Account {id: 'B', balance: 0})").run().await?;
    /// graph
    ///     .write(|tx| async move {
    ///         let (balance,): (i64,) = tx
    ///             .query("MATCH (a:Account {id: $id}) RETURN a.balance")
    ///             .param("id", "A")
    ///             .fetch_one()
    ///             .await?;
    ///         let moved = balance.min(5);
    ///         tx.query(
    ///             "MATCH (a:Account {id: 'A'}), (b:Account {id: 'B'})
    ///              SET a.balance = a.balance - $moved, b.balance = b.balance + $moved",
    ///         )
    ///         .param("moved", moved)
    ///         .run()
    ///         .await?;
    ///         Ok::<_, retrograph_client::Error>(moved)
    ///     })
    ///     .await?;
    /// # let sum: (i64,) = graph.query("MATCH (a:Account) RETURN sum(a.balance)").fetch_one().await?;
    /// # assert_eq!(sum, (10,));
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// What `work` fails with, or the commit; the commit's outcome may be unknown
    /// ([`Retry::Unknown`](crate::Retry::Unknown)).
    pub async fn write<T, E, F, W>(&self, work: W) -> Result<T, E>
    where
        E: From<Error>,
        F: Future<Output = Result<T, E>>,
        W: FnMut(Transaction) -> F,
    {
        Ok(self.transaction().run(work).await?.value)
    }

    /// Does some work in a transaction that sees one state throughout and cannot write.
    ///
    /// # Errors
    /// What `work` fails with, or the transaction.
    pub async fn read<T, E, F, W>(&self, work: W) -> Result<T, E>
    where
        E: From<Error>,
        F: Future<Output = Result<T, E>>,
        W: FnMut(Transaction) -> F,
    {
        Ok(self.transaction().read_only().run(work).await?.value)
    }
}
