//! The server's states: what a request means, by what came before it.
//!
//! ```text
//! NEGOTIATION ─HELLO─▶ AUTHENTICATION ─LOGON─▶ READY ◀──────── last row, COMMIT, ROLLBACK
//!      └────────HELLO (before 5.1)──────────────▲ │
//!                                               │ ├─RUN──▶ STREAMING
//!                                         RESET │ └─BEGIN▶ TX_READY ⇄ TX_STREAMING
//!   anything fails ─▶ FAILED ───────────────────┘
//!   RESET arrives  ─▶ INTERRUPTED, until its turn comes
//! ```
//!
//! The machine is pure: a request or an outcome goes in, and what to answer or to do comes out. At most
//! one thing is being done at a time; requests wait until it is complete. A request that is not foreseen
//! in a state breaks the protocol: it fails and the connection is closed. Before authentication every
//! failure closes it.
//!
//! One thing is more lenient than the specification: COMMIT and ROLLBACK are taken while results are
//! open, which gives up what was not read of them. Some clients leave results unread.

use std::collections::BTreeSet;

use crate::failure::Failure;
use crate::message::request::{
    AuthToken, Extra, Hello, Portion, Request, RequestError, Route, Run,
};
use crate::message::response::Response;
use crate::value::{Map, Value};
use crate::version::Version;

/// The state of a connection after the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Waits for HELLO.
    Negotiation,
    /// Waits for LOGON.
    Authentication,
    /// Waits for work.
    Ready,
    /// A result is open.
    Streaming,
    /// A transaction is open.
    TxReady,
    /// A transaction is open, and in it at least one result.
    TxStreaming,
    /// A request failed; those behind it are ignored until RESET.
    Failed,
    /// RESET has arrived; requests before it are ignored.
    Interrupted,
    /// The connection is over.
    Defunct,
}

/// What the executor is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Check who the client is. Completed with [`Outcome::Done`].
    Authenticate(AuthToken),
    /// Forget who the client is. Completed with [`Outcome::Done`].
    Logoff,
    /// Run a query: by itself, or as a result of the open transaction with this number. Completed with
    /// [`Outcome::Done`] whose metadata hold `fields`.
    Run {
        /// The query.
        run: Box<Run>,
        /// The number of the result within the open transaction.
        result: Option<i64>,
    },
    /// Send rows. Completed with [`Outcome::Portion`].
    Pull {
        /// How many; all if absent.
        rows: Option<u64>,
        /// Of which result of the open transaction.
        result: Option<i64>,
    },
    /// Pass over rows. Completed with [`Outcome::Portion`].
    Discard {
        /// How many; all if absent.
        rows: Option<u64>,
        /// Of which result of the open transaction.
        result: Option<i64>,
    },
    /// Open a transaction. Completed with [`Outcome::Done`].
    Begin(Box<Extra>),
    /// Give up open results and commit. Completed with [`Outcome::Done`].
    Commit,
    /// Give up open results and the transaction. Completed with [`Outcome::Done`].
    Rollback,
    /// Say who serves a database. Completed with [`Outcome::Done`] whose metadata hold `rt`.
    Route(Box<Route>),
    /// Give up whatever is open. Completed with [`Outcome::Done`].
    Reset,
    /// Stop what is being done now as soon as possible; it is completed all the same.
    Interrupt,
    /// From now on, close the connection after this time.
    StartTimer(std::time::Duration),
    /// Do not, after all.
    StopTimer,
    /// Send what is to be sent, and close the connection.
    Close {
        /// Why, for the log.
        reason: String,
    },
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was done.
    Done(Map),
    /// Rows were sent or passed over.
    Portion {
        /// Whether there are more rows.
        has_more: bool,
        /// If not, what is to be said about the result.
        metadata: Map,
    },
    /// It failed. What was open is given up.
    Failed(Failure),
}

/// What follows from a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// An answer.
    Respond(Response),
    /// Something to do; [`Machine::complete`] has the answer.
    Act(Action),
    /// The end, perhaps with an answer.
    Close(Option<Failure>, String),
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pending {
    Authenticate,
    Logoff,
    Run(Option<i64>),
    Portion(Option<i64>),
    Begin,
    Commit,
    Rollback,
    Route,
    Reset,
}

/// What the server says of itself to HELLO.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Greeting {
    /// The name and version of the server.
    pub agent: String,
    /// The name of the connection.
    pub connection_id: String,
    /// Hints to the driver.
    pub hints: Map,
    /// Whether the version was chosen from a manifest.
    pub by_manifest: bool,
}

/// The machine.
#[derive(Debug)]
pub struct Machine {
    version: Version,
    state: State,
    pending: Option<Pending>,
    /// How many RESETs have arrived whose turn has not come.
    interrupts: u32,
    /// Whether the client has proved who it is.
    is_authenticated: bool,
    /// What HELLO is answered, kept until the client is authenticated.
    greeting: Map,
    /// The open results of the transaction.
    results: BTreeSet<i64>,
    next_result: i64,
    results_max: usize,
}

impl Machine {
    /// A machine for a connection whose handshake is over.
    #[must_use]
    pub const fn new(version: Version, results_max: usize) -> Self {
        Self {
            version,
            state: State::Negotiation,
            pending: None,
            interrupts: 0,
            is_authenticated: false,
            greeting: Map::new(),
            results: BTreeSet::new(),
            next_result: 0,
            results_max,
        }
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether something is being done.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether rows may be sent now.
    #[must_use]
    pub const fn is_streaming(&self) -> bool {
        matches!(self.pending, Some(Pending::Portion(_)))
    }

    /// Whether the client has proved who it is.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        self.is_authenticated
    }

    /// A RESET has arrived; its turn comes behind the requests before it. Tells whether something is
    /// being done that is to be stopped.
    pub fn interrupt(&mut self) -> bool {
        if !self.is_authenticated || self.state == State::Defunct {
            return false;
        }
        self.interrupts += 1;
        self.state = State::Interrupted;
        self.is_busy()
    }

    /// The connection is over.
    pub fn close(&mut self) {
        self.state = State::Defunct;
        self.pending = None;
        self.is_authenticated = false;
    }

    /// What follows from a message that is no request.
    pub fn reject(&mut self, error: &RequestError) -> Step {
        if !error.is_recoverable() || !self.is_authenticated {
            return self.violation(error.to_string());
        }
        match self.state {
            State::Failed | State::Interrupted => Step::Respond(Response::Ignored),
            _ => self.fail(Failure::invalid(error.to_string())),
        }
    }

    /// What follows from a request. Nothing may be being done.
    pub fn request(&mut self, request: Request, greeting: &Greeting) -> Step {
        debug_assert!(!self.is_busy(), "requests wait");
        match (self.state, request) {
            (State::Defunct, _) => Step::Close(None, "the connection is over".to_owned()),
            (_, Request::Goodbye) => {
                self.close();
                Step::Close(None, "the client said goodbye".to_owned())
            }
            (State::Negotiation, Request::Hello(hello)) => self.hello(hello, greeting),
            (State::Authentication, Request::Logon(token)) => {
                self.act(Pending::Authenticate, Action::Authenticate(token))
            }
            // A RESET whose arrival was not announced interrupts nothing, but it resets.
            (
                State::Ready
                | State::Streaming
                | State::TxReady
                | State::TxStreaming
                | State::Failed
                | State::Interrupted,
                Request::Reset,
            ) => {
                self.interrupts = self.interrupts.saturating_sub(1);
                self.state = State::Interrupted;
                self.act(Pending::Reset, Action::Reset)
            }
            (
                State::Failed | State::Interrupted,
                Request::Run(_)
                | Request::Pull(_)
                | Request::Discard(_)
                | Request::Begin(_)
                | Request::Commit
                | Request::Rollback
                | Request::Route(_)
                | Request::Telemetry { .. }
                | Request::Logoff,
            ) => Step::Respond(Response::Ignored),
            (State::Ready, Request::Logoff) => self.act(Pending::Logoff, Action::Logoff),
            (State::Ready, Request::Telemetry { api }) => match api {
                0..=3 => Step::Respond(Response::Success(Map::new())),
                _ => self.fail(Failure::invalid(format!(
                    "TELEMETRY knows the interfaces 0 to 3, not {api}"
                ))),
            },
            (State::Ready, Request::Route(route)) => {
                self.act(Pending::Route, Action::Route(Box::new(route)))
            }
            (State::Ready, Request::Run(run)) => self.run(run, None),
            (State::Ready, Request::Begin(extra)) => {
                self.act(Pending::Begin, Action::Begin(Box::new(extra)))
            }
            (State::TxReady | State::TxStreaming, Request::Run(run)) => {
                if self.results.len() >= self.results_max {
                    return self.fail(Failure::invalid(format!(
                        "the transaction has {} open results, which is the most; read or discard \
                         some",
                        self.results_max
                    )));
                }
                let result = self.next_result;
                self.next_result += 1;
                self.run(run, Some(result))
            }
            (State::TxReady | State::TxStreaming, Request::Commit) => {
                self.act(Pending::Commit, Action::Commit)
            }
            (State::TxReady | State::TxStreaming, Request::Rollback) => {
                self.act(Pending::Rollback, Action::Rollback)
            }
            (State::Streaming | State::TxStreaming, Request::Pull(portion)) => {
                self.portion(portion, |rows, result| Action::Pull { rows, result })
            }
            (State::Streaming | State::TxStreaming, Request::Discard(portion)) => {
                self.portion(portion, |rows, result| Action::Discard { rows, result })
            }
            (state, request) => {
                let message = format!(
                    "{} is not allowed in the state {}",
                    request.name(),
                    state.name()
                );
                self.violation(message)
            }
        }
    }

    /// What a request that waits behind the query that is being run will be, if it is about the rows of that
    /// query and the query does not fail.
    #[must_use]
    pub fn ahead(&self, request: &Request) -> Option<Action> {
        let Some(Pending::Run(result)) = self.pending else {
            return None;
        };
        let is_of_it = |portion: &Portion| portion.result.is_none() || portion.result == result;
        match request {
            Request::Pull(portion) if is_of_it(portion) => Some(Action::Pull {
                rows: portion.rows,
                result,
            }),
            Request::Discard(portion) if is_of_it(portion) => Some(Action::Discard {
                rows: portion.rows,
                result,
            }),
            _ => None,
        }
    }

    /// What follows from the outcome of what was being done; `None` if nothing was.
    pub fn complete(&mut self, outcome: Outcome) -> Option<Step> {
        let pending = self.pending.take()?;
        let (has_more, metadata) = match outcome {
            Outcome::Failed(failure) => return Some(self.failed(pending, failure)),
            Outcome::Done(metadata) => (false, metadata),
            Outcome::Portion { has_more, metadata } => (has_more, metadata),
        };
        let is_interrupted = self.state == State::Interrupted;
        let mut answer = metadata;
        let next = match pending {
            Pending::Authenticate => {
                self.is_authenticated = true;
                let mut greeting = std::mem::take(&mut self.greeting);
                greeting.append(&mut answer);
                answer = greeting;
                State::Ready
            }
            Pending::Logoff => {
                // RESETs that arrived with it find nobody logged in.
                self.is_authenticated = false;
                self.interrupts = 0;
                self.state = State::Authentication;
                return Some(Step::Respond(Response::Success(answer)));
            }
            Pending::Run(None) => State::Streaming,
            Pending::Run(Some(result)) => {
                self.results.insert(result);
                answer.insert("qid".to_owned(), Value::Int(result));
                State::TxStreaming
            }
            Pending::Portion(result) if has_more => {
                answer = [("has_more".to_owned(), Value::Bool(true))].into();
                match result {
                    None => State::Streaming,
                    Some(_) => State::TxStreaming,
                }
            }
            Pending::Portion(None) => State::Ready,
            Pending::Portion(Some(result)) => {
                self.results.remove(&result);
                self.transaction_state()
            }
            Pending::Begin => {
                self.forget_results();
                State::TxReady
            }
            Pending::Commit | Pending::Rollback => {
                self.forget_results();
                State::Ready
            }
            Pending::Route => State::Ready,
            Pending::Reset => {
                self.forget_results();
                if self.interrupts == 0 {
                    self.state = State::Ready;
                }
                return Some(Step::Respond(Response::Success(answer)));
            }
        };
        if !is_interrupted {
            self.state = next;
        }
        Some(Step::Respond(Response::Success(answer)))
    }

    fn failed(&mut self, pending: Pending, failure: Failure) -> Step {
        if !self.is_authenticated || pending == Pending::Reset {
            self.close();
            let reason = failure.message.clone();
            return Step::Close(Some(failure), reason);
        }
        match (self.state, pending) {
            // What became of a commit is told even to those who do not wait for it.
            (State::Interrupted, Pending::Commit) => Step::Respond(Response::Failure(failure)),
            (State::Interrupted, _) => Step::Respond(Response::Ignored),
            _ => self.fail(failure),
        }
    }

    fn hello(&mut self, hello: Hello, greeting: &Greeting) -> Step {
        let mut answer = Map::new();
        answer.insert("server".to_owned(), greeting.agent.as_str().into());
        answer.insert(
            "connection_id".to_owned(),
            greeting.connection_id.as_str().into(),
        );
        answer.insert("hints".to_owned(), greeting.hints.clone().into());
        if greeting.by_manifest {
            answer.insert(
                "protocol_version".to_owned(),
                self.version.to_string().into(),
            );
        }
        if hello.patches.iter().any(|patch| patch == UTC_PATCH) {
            answer.insert("patch_bolt".to_owned(), vec![UTC_PATCH.into()].into());
        }
        match hello.auth {
            Some(token) => {
                self.greeting = answer;
                self.act(Pending::Authenticate, Action::Authenticate(token))
            }
            None => {
                self.state = State::Authentication;
                Step::Respond(Response::Success(answer))
            }
        }
    }

    fn run(&mut self, run: Run, result: Option<i64>) -> Step {
        let run = Box::new(run);
        self.act(Pending::Run(result), Action::Run { run, result })
    }

    fn portion(
        &mut self,
        portion: Portion,
        action: impl FnOnce(Option<u64>, Option<i64>) -> Action,
    ) -> Step {
        let result = match (self.state, portion.result) {
            (State::TxStreaming, named) => {
                // The last one is that of the last RUN, read to its end or not.
                let result = named.unwrap_or(self.next_result - 1);
                if !self.results.contains(&result) {
                    return self.fail(Failure::invalid(format!(
                        "the transaction has no open result {result}"
                    )));
                }
                Some(result)
            }
            (_, None) => None,
            (_, Some(result)) => {
                return self.fail(Failure::invalid(format!(
                    "there is no result {result} outside of a transaction"
                )));
            }
        };
        self.act(Pending::Portion(result), action(portion.rows, result))
    }

    fn act(&mut self, pending: Pending, action: Action) -> Step {
        self.pending = Some(pending);
        Step::Act(action)
    }

    fn fail(&mut self, failure: Failure) -> Step {
        self.state = State::Failed;
        self.forget_results();
        Step::Respond(Response::Failure(failure))
    }

    fn violation(&mut self, message: String) -> Step {
        self.close();
        Step::Close(Some(Failure::invalid(message.clone())), message)
    }

    fn transaction_state(&self) -> State {
        if self.results.is_empty() {
            State::TxReady
        } else {
            State::TxStreaming
        }
    }

    fn forget_results(&mut self) {
        self.results.clear();
        self.next_result = 0;
    }
}

/// The patch of 4.4 that gives datetimes in UTC.
pub(crate) const UTC_PATCH: &str = "utc";

impl State {
    /// The name that the specification gives it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Negotiation => "NEGOTIATION",
            Self::Authentication => "AUTHENTICATION",
            Self::Ready => "READY",
            Self::Streaming => "STREAMING",
            Self::TxReady => "TX_READY",
            Self::TxStreaming => "TX_STREAMING",
            Self::Failed => "FAILED",
            Self::Interrupted => "INTERRUPTED",
            Self::Defunct => "DEFUNCT",
        }
    }
}
