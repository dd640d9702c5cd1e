//! The thread on which the queries of a connection run, one after the other.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use retrograph_bolt::failure::code;
use retrograph_bolt::message::request::{Extra, NotificationFilter, Route, Run};
use retrograph_bolt::value::{Map, map};
use retrograph_bolt::{Action, Dialect, Failure, Outcome, Value, Version};
use retrograph_engine::{
    CancelToken, Loan, OpenTransaction, Origin, QueryError, RunOptions, Summary,
};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::opened::Opened;
use super::stream::{self, Ended, Finished, Stream};
use super::{extra, parameters, summaries};
use crate::identity::Identity;
use crate::metrics::{End, Register, Requests};
use crate::server::Shared;
use crate::target::{Caller, Target, Targets};
use crate::traces::{self, About};
use crate::{bookmark, failures};

/// How long clients may keep a routing table.
const ROUTING_TABLE_SECONDS: i64 = 300;

/// What the client wants done.
pub enum Command {
    Run {
        run: Box<Run>,
        result: Option<i64>,
        /// What the client wants of its rows, if that is known: it comes as no command of its own then.
        ahead: Option<Box<Ahead>>,
        /// Set when the client does not want it any more.
        cancel: CancelToken,
    },
    Pull {
        rows: Option<u64>,
        result: Option<i64>,
    },
    Discard {
        rows: Option<u64>,
        result: Option<i64>,
    },
    Begin(Box<Extra>),
    Commit,
    Rollback,
    Route(Box<Route>),
    Reset,
}

/// What the client asked for together with a query.
pub struct Ahead {
    /// What it wants of the rows.
    pub command: Command,
    /// Where the answer to RUN is left meanwhile.
    pub opened: Arc<Opened>,
}

impl Command {
    /// What is to be done with rows, if that is what the action is about.
    pub fn on_rows(action: Action) -> Option<Self> {
        match action {
            Action::Pull { rows, result } => Some(Self::Pull { rows, result }),
            Action::Discard { rows, result } => Some(Self::Discard { rows, result }),
            _ => None,
        }
    }
}

/// Rows to be sent, and what came of the command if that is known.
pub struct Reply {
    /// What RUN is answered, if the rows were asked for ahead: the rest is about these.
    pub opened: Option<Map>,
    pub records: Vec<u8>,
    pub outcome: Option<Outcome>,
    /// The memory of rows that take much, until they are sent.
    pub loan: Option<Loan>,
}

impl Reply {
    /// RUN is answered, and the rows follow.
    pub const fn opened(opened: Map) -> Self {
        Self {
            opened: Some(opened),
            records: Vec::new(),
            outcome: None,
            loan: None,
        }
    }
}

/// Commands, with one that was looked at before its turn.
pub struct Inbox {
    commands: Receiver<Command>,
    next: Option<Command>,
    /// How long it was waited for commands.
    waited: Duration,
}

/// What came of waiting for a command.
pub enum Waited {
    Command(Command),
    TimedOut,
    /// The connection is gone.
    Gone,
}

impl Inbox {
    pub fn wait(&mut self, deadline: Option<Instant>) -> Waited {
        if let Some(command) = self.next.take() {
            return Waited::Command(command);
        }
        let started = Instant::now();
        let received = match deadline {
            None => self
                .commands
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => self
                .commands
                .recv_timeout(at.saturating_duration_since(Instant::now())),
        };
        self.waited += started.elapsed();
        match received {
            Ok(command) => Waited::Command(command),
            Err(RecvTimeoutError::Timeout) => Waited::TimedOut,
            Err(RecvTimeoutError::Disconnected) => Waited::Gone,
        }
    }

    /// Whether a command is there, so that waiting for it takes no time.
    pub fn has_next(&mut self) -> bool {
        if self.next.is_none() {
            self.next = self.commands.try_recv().ok();
        }
        self.next.is_some()
    }

    pub fn put_back(&mut self, command: Command) {
        self.next = Some(command);
    }

    pub const fn next_command(&self) -> Option<&Command> {
        self.next.as_ref()
    }

    pub fn drop_next(&mut self) {
        self.next = None;
    }
}

/// Where replies go. Sending waits while the client does not read.
pub struct Outbox {
    replies: Sender<Reply>,
    /// How the last command that failed did so.
    failed: Cell<Option<End>>,
}

impl Outbox {
    /// Sends a reply unless that would take time; it is given back then.
    pub fn try_send(&self, reply: Reply) -> Result<Option<Reply>, QueryError> {
        self.note(reply.outcome.as_ref());
        match self.replies.try_send(reply) {
            Ok(()) => Ok(None),
            Err(TrySendError::Full(reply)) => Ok(Some(reply)),
            Err(TrySendError::Closed(_)) => Err(QueryError::Cancelled),
        }
    }

    pub fn send(&self, records: Vec<u8>, outcome: Option<Outcome>) -> Result<(), QueryError> {
        self.note(outcome.as_ref());
        self.send_reply(Reply {
            opened: None,
            records,
            outcome,
            loan: None,
        })
    }

    /// Sends a reply that [`try_send`](Self::try_send) gave back.
    pub fn send_reply(&self, reply: Reply) -> Result<(), QueryError> {
        self.replies
            .blocking_send(reply)
            .map_err(|_| QueryError::Cancelled)
    }

    fn note(&self, outcome: Option<&Outcome>) {
        if let Some(Outcome::Failed(failure)) = outcome {
            self.failed.set(Some(End::of_code(&failure.code)));
        }
    }
}

/// What is counted of the requests of drivers.
pub struct Counters {
    run: Arc<Requests>,
    pull: Arc<Requests>,
    begin: Arc<Requests>,
    commit: Arc<Requests>,
    rollback: Arc<Requests>,
    route: Arc<Requests>,
    reset: Arc<Requests>,
    /// Logins, which need no worker.
    pub login: Arc<Requests>,
}

impl Counters {
    /// Those of a server.
    pub fn new(register: &Register) -> Arc<Self> {
        let requests = |name| register.requests("bolt", name);
        Arc::new(Self {
            run: requests("run"),
            pull: requests("pull"),
            begin: requests("begin"),
            commit: requests("commit"),
            rollback: requests("rollback"),
            route: requests("route"),
            reset: requests("reset"),
            login: requests("login"),
        })
    }

    const fn of(&self, command: &Command) -> &Arc<Requests> {
        match command {
            Command::Run { .. } => &self.run,
            Command::Pull { .. } | Command::Discard { .. } => &self.pull,
            Command::Begin(_) => &self.begin,
            Command::Commit => &self.commit,
            Command::Rollback => &self.rollback,
            Command::Route(_) => &self.route,
            Command::Reset => &self.reset,
        }
    }
}

/// What a worker knows of its connection.
#[derive(Clone)]
pub struct Client {
    /// Who it is.
    pub caller: Caller,
    pub version: Version,
    pub dialect: Dialect,
    /// Which notifications it wants, unless a transaction says.
    pub notifications: NotificationFilter,
    /// Where clients are told to find this server.
    pub advertised: Option<String>,
    /// Where this one found it.
    pub found: String,
    /// How much the rows may take that are kept of unread results.
    pub kept_bytes_max: usize,
}

struct Transaction {
    open: OpenTransaction,
    target: Target,
    /// When it ends at the latest, and how long it may take.
    deadline: Option<(Instant, Duration)>,
    notifications: NotificationFilter,
    origin: Origin,
    /// Its span, if its trace is kept.
    span: Option<traces::Transaction>,
}

/// See the module.
pub struct Worker {
    shared: Arc<Shared>,
    targets: Targets,
    client: Client,
    counters: Arc<Counters>,
    inbox: Inbox,
    outbox: Outbox,
    transaction: Option<Transaction>,
    /// Why the open transaction was given up, if the client has not been told yet.
    untold: Option<Failure>,
    finished: Finished,
}

impl Worker {
    pub fn new(
        shared: Arc<Shared>,
        client: Client,
        counters: Arc<Counters>,
        commands: Receiver<Command>,
        replies: Sender<Reply>,
    ) -> Self {
        Self {
            targets: Targets::new(Arc::clone(&shared)),
            shared,
            client,
            inbox: Inbox {
                commands,
                next: None,
                waited: Duration::ZERO,
            },
            outbox: Outbox {
                replies,
                failed: Cell::new(None),
            },
            counters,
            transaction: None,
            untold: None,
            finished: Finished::new(),
        }
    }

    /// Works until the connection is gone. What is open then is rolled back.
    pub fn run(mut self) {
        loop {
            let deadline = self.transaction.as_ref().and_then(|it| it.deadline);
            match self.inbox.wait(deadline.map(|(at, _)| at)) {
                Waited::Gone => return,
                Waited::TimedOut => {
                    self.give_up();
                    self.untold = deadline.map(|(_, limit)| timed_out(limit));
                }
                Waited::Command(command) => {
                    let requests = Arc::clone(self.counters.of(&command));
                    let started = Instant::now();
                    self.inbox.waited = Duration::ZERO;
                    let executed = self.execute(command);
                    let time = started.elapsed().saturating_sub(self.inbox.waited);
                    let failed = self.outbox.failed.take();
                    requests.count(time, failed.unwrap_or(End::Done));
                    if executed.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn give_up(&mut self) {
        self.finished.clear();
        if let Some(transaction) = self.transaction.take() {
            transaction.open.rollback();
        }
    }

    fn execute(&mut self, command: Command) -> Result<(), QueryError> {
        let needs_transaction = !matches!(command, Command::Rollback | Command::Reset);
        if needs_transaction && let Some(failure) = self.untold.take() {
            return self.outbox.send(Vec::new(), Some(Outcome::Failed(failure)));
        }
        let outcome = match command {
            Command::Run {
                run,
                result,
                ahead,
                cancel,
            } => return self.query(*run, result, ahead, cancel),
            Command::Pull { rows, result } => {
                let (bytes, outcome) = stream::portion(&mut self.finished, rows, result, true);
                return self.outbox.send(bytes, Some(outcome));
            }
            Command::Discard { rows, result } => {
                stream::portion(&mut self.finished, rows, result, false).1
            }
            Command::Begin(extra) => done(self.begin(&extra)),
            Command::Commit => done(self.commit()),
            Command::Route(route) => done(self.route(&route)),
            Command::Rollback | Command::Reset => {
                self.give_up();
                self.untold = None;
                Outcome::Done(Map::new())
            }
        };
        self.outbox.send(Vec::new(), Some(outcome))
    }

    /// The target of a transaction, how it is run, and whose rights count.
    fn prepare(&mut self, extra: &Extra) -> Result<(Target, RunOptions, Identity), Failure> {
        let terms = extra::terms(extra)?;
        let identity = self
            .client
            .caller
            .acting_as(extra.impersonated.as_deref())?;
        let target = self.targets.find(extra.database.as_deref(), &identity)?;
        let options = target.options(terms, &self.client.caller)?;
        Ok((target, options, identity))
    }

    fn begin(&mut self, extra: &Extra) -> Result<Map, Failure> {
        let (target, options, identity) = self.prepare(extra)?;
        let about = About {
            target: &target,
            caller: &self.client.caller,
            identity: &identity,
        };
        let traces = &self.shared.traces;
        let span = traces.transaction(|| extra::parent(extra), &about);
        let deadline = options
            .timeout
            .and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
        let origin = options.origin.clone();
        let open = self
            .shared
            .database
            .engine()
            .begin(&target.graph, options)
            .map_err(|error| failures::of_query(&error, ""))?;
        let mut answer = Map::new();
        if self.tells_database(extra) {
            answer.insert("db".to_owned(), (&*target.name).into());
        }
        self.transaction = Some(Transaction {
            open,
            target,
            deadline,
            notifications: extra.notifications.or(&self.client.notifications),
            origin,
            span,
        });
        Ok(answer)
    }

    fn tells_database(&self, extra: &Extra) -> bool {
        self.client.version.has_home_database() && extra.database.is_none()
    }

    fn commit(&mut self) -> Result<Map, Failure> {
        self.finished.clear();
        let Some(transaction) = self.transaction.take() else {
            return Err(Failure::invalid("no transaction is open"));
        };
        let committed = match transaction.span {
            Some(span) => span.commit(|| transaction.open.commit()),
            None => transaction.open.commit(),
        };
        let committed = committed.map_err(|error| failures::of_query(&error, ""))?;
        let mut answer = Map::new();
        if let Some(bookmark) = bookmark::of(&transaction.target.graph, committed.version) {
            answer.insert("bookmark".to_owned(), bookmark.into());
        }
        answer.insert(
            "version".to_owned(),
            Value::Int(committed.version.0.cast_signed()),
        );
        Ok(answer)
    }

    /// One member serves everything.
    fn route(&mut self, route: &Route) -> Result<Map, Failure> {
        let identity = self
            .client
            .caller
            .acting_as(route.impersonated.as_deref())?;
        let target = self.targets.find(route.database.as_deref(), &identity)?;
        bookmark::check(&target.graph, &route.bookmarks)?;
        let address = match (&self.client.advertised, route.context.get("address")) {
            (Some(address), _) | (None, Some(Value::String(address))) => address,
            _ => &self.client.found,
        };
        let servers = ["ROUTE", "READ", "WRITE"].map(|role| {
            let addresses = Value::List(vec![address.as_str().into()]);
            Value::from(map([("addresses", addresses), ("role", role.into())]))
        });
        let table = map([
            ("ttl", Value::Int(ROUTING_TABLE_SECONDS)),
            ("db", (&*target.name).into()),
            ("servers", Value::List(servers.to_vec())),
        ]);
        Ok(map([("rt", table)]))
    }

    /// Runs a query by itself or in the open transaction.
    fn query(
        &mut self,
        run: Run,
        result: Option<i64>,
        ahead: Option<Box<Ahead>>,
        cancel: CancelToken,
    ) -> Result<(), QueryError> {
        let failed =
            |outbox: &Outbox, failure| outbox.send(Vec::new(), Some(Outcome::Failed(failure)));
        let parameters = match parameters::read_all(run.parameters) {
            Ok(parameters) => parameters,
            Err(failure) => {
                self.give_up();
                return failed(&self.outbox, failure);
            }
        };
        let autocommit = match &self.transaction {
            Some(_) => None,
            None => match self.prepare(&run.extra) {
                Ok(prepared) => Some(prepared),
                Err(failure) => return failed(&self.outbox, failure),
            },
        };
        let tells_database = autocommit.is_some() && self.tells_database(&run.extra);
        let engine = self.shared.database.engine();
        let (target, filter) = match (&autocommit, &self.transaction) {
            (Some((target, ..)), _) => {
                let filter = run.extra.notifications.or(&self.client.notifications);
                (target, filter)
            }
            (None, Some(transaction)) => (&transaction.target, transaction.notifications.clone()),
            (None, None) => return failed(&self.outbox, Failure::invalid("nothing is open")),
        };
        let span = match (&autocommit, &self.transaction) {
            (Some((target, _, identity)), _) => {
                let about = About {
                    target,
                    caller: &self.client.caller,
                    identity,
                };
                let traces = &self.shared.traces;
                traces.statement(|| extra::parent(&run.extra), true, &about)
            }
            (None, Some(transaction)) => transaction
                .span
                .as_ref()
                .and_then(traces::Transaction::statement),
            (None, None) => None,
        };
        let timeline = span.as_ref().map(traces::Statement::timeline);
        let mut stream = Stream::new(
            &mut self.inbox,
            &self.outbox,
            &mut self.finished,
            self.client.dialect,
            Arc::clone(&target.name),
        );
        stream.result = result;
        stream.ahead = ahead;
        stream.tells_database = tells_database;
        stream.kept_bytes_max = self.client.kept_bytes_max;
        let ran: Result<Summary, QueryError> = match (&autocommit, &self.transaction) {
            (Some((target, options, _)), _) => {
                let options = RunOptions {
                    cancel: Some(cancel),
                    timeline,
                    ..options.clone()
                };
                stream.deadline = options
                    .timeout
                    .and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
                engine.run(
                    &target.graph,
                    &run.query,
                    &parameters,
                    &options,
                    &mut stream,
                )
            }
            (None, Some(transaction)) => {
                stream.deadline = transaction.deadline;
                let options = RunOptions {
                    cancel: Some(cancel),
                    timeout: transaction
                        .deadline
                        .map(|(at, _)| at.saturating_duration_since(Instant::now())),
                    origin: transaction.origin.clone(),
                    timeline,
                    ..RunOptions::default()
                };
                engine.run_in(
                    &transaction.open,
                    &run.query,
                    &parameters,
                    &options,
                    &mut stream,
                )
            }
            (None, None) => Err(QueryError::Cancelled),
        };
        if let Some(span) = span {
            span.end(&run.query, ran.as_ref());
        }
        match ran {
            Ok(summary) => {
                let summary = summaries::of(
                    &summary,
                    target,
                    self.client.version,
                    &filter,
                    autocommit.is_some(),
                );
                if let (Ended::Kept(rest), Some(result)) = (stream.end(summary), result) {
                    self.finished.insert(result, rest);
                }
            }
            Err(error) => {
                self.untold = stream.fail(failures::of_query(&error, run.query.as_str()));
                self.give_up();
            }
        }
        Ok(())
    }
}

fn timed_out(limit: Duration) -> Failure {
    Failure::new(
        code::TRANSACTION_TIMED_OUT,
        format!(
            "the transaction was given up, as it took longer than {} ms",
            limit.as_millis()
        ),
    )
}

fn done(result: Result<Map, Failure>) -> Outcome {
    match result {
        Ok(answer) => Outcome::Done(answer),
        Err(failure) => Outcome::Failed(failure),
    }
}
