//! The change feed: commits in their order, those to come as well.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use retrograph_proto::v1::time_client::TimeClient;
use retrograph_proto::v1::{self, changes_request::Start};
use tonic::Streaming;

use crate::client::{Link, Tries, service};
use crate::error::Error;
use crate::graph::Graph;
use crate::temporal::Timestamp;
use crate::time::{Commit, ElementChange};
use crate::wire;

/// A change feed to be opened.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked until `stream`"]
pub struct Changes {
    graph: Graph,
    message: v1::ChangesRequest,
}

impl Changes {
    pub(crate) fn new(graph: Graph) -> Self {
        let message = v1::ChangesRequest {
            graph: graph.name().to_owned(),
            start: Some(Start::AfterVersion(0)),
            follow: false,
            without_states: false,
        };
        Self { graph, message }
    }

    /// Begins with the commit after a version.
    pub fn after_version(mut self, version: u64) -> Self {
        self.message.start = Some(Start::AfterVersion(version));
        self
    }

    /// Begins with the commit after a bookmark, such as that of the last change that was dealt with. Refused if
    /// the graph has been replaced by another of the same name, whose versions mean something else.
    pub fn after(mut self, bookmark: impl Into<String>) -> Self {
        self.message.start = Some(Start::AfterBookmark(bookmark.into()));
        self
    }

    /// Begins with the first commit after an instant.
    pub fn after_time(mut self, instant: impl Into<Timestamp>) -> Self {
        self.message.start = Some(Start::AfterTime(wire::to_timestamp(instant.into())));
        self
    }

    /// Goes on with the commits to come, instead of ending at the latest.
    pub fn follow(mut self) -> Self {
        self.message.follow = true;
        self
    }

    /// Leaves out how elements were and are; their ids are told in any case.
    pub fn without_states(mut self) -> Self {
        self.message.without_states = true;
        self
    }

    /// Opens the feed.
    ///
    /// # Errors
    /// If the graph cannot be read from there.
    pub async fn stream(self) -> Result<ChangeFeed, Error> {
        let mut feed = ChangeFeed {
            tries: self.graph.client().tries(true),
            graph: self.graph,
            message: self.message,
            answer: None,
            progress: Progress::default(),
        };
        feed.open().await?;
        Ok(feed)
    }
}

/// Changes as they come.
///
/// If the connection breaks, the feed goes on where it was: nothing is told twice, nothing is left out.
pub struct ChangeFeed {
    graph: Graph,
    message: v1::ChangesRequest,
    tries: Tries,
    answer: Option<(Link, Streaming<v1::ChangesResponse>)>,
    progress: Progress,
}

/// How far a feed has come within a commit that is told in parts.
#[derive(Default)]
struct Progress {
    /// The changes of the commit that were handed out.
    handed_out: usize,
    /// Of those, the ones that the connection in use is still going to repeat.
    repeated: usize,
}

impl Progress {
    /// The feed begins anew with the commit that it is in.
    fn repeat(&mut self) {
        self.repeated = self.handed_out;
    }

    /// Takes out of a part of the commit what was handed out already.
    fn take<T>(&mut self, changes: &mut Vec<T>, is_complete: bool) {
        let skipped = self.repeated.min(changes.len());
        changes.drain(..skipped);
        self.repeated -= skipped;
        self.handed_out += changes.len();
        if is_complete {
            *self = Self::default();
        }
    }
}

/// A commit and what it changed, or a part of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CommitChanges {
    /// The commit.
    pub commit: Commit,
    /// What it changed.
    pub changes: Vec<ElementChange>,
    /// Whether this is all, or the last part of it: a feed after its bookmark begins with the next commit.
    pub is_complete: bool,
}

impl ChangeFeed {
    async fn open(&mut self) -> Result<(), Error> {
        while self.answer.is_none() {
            let link = self.graph.client().link();
            let request = link.request(self.message.clone());
            match service!(link, TimeClient).changes(request).await {
                Ok(answer) => {
                    self.answer = Some((link, answer.into_inner()));
                    self.progress.repeat();
                }
                Err(status) => self.tries.failed(&link, link.error(status)).await?,
            }
        }
        Ok(())
    }

    /// The next commit, or the next part of a large one. Nothing at the end, which a feed that follows does not
    /// have.
    ///
    /// # Errors
    /// If the feed cannot go on; a passing failure is waited out.
    pub async fn next(&mut self) -> Result<Option<CommitChanges>, Error> {
        loop {
            self.open().await?;
            let Some((link, answer)) = &mut self.answer else {
                continue;
            };
            match answer.message().await {
                Ok(Some(part)) => {
                    self.tries.succeeded();
                    if let Some(changes) = self.take(part)? {
                        return Ok(Some(changes));
                    }
                }
                Ok(None) => return Ok(None),
                Err(status) => {
                    let (link, error) = (link.clone(), link.error(status));
                    self.answer = None;
                    self.tries.failed(&link, error).await?;
                }
            }
        }
    }

    /// Takes a part of the feed, without what was handed out before the connection broke: what a commit changed
    /// is told in the same order every time.
    fn take(&mut self, part: v1::ChangesResponse) -> Result<Option<CommitChanges>, Error> {
        let commit = part
            .commit
            .ok_or_else(|| wire::not_understood("changes without a commit"))?;
        let mut changes = part.changes;
        let is_complete = part.complete;
        self.progress.take(&mut changes, is_complete);
        if is_complete {
            self.message.start = Some(Start::AfterBookmark(commit.bookmark.clone()));
        } else if changes.is_empty() {
            return Ok(None);
        }
        let changes = changes.into_iter().map(ElementChange::new);
        Ok(Some(CommitChanges {
            changes: changes.collect::<Result<_, _>>()?,
            commit: commit.into(),
            is_complete,
        }))
    }

    /// The feed as a `Stream`.
    pub fn into_stream(self) -> FeedStream {
        FeedStream {
            step: Some(step(self)),
        }
    }
}

/// A [`ChangeFeed`] as a `Stream`. After a failure it ends.
pub struct FeedStream {
    step: Option<Step>,
}

type Step =
    Pin<Box<dyn Future<Output = (ChangeFeed, Result<Option<CommitChanges>, Error>)> + Send>>;

fn step(mut feed: ChangeFeed) -> Step {
    Box::pin(async move {
        let changes = feed.next().await;
        (feed, changes)
    })
}

impl Stream for FeedStream {
    type Item = Result<CommitChanges, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(running) = &mut self.step else {
            return Poll::Ready(None);
        };
        let Poll::Ready((feed, changes)) = running.as_mut().poll(context) else {
            return Poll::Pending;
        };
        self.step = matches!(changes, Ok(Some(_))).then(|| step(feed));
        Poll::Ready(changes.transpose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is handed out of a commit of six changes in parts of two, when the connection breaks.
    #[test]
    fn a_commit_told_again_goes_on_where_it_was() {
        let parts = [vec![1, 2], vec![3, 4], vec![5, 6]];
        for broken_after in 0..3 {
            let mut progress = Progress::default();
            let mut seen = Vec::new();
            for (at, part) in parts.iter().enumerate().take(broken_after) {
                let mut part = part.clone();
                progress.take(&mut part, at == 2);
                seen.extend(part);
            }
            progress.repeat();
            for (at, part) in parts.iter().enumerate() {
                let mut part = part.clone();
                progress.take(&mut part, at == 2);
                seen.extend(part);
            }
            assert_eq!(seen, [1, 2, 3, 4, 5, 6], "{broken_after}");
            assert_eq!(progress.handed_out, 0);
        }
    }
}
