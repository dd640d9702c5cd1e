//! Rows as they come.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use retrograph_proto::v1::{self, run_response::Part};
use tokio::time::{Instant, Sleep};
use tonic::{Response, Status, Streaming};

use crate::client::Link;
use crate::error::Error;
use crate::row::Row;
use crate::summary::Summary;
use crate::transaction::Open;
use crate::wire;

/// The rows of a result, while the server finds them.
///
/// What waits here is one message of the server; while none is taken the server does not run ahead, but for
/// what the windows of HTTP/2 hold. Dropping this before its end cancels the query.
///
/// It is a `Stream` as well.
pub struct Rows {
    columns: Arc<[String]>,
    query_id: String,
    waiting: VecDeque<v1::Row>,
    state: State,
    link: Link,
    /// The transaction it belongs to.
    open: Option<Arc<Open>>,
}

enum State {
    Running {
        answer: Box<Streaming<v1::RunResponse>>,
        deadline: Option<Deadline>,
    },
    Done(Box<Summary>),
    Failed,
}

struct Deadline {
    sleep: Pin<Box<Sleep>>,
    limit: Duration,
}

impl Rows {
    /// Waits for the header and what comes after it.
    pub(crate) async fn open(
        link: &Link,
        answer: impl Future<Output = Result<Response<Streaming<v1::RunResponse>>, Status>>,
        deadline: Option<(Instant, Duration)>,
    ) -> Result<Self, Error> {
        let answer = match deadline {
            None => answer.await,
            Some((instant, limit)) => tokio::time::timeout_at(instant, answer)
                .await
                .map_err(|_| Error::NoAnswer { limit })?,
        };
        let answer = answer.map_err(|status| link.error(status))?;
        let mut rows = Self {
            columns: Arc::default(),
            query_id: String::new(),
            waiting: VecDeque::new(),
            state: State::Running {
                answer: Box::new(answer.into_inner()),
                deadline: deadline.map(|(instant, limit)| Deadline {
                    sleep: Box::pin(tokio::time::sleep_until(instant)),
                    limit,
                }),
            },
            link: link.clone(),
            open: None,
        };
        match rows.part().await? {
            Some(Part::Header(header)) => {
                rows.columns = header.columns.into();
                rows.query_id = header.query_id;
            }
            _ => return Err(wire::not_understood("an answer without a header")),
        }
        rows.look_ahead().await?;
        Ok(rows)
    }

    /// Says that these rows belong to a transaction, which wants to know of failures.
    pub(crate) fn within(mut self, open: Arc<Open>) -> Self {
        self.open = Some(open);
        self
    }

    /// The names of the columns; none if the query returns nothing.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// By this the query can be [cancelled](crate::Client::cancel) from elsewhere.
    #[must_use]
    pub fn query_id(&self) -> &str {
        &self.query_id
    }

    /// The next row; nothing at the end.
    ///
    /// # Errors
    /// If the query fails on the way, or the connection breaks.
    pub async fn next(&mut self) -> Result<Option<Row>, Error> {
        std::future::poll_fn(|context| self.poll_row(context)).await
    }

    /// What the query reports; known when the last row was taken.
    #[must_use]
    pub fn summary(&self) -> Option<&Summary> {
        match &self.state {
            State::Done(summary) if self.waiting.is_empty() => Some(summary),
            _ => None,
        }
    }

    /// All rows that are left, and the summary.
    ///
    /// # Errors
    /// If the query fails on the way, or the connection breaks.
    pub async fn collect(mut self) -> Result<(Vec<Row>, Summary), Error> {
        let mut rows = Vec::new();
        while let Some(row) = self.next().await? {
            rows.push(row);
        }
        match self.state {
            State::Done(summary) => Ok((rows, *summary)),
            _ => Err(wire::not_understood("an answer without an end")),
        }
    }

    /// Waits until rows are there, or the end.
    async fn look_ahead(&mut self) -> Result<(), Error> {
        while self.waiting.is_empty() {
            let State::Running { .. } = self.state else {
                break;
            };
            let part = self.part().await?;
            self.take(part)?;
        }
        Ok(())
    }

    async fn part(&mut self) -> Result<Option<Part>, Error> {
        std::future::poll_fn(|context| self.poll_part(context)).await
    }

    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Part>, Error>> {
        let State::Running { answer, deadline } = &mut self.state else {
            return Poll::Ready(Ok(None));
        };
        let message = match Pin::new(&mut **answer).poll_next(context) {
            Poll::Ready(message) => message,
            Poll::Pending => {
                let Some(deadline) = deadline else {
                    return Poll::Pending;
                };
                if deadline.sleep.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                let limit = deadline.limit;
                return Poll::Ready(Err(self.fail(Error::NoAnswer { limit })));
            }
        };
        Poll::Ready(match message {
            None => Ok(None),
            Some(Ok(message)) => match message.part {
                Some(part) => Ok(Some(part)),
                None => Err(self.fail(wire::not_understood("an answer of unknown parts"))),
            },
            Some(Err(status)) => {
                let error = self.link.error(status);
                Err(self.fail(error))
            }
        })
    }

    fn take(&mut self, part: Option<Part>) -> Result<(), Error> {
        match part {
            Some(Part::Rows(rows)) => self.waiting.extend(rows.rows),
            Some(Part::Summary(summary)) => self.state = State::Done(Box::new(summary.into())),
            Some(Part::Header(_)) => {
                return Err(self.fail(wire::not_understood("an answer with two headers")));
            }
            None => return Err(self.fail(wire::not_understood("an answer without an end"))),
        }
        Ok(())
    }

    fn fail(&mut self, error: Error) -> Error {
        self.state = State::Failed;
        self.waiting.clear();
        if let Some(open) = &self.open {
            open.note(&error);
        }
        error
    }

    fn poll_row(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Row>, Error>> {
        loop {
            if let Some(row) = self.waiting.pop_front() {
                return Poll::Ready(self.row(row).map(Some));
            }
            let State::Running { .. } = self.state else {
                return Poll::Ready(Ok(None));
            };
            let part = match self.poll_part(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(part) => part,
            };
            if let Err(error) = part.and_then(|part| self.take(part)) {
                return Poll::Ready(Err(error));
            }
        }
    }

    fn row(&mut self, row: v1::Row) -> Result<Row, Error> {
        if row.values.len() != self.columns.len() {
            let (found, expected) = (row.values.len(), self.columns.len());
            let what = format!("a row of {found} values for {expected} columns");
            return Err(self.fail(wire::not_understood(what)));
        }
        match wire::from_values(row.values) {
            Ok(values) => Ok(Row::new(Arc::clone(&self.columns), values)),
            Err(error) => Err(self.fail(error)),
        }
    }
}

impl Stream for Rows {
    type Item = Result<Row, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_row(context).map(Result::transpose)
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("columns", &self.columns)
            .field("query_id", &self.query_id)
            .finish_non_exhaustive()
    }
}
