//! Listening.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use retrograph_bolt::Limits;
use retrograph_identity::DirectoryError;
use retrograph_server::Database;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::identity::Access;
use super::session::Session;
use crate::tls::{Certificate, TlsError, TlsFiles};

/// How long connections may take to end when the server stops.
const STOP_TIME: Duration = Duration::from_secs(5);

/// How long a client may take to agree on TLS.
const HANDSHAKE_TIME: Duration = Duration::from_secs(30);

/// How often the files of the certificate are looked at.
const RELOAD_PERIOD: Duration = Duration::from_secs(5);

/// How often failed logins are written down.
const RECORD_PERIOD: Duration = Duration::from_secs(5);

/// How long to wait when no connection can be accepted, as when there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How a server serves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What clients are told about where to find it; what they came by if absent.
    pub advertised: Option<String>,
    /// The name and version that clients are told.
    pub agent: String,
    /// The graph of clients that name none; if absent, the only one there is.
    pub default_graph: Option<String>,
    /// Who may connect.
    pub access: Access,
    /// The certificate with which all connections are encrypted; none are if absent.
    pub tls: Option<TlsFiles>,
    /// Whether other machines may connect without TLS, so that passwords cross the network as they are.
    pub is_plaintext_exposed: bool,
    /// How many connections there may be.
    pub connections_max: usize,
    /// How many of them may have something running or open.
    pub workers_max: usize,
    /// A connection that has nothing open for this long gives its worker back.
    pub worker_idle: Duration,
    /// How much the rows of a transaction may take that are kept of unread results while its next query
    /// runs.
    pub kept_bytes_max: usize,
    /// What a connection may do.
    pub limits: Limits,
}

impl Options {
    /// The usual ones.
    #[must_use]
    pub fn new(listen: SocketAddr, access: Access) -> Self {
        Self {
            listen,
            advertised: None,
            agent: concat!("Retrograph/", env!("CARGO_PKG_VERSION")).to_owned(),
            default_graph: None,
            access,
            tls: None,
            is_plaintext_exposed: false,
            connections_max: 10_000,
            workers_max: 1_000,
            worker_idle: Duration::from_secs(10),
            kept_bytes_max: 64 << 20,
            limits: Limits::default(),
        }
    }

    /// Goes by a name that those drivers accept that accept one vendor's only.
    #[must_use]
    pub fn with_compatible_agent(mut self) -> Self {
        self.agent = format!("Neo4j/5.26.0 compatible ({})", self.agent);
        self
    }
}

/// The server cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The address can be reached from elsewhere.
    #[error(
        "{0} can be reached from other machines, and nobody would be asked who they are: listen on a \
         loopback address such as 127.0.0.1:7687, or let users log in"
    )]
    Exposed(SocketAddr),
    /// Passwords would cross the network as they are.
    #[error(
        "{0} can be reached from other machines, and passwords would cross the network as they are: give a \
         certificate with --tls-certificate and --tls-key, listen on a loopback address such as \
         127.0.0.1:7687, or say --allow-plaintext"
    )]
    Plaintext(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No threads can be started.
    #[error("cannot start the threads of the server")]
    Runtime(#[source] io::Error),
}

/// What all connections share.
pub(super) struct Shared {
    pub(super) database: Arc<Database>,
    pub(super) options: Options,
    pub(super) address: SocketAddr,
    pub(super) workers: AtomicUsize,
}

/// A server that listens.
pub struct Server {
    runtime: Runtime,
    listener: TcpListener,
    tls: Option<(Arc<Certificate>, TlsAcceptor)>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
}

/// Stops a server from another thread.
#[derive(Clone)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Stops it: no new connections, and those there are end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Listens; clients can connect from now on, and are served by [`Self::run`].
    ///
    /// # Errors
    /// If the address is not one of this machine alone, or cannot be had.
    pub fn listen(database: Arc<Database>, options: Options) -> Result<Self, ListenError> {
        let address = options.listen;
        if !address.ip().is_loopback() {
            match options.access {
                Access::Open { .. } => return Err(ListenError::Exposed(address)),
                Access::Users(_) if options.tls.is_none() && !options.is_plaintext_exposed => {
                    return Err(ListenError::Plaintext(address));
                }
                Access::Users(_) => {}
            }
        }
        let certificate = options.tls.clone().map(Certificate::load).transpose()?;
        let tls = certificate
            .as_ref()
            .map(Certificate::acceptor)
            .transpose()?;
        database.set_default_graph(options.default_graph.as_deref());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("retrograph-net")
            .enable_all()
            .build()
            .map_err(ListenError::Runtime)?;
        let unusable = |source| ListenError::Address { address, source };
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .map_err(unusable)?;
        let address = listener.local_addr().map_err(unusable)?;
        Ok(Self {
            runtime,
            listener,
            tls: certificate.zip(tls),
            shared: Arc::new(Shared {
                database,
                options,
                address,
                workers: AtomicUsize::new(0),
            }),
            stop: watch::channel(false).0,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// How it is stopped.
    #[must_use]
    pub fn stop(&self) -> Stop {
        Stop(self.stop.clone())
    }

    /// Serves until it is stopped.
    pub fn run(self) {
        let Self {
            runtime,
            listener,
            tls,
            shared,
            stop,
        } = self;
        let (certificate, tls) = tls.unzip();
        let stopped = stop.subscribe();
        let access = shared.options.access.clone();
        let open = Arc::new(AtomicUsize::new(0));
        runtime.block_on(async {
            tokio::select! {
                () = accept(&listener, tls.as_ref(), &shared, stopped, &open) => {}
                () = record_failed_logins(&access) => {}
                () = follow(certificate.as_ref()) => {}
            }
            drop(listener);
            // Connections see the stop as well; they roll back what is open.
            let ends = tokio::time::Instant::now() + STOP_TIME;
            while open.load(Ordering::Acquire) > 0 || shared.workers.load(Ordering::Acquire) > 0 {
                if tokio::time::Instant::now() >= ends {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        runtime.shutdown_timeout(STOP_TIME);
        if let Access::Users(authenticator) = access {
            report(authenticator.record_failures());
        }
    }
}

/// Writes down failed logins every few seconds. Does not end.
async fn record_failed_logins(access: &Access) {
    let Access::Users(authenticator) = access else {
        return std::future::pending().await;
    };
    let mut ticks = tokio::time::interval(RECORD_PERIOD);
    loop {
        ticks.tick().await;
        let authenticator = Arc::clone(authenticator);
        let recorded = tokio::task::spawn_blocking(move || authenticator.record_failures()).await;
        if let Ok(recorded) = recorded {
            report(recorded);
        }
    }
}

/// Nobody waits for the record: what cannot be written is kept and tried again.
fn report(recorded: Result<(), DirectoryError>) {
    if let Err(error) = recorded {
        remark(&format!("failed logins cannot be recorded: {error}"));
    }
}

#[allow(
    clippy::print_stderr,
    reason = "the server has no log of its own to write to"
)]
fn remark(text: &str) {
    eprintln!("retrograph: {text}");
}

async fn accept(
    listener: &TcpListener,
    tls: Option<&TlsAcceptor>,
    shared: &Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
    open: &Arc<AtomicUsize>,
) {
    let number = AtomicU64::new(1);
    while !*stopped.borrow() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => continue,
        };
        let Ok((socket, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let place = OpenConnection::of(open);
        if open.load(Ordering::Relaxed) > shared.options.connections_max {
            // Closed at once: there is no version yet in which to say why.
            continue;
        }
        let id = format!("bolt-{}", number.fetch_add(1, Ordering::Relaxed));
        let session = Session::new(Arc::clone(shared), id, peer);
        let stop = stopped.clone();
        let tls = tls.cloned();
        tokio::spawn(async move {
            let _place = place;
            serve(session, socket, tls, stop).await;
        });
    }
}

async fn serve(
    session: Session,
    mut socket: TcpStream,
    tls: Option<TlsAcceptor>,
    stop: watch::Receiver<bool>,
) {
    // Answers are short and waited for.
    let _ = socket.set_nodelay(true);
    match tls {
        None => {
            let (reader, writer) = socket.split();
            session.run(reader, writer, stop).await;
        }
        Some(tls) => {
            // A client that speaks no TLS, or not in time, is told by the library if at all.
            if let Ok(Ok(socket)) = timeout(HANDSHAKE_TIME, tls.accept(socket)).await {
                let (reader, writer) = tokio::io::split(socket);
                session.run(reader, writer, stop).await;
            }
        }
    }
}

/// Looks for a new certificate every few seconds. Does not end.
async fn follow(certificate: Option<&Arc<Certificate>>) {
    let Some(certificate) = certificate else {
        return std::future::pending().await;
    };
    let mut ticks = tokio::time::interval(RELOAD_PERIOD);
    let mut told = String::new();
    loop {
        ticks.tick().await;
        let certificate = Arc::clone(certificate);
        let reloaded = tokio::task::spawn_blocking(move || certificate.reload()).await;
        let problem = match reloaded {
            Ok(Err(error)) => error.to_string(),
            _ => String::new(),
        };
        // Once for each: the files may stay as they are for long.
        if !problem.is_empty() && problem != told {
            remark(&format!("{problem}; the certificate so far stays in use"));
        }
        told = problem;
    }
}

/// Counts an open connection.
struct OpenConnection(Arc<AtomicUsize>);

impl OpenConnection {
    fn of(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(open))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
