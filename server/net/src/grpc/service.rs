//! gRPC on a listener of the server.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use opentelemetry::trace::SpanContext;
use parking_lot::Mutex;
use retrograph_bolt::Failure;
use retrograph_proto::v1::admin_server::AdminServer;
use retrograph_proto::v1::jobs_server::JobsServer;
use retrograph_proto::v1::query_server::QueryServer;
use retrograph_proto::v1::schema_server::SchemaServer;
use retrograph_proto::v1::tenants_server::TenantsServer;
use retrograph_proto::v1::time_server::TimeServer;
use retrograph_proto::v1::transactions_server::TransactionsServer;
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::codegen::{Service as Handles, http};
use tonic::server::NamedService;
use tonic::{Code, Status};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tracing::info;

use super::api::Api;
use super::caller::{Recognised, Session, authorization, credentials, hash};
use super::methods::Methods;
use super::observed::Observed;
use super::status;
use crate::client_certificate::Certified;
use crate::connections::Refusal;
use crate::identity::Identity;
use crate::server::Shared;
use crate::socket::Socket;
use crate::target::{Caller, Targets};
use crate::traces;

/// How often a connection on which nothing happens is asked whether it is still there, and how long it may
/// take to say so.
const KEEP_ALIVE_PERIOD: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIME: Duration = Duration::from_secs(20);

/// How long calls may take to end when the server stops.
const GRACE: Duration = Duration::from_millis(500);

/// How large the headers of a call may be.
const HEADER_BYTES_MAX: u32 = 32 << 10;

/// How many calls there may be on a connection at the same time.
const CALLS_MAX: u32 = 256;

/// How much of an answer may wait to be sent.
const UNSENT_BYTES_MAX: usize = 256 << 10;

/// How large a message may be of those whom nobody knows: the name of a service.
const OPEN_BYTES_MAX: usize = 4 << 10;

/// How gRPC is spoken.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How large a message of a client may be.
    pub message_bytes_max: usize,
    /// How long a client may take nothing of an answer before the call is given up.
    pub stall: Duration,
    /// How long a connection may take to its first call that is let in.
    pub first_call_time: Duration,
    /// How long a transaction may wait for its next call, at most.
    pub transaction_idle: Duration,
    /// How many transactions may be open.
    pub transactions_max: usize,
}

impl Options {
    /// The usual ones.
    #[must_use]
    pub const fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            message_bytes_max: 16 << 20,
            stall: Duration::from_secs(600),
            first_call_time: Duration::from_secs(30),
            transaction_idle: Duration::from_secs(60),
            transactions_max: 1_000,
        }
    }
}

type Called = http::Request<Incoming>;
type Answered = http::Response<Body>;
type Answering = Pin<Box<dyn Future<Output = Answered> + Send>>;
type Handler = Box<dyn Fn(Called) -> Answering + Send + Sync>;

/// What all gRPC connections share.
pub(crate) struct Service {
    shared: Arc<Shared>,
    first_call_time: Duration,
    handlers: HashMap<&'static str, Handler>,
    methods: Methods,
    health: HealthReporter,
    /// How many connections there have been.
    count: AtomicU64,
}

/// A connection.
struct Connection {
    service: Arc<Service>,
    name: Arc<str>,
    peer: SocketAddr,
    /// Whom its certificate is of, if it has shown one.
    certified: Option<Certified>,
    targets: Arc<Mutex<Targets>>,
    /// Whom it has recognised. Held while somebody is looked up, so that one is not looked up twice.
    recognised: tokio::sync::Mutex<Recognised>,
    /// Whether a call was let in.
    is_used: AtomicBool,
    /// Why none is.
    refusal: Option<Refusal>,
}

/// The services that anybody may call: they say whether the server is there, and nothing else.
const OPEN_TO_ALL: &str = <HealthServer<HealthService> as NamedService>::NAME;

impl Service {
    /// The services on the graphs of a server.
    pub(crate) fn new(shared: Arc<Shared>, options: Options) -> Self {
        let bytes_max = options.message_bytes_max;
        let first_call_time = options.first_call_time;
        let api = Arc::new(Api::new(Arc::clone(&shared), options));
        let health = HealthReporter::new();
        let mut handlers = HashMap::new();
        macro_rules! serve {
            ($($server:ident),*) => {
                $(put(
                    &mut handlers,
                    $server::from_arc(Arc::clone(&api)).max_decoding_message_size(bytes_max),
                );)*
            };
        }
        serve!(
            QueryServer,
            TransactionsServer,
            SchemaServer,
            TimeServer,
            JobsServer,
            AdminServer,
            TenantsServer
        );
        put(
            &mut handlers,
            HealthServer::new(HealthService::from_health_reporter(health.clone()))
                .max_decoding_message_size(OPEN_BYTES_MAX),
        );
        let described = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(retrograph_proto::DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        if let Ok(server) = described().build_v1() {
            put(&mut handlers, server);
        }
        if let Ok(server) = described().build_v1alpha() {
            put(&mut handlers, server);
        }
        Self {
            methods: Methods::new(&shared.metrics.requests),
            shared,
            first_call_time,
            handlers,
            health,
            count: AtomicU64::new(0),
        }
    }

    /// Says to those who ask for the health of services that they are there.
    pub(crate) async fn announce(&self) {
        for name in self.handlers.keys() {
            self.health
                .set_service_status(name, ServingStatus::Serving)
                .await;
        }
    }

    /// Says that they are not there any more.
    pub(crate) async fn retire(&self) {
        for name in self.handlers.keys().chain([&""]) {
            self.health
                .set_service_status(name, ServingStatus::NotServing)
                .await;
        }
    }

    /// Serves a connection until it is over, or only tells it why it is not served.
    pub(crate) async fn serve(
        self: Arc<Self>,
        socket: Socket,
        peer: SocketAddr,
        refusal: Option<Refusal>,
        mut stop: watch::Receiver<bool>,
    ) {
        let certified = match &socket {
            Socket::Plain(_) => None,
            Socket::Tls { certified, .. } => certified.clone(),
        };
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let connection = Arc::new(Connection {
            name: format!("grpc-{number}").into(),
            targets: Arc::new(Mutex::new(Targets::new(Arc::clone(&self.shared)))),
            service: self,
            peer,
            certified,
            recognised: tokio::sync::Mutex::default(),
            is_used: AtomicBool::new(false),
            refusal,
        });
        let mut protocol = http2::Builder::new(TokioExecutor::new());
        protocol
            .timer(TokioTimer::new())
            .max_concurrent_streams(CALLS_MAX)
            .max_header_list_size(HEADER_BYTES_MAX)
            .max_send_buf_size(UNSENT_BYTES_MAX)
            .keep_alive_interval(KEEP_ALIVE_PERIOD)
            .keep_alive_timeout(KEEP_ALIVE_TIME);
        let answer = {
            let connection = Arc::clone(&connection);
            service_fn(move |request| {
                let connection = Arc::clone(&connection);
                async move { Ok::<_, Infallible>(connection.answer(request).await) }
            })
        };
        let mut serving = pin!(protocol.serve_connection(TokioIo::new(socket), answer));
        let unused = async {
            tokio::time::sleep(connection.service.first_call_time).await;
            if connection.is_used.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        let stopped = async {
            let _ = stop.wait_for(|stops| *stops).await.is_ok();
        };
        tokio::select! {
            // A client that breaks the protocol is told by the library.
            _ = serving.as_mut() => {}
            () = unused => {
                let name = &*connection.name;
                info!(connection = name, %peer, "closed, as no call was let in in time");
            }
            () = stopped => {
                connection.service.retire().await;
                serving.as_mut().graceful_shutdown();
                // What still runs then is cancelled with its connection.
                let _ = timeout(GRACE, serving).await;
            }
        }
    }
}

/// Has calls of a service answered by it.
fn put<S>(handlers: &mut HashMap<&'static str, Handler>, service: S)
where
    S: Handles<Called, Response = Answered, Error = Infallible>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let handler = move |request| -> Answering {
        let answer = service.clone().call(request);
        Box::pin(async move {
            match answer.await {
                Ok(answered) => answered,
                Err(never) => match never {},
            }
        })
    };
    handlers.insert(S::NAME, Box::new(handler));
}

/// The client's span of which a call is part, if it names one.
fn parent(headers: &http::HeaderMap) -> Option<SpanContext> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    traces::parent(text("traceparent")?, text("tracestate"))
}

impl Connection {
    async fn answer(&self, request: Called) -> http::Response<Observed> {
        let came = Instant::now();
        let method = self.service.methods.of(request.uri().path());
        let mut span = None;
        let answered = self
            .answer_unobserved(request, |headers, identity| {
                let named = method.traced.as_ref()?;
                let traces = &self.service.shared.traces;
                span = traces.call(|| parent(headers), named, identity, came);
                span.as_ref().map(traces::Call::context)
            })
            .await;
        Observed::answer(answered, &method.requests, came, span)
    }

    /// `begin_span` is told who calls once that is known: nobody else has anything traced.
    async fn answer_unobserved(
        &self,
        mut request: Called,
        begin_span: impl FnOnce(&http::HeaderMap, &Identity) -> Option<SpanContext> + Send,
    ) -> Answered {
        if let Some(refusal) = self.refusal {
            let message = refusal.to_string();
            let status = Code::Unavailable;
            return status::with_reason(status, "TOO_MANY_CONNECTIONS", true, message).into_http();
        }
        let path = request.uri().path();
        let named = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        let handler = named.and_then(|(name, _)| self.service.handlers.get_key_value(name));
        let Some((name, handler)) = handler else {
            return Status::unimplemented(
                "there is no such service; reflection lists those there are",
            )
            .into_http();
        };
        if *name != OPEN_TO_ALL {
            match self.caller(request.headers()).await {
                Err(status) => return status.into_http(),
                Ok(caller) => {
                    let targets = Arc::clone(&self.targets);
                    let span = begin_span(request.headers(), &caller.identity);
                    let session = Session {
                        caller,
                        targets,
                        span,
                    };
                    request.extensions_mut().insert(session);
                }
            }
        }
        self.is_used.store(true, Ordering::Relaxed);
        handler(request).await
    }

    /// Who calls.
    async fn caller(&self, headers: &http::HeaderMap) -> Result<Caller, Status> {
        let refused = |failure: Failure| status::of(&failure);
        let shown = authorization(headers).map_err(refused)?;
        let user_agent = headers.get(http::header::USER_AGENT);
        let user_agent = user_agent.and_then(|value| value.to_str().ok());
        Ok(Caller {
            protocol: "grpc",
            connection: Arc::clone(&self.name),
            peer: self.peer.to_string().into(),
            identity: self.identity(shown).await?,
            user_agent: user_agent.unwrap_or("grpc").into(),
        })
    }

    async fn identity(&self, shown: Option<&str>) -> Result<Identity, Status> {
        let hash = hash(shown);
        let mut recognised = self.recognised.lock().await;
        if let Some(identity) = recognised.find(&hash) {
            return Ok(identity);
        }
        let (shown, shared) = (shown.map(str::to_owned), Arc::clone(&self.service.shared));
        let (address, certified) = (self.peer.ip(), self.certified.clone());
        // A password takes its time on purpose.
        let found = tokio::task::spawn_blocking(move || {
            let shown = || match (shown, certified) {
                (None, Some(certified)) => Ok(certified.credentials()),
                (shown, _) => credentials(shown.as_deref()),
            };
            Identity::of(&shared.access, shown, address)
        });
        match found.await {
            Ok(Ok(identity)) => {
                recognised.remember(hash, identity.clone());
                Ok(identity)
            }
            Ok(Err(failure)) => Err(status::of(&failure)),
            Err(_) => Err(status::with_reason(
                Code::Internal,
                "INTERNAL",
                false,
                "the thread that looked up the user has failed",
            )),
        }
    }
}
