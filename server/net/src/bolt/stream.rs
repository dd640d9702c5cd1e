//! A result on its way from the engine to the client.
//!
//! The engine calls [`Stream`] for each row, on the worker's thread. What to do with a row depends on
//! what the client asked for; when it has what it asked for, the call does not return until it asks for
//! more. So the engine holds one row at a time, and a query begins to run when its first row is wanted.
//! Drivers mostly ask for rows together with the query; the answers to both are handed on together then.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use retrograph_bolt::value::{Map, map};
use retrograph_bolt::{Dialect, Failure, Outcome, Records, Value as Sent};
use retrograph_engine::{Control, Loan, QueryError, RowSink, Turn, Views};
use retrograph_graph::value::Value;

use super::opened::Opened;
use super::records::{self, FREE_BYTES};
use super::worker::{Ahead, Command, Inbox, Outbox, Reply, Waited};

/// Rows are handed on once they have this many bytes, or the first of them has waited this long when the
/// next one comes.
const BATCH_BYTES: usize = 64 << 10;
const BATCH_TIME: Duration = Duration::from_millis(20);

/// How often the bytes of a row are there on their way to the socket: as they were written, and as they wait.
const COPIES: usize = 2;

/// What needs memory, in errors.
const RESULT: &str = "Result";
const KEPT: &str = "a result left open while another query ran";

/// The open results of a transaction whose queries have run to their end.
pub type Finished = BTreeMap<i64, Rest>;

/// What is left of a result whose query has run to its end.
#[derive(Default)]
pub struct Rest {
    bytes: Vec<u8>,
    /// Where each row ends.
    ends: VecDeque<usize>,
    sent: usize,
    summary: Map,
    /// The memory that they take.
    loan: Loan,
}

impl Rest {
    fn kept_bytes(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<usize>()
    }

    /// Sends or passes over rows; tells whether there are more.
    pub fn portion(&mut self, rows: Option<u64>, is_sent: bool) -> (Vec<u8>, Outcome) {
        let start = self.sent;
        let rows = rows.map_or(usize::MAX, |rows| {
            usize::try_from(rows).unwrap_or(usize::MAX)
        });
        let mut taken = self.ends.drain(..rows.min(self.ends.len()));
        self.sent = taken.next_back().unwrap_or(start);
        drop(taken);
        let bytes = if is_sent {
            self.bytes[start..self.sent].to_vec()
        } else {
            Vec::new()
        };
        let has_more = !self.ends.is_empty();
        let metadata = if has_more {
            Map::new()
        } else {
            std::mem::take(&mut self.summary)
        };
        (bytes, Outcome::Portion { has_more, metadata })
    }
}

/// What the client wants of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// So many, or all.
    Send(Option<u64>),
    /// So many are to be passed over.
    Skip(u64),
    /// Nothing more.
    Drop,
    /// Later, but another query is to run now.
    Keep,
}

/// What the end of a query leaves to do.
pub enum Ended {
    /// The client has been told, or has not asked.
    Told,
    /// The rest of the result, which the client may still ask for.
    Kept(Rest),
}

/// See the module.
pub struct Stream<'w> {
    pub inbox: &'w mut Inbox,
    pub outbox: &'w Outbox,
    pub finished: &'w mut Finished,
    pub result: Option<i64>,
    /// What the client wants of the rows, if it has asked already.
    pub ahead: Option<Box<Ahead>>,
    pub database: Arc<str>,
    /// The client named no database and is told which it is.
    pub tells_database: bool,
    /// When the transaction ends at the latest, and how long it may take.
    pub deadline: Option<(Instant, Duration)>,
    pub started: Instant,
    /// How much the rows of the transaction may take that are kept because other queries ran on.
    pub kept_bytes_max: usize,
    records: Records,
    /// What long rows take until they are sent.
    loan: Loan,
    /// When something was handed on last, or the query came.
    handed_on: Instant,
    /// Where the answer to RUN waits for the first rows.
    opened: Option<Arc<Opened>>,
    wish: Wish,
    /// Whether the client waits for an answer.
    is_awaited: bool,
    kept: Rest,
    /// Paused while the client is waited for.
    turn: Option<Arc<dyn Turn>>,
}

impl<'w> Stream<'w> {
    /// A stream for a query that is about to be compiled.
    pub fn new(
        inbox: &'w mut Inbox,
        outbox: &'w Outbox,
        finished: &'w mut Finished,
        dialect: Dialect,
        database: Arc<str>,
    ) -> Self {
        Self {
            inbox,
            outbox,
            finished,
            result: None,
            ahead: None,
            database,
            tells_database: false,
            deadline: None,
            started: Instant::now(),
            kept_bytes_max: 0,
            loan: Loan::default(),
            records: Records::new(dialect),
            handed_on: Instant::now(),
            opened: None,
            wish: Wish::Drop,
            is_awaited: true,
            kept: Rest::default(),
            turn: None,
        }
    }

    /// The query has run to its end.
    pub fn end(mut self, summary: Map) -> Ended {
        if self.wish == Wish::Keep {
            self.kept.summary = summary;
            return Ended::Kept(self.kept);
        }
        self.answer(Outcome::Portion {
            has_more: false,
            metadata: summary,
        });
        Ended::Told
    }

    /// The query has failed. Who waits is told: for the result, or for what stands behind it. If nobody
    /// waits, the failure is returned.
    pub fn fail(mut self, failure: Failure) -> Option<Failure> {
        if !self.is_awaited {
            match self.inbox.next_command() {
                Some(Command::Run { .. } | Command::Commit) => {
                    self.inbox.drop_next();
                    self.is_awaited = true;
                }
                _ => return Some(failure),
            }
        }
        self.answer(Outcome::Failed(failure));
        None
    }

    fn answer(&mut self, outcome: Outcome) {
        if self.is_awaited {
            self.is_awaited = false;
            // If nobody is there any more, the next wait says so.
            let _ = self.send(Some(outcome));
        }
    }

    /// Waits for what the client wants. Others run meanwhile.
    fn wait(&mut self) -> Result<(), QueryError> {
        self.wait_for_wish()?;
        self.resume()
    }

    fn wait_for_wish(&mut self) -> Result<(), QueryError> {
        loop {
            if !self.inbox.has_next() {
                self.pause();
            }
            let command = match self.inbox.wait(self.deadline.map(|(at, _)| at)) {
                Waited::Command(command) => command,
                Waited::Gone => return Err(QueryError::Cancelled),
                Waited::TimedOut => {
                    let limit = self.deadline.map_or(Duration::ZERO, |(_, limit)| limit);
                    return Err(QueryError::TimedOut {
                        limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
                    });
                }
            };
            match command {
                Command::Pull { rows, result } if result == self.result => {
                    self.is_awaited = true;
                    self.wish = Wish::Send(rows);
                    return Ok(());
                }
                Command::Discard { rows, result } if result == self.result => {
                    self.is_awaited = true;
                    self.wish = rows.map_or(Wish::Drop, Wish::Skip);
                    return Ok(());
                }
                Command::Pull { rows, result } => self.portion_of_other(rows, result, true)?,
                Command::Discard { rows, result } => self.portion_of_other(rows, result, false)?,
                command @ Command::Run { .. } => {
                    self.inbox.put_back(command);
                    self.wish = Wish::Keep;
                    return Ok(());
                }
                command @ Command::Commit => {
                    self.inbox.put_back(command);
                    self.wish = Wish::Drop;
                    return Ok(());
                }
                other => {
                    self.inbox.put_back(other);
                    return Err(QueryError::Cancelled);
                }
            }
        }
    }

    fn portion_of_other(
        &mut self,
        rows: Option<u64>,
        result: Option<i64>,
        is_sent: bool,
    ) -> Result<(), QueryError> {
        let (bytes, outcome) = portion(self.finished, rows, result, is_sent);
        self.outbox.send(bytes, Some(outcome))
    }

    fn has_enough(&mut self) -> Result<(), QueryError> {
        self.answer(Outcome::Portion {
            has_more: true,
            metadata: Map::new(),
        });
        self.wait()
    }

    /// Hands rows on. While the client does not read, others run.
    fn hand_on(&mut self) -> Result<(), QueryError> {
        self.send(None)?;
        self.resume()
    }

    /// Sends what there is to be sent; pauses if the client does not read.
    fn send(&mut self, outcome: Option<Outcome>) -> Result<(), QueryError> {
        let records = self.records.take();
        // Given back once they are sent.
        let loan = (records.len() > FREE_BYTES)
            .then(|| std::mem::replace(&mut self.loan, loan_of(self.turn.as_ref())));
        let reply = Reply {
            opened: self.opened.take().and_then(|opened| opened.take()),
            records,
            outcome,
            loan,
        };
        self.handed_on = Instant::now();
        match self.outbox.try_send(reply)? {
            None => Ok(()),
            Some(reply) => {
                self.pause();
                self.outbox.send_reply(reply)
            }
        }
    }

    fn pause(&self) {
        if let Some(turn) = &self.turn {
            turn.pause();
        }
    }

    fn resume(&self) -> Result<(), QueryError> {
        self.turn.as_ref().map_or(Ok(()), |turn| turn.resume())
    }

    fn encode(&mut self, row: &[Value], views: &Views) -> Result<(), QueryError> {
        let loan = &self.loan;
        let room = |bytes: usize| loan.cover(RESULT, bytes.saturating_mul(COPIES));
        let added = self.records.add(row.len(), |encoder, dialect| {
            let mut values = row.iter();
            values.try_for_each(|value| records::write(encoder, value, views, dialect, &room))
        });
        if added.is_err() {
            self.loan.settle(0);
        }
        added
    }

    fn keep(&mut self) -> Result<(), QueryError> {
        let bytes = self.records.take();
        self.kept.bytes.extend_from_slice(&bytes);
        self.kept.ends.push_back(self.kept.bytes.len());
        let others: usize = self.finished.values().map(Rest::kept_bytes).sum();
        if others + self.kept.kept_bytes() > self.kept_bytes_max {
            return Err(QueryError::OutOfMemory {
                operator: KEPT,
                limit_bytes: self.kept_bytes_max,
            });
        }
        self.kept.loan.cover(KEPT, self.kept.kept_bytes())
    }
}

/// Memory that may outlive the statement, of the same budget.
fn loan_of(turn: Option<&Arc<dyn Turn>>) -> Loan {
    turn.map_or_else(Loan::default, |turn| Loan::of(Arc::clone(turn) as _))
}

/// A portion of a result whose query has run to its end.
pub fn portion(
    finished: &mut Finished,
    rows: Option<u64>,
    result: Option<i64>,
    is_sent: bool,
) -> (Vec<u8>, Outcome) {
    let Some((result, rest)) = result.and_then(|result| Some((result, finished.get_mut(&result)?)))
    else {
        let failure = Failure::invalid("there is no such result");
        return (Vec::new(), Outcome::Failed(failure));
    };
    let (bytes, outcome) = rest.portion(rows, is_sent);
    if matches!(
        outcome,
        Outcome::Portion {
            has_more: false,
            ..
        }
    ) {
        finished.remove(&result);
    }
    (bytes, outcome)
}

impl RowSink for Stream<'_> {
    fn begun(&mut self, turn: &Arc<dyn Turn>) {
        self.turn = Some(Arc::clone(turn));
        self.loan = loan_of(Some(turn));
        self.kept.loan = loan_of(Some(turn));
    }

    fn columns(&mut self, columns: &[Arc<str>]) -> Result<(), QueryError> {
        let fields: Vec<Sent> = columns.iter().map(|name| (&**name).into()).collect();
        let milliseconds = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let mut metadata = map([
            ("fields", Sent::from(fields)),
            ("t_first", milliseconds.into()),
        ]);
        if self.tells_database {
            metadata.insert("db".to_owned(), (&*self.database).into());
        }
        match self.ahead.take() {
            Some(ahead) => {
                self.inbox.put_back(ahead.command);
                if let Some(opened) = ahead.opened.leave(metadata) {
                    self.outbox.send_reply(Reply::opened(opened))?;
                }
                self.opened = Some(ahead.opened);
            }
            None => self.answer(Outcome::Done(metadata)),
        }
        self.wait()
    }

    fn row(&mut self, row: &[Value], views: &Views) -> Result<Control, QueryError> {
        loop {
            match self.wish {
                Wish::Send(Some(0)) | Wish::Skip(0) => self.has_enough()?,
                Wish::Send(rows) => {
                    self.encode(row, views)?;
                    self.wish = Wish::Send(rows.map(|rows| rows - 1));
                    if self.records.bytes().len() >= BATCH_BYTES
                        || self.handed_on.elapsed() >= BATCH_TIME
                    {
                        self.hand_on()?;
                    }
                    return Ok(Control::Continue);
                }
                Wish::Skip(rows) => {
                    self.wish = Wish::Skip(rows - 1);
                    return Ok(Control::Continue);
                }
                Wish::Drop => return Ok(Control::Stop),
                Wish::Keep => {
                    self.encode(row, views)?;
                    self.keep()?;
                    return Ok(Control::Continue);
                }
            }
        }
    }
}
