//! The client: connections to servers, and what every request carries.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use retrograph_proto::v1;
use retrograph_proto::v1::admin_client::AdminClient;
use retrograph_proto::v1::query_client::QueryClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::builder::ClientBuilder;
use crate::error::{Error, Retry};
use crate::graph::Graph;
use crate::retry::{Attempts, RetryPolicy};
use crate::temporal::Timestamp;
use crate::wire;

/// A connection to a server, or to several that hold the same graphs. Cheap to clone; share it.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

pub struct Shared {
    pub servers: Vec<Server>,
    /// The server that is used, as long as it can be reached.
    pub current: AtomicUsize,
    pub authorization: Option<MetadataValue<Ascii>>,
    pub timeout: Option<Duration>,
    pub retry: RetryPolicy,
    pub message_bytes_max: usize,
}

/// One server with its connections, which are made when they are needed.
pub struct Server {
    pub endpoint: Arc<str>,
    pub channels: Vec<Channel>,
    /// The next request takes the next connection.
    pub next: AtomicUsize,
}

/// A connection that requests go over.
#[derive(Clone)]
pub struct Link {
    pub endpoint: Arc<str>,
    pub channel: Channel,
    pub authorization: Option<MetadataValue<Ascii>>,
    pub message_bytes_max: usize,
    server: usize,
}

impl Link {
    /// A request with what every request carries.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(authorization) = &self.authorization {
            let metadata = request.metadata_mut();
            metadata.insert("authorization", authorization.clone());
        }
        request
    }

    /// What a status means that came over this connection.
    pub fn error(&self, status: Status) -> Error {
        Error::from_status(status, &self.endpoint)
    }
}

/// A client of a service over a [`Link`].
macro_rules! service {
    ($link:expr, $client:ident) => {
        $client::new($link.channel.clone())
            .max_decoding_message_size($link.message_bytes_max)
            .max_encoding_message_size($link.message_bytes_max)
    };
}

pub(crate) use service;

/// Calls a method of a service until it succeeds or fails for good.
macro_rules! call {
    ($client:expr, $is_read:expr, $service:ident, $method:ident, $message:expr) => {{
        let client: &crate::client::Client = $client;
        let message = $message;
        let mut tries = client.tries($is_read);
        loop {
            let link = client.link();
            let request = link.request(message.clone());
            match crate::client::service!(link, $service)
                .$method(request)
                .await
            {
                Ok(answer) => break Ok::<_, crate::error::Error>(answer.into_inner()),
                Err(status) => match tries.failed(&link, link.error(status)).await {
                    Ok(()) => {}
                    Err(error) => break Err(error),
                },
            }
        }
    }};
}

pub(crate) use call;

/// Asks for a change; there is nothing to be told but that it was made.
macro_rules! change {
    ($client:expr, $service:ident, $method:ident, $message:expr) => {
        crate::client::call!($client, false, $service, $method, $message).map(drop)
    };
}

pub(crate) use change;

/// All items of a list, page by page.
macro_rules! pages {
    ($client:expr, $service:ident, $method:ident, $message:expr, $items:ident) => {
        async {
            let mut message = $message;
            let mut items = Vec::new();
            loop {
                let page = crate::client::call!($client, true, $service, $method, message.clone())?;
                items.extend(page.$items);
                if page.next_page_token.is_empty() {
                    return Ok::<_, crate::error::Error>(items);
                }
                message.page_token = page.next_page_token;
            }
        }
        .await
    };
}

pub(crate) use pages;

/// A graph of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraphInfo {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its latest version; 0 if nothing was ever committed.
    pub version: u64,
}

impl From<v1::Graph> for GraphInfo {
    fn from(graph: v1::Graph) -> Self {
        Self {
            name: graph.name,
            created: graph.created.map(wire::from_timestamp),
            version: graph.version,
        }
    }
}

impl Client {
    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// Connects to a server that asks nobody who they are. Everything else is for
    /// [`builder`](Self::builder).
    ///
    /// # Errors
    /// If the server cannot be reached, or asks for credentials.
    pub async fn connect(endpoint: impl Into<String>) -> Result<Self, Error> {
        Self::builder().endpoint(endpoint).connect().await
    }

    /// Sets up a client.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A graph of the server. Nothing is asked yet, not even whether it exists.
    #[must_use]
    pub fn graph(&self, name: impl Into<String>) -> Graph {
        Graph::new(self.clone(), name.into())
    }

    /// The graphs that one may do anything with, by name.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses.
    pub async fn graphs(&self) -> Result<Vec<GraphInfo>, Error> {
        let message = v1::ListGraphsRequest::default();
        let graphs = pages!(self, AdminClient, list_graphs, message, graphs)?;
        Ok(graphs.into_iter().map(GraphInfo::from).collect())
    }

    /// Asks for as little as possible, to see whether the server is there and lets this client in.
    pub(crate) async fn greet(&self) -> Result<(), Error> {
        let message = v1::ListGraphsRequest {
            page_size: 1,
            ..v1::ListGraphsRequest::default()
        };
        call!(self, true, AdminClient, list_graphs, message).map(drop)
    }

    /// Makes an empty graph.
    ///
    /// # Errors
    /// If there is one of that name, the name is none, or one may not.
    pub async fn create_graph(&self, name: impl Into<String>) -> Result<GraphInfo, Error> {
        let message = v1::CreateGraphRequest { name: name.into() };
        let answer = call!(self, false, AdminClient, create_graph, message)?;
        let graph = answer.graph.map(GraphInfo::from);
        graph.ok_or_else(|| wire::not_understood("a graph was made, but which is not said"))
    }

    /// Changes one's own password. This client goes on with the old one, which the server refuses from then
    /// on: build a new client.
    ///
    /// # Errors
    /// If the old password is wrong, or the new one is not allowed.
    pub async fn change_password(
        &self,
        old: impl Into<String>,
        new: impl Into<String>,
    ) -> Result<(), Error> {
        let link = self.link();
        let request = link.request(v1::ChangePasswordRequest {
            old_password: old.into(),
            new_password: new.into(),
        });
        let mut admin = service!(link, AdminClient);
        let answer = admin.change_password(request).await;
        answer.map(drop).map_err(|status| link.error(status))
    }

    /// Ends a query by the id that [`Rows::query_id`](crate::Rows::query_id) tells: one's own, or as an
    /// administrator anybody's.
    ///
    /// # Errors
    /// If there is no such query, or one may not.
    pub async fn cancel(&self, query_id: impl Into<String>) -> Result<(), Error> {
        let link = self.link();
        let query_id = query_id.into();
        let request = link.request(v1::CancelRequest { query_id });
        let answer = service!(link, QueryClient).cancel(request).await;
        answer.map(drop).map_err(|status| link.error(status))
    }

    /// How long a statement may run that says nothing else.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.0.timeout
    }

    /// When to try again.
    pub(crate) fn retry_policy(&self) -> RetryPolicy {
        self.0.retry
    }

    /// A connection to the server in use.
    pub(crate) fn link(&self) -> Link {
        let shared = &self.0;
        let at = shared.current.load(Ordering::Relaxed) % shared.servers.len();
        let server = &shared.servers[at];
        let next = server.next.fetch_add(1, Ordering::Relaxed) % server.channels.len();
        Link {
            endpoint: Arc::clone(&server.endpoint),
            channel: server.channels[next].clone(),
            authorization: shared.authorization.clone(),
            message_bytes_max: shared.message_bytes_max,
            server: at,
        }
    }

    /// Uses the next server from now on, unless somebody has left this one already.
    fn leave(&self, link: &Link) {
        let shared = &self.0;
        let next = (link.server + 1) % shared.servers.len();
        let (order, current) = (Ordering::Relaxed, &shared.current);
        let _ = current.compare_exchange(link.server, next, order, order);
    }

    /// Tries to do something until it succeeds, or fails for good; `is_read` says that it never has an effect.
    pub(crate) fn tries(&self, is_read: bool) -> Tries {
        Tries {
            client: self.clone(),
            attempts: Attempts::new(self.0.retry),
            servers_left: self.0.servers.len(),
            is_read,
        }
    }
}

/// Attempts at one piece of work.
pub struct Tries {
    client: Client,
    attempts: Attempts,
    /// How many servers there are that have not been tried since the last wait.
    servers_left: usize,
    is_read: bool,
}

impl Tries {
    /// Takes note of a failure over a connection. Returns when it is time to try again, on the connection
    /// that the client then gives.
    ///
    /// # Errors
    /// The failure, if nothing is to be tried again.
    pub async fn failed(&mut self, link: &Link, error: Error) -> Result<(), Error> {
        // Another server may be trusted, and the same one will not be.
        let is_untrusted = matches!(error, Error::Untrusted { .. });
        if !is_untrusted && !may_try_again(&error, self.is_read) {
            return Err(error);
        }
        let is_lost = matches!(error, Error::Unreachable { .. } | Error::Broken { .. });
        if is_lost || is_untrusted {
            self.client.leave(link);
            self.servers_left -= 1;
            if self.servers_left > 0 {
                return Ok(());
            }
            if is_untrusted {
                return Err(error);
            }
            self.servers_left = self.client.0.servers.len();
        }
        match self.attempts.next_wait(error.retry_after()) {
            Some(wait) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            None => Err(error),
        }
    }

    /// Starts to count anew, after something went well.
    pub fn succeeded(&mut self) {
        self.attempts.reset();
        self.servers_left = self.client.0.servers.len();
    }
}

/// Whether something that failed can be done again without doing it twice.
pub fn may_try_again(error: &Error, is_read: bool) -> bool {
    match error.retry() {
        Retry::Never => false,
        Retry::Safe => true,
        // The time is over, whoever it was that kept silent.
        Retry::Unknown => is_read && !matches!(error, Error::NoAnswer { .. }),
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let endpoints: Vec<&str> = self
            .0
            .servers
            .iter()
            .map(|server| &*server.endpoint)
            .collect();
        f.debug_struct("Client")
            .field("endpoints", &endpoints)
            .finish_non_exhaustive()
    }
}
