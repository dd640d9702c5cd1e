//! Listening, whatever the protocol.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_otlp::ExporterBuildError;
use retrograph_identity::DirectoryError;
use retrograph_server::Database;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::{error, info, warn};

use crate::client_certificate::ClientCertificates;
use crate::connections::{Connections, Refusal};
use crate::identity::Access;
use crate::metrics::{Metrics, Open};
use crate::overview;
use crate::socket::{Socket, keep_alive};
use crate::tls::{Certificate, TlsError, TlsFiles};
use crate::traces::{self, Traces};
use crate::turns::{TurnOptions, Turnstile};
use crate::workers::{STACK_BYTES, Workers};
use crate::{bolt, grpc, http};

/// How long connections may take to end when the server stops.
const STOP_TIME: Duration = Duration::from_secs(5);

/// How long a connection may take to be told that there is no place for it.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// How often the files of the certificate are looked at.
const RELOAD_PERIOD: Duration = Duration::from_secs(5);

/// How often failed logins are written down.
const RECORD_PERIOD: Duration = Duration::from_secs(5);

/// How long to wait when no connection can be accepted, as when there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How a server serves, whatever the protocol.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bolt, if it is to be spoken.
    pub bolt: Option<bolt::Options>,
    /// Where health and metrics are told.
    pub http: http::Options,
    /// gRPC, if it is to be spoken.
    pub grpc: Option<grpc::Options>,
    /// The graph of clients that name none; if absent, the only one there is.
    pub default_graph: Option<String>,
    /// Who may connect.
    pub access: Access,
    /// The certificate with which all connections are encrypted; none are if absent.
    pub tls: Option<TlsFiles>,
    /// Whether clients are asked for certificates of their own; for that, [`Self::tls`] has to be there.
    pub client_certificates: Option<ClientCertificates>,
    /// Whether other machines may connect without TLS, so that passwords cross the network as they are.
    pub is_plaintext_exposed: bool,
    /// How many connections there may be.
    pub connections_max: usize,
    /// How many queries or open transactions there may be at the same time.
    pub workers_max: usize,
    /// When statements run and what they may take.
    pub turns: TurnOptions,
    /// Whom traces are told; none are kept if absent.
    pub traces: Option<traces::Options>,
}

impl Options {
    /// The usual ones, with nothing to listen on yet.
    #[must_use]
    pub fn new(access: Access) -> Self {
        Self {
            bolt: None,
            http: http::Options::default(),
            grpc: None,
            default_graph: None,
            access,
            tls: None,
            client_certificates: None,
            is_plaintext_exposed: false,
            connections_max: 10_000,
            workers_max: 1_000,
            turns: TurnOptions::default(),
            traces: None,
        }
    }

    const fn protection(&self) -> Protection {
        Protection {
            asks_nobody: matches!(self.access, Access::Open { .. }),
            has_tls: self.tls.is_some(),
            is_plaintext_exposed: self.is_plaintext_exposed,
        }
    }
}

/// How addresses are protected from whoever can connect to them.
#[derive(Clone, Copy, Debug)]
pub struct Protection {
    /// Whether nobody is asked who they are.
    pub asks_nobody: bool,
    /// Whether connections are encrypted.
    pub has_tls: bool,
    /// Whether other machines may connect without TLS.
    pub is_plaintext_exposed: bool,
}

impl Protection {
    /// Whether an address may be listened on: nothing is told or heard in plain text beyond this machine
    /// unless that was said, and nobody is let in there unasked.
    ///
    /// # Errors
    /// If not.
    pub fn check(self, address: SocketAddr) -> Result<(), ListenError> {
        if address.ip().is_loopback() {
            Ok(())
        } else if self.asks_nobody {
            Err(ListenError::Exposed(address))
        } else if !self.has_tls && !self.is_plaintext_exposed {
            Err(ListenError::Plaintext(address))
        } else {
            Ok(())
        }
    }
}

/// The server cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// There is no address to listen on.
    #[error("there is nothing to listen on: no protocol has an address")]
    Nowhere,
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
    /// Clients show certificates within TLS only.
    #[error(
        "clients can be asked for certificates only where the server has one: give it --tls-certificate and --tls-key"
    )]
    ClientsWithoutTls,
    /// A certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Traces cannot be told to what was named.
    #[error("cannot send traces to {endpoint}")]
    Traces {
        /// The collector that was named.
        endpoint: String,
        /// Why not.
        #[source]
        source: ExporterBuildError,
    },
    /// No threads can be started.
    #[error("cannot start the threads of the server")]
    Runtime(#[source] io::Error),
}

/// What the listeners of a server share.
pub(crate) struct Shared {
    pub(crate) database: Arc<Database>,
    pub(crate) default_graph: Option<String>,
    pub(crate) access: Access,
    pub(crate) workers: Arc<Workers>,
    pub(crate) metrics: Metrics,
    pub(crate) turns: Arc<Turnstile>,
    pub(crate) traces: Traces,
}

/// Where connections come in.
struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    encryption: Option<Encryption>,
}

/// How a listener agrees on TLS.
#[derive(Clone)]
struct Encryption {
    acceptor: TlsAcceptor,
    certificate: Arc<Certificate>,
    /// How long a client may take over it.
    time: Duration,
}

/// A server that listens.
pub struct Server {
    runtime: Runtime,
    shared: Arc<Shared>,
    certificate: Option<Arc<Certificate>>,
    connections: Arc<Connections>,
    bolt: Option<(Listener, Arc<bolt::Service>)>,
    http: Vec<(Listener, Arc<http::Service>)>,
    grpc: Option<(Listener, Arc<grpc::Service>)>,
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
    /// If there is nothing to listen on, or an address is not one of this machine alone, or cannot be had.
    pub fn listen(database: Arc<Database>, options: Options) -> Result<Self, ListenError> {
        let addresses = [
            options.bolt.as_ref().map(|bolt| bolt.listen),
            options.grpc.as_ref().map(|grpc| grpc.listen),
        ];
        if addresses.iter().all(Option::is_none) {
            return Err(ListenError::Nowhere);
        }
        for address in addresses.into_iter().flatten() {
            options.protection().check(address)?;
        }
        if options.client_certificates.is_some() && options.tls.is_none() {
            return Err(ListenError::ClientsWithoutTls);
        }
        let clients = options.client_certificates;
        let certificate = options.tls.map(|files| Certificate::load(files, clients));
        let certificate = certificate.transpose()?;
        database.set_default_graph(options.default_graph.as_deref());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("retrograph-net")
            .thread_stack_size(STACK_BYTES)
            // Besides those who work for calls, those who look up who calls.
            .max_blocking_threads(options.workers_max.saturating_add(64))
            .enable_all()
            .build()
            .map_err(ListenError::Runtime)?;
        let listen_plainly = |address| -> Result<Listener, ListenError> {
            let unusable = |source| ListenError::Address { address, source };
            let socket = runtime
                .block_on(TcpListener::bind(address))
                .map_err(unusable)?;
            Ok(Listener {
                address: socket.local_addr().map_err(unusable)?,
                socket,
                encryption: None,
            })
        };
        let listen = |address, protocols: &[&[u8]], time| -> Result<Listener, ListenError> {
            let encryption = match &certificate {
                None => None,
                Some(certificate) => Some(Encryption {
                    acceptor: certificate.acceptor(protocols)?,
                    certificate: Arc::clone(certificate),
                    time,
                }),
            };
            Ok(Listener {
                encryption,
                ..listen_plainly(address)?
            })
        };
        let traces = match options.traces {
            None => Traces::default(),
            Some(options) => {
                let _entered = runtime.enter();
                Traces::start(&options).map_err(|source| ListenError::Traces {
                    endpoint: options.endpoint,
                    source,
                })?
            }
        };
        let shared = Arc::new(Shared {
            database,
            default_graph: options.default_graph,
            access: options.access,
            workers: Workers::new(options.workers_max),
            metrics: Metrics::new(),
            turns: Turnstile::new(&options.turns),
            traces,
        });
        let connections = Connections::new(options.connections_max);
        for procedure in overview::procedures(&shared.turns) {
            shared.database.engine().register_procedure(procedure);
        }
        let bolt = match options.bolt {
            None => None,
            Some(options) => {
                let listener = listen(options.listen, &[], options.limits.authentication_time)?;
                if let Some(components) = options.components() {
                    shared.database.engine().register_procedure(components);
                }
                let service = bolt::Service::new(Arc::clone(&shared), options, listener.address);
                Some((listener, Arc::new(service)))
            }
        };
        let mut http = Vec::new();
        for (address, topics) in options.http.listeners() {
            // In plain text, whoever asks: see the module.
            let listener = listen_plainly(address)?;
            let (workers, connections) = (Arc::clone(&shared.workers), Arc::clone(&connections));
            let open = move || Open {
                connections: connections.count(),
                workers: workers.count(),
            };
            let service = http::Service::new(Arc::clone(&shared), options.http, topics, open);
            http.push((listener, Arc::new(service)));
        }
        let grpc = match options.grpc {
            None => None,
            Some(options) => {
                let listener = listen(options.listen, &[b"h2"], options.first_call_time)?;
                let service = grpc::Service::new(Arc::clone(&shared), options);
                Some((listener, Arc::new(service)))
            }
        };
        Ok(Self {
            runtime,
            shared,
            certificate,
            connections,
            bolt,
            http,
            grpc,
            stop: watch::channel(false).0,
        })
    }

    /// Where it listens for Bolt, if it does.
    #[must_use]
    pub fn bolt_address(&self) -> Option<SocketAddr> {
        self.bolt.as_ref().map(|(listener, _)| listener.address)
    }

    /// Where it listens for HTTP: health first, then metrics, one address if they share it.
    #[must_use]
    pub fn http_addresses(&self) -> Vec<SocketAddr> {
        let listeners = self.http.iter();
        listeners.map(|(listener, _)| listener.address).collect()
    }

    /// Where it listens for gRPC, if it does.
    #[must_use]
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.grpc.as_ref().map(|(listener, _)| listener.address)
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
            shared,
            certificate,
            connections,
            bolt,
            http,
            grpc,
            stop,
        } = self;
        let stopped = || stop.subscribe();
        let probes = Connections::new(http::CONNECTIONS_MAX);
        for (listener, service) in http {
            let (probes, stopped, stopping) = (Arc::clone(&probes), stopped(), stopped());
            runtime.spawn(async move {
                let serve = move |socket, peer, refusal| {
                    Arc::clone(&service).serve(socket, peer, refusal, stopping.clone())
                };
                listener.accept(&probes, stopped, serve).await;
            });
        }
        runtime.block_on(async {
            let bolt = async {
                let Some((listener, service)) = bolt else {
                    return std::future::pending().await;
                };
                let stopping = stopped();
                let serve = move |socket, peer, refusal| {
                    Arc::clone(&service).serve(socket, peer, refusal, stopping.clone())
                };
                listener.accept(&connections, stopped(), serve).await;
            };
            let grpc = async {
                let Some((listener, service)) = grpc else {
                    return std::future::pending().await;
                };
                service.announce().await;
                let stopping = stopped();
                let serve = move |socket, peer, refusal| {
                    Arc::clone(&service).serve(socket, peer, refusal, stopping.clone())
                };
                listener.accept(&connections, stopped(), serve).await;
            };
            tokio::select! {
                () = bolt => {}
                () = grpc => {}
                () = record_failed_logins(&shared.access) => {}
                () = follow(certificate.as_ref()) => {}
            }
            // Connections see the stop as well; they roll back what is open.
            let ends = tokio::time::Instant::now() + STOP_TIME;
            while connections.are_open() || shared.workers.are_busy() {
                if tokio::time::Instant::now() >= ends {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        // The connection to the collector lives on the runtime.
        shared.traces.stop();
        runtime.shutdown_timeout(STOP_TIME);
        if let Access::Users(authenticator) = &shared.access {
            report(authenticator.record_failures());
        }
    }
}

impl Listener {
    /// Accepts connections until the server stops, and has each served by a task.
    async fn accept<S>(
        self,
        connections: &Arc<Connections>,
        mut stopped: watch::Receiver<bool>,
        serve: impl Fn(Socket, SocketAddr, Option<Refusal>) -> S + Clone + Send + 'static,
    ) where
        S: Future<Output = ()> + Send,
    {
        let mut is_told = false;
        while !*stopped.borrow() {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                _ = stopped.changed() => continue,
            };
            let (socket, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Once for each time of trouble: it may last.
                    if !std::mem::replace(&mut is_told, true) {
                        error!(%error, address = %self.address, "no connections can be accepted");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            is_told = false;
            let Some(place) = connections.enter() else {
                continue;
            };
            let (encryption, serve) = (self.encryption.clone(), serve.clone());
            tokio::spawn(async move {
                let refusal = place.refusal;
                let served = async move {
                    if let Some(socket) = encrypt(socket, encryption).await {
                        serve(socket, peer, refusal).await;
                    }
                };
                match refusal {
                    None => served.await,
                    Some(_) => drop(timeout(REFUSAL_TIME, served).await),
                }
                drop(place);
            });
        }
    }
}

/// Agrees on TLS, where there is any. A client that speaks none, or not in time, is told by the library if
/// at all.
async fn encrypt(socket: TcpStream, encryption: Option<Encryption>) -> Option<Socket> {
    // Answers are short and waited for.
    let _ = socket.set_nodelay(true);
    keep_alive(&socket);
    let Some(encryption) = encryption else {
        return Some(Socket::Plain(socket));
    };
    let agreed = timeout(encryption.time, encryption.acceptor.accept(socket)).await;
    let socket = Box::new(agreed.ok()?.ok()?);
    let chain = socket.get_ref().1.peer_certificates();
    let certified = chain.and_then(|chain| encryption.certificate.certified(chain));
    Some(Socket::Tls { socket, certified })
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
        error!(%error, "failed logins cannot be recorded");
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
            Ok(Ok(true)) => {
                info!("a new certificate is in use");
                String::new()
            }
            _ => String::new(),
        };
        // Once for each: the files may stay as they are for long.
        if !problem.is_empty() && problem != told {
            warn!(problem, "the certificate so far stays in use");
        }
        told = problem;
    }
}
