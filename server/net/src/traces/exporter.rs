//! Spans on their way to the collector.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::SpanData;
use tracing::{info, warn};

/// What came of spans.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) sent: AtomicU64,
    pub(super) lost: AtomicU64,
}

/// Sends spans by OTLP over gRPC. That nobody takes them is said once, and once that somebody does again: the
/// library by itself would say nothing, or say it every few seconds.
#[derive(Debug)]
pub(super) struct Exporter {
    inner: SpanExporter,
    endpoint: String,
    outcome: Arc<Outcome>,
    fails: AtomicBool,
}

impl Exporter {
    /// Sends to a collector; it need not be there yet.
    pub(super) fn new(endpoint: &str, outcome: Arc<Outcome>) -> Result<Self, ExporterBuildError> {
        let inner = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .build()?;
        Ok(Self {
            inner,
            endpoint: endpoint.to_owned(),
            outcome,
            fails: AtomicBool::new(false),
        })
    }
}

impl opentelemetry_sdk::trace::SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        let exported = self.inner.export(batch).await;
        match &exported {
            Ok(()) => {
                self.outcome.sent.fetch_add(count, Ordering::Relaxed);
                if self.fails.swap(false, Ordering::Relaxed) {
                    info!(endpoint = self.endpoint, "traces are taken again");
                }
            }
            Err(error) => {
                self.outcome.lost.fetch_add(count, Ordering::Relaxed);
                if !self.fails.swap(true, Ordering::Relaxed) {
                    warn!(endpoint = self.endpoint, %error, "traces are not taken and get lost");
                }
            }
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
