//! Traces: what single requests did, and for how long, told to an OpenTelemetry collector.
//!
//! ```text
//!   call of gRPC ──┬─ statement ──┬─ plan, wait, execute, commit
//!   transaction ───┘              (Bolt: a statement by itself, or within its transaction)
//! ```
//!
//! Off unless an address is given; then a request asks one `Option` and no more. Where a client sends a W3C
//! Trace Context (gRPC: the header `traceparent`; Bolt: the metadata of a transaction under that key), its
//! span is the parent and decides whether the trace is kept, else a ratio does.
//!
//! Spans hold no values: no parameters, no literals, no rows, no messages of errors, no credentials. Statements
//! are left out too, unless asked for, and are told without their literals then. See [`Options::tells_text`].
//!
//! A span that has ended goes into a bounded queue, from which a thread of the SDK sends batches by OTLP. If
//! nobody takes them the queue is full and further spans are dropped; no request ever waits.

mod call;
mod exporter;
mod parent;
mod statement;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

pub(crate) use call::Call;
use exporter::{Exporter, Outcome};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, TraceContextExt, Tracer as _, TracerProvider,
};
use opentelemetry::{Context, InstrumentationScope, Key, KeyValue};
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, Span};
pub(crate) use parent::parent;
pub(crate) use statement::{About, Statement, Transaction};
use tracing::warn;

/// How long a server that stops waits for the last spans to be taken.
const STOP_TIME: Duration = Duration::from_secs(5);

/// Whom traces are told, and how much.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The collector: `http://` or `https://`, a host and a port, where it takes OTLP over gRPC.
    pub endpoint: String,
    /// The share of traces that are kept, of those that no client decided on.
    pub sample_ratio: f64,
    /// Whether statements are told, without their literals and comments. Names of labels, properties,
    /// variables and parameters remain, which is what users wrote; who reads traces may not be who may read
    /// graphs.
    pub tells_text: bool,
}

/// The traces of a server, or that it keeps none.
#[derive(Clone, Default)]
pub(crate) struct Traces(Option<Arc<Tracing>>);

/// What keeps traces.
pub(crate) struct Tracing {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    tells_text: bool,
    outcome: Arc<Outcome>,
}

/// How many spans came to what, since the server started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Taken by the collector.
    pub(crate) sent: u64,
    /// Given up, as nobody took them.
    pub(crate) lost: u64,
}

impl Traces {
    /// Begins to keep traces. To be called in a runtime, on which the connection to the collector lives.
    pub(crate) fn start(options: &Options) -> Result<Self, ExporterBuildError> {
        let outcome = Arc::new(Outcome::default());
        let exporter = Exporter::new(&options.endpoint, Arc::clone(&outcome))?;
        let ratio = Sampler::TraceIdRatioBased(options.sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).build())
            .with_sampler(Sampler::ParentBased(Box::new(ratio)))
            .with_resource(resource())
            .build();
        let scope = InstrumentationScope::builder("retrograph")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        Ok(Self(Some(Arc::new(Tracing {
            tracer: provider.tracer_with_scope(scope),
            provider,
            tells_text: options.tells_text,
            outcome,
        }))))
    }

    /// What came of the spans so far.
    pub(crate) fn told(&self) -> Told {
        self.0.as_ref().map_or_else(Told::default, |tracing| Told {
            sent: tracing.outcome.sent.load(Ordering::Relaxed),
            lost: tracing.outcome.lost.load(Ordering::Relaxed),
        })
    }

    /// Sends what has ended and is there; gives up after a while. May block.
    pub(crate) fn stop(&self) {
        let Some(tracing) = &self.0 else { return };
        if let Err(error) = tracing.provider.shutdown_with_timeout(STOP_TIME) {
            warn!(%error, "the last traces were not taken in time");
        }
    }
}

/// Who tells. What `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say goes first, as everywhere with
/// OpenTelemetry.
fn resource() -> Resource {
    let named = Resource::builder().build();
    let name = named.get(&Key::from_static_str("service.name"));
    let is_named = name.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let builder = Resource::builder().with_attribute(version);
    match is_named {
        true => builder.build(),
        false => builder.with_service_name("retrograph").build(),
    }
}

impl Tracing {
    /// Begins a span; one that does not record if the trace is not kept.
    fn begin(
        &self,
        parent: Option<&SpanContext>,
        kind: SpanKind,
        name: String,
        began: SystemTime,
    ) -> Span {
        let context = match parent {
            Some(parent) => Context::new().with_remote_span_context(parent.clone()),
            None => Context::new(),
        };
        let builder = SpanBuilder::from_name(name)
            .with_kind(kind)
            .with_start_time(began);
        self.tracer.build_with_context(builder, &context)
    }
}

/// Tells instants as times of the day: those of one request by one look at both clocks, so that its spans
/// fit into each other.
#[derive(Clone, Copy, Debug)]
struct Clocks {
    instant: Instant,
    time: SystemTime,
}

impl Clocks {
    fn now() -> Self {
        Self {
            instant: Instant::now(),
            time: SystemTime::now(),
        }
    }

    fn time_of(&self, instant: Instant) -> SystemTime {
        self.time + instant.saturating_duration_since(self.instant)
    }
}

/// Says that what a span is of has failed. Of the error only the code is told: messages quote what users wrote.
fn fail(span: &mut Span, code: Cow<'static, str>) {
    span.set_attribute(KeyValue::new("error.type", code));
    span.set_status(opentelemetry::trace::Status::error(""));
}
