//! Spans of calls of gRPC.

use std::sync::Arc;
use std::time::Instant;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, SpanContext, SpanKind};
use opentelemetry_sdk::trace::Span;
use tonic::Code;

use super::{Clocks, Traces, fail};
use crate::identity::Identity;

impl Traces {
    /// Begins the span of a call, which came a while ago: before it was known whose it is. `method` is its
    /// name with that of the service.
    pub(crate) fn call(
        &self,
        parent: impl FnOnce() -> Option<SpanContext>,
        method: &Arc<str>,
        identity: &Identity,
        came: Instant,
    ) -> Option<Call> {
        let tracing = self.0.as_ref()?;
        let clocks = Clocks::now();
        let began = clocks.time - came.elapsed();
        let name = method.to_string();
        let mut span = tracing.begin(parent().as_ref(), SpanKind::Server, name, began);
        if span.is_recording() {
            span.set_attributes([
                KeyValue::new("rpc.system.name", "grpc"),
                KeyValue::new("rpc.method", Arc::clone(method)),
                KeyValue::new("user.id", identity.actor()),
            ]);
        }
        Some(Call { span })
    }
}

/// The span of a call. Dropped, it ends.
pub(crate) struct Call {
    span: Span,
}

impl Call {
    /// By which others become parts of it; or are left out, if its trace is not kept.
    pub(crate) fn context(&self) -> SpanContext {
        self.span.span_context().clone()
    }

    /// The call has ended with a status.
    pub(crate) fn end(mut self, code: Code) {
        let name = name_of(code);
        self.span
            .set_attribute(KeyValue::new("rpc.response.status_code", name));
        // As the conventions say for servers: what the client did wrong is no error here.
        if matches!(
            code,
            Code::Unknown
                | Code::DeadlineExceeded
                | Code::Unimplemented
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss
        ) {
            fail(&mut self.span, name.into());
        }
        self.span.end();
    }
}

const fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
