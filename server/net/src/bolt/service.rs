//! Bolt on a listener of the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use retrograph_bolt::Limits;
use retrograph_engine::functions::Procedure;
use retrograph_engine::functions::procedures::components;
use tokio::sync::watch;

use super::session::Session;
use super::worker::Counters;
use crate::connections::Refusal;
use crate::server::Shared;
use crate::socket::Socket;

/// The version of the vendor's server that a compatible name speaks of.
const COMPATIBLE_VERSION: &str = "5.26.0";

/// How Bolt is spoken.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What clients are told about where to find the server; what they came by if absent.
    pub advertised: Option<String>,
    /// The name and version that clients are told.
    pub agent: String,
    /// Whether `dbms.components` speaks of that vendor's server too, by whose version clients decide what they
    /// may ask.
    pub is_compatible: bool,
    /// A connection that has nothing open for this long gives its worker back.
    pub worker_idle: Duration,
    /// How much the rows of a transaction may take that are kept of unread results while its next query
    /// runs.
    pub kept_bytes_max: usize,
    /// How long a client may read nothing of what is sent to it before the connection is closed.
    pub stall: Duration,
    /// What a connection may do.
    pub limits: Limits,
}

impl Options {
    /// The usual ones.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            advertised: None,
            agent: concat!("Retrograph/", env!("CARGO_PKG_VERSION")).to_owned(),
            is_compatible: false,
            worker_idle: Duration::from_secs(10),
            kept_bytes_max: 64 << 20,
            stall: Duration::from_secs(600),
            limits: Limits::default(),
        }
    }

    /// Goes by a name and version that those clients accept that accept one vendor's only, to drivers and in
    /// `dbms.components`.
    #[must_use]
    pub fn with_compatible_agent(mut self) -> Self {
        self.agent = format!("Neo4j/{COMPATIBLE_VERSION} compatible ({})", self.agent);
        self.is_compatible = true;
        self
    }

    /// What `dbms.components` is to say in place of the truth, if anything.
    pub(crate) fn components(&self) -> Option<Procedure> {
        self.is_compatible
            .then(|| components("Neo4j Kernel", COMPATIBLE_VERSION))
    }
}

/// What all Bolt connections share.
pub(crate) struct Service {
    pub(super) shared: Arc<Shared>,
    pub(super) options: Options,
    pub(super) address: SocketAddr,
    pub(super) counters: Arc<Counters>,
    /// How many connections there have been.
    count: AtomicU64,
}

impl Service {
    /// Speaks Bolt on connections that were made to an address.
    pub(crate) fn new(shared: Arc<Shared>, options: Options, address: SocketAddr) -> Self {
        Self {
            counters: Counters::new(&shared.metrics.requests),
            shared,
            options,
            address,
            count: AtomicU64::new(0),
        }
    }

    /// Serves a connection until it is over, or only tells it why it is not served.
    pub(crate) async fn serve(
        self: Arc<Self>,
        socket: Socket,
        peer: SocketAddr,
        refusal: Option<Refusal>,
        stop: watch::Receiver<bool>,
    ) {
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("bolt-{number}");
        match socket {
            Socket::Plain(mut socket) => {
                let session = Session::new(self, name, peer, None, refusal);
                let (reader, writer) = socket.split();
                session.run(reader, writer, stop).await;
            }
            Socket::Tls { socket, certified } => {
                let session = Session::new(self, name, peer, certified, refusal);
                let (reader, writer) = tokio::io::split(socket);
                session.run(reader, writer, stop).await;
            }
        }
    }
}
