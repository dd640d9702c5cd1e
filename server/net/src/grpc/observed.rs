//! What a call came to: counted, and told to its trace, when its answer has been handed on or is given up.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use hyper::body::{Bytes, Frame, SizeHint};
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Response};
use tonic::{Code, Status};

use crate::metrics::{End, Requests};
use crate::traces;

/// The header, or trailer, that says how a call ended.
const STATUS: &str = "grpc-status";

/// The body of an answer, watched up to its end.
pub struct Observed {
    body: Body,
    watch: Watch,
}

struct Watch {
    requests: Arc<Requests>,
    came: Instant,
    span: Option<traces::Call>,
    is_over: bool,
}

impl Observed {
    /// Watches the answer to a call that came at an instant.
    pub fn answer(
        answer: Response<Body>,
        requests: &Arc<Requests>,
        came: Instant,
        span: Option<traces::Call>,
    ) -> Response<Self> {
        let mut watch = Watch {
            requests: Arc::clone(requests),
            came,
            span,
            is_over: false,
        };
        // One without messages says how it ended in its head.
        watch.look(answer.headers());
        answer.map(|body| Self { body, watch })
    }
}

impl Watch {
    fn look(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get(STATUS) {
            self.end(Code::from_bytes(status.as_bytes()));
        }
    }

    fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        self.requests.count(self.came.elapsed(), end_of(code));
        if let Some(span) = self.span.take() {
            span.end(code);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Its client went away, or the server stops.
        self.end(Code::Cancelled);
    }
}

/// How a call ended that has a status.
const fn end_of(code: Code) -> End {
    match code {
        Code::Ok => End::Done,
        Code::Unauthenticated | Code::PermissionDenied => End::Denied,
        Code::Aborted | Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded => {
            End::TransientError
        }
        Code::Unknown | Code::Internal | Code::DataLoss => End::ServerError,
        Code::Cancelled
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented => End::ClientError,
    }
}

impl hyper::body::Body for Observed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.watch.look(trailers);
                }
            }
            Some(Err(status)) => self.watch.end(status.code()),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
