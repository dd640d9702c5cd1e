//! HTTP: health, metrics, build.
//!
//! ```text
//!   GET /health/live    the process answers
//!   GET /health/ready   the database can be read and written; 503 and the reasons if not
//!   GET /build          the version
//!   GET /metrics        what is counted, as Prometheus reads it
//! ```
//!
//! Nobody is asked who they are: what is told here is for probes and scrapers, which have no user. It is
//! about the server; of the data only the names of graphs, in the metrics. Its connections are counted by
//! themselves, so that a server whose places are all taken can still say that it is alive.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::watch;
use tracing::warn;

use crate::connections::Refusal;
use crate::metrics::{self, End, Open, Requests};
use crate::server::Shared;
use crate::socket::Socket;
use crate::stall::Stalling;

/// How many connections there may be.
pub(crate) const CONNECTIONS_MAX: usize = 100;

/// The content type of what people read.
const TEXT: &str = "text/plain; charset=utf-8";

/// The content type of everything else.
const JSON: &str = "application/json";

/// Where HTTP is spoken, and about what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Health and build. Absent: they are not told.
    pub listen: Option<SocketAddr>,
    /// Metrics. Absent: they are not told. May be the same address.
    pub metrics: Option<SocketAddr>,
    /// How long a client may take over the head of a request, to come with the next one, and to read something
    /// of an answer.
    pub client_time: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: None,
            metrics: None,
            client_time: Duration::from_secs(10),
        }
    }
}

impl Options {
    /// The addresses to listen on, and what is told there.
    pub(crate) fn listeners(self) -> Vec<(SocketAddr, Topics)> {
        // Port 0 takes a free one, another each time.
        let has_port = self.listen.is_some_and(|address| address.port() != 0);
        let both = has_port && self.listen == self.metrics;
        let topics = |health, metrics| Topics { health, metrics };
        let health = self.listen.map(|address| (address, topics(true, both)));
        let metrics = self.metrics.map(|address| (address, topics(false, true)));
        let metrics = metrics.filter(|_| !both);
        health.into_iter().chain(metrics).collect()
    }
}

/// What is told on a listener.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Topics {
    /// Health and build.
    pub(crate) health: bool,
    /// Metrics.
    pub(crate) metrics: bool,
}

/// What all connections of a listener share.
pub(crate) struct Service {
    shared: Arc<Shared>,
    topics: Topics,
    client_time: Duration,
    /// What the server has open.
    open: Box<dyn Fn() -> Open + Send + Sync>,
    health: Arc<Requests>,
    scrapes: Arc<Requests>,
    others: Arc<Requests>,
}

impl Service {
    pub(crate) fn new(
        shared: Arc<Shared>,
        options: Options,
        topics: Topics,
        open: impl Fn() -> Open + Send + Sync + 'static,
    ) -> Self {
        let requests = |name| shared.metrics.requests.requests("http", name);
        Self {
            health: requests("health"),
            scrapes: requests("metrics"),
            others: requests("other"),
            shared,
            topics,
            client_time: options.client_time,
            open: Box::new(open),
        }
    }

    /// Serves a connection until it is over, or the server stops; or only tells it why it is not served.
    pub(crate) async fn serve(
        self: Arc<Self>,
        socket: Socket,
        peer: SocketAddr,
        refusal: Option<Refusal>,
        mut stop: watch::Receiver<bool>,
    ) {
        let answer = service_fn(|request| {
            let service = Arc::clone(&self);
            let request: Request<Incoming> = request;
            let (head, _) = request.into_parts();
            async move {
                let answer = match refusal {
                    None => service.answer(head).await,
                    Some(_) => text(
                        StatusCode::SERVICE_UNAVAILABLE,
                        TEXT,
                        "too many connections\n",
                    ),
                };
                Ok::<_, Infallible>(answer)
            }
        });
        let socket = Stalling::new(socket, self.client_time);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.client_time)
            .keep_alive(refusal.is_none())
            .serve_connection(TokioIo::new(socket), answer);
        let ended = tokio::select! {
            ended = connection => ended,
            _ = stop.changed() => Ok(()),
        };
        // Other clients that break off are none to be told of.
        if let Err(error) = ended
            && is_unread(&error)
        {
            warn!(%peer, "closed, as the client read nothing of what was sent to it");
        }
    }

    async fn answer(self: Arc<Self>, request: Parts) -> Response<Full<Bytes>> {
        let started = Instant::now();
        if !matches!(request.method, Method::GET | Method::HEAD) {
            self.others.count(started.elapsed(), End::ClientError);
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n");
            let headers = response.headers_mut();
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let (requests, response) = match request.uri.path() {
            "/health/live" if self.topics.health => {
                (&self.health, text(StatusCode::OK, TEXT, "live\n"))
            }
            "/health/ready" if self.topics.health => (&self.health, self.ready().await),
            "/build" if self.topics.health => (&self.others, build()),
            "/metrics" if self.topics.metrics => (&self.scrapes, self.scrape().await),
            _ => {
                let unknown = "not here; see docs/operations/monitoring.md\n";
                (&self.others, text(StatusCode::NOT_FOUND, TEXT, unknown))
            }
        };
        let end = match response.status() {
            status if status.is_success() => End::Done,
            status if status.is_client_error() => End::ClientError,
            StatusCode::SERVICE_UNAVAILABLE => End::TransientError,
            _ => End::ServerError,
        };
        requests.count(started.elapsed(), end);
        response
    }

    async fn ready(&self) -> Response<Full<Bytes>> {
        let shared = Arc::clone(&self.shared);
        let troubles = tokio::task::spawn_blocking(move || shared.database.troubles()).await;
        match troubles {
            Ok(troubles) if troubles.is_empty() => text(StatusCode::OK, TEXT, "ready\n"),
            Ok(troubles) => {
                let lines = troubles.join("\n") + "\n";
                text(StatusCode::SERVICE_UNAVAILABLE, TEXT, lines)
            }
            Err(_) => failed(),
        }
    }

    async fn scrape(self: &Arc<Self>) -> Response<Full<Bytes>> {
        let service = Arc::clone(self);
        let scraped = tokio::task::spawn_blocking(move || {
            let shared = &service.shared;
            let open = (service.open)();
            let Shared {
                database,
                turns,
                traces,
                metrics,
                ..
            } = &**shared;
            metrics.scrape(database, turns, traces, open)
        });
        match scraped.await {
            Ok(metrics) => text(StatusCode::OK, metrics::CONTENT_TYPE, metrics),
            Err(_) => failed(),
        }
    }
}

/// Whether a connection ended because its client does not read.
fn is_unread(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    cause.is_some_and(|cause: &io::Error| cause.kind() == io::ErrorKind::TimedOut)
}

fn build() -> Response<Full<Bytes>> {
    let build = format!(
        "{{\"name\":\"retrograph\",\"version\":\"{}\",\"target\":\"{}-{}\"}}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS
    );
    text(StatusCode::OK, JSON, build)
}

fn failed() -> Response<Full<Bytes>> {
    let message = "the thread that looked has failed\n";
    text(StatusCode::INTERNAL_SERVER_ERROR, TEXT, message)
}

fn text(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let value = HeaderValue::from_static;
    headers.insert(CONTENT_TYPE, value(content_type));
    headers.insert(CACHE_CONTROL, value("no-store"));
    response
}
