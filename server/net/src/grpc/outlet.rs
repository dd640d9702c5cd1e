//! A stream of messages from a worker to a client.
//!
//! The worker's end waits while the client does not read; so what waits to be sent is bounded. It does not
//! wait for ever: it gives up when the client is gone, when the call's time is over, or when nothing has been
//! taken for long. How the stream ends is told beside it, so that a client that reads slowly learns why, and
//! a worker that is lost is never taken for one that is done.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use retrograph_engine::CancelToken;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::{Code, Status};
use tracing::warn;

use super::status;
use crate::errand::Ends;

/// How many messages may wait to be taken.
const WAITING_MAX: usize = 2;

/// How often a worker that waits looks whether it is to go on.
const LOOK: Duration = Duration::from_millis(50);

/// How the stream ended, once it has.
type End = Arc<Mutex<Option<Result<(), Status>>>>;

/// The worker's end.
pub struct Outlet<T> {
    messages: mpsc::Sender<T>,
    end: End,
    runtime: Handle,
    cancel: CancelToken,
    deadline: Option<Instant>,
    stall: Duration,
    /// The name of the connection.
    connection: Arc<str>,
}

/// The client's end. Dropping it tells the worker to stop.
pub struct Inlet<T> {
    messages: mpsc::Receiver<T>,
    end: End,
    cancel: CancelToken,
    is_over: bool,
}

/// Two ends, for a call of a connection. `stall` is how long the worker waits for a client that takes nothing.
pub fn pair<T>(
    connection: &Arc<str>,
    cancel: CancelToken,
    deadline: Option<Instant>,
    stall: Duration,
) -> (Outlet<T>, Inlet<T>) {
    let (sender, messages) = mpsc::channel(WAITING_MAX);
    let end = End::default();
    let outlet = Outlet {
        messages: sender,
        end: Arc::clone(&end),
        runtime: Handle::current(),
        cancel: cancel.clone(),
        deadline,
        stall,
        connection: Arc::clone(connection),
    };
    let inlet = Inlet {
        messages,
        end,
        cancel,
        is_over: false,
    };
    (outlet, inlet)
}

impl<T> Outlet<T> {
    /// Stops the worker when the client is gone.
    pub const fn cancel(&self) -> &CancelToken {
        &self.cancel
    }

    /// When the work is to end though it is not done.
    pub fn ends(&self) -> Ends {
        Ends {
            cancel: self.cancel.clone(),
            deadline: self.deadline,
        }
    }

    /// Whether the worker is to go on.
    pub fn check(&self) -> Result<(), Status> {
        if self.cancel.is_cancelled() || self.messages.is_closed() {
            return Err(cancelled());
        }
        if self.deadline.is_some_and(|at| at <= Instant::now()) {
            return Err(too_late());
        }
        Ok(())
    }

    /// Sends a message unless that would take time; it is given back then.
    pub fn try_send(&self, message: T) -> Result<Option<T>, Status> {
        match self.messages.try_send(message) {
            Ok(()) => Ok(None),
            Err(mpsc::error::TrySendError::Full(message)) => Ok(Some(message)),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(cancelled()),
        }
    }

    /// Sends a message; waits while the client does not read.
    pub fn send(&self, message: T) -> Result<(), Status> {
        let Some(message) = self.try_send(message)? else {
            return Ok(());
        };
        let since = Instant::now();
        loop {
            let place = self
                .runtime
                .block_on(tokio::time::timeout(LOOK, self.messages.reserve()));
            match place {
                Ok(Ok(place)) => {
                    place.send(message);
                    return Ok(());
                }
                Ok(Err(_)) => return Err(cancelled()),
                Err(_) => self.check()?,
            }
            if since.elapsed() > self.stall {
                return Err(self.unread());
            }
        }
    }

    /// Sends a message; waits, holding no thread, while the client does not read.
    pub async fn deliver(&self, message: T) -> Result<(), Status> {
        let place = tokio::time::timeout(self.patience(), self.messages.reserve()).await;
        match place {
            Ok(Ok(place)) => {
                place.send(message);
                Ok(())
            }
            Ok(Err(_)) => Err(cancelled()),
            Err(_) => {
                self.check()?;
                Err(self.unread())
            }
        }
    }

    /// Ends when nobody waits for messages any more: the client is gone, or the call's time is over.
    pub async fn abandoned(&self) -> Status {
        let late = async {
            match self.deadline {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.messages.closed() => cancelled(),
            () = late => too_late(),
        }
    }

    /// How long to wait for a client.
    fn patience(&self) -> Duration {
        let rest = self
            .deadline
            .map(|at| at.saturating_duration_since(Instant::now()));
        rest.map_or(self.stall, |rest| rest.min(self.stall))
    }

    fn unread(&self) -> Status {
        warn!(
            connection = &*self.connection,
            seconds = self.stall.as_secs_f64(),
            "a call was ended, as the client read nothing of its answer"
        );
        status::with_reason(
            Code::DeadlineExceeded,
            "NOT_READ",
            false,
            format!(
                "nothing of the answer was read for {} s",
                self.stall.as_secs_f64()
            ),
        )
    }

    /// Says how the stream ends, which it does when this is dropped.
    pub fn end(&self, result: Result<(), Status>) {
        *self.end.lock() = Some(result);
    }
}

/// What a call is told that was cancelled.
pub fn cancelled() -> Status {
    status::with_reason(
        Code::Cancelled,
        "CANCELLED",
        false,
        "the call was cancelled",
    )
}

/// What a call is told whose deadline has passed.
pub fn too_late() -> Status {
    let message = "the deadline of the call has passed";
    status::with_reason(Code::DeadlineExceeded, "TIMED_OUT", false, message)
}

impl<T> Stream for Inlet<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let received = std::task::ready!(self.messages.poll_recv(context));
        if let Some(message) = received {
            return Poll::Ready(Some(Ok(message)));
        }
        self.is_over = true;
        let end = self.end.lock().take();
        match end {
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(status)) => Poll::Ready(Some(Err(status))),
            None => Poll::Ready(Some(Err(lost()))),
        }
    }
}

/// What a client is told whose worker has failed.
pub fn lost() -> Status {
    let message = "the thread that worked for the call has failed";
    status::with_reason(Code::Internal, "INTERNAL", false, message)
}

impl<T> Drop for Inlet<T> {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
